//! Binds a script statement by statement and grows the streaming plan.
//!
//! A table, a view and an insert are each bound on their own against the relations declared
//! before; a relation that is used twice is one operator with two readers. What DataFusion finds
//! wrong is turned into a [`Diagnostic`] with its place in the script.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion_common::{
    Column, DFSchema, DataFusionError, ScalarValue, SchemaError, not_impl_err, plan_err,
};
use datafusion_expr::logical_plan::LogicalPlan;
use datafusion_expr::{Expr, ExprSchemable, cast as arrow_cast};
use datafusion_optimizer::analyzer::resolve_grouping_function::ResolveGroupingFunction;
use datafusion_optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion_optimizer::{Analyzer, AnalyzerRule};
use datafusion_sql::planner::{NullOrdering, ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast;
use millstream_functions::types::{FlinkType, TypeKind};
use millstream_functions::{Zone, in_zone};

use super::catalog::{Models, TableDefinition};
use super::functions::{BindingContext, catalog, default_options};
use super::hints::{self, StateTtl};
use super::numbers;
use super::recall::{Noted, Recall};
use super::settings;
use super::sinks::SinkMode;
use super::stream::{
    ChangelogMode, PlanColumn, PlanModel, PlanNode, PlanTable, StreamOp, StreamPlan, TimeAttribute,
    WatermarkSpec, column, is_proctime, positional_schema,
};
use super::translate::{Graph, Translator, simplify};
use super::tvf::FlinkRelationPlanner;
use super::versioned::LookupTable;
use super::whole;
use crate::diagnostics::{Diagnostic, Span, did_you_mean};
use crate::environment::Environment;
use crate::sql::{
    ColumnKind, CreateModel, CreateTable, CreateView, Drop, Insert, LineIndex, ObjectKind, Query,
    Statement, StatementKind, TableHint,
};

/// A column of a relation as a query sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: FlinkType,
    /// Whether it is a time attribute.
    pub time: Option<TimeAttribute>,
}

/// A table or view that queries can read.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<RelationColumn>,
    /// The kinds of rows it carries.
    pub changelog: ChangelogMode,
}

impl Relation {
    fn of(name: &str, node: &PlanNode) -> Self {
        Self {
            name: name.to_string(),
            columns: node
                .columns
                .iter()
                .map(|c| RelationColumn {
                    name: c.name.clone(),
                    ty: c.flink_type(),
                    time: c.time,
                })
                .collect(),
            changelog: node.changelog,
        }
    }
}

/// The name under which the rows of a bare `SELECT` are printed.
pub const RESULT_TABLE: &str = "result";

/// Binds statements one after another.
pub struct Binder<'e> {
    environment: &'e dyn Environment,
    tables: BTreeMap<String, TableDefinition>,
    models: Models,
    relations: BTreeMap<String, Relation>,
    /// The Arrow schema of each relation, for DataFusion.
    schemas: BTreeMap<String, SchemaRef>,
    /// The operator that gives each relation's rows.
    roots: BTreeMap<String, usize>,
    plan: StreamPlan,
    warnings: Vec<Diagnostic>,
    /// What was bound before, and what is for the next time.
    recall: Option<Recall>,
    noted: Noted,
}

type Diagnostics = Vec<Diagnostic>;

impl<'e> Binder<'e> {
    /// A binder that knows no relation yet.
    pub fn new(environment: &'e dyn Environment) -> Self {
        Self {
            environment,
            tables: BTreeMap::new(),
            models: Models::default(),
            relations: BTreeMap::new(),
            schemas: BTreeMap::new(),
            roots: BTreeMap::new(),
            plan: StreamPlan::default(),
            warnings: Vec::new(),
            recall: None,
            noted: Noted::default(),
        }
    }

    /// A binder that knows no relation yet, but queries that were bound before.
    pub(crate) fn recalling(environment: &'e dyn Environment, recall: Recall) -> Self {
        Self {
            recall: Some(recall),
            ..Self::new(environment)
        }
    }

    /// What it knows for another one.
    pub(crate) fn take_recall(&mut self) -> Recall {
        self.recall.take().unwrap_or_default()
    }

    /// Binds one statement of `text`, the script that its spans count in.
    ///
    /// # Errors
    /// What is wrong with the statement; the binder is then as before, so that the next
    /// statements can still be looked at.
    pub fn apply(&mut self, statement: &Statement, text: &str) -> Result<(), Diagnostics> {
        let at = |d: Diagnostic| vec![d.or_at(statement.span)];
        match &statement.kind {
            StatementKind::Set(set) => {
                if let Some(option) = &set.option {
                    self.warnings.extend(
                        settings::check(&option.key, &option.value)
                            .map_err(|d| at(d.at(option.span)))?
                            .map(|d| d.at(option.key_span)),
                    );
                    self.plan
                        .settings
                        .insert(option.key.clone(), option.value.clone());
                }
                Ok(())
            }
            StatementKind::Reset(reset) => {
                match &reset.key {
                    Some(key) => {
                        self.plan.settings.remove(key);
                    }
                    None => self.plan.settings.clear(),
                }
                Ok(())
            }
            StatementKind::CreateTable(table) => self.create_table(table, statement.span, text),
            StatementKind::CreateView(view) => self.create_view(view, statement.span, text),
            StatementKind::CreateModel(model) => {
                self.create_model(model, statement.span).map_err(at)
            }
            StatementKind::Drop(drop) => self.drop(drop).map_err(at),
            StatementKind::Insert(insert) => self.insert(insert, text),
            StatementKind::StatementSet(inserts) => {
                let mut problems = Vec::new();
                for insert in inserts {
                    if let Err(found) = self.insert(insert, text) {
                        problems.extend(found);
                    }
                }
                if problems.is_empty() {
                    Ok(())
                } else {
                    Err(problems)
                }
            }
            StatementKind::Query(query) => self.select(query, text),
            StatementKind::Explain(_) => Err(at(Diagnostic::not_supported("EXPLAIN in a script")
                .help("`millstream explain` shows the plan of a whole script"))),
            StatementKind::Show(_) | StatementKind::Describe(_) => Err(at(
                Diagnostic::not_supported("SHOW and DESCRIBE in a script")
                    .help("take the statement out; a script only declares, inserts and selects"),
            )),
            StatementKind::CreateFunction(_) => Err(at(Diagnostic::not_supported(
                "CREATE FUNCTION (functions of your own) in the embedded runtime",
            ))),
            StatementKind::AlterTable(_)
            | StatementKind::AlterView(_)
            | StatementKind::AlterModel(_) => Err(at(
                Diagnostic::not_supported("ALTER").help("change the CREATE statement instead")
            )),
            StatementKind::Use(_) => Err(at(Diagnostic::not_supported(
                "USE (catalogs and databases)",
            ))),
        }
    }

