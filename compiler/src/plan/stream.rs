//! The streaming plan: a graph of operators over changelogs, independent of any runtime.
//!
//! Operators stand in a vector in topological order: an operator's inputs have smaller numbers.
//! Columns are known by position. Expressions are DataFusion's, with every column reference
//! written `$i`, the position in the operator's input ([`column`], [`column_index`]); names are
//! kept beside for people to read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema, DFSchemaRef, Result as DfResult, ScalarValue};
use datafusion_expr::Expr;
use millstream_functions::aggregate::AggregateKind;
use millstream_functions::types::FlinkType;
use millstream_functions::window::{Frame, SliceOrder, Window};

use super::matching::MatchSpec;
use crate::diagnostics::Span;

pub use super::versioned::{LookupKeys, LookupTable};

/// Whether a column is the event time or the processing time of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeAttribute {
    /// Event time: the stream's watermark speaks about this column.
    Rowtime,
    /// Processing time.
    Proctime,
}

/// Which kinds of rows a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangelogMode {
    /// Inserts only.
    Append,
    /// Inserts, the new value of an update, and deletes; a row is replaced by its upsert key.
    Upsert,
    /// Inserts, both sides of an update, and deletes.
    Retract,
}

impl ChangelogMode {
    /// Whether rows are taken back or replaced.
    pub fn retracts(self) -> bool {
        self != ChangelogMode::Append
    }
}

impl fmt::Display for ChangelogMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChangelogMode::Append => "I",
            ChangelogMode::Upsert => "I,UA,D",
            ChangelogMode::Retract => "I,UB,UA,D",
        })
    }
}

/// A column of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanColumn {
    /// Its name, for people.
    pub name: String,
    /// Its Arrow type, nullability and Flink type (in the metadata). The field's own name is
    /// that of the column.
    pub field: FieldRef,
    /// Whether it is a time attribute.
    pub time: Option<TimeAttribute>,
}

impl PlanColumn {
    /// A column without a time attribute.
    pub fn new(name: impl Into<String>, field: &Field) -> Self {
        let name = name.into();
        Self {
            field: Arc::new(field.clone().with_name(&name)),
            name,
            time: None,
        }
    }

    /// The type as Flink names it.
    pub fn flink_type(&self) -> FlinkType {
        FlinkType::from_field(&self.field)
    }

    /// The same column under another name.
    pub fn renamed(&self, name: &str) -> Self {
        Self {
            name: name.to_string(),
            field: Arc::new(self.field.as_ref().clone().with_name(name)),
            time: self.time,
        }
    }
}

/// Where the columns of a window table function stand in a stream that carries them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedWindow {
    /// The function.
    pub window: Window,
    /// Positions of `window_start`, `window_end` and `window_time`, where still present.
    pub start: Option<usize>,
    /// See `start`.
    pub end: Option<usize>,
    /// See `start`.
    pub time: Option<usize>,
    /// Whether the windows are of processing time.
    pub processing: bool,
    /// Whether start and end are times of the session's zone and not of UTC: event time is a
    /// TIMESTAMP_LTZ.
    pub local: bool,
}

/// A call of an aggregate function over columns of the operator's input.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateCall {
    /// Which function.
    pub kind: AggregateKind,
    /// Positions of its arguments; none for `COUNT(*)`.
    pub args: Vec<usize>,
    /// Constant arguments behind the first: offset and default of `LAG`.
    pub constants: Vec<ScalarValue>,
    /// `DISTINCT`.
    pub distinct: bool,
    /// Position of the condition of `FILTER (WHERE …)`.
    pub filter: Option<usize>,
    /// The result.
    pub output: PlanColumn,
}

impl AggregateCall {
    /// Whether OVER computes it with whole accumulators, in an operator of its own: with DISTINCT, or of
    /// values that are no numbers, times or bytes.
    pub fn is_general(&self, input: &[PlanColumn]) -> bool {
        use AggregateKind::{FirstValue, Lag, LastValue};
        let nested = |&arg: &usize| input[arg].field.data_type().is_nested();
        let passes = matches!(self.kind, Lag | FirstValue | LastValue);
        self.distinct || self.kind.keeps_values() || (passes && self.args.iter().any(nested))
    }
}

/// Aggregates of one OVER window.
#[derive(Debug, Clone, PartialEq)]
pub struct OverGroup {
    /// The rows they look at.
    pub frame: Frame,
    /// The calls.
    pub calls: Vec<AggregateCall>,
}

