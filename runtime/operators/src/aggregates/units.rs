//! Accumulators: what is kept of the rows of a group, as words.
//!
//! A [`Unit`] is the part that calls share: a count, a sum, an extreme. It has a few words among
//! the accumulator words of its group, all zero at first, and adds rows to them; where the maths
//! allows, it takes rows back ([`Unit::sub`]) or merges two accumulators ([`Unit::merge`]). A
//! [`CallPlan`] says which units give a call's result.

use arrow::datatypes::{DataType, i256};
use millstream_functions::aggregate::AggregateKind;

use super::AggregateCall;
use super::args::{Arg, ArgSet, Cell, Class, halves, wide};
use super::results::ResultColumn;
use crate::operator::OperatorError;

/// 10^38: the first integer that no DECIMAL holds.
const DECIMAL_LIMIT: i128 = 10i128.pow(38);

/// One shared accumulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) kind: UnitKind,
    /// Rows for which this BOOLEAN is not TRUE do not count.
    pub(crate) filter: Option<Arg>,
    /// First of its words among the accumulator words (for bytes: its cell).
    pub(crate) at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitKind {
    /// Rows.
    Rows,
    /// Rows whose argument is not NULL.
    Values(Arg),
    /// Sum of integers, wrapping in 64 bits.
    SumInt(Arg),
    /// Sum of decimals of at most 18 digits: 128 bits cannot overflow.
    SumNarrow(Arg),
    /// Sum of decimals that may overflow and is NULL then: for good if `sticky` (AVG), else until
    /// the next value, which begins a new sum (SUM). Flink's generated code does so.
    SumWide {
        /// See above.
        arg: Arg,
        /// See above.
        sticky: bool,
    },
    /// Sum in single precision.
    SumFloat(Arg),
    /// Sum in double precision.
    SumDouble(Arg),
    /// Count, mean and sum of the squared distances from it, in double precision.
    ///
    /// By Welford's recurrences, as in Flink 2.3: sums of squares would lose what values that lie
    /// close together differ by.
    Moments(Arg),
    /// The smallest or largest value.
    Extreme {
        /// See above.
        arg: Arg,
        /// The largest.
        max: bool,
    },
    /// The first or last value that is not NULL.
    Edge {
        /// See above.
        arg: Arg,
        /// The last.
        last: bool,
    },
}

/// Whether `new` comes before `old` in the order MIN (or MAX if `max`) looks for.
///
/// Floating point: by `<` and `>` as Flink's generated code does, so NaN never replaces a value.
#[inline]
fn better(class: Class, new: &[u64], old: &[u64], max: bool) -> bool {
    let ordering = match class {
        Class::Float => f32::from_bits(new[0] as u32).partial_cmp(&f32::from_bits(old[0] as u32)),
        Class::Double => f64::from_bits(new[0]).partial_cmp(&f64::from_bits(old[0])),
        Class::Wide => Some(wide(new[0], new[1]).cmp(&wide(old[0], old[1]))),
        _ => Some((new[0] as i64).cmp(&(old[0] as i64))),
    };
    match ordering {
        Some(ordering) if max => ordering.is_gt(),
        Some(ordering) => ordering.is_lt(),
        None => false,
    }
}

/// The order of values where all must be ordered (frames that slide): Java's `compareTo`, for which
/// NaN is the largest and -0.0 below 0.0.
#[inline]
pub(crate) fn total_order(class: Class, a: &[u64], b: &[u64]) -> std::cmp::Ordering {
    let quiet = |x: f64| if x.is_nan() { f64::NAN } else { x };
    match class {
        Class::Float => {
            let value = |w: &[u64]| quiet(f64::from(f32::from_bits(w[0] as u32)));
            value(a).total_cmp(&value(b))
        }
        Class::Double => quiet(f64::from_bits(a[0])).total_cmp(&quiet(f64::from_bits(b[0]))),
        Class::Wide => wide(a[0], a[1]).cmp(&wide(b[0], b[1])),
        _ => (a[0] as i64).cmp(&(b[0] as i64)),
    }
}

/// State of a [`UnitKind::SumWide`] in its first word: 0 is "no value yet".
const WIDE_VALUE: u64 = 1;
const WIDE_NULL: u64 = 2;

impl Unit {
    /// How many words and how many cells for bytes it needs.
    pub(crate) fn size(kind: UnitKind) -> (usize, usize) {
        match kind {
            UnitKind::Rows
            | UnitKind::Values(_)
            | UnitKind::SumInt(_)
            | UnitKind::SumFloat(_)
            | UnitKind::SumDouble(_) => (1, 0),
            UnitKind::SumNarrow(_) => (2, 0),
            UnitKind::SumWide { .. } | UnitKind::Moments(_) => (3, 0),
            UnitKind::Extreme { arg, .. } | UnitKind::Edge { arg, .. } => match arg.class {
                Class::Bytes => (0, 1),
                class => (1 + class.words(), 0),
            },
        }
    }

