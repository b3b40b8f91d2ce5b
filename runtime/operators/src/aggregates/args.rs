//! Argument values of aggregate functions, laid out as words row by row.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time32MillisecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};

use super::AggregateCall;
use crate::operator::OperatorError;

/// A kept value of bytes, `None` for NULL or nothing yet.
pub(crate) type Cell = Option<Box<[u8]>>;

/// How a value stands in its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// One word: a signed integer (also dates, times, timestamps, decimals of up to 18 digits).
    Int,
    /// One word: 0 or 1.
    Bool,
    /// One word: the bits of a float in its lower half.
    Float,
    /// One word: the bits of a double.
    Double,
    /// Two words, lower half first: a decimal of more than 18 digits.
    Wide,
    /// No words: strings and bytes are read from the column.
    Bytes,
    /// No words: only whether the value is NULL.
    Opaque,
}

impl Class {
    /// The class of a type, `None` if aggregates do not take it.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Time32(TimeUnit::Millisecond)
            | DataType::Timestamp(_, _) => Class::Int,
            DataType::Boolean => Class::Bool,
            DataType::Float32 => Class::Float,
            DataType::Float64 => Class::Double,
            DataType::Decimal128(precision, _) if *precision <= 18 => Class::Int,
            DataType::Decimal128(_, _) => Class::Wide,
            DataType::Utf8 | DataType::Binary => Class::Bytes,
            _ => return None,
        })
    }

    /// How many words a value takes.
    pub(crate) fn words(self) -> usize {
        match self {
            Class::Bytes | Class::Opaque => 0,
            Class::Wide => 2,
            _ => 1,
        }
    }
}

/// One argument column: where its value is in a row's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arg {
    /// Number of the argument, which is its bit in the row's flags.
    pub(crate) index: u8,
    /// First word of the value in the row's words (for [`Class::Bytes`]: number of the argument
    /// among those of bytes).
    pub(crate) at: u16,
    pub(crate) class: Class,
}

impl Arg {
    /// Whether the value is NULL.
    #[inline(always)]
    pub(crate) fn is_null(self, row: &[u64]) -> bool {
        row[0] >> self.index & 1 != 0
    }

    /// The value of a class of one word.
    #[inline(always)]
    pub(crate) fn word(self, row: &[u64]) -> u64 {
        row[usize::from(self.at)]
    }

    /// The value of an integer or decimal class.
    #[inline(always)]
    pub(crate) fn integer(self, row: &[u64]) -> i128 {
        let at = usize::from(self.at);
        match self.class {
            Class::Wide => wide(row[at], row[at + 1]),
            _ => i128::from(row[at] as i64),
        }
    }

    /// The value of a floating point class.
    #[inline(always)]
    pub(crate) fn double(self, row: &[u64]) -> f64 {
        let word = self.word(row);
        match self.class {
            Class::Float => f64::from(f32::from_bits(word as u32)),
            _ => f64::from_bits(word),
        }
    }
}

/// A 128-bit integer from its halves.
#[inline(always)]
pub(crate) fn wide(low: u64, high: u64) -> i128 {
    (i128::from(high as i64) << 64) | i128::from(low)
}

/// The halves of a 128-bit integer, lower first.
#[inline(always)]
pub(crate) fn halves(value: i128) -> [u64; 2] {
    [value as u64, (value >> 64) as u64]
}

/// The most arguments one operator takes: one bit of the flags word for each, eight bits left.
const MAX_ARGS: usize = 56;

/// The distinct argument columns of an operator's calls.
///
/// A row is [`width`](Self::width) words: first the flags, bit `i` of which says that argument `i`
/// is NULL, then the values.
#[derive(Debug, Default)]
pub(crate) struct ArgSet {
    columns: Vec<(usize, Arg)>,
    words: usize,
    bytes: Vec<usize>,
    /// How many arguments come from no column.
    computed: usize,
}

impl ArgSet {
    /// The argument in `column`; `None` if there are too many or it cannot be an argument.
    pub(crate) fn add(&mut self, column: usize, data_type: &DataType) -> Option<Arg> {
        if let Some((_, arg)) = self.columns.iter().find(|(c, _)| *c == column) {
            return Some(*arg);
        }
        self.add_class(column, Class::of(data_type)?)
    }

    /// The argument in `column` of which only NULL matters; `None` if there are too many.
    pub(crate) fn add_opaque(&mut self, column: usize) -> Option<Arg> {
        if let Some((_, arg)) = self.columns.iter().find(|(c, _)| *c == column) {
            return Some(*arg);
        }
        self.add_class(column, Class::Opaque)
    }

    /// The argument of a call's FILTER, if it has one.
    pub(crate) fn filter(&mut self, call: &AggregateCall) -> Result<Option<Arg>, OperatorError> {
        let Some(column) = call.filter else {
            return Ok(None);
        };
        match self.add(column, &DataType::Boolean) {
            Some(arg) => Ok(Some(arg)),
            None => Err(call.unsupported("with so many other arguments", "split the query in two")),
        }
    }

