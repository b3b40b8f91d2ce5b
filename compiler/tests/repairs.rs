//! Stream types of nodes, and the repairs of what does not fit.

use millstream_compiler::document::{Document, Layout, NodeId, Pipeline, PortName, PortRef};
use millstream_compiler::environment::NoEnvironment;
use millstream_compiler::lower::{
    Lowered, StreamType, Target, check_connection, compile, repairs, stream_types,
};

const SOURCES: &str = r#"
version = 1
name = "p"
[nodes.orders]
kind = "datagen"
watermark = "ts"
watermark-delay = "5 s"
[nodes.orders.schema]
id = "BIGINT"
card = "INT"
amount = "DECIMAL(10, 2)"
ts = "TIMESTAMP(3)"
[nodes.files]
kind = "file-sink"
path = "out"
format = "csv"
"#;

fn document(rest: &str) -> Document {
    let loaded = Pipeline::from_toml(&format!("{SOURCES}{rest}")).unwrap();
    Document::new(loaded.pipeline, Layout::default())
}

fn lowered(document: &Document) -> Lowered {
    compile(document.pipeline(), Target::Embedded, &NoEnvironment)
}

fn types(document: &Document) -> std::collections::BTreeMap<NodeId, StreamType> {
    stream_types(&lowered(document), &NoEnvironment)
}

/// The titles of the repairs of the first error, each tried.
fn titles(document: &Document) -> (String, Vec<String>) {
    let before = lowered(document);
    let finding = before
        .diagnostics
        .iter()
        .find(|found| found.is_error())
        .unwrap_or_else(|| panic!("nothing is wrong:\n{}", before.script));
    let repairs = repairs(document, finding, Target::Embedded, &NoEnvironment);
    for repair in &repairs {
        let repaired = lowered(&repair.apply(document).unwrap());
        assert!(
            !repaired.has_errors(),
            "{}: {:#?}",
            repair.title,
            repaired.diagnostics
        );
    }
    let titles = repairs.into_iter().map(|repair| repair.title).collect();
    (finding.code.to_string(), titles)
}

#[test]
fn each_node_has_a_stream_type() {
    let document = document(
        r#"
[nodes.big]
kind = "filter"
condition = "amount > 5"
[nodes.sums]
kind = "aggregate"
keys = ["card"]
aggregates = { total = "SUM(amount)" }
[nodes.hours]
kind = "window"
time = "ts"
size = "1 h"
aggregates = { n = "COUNT(*)" }
[nodes.table]
kind = "connector-sink"
connector = "blackhole"
primary-key = ["card"]
[nodes.shown]
kind = "print"
[nodes.sums_2]
kind = "aggregate"
keys = ["card"]
aggregates = { total = "SUM(amount)" }
[edges]
e1 = { from = "orders", to = "big" }
e2 = { from = "big", to = "sums" }
e3 = { from = "sums", to = "table" }
e4 = { from = "orders", to = "hours" }
e5 = { from = "hours", to = "files" }
e6 = { from = "orders", to = "sums_2" }
e7 = { from = "sums_2", to = "shown" }
"#,
    );
    let types = types(&document);
    let of = |id: &str| &types[id];
    assert_eq!(of("orders").kind.to_string(), "append");
    assert_eq!(of("orders").rowtime.as_deref(), Some("ts"));
    let watermark = |id: &str| -> Vec<String> {
        let all = of(id).watermarks.iter();
        all.map(|(source, text)| format!("{source}: {text}"))
            .collect()
    };
    assert_eq!(watermark("big"), ["orders: ts - INTERVAL '5' SECOND"]);
    assert_eq!(watermark("orders"), watermark("big"));
    assert_eq!(of("hours").rowtime.as_deref(), Some("window_time"));
    assert_eq!(of("hours").kind.to_string(), "append");
    assert!(
        of("hours").state[0]
            .what
            .contains("until the last window closes")
    );
    assert_eq!(of("sums_2").kind.to_string(), "retract");
    assert_eq!(of("sums_2").upsert_key, ["card"]);
    assert_eq!(of("sums_2").rowtime, None);
    // Nobody behind the upsert sink reads old values.
    assert_eq!(of("sums").kind.to_string(), "upsert on card");
    assert_eq!(of("sums").state.len(), 1);
    assert_eq!(
        of("sums").state[0].grows.as_deref(),
        Some("the number of keys")
    );
    assert_eq!(of("table").primary_key, ["card"]);
    assert_eq!(of("table").kind.to_string(), "upsert on card");
    assert_eq!(of("files").kind.to_string(), "append");
    assert_eq!(of("big").columns.len(), 4);
}

#[test]
fn updates_into_files_can_be_repaired() {
    let (code, found) = titles(&document(
        r#"
[nodes.sums]
kind = "aggregate"
keys = ["card"]
aggregates = { total = "SUM(amount)" }
[edges]
e1 = { from = "orders", to = "sums" }
e2 = { from = "sums", to = "files" }
"#,
    ));
    assert_eq!(code, "plan/updates-into-append-sink");
    assert_eq!(
        found,
        [
            "Aggregate by windows of 1 h in 'sums'",
            "Use an upsert sink (primary key card)",
            "Use a print sink, which shows every change",
        ]
    );
    let (_, found) = titles(&document(
        r#"
[nodes.last]
kind = "deduplicate"
keys = ["card"]
order = "ts"
keep = "last"
[edges]
e1 = { from = "orders", to = "last" }
e2 = { from = "last", to = "files" }
"#,
    ));
    assert_eq!(found[0], "Let 'last' keep the first row of each key");
    let (_, found) = titles(&document(
        r#"
[nodes.pairs]
kind = "join"
join = "left"
on = ["id"]
left-columns = ["id"]
right-columns = ["amount"]
[edges]
e1 = { from = "orders", to = "pairs.left" }
e2 = { from = "orders", to = "pairs.right" }
e3 = { from = "pairs", to = "files" }
"#,
    ));
    assert_eq!(found[0], "Join rows within 1 h of each other in 'pairs'");
}

