//! The canvas for screen readers, and for tests: nodes, ports and wires by name and place.
//!
//! Only what is seen is described, and only where somebody listens.

use egui::accesskit::{self, Action as Ask, Role};
use egui::{Id, Rect, Ui, Vec2};

use super::brush::{Detail, Eye};
use super::curve;
use super::pointer::selection_of;
use super::scene::{Hit, Port, Scene, SceneEdge, SceneNode};
use crate::editor::{Action, Editor, Selection};
use crate::work::job::JobView;

/// What a node is called: "Window aggregate 'spend_5m', 1 error".
pub fn node_name(node: &SceneNode, job: &JobView) -> String {
    let mut name = format!("{} '{}'", node.kind, node.id);
    if node.summary.is_none() {
        name += ", not configured";
    }
    let mut count = |count: usize, what: &str| match count {
        0 => {}
        1 => name += &format!(", 1 {what}"),
        many => name += &format!(", {many} {what}s"),
    };
    count(node.errors, "error");
    count(node.warnings, "warning");
    if node.muted {
        name += ", muted";
    }
    if let Some(words) = job.failure_of(&node.id) {
        name += &format!(", the job failed here: {}", first_line(words));
    }
    name
}

/// The first line with something in it.
pub fn first_line(words: &str) -> &str {
    let line = words.lines().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("no reason was given")
}

/// What a wire is called: "Wire from orders to daily"; with the port where there are several.
pub fn wire_name(scene: &Scene, edge: &SceneEdge) -> String {
    let (from, to) = (&scene.nodes[edge.from], &scene.nodes[edge.to]);
    let several = to
        .wires_in
        .iter()
        .filter(|other| scene.edges[**other].from == edge.from)
        .count()
        > 1;
    match several {
        true => format!(
            "Wire from {} to {} of {}",
            from.id, to.inputs[edge.port].name, to.id
        ),
        false => format!("Wire from {} to {}", from.id, to.id),
    }
}

/// Describes what is seen, and does what a screen reader asks for.
pub fn describe(
    ui: &Ui,
    canvas: Id,
    scene: &Scene,
    eye: Eye,
    (editor, job): (&Editor, &JobView),
    focused: Option<Port>,
    actions: &mut Vec<Action>,
) {
    let context = ui.ctx();
    if context.accesskit_node_builder(canvas, |_| ()).is_none() {
        return;
    }
    let selection = &editor.view.selection;
    let visible = eye.visible();
    let far = eye.detail() == Detail::Far;
    let add = |id: Id, rect: Rect, name: String, role: Role, selected: Option<bool>| {
        let bounds = rect.intersect(eye.view);
        if !bounds.is_positive() {
            return false;
        }
        // A place in the parent's list, and a rectangle that egui knows.
        ui.interact(bounds, id, egui::Sense::hover());
        context.accesskit_node_builder(id, |node| {
            node.set_role(role);
            node.set_label(name);
            node.set_bounds(accesskit::Rect {
                x0: bounds.min.x.into(),
                y0: bounds.min.y.into(),
                x1: bounds.max.x.into(),
                y1: bounds.max.y.into(),
            });
            if let Some(selected) = selected {
                node.set_selected(selected);
            }
            node.add_action(Ask::Click);
        });
        context.input(|input| {
            input.has_accesskit_action_request(id, Ask::Click)
                || input.has_accesskit_action_request(id, Ask::Focus)
        })
    };
    let mut chosen: Option<Selection> = None;
    let mut active = None;
    for at in scene.nodes_in(visible) {
        let node = &scene.nodes[at];
        let id = canvas.with(("node", node.id.as_str()));
        let selected = selection.nodes.contains(&node.id);
        if selected {
            active = Some(id);
        }
        let rect = eye.rect(node.rect);
        if add(id, rect, node_name(node, job), Role::Button, Some(selected)) {
            chosen = Some(Selection::node(node.id.clone()));
        }
        if far {
            continue;
        }
        for port in scene.ports_of(at) {
            let (kind, number) = match port {
                Port::Output(_) => ("output", 0),
                Port::Input(_, input) => ("input", input),
            };
            let id = canvas.with((kind, node.id.as_str(), number));
            let place = eye.screen(scene.port_point(port));
            let rect = Rect::from_center_size(place, Vec2::splat(10.0));
            if focused == Some(port) {
                active = Some(id);
            }
            let chosen_port = (focused == Some(port)).then_some(true);
            if add(id, rect, scene.port_name(port), Role::Button, chosen_port) {
                chosen = Some(selection_of(scene, Hit::Port(port)));
            }
        }
    }
    if !far {
        for at in scene.edges_in(visible) {
            let edge = &scene.edges[at];
            let id = canvas.with(("wire", edge.id.as_str()));
            let middle = eye.screen(curve::middle(&edge.line));
            let rect = Rect::from_center_size(middle, Vec2::splat(8.0));
            let selected = selection.edges.contains(&edge.id);
            let name = wire_name(scene, edge);
            if add(id, rect, name, Role::Button, Some(selected)) {
                chosen = Some(selection_of(scene, Hit::Edge(at)));
            }
        }
    }
    for (at, frame) in scene.frames.iter().enumerate() {
        let id = canvas.with(("frame", frame.id.as_str()));
        let head = Rect::from_min_size(
            frame.rect.min,
            Vec2::new(frame.rect.width(), super::scene::FRAME_HEAD),
        );
        let selected = selection.frames.contains(&frame.id);
        let name = format!("Frame {}", frame.title);
        if add(id, eye.rect(head), name, Role::Button, Some(selected)) {
            chosen = Some(selection_of(scene, Hit::FrameHead(at)));
        }
    }
    context.accesskit_node_builder(canvas, |node| {
        node.set_role(Role::Canvas);
        node.set_label("Canvas");
        if let Some(active) = active {
            node.set_active_descendant(active.accesskit_id());
        }
    });
    if let Some(chosen) = chosen {
        actions.push(Action::Select(chosen));
    }
}
