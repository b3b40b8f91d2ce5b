//! Rows that wait for the watermark.
//!
//! A row waits under its *trigger*: the watermark at which it is due. Its columns stay in the batch
//! it came in; what waits is a reference. At a checkpoint the rows themselves are written, a list
//! for each key, so that a restore at any parallelism replays them exactly.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{interleave_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, RowParser, SortField};
use millstream_state::codec::{Reader, put_bytes, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::keys::{KeyEncoder, Keys};
use crate::operator::{OperatorContext, OperatorError};

/// Rows due within the same 64 ms wait together.
const BUCKET: u32 = 6;

/// A place of a row: the number of its batch and the row in it. Rises in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowRef(u64);

impl RowRef {
    fn new(batch: u64, row: usize) -> Self {
        RowRef(batch << 32 | row as u64)
    }

    fn batch(self) -> u64 {
        self.0 >> 32
    }

    pub(crate) fn row(self) -> usize {
        self.0 as u32 as usize
    }
}

/// A row that waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PendingRow {
    /// It is due when the watermark comes here.
    pub(crate) trigger: i64,
    /// Its rowtime.
    pub(crate) time: i64,
    pub(crate) at: RowRef,
    /// The slot of its key in the operator's table; may be out of date until the row is ripe.
    pub(crate) slot: Slot,
    /// For the operator's use; kept in checkpoints.
    pub(crate) mark: u8,
}

/// A batch that rows wait in.
#[derive(Debug)]
pub(crate) struct PendingBatch {
    pub(crate) rows: RecordBatch,
    pub(crate) keys: Keys,
    /// Argument values, see [`ArgSet`](crate::aggregates::args::ArgSet).
    pub(crate) words: Vec<u64>,
    pub(crate) ingest_micros: i64,
    /// How many of its rows wait.
    waiting: usize,
    /// The slots of its rows are good as long as this is the current generation.
    generation: u64,
}

/// All rows of an operator that wait. See the [module](self).
#[derive(Debug)]
pub(crate) struct PendingRows {
    schema: SchemaRef,
    /// Batches from number `first` on.
    batches: VecDeque<Option<PendingBatch>>,
    first: u64,
    buffered: usize,
    waiting: usize,
    /// Rows since ripe rows were last looked for.
    fresh: Vec<PendingRow>,
    /// The others, by `trigger >> BUCKET`.
    later: BTreeMap<i64, Vec<PendingRow>>,
    generation: u64,
    table: KeyedTable<StoredRows>,
    converter: RowConverter,
    parser: RowParser,
    /// The keys whose rows stand in the table.
    stored: Vec<(u64, Box<[u8]>)>,
    /// The number that the next batch gets.
    next: u64,
    /// Rows may still be added to the last batch.
    open: bool,
}

