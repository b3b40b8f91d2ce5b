//! The hands: what the pointer takes hold of, moves, draws and cuts.
//!
//! While something is dragged only the scene follows; the document is edited once, when it is let
//! go, so a drag is one step to undo and Escape gives it up.

use std::collections::BTreeSet;

use egui::{CursorIcon, DragAndDrop, Key, PointerButton, Pos2, Rect, Response, Ui, Vec2, pos2};
use millstream_compiler::document::{Command, Frame, NodeId, PortRef};
use millstream_compiler::nodes;

use super::arrange::{self, GRID, HEAD, NODE_WIDTH};
use super::brush::{Detail, Eye};
use super::curve;
use super::refusal;
use super::scene::{Corner, Hit, Moved, Port, Scene};
use super::search;
use crate::editor::{Action, Camera, Editor, Popup, Selection, position};
use crate::panels::library::DraggedKind;

/// How near to a small thing the pointer must be, in points of the screen.
const REACH: f32 = 9.0;
/// How near two edges must be to snap, in points of the screen.
const SNAP: f32 = 6.0;
/// How near to a port a wire that is drawn jumps to it, in points of the screen.
const MAGNET: f32 = 26.0;
/// How near to the border of the canvas a drag moves what is seen, in points of the screen.
const BORDER: f32 = 36.0;
/// How fast, at the border itself, in points of the screen a second.
const BORDER_SPEED: f32 = 900.0;
/// The least size of a frame.
const LEAST_FRAME: f32 = 80.0;

/// A line that shows what something stands in line with.
pub type Guide = [Pos2; 2];

/// What is being dragged.
#[derive(Debug)]
pub enum Drag {
    /// The canvas itself.
    Pan(Camera),
    /// A box around what to select.
    Box {
        /// Where it began.
        from: Pos2,
        /// Where it ends.
        to: Pos2,
    },
    /// Nodes, frames and bends.
    Move {
        /// What moves.
        moved: Moved,
        /// What is under the pointer.
        held: Rect,
        /// By how much, as of now.
        by: Vec2,
        /// What it stands in line with.
        guides: Vec<Guide>,
        /// The wire it is put into if it is let go now.
        into: Option<usize>,
    },
    /// The corner of a frame.
    Resize(usize, Corner),
    /// A bend of a wire.
    Bend(usize, usize),
    /// A wire from a port.
    Wire(Wire),
    /// A line that cuts wires.
    Cut(Vec<Pos2>),
}

/// A wire that is being drawn.
#[derive(Debug)]
pub struct Wire {
    /// Where it begins.
    pub from: Port,
    /// The wire whose end was taken hold of.
    pub instead: Option<usize>,
    /// Where it may end.
    pub fits: BTreeSet<Port>,
    /// Where it ends if it is let go now.
    pub target: Option<Port>,
    /// Where the pointer is.
    pub at: Pos2,
}

/// What the pointer does and did.
#[derive(Debug, Default)]
pub struct Hands {
    /// What is dragged.
    pub drag: Option<Drag>,
    /// What was seen when the drag began.
    begun: Camera,
    /// What is under the pointer.
    pub hover: Hit,
    /// The wire that a node of the library is put into if it is let go now.
    pub drop_into: Option<usize>,
    /// What the context menu is about, and where it was opened.
    pub menu: (Hit, Pos2),
    /// The frame that is to be renamed.
    pub rename: Option<usize>,
    /// Of which scene the numbers above are.
    version: u64,
}

impl Hands {
    /// Lets go of everything: the scene is another one.
    pub fn follow(&mut self, version: u64) {
        if self.version != version {
            *self = Self {
                version,
                ..Self::default()
            };
        }
    }

