//! Programs: SQL over small tables, with the exact changelog that Flink gives.
//!
//! A program's tables are [`values`] tables; its statements become one [`script`], which is planned
//! and run in this process. A *semantic* case is fed its rows and ends. A *restore* case is fed its
//! rows by sources that do not end, until the expected rows are there; then it stops with a savepoint,
//! without draining; a second run, with a state directory of its own, goes on from the savepoint with the
//! rows that come after the restore. Both phases together must give what is expected together.

mod compare;
mod phase;
mod script;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_compiler::diagnostics::Diagnostic;
use millstream_compiler::environment::NoEnvironment;
use millstream_compiler::plan::{StreamPlan, plan_script};
use serde_json::Value;

use self::compare::Expected;
use self::phase::{Ending, Phase};
use self::script::{Script, Tables};
use self::values::{ChangeRow, Sinks, SourceRows};
use crate::{Case, How, Outcome, Reason};

/// How long the expected rows may take to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same for windows in processing time: as long as the longest of Flink's, and some more.
const PROCTIME_PATIENCE: Duration = Duration::from_secs(15);

/// What a program's `requires` says that no SQL engine can do without Java.
const JAVA: &[&str] = &["java-udf", "java-values", "temporal-function", "model"];

/// The cases of a document.
pub fn load(document: &Value, how: &How) -> Vec<Case> {
    let how = *how;
    document["cases"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|case| {
            let case = case.clone();
            let name = case["origin"]["class"]
                .as_str()
                .or(case["id"].as_str())
                .unwrap_or("a case without a name")
                .to_owned();
            let category = case["category"].as_str().unwrap_or("other").to_owned();
            Case::new(name, category, move || outcome(&case, &how))
        })
        .collect()
}

fn texts(json: &Value) -> impl Iterator<Item = &str> {
    json.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// Steps of a list that are of a kind.
fn steps<'a>(json: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let steps = json.as_array().into_iter().flatten();
    steps.filter(move |step| step["kind"] == kind)
}

fn outcome(case: &Value, how: &How) -> Outcome {
    if let Some(reason) = cannot_run(case) {
        return Outcome::Skipped(reason);
    }
    match run(case, how) {
        Ok(outcome) => outcome,
        Err(why) => Outcome::Failed(why),
    }
}

/// Why a case needs more than SQL.
fn cannot_run(case: &Value) -> Option<Reason> {
    let java = texts(&case["udf_classes"]).next().is_some()
        || texts(&case["requires"]).any(|needed| JAVA.contains(&needed));
    let java_steps = ["function", "temporal_function", "model"];
    if java
        || java_steps
            .iter()
            .any(|kind| steps(&case["setup"], kind).next().is_some())
    {
        return Some(Reason::JavaClass);
    }
    if texts(&case["requires"]).any(|needed| needed == "table-api") {
        return Some(Reason::TableApi);
    }
    let unknown = |list: &Value| {
        let rendered = list["strings"].as_array();
        !list.is_null() && rendered.is_none_or(|rows| rows.iter().any(|row| !row.is_string()))
    };
    let mut sinks = steps(&case["setup"], "sink").peekable();
    let fails = run_steps(case).any(|step| step["kind"].as_str().is_some_and(is_failing));
    let nothing = sinks.peek().is_none() && !fails;
    let lost = sinks.any(|sink| {
        unknown(&sink["expected"])
            || unknown(&sink["expected_after_restore"])
            || (sink["expected"].is_null() && sink["expected_after_restore"].is_null() && !fails)
    });
    (nothing || lost).then_some(Reason::NoExpectation)
}

fn run_steps(case: &Value) -> impl Iterator<Item = &Value> {
    case["run"].as_array().into_iter().flatten()
}

/// Whether a step is SQL that Flink refuses or that fails.
fn is_failing(kind: &str) -> bool {
    kind.starts_with("failing")
}

/// How a case runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Its rows are all there is.
    Semantic,
    /// Stops, and goes on from the savepoint; `ends` says whether the second run's sources end.
    Restore { ends: bool },
}

impl Mode {
    fn of(case: &Value) -> Self {
        let restores = texts(&case["modes"]).any(|mode| mode.starts_with("restore"));
        match case["after_restore_source"].as_str() {
            _ if !restores => Self::Semantic,
            Some("NO_RESTORE") => Self::Semantic,
            Some("INFINITE") => Self::Restore { ends: false },
            // Flink's default.
            _ => Self::Restore { ends: true },
        }
    }
}

/// What plans and runs one case.
struct Run {
    plan: StreamPlan,
    sources: BTreeMap<String, SourceRows>,
    expected: BTreeMap<String, Expected>,
    patience: Duration,
    how: How,
}

