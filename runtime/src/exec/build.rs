//! From a plan and its fragments to tasks that are ready to run.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion_common::DFSchemaRef;
use datafusion_expr::Expr;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use millstream_compiler::plan::lifetime::state_ttl;
use millstream_compiler::plan::stream::{
    self, PlanColumn, PlanModel, PlanNode, PlanTable, StreamOp, StreamPlan, positional_schema,
};
use millstream_compiler::plan::{ChangelogMode, TimeAttribute, settings};
use millstream_connectors::{
    Connectors, Position, Read, SinkContext, Source, SplitId, SplitReader, TableSpec,
};
use millstream_models::{Binding, Model, Scorer};
use millstream_operators::aggregates::AggregateCall;
use millstream_operators::calc::Calc;
use millstream_operators::deduplicate::{DeduplicateFirst, DeduplicateLast, DeduplicateSpec};
use millstream_operators::exchange::HashPartitioner;
use millstream_operators::lookup_join::{
    JoinKind, LookupJoin, LookupJoinSpec, LookupOptions, LookupTable,
};
use millstream_operators::proctime_deduplicate::ProctimeDeduplicateSpec;
use millstream_operators::watermark_assigner::WatermarkGenerator;
use millstream_operators::{
    Batch, Clock, Operator, OperatorContext, OperatorError, Output, Watermark,
};
use millstream_state::{Manifest, StateBackend, key_group_range};
use tokio::sync::{mpsc, watch};

use super::chain::{Chain, Link, Target};
use super::channel::{self, Barrier, InputGate, Sender};
use super::graph::{FragmentGraph, Routing};
use super::lookup::MemoryTable;
use super::metrics::JobMetrics;
use super::predict::{Counted, Predict};
use super::sink::SinkOperator;
use super::source::{Alignment, SourceParts, SourceState, SourceTask, instance_of};
use crate::job::Captured;

use super::task::{Exchange, FragmentTask, Partitioner, TaskEvent, TaskLink};

/// A task of either kind.
pub enum Task {
    /// Begins with a source.
    Source(SourceTask),
    /// Reads from other fragments.
    Fragment(FragmentTask),
}

/// All tasks of a job and the master's ends of their channels.
pub struct Built {
    /// The tasks, by number.
    pub tasks: Vec<Task>,
    /// How to send barriers to the source tasks.
    pub controls: Vec<mpsc::UnboundedSender<Barrier>>,
    /// What the tasks report.
    pub events: mpsc::UnboundedReceiver<TaskEvent>,
    /// Lets the tasks end.
    pub release: watch::Sender<bool>,
    /// Counters.
    pub metrics: Arc<JobMetrics>,
    /// How the plan was cut into tasks.
    pub graph: FragmentGraph,
}

/// What building needs to know.
pub struct BuildContext<'a> {
    /// The plan.
    pub plan: &'a StreamPlan,
    /// Where relative paths start.
    pub base_dir: &'a Path,
    /// Instances of each fragment.
    pub parallelism: usize,
    /// The process's state.
    pub backend: &'a StateBackend,
    /// The checkpoint to go on from.
    pub restored: Option<&'a Manifest>,
    /// Identifies the job over its restarts.
    pub job: &'a str,
    /// Where `print` tables write instead of stdout.
    pub print_to: Option<&'a Captured>,
    /// Opens tables.
    pub connectors: &'a Connectors,
}

/// A table as its connector wants it.
pub fn table_spec(table: &PlanTable, base_dir: &Path) -> TableSpec {
    TableSpec {
        name: table.name.clone(),
        columns: table.columns.clone(),
        metadata: table
            .metadata
            .iter()
            .map(|(name, key, ty, _)| (name.clone(), key.clone(), ty.clone()))
            .collect(),
        partition_keys: table.partition_keys.clone(),
        primary_key: table.primary_key.clone(),
        options: table.options.clone(),
        base_dir: base_dir.to_path_buf(),
    }
}

