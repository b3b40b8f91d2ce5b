//! Values of parameters: what TOML can say, without its spelling.

use std::fmt;
use std::fmt::Write as _;

use toml_edit::{Item, TableLike};

/// A value of a parameter, of a setting or of a key that this version does not know.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date, a time or both, as TOML writes it.
    Datetime(String),
    /// A list.
    List(Vec<Value>),
    /// A table. The order of its entries counts.
    Table(Entries),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Text(a), Value::Text(b)) | (Value::Datetime(a), Value::Datetime(b)) => a == b,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            // By bits, so that a document with NaN in it equals itself.
            (Value::Number(a), Value::Number(b)) => a.to_bits() == b.to_bits(),
            (Value::Boolean(a), Value::Boolean(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Table(a), Value::Table(b)) => a == b,
            _ => false,
        }
    }
}

impl Value {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries, if it is a table.
    pub fn as_table(&self) -> Option<&Entries> {
        match self {
            Value::Table(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// A scalar as the text that stands in an option's value; `None` for lists and tables.
    pub fn to_option_text(&self) -> Option<String> {
        match self {
            Value::Text(text) | Value::Datetime(text) => Some(text.clone()),
            Value::Integer(n) => Some(n.to_string()),
            Value::Number(n) => Some(n.to_string()),
            Value::Boolean(b) => Some(b.to_string()),
            Value::List(_) | Value::Table(_) => None,
        }
    }

    /// What it is, for messages: "text", "a list", ….
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Text(_) => "text",
            Value::Integer(_) => "a whole number",
            Value::Number(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::Datetime(_) => "a date or time",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// Reads what toml_edit parsed; `None` for an item that is not there.
    pub(crate) fn from_item(item: &Item) -> Option<Value> {
        match item {
            Item::None => None,
            Item::Value(value) => Some(Value::from_toml_value(value)),
            Item::Table(table) => Some(Value::Table(Entries::from_table(table))),
            Item::ArrayOfTables(tables) => Some(Value::List(
                tables
                    .iter()
                    .map(|table| Value::Table(Entries::from_table(table)))
                    .collect(),
            )),
        }
    }

    fn from_toml_value(value: &toml_edit::Value) -> Value {
        match value {
            toml_edit::Value::String(text) => Value::Text(text.value().clone()),
            toml_edit::Value::Integer(n) => Value::Integer(*n.value()),
            toml_edit::Value::Float(n) => Value::Number(*n.value()),
            toml_edit::Value::Boolean(b) => Value::Boolean(*b.value()),
            toml_edit::Value::Datetime(datetime) => Value::Datetime(datetime.value().to_string()),
            toml_edit::Value::Array(items) => {
                Value::List(items.iter().map(Value::from_toml_value).collect())
            }
            toml_edit::Value::InlineTable(table) => Value::Table(Entries::from_table(table)),
        }
    }

    /// The value as it stands behind `key =`.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Value::Text(text) => write_text(out, text),
            Value::Integer(n) => {
                let _ = write!(out, "{n}");
            }
            Value::Number(n) => {
                let _ = write!(out, "{}", toml_edit::Value::from(*n));
            }
            Value::Boolean(b) => {
                let _ = write!(out, "{b}");
            }
            Value::Datetime(text) => out.push_str(text),
            Value::List(items) => write_list(out, items),
            Value::Table(entries) => {
                if entries.is_empty() {
                    out.push_str("{}");
                    return;
                }
                out.push_str("{ ");
                for (i, (key, value)) in entries.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    write_key(out, key);
                    out.push_str(" = ");
                    value.write(out);
                }
                out.push_str(" }");
            }
        }
    }
}

/// Lists longer than this stand on several lines.
const LIST_WIDTH: usize = 88;

fn write_list(out: &mut String, items: &[Value]) {
    let parts: Vec<String> = items
        .iter()
        .map(|item| {
            let mut part = String::new();
            item.write(&mut part);
            part
        })
        .collect();
    let width: usize = parts.iter().map(|part| part.len() + 2).sum();
    if width <= LIST_WIDTH && !parts.iter().any(|part| part.contains('\n')) {
        let _ = write!(out, "[{}]", parts.join(", "));
    } else {
        out.push_str("[\n");
        for part in parts {
            let _ = writeln!(out, "    {part},");
        }
        out.push(']');
    }
}

/// A key, quoted if it must be.
pub(crate) fn write_key(out: &mut String, key: &str) {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare {
        out.push_str(key);
    } else {
        write_basic(out, key);
    }
}

/// Text of several lines stands in a `'''` block when it can, so that a query reads as it is.
fn write_text(out: &mut String, text: &str) {
    let plain = |c: char| c == '\t' || !c.is_control();
    if text.contains('\n') && !text.contains("'''") && text.chars().all(|c| c == '\n' || plain(c)) {
        // A quote right before the closing quotes is allowed by TOML but reads badly.
        if !text.ends_with('\'') {
            let _ = write!(out, "'''\n{text}'''");
            return;
        }
    }
    if text.contains(['"', '\\']) && !text.contains('\'') && text.chars().all(plain) {
        let _ = write!(out, "'{text}'");
        return;
    }
    write_basic(out, text);
}

fn write_basic(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_string())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Value::Integer(n)
    }
}

