//! Reductions over adjacent dimensions: sums, means, extremes and their relatives.
//!
//! tract adds a row's values in an order that depends on where the row lies in memory, so that the same row scores
//! differently by a bit from batch to batch; it computes LogSumExp without care for overflow, and extremes that lose
//! a NaN. Here values are taken in order, sums are carried in float64, and a NaN is handed on. Integers, where order
//! does not matter, go to tract.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::nn as hir;

use super::kernel::{Kernel, wire};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

const FLOATS: Types = Types::F32.or(Types::F64);

const fn row(name: &'static str, types: Types) -> Operator {
    let attributes = &["axes", "keepdims", "noop_with_empty_axes"];
    Operator {
        domain: DEFAULT_DOMAIN,
        name,
        types,
        attributes,
        engine: Engine::Own(reduce),
    }
}

pub(super) const OPERATORS: &[Operator] = &[
    row("ReduceL1", FLOATS),
    row("ReduceL2", FLOATS),
    row("ReduceLogSum", FLOATS),
    row("ReduceLogSumExp", FLOATS),
    row("ReduceMax", FLOATS.or(Types::I64)),
    row("ReduceMean", FLOATS),
    row("ReduceMin", FLOATS),
    row("ReduceProd", FLOATS),
    row("ReduceSum", FLOATS.or(Types::I64)),
    row("ReduceSumSquare", FLOATS),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    L1,
    L2,
    LogSum,
    LogSumExp,
    Max,
    Mean,
    Min,
    Prod,
    Sum,
    SumSquare,
}

fn reduce(
    _ctx: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let kind = match node.op_type.as_str() {
        "ReduceL1" => Kind::L1,
        "ReduceL2" => Kind::L2,
        "ReduceLogSum" => Kind::LogSum,
        "ReduceLogSumExp" => Kind::LogSumExp,
        "ReduceMax" => Kind::Max,
        "ReduceMean" => Kind::Mean,
        "ReduceMin" => Kind::Min,
        "ReduceProd" => Kind::Prod,
        "ReduceSum" => Kind::Sum,
        "ReduceSumSquare" => Kind::SumSquare,
        other => bail!("{other} is not a reduction"),
    };
    // Axes were an attribute before they became an input: ReduceSum at operator set 13, the others at 18.
    let axes: Option<Vec<i64>> = node.get_attr_opt_vec("axes")?;
    let keep = node.get_attr_opt("keepdims")?.unwrap_or(1i64) == 1;
    let as_input = node.input.len() > 1 && !node.input[1].is_empty();
    ensure!(!(as_input && axes.is_some()), "axes are given twice");
    ensure!(
        node.get_attr_opt("noop_with_empty_axes")?.unwrap_or(0i64) == 0,
        "{} with noop_with_empty_axes is not supported yet",
        node.op_type
    );
    Ok((
        expand(Reduce {
            kind,
            axes,
            as_input,
            keep,
        }),
        vec![],
    ))
}

#[derive(Debug, Clone)]
struct Reduce {
    kind: Kind,
    axes: Option<Vec<i64>>,
    as_input: bool,
    keep: bool,
}

/// Axes counted from the front, sorted; all of them if none are given.
fn resolve(axes: &[i64], rank: usize) -> TractResult<Vec<usize>> {
    let mut resolved = Vec::new();
    for &axis in axes {
        let axis = if axis < 0 { axis + rank as i64 } else { axis };
        match usize::try_from(axis) {
            Ok(axis) if axis < rank => resolved.push(axis),
            _ => bail!("axis {axis} does not exist in {rank} dimensions"),
        }
    }
    if resolved.is_empty() {
        resolved = (0..rank).collect();
    }
    resolved.sort_unstable();
    resolved.dedup();
    Ok(resolved)
}

fn reduced_shape<D: Clone + From<usize>>(shape: &[D], axes: &[usize], keep: bool) -> Vec<D> {
    let dims = shape.iter().enumerate();
    dims.filter_map(|(axis, dim)| match (axes.contains(&axis), keep) {
        (false, _) => Some(dim.clone()),
        (true, true) => Some(D::from(1)),
        (true, false) => None,
    })
    .collect()
}

