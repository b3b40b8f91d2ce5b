//! From the counters of operators and exchanges to figures of nodes and wires.
//!
//! A node of the pipeline is one or more operators; an operator that several nodes share (rolling
//! aggregates of one key) counts for each of them. Rates and shares come from two samples of the
//! counters, taken about a second apart.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use millstream_compiler::plan::StreamPlan;
use millstream_compiler::plan::stream::{PlanColumn, PlanNode, StreamOp};
use millstream_operators::Watermark;
use millstream_serve::api::{EdgeMetrics, Latencies, Latency, Memory, Metrics, NodeMetrics};
use millstream_state::MemoryStats;

use super::monitor::{Wire, Wiring};
use crate::exec::graph::FragmentGraph;
use crate::exec::metrics::{JobMetrics, LatencyFigures};

/// The quantiles that are told.
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// Which operators and exchanges belong to which node and wire.
pub(super) struct Figures {
    nodes: Vec<NodeShape>,
    edges: Vec<EdgeShape>,
    tasks: Vec<TaskShape>,
    /// The operator by its name.
    operators: BTreeMap<String, usize>,
    instances: Vec<usize>,
}

struct NodeShape {
    id: String,
    title: Option<String>,
    operators: Vec<usize>,
    names: Vec<String>,
    shared_with: Vec<String>,
    /// Inputs that rows of other nodes come in at; those of a source are what it reads.
    entries: Vec<(usize, usize)>,
    /// Operators whose rows leave the node.
    exits: Vec<usize>,
    is_sink: bool,
    has_model: bool,
    /// The fragments that its operators are in.
    tasks: Vec<usize>,
}

struct EdgeShape {
    id: Option<String>,
    from: String,
    to: String,
    port: Option<String>,
    /// Inputs that its rows come in at; empty for one within an operator that both nodes share.
    inputs: Vec<(usize, usize)>,
    /// Operators that its rows leave, for event time.
    exits: Vec<usize>,
    /// Exchanges by which its rows leave the sender's task: its own, or the first behind the
    /// receiver's operators that run there.
    exchanges: Vec<usize>,
}

/// A fragment: its operators and the exchanges that leave it.
struct TaskShape {
    operators: Vec<usize>,
    /// Each with the nodes of the operator that receives.
    exchanges: Vec<(usize, Vec<String>)>,
    instances: usize,
}

/// All counters at a moment.
pub(super) struct Sample {
    pub(super) at: Instant,
    /// Rows in, by operator and input.
    rows_in: Vec<Vec<u64>>,
    rows_out: Vec<u64>,
    /// Nanoseconds by operator and instance.
    busy: Vec<Vec<u64>>,
    /// Nanoseconds by operator and instance.
    starved: Vec<Vec<u64>>,
    /// Nanoseconds by operator.
    model: Vec<u64>,
    /// Nanoseconds by exchange and sending instance.
    blocked: Vec<Vec<u64>>,
}

/// What is known of the state.
pub(super) struct StateFigures<'a> {
    /// Bytes in memory by table.
    pub(super) tables: BTreeMap<String, u64>,
    /// Bytes in the last checkpoint by table.
    pub(super) checkpoint: &'a BTreeMap<String, u64>,
    pub(super) memory: Option<MemoryStats>,
}

impl Figures {
    /// The shape of a plan.
    pub(super) fn of(plan: &StreamPlan, graph: &FragmentGraph, wiring: &Wiring) -> Self {
        let owners = owners(plan, wiring);
        let mut ids: Vec<&str> = Vec::new();
        for owner in owners.iter().flatten() {
            if !ids.contains(owner) {
                ids.push(owner);
            }
        }
        Self {
            nodes: ids
                .into_iter()
                .map(|id| node_shape(plan, graph, wiring, &owners, id))
                .collect(),
            edges: edge_shapes(plan, graph, wiring, &owners),
            tasks: graph
                .fragments
                .iter()
                .enumerate()
                .map(|(number, fragment)| TaskShape {
                    operators: fragment.nodes.clone(),
                    exchanges: (graph.edges.iter().enumerate())
                        .filter(|(_, edge)| graph.fragment_of[edge.from] == number)
                        .map(|(exchange, edge)| {
                            let receivers = owners[edge.to.0].iter();
                            (exchange, receivers.map(|&owner| owner.to_owned()).collect())
                        })
                        .collect(),
                    instances: fragment.parallelism,
                })
                .collect(),
            operators: (plan.nodes.iter().enumerate())
                .map(|(index, node)| (node.uid.clone(), index))
                .collect(),
            instances: (0..plan.nodes.len())
                .map(|index| graph.fragments[graph.fragment_of[index]].parallelism)
                .collect(),
        }
    }

