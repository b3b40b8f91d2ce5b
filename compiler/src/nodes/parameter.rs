//! Parameters as data: what an inspector needs to draw a form, and the check of a value's shape.

use std::fmt;
use std::time::Duration;

use crate::diagnostics::{Diagnostic, did_you_mean};
use crate::document::{Entries, Value};

/// One parameter of a node kind.
#[derive(Debug, Clone, Copy)]
pub struct ParameterSpec {
    /// The key in `pipeline.toml`.
    pub name: &'static str,
    /// The label in a form.
    pub title: &'static str,
    /// One or two sentences: what it does, its unit, where its rule comes from.
    pub help: &'static str,
    /// The shape of its value and the widget that edits it.
    pub ty: ParameterType,
    /// Whether the node does nothing without it.
    pub required: bool,
    /// What holds when it is not set.
    pub default: DefaultValue,
    /// A value to show in an empty field.
    pub example: &'static str,
    /// Whether a form keeps it folded away at first.
    pub advanced: bool,
    /// The input port whose columns it names, where a kind has several; empty for the first, or
    /// for those of all of them.
    pub port: &'static str,
    /// Whether the column that it names must be an event time.
    pub event_time: bool,
}

impl ParameterSpec {
    /// An optional parameter without default; the other builders change that.
    pub const fn new(
        name: &'static str,
        title: &'static str,
        ty: ParameterType,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            title,
            help,
            ty,
            required: false,
            default: DefaultValue::None,
            example: "",
            advanced: false,
            port: "",
            event_time: false,
        }
    }

    /// The column that it names must be an event time.
    pub const fn event_time(mut self) -> Self {
        self.event_time = true;
        self
    }

    /// The node does nothing without it.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// What holds when it is not set.
    pub const fn default(mut self, default: DefaultValue) -> Self {
        self.default = default;
        self
    }

    /// A value to show in an empty field.
    pub const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    /// A form keeps it folded away at first.
    pub const fn advanced(mut self) -> Self {
        self.advanced = true;
        self
    }

    /// The input port whose columns it names.
    pub const fn of_port(mut self, port: &'static str) -> Self {
        self.port = port;
        self
    }
}

/// A default, as constant data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DefaultValue {
    /// There is none.
    None,
    /// Text, a duration, or the name of an enum's value.
    Text(&'static str),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
}

impl DefaultValue {
    /// The default as a value, if there is one.
    pub fn to_value(self) -> Option<Value> {
        match self {
            DefaultValue::None => None,
            DefaultValue::Text(text) => Some(text.into()),
            DefaultValue::Integer(n) => Some(n.into()),
            DefaultValue::Number(n) => Some(n.into()),
            DefaultValue::Boolean(b) => Some(b.into()),
        }
    }
}

/// One choice of an [`ParameterType::Enum`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnumValue {
    /// The text in the file.
    pub name: &'static str,
    /// The label in a form.
    pub title: &'static str,
}

/// Which paths a path parameter takes, for the file picker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// A file with one of these extensions.
    File(&'static [&'static str]),
    /// A file, a folder or a glob to read.
    Data,
    /// A folder to write.
    Folder,
}

/// The shape of a parameter's value and the widget that edits it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParameterType {
    /// A line of text.
    Text,
    /// A whole number, both ends included.
    Integer {
        /// The smallest allowed.
        min: i64,
        /// The largest allowed.
        max: i64,
    },
    /// A number, both ends included.
    Number {
        /// The smallest allowed.
        min: f64,
        /// The largest allowed.
        max: f64,
    },
    /// True or false.
    Boolean,
    /// A length of time, such as `10 min`.
    Duration,
    /// One of several.
    Enum(&'static [EnumValue]),
    /// A timestamp, such as `2024-01-01 00:00:00`.
    Timestamp,
    /// The name of an input column.
    Column,
    /// Names of input columns.
    Columns,
    /// Pairs of columns: one of the first input = one of the second; or a list of columns when
    /// the names agree.
    ColumnPairs,
    /// Input columns to sort by, each with `ASC` or `DESC` behind it where it matters.
    Order,
    /// Names of new columns.
    NewNames,
    /// A Flink SQL expression over the input's columns.
    Expression,
    /// A whole Flink SQL query over the inputs.
    Sql,
    /// A path; relative ones start at the pipeline's folder.
    Path(PathKind),
    /// Options: key = text (or a number or a boolean).
    KeyValues,
    /// Columns: name = what stands behind the name in `CREATE TABLE`.
    Schema,
    /// New columns: name = expression.
    Assignments,
    /// New columns: name = call of an aggregate function.
    Aggregates,
    /// Renamed columns: old name = new name.
    Renames,
    /// Model inputs: name = input column; or a list of columns when the names agree.
    ModelInputs,
    /// Model outputs: new column = type.
    ModelOutputs,
}

