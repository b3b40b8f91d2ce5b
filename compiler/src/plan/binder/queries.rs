//! Queries: bound by DataFusion, then translated into operators.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion_common::{DFSchema, DataFusionError, not_impl_err, plan_err};
use datafusion_expr::Expr;
use datafusion_expr::logical_plan::LogicalPlan;
use datafusion_optimizer::analyzer::resolve_grouping_function::ResolveGroupingFunction;
use datafusion_optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion_optimizer::{Analyzer, AnalyzerRule};
use datafusion_sql::planner::{NullOrdering, ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast;
use millstream_functions::{Zone, in_zone};

use super::messages::diagnose;
use super::{Binder, Diagnostics};
use crate::diagnostics::{Diagnostic, Span, did_you_mean};
use crate::plan::functions::{BindingContext, default_options};
use crate::plan::hints::{self, StateTtl};
use crate::plan::recall::BoundQuery;
use crate::plan::stream::{
    ChangelogMode, PlanColumn, PlanNode, StreamOp, column, positional_schema,
};
use crate::plan::translate::{Graph, Translator, simplify};
use crate::plan::tvf::FlinkRelationPlanner;
use crate::plan::versioned::LookupTable;
use crate::plan::{numbers, settings, whole};
use crate::sql::{CreateView, Query};

impl<'e> Binder<'e> {
    pub(super) fn create_view(
        &mut self,
        view: &CreateView,
        span: Span,
        text: &str,
    ) -> Result<(), Diagnostics> {
        let Some(name) = self.fresh_name(&view.name, view.if_not_exists)? else {
            return Ok(());
        };
        let mut root = self.query(&view.query, &name, span, text)?;
        if !view.columns.is_empty() {
            let node = &self.plan.nodes[root];
            if node.columns.len() != view.columns.len() {
                return Err(vec![
                    Diagnostic::error(
                        "sql/column-count",
                        format!(
                            "the view names {} columns, its query gives {}",
                            view.columns.len(),
                            node.columns.len()
                        ),
                    )
                    .at(view.name.span),
                ]);
            }
            let outputs = node
                .columns
                .iter()
                .zip(&view.columns)
                .map(|(c, n)| c.renamed(&n.value))
                .collect();
            let exprs = (0..node.columns.len()).map(column).collect();
            root = self
                .translator(&name, span, text)
                .calc(root, exprs, None, outputs)
                .map_err(|e| vec![diagnose(&e, text)])?;
        }
        self.define(&name, root, view.name.span)
    }

    /// Binds and translates a query: the number of the operator that gives its rows.
    pub(super) fn query(
        &mut self,
        query: &Query,
        origin: &str,
        span: Span,
        text: &str,
    ) -> Result<usize, Diagnostics> {
        let mut hinted = None;
        for hint in &query.hints {
            let name = self.hinted_table(hint, text)?;
            let ast = hinted.get_or_insert_with(|| query.ast.clone());
            hints::redirect(ast, hint, &name);
        }
        let before = self.plan.nodes.len();
        let ast = hinted.as_ref().unwrap_or(&query.ast);
        let given = whole::relation_given(ast).filter(|name| self.schemas.contains_key(*name));
        let root = match given {
            Some(name) => self.translator(origin, span, text).relation(name),
            None => {
                let bound = self.bind_or_recall(hinted.map(|ast| *ast), query, text);
                bound.and_then(|(plan, ttl)| {
                    let mut translator = self.translator(origin, span, text);
                    translator.ttl = ttl;
                    let root = translator.translate(&plan)?;
                    translator.ttl.all_met()?;
                    Ok(root)
                })
            }
        };
        root.map_err(|e| {
            self.plan.nodes.truncate(before);
            self.roots.retain(|_, &mut root| root < before);
            vec![diagnose(&e, text).or_at(query.span)]
        })
    }

    pub(super) fn translator<'a>(
        &'a mut self,
        origin: &str,
        span: Span,
        text: &'a str,
    ) -> Translator<'a>
    where
        'e: 'a,
    {
        Translator {
            origin: origin.to_string(),
            span,
            graph: Box::new(BinderGraph { binder: self, text }),
            ttl: StateTtl::default(),
            shared: Default::default(),
        }
    }

    pub(super) fn context<'a>(
        &self,
        relations: &'a dyn Fn(&str) -> Option<SchemaRef>,
        similar: &'a dyn Fn(&str) -> Option<String>,
    ) -> BindingContext<'a> {
        BindingContext {
            relations,
            similar,
            expr_planners: vec![millstream_functions::expr_planner()],
            relation_planners: vec![Arc::new(FlinkRelationPlanner {
                models: self.models.clone(),
            })],
        }
    }

    /// The relation whose name is most like one that is not there.
    pub(super) fn similar(&self, name: &str) -> Option<String> {
        let names = self.relations.keys().map(String::as_str);
        did_you_mean(name, names).map(str::to_string)
    }

    /// What DataFusion makes of a query, and how long its hints say that state is kept. `hinted` is the
    /// query with the tables that hints made, if it has such hints.
    pub(super) fn bind_or_recall(
        &mut self,
        hinted: Option<ast::Query>,
        query: &Query,
        text: &str,
    ) -> Result<(Arc<LogicalPlan>, StateTtl), DataFusionError> {
        // A hint stands for a table that is made for it, a model is more than its name.
        let models = || text.to_ascii_uppercase().contains("ML_PREDICT");
        let own = hinted.is_none() && (self.models.0.is_empty() || !models());
        let schemas = &self.schemas;
        if let Some(recall) = self.recall.as_mut().filter(|_| own)
            && let Some(known) = recall.query(text, query.span, |name| schemas.get(name).cloned())
        {
            return Ok((Arc::clone(&known.plan), known.ttl.clone()));
        }
        self.noted.take();
        let mut ast = hinted.unwrap_or_else(|| query.ast.as_ref().clone());
        let ttl = StateTtl::of(&mut ast)?;
        let plan = Arc::new(self.bind_query(ast)?);
        let read = self.noted.take();
        if let Some(recall) = self.recall.as_mut().filter(|_| own) {
            let bound = BoundQuery {
                plan: Arc::clone(&plan),
                ttl: ttl.clone(),
                read,
            };
            recall.keep_query(text, query.span, bound);
        }
        Ok((plan, ttl))
    }

    pub(super) fn bind_query(&self, mut ast: ast::Query) -> Result<LogicalPlan, DataFusionError> {
        crate::plan::names::resolve(&mut ast, &|query| {
            let plan = self.bind_query(query)?;
            let fields = plan.schema().fields().iter();
            Ok(fields.map(|field| field.name().clone()).collect())
        })?;
        crate::plan::row_values::rewrite(&mut ast)?;
        crate::plan::group_window::rewrite(&mut ast)?;
        numbers::query(&mut ast);
        let relations = |name: &str| {
            let schema = self.schemas.get(name);
            self.noted.note(name, schema);
            schema.cloned()
        };
        let similar = |name: &str| self.similar(name);
        let context = self.context(&relations, &similar);
        let planner = SqlToRel::new_with_options(&context, parser_options());
        let plan = planner.sql_statement_to_plan(ast::Statement::Query(Box::new(ast)))?;
        let plan = crate::plan::row_values::resolve(plan)?;
        let plan = crate::plan::moments::reduce(millstream_functions::analyze(plan)?)?;
        let plan = crate::plan::quantified::reduce(plan)?;
        let rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![
            Arc::new(ResolveGroupingFunction::new()),
            Arc::new(TypeCoercion::new()),
        ];
        let plan =
            Analyzer::with_rules(rules).execute_and_check(plan, default_options(), |_, _| {})?;
        crate::plan::subqueries::to_joins(plan)
    }

    /// The session's time zone.
    pub(super) fn zone(&self) -> Result<Zone, DataFusionError> {
        match self.plan.settings.get(settings::TIME_ZONE) {
            Some(name) => settings::time_zone(name),
            None => Ok(Zone::Utc),
        }
    }

    /// Binds an expression over the columns of a table.
    pub(super) fn bind_expression(
        &self,
        expr: &ast::Expr,
        by_name: &DFSchema,
        columns: &[PlanColumn],
    ) -> Result<Expr, DataFusionError> {
        let relations = |_: &str| None;
        let similar = |name: &str| self.similar(name);
        let context = self.context(&relations, &similar);
        let planner = SqlToRel::new_with_options(&context, parser_options());
        let mut expr = expr.clone();
        numbers::expr(&mut expr);
        let bound = planner.sql_to_expr(expr, by_name, &mut PlannerContext::new())?;
        let bound = millstream_functions::analyze_expr(bound, by_name)?;
        let positional = datafusion_common::tree_node::TreeNode::transform(bound, |e| {
            use datafusion_common::tree_node::Transformed;
            match &e {
                Expr::Column(c) => Ok(Transformed::yes(column(by_name.index_of_column(c)?))),
                Expr::AggregateFunction(_) | Expr::WindowFunction(_) => {
                    plan_err!("an aggregate cannot stand in a column definition")
                }
                Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) => {
                    not_impl_err!("a query in a column definition is not supported")
                }
                _ => Ok(Transformed::no(e)),
            }
        })?
        .data;
        let schema = positional_schema(columns)?;
        let context = datafusion_expr::simplify::SimplifyContext::builder()
            .with_schema(Arc::clone(&schema))
            .with_config_options(Arc::clone(default_options()))
            .build();
        let coerced = datafusion_optimizer::simplify_expressions::ExprSimplifier::new(context)
            .coerce(positional, &schema)?;
        simplify(in_zone(coerced, self.zone()?)?, columns)
    }
}