    /// The nodes, in the order of the plan.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.id.as_str())
    }

    /// The operator whose rows are those that a node gives (or, of a sink, takes). A node without
    /// an operator passes on what its only input gives.
    pub(super) fn output(&self, node: &str, wiring: &Wiring) -> Option<usize> {
        let mut id = node;
        // The document has no cycles; a longer way than it has wires is none.
        for _ in 0..=wiring.wires.len() {
            if let Some(shape) = self.nodes.iter().find(|shape| shape.id == id) {
                return shape.exits.last().copied();
            }
            let mut inputs = wiring.wires.iter().filter(|wire| wire.to == id);
            match (inputs.next(), inputs.next()) {
                (Some(only), None) => id = &only.from,
                _ => return None,
            }
        }
        None
    }

    /// The counters now.
    pub(super) fn sample(&self, metrics: &JobMetrics) -> Sample {
        let started = metrics.started();
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Sample {
            at: Instant::now(),
            rows_in: (metrics.operators.iter().enumerate())
                .map(|(operator, instances)| {
                    let ports = instances.first().map_or(0, |i| i.rows_in.len());
                    (0..ports)
                        .map(|port| metrics.rows_in(operator, port))
                        .collect()
                })
                .collect(),
            rows_out: (metrics.operators.iter())
                .map(|instances| instances.iter().map(|i| load(&i.rows_out)).sum())
                .collect(),
            busy: (metrics.operators.iter())
                .map(|instances| instances.iter().map(|i| load(&i.busy_nanos)).collect())
                .collect(),
            starved: (metrics.operators.iter())
                .map(|instances| instances.iter().map(|i| load(&i.starved_nanos)).collect())
                .collect(),
            model: (metrics.operators.iter())
                .map(|instances| instances.iter().map(|i| load(&i.model_nanos)).sum())
                .collect(),
            blocked: (metrics.blocked.iter())
                .map(|instances| instances.iter().map(|b| b.nanos(started)).collect())
                .collect(),
        }
    }

    /// The counters at the start of the job.
    pub(super) fn beginning(&self, metrics: &JobMetrics) -> Sample {
        Sample {
            at: metrics.started(),
            rows_in: (metrics.operators.iter())
                .map(|instances| vec![0; instances.first().map_or(0, |i| i.rows_in.len())])
                .collect(),
            rows_out: vec![0; metrics.operators.len()],
            busy: (metrics.operators.iter())
                .map(|instances| vec![0; instances.len()])
                .collect(),
            starved: (metrics.operators.iter())
                .map(|instances| vec![0; instances.len()])
                .collect(),
            model: vec![0; metrics.operators.len()],
            blocked: (metrics.blocked.iter())
                .map(|instances| vec![0; instances.len()])
                .collect(),
        }
    }

    /// The figures; checkpoints are left to the caller.
    pub(super) fn metrics(
        &self,
        counters: &JobMetrics,
        then: &Sample,
        now: &Sample,
        state: &StateFigures<'_>,
    ) -> Metrics {
        let at_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as i64);
        let window = now.at.saturating_duration_since(then.at);
        let between = Between {
            then,
            now,
            seconds: window.as_secs_f64().max(1e-3),
        };
        let loads: Vec<Vec<Load>> = self.tasks.iter().map(|task| between.loads(task)).collect();
        let state_bytes = self.by_operator(&state.tables);
        let checkpoint_bytes = self.by_operator(state.checkpoint);
        let nodes = self
            .nodes
            .iter()
            .map(|shape| {
                let totals: Vec<_> = shape
                    .operators
                    .iter()
                    .map(|&i| counters.totals(i))
                    .collect();
                let time = event_time(counters, &shape.exits);
                let (rows_in, rate_in) = between.rows_in(&shape.entries);
                let (rows_out, rate_out) = match shape.is_sink {
                    true => (rows_in, rate_in),
                    false => between.rows_out(&shape.exits),
                };
                let sum =
                    |bytes: &[u64]| -> u64 { shape.operators.iter().map(|&i| bytes[i]).sum() };
                let share = between.shares(shape, &self.tasks, &loads);
                NodeMetrics {
                    id: shape.id.clone(),
                    title: shape.title.clone(),
                    operators: shape.names.clone(),
                    shared_with: shape.shared_with.clone(),
                    instances: shape
                        .operators
                        .iter()
                        .map(|&i| self.instances[i])
                        .max()
                        .unwrap_or(0),
                    rows_in,
                    rows_out,
                    rate_in,
                    rate_out,
                    watermark_ms: time.millis(),
                    watermark_lag_ms: time.millis().map(|millis| at_ms.saturating_sub(millis)),
                    ended: time == EventTime::Ended,
                    late: totals.iter().map(|t| t.late).sum(),
                    bad: totals.iter().map(|t| t.bad).sum(),
                    busy: share.busy,
                    back_pressured: share.blocked,
                    idle: share.idle,
                    state_bytes: sum(&state_bytes),
                    checkpoint_bytes: sum(&checkpoint_bytes),
                    model: shape.has_model.then(|| between.model(&shape.operators)),
                }
            })
            .collect();
        Metrics {
            at_ms,
            elapsed_ms: counters.elapsed().as_millis() as u64,
            window_ms: window.as_millis() as u64,
            nodes,
            edges: self
                .edges
                .iter()
                .map(|shape| edge_metrics(shape, counters, &between, (&self.tasks, &loads)))
                .collect(),
            latency: Latencies {
                total: counters.total_latency(QUANTILES).map(latency),
                recent: counters.recent_latency(QUANTILES).map(latency),
            },
            checkpoints: Vec::new(),
            memory: Memory {
                process: process_memory(),
                state_limit: state.memory.map_or(0, |m| m.limit as u64),
                state: state.memory.map_or(0, |m| m.tables as u64),
                in_flight: state.memory.map_or(0, |m| m.in_flight as u64),
                dirty: state.memory.map_or(0, |m| m.dirty as u64),
            },
        }
    }

    /// Sums by operator of what is known by table.
    fn by_operator(&self, tables: &BTreeMap<String, u64>) -> Vec<u64> {
        let mut sums = vec![0; self.operators.len()];
        for (uid, bytes) in tables {
            if let Some((_, &operator)) = millstream_state::owner(uid, &self.operators) {
                sums[operator] += bytes;
            }
        }
        sums
    }
}

