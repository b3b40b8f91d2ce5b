//! The rows that a join keeps, in buckets of limited size under their key.
//!
//! The rows of a key lie one behind the other in one buffer, as they go to disk. A key with more
//! rows than fit in a few kilobytes spreads them over several buckets, which are entries of their
//! own, so that neither a checkpoint nor an update touches more than a few kilobytes of even the
//! hottest key. Rows that may be looked for (to be retracted or replaced) are spread by the hash of
//! their identity, one bucket being split at a time (linear hashing); others are appended.

use std::collections::BTreeSet;
use std::fmt;

use millstream_state::codec::{Reader, put_bytes, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue, stable_hash, stable_hash_u64};

use crate::operator::{OperatorContext, OperatorError};

/// Bytes of a bucket before another is begun.
const BUCKET_BYTES: usize = 4096;

/// What stands before the bytes of each row beside their length.
const COUNT: u8 = 1;
const MARK: u8 = 2;
const TIME: u8 = 4;
const HASH: u8 = 8;

/// How rows are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Rows are never looked for.
    None,
    /// By all their bytes; equal rows are counted.
    Row,
    /// By what their bytes begin with; at most one row has it.
    Prefix,
}

/// What is kept of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowLayout(u8);

impl RowLayout {
    /// `mark`: a number the join may set. `time`: the row's time, or when it was last written.
    pub(crate) fn new(identity: Identity, mark: bool, time: bool) -> Self {
        let identity = match identity {
            Identity::None => 0,
            Identity::Row => COUNT,
            Identity::Prefix => HASH,
        };
        let mark = if mark { MARK } else { 0 };
        let time = if time { TIME } else { 0 };
        Self(identity | mark | time)
    }

    const fn has(self, part: u8) -> bool {
        self.0 & part != 0
    }

    const fn size_of(self, part: u8) -> usize {
        match (self.0 & part != 0, part) {
            (false, _) => 0,
            (true, TIME) => 8,
            (true, _) => 4,
        }
    }

    const fn count_at(self) -> usize {
        4
    }

    const fn mark_at(self) -> usize {
        self.count_at() + self.size_of(COUNT)
    }

    const fn time_at(self) -> usize {
        self.mark_at() + self.size_of(MARK)
    }

    const fn hash_at(self) -> usize {
        self.time_at() + self.size_of(TIME)
    }

    const fn header(self) -> usize {
        self.hash_at() + self.size_of(HASH)
    }
}

/// A row that is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    /// How many equal rows it stands for.
    pub(crate) count: u32,
    pub(crate) mark: u32,
    pub(crate) time: i64,
    hash: u32,
    pub(crate) row: &'a [u8],
    /// Bytes with all that stands before the row.
    size: usize,
}

/// Where a row is kept. Good until rows of its side are added or removed, or slots end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryRef {
    slot: Slot,
    /// In a further bucket rather than the first.
    further: bool,
    offset: u32,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| u32::from_le_bytes(*b))
}

fn i64_at(bytes: &[u8], at: usize) -> Option<i64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| i64::from_le_bytes(*b))
}

