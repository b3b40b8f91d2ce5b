//! `UNNEST` in `FROM`, alone or of a column of a table before it.

use std::cmp::Ordering;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{
    Column, DFSchema, DFSchemaRef, JoinType, Result, ScalarValue, internal_err, not_impl_err,
    plan_err,
};
use datafusion_expr::logical_plan::{self as lp, Extension, LogicalPlan};
use datafusion_expr::planner::RelationPlannerContext;
use datafusion_expr::{Expr, ExprSchemable, UserDefinedLogicalNodeCore};
use datafusion_sql::sqlparser::ast::{self, VisitMut as _, VisitorMut};
use millstream_functions::types::{FlinkType, TypeKind};

use super::stream::{PlanColumn, StreamOp, column};
use super::translate::Translator;
use crate::sql::markers;

/// The elements of a collection as rows; the collection may be one of a row before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct UnnestNode {
    /// The collection.
    collection: Expr,
    ordinality: bool,
    schema: DFSchemaRef,
}

impl PartialOrd for UnnestNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.collection.partial_cmp(&other.collection)
    }
}

impl UnnestNode {
    /// `UNNEST(collection) [WITH ORDINALITY]`
    pub fn plan(
        collections: Vec<ast::Expr>,
        ordinality: bool,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        let [collection] = collections.as_slice() else {
            return not_impl_err!(
                "UNNEST of several collections at once is not supported; write one UNNEST each"
            );
        };
        let mut collection = collection.clone();
        // Nothing breaks off.
        let _ = collection.visit(&mut ArraysAsCalls);
        let collection = context.sql_expr_to_logical_expr(collection, &DFSchema::empty())?;
        let node = Arc::new(Self::try_new(collection, ordinality)?);
        Ok(LogicalPlan::Extension(Extension { node }))
    }

    fn try_new(collection: Expr, ordinality: bool) -> Result<Self> {
        let (_, field) = collection.to_field(&DFSchema::empty())?;
        let mut fields: Vec<(String, FlinkType)> = match FlinkType::from_field(&field).kind {
            TypeKind::Array(item) | TypeKind::Multiset(item) => match item.kind {
                TypeKind::Row(fields) => fields
                    .into_iter()
                    .map(|field| (field.name, field.ty))
                    .collect(),
                _ => vec![("f0".to_string(), *item)],
            },
            TypeKind::Map(key, value) => {
                vec![("f0".to_string(), *key), ("f1".to_string(), *value)]
            }
            other => {
                return plan_err!("UNNEST takes an ARRAY, a MAP or a MULTISET, not {other}");
            }
        };
        // An element that is a ROW may be NULL as a whole.
        for (_, ty) in &mut fields {
            *ty = ty.clone().with_nullable(true);
        }
        if ordinality {
            let int = FlinkType::new(TypeKind::Int).not_null();
            fields.push(("ORDINALITY".to_string(), int));
        }
        let fields = fields
            .iter()
            .map(|(name, ty)| (None, Arc::new(ty.to_field(name))))
            .collect();
        Ok(Self {
            collection,
            ordinality,
            schema: Arc::new(DFSchema::new_with_metadata(fields, Default::default())?),
        })
    }
}

/// Writes `ARRAY[…]` as a call: DataFusion forgets the tables before an UNNEST inside of a literal.
struct ArraysAsCalls;

impl VisitorMut for ArraysAsCalls {
    type Break = ();
    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
        if let ast::Expr::Array(array) = expr {
            let items = std::mem::take(&mut array.elem);
            *expr = markers::call(ast::Ident::new("__array"), items);
        }
        ControlFlow::Continue(())
    }
}

impl UserDefinedLogicalNodeCore for UnnestNode {
    fn name(&self) -> &str {
        "UNNEST"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![]
    }
    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![self.collection.clone()]
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "UNNEST({})", self.collection)
    }
    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, _: Vec<LogicalPlan>) -> Result<Self> {
        match <[Expr; 1]>::try_from(exprs) {
            Ok([collection]) => Self::try_new(collection, self.ordinality),
            Err(_) => internal_err!("UNNEST has one collection"),
        }
    }
}

/// An UNNEST and what is computed of its elements, innermost first.
pub(crate) struct Unnested<'p> {
    node: &'p UnnestNode,
    projections: Vec<&'p lp::Projection>,
}

/// The UNNEST that a plan is, through names and plain projections.
pub(crate) fn unnest_of(plan: &LogicalPlan) -> Option<Unnested<'_>> {
    let mut projections = Vec::new();
    let mut plan = plan;
    loop {
        match plan {
            LogicalPlan::SubqueryAlias(alias) => plan = &alias.input,
            LogicalPlan::Subquery(subquery) => plan = &subquery.subquery,
            LogicalPlan::Projection(projection) => {
                projections.insert(0, projection);
                plan = &projection.input;
            }
            LogicalPlan::Extension(extension) => {
                let node: &dyn std::any::Any = extension.node.as_any();
                let node = node.downcast_ref::<UnnestNode>()?;
                return Some(Unnested { node, projections });
            }
            _ => return None,
        }
    }
}

