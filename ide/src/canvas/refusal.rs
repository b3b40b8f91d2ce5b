//! Connecting two ports, and what is said where they cannot be connected: why not, and what to do
//! about it.

use egui::Vec2;
use millstream_compiler::document::{
    Command, Document, Edge, EdgeId, Entries, NodeId, PortName, PortRef, Refusal,
};
use millstream_compiler::nodes::{self, Inputs};

use super::arrange;
use crate::editor::{Action, Editor, Notice, position};

/// What is to be done to connect two ports: the edit, or a notice that says why not.
///
/// `instead` is the wire whose end was taken hold of; it goes.
pub fn connect(
    editor: &Editor,
    from: &PortRef,
    to: &PortRef,
    instead: Option<&EdgeId>,
) -> Vec<Action> {
    let document = editor.document();
    let connect = Command::Connect {
        from: from.clone(),
        to: to.clone(),
    };
    let mut commands = Vec::new();
    if let Some(edge) = instead {
        commands.push(Command::Disconnect {
            edges: vec![edge.clone()],
        });
    }
    commands.push(connect.clone());
    let done = match apply_all(document, &commands) {
        Ok(done) => done,
        Err(refusal) => return vec![Action::Notify(explain(editor, &refusal, from, to))],
    };
    let replaced = replaced(document, &done, to, instead);
    let mut actions = vec![match commands.len() {
        1 => Action::Edit(connect),
        _ => Action::Edits {
            label: connect.label(),
            commands,
        },
    }];
    if let Some(before) = replaced
        && let Some(repair) = keep_both(editor, &done, &before, from, to)
    {
        let text = format!(
            "{} now feeds {} instead of {}: an input takes one wire",
            from.node, to.node, before.from.node
        );
        actions.push(Action::Notify(
            Notice::info(text).with_repair("Insert a union of both", repair),
        ));
    }
    actions
}

fn apply_all(document: &Document, commands: &[Command]) -> Result<Document, Refusal> {
    let mut document = document.clone();
    for command in commands {
        document = document.apply(command)?.document;
    }
    Ok(document)
}

fn inputs_of(document: &Document, node: &NodeId) -> Option<Inputs> {
    let node = document.pipeline().node(node.as_str())?;
    Some(nodes::find(&node.kind)?.spec().inputs)
}

/// The wire that another took the place of.
fn replaced(
    before: &Document,
    after: &Document,
    to: &PortRef,
    instead: Option<&EdgeId>,
) -> Option<Edge> {
    before
        .pipeline()
        .edges()
        .find(|(id, edge)| {
            edge.to.node == to.node
                && Some(*id) != instead
                && after.pipeline().edge(id.as_str()).is_none()
        })
        .map(|(_, edge)| edge.clone())
}

/// Whether two nodes are known to give rows of different columns, which no union takes.
fn differ(editor: &Editor, a: &NodeId, b: &NodeId) -> bool {
    let compiled = editor.compiled();
    match (compiled.columns(a), compiled.columns(b)) {
        (Some(a), Some(b)) => {
            a.len() != b.len() || a.iter().zip(b).any(|(one, other)| one.ty != other.ty)
        }
        _ => false,
    }
}

fn add_union(document: &Document, beside: &NodeId) -> (NodeId, Command) {
    let pipeline = document.pipeline();
    let id = NodeId::slug("union").unique(|id| pipeline.node(id.as_str()).is_some());
    let place = arrange::node_rect(document, beside)
        .map(|rect| position(rect.right_top() + Vec2::new(48.0, 0.0)));
    let add = Command::AddNode {
        id: Some(id.clone()),
        kind: "union".into(),
        parameters: Entries::new(),
        position: place,
    };
    (id, add)
}