fn constant_axes(axes: &Tensor) -> TractResult<Vec<i64>> {
    let axes = axes.cast_to::<i64>()?;
    Ok(axes.try_as_plain_ram()?.as_slice::<i64>()?.to_vec())
}

impl Expansion for Reduce {
    fn name(&self) -> StaticName {
        format!("Reduce{:?}", self.kind).into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1 + usize::from(self.as_input))?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        let keep = self.keep;
        if self.as_input {
            solver.given_2(
                &inputs[0].shape,
                &inputs[1].value,
                move |solver, shape, axes| {
                    let axes = resolve(&constant_axes(&axes)?, shape.len())?;
                    let shape: TVec<TDim> = reduced_shape(&shape, &axes, keep).into();
                    solver.equals(&outputs[0].shape, shape)
                },
            )
        } else {
            solver.given(&inputs[0].shape, move |solver, shape| {
                let axes = resolve(self.axes.as_deref().unwrap_or_default(), shape.len())?;
                let shape: TVec<TDim> = reduced_shape(&shape, &axes, keep).into();
                solver.equals(&outputs[0].shape, shape)
            })
        }
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let given = if self.as_input {
            match &model.outlet_fact(inputs[1])?.konst {
                Some(axes) => constant_axes(axes)?,
                None => bail!(
                    "{} over axes that are not constant is not supported yet",
                    self.name()
                ),
            }
        } else {
            self.axes.clone().unwrap_or_default()
        };
        let fact = model.outlet_fact(inputs[0])?;
        let axes = resolve(&given, fact.rank())?;
        if fact.datum_type.is_float() {
            let adjacent = axes.windows(2).all(|pair| pair[0] + 1 == pair[1]);
            ensure!(
                adjacent,
                "{} over axes {axes:?}, which are not adjacent, is not supported yet",
                self.name()
            );
            let kernel = OrderedReduce {
                kind: self.kind,
                axes,
                keep: self.keep,
            };
            return wire(kernel, prefix, model, inputs[0]);
        }
        let reducer = match self.kind {
            Kind::Sum => hir::Reducer::Sum,
            Kind::Max => hir::Reducer::Max,
            _ => bail!(
                "{} of {:?} is not supported yet",
                self.name(),
                fact.datum_type
            ),
        };
        let axes = axes.into_iter().map(|axis| axis as i64).collect();
        hir::Reduce::new(Some(axes), self.keep, reducer).wire(prefix, model, &inputs[..1])
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct OrderedReduce {
    kind: Kind,
    /// Adjacent and sorted.
    axes: Vec<usize>,
    keep: bool,
}

impl Kernel for OrderedReduce {
    fn name(&self) -> &'static str {
        "Reduce"
    }

    fn output(&self, input: &TypedFact) -> TractResult<(DatumType, Vec<TDim>)> {
        Ok((
            input.datum_type,
            reduced_shape(&input.shape.to_tvec(), &self.axes, self.keep),
        ))
    }

    fn eval(&self, input: Tensor) -> TractResult<Tensor> {
        let shape = reduced_shape(input.shape(), &self.axes, self.keep);
        let mut output = Tensor::zero_dt(input.datum_type(), &shape)?;
        let (Some(first), Some(last)) = (self.axes.first(), self.axes.last()) else {
            bail!("a reduction over no axes");
        };
        // The tensor seen as [kept before, reduced, kept after].
        let reduced: usize = input.shape()[*first..=*last].iter().product();
        let after: usize = input.shape()[last + 1..].iter().product();
        let source = input.try_as_plain_ram()?;
        let mut target = output.try_as_plain_ram_mut()?;
        match input.datum_type() {
            DatumType::F32 => {
                let value = |at: usize, values: &[f32]| f64::from(values[at]);
                let source = source.as_slice::<f32>()?;
                let target = target.as_slice_mut::<f32>()?;
                if after > 1 && self.fold_rows(source, reduced, after, target) {
                    return Ok(output);
                }
                let each = target.iter_mut().enumerate();
                each.for_each(|(index, out)| {
                    *out = self.fold(reduced, |step| {
                        value(place(index, step, reduced, after), source)
                    }) as f32;
                });
            }
            DatumType::F64 => {
                let source = source.as_slice::<f64>()?;
                let each = target.as_slice_mut::<f64>()?.iter_mut().enumerate();
                each.for_each(|(index, out)| {
                    *out = self.fold(reduced, |step| source[place(index, step, reduced, after)]);
                });
            }
            other => bail!("a reduction of {other:?} is not supported yet"),
        }
        Ok(output)
    }
}

