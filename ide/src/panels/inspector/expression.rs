//! Expressions and queries: typed with colours, completion, and the places of findings underlined.

use egui::text::{CCursor, CCursorRange};
use egui::{
    Align2, Event, EventFilter, Id, InputState, Key, LayerId, Popup, PopupKind, RectAlign,
    RichText, Role, ScrollArea, Sense, SurrenderFocusOn, TextBuffer, TextEdit, Ui, Vec2,
    WidgetInfo,
};
use millstream_compiler::diagnostics::Diagnostic;
use millstream_compiler::lower::Column;
use millstream_compiler::sql::{TextKind, highlight, quote_name};
use millstream_functions::{FunctionFamily, function_reference};

use super::form::{Form, frame};
use crate::panels::cursor;
use crate::sql_text::{self, Names};
use crate::theme;

/// What can be completed in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// Columns and functions of one row.
    Expression,
    /// Columns and all functions, those over many rows first.
    Aggregate,
    /// What an expression may have, relations, and words of a query.
    Query,
    /// Names of types.
    Type,
}

/// Words of a query that are worth completing.
const QUERY_WORDS: [&str; 22] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "HAVING",
    "ORDER BY",
    "LIMIT",
    "UNION ALL",
    "JOIN",
    "LEFT JOIN",
    "ON",
    "AS",
    "AND",
    "OR",
    "NOT",
    "BETWEEN",
    "IS NOT NULL",
    "DISTINCT",
    "OVER",
    "PARTITION BY",
    "INTERVAL",
    "WITH",
];

/// Types that a column mostly has.
const TYPES: [&str; 19] = [
    "STRING",
    "BIGINT",
    "INT",
    "DOUBLE",
    "BOOLEAN",
    "TIMESTAMP(3)",
    "DECIMAL(10, 2)",
    "DATE",
    "TIME",
    "TIMESTAMP_LTZ(3)",
    "FLOAT",
    "SMALLINT",
    "TINYINT",
    "BYTES",
    "VARCHAR(255)",
    "ARRAY<STRING>",
    "MAP<STRING, STRING>",
    "ROW<name STRING>",
    "NOT NULL",
];

/// How many offers are shown at most.
const OFFERS: usize = 40;

/// The list of offers under the field that is typed in.
#[derive(Debug, Default)]
pub(super) struct Completion {
    /// The field.
    field: Option<Id>,
    /// Whether the list was shown in the last frame, so that keys are meant for it.
    open: bool,
    /// The offer that a key takes.
    selected: usize,
    /// The word that the offers are for.
    word: String,
    /// The word at which the list was closed by hand.
    dismissed: Option<String>,
}

/// Something that can be put in the place of the word that is typed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offer {
    /// What is put there.
    pub(super) insert: String,
    /// What the list shows.
    pub(super) label: String,
    /// What it is, at the right: a type, "function".
    pub(super) detail: String,
    /// How it is called and what it does.
    pub(super) help: String,
}

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

/// Keys that were pressed while the list was open.
#[derive(Debug, Default)]
struct Pressed {
    down: usize,
    up: usize,
    accept: bool,
    dismiss: bool,
}

