//! Regular expressions, as Java's `Pattern` reads them where the two dialects meet: `\d`, `\w`,
//! `\s` and `\b` mean ASCII. Look-around and back references are not supported.

use std::borrow::Cow;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion_common::{Result, exec_err, plan_err};
use regex::Regex;

use crate::call::{Args, Call, FlinkFunction, Is, Out, STRING, Strs, booleans, prims, strings};
use crate::types::{FlinkType, TypeKind};

use Is::{Int, Str};

pub(crate) fn functions() -> Vec<FlinkFunction> {
    vec![
        FlinkFunction::of(
            "regexp",
            &[&[Str, Str]],
            Out::Strict(TypeKind::Boolean),
            |args| {
                let text = args.strs(0)?;
                let mut regexes = Regexes::of(args, 1)?;
                booleans(args.rows, |row| {
                    let (Some(text), Some(regex)) = (text.get(row), regexes.pattern(row)) else {
                        return Ok(None);
                    };
                    // Flink: an empty pattern matches nothing, a wrong one too.
                    if regex.is_empty() {
                        return Ok(Some(false));
                    }
                    Ok(Some(
                        regexes.at(row).is_some_and(|regex| regex.is_match(text)),
                    ))
                })
            },
        ),
        FlinkFunction::of(
            "regexp_extract",
            &[&[Str, Str], &[Str, Str, Int]],
            Out::Infer(nullable_string),
            |args| {
                let text = args.strs(0)?;
                let mut regexes = Regexes::of(args, 1)?;
                let group = args
                    .has(2)
                    .then(|| args.prims::<Int64Type>(2))
                    .transpose()?;
                strings(args.rows, |row, out| {
                    let group = match &group {
                        Some(group) => group.get(row),
                        None => Some(0),
                    };
                    let (Some(text), Some(group), Some(regex)) =
                        (text.get(row), group, regexes.at(row))
                    else {
                        return Ok(false);
                    };
                    let found = if group == 0 {
                        regex.find(text)
                    } else {
                        usize::try_from(group)
                            .ok()
                            .and_then(|group| regex.captures(text)?.get(group))
                    };
                    Ok(found.map(|found| out.push_str(found.as_str())).is_some())
                })
            },
        ),
        FlinkFunction::of(
            "regexp_replace",
            &[&[Str, Str, Str]],
            Out::Infer(nullable_string),
            |args| {
                let (text, replacement) = (args.strs(0)?, args.strs(2)?);
                let mut regexes = Regexes::of(args, 1)?;
                strings(args.rows, |row, out| {
                    let (Some(text), Some(replacement), Some(regex)) =
                        (text.get(row), replacement.get(row), regexes.at(row))
                    else {
                        return Ok(false);
                    };
                    Ok(replace_all(regex, text, replacement, out))
                })
            },
        ),
        FlinkFunction::of(
            "regexp_count",
            &[&[Str, Str]],
            Out::Nullable(TypeKind::Int),
            |args| {
                let text = args.strs(0)?;
                let mut regexes = Regexes::of(args, 1)?;
                prims::<Int32Type>(args.rows, &DataType::Int32, |row| {
                    let (Some(text), Some(regex)) = (text.get(row), regexes.at(row)) else {
                        return Ok(None);
                    };
                    Ok(Some(regex.find_iter(text).count() as i32))
                })
            },
        ),
        FlinkFunction::of(
            "regexp_instr",
            &[&[Str, Str]],
            Out::Nullable(TypeKind::Int),
            |args| {
                let text = args.strs(0)?;
                let mut regexes = Regexes::of(args, 1)?;
                prims::<Int32Type>(args.rows, &DataType::Int32, |row| {
                    let (Some(text), Some(regex)) = (text.get(row), regexes.at(row)) else {
                        return Ok(None);
                    };
                    Ok(Some(regex.find(text).map_or(0, |found| {
                        text[..found.start()].chars().count() as i32 + 1
                    })))
                })
            },
        ),
        FlinkFunction::of(
            "regexp_substr",
            &[&[Str, Str]],
            Out::Infer(nullable_string),
            |args| {
                let text = args.strs(0)?;
                let mut regexes = Regexes::of(args, 1)?;
                strings(args.rows, |row, out| {
                    let (Some(text), Some(regex)) = (text.get(row), regexes.at(row)) else {
                        return Ok(false);
                    };
                    Ok(regex
                        .find(text)
                        .map(|found| out.push_str(found.as_str()))
                        .is_some())
                })
            },
        ),
        FlinkFunction::of(
            "regexp_extract_all",
            &[&[Str, Str], &[Str, Str, Int]],
            Out::Infer(|call| {
                check(call)?;
                Ok(TypeKind::Array(Box::new(FlinkType::string())).into())
            }),
            extract_all,
        ),
        FlinkFunction::of(
            "__similar",
            &[&[Str, Str], &[Str, Str, Str]],
            Out::Strict(TypeKind::Boolean),
            similar,
        ),
    ]
}

fn nullable_string(call: &Call<'_>) -> Result<FlinkType> {
    check(call)?;
    Ok(FlinkType::new(STRING))
}

