//! Accumulators that keep values: what some functions need beyond a few words.
//!
//! A [`Collection`] is one cell of a group. It takes values as bytes ([`ValueEncoder`]): strings as
//! they are, all else in Arrow's row format, which has the order of the values. So one multiset
//! serves MIN, MAX and COLLECT of a column, and one list of arrivals serves FIRST_VALUE,
//! LAST_VALUE, LISTAGG, ARRAY_AGG and JSON_ARRAYAGG where rows are taken back. Functions of two columns have
//! forms of their own ([`Form`]).
//!
//! | cell | keeps | serves |
//! |---|---|---|
//! | [`Kept`](Collection::Kept) | one value | MIN, MAX, FIRST_VALUE, LAST_VALUE of inserts |
//! | [`Text`](Collection::Text) | the string so far | LISTAGG of inserts |
//! | [`Ordered`](Collection::Ordered) | each value and how often it is there | MIN, MAX, COLLECT, PERCENTILE |
//! | [`Arrivals`](Collection::Arrivals) | values in the order they came, or the last few of them | the rest |
//! | [`Sketch`](Collection::Sketch) | hashes, then registers | APPROX_COUNT_DISTINCT |
//! | [`Entries`](Collection::Entries) | keys and their values | JSON_OBJECTAGG |
//!
//! Cells of one kind [merge](Collection::merge), so that partial accumulators can be brought
//! together.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, RecordBatch, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Schema};
use arrow::row::{RowConverter, Rows, SortField};
use hashbrown::HashMap;
use millstream_state::codec::{Reader, put_bytes, put_varint, put_zigzag};
use millstream_state::{CodecError, stable_hash};

use super::entries::{self, Entries};
use super::results::ResultColumn;
use super::sketch::Sketch;
use super::weighted;
use crate::operator::OperatorError;

/// How the arguments of a call become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One column.
    Value,
    /// A key and a value, both text ([`entries`]).
    Entry,
    /// A DOUBLE and, if there is a second column, how often it counts ([`weighted`]).
    Weighted,
}

/// Turns the arguments of a call into the bytes that collections keep.
#[derive(Debug)]
pub(crate) struct ValueEncoder {
    columns: Vec<usize>,
    form: Form,
    kind: EncoderKind,
}

#[derive(Debug)]
enum EncoderKind {
    Text,
    Binary,
    Rows(Box<RowConverter>),
    Entry,
    Weighted,
}

/// The values of one batch as bytes.
#[derive(Debug)]
pub(crate) enum EncodedValues {
    Text(StringArray),
    Binary(BinaryArray),
    Rows(Rows, Option<NullBuffer>),
}

impl ValueEncoder {
    /// The encoder of `columns`; `None` if values of the types cannot be kept.
    pub(crate) fn new(
        columns: &[usize],
        form: Form,
        input: &Schema,
    ) -> Result<Option<Self>, OperatorError> {
        let types: Vec<&DataType> = columns
            .iter()
            .map(|&column| input.field(column).data_type())
            .collect();
        let kind = match (form, types.as_slice()) {
            (Form::Entry, [DataType::Utf8, DataType::Utf8]) => EncoderKind::Entry,
            (Form::Weighted, [DataType::Float64] | [DataType::Float64, DataType::Int64]) => {
                EncoderKind::Weighted
            }
            (Form::Value, [DataType::Utf8]) => EncoderKind::Text,
            (Form::Value, [DataType::Binary]) => EncoderKind::Binary,
            (Form::Value, [other]) => {
                let fields = vec![SortField::new((*other).clone())];
                if !RowConverter::supports_fields(&fields) {
                    return Ok(None);
                }
                EncoderKind::Rows(Box::new(RowConverter::new(fields)?))
            }
            _ => return Ok(None),
        };
        Ok(Some(Self {
            columns: columns.to_vec(),
            form,
            kind,
        }))
    }

    /// Whether it encodes these columns so.
    pub(crate) fn is(&self, columns: &[usize], form: Form) -> bool {
        self.columns == columns && self.form == form
    }

