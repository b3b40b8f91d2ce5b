//! The threads between the files: one reads, some score, and whoever calls [`Pipe::next`] gets the rows in their order.
//!
//! Batch *k* goes to worker *k* modulo their number and is fetched from it in turn, so order needs no sorting. The
//! channels are short; when nobody fetches any more, all threads end by themselves.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use arrow::array::ArrayRef;
use millstream_connectors::data_file::RowsReader;
use millstream_models::{Binding, Model, ModelError, Scorer};

use super::columns::{RowFault, Selection};
use super::{Inputs, failure};
use crate::cli::{Failure, run::wait_for_signal};

/// Rows of a batch.
const BATCH: usize = 8192;

/// Batches that may wait in a channel.
const WAITING: usize = 2;

/// What comes out.
pub(crate) enum Step {
    /// Scored rows: the columns of the output.
    Rows {
        columns: Vec<ArrayRef>,
        rows: usize,
        /// How much of the file has been read, from 0 to 1.
        progress: Option<f64>,
    },
    /// There are no more.
    End,
}

/// What goes in.
enum Work {
    Rows {
        file: Arc<PathBuf>,
        /// Number of the first row in the file, from 1.
        first: u64,
        columns: Vec<ArrayRef>,
        rows: usize,
        progress: Option<f64>,
    },
    Failed(Failure),
    End,
}

pub(crate) struct Pipe {
    outcomes: Vec<Receiver<Result<Step, Failure>>>,
    turn: std::cell::Cell<usize>,
    stop: Arc<AtomicBool>,
    scoring_nanos: Arc<AtomicU64>,
}

impl Pipe {
    /// Starts to read and to score. `first` is the first input, opened.
    pub fn start(
        model: Arc<Model>,
        binding: Arc<Binding>,
        selection: Arc<Selection>,
        inputs: Inputs,
        first: RowsReader,
        threads: Option<usize>,
    ) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.unwrap_or(cores).max(1);
        let stop = Arc::new(AtomicBool::new(false));
        let scoring_nanos = Arc::new(AtomicU64::new(0));
        let (mut to_workers, mut outcomes) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let (send_work, work) = sync_channel(WAITING);
            let (outcome, receive_outcome) = sync_channel(WAITING);
            to_workers.push(send_work);
            outcomes.push(receive_outcome);
            let mut worker = Worker {
                scorer: Scorer::new(Arc::clone(&model), Arc::clone(&binding)),
                selection: Arc::clone(&selection),
                scoring_nanos: Arc::clone(&scoring_nanos),
            };
            thread::spawn(move || worker.run(&work, &outcome));
        }
        thread::spawn(move || read(&model, &selection, &inputs, first, &to_workers));
        let asked = Arc::clone(&stop);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            if runtime.is_ok_and(|runtime| runtime.block_on(wait_for_signal())) {
                asked.store(true, Ordering::Relaxed);
            }
        });
        Self {
            outcomes,
            turn: std::cell::Cell::new(0),
            stop,
            scoring_nanos,
        }
    }

    /// The next rows.
    pub fn next(&self) -> Result<Step, Failure> {
        let turn = self.turn.get();
        self.turn.set((turn + 1) % self.outcomes.len());
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Failure::Job(
                    "stopped on request; nothing was written".to_owned(),
                ));
            }
            match self.outcomes[turn].recv_timeout(Duration::from_millis(100)) {
                Ok(outcome) => return outcome,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::Job(
                        "error: a thread that scores ended before its work".to_owned(),
                    ));
                }
            }
        }
    }

    /// Threads that score.
    pub fn threads(&self) -> usize {
        self.outcomes.len()
    }

    /// How long they have been scoring, all together.
    pub fn scoring_seconds(&self) -> f64 {
        self.scoring_nanos.load(Ordering::Relaxed) as f64 / 1e9
    }
}

