//! What the formatter makes of scripts.

use super::soup::{SCRIPTS, check_format};
use crate::sql::format_script;

#[track_caller]
fn formats(input: &str, expected: &str) {
    check_format(input);
    let expected = expected.strip_prefix('\n').unwrap_or(expected);
    similar(&format_script(input).unwrap(), expected);
}

#[track_caller]
fn similar(left: &str, right: &str) {
    assert!(left == right, "--- is\n{left}--- should be\n{right}");
}

#[test]
fn queries() {
    formats(
        "select a, count(*) as n from t where a > 1 and b is not null group by a order by n desc limit 3;",
        "
SELECT a, COUNT(*) AS n
FROM t
WHERE a > 1 AND b IS NOT NULL
GROUP BY a
ORDER BY n DESC
LIMIT 3;
",
    );
    formats(
        "select card_id, sum(amount) over (partition by card_id order by ts range between interval '1' hour preceding and current row) as total, -amount, merchant from tx",
        "
SELECT
  card_id,
  SUM(amount) OVER (
    PARTITION BY card_id
    ORDER BY ts
    RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW
  ) AS total,
  -amount,
  merchant
FROM tx
",
    );
    formats(
        "select * from a left join b on a.x=b.x cross join c join d using(y), lateral table(f(x)) as l(z)",
        "
SELECT *
FROM a
LEFT JOIN b ON a.x = b.x
CROSS JOIN c
JOIN d USING (y), LATERAL TABLE(f(x)) AS l(z)
",
    );
    formats(
        "with a as (select 1), b as (select 2) select * from a union all select * from b",
        "
WITH a AS (
  SELECT 1
),
b AS (
  SELECT 2
)
SELECT *
FROM a
UNION ALL
SELECT *
FROM b
",
    );
    formats(
        "select * from (select a, b from t where a in (select k from keys)) as x",
        "
SELECT *
FROM (SELECT a, b FROM t WHERE a IN (SELECT k FROM keys)) AS x
",
    );
    formats(
        "select case when amount > 100 then 'big' when amount > 10 then 'medium' when amount > 1 then 'small' else 'tiny' end as size from t",
        "
SELECT
  CASE
    WHEN amount > 100 THEN 'big'
    WHEN amount > 10 THEN 'medium'
    WHEN amount > 1 THEN 'small'
    ELSE 'tiny'
  END AS size
FROM t
",
    );
    formats(
        "select window_start, count(*) from table(hop(data => table transactions, timecol => descriptor(event_time), slide => interval '1' minutes, size => interval '1' hours)) group by window_start",
        "
SELECT window_start, COUNT(*)
FROM TABLE(
  HOP(
    data => TABLE transactions,
    timecol => DESCRIPTOR(event_time),
    slide => INTERVAL '1' MINUTES,
    size => INTERVAL '1' HOURS
  )
)
GROUP BY window_start
",
    );
    formats(
        "select a from t where (country = 'somewhere far away' or country in ('a', 'b')) and amount between 1 and 100 and merchant <> 'x'",
        "
SELECT a
FROM t
WHERE (country = 'somewhere far away' OR country IN ('a', 'b'))
  AND amount BETWEEN 1 AND 100
  AND merchant <> 'x'
",
    );
    formats(
        "select a is distinct from b, a[1], m['k'].f, array[1,2], map['a',1], cast(x as map<string,array<int>>), a - -1, +b from t",
        "
SELECT
  a IS DISTINCT FROM b,
  a[1],
  m['k'].f,
  ARRAY[1, 2],
  MAP['a', 1],
  CAST(x AS MAP<STRING, ARRAY<INT>>),
  a - -1,
  +b
FROM t
",
    );
}

