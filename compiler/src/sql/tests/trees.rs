//! What the trees hold: precedence, markers, spans, and the parts of statements.

use datafusion_sql::sqlparser::ast::{
    BinaryOperator, Expr, SetExpr, Spanned, TableFactor, UnaryOperator,
};
use millstream_functions::types::FlinkType;

use crate::sql::{
    ColumnKind, ModelColumn, Statement, StatementKind, byte_span, markers, parse_expression,
    parse_script,
};

fn statement(script: &str) -> StatementKind {
    let mut parsed = parse_script(script)
        .unwrap_or_else(|errors| panic!("{}", errors[0].render(Some(("test", script)))));
    assert_eq!(parsed.statements.len(), 1);
    parsed.statements.remove(0).kind
}

/// An expression with parentheses around every operator.
fn shape(expr: &Expr) -> String {
    match expr {
        Expr::BinaryOp { left, op, right } => {
            let op = match op {
                BinaryOperator::NotEq => "<>".to_string(),
                op => op.to_string(),
            };
            format!("({} {op} {})", shape(left), shape(right))
        }
        Expr::UnaryOp { op, expr } => match op {
            UnaryOperator::Not => format!("(NOT {})", shape(expr)),
            op => format!("({op}{})", shape(expr)),
        },
        Expr::IsNull(e) => format!("({} IS NULL)", shape(e)),
        Expr::IsDistinctFrom(a, b) => format!("({} IDF {})", shape(a), shape(b)),
        Expr::Between {
            expr, low, high, ..
        } => {
            format!("({} BETWEEN {} {})", shape(expr), shape(low), shape(high))
        }
        Expr::Like { expr, pattern, .. } => format!("({} LIKE {})", shape(expr), shape(pattern)),
        Expr::InList { expr, list, .. } => {
            let list: Vec<String> = list.iter().map(shape).collect();
            format!("({} IN {})", shape(expr), list.join(" "))
        }
        Expr::Nested(e) => shape(e),
        other => other.to_string(),
    }
}