impl ParameterType {
    /// What a value must be, for messages.
    fn expectation(self) -> &'static str {
        match self {
            ParameterType::Text => "text",
            ParameterType::Integer { .. } => "a whole number",
            ParameterType::Number { .. } => "a number",
            ParameterType::Boolean => "true or false",
            ParameterType::Duration => "a duration such as \"10 min\"",
            ParameterType::Enum(_) => "one of the choices",
            ParameterType::Timestamp => "a timestamp such as \"2024-01-01 00:00:00\"",
            ParameterType::Column => "the name of a column",
            ParameterType::Columns => "a list of column names",
            ParameterType::ColumnPairs => {
                "a table: left column = right column, or a list of columns"
            }
            ParameterType::Order => {
                "a list of column names, each with ASC or DESC behind it if need be"
            }
            ParameterType::NewNames => "a list of new column names",
            ParameterType::Expression => "an SQL expression in quotes",
            ParameterType::Sql => "an SQL query in quotes",
            ParameterType::Path(_) => "a path in quotes",
            ParameterType::KeyValues => "a table of options",
            ParameterType::Schema => "a table: column = type",
            ParameterType::Assignments => "a table: new column = expression",
            ParameterType::Aggregates => "a table: new column = aggregate call",
            ParameterType::Renames => "a table: old name = new name",
            ParameterType::ModelInputs => "a table: model input = column, or a list of columns",
            ParameterType::ModelOutputs => "a table: new column = type",
        }
    }

    /// Whether the value is a table that stands under its own header in the file.
    pub(crate) fn is_table(self) -> bool {
        matches!(
            self,
            ParameterType::KeyValues
                | ParameterType::Schema
                | ParameterType::Assignments
                | ParameterType::Aggregates
                | ParameterType::Renames
                | ParameterType::ColumnPairs
                | ParameterType::ModelInputs
                | ParameterType::ModelOutputs
        )
    }
}

