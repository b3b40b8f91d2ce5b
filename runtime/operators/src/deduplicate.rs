//! Deduplication by event time: `ROW_NUMBER() OVER (PARTITION BY … ORDER BY rowtime) = 1`.
//!
//! **Keep first** (`ORDER BY rowtime ASC`) computes for every key the row with the smallest rowtime,
//! of peers the first to arrive, and emits it as an insert when the watermark reaches it; a row
//! that arrives later with a smaller rowtime wins while the watermark permits. A row below the
//! watermark is late and ignored, one equal to it is not.
//!
//! **Keep last** (`ORDER BY rowtime DESC`) computes the row with the largest rowtime, of peers the
//! last to arrive, as a changelog: `+I` for the first row of a key, then `-U` of the old and `+U` of
//! the new one. Nothing is late, the watermark plays no part.
//!
//! The input is insert-only. **State** per key: whether the first row came out (or the rowtime it
//! waits for, and the rows that wait), or the last row. It stays as long as the job: a key may
//! always come back.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::row::{RowConverter, RowParser, SortField};
use millstream_functions::RowKind;
use millstream_state::codec::{Reader, put_bytes, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::batch::{Batch, Watermark};
use crate::keys::KeyEncoder;
use crate::operator::{
    Operator, OperatorContext, OperatorError, Output, load_watermark, save_watermark,
};
use crate::pending::{PendingRow, PendingRows};
use crate::time::rowtime_millis;

/// The columns of a deduplication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeduplicateSpec {
    /// `PARTITION BY`; may be empty.
    pub keys: Vec<usize>,
    /// `ORDER BY`: the rowtime column.
    pub rowtime: usize,
}

fn insert_only(batch: &Batch) -> Result<(), OperatorError> {
    match &batch.kinds {
        Some(kinds) if kinds.iter().any(|kind| *kind != RowKind::Insert) => {
            Err(OperatorError::Row(
                "deduplication of rows that are updated or deleted is not supported; deduplicate \
                 before the update"
                    .to_owned(),
            ))
        }
        _ => Ok(()),
    }
}

fn check_rowtime(input: &SchemaRef, spec: &DeduplicateSpec) -> Result<String, OperatorError> {
    let field = input.field(spec.rowtime);
    match field.data_type() {
        DataType::Timestamp(_, _) => Ok(field.name().clone()),
        other => Err(OperatorError::Row(format!(
            "deduplication ORDER BY {}: only event time is supported, and the column is {other}",
            field.name()
        ))),
    }
}

/// Keeps the first row of each key. See the [module](self).
#[derive(Debug)]
pub struct DeduplicateFirst {
    rowtime: usize,
    rowtime_name: String,
    keys: KeyEncoder,
    table: KeyedTable<First>,
    pending: PendingRows,
    watermark: i64,
    late: u64,
    slots: Vec<Slot>,
    ripe: Vec<PendingRow>,
}

impl DeduplicateFirst {
    /// The operator over rows of `input`, which are those of the output too.
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &DeduplicateSpec,
    ) -> Result<Self, OperatorError> {
        Ok(Self {
            rowtime: spec.rowtime,
            rowtime_name: check_rowtime(&input, spec)?,
            keys: KeyEncoder::new(&input, &spec.keys)?,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            pending: PendingRows::new(context, "pending", input)?,
            watermark: i64::MIN,
            late: 0,
            slots: Vec::new(),
            ripe: Vec::new(),
        })
    }
}

