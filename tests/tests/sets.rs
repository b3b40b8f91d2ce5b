//! Set operations, UNNEST, aggregates with all their clauses, and what sinks ask of a changelog.
//!
//! The rows are those of Flink 2.3 on the same input, or follow from what its documentation and its own tests define.

use millstream_tests::{How, run_sql};

fn printed(query: &str, parallelism: usize) -> Result<Vec<String>, String> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let how = How {
        parallelism,
        ..How::default()
    };
    let mut printed = run_sql(dir.path(), query, &how)?.printed;
    for line in &mut printed {
        // With several instances `print` tells which one wrote: `2> +I[…]`.
        if let Some((_, change)) = line.split_once("> ") {
            *line = change.to_owned();
        }
    }
    Ok(printed)
}

/// The table that a changelog leaves, sorted. A row that is taken back must be there.
fn folded(changelog: &[String]) -> Vec<String> {
    let mut table: Vec<String> = Vec::new();
    for change in changelog {
        let (kind, row) = change.split_at(2);
        let at = table.iter().position(|kept| kept == row);
        match (kind, at) {
            ("+I" | "+U", _) => table.push(row.to_owned()),
            (_, Some(at)) => {
                table.remove(at);
            }
            (_, None) => panic!("{change} takes back a row that is not there"),
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
}

/// The table that is left, at parallelism 1, 2 and 3.
#[track_caller]
fn table(query: &str, expected: &[&str]) {
    for parallelism in 1..=3 {
        let got = printed(query, parallelism).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(folded(&got), expected, "parallelism {parallelism}: {query}");
    }
}

#[track_caller]
fn refused(query: &str, why: &str) {
    let error = printed(query, 1).expect_err(query);
    assert!(error.contains(why), "{error}");
}

const LISTS: &str = "
CREATE TEMPORARY VIEW l AS SELECT * FROM (VALUES (1, 'a'), (1, 'a'), (2, 'b'), (3, CAST(NULL AS STRING))) AS T(x, y);
CREATE TEMPORARY VIEW r AS SELECT * FROM (VALUES (1, 'a'), (3, CAST(NULL AS STRING)), (4, 'd')) AS T(x, y);
";

#[test]
fn intersect_and_except_take_null_for_equal_to_null() {
    table(
        &format!("{LISTS} SELECT * FROM l INTERSECT SELECT * FROM r;"),
        &["[1, a]", "[3, null]"],
    );
    table(
        &format!("{LISTS} SELECT * FROM l EXCEPT SELECT * FROM r;"),
        &["[2, b]"],
    );
    table(
        &format!("{LISTS} SELECT * FROM l INTERSECT ALL SELECT * FROM r;"),
        &["[1, a]", "[3, null]"],
    );
    table(
        &format!("{LISTS} SELECT * FROM l EXCEPT ALL SELECT * FROM r;"),
        &["[1, a]", "[2, b]"],
    );
    table(
        &format!("{LISTS} SELECT * FROM l UNION SELECT * FROM r;"),
        &["[1, a]", "[2, b]", "[3, null]", "[4, d]"],
    );
    table(
        &format!("{LISTS} SELECT * FROM l INTERSECT ALL SELECT * FROM l;"),
        &["[1, a]", "[1, a]", "[2, b]", "[3, null]"],
    );
    refused(
        "SELECT 1 EXCEPT SELECT 'a';",
        "CAST one to the type of the other",
    );
}

#[test]
fn set_operations_over_updated_rows() {
    table(
        &format!(
            "{LISTS} SELECT y, COUNT(*) FROM l GROUP BY y EXCEPT SELECT y, COUNT(*) FROM r GROUP BY y;"
        ),
        &["[a, 2]", "[b, 1]"],
    );
}

const COLLECTIONS: &str = "
CREATE TEMPORARY VIEW c AS SELECT id, IF(id = 4, CAST(NULL AS ARRAY<INT>), a) AS a, m, r FROM (VALUES
  (1, ARRAY[10, 20], MAP['k', 1, 'l', 2], ARRAY[ROW('x', 1), ROW('y', 2)]),
  (2, ARRAY[30], MAP['m', 3], ARRAY[ROW('z', 3)]),
  (4, ARRAY[0], MAP['n', 4], ARRAY[ROW('w', 4)])
) AS T(id, a, m, r);
";

#[test]
fn unnest_gives_a_row_for_each_element() {
    for join in ["CROSS JOIN UNNEST(a)", ", UNNEST(c.a)", "JOIN UNNEST(a)"] {
        let on = if join.starts_with("JOIN") {
            " ON TRUE"
        } else {
            ""
        };
        changelog(
            &format!("{COLLECTIONS} SELECT id, e FROM c {join} AS u(e){on};"),
            &["+I[1, 10]", "+I[1, 20]", "+I[2, 30]"],
        );
    }
    changelog(
        &format!("{COLLECTIONS} SELECT id, e FROM c LEFT JOIN UNNEST(a) AS u(e) ON TRUE;"),
        &["+I[1, 10]", "+I[1, 20]", "+I[2, 30]", "+I[4, null]"],
    );
    changelog(
        &format!("{COLLECTIONS} SELECT id, k, v FROM c CROSS JOIN UNNEST(m) AS u(k, v);"),
        &["+I[1, k, 1]", "+I[1, l, 2]", "+I[2, m, 3]", "+I[4, n, 4]"],
    );
    changelog(
        &format!(
            "{COLLECTIONS} SELECT id, s, i + 1 FROM c CROSS JOIN UNNEST(r) AS u(s, i) WHERE i <> 2;"
        ),
        &["+I[1, x, 2]", "+I[2, z, 4]", "+I[4, w, 5]"],
    );
    changelog(
        &format!(
            "{COLLECTIONS} SELECT id, e, o FROM c CROSS JOIN UNNEST(a) WITH ORDINALITY AS u(e, o);"
        ),
        &["+I[1, 10, 1]", "+I[1, 20, 2]", "+I[2, 30, 1]"],
    );
    changelog(
        "SELECT * FROM UNNEST(ARRAY[1, 2]) AS u(e);",
        &["+I[1]", "+I[2]"],
    );
    changelog(
        "SELECT x, e FROM (VALUES (1), (2)) AS T(x), UNNEST(ARRAY['p', 'q']) AS u(e);",
        &["+I[1, p]", "+I[1, q]", "+I[2, p]", "+I[2, q]"],
    );
    refused(
        &format!("{COLLECTIONS} SELECT id FROM c CROSS JOIN UNNEST(id) AS u(e);"),
        "UNNEST takes an ARRAY, a MAP or a MULTISET, not INT",
    );
}

#[test]
fn unnest_of_what_was_collected_is_updated() {
    table(
        "SELECT k, e FROM (
            SELECT k, COLLECT(v) AS vs FROM (VALUES ('a', 1), ('a', 1), ('b', 2)) AS T(k, v) GROUP BY k
         ) CROSS JOIN UNNEST(vs) AS u(e);",
        &["[a, 1]", "[a, 1]", "[b, 2]"],
    );
}

const SALES: &str = "
CREATE TEMPORARY VIEW s AS SELECT * FROM (VALUES
  ('a', 1, CAST('x' AS STRING), CAST(1.5 AS DECIMAL(5, 2)), 1.5E0),
  ('a', 2, CAST(NULL AS STRING), CAST(2.5 AS DECIMAL(5, 2)), 2.5E0),
  ('b', 1, 'x', CAST(3.5 AS DECIMAL(5, 2)), 3.5E0),
  ('a', 2, 'y', CAST(4.5 AS DECIMAL(5, 2)), 4.5E0),
  ('a', 1, 'x', CAST(NULL AS DECIMAL(5, 2)), 5.5E0)
) AS T(k, i, t, d, f);
";

#[test]
fn aggregates_with_distinct_and_filter() {
    table(
        &format!(
            "{SALES} SELECT k, COUNT(DISTINCT i), COUNT(DISTINCT t), SUM(DISTINCT i),
                COUNT(DISTINCT i) FILTER (WHERE f > 2), COUNT(*) FILTER (WHERE t = 'x') FROM s GROUP BY k;"
        ),
        &["[a, 2, 2, 3, 2, 2]", "[b, 1, 1, 1, 1, 1]"],
    );
}

#[test]
fn aggregates_that_keep_values() {
    changelog(
        &format!(
            "{SALES} SELECT LISTAGG(t), LISTAGG(t, '-'), LISTAGG(DISTINCT t, '|'), ARRAY_AGG(t), ARRAY_AGG(t IGNORE NULLS),
                ARRAY_AGG(i) FILTER (WHERE k = 'a'), COLLECT(t), FIRST_VALUE(t), LAST_VALUE(i) FROM s WHERE f > 2;"
        ),
        &[
            "+I[null, null, null, [null], null, [2], {}, null, 2]",
            "-U[null, null, null, [null], null, [2], {}, null, 2]",
            "+U[x, x, x, [null, x], [x], [2], {x=1}, x, 1]",
            "-U[x, x, x, [null, x], [x], [2], {x=1}, x, 1]",
            "+U[x,y, x-y, x|y, [null, x, y], [x, y], [2, 2], {x=1, y=1}, x, 2]",
            "-U[x,y, x-y, x|y, [null, x, y], [x, y], [2, 2], {x=1, y=1}, x, 2]",
            "+U[x,y,x, x-y-x, x|y, [null, x, y, x], [x, y, x], [2, 2, 1], {x=2, y=1}, x, 1]",
        ],
    );
}

#[test]
fn moments_of_every_numeric_type() {
    table(
        &format!(
            "{SALES} SELECT STDDEV_POP(f), VAR_SAMP(f), STDDEV_SAMP(i), VAR_POP(i), AVG(i), AVG(d), SUM(d), VAR_POP(d) FROM s;"
        ),
        &["[1.4142135623730951, 2.5, 0, 0, 1, 3.000000, 12.00, 1.250000]"],
    );
}

#[test]
fn aggregates_take_back_what_is_updated() {
    // The inner query updates its rows: what they gave before is taken back.
    let query = format!(
        "{SALES} SELECT COUNT(DISTINCT m), MAX(m), MIN(m), FIRST_VALUE(m), LAST_VALUE(m), LISTAGG(CAST(m AS STRING)), AVG(m) FROM (
            SELECT k, MAX(i) AS m FROM s GROUP BY k);"
    );
    let got = printed(&query, 1).unwrap();
    assert_eq!(folded(&got), ["[2, 2, 1, 2, 1, 2,1, 1]"]);
}

