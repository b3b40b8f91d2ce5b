//! The conformance runner: cases that say what Flink gives, run on Millstream.
//!
//! There are three kinds of files, told apart by what is in them: [`programs`] (SQL over small
//! tables and the exact changelog, many with a savepoint and a restore in the middle),
//! [`functions`] (an expression over one row) and [`parser`] (statements that are read or refused).
//! [`load`] makes [`Case`]s of a file, [`run`] runs them, [`report`] says what came of it.
//!
//! A case passes, fails, or is skipped for one of the [`Reason`]s. What did not run did not pass.

mod driver;
pub mod functions;
pub mod parser;
#[cfg(feature = "programs")]
pub mod programs;
pub mod report;
mod value;

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

pub use driver::{CaseResult, Settings, run};

/// Something that Flink does and Millstream must do too.
pub struct Case {
    /// Unique in its file, as far as the file makes it so.
    pub name: String,
    /// What the table of results goes by.
    pub category: String,
    run: Box<dyn FnOnce() -> Outcome + Send>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.category)
    }
}

impl Case {
    /// A case and how it is run.
    pub fn new(
        name: impl Into<String>,
        category: impl Into<String>,
        run: impl FnOnce() -> Outcome + Send + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            category: category.into(),
            run: Box::new(run),
        }
    }
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Millstream did what Flink does.
    Passed,
    /// It did not: what was expected and what came.
    Failed(String),
    /// It was not run.
    Skipped(Reason),
}

/// Why a case was not run. There are no other reasons.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It calls a class of Java, which is not in the file.
    JavaClass,
    /// It is a program of Flink's Table API, not SQL.
    TableApi,
    /// The file does not say what is expected.
    NoExpectation,
    /// It is about what only a cluster has, and we refuse it by name.
    ClusterOnly,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JavaClass => f.write_str("needs a Java class"),
            Self::TableApi => f.write_str("needs the Table API"),
            Self::NoExpectation => f.write_str("has no expected rows"),
            Self::ClusterOnly => f.write_str(
                "is about a cluster's catalogs, connections, partitions, modules, jars or plans",
            ),
        }
    }
}

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SQL over small tables.
    Programs,
    /// Expressions over one row.
    Functions,
    /// Statements.
    Parser,
}

/// Reads a document; a JSON text that holds half a character, as Java's strings may, is mended.
///
/// # Errors
/// It is no JSON.
pub fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(&value::without_lone_surrogates(text))
        .map_err(|error| format!("it is no JSON: {error}"))
}

/// What kind of cases a document holds.
///
/// # Errors
/// It is of no kind that this runner knows.
pub fn kind_of(document: &Value) -> Result<Kind, String> {
    if document["specs"].is_array() {
        return Ok(Kind::Functions);
    }
    let first = &document["cases"][0];
    if first["setup"].is_array() || first["run"].is_array() {
        Ok(Kind::Programs)
    } else if first["input"].is_string() {
        Ok(Kind::Parser)
    } else {
        Err(
            "it holds neither programs (cases with 'setup' and 'run'), functions ('specs') nor \
             statements (cases with 'input')"
                .to_owned(),
        )
    }
}

/// The cases of a document.
///
/// # Errors
/// The document is of no kind that is known, or of one that was not built in.
pub fn load(document: &Value, how: &How) -> Result<Vec<Case>, String> {
    Ok(match kind_of(document)? {
        Kind::Functions => functions::load(document)
            .into_iter()
            .map(functions::FunctionCase::into_case)
            .collect(),
        Kind::Parser => parser::load(document)
            .into_iter()
            .enumerate()
            .map(|(number, case)| case.into_case(number + 1))
            .collect(),
        #[cfg(feature = "programs")]
        Kind::Programs => programs::load(document, how),
        #[cfg(not(feature = "programs"))]
        Kind::Programs => return Err(format!("programs are not built in ({how:?})")),
    })
}

/// How programs are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    /// Instances of each operator.
    pub parallelism: usize,
    /// The same behind a restore.
    pub restored_parallelism: usize,
    /// How many rows a source hands over at once.
    pub batch_rows: usize,
}

impl Default for How {
    fn default() -> Self {
        Self {
            parallelism: 1,
            restored_parallelism: 1,
            batch_rows: 1,
        }
    }
}

/// A document of `$MILLSTREAM_CONFORMANCE`, or of `shared/conformance` beside the workspace; says so
/// on stderr if there is none. For tests.
pub fn shared(file: &str) -> Option<Value> {
    let folder = std::env::var_os("MILLSTREAM_CONFORMANCE").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/conformance"
            ))
        },
        PathBuf::from,
    );
    let path = folder.join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no {}", path.display());
        return None;
    };
    match parse(&text) {
        Ok(document) => Some(document),
        Err(why) => {
            eprintln!("skipped: {}: {why}", path.display());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_file_is_told_from_its_content() {
        let kind = |text: &str| kind_of(&parse(text).unwrap());
        assert_eq!(kind(r#"{"specs": []}"#), Ok(Kind::Functions));
        assert_eq!(
            kind(r#"{"cases": [{"setup": [], "run": []}]}"#),
            Ok(Kind::Programs)
        );
        assert_eq!(
            kind(r#"{"cases": [{"input": "SELECT 1"}]}"#),
            Ok(Kind::Parser)
        );
        assert!(kind(r#"{"cases": []}"#).is_err());
        assert!(parse("{").is_err());
    }
}
