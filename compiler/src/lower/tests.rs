//! Pipelines in, Flink SQL and findings out.

use std::collections::BTreeMap;

use millstream_functions::types::{FlinkType, TypeKind};

use super::naive_typer::NaiveTyper;
use super::*;
use crate::diagnostics::Diagnostic;
use crate::environment::{ModelColumn, ModelSignature, ModelTensor};

/// A world with one CSV file and three models.
struct World;

impl Environment for World {
    fn infer_schema(
        &self,
        options: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, FlinkType)>, String> {
        match options.get("path").map(String::as_str) {
            Some("orders.csv") => Ok(vec![
                ("id".into(), FlinkType::new(TypeKind::BigInt)),
                ("order".into(), FlinkType::string()),
                ("ts".into(), FlinkType::new(TypeKind::Timestamp(3))),
            ]),
            Some("empty.csv") => Ok(vec![]),
            _ => Err("no such file".into()),
        }
    }

    fn model_signature(
        &self,
        options: &BTreeMap<String, String>,
    ) -> Result<ModelSignature, String> {
        let tensor = |name: &str, kind: TypeKind, shape: &[Option<usize>]| ModelTensor {
            name: name.into(),
            element: FlinkType::new(kind),
            shape: shape.to_vec(),
        };
        match options["path"].as_str() {
            "matrix.onnx" => Ok(ModelSignature {
                inputs: vec![tensor("X", TypeKind::Float, &[None, Some(2)])],
                feature_names: vec!["amount".into(), "age".into()],
                outputs: vec![
                    tensor("output_label", TypeKind::BigInt, &[None]),
                    tensor("probabilities", TypeKind::Float, &[None, Some(2)]),
                ],
            }),
            "tensors.onnx" => Ok(ModelSignature {
                inputs: vec![
                    tensor("Amount", TypeKind::Double, &[None, Some(1)]),
                    tensor("category", FlinkType::string().kind, &[None, Some(1)]),
                ],
                feature_names: vec![],
                outputs: vec![tensor("variable", TypeKind::Float, &[None, Some(1)])],
            }),
            "wide.onnx" => Ok(ModelSignature {
                inputs: vec![tensor("X", TypeKind::Float, &[None, None])],
                feature_names: vec![],
                outputs: vec![tensor("scores", TypeKind::Float, &[None, Some(3)])],
            }),
            path => Err(format!("there is no model '{path}'")),
        }
    }

    fn check_model(
        &self,
        _options: &BTreeMap<String, String>,
        inputs: &[ModelColumn],
        _outputs: &[ModelColumn],
    ) -> Result<(), String> {
        if inputs.iter().any(|(name, _)| name == "forbidden") {
            return Err("the model does not want that".into());
        }
        Ok(())
    }
}

fn pipeline(text: &str) -> Pipeline {
    Pipeline::from_toml(&format!("version = 1\nname = \"p\"\n{text}"))
        .unwrap_or_else(|errors| panic!("{errors:#?}"))
        .pipeline
}

fn lowered(text: &str, target: Target) -> Lowered {
    lower(&pipeline(text), target, &World, &mut NaiveTyper::default())
}

/// The script without the head, for pipelines without errors.
fn script(text: &str) -> String {
    script_for(text, Target::Embedded)
}

fn script_for(text: &str, target: Target) -> String {
    let lowered = lowered(text, target);
    assert!(!lowered.has_errors(), "{:#?}", lowered.diagnostics);
    let formatted = crate::sql::format_script(&lowered.script).unwrap();
    assert_eq!(lowered.script, formatted);
    let head = "-- p\n\nSET 'pipeline.name' = 'p';\n\n";
    lowered.script.strip_prefix(head).unwrap().to_string()
}

/// The statement of node `it`, fed by `s` with columns id, card, amount, category and ts.
fn statement(it: &str) -> String {
    let script = script(&with_source(it));
    let start = script.find("CREATE TEMPORARY VIEW it AS\n").unwrap();
    let end = script[start..].find(";\n").unwrap();
    script[start..start + end].to_string()
}

fn with_source(it: &str) -> String {
    format!(
        r#"
[nodes.s]
kind = "datagen"
watermark = "ts"
[nodes.s.schema]
id = "BIGINT"
card = "INT"
amount = "DECIMAL(10, 2)"
category = "STRING"
ts = "TIMESTAMP(3)"
[nodes.it]
{it}
[edges]
e1 = {{ from = "s", to = "it" }}
"#
    )
}

/// `severity code node[/port][.parameter[:text under it]]: message (help)`.
fn found(text: &str) -> Vec<String> {
    let pipeline = pipeline(text);
    let lowered = lower(
        &pipeline,
        Target::Embedded,
        &World,
        &mut NaiveTyper::default(),
    );
    lowered
        .diagnostics
        .into_iter()
        .filter(|d| d.is_error() || d.severity == crate::diagnostics::Severity::Warning)
        .filter(|d| d.code != "pipeline/no-sink")
        .map(|d| shown(&pipeline, d))
        .collect()
}

fn shown(pipeline: &Pipeline, d: Diagnostic) -> String {
    let mut place = d.node.clone().unwrap_or_default();
    if let Some(port) = &d.port {
        place.push_str(&format!("/{port}"));
    }
    if let Some(parameter) = &d.parameter {
        place.push_str(&format!(".{parameter}"));
        if let Some(span) = d.parameter_span {
            let node = pipeline.node(d.node.as_ref().unwrap()).unwrap();
            let text = node.text_at(parameter).unwrap();
            place.push_str(&format!(":{}", &text[span.range()]));
        }
    }
    let help = d.help.map_or(String::new(), |help| format!(" ({help})"));
    format!("{} {} {place}: {}{help}", d.severity, d.code, d.message)
}