/// A column a source computes from its physical columns, or a physical column itself.
#[derive(Debug, Clone, PartialEq)]
pub struct WatermarkSpec {
    /// Position of the rowtime column in the operator's output.
    pub column: usize,
    /// The watermark of a row, over the output columns.
    pub expr: Expr,
    /// Whether Flink's source makes it, and no operator behind the source.
    pub in_source: bool,
}

/// A column that rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortColumn {
    /// Position in the operator's input.
    pub column: usize,
    /// `DESC`.
    pub descending: bool,
    /// `NULLS FIRST`; Flink's default is first for ASC and last for DESC.
    pub nulls_first: bool,
}

/// Up to which rank a Top-N gives rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankEnd {
    /// The same in every partition.
    Constant(u64),
    /// What this column of the input holds in a partition's first row.
    Column(usize),
}

impl RankEnd {
    /// The column, if it is one.
    pub fn column(self) -> Option<usize> {
        match self {
            RankEnd::Constant(_) => None,
            RankEnd::Column(column) => Some(column),
        }
    }

    /// The same with the column at another position.
    #[must_use]
    pub fn moved(self, place: impl Fn(usize) -> usize) -> Self {
        match self {
            RankEnd::Constant(end) => RankEnd::Constant(end),
            RankEnd::Column(column) => RankEnd::Column(place(column)),
        }
    }
}

/// Which rows of two streams a join gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// Pairs.
    Inner,
    /// Pairs, and left rows without one.
    Left,
    /// Pairs, and right rows without one.
    Right,
    /// Pairs, and rows of both sides without one.
    Full,
    /// Left rows that have a pair.
    Semi,
    /// Left rows that have none.
    Anti,
}

impl JoinKind {
    /// Whether right columns are part of the output.
    pub fn gives_right(self) -> bool {
        !matches!(self, JoinKind::Semi | JoinKind::Anti)
    }

    /// Whether left rows without a pair come out with NULLs.
    pub fn pads_left(self) -> bool {
        matches!(self, JoinKind::Left | JoinKind::Full)
    }

    /// Whether right rows without a pair come out with NULLs.
    pub fn pads_right(self) -> bool {
        matches!(self, JoinKind::Right | JoinKind::Full)
    }
}

impl fmt::Display for JoinKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JoinKind::Inner => "inner",
            JoinKind::Left => "left",
            JoinKind::Right => "right",
            JoinKind::Full => "full",
            JoinKind::Semi => "semi",
            JoinKind::Anti => "anti",
        })
    }
}

/// What the pairs of a join have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinOn {
    /// Which rows come out.
    pub kind: JoinKind,
    /// Positions of the keys in the left input.
    pub left: Vec<usize>,
    /// Positions of the keys in the right input.
    pub right: Vec<usize>,
    /// Which pairs of keys match NULL with NULL.
    pub null_safe: Vec<bool>,
    /// What else must hold, over the left columns and then the right ones.
    pub condition: Option<Expr>,
}

/// What brings two rows together in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinTime {
    /// Nothing: both sides are kept.
    Regular,
    /// `left.time` within `right.time + lower ..= right.time + upper`, in milliseconds.
    Interval {
        /// Position of the left time attribute.
        left: usize,
        /// Position of the right time attribute in its own input.
        right: usize,
        /// Lower bound of left minus right.
        lower: i64,
        /// Upper bound of left minus right.
        upper: i64,
    },
    /// Equal windows: positions of `window_end` in each input.
    Window {
        /// In the left input.
        left_end: usize,
        /// In the right input.
        right_end: usize,
    },
    /// The right side's version at the time of the left row: positions of the rowtimes.
    Temporal {
        /// In the left input.
        left: usize,
        /// In the right input.
        right: usize,
    },
}

