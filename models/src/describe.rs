//! What `millstream model inspect` prints: a model's facts and the statement that declares it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use serde_json::{Value, json};

use crate::binding::{core_of, element_names, holds_number, normalised};
use crate::measure::Pace;
use crate::model::Model;
use crate::operators::domain_name;
use crate::signature::{BatchSize, ElementType, TensorSpec};

/// Matrices without feature names are offered as one column an element up to this width, and as one
/// ARRAY above it.
const MOST_COLUMNS: usize = 64;

/// Probabilities are offered as one column a class up to this many classes.
const MOST_CLASSES: usize = 16;

/// The columns of a model's `CREATE MODEL` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlColumns {
    /// `INPUT (…)`
    pub inputs: Vec<SqlColumn>,
    /// `OUTPUT (…)`
    pub outputs: Vec<SqlColumn>,
}

/// A column as SQL declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlColumn {
    /// Its name, not quoted.
    pub name: String,
    /// Its type in Flink SQL.
    pub sql_type: String,
    /// The Arrow type of `sql_type`.
    pub data_type: DataType,
}

impl SqlColumn {
    fn new(name: String, element: ElementType, array: bool) -> Self {
        let (sql, arrow) = (element.sql(), element.arrow());
        if array {
            let item = Arc::new(Field::new_list_field(arrow, true));
            Self {
                name,
                sql_type: format!("ARRAY<{sql}>"),
                data_type: DataType::List(item),
            }
        } else {
            Self {
                name,
                sql_type: sql.to_owned(),
                data_type: arrow,
            }
        }
    }
}

