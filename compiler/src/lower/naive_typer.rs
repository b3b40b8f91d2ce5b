//! A typer for lowering's own tests: knows names and where columns come from, guesses types.
//!
//! Columns keep their type and place through views, casts say theirs, COUNT is BIGINT, everything
//! else is DOUBLE. Unknown columns are found. The planner's typer is tested with the planner.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem, SetExpr, TableFactor,
    Visit, Visitor,
};
use millstream_functions::types::{FlinkType, TypeKind};

use super::typer::{Column, RelationTyper};
use crate::diagnostics::Diagnostic;
use crate::sql::{ColumnKind, StatementKind, byte_span, markers, parse_script};

#[derive(Default)]
pub(super) struct NaiveTyper {
    relations: BTreeMap<String, Vec<Column>>,
    models: BTreeMap<String, Vec<Column>>,
    /// Every statement declared, for tests to look at.
    pub(super) statements: Vec<String>,
}

fn column(name: &str, kind: TypeKind, is_time: bool) -> Column {
    Column {
        name: name.to_string(),
        ty: FlinkType::new(kind),
        is_time,
    }
}

impl RelationTyper for NaiveTyper {
    fn declare(&mut self, statement: &str) -> Vec<Diagnostic> {
        self.statements.push(statement.to_string());
        let script = match parse_script(statement) {
            Ok(script) => script,
            Err(found) => return found,
        };
        let mut found = Vec::new();
        for parsed in script.statements {
            match parsed.kind {
                StatementKind::CreateTable(table) => {
                    let time = table
                        .watermark
                        .map(|watermark| watermark.column[0].value.clone());
                    let columns = table
                        .columns
                        .iter()
                        .map(|defined| Column {
                            name: defined.name.clone(),
                            ty: match &defined.kind {
                                ColumnKind::Physical { ty, .. }
                                | ColumnKind::Metadata { ty, .. } => ty.clone(),
                                ColumnKind::Computed { expr, .. } => guess(expr, &[]),
                            },
                            is_time: time.as_ref() == Some(&defined.name),
                        })
                        .collect();
                    self.relations
                        .insert(table.name.object().to_string(), columns);
                }
                StatementKind::CreateModel(model) => {
                    let outputs = model
                        .outputs
                        .iter()
                        .map(|output| column(&output.name, output.ty.kind.clone(), false))
                        .collect();
                    self.models.insert(model.name.object().to_string(), outputs);
                }
                StatementKind::CreateView(view) => {
                    let columns = self.query(&view.query.ast, statement, &mut found);
                    if found.is_empty() {
                        self.relations
                            .insert(view.name.object().to_string(), columns);
                    }
                }
                StatementKind::Insert(insert) => {
                    self.query(&insert.query.ast, statement, &mut found);
                }
                StatementKind::Set(_) => {}
                other => panic!("lowering never writes {other:?}"),
            }
        }
        found
    }

    fn columns(&self, relation: &str) -> Option<Vec<Column>> {
        self.relations.get(relation).cloned()
    }
}

