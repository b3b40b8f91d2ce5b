//! ArrayFeatureExtractor of `ai.onnx.ml`: picks elements of the last axis.
//!
//! Out comes, for each list along the last axis, the element at each index in the order of the indices, whatever
//! the shape of the index tensor. A list alone gives one row, `[1, indices]`. Exporters use it both ways
//! round: to pick columns of a batch by constant indices, and to name predictions by indexing a constant list of
//! labels with a batch of class numbers.

use tract_onnx::tract_hir::internal::*;

use super::tabular::{Form, Tabular, build, slice, tensor};
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: ML_DOMAIN,
    name: "ArrayFeatureExtractor",
    types: Types::F32
        .or(Types::F64)
        .or(Types::I32)
        .or(Types::I64)
        .or(Types::STRING),
    attributes: &[],
    engine: Engine::Own(|_, _| build(ArrayFeatureExtractor)),
}];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArrayFeatureExtractor;

impl Tabular for ArrayFeatureExtractor {
    fn name(&self) -> &'static str {
        "ArrayFeatureExtractor"
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [input, indices] = inputs else {
            bail!("ArrayFeatureExtractor takes two tensors")
        };
        ensure!(
            matches!(indices.datum, DatumType::I64 | DatumType::TDim),
            "ArrayFeatureExtractor takes indices of int64, not {:?}",
            indices.datum
        );
        let count: TDim = indices.shape.iter().product();
        ensure!(count != 0.to_dim(), "ArrayFeatureExtractor has no indices");
        let mut shape = input.shape.clone();
        let Some(last) = shape.last_mut() else {
            bail!("ArrayFeatureExtractor takes no single value")
        };
        *last = count;
        if shape.len() == 1 {
            shape.insert(0, 1.to_dim());
        }
        Ok(tvec!(Form::new(input.datum, shape)))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let input = inputs[0];
        let indices = inputs[1].cast_to::<i64>()?;
        let (lists, width) = match input.shape() {
            [] => bail!("ArrayFeatureExtractor takes no single value"),
            [head @ .., last] => (head, *last),
        };
        let indices = slice::<i64>(&indices)?
            .iter()
            .map(|index| match usize::try_from(*index) {
                Ok(place) if place < width => Ok(place),
                _ => bail!(
                    "index {index} of ArrayFeatureExtractor is out of range: there are {width} elements"
                ),
            })
            .collect::<TractResult<Vec<usize>>>()?;
        let mut shape: TVec<usize> = lists.into();
        if shape.is_empty() {
            shape.push(1);
        }
        shape.push(indices.len());
        Ok(tvec!(match input.datum_type() {
            DatumType::F32 => pick::<f32>(input, &indices, &shape)?,
            DatumType::F64 => pick::<f64>(input, &indices, &shape)?,
            DatumType::I32 => pick::<i32>(input, &indices, &shape)?,
            DatumType::I64 => pick::<i64>(input, &indices, &shape)?,
            DatumType::String => pick::<String>(input, &indices, &shape)?,
            other => bail!("ArrayFeatureExtractor of {other:?} is not supported yet"),
        }))
    }
}

/// The caller checked the indices.
fn pick<T: Datum>(input: &Tensor, indices: &[usize], shape: &[usize]) -> TractResult<Tensor> {
    let width = input.shape().last().copied().unwrap_or(1).max(1);
    let mut values = Vec::with_capacity(shape.iter().product());
    for list in slice::<T>(input)?.chunks_exact(width) {
        values.extend(indices.iter().map(|index| list[*index].clone()));
    }
    tensor(shape, values)
}
