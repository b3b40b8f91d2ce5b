//! What is told about the thing under the pointer: the schema at a port, findings at a node,
//! figures at a wire; and the menu of the right button.

use egui::{Grid, RichText, Tooltip, Ui};
use millstream_compiler::document::NodeId;
use millstream_compiler::lower::{Column, ColumnOrigin};

use super::brush;
use super::describe;
use super::paint_edge;
use super::pointer::{add_bend, ends, remove_bend};
use super::scene::{Hit, Port, Scene};
use crate::command::UiCommand;
use crate::editor::{Action, Editor, Popup, position};
use crate::shell::menu_entry;
use crate::theme;
use crate::work::job::JobView;

/// So many columns are shown; the rest is counted.
const SHOWN: usize = 24;

/// Shows what is known about the thing under the pointer.
pub fn show(
    ui: &Ui,
    response: &egui::Response,
    hover: Hit,
    scene: &Scene,
    editor: &Editor,
    job: &JobView,
) {
    let still = ui.input(|input| input.pointer.time_since_last_movement());
    let delay = ui.style().interaction.tooltip_delay;
    let wanted = match hover {
        Hit::Port(_) | Hit::Edge(_) => true,
        Hit::Node(node) => {
            let node = &scene.nodes[node];
            let told = node.errors + node.warnings > 0 || node.title.is_some();
            told || job.failure_of(&node.id).is_some()
        }
        _ => false,
    };
    if !wanted || !response.hovered() {
        return;
    }
    if still < delay {
        let left = std::time::Duration::from_secs_f32(delay - still + 0.01);
        ui.ctx().request_repaint_after(left);
        return;
    }
    let tip = Tooltip::always_open(
        ui.ctx().clone(),
        response.layer_id,
        response.id,
        egui::PopupAnchor::Pointer,
    );
    tip.gap(14.0).show(|ui| match hover {
        Hit::Port(port) => port_tip(ui, port, scene, editor),
        Hit::Edge(edge) => edge_tip(ui, edge, scene, editor, job),
        Hit::Node(node) => node_tip(ui, &scene.nodes[node].id, scene, node, (editor, job)),
        _ => {}
    });
}

/// Shows what is known about the port that the keyboard is at.
pub fn at_port(
    ui: &Ui,
    response: &egui::Response,
    port: Port,
    at: egui::Pos2,
    scene: &Scene,
    editor: &Editor,
) {
    let tip = Tooltip::always_open(
        ui.ctx().clone(),
        response.layer_id,
        response.id.with("port"),
        egui::PopupAnchor::Position(at),
    );
    tip.gap(14.0).show(|ui| port_tip(ui, port, scene, editor));
}

fn port_tip(ui: &mut Ui, port: Port, scene: &Scene, editor: &Editor) {
    let palette = theme::palette(ui.ctx());
    ui.label(RichText::new(scene.port_name(port)).font(theme::strong_font(theme::TEXT)));
    match port {
        Port::Output(node) => {
            stream(ui, &scene.nodes[node].id, editor);
        }
        Port::Input(node, input) => {
            let fed: Vec<usize> = scene.nodes[node]
                .wires_in
                .iter()
                .copied()
                .filter(|edge| scene.edges[*edge].port == input)
                .map(|edge| scene.edges[edge].from)
                .collect();
            if fed.is_empty() {
                let text = RichText::new("Nothing feeds it yet").color(palette.muted);
                ui.label(text);
            }
            for from in fed.into_iter().take(2) {
                let id = &scene.nodes[from].id;
                let text = RichText::new(format!("From {id}")).color(palette.muted);
                ui.label(text);
                stream(ui, id, editor);
            }
        }
    }
}