fn put_at(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// One bucket of rows of a key. The first also knows about the others.
#[derive(Debug, Default)]
pub(crate) struct RowBucket {
    layout: u8,
    /// Further buckets, numbered from 1.
    further: u32,
    /// Entries in all buckets.
    rows: u32,
    /// For the operator's use.
    due: i64,
    entries: Vec<u8>,
}

impl RowBucket {
    fn at(&self, offset: usize) -> Option<Entry<'_>> {
        let layout = RowLayout(self.layout);
        let bytes = self.entries.get(offset..)?;
        let length = u32_at(bytes, 0)? as usize;
        let size = layout.header() + length;
        let part = |part: u8, at: usize, default: u32| {
            if layout.has(part) {
                u32_at(bytes, at)
            } else {
                Some(default)
            }
        };
        Some(Entry {
            count: part(COUNT, layout.count_at(), 1)?,
            mark: part(MARK, layout.mark_at(), 0)?,
            time: if layout.has(TIME) {
                i64_at(bytes, layout.time_at())?
            } else {
                0
            },
            hash: part(HASH, layout.hash_at(), 0)?,
            row: bytes.get(layout.header()..size)?,
            size,
        })
    }

    /// All rows with their offsets.
    fn iter(&self) -> impl Iterator<Item = (usize, Entry<'_>)> {
        let mut offset = 0;
        std::iter::from_fn(move || {
            let entry = self.at(offset)?;
            let at = offset;
            offset += entry.size;
            Some((at, entry))
        })
    }

    fn push(&mut self, layout: RowLayout, entry: Entry<'_>) {
        self.layout = layout.0;
        let size = layout.header() + entry.row.len();
        if self.entries.capacity() - self.entries.len() < size {
            // Most keys have one row, and doubling would leave a quarter of all memory unused.
            self.entries.reserve_exact(size.max(self.entries.len() / 4));
        }
        self.entries
            .extend_from_slice(&(entry.row.len() as u32).to_le_bytes());
        if layout.has(COUNT) {
            self.entries.extend_from_slice(&entry.count.to_le_bytes());
        }
        if layout.has(MARK) {
            self.entries.extend_from_slice(&entry.mark.to_le_bytes());
        }
        if layout.has(TIME) {
            self.entries.extend_from_slice(&entry.time.to_le_bytes());
        }
        if layout.has(HASH) {
            self.entries.extend_from_slice(&entry.hash.to_le_bytes());
        }
        self.entries.extend_from_slice(entry.row);
    }

    /// Keeps the rows that `keep` wants; how many went.
    fn retain(&mut self, mut keep: impl FnMut(&Entry<'_>) -> bool) -> u32 {
        let mut kept = Vec::with_capacity(self.entries.len());
        let mut gone = 0;
        for (offset, entry) in self.iter() {
            if keep(&entry) {
                kept.extend_from_slice(&self.entries[offset..offset + entry.size]);
            } else {
                gone += 1;
            }
        }
        if gone > 0 {
            self.entries = kept;
        }
        gone
    }
}

impl StateValue for RowBucket {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        out.push(self.layout);
        put_varint(out, u64::from(self.further));
        put_varint(out, u64::from(self.rows));
        put_zigzag(out, self.due);
        put_bytes(out, &self.entries);
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let invalid = CodecError::Invalid {
            what: "rows of a join",
            at: 2,
        };
        let bucket = Self {
            layout: reader.u8()?,
            further: u32::try_from(reader.varint()?).map_err(|_| invalid.clone())?,
            rows: u32::try_from(reader.varint()?).map_err(|_| invalid.clone())?,
            due: reader.zigzag()?,
            entries: reader.bytes()?.to_vec(),
        };
        reader.finish()?;
        let whole = bucket.iter().map(|(_, entry)| entry.size).sum::<usize>();
        if whole != bucket.entries.len() {
            return Err(invalid);
        }
        Ok(bucket)
    }

    fn heap_size(&self) -> usize {
        self.entries.capacity()
    }
}

/// A hash for a part of a key's state: another place in the tables, the same key group.
pub(crate) fn sub_hash(hash: u64, part: u64, key_groups: u16) -> u64 {
    let groups = u64::from(key_groups.max(1));
    let mixed = stable_hash_u64(part ^ hash.rotate_left(32)) >> 1;
    mixed - mixed % groups + hash % groups
}

/// The bucket of a row among `buckets`.
fn bucket_of(hash: u32, buckets: u32) -> u32 {
    let level = buckets.next_power_of_two();
    let bucket = hash & (level - 1);
    if bucket >= buckets {
        hash & (level / 2).wrapping_sub(1)
    } else {
        bucket
    }
}

fn identity_hash(bytes: &[u8]) -> u32 {
    // The lower half: the upper one is not better, and the key group was taken from the key's.
    stable_hash(bytes) as u32
}

/// Which key, for calls about one: its slot in the store, its hash and its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'k> {
    pub(crate) slot: Slot,
    pub(crate) hash: u64,
    pub(crate) key: &'k [u8],
}

