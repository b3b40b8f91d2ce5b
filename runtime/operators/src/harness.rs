//! The runner that every operator's tests go through.
//!
//! A test gives the rows and the watermark behind each; the harness runs them undisturbed, and again
//! with checkpoints at random places, kills, and restores at another parallelism that replay from
//! the last checkpoint. What comes out must be the same multiset of rows every time.

pub mod changelog;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use millstream_functions::RowKind;
use millstream_state::backend::{StateBackend, StateOptions};
use millstream_state::manifest::{JobIdentity, Manifest};
use millstream_state::state_dir::{Start, StateDir};

use crate::batch::{Batch, Watermark};
use crate::exchange::HashPartitioner;
use crate::operator::{Clock, Operator, OperatorContext, OperatorError, Output};

mod disturbed;
mod two_inputs;

use disturbed::{Attempt, Beginning, checked, checkpoint, instances, killed, sorted};
pub use two_inputs::{Input, TwoInputs, with_context};

/// Makes one instance of the operator under test.
pub type Factory<'a> = dyn Fn(&OperatorContext) -> Result<Box<dyn Operator>, OperatorError> + 'a;

/// The operator's uid in the tests' backend.
const UID: &str = "test/operator";

/// An operator and its input.
pub struct Harness<'a> {
    factory: Box<Factory<'a>>,
    key: Vec<usize>,
    rows: RecordBatch,
    watermarks: Vec<i64>,
    /// The kind of each row; `None` means that all are inserts.
    kinds: Option<Vec<RowKind>>,
    /// What the wall clock shows, and what it shows when each row arrives.
    times: Option<(Arc<AtomicI64>, Vec<i64>)>,
}

impl<'a> Harness<'a> {
    /// The operator that `factory` makes, over `rows` partitioned by the columns `key`; behind each
    /// row the watermark is as given, and [`Watermark::MAX`] at the end.
    pub fn new(
        factory: impl Fn(&OperatorContext) -> Result<Box<dyn Operator>, OperatorError> + 'a,
        key: &[usize],
        rows: RecordBatch,
        watermarks: Vec<i64>,
    ) -> Self {
        assert_eq!(rows.num_rows(), watermarks.len(), "one watermark a row");
        Self {
            factory: Box::new(factory),
            key: key.to_vec(),
            rows,
            watermarks,
            kinds: None,
            times: None,
        }
    }

    /// The operator over a changelog: the kind of each row. Event time stands still.
    pub fn changelog(
        factory: impl Fn(&OperatorContext) -> Result<Box<dyn Operator>, OperatorError> + 'a,
        key: &[usize],
        rows: RecordBatch,
        kinds: Vec<RowKind>,
    ) -> Self {
        assert_eq!(rows.num_rows(), kinds.len(), "one kind a row");
        let watermarks = vec![i64::MIN; kinds.len()];
        let mut harness = Self::new(factory, key, rows, watermarks);
        harness.kinds = Some(kinds);
        harness
    }

    /// Moves the wall clock by hand: what it shows when each row arrives, never falling. The
    /// operator is told of the time before a row and before every checkpoint.
    #[must_use]
    pub fn with_clock(mut self, times: Vec<i64>) -> Self {
        assert_eq!(self.rows.num_rows(), times.len(), "one time a row");
        self.times = Some((Arc::new(AtomicI64::new(0)), times));
        self
    }

    /// As [`new`](Self::new), with the watermark `delay` milliseconds behind the largest value of
    /// the column `rowtime` so far.
    pub fn with_delay(
        factory: impl Fn(&OperatorContext) -> Result<Box<dyn Operator>, OperatorError> + 'a,
        key: &[usize],
        rows: RecordBatch,
        rowtime: usize,
        delay: i64,
    ) -> Result<Self, OperatorError> {
        let times = crate::time::rowtime_millis(rows.column(rowtime), "rowtime")?;
        let mut highest = 0;
        let watermarks = times
            .iter()
            .map(|time| {
                highest = highest.max(time - delay);
                if highest > 0 { highest } else { i64::MIN }
            })
            .collect();
        Ok(Self::new(factory, key, rows, watermarks))
    }

    /// Runs undisturbed, at parallelism 1 and in batches of `batch_rows`: the rows that came out,
    /// in order, as `+I[a, 1]`.
    pub fn run(&self, batch_rows: usize) -> Result<Vec<String>, OperatorError> {
        let home = Home::new()?;
        let backend = home.start(None)?;
        let mut run = Run::new(self, &Beginning::fresh(&backend))?;
        while run.position < self.rows.num_rows() {
            run.feed(batch_rows)?;
            run.housekeeping()?;
        }
        run.finish()?;
        Ok(run.out)
    }

    /// Runs with checkpoints, kills and restores at places that `seed` decides; what was committed,
    /// sorted.
    pub fn run_killed(&self, seed: u64) -> Result<Vec<String>, OperatorError> {
        self.killed(seed).map(sorted)
    }

    fn killed(&self, seed: u64) -> Result<Vec<String>, OperatorError> {
        killed(seed, self.rows.num_rows(), |start| Run::new(self, &start))
    }

    /// Runs undisturbed, and then disturbed in `times` ways; fails the test if any differs. Returns
    /// the rows in the order they came out.
    pub fn check(&self, times: u64) -> Vec<String> {
        checked(
            times,
            sorted,
            |rows| self.run(rows),
            |seed| self.killed(seed),
        )
    }
}

/// The directory of a test's state.
struct Home {
    dir: StateDir,
    _home: tempfile::TempDir,
}

