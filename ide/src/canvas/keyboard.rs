//! The canvas by keyboard alone: Tab walks the nodes, arrows move them, Enter enters the ports,
//! and a wire is drawn by choosing where it ends. In the hand that also moves the pointer, Tab
//! searches for a node to put where the pointer is.

use egui::{
    Align2, Area, Event, FocusDirection, Id, Key, Modifiers, Order, Pos2, RichText, Ui, Vec2,
};
use millstream_compiler::document::{Command, NodeId};

use super::arrange::GRID;
use super::brush::Eye;
use super::refusal;
use super::scene::{Port, Scene};
use crate::editor::{Action, Camera, Editor, Popup, position};
use crate::shell::fuzzy;
use crate::theme;

/// How many ports are offered at once.
const SHOWN: usize = 8;

/// How far from the border of the canvas a port that is chosen is at least.
const BESIDE: f32 = 48.0;

/// A wire that is drawn by keyboard.
#[derive(Debug)]
pub struct Wiring {
    /// Where it begins.
    pub from: Port,
    /// The ports it may end at, nearest first.
    fits: Vec<Port>,
    typed: String,
    chosen: usize,
}

/// Where the keyboard is.
#[derive(Debug, Default)]
pub enum Mode {
    /// Among the nodes.
    #[default]
    Nodes,
    /// At a port of a node.
    Ports(Port),
    /// Choosing where a wire ends.
    Wire(Wiring),
}

/// What the keyboard does on the canvas.
#[derive(Debug, Default)]
pub struct Keys {
    /// Where it is.
    pub mode: Mode,
    /// What was typed and is no port that is there: the search for a node goes on with it.
    pub unanswered: Option<String>,
    /// Whether the pointer was used last, not the keyboard.
    pointing: bool,
    /// Of which scene the ports are.
    version: u64,
}

impl Keys {
    /// Whether plain keys mean something here that they do not mean elsewhere.
    pub fn takes_keys(&self) -> bool {
        !matches!(self.mode, Mode::Nodes)
    }

    /// The port that the keyboard is at, or that the wire would end at.
    pub fn port(&self, scene: &Scene) -> Option<Port> {
        match &self.mode {
            Mode::Nodes => None,
            Mode::Ports(port) => Some(*port),
            Mode::Wire(wiring) => wiring.candidates(scene).get(wiring.chosen).copied(),
        }
    }

    /// The ports that fit the wire that is drawn.
    pub fn fits(&self) -> Option<(Port, &[Port])> {
        match &self.mode {
            Mode::Wire(wiring) => Some((wiring.from, &wiring.fits)),
            _ => None,
        }
    }

    /// Takes in the keys of this frame. `id` is the canvas, which must have the focus; `nowhere` is
    /// where the pointer is, if that is on the canvas and on nothing.
    pub fn update(
        &mut self,
        ui: &Ui,
        id: Id,
        nowhere: Option<Pos2>,
        scene: &Scene,
        editor: &Editor,
        actions: &mut Vec<Action>,
    ) {
        if self.version != scene.version {
            self.version = scene.version;
            self.mode = Mode::Nodes;
        }
        ui.input(|input| {
            for event in &input.events {
                match event {
                    Event::PointerMoved(_) | Event::PointerButton { .. } => self.pointing = true,
                    Event::Key { key, .. } => self.pointing &= *key == Key::Tab,
                    _ => {}
                }
            }
        });
        if editor.view.start_wire {
            actions.push(Action::WireStarted);
            let node = editor.view.selection.single_node();
            if let Some(node) = node.and_then(|node| scene.find(node)) {
                let port = match scene.nodes[node].has_output {
                    true => Port::Output(node),
                    false => Port::Input(node, 0),
                };
                self.start_wire(scene, port, actions);
                ui.ctx().memory_mut(|memory| memory.request_focus(id));
                // The key that began it is no letter of a name.
                return;
            }
        }
        let focused = ui.ctx().memory(|memory| memory.has_focus(id));
        if !focused || editor.view.popup != Popup::None {
            return;
        }
        match &mut self.mode {
            Mode::Nodes => {
                let nowhere = nowhere.filter(|_| self.pointing);
                self.nodes(ui, nowhere, scene, editor, actions);
            }
            Mode::Ports(_) => self.ports(ui, scene, actions),
            Mode::Wire(_) => self.wire(ui, scene, editor, actions),
        }
    }

