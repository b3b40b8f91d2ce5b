//! Interval join: `l JOIN r ON l.k = r.k AND l.ts BETWEEN r.ts - INTERVAL … AND r.ts + INTERVAL …`.
//!
//! Computes the pairs of rows with equal keys for which `l.time BETWEEN r.time + lower AND r.time +
//! upper` and the further condition holds, each as soon as its later row is there, as inserts.
//! LEFT, RIGHT and FULL also give rows of the outer side that never had a match, beside NULLs, when
//! none can come any more; they are never taken back. Time is event time or processing time (then a
//! row's time is when it came).
//!
//! A left row may still be matched while the watermark is at most `l.time - lower`, a right row
//! while it is at most `r.time + upper`; then it is gone. Nothing is dropped for being late: a row
//! that comes behind the watermark is matched with the rows of the other side that are still there,
//! and is kept for later ones as long as its own time allows. (Flink looks whether rows are gone
//! when a timer of their key fires. After rows out of order that may be a little later, and a row
//! that is even later may find one there that is gone here.) A key with NULL matches nothing.
//!
//! Rows that come out carry both times, and the older one may lie behind the watermark. So the
//! watermark is held back by `max(-lower, upper)` (Flink does the same), see
//! [`watermark_delay`](Operator::watermark_delay): after that either time column may serve as the
//! rowtime of the output.
//!
//! **Asks of its inputs**: inserts only; a rowtime that is not NULL; equal key types.
//!
//! **State**: the rows of both sides without key columns, by key and span of time, until they are
//! gone; of outer sides whether a row was matched.

use std::ops::Range;
use std::sync::Arc;

use ahash::RandomState;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::{BooleanBuffer, ScalarBuffer};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion_physical_expr::PhysicalExpr;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use millstream_functions::RowKind;
use millstream_state::Slot;

use crate::batch::{Batch, Watermark};
pub use crate::join::JoinKind;
use crate::join::{
    BATCH_ROWS, BLOCK_PAIRS, Combine, CompositeKeys, Emission, JoinCondition, KeysByTime,
    PairPlaces, Places, SideRows, check_keys, check_output,
};
use crate::join_rows::{At, EntryRef, Identity, RowLayout, RowStore, sub_hash};
use crate::keys::Keys;
use crate::operator::{
    Clock, Operator, OperatorContext, OperatorError, Output, load_watermark, save_watermark,
};
use crate::time::rowtime_millis;

#[cfg(test)]
mod tests;

/// The shortest span of time whose rows are kept together, in milliseconds.
const SHORTEST_SPAN: i64 = 1_000;

/// A row came out without a match; it will not do so again.
const GIVEN_UP: u32 = 2;

/// Which time an interval join speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntervalTime {
    /// Event time: the rowtime columns of both sides.
    Rowtime {
        /// Of the left side.
        left: usize,
        /// Of the right side.
        right: usize,
    },
    /// Processing time: when a row came.
    Processing,
}

/// An interval join.
#[derive(Debug, Clone)]
pub struct IntervalJoinSpec {
    /// Inner, left, right or full.
    pub kind: JoinKind,
    /// The left columns of ON's equalities.
    pub left_keys: Vec<usize>,
    /// The right ones.
    pub right_keys: Vec<usize>,
    /// For each pair of keys whether NULL equals NULL.
    pub null_safe: Vec<bool>,
    /// The time that is compared.
    pub time: IntervalTime,
    /// The left time is at least the right one plus this, in milliseconds.
    pub lower: i64,
    /// The left time is at most the right one plus this, in milliseconds.
    pub upper: i64,
    /// What else a pair must satisfy, over the columns of left and then right.
    pub condition: Option<Arc<dyn PhysicalExpr>>,
}

