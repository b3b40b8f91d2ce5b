//! Time in queries: versions of a table, lookups, processing time, sessions, windows of every kind.
//!
//! The rows are those of Flink (docs/semantics.md), or follow from the definition where they are not listed there.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use millstream_connectors::{
    Connectors, CustomConnector, Position, Read, Result, SinkContext, SinkWriter, Source, SplitId,
    SplitReader, TableSpec,
};
use millstream_tests::{How, run_sql};

/// What a script prints, with these files beside it.
fn printed(
    files: &[(&str, &str)],
    script: &str,
    parallelism: usize,
) -> std::result::Result<Vec<String>, String> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).map_err(|e| e.to_string())?;
    }
    let how = How {
        parallelism,
        ..How::default()
    };
    Ok(run_sql(dir.path(), script, &how)?.printed)
}

/// The rows without the number of the instance that printed them, sorted.
fn sorted(rows: Vec<String>) -> Vec<String> {
    let row = |row: String| match row.split_once("> ") {
        Some((_, row)) => row.to_owned(),
        None => row,
    };
    let mut rows: Vec<String> = rows.into_iter().map(row).collect();
    rows.sort();
    rows
}

/// The rows at parallelism 1, 2 and 3, in any order.
#[track_caller]
fn rows(files: &[(&str, &str)], script: &str, expected: &[&str]) {
    let mut expected: Vec<&str> = expected.to_vec();
    expected.sort_unstable();
    for parallelism in 1..=3 {
        let got = printed(files, script, parallelism).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(sorted(got), expected, "parallelism {parallelism}: {script}");
    }
}

/// What is wrong with a script.
#[track_caller]
fn refused(files: &[(&str, &str)], script: &str, words: &[&str]) {
    let why = match printed(files, script, 1) {
        Ok(rows) => panic!("{script} gave {rows:?}"),
        Err(why) => why,
    };
    for word in words {
        assert!(why.contains(word), "{word}: {why}");
    }
}

const ORDERS: (&str, &str) = (
    "orders.csv",
    "1,usd,2024-01-01 00:00:01,10\n\
     2,eur,2024-01-01 00:00:05,20\n\
     3,eur,2024-01-01 00:00:11,30\n\
     4,gbp,2024-01-01 00:00:12,40\n\
     5,usd,2024-01-01 00:00:20,50\n",
);
const RATES: (&str, &str) = (
    "rates.csv",
    "usd,100,2024-01-01 00:00:00\n\
     eur,110,2024-01-01 00:00:05\n\
     eur,120,2024-01-01 00:00:10\n\
     usd,101,2024-01-01 00:00:19\n\
     eur,130,2024-01-01 00:00:30\n",
);
const CURRENCY: &str = "
    CREATE TABLE orders (
        id BIGINT, currency STRING, ts TIMESTAMP(3), amount INT, pt AS PROCTIME(),
        WATERMARK FOR ts AS ts - INTERVAL '2' SECOND
    ) WITH ('connector' = 'filesystem', 'path' = 'orders.csv', 'format' = 'csv');
    CREATE TABLE rates (
        currency STRING, rate INT, valid_from TIMESTAMP(3),
        PRIMARY KEY (currency) NOT ENFORCED,
        WATERMARK FOR valid_from AS valid_from
    ) WITH ('connector' = 'filesystem', 'path' = 'rates.csv', 'format' = 'csv');
    CREATE TABLE history (
        currency STRING, rate INT, valid_from TIMESTAMP(3),
        WATERMARK FOR valid_from AS valid_from
    ) WITH ('connector' = 'filesystem', 'path' = 'rates.csv', 'format' = 'csv');
    CREATE TEMPORARY VIEW last_rates AS
    SELECT currency, rate, valid_from FROM (
        SELECT *, ROW_NUMBER() OVER (PARTITION BY currency ORDER BY valid_from DESC) AS rn FROM history
    ) WHERE rn = 1;
    ";

#[track_caller]
fn currency(query: &str, expected: &[&str]) {
    rows(&[ORDERS, RATES], &format!("{CURRENCY}{query}"), expected);
}

#[test]
fn a_temporal_join_takes_the_version_of_the_rows_time() {
    let expected = &["+I[1, 1000]", "+I[2, 2200]", "+I[3, 3600]", "+I[5, 5050]"];
    for table in ["rates", "last_rates"] {
        currency(
            &format!(
                "SELECT o.id, o.amount * r.rate FROM orders AS o
                 JOIN {table} FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency;"
            ),
            expected,
        );
    }
}

#[test]
fn a_left_temporal_join_keeps_rows_without_a_version() {
    currency(
        "SELECT o.id, r.rate FROM orders AS o
         LEFT JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON UPPER(o.currency) = UPPER(r.currency) AND o.currency = r.currency AND r.rate > 100;",
        &["+I[1, null]", "+I[2, 110]", "+I[3, 120]", "+I[4, null]", "+I[5, 101]"],
    );
}