    fn start_wire(&mut self, scene: &Scene, from: Port, actions: &mut Vec<Action>) {
        let at = scene.port_point(from);
        let mut fits = scene.fitting(from);
        fits.sort_by(|a, b| {
            let distance = |port: &Port| scene.port_point(*port).distance(at);
            distance(a).total_cmp(&distance(b))
        });
        if fits.is_empty() {
            // Nothing that is there: only a new node can be at the other end.
            actions.push(add_at_the_end(scene, from));
            return;
        }
        self.mode = Mode::Wire(Wiring {
            from,
            fits,
            typed: String::new(),
            chosen: 0,
        });
    }

    fn nodes(
        &mut self,
        ui: &Ui,
        pointed_at: Option<Pos2>,
        scene: &Scene,
        editor: &Editor,
        actions: &mut Vec<Action>,
    ) {
        let (next, previous, enter) = ui.input_mut(|input| {
            (
                input.count_and_consume_key(Modifiers::NONE, Key::Tab),
                input.count_and_consume_key(Modifiers::SHIFT, Key::Tab),
                input.consume_key(Modifiers::NONE, Key::Enter),
            )
        });
        // egui counts a Tab with Shift for one without as well.
        let back = ui.input(|input| input.modifiers.shift) || previous > 0;
        if let (Some(at), 1.., false) = (pointed_at, next, back) {
            actions.push(Action::Popup(Popup::AddNode {
                at: position(at),
                from: None,
                to: None,
            }));
        } else if next + previous > 0 {
            walk(ui, scene, editor, back, actions);
        }
        let selection = &editor.view.selection;
        if enter && let Some(node) = selection.single_node().and_then(|id| scene.find(id)) {
            let ports = scene.ports_of(node);
            if let Some(port) = ports.last() {
                self.mode = Mode::Ports(*port);
            }
        }
        let arrows = arrows(ui);
        if arrows == Vec2::ZERO {
            return;
        }
        let step = match ui.input(|input| input.modifiers.shift) {
            true => 4.0 * GRID,
            false => GRID,
        };
        let positions: Vec<(NodeId, _)> = selection
            .nodes
            .iter()
            .filter_map(|id| {
                let rect = scene.nodes[scene.find(id)?].rect;
                Some((id.clone(), position(rect.min + arrows * step)))
            })
            .collect();
        if positions.is_empty() {
            let camera = editor.view.camera;
            actions.push(Action::Look(Camera {
                centre: camera.centre + arrows * 64.0 / camera.zoom,
                ..camera
            }));
        } else {
            actions.push(Action::Burst {
                key: "move by keys".into(),
                command: Command::MoveNodes { positions },
            });
        }
    }

    fn ports(&mut self, ui: &Ui, scene: &Scene, actions: &mut Vec<Action>) {
        let Mode::Ports(port) = self.mode else { return };
        let ports = scene.ports_of(port.node());
        let at = ports.iter().position(|other| *other == port).unwrap_or(0);
        let arrows = arrows(ui);
        let (enter, leave, delete) = ui.input_mut(|input| {
            let delete = input.consume_key(Modifiers::NONE, Key::Delete)
                || input.consume_key(Modifiers::NONE, Key::Backspace);
            let wire = input.consume_key(Modifiers::NONE, Key::C);
            let enter = input.consume_key(Modifiers::NONE, Key::Enter) || wire;
            let leave = input.consume_key(Modifiers::NONE, Key::Escape)
                || input.consume_key(Modifiers::NONE, Key::Tab);
            (enter, leave, delete)
        });
        if leave {
            self.mode = Mode::Nodes;
        } else if enter {
            self.start_wire(scene, port, actions);
        } else if delete {
            let edges: Vec<_> = match port {
                Port::Output(_) => vec![],
                Port::Input(node, input) => scene.nodes[node]
                    .wires_in
                    .iter()
                    .filter(|edge| scene.edges[**edge].port == input)
                    .map(|edge| scene.edges[*edge].id.clone())
                    .collect(),
            };
            if !edges.is_empty() {
                actions.push(Action::Edit(Command::Disconnect { edges }));
            }
        } else if arrows != Vec2::ZERO {
            let step = if arrows.x + arrows.y > 0.0 { 1 } else { -1 };
            let at = (at as isize + step).rem_euclid(ports.len() as isize);
            self.mode = Mode::Ports(ports[at as usize]);
        }
    }