impl Model {
    /// Signature, operators, operator sets, size, checksum, what was measured of its pace, and the `CREATE MODEL`
    /// statement.
    pub fn describe(&self, paces: &[Pace]) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let mut line = |label: &str, value: &str| {
            let _ = writeln!(text, "{label:<13}{value}");
        };
        line("model", &self.path().display().to_string());
        if !self.files().is_empty() {
            line("and", &self.files().join(", "));
        }
        line("size", &format!("{} bytes", self.bytes()));
        line("sha256", self.sha256());
        if !self.producer().is_empty() {
            line("producer", self.producer());
        }
        let opsets: Vec<String> = self
            .opsets()
            .iter()
            .map(|(domain, version)| format!("{} {version}", domain_name(domain)))
            .collect();
        line("opsets", &opsets.join(", "));
        let operators: Vec<String> = self
            .operators()
            .iter()
            .map(|(name, count)| format!("{name} × {count}"))
            .collect();
        line("operators", &operators.join(", "));
        let signature = self.signature();
        for (role, elements, tensors) in [
            ("inputs", "features", &signature.inputs),
            ("outputs", "classes", &signature.outputs),
        ] {
            for (index, tensor) in tensors.iter().enumerate() {
                line(
                    if index == 0 { role } else { "" },
                    &signature.render(tensor),
                );
                if !tensor.features.is_empty() {
                    line("", &format!("  {elements}: {}", tensor.features.join(", ")));
                }
            }
        }
        let sizes: Vec<String> = self.batch_sizes().map(|rows| rows.to_string()).collect();
        line("batch sizes", &sizes.join(", "));
        if !paces.is_empty() {
            let paces: Vec<String> = paces
                .iter()
                .map(|pace| {
                    format!(
                        "{} rows/s at batch {}",
                        rounded(pace.rows_per_second),
                        thousands(pace.batch as u64)
                    )
                })
                .collect();
            line("speed", &format!("{}, on one thread", paces.join(", ")));
        }
        text.push('\n');
        text.push_str(&self.create_statement(&self.suggested_name()));
        text.push('\n');
        text
    }

    /// What [`Model::describe`] prints, as JSON.
    pub fn facts(&self, paces: &[Pace]) -> Value {
        let signature = self.signature();
        let tensors = |tensors: &[TensorSpec], elements: &str| -> Vec<Value> {
            let rows = match signature.batch {
                BatchSize::Any => Value::Null,
                BatchSize::Fixed(rows) => rows.into(),
            };
            tensors
                .iter()
                .map(|tensor| {
                    let dims = tensor.row_shape.iter().map(|dim| Value::from(*dim));
                    let shape: Vec<Value> = std::iter::once(rows.clone()).chain(dims).collect();
                    let mut facts = json!({
                        "name": tensor.name,
                        "type": tensor.element.to_string(),
                        "shape": shape,
                    });
                    if !tensor.features.is_empty() {
                        facts[elements] = json!(tensor.features);
                    }
                    facts
                })
                .collect()
        };
        let opsets: BTreeMap<&str, i64> = self
            .opsets()
            .iter()
            .map(|(domain, version)| (domain_name(domain), *version))
            .collect();
        let paces: Vec<Value> = paces
            .iter()
            .map(|pace| json!({ "batch": pace.batch, "rows_per_second": pace.rows_per_second.round() }))
            .collect();
        json!({
            "model": self.path().display().to_string(),
            "files": self.files(),
            "bytes": self.bytes(),
            "sha256": self.sha256(),
            "producer": self.producer(),
            "opsets": opsets,
            "operators": self.operators(),
            "metadata": self.metadata(),
            "inputs": tensors(&signature.inputs, "features"),
            "outputs": tensors(&signature.outputs, "classes"),
            "batch_sizes": self.batch_sizes().collect::<Vec<_>>(),
            "speed": paces,
            "create_model": self.create_statement(&self.suggested_name()),
        })
    }

    /// The columns that [`Model::create_statement`] declares.
    pub fn sql_columns(&self) -> SqlColumns {
        let signature = self.signature();
        let single = signature.inputs.len() == 1;
        let inputs = signature
            .inputs
            .iter()
            .flat_map(|input| input_columns(input, single))
            .collect();
        let single = signature.outputs.len() == 1;
        let outputs = signature
            .outputs
            .iter()
            .flat_map(|output| output_columns(output, single))
            .collect();
        SqlColumns {
            inputs: with_plain_names(inputs, &signature.inputs),
            outputs: with_plain_names(outputs, &signature.outputs),
        }
    }

    /// `CREATE MODEL name INPUT (…) OUTPUT (…) WITH (…);` with every column that the model has.
    pub fn create_statement(&self, name: &str) -> String {
        let SqlColumns { inputs, outputs } = self.sql_columns();
        let columns = |columns: &[SqlColumn]| {
            let lines: Vec<String> = columns
                .iter()
                .map(|column| format!("  {} {}", quoted(&column.name), column.sql_type))
                .collect();
            lines.join(",\n")
        };
        let path = self.path().display().to_string().replace('\'', "''");
        format!(
            "CREATE MODEL {}\nINPUT (\n{}\n)\nOUTPUT (\n{}\n)\nWITH (\n  'provider' = 'onnx',\n  'path' = '{path}'\n);",
            quoted(name),
            columns(&inputs),
            columns(&outputs)
        )
    }

    /// The file's name without its extension, as an SQL name.
    pub fn suggested_name(&self) -> String {
        let stem = self
            .path()
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        let name = plain_name(&stem.unwrap_or_default()).unwrap_or_default();
        if name.is_empty() {
            "model".to_owned()
        } else {
            name
        }
    }
}

fn input_columns(input: &TensorSpec, single: bool) -> Vec<SqlColumn> {
    let width = input.width();
    let scalar = |name: String| SqlColumn::new(name, input.element, false);
    if width == 1 {
        vec![scalar(input.name.clone())]
    } else if !input.features.is_empty() {
        input.features.iter().cloned().map(scalar).collect()
    } else if width > MOST_COLUMNS {
        vec![SqlColumn::new(input.name.clone(), input.element, true)]
    } else if single {
        (0..width)
            .map(|element| scalar(format!("f{element}")))
            .collect()
    } else {
        (0..width)
            .map(|element| scalar(format!("{}_{element}", input.name)))
            .collect()
    }
}