#[test]
fn the_time_of_the_left_side_goes_on_behind_a_temporal_join() {
    currency(
        "SELECT window_start, SUM(total) FROM TABLE(TUMBLE((
             SELECT o.ts, o.amount * r.rate AS total FROM orders AS o
             JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency
         ), DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;",
        &[
            "+I[2024-01-01T00:00, 3200]",
            "+I[2024-01-01T00:00:10, 3600]",
            "+I[2024-01-01T00:00:20, 5050]",
        ],
    );
}

#[test]
fn a_temporal_join_says_what_it_needs() {
    let refused = |query: &str, words: &[&str]| {
        refused(&[ORDERS, RATES], &format!("{CURRENCY}{query}"), words);
    };
    refused(
        "SELECT o.id FROM orders AS o JOIN history FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency;",
        &["primary key"],
    );
    refused(
        "SELECT o.id FROM orders AS o JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.amount = r.rate;",
        &["'currency' = … is missing"],
    );
    refused(
        "SELECT o.id FROM orders AS o RIGHT JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency;",
        &["INNER or LEFT"],
    );
    refused(
        "SELECT o.id FROM orders AS o JOIN rates FOR SYSTEM_TIME AS OF o.amount AS r ON o.currency = r.currency;",
        &["'amount' is none"],
    );
    refused(
        "SELECT * FROM rates FOR SYSTEM_TIME AS OF ts;",
        &["right side of a join"],
    );
}

#[test]
fn a_lookup_join_finds_the_rows_of_a_table_by_key() {
    let names = ("names.csv", "usd,dollar,2\neur,euro,2\nyen,yen,0\n");
    let script = |query: &str| {
        format!(
            "{CURRENCY}
             CREATE TABLE names (
                 code STRING, name STRING, digits INT, label AS UPPER(name), PRIMARY KEY (code) NOT ENFORCED
             ) WITH ('connector' = 'filesystem', 'path' = 'names.csv', 'format' = 'csv');
             {query}"
        )
    };
    rows(
        &[ORDERS, RATES, names],
        &script(
            "SELECT o.id, n.label FROM orders AS o
             JOIN names FOR SYSTEM_TIME AS OF o.pt AS n ON o.currency = n.code WHERE o.amount > 10;",
        ),
        &["+I[2, EURO]", "+I[3, EURO]", "+I[5, DOLLAR]"],
    );
    rows(
        &[ORDERS, RATES, names],
        &script(
            "SELECT o.id, n.name, n.digits FROM orders AS o
             LEFT JOIN names FOR SYSTEM_TIME AS OF o.pt AS n
             ON o.currency = n.code AND o.amount + n.digits > 22 AND n.label <> 'YEN' AND o.id <> 5;",
        ),
        &[
            "+I[1, null, null]",
            "+I[2, null, null]",
            "+I[3, euro, 2]",
            "+I[4, null, null]",
            "+I[5, null, null]",
        ],
    );
    refused(
        &[ORDERS, RATES, names],
        &script(
            "SELECT o.id FROM orders AS o JOIN names FOR SYSTEM_TIME AS OF o.pt AS n ON n.digits > 1;",
        ),
        &["equality"],
    );
    refused(
        &[ORDERS, RATES, names],
        &script(
            "SELECT o.id FROM orders AS o JOIN last_rates FOR SYSTEM_TIME AS OF o.pt AS n ON n.currency = o.currency;",
        ),
        &["'last_rates' is a view"],
    );
}

#[test]
fn the_first_and_the_last_row_of_a_key_to_arrive() {
    let script = |order: &str| {
        format!(
            "{CURRENCY} SELECT id, currency FROM (
                 SELECT *, ROW_NUMBER() OVER (PARTITION BY currency ORDER BY pt {order}) AS rn FROM orders
             ) WHERE rn = 1;"
        )
    };
    rows(
        &[ORDERS, RATES],
        &script("ASC"),
        &["+I[1, usd]", "+I[2, eur]", "+I[4, gbp]"],
    );
    rows(
        &[ORDERS, RATES],
        &script("DESC"),
        &[
            "+I[1, usd]",
            "+I[2, eur]",
            "+I[4, gbp]",
            "+U[3, eur]",
            "+U[5, usd]",
            "-U[1, usd]",
            "-U[2, eur]",
        ],
    );
}

const EVENTS: (&str, &str) = (
    "events.csv",
    "1,2024-01-01 00:00:01,a,1\n\
     2,2024-01-01 00:00:05,b,2\n\
     3,2024-01-01 00:00:09.9,a,4\n\
     4,2024-01-01 00:00:12,a,5\n\
     5,2024-01-01 00:00:08,a,100\n\
     6,2024-01-01 00:00:11,b,6\n\
     7,2024-01-01 00:00:25,a,7\n\
     8,2024-01-01 00:00:26,,\n\
     9,2024-01-01 00:00:26.5,b,9\n",
);
const EVENT_TABLE: &str = "
    CREATE TABLE events (
        id BIGINT, ts TIMESTAMP(3), k STRING, v INT, pt AS PROCTIME(),
        WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
    ) WITH ('connector' = 'filesystem', 'path' = 'events.csv', 'format' = 'csv', 'csv.null-literal' = '');
    ";