    /// Its argument if the accumulator is bytes.
    pub(crate) fn bytes(&self) -> Option<Arg> {
        match self.kind {
            UnitKind::Extreme { arg, .. } | UnitKind::Edge { arg, .. }
                if arg.class == Class::Bytes =>
            {
                Some(arg)
            }
            _ => None,
        }
    }

    /// Whether the row counts.
    #[inline(always)]
    pub(crate) fn takes(&self, row: &[u64]) -> bool {
        match self.filter {
            None => true,
            Some(filter) => !filter.is_null(row) && filter.word(row) != 0,
        }
    }

    /// Adds a row. Units of bytes ignore it, see [`add_bytes`](Self::add_bytes).
    #[inline(always)]
    pub(crate) fn add(&self, accs: &mut [u64], row: &[u64]) {
        if !self.takes(row) {
            return;
        }
        let at = self.at;
        match self.kind {
            // A changelog may have taken more back than it gave.
            UnitKind::Rows => accs[at] = accs[at].wrapping_add(1),
            UnitKind::Values(arg) => {
                accs[at] = accs[at].wrapping_add(u64::from(!arg.is_null(row)));
            }
            UnitKind::SumInt(arg) => {
                if !arg.is_null(row) {
                    accs[at] = accs[at].wrapping_add(arg.word(row));
                }
            }
            UnitKind::SumNarrow(arg) => {
                if !arg.is_null(row) {
                    let sum = wide(accs[at], accs[at + 1]) + i128::from(arg.word(row) as i64);
                    accs[at..at + 2].copy_from_slice(&halves(sum));
                }
            }
            UnitKind::SumWide { arg, sticky } => {
                if !arg.is_null(row) {
                    add_wide(&mut accs[at..at + 3], arg.integer(row), sticky);
                }
            }
            UnitKind::SumFloat(arg) => {
                if !arg.is_null(row) {
                    let value = f32::from_bits(arg.word(row) as u32);
                    let sum = f32::from_bits(accs[at] as u32) + value;
                    accs[at] = u64::from(sum.to_bits());
                }
            }
            UnitKind::SumDouble(arg) => {
                if !arg.is_null(row) {
                    accs[at] = (f64::from_bits(accs[at]) + arg.double(row)).to_bits();
                }
            }
            UnitKind::Moments(arg) => {
                if !arg.is_null(row) {
                    Moments::of(&accs[at..])
                        .add(arg.double(row))
                        .put(&mut accs[at..]);
                }
            }
            UnitKind::Extreme { arg, max } => {
                if arg.class != Class::Bytes && !arg.is_null(row) {
                    let new = &row[usize::from(arg.at)..][..arg.class.words()];
                    offer(&mut accs[at..], arg.class, new, |old| {
                        better(arg.class, new, old, max)
                    });
                }
            }
            UnitKind::Edge { arg, last } => {
                if arg.class != Class::Bytes && !arg.is_null(row) {
                    let new = &row[usize::from(arg.at)..][..arg.class.words()];
                    offer(&mut accs[at..], arg.class, new, |_| last);
                }
            }
        }
    }

    /// Takes a row back that was added. Only counts and sums can.
    #[inline(always)]
    pub(crate) fn sub(&self, accs: &mut [u64], row: &[u64]) {
        if !self.takes(row) {
            return;
        }
        let at = self.at;
        match self.kind {
            // A changelog that takes back what it never gave must not stop the job.
            UnitKind::Rows => accs[at] = accs[at].wrapping_sub(1),
            UnitKind::Values(arg) => {
                accs[at] = accs[at].wrapping_sub(u64::from(!arg.is_null(row)));
            }
            UnitKind::SumInt(arg) => {
                if !arg.is_null(row) {
                    accs[at] = accs[at].wrapping_sub(arg.word(row));
                }
            }
            UnitKind::SumNarrow(arg) => {
                if !arg.is_null(row) {
                    let sum = wide(accs[at], accs[at + 1]) - i128::from(arg.word(row) as i64);
                    accs[at..at + 2].copy_from_slice(&halves(sum));
                }
            }
            UnitKind::SumWide { arg, sticky } => {
                if !arg.is_null(row) {
                    add_wide(&mut accs[at..at + 3], -arg.integer(row), sticky);
                }
            }
            UnitKind::SumFloat(arg) => {
                if !arg.is_null(row) {
                    let value = f32::from_bits(arg.word(row) as u32);
                    let sum = f32::from_bits(accs[at] as u32) - value;
                    accs[at] = u64::from(sum.to_bits());
                }
            }
            UnitKind::SumDouble(arg) => {
                if !arg.is_null(row) {
                    accs[at] = (f64::from_bits(accs[at]) - arg.double(row)).to_bits();
                }
            }
            UnitKind::Moments(arg) => {
                if !arg.is_null(row) {
                    Moments::of(&accs[at..])
                        .sub(arg.double(row))
                        .put(&mut accs[at..]);
                }
            }
            UnitKind::Extreme { .. } | UnitKind::Edge { .. } => {
                debug_assert!(
                    false,
                    "extremes and edges of sliding frames are kept elsewhere"
                );
            }
        }
    }