    /// Takes in what the pointer did in this frame.
    pub fn update(
        &mut self,
        ui: &Ui,
        response: &Response,
        eye: Eye,
        scene: &mut Scene,
        editor: &Editor,
        actions: &mut Vec<Action>,
    ) {
        look(ui, response, eye, actions);
        let pointer = response
            .hover_pos()
            .or_else(|| response.interact_pointer_pos());
        let reach = REACH / eye.zoom();
        let ports = eye.detail() > Detail::Far;
        self.hover = match pointer {
            Some(at) if self.drag.is_none() && eye.view.contains(at) => {
                scene.hit(eye.world(at), reach, ports)
            }
            _ => Hit::Nothing,
        };
        self.library_drop(response, eye, scene, editor, actions);
        if response.drag_started()
            && let Some(origin) = ui.input(|input| input.pointer.press_origin())
        {
            self.take(ui, eye, scene, editor, origin, actions);
        }
        let at = ui.input(|input| input.pointer.interact_pos());
        if let Some(at) = at {
            self.carry(ui, eye, scene, at, actions);
            self.follow_over_the_border(ui, eye, at, actions);
        }
        if self.drag.is_some() && ui.input(|input| input.key_pressed(Key::Escape)) {
            self.drag = None;
            scene.invalidate();
        }
        let over = response.drag_stopped() || (self.drag.is_some() && !response.dragged());
        if over && let Some(drag) = self.drag.take() {
            let end = at.map_or(eye.visible().center(), |at| eye.world(at));
            finish(drag, ui, scene, editor, end, actions);
        }
        self.clicks(ui, response, eye, scene, editor, actions);
        self.cursor(ui);
    }

    fn cursor(&self, ui: &Ui) {
        let space = ui.input(|input| input.key_down(Key::Space));
        let corner = |corner: Corner| match corner {
            Corner::LeftTop | Corner::RightBottom => CursorIcon::ResizeNwSe,
            Corner::RightTop | Corner::LeftBottom => CursorIcon::ResizeNeSw,
        };
        let icon = match &self.drag {
            Some(Drag::Pan(_)) => CursorIcon::Grabbing,
            Some(Drag::Cut(_)) => CursorIcon::Crosshair,
            Some(Drag::Move { .. }) => CursorIcon::Move,
            Some(Drag::Resize(_, at)) => corner(*at),
            Some(_) => return,
            None => match self.hover {
                Hit::FrameCorner(_, at) => corner(at),
                Hit::Port(_) => CursorIcon::Crosshair,
                Hit::Edge(_) => CursorIcon::PointingHand,
                Hit::FrameHead(_) | Hit::Bend(..) => CursorIcon::Grab,
                Hit::Nothing if space => CursorIcon::Grab,
                _ => return,
            },
        };
        ui.ctx().set_cursor_icon(icon);
    }

    /// Takes hold of what is at a point of the screen.
    fn take(
        &mut self,
        ui: &Ui,
        eye: Eye,
        scene: &Scene,
        editor: &Editor,
        origin: Pos2,
        actions: &mut Vec<Action>,
    ) {
        let (primary, middle, secondary, space, modifiers) = ui.input(|input| {
            (
                input.pointer.button_down(PointerButton::Primary),
                input.pointer.button_down(PointerButton::Middle),
                input.pointer.button_down(PointerButton::Secondary),
                input.key_down(Key::Space),
                input.modifiers,
            )
        });
        let start = eye.world(origin);
        self.begun = eye.camera;
        if middle || (primary && space) {
            self.drag = Some(Drag::Pan(eye.camera));
            return;
        }
        if secondary {
            if modifiers.command {
                self.drag = Some(Drag::Cut(vec![start]));
            }
            return;
        }
        if !primary {
            return;
        }
        let hit = scene.hit(start, REACH / eye.zoom(), eye.detail() > Detail::Far);
        let selection = &editor.view.selection;
        self.drag = Some(match hit {
            Hit::Port(port) => Drag::Wire(begin_wire(scene, port, start)),
            Hit::Node(node) => {
                let id = &scene.nodes[node].id;
                let selected = selection.nodes.contains(id);
                let mut chosen = match (selected, modifiers.shift) {
                    (true, _) | (false, true) => selection.clone(),
                    (false, false) => Selection::default(),
                };
                if !selected {
                    chosen.nodes.insert(id.clone());
                    actions.push(Action::Select(chosen.clone()));
                }
                let nodes = chosen.nodes.iter().filter_map(|id| scene.find(id));
                let frames = frames_of(scene, &chosen);
                begin_move(scene.moved(nodes, frames, false), scene.nodes[node].rect)
            }
            Hit::FrameHead(frame) => {
                let id = &scene.frames[frame].id;
                let mut frames = vec![frame];
                let mut nodes = Vec::new();
                if selection.frames.contains(id) {
                    frames = frames_of(scene, selection);
                    nodes = selection
                        .nodes
                        .iter()
                        .filter_map(|id| scene.find(id))
                        .collect();
                } else {
                    actions.push(Action::Select(Selection {
                        frames: [id.clone()].into(),
                        ..Selection::default()
                    }));
                }
                begin_move(scene.moved(nodes, frames, true), scene.frames[frame].rect)
            }
            Hit::FrameCorner(frame, corner) => Drag::Resize(frame, corner),
            Hit::Bend(edge, bend) => Drag::Bend(edge, bend),
            Hit::Edge(_) | Hit::Nothing => Drag::Box {
                from: start,
                to: start,
            },
        });
    }