/// What an operator does.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamOp {
    /// Reads a table.
    Source {
        /// Number of the table in [`StreamPlan::tables`].
        table: usize,
        /// Columns to read: positions in the table's physical and metadata columns.
        projection: Vec<usize>,
        /// The output columns over the columns read; `None` if they are the same.
        exprs: Option<Vec<Expr>>,
        /// How watermarks come about; `None` if the table declares none.
        watermark: Option<WatermarkSpec>,
    },
    /// The rows of a `VALUES` or of a `SELECT` without `FROM`: constants.
    Values {
        /// One expression a column, for each row.
        rows: Vec<Vec<Expr>>,
    },
    /// Filters, then computes columns.
    Calc {
        /// The output columns.
        exprs: Vec<Expr>,
        /// Which rows to keep.
        filter: Option<Expr>,
    },
    /// Adds window columns, a row for each window the row is in.
    WindowTvf {
        /// The windows.
        window: Window,
        /// Position of the time attribute.
        rowtime: usize,
        /// Sessions are those of each value of these columns; empty for other windows.
        partition: Vec<usize>,
    },
    /// Aggregates each window of each key; emits when the window closes.
    /// Output: keys, calls, window start, end, time.
    WindowAggregate {
        /// The windows.
        window: Window,
        /// Position of the time attribute; where rows carry their window, that of its end.
        rowtime: usize,
        /// Positions of start and end of the window that each row carries already.
        attached: Option<(usize, usize)>,
        /// Positions of the keys.
        keys: Vec<usize>,
        /// The aggregates.
        calls: Vec<AggregateCall>,
        /// Whether windows are by the clock of the session's zone: the times that are read are.
        local: bool,
        /// In which order functions put values side by side that are in different slices; `None` if it does
        /// not show, or if they come as their rows came.
        slices: Option<SliceOrder>,
    },
    /// Adds to each row the aggregates of the rows before it. Output: input columns, calls.
    Over {
        /// Positions of the partition keys.
        partition: Vec<usize>,
        /// Position of the rowtime column that orders the rows.
        rowtime: usize,
        /// The windows and their calls.
        groups: Vec<OverGroup>,
    },
    /// Keeps one row a key: the first or the last by rowtime.
    Deduplicate {
        /// Positions of the keys.
        keys: Vec<usize>,
        /// Position of the rowtime column.
        rowtime: usize,
        /// Whether the last row stays instead of the first.
        keep_last: bool,
    },
    /// Aggregates each key over all its rows so far; results are updated.
    /// Output: keys, calls.
    GroupAggregate {
        /// Positions of the keys.
        keys: Vec<usize>,
        /// The aggregates; none for DISTINCT.
        calls: Vec<AggregateCall>,
    },
    /// The first of two phases of an aggregate: the accumulators of each key of a bundle of rows.
    /// Output: keys, accumulators.
    LocalAggregate {
        /// Positions of the keys.
        keys: Vec<usize>,
        /// The aggregates.
        calls: Vec<AggregateCall>,
    },
    /// The second of two phases. Output: keys, calls.
    GlobalAggregate {
        /// Positions of the keys in the input of the first phase.
        keys: Vec<usize>,
        /// The aggregates over the input of the first phase.
        calls: Vec<AggregateCall>,
    },
    /// The rows of ranks `start..=end` of each partition. Output: input columns and, if `with_rank`, the rank.
    TopN {
        /// Positions of the partition keys.
        partition: Vec<usize>,
        /// The order within a partition.
        order: Vec<SortColumn>,
        /// First rank, from 1.
        start: u64,
        /// Last rank.
        end: RankEnd,
        /// Whether the rank is a column.
        with_rank: bool,
        /// Position of `window_end`: ranks are within its window and come out when it closes.
        window: Option<usize>,
        /// Whether of rows that are equal in the order the last to arrive comes first: the last row of
        /// a window by its time.
        latest: bool,
        /// The key of an updated input whose updates only move rows forward in the order; set
        /// when changelogs are settled.
        forward: Option<Vec<usize>>,
    },
    /// Rows `skip..skip + fetch` in order of arrival.
    Limit {
        /// Rows to leave out.
        skip: u64,
        /// Rows to give.
        fetch: u64,
    },
    /// Rows in the order of their event time.
    TemporalSort {
        /// Position of the rowtime column.
        rowtime: usize,
        /// The order of rows of one time.
        order: Vec<SortColumn>,
    },
    /// All rows in order, when the input ends.
    Sort {
        /// The order.
        order: Vec<SortColumn>,
    },
    /// Pairs of rows of two inputs.
    Join {
        /// What they have in common.
        on: JoinOn,
        /// What brings them together in time.
        time: JoinTime,
    },
    /// Each row with the rows that a table outside has for its key when the row comes.
    /// Output: input columns, the table's columns.
    LookupJoin {
        /// Which rows of the table belong to a row.
        keys: LookupKeys,
        /// The table.
        table: LookupTable,
    },
    /// The full changelog of an upsert stream: the last row of each key.
    ChangelogNormalize {
        /// Positions of the key.
        keys: Vec<usize>,
        /// Which rows to keep; others count as deleted.
        filter: Option<Expr>,
    },
    /// `INTERSECT [ALL]` or `EXCEPT [ALL]` of two inputs with the same columns.
    SetOperation {
        /// Whether it is EXCEPT.
        except: bool,
        /// `ALL`.
        all: bool,
    },
    /// Each row once for every element of a collection. Output: input columns, the element's, and
    /// perhaps its number.
    Unnest {
        /// Position of the ARRAY, MAP or MULTISET.
        column: usize,
        /// Whether rows without an element come out with NULLs.
        left: bool,
        /// `WITH ORDINALITY`.
        ordinality: bool,
        /// Which elements count, over the output's columns: `LEFT JOIN UNNEST(…) ON condition`.
        condition: Option<Expr>,
    },
    /// The input without the old values of updates.
    DropUpdateBefore,
    /// Upserts by the primary key of a sink, in an order that leaves the right row.
    UpsertMaterialize {
        /// Positions of the sink's primary key.
        key: Vec<usize>,
        /// Positions of the key that the input's rows come by.
        row_key: Option<Vec<usize>>,
    },
    /// The rows that a sink's column types allow, made to fit.
    SinkConstraints {
        /// The sink's columns.
        columns: Vec<(String, FlinkType)>,
    },
    /// Each row once a grouping set, with NULL for the columns that the set lacks.
    /// Output: input columns, BIGINT id of the set.
    Expand {
        /// For each set, its id and the positions that become NULL.
        sets: Vec<(i64, Vec<usize>)>,
    },
    /// Finds patterns of rows. Output: partition keys, measures.
    Match(Box<MatchSpec>),
    /// All rows of all inputs.
    Union,
    /// Adds a model's outputs. Output: input columns, the model's outputs.
    Predict {
        /// Number of the model in [`StreamPlan::models`].
        model: usize,
        /// Positions of the arguments, in the order of the model's inputs.
        args: Vec<usize>,
        /// How many columns the model adds.
        outputs: usize,
    },
    /// Writes to a table.
    Sink {
        /// Number of the table in [`StreamPlan::tables`].
        table: usize,
        /// `ON CONFLICT DO DEDUPLICATE`.
        conflict: bool,
        /// Columns that rows are shared out by among the writers; empty where they are.
        keyed_by: Vec<usize>,
    },
}

