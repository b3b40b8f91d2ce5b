//! `MATCH_RECOGNIZE` from its plan.

use std::sync::Arc;

use anyhow::Result;
use arrow::datatypes::SchemaRef;
use datafusion_expr::Expr;
use datafusion_physical_expr::PhysicalExpr;
use millstream_compiler::plan::matching::{Look, MatchSpec, Skip};
use millstream_compiler::plan::stream::{PlanColumn, PlanNode, positional_schema};
use millstream_operators::match_recognize as runtime;
use millstream_operators::{Operator, OperatorContext};

use super::build::physical;
use super::updating::sort;

/// The operator over the rows of `input`.
pub(super) fn operator(
    spec: &MatchSpec,
    input: &PlanNode,
    context: &OperatorContext,
    output: SchemaRef,
) -> Result<Box<dyn Operator>> {
    let values: Vec<PlanColumn> = spec.navigations.iter().map(|n| n.output.clone()).collect();
    let schema = positional_schema(&values)?;
    let compiled = |expr: &Expr| -> Result<Arc<dyn PhysicalExpr>> { physical(expr, &schema) };
    let parts = spec
        .parts
        .iter()
        .map(|part| {
            Ok(runtime::PatternPart {
                min: part.min,
                max: part.max,
                greedy: part.greedy,
                condition: part.condition.as_ref().map(compiled).transpose()?,
            })
        })
        .collect::<Result<_>>()?;
    let navigations = spec
        .navigations
        .iter()
        .map(|navigation| runtime::Navigation {
            look: match navigation.look {
                Look::First(offset) => runtime::Look::First(offset),
                Look::Last(offset) => runtime::Look::Last(offset),
                Look::Aggregate(kind) => runtime::Look::Aggregate(kind),
            },
            variable: navigation.variable,
            column: navigation.column,
            data_type: navigation.output.field.data_type().clone(),
        })
        .collect();
    let spec = runtime::MatchSpec {
        partition: spec.partition.clone(),
        rowtime: spec.rowtime.then_some(spec.time),
        order: sort(&spec.order),
        parts,
        navigations,
        measures: spec.measures.iter().map(compiled).collect::<Result<_>>()?,
        skip: match spec.skip {
            Skip::PastLastRow => runtime::Skip::PastLastRow,
            Skip::ToNextRow => runtime::Skip::ToNextRow,
            Skip::ToFirst(part) => runtime::Skip::ToFirst(part),
            Skip::ToLast(part) => runtime::Skip::ToLast(part),
        },
        within: spec.within,
    };
    Ok(Box::new(runtime::MatchRecognize::new(
        context,
        &input.schema(),
        spec,
        output,
    )?))
}
