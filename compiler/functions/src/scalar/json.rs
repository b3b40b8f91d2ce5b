//! The JSON functions of the SQL standard and Flink's additions.
//!
//! Generated JSON has no blanks and its keys are sorted, as Flink's. A value that is itself
//! generated JSON (`JSON_OBJECT`, `JSON_ARRAY` or `JSON` written directly as an argument) is
//! embedded as it is; such arguments are marked by their field's metadata, see
//! [`JSON_METADATA_KEY`](crate::call::JSON_METADATA_KEY).

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringBuilder};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion_common::{DataFusionError, Result, exec_err, plan_err};
use serde_json::Value;

use super::json_path::{Found, Path};
use crate::call::{Args, Call, FlinkFunction, Is, Out, Resolved, STRING, Strs, booleans, strings};
use crate::cast::{Cast, OnFailure};
use crate::display::{Formatter, Style, write_decimal};
use crate::types::{FlinkType, TypeKind};

use Is::{Any, Str};

pub(crate) fn functions() -> Vec<FlinkFunction> {
    vec![
        FlinkFunction::of(
            "__is_json",
            &[&[Str], &[Str, Str]],
            Out::Strict(TypeKind::Boolean),
            is_json,
        ),
        FlinkFunction::of(
            "__json_exists",
            &[&[Str, Str], &[Str, Str, Str]],
            Out::Infer(|call| {
                check_path(call)?;
                Ok(TypeKind::Boolean.into())
            }),
            json_exists,
        )
        .also(&["json_exists"]),
        FlinkFunction::new("__json_value", resolve_value, json_value).also(&["json_value"]),
        FlinkFunction::new("__json_query", resolve_query, json_query).also(&["json_query"]),
        FlinkFunction::new("__json_object", resolve_object, json_object),
        FlinkFunction::new("__json_array", resolve_array, json_array),
        // What a user writes; analysis replaces it by the next one where it may stand.
        FlinkFunction::of("json", &[&[Str]], Out::Nullable(STRING), json),
        FlinkFunction::of("__json", &[&[Str]], Out::Nullable(STRING), json).json(),
        FlinkFunction::of("__json_raw", &[&[Str]], Out::Same(0), |args| args.array(0)).json(),
        FlinkFunction::of("json_string", &[&[Any]], Out::Strict(STRING), |args| {
            let writer = Writer::of(args, 0)?;
            strings(args.rows, |row, out| writer.write(row, out))
        }),
        FlinkFunction::of("json_quote", &[&[Str]], Out::Strict(STRING), |args| {
            let text = args.strs(0)?;
            strings(args.rows, |row, out| {
                Ok(text.get(row).map(|t| quote(t, out)).is_some())
            })
        }),
        FlinkFunction::of("json_unquote", &[&[Str]], Out::Strict(STRING), |args| {
            let text = args.strs(0)?;
            strings(args.rows, |row, out| {
                Ok(text.get(row).map(|t| unquote(t, out)).is_some())
            })
        }),
    ]
}

// ---- Reading ----

/// The path argument, compiled once as long as it stays the same.
struct Paths {
    texts: Strs,
    compiled: Option<(String, Path)>,
}

impl Paths {
    fn of(args: &Args, index: usize) -> Result<Self> {
        Ok(Self {
            texts: args.strs(index)?,
            compiled: None,
        })
    }

    fn at(&mut self, row: usize) -> Result<Option<&Path>> {
        let Some(text) = self.texts.get(row) else {
            return Ok(None);
        };
        let known = matches!(&self.compiled, Some((known, _)) if known == text);
        if !known {
            let path = Path::compile(text)
                .map_err(|error| DataFusionError::Execution(error.strip_backtrace()))?;
            self.compiled = Some((text.to_string(), path));
        }
        Ok(self.compiled.as_ref().map(|(_, path)| path))
    }
}

fn check_path(call: &Call<'_>) -> Result<()> {
    match call.text(1) {
        Some(text) => Path::compile(text).map(|_| ()),
        None => Ok(()),
    }
}

fn parse(text: &str) -> std::result::Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("'{text}' is not valid JSON: {error}"))
}

/// What a path finds in a document.
enum Outcome {
    /// A value; `null` counts as nothing.
    Value(Value),
    Empty,
    Error(String),
}