/// Checks the shape of a value. The finding names the parameter (`columns`, `schema.amount`,
/// `keys[1]`) but not the node, which the caller knows.
pub(crate) fn check_value(spec: &ParameterSpec, value: &Value) -> Vec<Diagnostic> {
    let wrong = |what: &Value| {
        vec![
            Diagnostic::error(
                "parameter/type",
                format!(
                    "'{}' must be {}, not {}",
                    spec.name,
                    spec.ty.expectation(),
                    what.type_name()
                ),
            )
            .on_parameter(spec.name, None),
        ]
    };
    let error = |message: String, help: &str| {
        let diagnostic =
            Diagnostic::error("parameter/value", message).on_parameter(spec.name, None);
        vec![if help.is_empty() {
            diagnostic
        } else {
            diagnostic.help(help)
        }]
    };
    match (spec.ty, value) {
        (ParameterType::Text, Value::Text(_)) | (ParameterType::Boolean, Value::Boolean(_)) => {
            vec![]
        }
        (ParameterType::Integer { min, max }, Value::Integer(n)) => {
            if (min..=max).contains(n) {
                vec![]
            } else {
                error(format!("'{}' is {n}; {}", spec.name, range(min, max)), "")
            }
        }
        (ParameterType::Number { min, max }, Value::Integer(_) | Value::Number(_)) => {
            let n = match value {
                Value::Integer(n) => *n as f64,
                Value::Number(n) => *n,
                _ => return wrong(value),
            };
            if (min..=max).contains(&n) {
                vec![]
            } else {
                error(format!("'{}' is {n}; {}", spec.name, range(min, max)), "")
            }
        }
        (ParameterType::Duration, Value::Text(text)) => match parse_duration(text) {
            Ok(_) => vec![],
            Err(reason) => error(
                format!("'{}' is no duration: {reason}", spec.name),
                "write a number and a unit: \"500 ms\", \"5 s\", \"10 min\", \"1 h\", \"1 day\"",
            ),
        },
        (ParameterType::Enum(choices), Value::Text(text)) => {
            if choices.iter().any(|choice| choice.name == text) {
                vec![]
            } else {
                let names: Vec<&str> = choices.iter().map(|choice| choice.name).collect();
                let help = match did_you_mean(text, names.iter().copied()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("use one of: {}", names.join(", ")),
                };
                error(format!("'{}' cannot be \"{text}\"", spec.name), &help)
            }
        }
        (ParameterType::Timestamp, Value::Text(text) | Value::Datetime(text)) => {
            if parse_timestamp(text).is_some() {
                vec![]
            } else {
                error(
                    format!("'{}' is no timestamp: \"{text}\"", spec.name),
                    "write it as \"2024-01-31 12:00:00\"",
                )
            }
        }
        (
            ParameterType::Column
            | ParameterType::Expression
            | ParameterType::Sql
            | ParameterType::Path(_),
            Value::Text(text),
        ) => {
            if text.trim().is_empty() {
                error(format!("'{}' is empty", spec.name), "")
            } else {
                vec![]
            }
        }
        (ParameterType::Columns | ParameterType::NewNames, Value::List(items)) => {
            check_names(spec, items)
        }
        (ParameterType::Order, Value::List(items)) => check_order(spec, items),
        (ParameterType::ModelInputs | ParameterType::ColumnPairs, Value::List(items)) => {
            if items.is_empty() {
                error(
                    format!("'{}' is empty", spec.name),
                    "name at least one column",
                )
            } else {
                check_names(spec, items)
            }
        }
        (ty, Value::Table(entries)) if ty.is_table() => check_entries(spec, entries),
        _ => wrong(value),
    }
}

fn range<T: fmt::Display + PartialEq + Extreme>(min: T, max: T) -> String {
    match (min.is_extreme(), max.is_extreme()) {
        (_, true) => format!("the least is {min}"),
        (true, false) => format!("the most is {max}"),
        (false, false) => format!("it must be between {min} and {max}"),
    }
}

trait Extreme {
    fn is_extreme(&self) -> bool;
}

impl Extreme for i64 {
    fn is_extreme(&self) -> bool {
        *self == i64::MIN || *self == i64::MAX
    }
}

impl Extreme for f64 {
    fn is_extreme(&self) -> bool {
        self.is_infinite()
    }
}

/// A column to sort by, as a list of [`ParameterType::Order`] has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderItem<'t> {
    /// The column.
    pub column: &'t str,
    /// `ASC` or `DESC`, as far as it is said.
    pub direction: Option<&'static str>,
}

impl OrderItem<'_> {
    /// Reads `price`, `price DESC` or `price asc`.
    pub fn parse(text: &str) -> OrderItem<'_> {
        let text = text.trim();
        if let Some((column, word)) = text.rsplit_once(char::is_whitespace) {
            for direction in ["ASC", "DESC"] {
                if word.eq_ignore_ascii_case(direction) {
                    return OrderItem {
                        column: column.trim_end(),
                        direction: Some(direction),
                    };
                }
            }
        }
        OrderItem {
            column: text,
            direction: None,
        }
    }

    /// Whether the largest comes first.
    pub fn is_descending(&self) -> bool {
        self.direction == Some("DESC")
    }
}

