//! Lowering with the planner behind it: what it finds is attributed to nodes and characters.

use super::*;
use crate::diagnostics::{Diagnostic, Severity};
use crate::environment::NoEnvironment;

/// Findings about node `it`, fed by `s` (id, card, amount, category, ts) and feeding a file sink:
/// `severity code node.parameter:text`.
fn found(it: &str) -> Vec<String> {
    let text = format!(
        r#"
version = 1
name = "p"
[nodes.s]
kind = "datagen"
watermark = "ts"
watermark-delay = "1 s"
[nodes.s.schema]
id = "BIGINT"
card = "INT"
amount = "DECIMAL(10, 2)"
category = "STRING"
ts = "TIMESTAMP(3)"
[nodes.it]
{it}
[nodes.out]
kind = "file-sink"
path = "out"
format = "csv"
[edges]
e1 = {{ from = "s", to = "it" }}
e2 = {{ from = "it", to = "out" }}
"#
    );
    let pipeline = Pipeline::from_toml(&text).unwrap().pipeline;
    let lowered = compile(&pipeline, Target::Embedded, &NoEnvironment);
    lowered
        .diagnostics
        .iter()
        .filter(|d| d.severity != Severity::Info)
        .map(|d| shown(&pipeline, d))
        .collect()
}

fn shown(pipeline: &Pipeline, d: &Diagnostic) -> String {
    let mut out = format!("{} {}", d.severity, d.node.as_deref().unwrap_or("-"));
    if let Some(parameter) = &d.parameter {
        out.push_str(&format!(".{parameter}"));
        if let Some(span) = d.parameter_span {
            let node = d.node.as_ref().and_then(|id| pipeline.node(id)).unwrap();
            out.push_str(&format!(
                ":{}",
                &node.text_at(parameter).unwrap()[span.range()]
            ));
        }
    }
    out
}

#[test]
fn kinds_without_models_bind() {
    for it in [
        "kind = \"select\"\ncolumns = [\"ts\", \"id\"]\nrename = { id = \"order\" }",
        "kind = \"derive\"\ncolumns = { a = \"amount * 2\", amount = \"CAST(amount AS DOUBLE)\" }",
        "kind = \"filter\"\ncondition = \"amount > 5 AND category <> 'x'\"",
        "kind = \"union\"",
        "kind = \"deduplicate\"\nkeys = [\"card\"]\norder = \"ts\"",
        "kind = \"window\"\ntime = \"ts\"\nsize = \"1 h\"\nkeys = [\"card\"]\naggregates = { n = \"COUNT(*)\", a = \"AVG(amount)\" }",
        "kind = \"window\"\nwindow = \"hop\"\ntime = \"ts\"\nsize = \"1 h\"\nslide = \"10 min\"\naggregates = { n = \"COUNT(*)\" }",
        "kind = \"window\"\nwindow = \"cumulate\"\ntime = \"ts\"\nsize = \"1 day\"\nstep = \"100 min\"\noffset = \"8 h\"\naggregates = { n = \"MAX(amount)\" }"
            .replace("100 min", "90 min").as_str(),
        "kind = \"rolling\"\norder = \"ts\"\npartition = [\"card\"]\nrange = \"10 min\"\naggregates = { n = \"COUNT(*)\", s = \"SUM(amount)\" }",
        "kind = \"rolling\"\norder = \"ts\"\nrows = 5\naggregates = { m = \"MIN(amount)\" }",
        "kind = \"rolling\"\norder = \"ts\"\npartition = [\"card\"]\naggregates = { p = \"LAG(ts)\" }",
        "kind = \"sql\"\nquery = \"WITH x AS (SELECT * FROM s) SELECT id, amount FROM x\"",
    ] {
        assert_eq!(found(it), Vec::<String>::new(), "{it}");
    }
}

