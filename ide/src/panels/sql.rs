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
use millstream_compiler::diagnostics::{Diagnostic, Severity, Span};
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
    /// Where lines and statements begin, of a change of the document and a target.
    lines: Option<(u64, Target, Lines)>,
    /// What differs between the targets, of a change of the document.
    differences: Option<(u64, Vec<Difference>)>,
}

/// The lines of a script, and those that each statement takes up.
#[derive(Debug)]
struct Lines {
    /// The byte behind each line break.
    starts: Vec<usize>,
    /// First and last line of each statement, in the order of the script.
    statements: Vec<(usize, usize, NodeId)>,
}

impl Lines {
    fn of(lowered: &Lowered) -> Self {
        let breaks = lowered.script.match_indices('\n').map(|(at, _)| at + 1);
        let starts: Vec<usize> = std::iter::once(0).chain(breaks).collect();
        let mut lines = Self {
            starts,
            statements: Vec::new(),
        };
        lines.statements = lowered
            .map
            .statements()
            .map(|(span, node)| {
                let last = lines.line_of(span.end.saturating_sub(1));
                (lines.line_of(span.start), last, node.clone())
            })
            .collect();
        lines
    }

    /// The line that holds a byte, from 0.
    fn line_of(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte) - 1
    }
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
                let verb = if self.unfolded { "hide" } else { "show" };
                let text = RichText::new(format!("{text} · {verb}"))
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
        let key = (editor.compiled().generation, editor.view.target);
        if self
            .lines
            .as_ref()
            .is_none_or(|(generation, target, _)| (*generation, *target) != key)
        {
            self.lines = Some((key.0, key.1, Lines::of(lowered)));
        }
        let Some((_, _, lines)) = &self.lines else {
            return;
        };
        let digits = lines.starts.len().to_string().len().max(2);
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
        let room = ui.available_size();
        // Lines do not wrap: the field is as wide as the longest.
        let widest = self
            .text
            .galley(ui, &lowered.script, None, f32::INFINITY)
            .size()
            .x;
        let size = Vec2::new((widest + gutter + 24.0).max(room.x), room.y - 2.0);
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
                .min_size(size)
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
                lines,
                left: response.rect.left(),
                right: response.rect.right().max(shown.right()),
            };
            let painter = ui.painter();
            let fill = Shape::rect_filled(response.rect, theme::RADIUS_SMALL, palette.background);
            painter.set(surface, fill);

            let mut tinted = Vec::new();
            let mut first_selected: Option<Rect> = None;
            for (first, last, node) in &lines.statements {
                let Some(rect) = place.rows(*first, *last) else {
                    continue;
                };
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
                if let Some(span) = found.span
                    && place.is_seen(span, shown)
                {
                    let color = colour_of_finding(found, palette);
                    sql_text::underline(painter, galley, origin, place.text, span, color);
                }
            }
            if let Some(pointer) = response.hover_pos() {
                say_what_is_wrong(&response, lowered, &place, pointer);
            }

            let caret = output.cursor_range.map(|range| range.primary.index.0);
            let moved = response.has_focus() && focused && caret != self.caret;
            if moved
                && let Some(caret) = caret
                && let Some(node) = lowered.map.node_at(sql_text::byte_of(place.text, caret))
                && selection.single_node() != Some(node)
            {
                let selection = Selection::node(node.clone());
                self.followed = Some(selection.clone());
                actions.push(Action::Select(selection));
            }
            self.caret = caret;
            if follow && let Some(rect) = first_selected {
                // As much of it as fits; only downwards and up, never to the side.
                let target = Rect::from_min_size(
                    Pos2::new(shown.left(), rect.top()),
                    Vec2::new(1.0, rect.height().min(shown.height() - 56.0)),
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
    lines: &'p Lines,
    left: f32,
    right: f32,
}

impl Place<'_> {
    /// The place of these lines, as wide as the panel. Lines do not wrap: each is a row.
    fn rows(&self, first: usize, last: usize) -> Option<Rect> {
        let top = self.galley.rows.get(first)?.rect().top();
        let last = self.galley.rows.get(last).or(self.galley.rows.last())?;
        let (top, bottom) = (self.origin.y + top, self.origin.y + last.rect().bottom());
        Some(Rect::from_min_max(
            Pos2::new(self.left, top),
            Pos2::new(self.right, bottom),
        ))
    }

    /// Whether the lines of a stretch are among those that are shown.
    fn is_seen(&self, span: Span, shown: Rect) -> bool {
        let (first, last) = (self.lines.line_of(span.start), self.lines.line_of(span.end));
        self.rows(first, last)
            .is_some_and(|rect| rect.intersects(shown))
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
            if !place.is_seen(span, Rect::from_pos(pointer)) {
                return false;
            }
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
