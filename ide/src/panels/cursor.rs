//! Where the cursor of a field is when the keyboard comes to it.

use egui::text::{CCursor, CCursorRange};
use egui::{Context, Id, Key, Response, TextEdit};

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

/// Selects the text of a line that was entered with Tab, as forms do everywhere.
pub(crate) fn select_entered(response: &Response, text: &str) {
    let context = &response.ctx;
    if response.gained_focus() && context.input(|input| input.key_pressed(Key::Tab)) {
        select_all(context, response.id, text);
        context.request_repaint();
    }
}