#[test]
fn an_unknown_column_is_marked() {
    for (it, place) in [
        (
            "kind = \"filter\"\ncondition = \"id > 1 AND amuont > 5\"",
            "error it.condition:amuont",
        ),
        (
            "kind = \"derive\"\n[nodes.it.columns]\nfine = \"id + 1\"\nx = \"  UPPER( categry )\"",
            "error it.columns.x:categry",
        ),
        (
            "kind = \"rolling\"\norder = \"ts\"\naggregates = { n = \"SUM(amuont)\" }",
            "error it.aggregates.n:amuont",
        ),
        (
            "kind = \"window\"\ntime = \"ts\"\nsize = \"1 h\"\naggregates = { n = \"SUM(amuont)\" }",
            "error it.aggregates.n:amuont",
        ),
        (
            "kind = \"sql\"\nquery = '''\nSELECT id,\n  amuont\nFROM s'''",
            "error it.query:amuont",
        ),
    ] {
        assert_eq!(found(it), [place], "{it}");
    }
}

#[test]
fn what_does_not_fit_is_found_at_its_node() {
    for it in [
        // A type clash, an unknown function, a condition that is none.
        "kind = \"derive\"\ncolumns = { x = \"amount + category + TRUE\" }",
        "kind = \"derive\"\ncolumns = { x = \"NO_SUCH_FUNCTION(amount)\" }",
        "kind = \"filter\"\ncondition = \"amount\"",
        "kind = \"rolling\"\norder = \"ts\"\naggregates = { n = \"NO_SUCH(amount)\" }",
    ] {
        let found = found(it);
        assert_eq!(found.len(), 1, "{it}: {found:?}");
        assert!(found[0].starts_with("error it"), "{it}: {found:?}");
    }
}

#[test]
fn a_changelog_does_not_go_into_files() {
    let found = found("kind = \"deduplicate\"\nkeys = [\"card\"]\norder = \"ts\"\nkeep = \"last\"");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("error "), "{found:?}");
}

/// Findings of a whole pipeline, and its script. Sources: `l` and `r` with event times `ts`, keys
/// `id` and `card`; `rates` is a changelog by `currency` with versions; `side` is a file.
fn compiled(nodes: &str) -> (Vec<String>, String) {
    let text = format!(
        r#"
version = 1
name = "p"
[nodes.orders]
kind = "datagen"
watermark = "ts"
[nodes.orders.schema]
id = "BIGINT"
card = "INT"
amount = "DECIMAL(10, 2)"
currency = "STRING"
tags = "ARRAY<STRING>"
lines = "ARRAY<ROW<sku STRING, pieces INT>>"
marks = "MAP<STRING, INT>"
ts = "TIMESTAMP(3)"
[nodes.payments]
kind = "datagen"
watermark = "ts"
watermark-delay = "5 s"
[nodes.payments.schema]
order_id = "BIGINT"
card = "INT"
paid = "DECIMAL(10, 2)"
ts = "TIMESTAMP(3)"
[nodes.quotes]
kind = "datagen"
watermark = "valid_from"
[nodes.quotes.schema]
currency = "STRING"
rate = "DOUBLE"
valid_from = "TIMESTAMP(3)"
[nodes.rates]
kind = "deduplicate"
keys = ["currency"]
order = "valid_from"
keep = "last"
[nodes.side]
kind = "file-source"
path = "side.csv"
format = "csv"
schema = {{ card = "INT", name = "STRING" }}
[nodes.out]
kind = "print"
[edges]
e1 = {{ from = "quotes", to = "rates" }}
e9 = {{ from = "it", to = "out" }}
{nodes}
"#
    );
    let pipeline = match Pipeline::from_toml(&text) {
        Ok(loaded) => loaded.pipeline,
        Err(found) => panic!("{found:?}\n{text}"),
    };
    let lowered = compile(&pipeline, Target::Embedded, &NoEnvironment);
    let found = lowered
        .diagnostics
        .iter()
        .filter(|d| d.severity != Severity::Info)
        .map(|d| format!("{}: {}", shown(&pipeline, d), d.message))
        .collect();
    (found, lowered.script)
}

