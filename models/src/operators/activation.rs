//! Relu, Clip, HardSigmoid, Sigmoid and Tanh: activations that hand a NaN on.
//!
//! tract computes them with minima and maxima that lose a NaN, so a missing feature would come out as an innocent
//! score; in ONNX Runtime the score is NaN. Sigmoid and Tanh are tract's vectorised ones with the NaN put back
//! (float32), or the standard library's (float64, which tract does not take).

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::tract_linalg::routines::Func;
use tract_onnx::tract_hir::internal::*;

use super::kernel::{Exact, Kernel, constant_scalar, pointwise, same_shape, wire};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

const FLOATS: Types = Types::F32.or(Types::F64);

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "Clip",
        types: FLOATS.or(Types::I32).or(Types::I64),
        attributes: &[],
        engine: Engine::Own(clip),
    },
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "HardSigmoid",
        types: Types::F32,
        attributes: &["alpha", "beta"],
        engine: Engine::Own(hard_sigmoid),
    },
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "Relu",
        types: FLOATS,
        attributes: &[],
        engine: Engine::Own(|_, _| pointwise(Activation::Relu)),
    },
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "Sigmoid",
        types: FLOATS,
        attributes: &[],
        engine: Engine::Own(|_, _| pointwise(Activation::Sigmoid)),
    },
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "Tanh",
        types: FLOATS,
        attributes: &[],
        engine: Engine::Own(|_, _| pointwise(Activation::Tanh)),
    },
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Activation {
    Relu,
    Sigmoid,
    Tanh,
    /// alpha · x + beta, held between 0 and 1
    HardSigmoid {
        alpha: Exact,
        beta: Exact,
    },
    /// A bound that is left out is the largest finite number: ONNX Runtime clips infinities.
    Clip {
        low: Option<Exact>,
        high: Option<Exact>,
    },
}

impl Kernel for Activation {
    fn name(&self) -> &'static str {
        match self {
            Self::Relu => "Relu",
            Self::Sigmoid => "Sigmoid",
            Self::Tanh => "Tanh",
            Self::HardSigmoid { .. } => "HardSigmoid",
            Self::Clip { .. } => "Clip",
        }
    }

    fn fused(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        input: OutletId,
    ) -> TractResult<Option<TVec<OutletId>>> {
        match self {
            Self::Relu => super::dense::with_relu(prefix, model, input),
            _ => Ok(None),
        }
    }

    fn eval(&self, mut input: Tensor) -> TractResult<Tensor> {
        match input.datum_type() {
            DatumType::F32 => self.floats32(input.try_as_plain_ram_mut()?.as_slice_mut()?)?,
            DatumType::F64 => self.floats64(input.try_as_plain_ram_mut()?.as_slice_mut()?),
            DatumType::I32 => {
                self.integers::<i32>(input.try_as_plain_ram_mut()?.as_slice_mut()?)?
            }
            DatumType::I64 => {
                self.integers::<i64>(input.try_as_plain_ram_mut()?.as_slice_mut()?)?
            }
            other => bail!("{} on {other:?} is not supported", self.name()),
        }
        Ok(input)
    }
}

impl Activation {
    // Comparisons are written so that a NaN fails them and stays.
    fn floats32(&self, values: &mut [f32]) -> TractResult<()> {
        match self {
            Self::Relu => values
                .iter_mut()
                .for_each(|v| *v = if *v < 0.0 { 0.0 } else { *v }),
            Self::Sigmoid => {
                keeping_nan(values, |values| Func::Sigmoid.ew_f32()?.run(values))?;
            }
            Self::Tanh => {
                keeping_nan(values, |values| Func::Tanh.ew_f32()?.run(values))?;
            }
            Self::HardSigmoid { alpha, beta } => {
                let (alpha, beta) = (alpha.get() as f32, beta.get() as f32);
                values.iter_mut().for_each(|v| {
                    let y = alpha * *v + beta;
                    *v = y.clamp(0.0, 1.0); // a NaN stays
                });
            }
            Self::Clip { low, high } => {
                let low = low.map_or(f32::MIN, |low| low.get() as f32);
                let high = high.map_or(f32::MAX, |high| high.get() as f32);
                values.iter_mut().for_each(|v| {
                    let above = if *v < low { low } else { *v };
                    *v = if above > high { high } else { above };
                });
            }
        }
        Ok(())
    }

