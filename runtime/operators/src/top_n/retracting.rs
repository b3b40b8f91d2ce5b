//! Top-N over a changelog: rows that are shown may be deleted, so all rows are kept.
//!
//! The best rows of a partition, its *head*, stand in one value of the table and decide everything
//! that is emitted. What does not fit there stands in *chunks*, values of their own that are read
//! only when a row of them changes or the head runs low; the partition knows where each begins. So
//! a change costs the rows near it, however many the partition has.
//!
//! Invariant: the head's rows come before the first chunk's, whose rows come before the next's;
//! peers in the order of arrival, also across the borders. The head holds at least `end` rows if
//! there is any chunk.

use millstream_functions::RowKind;
use millstream_state::codec::{Reader, put_bytes, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use super::Common;
use super::rows::{SortedRow, SortedRows, decode_rows, encode_rows, find, insert, rows_heap_size};
use crate::batch::Batch;
use crate::changelog::{Place, sub_hash};
use crate::operator::{Operator, OperatorContext, OperatorError, Output};
use crate::retention::Retention;

/// The most rows of a chunk; half of them move to another when it is full.
const CHUNK_ROWS: usize = if cfg!(test) { 4 } else { 256 };

/// Top-N over any changelog; with `RANKED` the rows of all numbers that changed are emitted. See
/// the [module](self).
#[derive(Debug)]
pub(super) struct RetractingTopN<const RANKED: bool> {
    common: Common,
    store: Store,
    /// Number of the batch at hand, so that kept rows know whether they were emitted in it.
    batch: u32,
    slots: Vec<Slot>,
    /// Deletes of rows that were not there.
    unknown: u64,
}

impl<const RANKED: bool> RetractingTopN<RANKED> {
    pub(super) fn new(context: &OperatorContext, common: Common) -> Result<Self, OperatorError> {
        let overflow = format!("{}.overflow", context.uid);
        let mut made = Self {
            store: Store {
                partitions: context
                    .backend
                    .table(&context.uid, context.key_groups.clone())?,
                chunks: context
                    .backend
                    .table(&overflow, context.key_groups.clone())?,
                max_parallelism: context.backend.max_parallelism(),
                wanted: 0,
                head: 0,
            },
            common,
            batch: 0,
            slots: Vec::new(),
            unknown: 0,
        };
        made.store.want(made.common.emit.end);
        Ok(made)
    }

    /// Emits what the new row at `at` of the head changes.
    fn inserted(&mut self, slot: Slot, at: usize, cause: usize) {
        let (emit, batch) = (&mut self.common.emit, self.batch);
        let end = self.store.wanted;
        if at >= end {
            return;
        }
        let rows = &mut self.store.partitions.get_mut(slot).head;
        if RANKED {
            for below in at..(rows.len() - 1).min(end) {
                let (upper, lower) = rows.split_at_mut(below + 1);
                emit.replace(
                    cause,
                    below as u64 + 1,
                    |changes| lower[0].place(batch, changes),
                    |changes| upper[below].place(batch, changes),
                );
            }
            let rank = rows.len();
            if rank <= end {
                emit.single(RowKind::Insert, cause, rank as u64, |changes| {
                    rows[rank - 1].place(batch, changes)
                });
            }
        } else {
            if rows.len() > end {
                let place = rows[end].place(batch, &mut emit.changes);
                emit.changes.push(RowKind::Delete, place, cause);
            }
            let place = rows[at].place(batch, &mut emit.changes);
            emit.changes.push(RowKind::Insert, place, cause);
        }
    }

    /// Emits what changes because `gone` left the place `at` of the head.
    fn removed(&mut self, slot: Slot, mut gone: SortedRow, at: usize, cause: usize) {
        let (emit, batch) = (&mut self.common.emit, self.batch);
        let end = self.store.wanted;
        if at >= end {
            return;
        }
        let rows = &mut self.store.partitions.get_mut(slot).head;
        if RANKED {
            let shown = rows.len().min(end);
            for below in at..shown {
                let rank = below as u64 + 1;
                if emit.wants(RowKind::UpdateBefore, rank) {
                    let place = match below == at {
                        true => gone.place(batch, &mut emit.changes),
                        false => rows[below - 1].place(batch, &mut emit.changes),
                    };
                    emit.ranked(RowKind::UpdateBefore, place, cause, rank);
                }
                emit.single(RowKind::UpdateAfter, cause, rank, |changes| {
                    rows[below].place(batch, changes)
                });
            }
            if rows.len() < end {
                let rank = rows.len();
                emit.single(RowKind::Delete, cause, rank as u64 + 1, |changes| {
                    match rank == at {
                        true => gone.place(batch, changes),
                        false => rows[rank - 1].place(batch, changes),
                    }
                });
            }
        } else {
            let place = gone.place(batch, &mut emit.changes);
            emit.changes.push(RowKind::Delete, place, cause);
            if rows.len() >= end {
                let place = rows[end - 1].place(batch, &mut emit.changes);
                emit.changes.push(RowKind::Insert, place, cause);
            }
        }
    }
}

impl<const RANKED: bool> Operator for RetractingTopN<RANKED> {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let keys = self.common.keys(&batch.rows)?;
        let sort = self.common.sort.encode(&batch.rows)?;
        let columns = self.common.codec.encode(&batch.rows)?;
        let mut slots = std::mem::take(&mut self.slots);
        let partitions = &mut self.store.partitions;
        partitions.slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
        self.batch = self.batch.wrapping_add(1);
        let now = self.common.retention.now();

        for (row, &slot) in slots.iter().enumerate() {
            let at = At {
                slot,
                hash: keys.hashes()[row],
                key: keys.key(row),
                now,
            };
            let in_column = self.common.take_end(row, now);
            let retention = &self.common.retention;
            if in_column {
                self.store.want(self.common.emit.end);
                if retention.expires() {
                    // It may be another number than before.
                    self.store.refill(&at, retention)?;
                }
            }
            self.store.expire(&at, retention)?;
            let place = (Place::Input(row as u32), self.batch);
            let (sort, columns) = (sort.key(row), columns.row(row).data());
            if batch.kind(row).is_accumulate() {
                let new = SortedRow::new(sort, &[], columns, now, place);
                if let Some(position) = self.store.insert(&at, new, retention)? {
                    self.inserted(slot, position, row);
                    self.store.spill(&at)?;
                }
            } else {
                match self.store.remove(&at, sort, columns, retention)? {
                    Removed::Shown(position, gone) => {
                        self.removed(slot, *gone, position, row);
                    }
                    Removed::Hidden => {}
                    Removed::Unknown => self.unknown += 1,
                }
            }
        }
        if self.unknown > 0 {
            tracing::debug!(
                operator = self.store.partitions.uid(),
                rows = self.unknown,
                "deletes of rows that Top-N does not know, ignored: their state had expired, or \
                 the input deletes what it never inserted"
            );
            self.unknown = 0;
        }
        self.slots = slots;
        self.common.flush(&batch, out)
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.store.partitions.snapshot(epoch)?;
        self.store.chunks.snapshot(epoch)?;
        self.common.snapshot(epoch)?;
        Ok(Vec::new())
    }

    fn tick(&mut self, now: i64, _: &mut Output) -> Result<(), OperatorError> {
        let Common {
            retention, keys, ..
        } = &mut self.common;
        if retention.sweep_is_due(now) {
            self.store.sweep(retention, now, |key| keys.hash_of(key))?;
            self.common.sweep(now)?;
        }
        Ok(())
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        self.store.partitions.evict()?;
        self.common.housekeeping()?;
        Ok(self.store.chunks.evict()?)
    }
}

