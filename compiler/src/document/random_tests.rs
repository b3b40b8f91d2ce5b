//! Random documents and random command sequences: what must hold for all of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::nodes;

/// Texts that are hard on quoting, and some that are not.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[ -~]{0,20}",
        "\\PC{0,12}",
        Just("line one\nline two\n".to_string()),
        Just("'''\n\"\"\" \\".to_string()),
        Just("tab\there\r\nand\u{7f}".to_string()),
        Just("it's".to_string()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        text().prop_map(Value::Text),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(canonical_number),
        any::<bool>().prop_map(Value::Boolean),
        Just(Value::Datetime("2024-01-31T12:00:00Z".into())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|entries| Value::Table(entries.into_iter().collect())),
        ]
    })
}

/// TOML has one NaN and no more.
fn canonical_number(n: f64) -> Value {
    Value::Number(if n.is_nan() { f64::NAN } else { n })
}

fn kind() -> impl Strategy<Value = String> {
    let names: Vec<String> = nodes::all()
        .iter()
        .map(|kind| kind.spec().name.to_string())
        .collect();
    prop::sample::select(names)
}

/// A small alphabet, so that commands meet each other.
fn id() -> impl Strategy<Value = NodeId> {
    prop::sample::select(vec!["a", "b", "c", "d", "e1", "filter", "union", "sql_2"])
        .prop_map(NodeId::slug)
}

fn edge_id() -> impl Strategy<Value = EdgeId> {
    (1u64..8).prop_map(EdgeId::numbered)
}

fn port_ref() -> impl Strategy<Value = PortRef> {
    (
        id(),
        prop::option::weighted(
            0.2,
            prop::sample::select(vec!["input", "output", "a", "left"]),
        ),
    )
        .prop_map(|(node, port)| PortRef::new(node, port.map(PortName::slug)))
}

fn position() -> impl Strategy<Value = Position> {
    (any::<i32>(), any::<i32>()).prop_map(|(x, y)| Position::new(x, y))
}

fn command() -> impl Strategy<Value = Command> {
    let parameters = prop::collection::vec(("[a-z-]{1,9}", value()), 0..3)
        .prop_map(|entries| entries.into_iter().collect::<Entries>());
    let ids = || prop::collection::vec(id(), 0..3);
    prop_oneof![
        4 => (prop::option::of(id()), kind(), parameters, prop::option::of(position())).prop_map(
            |(id, kind, parameters, position)| Command::AddNode { id, kind, parameters, position }
        ),
        1 => ids().prop_map(|nodes| Command::RemoveNodes { nodes }),
        1 => ids().prop_map(|nodes| Command::RemoveAndReconnect { nodes }),
        2 => (id(), id()).prop_map(|(node, to)| Command::RenameNode { node, to }),
        1 => (id(), prop::option::of(text())).prop_map(|(node, title)| Command::SetTitle { node, title }),
        1 => (id(), prop::option::of(text())).prop_map(|(node, comment)| Command::SetComment { node, comment }),
        1 => (ids(), any::<bool>()).prop_map(|(nodes, muted)| Command::SetMuted { nodes, muted }),
        2 => (id(), text(), value()).prop_map(|(node, parameter, value)| Command::SetParameter { node, parameter, value }),
        1 => (id(), text()).prop_map(|(node, parameter)| Command::UnsetParameter { node, parameter }),
        6 => (port_ref(), port_ref()).prop_map(|(from, to)| Command::Connect { from, to }),
        1 => prop::collection::vec(edge_id(), 0..3).prop_map(|edges| Command::Disconnect { edges }),
        2 => (edge_id(), id()).prop_map(|(edge, node)| Command::InsertOnEdge { edge, node }),
        1 => text().prop_map(|name| Command::SetName { name }),
        1 => prop::option::of(text()).prop_map(|description| Command::SetDescription { description }),
        1 => (text(), text()).prop_map(|(key, value)| Command::SetSetting { key, value }),
        1 => text().prop_map(|key| Command::UnsetSetting { key }),
        1 => (id(), position()).prop_map(|(node, place)| Command::MoveNodes { positions: vec![(node, place)] }),
        1 => (edge_id(), prop::collection::vec(position(), 0..3)).prop_map(|(edge, points)| Command::SetReroutes { edge, points }),
        1 => (ids(), any::<bool>()).prop_map(|(nodes, on)| Command::SetColour {
            nodes,
            colour: on.then_some(Colour { red: 1, green: 200, blue: 30 }),
        }),
        1 => text().prop_map(|text| Command::Paste { text, position: None }),
    ]
}

