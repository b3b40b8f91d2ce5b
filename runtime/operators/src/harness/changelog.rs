//! The runner for operators whose input is a changelog and that look at the wall clock.
//!
//! As [`Harness`](super::Harness): whole, in small batches, and killed and restored at other
//! parallelisms. Rows have kinds and arrive at times of processing, which a clock shows that only the
//! harness moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::RecordBatch;
use millstream_functions::RowKind;
use millstream_state::backend::StateBackend;
use millstream_state::manifest::Manifest;

use super::disturbed::{Attempt, Beginning, checked, checkpoint, instances, killed};
use super::{Factory, Home, rows_text};
use crate::batch::{Batch, Watermark};
use crate::exchange::HashPartitioner;
use crate::operator::{Clock, Operator, OperatorContext, OperatorError, Output};

/// What a test does with all that came out, before it is compared between runs.
pub type Fold = dyn Fn(Vec<String>) -> Vec<String>;

/// An operator with one input, and that input.
pub struct ChangelogHarness<'a> {
    factory: Box<Factory<'a>>,
    key: Vec<usize>,
    rows: RecordBatch,
    kinds: Vec<RowKind>,
    /// When each row arrives, in milliseconds, never falling.
    times: Vec<i64>,
    /// When the input ends.
    end: i64,
    clock: Arc<AtomicI64>,
    fold: Box<Fold>,
}

impl<'a> ChangelogHarness<'a> {
    /// The operator that `factory` makes, over `rows` of these kinds partitioned by the columns
    /// `key`. All arrive at time 0, without watermarks until the greatest at the end.
    pub fn new(
        factory: impl Fn(&OperatorContext) -> Result<Box<dyn Operator>, OperatorError> + 'a,
        key: &[usize],
        rows: RecordBatch,
        kinds: Vec<RowKind>,
    ) -> Self {
        assert_eq!(rows.num_rows(), kinds.len(), "one kind a row");
        Self {
            factory: Box::new(factory),
            key: key.to_vec(),
            times: vec![0; kinds.len()],
            end: 0,
            rows,
            kinds,
            clock: Arc::default(),
            fold: Box::new(|mut rows| {
                rows.sort();
                rows
            }),
        }
    }

    /// Rows arrive at these times, and the input ends at `end`. Operators hear of each
    /// ([`Operator::tick`]).
    pub fn at(mut self, times: Vec<i64>, end: i64) -> Self {
        assert_eq!(self.kinds.len(), times.len(), "one time a row");
        assert!(times.is_sorted(), "time does not run backwards");
        self.times = times;
        self.end = end;
        self
    }

    /// Runs are compared by what `fold` makes of their rows, instead of the sorted rows: what comes
    /// out may depend on how the rows were bundled.
    pub fn compared_by(mut self, fold: impl Fn(Vec<String>) -> Vec<String> + 'static) -> Self {
        self.fold = Box::new(fold);
        self
    }

    /// Runs undisturbed, at parallelism 1 and in batches of `batch_rows` at most: the rows that came
    /// out, in order, as `+I[a, 1]`.
    pub fn run(&self, batch_rows: usize) -> Result<Vec<String>, OperatorError> {
        let home = Home::new()?;
        let backend = home.start(None)?;
        let mut run = ChangelogRun::new(self, &Beginning::fresh(&backend))?;
        while run.position < self.kinds.len() {
            run.feed(batch_rows)?;
            run.housekeeping()?;
        }
        run.finish()?;
        Ok(run.out)
    }

    /// Runs with checkpoints, kills and restores at places that `seed` decides; what was committed,
    /// in order.
    pub fn run_killed(&self, seed: u64) -> Result<Vec<String>, OperatorError> {
        self.killed(seed)
    }

    fn killed(&self, seed: u64) -> Result<Vec<String>, OperatorError> {
        killed(seed, self.kinds.len(), |start| {
            ChangelogRun::new(self, &start)
        })
    }

