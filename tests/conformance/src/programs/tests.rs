//! The runner on small cases: what passes, what fails, what is skipped.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{CaseResult, How, Outcome, Reason, Settings, load, run};

fn rows(rows: &[(&str, Value)]) -> Value {
    rows.iter()
        .map(|(kind, values)| json!({"kind": kind, "values": values}))
        .collect()
}

fn inserts(values: &[Value]) -> Value {
    values
        .iter()
        .map(|values| json!({"kind": "+I", "values": values}))
        .collect()
}

fn case(setup: Value, sql: &str) -> Value {
    json!({
        "origin": {"class": "Own.CASE"},
        "category": "own",
        "modes": ["semantic"],
        "setup": setup,
        "run": [{"kind": "sql", "sql": sql}],
    })
}

fn restored(mut case: Value, source: Option<&str>) -> Value {
    case["modes"] = json!(["restore"]);
    case["after_restore_source"] = json!(source);
    case
}

fn outcome_of(case: Value, how: &How) -> Outcome {
    let cases = load(&json!({"cases": [case]}), how).unwrap();
    let settings = Settings {
        limit: Duration::from_secs(60),
        ..Settings::default()
    };
    let mut results: Vec<CaseResult> = run(cases, &settings);
    results.remove(0).outcome
}

fn outcome(case: Value) -> Outcome {
    outcome_of(case, &How::default())
}