    pub(crate) fn encode(&self, rows: &RecordBatch) -> Result<EncodedValues, OperatorError> {
        let column: &ArrayRef = rows.column(self.columns[0]);
        let second = self.columns.get(1).map(|&column| rows.column(column));
        Ok(match &self.kind {
            EncoderKind::Entry => EncodedValues::Binary(entries::encode(column, second)),
            EncoderKind::Weighted => EncodedValues::Binary(weighted::encode(column, second)),
            EncoderKind::Text => EncodedValues::Text(column.as_string::<i32>().clone()),
            EncoderKind::Binary => EncodedValues::Binary(column.as_binary::<i32>().clone()),
            EncoderKind::Rows(converter) => EncodedValues::Rows(
                converter.convert_columns(&[Arc::clone(column)])?,
                column.logical_nulls(),
            ),
        })
    }
}

impl EncodedValues {
    /// The value of row `row`, `None` for NULL.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&[u8]> {
        match self {
            EncodedValues::Text(text) => text.is_valid(row).then(|| text.value(row).as_bytes()),
            EncodedValues::Binary(bytes) => bytes.is_valid(row).then(|| bytes.value(row)),
            EncodedValues::Rows(rows, nulls) => match nulls {
                Some(nulls) if nulls.is_null(row) => None,
                _ => Some(rows.row(row).data()),
            },
        }
    }
}

/// Which cell, and what it does with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CollectionKind {
    /// The smallest value.
    Smallest,
    /// The largest value.
    Largest,
    /// The first value that is not NULL.
    First,
    /// The last value that is not NULL.
    Last,
    /// The values that are not NULL, with this between them.
    Text(Box<[u8]>),
    /// How often each value that is not NULL is there.
    Ordered,
    /// The values in the order they came.
    Arrivals {
        /// Whether NULL is a value.
        nulls: bool,
    },
    /// The last so many values, NULLs too.
    Recent(u64),
    /// About how many different values.
    Sketch,
    /// How often each number is there, by frequencies.
    Weighted,
    /// The value of each key.
    Entries {
        /// Whether NULL is a value.
        nulls: bool,
    },
}

impl CollectionKind {
    /// In which form it takes values.
    pub(crate) fn form(&self) -> Form {
        match self {
            CollectionKind::Weighted => Form::Weighted,
            CollectionKind::Entries { .. } => Form::Entry,
            _ => Form::Value,
        }
    }
}

/// One cell of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Collection {
    /// One value.
    Kept(Option<Box<[u8]>>),
    /// The string so far.
    Text(Option<Vec<u8>>),
    /// Each value and how often it is there.
    Ordered(Multiset),
    /// Values in the order they came.
    Arrivals(Arrivals),
    /// Hashes or registers.
    Sketch(Sketch),
    /// The value of each key.
    Entries(Entries),
}

impl Collection {
    /// The empty cell.
    pub(crate) fn new(kind: &CollectionKind) -> Self {
        match kind {
            CollectionKind::Smallest
            | CollectionKind::Largest
            | CollectionKind::First
            | CollectionKind::Last => Collection::Kept(None),
            CollectionKind::Text(_) => Collection::Text(None),
            CollectionKind::Ordered | CollectionKind::Weighted => {
                Collection::Ordered(Multiset::default())
            }
            CollectionKind::Entries { .. } => Collection::Entries(Entries::default()),
            CollectionKind::Arrivals { .. } | CollectionKind::Recent(_) => {
                Collection::Arrivals(Arrivals::default())
            }
            CollectionKind::Sketch => Collection::Sketch(Sketch::default()),
        }
    }