    /// Runs undisturbed, in small batches, and disturbed in `times` ways; fails the test if any
    /// differs. Returns the rows of the undisturbed run in the order they came out.
    pub fn check(&self, times: u64) -> Vec<String> {
        checked(
            times,
            &self.fold,
            |rows| self.run(rows),
            |seed| self.killed(seed),
        )
    }
}

/// The relation that a changelog with `-U` and `-D` stands for, sorted. Panics if a row is taken
/// back that is not there: such a changelog contradicts itself.
pub fn materialized(changelog: Vec<String>) -> Vec<String> {
    let mut rows: BTreeMap<String, usize> = BTreeMap::new();
    for line in changelog {
        let (kind, row) = line.split_at(2);
        if matches!(kind, "+I" | "+U") {
            *rows.entry(row.to_owned()).or_default() += 1;
        } else {
            match rows.get_mut(row) {
                Some(count) if *count > 0 => *count -= 1,
                _ => panic!("{line} takes back a row that is not there"),
            }
        }
    }
    rows.retain(|_, count| *count > 0);
    let times = |(row, count)| std::iter::repeat_n(row, count);
    rows.into_iter().flat_map(times).collect()
}

/// An empty state, for tests that call an operator themselves.
pub struct Alone {
    backend: Arc<StateBackend>,
    clock: Clock,
    _home: Home,
}

impl Alone {
    /// An empty state; operators over it read this clock.
    pub fn new(clock: Clock) -> Result<Self, OperatorError> {
        let home = Home::new()?;
        Ok(Self {
            backend: home.start(None)?,
            clock,
            _home: home,
        })
    }

    /// The context of the only instance of the operator `uid`.
    pub fn context(&self, uid: &str) -> OperatorContext {
        OperatorContext {
            uid: uid.to_owned(),
            subtask: 0,
            parallelism: 1,
            key_groups: 0..self.backend.max_parallelism(),
            backend: Arc::clone(&self.backend),
            clock: self.clock.clone(),
        }
    }
}

/// All instances of the operator from one start to the next.
struct ChangelogRun<'h, 'a> {
    harness: &'h ChangelogHarness<'a>,
    operators: Vec<Box<dyn Operator>>,
    partitioner: HashPartitioner,
    position: usize,
    out: Vec<String>,
}

impl<'h, 'a> ChangelogRun<'h, 'a> {
    fn new(
        harness: &'h ChangelogHarness<'a>,
        start: &Beginning<'_>,
    ) -> Result<Self, OperatorError> {
        let operators = instances(&harness.factory, start, || {
            let clock = Arc::clone(&harness.clock);
            Clock::new(move || clock.load(Ordering::Relaxed))
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

    fn tick(&mut self, now: i64) -> Result<(), OperatorError> {
        self.harness.clock.store(now, Ordering::Relaxed);
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

impl Attempt for ChangelogRun<'_, '_> {
    fn position(&self) -> usize {
        self.position
    }

    /// Feeds rows that arrive at the same time.
    fn feed(&mut self, count: usize) -> Result<(), OperatorError> {
        let (harness, position) = (self.harness, self.position);
        let rest = &harness.times[position..];
        let now = rest[0];
        let same = rest.iter().take_while(|&&time| time == now).count();
        let count = count.min(same);
        self.tick(now)?;
        let mut batch = Batch::append(harness.rows.slice(position, count), 0);
        batch.kinds = Some(harness.kinds[position..position + count].into());
        let mut parts = Vec::new();
        self.partitioner
            .partition(batch, |target, part| parts.push((target, part)))?;
        let mut out = Output::default();
        for (target, part) in parts {
            self.operators[target].process(0, part, &mut out)?;
        }
        self.print(&mut out)?;
        self.position += count;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), OperatorError> {
        self.tick(self.harness.end)?;
        let mut out = Output::default();
        for operator in &mut self.operators {
            operator.advance(Watermark::MAX, &mut out)?;
        }
        self.print(&mut out)
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
        let mut out = Output::default();
        for operator in &mut self.operators {
            operator.before_barrier(&mut out)?;
        }
        self.print(&mut out)?;
        checkpoint(&mut self.operators, backend, epoch)
    }

    fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out)
    }
}
