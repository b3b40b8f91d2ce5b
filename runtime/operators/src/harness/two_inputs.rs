//! The runner for operators of two inputs.
//!
//! Two changelogs are interleaved row by row, in an order that a test gives or a seed decides; the
//! clock may move between rows. The operator runs undisturbed, in small batches, and killed and
//! restored at other parallelisms; each time the same multiset of rows must come out.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use arrow::array::RecordBatch;
use millstream_functions::RowKind;
use millstream_state::backend::StateBackend;
use millstream_state::manifest::Manifest;

use super::disturbed::{Attempt, Beginning, checked, checkpoint, instances, killed, sorted};
use super::{Factory, Home, Random, UID, rows_text};
use crate::batch::{Batch, Watermark};
use crate::exchange::HashPartitioner;
use crate::operator::{Clock, Operator, OperatorContext, OperatorError, Output};

/// One input: rows with their kinds, the watermark behind each, and the key they are partitioned
/// by.
#[derive(Debug, Clone)]
pub struct Input {
    key: Vec<usize>,
    rows: RecordBatch,
    kinds: Option<Vec<RowKind>>,
    watermarks: Vec<i64>,
}

impl Input {
    /// Inserts without event time.
    pub fn new(key: &[usize], rows: RecordBatch) -> Self {
        Self {
            key: key.to_vec(),
            watermarks: vec![i64::MIN; rows.num_rows()],
            rows,
            kinds: None,
        }
    }

    /// With these kinds of rows.
    pub fn kinds(mut self, kinds: Vec<RowKind>) -> Self {
        assert_eq!(kinds.len(), self.rows.num_rows(), "one kind a row");
        self.kinds = Some(kinds);
        self
    }

    /// With this watermark behind each row.
    pub fn watermarks(mut self, watermarks: Vec<i64>) -> Self {
        assert_eq!(
            watermarks.len(),
            self.rows.num_rows(),
            "one watermark a row"
        );
        self.watermarks = watermarks;
        self
    }

    fn batch(&self, position: usize, count: usize) -> Batch {
        let mut batch = Batch::append(self.rows.slice(position, count), 0);
        batch.kinds = self
            .kinds
            .as_ref()
            .map(|kinds| kinds[position..position + count].into());
        batch.watermarks = Some(self.watermarks[position..position + count].to_vec().into());
        batch
    }
}

/// Gives `test` the context of an operator with all key groups and an empty state.
pub fn with_context<T>(
    test: impl FnOnce(&OperatorContext) -> Result<T, OperatorError>,
) -> Result<T, OperatorError> {
    let home = Home::new()?;
    let backend = home.start(None)?;
    test(&OperatorContext {
        uid: UID.to_owned(),
        subtask: 0,
        parallelism: 1,
        key_groups: 0..backend.max_parallelism(),
        backend,
        clock: Clock::new(|| 0),
    })
}

/// An operator and its two inputs.
pub struct TwoInputs<'a> {
    factory: Box<Factory<'a>>,
    inputs: [Input; 2],
    /// Which input each next row is of.
    order: Vec<usize>,
    /// The clock at each row of the order.
    times: Vec<i64>,
    /// The clock after the last row.
    end: i64,
}

impl<'a> TwoInputs<'a> {
    /// The operator that `factory` makes; first all of `left`, then all of `right`.
    pub fn new(
        factory: impl Fn(&OperatorContext) -> Result<Box<dyn Operator>, OperatorError> + 'a,
        left: Input,
        right: Input,
    ) -> Self {
        let order: Vec<usize> = std::iter::repeat_n(0, left.rows.num_rows())
            .chain(std::iter::repeat_n(1, right.rows.num_rows()))
            .collect();
        Self {
            factory: Box::new(factory),
            times: vec![0; order.len()],
            inputs: [left, right],
            order,
            end: 0,
        }
    }

    /// Takes the rows in this order: 0 is the next left row, 1 the next right one.
    pub fn order(mut self, order: Vec<usize>) -> Self {
        for side in [0, 1] {
            let rows = order.iter().filter(|&&of| of == side).count();
            assert_eq!(rows, self.inputs[side].rows.num_rows(), "rows of {side}");
        }
        self.order = order;
        self
    }

    /// Takes the rows in an order that `seed` decides.
    pub fn interleaved(self, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut left = [
            self.inputs[0].rows.num_rows(),
            self.inputs[1].rows.num_rows(),
        ];
        let mut order = Vec::new();
        while left[0] + left[1] > 0 {
            let side = usize::from(random.below(left[0] + left[1]) >= left[0]);
            left[side] -= 1;
            order.push(side);
        }
        self.order(order)
    }

    /// Sets the clock to these times, one for each row in its order, and `end` at last.
    pub fn clock(mut self, times: Vec<i64>, end: i64) -> Self {
        assert_eq!(times.len(), self.order.len(), "one time a row");
        self.times = times;
        self.end = end;
        self
    }

