//! Unbounded `GROUP BY`, and `DISTINCT`, which is a `GROUP BY` without functions.
//!
//! For every key the output holds one row: the key and the functions of the rows of that key so
//! far. It comes as a changelog. A row that is the first of its key gives `+I`; a later one takes
//! the last result back (`-U`, if the consumer wants it) and gives the new one (`+U`), unless they
//! are equal: then nothing is sent, except with a state TTL, because the consumer's own state must
//! then be kept alive (Flink does so). A row that takes the last row of a key back gives `-D` and
//! ends the key's state; what is taken back from a key that is not known (never seen, or expired)
//! is ignored. Without keys all rows are one group; without rows there is no output.
//!
//! **Input**: inserts, or with [`GroupAggregateSpec::retracting`] any kinds, with `-U`. Order within
//! a key is the order of FIRST_VALUE, LAST_VALUE, LISTAGG and ARRAY_AGG; event time plays no part
//! and nothing is late.
//!
//! **Mini-batch**: with [`MiniBatch`] rows are taken into the accumulators at once, but what came of
//! them is sent once a key when the bundle ends: after so many rows, so much time, at a watermark
//! and before a barrier. Between two bundles nothing is owed, so no checkpoint holds half of one.
//!
//! **Two phases**: a [`LocalGroupAggregate`] before the exchange takes the rows of a key together,
//! and [`GroupAggregate::merging`] merges the accumulators behind it. The messages are those of
//! bundles.
//!
//! **State** per key: a few words and, for functions that keep values, cells
//! (see [`aggregates`](crate::aggregates)); for DISTINCT arguments an entry for every value of a key, in
//! a table of its own, shared by all calls with these arguments. It stays until the last row is
//! taken back or the TTL is over.

mod distinct;
mod emission;
mod layout;
mod local;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod whole;

use std::sync::Arc;

use arrow::array::{AsArray, BinaryArray, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use millstream_functions::RowKind;
use millstream_state::{KeyedTable, Slot, StateValue};

use self::distinct::DistinctValues;
use self::emission::{Emission, NEW, OLD, Place};
use self::layout::{Layout, any_null, check_output, passes};
pub use self::local::LocalGroupAggregate;
use self::local::check_mergeable;
use self::state::Group;
use crate::aggregates::AggregateCall;
use crate::aggregates::collections::EncodedValues;
use crate::batch::{Batch, Watermark};
use crate::expiry::{Expiry, Ttl};
use crate::keys::{KeyEncoder, KeyList, Keys};
use crate::operator::{Clock, Operator, OperatorContext, OperatorError, Output};

/// The most rows of a batch that a bundle's end emits.
const BATCH_ROWS: usize = 8192;

/// When a bundle of input rows ends: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MiniBatch {
    /// After so many rows (`table.exec.mini-batch.size`).
    pub rows: usize,
    /// So many milliseconds after its first row (`table.exec.mini-batch.allow-latency`).
    pub millis: i64,
}

/// What a [`GroupAggregate`] computes.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupAggregateSpec {
    /// `GROUP BY`; may be empty.
    pub keys: Vec<usize>,
    /// The functions; none for DISTINCT.
    pub calls: Vec<AggregateCall>,
    /// Whether the input carries `-U` or `-D`.
    pub retracting: bool,
    /// Whether the consumer wants `-U`.
    pub update_before: bool,
    /// How long a key's state lives after its last row, in milliseconds; `None` (and 0) for ever.
    pub ttl_millis: Option<i64>,
    /// Bundles of input rows; `None`: every row is answered at once.
    pub mini_batch: Option<MiniBatch>,
}

impl GroupAggregateSpec {
    /// The columns of the output, the calls' named `names`.
    pub fn output_schema(&self, input: &Schema, names: &[String]) -> SchemaRef {
        let mut fields: Vec<Arc<Field>> = self
            .keys
            .iter()
            .map(|&key| Arc::clone(&input.fields()[key]))
            .collect();
        fields.extend(self.calls.iter().zip(names).map(|(call, name)| {
            let nullable = !call.kind.never_null();
            Arc::new(Field::new(name, call.output_type.clone(), nullable))
        }));
        Arc::new(Schema::new(fields))
    }
}

