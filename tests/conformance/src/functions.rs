//! Scalar functions: expressions over one row, against the value Flink gives.
//!
//! They are read with the project's SQL front end, bound with the project's planners, evaluated, and
//! compared; where Flink refuses or fails, so must we.
//!
//! Two things are missing in the recorded rows and put back here: which values of a row belong to
//! one array ([`GROUPS`]) and the documents that Flink's tests keep in files.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{DFSchema, Result, TableReference, plan_err};
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
use millstream_functions::{FlinkType, TypeKind};
use serde_json::Value;

use crate::value::{Json, build, java_expr_type, java_type, same, show, value};
use crate::{Case, Outcome, Reason};

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

/// An expression over one row.
#[derive(Debug, Clone)]
pub struct FunctionCase {
    /// The class of Flink's test.
    pub class: String,
    /// What it is about.
    pub function: String,
    /// The expression.
    pub sql: String,
    case: Value,
    input: Arc<std::result::Result<Input, String>>,
    /// Classes of Java that the case calls.
    java: bool,
}

#[derive(Debug)]
struct Input {
    row: RecordBatch,
    /// Columns whose value cannot be held.
    missing: Vec<String>,
    /// Columns whose value is a Java expression.
    java: Vec<String>,
}

/// The cases of a document of specs.
pub fn load(document: &Value) -> Vec<FunctionCase> {
    let mut all = Vec::new();
    for spec in document["specs"].as_array().into_iter().flatten() {
        let text = |key: &str| spec[key].as_str().unwrap_or_default().to_string();
        let input = Arc::new(input_of(spec));
        let java = spec["udfs"].as_array().is_some_and(|udfs| !udfs.is_empty());
        for case in spec["cases"].as_array().into_iter().flatten() {
            all.push(FunctionCase {
                class: text("class"),
                function: text("function").trim_matches('"').to_string(),
                sql: case["sql"].as_str().unwrap_or_default().to_string(),
                case: case.clone(),
                input: Arc::clone(&input),
                java,
            });
        }
    }
    all
}

impl FunctionCase {
    /// Whether the result's type agrees too, or why the case does not pass.
    ///
    /// # Errors
    /// What was wanted and what came.
    pub fn check(&self) -> std::result::Result<bool, String> {
        match self.input.as_ref() {
            Err(error) => Err(format!("input: {error}")),
            Ok(input) if mentions(&self.sql, &input.missing) => {
                Err("its input cannot be held".to_string())
            }
            Ok(input) => run(&self.case, &self.sql, &input.row),
        }
    }

    fn outcome(&self) -> Outcome {
        if self.java
            || (self.input.as_ref().as_ref()).is_ok_and(|input| mentions(&self.sql, &input.java))
        {
            return Outcome::Skipped(Reason::JavaClass);
        }
        match self.check() {
            Ok(_) => Outcome::Passed,
            Err(why) => Outcome::Failed(format!("{}\n{why}", self.sql)),
        }
    }

    /// The case for the runner.
    pub fn into_case(self) -> Case {
        let sql: String = self.sql.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = sql.chars().take(100).collect();
        Case::new(
            format!("{}.{}: {short}", self.class, self.function),
            self.class.clone(),
            move || self.outcome(),
        )
    }
}

fn mentions(sql: &str, columns: &[String]) -> bool {
    sql.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| columns.iter().any(|column| column == word))
}

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

/// The row, and the columns whose value cannot be held (a NULL key of a map, a Java expression).
fn input_of(spec: &Value) -> std::result::Result<Input, String> {
    let list = |key: &str| spec[key].as_array().cloned().unwrap_or_default();
    let mut missing = Vec::new();
    let java = list("fields")
        .iter()
        .enumerate()
        .filter(|(_, json)| is_java(json) && value(json).is_err())
        .map(|(index, _)| format!("f{index}"))
        .collect();
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
    .map(|row| Input { row, missing, java })
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

/// Whether a value is code of Java that was not run.
fn is_java(json: &Value) -> bool {
    matches!(json["$t"].as_str(), Some("Expr" | "New" | "Sym"))
}