/// The partition that a row belongs to.
struct At<'k> {
    slot: Slot,
    hash: u64,
    key: &'k [u8],
    now: i64,
}

/// What became of a delete.
enum Removed {
    /// The row stood at this place of the head.
    Shown(usize, Box<SortedRow>),
    /// The row stood in a chunk: never among the wanted.
    Hidden,
    /// There was no such row.
    Unknown,
}

/// All rows of all partitions.
#[derive(Debug)]
struct Store {
    partitions: KeyedTable<Partition>,
    chunks: KeyedTable<SortedRows>,
    max_parallelism: u16,
    /// The head holds at least so many rows while there are chunks.
    wanted: usize,
    /// The head gives rows away above so many.
    head: usize,
}

impl Store {
    /// Keeps as many rows in the heads as are wanted of the partition at hand.
    fn want(&mut self, end: u64) {
        self.wanted = usize::try_from(end).unwrap_or(usize::MAX);
        self.head = self.wanted.saturating_add(CHUNK_ROWS);
    }

    /// The slot of chunk `id` of a partition.
    fn chunk(&mut self, at: &At<'_>, id: u64) -> Result<Slot, OperatorError> {
        let key = [at.key, &id.to_be_bytes()].concat();
        let hash = sub_hash(at.hash, id, self.max_parallelism);
        Ok(self.chunks.slot(hash, &key)?)
    }