#[track_caller]
fn assert_sql(actual: &str, expected: &str) {
    assert_eq!(actual.trim_end(), expected.trim(), "\n{actual}");
}

// The whole

#[test]
fn a_pipeline_becomes_a_script() {
    let text = r#"
description = "Big orders.\n\nFor the demo."

[settings]
"parallelism.default" = "2"
"it's" = "quoted"

[nodes.orders]
kind = "file-source"
title = "Orders"
comment = "As they come in."
path = "orders.csv"
format = "csv"
watermark = "ts"
watermark-delay = "5 s"

[nodes.big]
kind = "filter"
title = "Big orders"
condition = "id > 5"

[nodes.out]
kind = "file-sink"
path = "out"
format = "json"

[nodes.shown]
kind = "print"
identifier = "big"

[edges]
e1 = { from = "orders", to = "big" }
e2 = { from = "big", to = "out" }
e3 = { from = "orders", to = "shown" }
"#;
    let lowered = lowered(text, Target::Embedded);
    assert_eq!(lowered.diagnostics, vec![]);
    assert_sql(
        &lowered.script,
        "
-- p
-- Big orders.
--
-- For the demo.

SET 'it''s' = 'quoted';
SET 'parallelism.default' = '2';
SET 'pipeline.name' = 'p';

-- Orders
-- As they come in.
CREATE TABLE orders (
  id BIGINT,
  `order` STRING,
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
  'connector' = 'filesystem',
  'path' = 'orders.csv',
  'format' = 'csv'
);

-- Big orders
CREATE TEMPORARY VIEW big AS
SELECT *
FROM orders
WHERE id > 5;

CREATE TABLE out (
  id BIGINT,
  `order` STRING,
  ts TIMESTAMP(3)
) WITH (
  'connector' = 'filesystem',
  'path' = 'out',
  'format' = 'json'
);

CREATE TABLE shown (
  id BIGINT,
  `order` STRING,
  ts TIMESTAMP(3)
) WITH (
  'connector' = 'print',
  'print-identifier' = 'big'
);

EXECUTE STATEMENT SET
BEGIN
  INSERT INTO out
  SELECT *
  FROM big;

  INSERT INTO shown
  SELECT *
  FROM orders;
END;
"
        .replace("TABLE out", "TABLE `out`")
        .replace("INTO out", "INTO `out`")
        .as_str(),
    );
    assert_eq!(lowered.columns["big"].len(), 3);
    assert!(!lowered.columns.contains_key("out"));
    let names: Vec<&str> = lowered
        .map
        .statements()
        .map(|(_, node)| node.as_str())
        .collect();
    assert_eq!(names, ["orders", "big", "out", "shown", "out", "shown"]);
    for (span, _) in lowered.map.statements() {
        let text = &lowered.script[span.range()];
        assert!(text.ends_with(';') && !text.starts_with('\n'), "{text}");
    }
}

#[test]
fn the_same_pipeline_gives_the_same_script() {
    let text = with_source("kind = \"filter\"\ncondition = \"id > 1\"");
    let first = lowered(&text, Target::Embedded);
    // Loaded from what it was saved as, too.
    let saved = pipeline(&text).to_toml();
    let again = lower(
        &Pipeline::from_toml(&saved).unwrap().pipeline,
        Target::Embedded,
        &World,
        &mut NaiveTyper::default(),
    );
    assert_eq!(first.script, again.script);
    assert_eq!(first.map, again.map);
    assert_eq!(first.script, lowered(&text, Target::Flink).script);
}

#[test]
fn comments_cannot_become_statements() {
    let text = "[nodes.s]\nkind = \"datagen\"\nschema = { a = \"INT\" }\ntitle = \"x\\rDROP TABLE y;\"\ncomment = \"\\r\\n/* -- \\u2028\"\n";
    let sql = script(text);
    assert!(sql.starts_with("-- x\n-- DROP TABLE y;\n-- /* --"), "{sql}");
}

#[test]
fn what_is_wrong_with_one_node_does_not_hide_the_others() {
    let text = r#"
[nodes.s]
kind = "datagen"
[nodes.s.schema]
a = "INT"
[nodes.bad]
kind = "filter"
condition = "b > 1"
[nodes.after_bad]
kind = "filter"
condition = "a > 1"
[nodes.good]
kind = "filter"
condition = "a > 2"
[nodes.p]
kind = "print"
[nodes.q]
kind = "print"
[edges]
e1 = { from = "s", to = "bad" }
e2 = { from = "bad", to = "after_bad" }
e3 = { from = "after_bad", to = "p" }
e4 = { from = "s", to = "good" }
e5 = { from = "good", to = "q" }
"#;
    assert_eq!(
        found(text),
        ["error column/unknown bad.condition:b: 's' has no column 'b' (did you mean 'a'?)"]
    );
    let script = lowered(text, Target::Embedded).script;
    assert!(
        script.contains("INSERT INTO q\n  SELECT *\n  FROM good;"),
        "{script}"
    );
    assert!(!script.contains("after_bad"), "{script}");
}

// Sources

