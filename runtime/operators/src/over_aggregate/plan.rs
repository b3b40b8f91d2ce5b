//! How an OVER aggregate computes: its spec compiled to cursors, units and columns.

use arrow::datatypes::{DataType, Schema};
use datafusion_common::ScalarValue;
use millstream_functions::aggregate::AggregateKind;
use millstream_functions::window::Frame;

use super::state::{Extra, Layout, Ring};
use super::{OverGroup, OverSpec};
use crate::aggregates::AggregateCall;
use crate::aggregates::args::{Arg, ArgSet, Cell, Class};
use crate::aggregates::results::ResultColumn;
use crate::aggregates::units::{CallPlan, Unit, UnitKind, Units, total_order};
use crate::operator::OperatorError;

/// The rows of a group's frame are those from number `HEAD` up to before `TAIL`.
const HEAD: usize = 0;
const TAIL: usize = 1;
/// Until when the group remembers the key (bounded RANGE only; 0: it does not know the key).
pub(super) const CLEANUP: usize = 2;
/// The watermark that makes the group forget the key: `CLEANUP`, or the next one if that had passed
/// already.
pub(super) const FORGETS: usize = 4;
/// The group forgot the key when event time came here; later rows begin anew (0: no).
pub(super) const RESET: usize = 3;
/// Rows in the frame (bounded ROWS only).
const INSIDE: usize = 2;
/// Cursor words before a group's accumulators.
const CURSORS: usize = 5;

/// The most groups one operator takes.
const MAX_GROUPS: usize = 64;

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) groups: Vec<Group>,
    pub(super) args: ArgSet,
    pub(super) layout: Layout,
    /// The first group with a bounded frame, or the number of groups.
    pub(super) first_bounded: usize,
    /// The first group with an unbounded frame, or the number of groups.
    pub(super) first_unbounded: usize,
    /// Whether some row may be taken by some groups and dropped by a later one.
    mixed: bool,
    /// Where the heads of sliding frames are in the header.
    pub(super) heads: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) frame: Frame,
    /// Where its words are in the header.
    pub(super) at: usize,
    words: usize,
    units: Vec<Unit>,
    /// The units that are bytes: unit and number of the argument among those of bytes.
    byte_units: Vec<(Unit, usize)>,
    /// First of its cells.
    cells: usize,
    sliding: Vec<Sliding>,
    calls: Vec<Call>,
    /// The rows that LAG looks back on: one more than its offset, since a peer looks again.
    lag: u64,
}

/// Values of a sliding frame that cannot be taken back from an accumulator.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sliding {
    /// The smallest or largest: by the candidates at this place.
    Extreme { arg: Arg, max: bool, at: usize },
    /// The first that is not NULL: the word is the number of a row before which none is.
    First { arg: Arg, at: usize },
    /// The last that is not NULL: the word is its number + 1.
    Last { arg: Arg, at: usize },
}

#[derive(Debug)]
enum Call {
    Unit(CallPlan),
    Sliding(usize),
    Lag {
        arg: Arg,
        offset: u64,
        default: Option<Default>,
    },
}

/// The default of a LAG.
#[derive(Debug)]
enum Default {
    Words([u64; 2]),
    Bytes(Box<[u8]>),
}

