//! A case as one script, and the rows of its tables as Arrow columns.

use std::collections::BTreeMap;

use millstream_compiler::sql::{ColumnKind, CreateTable, StatementKind, parse_script};
use millstream_functions::{FlinkType, RowField, RowKind, TypeKind};
use serde_json::Value;

use super::values::{NAME, SourceRows};
use super::{is_failing, run_steps, steps};
use crate::value::{Json, build, value};

/// The tables of a case.
#[derive(Debug)]
pub(super) struct Tables {
    pub sources: BTreeMap<String, SourceRows>,
    /// The positions of each sink's primary key.
    pub sink_keys: BTreeMap<String, Vec<usize>>,
    /// The statements that declare them, by name.
    ddl: BTreeMap<String, String>,
}

impl Tables {
    /// Reads the tables of a setup.
    ///
    /// # Errors
    /// A declaration that cannot be read, or rows that do not fit it.
    pub fn of(setup: &Value) -> Result<Self, String> {
        let mut tables = Self {
            sources: BTreeMap::new(),
            sink_keys: BTreeMap::new(),
            ddl: BTreeMap::new(),
        };
        for (turn, step) in steps(setup, "source").enumerate() {
            let (name, mut text) = ddl(step)?;
            if let Some(table) = declared(&text) {
                let (rows, relaxed) = source_rows(&table, step, turn)
                    .map_err(|why| format!("the rows of {name}: {why}"))?;
                if let Some(relaxed) = relaxed {
                    text = relaxed;
                }
                tables.sources.insert(name.clone(), rows);
            }
            tables.ddl.insert(name, text);
        }
        for step in steps(setup, "sink") {
            let (name, text) = ddl(step)?;
            if let Some(table) = declared(&text) {
                tables.sink_keys.insert(name.clone(), key_positions(&table));
            }
            tables.ddl.insert(name, text);
        }
        Ok(tables)
    }
}

/// A table's name and its `CREATE TABLE`.
fn ddl(step: &Value) -> Result<(String, String), String> {
    let name = step["name"].as_str().ok_or("a table without a name")?;
    let clauses: Vec<&str> = super::texts(&step["schema"]).map(str::trim_end).collect();
    let mut options = vec![("connector".to_owned(), NAME.to_owned())];
    let declared = step["options"].as_object().into_iter().flatten();
    for (key, value) in declared {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        options.extend(table_option(key, &text));
    }
    // As Flink's runner of these programs does.
    let own_watermarks = "enable-watermark-push-down";
    if step["kind"] == "source" && options.iter().all(|(key, _)| key != own_watermarks) {
        options.push((own_watermarks.to_owned(), "true".to_owned()));
    }
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let options: Vec<String> = options
        .iter()
        .map(|(key, value)| format!("  {} = {}", quoted(key), quoted(value)))
        .collect();
    let partitions: Vec<String> = super::texts(&step["partition_keys"])
        .map(|key| format!("`{key}`"))
        .collect();
    let partitioned = if partitions.is_empty() {
        String::new()
    } else {
        format!(" PARTITIONED BY ({})", partitions.join(", "))
    };
    Ok((
        name.to_owned(),
        format!(
            "CREATE TABLE `{name}` (\n  {}\n){partitioned} WITH (\n{}\n);\n",
            clauses.join(",\n  "),
            options.join(",\n")
        ),
    ))
}

/// An option as it stands in a `WITH`; some were recorded as the Java that makes them.
fn table_option(key: &str, value: &str) -> Vec<(String, String)> {
    let key = match key {
        "TestFormatFactory.CHANGELOG_MODE" => "changelog-mode",
        "connector" => return vec![],
        key => key,
    };
    if key != "changelog-mode" || !value.contains("ChangelogMode.newBuilder()") {
        return vec![(key.to_owned(), value.to_owned())];
    }
    let kinds: Vec<&str> = [
        ("RowKind.INSERT", "I"),
        ("RowKind.UPDATE_BEFORE", "UB"),
        ("RowKind.UPDATE_AFTER", "UA"),
        ("RowKind.DELETE", "D"),
    ]
    .iter()
    .filter(|(name, _)| value.contains(name))
    .map(|(_, short)| *short)
    .collect();
    let mut options = vec![(key.to_owned(), kinds.join(","))];
    if value.contains("keyOnlyDeletes(true)") {
        options.push(("source.produces-delete-by-key".into(), "true".into()));
    }
    options
}

/// A declaration, if it can be read; if not, planning the script says why.
fn declared(text: &str) -> Option<CreateTable> {
    let script = parse_script(text).ok()?;
    match script.statements.into_iter().next()?.kind {
        StatementKind::CreateTable(table) => Some(table),
        _ => None,
    }
}

