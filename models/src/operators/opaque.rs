//! Operators whose result is as large as the value of an operand says: ConstantOfShape, Expand and Range.
//!
//! The engine computes what follows from constants while it infers shapes, and the shape of a batch is a constant
//! to it. These would then make tensors of any size before it is known whether they fit. So they are hidden from
//! that: only their shapes are inferred, the limits are checked ([`crate::plan`]), and then they are computed.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::array::MultiBroadcastTo;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::array;

use super::kernel::Built;
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

const NUMBERS: Types = Types::F32.or(Types::F64).or(Types::I32).or(Types::I64);

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "ConstantOfShape",
        types: Types::I64,
        attributes: &["value"],
        engine: Engine::Own(constant_of_shape),
    },
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "Expand",
        types: NUMBERS.or(Types::BOOL).or(Types::STRING),
        attributes: &[],
        engine: Engine::Own(|_, _| hidden(array::MultiBroadcastTo)),
    },
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "Range",
        types: NUMBERS,
        attributes: &[],
        engine: Engine::Own(|_, _| hidden(Range)),
    },
];

/// Names of these operators: what they make is no constant to the engine.
pub(crate) fn hides_its_value(operator: &str) -> bool {
    OPERATORS.iter().any(|row| row.name == operator)
}

fn hidden(expansion: impl Expansion + Clone) -> Built {
    Ok((expand(Hidden(expansion)), vec![]))
}

/// An operator that is never computed before the shapes of the whole graph are known.
#[derive(Debug, Clone)]
struct Hidden<E: Expansion + Clone>(E);

impl<E: Expansion + Clone> Expansion for Hidden<E> {
    fn name(&self) -> StaticName {
        self.0.name()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.0.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        self.0.wire(prefix, model, inputs)
    }

    fn runs_out_of_plan(&self) -> bool {
        false
    }
}

/// tract's takes a missing value for a float64.
fn constant_of_shape(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let value: Option<&tract_onnx::pb::TensorProto> = node.get_attr_opt("value")?;
    let value = match value {
        Some(value) => ctx.load_tensor(value)?,
        None => tensor0(0f32),
    };
    ensure!(
        value.len() == 1,
        "the value of ConstantOfShape has {} elements",
        value.len()
    );
    let value = value.into_shape(&[])?.into_arc_tensor();
    hidden(ConstantOfShape { value })
}

#[derive(Debug, Clone)]
struct ConstantOfShape {
    value: Arc<Tensor>,
}