#[test]
fn a_file_source_with_columns_of_all_sorts() {
    let sql = script(
        r#"
[nodes.s]
kind = "file-source"
path = "data/*.csv"
format = "csv"
watermark = "event_time"
[nodes.s.schema]
day = "date"
amount = "decimal(10,2) not null"
file = "STRING METADATA FROM 'file.path' VIRTUAL"
size = "BIGINT METADATA"
event_time = "AS CAST(`day` AS TIMESTAMP(3))"
[nodes.s.options]
"csv.field-delimiter" = ";"
"csv.ignore-parse-errors" = true
"#,
    );
    assert_sql(
        &sql,
        "
CREATE TABLE s (
  `day` DATE,
  amount DECIMAL(10, 2) NOT NULL,
  file STRING METADATA FROM 'file.path' VIRTUAL,
  size BIGINT METADATA,
  event_time AS CAST(`day` AS TIMESTAMP(3)),
  WATERMARK FOR event_time AS event_time
) WITH (
  'connector' = 'filesystem',
  'path' = 'data/*.csv',
  'format' = 'csv',
  'csv.field-delimiter' = ';',
  'csv.ignore-parse-errors' = 'true'
);
",
    );
}

#[test]
fn a_glob_becomes_a_pattern_for_flink() {
    let text = "[nodes.s]\nkind = \"file-source\"\npath = \"data/o-*.csv\"\nformat = \"csv\"\nschema = { a = \"INT\" }\n";
    let sql = script_for(text, Target::Flink);
    assert!(
        sql.contains("  'path' = 'data',\n  'source.path.regex-pattern' = '.*/o-[^/]*\\.csv',\n"),
        "{sql}"
    );
    let notes = lowered(text, Target::Flink).diagnostics;
    assert!(
        notes
            .iter()
            .any(|d| d.code == "target/glob" && !d.is_error())
    );
}

#[test]
fn wrong_sources_say_what_is_wrong() {
    let source = |rest: &str| {
        found(&format!(
            "[nodes.s]\nkind = \"file-source\"\nformat = \"csv\"\n{rest}"
        ))
    };
    assert_eq!(
        source("path = \"gone.csv\""),
        [
            "error source/schema s.path: no such file (check the path, or give the columns as 'schema')"
        ]
    );
    assert_eq!(
        source("path = \"empty.csv\""),
        [
            "error source/no-columns s.path: no columns can be found in 'empty.csv' (give the columns as 'schema')"
        ]
    );
    assert_eq!(
        source("path = \"orders.csv\"\nwatermark = \"tss\""),
        ["error column/unknown s.watermark:tss: there is no column 'tss' (did you mean 'ts'?)"]
    );
    assert_eq!(
        source("path = \"orders.csv\"\nwatermark = \"order\""),
        [
            "error column/no-time s.watermark:order: the event time must be TIMESTAMP(3) or TIMESTAMP_LTZ(3), but 'order' is STRING (add a column to the schema, such as event_time = \"AS TO_TIMESTAMP(`order`)\", and use that)"
        ]
    );
    assert_eq!(
        source("path = \"x\"\nschema = { ts = \"TIMESTAMP(6)\" }\nwatermark = \"ts\""),
        [
            "error column/no-time s.watermark:ts: the event time must be TIMESTAMP(3) or TIMESTAMP_LTZ(3), but 'ts' is TIMESTAMP(6) (declare 'ts' as TIMESTAMP(3))"
        ]
    );
    assert_eq!(
        source("path = \"orders.csv\"\nwatermark-delay = \"1 s\""),
        [
            "warning parameter/ignored s.watermark-delay: 'watermark-delay' does nothing without 'watermark' (set 'watermark' to the column of the event time)"
        ]
    );
    assert_eq!(
        source("path = \"orders.csv\"\noptions = { format = \"json\" }"),
        [
            "error parameter/value s.options.format: 'format' is set by another parameter of the node (remove it from the options)"
        ]
    );
}

#[test]
fn a_wrong_type_is_marked_where_it_is_wrong() {
    let schema = |ty: &str| {
        let found = found(&format!(
            "[nodes.s]\nkind = \"datagen\"\nschema = {{ a = \"{ty}\" }}\n"
        ));
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].split(": ").next().unwrap().to_string()
    };
    assert_eq!(schema("INTT"), "error column/type s.schema.a:INTT");
    assert_eq!(
        schema(" DECIMAL(99, 2)"),
        "error column/type s.schema.a:99, 2)"
    );
    assert_eq!(
        schema("INT, b INT"),
        "error column/definition s.schema.a:, b INT"
    );
    assert_eq!(
        schema("INT PRIMARY KEY"),
        "error column/definition s.schema.a:PRIMARY KEY"
    );
    assert_eq!(schema("AS a, b"), "error sql/expression s.schema.a:,");
    assert_eq!(schema("AS  (b"), "error sql/expression s.schema.a:(");
    for rest in [
        "METADATA FROM 'a', b INT",
        "METADATA FROM",
        "METADATA 'a'",
        "METADATA VIRTUAL x",
    ] {
        assert_eq!(
            schema(&format!("INT {rest}")),
            format!("error column/definition s.schema.a:{rest}")
        );
    }
}

