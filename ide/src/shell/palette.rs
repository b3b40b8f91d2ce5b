//! What floats in the middle of the window and is steered by typing: the command palette, the
//! search for a node, a node's new name, about.

use egui::{Align2, Area, Context, Id, Key, Order, RichText, Role, ScrollArea, TextEdit, Ui, Vec2};
use millstream_compiler::document::{Command, NodeId};

use crate::command::UiCommand;
use crate::editor::{Action, Editor, Popup};
use crate::panels::cursor;
use crate::theme;

/// What the popups remember between frames.
#[derive(Debug, Default)]
pub(super) struct PaletteState {
    /// What is typed.
    text: String,
    /// Which entry is chosen.
    chosen: usize,
    /// The popup that this belongs to: another one begins anew.
    shown: Popup,
}

/// An entry to choose.
struct Entry {
    label: String,
    /// What it is called for those who do not see it.
    name: String,
    hint: String,
    enabled: bool,
    action: Action,
}

impl PaletteState {
    /// Draws the popup, if one of these is open.
    pub(super) fn ui(&mut self, context: &Context, editor: &Editor, actions: &mut Vec<Action>) {
        let popup = &editor.view.popup;
        let fresh = self.shown != *popup;
        if fresh {
            self.shown = popup.clone();
            self.chosen = 0;
            self.text = match popup {
                Popup::Rename(node) => node.to_string(),
                _ => String::new(),
            };
        }
        match popup {
            Popup::None | Popup::AddNode { .. } => {}
            Popup::Palette => {
                let entries = self.commands(context, editor);
                self.list(context, "Type a command", entries, actions);
            }
            Popup::Find => {
                let entries = self.nodes(editor);
                self.list(context, "Find a node", entries, actions);
            }
            Popup::Rename(node) => self.rename(context, editor, node, fresh, actions),
            Popup::About => about(context, actions),
        }
    }

    fn commands(&self, context: &Context, editor: &Editor) -> Vec<Entry> {
        let mut found: Vec<(u32, UiCommand)> = UiCommand::ALL
            .into_iter()
            .filter(|command| *command != UiCommand::Palette)
            .filter_map(|command| Some((fuzzy(&self.text, command.name())?, command)))
            .collect();
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found
            .into_iter()
            .map(|(_, command)| {
                let ready = editor.ready(command);
                let shortcut = command.shortcut_text(context);
                Entry {
                    label: command.name().to_string(),
                    name: format!("{} command", command.name()),
                    hint: match (ready, shortcut) {
                        (Err(why), _) => why.to_string(),
                        (Ok(()), Some(shortcut)) => shortcut,
                        (Ok(()), None) => String::new(),
                    },
                    enabled: ready.is_ok(),
                    action: Action::Command(command),
                }
            })
            .collect()
    }

    fn nodes(&self, editor: &Editor) -> Vec<Entry> {
        let mut found: Vec<(u32, &NodeId, String)> = editor
            .pipeline()
            .nodes()
            .filter_map(|(id, node)| {
                let title = node.title.clone().unwrap_or_default();
                let by_id = fuzzy(&self.text, id.as_str());
                let by_title = fuzzy(&self.text, &title);
                Some((by_id.max(by_title)?, id, title))
            })
            .collect();
        found.sort_by_key(|(score, _, _)| std::cmp::Reverse(*score));
        found
            .into_iter()
            .map(|(_, id, title)| Entry {
                label: id.to_string(),
                name: format!("Go to {id}"),
                hint: title,
                enabled: true,
                action: Action::GoTo(id.clone()),
            })
            .collect()
    }