/// Reads all files and deals out their rows.
fn read(
    model: &Model,
    selection: &Selection,
    inputs: &Inputs,
    first: RowsReader,
    workers: &[SyncSender<Work>],
) {
    let mut turn = 0;
    let mut deal = |work: Work| {
        let dealt = workers[turn].send(work).is_ok();
        turn = (turn + 1) % workers.len();
        dealt
    };
    let read_all = |deal: &mut dyn FnMut(Work) -> bool| -> Result<bool, Failure> {
        let mut opened = Some(first);
        for index in 0..inputs.sources.len() {
            let mut reader = match opened.take() {
                Some(reader) => reader,
                None => inputs.open(index, model)?,
            };
            selection.apply(&mut reader)?;
            let file = Arc::new(reader.name().to_owned());
            let mut done = 0;
            while let Some((columns, rows)) = reader.next(BATCH).map_err(failure)? {
                let work = Work::Rows {
                    file: Arc::clone(&file),
                    first: done + 1,
                    columns,
                    rows,
                    progress: reader
                        .progress(done + rows as u64)
                        .map(|share| (index as f64 + share) / inputs.sources.len() as f64),
                };
                done += rows as u64;
                if !deal(work) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    };
    let last = match read_all(&mut deal) {
        Ok(true) => Work::End,
        // Nobody fetches any more.
        Ok(false) => return,
        Err(failure) => Work::Failed(failure),
    };
    deal(last);
}

struct Worker {
    scorer: Scorer,
    selection: Arc<Selection>,
    scoring_nanos: Arc<AtomicU64>,
}

impl Worker {
    fn run(&mut self, work: &Receiver<Work>, outcomes: &SyncSender<Result<Step, Failure>>) {
        for work in work {
            let outcome = match work {
                Work::Rows {
                    file,
                    first,
                    columns,
                    rows,
                    progress,
                } => self.score(&columns, rows, progress).map_err(|fault| {
                    Failure::Input(format!(
                        "error: {}, row {}: {}",
                        file.display(),
                        first + fault.row as u64,
                        fault.text
                    ))
                }),
                Work::Failed(failure) => Err(failure),
                Work::End => Ok(Step::End),
            };
            if outcomes.send(outcome).is_err() {
                return;
            }
        }
    }

    fn score(
        &mut self,
        columns: &[ArrayRef],
        rows: usize,
        progress: Option<f64>,
    ) -> Result<Step, RowFault> {
        let (mut kept, features) = self.selection.split(columns)?;
        let started = Instant::now();
        let scores = self.scorer.score(&features, rows);
        let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.scoring_nanos.fetch_add(nanos, Ordering::Relaxed);
        kept.extend(scores.map_err(|error| self.fault(&features, rows, error))?);
        Ok(Step::Rows {
            columns: kept,
            rows,
            progress,
        })
    }

    /// The row that a model could not score, and why.
    fn fault(&mut self, features: &[ArrayRef], rows: usize, error: ModelError) -> RowFault {
        match error {
            ModelError::NullInput {
                column,
                row,
                tensor,
                element,
            } => RowFault {
                row,
                text: format!(
                    "column {column} is empty, but the model's input {tensor} takes {element}, which has no missing value\n  help: fill it, or leave the row out"
                ),
            },
            ModelError::OutOfRange {
                column,
                value,
                row,
                tensor,
                element,
            } => RowFault {
                row,
                text: format!(
                    "column {column} is {value}, which does not fit {element} of {tensor}"
                ),
            },
            ModelError::ArrayLength {
                column,
                row,
                tensor,
                wanted,
                got,
            } => RowFault {
                row,
                text: format!(
                    "column {column} is an array of {got} values, the model's input {tensor} takes {wanted}"
                ),
            },
            // The model tells no row: the first that fails alone is the one.
            other => (0..rows)
                .find_map(|row| {
                    let one: Vec<ArrayRef> =
                        features.iter().map(|array| array.slice(row, 1)).collect();
                    let error = self.scorer.score(&one, 1).err()?;
                    Some(RowFault {
                        row,
                        text: reason(error),
                    })
                })
                .unwrap_or_else(|| RowFault {
                    row: 0,
                    text: reason(other),
                }),
        }
    }
}

fn reason(error: ModelError) -> String {
    match error {
        ModelError::Run { reason, .. } => format!(
            "the model failed: {reason}\n  help: a value may be outside what the model knows, such as an id beyond its table"
        ),
        other => other.to_string(),
    }
}
