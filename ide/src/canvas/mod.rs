//! The canvas: nodes, wires and frames, drawn and taken hold of.
//!
//! [`scene`] lays a document out once a change; a frame paints what of it is seen
//! ([`paint_node`], [`paint_edge`]) and lets [`pointer`] and [`keyboard`] collect what is done.
//! egui knows the canvas as one widget: what is under the pointer is found in the scene, and what
//! screen readers and tests see is told by [`describe`].

pub mod arrange;
pub mod brush;
pub mod checks;
pub mod curve;
pub mod describe;
pub mod grid;
pub mod keyboard;
pub mod minimap;
pub mod paint_edge;
pub mod paint_node;
pub mod pointer;
pub mod refusal;
pub mod scene;
pub mod search;
pub mod tips;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use egui::{
    Align2, DragAndDrop, EventFilter, Id, Painter, Pos2, Rect, Sense, Shape, Stroke, StrokeKind,
    TextEdit, Ui, Vec2,
};
use millstream_compiler::document::{Command, Document};

use crate::editor::{Action, Editor, Popup, point, position};
use crate::panels::library::DraggedKind;
use crate::theme::{self, Palette};
use crate::work::job::{JobState, JobView};
use brush::{Brush, Detail, Eye};
use keyboard::Keys;
use paint_edge::Look;
use paint_node::{Face, PortLook};
use pointer::{Drag, Hands};
use scene::{Hit, Port, Scene};

/// What the canvas remembers between frames: drags, hovers, caches.
#[derive(Debug, Default)]
pub struct Canvas {
    scene: Scene,
    hands: Hands,
    keys: Keys,
    search: search::Search,
    checks: checks::Checks,
    /// The frame that is being renamed, by number, and what is typed.
    renaming: Option<(usize, String)>,
}

/// The canvas as a widget that has the focus of the keyboard.
pub fn focus_id() -> Id {
    Id::unique("canvas")
}

impl Canvas {
    /// Whether plain keys, Escape among them, are for what is going on here.
    pub fn takes_keys(&self) -> bool {
        self.keys.takes_keys() || self.hands.drag.is_some() || self.renaming.is_some()
    }

    /// Takes in how often each node kind was added before: the search offers those first.
    pub fn set_used_kinds(&mut self, used: &BTreeMap<String, u64>) {
        if self.search.used != *used {
            self.search.used.clone_from(used);
        }
    }

