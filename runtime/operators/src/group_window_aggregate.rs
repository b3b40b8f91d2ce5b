//! Group window aggregation: any function over any windows, of inserts or of a changelog.
//!
//! Computes, for every key and every window that holds a row of it, the calls over these rows, and
//! emits `keys ++ calls ++ window_start ++ window_end ++ window_time` once, as an insert, when the
//! window ends. Windows are TUMBLE, HOP, CUMULATE or SESSION of a rowtime column or of processing
//! time, or those that the rows already carry in two columns ([`Windows::Attached`]). NULL is a key of
//! its own. A window whose rows have all been taken back gives no row.
//!
//! [`window_aggregate`](crate::window_aggregate) is for the plain case: it shares accumulators between
//! windows. Here every window has its own, which is what allows DISTINCT and rows that are taken
//! back.
//!
//! **Order**: values that a function puts side by side (LISTAGG, ARRAY_AGG) come as their rows came. Where
//! Flink puts windows together of slices, only within a slice ([`SliceOrder`]). Then a window has an
//! accumulator for each of its slices.
//!
//! **Event time**: a window ends when the watermark reaches its last millisecond. A row counts in those
//! of its windows that have not ended; it is late if that is none. **Sessions** of a key merge when
//! they touch: a row belongs to the session that reaches from `gap` before to `gap` after it, both
//! included. It is late if its session, merged with those it touches, has ended. **Processing time**: a
//! row belongs to the windows of the moment it comes, and nothing is late; a window ends when the
//! clock shows its end. The end of the input ends no window of processing time.
//!
//! **State** per key: its open windows with their accumulators. A window goes when it ends, a key
//! with its last window.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampMillisecondArray};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, SchemaRef};
use millstream_functions::window::{SliceOrder, Window};
use millstream_state::codec::{Reader, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::aggregates::AggregateCall;
use crate::aggregates::results::ResultColumn;
use crate::batch::{Batch, Watermark};
use crate::group_aggregate::whole::{Functions, Whole};
use crate::keys::{KeyEncoder, KeyList};
use crate::operator::{
    Clock, Operator, OperatorContext, OperatorError, Output, load_watermark, save_watermark,
};
use crate::time::rowtime_millis;
use crate::timers::Timers;

/// The most rows of an emitted batch.
const BATCH_ROWS: usize = 8192;

/// Which windows a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Windows {
    /// Those of its rowtime.
    Rowtime {
        /// The windows.
        window: Window,
        /// The rowtime column.
        column: usize,
    },
    /// Those of the moment it comes.
    Processing {
        /// The windows.
        window: Window,
    },
    /// The one that it carries.
    Attached {
        /// The column of its start.
        start: usize,
        /// The column of its end.
        end: usize,
    },
}

/// What a [`GroupWindowAggregate`] computes.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupWindowSpec {
    /// `GROUP BY` beside the window; may be empty.
    pub keys: Vec<usize>,
    /// The windows.
    pub windows: Windows,
    /// The functions.
    pub calls: Vec<AggregateCall>,
    /// Whether the input carries `-U` or `-D`.
    pub retracting: bool,
    /// In which order values of different slices are put side by side; `None` if they come as their rows came.
    pub slices: Option<SliceOrder>,
}

/// The group window aggregate. See the [module](self).
#[derive(Debug)]
pub struct GroupWindowAggregate {
    windows: Windows,
    /// The order of a window's slices, if they are kept apart.
    slices: Option<SliceOrder>,
    names: Vec<String>,
    output: SchemaRef,
    keys: KeyEncoder,
    functions: Functions,
    table: KeyedTable<KeyWindows>,
    /// The keys that have a window that ends then.
    timers: Timers,
    clock: Clock,
    /// The last watermark that fired.
    watermark: i64,
    late: u64,
    emission: Emission,
}

#[derive(Debug)]
struct Emission {
    keys: KeyList,
    windows: Vec<(i64, i64)>,
    columns: Vec<ResultColumn>,
    ingest_micros: i64,
}