#[track_caller]
fn events(query: &str, expected: &[&str]) {
    rows(&[EVENTS], &format!("{EVENT_TABLE}{query}"), expected);
}

/// The table that the changelog leaves, at parallelism 1, 2 and 3.
#[track_caller]
fn events_table(query: &str, expected: &[&str]) {
    for parallelism in 1..=3 {
        let got = printed(&[EVENTS], &format!("{EVENT_TABLE}{query}"), parallelism)
            .unwrap_or_else(|why| panic!("{why}"));
        let mut table: Vec<String> = Vec::new();
        for change in got {
            let change = change.split_once("> ").map_or(change.as_str(), |(_, c)| c);
            let (kind, row) = change.split_at(2);
            match kind {
                "+I" | "+U" => table.push(row.to_owned()),
                _ => {
                    let at = table.iter().position(|kept| kept == row);
                    table.remove(at.unwrap_or_else(|| panic!("{change} was never there")));
                }
            }
        }
        table.sort();
        assert_eq!(table, expected, "parallelism {parallelism}: {query}");
    }
}

#[test]
fn sessions_of_a_key() {
    let expected = &[
        "+I[a, 2024-01-01T00:00:01, 2024-01-01T00:00:05, 1, 1]",
        "+I[a, 2024-01-01T00:00:08, 2024-01-01T00:00:16, 3, 109]",
        "+I[a, 2024-01-01T00:00:25, 2024-01-01T00:00:29, 1, 7]",
        "+I[b, 2024-01-01T00:00:05, 2024-01-01T00:00:09, 1, 2]",
        "+I[b, 2024-01-01T00:00:11, 2024-01-01T00:00:15, 1, 6]",
        "+I[b, 2024-01-01T00:00:26.500, 2024-01-01T00:00:30.500, 1, 9]",
        "+I[null, 2024-01-01T00:00:26, 2024-01-01T00:00:30, 1, null]",
    ];
    events(
        "SELECT k, window_start, window_end, COUNT(*), SUM(v)
         FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '4' SECOND))
         GROUP BY k, window_start, window_end;",
        expected,
    );
    events(
        "SELECT k, window_start, window_end, COUNT(*), SUM(v)
         FROM SESSION(DATA => TABLE events PARTITION BY k, TIMECOL => DESCRIPTOR(ts), GAP => INTERVAL '4' SECOND)
         GROUP BY window_start, k, window_end;",
        expected,
    );
    events(
        "SELECT k, SESSION_START(ts, INTERVAL '4' SECOND), SESSION_END(ts, INTERVAL '4' SECOND), COUNT(*), SUM(v)
         FROM events GROUP BY k, SESSION(ts, INTERVAL '4' SECOND);",
        expected,
    );
}

#[test]
fn a_late_row_joins_a_session_that_is_open() {
    let table = EVENT_TABLE.replace("'5' SECOND", "'1' SECOND");
    let query = "
        SELECT id, window_start, window_end FROM TABLE(SESSION(TABLE events, DESCRIPTOR(ts), INTERVAL '4' SECOND)) WHERE id < 7;";
    let got = printed(&[EVENTS], &format!("{table}{query}"), 1);
    assert_eq!(
        sorted(got.unwrap_or_else(|why| panic!("{why}"))),
        [
            "+I[1, 2024-01-01T00:00:01, 2024-01-01T00:00:09]",
            "+I[2, 2024-01-01T00:00:01, 2024-01-01T00:00:09]",
            "+I[3, 2024-01-01T00:00:08, 2024-01-01T00:00:16]",
            "+I[4, 2024-01-01T00:00:08, 2024-01-01T00:00:16]",
            "+I[5, 2024-01-01T00:00:08, 2024-01-01T00:00:16]",
            "+I[6, 2024-01-01T00:00:08, 2024-01-01T00:00:16]",
        ]
    );
}

