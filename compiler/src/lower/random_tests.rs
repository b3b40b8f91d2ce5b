//! Random pipelines: lowering never fails to say something sensible.

use proptest::prelude::*;

use super::*;
use crate::document::{Command, Document, Entries, Layout, PortName, PortRef, Value};
use crate::environment::NoEnvironment;
use crate::nodes::{ParameterType, all};

/// Texts that people may type anywhere.
const WORDS: [&str; 24] = [
    "id",
    "ts",
    "amount",
    "nothing",
    "order",
    "a b",
    "COUNT(*)",
    "SUM(amount)",
    "LAG(ts)",
    "id + 1",
    "id +",
    "amount > 1 -- why",
    "'it''s'",
    "/*",
    "größe",
    "1 min",
    "1 h",
    "90 s",
    "BIGINT",
    "TIMESTAMP(3)",
    "AS id * 2",
    "SELECT * FROM s",
    "WITH x AS (SELECT id FROM s) SELECT * FROM x",
    "",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => prop::sample::select(&WORDS[..]).prop_map(str::to_string),
        1 => "\\PC{0,10}",
    ]
}

/// Names that no source has.
fn new_name() -> impl Strategy<Value = String> {
    (0u32..1000).prop_map(|n| format!("new_{n}"))
}

/// A table with mostly new names and mostly one of these texts.
fn table(texts: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let key = prop_oneof![19 => new_name(), 1 => word()];
    let text = prop_oneof![
        29 => prop::sample::select(texts).prop_map(str::to_string),
        1 => word(),
    ];
    prop::collection::vec((key, text), 1..4)
        .prop_map(|entries| Value::Table(entries.into_iter().collect::<Entries>()))
}

/// A value that is mostly right.
fn value(ty: ParameterType) -> BoxedStrategy<Value> {
    let text = |texts: &'static [&'static str]| {
        prop_oneof![
            29 => prop::sample::select(texts).prop_map(Value::from),
            1 => word().prop_map(Value::from),
        ]
        .boxed()
    };
    let columns =
        prop::sample::subsequence(vec!["id", "amount", "order", "ts"], 1..4).prop_map(Value::from);
    match ty {
        ParameterType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        ParameterType::Integer { .. } => (0i64..100).prop_map(Value::Integer).boxed(),
        ParameterType::Number { .. } => (0f64..1.1).prop_map(Value::Number).boxed(),
        ParameterType::Enum(choices) => prop::sample::select(choices)
            .prop_map(|choice| choice.name.into())
            .boxed(),
        ParameterType::Duration => text(&["1 min", "10 min", "1 h", "1 h"]),
        ParameterType::Timestamp => text(&["2024-01-01 00:00:00"]),
        ParameterType::Column => text(&["ts"]),
        ParameterType::Columns | ParameterType::ModelInputs | ParameterType::ColumnPairs => {
            columns.boxed()
        }
        ParameterType::Order => {
            prop::sample::subsequence(vec!["amount DESC", "id", "ts asc"], 1..3)
                .prop_map(Value::from)
                .boxed()
        }
        ParameterType::NewNames => prop::collection::vec(new_name(), 1..3)
            .prop_map(Value::from)
            .boxed(),
        ParameterType::Expression => text(&["id > 1", " amount > 5 OR `order` = 'a;b' "]),
        ParameterType::Sql => text(&["SELECT id, ts FROM s", "SELECT 1 AS `one` -- that\n;"]),
        ParameterType::Assignments => {
            table(&["id + 1", "CASE WHEN id > 1 THEN 'a' END", "ts"]).boxed()
        }
        ParameterType::Aggregates => table(&["COUNT(*)", "SUM(amount)", "max(id)"]).boxed(),
        ParameterType::Schema => table(&["BIGINT", "string", "TIMESTAMP(3)", "AS 1 + 1"]).boxed(),
        ParameterType::ModelOutputs => table(&["FLOAT", "STRING"]).boxed(),
        ParameterType::KeyValues => table(&["a", "1", "it's"]).boxed(),
        ParameterType::Renames => prop::sample::subsequence(vec!["id", "amount", "order"], 0..3)
            .prop_map(|names| {
                let renames = names.into_iter().map(|name| (name, format!("{name}_2")));
                Value::Table(renames.collect::<Entries>())
            })
            .boxed(),
        ParameterType::Text | ParameterType::Path(_) => word().prop_map(Value::Text).boxed(),
    }
}

