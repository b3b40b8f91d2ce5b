//! OVER aggregate: for each row, functions of the rows before it with the same key.
//!
//! Computes, for a row at rowtime `t` of key `k`, every call of every group over the rows of `k`
//! in the group's frame:
//! - `RANGE p PRECEDING`: rows at `t - p ..= t`, its peers (same rowtime) among them;
//! - `RANGE UNBOUNDED`: all rows up to `t`, peers too;
//! - `ROWS n PRECEDING`: the row and the `n` before it, peers in order of arrival;
//! - `ROWS UNBOUNDED`: the row and all before it.
//!
//! A row comes out when the watermark reaches its rowtime, with its columns and then the results of
//! all groups; rows that come out together are in rowtime order. The input is insert-only, the
//! rowtime is never NULL.
//!
//! **Several groups** stand for a chain of OVER views with the same key and order, which Flink runs
//! as one operator each: a row dropped by one of them does not reach those behind it.
//!
//! **Late rows**, as in Flink: an unbounded frame drops a row whose rowtime is at or below the
//! watermark. A bounded frame drops a row at or below the rowtime it last computed for the key (and
//! any row at or before the epoch); it forgets that time, and its rows, when event time has gone
//! half a frame beyond what it can need. In a chain, a row is dropped by the bounded frame that
//! remembers longest, and all of them forget by the rows that came in. (Flink also takes the time of a cleanup timer that was put off for a
//! computed one, and so drops a few of the rows that come in such a gap; Millstream keeps them.)
//!
//! **State** per key: the rows its frames still need (time and argument values), a cursor and an
//! accumulator for each frame. Rows that leave a frame are taken back from the accumulator, in
//! Flink's order, so floating point sums carry the same rounding with them. A key goes when all of
//! its frames are bounded by time and have forgotten it. Rows that wait for the watermark are
//! written at a checkpoint and replayed at restore.

mod plan;
mod state;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_functions::RowKind;
use millstream_functions::window::Frame;
use millstream_state::{KeyedTable, Slot};

use self::plan::{CLEANUP, FORGETS, Plan, RESET, Rows};
use self::state::{Extra, OverState};
use crate::aggregates::AggregateCall;
use crate::aggregates::args::bytes_at;
use crate::aggregates::results::ResultColumn;
use crate::batch::{Batch, Watermark};
use crate::keys::KeyEncoder;
use crate::operator::{Operator, OperatorContext, OperatorError, Output};
use crate::pending::{PendingRow, PendingRows, RowRef};
use crate::time::rowtime_millis;

/// The most rows of an emitted batch.
const BATCH_ROWS: usize = 8192;

/// How many keys are brought near before their rows are computed.
const TOUCH_ROWS: usize = 32;

/// Brings the state of keys near, see [`OverState::touch`].
#[inline]
fn touch(table: &KeyedTable<OverState>, heads: &[usize], slots: impl Iterator<Item = Slot>) {
    let sum = slots.fold(0, |sum, slot| sum ^ table.get(slot).touch(heads));
    std::hint::black_box(sum);
}

/// What an [`OverAggregate`] computes.
#[derive(Debug, Clone, PartialEq)]
pub struct OverSpec {
    /// `PARTITION BY`; may be empty.
    pub partition: Vec<usize>,
    /// `ORDER BY`: the rowtime column.
    pub order: usize,
    /// The frames, in the order of the chained views they stand for.
    pub groups: Vec<OverGroup>,
}

/// Calls over one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct OverGroup {
    /// The frame. `LAG` is an aggregate of `RANGE UNBOUNDED PRECEDING` (peers are seen),
    /// `ROW_NUMBER` of `ROWS UNBOUNDED PRECEDING`.
    pub frame: Frame,
    /// The functions.
    pub calls: Vec<AggregateCall>,
}

impl OverSpec {
    /// The columns of the output: those of the input, then one a call, named `names`.
    pub fn output_schema(&self, input: &Schema, names: &[String]) -> SchemaRef {
        let calls = self.groups.iter().flat_map(|group| &group.calls);
        let mut fields: Vec<Arc<Field>> = input.fields().iter().cloned().collect();
        fields.extend(calls.zip(names).map(|(call, name)| {
            let nullable = !call.kind.never_null();
            Arc::new(Field::new(name, call.output_type.clone(), nullable))
        }));
        Arc::new(Schema::new(fields))
    }