    /// Merges the accumulator `other` into `accs`; edges take `other` for the later rows.
    pub(crate) fn merge(&self, accs: &mut [u64], other: &[u64]) {
        let at = self.at;
        match self.kind {
            UnitKind::Rows | UnitKind::Values(_) => accs[at] = accs[at].wrapping_add(other[at]),
            UnitKind::SumInt(_) => accs[at] = accs[at].wrapping_add(other[at]),
            UnitKind::SumNarrow(_) => {
                let sum = wide(accs[at], accs[at + 1]) + wide(other[at], other[at + 1]);
                accs[at..at + 2].copy_from_slice(&halves(sum));
            }
            UnitKind::SumWide { sticky, .. } => match other[at] {
                WIDE_VALUE => {
                    add_wide(
                        &mut accs[at..at + 3],
                        wide(other[at + 1], other[at + 2]),
                        sticky,
                    );
                }
                WIDE_NULL if sticky => accs[at] = WIDE_NULL,
                _ => {}
            },
            UnitKind::SumFloat(_) => {
                let sum = f32::from_bits(accs[at] as u32) + f32::from_bits(other[at] as u32);
                accs[at] = u64::from(sum.to_bits());
            }
            UnitKind::Moments(_) => {
                let merged = Moments::of(&accs[at..]).merge(Moments::of(&other[at..]));
                merged.put(&mut accs[at..]);
            }
            UnitKind::SumDouble(_) => {
                accs[at] = (f64::from_bits(accs[at]) + f64::from_bits(other[at])).to_bits();
            }
            UnitKind::Extreme { arg, max } => {
                if arg.class != Class::Bytes && other[at] != 0 {
                    let new = &other[at + 1..][..arg.class.words()];
                    offer(&mut accs[at..], arg.class, new, |old| {
                        better(arg.class, new, old, max)
                    });
                }
            }
            UnitKind::Edge { arg, last } => {
                if arg.class != Class::Bytes && other[at] != 0 {
                    let new = &other[at + 1..][..arg.class.words()];
                    offer(&mut accs[at..], arg.class, new, |_| last);
                }
            }
        }
    }

    /// Offers a value to a unit of bytes.
    pub(crate) fn add_bytes(&self, cell: &mut Cell, value: Option<&[u8]>) {
        let Some(value) = value else { return };
        let take = match (self.kind, cell.as_deref()) {
            (_, None) => true,
            (UnitKind::Extreme { max: true, .. }, Some(old)) => value > old,
            (UnitKind::Extreme { .. }, Some(old)) => value < old,
            (UnitKind::Edge { last, .. }, Some(_)) => last,
            _ => false,
        };
        if take {
            *cell = Some(value.into());
        }
    }
}

/// Puts `new` in the place of the value at the front of `accs` if there is none or `wins` says so.
#[inline]
fn offer(accs: &mut [u64], class: Class, new: &[u64], wins: impl FnOnce(&[u64]) -> bool) {
    let words = class.words();
    if accs[0] == 0 || wins(&accs[1..=words]) {
        accs[0] = 1;
        accs[1..=words].copy_from_slice(new);
    }
}

fn add_wide(accs: &mut [u64], value: i128, sticky: bool) {
    let sum = match accs[0] {
        WIDE_VALUE => wide(accs[1], accs[2]).checked_add(value),
        WIDE_NULL if sticky => None,
        _ => Some(value),
    };
    match sum.filter(|sum| sum.abs() < DECIMAL_LIMIT) {
        Some(sum) => {
            accs[0] = WIDE_VALUE;
            accs[1..3].copy_from_slice(&halves(sum));
        }
        None => accs[0] = WIDE_NULL,
    }
}

/// What [`UnitKind::Moments`] keeps.
#[derive(Debug, Clone, Copy)]
struct Moments {
    count: i64,
    mean: f64,
    /// The sum of the squared distances from the mean.
    squares: f64,
}

impl Moments {
    fn of(words: &[u64]) -> Self {
        Self {
            count: words[0] as i64,
            mean: f64::from_bits(words[1]),
            squares: f64::from_bits(words[2]),
        }
    }

    fn put(self, words: &mut [u64]) {
        words[0] = self.count as u64;
        words[1] = self.mean.to_bits();
        words[2] = self.squares.to_bits();
    }

    const NONE: Self = Self {
        count: 0,
        mean: 0.0,
        squares: 0.0,
    };

    fn add(self, value: f64) -> Self {
        let count = self.count + 1;
        // What was taken back before it came.
        if count <= 0 {
            return Self {
                count,
                ..Self::NONE
            };
        }
        let distance = value - self.mean;
        let mean = self.mean + distance / count as f64;
        Self {
            count,
            mean,
            squares: self.squares + distance * (value - mean),
        }
    }

