//! Whole accumulators: all that a group keeps for any functions, DISTINCT too, in one value.
//!
//! The unbounded aggregate keeps the values of DISTINCT in a table of their own, because a key may
//! have any number of them and lives for ever. Groups that end (windows) and groups that are computed
//! anew (frames) keep theirs here. A [`Whole`] takes rows, takes them back if
//! [`Functions`] were planned so, and merges with another.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Schema;
use arrow::row::Rows;
use millstream_functions::aggregate::AggregateKind;
use millstream_state::codec::{Reader, put_bytes, put_varint, put_zigzag};
use millstream_state::{CodecError, StateValue};

use super::layout::{Layout, PlannedResult, any_null, passes};
use super::state::Group;
use super::{GroupAggregateSpec, Prepared};
use crate::aggregates::AggregateCall;
use crate::aggregates::args::Arg;
use crate::aggregates::results::ResultColumn;
use crate::operator::OperatorError;

/// What is computed, and how.
#[derive(Debug)]
pub(crate) struct Functions {
    layout: Layout,
    calls: Vec<AggregateCall>,
    /// The filters that DISTINCT puts in the place of a call's own.
    gates: Vec<Arg>,
    /// Whether accumulators are merged: values of DISTINCT then keep a row that has them.
    merging: bool,
}

/// The accumulators of one group.
#[derive(Debug, Default, Clone)]
pub(crate) struct Whole {
    group: Group,
    /// For each DISTINCT argument the values that are there.
    sets: Vec<BTreeMap<Box<[u8]>, Seen>>,
}

/// A value of a DISTINCT argument.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    /// How many rows brought it, for each filter.
    counts: Vec<i64>,
    /// The arguments of the first of these rows; nothing unless accumulators are merged.
    words: Vec<u64>,
    values: Vec<Option<Box<[u8]>>>,
}

/// The arguments of the rows of a batch.
pub(crate) struct Arguments {
    prepared: Prepared,
    /// For each DISTINCT argument its values, and which rows have a NULL among several.
    sets: Vec<(Rows, Option<NullBuffer>)>,
}

/// The arguments of one row, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowArguments {
    words: Box<[u64]>,
    values: Box<[Option<Box<[u8]>>]>,
    sets: Box<[Option<Box<[u8]>>]>,
}

impl Functions {
    /// The functions `calls` over rows of `input`: `retracting` if rows are taken back, `merging` if
    /// accumulators are merged.
    pub(crate) fn new(
        input: &Schema,
        calls: &[AggregateCall],
        retracting: bool,
        merging: bool,
    ) -> Result<Self, OperatorError> {
        for call in calls.iter().filter(|_| merging) {
            let edge = matches!(
                call.kind,
                AggregateKind::FirstValue | AggregateKind::LastValue
            );
            if edge {
                return Err(call.unsupported(
                    "over SESSION windows",
                    "sessions that merge have no order of arrival; use MIN or MAX",
                ));
            }
        }
        let spec = GroupAggregateSpec {
            keys: vec![],
            calls: calls.to_vec(),
            retracting,
            update_before: false,
            ttl_millis: None,
            mini_batch: None,
        };
        let layout = Layout::new(input, &spec)?;
        let filters = layout.sets.iter().flat_map(|set| &set.filters);
        Ok(Self {
            gates: filters.map(|filter| filter.gate).collect(),
            calls: calls.to_vec(),
            layout,
            merging,
        })
    }

    /// The group without rows.
    pub(crate) fn begin(&self) -> Whole {
        let mut whole = Whole::default();
        whole.group.begin(&self.layout);
        whole.sets = vec![BTreeMap::new(); self.layout.sets.len()];
        whole
    }

    /// Whether the accumulators are those of these functions.
    pub(crate) fn fit(&self, whole: &Whole) -> bool {
        whole.group.fits(&self.layout) && whole.sets.len() == self.layout.sets.len()
    }

    /// The arguments of all rows.
    pub(crate) fn arguments(&self, rows: &RecordBatch) -> Result<Arguments, OperatorError> {
        let sets = self.layout.sets.iter().map(|set| {
            let columns: Vec<_> = set
                .columns
                .iter()
                .map(|&c| rows.column(c).clone())
                .collect();
            // Of several arguments none may be NULL; a single NULL is left to the function.
            let nulls = match columns.len() {
                1 => None,
                _ => any_null(rows, &set.columns),
            };
            Ok((set.converter.convert_columns(&columns)?, nulls))
        });
        Ok(Arguments {
            sets: sets.collect::<Result<_, OperatorError>>()?,
            prepared: self.layout.prepare(rows, Vec::new())?,
        })
    }

    /// Takes a row in, or back out.
    pub(crate) fn apply(
        &self,
        whole: &mut Whole,
        arguments: &mut Arguments,
        row: usize,
        retract: bool,
    ) {
        let Arguments { prepared, sets } = arguments;
        let width = prepared.width;
        let words = &mut prepared.words[row * width..][..width];
        let values = &prepared.values;
        self.take(
            whole,
            words,
            &|encoder| values[encoder].get(row),
            &|set| value_of(&sets[set], row),
            retract,
        );
    }

