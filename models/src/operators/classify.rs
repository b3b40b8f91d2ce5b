//! IsNaN and IsInf, of both float types.
//!
//! tract takes float32 alone, and says so only by a type that does not fit further on.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::kernel::{Built, Kernel, wire};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

const FLOATS: Types = Types::F32.or(Types::F64);

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "IsInf",
        types: FLOATS,
        attributes: &["detect_negative"],
        engine: Engine::Own(is_inf),
    },
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "IsNaN",
        types: FLOATS,
        attributes: &[],
        engine: Engine::Own(|_, _| Ok((expand(Classify { kernel: Class::Nan }), vec![]))),
    },
];

fn is_inf(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let negative = node.get_attr_opt("detect_negative")?.unwrap_or(1i64) != 0;
    Ok((
        expand(Classify {
            kernel: Class::Infinite { negative },
        }),
        vec![],
    ))
}

#[derive(Debug, Clone)]
struct Classify {
    kernel: Class,
}

impl Expansion for Classify {
    fn name(&self) -> StaticName {
        self.kernel.name().into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&outputs[0].datum_type, bool::datum_type())?;
        solver.equals(&outputs[0].shape, &inputs[0].shape)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        wire(self.kernel.clone(), prefix, model, inputs[0])
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Class {
    Nan,
    /// Infinite; with `negative`, of either sign.
    Infinite {
        negative: bool,
    },
}

impl Class {
    fn holds(&self, value: f64) -> bool {
        match self {
            Self::Nan => value.is_nan(),
            Self::Infinite { negative } => value.is_infinite() && (*negative || value > 0.0),
        }
    }
}

impl Kernel for Class {
    fn name(&self) -> &'static str {
        match self {
            Self::Nan => "IsNaN",
            Self::Infinite { .. } => "IsInf",
        }
    }

    fn output(&self, input: &TypedFact) -> TractResult<(DatumType, Vec<TDim>)> {
        Ok((DatumType::Bool, input.shape.to_tvec().to_vec()))
    }

    fn eval(&self, input: Tensor) -> TractResult<Tensor> {
        let mut output = Tensor::zero_dt(DatumType::Bool, input.shape())?;
        let view = input.try_as_plain_ram()?;
        let mut target = output.try_as_plain_ram_mut()?;
        let target = target.as_slice_mut::<bool>()?.iter_mut();
        match input.datum_type() {
            DatumType::F32 => view
                .as_slice::<f32>()?
                .iter()
                .zip(target)
                .for_each(|(value, out)| *out = self.holds(f64::from(*value))),
            DatumType::F64 => view
                .as_slice::<f64>()?
                .iter()
                .zip(target)
                .for_each(|(value, out)| *out = self.holds(*value)),
            other => bail!("{} of {other:?} is not supported yet", self.name()),
        }
        Ok(output)
    }
}