impl Form<'_> {
    /// Draws a text of SQL to edit. Gives the text when it was changed.
    pub(super) fn expression(&mut self, ui: &mut Ui, look: ExpressionLook<'_>) -> Option<String> {
        let ExpressionLook { id, text, .. } = look;
        let palette = theme::palette(ui.ctx());
        let mut shown = text.to_string();
        self.memory.focus_wanted(ui, id, text);
        let open = self.memory.completion.open && self.memory.completion.field == Some(id);
        let pressed = if open {
            ui.input_mut(take_keys)
        } else {
            Pressed::default()
        };
        let names: Option<&Names> = match look.vocabulary {
            _ if self.facts.names.is_empty() => None,
            Vocabulary::Expression | Vocabulary::Aggregate => Some(&self.facts.names),
            // Aliases and tables of the query itself are not known here.
            Vocabulary::Query | Vocabulary::Type => None,
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
            if let Some(accepted) = self.complete(&response, &look, &shown, cursor, &pressed) {
                let (start, end, insert) = accepted;
                shown.replace_range(start..end, &insert);
                let behind = sql_text::character_of(&shown, start + insert.len());
                let mut state = TextEdit::load_state(ui.ctx(), id).unwrap_or_default();
                state
                    .cursor
                    .set_char_range(Some(CCursorRange::one(CCursor::new(behind))));
                state.store(ui.ctx(), id);
                ui.ctx().request_repaint();
                changed = true;
            } else if look.rows <= 1
                && !pressed.accept
                && ui.input(|input| input.key_pressed(Key::Enter))
            {
                response.surrender_focus();
            }
        } else if self.memory.completion.field == Some(id) {
            self.memory.completion = Completion::default();
        }
        self.left(&response);
        changed.then_some(shown)
    }

    /// Shows the offers for the word before the cursor. Gives the bytes to replace and by what,
    /// once one was taken.
    fn complete(
        &mut self,
        response: &egui::Response,
        look: &ExpressionLook<'_>,
        text: &str,
        cursor: usize,
        pressed: &Pressed,
    ) -> Option<(usize, usize, String)> {
        let end = sql_text::byte_of(text, cursor);
        let start = word_start(text, end);
        let word = &text[start..end];
        let state = &mut self.memory.completion;
        if state.field != Some(look.id) {
            *state = Completion {
                field: Some(look.id),
                // A field that was just entered offers nothing before something is typed.
                dismissed: Some(word.to_string()),
                ..Completion::default()
            };
        }
        if pressed.dismiss {
            state.dismissed = Some(word.to_string());
        }
        if state.word != word {
            state.selected = 0;
            state.word = word.to_string();
        }
        let closed = state.dismissed.as_deref() == Some(word);
        let offers = if closed || word.is_empty() || inside_string(text, end) {
            Vec::new()
        } else {
            state.dismissed = None;
            let relations = self.facts.ports.iter().map(|(port, _)| port.as_str());
            offers(word, look.vocabulary, &self.facts.columns, relations)
        };
        // The word as it stands is nothing to offer.
        let done = matches!(offers.as_slice(), [only] if only.insert == word);
        if offers.is_empty() || done {
            state.open = false;
            return None;
        }
        let count = offers.len();
        state.selected = (state.selected + pressed.down + (count - pressed.up % count)) % count;
        let mut taken = pressed.accept.then_some(state.selected);
        if taken.is_none() {
            let moved = pressed.down != pressed.up;
            if let Some(clicked) = list(response, look.id, &offers, state, moved) {
                taken = Some(clicked);
            }
        }
        if taken.is_none() && !state.open {
            // From the next frame on, keys are meant for the list.
            state.open = true;
            response.ctx.request_repaint();
        }
        let taken = offers.into_iter().nth(taken?)?;
        state.open = false;
        let mut insert = taken.insert;
        // A parenthesis that is there already is not needed twice.
        if insert.ends_with('(') && text[end..].starts_with('(') {
            insert.pop();
        }
        state.dismissed = Some(word_of(&insert).to_string());
        state.word.clone_from(&insert);
        Some((start, end, insert))
    }
}