    /// Draws the graph and collects what is done to it.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor, job: &JobView, actions: &mut Vec<Action>) {
        let rect = ui.available_rect_before_wrap();
        ui.advance_cursor_after_rect(rect);
        if editor.view.canvas != rect {
            actions.push(Action::CanvasAt(rect));
        }
        let eye = Eye {
            view: rect,
            camera: editor.view.camera,
        };
        let first = actions.len();
        self.scene.refresh(editor);
        self.hands.follow(self.scene.version);
        let id = focus_id();
        let nowhere = self.nowhere(ui, eye);
        self.keys
            .update(ui, id, nowhere, &self.scene, editor, actions);
        let response = ui.interact(rect, id, Sense::click_and_drag());
        self.keep_focus(ui, &response, editor);
        self.hands
            .update(ui, &response, eye, &mut self.scene, editor, actions);
        self.dropped_files(ui, eye, actions);
        self.paint(ui, eye, editor, job);
        let focused = self.keys.port(&self.scene);
        describe::describe(ui, id, &self.scene, eye, (editor, job), focused, actions);
        if self.scene.nodes.is_empty() && editor.view.popup == Popup::None {
            minimap::empty_hint(ui, eye);
        }
        minimap::overlay_switch(ui, eye, editor.view.overlay, actions);
        if editor.view.minimap {
            minimap::ui(ui, &self.scene, eye, actions);
        }
        self.rename_frame(ui, eye, editor, actions);
        // Where something floats, a tip would lie over it.
        let floating = editor.view.popup != Popup::None || self.keys.takes_keys();
        if self.hands.drag.is_none() && !response.context_menu_opened() && !floating {
            let hover = self.hands.hover;
            tips::show(ui, &response, hover, &self.scene, editor, job);
        }
        if let keyboard::Mode::Ports(port) = self.keys.mode
            && editor.view.popup == Popup::None
        {
            let at = eye.screen(self.scene.port_point(port));
            tips::at_port(ui, &response, port, at, &self.scene, editor);
        }
        let menu = self.hands.menu;
        response.context_menu(|ui| {
            let rename = &mut self.hands.rename;
            tips::menu(ui, menu, &self.scene, editor, rename, actions);
        });
        self.keys.ui(ui, eye, &self.scene, editor, actions);
        if let Some(typed) = self.keys.unanswered.take() {
            self.search.begun = Some(typed);
        }
        self.search.ui(ui, editor, &self.scene, eye, actions);
        self.checks.judge(ui.ctx(), editor, actions, first);
    }

    /// Where the pointer is, if that is on the canvas and on nothing.
    fn nowhere(&self, ui: &Ui, eye: Eye) -> Option<Pos2> {
        let at = ui.input(|input| input.pointer.latest_pos())?;
        let on_canvas = eye.view.contains(at) && ui.ctx().layer_id_at(at) == Some(ui.layer_id());
        let empty = matches!(self.hands.hover, Hit::Nothing);
        (on_canvas && empty).then(|| eye.world(at))
    }

    /// The canvas has the keyboard whenever nothing else wants it.
    fn keep_focus(&self, ui: &Ui, response: &egui::Response, editor: &Editor) {
        let context = ui.ctx();
        let pressed = response.is_pointer_button_down_on();
        let free = editor.view.popup == Popup::None
            && self.renaming.is_none()
            && context
                .memory(|memory| memory.focused().is_none() && memory.top_modal_layer().is_none());
        if free || (pressed && !response.has_focus()) {
            response.request_focus();
        }
        if response.has_focus() {
            context.memory_mut(|memory| {
                memory.set_focus_lock_filter(
                    response.id,
                    EventFilter {
                        tab: true,
                        horizontal_arrows: true,
                        vertical_arrows: true,
                        escape: true,
                    },
                );
            });
        }
    }

    fn dropped_files(&self, ui: &Ui, eye: Eye, actions: &mut Vec<Action>) {
        let (paths, at) = ui.input(|input| {
            let paths: Vec<PathBuf> = input
                .raw
                .dropped_files
                .iter()
                .map(|file| file.path().to_path_buf())
                .collect();
            (paths, input.pointer.latest_pos())
        });
        if paths.is_empty() {
            return;
        }
        let at = at.filter(|at| eye.view.contains(*at));
        let at = eye.world(at.unwrap_or(eye.view.center()));
        actions.push(Action::Drop(paths, position(at)));
    }

    fn rename_frame(&mut self, ui: &mut Ui, eye: Eye, editor: &Editor, actions: &mut Vec<Action>) {
        if let Some(frame) = self.hands.rename.take()
            && let Some(found) = self.scene.frames.get(frame)
        {
            self.renaming = Some((frame, found.title.clone()));
        }
        let Some((frame, text)) = &mut self.renaming else {
            return;
        };
        let Some(found) = self.scene.frames.get(*frame) else {
            self.renaming = None;
            return;
        };
        let corner = eye.screen(found.rect.min) + Vec2::new(6.0, 3.0);
        let width = (found.rect.width() * eye.zoom() - 12.0).clamp(120.0, 320.0);
        let place = Rect::from_min_size(corner, Vec2::new(width, 22.0));
        let field = ui.put(place, TextEdit::singleline(text));
        field.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Title of the frame")
        });
        let escape = ui.input(|input| input.key_pressed(egui::Key::Escape));
        if field.lost_focus() || escape {
            if !escape
                && let Some(frame) = editor.document().layout().frame(found.id.as_str())
                && !text.trim().is_empty()
            {
                let mut frame = frame.clone();
                frame.title = text.trim().to_string();
                actions.push(Action::Edit(Command::PutFrame {
                    id: Some(found.id.clone()),
                    frame,
                }));
            }
            self.renaming = None;
        } else {
            field.request_focus();
        }
    }

    fn paint(&self, ui: &Ui, eye: Eye, editor: &Editor, job: &JobView) {
        let palette = theme::palette(ui.ctx());
        let painter = ui.painter_at(eye.view);
        let mut brush = Brush::new(&painter, eye, palette);
        brush.fill(eye.view, 0_u8, palette.background);
        brush::ground(&mut brush);
        let scene = &self.scene;
        let visible = eye.visible();
        let selection = &editor.view.selection;
        for (at, frame) in scene.frames.iter().enumerate() {
            if frame.rect.intersects(visible) {
                let selected = selection.frames.contains(&frame.id);
                let hovered = matches!(
                    self.hands.hover,
                    Hit::FrameHead(over) | Hit::FrameCorner(over, _) if over == at
                );
                paint_node::paint_frame(&mut brush, frame, selected, hovered);
            }
        }
        // While a wire is drawn, what it does not fit steps back.
        let wire = self.wire_drawn();
        self.paint_wires(&mut brush, editor, job, wire.is_some());
        self.paint_nodes(&mut brush, editor, job, wire.as_ref());
        self.paint_hands(&mut brush, ui, wire.as_ref());
        brush.finish();
    }

    /// The wire that is being drawn, by pointer or keyboard.
    fn wire_drawn(&self) -> Option<Drawn> {
        if let Some(Drag::Wire(wire)) = &self.hands.drag {
            return Some(Drawn {
                from: wire.from,
                target: wire.target,
                fits: wire.fits.clone(),
                end: match wire.target {
                    Some(port) => self.scene.port_point(port),
                    None => wire.at,
                },
            });
        }
        let (from, fits) = self.keys.fits()?;
        let target = self.keys.port(&self.scene);
        Some(Drawn {
            from,
            target,
            fits: fits.iter().copied().collect(),
            end: self.scene.port_point(target.unwrap_or(from)),
        })
    }

    fn paint_wires(&self, brush: &mut Brush<'_>, editor: &Editor, job: &JobView, wiring: bool) {
        let scene = &self.scene;
        let cut = match &self.hands.drag {
            Some(Drag::Cut(line)) => Some((line, Rect::from_points(line))),
            _ => None,
        };
        let into = match &self.hands.drag {
            Some(Drag::Move { into, .. }) => *into,
            _ => self.hands.drop_into,
        };
        let hidden = match &self.hands.drag {
            Some(Drag::Wire(wire)) => wire.instead,
            _ => None,
        };
        let live = !job.edges.is_empty();
        let mut labels = Vec::new();
        for at in scene.edges_in(brush.eye.visible()) {
            if hidden == Some(at) {
                continue;
            }
            let edge = &scene.edges[at];
            let from = &scene.nodes[edge.from].id;
            let look = Look {
                stream: scene.nodes[edge.from].stream.as_ref(),
                figures: match live {
                    true => {
                        let ends = (from.clone(), scene.nodes[edge.to].id.clone());
                        job.edges.get(&ends)
                    }
                    false => None,
                },
                source: match live {
                    true => job.nodes.get(from),
                    false => None,
                },
                selected: editor.view.selection.edges.contains(&edge.id),
                hovered: matches!(self.hands.hover, Hit::Edge(over) | Hit::Bend(over, _) if over == at),
                dimmed: wiring,
                cut: cut.as_ref().is_some_and(|(line, bounds)| {
                    bounds.intersects(edge.bounds) && curve::cross(&edge.line, line)
                }),
                target: into == Some(at),
            };
            paint_edge::paint(brush, edge, &look);
            labels.push((at, look));
        }
        for (at, look) in labels {
            paint_edge::paint_label(brush, &scene.edges[at], &look, editor.view.overlay);
        }
    }

    fn paint_nodes(
        &self,
        brush: &mut Brush<'_>,
        editor: &Editor,
        job: &JobView,
        wire: Option<&Drawn>,
    ) {
        let scene = &self.scene;
        let selection = &editor.view.selection;
        let failed = match &job.state {
            JobState::Failed {
                node: Some(node),
                message,
            } => Some((node, message.as_str())),
            _ => None,
        };
        let far = brush.eye.detail() == Detail::Far;
        let margin = 16.0 / brush.eye.zoom();
        // What is selected lies on top.
        let seen = scene.nodes_in(brush.eye.visible().expand(margin));
        let chosen = |at: &usize| selection.nodes.contains(&scene.nodes[*at].id);
        let (above, below): (Vec<usize>, Vec<usize>) = seen.into_iter().partition(chosen);
        let selected_from = below.len();
        let at_port = self.keys.port(scene);
        for (turn, at) in below.into_iter().chain(above).enumerate() {
            let node = &scene.nodes[at];
            let concerned = wire.is_none_or(|wire| {
                wire.from.node() == at
                    || scene
                        .ports_of(at)
                        .iter()
                        .any(|port| wire.fits.contains(port))
            });
            let face = Face {
                selected: turn >= selected_from,
                hovered: matches!(self.hands.hover, Hit::Node(over) if over == at),
                dimmed: !concerned,
                figures: job.nodes.get(&node.id),
                overlay: editor.view.overlay,
                failed: failed
                    .filter(|(id, _)| **id == node.id)
                    .map(|(_, words)| words),
            };
            paint_node::paint(brush, node, &face);
            if far {
                continue;
            }
            let hover = self.hands.hover;
            paint_node::paint_ports(brush, node, at, &face, |port| match wire {
                Some(wire) if wire.target == Some(port) => PortLook::Chosen,
                Some(wire) if wire.from == port => PortLook::Hovered,
                Some(wire) if wire.fits.contains(&port) => PortLook::Fits,
                Some(_) => PortLook::Dimmed,
                None if at_port == Some(port) => PortLook::Chosen,
                None if hover == Hit::Port(port) => PortLook::Hovered,
                None => PortLook::Plain,
            });
        }
    }

    fn paint_hands(&self, brush: &mut Brush<'_>, ui: &Ui, wire: Option<&Drawn>) {
        let palette = brush.palette;
        let eye = brush.eye;
        if let Some(wire) = wire {
            let from = self.scene.port_point(wire.from);
            let fits = wire.target.is_some();
            let (start, end) = match wire.from {
                Port::Output(_) => (from, wire.end),
                Port::Input(..) => (wire.end, from),
            };
            if start != end {
                paint_edge::paint_loose(brush, start, end, fits);
            }
        }
        match &self.hands.drag {
            Some(Drag::Box { from, to }) => {
                let rect = eye.rect(Rect::from_two_pos(*from, *to));
                let fill = palette.accent.gamma_multiply(0.08);
                brush.fill(rect, 3_u8, fill);
                let line = Palette::mix(palette.background, palette.accent, 0.8);
                brush.border(rect, 3_u8, Stroke::new(1.0, line));
            }
            Some(Drag::Move { guides, .. }) => {
                for [a, b] in guides {
                    let line = [eye.screen(*a), eye.screen(*b)];
                    let colour = Palette::mix(palette.background, palette.accent, 0.7);
                    brush.add(Shape::line_segment(line, Stroke::new(1.0, colour)));
                }
            }
            Some(Drag::Cut(line)) => {
                let points = line.iter().map(|point| eye.screen(*point)).collect();
                brush.add(Shape::line(points, Stroke::new(1.5, palette.error)));
            }
            _ => {}
        }
        let pointer = ui.ctx().pointer_latest_pos();
        if let Some(at) = pointer.filter(|at| eye.view.contains(*at))
            && let Some(kind) = DragAndDrop::payload::<DraggedKind>(ui.ctx())
        {
            let ghost = Rect::from_center_size(at, pointer::ghost_size() * eye.zoom());
            brush.fill(ghost, theme::RADIUS, palette.raised.gamma_multiply(0.6));
            brush.border(ghost, theme::RADIUS, Stroke::new(1.5, palette.accent));
            let title =
                millstream_compiler::nodes::find(kind.0).map_or(kind.0, |kind| kind.spec().title);
            let font = theme::strong_font(brush::quantised(13.0 * eye.zoom().max(0.7)));
            let (middle, room) = (ghost.center(), ghost.width());
            brush.text(
                middle,
                Align2::CENTER_CENTER,
                title,
                font,
                palette.text,
                room,
            );
        }
        if ui.input(|input| !input.raw.hovered_files.is_empty()) {
            brush.add(Shape::rect_stroke(
                eye.view.shrink(6.0),
                theme::RADIUS,
                Stroke::new(2.0, palette.accent),
                StrokeKind::Inside,
            ));
        }
    }
}