    /// Inserts a row behind its peers; its place if it is in the head.
    fn insert(
        &mut self,
        at: &At<'_>,
        row: SortedRow,
        retention: &Retention,
    ) -> Result<Option<usize>, OperatorError> {
        let partition = self.partitions.get_mut(at.slot);
        partition.written = at.now;
        let chunk = partition
            .chunks
            .partition_point(|chunk| *chunk.first <= *row.sort_key());
        let Some(chunk) = chunk.checked_sub(1) else {
            return Ok(Some(insert(&mut partition.head, row, retention)));
        };
        let id = partition.chunks[chunk].id;
        let slot = self.chunk(at, id)?;
        let rows = &mut self.chunks.get_mut(slot).rows;
        insert(rows, row, retention);
        if rows.len() > CHUNK_ROWS {
            let other = rows.split_off(rows.len() / 2);
            self.add_chunk(at, chunk + 1, other)?;
        }
        Ok(None)
    }

    /// Makes `rows` the chunk at `place` of the partition.
    fn add_chunk(
        &mut self,
        at: &At<'_>,
        place: usize,
        rows: Vec<SortedRow>,
    ) -> Result<(), OperatorError> {
        let partition = self.partitions.get_mut(at.slot);
        let id = partition.next;
        partition.next += 1;
        let first = rows
            .first()
            .map_or(&[] as &[u8], SortedRow::sort_key)
            .into();
        partition.chunks.insert(place, Chunk { first, id });
        let slot = self.chunk(at, id)?;
        self.chunks.get_mut(slot).rows = rows;
        Ok(())
    }

    /// Moves rows out of a head that became too large.
    fn spill(&mut self, at: &At<'_>) -> Result<(), OperatorError> {
        let head = &mut self.partitions.get_mut(at.slot).head;
        if head.len() > self.head {
            let rows = head.split_off(self.wanted.saturating_add(CHUNK_ROWS / 2));
            self.add_chunk(at, 0, rows)?;
        }
        Ok(())
    }

    /// Moves rows into a head that became too small.
    fn refill(&mut self, at: &At<'_>, retention: &Retention) -> Result<(), OperatorError> {
        loop {
            let partition = self.partitions.get(at.slot);
            if partition.head.len() >= self.wanted || partition.chunks.is_empty() {
                return Ok(());
            }
            let id = self.partitions.get_mut(at.slot).chunks.remove(0).id;
            let slot = self.chunk(at, id)?;
            let mut rows = std::mem::take(&mut self.chunks.get_mut(slot).rows);
            self.chunks.remove(slot);
            rows.retain(|row| !retention.is_expired(row.written, at.now));
            self.partitions.get_mut(at.slot).head.append(&mut rows);
        }
    }

    /// Removes the first row with these columns.
    fn remove(
        &mut self,
        at: &At<'_>,
        sort: &[u8],
        columns: &[u8],
        retention: &Retention,
    ) -> Result<Removed, OperatorError> {
        let partition = self.partitions.get(at.slot);
        if let Some(position) = find(&partition.head, sort, columns) {
            let partition = self.partitions.get_mut(at.slot);
            partition.written = at.now;
            let gone = partition.head.remove(position);
            touch(&mut partition.head, sort, at.now, retention);
            self.refill(at, retention)?;
            self.forget_if_empty(at);
            return Ok(Removed::Shown(position, Box::new(gone)));
        }
        // Peers may stand in several chunks: from the last that begins before them.
        let chunks = &partition.chunks;
        let mut chunk = chunks
            .partition_point(|chunk| *chunk.first < *sort)
            .saturating_sub(1);
        loop {
            let partition = self.partitions.get(at.slot);
            let Some(known) = partition.chunks.get(chunk) else {
                return Ok(Removed::Unknown);
            };
            if *known.first > *sort {
                return Ok(Removed::Unknown);
            }
            let id = known.id;
            let slot = self.chunk(at, id)?;
            if let Some(position) = find(&self.chunks.get(slot).rows, sort, columns) {
                let rows = &mut self.chunks.get_mut(slot).rows;
                let gone = rows.remove(position);
                touch(rows, sort, at.now, retention);
                let empty = rows.is_empty();
                let expired = retention.is_expired(gone.written, at.now);
                let partition = self.partitions.get_mut(at.slot);
                partition.written = at.now;
                if empty {
                    partition.chunks.remove(chunk);
                    self.chunks.remove(slot);
                }
                return Ok(match expired {
                    true => Removed::Unknown,
                    false => Removed::Hidden,
                });
            }
            chunk += 1;
        }
    }