impl Plan {
    pub(super) fn new(spec: &OverSpec, schema: &Schema) -> Result<Self, OperatorError> {
        if spec.groups.is_empty() || spec.groups.len() > MAX_GROUPS {
            return Err(OperatorError::Row(format!(
                "an OVER aggregate of {} frames is not supported; use 1 to {MAX_GROUPS}",
                spec.groups.len()
            )));
        }
        let mut args = ArgSet::default();
        let mut layout = Layout {
            header: 0,
            row: 0,
            candidates: 0,
            cells: 0,
            bytes: 0,
        };
        let groups = spec
            .groups
            .iter()
            .map(|group| Group::new(group, schema, &mut args, &mut layout))
            .collect::<Result<Vec<_>, _>>()?;
        // The time comes on top of an argument's flags and values.
        layout.row = 1 + args.width();
        layout.bytes = args.bytes().len();
        let first = |bounded: bool| {
            groups
                .iter()
                .position(|g| g.is_bounded() == bounded)
                .unwrap_or(groups.len())
        };
        let (first_bounded, first_unbounded) = (first(true), first(false));
        Ok(Self {
            mixed: first_bounded < groups.len() && first_unbounded < groups.len(),
            heads: groups
                .iter()
                .filter(|group| group.is_bounded())
                .map(|group| group.at + HEAD)
                .collect(),
            groups,
            args,
            layout,
            first_bounded,
            first_unbounded,
        })
    }

    /// Computes all groups for a row at `time` that was pushed, and appends the results to
    /// `columns`. With `taken` below the number of groups, only the first so many are computed and
    /// nothing is appended.
    ///
    /// Returns the number of the oldest row that is still needed.
    #[inline]
    pub(super) fn compute(
        &self,
        time: i64,
        taken: usize,
        header: &mut [u64],
        rows: &Rows<'_>,
        extra: &mut Extra,
        columns: &mut [ResultColumn],
    ) -> u64 {
        let mut needed = rows.next;
        let mut column = 0;
        let emits = taken == self.groups.len();
        for (number, group) in self.groups.iter().enumerate() {
            let words = &mut header[group.at..group.at + group.words];
            if number < taken {
                group.slide(number, time, words, rows, extra);
                if emits {
                    let columns = &mut columns[column..column + group.calls.len()];
                    group.emit(number, words, rows, extra, self.mixed, columns);
                    column += group.calls.len();
                }
            }
            needed = needed.min(group.needed(number, words, rows, self.mixed));
        }
        needed
    }
}

/// The rows of a key: those in the ring, up to before number `next`.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    pub(super) ring: Ring<'a>,
    pub(super) next: u64,
}

impl Group {
    fn new(
        group: &OverGroup,
        schema: &Schema,
        args: &mut ArgSet,
        layout: &mut Layout,
    ) -> Result<Self, OperatorError> {
        if let Frame::Range(Some(preceding)) = group.frame
            && preceding < 0
        {
            return Err(OperatorError::Row(format!(
                "a frame of {preceding} ms preceding is not supported; it must not be negative"
            )));
        }
        let bounded = matches!(group.frame, Frame::Range(Some(_)) | Frame::Rows(Some(_)));
        let mut units = Units {
            words: CURSORS,
            ..Units::default()
        };
        let mut sliding: Vec<Sliding> = Vec::new();
        let mut calls = Vec::with_capacity(group.calls.len());
        let mut lag = 0;
        for call in &group.calls {
            if call.filter.is_some() {
                return Err(call.unsupported("with FILTER and OVER", "use CASE WHEN"));
            }
            if call.distinct {
                return Err(
                    call.unsupported("with DISTINCT and OVER", "deduplicate the rows before")
                );
            }
            calls.push(match call.kind {
                AggregateKind::Lag => {
                    let (planned, offset) = Self::lag(call, bounded, args)?;
                    lag = lag.max(offset + 1);
                    planned
                }
                AggregateKind::RowNumber => {
                    if group.frame != Frame::Rows(None) {
                        return Err(call.unsupported(
                            &format!("over {}", group.frame),
                            "its frame is ROWS UNBOUNDED PRECEDING",
                        ));
                    }
                    let count = AggregateCall::new(AggregateKind::Count, Vec::new(), schema)?;
                    Call::Unit(units.plan(&count, args)?)
                }
                AggregateKind::Min
                | AggregateKind::Max
                | AggregateKind::FirstValue
                | AggregateKind::LastValue
                    if bounded =>
                {
                    let (Some(&column), Some(input)) = (call.args.first(), &call.input_type) else {
                        return Err(call.unsupported("without an argument", "give it one"));
                    };
                    let arg = args.add(column, input).ok_or_else(|| {
                        call.unsupported("", "cast the argument to a scalar type")
                    })?;
                    let mut word = || {
                        units.words += 1;
                        units.words - 1
                    };
                    let planned = match call.kind {
                        AggregateKind::FirstValue => Sliding::First { arg, at: word() },
                        AggregateKind::LastValue => Sliding::Last { arg, at: word() },
                        kind => {
                            layout.candidates += 1;
                            Sliding::Extreme {
                                arg,
                                max: kind == AggregateKind::Max,
                                at: layout.candidates - 1,
                            }
                        }
                    };
                    sliding.push(planned);
                    Call::Sliding(sliding.len() - 1)
                }
                _ => Call::Unit(units.plan(call, args)?),
            });
        }
        // Over a window Flink computes AVG as SUM / COUNT, so its sum overflows as SUM does.
        for unit in &mut units.units {
            if let UnitKind::SumWide { sticky, .. } = &mut unit.kind {
                *sticky = false;
            }
        }
        let planned = Self {
            frame: group.frame,
            at: layout.header,
            words: units.words,
            byte_units: units
                .units
                .iter()
                .filter_map(|unit| Some((*unit, usize::from(unit.bytes()?.at))))
                .collect(),
            units: units.units,
            cells: layout.cells,
            sliding,
            calls,
            lag,
        };
        layout.header += units.words;
        layout.cells += units.cells;
        Ok(planned)
    }

