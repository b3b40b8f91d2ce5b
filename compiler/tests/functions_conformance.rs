//! Scalar functions against the cases of Flink's own tests.
//!
//! Each case is one or more expressions over one row. They are read with the project's SQL front
//! end, bound with the project's planners, evaluated, and compared with what Flink gives; where
//! Flink refuses or fails, so must we.
//!
//! The cases are read from `$MILLSTREAM_CONFORMANCE`, or from `shared/conformance` beside the
//! workspace; without them the test says so and passes. Two things are missing in the recorded
//! rows and put back here: which values of a row belong to one array ([`GROUPS`]) and the
//! documents that Flink's tests keep in files ([`resource`]).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, DurationMillisecondArray, ListArray,
    MapArray, RecordBatch, RecordBatchOptions, StringArray, StructArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{DFSchema, DataFusionError, Result, TableReference, plan_err};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::logical_plan::builder::LogicalTableSource;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::planner::{ContextProvider, ExprPlanner, TypePlanner};
use datafusion_expr::{
    AggregateUDF, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF,
};
use datafusion_optimizer::Analyzer;
use datafusion_optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion_physical_expr::create_physical_expr;
use datafusion_sql::planner::{ParserOptions, SqlToRel};
use datafusion_sql::sqlparser::ast::{Ident, Query, SelectItem, SetExpr, Statement};
use millstream_compiler::sql::{StatementKind, parse_script};
use millstream_functions::cast::{Cast, OnFailure};
use millstream_functions::display::{Formatter, Style};
use millstream_functions::{FlinkType, RowField, TypeKind};
use serde_json::Value;

/// How many cases must agree with Flink: raise it when it grows.
const FLOOR: usize = 558;

/// The recorded rows of these tests hold the items of arrays one after the other. For each column
/// the number of items that belong to it; 0 is a single value (NULL, or no array).
const GROUPS: [(&str, &[usize]); 10] = [
    ("arrayPositionTestCases", &[5, 0, 4, 3, 3]),
    ("arrayArrayPrependTestCases", &[2, 0, 2]),
    ("arrayUnionTestCases", &[3, 1, 0, 3, 0]),
    ("arrayConcatTestCases", &[3, 0, 3, 1, 0, 1, 1]),
    ("arrayJoinTestCases", &[3, 3, 3, 5, 0, 0, 3, 4, 3, 4, 0]),
    ("arraySortTestCases", &[4, 0, 3, 6, 6, 6]),
    ("arrayIntersectTestCases", &[3, 0, 3, 3, 2, 1]),
    ("arrayElementTestCases", &[1, 2, 1, 0]),
    ("mapUnionTestCases", &[0, 0, 0, 0, 0, 0, 6, 6, 0, 0, 0, 0]),
    ("mapFromArraysTestCases", &[0, 0, 1, 2]),
];

/// The documents that Flink's tests read from files, as far as the cases tell what is in them.
fn resource(name: &str) -> Option<&'static str> {
    match name {
        "<<resource /json/json-value.json>>" => Some(
            r#"{"type": "account", "activated": true, "age": 42, "balance": 13.37,
                "longBalance": 123456789.987654321, "contains blank": "right"}"#,
        ),
        "<<resource /json/json-query.json>>" => {
            Some(r#"{"a1": [], "o1": {}, "n1": 1, "s1": "Test"}"#)
        }
        _ => None,
    }
}

