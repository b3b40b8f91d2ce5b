//! Keyed state of one subtask: a hash table in memory with the local database below it.
//!
//! A [`KeyedTable`] maps the keys of a range of key groups to values of one type. Reads and writes
//! go to memory. Changes reach the database as encoded entries: a little at a time between
//! barriers ([`KeyedTable::evict`] trickles), the rest at the barrier ([`KeyedTable::snapshot`]).
//! Over the memory budget, entries whose last change the database already has are dropped, and a
//! batch's misses are then read back with one call.
//!
//! # Rules
//! - The caller gives a key's 64-bit hash, by [`crate::stable_hash`] or one of its siblings, always
//!   the same for the same key: it decides the key group and is kept on disk.
//! - A [`Slot`] is good until the next call of [`evict`](KeyedTable::evict),
//!   [`trickle`](KeyedTable::trickle) or [`snapshot`](KeyedTable::snapshot); these are called
//!   between batches only. Whoever keeps slots longer compares
//!   [`generation`](KeyedTable::generation): while it is the same, every slot is good.
//! - Looking a key up does not create it. A slot is *vacant* until
//!   [`get_mut`](KeyedTable::get_mut) touches it, and again after
//!   [`remove`](KeyedTable::remove); a vacant slot reads as the default value and is not kept.
//! - While nothing was ever evicted nothing is ever read from disk: a new key costs no read.
//!
//! # The life of an entry
//! Three facts decide what may happen to an entry: *live* (has a value), *dirty* (changed since it
//! was last handed to the writer) and the number of the hand-over that carried its last change.
//! The writer applies a table's hand-overs in order and publishes how far it is. An entry is
//! *clean*, and may leave memory, when it is not dirty and its hand-over was applied. A removed
//! entry stays as a tombstone until its delete was applied, so a lookup can never find the old
//! value on disk.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed},
};
use std::time::{Duration, Instant};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as IndexEntry;

use crate::backend::Shared;
use crate::codec::{CodecError, StateValue};
use crate::error::StateError;
use crate::key::Key;
use crate::key_group::key_group;
use crate::slab::Slab;
use crate::write_set::WriteSet;
use crate::writer::{HandOver, Message, Snapshot};

/// The place of one key's value in a [`KeyedTable`], see the module's rules for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(u32);

impl Slot {
    /// The slot as a small number, dense enough to index scratch space by.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The entry has a value.
const LIVE: u8 = 1;
/// The entry changed since it was last handed over; it stands in the dirty queue exactly once.
const DIRTY: u8 = 2;
/// The database has the key, once everything handed over is applied.
const PERSISTED: u8 = 4;
/// Used since the clock hand last passed.
const REFERENCED: u8 = 8;
/// The place is in use.
const OCCUPIED: u8 = 16;

/// What an entry costs beside itself: its place in the index at a usual load.
const INDEX_COST: usize = 14;

/// The fewest entries worth encoding at once.
const MIN_TRICKLE: usize = 256;

/// How long one batch is held up for the writer when memory is at the budget; more the further
/// over it is, up to [`MAX_STALL`].
const STALL: Duration = Duration::from_millis(50);
const MAX_STALL: Duration = Duration::from_millis(1_000);

struct Entry<V> {
    value: V,
    key: Key,
    /// Number of the hand-over with the last change of this entry; 0 for none.
    handed: u64,
    /// The upper half of the key's hash.
    hash: u32,
    /// Bytes charged to the budget for this entry; 0 until it was first measured.
    charged: u32,
    group: u16,
    flags: u8,
}

impl<V> Entry<V> {
    fn is(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

/// What the table and the writer share.
#[derive(Debug)]
pub(crate) struct TableLink {
    pub(crate) id: u64,
    pub(crate) uid: Arc<str>,
    /// Number of the last hand-over that the database has.
    pub(crate) applied: AtomicU64,
    /// Bytes in memory, as of the last batch.
    pub(crate) bytes: AtomicU64,
}

/// Sizes of a table, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableStats {
    /// Live entries in memory.
    pub in_memory: u64,
    /// Live entries only on disk; `None` when not known (a large state just restored).
    pub on_disk_only: Option<u64>,
    /// Entries changed and not yet handed to the writer.
    pub dirty: u64,
    /// Bytes charged to the memory budget.
    pub bytes: u64,
    /// Keys looked up on disk so far.
    pub disk_reads: u64,
    /// Of these, found.
    pub disk_hits: u64,
    /// Entries dropped from memory so far.
    pub evicted: u64,
}

/// Keyed state of one subtask of one operator. See the [module](self) for the rules.
pub struct KeyedTable<V: StateValue> {
    shared: Arc<Shared>,
    link: Arc<TableLink>,
    groups: Range<u16>,
    max_parallelism: u16,