#[test]
fn statements() {
    formats(
        "set 'a'='b';\nset 'c'='d';\ncreate table t(id bigint, ts timestamp(3), r row<a int,b string> not null, watermark for ts as ts - interval '5' second, primary key(id) not enforced) with ('connector'='filesystem','path'='x');",
        "
SET 'a' = 'b';
SET 'c' = 'd';

CREATE TABLE t (
  id BIGINT,
  ts TIMESTAMP(3),
  r ROW<a INT, b STRING> NOT NULL,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND,
  PRIMARY KEY (id) NOT ENFORCED
) WITH (
  'connector' = 'filesystem',
  'path' = 'x'
);
",
    );
    formats(
        "create temporary table if not exists t (a int, m string metadata from 'k' virtual) comment 'c' partitioned by (a) with ('x'='y') like u (including all);",
        "
CREATE TEMPORARY TABLE IF NOT EXISTS t (
  a INT,
  m STRING METADATA FROM 'k' VIRTUAL
)
COMMENT 'c'
PARTITIONED BY (a)
WITH (
  'x' = 'y'
)
LIKE u (
  INCLUDING ALL
);
",
    );
    formats(
        "create model m input (a double, b string) output (s double) with ('provider'='onnx');create temporary view v as select * from ml_predict(table t, model m, descriptor(a, b));",
        "
CREATE MODEL m INPUT (
  a DOUBLE,
  b STRING
) OUTPUT (
  s DOUBLE
) WITH (
  'provider' = 'onnx'
);

CREATE TEMPORARY VIEW v AS
SELECT *
FROM ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(a, b));
",
    );
    formats(
        "execute statement set begin insert into a (x,y) select 1,2; insert into b partition (d='x') values (1,'a'),(2,'b'); end;",
        "
EXECUTE STATEMENT SET
BEGIN
  INSERT INTO a (x, y)
  SELECT 1, 2;

  INSERT INTO b PARTITION (d = 'x')
  VALUES (1, 'a'), (2, 'b');
END;
",
    );
    formats(
        "create temporary function f as 'scorer.score' language python; drop view if exists v; explain plan for insert into t select 1; alter table t add (a int, b string);",
        "
CREATE TEMPORARY FUNCTION f AS 'scorer.score' LANGUAGE PYTHON;

DROP VIEW IF EXISTS v;

EXPLAIN PLAN FOR
INSERT INTO t
SELECT 1;

ALTER TABLE t ADD (
  a INT,
  b STRING
);
",
    );
}

#[test]
fn what_does_not_parse_keeps_its_tokens() {
    formats(
        "create table t with ('a'='b') as with q as (select 1) select * from q;",
        "
CREATE TABLE t
WITH (
  'a' = 'b'
)
AS
WITH q AS (
  SELECT 1
)
SELECT *
FROM q;
",
    );
    for text in [
        "CREATE TABLE AND IS ON AS WITH } * < ] SET",
        "SELECT . 1 - - 2 / * 3 ) ) ( FROM",
        "END CASE WHEN ( [ THEN ] )",
    ] {
        check_format(text);
    }
}

#[test]
fn comments_stay_where_they_are() {
    formats(
        "-- The job\n-- of the day\n\n/* once */ select a, -- the first\n  -- the second\n  b /* inline */ from t -- tail\nwhere x -- why\n;\n\n-- the end",
        "
-- The job
-- of the day

/* once */
SELECT
  a, -- the first
  -- the second
  b /* inline */
FROM t -- tail
WHERE x -- why
;

-- the end
",
    );
    formats(
        "create table t ( -- the table\n a int, -- one\n b string -- two\n) with ('a'='b' -- three\n);",
        "
CREATE TABLE t ( -- the table
  a INT, -- one
  b STRING -- two
) WITH (
  'a' = 'b' -- three
);
",
    );
}

#[test]
fn names_keep_their_case_and_their_backticks() {
    formats(
        "select Model, `select`, t.Value1, my_Func(a), Count(*), year(ts), data => 1 from `My Table` as T order by Desc desc, asc;",
        "
SELECT Model, `select`, t.Value1, my_Func(a), COUNT(*), YEAR(ts), data => 1
FROM `My Table` AS T
ORDER BY Desc DESC, asc;
",
    );
}

#[test]
fn the_scripts_of_the_soup_and_their_own_format() {
    for script in SCRIPTS {
        check_format(script);
    }
    for empty in ["", "  \n\n", "-- only\n", ";", ";;", "/* x */ /* y */"] {
        check_format(empty);
    }
    assert_eq!(format_script("").unwrap(), "");
    assert_eq!(format_script("-- only").unwrap(), "-- only\n");
    assert!(format_script("select 'open").is_err());
}