/// A value of a parameter that is mostly right for its kind.
fn value_of(kind: &'static str, name: &'static str, ty: ParameterType) -> BoxedStrategy<Value> {
    let one = |texts: &'static [&'static str]| {
        prop_oneof![
            29 => prop::sample::select(texts).prop_map(Value::from),
            1 => word().prop_map(Value::from),
        ]
        .boxed()
    };
    match (kind, name) {
        ("flatten", "column") => one(&["tags", "marks"]),
        ("flatten", "names") => {
            prop::sample::select(vec![vec!["tag"], vec!["the key", "the value"]])
                .prop_map(Value::from)
                .boxed()
        }
        ("flatten" | "top-n" | "window-top-n", "ordinality" | "rank") => one(&["place", "value"]),
        ("connector-source" | "connector-sink", "connector") => {
            one(&["kafka", "datagen", "filesystem", "blackhole", "it's"])
        }
        ("connector-source", "schema") => Just(Value::Table(
            Entries::new()
                .with("id", "BIGINT COMMENT 'who'")
                .with("order", "STRING NOT NULL")
                .with("ts", "TIMESTAMP(3)")
                .with("late", "AS ts - INTERVAL '1' DAY"),
        ))
        .boxed(),
        ("connector-source" | "connector-sink", "primary-key" | "partitioned-by") => {
            prop::sample::subsequence(vec!["id", "order"], 1..3)
                .prop_map(Value::from)
                .boxed()
        }
        ("connector-source", "watermark-expression") => {
            one(&["ts - INTERVAL '5' SECOND", "CAST(late AS TIMESTAMP(3))"])
        }
        ("connector-sink", "schema" | "columns") => Just(Value::Boolean(false)).boxed(),
        ("join" | "interval-join" | "temporal-join" | "lookup-join", "condition") => one(&[
            "l.id > r.amount",
            " l.id = r.id OR r.`order` IS NULL ",
            "r.ts BETWEEN l.ts AND l.ts + INTERVAL '1' HOUR",
        ]),
        ("temporal-join" | "lookup-join", "on") => {
            prop::sample::select(vec![vec!["id"], vec!["id", "order"]])
                .prop_map(Value::from)
                .boxed()
        }
        ("join" | "interval-join", "on") => prop_oneof![
            value(ty),
            Just(Value::Table(
                Entries::new().with("order", "order").with("id", "amount")
            )),
        ]
        .boxed(),
        (_, "rename") if kind.ends_with("join") => Just(Value::Table(
            Entries::new().with("amount", "more").with("ts", "then"),
        ))
        .boxed(),
        (_, "suffix") => one(&["_2", "_right"]),
        ("window", "keys") | ("aggregate", "keys") | (_, "partition") => {
            prop::sample::subsequence(vec!["id", "order"], 1..3)
                .prop_map(Value::from)
                .boxed()
        }
        _ => value(ty),
    }
}

/// A node of any kind with any parameters.
fn node() -> impl Strategy<Value = (String, Entries)> {
    prop::sample::select((0..all().len()).collect::<Vec<_>>()).prop_flat_map(|kind| {
        let spec = all()[kind].spec();
        let parameters: Vec<_> = spec
            .parameters
            .iter()
            .map(|parameter| {
                let weight = if parameter.required { 0.98 } else { 0.2 };
                let value = value_of(spec.name, parameter.name, parameter.ty);
                // A sink's columns are its input's.
                let off = spec.name == "connector-sink"
                    && ["schema", "columns"].contains(&parameter.name);
                let value = match off {
                    true => Just(None).boxed(),
                    false => prop::option::weighted(weight, value).boxed(),
                };
                value.prop_map(|value| value.map(|value| (parameter.name, value)))
            })
            .collect();
        parameters.prop_map(move |parameters| {
            (
                spec.name.to_string(),
                parameters.into_iter().flatten().collect::<Entries>(),
            )
        })
    })
}

