//! Regular join: `FROM l [INNER | LEFT | RIGHT | FULL] JOIN r ON …`, IN and EXISTS as SEMI and
//! ANTI joins, over streams that may be updated.
//!
//! Both sides are kept. A row of either side is joined with all rows of the other that are there
//! when it comes, and the changes this makes to the joined relation come out:
//!
//! - **INNER**: each pair, with the kind of the row that came.
//! - **LEFT, RIGHT, FULL**: a row of an outer side without a match comes out beside NULLs (`+I`).
//!   Its first match first takes that back (`-D`), and when its last match goes it comes again
//!   (`+I`). Pairs come as `+I`, and go as `-D` or, when the row that goes is of a side that is not
//!   outer, with that row's kind.
//! - **SEMI**: a left row comes with its own kind if it has a match when it comes or goes. When a
//!   right row brings the first match or takes the last one, the left row comes or goes with the
//!   right row's kind.
//! - **ANTI**: the same for left rows without a match; the first match is `-D`, the loss of the last
//!   one `+I`.
//!
//! Equal rows are as many as came. A key with NULL matches nothing, unless the condition was
//! `IS NOT DISTINCT FROM`. What ON says beside equal keys is evaluated over all candidate pairs of
//! a batch at once. Without keys (a cross join) all rows are one group.
//!
//! **Asks of its inputs**: a retraction has the values of the row it takes back (of a side with a
//! unique key, only that key matters). A side whose unique key lies within a join without further
//! condition may send `+U` without `-U`: the row replaces the one before it.
//!
//! **State**: the rows of both sides, without key columns; of outer sides the number of matches.
//! It stays until the row is retracted or, with a time to live, until that has passed since the row
//! was last written (its insert, or a change of its number of matches); an expired row is not seen
//! any more, and leaves when the state is next looked through. Rows whose key matches nothing are
//! not kept: what they do depends on nothing.

use std::ops::Range;
use std::sync::Arc;

use ahash::RandomState;
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion_physical_expr::PhysicalExpr;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use millstream_functions::RowKind;
use millstream_state::Slot;

use crate::batch::Batch;
pub use crate::join::JoinKind;
use crate::join::{
    BLOCK_PAIRS, Combine, Emission, EncodedRows, JoinCondition, PairPlaces, Places, SideRows,
    check_keys, check_output,
};
use crate::join_rows::{At, Entry as Kept, EntryRef, Identity, RowLayout, RowStore};
use crate::keys::Keys;
use crate::operator::{Clock, Operator, OperatorContext, OperatorError, Output};

#[cfg(test)]
mod tests;

/// What is known of a side's rows: decides how they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SideKey {
    /// Equal rows may come several times.
    NoUniqueKey,
    /// The join key has at most one row.
    JoinKeyContainsUniqueKey,
    /// These columns have at most one row.
    UniqueKey(Vec<usize>),
}

/// One side of a regular join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinSide {
    /// Its columns of ON's equalities.
    pub keys: Vec<usize>,
    /// Whether its rows have a unique key.
    pub unique: SideKey,
    /// Whether rows are ever updated or deleted.
    pub retracting: bool,
    /// How long a row is kept after it was last written, in milliseconds; for ever if `None`.
    pub ttl_millis: Option<i64>,
}

/// A regular join.
#[derive(Debug, Clone)]
pub struct JoinSpec {
    /// Which rows it gives.
    pub kind: JoinKind,
    /// The left side.
    pub left: JoinSide,
    /// The right side.
    pub right: JoinSide,
    /// For each pair of keys whether NULL equals NULL (`IS NOT DISTINCT FROM`).
    pub null_safe: Vec<bool>,
    /// What else a pair must satisfy, over the columns of left and then right.
    pub condition: Option<Arc<dyn PhysicalExpr>>,
}

/// Joins two streams. See the [module](self).
#[derive(Debug)]
pub struct RegularJoin {
    kind: JoinKind,
    schema: SchemaRef,
    condition: Option<JoinCondition>,
    sides: [Side; 2],
    clock: Clock,
    block: Block,
    slots: Vec<Slot>,
    found: Vec<Option<Slot>>,
}

#[derive(Debug)]
struct Side {
    rows: SideRows,
    store: RowStore,
    identity: Identity,
    /// Whether matches of its rows are counted.
    counts: bool,
    ttl: Option<i64>,
    /// How rows of this side are put beside kept rows of the other.
    combine: Combine,
    /// When expired rows are next looked for.
    sweep: i64,
}

