//! `ORDER BY` a time attribute [and other columns].
//!
//! **By rowtime** ([`RowtimeSort`]): emits every row when the watermark reaches its rowtime, sorted
//! by rowtime, then by the other columns, then by arrival. A row is late and dropped when a row of
//! its rowtime or a later one came out already; a row at or below the watermark that is not, stays
//! (Flink compares with the last rowtime that fired, not with the watermark).
//!
//! **By processing time** ([`ProctimeSort`]): rows come out in the order they arrive; rows of the
//! same millisecond, sorted by the other columns when it is over.
//!
//! **By other columns only** ([`FullSort`]): everything is kept and comes out sorted when the input
//! ends. Flink has it for tests, behind an internal option; it takes updates and deletes.
//!
//! The first two take inserts only. Rows come out as inserts; all run in one instance. **State**:
//! the rows that wait.

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use millstream_state::codec::{Reader, put_bytes, put_varint};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::batch::{Batch, Watermark};
use crate::changelog::{RowCodec, insert_only};
use crate::keys::KeyEncoder;
use crate::operator::{Operator, OperatorContext, OperatorError, Output};
use crate::pending::{PendingRow, PendingRows, RowRef};
use crate::time::rowtime_millis;
use crate::top_n::SortColumn;
use crate::top_n::rows::SortEncoder;

/// The most rows of an emitted batch.
const BATCH_ROWS: usize = 8192;

const INSTEAD: &str = "sort before the update, or sort in the query that reads the result";

fn emit_all(rows: RecordBatch, ingest_micros: i64, out: &mut Output) {
    let batch = Batch::append(rows, ingest_micros);
    let mut offset = 0;
    while offset < batch.len() {
        let length = BATCH_ROWS.min(batch.len() - offset);
        out.emit(batch.slice(offset, length));
        offset += length;
    }
}

/// The rows in the order of `sort`, peers as they stand; `runs` are the rows that may change places.
fn sorted(
    sort: &SortEncoder,
    rows: RecordBatch,
    runs: impl Iterator<Item = std::ops::Range<usize>>,
) -> Result<RecordBatch, OperatorError> {
    let keys = sort.encode(&rows)?;
    let mut indices: Vec<u32> = (0..rows.num_rows() as u32).collect();
    for run in runs {
        indices[run].sort_by(|&a, &b| keys.key(a as usize).cmp(keys.key(b as usize)));
    }
    if indices.is_sorted() {
        return Ok(rows);
    }
    Ok(take_record_batch(&rows, &UInt32Array::from(indices))?)
}

/// Sorts by event time. See the [module](self).
#[derive(Debug)]
pub struct RowtimeSort {
    rowtime: usize,
    rowtime_name: String,
    /// `None` if rowtime is the only column.
    then: Option<SortEncoder>,
    keys: KeyEncoder,
    /// The last rowtime that came out, if any did.
    fired: Option<i64>,
    /// The same under the one key there is, at checkpoints.
    table: KeyedTable<i64>,
    pending: PendingRows,
    watermark: i64,
    late: u64,
    ripe: Vec<PendingRow>,
    /// Rows to emit, with their rowtimes.
    due: Vec<(i64, RowRef)>,
}

impl RowtimeSort {
    /// The operator over rows of `input`, sorted by column `rowtime` and then by `then`.
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        rowtime: usize,
        then: &[SortColumn],
    ) -> Result<Self, OperatorError> {
        let field = input.field(rowtime);
        if !matches!(field.data_type(), DataType::Timestamp(_, _)) {
            return Err(OperatorError::Row(format!(
                "ORDER BY {}: a stream is sorted by its event time first, and the column is {}",
                field.name(),
                field.data_type()
            )));
        }
        Ok(Self {
            rowtime,
            rowtime_name: field.name().clone(),
            then: match then.is_empty() {
                true => None,
                false => Some(SortEncoder::new(&input, then)?),
            },
            keys: KeyEncoder::new(&input, &[])?,
            fired: None,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            pending: PendingRows::new(context, "pending", input)?,
            watermark: i64::MIN,
            late: 0,
            ripe: Vec::new(),
            due: Vec::new(),
        })
    }

    /// Moves what is due at `watermark` to `due`.
    fn fire(&mut self, watermark: i64) -> Result<(), OperatorError> {
        let mut ripe = std::mem::take(&mut self.ripe);
        self.pending
            .take_ripe(watermark, &mut self.table, &mut ripe)?;
        self.fired = self.fired.max(ripe.iter().map(|row| row.time).max());
        let from = self.due.len();
        self.due.extend(ripe.iter().map(|row| (row.time, row.at)));
        self.due[from..].sort_unstable();
        self.ripe = ripe;
        Ok(())
    }

    fn flush(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        if self.due.is_empty() {
            return Ok(());
        }
        let at: Vec<RowRef> = self.due.iter().map(|(_, at)| *at).collect();
        let mut ingest_micros = i64::MAX;
        for &row in &at {
            ingest_micros = ingest_micros.min(self.pending.batch(row)?.ingest_micros);
        }
        let mut rows = self.pending.gather(&at)?;
        if let Some(then) = &self.then {
            let due = &self.due;
            let mut start = 0;
            let runs = due.chunk_by(|a, b| a.0 == b.0).map(|peers| {
                start += peers.len();
                start - peers.len()..start
            });
            rows = sorted(then, rows, runs)?;
        }
        emit_all(rows, ingest_micros, out);
        self.pending.release(at);
        self.due.clear();
        Ok(())
    }

    fn slot(&mut self) -> Result<Slot, OperatorError> {
        Ok(self.table.slot(self.keys.hash_of(&[]), &[])?)
    }
}