#[test]
fn sessions_of_all_rows_are_whole_before_they_are_grouped() {
    events(
        "SELECT id, window_start, window_end FROM TABLE(SESSION(TABLE events, DESCRIPTOR(ts), INTERVAL '4' SECOND));",
        &[
            "+I[1, 2024-01-01T00:00:01, 2024-01-01T00:00:16]",
            "+I[2, 2024-01-01T00:00:01, 2024-01-01T00:00:16]",
            "+I[3, 2024-01-01T00:00:01, 2024-01-01T00:00:16]",
            "+I[4, 2024-01-01T00:00:01, 2024-01-01T00:00:16]",
            "+I[5, 2024-01-01T00:00:01, 2024-01-01T00:00:16]",
            "+I[6, 2024-01-01T00:00:01, 2024-01-01T00:00:16]",
            "+I[7, 2024-01-01T00:00:25, 2024-01-01T00:00:30.500]",
            "+I[8, 2024-01-01T00:00:25, 2024-01-01T00:00:30.500]",
            "+I[9, 2024-01-01T00:00:25, 2024-01-01T00:00:30.500]",
        ],
    );
    events_table(
        "SELECT k, window_start, COUNT(*) FROM TABLE(SESSION(TABLE events, DESCRIPTOR(ts), INTERVAL '4' SECOND))
         GROUP BY k, window_start, window_end;",
        &[
            "[a, 2024-01-01T00:00:01, 4]",
            "[a, 2024-01-01T00:00:25, 1]",
            "[b, 2024-01-01T00:00:01, 2]",
            "[b, 2024-01-01T00:00:25, 1]",
            "[null, 2024-01-01T00:00:25, 1]",
        ],
    );
}

#[test]
fn group_windows_are_keys_of_group_by() {
    events(
        "SELECT TUMBLE_START(ts, INTERVAL '10' SECOND) AS s, TUMBLE_END(ts, INTERVAL '10' SECOND), COUNT(DISTINCT v)
         FROM events WHERE v < 50 GROUP BY TUMBLE(ts, INTERVAL '10' SECOND) HAVING COUNT(*) > 1;",
        &[
            "+I[2024-01-01T00:00, 2024-01-01T00:00:10, 3]",
            "+I[2024-01-01T00:00:10, 2024-01-01T00:00:20, 2]",
            "+I[2024-01-01T00:00:20, 2024-01-01T00:00:30, 2]",
        ],
    );
    // A size need not be a multiple of the slide.
    events(
        "SELECT k, HOP_START(e.ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND), SUM(v)
         FROM events AS e WHERE k = 'a' GROUP BY HOP(e.ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND), k;",
        &[
            "+I[a, 2023-12-31T23:59:55, 1]",
            "+I[a, 2024-01-01T00:00, 105]",
            "+I[a, 2024-01-01T00:00:05, 109]",
            "+I[a, 2024-01-01T00:00:10, 5]",
            "+I[a, 2024-01-01T00:00:20, 7]",
            "+I[a, 2024-01-01T00:00:25, 7]",
        ],
    );
    events(
        "SELECT HOP_END(ts, INTERVAL '4' SECOND, INTERVAL '6' SECOND), COUNT(*)
         FROM events WHERE k = 'b' GROUP BY HOP(ts, INTERVAL '4' SECOND, INTERVAL '6' SECOND);",
        &[
            "+I[2024-01-01T00:00:06, 1]",
            "+I[2024-01-01T00:00:10, 1]",
            "+I[2024-01-01T00:00:14, 1]",
            "+I[2024-01-01T00:00:30, 1]",
        ],
    );
    // The time of a group window is an event time for what follows.
    events(
        "SELECT TUMBLE_START(t, INTERVAL '20' SECOND), SUM(c) FROM (
             SELECT TUMBLE_ROWTIME(ts, INTERVAL '10' SECOND) AS t, COUNT(*) AS c
             FROM events GROUP BY TUMBLE(ts, INTERVAL '10' SECOND)
         ) GROUP BY TUMBLE(t, INTERVAL '20' SECOND);",
        &["+I[2024-01-01T00:00, 6]", "+I[2024-01-01T00:00:20, 3]"],
    );
    refused(
        &[EVENTS],
        &format!(
            "{EVENT_TABLE} SELECT COUNT(*) FROM events GROUP BY TUMBLE(v, INTERVAL '1' SECOND);"
        ),
        &["TUMBLE in GROUP BY takes a time attribute"],
    );
}

#[test]
fn windows_of_distinct_values() {
    events(
        "SELECT window_start, window_end, COUNT(DISTINCT k), LISTAGG(k), MIN(v)
         FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND))
         GROUP BY window_start, window_end;",
        &[
            "+I[2024-01-01T00:00, 2024-01-01T00:00:05, 1, a, 1]",
            "+I[2024-01-01T00:00, 2024-01-01T00:00:10, 2, a,b,a,a, 1]",
            "+I[2024-01-01T00:00:10, 2024-01-01T00:00:15, 2, a,b, 5]",
            "+I[2024-01-01T00:00:10, 2024-01-01T00:00:20, 2, a,b, 5]",
            "+I[2024-01-01T00:00:20, 2024-01-01T00:00:30, 2, a,b, 7]",
        ],
    );
}