fn check_order(spec: &ParameterSpec, items: &[Value]) -> Vec<Diagnostic> {
    let columns: Vec<Value> = items
        .iter()
        .map(|item| match item.as_text() {
            Some(text) => OrderItem::parse(text).column.into(),
            None => item.clone(),
        })
        .collect();
    if items.is_empty() {
        return vec![
            Diagnostic::error("parameter/value", format!("'{}' is empty", spec.name))
                .on_parameter(spec.name, None)
                .help("name at least one column"),
        ];
    }
    check_names(spec, &columns)
}

fn check_names(spec: &ParameterSpec, items: &[Value]) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    let mut seen = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let place = format!("{}[{i}]", spec.name);
        match item.as_text() {
            Some(name) if name.trim().is_empty() => out.push(
                Diagnostic::error("parameter/value", format!("'{place}' is empty"))
                    .on_parameter(place, None),
            ),
            Some(name) if seen.contains(&name) => out.push(
                Diagnostic::error(
                    "parameter/value",
                    format!("'{}' names the column '{name}' twice", spec.name),
                )
                .on_parameter(place, None)
                .help("remove one of them"),
            ),
            Some(name) => seen.push(name),
            None => out.push(
                Diagnostic::error(
                    "parameter/type",
                    format!(
                        "'{place}' must be the name of a column, not {}",
                        item.type_name()
                    ),
                )
                .on_parameter(place, None),
            ),
        }
    }
    out
}

fn check_entries(spec: &ParameterSpec, entries: &Entries) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    if entries.is_empty() && spec.required {
        out.push(
            Diagnostic::error("parameter/value", format!("'{}' is empty", spec.name))
                .on_parameter(spec.name, None)
                .help("add at least one entry"),
        );
    }
    for (key, value) in entries.iter() {
        let place = format!("{}.{key}", spec.name);
        if key.trim().is_empty() {
            out.push(
                Diagnostic::error(
                    "parameter/value",
                    format!("'{}' has an entry without a name", spec.name),
                )
                .on_parameter(spec.name, None),
            );
        }
        if spec.ty == ParameterType::KeyValues {
            if value.to_option_text().is_none() {
                out.push(
                    Diagnostic::error(
                        "parameter/type",
                        format!("'{place}' must be text, not {}", value.type_name()),
                    )
                    .on_parameter(place, None)
                    .help("quote keys that have dots in them: \"csv.field-delimiter\" = \";\""),
                );
            }
            continue;
        }
        match value.as_text() {
            Some(text) if text.trim().is_empty() => out.push(
                Diagnostic::error("parameter/value", format!("'{place}' is empty"))
                    .on_parameter(place, None),
            ),
            Some(_) => {}
            None => out.push(
                Diagnostic::error(
                    "parameter/type",
                    format!("'{place}' must be text, not {}", value.type_name()),
                )
                .on_parameter(place, None),
            ),
        }
    }
    out
}

/// The units of a duration: what people write, milliseconds, and the name in an SQL interval.
const UNITS: [(&[&str], u64); 6] = [
    (&["ms", "milli", "millis", "millisecond", "milliseconds"], 1),
    (&["s", "sec", "secs", "second", "seconds"], 1_000),
    (&["min", "m", "mins", "minute", "minutes"], 60_000),
    (&["h", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], 86_400_000),
    (&["w", "week", "weeks"], 604_800_000),
];

