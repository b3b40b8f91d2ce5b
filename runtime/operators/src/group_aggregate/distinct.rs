//! Which values of a DISTINCT argument a group has seen.
//!
//! Every value of a group has an entry of its own, so that a group may have any number of them.
//! The entry stands in the key group of the group's key. Its key begins with the group's: with an
//! id of 12 bytes, where groups stay for ever, so that a short value needs no memory beside the
//! table; else with the key itself.

use std::hash::{BuildHasher, RandomState};

use arrow::array::ArrayRef;
use hashbrown::HashMap;
use millstream_state::codec::{Reader, put_varint};
use millstream_state::{KeyedTable, Slot, stable_hash};

use super::layout::{DistinctSet, any_null, passes};
use super::state::{Group, Seen, Words};
use crate::batch::Batch;
use crate::expiry::{Expiry, Ttl};
use crate::keys::{KeyEncoder, KeyList, Keys};
use crate::operator::{OperatorContext, OperatorError};

/// The row has no entry: it doesn't count.
const NONE: u32 = u32::MAX;

/// What entries of a group are kept under instead of its key.
type GroupId = [u8; 12];

/// Hands out ids to groups, and knows those of a batch.
///
/// An id is a number of this run of the operator, drawn at random from 64 bits, and a count: no two
/// groups of a run share one, and two runs do with a chance of 2^-64.
#[derive(Debug)]
struct GroupIds {
    run: u64,
    next: u32,
    /// Groups that are not in the table yet.
    fresh: HashMap<Slot, GroupId>,
    /// For each row of the batch, the id of its group.
    rows: Vec<GroupId>,
}

impl GroupIds {
    fn new() -> Self {
        Self {
            run: random(),
            next: 0,
            fresh: HashMap::new(),
            rows: Vec::new(),
        }
    }

    fn draw(&mut self) -> GroupId {
        let mut id = [0; 12];
        id[..8].copy_from_slice(&self.run.to_le_bytes());
        id[8..].copy_from_slice(&self.next.to_le_bytes());
        match self.next.checked_add(1) {
            Some(next) => self.next = next,
            None => {
                self.run = random();
                self.next = 0;
            }
        }
        id
    }
}

/// A number nobody can tell before: the keys of a hasher are.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

/// The entries of all sets of an operator.
#[derive(Debug)]
pub(super) struct DistinctValues {
    table: KeyedTable<Seen>,
    max_parallelism: u16,
    retracting: bool,
    ttl: Option<Ttl>,
    expiry: Option<Expiry>,
    /// The ids of groups, if entries are kept under them.
    ids: Option<GroupIds>,
    /// For each set, the entries of the batch.
    batch: Vec<BatchEntries>,
}

#[derive(Debug, Default)]
struct BatchEntries {
    keys: KeyList,
    slots: Vec<Slot>,
    /// For each row, the number of its entry among `keys`.
    at: Vec<u32>,
}

impl DistinctValues {
    pub(super) fn new(
        context: &OperatorContext,
        sets: usize,
        retracting: bool,
        ttl: Option<Ttl>,
        by_id: bool,
    ) -> Result<Self, OperatorError> {
        let uid = format!("{}.distinct", context.uid);
        Ok(Self {
            table: context.backend.table(&uid, context.key_groups.clone())?,
            max_parallelism: context.backend.max_parallelism(),
            retracting,
            ttl,
            expiry: ttl.map(Expiry::new),
            ids: by_id.then(GroupIds::new),
            batch: (0..sets).map(|_| BatchEntries::default()).collect(),
        })
    }