/// The nodes of each operator, in the order that rows go through them.
fn owners<'a>(plan: &'a StreamPlan, wiring: &Wiring) -> Vec<Vec<&'a str>> {
    let of = |origins: &'a [String]| {
        let mut owners: Vec<&str> = origins.iter().map(|o| wiring.node_of(o)).collect();
        owners.dedup();
        owners
    };
    plan.nodes.iter().map(|node| of(&node.origins)).collect()
}

/// The columns of an operator that are a node's, under their names. Of an operator that several
/// rolling nodes share these are what the node was given and what it and those before it add, where
/// it is certain which is which; else all.
pub(super) fn columns_of(
    operator: &PlanNode,
    node: &str,
    wiring: &Wiring,
) -> Vec<(usize, PlanColumn)> {
    let all = || operator.columns.iter().cloned().enumerate().collect();
    let StreamOp::Over { groups, .. } = &operator.op else {
        return all();
    };
    let distinct = |at: usize| groups[..at].iter().all(|g| g.frame != groups[at].frame);
    let added: Option<Vec<&Vec<String>>> = operator
        .origins
        .iter()
        .map(|origin| wiring.added.get(origin))
        .collect();
    let place = operator.origins.iter().position(|origin| origin == node);
    let (Some(added), Some(place)) = (added, place) else {
        return all();
    };
    // One group of calls a node, none dropped because nobody reads it, none put together.
    let certain = groups.len() == added.len()
        && (0..groups.len()).all(distinct)
        && (groups.iter().zip(&added)).all(|(group, names)| group.calls.len() == names.len());
    let calls: usize = groups.iter().map(|group| group.calls.len()).sum();
    if !certain || calls > operator.columns.len() {
        return all();
    }
    let given = operator.columns.len() - calls;
    let names = added[..=place].iter().copied().flatten();
    let own = operator.columns[given..].iter().zip(names);
    (operator.columns[..given].iter().cloned())
        .chain(own.map(|(column, name)| column.renamed(name)))
        .enumerate()
        .collect()
}