    /// Lets what is held follow the pointer.
    fn carry(&mut self, ui: &Ui, eye: Eye, scene: &mut Scene, at: Pos2, actions: &mut Vec<Action>) {
        let Some(drag) = &mut self.drag else { return };
        let here = eye.world(at);
        let origin = ui.input(|input| input.pointer.press_origin());
        let by_hand = origin.map_or(Vec2::ZERO, |origin| (at - origin) / eye.zoom());
        // What is seen may have moved meanwhile.
        let total = by_hand + (eye.camera.centre - self.begun.centre);
        match drag {
            Drag::Pan(begun) => {
                let centre = begun.centre - by_hand;
                if origin.is_some() && centre != eye.camera.centre {
                    actions.push(Action::Look(Camera {
                        centre,
                        ..eye.camera
                    }));
                }
            }
            Drag::Box { to, .. } => *to = here,
            Drag::Cut(line) => {
                if line
                    .last()
                    .is_none_or(|last| last.distance(here) > 3.0 / eye.zoom())
                {
                    line.push(here);
                }
            }
            Drag::Move {
                moved,
                held,
                by,
                guides,
                into,
            } => {
                if origin.is_none() {
                    return;
                }
                let free = ui.input(|input| input.modifiers.alt);
                let wanted = snap(scene, moved, *held, total, free, eye, guides);
                if wanted != *by {
                    *by = wanted;
                    scene.place(moved, wanted);
                }
                *into = lone(scene, moved).and_then(|node| wire_under(scene, node));
            }
            Drag::Resize(frame, corner) => {
                let rect = scene.frames[*frame].rect;
                let here = pos2(
                    (here.x / GRID).round() * GRID,
                    (here.y / GRID).round() * GRID,
                );
                let (left, top) = (
                    matches!(corner, Corner::LeftTop | Corner::LeftBottom),
                    matches!(corner, Corner::LeftTop | Corner::RightTop),
                );
                let x = match left {
                    true => here.x.min(rect.right() - LEAST_FRAME)..=rect.right(),
                    false => rect.left()..=here.x.max(rect.left() + LEAST_FRAME),
                };
                let y = match top {
                    true => here.y.min(rect.bottom() - LEAST_FRAME)..=rect.bottom(),
                    false => rect.top()..=here.y.max(rect.top() + LEAST_FRAME),
                };
                scene.frames[*frame].rect = Rect::from_x_y_ranges(x, y);
            }
            Drag::Bend(edge, bend) => scene.move_bend(*edge, *bend, here),
            Drag::Wire(wire) => {
                wire.at = here;
                wire.target = target(scene, wire, here, MAGNET / eye.zoom());
            }
        }
    }

    /// Moves what is seen while something is dragged to the border.
    fn follow_over_the_border(&self, ui: &Ui, eye: Eye, at: Pos2, actions: &mut Vec<Action>) {
        let from_library = || DragAndDrop::has_payload_of_type::<DraggedKind>(ui.ctx());
        let follows = match &self.drag {
            Some(drag) => !matches!(drag, Drag::Pan(_)),
            None => eye.view.contains(at) && from_library(),
        };
        let origin = ui.input(|input| input.pointer.press_origin());
        let Some(origin) = origin.filter(|_| follows) else {
            return;
        };
        let speed = border_speed(eye.view, origin, at);
        if speed == Vec2::ZERO {
            return;
        }
        let passed = ui.input(|input| input.stable_dt).min(0.1);
        actions.push(Action::Look(Camera {
            centre: eye.camera.centre + speed * passed / eye.zoom(),
            ..eye.camera
        }));
        ui.ctx().request_repaint();
    }