    /// Whether it is a cell of this kind.
    pub(crate) fn fits(&self, kind: &CollectionKind) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(&Self::new(kind))
    }

    /// Adds a value.
    #[inline]
    pub(crate) fn add(&mut self, kind: &CollectionKind, value: Option<&[u8]>) {
        if let (Collection::Arrivals(arrivals), CollectionKind::Recent(rows)) = (&mut *self, kind) {
            arrivals.push(value);
            arrivals.keep_last(*rows);
            return;
        }
        let Some(value) = value else {
            if let (Collection::Arrivals(arrivals), CollectionKind::Arrivals { nulls: true }) =
                (self, kind)
            {
                arrivals.push(None);
            }
            return;
        };
        match self {
            Collection::Kept(kept) => {
                let takes = match (kind, kept.as_deref()) {
                    (_, None) => true,
                    (CollectionKind::Smallest, Some(old)) => value < old,
                    (CollectionKind::Largest, Some(old)) => value > old,
                    (CollectionKind::Last, _) => true,
                    _ => false,
                };
                if takes {
                    *kept = Some(value.into());
                }
            }
            Collection::Text(text) => match text {
                None => *text = Some(value.to_vec()),
                Some(text) => {
                    if let CollectionKind::Text(separator) = kind {
                        text.extend_from_slice(separator);
                    }
                    text.extend_from_slice(value);
                }
            },
            Collection::Ordered(multiset) => multiset.take(kind, value, 1),
            Collection::Entries(all) => {
                all.add(value, *kind == CollectionKind::Entries { nulls: true })
            }
            Collection::Arrivals(arrivals) => arrivals.push(Some(value)),
            Collection::Sketch(sketch) => sketch.add(value),
        }
    }

    /// Takes a value back. Only multisets, arrivals and entries can; a value that is not there is owed by
    /// multisets and ignored by the others, as Flink does.
    #[inline]
    pub(crate) fn retract(&mut self, kind: &CollectionKind, value: Option<&[u8]>) {
        match self {
            Collection::Ordered(multiset) => {
                if let Some(value) = value {
                    multiset.take(kind, value, -1);
                }
            }
            Collection::Entries(all) => {
                if let Some(value) = value {
                    all.remove(value);
                }
            }
            Collection::Arrivals(arrivals) => {
                if value.is_some() || *kind == (CollectionKind::Arrivals { nulls: true }) {
                    arrivals.remove(value);
                }
            }
            Collection::Kept(_) | Collection::Text(_) | Collection::Sketch(_) => {
                debug_assert!(false, "the planner gives retracting input other cells");
            }
        }
    }

    /// Merges `other`, the accumulator of later rows.
    pub(crate) fn merge(&mut self, kind: &CollectionKind, other: &Collection) {
        match (self, other) {
            (this @ Collection::Kept(_), Collection::Kept(value)) => {
                this.add(kind, value.as_deref());
            }
            (this @ Collection::Text(_), Collection::Text(text)) => {
                this.add(kind, text.as_deref());
            }
            (Collection::Ordered(this), Collection::Ordered(other)) => {
                for (value, count) in &other.counts {
                    this.add(value, *count);
                }
            }
            (Collection::Arrivals(this), Collection::Arrivals(other)) => {
                for value in other.values.values() {
                    this.push(value.as_deref());
                }
            }
            (Collection::Sketch(this), Collection::Sketch(other)) => this.merge(other),
            (Collection::Entries(this), Collection::Entries(other)) => this.merge(other),
            _ => debug_assert!(false, "cells of one kind are merged"),
        }
    }

    /// Bytes on the heap, about.
    pub(crate) fn heap_size(&self) -> usize {
        match self {
            Collection::Kept(value) => value.as_ref().map_or(0, |value| value.len()),
            Collection::Text(text) => text.as_ref().map_or(0, Vec::capacity),
            Collection::Ordered(multiset) => multiset.counts.len() * 40 + multiset.bytes,
            Collection::Arrivals(arrivals) => {
                let place = if arrivals.places.is_some() { 88 } else { 40 };
                arrivals.values.len() * place + arrivals.bytes
            }
            Collection::Sketch(sketch) => sketch.heap_size(),
            Collection::Entries(all) => all.heap_size(),
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Collection::Kept(value) => {
                out.push(1);
                put_optional(out, value.as_deref());
            }
            Collection::Text(text) => {
                out.push(2);
                put_optional(out, text.as_deref());
            }
            Collection::Ordered(multiset) => {
                out.push(3);
                put_varint(out, multiset.counts.len() as u64);
                for (value, count) in &multiset.counts {
                    put_bytes(out, value);
                    put_zigzag(out, *count);
                }
            }
            Collection::Arrivals(arrivals) => {
                out.push(4);
                put_varint(out, arrivals.values.len() as u64);
                for value in arrivals.values.values() {
                    put_optional(out, value.as_deref());
                }
            }
            Collection::Sketch(sketch) => {
                out.push(5);
                sketch.encode(out);
            }
            Collection::Entries(all) => {
                out.push(6);
                all.encode(out);
            }
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(match reader.u8()? {
            1 => Collection::Kept(optional(reader)?.map(Into::into)),
            2 => Collection::Text(optional(reader)?.map(Into::into)),
            3 => {
                let mut multiset = Multiset::default();
                for _ in 0..reader.varint()? {
                    let value = reader.bytes()?;
                    multiset.add(value, reader.zigzag()?);
                }
                Collection::Ordered(multiset)
            }
            4 => {
                let mut arrivals = Arrivals::default();
                for _ in 0..reader.varint()? {
                    arrivals.push(optional(reader)?);
                }
                Collection::Arrivals(arrivals)
            }
            5 => Collection::Sketch(Sketch::decode(reader)?),
            6 => Collection::Entries(Entries::decode(reader)?),
            _ => {
                return Err(CodecError::Invalid {
                    what: "kind of aggregate cell",
                    at: 0,
                });
            }
        })
    }
}

