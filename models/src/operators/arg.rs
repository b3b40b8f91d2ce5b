//! ArgMax and ArgMin, with ONNX Runtime's answer to NaN.
//!
//! ONNX Runtime starts with the first value and moves on only to one that compares as better: a NaN in the first place
//! stays, one elsewhere is passed over, and of equal values the first wins, or the last with `select_last_index`. tract
//! passes over every NaN.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::kernel::{Kernel, wire};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

const fn row(name: &'static str) -> Operator {
    Operator {
        domain: DEFAULT_DOMAIN,
        name,
        types: Types::F32.or(Types::F64).or(Types::I32).or(Types::I64),
        attributes: &["axis", "keepdims", "select_last_index"],
        engine: Engine::Own(arg),
    }
}

pub(super) const OPERATORS: &[Operator] = &[row("ArgMax"), row("ArgMin")];

fn arg(
    _ctx: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let axis = node.get_attr_opt("axis")?.unwrap_or(0i64);
    let keep = node.get_attr_opt("keepdims")?.unwrap_or(1i64) == 1;
    let largest = node.op_type == "ArgMax";
    let last = node.get_attr_opt("select_last_index")?.unwrap_or(0i64) != 0;
    Ok((
        expand(Arg {
            axis,
            keep,
            largest,
            last,
        }),
        vec![],
    ))
}

#[derive(Debug, Clone)]
struct Arg {
    axis: i64,
    keep: bool,
    largest: bool,
    /// Of equal values the last wins, not the first.
    last: bool,
}

impl Arg {
    fn axis(&self, rank: usize) -> TractResult<usize> {
        let axis = if self.axis < 0 {
            self.axis + rank as i64
        } else {
            self.axis
        };
        match usize::try_from(axis) {
            Ok(axis) if axis < rank => Ok(axis),
            _ => bail!("axis {axis} does not exist in {rank} dimensions"),
        }
    }
}

fn without<D: Clone + From<usize>>(shape: &[D], axis: usize, keep: bool) -> TVec<D> {
    let mut shape: TVec<D> = shape.into();
    if keep {
        shape[axis] = D::from(1);
    } else {
        shape.remove(axis);
    }
    shape
}

impl Expansion for Arg {
    fn name(&self) -> StaticName {
        if self.largest {
            "ArgMax".into()
        } else {
            "ArgMin".into()
        }
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&outputs[0].datum_type, i64::datum_type())?;
        solver.given(&inputs[0].shape, move |solver, shape| {
            let shape = without(&shape, self.axis(shape.len())?, self.keep);
            solver.equals(&outputs[0].shape, shape)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let axis = self.axis(model.outlet_fact(inputs[0])?.rank())?;
        wire(
            Best {
                axis,
                keep: self.keep,
                largest: self.largest,
                last: self.last,
            },
            prefix,
            model,
            inputs[0],
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Best {
    axis: usize,
    keep: bool,
    largest: bool,
    /// Of equal values the last wins, not the first.
    last: bool,
}

impl Kernel for Best {
    fn name(&self) -> &'static str {
        if self.largest { "ArgMax" } else { "ArgMin" }
    }

    fn output(&self, input: &TypedFact) -> TractResult<(DatumType, Vec<TDim>)> {
        Ok((
            DatumType::I64,
            without(&input.shape.to_tvec(), self.axis, self.keep).to_vec(),
        ))
    }

    fn eval(&self, input: Tensor) -> TractResult<Tensor> {
        let count = input.shape()[self.axis];
        let after: usize = input.shape()[self.axis + 1..].iter().product();
        let mut output = Tensor::zero::<i64>(&without(input.shape(), self.axis, self.keep))?;
        let view = input.try_as_plain_ram()?;
        let mut target = output.try_as_plain_ram_mut()?;
        let target = target.as_slice_mut::<i64>()?;
        match input.datum_type() {
            DatumType::F32 => self.find(view.as_slice::<f32>()?, count, after, target),
            DatumType::F64 => self.find(view.as_slice::<f64>()?, count, after, target),
            DatumType::I32 => self.find(view.as_slice::<i32>()?, count, after, target),
            DatumType::I64 => self.find(view.as_slice::<i64>()?, count, after, target),
            other => bail!("{} of {other:?} is not supported yet", self.name()),
        }
        Ok(output)
    }
}

impl Best {
    fn find<T: Copy + PartialOrd>(
        &self,
        values: &[T],
        count: usize,
        after: usize,
        out: &mut [i64],
    ) {
        for (index, out) in out.iter_mut().enumerate() {
            let value =
                |step: usize| values[(index / after * count + step) * after + index % after];
            let mut best = 0;
            for step in 1..count {
                let (this, best_yet) = (value(step), value(best));
                let better = if self.largest {
                    this > best_yet
                } else {
                    this < best_yet
                };
                if better || (self.last && this == best_yet) {
                    best = step;
                }
            }
            *out = best as i64;
        }
    }
}
