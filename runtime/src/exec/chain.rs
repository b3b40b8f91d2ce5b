//! The operators of one task, chained by plain calls.
//!
//! Elements go depth first through the operators; what leaves the task is collected in order and
//! sent by the task afterwards, because only sending may have to wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use millstream_operators::{Batch, Operator, OperatorError, Output, Watermark};

use super::channel::Barrier;
use super::metrics::JobMetrics;

/// Where an operator's rows go within a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To an input of another operator of the chain.
    Operator { index: usize, port: usize },
    /// Out of the task, by the exchange of this number.
    Exchange(usize),
}

/// An operator in its chain.
pub struct Link {
    /// The operator's number in the plan.
    pub node: usize,
    /// Its name, for state and messages.
    pub uid: String,
    /// What it does.
    pub operator: Box<dyn Operator>,
    /// The watermark of each input.
    pub inputs: Vec<Watermark>,
    /// Which inputs have nothing for now: event time goes on without them.
    pub idle: Vec<bool>,
    /// How far event time has come.
    pub current: Watermark,
    /// Who reads it.
    pub targets: Vec<Target>,
}

impl Link {
    /// How far event time has come behind the operator.
    fn behind(&self) -> Watermark {
        match self.current {
            Watermark::MIN | Watermark::MAX => self.current,
            Watermark(millis) => Watermark(millis.saturating_sub(self.operator.watermark_delay())),
        }
    }
}

/// What leaves the task.
#[derive(Debug)]
pub enum Outgoing {
    /// Rows for an exchange.
    Batch(usize, Batch),
    /// A watermark for an exchange.
    Watermark(usize, Watermark),
    /// Nothing comes for now.
    Idle(usize),
}

/// An operator's failure and where it happened.
#[derive(Debug, thiserror::Error)]
#[error("{uid}: {error}")]
pub struct ChainError {
    /// The operator's number in the plan.
    pub node: usize,
    /// Its name.
    pub uid: String,
    /// What happened.
    pub error: OperatorError,
}

/// The operators of one task.
pub struct Chain {
    links: Vec<Link>,
    outgoing: Vec<Outgoing>,
    metrics: Arc<JobMetrics>,
    subtask: usize,
}

/// State of an operator that is not keyed.
pub type OperatorBlob = (String, Vec<u8>);

impl Chain {
    /// A chain of operators in topological order.
    pub fn new(links: Vec<Link>, metrics: Arc<JobMetrics>, subtask: usize) -> Self {
        Self {
            links,
            outgoing: Vec::new(),
            metrics,
            subtask,
        }
    }

    /// Sends a batch to each of `targets`.
    pub fn deliver(&mut self, targets: &[Target], batch: Batch) -> Result<(), ChainError> {
        let Some((last, others)) = targets.split_last() else {
            return Ok(());
        };
        for &target in others {
            self.deliver_one(target, batch.clone())?;
        }
        self.deliver_one(*last, batch)
    }