pub(super) fn put_optional(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            put_bytes(out, value);
        }
    }
}

pub(super) fn optional<'r>(reader: &mut Reader<'r>) -> Result<Option<&'r [u8]>, CodecError> {
    Ok(if reader.bool()? {
        Some(reader.bytes()?)
    } else {
        None
    })
}

/// Values in their order with counts, which are never 0. One that was taken back before it came
/// has a count below 0 and is not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Multiset {
    counts: BTreeMap<Box<[u8]>, i64>,
    bytes: usize,
}

impl Multiset {
    /// Takes a value in (`sign` 1) or back (-1), as often as it says itself if it is weighted.
    #[inline]
    fn take(&mut self, kind: &CollectionKind, value: &[u8], sign: i64) {
        match kind {
            CollectionKind::Weighted => {
                let (value, count) = weighted::parts(value);
                self.add(value, count.wrapping_mul(sign));
            }
            _ => self.add(value, sign),
        }
    }

    fn add(&mut self, value: &[u8], change: i64) {
        if let Some(count) = self.counts.get_mut(value) {
            *count += change;
            if *count == 0 {
                self.counts.remove(value);
                self.bytes -= value.len();
            }
        } else if change != 0 {
            self.counts.insert(value.into(), change);
            self.bytes += value.len();
        }
    }

    /// The numbers that are there, in their order, and how often each is.
    fn numbers(&self) -> Vec<(f64, i64)> {
        let there = self.counts.iter().filter(|(_, count)| **count > 0);
        there
            .map(|(value, &count)| (weighted::number(value), count))
            .collect()
    }

    fn smallest(&self) -> Option<&[u8]> {
        let mut there = self.counts.iter().filter(|(_, count)| **count > 0);
        there.next().map(|(value, _)| &**value)
    }

    fn largest(&self) -> Option<&[u8]> {
        let mut there = self.counts.iter().filter(|(_, count)| **count > 0);
        there.next_back().map(|(value, _)| &**value)
    }
}

/// Up to so many values are searched one by one.
const FEW: usize = 32;

/// Values in the order they came; the earliest of equal ones is taken back first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arrivals {
    values: BTreeMap<u64, Option<Box<[u8]>>>,
    /// Where values of a hash are in `values`, earliest first; made when one of many is taken back.
    places: Option<HashMap<u64, VecDeque<u64>>>,
    next: u64,
    bytes: usize,
}

