//! Window aggregation over TUMBLE, HOP and CUMULATE windows of event time.
//!
//! Computes, for every key and every window that holds a row of it, the calls over these rows, and
//! emits `keys ++ calls ++ window_start ++ window_end ++ window_time` once, as an insert, when the
//! watermark reaches the window's last millisecond. Without keys there is one group, and no row for
//! windows that nothing came for. NULL is a key of its own. The input is insert-only.
//!
//! Rows are aggregated by *slice* ([`Window::slice_end`]); a window merges its slices, so
//! overlapping windows share accumulators. CUMULATE keeps what its window has so far in its first
//! slice and emits at every step after the first row, also where no row came in between.
//!
//! **Late rows**, as in Flink: a row is dropped when the last window that holds it has fired. If
//! only some have, it counts in the others: a row of a fired HOP slice counts in the windows still
//! open, one of a fired CUMULATE step in the steps to come.
//!
//! **State** per key: accumulators of its open slices and the end of its next window. A slice goes
//! when its last window fires, a key with its last slice.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use millstream_functions::RowKind;
use millstream_functions::aggregate::AggregateKind;
use millstream_functions::window::Window;
use millstream_state::codec::{Reader, put_bytes, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::aggregates::AggregateCall;
use crate::aggregates::args::{ArgSet, Cell, bytes_at};
use crate::aggregates::results::ResultColumn;
use crate::aggregates::units::{CallPlan, Units};
use crate::batch::{Batch, Watermark};
use crate::group_window_aggregate::window_columns;
use crate::keys::{KeyEncoder, KeyList};
use crate::operator::{
    Operator, OperatorContext, OperatorError, Output, load_watermark, save_watermark,
};
use crate::time::rowtime_millis;
use crate::timers::Timers;

/// The most rows of an emitted batch.
const BATCH_ROWS: usize = 8192;

/// What a [`WindowAggregate`] computes.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowSpec {
    /// `GROUP BY` beside the window; may be empty.
    pub keys: Vec<usize>,
    /// The rowtime column.
    pub rowtime: usize,
    /// The windows.
    pub window: Window,
    /// The functions.
    pub calls: Vec<AggregateCall>,
}

impl WindowSpec {
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
        fields.extend(window_fields());
        Arc::new(Schema::new(fields))
    }

    /// Whether a [`WindowAggregate`] computes it: windows made of slices, and functions whose
    /// accumulators can be merged from slices.
    pub fn is_sliceable(&self) -> bool {
        let shared = !matches!(self.window, Window::Tumble { .. });
        let (mut args, mut units) = (ArgSet::default(), Units::default());
        check_window(&self.window).is_ok()
            && self.calls.iter().all(|call| {
                let edge = matches!(
                    call.kind,
                    AggregateKind::FirstValue | AggregateKind::LastValue
                );
                !(shared && edge) && units.plan(call, &mut args).is_ok()
            })
    }
}

/// `window_start`, `window_end` and `window_time`.
pub(crate) fn window_fields() -> impl Iterator<Item = Arc<Field>> {
    ["window_start", "window_end", "window_time"]
        .into_iter()
        .map(|name| {
            let data_type = DataType::Timestamp(TimeUnit::Millisecond, None);
            Arc::new(Field::new(name, data_type, false))
        })
}

/// Refuses windows that make no sense.
pub(crate) fn check_window(window: &Window) -> Result<(), OperatorError> {
    let wrong = |rule: &str| Err(OperatorError::Row(format!("{window}: {rule}")));
    match *window {
        Window::Tumble { size, .. } if size <= 0 => wrong("the size must be above 0"),
        Window::Hop { size, slide, .. } if size <= 0 || slide <= 0 => {
            wrong("size and slide must be above 0")
        }
        Window::Hop { size, slide, .. } if size % slide != 0 => {
            wrong("the size must be an integral multiple of the slide")
        }
        Window::Cumulate { max_size, step, .. } if max_size <= 0 || step <= 0 => {
            wrong("size and step must be above 0")
        }
        Window::Cumulate { max_size, step, .. } if max_size % step != 0 => {
            wrong("the size must be an integral multiple of the step")
        }
        Window::Session { .. } => wrong("sessions are not made of slices"),
        _ => Ok(()),
    }
}