/// The unbounded aggregate. See the [module](self).
#[derive(Debug)]
pub struct GroupAggregate {
    spec: GroupAggregateSpec,
    mode: u8,
    /// The keys among the columns of the input.
    key_columns: Vec<usize>,
    clock: Clock,
    output: SchemaRef,
    keys: KeyEncoder,
    layout: Layout,
    ttl: Option<Ttl>,
    table: KeyedTable<Group>,
    expiry: Option<Expiry>,
    distinct: Option<DistinctValues>,
    emission: Emission,
    /// Number of the batch or bundle, by which groups know whether it has met them; from 1.
    stamp: u64,
    bundle: Bundle,
    slots: Vec<Slot>,
    words: Vec<u64>,
}

/// The input is inserts.
const INSERTS: u8 = 0;
/// The input is rows of any kind.
const CHANGES: u8 = 1;
/// The input is accumulators, inserted.
const PARTIALS: u8 = 2;

/// The groups that rows of the bundle belong to, in the order they were met.
#[derive(Debug, Default)]
struct Bundle {
    keys: KeyList,
    slots: Vec<Slot>,
    /// Whether the group began in the bundle.
    first: Vec<bool>,
    /// Input rows so far.
    rows: usize,
    /// When it ends at the latest.
    deadline: i64,
    ingest_micros: i64,
    /// While the table's is the same, `slots` are good.
    generation: u64,
}

/// The arguments of a batch's rows.
struct Prepared {
    /// `width` words a row.
    words: Vec<u64>,
    width: usize,
    /// What cells keep.
    values: Vec<EncodedValues>,
}

impl Layout {
    /// Lays the arguments out, in the room of `words`.
    fn prepare(&self, rows: &RecordBatch, mut words: Vec<u64>) -> Result<Prepared, OperatorError> {
        words.clear();
        self.args.fill(rows, &mut words);
        let width = self.args.width();
        for conjunction in &self.conjunctions {
            let nulls = any_null(rows, &conjunction.columns);
            for (row, words) in words.chunks_exact_mut(width).enumerate() {
                let whole = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                let counts = whole && passes(conjunction.filter, words);
                words[usize::from(conjunction.gate.at)] = u64::from(counts);
            }
        }
        let encoders = self.encoders.iter();
        let values = encoders
            .map(|encoder| encoder.encode(rows))
            .collect::<Result<_, _>>()?;
        Ok(Prepared {
            words,
            width,
            values,
        })
    }
}

/// One input batch.
struct Rows<'b> {
    batch: &'b Batch,
    keys: &'b Keys,
    slots: &'b [Slot],
    prepared: &'b mut Prepared,
    /// The accumulators, if that is what comes.
    partials: Option<&'b BinaryArray>,
    now: i64,
}

