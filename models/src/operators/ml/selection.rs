//! Columns of a matrix of strings, read where they stand.
//!
//! Exporters put an operator before each encoder that picks its column out of the matrix. For strings that is a copy
//! of every one of them, which costs more than to look it up. So an encoder that finds such an operator before it
//! reads the matrix itself.

use std::sync::Arc;

use tract_onnx::tract_core::ops::array::Gather;
use tract_onnx::tract_hir::internal::*;

use super::array_feature_extractor::ArrayFeatureExtractor;
use super::tabular::{is_made_by, slice};

/// Which elements of a tensor are read, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    All,
    Columns {
        /// All within the matrix.
        columns: Arc<[usize]>,
        /// What the shape has after the rows.
        tail: TVec<usize>,
    },
}

impl Selection {
    /// What is picked by the node that an outlet comes from, and the matrix that it is picked from.
    pub(super) fn before(
        model: &TypedModel,
        outlet: OutletId,
    ) -> TractResult<Option<(Self, OutletId)>> {
        let node = model.node(outlet.node);
        let gathers = node
            .op_as::<Gather>()
            .is_some_and(|gather| gather.axis == 1);
        if !gathers && !is_made_by::<ArrayFeatureExtractor>(model, outlet) {
            return Ok(None);
        }
        let [source, indices] = *node.inputs else {
            return Ok(None);
        };
        let matrix = model.outlet_fact(source)?;
        let Some(indices) = &model.outlet_fact(indices)?.konst else {
            return Ok(None);
        };
        let (DatumType::String, [_, width]) = (matrix.datum_type, &*matrix.shape) else {
            return Ok(None);
        };
        let width = width.to_usize()?;
        let indices = indices.cast_to::<i64>()?;
        let columns = slice::<i64>(&indices)?.iter().map(|index| {
            // Gather counts negative ones from the end; the other operator was refused if it has any.
            let from_end = if *index < 0 { width } else { 0 };
            let column = from_end.checked_add_signed(isize::try_from(*index).ok()?)?;
            (column < width).then_some(column)
        });
        let Some(columns) = columns.collect::<Option<Arc<[usize]>>>() else {
            return Ok(None);
        };
        let picked = model.outlet_fact(outlet)?;
        let tail = picked.shape.iter().skip(1).map(TDim::to_usize);
        Ok(Some((
            Self::Columns {
                columns,
                tail: tail.collect::<Result<_, _>>()?,
            },
            source,
        )))
    }

    /// The shape of what is read.
    pub(super) fn shape<D: DimLike>(&self, shape: &[D]) -> TVec<D> {
        match self {
            Self::All => shape.into(),
            Self::Columns { tail, .. } => {
                let rows = shape.iter().take(1).cloned();
                rows.chain(tail.iter().map(|dim| D::from(*dim))).collect()
            }
        }
    }

    /// Calls `each` for every element that is read.
    pub(super) fn read<T: Datum>(
        &self,
        tensor: &Tensor,
        mut each: impl FnMut(&T) -> TractResult<()>,
    ) -> TractResult<()> {
        let values = slice::<T>(tensor)?;
        match self {
            Self::All => values.iter().try_for_each(each),
            Self::Columns { columns, .. } => {
                let width = tensor.shape().last().copied().unwrap_or(1);
                let mut rows = values.chunks_exact(width.max(1));
                rows.try_for_each(|row| columns.iter().try_for_each(|column| each(&row[*column])))
            }
        }
    }
}