/// A wire that is being drawn, by pointer or keyboard.
struct Drawn {
    from: Port,
    target: Option<Port>,
    fits: BTreeSet<Port>,
    end: egui::Pos2,
}

/// Paints a whole graph as a small picture: coloured blocks and thin wires.
pub fn paint_miniature(painter: &Painter, document: &Document, into: Rect, palette: &Palette) {
    let Some(bounds) = arrange::bounds(document, None) else {
        return;
    };
    let pipeline = document.pipeline();
    let size = bounds.size().max(egui::Vec2::splat(1.0));
    let scale = (into.width() / size.x).min(into.height() / size.y);
    let place = |point: egui::Pos2| into.center() + (point - bounds.center()) * scale;
    for (id, edge) in pipeline.edges() {
        let (Some(from), Some(to)) = (
            arrange::node_rect(document, &edge.from.node),
            arrange::node_rect(document, &edge.to.node),
        ) else {
            continue;
        };
        let (start, end) = (arrange::output_point(from), arrange::input_point(to, 0, 1));
        let bends = document.layout().reroutes(id.as_str()).iter();
        let bends: Vec<Pos2> = bends.map(|bend| point(*bend)).collect();
        let line = curve::through(start, &bends, end).into_iter().map(place);
        painter.line(line.collect(), egui::Stroke::new(1.0, palette.faint));
    }
    for (id, node) in pipeline.nodes() {
        let Some(rect) = arrange::node_rect(document, id) else {
            continue;
        };
        let family = millstream_compiler::nodes::find(&node.kind).map(|kind| kind.spec().family);
        let colour = family.map_or(palette.faint, |family| palette.family(family));
        let rect = Rect::from_min_max(place(rect.min), place(rect.max));
        painter.rect_filled(rect, 2.0, colour);
    }
}
