//! Scripts to streaming plans: what EXPLAIN prints, and what is refused with which words.

use millstream_compiler::environment::NoEnvironment;
use millstream_compiler::plan::{explain, plan_script};

const TABLES: &str = "
CREATE TABLE tx (
  id BIGINT, card BIGINT, ts TIMESTAMP(3), amount DECIMAL(10, 2), note STRING,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'datagen');
CREATE TABLE plain (id BIGINT, card BIGINT, amount DECIMAL(10, 2))
WITH ('connector' = 'datagen');
CREATE TABLE out_sums (card BIGINT, n BIGINT, total DECIMAL(38, 2))
WITH ('connector' = 'print');
";

fn plan(statements: &str) -> String {
    let text = format!("{TABLES}{statements}");
    match plan_script(&text, &NoEnvironment) {
        Ok(planned) => explain(&planned.plan),
        Err(found) => panic!(
            "{}",
            found
                .iter()
                .map(|d| d.render(Some(("script", &text))))
                .collect::<String>()
        ),
    }
}

fn refusal(statements: &str) -> String {
    let text = format!("{TABLES}{statements}");
    match plan_script(&text, &NoEnvironment) {
        Ok(planned) => panic!("planned:\n{}", explain(&planned.plan)),
        Err(found) => found
            .iter()
            .map(|d| d.render(Some(("script", &text))))
            .collect(),
    }
}

#[test]
fn columns_nobody_reads_are_not_read() {
    let plan = plan("INSERT INTO out_sums SELECT card, id, amount FROM plain;");
    assert!(plan.contains("Source datagen: id, card, amount"), "{plan}");
    let plan = self::plan("SELECT card FROM tx WHERE amount > 10;");
    // The rowtime stays because the watermark needs it.
    assert!(plan.contains("Source datagen: card, ts, amount"), "{plan}");
}

#[test]
fn a_tumbling_window() {
    let plan = plan(
        "INSERT INTO out_sums
         SELECT card, COUNT(*), SUM(amount)
         FROM TABLE(TUMBLE(TABLE tx, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
         GROUP BY card, window_start, window_end;",
    );
    assert!(
        plan.contains("WindowAggregate TUMBLE(1 min) on ts by card: COUNT(*)"),
        "{plan}"
    );
    assert!(plan.contains("exchange by hash(card)"), "{plan}");
    assert!(plan.contains("Source datagen: card, ts, amount"), "{plan}");
}

#[test]
fn a_window_with_named_arguments_in_a_view() {
    let plan = plan(
        "CREATE TEMPORARY VIEW w AS
         SELECT * FROM HOP(DATA => TABLE tx, TIMECOL => DESCRIPTOR(ts),
                           SLIDE => INTERVAL '1' MINUTE, SIZE => INTERVAL '5' MINUTE);
         CREATE TEMPORARY VIEW sums AS
         SELECT window_start, window_end, card, SUM(amount) AS total, COUNT(*) AS n
         FROM w WHERE amount > 1 GROUP BY window_start, window_end, card;
         INSERT INTO out_sums SELECT card, n, total FROM sums;",
    );
    assert!(plan.contains("WindowAggregate HOP(1 min, 5 min)"), "{plan}");
    // The filter went below the window.
    assert!(plan.contains("where"), "{plan}");
}

#[test]
fn chained_windows_over_the_same_key_share_an_operator() {
    let plan = plan(
        "CREATE TEMPORARY VIEW a AS
         SELECT *, COUNT(*) OVER w AS n1 FROM tx
         WINDOW w AS (PARTITION BY card ORDER BY ts
                      RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW);
         CREATE TEMPORARY VIEW b AS
         SELECT *, SUM(amount) OVER w AS s10, LAG(ts) OVER (PARTITION BY card ORDER BY ts) AS p FROM a
         WINDOW w AS (PARTITION BY card ORDER BY ts);
         INSERT INTO out_sums SELECT card, n1, s10 FROM b WHERE p IS NOT NULL;",
    );
    assert!(plan.contains("[a+b/over]"), "{plan}");
    assert!(plan.contains("RANGE 1 min PRECEDING: COUNT(*)"), "{plan}");
    assert!(
        plan.contains("RANGE UNBOUNDED PRECEDING: SUM(amount)"),
        "{plan}"
    );
}

#[test]
fn a_deduplication_by_row_number() {
    for condition in ["rn = 1", "rn <= 1", "rn < 2", "1 = rn"] {
        let plan = plan(&format!(
            "SELECT id, card FROM (
               SELECT *, ROW_NUMBER() OVER (PARTITION BY card ORDER BY ts) AS rn FROM tx)
             WHERE {condition};"
        ));
        assert!(
            plan.contains("Deduplicate by card: keep the first by ts"),
            "{plan}"
        );
    }
    let plan = plan(
        "SELECT id, card FROM (
           SELECT *, ROW_NUMBER() OVER (PARTITION BY card ORDER BY ts DESC) AS rn FROM tx)
         WHERE rn = 1 AND id > 5;",
    );
    assert!(plan.contains("keep the last by ts"), "{plan}");
    assert!(plan.contains("changelog I,UB,UA,D"), "{plan}");
}

