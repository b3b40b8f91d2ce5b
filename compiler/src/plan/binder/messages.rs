//! What DataFusion finds wrong, as a diagnostic with its place in the script.

use datafusion_common::{Column, DataFusionError, SchemaError};

use crate::diagnostics::{Diagnostic, Span, did_you_mean};
use crate::sql::LineIndex;

/// What DataFusion says, in our words and with its place.
pub(super) fn diagnose(error: &DataFusionError, text: &str) -> Diagnostic {
    let mut diagnostic = match schema_error(error) {
        Some(SchemaError::FieldNotFound {
            field,
            valid_fields,
        }) => unknown_column(field, valid_fields),
        Some(SchemaError::AmbiguousReference { field }) => Diagnostic::error(
            "sql/ambiguous-column",
            format!("the column '{}' is ambiguous", field.name),
        )
        .help("write the table before it, as in t.column"),
        _ => {
            let message = clean_message(error);
            let code = if message.contains("not supported") {
                "sql/not-supported"
            } else if message.contains("takes an append-only input") {
                "plan/updates-into-append-operator"
            } else {
                "sql/invalid"
            };
            Diagnostic::error(code, message)
        }
    };
    if let Some(found) = error.diagnostic() {
        let span = found.span.and_then(|s| {
            let index = LineIndex::new(text);
            let at = |l: datafusion_common::Location| {
                index.offset(
                    text,
                    datafusion_sql::sqlparser::tokenizer::Location {
                        line: l.line,
                        column: l.column,
                    },
                )
            };
            Some(Span::new(at(s.start)?, at(s.end)?))
        });
        diagnostic.span = diagnostic.span.or(span);
    }
    diagnostic
}

pub(super) fn schema_error(error: &DataFusionError) -> Option<&SchemaError> {
    match error {
        DataFusionError::SchemaError(inner, _) => Some(inner),
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => {
            schema_error(inner)
        }
        DataFusionError::Collection(all) => all.first().and_then(schema_error),
        _ => None,
    }
}

pub(super) fn unknown_column(field: &Column, valid: &[Column]) -> Diagnostic {
    let mut names: Vec<&str> = valid.iter().map(|c| c.name.as_str()).collect();
    names.dedup();
    let d = Diagnostic::error(
        "sql/unknown-column",
        format!("there is no column '{}'", field.name),
    );
    match did_you_mean(&field.name, names.iter().copied()) {
        Some(near) => d.help(format!(
            "did you mean '{near}'? there are {}",
            names.join(", ")
        )),
        None if names.is_empty() => d,
        None => d.help(format!("there are {}", names.join(", "))),
    }
}

/// DataFusion's message without its prefixes and internals.
pub(crate) fn clean_message(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let mut message = text.as_str();
    for prefix in [
        "Error during planning: ",
        "This feature is not implemented: ",
        "Execution error: ",
        "type_coercion\ncaused by\n",
        "Optimizer rule 'simplify_expressions' failed\ncaused by\n",
        "Arrow error: ",
    ] {
        while let Some(rest) = message.strip_prefix(prefix) {
            message = rest;
        }
    }
    let message = message.replace("Error during planning: ", "");
    message.trim_end_matches('.').to_string()
}