/// The model file behind a `CREATE MODEL`.
pub fn model_path(options: &BTreeMap<String, String>, base_dir: &Path) -> Result<PathBuf, String> {
    match options.get("provider").map(String::as_str) {
        Some("onnx") => {}
        Some(other) => {
            return Err(format!(
                "the model provider '{other}' is not supported by the embedded runtime; it has 'onnx'"
            ));
        }
        None => return Err("the model has no 'provider'; write 'provider' = 'onnx'".into()),
    }
    match options.get("path") {
        Some(path) => {
            let path = path.strip_prefix("file://").unwrap_or(path);
            Ok(base_dir.join(path))
        }
        None => Err("the model has no 'path'; write 'path' = 'model.onnx'".into()),
    }
}

fn bind_model(model: &PlanModel, base_dir: &Path) -> Result<(Arc<Model>, Arc<Binding>)> {
    let path = model_path(&model.options, base_dir).map_err(|e| anyhow!(e))?;
    let loaded = Model::load(&path)?;
    let columns = |list: &[(String, millstream_functions::FlinkType)]| {
        list.iter()
            .map(|(n, ty)| (n.clone(), ty.to_arrow()))
            .collect::<Vec<_>>()
    };
    let binding = Binding::new(
        loaded.signature(),
        &columns(&model.inputs),
        &columns(&model.outputs),
    )
    .map_err(|e| anyhow!("the model '{}' does not fit: {e}", model.name))?;
    Ok((Arc::new(loaded), Arc::new(binding)))
}

