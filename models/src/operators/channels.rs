//! Operators over channels, which stand in the second dimension: tract's, once there is sure to be one.
//!
//! tract takes the channels out of a shape without asking whether it is long enough. For a tensor that has only the
//! batch that would be memory beside the shape, so the dimensions are counted before tract looks. It also lists every
//! element of a window (`kernel_shape`), however many a file asks for, so windows are bounded.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::kernel::{Built, by_tract};

/// Longest side of a window, stride, dilation and padding, and most elements of a window.
const LONGEST: i64 = 1 << 16;
const MOST_ELEMENTS: i64 = 1 << 20;

/// Refuses windows that no image fills.
fn check_window(node: &NodeProto) -> TractResult<()> {
    for attribute in &node.attribute {
        let least = match attribute.name.as_str() {
            "kernel_shape" | "strides" | "dilations" => 1,
            "pads" => 0,
            _ => continue,
        };
        for value in &attribute.ints {
            ensure!(
                (least..=LONGEST).contains(value),
                "attribute `{}` holds {value}, which is no size of a window",
                attribute.name
            );
        }
        let elements = attribute
            .ints
            .iter()
            .fold(1i64, |product, side| product.saturating_mul(*side));
        ensure!(
            attribute.name != "kernel_shape" || elements <= MOST_ELEMENTS,
            "a window of {elements} elements is not supported"
        );
    }
    Ok(())
}

/// tract's operator, which gets to see inputs of at least a batch and channels, and for anything but
/// BatchNormalization one dimension more.
pub(super) fn with_channels(ctx: &ParsingContext, node: &NodeProto) -> Built {
    check_window(node)?;
    let (op, closures) = by_tract(ctx, node)?;
    let Some(inner) = op.as_op().downcast_ref::<Box<dyn Expansion>>() else {
        bail!("{} is built in another way than is known", node.op_type)
    };
    let least = if node.op_type == "BatchNormalization" {
        2
    } else {
        3
    };
    let checked = WithChannels {
        inner: inner.clone(),
        least,
    };
    Ok((expand(checked), closures))
}

#[derive(Debug, Clone)]
struct WithChannels {
    inner: Box<dyn Expansion>,
    /// Dimensions that the first input must have.
    least: i64,
}

impl Expansion for WithChannels {
    fn name(&self) -> StaticName {
        Expansion::name(self.inner.as_ref())
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Expansion::nboutputs(self.inner.as_ref())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let Some(first) = inputs.first() else {
            bail!("{} without an input", Expansion::name(self))
        };
        solver.given(&first.rank, move |solver, rank: i64| {
            ensure!(
                rank >= self.least,
                "{} needs a dimension of channels: its input has {rank} dimensions where {} are needed",
                Expansion::name(self.inner.as_ref()),
                self.least
            );
            Expansion::rules(self.inner.as_ref(), solver, inputs, outputs)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        Expansion::wire(self.inner.as_ref(), prefix, model, inputs)
    }
}