#[test]
fn scalar_functions_agree_with_flink() {
    let Some(text) = cases() else { return };
    let text = without_lone_surrogates(&text);
    let document: Value = serde_json::from_str(&text).expect("functions.json is JSON");
    let verbose = std::env::var_os("MILLSTREAM_CONFORMANCE_VERBOSE").is_some();
    let mut table: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    let mut panicked = Vec::new();
    for spec in document["specs"].as_array().into_iter().flatten() {
        let class = spec["class"].as_str().unwrap_or_default();
        let input = input_of(spec);
        for case in spec["cases"].as_array().into_iter().flatten() {
            let row = table.entry(class.to_string()).or_default();
            row.1 += 1;
            let sql = case["sql"].as_str().unwrap_or_default();
            let outcome = match &input {
                Ok((_, missing)) if mentions(sql, missing) => {
                    Err("its input cannot be held".to_string())
                }
                Ok((batch, _)) => catch_unwind(AssertUnwindSafe(|| run(case, sql, batch)))
                    .unwrap_or_else(|_| {
                        panicked.push(sql.to_string());
                        Err("panicked".to_string())
                    }),
                Err(error) => Err(format!("input: {error}")),
            };
            match outcome {
                Ok(type_agrees) => {
                    row.0 += 1;
                    row.2 += usize::from(type_agrees);
                }
                Err(why) if verbose => {
                    let sql: String = sql.chars().take(160).collect();
                    eprintln!("{class}: {sql}\n    {why}");
                }
                Err(_) => {}
            }
        }
    }
    let mut passed = 0;
    eprintln!(
        "{:<32}{:>8}{:>8}{:>14}",
        "class", "passed", "of", "type agrees"
    );
    for (class, (good, all, types)) in &table {
        eprintln!("{class:<32}{good:>8}{all:>8}{types:>14}");
        passed += good;
    }
    let all: usize = table.values().map(|row| row.1).sum();
    eprintln!("{:<32}{passed:>8}{all:>8}", "together");
    assert!(panicked.is_empty(), "these panicked: {panicked:#?}");
    assert!(passed >= FLOOR, "{passed} cases agree, {FLOOR} did before");
}

fn mentions(sql: &str, columns: &[String]) -> bool {
    sql.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| columns.iter().any(|column| column == word))
}

fn cases() -> Option<String> {
    let folder = std::env::var_os("MILLSTREAM_CONFORMANCE").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../shared/conformance"
            ))
        },
        PathBuf::from,
    );
    let path = folder.join("functions.json");
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(_) => {
            eprintln!("skipped: no {}", path.display());
            None
        }
    }
}

/// Java strings may hold half of a character; Rust's cannot. Such halves become U+FFFD.
fn without_lone_surrogates(text: &str) -> String {
    let unit = |at: usize| -> Option<u32> {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(next) = text[at..].find('\\') {
        out.push_str(&text[at..at + next]);
        at += next;
        match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => {
                out.push_str(&text[at..at + 12]);
                at += 12;
            }
            Some(0xd800..=0xdfff) => {
                out.push_str("\\ufffd");
                at += 6;
            }
            _ => {
                let len = text[at + 1..].chars().next().map_or(0, char::len_utf8);
                out.push_str(&text[at..at + 1 + len]);
                at += 1 + len;
            }
        }
    }
    out.push_str(&text[at..]);
    out
}

// ---- One case ----

/// Whether the type agrees too, or why the case does not pass.
fn run(case: &Value, sql: &str, batch: &RecordBatch) -> std::result::Result<bool, String> {
    let wants_error = case["kind"] != "result";
    let results = match (evaluate(sql, batch), wants_error) {
        (Err(_), true) => return Ok(true),
        (Ok(_), true) => return Err(format!("should fail: {}", case["error"])),
        (Err(error), false) => return Err(error),
        (Ok(results), false) => results,
    };
    let (expected, types) = if results.len() > 1 {
        let list = |value: &Value| value["v"].as_array().cloned().unwrap_or_default();
        (list(&case["expected"]), list(&case["type"]))
    } else {
        (vec![case["expected"].clone()], vec![case["type"].clone()])
    };
    let mut types_agree = true;
    for ((field, array), (expected, ty)) in results.iter().zip(expected.iter().zip(&types)) {
        let declared = ty.as_str().map(java_type).or_else(|| java_expr_type(ty));
        let actual = FlinkType::from_field(field);
        if let Some(Ok(declared)) = &declared {
            types_agree &=
                declared.clone().with_nullable(true) == actual.clone().with_nullable(true);
        }
        let expected = value(expected)?;
        // Random functions are recorded with their type only.
        if matches!(&expected, Json::Type(_)) {
            continue;
        }
        let wanted = build(&actual, std::slice::from_ref(&expected)).map_err(|error| {
            format!("got {}, wanted {expected:?}: {error}", show(&actual, array))
        })?;
        if !same(array.as_ref(), 0, wanted.as_ref(), 0) {
            return Err(format!(
                "got {} of {actual}, wanted {}",
                show(&actual, array),
                show(&actual, &wanted)
            ));
        }
    }
    Ok(types_agree)
}

fn show(ty: &FlinkType, array: &ArrayRef) -> String {
    let mut out = String::new();
    Formatter::new(ty, Style::Row).write(array.as_ref(), 0, &mut out);
    out
}