impl GroupAggregate {
    /// The operator over rows of `input`; result columns are called `agg0`, `agg1`, ….
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &GroupAggregateSpec,
    ) -> Result<Self, OperatorError> {
        let names: Vec<String> = (0..spec.calls.len()).map(|i| format!("agg{i}")).collect();
        let output = spec.output_schema(&input, &names);
        Self::with_schema(context, input, spec, output)
    }

    /// The operator with an output schema of its own (names and metadata; the types must be those
    /// of [`GroupAggregateSpec::output_schema`]).
    pub fn with_schema(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &GroupAggregateSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        let mode = if spec.retracting { CHANGES } else { INSERTS };
        Self::build(context, &input, spec, output, (mode, spec.keys.clone()))
    }

    /// The second of two phases, over what [`LocalGroupAggregate`]s of the same `spec` send:
    /// [`GroupAggregateSpec::partial_schema`] of the input of the first phase, which `input` is.
    pub fn merging(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &GroupAggregateSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        check_mergeable(spec)?;
        let keys = (0..spec.keys.len()).collect();
        Self::build(context, &input, spec, output, (PARTIALS, keys))
    }

    fn build(
        context: &OperatorContext,
        input: &Schema,
        spec: &GroupAggregateSpec,
        output: SchemaRef,
        (mode, key_columns): (u8, Vec<usize>),
    ) -> Result<Self, OperatorError> {
        check_output(&output, spec)?;
        let mut layout = Layout::new(input, spec)?;
        let keys = if mode == PARTIALS {
            let partial = spec.partial_schema(input);
            KeyEncoder::new(&partial, &key_columns)?
        } else {
            KeyEncoder::new(input, &key_columns)?
        };
        let types: Vec<_> = keys.types().iter().map(ToString::to_string).collect();
        layout.text = format!("{} by ({})", layout.text, types.join(", "));
        let ttl = Ttl::new(spec.ttl_millis);
        let distinct = match layout.sets.len() {
            0 => None,
            sets => {
                let by_id = layout.id_at.is_some();
                Some(DistinctValues::new(
                    context,
                    sets,
                    spec.retracting,
                    ttl,
                    by_id,
                )?)
            }
        };
        Ok(Self {
            clock: context.clock.clone(),
            emission: Emission::new(&layout, &spec.calls)?,
            spec: spec.clone(),
            mode,
            key_columns,
            output,
            keys,
            layout,
            ttl,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            expiry: ttl.map(Expiry::new),
            distinct,
            stamp: 1,
            bundle: Bundle::default(),
            slots: Vec::new(),
            words: Vec::new(),
        })
    }

    /// The columns that come out.
    pub fn schema(&self) -> &SchemaRef {
        &self.output
    }

    /// Whether groups are words alone, all of which live for ever.
    fn is_plain(&self) -> bool {
        self.layout.cells.is_empty() && self.layout.sets.is_empty() && self.ttl.is_none()
    }

    /// Whether a row of a key that is there already changes nothing at all.
    fn is_presence(&self) -> bool {
        self.spec.calls.is_empty() && !self.spec.retracting && self.ttl.is_none()
    }

    /// Whether results are compared with those before, or sent again.
    fn needs_old(&self) -> bool {
        self.spec.update_before || !self.layout.always_changes
    }

    /// Answers every row at once.
    fn each_row<const MODE: u8, const PLAIN: bool>(
        &mut self,
        rows: Rows<'_>,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let (presence, needs_old) = (self.is_presence(), self.needs_old());
        let Self {
            spec,
            key_columns,
            output,
            layout,
            ttl,
            table,
            expiry,
            distinct,
            emission,
            stamp,
            ..
        } = self;
        *stamp += 1;
        for (row, &slot) in rows.slots.iter().enumerate() {
            let retract = MODE == CHANGES && !rows.batch.kind(row).is_accumulate();
            let mut live = table.is_live(slot);
            let mut written = None;
            if !PLAIN
                && live
                && let (Some(ttl), Some(at)) = (&*ttl, layout.written_at)
            {
                let last = last_write(table.get(slot), at);
                if ttl.is_expired(last, rows.now) {
                    table.remove(slot);
                    live = false;
                } else {
                    written = Some(last);
                }
            }
            if (retract && !live) || (presence && live) {
                continue;
            }
            let Prepared {
                words,
                width,
                values,
            } = &mut *rows.prepared;
            let words = &mut words[row * *width..][..*width];
            if !PLAIN && let Some(distinct) = distinct {
                distinct.note(&layout.sets, row, words, retract, rows.now);
            }
            let group = table.get_mut(slot);
            let old: Place = if !live {
                begin::<PLAIN>(layout, group, distinct, row);
                (NEW, 0)
            } else if group.stamp == *stamp {
                (NEW, group.place as usize)
            } else if !group.fits(layout) {
                return Err(misfit(table.uid()));
            } else if needs_old {
                (OLD, emission.push_old(layout, group))
            } else {
                (OLD, 0)
            };
            if MODE == PARTIALS {
                merge(layout, group, rows.partials, row)?;
            } else if MODE == CHANGES {
                accumulate::<true, PLAIN>(layout, group, words, values, row, retract);
            } else {
                accumulate::<false, PLAIN>(layout, group, words, values, row, false);
            }
            if !PLAIN && let (Some(expiry), Some(at)) = (&mut *expiry, layout.written_at) {
                group.words.get_mut()[at] = rows.now as u64;
                let (hash, key) = (rows.keys.hashes()[row], rows.keys.key(row));
                expiry.written(written, rows.now, hash, key);
            }
            if MODE != INSERTS && is_empty(layout, group) {
                if live {
                    emission.send(old, row, RowKind::Delete);
                }
                table.remove(slot);
                continue;
            }
            let new = emission.push_new(layout, group);
            group.stamp = *stamp;
            group.place = new as u32;
            if !live {
                emission.send((NEW, new), row, RowKind::Insert);
            } else if ttl.is_some() || layout.always_changes || !emission.unchanged(old, new) {
                if spec.update_before {
                    emission.send(old, row, RowKind::UpdateBefore);
                }
                emission.send((NEW, new), row, RowKind::UpdateAfter);
            }
            if !PLAIN && emission.is_large() {
                emission.emit_rows(rows.batch, key_columns, output, out)?;
                // Places ended: what comes next is compared with its accumulators.
                *stamp += 1;
            }
        }
        emission.emit_rows(rows.batch, key_columns, output, out)
    }

    /// Takes rows into the bundle.
    fn bundle_rows<const MODE: u8, const PLAIN: bool>(
        &mut self,
        mut rows: Rows<'_>,
        mini_batch: MiniBatch,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        for row in 0..rows.slots.len() {
            let bundle = &mut self.bundle;
            if bundle.rows == 0 {
                bundle.deadline = rows.now.saturating_add(mini_batch.millis);
                bundle.ingest_micros = rows.batch.ingest_micros;
            }
            bundle.rows += 1;
            self.bundle_row::<MODE, PLAIN>(&mut rows, row)?;
            if self.bundle.rows >= mini_batch.rows || (!PLAIN && self.emission.is_large()) {
                self.flush(out)?;
            }
        }
        Ok(())
    }

    fn bundle_row<const MODE: u8, const PLAIN: bool>(
        &mut self,
        rows: &mut Rows<'_>,
        row: usize,
    ) -> Result<(), OperatorError> {
        let (presence, needs_old) = (self.is_presence(), self.needs_old());
        let Self {
            layout,
            ttl,
            table,
            expiry,
            distinct,
            emission,
            stamp,
            bundle,
            ..
        } = self;
        let slot = rows.slots[row];
        let retract = MODE == CHANGES && !rows.batch.kind(row).is_accumulate();
        let mut live = table.is_live(slot);
        let met = live && table.get(slot).stamp == *stamp;
        let mut written = None;
        if !PLAIN
            && live
            && let (Some(ttl), Some(at)) = (&*ttl, layout.written_at)
        {
            let last = last_write(table.get(slot), at);
            if !met && ttl.is_expired(last, rows.now) {
                table.remove(slot);
                live = false;
            } else {
                written = Some(last);
            }
        }
        if (retract && !live) || (presence && live) {
            return Ok(());
        }
        let Prepared {
            words,
            width,
            values,
        } = &mut *rows.prepared;
        let words = &mut words[row * *width..][..*width];
        if !PLAIN && let Some(distinct) = distinct {
            distinct.note(&layout.sets, row, words, retract, rows.now);
        }
        let (hash, key) = (rows.keys.hashes()[row], rows.keys.key(row));
        let group = table.get_mut(slot);
        if !met {
            if !live {
                begin::<PLAIN>(layout, group, distinct, row);
            } else if !group.fits(layout) {
                return Err(misfit(table.uid()));
            }
            // A group that begins has an old result too, so that both are numbered alike.
            if needs_old {
                emission.push_old(layout, group);
            }
            group.stamp = *stamp;
            bundle.keys.push(hash, key);
            bundle.slots.push(slot);
            bundle.first.push(!live);
        }
        if MODE == PARTIALS {
            merge(layout, group, rows.partials, row)?;
        } else if MODE == CHANGES {
            accumulate::<true, PLAIN>(layout, group, words, values, row, retract);
        } else {
            accumulate::<false, PLAIN>(layout, group, words, values, row, false);
        }
        if !PLAIN && let (Some(expiry), Some(at)) = (expiry, layout.written_at) {
            group.words.get_mut()[at] = rows.now as u64;
            expiry.written(written, rows.now, hash, key);
        }
        Ok(())
    }

    /// Ends the bundle: what came of its rows is sent, once a key.
    fn flush(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        let Self {
            spec,
            output,
            keys,
            layout,
            ttl,
            table,
            emission,
            stamp,
            bundle,
            ..
        } = self;
        if bundle.rows == 0 {
            return Ok(());
        }
        for (i, (&slot, &first)) in bundle.slots.iter().zip(&bundle.first).enumerate() {
            let group = table.get(slot);
            if is_empty(layout, group) {
                if !first {
                    emission.send((OLD, i), i, RowKind::Delete);
                }
                table.remove(slot);
                continue;
            }
            let new = emission.push_new(layout, group);
            if first {
                emission.send((NEW, new), i, RowKind::Insert);
            } else if ttl.is_some() || layout.always_changes || !emission.unchanged((OLD, i), new) {
                if spec.update_before {
                    emission.send((OLD, i), i, RowKind::UpdateBefore);
                }
                emission.send((NEW, new), i, RowKind::UpdateAfter);
            }
        }
        let met = &bundle.keys;
        let sent = emission.rows().iter().map(|&row| met.key(row as usize));
        let columns = keys.decode(sent)?;
        emission.emit_bundle(columns, output, (BATCH_ROWS, bundle.ingest_micros), out)?;
        bundle.keys.clear();
        bundle.slots.clear();
        bundle.first.clear();
        bundle.rows = 0;
        *stamp += 1;
        Ok(())
    }

    /// Removes groups that are expired.
    fn expire(&mut self, now: i64) -> Result<(), OperatorError> {
        if let (Some(ttl), Some(expiry), Some(at)) =
            (self.ttl, &mut self.expiry, self.layout.written_at)
        {
            while let Some(due) = expiry.due(now) {
                self.table
                    .slots(due.hashes(), |i| due.key(i), &mut self.slots)?;
                for &slot in &self.slots {
                    if self.table.is_live(slot)
                        && ttl.is_expired(last_write(self.table.get(slot), at), now)
                    {
                        self.table.remove(slot);
                    }
                }
            }
        }
        match &mut self.distinct {
            Some(distinct) => distinct.expire(now),
            None => Ok(()),
        }
    }
}