impl StreamOp {
    /// A short name for metrics and state.
    pub fn name(&self) -> &'static str {
        match self {
            StreamOp::Source { .. } => "source",
            StreamOp::Values { .. } => "values",
            StreamOp::Calc { .. } => "calc",
            StreamOp::WindowTvf {
                window: Window::Session { .. },
                ..
            } => "session-window",
            StreamOp::WindowTvf { .. } => "window",
            StreamOp::WindowAggregate { .. } => "window-aggregate",
            StreamOp::Over { .. } => "over",
            StreamOp::Deduplicate { .. } => "deduplicate",
            StreamOp::GroupAggregate { .. } | StreamOp::GlobalAggregate { .. } => "group-aggregate",
            StreamOp::LocalAggregate { .. } => "local-aggregate",
            StreamOp::TopN { window: None, .. } => "top-n",
            StreamOp::TopN { .. } => "window-top-n",
            StreamOp::Limit { .. } => "limit",
            StreamOp::TemporalSort { .. } => "temporal-sort",
            StreamOp::Sort { .. } => "sort",
            StreamOp::Join { time, .. } => match time {
                JoinTime::Regular => "join",
                JoinTime::Interval { .. } => "interval-join",
                JoinTime::Window { .. } => "window-join",
                JoinTime::Temporal { .. } => "temporal-join",
            },
            StreamOp::LookupJoin { .. } => "lookup-join",
            StreamOp::ChangelogNormalize { .. } => "changelog-normalize",
            StreamOp::SetOperation { except: false, .. } => "intersect",
            StreamOp::SetOperation { .. } => "except",
            StreamOp::Unnest { .. } => "unnest",
            StreamOp::DropUpdateBefore => "drop-update-before",
            StreamOp::UpsertMaterialize { .. } => "upsert-materialize",
            StreamOp::SinkConstraints { .. } => "sink-constraints",
            StreamOp::Expand { .. } => "expand",
            StreamOp::Match(_) => "match",
            StreamOp::Union => "union",
            StreamOp::Predict { .. } => "predict",
            StreamOp::Sink { .. } => "sink",
        }
    }

    /// Whether it keeps state by key.
    pub fn is_stateful(&self) -> bool {
        matches!(
            self,
            StreamOp::WindowTvf {
                window: Window::Session { .. },
                ..
            } | StreamOp::WindowAggregate { .. }
                | StreamOp::Over { .. }
                | StreamOp::Deduplicate { .. }
                | StreamOp::Match(_)
                | StreamOp::GroupAggregate { .. }
                | StreamOp::GlobalAggregate { .. }
                | StreamOp::TopN { .. }
                | StreamOp::Limit { .. }
                | StreamOp::TemporalSort { .. }
                | StreamOp::Sort { .. }
                | StreamOp::Join { .. }
                | StreamOp::ChangelogNormalize { .. }
                | StreamOp::SetOperation { .. }
                | StreamOp::UpsertMaterialize { .. }
        )
    }
}

