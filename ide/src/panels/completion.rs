//! Completion of SQL while it is typed: names, functions and words that can stand where the caret is,
//! in a list under it.

use std::borrow::Cow;
use std::ops::Range;

use egui::text::{CCursor, CCursorRange};
use egui::{
    Align2, Event, Id, InputState, Key, LayerId, Popup, PopupKind, Rect, RectAlign, Response,
    RichText, Role, ScrollArea, Sense, SurrenderFocusOn, TextEdit, Ui, Vec2, WidgetInfo,
};
use millstream_compiler::lower::Column;
use millstream_compiler::sql::{TextKind, highlight, quote_name};
use millstream_functions::{FunctionFamily, function_reference};

use crate::sql_text;
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
    /// All of that, and the words of statements.
    Script,
}

/// What is known where something is typed.
pub(super) struct Known<'k> {
    pub(super) vocabulary: Vocabulary,
    pub(super) columns: Cow<'k, [Column]>,
    pub(super) relations: Vec<&'k str>,
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

/// Words of statements that are worth completing.
const SCRIPT_WORDS: [&str; 10] = [
    "CREATE TABLE",
    "CREATE TEMPORARY VIEW",
    "CREATE MODEL",
    "INSERT INTO",
    "EXECUTE STATEMENT SET",
    "BEGIN",
    "END",
    "WATERMARK FOR",
    "PRIMARY KEY",
    "NOT ENFORCED",
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

/// Keys that were pressed while the list was open.
#[derive(Debug, Default)]
pub(super) struct Pressed {
    down: usize,
    up: usize,
    /// The offer that is chosen was taken.
    pub(super) accept: bool,
    dismiss: bool,
}

impl Completion {
    /// Whether the list of this field is open, so that keys are meant for it.
    pub(super) fn is_open(&self, field: Id) -> bool {
        self.open && self.field == Some(field)
    }

    /// Forgets the list of a field that was left.
    pub(super) fn leave(&mut self, field: Id) {
        if self.field == Some(field) {
            *self = Self::default();
        }
    }

    /// Takes the keys that are meant for the open list of a field, before the field sees them.
    pub(super) fn take_keys(&self, ui: &Ui, field: Id) -> Pressed {
        match self.is_open(field) {
            true => ui.input_mut(take_keys),
            false => Pressed::default(),
        }
    }

    /// Shows the offers for the word before the cursor, a character of the text, in a list under
    /// `anchor`. Puts the one that was taken into the text and says that it did.
    pub(super) fn complete<'k>(
        &mut self,
        response: &Response,
        anchor: Rect,
        text: &mut String,
        cursor: usize,
        pressed: &Pressed,
        known: impl FnOnce() -> Known<'k>,
    ) -> bool {
        let (id, context) = (response.id, &response.ctx);
        let Some((start, end, insert)) = self.taken(response, anchor, text, cursor, pressed, known)
        else {
            return false;
        };
        text.replace_range(start..end, &insert);
        let behind = sql_text::character_of(text, start + insert.len());
        let mut state = TextEdit::load_state(context, id).unwrap_or_default();
        let cursor = CCursorRange::one(CCursor::new(behind));
        state.cursor.set_char_range(Some(cursor));
        state.store(context, id);
        context.request_repaint();
        true
    }

    /// The bytes to replace and by what, once an offer was taken.
    fn taken<'k>(
        &mut self,
        response: &Response,
        anchor: Rect,
        text: &str,
        cursor: usize,
        pressed: &Pressed,
        known: impl FnOnce() -> Known<'k>,
    ) -> Option<(usize, usize, String)> {
        let id = response.id;
        let end = sql_text::byte_of(text, cursor);
        let start = word_start(text, end);
        let word = &text[start..end];
        if self.field != Some(id) {
            *self = Completion {
                field: Some(id),
                // A field that was just entered offers nothing before something is typed.
                dismissed: Some(word.to_string()),
                ..Completion::default()
            };
        }
        if pressed.dismiss {
            self.dismissed = Some(word.to_string());
        }
        if self.word != word {
            self.selected = 0;
            self.word = word.to_string();
        }
        let closed = self.dismissed.as_deref() == Some(word);
        // Strings and comments end with their statement, and a script is long.
        let begin = statement_around(text, end).start;
        let offers = if closed || word.is_empty() || is_inside_string(&text[begin..end]) {
            Vec::new()
        } else {
            self.dismissed = None;
            offers(word, &known())
        };
        // The word as it stands is nothing to offer.
        let done = matches!(offers.as_slice(), [only] if only.insert == word);
        if offers.is_empty() || done {
            self.open = false;
            return None;
        }
        let count = offers.len();
        self.selected = (self.selected + pressed.down + (count - pressed.up % count)) % count;
        let mut taken = pressed.accept.then_some(self.selected);
        if taken.is_none() {
            let moved = pressed.down != pressed.up;
            taken = list(response, anchor, &offers, self.selected, moved);
        }
        if taken.is_none() && !self.open {
            // From the next frame on, keys are meant for the list.
            self.open = true;
            response.ctx.request_repaint();
        }
        let taken = offers.into_iter().nth(taken?)?;
        self.open = false;
        let mut insert = taken.insert;
        // A parenthesis that is there already is not needed twice.
        if insert.ends_with('(') && text[end..].starts_with('(') {
            insert.pop();
        }
        self.dismissed = Some(word_of(&insert).to_string());
        self.word.clone_from(&insert);
        Some((start, end, insert))
    }
}