/// Everything that always holds; see the module documentation.
fn check_invariants(document: &Document) {
    let pipeline = document.pipeline();
    let order = topological_order(pipeline);
    assert_eq!(order.len(), pipeline.nodes().len(), "there is a cycle");
    let mut fed = BTreeSet::new();
    for (id, edge) in pipeline.edges() {
        assert!(EdgeId::new(id.as_str()).is_ok());
        for end in [&edge.from, &edge.to] {
            assert!(pipeline.node(end.node.as_str()).is_some(), "{id} dangles");
        }
        let from = nodes::find(&pipeline.node(edge.from.node.as_str()).unwrap().kind).unwrap();
        assert!(from.spec().has_output, "{id} comes out of a sink");
        let port = (edge.to.node.clone(), pipeline.input_port(edge));
        match pipeline.inputs(edge.to.node.as_str()) {
            nodes::Inputs::None => panic!("{id} goes into a source"),
            nodes::Inputs::Many(_) => {}
            nodes::Inputs::Fixed(_) | nodes::Inputs::Named => {
                assert!(fed.insert(port.clone()), "{port:?} is fed twice");
            }
        }
    }
    for (id, _) in pipeline.nodes() {
        assert!(NodeId::new(id.as_str()).is_ok());
    }
    // Places belong to what exists.
    let layout = document.layout().clone();
    assert_eq!(layout.clone().retain_known(pipeline), layout);
}

/// A graph with something of everything, for commands to work on.
fn start() -> Document {
    let text = r#"
version = 1
name = "random"

[nodes]
a = { kind = "datagen" }
b = { kind = "generator" }
c = { kind = "filter", condition = "x" }
d = { kind = "union" }
e1 = { kind = "print" }
filter = { kind = "select" }
sql_2 = { kind = "sql", query = "SELECT 1" }
union = { kind = "union", title = "All" }

[edges]
e1 = { from = "a", to = "c" }
# About e2.
e2 = { from = "c", to = "sql_2" }
e3 = { from = "sql_2", to = "union" }
e4 = { from = "b", to = "sql_2.left" }
e5 = { from = "b", to = "d" }
"#;
    Document::new(
        Pipeline::from_toml(text).unwrap().pipeline,
        Layout::default(),
    )
}