/// A union of the old wire and the new one, before the port that both want.
fn keep_both(
    editor: &Editor,
    document: &Document,
    before: &Edge,
    from: &PortRef,
    to: &PortRef,
) -> Option<Action> {
    if differ(editor, &before.from.node, &from.node) {
        return None;
    }
    let (union, add) = add_union(document, &from.node);
    let connect = |from: PortRef, to: PortRef| Command::Connect { from, to };
    let commands = vec![
        add,
        connect(before.from.clone(), union.clone().into()),
        connect(from.clone(), union.clone().into()),
        connect(union.into(), to.clone()),
    ];
    offered(document, "Insert union", commands)
}

/// The repair, if it would work.
fn offered(document: &Document, label: &str, commands: Vec<Command>) -> Option<Action> {
    apply_all(document, &commands).ok()?;
    Some(Action::Edits {
        label: label.to_string(),
        commands,
    })
}

/// Why two ports cannot be connected, with a repair where there is one.
pub fn explain(editor: &Editor, refusal: &Refusal, from: &PortRef, to: &PortRef) -> Notice {
    let document = editor.document();
    let repair = match refusal {
        Refusal::NoInput { node } => {
            union_behind(editor, node, from).map(|repair| ("Insert a union of both", repair))
        }
        Refusal::NoOutput { node } => {
            feeder(document, node, to).map(|repair| ("Connect what feeds it", repair))
        }
        Refusal::PortTaken { port, .. } => another_name(document, from, to, port)
            .map(|repair| ("Connect as another input", repair)),
        _ => None,
    };
    let text = match refusal.repair() {
        Some(hint) => format!("{refusal}: {hint}"),
        None => refusal.to_string(),
    };
    let text = format!("{} cannot feed {}: {text}", from.node, to.node);
    match repair {
        Some((label, action)) => Notice::error(text).with_repair(label, action),
        None => Notice::error(text),
    }
}

/// A union behind a source: of the source and of what was to go into it.
fn union_behind(editor: &Editor, source: &NodeId, from: &PortRef) -> Option<Action> {
    let document = editor.document();
    if differ(editor, source, &from.node) {
        return None;
    }
    let pipeline = document.pipeline();
    let (union, add) = add_union(document, source);
    let fed: Vec<(EdgeId, PortRef)> = pipeline
        .outputs_of(source.as_str())
        .map(|(id, edge)| {
            let mut to = edge.to.clone();
            // A query goes on reading what it reads under the name it has.
            if matches!(inputs_of(document, &to.node), Some(Inputs::Named)) {
                to.port = Some(PortName::slug(&pipeline.input_port(edge)));
            }
            (id.clone(), to)
        })
        .collect();
    let mut commands = vec![add];
    if !fed.is_empty() {
        commands.push(Command::Disconnect {
            edges: fed.iter().map(|(id, _)| id.clone()).collect(),
        });
    }
    for start in [PortRef::from(source.clone()), from.clone()] {
        commands.push(Command::Connect {
            from: start,
            to: union.clone().into(),
        });
    }
    for (_, to) in fed {
        commands.push(Command::Connect {
            from: union.clone().into(),
            to,
        });
    }
    offered(document, "Insert union", commands)
}

/// What feeds a sink, connected in its place.
fn feeder(document: &Document, sink: &NodeId, to: &PortRef) -> Option<Action> {
    let inputs = document.pipeline().inputs_of(sink.as_str());
    let (_, _, edge) = inputs.first()?;
    let connect = Command::Connect {
        from: edge.from.clone(),
        to: to.clone(),
    };
    apply_all(document, std::slice::from_ref(&connect)).ok()?;
    Some(Action::Edit(connect))
}

/// The same connection at a port of another name.
fn another_name(document: &Document, from: &PortRef, to: &PortRef, port: &str) -> Option<Action> {
    (2..100).find_map(|number| {
        let name = PortName::slug(&format!("{port}_{number}"));
        let connect = Command::Connect {
            from: from.clone(),
            to: PortRef::new(to.node.clone(), Some(name)),
        };
        apply_all(document, std::slice::from_ref(&connect)).ok()?;
        Some(Action::Edit(connect))
    })
}