    fn names(&self) -> Vec<String> {
        let calls = self.groups.iter().map(|group| group.calls.len()).sum();
        (0..calls).map(|i| format!("over{i}")).collect()
    }
}

/// The OVER aggregate. See the [module](self).
#[derive(Debug)]
pub struct OverAggregate {
    plan: Plan,
    order: usize,
    order_name: String,
    output: SchemaRef,
    keys: KeyEncoder,
    table: KeyedTable<OverState>,
    pending: PendingRows,
    /// The last watermark that fired.
    watermark: i64,
    late: u64,
    slots: Vec<Slot>,
    ripe: Vec<PendingRow>,
    /// Stands in for the extra state of keys without one.
    no_extra: Extra,
    emission: Emission,
    /// The longest bounded RANGE frame, if all frames are such: keys can be forgotten.
    expires: Option<i64>,
    /// Watermark and rows since keys were last looked through.
    swept: (i64, u64),
}

/// Rows and results that were computed and not emitted yet.
#[derive(Debug)]
struct Emission {
    rows: Vec<RowRef>,
    /// The watermark in force before each row.
    before: Vec<i64>,
    /// Whether some row came at or below the watermark.
    any_late: bool,
    columns: Vec<ResultColumn>,
}

impl OverAggregate {
    /// The operator over rows of `input`. Result columns are called `over0`, `over1`, …; see
    /// [`with_schema`](Self::with_schema).
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &OverSpec,
    ) -> Result<Self, OperatorError> {
        let output = spec.output_schema(&input, &spec.names());
        Self::with_schema(context, input, spec, output)
    }

    /// The operator with an output schema of its own (names and metadata; the types must be the
    /// calls').
    pub fn with_schema(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &OverSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        let order = input.field(spec.order);
        if !matches!(order.data_type(), DataType::Timestamp(_, _)) {
            return Err(OperatorError::Row(format!(
                "OVER … ORDER BY {}: only ascending event time is supported, and the column is {}",
                order.name(),
                order.data_type()
            )));
        }
        let plan = Plan::new(spec, &input)?;
        let calls: Vec<&AggregateCall> =
            spec.groups.iter().flat_map(|group| &group.calls).collect();
        let columns = calls
            .iter()
            .map(|call| {
                ResultColumn::new(&call.output_type)
                    .ok_or_else(|| call.unsupported("", "cast the argument to a scalar type"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let types = |schema: &Schema| -> Vec<DataType> {
            schema
                .fields()
                .iter()
                .map(|f| f.data_type().clone())
                .collect()
        };
        let expected = spec.output_schema(&input, &spec.names());
        if types(&output) != types(&expected) {
            return Err(OperatorError::Row(format!(
                "an OVER aggregate gives {expected}, not {output}"
            )));
        }
        let expires = spec
            .groups
            .iter()
            .map(|group| match group.frame {
                Frame::Range(preceding) => preceding,
                Frame::Rows(_) => None,
            })
            .collect::<Option<Vec<i64>>>()
            .and_then(|all| all.into_iter().max());
        Ok(Self {
            order: spec.order,
            order_name: order.name().clone(),
            keys: KeyEncoder::new(&input, &spec.partition)?,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            pending: PendingRows::new(context, "pending", input)?,
            plan,
            output,
            watermark: i64::MIN,
            late: 0,
            slots: Vec::new(),
            ripe: Vec::new(),
            no_extra: Extra::default(),
            emission: Emission {
                rows: Vec::new(),
                before: Vec::new(),
                any_late: false,
                columns,
            },
            expires,
            swept: (i64::MIN, 0),
        })
    }

    /// The columns that come out.
    pub fn schema(&self) -> &SchemaRef {
        &self.output
    }

    /// How many groups take a row of `slot` at `time` that arrives when the watermark is `before`.
    ///
    /// Called only for rows that some group may drop.
    #[cold]
    fn judge(&mut self, slot: Slot, time: i64, before: i64) -> Result<usize, OperatorError> {
        let mut taken = self.plan.groups.len();
        if time <= before {
            taken = taken.min(self.plan.first_unbounded);
        }
        if time <= 0 {
            // Flink's "last triggering time" of a key never seen is 0.
            taken = taken.min(self.plan.first_bounded);
        }
        if time <= before && taken > self.plan.first_bounded {
            // What was due before this row decides.
            self.fire(before)?;
            let state = self.table.get(slot);
            let (mut remembers, mut forgot) = (false, false);
            for group in self.plan.groups.iter().filter(|group| group.is_bounded()) {
                let word = |at: usize| state.header().get(group.at + at).map_or(0, |&w| w as i64);
                if matches!(group.frame, Frame::Rows(_)) {
                    remembers = true;
                } else if word(RESET) != 0 {
                    forgot = true;
                } else {
                    remembers |= word(FORGETS) > before;
                }
            }
            if remembers && time <= state.last_fired {
                taken = self.plan.first_bounded;
            } else if forgot {
                self.settle_resets(slot);
                if !remembers {
                    // A reset that still waited: no row was computed since, the time is older.
                    self.table.get_mut(slot).last_fired = 0;
                }
            }
        }
        Ok(taken)
    }

    /// Lets bounded RANGE frames forget the key if their time has come, and notes until when they
    /// remember a row at `time`. Flink: `registerCleanupTimer`.
    #[inline]
    fn remember(
        &mut self,
        slot: Slot,
        time: i64,
        before: i64,
        taken: usize,
    ) -> Result<(), OperatorError> {
        let mut again = true;
        while again {
            again = false;
            let state = self.table.get_mut(slot);
            if !state.fits(&self.plan.layout) {
                return Err(OperatorError::Restore(format!(
                    "the state of operator {} was written for other aggregates; start with \
                     --fresh, or give the node a new id",
                    self.table.uid()
                )));
            }
            state.prepare(&self.plan.layout);
            let mut forgot = true;
            for group in &self.plan.groups[..taken] {
                let Frame::Range(Some(preceding)) = group.frame else {
                    forgot &= !group.is_bounded();
                    continue;
                };
                let cleanup = state.header()[group.at + CLEANUP] as i64;
                let forgets = state.header()[group.at + FORGETS] as i64;
                let mut remembered = cleanup;
                if cleanup != 0 && forgets <= before {
                    if time <= before {
                        // All rows so far are computed, see `judge`.
                        let (header, _, extra) = state.split();
                        group.forget(header, extra.unwrap_or(&mut self.no_extra));
                    } else if state.header()[group.at + RESET] != 0 {
                        // Forgotten twice with rows in between that are not computed yet.
                        again = true;
                        break;
                    } else {
                        state.header_mut()[group.at + RESET] = cleanup as u64;
                    }
                    remembered = 0;
                } else {
                    forgot &= cleanup == 0;
                }
                if remembered == 0 || remembered < time.saturating_add(preceding).saturating_add(1)
                {
                    let until = time
                        .saturating_add(preceding.saturating_add(preceding / 2))
                        .saturating_add(1);
                    let forgets = until.max(before.saturating_add(1));
                    state.header_mut()[group.at + CLEANUP] = until as u64;
                    state.header_mut()[group.at + FORGETS] = forgets as u64;
                }
            }
            if again {
                self.fire(before)?;
                self.settle_resets(slot);
            } else if forgot && time <= before {
                self.table.get_mut(slot).last_fired = 0;
            }
        }
        Ok(())
    }

    /// Carries out the resets that wait for a row, when all rows so far are computed.
    fn settle_resets(&mut self, slot: Slot) {
        let state = self.table.get_mut(slot);
        let (header, _, extra) = state.split();
        let extra = extra.unwrap_or(&mut self.no_extra);
        for group in &self.plan.groups {
            if matches!(group.frame, Frame::Range(Some(_))) && header[group.at + RESET] != 0 {
                group.forget(header, extra);
            }
        }
    }

    /// Computes the rows that are due at `watermark`.
    fn fire(&mut self, watermark: i64) -> Result<(), OperatorError> {
        let mut ripe = std::mem::take(&mut self.ripe);
        self.pending
            .take_ripe(watermark, &mut self.table, &mut ripe)?;
        let (mut start, mut touched) = (0, 0);
        while start < ripe.len() {
            if start >= touched {
                touched = ripe.len().min(start + TOUCH_ROWS);
                let rows = ripe[start..touched].iter();
                touch(&self.table, &self.plan.heads, rows.map(|row| row.slot));
            }
            let row = &ripe[start];
            let peers = ripe[start..]
                .iter()
                .take_while(|peer| peer.time == row.time && peer.trigger == row.trigger)
                .count();
            // Peers of any key: all are pushed before one is computed.
            let run = &ripe[start..start + peers];
            for row in run {
                self.push(row)?;
            }
            for row in run {
                self.compute(row);
            }
            start += peers;
        }
        let groups = self.plan.groups.len();
        if self.plan.first_bounded != self.plan.first_unbounded {
            let dropped = ripe.iter().filter(|row| usize::from(row.mark) < groups);
            let dropped: Vec<RowRef> = dropped.map(|row| row.at).collect();
            self.pending.release(dropped);
        }
        self.ripe = ripe;
        Ok(())
    }

    #[inline]
    fn push(&mut self, row: &PendingRow) -> Result<(), OperatorError> {
        let batch = self.pending.batch(row.at)?;
        let width = self.plan.args.width();
        let args = &batch.words[row.at.row() * width..][..width];
        let state = self.table.get_mut(row.slot);
        if !state.fits(&self.plan.layout) {
            return Err(OperatorError::Restore(format!(
                "the state of operator {} was written for other aggregates; start with --fresh, \
                 or give the node a new id",
                self.table.uid()
            )));
        }
        state.prepare(&self.plan.layout);
        state.push(row.time, args, row.mark);
        state.last_fired = state.last_fired.max(row.time);
        if let Some(extra) = &mut state.extra {
            for (values, &column) in extra.bytes.iter_mut().zip(self.plan.args.bytes()) {
                let value = bytes_at(batch.rows.column(column), row.at.row());
                values.push_back(value.map(Into::into));
            }
        }
        Ok(())
    }

    #[inline]
    fn compute(&mut self, row: &PendingRow) {
        let taken = usize::from(row.mark);
        let state = self.table.get_mut(row.slot);
        let next = state.next;
        let (header, ring, extra) = state.split();
        let rows = Rows { ring, next };
        let extra = extra.unwrap_or(&mut self.no_extra);
        let columns = &mut self.emission.columns;
        let needed = self
            .plan
            .compute(row.time, taken, header, &rows, extra, columns);
        state.trim(needed);
        if taken == self.plan.groups.len() {
            self.emission.rows.push(row.at);
            self.emission.before.push(row.trigger.saturating_sub(1));
            self.emission.any_late |= row.trigger != row.time;
        }
    }

    /// Emits what was computed.
    fn flush(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        let emission = &mut self.emission;
        if emission.rows.is_empty() {
            return Ok(());
        }
        let rows = self.pending.gather(&emission.rows)?;
        let mut ingest_micros = i64::MAX;
        for &row in &emission.rows {
            ingest_micros = ingest_micros.min(self.pending.batch(row)?.ingest_micros);
        }
        let mut columns = rows.columns().to_vec();
        for column in &mut emission.columns {
            columns.push(column.finish()?);
        }
        let rows = RecordBatch::try_new(Arc::clone(&self.output), columns)?;
        let mut batch = Batch::append(rows, ingest_micros);
        if emission.any_late {
            // Operators behind must judge the rows as if each had come out at its own watermark.
            let before = &emission.before;
            batch.watermark_before = Watermark(before[0]);
            batch.watermarks = Some(before[1..].iter().chain(before.last()).copied().collect());
        }
        self.pending.release(emission.rows.drain(..));
        emission.before.clear();
        emission.any_late = false;
        let mut offset = 0;
        while offset < batch.len() {
            let length = BATCH_ROWS.min(batch.len() - offset);
            out.emit(batch.slice(offset, length));
            offset += length;
        }
        Ok(())
    }

    /// Removes the keys that all frames have forgotten.
    fn sweep(&mut self) -> Result<(), OperatorError> {
        let Some(longest) = self.expires else {
            return Ok(());
        };
        let (swept, rows) = self.swept;
        let known = self.table.len().unwrap_or(u64::MAX);
        if self.watermark < swept.saturating_add(longest) || rows < known {
            return Ok(());
        }
        self.swept = (self.watermark, 0);
        let (watermark, plan) = (self.watermark, &self.plan);
        let mut gone: Vec<Box<[u8]>> = Vec::new();
        self.table.for_each(|key, state| {
            let header = state.header();
            let forgotten = plan.groups.iter().all(|group| {
                header
                    .get(group.at + FORGETS)
                    .is_some_and(|&forgets| forgets as i64 <= watermark)
            });
            if forgotten {
                gone.push(key.into());
            }
        })?;
        for key in gone {
            let slot = self.table.slot(self.keys.hash_of(&key), &key)?;
            self.table.remove(slot);
        }
        Ok(())
    }

    fn words(plan: &Plan, rows: &RecordBatch) -> Vec<u64> {
        let mut words = Vec::with_capacity(rows.num_rows() * plan.args.width());
        plan.args.fill(rows, &mut words);
        words
    }
}

impl Operator for OverAggregate {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        if let Some(kinds) = &batch.kinds
            && kinds.iter().any(|kind| *kind != RowKind::Insert)
        {
            return Err(OperatorError::Row(
                "an OVER aggregate over rows that are updated or deleted is not supported; \
                 aggregate before the update, or keep the first row of each key"
                    .to_owned(),
            ));
        }
        let times = rowtime_millis(batch.rows.column(self.order), &self.order_name)?;
        let keys = self.keys.encode(&batch.rows)?;
        let words = Self::words(&self.plan, &batch.rows);
        let mut slots = std::mem::take(&mut self.slots);
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
        self.pending
            .begin(batch.rows, keys, words, batch.ingest_micros);

        let groups = self.plan.groups.len();
        let forgets = self
            .plan
            .groups
            .iter()
            .any(|group| matches!(group.frame, Frame::Range(Some(_))));
        let mut before = self.watermark.max(batch.watermark_before.0);
        for (row, (&time, &slot)) in times.iter().zip(&slots).enumerate() {
            if forgets && row % TOUCH_ROWS == 0 {
                let ahead = &slots[row..slots.len().min(row + TOUCH_ROWS)];
                touch(&self.table, &[], ahead.iter().copied());
            }
            let (mut taken, mut trigger) = (groups, time);
            if time <= before.max(0) {
                taken = self.judge(slot, time, before)?;
                if time <= before {
                    // Due as soon as the watermark moves.
                    trigger = before.saturating_add(1);
                }
                self.late += u64::from(taken < groups);
            }
            if taken > 0 {
                if forgets {
                    self.remember(slot, time, before, taken)?;
                }
                self.pending.add(row, trigger, time, slot, taken as u8);
            }
            if let Some(watermarks) = &batch.watermarks {
                before = before.max(watermarks[row]);
            }
        }
        self.swept.1 += times.len() as u64;
        self.slots = slots;
        self.pending.end();
        self.flush(out)
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        if watermark.0 <= self.watermark {
            return Ok(());
        }
        self.fire(watermark.0)?;
        self.watermark = watermark.0;
        self.flush(out)
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        self.pending.invalidate_slots();
        self.pending.snapshot(epoch)?;
        Ok(crate::operator::save_watermark(self.watermark))
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.watermark = crate::operator::load_watermark(former)?;
        let plan = &self.plan;
        self.pending
            .restore(&self.keys, &mut self.table, |rows| Self::words(plan, rows))
    }

    fn late_rows(&self) -> u64 {
        self.late
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        self.sweep()?;
        let plan = &self.plan;
        self.pending
            .compact(&self.keys, |rows| Self::words(plan, rows))?;
        self.pending.invalidate_slots();
        self.table.evict()?;
        self.pending.evict()
    }
}

#[cfg(test)]
mod tests;