/// Whether a plan has an UNNEST anywhere.
pub(crate) fn has_unnest(plan: &LogicalPlan) -> Result<bool> {
    plan.exists(|node| Ok(unnest_of(node).is_some()))
}

impl Translator<'_> {
    /// `left [LEFT] JOIN UNNEST(…)`, the collection being one of the left row or a constant.
    pub(super) fn join_unnest(&mut self, join: &lp::Join, unnested: &Unnested) -> Result<usize> {
        let left = match join.join_type {
            JoinType::Inner => false,
            JoinType::Left => true,
            other => return not_impl_err!("a {other} join with UNNEST is not supported"),
        };
        let trivial = join.on.is_empty() && join.filter.as_ref().is_none_or(is_true);
        let input = self.translate(&join.left)?;
        let on = join.on.iter().map(|(l, r)| l.clone().eq(r.clone()));
        let condition = on
            .chain(join.filter.clone())
            .reduce(Expr::and)
            .filter(|_| !trivial);
        let schema = join.left.schema().join(join.right.schema())?;
        match condition {
            None => self.unnest(input, join.left.schema(), unnested, left, None),
            // A row all of whose elements fail it still comes out, beside NULLs.
            Some(condition) if left => {
                let of_elements = |c: &Column| join.right.schema().has_column(c);
                if !condition.column_refs().into_iter().all(of_elements) {
                    return plan_err!(
                        "the condition of LEFT JOIN UNNEST(…) names elements only, as in Flink; filter \
                         the table in a query of its own"
                    );
                }
                let condition = Some((&condition, &schema));
                self.unnest(input, join.left.schema(), unnested, left, condition)
            }
            Some(condition) => {
                let index = self.unnest(input, join.left.schema(), unnested, left, None)?;
                self.keep(index, &condition, &schema)
            }
        }
    }

    /// An UNNEST of a constant.
    pub(super) fn unnest_alone(&mut self, unnested: &Unnested) -> Result<usize> {
        let input = self.values(vec![vec![]], &DFSchema::empty());
        self.unnest(input, &DFSchema::empty(), unnested, false, None)
    }

    /// The columns of `input`, then the elements'.
    fn unnest(
        &mut self,
        input: usize,
        schema: &DFSchema,
        unnested: &Unnested,
        left: bool,
        condition: Option<(&Expr, &DFSchema)>,
    ) -> Result<usize> {
        let node = unnested.node;
        let width = schema.fields().len();
        let collection = node
            .collection
            .clone()
            .transform(|e| match e {
                Expr::OuterReferenceColumn(_, c) => Ok(Transformed::yes(Expr::Column(c))),
                e => Ok(Transformed::no(e)),
            })?
            .data;
        let (input, positions) = self.as_columns(input, &[collection], schema)?;
        let mut columns = self.graph.nodes()[input].columns.clone();
        let elements = columns.len();
        columns.extend(node.schema.fields().iter().map(|field| {
            let nullable = field.is_nullable() || left;
            PlanColumn::new(
                field.name(),
                &field.as_ref().clone().with_nullable(nullable),
            )
        }));
        let index = self.push(
            StreamOp::Unnest {
                column: positions[0],
                left,
                ordinality: node.ordinality,
                condition: None,
            },
            vec![input],
            columns.clone(),
        );
        let window = self.graph.nodes()[input].window.clone();
        self.update(index, |node| node.window = window);
        // The input's columns as the query knows them, and what it computes of the elements.
        let mut exprs: Vec<Expr> = (0..width).map(column).collect();
        let mut outputs = columns[..width].to_vec();
        let mut given: Vec<(Expr, PlanColumn)> = (elements..columns.len())
            .map(|i| (column(i), columns[i].clone()))
            .collect();
        for projection in &unnested.projections {
            let below = projection.input.schema();
            given = projection
                .expr
                .iter()
                .zip(projection.schema.fields())
                .map(|(expr, field)| match super::translate::unaliased(expr) {
                    Expr::Column(c) => {
                        let (expr, output) = &given[below.index_of_column(c)?];
                        Ok((expr.clone(), output.renamed(field.name())))
                    }
                    other => not_impl_err!("{other} beside UNNEST is not supported"),
                })
                .collect::<Result<_>>()?;
        }
        for (expr, output) in given {
            exprs.push(expr);
            outputs.push(output);
        }
        if let Some((condition, schema)) = condition {
            // It sees the columns of the query, which stand elsewhere in what comes out.
            let condition = self.expression(condition, schema, &outputs)?;
            let condition = super::stream::substitute(condition, &|i| exprs[i].clone())?;
            self.update(index, |node| {
                if let StreamOp::Unnest {
                    condition: elements,
                    ..
                } = &mut node.op
                {
                    *elements = Some(condition);
                }
            });
        }
        let as_it_is = exprs.len() == columns.len() && unnested.projections.is_empty();
        if as_it_is {
            return Ok(index);
        }
        self.calc(index, exprs, None, outputs)
    }
}

fn is_true(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Boolean(Some(true)), _))
}
