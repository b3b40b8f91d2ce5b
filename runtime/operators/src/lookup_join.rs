//! Lookup join: `FROM l [LEFT] JOIN t FOR SYSTEM_TIME AS OF l.proctime ON l.k = t.k` with a table
//! outside the job that is asked by key.
//!
//! Computes for each left row the rows that the table has for its key when the row comes, with the
//! row's kind and in its order; those that fail the further condition are dropped. A row without any
//! is dropped, or with LEFT comes out beside NULLs. A key with NULL is not asked for.
//!
//! Each key of a batch is asked for once. Keys go to the table some at a time, with several calls
//! under way at once; all have been answered when the batch comes out, so nothing is under way at a
//! watermark or a barrier. A call that fails or takes too long fails the job. With a retry, keys
//! without a row are asked for again after a delay.
//!
//! **State**: none. A cache keeps answers (also that there is no row) in memory, of up to so many
//! rows, the least recently used go first; it starts empty after a restore.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use ahash::RandomState;
use arrow::array::{Array, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::row::{RowConverter, RowParser, SortField};
use datafusion_physical_expr::PhysicalExpr;

use crate::batch::Batch;
pub use crate::join::JoinKind;
use crate::join::{Combine, Emission, JoinCondition, PairPlaces, Places, check_output};
use crate::keys::{KeyEncoder, Keys};
use crate::operator::{Clock, Operator, OperatorContext, OperatorError, Output};

/// What a table says of some keys.
#[derive(Debug, Clone)]
pub struct LookupRows {
    /// The rows of all keys.
    pub rows: RecordBatch,
    /// For each row the number of its key in the call; never falls.
    pub keys: Vec<u32>,
}

/// A call that is under way.
pub type LookupFuture<'t> =
    Pin<Box<dyn Future<Output = Result<LookupRows, OperatorError>> + Send + 't>>;

/// A table that is asked by key.
pub trait LookupTable: Send + Sync {
    /// The columns of its rows.
    fn schema(&self) -> SchemaRef;

    /// Asks for the rows of keys: key columns in the order of the table's key, no key twice, no
    /// NULL. The call may wait for anything but the caller, which waits for it.
    fn lookup(&self, keys: RecordBatch) -> LookupFuture<'_>;
}

/// How answers are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupCacheOptions {
    /// How many rows at most; a key without a row counts as one.
    pub max_rows: usize,
    /// How long after it was given an answer is good, in milliseconds.
    pub expire_after_write_millis: Option<i64>,
    /// How long after it was last used an answer is good, in milliseconds.
    pub expire_after_access_millis: Option<i64>,
    /// Whether it is kept that a key has no row.
    pub missing_keys: bool,
}

/// When keys without a row are asked for again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupRetry {
    /// How often in all they are asked for.
    pub max_attempts: u32,
    /// How long before, in milliseconds.
    pub delay_millis: u64,
}

/// How a table is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupOptions {
    /// How many calls may be under way at once.
    pub in_flight: usize,
    /// How many keys a call has at most.
    pub keys_per_call: usize,
    /// How long a call may take, in milliseconds.
    pub timeout_millis: u64,
    /// Whether answers are kept.
    pub cache: Option<LookupCacheOptions>,
    /// Whether keys without a row are asked for again.
    pub retry: Option<LookupRetry>,
}

impl Default for LookupOptions {
    /// Flink's: 100 calls at once, three minutes, no cache, no retry.
    fn default() -> Self {
        Self {
            in_flight: 100,
            keys_per_call: 128,
            timeout_millis: 180_000,
            cache: None,
            retry: None,
        }
    }
}

/// A lookup join.
#[derive(Debug, Clone)]
pub struct LookupJoinSpec {
    /// Inner or left.
    pub kind: JoinKind,
    /// The left columns that the key is looked up by, in the order of the table's key.
    pub keys: Vec<usize>,
    /// What else a pair must satisfy, over the left columns and then the table's.
    pub condition: Option<Arc<dyn PhysicalExpr>>,
    /// How the table is asked.
    pub options: LookupOptions,
}