#[test]
fn datagen() {
    let sql = script(
        r#"
[nodes.s]
kind = "datagen"
rows-per-second = 100
number-of-rows = 1000
watermark = "ts"
[nodes.s.schema]
id = "BIGINT"
price = "DOUBLE"
ts = "TIMESTAMP(3)"
[nodes.s.fields]
"id.kind" = "sequence"
"id.start" = 1
"price.min" = 0.5
"#,
    );
    assert_sql(
        &sql,
        "
CREATE TABLE s (
  id BIGINT,
  price DOUBLE,
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts
) WITH (
  'connector' = 'datagen',
  'rows-per-second' = '100',
  'number-of-rows' = '1000',
  'fields.id.kind' = 'sequence',
  'fields.id.start' = '1',
  'fields.price.min' = '0.5'
);
",
    );
    assert_eq!(
        found(
            "[nodes.s]\nkind = \"datagen\"\nschema = { id = \"INT\" }\nfields = { \"idd.kind\" = \"random\" }\n"
        ),
        [
            "error column/unknown s.fields.idd.kind: there is no column 'idd' to make (did you mean 'id'?)"
        ]
    );
}

#[test]
fn the_generator_differs_by_target() {
    let text = r#"
[nodes.cards]
kind = "generator"
generator = "card-transactions"
cards = 500
fraud-rate = 0.01
seed = 7
start-time = 2024-01-01T00:00:00
"#;
    assert_sql(
        &script(text),
        "
CREATE TABLE cards (
  transaction_id BIGINT,
  card_id BIGINT,
  ts TIMESTAMP(3),
  amount DECIMAL(10, 2),
  merchant_id INT,
  category STRING,
  country STRING,
  is_fraud BOOLEAN,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
  'connector' = 'card-transactions',
  'seed' = '7',
  'cards' = '500',
  'fraud-rate' = '0.01',
  'start-time' = '2024-01-01 00:00:00'
);
",
    );
    let flink = script_for(text, Target::Flink);
    assert!(
        flink.ends_with(
            "WITH (\n  'connector' = 'filesystem',\n  'path' = 'data/cards',\n  'format' = 'csv'\n);\n"
        ),
        "{flink}"
    );
    let note = lowered(text, Target::Flink)
        .diagnostics
        .into_iter()
        .find(|d| d.code == "target/generator")
        .unwrap();
    assert_eq!(
        note.help.as_deref(),
        Some("`millstream generate` writes these files, with the same rows")
    );
}

// Features

#[test]
fn select_keeps_orders_and_renames() {
    assert_sql(
        &statement(
            "kind = \"select\"\ncolumns = [\"ts\", \"id\", \"amount\"]\nrename = { id = \"order\", amount = \"id\" }",
        ),
        "
CREATE TEMPORARY VIEW it AS
SELECT ts, id AS `order`, amount AS id
FROM s
",
    );
    assert_sql(
        &statement("kind = \"select\"\nrename = { card = \"card_id\" }"),
        "
CREATE TEMPORARY VIEW it AS
SELECT id, card AS card_id, amount, category, ts
FROM s
",
    );
}

#[test]
fn a_wrong_selection_is_named() {
    let select = |rest: &str| found(&with_source(&format!("kind = \"select\"\n{rest}")));
    assert_eq!(
        select("columns = [\"id\", \"amuont\", \"x\"]"),
        [
            "error column/unknown it/input.columns[1]:amuont: 's' has no column 'amuont' (did you mean 'amount'?)",
            "error column/unknown it/input.columns[2]:x: 's' has no column 'x' (it has: id, card, amount, category, ts)"
        ]
    );
    assert_eq!(
        select("columns = []"),
        [
            "error parameter/value it.columns: no column would go on (name at least one, or remove 'columns' to keep all)"
        ]
    );
    assert_eq!(
        select("columns = [\"id\"]\nrename = { card = \"c\" }"),
        [
            "error column/unknown it.rename.card: 'card' is renamed but not among the columns that go on (add it to 'columns', or remove its new name)"
        ]
    );
    assert_eq!(
        select("rename = { cart = \"c\" }"),
        [
            "error column/unknown it/input.rename.cart: 's' has no column 'cart' (did you mean 'card'?)"
        ]
    );
    assert_eq!(
        select("rename = { card = \"id\" }"),
        [
            "error column/exists it.rename.card:id: two columns would be called 'id' (give one of them another name)"
        ]
    );
}

#[test]
fn derive_adds_columns() {
    assert_sql(
        &statement(
            "kind = \"derive\"\n[nodes.it.columns]\ndouble_amount = \"amount * 2\"\nday = \" DATE_FORMAT(ts, 'yyyy-MM-dd')\"",
        ),
        "
CREATE TEMPORARY VIEW it AS
SELECT *, amount * 2 AS double_amount, DATE_FORMAT(ts, 'yyyy-MM-dd') AS `day`
FROM s
",
    );
}

#[test]
fn derive_replaces_in_place() {
    assert_sql(
        &statement(
            "kind = \"derive\"\n[nodes.it.columns]\nbig = \"amount > 100\"\namount = \"CAST(amount AS DOUBLE)\"",
        ),
        "
CREATE TEMPORARY VIEW it AS
SELECT id, card, CAST(amount AS DOUBLE) AS amount, category, ts, amount > 100 AS big
FROM s
",
    );
}

#[test]
fn a_wrong_expression_is_marked_at_its_character() {
    let derive = |expression: &str| {
        let found = found(&with_source(&format!(
            "kind = \"derive\"\n[nodes.it.columns]\nfine = \"id + 1\"\nx = \"{expression}\""
        )));
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    };
    assert_eq!(
        derive("amount * amuont"),
        "error column/unknown it.columns.x:amuont: 's' has no column 'amuont' (did you mean 'amount'?)"
    );
    assert_eq!(
        derive("amount AS y"),
        "error sql/expression it.columns.x:AS: an expression has no AS here (the new column's name stands before the `=`)"
    );
    assert_eq!(
        derive("1; DROP TABLE s"),
        "error sql/expression it.columns.x:;: a semicolon ends a statement (remove it; one statement stands here)"
    );
    assert!(
        derive("amount +").starts_with("error sql/syntax it.columns.x:"),
        "{}",
        derive("amount +")
    );
}