/// The binder as the translator sees it.
struct BinderGraph<'a, 'e> {
    binder: &'a mut Binder<'e>,
    text: &'a str,
}

impl Graph for BinderGraph<'_, '_> {
    fn relation(&mut self, name: &str) -> Result<usize, DataFusionError> {
        if let Some(&root) = self.binder.roots.get(name) {
            return Ok(root);
        }
        let node = self.table(name)?;
        let binder = &mut *self.binder;
        let duplicates = binder
            .plan
            .settings
            .get("table.exec.source.cdc-events-duplicate")
            .is_some_and(|value| value == "true");
        let keyed = node.upsert_key.is_some();
        let upserts = match node.changelog {
            ChangelogMode::Append => false,
            ChangelogMode::Upsert => true,
            // What a log may repeat is set right by its key.
            ChangelogMode::Retract => duplicates && keyed,
        };
        let mut root = self.push(node.clone());
        if upserts {
            // Downstream operators see old values of updates, as if the table's log had them.
            let Some(keys) = node.upsert_key.clone() else {
                return plan_err!(
                    "'{name}' gives updates without their old values, so it needs a PRIMARY KEY, as in Flink"
                );
            };
            root = self.push(PlanNode {
                op: StreamOp::ChangelogNormalize { keys, filter: None },
                inputs: vec![root],
                changelog: ChangelogMode::Retract,
                ..node
            });
        }
        self.binder.roots.insert(name.to_string(), root);
        Ok(root)
    }

