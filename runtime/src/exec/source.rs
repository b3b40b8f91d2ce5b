//! One instance of a fragment that begins with a source.
//!
//! It owns some of the source's splits and reads them in turn, the one furthest behind in event
//! time first, so that none runs ahead and fills the buffers downstream. Each split has a
//! watermark of its own; the stream's is the lowest. Between two batches it answers the job
//! master's barriers with the positions of its splits. A source that finds splits as they come is
//! asked for them again and again, and never ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use millstream_connectors::{Position, Read, Source, SplitId, SplitReader};
use millstream_functions::RowKind;
use millstream_operators::watermark_assigner::WatermarkGenerator;
use millstream_operators::{Batch, Operator, Output, Watermark};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::chain::{Chain, ChainError, OperatorBlob, Target};
use super::channel::Barrier;
use super::metrics::JobMetrics;
use super::task::{Exchange, TaskError, TaskEvent, TaskLink, flush, forward_barrier};

/// Rows a source hands over at once at full load.
const BATCH_ROWS: usize = 8192;

/// How long a source that is ahead of its other instances waits before it looks again.
const AHEAD_WAIT: Duration = Duration::from_micros(500);

/// How long a source without rows waits before it asks again.
const IDLE_WAIT: Duration = Duration::from_millis(2);

/// How far the instances of a source have come in event time, so that none runs far ahead.
///
/// Rows of an instance that is ahead wait downstream for the others' watermark: they cost memory
/// and latency and gain nothing. An instance that is idle or at its end holds nobody up.
#[derive(Debug)]
pub struct Alignment(Vec<AtomicI64>);

impl Alignment {
    /// Of a source with so many instances.
    pub fn new(instances: usize) -> Self {
        Self((0..instances).map(|_| AtomicI64::new(i64::MIN)).collect())
    }

    fn report(&self, subtask: usize, watermark: Watermark) {
        self.0[subtask].store(watermark.0, Ordering::Relaxed);
    }

    /// The lowest watermark of all instances that have rows.
    fn lowest(&self) -> i64 {
        self.0
            .iter()
            .map(|w| w.load(Ordering::Relaxed))
            .min()
            .unwrap_or(i64::MAX)
    }
}

/// A split and how far it was read; goes into checkpoints as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitState {
    /// The next row; `None` if the split was read to its end.
    pub position: Option<Position>,
    /// The highest watermark it gave.
    pub watermark: i64,
}

/// What a source's instance contributes to a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceState {
    /// By split.
    pub splits: BTreeMap<SplitId, SplitState>,
}

struct ActiveSplit {
    id: SplitId,
    reader: Box<dyn SplitReader>,
    generator: Option<WatermarkGenerator>,
    /// It had no rows when it was asked last.
    idle: bool,
    /// When it last had rows.
    last_rows: Instant,
    /// It had none for so long that event time goes on without it.
    quiet: bool,
}

/// An instance of a fragment that begins with a source.
pub struct SourceTask {
    link: TaskLink,
    node: usize,
    uid: String,
    active: Vec<ActiveSplit>,
    /// Splits that were read to their end.
    finished: BTreeMap<SplitId, SplitState>,
    /// Computes the table's columns from those that were read.
    columns: Option<Box<dyn Operator>>,
    metrics: Arc<JobMetrics>,
    watermark: Watermark,
    /// How far the last batches took event time, at most: what this instance may be ahead.
    stride: i64,
    alignment: Arc<Alignment>,
    parallelism: usize,
    /// Makes the watermarks of each split.
    generator: Option<WatermarkGenerator>,
    has_watermarks: bool,
    idle_timeout: Option<Duration>,
    /// `None`: the splits are those that were there at the start.
    discovery: Option<Discovery>,
    exhausted: bool,
    chain: Chain,
    entries: Vec<Target>,
    exchanges: Vec<Exchange>,
    control: mpsc::UnboundedReceiver<Barrier>,
}