/// Draws the offers under a field. Gives the one that was clicked.
fn list(
    response: &egui::Response,
    id: Id,
    offers: &[Offer],
    state: &mut Completion,
    moved: bool,
) -> Option<usize> {
    let room = response.ctx.content_rect().width() - 8.0 * theme::STEP;
    let width = response.rect.width().max(340.0).min(room);
    Popup::from_response(response)
        .id(popup_id(id))
        .kind(PopupKind::Popup)
        .open(true)
        .align(RectAlign::BOTTOM_START)
        .align_alternatives(&[
            RectAlign::TOP_START,
            RectAlign::BOTTOM_END,
            RectAlign::TOP_END,
        ])
        .width(width)
        .show(|ui| {
            let palette = theme::palette(ui.ctx());
            ui.set_width(width);
            ui.spacing_mut().item_spacing.y = 0.0;
            let mut clicked = None;
            ScrollArea::vertical().max_height(190.0).show(ui, |ui| {
                for (i, offer) in offers.iter().enumerate() {
                    let size = Vec2::new(ui.available_width(), 22.0);
                    let (rect, row) = ui.allocate_exact_size(size, Sense::click());
                    let selected = i == state.selected;
                    row.widget_info(|| {
                        let name = format!("Complete {}", offer.insert);
                        WidgetInfo::selected(Role::Button, true, selected, name)
                    });
                    if selected || row.hovered() {
                        ui.painter()
                            .rect_filled(rect, theme::RADIUS_SMALL, palette.hovered);
                    }
                    let inner = rect.shrink2(Vec2::new(8.0, 0.0));
                    ui.painter().text(
                        inner.left_center(),
                        Align2::LEFT_CENTER,
                        &offer.label,
                        theme::data_font(theme::DATA),
                        if selected {
                            palette.accent
                        } else {
                            palette.text
                        },
                    );
                    ui.painter().text(
                        inner.right_center(),
                        Align2::RIGHT_CENTER,
                        &offer.detail,
                        theme::data_font(theme::SMALL),
                        palette.muted,
                    );
                    if selected && moved {
                        row.scroll_to_me(None);
                    }
                    if row.clicked() {
                        clicked = Some(i);
                    }
                }
            });
            if let Some(offer) = offers.get(state.selected)
                && !offer.help.is_empty()
            {
                ui.add_space(theme::STEP);
                ui.separator();
                ui.add_space(theme::STEP);
                ui.label(
                    RichText::new(&offer.help)
                        .size(theme::SMALL)
                        .color(palette.muted),
                );
            }
            clicked
        })
        .and_then(|shown| shown.inner)
}

fn popup_id(field: Id) -> Id {
    field.with("completion")
}

/// Shows a field so that a click on its list of offers does not take the keyboard from it.
fn keep_focus<R>(ui: &mut Ui, id: Id, open: bool, show: impl FnOnce(&mut Ui) -> R) -> R {
    let layer = LayerId::new(PopupKind::Popup.order(), popup_id(id));
    let on_list = open
        && ui
            .ctx()
            .pointer_interact_pos()
            .and_then(|place| ui.ctx().layer_id_at(place))
            == Some(layer);
    let before = ui
        .ctx()
        .options(|options| options.input_options.surrender_focus_on);
    if on_list {
        ui.ctx().options_mut(|options| {
            options.input_options.surrender_focus_on = SurrenderFocusOn::Never;
        });
    }
    let shown = show(ui);
    ui.ctx()
        .options_mut(|options| options.input_options.surrender_focus_on = before);
    shown
}

