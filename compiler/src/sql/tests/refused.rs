//! What is refused: the place (between « and »), what is said, and the help that is offered.

use crate::sql::parse_script;

#[test]
fn every_slip_has_its_place_and_its_help() {
    for (marked, message, help) in REFUSED {
        let (before, rest) = marked.split_once('«').unwrap();
        let (place, after) = rest.split_once('»').unwrap();
        let script = format!("{before}{place}{after}");
        let errors = parse_script(&script).expect_err(&script);
        let error = &errors[0];
        let span = error.span.expect("every error has a place");
        assert_eq!(
            (span.start, &script[span.range()]),
            (before.len(), place),
            "{}",
            error.render(Some(("test", &script)))
        );
        assert_eq!(error.message, message, "{script}");
        assert_eq!(error.help.as_deref().unwrap_or_default(), help, "{script}");
        let code = if message.contains("not supported") {
            "sql/not-supported"
        } else {
            "sql/syntax"
        };
        assert_eq!(error.code, code, "{script}");
    }
}

#[test]
fn reading_goes_on_behind_a_wrong_statement() {
    let script = "SELECT a b c;\nSET 'x' = 'y';\nFOO;\n\
        EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT CASE WHEN x THEN END; INSERT INTO b SELECT 1; END;\n\
        CREATE TABLE t (a INT b INT);\nSELECT 1";
    let errors = parse_script(script).unwrap_err();
    let places: Vec<&str> = errors
        .iter()
        .map(|error| &script[error.span.unwrap().range()])
        .collect();
    assert_eq!(places, ["c", "FOO", "END", "b"]);
}

