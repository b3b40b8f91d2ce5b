//! JSON paths: `$.store.book[0]['title']`, `[*]`, `..name`, with the modes `lax` and `strict` of
//! the SQL standard. Filters (`[?(…)]`) are not supported.

use datafusion_common::{Result, plan_err};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Name(String),
    /// From 0; negative from the end.
    Index(i64),
    /// Every item of an array or every value of an object.
    All,
    /// Every value with this name, at any depth (`None`: every value).
    Deep(Option<String>),
}

/// A compiled path.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    text: String,
    /// `strict` fails where nothing is found, `lax` finds nothing.
    pub strict: bool,
    steps: Vec<Step>,
}

/// What a path leads to.
pub(super) enum Found<'a> {
    One(&'a Value),
    /// The values of a path that may lead to many; together they are an array.
    Many(Vec<&'a Value>),
    /// Nothing is there.
    Missing,
}

impl Path {
    /// # Errors
    /// If the text is not a path, or uses a filter.
    pub fn compile(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        let (strict, path) = match trimmed.split_once(char::is_whitespace) {
            Some((mode, rest)) if mode.eq_ignore_ascii_case("lax") => (false, rest.trim()),
            Some((mode, rest)) if mode.eq_ignore_ascii_case("strict") => (true, rest.trim()),
            _ => (true, trimmed),
        };
        let Some(rest) = path.strip_prefix('$') else {
            return plan_err!("The JSON path '{text}' must start with '$'");
        };
        let mut steps = Vec::new();
        let mut chars = rest.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '.' => {
                    let deep = chars.next_if_eq(&'.').is_some();
                    if chars.peek() == Some(&'[') && !deep {
                        continue;
                    }
                    let mut name = String::new();
                    while let Some(c) = chars.next_if(|c| !matches!(c, '.' | '[')) {
                        name.push(c);
                    }
                    let name = name.trim();
                    steps.push(match (name, deep) {
                        ("*", true) => Step::Deep(None),
                        ("*", false) => Step::All,
                        ("", _) => return plan_err!("The JSON path '{text}' has an empty name"),
                        (name, true) => Step::Deep(Some(name.to_string())),
                        (name, false) => Step::Name(name.to_string()),
                    });
                }
                '[' => {
                    let mut inside = String::new();
                    let mut quote = None;
                    loop {
                        match (chars.next(), quote) {
                            (None, _) => {
                                return plan_err!("The JSON path '{text}' has no closing ']'");
                            }
                            (Some(']'), None) => break,
                            (Some('\\'), Some(_)) => inside.extend(chars.next()),
                            (Some(c), Some(open)) if c == open => quote = None,
                            (Some(c @ ('\'' | '"')), None) => {
                                quote = Some(c);
                                // Marks a name, which may look like a number.
                                inside.insert(0, '\'');
                            }
                            (Some(c), _) => inside.push(c),
                        }
                    }
                    let inside = inside.trim();
                    steps.push(if let Some(name) = inside.strip_prefix('\'') {
                        Step::Name(name.to_string())
                    } else if inside == "*" {
                        Step::All
                    } else if let Ok(index) = inside.parse() {
                        Step::Index(index)
                    } else {
                        return plan_err!(
                            "'[{inside}]' in the JSON path '{text}' is not supported; use an \
                             index, a quoted name or *"
                        );
                    });
                }
                c if c.is_whitespace() => {}
                c => return plan_err!("Unexpected '{c}' in the JSON path '{text}'"),
            }
        }
        Ok(Self {
            text: path.to_string(),
            strict,
            steps,
        })
    }

    /// The path itself, for errors.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Follows the path from `root`.
    pub fn find<'a>(&self, root: &'a Value) -> Found<'a> {
        let indefinite = self
            .steps
            .iter()
            .any(|step| matches!(step, Step::All | Step::Deep(_)));
        let mut current = vec![root];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in current {
                step.apply(value, &mut next);
            }
            current = next;
        }
        match (indefinite, current.first()) {
            (true, _) => Found::Many(current),
            (false, Some(value)) => Found::One(value),
            (false, None) => Found::Missing,
        }
    }
}

impl Step {
    fn apply<'a>(&self, value: &'a Value, out: &mut Vec<&'a Value>) {
        match (self, value) {
            (Step::Name(name), Value::Object(fields)) => out.extend(fields.get(name)),
            (Step::Index(index), Value::Array(items)) => {
                let at = if *index < 0 {
                    items.len() as i64 + index
                } else {
                    *index
                };
                out.extend(usize::try_from(at).ok().and_then(|at| items.get(at)));
            }
            (Step::All, Value::Array(items)) => out.extend(items),
            (Step::All, Value::Object(fields)) => out.extend(fields.values()),
            (Step::Deep(name), value) => deep(name.as_deref(), value, out),
            _ => {}
        }
    }
}

fn deep<'a>(name: Option<&str>, value: &'a Value, out: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if name.is_none_or(|name| name == key) {
                    out.push(value);
                }
                deep(name, value, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                if name.is_none() {
                    out.push(item);
                }
                deep(name, item, out);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, json: &str) -> String {
        let value: Value = serde_json::from_str(json).unwrap();
        match Path::compile(path).unwrap().find(&value) {
            Found::One(value) => value.to_string(),
            Found::Many(values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                format!("many {}", values.join(" "))
            }
            Found::Missing => "missing".to_string(),
        }
    }

    #[test]
    fn paths_lead_to_values() {
        let json = r#"{"a": {"b c": [1, {"d": 2}]}, "d": 3, "0": 4}"#;
        for (path, expected) in [
            ("$.a['b c'][0]", "1"),
            ("$.a.['b c'][-1].d", "2"),
            ("$['0']", "4"),
            ("$[0]", "missing"),
            ("lax $.x.y", "missing"),
            ("$..d", "many 2 3"),
            ("$.a['b c'][*]", "many 1 {\"d\":2}"),
            ("$", "{\"0\":4,\"a\":{\"b c\":[1,{\"d\":2}]},\"d\":3}"),
        ] {
            assert_eq!(found(path, json), expected, "{path}");
        }
        assert!(Path::compile("STRICT $").unwrap().strict);
        assert!(!Path::compile("lax $").unwrap().strict);
        for bad in ["a.b", "$.", "$[", "$[?(@.a > 1)]", "$x"] {
            assert!(Path::compile(bad).is_err(), "{bad}");
        }
    }
}