impl Operator for DeduplicateFirst {
    fn process(&mut self, _: usize, batch: Batch, _: &mut Output) -> Result<(), OperatorError> {
        insert_only(&batch)?;
        let times = rowtime_millis(batch.rows.column(self.rowtime), &self.rowtime_name)?;
        let keys = self.keys.encode(&batch.rows)?;
        let mut slots = std::mem::take(&mut self.slots);
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
        self.pending
            .begin(batch.rows, keys, Vec::new(), batch.ingest_micros);
        let mut before = self.watermark.max(batch.watermark_before.0);
        for (row, (&time, &slot)) in times.iter().zip(&slots).enumerate() {
            // A row that is due already but not emitted yet has a smaller rowtime than this one,
            // or is a peer that came before it: it will win.
            let state = self.table.get(slot);
            if time < before {
                self.late += 1;
            } else if !state.emitted && state.waits_for.is_none_or(|first| time < first) {
                self.table.get_mut(slot).waits_for = Some(time);
                let trigger = time.max(before.saturating_add(1));
                self.pending.add(row, trigger, time, slot, 0);
            }
            if let Some(watermarks) = &batch.watermarks {
                before = before.max(watermarks[row]);
            }
        }
        self.slots = slots;
        self.pending.end();
        Ok(())
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        if watermark.0 <= self.watermark {
            return Ok(());
        }
        self.watermark = watermark.0;
        let mut ripe = std::mem::take(&mut self.ripe);
        self.pending
            .take_ripe(watermark.0, &mut self.table, &mut ripe)?;
        let mut first = Vec::new();
        let (mut before, mut any_late, mut ingest_micros) = (Vec::new(), false, i64::MAX);
        for row in &ripe {
            let state = self.table.get_mut(row.slot);
            if !state.emitted {
                state.emitted = true;
                state.waits_for = None;
                first.push(row.at);
                before.push(row.trigger.saturating_sub(1));
                any_late |= row.trigger != row.time;
                ingest_micros = ingest_micros.min(self.pending.batch(row.at)?.ingest_micros);
            }
        }
        if !first.is_empty() {
            let mut batch = Batch::append(self.pending.gather(&first)?, ingest_micros);
            if any_late {
                batch.watermark_before = Watermark(before[0]);
                batch.watermarks = Some(before[1..].iter().chain(before.last()).copied().collect());
            }
            out.emit(batch);
        }
        self.pending.release(ripe.iter().map(|row| row.at));
        self.ripe = ripe;
        Ok(())
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        self.pending.invalidate_slots();
        self.pending.snapshot(epoch)?;
        Ok(save_watermark(self.watermark))
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.watermark = load_watermark(former)?;
        self.pending
            .restore(&self.keys, &mut self.table, |_| Vec::new())
    }

    fn late_rows(&self) -> u64 {
        self.late
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        self.pending.compact(&self.keys, |_| Vec::new())?;
        self.pending.invalidate_slots();
        self.table.evict()?;
        self.pending.evict()
    }
}

/// What is known of a key's first row.
#[derive(Debug, Default, PartialEq)]
struct First {
    emitted: bool,
    /// The smallest rowtime that waits.
    waits_for: Option<i64>,
}

impl StateValue for First {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        match self.waits_for {
            _ if self.emitted => out.push(1),
            Some(time) => {
                out.push(2);
                put_zigzag(out, time);
            }
            None => out.push(0),
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let first = match reader.u8()? {
            0 => First::default(),
            1 => First {
                emitted: true,
                waits_for: None,
            },
            2 => First {
                emitted: false,
                waits_for: Some(reader.zigzag()?),
            },
            _ => {
                return Err(CodecError::Invalid {
                    what: "deduplication state",
                    at: 1,
                });
            }
        };
        reader.finish()?;
        Ok(first)
    }

    fn heap_size(&self) -> usize {
        0
    }
}

/// Keeps the last row of each key, as a changelog. See the [module](self).
#[derive(Debug)]
pub struct DeduplicateLast {
    rowtime: usize,
    rowtime_name: String,
    /// Whether the consumer wants `-U`.
    update_before: bool,
    schema: SchemaRef,
    keys: KeyEncoder,
    converter: RowConverter,
    parser: RowParser,
    table: KeyedTable<Last>,
    slots: Vec<Slot>,
}

impl DeduplicateLast {
    /// The operator over rows of `input`, which are those of the output too; `update_before` says
    /// whether the consumer wants `-U`.
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &DeduplicateSpec,
        update_before: bool,
    ) -> Result<Self, OperatorError> {
        let rowtime_name = check_rowtime(&input, spec)?;
        let fields: Vec<SortField> = input
            .fields()
            .iter()
            .map(|field| SortField::new(field.data_type().clone()))
            .collect();
        if !RowConverter::supports_fields(&fields) {
            return Err(OperatorError::Row(format!(
                "rows of type {input} cannot be kept: a column type is not supported in state; \
                 leave the column out before the deduplication"
            )));
        }
        let converter = RowConverter::new(fields)?;
        Ok(Self {
            rowtime: spec.rowtime,
            rowtime_name,
            update_before,
            keys: KeyEncoder::new(&input, &spec.keys)?,
            schema: input,
            parser: converter.parser(),
            converter,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            slots: Vec::new(),
        })
    }
}