#[test]
fn filter() {
    assert_sql(
        &statement("kind = \"filter\"\ncondition = \"amount > 5 OR category = 'x'\""),
        "
CREATE TEMPORARY VIEW it AS
SELECT *
FROM s
WHERE amount > 5 OR category = 'x'
",
    );
}

#[test]
fn union_matches_columns_by_name() {
    let union = |left: &str, right: &str| {
        format!(
            "[nodes]\na = {{ kind = \"datagen\", schema = {{ {left} }} }}\nb = {{ kind = \"datagen\", schema = {{ {right} }} }}\nu = {{ kind = \"union\" }}\n[edges]\ne1 = {{ from = \"a\", to = \"u\" }}\ne2 = {{ from = \"b\", to = \"u\" }}\n"
        )
    };
    let view = |text: &str| {
        let script = script(text);
        script[script.find("CREATE TEMPORARY").unwrap()..].to_string()
    };
    assert_sql(
        &view(&union(
            "x = \"INT\", y = \"INT\"",
            "x = \"INT\", y = \"INT\"",
        )),
        "
CREATE TEMPORARY VIEW u AS
SELECT *
FROM a
UNION ALL
SELECT *
FROM b;
",
    );
    assert_sql(
        &view(&union(
            "x = \"INT\", y = \"INT\"",
            "y = \"INT\", x = \"INT\"",
        )),
        "
CREATE TEMPORARY VIEW u AS
SELECT *
FROM a
UNION ALL
SELECT x, y
FROM b;
",
    );
    assert_eq!(
        found(&union(
            "x = \"INT\", amount = \"INT\"",
            "x = \"INT\", amonut = \"INT\""
        )),
        [
            "error union/columns u/input: 'b' has no column 'amount', but 'a' has (did you mean 'amonut'? Rename it in a select node before the union)",
            "error union/columns u/input: 'a' has no column 'amonut', but 'b' has (did you mean 'amount'? Rename it in a select node before the union)"
        ]
    );
}

#[test]
fn deduplicate() {
    assert_sql(
        &statement("kind = \"deduplicate\"\nkeys = [\"card\", \"category\"]\norder = \"ts\""),
        "
CREATE TEMPORARY VIEW it AS
SELECT id, card, amount, category, ts
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY card, category ORDER BY ts ASC) AS row_num
  FROM s
)
WHERE row_num = 1
",
    );
    let last =
        statement("kind = \"deduplicate\"\nkeys = [\"id\"]\norder = \"ts\"\nkeep = \"last\"");
    assert!(last.contains("ORDER BY ts DESC"), "{last}");
    assert_eq!(
        found(&with_source(
            "kind = \"deduplicate\"\nkeys = [\"id\"]\norder = \"amount\""
        )),
        [
            "error column/no-time it/input.order:amount: 'amount' of 's' is DECIMAL(10, 2), but no time that a watermark speaks about (use ts)"
        ]
    );
    assert_eq!(
        found(&with_source(
            "kind = \"deduplicate\"\nkeys = []\norder = \"ts\""
        )),
        [
            "error parameter/value it.keys: 'keys' is empty (name the columns that make rows duplicates of each other)"
        ]
    );
}

#[test]
fn windows() {
    assert_sql(
        &statement(
            "kind = \"window\"\ntime = \"ts\"\nsize = \"1 day\"\nkeys = [\"card\"]\naggregates = { n = \"COUNT(*)\", total = \"SUM(amount)\" }",
        ),
        "
CREATE TEMPORARY VIEW it AS
SELECT window_start, window_end, window_time, card, COUNT(*) AS n, SUM(amount) AS total
FROM TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '1' DAY)
GROUP BY window_start, window_end, window_time, card
",
    );
    let hop = statement(
        "kind = \"window\"\nwindow = \"hop\"\ntime = \"ts\"\nsize = \"10 min\"\nslide = \"1 min\"\naggregates = { n = \"COUNT(*)\" }",
    );
    assert!(
        hop.contains(
            "FROM HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '10' MINUTE)\nGROUP BY window_start, window_end, window_time"
        ),
        "{hop}"
    );
    let cumulate = statement(
        "kind = \"window\"\nwindow = \"cumulate\"\ntime = \"ts\"\nsize = \"1 day\"\nstep = \"1 h\"\noffset = \"8 h\"\naggregates = { n = \"COUNT(*)\" }",
    );
    assert!(
        cumulate.contains(
            "FROM CUMULATE(\n  TABLE s,\n  DESCRIPTOR(ts),\n  INTERVAL '1' HOUR,\n  INTERVAL '1' DAY,\n  INTERVAL '8' HOUR\n)"
        ),
        "{cumulate}"
    );
}