fn node_shape(
    plan: &StreamPlan,
    graph: &FragmentGraph,
    wiring: &Wiring,
    owners: &[Vec<&str>],
    id: &str,
) -> NodeShape {
    let inside = |index: usize| owners[index].contains(&id);
    let operators: Vec<usize> = (0..plan.nodes.len()).filter(|&i| inside(i)).collect();
    let mut entries = Vec::new();
    let mut shared_with: Vec<String> = Vec::new();
    let mut tasks: Vec<usize> = Vec::new();
    for &index in &operators {
        let node = &plan.nodes[index];
        if node.inputs.is_empty() {
            entries.push((index, 0));
        }
        for (port, &input) in node.inputs.iter().enumerate() {
            if !inside(input) {
                entries.push((index, port));
            }
        }
        for &owner in &owners[index] {
            if owner != id && !shared_with.iter().any(|other| other == owner) {
                shared_with.push(owner.to_owned());
            }
        }
        if !tasks.contains(&graph.fragment_of[index]) {
            tasks.push(graph.fragment_of[index]);
        }
    }
    let is_sink = |index: &usize| matches!(plan.nodes[*index].op, StreamOp::Sink { .. });
    NodeShape {
        id: id.to_owned(),
        title: wiring.nodes.get(id).cloned().flatten(),
        names: operators
            .iter()
            .map(|&i| plan.nodes[i].uid.clone())
            .collect(),
        shared_with,
        entries,
        exits: operators
            .iter()
            .copied()
            .filter(|&i| {
                let mut readers = plan.consumers(i).peekable();
                readers.peek().is_none() || readers.any(|reader| !inside(reader))
            })
            .collect(),
        is_sink: operators.iter().any(is_sink),
        has_model: operators
            .iter()
            .any(|&i| matches!(plan.nodes[i].op, StreamOp::Predict { .. })),
        tasks,
        operators,
    }
}

fn edge_shapes(
    plan: &StreamPlan,
    graph: &FragmentGraph,
    wiring: &Wiring,
    owners: &[Vec<&str>],
) -> Vec<EdgeShape> {
    let mut edges: Vec<EdgeShape> = Vec::new();
    let mut add = |from: &str, to: &str, port: Option<usize>| -> usize {
        let wire = wire(wiring, from, to, port);
        let id = wire.map(|wire| wire.id.clone());
        let port = match (wire, port) {
            (Some(wire), _) => Some(wire.port.clone()),
            (None, Some(port)) => Some(port.to_string()),
            (None, None) => None,
        };
        let known = edges
            .iter()
            .position(|e| e.from == from && e.to == to && e.id == id && e.port == port);
        known.unwrap_or_else(|| {
            edges.push(EdgeShape {
                id,
                from: from.to_owned(),
                to: to.to_owned(),
                port,
                inputs: Vec::new(),
                exits: Vec::new(),
                exchanges: Vec::new(),
            });
            edges.len() - 1
        })
    };
    /// An operator's input: the operator and the number of its port.
    type InputOf = (usize, usize);
    let mut found: Vec<(usize, Option<InputOf>, usize)> = Vec::new();
    for (index, node) in plan.nodes.iter().enumerate() {
        // From one node to the next within an operator that they share.
        for pair in owners[index].windows(2) {
            found.push((add(pair[0], pair[1], None), None, index));
        }
        let Some(to) = owners[index].first() else {
            continue;
        };
        for (port, &input) in node.inputs.iter().enumerate() {
            let Some(from) = owners[input].last() else {
                continue;
            };
            if owners[input].contains(to) || owners[index].contains(from) {
                continue;
            }
            let edge = add(from, to, (node.inputs.len() > 1).then_some(port));
            found.push((edge, Some((index, port)), input));
        }
    }
    for (edge, input, exit) in found {
        edges[edge].exits.push(exit);
        if let Some(input) = input {
            edges[edge].inputs.push(input);
            first_exchanges(plan, graph, owners, exit, input, &mut edges[edge].exchanges);
        }
    }
    edges
}