/// When the group was last written, if state has a TTL; `at` is the place of that.
#[inline]
fn last_write(group: &Group, at: usize) -> i64 {
    match group.words.get().get(at) {
        Some(&time) => time as i64,
        // Made for other calls: an error as soon as it is used.
        None => i64::MAX,
    }
}

/// Whether all rows of the group were taken back.
#[inline]
fn is_empty(layout: &Layout, group: &Group) -> bool {
    layout.rows_at.is_some_and(|at| group.words.get()[at] == 0)
}

/// Takes a row into a group, or back out of it.
#[inline(always)]
fn accumulate<const RETRACT: bool, const PLAIN: bool>(
    layout: &Layout,
    group: &mut Group,
    words: &[u64],
    values: &[EncodedValues],
    row: usize,
    retract: bool,
) {
    let accs = group.words.get_mut();
    if RETRACT && retract {
        layout
            .units
            .units
            .iter()
            .for_each(|unit| unit.sub(accs, words));
    } else {
        layout
            .units
            .units
            .iter()
            .for_each(|unit| unit.add(accs, words));
    }
    if PLAIN {
        return;
    }
    for (cell, planned) in group.cells.iter_mut().zip(&layout.cells) {
        if planned.takes(words) {
            let value = values[planned.encoder].get(row);
            if RETRACT && retract {
                cell.retract(&planned.kind, value);
            } else {
                cell.add(&planned.kind, value);
            }
        }
    }
}