    fn lag(
        call: &AggregateCall,
        bounded: bool,
        args: &mut ArgSet,
    ) -> Result<(Call, u64), OperatorError> {
        if bounded {
            return Err(call.unsupported(
                "over a bounded frame",
                "LAG takes no frame: write OVER (PARTITION BY … ORDER BY …)",
            ));
        }
        let (Some(&column), Some(input)) = (call.args.first(), &call.input_type) else {
            return Err(call.unsupported("without an argument", "give it one"));
        };
        let arg = args
            .add(column, input)
            .ok_or_else(|| call.unsupported("", "cast the argument to a scalar type"))?;
        let offset = call.lag_offset()?;
        let default = match call.literals.get(1) {
            None => None,
            Some(value) if value.is_null() => None,
            Some(value) => Some(Self::default_of(value, input)?),
        };
        let call = Call::Lag {
            arg,
            offset,
            default,
        };
        Ok((call, offset))
    }

    /// A constant in the words of an argument of type `input`.
    fn default_of(value: &ScalarValue, input: &DataType) -> Result<Default, OperatorError> {
        let array = value.cast_to(input)?.to_array()?;
        let rows = arrow::array::RecordBatch::try_from_iter([("default", array)])?;
        let mut constant = ArgSet::default();
        constant.add(0, input);
        let mut words = Vec::new();
        constant.fill(&rows, &mut words);
        Ok(match Class::of(input) {
            Some(Class::Bytes) => Default::Bytes(
                crate::aggregates::args::bytes_at(rows.column(0), 0)
                    .unwrap_or_default()
                    .into(),
            ),
            Some(Class::Wide) => Default::Words([words[1], words[2]]),
            _ => Default::Words([words[1], 0]),
        })
    }

    pub(super) fn is_bounded(&self) -> bool {
        matches!(self.frame, Frame::Range(Some(_)) | Frame::Rows(Some(_)))
    }