#[test]
fn windows_over_windows() {
    // The windows of an aggregation are those of the next one.
    events(
        "SELECT window_start, window_end, MAX(s), COUNT(*) FROM (
             SELECT window_start, window_end, k, SUM(v) AS s
             FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, k
         ) GROUP BY window_start, window_end;",
        &[
            "+I[2024-01-01T00:00, 2024-01-01T00:00:10, 105, 2]",
            "+I[2024-01-01T00:00:10, 2024-01-01T00:00:20, 6, 2]",
            "+I[2024-01-01T00:00:20, 2024-01-01T00:00:30, 9, 3]",
        ],
    );
    // What is aggregated may be about the window.
    events(
        "SELECT window_end, MAX(TIMESTAMPDIFF(SECOND, window_start, ts)) FROM TABLE(
             HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '20' SECOND))
         WHERE window_start > TIMESTAMP '2024-01-01 00:00:00' GROUP BY window_start, window_end;",
        &["+I[2024-01-01T00:00:30, 16]", "+I[2024-01-01T00:00:40, 6]"],
    );
    // Two of the window's best rows, counted.
    events(
        "SELECT window_start, SUM(v) FROM (
             SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY v DESC) AS rn
             FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '15' SECOND))
         ) WHERE rn <= 2 GROUP BY window_start, window_end;",
        &["+I[2024-01-01T00:00, 106]", "+I[2024-01-01T00:00:15, 16]"],
    );
}

#[test]
fn grouping_sets_of_a_window() {
    events(
        "SELECT window_start, k, GROUPING(k), GROUPING_ID(k), COUNT(*)
         FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND))
         GROUP BY window_start, window_end, GROUPING SETS ((k), ());",
        &[
            "+I[2024-01-01T00:00, a, 0, 0, 3]",
            "+I[2024-01-01T00:00, b, 0, 0, 1]",
            "+I[2024-01-01T00:00, null, 1, 1, 4]",
            "+I[2024-01-01T00:00:10, a, 0, 0, 1]",
            "+I[2024-01-01T00:00:10, b, 0, 0, 1]",
            "+I[2024-01-01T00:00:10, null, 1, 1, 2]",
            "+I[2024-01-01T00:00:20, a, 0, 0, 1]",
            "+I[2024-01-01T00:00:20, b, 0, 0, 1]",
            "+I[2024-01-01T00:00:20, null, 0, 0, 1]",
            "+I[2024-01-01T00:00:20, null, 1, 1, 3]",
        ],
    );
}

#[test]
fn windows_of_rows_that_are_updated() {
    // The last event of each key: earlier ones are taken back from their window, if it is open still.
    events(
        "SELECT window_start, window_end, COUNT(*), MAX(v) FROM TABLE(TUMBLE((
             SELECT id, ts, k, v FROM (
                 SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS rn FROM events
             ) WHERE rn = 1
         ), DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;",
        &["+I[2024-01-01T00:00, 2024-01-01T00:01, 3, 9]"],
    );
}

#[test]
fn windows_of_an_event_time_with_time_zone() {
    let script = "
        CREATE TABLE events (id BIGINT, ts BIGINT, `at` AS TO_TIMESTAMP_LTZ(ts, 3), WATERMARK FOR `at` AS `at`)
        WITH ('connector' = 'filesystem', 'path' = 'times.csv', 'format' = 'csv');";
    let files = &[("times.csv", "1,1000\n2,12000\n3,13000\n")];
    for query in [
        "SELECT window_start, window_time, COUNT(*) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(`at`), INTERVAL '10' SECOND))
         GROUP BY window_start, window_end, window_time;",
        "SELECT TUMBLE_START(`at`, INTERVAL '10' SECOND), TUMBLE_ROWTIME(`at`, INTERVAL '10' SECOND), COUNT(DISTINCT id)
         FROM events GROUP BY TUMBLE(`at`, INTERVAL '10' SECOND);",
    ] {
        rows(
            files,
            &format!("{script}{query}"),
            &[
                "+I[1970-01-01T00:00, 1970-01-01T00:00:09.999Z, 1]",
                "+I[1970-01-01T00:00:10, 1970-01-01T00:00:19.999Z, 2]",
            ],
        );
    }
    rows(
        files,
        &format!(
            "{script} SELECT id, window_time FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(`at`), INTERVAL '1' MINUTE));"
        ),
        &[
            "+I[1, 1970-01-01T00:00:59.999Z]",
            "+I[2, 1970-01-01T00:00:59.999Z]",
            "+I[3, 1970-01-01T00:00:59.999Z]",
        ],
    );
}

#[test]
fn windows_of_processing_time() {
    // They end by the clock, not with the input.
    events(
        "SELECT SUM(v) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(pt), INTERVAL '1' DAY)) GROUP BY window_start, window_end;",
        &[],
    );
    events(
        "SELECT k, TUMBLE_PROCTIME(pt, INTERVAL '1' DAY), SUM(v) FROM events GROUP BY k, TUMBLE(pt, INTERVAL '1' DAY);",
        &[],
    );
    refused(
        &[EVENTS],
        &format!(
            "{EVENT_TABLE} SELECT id, window_start FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(pt), INTERVAL '1' DAY));"
        ),
        &["processing time 'pt'", "GROUP BY window_start, window_end"],
    );
}

