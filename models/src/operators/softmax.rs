//! Softmax and LogSoftmax, the same bits wherever a row stands.
//!
//! tract's softmax treats the unaligned ends of a row differently from its middle. Here each row is taken in order,
//! and its exponentials are added in float64. Before operator set 13 the operator saw the tensor as a matrix, split at
//! `axis`; since then it works along `axis` alone.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::kernel::{Kernel, same_shape, wire};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

const fn row(name: &'static str, types: Types) -> Operator {
    Operator {
        domain: DEFAULT_DOMAIN,
        name,
        types,
        attributes: &["axis"],
        engine: Engine::Own(softmax),
    }
}

pub(super) const OPERATORS: &[Operator] = &[
    row("LogSoftmax", Types::F32),
    row("Softmax", Types::F32.or(Types::F64)),
];

fn softmax(
    ctx: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let flattens = ctx.onnx_operator_set_version < 13;
    let axis: i64 = node
        .get_attr_opt("axis")?
        .unwrap_or(if flattens { 1 } else { -1 });
    let log = node.op_type == "LogSoftmax";
    Ok((
        expand(Softmax {
            axis,
            flattens,
            log,
        }),
        vec![],
    ))
}

#[derive(Debug, Clone)]
struct Softmax {
    axis: i64,
    flattens: bool,
    log: bool,
}

impl Expansion for Softmax {
    fn name(&self) -> StaticName {
        "Softmax".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        same_shape(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let rank = model.outlet_fact(inputs[0])?.rank();
        let axis = if self.axis < 0 {
            self.axis + rank as i64
        } else {
            self.axis
        };
        let axis = match usize::try_from(axis) {
            Ok(axis) if axis < rank => axis,
            _ => bail!("Softmax over axis {axis} of {rank} dimensions"),
        };
        let end = if self.flattens { rank } else { axis + 1 };
        wire(
            OrderedSoftmax {
                start: axis,
                end,
                log: self.log,
            },
            prefix,
            model,
            inputs[0],
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct OrderedSoftmax {
    /// First dimension of those that add up to one.
    start: usize,
    /// The dimension after the last of them.
    end: usize,
    log: bool,
}

impl Kernel for OrderedSoftmax {
    fn name(&self) -> &'static str {
        if self.log { "LogSoftmax" } else { "Softmax" }
    }

    fn eval(&self, mut input: Tensor) -> TractResult<Tensor> {
        let count: usize = input.shape()[self.start..self.end].iter().product();
        let after: usize = input.shape()[self.end..].iter().product();
        let datum_type = input.datum_type();
        let mut view = input.try_as_plain_ram_mut()?;
        match datum_type {
            DatumType::F32 => {
                let values = view.as_slice_mut::<f32>()?;
                for (base, stride) in groups(values.len(), count, after) {
                    self.normalise(count, |i, new| {
                        let slot = &mut values[base + i * stride];
                        if let Some(new) = new {
                            *slot = new as f32;
                        }
                        f64::from(*slot)
                    });
                }
            }
            DatumType::F64 => {
                let values = view.as_slice_mut::<f64>()?;
                for (base, stride) in groups(values.len(), count, after) {
                    self.normalise(count, |i, new| {
                        let slot = &mut values[base + i * stride];
                        if let Some(new) = new {
                            *slot = new;
                        }
                        *slot
                    });
                }
            }
            other => bail!("{} of {other:?} is not supported yet", self.name()),
        }
        Ok(input)
    }
}

/// First place and stride of each group of `count` values with `after` values between neighbours.
fn groups(len: usize, count: usize, after: usize) -> impl Iterator<Item = (usize, usize)> {
    let outer = len.checked_div(count * after).unwrap_or(0);
    (0..outer).flat_map(move |o| (0..after).map(move |i| (o * count * after + i, after)))
}

impl OrderedSoftmax {
    /// `access(i, Some(v))` writes value `i`, `access(i, None)` reads it.
    fn normalise(&self, count: usize, mut access: impl FnMut(usize, Option<f64>) -> f64) {
        let mut largest = f64::NEG_INFINITY;
        for i in 0..count {
            largest = largest.max(access(i, None));
        }
        let mut sum = 0.0;
        for i in 0..count {
            sum += (access(i, None) - largest).exp();
        }
        for i in 0..count {
            let shifted = access(i, None) - largest;
            let result = if self.log {
                shifted - sum.ln()
            } else {
                shifted.exp() / sum
            };
            access(i, Some(result));
        }
    }
}