/// The rows of one side by key. See the [module](self).
pub(crate) struct RowStore {
    first: KeyedTable<RowBucket>,
    further: KeyedTable<RowBucket>,
    layout: RowLayout,
    identity: Identity,
    key_groups: u16,
    slots: Vec<Slot>,
}

impl fmt::Debug for RowStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowStore({})", self.first.uid())
    }
}

impl RowStore {
    /// Rows kept under `name` behind the operator's uid.
    pub(crate) fn new(
        context: &OperatorContext,
        name: &str,
        identity: Identity,
        layout: RowLayout,
    ) -> Result<Self, OperatorError> {
        let uid = format!("{}.{name}", context.uid);
        let groups = context.key_groups.clone();
        Ok(Self {
            first: context.backend.table(&uid, groups.clone())?,
            further: context.backend.table(&format!("{uid}.more"), groups)?,
            layout,
            identity,
            key_groups: context.backend.max_parallelism(),
            slots: Vec::new(),
        })
    }

    /// The slots of keys that rows are to be added to or removed from.
    pub(crate) fn slots<'k>(
        &mut self,
        hashes: &[u64],
        key: impl Fn(usize) -> &'k [u8],
        out: &mut Vec<Slot>,
    ) -> Result<(), OperatorError> {
        Ok(self.first.slots(hashes, key, out)?)
    }

    /// The slots of those keys that have rows.
    pub(crate) fn lookup<'k>(
        &mut self,
        hashes: &[u64],
        key: impl Fn(usize) -> &'k [u8],
        out: &mut Vec<Option<Slot>>,
    ) -> Result<(), OperatorError> {
        out.clear();
        if self.first.stats().on_disk_only == Some(0) {
            for (i, &hash) in hashes.iter().enumerate() {
                out.push(self.first.find(hash, key(i))?);
            }
        } else {
            let mut slots = std::mem::take(&mut self.slots);
            self.first.slots(hashes, key, &mut slots)?;
            out.extend(
                slots
                    .iter()
                    .map(|&slot| self.first.is_live(slot).then_some(slot)),
            );
            self.slots = slots;
        }
        Ok(())
    }

    /// Whether the key has rows.
    pub(crate) fn is_live(&self, slot: Slot) -> bool {
        self.first.is_live(slot)
    }

    /// The number the operator set for the key.
    pub(crate) fn due(&self, slot: Slot) -> i64 {
        self.first.get(slot).due
    }

    pub(crate) fn set_due(&mut self, slot: Slot, due: i64) {
        self.first.get_mut(slot).due = due;
    }

    /// Calls `each` with every key that has rows, and its number.
    pub(crate) fn for_each_due(
        &mut self,
        mut each: impl FnMut(&[u8], i64),
    ) -> Result<(), OperatorError> {
        Ok(self.first.for_each(|key, bucket| each(key, bucket.due))?)
    }

    fn check(&self, bucket: &RowBucket) -> Result<(), OperatorError> {
        if bucket.entries.is_empty() || bucket.layout == self.layout.0 {
            return Ok(());
        }
        Err(OperatorError::Restore(format!(
            "the rows of the join {} were kept in another form: its kind, its unique keys or \
             whether its state has a lifetime changed since the checkpoint; restore with the query \
             as it was, or start this join without its state under a new id",
            self.first.uid()
        )))
    }

    /// The slots of the key's further buckets.
    fn further_slots(&mut self, at: At<'_>, count: u32) -> Result<Vec<Slot>, OperatorError> {
        let mut keys = Vec::with_capacity(count as usize);
        let mut hashes = Vec::with_capacity(count as usize);
        for bucket in 1..=count {
            keys.push(further_key(at.key, bucket));
            hashes.push(sub_hash(at.hash, u64::from(bucket), self.key_groups));
        }
        let mut slots = Vec::new();
        self.further
            .slots(&hashes, |i| keys[i].as_slice(), &mut slots)?;
        Ok(slots)
    }

    fn bucket_slot(&mut self, at: At<'_>, bucket: u32) -> Result<Slot, OperatorError> {
        if bucket == 0 {
            return Ok(at.slot);
        }
        let hash = sub_hash(at.hash, u64::from(bucket), self.key_groups);
        Ok(self.further.slot(hash, &further_key(at.key, bucket))?)
    }

    fn bucket(&self, slot: Slot, further: bool) -> &RowBucket {
        if further {
            self.further.get(slot)
        } else {
            self.first.get(slot)
        }
    }

    fn bucket_mut(&mut self, slot: Slot, further: bool) -> &mut RowBucket {
        if further {
            self.further.get_mut(slot)
        } else {
            self.first.get_mut(slot)
        }
    }

    /// Appends the places of the key's rows that `keep` wants.
    pub(crate) fn entries(
        &mut self,
        at: At<'_>,
        mut keep: impl FnMut(&Entry<'_>) -> bool,
        out: &mut Vec<EntryRef>,
    ) -> Result<(), OperatorError> {
        let first = self.first.get(at.slot);
        self.check(first)?;
        let mut collect = |bucket: &RowBucket, slot: Slot, further: bool| {
            for (offset, entry) in bucket.iter() {
                if keep(&entry) {
                    out.push(EntryRef {
                        slot,
                        further,
                        offset: offset as u32,
                    });
                }
            }
        };
        collect(first, at.slot, false);
        let further = first.further;
        if further > 0 {
            for slot in self.further_slots(at, further)? {
                let bucket = self.further.get(slot);
                self.check(bucket)?;
                collect(bucket, slot, true);
            }
        }
        Ok(())
    }

    /// The row at a place.
    #[inline]
    pub(crate) fn entry(&self, at: EntryRef) -> Entry<'_> {
        const NOTHING: Entry<'static> = Entry {
            count: 0,
            mark: 0,
            time: 0,
            hash: 0,
            row: &[],
            size: 0,
        };
        // Places come from this store and are good, see `EntryRef`.
        self.bucket(at.slot, at.further)
            .at(at.offset as usize)
            .unwrap_or(NOTHING)
    }

    /// Sets the mark of a row, and its time if it is that of the last write.
    pub(crate) fn set_mark(&mut self, at: EntryRef, mark: u32, time: Option<i64>) {
        let layout = self.layout;
        let entries = &mut self.bucket_mut(at.slot, at.further).entries;
        let offset = at.offset as usize;
        if layout.has(MARK) {
            put_at(entries, offset + layout.mark_at(), &mark.to_le_bytes());
        }
        if let Some(time) = time
            && layout.has(TIME)
        {
            put_at(entries, offset + layout.time_at(), &time.to_le_bytes());
        }
    }

    /// The place of the row with this identity.
    fn find(&mut self, at: At<'_>, identity: &[u8]) -> Result<Option<EntryRef>, OperatorError> {
        if !self.first.is_live(at.slot) {
            return Ok(None);
        }
        let first = self.first.get(at.slot);
        self.check(first)?;
        let buckets = first.further + 1;
        let bucket = if buckets == 1 {
            0
        } else {
            bucket_of(identity_hash(identity), buckets)
        };
        let slot = self.bucket_slot(at, bucket)?;
        let rows = self.bucket(slot, bucket > 0);
        self.check(rows)?;
        let prefix = self.identity == Identity::Prefix;
        let found = rows.iter().find(|(_, entry)| {
            if prefix {
                entry.row.starts_with(identity)
            } else {
                entry.row == identity
            }
        });
        Ok(found.map(|(offset, _)| EntryRef {
            slot,
            further: bucket > 0,
            offset: offset as u32,
        }))
    }

    /// Adds a row with its mark and time. Of rows told apart by a prefix it replaces the one with
    /// the same `identity`: returns whether there was one that is not `expired`.
    pub(crate) fn add(
        &mut self,
        at: At<'_>,
        row: &[u8],
        identity: &[u8],
        mark: u32,
        time: i64,
        expired: impl Fn(i64) -> bool,
    ) -> Result<bool, OperatorError> {
        let layout = self.layout;
        let mut hash = 0;
        match self.identity {
            Identity::None => {}
            Identity::Row => {
                if let Some(found) = self.find(at, row)? {
                    let entry = self.entry(found);
                    let count = if expired(entry.time) {
                        1
                    } else {
                        entry.count.saturating_add(1)
                    };
                    let entries = &mut self.bucket_mut(found.slot, found.further).entries;
                    let place = found.offset as usize + layout.count_at();
                    put_at(entries, place, &count.to_le_bytes());
                    self.set_mark(found, mark, Some(time));
                    return Ok(false);
                }
            }
            Identity::Prefix => {
                hash = identity_hash(identity);
                if let Some(found) = self.find(at, identity)? {
                    let old = self.entry(found);
                    let (live, size, same) =
                        (!expired(old.time), old.size, old.row.len() == row.len());
                    let bucket = self.bucket_mut(found.slot, found.further);
                    let offset = found.offset as usize;
                    if same {
                        put_at(&mut bucket.entries, offset + layout.header(), row);
                        self.set_mark(found, mark, Some(time));
                    } else {
                        bucket.entries.drain(offset..offset + size);
                        bucket.push(
                            layout,
                            Entry {
                                count: 1,
                                mark,
                                time,
                                hash,
                                row,
                                size: 0,
                            },
                        );
                    }
                    return Ok(live);
                }
            }
        }
        self.append(
            at,
            Entry {
                count: 1,
                mark,
                time,
                hash,
                row,
                size: 0,
            },
        )?;
        Ok(false)
    }

    fn append(&mut self, at: At<'_>, entry: Entry<'_>) -> Result<(), OperatorError> {
        let layout = self.layout;
        let first = self.first.get_mut(at.slot);
        first.rows += 1;
        let buckets = first.further + 1;
        let bucket = match self.identity {
            _ if buckets == 1 => 0,
            Identity::None => buckets - 1,
            Identity::Row => bucket_of(identity_hash(entry.row), buckets),
            Identity::Prefix => bucket_of(entry.hash, buckets),
        };
        let slot = self.bucket_slot(at, bucket)?;
        self.check(self.bucket(slot, bucket > 0))?;
        let rows = self.bucket_mut(slot, bucket > 0);
        rows.push(layout, entry);
        let size = layout.header() + entry.row.len();
        // A few large rows stay together: splitting them gains nothing.
        if rows.entries.len() > BUCKET_BYTES && rows.entries.len() > 4 * size {
            self.grow(at, buckets)?;
        }
        Ok(())
    }

    /// Begins bucket number `buckets` of the key.
    fn grow(&mut self, at: At<'_>, buckets: u32) -> Result<(), OperatorError> {
        self.first.get_mut(at.slot).further = buckets;
        if self.identity == Identity::None {
            // The bucket before takes no more rows.
            let full = self.bucket_slot(at, buckets - 1)?;
            self.bucket_mut(full, buckets > 1).entries.shrink_to_fit();
            return Ok(());
        }
        let from = buckets - (buckets + 1).next_power_of_two() / 2;
        let whole_row = self.identity == Identity::Row;
        let moves = |entry: &Entry<'_>| {
            let hash = if whole_row {
                identity_hash(entry.row)
            } else {
                entry.hash
            };
            bucket_of(hash, buckets + 1) == buckets
        };
        let (old, new) = (self.bucket_slot(at, from)?, self.bucket_slot(at, buckets)?);
        let layout = self.layout;
        let mut moved = RowBucket::default();
        let rows = self.bucket_mut(old, from > 0);
        for (_, entry) in rows.iter().filter(|(_, entry)| moves(entry)) {
            moved.push(layout, entry);
        }
        rows.retain(|entry| !moves(entry));
        if !moved.entries.is_empty() {
            *self.further.get_mut(new) = moved;
        }
        Ok(())
    }

    /// Takes one row with this identity away, if there is one that is not `expired`.
    pub(crate) fn retract(
        &mut self,
        at: At<'_>,
        identity: &[u8],
        time: i64,
        expired: impl Fn(i64) -> bool,
    ) -> Result<(), OperatorError> {
        let Some(found) = self.find(at, identity)? else {
            return Ok(());
        };
        let layout = self.layout;
        let entry = self.entry(found);
        let (count, mark, size) = (entry.count, entry.mark, entry.size);
        if count > 1 && !expired(entry.time) {
            let entries = &mut self.bucket_mut(found.slot, found.further).entries;
            let place = found.offset as usize + layout.count_at();
            put_at(entries, place, &(count - 1).to_le_bytes());
            self.set_mark(found, mark, Some(time));
            return Ok(());
        }
        let offset = found.offset as usize;
        self.bucket_mut(found.slot, found.further)
            .entries
            .drain(offset..offset + size);
        let first = self.first.get_mut(at.slot);
        first.rows = first.rows.saturating_sub(1);
        if first.rows == 0 {
            self.clear(at)?;
        }
        Ok(())
    }

    /// Takes all rows of the key away.
    pub(crate) fn clear(&mut self, at: At<'_>) -> Result<(), OperatorError> {
        let further = self.first.get(at.slot).further;
        if further > 0 {
            for slot in self.further_slots(at, further)? {
                self.further.remove(slot);
            }
        }
        self.first.remove(at.slot);
        Ok(())
    }

    /// Takes away what is `expired`; `hash_of` is the hash of a key. Looks at every row.
    pub(crate) fn expire(
        &mut self,
        expired: impl Fn(i64) -> bool,
        hash_of: impl Fn(&[u8]) -> u64,
    ) -> Result<(), OperatorError> {
        let mut keys: BTreeSet<Box<[u8]>> = BTreeSet::new();
        let any = |bucket: &RowBucket| bucket.iter().any(|(_, entry)| expired(entry.time));
        self.first.for_each(|key, bucket| {
            if any(bucket) {
                keys.insert(key.into());
            }
        })?;
        self.further.for_each(|key, bucket| {
            if any(bucket) {
                keys.insert(key[..key.len().saturating_sub(4)].into());
            }
        })?;
        for key in keys {
            let hash = hash_of(&key);
            let at = At {
                slot: self.first.slot(hash, &key)?,
                hash,
                key: &key,
            };
            let first = self.first.get(at.slot);
            self.check(first)?;
            let further = first.further;
            let mut gone = self
                .first
                .get_mut(at.slot)
                .retain(|entry| !expired(entry.time));
            if further > 0 {
                for slot in self.further_slots(at, further)? {
                    if any(self.further.get(slot)) {
                        gone += self
                            .further
                            .get_mut(slot)
                            .retain(|entry| !expired(entry.time));
                    }
                }
            }
            let first = self.first.get_mut(at.slot);
            first.rows = first.rows.saturating_sub(gone);
            if first.rows == 0 {
                self.clear(at)?;
            }
        }
        Ok(())
    }

    pub(crate) fn snapshot(&mut self, epoch: u64) -> Result<(), OperatorError> {
        self.first.snapshot(epoch)?;
        Ok(self.further.snapshot(epoch)?)
    }

    pub(crate) fn evict(&mut self) -> Result<(), OperatorError> {
        self.first.evict()?;
        Ok(self.further.evict()?)
    }

    /// How many keys have rows, if that is known.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> (Option<u64>, Option<u64>) {
        (self.first.len(), self.further.len())
    }
}