impl Operator for RowtimeSort {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        insert_only(&batch, "ORDER BY", INSTEAD)?;
        let times = rowtime_millis(batch.rows.column(self.rowtime), &self.rowtime_name)?;
        let keys = self.keys.encode(&batch.rows)?;
        let slot = self.slot()?;
        self.pending
            .begin(batch.rows, keys, Vec::new(), batch.ingest_micros);
        let mut before = self.watermark.max(batch.watermark_before.0);
        for (row, &time) in times.iter().enumerate() {
            let mut trigger = time;
            let mut taken = true;
            if time <= before {
                // What was due before this row decides.
                self.fire(before)?;
                taken = self.fired.is_none_or(|fired| time > fired);
                trigger = before.saturating_add(1);
            }
            if taken {
                self.pending.add(row, trigger, time, slot, 0);
            } else {
                self.late += 1;
            }
            if let Some(watermarks) = &batch.watermarks {
                before = before.max(watermarks[row]);
            }
        }
        self.pending.end();
        self.flush(out)
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        if watermark.0 <= self.watermark {
            return Ok(());
        }
        self.watermark = watermark.0;
        self.fire(watermark.0)?;
        self.flush(out)
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        // Only the instance that gets the rows has any.
        if let Some(fired) = self.fired {
            let slot = self.slot()?;
            *self.table.get_mut(slot) = fired;
        }
        self.table.snapshot(epoch)?;
        self.pending.invalidate_slots();
        self.pending.snapshot(epoch)?;
        Ok(crate::operator::save_watermark(self.watermark))
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.watermark = crate::operator::load_watermark(former)?;
        let fired = &mut self.fired;
        self.table.for_each(|_, &time| *fired = Some(time))?;
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

/// Sorts by processing time. See the [module](self).
#[derive(Debug)]
pub struct ProctimeSort {
    then: SortEncoder,
    codec: RowCodec,
    clock: crate::operator::Clock,
    waiting: Waiting,
    /// When the rows that wait arrived.
    arrived: i64,
}

impl ProctimeSort {
    /// The operator over rows of `input`; rows of one millisecond are sorted by `then`. Without
    /// such columns the planner needs no operator.
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        then: &[SortColumn],
    ) -> Result<Self, OperatorError> {
        Ok(Self {
            then: SortEncoder::new(&input, then)?,
            codec: RowCodec::new(input, "ORDER BY processing time")?,
            clock: context.clock.clone(),
            waiting: Waiting::new(context)?,
            arrived: i64::MIN,
        })
    }

    fn flush(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        let (rows, ingest_micros) = self.waiting.take(self.codec.schema())?;
        let all = 0..rows.num_rows();
        emit_all(
            sorted(&self.then, rows, std::iter::once(all))?,
            ingest_micros,
            out,
        );
        Ok(())
    }
}

impl Operator for ProctimeSort {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        insert_only(&batch, "ORDER BY processing time", INSTEAD)?;
        let now = self.clock.now();
        if now > self.arrived {
            self.flush(out)?;
            self.arrived = now;
        }
        self.waiting.push(batch);
        Ok(())
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        if watermark == Watermark::MAX {
            self.flush(out)?;
        }
        Ok(())
    }

    fn tick(&mut self, now: i64, out: &mut Output) -> Result<(), OperatorError> {
        if now > self.arrived {
            self.flush(out)?;
        }
        Ok(())
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.waiting.snapshot(epoch, &self.codec)?;
        Ok(Vec::new())
    }

    fn restore(&mut self, _: &[Vec<u8>]) -> Result<(), OperatorError> {
        // Their millisecond is over.
        self.waiting.restore(&self.codec)
    }
}