#[test]
fn one_rank_is_a_constant_and_other_kinds_of_rank_are_refused() {
    changelog(
        &format!(
            "{SALES} SELECT k, f, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY f DESC) AS rn FROM s) WHERE rn = 2;"
        ),
        &[
            "+I[a, 1.5, 2]",
            "-U[a, 1.5, 2]",
            "+U[a, 2.5, 2]",
            "-U[a, 2.5, 2]",
            "+U[a, 4.5, 2]",
        ],
    );
    changelog(
        &format!(
            "{SALES} SELECT k, f FROM s QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY f DESC) <= 1;"
        ),
        &[
            "+I[a, 1.5]",
            "-U[a, 1.5]",
            "+U[a, 2.5]",
            "+I[b, 3.5]",
            "-U[a, 2.5]",
            "+U[a, 4.5]",
            "-U[a, 4.5]",
            "+U[a, 5.5]",
        ],
    );
}

#[test]
fn a_top_n_of_counts_lets_go_of_what_fell_out() {
    table(
        &format!(
            "{SALES} SELECT k, n FROM (
               SELECT k, n, ROW_NUMBER() OVER (ORDER BY n DESC) AS rn FROM (SELECT k, COUNT(*) AS n FROM s GROUP BY k)
             ) WHERE rn <= 1;"
        ),
        &["[a, 4]"],
    );
}