    fn deliver_one(&mut self, target: Target, mut batch: Batch) -> Result<(), ChainError> {
        let (index, port) = match target {
            Target::Exchange(exchange) => {
                self.outgoing.push(Outgoing::Batch(exchange, batch));
                return Ok(());
            }
            Target::Operator { index, port } => (index, port),
        };
        self.wake(index, port)?;
        let link = &mut self.links[index];
        if link.inputs.len() > 1 {
            let others = link
                .inputs
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != port && !link.idle[*i])
                .map(|(_, w)| *w)
                .min()
                .unwrap_or(Watermark::MAX);
            batch.cap_watermarks(others);
        }
        let metrics = &self.metrics.operators[link.node][self.subtask];
        metrics.rows_in[port].fetch_add(batch.len() as u64, Ordering::Relaxed);
        let mut output = Output::default();
        let begun = Instant::now();
        let done = link.operator.process(port, batch, &mut output);
        metrics.worked(begun);
        done.map_err(|error| self.failed(index, error))?;
        self.forward(index, output)
    }

    /// Event time on an operator's input (or behind the task) has come to `watermark`.
    pub fn advance(&mut self, targets: &[Target], watermark: Watermark) -> Result<(), ChainError> {
        for &target in targets {
            let (index, port) = match target {
                Target::Exchange(exchange) => {
                    self.outgoing.push(Outgoing::Watermark(exchange, watermark));
                    continue;
                }
                Target::Operator { index, port } => (index, port),
            };
            self.wake(index, port)?;
            let link = &mut self.links[index];
            link.inputs[port] = link.inputs[port].max(watermark);
            self.rise(index)?;
        }
        Ok(())
    }

    /// Nothing comes for now from what feeds `targets`.
    pub fn idle(&mut self, targets: &[Target]) -> Result<(), ChainError> {
        for &target in targets {
            let (index, port) = match target {
                Target::Exchange(exchange) => {
                    self.outgoing.push(Outgoing::Idle(exchange));
                    continue;
                }
                Target::Operator { index, port } => (index, port),
            };
            let link = &mut self.links[index];
            link.idle[port] = true;
            self.rise(index)?;
            let link = &self.links[index];
            if link.idle.iter().all(|idle| *idle) {
                let targets = link.targets.clone();
                self.idle(&targets)?;
            }
        }
        Ok(())
    }

    /// An input has something again: if all were idle, what follows must wait for this operator again.
    fn wake(&mut self, index: usize, port: usize) -> Result<(), ChainError> {
        let link = &mut self.links[index];
        let slept = link.idle.iter().all(|idle| *idle);
        link.idle[port] = false;
        if slept {
            let (targets, behind) = (link.targets.clone(), link.behind());
            self.advance(&targets, behind)?;
        }
        Ok(())
    }

    /// Tells an operator how far event time has come, if that is further than before.
    fn rise(&mut self, index: usize) -> Result<(), ChainError> {
        let link = &mut self.links[index];
        let inputs = link.inputs.iter().zip(&link.idle);
        let lowest = inputs.filter(|(_, idle)| !**idle).map(|(w, _)| *w).min();
        // When all are idle nobody is waited for.
        let lowest = lowest.or_else(|| link.inputs.iter().copied().max());
        let Some(lowest) = lowest.filter(|lowest| *lowest > link.current) else {
            return Ok(());
        };
        link.current = lowest;
        let link = &mut self.links[index];
        let metrics = &self.metrics.operators[link.node][self.subtask];
        let mut output = Output::default();
        let begun = Instant::now();
        let done = link.operator.advance(lowest, &mut output);
        metrics.worked(begun);
        metrics.watermark.store(lowest.0, Ordering::Relaxed);
        done.map_err(|error| self.failed(index, error))?;
        self.forward(index, output)?;
        let link = &self.links[index];
        let (targets, behind) = (link.targets.clone(), link.behind());
        self.advance(&targets, behind)
    }

    fn forward(&mut self, index: usize, mut output: Output) -> Result<(), ChainError> {
        if output.is_empty() {
            return Ok(());
        }
        let targets = self.links[index].targets.clone();
        let node = self.links[index].node;
        for batch in output.take() {
            self.metrics.operators[node][self.subtask]
                .rows_out
                .fetch_add(batch.len() as u64, Ordering::Relaxed);
            self.metrics.taps[node].offer(&batch);
            self.deliver(&targets, batch)?;
        }
        Ok(())
    }

    /// A barrier comes next: what operators hold back to send together goes out before it.
    pub fn prepare_barrier(&mut self) -> Result<(), ChainError> {
        for index in 0..self.links.len() {
            let mut output = Output::default();
            if let Err(error) = self.links[index].operator.before_barrier(&mut output) {
                return Err(self.failed(index, error));
            }
            self.forward(index, output)?;
        }
        Ok(())
    }

    /// Snapshots every operator.
    pub fn snapshot(&mut self, barrier: Barrier) -> Result<Vec<OperatorBlob>, ChainError> {
        let mut blobs = Vec::with_capacity(self.links.len());
        for index in 0..self.links.len() {
            let link = &mut self.links[index];
            let begun = Instant::now();
            let snapshot = link.operator.snapshot(barrier.epoch);
            self.metrics.operators[link.node][self.subtask].worked(begun);
            match snapshot {
                Ok(blob) => blobs.push((link.uid.clone(), blob)),
                Err(error) => return Err(self.failed(index, error)),
            }
        }
        Ok(blobs)
    }

    /// Processing time has come to `now`.
    pub fn tick(&mut self, now: i64) -> Result<(), ChainError> {
        for index in 0..self.links.len() {
            let mut output = Output::default();
            if let Err(error) = self.links[index].operator.tick(now, &mut output) {
                return Err(self.failed(index, error));
            }
            self.forward(index, output)?;
        }
        Ok(())
    }

    /// Lets operators tidy up between two batches.
    pub fn housekeeping(&mut self) -> Result<(), ChainError> {
        for index in 0..self.links.len() {
            let link = &mut self.links[index];
            let late = link.operator.late_rows();
            self.metrics.operators[link.node][self.subtask]
                .late
                .store(late, Ordering::Relaxed);
            if let Err(error) = link.operator.housekeeping() {
                return Err(self.failed(index, error));
            }
        }
        Ok(())
    }

    /// Whether something is to be sent.
    pub fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// What is to be sent, in order.
    pub fn take_outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outgoing)
    }

    fn failed(&self, index: usize, error: OperatorError) -> ChainError {
        ChainError {
            node: self.links[index].node,
            uid: self.links[index].uid.clone(),
            error,
        }
    }
}
