//! Binds a script statement by statement and grows the streaming plan.
//!
//! A table, a view and an insert are each bound on their own against the relations declared
//! before; a relation that is used twice is one operator with two readers. What DataFusion finds
//! wrong is turned into a [`Diagnostic`] with its place in the script.

mod inserts;
mod messages;
mod queries;
mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};

use arrow::datatypes::SchemaRef;
use millstream_functions::types::FlinkType;

use super::catalog::{Models, TableDefinition};
use super::recall::{Noted, Recall};
use super::settings;
use super::stream::{
    ChangelogMode, PlanModel, PlanNode, PlanTable, StreamOp, StreamPlan, TimeAttribute,
};
use crate::diagnostics::{Diagnostic, Span};
use crate::environment::Environment;
use crate::sql::{CreateModel, Drop, ObjectKind, Statement, StatementKind};
use messages::clean_message;

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