#[test]
fn precedence_is_calcites() {
    for (input, expected) in [
        ("a OR b AND c OR d", "((a OR (b AND c)) OR d)"),
        ("NOT a AND b", "((NOT a) AND b)"),
        ("NOT a = b", "(NOT (a = b))"),
        ("NOT a IS NULL", "(NOT (a IS NULL))"),
        (
            "NOT a BETWEEN b AND c AND d",
            "((NOT (a BETWEEN b c)) AND d)",
        ),
        ("a = b IS NULL", "((a = b) IS NULL)"),
        ("a + b IS NULL AND c", "(((a + b) IS NULL) AND c)"),
        ("a = b = c", "((a = b) = c)"),
        ("a < b AND c >= d", "((a < b) AND (c >= d))"),
        ("a IS DISTINCT FROM b AND c", "((a IDF b) AND c)"),
        ("a IS DISTINCT FROM b + 1 OR c", "((a IDF (b + 1)) OR c)"),
        ("a = b LIKE c", "(a = (b LIKE c))"),
        ("a LIKE b || c", "(a LIKE (b || c))"),
        ("a LIKE b AND c", "((a LIKE b) AND c)"),
        ("a IN (b) = c", "((a IN b) = c)"),
        ("a BETWEEN b AND c = d", "((a BETWEEN b c) = d)"),
        (
            "a BETWEEN b + 1 AND c - 1 AND d",
            "((a BETWEEN (b + 1) (c - 1)) AND d)",
        ),
        ("a || b + c", "((a || b) + c)"),
        ("a + b || c", "(a + (b || c))"),
        ("a * b || c", "((a * b) || c)"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b * c % d", "(((a / b) * c) % d)"),
        ("-a * b", "((-a) * b)"),
        ("a * -b + c", "((a * (-b)) + c)"),
        ("- - a", "(-(-a))"),
        ("a <> b OR c", "((a <> b) OR c)"),
    ] {
        assert_eq!(
            shape(&parse_expression(input).unwrap()),
            expected,
            "{input}"
        );
    }
}

#[test]
fn markers_stand_for_syntax() {
    let name = |text: &str| match parse_expression(text).unwrap() {
        Expr::Function(function) => function.to_string(),
        other => panic!("{other:?}"),
    };
    for (input, expected) in [
        ("CAST(a AS INT)", "__cast(a, 'INT')"),
        ("TRY_CAST(a AS VARCHAR)", "__try_cast(a, 'STRING')"),
        ("MAP['a', 1]", "__map('a', 1)"),
        ("ROW(1, a)", "__row(1, a)"),
        ("f(TABLE a.t)", "f(__table(a.t))"),
        (
            "f(TABLE t PARTITION BY a ORDER BY b, c)",
            "f(__table(t) OVER (PARTITION BY a ORDER BY b), c)",
        ),
        (
            "f((SELECT 1) PARTITION BY (a, b))",
            "f(__table((SELECT 1)) OVER (PARTITION BY a, b))",
        ),
        ("f((TABLE t), MODEL m)", "f(__table(t), __model(m))"),
        ("f(x => MODEL a.m)", "f(x => __model(a.m))"),
        ("f(model, MODEL)", "f(model, MODEL)"),
        ("FLOOR(a TO DAYS)", "__floor(a, 'DAY')"),
        ("CEIL(a)", "CEIL(a)"),
        ("TIMESTAMPADD(HOUR, 1, a)", "__timestampadd('HOUR', 1, a)"),
        (
            "JSON_VALUE(a, '$')",
            "__json_value(a, '$', 'STRING', 'NULL', NULL, 'NULL', NULL)",
        ),
        (
            "JSON_VALUE(a, '$' RETURNING INT NULL ON EMPTY DEFAULT 1 ON ERROR)",
            "__json_value(a, '$', 'INT', 'NULL', NULL, 'DEFAULT', 1)",
        ),
        (
            "JSON_QUERY(a, '$')",
            "__json_query(a, '$', 'STRING', 'WITHOUT ARRAY', 'NULL', 'NULL')",
        ),
        ("JSON_EXISTS(a, '$')", "__json_exists(a, '$', 'FALSE')"),
        (
            "JSON_OBJECT(KEY 'a' VALUE 1)",
            "__json_object('NULL', 'a', 1)",
        ),
        ("JSON_ARRAY(1)", "__json_array('ABSENT', 1)"),
        ("a IS JSON", "__is_json(a, 'VALUE')"),
    ] {
        assert_eq!(name(input), expected);
    }
    assert!(markers::CAST.starts_with("__"));
}

#[test]
fn spans_of_names_point_into_the_script() {
    let script = "SELECT 'ñ', größe + b.x FROM\n  tbl AS t";
    let StatementKind::Query(query) = statement(script) else {
        panic!()
    };
    let SetExpr::Select(select) = query.ast.body.as_ref() else {
        panic!()
    };
    let at = |span| &script[byte_span(script, span).unwrap().range()];
    assert_eq!(at(select.projection[1].span()), "größe + b.x");
    let TableFactor::Table { name, alias, .. } = &select.from[0].relation else {
        panic!()
    };
    assert_eq!(at(name.span()), "tbl");
    assert_eq!(at(alias.as_ref().unwrap().name.span), "t");
    assert_eq!(&script[query.span.range()], script);
}

#[test]
fn the_parts_of_a_table() {
    let script = "CREATE TABLE db.t (\n  id BIGINT NOT NULL PRIMARY KEY NOT ENFORCED,\n  \
        `the time` TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL,\n  \
        twice AS id * 2 COMMENT 'c',\n  \
        WATERMARK FOR `the time` AS `the time` - INTERVAL '5' SECOND\n) WITH ('path' = 'a''b')";
    let StatementKind::CreateTable(table) = statement(script) else {
        panic!()
    };
    assert_eq!(table.name.values(), ["db", "t"]);
    assert_eq!(&script[table.name.span.range()], "db.t");
    let ColumnKind::Physical { ty, ty_span } = &table.columns[0].kind else {
        panic!()
    };
    assert_eq!(*ty, FlinkType::parse("BIGINT NOT NULL").unwrap());
    assert_eq!(&script[ty_span.range()], "BIGINT NOT NULL");
    let ColumnKind::Metadata { from, virtual_, .. } = &table.columns[1].kind else {
        panic!()
    };
    assert_eq!((from.as_deref(), *virtual_), (Some("timestamp"), true));
    assert_eq!(table.columns[1].name, "the time");
    let ColumnKind::Computed { text, span, .. } = &table.columns[2].kind else {
        panic!()
    };
    assert_eq!(text, "id * 2");
    assert_eq!(&script[span.range()], text);
    assert_eq!(
        &script[table.columns[2].span.range()],
        "twice AS id * 2 COMMENT 'c'"
    );
    let watermark = table.watermark.unwrap();
    assert_eq!(&script[watermark.column_span.range()], "`the time`");
    assert_eq!(watermark.text, "`the time` - INTERVAL '5' SECOND");
    assert_eq!(table.primary_key.unwrap().columns[0].value, "id");
    let option = &table.options[0];
    assert_eq!(
        (option.key.as_str(), option.value.as_str()),
        ("path", "a'b")
    );
    assert_eq!(&script[option.value_span.range()], "'a''b'");
}

#[test]
fn hints_stay_with_their_query_and_their_table() {
    let script = "INSERT INTO s SELECT * FROM a.t /*+ OPTIONS('k' = 'v') */ AS x, u";
    let StatementKind::Insert(insert) = statement(script) else {
        panic!()
    };
    let [hint] = insert.query.hints.as_slice() else {
        panic!()
    };
    assert_eq!(hint.table.values(), ["a", "t"]);
    assert_eq!(&script[hint.span.range()], "/*+ OPTIONS('k' = 'v') */");
    assert_eq!(&script[hint.options[0].key_span.range()], "'k'");
}

#[test]
fn models_and_statement_sets() {
    let StatementKind::CreateModel(model) =
        statement("CREATE MODEL m INPUT (a DOUBLE) OUTPUT (s DOUBLE, l STRING) WITH ('p' = 'q')")
    else {
        panic!()
    };
    let names = |columns: &[ModelColumn]| {
        columns
            .iter()
            .map(|c| format!("{} {}", c.name, c.ty))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&model.inputs), ["a DOUBLE"]);
    assert_eq!(names(&model.outputs), ["s DOUBLE", "l STRING"]);

    let script = "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END;";
    let StatementKind::StatementSet(inserts) = statement(script) else {
        panic!()
    };
    let texts: Vec<&str> = inserts.iter().map(|i| &script[i.span.range()]).collect();
    assert_eq!(texts, ["INSERT INTO a SELECT 1", "INSERT INTO b SELECT 2"]);
}

#[test]
fn statements_end_at_semicolons_that_are_not_in_texts_or_comments() {
    let script = "SET 'a' = ';'; -- ; no\nSELECT `;` /* ; */ FROM t;;\n-- END\nSELECT 2";
    let parsed = parse_script(script).unwrap();
    let texts: Vec<&str> = parsed
        .statements
        .iter()
        .map(|Statement { span, .. }| &script[span.range()])
        .collect();
    assert_eq!(
        texts,
        ["SET 'a' = ';'", "SELECT `;` /* ; */ FROM t", "SELECT 2"]
    );
    assert!(
        parse_script(" -- nothing\n ;; ")
            .unwrap()
            .statements
            .is_empty()
    );
}
