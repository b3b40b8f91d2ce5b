//! Every form of expression, query and statement, with its canonical text.
//!
//! The canonical text must parse to itself, and so must what the formatter makes of the input.

use super::soup::check_format;
use crate::sql::{format_script, parse_expression, parse_script, unparse_expr};

#[test]
fn expressions() {
    for (input, canonical) in EXPRESSIONS {
        let parse = |text: &str| {
            let expr = parse_expression(text)
                .unwrap_or_else(|error| panic!("{}", error.render(Some(("test", text)))));
            unparse_expr(&expr)
        };
        assert_eq!(parse(input), canonical);
        assert_eq!(parse(canonical), canonical);
    }
}

#[test]
fn statements() {
    for (input, canonical) in STATEMENTS {
        let parse = |text: &str| {
            let script = parse_script(text)
                .unwrap_or_else(|errors| panic!("{}", errors[0].render(Some(("test", text)))));
            assert_eq!(script.statements.len(), 1, "{text}");
            assert_eq!(script.statements[0].span.start, 0);
            script.statements[0].to_string()
        };
        assert_eq!(parse(input), canonical);
        assert_eq!(parse(canonical), canonical);
        let formatted = format_script(input).unwrap();
        assert_eq!(parse(&formatted), canonical, "{formatted}");
        check_format(input);
    }
}