#[test]
fn over_in_processing_time_answers_at_once() {
    events(
        "SELECT id, COUNT(*) OVER w, SUM(v) OVER w FROM events
         WINDOW w AS (PARTITION BY k ORDER BY pt ROWS BETWEEN 1 PRECEDING AND CURRENT ROW);",
        &[
            "+I[1, 1, 1]",
            "+I[2, 1, 2]",
            "+I[3, 2, 5]",
            "+I[4, 2, 9]",
            "+I[5, 2, 105]",
            "+I[6, 2, 8]",
            "+I[7, 2, 107]",
            "+I[8, 1, null]",
            "+I[9, 2, 15]",
        ],
    );
    events(
        "SELECT id, ROW_NUMBER() OVER (PARTITION BY k ORDER BY pt) AS n FROM events;",
        &[
            "+I[1, 1]", "+I[2, 1]", "+I[3, 2]", "+I[4, 3]", "+I[5, 4]", "+I[6, 2]", "+I[7, 5]",
            "+I[8, 1]", "+I[9, 3]",
        ],
    );
}

#[test]
fn over_in_the_order_of_any_column_changes_what_comes_later() {
    events_table(
        "SELECT id, SUM(v) OVER (PARTITION BY k ORDER BY v) FROM events;",
        &[
            "[1, 1]",
            "[2, 2]",
            "[3, 5]",
            "[4, 10]",
            "[5, 117]",
            "[6, 8]",
            "[7, 17]",
            "[8, null]",
            "[9, 17]",
        ],
    );
    // What is summed may be updated itself.
    events_table(
        "SELECT k, n, SUM(n) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM (
             SELECT k, COUNT(*) AS n FROM events GROUP BY k);",
        &["[a, 5, 9]", "[b, 3, 4]", "[null, 1, 1]"],
    );
    refused(
        &[EVENTS],
        &format!(
            "{EVENT_TABLE} SELECT SUM(v) OVER (ORDER BY v ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM events;"
        ),
        &["bounded OVER", "'v' is none"],
    );
    refused(
        &[EVENTS],
        &format!(
            "{EVENT_TABLE} SELECT SUM(v) OVER (ORDER BY ts) FROM (
                 SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS rn FROM events) WHERE rn = 1;"
        ),
        &["append-only"],
    );
}

#[test]
fn an_interval_that_holds_nothing_joins_nothing() {
    let query = |join: &str| {
        format!(
            "SELECT a.id, b.v FROM events AS a {join} events AS b
             ON a.k = b.k AND a.ts BETWEEN b.ts + INTERVAL '5' SECOND AND b.ts - INTERVAL '5' SECOND;"
        )
    };
    events(&query("JOIN"), &[]);
    events(
        &query("LEFT JOIN"),
        &[
            "+I[1, null]",
            "+I[2, null]",
            "+I[3, null]",
            "+I[4, null]",
            "+I[5, null]",
            "+I[6, null]",
            "+I[7, null]",
            "+I[8, null]",
            "+I[9, null]",
        ],
    );
    events(
        &format!(
            "SELECT COUNT(*) FROM ({}) WHERE v > 6;",
            query("FULL OUTER JOIN").trim_end_matches(';')
        ),
        &["+I[1]", "-U[1]", "+U[2]", "-U[2]", "+U[3]"],
    );
}

#[test]
fn order_by_processing_time_is_the_order_of_arrival() {
    events(
        "SELECT id, v FROM events WHERE v < 4 ORDER BY pt;",
        &["+I[1, 1]", "+I[2, 2]"],
    );
    events(
        "SELECT id, v FROM events WHERE v < 4 ORDER BY pt, v DESC;",
        &["+I[1, 1]", "+I[2, 2]"],
    );
}

#[test]
fn of_rows_of_one_time_the_last_to_arrive_is_a_windows_last_row() {
    let query = |order: &str| {
        format!(
            "CREATE TABLE ticks (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
             WITH ('connector' = 'filesystem', 'path' = 'ticks.csv', 'format' = 'csv');
             SELECT id FROM (
                 SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY {order}) AS rn
                 FROM TABLE(TUMBLE(TABLE ticks, DESCRIPTOR(ts), INTERVAL '10' SECOND))
             ) WHERE rn = 1;"
        )
    };
    let ticks = (
        "ticks.csv",
        "1,2024-01-01 00:00:01\n2,2024-01-01 00:00:01\n3,2024-01-01 00:00:01\n",
    );
    rows(&[ticks], &query("ts"), &["+I[1]"]);
    rows(&[ticks], &query("ts DESC"), &["+I[3]"]);
}

/// Files that have no rows behind their last one, but may get some at any time.
struct Endless;

impl CustomConnector for Endless {
    fn validate_source(&self, spec: &TableSpec) -> Result<()> {
        millstream_connectors::validate_source(spec)
    }

    fn validate_sink(&self, spec: &TableSpec) -> Result<()> {
        millstream_connectors::validate_sink(spec)
    }

