//! From keys to actions.

use egui::{Context, Event, Key, Modifiers};

use crate::canvas;
use crate::command::UiCommand;
use crate::editor::{Action, CentreTab, Editor, Popup};
use crate::panels::sql;

/// Takes the shortcuts that were pressed. Those without Ctrl count only where no text is edited
/// and, but for Escape, where nothing floats over the canvas and nothing is `busy` on it. Function
/// keys are no text: they count in a field, too.
pub(super) fn collect(context: &Context, editor: &Editor, busy: bool, actions: &mut Vec<Action>) {
    // The canvas has the focus of the keyboard, but no text.
    let focused = context.memory(|memory| memory.focused());
    let typing = busy || focused.is_some_and(|id| id != canvas::focus_id());
    let floating = editor.view.popup != Popup::None;
    // A menu takes the keys that steer it.
    let menu = egui::Popup::is_any_open(context);
    let on_canvas = editor.view.centre == CentreTab::Graph && !editor.view.start;
    let on_script = editor.view.centre == CentreTab::Sql && !editor.view.start;
    // A script that is not edited has nothing to undo but the document.
    let reading = editor.draft().is_none() && focused == Some(sql::field_id());
    for command in by_modifiers() {
        let Some(shortcut) = command.shortcut() else {
            continue;
        };
        let function = is_function_key(shortcut.logical_key);
        let plain = !shortcut.modifiers.command;
        let text = typing && !function;
        // What goes to a problem or stops the job is wanted beside every tab.
        let beside = function && anywhere(command) && !editor.view.start;
        let here = on_canvas || beside;
        if plain && (menu || text || !here || (floating && command != UiCommand::SelectNone)) {
            continue;
        }
        // In a field, Ctrl+Z and its like belong to the text.
        let text_editing = matches!(
            command,
            UiCommand::Undo
                | UiCommand::Redo
                | UiCommand::SelectAll
                | UiCommand::DeleteAndReconnect
        );
        let undoing = matches!(command, UiCommand::Undo | UiCommand::Redo);
        if typing && text_editing && !(reading && undoing) {
            continue;
        }
        if context.input_mut(|input| input.consume_shortcut(&shortcut)) {
            actions.push(Action::Command(match command {
                // What is at hand is the script, not the job.
                UiCommand::Run if on_script && editor.draft().is_some() => UiCommand::ApplySql,
                command => command,
            }));
        }
    }
    if menu || typing || floating || !on_canvas {
        return;
    }
    context.input_mut(|input| {
        // Ctrl+Y is what Windows users press for redo, Backspace what a Mac has for delete.
        if input.consume_key(Modifiers::COMMAND, Key::Y) {
            actions.push(Action::Command(UiCommand::Redo));
        }
        if input.consume_key(Modifiers::NONE, Key::Backspace) {
            actions.push(Action::Command(UiCommand::Delete));
        }
        input.events.retain(|event| match event {
            Event::Copy => {
                actions.push(Action::Command(UiCommand::Copy));
                false
            }
            Event::Cut => {
                actions.push(Action::Command(UiCommand::Cut));
                false
            }
            Event::Paste(text) => {
                actions.push(Action::Paste(text.clone()));
                false
            }
            _ => true,
        });
    });
}

fn is_function_key(key: Key) -> bool {
    let name = key.name().strip_prefix('F').unwrap_or_default();
    name.parse::<u8>().is_ok()
}

/// Commands that have nothing to do with the canvas.
fn anywhere(command: UiCommand) -> bool {
    matches!(
        command,
        UiCommand::NextProblem | UiCommand::PreviousProblem | UiCommand::Stop
    )
}

/// Those with more modifiers first: egui takes Ctrl+Shift+Z for Ctrl+Z otherwise.
fn by_modifiers() -> Vec<UiCommand> {
    let mut commands = UiCommand::ALL.to_vec();
    commands.sort_by_key(|command| {
        let shift = command
            .shortcut()
            .is_some_and(|shortcut| shortcut.modifiers.shift);
        !shift
    });
    commands
}