impl Side {
    fn new(
        context: &OperatorContext,
        name: &str,
        spec: &JoinSide,
        rows: SideRows,
        combine: Combine,
        counts: bool,
    ) -> Result<Self, OperatorError> {
        let identity = match spec.unique {
            // Equal rows share their lifetime, so that with one they must be found.
            SideKey::NoUniqueKey if spec.retracting || spec.ttl_millis.is_some() => Identity::Row,
            SideKey::NoUniqueKey => Identity::None,
            _ => Identity::Prefix,
        };
        let layout = RowLayout::new(identity, counts, spec.ttl_millis.is_some());
        Ok(Self {
            rows,
            store: RowStore::new(context, name, identity, layout)?,
            identity,
            counts,
            ttl: spec.ttl_millis,
            combine,
            sweep: i64::MIN,
        })
    }
}

fn has_expired(ttl: Option<i64>, now: i64) -> impl Fn(i64) -> bool {
    move |written: i64| ttl.is_some_and(|ttl| written.saturating_add(ttl) <= now)
}

/// A run of rows of a batch with the rows they may match.
#[derive(Debug, Default)]
struct Block {
    /// Candidate pairs by input row, then in the order the other side is kept.
    rows: Vec<u32>,
    entries: Vec<u32>,
    /// The kept rows of the pairs, each once.
    kept: Vec<EntryRef>,
    counts: Vec<u32>,
    marks: Vec<u32>,
    changed: Vec<bool>,
    /// By key of the other side: the run of `kept` that is its rows.
    runs: HashMap<Slot, Range<u32>, RandomState>,
    emission: Emission,
}

impl RegularJoin {
    /// The join of rows of `left` and `right`, which gives rows of `output`: the left columns and,
    /// unless the join is SEMI or ANTI, the right ones.
    pub fn with_schema(
        context: &OperatorContext,
        left: &Schema,
        right: &Schema,
        spec: &JoinSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        check_keys(
            (left, &spec.left.keys),
            (right, &spec.right.keys),
            &spec.null_safe,
        )?;
        check_output(spec.kind, left, right, &output)?;
        let rows = |schema: &Schema, side: &JoinSide| {
            let unique: &[usize] = match &side.unique {
                SideKey::UniqueKey(columns) => columns,
                _ => &[],
            };
            SideRows::new(schema, &side.keys, &spec.null_safe, unique, false)
        };
        let (left_rows, right_rows) = (rows(left, &spec.left)?, rows(right, &spec.right)?);
        let widths = [left.fields().len(), right.fields().len()];
        let combine = |input| Combine::new(spec.kind, input, [&left_rows, &right_rows], widths);
        let (of_left, of_right) = (combine(0), combine(1));
        let condition = spec.condition.as_ref();
        let counts = |side| spec.kind.counts(side);
        Ok(Self {
            kind: spec.kind,
            schema: output,
            condition: condition
                .map(|expr| JoinCondition::new(expr, left, right))
                .transpose()?,
            sides: [
                Side::new(context, "left", &spec.left, left_rows, of_left, counts(0))?,
                Side::new(
                    context,
                    "right",
                    &spec.right,
                    right_rows,
                    of_right,
                    counts(1),
                )?,
            ],
            clock: context.clock.clone(),
            block: Block::default(),
            slots: Vec::new(),
            found: Vec::new(),
        })
    }
}

/// A batch of one side while it is joined.
struct Incoming<'b> {
    join: JoinKind,
    input: usize,
    batch: &'b Batch,
    keys: &'b Keys,
    matchable: Option<BooleanBuffer>,
    rows: EncodedRows,
    identities: EncodedRows,
    now: i64,
}

impl Incoming<'_> {
    fn matchable(&self, row: usize) -> bool {
        self.matchable.as_ref().is_none_or(|rows| rows.value(row))
    }
}

impl Block {
    /// Collects the candidates of rows from `start` on; where it ended.
    fn collect(
        &mut self,
        incoming: &Incoming<'_>,
        start: usize,
        found: &[Option<Slot>],
        other: &mut Side,
    ) -> Result<usize, OperatorError> {
        self.rows.clear();
        self.entries.clear();
        self.kept.clear();
        self.runs.clear();
        let expired = has_expired(other.ttl, incoming.now);
        let mut end = start;
        while end < found.len() && self.rows.len() < BLOCK_PAIRS {
            let row = end;
            end += 1;
            let Some(slot) = found[row].filter(|_| incoming.matchable(row)) else {
                continue;
            };
            let run = match self.runs.entry(slot) {
                Entry::Occupied(run) => run.get().clone(),
                Entry::Vacant(vacant) => {
                    let first = self.kept.len() as u32;
                    let at = At {
                        slot,
                        hash: incoming.keys.hashes()[row],
                        key: incoming.keys.key(row),
                    };
                    let live = |entry: &Kept<'_>| !expired(entry.time);
                    other.store.entries(at, live, &mut self.kept)?;
                    vacant.insert(first..self.kept.len() as u32).clone()
                }
            };
            self.entries.extend(run);
            self.rows.resize(self.entries.len(), row as u32);
        }
        Ok(end)
    }