/// Joins two streams within an interval of time. See the [module](self).
#[derive(Debug)]
pub struct IntervalJoin {
    schema: SchemaRef,
    condition: Option<JoinCondition>,
    processing_time: bool,
    sides: [Side; 2],
    /// The span of time whose rows are kept together.
    span: i64,
    key_groups: u16,
    clock: Clock,
    watermark: i64,
    /// Of the last batch.
    ingest_micros: i64,
    block: Block,
}

#[derive(Debug)]
struct Side {
    rows: SideRows,
    store: RowStore,
    outer: bool,
    rowtime: usize,
    rowtime_name: String,
    /// How many columns it has.
    width: usize,
    /// A row is gone when time has passed its own by more than this.
    reach: i64,
    combine: Combine,
    /// Keys with rows that are gone at a time, with their hashes. A key whose store says another
    /// time is out of date here.
    due: KeysByTime,
}

impl Side {
    /// Whether nothing can match the row any more when it comes.
    fn is_past(&self, time: i64, now: i64) -> bool {
        now >= time.saturating_add(self.reach)
    }

    /// When time has come here, a row that was kept is gone.
    fn end_of(&self, time: i64) -> i64 {
        time.saturating_add(self.reach).saturating_add(1)
    }

    /// When all rows of a span are gone.
    fn end_of_span(&self, number: i64, span: i64) -> i64 {
        let last = number.saturating_add(1).saturating_mul(span) - 1;
        self.end_of(last)
    }
}

/// What is known of a batch's rows while it is joined, beside its columns.
#[derive(Debug, Default)]
struct Block {
    /// The keys of the other side's spans that rows may match in, and of which rows.
    spans: CompositeKeys,
    span_rows: Vec<u32>,
    found: Vec<Option<Slot>>,
    own: CompositeKeys,
    own_slots: Vec<Slot>,
    rows: Vec<u32>,
    entries: Vec<u32>,
    kept: Vec<EntryRef>,
    times: Vec<i64>,
    /// By key and span of the other side: the run of `kept` that is its rows.
    runs: HashMap<Slot, Range<u32>, RandomState>,
    matched: Vec<bool>,
    emission: Emission,
}

impl IntervalJoin {
    /// The join of rows of `left` and `right`, which gives rows of `output`: the left columns and
    /// then the right ones.
    pub fn with_schema(
        context: &OperatorContext,
        left: &Schema,
        right: &Schema,
        spec: &IntervalJoinSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        check_keys(
            (left, &spec.left_keys),
            (right, &spec.right_keys),
            &spec.null_safe,
        )?;
        check_output(spec.kind, left, right, &output)?;
        if spec.kind.left_only() {
            return Err(OperatorError::Row(
                "an interval join is INNER, LEFT, RIGHT or FULL; SEMI and ANTI joins are regular \
                 joins"
                    .to_owned(),
            ));
        }
        if spec.lower > spec.upper {
            return Err(OperatorError::Row(format!(
                "an interval join between {} and {} ms: the lower bound is above the upper one, so \
                 no rows can match",
                spec.lower, spec.upper
            )));
        }
        let rows = |schema: &Schema, keys: &[usize]| {
            SideRows::new(schema, keys, &spec.null_safe, &[], false)
        };
        let (left_rows, right_rows) =
            (rows(left, &spec.left_keys)?, rows(right, &spec.right_keys)?);
        let widths = [left.fields().len(), right.fields().len()];
        let combine = |input| Combine::new(spec.kind, input, [&left_rows, &right_rows], widths);
        let combines = [combine(0), combine(1)];
        let (left_time, right_time) = match spec.time {
            IntervalTime::Rowtime { left, right } => (left, right),
            IntervalTime::Processing => (0, 0),
        };
        let side = |name: &str, schema: &Schema, rows, rowtime: usize, outer, reach, combine| {
            let layout = RowLayout::new(Identity::None, outer, true);
            Ok::<Side, OperatorError>(Side {
                rows,
                store: RowStore::new(context, name, Identity::None, layout)?,
                outer,
                rowtime,
                rowtime_name: schema.field(rowtime).name().clone(),
                width: schema.fields().len(),
                reach,
                combine,
                due: KeysByTime::new(),
            })
        };
        let [of_left, of_right] = combines;
        let outer = (spec.kind.left_outer(), spec.kind.right_outer());
        let down = spec.lower.saturating_neg();
        let (left_side, right_side) = (
            side("left", left, left_rows, left_time, outer.0, down, of_left)?,
            side(
                "right", right, right_rows, right_time, outer.1, spec.upper, of_right,
            )?,
        );
        let condition = spec.condition.as_ref();
        Ok(Self {
            schema: output,
            condition: condition
                .map(|expr| JoinCondition::new(expr, left, right))
                .transpose()?,
            processing_time: spec.time == IntervalTime::Processing,
            sides: [left_side, right_side],
            span: spec.upper.saturating_sub(spec.lower).max(SHORTEST_SPAN),
            key_groups: context.backend.max_parallelism(),
            clock: context.clock.clone(),
            watermark: i64::MIN,
            ingest_micros: 0,
            block: Block::default(),
        })
    }