impl PartialEq for Arrivals {
    fn eq(&self, other: &Self) -> bool {
        self.values.values().eq(other.values.values())
    }
}

fn hash(value: Option<&[u8]>) -> u64 {
    value.map_or(0, stable_hash)
}

impl Arrivals {
    fn push(&mut self, value: Option<&[u8]>) {
        self.bytes += value.map_or(0, <[u8]>::len);
        if let Some(places) = &mut self.places {
            places.entry(hash(value)).or_default().push_back(self.next);
        }
        self.values.insert(self.next, value.map(Into::into));
        self.next += 1;
    }

    /// Lets go all but the last so many.
    fn keep_last(&mut self, rows: u64) {
        while self.values.len() as u64 > rows
            && let Some((_, value)) = self.values.pop_first()
        {
            self.bytes -= value.map_or(0, |value| value.len());
        }
    }

    fn remove(&mut self, value: Option<&[u8]>) {
        let Some(at) = self.find(value) else { return };
        self.values.remove(&at);
        self.bytes -= value.map_or(0, <[u8]>::len);
        if let Some(places) = &mut self.places
            && let Some(list) = places.get_mut(&hash(value))
        {
            list.retain(|&place| place != at);
            if list.is_empty() {
                places.remove(&hash(value));
            }
        }
    }

    /// Place of the earliest such value.
    fn find(&mut self, value: Option<&[u8]>) -> Option<u64> {
        let values = &self.values;
        if values.len() <= FEW && self.places.is_none() {
            let mut all = values.iter();
            return all
                .find(|(_, kept)| kept.as_deref() == value)
                .map(|(&at, _)| at);
        }
        let places = self.places.get_or_insert_with(|| {
            let mut places: HashMap<u64, VecDeque<u64>> = HashMap::new();
            for (&at, kept) in values {
                places
                    .entry(hash(kept.as_deref()))
                    .or_default()
                    .push_back(at);
            }
            places
        });
        // Other values of this hash are as good as impossible, but possible.
        let list = places.get(&hash(value))?;
        let same = |at: &&u64| values.get(*at).is_some_and(|kept| kept.as_deref() == value);
        list.iter().find(same).copied()
    }

    fn first(&self) -> Option<&[u8]> {
        self.values.first_key_value()?.1.as_deref()
    }

    fn last(&self) -> Option<&[u8]> {
        self.values.last_key_value()?.1.as_deref()
    }
}

/// How a call's result comes from a cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CollectionResult {
    /// The value or the string.
    Kept,
    /// The smallest of a multiset.
    Smallest,
    /// The largest of a multiset.
    Largest,
    /// All of a multiset.
    Counts,
    /// The first to have come.
    First,
    /// The last to have come.
    Last,
    /// All as one string, with this between them.
    Joined(Box<[u8]>),
    /// All as a list.
    List,
    /// Of the last `offset + 1` the first; this if there are not so many.
    Lag {
        /// See above.
        offset: u64,
        /// See above.
        default: Option<Box<[u8]>>,
    },
    /// How many different ones.
    Estimate,
    /// All as a JSON array of these JSON values.
    JsonArray,
    /// All as a JSON object.
    JsonObject,
    /// The value at a part of a multiset of numbers, from 0 to 1.
    Percentile(f64),
    /// The values at several parts.
    Percentiles(Box<[f64]>),
}