#[test]
fn a_view_used_twice_is_one_operator() {
    let plan = plan(
        "CREATE TEMPORARY VIEW v AS SELECT card, amount * 2 AS twice FROM tx;
         EXECUTE STATEMENT SET BEGIN
           INSERT INTO out_sums SELECT card, card, twice FROM v;
           INSERT INTO out_sums SELECT card, 1, twice FROM v;
         END;",
    );
    assert!(plan.contains("[v/calc] (see above)"), "{plan}");
}

#[test]
fn unions_keep_the_rowtime() {
    let plan = plan(
        "CREATE TEMPORARY VIEW two AS
         SELECT card, ts FROM tx WHERE id > 1 UNION ALL SELECT id, ts FROM tx;
         SELECT card, COUNT(*) FROM TUMBLE(TABLE two, DESCRIPTOR(ts), INTERVAL '1' HOUR)
         GROUP BY card, window_start, window_end;",
    );
    assert!(plan.contains("Union"), "{plan}");
}

#[test]
fn what_flink_refuses_is_refused_in_better_words() {
    let cases = [
        (
            "SELECT COUNT(*) OVER (PARTITION BY card ORDER BY ts),
                    SUM(amount) OVER (PARTITION BY card ORDER BY ts ROWS 3 PRECEDING) FROM tx;",
            "must share one window",
        ),
        (
            "SELECT COUNT(*) OVER (PARTITION BY card ORDER BY id ROWS 3 PRECEDING) FROM tx;",
            "must be ordered by a time attribute",
        ),
        (
            "SELECT COUNT(*) FROM TUMBLE(TABLE plain, DESCRIPTOR(amount), INTERVAL '1' MINUTE)
             GROUP BY window_start, window_end;",
            "needs a time attribute",
        ),
        (
            "SELECT COUNT(*) FROM HOP(TABLE tx, DESCRIPTOR(ts), INTERVAL '2' MINUTE, INTERVAL '5' MINUTE)
             GROUP BY window_start, window_end;",
            "multiple of the slide",
        ),
        ("SELECT amuont FROM tx;", "did you mean 'amount'?"),
        ("SELECT 1 FROM txs;", "did you mean 'tx'?"),
        ("SELECT id FROM tx ORDER BY amount;", "ORDER BY without LIMIT"),
        ("SELECT id FROM tx ORDER BY ts DESC;", "ORDER BY without LIMIT"),
        (
            "INSERT INTO out_sums SELECT card, n FROM (SELECT card, id AS n FROM tx);",
            "it gives 2 columns, the table takes 3",
        ),
        (
            "INSERT INTO out_sums SELECT card, note, amount FROM tx;",
            "write CAST(note AS BIGINT)",
        ),
        ("EXPLAIN SELECT card FROM tx;", "`millstream explain`"),
        ("SHOW TABLES;", "not supported"),
        (
            "SELECT * FROM ML_PREDICT(TABLE tx, MODEL nosuch, DESCRIPTOR(amount));",
            "there is no model 'nosuch'",
        ),
    ];
    for (statement, expected) in cases {
        let refused = refusal(statement);
        assert!(refused.contains(expected), "{statement}\n{refused}");
        assert!(refused.contains('^'), "no caret: {refused}");
    }
}

#[test]
fn updates_are_told_where_they_are_read() {
    let updated = plan("SELECT card, COUNT(*) AS n FROM tx GROUP BY card;");
    assert!(
        updated.contains("GroupAggregate by card: COUNT(*)"),
        "{updated}"
    );
    assert!(
        updated.contains("changelog I,UB,UA,D · upsert key (card) · exchange by hash(card)"),
        "{updated}"
    );
    assert!(updated.contains("Source datagen: card"), "{updated}");
    // Nobody reads the old values of a stream that is joined by its own key.
    let joined = plan(
        "CREATE TEMPORARY VIEW n AS SELECT card, COUNT(*) AS n FROM tx GROUP BY card;
         SELECT n.card, n.n FROM n WHERE n.card IN (SELECT card FROM plain);",
    );
    assert!(joined.contains("Join semi: card = card"), "{joined}");
}

