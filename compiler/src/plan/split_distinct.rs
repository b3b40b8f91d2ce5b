//! DISTINCT aggregates in two levels, where `table.optimizer.distinct-agg.split.enabled` asks for it.
//!
//! One instance has all different values of a key. If a key has most of the rows, its values are spread: a
//! first aggregate is by the key and the bucket of the value ([`BUCKETS`] of them), a second one adds up
//! what the buckets have. As in Flink:
//!
//! - DISTINCT calls, and those whose result is one of the values (MIN, MAX, FIRST_VALUE, LAST_VALUE), go
//!   by the bucket of their argument, the others by the key alone.
//! - If calls go by different buckets, each row comes once for each of them
//!   ([`StreamOp::Expand`]), and a call counts those that are its own. So the second level sees a row
//!   in parts: of a row that comes first, the count may be there before the first value is.
//! - With mini-batches an aggregate is not split: there Flink brings the parts of a bundle together before
//!   anybody sees them, which is what one level gives.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion_common::{Result, ScalarValue, internal_err};
use datafusion_expr::{Expr, lit, when};
use millstream_functions::aggregate::AggregateKind;
use millstream_functions::types::{FlinkType, TypeKind};

use super::functions::catalog;
use super::stream::{
    AggregateCall, ChangelogMode, PlanColumn, PlanNode, StreamOp, StreamPlan, column,
};
use super::translate::computed_column;

/// The setting for how many buckets there are.
const BUCKETS: &str = "table.optimizer.distinct-agg.split.bucket-num";

/// Splits the aggregates that can be.
pub(crate) fn split(plan: StreamPlan) -> Result<StreamPlan> {
    let set = |key: &str, value: &str| {
        let given = plan.settings.get(key);
        given.is_some_and(|given| given.eq_ignore_ascii_case(value))
    };
    let bundled = super::phases::mini_batch(&plan.settings)?.is_some()
        && !set("table.optimizer.agg-phase-strategy", "ONE_PHASE")
        && !set("table.optimizer.incremental-agg-enabled", "false");
    if !set("table.optimizer.distinct-agg.split.enabled", "true") || bundled {
        return Ok(plan);
    }
    let buckets = plan.settings.get(BUCKETS);
    let buckets = buckets.and_then(|n| n.parse().ok()).unwrap_or(1024);
    let mut builder = Builder {
        buckets,
        nodes: Vec::with_capacity(plan.nodes.len()),
    };
    let mut places: Vec<usize> = Vec::with_capacity(plan.nodes.len());
    for mut node in plan.nodes {
        for input in &mut node.inputs {
            *input = places[*input];
        }
        places.push(match &node.op {
            StreamOp::GroupAggregate { keys, calls } if builder.is_split(calls, node.inputs[0]) => {
                let (keys, calls) = (keys.clone(), calls.clone());
                builder.split(node, keys, &calls)?
            }
            _ => builder.push(node),
        });
    }
    Ok(StreamPlan {
        nodes: builder.nodes,
        settings: plan.settings,
        tables: plan.tables,
        models: plan.models,
    })
}

/// The columns that a first aggregate is by.
type Group = BTreeSet<usize>;

/// Flink's order of groups: a larger one before what it contains, else by the first column that differs.
fn order(a: &Group, b: &Group) -> std::cmp::Ordering {
    match () {
        () if a == b => std::cmp::Ordering::Equal,
        () if a.is_superset(b) => std::cmp::Ordering::Less,
        () if b.is_superset(a) => std::cmp::Ordering::Greater,
        () => a.cmp(b),
    }
}

/// Whether a call goes by the bucket of its argument.
fn by_bucket(call: &AggregateCall) -> bool {
    use AggregateKind::{FirstValue, LastValue, Max, Min};
    call.distinct || matches!(call.kind, Min | Max | FirstValue | LastValue)
}

fn function(name: &str, args: Vec<Expr>) -> Result<Expr> {
    match catalog().scalar(name) {
        Some(function) => Ok(function.call(args)),
        None => internal_err!("there is no function {name}"),
    }
}