fn evaluate(sql: &str, batch: &RecordBatch) -> std::result::Result<Vec<(Field, ArrayRef)>, String> {
    let script = parse_script(&format!("SELECT {sql} FROM t"))
        .map_err(|errors| format!("{:?}", errors.first().map(|e| e.message.clone())))?;
    let Some(StatementKind::Query(query)) = script.statements.into_iter().next().map(|s| s.kind)
    else {
        return Err("not a query".to_string());
    };
    bind_and_run(query.ast, batch).map_err(|error| error.strip_backtrace())
}

fn bind_and_run(mut query: Box<Query>, batch: &RecordBatch) -> Result<Vec<(Field, ArrayRef)>> {
    // Two equal expressions would have one name, which DataFusion refuses.
    if let SetExpr::Select(select) = query.body.as_mut() {
        for (index, item) in select.projection.iter_mut().enumerate() {
            if let SelectItem::UnnamedExpr(expr) = item {
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias: Ident::new(format!("c{index}")),
                };
            }
        }
    }
    let context = Context::new(batch.schema());
    let options = ParserOptions::new()
        .with_parse_float_as_decimal(true)
        .with_enable_ident_normalization(false)
        .with_map_string_types_to_utf8view(false);
    let plan = SqlToRel::new_with_options(&context, options)
        .sql_statement_to_plan(Statement::Query(query))?;
    let plan = millstream_functions::analyze(plan)?;
    let plan = Analyzer::with_rules(vec![Arc::new(TypeCoercion::new())]).execute_and_check(
        plan,
        &context.options,
        |_, _| {},
    )?;
    let LogicalPlan::Projection(projection) = plan else {
        return plan_err!("not a projection: {plan}");
    };
    let schema = DFSchema::try_from_qualified_schema("t", batch.schema_ref())?;
    projection
        .expr
        .iter()
        .map(|expr| {
            let props = ExecutionProps::new();
            let physical =
                create_physical_expr(expr, &schema, &props, &PhysicalPlanningContext::default())?;
            let field = physical.return_field(batch.schema_ref())?.as_ref().clone();
            let array = physical.evaluate(batch)?.into_array(batch.num_rows())?;
            if array.data_type() != field.data_type() {
                return plan_err!("promised {field} and gave {}", array.data_type());
            }
            if !field.is_nullable() && array.null_count() > 0 {
                return plan_err!("NULL in a column that is NOT NULL");
            }
            Ok((field, array))
        })
        .collect()
}

struct Context {
    table: Arc<dyn TableSource>,
    options: ConfigOptions,
    planners: Vec<Arc<dyn ExprPlanner>>,
    functions: BTreeMap<String, Arc<ScalarUDF>>,
}

impl Context {
    fn new(schema: Arc<Schema>) -> Self {
        let mut functions = BTreeMap::new();
        for function in millstream_functions::scalar_functions() {
            for alias in function.aliases() {
                functions.insert(alias.clone(), Arc::clone(&function));
            }
            functions.insert(function.name().to_string(), function);
        }
        Self {
            table: Arc::new(LogicalTableSource::new(schema)),
            options: ConfigOptions::default(),
            planners: vec![millstream_functions::expr_planner()],
            functions,
        }
    }
}

impl ContextProvider for Context {
    fn get_table_source(&self, _name: TableReference) -> Result<Arc<dyn TableSource>> {
        Ok(Arc::clone(&self.table))
    }
    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }
    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(millstream_functions::type_planner())
    }
    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.functions.get(&name.to_lowercase()).cloned()
    }
    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }
    fn get_aggregate_meta(&self, _name: &str) -> Option<Arc<AggregateUDF>> {
        None
    }
    fn get_window_meta(&self, _name: &str) -> Option<Arc<WindowUDF>> {
        None
    }
    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }
    fn options(&self) -> &ConfigOptions {
        &self.options
    }
    fn udf_names(&self) -> Vec<String> {
        self.functions.keys().cloned().collect()
    }
    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

// ---- The recorded row ----