/// Merges the accumulators of row `row` into a group.
fn merge(
    layout: &Layout,
    group: &mut Group,
    partials: Option<&BinaryArray>,
    row: usize,
) -> Result<(), OperatorError> {
    let damaged = |why: &str| {
        OperatorError::Row(format!(
            "the accumulators of the first phase cannot be read: {why}; this is an error in the \
             plan, please report the query"
        ))
    };
    let Some(partials) = partials else {
        return Err(damaged("the column is not BYTES"));
    };
    let other = Group::decode(partials.value(row)).map_err(|error| damaged(&error.to_string()))?;
    let accs = group.words.get_mut();
    let words = other.words.get();
    if words.len() + usize::from(layout.written_at.is_some()) < layout.units.words
        || other.cells.len() != layout.cells.len()
    {
        return Err(damaged("they are of other aggregates"));
    }
    let units = layout.units.units.iter();
    units.for_each(|unit| unit.merge(accs, words));
    let cells = group.cells.iter_mut().zip(&other.cells);
    for ((cell, other), planned) in cells.zip(&layout.cells) {
        cell.merge(&planned.kind, other);
    }
    Ok(())
}

/// Refuses rows that update or delete.
fn refuse_changes(batch: &Batch) -> Result<(), OperatorError> {
    match &batch.kinds {
        Some(kinds) if kinds.iter().any(|kind| *kind != RowKind::Insert) => {
            Err(OperatorError::Row(
                "a GROUP BY that was planned for inserts got a row that updates or deletes; this \
                 is an error in the plan, please report the query"
                    .to_owned(),
            ))
        }
        _ => Ok(()),
    }
}