    fn clicks(
        &mut self,
        ui: &Ui,
        response: &Response,
        eye: Eye,
        scene: &Scene,
        editor: &Editor,
        actions: &mut Vec<Action>,
    ) {
        let Some(at) = response.interact_pointer_pos() else {
            return;
        };
        let here = eye.world(at);
        let hit = || scene.hit(here, REACH / eye.zoom(), eye.detail() > Detail::Far);
        if response.clicked_by(PointerButton::Secondary) {
            let hit = hit();
            self.menu = (hit, here);
            let selected = selection_of(scene, hit);
            if !selected.is_empty() && !covers(&editor.view.selection, &selected) {
                actions.push(Action::Select(selected));
            }
        }
        if response.double_clicked_by(PointerButton::Primary) {
            match hit() {
                Hit::Nothing => actions.push(Action::Popup(Popup::AddNode {
                    at: position(here),
                    from: None,
                    to: None,
                })),
                Hit::Edge(edge) => actions.push(add_bend(scene, edge, here)),
                Hit::Bend(edge, bend) => actions.push(remove_bend(scene, edge, bend)),
                Hit::FrameHead(frame) => self.rename = Some(frame),
                Hit::Node(node) => actions.push(Action::Preview(scene.nodes[node].id.clone())),
                Hit::Port(_) | Hit::FrameCorner(..) => {}
            }
        } else if response.clicked_by(PointerButton::Primary) {
            let modifiers = ui.input(|input| input.modifiers);
            let clicked = selection_of(scene, hit());
            let selection = match modifiers.shift || modifiers.command {
                true => toggled(editor.view.selection.clone(), clicked),
                false => clicked,
            };
            if selection != editor.view.selection {
                actions.push(Action::Select(selection));
            }
        }
    }

    /// A node kind that is dragged from the library.
    fn library_drop(
        &mut self,
        response: &Response,
        eye: Eye,
        scene: &Scene,
        editor: &Editor,
        actions: &mut Vec<Action>,
    ) {
        self.drop_into = None;
        if !DragAndDrop::has_payload_of_type::<DraggedKind>(&response.ctx) {
            return;
        }
        let Some(at) = response.ctx.pointer_interact_pos() else {
            return;
        };
        if !response.contains_pointer() {
            return;
        }
        let here = eye.world(at);
        let edge = match scene.hit(here, REACH / eye.zoom(), false) {
            Hit::Edge(edge) => Some(edge),
            _ => None,
        };
        self.drop_into = edge;
        let Some(kind) = response.dnd_release_payload::<DraggedKind>() else {
            return;
        };
        let Some(kind) = nodes::find(kind.0) else {
            return;
        };
        let corner = here - ghost_size() / 2.0;
        let spec = kind.spec();
        let plain = search::add_at(editor, spec, corner, None, None);
        let inserted = edge.map(|edge| {
            let (from, to) = ends(scene, edge);
            search::add_at(editor, spec, corner, Some(&from), Some(&to))
        });
        // A kind that does not fit between is put down beside.
        actions.push(match inserted {
            Some(Action::Edits { label, commands }) if applies(editor, &commands) => {
                Action::Edits { label, commands }
            }
            _ => plain,
        });
    }
}

/// The size of what is shown under the pointer while a kind is dragged from the library.
pub fn ghost_size() -> Vec2 {
    Vec2::new(NODE_WIDTH, arrange::node_height(1))
}

/// Both ends of a wire as commands name them.
pub fn ends(scene: &Scene, edge: usize) -> (PortRef, PortRef) {
    let wire = &scene.edges[edge];
    let from = scene.port_ref(Port::Output(wire.from));
    (from, scene.port_ref(Port::Input(wire.to, wire.port)))
}

fn applies(editor: &Editor, commands: &[Command]) -> bool {
    let mut document = editor.document().clone();
    commands
        .iter()
        .all(|command| match document.apply(command) {
            Ok(applied) => {
                document = applied.document;
                true
            }
            Err(_) => false,
        })
}