    fn delay(&self) -> i64 {
        if self.processing_time {
            0
        } else {
            self.sides[0].reach.max(self.sides[1].reach)
        }
    }

    /// Gives up rows that nothing can match any more now that time is `now`.
    fn expire(&mut self, now: i64, out: &mut Output) -> Result<(), OperatorError> {
        for input in [0, 1] {
            let span = self.span;
            let side = &mut self.sides[input];
            let mut alone = Alone::default();
            while let Some(first) = side.due.first_entry() {
                let time = *first.key();
                if time > now {
                    break;
                }
                for (hash, key) in first.remove() {
                    side.give_up((time, now), span, hash, key, &mut alone)?;
                }
                if alone.keys.len() >= BATCH_ROWS {
                    let rows = alone.take(side, input, &self.schema)?;
                    out.emit(Batch::append(rows, self.ingest_micros));
                }
            }
            if alone.keys.len() > 0 {
                let rows = alone.take(side, input, &self.schema)?;
                out.emit(Batch::append(rows, self.ingest_micros));
            }
        }
        Ok(())
    }
}

impl Side {
    /// Looks at the rows of a key and span that are due at `time`, now that it is `now`.
    fn give_up(
        &mut self,
        (time, now): (i64, i64),
        span: i64,
        hash: u64,
        key: Box<[u8]>,
        alone: &mut Alone,
    ) -> Result<(), OperatorError> {
        let mut found = Vec::new();
        self.store.lookup(&[hash], |_| &*key, &mut found)?;
        let Some(slot) = found[0].filter(|&slot| self.store.due(slot) == time) else {
            return Ok(());
        };
        let at = At {
            slot,
            hash,
            key: &key,
        };
        let mut next = self.end_of_span(span_of_key(&key), span);
        if self.outer {
            let mut rows = Vec::new();
            self.store.entries(at, |entry| entry.mark == 0, &mut rows)?;
            for row in rows {
                let entry = self.store.entry(row);
                let end = self.end_of(entry.time);
                if end <= now {
                    alone.push(join_key(&key), entry.row);
                    self.store.set_mark(row, GIVEN_UP, None);
                } else {
                    next = next.min(end);
                }
            }
        }
        if next <= now {
            self.store.clear(at)
        } else {
            self.store.set_due(slot, next);
            self.due.entry(next).or_default().push((hash, key));
            Ok(())
        }
    }
}

/// A key without its span.
fn join_key(key: &[u8]) -> &[u8] {
    &key[..key.len().saturating_sub(8)]
}

/// The number of the span at the end of a key.
fn span_of_key(key: &[u8]) -> i64 {
    key.last_chunk()
        .map_or(0, |number| i64::from_be_bytes(*number))
}

/// Rows that come out beside NULLs.
#[derive(Debug, Default)]
struct Alone {
    keys: CompositeKeys,
    rows: CompositeKeys,
}