impl BuildContext<'_> {
    /// Makes the tasks.
    pub fn build(&self) -> Result<Built> {
        let graph = FragmentGraph::of(self.plan, self.parallelism);
        let instances = |operator: usize| graph.fragments[graph.fragment_of[operator]].parallelism;
        let metrics = Arc::new(JobMetrics::new(
            (self.plan.nodes.iter().enumerate()).map(|(i, n)| (instances(i), n.inputs.len())),
            graph.edges.iter().map(|edge| instances(edge.from)),
        ));
        let models = self
            .plan
            .models
            .iter()
            .map(|m| bind_model(m, self.base_dir))
            .collect::<Result<Vec<_>>>()?;
        let sources = self.open_sources()?;
        let lookups = self.open_lookups()?;
        let alignments: BTreeMap<usize, Arc<Alignment>> = sources
            .keys()
            .map(|&node| {
                let instances = graph.fragments[graph.fragment_of[node]].parallelism;
                (node, Arc::new(Alignment::new(instances)))
            })
            .collect();
        let (report, events) = mpsc::unbounded_channel();
        let (release, released) = watch::channel(false);
        let mut tasks = Vec::new();
        let mut controls = Vec::new();

        // Channels of each edge: by sending instance, by receiving instance.
        let mut senders: Vec<Vec<Vec<Sender>>> = Vec::new();
        let mut receivers: BTreeMap<(usize, usize), Vec<(usize, mpsc::Receiver<_>)>> =
            BTreeMap::new();
        let mut edge_of_fragment: Vec<Vec<usize>> = vec![Vec::new(); graph.fragments.len()];
        for (number, edge) in graph.edges.iter().enumerate() {
            let to = graph.fragment_of[edge.to.0];
            let entry = edge_of_fragment[to].len();
            edge_of_fragment[to].push(number);
            let from = &graph.fragments[graph.fragment_of[edge.from]];
            let instances = graph.fragments[to].parallelism;
            let mut by_sender = Vec::new();
            for sender in 0..from.parallelism {
                let targets: Vec<usize> = match edge.routing {
                    Routing::Forward => vec![sender],
                    _ => (0..instances).collect(),
                };
                let mut row = Vec::new();
                for target in targets {
                    let (tx, rx) = channel::channel();
                    row.push(tx);
                    receivers.entry((to, target)).or_default().push((entry, rx));
                }
                by_sender.push(row);
            }
            senders.push(by_sender);
        }

        for (number, fragment) in graph.fragments.iter().enumerate() {
            for subtask in 0..fragment.parallelism {
                let link = TaskLink {
                    task: tasks.len(),
                    subtask,
                    events: report.clone(),
                    released: released.clone(),
                };
                // Exchanges that leave this fragment.
                let mut exchanges = Vec::new();
                let mut leaving: BTreeMap<usize, Vec<Target>> = BTreeMap::new();
                for (number_of_edge, (edge, by_sender)) in
                    graph.edges.iter().zip(&mut senders).enumerate()
                {
                    if graph.fragment_of[edge.from] != number {
                        continue;
                    }
                    leaving
                        .entry(edge.from)
                        .or_default()
                        .push(Target::Exchange(exchanges.len()));
                    let partitioner = match &edge.routing {
                        Routing::Forward | Routing::Single => Partitioner::One,
                        Routing::RoundRobin => Partitioner::RoundRobin(subtask),
                        Routing::Hash(keys) => Partitioner::Hash(Box::new(HashPartitioner::new(
                            &self.plan.nodes[edge.from].schema(),
                            keys,
                            graph.fragments[graph.fragment_of[edge.to.0]].parallelism,
                            self.backend.max_parallelism(),
                        )?)),
                    };
                    exchanges.push(Exchange {
                        partitioner,
                        senders: std::mem::take(&mut by_sender[subtask]),
                        from: (edge.from, self.plan.nodes[edge.from].uid.clone()),
                        edge: number_of_edge,
                        subtask,
                        metrics: Arc::clone(&metrics),
                    });
                }
                // Operators of the chain: all but a leading source.
                let leading_source = fragment.nodes.first().copied().filter(|&n| {
                    matches!(
                        self.plan.nodes[n].op,
                        StreamOp::Source { .. } | StreamOp::Values { .. }
                    )
                });
                let chained: Vec<usize> = fragment
                    .nodes
                    .iter()
                    .copied()
                    .filter(|&n| Some(n) != leading_source)
                    .collect();
                let place: BTreeMap<usize, usize> =
                    chained.iter().enumerate().map(|(i, &n)| (n, i)).collect();
                let targets_of = |node: usize| -> Vec<Target> {
                    let mut targets = Vec::new();
                    for (&reader, &index) in &place {
                        for (port, &input) in self.plan.nodes[reader].inputs.iter().enumerate() {
                            let by_edge = graph
                                .edges
                                .iter()
                                .any(|e| e.from == node && e.to == (reader, port));
                            if input == node && !by_edge {
                                targets.push(Target::Operator { index, port });
                            }
                        }
                    }
                    targets.extend(leaving.get(&node).into_iter().flatten());
                    targets
                };
                let mut links = Vec::new();
                for &node in &chained {
                    let plan_node = &self.plan.nodes[node];
                    let context = OperatorContext {
                        uid: plan_node.uid.clone(),
                        subtask,
                        parallelism: fragment.parallelism,
                        key_groups: key_group_range(
                            subtask as u32,
                            fragment.parallelism as u32,
                            self.backend.max_parallelism(),
                        ),
                        backend: Arc::new(self.backend.clone()),
                        clock: Clock::system(),
                    };
                    let mut operator = self
                        .operator(node, context, &models, &lookups, &metrics)
                        .with_context(|| plan_node.uid.clone())?;
                    if let Some(manifest) = self.restored
                        && !matches!(plan_node.op, StreamOp::Sink { .. })
                    {
                        let former: Vec<Vec<u8>> = manifest
                            .blobs(&plan_node.uid)
                            .iter()
                            .map(|blob| blob.bytes.clone())
                            .collect();
                        operator
                            .restore(&former)
                            .with_context(|| plan_node.uid.clone())?;
                    }
                    links.push(Link {
                        node,
                        uid: plan_node.uid.clone(),
                        operator,
                        inputs: vec![Watermark::MIN; plan_node.inputs.len().max(1)],
                        idle: vec![false; plan_node.inputs.len().max(1)],
                        current: Watermark::MIN,
                        targets: targets_of(node),
                    });
                }
                let chain = Chain::new(links, Arc::clone(&metrics), subtask);
                let task = match leading_source {
                    Some(node) => {
                        let (control, commands) = mpsc::unbounded_channel();
                        controls.push(control);
                        let parts = self.source_parts(
                            node,
                            &sources,
                            fragment.parallelism,
                            link,
                            commands,
                            (chain, targets_of(node), exchanges),
                            &metrics,
                            &alignments[&node],
                        )?;
                        Task::Source(SourceTask::open(parts)?)
                    }
                    None => {
                        let channels = receivers.remove(&(number, subtask)).unwrap_or_default();
                        let entries = edge_of_fragment[number]
                            .iter()
                            .map(|&e| {
                                let (reader, port) = graph.edges[e].to;
                                Target::Operator {
                                    index: place[&reader],
                                    port,
                                }
                            })
                            .collect();
                        Task::Fragment(FragmentTask {
                            link,
                            gate: InputGate::new(channels),
                            entries,
                            chain,
                            exchanges,
                        })
                    }
                };
                tasks.push(task);
            }
        }
        Ok(Built {
            tasks,
            controls,
            events,
            release,
            metrics,
            graph,
        })
    }

    fn open_sources(&self) -> Result<BTreeMap<usize, Arc<dyn Source>>> {
        let mut sources: BTreeMap<usize, Arc<dyn Source>> = BTreeMap::new();
        for (index, node) in self.plan.nodes.iter().enumerate() {
            match &node.op {
                StreamOp::Source {
                    table, projection, ..
                } => {
                    let spec = table_spec(&self.plan.tables[*table], self.base_dir);
                    let source = self.connectors.open_source(&spec, projection)?;
                    sources.insert(index, Arc::from(source));
                }
                StreamOp::Values { rows } => {
                    let source = ValuesSource::new(rows, &node.columns)?;
                    sources.insert(index, Arc::new(source));
                }
                _ => {}
            }
        }
        Ok(sources)
    }

    /// The tables that joins look up, by the join's number; shared by its instances.
    fn open_lookups(&self) -> Result<BTreeMap<usize, Arc<dyn LookupTable>>> {
        let mut lookups: BTreeMap<usize, Arc<dyn LookupTable>> = BTreeMap::new();
        for (index, node) in self.plan.nodes.iter().enumerate() {
            if let StreamOp::LookupJoin { keys, table } = &node.op {
                let plan_table = &self.plan.tables[table.table];
                let spec = table_spec(plan_table, self.base_dir);
                let source = self.connectors.open_lookup(&spec, &table.projection)?;
                let opened = MemoryTable::open(plan_table, table, &keys.right, Arc::from(source))
                    .with_context(|| node.uid.clone())?;
                lookups.insert(index, Arc::new(opened));
            }
        }
        Ok(lookups)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one caller, each part made there"
    )]
    fn source_parts(
        &self,
        node: usize,
        sources: &BTreeMap<usize, Arc<dyn Source>>,
        parallelism: usize,
        link: TaskLink,
        control: mpsc::UnboundedReceiver<Barrier>,
        (chain, entries, exchanges): (Chain, Vec<Target>, Vec<Exchange>),
        metrics: &Arc<JobMetrics>,
        alignment: &Arc<Alignment>,
    ) -> Result<SourceParts> {
        let plan_node = &self.plan.nodes[node];
        let source = Arc::clone(&sources[&node]);
        let mut restored = BTreeMap::new();
        for blob in self
            .restored
            .map_or(&[][..], |manifest| manifest.blobs(&plan_node.uid))
        {
            let state: SourceState = serde_json::from_slice(&blob.bytes)
                .with_context(|| format!("{}: its positions in the checkpoint", plan_node.uid))?;
            restored.extend(state.splits);
        }
        let discovered = source.discovery_interval().is_some();
        let splits = source
            .splits()?
            .into_iter()
            .enumerate()
            .filter(|(i, split)| instance_of(split, *i, discovered, parallelism) == link.subtask)
            .map(|(_, split)| split)
            .collect();
        let read_schema = source.schema();
        let (columns, generator) = match &plan_node.op {
            StreamOp::Source {
                exprs, watermark, ..
            } => {
                let columns: Option<Box<dyn Operator>> = match exprs {
                    Some(exprs) => {
                        let read = plan_columns(&read_schema);
                        let schema = positional_schema(&read)?;
                        let projection = exprs
                            .iter()
                            .map(|e| physical(e, &schema))
                            .collect::<Result<_>>()?;
                        Some(Box::new(Calc::new(
                            &read_schema,
                            None,
                            projection,
                            plan_node.schema(),
                        )?))
                    }
                    None => None,
                };
                let generator = match watermark {
                    Some(watermark) => {
                        let schema = positional_schema(&plan_node.columns)?;
                        let generator = WatermarkGenerator::new(
                            &plan_node.schema(),
                            watermark.column,
                            physical(&watermark.expr, &schema)?,
                        )?;
                        Some(match watermark.in_source {
                            true => generator.from_anywhere(),
                            false => generator,
                        })
                    }
                    None => None,
                };
                (columns, generator)
            }
            _ => (None, None),
        };
        Ok(SourceParts {
            link,
            node,
            uid: plan_node.uid.clone(),
            source,
            splits,
            restored,
            columns,
            generator,
            idle_timeout: self.idle_timeout(plan_node),
            parallelism,
            alignment: Arc::clone(alignment),
            metrics: Arc::clone(metrics),
            chain,
            entries,
            exchanges,
            control,
        })
    }

    /// After what time without rows a source holds event time up no more: what its table says, else
    /// what is set. Zero stands for never.
    fn idle_timeout(&self, source: &PlanNode) -> Option<std::time::Duration> {
        let StreamOp::Source { table, .. } = &source.op else {
            return None;
        };
        let options = &self.plan.tables[*table].options;
        let own = settings::duration_setting(options, "scan.watermark.idle-timeout");
        own.or_else(|| {
            settings::duration_setting(&self.plan.settings, "table.exec.source.idle-timeout")
        })
        .filter(|timeout| !timeout.is_zero())
    }

    fn operator(
        &self,
        index: usize,
        context: OperatorContext,
        models: &[(Arc<Model>, Arc<Binding>)],
        lookups: &BTreeMap<usize, Arc<dyn LookupTable>>,
        metrics: &Arc<JobMetrics>,
    ) -> Result<Box<dyn Operator>> {
        let node = &self.plan.nodes[index];
        let input = node.inputs.first().map(|&i| &self.plan.nodes[i]);
        let input_schema = input.map_or_else(|| Arc::new(Schema::empty()), |n| n.schema());
        if let Some(operator) = super::updating::operator(self.plan, node, &context)? {
            return super::windows::by_clock(self.plan, node, operator);
        }
        if let Some(operator) = super::windows::operator(self.plan, node, &context)? {
            return super::windows::by_clock(self.plan, node, operator);
        }
        if let Some(operator) = super::over::operator(self.plan, node, &context)? {
            return Ok(operator);
        }
        Ok(match &node.op {
            StreamOp::Source { .. } | StreamOp::Values { .. } => {
                return Err(anyhow!("a source cannot follow another operator"));
            }
            StreamOp::Calc { exprs, filter } => {
                let columns = input.map_or(&[][..], |n| &n.columns);
                if let Some(seen) = super::watermark::seen_by(exprs, filter.as_ref(), columns)? {
                    return seen.operator(&input_schema, columns, node.schema());
                }
                let schema = positional_schema(columns)?;
                let filter = filter.as_ref().map(|f| physical(f, &schema)).transpose()?;
                let projection = exprs
                    .iter()
                    .map(|e| physical(e, &schema))
                    .collect::<Result<_>>()?;
                Box::new(Calc::new(&input_schema, filter, projection, node.schema())?)
            }
            StreamOp::WindowTvf { .. }
            | StreamOp::WindowAggregate { .. }
            | StreamOp::Over { .. } => {
                return Err(anyhow!("{} has no input", node.op.name()));
            }
            StreamOp::Deduplicate {
                keys,
                rowtime,
                keep_last,
            } if input.is_some_and(|n| is_proctime(n, *rowtime)) => {
                let spec = ProctimeDeduplicateSpec {
                    keys: keys.clone(),
                    keep_last: *keep_last,
                    update_before: node.changelog == ChangelogMode::Retract,
                    ttl_millis: state_ttl(self.plan, node, 0),
                };
                spec.operator(&context, input_schema)?
            }
            StreamOp::Deduplicate {
                keys,
                rowtime,
                keep_last,
            } => {
                let spec = DeduplicateSpec {
                    keys: keys.clone(),
                    rowtime: *rowtime,
                };
                if *keep_last {
                    let update_before = node.changelog == ChangelogMode::Retract;
                    Box::new(DeduplicateLast::new(
                        &context,
                        input_schema,
                        &spec,
                        update_before,
                    )?)
                } else {
                    Box::new(DeduplicateFirst::new(&context, input_schema, &spec)?)
                }
            }
            StreamOp::GroupAggregate { .. }
            | StreamOp::LocalAggregate { .. }
            | StreamOp::GlobalAggregate { .. }
            | StreamOp::TopN { .. }
            | StreamOp::Limit { .. }
            | StreamOp::TemporalSort { .. }
            | StreamOp::Sort { .. }
            | StreamOp::Match(_)
            | StreamOp::Join { .. }
            | StreamOp::ChangelogNormalize { .. }
            | StreamOp::SetOperation { .. }
            | StreamOp::Unnest { .. }
            | StreamOp::DropUpdateBefore
            | StreamOp::UpsertMaterialize { .. }
            | StreamOp::SinkConstraints { .. }
            | StreamOp::Expand { .. } => {
                return Err(anyhow!("{} has no input", node.op.name()));
            }
            StreamOp::LookupJoin { keys, .. } => {
                let both: Vec<PlanColumn> = node.columns.clone();
                let condition = keys
                    .condition
                    .as_ref()
                    .map(|condition| physical(condition, &positional_schema(&both)?))
                    .transpose()?;
                Box::new(LookupJoin::with_schema(
                    &context,
                    &input_schema,
                    Arc::clone(&lookups[&index]),
                    &LookupJoinSpec {
                        kind: match keys.kind {
                            stream::JoinKind::Left => JoinKind::Left,
                            _ => JoinKind::Inner,
                        },
                        keys: keys.left.clone(),
                        condition,
                        options: LookupOptions {
                            in_flight: 1,
                            keys_per_call: usize::MAX,
                            ..LookupOptions::default()
                        },
                    },
                    node.schema(),
                )?)
            }
            StreamOp::Union => Box::new(Union {
                schema: node.schema(),
            }),
            StreamOp::Predict { model, args, .. } => {
                let (model, binding) = &models[*model];
                Box::new(Predict::new(
                    Scorer::new(Arc::clone(model), Arc::clone(binding)),
                    args.clone(),
                    node.schema(),
                    Counted {
                        metrics: Arc::clone(metrics),
                        node: index,
                        subtask: context.subtask,
                    },
                ))
            }
            StreamOp::Sink { table, .. } => {
                let spec = table_spec(&self.plan.tables[*table], self.base_dir);
                let sink_context = SinkContext {
                    job: self.job.to_string(),
                    subtask: context.subtask as u32,
                    parallelism: context.parallelism as u32,
                };
                let out = self
                    .print_to
                    .map(|captured| Box::new(captured.clone()) as Box<dyn Write + Send>);
                let writer = self.connectors.open_sink(&spec, &sink_context, out)?;
                Box::new(SinkOperator::new(writer, Arc::clone(metrics), index))
            }
        })
    }
}