/// Takes the keys that are meant for the list, before the field sees them.
fn take_keys(input: &mut InputState) -> Pressed {
    let mut take = |key: Key| {
        let mut count = 0;
        input.events.retain(|event| {
            let is = matches!(
                event,
                Event::Key { key: pressed, modifiers, pressed: true, .. }
                    if *pressed == key && modifiers.is_none()
            );
            count += usize::from(is);
            !is
        });
        count
    };
    Pressed {
        down: take(Key::ArrowDown),
        up: take(Key::ArrowUp),
        accept: take(Key::Tab) + take(Key::Enter) > 0,
        dismiss: take(Key::Escape) > 0,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where the word that ends at a byte begins.
fn word_start(text: &str, end: usize) -> usize {
    let word: usize = text[..end]
        .chars()
        .rev()
        .take_while(|c| is_word(*c))
        .map(char::len_utf8)
        .sum();
    // A number is no word that could be completed.
    let start = end - word;
    match text[start..].chars().next() {
        Some(first) if first.is_ascii_digit() => end,
        _ => start,
    }
}

/// The word that a text ends with.
fn word_of(text: &str) -> &str {
    &text[word_start(text, text.len())..]
}

/// Whether a byte stands in a string or a comment, where nothing is completed.
fn inside_string(text: &str, at: usize) -> bool {
    highlight(text).iter().any(|stretch| {
        let within = stretch.span.start < at && at < stretch.span.end;
        let open = stretch.span.start < at && at <= stretch.span.end;
        match stretch.kind {
            TextKind::String => within,
            TextKind::Comment | TextKind::Bad => open,
            _ => false,
        }
    })
}

/// What can stand in the place of a word, the best first.
pub(super) fn offers<'r>(
    word: &str,
    vocabulary: Vocabulary,
    columns: &[Column],
    relations: impl Iterator<Item = &'r str>,
) -> Vec<Offer> {
    let lower = word.to_lowercase();
    // 0 for a name that starts so, 1 for one with a part that does.
    let rank = |name: &str| -> Option<u8> {
        let name = name.to_lowercase();
        if name.starts_with(&lower) {
            Some(0)
        } else if lower.len() > 1 && name.split(['_', ' ']).any(|part| part.starts_with(&lower)) {
            Some(1)
        } else {
            None
        }
    };
    let mut found: Vec<(u8, u8, Offer)> = Vec::new();
    if vocabulary == Vocabulary::Type {
        for ty in TYPES {
            if let Some(rank) = rank(ty) {
                let offer = Offer {
                    insert: ty.to_string(),
                    label: ty.to_string(),
                    detail: String::new(),
                    help: String::new(),
                };
                found.push((rank, 0, offer));
            }
        }
    } else {
        for column in columns {
            if let Some(rank) = rank(&column.name) {
                let time = if column.is_time { " rowtime" } else { "" };
                let offer = Offer {
                    insert: quote_name(&column.name),
                    label: column.name.clone(),
                    detail: format!("{}{time}", column.ty),
                    help: String::new(),
                };
                found.push((rank, 0, offer));
            }
        }
        for function in function_reference() {
            let many = function.family == FunctionFamily::Aggregate;
            if many && vocabulary == Vocabulary::Expression {
                continue;
            }
            if let Some(rank) = rank(function.name) {
                let calls = function.signature[function.name.len()..].starts_with('(');
                let open = if calls { "(" } else { "" };
                let offer = Offer {
                    insert: format!("{}{open}", function.name),
                    label: function.name.to_string(),
                    detail: if many { "aggregate" } else { "function" }.to_string(),
                    help: format!("{}\n{}", function.signature, function.help),
                };
                found.push((rank, if many { 1 } else { 2 }, offer));
            }
        }
        if vocabulary == Vocabulary::Query {
            for relation in relations {
                if let Some(rank) = rank(relation) {
                    let offer = Offer {
                        insert: quote_name(relation),
                        label: relation.to_string(),
                        detail: "input".to_string(),
                        help: String::new(),
                    };
                    found.push((rank, 0, offer));
                }
            }
            for keyword in QUERY_WORDS {
                if rank(keyword) == Some(0) {
                    let offer = Offer {
                        insert: keyword.to_string(),
                        label: keyword.to_string(),
                        detail: String::new(),
                        help: String::new(),
                    };
                    found.push((0, 1, offer));
                }
            }
        }
    }
    found.sort_by(|a, b| {
        let key = |(rank, family, offer): &(u8, u8, Offer)| (*rank, *family, offer.label.len());
        key(a).cmp(&key(b))
    });
    found
        .into_iter()
        .map(|(_, _, offer)| offer)
        .take(OFFERS)
        .collect()
}

#[cfg(test)]
mod tests {
    use millstream_functions::FlinkType;

    use super::*;

    fn column(name: &str) -> Column {
        Column {
            name: name.to_string(),
            ty: FlinkType::string(),
            is_time: false,
        }
    }

    fn inserts(word: &str, vocabulary: Vocabulary) -> Vec<String> {
        let columns = [column("amount"), column("total amount"), column("su")];
        offers(word, vocabulary, &columns, ["orders"].into_iter())
            .into_iter()
            .map(|offer| offer.insert)
            .collect()
    }

    #[test]
    fn columns_come_before_functions() {
        let found = inserts("su", Vocabulary::Aggregate);
        assert_eq!(found[..3], ["su", "SUM(", "SUBSTRING("]);
        assert!(!inserts("su", Vocabulary::Expression).contains(&"SUM(".to_string()));
        assert_eq!(
            inserts("amo", Vocabulary::Expression),
            ["amount", "`total amount`"]
        );
        assert_eq!(inserts("orde", Vocabulary::Query), ["orders", "ORDER BY"]);
        assert_eq!(inserts("BIG", Vocabulary::Type), ["BIGINT"]);
    }

    #[test]
    fn words_end_at_the_cursor() {
        let text = "SUM(größ + 12";
        assert_eq!(&text[word_start(text, 10)..10], "größ");
        assert_eq!(word_start(text, text.len()), text.len());
        assert!(inside_string("'am", 3));
        assert!(!inside_string("'am'", 4));
        assert!(inside_string("a -- am", 7));
        assert_eq!(word_of("SUM("), "");
    }
}
