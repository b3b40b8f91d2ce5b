//! `MATCH_RECOGNIZE`: finds patterns of rows of a key.
//!
//! A pattern is a sequence of variables, each taken by between `min` and `max` rows that fulfil its
//! condition. Conditions look at rows that the match has so far, the row at hand being the last of the
//! variable that is tried. A greedy variable takes a row that it can; a reluctant one lets the next
//! variable have it, too. A match is emitted, as `keys ++ measures`, with the row that completes it;
//! after it the search goes on where [`Skip`] says, and what began before is given up.
//!
//! **Event time**: rows wait until the watermark reaches them and are then taken in the order of their
//! time, of the further columns, of their arrival. A row at or below the watermark is late and dropped, as in
//! Flink. **Processing time**: rows are taken as they come. The input is insert-only.
//!
//! **State** per key: rows that wait, the matches that are not complete, and the rows from the first of
//! these on. With [`MatchSpec::within`] a match that lasts longer is given up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, RecordBatch, new_null_array,
};
use arrow::compute::concat;
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Schema, SchemaRef,
};
use datafusion_common::ScalarValue;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::utils::collect_columns;
use millstream_functions::aggregate::AggregateKind;
use millstream_state::codec::{Reader, put_bytes, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::batch::{Batch, Watermark};
use crate::changelog::{RowCodec, insert_only};
use crate::keys::{KeyEncoder, KeyList};
use crate::operator::{
    Clock, Operator, OperatorContext, OperatorError, Output, load_watermark, save_watermark,
};
use crate::time::rowtime_millis;
use crate::top_n::SortColumn;
use crate::top_n::rows::SortEncoder;

const INSTEAD: &str = "match the rows before they are updated";

/// A variable of a pattern.
#[derive(Debug, Clone)]
pub struct PatternPart {
    /// How many rows at least.
    pub min: u32,
    /// How many at most; `None` for any number.
    pub max: Option<u32>,
    /// Whether it takes as many rows as it can.
    pub greedy: bool,
    /// What a row must fulfil, over the navigations.
    pub condition: Option<Arc<dyn PhysicalExpr>>,
}

/// How a navigation looks at rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// At the row so many behind the first.
    First(u32),
    /// At the row so many before the last.
    Last(u32),
    /// At all, with a function.
    Aggregate(AggregateKind),
}

/// What a condition or a measure looks at.
#[derive(Debug, Clone)]
pub struct Navigation {
    /// How.
    pub look: Look,
    /// The variable whose rows it looks at; `None`: all rows of the match.
    pub variable: Option<usize>,
    /// The column of the input that it takes of a row; none for `COUNT(*)`.
    pub column: Option<usize>,
    /// The type of the value.
    pub data_type: DataType,
}

/// Where the search goes on behind a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// Behind its last row.
    PastLastRow,
    /// Behind its first row.
    ToNextRow,
    /// At the first row of a variable.
    ToFirst(usize),
    /// At the last row of a variable.
    ToLast(usize),
}

/// What a [`MatchRecognize`] finds.
#[derive(Debug, Clone)]
pub struct MatchSpec {
    /// `PARTITION BY`.
    pub partition: Vec<usize>,
    /// The rowtime column; `None` in processing time.
    pub rowtime: Option<usize>,
    /// The order of rows of one time.
    pub order: Vec<SortColumn>,
    /// The pattern.
    pub parts: Vec<PatternPart>,
    /// What conditions and measures look at.
    pub navigations: Vec<Navigation>,
    /// The measures, over the navigations.
    pub measures: Vec<Arc<dyn PhysicalExpr>>,
    /// Where the search goes on.
    pub skip: Skip,
    /// A match lasts less than so many milliseconds.
    pub within: Option<i64>,
}

/// See the [module](self).
#[derive(Debug)]
pub struct MatchRecognize {
    spec: MatchSpec,
    rowtime_name: String,
    output: SchemaRef,
    keys: KeyEncoder,
    sort: SortEncoder,
    finder: Finder,
    table: KeyedTable<KeyMatches>,
    /// Keys with rows that wait for the watermark, by their time.
    due: BTreeMap<i64, KeyList>,
    clock: Clock,
    watermark: i64,
    late: u64,
    found: Found,
}

/// Matches to emit.
#[derive(Debug, Default)]
struct Found {
    keys: KeyList,
    /// One-row columns of the measures, match by match.
    measures: Vec<Vec<ArrayRef>>,
    ingest_micros: i64,
}