    /// The plan as [`Self::finish`] gives it, made on a thread of `scope`; there is none in the
    /// binder then.
    pub(crate) fn rewriting<'s>(
        &mut self,
        scope: &'s Scope<'s, '_>,
    ) -> ScopedJoinHandle<'s, Result<StreamPlan, Diagnostics>> {
        let plan = std::mem::take(&mut self.plan);
        scope.spawn(|| rewritten(plan))
    }

    /// What a relation looks like to a query.
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        self.relations.get(name)
    }

    /// The operators bound so far, not rewritten but with their keys, and the one that gives each
    /// relation's rows. A table that nothing reads has none.
    pub(crate) fn bound(&self) -> (StreamPlan, &BTreeMap<String, usize>) {
        let mut plan = self.plan.clone();
        super::keys::assign(&mut plan);
        (plan, &self.roots)
    }

    /// How a table says that its watermark comes about, as written.
    pub(crate) fn watermark_of(&self, table: &str) -> Option<&str> {
        let watermark = self.tables.get(table)?.statement.watermark.as_ref()?;
        Some(watermark.text.trim())
    }

    /// The primary key that a table declares.
    pub(crate) fn primary_key_of(&self, table: &str) -> Vec<String> {
        self.tables
            .get(table)
            .map_or(Vec::new(), TableDefinition::primary_key)
    }

    /// Findings that did not stop anything.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The plan of all inserts and queries applied, rewritten and pruned.
    pub fn finish(self) -> Result<(StreamPlan, Vec<Diagnostic>), Diagnostics> {
        let plan = rewritten(self.plan)?;
        let mut warnings = self.warnings;
        warnings.extend(lookups_of_files(&plan));
        Ok((plan, warnings))
    }

    fn create_table(
        &mut self,
        table: &CreateTable,
        span: Span,
        text: &str,
    ) -> Result<(), Diagnostics> {
        let name = self.fresh_name(&table.name, table.if_not_exists)?;
        let Some(name) = name else { return Ok(()) };
        if let Some(like) = &table.like {
            return Err(vec![
                Diagnostic::not_supported("LIKE in CREATE TABLE").at(like.table.span),
            ]);
        }
        let mut definition = TableDefinition {
            statement: table.clone(),
            inferred: Vec::new(),
            span,
        };
        if table.columns.is_empty() {
            definition.inferred = self
                .environment
                .infer_schema(&definition.options())
                .map_err(|why| vec![Diagnostic::error("sql/schema", why).at(table.name.span)])?;
        }
        let node = self.source(&name, &definition, text)?;
        self.schemas.insert(name.clone(), node.schema());
        self.relations
            .insert(name.clone(), Relation::of(&name, &node));
        self.tables.insert(name, definition);
        Ok(())
    }

    /// The name of a new relation; `None` if it exists and that is fine.
    fn fresh_name(
        &self,
        name: &crate::sql::Name,
        if_not_exists: bool,
    ) -> Result<Option<String>, Diagnostics> {
        let object = name.object().to_string();
        if name.parts.len() > 1 {
            return Err(vec![
                Diagnostic::not_supported("a catalog or database before a name").at(name.span),
            ]);
        }
        if self.relations.contains_key(&object) {
            if if_not_exists {
                return Ok(None);
            }
            return Err(vec![
                Diagnostic::error(
                    "sql/duplicate-relation",
                    format!("there is already a table or view '{object}'"),
                )
                .at(name.span),
            ]);
        }
        Ok(Some(object))
    }

    /// The source operator of a table (its number of table filled in when it is used).
    fn source(
        &self,
        name: &str,
        definition: &TableDefinition,
        text: &str,
    ) -> Result<PlanNode, Diagnostics> {
        let physical = definition.physical();
        let metadata = definition.metadata();
        let read: Vec<PlanColumn> = physical
            .iter()
            .map(|(n, ty)| (n, ty))
            .chain(metadata.iter().map(|(n, _, ty, _)| (n, ty)))
            .map(|(n, ty)| PlanColumn::new(n, &ty.to_field(n)))
            .collect();
        let statement = &definition.statement;
        let mut names = std::collections::BTreeSet::new();
        for c in &statement.columns {
            if !names.insert(c.name.as_str()) {
                return Err(vec![
                    Diagnostic::error(
                        "sql/duplicate-column",
                        format!("the column '{}' is declared twice", c.name),
                    )
                    .at(c.name_span),
                ]);
            }
        }
        let mut columns = Vec::new();
        let mut exprs = Vec::new();
        let mut position = 0;
        let mut metadata_position = physical.len();
        let by_name = unqualified_schema(&read).map_err(|e| vec![diagnose(&e, text)])?;
        if statement.columns.is_empty() {
            exprs.extend((0..read.len()).map(column));
            columns.clone_from(&read);
        }
        for c in &statement.columns {
            match &c.kind {
                ColumnKind::Physical { .. } => {
                    exprs.push(column(position));
                    columns.push(read[position].clone());
                    position += 1;
                }
                ColumnKind::Metadata { .. } => {
                    exprs.push(column(metadata_position));
                    columns.push(read[metadata_position].clone());
                    metadata_position += 1;
                }
                ColumnKind::Computed { expr, span, .. } => {
                    let bound = self
                        .bind_expression(expr, &by_name, &read)
                        .map_err(|e| vec![diagnose(&e, text).or_at(*span)])?;
                    let field = positional_schema(&read)
                        .and_then(|schema| bound.to_field(schema.as_ref()))
                        .map_err(|e| vec![diagnose(&e, text).or_at(*span)])?
                        .1;
                    let mut computed = PlanColumn::new(&c.name, &field);
                    if is_proctime(&bound) {
                        computed.time = Some(TimeAttribute::Proctime);
                    }
                    columns.push(computed);
                    exprs.push(bound);
                }
            }
        }
        for key in statement.primary_key.iter().flat_map(|k| &k.columns) {
            if !columns.iter().any(|c| c.name == key.value) {
                return Err(vec![
                    Diagnostic::error(
                        "sql/unknown-column",
                        format!("the primary key names '{}', which is no column", key.value),
                    )
                    .at(statement
                        .primary_key
                        .as_ref()
                        .map_or(definition.span, |k| k.span)),
                ]);
            }
        }
        let mut watermark = None;
        if let Some(declared) = &statement.watermark {
            let wanted = declared
                .column
                .iter()
                .map(|p| p.value.as_str())
                .collect::<Vec<_>>()
                .join(".");
            let Some(rowtime) = columns.iter().position(|c| c.name == wanted) else {
                let hint = did_you_mean(&wanted, columns.iter().map(|c| c.name.as_str()));
                let d = Diagnostic::error(
                    "sql/unknown-column",
                    format!("the watermark is for '{wanted}', which is no column of '{name}'"),
                )
                .at(declared.column_span);
                return Err(vec![match hint {
                    Some(near) => d.help(format!("did you mean '{near}'?")),
                    None => d,
                }]);
            };
            let ty = columns[rowtime].flink_type();
            if !matches!(
                ty.kind,
                TypeKind::Timestamp(0..=3) | TypeKind::TimestampLtz(0..=3)
            ) {
                return Err(vec![
                    Diagnostic::error(
                        "sql/watermark-type",
                        format!(
                            "event time is TIMESTAMP(3) or TIMESTAMP_LTZ(3), as in Flink; '{wanted}' is {ty}"
                        ),
                    )
                    .at(declared.column_span)
                    .help(format!(
                        "declare it TIMESTAMP(3), or add a computed column such as {wanted}_time AS TO_TIMESTAMP({wanted})"
                    )),
                ]);
            }
            columns[rowtime].time = Some(TimeAttribute::Rowtime);
            let schema = unqualified_schema(&columns).map_err(|e| vec![diagnose(&e, text)])?;
            let expr = if is_source_watermark(&declared.expr) {
                // Such a source gives its rows in the order of their time.
                let options = definition.options();
                if !makes_watermarks(&options) {
                    let connector = options.get("connector").map_or("", String::as_str);
                    return Err(vec![
                        Diagnostic::error(
                            "sql/source-watermark",
                            format!("the connector '{connector}' makes no watermarks of its own"),
                        )
                        .at(declared.expr_span)
                        .help(format!("write for example {wanted} - INTERVAL '5' SECOND")),
                    ]);
                }
                column(rowtime)
            } else {
                self.bind_expression(&declared.expr, &schema, &columns)
                    .map_err(|e| vec![diagnose(&e, text).or_at(declared.expr_span)])?
            };
            let produced = positional_schema(&columns)
                .and_then(|schema| expr.get_type(schema.as_ref()))
                .map_err(|e| vec![diagnose(&e, text).or_at(declared.expr_span)])?;
            if !matches!(produced, DataType::Timestamp(_, _)) {
                return Err(vec![
                    Diagnostic::error(
                        "sql/watermark-type",
                        format!("a watermark is a timestamp, but this is {produced}"),
                    )
                    .at(declared.expr_span)
                    .help(format!("for example {wanted} - INTERVAL '5' SECOND")),
                ]);
            }
            watermark = Some(WatermarkSpec {
                column: rowtime,
                expr,
                in_source: makes_watermarks(&definition.options()),
            });
        }
        let identity = exprs.len() == read.len()
            && exprs
                .iter()
                .enumerate()
                .all(|(i, e)| super::stream::plain_column(e) == Some(i));
        let upsert_key = statement.primary_key.as_ref().map(|key| {
            key.columns
                .iter()
                .filter_map(|k| columns.iter().position(|c| c.name == k.value))
                .collect()
        });
        Ok(PlanNode {
            op: StreamOp::Source {
                table: usize::MAX,
                projection: (0..read.len()).collect(),
                exprs: (!identity).then_some(exprs),
                watermark,
            },
            inputs: vec![],
            columns,
            changelog: source_changelog(&definition.options()),
            upsert_key,
            window: None,
            origins: vec![name.to_string()],
            uid: String::new(),
            span: definition.span,
            state_ttl: [None; 2],
        })
    }

    fn create_view(
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

    /// Makes the rows of an operator a relation.
    fn define(&mut self, name: &str, root: usize, span: Span) -> Result<(), Diagnostics> {
        let node = &self.plan.nodes[root];
        let mut seen = std::collections::BTreeSet::new();
        for c in &node.columns {
            if !seen.insert(c.name.as_str()) {
                return Err(vec![
                    Diagnostic::error(
                        "sql/duplicate-column",
                        format!("'{name}' would have two columns '{}'", c.name),
                    )
                    .at(span)
                    .help("give one of them another name with AS"),
                ]);
            }
        }
        self.schemas.insert(name.to_string(), node.schema());
        self.relations
            .insert(name.to_string(), Relation::of(name, node));
        self.roots.insert(name.to_string(), root);
        Ok(())
    }

    fn create_model(&mut self, model: &CreateModel, span: Span) -> Result<(), Diagnostic> {
        let name = model.name.object().to_string();
        if self.models.get(&name).is_some() {
            if model.if_not_exists {
                return Ok(());
            }
            return Err(Diagnostic::error(
                "sql/duplicate-model",
                format!("there is already a model '{name}'"),
            )
            .at(model.name.span));
        }
        let columns = |list: &[crate::sql::ModelColumn]| -> Vec<(String, FlinkType)> {
            list.iter()
                .map(|c| (c.name.clone(), c.ty.clone()))
                .collect()
        };
        let options: BTreeMap<String, String> = model
            .options
            .iter()
            .map(|o| (o.key.clone(), o.value.clone()))
            .collect();
        let inputs = columns(&model.inputs);
        let outputs = columns(&model.outputs);
        self.environment
            .check_model(&options, &inputs, &outputs)
            .map_err(|why| {
                let place = model
                    .options
                    .iter()
                    .find(|o| o.key == "path")
                    .map_or(model.name.span, |o| o.value_span);
                Diagnostic::error("model/mismatch", why).at(place)
            })?;
        let mut all = self.models.0.as_ref().clone();
        all.insert(
            name.clone(),
            PlanModel {
                name,
                inputs,
                outputs,
                options,
                span,
            },
        );
        self.models = Models(Arc::new(all));
        Ok(())
    }

    fn drop(&mut self, drop: &Drop) -> Result<(), Diagnostic> {
        let name = drop.name.object();
        let known = match drop.kind {
            ObjectKind::Table => self.tables.remove(name).is_some() && self.forget(name),
            ObjectKind::View => {
                !self.tables.contains_key(name)
                    && self.roots.contains_key(name)
                    && self.forget(name)
            }
            ObjectKind::Model => {
                let mut all = self.models.0.as_ref().clone();
                let known = all.remove(name).is_some();
                self.models = Models(Arc::new(all));
                known
            }
            ObjectKind::Function => false,
        };
        if known || drop.if_exists {
            Ok(())
        } else {
            Err(Diagnostic::error(
                "sql/unknown-object",
                format!("there is no such object '{name}' to drop"),
            )
            .at(drop.name.span))
        }
    }

    fn forget(&mut self, name: &str) -> bool {
        self.roots.remove(name);
        self.schemas.remove(name);
        self.relations.remove(name).is_some()
    }

    fn insert(&mut self, insert: &Insert, text: &str) -> Result<(), Diagnostics> {
        let name = insert.target.object().to_string();
        let fail = |d: Diagnostic| vec![d];
        if insert.overwrite {
            return Err(fail(
                Diagnostic::not_supported("INSERT OVERWRITE").at(insert.target.span),
            ));
        }
        let hinted = match &insert.hint {
            Some(hint) => Some(self.hinted_table(hint, text)?),
            None => None,
        };
        let written = hinted.as_ref().unwrap_or(&name);
        let Some(definition) = self.tables.get(written).cloned() else {
            let d = Diagnostic::error(
                "sql/unknown-table",
                format!("there is no table '{name}' to write to"),
            )
            .at(insert.target.span);
            return Err(fail(
                match did_you_mean(&name, self.tables.keys().map(String::as_str)) {
                    Some(near) => d.help(format!("did you mean '{near}'?")),
                    None => d,
                },
            ));
        };
        let options = definition.options();
        let target =
            super::sinks::written_columns(definition.physical(), &definition.metadata(), &options);
        let root = self.query(&insert.query, &name, insert.span, text)?;
        let columns = self.plan.nodes[root].columns.clone();
        let fixed = self.fixed_columns(insert, &definition, &target, text)?;
        // Which target column each query column fills.
        let filled: Vec<usize> = match &insert.columns {
            // In the order of the table's declaration, in which metadata may stand anywhere.
            None if definition.statement.columns.is_empty() => (0..target.len())
                .filter(|place| !fixed.contains_key(place))
                .collect(),
            None => definition
                .statement
                .columns
                .iter()
                .filter_map(|c| target.iter().position(|(name, _)| *name == c.name))
                .filter(|place| !fixed.contains_key(place))
                .collect(),
            Some(names) => names
                .iter()
                .map(|n| {
                    target
                        .iter()
                        .position(|(t, _)| *t == n.value)
                        .ok_or_else(|| {
                            fail(
                                Diagnostic::error(
                                    "sql/unknown-column",
                                    format!("'{name}' has no column '{}' to write", n.value),
                                )
                                .at(insert.target.span),
                            )
                        })
                })
                .collect::<Result<_, _>>()?,
        };
        let mismatch = |what: String| {
            let query: Vec<String> = columns
                .iter()
                .map(|c| format!("{} {}", c.name, c.flink_type()))
                .collect();
            let sink: Vec<String> = filled
                .iter()
                .map(|&i| format!("{} {}", target[i].0, target[i].1))
                .collect();
            fail(
                Diagnostic::error(
                    "sql/sink-schema",
                    format!("the query does not fit the table '{name}': {what}"),
                )
                .at(insert.query.span)
                .help(format!(
                    "query: [{}], table: [{}]",
                    query.join(", "),
                    sink.join(", ")
                )),
            )
        };
        if columns.len() != filled.len() {
            return Err(mismatch(format!(
                "it gives {} columns, the table takes {}",
                columns.len(),
                filled.len()
            )));
        }
        let mut exprs = Vec::with_capacity(target.len());
        let mut outputs = Vec::with_capacity(target.len());
        for (i, (column_name, ty)) in target.iter().enumerate() {
            let field = ty.to_field(column_name);
            let expr = match filled.iter().position(|&f| f == i) {
                Some(from) => {
                    let source = columns[from].flink_type();
                    match implicit_cast(column(from), &source, ty) {
                        Some(expr) => self
                            .zone()
                            .and_then(|zone| in_zone(expr, zone))
                            .map_err(|e| vec![diagnose(&e, text)])?,
                        None => {
                            return Err(mismatch(format!(
                                "column '{}' is {source}, '{column_name}' is {ty}; write CAST({} AS {})",
                                columns[from].name,
                                columns[from].name,
                                ty.clone().with_nullable(true)
                            )));
                        }
                    }
                }
                None if fixed.contains_key(&i) => fixed[&i].clone(),
                None => Expr::Literal(
                    ScalarValue::try_from(field.data_type())
                        .map_err(|e| vec![diagnose(&e, text)])?,
                    None,
                ),
            };
            exprs.push(expr);
            // Whether a NULL may be written is the sink's to say, row by row.
            outputs.push(PlanColumn::new(column_name, &field.with_nullable(true)));
        }
        let changelog = self.plan.nodes[root].changelog;
        let mode = super::sinks::mode_of(&options, !definition.primary_key().is_empty());
        if changelog != ChangelogMode::Append && mode == SinkMode::Append {
            return Err(fail(
                Diagnostic::error(
                    "plan/updates-into-append-sink",
                    format!(
                        "'{name}' takes inserts only, but the query updates its rows (changelog {changelog})"
                    ),
                )
                .at(insert.query.span)
                .help("write to a table that takes updates, such as 'print', or make the query append-only: aggregate over a window, or keep the first row of each key"),
            ));
        }
        let table = self.table_number(written, &definition);
        let identity = exprs
            .iter()
            .enumerate()
            .all(|(i, e)| super::stream::plain_column(e) == Some(i))
            && exprs.len() == columns.len();
        let input = if identity {
            root
        } else {
            self.translator(&name, insert.span, text)
                .calc(root, exprs, None, outputs)
                .map_err(|e| vec![diagnose(&e, text)])?
        };
        self.push_sink(input, table, &name, insert.span, insert.deduplicate);
        Ok(())
    }

    /// The columns that `PARTITION (k = 'v', …)` gives one value, by position in the target.
    fn fixed_columns(
        &self,
        insert: &Insert,
        definition: &TableDefinition,
        target: &[(String, FlinkType)],
        text: &str,
    ) -> Result<BTreeMap<usize, Expr>, Diagnostics> {
        let mut fixed = BTreeMap::new();
        for (column, value) in &insert.partition {
            let is_key = |key: &ast::Ident| key.value == column.value;
            let place = target.iter().position(|(name, _)| *name == column.value);
            let (Some(place), true) = (
                place,
                definition.statement.partitioned_by.iter().any(is_key),
            ) else {
                return Err(vec![
                    Diagnostic::error(
                        "sql/unknown-column",
                        format!(
                            "PARTITION names '{}', which is no column that '{}' is PARTITIONED BY",
                            column.value,
                            insert.target.object()
                        ),
                    )
                    .at(insert.target.span),
                ]);
            };
            let at = |e: DataFusionError| vec![diagnose(&e, text).or_at(insert.span)];
            let none = DFSchema::empty();
            let bound = self.bind_expression(value, &none, &[]).map_err(at)?;
            let (_, given) = bound.to_field(&none).map_err(at)?;
            let (name, ty) = &target[place];
            let given = FlinkType::from_field(&given);
            match implicit_cast(bound, &given, ty) {
                Some(value) => {
                    let value = self.zone().and_then(|zone| in_zone(value, zone));
                    let value = value.and_then(|value| simplify(value, &[]));
                    fixed.insert(place, value.map_err(at)?);
                }
                None => {
                    return Err(vec![
                        Diagnostic::error(
                            "sql/sink-schema",
                            format!("PARTITION gives '{name}' a {given}, but it is {ty}"),
                        )
                        .at(insert.target.span),
                    ]);
                }
            }
        }
        Ok(fixed)
    }

    /// A bare `SELECT`: its changelog is printed.
    fn select(&mut self, query: &Query, text: &str) -> Result<(), Diagnostics> {
        let root = self.query(query, RESULT_TABLE, query.span, text)?;
        let columns = self.plan.nodes[root]
            .columns
            .iter()
            .map(|c| (c.name.clone(), c.flink_type()))
            .collect();
        let options = [("connector".to_string(), "print".to_string())];
        self.plan.tables.push(PlanTable {
            name: RESULT_TABLE.to_string(),
            columns,
            metadata: vec![],
            partition_keys: vec![],
            primary_key: vec![],
            options: BTreeMap::from(options),
            option_spans: BTreeMap::new(),
            span: query.span,
        });
        let table = self.plan.tables.len() - 1;
        self.push_sink(root, table, RESULT_TABLE, query.span, false);
        Ok(())
    }

    fn push_sink(&mut self, input: usize, table: usize, name: &str, span: Span, conflict: bool) {
        let source = &self.plan.nodes[input];
        let node = PlanNode {
            op: StreamOp::Sink {
                table,
                conflict,
                keyed_by: vec![],
            },
            inputs: vec![input],
            columns: source.columns.clone(),
            changelog: source.changelog,
            upsert_key: source.upsert_key.clone(),
            window: None,
            origins: vec![name.to_string()],
            uid: String::new(),
            span,
            state_ttl: [None; 2],
        };
        self.plan.nodes.push(node);
    }

    /// Binds and translates a query: the number of the operator that gives its rows.
    fn query(
        &mut self,
        query: &Query,
        origin: &str,
        span: Span,
        text: &str,
    ) -> Result<usize, Diagnostics> {
        let mut ast = query.ast.clone();
        for hint in &query.hints {
            let name = self.hinted_table(hint, text)?;
            hints::redirect(&mut ast, hint, &name);
        }
        let before = self.plan.nodes.len();
        let given = whole::relation_given(&ast).filter(|name| self.schemas.contains_key(*name));
        let root = match given {
            Some(name) => self.translator(origin, span, text).relation(name),
            None => {
                let bound = StateTtl::of(&mut ast)
                    .and_then(|ttl| Ok((self.bind_or_recall(*ast, query, text)?, ttl)));
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

    /// A table with the options of a hint: the name under which it is known from now on.
    fn hinted_table(&mut self, hint: &TableHint, text: &str) -> Result<String, Diagnostics> {
        let table = hint.table.object();
        let Some(definition) = self.tables.get(table) else {
            let what = match self.relations.contains_key(table) {
                true => format!("'{table}' is a view; only a table takes OPTIONS"),
                false => format!("there is no table '{table}'"),
            };
            return Err(vec![
                Diagnostic::error("sql/unknown-table", what).at(hint.span),
            ]);
        };
        let definition = hints::with_options(definition, hint);
        let number = (1..).find(|n| !self.relations.contains_key(&format!("{table}${n}")));
        let name = format!("{table}${}", number.unwrap_or(1));
        let node = self.source(&name, &definition, text)?;
        self.schemas.insert(name.clone(), node.schema());
        self.relations
            .insert(name.clone(), Relation::of(&name, &node));
        self.tables.insert(name.clone(), definition);
        Ok(name)
    }

    fn translator<'a>(&'a mut self, origin: &str, span: Span, text: &'a str) -> Translator<'a>
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

    fn context<'a>(
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
    fn similar(&self, name: &str) -> Option<String> {
        let names = self.relations.keys().map(String::as_str);
        did_you_mean(name, names).map(str::to_string)
    }

    /// What DataFusion makes of `ast`, which is what is left of `query` without its hints.
    fn bind_or_recall(
        &mut self,
        ast: ast::Query,
        query: &Query,
        text: &str,
    ) -> Result<Arc<LogicalPlan>, DataFusionError> {
        // A hint stands for a table that is made for it, a model is more than its name.
        let models = || text.to_ascii_uppercase().contains("ML_PREDICT");
        let own = query.hints.is_empty() && (self.models.0.is_empty() || !models());
        let schemas = &self.schemas;
        if let Some(recall) = self.recall.as_mut().filter(|_| own)
            && let Some(plan) = recall.query(text, query.span, |name| schemas.get(name).cloned())
        {
            return Ok(plan);
        }
        self.noted.take();
        let plan = Arc::new(self.bind_query(ast)?);
        let read = self.noted.take();
        if let Some(recall) = self.recall.as_mut().filter(|_| own) {
            recall.keep_query(text, query.span, &plan, read);
        }
        Ok(plan)
    }

    fn bind_query(&self, mut ast: ast::Query) -> Result<LogicalPlan, DataFusionError> {
        super::names::resolve(&mut ast, &|query| {
            let plan = self.bind_query(query)?;
            let fields = plan.schema().fields().iter();
            Ok(fields.map(|field| field.name().clone()).collect())
        })?;
        super::row_values::rewrite(&mut ast)?;
        super::group_window::rewrite(&mut ast)?;
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
        let plan = super::row_values::resolve(plan)?;
        let plan = super::moments::reduce(millstream_functions::analyze(plan)?)?;
        let plan = super::quantified::reduce(plan)?;
        let rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![
            Arc::new(ResolveGroupingFunction::new()),
            Arc::new(TypeCoercion::new()),
        ];
        let plan =
            Analyzer::with_rules(rules).execute_and_check(plan, default_options(), |_, _| {})?;
        super::subqueries::to_joins(plan)
    }

    /// The session's time zone.
    fn zone(&self) -> Result<Zone, DataFusionError> {
        match self.plan.settings.get(settings::TIME_ZONE) {
            Some(name) => settings::time_zone(name),
            None => Ok(Zone::Utc),
        }
    }

    /// Binds an expression over the columns of a table.
    fn bind_expression(
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

    fn table_number(&mut self, name: &str, definition: &TableDefinition) -> usize {
        if let Some(known) = self.plan.tables.iter().position(|t| t.name == name) {
            return known;
        }
        self.plan.tables.push(PlanTable {
            name: name.to_string(),
            columns: definition.physical(),
            metadata: definition.metadata(),
            partition_keys: definition
                .statement
                .partitioned_by
                .iter()
                .map(|c| c.value.clone())
                .collect(),
            primary_key: definition.primary_key(),
            options: definition.options(),
            option_spans: definition
                .statement
                .options
                .iter()
                .map(|o| (o.key.clone(), o.span))
                .collect(),
            span: definition.span,
        });
        self.plan.tables.len() - 1
    }
}

/// Joins that look a file up, which is kept in memory here: Flink's connector offers no lookup.
fn lookups_of_files(plan: &StreamPlan) -> Vec<Diagnostic> {
    let is_files = |table: &PlanTable| {
        let connector = table.options.get("connector");
        connector.is_some_and(|connector| connector == "filesystem")
    };
    let mut found: Vec<Diagnostic> = Vec::new();
    for node in &plan.nodes {
        let StreamOp::LookupJoin { table, .. } = &node.op else {
            continue;
        };
        let table = &plan.tables[table.table];
        if is_files(table) {
            found.push(
                Diagnostic::warning(
                    "plan/embedded-lookup",
                    format!(
                        "the files of '{}' are looked up in memory by the embedded runtime only: \
                         Flink's connector 'filesystem' offers no lookup",
                        table.name
                    ),
                )
                .at(node.span)
                .help("for a cluster, look up a table of another connector, such as 'jdbc'"),
            );
        }
    }
    found
}

/// What DataFusion says, in our words and with its place.
fn diagnose(error: &DataFusionError, text: &str) -> Diagnostic {
    let mut diagnostic = match schema_error(error) {
        Some(SchemaError::FieldNotFound {
            field,
            valid_fields,
        }) => unknown_column(field, valid_fields),
        Some(SchemaError::AmbiguousReference { field }) => Diagnostic::error(
            "sql/ambiguous-column",
            format!("the column '{}' is ambiguous", field.name),
        )
        .help("write the table before it, as in t.column"),
        _ => {
            let message = clean_message(error);
            let code = if message.contains("not supported") {
                "sql/not-supported"
            } else if message.contains("takes an append-only input") {
                "plan/updates-into-append-operator"
            } else {
                "sql/invalid"
            };
            Diagnostic::error(code, message)
        }
    };
    if let Some(found) = error.diagnostic() {
        let span = found.span.and_then(|s| {
            let index = LineIndex::new(text);
            let at = |l: datafusion_common::Location| {
                index.offset(
                    text,
                    datafusion_sql::sqlparser::tokenizer::Location {
                        line: l.line,
                        column: l.column,
                    },
                )
            };
            Some(Span::new(at(s.start)?, at(s.end)?))
        });
        diagnostic.span = diagnostic.span.or(span);
    }
    diagnostic
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

fn parser_options() -> ParserOptions {
    ParserOptions::new()
        .with_parse_float_as_decimal(true)
        .with_enable_ident_normalization(false)
        .with_map_string_types_to_utf8view(false)
        // Flink takes NULL for the smallest value of all.
        .with_default_null_ordering(NullOrdering::NullsMin)
        .with_collect_spans(true)
}

/// The columns as a schema that expressions of a DDL name without a qualifier.
fn unqualified_schema(columns: &[PlanColumn]) -> Result<DFSchema, DataFusionError> {
    let fields: Vec<_> = columns.iter().map(|c| Arc::clone(&c.field)).collect();
    DFSchema::try_from(Schema::new(fields))
}

/// Whether the sources of a table make watermarks themselves; tables of tests say so.
fn makes_watermarks(options: &BTreeMap<String, String>) -> bool {
    options
        .get("enable-watermark-push-down")
        .is_some_and(|value| value == "true")
}

/// Whether a watermark is `SOURCE_WATERMARK()`: the connector's own.
fn is_source_watermark(expr: &ast::Expr) -> bool {
    matches!(expr, ast::Expr::Function(call)
        if call.name.to_string().eq_ignore_ascii_case("SOURCE_WATERMARK"))
}

/// The changelog a table's connector and format give.
fn source_changelog(options: &BTreeMap<String, String>) -> ChangelogMode {
    // Test tables say themselves which kinds of rows they give.
    if let Some(mode) = options.get("changelog-mode") {
        let has = |kind: &str| mode.split(',').any(|k| k.trim() == kind);
        return match (has("UB"), has("UA") || has("D")) {
            (true, _) => ChangelogMode::Retract,
            (false, true) => ChangelogMode::Upsert,
            (false, false) => ChangelogMode::Append,
        };
    }
    match options.get("format").map(String::as_str) {
        Some("debezium-json" | "canal-json" | "maxwell-json" | "ogg-json") => {
            ChangelogMode::Retract
        }
        _ => ChangelogMode::Append,
    }
}

/// Converts a value to a sink's type where Flink does so on its own; `None` where it refuses.
///
/// Flink: the implicit casts are those that lose nothing by design (a wider number, a longer
/// string, another precision of the same family).
fn implicit_cast(expr: Expr, from: &FlinkType, to: &FlinkType) -> Option<Expr> {
    use TypeKind::*;
    if alike(from, to) {
        return Some(expr);
    }
    let rank = |kind: &TypeKind| match kind {
        TinyInt => Some(1),
        SmallInt => Some(2),
        Int => Some(3),
        BigInt => Some(4),
        Decimal { .. } => Some(5),
        Float => Some(6),
        Double => Some(7),
        _ => None,
    };
    let allowed = match (&from.kind, &to.kind) {
        (Null, _) => true,
        (Char(_) | Varchar(_), Char(_) | Varchar(_)) => true,
        (Binary(_) | Varbinary(_), Binary(_) | Varbinary(_)) => true,
        (from, Decimal { .. }) => rank(from).is_some(),
        (Timestamp(_), Timestamp(_)) | (TimestampLtz(_), TimestampLtz(_)) => true,
        (Timestamp(_), TimestampLtz(_)) | (TimestampLtz(_), Timestamp(_)) => true,
        (Date, Timestamp(_) | TimestampLtz(_)) => true,
        (Timestamp(_), Date) => true,
        (Time(_), Time(_)) => true,
        (Row(a), Row(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| implicit_cast(column(0), &a.ty, &b.ty).is_some())
        }
        (Array(a), Array(b)) | (Multiset(a), Multiset(b)) => {
            implicit_cast(column(0), a, b).is_some()
        }
        (Map(a, x), Map(b, y)) => {
            implicit_cast(column(0), a, b).is_some() && implicit_cast(column(0), x, y).is_some()
        }
        (a, b) => match (rank(a), rank(b)) {
            (Some(a), Some(b)) => a <= b,
            _ => from.to_arrow() == to.to_arrow(),
        },
    };
    if !allowed {
        return None;
    }
    if from.to_arrow() == to.to_arrow() && !matches!(to.kind, Char(_) | Varchar(_)) {
        return Some(expr);
    }
    // A longer or unbounded string needs no work.
    if let (Char(a) | Varchar(a), Varchar(b)) = (&from.kind, &to.kind)
        && a <= b
    {
        return Some(expr);
    }
    match catalog().scalar("__cast") {
        Some(function) => Some(function.call(vec![
            expr,
            Expr::Literal(ScalarValue::Utf8(Some(to.to_string())), None),
        ])),
        None => Some(arrow_cast(expr, to.to_arrow())),
    }
}

/// Whether two types are the same but for what may be NULL, and for the names of ROW fields.
fn alike(a: &FlinkType, b: &FlinkType) -> bool {
    use TypeKind::*;
    match (&a.kind, &b.kind) {
        (Row(a), Row(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(&a.ty, &b.ty)),
        (Array(a), Array(b)) | (Multiset(a), Multiset(b)) => alike(a, b),
        (Map(a, x), Map(b, y)) => alike(a, b) && alike(x, y),
        (a, b) => a == b,
    }
}

fn schema_error(error: &DataFusionError) -> Option<&SchemaError> {
    match error {
        DataFusionError::SchemaError(inner, _) => Some(inner),
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => {
            schema_error(inner)
        }
        DataFusionError::Collection(all) => all.first().and_then(schema_error),
        _ => None,
    }
}

fn unknown_column(field: &Column, valid: &[Column]) -> Diagnostic {
    let mut names: Vec<&str> = valid.iter().map(|c| c.name.as_str()).collect();
    names.dedup();
    let d = Diagnostic::error(
        "sql/unknown-column",
        format!("there is no column '{}'", field.name),
    );
    match did_you_mean(&field.name, names.iter().copied()) {
        Some(near) => d.help(format!(
            "did you mean '{near}'? there are {}",
            names.join(", ")
        )),
        None if names.is_empty() => d,
        None => d.help(format!("there are {}", names.join(", "))),
    }
}

/// DataFusion's message without its prefixes and internals.
pub(crate) fn clean_message(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let mut message = text.as_str();
    for prefix in [
        "Error during planning: ",
        "This feature is not implemented: ",
        "Execution error: ",
        "type_coercion\ncaused by\n",
        "Optimizer rule 'simplify_expressions' failed\ncaused by\n",
        "Arrow error: ",
    ] {
        while let Some(rest) = message.strip_prefix(prefix) {
            message = rest;
        }
    }
    let message = message.replace("Error during planning: ", "");
    message.trim_end_matches('.').to_string()
}

fn rewritten(plan: StreamPlan) -> Result<StreamPlan, Diagnostics> {
    super::rewrite::rewrite(plan)
        .map_err(|e| vec![Diagnostic::error("plan/rewrite", clean_message(&e))])
}

impl crate::lower::RelationTyper for Binder<'_> {
    fn declare(&mut self, statement: &str) -> Vec<Diagnostic> {
        let parsed = match &mut self.recall {
            Some(recall) => recall.parse(statement),
            None => crate::sql::parse_script(statement).map(Arc::new),
        };
        let script = match parsed {
            Ok(script) => script,
            Err(found) => return found,
        };
        let before = self.warnings.len();
        let mut found = Vec::new();
        for parsed in &script.statements {
            if let Err(problems) = self.apply(parsed, statement) {
                found.extend(problems);
            }
        }
        found.extend(self.warnings.drain(before..));
        found
    }

    fn columns(&self, relation: &str) -> Option<Vec<crate::lower::Column>> {
        let relation = self.relations.get(relation)?;
        Some(
            relation
                .columns
                .iter()
                .map(|c| crate::lower::Column {
                    name: c.name.clone(),
                    ty: c.ty.clone(),
                    is_time: c.time.is_some(),
                })
                .collect(),
        )
    }
}