/// Refuses a wrong literal pattern when planning.
fn check(call: &Call<'_>) -> Result<()> {
    if let Some(pattern) = call.text(1)
        && let Err(error) = compile(pattern)
    {
        return plan_err!("Invalid regular expression for {}: {error}", call.name);
    }
    Ok(())
}

fn compile(pattern: &str) -> std::result::Result<Regex, regex::Error> {
    Regex::new(&from_java(pattern))
}

/// Java's character classes are of ASCII unless told otherwise.
fn from_java(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains('\\') {
        return Cow::Borrowed(pattern);
    }
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars();
    let mut inside_class = false;
    while let Some(c) = chars.next() {
        match c {
            '[' => inside_class = true,
            ']' => inside_class = false,
            _ => {}
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(escaped) = chars.next() else {
            out.push(c);
            break;
        };
        let class = match escaped {
            'd' => "0-9",
            'w' => "A-Za-z0-9_",
            's' => " \\t\\n\\x0B\\f\\r",
            'D' | 'W' | 'S' if inside_class => {
                out.push(c);
                out.push(escaped);
                continue;
            }
            'D' => "^0-9",
            'W' => "^A-Za-z0-9_",
            'S' => "^ \\t\\n\\x0B\\f\\r",
            'b' => {
                out.push_str("(?-u:\\b)");
                continue;
            }
            'Z' => {
                out.push_str("\\n?\\z");
                continue;
            }
            'Q' => {
                // A quoted stretch up to \E.
                let rest = chars.as_str();
                let (quoted, next) = rest.split_once("\\E").unwrap_or((rest, ""));
                out.push_str(&regex::escape(quoted));
                chars = next.chars();
                continue;
            }
            other => {
                out.push(c);
                out.push(other);
                continue;
            }
        };
        if inside_class {
            out.push_str(class);
        } else {
            out.push('[');
            out.push_str(class);
            out.push(']');
        }
    }
    Cow::Owned(out)
}

/// The pattern argument: compiled once as long as it stays the same.
struct Regexes {
    patterns: Strs,
    compiled: Option<(String, Option<Regex>)>,
}

impl Regexes {
    fn of(args: &Args, index: usize) -> Result<Self> {
        Ok(Self {
            patterns: args.strs(index)?,
            compiled: None,
        })
    }

    fn pattern(&self, row: usize) -> Option<&str> {
        self.patterns.get(row)
    }

    /// The compiled pattern of a row; `None` if it is NULL or wrong.
    fn at(&mut self, row: usize) -> Option<&Regex> {
        let pattern = self.patterns.get(row)?;
        let known = matches!(&self.compiled, Some((known, _)) if known == pattern);
        if !known {
            self.compiled = Some((pattern.to_string(), compile(pattern).ok()));
        }
        self.compiled.as_ref()?.1.as_ref()
    }
}

/// Java's replacement syntax: `$1`, `${name}` and `\` before a character that is meant itself.
/// False if the replacement names a group that is not there.
fn replace_all(regex: &Regex, text: &str, replacement: &str, out: &mut String) -> bool {
    let plain = !replacement.contains(['$', '\\']);
    let mut last = 0;
    if plain {
        for found in regex.find_iter(text) {
            out.push_str(&text[last..found.start()]);
            out.push_str(replacement);
            last = found.end();
        }
        out.push_str(&text[last..]);
        return true;
    }
    for captures in regex.captures_iter(text) {
        let Some(found) = captures.get(0) else {
            continue;
        };
        out.push_str(&text[last..found.start()]);
        last = found.end();
        let mut rest = replacement.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\\' => match rest.next() {
                    Some(c) => out.push(c),
                    None => return false,
                },
                '$' if rest.next_if_eq(&'{').is_some() => {
                    let name: String = rest.by_ref().take_while(|c| *c != '}').collect();
                    match regex.capture_names().flatten().any(|known| known == name) {
                        true => {
                            out.push_str(captures.name(&name).map_or("", |m| m.as_str()));
                        }
                        false => return false,
                    }
                }
                '$' => {
                    let Some(mut group) = rest.next().and_then(|c| c.to_digit(10)) else {
                        return false;
                    };
                    // Java takes further digits as long as such a group exists.
                    while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
                        let longer = group * 10 + digit;
                        if longer as usize >= captures.len() {
                            break;
                        }
                        group = longer;
                        rest.next();
                    }
                    if group as usize >= captures.len() {
                        return false;
                    }
                    out.push_str(captures.get(group as usize).map_or("", |m| m.as_str()));
                }
                c => out.push(c),
            }
        }
    }
    out.push_str(&text[last..]);
    true
}