/// Wheel, pinch and scrolling.
fn look(ui: &Ui, response: &Response, eye: Eye, actions: &mut Vec<Action>) {
    if !response.contains_pointer() {
        return;
    }
    let Some(pointer) = ui.input(|input| input.pointer.hover_pos()) else {
        return;
    };
    let (scroll, zoom, shift, source) = ui.input(|input| {
        (
            input.smooth_scroll_delta(),
            input.zoom_delta(),
            input.modifiers.shift,
            input.scroll_source(),
        )
    });
    let fingers = source == Some(egui::MouseWheelSource::Trackpad);
    let mut camera = eye.camera;
    if zoom != 1.0 {
        camera = camera.zoomed(eye.view, pointer, zoom);
    } else if scroll != Vec2::ZERO {
        camera = match shift || fingers {
            true => Camera {
                centre: camera.centre - scroll / camera.zoom,
                ..camera
            },
            false => camera.zoomed(eye.view, pointer, (scroll.y / 240.0).exp()),
        };
    }
    if camera != eye.camera {
        actions.push(Action::Look(camera));
    }
}

/// Begins a wire at a port. At an input that has a wire, that wire's end is taken hold of.
pub fn begin_wire(scene: &Scene, port: Port, at: Pos2) -> Wire {
    let taken = match port {
        Port::Input(node, input) => scene.wire_at(node, input),
        Port::Output(_) => None,
    };
    let from = taken.map_or(port, |edge| Port::Output(scene.edges[edge].from));
    let mut fits: BTreeSet<Port> = scene.fitting(from).into_iter().collect();
    if taken.is_some() {
        fits.insert(port);
    }
    Wire {
        from,
        instead: taken,
        fits,
        target: None,
        at,
    }
}

/// The port that a wire ends at: the nearest that fits, or one of the node under the pointer.
fn target(scene: &Scene, wire: &Wire, here: Pos2, magnet: f32) -> Option<Port> {
    let near = scene.nodes_in(Rect::from_center_size(here, Vec2::splat(2.0 * magnet)));
    let fitting = |node: &usize| {
        let ports = scene.ports_of(*node).into_iter();
        ports.filter(|port| wire.fits.contains(port))
    };
    let nearest = near
        .iter()
        .flat_map(fitting)
        .map(|port| (scene.port_point(port).distance(here), port))
        .filter(|(distance, _)| *distance <= magnet)
        .min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, port)) = nearest {
        return Some(port);
    }
    let over = near
        .into_iter()
        .find(|node| scene.nodes[*node].rect.contains(here))?;
    let empty = |port: &Port| match port {
        Port::Input(node, input) => scene.wire_at(*node, *input).is_none(),
        Port::Output(_) => true,
    };
    fitting(&over).find(empty).or_else(|| fitting(&over).next())
}

/// How fast what is seen moves while the pointer is dragged near the border, in points of the
/// screen a second. A drag that began near the border must go on towards it.
fn border_speed(view: Rect, origin: Pos2, at: Pos2) -> Vec2 {
    let along = |low: f32, high: f32, origin: f32, at: f32| {
        let room = BORDER.min((high - low) / 4.0);
        let depth = |beyond: f32| (beyond / room).clamp(0.0, 1.0);
        if at < origin {
            -depth(low + room - at)
        } else if at > origin {
            depth(at - (high - room))
        } else {
            0.0
        }
    };
    let x = along(view.left(), view.right(), origin.x, at.x);
    let y = along(view.top(), view.bottom(), origin.y, at.y);
    Vec2::new(x, y) * BORDER_SPEED
}

fn begin_move(moved: Moved, held: Rect) -> Drag {
    Drag::Move {
        moved,
        held,
        by: Vec2::ZERO,
        guides: Vec::new(),
        into: None,
    }
}

fn frames_of(scene: &Scene, selection: &Selection) -> Vec<usize> {
    let frames = scene.frames.iter().enumerate();
    frames
        .filter(|(_, frame)| selection.frames.contains(&frame.id))
        .map(|(at, _)| at)
        .collect()
}