    /// Moves the frame to a row at `time`.
    #[inline(always)]
    fn slide(
        &self,
        number: usize,
        time: i64,
        words: &mut [u64],
        rows: &Rows<'_>,
        extra: &mut Extra,
    ) {
        let (ring, next) = (&rows.ring, rows.next);
        match self.frame {
            Frame::Range(Some(preceding)) => {
                let reset = words[RESET] as i64;
                if reset != 0 && time > reset {
                    self.reset(words, extra);
                }
                let low = time.saturating_sub(preceding);
                let (mut head, mut tail) = (words[HEAD], words[TAIL]);
                while head < tail && ring.time(head) < low {
                    if ring.taken(head) > number {
                        self.sub(head, words, ring, extra);
                    }
                    head += 1;
                }
                while tail < next && ring.time(tail) <= time {
                    if ring.taken(tail) > number {
                        self.add(tail, words, ring, extra);
                    }
                    tail += 1;
                }
                (words[HEAD], words[TAIL]) = (head, tail);
            }
            Frame::Rows(Some(preceding)) => {
                let mut head = words[HEAD];
                if words[INSIDE] > preceding {
                    while ring.taken(head) <= number {
                        head += 1;
                    }
                    self.sub(head, words, ring, extra);
                    head += 1;
                } else {
                    words[INSIDE] += 1;
                }
                words[HEAD] = head;
                self.add_one(number, words, rows, extra);
            }
            Frame::Range(None) => {
                let mut tail = words[TAIL];
                while tail < next {
                    if ring.taken(tail) > number {
                        self.add(tail, words, ring, extra);
                    }
                    tail += 1;
                }
                words[TAIL] = tail;
            }
            Frame::Rows(None) => self.add_one(number, words, rows, extra),
        }
    }

    /// Adds the next row that the group takes.
    #[inline(always)]
    fn add_one(&self, number: usize, words: &mut [u64], rows: &Rows<'_>, extra: &mut Extra) {
        let mut tail = words[TAIL];
        while tail < rows.next && rows.ring.taken(tail) <= number {
            tail += 1;
        }
        if tail < rows.next {
            self.add(tail, words, &rows.ring, extra);
            tail += 1;
        }
        words[TAIL] = tail;
    }

    /// Begins anew: no row so far is in the frame.
    fn reset(&self, words: &mut [u64], extra: &mut Extra) {
        let (cleanup, forgets, tail) = (words[CLEANUP], words[FORGETS], words[TAIL]);
        words.fill(0);
        (words[HEAD], words[TAIL]) = (tail, tail);
        (words[CLEANUP], words[FORGETS]) = (cleanup, forgets);
        for sliding in &self.sliding {
            if let Sliding::Extreme { at, .. } = sliding {
                extra.candidates[*at].clear();
            }
        }
    }

    /// Forgets all rows at once, for a key whose rows so far are all computed.
    pub(super) fn forget(&self, header: &mut [u64], extra: &mut Extra) {
        self.reset(&mut header[self.at..self.at + self.words], extra);
    }