/// The row, and the columns whose value cannot be held (a NULL key of a map, a Java expression).
fn input_of(spec: &Value) -> std::result::Result<(RecordBatch, Vec<String>), String> {
    let list = |key: &str| spec[key].as_array().cloned().unwrap_or_default();
    let mut missing = Vec::new();
    let values: Vec<Json> = list("fields")
        .iter()
        .enumerate()
        .map(|(index, json)| {
            value(json).unwrap_or_else(|_| {
                missing.push(format!("f{index}"));
                Json::Null
            })
        })
        .collect();
    let types = list("types")
        .iter()
        .map(|ty| match ty.as_str() {
            Some(text) => java_type(text),
            None => Err("no type".to_string()),
        })
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let method = spec["method"].as_str().unwrap_or_default();
    let groups = GROUPS
        .iter()
        .find(|(name, groups)| *name == method && groups.len() == types.len())
        .map(|(_, groups)| *groups);
    let values = match groups {
        Some(groups) if values.len() > types.len() => {
            let mut rest = values.into_iter();
            groups
                .iter()
                .map(|count| match count {
                    0 => rest.next().unwrap_or(Json::Null),
                    count => Json::Array(rest.by_ref().take(*count).collect()),
                })
                .collect()
        }
        _ => values,
    };
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (index, value) in values.into_iter().enumerate() {
        let ty = match types.get(index) {
            Some(ty) => ty.clone(),
            None => natural_type(&value),
        };
        let value = regroup(&ty, value);
        let array = build(&ty, &[value]).unwrap_or_else(|_| {
            missing.push(format!("f{index}"));
            new_null_array(&ty.to_arrow(), 1)
        });
        fields.push(ty.to_field(format!("f{index}")));
        columns.push(array);
    }
    RecordBatch::try_new_with_options(
        Arc::new(Schema::new(fields)),
        columns,
        &RecordBatchOptions::new().with_row_count(Some(1)),
    )
    .map(|batch| (batch, missing))
    .map_err(|error| error.to_string())
}

/// An array of one item was recorded as the item.
fn regroup(ty: &FlinkType, value: Json) -> Json {
    let TypeKind::Array(item) = &ty.kind else {
        return value;
    };
    let nested = matches!(item.kind, TypeKind::Array(_));
    match value {
        Json::Null => Json::Null,
        Json::Array(items)
            if !nested
                || items
                    .iter()
                    .all(|i| matches!(i, Json::Array(_) | Json::Null)) =>
        {
            Json::Array(items)
        }
        other => Json::Array(vec![other]),
    }
}

fn natural_type(value: &Json) -> FlinkType {
    let kind = match value {
        Json::Bool(_) => TypeKind::Boolean,
        Json::Decimal(text) => {
            let digits = text.bytes().filter(u8::is_ascii_digit).count() as u8;
            let scale = text.split_once('.').map_or(0, |(_, f)| f.len()) as u8;
            TypeKind::Decimal {
                precision: digits,
                scale,
            }
        }
        Json::Number(text) if text.parse::<i32>().is_ok() => TypeKind::Int,
        Json::Number(text) if text.parse::<i64>().is_ok() => TypeKind::BigInt,
        Json::Number(_) => TypeKind::Double,
        Json::Text(_) => return FlinkType::string().not_null(),
        _ => return TypeKind::Null.into(),
    };
    FlinkType::new(kind).not_null()
}

/// A recorded value.
#[derive(Debug, Clone)]
enum Json {
    Null,
    Bool(bool),
    Number(String),
    Decimal(String),
    /// Text, and everything that has one: dates, times, timestamps.
    Text(String),
    Millis(i64),
    Bytes(Vec<u8>),
    Array(Vec<Json>),
    Row(Vec<Json>),
    Map(Vec<(Json, Json)>),
    Type(()),
}