fn output_columns(output: &TensorSpec, single: bool) -> Vec<SqlColumn> {
    let width = output.width();
    let column = |name, array| SqlColumn::new(name, output.element, array);
    if !output.features.is_empty() && width <= MOST_CLASSES {
        let names = element_names(output).into_iter().take(width);
        names.map(|(_, name)| column(name, false)).collect()
    } else if single && width == 1 && output.element.is_float() {
        vec![column("score".to_owned(), false)] // bound by order, so any name would do
    } else {
        vec![column(output.name.clone(), width > 1)]
    }
}

/// Gives the columns plain names where these still bind to the same elements: no other column or tensor may be alike
/// once normalised.
fn with_plain_names(mut columns: Vec<SqlColumn>, tensors: &[TensorSpec]) -> Vec<SqlColumn> {
    let names: BTreeSet<&str> = columns
        .iter()
        .map(|column| column.name.as_str())
        .chain(tensors.iter().map(|tensor| tensor.name.as_str()))
        .collect();
    let mut alike: HashMap<String, usize> = HashMap::new();
    for name in names {
        *alike.entry(normalised(name)).or_default() += 1;
    }
    for column in &mut columns {
        if alike.get(&normalised(&column.name)) == Some(&1)
            && let Some(plain) = plain_name(&column.name)
        {
            column.name = plain;
        }
    }
    columns
}

/// The name as a plain word that means the same once normalised: unchanged where it is one, else with everything that
/// normalising takes out replaced. The sign and the point of a number are no punctuation, so there is none then.
fn plain_name(name: &str) -> Option<String> {
    if is_plain(name) {
        return Some(name.to_owned());
    }
    if holds_number(name) {
        return None;
    }
    let words: Vec<&str> = core_of(name)
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let candidate = words.join("_");
    (is_plain(&candidate) && normalised(&candidate) == normalised(name)).then_some(candidate)
}

fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Three digits of a number, which is as much as a measurement tells: `212,000`.
fn rounded(value: f64) -> String {
    let unit = 10f64.powi((value.max(1.0).log10().floor() as i32 - 2).max(0));
    thousands(((value / unit).round() * unit) as u64)
}

/// `1,024`
fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The name as it stands in SQL: in backticks where it is not a plain word or is one that SQL reserves.
fn quoted(name: &str) -> String {
    if is_plain(name)
        && RESERVED
            .binary_search(&name.to_ascii_uppercase().as_str())
            .is_err()
    {
        name.to_owned()
    } else {
        format!("`{}`", name.replace('`', "``"))
    }
}