/// Draws the offers of a field under `anchor`. Gives the one that was clicked.
fn list(
    response: &Response,
    anchor: Rect,
    offers: &[Offer],
    chosen: usize,
    moved: bool,
) -> Option<usize> {
    let room = response.ctx.content_rect().width() - 8.0 * theme::STEP;
    let width = anchor.width().max(340.0).min(room);
    Popup::from_response(response)
        .id(popup_id(response.id))
        .anchor(anchor)
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
                    let selected = i == chosen;
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
            if let Some(offer) = offers.get(chosen)
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
pub(super) fn keep_focus<R>(ui: &mut Ui, id: Id, open: bool, show: impl FnOnce(&mut Ui) -> R) -> R {
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

/// The statement of a script that a byte stands in.
pub(super) fn statement_around(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind(";\n").map_or(0, |end| end + 2);
    let end = text[at..].find(";\n").map_or(text.len(), |end| at + end);
    start..end
}

/// Whether a text ends in a string or a comment, where nothing is completed.
fn is_inside_string(text: &str) -> bool {
    let last = highlight(text)
        .into_iter()
        .rfind(|stretch| stretch.span.end == text.len());
    last.is_some_and(|last| matches!(last.kind, TextKind::Comment | TextKind::Bad))
}

/// What can stand in the place of a word, the best first.
pub(super) fn offers(word: &str, known: &Known<'_>) -> Vec<Offer> {
    let vocabulary = known.vocabulary;
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
    if matches!(vocabulary, Vocabulary::Type | Vocabulary::Script) {
        for ty in TYPES {
            if let Some(rank) = rank(ty) {
                let offer = Offer {
                    insert: ty.to_string(),
                    label: ty.to_string(),
                    detail: String::new(),
                    help: String::new(),
                };
                found.push((
                    rank,
                    if vocabulary == Vocabulary::Type { 0 } else { 3 },
                    offer,
                ));
            }
        }
    }
    if vocabulary != Vocabulary::Type {
        for column in known.columns.iter() {
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
        let script = vocabulary == Vocabulary::Script;
        if script || vocabulary == Vocabulary::Query {
            for &relation in &known.relations {
                if let Some(rank) = rank(relation) {
                    let offer = Offer {
                        insert: quote_name(relation),
                        label: relation.to_string(),
                        detail: if script { "relation" } else { "input" }.to_string(),
                        help: String::new(),
                    };
                    found.push((rank, 0, offer));
                }
            }
            let more: &[&str] = if script { &SCRIPT_WORDS } else { &[] };
            for keyword in QUERY_WORDS.iter().chain(more) {
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
        let known = Known {
            vocabulary,
            columns: Cow::Borrowed(&columns),
            relations: vec!["orders"],
        };
        offers(word, &known)
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
        assert_eq!(inserts("BIG", Vocabulary::Script), ["BIGINT"]);
        assert_eq!(inserts("crea", Vocabulary::Script)[0], "CREATE TABLE");
        assert_eq!(inserts("orde", Vocabulary::Script), ["orders", "ORDER BY"]);
    }

    #[test]
    fn statements_end_with_their_lines() {
        let script = "SET 'a' = ';b';\nSELECT 1;\nSELECT 2";
        let at = |part: &str| script.find(part).unwrap();
        let around = |part| &script[statement_around(script, at(part))];
        assert_eq!(around("b"), "SET 'a' = ';b'");
        assert_eq!(around("1"), "SELECT 1");
        assert_eq!(around("2"), "SELECT 2");
    }

    #[test]
    fn words_end_at_the_cursor() {
        let text = "SUM(größ + 12";
        assert_eq!(&text[word_start(text, 10)..10], "größ");
        assert_eq!(word_start(text, text.len()), text.len());
        assert!(is_inside_string("'am"));
        assert!(!is_inside_string("'am'"));
        assert!(!is_inside_string("'a' || am"));
        assert!(is_inside_string("a -- am"));
        assert_eq!(word_of("SUM("), "");
    }
}