impl Home {
    fn new() -> Result<Self, OperatorError> {
        // In memory where there is such a place: hundreds of checkpoints sync their files.
        let memory = Path::new("/dev/shm");
        let home = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let home = home.map_err(|e| {
            OperatorError::Restore(format!("no temporary directory for the test's state: {e}"))
        })?;
        let job = JobIdentity {
            name: "test".to_owned(),
            fingerprint: "test".to_owned(),
        };
        Ok(Self {
            dir: StateDir::open(home.path(), job, Start::Resume)?,
            _home: home,
        })
    }

    fn start(&self, from: Option<&Manifest>) -> Result<Arc<StateBackend>, OperatorError> {
        let (local, store) = (self.dir.local(), self.dir.store());
        let options = StateOptions {
            memory_budget: 16 << 20,
            ..StateOptions::default()
        };
        Ok(Arc::new(match from {
            Some(manifest) => StateBackend::restore(&local, store, options, manifest)?,
            None => StateBackend::open(&local, store, options)?,
        }))
    }
}

/// All instances of the operator from one start to the next.
struct Run<'h, 'a> {
    harness: &'h Harness<'a>,
    operators: Vec<Box<dyn Operator>>,
    partitioner: HashPartitioner,
    position: usize,
    out: Vec<String>,
}

impl<'h, 'a> Run<'h, 'a> {
    fn new(harness: &'h Harness<'a>, start: &Beginning<'_>) -> Result<Self, OperatorError> {
        let operators = instances(&harness.factory, start, || match &harness.times {
            None => Clock::system(),
            Some((now, _)) => {
                let now = Arc::clone(now);
                Clock::new(move || now.load(Ordering::Relaxed))
            }
        })?;
        Ok(Self {
            harness,
            operators,
            partitioner: HashPartitioner::new(
                &harness.rows.schema(),
                &harness.key,
                start.parallelism,
                start.backend.max_parallelism(),
            )?,
            position: start.position,
            out: Vec::new(),
        })
    }

    fn advance(&mut self, watermark: Watermark) -> Result<(), OperatorError> {
        let mut out = Output::default();
        for operator in &mut self.operators {
            operator.advance(watermark, &mut out)?;
        }
        self.print(&mut out)
    }

    fn tick(&mut self, now: i64) -> Result<(), OperatorError> {
        let mut out = Output::default();
        for operator in &mut self.operators {
            operator.tick(now, &mut out)?;
        }
        self.print(&mut out)
    }

    fn print(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        for batch in out.drain() {
            self.out.extend(rows_text(&batch)?);
        }
        Ok(())
    }
}

impl Attempt for Run<'_, '_> {
    fn position(&self) -> usize {
        self.position
    }

    fn feed(&mut self, count: usize) -> Result<(), OperatorError> {
        let (harness, position) = (self.harness, self.position);
        let mut count = count.min(harness.rows.num_rows() - position);
        if let Some((now, times)) = &harness.times {
            // All rows of a batch arrive at one time.
            let time = times[position];
            let same = times[position..].iter().take_while(|&&other| other == time);
            count = count.min(same.count());
            now.store(time, Ordering::Relaxed);
            self.tick(time)?;
        }
        let mut batch = Batch::append(harness.rows.slice(position, count), 0);
        if let Some(kinds) = &harness.kinds {
            batch.kinds = Some(kinds[position..position + count].into());
        }
        let watermarks = &harness.watermarks[position..position + count];
        batch.watermarks = Some(watermarks.to_vec().into());
        let mut parts = Vec::new();
        self.partitioner
            .partition(batch, |target, part| parts.push((target, part)))?;
        let mut out = Output::default();
        for (target, part) in parts {
            self.operators[target].process(0, part, &mut out)?;
        }
        self.print(&mut out)?;
        if let Some(&last) = watermarks.last() {
            self.advance(Watermark(last))?;
        }
        self.position += count;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), OperatorError> {
        self.advance(Watermark::MAX)
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        self.operators
            .iter_mut()
            .try_for_each(|operator| operator.housekeeping())
    }

    fn checkpoint(
        &mut self,
        backend: &StateBackend,
        epoch: u64,
    ) -> Result<Manifest, OperatorError> {
        if let Some((now, _)) = &self.harness.times {
            self.tick(now.load(Ordering::Relaxed))?;
        }
        checkpoint(&mut self.operators, backend, epoch)
    }

    fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out)
    }
}

/// The rows of a batch as `+I[a, 1]`: NULL as `null`, timestamps as milliseconds since the epoch.
pub fn rows_text(batch: &Batch) -> Result<Vec<String>, OperatorError> {
    let options = FormatOptions::default().with_null("null");
    // Milliseconds keep expected rows in tests short.
    let columns = batch
        .rows
        .columns()
        .iter()
        .map(|column| match column.data_type() {
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                arrow::compute::cast(column, &DataType::Int64)
            }
            _ => Ok(Arc::clone(column)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let formatters = columns
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref() as &dyn Array, &options))
        .collect::<Result<Vec<_>, _>>()?;
    Ok((0..batch.len())
        .map(|row| {
            let values: Vec<String> = formatters
                .iter()
                .map(|formatter| formatter.value(row).to_string())
                .collect();
            let kind: RowKind = batch.kind(row);
            format!("{}[{}]", kind.short(), values.join(", "))
        })
        .collect())
}

/// A small generator of numbers, the same everywhere (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number from 0 to before `limit`, which is above 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.draw() % limit.max(1) as u64) as usize
    }
}