impl PendingRows {
    /// Rows of `schema`, whose checkpoints are kept under `name` behind the operator's uid.
    pub(crate) fn new(
        context: &OperatorContext,
        name: &str,
        schema: SchemaRef,
    ) -> Result<Self, OperatorError> {
        let fields: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| SortField::new(field.data_type().clone()))
            .collect();
        if !RowConverter::supports_fields(&fields) {
            return Err(OperatorError::Row(format!(
                "rows of type {schema} cannot wait for the watermark: a column type is not \
                 supported in state; leave the column out before this operator"
            )));
        }
        let converter = RowConverter::new(fields)?;
        let uid = format!("{}.{name}", context.uid);
        Ok(Self {
            schema,
            batches: VecDeque::new(),
            first: 0,
            next: 0,
            open: false,
            buffered: 0,
            waiting: 0,
            fresh: Vec::new(),
            later: BTreeMap::new(),
            generation: 0,
            table: context.backend.table(&uid, context.key_groups.clone())?,
            parser: converter.parser(),
            converter,
            stored: Vec::new(),
        })
    }

    /// Takes a batch in; its rows are added with [`add`](Self::add).
    pub(crate) fn begin(
        &mut self,
        rows: RecordBatch,
        keys: Keys,
        words: Vec<u64>,
        ingest_micros: i64,
    ) {
        self.buffered += rows.num_rows();
        self.batches.push_back(Some(PendingBatch {
            rows,
            keys,
            words,
            ingest_micros,
            waiting: 0,
            generation: self.generation,
        }));
        self.next = self.first + self.batches.len() as u64;
        self.open = true;
    }

    /// Lets row `row` of the batch taken in last wait.
    pub(crate) fn add(&mut self, row: usize, trigger: i64, time: i64, slot: Slot, mark: u8) {
        let at = RowRef::new(self.next - 1, row);
        self.waiting += 1;
        if let Some(Some(batch)) = self.batches.back_mut() {
            batch.waiting += 1;
        }
        self.fresh.push(PendingRow {
            trigger,
            time,
            at,
            slot,
            mark,
        });
    }

    /// Ends a batch: lets it go if none of its rows waits.
    pub(crate) fn end(&mut self) {
        self.open = false;
        self.drop_empty();
    }

    /// The batch of a row that was added and not released.
    #[inline]
    pub(crate) fn batch(&self, at: RowRef) -> Result<&PendingBatch, OperatorError> {
        self.batches
            .get((at.batch() - self.first) as usize)
            .and_then(Option::as_ref)
            .ok_or_else(|| OperatorError::Row("a waiting row was released too early".to_owned()))
    }

    /// Moves the rows that are due at `watermark` to `ripe`, by trigger, rowtime and arrival.
    ///
    /// Their slots in `table` are good until it evicts again.
    pub(crate) fn take_ripe<V: StateValue>(
        &mut self,
        watermark: i64,
        table: &mut KeyedTable<V>,
        ripe: &mut Vec<PendingRow>,
    ) -> Result<(), OperatorError> {
        ripe.clear();
        for row in self.fresh.drain(..) {
            if row.trigger <= watermark {
                ripe.push(row);
            } else {
                self.later
                    .entry(row.trigger >> BUCKET)
                    .or_default()
                    .push(row);
            }
        }
        while let Some(mut bucket) = self.later.first_entry() {
            if *bucket.key() > watermark >> BUCKET {
                break;
            }
            if *bucket.key() < watermark >> BUCKET {
                ripe.append(&mut bucket.remove());
                continue;
            }
            bucket.get_mut().retain(|row| {
                let due = row.trigger <= watermark;
                if due {
                    ripe.push(*row);
                }
                !due
            });
            if bucket.get().is_empty() {
                bucket.remove();
            }
            break;
        }
        ripe.sort_unstable_by_key(|row| (row.trigger, row.time, row.at));
        self.refresh(table, ripe)
    }

    /// Looks up the slots that an eviction made invalid.
    fn refresh<V: StateValue>(
        &self,
        table: &mut KeyedTable<V>,
        rows: &mut [PendingRow],
    ) -> Result<(), OperatorError> {
        let oldest = self.batches.front().and_then(Option::as_ref);
        if oldest.is_none_or(|batch| batch.generation == self.generation) {
            return Ok(());
        }
        let mut stale = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            if self.batch(row.at)?.generation != self.generation {
                stale.push(i);
            }
        }
        let mut keys = Vec::with_capacity(stale.len());
        let mut hashes = Vec::with_capacity(stale.len());
        for &i in &stale {
            let at = rows[i].at;
            let batch = self.batch(at)?;
            hashes.push(batch.keys.hashes()[at.row()]);
            keys.push(batch.keys.key(at.row()));
        }
        let mut slots = Vec::new();
        table.slots(&hashes, |i| keys[i], &mut slots)?;
        for (&i, slot) in stale.iter().zip(slots) {
            rows[i].slot = slot;
        }
        Ok(())
    }

    /// The slots of waiting rows became invalid: the operator's table evicted or was snapshotted.
    pub(crate) fn invalidate_slots(&mut self) {
        self.generation += 1;
    }

    /// The rows at `at`, in that order.
    pub(crate) fn gather(&self, at: &[RowRef]) -> Result<RecordBatch, OperatorError> {
        let Some(&start) = at.first() else {
            return Ok(RecordBatch::new_empty(Arc::clone(&self.schema)));
        };
        if at.iter().all(|row| row.batch() == start.batch()) {
            let rows = &self.batch(start)?.rows;
            let successive = at
                .iter()
                .enumerate()
                .all(|(i, row)| row.row() == start.row() + i);
            if successive {
                return Ok(rows.slice(start.row(), at.len()));
            }
            let indices: UInt32Array = at.iter().map(|row| row.row() as u32).collect();
            return Ok(take_record_batch(rows, &indices)?);
        }
        let mut used: Vec<u64> = Vec::new();
        let mut batches: Vec<&RecordBatch> = Vec::new();
        let mut indices = Vec::with_capacity(at.len());
        let mut last = (u64::MAX, 0);
        for &row in at {
            if last.0 != row.batch() {
                let place = match used.iter().position(|&b| b == row.batch()) {
                    Some(place) => place,
                    None => {
                        used.push(row.batch());
                        batches.push(&self.batch(row)?.rows);
                        used.len() - 1
                    }
                };
                last = (row.batch(), place);
            }
            indices.push((last.1, row.row()));
        }
        Ok(interleave_record_batch(&batches, &indices)?)
    }

    /// The rows at `at` wait no more.
    pub(crate) fn release(&mut self, at: impl IntoIterator<Item = RowRef>) {
        for row in at {
            let place = (row.batch() - self.first) as usize;
            if let Some(Some(batch)) = self.batches.get_mut(place) {
                batch.waiting -= 1;
                self.waiting -= 1;
            }
        }
        self.drop_empty();
    }

    fn drop_empty(&mut self) {
        let closed = self.batches.len() - usize::from(self.open);
        for place in self.batches.iter_mut().take(closed) {
            if place.as_ref().is_some_and(|batch| batch.waiting == 0) {
                self.buffered -= place.take().map_or(0, |batch| batch.rows.num_rows());
            }
        }
        while let Some(None) = self.batches.front() {
            self.batches.pop_front();
            self.first += 1;
        }
    }

    /// Copies the waiting rows out of their batches when these hold much else.
    ///
    /// `words` computes the argument words of rows. Not while rows that were taken as ripe are
    /// unreleased.
    pub(crate) fn compact(
        &mut self,
        encoder: &KeyEncoder,
        words: impl Fn(&RecordBatch) -> Vec<u64>,
    ) -> Result<(), OperatorError> {
        if self.buffered < 4 * self.waiting + (1 << 16) {
            return Ok(());
        }
        let mut all: Vec<PendingRow> = self.fresh.drain(..).collect();
        all.extend(std::mem::take(&mut self.later).into_values().flatten());
        all.sort_unstable_by_key(|row| row.at);
        let at: Vec<RowRef> = all.iter().map(|row| row.at).collect();
        let rows = self.gather(&at)?;
        let ingest = self
            .batches
            .iter()
            .flatten()
            .map(|batch| batch.ingest_micros)
            .min();
        self.first += self.batches.len() as u64;
        self.batches.clear();
        (self.buffered, self.waiting) = (0, 0);
        // The slots were of several generations.
        self.generation += 1;
        let keys = encoder.encode(&rows)?;
        let words = words(&rows);
        self.begin(rows, keys, words, ingest.unwrap_or_default());
        for (i, row) in all.into_iter().enumerate() {
            self.add(i, row.trigger, row.time, row.slot, row.mark);
        }
        if let Some(Some(batch)) = self.batches.back_mut() {
            batch.generation = u64::MAX;
        }
        self.end();
        Ok(())
    }

    /// Writes the waiting rows as part of checkpoint `epoch`.
    pub(crate) fn snapshot(&mut self, epoch: u64) -> Result<(), OperatorError> {
        let mut all: Vec<PendingRow> = Vec::with_capacity(self.waiting);
        all.extend(&self.fresh);
        all.extend(self.later.values().flatten());
        // Within a key the order of arrival is kept.
        all.sort_unstable_by_key(|row| row.at);
        for (hash, key) in std::mem::take(&mut self.stored) {
            let slot = self.table.slot(hash, &key)?;
            self.table.remove(slot);
        }
        let at: Vec<RowRef> = all.iter().map(|row| row.at).collect();
        let encoded = self
            .converter
            .convert_columns(self.gather(&at)?.columns())?;
        for (i, row) in all.iter().enumerate() {
            // Not by `batch`: the table is changed while the batch is looked at.
            let place = (row.at.batch() - self.first) as usize;
            let Some(Some(batch)) = self.batches.get(place) else {
                continue;
            };
            let keys = &batch.keys;
            let (hash, key) = (keys.hashes()[row.at.row()], keys.key(row.at.row()));
            let slot = self.table.slot(hash, key)?;
            if !self.table.is_live(slot) {
                self.stored.push((hash, key.into()));
            }
            self.table.get_mut(slot).rows.push(StoredRow {
                trigger: row.trigger,
                time: row.time,
                mark: row.mark,
                columns: encoded.row(i).data().into(),
            });
        }
        self.table.snapshot(epoch)?;
        Ok(())
    }

    /// Brings back the rows of the restored checkpoint that belong to this instance.
    ///
    /// `slot` is any slot; the right ones are looked up when the rows are due.
    pub(crate) fn restore<V: StateValue>(
        &mut self,
        encoder: &KeyEncoder,
        table: &mut KeyedTable<V>,
        words: impl Fn(&RecordBatch) -> Vec<u64>,
    ) -> Result<(), OperatorError> {
        let mut keys: Vec<Box<[u8]>> = Vec::new();
        let mut stored: Vec<StoredRow> = Vec::new();
        self.table.for_each(|key, value| {
            keys.push(key.into());
            stored.extend(value.rows.iter().cloned());
        })?;
        self.stored = keys
            .into_iter()
            .map(|key| (encoder.hash_of(&key), key))
            .collect();
        if stored.is_empty() {
            return Ok(());
        }
        let columns = self
            .converter
            .convert_rows(stored.iter().map(|row| self.parser.parse(&row.columns)))?;
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|e| {
            OperatorError::Restore(format!(
                "the waiting rows in the checkpoint have other columns than the query now: {e}"
            ))
        })?;
        let keys = encoder.encode(&rows)?;
        let mut slots = Vec::new();
        table.slots(keys.hashes(), |i| keys.key(i), &mut slots)?;
        let words = words(&rows);
        self.begin(rows, keys, words, 0);
        for (i, (row, slot)) in stored.iter().zip(slots).enumerate() {
            self.add(i, row.trigger, row.time, slot, row.mark);
        }
        self.end();
        Ok(())
    }

    /// Evicts what was written, if memory is short.
    pub(crate) fn evict(&mut self) -> Result<(), OperatorError> {
        Ok(self.table.evict()?)
    }
}