fn further_key(key: &[u8], bucket: u32) -> Vec<u8> {
    let mut further = Vec::with_capacity(key.len() + 4);
    further.extend_from_slice(key);
    further.extend_from_slice(&bucket.to_be_bytes());
    further
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::with_context;

    fn row(value: u64) -> Vec<u8> {
        [&value.to_be_bytes()[..], b"some more of the row"].concat()
    }

    fn count(store: &mut RowStore, at: At<'_>) -> usize {
        let mut found = Vec::new();
        store.entries(at, |_| true, &mut found).unwrap();
        found.len()
    }

    #[test]
    fn many_rows_of_a_key_are_found_in_their_buckets() {
        for (identity, mark) in [(Identity::Row, true), (Identity::Prefix, false)] {
            with_context(|context| {
                let layout = RowLayout::new(identity, mark, true);
                let mut store = RowStore::new(context, "left", identity, layout)?;
                let key: &[u8] = b"hot";
                let hash = stable_hash(key);
                let mut slots = Vec::new();
                store.slots(&[hash], |_| key, &mut slots)?;
                let at = At {
                    slot: slots[0],
                    hash,
                    key,
                };
                let identity_of = |row: &[u8]| match identity {
                    Identity::Prefix => row[..8].to_vec(),
                    _ => row.to_vec(),
                };
                for time in 0..3_000 {
                    let row = row(time);
                    store.add(at, &row, &identity_of(&row), 0, time as i64, |_| false)?;
                }
                let (first, further) = store.keys();
                assert_eq!(first, Some(1));
                assert!(further > Some(30), "{further:?} buckets");
                for time in (0..3_000).step_by(3) {
                    let row = row(time);
                    store.retract(at, &identity_of(&row), 0, |_| false)?;
                }
                assert_eq!(count(&mut store, at), 2_000);
                let again = row(1);
                let replaced = store.add(at, &again, &identity_of(&again), 0, 1, |_| false)?;
                assert_eq!(replaced, identity == Identity::Prefix);
                assert_eq!(count(&mut store, at), 2_000);

                store.expire(|time| time < 2_999, stable_hash)?;
                assert_eq!(count(&mut store, at), 1);
                store.expire(|time| time < 3_000, stable_hash)?;
                assert_eq!(store.keys(), (Some(0), Some(0)));
                Ok(())
            })
            .unwrap();
        }
    }

    #[test]
    fn a_bucket_is_split_in_two() {
        for buckets in 1..40u32 {
            let from = buckets - (buckets + 1).next_power_of_two() / 2;
            for hash in (0..2_000u32).map(|i| i.wrapping_mul(0x9e37_79b9)) {
                let (before, after) = (bucket_of(hash, buckets), bucket_of(hash, buckets + 1));
                assert!(before < buckets);
                assert!(after == before || (before == from && after == buckets));
            }
        }
    }

    #[test]
    fn a_part_of_a_key_stays_in_its_key_group() {
        for groups in [1, 100, 128, 1 << 15] {
            for hash in [0, 7, u64::MAX, 0x1234_5678_9abc_def0] {
                for part in 0..50 {
                    let sub = sub_hash(hash, part, groups);
                    assert_eq!(
                        millstream_state::key_group(sub, groups),
                        millstream_state::key_group(hash, groups)
                    );
                }
            }
        }
    }

    #[test]
    fn stored_rows_come_back_and_their_bytes_never_change() {
        let mut bucket = RowBucket {
            further: 3,
            rows: 2,
            due: -1,
            ..RowBucket::default()
        };
        let entry = |count, mark, time, row| Entry {
            count,
            mark,
            time,
            hash: 0,
            row,
            size: 0,
        };
        let layout = RowLayout::new(Identity::Row, true, true);
        bucket.push(layout, entry(2, 1, 9, &[7, 8]));
        bucket.push(layout, entry(1, 0, -1, &[]));
        let mut bytes = Vec::new();
        bucket.encode(&mut bytes);
        assert_eq!(
            bytes,
            [
                &[1, 7, 3, 2, 1, 42][..],
                &[
                    2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 7, 8
                ],
                &[
                    0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255
                ],
            ]
            .concat()
        );
        let back = RowBucket::decode(&bytes).unwrap();
        let rows: Vec<_> = back
            .iter()
            .map(|(_, e)| (e.count, e.mark, e.time, e.row))
            .collect();
        assert_eq!(rows, [(2, 1, 9, &[7u8, 8][..]), (1, 0, -1, &[])]);
        assert_eq!((back.further, back.rows, back.due), (3, 2, -1));
        bytes.pop();
        assert!(RowBucket::decode(&bytes).is_err());
        let torn = RowBucket {
            entries: vec![9, 0, 0, 0, 1],
            ..RowBucket::default()
        };
        let mut bytes = Vec::new();
        torn.encode(&mut bytes);
        assert!(RowBucket::decode(&bytes).is_err());
    }
}