    index: HashTable<(u32, u32)>,
    slab: Slab<Entry<V>>,
    /// Live entries in memory.
    live: u64,
    /// Live entries that only the database has, `None` when not known. Nothing is read from disk
    /// while it is `Some(0)`.
    absent: Option<u64>,

    /// Slots of dirty entries, the longest dirty first.
    dirty: VecDeque<u32>,
    /// Slots of the dirty queue whose growth is not measured yet: its last so many.
    unmeasured: usize,
    /// Slots inserted since the last [`evict`](Self::evict).
    fresh: Vec<u32>,
    /// Tombstones to free when their hand-over is applied.
    tombstones: VecDeque<(u64, u32)>,

    hand_overs: u64,
    /// The last epoch this table handed over.
    epoch: u64,
    clock: u32,
    /// Counts entries that left their place.
    generation: u64,
    charged: usize,
    published: usize,
    published_dirty: usize,
    /// Encoded bytes per entry, a running mean.
    encoded_mean: usize,
    entry_cost: usize,
    misses: Vec<u32>,
    disk_reads: u64,
    disk_hits: u64,
    evicted: u64,
    finished: bool,
}

fn too_many_keys(uid: &str) -> StateError {
    StateError::Table {
        uid: uid.to_owned(),
        reason: "a subtask cannot hold more than 2^32 keys in memory; raise the parallelism or \
                 lower the memory budget"
            .to_owned(),
    }
}

/// 32 bits of hash spread over 64 again: the index takes its tag from the top and its bucket from
/// the bottom. The lower half of the key's hash is no good for that, since it is equal modulo the
/// key groups of this subtask.
#[inline(always)]
fn spread(hash: u32) -> u64 {
    let wide = u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    wide ^ (wide >> 32)
}

impl<V: StateValue> KeyedTable<V> {
    pub(crate) fn open(
        shared: Arc<Shared>,
        link: Arc<TableLink>,
        groups: Range<u16>,
        epoch: u64,
        absent: Option<u64>,
    ) -> Self {
        let max_parallelism = shared.max_parallelism;
        Self {
            shared,
            link,
            groups,
            max_parallelism,
            index: HashTable::new(),
            slab: Slab::new(),
            live: 0,
            absent,
            dirty: VecDeque::new(),
            unmeasured: 0,
            fresh: Vec::new(),
            tombstones: VecDeque::new(),
            hand_overs: 0,
            epoch,
            clock: 0,
            generation: 0,
            charged: 0,
            published: 0,
            published_dirty: 0,
            encoded_mean: size_of::<V>() + 24,
            entry_cost: size_of::<Entry<V>>() + INDEX_COST,
            misses: Vec::new(),
            disk_reads: 0,
            disk_hits: 0,
            evicted: 0,
            finished: false,
        }
    }

    /// The operator's state uid.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.link.uid
    }

    /// The key groups this table owns.
    #[must_use]
    pub fn key_groups(&self) -> Range<u16> {
        self.groups.clone()
    }

    /// Live entries in memory and on disk; `None` when a large restored state was not counted yet
    /// ([`for_each`](Self::for_each) counts).
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        self.absent.map(|absent| absent + self.live)
    }

    /// True when the table is known to have no live entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Changes when slots handed out before may have become invalid. While everything fits in
    /// memory and nothing is removed that is almost never.
    #[inline]
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Sizes, for metrics.
    #[must_use]
    pub fn stats(&self) -> TableStats {
        TableStats {
            in_memory: self.live,
            on_disk_only: self.absent,
            dirty: self.dirty.len() as u64,
            bytes: self.charged as u64,
            disk_reads: self.disk_reads,
            disk_hits: self.disk_hits,
            evicted: self.evicted,
        }
    }