    fn sub(self, value: f64) -> Self {
        let count = self.count - 1;
        if count <= 0 {
            return Self {
                count,
                ..Self::NONE
            };
        }
        let distance = value - self.mean;
        let mean = self.mean - distance / count as f64;
        Self {
            count,
            mean,
            // Rounding must not leave less than nothing, whose root there is none.
            squares: (self.squares - distance * (value - mean)).max(0.0),
        }
    }

    fn merge(self, other: Self) -> Self {
        let count = self.count + other.count;
        if self.count <= 0 || other.count <= 0 || count <= 0 {
            let rest = if other.count > 0 { other } else { self };
            return Self { count, ..rest };
        }
        let (n, m) = (self.count as f64, other.count as f64);
        let distance = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + distance * m / count as f64,
            squares: self.squares + other.squares + distance * distance * n * m / count as f64,
        }
    }
}

/// How a sum stands in its words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SumWords {
    /// One word: an integer.
    Int,
    /// Two words: a decimal.
    Narrow,
    /// Three words: a decimal behind the state of [`UnitKind::SumWide`].
    Wide,
    /// The lower half of a word: single precision.
    Float,
    /// One word: double precision.
    Double,
}

/// How a call's result comes from units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CallPlan {
    /// The count at a word.
    Count(usize),
    /// A sum of integers: places of count and sum.
    Int(usize, usize),
    /// A sum of narrow decimals.
    Narrow(usize, usize),
    /// A sum of wide decimals.
    Wide(usize, usize),
    /// A sum in single precision.
    Float(usize, usize),
    /// A sum in double precision.
    Double(usize, usize),
    /// The mean of integers.
    MeanInt(usize, usize),
    /// The mean of narrow decimals, times a power of ten.
    MeanNarrow(usize, usize, i64),
    /// The mean of wide decimals, times a power of ten.
    MeanWide(usize, usize, i64),
    /// The mean of floating point values.
    MeanDouble(usize, usize),
    /// Variance or its root.
    Variance {
        /// Place of the moments.
        moments: usize,
        /// Of a sample.
        sample: bool,
        /// The deviation.
        root: bool,
    },
    /// A sum that is 0 where there was no value.
    OrZero(SumWords, usize),
    /// A kept value of one or two words behind the word that says whether there is one.
    Value(usize, Class),
    /// A kept value of bytes in a cell.
    Cell(usize),
}

impl CallPlan {
    /// Appends the result.
    #[inline(always)]
    pub(crate) fn emit(&self, accs: &[u64], cells: &[Cell], column: &mut ResultColumn) {
        match *self {
            CallPlan::Count(at) => column.push_int(accs[at] as i64),
            CallPlan::Cell(at) => column.push_bytes(cells[at].as_deref()),
            CallPlan::OrZero(sum, at) => match sum {
                SumWords::Int => column.push_int(accs[at] as i64),
                SumWords::Narrow => column.push_wide(wide(accs[at], accs[at + 1])),
                SumWords::Wide if accs[at] == WIDE_NULL => column.push_null(),
                SumWords::Wide => column.push_wide(wide(accs[at + 1], accs[at + 2])),
                SumWords::Float => column.push_float(f32::from_bits(accs[at] as u32)),
                SumWords::Double => column.push_double(f64::from_bits(accs[at])),
            },
            CallPlan::Value(at, class) => {
                if accs[at] == 0 {
                    column.push_null();
                } else {
                    column.push_words(class, &accs[at + 1..]);
                }
            }
            CallPlan::Int(count, _)
            | CallPlan::Narrow(count, _)
            | CallPlan::Wide(count, _)
            | CallPlan::Float(count, _)
            | CallPlan::Double(count, _)
            | CallPlan::MeanInt(count, _)
            | CallPlan::MeanNarrow(count, _, _)
            | CallPlan::MeanWide(count, _, _)
            | CallPlan::MeanDouble(count, _)
            | CallPlan::Variance { moments: count, .. } => {
                let count = accs[count] as i64;
                if count == 0 {
                    column.push_null();
                } else {
                    self.emit_some(count, accs, column);
                }
            }
        }
    }