impl NaiveTyper {
    fn query(&self, query: &ast::Query, text: &str, found: &mut Vec<Diagnostic>) -> Vec<Column> {
        let mut common = NaiveTyper {
            relations: self.relations.clone(),
            models: self.models.clone(),
            statements: Vec::new(),
        };
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            let columns = common.query(&table.query, text, found);
            common
                .relations
                .insert(table.alias.name.value.clone(), columns);
        }
        common.body(&query.body, text, found)
    }

    fn body(&self, body: &SetExpr, text: &str, found: &mut Vec<Diagnostic>) -> Vec<Column> {
        match body {
            SetExpr::SetOperation { left, right, .. } => {
                self.body(right, text, found);
                self.body(left, text, found)
            }
            SetExpr::Query(query) => self.query(query, text, found),
            SetExpr::Select(select) => {
                let input: Vec<Column> = select
                    .from
                    .iter()
                    .flat_map(|from| {
                        std::iter::once(&from.relation)
                            .chain(from.joins.iter().map(|join| &join.relation))
                    })
                    .flat_map(|factor| self.factor(factor, text, found))
                    .collect();
                for item in &select.projection {
                    check(item, &input, text, found);
                }
                if let Some(condition) = &select.selection {
                    check(condition, &input, text, found);
                }
                let mut out = Vec::new();
                for item in &select.projection {
                    match item {
                        SelectItem::Wildcard(_) => out.extend(input.clone()),
                        SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                            out.extend(input.iter().find(|c| c.name == name.value).cloned());
                        }
                        SelectItem::ExprWithAlias { expr, alias } => {
                            let is_time = match expr {
                                Expr::Identifier(name) => {
                                    input.iter().any(|c| c.name == name.value && c.is_time)
                                }
                                _ => false,
                            };
                            out.push(Column {
                                name: alias.value.clone(),
                                ty: guess(expr, &input),
                                is_time,
                            });
                        }
                        other => out.push(column(&other.to_string(), TypeKind::Double, false)),
                    }
                }
                out
            }
            SetExpr::Values(_) => vec![column("EXPR$0", TypeKind::Int, false)],
            other => panic!("lowering never writes {other}"),
        }
    }

    fn factor(&self, factor: &TableFactor, text: &str, found: &mut Vec<Diagnostic>) -> Vec<Column> {
        let (name, args) = match factor {
            TableFactor::Table { name, args, .. } => (name.to_string(), args),
            TableFactor::TableFunction {
                expr: Expr::Function(function),
                ..
            } => {
                let FunctionArguments::List(list) = &function.args else {
                    return Vec::new();
                };
                return self.call(&function.name.to_string(), &list.args);
            }
            TableFactor::Derived { subquery, .. } => return self.query(subquery, text, found),
            other => panic!("lowering never writes {other}"),
        };
        match args {
            Some(args) => self.call(&name, &args.args),
            None => match self.relations.get(name.trim_matches('`')) {
                Some(columns) => columns.clone(),
                None => {
                    found.push(Diagnostic::error(
                        "sql/unknown-table",
                        format!("no table {name}"),
                    ));
                    Vec::new()
                }
            },
        }
    }

    fn call(&self, function: &str, args: &[FunctionArg]) -> Vec<Column> {
        let mut columns = Vec::new();
        let mut models = Vec::new();
        for arg in args {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(marker))) = arg
                && let FunctionArguments::List(list) = &marker.args
                && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(name)))) =
                    list.args.first()
            {
                match marker.name.to_string().as_str() {
                    markers::TABLE => columns.extend(self.relations[&name.value].clone()),
                    markers::MODEL => models.extend(self.models[&name.value].clone()),
                    _ => {}
                }
            }
        }
        columns.extend(models);
        if ["TUMBLE", "HOP", "CUMULATE"].contains(&function) {
            for column in &mut columns {
                column.is_time = false;
            }
            columns.push(column("window_start", TypeKind::Timestamp(3), false));
            columns.push(column("window_end", TypeKind::Timestamp(3), false));
            columns.push(column("window_time", TypeKind::Timestamp(3), true));
        }
        columns
    }
}

fn guess(expr: &Expr, input: &[Column]) -> FlinkType {
    match expr {
        Expr::Identifier(name) => input
            .iter()
            .find(|column| column.name == name.value)
            .map_or(FlinkType::new(TypeKind::Double), |column| column.ty.clone()),
        Expr::Function(function) => {
            let name = function.name.to_string();
            if name == markers::CAST
                && let FunctionArguments::List(list) = &function.args
                && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))) =
                    list.args.get(1)
                && let ast::Value::SingleQuotedString(ty) = &value.value
            {
                return FlinkType::parse(ty).unwrap();
            }
            FlinkType::new(match name.as_str() {
                "COUNT" => TypeKind::BigInt,
                "TO_TIMESTAMP" | "LAG" => TypeKind::Timestamp(3),
                _ => TypeKind::Double,
            })
        }
        _ => FlinkType::new(TypeKind::Double),
    }
}

fn check(node: &impl Visit, input: &[Column], text: &str, found: &mut Vec<Diagnostic>) {
    struct Names<'a> {
        input: &'a [Column],
        text: &'a str,
        found: &'a mut Vec<Diagnostic>,
    }
    impl Visitor for Names<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::Identifier(name) = expr
                && !self.input.iter().any(|column| column.name == name.value)
            {
                let diagnostic =
                    Diagnostic::error("sql/unknown-column", format!("no column '{}'", name.value));
                self.found.push(match byte_span(self.text, name.span) {
                    Some(span) => diagnostic.at(span),
                    None => diagnostic,
                });
            }
            ControlFlow::Continue(())
        }
    }
    let _ = node.visit(&mut Names { input, text, found });
}
