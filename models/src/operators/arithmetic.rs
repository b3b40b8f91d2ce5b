//! Mul and Div of floats where tract's are not exact.
//!
//! tract divides by multiplying with the reciprocal, which is off by the last digit (`x / x` is not always one), and
//! takes every product with a constant zero for zero, which NaN and infinities are not.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::binary::wire_rank_broadcast;
use tract_onnx::tract_hir::ops::math;

use super::kernel::Built;
use super::ml::tabular::{Form, Tabular, wire};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

const NUMBERS: Types = Types::F32.or(Types::F64).or(Types::I32).or(Types::I64);

const fn row(name: &'static str, build: super::Build) -> Operator {
    Operator {
        domain: DEFAULT_DOMAIN,
        name,
        types: NUMBERS,
        attributes: &[],
        engine: Engine::Own(build),
    }
}

pub(super) const OPERATORS: &[Operator] = &[row("Div", div), row("Mul", mul)];

fn div(_ctx: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((expand(Exactly::Quotient), vec![]))
}

fn mul(_ctx: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((expand(Exactly::Product), vec![]))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exactly {
    Product,
    Quotient,
}

impl Expansion for Exactly {
    fn name(&self) -> StaticName {
        Tabular::name(self).into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 2)?;
        check_output_arity(outputs, 1)?;
        for input in inputs {
            solver.equals(&input.datum_type, &outputs[0].datum_type)?;
        }
        let shapes = inputs.iter().map(|input| &input.shape);
        solver.given_all(shapes, move |solver, shapes: Vec<TVec<TDim>>| {
            let shape = multi_broadcast(&shapes)?;
            solver.equals(&outputs[0].shape, ShapeFactoid::from(shape))
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let wires = wire_rank_broadcast(prefix, model, inputs)?;
        let float = model.outlet_fact(inputs[0])?.datum_type.is_float();
        match self {
            Self::Quotient if float => wire(*self, prefix, model, &wires),
            Self::Quotient => model.wire_node(prefix, math::div(), &wires),
            Self::Product if float && has_zero(model, &wires)? => {
                wire(*self, prefix, model, &wires)
            }
            Self::Product => model.wire_node(prefix, math::mul(), &wires),
        }
    }
}

/// Whether one of the factors is a constant with a zero in it.
fn has_zero(model: &TypedModel, inputs: &[OutletId]) -> TractResult<bool> {
    for input in inputs {
        if let Some(constant) = &model.outlet_fact(*input)?.konst {
            let numbers = constant.cast_to::<f64>()?;
            if numbers
                .try_as_plain_ram()?
                .as_slice::<f64>()?
                .contains(&0.0)
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

impl Tabular for Exactly {
    fn name(&self) -> &'static str {
        match self {
            Self::Product => "Mul",
            Self::Quotient => "Div",
        }
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [a, b] = inputs else {
            bail!("{} takes two tensors", Tabular::name(self))
        };
        let shape = multi_broadcast(&[a.shape.clone(), b.shape.clone()])?;
        Ok(tvec!(Form::new(a.datum, shape)))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let (a, b) = (inputs[0], inputs[1]);
        Ok(tvec!(match (self, a.datum_type()) {
            (Self::Product, DatumType::F32) => each::<f32>(a, b, |a, b| a * b)?,
            (Self::Product, DatumType::F64) => each::<f64>(a, b, |a, b| a * b)?,
            (Self::Quotient, DatumType::F32) => each::<f32>(a, b, |a, b| a / b)?,
            (Self::Quotient, DatumType::F64) => each::<f64>(a, b, |a, b| a / b)?,
            (_, other) => bail!("{} of {other:?} is not supported yet", Tabular::name(self)),
        }))
    }
}

/// Applies `f` to each pair of elements of two tensors that are broadcast against each other.
fn each<T: Datum + Copy>(a: &Tensor, b: &Tensor, f: impl Fn(T, T) -> T) -> TractResult<Tensor> {
    let shape = multi_broadcast(&[a.shape(), b.shape()])?;
    let (a, b) = (a.try_as_plain_ram()?, b.try_as_plain_ram()?);
    let (a, b) = (a.to_array_view::<T>()?, b.to_array_view::<T>()?);
    let (Some(a), Some(b)) = (a.broadcast(&*shape), b.broadcast(&*shape)) else {
        bail!(
            "tensors of shapes {:?} and {:?} do not fit",
            a.shape(),
            b.shape()
        )
    };
    Ok(tract_ndarray::Zip::from(&a)
        .and(&b)
        .map_collect(|a, b| f(*a, *b))
        .into())
}