    fn open_source(&self, spec: &TableSpec, projection: &[usize]) -> Result<Box<dyn Source>> {
        let file = millstream_connectors::open_source(spec, projection)?;
        Ok(Box::new(EndlessSource(file)))
    }

    fn open_sink(&self, spec: &TableSpec, context: &SinkContext) -> Result<Box<dyn SinkWriter>> {
        millstream_connectors::open_sink(spec, context)
    }
}

struct EndlessSource(Box<dyn Source>);

impl Source for EndlessSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        self.0.splits()
    }

    fn bounded(&self) -> bool {
        false
    }

    fn reader(&self, split: &SplitId, position: Option<&Position>) -> Result<Box<dyn SplitReader>> {
        Ok(Box::new(EndlessReader(self.0.reader(split, position)?)))
    }

    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }
}

struct EndlessReader(Box<dyn SplitReader>);

impl SplitReader for EndlessReader {
    fn next(&mut self, max_rows: usize) -> Result<Read> {
        Ok(match self.0.next(max_rows)? {
            Read::End => Read::Idle,
            rows => rows,
        })
    }

    fn position(&self) -> Position {
        self.0.position()
    }
}

#[test]
fn an_idle_source_holds_event_time_up_no_more() {
    let files = [
        ("slow.csv", "1,2024-01-01 00:00:01\n"),
        (
            "fast.csv",
            "2,2024-01-01 00:00:02\n3,2024-01-01 00:00:12\n4,2024-01-01 00:00:25\n",
        ),
    ];
    let table = |name: &str| {
        format!(
            "CREATE TABLE {name} (id INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH (
                 'connector' = 'filesystem', 'path' = '{name}.csv', 'format' = 'csv');"
        )
    };
    let script = |timeout: &str| {
        format!(
            "SET 'table.exec.source.idle-timeout' = '{timeout}'; {} {}
             SELECT window_end, COUNT(*) FROM TABLE(TUMBLE(
                 (SELECT * FROM slow UNION ALL SELECT * FROM fast), DESCRIPTOR(ts), INTERVAL '10' SECOND
             )) GROUP BY window_start, window_end;",
            table("slow"),
            table("fast")
        )
    };
    for (timeout, expected) in [
        (
            "200 ms",
            &["+I[2024-01-01T00:00:10, 2]", "+I[2024-01-01T00:00:20, 1]"][..],
        ),
        // Never: the slow source may still have rows of the first window.
        ("0 ms", &[]),
    ] {
        for parallelism in 1..=3 {
            let dir = tempfile::tempdir().unwrap();
            for (name, text) in files {
                std::fs::write(dir.path().join(name), text).unwrap();
            }
            let how = How {
                parallelism,
                duration: Some(std::time::Duration::from_millis(1_500)),
                connectors: Connectors::default().with("filesystem", Arc::new(Endless)),
                ..How::default()
            };
            let run = run_sql(dir.path(), &script(timeout), &how);
            let run = run.unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(sorted(run.printed), expected, "{timeout}, {parallelism}");
        }
    }
}