fn run(case: &Value, how: &How) -> Result<Outcome, String> {
    let tables = Tables::of(&case["setup"])?;
    let script = Script::of(case, &tables)?;
    let plan = match plan_script(&script.text, &NoEnvironment) {
        Ok(planned) => planned.plan,
        Err(_) if script.fails => return Ok(Outcome::Passed),
        Err(found) => return Ok(not_planned(&found, &script.text)),
    };
    let mut run = Run {
        plan,
        sources: tables.sources,
        expected: BTreeMap::new(),
        patience: if script.windows_in_processing_time {
            PROCTIME_PATIENCE
        } else {
            PATIENCE
        },
        how: *how,
    };
    for sink in steps(&case["setup"], "sink") {
        let name = sink["name"].as_str().unwrap_or_default().to_owned();
        let key = tables.sink_keys.get(&name).cloned().unwrap_or_default();
        run.expected.insert(name, Expected::of(sink, key));
    }
    let ran = match Mode::of(case) {
        Mode::Semantic => run.semantic(),
        Mode::Restore { ends } => run.restored(ends),
    };
    Ok(match ran {
        // A panic or a job that hangs is no refusal.
        Err(why)
            if script.fails
                && why.starts_with(phase::JOB_FAILED)
                && !why.contains(phase::PANICKED) =>
        {
            Outcome::Passed
        }
        ran if script.fails => Outcome::Failed(format!(
            "Flink refuses this or fails, here it ran{}\n\n{}",
            ran.err().map_or_else(String::new, |why| format!(": {why}")),
            script.text
        )),
        Ok(()) => Outcome::Passed,
        Err(why) => Outcome::Failed(format!("{why}\n\n{}", script.text)),
    })
}

fn not_planned(found: &[Diagnostic], text: &str) -> Outcome {
    let rendered: String = found
        .iter()
        .map(|d| d.render(Some(("the script", text))))
        .collect();
    Outcome::Failed(format!("it could not be planned\n{rendered}\n{text}"))
}

impl Run {
    /// All rows, then the end.
    fn semantic(&self) -> Result<(), String> {
        let sinks = Sinks::default();
        let dir = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
        let phase = Phase {
            plan: &self.plan,
            sources: visible(&self.sources, Visible::First),
            sinks: &sinks,
            state: dir.path(),
            savepoint: None,
            ending: Ending::Sources,
            patience: self.patience + PATIENCE,
            how: self.how,
            in_processing_time: self.patience == PROCTIME_PATIENCE,
        };
        phase.run()?;
        self.compare(&sinks, "")
    }

    /// The rows, a savepoint, a second run from there with the rows that come after.
    fn restored(&self, ends: bool) -> Result<(), String> {
        let sinks = Sinks::default();
        let dir = tempfile::tempdir().map_err(|e| format!("no temporary folder: {e}"))?;
        let reached = |whole: bool| {
            let sinks = sinks.clone();
            let expected = self.expected.clone();
            Ending::Rows(Box::new(move || {
                expected
                    .iter()
                    .all(|(name, expected)| expected.decided(&sinks.rows(name), whole))
            }))
        };
        let first = Phase {
            plan: &self.plan,
            sources: visible(&self.sources, Visible::First),
            sinks: &sinks,
            state: dir.path(),
            savepoint: None,
            ending: reached(false),
            patience: self.patience,
            how: self.how,
            in_processing_time: self.patience == PROCTIME_PATIENCE,
        };
        let (_, savepoint) = first.run()?;
        for (name, expected) in &self.expected {
            expected
                .before_restore(&sinks.rows(name))
                .map_err(|why| format!("before the restore, table {name}: {why}"))?;
        }
        let restored = dir.path().join("restored");
        let second = Phase {
            plan: &self.plan,
            sources: visible(&self.sources, Visible::All),
            sinks: &sinks,
            state: &restored,
            savepoint,
            ending: if ends { Ending::Sources } else { reached(true) },
            patience: self.patience + if ends { PATIENCE } else { Duration::ZERO },
            how: How {
                parallelism: self.how.restored_parallelism,
                ..self.how
            },
            in_processing_time: self.patience == PROCTIME_PATIENCE,
        };
        let (report, _) =
            second
                .run()
                .map_err(|why| match why.strip_prefix(phase::JOB_FAILED) {
                    Some(rest) => format!("{}after the restore: {rest}", phase::JOB_FAILED),
                    None => format!("after the restore: {why}"),
                })?;
        if report.restored.is_none() {
            return Err("the second run did not find the savepoint of the first".to_owned());
        }
        self.compare(&sinks, "both phases together, ")
    }

    fn compare(&self, sinks: &Sinks, when: &str) -> Result<(), String> {
        for (name, expected) in &self.expected {
            expected
                .whole(&sinks.rows(name))
                .map_err(|why| format!("{when}table {name}: {why}"))?;
        }
        Ok(())
    }
}

/// Which rows of the sources a phase gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visible {
    /// Those before the restore.
    First,
    /// All; a restored reader goes on behind the first.
    All,
}

fn visible(
    sources: &BTreeMap<String, SourceRows>,
    which: Visible,
) -> BTreeMap<String, Arc<SourceRows>> {
    sources
        .iter()
        .map(|(name, rows)| {
            let rows = match which {
                Visible::First => rows.first(),
                Visible::All => rows.clone(),
            };
            (name.clone(), Arc::new(rows))
        })
        .collect()
}

/// The changelog of a sink as its strings.
fn strings(rows: &[ChangeRow]) -> Vec<String> {
    rows.iter().map(ChangeRow::to_string).collect()
}

#[cfg(test)]
mod tests;