/// The exchanges by which rows from `from` to `to` come to another task: that between them, or else
/// the first behind the operators of the same node.
fn first_exchanges(
    plan: &StreamPlan,
    graph: &FragmentGraph,
    owners: &[Vec<&str>],
    from: usize,
    to: (usize, usize),
    out: &mut Vec<usize>,
) {
    let between = graph
        .edges
        .iter()
        .position(|e| e.from == from && e.to == to);
    if let Some(exchange) = between {
        if !out.contains(&exchange) {
            out.push(exchange);
        }
        return;
    }
    for reader in plan.consumers(to.0) {
        if owners[reader]
            .iter()
            .any(|owner| owners[to.0].contains(owner))
        {
            for (port, &input) in plan.nodes[reader].inputs.iter().enumerate() {
                if input == to.0 {
                    first_exchanges(plan, graph, owners, input, (reader, port), out);
                }
            }
        }
    }
}

/// The wire of the document between two nodes; where there are several, the one into that port.
fn wire<'a>(wiring: &'a Wiring, from: &str, to: &str, port: Option<usize>) -> Option<&'a Wire> {
    let wires: Vec<&Wire> = wiring
        .wires
        .iter()
        .filter(|wire| wire.from == from && wire.to == to)
        .collect();
    match wires.as_slice() {
        [only] => Some(only),
        several => several
            .iter()
            .find(|wire| Some(wire.place) == port)
            .or(several.first())
            .copied(),
    }
}

fn edge_metrics(
    shape: &EdgeShape,
    counters: &JobMetrics,
    between: &Between<'_>,
    (tasks, loads): (&[TaskShape], &[Vec<Load>]),
) -> EdgeMetrics {
    // What a sender waits for: room in the channel, or the core that its receiver has.
    let mut waits: f64 = 0.0;
    for (task, loads) in tasks.iter().zip(loads) {
        for (place, (exchange, _)) in task.exchanges.iter().enumerate() {
            if shape.exchanges.contains(exchange) {
                let of_each = loads.iter().map(|load| load.blocked[place] + load.starved);
                waits = of_each.fold(waits, f64::max);
            }
        }
    }
    let (rows, rate) = match shape.inputs.as_slice() {
        // What goes from one to the other of two rolling aggregates is what they give together.
        [] => between.rows_out(&shape.exits),
        inputs => between.rows_in(inputs),
    };
    EdgeMetrics {
        id: shape.id.clone(),
        from: shape.from.clone(),
        to: shape.to.clone(),
        port: shape.port.clone(),
        rows,
        rate,
        watermark_ms: event_time(counters, &shape.exits).millis(),
        back_pressured: waits.min(1.0),
    }
}

/// How far event time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventTime {
    Unknown,
    At(i64),
    Ended,
}

impl EventTime {
    fn millis(self) -> Option<i64> {
        match self {
            EventTime::At(millis) => Some(millis),
            EventTime::Unknown | EventTime::Ended => None,
        }
    }
}

fn event_time(counters: &JobMetrics, operators: &[usize]) -> EventTime {
    let instances = operators
        .iter()
        .flat_map(|&operator| &counters.operators[operator]);
    let lowest = instances
        .map(|instance| instance.watermark.load(Ordering::Relaxed))
        .min();
    match lowest.map(Watermark) {
        None | Some(Watermark::MIN) => EventTime::Unknown,
        Some(Watermark::MAX) => EventTime::Ended,
        Some(Watermark(millis)) => EventTime::At(millis),
    }
}

/// What a task did with its time.
struct Load {
    busy: f64,
    /// Waiting for a turn.
    starved: f64,
    /// By exchange.
    blocked: Vec<f64>,
}

/// Shares of a node.
struct Shares {
    busy: f64,
    blocked: f64,
    idle: f64,
}

/// Two samples.
struct Between<'a> {
    then: &'a Sample,
    now: &'a Sample,
    seconds: f64,
}