/// Batches that wait as they came; in a checkpoint, the rows under the one key there is.
#[derive(Debug)]
struct Waiting {
    batches: Vec<RecordBatch>,
    ingest_micros: i64,
    table: KeyedTable<StoredBatch>,
    hash: u64,
    /// Whether the table has rows.
    stored: bool,
}

impl Waiting {
    fn new(context: &OperatorContext) -> Result<Self, OperatorError> {
        Ok(Self {
            batches: Vec::new(),
            ingest_micros: i64::MAX,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            hash: millstream_state::stable_hash(&[]),
            stored: false,
        })
    }

    fn push(&mut self, batch: Batch) {
        self.ingest_micros = self.ingest_micros.min(batch.ingest_micros);
        self.batches.push(batch.rows);
    }

    fn take(&mut self, schema: &SchemaRef) -> Result<(RecordBatch, i64), OperatorError> {
        let rows = concat_batches(schema, &self.batches)?;
        self.batches.clear();
        let micros = std::mem::replace(&mut self.ingest_micros, i64::MAX);
        Ok((rows, if micros == i64::MAX { 0 } else { micros }))
    }

    fn snapshot(&mut self, epoch: u64, codec: &RowCodec) -> Result<(), OperatorError> {
        // Only the instance that gets the rows has any.
        if self.batches.is_empty() && self.stored {
            let slot = self.table.slot(self.hash, &[])?;
            self.table.remove(slot);
        } else if !self.batches.is_empty() {
            let slot = self.table.slot(self.hash, &[])?;
            let rows = concat_batches(codec.schema(), &self.batches)?;
            let encoded = codec.encode(&rows)?;
            let rows = encoded.iter().map(|row| row.data().into());
            self.table.get_mut(slot).rows = rows.collect();
        }
        self.stored = !self.batches.is_empty();
        self.table.snapshot(epoch)?;
        Ok(())
    }

    fn restore(&mut self, codec: &RowCodec) -> Result<(), OperatorError> {
        let mut stored: Vec<Box<[u8]>> = Vec::new();
        self.table
            .for_each(|_, batch| stored.extend(batch.rows.iter().cloned()))?;
        self.stored = !stored.is_empty();
        if self.stored {
            let rows = codec.decode(stored.iter().map(|row| &**row))?;
            self.batches.push(rows);
        }
        Ok(())
    }
}

/// Rows as they stand in a checkpoint.
#[derive(Debug, Default)]
struct StoredBatch {
    rows: Vec<Box<[u8]>>,
}

impl StateValue for StoredBatch {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_varint(out, self.rows.len() as u64);
        for row in &self.rows {
            put_bytes(out, row);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let count = reader.varint()?;
        let mut rows = Vec::new();
        for _ in 0..count {
            rows.push(reader.bytes()?.into());
        }
        reader.finish()?;
        Ok(Self { rows })
    }

    fn heap_size(&self) -> usize {
        self.rows.iter().map(|row| row.len() + 16).sum()
    }
}

/// Sorts everything when the input ends. See the [module](self).
#[derive(Debug)]
pub struct FullSort {
    sort: SortEncoder,
    codec: RowCodec,
    /// Every row as its own key, and how often it is there.
    table: KeyedTable<i64>,
    max_parallelism: u16,
    slots: Vec<Slot>,
}

impl FullSort {
    /// The operator over rows of `input`.
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        order: &[SortColumn],
    ) -> Result<Self, OperatorError> {
        Ok(Self {
            sort: SortEncoder::new(&input, order)?,
            codec: RowCodec::new(input, "ORDER BY")?,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            max_parallelism: context.backend.max_parallelism(),
            slots: Vec::new(),
        })
    }
}