impl CollectionResult {
    /// Appends the result.
    pub(crate) fn emit(&self, cell: &Collection, column: &mut ResultColumn) {
        match (self, cell) {
            (CollectionResult::Kept, Collection::Kept(value)) => {
                column.push_bytes(value.as_deref());
            }
            (CollectionResult::Kept, Collection::Text(text)) => column.push_bytes(text.as_deref()),
            (CollectionResult::Smallest, Collection::Ordered(all)) => {
                column.push_bytes(all.smallest());
            }
            (CollectionResult::Largest, Collection::Ordered(all)) => {
                column.push_bytes(all.largest());
            }
            (CollectionResult::Counts, Collection::Ordered(all)) => {
                column.push_counts(all.counts.iter().map(|(value, &count)| (&**value, count)));
            }
            (CollectionResult::First, Collection::Arrivals(all)) => column.push_bytes(all.first()),
            (CollectionResult::Last, Collection::Arrivals(all)) => column.push_bytes(all.last()),
            (CollectionResult::Joined(separator), Collection::Arrivals(all)) => {
                if all.values.is_empty() {
                    column.push_null();
                } else {
                    let parts = all.values.values().filter_map(Option::as_deref);
                    column.push_joined(parts, separator);
                }
            }
            (CollectionResult::List, Collection::Arrivals(all)) => {
                if all.values.is_empty() {
                    column.push_null();
                } else {
                    column.push_list(all.values.values().map(Option::as_deref));
                }
            }
            (CollectionResult::Lag { offset, default }, Collection::Arrivals(all)) => {
                column.push_bytes(match all.values.len() as u64 > *offset {
                    true => all.first(),
                    false => default.as_deref(),
                });
            }
            (CollectionResult::JsonArray, Collection::Arrivals(all)) => {
                let items = all.values.values();
                let items = items.map(|item| item.as_deref().unwrap_or(entries::NULL));
                column.push_wrapped((b"[", b"]"), items, b",");
            }
            (CollectionResult::JsonObject, Collection::Entries(all)) => all.emit(column),
            (CollectionResult::Percentile(part), Collection::Ordered(all)) => {
                match weighted::percentiles(&all.numbers(), &[*part]) {
                    Some(found) => column.push_double(found[0]),
                    None => column.push_null(),
                }
            }
            (CollectionResult::Percentiles(parts), Collection::Ordered(all)) => {
                match weighted::percentiles(&all.numbers(), parts) {
                    Some(found) => column.push_doubles(&found),
                    None => column.push_null(),
                }
            }
            (CollectionResult::Estimate, Collection::Sketch(sketch)) => {
                column.push_int(sketch.estimate());
            }
            // States are checked against the calls before they are used.
            _ => column.push_null(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARRIVALS: CollectionKind = CollectionKind::Arrivals { nulls: true };

    fn shown(cell: &Collection, result: CollectionResult) -> String {
        let mut column = match result {
            CollectionResult::Estimate => ResultColumn::new(&DataType::Int64).unwrap(),
            _ => ResultColumn::of_values(&DataType::Utf8).unwrap(),
        };
        result.emit(cell, &mut column);
        let array = column.finish().unwrap();
        if array.is_null(0) {
            return "NULL".to_owned();
        }
        arrow::util::display::array_value_to_string(&array, 0).unwrap()
    }

    fn joined(cell: &Collection) -> String {
        shown(cell, CollectionResult::Joined((*b"|").into()))
    }

    fn roundtrip(cell: &Collection) {
        let mut bytes = Vec::new();
        cell.encode(&mut bytes);
        let mut reader = Reader::new(&bytes);
        assert_eq!(Collection::decode(&mut reader).as_ref(), Ok(cell));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn the_earliest_of_equal_values_is_taken_back() {
        let mut cell = Collection::new(&ARRIVALS);
        for value in ["a", "b", "a", "c"] {
            cell.add(&ARRIVALS, Some(value.as_bytes()));
        }
        cell.retract(&ARRIVALS, Some(b"a"));
        assert_eq!(joined(&cell), "b|a|c");
        cell.retract(&ARRIVALS, Some(b"never came"));
        cell.add(&ARRIVALS, None);
        roundtrip(&cell);
        assert_eq!(shown(&cell, CollectionResult::Last), "NULL");
        cell.retract(&ARRIVALS, None);
        cell.retract(&ARRIVALS, Some(b"c"));
        assert_eq!(joined(&cell), "b|a");
        cell.retract(&ARRIVALS, Some(b"b"));
        cell.retract(&ARRIVALS, Some(b"a"));
        assert_eq!(joined(&cell), "NULL");
    }

    #[test]
    fn many_arrivals_are_found_by_hash() {
        let mut cell = Collection::new(&ARRIVALS);
        for value in 0..200u8 {
            cell.add(&ARRIVALS, Some(&[b'a' + value % 5]));
        }
        let Collection::Arrivals(arrivals) = &cell else {
            panic!("another cell");
        };
        assert!(arrivals.places.is_none());
        for _ in 0..40 {
            for value in [b'a', b'c', b'd', b'e'] {
                cell.retract(&ARRIVALS, Some(&[value]));
            }
        }
        cell.add(&ARRIVALS, Some(b"c"));
        assert_eq!(joined(&cell), format!("{}c", "b|".repeat(40)));
        roundtrip(&cell);
    }

    #[test]
    fn a_multiset_owes_what_was_taken_back_too_early() {
        let kind = CollectionKind::Ordered;
        let mut cell = Collection::new(&kind);
        cell.retract(&kind, Some(b"z"));
        cell.add(&kind, Some(b"m"));
        cell.add(&kind, Some(b"m"));
        cell.add(&kind, Some(b"a"));
        cell.add(&kind, None);
        assert_eq!(shown(&cell, CollectionResult::Largest), "m");
        roundtrip(&cell);
        cell.add(&kind, Some(b"z"));
        assert_eq!(shown(&cell, CollectionResult::Largest), "m");
        cell.retract(&kind, Some(b"m"));
        assert_eq!(shown(&cell, CollectionResult::Largest), "m");
        cell.retract(&kind, Some(b"m"));
        assert_eq!(shown(&cell, CollectionResult::Largest), "a");
        assert_eq!(shown(&cell, CollectionResult::Smallest), "a");
        cell.retract(&kind, Some(b"a"));
        assert_eq!(shown(&cell, CollectionResult::Smallest), "NULL");
    }

    #[test]
    fn what_was_kept_apart_merges() {
        for kind in [
            CollectionKind::Smallest,
            CollectionKind::Largest,
            CollectionKind::First,
            CollectionKind::Last,
            CollectionKind::Text((*b", ").into()),
            CollectionKind::Ordered,
            CollectionKind::Arrivals { nulls: true },
            CollectionKind::Arrivals { nulls: false },
            CollectionKind::Sketch,
        ] {
            let values = [Some("b"), None, Some("a"), Some("c"), Some("a")];
            for cut in 0..=values.len() {
                let mut parts = [0, 1, 2].map(|_| Collection::new(&kind));
                for (i, value) in values.iter().enumerate() {
                    let value = value.map(str::as_bytes);
                    parts[0].add(&kind, value);
                    parts[1 + usize::from(i >= cut)].add(&kind, value);
                }
                let [whole, mut merged, later] = parts;
                merged.merge(&kind, &later);
                assert_eq!(merged, whole, "{kind:?} cut at {cut}");
                roundtrip(&whole);
            }
        }
    }

    /// On disk: what these bytes mean never changes.
    #[test]
    fn golden_bytes() {
        let bytes = |kind: CollectionKind| {
            let mut cell = Collection::new(&kind);
            for value in [Some(b"b" as &[u8]), None, Some(b"a"), Some(b"b")] {
                cell.add(&kind, value);
            }
            let mut out = Vec::new();
            cell.encode(&mut out);
            out
        };
        assert_eq!(bytes(CollectionKind::Smallest), [1, 1, 1, b'a']);
        assert_eq!(
            bytes(CollectionKind::Text((*b"+").into())),
            [2, 1, 5, b'b', b'+', b'a', b'+', b'b']
        );
        assert_eq!(
            bytes(CollectionKind::Ordered),
            [3, 2, 1, b'a', 2, 1, b'b', 4]
        );
        assert_eq!(
            bytes(CollectionKind::Arrivals { nulls: true }),
            [4, 4, 1, 1, b'b', 0, 1, 1, b'a', 1, 1, b'b']
        );
    }
}