/// The window aggregate. See the [module](self).
#[derive(Debug)]
pub struct WindowAggregate {
    window: Window,
    rowtime: usize,
    rowtime_name: String,
    output: SchemaRef,
    keys: KeyEncoder,
    args: ArgSet,
    units: Units,
    calls: Vec<CallPlan>,
    table: KeyedTable<KeyWindows>,
    /// The keys whose next window ends then.
    timers: Timers,
    /// The last watermark that fired.
    watermark: i64,
    late: u64,
    slots: Vec<Slot>,
    words: Vec<u64>,
    scratch: Scratch,
    emission: Emission,
}

/// The merged accumulator of a window.
#[derive(Debug, Default)]
struct Scratch {
    words: Vec<u64>,
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Emission {
    keys: KeyList,
    ends: Vec<i64>,
    columns: Vec<ResultColumn>,
    ingest_micros: i64,
}

impl WindowAggregate {
    /// The operator over rows of `input`; result columns are called `agg0`, `agg1`, ….
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &WindowSpec,
    ) -> Result<Self, OperatorError> {
        let names: Vec<String> = (0..spec.calls.len()).map(|i| format!("agg{i}")).collect();
        let output = spec.output_schema(&input, &names);
        Self::with_schema(context, input, spec, output)
    }

    /// The operator with an output schema of its own (names and metadata; the types must be those
    /// of [`WindowSpec::output_schema`]).
    pub fn with_schema(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &WindowSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        check_window(&spec.window)?;
        let (mut args, mut units) = (ArgSet::default(), Units::default());
        let shared = !matches!(spec.window, Window::Tumble { .. });
        let mut calls = Vec::new();
        let mut columns = Vec::new();
        for call in &spec.calls {
            let edge = matches!(
                call.kind,
                AggregateKind::FirstValue | AggregateKind::LastValue
            );
            if shared && edge {
                return Err(call.unsupported(
                    &format!("over {}", spec.window),
                    "slices cannot be merged in order of arrival; use TUMBLE, MIN or MAX",
                ));
            }
            calls.push(units.plan(call, &mut args)?);
            columns.extend(ResultColumn::new(&call.output_type));
        }
        Ok(Self {
            window: spec.window,
            rowtime: spec.rowtime,
            rowtime_name: input.field(spec.rowtime).name().clone(),
            output,
            keys: KeyEncoder::new(&input, &spec.keys)?,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            timers: Timers::default(),
            watermark: i64::MIN,
            late: 0,
            slots: Vec::new(),
            words: Vec::new(),
            scratch: Scratch {
                words: vec![0; units.words],
                cells: vec![None; units.cells],
            },
            emission: Emission {
                keys: KeyList::default(),
                ends: Vec::new(),
                columns,
                ingest_micros: 0,
            },
            args,
            units,
            calls,
        })
    }

    /// The columns that come out.
    pub fn schema(&self) -> &SchemaRef {
        &self.output
    }

    /// The entry that a row of the slice ending at `slice_end` adds to when the watermark is
    /// `before`, and the end of the first window that will show it; `None` if the row is late.
    #[inline]
    fn target(&mut self, slice_end: i64, before: i64) -> Result<Option<Target>, OperatorError> {
        if slice_end.saturating_sub(1) > before {
            return Ok(Some(Target {
                end: slice_end,
                shows: slice_end,
                fired: NEVER,
            }));
        }
        if self.window.last_window_end(slice_end).saturating_sub(1) <= before {
            return Ok(None);
        }
        // Windows that were due before this row must not see it.
        self.fire(before)?;
        let interval = self.window.slice_size();
        let behind = before.saturating_add(1) - slice_end;
        let shows = slice_end + (behind / interval + 1) * interval;
        Ok(Some(match self.window {
            Window::Cumulate { step, .. } => Target {
                end: self.window.start_of(slice_end) + step,
                shows,
                fired: shows - step,
            },
            _ => Target {
                end: slice_end,
                shows,
                fired: NEVER,
            },
        }))
    }

    /// Emits all windows that are due at `watermark`.
    fn fire(&mut self, watermark: i64) -> Result<(), OperatorError> {
        while let Some((end, due)) = self.timers.take_due(watermark) {
            let mut slots = Vec::with_capacity(due.len());
            self.table.slots(due.hashes(), |i| due.key(i), &mut slots)?;
            for (i, &slot) in slots.iter().enumerate() {
                // A key may have been scheduled for this end more than once, or not any more.
                if !self.table.is_live(slot) || self.table.get(slot).timer != end {
                    continue;
                }
                if self.fire_window(slot, end) {
                    self.emission.keys.push(due.hashes()[i], due.key(i));
                    self.emission.ends.push(end);
                }
                let next = self.table.get(slot).timer;
                if next == NEVER {
                    self.table.remove(slot);
                } else {
                    self.timers.add(next, due.hashes()[i], due.key(i));
                }
            }
        }
        Ok(())
    }