impl Between<'_> {
    fn rows_in(&self, inputs: &[(usize, usize)]) -> (u64, f64) {
        let sum = |sample: &Sample| -> u64 {
            inputs
                .iter()
                .map(|&(operator, port)| sample.rows_in[operator][port])
                .sum()
        };
        self.counted(sum(self.then), sum(self.now))
    }

    fn rows_out(&self, operators: &[usize]) -> (u64, f64) {
        let sum = |sample: &Sample| -> u64 { operators.iter().map(|&i| sample.rows_out[i]).sum() };
        self.counted(sum(self.then), sum(self.now))
    }

    fn counted(&self, then: u64, now: u64) -> (u64, f64) {
        (now, now.saturating_sub(then) as f64 / self.seconds)
    }

    /// Nanoseconds as a share of the time that passed.
    fn share(&self, then: u64, now: u64) -> f64 {
        let passed = Duration::from_nanos(now.saturating_sub(then));
        (passed.as_secs_f64() / self.seconds).clamp(0.0, 1.0)
    }

    /// The share of the time that operators spent with something.
    fn sum(
        &self,
        with: impl Fn(&Sample) -> &Vec<Vec<u64>>,
        operators: &[usize],
        instance: usize,
    ) -> f64 {
        let sum = |sample: &Sample| -> u64 {
            operators
                .iter()
                .map(|&i| with(sample)[i].get(instance).copied().unwrap_or(0))
                .sum()
        };
        self.share(sum(self.then), sum(self.now))
    }

    fn blocked(&self, exchange: usize) -> impl Iterator<Item = f64> + '_ {
        let both = self.then.blocked[exchange]
            .iter()
            .zip(&self.now.blocked[exchange]);
        both.map(|(then, now)| self.share(*then, *now))
    }

    /// What each instance of a task did.
    fn loads(&self, task: &TaskShape) -> Vec<Load> {
        (0..task.instances)
            .map(|instance| Load {
                busy: self.sum(|sample| &sample.busy, &task.operators, instance),
                starved: self.sum(|sample| &sample.starved, &task.operators, instance),
                blocked: task
                    .exchanges
                    .iter()
                    .map(|(exchange, _)| self.blocked(*exchange).nth(instance).unwrap_or(0.0))
                    .collect(),
            })
            .collect()
    }

    fn shares(&self, node: &NodeShape, tasks: &[TaskShape], loads: &[Vec<Load>]) -> Shares {
        let mut shares = Shares {
            busy: 0.0,
            blocked: 0.0,
            idle: 1.0,
        };
        for &task in &node.tasks {
            let own: Vec<usize> = node
                .operators
                .iter()
                .copied()
                .filter(|operator| tasks[task].operators.contains(operator))
                .collect();
            for (instance, load) in loads[task].iter().enumerate() {
                let busy = self.sum(|sample| &sample.busy, &own, instance);
                shares.busy = shares.busy.max(busy);
                // Where a node waits for itself it is no slower one that it waits for.
                let elsewhere: f64 = (tasks[task].exchanges.iter().zip(&load.blocked))
                    .filter(|((_, receivers), _)| !receivers.contains(&node.id))
                    .map(|(_, blocked)| blocked)
                    .sum();
                shares.blocked = shares.blocked.max((elsewhere + load.starved).min(1.0));
                let waits = load.blocked.iter().sum::<f64>() + load.starved;
                let idle = (1.0 - load.busy - waits).max(0.0);
                shares.idle = shares.idle.min(idle);
            }
        }
        shares
    }

    /// Share of the operators' work that is inside a model: lately, or since the start if there was
    /// no work lately.
    fn model(&self, operators: &[usize]) -> f64 {
        let work = |sample: &Sample| -> (u64, u64) {
            operators.iter().fold((0, 0), |(model, busy), &i| {
                (
                    model + sample.model[i],
                    busy + sample.busy[i].iter().sum::<u64>(),
                )
            })
        };
        let (then, now) = (work(self.then), work(self.now));
        let (model, busy) = match now.1.saturating_sub(then.1) {
            0 => now,
            busy => (now.0.saturating_sub(then.0), busy),
        };
        (model as f64 / (busy.max(1)) as f64).clamp(0.0, 1.0)
    }
}

fn latency(figures: LatencyFigures) -> Latency {
    let [p50_us, p95_us, p99_us] = figures.quantiles;
    Latency {
        rows: figures.rows,
        p50_us,
        p95_us,
        p99_us,
        max_us: figures.max,
    }
}

/// Memory of this process as the system counts it.
fn process_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