#[test]
fn wrong_windows_say_what_is_wrong() {
    let window = |rest: &str| {
        found(&with_source(&format!(
            "kind = \"window\"\ntime = \"ts\"\n{rest}\naggregates = {{ n = \"COUNT(*)\" }}"
        )))
    };
    assert_eq!(
        window("window = \"hop\"\nsize = \"10 min\""),
        [
            "error parameter/missing it.slide: 'slide' is not set; a hop window needs it (set it to a part of the size, such as a tenth)"
        ]
    );
    assert_eq!(
        window("window = \"hop\"\nsize = \"10 min\"\nslide = \"3 min\""),
        ["error parameter/value it.slide: the size must be a multiple of 'slide'"]
    );
    assert_eq!(
        window("size = \"0 s\""),
        ["error parameter/value it.size: 'size' must be longer than nothing"]
    );
    assert_eq!(
        window("size = \"1 h\"\nstep = \"1 min\""),
        [
            "warning parameter/ignored it.step: 'step' does nothing in a tumble window (remove it, or choose another window)"
        ]
    );
    assert_eq!(
        window("size = \"1 h\"\nkeys = [\"cards\"]"),
        [
            "error column/unknown it/input.keys[0]:cards: 's' has no column 'cards' (did you mean 'card'?)"
        ]
    );
    let aggregates = |call: &str| {
        found(&with_source(&format!(
            "kind = \"window\"\ntime = \"ts\"\nsize = \"1 h\"\nkeys = [\"card\"]\naggregates = {{ {call} }}"
        )))
    };
    assert_eq!(
        aggregates("x = \"SUM(amount) / COUNT(*)\""),
        [
            "error sql/expression it.aggregates.x:/: this is no single call of an aggregate function (write for example SUM(amount); calculate with the results in a derive node after it)"
        ]
    );
    assert_eq!(
        aggregates("card = \"COUNT(*)\", window_end = \"COUNT(*)\""),
        [
            "error column/exists it.aggregates.card: there is a column 'card' already (choose another name)",
            "error column/exists it.aggregates.window_end: there is a column 'window_end' already (choose another name)"
        ]
    );
}

#[test]
fn a_window_over_a_window_needs_other_names() {
    let text = r#"
[nodes.s]
kind = "datagen"
watermark = "ts"
schema = { ts = "TIMESTAMP(3)" }
[nodes.w]
kind = "window"
time = "ts"
size = "1 min"
aggregates = { n = "COUNT(*)" }
[nodes.v]
kind = "window"
time = "window_time"
size = "1 h"
aggregates = { most = "MAX(n)" }
[edges]
e1 = { from = "s", to = "w" }
e2 = { from = "w", to = "v" }
"#;
    assert_eq!(
        found(text),
        [
            "error column/exists v/input: 'w' has a column 'window_start' already, and this window adds one (put a select node before this one that renames or drops it)"
        ]
    );
}

#[test]
fn rolling_aggregates() {
    assert_sql(
        &statement(
            "kind = \"rolling\"\norder = \"ts\"\npartition = [\"card\"]\nrange = \"10 min\"\naggregates = { n = \"COUNT(*)\", total = \"SUM(amount)\" }",
        ),
        "
CREATE TEMPORARY VIEW it AS
SELECT *, COUNT(*) OVER w AS n, SUM(amount) OVER w AS total
FROM s
WINDOW
  w AS (
    PARTITION BY card
    ORDER BY ts
    RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW
  )
",
    );
    let rows = statement(
        "kind = \"rolling\"\norder = \"ts\"\nrows = 9\naggregates = { n = \"COUNT(*)\" }",
    );
    assert!(
        rows.ends_with("WINDOW w AS (ORDER BY ts ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)"),
        "{rows}"
    );
    assert_sql(
        &statement(
            "kind = \"rolling\"\norder = \"ts\"\npartition = [\"card\"]\naggregates = { previous_ts = \"LAG(ts)\" }",
        ),
        "
CREATE TEMPORARY VIEW it AS
SELECT *, LAG(ts) OVER w AS previous_ts
FROM s
WINDOW w AS (PARTITION BY card ORDER BY ts)
",
    );
}

#[test]
fn wrong_rolling_aggregates_say_what_is_wrong() {
    let rolling = |rest: &str| {
        found(&with_source(&format!(
            "kind = \"rolling\"\norder = \"ts\"\n{rest}"
        )))
    };
    assert_eq!(
        rolling("range = \"1 h\"\nrows = 3\naggregates = { n = \"COUNT(*)\" }"),
        [
            "error parameter/value it.rows: 'range' and 'rows' are both set; rows count by time or by number (remove one of them)"
        ]
    );
    assert_eq!(
        rolling("range = \"1 h\"\naggregates = { n = \"COUNT(*)\", p = \"LAG(ts)\" }"),
        [
            "error rolling/frame it.aggregates.p: LAG looks at all rows before, so it takes neither range nor rows (move it to a rolling node of its own, without range and rows)"
        ]
    );
    assert_eq!(
        rolling("aggregates = { amount = \"COUNT(*)\" }"),
        [
            "error column/exists it.aggregates.amount: 's' has a column 'amount' already (choose another name)"
        ]
    );
    assert_eq!(
        rolling("aggregates = { n = \"COUNT(amuont)\" }"),
        [
            "error column/unknown it.aggregates.n:amuont: 's' has no column 'amuont' (did you mean 'amount'?)"
        ]
    );
}

// Models