    /// Appends the results of the window that ends at `end`, lets go what it was the last to need
    /// and sets the key's next window. False if there was no row in it.
    fn fire_window(&mut self, slot: Slot, end: i64) -> bool {
        let state = self.table.get_mut(slot);
        let Scratch { words, cells } = &mut self.scratch;
        match self.window {
            Window::Tumble { .. } | Window::Session { .. } => {
                let Some(at) = state.find(end) else {
                    state.timer = NEVER;
                    return false;
                };
                let (entry, kept) = state.accumulator(at);
                for (call, column) in self.calls.iter().zip(&mut self.emission.columns) {
                    call.emit(entry, kept, column);
                }
                state.remove(at);
                state.timer = state.entries.first().map_or(NEVER, |entry| entry.end);
            }
            Window::Hop { size, slide, .. } => {
                words.fill(0);
                cells.fill(None);
                // The newest first, as Flink does: sums of doubles round the same.
                for at in (0..state.entries.len()).rev() {
                    let slice = state.entries[at].end;
                    if slice > end - size && slice <= end {
                        let (entry, kept) = state.accumulator(at);
                        for unit in &self.units.units {
                            unit.merge(words, entry);
                            if unit.bytes().is_some() {
                                unit.add_bytes(&mut cells[unit.at], kept[unit.at].as_deref());
                            }
                        }
                    }
                }
                for (call, column) in self.calls.iter().zip(&mut self.emission.columns) {
                    call.emit(words, cells, column);
                }
                while let Some(first) = state.entries.first()
                    && first.end - slide + size <= end
                {
                    state.remove(0);
                }
                state.timer = state
                    .entries
                    .first()
                    .map_or(NEVER, |first| first.end.max(end + slide));
            }
            Window::Cumulate { max_size, step, .. } => {
                let start = self.window.start_of(end);
                let base = start + step;
                if end > base
                    && let Some(at) = state.find(end)
                {
                    match state.find(base) {
                        None => state.rename(at, base),
                        Some(kept) => {
                            state.merge(&self.units, kept, at);
                            state.remove(at);
                        }
                    }
                }
                let Some(at) = state.find(base) else {
                    state.timer = NEVER;
                    return false;
                };
                state.entries[at].fired = end;
                let (entry, kept) = state.accumulator(at);
                for (call, column) in self.calls.iter().zip(&mut self.emission.columns) {
                    call.emit(entry, kept, column);
                }
                if end == start + max_size {
                    state.remove(at);
                }
                state.timer = state
                    .entries
                    .iter()
                    .map(|entry| match entry.fired {
                        NEVER => entry.end,
                        fired => fired + step,
                    })
                    .min()
                    .unwrap_or(NEVER);
            }
        }
        true
    }

    fn flush(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        let emission = &mut self.emission;
        let count = emission.ends.len();
        if count == 0 {
            return Ok(());
        }
        let keys = &emission.keys;
        let mut columns: Vec<ArrayRef> = self.keys.decode((0..count).map(|i| keys.key(i)))?;
        for column in &mut emission.columns {
            columns.push(column.finish()?);
        }
        let ends = emission.ends.iter();
        let windows: Vec<(i64, i64)> = ends.map(|&end| (self.window.start_of(end), end)).collect();
        columns.extend(window_columns(&self.output, columns.len(), &windows));
        let rows = RecordBatch::try_new(Arc::clone(&self.output), columns)?;
        emission.keys = KeyList::default();
        emission.ends.clear();
        let batch = Batch::append(rows, emission.ingest_micros);
        let mut offset = 0;
        while offset < batch.len() {
            let length = BATCH_ROWS.min(batch.len() - offset);
            out.emit(batch.slice(offset, length));
            offset += length;
        }
        Ok(())
    }
}

/// Where a row is added.
struct Target {
    /// The entry.
    end: i64,
    /// End of the first window that will show it.
    shows: i64,
    /// For a new entry of a cumulating window whose first steps have fired: the last of them.
    fired: i64,
}