#[test]
fn slips_are_mended() {
    for (node, expected) in [
        (
            "kind = \"filter\"\ncondition = \"id > 1 AND amuont > 5\"",
            "Change 'amuont' to 'amount'",
        ),
        (
            "kind = \"select\"\ncolumns = [\"id\", \"amuont\"]",
            "Change 'amuont' to 'amount'",
        ),
        (
            "kind = \"select\"\nrename = { amuont = \"price\" }",
            "Change 'amuont' to 'amount'",
        ),
        (
            "kind = \"derive\"\ncolumns = { x = \"amuont + 1\" }",
            "Change 'amuont' to 'amount'",
        ),
        (
            "kind = \"sql\"\nquery = \"SELECT id, amuont FROM orders\"",
            "Change 'amuont' to 'amount'",
        ),
        (
            "kind = \"sql\"\nquery = \"SELECT id FROM ordesr\"",
            "Change 'ordesr' to 'orders'",
        ),
        (
            "kind = \"rolling\"\norder = \"tss\"\naggregates = { n = \"COUNT(*)\" }",
            "Change 'tss' to 'ts'",
        ),
        (
            "kind = \"window\"\ntime = \"ts\"\naggregates = { n = \"COUNT(*)\" }",
            "Set 'size' to \"5 min\"",
        ),
        (
            "kind = \"window\"\ntime = \"id\"\nsize = \"1 h\"\naggregates = { n = \"COUNT(*)\" }",
            "Use 'ts'",
        ),
        (
            "kind = \"deduplicate\"\norder = \"ts\"",
            "Set 'keys' to [\"id\"]",
        ),
        (
            "kind = \"rolling\"\norder = \"ts\"\nrange = \"1 h\"\nrows = 3\naggregates = { n = \"COUNT(*)\" }",
            "Remove 'rows'",
        ),
    ] {
        let document = document(&format!(
            "[nodes.it]\n{node}\n[edges]\ne1 = {{ from = \"orders\", to = \"it\" }}\ne2 = {{ from = \"it\", to = \"files\" }}\n"
        ));
        let (_, found) = titles(&document);
        assert_eq!(
            found.first().map(String::as_str),
            Some(expected),
            "{node}: {found:?}"
        );
    }
}

#[test]
fn a_refused_connection_explains_itself() {
    let document = document(
        r#"
[nodes.sums]
kind = "aggregate"
keys = ["card"]
aggregates = { total = "SUM(amount)" }
[nodes.big]
kind = "filter"
condition = "amount > 5"
[nodes.both]
kind = "join"
on = ["id"]
[edges]
e1 = { from = "orders", to = "sums" }
e2 = { from = "orders", to = "big" }
"#,
    );
    let look = |from: &str, to: &str| {
        let (node, port) = match to.split_once('.') {
            Some((node, port)) => (node, Some(PortName::slug(port))),
            None => (to, None),
        };
        check_connection(
            &document,
            &PortRef::from(NodeId::slug(from)),
            &PortRef::new(NodeId::slug(node), port),
            Target::Embedded,
            &NoEnvironment,
        )
    };
    let fine = look("big", "files");
    assert!(!fine.is_refused() && fine.finding.is_none());

    let refused = look("sums", "files");
    assert_eq!(
        refused.finding.as_ref().unwrap().code,
        "plan/updates-into-append-sink"
    );
    assert!(refused.is_refused() && refused.repairs.len() >= 2);
    for repair in &refused.repairs {
        let repaired = repair.apply(&document).unwrap();
        let errors: Vec<_> = lowered(&repaired)
            .diagnostics
            .into_iter()
            .filter(|found| found.is_error() && found.node.as_deref() != Some("both"))
            .collect();
        assert_eq!(errors, vec![], "{}", repair.title);
    }

    let twice = look("orders", "big");
    assert_eq!(twice.finding.unwrap().code, "edge/already-connected");
    let source = look("big", "orders");
    assert!(source.is_refused());
    assert_eq!(source.finding.unwrap().code, "edge/no-input");

    let port = look("orders", "both.middle");
    assert_eq!(port.finding.unwrap().code, "edge/no-such-port");
    let titles: Vec<String> = port
        .repairs
        .into_iter()
        .map(|repair| repair.title)
        .collect();
    assert_eq!(titles, ["Connect to 'left'", "Connect to 'right'"]);
}

#[test]
fn a_connection_that_takes_anothers_place_offers_a_union() {
    let document = document(
        r#"
[nodes.more]
kind = "select"
[nodes.big]
kind = "filter"
condition = "amount > 5"
[edges]
e1 = { from = "orders", to = "big" }
e2 = { from = "big", to = "files" }
e3 = { from = "orders", to = "more" }
"#,
    );
    let found = check_connection(
        &document,
        &PortRef::from(NodeId::slug("more")),
        &PortRef::from(NodeId::slug("big")),
        Target::Embedded,
        &NoEnvironment,
    );
    assert!(!found.is_refused());
    assert_eq!(found.finding.as_ref().unwrap().code, "edge/replaces");
    let [union] = found.repairs.as_slice() else {
        panic!("{found:?}");
    };
    let repaired = union.apply(&document).unwrap();
    assert!(!lowered(&repaired).has_errors());
    let inputs = repaired.pipeline().inputs_of("union").len();
    assert_eq!(inputs, 2);
}