impl GroupWindowAggregate {
    /// The operator over rows of `input`, which gives rows of `output`: keys, calls, and the window's
    /// start, end and time.
    pub fn with_schema(
        context: &OperatorContext,
        input: &SchemaRef,
        spec: &GroupWindowSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        let mut names = Vec::new();
        let mut merging = false;
        match spec.windows {
            Windows::Rowtime { window, column } => {
                check(&window)?;
                merging = is_session(&window);
                names.push(input.field(column).name().clone());
            }
            Windows::Processing { window } => {
                check(&window)?;
                merging = is_session(&window);
            }
            Windows::Attached { start, end } => {
                names.extend([start, end].map(|column| input.field(column).name().clone()));
            }
        }
        merging |= spec.slices.is_some();
        let functions = Functions::new(input, &spec.calls, spec.retracting, merging)?;
        Ok(Self {
            windows: spec.windows,
            slices: spec.slices,
            names,
            output,
            keys: KeyEncoder::new(input, &spec.keys)?,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            timers: Timers::default(),
            clock: context.clock.clone(),
            watermark: i64::MIN,
            late: 0,
            emission: Emission {
                keys: KeyList::default(),
                windows: Vec::new(),
                columns: functions.columns()?,
                ingest_micros: 0,
            },
            functions,
        })
    }

    /// The windows of each row of a batch.
    fn assign(&self, rows: &RecordBatch) -> Result<Assigned, OperatorError> {
        Ok(match self.windows {
            Windows::Rowtime { window, column } => {
                Assigned::At(window, rowtime_millis(rows.column(column), &self.names[0])?)
            }
            Windows::Processing { window } => {
                let now = self.clock.now();
                Assigned::At(window, vec![now; rows.num_rows()].into())
            }
            Windows::Attached { start, end } => Assigned::Carried(
                rowtime_millis(rows.column(start), &self.names[0])?,
                rowtime_millis(rows.column(end), &self.names[1])?,
            ),
        })
    }

    /// Emits all windows that are due at `watermark`.
    fn fire(&mut self, watermark: i64) -> Result<(), OperatorError> {
        while let Some((end, due)) = self.timers.take_due(watermark) {
            let mut slots: Vec<Slot> = Vec::with_capacity(due.len());
            self.table.slots(due.hashes(), |i| due.key(i), &mut slots)?;
            for (i, &slot) in slots.iter().enumerate() {
                // A window may have merged into one that ends later, or be listed twice.
                if !self.table.is_live(slot) {
                    continue;
                }
                let open = &mut self.table.get_mut(slot).open;
                let (ended, rest): (Vec<_>, Vec<_>) =
                    std::mem::take(open).into_iter().partition(|w| w.end == end);
                *open = rest;
                let over = open.is_empty();
                let mut ended = ended.into_iter().peekable();
                while let Some(window) = ended.next() {
                    let mut whole = window.content.whole;
                    while let Some(next) = ended.next_if(|next| next.start == window.start) {
                        self.functions.merge(&mut whole, &next.content.whole);
                    }
                    if !self.functions.is_empty(&whole) {
                        self.emission.keys.push(due.hashes()[i], due.key(i));
                        self.emission.windows.push((window.start, window.end));
                        self.functions.emit(&whole, &mut self.emission.columns);
                    }
                }
                if over {
                    self.table.remove(slot);
                }
            }
        }
        Ok(())
    }

    /// Fires what is due before a row that comes at `before`.
    fn fire_before(&mut self, before: i64) -> Result<(), OperatorError> {
        match self.timers.is_due(before) {
            true => self.fire(before),
            false => Ok(()),
        }
    }