    fn forget_if_empty(&mut self, at: &At<'_>) {
        let partition = self.partitions.get(at.slot);
        if partition.head.is_empty() && partition.chunks.is_empty() {
            self.partitions.remove(at.slot);
        }
    }

    /// Drops the expired rows of the head.
    fn expire(&mut self, at: &At<'_>, retention: &Retention) -> Result<(), OperatorError> {
        if !retention.expires() {
            return Ok(());
        }
        let is_expired = |row: &SortedRow| retention.is_expired(row.written, at.now);
        if self.partitions.get(at.slot).head.iter().any(is_expired) {
            let head = &mut self.partitions.get_mut(at.slot).head;
            head.retain(|row| !is_expired(row));
            self.refill(at, retention)?;
        }
        Ok(())
    }

    /// Removes what expired. A partition not written for so long has no row that did not.
    fn sweep(
        &mut self,
        retention: &Retention,
        now: i64,
        hash_of: impl Fn(&[u8]) -> u64,
    ) -> Result<(), OperatorError> {
        retention.sweep(&mut self.partitions, now, &hash_of, |partition| {
            partition.written
        })?;
        let groups = self.max_parallelism;
        let chunk_hash = |key: &[u8]| match key.split_last_chunk::<8>() {
            Some((key, id)) => sub_hash(hash_of(key), u64::from_be_bytes(*id), groups),
            None => 0,
        };
        retention.sweep(&mut self.chunks, now, chunk_hash, SortedRows::written)
    }
}

/// A write to the peers of a sort key: Flink keeps them in one list.
fn touch(rows: &mut [SortedRow], sort: &[u8], now: i64, retention: &Retention) {
    if retention.expires() {
        let first = super::rows::lower_bound(rows, sort);
        let peers = rows[first..].iter_mut();
        for peer in peers.take_while(|peer| peer.sort_key() == sort) {
            peer.written = now;
        }
    }
}

/// What is known of a partition at once.
#[derive(Debug, Default)]
struct Partition {
    /// The best rows.
    head: Vec<SortedRow>,
    /// Where the others are.
    chunks: Vec<Chunk>,
    /// The number of the next chunk.
    next: u64,
    /// The last write to any row; see [`Retention`].
    written: i64,
}

/// Some rows of a partition that follow each other.
#[derive(Debug, PartialEq)]
struct Chunk {
    /// No row of it sorts before this.
    first: Box<[u8]>,
    id: u64,
}

impl StateValue for Partition {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_zigzag(out, self.written);
        encode_rows(&self.head, out);
        put_varint(out, self.next);
        put_varint(out, self.chunks.len() as u64);
        for chunk in &self.chunks {
            put_varint(out, chunk.id);
            put_bytes(out, &chunk.first);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let written = reader.zigzag()?;
        let head = decode_rows(&mut reader)?;
        let next = reader.varint()?;
        let count = reader.varint()?;
        let mut chunks = Vec::new();
        for _ in 0..count {
            chunks.push(Chunk {
                id: reader.varint()?,
                first: reader.bytes()?.into(),
            });
        }
        reader.finish()?;
        Ok(Self {
            head,
            chunks,
            next,
            written,
        })
    }

    fn heap_size(&self) -> usize {
        rows_heap_size(&self.head)
            + self.chunks.capacity() * size_of::<Chunk>()
            + self
                .chunks
                .iter()
                .map(|chunk| chunk.first.len())
                .sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_the_state_never_change() {
        let partition = Partition {
            head: vec![SortedRow::new(&[7], &[], &[9], 3, (Place::Input(0), 1))],
            chunks: vec![Chunk {
                first: [8].into(),
                id: 4,
            }],
            next: 5,
            written: 3,
        };
        let mut bytes = Vec::new();
        partition.encode(&mut bytes);
        assert_eq!(bytes, [1, 6, 1, 1, 0, 2, 7, 9, 6, 5, 1, 4, 1, 8]);
        let back = Partition::decode(&bytes).unwrap();
        assert_eq!(back.chunks, partition.chunks);
        assert_eq!((back.next, back.written), (5, 3));
        assert_eq!(back.head[0].columns(), [9]);
        assert!(Partition::decode(&bytes[..9]).is_err());
    }
}