fn search(text: &str, path: &Path) -> Outcome {
    let document = match parse(text) {
        Ok(document) => document,
        Err(error) => return Outcome::Error(error),
    };
    match path.find(&document) {
        Found::One(Value::Null) => Outcome::Empty,
        Found::One(value) => Outcome::Value(value.clone()),
        Found::Many(values) => Outcome::Value(Value::Array(values.into_iter().cloned().collect())),
        Found::Missing if path.strict => {
            Outcome::Error(format!("No results for path: {}", path.text()))
        }
        Found::Missing => Outcome::Empty,
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

fn is_json(args: &Args) -> Result<ArrayRef> {
    let text = args.strs(0)?;
    let kind = match args.has(1).then(|| args.strs(1)).transpose()? {
        Some(kind) => kind
            .literal()
            .flatten()
            .unwrap_or("VALUE")
            .to_ascii_uppercase(),
        None => "VALUE".to_string(),
    };
    booleans(args.rows, |row| {
        Ok(text.get(row).map(|text| match parse(text) {
            Err(_) => false,
            Ok(value) => match kind.as_str() {
                "OBJECT" => value.is_object(),
                "ARRAY" => value.is_array(),
                "SCALAR" => is_scalar(&value),
                _ => true,
            },
        }))
    })
}

fn json_exists(args: &Args) -> Result<ArrayRef> {
    let text = args.strs(0)?;
    let mut paths = Paths::of(args, 1)?;
    let on_error = match args.has(2).then(|| args.strs(2)).transpose()? {
        Some(behaviour) => behaviour
            .literal()
            .flatten()
            .unwrap_or_default()
            .to_ascii_uppercase(),
        None => String::new(),
    };
    booleans(args.rows, |row| {
        let (Some(text), Some(path)) = (text.get(row), paths.at(row)?) else {
            return Ok(None);
        };
        Ok(match search(text, path) {
            Outcome::Value(_) => Some(true),
            Outcome::Empty => Some(false),
            Outcome::Error(error) => match on_error.split_whitespace().next() {
                Some("TRUE") => Some(true),
                Some("UNKNOWN") => None,
                Some("ERROR") => return exec_err!("{error}"),
                _ => Some(false),
            },
        })
    })
}

/// The type in the literal at `index`; `STRING` if there is none.
fn returning(call: &Call<'_>, index: usize) -> Result<FlinkType> {
    match call.text(index) {
        None | Some("") => Ok(FlinkType::string()),
        Some(text) => FlinkType::parse(text)
            .map(|ty| ty.with_nullable(true))
            .map_err(|error| DataFusionError::Plan(format!("RETURNING {text}: {error}"))),
    }
}

/// `(json, path, type, on empty, default, on error, default)`.
fn resolve_value(call: &Call<'_>) -> Result<Resolved> {
    let strings = call
        .types
        .iter()
        .take(2)
        .all(|ty| ty.is_string() || ty.kind == TypeKind::Null);
    if call.types.len() < 2 || call.types.len() > 7 || !strings {
        return Err(call.mismatch("JSON_VALUE(<CHARACTER_STRING>, <CHARACTER_STRING>)"));
    }
    check_path(call)?;
    let ty = returning(call, 2)?;
    let scalar = ty.is_string()
        || ty.is_numeric()
        || matches!(
            ty.kind,
            TypeKind::Boolean | TypeKind::Date | TypeKind::Time(_)
        )
        || ty.is_timestamp();
    if !scalar {
        return plan_err!("JSON_VALUE cannot return {ty}; use JSON_QUERY for arrays and objects");
    }
    let args = call
        .types
        .iter()
        .enumerate()
        .map(|(index, ty)| match (index, &ty.kind) {
            (4 | 6, kind) => kind.clone(),
            _ => STRING,
        })
        .collect();
    Ok(Resolved { args, result: ty })
}

fn behaviour(args: &Args, index: usize) -> Result<String> {
    if !args.has(index) {
        return Ok("NULL".to_string());
    }
    let text = args.strs(index)?;
    Ok(text
        .literal()
        .flatten()
        .unwrap_or("NULL")
        .to_ascii_uppercase())
}

fn json_value(args: &Args) -> Result<ArrayRef> {
    let text = args.strs(0)?;
    let mut paths = Paths::of(args, 1)?;
    let (on_empty, on_error) = (behaviour(args, 3)?, behaviour(args, 5)?);
    let ty = args.result_type();
    // Where each row's value comes from: the found texts, a default, or nowhere.
    const FOUND: usize = 0;
    const EMPTY_DEFAULT: usize = 1;
    const ERROR_DEFAULT: usize = 2;
    let mut source: Vec<usize> = vec![FOUND; args.rows];
    let failed = |source: &mut usize, error: &str| match on_error.as_str() {
        "ERROR" => exec_err!("{error}"),
        "DEFAULT" => {
            *source = ERROR_DEFAULT;
            Ok(false)
        }
        _ => Ok(false),
    };
    let texts = strings(args.rows, |row, out| {
        let (Some(text), Some(path)) = (text.get(row), paths.at(row)?) else {
            return Ok(false);
        };
        let outcome = match search(text, path) {
            Outcome::Value(value) if !is_scalar(&value) && !path.strict => Outcome::Empty,
            Outcome::Value(value) if !is_scalar(&value) => Outcome::Error(format!(
                "Strict jsonpath mode requires scalar value, and the actual value is: '{value}'"
            )),
            other => other,
        };
        match outcome {
            Outcome::Value(Value::String(text)) => {
                out.push_str(&text);
                Ok(true)
            }
            Outcome::Value(value) => {
                write_json(&value, out);
                Ok(true)
            }
            Outcome::Empty => match on_empty.as_str() {
                "ERROR" => exec_err!("Empty result of JSON_VALUE function is not allowed"),
                "DEFAULT" => {
                    source[row] = EMPTY_DEFAULT;
                    Ok(false)
                }
                _ => Ok(false),
            },
            Outcome::Error(error) => failed(&mut source[row], &error),
        }
    })?;
    let found = Cast::new(FlinkType::string(), ty.clone(), OnFailure::Null)?.cast(&texts)?;
    for (row, source) in source.iter_mut().enumerate() {
        if texts.is_valid(row) && found.is_null(row) {
            let text = texts.as_string::<i32>().value(row);
            failed(source, &format!("'{text}' is not a value of the type {ty}"))?;
        }
    }
    if source.iter().all(|source| *source == FOUND) {
        return Ok(found);
    }
    let default = |index: usize| -> Result<ArrayRef> {
        if args.has(index) {
            args.cast_to(index, &ty)
        } else {
            Ok(arrow::array::new_null_array(&ty.to_arrow(), args.rows))
        }
    };
    let (empty, error) = (default(4)?, default(6)?);
    let picks: Vec<(usize, usize)> = source.into_iter().zip(0..).collect();
    Ok(interleave(
        &[found.as_ref(), empty.as_ref(), error.as_ref()],
        &picks,
    )?)
}

/// `(json, path, type, wrapper, on empty, on error)`.
fn resolve_query(call: &Call<'_>) -> Result<Resolved> {
    let strings = call
        .types
        .iter()
        .all(|ty| ty.is_string() || ty.kind == TypeKind::Null);
    if call.types.len() < 2 || call.types.len() > 6 || !strings {
        return Err(call.mismatch("JSON_QUERY(<CHARACTER_STRING>, <CHARACTER_STRING>)"));
    }
    check_path(call)?;
    let ty = returning(call, 2)?;
    let string_array = matches!(&ty.kind, TypeKind::Array(item) if item.is_string());
    if !ty.is_string() && !string_array {
        return plan_err!("JSON_QUERY cannot return {ty}; use STRING or ARRAY<STRING>");
    }
    Ok(Resolved {
        args: vec![STRING; call.types.len()],
        result: ty,
    })
}

fn json_query(args: &Args) -> Result<ArrayRef> {
    let text = args.strs(0)?;
    let mut paths = Paths::of(args, 1)?;
    let wrapper = behaviour(args, 3)?;
    let (on_empty, on_error) = (behaviour(args, 4)?, behaviour(args, 5)?);
    let instead = |behaviour: &str, error: &str| -> Result<Option<Value>> {
        if behaviour.contains("ERROR") {
            exec_err!("{error}")
        } else if behaviour.contains("ARRAY") {
            Ok(Some(Value::Array(Vec::new())))
        } else if behaviour.contains("OBJECT") {
            Ok(Some(Value::Object(serde_json::Map::new())))
        } else {
            Ok(None)
        }
    };
    let mut value_of = |row: usize| -> Result<Option<Value>> {
        let (Some(text), Some(path)) = (text.get(row), paths.at(row)?) else {
            return Ok(None);
        };
        let value = match search(text, path) {
            Outcome::Value(value) => value,
            Outcome::Empty => {
                return instead(
                    &on_empty,
                    "Empty result of JSON_QUERY function is not allowed",
                );
            }
            Outcome::Error(error) => return instead(&on_error, &error),
        };
        let value = if wrapper.contains("UNCONDITIONAL")
            || (wrapper.contains("CONDITIONAL") && !value.is_array())
            || (wrapper.starts_with("WITH ") && !wrapper.contains("CONDITIONAL"))
        {
            Value::Array(vec![value])
        } else {
            value
        };
        if !is_scalar(&value) {
            return Ok(Some(value));
        }
        if path.strict {
            let error = format!(
                "Strict jsonpath mode requires array or object value, and the actual value is: \
                 '{value}'"
            );
            return instead(&on_error, &error);
        }
        instead(
            &on_empty,
            "Empty result of JSON_QUERY function is not allowed",
        )
    };
    if args.result.data_type() == &DataType::Utf8 {
        return strings(args.rows, |row, out| {
            Ok(value_of(row)?
                .map(|value| write_json(&value, out))
                .is_some())
        });
    }
    let mut builder = ListBuilder::new(StringBuilder::new());
    let mut item_text = String::new();
    for row in 0..args.rows {
        match value_of(row)? {
            Some(Value::Array(items)) => {
                for item in &items {
                    match item {
                        Value::Null => builder.values().append_null(),
                        Value::String(text) => builder.values().append_value(text),
                        other => {
                            item_text.clear();
                            write_json(other, &mut item_text);
                            builder.values().append_value(&item_text);
                        }
                    }
                }
                builder.append(true);
            }
            _ => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

// ---- Writing ----

/// Appends a value without blanks and with sorted keys.
fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                comma(index, out);
                write_json(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            out.push('{');
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                comma(index, out);
                write_text(key, out);
                out.push(':');
                write_json(value, out);
            }
            out.push('}');
        }
    }
}

fn comma(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

fn write_escape(c: char, out: &mut String) {
    use std::fmt::Write;
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        c if c < ' ' => {
            let _ = write!(out, "\\u{:04X}", u32::from(c));
        }
        c => out.push(c),
    }
}

/// Appends a text in quotes, as a JSON string.
pub fn write_text(text: &str, out: &mut String) {
    out.push('"');
    text.chars().for_each(|c| write_escape(c, out));
    out.push('"');
}

/// Writes the values of an argument as JSON.
struct Writer {
    array: crate::call::Rows,
    ty: FlinkType,
    raw: bool,
}

impl Writer {
    fn of(args: &Args, index: usize) -> Result<Self> {
        Ok(Self {
            array: args.any(index)?,
            ty: args.ty(index),
            raw: args.is_json(index),
        })
    }

    /// Appends the value of a row; false for NULL.
    fn write(&self, row: usize, out: &mut String) -> Result<bool> {
        let Some(at) = self.array.at(row) else {
            return Ok(false);
        };
        let array = self.array.array.as_ref();
        if self.raw {
            out.push_str(array.as_string::<i32>().value(at));
        } else {
            write_value(array, at, &self.ty, out)?;
        }
        Ok(true)
    }
}

fn write_value(array: &dyn Array, row: usize, ty: &FlinkType, out: &mut String) -> Result<()> {
    if array.is_null(row) {
        out.push_str("null");
        return Ok(());
    }
    match &ty.kind {
        TypeKind::Boolean => out.push_str(if array.as_boolean().value(row) {
            "true"
        } else {
            "false"
        }),
        TypeKind::Double if !array.as_primitive::<Float64Type>().value(row).is_finite() => {
            shown(array, row, ty, true, out);
        }
        TypeKind::Float if !array.as_primitive::<Float32Type>().value(row).is_finite() => {
            shown(array, row, ty, true, out);
        }
        TypeKind::Double => write_number(array.as_primitive::<Float64Type>().value(row), out),
        // Flink makes it a double first.
        TypeKind::Float => write_number(array.as_primitive::<Float32Type>().value(row).into(), out),
        TypeKind::Decimal { scale, .. } => {
            let value = array
                .as_primitive::<arrow::datatypes::Decimal128Type>()
                .value(row);
            write_decimal(value, *scale, out);
        }
        _ if ty.is_numeric() => shown(array, row, ty, false, out),
        TypeKind::Char(_) | TypeKind::Varchar(_) => {
            write_text(array.as_string::<i32>().value(row), out)
        }
        TypeKind::Binary(_) | TypeKind::Varbinary(_) => {
            let mut text = String::new();
            super::strings::base64(array.as_binary::<i32>().value(row), &mut text);
            write_text(&text, out);
        }
        TypeKind::Array(item) => {
            let items = array.as_list::<i32>().value(row);
            out.push('[');
            for at in 0..items.len() {
                comma(at, out);
                write_value(items.as_ref(), at, item, out)?;
            }
            out.push(']');
        }
        TypeKind::Map(key, value) => {
            if !key.is_string() {
                return exec_err!("Only maps with string keys can be written as JSON, not {ty}");
            }
            let entries = array.as_map().value(row);
            let keys = entries.column(0).as_string::<i32>();
            let sorted: BTreeMap<&str, usize> =
                (0..keys.len()).map(|at| (keys.value(at), at)).collect();
            out.push('{');
            for (index, (key, at)) in sorted.into_iter().enumerate() {
                comma(index, out);
                write_text(key, out);
                out.push(':');
                write_value(entries.column(1).as_ref(), at, value, out)?;
            }
            out.push('}');
        }
        TypeKind::Row(fields) => {
            let columns = array.as_struct().columns();
            let sorted: BTreeMap<&str, usize> = fields
                .iter()
                .enumerate()
                .map(|(at, field)| (field.name.as_str(), at))
                .collect();
            out.push('{');
            for (index, (name, at)) in sorted.into_iter().enumerate() {
                comma(index, out);
                write_text(name, out);
                out.push(':');
                match columns.get(at) {
                    Some(column) => write_value(column.as_ref(), row, &fields[at].ty, out)?,
                    None => out.push_str("null"),
                }
            }
            out.push('}');
        }
        TypeKind::Timestamp(_) => {
            let mut text = String::new();
            shown(array, row, ty, false, &mut text);
            // With seconds always, where a row leaves out those that are zero.
            if text.matches(':').count() == 1 {
                text.push_str(":00");
            }
            write_text(&text, out);
        }
        _ => shown(array, row, ty, true, out),
    }
    Ok(())
}

/// Appends a double as Flink writes it into JSON: the decimal number that Java shows it as, the way Java shows
/// decimals (1.0E+16, 0.00010).
fn write_number(value: f64, out: &mut String) {
    use std::fmt::Write;
    let mut text = String::new();
    crate::display::write_double(value, &mut text);
    let (mantissa, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = match digits.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    // A decimal has no negative zero.
    out.push_str(if digits == "0" { "" } else { sign });
    let scale = fraction.len() as i32 - exponent;
    let first = digits.len() as i32 - 1 - scale;
    if scale == 0 {
        out.push_str(digits);
    } else if scale > 0 && first >= -6 {
        let scale = scale as usize;
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        let _ = write!(out, "{whole}.{fraction}");
    } else {
        let (lead, rest) = digits.split_at(1);
        out.push_str(lead);
        if !rest.is_empty() {
            let _ = write!(out, ".{rest}");
        }
        let _ = write!(out, "E{first:+}");
    }
}

/// A value as Java shows it, quoted or not.
fn shown(array: &dyn Array, row: usize, ty: &FlinkType, quoted: bool, out: &mut String) {
    if quoted {
        out.push('"');
    }
    Formatter::new(ty, Style::Row).write(array, row, out);
    if quoted {
        out.push('"');
    }
}

fn on_null_argument(call: &Call<'_>) -> Result<()> {
    match call.types.first() {
        Some(ty) if ty.is_string() => Ok(()),
        _ => Err(call.mismatch(&format!("{}(… [NULL | ABSENT] ON NULL)", call.name))),
    }
}

/// `(on null, key, value, …)`.
fn resolve_object(call: &Call<'_>) -> Result<Resolved> {
    on_null_argument(call)?;
    let keys = call.types[1..].iter().step_by(2).all(|ty| ty.is_string());
    if !keys || call.types.len().is_multiple_of(2) {
        return Err(call.mismatch("JSON_OBJECT(KEY <CHARACTER_STRING> VALUE <ANY>, …)"));
    }
    let args = call.types.iter().map(|ty| ty.kind.clone()).collect();
    Ok(Resolved {
        args,
        result: FlinkType::string().not_null(),
    })
}

fn json_object(args: &Args) -> Result<ArrayRef> {
    let absent = behaviour(args, 0)? == "ABSENT";
    let pairs = (1..args.len())
        .step_by(2)
        .map(|index| Ok((args.strs(index)?, Writer::of(args, index + 1)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut value = String::new();
    strings(args.rows, |row, out| {
        let mut sorted: BTreeMap<&str, String> = BTreeMap::new();
        for (key, writer) in &pairs {
            let Some(key) = key.get(row) else {
                return exec_err!("A key of JSON_OBJECT must not be NULL");
            };
            value.clear();
            if writer.write(row, &mut value)? {
                sorted.insert(key, value.clone());
            } else if !absent {
                sorted.insert(key, "null".to_string());
            }
        }
        out.push('{');
        for (index, (key, value)) in sorted.into_iter().enumerate() {
            comma(index, out);
            write_text(key, out);
            out.push(':');
            out.push_str(&value);
        }
        out.push('}');
        Ok(true)
    })
}

/// `(on null, value, …)`.
fn resolve_array(call: &Call<'_>) -> Result<Resolved> {
    on_null_argument(call)?;
    let args = call.types.iter().map(|ty| ty.kind.clone()).collect();
    Ok(Resolved {
        args,
        result: FlinkType::string().not_null(),
    })
}

fn json_array(args: &Args) -> Result<ArrayRef> {
    let absent = behaviour(args, 0)? == "ABSENT";
    let writers = (1..args.len())
        .map(|index| Writer::of(args, index))
        .collect::<Result<Vec<_>>>()?;
    strings(args.rows, |row, out| {
        out.push('[');
        let mut count = 0;
        for writer in &writers {
            let before = out.len();
            comma(count, out);
            if writer.write(row, out)? {
                count += 1;
            } else if absent {
                out.truncate(before);
            } else {
                out.push_str("null");
                count += 1;
            }
        }
        out.push(']');
        Ok(true)
    })
}

/// `JSON(text)`: a text that is JSON already. Blank is NULL.
fn json(args: &Args) -> Result<ArrayRef> {
    let text = args.strs(0)?;
    strings(args.rows, |row, out| {
        let Some(text) = text.get(row).filter(|text| !text.trim().is_empty()) else {
            return Ok(false);
        };
        match serde_json::from_str::<Value>(text) {
            Ok(value) => {
                write_json(&value, out);
                Ok(true)
            }
            Err(error) => exec_err!(
                "Invalid JSON string in JSON(value) function: '{text}' at [line: {}, column: {}]",
                error.line(),
                error.column()
            ),
        }
    })
}

/// Quotes a text as JSON in ASCII, the slash escaped.
fn quote(text: &str, out: &mut String) {
    use std::fmt::Write;
    out.push('"');
    for c in text.chars() {
        match c {
            '/' => out.push_str("\\/"),
            c if c.is_ascii() && c != '\u{7f}' => write_escape(c, out),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// Takes the quotes off and undoes escapes; a text that is not quoted, or has a broken escape,
/// stays as it is.
fn unquote(text: &str, out: &mut String) {
    let start = out.len();
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    if inner.is_none_or(|inner| unescape(inner, out).is_none()) {
        out.truncate(start);
        out.push_str(text);
    }
}

fn unescape(text: &str, out: &mut String) -> Option<()> {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next()? {
            'b' => out.push('\u{8}'),
            't' => out.push('\t'),
            'n' => out.push('\n'),
            'f' => out.push('\u{c}'),
            'r' => out.push('\r'),
            'u' => {
                let mut unit = || {
                    (0..4).try_fold(0_u16, |value, _| {
                        Some(value << 4 | chars.next()?.to_digit(16)? as u16)
                    })
                };
                let first = unit()?;
                let units = if (0xd800..0xdc00).contains(&first) {
                    let rest = chars.as_str().strip_prefix("\\u")?;
                    chars = rest.chars();
                    let mut second = || {
                        (0..4).try_fold(0_u16, |value, _| {
                            Some(value << 4 | chars.next()?.to_digit(16)? as u16)
                        })
                    };
                    vec![first, second()?]
                } else {
                    vec![first]
                };
                out.push_str(&String::from_utf16(&units).ok()?);
            }
            c => out.push(c),
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use crate::testing::{Argument, call, column, failure, int, literal, nested, null, one, text};

    const DOCUMENT: &str = r#"{"b": [1, null, {"c": "x"}], "a": {"d": 2.50}, "s": "t"}"#;

    fn value(path: &str, args: &[Argument]) -> String {
        let mut all = vec![text(DOCUMENT), text(path)];
        all.extend_from_slice(args);
        one("json_value", &all)
    }

    #[test]
    fn scalars_are_read() {
        assert_eq!(value("$.s", &[]), "t");
        assert_eq!(value("$.a.d", &[]), "2.50");
        assert_eq!(value("$.a.d", &[text("DOUBLE")]), "2.5");
        assert_eq!(value("$.nope", &[]), "null");
        assert_eq!(value("$.a", &[]), "null", "an object is no scalar");
        let clauses =
            |empty: &str, error: &str| [text("INT"), text(empty), int(1), text(error), int(2)];
        assert_eq!(value("lax $.nope", &clauses("DEFAULT", "NULL")), "1");
        assert_eq!(value("strict $.nope", &clauses("NULL", "DEFAULT")), "2");
        assert_eq!(
            value("$.s", &clauses("NULL", "DEFAULT")),
            "2",
            "'t' is not an INT"
        );
        let mut args = vec![text("no json"), text("$")];
        args.extend(clauses("NULL", "ERROR"));
        assert!(failure("json_value", &args).contains("not valid JSON"));
    }

    #[test]
    fn arrays_and_objects_are_read() {
        let query = |path: &str, args: &[Argument]| {
            let mut all = vec![text(DOCUMENT), text(path)];
            all.extend_from_slice(args);
            one("json_query", &all)
        };
        assert_eq!(query("$.b", &[]), r#"[1,null,{"c":"x"}]"#);
        assert_eq!(
            query("$.b", &[text("ARRAY<STRING>")]),
            r#"[1, null, {"c":"x"}]"#
        );
        let wrapped = |wrapper: &str| query("$.s", &[text("STRING"), text(wrapper)]);
        assert_eq!(wrapped("WITHOUT ARRAY"), "null");
        assert_eq!(wrapped("WITH CONDITIONAL ARRAY"), r#"["t"]"#);
        let empty = [
            text("STRING"),
            text("WITHOUT ARRAY"),
            text("EMPTY OBJECT"),
            text("NULL"),
        ];
        assert_eq!(query("lax $.nope", &empty), "{}");
        let exists = |path: &str| one("json_exists", &[text(DOCUMENT), text(path)]);
        assert_eq!([exists("$.a"), exists("$.z")], ["true", "false"]);
        let texts = column("STRING", &[Some("{}"), Some("[1]"), Some("{"), None]);
        assert_eq!(
            call("__is_json", std::slice::from_ref(&texts)),
            ["true", "true", "false", "null"]
        );
        assert_eq!(
            call("__is_json", &[texts, text("ARRAY")]),
            ["false", "true", "false", "null"]
        );
    }

    #[test]
    fn json_is_written_with_sorted_keys() {
        let object = [text("NULL"), text("z"), int(1), text("a"), null()];
        assert_eq!(one("__json_object", &object), r#"{"a":null,"z":1}"#);
        let object = [text("ABSENT"), text("z"), text("\"q\""), text("a"), null()];
        assert_eq!(one("__json_object", &object), r#"{"z":"\"q\""}"#);
        let inner = nested("__json", &[text("{ \"k\": 1 }")]);
        assert_eq!(
            one("__json_array", &[text("NULL"), inner, null()]),
            r#"[{"k":1},null]"#
        );
        assert!(failure("__json", &[text("{")]).contains("Invalid JSON string"));
        let row = nested(
            "__row",
            &[
                literal("DATE", "2024-01-02"),
                literal("DECIMAL(3, 1)", "1.5"),
            ],
        );
        assert_eq!(
            one("json_string", &[row]),
            r#"{"EXPR$0":"2024-01-02","EXPR$1":1.5}"#
        );
    }

    #[test]
    fn quoting_round_trips() {
        for original in ["plain", "a\"b\\c/d", "tab\tline\n", "ä😀"] {
            let quoted = one("json_quote", &[text(original)]);
            assert!(quoted.is_ascii());
            assert_eq!(one("json_unquote", &[text(&quoted)]), original);
        }
        assert_eq!(
            one("json_unquote", &[text(r#""broken \u00""#)]),
            r#""broken \u00""#
        );
        assert_eq!(one("json_unquote", &[text("\"")]), "\"");
    }
}