impl From<f64> for Value {
    fn from(n: f64) -> Self {
        Value::Number(n)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Boolean(b)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

impl From<Entries> for Value {
    fn from(entries: Entries) -> Self {
        Value::Table(entries)
    }
}

/// A table whose entries have an order: columns with their expressions, options, a schema.
///
/// Keys are unique.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entries(Vec<(String, Value)>);

impl Entries {
    /// No entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Sets a key: in its place if it is there, at the end otherwise.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(k, _)| *k == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }

    /// The same entries and one more; for building in one expression.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.insert(key, value);
        self
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let index = self.0.iter().position(|(k, _)| k == key)?;
        Some(self.0.remove(index).1)
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|(k, _)| k.as_str())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn from_table(table: &dyn TableLike) -> Self {
        let mut entries = Entries::new();
        for (key, item) in table.iter() {
            if let Some(value) = Value::from_item(item) {
                entries.insert(key, value);
            }
        }
        entries
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Entries {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(iter: I) -> Self {
        let mut entries = Entries::new();
        for (key, value) in iter {
            entries.insert(key, value);
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is read as the same value.
    fn written(value: Value) -> String {
        let text = value.to_string();
        let document: toml_edit::DocumentMut = format!("key = {text}\n").parse().unwrap();
        assert_eq!(Value::from_item(&document["key"]), Some(value), "{text}");
        text
    }

    #[test]
    fn scalars() {
        assert_eq!(written("plain".into()), "\"plain\"");
        assert_eq!(written(42.into()), "42");
        assert_eq!(written(0.5.into()), "0.5");
        assert_eq!(written(3.0.into()), "3.0");
        assert_eq!(written(f64::NAN.into()), "nan");
        assert_eq!(written(true.into()), "true");
        assert_eq!(
            written(Value::Datetime("2024-01-01T00:00:00".into())),
            "2024-01-01T00:00:00"
        );
    }

    #[test]
    fn text_takes_the_quotes_that_need_no_escapes() {
        assert_eq!(written(r#"a "quoted" \d"#.into()), r#"'a "quoted" \d'"#);
        assert_eq!(written("it's".into()), r#""it's""#);
        assert_eq!(written("it's \"both\"".into()), r#""it's \"both\"""#);
        assert_eq!(
            written("SELECT 1\nFROM t\n".into()),
            "'''\nSELECT 1\nFROM t\n'''"
        );
        assert_eq!(written("\n\nSELECT".into()), "'''\n\n\nSELECT'''");
        assert_eq!(written("a\r\nb".into()), "\"a\\r\\nb\"");
        assert_eq!(written("'''\n".into()), "\"'''\\n\"");
        assert_eq!(written("WHERE a\n = 'x'".into()), "\"WHERE a\\n = 'x'\"");
        assert_eq!(written("\u{7f}\u{1}".into()), "\"\\u007F\\u0001\"");
    }

    #[test]
    fn lists_and_tables() {
        assert_eq!(written(vec!["a", "b"].into()), r#"["a", "b"]"#);
        assert_eq!(written(Value::List(vec![])), "[]");
        assert_eq!(written(Entries::new().into()), "{}");
        let table = Entries::new().with("b.c", 1).with("a", vec![true]);
        assert_eq!(written(table.into()), r#"{ "b.c" = 1, a = [true] }"#);
        let long = written(vec!["a_rather_long_column_name"; 5].into());
        assert!(long.starts_with("[\n    \"a_rather"), "{long}");
    }

    #[test]
    fn the_order_of_entries_counts() {
        let ab = Entries::new().with("a", 1).with("b", 2);
        let ba = Entries::new().with("b", 2).with("a", 1);
        assert_ne!(ab, ba);
        let mut changed = ab.clone();
        changed.insert("a", 3);
        assert_eq!(changed.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(changed.remove("a"), Some(Value::Integer(3)));
        assert_eq!(changed.len(), 1);
    }
}