/// Looks for splits that have come.
struct Discovery {
    source: Arc<dyn Source>,
    every: Duration,
    next: Instant,
    /// When this instance had rows or a split last.
    last: Instant,
    /// Whether it has told the operators behind it not to wait for its event time.
    idle: bool,
}

/// Which of the instances reads a split: the same one whenever it is found, without a word between
/// them.
pub fn instance_of(split: &SplitId, index: usize, discovered: bool, parallelism: usize) -> usize {
    if !discovered {
        return index % parallelism;
    }
    // FNV-1a: stable over builds and machines, as checkpoints are.
    let hash = split
        .0
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    (hash % parallelism as u64) as usize
}

/// What a source task is made of.
pub struct SourceParts {
    /// Its connection to the master.
    pub link: TaskLink,
    /// The operator's number in the plan.
    pub node: usize,
    /// The operator's name.
    pub uid: String,
    /// The connector.
    pub source: Arc<dyn Source>,
    /// The splits this instance reads.
    pub splits: Vec<SplitId>,
    /// Where all splits stood in the checkpoint.
    pub restored: BTreeMap<SplitId, SplitState>,
    /// Computes the table's columns from those that were read; `None` if they are the same.
    pub columns: Option<Box<dyn Operator>>,
    /// Makes watermarks; `None` if the table declares none.
    pub generator: Option<WatermarkGenerator>,
    /// After what time without rows a split holds event time up no more; `None`: never.
    pub idle_timeout: Option<Duration>,
    /// How many instances there are.
    pub parallelism: usize,
    /// How far all instances have come.
    pub alignment: Arc<Alignment>,
    /// Counters.
    pub metrics: Arc<JobMetrics>,
    /// The operators behind the source.
    pub chain: Chain,
    /// Who reads the source.
    pub entries: Vec<Target>,
    /// Where rows go.
    pub exchanges: Vec<Exchange>,
    /// Barriers from the master.
    pub control: mpsc::UnboundedReceiver<Barrier>,
}

impl SourceTask {
    /// Opens the readers.
    pub fn open(parts: SourceParts) -> Result<Self, TaskError> {
        let mut active = Vec::new();
        let mut finished = BTreeMap::new();
        for id in parts.splits {
            let former = parts.restored.get(&id);
            if let Some(state) = former
                && state.position.is_none()
            {
                finished.insert(id, state.clone());
                continue;
            }
            let position = former.and_then(|state| state.position.as_ref());
            let reader = parts
                .source
                .reader(&id, position)
                .map_err(|e| TaskError::Source {
                    node: parts.node,
                    uid: parts.uid.clone(),
                    message: e.to_string(),
                })?;
            let mut generator = parts.generator.clone();
            if let (Some(generator), Some(state)) = (&mut generator, former) {
                generator.load(state.watermark);
            }
            active.push(ActiveSplit {
                id,
                reader,
                generator,
                idle: false,
                last_rows: Instant::now(),
                quiet: false,
            });
        }
        Ok(Self {
            link: parts.link,
            node: parts.node,
            uid: parts.uid,
            active,
            finished,
            columns: parts.columns,
            metrics: parts.metrics,
            watermark: Watermark::MIN,
            stride: 0,
            alignment: parts.alignment,
            parallelism: parts.parallelism,
            discovery: parts.source.discovery_interval().map(|every| Discovery {
                every,
                next: Instant::now() + every,
                last: Instant::now(),
                idle: false,
                source: Arc::clone(&parts.source),
            }),
            has_watermarks: parts.generator.is_some(),
            generator: parts.generator,
            idle_timeout: parts.idle_timeout,
            exhausted: false,
            chain: parts.chain,
            entries: parts.entries,
            exchanges: parts.exchanges,
            control: parts.control,
        })
    }