/// Whether a column is the processing time of its stream.
pub(super) fn is_proctime(node: &PlanNode, column: usize) -> bool {
    node.columns[column].time == Some(TimeAttribute::Proctime)
}

/// All rows of all inputs under one schema; the chain combines their watermarks.
struct Union {
    schema: SchemaRef,
}

impl Operator for Union {
    fn process(
        &mut self,
        _input: usize,
        batch: Batch,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let rows = RecordBatch::try_new(self.schema.clone(), batch.rows.columns().to_vec())?;
        out.emit(batch.with_rows(rows));
        Ok(())
    }

    fn snapshot(&mut self, _epoch: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(vec![])
    }
}

pub(super) fn call(call: &stream::AggregateCall, input: &Schema) -> AggregateCall {
    AggregateCall {
        kind: call.kind,
        args: call.args.clone(),
        literals: call.constants.clone(),
        distinct: call.distinct,
        filter: call.filter,
        input_type: call
            .args
            .first()
            .map(|&i| input.field(i).data_type().clone()),
        output_type: call.output.field.data_type().clone(),
    }
}

pub(super) fn plan_columns(schema: &SchemaRef) -> Vec<PlanColumn> {
    schema
        .fields()
        .iter()
        .map(|f| PlanColumn::new(f.name(), f))
        .collect()
}

