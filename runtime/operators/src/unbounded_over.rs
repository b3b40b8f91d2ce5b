//! OVER aggregate in the order of a column that is no time: `SUM(v) OVER (PARTITION BY k ORDER BY v)`.
//!
//! Computes for every row the functions of all rows of its key that are ordered before it and of the
//! row itself: with ROWS those of the same place in the order that came before it, with RANGE all of
//! the same place. A row may come in between others, so results change: a row that comes gives its own
//! result with its own kind, and each row behind it whose result is another one now `-U` and `+U`.
//! A row that is taken back gives `-D`, and the rows behind it the same. As in Flink, rows are looked
//! through until the first whose accumulators are what they were; a sum counts its values, so it
//! changes with each. NULL comes first.
//!
//! What takes back a row that is not there is ignored. There is no lateness: event time plays no part.
//!
//! A row at the end of the order, as most come, costs no more than its own result; one in between costs what
//! stands before it too.
//!
//! **State** per key: its rows in order, with the functions' arguments. With a TTL, until the key was not
//! written for so long.

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use millstream_functions::RowKind;
use millstream_state::codec::{Reader, put_bytes, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::aggregates::AggregateCall;
use crate::aggregates::results::ResultColumn;
use crate::batch::Batch;
use crate::changelog::{Changes, Place, RowCodec};
use crate::group_aggregate::whole::{Arguments, Functions, RowArguments, Whole};
use crate::keys::KeyEncoder;
use crate::operator::{Operator, OperatorContext, OperatorError, Output};
use crate::retention::Retention;

/// What an [`UnboundedOver`] computes.
#[derive(Debug, Clone, PartialEq)]
pub struct UnboundedOverSpec {
    /// `PARTITION BY`; may be empty.
    pub partition: Vec<usize>,
    /// `ORDER BY`, ascending.
    pub order: Vec<usize>,
    /// `ROWS`: each row has its own result; else rows of one place in the order share it.
    pub rows: bool,
    /// The functions.
    pub calls: Vec<AggregateCall>,
    /// Whether the consumer wants `-U`.
    pub update_before: bool,
    /// State TTL in milliseconds.
    pub ttl_millis: Option<i64>,
}

/// The OVER aggregate. See the [module](self).
#[derive(Debug)]
pub struct UnboundedOver {
    spec: UnboundedOverSpec,
    output: SchemaRef,
    keys: KeyEncoder,
    order: RowConverter,
    codec: RowCodec,
    functions: Functions,
    retention: Retention,
    table: KeyedTable<Ordered>,
    emission: Emission,
}

/// Rows that go out, each with its result.
#[derive(Debug)]
struct Emission {
    changes: Changes,
    results: Vec<ResultColumn>,
}

impl UnboundedOver {
    /// The operator over rows of `input`, which gives rows of `output`: the input's columns and the
    /// calls.
    pub fn with_schema(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &UnboundedOverSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        let functions = Functions::new(&input, &spec.calls, false, false)?;
        Ok(Self {
            output,
            keys: KeyEncoder::new(&input, &spec.partition)?,
            order: order_of(&input, &spec.order)?,
            codec: RowCodec::new(input, "OVER")?,
            emission: Emission {
                changes: Changes::default(),
                results: functions.columns()?,
            },
            functions,
            retention: Retention::new(spec.ttl_millis, &context.clock),
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            spec: spec.clone(),
        })
    }
}

fn order_of(input: &Schema, columns: &[usize]) -> Result<RowConverter, OperatorError> {
    let fields = columns
        .iter()
        .map(|&column| SortField::new(input.field(column).data_type().clone()))
        .collect::<Vec<_>>();
    if !RowConverter::supports_fields(&fields) {
        return Err(OperatorError::Row(
            "OVER cannot be ordered by columns of these types; order by a scalar column".to_owned(),
        ));
    }
    Ok(RowConverter::new(fields)?)
}

/// A row of a partition.
#[derive(Debug)]
struct Entry {
    /// Its place in the order.
    order: Box<[u8]>,
    row: Box<[u8]>,
    arguments: RowArguments,
}

/// The accumulators of the rows of a partition up to some place, one way.
#[derive(Clone)]
struct Fold<'f> {
    functions: &'f Functions,
    whole: Whole,
    scratch: Vec<u64>,
}

impl<'f> Fold<'f> {
    fn new(functions: &'f Functions, whole: Whole) -> Self {
        Self {
            functions,
            whole,
            scratch: Vec::new(),
        }
    }