fn extract_all(args: &Args) -> Result<ArrayRef> {
    let text = args.strs(0)?;
    let mut regexes = Regexes::of(args, 1)?;
    let group = args
        .has(2)
        .then(|| args.prims::<Int64Type>(2))
        .transpose()?;
    let mut builder = arrow::array::ListBuilder::new(arrow::array::StringBuilder::new());
    for row in 0..args.rows {
        let group = match &group {
            Some(group) => group.get(row),
            None => Some(1),
        };
        let (Some(text), Some(group), Some(regex)) = (text.get(row), group, regexes.at(row)) else {
            builder.append_null();
            continue;
        };
        match usize::try_from(group) {
            Ok(group) if group < regex.captures_len() => {
                for captures in regex.captures_iter(text) {
                    builder
                        .values()
                        .append_option(captures.get(group).map(|m| m.as_str()));
                }
                builder.append(true);
            }
            _ => builder.append_null(),
        }
    }
    Ok(std::sync::Arc::new(builder.finish()))
}

/// `SIMILAR TO`: a regular expression of the SQL standard over the whole text.
fn similar(args: &Args) -> Result<ArrayRef> {
    let (text, pattern) = (args.strs(0)?, args.strs(1)?);
    let escape = args.has(2).then(|| args.strs(2)).transpose()?;
    let mut compiled: Option<(String, Regex)> = None;
    booleans(args.rows, |row| {
        let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
            return Ok(None);
        };
        let escape = escape
            .as_ref()
            .and_then(|e| e.get(row))
            .and_then(|e| e.chars().next());
        let known = matches!(&compiled, Some((known, _)) if known == pattern);
        if !known {
            match Regex::new(&from_similar(pattern, escape)) {
                Ok(regex) => compiled = Some((pattern.to_string(), regex)),
                Err(_) => return exec_err!("Invalid pattern of SIMILAR TO: '{pattern}'"),
            }
        }
        Ok(compiled.as_ref().map(|(_, regex)| regex.is_match(text)))
    })
}

fn from_similar(pattern: &str, escape: Option<char>) -> String {
    let mut out = String::from("(?s)^(?:");
    let mut chars = pattern.chars();
    let mut inside_class = false;
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            if let Some(next) = chars.next() {
                out.push_str(&regex::escape(next.encode_utf8(&mut [0; 4])));
            }
            continue;
        }
        match c {
            '[' => inside_class = true,
            ']' => inside_class = false,
            _ => {}
        }
        match c {
            '_' if !inside_class => out.push('.'),
            '%' if !inside_class => out.push_str(".*"),
            '.' | '^' | '$' | '\\' if !inside_class => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.push_str(")$");
    out
}

#[cfg(test)]
mod tests {
    use crate::testing::{call, column, failure, int, one, strings, text};

    #[test]
    fn groups_are_extracted() {
        let texts = column("STRING", &[Some("k=7;"), Some("none"), None]);
        let args = [texts, text("(\\w)=(\\d)"), int(2)];
        assert_eq!(call("regexp_extract", &args), ["7", "null", "null"]);
        assert_eq!(one("regexp_extract", &[text("abc"), text("b.")]), "bc");
        assert_eq!(
            one("regexp_extract", &[text("abc"), text("b"), int(5)]),
            "null"
        );
        assert!(failure("regexp_extract", &[text("abc"), text("(")]).contains("REGEXP_EXTRACT"));
        assert_eq!(
            one("regexp_extract_all", &[text("a1b2"), text("([a-z])\\d")]),
            "[a, b]"
        );
        assert_eq!(one("regexp_count", &[text("a1b2"), text("\\d")]), "2");
        assert_eq!(one("regexp_instr", &[text("äb2"), text("\\d")]), "3");
        assert_eq!(one("regexp_substr", &[text("ab12"), text("[0-9]+")]), "12");
        assert_eq!(one("regexp", &[text("ab12"), text("^b")]), "false");
        assert_eq!(one("regexp", &[text("ab12"), text("")]), "false");
    }

    #[test]
    fn replacements_follow_java() {
        let replaced = |to: &str| one("regexp_replace", &[text("a-b"), text("(a)-(b)"), text(to)]);
        assert_eq!(replaced("$2$1"), "ba");
        assert_eq!(replaced("\\$2"), "$2");
        assert_eq!(replaced("$12"), "a2");
        assert_eq!(replaced("$9"), "null", "there is no such group");
        // Patterns from a column may be wrong: then the result is NULL.
        let args = [text("x"), strings(&["(", "x"]), text("y")];
        assert_eq!(call("regexp_replace", &args), ["null", "y"]);
    }

    #[test]
    fn classes_are_ascii() {
        assert_eq!(one("regexp_count", &[text("1٣"), text("\\d")]), "1");
        assert_eq!(one("regexp_count", &[text("a ä"), text("[\\w]")]), "1");
        assert_eq!(one("regexp_count", &[text("a.b"), text("\\Q.\\E")]), "1");
    }

    #[test]
    fn similar_matches_the_whole_text() {
        for (value, pattern, expected) in [
            ("abc", "a%", "true"),
            ("abc", "a", "false"),
            ("abc", "(a|x)b_", "true"),
            ("a.c", "a.c", "true"),
            ("abc", "a.c", "false"),
            ("aab", "a{2}[bc]", "true"),
        ] {
            assert_eq!(
                one("__similar", &[text(value), text(pattern)]),
                expected,
                "{pattern}"
            );
        }
    }
}