fn key_positions(table: &CreateTable) -> Vec<usize> {
    let physical: Vec<&str> = table
        .columns
        .iter()
        .filter(|c| matches!(c.kind, ColumnKind::Physical { .. }))
        .map(|c| c.name.as_str())
        .collect();
    let key = table.primary_key.iter().flat_map(|key| &key.columns);
    key.filter_map(|column| physical.iter().position(|name| *name == column.value))
        .collect()
}

/// The rows of a source (values behind those of its columns are not read, as in Flink's test
/// connector), and its declaration without NOT NULL where rows break it: Arrow holds no
/// NULL in such a column, Flink's rows do until a sink looks.
fn source_rows(
    table: &CreateTable,
    step: &Value,
    turn: usize,
) -> Result<(SourceRows, Option<String>), String> {
    let mut kinds = Vec::new();
    let mut rows: Vec<Vec<Json>> = Vec::new();
    let mut before_restore = 0;
    for list in ["rows", "rows_after_restore"] {
        for row in step[list].as_array().into_iter().flatten() {
            kinds.push(row_kind(row["kind"].as_str().unwrap_or("+I"))?);
            let values = row["values"].as_array().into_iter().flatten();
            rows.push(values.map(value).collect::<Result<_, _>>()?);
        }
        if list == "rows" {
            before_restore = rows.len();
        }
    }
    let mut relaxed = table.clone();
    let (mut physical, mut metadata) = (Vec::new(), Vec::new());
    let mut position = 0;
    for (index, column) in table.columns.iter().enumerate() {
        let (ty, recorded, target) = match &column.kind {
            ColumnKind::Computed { .. } => continue,
            ColumnKind::Physical { ty, .. } => (ty, true, &mut physical),
            ColumnKind::Metadata { ty, virtual_, .. } => (ty, !virtual_, &mut metadata),
        };
        let values: Vec<Json> = rows
            .iter()
            .map(|row| match (recorded, row.get(position)) {
                (true, Some(value)) => Ok(value.clone()),
                (true, None) => Err(format!("a row has no value for '{}'", column.name)),
                (false, _) => Ok(Json::Null),
            })
            .collect::<Result<_, _>>()?;
        position += usize::from(recorded);
        let mut held = ty.clone();
        if values.iter().any(|value| breaks(ty, value)) {
            held = nullable(ty);
            if let ColumnKind::Physical { ty, .. } | ColumnKind::Metadata { ty, .. } =
                &mut relaxed.columns[index].kind
            {
                ty.clone_from(&held);
            }
        }
        let array = build(&any_length(&held), &values)
            .map_err(|why| format!("column '{}': {why}", column.name))?;
        target.push(array);
    }
    physical.append(&mut metadata);
    let text = (relaxed != *table).then(|| format!("{};\n", StatementKind::CreateTable(relaxed)));
    Ok((
        SourceRows {
            turn,
            columns: physical,
            kinds,
            before_restore,
        },
        text,
    ))
}

fn row_kind(short: &str) -> Result<RowKind, String> {
    (0..4)
        .filter_map(RowKind::from_byte)
        .find(|kind| kind.short() == short)
        .ok_or_else(|| format!("there is no row kind '{short}'"))
}

/// Whether a value has a NULL where its type has none.
fn breaks(ty: &FlinkType, value: &Json) -> bool {
    match (&ty.kind, value) {
        (_, Json::Null) => !ty.nullable,
        (TypeKind::Row(fields), Json::Row(values)) => {
            let mut pairs = fields.iter().zip(values);
            pairs.any(|(field, value)| breaks(&field.ty, value))
        }
        (TypeKind::Array(item), Json::Array(values)) => {
            values.iter().any(|value| breaks(item, value))
        }
        (TypeKind::Map(key, item), Json::Map(entries)) => entries
            .iter()
            .any(|(k, v)| breaks(key, k) || breaks(item, v)),
        _ => false,
    }
}

/// A type with something done to all its parts, itself last.
fn rewrite(ty: &FlinkType, part: &dyn Fn(FlinkType) -> FlinkType) -> FlinkType {
    let inner = |ty: &FlinkType| Box::new(rewrite(ty, part));
    let kind = match &ty.kind {
        TypeKind::Array(item) => TypeKind::Array(inner(item)),
        TypeKind::Multiset(item) => TypeKind::Multiset(inner(item)),
        TypeKind::Map(key, item) => TypeKind::Map(inner(key), inner(item)),
        TypeKind::Row(fields) => TypeKind::Row(
            fields
                .iter()
                .map(|field| RowField {
                    ty: rewrite(&field.ty, part),
                    ..field.clone()
                })
                .collect(),
        ),
        other => other.clone(),
    };
    part(FlinkType::new(kind).with_nullable(ty.nullable))
}