    /// Runs until the terminal barrier.
    pub async fn run(mut self) -> Result<(), TaskError> {
        let mut ticks = super::task::ticks();
        let mut ticked = Instant::now();
        loop {
            if ticked.elapsed() >= ticks.period() {
                ticked = Instant::now();
                self.chain.tick(super::task::now_millis())?;
                flush(&mut self.chain, &mut self.exchanges).await?;
            }
            if self.discover()? {
                flush(&mut self.chain, &mut self.exchanges).await?;
            }
            let barrier = if self.exhausted {
                // Nothing to read any more, but checkpoints and processing time go on.
                tokio::select! {
                    barrier = self.control.recv() => match barrier {
                        Some(barrier) => Some(barrier),
                        None => return Err(TaskError::Neighbour),
                    },
                    _ = ticks.tick() => continue,
                }
            } else {
                match self.control.try_recv() {
                    Ok(barrier) => Some(barrier),
                    Err(mpsc::error::TryRecvError::Empty) => None,
                    Err(mpsc::error::TryRecvError::Disconnected) => {
                        return Err(TaskError::Neighbour);
                    }
                }
            };
            if let Some(barrier) = barrier {
                self.chain.prepare_barrier()?;
                flush(&mut self.chain, &mut self.exchanges).await?;
                let mut blobs = Vec::new();
                if barrier.snapshot {
                    blobs = self.chain.snapshot(barrier)?;
                    blobs.push(self.snapshot()?);
                }
                forward_barrier(barrier, &self.exchanges).await?;
                self.link.acknowledge(barrier, blobs);
                if barrier.terminal {
                    self.link.await_release().await;
                    return Ok(());
                }
                continue;
            }
            if self.is_ahead() {
                tokio::time::sleep(AHEAD_WAIT).await;
            } else if self.read()? {
                self.chain.housekeeping()?;
                flush(&mut self.chain, &mut self.exchanges).await?;
                // Lets barriers, other tasks and the master in when channels never are full.
                let waits = Instant::now();
                tokio::task::yield_now().await;
                self.metrics.operators[self.node][self.link.subtask].starved(waits);
            } else if self.active.is_empty() && self.discovery.is_none() {
                self.exhausted = true;
                self.alignment.report(self.link.subtask, Watermark::MAX);
                if self.finished.is_empty() {
                    // It never had a split: event time is for the others to say.
                    self.chain.idle(&self.entries)?;
                } else {
                    self.chain.advance(&self.entries, Watermark::MAX)?;
                }
                flush(&mut self.chain, &mut self.exchanges).await?;
                // A master that is gone has given the job up.
                let _ = self.link.events.send(TaskEvent::Exhausted {
                    task: self.link.task,
                });
            } else {
                self.alignment.report(self.link.subtask, Watermark::MAX);
                if self.fall_quiet()? {
                    flush(&mut self.chain, &mut self.exchanges).await?;
                }
                tokio::time::sleep(IDLE_WAIT).await;
            }
        }
    }

    /// Looks for new splits if it is time; whether there is something to send.
    ///
    /// An instance that never had a split holds nobody's event time up.
    fn discover(&mut self) -> Result<bool, TaskError> {
        let now = Instant::now();
        let Some(discovery) = &mut self.discovery else {
            return Ok(false);
        };
        let unused = self.active.is_empty() && self.finished.is_empty() && !discovery.idle;
        if unused {
            discovery.idle = true;
            self.chain.idle(&self.entries)?;
        }
        if now < discovery.next {
            return Ok(unused);
        }
        discovery.next = now + discovery.every;
        let failed = |e: millstream_connectors::ConnectorError| TaskError::Source {
            node: self.node,
            uid: self.uid.clone(),
            message: e.to_string(),
        };
        let mut found = Vec::new();
        for (index, split) in discovery
            .source
            .splits()
            .map_err(failed)?
            .into_iter()
            .enumerate()
        {
            let known = self.finished.contains_key(&split)
                || self.active.iter().any(|active| active.id == split);
            let own = instance_of(&split, index, true, self.parallelism) == self.link.subtask;
            if own && !known {
                let reader = discovery.source.reader(&split, None).map_err(failed)?;
                found.push(ActiveSplit {
                    id: split,
                    reader,
                    generator: self.generator.clone(),
                    idle: false,
                    last_rows: now,
                    quiet: false,
                });
            }
        }
        if found.is_empty() {
            return Ok(unused);
        }
        self.active.extend(found);
        discovery.last = now;
        if std::mem::take(&mut discovery.idle) {
            // Event time waits for this instance again.
            self.chain.advance(&self.entries, self.watermark)?;
        }
        Ok(true)
    }

