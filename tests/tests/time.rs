//! Time in queries: versions of a table, lookups, processing time, sessions, windows of every kind.
//!
//! The rows are those of Flink (docs/semantics.md), or follow from the definition where they are not listed there.

use millstream_tests::{How, run_sql};

/// What a script prints, with these files beside it.
fn printed(
    files: &[(&str, &str)],
    script: &str,
    parallelism: usize,
) -> Result<Vec<String>, String> {
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