/// Node `it` between the two, and its query in the script.
fn joined(right: &str, it: &str) -> String {
    let (found, script) = compiled(&format!(
        "e2 = {{ from = \"orders\", to = \"it.left\" }}\ne3 = {{ from = \"{right}\", to = \"it.right\" }}\n[nodes.it]\n{it}"
    ));
    assert_eq!(found, Vec::<String>::new(), "{it}\n{script}");
    query_of(&script)
}

/// The query of node `it`, fed by `orders`.
fn of_orders(it: &str) -> String {
    let (found, script) = compiled(&format!(
        "e2 = {{ from = \"orders\", to = \"it\" }}\n[nodes.it]\n{it}"
    ));
    assert_eq!(found, Vec::<String>::new(), "{it}\n{script}");
    query_of(&script)
}

fn query_of(script: &str) -> String {
    let (_, rest) = script
        .split_once("CREATE TEMPORARY VIEW it AS\n")
        .unwrap_or_else(|| panic!("no view in {script}"));
    let (query, _) = rest.split_once(";\n").unwrap();
    let words = query.split_whitespace().collect::<Vec<_>>().join(" ");
    words.replace("( ", "(").replace(" )", ")")
}

#[test]
fn joins_of_streams() {
    assert_eq!(
        joined(
            "payments",
            "kind = \"join\"\non = { id = \"order_id\" }\nleft-columns = [\"id\", \"amount\"]\nright-columns = [\"paid\"]"
        ),
        "SELECT l.id, l.amount, r.paid FROM orders AS l JOIN payments AS r ON l.id = r.order_id"
    );
    // Same names: the key goes once, others get a suffix or the name that is given.
    assert_eq!(
        joined(
            "payments",
            "kind = \"join\"\njoin = \"left\"\non = [\"card\"]\nleft-columns = [\"card\", \"ts\", \"amount\"]\nrename = { paid = \"sum\" }\ncondition = \"paid > amount OR r.paid IS NULL\""
        ),
        "SELECT l.card, l.ts, l.amount, r.order_id, r.paid AS `sum`, r.ts AS ts_right FROM orders AS l LEFT JOIN payments AS r ON l.card = r.card AND (paid > amount OR r.paid IS NULL)"
    );
    assert_eq!(
        joined(
            "payments",
            "kind = \"join\"\njoin = \"full\"\non = [\"card\"]\nleft-columns = [\"card\"]\nright-columns = [\"card\", \"paid\"]\nsuffix = \"_2\""
        ),
        "SELECT l.card, r.card AS card_2, r.paid FROM orders AS l FULL JOIN payments AS r ON l.card = r.card"
    );
    assert_eq!(
        joined(
            "payments",
            "kind = \"join\"\njoin = \"right\"\ncondition = \"l.id = r.order_id\"\nleft-columns = [\"id\"]\nright-columns = [\"paid\"]"
        ),
        "SELECT l.id, r.paid FROM orders AS l RIGHT JOIN payments AS r ON l.id = r.order_id"
    );
    for (join, not) in [("semi", ""), ("anti", "NOT ")] {
        assert_eq!(
            joined(
                "payments",
                &format!(
                    "kind = \"join\"\njoin = \"{join}\"\non = {{ id = \"order_id\" }}\nleft-columns = [\"id\"]\ncondition = \"r.paid >= l.amount\""
                )
            ),
            format!(
                "SELECT l.id FROM orders AS l WHERE {not}EXISTS (SELECT * FROM payments AS r WHERE l.id = r.order_id AND r.paid >= l.amount)"
            )
        );
    }
    // A stream with itself.
    assert_eq!(
        joined(
            "orders",
            "kind = \"join\"\non = [\"id\"]\nleft-columns = [\"id\"]\nright-columns = [\"amount\"]"
        ),
        "SELECT l.id, r.amount FROM orders AS l JOIN orders AS r ON l.id = r.id"
    );
}

