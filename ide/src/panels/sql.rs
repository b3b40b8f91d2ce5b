//! The script that the graph means, tied to the graph both ways.
//!
//! The caret selects the node whose statement it stands in; a selected node is scrolled to and
//! tinted. A strip beside each statement has the colour of its node's family. The script for the
//! other target is one switch away, with what differs.

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::text::CCursor;
use egui::{
    Align, Align2, Button, Color32, Frame, Galley, Id, Label, Layout, Link, Pos2, Rect, RichText,
    ScrollArea, Shape, TextBuffer, TextEdit, Ui, Vec2,
};
use millstream_compiler::diagnostics::{Diagnostic, Severity};
use millstream_compiler::document::NodeId;
use millstream_compiler::lower::{Lowered, Target};
use millstream_compiler::nodes;

use super::segmented::{Segment, segmented};
use crate::command::UiCommand;
use crate::editor::{Action, Editor, Selection};
use crate::sql_text::{self, Highlighted};
use crate::theme::{self, Palette};
use crate::work::compile::Compiled;
use crate::work::job::JobView;

/// Room for the strip of colour at the left, and between it and the numbers.
const STRIP: f32 = 4.0;
/// Room on both sides of the line numbers.
const MARGIN: f32 = 8.0;

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct SqlTab {
    text: Highlighted,
    /// Where the caret was in the last frame, as a character.
    caret: Option<usize>,
    /// The selection that the script was scrolled to.
    followed: Option<Selection>,
    /// Whether the list of differences is open.
    unfolded: bool,
    /// What differs between the targets, of a change of the document.
    differences: Option<(u64, Vec<Difference>)>,
}

/// Something that is otherwise in the script for the other target.
#[derive(Debug, Clone, PartialEq)]
struct Difference {
    node: Option<NodeId>,
    text: String,
}

