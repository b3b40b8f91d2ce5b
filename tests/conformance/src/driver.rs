//! Runs cases side by side, each in a thread of its own with a time limit, so that one that panics
//! or never ends fails alone.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use crate::{Case, Outcome};

/// Plans and expressions are walked recursively, with large frames in a debug build.
const STACK: usize = 64 << 20;

/// How to run cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Only cases whose name or category holds this text.
    pub filter: Option<String>,
    /// How many run at once.
    pub jobs: usize,
    /// A case that takes longer has failed.
    pub limit: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            filter: None,
            jobs: 4,
            limit: Duration::from_secs(60),
        }
    }
}

impl Settings {
    fn wants(&self, case: &Case) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|text| case.name.contains(text) || case.category.contains(text))
    }
}

/// What came of a case.
#[derive(Debug, Clone)]
pub struct CaseResult {
    /// The case's name.
    pub name: String,
    /// Its category.
    pub category: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub elapsed: Duration,
}

/// Runs the cases; the results are in the order of the cases.
pub fn run(cases: Vec<Case>, settings: &Settings) -> Vec<CaseResult> {
    let queue: VecDeque<(usize, Case)> = cases
        .into_iter()
        .filter(|case| settings.wants(case))
        .enumerate()
        .collect();
    let mut results: Vec<Option<CaseResult>> = Vec::new();
    results.resize_with(queue.len(), || None);
    let queue = Mutex::new(queue);
    let results = Mutex::new(results);
    std::thread::scope(|scope| {
        for _ in 0..settings.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = lock(&queue).pop_front();
                    let Some((index, case)) = next else { break };
                    let result = run_one(case, settings.limit);
                    lock(&results)[index] = Some(result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().flatten().collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run_one(case: Case, limit: Duration) -> CaseResult {
    let Case {
        name,
        category,
        run,
    } = case;
    let begun = Instant::now();
    let (report, reported) = mpsc::channel();
    // The thread of a case that never ends is left behind; the process ends without it.
    let started = std::thread::Builder::new()
        .name(name.chars().take(40).filter(|c| *c != '\0').collect())
        .stack_size(STACK)
        .spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(run))
                .unwrap_or_else(|panic| Outcome::Failed(panicked(panic.as_ref())));
            // Nobody listens after the limit.
            let _ = report.send(outcome);
        });
    let outcome = match started {
        Err(error) => Outcome::Failed(format!("cannot start a thread: {error}")),
        Ok(_) => match reported.recv_timeout(limit) {
            Ok(outcome) => outcome,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                Outcome::Failed(format!("did not end within {} s", limit.as_secs_f32()))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Outcome::Failed("its thread ended without a result".to_owned())
            }
        },
    };
    CaseResult {
        name,
        category,
        outcome,
        elapsed: begun.elapsed(),
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    format!("panicked: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_and_an_endless_case_fail_alone() {
        let cases = vec![
            Case::new("good", "a", || Outcome::Passed),
            Case::new("panics", "a", || panic!("no row {}", 7)),
            Case::new("endless", "b", || {
                loop {
                    std::thread::sleep(Duration::from_millis(50));
                }
            }),
            Case::new("good too", "b", || Outcome::Passed),
        ];
        let settings = Settings {
            limit: Duration::from_secs(3),
            jobs: 2,
            ..Settings::default()
        };
        let outcomes: Vec<Outcome> = run(cases, &settings)
            .into_iter()
            .map(|result| result.outcome)
            .collect();
        assert_eq!(
            outcomes,
            [
                Outcome::Passed,
                Outcome::Failed("panicked: no row 7".into()),
                Outcome::Failed("did not end within 3 s".into()),
                Outcome::Passed,
            ]
        );
    }

    #[test]
    fn the_filter_looks_at_name_and_category() {
        let cases = || {
            vec![
                Case::new("Join.LEFT", "regular-join", || Outcome::Passed),
                Case::new("Rank.TOP", "topn", || Outcome::Passed),
            ]
        };
        let names = |filter: &str| -> Vec<String> {
            let settings = Settings {
                filter: Some(filter.into()),
                ..Settings::default()
            };
            run(cases(), &settings)
                .into_iter()
                .map(|r| r.name)
                .collect()
        };
        assert_eq!(names("LEFT"), ["Join.LEFT"]);
        assert_eq!(names("topn"), ["Rank.TOP"]);
        assert!(names("nothing").is_empty());
    }
}
