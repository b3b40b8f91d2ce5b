//! The rows of one node, on the first rows of its sources: quick, and without a trace.
//!
//! The plan is that of the part that feeds the node ([`Input::plan_node`](crate::input::Input::plan_node)).
//! It runs as a job does, but sources end after so many rows, the sink hands its rows over instead
//! of writing them, and there are no checkpoints: when the sources have ended, a barrier that keeps
//! nothing tells that all rows are through.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_compiler::plan::stream::{PlanColumn, StreamOp, StreamPlan};
use millstream_connectors::{
    Committable, Connectors, CustomConnector, Position, Read, SinkContext, SinkWriter, Source,
    SplitId, SplitReader, TableSpec, without_pace,
};
use millstream_functions::RowKind;
use millstream_operators::Batch;
use millstream_serve::api::{PreviewSummary, SourceRows};
use millstream_state::{StateBackend, StateOptions};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::exec::build::{BuildContext, Task};
use crate::exec::channel::Barrier;
use crate::exec::rows::{RowWriter, line};
use crate::exec::task::{TaskError, TaskEvent};
use crate::job::{Running, first_failure, panic_failure, task_failure, tasks_operators};

/// How to preview.
#[derive(Debug, Clone)]
pub struct PreviewOptions {
    /// The node, to name it.
    pub node: String,
    /// Where relative paths start.
    pub base_dir: std::path::PathBuf,
    /// How many rows to give at most.
    pub rows: u64,
    /// How many rows to read of each source at most.
    pub source_rows: u64,
    /// After what time to make do with the rows that were read.
    pub timeout: Duration,
    /// Opens tables.
    pub connectors: Connectors,
    /// When it was asked for.
    pub begun: Instant,
}

/// The connector that takes the place of every source's.
const SOURCE: &str = "preview-source";

/// The connector that takes the place of the sink's.
const SINK: &str = "preview-sink";

/// How long rows that were read may take to come through after the time is over.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a plan with one sink and hands out the lines of the preview: the header, a line a row, and
/// the summary, which is returned too.
///
/// # Errors
/// What made it fail, with the operator it happened in; or what `out` said.
pub async fn preview(
    mut plan: StreamPlan,
    options: &PreviewOptions,
    out: &mut (dyn FnMut(&str) -> std::io::Result<()> + Send),
) -> Result<PreviewSummary> {
    let columns = sink_columns(&plan)?;
    let writer = RowWriter::new(&columns);
    out(&writer.header(&options.node, None))?;

    let sources = Arc::new(LimitedSources {
        limit: options.source_rows,
        inner: options.connectors.clone(),
        replaced: replace_connectors(&mut plan),
        opened: Mutex::default(),
        over: Arc::default(),
    });
    let (rows, mut given) = mpsc::unbounded_channel();
    let sink = Arc::new(RowSink { rows });
    let connectors = options
        .connectors
        .clone()
        .with(SOURCE, Arc::clone(&sources) as Arc<dyn CustomConnector>)
        .with(SINK, sink);
    let state = StateOptions {
        // Nothing is ever kept, so it goes to disk only if it must.
        dirty_bytes: usize::MAX,
        ..StateOptions::default()
    };
    let backend = StateBackend::scratch(&std::env::temp_dir(), &state)?;
    let mut built = BuildContext {
        plan: &plan,
        base_dir: &options.base_dir,
        parallelism: 1,
        backend: &backend,
        restored: None,
        job: "preview",
        print_to: None,
        connectors: &connectors,
    }
    .build()?;
    // With these the sink's channel ends when its task does.
    drop(connectors);
    let count = built.tasks.len();
    let mut tasks = JoinSet::new();
    let mut running = Running::new();
    let operators = tasks_operators(&plan, &built.graph);
    for (task, operators) in built.tasks.into_iter().zip(operators) {
        let spawned = match task {
            Task::Source(source) => tasks.spawn(source.run()),
            Task::Fragment(fragment) => tasks.spawn(fragment.run()),
        };
        running.insert(spawned.id(), operators);
    }

    let mut show = Show {
        writer,
        left: options.rows,
        shown: 0,
        more: false,
        out,
    };
    let deadline = tokio::time::Instant::from_std(options.begun) + options.timeout;
    let mut timed_out = false;
    let mut reading = built.controls.len();
    let mut passed = 0;
    while !show.more {
        let until = if timed_out {
            deadline + GRACE
        } else {
            deadline
        };
        tokio::select! {
            biased;
            Some(batch) = given.recv() => show.take(&batch)?,
            event = built.events.recv() => match event {
                Some(TaskEvent::Exhausted { .. }) => {
                    reading -= 1;
                    if reading == 0 {
                        for control in &built.controls {
                            // A source that is gone has failed; its task's result says why.
                            let _ = control.send(END);
                        }
                    }
                }
                Some(TaskEvent::Acknowledged { .. }) => {
                    passed += 1;
                    if passed == count {
                        break;
                    }
                }
                None => return Err(first_failure(&mut tasks, &running)
                    .await
                    .unwrap_or_else(|| anyhow!("all tasks ended before the preview did"))),
            },
            Some(ended) = tasks.join_next() => match ended {
                Ok(Ok(())) | Ok(Err(TaskError::Neighbour)) => {
                    return Err(first_failure(&mut tasks, &running)
                        .await
                        .unwrap_or_else(|| anyhow!("a task ended before the preview did")));
                }
                Ok(Err(error)) => return Err(task_failure(error)),
                Err(error) => return Err(panic_failure(error, &running)),
            },
            () = tokio::time::sleep_until(until) => {
                if timed_out {
                    break;
                }
                timed_out = true;
                sources.over.store(true, Ordering::Relaxed);
            }
        }
    }
    // All that came before the last acknowledgement.
    while let Ok(batch) = given.try_recv() {
        show.take(&batch)?;
    }
    let totals: Vec<_> = (0..plan.nodes.len())
        .map(|operator| built.metrics.totals(operator))
        .filter(|totals| !totals.in_model.is_zero())
        .collect();
    let summary = PreviewSummary {
        sources: sources.read(),
        scored: totals.iter().map(|totals| totals.rows_in).sum(),
        in_model_ms: totals
            .iter()
            .map(|totals| totals.in_model.as_secs_f64() * 1e3)
            .sum(),
        rows: show.shown,
        more: show.more,
        timed_out,
        elapsed_ms: options.begun.elapsed().as_secs_f64() * 1e3,
    };
    (show.out)(&line(&summary))?;
    // Tasks that still have work are not waited for.
    tasks.abort_all();
    Ok(summary)
}

