//! Mul, Div, Max and Min of floats where tract's are not ONNX Runtime's.
//!
//! tract divides by multiplying with the reciprocal, which is off by the last digit (`x / x` is not always one), takes
//! every product with a constant zero for zero, which NaN and infinities are not, and loses a NaN in Max and Min.

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

pub(super) const OPERATORS: &[Operator] = &[
    row("Div", div),
    row("Max", max),
    row("Min", min),
    row("Mul", mul),
];

fn div(_ctx: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((expand(Exactly::Quotient), vec![]))
}

fn mul(_ctx: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((expand(Exactly::Product), vec![]))
}

fn max(_ctx: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((expand(Exactly::Largest), vec![]))
}

fn min(_ctx: &ParsingContext, _node: &NodeProto) -> Built {
    Ok((expand(Exactly::Smallest), vec![]))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exactly {
    Product,
    Quotient,
    /// Of any number of tensors; NaN if one of the values is NaN.
    Largest,
    /// As [`Self::Largest`].
    Smallest,
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
        let any_number = matches!(self, Self::Largest | Self::Smallest);
        if !any_number || inputs.is_empty() {
            check_input_arity(inputs, 2)?;
        }
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
            Self::Largest | Self::Smallest => wire(*self, prefix, model, &wires),
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
            Self::Largest => "Max",
            Self::Smallest => "Min",
        }
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let Some(first) = inputs.first() else {
            bail!("{} takes tensors", Tabular::name(self))
        };
        let shapes: TVec<TVec<TDim>> = inputs.iter().map(|input| input.shape.clone()).collect();
        Ok(tvec!(Form::new(first.datum, multi_broadcast(&shapes)?)))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let Some((first, rest)) = inputs.split_first() else {
            bail!("{} takes tensors", Tabular::name(self))
        };
        let mut result = (*first).clone();
        for next in rest {
            result = self.pair(&result, next)?;
        }
        Ok(tvec!(result))
    }
}

impl Exactly {
    fn pair(self, a: &Tensor, b: &Tensor) -> TractResult<Tensor> {
        match a.datum_type() {
            DatumType::F32 => match self {
                Self::Product => each::<f32>(a, b, |a, b| a * b),
                Self::Quotient => each::<f32>(a, b, |a, b| a / b),
                Self::Largest => each::<f32>(a, b, |a, b| if a.is_nan() || a > b { a } else { b }),
                Self::Smallest => each::<f32>(a, b, |a, b| if a.is_nan() || a < b { a } else { b }),
            },
            DatumType::F64 => match self {
                Self::Product => each::<f64>(a, b, |a, b| a * b),
                Self::Quotient => each::<f64>(a, b, |a, b| a / b),
                Self::Largest => each::<f64>(a, b, |a, b| if a.is_nan() || a > b { a } else { b }),
                Self::Smallest => each::<f64>(a, b, |a, b| if a.is_nan() || a < b { a } else { b }),
            },
            DatumType::I32 => match self {
                Self::Largest => each::<i32>(a, b, i32::max),
                Self::Smallest => each::<i32>(a, b, i32::min),
                _ => bail!("integers are multiplied and divided elsewhere"),
            },
            DatumType::I64 => match self {
                Self::Largest => each::<i64>(a, b, i64::max),
                Self::Smallest => each::<i64>(a, b, i64::min),
                _ => bail!("integers are multiplied and divided elsewhere"),
            },
            other => bail!("{} of {other:?} is not supported yet", Tabular::name(&self)),
        }
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