impl Alone {
    fn push(&mut self, key: &[u8], row: &[u8]) {
        self.keys.push(0, key, &[]);
        self.rows.push(0, row, &[]);
    }

    fn take(
        &mut self,
        side: &mut Side,
        input: usize,
        schema: &SchemaRef,
    ) -> Result<RecordBatch, OperatorError> {
        let count = self.keys.len();
        let keys = side
            .rows
            .encoder
            .decode((0..count).map(|i| self.keys.key(i)))?;
        let kept = side.rows.decode((0..count).map(|i| self.rows.key(i)))?;
        self.keys.clear();
        self.rows.clear();
        let width = side.width;
        let first = if input == 0 {
            0
        } else {
            schema.fields().len() - width
        };
        let columns = schema.fields().iter().enumerate().map(|(c, field)| {
            let own = c.checked_sub(first).filter(|&c| c < width);
            let Some(own) = own else {
                return arrow::array::new_null_array(field.data_type(), count);
            };
            let place = |columns: &[usize]| columns.iter().position(|&column| column == own);
            match (place(&side.rows.kept), place(&side.rows.keys)) {
                (Some(place), _) => Arc::clone(&kept[place]),
                (None, place) => Arc::clone(&keys[place.unwrap_or(0)]),
            }
        });
        Ok(RecordBatch::try_new(
            Arc::clone(schema),
            columns.collect::<Vec<ArrayRef>>(),
        )?)
    }
}

/// A batch of one side while it is joined.
struct Incoming<'b> {
    keys: &'b Keys,
    matchable: Option<BooleanBuffer>,
    times: ScalarBuffer<i64>,
    /// What time it was when each row came.
    now: Vec<i64>,
}

impl Incoming<'_> {
    fn matchable(&self, row: usize) -> bool {
        self.matchable.as_ref().is_none_or(|rows| rows.value(row))
    }
}

impl Block {
    /// The keys of the spans in which rows of the other side may match.
    fn look_up(
        &mut self,
        incoming: &Incoming<'_>,
        (before, after): (i64, i64),
        span: i64,
        key_groups: u16,
        other: &mut Side,
    ) -> Result<(), OperatorError> {
        self.spans.clear();
        self.span_rows.clear();
        for (row, &time) in incoming.times.iter().enumerate() {
            if !incoming.matchable(row) {
                continue;
            }
            // What is gone need not be looked for.
            let lowest = time
                .saturating_sub(before)
                .max(incoming.now[row].saturating_sub(other.reach));
            let highest = time.saturating_add(after);
            if lowest > highest {
                continue;
            }
            for number in lowest.div_euclid(span)..=highest.div_euclid(span) {
                let hash = sub_hash(incoming.keys.hashes()[row], number as u64, key_groups);
                self.spans
                    .push(hash, incoming.keys.key(row), &number.to_be_bytes());
                self.span_rows.push(row as u32);
            }
        }
        let spans = &self.spans;
        other
            .store
            .lookup(&spans.hashes, |i| spans.key(i), &mut self.found)
    }

    /// Collects candidate pairs of the spans from `start` on; where it ended: between two rows.
    fn collect(
        &mut self,
        start: usize,
        incoming: &Incoming<'_>,
        (before, after): (i64, i64),
        other: &mut Side,
    ) -> Result<usize, OperatorError> {
        self.rows.clear();
        self.entries.clear();
        self.kept.clear();
        self.times.clear();
        self.runs.clear();
        let mut end = start;
        while end < self.spans.len() {
            let row = self.span_rows[end];
            let first_of_row = end == start || self.span_rows[end - 1] != row;
            if first_of_row && self.rows.len() >= BLOCK_PAIRS {
                break;
            }
            let span = end;
            end += 1;
            let Some(slot) = self.found[span] else {
                continue;
            };
            let run = match self.runs.entry(slot) {
                Entry::Occupied(run) => run.get().clone(),
                Entry::Vacant(vacant) => {
                    let first = self.kept.len();
                    let at = At {
                        slot,
                        hash: self.spans.hashes[span],
                        key: self.spans.key(span),
                    };
                    other.store.entries(at, |_| true, &mut self.kept)?;
                    let times = self.kept[first..].iter();
                    self.times
                        .extend(times.map(|&at| other.store.entry(at).time));
                    vacant.insert(first as u32..self.kept.len() as u32).clone()
                }
            };
            let time = incoming.times[row as usize];
            let gone = incoming.now[row as usize].saturating_sub(other.reach);
            let range = time.saturating_sub(before).max(gone)..=time.saturating_add(after);
            let matching = run.filter(|&entry| range.contains(&self.times[entry as usize]));
            self.entries.extend(matching);
            self.rows.resize(self.entries.len(), row);
        }
        Ok(end)
    }
}