struct Builder {
    buckets: i64,
    nodes: Vec<PlanNode>,
}

impl Builder {
    fn push(&mut self, node: PlanNode) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Appends an operator that stands for a part of `node`.
    fn part(
        &mut self,
        node: &PlanNode,
        op: StreamOp,
        input: usize,
        columns: Vec<PlanColumn>,
    ) -> usize {
        let changelog = match op {
            StreamOp::GroupAggregate { .. } => ChangelogMode::Retract,
            _ => self.nodes[input].changelog,
        };
        self.push(PlanNode {
            op,
            inputs: vec![input],
            columns,
            changelog,
            upsert_key: None,
            window: None,
            ..node.clone()
        })
    }

    /// Whether some call has DISTINCT and all can be computed from parts.
    fn is_split(&self, calls: &[AggregateCall], input: usize) -> bool {
        use AggregateKind::{Avg, Count, FirstValue, LastValue, ListAgg, Max, Min, Sum, Sum0};
        let columns = &self.nodes[input].columns;
        let splits = |call: &AggregateCall| {
            let scalar = |&arg: &usize| !columns[arg].field.data_type().is_nested();
            matches!(
                call.kind,
                Avg | Count | FirstValue | LastValue | ListAgg | Max | Min | Sum | Sum0
            ) && call.args.iter().all(scalar)
                // Flink: LISTAGG with a separator is not split.
                && (call.kind != ListAgg || call.constants.is_empty())
        };
        calls.iter().any(|call| call.distinct) && calls.iter().all(splits)
    }

