//! Pow with one constant exponent, as the standard library computes it.
//!
//! tract turns an exponent of one half into a square root, which is NaN for minus infinity where `pow` is infinite.
//! Exponents that are tensors go to tract, which is right there.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::binary::wire_rank_broadcast;

use super::kernel::{Exact, Kernel, constant_scalar, wire};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: DEFAULT_DOMAIN,
    name: "Pow",
    types: Types::F32.or(Types::F64),
    attributes: &[],
    engine: Engine::Own(pow),
}];

fn pow(
    _ctx: &ParsingContext,
    _node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(Pow), vec![]))
}

#[derive(Debug, Clone)]
struct Pow;

impl Expansion for Pow {
    fn name(&self) -> StaticName {
        "Pow".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        solver.given_2(
            &inputs[0].shape,
            &inputs[1].shape,
            move |solver, base, exponent| {
                let shape = tract_onnx::tract_core::broadcast::multi_broadcast(&[base, exponent])?;
                solver.equals(&outputs[0].shape, ShapeFactoid::from(shape))
            },
        )
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let base = model.outlet_fact(inputs[0])?;
        let exponent = model.outlet_fact(inputs[1])?;
        if exponent.rank() <= base.rank()
            && let Some(exponent) = constant_scalar(model, inputs[1])?
        {
            return wire(
                PowBy {
                    exponent: Exact::new(exponent),
                },
                prefix,
                model,
                inputs[0],
            );
        }
        ensure!(
            base.datum_type == exponent.datum_type,
            "Pow of {:?} by {:?} is not supported yet",
            base.datum_type,
            exponent.datum_type
        );
        let wires = wire_rank_broadcast(prefix, model, inputs)?;
        model.wire_node(prefix, tract_onnx::tract_hir::ops::math::pow(), &wires)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct PowBy {
    exponent: Exact,
}

impl Kernel for PowBy {
    fn name(&self) -> &'static str {
        "Pow"
    }

    fn eval(&self, mut input: Tensor) -> TractResult<Tensor> {
        let exponent = self.exponent.get();
        match input.datum_type() {
            DatumType::F32 => {
                let mut view = input.try_as_plain_ram_mut()?;
                let values = view.as_slice_mut::<f32>()?;
                if exponent == 2.0 {
                    values.iter_mut().for_each(|v| *v *= *v);
                } else {
                    values.iter_mut().for_each(|v| *v = v.powf(exponent as f32));
                }
            }
            DatumType::F64 => {
                let mut values = input.try_as_plain_ram_mut()?;
                values
                    .as_slice_mut::<f64>()?
                    .iter_mut()
                    .for_each(|v| *v = v.powf(exponent));
            }
            other => bail!("Pow of {other:?} is not supported yet"),
        }
        Ok(input)
    }
}
