//! Deduplication by processing time: `ROW_NUMBER() OVER (PARTITION BY … ORDER BY PROCTIME()) = 1`.
//!
//! **Keep first** (`ASC`) emits the first row of each key to arrive, as an insert, and no other.
//!
//! **Keep last** (`DESC`) emits every row as the new content of its key: `+I` for the first, then
//! `-U` of the old row and `+U` of the new one, also where both are equal, as Flink does.
//!
//! The input is insert-only; over updated rows Flink plans a retracting Top-N
//! ([`top_n`](crate::top_n)), over upserts by the same key a
//! [changelog normalisation](crate::changelog_normalize). **State** per key: that it was seen, or
//! its last row; with a TTL until it was not written for so long.

use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::datatypes::SchemaRef;
use millstream_functions::RowKind;
use millstream_state::{KeyedTable, Slot};

use crate::batch::Batch;
use crate::changelog::{Changes, Place, RowCodec, insert_only};
use crate::keys::KeyEncoder;
use crate::last_row::LastRow;
use crate::operator::{Operator, OperatorContext, OperatorError, Output};
use crate::retention::Retention;

/// What a deduplication by processing time asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProctimeDeduplicateSpec {
    /// `PARTITION BY`; may be empty.
    pub keys: Vec<usize>,
    /// Whether the last row stays instead of the first.
    pub keep_last: bool,
    /// Whether the consumer wants `-U`; keep last only.
    pub update_before: bool,
    /// State TTL in milliseconds.
    pub ttl_millis: Option<i64>,
}

impl ProctimeDeduplicateSpec {
    /// The operator over rows of `input`, which are those of the output too.
    pub fn operator(
        &self,
        context: &OperatorContext,
        input: SchemaRef,
    ) -> Result<Box<dyn Operator>, OperatorError> {
        let keys = KeyEncoder::new(&input, &self.keys)?;
        let retention = Retention::new(self.ttl_millis, &context.clock);
        let groups = context.key_groups.clone();
        Ok(if self.keep_last {
            Box::new(KeepLast {
                keys,
                codec: RowCodec::new(input, "deduplication")?,
                update_before: self.update_before,
                retention,
                table: context.backend.table(&context.uid, groups)?,
                changes: Changes::default(),
                slots: Vec::new(),
            })
        } else {
            Box::new(KeepFirst {
                keys,
                retention,
                table: context.backend.table(&context.uid, groups)?,
                slots: Vec::new(),
            })
        })
    }
}

const INSTEAD: &str = "deduplicate before the update, or plan a retracting Top-N";

#[derive(Debug)]
struct KeepFirst {
    keys: KeyEncoder,
    retention: Retention,
    /// When each key was seen.
    table: KeyedTable<i64>,
    slots: Vec<Slot>,
}

impl Operator for KeepFirst {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        insert_only(&batch, "deduplication by processing time", INSTEAD)?;
        let keys = self.keys.encode(&batch.rows)?;
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut self.slots)?;
        let now = self.retention.now();
        let mut first: Vec<u32> = Vec::new();
        for (row, &slot) in self.slots.iter().enumerate() {
            let seen = *self.table.get(slot);
            if !self.table.is_live(slot) || self.retention.is_expired(seen, now) {
                *self.table.get_mut(slot) = now;
                first.push(row as u32);
            }
        }
        if first.len() == batch.len() {
            out.emit(batch);
        } else if !first.is_empty() {
            out.emit(batch.take(&UInt32Array::from(first))?);
        }
        Ok(())
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        Ok(Vec::new())
    }

    fn tick(&mut self, now: i64, _: &mut Output) -> Result<(), OperatorError> {
        if self.retention.sweep_is_due(now) {
            let keys = &self.keys;
            let hash_of = |key: &[u8]| keys.hash_of(key);
            self.retention
                .sweep(&mut self.table, now, hash_of, |seen| *seen)?;
        }
        Ok(())
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        Ok(self.table.evict()?)
    }
}

#[derive(Debug)]
struct KeepLast {
    keys: KeyEncoder,
    codec: RowCodec,
    update_before: bool,
    retention: Retention,
    table: KeyedTable<LastRow>,
    changes: Changes,
    slots: Vec<Slot>,
}

