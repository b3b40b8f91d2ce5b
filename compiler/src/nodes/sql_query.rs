//! SQL node: any query over any inputs.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, Visit, Visitor,
};

use super::parameter::{ParameterSpec, ParameterType};
use super::{Family, Inputs, KindSpec, NodeKind};
use crate::diagnostics::{Diagnostic, did_you_mean};
use crate::document::Node;
use crate::lower::expression::check_query;
use crate::lower::{Failed, NodeContext, NodeSql, SqlText};
use crate::sql::{StatementKind, byte_span, markers, parse_script, quote_name};

/// Whatever a query of Flink SQL can say. Each input is a relation with the name of its port.
pub(crate) struct SqlQuery;

const SPEC: KindSpec = KindSpec {
    name: "sql",
    title: "SQL",
    help: "Any query of Flink SQL. Each input is a table with the name of its port",
    family: Family::Feature,
    inputs: Inputs::Named,
    has_output: true,
    parameters: &[ParameterSpec::new(
        "query",
        "Query",
        ParameterType::Sql,
        "A SELECT over the inputs, which are called as the nodes they come from unless their edge names them",
    )
    .required()
    .example("\"SELECT * FROM orders WHERE amount > 100\"")],
};

impl NodeKind for SqlQuery {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let query = node.text_at("query")?;
        Some(query.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let text = context.required_text("query")?;
        let query = check_query(text).map_err(|found| context.fail_in("query", found))?;
        self.check_relations(context, &text[..query.end])?;

        // An input that is not called as its node gets its name by a common table.
        let renamed: Vec<(String, SqlText)> = context
            .inputs
            .iter()
            .filter(|input| input.port != input.relation.as_str())
            .map(|input| (quote_name(&input.port), input.name()))
            .collect();
        let start = query.after_with.unwrap_or(0);
        let start = start + text[start..].len() - text[start..].trim_start().len();
        let body = SqlText::parameter("query", &text[start..query.end], start);
        let mut out = SqlText::new();
        if !renamed.is_empty() {
            for (i, (port, relation)) in renamed.iter().enumerate() {
                out.push(if i == 0 { "WITH " } else { ",\n  " });
                out.push(port);
                out.push(" AS (SELECT * FROM ");
                out.append(relation);
                out.push(")");
            }
            out.push(if query.after_with.is_some() {
                ",\n  "
            } else {
                "\n"
            });
        } else if query.after_with.is_some() {
            out.push("WITH ");
        }
        out.append(&body);
        Ok(NodeSql::view(context, &out))
    }
}

impl SqlQuery {
    /// Refuses relations that are no inputs: the query would read what no edge shows.
    fn check_relations(&self, context: &mut NodeContext<'_>, text: &str) -> Result<(), Failed> {
        let parsed = match parse_script(text) {
            Ok(script) => script,
            Err(found) => {
                let mut failed = None;
                for mut found in found {
                    found.parameter_span = found.span.take();
                    failed = Some(context.fail_in("query", found));
                }
                return failed.map_or(Ok(()), Err);
            }
        };
        let mut relations = Relations::default();
        for statement in &parsed.statements {
            if let StatementKind::Query(query) = &statement.kind {
                relations = Relations::of(&query.ast);
            }
        }
        let ports: Vec<String> = context
            .inputs
            .iter()
            .map(|input| input.port.clone())
            .collect();
        let mut failed = None;
        for name in &relations.read {
            let known = match name.0.as_slice() {
                [part] => part.as_ident().is_some_and(|ident| {
                    ports.contains(&ident.value) || relations.common.contains(&ident.value)
                }),
                _ => false,
            };
            if known {
                continue;
            }
            let shown = name
                .0
                .iter()
                .filter_map(|part| part.as_ident())
                .map(|ident| ident.value.as_str())
                .collect::<Vec<_>>()
                .join(".");
            let span = name
                .0
                .first()
                .and_then(|part| part.as_ident())
                .and_then(|ident| byte_span(text, ident.span));
            let diagnostic = Diagnostic::error(
                "sql/no-input",
                format!("the query reads '{shown}', which is no input of this node"),
            )
            .on_parameter("query", span);
            let help = match did_you_mean(&shown, ports.iter().map(String::as_str)) {
                Some(near) => format!("did you mean '{near}'?"),
                None if ports.is_empty() => format!("connect '{shown}' to this node"),
                None => format!(
                    "connect '{shown}' to this node; its inputs are: {}",
                    ports.join(", ")
                ),
            };
            failed = Some(context.fail(diagnostic.help(help)));
        }
        match failed {
            Some(failed) => Err(failed),
            None => Ok(()),
        }
    }
}

/// The relations a query reads and the common tables it defines.
#[derive(Default)]
pub(crate) struct Relations {
    /// Every name that stands where a relation does, in the order of the text.
    pub(crate) read: Vec<ObjectName>,
    /// Those among `read` that have another name behind them.
    pub(crate) aliased: Vec<bool>,
    /// The common tables.
    pub(crate) common: BTreeSet<String>,
}

impl Relations {
    /// The relations of a query.
    pub(crate) fn of(query: &ast::Query) -> Self {
        let mut relations = Self::default();
        // Always continues: the visitor never breaks.
        let _ = query.visit(&mut relations);
        relations
    }
}

/// The names that a query's text reads, and those of its own common tables; `None` if it is no
/// query.
pub(crate) fn names_read(text: &str) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let script = parse_script(text).ok()?;
    let mut names = BTreeSet::new();
    let mut common = BTreeSet::new();
    for statement in &script.statements {
        let StatementKind::Query(query) = &statement.kind else {
            return None;
        };
        let relations = Relations::of(&query.ast);
        for name in &relations.read {
            let last = name.0.last().and_then(|part| part.as_ident());
            names.extend(last.map(|ident| ident.value.clone()));
        }
        common.extend(relations.common);
    }
    Some((names, common))
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.common
            .extend(tables.map(|table| table.alias.name.value.clone()));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &ast::TableFactor) -> ControlFlow<()> {
        // With arguments it is a function, whose tables stand among the arguments.
        if let ast::TableFactor::Table {
            name,
            args: None,
            alias,
            ..
        } = factor
        {
            self.read.push(name.clone());
            self.aliased.push(alias.is_some());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && function.name.to_string() == markers::TABLE
            && let FunctionArguments::List(list) = &function.args
        {
            for arg in &list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
                    match expr {
                        Expr::Identifier(ident) => {
                            self.read.push(ObjectName::from(vec![ident.clone()]));
                            self.aliased.push(true);
                        }
                        Expr::CompoundIdentifier(parts) => {
                            self.read.push(ObjectName::from(parts.clone()));
                            self.aliased.push(true);
                        }
                        _ => {}
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }
}
