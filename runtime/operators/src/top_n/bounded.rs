//! Top-N that keeps only the rows it shows: inputs whose rows never get worse.
//!
//! A row that does not belong to the best `end` of its partition when it arrives never will, so it
//! is forgotten; it costs a comparison with the last of these. A row that pushes another out of
//! them pushes it out for good.

use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use millstream_functions::RowKind;
use millstream_state::{KeyedTable, Slot};

use super::Common;
use super::ends::BUFFERED;
use super::rows::{SortedRow, SortedRows, insert, upper_bound};
use crate::batch::Batch;
use crate::changelog::Place;
use crate::keys::KeyEncoder;
use crate::operator::{Operator, OperatorContext, OperatorError, Output};

/// Emits rows without their numbers.
pub(super) const PLAIN: u8 = 0;
/// Emits the rows of all numbers that changed.
pub(super) const RANKED: u8 = 1;
/// Keeps one row, and updates it.
pub(super) const ONE: u8 = 2;

/// Top-N over inserts, or over updates by a unique key. See the [module](self).
#[derive(Debug)]
pub(super) struct BoundedTopN<const MODE: u8> {
    common: Common,
    /// `None`: the input is insert-only.
    unique: Option<KeyEncoder>,
    table: KeyedTable<SortedRows>,
    /// Number of the batch at hand, so that kept rows know whether they were emitted in it.
    batch: u32,
    slots: Vec<Slot>,
}

impl<const MODE: u8> BoundedTopN<MODE> {
    pub(super) fn new(
        context: &OperatorContext,
        common: Common,
        unique: Option<KeyEncoder>,
    ) -> Result<Self, OperatorError> {
        Ok(Self {
            common,
            unique,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            batch: 0,
            slots: Vec::new(),
        })
    }

    /// Whether a row with this sort key belongs to the partition's best `end`.
    #[inline]
    fn belongs(kept: &SortedRows, sort: &[u8], end: u64) -> bool {
        (kept.rows.len() as u64) < end
            || kept.rows.last().is_none_or(|worst| sort < worst.sort_key())
    }

    /// The same where the number of the best stands in a column.
    #[inline]
    fn belongs_to_buffer(kept: &SortedRows, sort: &[u8], end: u64) -> bool {
        end > 0 && Self::belongs(kept, sort, end.min(BUFFERED))
    }

    /// The rows that may change anything, decided before any is taken in: partitions only get
    /// better within the batch.
    fn candidates(
        &self,
        batch: &Batch,
        sort: impl Fn(usize) -> bool,
    ) -> Result<Vec<u32>, OperatorError> {
        let mut candidates = Vec::with_capacity(batch.len());
        for row in 0..batch.len() {
            match batch.kind(row) {
                RowKind::Insert | RowKind::UpdateAfter => {}
                // The new row that follows finds the old one by its key.
                RowKind::UpdateBefore if self.unique.is_some() => continue,
                kind => {
                    return Err(OperatorError::Row(format!(
                        "a Top-N that was planned for {} got a row of kind {}; plan it as \
                         retracting",
                        match self.unique {
                            Some(_) => "rows that only get better",
                            None => "inserts",
                        },
                        kind.short()
                    )));
                }
            }
            if sort(row) {
                candidates.push(row as u32);
            }
        }
        Ok(candidates)
    }

    /// Emits what the new row at `at` of `rows` changes; there may be one row too many, which goes.
    #[inline]
    fn inserted(
        common: &mut Common,
        batch: u32,
        rows: &mut Vec<SortedRow>,
        at: usize,
        cause: usize,
    ) {
        let emit = &mut common.emit;
        let end = usize::try_from(emit.end).unwrap_or(usize::MAX);
        if MODE == RANKED {
            for below in at..(rows.len() - 1).min(end) {
                let (upper, lower) = rows.split_at_mut(below + 1);
                emit.replace(
                    cause,
                    below as u64 + 1,
                    |changes| lower[0].place(batch, changes),
                    |changes| upper[below].place(batch, changes),
                );
            }
            if rows.len() <= end {
                let rank = rows.len() as u64;
                if let Some(last) = rows.last_mut() {
                    emit.single(RowKind::Insert, cause, rank, |changes| {
                        last.place(batch, changes)
                    });
                }
            }
            rows.truncate(end);
        } else {
            let new = Place::Input(cause as u32);
            if rows.len() > end
                && let Some(mut evicted) = rows.pop()
            {
                let place = evicted.place(batch, &mut emit.changes);
                emit.changes.push(RowKind::Delete, place, cause);
            }
            emit.changes.push(RowKind::Insert, new, cause);
        }
    }