    /// Finds the ids of the groups of a batch, which stand at `at` of their words; new groups get
    /// one. `None` if the words of a group are not as many.
    pub(super) fn number(
        &mut self,
        groups: &KeyedTable<Group>,
        slots: &[Slot],
        at: usize,
    ) -> Option<()> {
        let Some(ids) = &mut self.ids else {
            return Some(());
        };
        ids.fresh.clear();
        ids.rows.clear();
        for &slot in slots {
            let id = if groups.is_live(slot) {
                let words = groups.get(slot).words.get();
                let mut id = [0; 12];
                id[..8].copy_from_slice(&words.get(at)?.to_le_bytes());
                id[8..].copy_from_slice(&words.get(at + 1)?.to_le_bytes()[..4]);
                id
            } else if let Some(id) = ids.fresh.get(&slot) {
                *id
            } else {
                let id = ids.draw();
                ids.fresh.insert(slot, id);
                id
            };
            ids.rows.push(id);
        }
        Some(())
    }

    /// Writes the id of the group of a row, which begins, to `at` of its words.
    pub(super) fn begin_group(&self, row: usize, words: &mut [u64], at: usize) {
        let Some(ids) = &self.ids else { return };
        let mut wide = [0; 16];
        wide[..12].copy_from_slice(&ids.rows[row]);
        let id = u128::from_le_bytes(wide);
        words[at] = id as u64;
        words[at + 1] = (id >> 64) as u64;
    }

    /// Finds the entries of a batch. The words of a row are `width` of `words`.
    pub(super) fn begin(
        &mut self,
        sets: &[DistinctSet],
        batch: &Batch,
        keys: &Keys,
        (words, width): (&[u64], usize),
    ) -> Result<(), OperatorError> {
        let mut prefix = Vec::new();
        for (number, (set, entries)) in sets.iter().zip(&mut self.batch).enumerate() {
            let columns: Vec<ArrayRef> = set
                .columns
                .iter()
                .map(|&column| ArrayRef::clone(batch.rows.column(column)))
                .collect();
            let values = set.converter.convert_columns(&columns)?;
            // Of several arguments none may be NULL; a single NULL is left to the function.
            let nulls = match columns.len() {
                1 => None,
                _ => any_null(&batch.rows, &set.columns),
            };
            entries.keys.clear();
            entries.at.clear();
            for row in 0..batch.len() {
                let row_words = &words[row * width..][..width];
                let counts = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
                    && set.filters.iter().any(|f| passes(f.filter, row_words));
                if !counts {
                    entries.at.push(NONE);
                    continue;
                }
                let (key, value) = (keys.key(row), values.row(row).data());
                let hash = self::hash(keys.hashes()[row], value, self.max_parallelism);
                entries.at.push(entries.keys.len() as u32);
                if let Some(ids) = &self.ids {
                    let parts: [&[u8]; 3] = [&ids.rows[row], &[number as u8], value];
                    entries.keys.push_parts(hash, &parts);
                    continue;
                }
                prefix.clear();
                put_varint(&mut prefix, key.len() as u64);
                let parts: [&[u8]; 4] = [&prefix, key, &[number as u8], value];
                entries.keys.push_parts(hash, &parts);
            }
            let BatchEntries { keys, slots, .. } = entries;
            self.table.slots(keys.hashes(), |i| keys.key(i), slots)?;
        }
        Ok(())
    }