    fn wire(&mut self, ui: &Ui, scene: &Scene, editor: &Editor, actions: &mut Vec<Action>) {
        let Mode::Wire(wiring) = &mut self.mode else {
            return;
        };
        let arrows = arrows(ui);
        let (tab, back, enter, escape, rubbed) = ui.input_mut(|input| {
            (
                input.count_and_consume_key(Modifiers::NONE, Key::Tab),
                input.modifiers.shift,
                input.consume_key(Modifiers::NONE, Key::Enter),
                input.consume_key(Modifiers::NONE, Key::Escape),
                input.consume_key(Modifiers::NONE, Key::Backspace),
            )
        });
        let text: String = ui.input(|input| {
            let texts = input.events.iter().filter_map(|event| match event {
                Event::Text(text) => Some(text.as_str()),
                _ => None,
            });
            texts.collect()
        });
        if !text.is_empty() || rubbed {
            wiring.typed.push_str(&text);
            if rubbed {
                wiring.typed.pop();
            }
            // No name begins with a space.
            wiring.typed = wiring.typed.trim_start().to_string();
            wiring.chosen = 0;
        }
        // Behind the ports stands "New node…".
        let count = wiring.candidates(scene).len() + 1;
        let mut step = match arrows.x + arrows.y {
            0.0 => 0.0,
            by => by.signum(),
        };
        if tab > 0 {
            step = if back { -1.0 } else { 1.0 };
        }
        if step != 0.0 {
            wiring.chosen =
                (wiring.chosen as isize + step as isize).rem_euclid(count as isize) as usize;
        }
        if (step != 0.0 || !text.is_empty())
            && let Some(port) = wiring.candidates(scene).get(wiring.chosen)
        {
            actions.extend(show(scene.port_point(*port), editor));
        }
        if escape {
            self.mode = Mode::Nodes;
        } else if enter {
            let from = wiring.from;
            let candidates = wiring.candidates(scene);
            let chosen = candidates.get(wiring.chosen).copied();
            let typed = std::mem::take(&mut wiring.typed);
            self.mode = Mode::Nodes;
            match chosen {
                Some(port) => actions.extend(join(scene, editor, from, port)),
                // The search for a node to add takes over, with what was meant for it.
                None => {
                    self.unanswered = candidates.is_empty().then_some(typed);
                    actions.push(add_at_the_end(scene, from));
                }
            }
        }
    }

    /// Draws the list of ports that fit, beside where the wire begins.
    pub fn ui(
        &mut self,
        ui: &Ui,
        eye: Eye,
        scene: &Scene,
        editor: &Editor,
        actions: &mut Vec<Action>,
    ) {
        let Mode::Wire(wiring) = &self.mode else {
            return;
        };
        let palette = theme::palette(ui.ctx());
        let candidates = wiring.candidates(scene);
        let from = wiring.from;
        let beside = eye.screen(scene.port_point(from)) + Vec2::new(18.0, 14.0);
        let room = egui::Rect::from_min_max(
            eye.view.min,
            (eye.view.max - Vec2::new(250.0, 240.0)).max(eye.view.min),
        );
        let mut picked = None;
        let mut add = false;
        Area::new(ui.scope_id().with("wire by keyboard"))
            .order(Order::Foreground)
            .pivot(Align2::LEFT_TOP)
            .fixed_pos(room.clamp(beside))
            .show(ui.ctx(), |ui| {
                egui::Frame::window(ui.style()).show(ui, |ui| {
                    ui.set_width(230.0);
                    let node = &scene.nodes[from.node()].id;
                    let question = match from {
                        Port::Output(_) => format!("Connect {node} to"),
                        Port::Input(..) => format!("Connect to {node} from"),
                    };
                    ui.label(RichText::new(question).color(palette.muted));
                    let first = wiring.chosen.saturating_sub(SHOWN - 1);
                    for (at, port) in candidates.iter().enumerate().skip(first).take(SHOWN) {
                        let node = &scene.nodes[port.node()].id;
                        let port_name = match port {
                            Port::Output(_) => "output",
                            Port::Input(node, input) => match &scene.nodes[*node].inputs[*input] {
                                input if input.free => "another input",
                                input => &input.name,
                            },
                        };
                        let label = RichText::new(node.as_str());
                        let button = egui::Button::selectable(at == wiring.chosen, label)
                            .right_text(
                                RichText::new(port_name)
                                    .size(theme::SMALL)
                                    .color(palette.faint),
                            )
                            .min_size(Vec2::new(ui.available_width(), 22.0));
                        let response = ui.add(button);
                        response.widget_info(|| {
                            let name = format!("Connect to {}", lower(&scene.port_name(*port)));
                            let chosen = at == wiring.chosen;
                            egui::WidgetInfo::selected(egui::Role::Button, true, chosen, name)
                        });
                        if response.clicked() {
                            picked = Some(*port);
                        }
                    }
                    let last = candidates.len();
                    let text = match candidates.is_empty() {
                        true => format!("New node “{}”…", wiring.typed),
                        false => "New node…".to_string(),
                    };
                    let chosen = wiring.chosen == last;
                    let text = RichText::new(text).color(palette.muted);
                    let new = egui::Button::selectable(chosen, text)
                        .min_size(Vec2::new(ui.available_width(), 22.0));
                    let new = ui.add(new);
                    new.widget_info(|| {
                        egui::WidgetInfo::selected(
                            egui::Role::Button,
                            true,
                            chosen,
                            "Connect to a new node",
                        )
                    });
                    add |= new.clicked();
                    let hint = match wiring.typed.is_empty() {
                        true => "Type to filter · ↑↓ · Enter · Esc".to_string(),
                        false => format!("“{}” · Enter · Esc", wiring.typed),
                    };
                    let hint = RichText::new(hint).size(theme::SMALL).color(palette.faint);
                    ui.label(hint);
                });
            });
        if let Some(port) = picked {
            self.mode = Mode::Nodes;
            actions.extend(join(scene, editor, from, port));
        } else if add {
            self.mode = Mode::Nodes;
            actions.push(add_at_the_end(scene, from));
        }
    }
}