    fn over(functions: &'f Functions, entries: &[Entry]) -> Self {
        let mut fold = Self::new(functions, functions.begin());
        entries.iter().for_each(|entry| fold.add(&entry.arguments));
        fold
    }

    fn add(&mut self, arguments: &RowArguments) {
        let (whole, scratch) = (&mut self.whole, &mut self.scratch);
        self.functions.apply_kept(whole, arguments, scratch, false);
    }
}

impl Emission {
    fn emit(&mut self, fold: &Fold<'_>, place: Place, kind: RowKind, cause: usize) {
        self.changes.push(kind, place, cause);
        fold.functions.emit(&fold.whole, &mut self.results);
    }

    /// The old and the new result of a kept row.
    fn update(
        &mut self,
        row: &[u8],
        (old, new): (&Fold<'_>, &Fold<'_>),
        cause: usize,
        before: bool,
    ) {
        let place = self.changes.keep(row);
        if before {
            self.emit(old, place, RowKind::UpdateBefore, cause);
        }
        self.emit(new, place, RowKind::UpdateAfter, cause);
    }

    fn finish(
        &mut self,
        batch: &Batch,
        codec: &RowCodec,
        output: &SchemaRef,
    ) -> Result<Option<Batch>, OperatorError> {
        let results = self.results.iter_mut().map(ResultColumn::finish);
        let results = results.collect::<Result<_, _>>()?;
        self.changes.finish_with(batch, codec, output, results)
    }
}

/// What a change of a partition is about.
struct Change<'c> {
    spec: &'c UnboundedOverSpec,
    functions: &'c Functions,
    emission: &'c mut Emission,
    cause: usize,
}

impl Change<'_> {
    /// A row comes, with its kind.
    fn insert(&mut self, state: &mut Ordered, entry: Entry, kind: RowKind) {
        let entries = &state.entries;
        let at = entries.partition_point(|other| other.order <= entry.order);
        let from = match self.spec.rows {
            true => at,
            false => entries.partition_point(|other| other.order < entry.order),
        };
        // The row and its peers share a result, and so do their accumulators.
        let peers = &entries[from..at];
        let behind = &entries[at..];
        let before = match (behind, state.total.take()) {
            ([], Some(total)) => Fold::new(self.functions, total),
            ([], None) => Fold::over(self.functions, entries),
            (_, total) => {
                state.total = total;
                Fold::over(self.functions, &entries[..at])
            }
        };
        // Nobody looks at the old accumulators where nothing changes but the row's own result.
        let old = (!peers.is_empty() || !behind.is_empty()).then(|| before.clone());
        let mut new = before;
        new.add(&entry.arguments);
        if let Some(old) = &old
            && !peers.is_empty()
            && !self.functions.same(&old.whole, &new.whole)
        {
            for peer in peers {
                self.update(peer, (old, &new));
            }
        }
        let own = Place::Input(self.cause as u32);
        self.emission.emit(&new, own, kind, self.cause);
        let total = match old {
            Some(old) => self.follow(behind, old, new),
            None => Some(new.whole),
        };
        self.settle(state, total);
        state.entries.insert(at, entry);
    }

    /// The row goes.
    fn remove(&mut self, state: &mut Ordered, order: &[u8], row: &[u8]) {
        let entries = &state.entries;
        let first_peer = entries.partition_point(|other| *other.order < *order);
        let end = entries.partition_point(|other| *other.order <= *order);
        let found = entries[first_peer..end]
            .iter()
            .position(|other| *other.row == *row);
        let Some(at) = found.map(|at| first_peer + at) else {
            return;
        };
        let own = Place::Input(self.cause as u32);
        let total = if self.spec.rows {
            let mut old = Fold::over(self.functions, &entries[..at]);
            let new = old.clone();
            old.add(&entries[at].arguments);
            self.emission.emit(&old, own, RowKind::Delete, self.cause);
            self.follow(&entries[at + 1..], old, new)
        } else {
            let mut new = Fold::over(self.functions, &entries[..first_peer]);
            let mut old = new.clone();
            for (peer, entry) in entries[first_peer..end].iter().enumerate() {
                old.add(&entry.arguments);
                if first_peer + peer != at {
                    new.add(&entry.arguments);
                }
            }
            let changed = !self.functions.same(&old.whole, &new.whole);
            for (peer, entry) in entries[first_peer..end].iter().enumerate() {
                if first_peer + peer == at {
                    self.emission.emit(&old, own, RowKind::Delete, self.cause);
                } else if changed {
                    self.update(entry, (&old, &new));
                }
            }
            self.follow(&entries[end..], old, new)
        };
        self.settle(state, total);
        state.entries.remove(at);
    }

    /// Notes the accumulators of all rows; `None` if they are what they were.
    fn settle(&self, state: &mut Ordered, total: Option<Whole>) {
        match total {
            Some(total) => state.total = Some(total),
            // DISTINCT counts its values also where no result shows it.
            None if self.functions.has_distinct() => state.total = None,
            None => {}
        }
    }

    /// The rows behind the change: their results until one stays what it was. Gives the accumulators of
    /// all rows if they have changed.
    fn follow(&mut self, entries: &[Entry], mut old: Fold<'_>, mut new: Fold<'_>) -> Option<Whole> {
        let rows = self.spec.rows;
        for peers in entries.chunk_by(|a, b| !rows && a.order == b.order) {
            for peer in peers {
                old.add(&peer.arguments);
                new.add(&peer.arguments);
            }
            if self.functions.same(&old.whole, &new.whole) {
                return None;
            }
            for peer in peers {
                self.update(peer, (&old, &new));
            }
        }
        Some(new.whole)
    }

    fn update(&mut self, entry: &Entry, folds: (&Fold<'_>, &Fold<'_>)) {
        let before = self.spec.update_before;
        self.emission.update(&entry.row, folds, self.cause, before);
    }
}