#[test]
fn ranks_that_nobody_reads_are_not_kept() {
    let query = |columns: &str| {
        plan(&format!(
            "SELECT {columns} FROM (
               SELECT *, ROW_NUMBER() OVER (PARTITION BY card ORDER BY amount DESC) AS rn FROM plain)
             WHERE rn <= 3;"
        ))
    };
    let ranked = query("card, rn");
    assert!(
        ranked.contains("TopN by card order amount DESC: ranks 1 to 3, with the rank"),
        "{ranked}"
    );
    let unranked = query("card, amount");
    assert!(!unranked.contains("with the rank"), "{unranked}");
}

#[test]
fn bounds_of_time_make_an_interval_join() {
    let plan = plan(
        "SELECT a.id FROM tx a JOIN tx b ON a.card = b.card
         AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '1' MINUTE;",
    );
    assert!(plan.contains("IntervalJoin inner: card = card"), "{plan}");
    assert!(plan.contains("-60000 ms .. 0 ms"), "{plan}");
}

const UPSERTS: &str = "
CREATE TABLE by_card (card BIGINT PRIMARY KEY NOT ENFORCED, n BIGINT)
WITH ('connector' = 'values', 'sink-changelog-mode-enforced' = 'I,UA,D');
CREATE TABLE cdc (id BIGINT PRIMARY KEY NOT ENFORCED, card BIGINT, n BIGINT)
WITH ('connector' = 'values', 'changelog-mode' = 'I,UB,UA,D');
CREATE TABLE ups (id BIGINT PRIMARY KEY NOT ENFORCED, card BIGINT, n BIGINT)
WITH ('connector' = 'values', 'changelog-mode' = 'I,UA,D');
CREATE TABLE by_id (id BIGINT PRIMARY KEY NOT ENFORCED, n BIGINT)
WITH ('connector' = 'values');
";

/// The operators of a plan, from the sink down, without what they do and without Calcs.
fn operators(statements: &str) -> Vec<String> {
    plan(&format!("{UPSERTS}{statements}"))
        .lines()
        .take_while(|line| !line.starts_with("State that never goes"))
        .filter_map(|line| {
            let (name, _) = line.split_once("] ")?;
            let (_, name) = name.rsplit_once('/')?;
            (!name.starts_with("calc")).then(|| name.to_owned())
        })
        .collect()
}

#[test]
fn a_sink_by_the_key_of_the_stream_takes_upserts_as_they_are() {
    let found = plan(&format!(
        "{UPSERTS} INSERT INTO by_card SELECT card, COUNT(*) FROM plain GROUP BY card;"
    ));
    assert!(!found.contains("UpsertMaterialize"), "{found}");
    assert!(!found.contains("changelog I,UB,UA,D"), "{found}");
    // A cast to a type that holds all values keeps the key.
    let found = plan(&format!(
        "{UPSERTS} INSERT INTO by_card
         SELECT c, COUNT(*) FROM (SELECT CAST(card AS INT) AS c FROM plain) GROUP BY c;"
    ));
    assert!(!found.contains("UpsertMaterialize"), "{found}");
}

#[test]
fn a_sink_by_another_key_puts_rows_in_order() {
    assert_eq!(
        operators(
            "INSERT INTO by_card SELECT n, COUNT(*) FROM (SELECT MAX(id) AS n FROM plain GROUP BY card) GROUP BY n;"
        ),
        ["sink", "group-aggregate-2", "group-aggregate", "source"]
    );
    let materialized = plan(&format!(
        "{UPSERTS} INSERT INTO by_card SELECT MAX(id), card FROM plain GROUP BY card;"
    ));
    assert!(
        materialized.contains("UpsertMaterialize by EXPR"),
        "{materialized}"
    );
    assert!(
        materialized.contains("changelog I,UB,UA,D"),
        "{materialized}"
    );
    let off = plan(&format!(
        "SET 'table.exec.sink.upsert-materialize' = 'NONE';
         {UPSERTS} INSERT INTO by_card SELECT MAX(id), card FROM plain GROUP BY card;"
    ));
    assert!(off.contains("DropUpdateBefore"), "{off}");
    let forced = plan(&format!(
        "SET 'table.exec.sink.upsert-materialize' = 'FORCE';
         {UPSERTS} INSERT INTO by_card SELECT card, COUNT(*) FROM plain GROUP BY card;"
    ));
    assert!(forced.contains("UpsertMaterialize by card"), "{forced}");
}