/// The barrier behind the last row.
const END: Barrier = Barrier {
    epoch: 1,
    terminal: true,
    snapshot: false,
};

struct Show<'a> {
    writer: RowWriter,
    left: u64,
    shown: u64,
    more: bool,
    out: &'a mut (dyn FnMut(&str) -> std::io::Result<()> + Send),
}

impl Show<'_> {
    fn take(&mut self, batch: &Batch) -> Result<()> {
        let count = batch
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.more |= count < batch.len();
        if count == 0 {
            return Ok(());
        }
        let mut text = String::new();
        self.writer.write(&batch.slice(0, count), &mut text)?;
        self.left -= count as u64;
        self.shown += count as u64;
        (self.out)(&text)?;
        Ok(())
    }
}

/// The columns of the rows that the sink is given, under the names of its table.
fn sink_columns(plan: &StreamPlan) -> Result<Vec<PlanColumn>> {
    let sink = plan.nodes.iter().find_map(|node| match node.op {
        StreamOp::Sink { table, .. } => Some((&plan.tables[table], *node.inputs.first()?)),
        _ => None,
    });
    let (table, input) = sink.context("the plan has no sink")?;
    let columns = &plan.nodes[input].columns;
    Ok(if table.columns.len() == columns.len() {
        let names = table.columns.iter().map(|(name, _)| name);
        columns
            .iter()
            .zip(names)
            .map(|(column, name)| column.renamed(name))
            .collect()
    } else {
        columns.clone()
    })
}

/// Puts this preview's connectors in the place of the tables' own; those of sources are returned
/// by table.
fn replace_connectors(plan: &mut StreamPlan) -> BTreeMap<String, String> {
    let mut replaced = BTreeMap::new();
    let key = "connector";
    for node in &mut plan.nodes {
        match &mut node.op {
            StreamOp::Source { table, .. } => {
                let table = &mut plan.tables[*table];
                let own = table.options.insert(key.into(), SOURCE.into());
                if let Some(own) = own.filter(|own| own != SOURCE) {
                    replaced.insert(table.name.clone(), own);
                }
            }
            StreamOp::Sink { table, .. } => {
                // It may be a source, too.
                let mut written = plan.tables[*table].clone();
                written.options.insert(key.into(), SINK.into());
                plan.tables.push(written);
                *table = plan.tables.len() - 1;
            }
            _ => {}
        }
    }
    replaced
}

/// Opens sources that end after so many rows.
struct LimitedSources {
    limit: u64,
    inner: Connectors,
    /// The tables' own connectors.
    replaced: BTreeMap<String, String>,
    opened: Mutex<Vec<Arc<Quota>>>,
    /// The time is over.
    over: Arc<AtomicBool>,
}

/// What is read of a source.
#[derive(Debug)]
struct Quota {
    table: String,
    limit: u64,
    given: AtomicU64,
    /// Splits that are not read to their end.
    open: AtomicU64,
    over: Arc<AtomicBool>,
}

impl LimitedSources {
    fn own(&self, spec: &TableSpec) -> TableSpec {
        let mut own = spec.clone();
        if let Some(connector) = self.replaced.get(&spec.name) {
            own.options.insert("connector".into(), connector.clone());
        }
        own
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Quota>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Vec<SourceRows> {
        let opened = self.opened();
        opened
            .iter()
            .map(|quota| SourceRows {
                node: quota.table.clone(),
                rows: quota.given.load(Ordering::Relaxed),
                cut: quota.open.load(Ordering::Relaxed) > 0,
            })
            .collect()
    }
}

impl CustomConnector for LimitedSources {
    fn validate_source(&self, spec: &TableSpec) -> millstream_connectors::Result<()> {
        self.inner.validate_source(&self.own(spec))
    }