    fn floats64(&self, values: &mut [f64]) {
        let each = |value: f64| match self {
            Self::Relu if value < 0.0 => 0.0,
            Self::Relu => value,
            Self::Sigmoid => 1.0 / (1.0 + (-value).exp()),
            Self::Tanh => value.tanh(),
            Self::HardSigmoid { alpha, beta } => {
                let y = alpha.get() * value + beta.get();
                y.clamp(0.0, 1.0)
            }
            Self::Clip { low, high } => {
                let low = low.map_or(f64::MIN, Exact::get);
                let high = high.map_or(f64::MAX, Exact::get);
                if value.is_nan() {
                    value
                } else {
                    value.max(low).min(high)
                }
            }
        };
        values.iter_mut().for_each(|value| *value = each(*value));
    }

    fn integers<T: Copy + Ord + TryFrom<i128>>(&self, values: &mut [T]) -> TractResult<()> {
        let Self::Clip { low, high } = self else {
            bail!("{} takes floats", self.name());
        };
        let bound = |bound: &Option<Exact>| -> TractResult<Option<T>> {
            bound
                .map(|bound| {
                    T::try_from(bound.get() as i128)
                        .map_err(|_| format_err!("Clip's bound does not fit"))
                })
                .transpose()
        };
        let (low, high) = (bound(low)?, bound(high)?);
        for value in values {
            if let Some(low) = low {
                *value = (*value).max(low);
            }
            if let Some(high) = high {
                *value = (*value).min(high);
            }
        }
        Ok(())
    }
}

/// Runs `work` over `values`, then puts back the NaN that stood there.
fn keeping_nan(
    values: &mut [f32],
    work: impl FnOnce(&mut [f32]) -> TractResult<()>,
) -> TractResult<()> {
    let any = values.iter().fold(false, |any, value| any | value.is_nan());
    if !any {
        return work(values);
    }
    let places: Vec<usize> = values
        .iter()
        .enumerate()
        .filter(|(_, value)| value.is_nan())
        .map(|(place, _)| place)
        .collect();
    work(values)?;
    for place in places {
        values[place] = f32::NAN;
    }
    Ok(())
}

fn hard_sigmoid(
    _ctx: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let alpha: f32 = node.get_attr_opt("alpha")?.unwrap_or(0.2);
    let beta: f32 = node.get_attr_opt("beta")?.unwrap_or(0.5);
    pointwise(Activation::HardSigmoid {
        alpha: Exact::new(alpha.into()),
        beta: Exact::new(beta.into()),
    })
}

/// Clip since operator set 11: its bounds are inputs, and may be left out.
fn clip(
    _ctx: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let mut options = tract_onnx::model::optional_inputs(node).skip(1);
    let low = options.next().flatten();
    let high = options.next().flatten();
    Ok((expand(Clip { low, high }), vec![]))
}

#[derive(Debug, Clone)]
struct Clip {
    low: Option<usize>,
    high: Option<usize>,
}

impl Expansion for Clip {
    fn name(&self) -> StaticName {
        "Clip".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let bounds = usize::from(self.low.is_some()) + usize::from(self.high.is_some());
        check_input_arity(inputs, 1 + bounds)?;
        same_shape(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let bound = |input: Option<usize>| -> TractResult<Option<Exact>> {
            let Some(input) = input else { return Ok(None) };
            match constant_scalar(model, inputs[input])? {
                Some(bound) => Ok(Some(Exact::new(bound))),
                None => bail!("Clip with bounds that are not constant is not supported yet"),
            }
        };
        let (low, high) = (bound(self.low)?, bound(self.high)?);
        wire(Activation::Clip { low, high }, prefix, model, inputs[0])
    }
}