#[test]
fn a_filter_on_other_columns_needs_old_values() {
    let found = plan(&format!(
        "{UPSERTS} INSERT INTO by_card SELECT * FROM (SELECT card, COUNT(*) AS n FROM plain GROUP BY card) WHERE n < 10;"
    ));
    assert!(found.contains("changelog I,UB,UA,D"), "{found}");
    assert!(found.contains("DropUpdateBefore"), "{found}");
    let found = plan(&format!(
        "{UPSERTS} INSERT INTO by_card SELECT * FROM (SELECT card, COUNT(*) AS n FROM plain GROUP BY card) WHERE card < 10;"
    ));
    assert!(!found.contains("changelog I,UB,UA,D"), "{found}");
}

#[test]
fn sources_of_updates_are_normalized_where_it_matters() {
    // Upserts by the same key: nothing to do.
    assert_eq!(
        operators("INSERT INTO by_id SELECT id, n FROM ups;"),
        ["sink", "source"]
    );
    // Old values that nobody reads.
    assert_eq!(
        operators("INSERT INTO by_id SELECT id, n FROM cdc;"),
        ["sink", "drop-update-before", "source"]
    );
    // A filter on other columns than the key is the normalization's own.
    let found = plan(&format!(
        "{UPSERTS} INSERT INTO by_id SELECT id, n FROM ups WHERE n > 3 AND id > 1;"
    ));
    assert!(
        found.contains("ChangelogNormalize by id; where n > "),
        "{found}"
    );
    let normalized = found.find("ChangelogNormalize").unwrap_or_default();
    let key = found.find("where id > ").unwrap_or_default();
    assert!(key > normalized, "{found}");
}

#[test]
fn a_join_keeps_upserts_where_its_columns_are_of_the_key() {
    let found = plan(&format!(
        "{UPSERTS} INSERT INTO by_id SELECT ups.id, cdc.n FROM ups JOIN cdc ON ups.id = cdc.id;"
    ));
    assert!(!found.contains("ChangelogNormalize"), "{found}");
    assert!(!found.contains("UpsertMaterialize"), "{found}");
    let found = plan(&format!(
        "{UPSERTS} INSERT INTO by_id SELECT ups.id, cdc.n FROM ups JOIN cdc ON ups.card = cdc.id;"
    ));
    // An update may change `card`, so that rows of one id come by two ways.
    assert!(found.contains("UpsertMaterialize by id"), "{found}");
}

#[test]
fn joins_are_made_as_they_are_written_and_each_side_is_filtered_before() {
    let found = plan(
        "SELECT a.id FROM tx AS a JOIN plain AS b ON a.card = b.id JOIN plain AS c ON c.card = a.card
         WHERE b.amount > 3 AND a.amount > c.amount AND c.id < 9;",
    );
    assert!(found.contains("Join inner: card = id\n"), "{found}");
    assert!(
        found.contains("Join inner: card = card and amount > amount\n"),
        "{found}"
    );
    assert!(found.contains("where amount > "), "{found}");
    assert!(found.contains("where id < "), "{found}");
    // What is written as a product is a join by what its filter says.
    let found = plan(
        "SELECT a.id FROM tx AS a, plain AS b, plain AS c WHERE a.card = b.id AND c.card = b.id;",
    );
    assert!(!found.contains("every pair"), "{found}");
    // A row without a pair comes out of an outer join whatever the other condition says.
    let found = plan(
        "SELECT a.id FROM tx AS a LEFT JOIN plain AS b ON a.card = b.id AND a.id > 1 AND b.id > 2;",
    );
    assert!(found.contains("Join left: card = id and id > "), "{found}");
    assert!(found.contains("where id > "), "{found}");
}

#[test]
fn state_is_told_with_its_end() {
    let group = "INSERT INTO out_sums SELECT card, COUNT(*), SUM(amount) FROM plain GROUP BY card;";
    let found = plan(group);
    assert!(
        found.contains("state: an accumulator a key, for ever (grows with the number of keys)"),
        "{found}"
    );
    assert!(
        found.contains("[out_sums/group-aggregate] grows with the number of keys"),
        "{found}"
    );
    let found = plan(&format!("SET 'table.exec.state.ttl' = '12 h'; {group}"));
    assert!(
        found.contains("state: an accumulator a key, 12 h after it was written"),
        "{found}"
    );
    assert!(!found.contains("State that never goes"), "{found}");
    let found = plan(
        "SELECT /*+ STATE_TTL('x' = '1 d') */ x.id FROM plain AS x JOIN plain AS y ON x.id = y.card;",
    );
    assert!(
        found.contains("left ones 1 d after they were written, right ones for ever"),
        "{found}"
    );
    assert!(
        found.contains("exchange by hash(id) and by hash(card)"),
        "{found}"
    );
}
