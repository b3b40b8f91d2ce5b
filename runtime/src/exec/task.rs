//! One instance of a fragment that reads from other fragments.

use std::sync::Arc;

use millstream_operators::exchange::HashPartitioner;
use millstream_operators::{Batch, OperatorError};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::chain::{Chain, ChainError, OperatorBlob, Outgoing, Target};
use super::channel::{Barrier, Element, InputGate, Received, Sender};
use super::metrics::JobMetrics;

/// What a task tells the job master.
#[derive(Debug)]
pub enum TaskEvent {
    /// The task passed a barrier; these are its operators' blobs.
    Acknowledged {
        /// The task's number.
        task: usize,
        /// The barrier.
        epoch: u64,
        /// Name of operator, number of instance, state.
        blobs: Vec<(String, usize, Vec<u8>)>,
    },
    /// A source has no more rows.
    Exhausted {
        /// The task's number.
        task: usize,
    },
}

/// Why a task stopped before its time.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// An operator failed.
    #[error(transparent)]
    Operator(#[from] ChainError),
    /// A source failed.
    #[error("{uid}: {message}")]
    Source {
        /// The operator's number in the plan.
        node: usize,
        /// The operator's name.
        uid: String,
        /// What happened, where, and what to do.
        message: String,
    },
    /// A task met a fault of ours.
    #[error(
        "{}: stopped unexpectedly, which is a fault of Millstream: {message}",
        operators.iter().map(|(_, uid)| uid.as_str()).collect::<Vec<_>>().join(", ")
    )]
    Panicked {
        /// The task's operators: their numbers in the plan, and their names.
        operators: Vec<(usize, String)>,
        /// What it said.
        message: String,
    },
    /// Another task failed; that one has the reason.
    #[error("the task's neighbour is gone")]
    Neighbour,
}

/// The job master's end of a task and what all tasks share.
#[derive(Clone)]
pub struct TaskLink {
    /// The task's number.
    pub task: usize,
    /// Which instance of its fragment it is.
    pub subtask: usize,
    /// Where to report.
    pub events: mpsc::UnboundedSender<TaskEvent>,
    /// Becomes true when the last checkpoint is complete and operators may be dropped.
    pub released: watch::Receiver<bool>,
}

impl TaskLink {
    /// Reports a snapshot.
    pub fn acknowledge(&self, barrier: Barrier, blobs: Vec<OperatorBlob>) {
        let blobs = blobs
            .into_iter()
            .map(|(uid, bytes)| (uid, self.subtask, bytes))
            .collect();
        // A master that is gone has given the job up.
        let _ = self.events.send(TaskEvent::Acknowledged {
            task: self.task,
            epoch: barrier.epoch,
            blobs,
        });
    }

    /// Keeps the operators alive until the last checkpoint, which reads their state, is complete.
    pub async fn await_release(&mut self) {
        // An error means that the master is gone: nothing to wait for.
        let _ = self.released.wait_for(|released| *released).await;
    }
}

/// How rows leave a task by one edge.
pub enum Partitioner {
    /// All to one channel.
    One,
    /// By key.
    Hash(Box<HashPartitioner>),
    /// In turn.
    RoundRobin(usize),
}

/// The channels of one edge out of a task.
pub struct Exchange {
    /// Which rows go where.
    pub partitioner: Partitioner,
    /// One channel an instance of the receiving fragment.
    pub senders: Vec<Sender>,
    /// The operator whose rows leave: its number in the plan, and its name.
    pub from: (usize, String),
    /// The edge's number among those of the fragment graph.
    pub edge: usize,
    /// Which instance sends.
    pub subtask: usize,
    /// Counters.
    pub metrics: Arc<JobMetrics>,
}

impl Exchange {
    async fn send(&mut self, batch: Batch) -> Result<(), TaskError> {
        match &mut self.partitioner {
            Partitioner::One => self.push(0, Element::Batch(batch)).await,
            Partitioner::RoundRobin(next) => {
                let target = *next % self.senders.len();
                *next += 1;
                self.push(target, Element::Batch(batch)).await
            }
            Partitioner::Hash(partitioner) => {
                let mut parts = Vec::with_capacity(self.senders.len());
                partitioner
                    .partition(batch, |target, part| parts.push((target, part)))
                    .map_err(|error| exchange_error(&self.from, error))?;
                for (target, part) in parts {
                    self.push(target, Element::Batch(part)).await?;
                }
                Ok(())
            }
        }
    }

