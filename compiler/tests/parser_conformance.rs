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
//!
//! The cases are read from `$MILLSTREAM_CONFORMANCE`, or from `conformance` beside the workspace;
//! without them the test says so and passes.

use std::path::PathBuf;

use millstream_compiler::diagnostics::Diagnostic;
use millstream_compiler::sql::{parse_expression, parse_script, unparse_expr};

/// How many cases must be parsed, and of those agree with Flink's text: raise it when it grows.
const PARSED: usize = 161;
const AGREED: usize = 155;

#[test]
fn flinks_parser_tests() {
    let Some(cases) = cases("parser.json") else {
        return;
    };
    let mut counts = Counts::default();
    let mut misreads = Vec::new();
    for case in cases.as_array().into_iter().flatten() {
        let input = case["input"].as_str().unwrap_or_default();
        let expr = case["what"] == "expr";
        let refused_by_flink = case["outcome"] == "fails";
        match canonical(input, expr) {
            Ok(text) => {
                counts.parsed += 1;
                if refused_by_flink {
                    misreads.push(format!("Flink refuses, we take:\n{input}"));
                    continue;
                }
                match canonical(&text, expr) {
                    Ok(again) if again == text => {}
                    Ok(again) => misreads.push(format!(
                        "the canonical text changes:\n{text}\n--- becomes\n{again}"
                    )),
                    Err(errors) => misreads.push(format!(
                        "the canonical text is refused:\n{text}\n--- {errors:?}"
                    )),
                }
                if let Some(flink) = case["unparsed"].as_str() {
                    let same = normalised(flink) == normalised(&text)
                        || canonical(flink, expr)
                            .is_ok_and(|theirs| normalised(&theirs) == normalised(&text));
                    if same {
                        counts.agreed += 1;
                    } else {
                        misreads.push(format!(
                            "we read\n{text}\n--- Flink reads\n{flink}\n--- {:?}\n--- {:?}",
                            normalised(&text),
                            normalised(flink)
                        ));
                    }
                }
            }
            Err(_) if refused_by_flink => counts.refused_as_flink += 1,
            Err(errors) => {
                counts.refused += 1;
                assert!(
                    errors.iter().all(|e| e.message.contains("not supported")),
                    "refused, but not as 'not supported':\n{input}\n{errors:?}"
                );
            }
        }
    }
    eprintln!("parser conformance: {counts:?}, {} misread", misreads.len());
    assert!(misreads.is_empty(), "{}", misreads.join("\n\n"));
    assert!(counts.parsed >= PARSED, "{counts:?}");
    assert!(counts.agreed >= AGREED, "{counts:?}");
}

#[derive(Debug, Default)]
struct Counts {
    parsed: usize,
    agreed: usize,
    refused: usize,
    refused_as_flink: usize,
}

fn cases(file: &str) -> Option<serde_json::Value> {
    let folder = std::env::var_os("MILLSTREAM_CONFORMANCE").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../shared/conformance"
            ))
        },
        PathBuf::from,
    );
    let path = folder.join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no {}", path.display());
        return None;
    };
    let mut cases: serde_json::Value = serde_json::from_str(&text).expect("the cases are JSON");
    Some(cases["cases"].take())
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
