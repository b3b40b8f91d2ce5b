//! Whatever the text is, nothing panics, spans lie in the text, and the formatter keeps the tokens.

use crate::sql::lexer::{self, TokenKind};
use crate::sql::{format_script, parse_expression, parse_script};

/// Scripts that use most of the grammar.
pub(super) const SCRIPTS: [&str; 6] = [
    "SET 'parallelism.default' = '2'; set a.b = 5; RESET;\n\
     CREATE TABLE IF NOT EXISTS tx (\n\
       id BIGINT NOT NULL COMMENT 'the id', ts TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL, -- time\n\
       m MAP<STRING, ARRAY<INT>>, r ROW<a INT, b ROW(c STRING)>, proc AS PROCTIME(),\n\
       WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, CONSTRAINT pk PRIMARY KEY (id) NOT ENFORCED\n\
     ) COMMENT 'x' DISTRIBUTED BY HASH(id) INTO 3 BUCKETS PARTITIONED BY (id) WITH ('a' = 'b', 'c' = 'd')\n\
     LIKE parent (INCLUDING ALL OVERWRITING OPTIONS);",
    "CREATE TEMPORARY VIEW v (a, b) COMMENT 'c' AS WITH q (x) AS (SELECT 1), p AS (VALUES (1, 'a'), (2, 'b'))\n\
     SELECT DISTINCT q.x, p.*, COUNT(DISTINCT a) FILTER (WHERE b > 1) AS n, /* block */\n\
       SUM(v) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW),\n\
       CASE a WHEN 1, 2 THEN 'x' ELSE 'y' END, CAST(a AS ROW<x INT>), TRY_CAST(b AS DECIMAL(10, 2)),\n\
       m['k'], arr[1].f, MAP['a', 1], ARRAY[1, 2], ROW(1, 'a'), -a * +b, NOT a IS NULL, a || b\n\
     FROM t /*+ OPTIONS('a' = 'b') */ AS t1\n\
     LEFT JOIN r FOR SYSTEM_TIME AS OF t1.ts AS r1 ON t1.k = r1.k AND t1.v BETWEEN 1 AND 2 OR FALSE\n\
     CROSS JOIN UNNEST(t1.arr) WITH ORDINALITY AS u (e, o)\n\
     JOIN LATERAL TABLE(f(t1.x)) AS l (y) ON TRUE, (SELECT 1) d\n\
     WHERE a IN (SELECT b FROM c) AND EXISTS (SELECT 1) AND d LIKE 'x!%' ESCAPE '!'\n\
     GROUP BY GROUPING SETS ((a, b), (a), ()), CUBE(a), ROLLUP(b) HAVING COUNT(*) > 1\n\
     WINDOW w AS (PARTITION BY a) QUALIFY ROW_NUMBER() OVER w = 1\n\
     UNION ALL (SELECT 2) INTERSECT SELECT 3 ORDER BY a DESC NULLS LAST LIMIT 10 OFFSET 5 ROWS;",
    "EXECUTE STATEMENT SET BEGIN\n\
       INSERT INTO s PARTITION (d = 'x') (a, b) SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' DAY));\n\
       INSERT OVERWRITE s2 SELECT CASE WHEN a THEN b END FROM HOP(DATA => TABLE t PARTITION BY k, TIMECOL => DESCRIPTOR(ts),\n\
         SLIDE => INTERVAL '1' MINUTE, SIZE => INTERVAL '10' MINUTES);\n\
     END;",
    "CREATE MODEL m INPUT (a DOUBLE, b STRING) OUTPUT (s DOUBLE) COMMENT 'x' WITH ('provider' = 'onnx');\n\
     SELECT * FROM ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(a, b), MAP['async', 'true']);\n\
     SELECT JSON_VALUE(a, '$.x' RETURNING INT NULL ON EMPTY DEFAULT 1 ON ERROR), JSON_OBJECT(KEY 'a' VALUE 1 ABSENT ON NULL),\n\
       JSON_QUERY(a, 'lax $' WITH CONDITIONAL ARRAY WRAPPER EMPTY ARRAY ON ERROR), a IS NOT JSON OBJECT,\n\
       EXTRACT(DAY FROM ts), FLOOR(ts TO HOUR), TIMESTAMPADD(DAY, 1, ts), TRIM(BOTH 'x' FROM y),\n\
       SUBSTRING(a FROM 1 FOR 2), OVERLAY(a PLACING b FROM 1), POSITION('a' IN b), LISTAGG(a, ',') WITHIN GROUP (ORDER BY b),\n\
       DATE '2024-01-31', TIMESTAMP '2024-01-31 10:00:00.123', TIME '10:00:00', INTERVAL '1-2' YEAR TO MONTH, X'0aff', U&'\\00e9';",
    "CREATE TEMPORARY SYSTEM FUNCTION f AS 'm.f' LANGUAGE PYTHON USING JAR 'a.jar', ARTIFACT 'b';\n\
     ALTER TABLE t ADD (a INT FIRST, b AS a + 1 AFTER a, WATERMARK FOR ts AS ts); ALTER TABLE t DROP (a, b.c);\n\
     ALTER TABLE t RENAME a TO b; ALTER TABLE t SET ('a' = 'b'); ALTER TABLE t RESET ('a'); ALTER VIEW v AS SELECT 1;\n\
     ALTER MODEL m RENAME TO n; DROP TEMPORARY VIEW IF EXISTS a.b.c; USE CATALOG c; SHOW TABLES FROM d NOT LIKE 'x%';\n\
     SHOW CREATE TABLE t; DESCRIBE MODEL m; EXPLAIN CHANGELOG_MODE, PLAN_ADVICE SELECT 1; EXPLAIN PLAN FOR INSERT INTO t VALUES (1);",
    "BEGIN STATEMENT SET; INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END; -- done\n\n-- the end",
];