fn nullable(ty: &FlinkType) -> FlinkType {
    rewrite(ty, &|part| part.with_nullable(true))
}

/// Text and bytes as they were recorded: a source does not cut or pad them to its declared length.
fn any_length(ty: &FlinkType) -> FlinkType {
    rewrite(ty, &|part| match part.kind {
        TypeKind::Char(_) | TypeKind::Varchar(_) => {
            FlinkType::string().with_nullable(part.nullable)
        }
        _ => part,
    })
}

/// A case's statements.
#[derive(Debug)]
pub(super) struct Script {
    pub text: String,
    /// Flink refuses it, or it fails.
    pub fails: bool,
    pub windows_in_processing_time: bool,
}

impl Script {
    /// Puts a case together.
    ///
    /// # Errors
    /// It has a step that this runner does not know.
    pub fn of(case: &Value, tables: &Tables) -> Result<Self, String> {
        let mut settings = String::new();
        let mut text = String::new();
        for step in case["setup"].as_array().into_iter().flatten() {
            match step["kind"].as_str().unwrap_or_default() {
                "config" => {
                    let key = step["key"].as_str().unwrap_or_default();
                    let value = &step["value"];
                    let value = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    settings.push_str(&format!(
                        "SET '{}' = '{}';\n",
                        config_key(key),
                        config_value(&value)
                    ));
                }
                "source" | "sink" => {
                    let name = step["name"].as_str().unwrap_or_default();
                    text.push_str(tables.ddl.get(name).map_or("", String::as_str));
                }
                "sql" => text.push_str(&statement(step)),
                other => return Err(format!("the runner has no setup step '{other}'")),
            }
        }
        let mut fails = false;
        for step in run_steps(case) {
            let kind = step["kind"].as_str().unwrap_or_default();
            fails |= is_failing(kind);
            if kind.ends_with("statement_set") {
                text.push_str("EXECUTE STATEMENT SET BEGIN\n");
                for sql in super::texts(&step["sqls"]) {
                    text.push_str(&terminated(sql));
                }
                text.push_str("END;\n");
            } else if kind.ends_with("sql") {
                text.push_str(&statement(step));
            } else {
                return Err(format!("the runner has no run step '{kind}'"));
            }
        }
        let upper = text.to_uppercase();
        let windows = ["TUMBLE", "HOP", "CUMULATE", "SESSION"];
        let in_proctime = ["(PROC_TIME)", "(PROCTIME)", "(`PROC_TIME`)", "(`PROCTIME`)"];
        let legacy = ["(PROC_TIME,", "(PROCTIME,", "(`PROC_TIME`,", "(`PROCTIME`,"];
        let any = |words: &[&str]| words.iter().any(|word| upper.contains(word));
        Ok(Self {
            windows_in_processing_time: any(&windows) && (any(&in_proctime) || any(&legacy)),
            text: settings + &text,
            fails,
        })
    }
}

fn statement(step: &Value) -> String {
    terminated(step["sql"].as_str().unwrap_or_default())
}

fn terminated(sql: &str) -> String {
    format!("{};\n", sql.trim().trim_end_matches(';'))
}

/// A key of the configuration; some were recorded as the constant's name.
fn config_key(key: &str) -> &str {
    match key {
        "InternalConfigOptions.TABLE_EXEC_NON_TEMPORAL_SORT_ENABLED" => {
            "__table.exec.sort.non-temporal.enabled__"
        }
        key => key,
    }
}

/// A value of the configuration; durations were recorded as Java prints them, `PT10S`.
fn config_value(value: &str) -> String {
    let number = |unit: &str| {
        let digits = value.strip_prefix("PT")?.strip_suffix(unit)?;
        digits.parse::<u64>().ok()
    };
    if let Some(hours) = number("H") {
        return format!("{hours} h");
    }
    if let Some(minutes) = number("M") {
        return format!("{minutes} min");
    }
    if let Some(seconds) = number("S") {
        return format!("{seconds} s");
    }
    let millis = value
        .strip_prefix("PT")
        .and_then(|rest| rest.strip_suffix('S'))
        .and_then(|seconds| seconds.parse::<f64>().ok());
    match millis {
        Some(seconds) => format!("{} ms", (seconds * 1000.0).round()),
        None => value.replace('\'', "''"),
    }
}