    /// Reads the kept rows of the candidates.
    fn load(&mut self, other: &Side) -> Result<Vec<ArrayRef>, OperatorError> {
        self.counts.clear();
        self.marks.clear();
        let mut rows = Vec::with_capacity(self.kept.len());
        for &at in &self.kept {
            let entry = other.store.entry(at);
            self.counts.push(entry.count);
            self.marks.push(entry.mark);
            rows.push(entry.row);
        }
        self.changed.clear();
        self.changed.resize(self.kept.len(), false);
        other.rows.decode(rows.into_iter())
    }

    /// Leaves only the pairs that satisfy the condition.
    fn filter(
        &mut self,
        condition: &JoinCondition,
        combine: &Combine,
        batch: &Batch,
        kept: &[ArrayRef],
    ) -> Result<(), OperatorError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let at = PairPlaces {
            input: Places::new(&self.rows),
            kept: Places::new(&self.entries),
            key: Places::new(&self.rows),
        };
        let holds = condition.holds(combine, &batch.rows, kept, &at, self.rows.len())?;
        let mut left = 0;
        for pair in holds.set_indices() {
            self.rows[left] = self.rows[pair];
            self.entries[left] = self.entries[pair];
            left += 1;
        }
        self.rows.truncate(left);
        self.entries.truncate(left);
        Ok(())
    }

    /// Joins rows `start..end` with their pairs: changes the own side's rows and the marks of the
    /// other side's, and notes what comes out.
    fn join(
        &mut self,
        incoming: &Incoming<'_>,
        rows: Range<usize>,
        slots: &[Slot],
        own: &mut Side,
        other_counts: bool,
    ) -> Result<(), OperatorError> {
        let (kind, now) = (incoming.join, incoming.now);
        let expired = has_expired(own.ttl, now);
        let outer = own.counts && !kind.left_only();
        let at_once = kind == JoinKind::Inner && self.counts.iter().all(|&count| count == 1);
        if at_once {
            self.emission
                .pairs(&self.rows, &self.entries, incoming.batch);
        }
        let mut next = 0;
        for row in rows {
            let first = next;
            while next < self.rows.len() && self.rows[next] as usize == row {
                next += 1;
            }
            let pairs = first..next;
            let kind_of_row = incoming.batch.kind(row);
            let adds = kind_of_row.is_accumulate();
            let matches: u32 = self.entries[pairs.clone()]
                .iter()
                .map(|&entry| self.counts[entry as usize])
                .sum();
            let mut replaced = false;
            if incoming.matchable(row) {
                let at = At {
                    slot: slots[row],
                    hash: incoming.keys.hashes()[row],
                    key: incoming.keys.key(row),
                };
                let (bytes, identity) = (incoming.rows.row(row), incoming.identities.row(row));
                if adds {
                    replaced = own.store.add(at, bytes, identity, matches, now, &expired)?;
                } else {
                    let identity = match own.identity {
                        Identity::Prefix => identity,
                        Identity::Row => bytes,
                        // Its rows cannot be found again.
                        Identity::None => {
                            return Err(OperatorError::Row(format!(
                                "a {} came from the {} side of a join that was planned for inserts \
                                 only; this is a defect of the plan",
                                kind_of_row.short(),
                                ["left", "right"][incoming.input]
                            )));
                        }
                    };
                    own.store.retract(at, identity, now, &expired)?;
                }
            }
            if at_once {
                continue;
            }
            let row = row as u32;
            if kind.left_only() {
                if incoming.input == 0 {
                    if (matches > 0) == (kind == JoinKind::Semi) {
                        self.emission.input_alone(row, kind_of_row);
                    }
                } else {
                    self.right_of_left_only(kind, row, pairs, kind_of_row, replaced);
                }
                continue;
            }
            if matches == 0 {
                if outer {
                    let kind = if adds {
                        RowKind::Insert
                    } else {
                        RowKind::Delete
                    };
                    self.emission.input_alone(row, kind);
                }
                continue;
            }
            let pair_kind = match (adds, outer || other_counts && adds) {
                (true, true) => RowKind::Insert,
                (false, true) => RowKind::Delete,
                (_, false) => kind_of_row,
            };
            if !other_counts {
                for &entry in &self.entries[pairs] {
                    for _ in 0..self.counts[entry as usize] {
                        self.emission.pair(row, entry, pair_kind);
                    }
                }
                continue;
            }
            // A row that took the place of another matches what that one matched, see the module's
            // demand on `+U` without `-U`.
            let additional = !replaced;
            for pair in pairs {
                let entry = self.entries[pair];
                let place = entry as usize;
                let before = self.marks[place];
                for _ in 0..self.counts[place] {
                    if adds && before == 0 {
                        self.emission.kept_alone(row, entry, RowKind::Delete);
                    }
                    self.emission.pair(row, entry, pair_kind);
                    if !adds && before == 1 {
                        self.emission.kept_alone(row, entry, RowKind::Insert);
                    }
                }
                self.count_match(place, adds, additional);
            }
        }
        Ok(())
    }

    /// A right row of a SEMI or ANTI join.
    fn right_of_left_only(
        &mut self,
        kind: JoinKind,
        row: u32,
        pairs: Range<usize>,
        kind_of_row: RowKind,
        replaced: bool,
    ) {
        let adds = kind_of_row.is_accumulate();
        let emitted = match (kind, adds) {
            (JoinKind::Semi, _) => kind_of_row,
            (_, true) => RowKind::Delete,
            (_, false) => RowKind::Insert,
        };
        let turning = if adds { 0 } else { 1 };
        for pair in pairs {
            let entry = self.entries[pair];
            let place = entry as usize;
            if self.marks[place] == turning {
                for _ in 0..self.counts[place] {
                    self.emission.kept_alone(row, entry, emitted);
                }
            }
            self.count_match(place, adds, !replaced);
        }
    }

    fn count_match(&mut self, place: usize, adds: bool, additional: bool) {
        let mark = &mut self.marks[place];
        if !adds {
            *mark = mark.saturating_sub(1);
        } else if additional || *mark == 0 {
            *mark = mark.saturating_add(1);
        } else {
            return;
        }
        self.changed[place] = true;
    }

    /// Writes the changed numbers of matches.
    fn store(&self, other: &mut Side, now: i64) {
        for (place, _) in self.changed.iter().enumerate().filter(|(_, c)| **c) {
            other
                .store
                .set_mark(self.kept[place], self.marks[place], Some(now));
        }
    }
}