/// By how much to move: onto the edges of what stands near, otherwise onto the grid.
fn snap(
    scene: &Scene,
    moved: &Moved,
    held: Rect,
    by: Vec2,
    free: bool,
    eye: Eye,
    guides: &mut Vec<Guide>,
) -> Vec2 {
    guides.clear();
    if free {
        return by.round();
    }
    let wanted = held.translate(by);
    let others: Vec<Rect> = scene
        .nodes_in(eye.visible())
        .into_iter()
        .filter(|node| moved.nodes.iter().all(|(other, _)| other != node))
        .map(|node| scene.nodes[node].rect)
        .collect();
    let reach = SNAP / eye.zoom();
    let xs = |rect: &Rect| [rect.left(), rect.center().x, rect.right()];
    let ys = |rect: &Rect| [rect.top(), arrange::output_point(*rect).y, rect.bottom()];
    let best = |lines: &dyn Fn(&Rect) -> [f32; 3], across: &dyn Fn(&Rect) -> f32| {
        let own = lines(&wanted);
        others
            .iter()
            .flat_map(|other| {
                let far = across(other);
                lines(other)
                    .into_iter()
                    .zip(own)
                    .map(move |(there, here)| (there - here, there, far))
            })
            .filter(|(by, _, _)| by.abs() <= reach)
            // Of several as near, the one that stands nearest across.
            .min_by(|a, b| (a.0.abs() + a.2 / 1e5).total_cmp(&(b.0.abs() + b.2 / 1e5)))
    };
    let x = best(&xs, &|other| (other.center().y - wanted.center().y).abs());
    let y = best(&ys, &|other| (other.center().x - wanted.center().x).abs());
    let on_grid = |value: f32, from: f32| ((from + value) / GRID).round() * GRID - from;
    let by = Vec2::new(
        x.map_or_else(|| on_grid(by.x, held.left()), |(more, _, _)| by.x + more),
        y.map_or_else(|| on_grid(by.y, held.top()), |(more, _, _)| by.y + more),
    );
    let now = held.translate(by);
    if let Some((_, at, _)) = x {
        let line = |other: &&Rect| xs(other).iter().any(|x| (x - at).abs() < 0.5);
        let all = others
            .iter()
            .filter(line)
            .fold(now, |all, rect| all.union(*rect));
        guides.push([pos2(at, all.top() - 12.0), pos2(at, all.bottom() + 12.0)]);
    }
    if let Some((_, at, _)) = y {
        let line = |other: &&Rect| ys(other).iter().any(|y| (y - at).abs() < 0.5);
        let all = others
            .iter()
            .filter(line)
            .fold(now, |all, rect| all.union(*rect));
        guides.push([pos2(all.left() - 12.0, at), pos2(all.right() + 12.0, at)]);
    }
    by
}

/// The node that is moved, if it is one alone and has no wires: it can be put into one.
fn lone(scene: &Scene, moved: &Moved) -> Option<usize> {
    match (moved.nodes.as_slice(), moved.frames.as_slice()) {
        ([(node, _)], []) => {
            let found = &scene.nodes[*node];
            let bare = found.wires_in.is_empty() && found.wires_out.is_empty();
            (bare && found.has_output && !found.inputs.is_empty()).then_some(*node)
        }
        _ => None,
    }
}

/// The wire that goes through the middle of a node.
fn wire_under(scene: &Scene, node: usize) -> Option<usize> {
    let rect = scene.nodes[node].rect;
    let middle = rect.center();
    let near = scene.edges_in(rect);
    near.into_iter()
        .map(|edge| (curve::distance(&scene.edges[edge].line, middle), edge))
        .filter(|(distance, _)| *distance < HEAD)
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, edge)| edge)
}

/// What a click on something selects.
pub fn selection_of(scene: &Scene, hit: Hit) -> Selection {
    let mut selection = Selection::default();
    match hit {
        Hit::Nothing => {}
        Hit::Node(node) => {
            selection.nodes.insert(scene.nodes[node].id.clone());
        }
        Hit::Port(port) => {
            selection.nodes.insert(scene.nodes[port.node()].id.clone());
        }
        Hit::Edge(edge) | Hit::Bend(edge, _) => {
            selection.edges.insert(scene.edges[edge].id.clone());
        }
        Hit::FrameHead(frame) | Hit::FrameCorner(frame, _) => {
            selection.frames.insert(scene.frames[frame].id.clone());
        }
    }
    selection
}