    /// Appends the result of `count` values, above 0.
    #[inline(always)]
    fn emit_some(&self, count: i64, accs: &[u64], column: &mut ResultColumn) {
        match *self {
            CallPlan::Int(_, at) => column.push_int(accs[at] as i64),
            CallPlan::Narrow(_, at) => column.push_wide(wide(accs[at], accs[at + 1])),
            CallPlan::Wide(_, at) => match accs[at] {
                WIDE_VALUE => column.push_wide(wide(accs[at + 1], accs[at + 2])),
                _ => column.push_null(),
            },
            CallPlan::Float(_, at) => column.push_float(f32::from_bits(accs[at] as u32)),
            CallPlan::Double(_, at) => column.push_double(f64::from_bits(accs[at])),
            CallPlan::MeanInt(_, at) => column.push_int((accs[at] as i64).wrapping_div(count)),
            CallPlan::MeanNarrow(_, at, factor) => {
                match mean(wide(accs[at], accs[at + 1]), factor, count) {
                    Some(mean) => column.push_wide(mean),
                    None => column.push_null(),
                }
            }
            CallPlan::MeanWide(_, at, factor) => {
                let mean = (accs[at] == WIDE_VALUE)
                    .then(|| mean(wide(accs[at + 1], accs[at + 2]), factor, count))
                    .flatten();
                match mean {
                    Some(mean) => column.push_wide(mean),
                    None => column.push_null(),
                }
            }
            CallPlan::MeanDouble(_, at) => {
                column.push_double(f64::from_bits(accs[at]) / count as f64);
            }
            CallPlan::Variance {
                moments,
                sample,
                root,
            } => {
                if sample && count == 1 {
                    return column.push_null();
                }
                let n = count as f64;
                let divisor = if sample { n - 1.0 } else { n };
                let variance = Moments::of(&accs[moments..]).squares / divisor;
                column.push_double(if root { variance.powf(0.5) } else { variance });
            }
            CallPlan::Count(_) | CallPlan::OrZero(..) | CallPlan::Value(..) | CallPlan::Cell(_) => {
            }
        }
    }
}

/// `sum * factor / count` rounded half up (away from zero); `None` beyond 38 digits.
#[inline]
fn mean(sum: i128, factor: i64, count: i64) -> Option<i128> {
    // Nearly always all fits 64 bits, where division is many times faster.
    if let Ok(small) = i64::try_from(sum)
        && let Some(scaled) = small.checked_mul(factor)
    {
        let (n, d) = (scaled.unsigned_abs(), count.unsigned_abs());
        let quotient = n / d;
        let rounded = i128::from(quotient + u64::from(n - quotient * d >= d - d / 2));
        return Some(if scaled < 0 { -rounded } else { rounded });
    }
    mean_slow(sum, factor, count)
}

#[cold]
fn mean_slow(sum: i128, factor: i64, count: i64) -> Option<i128> {
    let count = i256::from_i128(i128::from(count));
    let scaled = i256::from_i128(sum.checked_abs()?).checked_mul(i256::from_i128(factor.into()))?;
    let quotient = scaled.checked_div(count)?;
    let rest = scaled.checked_sub(quotient.checked_mul(count)?)?;
    let up = rest.checked_add(rest)? >= count;
    let rounded = quotient.to_i128()?.checked_add(i128::from(up))?;
    (rounded < DECIMAL_LIMIT).then_some(if sum < 0 { -rounded } else { rounded })
}

/// The units of one group of calls.
#[derive(Debug, Default)]
pub(crate) struct Units {
    pub(crate) units: Vec<Unit>,
    pub(crate) words: usize,
    pub(crate) cells: usize,
}

impl Units {
    /// Place of a unit, which is added if there is none like it.
    fn place(&mut self, kind: UnitKind, filter: Option<Arg>) -> usize {
        if let Some(unit) = self
            .units
            .iter()
            .find(|unit| unit.kind == kind && unit.filter == filter)
        {
            return unit.at;
        }
        let (words, cells) = Unit::size(kind);
        let at = if cells > 0 { self.cells } else { self.words };
        self.units.push(Unit { kind, filter, at });
        self.words += words;
        self.cells += cells;
        at
    }

    /// Place of the count of all rows.
    pub(crate) fn count_rows(&mut self) -> usize {
        self.place(UnitKind::Rows, None)
    }

    /// Place of the count of the rows for which `filter` is TRUE.
    pub(crate) fn count_where(&mut self, filter: Option<Arg>) -> usize {
        self.place(UnitKind::Rows, filter)
    }

    /// Room for `count` words that no unit changes; the place of the first.
    pub(crate) fn reserve(&mut self, count: usize) -> usize {
        self.words += count;
        self.words - count
    }

    /// Plans a call, adding the units it needs.
    ///
    /// `LAG` and `ROW_NUMBER` are the OVER aggregate's own.
    pub(crate) fn plan(
        &mut self,
        call: &AggregateCall,
        args: &mut ArgSet,
    ) -> Result<CallPlan, OperatorError> {
        if call.distinct {
            return Err(call.unsupported(
                "with DISTINCT",
                "deduplicate the rows before they are aggregated",
            ));
        }
        if call.kind.keeps_values() {
            return Err(call.unsupported("here", "use it in GROUP BY without a window"));
        }
        if ResultColumn::new(&call.output_type).is_none() {
            return Err(call.unsupported("", "cast the argument to a scalar type"));
        }
        let filter = args.filter(call)?;
        self.plan_where(call, filter, args)
    }