/// Joins rows with a table that is asked by key. See the [module](self).
pub struct LookupJoin {
    left_outer: bool,
    schema: SchemaRef,
    condition: Option<JoinCondition>,
    combine: Combine,
    columns: Vec<usize>,
    keys: KeyEncoder,
    key_schema: SchemaRef,
    table: Arc<dyn LookupTable>,
    options: LookupOptions,
    cache: Option<Cache>,
    clock: Clock,
    emission: Emission,
}

impl LookupJoin {
    /// The join of rows of `left` with those of `table`, which gives rows of `output`: the left columns
    /// and then the table's.
    pub fn with_schema(
        context: &OperatorContext,
        left: &Schema,
        table: Arc<dyn LookupTable>,
        spec: &LookupJoinSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        if !matches!(spec.kind, JoinKind::Inner | JoinKind::Left) {
            return Err(OperatorError::Row(
                "a lookup join is INNER or LEFT: what the table has beside the keys that are asked \
                 for is not known"
                    .to_owned(),
            ));
        }
        let right = table.schema();
        check_output(spec.kind, left, &right, &output)?;
        let condition = spec.condition.as_ref();
        let cache = spec.options.cache.clone();
        Ok(Self {
            left_outer: spec.kind == JoinKind::Left,
            condition: condition
                .map(|expr| JoinCondition::new(expr, left, &right))
                .transpose()?,
            combine: Combine::whole(left.fields().len(), right.fields().len()),
            columns: spec.keys.clone(),
            keys: KeyEncoder::new(left, &spec.keys)?,
            key_schema: Arc::new(left.project(&spec.keys)?),
            cache: cache
                .map(|options| Cache::new(options, Arc::clone(&right)))
                .transpose()?,
            table,
            options: spec.options.clone(),
            clock: context.clock.clone(),
            emission: Emission::default(),
            schema: output,
        })
    }

    /// Asks for keys, those of the rows `wanted` of `batch`: the rows of each.
    fn ask(&self, batch: &RecordBatch, wanted: &[u32]) -> Result<Vec<RecordBatch>, OperatorError> {
        let calls: Vec<LookupFuture<'_>> = wanted
            .chunks(self.options.keys_per_call.max(1))
            .map(|rows| {
                let keys = batch.project(&self.columns)?;
                let keys = take_record_batch(&keys, &UInt32Array::from(rows.to_vec()))?;
                let keys = keys.with_schema(Arc::clone(&self.key_schema))?;
                Ok(self.table.lookup(keys))
            })
            .collect::<Result<_, OperatorError>>()?;
        let timeout = Duration::from_millis(self.options.timeout_millis);
        let answers = run_all(calls, self.options.in_flight, timeout)?;
        let mut of_key = Vec::with_capacity(wanted.len());
        for (answer, asked) in answers
            .iter()
            .zip(wanted.chunks(self.options.keys_per_call.max(1)))
        {
            let count = answer.rows.num_rows();
            if answer.keys.len() != count || !answer.keys.is_sorted() {
                return Err(OperatorError::Row(
                    "a lookup table gave rows that are not by key; this is a defect of the \
                     connector"
                        .to_owned(),
                ));
            }
            let mut start = 0;
            for key in 0..asked.len() as u32 {
                let end = start + answer.keys[start..].partition_point(|&k| k <= key);
                of_key.push(answer.rows.slice(start, end - start));
                start = end;
            }
        }
        Ok(of_key)
    }