impl Operator for IntervalJoin {
    fn process(
        &mut self,
        input: usize,
        batch: Batch,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        if batch.is_empty() {
            return Ok(());
        }
        if let Some(kinds) = &batch.kinds
            && kinds.iter().any(|kind| *kind != RowKind::Insert)
        {
            return Err(OperatorError::Row(
                "an interval join of rows that are updated or deleted is not supported; join by \
                 keys alone, or compute the update after the join"
                    .to_owned(),
            ));
        }
        self.ingest_micros = batch.ingest_micros;
        let delay = self.delay();
        let [left, right] = &mut self.sides;
        let (own, other) = if input == 0 {
            (left, right)
        } else {
            (right, left)
        };
        let count = batch.len();
        let (times, now) = if self.processing_time {
            let now = self.clock.now();
            (vec![now; count].into(), vec![now; count])
        } else {
            let column = batch.rows.column(own.rowtime);
            let mut before = self.watermark.max(batch.watermark_before.0);
            let now = (0..count).map(|row| {
                let now = before;
                if let Some(watermarks) = &batch.watermarks {
                    before = before.max(watermarks[row]);
                }
                now
            });
            let now = now.collect();
            (rowtime_millis(column, &own.rowtime_name)?, now)
        };
        let keys = own.rows.encoder.encode(&batch.rows)?;
        let incoming = Incoming {
            matchable: own.rows.matchable(&batch.rows),
            keys: &keys,
            times,
            now,
        };
        let encoded = own.rows.encode(&batch.rows)?;

        // A row of the own side at t matches rows of the other from t - their reach to t + its own.
        let range = (other.reach, own.reach);
        let block = &mut self.block;
        block.look_up(&incoming, range, self.span, self.key_groups, other)?;
        block.matched.clear();
        block.matched.resize(count, false);
        let mut start = 0;
        // The rows whose pairs are in the block: up to the first row of the next block.
        let mut row = 0;
        loop {
            let end = block.collect(start, &incoming, range, other)?;
            let next_row = if end == block.spans.len() {
                count
            } else {
                block.span_rows[end] as usize
            };
            let kept = {
                let entries = block.kept.iter().map(|&at| other.store.entry(at).row);
                other.rows.decode(entries)?
            };
            if let Some(condition) = &self.condition
                && !block.rows.is_empty()
            {
                let at = PairPlaces {
                    input: Places::new(&block.rows),
                    kept: Places::new(&block.entries),
                    key: Places::new(&block.rows),
                };
                let pairs = block.rows.len();
                let holds = condition.holds(&own.combine, &batch.rows, &kept, &at, pairs)?;
                let mut left = 0;
                for pair in holds.set_indices() {
                    block.rows[left] = block.rows[pair];
                    block.entries[left] = block.entries[pair];
                    left += 1;
                }
                block.rows.truncate(left);
                block.entries.truncate(left);
            }
            block.emission.clear();
            let mut pair = 0;
            while row < next_row {
                while pair < block.rows.len() && block.rows[pair] as usize == row {
                    block.matched[row] = true;
                    let entry = block.entries[pair];
                    block.emission.pair(row as u32, entry, RowKind::Insert);
                    if other.outer {
                        let at = block.kept[entry as usize];
                        if other.store.entry(at).mark == 0 {
                            other.store.set_mark(at, 1, None);
                        }
                    }
                    pair += 1;
                }
                if own.outer
                    && !block.matched[row]
                    && own.is_past(incoming.times[row], incoming.now[row])
                {
                    block.emission.input_alone(row as u32, RowKind::Insert);
                }
                row += 1;
            }
            block
                .emission
                .emit(&own.combine, &self.schema, &batch, &kept, out, |emitted| {
                    hold_back(emitted, delay);
                })?;
            start = end;
            if start == block.spans.len() {
                break;
            }
        }

        // Rows that later ones of the other side may match.
        block.own.clear();
        let mut rows = Vec::new();
        for row in 0..count {
            let time = incoming.times[row];
            let past = own.is_past(time, incoming.now[row]);
            if past || !own.outer && !incoming.matchable(row) {
                continue;
            }
            let number = time.div_euclid(self.span);
            let hash = sub_hash(keys.hashes()[row], number as u64, self.key_groups);
            block.own.push(hash, keys.key(row), &number.to_be_bytes());
            rows.push((row, number));
        }
        let own_keys = &block.own;
        own.store
            .slots(&own_keys.hashes, |i| own_keys.key(i), &mut block.own_slots)?;
        for (i, (row, number)) in rows.into_iter().enumerate() {
            let at = At {
                slot: block.own_slots[i],
                hash: own_keys.hashes[i],
                key: own_keys.key(i),
            };
            let time = incoming.times[row];
            let matched = block.matched[row];
            let new = !own.store.is_live(at.slot);
            own.store
                .add(at, encoded.row(row), &[], u32::from(matched), time, |_| {
                    false
                })?;
            let due = if own.outer && !matched {
                own.end_of(time)
            } else {
                own.end_of_span(number, self.span)
            };
            if new || due < own.store.due(at.slot) {
                own.store.set_due(at.slot, due);
                own.due
                    .entry(due)
                    .or_default()
                    .push((at.hash, at.key.into()));
            }
        }
        Ok(())
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        if watermark.0 <= self.watermark {
            return Ok(());
        }
        self.watermark = watermark.0;
        if self.processing_time {
            return Ok(());
        }
        self.expire(watermark.0, out)
    }