impl Operator for WindowAggregate {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        if let Some(kinds) = &batch.kinds
            && kinds.iter().any(|kind| *kind != RowKind::Insert)
        {
            return Err(OperatorError::Row(
                "a window aggregate over rows that are updated or deleted is not supported; \
                 aggregate before the update, or keep the first row of each key"
                    .to_owned(),
            ));
        }
        let times = rowtime_millis(batch.rows.column(self.rowtime), &self.rowtime_name)?;
        let keys = self.keys.encode(&batch.rows)?;
        let mut words = std::mem::take(&mut self.words);
        words.clear();
        self.args.fill(&batch.rows, &mut words);
        let mut slots = std::mem::take(&mut self.slots);
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
        self.emission.ingest_micros = batch.ingest_micros;

        let width = self.args.width();
        let mut before = self.watermark.max(batch.watermark_before.0);
        for (row, (&time, &slot)) in times.iter().zip(&slots).enumerate() {
            match self.target(self.window.slice_end(time), before)? {
                None => self.late += 1,
                Some(target) => {
                    let state = self.table.get_mut(slot);
                    state.check(&self.units).map_err(|()| {
                        OperatorError::Restore(format!(
                            "the state of operator {} was written for other aggregates; start \
                             with --fresh, or give the node a new id",
                            self.table.uid()
                        ))
                    })?;
                    let state = self.table.get_mut(slot);
                    let at = state.entry(target.end, target.fired);
                    let values = &words[row * width..][..width];
                    let (entry, cells) = state.accumulator_mut(at);
                    for unit in &self.units.units {
                        unit.add(entry, values);
                        if let Some(arg) = unit.bytes()
                            && unit.takes(values)
                        {
                            let column = self.args.bytes()[usize::from(arg.at)];
                            let value = bytes_at(batch.rows.column(column), row);
                            unit.add_bytes(&mut cells[unit.at], value);
                        }
                    }
                    if target.shows < state.timer {
                        state.timer = target.shows;
                        let (hash, key) = (keys.hashes()[row], keys.key(row));
                        self.timers.add(target.shows, hash, key);
                    }
                }
            }
            if let Some(watermarks) = &batch.watermarks {
                before = before.max(watermarks[row]);
            }
        }
        self.slots = slots;
        self.words = words;
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
        Ok(save_watermark(self.watermark))
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.watermark = load_watermark(former)?;
        let (timers, keys) = (&mut self.timers, &self.keys);
        self.table.for_each(|key, state| {
            if state.timer != NEVER {
                timers.add(state.timer, keys.hash_of(key), key);
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

/// No window: above all ends, so that any other comes first.
const NEVER: i64 = i64::MAX;

/// The open slices of one key.
#[derive(Debug)]
struct KeyWindows {
    /// End of the next window to fire, [`NEVER`] if there is none.
    timer: i64,
    /// By their end.
    entries: Vec<Entry>,
    /// Words of one entry.
    width: u16,
    /// Cells of one entry.
    cell_width: u16,
    words: Vec<u64>,
    cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    /// End of the slice.
    end: i64,
    /// CUMULATE: the last window of which this entry was the accumulator; else [`NEVER`].
    fired: i64,
}

impl Default for KeyWindows {
    fn default() -> Self {
        Self {
            timer: NEVER,
            entries: Vec::new(),
            width: 0,
            cell_width: 0,
            words: Vec::new(),
            cells: Vec::new(),
        }
    }
}

impl KeyWindows {
    /// Fits an empty state to the units; fails if it was made for others.
    #[inline]
    fn check(&mut self, units: &Units) -> Result<(), ()> {
        if self.entries.is_empty() {
            self.width = units.words as u16;
            self.cell_width = units.cells as u16;
        }
        let fits =
            usize::from(self.width) == units.words && usize::from(self.cell_width) == units.cells;
        if fits { Ok(()) } else { Err(()) }
    }

    fn find(&self, end: i64) -> Option<usize> {
        self.entries.binary_search_by_key(&end, |e| e.end).ok()
    }

    /// The entry of the slice ending at `end`, which begins empty.
    #[inline]
    fn entry(&mut self, end: i64, fired: i64) -> usize {
        match self.entries.last() {
            Some(last) if last.end == end => self.entries.len() - 1,
            Some(last) if last.end > end => {
                match self.entries.binary_search_by_key(&end, |e| e.end) {
                    Ok(at) => at,
                    Err(at) => {
                        self.insert(at, end, fired);
                        at
                    }
                }
            }
            _ => {
                self.insert(self.entries.len(), end, fired);
                self.entries.len() - 1
            }
        }
    }

    fn insert(&mut self, at: usize, end: i64, fired: i64) {
        let (width, cells) = (usize::from(self.width), usize::from(self.cell_width));
        self.entries.insert(at, Entry { end, fired });
        let place = at * width;
        self.words
            .splice(place..place, std::iter::repeat_n(0, width));
        let place = at * cells;
        self.cells
            .splice(place..place, std::iter::repeat_n(None, cells));
    }

    fn remove(&mut self, at: usize) {
        let (width, cells) = (usize::from(self.width), usize::from(self.cell_width));
        self.entries.remove(at);
        self.words.drain(at * width..(at + 1) * width);
        self.cells.drain(at * cells..(at + 1) * cells);
    }

    /// Makes entry `at` that of the slice ending at `end`, of which there is none.
    fn rename(&mut self, at: usize, end: i64) {
        let (width, cells) = (usize::from(self.width), usize::from(self.cell_width));
        let words = self.words[at * width..(at + 1) * width].to_vec();
        let kept = self.cells[at * cells..(at + 1) * cells].to_vec();
        self.remove(at);
        let at = self.entry(end, NEVER);
        self.words[at * width..(at + 1) * width].copy_from_slice(&words);
        self.cells[at * cells..(at + 1) * cells].clone_from_slice(&kept);
    }

    /// Merges entry `from` into entry `into`, which comes before it.
    fn merge(&mut self, units: &Units, into: usize, from: usize) {
        let (width, cells) = (usize::from(self.width), usize::from(self.cell_width));
        let (before, behind) = self.words.split_at_mut(from * width);
        let (kept, other) = self.cells.split_at_mut(from * cells);
        for unit in &units.units {
            unit.merge(
                &mut before[into * width..(into + 1) * width],
                &behind[..width],
            );
            if unit.bytes().is_some() {
                let value = other[unit.at].as_deref();
                unit.add_bytes(&mut kept[into * cells + unit.at], value);
            }
        }
    }

    fn accumulator(&self, at: usize) -> (&[u64], &[Cell]) {
        let (width, cells) = (usize::from(self.width), usize::from(self.cell_width));
        (
            &self.words[at * width..(at + 1) * width],
            &self.cells[at * cells..(at + 1) * cells],
        )
    }

    #[inline]
    fn accumulator_mut(&mut self, at: usize) -> (&mut [u64], &mut [Cell]) {
        let (width, cells) = (usize::from(self.width), usize::from(self.cell_width));
        (
            &mut self.words[at * width..(at + 1) * width],
            &mut self.cells[at * cells..(at + 1) * cells],
        )
    }
}

impl StateValue for KeyWindows {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_zigzag(out, self.timer);
        put_varint(out, u64::from(self.width));
        put_varint(out, u64::from(self.cell_width));
        put_varint(out, self.entries.len() as u64);
        for entry in &self.entries {
            put_zigzag(out, entry.end);
            put_zigzag(out, entry.fired);
        }
        for &word in &self.words {
            put_zigzag(out, word as i64);
        }
        for cell in &self.cells {
            match cell {
                None => out.push(0),
                Some(bytes) => {
                    out.push(1);
                    put_bytes(out, bytes);
                }
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let invalid = |what| CodecError::Invalid { what, at: 0 };
        let timer = reader.zigzag()?;
        let width = u16::try_from(reader.varint()?).map_err(|_| invalid("width"))?;
        let cell_width = u16::try_from(reader.varint()?).map_err(|_| invalid("width"))?;
        let count = reader.varint()?;
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push(Entry {
                end: reader.zigzag()?,
                fired: reader.zigzag()?,
            });
        }
        let mut words = Vec::new();
        for _ in 0..entries.len() * usize::from(width) {
            words.push(reader.zigzag()? as u64);
        }
        let mut cells = Vec::new();
        for _ in 0..entries.len() * usize::from(cell_width) {
            cells.push(if reader.bool()? {
                Some(reader.bytes()?.into())
            } else {
                None
            });
        }
        reader.finish()?;
        Ok(Self {
            timer,
            entries,
            width,
            cell_width,
            words,
            cells,
        })
    }

    fn heap_size(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.words.capacity() * 8
            + self.cells.capacity() * 16
            + self
                .cells
                .iter()
                .flatten()
                .map(|cell| cell.len())
                .sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