/// Reads a duration such as `500 ms`, `5s`, `1.5 h` or `1 h 30 min`; whole milliseconds only.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("it is empty".into());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        if number.is_empty() {
            return Err(format!("a number was expected at \"{rest}\""));
        }
        let after = after.trim_start();
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        if unit.is_empty() {
            return Err(format!("\"{number}\" has no unit"));
        }
        let unit_ms = UNITS
            .iter()
            .find(|(names, _)| names.iter().any(|name| name.eq_ignore_ascii_case(unit)))
            .map(|(_, ms)| *ms)
            .ok_or_else(|| format!("\"{unit}\" is no unit of time"))?;
        let too_long = || format!("\"{text}\" is too long");
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || fraction.contains('.') || number.ends_with('.') {
            return Err(format!("\"{number}\" is no number"));
        }
        let mut ms = whole
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(unit_ms))
            .ok_or_else(too_long)?;
        if !fraction.is_empty() {
            if fraction.len() > 9 {
                return Err(format!("\"{number}\" has too many digits"));
            }
            let scale = 10u64.pow(fraction.len() as u32);
            let part = fraction.parse::<u64>().map_err(|_| too_long())? * unit_ms;
            if part % scale != 0 {
                return Err(format!(
                    "\"{number} {unit}\" is no whole number of milliseconds"
                ));
            }
            ms += part / scale;
        }
        total = total.checked_add(ms).ok_or_else(too_long)?;
        rest = after.trim_start();
    }
    // A bound that every engine's interval arithmetic in milliseconds can hold.
    if total > i64::MAX as u64 / 1_000 {
        return Err(format!("\"{text}\" is too long"));
    }
    Ok(Duration::from_millis(total))
}

/// A duration as an interval literal of Flink SQL.
///
/// The largest unit that needs no fraction is used. A literal of one unit holds two digits unless
/// it says otherwise (SQL standard; Flink refuses `INTERVAL '100' MINUTE`), so larger numbers
/// carry their precision.
pub fn interval_literal(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units: [(u128, &str); 4] = [
        (86_400_000, "DAY"),
        (3_600_000, "HOUR"),
        (60_000, "MINUTE"),
        (1_000, "SECOND"),
    ];
    if ms == 0 {
        return "INTERVAL '0' SECOND".into();
    }
    let exact = units.into_iter().find(|(unit, _)| ms.is_multiple_of(*unit));
    match exact {
        Some((unit, name)) => {
            let n = ms / unit;
            let digits = n.to_string().len();
            if digits > 2 {
                format!("INTERVAL '{n}' {name}({digits})")
            } else {
                format!("INTERVAL '{n}' {name}")
            }
        }
        None => {
            let seconds = (ms / 1_000).to_string();
            let fraction = format!("{:03}", ms % 1_000);
            let fraction = fraction.trim_end_matches('0');
            if seconds.len() > 2 {
                format!(
                    "INTERVAL '{seconds}.{fraction}' SECOND({}, 3)",
                    seconds.len()
                )
            } else {
                format!("INTERVAL '{seconds}.{fraction}' SECOND")
            }
        }
    }
}

