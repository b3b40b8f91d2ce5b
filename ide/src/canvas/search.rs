//! Search-to-add: type a few letters, press Enter, and the node stands where the pointer was,
//! wired to what the wire came from.

use std::collections::BTreeMap;

use egui::{Area, Key, Modifiers, Order, Pos2, Rect, RichText, ScrollArea, TextEdit, Ui, Vec2};
use millstream_compiler::document::{Command, Entries, NodeId, PortRef, Position};
use millstream_compiler::nodes::{self, Inputs, KindSpec};

use super::arrange::{self, HEAD, NODE_WIDTH};
use super::brush::Eye;
use super::scene::Scene;
use crate::editor::{Action, Editor, Popup, point};
use crate::panels::{cursor, library};
use crate::theme;

/// What the search remembers between frames.
#[derive(Debug, Default)]
pub struct Search {
    text: String,
    chosen: usize,
    /// The popup that this belongs to: another one begins anew.
    shown: Popup,
    /// What was typed for the next search before it opened.
    pub begun: Option<String>,
    /// How often each kind was added before.
    pub used: BTreeMap<String, u64>,
}

impl Search {
    /// Draws the search, if it is open.
    pub fn ui(
        &mut self,
        ui: &Ui,
        editor: &Editor,
        scene: &Scene,
        eye: Eye,
        actions: &mut Vec<Action>,
    ) {
        let popup = &editor.view.popup;
        let fresh = self.shown != *popup;
        if fresh {
            self.shown = popup.clone();
            self.chosen = 0;
            self.text = self.begun.take().unwrap_or_default();
        }
        let Popup::AddNode { at, from, to } = popup else {
            return;
        };
        let context = ui.ctx();
        let palette = theme::palette(context);
        let (down, up, enter, escape) = context.input_mut(|input| {
            (
                input.count_and_consume_key(Modifiers::NONE, Key::ArrowDown),
                input.count_and_consume_key(Modifiers::NONE, Key::ArrowUp),
                input.consume_key(Modifiers::NONE, Key::Enter),
                input.consume_key(Modifiers::NONE, Key::Escape),
            )
        });
        let timeless = from.as_ref().filter(|from| !has_time(editor, from));
        let misses = |spec: &KindSpec| timeless.is_some() && spec.needs_event_time();
        let mut found = fitting(&self.text, from.as_ref(), to.as_ref(), &self.used);
        found.sort_by_key(|spec| misses(spec));
        self.chosen = (self.chosen + down)
            .saturating_sub(up)
            .min(found.len().saturating_sub(1));
        // The frame that opens it still holds the key that did.
        let mut picked = (enter && !fresh).then_some(self.chosen);
        let mut close = escape && !fresh;
        let size = Vec2::new(320.0, 330.0);
        let corner = eye.screen(point(*at));
        let inner = eye.view.shrink(8.0);
        let room = Rect::from_min_max(inner.min, (inner.max - size).max(inner.min));
        let corner = room.clamp(corner);
        let shown = Area::new(ui.scope_id().with("search to add"))
            .order(Order::Foreground)
            .fixed_pos(corner)
            .show(context, |ui| {
                egui::Frame::window(ui.style()).show(ui, |ui| {
                    ui.set_width(size.x - 24.0);
                    let hint = match (from, to) {
                        (Some(from), Some(to)) => {
                            format!("Insert between {} and {}…", from.node, to.node)
                        }
                        (Some(from), None) => format!("What does {} feed?", from.node),
                        (None, Some(to)) => format!("What feeds {}?", to.node),
                        (None, None) => "Add a node…".to_string(),
                    };
                    let field = TextEdit::singleline(&mut self.text)
                        .hint_text(hint)
                        .desired_width(f32::INFINITY)
                        .show(ui)
                        .response;
                    field.widget_info(|| {
                        egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Add a node")
                    });
                    field.request_focus();
                    if fresh {
                        cursor::behind(ui.ctx(), field.id, &self.text);
                    }
                    if field.changed() {
                        self.chosen = 0;
                    }
                    ui.add_space(theme::STEP);
                    ScrollArea::vertical().max_height(260.0).show(ui, |ui| {
                        for (index, spec) in found.iter().enumerate() {
                            let missed = timeless.filter(|_| misses(spec));
                            let response = row(ui, spec, index == self.chosen, missed);
                            if index == self.chosen && (down > 0 || up > 0) {
                                response.scroll_to_me(None);
                            }
                            if response.clicked() {
                                picked = Some(index);
                            }
                        }
                        if found.is_empty() {
                            let text = match from.is_some() || to.is_some() {
                                true => "Nothing of that name fits here",
                                false => "No node kind of that name",
                            };
                            ui.label(RichText::new(text).color(palette.muted));
                        }
                    });
                });
            })
            .response
            .rect;
        close |= !fresh
            && context.input(|input| {
                let pressed = input.pointer.any_pressed();
                let at = input.pointer.interact_pos();
                pressed && at.is_some_and(|at| !shown.contains(at))
            });
        if let Some(spec) = picked.and_then(|index| found.get(index)) {
            let action = add(editor, scene, spec, *at, from.as_ref(), to.as_ref());
            actions.push(Action::Popup(Popup::None));
            actions.push(action);
        } else if close {
            actions.push(Action::Popup(Popup::None));
        }
    }
}