#[test]
fn joins_by_time() {
    assert_eq!(
        joined(
            "payments",
            "kind = \"interval-join\"\non = { id = \"order_id\" }\nleft-time = \"ts\"\nright-time = \"ts\"\nafter = \"1 h\"\nleft-columns = [\"id\", \"ts\"]\nright-columns = [\"paid\"]"
        ),
        "SELECT l.id, l.ts, r.paid FROM orders AS l JOIN payments AS r ON l.id = r.order_id AND r.ts BETWEEN l.ts AND l.ts + INTERVAL '1' HOUR"
    );
    assert_eq!(
        joined(
            "payments",
            "kind = \"interval-join\"\njoin = \"full\"\non = [\"card\"]\nleft-time = \"ts\"\nright-time = \"ts\"\nbefore = \"10 min\"\nafter = \"5 s\"\ncondition = \"paid = amount\"\nleft-columns = [\"id\"]\nright-columns = [\"paid\"]"
        ),
        "SELECT l.id, r.paid FROM orders AS l FULL JOIN payments AS r ON l.card = r.card AND r.ts BETWEEN l.ts - INTERVAL '10' MINUTE AND l.ts + INTERVAL '5' SECOND AND paid = amount"
    );
    assert_eq!(
        joined(
            "rates",
            "kind = \"temporal-join\"\njoin = \"left\"\ntime = \"ts\"\non = [\"currency\"]\nleft-columns = [\"id\", \"ts\"]\nright-columns = [\"rate\"]"
        ),
        "SELECT l.id, l.ts, r.rate FROM orders AS l LEFT JOIN rates FOR SYSTEM_TIME AS OF l.ts AS r ON l.currency = r.currency"
    );
    assert_eq!(
        joined(
            "side",
            "kind = \"lookup-join\"\non = [\"card\"]\nleft-columns = [\"id\", \"card\"]"
        ),
        "SELECT l.id, l.card, r.name FROM (SELECT *, PROCTIME() AS proc_time FROM orders) AS l JOIN side FOR SYSTEM_TIME AS OF l.proc_time AS r ON l.card = r.card"
    );
}

#[test]
fn what_does_not_join_is_said_where_it_is() {
    let (mut all, script) = (Vec::new(), String::new());
    for (right, it) in [
        ("payments", "kind = \"join\""),
        ("payments", "kind = \"join\"\non = [\"crad\"]"),
        (
            "payments",
            "kind = \"join\"\non = [\"card\"]\ncondition = \"card > 1\"",
        ),
        (
            "payments",
            "kind = \"join\"\non = [\"card\"]\ncondition = \"r.pade > 1\"",
        ),
        (
            "payments",
            "kind = \"join\"\non = [\"card\"]\nright-columns = [\"ts\"]\nrename = { ts = \"id\" }",
        ),
        (
            "payments",
            "kind = \"interval-join\"\non = [\"card\"]\nleft-time = \"ts\"\nright-time = \"ts\"",
        ),
        (
            "payments",
            "kind = \"interval-join\"\non = [\"card\"]\nleft-time = \"id\"\nright-time = \"ts\"\nafter = \"1 h\"",
        ),
        (
            "payments",
            "kind = \"temporal-join\"\non = [\"card\"]\ntime = \"ts\"\nleft-columns = [\"id\"]\nright-columns = [\"paid\"]",
        ),
        (
            "rates",
            "kind = \"lookup-join\"\non = [\"currency\"]\nleft-columns = [\"id\"]\nright-columns = [\"rate\"]",
        ),
    ] {
        let (found, _) = compiled(&format!(
            "e2 = {{ from = \"orders\", to = \"it.left\" }}\ne3 = {{ from = \"{right}\", to = \"it.right\" }}\n[nodes.it]\n{it}"
        ));
        all.extend(found);
    }
    let starts = [
        "error it.on: 'on' is not set",
        "error it.on[0]:crad: 'orders' has no column 'crad'",
        "error it.on[0]:crad: 'payments' has no column 'crad'",
        "error it.condition:card: both sides have a column 'card'",
        "error it.condition:pade: 'payments' has no column 'pade'",
        "error it.rename.ts: two columns would be called 'id'",
        "error it.after: 'before' or 'after' must be longer",
        "error it.left-time:id: 'id' of 'orders' is BIGINT",
        "error it: a temporal join requires a primary key",
        "error it: 'rates' is a view",
    ];
    assert_eq!(all.len(), starts.len(), "{all:#?}{script}");
    for (found, start) in all.iter().zip(starts) {
        assert!(found.starts_with(start), "{found}\n{start}");
    }
}