fn value(json: &Value) -> std::result::Result<Json, String> {
    let values = |json: &Value| -> std::result::Result<Vec<Json>, String> {
        json.as_array().into_iter().flatten().map(value).collect()
    };
    Ok(match json {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Number(n) => Json::Number(n.to_string()),
        Value::String(text) => Json::Text(resource(text).unwrap_or(text).to_string()),
        Value::Array(_) => Json::Array(values(json)?),
        Value::Object(_) => {
            let v = &json["v"];
            let text = || v.as_str().unwrap_or_default().to_string();
            match json["$t"].as_str().unwrap_or_default() {
                "BigDecimal" => Json::Decimal(text()),
                "LocalDate" | "LocalTime" => Json::Text(text()),
                "LocalDateTime" => Json::Text(timestamp_text(&text())),
                "Instant" => Json::Text(timestamp_text(text().trim_end_matches('Z'))),
                "Duration" => Json::Millis(duration(&text())?),
                "bytes" => Json::Bytes(
                    v.as_array()
                        .into_iter()
                        .flatten()
                        .map(|b| b.as_i64().unwrap_or(0) as u8)
                        .collect(),
                ),
                "Row" => Json::Row(values(v)?),
                "Array" => Json::Array(values(v)?),
                "Map" => Json::Map(
                    v.as_array()
                        .into_iter()
                        .flatten()
                        .map(|entry| Ok((value(&entry[0])?, value(&entry[1])?)))
                        .collect::<std::result::Result<_, String>>()?,
                ),
                "Sym" => match text().as_str() {
                    "Boolean.TRUE" => Json::Bool(true),
                    "Boolean.FALSE" => Json::Bool(false),
                    "Float.POSITIVE_INFINITY" => Json::Text("Infinity".to_string()),
                    other => return Err(format!("symbol {other}")),
                },
                "Expr" => expression(&text())?,
                other => return Err(format!("value of {other}")),
            }
        }
    })
}

fn timestamp_text(iso: &str) -> String {
    let (date, time) = iso.split_once('T').unwrap_or((iso, "00:00:00"));
    let seconds = if time.matches(':').count() == 1 {
        ":00"
    } else {
        ""
    };
    format!("{date} {time}{seconds}")
}

fn duration(text: &str) -> std::result::Result<i64, String> {
    let number = |text: &str| text.trim().parse::<i64>().map_err(|e| e.to_string());
    if let Some(millis) = text.strip_suffix("ms") {
        return number(millis);
    }
    let rest = text.strip_prefix("PT").ok_or("not a duration")?;
    for (unit, millis) in [('S', 1_000), ('M', 60_000), ('H', 3_600_000)] {
        if let Some(count) = rest.strip_suffix(unit) {
            return Ok(number(count)? * millis);
        }
    }
    Err(format!("duration {text}"))
}

/// `name(arg, arg).suffix…` with its arguments, and what follows.
fn java_call(text: &str) -> std::result::Result<(&str, Vec<&str>, &str), String> {
    let open = text.find('(').ok_or_else(|| format!("no call: {text}"))?;
    let mut depth = 0;
    let mut quoted = false;
    let mut escaped = false;
    let mut args = Vec::new();
    let mut start = open + 1;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < open) {
        if escaped {
            escaped = false;
            continue;
        }
        match c {
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '{' | '[' => depth += 1,
            ',' if depth == 1 => {
                args.push(text[start..at].trim());
                start = at + 1;
            }
            ')' | '}' | ']' => {
                depth -= 1;
                if depth == 0 {
                    let last = text[start..at].trim();
                    if !last.is_empty() {
                        args.push(last);
                    }
                    return Ok((&text[..open], args, &text[at + 1..]));
                }
            }
            _ => {}
        }
    }
    Err(format!("open call: {text}"))
}

fn argument(text: &str) -> std::result::Result<Json, String> {
    let json: Value = serde_json::from_str(text).map_err(|e| format!("{text}: {e}"))?;
    value(&json)
}

fn expression(text: &str) -> std::result::Result<Json, String> {
    if text.starts_with("DataTypes.") {
        return Ok(Json::Type(()));
    }
    let (name, args, rest) = java_call(text)?;
    match name {
        "CollectionUtil.map" => {
            let mut entries = Vec::new();
            for arg in args {
                match argument(arg)? {
                    Json::Array(mut pair) if pair.len() == 2 => {
                        let value = pair.pop().unwrap_or(Json::Null);
                        entries.push((pair.pop().unwrap_or(Json::Null), value));
                    }
                    other => return Err(format!("not an entry: {other:?}")),
                }
            }
            Ok(Json::Map(entries))
        }
        "CollectionUtil.entry" => Ok(Json::Array(
            args.into_iter()
                .map(argument)
                .collect::<std::result::Result<_, _>>()?,
        )),
        "Expressions.lit" => argument(args.first().copied().unwrap_or("null")),
        "Duration.of" => match (argument(args[0])?, args.get(1)) {
            (Json::Number(count), Some(unit)) if unit.contains("HOURS") => {
                Ok(Json::Millis(count.parse::<i64>().unwrap_or(0) * 3_600_000))
            }
            _ => Err(format!("duration {text}")),
        },
        "T" if rest.starts_with(".format") => {
            let text = timestamp_text(args.get(1).copied().unwrap_or_default());
            let fraction = text.split_once('.').map_or(0, |(_, f)| f.len());
            let zeros = if fraction == 0 { ".000" } else { "" };
            Ok(Json::Text(format!("{text}{zeros}")))
        }
        _ => Err(format!("expression {text}")),
    }
}