impl Operator for DeduplicateLast {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        insert_only(&batch)?;
        let times = rowtime_millis(batch.rows.column(self.rowtime), &self.rowtime_name)?;
        let keys = self.keys.encode(&batch.rows)?;
        let encoded = self.converter.convert_columns(batch.rows.columns())?;
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut self.slots)?;

        let mut old: Vec<Box<[u8]>> = Vec::new();
        let (mut places, mut rows, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
        let mut emit = |place: (usize, usize), row: usize, kind: RowKind| {
            places.push(place);
            rows.push(row as u32);
            kinds.push(kind);
        };
        for (row, (&time, &slot)) in times.iter().zip(&self.slots).enumerate() {
            let before = self.table.get(slot);
            if before.row.is_some() && before.time > time {
                continue;
            }
            let state = self.table.get_mut(slot);
            let columns: Box<[u8]> = encoded.row(row).data().into();
            state.time = time;
            match state.row.replace(columns) {
                None => emit((0, row), row, RowKind::Insert),
                Some(before) => {
                    if self.update_before {
                        emit((1, old.len()), row, RowKind::UpdateBefore);
                        old.push(before);
                    }
                    emit((0, row), row, RowKind::UpdateAfter);
                }
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let columns = self
            .converter
            .convert_rows(old.iter().map(|row| self.parser.parse(row)))?;
        let old = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|e| {
            OperatorError::Restore(format!(
                "the rows in the checkpoint have other columns than the query now: {e}"
            ))
        })?;
        let merged = interleave_record_batch(&[&batch.rows, &old], &places)?;
        let mut emitted = batch.of_rows(merged, &rows);
        emitted.kinds = Some(kinds.into());
        out.emit(emitted);
        Ok(())
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        Ok(Vec::new())
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        Ok(self.table.evict()?)
    }
}

/// The last row of a key.
#[derive(Debug, Default)]
struct Last {
    time: i64,
    /// All columns in Arrow's row format.
    row: Option<Box<[u8]>>,
}

impl StateValue for Last {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_zigzag(out, self.time);
        if let Some(row) = &self.row {
            put_bytes(out, row);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let time = reader.zigzag()?;
        let row = if reader.is_empty() {
            None
        } else {
            Some(reader.bytes()?.into())
        };
        reader.finish()?;
        Ok(Self { time, row })
    }

    fn heap_size(&self) -> usize {
        self.row.as_ref().map_or(0, |row| row.len())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray};
    use proptest::prelude::*;

    use super::*;
    use crate::harness::Harness;