/// Whether what comes out of a port has an event time, as far as that is known.
fn has_time(editor: &Editor, from: &PortRef) -> bool {
    let columns = editor.compiled().columns(&from.node);
    columns.is_none_or(|columns| columns.iter().any(|column| column.is_time))
}

/// A kind to add. `timeless` is what would feed it if that lacks the event time that it needs.
fn row(ui: &mut Ui, spec: &KindSpec, chosen: bool, timeless: Option<&PortRef>) -> egui::Response {
    let palette = theme::palette(ui.ctx());
    let mut title = RichText::new(format!("     {}", spec.title));
    if timeless.is_some() {
        title = title.color(palette.faint);
    }
    let beside = match timeless {
        Some(_) => "needs an event time",
        None => spec.name,
    };
    let button = egui::Button::selectable(chosen, title)
        .right_text(
            RichText::new(beside)
                .font(theme::data_font(theme::SMALL))
                .color(palette.faint),
        )
        .truncate()
        .min_size(Vec2::new(ui.available_width(), 24.0));
    let response = ui.add(button);
    response.widget_info(|| {
        egui::WidgetInfo::selected(
            egui::Role::Button,
            true,
            chosen,
            // The library has a row of the same kind.
            match timeless {
                Some(_) => format!("Add {} here, needs an event time", spec.title),
                None => format!("Add {} here", spec.title),
            },
        )
    });
    let mark = response.rect.left_center() + Vec2::new(16.0, 0.0);
    let colour = palette.family(spec.family);
    theme::paint_family(ui.painter(), Some(spec.family), mark, 10.0, colour);
    match timeless {
        Some(from) => response.on_hover_text(format!(
            "{}\n\nNo column of '{}' is an event time: a source has one once its 'Event time' is set",
            spec.help, from.node
        )),
        None => response.on_hover_text(spec.help),
    }
}

/// The kinds that answer a search and fit: best first, and of those as good, the most used.
fn fitting(
    text: &str,
    from: Option<&PortRef>,
    to: Option<&PortRef>,
    used: &BTreeMap<String, u64>,
) -> Vec<&'static KindSpec> {
    let mut found: Vec<(u32, &'static KindSpec)> = nodes::all()
        .iter()
        .map(|kind| kind.spec())
        .filter(|spec| from.is_none() || !matches!(spec.inputs, Inputs::None))
        .filter(|spec| to.is_none() || spec.has_output)
        .filter_map(|spec| Some((library::score(spec, text)?, spec)))
        .collect();
    let used = |spec: &KindSpec| used.get(spec.name).copied().unwrap_or(0);
    found.sort_by_key(|(score, spec)| std::cmp::Reverse((*score, used(spec))));
    found.into_iter().map(|(_, spec)| spec).collect()
}

/// Adds a node so that its port is where the wire was dropped, wired at once.
fn add(
    editor: &Editor,
    scene: &Scene,
    spec: &KindSpec,
    at: Position,
    from: Option<&PortRef>,
    to: Option<&PortRef>,
) -> Action {
    let size = Vec2::new(NODE_WIDTH, arrange::node_height(1));
    let port = HEAD + (size.y - HEAD) / 2.0;
    let corner = match (from, to) {
        (Some(_), None) => point(at) - Vec2::new(0.0, port),
        (None, Some(_)) => point(at) - Vec2::new(NODE_WIDTH, port),
        _ => point(at) - Vec2::new(NODE_WIDTH / 2.0, size.y / 2.0),
    };
    let corner = scene.free_place(corner, size);
    add_at(editor, spec, corner, from, to)
}

/// Adds a node of a kind at a place, wired to these ports.
pub fn add_at(
    editor: &Editor,
    spec: &KindSpec,
    corner: Pos2,
    from: Option<&PortRef>,
    to: Option<&PortRef>,
) -> Action {
    let pipeline = editor.pipeline();
    let id = NodeId::slug(spec.name).unique(|id| pipeline.node(id.as_str()).is_some());
    let wired = from.is_some() || to.is_some();
    let add = Command::AddNode {
        id: wired.then(|| id.clone()),
        kind: spec.name.to_string(),
        parameters: Entries::new(),
        position: Some(arrange::snapped(corner)),
    };
    if !wired {
        return Action::Edit(add);
    }
    let label = add.label();
    let mut commands = vec![add];
    let between = pipeline
        .edges()
        .find(|(_, edge)| Some(&edge.from) == from && Some(&edge.to) == to);
    match between {
        Some((edge, _)) => commands.push(Command::InsertOnEdge {
            edge: edge.clone(),
            node: id,
        }),
        None => {
            if let Some(from) = from {
                commands.push(Command::Connect {
                    from: from.clone(),
                    to: id.clone().into(),
                });
            }
            if let Some(to) = to {
                commands.push(Command::Connect {
                    from: id.into(),
                    to: to.clone(),
                });
            }
        }
    }
    Action::Edits { label, commands }
}
