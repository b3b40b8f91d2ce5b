//! Drops the old side of updates for a consumer that replaces rows by their key.
//!
//! Computes the input without its `-U` rows. Keeps no state.

use arrow::array::UInt32Array;
use millstream_functions::RowKind;

use crate::batch::Batch;
use crate::operator::{Operator, OperatorError, Output};

/// Drops `-U`. See the [module](self).
#[derive(Debug, Default)]
pub struct DropUpdateBefore;

impl Operator for DropUpdateBefore {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let Some(kinds) = &batch.kinds else {
            out.emit(batch);
            return Ok(());
        };
        let kept: Vec<u32> = (0..kinds.len() as u32)
            .filter(|&row| kinds[row as usize] != RowKind::UpdateBefore)
            .collect();
        if kept.len() == batch.len() {
            out.emit(batch);
        } else if !kept.is_empty() {
            out.emit(batch.take(&UInt32Array::from(kept))?);
        }
        Ok(())
    }

    fn snapshot(&mut self, _: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};

    use super::*;
    use crate::harness::rows_text;
    use RowKind::{Delete, Insert, UpdateAfter, UpdateBefore};

    #[test]
    fn old_rows_are_dropped_and_all_others_stay() {
        let rows =
            RecordBatch::try_from_iter([("v", Arc::new(Int64Array::from(vec![1, 1, 2, 2])) as _)])
                .unwrap();
        let mut batch = Batch::append(rows, 0);
        let run = |batch: &Batch| {
            let mut out = Output::default();
            DropUpdateBefore
                .process(0, batch.clone(), &mut out)
                .unwrap();
            let batches = out.take();
            let rows = batches.iter().flat_map(|batch| rows_text(batch).unwrap());
            rows.collect::<Vec<String>>()
        };
        assert_eq!(run(&batch), ["+I[1]", "+I[1]", "+I[2]", "+I[2]"]);
        batch.kinds = Some([Insert, UpdateBefore, UpdateAfter, Delete].into());
        assert_eq!(run(&batch), ["+I[1]", "+U[2]", "-D[2]"]);
        batch.kinds = Some([UpdateBefore; 4].into());
        assert!(run(&batch).is_empty());
    }
}