impl Operator for FullSort {
    fn process(&mut self, _: usize, batch: Batch, _: &mut Output) -> Result<(), OperatorError> {
        let rows = self.codec.encode(&batch.rows)?;
        // All in the key group of the empty key, which is where the rows go.
        let group = millstream_state::stable_hash(&[]);
        let hash = |row: &[u8]| {
            let salt = millstream_state::stable_hash(row);
            crate::changelog::sub_hash(group, salt, self.max_parallelism)
        };
        let hashes: Vec<u64> = rows.iter().map(|row| hash(row.data())).collect();
        let keys: Vec<&[u8]> = (0..rows.num_rows())
            .map(|row| rows.row(row).data())
            .collect();
        self.table
            .slots(&hashes, |row| keys[row], &mut self.slots)?;
        for (row, &slot) in self.slots.iter().enumerate() {
            let count = self.table.get_mut(slot);
            *count += match batch.kind(row).is_accumulate() {
                true => 1,
                false => -1,
            };
            if *count == 0 {
                self.table.remove(slot);
            }
        }
        Ok(())
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        if watermark != Watermark::MAX {
            return Ok(());
        }
        let mut rows: Vec<Box<[u8]>> = Vec::new();
        let (mut keys, mut hashes): (Vec<Box<[u8]>>, Vec<u64>) = Default::default();
        let group = millstream_state::stable_hash(&[]);
        self.table.for_each(|key, &count| {
            let salt = millstream_state::stable_hash(key);
            hashes.push(crate::changelog::sub_hash(
                group,
                salt,
                self.max_parallelism,
            ));
            keys.push(Box::from(key));
            rows.extend(std::iter::repeat_n(
                Box::from(key),
                usize::try_from(count).unwrap_or(0),
            ));
        })?;
        // Peers come in no particular order; by their bytes it is always the same.
        rows.sort_unstable();
        if !rows.is_empty() {
            let rows = self.codec.decode(rows.iter().map(|row| &**row))?;
            let all = 0..rows.num_rows();
            emit_all(sorted(&self.sort, rows, std::iter::once(all))?, 0, out);
        }
        for (hash, key) in hashes.into_iter().zip(keys) {
            let slot = self.table.slot(hash, &key)?;
            self.table.remove(slot);
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, TimestampMillisecondArray};
    use millstream_functions::RowKind;
    use proptest::prelude::*;

    use super::*;
    use crate::harness::Harness;

    /// Number, rowtime, what it is sorted by next.
    type Row = (i64, i64, Option<i64>);

    fn table(rows: &[Row]) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([
            (
                "id",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))) as ArrayRef,
                false,
            ),
            (
                "ts",
                Arc::new(TimestampMillisecondArray::from_iter_values(
                    rows.iter().map(|r| r.1),
                )) as _,
                false,
            ),
            (
                "v",
                Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.2))) as _,
                true,
            ),
        ])
        .unwrap()
    }

    fn by_rowtime(rows: &[Row], then: Vec<SortColumn>, delay: i64) -> Harness<'static> {
        let rows = table(rows);
        let schema = rows.schema();
        Harness::with_delay(
            move |context| {
                let schema = Arc::clone(&schema);
                Ok(Box::new(RowtimeSort::new(context, schema, 1, &then)?))
            },
            &[],
            rows,
            1,
            delay,
        )
        .unwrap()
    }

    const ROWS: [Row; 8] = [
        (1, 10, Some(3)),
        (2, 12, Some(2)),
        (3, 10, Some(1)),
        (4, 20, None),
        (5, 11, Some(0)), // late: 12 has come out
        (6, 15, Some(0)), // equal to the watermark, and not late
        (7, 14, Some(0)), // below the watermark, but nothing of 14 or later came out
        (8, 40, Some(0)),
    ];

    #[test]
    fn rows_come_out_by_rowtime_and_late_ones_are_dropped() {
        assert_eq!(
            by_rowtime(&ROWS, vec![], 5).check(8),
            [
                "+I[1, 10, 3]",
                "+I[3, 10, 1]",
                "+I[2, 12, 2]",
                "+I[7, 14, 0]",
                "+I[6, 15, 0]",
                "+I[4, 20, null]",
                "+I[8, 40, 0]",
            ]
        );
        let then = vec![SortColumn::ascending(2)];
        assert_eq!(
            by_rowtime(&ROWS[..3], then, 5).check(4),
            ["+I[3, 10, 1]", "+I[1, 10, 3]", "+I[2, 12, 2]"]
        );
    }

    #[test]
    fn by_processing_time_rows_of_one_millisecond_are_sorted() {
        let rows = [
            (1, 0, Some(3)),
            (2, 0, Some(1)),
            (3, 0, None),
            (4, 0, Some(0)),
            (5, 0, Some(2)),
        ];
        let rows = table(&rows);
        let schema = rows.schema();
        let harness = Harness::changelog(
            move |context| {
                let then = [SortColumn::descending(2)];
                let sort = ProctimeSort::new(context, Arc::clone(&schema), &then)?;
                Ok(Box::new(sort))
            },
            &[],
            rows,
            vec![RowKind::Insert; 5],
        )
        .with_clock(vec![1, 1, 1, 2, 2]);
        assert_eq!(
            harness.check(8),
            [
                "+I[1, 0, 3]",
                "+I[2, 0, 1]",
                "+I[3, 0, null]",
                "+I[5, 0, 2]",
                "+I[4, 0, 0]"
            ]
        );
    }

    #[test]
    fn everything_is_sorted_when_the_input_ends() {
        let rows = table(&[
            (1, 0, Some(3)),
            (2, 0, Some(1)),
            (3, 0, Some(2)),
            (2, 0, Some(1)),
            (1, 0, Some(3)),
            (4, 0, None),
        ]);
        let schema = rows.schema();
        let kinds = vec![
            RowKind::Insert,
            RowKind::Insert,
            RowKind::UpdateAfter,
            RowKind::Insert,
            RowKind::Delete,
            RowKind::Insert,
        ];
        let harness = Harness::changelog(
            move |context| {
                let order = [SortColumn::descending(2)];
                Ok(Box::new(FullSort::new(
                    context,
                    Arc::clone(&schema),
                    &order,
                )?))
            },
            &[],
            rows,
            kinds,
        );
        assert_eq!(
            harness.check(8),
            [
                "+I[3, 0, 2]",
                "+I[2, 0, 1]",
                "+I[2, 0, 1]",
                "+I[4, 0, null]"
            ]
        );
    }

    #[test]
    fn what_cannot_be_sorted_is_refused() {
        let rows = table(&ROWS[..1]);
        let schema = rows.schema();
        let harness = Harness::changelog(
            move |context| {
                let schema = Arc::clone(&schema);
                Ok(Box::new(RowtimeSort::new(context, schema, 1, &[])?))
            },
            &[],
            rows.clone(),
            vec![RowKind::Delete],
        );
        assert!(harness.run(1).unwrap_err().to_string().contains("ORDER BY"));
        let schema = rows.schema();
        let harness = Harness::new(
            move |context| {
                let schema = Arc::clone(&schema);
                Ok(Box::new(RowtimeSort::new(context, schema, 0, &[])?))
            },
            &[],
            rows,
            vec![0],
        );
        assert!(
            harness
                .run(1)
                .unwrap_err()
                .to_string()
                .contains("event time")
        );
    }

    #[test]
    fn the_bytes_of_the_state_never_change() {
        let mut bytes = Vec::new();
        StoredBatch {
            rows: vec![[7].into()],
        }
        .encode(&mut bytes);
        assert_eq!(bytes, [1, 1, 1, 7]);
        assert_eq!(*StoredBatch::decode(&bytes).unwrap().rows[0], [7]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Every row and every watermark in turn, as Flink does.
        #[test]
        fn by_rowtime_agrees_with_the_definition(
            drawn in prop::collection::vec((1..30i64, prop::option::of(0..4i64)), 1..60),
            delay in 0..15i64,
            sorted_next: bool,
            seed: u64,
        ) {
            let rows: Vec<Row> = drawn
                .into_iter()
                .enumerate()
                .map(|(i, (jitter, v))| (i as i64, i as i64 + jitter, v))
                .collect();
            let mut waiting: Vec<Row> = Vec::new();
            let mut fired: Option<i64> = None;
            let mut expected = Vec::new();
            let mut watermark = i64::MIN;
            let mut advance = |to: i64, waiting: &mut Vec<Row>, fired: &mut Option<i64>| {
                let mut due: Vec<Row> = waiting.iter().filter(|r| r.1 <= to).copied().collect();
                waiting.retain(|r| r.1 > to);
                due.sort_by_key(|r| (r.1, if sorted_next { r.2 } else { None }));
                for r in due {
                    *fired = Some(r.1);
                    let v = r.2.map_or("null".to_owned(), |v| v.to_string());
                    expected.push(format!("+I[{}, {}, {v}]", r.0, r.1));
                }
            };
            for &row in &rows {
                if fired.is_none_or(|fired| row.1 > fired) {
                    waiting.push(row);
                }
                if row.1 - delay > watermark.max(0) {
                    watermark = row.1 - delay;
                    advance(watermark, &mut waiting, &mut fired);
                }
            }
            advance(i64::MAX, &mut waiting, &mut fired);
            let then = if sorted_next { vec![SortColumn::ascending(2)] } else { vec![] };
            let harness = by_rowtime(&rows, then, delay);
            prop_assert_eq!(&harness.run(5).unwrap(), &expected);
            expected.sort();
            prop_assert_eq!(&harness.run_killed(seed).unwrap(), &expected);
        }
    }
}