impl SqlTab {
    /// Draws the panel and collects what is done in it.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor, _job: &JobView, actions: &mut Vec<Action>) {
        let compiled = editor.compiled();
        let target = editor.view.target;
        let Some(lowered) = compiled.lowered(target) else {
            super::empty(ui, "Compiling…", "");
            return;
        };
        self.bar(ui, compiled, target, actions);
        if editor.pipeline().nodes().len() == 0 {
            super::empty(ui, "No script yet", "Add a node to see its SQL");
            return;
        }
        if self.unfolded {
            self.list_differences(ui, actions);
        }
        ui.add_space(theme::STEP);
        self.script(ui, editor, lowered, actions);
    }

    fn bar(&mut self, ui: &mut Ui, compiled: &Compiled, target: Target, actions: &mut Vec<Action>) {
        let palette = theme::palette(ui.ctx());
        if self
            .differences
            .as_ref()
            .is_none_or(|(generation, _)| *generation != compiled.generation)
        {
            self.differences = Some((compiled.generation, differences(compiled)));
        }
        let count = self.differences.as_ref().map_or(0, |(_, list)| list.len());
        ui.horizontal(|ui| {
            let segment = |label: &str, help: &str| Segment {
                label: label.to_string(),
                name: format!("Script for {label}"),
                help: help.to_string(),
            };
            let targets = [
                segment("Embedded", "What runs on this machine"),
                segment("Flink", "What a Flink cluster takes"),
            ];
            let chosen = match target {
                Target::Embedded => 0,
                Target::Flink => 1,
            };
            if let Some(picked) = segmented(ui, &targets, Some(chosen), false, 172.0)
                && picked != chosen
            {
                actions.push(Action::Command(UiCommand::ToggleTarget));
            }
            let other = match target {
                Target::Embedded => "Flink",
                Target::Flink => "embedded",
            };
            if count == 0 {
                self.unfolded = false;
                let text = RichText::new(format!("The same for {other}"))
                    .size(theme::SMALL)
                    .color(palette.muted);
                ui.label(text);
            } else {
                let text = match count {
                    1 => "1 difference".to_string(),
                    n => format!("{n} differences"),
                };
                let mark = if self.unfolded { "⏷" } else { "⏵" };
                let text = RichText::new(format!("{mark} {text}"))
                    .size(theme::SMALL)
                    .color(palette.muted);
                let fold = ui
                    .add(Button::new(text).frame(false))
                    .accessible_name("Differences between the targets");
                if fold.clicked() {
                    self.unfolded = !self.unfolded;
                }
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let copy = ui
                    .add(Button::new("Copy"))
                    .accessible_name("Copy the script")
                    .on_hover_text("Puts the whole script on the clipboard");
                if copy.clicked() {
                    actions.push(Action::Command(UiCommand::CopySql));
                }
            });
        });
    }

    fn list_differences(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let palette = theme::palette(ui.ctx());
        let Some((_, list)) = &self.differences else {
            return;
        };
        let frame = Frame::new()
            .fill(palette.raised)
            .corner_radius(theme::RADIUS_SMALL)
            .inner_margin(egui::Margin::symmetric(10, 6));
        frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 2.0;
            ScrollArea::vertical().max_height(140.0).show(ui, |ui| {
                for difference in list {
                    ui.horizontal_wrapped(|ui| {
                        if let Some(node) = &difference.node {
                            let text = RichText::new(node.as_str())
                                .font(theme::data_font(theme::SMALL))
                                .color(palette.accent);
                            let link = ui
                                .add(Link::new(text))
                                .accessible_name(format!("Go to {node} in the script"));
                            if link.clicked() {
                                actions.push(Action::Select(Selection::node(node.clone())));
                            }
                        }
                        let text = RichText::new(&difference.text)
                            .size(theme::SMALL)
                            .color(palette.muted);
                        ui.add(Label::new(text).wrap());
                    });
                }
            });
        });
    }

    fn script(
        &mut self,
        ui: &mut Ui,
        editor: &Editor,
        lowered: &Lowered,
        actions: &mut Vec<Action>,
    ) {
        let palette = theme::palette(ui.ctx());
        let lines = lowered.script.matches('\n').count() + 1;
        let digits = lines.to_string().len().max(2);
        let numbers = digits as f32 * theme::DATA * 0.6;
        let gutter = STRIP + MARGIN + numbers + MARGIN;
        let id = Id::unique("the script");
        let selection = &editor.view.selection;
        let focused = ui.memory(|memory| memory.has_focus(id));
        // What the caret selected needs no scrolling: it is where one looks already.
        let follow = !selection.nodes.is_empty() && self.followed.as_ref() != Some(selection);
        if self.followed.as_ref() != Some(selection) {
            self.followed = Some(selection.clone());
        }
        ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            let surface = ui.painter().add(Shape::Noop);
            let tints = ui.painter().add(Shape::Noop);
            let highlighted = &mut self.text;
            let mut layouter = |ui: &Ui, text: &dyn TextBuffer, _width: f32| -> Arc<Galley> {
                highlighted.galley(ui, text.as_str(), None, f32::INFINITY)
            };
            let mut text = lowered.script.as_str();
            let margin = egui::Margin {
                left: gutter as i8,
                right: 8,
                top: 8,
                bottom: 8,
            };
            let field = TextEdit::multiline(&mut text)
                .id(id)
                .font(theme::data_font(theme::DATA))
                .frame(Frame::new().inner_margin(margin))
                .desired_width(f32::INFINITY)
                .min_size(ui.available_size())
                .cursor_at_end(false)
                .layouter(&mut layouter);
            let output = field.show(ui);
            let response = output
                .response
                .response
                .clone()
                .accessible_name("SQL script");
            let (galley, origin) = (&output.galley, output.galley_pos);
            let shown = ui.clip_rect();
            let place = Place {
                galley,
                origin,
                text: &lowered.script,
                left: response.rect.left(),
                right: response.rect.right().max(shown.right()),
            };
            let painter = ui.painter();
            let fill = Shape::rect_filled(response.rect, theme::RADIUS_SMALL, palette.background);
            painter.set(surface, fill);

            let mut tinted = Vec::new();
            let mut first_selected: Option<Rect> = None;
            for (span, node) in lowered.map.statements() {
                let rect = place.lines(span.start, span.end);
                let selected = selection.nodes.contains(node);
                if selected && first_selected.is_none() {
                    first_selected = Some(rect);
                }
                if !rect.intersects(shown) {
                    continue;
                }
                let color = colour_of(editor, node, palette);
                if selected {
                    let tint = Palette::mix(palette.background, color, 0.10);
                    tinted.push(Shape::rect_filled(rect, 0.0, tint));
                }
                let strip = Rect::from_min_size(rect.min, Vec2::new(STRIP - 1.0, rect.height()));
                let color = match selected {
                    true => color,
                    false => Palette::mix(palette.background, color, 0.6),
                };
                tinted.push(Shape::rect_filled(strip, 1.0, color));
            }
            painter.set(tints, Shape::Vec(tinted));
            numbers_of_lines(ui, &place, gutter - MARGIN, shown, palette);
            for found in &lowered.diagnostics {
                if let Some(span) = found.span {
                    let color = colour_of_finding(found, palette);
                    sql_text::underline(painter, galley, origin, place.text, span, color);
                }
            }
            if let Some(pointer) = response.hover_pos() {
                say_what_is_wrong(&response, lowered, &place, pointer);
            }

            let caret = output.cursor_range.map(|range| range.primary.index.0);
            if response.has_focus() && focused && caret != self.caret {
                if let Some(caret) = caret {
                    let byte = sql_text::byte_of(place.text, caret);
                    if let Some(node) = lowered.map.node_at(byte)
                        && selection.single_node() != Some(node)
                    {
                        let selection = Selection::node(node.clone());
                        self.followed = Some(selection.clone());
                        actions.push(Action::Select(selection));
                    }
                }
            }
            self.caret = caret;
            if follow && let Some(rect) = first_selected {
                let target = rect.intersect(Rect::everything_below(rect.top()));
                let target = Rect::from_min_size(
                    Pos2::new(place.left, target.top()),
                    Vec2::new(1.0, target.height().min(shown.height())),
                );
                ui.scroll_to_rect(target.expand2(Vec2::new(0.0, 24.0)), None);
            }
        });
    }

    /// How often the script was read to colour it, for tests.
    pub fn reads(&self) -> u64 {
        self.text.reads()
    }
}