impl MatchRecognize {
    /// The operator over rows of `input`; `output` are the keys and the measures.
    pub fn new(
        context: &OperatorContext,
        input: &Schema,
        spec: MatchSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        // What is kept of a row: the columns that something looks at.
        let looked: BTreeSet<usize> = spec.navigations.iter().filter_map(|n| n.column).collect();
        let looked: Vec<usize> = looked.into_iter().collect();
        let kept = Arc::new(input.project(&looked)?);
        let values = spec.navigations.iter().enumerate().map(|(i, navigation)| {
            arrow::datatypes::Field::new(format!("{i}"), navigation.data_type.clone(), true)
        });
        let values: SchemaRef = Arc::new(Schema::new(values.collect::<Vec<_>>()));
        Ok(Self {
            rowtime_name: spec
                .rowtime
                .map(|column| input.field(column).name().clone())
                .unwrap_or_default(),
            output,
            keys: KeyEncoder::new(input, &spec.partition)?,
            sort: SortEncoder::new(input, &spec.order)?,
            finder: Finder {
                nulls: spec
                    .navigations
                    .iter()
                    .map(|navigation| new_null_array(&navigation.data_type, 1))
                    .collect(),
                codec: RowCodec::new(kept, "MATCH_RECOGNIZE")?,
                looked,
                values,
            },
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            due: BTreeMap::new(),
            clock: context.clock.clone(),
            watermark: i64::MIN,
            late: 0,
            found: Found::default(),
            spec,
        })
    }

    /// Takes the rows of a key that are due at `watermark`, in order.
    fn take(&mut self, slot: Slot, key: (u64, &[u8]), watermark: i64) -> Result<(), OperatorError> {
        let mut state = std::mem::take(self.table.get_mut(slot));
        let (mut ripe, waiting): (Vec<Waiting>, Vec<Waiting>) = std::mem::take(&mut state.waiting)
            .into_iter()
            .partition(|row| row.time <= watermark);
        state.waiting = waiting;
        // Peers stay in the order of their arrival.
        ripe.sort_by(|a, b| (a.time, &a.sort).cmp(&(b.time, &b.sort)));
        for row in ripe {
            state.add(row.time, row.row);
            self.step(&mut state, key)?;
        }
        self.put_back(slot, state);
        Ok(())
    }

    fn put_back(&mut self, slot: Slot, state: KeyMatches) {
        if state.waiting.is_empty() && state.runs.is_empty() {
            self.table.remove(slot);
        } else {
            *self.table.get_mut(slot) = state;
        }
    }

    /// Tries the last row of `state` in all matches that are not complete, and in a new one.
    fn step(&mut self, state: &mut KeyMatches, key: (u64, &[u8])) -> Result<(), OperatorError> {
        let row = state.next - 1;
        let Some(time) = state.row(row).map(|kept| kept.time) else {
            return Ok(());
        };
        let mut runs = std::mem::take(&mut state.runs);
        if let Some(within) = self.spec.within {
            runs.retain(|run| {
                let start = run.path.first().and_then(|(_, start)| state.row(*start));
                start.is_none_or(|start| time - start.time < within)
            });
        }
        runs.push(Run::default());
        let mut open = Vec::new();
        let mut complete = Vec::new();
        for run in &runs {
            for next in self.successors(state, run, row)? {
                if self.accepts(&next) {
                    complete.push(next);
                } else {
                    open.push(next);
                }
            }
        }
        // What starts before is given up.
        let mut from = 0;
        for run in complete {
            if run.start() < from {
                continue;
            }
            let measures = self.finder.measures(&self.spec, state, &run)?;
            self.found.keys.push(key.0, key.1);
            self.found.measures.push(measures);
            from = match self.spec.skip {
                Skip::PastLastRow => row + 1,
                Skip::ToNextRow => run.start() + 1,
                Skip::ToFirst(part) => skip_to(&run, run.rows_of(Some(part)).next())?,
                Skip::ToLast(part) => skip_to(&run, run.rows_of(Some(part)).last())?,
            };
        }
        open.retain(|run| run.start() >= from);
        state.runs = open;
        state.forget();
        Ok(())
    }