    /// Both levels in the place of `node`; gives the last operator.
    fn split(
        &mut self,
        node: PlanNode,
        keys: Vec<usize>,
        calls: &[AggregateCall],
    ) -> Result<usize> {
        let mut at = node.inputs[0];
        let key_group: Group = keys.iter().copied().collect();
        let hashed: Vec<usize> = {
            let of_calls = calls.iter().filter(|call| by_bucket(call));
            let args: Group = of_calls
                .flat_map(|call| call.args.iter().copied())
                .collect();
            args.difference(&key_group).copied().collect()
        };
        let width = self.nodes[at].columns.len();
        if !hashed.is_empty() {
            at = self.bucket_columns(&node, at, &hashed)?;
        }
        let group_of = |call: &AggregateCall| -> Group {
            let mut group = key_group.clone();
            if by_bucket(call) {
                group.extend(call.args.iter().map(|arg| {
                    let place = hashed.iter().position(|hashed| hashed == arg);
                    place.map_or(*arg, |place| width + place)
                }));
            }
            group
        };
        let mut groups: Vec<Group> = Vec::new();
        let mut spread = 0;
        for call in calls {
            let group = group_of(call);
            if !groups.contains(&group) {
                spread += usize::from(by_bucket(call));
                groups.push(group);
            }
        }
        groups.sort_by(order);
        let mut gates: Vec<Gate> = Vec::new();
        if spread > 1 {
            let buckets = width..width + hashed.len();
            at = self.expand(&node, at, &groups, buckets);
            for call in calls {
                let group = group_of(call);
                let number = groups.iter().position(|known| *known == group);
                let gate = (number.unwrap_or_default() as i64 + 1, call.filter);
                if !gates.contains(&gate) {
                    gates.push(gate);
                }
            }
            at = self.gate_columns(&node, at, &gates)?;
        }
        let gates_at = self.nodes[at].columns.len() - gates.len();
        let filter_of = |call: &AggregateCall| {
            let group = group_of(call);
            let number = groups.iter().position(|known| *known == group);
            let gate = (number.unwrap_or_default() as i64 + 1, call.filter);
            match gates.iter().position(|known| *known == gate) {
                Some(place) => Some(gates_at + place),
                None => call.filter,
            }
        };

        // The first level: by the keys and the buckets.
        let by: Vec<usize> = keys
            .iter()
            .copied()
            .chain(width..width + hashed.len())
            .collect();
        let below = self.nodes[at].columns.clone();
        let mut outputs: Vec<PlanColumn> = node.columns[..keys.len()].to_vec();
        outputs.extend((0..hashed.len()).map(|i| below[width + i].clone()));
        let mut first: Vec<AggregateCall> = Vec::new();
        let mut second: Vec<AggregateCall> = Vec::new();
        let mut results: Vec<usize> = Vec::new();
        for call in calls {
            results.push(second.len());
            for (kind, merged_by) in levels(call.kind) {
                let part = AggregateCall {
                    kind: *kind,
                    filter: filter_of(call),
                    output: part_column(*kind, call, &below)?,
                    ..call.clone()
                };
                let output = match call.kind {
                    AggregateKind::Avg => part.output.clone(),
                    _ => call.output.clone(),
                };
                second.push(AggregateCall {
                    kind: *merged_by,
                    args: vec![by.len() + first.len()],
                    constants: call.constants.clone(),
                    distinct: false,
                    filter: None,
                    output,
                });
                outputs.push(part.output.clone());
                first.push(part);
            }
        }
        let op = StreamOp::GroupAggregate {
            keys: by.clone(),
            calls: first,
        };
        at = self.part(&node, op, at, outputs);
        self.nodes[at].upsert_key = Some((0..by.len()).collect());

        // The second level: by the keys alone.
        let mut outputs: Vec<PlanColumn> = node.columns[..keys.len()].to_vec();
        outputs.extend(second.iter().map(|call| call.output.clone()));
        let whole = second.len() == calls.len();
        let op = StreamOp::GroupAggregate {
            keys: (0..keys.len()).collect(),
            calls: second,
        };
        at = self.part(&node, op, at, outputs);
        self.nodes[at].upsert_key = Some((0..keys.len()).collect());
        if whole {
            return Ok(at);
        }
        let mut exprs: Vec<Expr> = (0..keys.len()).map(column).collect();
        for (call, result) in calls.iter().zip(results) {
            let place = keys.len() + result;
            exprs.push(match call.kind {
                AggregateKind::Avg => mean(place, &call.output.flink_type())?,
                _ => column(place),
            });
        }
        let op = StreamOp::Calc {
            exprs,
            filter: None,
        };
        at = self.part(&node, op, at, node.columns.clone());
        self.nodes[at].upsert_key = Some((0..keys.len()).collect());
        Ok(at)
    }

    /// The bucket of each of these columns behind all columns.
    fn bucket_columns(&mut self, node: &PlanNode, input: usize, hashed: &[usize]) -> Result<usize> {
        let mut columns = self.nodes[input].columns.clone();
        let mut exprs: Vec<Expr> = (0..columns.len()).map(column).collect();
        for &arg in hashed {
            let bucket = function("__bucket", vec![column(arg), lit(self.buckets)])?;
            let computed = computed_column(&bucket, &self.nodes[input].columns)?;
            columns.push(computed.renamed(&format!("$bucket({})", columns[arg].name)));
            exprs.push(bucket);
        }
        let op = StreamOp::Calc {
            exprs,
            filter: None,
        };
        Ok(self.part(node, op, input, columns))
    }

    /// Each row once for each group, with its number behind; buckets of other groups are NULL.
    fn expand(
        &mut self,
        node: &PlanNode,
        input: usize,
        groups: &[Group],
        buckets: std::ops::Range<usize>,
    ) -> usize {
        let sets = groups.iter().zip(1..).map(|(group, number)| {
            let nulls = buckets.clone().filter(|bucket| !group.contains(bucket));
            (number, nulls.collect())
        });
        let op = StreamOp::Expand {
            sets: sets.collect(),
        };
        let mut columns = self.nodes[input].columns.clone();
        for bucket in &mut columns[buckets.clone()] {
            bucket.field = Arc::new(bucket.field.as_ref().clone().with_nullable(true));
        }
        let number = FlinkType::new(TypeKind::BigInt).not_null();
        columns.push(PlanColumn::new("$e", &number.to_field("$e")));
        for column in &mut columns {
            column.time = None;
        }
        self.part(node, op, input, columns)
    }