    /// Runs undisturbed, at parallelism 1 and in batches of up to `batch_rows` rows of one input: the
    /// rows that came out, in order, as `+I[a, 1]`.
    pub fn run(&self, batch_rows: usize) -> Result<Vec<String>, OperatorError> {
        Ok(self.run_each(batch_rows)?.concat())
    }

    /// As [`run`](Self::run), apart for each batch and for the end of the inputs.
    pub fn run_each(&self, batch_rows: usize) -> Result<Vec<Vec<String>>, OperatorError> {
        let home = Home::new()?;
        let backend = home.start(None)?;
        let mut run = Run::new(self, &Beginning::fresh(&backend))?;
        let mut out = Vec::new();
        while run.position < self.order.len() {
            run.feed(batch_rows)?;
            run.housekeeping()?;
            out.push(std::mem::take(&mut run.out));
        }
        run.finish()?;
        out.push(std::mem::take(&mut run.out));
        Ok(out)
    }

    /// Runs with checkpoints, kills and restores at places that `seed` decides; what was committed,
    /// sorted.
    pub fn run_killed(&self, seed: u64) -> Result<Vec<String>, OperatorError> {
        self.killed(seed).map(sorted)
    }

    fn killed(&self, seed: u64) -> Result<Vec<String>, OperatorError> {
        killed(seed, self.order.len(), |start| Run::new(self, &start))
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

/// All instances of the operator from one start to the next.
struct Run<'h, 'a> {
    test: &'h TwoInputs<'a>,
    operators: Vec<Box<dyn Operator>>,
    partitioners: [HashPartitioner; 2],
    clock: Arc<AtomicI64>,
    /// The next place of the order, and of each input.
    position: usize,
    next: [usize; 2],
    reached: [Watermark; 2],
    out: Vec<String>,
}

impl<'h, 'a> Run<'h, 'a> {
    fn new(test: &'h TwoInputs<'a>, start: &Beginning<'_>) -> Result<Self, OperatorError> {
        let (parallelism, position) = (start.parallelism, start.position);
        let groups = start.backend.max_parallelism();
        let clock = Arc::new(AtomicI64::new(0));
        let operators = instances(&test.factory, start, || {
            let clock = Arc::clone(&clock);
            Clock::new(move || clock.load(Relaxed))
        })?;
        let partitioner = |input: &Input| {
            HashPartitioner::new(&input.rows.schema(), &input.key, parallelism, groups)
        };
        let [left, right] = &test.inputs;
        let mut next = [0, 0];
        test.order[..position].iter().for_each(|&of| next[of] += 1);
        // Where event time had come to is part of what the rows before `position` did.
        let reached = [0, 1].map(|side: usize| {
            let behind = &test.inputs[side].watermarks[..next[side]];
            Watermark(behind.iter().copied().max().unwrap_or(i64::MIN))
        });
        Ok(Self {
            operators,
            partitioners: [partitioner(left)?, partitioner(right)?],
            clock,
            position,
            reached,
            next,
            test,
            out: Vec::new(),
        })
    }

    /// An input without rows is at its end.
    fn lowest(&self) -> Watermark {
        let at = |side: usize| {
            if self.test.inputs[side].rows.num_rows() == 0 {
                Watermark::MAX
            } else {
                self.reached[side]
            }
        };
        at(0).min(at(1))
    }

    fn advance(&mut self, watermark: Watermark) -> Result<(), OperatorError> {
        let mut out = Output::default();
        for operator in &mut self.operators {
            operator.advance(watermark, &mut out)?;
        }
        self.print(&mut out)
    }

    /// Moves the clock.
    fn tick(&mut self, now: i64) -> Result<(), OperatorError> {
        self.clock.store(now, Relaxed);
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

    /// Feeds up to `count` rows of the next input, as long as the clock stands still.
    fn feed(&mut self, count: usize) -> Result<(), OperatorError> {
        let test = self.test;
        let (side, time) = (test.order[self.position], test.times[self.position]);
        let run = (self.position..test.order.len())
            .take(count)
            .take_while(|&i| test.order[i] == side && test.times[i] == time)
            .count();
        self.tick(time)?;
        let mut batch = test.inputs[side].batch(self.next[side], run);
        if let Some(&last) = batch.watermarks.as_ref().and_then(|w| w.last()) {
            self.reached[side] = self.reached[side].max(Watermark(last));
        }
        self.position += run;
        self.next[side] += run;
        let other = 1 - side;
        let limit = if test.inputs[other].rows.num_rows() == 0 {
            Watermark::MAX
        } else {
            self.reached[other]
        };
        batch.cap_watermarks(limit);
        let mut parts = Vec::new();
        self.partitioners[side].partition(batch, |target, part| parts.push((target, part)))?;
        let mut out = Output::default();
        for (target, part) in parts {
            self.operators[target].process(side, part, &mut out)?;
        }
        self.print(&mut out)?;
        self.advance(self.lowest())
    }

    fn finish(&mut self) -> Result<(), OperatorError> {
        self.tick(self.test.end)?;
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
        checkpoint(&mut self.operators, backend, epoch)
    }

    fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out)
    }
}
