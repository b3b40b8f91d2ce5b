//! The text of the tab: the script, or what somebody makes of it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use egui::text::{CCursor, CCursorRange};
use egui::{
    Color32, EventFilter, Frame, Galley, Id, Pos2, Rect, ScrollArea, Shape, Stroke, StrokeKind,
    TextBuffer, TextEdit, Ui, Vec2,
};
use millstream_compiler::diagnostics::Diagnostic;
use millstream_compiler::document::NodeId;
use millstream_compiler::lower::{Column, Lowered, Target};
use millstream_compiler::nodes;

use super::SqlTab;
use super::lines::{
    Lines, MARGIN, Place, STRIP, notes_behind_lines, numbers_of_lines, say_what_is_wrong,
    underline_findings,
};
use crate::editor::{Action, Editor, Reveal, Selection};
use crate::panels::completion::{Known, Vocabulary, keep_focus, statement_around};
use crate::sql_text;
use crate::theme::{self, Palette};

/// The field of the script.
pub fn field_id() -> Id {
    Id::unique("the script")
}

/// Which text the lines were found of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// The script of a change of the document.
    Script(u64, Target),
    /// The edited script.
    Draft(u64),
}

/// What the field shows.
pub(super) struct Shown<'s> {
    pub(super) text: &'s str,
    pub(super) version: Version,
    /// Which statement is whose; not known of an edited text.
    pub(super) lowered: Option<&'s Lowered>,
    pub(super) findings: &'s [Diagnostic],
}

impl SqlTab {
    pub(super) fn script(
        &mut self,
        ui: &mut Ui,
        editor: &Editor,
        content: &Shown<'_>,
        actions: &mut Vec<Action>,
    ) {
        let palette = theme::palette(ui.ctx());
        let Shown { text, lowered, .. } = *content;
        let stale = |(version, _): &(Version, Lines)| *version != content.version;
        if self.lines.as_ref().is_none_or(stale) {
            let lines = lowered.map_or_else(|| Lines::of_text(text), Lines::of);
            self.lines = Some((content.version, lines));
        }
        let Some((_, lines)) = &self.lines else {
            return;
        };
        let gutter = lines.gutter();
        let id = field_id();
        let selection = &editor.view.selection;
        let focused = ui.memory(|memory| memory.has_focus(id));
        // Who reads the script of the graph is offered nothing.
        let completes = lowered.is_none();
        let open = completes && self.completion.is_open(id);
        let pressed = self.completion.take_keys(ui, id);
        // What the caret selected needs no scrolling: it is where one looks already.
        let follow = lowered.is_some()
            && !selection.nodes.is_empty()
            && self.followed.as_ref() != Some(selection);
        if self.followed.as_ref() != Some(selection) {
            self.followed = Some(selection.clone());
        }
        let reveal = editor.view.reveal.filter(|now| self.revealed != Some(*now));
        if let Some(now) = reveal {
            self.revealed = Some(now);
            select(ui, text, now);
        }
        let room = ui.available_size();
        // Lines do not wrap: the field is as wide as the longest.
        let widest = self.text.galley(ui, text, None, f32::INFINITY).size().x;
        let size = Vec2::new((widest + gutter + 24.0).max(room.x), room.y - 2.0);
        let area = ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            let surface = ui.painter().add(Shape::Noop);
            let tints = ui.painter().add(Shape::Noop);
            let highlighted = &mut self.text;
            let mut layouter = |ui: &Ui, text: &dyn TextBuffer, _width: f32| -> Arc<Galley> {
                highlighted.galley(ui, text.as_str(), None, f32::INFINITY)
            };
            // Only where the keyboard is can anything be typed; no other frame copies the text.
            let mut fixed = text;
            let mut typed = if focused {
                text.to_string()
            } else {
                String::new()
            };
            let buffer: &mut dyn TextBuffer = if focused { &mut typed } else { &mut fixed };
            let margin = egui::Margin {
                left: gutter as i8,
                right: 8,
                top: 8,
                bottom: 8,
            };
            let field = TextEdit::multiline(buffer)
                .id(id)
                .font(theme::data_font(theme::DATA))
                .frame(Frame::new().inner_margin(margin))
                .desired_width(f32::INFINITY)
                .min_size(size)
                .cursor_at_end(false)
                .event_filter(EventFilter {
                    horizontal_arrows: true,
                    vertical_arrows: true,
                    tab: open,
                    escape: open,
                })
                .layouter(&mut layouter);
            let output = keep_focus(ui, id, open, |ui| field.show(ui));
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
                text,
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
            underline_findings(ui, content.findings, &place, shown, palette);
            if lowered.is_none() {
                notes_behind_lines(ui, content.findings, &place, shown, palette);
            }
            say_what_is_wrong(&response, content.findings, &place);

            let caret = output.cursor_range.map(|range| range.primary.index.0);
            let moved = response.has_focus() && focused && caret != self.caret;
            if let (true, Some(caret), Some(lowered)) = (moved, caret, lowered)
                && let Some(node) = lowered.map.node_at(sql_text::byte_of(text, caret))
                && selection.single_node() != Some(node)
            {
                let selection = Selection::node(node.clone());
                self.followed = Some(selection.clone());
                actions.push(Action::Select(selection));
            }
            self.caret = caret;
            let mut changed = response.changed();
            if let (true, true, Some(range)) = (
                completes && focused,
                response.has_focus(),
                output.cursor_range,
            ) {
                let anchor = galley.pos_from_cursor(range.primary);
                let anchor = anchor.translate(origin.to_vec2());
                let at = range.primary.index.0;
                // Of the text as it was: a name that is being typed is no relation yet.
                let known = || known_at(editor, text, sql_text::byte_of(text, at));
                let completion = &mut self.completion;
                changed |= completion.complete(&response, anchor, &mut typed, at, &pressed, known);
            } else {
                self.completion.leave(id);
            }
            if changed {
                actions.push(Action::TypeSql(typed));
            }
            // As much of it as fits; only downwards and up, never to the side.
            let scroll_to = |rect: Rect, ui: &Ui| {
                let target = Rect::from_min_size(
                    Pos2::new(shown.left(), rect.top()),
                    Vec2::new(1.0, rect.height().min(shown.height() - 56.0)),
                );
                ui.scroll_to_rect(target.expand2(Vec2::new(0.0, 24.0)), None);
            };
            if let Some(now) = reveal {
                let span = sql_text::clamp(text, now.span);
                scroll_to(place.caret(span.start), ui);
            } else if follow && let Some(rect) = first_selected {
                scroll_to(rect, ui);
            }
        });
        if lowered.is_none() {
            // It is seen that this is not the script of the graph.
            let stroke = Stroke::new(1.0, palette.accent);
            let place = area.inner_rect.shrink(0.5);
            ui.painter()
                .rect_stroke(place, theme::RADIUS_SMALL, stroke, StrokeKind::Inside);
        }
    }
}