    /// The rows of each of the keys that stand in the rows `first_rows`.
    fn look_up(
        &mut self,
        batch: &RecordBatch,
        keys: &Keys,
        first_rows: &[u32],
    ) -> Result<Vec<RecordBatch>, OperatorError> {
        let now = self.clock.now();
        let mut found: Vec<Option<RecordBatch>> = vec![None; first_rows.len()];
        if let Some(cache) = &mut self.cache {
            for (found, &row) in found.iter_mut().zip(first_rows) {
                *found = cache.get(keys.key(row as usize), now)?;
            }
        }
        let mut missing: Vec<usize> = (0..found.len()).filter(|&k| found[k].is_none()).collect();
        let mut attempts = 0;
        while !missing.is_empty() {
            let wanted: Vec<u32> = missing.iter().map(|&key| first_rows[key]).collect();
            let answers = self.ask(batch, &wanted)?;
            attempts += 1;
            let again = match &self.options.retry {
                Some(retry) if attempts < retry.max_attempts => Some(retry.delay_millis),
                _ => None,
            };
            let mut empty = Vec::new();
            for (&key, rows) in missing.iter().zip(answers) {
                if rows.num_rows() == 0 && again.is_some() {
                    empty.push(key);
                    continue;
                }
                if let Some(cache) = &mut self.cache {
                    cache.put(keys.key(first_rows[key] as usize), &rows, now)?;
                }
                found[key] = Some(rows);
            }
            missing = empty;
            if let Some(delay) = again.filter(|_| !missing.is_empty()) {
                std::thread::sleep(Duration::from_millis(delay));
            }
        }
        Ok(found.into_iter().flatten().collect())
    }
}

impl Operator for LookupJoin {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let keys = self.keys.encode(&batch.rows)?;
        let mut numbers: HashMap<&[u8], u32, RandomState> = HashMap::default();
        let mut first_rows: Vec<u32> = Vec::new();
        let has_null = |row: usize| {
            let mut columns = self.columns.iter();
            columns.any(|&column| batch.rows.column(column).is_null(row))
        };
        let key_of_row: Vec<Option<u32>> = (0..batch.len())
            .map(|row| {
                if has_null(row) {
                    return None;
                }
                Some(*numbers.entry(keys.key(row)).or_insert_with(|| {
                    first_rows.push(row as u32);
                    first_rows.len() as u32 - 1
                }))
            })
            .collect();
        let found = self.look_up(&batch.rows, &keys, &first_rows)?;
        let mut starts = Vec::with_capacity(found.len());
        let mut start = 0u32;
        for rows in &found {
            starts.push(start);
            start += rows.num_rows() as u32;
        }
        let kept = concat_batches(&self.table.schema(), &found)?;
        let kept = kept.columns();

        let (mut rows, mut entries): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        for (row, key) in key_of_row.iter().enumerate() {
            if let Some(key) = key.map(|key| key as usize) {
                let count = found[key].num_rows() as u32;
                entries.extend(starts[key]..starts[key] + count);
                rows.resize(entries.len(), row as u32);
            }
        }
        if let Some(condition) = &self.condition
            && !rows.is_empty()
        {
            let at = PairPlaces {
                input: Places::new(&rows),
                kept: Places::new(&entries),
                key: Places::Range(0, 0),
            };
            let holds = condition.holds(&self.combine, &batch.rows, kept, &at, rows.len())?;
            let pairs: Vec<(u32, u32)> = holds
                .set_indices()
                .map(|pair| (rows[pair], entries[pair]))
                .collect();
            (rows, entries) = pairs.into_iter().unzip();
        }
        self.emission.clear();
        if self.left_outer {
            let mut pair = 0;
            for row in 0..batch.len() as u32 {
                let (first, kind) = (pair, batch.kind(row as usize));
                while pair < rows.len() && rows[pair] == row {
                    self.emission.pair(row, entries[pair], kind);
                    pair += 1;
                }
                if pair == first {
                    self.emission.input_alone(row, kind);
                }
            }
        } else {
            self.emission.pairs(&rows, &entries, &batch);
        }
        self.emission
            .emit(&self.combine, &self.schema, &batch, kept, out, |_| {})
    }

    fn snapshot(&mut self, _: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(Vec::new())
    }
}

/// Answers that are kept.
struct Cache {
    options: LookupCacheOptions,
    schema: SchemaRef,
    converter: RowConverter,
    parser: RowParser,
    answers: HashMap<Box<[u8]>, Answer, RandomState>,
    /// Keys by last use.
    used: BTreeMap<u64, Box<[u8]>>,
    uses: u64,
    /// Rows of all answers; no row counts as one.
    rows: usize,
}