    /// The arguments of a row, to be kept.
    pub(crate) fn row(&self, arguments: &Arguments, row: usize) -> RowArguments {
        let Arguments { prepared, sets } = arguments;
        let width = prepared.width;
        let values = prepared.values.iter();
        RowArguments {
            words: prepared.words[row * width..][..width].into(),
            values: values.map(|v| v.get(row).map(Into::into)).collect(),
            sets: sets
                .iter()
                .map(|set| value_of(set, row).map(Into::into))
                .collect(),
        }
    }

    /// Takes a row in, or back out, whose arguments were kept; `scratch` is room for them.
    pub(crate) fn apply_kept(
        &self,
        whole: &mut Whole,
        row: &RowArguments,
        scratch: &mut Vec<u64>,
        retract: bool,
    ) {
        scratch.clear();
        scratch.extend_from_slice(&row.words);
        self.take(
            whole,
            scratch,
            &|encoder| row.values[encoder].as_deref(),
            &|set| row.sets[set].as_deref(),
            retract,
        );
    }

    fn take<'v>(
        &self,
        whole: &mut Whole,
        words: &mut [u64],
        value: &dyn Fn(usize) -> Option<&'v [u8]>,
        distinct: &dyn Fn(usize) -> Option<&'v [u8]>,
        retract: bool,
    ) {
        for (number, (set, seen)) in self.layout.sets.iter().zip(&mut whole.sets).enumerate() {
            for filter in &set.filters {
                words[usize::from(filter.gate.at)] = 0;
            }
            let Some(bytes) = distinct(number) else {
                continue;
            };
            if !set.filters.iter().any(|f| passes(f.filter, words)) {
                continue;
            }
            let entry = seen.entry(bytes.into()).or_insert_with(|| Seen {
                counts: vec![0; set.filters.len()],
                words: match self.merging {
                    true => words.to_vec(),
                    false => vec![],
                },
                values: match self.merging {
                    true => (0..self.layout.encoders.len())
                        .map(|encoder| value(encoder).map(Into::into))
                        .collect(),
                    false => vec![],
                },
            });
            for (filter, count) in set.filters.iter().zip(&mut entry.counts) {
                if passes(filter.filter, words) {
                    // A value that is taken back before it came is owed, as in Flink.
                    *count += if retract { -1 } else { 1 };
                    let news = *count == i64::from(!retract);
                    words[usize::from(filter.gate.at)] = u64::from(news);
                }
            }
            if entry.counts.iter().all(|&count| count == 0) {
                seen.remove(bytes);
            }
        }
        let accs = whole.group.words.get_mut();
        for unit in &self.layout.units.units {
            if retract {
                unit.sub(accs, words);
            } else {
                unit.add(accs, words);
            }
        }
        for (cell, planned) in whole.group.cells.iter_mut().zip(&self.layout.cells) {
            if planned.takes(words) {
                let value = value(planned.encoder);
                if retract {
                    cell.retract(&planned.kind, value);
                } else {
                    cell.add(&planned.kind, value);
                }
            }
        }
    }

    /// Merges the group `other`, whose rows count as later, into `whole`.
    pub(crate) fn merge(&self, whole: &mut Whole, other: &Whole) {
        let gated = |filter: Option<Arg>| filter.is_some_and(|f| self.gates.contains(&f));
        let accs = whole.group.words.get_mut();
        let units = &self.layout.units.units;
        for unit in units.iter().filter(|unit| !gated(unit.filter)) {
            unit.merge(accs, other.group.words.get());
        }
        let cells = whole.group.cells.iter_mut().zip(&other.group.cells);
        for ((cell, other), planned) in cells.zip(&self.layout.cells) {
            if !gated(planned.filter) {
                cell.merge(&planned.kind, other);
            }
        }
        let sets = self.layout.sets.iter().zip(&mut whole.sets);
        for ((set, seen), other) in sets.zip(&other.sets) {
            for (value, more) in other {
                let entry = seen.entry(value.clone()).or_insert_with(|| Seen {
                    counts: vec![0; more.counts.len()],
                    words: more.words.clone(),
                    values: more.values.clone(),
                });
                let mut words = more.words.clone();
                let counts = entry.counts.iter_mut().zip(&more.counts);
                for (filter, (count, more)) in set.filters.iter().zip(counts) {
                    let news = *count <= 0 && *count + more > 0;
                    *count += more;
                    words[usize::from(filter.gate.at)] = u64::from(news);
                }
                let of_set =
                    |filter: Option<Arg>| set.filters.iter().any(|f| filter == Some(f.gate));
                for unit in units.iter().filter(|unit| of_set(unit.filter)) {
                    unit.add(accs, &words);
                }
                let cells = whole.group.cells.iter_mut().zip(&self.layout.cells);
                for (cell, planned) in cells.filter(|(_, planned)| of_set(planned.filter)) {
                    if planned.takes(&words) {
                        let value = more.values.get(planned.encoder);
                        cell.add(&planned.kind, value.and_then(Option::as_deref));
                    }
                }
            }
        }
    }

    /// Whether all rows were taken back.
    pub(crate) fn is_empty(&self, whole: &Whole) -> bool {
        super::is_empty(&self.layout, &whole.group)
    }

    /// Whether two groups have the same accumulators, as far as results go.
    pub(crate) fn same(&self, a: &Whole, b: &Whole) -> bool {
        a.group.words == b.group.words && a.group.cells == b.group.cells
    }

    /// Whether some call has DISTINCT.
    pub(crate) fn has_distinct(&self) -> bool {
        !self.layout.sets.is_empty()
    }

    /// Empty columns for the results.
    pub(crate) fn columns(&self) -> Result<Vec<ResultColumn>, OperatorError> {
        self.layout.columns(&self.calls)
    }

    /// Appends the results.
    pub(crate) fn emit(&self, whole: &Whole, columns: &mut [ResultColumn]) {
        for (result, column) in self.layout.results.iter().zip(columns) {
            match result {
                PlannedResult::Unit(plan) => plan.emit(whole.group.words.get(), &[], column),
                PlannedResult::Cell(at, result) => result.emit(&whole.group.cells[*at], column),
            }
        }
    }
}