#[test]
fn limits_over_updated_rows() {
    table(
        &format!("{SALES} SELECT k, COUNT(*) AS n FROM s GROUP BY k ORDER BY n LIMIT 1;"),
        &["[b, 1]"],
    );
    table(
        &format!(
            "{SALES} SELECT k, COUNT(*) AS n FROM s GROUP BY k ORDER BY n OFFSET 1 ROWS FETCH NEXT 1 ROW ONLY;"
        ),
        &["[a, 4]"],
    );
}

#[test]
fn a_null_in_a_column_that_takes_none_stops_the_job_or_is_dropped() {
    let query = format!(
        "{SALES} CREATE TABLE t (k STRING NOT NULL, n BIGINT) WITH ('connector' = 'print');
         INSERT INTO t SELECT t, COUNT(*) FROM s GROUP BY t;"
    );
    refused(
        &query,
        "Column 'k' is NOT NULL, however, a null value is being written into it",
    );
    changelog(
        &format!("SET 'table.exec.sink.not-null-enforcer' = 'DROP'; {query}"),
        &[
            "+I[x, 1]", "-U[x, 1]", "+U[x, 2]", "+I[y, 1]", "-U[x, 2]", "+U[x, 3]",
        ],
    );
}

#[test]
fn values_are_cut_and_filled_up_if_a_setting_says_so() {
    let query = "CREATE TABLE t (a CHAR(3), b VARCHAR(2)) WITH ('connector' = 'print');
        INSERT INTO t SELECT CAST('x' AS CHAR(1)), 'abc';";
    let got = printed(
        &format!("SET 'table.exec.sink.type-length-enforcer' = 'TRIM_PAD'; {query}"),
        1,
    )
    .unwrap();
    assert_eq!(got, ["+I[x  , ab]"]);
}