    type Row = (i64, Option<&'static str>, i64);

    fn table(rows: &[Row]) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([
            (
                "id",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))) as ArrayRef,
                false,
            ),
            (
                "k",
                Arc::new(StringArray::from_iter(rows.iter().map(|r| r.1))) as _,
                true,
            ),
            (
                "ts",
                Arc::new(TimestampMillisecondArray::from_iter_values(
                    rows.iter().map(|r| r.2),
                )) as _,
                false,
            ),
        ])
        .unwrap()
    }

    const SPEC: fn() -> DeduplicateSpec = || DeduplicateSpec {
        keys: vec![1],
        rowtime: 2,
    };

    fn first(rows: &[Row], delay: i64) -> Harness<'static> {
        let rows = table(rows);
        let schema = rows.schema();
        Harness::with_delay(
            move |context| {
                let operator = DeduplicateFirst::new(context, Arc::clone(&schema), &SPEC())?;
                Ok(Box::new(operator))
            },
            &[1],
            rows,
            2,
            delay,
        )
        .unwrap()
    }

    fn last(rows: &[Row], update_before: bool) -> Harness<'static> {
        let rows = table(rows);
        let schema = rows.schema();
        Harness::with_delay(
            move |context| {
                let schema = Arc::clone(&schema);
                let operator = DeduplicateLast::new(context, schema, &SPEC(), update_before)?;
                Ok(Box::new(operator))
            },
            &[1],
            rows,
            2,
            0,
        )
        .unwrap()
    }

    #[test]
    fn the_first_row_by_rowtime_comes_out_once() {
        let rows = [
            (1, Some("a"), 10_000),
            (2, Some("a"), 8_000), // earlier, and the watermark permits
            (3, None, 9_000),
            (4, Some("a"), 8_000), // a peer that came later
            (5, Some("a"), 30_000),
            (6, Some("b"), 24_999), // below the watermark, though its key is new
            (7, Some("c"), 25_000), // equal to it
            (8, None, 40_000),
        ];
        assert_eq!(
            first(&rows, 5_000).check(8),
            ["+I[2, a, 8000]", "+I[3, null, 9000]", "+I[7, c, 25000]"]
        );
    }

    #[test]
    fn the_last_row_by_rowtime_replaces_the_one_before() {
        let rows = [
            (1, Some("a"), 10),
            (2, Some("a"), 20),
            (3, Some("a"), 15),
            (4, Some("a"), 20), // a peer that came later
            (5, None, 1),
            (6, None, 2),
        ];
        assert_eq!(
            last(&rows, true).check(8),
            [
                "+I[1, a, 10]",
                "-U[1, a, 10]",
                "+U[2, a, 20]",
                "-U[2, a, 20]",
                "+U[4, a, 20]",
                "+I[5, null, 1]",
                "-U[5, null, 1]",
                "+U[6, null, 2]",
            ]
        );
        assert_eq!(
            last(&rows[..2], false).check(2),
            ["+I[1, a, 10]", "+U[2, a, 20]"]
        );
    }

    #[test]
    fn updates_are_refused() {
        let mut batch = Batch::append(table(&[(1, None, 1)]), 0);
        batch.kinds = Some([RowKind::UpdateAfter].into());
        assert!(insert_only(&batch).is_err());
    }

    #[test]
    fn the_bytes_of_the_state_never_change() {
        let encode = |value: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = Vec::new();
            value(&mut bytes);
            bytes
        };
        let waits = First {
            emitted: false,
            waits_for: Some(5),
        };
        assert_eq!(encode(&|out| waits.encode(out)), [1, 2, 10]);
        assert_eq!(First::decode(&[1, 2, 10]).unwrap(), waits);
        assert!(First::decode(&[1, 1]).unwrap().emitted);
        assert!(First::decode(&[1, 7]).is_err());
        let row = Last {
            time: -1,
            row: Some([9].into()),
        };
        assert_eq!(encode(&|out| row.encode(out)), [1, 1, 1, 9]);
        assert_eq!(
            Last::decode(&[1, 1, 1, 9]).unwrap().row.as_deref(),
            Some([9].as_slice())
        );
    }

    /// Random rows: few keys, times around the watermark.
    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let key = prop_oneof![
            Just(None),
            Just(Some("a")),
            Just(Some("b")),
            Just(Some("c"))
        ];
        prop::collection::vec((key, 1..60i64), 1..60).prop_map(|rows| {
            let numbered = rows.into_iter().enumerate();
            numbered
                .map(|(i, (k, jitter))| (i as i64, k, i as i64 + jitter))
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Every row and every watermark in turn, as Flink does.
        #[test]
        fn keep_first_agrees_with_the_definition(rows in rows(), delay in 0..20i64, seed: u64) {
            let mut waiting: Vec<Row> = Vec::new();
            let mut done: Vec<Option<&str>> = Vec::new();
            let mut expected = Vec::new();
            let mut watermark = i64::MIN;
            let mut advance = |to: i64, waiting: &mut Vec<Row>, done: &mut Vec<Option<&str>>| {
                let due: Vec<Row> = waiting.iter().filter(|r| r.2 <= to).copied().collect();
                waiting.retain(|r| r.2 > to);
                for row in due {
                    done.push(row.1);
                    expected.push(format!("+I[{}, {}, {}]", row.0, row.1.unwrap_or("null"), row.2));
                }
            };
            for &row in &rows {
                if row.2 >= watermark && !done.contains(&row.1) {
                    match waiting.iter_mut().find(|r| r.1 == row.1) {
                        Some(other) if row.2 < other.2 => *other = row,
                        Some(_) => {}
                        None => waiting.push(row),
                    }
                }
                if row.2 - delay > watermark.max(0) {
                    watermark = row.2 - delay;
                    advance(watermark, &mut waiting, &mut done);
                }
            }
            advance(i64::MAX, &mut waiting, &mut done);
            expected.sort();
            let harness = first(&rows, delay);
            let mut got = harness.run(5).unwrap();
            got.sort();
            prop_assert_eq!(&got, &expected);
            prop_assert_eq!(&harness.run_killed(seed).unwrap(), &expected);
        }

        #[test]
        fn keep_last_agrees_with_the_definition(rows in rows(), seed: u64) {
            let mut kept: Vec<Row> = Vec::new();
            let mut expected = Vec::new();
            let text = |kind: &str, r: Row| {
                format!("{kind}[{}, {}, {}]", r.0, r.1.unwrap_or("null"), r.2)
            };
            for &row in &rows {
                match kept.iter_mut().find(|r| r.1 == row.1) {
                    None => {
                        expected.push(text("+I", row));
                        kept.push(row);
                    }
                    Some(old) if old.2 <= row.2 => {
                        expected.push(text("-U", *old));
                        expected.push(text("+U", row));
                        *old = row;
                    }
                    Some(_) => {}
                }
            }
            let harness = last(&rows, true);
            prop_assert_eq!(&harness.run(7).unwrap(), &expected);
            expected.sort();
            prop_assert_eq!(&harness.run_killed(seed).unwrap(), &expected);
        }
    }
}