    fn validate_sink(&self, spec: &TableSpec) -> millstream_connectors::Result<()> {
        self.inner.validate_sink(&self.own(spec))
    }

    fn open_source(
        &self,
        spec: &TableSpec,
        projection: &[usize],
    ) -> millstream_connectors::Result<Box<dyn Source>> {
        let own = without_pace(&self.own(spec));
        let quota = Arc::new(Quota {
            table: spec.name.clone(),
            limit: self.limit,
            given: AtomicU64::new(0),
            open: AtomicU64::new(0),
            over: Arc::clone(&self.over),
        });
        self.opened().push(Arc::clone(&quota));
        Ok(Box::new(Limited {
            inner: self.inner.open_source(&own, projection)?,
            quota,
        }))
    }

    fn open_lookup(
        &self,
        spec: &TableSpec,
        projection: &[usize],
    ) -> millstream_connectors::Result<Box<dyn Source>> {
        // A table that is looked up is there as a whole.
        self.inner.open_lookup(&self.own(spec), projection)
    }

    fn open_sink(
        &self,
        spec: &TableSpec,
        context: &SinkContext,
    ) -> millstream_connectors::Result<Box<dyn SinkWriter>> {
        self.inner.open_sink(&self.own(spec), context, None)
    }
}

/// A source that ends after so many rows.
struct Limited {
    inner: Box<dyn Source>,
    quota: Arc<Quota>,
}

impl Source for Limited {
    fn splits(&self) -> millstream_connectors::Result<Vec<SplitId>> {
        self.inner.splits()
    }

    fn bounded(&self) -> bool {
        true
    }

    fn reader(
        &self,
        split: &SplitId,
        position: Option<&Position>,
    ) -> millstream_connectors::Result<Box<dyn SplitReader>> {
        self.quota.open.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(LimitedReader {
            inner: self.inner.reader(split, position)?,
            quota: Arc::clone(&self.quota),
        }))
    }

    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }
}

struct LimitedReader {
    inner: Box<dyn SplitReader>,
    quota: Arc<Quota>,
}

impl SplitReader for LimitedReader {
    fn next(&mut self, max_rows: usize) -> millstream_connectors::Result<Read> {
        let quota = &self.quota;
        let left = quota
            .limit
            .saturating_sub(quota.given.load(Ordering::Relaxed));
        if left == 0 || quota.over.load(Ordering::Relaxed) {
            // Whether there is more is worth one look.
            if matches!(self.inner.next(1), Ok(Read::End)) {
                quota.open.fetch_sub(1, Ordering::Relaxed);
            }
            return Ok(Read::End);
        }
        let most = max_rows.min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.inner.next(most)?;
        match &read {
            Read::Rows(rows, _) => {
                let rows = rows.num_rows() as u64;
                quota.given.fetch_add(rows, Ordering::Relaxed);
            }
            Read::End => {
                quota.open.fetch_sub(1, Ordering::Relaxed);
            }
            Read::Idle => {}
        }
        Ok(read)
    }

    fn position(&self) -> Position {
        self.inner.position()
    }

    fn bad_rows(&self) -> u64 {
        self.inner.bad_rows()
    }
}

/// Hands rows to the preview.
struct RowSink {
    rows: mpsc::UnboundedSender<Batch>,
}

impl CustomConnector for RowSink {
    fn validate_source(&self, _spec: &TableSpec) -> millstream_connectors::Result<()> {
        Ok(())
    }

    fn validate_sink(&self, _spec: &TableSpec) -> millstream_connectors::Result<()> {
        Ok(())
    }

    fn open_source(
        &self,
        spec: &TableSpec,
        projection: &[usize],
    ) -> millstream_connectors::Result<Box<dyn Source>> {
        // Nothing is read that is also written: a table has one end in a preview.
        millstream_connectors::open_source(spec, projection)
    }

    fn open_sink(
        &self,
        _spec: &TableSpec,
        _context: &SinkContext,
    ) -> millstream_connectors::Result<Box<dyn SinkWriter>> {
        Ok(Box::new(RowWriterSink {
            rows: self.rows.clone(),
        }))
    }
}

struct RowWriterSink {
    rows: mpsc::UnboundedSender<Batch>,
}

impl SinkWriter for RowWriterSink {
    fn write(
        &mut self,
        rows: &RecordBatch,
        kinds: Option<&[RowKind]>,
    ) -> millstream_connectors::Result<()> {
        let mut batch = Batch::append(rows.clone(), 0);
        batch.kinds = kinds.map(Into::into);
        // A preview that has enough does not listen any more.
        let _ = self.rows.send(batch);
        Ok(())
    }

    fn prepare_commit(&mut self, _epoch: u64) -> millstream_connectors::Result<Vec<Committable>> {
        Ok(Vec::new())
    }
}