#[test]
fn subqueries() {
    table(
        &format!("{SALES} SELECT k, f FROM s WHERE f > (SELECT AVG(f) FROM s);"),
        &["[a, 4.5]", "[a, 5.5]"],
    );
    table(
        &format!(
            "{SALES} SELECT k, f FROM s WHERE f = (SELECT MAX(f) FROM s AS o WHERE o.k = s.k);"
        ),
        &["[a, 5.5]", "[b, 3.5]"],
    );
    table(
        &format!(
            "{SALES} SELECT DISTINCT k FROM s WHERE i IN (SELECT x FROM (VALUES (1), (7)) AS T(x)) AND EXISTS (SELECT 1 FROM s AS o WHERE o.k = s.k AND o.t = 'y');"
        ),
        &["[a]"],
    );
}

#[test]
fn mini_batches_answer_bundles() {
    const ON: &str = "SET 'table.exec.mini-batch.enabled' = 'true';
        SET 'table.exec.mini-batch.allow-latency' = '5 s'; SET 'table.exec.mini-batch.size' = '100';";
    let query = format!("{SALES} SELECT k, COUNT(*), SUM(i), MAX(t) FROM s GROUP BY k;");
    for phases in ["AUTO", "ONE_PHASE"] {
        let set = format!("{ON} SET 'table.optimizer.agg-phase-strategy' = '{phases}';");
        changelog(
            &format!("{set} {query}"),
            &["+I[a, 4, 6, y]", "+I[b, 1, 1, x]"],
        );
        table(&format!("{set} {query}"), &["[a, 4, 6, y]", "[b, 1, 1, x]"]);
        table(
            &format!(
                "{set} {SALES} SELECT n, COUNT(*) FROM (SELECT k, COUNT(*) AS n FROM s GROUP BY k) GROUP BY n;"
            ),
            &["[1, 1]", "[4, 1]"],
        );
        table(
            &format!("{set} {SALES} SELECT COUNT(*), COUNT(DISTINCT i) FROM s;"),
            &["[5, 2]"],
        );
    }
    refused(
        &format!("SET 'table.exec.mini-batch.enabled' = 'true'; {query}"),
        "needs 'table.exec.mini-batch.size' above 0",
    );
}