    /// Leaves splits that had no rows for too long out of event time; whether there is something to send.
    fn fall_quiet(&mut self) -> Result<bool, TaskError> {
        let Some(timeout) = self.idle_timeout.filter(|_| self.has_watermarks) else {
            return Ok(false);
        };
        let mut fell = false;
        for split in &mut self.active {
            if !split.quiet && split.last_rows.elapsed() >= timeout {
                split.quiet = true;
                fell = true;
            }
        }
        if let Some(discovery) = &mut self.discovery
            && self.active.is_empty()
            && !discovery.idle
            && discovery.last.elapsed() >= timeout
        {
            discovery.idle = true;
            fell = true;
        }
        if !fell {
            return Ok(false);
        }
        if self.active.iter().all(|split| split.quiet) {
            // Nobody is waited for: event time is where the furthest has come.
            let generators = self.active.iter().filter_map(|s| s.generator.as_ref());
            let furthest = generators.map(WatermarkGenerator::current).max();
            if let Some(furthest) = furthest.filter(|furthest| *furthest > self.watermark) {
                self.watermark = furthest;
                self.chain.advance(&self.entries, furthest)?;
            }
            self.chain.idle(&self.entries)?;
        } else {
            self.advance()?;
        }
        Ok(true)
    }

    /// Whether the other instances should catch up first.
    fn is_ahead(&self) -> bool {
        if !self.has_watermarks || self.watermark == Watermark::MIN {
            return false;
        }
        let lowest = self.alignment.lowest();
        self.watermark.0 > lowest.saturating_add(self.stride)
    }