/// What can be typed into a script: its relations, and the columns of those that the statement at a
/// byte names, or of all if it names none.
fn known_at<'e>(editor: &'e Editor, text: &str, at: usize) -> Known<'e> {
    let (pipeline, compiled) = (editor.pipeline(), editor.compiled());
    let relations: Vec<&NodeId> = pipeline.nodes().map(|(id, _)| id).collect();
    let statement = &text[statement_around(text, at)];
    let named: HashSet<&str> = statement
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    let of = |wanted: &dyn Fn(&str) -> bool| {
        let mut columns: Vec<Column> = Vec::new();
        let wanted = relations.iter().filter(|id| wanted(id.as_str()));
        for column in wanted.filter_map(|id| compiled.columns(id)).flatten() {
            if columns.iter().all(|known| known.name != column.name) {
                columns.push(column.clone());
            }
        }
        columns
    };
    let mut columns = of(&|id| named.contains(id));
    if columns.is_empty() {
        columns = of(&|_| true);
    }
    Known {
        vocabulary: Vocabulary::Script,
        columns: Cow::Owned(columns),
        relations: relations.into_iter().map(NodeId::as_str).collect(),
    }
}

/// Selects a stretch of the text and gives it the keyboard.
fn select(ui: &Ui, text: &str, reveal: Reveal) {
    let span = sql_text::clamp(text, reveal.span);
    let cursor = |byte| CCursor::new(sql_text::character_of(text, byte));
    let range = CCursorRange::two(cursor(span.start), cursor(span.end));
    let mut state = TextEdit::load_state(ui.ctx(), field_id()).unwrap_or_default();
    state.cursor.set_char_range(Some(range));
    state.store(ui.ctx(), field_id());
    ui.memory_mut(|memory| memory.request_focus(field_id()));
}

fn colour_of(editor: &Editor, node: &NodeId, palette: &Palette) -> Color32 {
    editor
        .pipeline()
        .node(node.as_str())
        .and_then(|node| nodes::find(&node.kind))
        .map_or(palette.faint, |kind| palette.family(kind.spec().family))
}
