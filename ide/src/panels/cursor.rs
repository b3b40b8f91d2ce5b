//! Where the cursor of a field is when the keyboard comes to it.

use egui::text::{CCursor, CCursorRange};
use egui::{Context, Event, Id, Response, TextEdit};

fn set(context: &Context, id: Id, range: CCursorRange) {
    let mut state = TextEdit::load_state(context, id).unwrap_or_default();
    state.cursor.set_char_range(Some(range));
    state.store(context, id);
}

/// Selects the whole text of a field, so that what is typed replaces it.
pub(crate) fn select_all(context: &Context, id: Id, text: &str) {
    let end = CCursor::new(text.chars().count());
    set(context, id, CCursorRange::two(CCursor::default(), end));
}

/// Puts the cursor behind the text of a field, so that what is typed goes on with it.
pub(crate) fn behind(context: &Context, id: Id, text: &str) {
    let end = CCursor::new(text.chars().count());
    set(context, id, CCursorRange::one(end));
}

/// Selects the text of a line that was entered by keyboard, as forms do everywhere. A click puts
/// the cursor where it is, and a screen reader is not meddled with.
pub(crate) fn select_entered(response: &Response, text: &str) {
    let context = &response.ctx;
    let otherwise = |input: &egui::InputState| {
        let asked = |event: &Event| matches!(event, Event::AccessKitActionRequest(_));
        let pointer = &input.pointer;
        pointer.any_down() || pointer.any_released() || input.events.iter().any(asked)
    };
    if response.gained_focus() && !context.input(otherwise) {
        select_all(context, response.id, text);
        context.request_repaint();
    }
}
