//! What a node kind's lowering sees: its parameters, its inputs with their columns, the target.

use std::time::Duration;

use datafusion_sql::sqlparser::ast::Expr;

use crate::diagnostics::{Diagnostic, Span, did_you_mean};
use crate::document::{Node, NodeId, Value};
use crate::environment::Environment;
use crate::nodes::{DefaultValue, KindSpec, parse_duration};
use crate::sql::quote_name;

use super::expression;
use super::text::SqlText;
use super::typer::Column;

/// Who will run the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Millstream's own runtime.
    Embedded,
    /// A Flink cluster.
    Flink,
}

/// Lowering of a node stopped; what is wrong was reported to its [`NodeContext`].
#[derive(Debug)]
pub struct Failed(());

/// A relation that feeds a node.
#[derive(Debug, Clone)]
pub(crate) struct InputRelation {
    /// The port it comes in at.
    pub(crate) port: String,
    /// The node it comes from, which is the relation's name.
    pub(crate) relation: NodeId,
    /// Its columns.
    pub(crate) columns: Vec<Column>,
}

impl InputRelation {
    /// The relation's name in SQL.
    pub(crate) fn name(&self) -> SqlText {
        SqlText::name(self.relation.as_str())
    }

    /// A column by name.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// All columns as they stand in a SELECT.
    pub(crate) fn column_names(&self) -> Vec<SqlText> {
        self.columns
            .iter()
            .map(|column| SqlText::name(&column.name))
            .collect()
    }
}

/// The statements of a node, without their semicolons.
#[derive(Debug, Default)]
pub struct NodeSql {
    /// What defines its relation, in order.
    pub(crate) definitions: Vec<SqlText>,
    /// The INSERTs of a sink: one an input.
    pub(crate) inserts: Vec<SqlText>,
}

impl NodeSql {
    /// One `CREATE TABLE`.
    pub(crate) fn table(definition: SqlText) -> Self {
        Self {
            definitions: vec![definition],
            inserts: Vec::new(),
        }
    }

    /// `CREATE TEMPORARY VIEW node AS query`.
    pub(crate) fn view(context: &NodeContext<'_>, query: &SqlText) -> Self {
        Self {
            definitions: vec![create_view(context.id.as_str(), query)],
            inserts: Vec::new(),
        }
    }
}

/// `CREATE TEMPORARY VIEW name AS query`.
pub(crate) fn create_view(name: &str, query: &SqlText) -> SqlText {
    SqlText::plain(format!("CREATE TEMPORARY VIEW {} AS\n", quote_name(name))).and(query)
}