// ---- Java's type expressions ----

fn java_expr_type(json: &Value) -> Option<std::result::Result<FlinkType, String>> {
    (json["$t"] == "Expr").then(|| java_type(json["v"].as_str().unwrap_or_default()))
}

fn java_type(text: &str) -> std::result::Result<FlinkType, String> {
    let call = text
        .strip_prefix("DataTypes.")
        .ok_or_else(|| format!("type {text}"))?;
    let (name, args, rest) = java_call(call)?;
    let nested = |index: usize| -> std::result::Result<Box<FlinkType>, String> {
        let json: Value = serde_json::from_str(args.get(index).ok_or("missing argument")?)
            .map_err(|e| e.to_string())?;
        java_expr_type(&json).ok_or("not a type")?.map(Box::new)
    };
    let text_of = |index: usize| -> std::result::Result<String, String> {
        serde_json::from_str(args.get(index).ok_or("missing argument")?).map_err(|e| e.to_string())
    };
    let kind = match name {
        "ARRAY" => TypeKind::Array(nested(0)?),
        "MAP" => TypeKind::Map(nested(0)?, nested(1)?),
        "ROW" => {
            let mut fields = Vec::new();
            for (index, arg) in args.iter().enumerate() {
                let json: Value = serde_json::from_str(arg).map_err(|e| e.to_string())?;
                let inner = json["v"].as_str().unwrap_or_default();
                fields.push(match inner.strip_prefix("DataTypes.FIELD") {
                    Some(field) => {
                        let (_, parts, _) = java_call(field)?;
                        let name: String =
                            serde_json::from_str(parts[0]).map_err(|e| e.to_string())?;
                        let ty: Value =
                            serde_json::from_str(parts[1]).map_err(|e| e.to_string())?;
                        RowField::new(name, java_expr_type(&ty).ok_or("not a type")??)
                    }
                    None => RowField::new(format!("f{index}"), java_type(inner)?),
                });
            }
            TypeKind::Row(fields)
        }
        "INTERVAL" => {
            let json: Value = serde_json::from_str(args[0]).map_err(|e| e.to_string())?;
            let unit = json["v"]
                .as_str()
                .unwrap_or_default()
                .replace("DataTypes.", "");
            let unit = unit.replace("()", "");
            return FlinkType::parse(&format!("INTERVAL {unit}"))
                .map(|_| TypeKind::day_to_second().into())
                .map_err(|e| e.to_string());
        }
        "of" => return FlinkType::parse(&text_of(0)?).map_err(|e| e.to_string()),
        _ => {
            let text = if args.is_empty() {
                name.to_string()
            } else {
                format!("{name}({})", args.join(", "))
            };
            FlinkType::parse(&text)
                .map_err(|e| format!("{text}: {e}"))?
                .kind
        }
    };
    Ok(FlinkType::new(kind).with_nullable(!rest.contains("notNull")))
}

// ---- Arrow ----