/// New York's clock skips 02:00 to 03:00 on 10 March and shows 01:00 to 02:00 twice on 3 November.
#[test]
fn windows_of_an_instant_follow_the_clock_of_the_time_zone() {
    let file = (
        "lz.csv",
        "1,2024-03-10 00:30:00\n2,2024-03-10 01:30:00\n3,2024-03-10 03:30:00\n4,2024-03-10 04:10:00\n\
         5,2024-11-03 00:30:00\n6,2024-11-03 01:30:00\n7,2024-11-03 02:30:00\n8,2024-11-03 03:30:00\n\
         9,2024-11-04 03:30:00\n",
    );
    let script = |query: &str| {
        format!(
            "SET 'table.local-time-zone' = 'America/New_York';
             CREATE TABLE lz (
                 id BIGINT, ts TIMESTAMP(3), lts AS CAST(ts AS TIMESTAMP_LTZ(3)), WATERMARK FOR lts AS lts
             ) WITH ('connector' = 'filesystem', 'path' = 'lz.csv', 'format' = 'csv');
             {query};"
        )
    };
    let hours = "TABLE(TUMBLE(TABLE lz, DESCRIPTOR(lts), INTERVAL '1' HOUR))";
    rows(
        &[file],
        &script(&format!(
            "SELECT id, lts, window_start, window_end, window_time FROM {hours} WHERE id IN (3, 6, 7)"
        )),
        &[
            "+I[3, 2024-03-10T07:30:00Z, 2024-03-10T03:00, 2024-03-10T04:00, 2024-03-10T07:59:59.999Z]",
            "+I[6, 2024-11-03T05:30:00Z, 2024-11-03T01:00, 2024-11-03T02:00, 2024-11-03T05:59:59.999Z]",
            "+I[7, 2024-11-03T07:30:00Z, 2024-11-03T02:00, 2024-11-03T03:00, 2024-11-03T07:59:59.999Z]",
        ],
    );
    let by_hour = &[
        "+I[2024-03-10T00:00, 2024-03-10T01:00, 2024-03-10T05:59:59.999Z, 1]",
        "+I[2024-03-10T01:00, 2024-03-10T02:00, 2024-03-10T06:59:59.999Z, 1]",
        "+I[2024-03-10T03:00, 2024-03-10T04:00, 2024-03-10T07:59:59.999Z, 1]",
        "+I[2024-03-10T04:00, 2024-03-10T05:00, 2024-03-10T08:59:59.999Z, 1]",
        "+I[2024-11-03T00:00, 2024-11-03T01:00, 2024-11-03T04:59:59.999Z, 1]",
        "+I[2024-11-03T01:00, 2024-11-03T02:00, 2024-11-03T05:59:59.999Z, 1]",
        "+I[2024-11-03T02:00, 2024-11-03T03:00, 2024-11-03T07:59:59.999Z, 1]",
        "+I[2024-11-03T03:00, 2024-11-03T04:00, 2024-11-03T08:59:59.999Z, 1]",
        "+I[2024-11-04T03:00, 2024-11-04T04:00, 2024-11-04T08:59:59.999Z, 1]",
    ];
    rows(
        &[file],
        &script(&format!(
            "SELECT window_start, window_end, window_time, COUNT(*) FROM {hours}
             GROUP BY window_start, window_end, window_time"
        )),
        by_hour,
    );
    rows(
        &[file],
        &script(
            "SELECT TUMBLE_START(lts, INTERVAL '1' HOUR), TUMBLE_END(lts, INTERVAL '1' HOUR),
                 TUMBLE_ROWTIME(lts, INTERVAL '1' HOUR), COUNT(*)
             FROM lz GROUP BY TUMBLE(lts, INTERVAL '1' HOUR)",
        ),
        by_hour,
    );
    let by_day = &[
        "+I[2024-03-10T00:00, 2024-03-11T00:00, 4, 1, 4]",
        "+I[2024-11-03T00:00, 2024-11-04T00:00, 4, 5, 8]",
        "+I[2024-11-04T00:00, 2024-11-05T00:00, 1, 9, 9]",
    ];
    rows(
        &[file],
        &script(
            "SELECT window_start, window_end, COUNT(*), MIN(id), MAX(id)
             FROM TABLE(TUMBLE(TABLE lz, DESCRIPTOR(lts), INTERVAL '1' DAY))
             GROUP BY window_start, window_end",
        ),
        by_day,
    );
    refused(
        &[file],
        &script(
            "SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(
                 (SELECT id, PROCTIME() AS pt FROM lz), DESCRIPTOR(pt), INTERVAL '1' DAY
             )) GROUP BY window_start, window_end",
        ),
        &["processing time", "table.local-time-zone"],
    );
}

/// A file in a folder that is watched, there all at once.
fn put(folder: &std::path::Path, name: &str, text: &str) {
    let hidden = folder.join(format!("_{name}"));
    std::fs::write(&hidden, text).unwrap();
    std::fs::rename(hidden, folder.join(name)).unwrap();
}

#[test]
fn a_watched_folder_gives_the_files_that_come_and_a_looked_up_file_is_read_again() {
    for parallelism in [1, 3] {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("orders");
        std::fs::create_dir(&folder).unwrap();
        put(&folder, "first.csv", "1,a\n");
        put(dir.path(), "prices.csv", "a,100\n");
        let script = "
            CREATE TABLE orders (id INT, k STRING, pt AS PROCTIME()) WITH (
                'connector' = 'filesystem', 'path' = 'orders', 'format' = 'csv',
                'source.monitor-interval' = '50 ms', 'scan.watermark.idle-timeout' = '1 s'
            );
            CREATE TABLE prices (k STRING, price INT) WITH (
                'connector' = 'filesystem', 'path' = 'prices.csv', 'format' = 'csv', 'lookup.cache' = 'FULL',
                'lookup.full-cache.periodic-reload.interval' = '50 ms'
            );
            SELECT o.id, p.price FROM orders AS o
            JOIN prices FOR SYSTEM_TIME AS OF o.pt AS p ON o.k = p.k;";
        let how = How {
            parallelism,
            duration: Some(std::time::Duration::from_millis(3_000)),
            ..How::default()
        };
        let (outer, inner) = (dir.path().to_owned(), folder.clone());
        let later = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(1_200));
            put(&outer, "prices.csv", "a,200\n");
            put(&inner, "second.csv", "2,a\n");
            put(&inner, "third.csv", "3,a\n");
        });
        let run = run_sql(dir.path(), script, &how);
        later.join().unwrap();
        let run = run.unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(
            sorted(run.printed),
            ["+I[1, 100]", "+I[2, 200]", "+I[3, 200]"],
            "parallelism {parallelism}"
        );
    }
}