    fn flush(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        let emission = &mut self.emission;
        let count = emission.windows.len();
        if count == 0 {
            return Ok(());
        }
        let keys = &emission.keys;
        let mut columns: Vec<ArrayRef> = self.keys.decode((0..count).map(|i| keys.key(i)))?;
        for column in &mut emission.columns {
            columns.push(column.finish()?);
        }
        columns.extend(window_columns(
            &self.output,
            columns.len(),
            &emission.windows,
        ));
        let rows = RecordBatch::try_new(Arc::clone(&self.output), columns)?;
        emission.keys = KeyList::default();
        emission.windows.clear();
        let batch = Batch::append(rows, emission.ingest_micros);
        for offset in (0..count).step_by(BATCH_ROWS) {
            out.emit(batch.slice(offset, BATCH_ROWS.min(count - offset)));
        }
        Ok(())
    }
}

enum Assigned {
    At(Window, ScalarBuffer<i64>),
    Carried(ScalarBuffer<i64>, ScalarBuffer<i64>),
}

impl Assigned {
    fn windows_of(&self, row: usize, windows: &mut Vec<(i64, i64)>) {
        windows.clear();
        match self {
            Assigned::At(window, times) => windows_of(window, times[row], windows),
            Assigned::Carried(starts, ends) => windows.push((starts[row], ends[row])),
        }
    }

    fn merges(&self) -> bool {
        matches!(self, Assigned::At(Window::Session { .. }, _))
    }

    /// Where the slice of a row that comes at `before` stands among those of its windows.
    fn place_of(&self, row: usize, order: SliceOrder, before: i64) -> i64 {
        let Assigned::At(window, times) = self else {
            return 0;
        };
        let end = window.slice_end(times[row]);
        match order {
            SliceOrder::NewestFirst => -end,
            SliceOrder::OldestFirst => end,
            SliceOrder::Steps => {
                let (start, step) = (window.start_of(end), window.slice_size());
                let since = before.saturating_add(1).saturating_sub(start);
                end.max(start + since.max(0) / step * step)
            }
        }
    }
}

/// The columns `window_start`, `window_end` and `window_time` of these windows, of the types that
/// `schema` has from column `first` on.
pub(crate) fn window_columns(
    schema: &SchemaRef,
    first: usize,
    windows: &[(i64, i64)],
) -> [ArrayRef; 3] {
    let column = |i: usize, time: &dyn Fn(&(i64, i64)) -> i64| -> ArrayRef {
        let times = TimestampMillisecondArray::from_iter_values(windows.iter().map(time));
        match schema.field(first + i).data_type() {
            DataType::Timestamp(_, Some(zone)) => Arc::new(times.with_timezone(Arc::clone(zone))),
            _ => Arc::new(times),
        }
    };
    [
        column(0, &|window| window.0),
        column(1, &|window| window.1),
        column(2, &|window| window.1 - 1),
    ]
}

/// All windows that hold a row of time `time`, the first to end first. A session is that of the row
/// alone.
fn windows_of(window: &Window, time: i64, windows: &mut Vec<(i64, i64)>) {
    match *window {
        Window::Tumble { size, offset } => {
            let start = time - (time - offset).rem_euclid(size);
            windows.push((start, start + size));
        }
        Window::Hop {
            size,
            slide,
            offset,
        } => {
            let mut start = time - (time - offset).rem_euclid(slide);
            while start > time - size {
                windows.push((start, start + size));
                start -= slide;
            }
            windows.reverse();
        }
        Window::Cumulate {
            max_size,
            step,
            offset,
        } => {
            let start = time - (time - offset).rem_euclid(max_size);
            let mut end = start + step;
            while end <= start + max_size {
                if time < end {
                    windows.push((start, end));
                }
                end += step;
            }
        }
        Window::Session { gap } => windows.push((time, time + gap)),
    }
}

fn is_session(window: &Window) -> bool {
    matches!(window, Window::Session { .. })
}

