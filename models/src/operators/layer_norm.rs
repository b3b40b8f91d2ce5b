//! LayerNormalization with constant scale and bias, the same bits wherever a row stands.
//!
//! tract builds it from sums that depend on where a row lies in memory. Here the mean and the variance of a row are
//! taken in order, in float64. With a scale or bias that is computed, tract's is used.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::kernel::{
    Built, Exact, Kernel, Weight, by_tract, initialiser, same_shape, weights, wire,
};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: DEFAULT_DOMAIN,
    name: "LayerNormalization",
    types: Types::F32,
    attributes: &["axis", "epsilon"],
    engine: Engine::Own(layer_norm),
}];

fn layer_norm(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let only_result = node.output.iter().skip(1).all(String::is_empty);
    ensure!(
        only_result,
        "LayerNormalization with mean and deviation as outputs is not supported yet"
    );
    let Some(scale) = initialiser(ctx, node, 1) else {
        return by_tract(ctx, node);
    };
    let has_bias = node.input.get(2).is_some_and(|name| !name.is_empty());
    let bias = initialiser(ctx, node, 2);
    if has_bias && bias.is_none() {
        return by_tract(ctx, node);
    }
    let scale = weights(&ctx.load_tensor(scale)?)?;
    let bias = bias
        .map(|bias| weights(&ctx.load_tensor(bias)?))
        .transpose()?;
    let epsilon = node.get_attr_opt("epsilon")?.unwrap_or(1e-5f32);
    let axis = node.get_attr_opt("axis")?.unwrap_or(-1i64);
    let kernel = Normalise {
        scale,
        bias,
        epsilon: Exact::new(epsilon.into()),
    };
    Ok((
        expand(LayerNorm {
            axis,
            kernel,
            inputs: 2 + usize::from(has_bias),
        }),
        vec![],
    ))
}

#[derive(Debug, Clone)]
struct LayerNorm {
    axis: i64,
    kernel: Normalise,
    inputs: usize,
}

impl Expansion for LayerNorm {
    fn name(&self) -> StaticName {
        "LayerNormalization".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, self.inputs)?;
        solver.equals(&inputs[0].datum_type, f32::datum_type())?;
        same_shape(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let shape = model.outlet_fact(inputs[0])?.shape.to_tvec();
        let rank = shape.len() as i64;
        let axis = if self.axis < 0 {
            self.axis + rank
        } else {
            self.axis
        };
        ensure!(
            (0..rank).contains(&axis),
            "LayerNormalization over axis {axis} of {rank} dimensions"
        );
        let width: TDim = shape[axis as usize..].iter().product();
        let fits = |weights: &[Weight]| width == weights.len().to_dim();
        let bias_fits = self.kernel.bias.as_deref().is_none_or(fits);
        ensure!(
            fits(&self.kernel.scale) && bias_fits,
            "LayerNormalization of {width} values with a scale of another size is not supported yet"
        );
        wire(self.kernel.clone(), prefix, model, inputs[0])
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Normalise {
    scale: Arc<[Weight]>,
    bias: Option<Arc<[Weight]>>,
    epsilon: Exact,
}

impl Kernel for Normalise {
    fn name(&self) -> &'static str {
        "LayerNormalization"
    }

    fn eval(&self, mut input: Tensor) -> TractResult<Tensor> {
        let count = self.scale.len();
        ensure!(count > 0, "LayerNormalization of no values");
        let mut view = input.try_as_plain_ram_mut()?;
        for group in view.as_slice_mut::<f32>()?.chunks_exact_mut(count) {
            let mean = group.iter().map(|v| f64::from(*v)).sum::<f64>() / count as f64;
            let spread = group
                .iter()
                .map(|v| (f64::from(*v) - mean).powi(2))
                .sum::<f64>();
            let inverse = 1.0 / (spread / count as f64 + self.epsilon.get()).sqrt();
            for (index, value) in group.iter_mut().enumerate() {
                let scaled =
                    (f64::from(*value) - mean) * inverse * f64::from(self.scale[index].get());
                let bias = self
                    .bias
                    .as_ref()
                    .map_or(0.0, |bias| f64::from(bias[index].get()));
                *value = (scaled + bias) as f32;
            }
        }
        Ok(input)
    }
}