fn covers(selection: &Selection, part: &Selection) -> bool {
    part.nodes.is_subset(&selection.nodes)
        && part.edges.is_subset(&selection.edges)
        && part.frames.is_subset(&selection.frames)
}

fn toggled(mut selection: Selection, clicked: Selection) -> Selection {
    for node in clicked.nodes {
        if !selection.nodes.remove(&node) {
            selection.nodes.insert(node);
        }
    }
    for edge in clicked.edges {
        if !selection.edges.remove(&edge) {
            selection.edges.insert(edge);
        }
    }
    for frame in clicked.frames {
        if !selection.frames.remove(&frame) {
            selection.frames.insert(frame);
        }
    }
    selection
}

fn set_bends(scene: &Scene, edge: usize, bends: &[Pos2]) -> Action {
    Action::Edit(Command::SetReroutes {
        edge: scene.edges[edge].id.clone(),
        points: bends.iter().map(|bend| position(*bend)).collect(),
    })
}

/// Puts a bend into a wire.
pub fn add_bend(scene: &Scene, edge: usize, at: Pos2) -> Action {
    let wire = &scene.edges[edge];
    let start = scene.nodes[wire.from].output();
    let end = scene.nodes[wire.to].input(wire.port);
    let mut bends = wire.bends.clone();
    bends.insert(curve::place_among(start, &bends, end, at), at);
    set_bends(scene, edge, &bends)
}

/// Takes a bend out of a wire.
pub fn remove_bend(scene: &Scene, edge: usize, bend: usize) -> Action {
    let mut bends = scene.edges[edge].bends.clone();
    bends.remove(bend);
    set_bends(scene, edge, &bends)
}

/// The edits that a drag means, now that it is over.
fn finish(
    drag: Drag,
    ui: &Ui,
    scene: &mut Scene,
    editor: &Editor,
    end: Pos2,
    actions: &mut Vec<Action>,
) {
    match drag {
        Drag::Pan(_) => {}
        Drag::Box { from, to } => {
            let within = Rect::from_two_pos(from, to);
            let chosen = Selection {
                nodes: scene
                    .nodes_in(within)
                    .into_iter()
                    .map(|node| scene.nodes[node].id.clone())
                    .collect(),
                edges: scene
                    .edges_in(within)
                    .into_iter()
                    .filter(|edge| within.contains_rect(scene.edges[*edge].bounds))
                    .map(|edge| scene.edges[edge].id.clone())
                    .collect(),
                frames: scene
                    .frames
                    .iter()
                    .filter(|frame| within.contains_rect(frame.rect))
                    .map(|frame| frame.id.clone())
                    .collect(),
            };
            let add = ui.input(|input| input.modifiers.shift || input.modifiers.command);
            let mut selection = match add {
                true => editor.view.selection.clone(),
                false => Selection::default(),
            };
            selection.nodes.extend(chosen.nodes);
            selection.edges.extend(chosen.edges);
            selection.frames.extend(chosen.frames);
            actions.push(Action::Select(selection));
        }
        Drag::Move {
            moved, by, into, ..
        } => {
            let mut commands = move_commands(scene, &moved, by);
            let mut label = commands.first().map_or(String::new(), Command::label);
            if let Some(edge) = into
                && let [(node, _)] = moved.nodes.as_slice()
            {
                let insert = Command::InsertOnEdge {
                    edge: scene.edges[edge].id.clone(),
                    node: scene.nodes[*node].id.clone(),
                };
                commands.push(insert.clone());
                if applies(editor, &commands) {
                    label = insert.label();
                } else {
                    commands.pop();
                }
            }
            if !commands.is_empty() {
                actions.push(Action::Edits { label, commands });
            }
            scene.invalidate();
        }
        Drag::Resize(frame, _) => {
            actions.push(Action::Edit(put_frame(editor, scene, frame)));
            scene.invalidate();
        }
        Drag::Bend(edge, _) => {
            let bends = scene.edges[edge].bends.clone();
            actions.push(set_bends(scene, edge, &bends));
            scene.invalidate();
        }
        Drag::Wire(wire) => drop_wire(&wire, scene, editor, end, actions),
        Drag::Cut(line) => {
            let bounds = Rect::from_points(&line);
            let edges: Vec<_> = scene
                .edges_in(bounds)
                .into_iter()
                .filter(|edge| curve::cross(&scene.edges[*edge].line, &line))
                .map(|edge| scene.edges[edge].id.clone())
                .collect();
            if !edges.is_empty() {
                actions.push(Action::Edit(Command::Disconnect { edges }));
            }
        }
    }
}