/// A text that is laid out on the screen.
struct Place<'p> {
    galley: &'p Galley,
    origin: Pos2,
    text: &'p str,
    left: f32,
    right: f32,
}

impl Place<'_> {
    /// The lines that hold these bytes, as wide as the panel.
    fn lines(&self, start: usize, end: usize) -> Rect {
        let top = self.caret(start).top();
        let bottom = self.caret(end).bottom();
        Rect::from_min_max(Pos2::new(self.left, top), Pos2::new(self.right, bottom))
    }

    /// Where the caret stands before a byte.
    fn caret(&self, byte: usize) -> Rect {
        let character = sql_text::character_of(self.text, byte);
        self.galley
            .pos_from_cursor(CCursor::new(character))
            .translate(self.origin.to_vec2())
    }
}

/// Writes the number of each line that is seen, right-aligned at `right` of the panel.
fn numbers_of_lines(ui: &Ui, place: &Place<'_>, right: f32, shown: Rect, palette: &Palette) {
    let font = theme::data_font(theme::SMALL);
    for (i, row) in place.galley.rows.iter().enumerate() {
        let rect = row.rect().translate(place.origin.to_vec2());
        if rect.bottom() < shown.top() || rect.top() > shown.bottom() {
            continue;
        }
        ui.painter().text(
            Pos2::new(place.left + right, rect.center().y),
            Align2::RIGHT_CENTER,
            i + 1,
            font.clone(),
            palette.faint,
        );
    }
}

/// The finding under the pointer as a tooltip.
fn say_what_is_wrong(
    response: &egui::Response,
    lowered: &Lowered,
    place: &Place<'_>,
    pointer: Pos2,
) {
    let under = lowered.diagnostics.iter().find(|found| {
        found.span.is_some_and(|span| {
            let (start, end) = (place.caret(span.start), place.caret(span.end));
            let rect = Rect::from_min_max(start.min, end.max);
            start.top() == end.top() && rect.expand(1.0).contains(pointer)
        })
    });
    if let Some(found) = under {
        let text = match &found.help {
            Some(help) => format!("{}\n{help}", found.message),
            None => found.message.clone(),
        };
        response.clone().on_hover_text_at_pointer(text);
    }
}

fn colour_of(editor: &Editor, node: &NodeId, palette: &Palette) -> Color32 {
    editor
        .pipeline()
        .node(node.as_str())
        .and_then(|node| nodes::find(&node.kind))
        .map_or(palette.faint, |kind| palette.family(kind.spec().family))
}

fn colour_of_finding(found: &Diagnostic, palette: &Palette) -> Color32 {
    match found.severity {
        Severity::Error => palette.error,
        Severity::Warning => palette.warning,
        Severity::Info => palette.muted,
    }
}

/// What is not the same in both scripts: statements by node, and what only one target has to say.
fn differences(compiled: &Compiled) -> Vec<Difference> {
    let (Some(embedded), Some(flink)) = (&compiled.embedded, &compiled.flink) else {
        return Vec::new();
    };
    let statements = |lowered: &Lowered| -> BTreeMap<NodeId, String> {
        let mut by_node: BTreeMap<NodeId, String> = BTreeMap::new();
        for (span, node) in lowered.map.statements() {
            let text = by_node.entry(node.clone()).or_default();
            text.push_str(&lowered.script[span.range()]);
        }
        by_node
    };
    let (here, there) = (statements(embedded), statements(flink));
    let mut out = Vec::new();
    let notes = |only: &Lowered, other: &Lowered, target: &str, out: &mut Vec<Difference>| {
        for found in &only.diagnostics {
            let known = other
                .diagnostics
                .iter()
                .any(|known| known.node == found.node && known.message == found.message);
            if !known {
                let help = found.help.as_deref().map(|help| format!("; {help}"));
                out.push(Difference {
                    node: found.node.clone().and_then(|node| NodeId::new(node).ok()),
                    text: format!("on {target}: {}{}", found.message, help.unwrap_or_default()),
                });
            }
        }
    };
    notes(flink, embedded, "Flink", &mut out);
    notes(embedded, flink, "this machine", &mut out);
    for node in here
        .keys()
        .chain(there.keys().filter(|node| !here.contains_key(*node)))
    {
        let said = out.iter().any(|known| known.node.as_ref() == Some(node));
        let text = match (here.get(node), there.get(node)) {
            (Some(a), Some(b)) if a == b => continue,
            (Some(a), Some(b)) => first_difference(a, b),
            (Some(_), None) => "stands only in the script for this machine".to_string(),
            (None, _) => "stands only in the script for Flink".to_string(),
        };
        if !said {
            out.push(Difference {
                node: Some(node.clone()),
                text,
            });
        }
    }
    out
}

/// The first line that differs, both ways.
fn first_difference(embedded: &str, flink: &str) -> String {
    let differing = embedded.lines().zip(flink.lines()).find(|(a, b)| a != b);
    match differing {
        Some((a, b)) => format!("here {}, on Flink {}", a.trim(), b.trim()),
        None => "one script says more".to_string(),
    }
}