/// The kind of rows and the columns of what comes out of a node.
fn stream(ui: &mut Ui, node: &NodeId, editor: &Editor) {
    let palette = theme::palette(ui.ctx());
    if let Some(stream) = editor.compiled().streams.get(node) {
        ui.horizontal(|ui| {
            let colour = paint_edge::stream_colour(palette, Some(&stream.kind));
            ui.label(RichText::new(stream.kind.to_string()).color(colour));
            if let Some(column) = &stream.rowtime {
                let text = RichText::new(format!("event time {column}"));
                ui.label(text.color(palette.muted));
            }
        });
        for (source, watermark) in &stream.watermarks {
            let text = format!("watermark of {source}: {watermark}");
            ui.label(RichText::new(text).size(theme::SMALL).color(palette.muted));
        }
    }
    match editor.compiled().columns(node) {
        Some(columns) => schema(ui, node, columns, editor),
        None => {
            let text = RichText::new("Its columns are not known yet");
            ui.label(text.color(palette.muted));
        }
    }
}

fn schema(ui: &mut Ui, node: &NodeId, columns: &[Column], editor: &Editor) {
    let palette = theme::palette(ui.ctx());
    let stream = editor.compiled().streams.get(node);
    let origin = |at: usize, column: &Column| {
        let origin = stream.and_then(|stream| stream.origins.get(at))?;
        origin_text(origin, &column.name)
    };
    let is_key = |name: &String| {
        stream.is_some_and(|stream| match stream.primary_key.as_slice() {
            [] => stream.upsert_key.contains(name),
            key => key.contains(name),
        })
    };
    let data = |text: String| RichText::new(text).font(theme::data_font(theme::SMALL));
    Grid::new(("schema", node.as_str()))
        .num_columns(4)
        .spacing([14.0, 2.0])
        .min_row_height(theme::SMALL + theme::STEP)
        .show(ui, |ui| {
            for (at, column) in columns.iter().enumerate().take(SHOWN) {
                ui.label(data(column.name.clone()));
                ui.label(data(column.ty.to_string()).color(palette.muted));
                let mut marks = Vec::new();
                marks.extend(is_key(&column.name).then_some("key"));
                marks.extend(column.is_time.then_some("time"));
                ui.label(data(marks.join(" ")).color(palette.accent));
                if let Some(text) = origin(at, column) {
                    ui.label(data(text).color(palette.muted));
                }
                ui.end_row();
            }
        });
    if columns.len() > SHOWN {
        let more = format!("and {} more", columns.len() - SHOWN);
        ui.label(RichText::new(more).color(palette.faint));
    }
}

/// So many of the columns that one is computed from are named; the rest is counted.
const NAMED: usize = 3;

/// Where a column comes from: "orders" for one that is passed on as it is, "orders.amount" for one
/// under another name, "ƒ orders.amount" for one that is computed. Nothing where it comes from
/// nowhere.
pub fn origin_text(origin: &ColumnOrigin, name: &str) -> Option<String> {
    let whole = |(node, column): &(NodeId, String)| format!("{node}.{column}");
    let text = match (origin.passed, origin.from.as_slice()) {
        (_, []) => return None,
        (true, [(node, column)]) if column == name => node.to_string(),
        (true, [one, ..]) => whole(one),
        (false, from) => {
            let named: Vec<String> = from.iter().take(NAMED).map(whole).collect();
            let more = match from.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("ƒ {}{more}", named.join(", "))
        }
    };
    Some(text)
}

fn edge_tip(ui: &mut Ui, edge: usize, scene: &Scene, editor: &Editor, job: &JobView) {
    let palette = theme::palette(ui.ctx());
    let wire = &scene.edges[edge];
    let name = describe::wire_name(scene, wire);
    ui.label(RichText::new(name).font(theme::strong_font(theme::TEXT)));
    let (from, to) = (&scene.nodes[wire.from].id, &scene.nodes[wire.to].id);
    if let Some(figures) = job.edges.get(&(from.clone(), to.clone())) {
        let mut text = format!(
            "{} rows · {}",
            brush::short(figures.rows as f64),
            brush::rate(figures.rate)
        );
        if let Some(lag) = figures.lag_ms {
            text += &format!(" · watermark {}", brush::lag(lag));
        }
        ui.label(RichText::new(text).color(palette.muted));
        if figures.back_pressured >= paint_edge::BACK_PRESSURED {
            let share = figures.back_pressured * 100.0;
            let text = format!("{from} waits for {to} {share:.0} % of the time");
            ui.label(RichText::new(text).color(palette.error));
        }
    }
    stream(ui, from, editor);
}