fn build(ty: &FlinkType, values: &[Json]) -> std::result::Result<ArrayRef, String> {
    let valid: NullBuffer = values.iter().map(|v| !matches!(v, Json::Null)).collect();
    let target = ty.to_arrow();
    Ok(match &ty.kind {
        TypeKind::Null => new_null_array(&target, values.len()),
        TypeKind::Array(item) => {
            let mut items = Vec::new();
            let mut lengths = Vec::new();
            for value in values {
                match value {
                    Json::Null => lengths.push(0),
                    Json::Array(list) => {
                        lengths.push(list.len());
                        items.extend(list.iter().cloned());
                    }
                    other => return Err(format!("{other:?} is not {ty}")),
                }
            }
            let DataType::List(field) = target else {
                return Err("no list".to_string());
            };
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(
                ListArray::try_new(field, offsets, build(item, &items)?, Some(valid))
                    .map_err(|e| e.to_string())?,
            )
        }
        TypeKind::Map(key, value_ty) => {
            let (mut keys, mut items, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
            for value in values {
                match value {
                    Json::Null => lengths.push(0),
                    Json::Map(entries) => {
                        lengths.push(entries.len());
                        for (k, v) in entries {
                            keys.push(k.clone());
                            items.push(v.clone());
                        }
                    }
                    other => return Err(format!("{other:?} is not {ty}")),
                }
            }
            let DataType::Map(field, _) = target else {
                return Err("no map".to_string());
            };
            let DataType::Struct(fields) = field.data_type().clone() else {
                return Err("no map".to_string());
            };
            let entries = StructArray::try_new(
                fields,
                vec![build(key, &keys)?, build(value_ty, &items)?],
                None,
            )
            .map_err(|e| e.to_string())?;
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(
                MapArray::try_new(field, offsets, entries, Some(valid), false)
                    .map_err(|e| e.to_string())?,
            )
        }
        TypeKind::Row(row) => {
            let columns = row
                .iter()
                .enumerate()
                .map(|(index, field)| {
                    let column: Vec<Json> = values
                        .iter()
                        .map(|value| match value {
                            Json::Row(fields) => fields.get(index).cloned().unwrap_or(Json::Null),
                            _ => Json::Null,
                        })
                        .collect();
                    build(&field.ty, &column)
                })
                .collect::<std::result::Result<Vec<_>, _>>()?;
            let DataType::Struct(fields) = target else {
                return Err("no struct".to_string());
            };
            Arc::new(StructArray::try_new(fields, columns, Some(valid)).map_err(|e| e.to_string())?)
        }
        TypeKind::Boolean => Arc::new(BooleanArray::from_iter(values.iter().map(|v| match v {
            Json::Bool(b) => Some(*b),
            _ => None,
        }))),
        TypeKind::IntervalDayTime { .. } => Arc::new(DurationMillisecondArray::from_iter(
            values.iter().map(|v| match v {
                Json::Millis(millis) => Some(*millis),
                _ => None,
            }),
        )),
        TypeKind::Binary(_) | TypeKind::Varbinary(_) => {
            Arc::new(BinaryArray::from_iter(values.iter().map(|v| match v {
                Json::Bytes(bytes) => Some(bytes.clone()),
                _ => None,
            })))
        }
        _ => {
            let texts = StringArray::from_iter(values.iter().map(|v| match v {
                Json::Text(text) | Json::Number(text) | Json::Decimal(text) => Some(text.clone()),
                // A scalar that was recorded as an array of one.
                Json::Array(items) => match items.as_slice() {
                    [Json::Text(text)] => Some(text.clone()),
                    _ => None,
                },
                Json::Millis(v) => Some(v.to_string()),
                Json::Bool(v) => Some(v.to_string()),
                _ => None,
            }));
            let cast = Cast::new(FlinkType::string(), ty.clone(), OnFailure::Fail)
                .map_err(|e| e.to_string())?;
            let texts: ArrayRef = Arc::new(texts);
            cast.cast(&texts)
                .map_err(|e: DataFusionError| e.strip_backtrace())?
        }
    })
}

/// Whether two values are equal; maps in any order, decimals and doubles by value.
fn same(a: &dyn Array, i: usize, b: &dyn Array, j: usize) -> bool {
    if a.is_null(i) || b.is_null(j) || a.data_type() == &DataType::Null {
        return (a.is_null(i) || a.data_type() == &DataType::Null) && b.is_null(j);
    }
    match a.data_type() {
        DataType::List(_) => {
            let (a, b) = (a.as_list::<i32>().value(i), b.as_list::<i32>().value(j));
            a.len() == b.len() && (0..a.len()).all(|at| same(a.as_ref(), at, b.as_ref(), at))
        }
        DataType::Struct(_) => {
            let (a, b) = (a.as_struct(), b.as_struct());
            a.columns()
                .iter()
                .zip(b.columns())
                .all(|(a, b)| same(a.as_ref(), i, b.as_ref(), j))
        }
        DataType::Map(..) => {
            let (a, b) = (a.as_map().value(i), b.as_map().value(j));
            a.len() == b.len()
                && (0..a.len()).all(|x| {
                    (0..b.len()).any(|y| {
                        (0..2).all(|side| {
                            same(a.column(side).as_ref(), x, b.column(side).as_ref(), y)
                        })
                    })
                })
        }
        _ => {
            let (a, b) = (a.slice(i, 1), b.slice(j, 1));
            a.to_data() == b.to_data()
        }
    }
}
