//! Names in queries, NOT IN with NULLs, the watermark as a value, and sorting what ends.

use std::path::Path;

use millstream_tests::{How, run_sql};

fn printed(query: &str, parallelism: usize) -> Result<Vec<String>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let tables = std::fs::read_to_string(folder.join("tables.sql"))
        .map_err(|e| e.to_string())?
        .replace("${data}", &folder.join("data").display().to_string());
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let how = How {
        parallelism,
        ..How::default()
    };
    Ok(run_sql(dir.path(), &format!("{tables}\n{query}"), &how)?.printed)
}

#[track_caller]
fn rows(query: &str, expected: &[&str]) {
    let got = printed(query, 1).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(got, expected, "{query}");
}

#[track_caller]
fn refused(query: &str, words: &str) {
    let why = printed(query, 1).expect_err(query);
    assert!(why.contains(words), "{why}");
}

const NESTED: &str = "CREATE VIEW nested AS SELECT k, CAST(ROW(amount, ROW(k, id)) AS
  ROW<a DECIMAL(10, 2), b ROW<c STRING, d BIGINT>>) AS r FROM payments WHERE id < 4;\n";

#[test]
fn a_field_of_a_row_gives_its_column_its_name() {
    let query = "CREATE VIEW flat AS SELECT r.a, nested.r.b.c, r.b.d FROM nested;
                 SELECT c, d, a FROM flat;";
    rows(
        &format!("{NESTED}{query}"),
        &["+I[a, 1, 10.00]", "+I[a, 2, 20.00]", "+I[b, 3, 5.25]"],
    );
}

#[test]
fn a_path_into_a_row_reaches_the_outer_query() {
    let query = "SELECT n.r.b.d FROM nested AS n WHERE EXISTS (
                   SELECT 1 FROM payments AS p WHERE p.k = n.r.b.c AND p.amount = 30);";
    rows(&format!("{NESTED}{query}"), &["+I[1]", "+I[2]"]);
}

#[test]
fn a_context_variable_is_a_column() {
    rows(
        "CREATE VIEW named AS SELECT k AS `user` FROM payments WHERE id = 3;
         SELECT user FROM named;",
        &["+I[b]"],
    );
    refused("SELECT user FROM payments;", "there is no column 'user'");
}

#[test]
fn not_in_keeps_out_what_may_be_in() {
    // A NULL on either side may be equal to anything.
    let count = |query: &str| -> usize {
        let all = printed(query, 1).unwrap_or_else(|why| panic!("{why}"));
        let added = all.iter().filter(|row| row.starts_with("+I")).count();
        added - all.iter().filter(|row| row.starts_with("-D")).count()
    };
    let nulls = "SELECT CAST(NULL AS STRING) AS k";
    assert_eq!(
        count(&format!(
            "SELECT id FROM payments WHERE k NOT IN ({nulls});"
        )),
        0
    );
    assert_eq!(
        count("SELECT id FROM payments WHERE k NOT IN (SELECT k FROM payments WHERE id > 99);"),
        10
    );
    assert_eq!(
        count("SELECT id FROM payments WHERE k NOT IN (SELECT k FROM payments WHERE id = 3);"),
        8
    );
    assert_eq!(
        count(
            "SELECT g.id FROM gaps AS g WHERE g.k IS NULL AND g.k NOT IN (SELECT k FROM payments);"
        ),
        0
    );
}

#[test]
fn the_watermark_is_that_before_the_row() {
    rows(
        "SELECT id, CURRENT_WATERMARK(ts) AS w FROM payments WHERE id <= 4;",
        &[
            "+I[1, null]",
            "+I[2, 2023-12-31T23:59:55]",
            "+I[3, 2024-01-01T00:00:25]",
            "+I[4, 2024-01-01T00:00:26.500]",
        ],
    );
    rows(
        "SELECT id FROM payments WHERE ts <= CURRENT_WATERMARK(ts);",
        &["+I[9]"],
    );
    refused(
        "SELECT CURRENT_WATERMARK(TIMESTAMP '2024-01-01 00:00:00') FROM payments;",
        "CURRENT_WATERMARK takes a rowtime attribute",
    );
}

#[test]
fn only_a_test_sorts_by_other_columns_than_time() {
    let query = "SELECT id, amount FROM payments WHERE id < 6 ORDER BY amount DESC;";
    refused(query, "ORDER BY without LIMIT");
    rows(
        &format!("SET '__table.exec.sort.non-temporal.enabled__' = 'true';\n{query}"),
        &[
            "+I[5, 40.00]",
            "+I[4, 30.00]",
            "+I[2, 20.00]",
            "+I[1, 10.00]",
            "+I[3, 5.25]",
        ],
    );
}

#[test]
fn overlapping_periods() {
    rows(
        "SELECT id FROM payments WHERE id < 5 AND (ts, INTERVAL '10' SECOND) OVERLAPS
           (TIMESTAMP '2024-01-01 00:00:35', TIMESTAMP '2024-01-01 00:00:36');",
        &["+I[2]", "+I[3]"],
    );
}

#[test]
fn a_connector_without_watermarks_of_its_own_is_told() {
    refused(
        "CREATE TABLE t (ts TIMESTAMP(3), WATERMARK FOR ts AS SOURCE_WATERMARK())
           WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'csv');
         SELECT ts FROM t;",
        "makes no watermarks of its own",
    );
}
