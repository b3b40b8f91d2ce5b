//! Queries whose results are updated: aggregates without a window, DISTINCT, Top-N, LIMIT, joins.
//!
//! The rows are those of Flink 2.3 on the same input (docs/semantics.md; the joins' by their definition). Where two
//! sources race, the changelog is not defined and its folded table is compared.

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

/// The table that a changelog leaves, sorted. A row that is taken back must be there.
fn folded(changelog: &[String]) -> Vec<String> {
    let mut table: Vec<String> = Vec::new();
    for change in changelog {
        // With several instances `print` tells which one wrote: `2> +I[…]`.
        let change = change
            .split_once("> ")
            .map_or(change.as_str(), |(_, change)| change);
        let (kind, row) = change.split_at(2);
        match kind {
            "+I" | "+U" => table.push(row.to_owned()),
            _ => {
                let at = table.iter().position(|kept| kept == row);
                let at =
                    at.unwrap_or_else(|| panic!("{change} takes back a row that is not there"));
                table.remove(at);
            }
        }
    }
    table.sort();
    table
}

/// The changelog at parallelism 1, row by row.
#[track_caller]
fn changelog(query: &str, expected: &[&str]) {
    let got = printed(query, 1).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(got, expected, "{query}");
    table(
        query,
        &folded(&got).iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

/// The table that is left, at parallelism 1, 2 and 3.
#[track_caller]
fn table(query: &str, expected: &[&str]) {
    for parallelism in 1..=3 {
        let got = printed(query, parallelism).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(folded(&got), expected, "parallelism {parallelism}: {query}");
    }
}

#[test]
fn counts_and_sums_by_key_are_updated_with_every_row() {
    changelog(
        "SELECT k, COUNT(*) AS c, SUM(amount) AS s FROM payments WHERE id <= 4 GROUP BY k;",
        &[
            "+I[a, 1, 10.00]",
            "-U[a, 1, 10.00]",
            "+U[a, 2, 30.00]",
            "+I[b, 1, 5.25]",
            "-U[a, 2, 30.00]",
            "+U[a, 3, 60.00]",
        ],
    );
}

#[test]
fn a_group_whose_result_stays_the_same_says_nothing() {
    changelog(
        "SELECT k, MAX(amount) AS m FROM payments WHERE id IN (4, 5, 6, 7) GROUP BY k;",
        &["+I[a, 30.00]", "-U[a, 30.00]", "+U[a, 40.00]"],
    );
}

#[test]
fn an_aggregate_of_an_aggregate_takes_back_what_was_counted() {
    table(
        "SELECT n, COUNT(*) AS keys FROM (SELECT k, COUNT(*) AS n FROM payments GROUP BY k) GROUP BY n;",
        &["[2, 1]", "[8, 1]"],
    );
}

#[test]
fn having_lets_groups_in_and_out() {
    table(
        "SELECT k, COUNT(*) AS c FROM payments GROUP BY k HAVING COUNT(*) > 2;",
        &["[a, 8]"],
    );
}

#[test]
fn distinct_rows_come_once() {
    changelog("SELECT DISTINCT k FROM payments;", &["+I[a]", "+I[b]"]);
    table(
        "SELECT k FROM payments UNION SELECT CAST(k AS STRING) FROM payments;",
        &["[a]", "[b]"],
    );
}

#[test]
fn distinct_and_filtered_aggregates() {
    table(
        "SELECT COUNT(DISTINCT k) AS keys, COUNT(*) FILTER (WHERE amount > 9) AS many, MIN(amount) AS least FROM payments;",
        &["[2, 6, 1.00]"],
    );
}

#[test]
fn distinct_aggregates_in_two_levels_add_up_to_those_in_one() {
    let query = "SELECT k, COUNT(DISTINCT id) AS n, SUM(DISTINCT amount) AS s, AVG(amount) AS a, \
                 MAX(amount) AS m, COUNT(*) FILTER (WHERE amount > 9) AS f FROM payments GROUP BY k;";
    let expected = [
        "[a, 8, 216.00, 27.000000, 100.00, 5]",
        "[b, 2, 15.24, 7.620000, 9.99, 1]",
    ];
    table(query, &expected);
    let split = "SET 'table.optimizer.distinct-agg.split.enabled' = 'true';\n";
    table(&format!("{split}{query}"), &expected);
    let buckets = "SET 'table.optimizer.distinct-agg.split.bucket-num' = '2';\n";
    table(&format!("{split}{buckets}{query}"), &expected);
}

#[test]
fn json_and_percentiles_of_changes() {
    table(
        "SELECT warehouse, JSON_OBJECTAGG(KEY COALESCE(product, '-') VALUE qty) AS o, \
         PERCENTILE(qty, ARRAY[0.0, 0.5]) AS p FROM stock WHERE warehouse = 's' GROUP BY warehouse;",
        &[r#"[s, {"-":2,"ink":7,"pen":12}, [2.0, 7.0]]"#],
    );
}

#[test]
fn grouping_sets_give_each_row_to_each_set() {
    table(
        "SELECT k, COUNT(*) AS c FROM payments GROUP BY ROLLUP (k);",
        &["[a, 8]", "[b, 2]", "[null, 10]"],
    );
}

#[test]
fn the_best_rows_of_a_key() {
    changelog(
        "SELECT k, amount FROM (
             SELECT k, amount, ROW_NUMBER() OVER (PARTITION BY k ORDER BY amount DESC) AS rn FROM payments
         ) WHERE rn <= 2 AND k = 'a';",
        &[
            "+I[a, 10.00]",
            "+I[a, 20.00]",
            "-D[a, 10.00]",
            "+I[a, 30.00]",
            "-D[a, 20.00]",
            "+I[a, 40.00]",
            "-D[a, 30.00]",
            "+I[a, 100.00]",
        ],
    );
}

#[test]
fn a_rank_in_the_output_moves_rows_down() {
    changelog(
        "SELECT rn, amount FROM (
             SELECT amount, ROW_NUMBER() OVER (ORDER BY amount DESC) AS rn FROM payments WHERE id <= 4 AND k = 'a'
         ) WHERE rn <= 2;",
        &[
            "+I[1, 10.00]",
            "-U[1, 10.00]",
            "+U[1, 20.00]",
            "+I[2, 10.00]",
            "-U[1, 20.00]",
            "+U[1, 30.00]",
            "-U[2, 10.00]",
            "+U[2, 20.00]",
        ],
    );
}

#[test]
fn order_by_with_a_limit_keeps_the_best() {
    table(
        "SELECT id, amount FROM payments ORDER BY amount DESC LIMIT 3;",
        &["[10, 100.00]", "[4, 30.00]", "[5, 40.00]"],
    );
}

#[test]
fn order_by_time_sorts_as_time_passes() {
    let got = printed("SELECT id FROM events ORDER BY ts;", 1);
    // Row 5 is late; row 6, which stands on the watermark, is not.
    assert_eq!(
        got.unwrap_or_else(|why| panic!("{why}")),
        [
            "+I[1]", "+I[2]", "+I[3]", "+I[6]", "+I[4]", "+I[7]", "+I[8]", "+I[9]"
        ]
    );
}

const TWO: &str = "
CREATE TEMPORARY VIEW l AS SELECT id, k, amount FROM payments WHERE id IN (1, 3, 4);
CREATE TEMPORARY VIEW r AS SELECT id AS rid, k AS rk FROM payments WHERE id IN (2, 5) OR id > 100;
";

#[test]
fn joins_of_two_streams() {
    for (join, expected) in [
        ("JOIN", &["[1, 2]", "[1, 5]", "[4, 2]", "[4, 5]"][..]),
        (
            "LEFT JOIN",
            &["[1, 2]", "[1, 5]", "[3, null]", "[4, 2]", "[4, 5]"][..],
        ),
        ("RIGHT JOIN", &["[1, 2]", "[1, 5]", "[4, 2]", "[4, 5]"][..]),
        (
            "FULL JOIN",
            &["[1, 2]", "[1, 5]", "[3, null]", "[4, 2]", "[4, 5]"][..],
        ),
    ] {
        table(
            &format!("{TWO} SELECT id, rid FROM l {join} r ON l.k = r.rk;"),
            expected,
        );
    }
    table(
        &format!("{TWO} SELECT id, rid FROM l JOIN r ON l.k = r.rk AND l.id < r.rid;"),
        &["[1, 2]", "[1, 5]", "[4, 5]"],
    );
    table(
        &format!("{TWO} SELECT id, rid FROM l, r WHERE k = rk AND rid = 5;"),
        &["[1, 5]", "[4, 5]"],
    );
}

#[test]
fn semi_and_anti_joins() {
    table(
        &format!("{TWO} SELECT id FROM l WHERE k IN (SELECT rk FROM r);"),
        &["[1]", "[4]"],
    );
    table(
        &format!("{TWO} SELECT id FROM l WHERE NOT EXISTS (SELECT 1 FROM r WHERE rk = l.k);"),
        &["[3]"],
    );
    table(
        &format!("{TWO} SELECT id FROM l WHERE k NOT IN (SELECT rk FROM r);"),
        &["[3]"],
    );
}

#[test]
fn a_join_of_aggregates() {
    table(
        "SELECT p.k, p.c, q.m FROM (SELECT k, COUNT(*) AS c FROM payments GROUP BY k) p
         JOIN (SELECT k, MAX(amount) AS m FROM payments GROUP BY k) q ON p.k = q.k;",
        &["[a, 8, 100.00]", "[b, 2, 9.99]"],
    );
}

#[test]
fn rows_close_in_time_are_joined() {
    table(
        "SELECT x.id, y.id FROM events x JOIN events y ON x.k = y.k
         AND y.ts BETWEEN x.ts - INTERVAL '2' SECOND AND x.ts + INTERVAL '2' SECOND AND x.id < y.id;",
        &["[3, 5]"],
    );
}

#[test]
fn what_flink_refuses_is_refused() {
    for (query, part) in [
        (
            "SELECT id FROM payments ORDER BY amount;",
            "ORDER BY without LIMIT",
        ),
        ("SELECT id FROM payments OFFSET 3 ROWS;", "OFFSET needs"),
    ] {
        let why = printed(query, 1).expect_err(query);
        assert!(why.contains(part), "{query}: {why}");
    }
    let sink = "CREATE TABLE sink (k STRING, c BIGINT) WITH ('connector' = 'filesystem', 'path' = '${dir}/out', 'format' = 'csv');
        INSERT INTO sink SELECT k, COUNT(*) FROM payments GROUP BY k;";
    let why = printed(sink, 1).expect_err("updates into an append-only sink");
    assert!(why.contains("takes inserts only"), "{why}");
}