fn node_tip(
    ui: &mut Ui,
    id: &NodeId,
    scene: &Scene,
    node: usize,
    (editor, job): (&Editor, &JobView),
) {
    let palette = theme::palette(ui.ctx());
    let found = &scene.nodes[node];
    let title = found.title.as_deref().unwrap_or(&found.kind);
    ui.label(RichText::new(title).font(theme::strong_font(theme::TEXT)));
    let comment = editor.pipeline().node(id.as_str());
    if let Some(comment) = comment.and_then(|node| node.comment.as_ref()) {
        ui.label(RichText::new(comment).color(palette.muted));
    }
    if let Some(words) = job.failure_of(id) {
        ui.label(RichText::new("The job failed here").color(palette.error));
        ui.label(RichText::new(words).font(theme::data_font(theme::SMALL)));
    }
    for finding in editor.compiled().of_node(id).take(4) {
        let colour = match finding.is_error() {
            true => palette.error,
            false => palette.warning,
        };
        ui.label(RichText::new(&finding.message).color(colour));
        if let Some(help) = &finding.help {
            let help = RichText::new(help).size(theme::SMALL).color(palette.muted);
            ui.label(help);
        }
    }
}

/// The menu of the right button.
pub fn menu(
    ui: &mut Ui,
    (hit, at): (Hit, egui::Pos2),
    scene: &Scene,
    editor: &Editor,
    rename: &mut Option<usize>,
    actions: &mut Vec<Action>,
) {
    use UiCommand::*;
    ui.set_min_width(210.0);
    let mut own = |ui: &mut Ui, label: &str, action: Option<Action>| {
        let button = egui::Button::new(label)
            .frame(false)
            .min_size(egui::Vec2::new(ui.available_width(), 0.0));
        let clicked = ui.add(button).clicked();
        if clicked {
            actions.extend(action);
            ui.close();
        }
        clicked
    };
    let commands: &[&[UiCommand]] = match hit {
        Hit::Node(_) | Hit::Port(_) => &[
            &[StartWire, Preview, Rename],
            &[Mute, Frame, AutoLayout],
            &[Cut, Copy, Duplicate],
            &[SelectUpstream, SelectDownstream],
            &[DeleteAndReconnect, Delete],
        ],
        Hit::Edge(edge) | Hit::Bend(edge, _) => {
            let (from, to) = ends(scene, edge);
            let insert = Popup::AddNode {
                at: position(at),
                from: Some(from),
                to: Some(to),
            };
            own(ui, "Insert node…", Some(Action::Popup(insert)));
            match hit {
                Hit::Bend(_, bend) => {
                    own(ui, "Remove bend", Some(remove_bend(scene, edge, bend)));
                }
                _ => {
                    own(ui, "Add bend", Some(add_bend(scene, edge, at)));
                }
            }
            &[&[Delete]]
        }
        Hit::FrameHead(frame) | Hit::FrameCorner(frame, _) => {
            if own(ui, "Rename frame", None) {
                *rename = Some(frame);
            }
            &[&[Unframe]]
        }
        Hit::Nothing => {
            let add = Popup::AddNode {
                at: position(at),
                from: None,
                to: None,
            };
            own(ui, "Add node here…", Some(Action::Popup(add)));
            &[
                &[Paste, SelectAll, Find],
                &[AutoLayout, ZoomToFit, ZoomToOne],
                &[ToggleMinimap],
            ]
        }
    };
    for (at, group) in commands.iter().enumerate() {
        if at > 0 || !matches!(hit, Hit::Node(_) | Hit::Port(_)) {
            ui.separator();
        }
        for command in *group {
            menu_entry(ui, *command, editor, actions);
        }
    }
}
