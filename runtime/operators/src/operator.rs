//! The contract of a streaming operator.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::error::ArrowError;
use datafusion_common::DataFusionError;
use millstream_state::{StateBackend, StateError};

use crate::batch::{Batch, Watermark};

/// Where an operator reads the wall clock: processing time and the age of state.
///
/// Tests give one that stands still or is moved by hand.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            // A clock before 1970 is no clock.
            since.map_or(0, |since| {
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            })
        })
    }

    /// A clock that `now` reads, in milliseconds since the epoch.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Milliseconds since the epoch.
    pub fn now(&self) -> i64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// What an operator knows of its place in the job.
#[derive(Clone)]
pub struct OperatorContext {
    /// Names the operator's state: the node it came from and what it is, such as
    /// `spend_1m/over`. Unique in the job and stable as long as the node keeps its id.
    pub uid: String,
    /// Which of the parallel instances this is, from 0.
    pub subtask: usize,
    /// How many instances there are.
    pub parallelism: usize,
    /// The key groups that this instance owns.
    pub key_groups: Range<u16>,
    /// The process's state backend.
    pub backend: Arc<StateBackend>,
    /// Processing time.
    pub clock: Clock,
}

impl fmt::Debug for OperatorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}/{}]", self.uid, self.subtask, self.parallelism)
    }
}

/// Why an operator stopped the job.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// An expression failed on a row, as Flink's would.
    #[error("{0}")]
    Expression(#[from] DataFusionError),
    /// A column could not be computed.
    #[error("{0}")]
    Arrow(#[from] ArrowError),
    /// State could not be read or written.
    #[error("{0}")]
    State(#[from] StateError),
    /// A row breaks a rule of the operator: what, and what to do.
    #[error("{0}")]
    Row(String),
    /// The state of a checkpoint cannot be used.
    #[error("cannot restore: {0}")]
    Restore(String),
}

/// Collects what an operator emits; the driver hands it to the next operator.
#[derive(Debug, Default)]
pub struct Output {
    batches: Vec<Batch>,
}

impl Output {
    /// Sends a batch on. Empty batches are dropped.
    pub fn emit(&mut self, batch: Batch) {
        if !batch.is_empty() {
            self.batches.push(batch);
        }
    }

    /// What was emitted since the last call, in order.
    pub fn take(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.batches)
    }

    /// Takes the batches but leaves the allocation: for drivers' hot paths.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Batch> {
        self.batches.drain(..)
    }

    /// Whether nothing was emitted.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}

/// A streaming operator: rows in, rows out, with state that survives the process.
///
/// The driver calls [`process`](Operator::process) for each batch and then
/// [`advance`](Operator::advance) with the watermark that holds after it (the last of the
/// batch's `watermarks`, combined over inputs); it forwards that watermark downstream itself,
/// after what the operator emitted. At a barrier it calls [`snapshot`](Operator::snapshot)
/// between two batches. Calls never overlap.
pub trait Operator: Send {
    /// Takes a batch from input port `input` (0 for operators with one input).
    fn process(
        &mut self,
        input: usize,
        batch: Batch,
        out: &mut Output,
    ) -> Result<(), OperatorError>;

    /// Event time has come to `watermark` on all inputs: fire what is complete.
    fn advance(&mut self, _watermark: Watermark, _out: &mut Output) -> Result<(), OperatorError> {
        Ok(())
    }

    /// A barrier comes next: sends out rows that were held back to be sent together, so that the snapshot need not
    /// hold them.
    fn before_barrier(&mut self, _out: &mut Output) -> Result<(), OperatorError> {
        Ok(())
    }

    /// Hands the keyed state that changed to the state backend
    /// ([`KeyedTable::snapshot`](millstream_state::KeyedTable::snapshot)) and returns what is not
    /// keyed (empty if there is nothing): small, versioned by its first byte.
    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError>;

    /// Called once before the first batch when a checkpoint is restored, with what all former
    /// instances returned from `snapshot`. Keyed state is already reachable through the backend.
    fn restore(&mut self, _former: &[Vec<u8>]) -> Result<(), OperatorError> {
        Ok(())
    }

    /// Processing time has come to `now` (milliseconds since the epoch): fire what waits for it, give up state
    /// that is too old. Called several times a second, also when no rows come, and before every barrier.
    fn tick(&mut self, _now: i64, _out: &mut Output) -> Result<(), OperatorError> {
        Ok(())
    }

    /// Rows that were dropped because they came too late, since the start.
    fn late_rows(&self) -> u64 {
        0
    }

    /// Called between batches: evict state if the memory budget asks for it.
    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        Ok(())
    }
}

/// A watermark as an operator's state that is not keyed.
pub(crate) fn save_watermark(watermark: i64) -> Vec<u8> {
    let mut state = vec![1];
    state.extend_from_slice(&watermark.to_le_bytes());
    state
}

/// The smallest of the watermarks that former instances saved; the smallest possible if there is
/// none.
pub(crate) fn load_watermark(former: &[Vec<u8>]) -> Result<i64, OperatorError> {
    let mut smallest: Option<i64> = None;
    for state in former.iter().filter(|state| !state.is_empty()) {
        let saved = match state.split_first() {
            Some((1, bytes)) => bytes.try_into().map(i64::from_le_bytes).map_err(|_| {
                OperatorError::Restore("the watermark in the checkpoint is cut short".to_owned())
            })?,
            _ => {
                return Err(OperatorError::Restore(
                    "the watermark was written by a newer Millstream".to_owned(),
                ));
            }
        };
        smallest = Some(smallest.map_or(saved, |other| other.min(saved)));
    }
    Ok(smallest.unwrap_or(i64::MIN))
}
