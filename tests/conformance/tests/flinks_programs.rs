//! The programs of Flink's own tests, at one parallelism and restored at another.
//!
//! The cases are read from `$MILLSTREAM_CONFORMANCE`, or from `shared/conformance` beside the
//! workspace; without them the test says so and passes.
#![cfg(feature = "programs")]

use millstream_conformance::report::Counts;
use millstream_conformance::{How, Settings, load, run, shared};

/// How many programs must give what Flink gives: raise it when it grows.
const FLOOR: usize = 118;

#[test]
fn programs_give_what_flink_gives() {
    let Some(document) = shared("programs.json") else {
        return;
    };
    let how = How {
        restored_parallelism: 2,
        ..How::default()
    };
    let results = run(
        load(&document, &how).expect("programs"),
        &Settings::default(),
    );
    let counts = Counts::of(&results);
    assert!(
        counts.passed >= FLOOR,
        "{counts}\n{}",
        millstream_conformance::report::text(&results)
    );
}