    fn tick(&mut self, now: i64, out: &mut Output) -> Result<(), OperatorError> {
        if self.processing_time {
            self.expire(now, out)
        } else {
            Ok(())
        }
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        for side in &mut self.sides {
            side.store.snapshot(epoch)?;
        }
        Ok(save_watermark(self.watermark))
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.watermark = load_watermark(former)?;
        for side in &mut self.sides {
            let (encoder, key_groups) = (&side.rows.encoder, self.key_groups);
            let due = &mut side.due;
            side.store.for_each_due(|key, time| {
                let number = span_of_key(key) as u64;
                let hash = sub_hash(encoder.hash_of(join_key(key)), number, key_groups);
                due.entry(time).or_default().push((hash, key.into()));
            })?;
        }
        Ok(())
    }

    fn watermark_delay(&self) -> i64 {
        self.delay()
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        for side in &mut self.sides {
            side.store.evict()?;
        }
        Ok(())
    }
}

/// Puts the watermarks of an emitted batch back by `delay`.
fn hold_back(batch: &mut Batch, delay: i64) {
    if delay == 0 {
        return;
    }
    let back = |watermark: i64| match watermark {
        i64::MIN | i64::MAX => watermark,
        watermark => watermark.saturating_sub(delay),
    };
    batch.watermark_before = Watermark(back(batch.watermark_before.0));
    if let Some(watermarks) = &batch.watermarks {
        batch.watermarks = Some(watermarks.iter().map(|&w| back(w)).collect());
    }
}