struct Answer {
    rows: Vec<Box<[u8]>>,
    written: i64,
    accessed: i64,
    used: u64,
}

impl Answer {
    fn weight(&self) -> usize {
        self.rows.len().max(1)
    }
}

impl Cache {
    fn new(options: LookupCacheOptions, schema: SchemaRef) -> Result<Self, OperatorError> {
        let fields: Vec<SortField> = schema
            .fields()
            .iter()
            .map(|field| SortField::new(field.data_type().clone()))
            .collect();
        if !RowConverter::supports_fields(&fields) {
            return Err(OperatorError::Row(format!(
                "rows of type {schema} cannot be cached by a lookup join: a column type is not \
                 supported; leave the column out, or turn the cache off"
            )));
        }
        let converter = RowConverter::new(fields)?;
        Ok(Self {
            options,
            schema,
            parser: converter.parser(),
            converter,
            answers: HashMap::default(),
            used: BTreeMap::new(),
            uses: 0,
            rows: 0,
        })
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(answer) = self.answers.remove(key) {
            self.rows -= answer.weight();
            self.used.remove(&answer.used);
        }
    }

    fn get(&mut self, key: &[u8], now: i64) -> Result<Option<RecordBatch>, OperatorError> {
        let Some(answer) = self.answers.get_mut(key) else {
            return Ok(None);
        };
        let is_over = |since: i64, after: Option<i64>| {
            after.is_some_and(|after| since.saturating_add(after) <= now)
        };
        if is_over(answer.written, self.options.expire_after_write_millis)
            || is_over(answer.accessed, self.options.expire_after_access_millis)
        {
            self.remove(key);
            return Ok(None);
        }
        answer.accessed = now;
        self.uses += 1;
        let before = std::mem::replace(&mut answer.used, self.uses);
        if let Some(key) = self.used.remove(&before) {
            self.used.insert(self.uses, key);
        }
        let rows = answer.rows.iter().map(|row| self.parser.parse(row));
        let columns = self.converter.convert_rows(rows)?;
        Ok(Some(RecordBatch::try_new(
            Arc::clone(&self.schema),
            columns,
        )?))
    }

    fn put(&mut self, key: &[u8], rows: &RecordBatch, now: i64) -> Result<(), OperatorError> {
        self.remove(key);
        if rows.num_rows() == 0 && !self.options.missing_keys {
            return Ok(());
        }
        let encoded = self.converter.convert_columns(rows.columns())?;
        self.uses += 1;
        let answer = Answer {
            rows: encoded.iter().map(|row| row.data().into()).collect(),
            written: now,
            accessed: now,
            used: self.uses,
        };
        self.rows += answer.weight();
        self.answers.insert(key.into(), answer);
        self.used.insert(self.uses, key.into());
        while self.rows > self.options.max_rows {
            let Some((_, oldest)) = self.used.pop_first() else {
                break;
            };
            self.remove(&oldest);
        }
        Ok(())
    }
}