#[test]
fn aggregates_and_ranks() {
    assert_eq!(
        of_orders(
            "kind = \"aggregate\"\nkeys = [\"card\"]\naggregates = { n = \"COUNT(*)\", total = \"SUM(amount)\" }"
        ),
        "SELECT card, COUNT(*) AS n, SUM(amount) AS total FROM orders GROUP BY card"
    );
    assert_eq!(
        of_orders("kind = \"aggregate\"\naggregates = { n = \"COUNT(DISTINCT card)\" }"),
        "SELECT COUNT(DISTINCT card) AS n FROM orders"
    );
    assert_eq!(
        of_orders(
            "kind = \"window\"\nwindow = \"session\"\ntime = \"ts\"\ngap = \"30 min\"\nkeys = [\"card\"]\naggregates = { n = \"COUNT(*)\" }"
        ),
        "SELECT window_start, window_end, window_time, card, COUNT(*) AS n FROM SESSION(TABLE orders PARTITION BY card, DESCRIPTOR(ts), INTERVAL '30' MINUTE) GROUP BY window_start, window_end, window_time, card"
    );
    assert_eq!(
        of_orders(
            "kind = \"window\"\nwindow = \"session\"\ntime = \"ts\"\ngap = \"10 s\"\naggregates = { n = \"COUNT(*)\" }"
        ),
        "SELECT window_start, window_end, window_time, COUNT(*) AS n FROM SESSION(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND) GROUP BY window_start, window_end, window_time"
    );
    assert_eq!(
        of_orders(
            "kind = \"top-n\"\nkeys = [\"card\"]\norder = [\"amount DESC\", \"ts\"]\nn = 3\nrank = \"place\""
        ),
        "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY card ORDER BY amount DESC, ts) AS place FROM orders) WHERE place <= 3"
    );
    assert_eq!(
        of_orders("kind = \"top-n\"\norder = [\"amount desc\"]\nn = 10"),
        "SELECT id, card, amount, currency, tags, lines, marks, ts FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY amount DESC) AS row_num FROM orders) WHERE row_num <= 10"
    );
    let (found, script) = compiled(
        r#"
e2 = { from = "orders", to = "hourly" }
e3 = { from = "hourly", to = "it" }
[nodes.hourly]
kind = "window"
time = "ts"
size = "1 h"
keys = ["card", "currency"]
aggregates = { total = "SUM(amount)" }
[nodes.it]
kind = "window-top-n"
keys = ["currency"]
order = ["total DESC"]
n = 5
rank = "place"
"#,
    );
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(
        query_of(&script),
        "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, currency ORDER BY total DESC) AS place FROM hourly) WHERE place <= 5"
    );
    let (found, _) = compiled(
        "e2 = { from = \"orders\", to = \"it\" }\n[nodes.it]\nkind = \"window-top-n\"\norder = [\"amount\"]\nn = 5",
    );
    assert!(
        found[0].contains("'orders' has no column 'window_start'"),
        "{found:?}"
    );
}