    /// What becomes of a match with one more row, the preferred first.
    fn successors(
        &self,
        state: &KeyMatches,
        run: &Run,
        row: u64,
    ) -> Result<Vec<Run>, OperatorError> {
        let mut all = Vec::new();
        let parts = &self.spec.parts;
        let at = run.part;
        let Some(part) = parts.get(at) else {
            return Err(OperatorError::Restore(format!(
                "the matches of operator {} are of another pattern; start with --fresh, or give the \
                 node a new id",
                self.table.uid()
            )));
        };
        let mut takes = false;
        if part.max.is_none_or(|max| run.count < max) {
            let next = run.with(at, row);
            if self.finder.holds(&self.spec, state, &next, at)? {
                takes = true;
                all.push(next);
            }
        }
        if run.count < part.min || (takes && part.greedy) {
            return Ok(all);
        }
        let mut further = Vec::new();
        for (at, part) in parts.iter().enumerate().skip(at + 1) {
            let next = run.with(at, row);
            let holds = self.finder.holds(&self.spec, state, &next, at)?;
            if holds {
                further.push(next);
            }
            if part.min > 0 || (holds && part.greedy) {
                break;
            }
        }
        // A reluctant variable would rather give the row away.
        further.append(&mut all);
        Ok(further)
    }

    /// Whether a match is complete.
    fn accepts(&self, run: &Run) -> bool {
        run.count >= self.spec.parts[run.part].min
            && self.spec.parts[run.part + 1..]
                .iter()
                .all(|part| part.min == 0)
    }

