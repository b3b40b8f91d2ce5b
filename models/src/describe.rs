//! What `millstream model inspect` prints: a model's facts and the statement that declares it.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

use crate::binding::normalised;
use crate::model::Model;
use crate::operators::DEFAULT_DOMAIN;
use crate::signature::{ElementType, TensorSpec};

/// Matrices without feature names are offered as one column an element up to this width, and as one
/// ARRAY above it.
const MOST_COLUMNS: usize = 64;

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
    /// Signature, operators, operator sets, size, checksum and the `CREATE MODEL` statement.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let mut line = |label: &str, value: &str| {
            let _ = writeln!(text, "{label:<13}{value}");
        };
        line("model", &self.path().display().to_string());
        line("size", &format!("{} bytes", self.bytes()));
        line("sha256", self.sha256());
        if !self.producer().is_empty() {
            line("producer", self.producer());
        }
        let opsets: Vec<String> = self
            .opsets()
            .iter()
            .map(|(domain, version)| {
                let domain = if domain == DEFAULT_DOMAIN {
                    "ai.onnx"
                } else {
                    domain
                };
                format!("{domain} {version}")
            })
            .collect();
        line("opsets", &opsets.join(", "));
        let operators: Vec<String> = self
            .operators()
            .iter()
            .map(|(name, count)| format!("{name} × {count}"))
            .collect();
        line("operators", &operators.join(", "));
        let signature = self.signature();
        for (role, tensors) in [
            ("inputs", &signature.inputs),
            ("outputs", &signature.outputs),
        ] {
            for (index, tensor) in tensors.iter().enumerate() {
                line(
                    if index == 0 { role } else { "" },
                    &signature.render(tensor),
                );
                if !tensor.features.is_empty() {
                    line("", &format!("  features: {}", tensor.features.join(", ")));
                }
            }
        }
        let sizes: Vec<String> = self.batch_sizes().map(|rows| rows.to_string()).collect();
        line("batch sizes", &sizes.join(", "));
        text.push('\n');
        text.push_str(&self.create_statement(&self.suggested_name()));
        text.push('\n');
        text
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
            .map(|output| {
                let name = if single && output.width() == 1 && output.element.is_float() {
                    "score".to_owned() // bound by order, so any name would do
                } else {
                    plain_name(&output.name)
                };
                SqlColumn::new(name, output.element, output.width() > 1)
            })
            .collect();
        SqlColumns { inputs, outputs }
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
        let name = plain_name(&stem.unwrap_or_default());
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
        vec![scalar(plain_name(&input.name))]
    } else if !input.features.is_empty() {
        input.features.iter().cloned().map(scalar).collect()
    } else if width > MOST_COLUMNS {
        vec![SqlColumn::new(plain_name(&input.name), input.element, true)]
    } else if single {
        (0..width)
            .map(|element| scalar(format!("f{element}")))
            .collect()
    } else {
        let name = plain_name(&input.name);
        (0..width)
            .map(|element| scalar(format!("{name}_{element}")))
            .collect()
    }
}

/// The tensor's name as an SQL name that binds to it: unchanged where it is plain, else with everything
/// that names are normalised by taken out.
fn plain_name(name: &str) -> String {
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if plain(name) {
        return name.to_owned();
    }
    let candidate: String = name
        .strip_prefix("serving_default_")
        .unwrap_or(name)
        .split(':')
        .next()
        .unwrap_or(name)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let candidate = candidate.trim_matches('_').to_owned();
    if plain(&candidate) && normalised(&candidate) == normalised(name) {
        candidate
    } else {
        name.to_owned()
    }
}

/// The name as it stands in SQL: in backticks where it is not a plain word or is one that SQL reserves.
fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain
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
            ("X", "X"),
            ("serving_default_amount:0", "amount"),
            ("dense_2/Sigmoid:0", "dense_2_Sigmoid"),
            ("größe", "größe"),
        ] {
            assert_eq!(plain_name(name), expected);
        }
    }
}