/// Flink's reserved words that are likely names of features or scores, sorted.
const RESERVED: &[&str] = &[
    "ABS",
    "ALL",
    "AND",
    "ANY",
    "ARRAY",
    "AS",
    "AT",
    "AVG",
    "BETWEEN",
    "BIGINT",
    "BINARY",
    "BOOLEAN",
    "BOTH",
    "BY",
    "CALL",
    "CASE",
    "CAST",
    "CHAR",
    "CHECK",
    "COLUMN",
    "CONDITION",
    "CONTAINS",
    "COUNT",
    "CROSS",
    "CURRENT",
    "CYCLE",
    "DATE",
    "DAY",
    "DAYS",
    "DECIMAL",
    "DEFAULT",
    "DELETE",
    "DISTINCT",
    "DOUBLE",
    "EACH",
    "ELEMENT",
    "ELSE",
    "END",
    "EVERY",
    "EXISTS",
    "EXP",
    "EXTERNAL",
    "FALSE",
    "FILTER",
    "FLOAT",
    "FLOOR",
    "FOR",
    "FROM",
    "FULL",
    "FUNCTION",
    "GLOBAL",
    "GROUP",
    "GROUPS",
    "HAVING",
    "HOUR",
    "HOURS",
    "IN",
    "INNER",
    "INPUT",
    "INT",
    "INTEGER",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LAG",
    "LANGUAGE",
    "LARGE",
    "LAST_VALUE",
    "LEAD",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCAL",
    "LOWER",
    "MATCH",
    "MAX",
    "MEMBER",
    "METHOD",
    "MIN",
    "MINUTE",
    "MINUTES",
    "MOD",
    "MODEL",
    "MODIFIES",
    "MODULE",
    "MONTH",
    "MONTHS",
    "NEW",
    "NO",
    "NONE",
    "NOT",
    "NULL",
    "NUMERIC",
    "OF",
    "OFFSET",
    "OLD",
    "ON",
    "ONE",
    "ONLY",
    "OPEN",
    "OR",
    "ORDER",
    "OUT",
    "OUTPUT",
    "OVER",
    "PARAMETER",
    "PARTITION",
    "PER",
    "PERCENT",
    "PERIOD",
    "POSITION",
    "POWER",
    "PRECISION",
    "PREV",
    "PRIMARY",
    "RANGE",
    "RANK",
    "REAL",
    "REF",
    "REFERENCES",
    "RELEASE",
    "RESULT",
    "RETURN",
    "RIGHT",
    "ROW",
    "ROWS",
    "SCOPE",
    "SEARCH",
    "SECOND",
    "SECONDS",
    "SELECT",
    "SET",
    "SHOW",
    "SIMILAR",
    "SMALLINT",
    "SOME",
    "SQRT",
    "START",
    "STATIC",
    "STRING",
    "SUM",
    "SYMMETRIC",
    "SYSTEM",
    "TABLE",
    "THEN",
    "TIME",
    "TIMESTAMP",
    "TINYINT",
    "TO",
    "TRUE",
    "TRUNCATE",
    "UNION",
    "UNIQUE",
    "UNKNOWN",
    "UPDATE",
    "UPPER",
    "USER",
    "USING",
    "VALUE",
    "VALUES",
    "VARCHAR",
    "VIEW",
    "WEEK",
    "WEEKS",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
    "YEAR",
    "YEARS",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserved_words_are_sorted() {
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn names_are_quoted_only_where_sql_needs_it() {
        for (name, expected) in [
            ("amount", "amount"),
            ("hour", "`hour`"),
            ("a b", "`a b`"),
            ("1st", "`1st`"),
            ("a`b", "`a``b`"),
        ] {
            assert_eq!(quoted(name), expected);
        }
    }

    #[test]
    fn exporters_names_become_plain_names_that_still_bind() {
        for (name, expected) in [
            ("X", Some("X")),
            ("serving_default_amount:0", Some("amount")),
            ("StatefulPartitionedCall:0", Some("StatefulPartitionedCall")),
            (
                "StatefulPartitionedCall:1",
                Some("StatefulPartitionedCall_1"),
            ),
            ("dense_2/Sigmoid:0", Some("dense_2_Sigmoid")),
            ("sepal length (cm)", Some("sepal_length_cm")),
            ("data.hour", Some("data_hour")),
            ("p_-1", None),
            ("p_0.5", None),
            ("größe", None),
            ("1st", None),
            ("", None),
        ] {
            assert_eq!(plain_name(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn names_that_would_be_alike_stay_as_they_are() {
        let column = |name: &str| SqlColumn::new(name.to_owned(), ElementType::Float32, false);
        let names: Vec<String> = with_plain_names(["a.b", "a_b", "c d"].map(column).into(), &[])
            .into_iter()
            .map(|column| column.name)
            .collect();
        assert_eq!(names, ["a.b", "a_b", "c_d"]);
    }

    #[test]
    fn numbers_are_as_exact_as_the_measurement() {
        for (value, expected) in [
            (0.4, "0"),
            (97.4, "97"),
            (1234.5, "1,230"),
            (2_345_678.0, "2,350,000"),
        ] {
            assert_eq!(rounded(value), expected);
        }
    }
}