fn failure(case: Value) -> String {
    match outcome(case) {
        Outcome::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

fn people(values: Value) -> Value {
    json!({
        "kind": "source", "name": "people", "schema": ["name STRING", "age INT NOT NULL"],
        "rows": values,
    })
}

fn adults(expected: &[&str]) -> Value {
    json!({
        "kind": "sink", "name": "adults", "schema": ["name STRING", "age INT"],
        "expected": {"strings": expected},
    })
}

const ADULTS: &str = "INSERT INTO adults SELECT name, age FROM people WHERE age > 17;";

fn three() -> Value {
    people(inserts(&[
        json!(["Ada", 36]),
        json!(["Max", 5]),
        json!(["Eve", 18]),
    ]))
}

#[test]
fn a_case_with_the_expected_rows_passes_in_any_order() {
    let setup = json!([three(), adults(&["+I[Eve, 18]", "+I[Ada, 36]"])]);
    for (parallelism, batch_rows) in [(1, 1), (1, 100), (2, 2)] {
        let how = How {
            parallelism,
            restored_parallelism: parallelism,
            batch_rows,
        };
        assert_eq!(
            outcome_of(case(setup.clone(), ADULTS), &how),
            Outcome::Passed
        );
    }
}

#[test]
fn a_row_that_differs_fails_with_both_sides() {
    let setup = json!([three(), adults(&["+I[Eve, 18]", "+I[Ada, 37]"])]);
    let why = failure(case(setup, ADULTS));
    assert!(
        why.starts_with(
            "table adults: 2 rows expected, 2 came (- did not come, + not expected)\n\
             + +I[Ada, 36]\n- +I[Ada, 37]\n  +I[Eve, 18]\n"
        ),
        "{why}"
    );
    assert!(why.contains("CREATE TABLE `people`"), "{why}");
}

#[test]
fn a_missing_or_surplus_row_fails() {
    let setup = json!([
        three(),
        adults(&["+I[Ada, 36]", "+I[Ada, 36]", "+I[Eve, 18]"])
    ]);
    let why = failure(case(setup, ADULTS));
    assert!(
        why.starts_with("table adults: 3 rows expected, 2 came"),
        "{why}"
    );
    let setup = json!([three(), adults(&["+I[Ada, 36]"])]);
    let why = failure(case(setup, ADULTS));
    assert!(
        why.starts_with("table adults: 1 rows expected, 2 came"),
        "{why}"
    );
}

#[test]
fn row_kinds_go_through() {
    let changes = people(rows(&[
        ("+I", json!(["Ada", 36])),
        ("-U", json!(["Ada", 36])),
        ("+U", json!(["Ada", 37])),
        ("-D", json!(["Ada", 37])),
    ]));
    let expected = ["+I[Ada, 36]", "-U[Ada, 36]", "+U[Ada, 37]", "-D[Ada, 37]"];
    let setup = json!([changes, adults(&expected)]);
    assert_eq!(outcome(case(setup, ADULTS)), Outcome::Passed);
    let mut materialized = adults(&[]);
    materialized["test_materialized"] = json!(true);
    let setup = json!([changes, materialized]);
    assert_eq!(outcome(case(setup, ADULTS)), Outcome::Passed);
}

fn payments() -> Value {
    json!({
        "kind": "source", "name": "payments",
        "schema": [
            "ts STRING", "amount DECIMAL(10,2)", "ts3 AS TO_TIMESTAMP(ts)",
            "WATERMARK FOR ts3 AS ts3 - INTERVAL '1' SECOND",
        ],
        "rows": inserts(&[
            json!(["2024-01-01 00:00:01", {"$t": "BigDecimal", "v": "1.50"}]),
            json!(["2024-01-01 00:00:11", {"$t": "BigDecimal", "v": "2.00"}]),
        ]),
        "rows_after_restore": inserts(&[
            json!(["2024-01-01 00:00:12", {"$t": "BigDecimal", "v": "3.25"}]),
            json!(["2024-01-01 00:00:25", {"$t": "BigDecimal", "v": "4.00"}]),
        ]),
    })
}

fn sums(before: &[&str], after: &[&str]) -> Value {
    json!({
        "kind": "sink", "name": "sums",
        "schema": ["window_end TIMESTAMP(3)", "total DECIMAL(38,2)"],
        "expected": {"strings": before},
        "expected_after_restore": {"strings": after},
    })
}

const SUMS: &str = "INSERT INTO sums SELECT window_end, SUM(amount) FROM TABLE(
  TUMBLE(TABLE payments, DESCRIPTOR(ts3), INTERVAL '10' SECOND)) GROUP BY window_start, window_end";

#[test]
fn a_restore_goes_on_from_the_savepoint() {
    // The second window has a row of each phase; the third closes only when the sources end.
    let before = ["+I[2024-01-01T00:00:10, 1.50]"];
    let second = "+I[2024-01-01T00:00:20, 5.25]";
    let third = "+I[2024-01-01T00:00:30, 4.00]";
    let setup = json!([payments(), sums(&before, &[second, third])]);
    let ends = restored(case(setup.clone(), SUMS), Some("FINITE"));
    assert_eq!(outcome(ends), Outcome::Passed);
    assert_eq!(
        outcome(restored(case(setup.clone(), SUMS), None)),
        Outcome::Passed
    );
    let setup = json!([payments(), sums(&before, &[second])]);
    let goes_on = restored(case(setup, SUMS), Some("INFINITE"));
    assert_eq!(outcome(goes_on), Outcome::Passed);
}

#[test]
fn without_a_restore_only_the_first_rows_count() {
    let expected = [
        "+I[2024-01-01T00:00:10, 1.50]",
        "+I[2024-01-01T00:00:20, 2.00]",
    ];
    let setup = json!([payments(), sums(&expected, &[])]);
    let once = restored(case(setup, SUMS), Some("NO_RESTORE"));
    assert_eq!(outcome(once), Outcome::Passed);
}

#[test]
fn rows_that_do_not_come_before_the_restore_fail_after_a_while() {
    let setup = json!([payments(), sums(&["+I[2024-01-01T00:00:20, 2.00]"], &[])]);
    let why = failure(restored(case(setup, SUMS), Some("FINITE")));
    assert!(
        why.starts_with("before the restore, table sums: 1 rows expected, 1 came"),
        "{why}"
    );
    // None comes at all: the runner waits for a few seconds and says so.
    let setup = json!([
        three(),
        adults(&["+I[Joe, 50]", "+I[Ada, 36]", "+I[Eve, 18]"])
    ]);
    let why = failure(restored(case(setup, ADULTS), Some("FINITE")));
    assert!(
        why.starts_with("before the restore, table adults: 3 rows expected, 2 came"),
        "{why}"
    );
}

#[test]
fn what_is_not_supported_fails_with_its_name() {
    let setup = json!([three(), adults(&["+I[Ada, 36]"])]);
    let why = failure(case(
        setup,
        "INSERT INTO adults SELECT * FROM people MATCH_RECOGNIZE (ORDER BY age MEASURES \
         A.name AS name PATTERN (A) DEFINE A AS age > 17)",
    ));
    assert!(why.contains("it could not be planned"), "{why}");
    assert!(why.contains("MATCH_RECOGNIZE"), "{why}");
}

#[test]
fn java_and_missing_expectations_are_skipped() {
    let mut java = case(json!([three(), adults(&[])]), ADULTS);
    java["udf_classes"] = json!(["org.example.Upper"]);
    assert_eq!(outcome(java), Outcome::Skipped(Reason::JavaClass));
    let mut sink = adults(&[]);
    sink["expected"] = Value::Null;
    let nothing = case(json!([three(), sink]), ADULTS);
    assert_eq!(outcome(nothing), Outcome::Skipped(Reason::NoExpectation));
}

#[test]
fn a_mistake_of_the_script_is_a_failure_not_a_skip() {
    let setup = json!([three(), adults(&["+I[Ada, 36]"])]);
    let why = failure(case(
        setup,
        "INSERT INTO adults SELECT nane, age FROM people",
    ));
    assert!(why.starts_with("it could not be planned\n"), "{why}");
    assert!(why.contains("there is no column 'nane'"), "{why}");
}

#[test]
fn a_job_that_fails_is_a_failure() {
    let setup = json!([three(), adults(&["+I[Ada, 36]"])]);
    let sql = "INSERT INTO adults SELECT name, 10 / (age - 5) FROM people";
    let why = failure(case(setup, sql));
    assert!(why.starts_with("the job failed: "), "{why}");
}

#[test]
fn what_flink_refuses_must_be_refused() {
    let mut refused = case(
        json!([three()]),
        "INSERT INTO nowhere SELECT name FROM people",
    );
    refused["run"][0]["kind"] = json!("failing_sql");
    assert_eq!(outcome(refused), Outcome::Passed);
    let mut taken = case(json!([three(), adults(&[])]), ADULTS);
    taken["run"][0]["kind"] = json!("failing_sql");
    assert!(failure(taken).starts_with("Flink refuses this or fails, here it ran"));
}

#[test]
fn steps_that_the_runner_does_not_know_are_failures() {
    let mut strange = case(json!([three(), adults(&[])]), ADULTS);
    strange["run"][0]["kind"] = json!("dance");
    assert_eq!(failure(strange), "the runner has no run step 'dance'");
}

#[test]
fn a_null_in_a_column_that_is_not_null_can_be_fed() {
    let values = rows(&[("+I", json!(["Ada", 36])), ("+I", json!(["Max", null]))]);
    let setup = json!([people(values), adults(&["+I[Ada, 36]", "+I[Max, null]"])]);
    let sql = "INSERT INTO adults SELECT name, age FROM people";
    assert_eq!(outcome(case(setup, sql)), Outcome::Passed);
}

#[test]
fn metadata_and_values_of_every_kind_have_their_places() {
    let source = json!({
        "kind": "source", "name": "s",
        "schema": [
            "id INT", "m TIMESTAMP(3) METADATA", "twice AS id * 2", "r ROW<a INT, b STRING>",
            "l ARRAY<INT>", "p MAP<STRING, INT>", "t TIMESTAMP_LTZ(3)", "h BYTES",
        ],
        "rows": inserts(&[json!([
            1,
            {"$t": "LocalDateTime", "v": "2024-01-02T03:04"},
            {"$t": "Row", "kind": "+I", "v": [7, "x"]},
            {"$t": "Array", "v": [1, null]},
            {"$t": "Map", "v": [["k", 3]]},
            {"$t": "Instant", "v": "1970-01-01T00:00:00.001Z"},
            {"$t": "bytes", "v": [1, 255]},
        ])]),
    });
    let sink = json!({
        "kind": "sink", "name": "o",
        "schema": [
            "id INT", "twice INT", "m TIMESTAMP(3)", "r ROW<a INT, b STRING>", "l ARRAY<INT>",
            "p MAP<STRING, INT>", "t TIMESTAMP_LTZ(3)", "h BYTES",
        ],
        "expected": {"strings": [
            "+I[1, 2, 2024-01-02T03:04, +I[7, x], [1, null], {k=3}, 1970-01-01T00:00:00.001Z, [1, -1]]",
        ]},
    });
    let sql = "INSERT INTO o SELECT id, twice, m, r, l, p, t, h FROM s";
    assert_eq!(outcome(case(json!([source, sink]), sql)), Outcome::Passed);
}