/// Refuses windows that make no sense. A HOP here need not be a multiple of its slide.
fn check(window: &Window) -> Result<(), OperatorError> {
    match *window {
        Window::Session { gap } if gap <= 0 => Err(OperatorError::Row(format!(
            "{window}: the gap must be above 0"
        ))),
        Window::Session { .. } => Ok(()),
        Window::Hop { size, slide, .. } if size > 0 && slide > 0 => Ok(()),
        _ => crate::window_aggregate::check_window(window),
    }
}

/// An open window and what is kept of its rows.
#[derive(Debug)]
pub(crate) struct OpenWindow<T> {
    /// Its first millisecond.
    pub(crate) start: i64,
    /// The first millisecond behind it.
    pub(crate) end: i64,
    /// For which end its key is listed among the timers; not kept on disk.
    pub(crate) listed: Option<i64>,
    /// What is kept.
    pub(crate) content: T,
}

impl<T> OpenWindow<T> {
    pub(crate) fn new((start, end): (i64, i64), content: T) -> Self {
        Self {
            start,
            end,
            listed: None,
            content,
        }
    }
}

/// The place of the session that a row's own session `(start, end)` becomes part of: those it touches
/// are merged, the later ones into the earliest. `None` if the merged session has ended at `watermark`.
pub(crate) fn session<T>(
    open: &mut Vec<OpenWindow<T>>,
    (start, end): (i64, i64),
    watermark: i64,
    begin: impl FnOnce() -> T,
    mut merge: impl FnMut(&mut T, T),
) -> Option<usize> {
    let touches = |w: &OpenWindow<T>| w.start <= end && w.end >= start;
    let reach = open.iter().filter(|w| touches(w));
    let (from, to) = reach.fold((start, end), |(from, to), w| {
        (from.min(w.start), to.max(w.end))
    });
    if to.saturating_sub(1) <= watermark {
        return None;
    }
    // Sessions do not touch each other, so those that touch the row's stand side by side.
    open.sort_by_key(|w| w.start);
    let first = open.iter().position(touches);
    let Some(first) = first else {
        let at = open.partition_point(|w| w.start < start);
        let content = begin();
        open.insert(at, OpenWindow::new((start, end), content));
        return Some(at);
    };
    while open.get(first + 1).is_some_and(touches) {
        let later = open.remove(first + 1);
        merge(&mut open[first].content, later.content);
    }
    open[first].start = from;
    open[first].end = to;
    Some(first)
}