impl Operator for KeepLast {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        insert_only(&batch, "deduplication by processing time", INSTEAD)?;
        let keys = self.keys.encode(&batch.rows)?;
        let columns = self.codec.encode(&batch.rows)?;
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut self.slots)?;
        let now = self.retention.now();
        for (row, &slot) in self.slots.iter().enumerate() {
            let before = self.table.get(slot);
            let new = columns.row(row);
            let place = Place::Input(row as u32);
            let expired = self.retention.is_expired(before.written, now);
            match before.row.as_ref().filter(|_| !expired) {
                None => self.changes.push(RowKind::Insert, place, row),
                Some(old) => {
                    if self.update_before {
                        let old = self.changes.keep(old);
                        self.changes.push(RowKind::UpdateBefore, old, row);
                    }
                    self.changes.push(RowKind::UpdateAfter, place, row);
                }
            }
            *self.table.get_mut(slot) = LastRow {
                row: Some(new.data().into()),
                written: now,
            };
        }
        let schema = Arc::clone(self.codec.schema());
        if let Some(emitted) = self.changes.finish(&batch, &self.codec, &schema)? {
            out.emit(emitted);
        }
        Ok(())
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        Ok(Vec::new())
    }

    fn tick(&mut self, now: i64, _: &mut Output) -> Result<(), OperatorError> {
        if self.retention.sweep_is_due(now) {
            let keys = &self.keys;
            let hash_of = |key: &[u8]| keys.hash_of(key);
            self.retention
                .sweep(&mut self.table, now, hash_of, |last| last.written)?;
        }
        Ok(())
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        Ok(self.table.evict()?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use proptest::prelude::*;

    use super::*;
    use crate::harness::Harness;

    type Row = (Option<&'static str>, i64);

    fn harness(rows: &[Row], keep_last: bool, ttl_millis: Option<i64>) -> Harness<'static> {
        let kinds = vec![RowKind::Insert; rows.len()];
        let rows = RecordBatch::try_from_iter_with_nullable([
            (
                "k",
                Arc::new(StringArray::from_iter(rows.iter().map(|r| r.0))) as ArrayRef,
                true,
            ),
            (
                "v",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1))) as _,
                false,
            ),
        ])
        .unwrap();
        let schema = rows.schema();
        let spec = ProctimeDeduplicateSpec {
            keys: vec![0],
            keep_last,
            update_before: true,
            ttl_millis,
        };
        Harness::changelog(
            move |context| spec.operator(context, Arc::clone(&schema)),
            &[0],
            rows,
            kinds,
        )
    }

    const ROWS: [Row; 6] = [
        (Some("a"), 1),
        (None, 2),
        (Some("a"), 1), // the same again
        (Some("a"), 3),
        (None, 4),
        (Some("b"), 5),
    ];

    #[test]
    fn the_first_row_to_arrive_stays() {
        assert_eq!(
            harness(&ROWS, false, None).check(6),
            ["+I[a, 1]", "+I[null, 2]", "+I[b, 5]"]
        );
    }

    #[test]
    fn the_last_row_to_arrive_replaces_the_one_before() {
        assert_eq!(
            harness(&ROWS, true, None).check(6),
            [
                "+I[a, 1]",
                "+I[null, 2]",
                "-U[a, 1]",
                "+U[a, 1]",
                "-U[a, 1]",
                "+U[a, 3]",
                "-U[null, 2]",
                "+U[null, 4]",
                "+I[b, 5]",
            ]
        );
    }

    #[test]
    fn a_key_begins_anew_when_its_time_to_live_has_passed() {
        let times = vec![1, 2, 5, 11, 12, 13];
        assert_eq!(
            harness(&ROWS, false, Some(10))
                .with_clock(times.clone())
                .check(6),
            [
                "+I[a, 1]",
                "+I[null, 2]",
                "+I[a, 3]",
                "+I[null, 4]",
                "+I[b, 5]"
            ]
        );
        assert_eq!(
            harness(&ROWS, true, Some(10)).with_clock(times).check(6),
            [
                "+I[a, 1]",
                "+I[null, 2]",
                "-U[a, 1]",
                "+U[a, 1]",
                "-U[a, 1]",
                "+U[a, 3]",
                "+I[null, 4]",
                "+I[b, 5]",
            ]
        );
    }

    #[test]
    fn updates_are_refused() {
        let rows =
            RecordBatch::try_from_iter([("k", Arc::new(Int64Array::from(vec![1])) as ArrayRef)])
                .unwrap();
        let mut batch = Batch::append(rows, 0);
        batch.kinds = Some([RowKind::Delete].into());
        let error = insert_only(&batch, "deduplication", INSTEAD).unwrap_err();
        assert!(error.to_string().contains("retracting Top-N"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn both_agree_with_the_definition(
            drawn in prop::collection::vec((0..4usize, 0..4i64), 1..60),
            seed: u64,
        ) {
            let names = [None, Some("a"), Some("b"), Some("c")];
            let rows: Vec<Row> = drawn.into_iter().map(|(k, v)| (names[k], v)).collect();
            let text = |kind: &str, key: Option<&str>, v: i64| {
                format!("{kind}[{}, {v}]", key.unwrap_or("null"))
            };
            let (mut first, mut all) = (Vec::new(), Vec::new());
            let mut last: HashMap<Option<&str>, i64> = HashMap::new();
            for &(key, v) in &rows {
                match last.insert(key, v) {
                    None => {
                        first.push(text("+I", key, v));
                        all.push(text("+I", key, v));
                    }
                    Some(old) => {
                        all.push(text("-U", key, old));
                        all.push(text("+U", key, v));
                    }
                }
            }
            for (keep_last, mut expected) in [(false, first), (true, all)] {
                let harness = harness(&rows, keep_last, None);
                prop_assert_eq!(&harness.run(7).unwrap(), &expected);
                expected.sort();
                prop_assert_eq!(&harness.run_killed(seed).unwrap(), &expected);
            }
        }
    }
}
