//! MatMul and Gemm: our own where the second factor is constant ([`super::dense`], and below), else tract's.
//!
//! The last layer of most nets has one output, and for such narrow products tract picks another kernel, with another
//! order of additions, for almost every batch size; then no two batch sizes agree to the bit and only one could be
//! used. A product with a constant column is therefore our own: a dot product a row, in an order that is fixed.

use std::fmt::Debug;
use std::ops::{Add, Mul};

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::dense::{MOST_WEIGHTS, bias_row, dense};
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
    let column = match initialiser(ctx, node, 1) {
        Some(column) if matches!(column.dims[..], [_, 1]) => ctx.load_tensor(column)?,
        Some(matrix) if is_layer(matrix) => {
            let [inputs, outputs] = sizes(matrix)?;
            let weights = weights(&ctx.load_tensor(matrix)?)?;
            let weight = |input: usize, output: usize| weights[input * outputs + output].get();
            return dense(inputs, outputs, weight, None, 2);
        }
        _ => return by_tract(ctx, node),
    };
    match column.datum_type() {
        DatumType::F32 => product(weights(&column)?, None, 2),
        DatumType::F64 => {
            let view = column.try_as_plain_ram()?;
            let weights = view
                .as_slice::<f64>()?
                .iter()
                .map(|value| Exact::new(*value));
            product(weights.collect::<Arc<[Exact]>>(), None, 2)
        }
        _ => by_tract(ctx, node),
    }
}

fn product<W: Stored>(weights: Arc<[W]>, bias: Option<Exact>, inputs: usize) -> Built {
    let kernel = DotProducts { weights, bias };
    Ok((expand(Column { kernel, inputs }), vec![]))
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
    let has_bias = node.input.get(2).is_some_and(|name| !name.is_empty());
    if plain && !narrow && is_layer(column) {
        let sizes = sizes(column)?;
        let [inputs, outputs] = if transposed {
            [sizes[1], sizes[0]]
        } else {
            sizes
        };
        let bias = match (initialiser(ctx, node, 2), has_bias) {
            (Some(bias), _) if is_float32(bias) => {
                let bias = weights(&ctx.load_tensor(bias)?)?;
                let bias: Vec<Exact> = bias
                    .iter()
                    .map(|bias| Exact::new(f64::from(bias.get())))
                    .collect();
                match bias_row(&bias, outputs, beta) {
                    Some(bias) => Some(bias),
                    None => return by_tract(ctx, node),
                }
            }
            (None, false) => None,
            _ => return by_tract(ctx, node),
        };
        let weights = weights(&ctx.load_tensor(column)?)?;
        let weight = |input: usize, output: usize| {
            let place = if transposed {
                output * inputs + input
            } else {
                input * outputs + output
            };
            alpha * weights[place].get()
        };
        return dense(inputs, outputs, weight, bias, 2 + usize::from(has_bias));
    }
    if !narrow || !plain || !is_float32(column) {
        return by_tract(ctx, node);
    }
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
    product::<Weight>(weights, bias, 2 + usize::from(has_bias))
}

/// Whether the constant is the matrix of a layer that [`dense`] computes.
fn is_layer(matrix: &TensorProto) -> bool {
    let elements = match matrix.dims[..] {
        [inputs, outputs] if inputs > 0 && outputs > 1 => inputs.saturating_mul(outputs),
        _ => return false,
    };
    is_float32(matrix) && usize::try_from(elements).is_ok_and(|elements| elements <= MOST_WEIGHTS)
}

fn sizes(matrix: &TensorProto) -> TractResult<[usize; 2]> {
    match matrix.dims[..] {
        [inputs, outputs] => Ok([usize::try_from(inputs)?, usize::try_from(outputs)?]),
        _ => bail!("a layer's weights are a matrix"),
    }
}

fn is_float32(tensor: &TensorProto) -> bool {
    tensor.data_type == tract_onnx::pb::tensor_proto::DataType::Float as i32
}

/// A number as operators keep it, comparable bit by bit.
trait Stored: Debug + Copy + Eq + Send + Sync + 'static {
    type Number: Datum + Copy + Default + Add<Output = Self::Number> + Mul<Output = Self::Number>;

    fn number(self) -> Self::Number;
    fn from_exact(value: Exact) -> Self::Number;
}

impl Stored for Weight {
    type Number = f32;

    fn number(self) -> f32 {
        self.get()
    }

    fn from_exact(value: Exact) -> f32 {
        value.get() as f32
    }
}

impl Stored for Exact {
    type Number = f64;

    fn number(self) -> f64 {
        self.get()
    }

    fn from_exact(value: Exact) -> f64 {
        value.get()
    }
}

/// The product of the first input with a constant column, plus a constant.
#[derive(Debug, Clone)]
struct Column<W: Stored> {
    kernel: DotProducts<W>,
    /// Inputs that the node has; those after the first are the constants of the kernel.
    inputs: usize,
}

impl<W: Stored> Expansion for Column<W> {
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
        solver.equals(&inputs[0].datum_type, W::Number::datum_type())?;
        solver.equals(&outputs[0].datum_type, W::Number::datum_type())?;
        solver.given(&inputs[0].shape, move |solver, shape| {
            let Some((last, head)) = shape.split_last() else {
                bail!("a product of a single number");
            };
            let rows = self.kernel.weights.len();
            ensure!(
                *last == rows.to_dim(),
                "a product of {last} columns with {rows} rows"
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
        wire(self.kernel.clone(), prefix, model, inputs[0])
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct DotProducts<W: Stored> {
    weights: Arc<[W]>,
    bias: Option<Exact>,
}

impl<W: Stored> Kernel for DotProducts<W> {
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
        let mut output = Tensor::zero_dt(W::Number::datum_type(), &shape)?;
        let view = input.try_as_plain_ram()?;
        let rows = view.as_slice::<W::Number>()?.chunks_exact(width);
        let mut target = output.try_as_plain_ram_mut()?;
        let bias = self.bias.map_or_else(Default::default, W::from_exact);
        for (row, out) in rows.zip(target.as_slice_mut::<W::Number>()?) {
            *out = self.dot(row) + bias;
        }
        Ok(output)
    }
}

impl<W: Stored> DotProducts<W> {
    /// Eight sums side by side, which vectorises, then these in order, then the rest in order.
    fn dot(&self, row: &[W::Number]) -> W::Number {
        const LANES: usize = 8;
        let mut sums = [W::Number::default(); LANES];
        let (values, weights) = (row.chunks_exact(LANES), self.weights.chunks_exact(LANES));
        let (last_values, last_weights) = (values.remainder(), weights.remainder());
        for (values, weights) in values.zip(weights) {
            for lane in 0..LANES {
                sums[lane] = sums[lane] + values[lane] * weights[lane].number();
            }
        }
        let mut total = sums
            .into_iter()
            .fold(W::Number::default(), |total, sum| total + sum);
        for (value, weight) in last_values.iter().zip(last_weights) {
            total = total + *value * weight.number();
        }
        total
    }
}