#[rustfmt::skip] // one case a line
const EXPRESSIONS: [(&str, &str); 106] = [
    ("a + b * c - d / e % f", "`a` + `b` * `c` - `d` / `e` % `f`"),
    ("a || b + c", "`a` || `b` + `c`"),
    ("a + b || c", "`a` + `b` || `c`"),
    ("-a * b", "-`a` * `b`"),
    ("- -1", "- -1"),
    ("a - -1", "`a` - -1"),
    ("NOT a = b", "NOT `a` = `b`"),
    ("NOT NOT a", "NOT  NOT `a`"),
    ("NOT a IS NULL AND b", "NOT `a` IS NULL AND `b`"),
    ("a OR b AND c", "`a` OR `b` AND `c`"),
    ("a = b IS NULL", "`a` = `b` IS NULL"),
    ("a IS NULL = b", "`a` IS NULL = `b`"),
    ("a IS NOT UNKNOWN", "`a` IS NOT UNKNOWN"),
    ("a IS DISTINCT FROM b AND c", "`a` IS DISTINCT FROM `b` AND `c`"),
    ("a IS NOT DISTINCT FROM b + 1 OR c", "`a` IS NOT DISTINCT FROM `b` + 1 OR `c`"),
    ("a BETWEEN 1 AND 2 AND b", "`a` BETWEEN 1 AND 2 AND `b`"),
    ("a NOT BETWEEN ASYMMETRIC b + 1 AND c * 2 OR d", "`a` NOT BETWEEN `b` + 1 AND `c` * 2 OR `d`"),
    ("a BETWEEN 1 AND 2 = TRUE", "`a` BETWEEN 1 AND 2 = TRUE"),
    ("a LIKE 'x%' || b ESCAPE '!' AND c", "`a` LIKE 'x%' || `b` ESCAPE '!' AND `c`"),
    ("a NOT LIKE b", "`a` NOT LIKE `b`"),
    ("a SIMILAR TO '(x|y)%'", "`a` SIMILAR TO '(x|y)%'"),
    ("a NOT SIMILAR TO b ESCAPE '#'", "`a` NOT SIMILAR TO `b` ESCAPE '#'"),
    ("a IN (1, 2 + 3) = b", "`a` IN (1, 2 + 3) = `b`"),
    ("a NOT IN (SELECT b FROM c) AND d", "`a` NOT IN (SELECT `b`\nFROM `c`) AND `d`"),
    ("(a, b) IN ((1, 2), (3, 4))", "(`a`, `b`) IN ((1, 2), (3, 4))"),
    ("a NOT LIKE b ESCAPE ''", "(NOT `a` LIKE `b` ESCAPE '')"),
    ("(a, b) OVERLAPS (c, d) AND e", "(`a`, `b`) OVERLAPS (`c`, `d`) AND `e`"),
    ("user = CURRENT_USER", "`user` = `CURRENT_USER`"),
    ("EXISTS (SELECT 1 FROM t WHERE t.a = b)", "EXISTS (SELECT 1\nFROM `t`\nWHERE `t`.`a` = `b`)"),
    ("NOT EXISTS (VALUES (1))", "NOT EXISTS (VALUES (1))"),
    ("a IS JSON", "`a` IS JSON VALUE"),
    ("a IS NOT JSON OBJECT", "(NOT `a` IS JSON OBJECT)"),
    ("a = 'it''s' AND b = ''", "`a` = 'it''s' AND `b` = ''"),
    ("1.5e-3 + .5 + 10.", "1.5e-3 + .5 + 10."),
    ("TRUE AND FALSE OR UNKNOWN IS NULL", "TRUE AND FALSE OR CAST(NULL AS BOOLEAN) IS NULL"),
    ("X'0Aff'", "X'0Aff'"),
    (r#"U&'caf\00e9'"#, "'café'"),
    ("DATE '2024-2-9'", "DATE '2024-02-09'"),
    ("TIME '1:02:03.5'", "TIME '01:02:03.5'"),
    ("TIMESTAMP '1970-01-01 00:00:00.123456789'", "TIMESTAMP '1970-01-01 00:00:00.123456789'"),
    ("INTERVAL '5' SECOND", "INTERVAL '5' SECOND"),
    ("INTERVAL '0.5' SECONDS", "INTERVAL '0.5' SECOND"),
    ("INTERVAL '1-6' YEAR TO MONTH", "INTERVAL '18' MONTH"),
    ("INTERVAL -'2' HOURS", "INTERVAL '-2' HOUR"),
    ("INTERVAL '10 23:59:59.999' DAY TO SECOND(3)", "INTERVAL '950399.999' SECOND(6)"),
    ("INTERVAL '100' DAY(3)", "INTERVAL '100' DAY(3)"),
    ("INTERVAL '2' WEEK", "INTERVAL '14' DAY"),
    ("INTERVAL '1' QUARTER", "INTERVAL '3' MONTH"),
    ("ts - INTERVAL '5' MINUTE > CURRENT_TIMESTAMP", "`ts` - INTERVAL '5' MINUTE > CURRENT_TIMESTAMP"),
    ("CASE WHEN a > 1 THEN 'x' ELSE 'y' END", "CASE WHEN `a` > 1 THEN 'x' ELSE 'y' END"),
    ("CASE a WHEN 1, 2 THEN 'x' END", "CASE `a` WHEN 1 THEN 'x' WHEN 2 THEN 'x' END"),
    ("CAST(a AS BIGINT) + TRY_CAST(b AS DECIMAL(10, 2))", "CAST(`a` AS BIGINT) + TRY_CAST(`b` AS DECIMAL(10, 2))"),
    ("CAST(a AS ROW(f0 INT NOT NULL, f1 VARCHAR(3) ARRAY))", "CAST(`a` AS ROW<`f0` INT NOT NULL, `f1` ARRAY<VARCHAR(3)>>)"),
    ("CAST(a AS TIMESTAMP(3) WITH LOCAL TIME ZONE)", "CAST(`a` AS TIMESTAMP_LTZ(3))"),
    ("CAST(a AS INTERVAL DAY TO SECOND)", "CAST(`a` AS INTERVAL DAY(2) TO SECOND(6))"),
    ("ARRAY[1, 2][1]", "ARRAY[1, 2][1]"),
    ("MAP['a', 1, 'b', 2]['a']", "MAP['a', 1, 'b', 2]['a']"),
    ("ROW(1, 'x', NULL).f0", "ROW(1, 'x', NULL).`f0`"),
    ("ROW()", "ROW()"),
    ("a.b.c[1].d['k']", "`a`.`b`.`c`[1].`d`['k']"),
    ("f(x).y", "F(`x`).`y`"),
    ("COUNT(*)", "COUNT(*)"),
    ("count(DISTINCT a) FILTER (WHERE b > 1)", "COUNT(DISTINCT `a`) FILTER (WHERE `b` > 1)"),
    ("SUM(ALL a)", "SUM(`a`)"),
    ("LISTAGG(a, ',') WITHIN GROUP (ORDER BY b DESC NULLS LAST)", "LISTAGG(`a`, ',') WITHIN GROUP (ORDER BY `b` DESC NULLS LAST)"),
    ("ARRAY_AGG(DISTINCT a RESPECT NULLS ORDER BY b)", "ARRAY_AGG(DISTINCT `a` ORDER BY `b`) RESPECT NULLS"),
    ("FIRST_VALUE(a) IGNORE NULLS OVER (PARTITION BY b ORDER BY c)", "FIRST_VALUE(`a`) IGNORE NULLS OVER (PARTITION BY `b` ORDER BY `c`)"),
    ("SUM(a) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW)", "SUM(`a`) OVER (ORDER BY `ts` RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW)"),
    ("SUM(a) OVER (w ROWS UNBOUNDED PRECEDING)", "SUM(`a`) OVER (`w` ROWS UNBOUNDED PRECEDING)"),
    ("LAG(a, 1, 0) OVER w", "LAG(`a`, 1, 0) OVER `w`"),
    ("LEFT(a, 1) || RIGHT(b, 2)", "LEFT(`a`, 1) || RIGHT(`b`, 2)"),
    ("IF(a, b, c)", "IF(`a`, `b`, `c`)"),
    ("cat.db.f(a)", "`cat`.`db`.`f`(`a`)"),
    ("`sum`(DISTINCT a) OVER w", "SUM(DISTINCT `a`) OVER `w`"),
    ("`my func`(a)", "`my func`(`a`)"),
    ("LOCALTIMESTAMP", "LOCALTIMESTAMP"),
    ("EXTRACT(DAYOFWEEK FROM ts)", "EXTRACT(DOW FROM `ts`)"),
    ("FLOOR(a)", "FLOOR(`a`)"),
    ("FLOOR(ts TO HOUR)", "FLOOR(`ts` TO HOUR)"),
    ("CEILING(ts TO MONTHS)", "CEIL(`ts` TO MONTH)"),
    ("TIMESTAMPADD(MINUTE, 5, ts)", "TIMESTAMPADD(MINUTE, 5, `ts`)"),
    ("TIMESTAMPDIFF(DAY, a, b)", "TIMESTAMPDIFF(DAY, `a`, `b`)"),
    ("POSITION('a' IN b || c)", "POSITION('a' IN `b` || `c`)"),
    ("SUBSTRING(a FROM 2 FOR 3)", "SUBSTRING(`a` FROM 2 FOR 3)"),
    ("SUBSTRING(a, 2)", "SUBSTRING(`a` FROM 2)"),
    ("OVERLAY(a PLACING b FROM 1 FOR 2)", "OVERLAY(`a` PLACING `b` FROM 1 FOR 2)"),
    ("TRIM(BOTH 'x' FROM a)", "TRIM(BOTH 'x' FROM `a`)"),
    ("TRIM(a)", "TRIM(`a`)"),
    ("TRIM(LEADING FROM a)", "TRIM(LEADING FROM `a`)"),
    ("JSON_EXISTS(a, 'lax $.b' ERROR ON ERROR)", "JSON_EXISTS(`a`, 'lax $.b' ERROR ON ERROR)"),
    ("JSON_VALUE(a, '$.b')", "JSON_VALUE(`a`, '$.b')"),
    ("JSON_VALUE(a, '$.b' RETURNING INT NULL ON EMPTY DEFAULT -1 ON ERROR)", "JSON_VALUE(`a`, '$.b' RETURNING INT DEFAULT -1 ON ERROR)"),
    ("JSON_QUERY(a, '$.b' WITH CONDITIONAL WRAPPER EMPTY OBJECT ON EMPTY)", "JSON_QUERY(`a`, '$.b' WITH CONDITIONAL ARRAY WRAPPER EMPTY OBJECT ON EMPTY)"),
    ("JSON_OBJECT(KEY 'a' VALUE 1, 'b' VALUE JSON_ARRAY(1, 2) ABSENT ON NULL)", "JSON_OBJECT(KEY 'a' VALUE 1, KEY 'b' VALUE JSON_ARRAY(1, 2) ABSENT ON NULL)"),
    ("JSON_OBJECT(key VALUE value1)", "JSON_OBJECT(KEY `key` VALUE `value1`)"),
    ("JSON_ARRAY(a, b NULL ON NULL)", "JSON_ARRAY(`a`, `b` NULL ON NULL)"),
    ("JSON_OBJECTAGG(KEY a VALUE b) FILTER (WHERE c)", "JSON_OBJECTAGG(KEY `a` VALUE `b`) FILTER (WHERE `c`)"),
    ("JSON_ARRAYAGG(a NULL ON NULL)", "JSON_ARRAYAGG(`a` NULL ON NULL)"),
    ("TRANSLATE(a, 'b', 'c')", "TRANSLATE(`a`, 'b', 'c')"),
    ("model + type + name + size + data + source + state", "`model` + `type` + `name` + `size` + `data` + `source` + `state`"),
    ("`value` + `count`", "`value` + `count`"),
    ("größe + $x + _y", "`größe` + `$x` + `_y`"),
    ("(SELECT MAX(a) FROM t) + 1", "(SELECT MAX(`a`)\nFROM `t`) + 1"),
    ("((SELECT 1) UNION (SELECT 2))", "((SELECT 1)\nUNION\n(SELECT 2))"),
    ("f(a => 1, TABLE => 2)", "F(A => 1, TABLE => 2)"),
    ("GROUPING(a) + GROUPING_ID(a, b)", "GROUPING(`a`) + GROUPING_ID(`a`, `b`)"),
];

#[rustfmt::skip] // one case a line
const STATEMENTS: [(&str, &str); 100] = [
    (
        "SELECT * FROM t MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts, n DESC MEASURES FIRST(A.p) AS f, \
         FINAL LAST(B.p, 1) AS l ONE ROW PER MATCH AFTER MATCH SKIP TO LAST B \
         PATTERN (A B{2,3} C*? (D | E)+ F{,4}) WITHIN INTERVAL '1' HOUR DEFINE A AS p > 1, B AS B.p < LAST(A.p)) AS m",
        "SELECT *\nFROM `t` MATCH_RECOGNIZE (\nPARTITION BY `k`\nORDER BY `ts`, `n` DESC\n\
         MEASURES FIRST(`A`.`p`) AS `f`, LAST(`B`.`p`, 1) AS `l`\nONE ROW PER MATCH\n\
         AFTER MATCH SKIP TO LAST `B`\nPATTERN (`A` `B`{2,3} `C`*? (`D` | `E`)+ `F`{,4}) WITHIN INTERVAL '1' HOUR\n\
         DEFINE `A` AS `p` > 1, `B` AS `B`.`p` < LAST(`A`.`p`)\n) AS `m`",
    ),
    ("SELECT 1", "SELECT 1"),
    ("SELECT ALL a, b AS c, d e, t.*, * FROM t", "SELECT `a`, `b` AS `c`, `d` AS `e`, `t`.*, *\nFROM `t`"),
    ("SELECT DISTINCT a FROM cat.db.t AS x", "SELECT DISTINCT `a`\nFROM `cat`.`db`.`t` AS `x`"),
    ("SELECT a FROM t x WHERE a > 1 GROUP BY a HAVING COUNT(*) > 1 ORDER BY a DESC, b NULLS FIRST LIMIT 10 OFFSET 2 ROWS", "SELECT `a`\nFROM `t` AS `x`\nWHERE `a` > 1\nGROUP BY `a`\nHAVING COUNT(*) > 1\nORDER BY `a` DESC, `b` NULLS FIRST\nLIMIT 10\nOFFSET 2 ROWS"),
    ("SELECT a FROM t FETCH FIRST 5 ROWS ONLY", "SELECT `a`\nFROM `t`\nLIMIT 5"),
    ("SELECT a FROM t LIMIT ALL", "SELECT `a`\nFROM `t`"),
    ("SELECT * FROM a, b c, (SELECT 1) d", "SELECT *\nFROM `a`,\n`b` AS `c`,\n(SELECT 1) AS `d`"),
    ("SELECT * FROM a JOIN b ON a.x = b.x LEFT OUTER JOIN c USING (x, y) RIGHT JOIN d ON TRUE FULL OUTER JOIN e ON TRUE CROSS JOIN f NATURAL LEFT JOIN g", "SELECT *\nFROM `a`\nINNER JOIN `b` ON `a`.`x` = `b`.`x`\nLEFT JOIN `c` USING (`x`, `y`)\nRIGHT JOIN `d` ON TRUE\nFULL JOIN `e` ON TRUE\nCROSS JOIN `f`\nNATURAL LEFT JOIN `g`"),
    ("SELECT * FROM (a JOIN b ON TRUE) JOIN c ON TRUE", "SELECT *\nFROM (`a`\nINNER JOIN `b` ON TRUE)\nINNER JOIN `c` ON TRUE"),
    ("SELECT * FROM ((SELECT 1) UNION ALL (SELECT 2)) AS u (n)", "SELECT *\nFROM ((SELECT 1)\nUNION ALL\n(SELECT 2)) AS `u` (`n`)"),
    ("SELECT * FROM (VALUES (1, 'a'), ROW(2, 'b')) AS t (x, y)", "SELECT *\nFROM (VALUES (1, 'a'), (2, 'b')) AS `t` (`x`, `y`)"),
    ("VALUES 1, 2", "VALUES (1), (2)"),
    ("TABLE t", "SELECT *\nFROM `t`"),
    ("SELECT * FROM o LEFT JOIN r FOR SYSTEM_TIME AS OF o.ts AS r1 ON o.k = r1.k", "SELECT *\nFROM `o`\nLEFT JOIN `r` FOR SYSTEM_TIME AS OF `o`.`ts` AS `r1` ON `o`.`k` = `r1`.`k`"),
    ("SELECT * FROM t /*+ OPTIONS('scan.startup.mode' = 'earliest-offset', 'a'='b') */ AS x JOIN u /*+ OPTIONS('c'='d') */ ON TRUE", "SELECT *\nFROM `t` /*+ OPTIONS('scan.startup.mode' = 'earliest-offset', 'a' = 'b') */ AS `x`\nINNER JOIN `u` /*+ OPTIONS('c' = 'd') */ ON TRUE"),
    ("SELECT /*+ BROADCAST(t) */ a FROM t", "SELECT `a`\nFROM `t`"),
    ("SELECT * FROM t, LATERAL TABLE(f(a)) AS l(x), LATERAL (SELECT 1) m", "SELECT *\nFROM `t`,\nLATERAL TABLE(`f`(`a`)) AS `l` (`x`),\nLATERAL (SELECT 1) AS `m`"),
    ("SELECT * FROM t LEFT JOIN LATERAL TABLE(split(a, ',')) AS l (x, y) ON TRUE", "SELECT *\nFROM `t`\nLEFT JOIN LATERAL TABLE(`split`(`a`, ',')) AS `l` (`x`, `y`) ON TRUE"),
    ("SELECT * FROM t CROSS JOIN UNNEST(t.a) WITH ORDINALITY AS u (x, o)", "SELECT *\nFROM `t`\nCROSS JOIN UNNEST(`t`.`a`) WITH ORDINALITY AS `u` (`x`, `o`)"),
    ("SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' MINUTES))", "SELECT *\nFROM TABLE(`TUMBLE`(TABLE `bid`, DESCRIPTOR(`ts`), INTERVAL '10' MINUTE))"),
    ("SELECT * FROM TUMBLE(TABLE cat.db.bid, DESCRIPTOR(ts), INTERVAL '10' MINUTES, INTERVAL '1' MINUTES) AS w", "SELECT *\nFROM `TUMBLE`(TABLE `cat`.`db`.`bid`, DESCRIPTOR(`ts`), INTERVAL '10' MINUTE, INTERVAL '1' MINUTE) AS `w`"),
    ("SELECT * FROM TABLE(HOP(DATA => TABLE bid, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '5' MINUTES, SIZE => INTERVAL '10' MINUTES))", "SELECT *\nFROM TABLE(`HOP`(DATA => TABLE `bid`, TIMECOL => DESCRIPTOR(`ts`), SLIDE => INTERVAL '5' MINUTE, SIZE => INTERVAL '10' MINUTE))"),
    ("SELECT * FROM SESSION(TABLE bid PARTITION BY item, DESCRIPTOR(ts), INTERVAL '5' MINUTES)", "SELECT *\nFROM `SESSION`(TABLE `bid` PARTITION BY `item`, DESCRIPTOR(`ts`), INTERVAL '5' MINUTE)"),
    ("SELECT * FROM SESSION((SELECT * FROM bid) PARTITION BY (item, k), DESCRIPTOR(ts), INTERVAL '5' MINUTES)", "SELECT *\nFROM `SESSION`((SELECT *\nFROM `bid`) PARTITION BY (`item`, `k`), DESCRIPTOR(`ts`), INTERVAL '5' MINUTE)"),
    ("SELECT * FROM ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(a, b))", "SELECT *\nFROM `ML_PREDICT`(TABLE `t`, MODEL `m`, DESCRIPTOR(`a`, `b`))"),
    ("SELECT * FROM ML_PREDICT(INPUT => (SELECT a FROM t), MODEL => MODEL cat.db.m, ARGS => DESCRIPTOR(a), CONFIG => MAP['async', 'true'])", "SELECT *\nFROM `ML_PREDICT`(INPUT => (SELECT `a`\nFROM `t`), MODEL => MODEL `cat`.`db`.`m`, ARGS => DESCRIPTOR(`a`), CONFIG => MAP['async', 'true'])"),
    ("SELECT a, COUNT(*) FROM t GROUP BY GROUPING SETS ((a, b), (a), a, ())", "SELECT `a`, COUNT(*)\nFROM `t`\nGROUP BY GROUPING SETS((`a`, `b`), `a`, `a`, ())"),
    ("SELECT COUNT(*) FROM t GROUP BY CUBE(a, (b, c)), ROLLUP(d)", "SELECT COUNT(*)\nFROM `t`\nGROUP BY CUBE(`a`, (`b`, `c`)), ROLLUP(`d`)"),
    ("SELECT COUNT(*) FROM t GROUP BY (a, b), c", "SELECT COUNT(*)\nFROM `t`\nGROUP BY `a`, `b`, `c`"),
    ("SELECT TUMBLE_START(ts, INTERVAL '1' DAY) FROM t GROUP BY TUMBLE(ts, INTERVAL '1' DAY), k", "SELECT TUMBLE_START(`ts`, INTERVAL '1' DAY)\nFROM `t`\nGROUP BY TUMBLE(`ts`, INTERVAL '1' DAY), `k`"),
    ("SELECT SUM(a) OVER w FROM t WINDOW w AS (PARTITION BY k ORDER BY ts), v AS (w ROWS 5 PRECEDING)", "SELECT SUM(`a`) OVER `w`\nFROM `t`\nWINDOW `w` AS (PARTITION BY `k` ORDER BY `ts`), `v` AS (`w` ROWS 5 PRECEDING)"),
    ("SELECT a FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) = 1", "SELECT `a`\nFROM `t`\nQUALIFY ROW_NUMBER() OVER (PARTITION BY `k` ORDER BY `ts` DESC) = 1"),
    ("WITH a AS (SELECT 1), b (x, y) AS (SELECT 2, 3) SELECT * FROM a, b", "WITH `a` AS (SELECT 1),\n`b` (`x`, `y`) AS (SELECT 2, 3)\nSELECT *\nFROM `a`,\n`b`"),
    ("SELECT 1 UNION SELECT 2 UNION DISTINCT SELECT 3 UNION ALL SELECT 4 INTERSECT SELECT 5 EXCEPT ALL SELECT 6", "SELECT 1\nUNION\nSELECT 2\nUNION\nSELECT 3\nUNION ALL\nSELECT 4\nINTERSECT\nSELECT 5\nEXCEPT ALL\nSELECT 6"),
    ("(SELECT 1) UNION (SELECT 2 ORDER BY 1 LIMIT 1) ORDER BY 1", "(SELECT 1)\nUNION\n(SELECT 2\nORDER BY 1\nLIMIT 1)\nORDER BY 1"),
    ("SET", "SET"),
    ("SET 'table.exec.state.ttl' = '1 d'", "SET 'table.exec.state.ttl' = '1 d'"),
    ("SET table.exec.state.ttl = 1d", "SET 'table.exec.state.ttl' = '1d'"),
    ("RESET", "RESET"),
    ("RESET 'a'", "RESET 'a'"),
    ("RESET a.b", "RESET 'a.b'"),
    ("CREATE TABLE t", "CREATE TABLE `t`"),
    ("CREATE TEMPORARY TABLE IF NOT EXISTS cat.db.t (a INT)", "CREATE TEMPORARY TABLE IF NOT EXISTS `cat`.`db`.`t` (\n  `a` INT\n)"),
    ("CREATE TABLE t (a INT NOT NULL COMMENT 'x', b AS a + 1 COMMENT 'y', c STRING METADATA, d STRING METADATA FROM 'k' VIRTUAL COMMENT 'z')", "CREATE TABLE `t` (\n  `a` INT NOT NULL COMMENT 'x',\n  `b` AS `a` + 1 COMMENT 'y',\n  `c` STRING METADATA,\n  `d` STRING METADATA FROM 'k' VIRTUAL COMMENT 'z'\n)"),
    ("CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)", "CREATE TABLE `t` (\n  `a` INT,\n  `ts` TIMESTAMP(3),\n  PRIMARY KEY (`a`) NOT ENFORCED,\n  WATERMARK FOR `ts` AS `ts` - INTERVAL '5' SECOND\n)"),
    ("CREATE TABLE t (a INT, b INT, CONSTRAINT k PRIMARY KEY (a, b) NOT ENFORCED) COMMENT 'c' DISTRIBUTED BY HASH(a) INTO 4 BUCKETS PARTITIONED BY (b) WITH ('connector' = 'print')", "CREATE TABLE `t` (\n  `a` INT,\n  `b` INT,\n  CONSTRAINT `k` PRIMARY KEY (`a`, `b`) NOT ENFORCED\n)\nCOMMENT 'c'\nDISTRIBUTED BY HASH(`a`) INTO 4 BUCKETS\nPARTITIONED BY (`b`)\nWITH (\n  'connector' = 'print'\n)"),
    ("CREATE TABLE t (r ROW<x TIMESTAMP(3)>, WATERMARK FOR r.x AS r.x) WITH ()", "CREATE TABLE `t` (\n  `r` ROW<`x` TIMESTAMP(3)>,\n  WATERMARK FOR `r`.`x` AS `r`.`x`\n)"),
    ("CREATE TABLE t (a INT) DISTRIBUTED INTO 3 BUCKETS", "CREATE TABLE `t` (\n  `a` INT\n)\nDISTRIBUTED INTO 3 BUCKETS"),
    ("CREATE TABLE t LIKE u", "CREATE TABLE `t`\nLIKE `u`"),
    ("CREATE TABLE t WITH ('a' = 'b') LIKE u (EXCLUDING ALL INCLUDING WATERMARKS OVERWRITING OPTIONS)", "CREATE TABLE `t`\nWITH (\n  'a' = 'b'\n)\nLIKE `u` (\n  EXCLUDING ALL\n  INCLUDING WATERMARKS\n  OVERWRITING OPTIONS\n)"),
    ("CREATE VIEW v AS SELECT 1", "CREATE VIEW `v`\nAS\nSELECT 1"),
    ("CREATE TEMPORARY VIEW IF NOT EXISTS v (a, b) COMMENT 'c' AS (SELECT 1, 2)", "CREATE TEMPORARY VIEW IF NOT EXISTS `v` (`a`, `b`)\nCOMMENT 'c'\nAS\n(SELECT 1, 2)"),
    ("CREATE MODEL m INPUT (a DOUBLE COMMENT 'x', b STRING) OUTPUT (s DOUBLE) COMMENT 'c' WITH ('provider' = 'onnx', 'path' = 'm.onnx')", "CREATE MODEL `m` INPUT (\n  `a` DOUBLE COMMENT 'x',\n  `b` STRING\n) OUTPUT (\n  `s` DOUBLE\n)\nCOMMENT 'c'\nWITH (\n  'provider' = 'onnx',\n  'path' = 'm.onnx'\n)"),
    ("CREATE TEMPORARY MODEL IF NOT EXISTS m WITH ('a' = 'b')", "CREATE TEMPORARY MODEL IF NOT EXISTS `m`\nWITH (\n  'a' = 'b'\n)"),
    ("CREATE TEMPORARY FUNCTION f AS 'scorer.score' LANGUAGE PYTHON", "CREATE TEMPORARY FUNCTION `f` AS 'scorer.score' LANGUAGE PYTHON"),
    ("CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS f AS 'a.B' LANGUAGE JAVA USING JAR 'a.jar', ARTIFACT 'b'", "CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS `f` AS 'a.B' LANGUAGE JAVA USING JAR 'a.jar', ARTIFACT 'b'"),
    ("DROP TABLE t", "DROP TABLE `t`"),
    ("DROP TEMPORARY VIEW IF EXISTS a.b.c", "DROP TEMPORARY VIEW IF EXISTS `a`.`b`.`c`"),
    ("DROP MODEL IF EXISTS m", "DROP MODEL IF EXISTS `m`"),
    ("DROP TEMPORARY SYSTEM FUNCTION f", "DROP TEMPORARY SYSTEM FUNCTION `f`"),
    ("ALTER TABLE t RENAME TO u", "ALTER TABLE `t` RENAME TO `u`"),
    ("ALTER TABLE IF EXISTS t RENAME a.b TO a.c", "ALTER TABLE IF EXISTS `t` RENAME `a`.`b` TO `a`.`c`"),
    ("ALTER TABLE t SET ('a' = 'b')", "ALTER TABLE `t` SET (\n  'a' = 'b'\n)"),
    ("ALTER TABLE t RESET ('a', 'b')", "ALTER TABLE `t` RESET (\n  'a',\n  'b'\n)"),
    ("ALTER TABLE t ADD a INT", "ALTER TABLE `t` ADD (\n  `a` INT\n)"),
    ("ALTER TABLE t ADD (a INT FIRST, b AS a AFTER a, PRIMARY KEY (a) NOT ENFORCED, WATERMARK FOR ts AS ts)", "ALTER TABLE `t` ADD (\n  `a` INT FIRST,\n  `b` AS `a` AFTER `a`,\n  PRIMARY KEY (`a`) NOT ENFORCED,\n  WATERMARK FOR `ts` AS `ts`\n)"),
    ("ALTER TABLE t MODIFY WATERMARK FOR ts AS ts - INTERVAL '1' SECOND", "ALTER TABLE `t` MODIFY (\n  WATERMARK FOR `ts` AS `ts` - INTERVAL '1' SECOND\n)"),
    ("ALTER TABLE t DROP a.b", "ALTER TABLE `t` DROP (\n  `a`.`b`\n)"),
    ("ALTER TABLE t DROP (a, b)", "ALTER TABLE `t` DROP (\n  `a`,\n  `b`\n)"),
    ("ALTER TABLE t DROP PRIMARY KEY", "ALTER TABLE `t` DROP PRIMARY KEY"),
    ("ALTER TABLE t DROP CONSTRAINT c", "ALTER TABLE `t` DROP CONSTRAINT `c`"),
    ("ALTER TABLE t DROP WATERMARK", "ALTER TABLE `t` DROP WATERMARK"),
    ("ALTER VIEW v RENAME TO w", "ALTER VIEW `v` RENAME TO `w`"),
    ("ALTER VIEW v AS SELECT 1", "ALTER VIEW `v`\nAS\nSELECT 1"),
    ("ALTER MODEL m SET ('a' = 'b')", "ALTER MODEL `m` SET (\n  'a' = 'b'\n)"),
    ("INSERT INTO t SELECT 1", "INSERT INTO `t`\nSELECT 1"),
    ("INSERT INTO t (a, b) VALUES (1, 2)", "INSERT INTO `t`\n(`a`, `b`)\nVALUES (1, 2)"),
    ("INSERT INTO t (SELECT 1)", "INSERT INTO `t`\n(SELECT 1)"),
    ("INSERT OVERWRITE t PARTITION (a = 'x', b = 1) (c) SELECT 1", "INSERT OVERWRITE `t` PARTITION (`a` = 'x', `b` = 1)\n(`c`)\nSELECT 1"),
    ("INSERT INTO t /*+ OPTIONS('a' = 'b') */ SELECT 1", "INSERT INTO `t` /*+ OPTIONS('a' = 'b') */\nSELECT 1"),
    ("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT CASE WHEN x THEN y END FROM t; INSERT INTO b SELECT 2; END", "EXECUTE STATEMENT SET BEGIN\nINSERT INTO `a`\nSELECT CASE WHEN `x` THEN `y` END\nFROM `t`\n;\nINSERT INTO `b`\nSELECT 2\n;\nEND"),
    ("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;", "EXECUTE STATEMENT SET BEGIN\nINSERT INTO `a`\nSELECT 1\n;\nEND"),
    ("EXECUTE INSERT INTO a SELECT 1", "INSERT INTO `a`\nSELECT 1"),
    ("EXPLAIN SELECT 1", "EXPLAIN SELECT 1"),
    ("EXPLAIN PLAN FOR INSERT INTO a SELECT 1", "EXPLAIN INSERT INTO `a`\nSELECT 1"),
    ("EXPLAIN ESTIMATED_COST, CHANGELOG_MODE, PLAN_ADVICE, JSON_EXECUTION_PLAN SELECT 1", "EXPLAIN ESTIMATED_COST, CHANGELOG_MODE, PLAN_ADVICE, JSON_EXECUTION_PLAN SELECT 1"),
    ("EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; END", "EXPLAIN STATEMENT SET BEGIN\nINSERT INTO `a`\nSELECT 1\n;\nEND"),
    ("SHOW TABLES", "SHOW TABLES"),
    ("SHOW VIEWS IN a.b NOT LIKE 'x%'", "SHOW VIEWS IN `a`.`b` NOT LIKE 'x%'"),
    ("SHOW COLUMNS FROM t ILIKE 'a'", "SHOW COLUMNS FROM `t` ILIKE 'a'"),
    ("SHOW USER FUNCTIONS", "SHOW USER FUNCTIONS"),
    ("SHOW CREATE MODEL m", "SHOW CREATE MODEL `m`"),
    ("SHOW CURRENT DATABASE", "SHOW CURRENT DATABASE"),
    ("DESC t", "DESCRIBE `t`"),
    ("DESCRIBE EXTENDED a.b", "DESCRIBE EXTENDED `a`.`b`"),
    ("DESCRIBE FUNCTION EXTENDED f", "DESCRIBE FUNCTION EXTENDED `f`"),
    ("DESCRIBE MODEL m", "DESCRIBE MODEL `m`"),
    ("USE CATALOG c", "USE CATALOG `c`"),
    ("USE a.b", "USE `a`.`b`"),
];