    fn list(
        &mut self,
        context: &Context,
        hint: &str,
        entries: Vec<Entry>,
        actions: &mut Vec<Action>,
    ) {
        let palette = theme::palette(context);
        let (down, up, enter, escape) = context.input_mut(|input| {
            (
                input.count_and_consume_key(egui::Modifiers::NONE, Key::ArrowDown),
                input.count_and_consume_key(egui::Modifiers::NONE, Key::ArrowUp),
                input.consume_key(egui::Modifiers::NONE, Key::Enter),
                input.consume_key(egui::Modifiers::NONE, Key::Escape),
            )
        });
        self.chosen = (self.chosen + down)
            .saturating_sub(up)
            .min(entries.len().saturating_sub(1));
        let mut picked = enter.then_some(self.chosen);
        let mut close = escape;
        let shown = floating(context, hint, |ui| {
            let field = TextEdit::singleline(&mut self.text)
                .hint_text(format!("{hint}…"))
                .desired_width(f32::INFINITY)
                .show(ui);
            let response = field.response;
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, hint));
            response.request_focus();
            if response.changed() {
                self.chosen = 0;
            }
            ui.add_space(theme::STEP);
            ScrollArea::vertical().max_height(360.0).show(ui, |ui| {
                for (index, entry) in entries.iter().enumerate() {
                    let text = RichText::new(&entry.label).color(match entry.enabled {
                        true => palette.text,
                        false => palette.faint,
                    });
                    let button = egui::Button::selectable(index == self.chosen, text)
                        .right_text(
                            RichText::new(&entry.hint)
                                .size(theme::SMALL)
                                .color(palette.faint),
                        )
                        .min_size(Vec2::new(ui.available_width(), 24.0));
                    let response = ui.add(button);
                    response.widget_info(|| {
                        let (chosen, name) = (index == self.chosen, entry.name.as_str());
                        egui::WidgetInfo::selected(Role::Button, entry.enabled, chosen, name)
                    });
                    if index == self.chosen && (down > 0 || up > 0) {
                        response.scroll_to_me(None);
                    }
                    if response.clicked() {
                        picked = Some(index);
                    }
                }
                if entries.is_empty() {
                    ui.label(RichText::new("Nothing of that name").color(palette.muted));
                }
            });
        });
        close |= context.input(|input| {
            input.pointer.any_pressed()
                && input
                    .pointer
                    .interact_pos()
                    .is_some_and(|at| !shown.contains(at))
        });
        if let Some(entry) = picked.and_then(|index| entries.into_iter().nth(index))
            && entry.enabled
        {
            // The popup goes first: what was picked may open another one.
            actions.push(Action::Popup(Popup::None));
            actions.push(entry.action);
        } else if close {
            actions.push(Action::Popup(Popup::None));
        }
    }

    fn rename(
        &mut self,
        context: &Context,
        editor: &Editor,
        node: &NodeId,
        fresh: bool,
        actions: &mut Vec<Action>,
    ) {
        let palette = theme::palette(context);
        let wrong = match NodeId::new(self.text.trim()) {
            Err(error) => Some(error.to_string()),
            Ok(id) if id != *node && editor.pipeline().node(id.as_str()).is_some() => {
                Some(format!("there is a node '{id}' already"))
            }
            Ok(_) => None,
        };
        let (enter, escape) = context.input_mut(|input| {
            (
                input.consume_key(egui::Modifiers::NONE, Key::Enter),
                input.consume_key(egui::Modifiers::NONE, Key::Escape),
            )
        });
        floating(context, "Rename", |ui| {
            ui.label(RichText::new(format!("Another name for {node}")).color(palette.muted));
            let field = TextEdit::singleline(&mut self.text)
                .font(egui::TextStyle::Monospace)
                .desired_width(f32::INFINITY);
            let response = ui.add(field);
            if fresh {
                // What is typed replaces the old name.
                cursor::select_all(ui.ctx(), response.id, &self.text);
            }
            response
                .widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "New name"));
            response.request_focus();
            match &wrong {
                Some(why) => ui.label(RichText::new(why).color(palette.error)),
                None => ui.label(
                    RichText::new("The name of its relation in SQL; its state goes by it")
                        .size(theme::SMALL)
                        .color(palette.faint),
                ),
            };
        });
        if escape {
            actions.push(Action::Popup(Popup::None));
        } else if enter
            && wrong.is_none()
            && let Ok(to) = NodeId::new(self.text.trim())
        {
            actions.push(Action::Popup(Popup::None));
            if to != *node {
                actions.push(Action::Edit(Command::RenameNode {
                    node: node.clone(),
                    to,
                }));
            }
        }
    }
}

/// A box in the upper middle of the window; where it is.
fn floating(context: &Context, name: &str, contents: impl FnOnce(&mut Ui)) -> egui::Rect {
    Area::new(Id::unique(("floating", name)))
        .order(Order::Foreground)
        .anchor(Align2::CENTER_TOP, Vec2::new(0.0, 72.0))
        .show(context, |ui| {
            egui::Frame::window(ui.style()).show(ui, |ui| {
                ui.set_width(460.0);
                contents(ui);
            });
        })
        .response
        .rect
}

fn about(context: &Context, actions: &mut Vec<Action>) {
    let palette = theme::palette(context);
    let mut close = context.input(|input| input.key_pressed(Key::Escape));
    floating(context, "About", |ui| {
        ui.label(RichText::new("Millstream").font(theme::strong_font(18.0)));
        ui.label(format!(
            "Version {}, Apache License 2.0",
            env!("CARGO_PKG_VERSION")
        ));
        ui.label(
            RichText::new("Fonts: Inter and JetBrains Mono, under the SIL Open Font License 1.1")
                .color(palette.muted),
        );
        close |= ui.button("Close").clicked();
    });
    if close {
        actions.push(Action::Popup(Popup::None));
    }
}

/// How well a text answers what was typed: all characters in order, better at the beginnings of
/// words and in a row. `None` if it does not.
pub(crate) fn fuzzy(typed: &str, text: &str) -> Option<u32> {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let mut score = 0;
    let mut at = 0;
    let mut in_a_row = false;
    for wanted in typed.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let found = (at..text.len()).find(|index| text[*index] == wanted)?;
        let begins_word = found == 0 || !text[found - 1].is_alphanumeric();
        score += 1 + u32::from(begins_word) * 4 + u32::from(in_a_row && found == at) * 3;
        in_a_row = true;
        at = found + 1;
    }
    // Of equal matches the shorter text is nearer to what was typed.
    Some(score * 64 + 64_u32.saturating_sub(text.len() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_words_is_found_first() {
        let best = |typed: &str| {
            UiCommand::ALL
                .into_iter()
                .filter_map(|command| Some((fuzzy(typed, command.name())?, command)))
                .max_by_key(|(score, _)| *score)
                .map(|(_, command)| command)
        };
        assert_eq!(best("undo"), Some(UiCommand::Undo));
        assert_eq!(best("ztf"), Some(UiCommand::ZoomToFit));
        assert_eq!(best("export"), Some(UiCommand::ExportSql));
        assert_eq!(best("arrange"), Some(UiCommand::AutoLayout));
        assert_eq!(fuzzy("xq", "Export"), None);
    }
}
