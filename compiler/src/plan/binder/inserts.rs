//! What is written: inserts and the results of bare queries.

use std::collections::BTreeMap;

use datafusion_common::{DFSchema, DataFusionError, ScalarValue};
use datafusion_expr::{Expr, ExprSchemable as _, cast as arrow_cast};
use datafusion_sql::sqlparser::ast;
use millstream_functions::in_zone;
use millstream_functions::types::{FlinkType, TypeKind};

use super::messages::diagnose;
use super::{Binder, Diagnostics, RESULT_TABLE};
use crate::diagnostics::{Diagnostic, Span, did_you_mean};
use crate::plan::catalog::TableDefinition;
use crate::plan::functions::catalog;
use crate::plan::sinks::SinkMode;
use crate::plan::stream::{ChangelogMode, PlanColumn, PlanNode, PlanTable, StreamOp, column};
use crate::plan::translate::simplify;
use crate::sql::{Insert, Query};

impl Binder<'_> {
    pub(super) fn insert(&mut self, insert: &Insert, text: &str) -> Result<(), Diagnostics> {
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
        let target = crate::plan::sinks::written_columns(
            definition.physical(),
            &definition.metadata(),
            &options,
        );
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
        let mode = crate::plan::sinks::mode_of(&options, !definition.primary_key().is_empty());
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
            .all(|(i, e)| crate::plan::stream::plain_column(e) == Some(i))
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
    pub(super) fn fixed_columns(
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
    pub(super) fn select(&mut self, query: &Query, text: &str) -> Result<(), Diagnostics> {
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

    pub(super) fn push_sink(
        &mut self,
        input: usize,
        table: usize,
        name: &str,
        span: Span,
        conflict: bool,
    ) {
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
}

/// Converts a value to a sink's type where Flink does so on its own; `None` where it refuses.
///
/// Flink: the implicit casts are those that lose nothing by design (a wider number, a longer
/// string, another precision of the same family).
pub(super) fn implicit_cast(expr: Expr, from: &FlinkType, to: &FlinkType) -> Option<Expr> {
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
pub(super) fn alike(a: &FlinkType, b: &FlinkType) -> bool {
    use TypeKind::*;
    match (&a.kind, &b.kind) {
        (Row(a), Row(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(&a.ty, &b.ty)),
        (Array(a), Array(b)) | (Multiset(a), Multiset(b)) => alike(a, b),
        (Map(a, x), Map(b, y)) => alike(a, b) && alike(x, y),
        (a, b) => a == b,
    }
}