    /// The slots of a batch of keys, row by row: `out` is cleared and then holds one slot per
    /// hash. Equal keys get equal slots. Keys that are not in memory are read from disk in one
    /// call, if any were ever evicted.
    ///
    /// ```
    /// # use millstream_state::{StateError, stable_hash_u64, testing};
    /// # fn main() -> Result<(), StateError> {
    /// # let backend = testing::memory_backend()?;
    /// let mut sums = backend.table::<i64>("sums", 0..128)?;
    /// let cards = [7u64, 9, 7];
    /// let keys: Vec<[u8; 8]> = cards.iter().map(|card| card.to_be_bytes()).collect();
    /// let hashes: Vec<u64> = cards.iter().map(|&card| stable_hash_u64(card)).collect();
    /// let mut slots = Vec::new();
    /// sums.slots(&hashes, |row| &keys[row], &mut slots)?;
    /// for (row, amount) in [10, 20, 30].into_iter().enumerate() {
    ///     *sums.get_mut(slots[row]) += amount;
    /// }
    /// assert_eq!((*sums.get(slots[0]), *sums.get(slots[1])), (40, 20));
    /// sums.evict()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The disk cannot be read, or holds what the codec does not understand; no slot is then left
    /// behind.
    pub fn slots<'k>(
        &mut self,
        hashes: &[u64],
        key: impl Fn(usize) -> &'k [u8],
        out: &mut Vec<Slot>,
    ) -> Result<(), StateError> {
        out.clear();
        out.reserve(hashes.len());
        let mut misses = std::mem::take(&mut self.misses);
        misses.clear();
        for (row, &hash) in hashes.iter().enumerate() {
            let (slot, new) = self.place(hash, key(row))?;
            if new && self.absent != Some(0) {
                misses.push(slot);
            }
            out.push(Slot(slot));
        }
        let loaded = if misses.is_empty() {
            Ok(())
        } else {
            self.load(&mut misses)
        };
        self.misses = misses;
        loaded
    }

    /// The slot of one key. Prefer [`slots`](Self::slots) for a batch.
    ///
    /// # Errors
    /// As [`slots`](Self::slots).
    pub fn slot(&mut self, hash: u64, key: &[u8]) -> Result<Slot, StateError> {
        let (slot, new) = self.place(hash, key)?;
        if new && self.absent != Some(0) {
            self.load(&mut [slot])?;
        }
        Ok(Slot(slot))
    }

    /// The slot of a key that has a value, or `None`.
    ///
    /// # Errors
    /// As [`slots`](Self::slots).
    pub fn find(&mut self, hash: u64, key: &[u8]) -> Result<Option<Slot>, StateError> {
        if self.absent == Some(0) {
            let found = self.lookup((hash >> 32) as u32, key);
            return Ok(found
                .filter(|&slot| {
                    let entry = self.slab.get_mut(slot);
                    entry.flags |= REFERENCED;
                    entry.is(LIVE)
                })
                .map(Slot));
        }
        let slot = self.slot(hash, key)?;
        Ok(self.is_live(slot).then_some(slot))
    }

    /// True when the key of this slot has a value: it was there before, or
    /// [`get_mut`](Self::get_mut) made it.
    #[inline]
    #[must_use]
    pub fn is_live(&self, slot: Slot) -> bool {
        self.slab.get(slot.0).is(LIVE)
    }

    /// The value, or the default if the slot is vacant.
    #[inline]
    #[must_use]
    pub fn get(&self, slot: Slot) -> &V {
        &self.slab.get(slot.0).value
    }

    /// The value to change, the default if the slot was vacant. The entry is live and dirty from
    /// now on.
    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> &mut V {
        if !self.slab.get(slot.0).is(LIVE | DIRTY) {
            self.touch(slot.0);
        }
        &mut self.slab.get_mut(slot.0).value
    }

    /// The key's bytes.
    #[inline]
    #[must_use]
    pub fn key(&self, slot: Slot) -> &[u8] {
        &self.slab.get(slot.0).key
    }

    /// Removes the key. The slot is vacant then, and [`get_mut`](Self::get_mut) would begin it
    /// anew.
    pub fn remove(&mut self, slot: Slot) {
        let entry = self.slab.get_mut(slot.0);
        if !entry.is(LIVE) {
            return;
        }
        entry.value = V::default();
        entry.flags &= !LIVE;
        self.live -= 1;
        if !entry.is(DIRTY) {
            entry.flags |= DIRTY;
            self.dirty.push_back(slot.0);
            self.unmeasured += 1;
        }
    }

    /// Calls `each` with every live key and value of this table's key groups, in no order, also
    /// those that are only on disk (without bringing them into memory).
    ///
    /// # Errors
    /// As [`slots`](Self::slots).
    pub fn for_each(&mut self, mut each: impl FnMut(&[u8], &V)) -> Result<(), StateError> {
        for at in 0..self.slab.len() {
            let entry = self.slab.get(at);
            if entry.is(OCCUPIED | LIVE) {
                each(&entry.key, &entry.value);
            }
        }
        if self.absent == Some(0) {
            return Ok(());
        }
        let mut absent = 0;
        let shared = Arc::clone(&self.shared);
        shared
            .db
            .scan(&self.link.uid, self.groups.clone(), |key, stored| {
                let (hash, encoded) = self.split(key, stored)?;
                let key = &key[2..];
                if self.lookup(hash, key).is_none() {
                    absent += 1;
                    let value = V::decode(encoded).map_err(|e| self.codec_error(key, e))?;
                    each(key, &value);
                }
                Ok(ControlFlow::Continue(()))
            })?;
        self.absent = Some(absent);
        Ok(())
    }

    /// Hands everything that changed since the last snapshot to the writer as this table's part of
    /// checkpoint `epoch`. Between batches only; slots end here.
    ///
    /// Costs the encoding of what trickling left dirty; nothing is written on this thread.
    ///
    /// # Errors
    /// The writer stopped (disk full, …), or `epoch` is not after the last one.
    pub fn snapshot(&mut self, epoch: u64) -> Result<(), StateError> {
        if epoch <= self.epoch {
            return Err(StateError::Protocol {
                epoch,
                reason: format!(
                    "operator {} already handed over checkpoint {}",
                    self.link.uid, self.epoch
                ),
            });
        }
        let start = Instant::now();
        // In the order of memory: with many keys the misses of the cache are the whole cost.
        self.dirty.make_contiguous().sort_unstable();
        let changes = self.encode(usize::MAX, false);
        let snapshot = Snapshot {
            epoch,
            sync: start.elapsed(),
            bytes: changes.bytes() as u64,
            entries: self.len(),
        };
        self.hand_over(changes, Some(snapshot))?;
        self.epoch = epoch;
        // An operator without input still gives back its share of the memory.
        self.settle();
        self.shed()
    }

    /// Hands the longest dirty entries to the writer when there are more than this table's share.
    /// [`evict`](Self::evict) includes it. Between batches only; slots end here.
    ///
    /// # Errors
    /// The writer stopped.
    pub fn trickle(&mut self) -> Result<(), StateError> {
        self.settle();
        self.trickle_share()
    }

    /// Keeps this table within the memory budget: frees what was removed, trickles changes, and
    /// over the budget drops clean entries that were not used lately. To be called after every
    /// batch; cheap when there is nothing to do. Slots end here.
    ///
    /// # Errors
    /// The writer stopped.
    pub fn evict(&mut self) -> Result<(), StateError> {
        self.settle();
        self.trickle_share()?;
        self.shed()
    }

    /// Ends this table's part in checkpoints: what is dirty is handed over, and later checkpoints
    /// hold its state as it is now. For an operator that saw the end of its input while the job
    /// goes on. (A table that is just dropped makes later checkpoints fail instead, because its
    /// operator must have died.)
    ///
    /// # Errors
    /// The writer stopped.
    pub fn finish(mut self) -> Result<(), StateError> {
        let changes = self.encode(usize::MAX, false);
        self.hand_over(changes, None)?;
        self.finished = true;
        Ok(())
    }

    /// Drops everything from memory that the database has, whatever the budget: the test of
    /// everything that is only reached under memory pressure. Hands over what is dirty and waits
    /// for the writer first, unless a checkpoint holds it back. Slots end here.
    ///
    /// # Errors
    /// The writer stopped.
    pub fn evict_all_clean(&mut self) -> Result<(), StateError> {
        self.settle();
        if self.shared.progress.releases(self.epoch) {
            let changes = self.encode(usize::MAX, false);
            self.hand_over(changes, None)?;
            let deadline = Instant::now() + Duration::from_secs(10);
            while self.link.applied.load(Acquire) < self.hand_overs && Instant::now() < deadline {
                self.shared
                    .progress
                    .wait(Instant::now() + Duration::from_millis(1))?;
            }
        }
        self.settle();
        // Twice around: the first pass takes the second chances away.
        self.sweep(usize::MAX);
        self.sweep(usize::MAX);
        self.publish();
        Ok(())
    }

    // --- lookup ---------------------------------------------------------------------------------

    #[inline]
    fn lookup(&self, hash: u32, key: &[u8]) -> Option<u32> {
        self.index
            .find(spread(hash), |&(h, at)| {
                h == hash && *self.slab.get(at).key == *key
            })
            .map(|&(_, at)| at)
    }

    /// The slot of the key, and whether it was not in memory.
    #[inline]
    fn place(&mut self, hash: u64, key: &[u8]) -> Result<(u32, bool), StateError> {
        let upper = (hash >> 32) as u32;
        let slab = &mut self.slab;
        let found = self.index.entry(
            spread(upper),
            |&(h, at)| h == upper && *slab.get(at).key == *key,
            |&(h, _)| spread(h),
        );
        match found {
            IndexEntry::Occupied(found) => {
                let at = found.get().1;
                slab.get_mut(at).flags |= REFERENCED;
                Ok((at, false))
            }
            IndexEntry::Vacant(vacant) => {
                let group = key_group(hash, self.max_parallelism);
                debug_assert!(
                    self.groups.contains(&group),
                    "a key of group {group} came to the subtask of {:?}",
                    self.groups
                );
                let entry = Entry {
                    value: V::default(),
                    key: Key::new(key),
                    handed: 0,
                    hash: upper,
                    charged: 0,
                    group,
                    flags: OCCUPIED,
                };
                let at = slab
                    .insert(entry)
                    .ok_or_else(|| too_many_keys(&self.link.uid))?;
                vacant.insert((upper, at));
                self.fresh.push(at);
                Ok((at, true))
            }
        }
    }

    /// Reads the keys of these vacant slots from disk.
    fn load(&mut self, misses: &mut [u32]) -> Result<(), StateError> {
        // In key order, which is what RocksDB wants.
        misses.sort_unstable_by(|&a, &b| {
            let (a, b) = (self.slab.get(a), self.slab.get(b));
            a.group.cmp(&b.group).then_with(|| a.key.cmp(&b.key))
        });
        let mut bytes = Vec::with_capacity(misses.len() * 24);
        let mut ends = Vec::with_capacity(misses.len());
        for &at in misses.iter() {
            let entry = self.slab.get(at);
            bytes.extend_from_slice(&entry.group.to_be_bytes());
            bytes.extend_from_slice(&entry.key);
            ends.push(bytes.len());
        }
        let mut start = 0;
        let keys: Vec<&[u8]> = ends
            .iter()
            .map(|&end| &bytes[std::mem::replace(&mut start, end)..end])
            .collect();
        self.disk_reads += keys.len() as u64;
        let (shared, link) = (Arc::clone(&self.shared), Arc::clone(&self.link));
        let result = shared.db.multi_get(&link.uid, &keys, |row, stored| {
            let Some(stored) = stored else { return Ok(()) };
            let (_, encoded) = self.split(keys[row], stored)?;
            let value = V::decode(encoded).map_err(|e| self.codec_error(&keys[row][2..], e))?;
            let entry = self.slab.get_mut(misses[row]);
            entry.value = value;
            entry.flags |= LIVE | PERSISTED;
            self.live += 1;
            self.disk_hits += 1;
            if let Some(absent) = &mut self.absent {
                *absent = absent.saturating_sub(1);
            }
            Ok(())
        });
        if result.is_err() {
            // A vacant slot left behind would read as "never seen" the next time.
            for &at in misses.iter() {
                if !self.slab.get(at).is(LIVE) {
                    self.free(at);
                }
            }
        }
        result
    }

    /// Puts an entry read from disk into memory, at restore.
    pub(crate) fn preload(&mut self, key: &[u8], stored: &[u8]) -> Result<(), StateError> {
        let (hash, encoded) = self.split(key, stored)?;
        let group = u16::from_be_bytes([key[0], key[1]]);
        let key = &key[2..];
        let value = V::decode(encoded).map_err(|e| self.codec_error(key, e))?;
        let charged = self.cost(&Key::new(key), &value);
        let entry = Entry {
            value,
            key: Key::new(key),
            handed: 0,
            hash,
            charged: charged as u32,
            group,
            flags: OCCUPIED | LIVE | PERSISTED,
        };
        let at = self
            .slab
            .insert(entry)
            .ok_or_else(|| too_many_keys(&self.link.uid))?;
        self.index
            .insert_unique(spread(hash), (hash, at), |&(h, _)| spread(h));
        self.live += 1;
        self.charged += charged;
        Ok(())
    }

    /// Ends the restore: `absent` live entries stayed on disk.
    pub(crate) fn preloaded(&mut self, absent: Option<u64>) {
        self.absent = absent;
        self.settle();
    }

    pub(crate) fn charged(&self) -> usize {
        self.charged
    }

    /// A stored value is the upper half of the key's hash, then the codec's bytes.
    fn split<'s>(&self, key: &[u8], stored: &'s [u8]) -> Result<(u32, &'s [u8]), StateError> {
        let key_is_whole = key.len() >= 2;
        match stored.split_first_chunk::<4>() {
            Some((hash, rest)) if key_is_whole => Ok((u32::from_le_bytes(*hash), rest)),
            _ => Err(self.codec_error(
                key,
                CodecError::Truncated {
                    what: "the key's hash",
                    at: stored.len(),
                    wanted: 4,
                },
            )),
        }
    }

    fn codec_error(&self, key: &[u8], source: CodecError) -> StateError {
        StateError::Codec {
            uid: self.link.uid.to_string(),
            key: key.to_vec(),
            source,
        }
    }

    #[cold]
    #[inline(never)]
    fn touch(&mut self, at: u32) {
        let entry = self.slab.get_mut(at);
        if !entry.is(LIVE) {
            entry.flags |= LIVE;
            self.live += 1;
        }
        if !entry.is(DIRTY) {
            entry.flags |= DIRTY;
            self.dirty.push_back(at);
            self.unmeasured += 1;
        }
    }

    // --- accounting -----------------------------------------------------------------------------

    fn cost(&self, key: &Key, value: &V) -> usize {
        (self.entry_cost + key.heap_size() + value.heap_size()).min(u32::MAX as usize)
    }

    fn measure(&mut self, at: u32) {
        let entry = self.slab.get(at);
        let now = self.cost(&entry.key, &entry.value);
        let entry = self.slab.get_mut(at);
        self.charged = self.charged + now - entry.charged as usize;
        entry.charged = now as u32;
    }

    /// Frees a place; its key is then unknown to memory.
    fn free(&mut self, at: u32) {
        let hash = self.slab.get(at).hash;
        if let Ok(found) = self
            .index
            .find_entry(spread(hash), |&(_, other)| other == at)
        {
            found.remove();
        }
        let entry = self.slab.get_mut(at);
        self.charged -= entry.charged as usize;
        self.generation += 1;
        // Gives back the heap of key and value at once.
        entry.value = V::default();
        entry.key = Key::EMPTY;
        entry.flags = 0;
        entry.charged = 0;
        entry.handed = 0;
        self.slab.release(at);
    }

    /// Measures what is new or changed, frees what was only looked up or is removed on disk too,
    /// and publishes the table's sizes.
    fn settle(&mut self) {
        let mut fresh = std::mem::take(&mut self.fresh);
        for at in fresh.drain(..) {
            let entry = self.slab.get(at);
            if !entry.is(OCCUPIED) || entry.charged > 0 {
                continue;
            }
            if entry.flags & (LIVE | DIRTY | PERSISTED) == 0 && entry.handed == 0 {
                self.free(at);
            } else {
                self.measure(at);
            }
        }
        self.fresh = fresh;

        let from = self.dirty.len().saturating_sub(self.unmeasured);
        for queued in from..self.dirty.len() {
            self.measure(self.dirty[queued]);
        }
        self.unmeasured = 0;

        let applied = self.link.applied.load(Acquire);
        while let Some(&(handed, at)) = self.tombstones.front() {
            if handed > applied {
                break;
            }
            self.tombstones.pop_front();
            let entry = self.slab.get(at);
            if entry.is(OCCUPIED) && entry.flags & (LIVE | DIRTY) == 0 && entry.handed == handed {
                self.free(at);
            }
        }
        self.publish();
    }

    fn publish(&mut self) {
        let dirty = self.dirty.len() * self.encoded_mean;
        self.link.bytes.store(self.charged as u64, Relaxed);
        self.shared
            .budget
            .publish_table(&mut self.published, self.charged);
        self.shared
            .budget
            .publish_dirty(&mut self.published_dirty, dirty);
    }

    // --- to the writer --------------------------------------------------------------------------

    /// Encodes dirty entries, the longest dirty first, until `limit` bytes; with `spare_used`
    /// those used lately get a second chance, since they will be dirty again soon.
    fn encode(&mut self, limit: usize, spare_used: bool) -> WriteSet {
        let count = self.dirty.len();
        let guess = count.min((limit / self.encoded_mean.max(1)).saturating_add(1));
        let mut changes = WriteSet::with_capacity(guess, guess.saturating_mul(self.encoded_mean));
        let seq = self.hand_overs + 1;
        let applied = self.link.applied.load(Acquire);
        for _ in 0..count {
            let Some(at) = self.dirty.pop_front() else {
                break;
            };
            let entry = self.slab.get_mut(at);
            if spare_used && entry.is(REFERENCED) {
                entry.flags &= !REFERENCED;
                self.dirty.push_back(at);
                continue;
            }
            entry.flags &= !DIRTY;
            if entry.is(LIVE) {
                entry.flags |= PERSISTED;
                entry.handed = seq;
                let (hash, value) = (entry.hash, &entry.value);
                changes.put([&entry.group.to_be_bytes(), &entry.key], |out| {
                    out.extend_from_slice(&hash.to_le_bytes());
                    value.encode(out);
                });
                let heap = value.heap_size() + entry.key.heap_size();
                let now = (self.entry_cost + heap).min(u32::MAX as usize);
                self.charged = self.charged + now - entry.charged as usize;
                entry.charged = now as u32;
            } else if entry.is(PERSISTED) {
                entry.flags &= !PERSISTED;
                entry.handed = seq;
                changes.delete([&entry.group.to_be_bytes(), &entry.key]);
                self.tombstones.push_back((seq, at));
            } else if entry.handed > applied {
                // Removed again before an earlier delete was applied: nothing to add to it.
                self.tombstones.push_back((entry.handed, at));
            } else {
                self.free(at);
            }
            if changes.bytes() >= limit {
                break;
            }
        }
        self.unmeasured = self.unmeasured.min(self.dirty.len());
        if changes.len() >= 64 {
            self.encoded_mean = changes.bytes() / changes.len() + 1;
        }
        changes
    }

    fn hand_over(
        &mut self,
        changes: WriteSet,
        snapshot: Option<Snapshot>,
    ) -> Result<(), StateError> {
        self.hand_overs += 1;
        self.shared.budget.add_in_flight(changes.memory());
        self.shared.send(Message::HandOver(HandOver {
            table: Arc::clone(&self.link),
            seq: self.hand_overs,
            after: self.epoch,
            changes,
            snapshot,
        }))?;
        self.publish();
        Ok(())
    }

    fn trickle_share(&mut self) -> Result<(), StateError> {
        let budget = &self.shared.budget;
        if budget.dirty() <= budget.dirty_target() || !self.shared.progress.releases(self.epoch) {
            return Ok(());
        }
        // The writer is behind; more would only pile up in its queue.
        if budget.in_flight() > 2 * budget.dirty_target() {
            return Ok(());
        }
        let share = budget.dirty_share();
        let mine = self.dirty.len() * self.encoded_mean;
        if mine <= share || self.dirty.len() < MIN_TRICKLE {
            return Ok(());
        }
        let changes = self.encode(mine - share / 2, true);
        if changes.len() == 0 {
            Ok(())
        } else {
            self.hand_over(changes, None)
        }
    }

    /// Over the budget, drops this table's share of the excess.
    fn shed(&mut self) -> Result<(), StateError> {
        if self.shared.budget.used() <= self.shared.budget.limit() {
            return Ok(());
        }
        let over = self.shared.budget.used() as f64 / self.shared.budget.limit() as f64;
        let deadline = Instant::now() + STALL.mul_f64(over * over).min(MAX_STALL);
        loop {
            let budget = &self.shared.budget;
            let (used, limit) = (budget.used(), budget.limit());
            // A little below, so that not every batch comes here.
            let target = limit - limit / 16;
            if used <= target {
                return Ok(());
            }
            let share = self.charged as f64 / budget.tables().max(1) as f64;
            let wanted = (((used - target) as f64 * share) as usize).max(16 * self.entry_cost);
            let freed = self.sweep(wanted);
            self.publish();
            if freed >= wanted {
                return Ok(());
            }
            // Too little is clean. What is dirty becomes clean by way of the writer, but not while
            // it must hold this table's changes back for a checkpoint that is not complete.
            if !self.shared.progress.releases(self.epoch) {
                return Ok(());
            }
            if self.dirty.len() >= MIN_TRICKLE && self.shared.budget.in_flight() < limit / 4 {
                let changes = self.encode(wanted - freed, false);
                self.hand_over(changes, None)?;
            }
            // Only far over the budget is the batch held up until the writer caught up, and never
            // for long: upstream of here may be what the checkpoint waits for.
            if self.shared.budget.used() <= limit + limit / 4 || self.shared.budget.in_flight() == 0
            {
                return Ok(());
            }
            self.shared.progress.wait(deadline)?;
            if Instant::now() >= deadline {
                return Ok(());
            }
            self.settle();
        }
    }

    /// Moves the clock hand until `wanted` bytes are freed or it went far enough.
    fn sweep(&mut self, wanted: usize) -> usize {
        let places = self.slab.len();
        if places == 0 {
            return 0;
        }
        let applied = self.link.applied.load(Acquire);
        let before = self.charged;
        let steps = (wanted / self.entry_cost)
            .saturating_mul(8)
            .saturating_add(4096);
        for _ in 0..steps.min(2 * places as usize) {
            if before - self.charged >= wanted {
                break;
            }
            let at = if self.clock < places { self.clock } else { 0 };
            self.clock = at + 1;
            let entry = self.slab.get_mut(at);
            if !entry.is(OCCUPIED) || entry.is(DIRTY) || entry.handed > applied {
                continue;
            }
            if entry.is(REFERENCED) {
                entry.flags &= !REFERENCED;
                continue;
            }
            if entry.is(LIVE) {
                self.live -= 1;
                self.evicted += 1;
                if let Some(absent) = &mut self.absent {
                    *absent += 1;
                }
            }
            self.free(at);
        }
        before - self.charged
    }
}

impl<V: StateValue> Drop for KeyedTable<V> {
    fn drop(&mut self) {
        self.charged = 0;
        self.dirty.clear();
        self.publish();
        self.shared.close_table(&self.link, self.finished);
    }
}

impl<V: StateValue> std::fmt::Debug for KeyedTable<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyedTable")
            .field("uid", &self.link.uid)
            .field("key_groups", &self.groups)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