/// Where the `step`-th value of output `index` stands.
fn place(index: usize, step: usize, reduced: usize, after: usize) -> usize {
    (index / after * reduced + step) * after + index % after
}

/// Values beside each other that are summed together.
const SIDE_BY_SIDE: usize = 16;

impl OrderedReduce {
    /// Sums of rows of `after` values, many columns at a time and each in the order of [`fold`](Self::fold); `false`
    /// if this is no sum.
    fn fold_rows(&self, source: &[f32], reduced: usize, after: usize, target: &mut [f32]) -> bool {
        let (square, divisor) = match self.kind {
            Kind::Sum => (false, 1.0),
            Kind::Mean => (false, reduced as f64),
            Kind::SumSquare => (true, 1.0),
            _ => return false,
        };
        let blocks = source.chunks_exact(reduced * after);
        for (block, target) in blocks.zip(target.chunks_exact_mut(after)) {
            let mut column = 0;
            for target in target.chunks_mut(SIDE_BY_SIDE) {
                // What an iterator's sum begins with.
                let mut sums = [-0.0f64; SIDE_BY_SIDE];
                for row in block.chunks_exact(after) {
                    let values = &row[column..column + target.len()];
                    for (sum, value) in sums.iter_mut().zip(values) {
                        let value = f64::from(*value);
                        *sum += if square { value * value } else { value };
                    }
                }
                for (target, sum) in target.iter_mut().zip(sums) {
                    *target = (sum / divisor) as f32;
                }
                column += target.len();
            }
        }
        true
    }

    fn fold(&self, count: usize, value: impl Fn(usize) -> f64) -> f64 {
        let values = || (0..count).map(&value);
        match self.kind {
            Kind::Sum => values().sum(),
            Kind::Mean => values().sum::<f64>() / count as f64,
            Kind::SumSquare => values().map(|v| v * v).sum(),
            Kind::L1 => values().map(f64::abs).sum(),
            Kind::L2 => values().map(|v| v * v).sum::<f64>().sqrt(),
            Kind::LogSum => values().sum::<f64>().ln(),
            Kind::LogSumExp => {
                let largest = values().fold(f64::NEG_INFINITY, larger);
                if largest.is_finite() {
                    largest + values().map(|v| (v - largest).exp()).sum::<f64>().ln()
                } else {
                    largest
                }
            }
            Kind::Prod => values().product(),
            Kind::Max => values().fold(f64::NEG_INFINITY, larger),
            Kind::Min => values().fold(f64::INFINITY, |a, b| -larger(-a, -b)),
        }
    }
}

/// The larger of the two, NaN if either is.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b <= a { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_columns_at_a_time_give_the_bits_of_one() {
        for (kind, reduced, after) in [
            (Kind::Sum, 26, 16),
            (Kind::Mean, 3, 5),
            (Kind::SumSquare, 7, 33),
            (Kind::Sum, 1, 40),
        ] {
            let reduce = OrderedReduce {
                kind,
                axes: vec![1],
                keep: false,
            };
            let values: Vec<f32> = (0..4 * reduced * after)
                .map(|i| (i as f32 * 0.37).sin() * 10f32.powi((i % 9) as i32 - 4))
                .collect();
            let mut sums = vec![0.0; 4 * after];
            assert!(reduce.fold_rows(&values, reduced, after, &mut sums));
            for (index, sum) in sums.iter().enumerate() {
                let one = reduce.fold(reduced, |step| {
                    f64::from(values[place(index, step, reduced, after)])
                });
                assert_eq!(sum.to_bits(), (one as f32).to_bits(), "{reduced} × {after}");
            }
        }
    }
}
