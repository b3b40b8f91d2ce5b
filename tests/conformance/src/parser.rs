//! The statements of Flink's own parser tests, read by ours.
//!
//! Every case must be parsed, or refused in words that contain "not supported"; what Flink refuses
//! must be refused. What is parsed must come back the same from its canonical text, and where Flink
//! gives its own canonical text, ours must agree with it. A case that is parsed and does not agree
//! is a misread, and there must be none.
//!
//! Two texts agree if their tokens are the same after this normalisation: backticks, parentheses
//! and angle brackets are dropped (Flink adds parentheses by precedence, and writes `ROW(a INT)`
//! where we write ``ROW<`a` INT>``), words are in capitals (Flink's test runs with names folded to
//! capitals), `INTEGER` is `INT`, a `VARCHAR`, `DECIMAL` or `TIMESTAMP` without parameters has its
//! default ones, `NULL` behind a type is dropped, `EXECUTE` before a query or an insert is dropped
//! (it changes nothing), and so is `ROW` (a row of `VALUES` need not say it). If they differ
//! nevertheless (`INT ARRAY` against `ARRAY<INT>`), Flink's text is parsed first.

use millstream_compiler::diagnostics::Diagnostic;
use millstream_compiler::sql::{parse_expression, parse_script, unparse_expr};
use serde_json::Value;

use crate::{Case, Outcome, Reason};

/// A statement or an expression.
#[derive(Debug, Clone)]
pub struct ParserCase {
    /// The class of Flink's test.
    pub file: String,
    /// Its method.
    pub test: String,
    /// The text.
    pub input: String,
    expression: bool,
    refused_by_flink: bool,
    unparsed: Option<String>,
}

/// What our parser made of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It was read; `agreed` says whether Flink gave a text to agree with.
    Read {
        /// Flink gave its canonical text, and ours is the same.
        agreed: bool,
    },
    /// It was read as something else, or Flink refuses it: what, and why.
    Misread(String),
    /// Flink refuses it and so do we.
    RefusedAsFlink,
    /// Flink takes it and we say that it is not supported.
    NotSupported(String),
    /// Flink takes it and we refuse it in other words.
    Refused(String),
}

/// The cases of a document.
pub fn load(document: &Value) -> Vec<ParserCase> {
    let text = |case: &Value, key: &str| case[key].as_str().unwrap_or_default().to_string();
    document["cases"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|case| ParserCase {
            file: text(case, "file"),
            test: text(case, "test"),
            input: text(case, "input"),
            expression: case["what"] == "expr",
            refused_by_flink: case["outcome"] == "fails",
            unparsed: case["unparsed"].as_str().map(str::to_owned),
        })
        .collect()
}

impl ParserCase {
    /// Reads the case.
    pub fn read(&self) -> Reading {
        let text = match canonical(&self.input, self.expression) {
            Ok(text) => text,
            Err(_) if self.refused_by_flink => return Reading::RefusedAsFlink,
            Err(errors) => {
                let first = errors
                    .first()
                    .map(|e| e.message.clone())
                    .unwrap_or_default();
                return if errors.iter().all(|e| e.message.contains("not supported")) {
                    Reading::NotSupported(first)
                } else {
                    Reading::Refused(format!("refused, but not as 'not supported': {first}"))
                };
            }
        };
        if self.refused_by_flink {
            return Reading::Misread("Flink refuses it, we take it".to_owned());
        }
        match canonical(&text, self.expression) {
            Ok(again) if again == text => {}
            Ok(again) => {
                return Reading::Misread(format!(
                    "the canonical text changes:\n{text}\n--- becomes\n{again}"
                ));
            }
            Err(errors) => {
                return Reading::Misread(format!(
                    "the canonical text is refused:\n{text}\n--- {errors:?}"
                ));
            }
        }
        let Some(flink) = &self.unparsed else {
            return Reading::Read { agreed: false };
        };
        let same = normalised(flink) == normalised(&text)
            || canonical(flink, self.expression)
                .is_ok_and(|theirs| normalised(&theirs) == normalised(&text));
        if same {
            return Reading::Read { agreed: true };
        }
        Reading::Misread(format!(
            "we read\n{text}\n--- Flink reads\n{flink}\n--- {:?}\n--- {:?}",
            normalised(&text),
            normalised(flink)
        ))
    }

    /// The case for the runner.
    pub fn into_case(self, number: usize) -> Case {
        Case::new(
            format!("{}.{} #{number}", self.file, self.test),
            self.file.clone(),
            move || match self.read() {
                Reading::Read { .. } | Reading::RefusedAsFlink => Outcome::Passed,
                Reading::NotSupported(_) if is_for_a_cluster(&self.input) => {
                    Outcome::Skipped(Reason::ClusterOnly)
                }
                Reading::NotSupported(why) | Reading::Misread(why) | Reading::Refused(why) => {
                    Outcome::Failed(format!("{}\n{why}", self.input))
                }
            },
        )
    }
}

/// Whether a statement is about something that a single machine's job has not.
fn is_for_a_cluster(input: &str) -> bool {
    const WORDS: [&str; 7] = [
        "CONNECTION",
        "CATALOG",
        "DATABASE",
        "PARTITION",
        "MODULE",
        "JAR",
        "PLAN",
    ];
    input
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .map(str::to_ascii_uppercase)
        .any(|word| WORDS.contains(&word.strip_suffix('S').unwrap_or(&word)))
}

fn canonical(text: &str, expr: bool) -> Result<String, Vec<Diagnostic>> {
    if expr {
        return parse_expression(text)
            .map(|expr| unparse_expr(&expr))
            .map_err(|error| vec![error]);
    }
    parse_script(text).map(|script| {
        script
            .statements
            .iter()
            .map(|statement| statement.to_string())
            .collect::<Vec<_>>()
            .join(";\n")
    })
}

/// The tokens that count when two texts are compared.
fn normalised(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
            continue;
        } else if first == '\'' {
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else if first == '`' {
            let end = rest[1..].find('`').map_or(rest.len(), |end| end + 2);
            tokens.push(rest[1..end - 1].to_uppercase());
            rest = &rest[end..];
            continue;
        } else if first.is_alphanumeric() || first == '_' {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let token = &rest[..length];
        tokens.push(if first == '\'' {
            token.to_string()
        } else {
            token.to_uppercase()
        });
        rest = &rest[length..];
    }
    let mut out: Vec<String> = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let next = tokens.get(i + 1).map_or("", String::as_str);
        match token.as_str() {
            "(" | ")" | "<" | ">" | "ROW" | ";" => {}
            "EXECUTE" if next == "SELECT" || next == "INSERT" => {}
            "INTEGER" => out.push("INT".into()),
            "VARCHAR" if next != "(" => out.push("STRING".into()),
            "DECIMAL" if next != "(" => out.extend(["DECIMAL", "10", ",", "0"].map(String::from)),
            "TIMESTAMP" if next != "(" && !next.starts_with('\'') => {
                out.extend(["TIMESTAMP", "6"].map(String::from));
            }
            _ => out.push(token.clone()),
        }
    }
    out
}