    /// The filters of calls in the place of the group's number, which is the last column.
    fn gate_columns(&mut self, node: &PlanNode, input: usize, gates: &[Gate]) -> Result<usize> {
        let below = self.nodes[input].columns.clone();
        let number = below.len() - 1;
        let mut columns = below[..number].to_vec();
        let mut exprs: Vec<Expr> = (0..number).map(column).collect();
        for (group, filter) in gates {
            let own = column(number).eq(lit(*group));
            let gate = match filter {
                Some(filter) => own.and(column(*filter)),
                None => own,
            };
            columns.push(computed_column(&gate, &below)?.renamed(&format!("$g_{group}")));
            exprs.push(gate);
        }
        let op = StreamOp::Calc {
            exprs,
            filter: None,
        };
        Ok(self.part(node, op, input, columns))
    }
}

/// The number of a group, and the column of a FILTER.
type Gate = (i64, Option<usize>);

/// What the first level computes for a function, and what brings the parts together.
fn levels(kind: AggregateKind) -> &'static [(AggregateKind, AggregateKind)] {
    use AggregateKind::{Avg, Count, FirstValue, LastValue, ListAgg, Max, Min, Sum, Sum0};
    match kind {
        Avg => &[(Sum0, Sum0), (Count, Sum0)],
        Count => &[(Count, Sum0)],
        Sum => &[(Sum, Sum)],
        Min => &[(Min, Min)],
        Max => &[(Max, Max)],
        FirstValue => &[(FirstValue, FirstValue)],
        LastValue => &[(LastValue, LastValue)],
        ListAgg => &[(ListAgg, ListAgg)],
        _ => &[(Sum0, Sum0)],
    }
}

/// The column of a part of a call's result.
fn part_column(
    kind: AggregateKind,
    call: &AggregateCall,
    input: &[PlanColumn],
) -> Result<PlanColumn> {
    if kind == call.kind {
        return Ok(call.output.clone());
    }
    let argument = call.args.first().map(|&arg| &input[arg]);
    let data_type = kind.result_type(argument.map(|column| column.field.data_type()))?;
    let part = match (&data_type, argument) {
        (DataType::Decimal128(precision, scale), _) => FlinkType::new(TypeKind::Decimal {
            precision: *precision,
            scale: u8::try_from(*scale).unwrap_or_default(),
        }),
        (DataType::Int64, _) if kind == AggregateKind::Count => FlinkType::new(TypeKind::BigInt),
        (_, Some(column)) => column.flink_type(),
        (_, None) => FlinkType::new(TypeKind::BigInt),
    };
    let name = format!("{} of {}", kind.shown(), call.output.name);
    let field = part.with_nullable(!kind.never_null()).to_field(&name);
    Ok(PlanColumn::new(name, &field))
}

/// The sum at `place` by the count behind it, NULL if that is 0.
fn mean(place: usize, result: &FlinkType) -> Result<Expr> {
    let (sum, count) = (column(place), column(place + 1));
    // Types are coerced no more at this point.
    let cast = |e: Expr, to: &str| function("__cast", vec![e, lit(to)]);
    let divided = match result.kind {
        TypeKind::Double | TypeKind::Float => cast(sum, "DOUBLE")? / cast(count.clone(), "DOUBLE")?,
        TypeKind::Decimal { .. } => {
            let count = cast(count.clone(), "DECIMAL(19, 0)")?;
            function("__divide", vec![sum, count])?
        }
        _ => function("__divide", vec![cast(sum, "BIGINT")?, count.clone()])?,
    };
    let mean = cast(divided, &result.kind.to_string())?;
    let null = ScalarValue::try_from(&result.to_arrow())?;
    when(count.eq(lit(0i64)), Expr::Literal(null, None)).otherwise(mean)
}