    /// A BOOLEAN argument that comes from no column: never NULL, FALSE until the operator writes
    /// its word. `None` if there are too many.
    pub(crate) fn add_computed(&mut self) -> Option<Arg> {
        if self.columns.len() + self.computed == MAX_ARGS {
            return None;
        }
        // The bits of the computed ones are taken from the top: they are never set.
        let index = (MAX_ARGS - 1 - self.computed) as u8;
        self.computed += 1;
        self.words += 1;
        Some(Arg {
            index,
            at: self.words as u16,
            class: Class::Bool,
        })
    }

    fn add_class(&mut self, column: usize, class: Class) -> Option<Arg> {
        if self.columns.len() + self.computed == MAX_ARGS {
            return None;
        }
        let arg = Arg {
            index: self.columns.len() as u8,
            at: match class {
                Class::Bytes => self.bytes.len() as u16,
                _ => (1 + self.words) as u16,
            },
            class,
        };
        self.words += class.words();
        if class == Class::Bytes {
            self.bytes.push(column);
        }
        self.columns.push((column, arg));
        Some(arg)
    }

    /// Words of a row.
    pub(crate) fn width(&self) -> usize {
        1 + self.words
    }

    /// The columns of the arguments that are bytes.
    pub(crate) fn bytes(&self) -> &[usize] {
        &self.bytes
    }

    /// Appends the words of all rows.
    pub(crate) fn fill(&self, rows: &RecordBatch, words: &mut Vec<u64>) {
        let width = self.width();
        let start = words.len();
        words.resize(start + rows.num_rows() * width, 0);
        let words = &mut words[start..];
        for (column, arg) in &self.columns {
            let array = rows.column(*column);
            let at = usize::from(arg.at);
            match arg.class {
                Class::Bytes | Class::Opaque => {}
                Class::Wide => {
                    let values = array.as_primitive::<Decimal128Type>().values();
                    for (row, &value) in words.chunks_exact_mut(width).zip(values) {
                        row[at..at + 2].copy_from_slice(&halves(value));
                    }
                }
                Class::Bool => {
                    let values = array.as_boolean().values();
                    for (row, value) in words.chunks_exact_mut(width).zip(values) {
                        row[at] = u64::from(value);
                    }
                }
                Class::Int | Class::Float | Class::Double => {
                    fill_words(array, words, width, at);
                }
            }
            if let Some(nulls) = array.logical_nulls()
                && nulls.null_count() > 0
            {
                for (row, valid) in words.chunks_exact_mut(width).zip(&nulls) {
                    row[0] |= u64::from(!valid) << arg.index;
                }
            }
        }
    }
}

fn fill_words(array: &ArrayRef, words: &mut [u64], width: usize, at: usize) {
    fn fill<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        words: &mut [u64],
        (width, at): (usize, usize),
        word: impl Fn(T::Native) -> u64,
    ) {
        let values = array.as_primitive::<T>().values();
        for (row, &value) in words.chunks_exact_mut(width).zip(values) {
            row[at] = word(value);
        }
    }
    let place = (width, at);
    match array.data_type() {
        DataType::Int8 => fill::<Int8Type>(array, words, place, |v| i64::from(v) as u64),
        DataType::Int16 => fill::<Int16Type>(array, words, place, |v| i64::from(v) as u64),
        DataType::Int32 => fill::<Int32Type>(array, words, place, |v| i64::from(v) as u64),
        DataType::Date32 => fill::<Date32Type>(array, words, place, |v| i64::from(v) as u64),
        DataType::Time32(_) => {
            fill::<Time32MillisecondType>(array, words, place, |v| i64::from(v) as u64);
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            fill::<TimestampSecondType>(array, words, place, |v| v as u64);
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            fill::<TimestampMillisecondType>(array, words, place, |v| v as u64);
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            fill::<TimestampMicrosecondType>(array, words, place, |v| v as u64);
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            fill::<TimestampNanosecondType>(array, words, place, |v| v as u64);
        }
        DataType::Decimal128(_, _) => {
            fill::<Decimal128Type>(array, words, place, |v| v as i64 as u64);
        }
        DataType::Float32 => {
            fill::<Float32Type>(array, words, place, |v| u64::from(v.to_bits()));
        }
        DataType::Float64 => fill::<Float64Type>(array, words, place, f64::to_bits),
        _ => fill::<Int64Type>(array, words, place, |v| v as u64),
    }
}

/// The bytes of row `row` of a string or binary column.
pub(crate) fn bytes_at(array: &ArrayRef, row: usize) -> Option<&[u8]> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).as_bytes(),
        _ => array.as_binary::<i32>().value(row),
    })
}