    #[inline(always)]
    fn add(&self, row: u64, words: &mut [u64], ring: &Ring<'_>, extra: &mut Extra) {
        let args = ring.args(row);
        for unit in &self.units {
            unit.add(words, args);
        }
        for (unit, bytes) in &self.byte_units {
            let value = extra.bytes[*bytes][(row - ring.first) as usize].clone();
            unit.add_bytes(&mut extra.cells[self.cells + unit.at], value.as_deref());
        }
        for sliding in &self.sliding {
            match *sliding {
                Sliding::Extreme { arg, max, at } => {
                    if !arg.is_null(args) {
                        offer(&mut extra.candidates[at], &extra.bytes, row, arg, max, ring);
                    }
                }
                Sliding::First { .. } => {}
                Sliding::Last { arg, at } => {
                    if !arg.is_null(args) {
                        words[at] = row + 1;
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn sub(&self, row: u64, words: &mut [u64], ring: &Ring<'_>, extra: &mut Extra) {
        let args = ring.args(row);
        for unit in &self.units {
            unit.sub(words, args);
        }
        for sliding in &self.sliding {
            if let Sliding::Extreme { at, .. } = *sliding
                && extra.candidates[at].front() == Some(&row)
            {
                extra.candidates[at].pop_front();
            }
        }
    }

    #[inline(always)]
    fn emit(
        &self,
        number: usize,
        words: &mut [u64],
        rows: &Rows<'_>,
        extra: &Extra,
        mixed: bool,
        columns: &mut [ResultColumn],
    ) {
        let ring = &rows.ring;
        for (call, column) in self.calls.iter().zip(columns) {
            let found = match call {
                Call::Unit(plan) => {
                    let cells = extra.cells.get(self.cells..).unwrap_or_default();
                    plan.emit(words, cells, column);
                    continue;
                }
                Call::Sliding(sliding) => {
                    let (head, tail) = (words[HEAD], words[TAIL]);
                    let (arg, row) = match self.sliding[*sliding] {
                        Sliding::Extreme { arg, at, .. } => {
                            (arg, extra.candidates[at].front().copied())
                        }
                        Sliding::First { arg, at } => {
                            let mut row = words[at].max(head);
                            while row < tail
                                && (ring.taken(row) <= number || arg.is_null(ring.args(row)))
                            {
                                row += 1;
                            }
                            words[at] = row;
                            (arg, (row < tail).then_some(row))
                        }
                        Sliding::Last { arg, at } => (arg, words[at].checked_sub(1)),
                    };
                    row.filter(|row| *row >= head).map(|row| (arg, row))
                }
                Call::Lag {
                    arg,
                    offset,
                    default,
                } => match self.back(number, words[TAIL], *offset + 1, rows, mixed) {
                    Some(row) => (!arg.is_null(ring.args(row))).then_some((*arg, row)),
                    None => {
                        match default {
                            None => column.push_null(),
                            Some(Default::Words(words)) => column.push_words(arg.class, words),
                            Some(Default::Bytes(bytes)) => column.push_bytes(Some(bytes)),
                        }
                        continue;
                    }
                },
            };
            match found {
                None => column.push_null(),
                Some((arg, row)) if arg.class == Class::Bytes => {
                    let values = &extra.bytes[usize::from(arg.at)];
                    column.push_bytes(values[(row - ring.first) as usize].as_deref());
                }
                Some((arg, row)) => {
                    column.push_words(arg.class, &ring.args(row)[usize::from(arg.at)..]);
                }
            }
        }
    }

    /// The `count`-th row of the group before number `tail`, from 1; `None` if there are not so
    /// many.
    #[inline(always)]
    fn back(
        &self,
        number: usize,
        tail: u64,
        count: u64,
        rows: &Rows<'_>,
        mixed: bool,
    ) -> Option<u64> {
        if !mixed {
            return tail.checked_sub(count);
        }
        let mut left = count;
        let mut row = tail;
        while left > 0 {
            if row == rows.ring.first {
                return None;
            }
            row -= 1;
            left -= u64::from(rows.ring.taken(row) > number);
        }
        Some(row)
    }

    /// The number of the oldest row that the group still needs.
    #[inline(always)]
    fn needed(&self, number: usize, words: &[u64], rows: &Rows<'_>, mixed: bool) -> u64 {
        if self.is_bounded() {
            return words[HEAD];
        }
        let tail = words[TAIL];
        match self.lag {
            0 => tail,
            rows_back => self
                .back(number, tail, rows_back, rows, mixed)
                .unwrap_or(rows.ring.first),
        }
    }
}

/// Appends a row to the candidates for an extreme, in the place of those it beats.
fn offer(
    candidates: &mut std::collections::VecDeque<u64>,
    bytes: &[std::collections::VecDeque<Cell>],
    row: u64,
    arg: Arg,
    max: bool,
    ring: &Ring<'_>,
) {
    let at = usize::from(arg.at);
    while let Some(&last) = candidates.back() {
        let order = match arg.class {
            Class::Bytes => {
                let value = |row: u64| &bytes[at][(row - ring.first) as usize];
                value(row).cmp(value(last))
            }
            class => total_order(class, &ring.args(row)[at..], &ring.args(last)[at..]),
        };
        let beats = if max { order.is_ge() } else { order.is_le() };
        if !beats {
            break;
        }
        candidates.pop_back();
    }
    candidates.push_back(row);
}