    /// Plans a call, whatever its DISTINCT and FILTER say, over the rows for which `filter` is
    /// TRUE.
    pub(crate) fn plan_where(
        &mut self,
        call: &AggregateCall,
        filter: Option<Arg>,
        args: &mut ArgSet,
    ) -> Result<CallPlan, OperatorError> {
        if call.args.len() > 1 {
            return Err(
                call.unsupported("of several columns", "use it in GROUP BY without a window")
            );
        }
        let Some(&column) = call.args.first() else {
            return match call.kind {
                AggregateKind::Count => Ok(CallPlan::Count(self.place(UnitKind::Rows, filter))),
                _ => Err(call.unsupported("without an argument", "give it one")),
            };
        };
        let Some(input) = &call.input_type else {
            return Err(call.unsupported("on an argument without a type", "give it one"));
        };
        let scalar = || call.unsupported("", "cast the argument to a scalar type");
        if call.kind == AggregateKind::Count && Class::of(input).is_none() {
            let arg = args.add_opaque(column).ok_or_else(scalar)?;
            return Ok(CallPlan::Count(self.place(UnitKind::Values(arg), filter)));
        }
        let arg = args.add(column, input).ok_or_else(scalar)?;
        if call.kind == AggregateKind::Count {
            return Ok(CallPlan::Count(self.place(UnitKind::Values(arg), filter)));
        }
        let no_number = || call.unsupported("", "the argument must be a number");
        Ok(match call.kind {
            AggregateKind::Sum => {
                let count = self.place(UnitKind::Values(arg), filter);
                match (arg.class, input) {
                    (Class::Int, DataType::Decimal128(..)) => {
                        CallPlan::Narrow(count, self.place(UnitKind::SumNarrow(arg), filter))
                    }
                    (Class::Int, t) if t.is_integer() => {
                        CallPlan::Int(count, self.place(UnitKind::SumInt(arg), filter))
                    }
                    (Class::Wide, _) => {
                        let kind = UnitKind::SumWide { arg, sticky: false };
                        CallPlan::Wide(count, self.place(kind, filter))
                    }
                    (Class::Float, _) => {
                        CallPlan::Float(count, self.place(UnitKind::SumFloat(arg), filter))
                    }
                    (Class::Double, _) => {
                        CallPlan::Double(count, self.place(UnitKind::SumDouble(arg), filter))
                    }
                    _ => return Err(no_number()),
                }
            }
            AggregateKind::Sum0 => match (arg.class, input) {
                (Class::Int, DataType::Decimal128(..)) => CallPlan::OrZero(
                    SumWords::Narrow,
                    self.place(UnitKind::SumNarrow(arg), filter),
                ),
                (Class::Int, t) if t.is_integer() => {
                    CallPlan::OrZero(SumWords::Int, self.place(UnitKind::SumInt(arg), filter))
                }
                (Class::Wide, _) => {
                    let kind = UnitKind::SumWide { arg, sticky: true };
                    CallPlan::OrZero(SumWords::Wide, self.place(kind, filter))
                }
                (Class::Float, _) => {
                    CallPlan::OrZero(SumWords::Float, self.place(UnitKind::SumFloat(arg), filter))
                }
                (Class::Double, _) => CallPlan::OrZero(
                    SumWords::Double,
                    self.place(UnitKind::SumDouble(arg), filter),
                ),
                _ => return Err(no_number()),
            },
            AggregateKind::Avg => {
                let count = self.place(UnitKind::Values(arg), filter);
                match (arg.class, input, &call.output_type) {
                    (
                        class @ (Class::Int | Class::Wide),
                        DataType::Decimal128(_, from),
                        DataType::Decimal128(_, to),
                    ) => {
                        let factor = u32::try_from(to - from)
                            .ok()
                            .and_then(|digits| 10i64.checked_pow(digits))
                            .ok_or_else(|| call.unsupported("", "cast the argument"))?;
                        if class == Class::Int {
                            let sum = self.place(UnitKind::SumNarrow(arg), filter);
                            CallPlan::MeanNarrow(count, sum, factor)
                        } else {
                            let kind = UnitKind::SumWide { arg, sticky: true };
                            CallPlan::MeanWide(count, self.place(kind, filter), factor)
                        }
                    }
                    (Class::Int, t, _) if t.is_integer() => {
                        CallPlan::MeanInt(count, self.place(UnitKind::SumInt(arg), filter))
                    }
                    (Class::Float | Class::Double, _, _) => {
                        CallPlan::MeanDouble(count, self.place(UnitKind::SumDouble(arg), filter))
                    }
                    _ => return Err(no_number()),
                }
            }
            AggregateKind::StddevPop
            | AggregateKind::StddevSamp
            | AggregateKind::VarPop
            | AggregateKind::VarSamp => {
                if arg.class != Class::Double {
                    return Err(call.unsupported("", "cast the argument to DOUBLE"));
                }
                let sample = matches!(
                    call.kind,
                    AggregateKind::StddevSamp | AggregateKind::VarSamp
                );
                let root = matches!(
                    call.kind,
                    AggregateKind::StddevPop | AggregateKind::StddevSamp
                );
                CallPlan::Variance {
                    moments: self.place(UnitKind::Moments(arg), filter),
                    sample,
                    root,
                }
            }
            AggregateKind::Min
            | AggregateKind::Max
            | AggregateKind::FirstValue
            | AggregateKind::LastValue => {
                let kind = match call.kind {
                    AggregateKind::Min => UnitKind::Extreme { arg, max: false },
                    AggregateKind::Max => UnitKind::Extreme { arg, max: true },
                    AggregateKind::FirstValue => UnitKind::Edge { arg, last: false },
                    _ => UnitKind::Edge { arg, last: true },
                };
                let at = self.place(kind, filter);
                match arg.class {
                    Class::Bytes => CallPlan::Cell(at),
                    class => CallPlan::Value(at, class),
                }
            }
            AggregateKind::Count | AggregateKind::Lag | AggregateKind::RowNumber => {
                return Err(call.unsupported("here", "use it with OVER"));
            }
            AggregateKind::ListAgg
            | AggregateKind::ArrayAgg
            | AggregateKind::Collect
            | AggregateKind::ApproxCountDistinct
            | AggregateKind::JsonArrayAgg
            | AggregateKind::JsonObjectAgg
            | AggregateKind::Percentile => {
                return Err(call.unsupported("here", "use it in GROUP BY without a window"));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int8Array, Int32Array,
        RecordBatch, StringArray,
    };
    use arrow::util::display::array_value_to_string;

    use super::*;

    /// The results of `calls` over all rows, each (kind, column, filter column), as text.
    fn aggregate(
        columns: Vec<ArrayRef>,
        calls: &[(AggregateKind, Option<usize>, Option<usize>)],
    ) -> Vec<String> {
        let rows = RecordBatch::try_from_iter_with_nullable(
            columns
                .into_iter()
                .enumerate()
                .map(|(i, c)| (format!("c{i}"), c, true)),
        )
        .unwrap();
        let (mut args, mut units) = (ArgSet::default(), Units::default());
        let calls: Vec<_> = calls
            .iter()
            .map(|(kind, column, filter)| {
                let args = column.iter().copied().collect();
                let mut call = AggregateCall::new(*kind, args, &rows.schema()).unwrap();
                call.filter = *filter;
                call
            })
            .collect();
        let plans: Vec<_> = calls
            .iter()
            .map(|call| units.plan(call, &mut args).unwrap())
            .collect();
        let mut words = Vec::new();
        args.fill(&rows, &mut words);
        // Half of the rows each in an accumulator of their own, merged at the end.
        let (mut accs, mut other) = (vec![0; units.words], vec![0; units.words]);
        let mut cells = vec![None; units.cells];
        for (i, row) in words.chunks_exact(args.width()).enumerate() {
            let accs = if i * 2 < rows.num_rows() {
                &mut accs
            } else {
                &mut other
            };
            for unit in &units.units {
                unit.add(accs, row);
                if let Some(arg) = unit.bytes() {
                    let column = rows.column(args.bytes()[usize::from(arg.at)]);
                    unit.add_bytes(&mut cells[unit.at], super::super::args::bytes_at(column, i));
                }
            }
        }
        units.units.iter().for_each(|u| u.merge(&mut accs, &other));
        calls
            .iter()
            .zip(plans)
            .map(|(call, plan)| {
                let mut column = ResultColumn::new(&call.output_type).unwrap();
                plan.emit(&accs, &cells, &mut column);
                let array = column.finish().unwrap();
                assert_eq!(array.data_type(), &call.output_type);
                if array.is_null(0) {
                    "NULL".to_owned()
                } else {
                    array_value_to_string(&array, 0).unwrap()
                }
            })
            .collect()
    }

    use AggregateKind::*;

    #[test]
    fn integers_wrap_and_their_mean_is_cut() {
        let column = Arc::new(Int32Array::from(vec![Some(i32::MAX), Some(1), None])) as ArrayRef;
        assert_eq!(
            aggregate(
                vec![column],
                &[
                    (Sum, Some(0), None),
                    (Avg, Some(0), None),
                    (Count, Some(0), None),
                    (Count, None, None),
                    (Min, Some(0), None),
                    (Max, Some(0), None),
                ]
            ),
            ["-2147483648", "1073741824", "2", "3", "1", "2147483647"]
        );
        let column = Arc::new(Int32Array::from(vec![-5, -5, 0])) as ArrayRef;
        assert_eq!(aggregate(vec![column], &[(Avg, Some(0), None)]), ["-3"]);
        let column = Arc::new(Int8Array::from(vec![100, 100])) as ArrayRef;
        assert_eq!(
            aggregate(vec![column], &[(Sum, Some(0), None), (Avg, Some(0), None)]),
            ["-56", "100"]
        );
    }

    fn decimals(precision: u8, scale: i8, values: Vec<Option<i128>>) -> ArrayRef {
        Arc::new(
            Decimal128Array::from(values)
                .with_precision_and_scale(precision, scale)
                .unwrap(),
        )
    }

    #[test]
    fn the_mean_of_decimals_is_rounded_half_up() {
        // 1.10 + 2.20 + 5.57 = 8.87; 8.87 / 3 = 2.95666…
        let column = decimals(10, 2, vec![Some(110), Some(220), Some(557), None]);
        assert_eq!(
            aggregate(vec![column], &[(Sum, Some(0), None), (Avg, Some(0), None)]),
            ["8.87", "2.956667"]
        );
        let column = decimals(30, 7, vec![Some(-1), Some(0)]);
        assert_eq!(
            aggregate(vec![column], &[(Avg, Some(0), None)]),
            ["-0.0000001"]
        );
        assert_eq!(mean(-5, 1, 2), Some(-3));
        assert_eq!(mean(5, 1, 2), Some(3));
        assert_eq!(mean(1, 1, 3), Some(0));
        assert_eq!(mean(2, 1, 3), Some(1));
        assert_eq!(mean(10i128.pow(37), 1_000_000, 3), None);
        assert_eq!(mean(10i128.pow(37), 10, 3), Some((DECIMAL_LIMIT - 1) / 3));
    }

    #[test]
    fn a_decimal_sum_beyond_38_digits_is_null() {
        let most = DECIMAL_LIMIT - 1;
        let column = decimals(38, 0, vec![Some(most), Some(1)]);
        assert_eq!(
            aggregate(vec![column], &[(Sum, Some(0), None), (Avg, Some(0), None)]),
            ["NULL", "NULL"]
        );
        let column = decimals(38, 2, vec![Some(100), Some(-50), None]);
        assert_eq!(
            aggregate(
                vec![column],
                &[
                    (Sum, Some(0), None),
                    (Min, Some(0), None),
                    (LastValue, Some(0), None)
                ]
            ),
            ["0.50", "-0.50", "-0.50"]
        );
    }

    #[test]
    fn no_value_gives_null() {
        let column = Arc::new(Int32Array::from(vec![None, None])) as ArrayRef;
        assert_eq!(
            aggregate(
                vec![column],
                &[
                    (Sum, Some(0), None),
                    (Avg, Some(0), None),
                    (Min, Some(0), None),
                    (FirstValue, Some(0), None),
                    (Count, Some(0), None),
                ]
            ),
            ["NULL", "NULL", "NULL", "NULL", "0"]
        );
    }

    #[test]
    fn floats_add_in_their_own_width() {
        let column = Arc::new(Float32Array::from(vec![16_777_216.0, 1.0])) as ArrayRef;
        assert_eq!(
            aggregate(vec![column], &[(Sum, Some(0), None), (Avg, Some(0), None)]),
            ["16777216.0", "8388608.0"]
        );
        let column = Arc::new(Float64Array::from(vec![2.0, 4.0, 4.0, 6.0])) as ArrayRef;
        assert_eq!(
            aggregate(
                vec![column],
                &[
                    (VarPop, Some(0), None),
                    (StddevPop, Some(0), None),
                    (VarSamp, Some(0), None),
                    (Max, Some(0), None),
                ]
            ),
            ["2.0", "1.4142135623730951", "2.6666666666666665", "6.0"]
        );
        let column = Arc::new(Float64Array::from(vec![7.0])) as ArrayRef;
        assert_eq!(
            aggregate(
                vec![column],
                &[(StddevPop, Some(0), None), (VarSamp, Some(0), None)]
            ),
            ["0.0", "NULL"]
        );
    }

    #[test]
    fn a_filter_lets_only_true_count() {
        let column = Arc::new(Int32Array::from(vec![1, 2, 4, 8])) as ArrayRef;
        let keep = Arc::new(BooleanArray::from(vec![
            Some(true),
            Some(false),
            None,
            Some(true),
        ])) as _;
        assert_eq!(
            aggregate(
                vec![column, keep],
                &[
                    (Sum, Some(0), Some(1)),
                    (Count, None, Some(1)),
                    (Sum, Some(0), None),
                    (LastValue, Some(0), Some(1)),
                ]
            ),
            ["9", "2", "15", "8"]
        );
    }

    #[test]
    fn strings_have_extremes_and_edges() {
        let column = Arc::new(StringArray::from(vec![
            None,
            Some("m"),
            Some("a"),
            Some("é"),
        ])) as _;
        assert_eq!(
            aggregate(
                vec![column],
                &[
                    (Min, Some(0), None),
                    (Max, Some(0), None),
                    (FirstValue, Some(0), None),
                    (LastValue, Some(0), None),
                ]
            ),
            ["a", "é", "m", "é"]
        );
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        let column = Arc::new(Int32Array::from(vec![1])) as ArrayRef;
        let rows = RecordBatch::try_from_iter([("v", column)]).unwrap();
        let mut call = AggregateCall::new(Count, vec![0], &rows.schema()).unwrap();
        call.distinct = true;
        let error = Units::default()
            .plan(&call, &mut ArgSet::default())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "COUNT(Int32) with DISTINCT is not supported; deduplicate the rows before they are \
             aggregated"
        );
    }
}