fn value_of((rows, nulls): &(Rows, Option<NullBuffer>), row: usize) -> Option<&[u8]> {
    let counts = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    counts.then(|| rows.row(row).data())
}

impl Whole {
    /// Appends it to what an operator keeps of a key.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut group = Vec::new();
        self.group.encode(&mut group);
        put_bytes(out, &group);
        put_varint(out, self.sets.len() as u64);
        for set in &self.sets {
            put_varint(out, set.len() as u64);
            for (value, seen) in set {
                put_bytes(out, value);
                put_varint(out, seen.counts.len() as u64);
                seen.counts.iter().for_each(|&count| put_zigzag(out, count));
                put_words(out, &seen.words);
                put_values(out, &seen.values);
            }
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let group = Group::decode(reader.bytes()?)?;
        let mut sets = Vec::new();
        for _ in 0..reader.varint()? {
            let mut set = BTreeMap::new();
            for _ in 0..reader.varint()? {
                let value = reader.bytes()?.into();
                let mut counts = Vec::new();
                for _ in 0..reader.varint()? {
                    counts.push(reader.zigzag()?);
                }
                let seen = Seen {
                    counts,
                    words: words(reader)?,
                    values: values(reader)?,
                };
                set.insert(value, seen);
            }
            sets.push(set);
        }
        Ok(Self { group, sets })
    }

    /// Bytes on the heap, about.
    pub(crate) fn heap_size(&self) -> usize {
        let values = self.sets.iter().flatten();
        let sets: usize = values
            .map(|(value, seen)| {
                let kept: usize = seen.values.iter().flatten().map(|v| 16 + v.len()).sum();
                120 + value.len() + 8 * (seen.counts.len() + seen.words.len()) + kept
            })
            .sum();
        self.group.heap_size() + sets
    }
}

impl RowArguments {
    /// Appends them to what an operator keeps of a key.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_words(out, &self.words);
        put_values(out, &self.values);
        put_values(out, &self.sets);
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            words: words(reader)?.into(),
            values: values(reader)?.into(),
            sets: values(reader)?.into(),
        })
    }

    /// Bytes on the heap, about.
    pub(crate) fn heap_size(&self) -> usize {
        let values = self.values.iter().chain(&self.sets).flatten();
        8 * self.words.len() + values.map(|value| 16 + value.len()).sum::<usize>()
    }
}

fn put_words(out: &mut Vec<u8>, words: &[u64]) {
    put_varint(out, words.len() as u64);
    words.iter().for_each(|&word| put_zigzag(out, word as i64));
}

fn put_values(out: &mut Vec<u8>, values: &[Option<Box<[u8]>>]) {
    put_varint(out, values.len() as u64);
    for value in values {
        match value {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                put_bytes(out, value);
            }
        }
    }
}

fn values(reader: &mut Reader<'_>) -> Result<Vec<Option<Box<[u8]>>>, CodecError> {
    let mut values = Vec::new();
    for _ in 0..reader.varint()? {
        values.push(match reader.bool()? {
            true => Some(reader.bytes()?.into()),
            false => None,
        });
    }
    Ok(values)
}

fn words(reader: &mut Reader<'_>) -> Result<Vec<u64>, CodecError> {
    let mut words = Vec::new();
    for _ in 0..reader.varint()? {
        words.push(reader.zigzag()? as u64);
    }
    Ok(words)
}