/// The waiting rows of one key, as they stand in a checkpoint. In memory between checkpoints it is
/// only a copy.
#[derive(Debug, Default)]
struct StoredRows {
    rows: Vec<StoredRow>,
}

#[derive(Debug, Clone)]
struct StoredRow {
    trigger: i64,
    time: i64,
    mark: u8,
    /// All columns in Arrow's row format.
    columns: Box<[u8]>,
}

impl StateValue for StoredRows {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_varint(out, self.rows.len() as u64);
        for row in &self.rows {
            put_zigzag(out, row.time);
            put_zigzag(out, row.trigger.wrapping_sub(row.time));
            out.push(row.mark);
            put_bytes(out, &row.columns);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let count = reader.varint()?;
        let mut rows = Vec::new();
        for _ in 0..count {
            let time = reader.zigzag()?;
            rows.push(StoredRow {
                time,
                trigger: time.wrapping_add(reader.zigzag()?),
                mark: reader.u8()?,
                columns: reader.bytes()?.into(),
            });
        }
        reader.finish()?;
        Ok(Self { rows })
    }

    fn heap_size(&self) -> usize {
        self.rows.capacity() * size_of::<StoredRow>()
            + self.rows.iter().map(|row| row.columns.len()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_rows_come_back_and_their_bytes_never_change() {
        let rows = StoredRows {
            rows: vec![
                StoredRow {
                    trigger: 1_001,
                    time: 1_000,
                    mark: 2,
                    columns: [7, 8].into(),
                },
                StoredRow {
                    trigger: i64::MAX,
                    time: i64::MIN,
                    mark: 0,
                    columns: [].into(),
                },
            ],
        };
        let mut bytes = Vec::new();
        rows.encode(&mut bytes);
        assert_eq!(bytes[..8], [1, 2, 208, 15, 2, 2, 2, 7]);
        let back = StoredRows::decode(&bytes).unwrap();
        assert_eq!(back.rows[0].trigger, 1_001);
        assert_eq!(back.rows[1].trigger, i64::MAX);
        assert_eq!(&*back.rows[0].columns, [7, 8]);
        assert!(StoredRows::decode(&bytes[..5]).is_err());
    }
}