#[test]
fn a_model_gets_the_types_it_wants() {
    let sql = script(&with_source(
        "kind = \"model\"\npath = \"matrix.onnx\"\ninputs = { amount = \"amount\", age = \"card\" }\noutputs = { score = \"float\" }",
    ));
    let start = sql.find("CREATE MODEL").unwrap();
    assert_sql(
        &sql[start..],
        "
CREATE MODEL it__model INPUT (
  amount FLOAT,
  age FLOAT
) OUTPUT (
  score FLOAT
) WITH (
  'provider' = 'onnx',
  'path' = 'matrix.onnx'
);

CREATE TEMPORARY VIEW it__input AS
SELECT *, CAST(amount AS FLOAT) AS it__amount, CAST(card AS FLOAT) AS it__age
FROM s;

CREATE TEMPORARY VIEW it AS
SELECT id, card, amount, category, ts, score
FROM ML_PREDICT(TABLE it__input, MODEL it__model, DESCRIPTOR(it__amount, it__age));
",
    );
}

#[test]
fn a_model_of_the_right_types_needs_no_casts() {
    let text = r#"
[nodes.s]
kind = "datagen"
schema = { amount = "DOUBLE", category = "STRING" }
[nodes.it]
kind = "model"
path = "tensors.onnx"
inputs = ["category", "amount"]
[edges]
e1 = { from = "s", to = "it" }
"#;
    let sql = script(text);
    let start = sql.find("CREATE MODEL").unwrap();
    assert_sql(
        &sql[start..],
        "
CREATE MODEL it__model INPUT (
  category STRING,
  amount DOUBLE
) OUTPUT (
  variable FLOAT
) WITH (
  'provider' = 'onnx',
  'path' = 'tensors.onnx'
);

CREATE TEMPORARY VIEW it AS
SELECT amount, category, variable
FROM ML_PREDICT(TABLE s, MODEL it__model, DESCRIPTOR(category, amount));
",
    );
}

#[test]
fn wrong_models_say_what_is_wrong() {
    let model = |rest: &str| found(&with_source(&format!("kind = \"model\"\n{rest}")));
    assert_eq!(
        model("path = \"gone.onnx\"\ninputs = [\"amount\"]"),
        ["error model/unreadable it.path:gone.onnx: there is no model 'gone.onnx'"]
    );
    assert_eq!(
        model("path = \"matrix.onnx\"\ninputs = [\"amount\"]"),
        [
            "error model/binding it.inputs: the model takes 2 features, but 1 are given (its features are: amount, age)"
        ]
    );
    assert_eq!(
        model(
            "path = \"matrix.onnx\"\ninputs = [\"amount\", \"category\"]\noutputs = { s = \"FLOAT\" }"
        ),
        [
            "error model/type it.inputs[1]:category: 'category' is STRING, which is no value for an input of type FLOAT (make a column of that type in a derive node before this one)"
        ]
    );
    assert_eq!(
        model(
            "path = \"matrix.onnx\"\ninputs = { a = \"amount\", b = \"cards\" }\noutputs = { s = \"FLOAT\" }"
        ),
        [
            "error column/unknown it/input.inputs.b:cards: 's' has no column 'cards' (did you mean 'card'?)"
        ]
    );
    assert_eq!(
        model("path = \"tensors.onnx\"\ninputs = { amount = \"amount\", catgory = \"category\" }"),
        [
            "error model/binding it.inputs.catgory: the model has no input 'catgory' (did you mean 'category'?)"
        ]
    );
    assert_eq!(
        model("path = \"tensors.onnx\"\ninputs = [\"amount\"]"),
        [
            "error model/binding it.inputs: the model has 2 inputs, but 1 are given (its inputs are: Amount, category)"
        ]
    );
    assert_eq!(
        model("path = \"wide.onnx\"\ninputs = [\"amount\"]"),
        [
            "error model/binding it.outputs: the model gives no single value a row, so its outputs must be named (it gives: scores; write for example outputs = { score = \"FLOAT\" })"
        ]
    );
    assert_eq!(
        model("path = \"wide.onnx\"\ninputs = [\"amount\"]\noutputs = { id = \"FLOAT\" }"),
        ["error column/exists it.outputs.id: 's' has a column 'id' already (choose another name)"]
    );
    assert_eq!(
        model(
            "path = \"wide.onnx\"\ninputs = { forbidden = \"amount\" }\noutputs = { x = \"FLOAT\" }"
        ),
        ["error model/binding it.inputs: the model does not want that"]
    );
    let bad_type = model("path = \"wide.onnx\"\ninputs = [\"amount\"]\noutputs = { x = \"FLOT\" }");
    assert!(
        bad_type[0].starts_with("error column/type it.outputs.x:FLOT: "),
        "{bad_type:?}"
    );
}

// SQL nodes

fn sql_node(query: &str, edges: &str) -> String {
    format!(
        "[nodes]\na = {{ kind = \"datagen\", schema = {{ x = \"INT\" }} }}\nb = {{ kind = \"datagen\", schema = {{ y = \"INT\" }} }}\n[nodes.it]\nkind = \"sql\"\nquery = '''\n{query}'''\n[edges]\n{edges}\n"
    )
}

const A_AND_B: &str = "e1 = { from = \"a\", to = \"it\" }\ne2 = { from = \"b\", to = \"it\" }";

#[test]
fn a_query_stands_in_its_view() {
    let sql = script(&sql_node(
        "select x, y from a join b /* on */ on a.x = b.y\n;\n-- done\n",
        A_AND_B,
    ));
    assert!(
        sql.ends_with(
            "CREATE TEMPORARY VIEW it AS\nSELECT x, y\nFROM a\nJOIN b /* on */ ON a.x = b.y;\n"
        ),
        "{sql}"
    );
}

