//! What an operator of our own must say, and how it becomes one of tract's.
//!
//! A [`Kernel`] computes one tensor from one tensor; constants it needs (bounds, axes, exponents) were read
//! when the graph was built. [`pointwise`] is the whole operator of a kernel that keeps the shape; families whose
//! shapes change write an `Expansion` of their own and call [`wire`] from it.

use std::fmt::Debug;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::tract_core::{as_op, op_as_typed_op, op_out_of_plan};
use tract_onnx::tract_hir::internal::*;

/// What a [`super::Build`] gives.
pub(super) type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// A function from one tensor to one tensor.
pub(super) trait Kernel: Debug + Clone + Eq + Send + Sync + 'static {
    /// Name in graphs and errors.
    fn name(&self) -> &'static str;

    /// Element type and shape of the result.
    fn output(&self, input: &TypedFact) -> TractResult<(DatumType, Vec<TDim>)> {
        Ok((input.datum_type, input.shape.to_tvec().to_vec()))
    }

    /// The same result from the inputs of the operator before, if that one can compute both at once.
    fn fused(
        &self,
        _prefix: &str,
        _model: &mut TypedModel,
        _input: OutletId,
    ) -> TractResult<Option<TVec<OutletId>>> {
        Ok(None)
    }

    /// Computes the result. A row's values must not depend on where the row stands, nor on the alignment of the
    /// buffer: scores have to be the same bits in every batch.
    fn eval(&self, input: Tensor) -> TractResult<Tensor>;
}

/// tract's view of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KernelOp<K: Kernel>(K);

impl<K: Kernel> Op for KernelOp<K> {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    op_as_typed_op!();
}

impl<K: Kernel> EvalOp for KernelOp<K> {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, mut inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        ensure!(inputs.len() == 1, "{} takes one tensor", self.0.name());
        let input = inputs.remove(0).into_tensor();
        Ok(tvec!(self.0.eval(input)?.into_tvalue()))
    }
}

impl<K: Kernel> TypedOp for KernelOp<K> {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        ensure!(inputs.len() == 1, "{} takes one tensor", self.0.name());
        let (datum_type, shape) = self.0.output(inputs[0])?;
        Ok(tvec!(datum_type.fact(&shape)))
    }

    as_op!();
}

/// Adds a kernel to a graph.
pub(super) fn wire<K: Kernel>(
    kernel: K,
    prefix: &str,
    model: &mut TypedModel,
    input: OutletId,
) -> TractResult<TVec<OutletId>> {
    model.wire_node(prefix, KernelOp(kernel), &[input])
}

/// An element-wise operator whose kernel needs no more than the node's attributes.
#[derive(Debug, Clone)]
struct Pointwise<K: Kernel>(K);

impl<K: Kernel> Expansion for Pointwise<K> {
    fn name(&self) -> StaticName {
        self.0.name().into()
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
        match self.0.fused(prefix, model, inputs[0])? {
            Some(outlets) => Ok(outlets),
            None => wire(self.0.clone(), prefix, model, inputs[0]),
        }
    }
}

/// The operator of a kernel that changes values one by one.
pub(super) fn pointwise<K: Kernel>(kernel: K) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(Pointwise(kernel)), vec![]))
}

/// The output has the first input's type and shape.
pub(super) fn same_shape<'r, 'p: 'r>(
    solver: &mut Solver<'r>,
    inputs: &'p [TensorProxy],
    outputs: &'p [TensorProxy],
) -> InferenceResult {
    check_output_arity(outputs, 1)?;
    solver.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
    solver.equals(&inputs[0].shape, &outputs[0].shape)
}

/// A constant input that is a single number.
pub(super) fn constant_scalar(model: &TypedModel, input: OutletId) -> TractResult<Option<f64>> {
    let Some(constant) = &model.outlet_fact(input)?.konst else {
        return Ok(None);
    };
    if constant.len() != 1 {
        return Ok(None);
    }
    let number = constant.cast_to::<f64>()?;
    Ok(number
        .try_as_plain_ram()?
        .as_slice::<f64>()?
        .first()
        .copied())
}

/// A float that can stand in an operator: operators are compared, so equality is that of the bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Exact(u64);

impl Exact {
    pub(super) fn new(value: f64) -> Self {
        Self(value.to_bits())
    }

    pub(super) fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl Debug for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Debug::fmt(&self.get(), f)
    }
}

/// tract's own operator of that name.
pub(super) fn by_tract(ctx: &ParsingContext, node: &NodeProto) -> Built {
    match tract_onnx::onnx().op_register.0.get(&node.op_type) {
        Some(build) => build(ctx, node),
        None => bail!("{} is not an operator of tract's", node.op_type),
    }
}

/// The constant that the file gives for an input of the node.
pub(super) fn initialiser<'a>(
    ctx: &'a ParsingContext,
    node: &NodeProto,
    index: usize,
) -> Option<&'a TensorProto> {
    let name = node.input.get(index).filter(|name| !name.is_empty())?;
    ctx.parent_graphs
        .last()?
        .initializer
        .iter()
        .find(|tensor| tensor.name == *name)
}

/// A float32 that operators can be compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight(u32);

impl Weight {
    pub(super) fn new(value: f32) -> Self {
        Self(value.to_bits())
    }

    pub(super) fn get(self) -> f32 {
        f32::from_bits(self.0)
    }
}

/// The values of a float32 constant.
pub(super) fn weights(tensor: &Tensor) -> TractResult<Arc<[Weight]>> {
    let view = tensor.try_as_plain_ram()?;
    Ok(view
        .as_slice::<f32>()?
        .iter()
        .map(|value| Weight::new(*value))
        .collect())
}
