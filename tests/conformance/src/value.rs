//! Values as the recorded cases hold them: JSON, Java's wrapped scalars, Java's type expressions; and
//! from there to Arrow.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, DurationMillisecondArray, ListArray,
    MapArray, StringArray, StructArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use datafusion_common::DataFusionError;
use millstream_functions::cast::{Cast, OnFailure};
use millstream_functions::display::{Formatter, Style};
use millstream_functions::{FlinkType, RowField, TypeKind};
use serde_json::Value;

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

/// Java strings may hold half of a character; Rust's cannot. Such halves become U+FFFD.
pub(crate) fn without_lone_surrogates(text: &str) -> String {
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

/// A recorded value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
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

pub(crate) fn value(json: &Value) -> std::result::Result<Json, String> {
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

pub(crate) fn timestamp_text(iso: &str) -> String {
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

pub(crate) fn java_expr_type(json: &Value) -> Option<std::result::Result<FlinkType, String>> {
    (json["$t"] == "Expr").then(|| java_type(json["v"].as_str().unwrap_or_default()))
}

pub(crate) fn java_type(text: &str) -> std::result::Result<FlinkType, String> {
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

pub(crate) fn show(ty: &FlinkType, array: &ArrayRef) -> String {
    let mut out = String::new();
    Formatter::new(ty, Style::Row).write(array.as_ref(), 0, &mut out);
    out
}

pub(crate) fn build(ty: &FlinkType, values: &[Json]) -> std::result::Result<ArrayRef, String> {
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
pub(crate) fn same(a: &dyn Array, i: usize, b: &dyn Array, j: usize) -> bool {
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