/// A generator of numbers that gives the same ones every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((self.0 >> 33) as usize) % below
    }
}

fn check(text: &str) {
    if let Err(errors) = parse_script(text) {
        assert!(!errors.is_empty());
        for error in errors {
            let span = error.span.expect("every error has a place");
            assert!(
                span.start <= span.end && span.end <= text.len(),
                "{error} in {text}"
            );
            assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
            // Rendering must not panic either.
            let _ = error.render(Some(("test", text)));
        }
    }
    let _ = parse_expression(text);
    check_format(text);
}

/// The tokens and comments of a text, keywords without their case.
fn tokens(text: &str) -> Vec<String> {
    lexer::tokenize(text)
        .iter()
        .map(|token| {
            let text = token.text(text);
            match token.kind {
                TokenKind::Word => text.to_uppercase(),
                TokenKind::LineComment => text.trim_end().to_string(),
                _ => text.to_string(),
            }
        })
        .collect()
}

pub(super) fn check_format(text: &str) {
    let Ok(formatted) = format_script(text) else {
        return;
    };
    assert_eq!(
        tokens(&formatted),
        tokens(text),
        "\n{text}\n---\n{formatted}"
    );
    let again = format_script(&formatted).expect("what was formatted can be formatted");
    assert_eq!(again, formatted, "formatting again changes\n{text}");
}

#[test]
fn the_scripts_are_right() {
    for script in SCRIPTS {
        let parsed = parse_script(script).unwrap_or_else(|errors| {
            panic!("{}", errors[0].render(Some(("test", script))));
        });
        let canonical = parsed.to_string();
        let again = parse_script(&canonical).unwrap_or_else(|errors| {
            panic!("{}", errors[0].render(Some(("canonical", &canonical))));
        });
        assert_eq!(again.to_string(), canonical);
        let formatted = format_script(script).unwrap();
        let reparsed = parse_script(&formatted).unwrap_or_else(|errors| {
            panic!("{}", errors[0].render(Some(("formatted", &formatted))));
        });
        assert_eq!(reparsed.to_string(), canonical, "{formatted}");
    }
}

#[test]
fn truncated_scripts() {
    for script in SCRIPTS {
        for end in (0..=script.len())
            .step_by(3)
            .filter(|end| script.is_char_boundary(*end))
        {
            check(&script[..end]);
        }
    }
}

#[test]
fn scripts_without_one_token() {
    for script in SCRIPTS {
        for token in lexer::tokenize(script) {
            let mut text = script.to_string();
            text.replace_range(token.span.range(), "");
            check(&text);
        }
    }
}

#[test]
fn scripts_with_two_tokens_exchanged_or_one_replaced() {
    let mut numbers = Numbers(7);
    for script in SCRIPTS {
        let tokens: Vec<&str> = lexer::tokenize(script)
            .iter()
            .map(|t| t.text(script))
            .collect();
        for _ in 0..150 {
            let mut changed = tokens.clone();
            let (a, b) = (numbers.next(tokens.len()), numbers.next(tokens.len()));
            if numbers.next(2) == 0 {
                changed.swap(a, b);
            } else {
                changed[a] = tokens[b];
            }
            check(&changed.join(if numbers.next(2) == 0 { " " } else { "\n" }));
        }
    }
}