    async fn broadcast(&self, element: &Element) -> Result<(), TaskError> {
        for target in 0..self.senders.len() {
            self.push(target, element.clone()).await?;
        }
        Ok(())
    }

    /// Sends to one instance; waits, and counts how long, if its channel is full.
    async fn push(&self, target: usize, element: Element) -> Result<(), TaskError> {
        let sender = &self.senders[target];
        let element = match sender.try_send(element) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(TaskError::Neighbour),
            Err(TrySendError::Full(element)) => element,
        };
        let blocked = &self.metrics.blocked[self.edge][self.subtask];
        blocked.wait(self.metrics.started());
        let sent = sender.send(element).await;
        blocked.go_on(self.metrics.started());
        sent.map_err(|_| TaskError::Neighbour)
    }
}

fn exchange_error((node, uid): &(usize, String), error: OperatorError) -> TaskError {
    TaskError::Operator(ChainError {
        node: *node,
        uid: uid.clone(),
        error,
    })
}

/// Sends what a chain left behind, in order.
pub async fn flush(chain: &mut Chain, exchanges: &mut [Exchange]) -> Result<(), TaskError> {
    for outgoing in chain.take_outgoing() {
        match outgoing {
            Outgoing::Batch(exchange, batch) => exchanges[exchange].send(batch).await?,
            Outgoing::Watermark(exchange, watermark) => {
                exchanges[exchange]
                    .broadcast(&Element::Watermark(watermark))
                    .await?;
            }
            Outgoing::Idle(exchange) => exchanges[exchange].broadcast(&Element::Idle).await?,
        }
    }
    Ok(())
}

/// Sends a barrier by every edge.
pub async fn forward_barrier(barrier: Barrier, exchanges: &[Exchange]) -> Result<(), TaskError> {
    for exchange in exchanges {
        exchange.broadcast(&Element::Barrier(barrier)).await?;
    }
    Ok(())
}

/// How often operators are told the processing time.
const TICK: std::time::Duration = std::time::Duration::from_millis(50);

/// A beat of [`TICK`], without a burst after a long pause.
pub fn ticks() -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks
}

/// Milliseconds since the epoch.
pub fn now_millis() -> i64 {
    super::source::now_micros() / 1000
}

/// An instance of a fragment that receives its rows from other fragments.
pub struct FragmentTask {
    /// Its connection to the master.
    pub link: TaskLink,
    /// Its channels.
    pub gate: InputGate,
    /// For each edge, which operator's input it feeds.
    pub entries: Vec<Target>,
    /// Its operators.
    pub chain: Chain,
    /// Where rows go.
    pub exchanges: Vec<Exchange>,
}

impl FragmentTask {
    /// Runs until the terminal barrier.
    pub async fn run(mut self) -> Result<(), TaskError> {
        let mut ticks = ticks();
        loop {
            // Waiting at the gate takes nothing out of a channel, so it may be given up for a tick.
            let received = tokio::select! {
                received = self.gate.next() => received,
                _ = ticks.tick() => {
                    self.chain.tick(now_millis())?;
                    flush(&mut self.chain, &mut self.exchanges).await?;
                    continue;
                }
            };
            match received {
                Received::Batch(edge, batch) => {
                    self.chain.deliver(&[self.entries[edge]], batch)?;
                    self.chain.housekeeping()?;
                }
                Received::Watermark(edge, watermark) => {
                    self.chain.advance(&[self.entries[edge]], watermark)?;
                }
                Received::Idle(edge) => self.chain.idle(&[self.entries[edge]])?,
                Received::Barrier(barrier) => {
                    self.chain.prepare_barrier()?;
                    flush(&mut self.chain, &mut self.exchanges).await?;
                    let blobs = match barrier.snapshot {
                        true => self.chain.snapshot(barrier)?,
                        false => Vec::new(),
                    };
                    forward_barrier(barrier, &self.exchanges).await?;
                    self.link.acknowledge(barrier, blobs);
                    if barrier.terminal {
                        self.link.await_release().await;
                        return Ok(());
                    }
                }
                Received::Broken => return Err(TaskError::Neighbour),
            }
            flush(&mut self.chain, &mut self.exchanges).await?;
        }
    }
}