pub(super) fn physical(expr: &Expr, schema: &DFSchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
    Ok(create_physical_expr(
        expr,
        schema,
        &ExecutionProps::new(),
        &PhysicalPlanningContext::default(),
    )?)
}

/// The rows of a `VALUES`: one split, all rows at once.
#[derive(Debug)]
struct ValuesSource {
    rows: RecordBatch,
}

impl ValuesSource {
    fn new(rows: &[Vec<Expr>], columns: &[PlanColumn]) -> Result<Self> {
        let schema: SchemaRef = Arc::new(Schema::new(
            columns
                .iter()
                .map(|c| c.field.as_ref().clone())
                .collect::<Vec<_>>(),
        ));
        let none = RecordBatch::try_new_with_options(
            Arc::new(Schema::empty()),
            vec![],
            &RecordBatchOptions::new().with_row_count(Some(1)),
        )?;
        let empty = positional_schema(&[])?;
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len());
        for (i, column) in columns.iter().enumerate() {
            let values = rows
                .iter()
                .map(|row| {
                    let value = physical(&row[i], &empty)?.evaluate(&none)?.into_array(1)?;
                    Ok(arrow::compute::cast(&value, column.field.data_type())?)
                })
                .collect::<Result<Vec<ArrayRef>>>()?;
            let values: Vec<&dyn arrow::array::Array> = values.iter().map(|v| v.as_ref()).collect();
            arrays.push(if values.is_empty() {
                arrow::array::new_empty_array(column.field.data_type())
            } else {
                arrow::compute::concat(&values)?
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(Self {
            rows: RecordBatch::try_new_with_options(schema, arrays, &options)?,
        })
    }
}

impl Source for ValuesSource {
    fn splits(&self) -> millstream_connectors::Result<Vec<SplitId>> {
        Ok(vec![SplitId("values".into())])
    }

    fn bounded(&self) -> bool {
        true
    }

    fn reader(
        &self,
        _split: &SplitId,
        position: Option<&Position>,
    ) -> millstream_connectors::Result<Box<dyn SplitReader>> {
        let next = match position {
            Some(Position::Row { next }) => *next as usize,
            _ => 0,
        };
        Ok(Box::new(ValuesReader {
            rows: self.rows.clone(),
            next: next.min(self.rows.num_rows()),
        }))
    }

    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}

struct ValuesReader {
    rows: RecordBatch,
    next: usize,
}

impl SplitReader for ValuesReader {
    fn next(&mut self, max_rows: usize) -> millstream_connectors::Result<Read> {
        let count = max_rows.min(self.rows.num_rows() - self.next);
        if count == 0 {
            return Ok(Read::End);
        }
        let rows = self.rows.slice(self.next, count);
        self.next += count;
        Ok(Read::Rows(rows, None))
    }

    fn position(&self) -> Position {
        Position::Row {
            next: self.next as u64,
        }
    }
}