/// Reads `2024-01-31`, `2024-01-31 12:00:00[.123]` (or with `T`), and gives the form with a blank.
pub fn parse_timestamp(text: &str) -> Option<String> {
    use chrono::{NaiveDate, NaiveDateTime};
    let text = text.trim().replacen('T', " ", 1);
    let parsed = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f")
        .ok()
        .or_else(|| {
            NaiveDate::parse_from_str(&text, "%Y-%m-%d")
                .ok()
                .and_then(|date| date.and_hms_opt(0, 0, 0))
        })?;
    Some(parsed.format("%Y-%m-%d %H:%M:%S%.f").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> u64 {
        parse_duration(text).unwrap().as_millis() as u64
    }

    #[test]
    fn durations_as_people_write_them() {
        assert_eq!(ms("500 ms"), 500);
        assert_eq!(ms("5s"), 5_000);
        assert_eq!(ms("10 min"), 600_000);
        assert_eq!(ms("1 h 30 min"), 5_400_000);
        assert_eq!(ms("1.5 hours"), 5_400_000);
        assert_eq!(ms("2 DAYS"), 172_800_000);
        assert_eq!(ms("1 w"), 604_800_000);
        assert_eq!(ms("0 s"), 0);
    }

    #[test]
    fn what_is_no_duration() {
        for (text, reason) in [
            ("", "empty"),
            ("5", "no unit"),
            ("s", "a number was expected"),
            ("-5 s", "a number was expected"),
            ("5 fortnights", "no unit of time"),
            ("1.2.3 s", "no number"),
            ("1. s", "no number"),
            (".5 s", "no number"),
            ("0.0001 s", "no whole number of milliseconds"),
            ("99999999999999999999 s", "too long"),
            ("9999999999999999 s", "too long"),
            ("1 day and 2 h", "a number was expected"),
        ] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn intervals_take_the_largest_whole_unit() {
        let literal = |text| interval_literal(parse_duration(text).unwrap());
        assert_eq!(literal("60 s"), "INTERVAL '1' MINUTE");
        assert_eq!(literal("90 s"), "INTERVAL '90' SECOND");
        assert_eq!(literal("24 h"), "INTERVAL '1' DAY");
        assert_eq!(literal("100 min"), "INTERVAL '100' MINUTE(3)");
        assert_eq!(literal("500 ms"), "INTERVAL '0.5' SECOND");
        assert_eq!(literal("1 ms"), "INTERVAL '0.001' SECOND");
        assert_eq!(literal("100 s 1 ms"), "INTERVAL '100.001' SECOND(3, 3)");
        assert_eq!(literal("0 s"), "INTERVAL '0' SECOND");
    }

    #[test]
    fn timestamps() {
        assert_eq!(
            parse_timestamp("2024-01-31T12:00:00").as_deref(),
            Some("2024-01-31 12:00:00")
        );
        assert_eq!(
            parse_timestamp("2024-01-31").as_deref(),
            Some("2024-01-31 00:00:00")
        );
        assert_eq!(parse_timestamp("31.1.2024"), None);
        assert_eq!(parse_timestamp("2024-02-30"), None);
    }

    #[test]
    fn a_value_of_the_wrong_shape_is_named() {
        let spec = ParameterSpec::new("keys", "Keys", ParameterType::Columns, "");
        let messages = |value: Value| -> Vec<String> {
            check_value(&spec, &value)
                .into_iter()
                .map(|d| format!("{}: {}", d.parameter.unwrap(), d.message))
                .collect()
        };
        assert_eq!(
            messages("id".into()),
            ["keys: 'keys' must be a list of column names, not text"]
        );
        assert_eq!(
            messages(Value::List(vec!["a".into(), 1.into(), "a".into()])),
            [
                "keys[1]: 'keys[1]' must be the name of a column, not a whole number",
                "keys[2]: 'keys' names the column 'a' twice"
            ]
        );
    }

    #[test]
    fn an_order_is_a_column_and_a_direction() {
        let read = |text| {
            let item = OrderItem::parse(text);
            (item.column, item.direction)
        };
        assert_eq!(read("price"), ("price", None));
        assert_eq!(read(" price  desc "), ("price", Some("DESC")));
        assert_eq!(read("unit price ASC"), ("unit price", Some("ASC")));
        assert_eq!(read("desc"), ("desc", None));
        let spec = ParameterSpec::new("order", "Order", ParameterType::Order, "");
        assert_eq!(check_value(&spec, &vec!["a DESC", "b"].into()), vec![]);
        for wrong in [vec!["a", "a DESC"], vec![], vec![" "]] {
            assert_eq!(check_value(&spec, &wrong.into()).len(), 1);
        }
    }

    #[test]
    fn ranges_and_choices() {
        let rows = ParameterSpec::new(
            "rows",
            "Rows",
            ParameterType::Integer {
                min: 1,
                max: i64::MAX,
            },
            "",
        );
        assert_eq!(
            check_value(&rows, &0.into())[0].message,
            "'rows' is 0; the least is 1"
        );
        let keep = ParameterSpec::new(
            "keep",
            "Keep",
            ParameterType::Enum(&[
                EnumValue {
                    name: "first",
                    title: "First",
                },
                EnumValue {
                    name: "last",
                    title: "Last",
                },
            ]),
            "",
        );
        assert_eq!(check_value(&keep, &"first".into()), vec![]);
        assert_eq!(
            check_value(&keep, &"frist".into())[0].help.as_deref(),
            Some("use one of: first, last")
        );
        assert_eq!(
            check_value(&keep, &"lasst".into())[0].help.as_deref(),
            Some("did you mean \"last\"?")
        );
    }
}
