//! What an operator of `ai.onnx.ml` must say, and how it becomes one of tract's.
//!
//! A [`Tabular`] computes tensors from tensors; everything that the node's attributes say was read and
//! checked when it was built, so that a file that contradicts itself does not load.

use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;

use tract_onnx::tract_core::{as_op, op_as_typed_op, op_out_of_plan};
use tract_onnx::tract_hir::internal::*;

use crate::operators::kernel::Built;

/// Element type and shape of a tensor. The first dimension is the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::operators) struct Form {
    pub(in crate::operators) datum: DatumType,
    pub(in crate::operators) shape: TVec<TDim>,
}

impl Form {
    pub(in crate::operators) fn new(
        datum: DatumType,
        shape: impl IntoIterator<Item = TDim>,
    ) -> Self {
        Self {
            datum,
            shape: shape.into_iter().collect(),
        }
    }

    /// Rows and columns, where a tensor of one dimension holds one value a row.
    ///
    /// ONNX Runtime reads one dimension as *one row* of several values. Batches of a stream have as many
    /// values as rows there, so an operator that tells columns apart must use [`Form::matrix`].
    pub(in crate::operators) fn rows(&self) -> TractResult<TDim> {
        match self.shape.first() {
            Some(rows) => Ok(rows.clone()),
            None => bail!("a single value has no rows"),
        }
    }

    /// Rows and columns of a tensor with two dimensions, which is refused otherwise.
    pub(in crate::operators) fn matrix(&self, operator: &str) -> TractResult<(TDim, usize)> {
        match &*self.shape {
            [rows, columns] => Ok((rows.clone(), columns.to_usize()?)),
            other => bail!(
                "{operator} takes a matrix of rows and columns here, not a tensor of {} dimensions. Reshape its input to [N, columns]",
                other.len()
            ),
        }
    }
}

/// A function of whole batches.
pub(in crate::operators) trait Tabular:
    Debug + Clone + PartialEq + Eq + Send + Sync + 'static
{
    /// Name in graphs and errors.
    fn name(&self) -> &'static str;

    /// How many outputs it has.
    fn output_count(&self) -> usize {
        1
    }

    /// Types and shapes of the outputs. Refuses inputs that ONNX Runtime refuses, or that it treats in a
    /// way that is not ours.
    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>>;

    /// The same results from tensors further up in the graph, if that saves work there.
    fn upstream(
        &self,
        _model: &TypedModel,
        _inputs: &[OutletId],
    ) -> TractResult<Option<(Self, TVec<OutletId>)>> {
        Ok(None)
    }

    /// Computes the outputs. A row's values must not depend on where the row stands, nor on how many rows
    /// there are: scores have to be the same bits in every batch.
    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>>;
}

/// The operator for tract's registry.
pub(in crate::operators) fn build(tabular: impl Tabular) -> Built {
    Ok((expand(Expanded(tabular)), vec![]))
}

/// Adds it to a graph whose types and shapes are known.
pub(in crate::operators) fn wire(
    tabular: impl Tabular,
    prefix: &str,
    model: &mut TypedModel,
    inputs: &[OutletId],
) -> TractResult<TVec<OutletId>> {
    model.wire_node(prefix, TabularOp(tabular), inputs)
}

/// The view of shape inference.
#[derive(Debug, Clone)]
struct Expanded<T: Tabular>(T);

impl<T: Tabular> Expansion for Expanded<T> {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.0.output_count())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_output_arity(outputs, self.0.output_count())?;
        let types = inputs.iter().map(|input| &input.datum_type);
        solver.given_all(types, move |solver, types: Vec<DatumType>| {
            let shapes = inputs.iter().map(|input| &input.shape);
            solver.given_all(shapes, move |solver, shapes: Vec<TVec<TDim>>| {
                let forms: Vec<Form> = types
                    .iter()
                    .zip(shapes)
                    .map(|(datum, shape)| Form {
                        datum: *datum,
                        shape,
                    })
                    .collect();
                for (output, form) in outputs.iter().zip(self.0.outputs(&forms)?) {
                    solver.equals(&output.datum_type, form.datum)?;
                    solver.equals(&output.shape, form.shape)?;
                }
                Ok(())
            })
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        match self.0.upstream(model, inputs)? {
            Some((tabular, inputs)) => model.wire_node(prefix, TabularOp(tabular), &inputs),
            None => model.wire_node(prefix, TabularOp(self.0.clone()), inputs),
        }
    }
}

/// The operator that makes the outlet, if it is one of this kind, and its inputs.
pub(in crate::operators) fn maker<T: Tabular>(
    model: &TypedModel,
    outlet: OutletId,
) -> Option<(&T, &[OutletId])> {
    let node = model.node(outlet.node);
    let op = node.op_as::<TabularOp<T>>()?;
    Some((&op.0, &node.inputs))
}

/// Whether the outlet is a result of this operator.
pub(super) fn is_made_by<T: Tabular>(model: &TypedModel, outlet: OutletId) -> bool {
    model.node(outlet.node).op_is::<TabularOp<T>>()
}

/// The view of execution.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TabularOp<T: Tabular>(T);

impl<T: Tabular> Op for TabularOp<T> {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    op_as_typed_op!();
}

impl<T: Tabular> EvalOp for TabularOp<T> {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let inputs: TVec<&Tensor> = inputs.iter().map(|value| &**value).collect();
        let outputs = self.0.eval(&inputs)?;
        Ok(outputs.into_iter().map(Tensor::into_tvalue).collect())
    }
}

impl<T: Tabular> TypedOp for TabularOp<T> {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let forms: Vec<Form> = inputs
            .iter()
            .map(|fact| Form {
                datum: fact.datum_type,
                shape: fact.shape.to_tvec(),
            })
            .collect();
        let outputs = self.0.outputs(&forms)?;
        Ok(outputs
            .into_iter()
            .map(|form| form.datum.fact(&form.shape))
            .collect())
    }

    as_op!();
}

/// A large constant of an operator: shared, and equal only to itself. tract compares operators when it
/// looks for common ones, which must not cost a walk over a forest.
#[derive(Debug)]
pub(in crate::operators) struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    pub(in crate::operators) fn new(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Shared<T> {}

/// The elements of a tensor in memory order.
pub(in crate::operators) fn slice<T: Datum>(tensor: &Tensor) -> TractResult<&[T]> {
    tensor.try_as_plain_ram()?.as_slice::<T>()
}

/// A tensor of `shape` from its elements in memory order.
pub(in crate::operators) fn tensor<T: Datum>(
    shape: &[usize],
    values: Vec<T>,
) -> TractResult<Tensor> {
    Ok(tract_ndarray::ArrayD::from_shape_vec(shape, values)?.into())
}

/// The elements of a numeric tensor as float32, as ONNX Runtime casts them.
pub(in crate::operators) fn floats(tensor: &Tensor) -> TractResult<std::borrow::Cow<'_, [f32]>> {
    Ok(match tensor.datum_type() {
        DatumType::F32 => slice::<f32>(tensor)?.into(),
        DatumType::F64 => slice::<f64>(tensor)?.iter().map(|v| *v as f32).collect(),
        DatumType::I64 => slice::<i64>(tensor)?.iter().map(|v| *v as f32).collect(),
        DatumType::I32 => slice::<i32>(tensor)?.iter().map(|v| *v as f32).collect(),
        other => bail!("{other:?} is no number"),
    })
}
