//! Cast: as tract does it, except from floats to integers and where strings are on either side ([`super::text`]).
//!
//! The standard leaves open what becomes of a NaN or a number out of range. ONNX Runtime gives what the x86
//! conversion instruction gives: the smallest integer. tract saturates, so that a missing feature would turn into
//! row 0 of an embedding table; here it is ONNX Runtime's answer, which no table holds.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::kernel::{Kernel, wire};
use super::text::{FromText, ToText};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: DEFAULT_DOMAIN,
    name: "Cast",
    types: Types::F32
        .or(Types::F64)
        .or(Types::I32)
        .or(Types::I64)
        .or(Types::BOOL)
        .or(Types::STRING),
    attributes: &["to"],
    engine: Engine::Own(cast),
}];

fn cast(
    _ctx: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let to = node.get_attr::<DatumType>("to")?;
    let known = [
        DatumType::F32,
        DatumType::F64,
        DatumType::I32,
        DatumType::I64,
        DatumType::Bool,
        DatumType::String,
    ];
    ensure!(known.contains(&to), "Cast to {to:?} is not supported yet");
    Ok((expand(Cast { to }), vec![]))
}

#[derive(Debug, Clone)]
struct Cast {
    to: DatumType,
}

impl Expansion for Cast {
    fn name(&self) -> StaticName {
        "Cast".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&outputs[0].datum_type, self.to.bex())?;
        solver.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let from = model.outlet_fact(inputs[0])?.datum_type;
        if from.is_float() && self.to.is_integer() {
            wire(Truncate { to: self.to }, prefix, model, inputs[0])
        } else if from == DatumType::String && self.to != DatumType::String {
            wire(FromText { to: self.to }, prefix, model, inputs[0])
        } else if self.to == DatumType::String && from != DatumType::String {
            wire(ToText, prefix, model, inputs[0])
        } else {
            model.wire_node(
                prefix,
                tract_onnx::tract_core::ops::cast::cast(self.to),
                &[inputs[0]],
            )
        }
    }
}

/// A float to int64 as the x86 instruction does it.
pub(super) fn to_int64(value: f64) -> i64 {
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    if fits { value as i64 } else { i64::MIN }
}

/// Floats to integers, towards zero.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Truncate {
    to: DatumType,
}

impl Kernel for Truncate {
    fn name(&self) -> &'static str {
        "Cast"
    }

    fn output(&self, input: &TypedFact) -> TractResult<(DatumType, Vec<TDim>)> {
        Ok((self.to, input.shape.to_tvec().to_vec()))
    }

    fn eval(&self, input: Tensor) -> TractResult<Tensor> {
        let wide = input.cast_to::<f64>()?;
        let values = wide.try_as_plain_ram()?;
        let values = values.as_slice::<f64>()?;
        let mut output = Tensor::zero_dt(self.to, input.shape())?;
        let mut target = output.try_as_plain_ram_mut()?;
        match self.to {
            DatumType::I32 => {
                for (value, out) in values.iter().zip(target.as_slice_mut::<i32>()?) {
                    // Both limits are exact in f64.
                    let fits = *value > -2_147_483_649.0 && *value < 2_147_483_648.0;
                    *out = if fits { *value as i32 } else { i32::MIN };
                }
            }
            DatumType::I64 => {
                for (value, out) in values.iter().zip(target.as_slice_mut::<i64>()?) {
                    *out = to_int64(*value);
                }
            }
            other => bail!("Cast to {other:?} is not supported yet"),
        }
        Ok(output)
    }
}
