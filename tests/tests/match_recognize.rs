//! `MATCH_RECOGNIZE`: patterns of rows in event time.

use millstream_tests::{How, run_sql};

const PRICES: &str = "CREATE TABLE prices (k STRING, ts TIMESTAMP(3), p INT,
  WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
WITH ('connector' = 'filesystem', 'path' = '${dir}/prices.csv', 'format' = 'csv');\n";

/// Falls and rises of two keys; the third row of `a` comes late, but in time.
const ROWS: &str = "a,\"2024-01-01 00:00:01\",12
b,\"2024-01-01 00:00:01\",3
a,\"2024-01-01 00:00:03\",9
a,\"2024-01-01 00:00:02\",10
b,\"2024-01-01 00:00:04\",2
a,\"2024-01-01 00:00:05\",11
b,\"2024-01-01 00:00:05\",5
a,\"2024-01-01 00:00:08\",7
a,\"2024-01-01 00:00:09\",8
";

fn run(query: &str, parallelism: usize) -> Result<Vec<String>, String> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    std::fs::write(dir.path().join("prices.csv"), ROWS).map_err(|e| e.to_string())?;
    let how = How {
        parallelism,
        ..How::default()
    };
    let mut rows = run_sql(dir.path(), &format!("{PRICES}{query}"), &how)?.printed;
    for row in &mut rows {
        // The instance that wrote it.
        *row = row
            .split_once("> ")
            .map_or(row.as_str(), |(_, row)| row)
            .to_owned();
    }
    rows.sort();
    Ok(rows)
}

#[track_caller]
fn rows(query: &str, expected: &[&str]) {
    for parallelism in 1..=3 {
        let got = run(query, parallelism).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(got, expected, "parallelism {parallelism}: {query}");
    }
}

#[track_caller]
fn refused(clause: &str, words: &str) {
    let query = format!("SELECT * FROM prices MATCH_RECOGNIZE ({clause});");
    let why = run(&query, 1).expect_err(&query);
    assert!(why.contains(words), "{why}");
}

#[test]
fn falls_and_rises() {
    rows(
        "SELECT * FROM prices MATCH_RECOGNIZE (
           PARTITION BY k ORDER BY ts
           MEASURES START_ROW.p AS first, LAST(DOWN.p) AS low, UP.p AS last, COUNT(DOWN.p) AS n,
             AVG(DOWN.p) AS mean, SUM(p) AS total, MATCH_ROWTIME() AS at_time
           ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW
           PATTERN (START_ROW DOWN+ UP)
           DEFINE DOWN AS DOWN.p < LAST(DOWN.p, 1) OR LAST(DOWN.p, 1) IS NULL AND DOWN.p < START_ROW.p,
             UP AS UP.p > LAST(DOWN.p)) AS m;",
        &[
            "+I[a, 12, 9, 11, 2, 9, 42, 2024-01-01T00:00:05]",
            "+I[b, 3, 2, 5, 1, 2, 10, 2024-01-01T00:00:05]",
        ],
    );
}

#[test]
fn matches_are_rows_like_any_others() {
    rows(
        "CREATE VIEW lows AS SELECT k, low, at_time FROM prices MATCH_RECOGNIZE (
           PARTITION BY k ORDER BY ts
           MEASURES DOWN.p AS low, MATCH_ROWTIME(ts) AS at_time
           AFTER MATCH SKIP TO NEXT ROW
           PATTERN (BEFORE_ROW DOWN UP)
           DEFINE DOWN AS p < BEFORE_ROW.p, UP AS p > DOWN.p);
         SELECT window_end, COUNT(*), MIN(low) FROM TABLE(
           TUMBLE(TABLE lows, DESCRIPTOR(at_time), INTERVAL '6' SECOND)) GROUP BY window_start, window_end;",
        &[
            "+I[2024-01-01T00:00:06, 2, 2]",
            "+I[2024-01-01T00:00:12, 1, 7]",
        ],
    );
}

#[test]
fn a_match_takes_less_than_its_time() {
    let query = |within: &str| {
        format!(
            "SELECT k, a, b FROM prices MATCH_RECOGNIZE (
               PARTITION BY k ORDER BY ts MEASURES A.p AS a, B.p AS b
               AFTER MATCH SKIP PAST LAST ROW
               PATTERN (A X*? B) {within} DEFINE B AS p < A.p - 2);"
        )
    };
    rows(&query(""), &["+I[a, 11, 7]", "+I[a, 12, 9]"]);
    rows(&query("WITHIN INTERVAL '2' SECOND"), &[]);
}

#[test]
fn what_flink_refuses_is_refused() {
    let define = "MEASURES A.p AS a";
    refused(
        &format!("PARTITION BY k {define} PATTERN (A) DEFINE A AS TRUE"),
        "needs ORDER BY a time attribute",
    );
    refused(
        &format!("ORDER BY p {define} PATTERN (A) DEFINE A AS TRUE"),
        "must be ordered by a time attribute first",
    );
    refused(
        &format!("ORDER BY ts {define} PATTERN (A B+) DEFINE A AS TRUE"),
        "a greedy quantifier cannot end a pattern",
    );
    refused(
        &format!("ORDER BY ts {define} PATTERN (A (B | C) D) DEFINE A AS TRUE"),
        "a pattern is a sequence of variables",
    );
    refused(
        &format!("ORDER BY ts {define} PATTERN ((A B)+ C) DEFINE A AS TRUE"),
        "a quantifier behind a group",
    );
    refused(
        &format!("ORDER BY ts {define} PATTERN (A B) DEFINE B AS p > PREV(p)"),
        "PREV(…) is not supported",
    );
    refused(
        &format!("ORDER BY ts {define} PATTERN (A B) DEFINE C AS p > 1"),
        "the pattern has no variable 'C'; it has A, B",
    );
}