/// One node under lowering.
pub struct NodeContext<'a> {
    pub(crate) id: &'a NodeId,
    pub(crate) node: &'a Node,
    pub(crate) spec: &'static KindSpec,
    pub(crate) target: Target,
    pub(crate) environment: &'a dyn Environment,
    /// In the order of [`crate::document::Pipeline::inputs_of`].
    pub(crate) inputs: Vec<InputRelation>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'a> NodeContext<'a> {
    /// The only input of a kind with one.
    pub(crate) fn input(&self) -> &InputRelation {
        // The check of the wiring found every port of the kind connected.
        &self.inputs[0]
    }

    /// Reports a finding without stopping.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reports a finding and stops.
    pub(crate) fn fail(&mut self, diagnostic: Diagnostic) -> Failed {
        self.report(diagnostic);
        Failed(())
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.node.parameters.get(name)
    }

    fn default(&self, name: &str) -> DefaultValue {
        self.spec
            .parameter(name)
            .map_or(DefaultValue::None, |parameter| parameter.default)
    }

    /// A parameter that is text, or its default.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        match (self.value(name), self.default(name)) {
            (Some(value), _) => value.as_text(),
            (None, DefaultValue::Text(text)) => Some(text),
            (None, _) => None,
        }
    }

    /// A required parameter that is text.
    pub(crate) fn required_text(&mut self, name: &str) -> Result<&'a str, Failed> {
        match self.text(name) {
            Some(text) => Ok(text),
            None => Err(self.missing(name)),
        }
    }

    fn missing(&mut self, name: &str) -> Failed {
        self.fail(
            Diagnostic::error("parameter/missing", format!("'{name}' is not set"))
                .on_parameter(name, None),
        )
    }

    /// A parameter that is a whole number, or its default.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        match (self.value(name), self.default(name)) {
            (Some(Value::Integer(n)), _) => Some(*n),
            (None, DefaultValue::Integer(n)) => Some(n),
            _ => None,
        }
    }

    /// A parameter that is a duration, or its default.
    pub(crate) fn duration(&self, name: &str) -> Option<Duration> {
        parse_duration(self.text(name)?).ok()
    }

    /// A required parameter that is a duration.
    pub(crate) fn required_duration(&mut self, name: &str) -> Result<Duration, Failed> {
        match self.duration(name) {
            Some(duration) => Ok(duration),
            None => Err(self.missing(name)),
        }
    }

    /// A parameter that is a list of names, each with its path. Empty if it is not set.
    pub(crate) fn names(&self, name: &str) -> Vec<(String, &'a str)> {
        self.value(name)
            .and_then(Value::as_list)
            .into_iter()
            .flatten()
            .enumerate()
            .filter_map(|(i, item)| Some((format!("{name}[{i}]"), item.as_text()?)))
            .collect()
    }

    /// A parameter that is a table of texts: path, key, text. Empty if it is not set.
    pub(crate) fn entries(&self, name: &str) -> Vec<(String, &'a str, &'a str)> {
        self.value(name)
            .and_then(Value::as_table)
            .into_iter()
            .flat_map(|entries| entries.iter())
            .filter_map(|(key, value)| Some((format!("{name}.{key}"), key, value.as_text()?)))
            .collect()
    }

    /// A parameter that is a table of options: path, key, value as text. Empty if it is not set.
    pub(crate) fn options(&self, name: &str) -> Vec<(String, &'a str, String)> {
        self.value(name)
            .and_then(Value::as_table)
            .into_iter()
            .flat_map(|entries| entries.iter())
            .filter_map(|(key, value)| {
                Some((format!("{name}.{key}"), key, value.to_option_text()?))
            })
            .collect()
    }

    /// A column of the input that a parameter names.
    pub(crate) fn input_column(&mut self, path: &str, name: &str) -> Result<Column, Failed> {
        if let Some(column) = self.input().column(name) {
            return Ok(column.clone());
        }
        let diagnostic = self
            .unknown_column(name)
            .on_parameter(path, Some(Span::new(0, name.len())));
        Err(self.fail(diagnostic))
    }

    /// A column of one of several inputs that a parameter names.
    pub(crate) fn column_of(
        &mut self,
        input: &InputRelation,
        path: &str,
        name: &str,
    ) -> Result<Column, Failed> {
        match input.column(name) {
            Some(column) => Ok(column.clone()),
            None => {
                let diagnostic =
                    unknown_column(input, name).on_parameter(path, Some(Span::new(0, name.len())));
                Err(self.fail(diagnostic))
            }
        }
    }

    /// Says that the input has no such column.
    pub(crate) fn unknown_column(&self, name: &str) -> Diagnostic {
        unknown_column(self.input(), name)
    }

    /// A column of the input that must be its event or processing time.
    pub(crate) fn time_column(&mut self, parameter: &str) -> Result<SqlText, Failed> {
        let name = self.required_text(parameter)?;
        let column = self.input_column(parameter, name)?;
        if !column.is_time {
            let input = self.input();
            let times: Vec<&str> = input
                .columns
                .iter()
                .filter(|column| column.is_time)
                .map(|column| column.name.as_str())
                .collect();
            let help = match times.as_slice() {
                [] => "give its source a watermark on that column".to_string(),
                times => format!("use {}", times.join(" or ")),
            };
            let diagnostic = Diagnostic::error(
                "column/no-time",
                format!(
                    "'{name}' of '{}' is {}, but no time that a watermark speaks about",
                    input.relation, column.ty
                ),
            )
            .on_port(input.port.as_str())
            .on_parameter(parameter, Some(Span::new(0, name.len())))
            .help(help);
            return Err(self.fail(diagnostic));
        }
        Ok(SqlText::name_of(parameter, name))
    }

    /// The input columns that a list names, as SQL. Every unknown one is reported.
    pub(crate) fn input_columns(&mut self, parameter: &str) -> Result<Vec<SqlText>, Failed> {
        let mut columns = Vec::new();
        let mut failed = None;
        for (path, name) in self.names(parameter) {
            match self.input_column(&path, name) {
                Ok(_) => columns.push(SqlText::name_of(&path, name)),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(columns),
        }
    }

    /// The text at a path as an expression over the input's columns.
    pub(crate) fn expression(&mut self, path: &str, text: &str) -> Result<SqlText, Failed> {
        let checked = expression::check_expression(text)
            .and_then(|expr| self.check_columns(text, &expr, &[]));
        match checked {
            Ok(()) => Ok(verbatim(path, text)),
            Err(found) => Err(self.fail_in(path, found)),
        }
    }

    /// Checks that an expression reads only columns of the input and these.
    pub(crate) fn check_columns(
        &self,
        text: &str,
        expr: &Expr,
        more: &[&str],
    ) -> Result<(), Diagnostic> {
        let input = self.input();
        let names = input.columns.iter().map(|column| column.name.as_str());
        let columns: Vec<&str> = names.chain(more.iter().copied()).collect();
        expression::check_columns(text, expr, input.relation.as_str(), &columns)
    }

    /// Reports a finding whose span counts bytes of a parameter's text.
    pub(crate) fn fail_in(&mut self, path: &str, found: Diagnostic) -> Failed {
        let span = found.parameter_span;
        self.fail(found.on_parameter(path, span))
    }

    /// Reports each new column that the input has already, with what to do.
    pub(crate) fn refuse_existing(
        &mut self,
        parameter: &str,
        names: &[&str],
        help: &str,
    ) -> Result<(), Failed> {
        let mut failed = Ok(());
        for name in names {
            let path = format!("{parameter}.{name}");
            if let Err(error) = self.refuse_existing_at(&path, name, help) {
                failed = Err(error);
            }
        }
        failed
    }

    /// Reports a new column that the input has already, with what to do.
    pub(crate) fn refuse_existing_at(
        &mut self,
        path: &str,
        name: &str,
        help: &str,
    ) -> Result<(), Failed> {
        if self.input().column(name).is_none() {
            return Ok(());
        }
        let relation = self.input().relation.clone();
        Err(self.fail(
            Diagnostic::error(
                "column/exists",
                format!("'{relation}' has a column '{name}' already"),
            )
            .on_parameter(path, None)
            .help(help),
        ))
    }
}

/// Says that an input has no such column.
fn unknown_column(input: &InputRelation, name: &str) -> Diagnostic {
    let names = input.columns.iter().map(|column| column.name.as_str());
    let help = match did_you_mean(name, names.clone()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("it has: {}", names.collect::<Vec<_>>().join(", ")),
    };
    Diagnostic::error(
        "column/unknown",
        format!("'{}' has no column '{name}'", input.relation),
    )
    .on_port(input.port.as_str())
    .help(help)
}

/// A parameter's text without the blanks around it.
pub(crate) fn verbatim(path: &str, text: &str) -> SqlText {
    let start = text.len() - text.trim_start().len();
    SqlText::parameter(path, text.trim(), start)
}