fn source() -> (String, Entries) {
    let schema = Entries::new()
        .with("id", "BIGINT")
        .with("amount", "DECIMAL(10, 2)")
        .with("order", "STRING")
        .with("ts", "TIMESTAMP(3)")
        .with("tags", "ARRAY<STRING>")
        .with("marks", "MAP<STRING, INT>");
    let parameters = Entries::new()
        .with("schema", schema)
        .with("watermark", "ts");
    ("datagen".into(), parameters)
}

/// The last row of each `id`, which temporal joins take.
fn versions() -> (String, Entries) {
    let parameters = Entries::new()
        .with("keys", vec!["id"])
        .with("order", "ts")
        .with("keep", "last");
    ("deduplicate".into(), parameters)
}

/// Windows with columns of the usual names.
fn hours() -> (String, Entries) {
    let parameters = Entries::new()
        .with("time", "ts")
        .with("size", "1 h")
        .with("keys", vec!["id", "order"])
        .with(
            "aggregates",
            Entries::new()
                .with("amount", "SUM(amount)")
                .with("ts", "MAX(ts)"),
        );
    ("window".into(), parameters)
}

fn build(nodes: Vec<(String, Entries)>, edges: Vec<(usize, usize)>, muted: usize) -> Pipeline {
    let mut document = Document::new(Pipeline::new("random"), Layout::default());
    let mut ids = Vec::new();
    let start = [
        ("s".to_string(), source()),
        ("versions".to_string(), versions()),
        ("hours".to_string(), hours()),
    ];
    let named = nodes.into_iter().map(|node| (node.0.clone(), node));
    for (name, (kind, parameters)) in start.into_iter().chain(named) {
        let taken = document.pipeline().clone();
        let id = NodeId::slug(&name).unique(|id| taken.node(id.as_str()).is_some());
        let command = Command::AddNode {
            id: Some(id),
            kind,
            parameters,
            position: None,
        };
        let applied = document.apply(&command).unwrap();
        document = applied.document;
        ids.extend(applied.nodes);
    }
    // What some kinds need, then a chain, so that most nodes have an input, then what else fits.
    let kind_of = |document: &Document, id: &NodeId| {
        document.pipeline().node(id.as_str()).unwrap().kind.clone()
    };
    for (i, id) in ids.iter().enumerate().skip(1) {
        let kind = kind_of(&document, id);
        let right = match kind.as_str() {
            "join" | "interval-join" | "lookup-join" => Some(0),
            "temporal-join" => Some(1),
            _ => None,
        };
        let first = match kind.as_str() {
            "window-top-n" => Some(2),
            _ if i < 3 => Some(0),
            _ => None,
        };
        let named = right.map(|from| (from, Some(PortName::slug("right"))));
        for (from, port) in first.map(|from| (from, None)).into_iter().chain(named) {
            let command = Command::Connect {
                from: PortRef::from(ids[from].clone()),
                to: PortRef::new(id.clone(), port),
            };
            if let Ok(applied) = document.apply(&command) {
                document = applied.document;
            }
        }
    }
    let chain = (3..ids.len())
        .filter(|&i| kind_of(&document, &ids[i]) != "window-top-n")
        .map(|i| (if i == 3 { 0 } else { i - 1 }, i))
        .collect::<Vec<_>>();
    for (from, to) in chain.into_iter().chain(edges) {
        let command = Command::Connect {
            from: PortRef::from(ids[from % ids.len()].clone()),
            to: PortRef::from(ids[to % ids.len()].clone()),
        };
        if let Ok(applied) = document.apply(&command) {
            document = applied.document;
        }
    }
    let command = Command::SetMuted {
        nodes: vec![ids[muted % ids.len()].clone()],
        muted: muted.is_multiple_of(3),
    };
    document
        .apply(&command)
        .unwrap()
        .document
        .pipeline()
        .clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn lowering_says_something_sensible(
        nodes in prop::collection::vec(node(), 1..7),
        edges in prop::collection::vec((0usize..9, 0usize..9), 0..6),
        muted in 0usize..9,
        flink in any::<bool>(),
    ) {
        let pipeline = build(nodes, edges, muted);
        let target = if flink { Target::Flink } else { Target::Embedded };
        let run = || compile(&pipeline, target, &NoEnvironment);
        let lowered = run();
        let again = run();
        prop_assert_eq!(&lowered.script, &again.script);
        prop_assert_eq!(&lowered.diagnostics, &again.diagnostics);

        // Every part of the script that is there parses, whatever people typed.
        if !lowered.has_errors() {
            let parsed = crate::sql::parse_script(&lowered.script);
            prop_assert!(parsed.is_ok(), "{:?}\n{}", parsed, lowered.script);
        }
        for found in &lowered.diagnostics {
            if let Some(span) = found.span {
                prop_assert!(span.start <= span.end && span.end <= lowered.script.len());
                prop_assert!(lowered.script.is_char_boundary(span.start));
            }
            let node = found.node.as_ref().map(|id| pipeline.node(id).unwrap());
            if let (Some(node), Some(parameter), Some(span)) =
                (node, &found.parameter, found.parameter_span)
            {
                let text = node.text_at(parameter).unwrap_or_default();
                prop_assert!(text.get(span.range()).is_some(), "{:?} in {:?}", found, text);
            }
        }

        // A node without errors, all of whose inputs have none, is there.
        for (id, node) in pipeline.nodes() {
            let own = lowered.diagnostics.iter().any(|found| {
                found.is_error() && found.node.as_deref() == Some(id.as_str())
            });
            let fed = pipeline.inputs_of(id.as_str()).iter().all(|(_, _, edge)| {
                lowered.columns.contains_key(&edge.from.node)
            });
            let sink = !crate::nodes::find(&node.kind).unwrap().spec().has_output;
            if !own && fed && !sink {
                prop_assert!(
                    lowered.columns.contains_key(id),
                    "{} is missing without an error\n{}",
                    id,
                    lowered.script
                );
            }
        }
        // The map covers statements of its nodes and nothing else.
        let mut end = 0;
        for (span, id) in lowered.map.statements() {
            prop_assert!(span.start >= end);
            end = span.end;
            prop_assert_eq!(lowered.map.node_at(span.start), Some(id));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn both_scripts_are_those_of_each_target(
        nodes in prop::collection::vec(node(), 1..7),
        edges in prop::collection::vec((0usize..9, 0usize..9), 0..6),
        muted in 0usize..9,
    ) {
        both::tests::same_as_alone(&build(nodes, edges, muted), &NoEnvironment);
    }
}

proptest! {
    // Each is a few pipelines long.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// An editor keeps what it found of one document for the next, whatever was edited between.
    #[test]
    fn what_was_compiled_before_changes_nothing(
        documents in prop::collection::vec(
            (
                prop::collection::vec(node(), 1..5),
                prop::collection::vec((0usize..9, 0usize..9), 0..6),
            ),
            1..4,
        ),
        order in prop::collection::vec((0usize..4, 0usize..9), 2..6),
    ) {
        let mut before = both::Before::default();
        for (document, muted) in order {
            let (nodes, edges) = documents[document % documents.len()].clone();
            let pipeline = build(nodes, edges, muted);
            both::tests::same_as_ever(&pipeline, &NoEnvironment, &mut before);
        }
    }
}

/// The pipeline without the nodes that have errors and what only those feed.
fn sound(mut pipeline: Pipeline) -> Option<Pipeline> {
    for _ in 0..8 {
        let lowered = compile(&pipeline, Target::Embedded, &NoEnvironment);
        if !lowered.has_errors() {
            return Some(pipeline);
        }
        let broken: std::collections::BTreeSet<NodeId> = lowered
            .diagnostics
            .iter()
            .filter(|found| found.is_error())
            .filter_map(|found| NodeId::new(found.node.clone()?).ok())
            .collect();
        let command = Command::RemoveNodes {
            nodes: broken.into_iter().collect(),
        };
        let document = Document::new(pipeline, Layout::default());
        pipeline = document.apply(&command).ok()?.document.pipeline().clone();
    }
    None
}

/// Titles, comments, descriptions and settings as people write them.
fn words_on(pipeline: Pipeline, texts: &[String]) -> Pipeline {
    let ids: Vec<NodeId> = pipeline.nodes().map(|(id, _)| id.clone()).collect();
    let mut document = Document::new(pipeline, Layout::default());
    let mut commands = vec![
        Command::SetName {
            name: texts[0].clone(),
        },
        Command::SetDescription {
            description: Some(format!("{}\n\n{}", texts[1], texts[2])),
        },
        Command::SetSetting {
            key: "parallelism.default".into(),
            value: "2".into(),
        },
    ];
    for (i, text) in texts.iter().enumerate().skip(3) {
        let node = ids[i % ids.len()].clone();
        commands.push(match i % 3 {
            0 => Command::SetTitle {
                node,
                title: Some(text.clone()),
            },
            1 => Command::SetComment {
                node,
                comment: Some(format!("{text}\nand more\n")),
            },
            _ => Command::SetSetting {
                key: "pipeline.name".into(),
                value: text.clone(),
            },
        });
    }
    for command in commands {
        if let Ok(applied) = document.apply(&command) {
            document = applied.document;
        }
    }
    document.pipeline().clone()
}

/// Document → SQL → document → SQL: the same text, for 1,000 documents.
#[test]
fn a_script_comes_back() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let strategy = (
        prop::collection::vec(node(), 1..7),
        prop::collection::vec((0usize..9, 0usize..9), 0..6),
        0usize..9,
        prop::collection::vec(word(), 3..8),
    );
    let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut count = 0;
    while count < 1_000 {
        let (nodes, edges, muted, texts) = strategy.new_tree(&mut runner).unwrap().current();
        let Some(pipeline) = sound(build(nodes, edges, muted)) else {
            continue;
        };
        if pipeline.nodes().len() == 0 {
            continue;
        }
        let pipeline = words_on(pipeline, &texts);
        let target = [Target::Embedded, Target::Flink][count % 2];
        let script = compile(&pipeline, target, &NoEnvironment).script;
        let imported = import(&script, "other", target, &NoEnvironment);
        let again = compile(&imported.pipeline, target, &NoEnvironment).script;
        assert_eq!(
            again,
            script,
            "document {count}: {:#?}\n{}",
            imported.diagnostics,
            imported.pipeline.to_toml()
        );
        for (id, node) in pipeline.nodes().filter(|(_, node)| !node.muted) {
            let seen = kinds.entry(node.kind.clone()).or_default();
            seen.0 += 1;
            let back = imported.pipeline.node(id.as_str());
            seen.1 += usize::from(back.is_some_and(|back| back.kind == node.kind));
        }
        count += 1;
    }
    eprintln!("kinds in the documents, and how many came back as the same: {kinds:?}");
    for kind in all() {
        let name = kind.spec().name;
        // Models need a file.
        if name != "model" {
            assert!(
                kinds.contains_key(name),
                "no {name} in any document: {kinds:?}"
            );
        }
    }
}

/// A document that takes over what changed between two scripts means the second one, whatever stood
/// in both: 400 pairs of documents.
#[test]
fn an_edited_script_becomes_an_edit_of_the_graph() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let strategy = (
        prop::collection::vec(node(), 2..7),
        prop::collection::vec((0usize..9, 0usize..9), 0..6),
        (0usize..9, 0usize..9),
        prop::collection::vec(word(), 3..8),
        prop::collection::vec(word(), 3..8),
    );
    let (mut count, mut kept) = (0, 0);
    while count < 400 {
        let (nodes, edges, (muted, cut), texts, others) =
            strategy.new_tree(&mut runner).unwrap().current();
        // The second document has the nodes of the first, but for some, in another order.
        let mut changed = nodes.clone();
        changed.rotate_left(cut % nodes.len());
        changed.truncate(nodes.len() - cut % 2);
        let mut wires = edges.clone();
        wires.truncate(cut);
        let (Some(before), Some(after)) = (
            sound(build(nodes, edges, muted)),
            sound(build(changed, wires, cut)),
        ) else {
            continue;
        };
        if before.nodes().len() == 0 || after.nodes().len() == 0 {
            continue;
        }
        let (before, after) = (words_on(before, &texts), words_on(after, &others));
        let target = [Target::Embedded, Target::Flink][count % 2];
        let script = |pipeline: &Pipeline| compile(pipeline, target, &NoEnvironment).script;
        let read = |pipeline: &Pipeline| {
            let name = pipeline.name().to_string();
            import(&script(pipeline), &name, target, &NoEnvironment).pipeline
        };
        let document = Document::new(before.clone(), Layout::default());
        let command = Command::TakeChanges {
            from: Box::new(read(&before)),
            to: Box::new(read(&after)),
        };
        let taken = document.apply(&command).unwrap().document;
        assert_eq!(
            script(taken.pipeline()),
            script(&after),
            "pair {count}\n{}\nand\n{}",
            before.to_toml(),
            after.to_toml()
        );
        kept += (taken.pipeline().nodes())
            .filter(|(id, _)| taken.pipeline().same_node(&before, id.as_str()))
            .count();
        count += 1;
    }
    assert!(kept > count, "only {kept} nodes stayed as they were");
}