#[test]
fn random_soup() {
    let words = [
        "SELECT",
        "FROM",
        "WHERE",
        "(",
        ")",
        "[",
        "]",
        ",",
        ";",
        ".",
        "a",
        "`b c`",
        "'text'",
        "1",
        "1.5e3",
        "=",
        "<",
        ">",
        "<>",
        "*",
        "+",
        "-",
        "--x\n",
        "/* y */",
        "/*+ OPTIONS('a'='b') */",
        "/*+",
        "CASE",
        "WHEN",
        "THEN",
        "END",
        "BEGIN",
        "EXECUTE STATEMENT SET",
        "CREATE TABLE",
        "WITH",
        "AS",
        "INTERVAL",
        "DAY",
        "TO",
        "ROW",
        "MAP",
        "ARRAY<",
        "CAST(",
        "TABLE",
        "MODEL",
        "NOT",
        "IS",
        "NULL",
        "BETWEEN",
        "AND",
        "OR",
        "IN",
        "LIKE",
        "JOIN",
        "ON",
        "UNION",
        "ORDER BY",
        "GROUP BY",
        "OVER",
        "PARTITION BY",
        "=>",
        "WATERMARK FOR",
        "PRIMARY KEY",
        "SET",
        "'",
        "`",
        "\"",
        "é",
        "\u{1F600}",
        "{",
        "}",
        ":",
        "!",
        "?",
        "\\",
        "\0",
        "INSERT INTO",
        "EXPLAIN",
        "SHOW",
        "x'0",
        "U&'\\zz'",
        "//",
        "\r\n",
        "\t",
    ];
    let mut numbers = Numbers(42);
    for _ in 0..3_000 {
        let length = 1 + numbers.next(25);
        let text: Vec<&str> = (0..length)
            .map(|_| words[numbers.next(words.len())])
            .collect();
        check(&text.join(" "));
    }
}

#[test]
fn deep_nesting_is_refused_and_not_a_crash() {
    for (open, inner, close) in [
        ("(", "1", ")"),
        ("- ", "1", ""),
        ("NOT ", "a", ""),
        ("f(", "1", ")"),
        ("a + (", "1", ")"),
        ("CASE WHEN a THEN ", "1", " END"),
        ("a[", "1", "]"),
        ("(SELECT ", "1", ")"),
        ("CAST(", "1", " AS INT)"),
        ("ARRAY[", "1", "]"),
        ("EXISTS (SELECT 1 WHERE ", "a", ")"),
    ] {
        for depth in [10, 150, 5_000] {
            let text = format!(
                "SELECT {}{inner}{}",
                open.repeat(depth),
                close.repeat(depth)
            );
            check(&text);
            assert_eq!(parse_script(&text).is_ok(), depth == 10, "{open} {depth}");
        }
    }
    for text in [
        format!("SELECT 1 FROM {}t{}", "(".repeat(3_000), ")".repeat(3_000)),
        format!("{}SELECT 1{}", "(".repeat(3_000), ")".repeat(3_000)),
        format!("SELECT a{}", " AND a".repeat(3_000)),
        format!("SELECT a{}", ".a".repeat(3_000)),
        format!("SELECT a{}", "[1]".repeat(3_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(3_000)),
        format!(
            "CREATE TABLE t (a {}INT{})",
            "ARRAY<".repeat(3_000),
            ">".repeat(3_000)
        ),
        format!("SELECT 1{}", " EXCEPT (SELECT 1".repeat(3_000)),
    ] {
        check(&text);
        assert!(parse_script(&text).is_err());
    }
    // Long but flat is fine.
    for text in [
        format!("SELECT a{}", ", a".repeat(3_000)),
        format!("SELECT a IN (1{})", ", 1".repeat(3_000)),
        format!("SELECT a{}", " AND a".repeat(400)),
        format!("SELECT a{}", " || 'x'".repeat(400)),
    ] {
        let parsed = parse_script(&text).unwrap();
        assert_eq!(
            parse_script(&parsed.to_string()).unwrap().to_string(),
            parsed.to_string()
        );
        check_format(&text);
    }
}
