//! Scalar functions against the cases of Flink's own tests; how a case runs is in the conformance
//! runner's library.
//!
//! The cases are read from `$MILLSTREAM_CONFORMANCE`, or from `shared/conformance` beside the
//! workspace; without them the test says so and passes.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many cases must agree with Flink: raise it when it grows.
const FLOOR: usize = 567;

#[test]
fn scalar_functions_agree_with_flink() {
    let Some(document) = millstream_conformance::shared("functions.json") else {
        return;
    };
    let verbose = std::env::var_os("MILLSTREAM_CONFORMANCE_VERBOSE").is_some();
    let mut table: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    let mut panicked = Vec::new();
    for case in millstream_conformance::functions::load(&document) {
        let row = table.entry(case.class.clone()).or_default();
        row.1 += 1;
        let outcome = catch_unwind(AssertUnwindSafe(|| case.check())).unwrap_or_else(|_| {
            panicked.push(case.sql.clone());
            Err("panicked".to_string())
        });
        match outcome {
            Ok(type_agrees) => {
                row.0 += 1;
                row.2 += usize::from(type_agrees);
            }
            Err(why) if verbose => {
                let sql: String = case.sql.chars().take(160).collect();
                eprintln!("{}: {sql}\n    {why}", case.class);
            }
            Err(_) => {}
        }
    }
    let mut passed = 0;
    eprintln!(
        "{:<32}{:>8}{:>8}{:>14}",
        "class", "passed", "of", "type agrees"
    );
    for (class, (good, all, types)) in &table {
        eprintln!("{class:<32}{good:>8}{all:>8}{types:>14}");
        passed += good;
    }
    let all: usize = table.values().map(|row| row.1).sum();
    eprintln!("{:<32}{passed:>8}{all:>8}", "together");
    assert!(panicked.is_empty(), "these panicked: {panicked:#?}");
    assert!(passed >= FLOOR, "{passed} cases agree, {FLOOR} did before");
}