#[test]
fn hints_say_how_long_state_is_kept() {
    let join = "SELECT /*+ STATE_TTL('x' = '1 d', 'y' = '2 d') */ x.k, y.i FROM s AS x JOIN s AS y ON x.k = y.k AND x.f = y.f";
    table(
        &format!("{SALES} {join};"),
        &["[a, 1]", "[a, 1]", "[a, 2]", "[a, 2]", "[b, 1]"],
    );
    table(
        &format!("{SALES} SELECT /*+ STATE_TTL('s' = '1 d') */ k, COUNT(*) FROM s GROUP BY k;"),
        &["[a, 4]", "[b, 1]"],
    );
    refused(
        &format!("{SALES} SELECT /*+ STATE_TTL('z' = '1 d') */ k, COUNT(*) FROM s GROUP BY k;"),
        "the hint STATE_TTL names 'z'",
    );
    refused(
        &format!("{SALES} SELECT /*+ STATE_TTL('s' = 'soon') */ k, COUNT(*) FROM s GROUP BY k;"),
        "takes durations such as '12 h' or '1 d', not 'soon'",
    );
}

#[test]
fn hints_change_the_options_of_a_table_for_one_use() {
    let source = "CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '5',
        'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '5');";
    table(
        &format!("{source} SELECT g.id FROM g /*+ OPTIONS('number-of-rows' = '2') */;"),
        &["[1]", "[2]"],
    );
    table(
        &format!(
            "{source} SELECT COUNT(*) FROM g /*+ OPTIONS('number-of-rows' = '2') */ AS x, g AS y WHERE x.id = y.id;"
        ),
        &["[2]"],
    );
    refused(
        &format!("{SALES} SELECT k FROM s /*+ OPTIONS('a' = 'b') */;"),
        "'s' is a view; only a table takes OPTIONS",
    );
}

#[test]
fn over_counts_different_values() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let tables = std::fs::read_to_string(folder.join("tables.sql"))
        .unwrap()
        .replace("${data}", &folder.join("data").display().to_string());
    changelog(
        &format!(
            "{tables} SELECT id, COUNT(DISTINCT k) OVER w, SUM(DISTINCT v) OVER w
             FROM events WHERE id <> 5 WINDOW w AS (ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW);"
        ),
        &[
            "+I[1, 1, 1]",
            "+I[2, 2, 3]",
            "+I[3, 2, 7]",
            "+I[6, 2, 12]",
            "+I[4, 2, 15]",
            "+I[7, 2, 18]",
            "+I[8, 1, 12]",
            "+I[9, 2, 16]",
        ],
    );
}

#[test]
fn a_partition_may_be_given_by_the_insert() {
    let table = "CREATE TABLE t (a INT, b BIGINT, c STRING) PARTITIONED BY (b) WITH ('connector' = 'print');";
    changelog(
        &format!(
            "{table} INSERT INTO t PARTITION (b = 7) SELECT x, y FROM (VALUES (1, 'p')) AS T(x, y);"
        ),
        &["+I[1, 7, p]"],
    );
    refused(
        &format!(
            "{table} INSERT INTO t PARTITION (a = 7) SELECT x, y FROM (VALUES (1, 'p')) AS T(x, y);"
        ),
        "PARTITION names 'a', which is no column that 't' is PARTITIONED BY",
    );
}

#[test]
fn a_join_by_using_makes_one_column_of_two_and_puts_it_first() {
    table(
        &format!(
            "{LISTS} SELECT * FROM (SELECT y, x FROM l) AS a JOIN (SELECT y AS z, x FROM r) AS b USING (x);"
        ),
        &["[1, a, a]", "[1, a, a]", "[3, null, null]"],
    );
    table(
        &format!("{LISTS} SELECT * FROM l NATURAL LEFT JOIN r;"),
        &["[1, a]", "[1, a]", "[2, b]", "[3, null]"],
    );
    table(
        &format!("{LISTS} SELECT x, a.x AS l FROM l AS a RIGHT JOIN r AS b USING (x);"),
        &["[1, 1]", "[1, 1]", "[3, 3]", "[4, null]"],
    );
    refused(
        &format!("{LISTS} SELECT a.y FROM l AS a JOIN r AS b USING (x) WHERE x > 1;"),
        "the column 'x' is ambiguous in WHERE",
    );
    table(
        &format!("{LISTS} SELECT x, l.y FROM l JOIN r USING (x);"),
        &["[1, a]", "[1, a]", "[3, null]"],
    );
}
