//! Random pipelines: lowering never fails to say something sensible.

use proptest::prelude::*;

use super::naive_typer::NaiveTyper;
use super::*;
use crate::document::{Command, Document, Entries, Layout, PortRef, Value};
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
        ParameterType::Columns | ParameterType::ModelInputs => columns.boxed(),
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

/// A node of any kind with any parameters.
fn node() -> impl Strategy<Value = (String, Entries)> {
    prop::sample::select((0..all().len()).collect::<Vec<_>>()).prop_flat_map(|kind| {
        let spec = all()[kind].spec();
        let parameters: Vec<_> = spec
            .parameters
            .iter()
            .map(|parameter| {
                let weight = if parameter.required { 0.98 } else { 0.2 };
                prop::option::weighted(weight, value(parameter.ty))
                    .prop_map(|value| value.map(|value| (parameter.name, value)))
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
        .with("ts", "TIMESTAMP(3)");
    let parameters = Entries::new()
        .with("schema", schema)
        .with("watermark", "ts");
    ("datagen".into(), parameters)
}

fn build(nodes: Vec<(String, Entries)>, edges: Vec<(usize, usize)>, muted: usize) -> Pipeline {
    let mut document = Document::new(Pipeline::new("random"), Layout::default());
    let mut ids = Vec::new();
    let start = ("s".to_string(), source());
    let named = nodes.into_iter().map(|node| (node.0.clone(), node));
    for (name, (kind, parameters)) in std::iter::once(start).chain(named) {
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
    // The chain first, so that most nodes have an input, then whatever else fits.
    let chain = (1..ids.len()).map(|i| (i - 1, i));
    for (from, to) in chain.chain(edges) {
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
        let run = || lower(&pipeline, target, &NoEnvironment, &mut NaiveTyper::default());
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
