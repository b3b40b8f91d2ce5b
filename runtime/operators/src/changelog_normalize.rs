//! Changelog normalisation: a source that upserts becomes a changelog with both sides of an update.
//!
//! Computes, from rows that are inserted or updated (`+I`, `+U`) and deleted by a primary key, the
//! changelog `+I`, `-U`, `+U`, `-D` of the table they describe. A row that changes nothing is
//! dropped (unless a TTL is set, since whoever keeps state downstream must see that it lives), and
//! so is a delete of a key that is not there. A delete may carry nothing but the key: what is
//! emitted is the row as it was last. `-U` in the input counts as a delete.
//!
//! With a **filter** rows for which it is not TRUE count as deleted, so the rows that the filter
//! drops take no state.
//!
//! **State** per key: the last row; gone with the row, or when its TTL has passed.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::SchemaRef;
use datafusion_physical_expr::PhysicalExpr;
use millstream_functions::RowKind;
use millstream_state::{KeyedTable, Slot};

use crate::batch::Batch;
use crate::changelog::{Changes, Place, RowCodec};
use crate::keys::KeyEncoder;
use crate::last_row::LastRow;
use crate::operator::{Operator, OperatorContext, OperatorError, Output};
use crate::retention::Retention;

/// What a normalisation asks for.
#[derive(Debug, Clone)]
pub struct ChangelogNormalizeSpec {
    /// The primary key.
    pub key: Vec<usize>,
    /// Which rows to keep, over the input's columns.
    pub filter: Option<Arc<dyn PhysicalExpr>>,
    /// Whether the consumer wants `-U`.
    pub update_before: bool,
    /// State TTL in milliseconds.
    pub ttl_millis: Option<i64>,
}

/// Keeps the last row of each key. See the [module](self).
#[derive(Debug)]
pub struct ChangelogNormalize {
    spec: ChangelogNormalizeSpec,
    keys: KeyEncoder,
    codec: RowCodec,
    retention: Retention,
    table: KeyedTable<LastRow>,
    changes: Changes,
    slots: Vec<Slot>,
}

impl ChangelogNormalize {
    /// The operator over rows of `input`, which are those of the output too.
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        spec: ChangelogNormalizeSpec,
    ) -> Result<Self, OperatorError> {
        Ok(Self {
            keys: KeyEncoder::new(&input, &spec.key)?,
            codec: RowCodec::new(input, "changelog normalisation")?,
            retention: Retention::new(spec.ttl_millis, &context.clock),
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            changes: Changes::default(),
            slots: Vec::new(),
            spec,
        })
    }

    /// Which rows the filter keeps; `None` for all.
    fn kept(&self, batch: &Batch) -> Result<Option<BooleanBuffer>, OperatorError> {
        let Some(filter) = &self.spec.filter else {
            return Ok(None);
        };
        let mask = filter.evaluate(&batch.rows)?.into_array(batch.len())?;
        let mask = mask.as_boolean_opt().ok_or_else(|| {
            OperatorError::Row(format!("the condition {filter} is not a BOOLEAN"))
        })?;
        // NULL is not TRUE.
        Ok(Some(match mask.nulls() {
            Some(nulls) => mask.values() & nulls.inner(),
            None => mask.values().clone(),
        }))
    }
}

