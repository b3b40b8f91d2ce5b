//! What flows between operators: rows in columns, their kinds, and how far event time has come.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::take_record_batch;
use arrow::error::ArrowError;
use millstream_functions::RowKind;

/// A point in event time: every later row is expected to have a greater rowtime.
///
/// Milliseconds since the epoch in UTC. [`Watermark::MIN`] means that nothing is known yet,
/// [`Watermark::MAX`] that the input has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watermark(pub i64);

impl Watermark {
    /// Nothing is known yet.
    pub const MIN: Watermark = Watermark(i64::MIN);
    /// The input has ended; every window fires.
    pub const MAX: Watermark = Watermark(i64::MAX);
}

/// Up to some thousand rows of one stream.
///
/// A batch that left a watermark generator carries the watermark in force *after* each of its
/// rows, so that operators can judge lateness and fire exactly where Flink would with a
/// watermark behind every row, without cutting the batch. The watermark before row `i` is
/// `watermarks[i - 1]`, and before row 0 the last one the operator was given, or
/// `watermark_before` if that is later.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The rows.
    pub rows: RecordBatch,
    /// The kind of each row; `None` means that all are inserts.
    pub kinds: Option<Arc<[RowKind]>>,
    /// The watermark after each row, never falling; `None` means that event time stands still
    /// within the batch.
    pub watermarks: Option<ScalarBuffer<i64>>,
    /// What rows that were left out of the batch had raised the watermark to before its first row.
    pub watermark_before: Watermark,
    /// When the oldest of these rows entered the job: microseconds since the epoch.
    pub ingest_micros: i64,
}

impl Batch {
    /// A batch of inserts within which event time stands still.
    pub fn append(rows: RecordBatch, ingest_micros: i64) -> Self {
        Self {
            rows,
            kinds: None,
            watermarks: None,
            watermark_before: Watermark::MIN,
            ingest_micros,
        }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kind of row `i`.
    pub fn kind(&self, i: usize) -> RowKind {
        self.kinds
            .as_ref()
            .map_or(RowKind::Insert, |kinds| kinds[i])
    }

    /// The same rows in other columns: kinds and watermarks stay.
    pub fn with_rows(&self, rows: RecordBatch) -> Self {
        debug_assert_eq!(rows.num_rows(), self.len());
        Self {
            rows,
            kinds: self.kinds.clone(),
            watermarks: self.watermarks.clone(),
            watermark_before: self.watermark_before,
            ingest_micros: self.ingest_micros,
        }
    }

    /// The rows at `indices`, which must rise so that the watermarks stay in order.
    ///
    /// Watermarks raised by rows that are left out are in force for the rows behind them; what is
    /// raised behind the last row reaches the operator after the batch.
    pub fn take(&self, indices: &UInt32Array) -> Result<Self, ArrowError> {
        let rows = take_record_batch(&self.rows, indices)?;
        Ok(self.of_rows(rows, indices.values()))
    }

    /// A batch of `rows`, which were made of this batch's rows at `indices`. These rise; several
    /// rows may have been made of one.
    pub fn of_rows(&self, rows: RecordBatch, indices: &[u32]) -> Self {
        debug_assert_eq!(rows.num_rows(), indices.len());
        debug_assert!(indices.is_sorted());
        let mut watermark_before = self.watermark_before;
        let watermarks = self.watermarks.as_ref().map(|watermarks| {
            if let Some(&first) = indices.first()
                && first > 0
            {
                watermark_before = watermark_before.max(Watermark(watermarks[first as usize - 1]));
            }
            let before = |row: u32| match row {
                0 => self.watermark_before.0,
                row => watermarks[row as usize - 1],
            };
            let last = indices.last().map(|&last| watermarks[last as usize]);
            let next = indices.iter().skip(1);
            next.map(|&next| before(next)).chain(last).collect()
        });
        Self {
            rows,
            kinds: self
                .kinds
                .as_ref()
                .map(|kinds| indices.iter().map(|&i| kinds[i as usize]).collect()),
            watermarks,
            watermark_before,
            ingest_micros: self.ingest_micros,
        }
    }

    /// Rows `offset..offset + length` without a copy.
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        Self {
            rows: self.rows.slice(offset, length),
            kinds: self
                .kinds
                .as_ref()
                .map(|kinds| kinds[offset..offset + length].into()),
            watermarks: self.watermarks.as_ref().map(|w| w.slice(offset, length)),
            watermark_before: match (&self.watermarks, offset) {
                (Some(watermarks), 1..) => {
                    self.watermark_before.max(Watermark(watermarks[offset - 1]))
                }
                _ => self.watermark_before,
            },
            ingest_micros: self.ingest_micros,
        }
    }

    /// Caps the watermarks at `limit`: what the other inputs of the operator allow.
    pub fn cap_watermarks(&mut self, limit: Watermark) {
        self.watermark_before = self.watermark_before.min(limit);
        if let Some(watermarks) = &self.watermarks
            && watermarks.last().is_some_and(|&last| last > limit.0)
        {
            self.watermarks = Some(watermarks.iter().map(|&w| w.min(limit.0)).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;

    #[test]
    fn a_watermark_raised_by_a_row_left_out_holds_for_the_next_row() {
        let rows = RecordBatch::try_from_iter([(
            "v",
            Arc::new(Int64Array::from(vec![0, 1, 2, 3, 4, 5])) as _,
        )])
        .unwrap();
        let mut batch = Batch::append(rows, 0);
        batch.watermarks = Some(vec![10, 11, 12, 13, 14, 15].into());

        let taken = batch.take(&UInt32Array::from(vec![1, 2, 4])).unwrap();
        assert_eq!(taken.watermark_before, Watermark(10));
        assert_eq!(taken.watermarks.unwrap().to_vec(), [11, 13, 14]);

        let slice = batch.slice(2, 2);
        assert_eq!(slice.watermark_before, Watermark(11));
        assert_eq!(slice.watermarks.unwrap().to_vec(), [12, 13]);
    }
}