    fn fire(&mut self, watermark: i64) -> Result<(), OperatorError> {
        let mut all = KeyList::default();
        let mut slots = Vec::new();
        while let Some(entry) = self.due.first_entry() {
            if *entry.key() > watermark {
                break;
            }
            let keys = entry.remove();
            for i in 0..keys.len() {
                all.push(keys.hashes()[i], keys.key(i));
            }
        }
        self.table.slots(all.hashes(), |i| all.key(i), &mut slots)?;
        for (i, slot) in slots.into_iter().enumerate() {
            // A key is there once for each of its rows.
            if self.table.is_live(slot) {
                self.take(slot, (all.hashes()[i], all.key(i)), watermark)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        let found = std::mem::take(&mut self.found);
        let count = found.measures.len();
        self.found.ingest_micros = found.ingest_micros;
        if count == 0 {
            return Ok(());
        }
        let mut columns = self.keys.decode((0..count).map(|i| found.keys.key(i)))?;
        for measure in 0..self.spec.measures.len() {
            let values: Vec<&dyn Array> = (found.measures.iter())
                .map(|values| values[measure].as_ref())
                .collect();
            columns.push(concat(&values)?);
        }
        let rows = RecordBatch::try_new_with_options(
            Arc::clone(&self.output),
            columns,
            &arrow::array::RecordBatchOptions::new().with_row_count(Some(count)),
        )?;
        out.emit(Batch::append(rows, found.ingest_micros));
        Ok(())
    }
}

/// Where the search goes on at a row of the match.
fn skip_to(run: &Run, row: Option<u64>) -> Result<u64, OperatorError> {
    match row {
        Some(row) if row > run.start() => Ok(row),
        Some(_) => Err(OperatorError::Row(
            "AFTER MATCH SKIP to the first row of the match would find it for ever; skip to another \
             variable, TO NEXT ROW or PAST LAST ROW"
                .to_owned(),
        )),
        None => Err(OperatorError::Row(
            "AFTER MATCH SKIP: the variable to skip to has no row in the match; skip to one that must \
             have a row"
                .to_owned(),
        )),
    }
}

impl Operator for MatchRecognize {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        insert_only(&batch, "MATCH_RECOGNIZE", INSTEAD)?;
        let times = match self.spec.rowtime {
            Some(column) => Some(rowtime_millis(
                batch.rows.column(column),
                &self.rowtime_name,
            )?),
            None => None,
        };
        let keys = self.keys.encode(&batch.rows)?;
        let sorts = self.sort.encode(&batch.rows)?;
        let kept = self
            .finder
            .codec
            .encode(&batch.rows.project(&self.finder.looked)?)?;
        self.found.ingest_micros = batch.ingest_micros;
        let mut before = self.watermark.max(batch.watermark_before.0);
        for row in 0..batch.len() {
            let (hash, key) = (keys.hashes()[row], keys.key(row));
            let bytes: Box<[u8]> = kept.row(row).data().into();
            match &times {
                None => {
                    let slot = self.table.slot(hash, key)?;
                    let mut state = std::mem::take(self.table.get_mut(slot));
                    state.add(self.clock.now(), bytes);
                    self.step(&mut state, (hash, key))?;
                    self.put_back(slot, state);
                }
                Some(times) if times[row] <= before => self.late += 1,
                Some(times) => {
                    let time = times[row];
                    let slot = self.table.slot(hash, key)?;
                    let state = self.table.get_mut(slot);
                    let known = state.waiting.iter().any(|waiting| waiting.time == time);
                    state.waiting.push(Waiting {
                        time,
                        sort: sorts.key(row).into(),
                        row: bytes,
                    });
                    if !known {
                        self.due.entry(time).or_default().push(hash, key);
                    }
                }
            }
            if let Some(watermarks) = &batch.watermarks {
                before = before.max(watermarks[row]);
            }
        }
        self.flush(out)
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        if watermark.0 <= self.watermark {
            return Ok(());
        }
        self.watermark = watermark.0;
        self.fire(watermark.0)?;
        self.flush(out)
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        Ok(save_watermark(self.watermark))
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.watermark = load_watermark(former)?;
        let (due, keys) = (&mut self.due, &self.keys);
        self.table.for_each(|key, state| {
            let times: BTreeSet<i64> = state.waiting.iter().map(|row| row.time).collect();
            for time in times {
                due.entry(time).or_default().push(keys.hash_of(key), key);
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

/// Computes conditions and measures.
#[derive(Debug)]
struct Finder {
    codec: RowCodec,
    /// The columns of the input that rows are kept of, rising.
    looked: Vec<usize>,
    /// The navigations as columns.
    values: SchemaRef,
    /// A NULL for each of them.
    nulls: Vec<ArrayRef>,
}

impl Finder {
    /// Whether the condition of a part holds for a match whose last row it took.
    fn holds(
        &self,
        spec: &MatchSpec,
        state: &KeyMatches,
        run: &Run,
        part: usize,
    ) -> Result<bool, OperatorError> {
        let Some(condition) = &spec.parts[part].condition else {
            return Ok(true);
        };
        let value = self.evaluate(spec, state, run, condition)?;
        let value = value.as_boolean();
        Ok(value.is_valid(0) && value.value(0))
    }

    fn measures(
        &self,
        spec: &MatchSpec,
        state: &KeyMatches,
        run: &Run,
    ) -> Result<Vec<ArrayRef>, OperatorError> {
        let measures = spec.measures.iter();
        measures
            .map(|measure| self.evaluate(spec, state, run, measure))
            .collect()
    }

    fn evaluate(
        &self,
        spec: &MatchSpec,
        state: &KeyMatches,
        run: &Run,
        expr: &Arc<dyn PhysicalExpr>,
    ) -> Result<ArrayRef, OperatorError> {
        let mut columns = self.nulls.clone();
        for column in collect_columns(expr) {
            let navigation = &spec.navigations[column.index()];
            columns[column.index()] = self.look(navigation, state, run)?;
        }
        let row = RecordBatch::try_new_with_options(
            Arc::clone(&self.values),
            columns,
            &arrow::array::RecordBatchOptions::new().with_row_count(Some(1)),
        )?;
        Ok(expr.evaluate(&row)?.into_array(1)?)
    }

    fn look(
        &self,
        navigation: &Navigation,
        state: &KeyMatches,
        run: &Run,
    ) -> Result<ArrayRef, OperatorError> {
        let mut rows = run.rows_of(navigation.variable);
        let null = || new_null_array(&navigation.data_type, 1);
        let one = match navigation.look {
            Look::First(offset) => rows.nth(offset as usize),
            Look::Last(offset) => {
                let all: Vec<u64> = rows.collect();
                let at = all.len().checked_sub(1 + offset as usize);
                at.map(|at| all[at])
            }
            Look::Aggregate(kind) => {
                let rows: Vec<u64> = rows.collect();
                let Some(column) = navigation.column else {
                    return Ok(Arc::new(Int64Array::from(vec![rows.len() as i64])));
                };
                let values = self.column(state, column, &rows)?;
                return aggregate(kind, &values, &navigation.data_type);
            }
        };
        match (one, navigation.column) {
            (Some(row), Some(column)) => self.column(state, column, &[row]),
            _ => Ok(null()),
        }
    }

    fn column(
        &self,
        state: &KeyMatches,
        column: usize,
        rows: &[u64],
    ) -> Result<ArrayRef, OperatorError> {
        let bytes = rows.iter().filter_map(|row| state.row(*row));
        let batch = self.codec.decode(bytes.map(|kept| kept.row.as_ref()))?;
        let at = self.looked.partition_point(|known| *known < column);
        Ok(Arc::clone(batch.column(at)))
    }
}

/// A function of the values of rows, as Flink computes it.
fn aggregate(
    kind: AggregateKind,
    values: &ArrayRef,
    result: &DataType,
) -> Result<ArrayRef, OperatorError> {
    let count = values.len() - values.null_count();
    if kind == AggregateKind::Count {
        return Ok(Arc::new(Int64Array::from(vec![count as i64])));
    }
    if count == 0 {
        return Ok(new_null_array(result, 1));
    }
    if matches!(kind, AggregateKind::Min | AggregateKind::Max) {
        let mut best: Option<ScalarValue> = None;
        for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
            let value = ScalarValue::try_from_array(values, row)?;
            let wanted = match kind {
                AggregateKind::Min => std::cmp::Ordering::Less,
                _ => std::cmp::Ordering::Greater,
            };
            if (best.as_ref()).is_none_or(|best| value.partial_cmp(best) == Some(wanted)) {
                best = Some(value);
            }
        }
        return match best {
            Some(best) => Ok(best.to_array()?),
            None => Ok(new_null_array(result, 1)),
        };
    }
    let mean = kind == AggregateKind::Avg;
    macro_rules! whole {
        ($type:ty, $native:ty, $array:ty) => {{
            let values = values.as_primitive::<$type>().iter().flatten();
            let value = match mean {
                true => (values.map(i128::from).sum::<i128>() / count as i128) as $native,
                false => values.fold(0, |sum: $native, value| sum.wrapping_add(value)),
            };
            Arc::new(<$array>::from(vec![value])) as ArrayRef
        }};
    }
    Ok(match values.data_type() {
        DataType::Int8 => whole!(Int8Type, i8, Int8Array),
        DataType::Int16 => whole!(Int16Type, i16, Int16Array),
        DataType::Int32 => whole!(Int32Type, i32, Int32Array),
        DataType::Int64 => whole!(Int64Type, i64, Int64Array),
        DataType::Float32 => {
            let values = values.as_primitive::<Float32Type>().iter().flatten();
            match mean {
                true => {
                    let mean = values.map(f64::from).sum::<f64>() / count as f64;
                    Arc::new(Float32Array::from(vec![mean as f32]))
                }
                false => Arc::new(Float32Array::from(vec![values.sum::<f32>()])),
            }
        }
        DataType::Float64 => {
            let sum = values
                .as_primitive::<Float64Type>()
                .iter()
                .flatten()
                .sum::<f64>();
            let divisor = if mean { count as f64 } else { 1.0 };
            Arc::new(Float64Array::from(vec![sum / divisor]))
        }
        DataType::Decimal128(_, scale) => {
            let mut values = values.as_primitive::<Decimal128Type>().iter().flatten();
            let sum = values.try_fold(0i128, |sum, value| sum.checked_add(value));
            let DataType::Decimal128(precision, wider) = *result else {
                return Ok(new_null_array(result, 1));
            };
            let value = match mean {
                true => sum.and_then(|sum| {
                    let factor = 10i128.checked_pow(u32::try_from(wider - *scale).ok()?)?;
                    let (sum, count) = (sum.checked_mul(factor)?, count as i128);
                    // Half up, away from zero.
                    Some((sum + sum.signum() * count / 2) / count)
                }),
                false => sum,
            };
            let value = value.filter(|value| value.abs() < 10i128.pow(u32::from(precision)));
            Arc::new(Decimal128Array::from(vec![value]).with_precision_and_scale(precision, wider)?)
        }
        other => {
            return Err(OperatorError::Row(format!(
                "{kind:?} of {other} in MATCH_RECOGNIZE is not supported; cast the argument to a number"
            )));
        }
    })
}

/// A match that is not complete.
#[derive(Debug, Clone, Default, PartialEq)]
struct Run {
    /// The variable that took the last row.
    part: usize,
    /// How many rows it took.
    count: u32,
    /// Each row with the variable that took it.
    path: Vec<(u32, u64)>,
}

impl Run {
    /// The row it begins with; of an empty one none that there is.
    fn start(&self) -> u64 {
        self.path.first().map_or(u64::MAX, |(_, row)| *row)
    }

    /// The same with a row for a variable.
    fn with(&self, part: usize, row: u64) -> Self {
        let mut path = Vec::with_capacity(self.path.len() + 1);
        path.extend_from_slice(&self.path);
        path.push((part as u32, row));
        Self {
            count: if part == self.part { self.count + 1 } else { 1 },
            part,
            path,
        }
    }

    /// The rows of a variable, or all.
    fn rows_of(&self, variable: Option<usize>) -> impl Iterator<Item = u64> + '_ {
        let of = move |part: u32| variable.is_none_or(|variable| variable == part as usize);
        let taken = self.path.iter().filter(move |(part, _)| of(*part));
        taken.map(|(_, row)| *row)
    }
}

/// A row that waits for the watermark.
#[derive(Debug, Clone, PartialEq)]
struct Waiting {
    time: i64,
    sort: Box<[u8]>,
    row: Box<[u8]>,
}

/// A row that a match may look at.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    time: i64,
    row: Box<[u8]>,
}

/// What is kept of a key.
#[derive(Debug, Default, PartialEq)]
struct KeyMatches {
    waiting: Vec<Waiting>,
    /// Rows from number `next - rows.len()` on.
    rows: std::collections::VecDeque<Kept>,
    next: u64,
    /// In the order of their starts.
    runs: Vec<Run>,
}

impl KeyMatches {
    fn add(&mut self, time: i64, row: Box<[u8]>) {
        self.rows.push_back(Kept { time, row });
        self.next += 1;
    }

    fn row(&self, number: u64) -> Option<&Kept> {
        let first = self.next - self.rows.len() as u64;
        self.rows
            .get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// Lets rows go that no match begins before.
    fn forget(&mut self) {
        let needed = self.runs.iter().map(Run::start).min().unwrap_or(self.next);
        while self.next - (self.rows.len() as u64) < needed && !self.rows.is_empty() {
            self.rows.pop_front();
        }
    }
}

impl StateValue for KeyMatches {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_varint(out, self.waiting.len() as u64);
        for row in &self.waiting {
            put_zigzag(out, row.time);
            put_bytes(out, &row.sort);
            put_bytes(out, &row.row);
        }
        put_varint(out, self.next);
        put_varint(out, self.rows.len() as u64);
        for row in &self.rows {
            put_zigzag(out, row.time);
            put_bytes(out, &row.row);
        }
        put_varint(out, self.runs.len() as u64);
        for run in &self.runs {
            put_varint(out, run.part as u64);
            put_varint(out, u64::from(run.count));
            put_varint(out, run.path.len() as u64);
            for (part, row) in &run.path {
                put_varint(out, u64::from(*part));
                put_varint(out, *row);
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let mut state = Self::default();
        for _ in 0..reader.varint()? {
            state.waiting.push(Waiting {
                time: reader.zigzag()?,
                sort: reader.bytes()?.into(),
                row: reader.bytes()?.into(),
            });
        }
        state.next = reader.varint()?;
        let invalid = |what| CodecError::Invalid { what, at: 0 };
        for _ in 0..reader.varint()? {
            state.rows.push_back(Kept {
                time: reader.zigzag()?,
                row: reader.bytes()?.into(),
            });
        }
        if state.rows.len() as u64 > state.next {
            return Err(invalid("number of rows"));
        }
        for _ in 0..reader.varint()? {
            let mut run = Run {
                part: usize::try_from(reader.varint()?).map_err(|_| invalid("variable"))?,
                count: u32::try_from(reader.varint()?).map_err(|_| invalid("count"))?,
                path: Vec::new(),
            };
            for _ in 0..reader.varint()? {
                let part = u32::try_from(reader.varint()?).map_err(|_| invalid("variable"))?;
                run.path.push((part, reader.varint()?));
            }
            state.runs.push(run);
        }
        reader.finish()?;
        Ok(state)
    }

    fn heap_size(&self) -> usize {
        let waiting = self.waiting.iter().map(|w| 56 + w.sort.len() + w.row.len());
        let rows = self.rows.iter().map(|row| 24 + row.row.len());
        let runs = self.runs.iter().map(|run| 40 + run.path.len() * 16);
        waiting.sum::<usize>() + rows.sum::<usize>() + runs.sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