#[test]
fn collections() {
    assert_eq!(
        of_orders(
            "kind = \"flatten\"\ncolumn = \"tags\"\nnames = [\"tag\"]\nordinality = \"pos\"\nleft = true"
        ),
        "SELECT id, card, amount, currency, lines, marks, ts, tag, pos FROM orders LEFT JOIN UNNEST(tags) WITH ORDINALITY AS u(tag, pos) ON TRUE"
    );
    assert_eq!(
        of_orders("kind = \"flatten\"\ncolumn = \"lines\"\nkeep = true"),
        "SELECT id, card, amount, currency, tags, lines, marks, ts, sku, pieces FROM orders CROSS JOIN UNNEST(lines) AS u(sku, pieces)"
    );
    assert_eq!(
        of_orders("kind = \"flatten\"\ncolumn = \"marks\""),
        "SELECT id, card, amount, currency, tags, lines, ts, key, `value` FROM orders CROSS JOIN UNNEST(marks) AS u(key, `value`)"
    );
    for (it, start) in [
        ("column = \"id\"", "error it.column:id: 'id' is BIGINT"),
        (
            "column = \"tags\"\nnames = [\"id\"]",
            "error it.names[0]: there is a column 'id'",
        ),
        (
            "column = \"marks\"\nnames = [\"a\"]",
            "error it.names: an element of 'marks' is 2 columns",
        ),
    ] {
        let (found, _) = compiled(&format!(
            "e2 = {{ from = \"orders\", to = \"it\" }}\n[nodes.it]\nkind = \"flatten\"\n{it}"
        ));
        assert!(found[0].starts_with(start), "{found:?}");
    }
}

#[test]
fn any_connector_compiles() {
    let text = r#"
version = 1
name = "p"
[nodes.clicks]
kind = "connector-source"
connector = "kafka"
watermark = "ts"
watermark-expression = "ts - INTERVAL '1' SECOND"
primary-key = ["id"]
table-comment = "what people do"
schema = { id = "BIGINT COMMENT 'who'", ts = "TIMESTAMP(3)", part = "INT METADATA FROM 'partition' VIRTUAL" }
options = { topic = "clicks", format = "json" }
[nodes.counts]
kind = "aggregate"
keys = ["id"]
aggregates = { n = "COUNT(*)" }
[nodes.table]
kind = "connector-sink"
connector = "upsert-kafka"
primary-key = ["id"]
options = { topic = "counts", "key.format" = "json", "value.format" = "json" }
[nodes.wide]
kind = "connector-sink"
connector = "jdbc"
primary-key = ["id"]
schema = { id = "BIGINT", note = "STRING", n = "BIGINT" }
columns = ["id", "n"]
options = { url = "jdbc:x", table-name = "counts" }
[edges]
e1 = { from = "clicks", to = "counts" }
e2 = { from = "counts", to = "table" }
e3 = { from = "counts", to = "wide" }
"#;
    let pipeline = Pipeline::from_toml(text).unwrap().pipeline;
    let found = |target| -> Vec<String> {
        compile(&pipeline, target, &NoEnvironment)
            .diagnostics
            .iter()
            .map(|d| {
                format!(
                    "{} {} {}",
                    d.severity,
                    d.code,
                    d.node.as_deref().unwrap_or("-")
                )
            })
            .collect()
    };
    assert_eq!(found(Target::Flink), Vec::<String>::new());
    assert_eq!(
        found(Target::Embedded),
        ["clicks", "table", "wide"].map(|node| format!("warning connector/flink-only {node}"))
    );
    let lowered = compile(&pipeline, Target::Flink, &NoEnvironment);
    for part in [
        "  id BIGINT COMMENT 'who',\n",
        "  part INT METADATA FROM 'partition' VIRTUAL,\n",
        "  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND,\n",
        "  PRIMARY KEY (id) NOT ENFORCED\n",
        "INSERT INTO `table`\n",
        "INSERT INTO wide (id, n)\n",
    ] {
        assert!(lowered.script.contains(part), "{part}\n{}", lowered.script);
    }
}
