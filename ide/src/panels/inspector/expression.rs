//! Expressions and queries: typed with colours, completion, and the places of findings underlined.

use std::borrow::Cow;

use egui::{EventFilter, Id, Key, RichText, TextBuffer, TextEdit, Ui};
use millstream_compiler::diagnostics::Diagnostic;

use super::form::{Form, frame};
use crate::panels::completion::{Known, Vocabulary, keep_focus};
use crate::panels::cursor;
use crate::sql_text::{self, Names};
use crate::theme;

/// How an expression's field looks.
pub(super) struct ExpressionLook<'l> {
    pub(super) id: Id,
    /// Its accessible name.
    pub(super) name: String,
    pub(super) text: &'l str,
    pub(super) hint: &'l str,
    pub(super) vocabulary: Vocabulary,
    /// Findings about this text.
    pub(super) found: &'l [&'l Diagnostic],
    /// Rows to show at least; Enter breaks lines if there is more than one.
    pub(super) rows: usize,
    /// Without a frame of its own.
    pub(super) bare: bool,
    pub(super) width: f32,
}

impl Form<'_> {
    /// Draws a text of SQL to edit. Gives the text when it was changed.
    pub(super) fn expression(&mut self, ui: &mut Ui, look: ExpressionLook<'_>) -> Option<String> {
        let ExpressionLook { id, text, .. } = look;
        let palette = theme::palette(ui.ctx());
        let mut shown = text.to_string();
        self.memory.focus_wanted(ui, id, text);
        let open = self.memory.completion.is_open(id);
        let pressed = self.memory.completion.take_keys(ui, id);
        let names: Option<&Names> = match look.vocabulary {
            _ if self.facts.names.is_empty() => None,
            Vocabulary::Expression | Vocabulary::Aggregate => Some(&self.facts.names),
            // Aliases and tables of the query itself are not known here.
            Vocabulary::Query | Vocabulary::Type | Vocabulary::Script => None,
        };
        let mut highlighted = self.memory.texts.remove(&id).unwrap_or_default();
        let mut layouter = |ui: &Ui, text: &dyn TextBuffer, width: f32| {
            highlighted.galley(ui, text.as_str(), names, width)
        };
        let wrong = look.found.iter().any(|found| found.is_error());
        let mut field = TextEdit::multiline(&mut shown)
            .id(id)
            .font(theme::data_font(theme::DATA))
            .hint_text(
                RichText::new(look.hint)
                    .font(theme::data_font(theme::DATA))
                    .color(palette.faint),
            )
            .desired_rows(look.rows)
            .desired_width(look.width)
            .frame(frame(ui, id, wrong, look.bare))
            .event_filter(EventFilter {
                horizontal_arrows: true,
                vertical_arrows: true,
                tab: open,
                escape: open,
            })
            .layouter(&mut layouter);
        if look.rows <= 1 {
            field = field.return_key(None);
        }
        let output = keep_focus(ui, id, open, |ui| field.show(ui));
        self.memory.texts.insert(id, highlighted);
        let response = output
            .response
            .response
            .clone()
            .accessible_name(look.name.clone());

        let painter = ui.painter_at(output.text_clip_rect.expand(2.0));
        for found in look.found {
            if let Some(span) = found.parameter_span {
                let color = if found.is_error() {
                    palette.error
                } else {
                    palette.warning
                };
                sql_text::underline(
                    &painter,
                    &output.galley,
                    output.galley_pos,
                    text,
                    span,
                    color,
                );
            }
        }

        if look.rows <= 1 {
            cursor::select_entered(&response, &shown);
        }
        let mut changed = response.changed();
        if response.has_focus() {
            let cursor = output
                .cursor_range
                .map_or(usize::MAX, |range| range.primary.index.0);
            let facts = self.facts;
            let known = || Known {
                vocabulary: look.vocabulary,
                columns: Cow::Borrowed(&facts.columns),
                relations: facts.ports.iter().map(|(port, _)| port.as_str()).collect(),
            };
            let (completion, anchor) = (&mut self.memory.completion, response.rect);
            if completion.complete(&response, anchor, &mut shown, cursor, &pressed, known) {
                changed = true;
            } else if look.rows <= 1
                && !pressed.accept
                && ui.input(|input| input.key_pressed(Key::Enter))
            {
                response.surrender_focus();
            }
        } else {
            self.memory.completion.leave(id);
        }
        self.left(&response);
        changed.then_some(shown)
    }
}
