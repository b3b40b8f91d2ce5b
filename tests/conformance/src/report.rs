//! What came of the cases, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::driver::CaseResult;
use crate::{Outcome, Reason};

/// How many cases passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Did what Flink does.
    pub passed: usize,
    /// Did not.
    pub failed: usize,
    /// Were not run.
    pub skipped: usize,
}

impl Counts {
    /// Counts results.
    pub fn of<'a>(results: impl IntoIterator<Item = &'a CaseResult>) -> Self {
        let mut counts = Self::default();
        for result in results {
            match result.outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Failed(_) => counts.failed += 1,
                Outcome::Skipped(_) => counts.skipped += 1,
            }
        }
        counts
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// The report as text: failures, skips by reason, a table by category, the closing line.
pub fn text(results: &[CaseResult]) -> String {
    let mut out = String::new();
    for result in results {
        if let Outcome::Failed(why) = &result.outcome {
            let _ = writeln!(out, "FAILED {} ({})", result.name, result.category);
            for line in why.lines() {
                let _ = writeln!(out, "    {line}");
            }
            out.push('\n');
        }
    }
    let mut reasons: BTreeMap<&Reason, Vec<&str>> = BTreeMap::new();
    for result in results {
        if let Outcome::Skipped(reason) = &result.outcome {
            reasons.entry(reason).or_default().push(&result.name);
        }
    }
    if !reasons.is_empty() {
        out.push_str("skipped, by reason:\n");
        for (reason, names) in reasons {
            let _ = writeln!(out, "{:>6}  {reason}", names.len());
            for name in names {
                let _ = writeln!(out, "          {name}");
            }
        }
        out.push('\n');
    }
    let mut categories: BTreeMap<&str, Vec<&CaseResult>> = BTreeMap::new();
    for result in results {
        categories.entry(&result.category).or_default().push(result);
    }
    let width = categories.keys().map(|name| name.chars().count());
    let width = width.max().unwrap_or(0).max("category".len());
    let _ = writeln!(
        out,
        "{:<width$}  {:>7} {:>7} {:>7}",
        "category", "passed", "failed", "skipped"
    );
    for (category, results) in categories {
        let Counts {
            passed,
            failed,
            skipped,
        } = Counts::of(results);
        let _ = writeln!(
            out,
            "{category:<width$}  {passed:>7} {failed:>7} {skipped:>7}"
        );
    }
    let _ = writeln!(out, "\n{}", Counts::of(results));
    out
}

/// The report as JSON.
pub fn json(results: &[CaseResult]) -> Value {
    let counts = Counts::of(results);
    let cases: Vec<Value> = results
        .iter()
        .map(|result| {
            let (outcome, reason) = match &result.outcome {
                Outcome::Passed => ("passed", Value::Null),
                Outcome::Failed(why) => ("failed", json!(why)),
                Outcome::Skipped(reason) => ("skipped", json!(reason.to_string())),
            };
            json!({
                "name": result.name,
                "category": result.category,
                "outcome": outcome,
                "reason": reason,
                "millis": u64::try_from(result.elapsed.as_millis()).unwrap_or(u64::MAX),
            })
        })
        .collect();
    json!({
        "passed": counts.passed,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "cases": cases,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn results() -> Vec<CaseResult> {
        let result = |name: &str, category: &str, outcome| CaseResult {
            name: name.into(),
            category: category.into(),
            outcome,
            elapsed: Duration::from_millis(3),
        };
        vec![
            result("A", "join", Outcome::Passed),
            result(
                "B",
                "join",
                Outcome::Failed("1 row expected\n- +I[1]".into()),
            ),
            result("C", "udf", Outcome::Skipped(Reason::JavaClass)),
        ]
    }

    #[test]
    fn the_text_ends_with_the_counts() {
        assert_eq!(
            text(&results()),
            "FAILED B (join)\n    1 row expected\n    - +I[1]\n\n\
             skipped, by reason:\n     1  needs a Java class\n          C\n\n\
             category   passed  failed skipped\n\
             join            1       1       0\n\
             udf             0       0       1\n\n\
             1 passed, 1 failed, 1 skipped\n"
        );
    }

    #[test]
    fn the_json_has_every_case() {
        let report = json(&results());
        assert_eq!(report["failed"], 1);
        assert_eq!(report["cases"][2]["reason"], "needs a Java class");
    }
}
