//! What holds for an editor after every action. Tests sweep it; nothing else calls it.

use std::collections::BTreeSet;

use millstream_compiler::document::{Document, Layout, NodeId, Pipeline, topological_order};
use millstream_compiler::nodes::{self, Inputs};

use super::{Camera, Editor, Popup};

/// Checks everything that always holds.
///
/// # Errors
/// The first thing that does not hold, in words.
pub fn check_invariants(editor: &Editor) -> Result<(), String> {
    let document = editor.document();
    check_document(document)?;
    let pipeline = document.pipeline();
    let selection = &editor.view.selection;
    for node in &selection.nodes {
        if pipeline.node(node.as_str()).is_none() {
            return Err(format!("'{node}' is selected and does not exist"));
        }
    }
    for edge in &selection.edges {
        if pipeline.edge(edge.as_str()).is_none() {
            return Err(format!("edge '{edge}' is selected and does not exist"));
        }
    }
    for frame in &selection.frames {
        if document.layout().frame(frame.as_str()).is_none() {
            return Err(format!("frame '{frame}' is selected and does not exist"));
        }
    }
    if let Some(node) = &editor.view.preview
        && pipeline.node(node.as_str()).is_none()
    {
        return Err(format!("'{node}' is previewed and does not exist"));
    }
    let meant: Vec<&NodeId> = match &editor.view.popup {
        Popup::Rename(node) => vec![node],
        Popup::AddNode { from, to, .. } => from.iter().chain(to).map(|port| &port.node).collect(),
        _ => vec![],
    };
    if let Some(node) = meant
        .into_iter()
        .find(|node| pipeline.node(node.as_str()).is_none())
    {
        return Err(format!(
            "a popup is about '{node}', which does not exist: {:?}",
            editor.view.popup
        ));
    }
    let camera = editor.view.camera;
    if !Camera::ZOOM.contains(&camera.zoom) {
        return Err(format!("the zoom is out of bounds: {camera:?}"));
    }
    if !(camera.zoom.is_finite() && camera.centre.x.is_finite() && camera.centre.y.is_finite()) {
        return Err(format!("the camera is nowhere: {camera:?}"));
    }
    if editor.history().current() >= editor.history().labels().len() {
        return Err("the history is beyond its end".into());
    }
    Ok(())
}

fn check_document(document: &Document) -> Result<(), String> {
    let pipeline = document.pipeline();
    for (id, edge) in pipeline.edges() {
        for end in [&edge.from, &edge.to] {
            if pipeline.node(end.node.as_str()).is_none() {
                return Err(format!(
                    "edge '{id}' ends at '{}', which does not exist",
                    end.node
                ));
            }
        }
    }
    for (id, node) in pipeline.nodes() {
        let wires = pipeline.inputs_of(id.as_str());
        let Some(kind) = nodes::find(&node.kind) else {
            continue;
        };
        if !kind.spec().has_output && pipeline.outputs_of(id.as_str()).next().is_some() {
            return Err(format!("'{id}' has no output and feeds something"));
        }
        for (index, (port, edge, _)) in wires.iter().enumerate() {
            let fits = match kind.spec().inputs {
                Inputs::None => false,
                Inputs::Fixed(ports) => ports.iter().any(|spec| spec.name == port),
                Inputs::Many(_) | Inputs::Named => true,
            };
            if !fits {
                return Err(format!(
                    "edge '{edge}' ends at '{id}.{port}', which does not exist"
                ));
            }
            let many = matches!(kind.spec().inputs, Inputs::Many(_));
            let twice = wires[index + 1..].iter().any(|(other, _, _)| other == port);
            if twice && !many {
                return Err(format!("two edges end at '{id}.{port}'"));
            }
        }
    }
    for (id, frame) in document.layout().frames() {
        if frame.width <= 0 || frame.height <= 0 {
            return Err(format!("frame '{id}' has no room: {frame:?}"));
        }
    }
    let order = topological_order(pipeline);
    if order.len() != pipeline.nodes().len() {
        return Err("the graph has a cycle".into());
    }
    let mut seen = BTreeSet::new();
    for (id, _) in pipeline.nodes() {
        if !seen.insert(id) {
            return Err(format!("'{id}' is there twice"));
        }
        if document.layout().position(id.as_str()).is_none() {
            return Err(format!("'{id}' stands nowhere"));
        }
    }
    let text = pipeline.to_toml();
    match Pipeline::from_toml(&text) {
        Ok(loaded) if loaded.pipeline.to_toml() == text => {}
        Ok(_) => {
            return Err(format!(
                "saved and loaded, the pipeline is another one:\n{text}"
            ));
        }
        Err(found) => return Err(format!("what is saved cannot be loaded: {found:?}\n{text}")),
    }
    let text = document.layout().to_toml();
    match Layout::from_toml(&text) {
        Ok((layout, _)) if layout.to_toml() == text => Ok(()),
        Ok(_) => Err(format!(
            "saved and loaded, the layout is another one:\n{text}"
        )),
        Err(found) => Err(format!(
            "the layout cannot be loaded: {}\n{text}",
            found.message
        )),
    }
}