fn play(commands: &[Command]) -> Document {
    let mut document = start();
    for command in commands {
        // Refusals are fine: they change nothing.
        if let Ok(applied) = document.apply(command) {
            document = applied.document;
            for node in &applied.nodes {
                assert!(document.pipeline().node(node.as_str()).is_some());
            }
        }
        check_invariants(&document);
    }
    document
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn commands_keep_what_always_holds(commands in prop::collection::vec(command(), 0..40)) {
        play(&commands);
    }

    #[test]
    fn what_was_saved_loads_as_the_same(commands in prop::collection::vec(command(), 0..30)) {
        let document = play(&commands);
        let text = document.pipeline().to_toml();
        let loaded = Pipeline::from_toml(&text)
            .unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"));
        prop_assert_eq!(&loaded.pipeline, document.pipeline(), "{}", text);
        prop_assert_eq!(loaded.pipeline.to_toml(), text);
        let layout = document.layout().to_toml();
        let (read, warnings) = Layout::from_toml(&layout).unwrap();
        prop_assert_eq!(warnings, vec![]);
        prop_assert_eq!(&read, document.layout());
    }

    #[test]
    fn a_copy_of_everything_is_everything(commands in prop::collection::vec(command(), 0..30)) {
        let document = play(&commands);
        let all: Vec<NodeId> = document.pipeline().nodes().map(|(id, _)| id.clone()).collect();
        prop_assume!(!all.is_empty());
        let text = fragment_to_toml(&document, &all);
        let empty = Document::new(Pipeline::new("copy"), Layout::default());
        let pasted = empty
            .apply(&Command::Paste { text, position: None })
            .unwrap()
            .document;
        prop_assert_eq!(
            pasted.pipeline().nodes().collect::<Vec<_>>(),
            document.pipeline().nodes().collect::<Vec<_>>()
        );
        prop_assert_eq!(pasted.pipeline().edges().len(), document.pipeline().edges().len());
        check_invariants(&pasted);
        // And beside itself.
        let twice = document
            .apply(&Command::Paste { text: fragment_to_toml(&document, &all), position: None })
            .unwrap()
            .document;
        prop_assert_eq!(twice.pipeline().nodes().len(), 2 * all.len());
        check_invariants(&twice);
    }

    #[test]
    fn changes_are_taken_over(
        common in prop::collection::vec(command(), 0..12),
        here in prop::collection::vec(command(), 0..8),
        there in prop::collection::vec(command(), 0..12),
    ) {
        let from = play(&common);
        let with = |more: &[Command]| play(&[common.as_slice(), more].concat());
        let (ours, to) = (with(&here), with(&there));
        let take = |document: &Document| document.apply(&Command::TakeChanges {
            from: Box::new(from.pipeline().clone()),
            to: Box::new(to.pipeline().clone()),
        });
        if let Ok(applied) = take(&ours) {
            check_invariants(&applied.document);
        }
        // Where nobody changed anything meanwhile, what is meant is what comes of it.
        let taken = take(&from).unwrap().document;
        check_invariants(&taken);
        let wires = |document: &Document| {
            let pipeline = document.pipeline().clone();
            let all = pipeline.nodes().flat_map(|(id, _)| {
                let inputs = pipeline.inputs_of(id.as_str()).into_iter();
                let inputs = inputs.map(|(port, _, edge)| (id.clone(), port, edge.from.clone()));
                inputs.collect::<Vec<_>>()
            });
            all.collect::<Vec<_>>()
        };
        prop_assert_eq!(wires(&taken), wires(&to));
        prop_assert_eq!(taken.pipeline().name(), to.pipeline().name());
        prop_assert_eq!(taken.pipeline().settings(), to.pipeline().settings());
        for (id, node) in to.pipeline().nodes() {
            prop_assert_eq!(taken.pipeline().node(id.as_str()), Some(node));
        }
        prop_assert_eq!(taken.pipeline().nodes().len(), to.pipeline().nodes().len());
    }

    #[test]
    fn undo_goes_all_the_way_back(commands in prop::collection::vec(command(), 0..30)) {
        let mut history = History::new(start());
        let mut states = vec![history.document().clone()];
        for command in &commands {
            if let Ok(applied) = history.document().apply(command) {
                history.push(command.label(), applied.document);
                if history.document() != states.last().unwrap() {
                    states.push(history.document().clone());
                }
            }
        }
        for state in states.iter().rev() {
            prop_assert_eq!(history.document(), state);
            history.undo();
        }
        for state in states.iter().skip(1) {
            history.redo();
            prop_assert_eq!(history.document(), state);
        }
    }

    #[test]
    fn keys_that_nobody_knows_survive(
        entries in prop::collection::vec(("[a-z]{1,6}", value()), 1..5),
        parameters in prop::collection::vec(("[a-z]{1,6}x", value()), 1..5),
    ) {
        let mut text = String::from("version = 1\nname = \"p\"\n");
        let mut pipeline = Pipeline::from_toml(&text).unwrap().pipeline;
        for (key, value) in entries {
            std::sync::Arc::make_mut(&mut pipeline.unknown).insert(format!("x_{key}"), value);
        }
        text = pipeline.to_toml();
        let document = Document::new(Pipeline::from_toml(&text).unwrap().pipeline, Layout::default());
        prop_assert_eq!(document.pipeline(), &pipeline);
        let added = document.apply(&Command::AddNode {
            id: None,
            kind: "print".into(),
            parameters: parameters.into_iter().collect(),
            position: None,
        }).unwrap().document;
        let again = Pipeline::from_toml(&added.pipeline().to_toml()).unwrap().pipeline;
        prop_assert_eq!(&again, added.pipeline());
    }

    #[test]
    fn no_text_makes_the_reader_fall_over(text in "(\\PC|\n|[\\[\\]={}.\"'#]|version = 1|name|nodes|edges|kind){0,60}") {
        let _ = Pipeline::from_toml(&text);
        let _ = Pipeline::from_toml(&format!("version = 1\nname = 'p'\n{text}"));
        let _ = Layout::from_toml(&text);
        let document = Document::new(Pipeline::new("p"), Layout::default());
        if let Ok(applied) = document.apply(&Command::Paste { text, position: None }) {
            check_invariants(&applied.document);
        }
    }
}
