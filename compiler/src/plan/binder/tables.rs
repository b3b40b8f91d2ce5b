//! Tables: the source that each is, and the options that a hint gives it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion_common::{DFSchema, DataFusionError};
use datafusion_expr::ExprSchemable as _;
use datafusion_sql::sqlparser::ast;
use millstream_functions::types::TypeKind;

use super::messages::diagnose;
use super::{Binder, Diagnostics, Relation};
use crate::diagnostics::{Diagnostic, Span, did_you_mean};
use crate::plan::catalog::TableDefinition;
use crate::plan::hints;
use crate::plan::stream::{
    ChangelogMode, PlanColumn, PlanNode, PlanTable, StreamOp, TimeAttribute, WatermarkSpec, column,
    is_proctime, positional_schema,
};
use crate::sql::{ColumnKind, CreateTable, TableHint};

impl Binder<'_> {
    pub(super) fn create_table(
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
    pub(super) fn fresh_name(
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
    pub(super) fn source(
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
                .all(|(i, e)| crate::plan::stream::plain_column(e) == Some(i));
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

    /// A table with the options of a hint: the name under which it is known from now on.
    pub(super) fn hinted_table(
        &mut self,
        hint: &TableHint,
        text: &str,
    ) -> Result<String, Diagnostics> {
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

    pub(super) fn table_number(&mut self, name: &str, definition: &TableDefinition) -> usize {
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

/// The columns as a schema that expressions of a DDL name without a qualifier.
pub(super) fn unqualified_schema(columns: &[PlanColumn]) -> Result<DFSchema, DataFusionError> {
    let fields: Vec<_> = columns.iter().map(|c| Arc::clone(&c.field)).collect();
    DFSchema::try_from(Schema::new(fields))
}

/// Whether the sources of a table make watermarks themselves; tables of tests say so.
pub(super) fn makes_watermarks(options: &BTreeMap<String, String>) -> bool {
    options
        .get("enable-watermark-push-down")
        .is_some_and(|value| value == "true")
}

/// Whether a watermark is `SOURCE_WATERMARK()`: the connector's own.
pub(super) fn is_source_watermark(expr: &ast::Expr) -> bool {
    matches!(expr, ast::Expr::Function(call)
        if call.name.to_string().eq_ignore_ascii_case("SOURCE_WATERMARK"))
}

/// The changelog a table's connector and format give.
pub(super) fn source_changelog(options: &BTreeMap<String, String>) -> ChangelogMode {
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