/// Makes the group of a row one without rows.
#[inline]
fn begin<const PLAIN: bool>(
    layout: &Layout,
    group: &mut Group,
    distinct: &Option<DistinctValues>,
    row: usize,
) {
    group.begin(layout);
    if !PLAIN && let (Some(distinct), Some(at)) = (distinct, layout.id_at) {
        distinct.begin_group(row, group.words.get_mut(), at);
    }
}

fn misfit(uid: &str) -> OperatorError {
    OperatorError::Restore(format!(
        "the state of operator {uid} was written for other aggregates; start with --fresh, or give \
         the node a new id"
    ))
}

impl Operator for GroupAggregate {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        if self.mode != CHANGES {
            refuse_changes(&batch)?;
        }
        let keys = self.keys.encode(&batch.rows)?;
        let mut slots = std::mem::take(&mut self.slots);
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
        let words = std::mem::take(&mut self.words);
        let (mut prepared, partials) = if self.mode == PARTIALS {
            let prepared = Prepared {
                words,
                width: 0,
                values: Vec::new(),
            };
            let column = batch.rows.column(self.key_columns.len());
            (prepared, column.as_binary_opt::<i32>())
        } else {
            (self.layout.prepare(&batch.rows, words)?, None)
        };
        if let Some(distinct) = &mut self.distinct {
            if let Some(at) = self.layout.id_at {
                let numbered = distinct.number(&self.table, &slots, at);
                numbered.ok_or_else(|| misfit(self.table.uid()))?;
            }
            let words = (prepared.words.as_slice(), prepared.width);
            distinct.begin(&self.layout.sets, &batch, &keys, words)?;
        }
        let rows = Rows {
            batch: &batch,
            keys: &keys,
            slots: &slots,
            prepared: &mut prepared,
            partials,
            now: self.clock.now(),
        };
        match (self.spec.mini_batch, self.mode, self.is_plain()) {
            (None, INSERTS, true) => self.each_row::<INSERTS, true>(rows, out),
            (None, INSERTS, false) => self.each_row::<INSERTS, false>(rows, out),
            (None, CHANGES, true) => self.each_row::<CHANGES, true>(rows, out),
            (None, CHANGES, false) => self.each_row::<CHANGES, false>(rows, out),
            (None, _, _) => self.each_row::<PARTIALS, false>(rows, out),
            (Some(mini), INSERTS, true) => self.bundle_rows::<INSERTS, true>(rows, mini, out),
            (Some(mini), INSERTS, false) => self.bundle_rows::<INSERTS, false>(rows, mini, out),
            (Some(mini), CHANGES, true) => self.bundle_rows::<CHANGES, true>(rows, mini, out),
            (Some(mini), CHANGES, false) => self.bundle_rows::<CHANGES, false>(rows, mini, out),
            (Some(mini), _, _) => self.bundle_rows::<PARTIALS, false>(rows, mini, out),
        }?;
        self.slots = slots;
        self.words = prepared.words;
        self.bundle.generation = self.table.generation();
        Ok(())
    }

    fn advance(&mut self, _: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        self.flush(out)
    }

    fn tick(&mut self, now: i64, out: &mut Output) -> Result<(), OperatorError> {
        if self.bundle.rows > 0 && now >= self.bundle.deadline {
            self.flush(out)?;
        }
        // Groups of a bundle are in use until it ends.
        if self.bundle.rows == 0 {
            self.expire(now)?;
        }
        Ok(())
    }

    fn before_barrier(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        self.flush(out)
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        if self.bundle.rows > 0 {
            return Err(OperatorError::Row(format!(
                "operator {} was to take a snapshot within a mini-batch; this is an error in the \
                 runtime, please report it",
                self.table.uid()
            )));
        }
        self.table.snapshot(epoch)?;
        if let Some(distinct) = &mut self.distinct {
            distinct.table().snapshot(epoch)?;
        }
        let mut blob = vec![1];
        blob.extend_from_slice(self.layout.text.as_bytes());
        Ok(blob)
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        for blob in former {
            match blob.split_first() {
                None => {}
                Some((1, text)) if text == self.layout.text.as_bytes() => {}
                Some((1, text)) => {
                    return Err(OperatorError::Restore(format!(
                        "the state of operator {} holds {}, and the query now has {}; start with \
                         --fresh, or give the node a new id",
                        self.table.uid(),
                        String::from_utf8_lossy(text),
                        self.layout.text
                    )));
                }
                Some(_) => {
                    return Err(OperatorError::Restore(format!(
                        "the state of operator {} was written by a newer Millstream",
                        self.table.uid()
                    )));
                }
            }
        }
        if let (Some(expiry), Some(at)) = (&mut self.expiry, self.layout.written_at) {
            let keys = &self.keys;
            self.table.for_each(|key, group| {
                expiry.written(None, last_write(group, at), keys.hash_of(key), key);
            })?;
        }
        match &mut self.distinct {
            Some(distinct) => distinct.restore(&self.keys),
            None => Ok(()),
        }
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        self.table.evict()?;
        let bundle = &mut self.bundle;
        if self.table.generation() != bundle.generation {
            bundle.generation = self.table.generation();
            self.table.slots(
                bundle.keys.hashes(),
                |i| bundle.keys.key(i),
                &mut bundle.slots,
            )?;
            // Those that come from the disk have forgotten that they are met.
            for &slot in &bundle.slots {
                self.table.get_mut(slot).stamp = self.stamp;
            }
        }
        match &mut self.distinct {
            Some(distinct) => Ok(distinct.table().evict()?),
            None => Ok(()),
        }
    }
}