impl Operator for RegularJoin {
    fn process(
        &mut self,
        input: usize,
        batch: Batch,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        if batch.is_empty() {
            return Ok(());
        }
        let [left, right] = &mut self.sides;
        let (own, other) = if input == 0 {
            (left, right)
        } else {
            (right, left)
        };
        let keys = own.rows.encoder.encode(&batch.rows)?;
        let incoming = Incoming {
            join: self.kind,
            input,
            matchable: own.rows.matchable(&batch.rows),
            rows: own.rows.encode(&batch.rows)?,
            identities: own.rows.identities(&batch.rows)?,
            now: self.clock.now(),
            batch: &batch,
            keys: &keys,
        };
        own.store
            .slots(keys.hashes(), |row| keys.key(row), &mut self.slots)?;
        other
            .store
            .lookup(keys.hashes(), |row| keys.key(row), &mut self.found)?;
        let block = &mut self.block;
        let mut start = 0;
        while start < batch.len() {
            let end = block.collect(&incoming, start, &self.found, other)?;
            let kept = block.load(other)?;
            if let Some(condition) = &self.condition {
                block.filter(condition, &own.combine, &batch, &kept)?;
            }
            block.emission.clear();
            block.join(&incoming, start..end, &self.slots, own, other.counts)?;
            block.store(other, incoming.now);
            block
                .emission
                .emit(&own.combine, &self.schema, &batch, &kept, out, |_| {})?;
            start = end;
        }
        Ok(())
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        for side in &mut self.sides {
            side.store.snapshot(epoch)?;
        }
        Ok(Vec::new())
    }

    fn tick(&mut self, now: i64, _: &mut Output) -> Result<(), OperatorError> {
        for side in &mut self.sides {
            let Some(ttl) = side.ttl else { continue };
            if now < side.sweep {
                continue;
            }
            // Every row is looked at a few times in its life.
            let first = side.sweep == i64::MIN;
            side.sweep = now.saturating_add((ttl / 2).clamp(1_000, 3_600_000));
            if !first {
                let encoder = &side.rows.encoder;
                side.store
                    .expire(has_expired(Some(ttl), now), |key| encoder.hash_of(key))?;
            }
        }
        Ok(())
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        for side in &mut self.sides {
            side.store.evict()?;
        }
        Ok(())
    }
}