/// How rows reach an operator's instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Distribution {
    /// From the upstream instance of the same number.
    Forward,
    /// By the hash of these columns of the input.
    Hash(Vec<usize>),
    /// All to one instance.
    Single,
}

/// An operator and what it gives.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanNode {
    /// What it does.
    pub op: StreamOp,
    /// The operators it reads, by number.
    pub inputs: Vec<usize>,
    /// The columns it gives.
    pub columns: Vec<PlanColumn>,
    /// The kinds of rows it gives.
    pub changelog: ChangelogMode,
    /// Positions of columns that identify a row of the changelog.
    pub upsert_key: Option<Vec<usize>>,
    /// The window columns among `columns`.
    pub window: Option<AttachedWindow>,
    /// The relations (and so the nodes of the pipeline) it came from; the first gives the name.
    pub origins: Vec<String>,
    /// Names the operator in metrics and its state in checkpoints: unique within a plan and
    /// stable as long as the nodes it came from keep their ids.
    pub uid: String,
    /// The statement it came from.
    pub span: Span,
    /// How long the state of each input is kept by a hint, in milliseconds (0 is for ever);
    /// `None` where the setting decides.
    pub state_ttl: [Option<i64>; 2],
}

impl PlanNode {
    /// How the rows of input `port` reach this operator.
    pub fn distribution(&self, port: usize) -> Distribution {
        match &self.op {
            StreamOp::GroupAggregate { keys, .. } | StreamOp::ChangelogNormalize { keys, .. } => {
                by_keys(keys)
            }
            StreamOp::GlobalAggregate { keys, .. } => by_keys(&(0..keys.len()).collect::<Vec<_>>()),
            StreamOp::UpsertMaterialize { key, .. } => by_keys(key),
            StreamOp::SetOperation { .. } => by_keys(&(0..self.columns.len()).collect::<Vec<_>>()),
            StreamOp::Sink { keyed_by, .. } if !keyed_by.is_empty() => by_keys(keyed_by),
            StreamOp::TopN { partition, .. } => by_keys(partition),
            StreamOp::Match(spec) => by_keys(&spec.partition),
            StreamOp::Limit { .. } | StreamOp::TemporalSort { .. } | StreamOp::Sort { .. } => {
                Distribution::Single
            }
            StreamOp::Join { on, .. } => by_keys(if port == 0 { &on.left } else { &on.right }),
            StreamOp::WindowTvf {
                window: Window::Session { .. },
                partition,
                ..
            } => by_keys(partition),
            StreamOp::WindowAggregate { keys, .. } => by_keys(keys),
            StreamOp::Over { partition, .. } => by_keys(partition),
            StreamOp::Deduplicate { keys, .. } => by_keys(keys),
            _ => Distribution::Forward,
        }
    }

    /// The Arrow schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(
            self.columns
                .iter()
                .map(|c| Arc::clone(&c.field))
                .collect::<Vec<_>>(),
        ))
    }

    /// Position of the rowtime column, if it has one.
    pub fn rowtime(&self) -> Option<usize> {
        self.columns
            .iter()
            .position(|c| c.time == Some(TimeAttribute::Rowtime))
    }
}

fn by_keys(keys: &[usize]) -> Distribution {
    if keys.is_empty() {
        Distribution::Single
    } else {
        Distribution::Hash(keys.to_vec())
    }
}

/// A table that the plan reads or writes.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanTable {
    /// Its name.
    pub name: String,
    /// The physical columns in DDL order.
    pub columns: Vec<(String, FlinkType)>,
    /// Metadata columns: name, key, type, whether virtual.
    pub metadata: Vec<(String, String, FlinkType, bool)>,
    /// `PARTITIONED BY`.
    pub partition_keys: Vec<String>,
    /// `PRIMARY KEY`.
    pub primary_key: Vec<String>,
    /// `WITH`.
    pub options: BTreeMap<String, String>,
    /// The places of the options in the script, by key.
    pub option_spans: BTreeMap<String, Span>,
    /// The statement that declares it.
    pub span: Span,
}