#[test]
fn a_port_with_a_name_of_its_own_is_a_common_table() {
    let edges = "e1 = { from = \"a\", to = \"it.left_side\" }\ne2 = { from = \"b\", to = \"it\" }";
    let sql = script(&sql_node("SELECT x, y\nFROM left_side, b", edges));
    assert!(
        sql.ends_with(
            "CREATE TEMPORARY VIEW it AS\nWITH left_side AS (\n  SELECT *\n  FROM a\n)\nSELECT x, y\nFROM left_side, b;\n"
        ),
        "{sql}"
    );
    let with = script(&sql_node(
        "WITH z AS (SELECT * FROM b)\nSELECT x, y FROM left_side, z",
        edges,
    ));
    assert!(
        with.ends_with(
            "AS\nWITH left_side AS (\n  SELECT *\n  FROM a\n),\nz AS (\n  SELECT *\n  FROM b\n)\nSELECT x, y\nFROM left_side, z;\n"
        ),
        "{with}"
    );
    let plain = script(&sql_node(
        "WITH z AS (SELECT * FROM b)\nSELECT y FROM z",
        A_AND_B,
    ));
    assert!(
        plain.ends_with("AS\nWITH z AS (\n  SELECT *\n  FROM b\n)\nSELECT y\nFROM z;\n"),
        "{plain}"
    );
}

#[test]
fn a_query_reads_its_inputs_only() {
    assert_eq!(
        found(&sql_node(
            "SELECT * FROM a, other",
            "e1 = { from = \"a\", to = \"it\" }"
        )),
        [
            "error sql/no-input it.query:other: the query reads 'other', which is no input of this node (connect 'other' to this node; its inputs are: a)"
        ]
    );
    assert_eq!(
        found(&sql_node(
            "SELECT * FROM TUMBLE(TABLE b, DESCRIPTOR(y), INTERVAL '1' DAY)",
            "e1 = { from = \"a\", to = \"it\" }"
        ))[0]
            .split(" (")
            .next()
            .unwrap(),
        "error sql/no-input it.query:b: the query reads 'b', which is no input of this node"
    );
    assert_eq!(
        found(&sql_node(
            "SELECT * FROM a WHERE x IN (SELECT q FROM other.b)",
            "e1 = { from = \"a\", to = \"it\" }"
        ))[0]
            .split(" (")
            .next()
            .unwrap(),
        "error sql/no-input it.query:other: the query reads 'other.b', which is no input of this node"
    );
}

#[test]
fn a_wrong_query_is_marked_at_its_character() {
    for (query, expected) in [
        ("SELECT z FROM a, b", "error sql/unknown-column it.query:z"),
        ("SELECT x FORM a", "error sql/syntax it.query:a"),
        (
            "INSERT INTO a SELECT 1",
            "error sql/expression it.query:INSERT",
        ),
        (
            "SELECT x FROM a; SELECT y FROM b",
            "error sql/expression it.query:;",
        ),
    ] {
        let found = found(&sql_node(query, A_AND_B));
        assert!(found[0].starts_with(expected), "{query}: {found:?}");
        assert_eq!(found.len(), 1, "{query}: {found:?}");
    }
}

// Muted nodes and sinks

#[test]
fn a_muted_node_passes_its_input_on() {
    assert_sql(
        &statement("kind = \"filter\"\nmuted = true\ncondition = \"amount > 5\""),
        "CREATE TEMPORARY VIEW it AS\nSELECT *\nFROM s",
    );
}

#[test]
fn a_muted_sink_is_left_out() {
    let sql = script(&with_source("kind = \"print\"\nmuted = true"));
    assert!(!sql.contains("it") || !sql.contains("INSERT"), "{sql}");
    assert!(sql.ends_with(");\n"), "{sql}");
}

#[test]
fn only_one_event_time_goes_into_a_sink() {
    let text = r#"
[nodes.s]
kind = "datagen"
watermark = "ts"
schema = { id = "INT NOT NULL", ts = "TIMESTAMP(3)" }
[nodes.twice]
kind = "sql"
query = "SELECT id, ts, ts AS ts_2 FROM s"
[nodes.p]
kind = "print"
[edges]
e1 = { from = "s", to = "twice" }
e2 = { from = "twice", to = "p" }
"#;
    let sql = script(text);
    assert!(
        sql.contains(
            "  INSERT INTO p\n  SELECT id, ts, CAST(ts_2 AS TIMESTAMP(3)) AS ts_2\n  FROM twice;"
        ),
        "{sql}"
    );
    assert!(sql.contains("CREATE TABLE p (\n  id INT,\n"), "{sql}");
}

// The samples

#[test]
fn the_example_of_the_documentation_lowers() {
    let source = include_str!("../document/mod.rs");
    let text: String = source
        .lines()
        .skip_while(|line| *line != "//! ```toml")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| format!("{}\n", line.strip_prefix("//!").unwrap().trim_start()))
        .collect::<String>()
        .replace("\"fraud.onnx\"", "\"wide.onnx\"");
    let pipeline = Pipeline::from_toml(&text).unwrap().pipeline;
    let lowered = lower(
        &pipeline,
        Target::Embedded,
        &World,
        &mut NaiveTyper::default(),
    );
    assert_eq!(lowered.diagnostics, vec![]);
    for target in [Target::Embedded, Target::Flink] {
        let script = lower(&pipeline, target, &World, &mut NaiveTyper::default()).script;
        assert!(crate::sql::parse_script(&script).is_ok(), "{script}");
    }
}