/// A frame of the document with the place that it has in the scene.
fn put_frame(editor: &Editor, scene: &Scene, frame: usize) -> Command {
    let found = &scene.frames[frame];
    let (title, colour) = match editor.document().layout().frame(found.id.as_str()) {
        Some(frame) => (frame.title.clone(), frame.colour),
        None => (found.title.clone(), found.colour),
    };
    Command::PutFrame {
        id: Some(found.id.clone()),
        frame: Frame {
            title,
            position: position(found.rect.min),
            width: found.rect.width().round() as i32,
            height: found.rect.height().round() as i32,
            colour,
        },
    }
}

fn move_commands(scene: &Scene, moved: &Moved, by: Vec2) -> Vec<Command> {
    if by == Vec2::ZERO {
        return vec![];
    }
    let mut commands = Vec::new();
    let positions: Vec<(NodeId, _)> = moved
        .nodes
        .iter()
        .map(|(node, rect)| (scene.nodes[*node].id.clone(), position(rect.min + by)))
        .collect();
    for (frame, rect) in &moved.frames {
        let found = &scene.frames[*frame];
        commands.push(Command::PutFrame {
            id: Some(found.id.clone()),
            frame: Frame {
                title: found.title.clone(),
                position: position(rect.min + by),
                width: rect.width().round() as i32,
                height: rect.height().round() as i32,
                colour: found.colour,
            },
        });
    }
    if !positions.is_empty() {
        commands.push(Command::MoveNodes { positions });
    }
    let edges: BTreeSet<usize> = moved.bends.iter().map(|(edge, _, _)| *edge).collect();
    for edge in edges {
        let wire = &scene.edges[edge];
        commands.push(Command::SetReroutes {
            edge: wire.id.clone(),
            points: wire.bends.iter().map(|bend| position(*bend)).collect(),
        });
    }
    commands
}

fn drop_wire(wire: &Wire, scene: &Scene, editor: &Editor, end: Pos2, actions: &mut Vec<Action>) {
    let instead = wire.instead.map(|edge| &scene.edges[edge].id);
    // Where nothing fits but something is, the document says why it does not fit.
    let over = match scene.hit(end, 1.0, false) {
        Hit::Node(node) if node != wire.from.node() => Some(match wire.from {
            Port::Output(_) => Port::Input(node, 0),
            Port::Input(..) => Port::Output(node),
        }),
        _ => None,
    };
    match wire.target.or(over) {
        Some(port) => {
            let unchanged = wire.instead.is_some_and(|edge| {
                let wire = &scene.edges[edge];
                port == Port::Input(wire.to, wire.port)
            });
            if unchanged {
                return;
            }
            let (from, to) = match wire.from {
                Port::Output(_) => (wire.from, port),
                Port::Input(..) => (port, wire.from),
            };
            let from = scene.port_ref(from);
            let to = match to {
                // A source has no input to name.
                Port::Input(node, _) if scene.nodes[node].inputs.is_empty() => {
                    PortRef::from(scene.nodes[node].id.clone())
                }
                port => scene.port_ref(port),
            };
            actions.extend(refusal::connect(editor, &from, &to, instead));
        }
        None => match (instead, wire.from) {
            (Some(edge), _) => actions.push(Action::Edit(Command::Disconnect {
                edges: vec![edge.clone()],
            })),
            (None, port) => {
                let place = position(end);
                let port_ref = scene.port_ref(port);
                let (from, to) = match port {
                    Port::Output(_) => (Some(port_ref), None),
                    Port::Input(..) => (None, Some(port_ref)),
                };
                actions.push(Action::Popup(Popup::AddNode {
                    at: place,
                    from,
                    to,
                }));
            }
        },
    }
}
