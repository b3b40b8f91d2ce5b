//! The file format and the commands, as a user meets them: TOML in, TOML or a finding out.

use super::*;
use crate::diagnostics::{Diagnostic, Place};

/// The example of the module documentation.
fn example() -> String {
    let source = include_str!("mod.rs");
    let lines = source
        .lines()
        .skip_while(|line| *line != "//! ```toml")
        .skip(1)
        .take_while(|line| *line != "//! ```");
    lines
        .map(|line| {
            line.strip_prefix("//!")
                .unwrap()
                .strip_prefix(' ')
                .unwrap_or("")
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

fn load(text: &str) -> Pipeline {
    let loaded = Pipeline::from_toml(text).unwrap_or_else(|errors| panic!("{errors:#?}"));
    loaded.pipeline
}

/// A pipeline from the part below version and name.
fn body(text: &str) -> Pipeline {
    load(&format!("version = 1\nname = \"p\"\n{text}"))
}

fn document(text: &str) -> Document {
    Document::new(body(text), Layout::default())
}

/// `line:column code: message (help)` of each error.
fn errors(text: &str) -> Vec<String> {
    shown(text, Pipeline::from_toml(text).unwrap_err())
}

fn warnings(text: &str) -> Vec<String> {
    shown(text, Pipeline::from_toml(text).unwrap().warnings)
}

fn shown(text: &str, found: Vec<Diagnostic>) -> Vec<String> {
    found
        .into_iter()
        .map(|d| {
            let place = d.span.map_or("?".to_string(), |span| {
                let place = Place::of(text, span.start);
                format!("{}:{}", place.line, place.column)
            });
            let help = d.help.map_or(String::new(), |help| format!(" ({help})"));
            format!("{place} {}: {}{help}", d.code, d.message)
        })
        .collect()
}

fn node(id: &str) -> NodeId {
    NodeId::new(id).unwrap()
}

fn port(text: &str) -> PortRef {
    match text.split_once('.') {
        Some((id, port)) => PortRef::new(node(id), Some(PortName::new(port).unwrap())),
        None => node(text).into(),
    }
}

fn connect(from: &str, to: &str) -> Command {
    Command::Connect {
        from: port(from),
        to: port(to),
    }
}

fn edges(document: &Document) -> Vec<String> {
    document
        .pipeline()
        .edges()
        .map(|(id, edge)| format!("{id}: {} -> {}", edge.from, edge.to))
        .collect()
}

/// Applies commands one after the other.
fn after(document: &Document, commands: &[Command]) -> Document {
    commands.iter().fold(document.clone(), |document, command| {
        document
            .apply(command)
            .unwrap_or_else(|refusal| panic!("{command:?}: {refusal}"))
            .document
    })
}

fn refused(document: &Document, command: &Command) -> (String, Option<String>) {
    let refusal = document.apply(command).unwrap_err();
    (refusal.to_string(), refusal.repair())
}

const LINE: &str = r#"
[nodes]
source = { kind = "datagen", schema = { id = "BIGINT", amount = "DOUBLE" } }
big = { kind = "filter", condition = "amount > 100" }
query = { kind = "sql", query = "SELECT id FROM big" }
out = { kind = "print" }

[edges]
e1 = { from = "source", to = "big" }
e2 = { from = "big", to = "query" }
e3 = { from = "query", to = "out" }
"#;

// Loading

#[test]
fn the_example_is_a_whole_pipeline() {
    let text = example();
    let loaded = Pipeline::from_toml(&text).unwrap();
    assert_eq!(loaded.warnings, vec![]);
    assert_eq!(loaded.pipeline.check(), vec![]);
    assert_eq!(loaded.pipeline.nodes().len(), 8);
    assert_eq!(loaded.pipeline.edges().len(), 7);
    // Comments of the example and all.
    let saved = loaded.pipeline.to_toml();
    let again = Pipeline::from_toml(&saved).unwrap().pipeline;
    assert_eq!(again, loaded.pipeline);
    assert!(saved.contains("name = \"fraud\" # the job's name; required"));
    assert!(saved.contains("[nodes.scored.outputs] # new column = type"));
}

#[test]
fn saving_is_canonical() {
    let messy = r#"
# A comment about the file.
name = 'p'   # the name
version = 1

[edges]
e10 = { to = "b", from = "a.output" }
e2 = { to = "c.input", from = "b" }

# Before the nodes.
[nodes.c]
kind = "print"
# Two lines
# about muting.
muted = true
[nodes.b]
condition = "x > 1"
kind = "filter"
title = "B"
zeta = 1
[nodes.a]
kind = "datagen"
watermark-delay = "5 s"
rows-per-second = 10
[nodes.a.schema]
z = "BIGINT"
x = "INT" # ordered
[settings]
parallelism.default = 2
# The end.
"#;
    let expected = r#"# A comment about the file.
version = 1
name = "p" # the name

[settings]
"parallelism.default" = "2"

[nodes.a]
kind = "datagen"
rows-per-second = 10
watermark-delay = "5 s"

[nodes.a.schema]
z = "BIGINT"
x = "INT" # ordered

[nodes.b]
kind = "filter"
title = "B"
condition = "x > 1"
zeta = 1

# Before the nodes.
[nodes.c]
kind = "print"
# Two lines
# about muting.
muted = true

[edges]
e2 = { from = "b", to = "c" }
e10 = { from = "a", to = "b" }

# The end.
"#;
    let saved = load(messy).to_toml();
    let expected = expected.replacen(
        "# A comment about the file.\nversion = 1\n",
        "version = 1\n# A comment about the file.\n",
        1,
    );
    assert_eq!(saved, expected);
    assert_eq!(load(&saved).to_toml(), saved);
}

#[test]
fn unknown_keys_are_kept_and_said() {
    let text = r#"version = 1
name = "p"
flavour = "sweet"

[nodes.a]
kind = "hologram"
depth = { z = 1, a = [2024-01-01, "x"] }

[edges]
e1 = { from = "a", to = "a2", colour = "red" }

[nodes.a2]
kind = "filter"
condition = "true"

[tool.other]
x = 1
"#;
    assert_eq!(
        warnings(text),
        [
            "3:11 document/unknown-key: 'flavour' of the file is not known; it is kept as it is",
            "10:40 document/unknown-key: 'colour' of edge 'e1' is not known; it is kept as it is",
            "16:2 document/unknown-key: 'tool' of the file is not known; it is kept as it is",
        ]
    );
    let saved = load(text).to_toml();
    for part in [
        "flavour = \"sweet\"",
        "kind = \"hologram\"",
        "[nodes.a.depth]\nz = 1\na = [2024-01-01, \"x\"]",
        "e1 = { from = \"a\", to = \"a2\", colour = \"red\" }",
        "[tool]\nother = { x = 1 }",
    ] {
        assert!(saved.contains(part), "{part} is not in\n{saved}");
    }
    assert_eq!(load(&saved).to_toml(), saved);
}

#[test]
fn a_key_that_is_nearly_right_gets_a_suggestion() {
    assert_eq!(
        warnings("version = 1\nname = \"p\"\nsetings = { a = 'b' }\n"),
        [
            "3:11 document/unknown-key: 'setings' of the file is not known; it is kept as it is (did you mean 'settings'?)"
        ]
    );
}

#[test]
fn comments_that_cannot_be_kept_are_said() {
    assert_eq!(
        warnings(
            "version = 1\nname = \"p\"\n[nodes.a]\nkind = \"select\"\ncolumns = [\n  \"a\", # first\n  \"b\",\n]\n"
        ),
        [
            "5:11 toml/comment-inside: a comment inside the value of 'nodes.a.columns' is lost on saving (move it before the key)"
        ]
    );
}

#[test]
fn syntax_errors_have_a_place() {
    let found = errors("version = 1\nname = \"fraud\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("2:"), "{found:?}");
    assert!(
        found[0].contains("toml/syntax: this is no valid TOML: "),
        "{found:?}"
    );
    let twice = errors("version = 1\nname = \"p\"\n[nodes.a]\nkind = \"print\"\n[nodes.a]\n");
    assert!(twice[0].starts_with("5:"), "{twice:?}");
}

#[test]
fn a_broken_file_is_drawn_with_a_caret() {
    let text = "version = 1\nname = fraud\n";
    let error = &Pipeline::from_toml(text).unwrap_err()[0];
    let drawn = error.render(Some(("fraud/pipeline.toml", text)));
    assert!(drawn.contains("--> fraud/pipeline.toml:2:8"), "{drawn}");
    assert!(
        drawn.contains(" 2 | name = fraud\n   |        ^"),
        "{drawn}"
    );
}

#[test]
fn versions_and_names() {
    assert_eq!(
        errors(""),
        [
            "1:1 toml/version: the file does not say which version of the format it has (add `version = 1` as its first line)"
        ]
    );
    assert_eq!(
        errors("version = 2\nname = \"p\"\n"),
        [
            "1:11 toml/version: the file has version 2 of the format; this Millstream knows up to 1 (open it with a newer Millstream)"
        ]
    );
    assert_eq!(
        errors("version = 1\n"),
        ["1:1 document/no-name: the pipeline has no name (add `name = \"…\"` below the version)"]
    );
    assert_eq!(
        errors("version = 1\nname = 7\n"),
        ["2:8 document/type: 'name' must be one line of text"]
    );
}

#[test]
fn wrong_types_are_named() {
    assert_eq!(
        errors(
            r#"version = 1
name = "p"
description = 1
settings = 2
edges = 3
[nodes.a]
kind = "print"
title = 4
muted = "yes"
[nodes.b]
kind = 5
[nodes.c]
title = "no kind"
"#
        ),
        [
            "3:15 document/type: 'description' must be text",
            "4:12 document/type: 'settings' must be a table: [settings]",
            "5:9 document/type: 'edges' must be a table: [edges]",
            "8:9 document/type: the title of 'a' must be text",
            "9:9 document/type: 'muted' of 'a' must be true or false",
            "11:8 node/no-kind: the node does not say what kind it is (add `kind = \"…\"`)",
            "12:1 node/no-kind: the node does not say what kind it is (add `kind = \"…\"`)",
        ]
    );
}

#[test]
fn ids_are_checked() {
    assert_eq!(
        errors(
            "version = 1\nname = \"p\"\n[nodes.\"My Orders\"]\nkind = \"print\"\n[nodes]\na__b = { kind = \"print\" }\n[edges]\nE1 = { from = \"a\", to = \"b\" }\ne2 = { from = \"a.b.c\", to = \"b\" }\n"
        )
        .into_iter()
        .map(|line| line.split(" (").last().unwrap().to_string())
        .collect::<Vec<_>>(),
        [
            "call it 'my_orders')",
            "call it 'a_b')",
            "call it 'e1')",
            "call it 'b_c')"
        ]
    );
}

#[test]
fn edges_are_checked() {
    let text = r#"version = 1
name = "p"
[nodes]
a = { kind = "datagen" }
b = { kind = "filter" }
c = { kind = "print" }
[edges]
e1 = { from = "a", to = "b" }
e2 = { from = "a", to = "b" }
e3 = { from = "a", to = "bb" }
e4 = { from = "b", to = "a" }
e5 = { from = "c", to = "b" }
e6 = { from = "b", to = "c.left" }
e7 = { from = "b.other", to = "c" }
e8 = { from = "a" }
e9 = "a -> b"
e10 = { from = 1, to = "b" }
"#;
    assert_eq!(
        errors(text),
        [
            "15:6 document/type: edge 'e8' has no 'to'",
            "16:6 document/type: edge 'e9' must be `{ from = \"…\", to = \"…\" }`",
            "17:16 document/type: 'from' of edge 'e10' must be \"node\" or \"node.port\"",
            "9:6 edge/already-connected: edge 'e2': these ports are connected already, by 'e1'",
            "10:6 document/unknown-node: edge 'e3': there is no node 'bb' (did you mean 'b'?)",
            "11:6 edge/no-input: edge 'e4': 'a' is a source: nothing goes into it (to put both streams together, connect them to a union)",
            "12:6 edge/no-output: edge 'e5': 'c' is a sink: nothing comes out of it (connect the node that feeds it)",
            "13:6 edge/no-such-port: edge 'e6': 'c' has no port 'left'; it has input (connect to input)",
            "14:6 edge/no-such-port: edge 'e7': 'b' has no port 'other'; it has output (connect to output)",
        ]
    );
}

#[test]
fn two_edges_into_one_input_are_refused() {
    assert_eq!(
        errors(
            "version = 1\nname = \"p\"\n[nodes]\na = { kind = \"datagen\" }\nb = { kind = \"datagen\" }\nc = { kind = \"filter\" }\n[edges]\ne1 = { from = \"a\", to = \"c\" }\ne2 = { from = \"b\", to = \"c\" }\n"
        ),
        [
            "9:6 edge/port-taken: edge 'e2': 'input' of 'c' is fed by 'e1' already (name another port, or disconnect 'e1' first)"
        ]
    );
}

#[test]
fn cycles_are_refused_with_their_way() {
    assert_eq!(
        errors(
            "version = 1\nname = \"p\"\n[nodes]\na = { kind = \"filter\" }\nb = { kind = \"filter\" }\nc = { kind = \"filter\" }\nd = { kind = \"sql\" }\n[edges]\ne1 = { from = \"a\", to = \"b\" }\ne2 = { from = \"b\", to = \"c\" }\ne3 = { from = \"c\", to = \"a\" }\ne4 = { from = \"d\", to = \"d\" }\n"
        ),
        [
            "11:6 edge/cycle: edge 'e3': this would make a cycle: a → b → c → a (remove one of the edges on that way first)",
            "12:6 edge/cycle: edge 'e4': this would make a cycle: d → d (remove one of the edges on that way first)",
        ]
    );
}

#[test]
fn findings_about_parameters_have_a_place_in_the_file() {
    let text = r#"version = 1
name = "p"

[nodes.a]
kind = "sql"
query = '''
SELECT *
FROM nowhere
'''

[nodes.a.options]
"csv.field-delimiter" = "x\ty"

[nodes.b]
kind = "select"
columns = ["one", "two"]
"#;
    let places = Pipeline::from_toml(text).unwrap().places;
    let at = |node: &str, parameter: Option<&str>, start: usize| {
        let mut found = Diagnostic::error("x", "y").on_node(node);
        found.parameter = parameter.map(str::to_string);
        found.parameter_span = parameter.map(|_| crate::diagnostics::Span::new(start, start + 1));
        let place = Place::of(text, places.locate(&found).unwrap().start);
        (place.line, place.column)
    };
    assert_eq!(at("a", Some("query"), "SELECT *\nFROM ".len()), (8, 6));
    assert_eq!(at("a", Some("options.csv.field-delimiter"), 2), (12, 29));
    assert_eq!(at("b", Some("columns[1]"), 0), (16, 20));
    assert_eq!(at("b", None, 0), (14, 8));
    assert_eq!(at("b", Some("unset"), 0), (14, 8));
    assert_eq!(places.locate(&Diagnostic::error("x", "y")), None);
}

#[test]
fn inputs_come_in_the_order_of_their_edges() {
    let pipeline = body(
        "[nodes]\na = { kind = \"datagen\" }\nb = { kind = \"datagen\" }\nu = { kind = \"union\" }\n[edges]\ne10 = { from = \"a\", to = \"u\" }\ne9 = { from = \"b\", to = \"u\" }\n",
    );
    let from: Vec<String> = pipeline
        .inputs_of("u")
        .into_iter()
        .map(|(port, _, edge)| format!("{port} {}", edge.from))
        .collect();
    assert_eq!(from, ["input b", "input a"]);
}

// Commands

#[test]
fn nodes_are_added_and_removed() {
    let start = document(LINE);
    let applied = start
        .apply(&Command::AddNode {
            id: None,
            kind: "filter".into(),
            parameters: Entries::new().with("condition", "true"),
            position: Some(Position::new(10, 20)),
        })
        .unwrap();
    assert_eq!(applied.nodes, [node("filter")]);
    let added = applied.document;
    assert_eq!(
        added.layout().position("filter"),
        Some(Position::new(10, 20))
    );
    let gone = after(
        &added,
        &[Command::RemoveNodes {
            nodes: vec![node("filter")],
        }],
    );
    assert_eq!(gone, start);
    let without = after(
        &start,
        &[Command::RemoveNodes {
            nodes: vec![node("big")],
        }],
    );
    assert_eq!(edges(&without), ["e3: query -> out"]);
}

#[test]
fn adding_is_refused_where_it_must_be() {
    let start = document(LINE);
    let add = |id: Option<&str>, kind: &str| Command::AddNode {
        id: id.map(node),
        kind: kind.into(),
        parameters: Entries::new(),
        position: None,
    };
    assert_eq!(
        refused(&start, &add(Some("big"), "filter")),
        (
            "there is a node 'big' already".into(),
            Some("choose another id".into())
        )
    );
    assert_eq!(
        refused(&start, &add(None, "fitler")),
        (
            "there is no node kind 'fitler'".into(),
            Some("did you mean 'filter'?".into())
        )
    );
}

#[test]
fn an_id_counts_on() {
    let add = Command::AddNode {
        id: None,
        kind: "file-sink".into(),
        parameters: Entries::new(),
        position: None,
    };
    let three = after(&document(""), &[add.clone(), add.clone(), add]);
    let ids: Vec<&str> = three
        .pipeline()
        .nodes()
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(ids, ["file_sink", "file_sink_2", "file_sink_3"]);
}

#[test]
fn connecting_replaces_the_wire_on_a_single_input() {
    let start = document(LINE);
    let applied = after(&start, &[connect("source", "out")]);
    assert_eq!(
        edges(&applied),
        ["e1: source -> big", "e2: big -> query", "e4: source -> out"]
    );
}

#[test]
fn a_refused_connection_explains_itself() {
    let start = document(LINE);
    for (from, to, message, repair) in [
        (
            "query",
            "big",
            "this would make a cycle: big → query → big",
            Some("remove one of the edges on that way first"),
        ),
        (
            "out",
            "big",
            "'out' is a sink: nothing comes out of it",
            Some("connect the node that feeds it"),
        ),
        (
            "big",
            "source",
            "'source' is a source: nothing goes into it",
            Some("to put both streams together, connect them to a union"),
        ),
        (
            "source",
            "big",
            "these ports are connected already, by 'e1'",
            None,
        ),
        ("source", "nowhere", "there is no node 'nowhere'", None),
        (
            "source",
            "out.left",
            "'out' has no port 'left'; it has input",
            Some("connect to input"),
        ),
        (
            "source",
            "query.big",
            "'big' of 'query' is fed by 'e2' already",
            Some("name another port, or disconnect 'e2' first"),
        ),
    ] {
        let (why, how) = refused(&start, &connect(from, to));
        assert_eq!(why, message);
        assert_eq!(how.as_deref(), repair);
    }
}

#[test]
fn renaming_keeps_queries_working() {
    let start = document(LINE);
    let rename = |from: &str, to: &str| Command::RenameNode {
        node: node(from),
        to: node(to),
    };
    let renamed = after(&start, &[rename("big", "large")]);
    assert_eq!(
        edges(&renamed),
        [
            "e1: source -> large",
            "e2: large -> query.big",
            "e3: query -> out"
        ]
    );
    assert_eq!(
        renamed.pipeline().inputs_of("query")[0].0,
        "big",
        "the query still reads 'big'"
    );
    assert_eq!(after(&renamed, &[rename("large", "big")]), start);
    assert_eq!(
        refused(&start, &rename("big", "out")).0,
        "there is a node 'out' already"
    );
    assert_eq!(after(&start, &[rename("big", "big")]), start);
}

#[test]
fn renaming_takes_comments_and_places_along() {
    let text = "version = 1\nname = \"p\"\n\n# Mine.\n[nodes.a]\nkind = \"filter\"\n# Why so.\ncondition = \"true\"\n";
    let mut layout = Layout::default();
    layout.place(node("a"), Position::new(1, 2));
    let start = Document::new(load(text), layout);
    let renamed = after(
        &start,
        &[Command::RenameNode {
            node: node("a"),
            to: node("b"),
        }],
    );
    assert_eq!(
        renamed.pipeline().to_toml(),
        text.replace("nodes.a", "nodes.b")
    );
    assert_eq!(renamed.layout().position("b"), Some(Position::new(1, 2)));
    assert_eq!(renamed.layout().position("a"), None);
}

#[test]
fn removing_with_reconnecting_closes_the_gap() {
    let start = document(LINE);
    let remove = |ids: &[&str]| Command::RemoveAndReconnect {
        nodes: ids.iter().map(|id| node(id)).collect(),
    };
    // The query reads `big`; its port keeps that name.
    assert_eq!(
        edges(&after(&start, &[remove(&["big"])])),
        ["e2: source -> query.big", "e3: query -> out"]
    );
    assert_eq!(
        edges(&after(&start, &[remove(&["big", "query", "big"])])),
        ["e3: source -> out"]
    );
    assert_eq!(edges(&after(&start, &[remove(&["out"])])).len(), 2);
    assert_eq!(edges(&after(&start, &[remove(&["source"])])).len(), 2);
}

#[test]
fn a_node_is_put_into_a_wire() {
    let start = after(
        &document(LINE),
        &[Command::AddNode {
            id: Some(node("new")),
            kind: "filter".into(),
            parameters: Entries::new(),
            position: None,
        }],
    );
    let insert = |edge: &str, id: &str| Command::InsertOnEdge {
        edge: EdgeId::new(edge).unwrap(),
        node: node(id),
    };
    assert_eq!(
        edges(&after(&start, &[insert("e2", "new")])),
        [
            "e1: source -> big",
            "e2: big -> new",
            "e3: query -> out",
            "e4: new -> query.big"
        ]
    );
    assert_eq!(
        refused(&start, &insert("e2", "source")).0,
        "'source' is connected already"
    );
    assert_eq!(
        refused(&start, &insert("e9", "new")).0,
        "there is no edge 'e9'"
    );
    let sink = after(
        &start,
        &[Command::AddNode {
            id: Some(node("sink")),
            kind: "print".into(),
            parameters: Entries::new(),
            position: None,
        }],
    );
    assert_eq!(
        refused(&sink, &insert("e2", "sink")).0,
        "'sink' is a sink: nothing comes out of it"
    );
}

#[test]
fn what_is_copied_can_be_pasted() {
    let start = after(
        &document(LINE),
        &[Command::MoveNodes {
            positions: vec![
                (node("big"), Position::new(100, 50)),
                (node("query"), Position::new(300, 70)),
            ],
        }],
    );
    let text = fragment_to_toml(&start, &[node("big"), node("query")]);
    assert_eq!(
        text,
        r#"[nodes.big]
kind = "filter"
condition = "amount > 100"

[nodes.query]
kind = "sql"
query = "SELECT id FROM big"

[edges]
e2 = { from = "big", to = "query" }

[layout]
big = { x = 100, y = 50 }
query = { x = 300, y = 70 }
"#
    );
    let applied = start
        .apply(&Command::Paste {
            text: text.clone(),
            position: Some(Position::new(0, 0)),
        })
        .unwrap();
    assert_eq!(applied.nodes, [node("big_2"), node("query_2")]);
    let pasted = applied.document;
    assert_eq!(edges(&pasted)[3], "e4: big_2 -> query_2.big");
    assert_eq!(
        pasted.layout().position("query_2"),
        Some(Position::new(200, 20))
    );
    let elsewhere = after(
        &document(""),
        &[Command::Paste {
            text,
            position: None,
        }],
    );
    assert_eq!(edges(&elsewhere), ["e1: big -> query"]);
    assert_eq!(
        elsewhere.layout().position("big"),
        Some(Position::new(140, 90))
    );
}

#[test]
fn what_cannot_be_pasted_says_why() {
    let start = document("");
    for (text, message) in [
        ("", "this cannot be pasted: there are no nodes in it"),
        (
            "[edges]\n",
            "this cannot be pasted: there are no nodes in it",
        ),
        ("SELECT 1", "this cannot be pasted: this is no valid TOML: "),
        (
            "[nodes.a]\ncolour = 1\n",
            "this cannot be pasted: the node does not say what kind it is",
        ),
        (
            "[nodes.a]\nkind = \"print\"\n[edges]\ne1 = { from = \"b\", to = \"a\" }\n",
            "this cannot be pasted: edge 'e1': there is no node 'b'",
        ),
    ] {
        let command = Command::Paste {
            text: text.into(),
            position: None,
        };
        let (why, _) = refused(&start, &command);
        assert!(why.starts_with(message), "{text}: {why}");
    }
}

#[test]
fn a_whole_file_can_be_pasted() {
    let pasted = after(
        &document(LINE),
        &[Command::Paste {
            text: example(),
            position: None,
        }],
    );
    assert_eq!(pasted.pipeline().nodes().len(), 12);
    assert_eq!(pasted.pipeline().name(), "p");
    assert!(pasted.pipeline().settings().is_empty());
}

#[test]
fn parameters_titles_and_settings() {
    let start = document(LINE);
    let changed = after(
        &start,
        &[
            Command::SetParameter {
                node: node("big"),
                parameter: "condition".into(),
                value: "amount > 5".into(),
            },
            Command::SetTitle {
                node: node("big"),
                title: Some("Big ones".into()),
            },
            Command::SetComment {
                node: node("big"),
                comment: Some("Why.\nBecause.".into()),
            },
            Command::SetMuted {
                nodes: vec![node("big"), node("out")],
                muted: true,
            },
            Command::SetSetting {
                key: "parallelism.default".into(),
                value: "2".into(),
            },
            Command::SetDescription {
                description: Some("D".into()),
            },
        ],
    );
    let text = changed.pipeline().to_toml();
    for part in [
        "description = \"D\"",
        "[settings]\n\"parallelism.default\" = \"2\"",
        "[nodes.big]\nkind = \"filter\"\ntitle = \"Big ones\"\ncomment = '''\nWhy.\nBecause.'''\nmuted = true\ncondition = \"amount > 5\"",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let back = after(
        &changed,
        &[
            Command::SetParameter {
                node: node("big"),
                parameter: "condition".into(),
                value: "amount > 100".into(),
            },
            Command::SetTitle {
                node: node("big"),
                title: None,
            },
            Command::SetComment {
                node: node("big"),
                comment: Some(String::new()),
            },
            Command::SetMuted {
                nodes: vec![node("big"), node("out")],
                muted: false,
            },
            Command::UnsetSetting {
                key: "parallelism.default".into(),
            },
            Command::SetDescription { description: None },
        ],
    );
    assert_eq!(back, start);
    let unset = after(
        &start,
        &[Command::UnsetParameter {
            node: node("big"),
            parameter: "condition".into(),
        }],
    );
    assert!(unset.pipeline().node("big").unwrap().parameters.is_empty());
}

#[test]
fn what_would_break_the_file_is_refused() {
    let start = document(LINE);
    let parameter = |name: &str| Command::SetParameter {
        node: node("big"),
        parameter: name.into(),
        value: 1.into(),
    };
    assert_eq!(
        refused(&start, &parameter("kind")).0,
        "'kind' is no parameter: every node has it"
    );
    assert_eq!(
        refused(&start, &parameter(" ")).0,
        "the name of a parameter must be one line of text"
    );
    assert_eq!(
        refused(
            &start,
            &Command::SetName {
                name: "a\nb".into()
            }
        )
        .0,
        "the name of a pipeline must be one line of text"
    );
    assert_eq!(
        refused(
            &start,
            &Command::SetTitle {
                node: node("big"),
                title: Some("\n".into())
            }
        )
        .0,
        "a title must be one line of text"
    );
}

#[test]
fn a_refused_command_changes_nothing() {
    let start = document(LINE);
    let command = Command::RemoveNodes {
        nodes: vec![node("big"), node("nowhere")],
    };
    assert_eq!(refused(&start, &command).0, "there is no node 'nowhere'");
    assert_eq!(start, document(LINE));
}

#[test]
fn the_canvas_has_commands_of_its_own() {
    let start = document(LINE);
    let frame = Frame {
        title: "Features".into(),
        position: Position::new(0, 0),
        width: 100,
        height: 50,
        colour: Colour::parse("#41bfa9"),
    };
    let changed = after(
        &start,
        &[
            Command::PutFrame {
                id: None,
                frame: frame.clone(),
            },
            Command::SetColour {
                nodes: vec![node("big")],
                colour: Colour::parse("#a48be6"),
            },
            Command::SetReroutes {
                edge: EdgeId::new("e1").unwrap(),
                points: vec![Position::new(1, 2)],
            },
            Command::MoveNodes {
                positions: vec![(node("big"), Position::new(-5, 7))],
            },
        ],
    );
    assert_eq!(changed.pipeline(), start.pipeline());
    let text = changed.layout().to_toml();
    assert_eq!(Layout::from_toml(&text).unwrap().0, *changed.layout());
    let id = changed.layout().frames().next().unwrap().0.clone();
    let gone = after(
        &changed,
        &[
            Command::RemoveFrame { id: id.clone() },
            Command::Disconnect {
                edges: vec![EdgeId::new("e1").unwrap()],
            },
            Command::RemoveNodes {
                nodes: vec![node("big")],
            },
        ],
    );
    assert_eq!(gone.layout(), &Layout::default());
    assert_eq!(
        refused(&gone, &Command::RemoveFrame { id }).0,
        "there is no frame 'frame_1'"
    );
}

#[test]
fn what_did_not_change_is_shared() {
    let start = document(LINE);
    let changed = after(
        &start,
        &[Command::SetTitle {
            node: node("big"),
            title: Some("B".into()),
        }],
    );
    assert!(!changed.pipeline().same_node(start.pipeline(), "big"));
    assert!(changed.pipeline().same_node(start.pipeline(), "source"));
}

#[test]
fn what_sql_has_no_words_for_survives_an_edited_script() {
    let text = r#"
[nodes.source]
kind = "datagen"
x-mine = 7
[nodes.source.schema]
a = "INT"

[nodes.big]
kind = "filter"
title = "Large ones"
condition = "a > 5"

[nodes.idle]
kind = "filter"
muted = true
condition = "a > 7"

[nodes.out]
kind = "print"

[edges]
e1 = { from = "source", to = "big" }
e4 = { from = "big", to = "idle" }
# The last one.
e9 = { from = "idle", to = "out" }
"#;
    let start = after(
        &document(text),
        &[
            Command::MoveNodes {
                positions: vec![(node("big"), Position::new(40, 80))],
            },
            Command::SetReroutes {
                edge: EdgeId::new("e4").unwrap(),
                points: vec![Position::new(1, 2)],
            },
        ],
    );
    // As a script tells it: another kind writes the same, and nobody is muted.
    let told = |big: &str, condition: &str| {
        let text = format!("version = 1\nname = \"p\"\n{text}")
            .replace("x-mine = 7", "")
            .replace("muted = true", "")
            .replace("big", big)
            .replace("a > 5", condition);
        Box::new(Pipeline::from_toml(&text).unwrap().pipeline)
    };
    let take = |document: &Document, from, to| {
        let applied = document.apply(&Command::TakeChanges { from, to }).unwrap();
        (applied.document, applied.nodes)
    };
    let (same, _) = take(&start, told("big", "a > 5"), told("big", "a > 5"));
    assert_eq!(same, start);

    let (changed, new) = take(&start, told("big", "a > 5"), told("big", "a > 6"));
    assert!(new.is_empty());
    let big = changed.pipeline().node("big").unwrap();
    assert_eq!(big.text_at("condition"), Some("a > 6"));
    assert_eq!(big.title.as_deref(), Some("Large ones"));
    assert_eq!(changed.layout(), start.layout());
    assert!(changed.pipeline().edges().eq(start.pipeline().edges()));
    assert!(changed.pipeline().node("idle").unwrap().muted);
    assert!(changed.pipeline().to_toml().contains("x-mine = 7"));
    assert!(changed.pipeline().to_toml().contains("# The last one."));

    // The same under another name stays where it stands, and so do its wires.
    let (renamed, new) = take(&start, told("big", "a > 5"), told("large", "a > 5"));
    assert_eq!(new, [node("large")]);
    assert_eq!(
        renamed.layout().position("large"),
        Some(Position::new(40, 80))
    );
    assert_eq!(renamed.pipeline().edges().len(), 3);
    let e4 = EdgeId::new("e4").unwrap();
    assert_eq!(renamed.layout().reroutes("e4").len(), 1);
    assert_eq!(
        renamed.pipeline().edge(e4.as_str()).unwrap().from.node,
        "large"
    );

    // What both changed is as the script says; what only one changed stays changed.
    let meanwhile = after(
        &start,
        &[
            Command::SetParameter {
                node: node("big"),
                parameter: "condition".into(),
                value: "a > 50".into(),
            },
            Command::SetTitle {
                node: node("out"),
                title: Some("Out".into()),
            },
        ],
    );
    let (both, _) = take(&meanwhile, told("big", "a > 5"), told("big", "a > 6"));
    let text_of = |id: &str, path: &str| {
        let node = both.pipeline().node(id).unwrap();
        node.text_at(path).map(str::to_string)
    };
    assert_eq!(text_of("big", "condition").as_deref(), Some("a > 6"));
    let out = both.pipeline().node("out").unwrap();
    assert_eq!(out.title.as_deref(), Some("Out"));
}