    /// The row with the same unique key stood at `old` and is replaced by `row`.
    fn updated(
        common: &mut Common,
        batch: u32,
        rows: &mut Vec<SortedRow>,
        old: usize,
        row: SortedRow,
        cause: usize,
    ) {
        let new = Place::Input(cause as u32);
        let mut before = rows.remove(old);
        let at = if before.sort_key() == row.sort_key() {
            rows.insert(old, row);
            old
        } else {
            insert(rows, row, &common.retention)
        };
        let emit = &mut common.emit;
        if MODE == PLAIN {
            if emit.update_before {
                let place = before.place(batch, &mut emit.changes);
                emit.changes.push(RowKind::UpdateBefore, place, cause);
            }
            emit.changes.push(RowKind::UpdateAfter, new, cause);
            return;
        }
        let rank_of = |at: usize| at as u64 + 1;
        if at < old {
            // The rows between move down by one; the old content goes before the new one comes.
            for rank in at..=old {
                if rank < old && emit.wants(RowKind::UpdateBefore, rank_of(rank)) {
                    let place = rows[rank + 1].place(batch, &mut emit.changes);
                    emit.ranked(RowKind::UpdateBefore, place, cause, rank_of(rank));
                }
                if rank == at && emit.wants(RowKind::UpdateBefore, rank_of(old)) {
                    let place = before.place(batch, &mut emit.changes);
                    emit.ranked(RowKind::UpdateBefore, place, cause, rank_of(old));
                }
                emit.single(RowKind::UpdateAfter, cause, rank_of(rank), |changes| {
                    rows[rank].place(batch, changes)
                });
            }
        } else {
            // In place; or worse, which the planner excluded: the rows between move up by one.
            emit.single(RowKind::UpdateBefore, cause, rank_of(old), |changes| {
                before.place(batch, changes)
            });
            for (rank, between) in rows.iter_mut().enumerate().take(at).skip(old) {
                emit.single(RowKind::UpdateBefore, cause, rank_of(rank + 1), |changes| {
                    between.place(batch, changes)
                });
                emit.single(RowKind::UpdateAfter, cause, rank_of(rank), |changes| {
                    between.place(batch, changes)
                });
            }
            emit.single(RowKind::UpdateAfter, cause, rank_of(at), |changes| {
                rows[at].place(batch, changes)
            });
        }
    }

    /// The one row of the partition, if there is any, gives way to a better one.
    fn replace_one(
        common: &mut Common,
        batch: u32,
        rows: &mut Vec<SortedRow>,
        row: SortedRow,
        cause: usize,
    ) {
        let emit = &mut common.emit;
        let new = |_: &mut _| Place::Input(cause as u32);
        match rows.first_mut() {
            Some(old) => {
                let mut before = std::mem::replace(old, row);
                emit.replace(cause, 1, |changes| before.place(batch, changes), new);
            }
            None => {
                emit.single(RowKind::Insert, cause, 1, new);
                rows.push(row);
            }
        }
    }
}

impl<const MODE: u8> Operator for BoundedTopN<MODE> {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let keys = self.common.keys(&batch.rows)?;
        let sort = self.common.sort.encode(&batch.rows)?;
        let mut slots = std::mem::take(&mut self.slots);
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
        self.batch = self.batch.wrapping_add(1);
        let (now, end) = (self.common.retention.now(), self.common.emit.end);

        // Which rows of the partitions may be updated or have expired is only known one by one.
        let every = (MODE != ONE && self.unique.is_some())
            || self.common.retention.expires()
            || self.common.ends.is_some();
        let candidates = self.candidates(&batch, |row| {
            every || Self::belongs(self.table.get(slots[row]), sort.key(row), end)
        })?;
        if candidates.is_empty() {
            self.slots = slots;
            return Ok(());
        }
        let whole = candidates.len() == batch.len();
        let candidates = UInt32Array::from(candidates);
        let taken = match whole {
            true => batch.rows.clone(),
            false => take_record_batch(&batch.rows, &candidates)?,
        };
        let columns = self.common.codec.encode(&taken)?;
        let unique = match &self.unique {
            Some(unique) if MODE != ONE => Some(unique.encode(&taken)?),
            _ => None,
        };

        for (i, &row) in candidates.values().iter().enumerate() {
            let row = row as usize;
            let (slot, sort) = (slots[row], sort.key(row));
            let in_column = self.common.take_end(row, now);
            let end = self.common.emit.end;
            let retention = &self.common.retention;
            if self.table.get(slot).any_expired(retention, now) {
                let rows = &mut self.table.get_mut(slot).rows;
                rows.retain(|row| !retention.is_expired(row.written, now));
            }
            let key = unique.as_ref().map_or(&[] as &[u8], |keys| keys.key(i));
            let kept = self.table.get(slot);
            let old = match &unique {
                Some(_) => kept.rows.iter().position(|row| row.unique_key() == key),
                None => None,
            };
            let belongs = match in_column {
                false => Self::belongs(kept, sort, end),
                true => Self::belongs_to_buffer(kept, sort, end),
            };
            if old.is_none() && !belongs {
                continue;
            }
            let place = (Place::Input(row as u32), self.batch);
            let new = SortedRow::new(sort, key, columns.row(i).data(), now, place);
            let rows = &mut self.table.get_mut(slot).rows;
            let common = &mut self.common;
            if MODE == ONE {
                Self::replace_one(common, self.batch, rows, new, row);
            } else if let Some(old) = old {
                Self::updated(common, self.batch, rows, old, new, row);
            } else {
                let at = insert(rows, new, &common.retention);
                debug_assert!(at + 1 == upper_bound(rows, sort));
                Self::inserted(common, self.batch, rows, at, row);
            }
        }
        self.slots = slots;
        self.common.flush(&batch, out)
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        self.common.snapshot(epoch)?;
        Ok(Vec::new())
    }

    fn tick(&mut self, now: i64, _: &mut Output) -> Result<(), OperatorError> {
        let Common {
            retention, keys, ..
        } = &mut self.common;
        if retention.sweep_is_due(now) {
            let hash_of = |key: &[u8]| keys.hash_of(key);
            retention.sweep(&mut self.table, now, hash_of, SortedRows::written)?;
            self.common.sweep(now)?;
        }
        Ok(())
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        self.common.housekeeping()?;
        Ok(self.table.evict()?)
    }
}