impl Operator for ChangelogNormalize {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let kept = self.kept(&batch)?;
        let keys = self.keys.encode(&batch.rows)?;
        let columns = self.codec.encode(&batch.rows)?;
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut self.slots)?;
        let now = self.retention.now();
        for (row, &slot) in self.slots.iter().enumerate() {
            let before = self.table.get(slot);
            let known = before.row.is_some() && !self.retention.is_expired(before.written, now);
            let stays =
                batch.kind(row).is_accumulate() && kept.as_ref().is_none_or(|kept| kept.value(row));
            if !stays {
                if known && let Some(old) = &before.row {
                    let old = self.changes.keep(old);
                    self.changes.push(RowKind::Delete, old, row);
                    self.table.remove(slot);
                }
                continue;
            }
            let new = columns.row(row);
            let place = Place::Input(row as u32);
            match before.row.as_ref().filter(|_| known) {
                None => self.changes.push(RowKind::Insert, place, row),
                Some(old) => {
                    if !self.retention.expires() && **old == *new.data() {
                        continue;
                    }
                    if self.spec.update_before {
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
    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use datafusion_expr::Operator as Op;
    use datafusion_physical_expr::expressions::{binary, col, lit};
    use proptest::prelude::*;

    use super::*;
    use crate::harness::Harness;
    use RowKind::{Delete, Insert, UpdateAfter, UpdateBefore};

    type Row = (&'static str, Option<i64>);

    fn table(rows: &[(RowKind, Row)]) -> RecordBatch {
        let rows = rows.iter().map(|(_, row)| row);
        RecordBatch::try_from_iter_with_nullable([
            (
                "k",
                Arc::new(StringArray::from_iter_values(rows.clone().map(|r| r.0))) as ArrayRef,
                false,
            ),
            (
                "v",
                Arc::new(Int64Array::from_iter(rows.map(|r| r.1))) as _,
                true,
            ),
        ])
        .unwrap()
    }

    fn normalize(
        rows: &[(RowKind, Row)],
        below: Option<i64>,
        update_before: bool,
        ttl_millis: Option<i64>,
    ) -> Harness<'static> {
        let kinds = rows.iter().map(|(kind, _)| *kind).collect();
        let rows = table(rows);
        let schema = rows.schema();
        let filter = below.map(|below| {
            let v = col("v", &schema).unwrap();
            binary(v, Op::Lt, lit(below), &schema).unwrap()
        });
        let spec = ChangelogNormalizeSpec {
            key: vec![0],
            filter,
            update_before,
            ttl_millis,
        };
        Harness::changelog(
            move |context| {
                let (schema, spec) = (Arc::clone(&schema), spec.clone());
                Ok(Box::new(ChangelogNormalize::new(context, schema, spec)?))
            },
            &[0],
            rows,
            kinds,
        )
    }

    const ROWS: [(RowKind, Row); 9] = [
        (Insert, ("x", Some(1))),
        (UpdateAfter, ("x", Some(2))),
        (UpdateAfter, ("y", Some(9))), // an update of what was never inserted
        (UpdateAfter, ("y", Some(9))), // twice
        (Insert, ("x", Some(7))),      // inserted again
        (Delete, ("y", None)),         // the key alone
        (Delete, ("y", Some(9))),      // gone already
        (Insert, ("y", None)),
        (UpdateBefore, ("x", Some(7))), // counts as a delete
    ];

    #[test]
    fn upserts_become_a_changelog() {
        assert_eq!(
            normalize(&ROWS, None, true, None).check(6),
            [
                "+I[x, 1]",
                "-U[x, 1]",
                "+U[x, 2]",
                "+I[y, 9]",
                "-U[x, 2]",
                "+U[x, 7]",
                "-D[y, 9]",
                "+I[y, null]",
                "-D[x, 7]",
            ]
        );
        assert_eq!(
            normalize(&ROWS[..5], None, false, None).check(2),
            ["+I[x, 1]", "+U[x, 2]", "+I[y, 9]", "+U[x, 7]"]
        );
    }

    #[test]
    fn rows_that_the_filter_drops_are_deleted() {
        assert_eq!(
            normalize(&ROWS, Some(5), true, None).check(6),
            ["+I[x, 1]", "-U[x, 1]", "+U[x, 2]", "-D[x, 2]"]
        );
    }

    #[test]
    fn with_a_time_to_live_repeated_rows_come_through_until_it_has_passed() {
        let rows = [(UpdateAfter, ("x", Some(1))); 4];
        assert_eq!(
            normalize(&rows, None, true, Some(10))
                .with_clock(vec![1, 5, 14, 24])
                .check(6),
            [
                "+I[x, 1]", "-U[x, 1]", "+U[x, 1]", "-U[x, 1]", "+U[x, 1]", "+I[x, 1]"
            ]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_table_is_that_of_the_last_rows(
            drawn in prop::collection::vec((0..3usize, prop::option::of(0..6i64), 0..4u8), 1..60),
            below in prop::option::of(1..6i64),
            seed: u64,
        ) {
            let mut rows = Vec::new();
            let mut expected: Vec<String> = Vec::new();
            let mut table: [Option<Option<i64>>; 3] = [None; 3];
            let names = ["a", "b", "c"];
            for (key, value, kind) in drawn {
                let kind = RowKind::from_byte(kind).unwrap();
                rows.push((kind, (names[key], value)));
                let text = |kind: &str, value: Option<i64>| {
                    let value = value.map_or("null".to_owned(), |v| v.to_string());
                    format!("{kind}[{}, {value}]", names[key])
                };
                let passes = below.is_none_or(|below| value.is_some_and(|v| v < below));
                let new = (kind.is_accumulate() && passes).then_some(value);
                match (table[key], new) {
                    (None, Some(new)) => expected.push(text("+I", new)),
                    (Some(old), None) => expected.push(text("-D", old)),
                    (Some(old), Some(new)) if old != new => {
                        expected.push(text("-U", old));
                        expected.push(text("+U", new));
                    }
                    _ => {}
                }
                table[key] = new;
            }
            let harness = normalize(&rows, below, true, None);
            prop_assert_eq!(&harness.run(5).unwrap(), &expected);
            expected.sort();
            prop_assert_eq!(&harness.run_killed(seed).unwrap(), &expected);
        }
    }
}