impl Operator for GroupWindowAggregate {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let processing = matches!(self.windows, Windows::Processing { .. });
        if processing {
            self.fire_before(self.clock.now().saturating_sub(1))?;
        }
        let assigned = self.assign(&batch.rows)?;
        let keys = self.keys.encode(&batch.rows)?;
        let mut arguments = self.functions.arguments(&batch.rows)?;
        let mut slots: Vec<Slot> = Vec::new();
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
        self.emission.ingest_micros = batch.ingest_micros;
        let mut before = match processing {
            true => i64::MIN,
            false => self.watermark.max(batch.watermark_before.0),
        };
        let mut windows = Vec::new();
        for (row, &slot) in slots.iter().enumerate() {
            if !processing {
                self.fire_before(before)?;
            }
            assigned.windows_of(row, &mut windows);
            let retract = !batch.kind(row).is_accumulate();
            let slice = match self.slices {
                Some(order) => assigned.place_of(row, order, before),
                None => 0,
            };
            let functions = &self.functions;
            let mut counted = false;
            for &(start, end) in &windows {
                if end.saturating_sub(1) <= before && !assigned.merges() {
                    continue;
                }
                let open = &mut self.table.get_mut(slot).open;
                let at = if assigned.merges() {
                    let merge = |into: &mut Slice, later: Slice| {
                        functions.merge(&mut into.whole, &later.whole);
                    };
                    let begin = || Slice::new(0, functions.begin());
                    session(open, (start, end), before, begin, merge)
                } else {
                    let place = open.binary_search_by_key(&(end, start, slice), |w| {
                        (w.end, w.start, w.content.place)
                    });
                    Some(place.unwrap_or_else(|at| {
                        let content = Slice::new(slice, functions.begin());
                        open.insert(at, OpenWindow::new((start, end), content));
                        at
                    }))
                };
                let Some(at) = at else { continue };
                counted = true;
                let window = &mut open[at];
                if !functions.fit(&window.content.whole) {
                    return Err(OperatorError::Restore(format!(
                        "the state of operator {} was written for other aggregates; start with \
                         --fresh, or give the node a new id",
                        self.table.uid()
                    )));
                }
                functions.apply(&mut window.content.whole, &mut arguments, row, retract);
                if window.listed != Some(window.end) {
                    window.listed = Some(window.end);
                    let (hash, key) = (keys.hashes()[row], keys.key(row));
                    self.timers.add(window.end, hash, key);
                }
            }
            if !counted {
                self.late += 1;
                if self.table.is_live(slot) && self.table.get(slot).open.is_empty() {
                    self.table.remove(slot);
                }
            }
            if let Some(watermarks) = &batch.watermarks
                && !processing
            {
                before = before.max(watermarks[row]);
            }
        }
        self.flush(out)
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        if watermark.0 <= self.watermark || matches!(self.windows, Windows::Processing { .. }) {
            return Ok(());
        }
        self.fire(watermark.0)?;
        self.watermark = watermark.0;
        self.flush(out)
    }

    fn tick(&mut self, now: i64, out: &mut Output) -> Result<(), OperatorError> {
        if matches!(self.windows, Windows::Processing { .. }) {
            self.fire_before(now.saturating_sub(1))?;
            self.flush(out)?;
        }
        Ok(())
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        Ok(save_watermark(self.watermark))
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.watermark = load_watermark(former)?;
        let (timers, keys) = (&mut self.timers, &self.keys);
        self.table.for_each(|key, state| {
            for window in &state.open {
                timers.add(window.end, keys.hash_of(key), key);
            }
        })?;
        Ok(())
    }

    fn late_rows(&self) -> u64 {
        self.late
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        Ok(self.table.evict()?)
    }
}

/// What is kept of a window, or of one of its slices.
#[derive(Debug)]
struct Slice {
    /// Windows put their slices together in this order; 0 for a window as a whole.
    place: i64,
    whole: Whole,
}

impl Slice {
    fn new(place: i64, whole: Whole) -> Self {
        Self { place, whole }
    }
}

/// The open windows of one key: sessions by their start, others by their end, with a window's slices side
/// by side.
#[derive(Debug, Default)]
struct KeyWindows {
    open: Vec<OpenWindow<Slice>>,
}

/// The layout of windows as a whole, and that with slices.
const WHOLE: u8 = 1;
const SLICED: u8 = 2;

impl StateValue for KeyWindows {
    fn encode(&self, out: &mut Vec<u8>) {
        let sliced = self.open.iter().any(|window| window.content.place != 0);
        out.push(if sliced { SLICED } else { WHOLE });
        put_varint(out, self.open.len() as u64);
        for window in &self.open {
            put_zigzag(out, window.start);
            put_zigzag(out, window.end);
            if sliced {
                put_zigzag(out, window.content.place);
            }
            window.content.whole.encode(out);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let sliced = bytes.first() == Some(&SLICED);
        let mut reader = Reader::versioned(bytes, SLICED)?;
        let mut open = Vec::new();
        for _ in 0..reader.varint()? {
            let window = (reader.zigzag()?, reader.zigzag()?);
            let place = if sliced { reader.zigzag()? } else { 0 };
            let content = Slice::new(place, Whole::decode(&mut reader)?);
            open.push(OpenWindow::new(window, content));
        }
        reader.finish()?;
        Ok(Self { open })
    }

    fn heap_size(&self) -> usize {
        let windows = self.open.iter();
        windows
            .map(|w| size_of::<OpenWindow<Slice>>() + w.content.whole.heap_size())
            .sum()
    }
}

#[cfg(test)]
mod tests;