    /// Reads one batch from the split that is furthest behind; false if there was none to read.
    fn read(&mut self) -> Result<bool, TaskError> {
        for split in &mut self.active {
            split.idle = false;
        }
        while let Some(index) = self.next_split() {
            let begun = Instant::now();
            let split = &mut self.active[index];
            let read = split
                .reader
                .next(BATCH_ROWS)
                .map_err(|e| TaskError::Source {
                    node: self.node,
                    uid: self.uid.clone(),
                    message: e.to_string(),
                })?;
            match read {
                Read::Rows(rows, kinds) => {
                    split.last_rows = Instant::now();
                    if std::mem::take(&mut split.quiet) {
                        // Event time waits for this instance again.
                        self.chain.advance(&self.entries, self.watermark)?;
                    }
                    self.emit(index, rows, kinds, begun)?;
                    return Ok(true);
                }
                Read::Idle => split.idle = true,
                Read::End => {
                    let split = self.active.remove(index);
                    if let Some(discovery) = &mut self.discovery {
                        discovery.last = Instant::now();
                    }
                    self.count_bad();
                    let watermark = split.generator.as_ref().map_or(0, WatermarkGenerator::save);
                    self.finished.insert(
                        split.id,
                        SplitState {
                            position: None,
                            watermark,
                        },
                    );
                    if !self.active.is_empty() {
                        self.advance()?;
                    }
                    if self.chain.has_outgoing() {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    fn next_split(&self) -> Option<usize> {
        self.active
            .iter()
            .enumerate()
            .filter(|(_, split)| !split.idle)
            .min_by_key(|(_, split)| split.generator.as_ref().map(WatermarkGenerator::current))
            .map(|(index, _)| index)
    }

    fn emit(
        &mut self,
        index: usize,
        rows: RecordBatch,
        kinds: Option<Vec<RowKind>>,
        begun: Instant,
    ) -> Result<(), TaskError> {
        let mut batch = Batch::append(rows, now_micros());
        batch.kinds = kinds.map(Into::into);
        if let Some(columns) = &mut self.columns {
            let mut output = Output::default();
            columns
                .process(0, batch, &mut output)
                .map_err(|error| self.failed(error))?;
            // Computing columns neither adds nor drops rows.
            let Some(computed) = output.take().pop() else {
                return Ok(());
            };
            batch = computed;
        }
        let others = self
            .active
            .iter()
            .enumerate()
            .filter(|(i, split)| *i != index && !split.quiet)
            .filter_map(|(_, split)| split.generator.as_ref())
            .map(WatermarkGenerator::current)
            .min()
            .unwrap_or(Watermark::MAX);
        if let Some(generator) = &mut self.active[index].generator {
            let watermarks = generator.observe(&batch.rows);
            batch.watermarks = Some(watermarks.map_err(|error| self.failed(error))?);
            batch.cap_watermarks(others);
        }
        let metrics = &self.metrics.operators[self.node][self.link.subtask];
        let count = batch.len() as u64;
        metrics.rows_in[0].fetch_add(count, Ordering::Relaxed);
        metrics.rows_out.fetch_add(count, Ordering::Relaxed);
        metrics.worked(begun);
        self.count_bad();
        self.metrics.taps[self.node].offer(&batch);
        self.chain.deliver(&self.entries, batch)?;
        self.advance()
    }

    /// Sends the stream's watermark on if it rose.
    fn advance(&mut self) -> Result<(), TaskError> {
        if !self.has_watermarks {
            return Ok(());
        }
        let lowest = self
            .active
            .iter()
            .filter(|split| !split.quiet)
            .filter_map(|split| split.generator.as_ref())
            .map(WatermarkGenerator::current)
            .min()
            .unwrap_or(Watermark::MIN);
        self.alignment.report(self.link.subtask, lowest);
        if lowest > self.watermark {
            if self.watermark != Watermark::MIN {
                self.stride = self.stride.max(lowest.0.saturating_sub(self.watermark.0));
            }
            self.watermark = lowest;
            self.metrics.operators[self.node][self.link.subtask]
                .watermark
                .store(lowest.0, Ordering::Relaxed);
            self.chain.advance(&self.entries, lowest)?;
        }
        Ok(())
    }

    fn count_bad(&self) {
        let bad: u64 = self
            .active
            .iter()
            .map(|split| split.reader.bad_rows())
            .sum();
        if bad > 0 {
            self.metrics.operators[self.node][self.link.subtask]
                .bad
                .fetch_max(bad, Ordering::Relaxed);
        }
    }

    fn snapshot(&self) -> Result<OperatorBlob, TaskError> {
        let mut state = SourceState {
            splits: self.finished.clone(),
        };
        for split in &self.active {
            state.splits.insert(
                split.id.clone(),
                SplitState {
                    position: Some(split.reader.position()),
                    watermark: split.generator.as_ref().map_or(0, WatermarkGenerator::save),
                },
            );
        }
        let bytes = serde_json::to_vec(&state).map_err(|e| TaskError::Source {
            node: self.node,
            uid: self.uid.clone(),
            message: format!("its positions cannot be written: {e}"),
        })?;
        Ok((self.uid.clone(), bytes))
    }

    fn failed(&self, error: millstream_operators::OperatorError) -> TaskError {
        TaskError::Operator(ChainError {
            node: self.node,
            uid: self.uid.clone(),
            error,
        })
    }
}

/// Microseconds since the epoch.
pub fn now_micros() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_micros() as i64)
}
