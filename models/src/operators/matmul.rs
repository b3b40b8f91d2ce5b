//! MatMul and Gemm: tract's, except for products that give a row one value.
//!
//! The last layer of most nets has one output, and for such narrow products tract picks another kernel, with another
//! order of additions, for almost every batch size; then no two batch sizes agree to the bit and only one could be
//! used. A product with a constant column is therefore our own: a dot product a row, in an order that is fixed.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::kernel::{Built, Exact, Kernel, Weight, by_tract, initialiser, weights, wire};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "Gemm",
        types: Types::F32,
        attributes: &["alpha", "beta", "transA", "transB"],
        engine: Engine::Own(gemm),
    },
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "MatMul",
        types: Types::F32.or(Types::F64),
        attributes: &[],
        engine: Engine::Own(matmul),
    },
];

fn matmul(ctx: &ParsingContext, node: &NodeProto) -> Built {
    match initialiser(ctx, node, 1) {
        Some(column) if matches!(column.dims[..], [_, 1]) && is_float32(column) => {
            let weights = weights(&ctx.load_tensor(column)?)?;
            Ok((
                expand(Column {
                    weights,
                    bias: None,
                    inputs: 2,
                }),
                vec![],
            ))
        }
        _ => by_tract(ctx, node),
    }
}

fn gemm(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let transposed = node.get_attr_opt("transB")?.unwrap_or(0i64) != 0;
    let plain = node.get_attr_opt("transA")?.unwrap_or(0i64) == 0;
    let alpha = node.get_attr_opt("alpha")?.unwrap_or(1.0f32);
    let beta = node.get_attr_opt("beta")?.unwrap_or(1.0f32);
    let Some(column) = initialiser(ctx, node, 1) else {
        return by_tract(ctx, node);
    };
    let narrow = match column.dims[..] {
        [_, 1] => !transposed,
        [1, _] => transposed,
        _ => false,
    };
    if !narrow || !plain || !is_float32(column) {
        return by_tract(ctx, node);
    }
    let has_bias = node.input.get(2).is_some_and(|name| !name.is_empty());
    let bias = match initialiser(ctx, node, 2) {
        Some(bias) if bias.dims.iter().all(|dim| *dim == 1) && is_float32(bias) => {
            let bias = weights(&ctx.load_tensor(bias)?)?;
            bias.first()
                .map(|bias| Exact::new(f64::from(beta * bias.get())))
        }
        _ if has_bias => return by_tract(ctx, node),
        _ => None,
    };
    let column = weights(&ctx.load_tensor(column)?)?;
    let weights = column
        .iter()
        .map(|weight| Weight::new(alpha * weight.get()))
        .collect();
    Ok((
        expand(Column {
            weights,
            bias,
            inputs: 2 + usize::from(has_bias),
        }),
        vec![],
    ))
}

fn is_float32(tensor: &TensorProto) -> bool {
    tensor.data_type == tract_onnx::pb::tensor_proto::DataType::Float as i32
}

/// The product of the first input with a constant column, plus a constant.
#[derive(Debug, Clone)]
struct Column {
    weights: Arc<[Weight]>,
    bias: Option<Exact>,
    /// Inputs that the node has; those after the first are the constants above.
    inputs: usize,
}

impl Expansion for Column {
    fn name(&self) -> StaticName {
        "MatMul".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, self.inputs)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, f32::datum_type())?;
        solver.equals(&outputs[0].datum_type, f32::datum_type())?;
        solver.given(&inputs[0].shape, move |solver, shape| {
            let Some((last, head)) = shape.split_last() else {
                bail!("a product of a single number");
            };
            ensure!(
                *last == self.weights.len().to_dim(),
                "a product of {last} columns with {} rows",
                self.weights.len()
            );
            let mut shape: TVec<TDim> = head.into();
            shape.push(1.to_dim());
            solver.equals(&outputs[0].shape, shape)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let kernel = DotProducts {
            weights: Arc::clone(&self.weights),
            bias: self.bias,
        };
        wire(kernel, prefix, model, inputs[0])
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct DotProducts {
    weights: Arc<[Weight]>,
    bias: Option<Exact>,
}

impl Kernel for DotProducts {
    fn name(&self) -> &'static str {
        "DotProducts"
    }

    fn output(&self, input: &TypedFact) -> TractResult<(DatumType, Vec<TDim>)> {
        let mut shape = input.shape.to_tvec().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = 1.to_dim();
        }
        Ok((input.datum_type, shape))
    }

    fn eval(&self, input: Tensor) -> TractResult<Tensor> {
        let width = self.weights.len();
        ensure!(
            width > 0 && input.shape().last() == Some(&width),
            "a product of shapes that do not fit"
        );
        let mut shape: TVec<usize> = input.shape().into();
        if let Some(last) = shape.last_mut() {
            *last = 1;
        }
        let mut output = Tensor::zero::<f32>(&shape)?;
        let view = input.try_as_plain_ram()?;
        let rows = view.as_slice::<f32>()?.chunks_exact(width);
        let mut target = output.try_as_plain_ram_mut()?;
        let bias = self.bias.map_or(0.0, |bias| bias.get() as f32);
        for (row, out) in rows.zip(target.as_slice_mut::<f32>()?) {
            *out = self.dot(row) + bias;
        }
        Ok(output)
    }
}

impl DotProducts {
    /// Eight sums side by side, which vectorises, then these in order, then the rest in order.
    fn dot(&self, row: &[f32]) -> f32 {
        const LANES: usize = 8;
        let mut sums = [0.0f32; LANES];
        let (values, weights) = (row.chunks_exact(LANES), self.weights.chunks_exact(LANES));
        let (last_values, last_weights) = (values.remainder(), weights.remainder());
        for (values, weights) in values.zip(weights) {
            for lane in 0..LANES {
                sums[lane] += values[lane] * weights[lane].get();
            }
        }
        let mut total = sums.iter().fold(0.0, |total, sum| total + sum);
        for (value, weight) in last_values.iter().zip(last_weights) {
            total += value * weight.get();
        }
        total
    }
}