impl Wiring {
    /// The ports that answer what is typed.
    fn candidates(&self, scene: &Scene) -> Vec<Port> {
        if self.typed.is_empty() {
            return self.fits.clone();
        }
        let mut found: Vec<(u32, Port)> = self
            .fits
            .iter()
            .filter_map(|port| {
                let node = &scene.nodes[port.node()];
                let by_id = fuzzy(&self.typed, node.id.as_str());
                let by_port = match port {
                    Port::Output(_) => None,
                    Port::Input(_, input) => fuzzy(
                        &self.typed,
                        &format!("{} {}", node.id, node.inputs[*input].name),
                    ),
                };
                Some((by_id.max(by_port)?, *port))
            })
            .collect();
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.into_iter().map(|(_, port)| port).collect()
    }
}

/// Moves what is seen as little as it takes to show a point.
fn show(point: Pos2, editor: &Editor) -> Option<Action> {
    let camera = editor.view.camera;
    let seen = camera.visible(editor.view.canvas);
    let seen = seen.shrink(BESIDE.min(seen.size().min_elem() / 4.0));
    let by = point - seen.clamp(point);
    (by != Vec2::ZERO).then(|| {
        Action::Look(Camera {
            centre: camera.centre + by,
            ..camera
        })
    })
}

fn lower(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Opens the search for a node that a wire from this port ends at.
fn add_at_the_end(scene: &Scene, from: Port) -> Action {
    let away = Vec2::new(super::arrange::GAP_X, 0.0);
    let port = scene.port_ref(from);
    let (at, from, to) = match from {
        Port::Output(_) => (scene.port_point(from) + away, Some(port), None),
        Port::Input(..) => (scene.port_point(from) - away, None, Some(port)),
    };
    let at = position(at);
    Action::Popup(Popup::AddNode { at, from, to })
}

fn join(scene: &Scene, editor: &Editor, from: Port, to: Port) -> Vec<Action> {
    let (from, to) = match from {
        Port::Output(_) => (from, to),
        Port::Input(..) => (to, from),
    };
    refusal::connect(editor, &scene.port_ref(from), &scene.port_ref(to), None)
}

/// Selects the next node on the rows' way; past the last, the focus leaves the canvas.
fn walk(ui: &Ui, scene: &Scene, editor: &Editor, back: bool, actions: &mut Vec<Action>) {
    let selected = editor.view.selection.nodes.first();
    let at = selected
        .and_then(|id| scene.find(id))
        .and_then(|node| scene.order.iter().position(|other| *other == node));
    let next = match (at, back) {
        (None, false) => Some(0),
        (None, true) => scene.order.len().checked_sub(1),
        (Some(at), false) => Some(at + 1),
        (Some(at), true) => at.checked_sub(1),
    };
    match next.and_then(|next| scene.order.get(next)) {
        Some(node) => actions.push(Action::GoTo(scene.nodes[*node].id.clone())),
        None => ui.ctx().memory_mut(|memory| {
            memory.move_focus(match back {
                true => FocusDirection::Previous,
                false => FocusDirection::Next,
            });
        }),
    }
}

/// How often each arrow was pressed, as a direction.
fn arrows(ui: &Ui) -> Vec2 {
    ui.input_mut(|input| {
        let mut count = |key| {
            let plain = input.count_and_consume_key(Modifiers::NONE, key);
            (plain + input.count_and_consume_key(Modifiers::SHIFT, key)) as f32
        };
        Vec2::new(
            count(Key::ArrowRight) - count(Key::ArrowLeft),
            count(Key::ArrowDown) - count(Key::ArrowUp),
        )
    })
}
