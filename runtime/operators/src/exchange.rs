//! Hash exchange: which parallel instance a row goes to.
//!
//! Rows with equal keys always meet in the same instance: key → stable hash → key group →
//! instance. Key groups are what state is stored by, so an instance owns the state of exactly the
//! rows it is sent.

use arrow::array::UInt32Array;
use arrow::datatypes::Schema;
use millstream_state::{key_group, subtask_of};

use crate::batch::Batch;
use crate::keys::KeyEncoder;
use crate::operator::OperatorError;

/// Splits batches by key among the instances of the next operator.
///
/// Row kinds and watermarks go along; a row is judged by the watermark in force before it in the
/// undivided batch, so what counts as late does not depend on the parallelism.
#[derive(Debug)]
pub struct HashPartitioner {
    keys: KeyEncoder,
    targets: usize,
    /// The instance of each key group.
    target_of_group: Vec<u32>,
    max_parallelism: u16,
    rows: Vec<Vec<u32>>,
}

impl HashPartitioner {
    /// A partitioner by the columns `key` of rows of `schema` into `parallelism` instances.
    pub fn new(
        schema: &Schema,
        key: &[usize],
        parallelism: usize,
        max_parallelism: u16,
    ) -> Result<Self, OperatorError> {
        Ok(Self {
            keys: KeyEncoder::new(schema, key)?,
            targets: parallelism,
            target_of_group: (0..max_parallelism)
                .map(|group| subtask_of(group, parallelism as u32, max_parallelism))
                .collect(),
            max_parallelism,
            rows: vec![Vec::new(); parallelism],
        })
    }

    /// Calls `send` with each instance that gets rows and those rows, in their order.
    ///
    /// A batch that goes to one instance whole is not copied.
    pub fn partition(
        &mut self,
        batch: Batch,
        mut send: impl FnMut(usize, Batch),
    ) -> Result<(), OperatorError> {
        if batch.is_empty() {
            return Ok(());
        }
        if self.targets == 1 {
            send(0, batch);
            return Ok(());
        }
        self.rows.iter_mut().for_each(Vec::clear);
        for (row, &hash) in self.keys.hashes(&batch.rows)?.iter().enumerate() {
            let group = key_group(hash, self.max_parallelism);
            self.rows[self.target_of_group[usize::from(group)] as usize].push(row as u32);
        }
        let length = batch.len();
        if let Some(only) = self.rows.iter().position(|rows| rows.len() == length) {
            send(only, batch);
            return Ok(());
        }
        for (target, rows) in self.rows.iter_mut().enumerate() {
            if !rows.is_empty() {
                let indices = UInt32Array::from(std::mem::take(rows));
                send(target, batch.take(&indices)?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array, RecordBatch};
    use arrow::datatypes::Int64Type;

    use super::*;
    use crate::batch::Watermark;

    fn keys(values: impl IntoIterator<Item = i64>) -> Batch {
        let column = Arc::new(Int64Array::from_iter_values(values)) as _;
        Batch::append(RecordBatch::try_from_iter([("k", column)]).unwrap(), 0)
    }

    fn partition(batch: Batch, targets: usize) -> Vec<Option<Batch>> {
        let mut parts = vec![None; targets];
        HashPartitioner::new(&batch.rows.schema(), &[0], targets, 128)
            .unwrap()
            .partition(batch, |target, part| parts[target] = Some(part))
            .unwrap();
        parts
    }

    #[test]
    fn every_row_goes_to_the_owner_of_its_key_group() {
        let parts = partition(keys(0..1000), 3);
        let mut all = Vec::new();
        for (target, part) in parts.into_iter().enumerate() {
            let part = part.unwrap();
            let column = part.rows.column(0).as_primitive::<Int64Type>();
            assert!(
                column.values().is_sorted(),
                "order within an instance stays"
            );
            for &k in column.values() {
                let group = key_group(millstream_state::stable_hash_u64(k as u64), 128);
                assert_eq!(subtask_of(group, 3, 128), target as u32);
                all.push(k);
            }
        }
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn rows_are_judged_by_the_watermark_of_the_undivided_batch() {
        let mut batch = keys(0..100);
        batch.watermarks = Some((1000..1100).collect());
        for part in partition(batch, 2).into_iter().flatten() {
            let column = part.rows.column(0).as_primitive::<Int64Type>();
            let behind = part.watermarks.as_ref().unwrap();
            for (row, &k) in column.values().iter().enumerate() {
                let before = if row == 0 {
                    part.watermark_before.0
                } else {
                    behind[row - 1]
                };
                let expected = if k == 0 { Watermark::MIN.0 } else { 999 + k };
                assert_eq!(before, expected, "key {k}");
            }
        }
    }

    #[test]
    fn a_batch_of_one_key_is_sent_whole() {
        let parts = partition(keys([7, 7, 7]), 4);
        assert_eq!(parts.iter().flatten().count(), 1);
        assert_eq!(parts.into_iter().flatten().next().unwrap().len(), 3);
    }
}