    /// Notes a row of the batch and opens the gates of the filters to which it is news: it brings
    /// its value for the first time, or takes it back for the last.
    pub(super) fn note(
        &mut self,
        sets: &[DistinctSet],
        row: usize,
        words: &mut [u64],
        retract: bool,
        now: i64,
    ) {
        for (set, entries) in sets.iter().zip(&self.batch) {
            let at = entries.at[row];
            if at == NONE {
                continue;
            }
            let slot = entries.slots[at as usize];
            // With a TTL the first word is the time of the last change.
            let base = usize::from(self.ttl.is_some());
            let mut written = None;
            if let Some(ttl) = self.ttl
                && self.table.is_live(slot)
            {
                let last = last_write(self.table.get(slot));
                if ttl.is_expired(last, now) {
                    self.table.remove(slot);
                } else {
                    written = Some(last);
                }
            }
            if !self.table.is_live(slot) {
                let counts = if self.retracting {
                    set.filters.len()
                } else {
                    1
                };
                self.table.get_mut(slot).0 = Words::new(base + counts);
            }
            let mut changed = self.retracting;
            if self.retracting {
                let counts = &mut self.table.get_mut(slot).0.get_mut()[base..];
                for (filter, count) in set.filters.iter().zip(&mut *counts) {
                    if !passes(filter.filter, words) {
                        continue;
                    }
                    // A value that is taken back before it came is owed, as in Flink.
                    let news = if retract {
                        *count = count.wrapping_sub(1);
                        *count == 0
                    } else {
                        *count = count.wrapping_add(1);
                        *count == 1
                    };
                    words[usize::from(filter.gate.at)] = u64::from(news);
                }
                if counts.iter().all(|&count| count == 0) {
                    self.table.remove(slot);
                    continue;
                }
            } else {
                let mask = self.table.get(slot).0.get()[base];
                let mut fresh = 0;
                for (bit, filter) in set.filters.iter().enumerate() {
                    if mask >> bit & 1 == 0 && passes(filter.filter, words) {
                        fresh |= 1 << bit;
                        words[usize::from(filter.gate.at)] = 1;
                    }
                }
                if fresh != 0 {
                    self.table.get_mut(slot).0.get_mut()[base] = mask | fresh;
                    changed = true;
                }
            }
            // Flink writes an entry when it changes, so that alone renews it.
            if let Some(expiry) = &mut self.expiry
                && changed
            {
                self.table.get_mut(slot).0.get_mut()[0] = now as u64;
                let (hash, key) = (
                    entries.keys.hashes()[at as usize],
                    entries.keys.key(at as usize),
                );
                expiry.written(written, now, hash, key);
            }
        }
    }

    /// Removes what is expired.
    pub(super) fn expire(&mut self, now: i64) -> Result<(), OperatorError> {
        let (Some(ttl), Some(expiry)) = (self.ttl, &mut self.expiry) else {
            return Ok(());
        };
        let mut slots = Vec::new();
        while let Some(due) = expiry.due(now) {
            self.table.slots(due.hashes(), |i| due.key(i), &mut slots)?;
            for &slot in &slots {
                if self.table.is_live(slot) && ttl.is_expired(last_write(self.table.get(slot)), now)
                {
                    self.table.remove(slot);
                }
            }
        }
        Ok(())
    }

    /// Lists restored entries by when they expire.
    pub(super) fn restore(&mut self, encoder: &KeyEncoder) -> Result<(), OperatorError> {
        let Some(expiry) = &mut self.expiry else {
            return Ok(());
        };
        let groups = self.max_parallelism;
        let mut damage = Ok(());
        self.table.for_each(|entry, seen| {
            let mut reader = Reader::new(entry);
            let parts = reader.bytes().and_then(|key| {
                reader.u8()?;
                Ok((key, reader.rest()))
            });
            match parts {
                Ok((key, value)) => {
                    let hash = hash(encoder.hash_of(key), value, groups);
                    expiry.written(None, last_write(seen), hash, entry);
                }
                Err(error) => damage = Err(error),
            }
        })?;
        damage.map_err(|error| {
            OperatorError::Restore(format!(
                "a key of {} in the state is damaged: {error}",
                self.table.uid()
            ))
        })
    }

    pub(super) fn table(&mut self) -> &mut KeyedTable<Seen> {
        &mut self.table
    }
}

/// When the entry last changed, if state has a TTL.
fn last_write(seen: &Seen) -> i64 {
    seen.0.get()[0] as i64
}

/// The hash of a value of the key with hash `key`: in the same key group.
fn hash(key: u64, value: &[u8], max_parallelism: u16) -> u64 {
    let groups = u64::from(max_parallelism);
    let mixed = (stable_hash(value) ^ key.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // One bit less, so that the sum stays within 64.
    let mixed = mixed >> 1;
    mixed - mixed % groups + key % groups
}