/// Wakes the thread that waits for calls.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs calls, `in_flight` at once, and gives their answers in order.
fn run_all(
    calls: Vec<LookupFuture<'_>>,
    in_flight: usize,
    timeout: Duration,
) -> Result<Vec<LookupRows>, OperatorError> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut answers: Vec<Option<LookupRows>> = calls.iter().map(|_| None).collect();
    let mut waiting: VecDeque<_> = calls.into_iter().enumerate().collect();
    let mut running: Vec<(usize, LookupFuture<'_>, Instant)> = Vec::new();
    loop {
        while running.len() < in_flight.max(1)
            && let Some((number, call)) = waiting.pop_front()
        {
            running.push((number, call, Instant::now() + timeout));
        }
        let under_way = running.len();
        let mut failed = None;
        running.retain_mut(|(number, call, _)| match call.as_mut().poll(&mut context) {
            Poll::Pending => true,
            Poll::Ready(Ok(rows)) => {
                answers[*number] = Some(rows);
                false
            }
            Poll::Ready(Err(error)) => {
                failed = Some(error);
                false
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if running.is_empty() && waiting.is_empty() {
            return Ok(answers.into_iter().flatten().collect());
        }
        if running.len() < under_way {
            continue;
        }
        let now = Instant::now();
        let next = running.iter().map(|(_, _, deadline)| *deadline).min();
        match next.map(|deadline| deadline.saturating_duration_since(now)) {
            Some(left) if left.is_zero() => {
                return Err(OperatorError::Row(format!(
                    "a lookup took longer than {} ms; raise the timeout (table.exec.async-lookup.\
                     timeout), or see why the table does not answer",
                    timeout.as_millis()
                )));
            }
            Some(left) => std::thread::park_timeout(left),
            None => {}
        }
    }
}

/// A lookup table that is held in memory: what was read from a bounded source.
#[derive(Debug)]
pub struct MemoryTable {
    rows: RecordBatch,
    encoder: KeyEncoder,
    /// The key's rows.
    of_key: HashMap<Box<[u8]>, Vec<u32>, RandomState>,
}

impl MemoryTable {
    /// The rows of `batches`, all of `schema`, by the columns `key`.
    pub fn new(
        schema: &SchemaRef,
        key: &[usize],
        batches: &[RecordBatch],
    ) -> Result<Self, OperatorError> {
        let rows = concat_batches(schema, batches)?;
        let keys = KeyEncoder::new(schema, key)?.encode(&rows)?;
        let mut of_key: HashMap<Box<[u8]>, Vec<u32>, RandomState> = HashMap::default();
        for row in 0..rows.num_rows() {
            match of_key.get_mut(keys.key(row)) {
                Some(rows) => rows.push(row as u32),
                None => {
                    of_key.insert(keys.key(row).into(), vec![row as u32]);
                }
            }
        }
        let all: Vec<usize> = (0..key.len()).collect();
        Ok(Self {
            encoder: KeyEncoder::new(&schema.project(key)?, &all)?,
            of_key,
            rows,
        })
    }

    fn find(&self, keys: &RecordBatch) -> Result<LookupRows, OperatorError> {
        let encoded = self.encoder.encode(keys)?;
        let (mut rows, mut of) = (Vec::new(), Vec::new());
        for key in 0..keys.num_rows() {
            if let Some(found) = self.of_key.get(encoded.key(key)) {
                rows.extend_from_slice(found);
                of.resize(rows.len(), key as u32);
            }
        }
        Ok(LookupRows {
            rows: take_record_batch(&self.rows, &UInt32Array::from(rows))?,
            keys: of,
        })
    }
}

impl LookupTable for MemoryTable {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn lookup(&self, keys: RecordBatch) -> LookupFuture<'_> {
        Box::pin(std::future::ready(self.find(&keys)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};

    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use datafusion_expr::Operator as Op;
    use datafusion_physical_expr::expressions::{Column, binary, lit};
    use millstream_functions::RowKind;

    use super::*;
    use crate::harness::{rows_text, with_context};

    fn left(rows: &[(Option<i64>, &str)]) -> RecordBatch {
        let k = Int64Array::from_iter(rows.iter().map(|r| r.0));
        let v = StringArray::from_iter_values(rows.iter().map(|r| r.1));
        RecordBatch::try_from_iter_with_nullable([
            ("k", Arc::new(k) as ArrayRef, true),
            ("v", Arc::new(v) as _, true),
        ])
        .unwrap()
    }

    fn right(rows: &[(i64, &str)]) -> RecordBatch {
        left(&rows.iter().map(|&(k, v)| (Some(k), v)).collect::<Vec<_>>())
    }

    fn joined() -> SchemaRef {
        let one = left(&[]).schema();
        Arc::new(Schema::new(
            one.fields()
                .iter()
                .chain(one.fields())
                .cloned()
                .collect::<Vec<_>>(),
        ))
    }

    fn spec(kind: JoinKind) -> LookupJoinSpec {
        LookupJoinSpec {
            kind,
            keys: vec![0],
            condition: None,
            options: LookupOptions {
                keys_per_call: 2,
                ..LookupOptions::default()
            },
        }
    }

    /// What comes out for each batch; the clock is at 0, 1000, 2000, ….
    fn run(
        spec: &LookupJoinSpec,
        table: Arc<dyn LookupTable>,
        batches: &[Batch],
    ) -> Result<Vec<Vec<String>>, OperatorError> {
        let clock = Arc::new(AtomicI64::new(0));
        with_context(|context| {
            let mut context = context.clone();
            let now = Arc::clone(&clock);
            context.clock = Clock::new(move || now.load(SeqCst));
            let schema = left(&[]).schema();
            let mut join = LookupJoin::with_schema(&context, &schema, table, spec, joined())?;
            let mut rows = Vec::new();
            for batch in batches {
                let mut out = Output::default();
                join.process(0, batch.clone(), &mut out)?;
                let texts = out
                    .take()
                    .iter()
                    .map(rows_text)
                    .collect::<Result<Vec<_>, _>>()?;
                rows.push(texts.concat());
                clock.fetch_add(1_000, SeqCst);
            }
            Ok(rows)
        })
    }

    fn memory(rows: &[(i64, &str)]) -> Arc<dyn LookupTable> {
        let rows = right(rows);
        Arc::new(MemoryTable::new(&rows.schema(), &[0], &[rows]).unwrap())
    }

    #[test]
    fn rows_are_joined_with_what_the_table_has() {
        let table = memory(&[(1, "x"), (2, "y"), (1, "z")]);
        let mut batch = Batch::append(
            left(&[
                (Some(1), "a"),
                (None, "b"),
                (Some(3), "c"),
                (Some(2), "d"),
                (Some(1), "e"),
            ]),
            0,
        );
        batch.kinds = Some(
            [4, 0, 0, 0, 1]
                .map(|k| RowKind::from_byte(k).unwrap_or_default())
                .into(),
        );
        let rows = [
            "+I[1, a, 1, x]",
            "+I[1, a, 1, z]",
            "+I[null, b, null, null]",
            "+I[3, c, null, null]",
            "+I[2, d, 2, y]",
            "-U[1, e, 1, x]",
            "-U[1, e, 1, z]",
        ];
        let batches = [batch];
        let spec_left = spec(JoinKind::Left);
        assert_eq!(
            run(&spec_left, Arc::clone(&table), &batches).unwrap()[0],
            rows
        );
        let inner: Vec<_> = rows.iter().filter(|r| !r.contains("null")).collect();
        let spec_inner = spec(JoinKind::Inner);
        let given = run(&spec_inner, Arc::clone(&table), &batches).unwrap();
        assert_eq!(given[0].iter().collect::<Vec<_>>(), inner);

        let mut filtered = spec(JoinKind::Left);
        let name = Arc::new(Column::new("v", 3));
        filtered.condition = Some(binary(name, Op::NotEq, lit("x"), &joined()).unwrap());
        let rows = run(
            &filtered,
            table,
            &[Batch::append(left(&[(Some(1), "a")]), 0)],
        )
        .unwrap();
        assert_eq!(rows[0], ["+I[1, a, 1, z]"]);
    }

    /// Says how often it was asked; answers from another thread, the first call last.
    struct Remote {
        rows: Mutex<Vec<(i64, &'static str)>>,
        calls: AtomicUsize,
        under_way: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
        never: bool,
    }

    impl Remote {
        fn new(rows: &[(i64, &'static str)]) -> Arc<Self> {
            Arc::new(Self {
                rows: Mutex::new(rows.to_vec()),
                calls: AtomicUsize::new(0),
                under_way: Arc::default(),
                most: Arc::default(),
                never: false,
            })
        }
    }

    impl LookupTable for Remote {
        fn schema(&self) -> SchemaRef {
            left(&[]).schema()
        }

        fn lookup(&self, keys: RecordBatch) -> LookupFuture<'_> {
            if self.never {
                return Box::pin(std::future::pending());
            }
            let call = self.calls.fetch_add(1, SeqCst) as u64;
            let rows = self.rows.lock().unwrap().clone();
            let (under_way, most) = (Arc::clone(&self.under_way), Arc::clone(&self.most));
            Box::pin(async move {
                most.fetch_max(under_way.fetch_add(1, SeqCst) + 1, SeqCst);
                let mut begun = false;
                std::future::poll_fn(|context| {
                    if begun {
                        return Poll::Ready(());
                    }
                    begun = true;
                    let waker = context.waker().clone();
                    std::thread::spawn(move || {
                        std::thread::sleep(Duration::from_millis(20u64.saturating_sub(call)));
                        waker.wake();
                    });
                    Poll::Pending
                })
                .await;
                under_way.fetch_sub(1, SeqCst);
                let rows = right(&rows);
                MemoryTable::new(&rows.schema(), &[0], &[rows])?.find(&keys)
            })
        }
    }

    #[test]
    fn so_many_calls_are_under_way_at_once_and_the_order_stays() {
        let table = Remote::new(&[(1, "x"), (2, "y"), (7, "z")]);
        let mut spec = spec(JoinKind::Left);
        (spec.options.in_flight, spec.options.keys_per_call) = (3, 1);
        let keys: Vec<(Option<i64>, &str)> = (0..9).map(|k| (Some(k), "v")).collect();
        let rows = run(&spec, table.clone(), &[Batch::append(left(&keys), 0)]).unwrap();
        assert_eq!(rows[0].len(), 9);
        assert_eq!(rows[0][1], "+I[1, v, 1, x]");
        assert_eq!(rows[0][3], "+I[3, v, null, null]");
        assert_eq!(rows[0][7], "+I[7, v, 7, z]");
        assert_eq!(table.calls.load(SeqCst), 9);
        assert_eq!(table.most.load(SeqCst), 3);
    }

    #[test]
    fn answers_are_kept_for_a_time() {
        let table = Remote::new(&[(1, "x")]);
        let mut spec = spec(JoinKind::Left);
        spec.options.cache = Some(LookupCacheOptions {
            max_rows: 2,
            expire_after_write_millis: Some(3_000),
            expire_after_access_millis: None,
            missing_keys: true,
        });
        let batch = |k| Batch::append(left(&[(Some(k), "v")]), 0);
        let batches = [
            batch(1),
            batch(1),
            batch(2),
            batch(1),
            batch(1),
            batch(3),
            batch(2),
        ];
        let rows = run(&spec, table.clone(), &batches).unwrap().concat();
        assert_eq!(rows[1], "+I[1, v, 1, x]");
        assert_eq!(rows[2], "+I[2, v, null, null]");
        // 1; 2 at 2000; 1 again at 3000; 3, which pushes 2 out; 2 again.
        assert_eq!(table.calls.load(SeqCst), 5);
    }

    #[test]
    fn keys_without_a_row_are_asked_for_again() {
        let table = Remote::new(&[(1, "x")]);
        let mut spec = spec(JoinKind::Left);
        spec.options.retry = Some(LookupRetry {
            max_attempts: 3,
            delay_millis: 1,
        });
        let batch = Batch::append(left(&[(Some(1), "v"), (Some(2), "v")]), 0);
        let rows = run(&spec, table.clone(), &[batch]).unwrap().concat();
        assert_eq!(rows, ["+I[1, v, 1, x]", "+I[2, v, null, null]"]);
        assert_eq!(table.calls.load(SeqCst), 3);
    }

    #[test]
    fn a_table_that_does_not_answer_fails_the_job() {
        let table = Remote {
            never: true,
            rows: Mutex::default(),
            calls: AtomicUsize::new(0),
            under_way: Arc::default(),
            most: Arc::default(),
        };
        let mut spec = spec(JoinKind::Inner);
        spec.options.timeout_millis = 20;
        let batch = Batch::append(left(&[(Some(1), "v")]), 0);
        let error = run(&spec, Arc::new(table), &[batch])
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("a lookup took longer than 20 ms;"),
            "{error}"
        );
    }
}