    fn table(&mut self, name: &str) -> Result<PlanNode, DataFusionError> {
        let binder = &mut *self.binder;
        let Some(definition) = binder.tables.get(name).cloned() else {
            return match binder.roots.contains_key(name) {
                true => plan_err!(
                    "'{name}' is a view; FOR SYSTEM_TIME AS OF a processing time takes a table, \
                     which is looked up by key"
                ),
                false => plan_err!("there is no table or view '{name}'"),
            };
        };
        let mut node = binder.source(name, &definition, self.text).map_err(|d| {
            match d.into_iter().next() {
                Some(d) => DataFusionError::Plan(d.message),
                None => DataFusionError::Plan(format!("'{name}' cannot be read")),
            }
        })?;
        let number = binder.table_number(name, &definition);
        if let StreamOp::Source { table, .. } = &mut node.op {
            *table = number;
        }
        Ok(node)
    }

    fn is_key_of(&self, table: usize, read: &LookupTable, columns: &[usize]) -> bool {
        let table = &self.binder.plan.tables[table];
        let physical = |name: &str| table.columns.iter().position(|(n, _)| n == name);
        !table.primary_key.is_empty()
            && table.primary_key.iter().all(|name| {
                let at = physical(name);
                let read = at.and_then(|at| read.projection.iter().position(|&p| p == at));
                read.is_some_and(|read| columns.contains(&read))
            })
    }

    fn nodes(&self) -> &[PlanNode] {
        &self.binder.plan.nodes
    }

    fn setting(&self, key: &str) -> Option<String> {
        self.binder.plan.settings.get(key).cloned()
    }

    fn replace(&mut self, index: usize, node: PlanNode) {
        self.binder.plan.nodes[index] = node;
    }

    fn push(&mut self, node: PlanNode) -> usize {
        self.binder.plan.nodes.push(node);
        self.binder.plan.nodes.len() - 1
    }

    fn model(&mut self, name: &str) -> Result<usize, DataFusionError> {
        let plan = &mut self.binder.plan;
        if let Some(known) = plan.models.iter().position(|m| m.name == name) {
            return Ok(known);
        }
        match self.binder.models.get(name) {
            Some(model) => {
                plan.models.push(model.clone());
                Ok(plan.models.len() - 1)
            }
            None => plan_err!("there is no model '{name}'"),
        }
    }
}

pub(super) fn parser_options() -> ParserOptions {
    ParserOptions::new()
        .with_parse_float_as_decimal(true)
        .with_enable_ident_normalization(false)
        .with_map_string_types_to_utf8view(false)
        // Flink takes NULL for the smallest value of all.
        .with_default_null_ordering(NullOrdering::NullsMin)
        .with_collect_spans(true)
}