impl Operator for UnboundedOver {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let keys = self.keys.encode(&batch.rows)?;
        let columns: Vec<ArrayRef> = self
            .spec
            .order
            .iter()
            .map(|&column| ArrayRef::clone(batch.rows.column(column)))
            .collect();
        let orders = self.order.convert_columns(&columns)?;
        let encoded = self.codec.encode(&batch.rows)?;
        let arguments: Arguments = self.functions.arguments(&batch.rows)?;
        let mut slots: Vec<Slot> = Vec::new();
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
        let now = self.retention.now();
        for (row, &slot) in slots.iter().enumerate() {
            if self.table.is_live(slot)
                && self.retention.is_expired(self.table.get(slot).written, now)
            {
                self.table.remove(slot);
            }
            let kind = batch.kind(row);
            let mut change = Change {
                spec: &self.spec,
                functions: &self.functions,
                emission: &mut self.emission,
                cause: row,
            };
            let state = self.table.get_mut(slot);
            state.written = now;
            if kind.is_accumulate() {
                let entry = Entry {
                    order: orders.row(row).data().into(),
                    row: encoded.row(row).data().into(),
                    arguments: self.functions.row(&arguments, row),
                };
                change.insert(state, entry, kind);
            } else {
                let (order, old) = (orders.row(row), encoded.row(row));
                change.remove(state, order.data(), old.data());
                if state.entries.is_empty() {
                    self.table.remove(slot);
                }
            }
        }
        if let Some(batch) = self.emission.finish(&batch, &self.codec, &self.output)? {
            out.emit(batch);
        }
        Ok(())
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        Ok(Vec::new())
    }

    fn tick(&mut self, now: i64, _: &mut Output) -> Result<(), OperatorError> {
        if self.retention.sweep_is_due(now) {
            let keys = &self.keys;
            let hash_of = |key: &[u8]| keys.hash_of(key);
            self.retention
                .sweep(&mut self.table, now, hash_of, |kept| kept.written)?;
        }
        Ok(())
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        Ok(self.table.evict()?)
    }
}

/// The rows of one key, in their order and then as they came.
#[derive(Debug, Default)]
struct Ordered {
    entries: Vec<Entry>,
    /// The accumulators of all of them, if they are known; not kept on disk.
    total: Option<Whole>,
    written: i64,
}

impl StateValue for Ordered {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_zigzag(out, self.written);
        put_varint(out, self.entries.len() as u64);
        for entry in &self.entries {
            put_bytes(out, &entry.order);
            put_bytes(out, &entry.row);
            entry.arguments.encode(out);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let written = reader.zigzag()?;
        let mut entries = Vec::new();
        for _ in 0..reader.varint()? {
            entries.push(Entry {
                order: reader.bytes()?.into(),
                row: reader.bytes()?.into(),
                arguments: RowArguments::decode(&mut reader)?,
            });
        }
        reader.finish()?;
        Ok(Self {
            entries,
            total: None,
            written,
        })
    }

    fn heap_size(&self) -> usize {
        let entries = self.entries.iter();
        let entries: usize = entries
            .map(|e| size_of::<Entry>() + e.order.len() + e.row.len() + e.arguments.heap_size())
            .sum();
        entries + self.total.as_ref().map_or(0, Whole::heap_size)
    }
}

#[cfg(test)]
mod tests;