/// A model that the plan uses.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanModel {
    /// Its name.
    pub name: String,
    /// `INPUT`.
    pub inputs: Vec<(String, FlinkType)>,
    /// `OUTPUT`.
    pub outputs: Vec<(String, FlinkType)>,
    /// `WITH`.
    pub options: BTreeMap<String, String>,
    /// The statement that declares it.
    pub span: Span,
}

/// A whole job: what a script's inserts do together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamPlan {
    /// `SET`.
    pub settings: BTreeMap<String, String>,
    /// Tables read and written.
    pub tables: Vec<PlanTable>,
    /// Models used.
    pub models: Vec<PlanModel>,
    /// The operators in topological order.
    pub nodes: Vec<PlanNode>,
}

impl StreamPlan {
    /// Whether an operator keeps state by windows of the session's time zone.
    pub fn has_local_windows(&self, node: &PlanNode) -> bool {
        let carries = |node: &PlanNode| node.window.as_ref().is_some_and(|w| w.local);
        match &node.op {
            StreamOp::WindowAggregate { local, .. } => *local,
            StreamOp::WindowTvf {
                window: Window::Session { .. },
                ..
            } => carries(node),
            StreamOp::TopN {
                window: Some(_), ..
            }
            | StreamOp::Join {
                time: JoinTime::Window { .. },
                ..
            } => node.inputs.iter().any(|&input| carries(&self.nodes[input])),
            _ => false,
        }
    }

    /// The operators that read operator `index`.
    pub fn consumers(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        self.nodes
            .iter()
            .enumerate()
            .filter(move |(_, node)| node.inputs.contains(&index))
            .map(|(i, _)| i)
    }
}

/// The reference to column `index` of an operator's input.
pub fn column(index: usize) -> Expr {
    Expr::Column(Column::new_unqualified(format!("${index}")))
}

/// The position behind a column reference of a streaming plan.
pub fn column_index(column: &Column) -> Option<usize> {
    column.name.strip_prefix('$')?.parse().ok()
}

/// The position if the expression is nothing but a column reference, aliased or not.
pub fn plain_column(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Column(c) => column_index(c),
        Expr::Alias(alias) => plain_column(&alias.expr),
        _ => None,
    }
}

/// Whether the expression is `PROCTIME()`, aliased or not: such a column is a processing time.
pub fn is_proctime(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_proctime(&alias.expr),
        Expr::ScalarFunction(call) => call.func.name() == "proctime" && call.args.is_empty(),
        _ => false,
    }
}

/// The columns an expression reads, in no order, each once.
pub fn columns_of(expr: &Expr) -> Vec<usize> {
    let mut found = Vec::new();
    // The closure never fails.
    let _ = expr.apply(|e| {
        if let Expr::Column(c) = e
            && let Some(index) = column_index(c)
            && !found.contains(&index)
        {
            found.push(index);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// Replaces every column reference by what `replace` gives for its position.
pub fn substitute(expr: Expr, replace: &dyn Fn(usize) -> Expr) -> DfResult<Expr> {
    Ok(expr
        .transform(|e| {
            Ok(match &e {
                Expr::Column(c) => match column_index(c) {
                    Some(index) => Transformed::yes(replace(index)),
                    None => Transformed::no(e),
                },
                _ => Transformed::no(e),
            })
        })?
        .data)
}

/// The schema under which expressions over these columns are typed: fields named `$0`, `$1`, ….
pub fn positional_schema(columns: &[PlanColumn]) -> DfResult<DFSchemaRef> {
    let fields: Vec<FieldRef> = columns
        .iter()
        .enumerate()
        .map(|(i, c)| Arc::new(c.field.as_ref().clone().with_name(format!("${i}"))))
        .collect();
    Ok(Arc::new(DFSchema::from_unqualified_fields(
        fields.into(),
        Default::default(),
    )?))
}

/// An expression with the columns' names in place of their positions, for people.
pub fn display_expr(expr: &Expr, columns: &[PlanColumn]) -> String {
    let named = substitute(expr.clone().unalias(), &|i| {
        Expr::Column(Column::new_unqualified(
            columns.get(i).map_or("?", |c| c.name.as_str()),
        ))
    });
    match named {
        Ok(named) => named.human_display().to_string(),
        Err(_) => expr.to_string(),
    }
}