#[rustfmt::skip] // one case a line
const REFUSED: [(&str, &str, &str); 152] = [
    ("SELECT a b «c» FROM t", "expected ',', an operator, the next clause or ';', found 'c'", "is a comma missing before 'c'?"),
    ("SELECT a FORM «t»", "expected ',', an operator, the next clause or ';', found 't'", "did you mean FROM instead of FORM?"),
    ("SELECT a, «FROM» t", "expected an expression, found 'FROM'", "there may be a comma too many before 'FROM'"),
    ("SELECT a,«,» b FROM t", "expected an expression, found ','", "there may be a comma too many before ','"),
    ("SELECT a FROM t WHERE«»", "expected an expression, found the end of the script", ""),
    ("SELECT «FROM» t", "expected an expression, found 'FROM'", "name the columns, or write * for all of them"),
    (r#"SELECT «"a"» FROM t"#, "double quotes are not supported: a string stands in single quotes, a name in backticks", ""),
    ("SELECT «value» FROM t", "expected an expression, found 'value'", "'value' is a reserved word of Flink SQL; as a name it stands in backticks: `value`"),
    ("SELECT a AS «value» FROM t", "expected a name after AS, found 'value'", "'value' is a reserved word of Flink SQL; as a name it stands in backticks: `value`"),
    ("SELECT a AS «'x'» FROM t", "expected a name, found 'x'", "a name stands in backticks, not in quotes"),
    ("SELECT a, «count», b FROM t", "expected an expression, found 'count'", "'count' is a reserved word of Flink SQL; as a name it stands in backticks: `count`"),
    ("SELECT a FROM t; «LIMIT» 5", "expected a statement, found 'LIMIT'", "LIMIT is a clause; does a ';' before it end the statement too early?"),
    ("SELECT a «!=» b FROM t", "the operator != is not supported: write <> for 'not equal'", ""),
    ("SELECT a =«=» b FROM t", "expected an expression, found '='", "'equal' is a single ="),
    ("SELECT a«:»:INT FROM t", "expected ',', an operator, the next clause or ';', found ':'", "write CAST(x AS type)"),
    ("SELECT a «^» b FROM t", "this character has no meaning in Flink SQL", ""),
    ("SELECT «?» FROM t", "expected an expression, found '?'", ""),
    ("SELECT «N'x'»", "a prefix before a string is not supported: write the string without it", ""),
    ("SELECT «E'x'»", "a prefix before a string is not supported: write the string without it", ""),
    ("SELECT «{»d '2024-01-01'}", "an escape in braces is not supported", ""),
    ("«SELEC» a FROM t", "expected a statement, found 'SELEC'", "did you mean SELECT?"),
    ("«FOO»", "expected a statement, found 'FOO'", ""),
    ("SELECT count(* «FROM» t", "expected ',', ')' or an operator, found 'FROM'", "is the '(' in line 1, column 13 closed?"),
    ("SELECT (a «FROM» t", "expected ',', ')' or an operator, found 'FROM'", "is the '(' in line 1, column 8 closed?"),
    ("SELECT (a AND b«»", "expected ',', ')' or an operator, found the end of the script", "the '(' in line 1, column 8 is never closed"),
    ("SELECT * FROM (SELECT a b «c» FROM t) AS x", "expected ',', an operator, the next clause or ')', found 'c'", "is a comma missing before 'c'?"),
    ("SELECT «'abc»", "this string is never closed: a ' is missing", ""),
    ("SELECT «`abc»", "this name is never closed: a ` is missing", ""),
    ("SELECT a «/* b»", "this comment is never closed: '*/' is missing", ""),
    ("SELECT a FROM t GROUP «a»", "expected BY, found 'a'", ""),
    ("SELECT a FROM t ORDER «a»", "expected BY, found 'a'", ""),
    ("SELECT a IN («)» FROM t", "expected an expression, found ')'", ""),
    ("SELECT * FROM t t1 «t2»", "expected ',', an operator, the next clause or ';', found 't2'", "is a comma missing before 't2'?"),
    ("SELECT * FROM a JOIN b«»", "expected ON or USING, found the end of the script", ""),
    ("SELECT * FROM a CROSS JOIN b «ON» TRUE", "expected no condition after CROSS JOIN, found 'ON'", "write JOIN … ON …, or put the condition into WHERE"),
    ("SELECT * FROM a LEFT «SEMI» JOIN b ON TRUE", "LEFT SEMI JOIN is not supported", "write WHERE [NOT] EXISTS (…) or IN (…)"),
    ("SELECT * FROM t CROSS «APPLY» f(x)", "CROSS APPLY is not supported", "write CROSS JOIN LATERAL TABLE(…)"),
    ("SELECT * FROM t «TABLESAMPLE» BERNOULLI(10)", "TABLESAMPLE is not supported", ""),
    ("SELECT * FROM t AS x «FOR» SYSTEM_TIME AS OF y", "FOR SYSTEM_TIME here is not supported", "write it right after the name of the table, before the alias"),
    ("SELECT * FROM «VALUES» (1)", "VALUES in FROM without parentheses is not supported", "write FROM (VALUES …) AS t (a, b)"),
    ("SELECT * FROM LATERAL «t»", "expected a query in parentheses or TABLE(…) after LATERAL, found 't'", ""),
    ("SELECT * FROM «__table»(t)", "a function name that starts with two underscores is not supported", ""),
    ("SELECT «__cast»(a, 'INT')", "a function name that starts with two underscores (__cast) is not supported", ""),
    ("SELECT «`__cast`»(a, 'INT')", "a function name that starts with two underscores (`__cast`) is not supported", ""),
    ("SELECT * FROM t LIMIT 1«,» 2", "LIMIT start, count is not supported", "write LIMIT count OFFSET start"),
    ("SELECT * FROM t LIMIT «a»", "expected a number of rows (a whole number), found 'a'", ""),
    ("SELECT «STREAM» a FROM t", "SELECT STREAM is not supported", "leave out STREAM"),
    ("SELECT «/*+ ALIAS('a') */» a FROM t", "the hint ALIAS is not supported", ""),
    ("SELECT a «/*+ OPTIONS('a'='b') */» FROM t", "expected ',', an operator, the next clause or ';', found a hint", "a hint stands right after SELECT or after the name of a table"),
    ("SELECT * FROM t MATCH_RECOGNIZE («MEASURE» A.a AS b PATTERN (A) DEFINE A AS TRUE)", "expected PATTERN, found 'MEASURE'", ""),
    ("SELECT * FROM t MATCH_RECOGNIZE (MEASURES A.a «b» PATTERN (A) DEFINE A AS TRUE)", "expected AS, found 'b'", ""),
    ("SELECT * FROM t MATCH_RECOGNIZE («ALL» ROWS PER MATCH PATTERN (A) DEFINE A AS TRUE)", "ALL ROWS PER MATCH is not supported", "Flink has ONE ROW PER MATCH only"),
    ("SELECT * FROM t «/*+ LOOKUP('a'='b') */»", "a table hint other than OPTIONS is not supported", ""),
    ("SELECT * FROM t /*+ OPTIONS('a'=«b») */", "expected the value of an option in single quotes, found 'b'", "write 'b'"),
    ("SELECT a «MINUS» SELECT b", "MINUS is not supported", ""),
    ("SELECT 1 «MINUS» SELECT 2", "MINUS is not supported", ""),
    ("WITH «RECURSIVE» a AS (SELECT 1) SELECT * FROM a", "WITH RECURSIVE is not supported", ""),
    ("SELECT a > «ANY» (1, 2) FROM t", "a comparison with ANY (…) is not supported", ""),
    ("SELECT a = «NOT» b FROM t", "NOT after an operator is not supported", "put it in parentheses: a = (NOT b)"),
    ("SELECT a BETWEEN «SYMMETRIC» 1 AND 2 FROM t", "BETWEEN SYMMETRIC is not supported", "write x BETWEEN a AND b OR x BETWEEN b AND a"),
    ("SELECT a «ILIKE» 'x' FROM t", "the operator ILIKE is not supported", ""),
    ("SELECT a «AT» TIME ZONE 'UTC' FROM t", "the operator AT is not supported", ""),
    ("SELECT a LIKE 'x' ESCAPE «'yy'» FROM t", "ESCAPE takes a single character", ""),
    ("SELECT a IS «A» SET FROM t", "this test of a multiset is not supported", ""),
    ("SELECT «CURRENT_TIMESTAMP»(3)", "a precision for CURRENT_TIMESTAMP is not supported", "write CURRENT_TIMESTAMP without parentheses"),
    ("SELECT «CONVERT»(a, b, c) FROM t", "CONVERT(…) is not supported", ""),
    ("SELECT «ARRAY»(SELECT 1)", "ARRAY of a query is not supported", ""),
    ("SELECT «MAP»['a', 1, 'b']", "MAP[…] takes keys and values in turn, but has an odd number of items", ""),
    ("SELECT «INTERVAL '100' DAY»", "the interval '100' has more than the 2 leading digits of DAY", "write DAY(3)"),
    ("SELECT INTERVAL «5» SECOND", "expected the length of the interval in single quotes, found '5'", "write INTERVAL '5' MINUTE"),
    ("SELECT «INTERVAL '1-2' DAY»", "'1-2' is not an interval of DAY", "write INTERVAL '5' DAY"),
    ("SELECT «INTERVAL '1' MONTH TO DAY»", "there is no interval MONTH TO DAY", "the fields go from large to small: YEAR TO MONTH, or DAY, HOUR, MINUTE, SECOND"),
    ("SELECT INTERVAL '5' «FORTNIGHT»", "expected YEAR, MONTH, DAY, HOUR, MINUTE or SECOND, found 'FORTNIGHT'", ""),
    ("SELECT DATE «'2024-13-01'»", "'2024-13-01' is not a date", "write DATE '2024-12-31'"),
    ("SELECT TIMESTAMP «'2024-01-01'»", "'2024-01-01' is not a timestamp", "write TIMESTAMP '2024-12-31 23:59:59'"),
    ("SELECT «X'0'»", "a string of bytes has an even number of hexadecimal digits", ""),
    (r#"SELECT «U&'\zz'»"#, "a wrong escape in this string", r#"write \XXXX or \+XXXXXX with hexadecimal digits, or \\ for a backslash"#),
    ("SELECT CAST(a «INT») FROM t", "expected an operator, or AS and a data type, found 'INT'", ""),
    ("SELECT CAST(a AS«)» FROM t", "expected a data type, found ')'", ""),
    ("SELECT CAST(a AS «STRNG») FROM t", "unknown data type 'STRNG'", "did you mean STRING?"),
    ("SELECT CAST(a AS TIMESTAMP(3) «WITH» TIME ZONE) FROM t", "TIMESTAMP WITH TIME ZONE is not supported; use TIMESTAMP WITH LOCAL TIME ZONE (TIMESTAMP_LTZ)", ""),
    ("SELECT CASE a WHEN 1 THEN 2«»", "expected WHEN, ELSE or END, found the end of the script", ""),
    ("SELECT CASE a «END»", "expected WHEN, found 'END'", ""),
    ("SELECT SUM(a) OVER (PARTITION «k») FROM t", "expected BY, found 'k'", ""),
    ("SELECT SUM(a) OVER (ROWS 5«)» FROM t", "expected PRECEDING or FOLLOWING, found ')'", ""),
    ("SELECT COUNT(*) FROM t GROUP BY «(»)", "GROUP BY () is not supported", "leave out GROUP BY to aggregate all rows"),
    ("SELECT COUNT(*) FROM t GROUP BY GROUPING SETS («ROLLUP»(a))", "ROLLUP inside GROUPING SETS is not supported", ""),
    ("SELECT JSON_VALUE(a, '$' ERROR ON ERROR NULL ON EMPTY«)»", "ON EMPTY comes before ON ERROR, and each only once", ""),
    ("SELECT JSON_OBJECT(a«,» b)", "expected VALUE and the value of the key, found ','", ""),
    ("SELECT ABS«(a) OVER (ORDER BY b)» FROM t", "ABS is no aggregate function: DISTINCT, ORDER BY, FILTER, NULLS and OVER are not supported for it", ""),
    ("SELECT my.f«(DISTINCT a)» FROM t", "my.f is no aggregate function: DISTINCT, ORDER BY, FILTER, NULLS and OVER are not supported for it", ""),
    ("SELECT f(«DEFAULT»)", "DEFAULT as an argument is not supported", ""),
    ("SELECT * FROM TUMBLE(TABLE t, DESCRIPTOR(ts) «INTERVAL» '1' DAY)", "expected ',', ')' or an operator, found 'INTERVAL'", "is a comma missing before 'INTERVAL'?"),
    ("SELECT * FROM TABLE(f(DISTINCT a)«)»", "DISTINCT, ORDER BY or NULLS in a call of a table function is not supported", ""),
    ("SET a«»", "expected '=', found the end of the script", "write SET 'key' = 'value'"),
    ("SET 'a' = «b» c", "expected the value of an option in single quotes, found 'b'", "write 'b'"),
    ("SET a = «file:»///x", "this setting must stand in single quotes", "write SET 'key' = 'value'"),
    ("CREATE TABLE t (a INT «b» STRING)", "expected ',' or ')' after a column, found 'b'", "is a comma missing before 'b'?"),
    ("CREATE TABLE t (a INT,«)»", "expected a column, WATERMARK or PRIMARY KEY, found ')'", "there may be a comma too many before ')'"),
    ("CREATE TABLE t («a»)", "the column 'a' without a data type is not supported", "write the type behind the name, or AS and an expression"),
    ("CREATE TABLE t (a INT, «a» STRING)", "declaring the column 'a' twice is not supported", ""),
    ("CREATE TABLE t («timestamp» TIMESTAMP(3))", "expected a column, WATERMARK or PRIMARY KEY, found 'timestamp'", "'timestamp' is a reserved word of Flink SQL; as a name it stands in backticks: `timestamp`"),
    ("CREATE TABLE t (a INT «PRIMARY KEY»)", "a PRIMARY KEY without NOT ENFORCED is not supported", "write PRIMARY KEY (…) NOT ENFORCED: Flink does not check keys either"),
    ("CREATE TABLE t (a INT, «UNIQUE» (a))", "a UNIQUE constraint is not supported", ""),
    ("CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED, «PRIMARY KEY (a) NOT ENFORCED»)", "more than one PRIMARY KEY is not supported", ""),
    ("CREATE TABLE t (a INT «DEFAULT» 1)", "DEFAULT of a column is not supported", ""),
    ("CREATE TABLE t (a INT, WATERMARK FOR ts «ts» - INTERVAL '5' SECOND)", "expected AS, found 'ts'", "write WATERMARK FOR column AS expression, such as WATERMARK FOR ts AS ts - INTERVAL '5' SECOND"),
    ("CREATE TABLE t (WATERMARK FOR a AS a, «WATERMARK FOR b AS b»)", "more than one WATERMARK is not supported", ""),
    ("CREATE TABLE t (a AS «(»SELECT 1))", "expected an expression without a query, found '('", ""),
    ("CREATE TABLE t (a ROW<x INT, y STRING«)»", "expected '>' but found ')'", ""),
    ("CREATE TABLE t (a «RAW»('x', 'y'))", "the type RAW is not supported; use STRING, BYTES or ROW instead", ""),
    ("CREATE TABLE t (a INT) WITH («connector» = 'x')", "expected the key of an option in single quotes, found 'connector'", "write 'connector'"),
    ("CREATE TABLE t (a INT) WITH ('connector' «'x'»)", "expected '=', found 'x'", ""),
    ("CREATE TABLE t (a INT) WITH ('a' = 'b', «'a'» = 'c')", "the option 'a' is given twice", ""),
    ("CREATE TABLE t (a INT) WITH ('a' = «1»)", "expected the value of an option in single quotes, found '1'", ""),
    ("CREATE TABLE t «AS» SELECT 1", "CREATE TABLE … AS query is not supported", "create the table with its columns, then INSERT INTO it"),
    ("CREATE TABLE t «USING» CONNECTION c", "USING CONNECTION is not supported", ""),
    ("CREATE TABLE «a.b.c.d» (x INT)", "a name has at most three parts: catalog.database.name", ""),
    ("CREATE «OR» REPLACE VIEW v AS SELECT 1", "CREATE OR … is not supported", ""),
    ("CREATE VIEW v «SELECT» 1", "expected AS, found 'SELECT'", ""),
    ("CREATE VIEW v («)» AS SELECT 1", "expected the name of a column, found ')'", ""),
    ("CREATE VIEW «select» AS SELECT 1", "expected the name of the view, found 'select'", "'select' is a reserved word of Flink SQL; as a name it stands in backticks: `select`"),
    ("CREATE «CATALOG» c WITH ('a' = 'b')", "CREATE CATALOG is not supported", ""),
    ("CREATE «DATABASE» d", "CREATE DATABASE is not supported", ""),
    ("CREATE «SYSTEM» FUNCTION f AS 'x'", "CREATE SYSTEM FUNCTION is not supported", "write CREATE TEMPORARY SYSTEM FUNCTION"),
    ("CREATE FUNCTION f AS 'x' LANGUAGE «RUST»", "expected JAVA, SCALA or PYTHON, found 'RUST'", ""),
    ("CREATE MODEL m «INPUTS» (a INT) WITH ('p' = 'q')", "expected ';' or the end of the script, found 'INPUTS'", "did you mean INPUT instead of INPUTS?"),
    ("CREATE MODEL m WITH ('p' = 'q') «AS» SELECT 1", "CREATE MODEL … AS query is not supported", "train the model elsewhere and give its file in WITH"),
    ("DROP «CATALOG» c", "DROP CATALOG is not supported", ""),
    ("DROP «DATABASE» d", "DROP DATABASE is not supported", ""),
    ("ALTER TABLE t ADD «PARTITION» (a = 1)", "ALTER TABLE ADD PARTITION is not supported", ""),
    ("ALTER TABLE t «FOO»", "expected RENAME, SET, RESET, ADD, MODIFY or DROP, found 'FOO'", ""),
    ("INSERT «t» SELECT 1", "expected INTO or OVERWRITE, found 't'", ""),
    ("INSERT INTO t «DEFAULT» VALUES", "DEFAULT VALUES is not supported", ""),
    ("INSERT INTO t VALUES (1, 2), «(3)»", "the first row of VALUES has 2 values, this one has 1", ""),
    ("INSERT INTO t SELECT 1 ON CONFLICT DO «NOTHING»", "ON CONFLICT DO NOTHING is not supported", "write ON CONFLICT DO DEDUPLICATE to keep the last row"),
    ("INSERT INTO t PARTITION (a«)» SELECT 1", "expected '=', found ')'", "give every column in PARTITION a value, or leave it out"),
    ("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1 «END»", "expected ',', an operator, the next clause or ';', found 'END'", "every INSERT of a statement set ends with ';'"),
    ("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1;«»", "expected INSERT or END, found the end of the script", "a statement set ends with END"),
    ("EXECUTE STATEMENT SET BEGIN «SELECT» 1; END", "expected INSERT or END, found 'SELECT'", ""),
    ("EXECUTE STATEMENT SET BEGIN «END»", "expected INSERT, found 'END'", ""),
    ("«END»", "END without a statement set", "a statement set starts with EXECUTE STATEMENT SET BEGIN"),
    ("«UPDATE» t SET a = 1", "the statement UPDATE is not supported", ""),
    ("«DELETE» FROM t", "the statement DELETE is not supported", ""),
    ("«TRUNCATE» TABLE t", "the statement TRUNCATE is not supported", ""),
    ("«COMPILE» PLAN 'x' FOR INSERT INTO t SELECT 1", "the statement COMPILE is not supported", ""),
    ("«ADD» JAR 'x'", "the statement ADD is not supported", ""),
    ("EXPLAIN «CREATE» VIEW v AS SELECT 1", "expected a query, INSERT or STATEMENT SET, found 'CREATE'", ""),
    ("SHOW TABLES «t»", "expected ';' or the end of the script, found 't'", ""),
    ("SHOW «JARS»", "SHOW JARS is not supported", ""),
    ("DESCRIBE «CATALOG» c", "DESCRIBE CATALOG is not supported", ""),
    ("USE «MODULES» a", "USE MODULES is not supported", ""),
];