/// Whatever is cut out of a script or put into it, it is read or found wrong, and what it means can
/// be taken over: 600 torn scripts.
#[test]
fn a_torn_script_is_read_or_found_wrong() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let strategy = (
        prop::collection::vec(node(), 2..7),
        prop::collection::vec((0usize..9, 0usize..9), 0..6),
        (0usize..10_000, 0usize..60),
        prop::sample::select(vec![
            "",
            "",
            "(",
            ")",
            "'",
            "`",
            ";",
            ",",
            " AS ",
            "--",
            "/*",
            "SELECT ",
            " FROM ",
            "é",
            " WHERE 1 = ",
            " UNION ALL ",
            "CREATE TABLE ",
            "INTERVAL ",
            "BEGIN",
            "END",
            "\n\n",
        ]),
    );
    let mut count = 0;
    let (mut read, mut wrong) = (0, 0);
    while count < 600 {
        let (nodes, edges, (at, length), put) = strategy.new_tree(&mut runner).unwrap().current();
        let Some(pipeline) = sound(build(nodes, edges, at)) else {
            continue;
        };
        if pipeline.nodes().len() == 0 {
            continue;
        }
        let script = compile(&pipeline, Target::Embedded, &NoEnvironment).script;
        let from = import(&script, "p", Target::Embedded, &NoEnvironment).pipeline;
        let boundary = |at: usize| {
            let mut at = at.min(script.len());
            while !script.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary(at % script.len());
        let end = boundary(start + length).max(start);
        let torn = format!("{}{put}{}", &script[..start], &script[end..]);
        match crate::sql::parse_script(&torn) {
            Ok(_) => read += 1,
            Err(found) => {
                wrong += 1;
                assert!(!found.is_empty());
                for place in found.iter().filter_map(|found| found.span) {
                    assert!(torn.get(place.range()).is_some(), "{place:?} of {torn}");
                }
            }
        }
        let imported = import(&torn, "p", Target::Embedded, &NoEnvironment);
        for place in imported.diagnostics.iter().filter_map(|found| found.span) {
            assert!(torn.get(place.range()).is_some(), "{place:?} of {torn}");
        }
        if let Err(found) = crate::plan::plan_script(&torn, &NoEnvironment) {
            for place in found.iter().filter_map(|found| found.span) {
                assert!(torn.get(place.range()).is_some(), "{place:?} of {torn}");
            }
        }
        let document = Document::new(pipeline, Layout::default());
        let command = Command::TakeChanges {
            from: Box::new(from),
            to: Box::new(imported.pipeline),
        };
        // Where nobody else changed anything, nothing speaks against it.
        let taken = document.apply(&command);
        assert!(taken.is_ok(), "{taken:?}\n{torn}");
        count += 1;
    }
    assert!(read > 20 && wrong > 100, "{read} read, {wrong} wrong");
}