impl Expansion for ConstantOfShape {
    fn name(&self) -> StaticName {
        "ConstantOfShape".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&outputs[0].datum_type, self.value.datum_type())?;
        solver.equals(&inputs[0].rank, 1)?;
        solver.given(&inputs[0].value, move |solver, shape| {
            solver.equals(&outputs[0].shape, dims(&shape)?)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let Some(shape) = model.outlet_fact(inputs[0])?.konst.clone() else {
            bail!("ConstantOfShape whose shape depends on the rows is not supported yet");
        };
        let value = model.add_const(format!("{prefix}.value"), self.value.clone())?;
        let shape = dims(&shape)?;
        model.wire_node(prefix, MultiBroadcastTo::new(shape.into()), &[value])
    }
}

fn dims(shape: &Tensor) -> TractResult<TVec<TDim>> {
    let shape = shape.cast_to::<TDim>()?;
    let dims: TVec<TDim> = shape.try_as_plain_ram()?.as_slice::<TDim>()?.into();
    ensure!(
        dims.iter()
            .all(|dim| dim.as_i64().is_none_or(|dim| dim >= 0)),
        "ConstantOfShape of the impossible shape {dims:?}"
    );
    Ok(dims)
}

/// Start, limit and step must be known when the model is loaded: a length that depends on the rows is none.
#[derive(Debug, Clone)]
struct Range;

impl Expansion for Range {
    fn name(&self) -> StaticName {
        "Range".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 3)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&outputs[0].rank, 1)?;
        let values = inputs.iter().map(|input| &input.value);
        solver.given_all(values, move |solver, values: Vec<Arc<Tensor>>| {
            let sequence = Sequence::new(&values)?;
            solver.equals(&outputs[0].datum_type, sequence.datum())?;
            solver.equals(&outputs[0].shape[0], sequence.len()?.to_dim())
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let mut values = Vec::new();
        for input in inputs {
            match &model.outlet_fact(*input)?.konst {
                Some(value) => values.push(value.clone()),
                None => bail!("Range whose length depends on the rows is not supported yet"),
            }
        }
        let values = Sequence::new(&values)?.tensor()?;
        Ok(tvec!(model.add_const(prefix, values)?))
    }
}

/// Start, limit and step of one type.
enum Sequence {
    F32([f32; 3]),
    F64([f64; 3]),
    I32([i32; 3]),
    I64([i64; 3]),
}

impl Sequence {
    fn new(values: &[Arc<Tensor>]) -> TractResult<Self> {
        fn all<T: Datum + Copy>(values: &[Arc<Tensor>]) -> TractResult<[T; 3]> {
            let mut all = Vec::new();
            for value in values {
                let value = value.cast_to::<T>()?;
                all.extend_from_slice(value.try_as_plain_ram()?.as_slice::<T>()?);
            }
            match all[..] {
                [start, limit, step] => Ok([start, limit, step]),
                _ => bail!("Range takes three numbers"),
            }
        }
        let types = || values.iter().map(|value| value.datum_type());
        Ok(if types().all(|datum| datum == DatumType::F32) {
            Self::F32(all(values)?)
        } else if types().all(|datum| datum == DatumType::F64) {
            Self::F64(all(values)?)
        } else if types().all(|datum| datum == DatumType::I32) {
            Self::I32(all(values)?)
        } else if types().all(|datum| matches!(datum, DatumType::I64 | DatumType::TDim)) {
            Self::I64(all(values)?)
        } else {
            bail!("Range takes three numbers of one type")
        })
    }

    fn datum(&self) -> DatumType {
        match self {
            Self::F32(_) => DatumType::F32,
            Self::F64(_) => DatumType::F64,
            Self::I32(_) => DatumType::I32,
            Self::I64(_) => DatumType::I64,
        }
    }

    /// (limit - start) / step, rounded up.
    fn len(&self) -> TractResult<usize> {
        let len = match *self {
            Self::F32([start, limit, step]) => f64::from(((limit - start) / step).ceil()),
            Self::F64([start, limit, step]) => ((limit - start) / step).ceil(),
            Self::I32(values) => whole(values.map(i64::from)),
            Self::I64(values) => whole(values),
        };
        ensure!(
            len.is_finite() && len < f64::from(u32::MAX),
            "Range of {len} numbers"
        );
        Ok(len.max(0.0) as usize)
    }

    fn tensor(&self) -> TractResult<Tensor> {
        fn count<T: Datum + Copy + std::ops::Add<Output = T>>(
            start: T,
            step: T,
            len: usize,
        ) -> Tensor {
            let numbers = std::iter::successors(Some(start), |last| Some(*last + step));
            tensor1(&numbers.take(len).collect::<Vec<T>>())
        }
        let len = self.len()?;
        Ok(match *self {
            Self::F32([start, _, step]) => count(start, step, len),
            Self::F64([start, _, step]) => count(start, step, len),
            Self::I32([start, _, step]) => {
                let numbers =
                    (0..len as i32).map(|index| start.wrapping_add(step.wrapping_mul(index)));
                tensor1(&numbers.collect::<Vec<_>>())
            }
            Self::I64([start, _, step]) => {
                let numbers =
                    (0..len as i64).map(|index| start.wrapping_add(step.wrapping_mul(index)));
                tensor1(&numbers.collect::<Vec<_>>())
            }
        })
    }
}

fn whole([start, limit, step]: [i64; 3]) -> f64 {
    let span = i128::from(limit) - i128::from(start);
    match i128::from(step) {
        0 => f64::NAN,
        step => {
            let towards_zero = span / step;
            let more = span % step != 0 && (span < 0) == (step < 0);
            (towards_zero + i128::from(more)) as f64
        }
    }
}
