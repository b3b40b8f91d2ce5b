//! Fields of single values: text, numbers, choices, durations, paths.

use egui::{Button, Popup, RichText, Ui, Vec2};
use millstream_compiler::document::Value;
use millstream_compiler::nodes::{EnumValue, ParameterSpec, ParameterType};

use super::columns::{ListOf, Picked};
use super::expression::ExpressionLook;
use super::form::{Form, LineLook, hint};
use crate::editor::Action;
use crate::panels::completion::Vocabulary;
use crate::panels::segmented::{Segment, segmented, width_of};
use crate::theme;

/// How wide the button is that asks for a file.
const BROWSE: f32 = 80.0;
/// Choices up to this many stand beside each other.
const SEGMENTS: usize = 4;

impl Form<'_> {
    /// Draws the field of a parameter.
    pub(super) fn parameter(&mut self, ui: &mut Ui, spec: &'static ParameterSpec) {
        self.field(ui, spec, |form, ui| match spec.ty {
            ParameterType::Text
            | ParameterType::Duration
            | ParameterType::Timestamp
            | ParameterType::Integer { .. }
            | ParameterType::Number { .. } => form.scalar(ui, spec),
            ParameterType::Boolean => form.boolean(ui, spec),
            ParameterType::Enum(choices) => form.choice(ui, spec, choices),
            ParameterType::Column => form.column(ui, spec),
            ParameterType::Columns => form.names(ui, spec, ListOf::Columns),
            ParameterType::Order => form.names(ui, spec, ListOf::Order),
            ParameterType::NewNames => form.names(ui, spec, ListOf::NewNames),
            ParameterType::ColumnPairs => form.pairs(ui, spec),
            ParameterType::Expression => form.sql(ui, spec, Vocabulary::Expression, 1),
            ParameterType::Sql => form.sql(ui, spec, Vocabulary::Query, 8),
            ParameterType::Path(_) => form.path(ui, spec),
            ParameterType::ModelInputs => form.binding(ui, spec),
            ParameterType::KeyValues
            | ParameterType::Schema
            | ParameterType::Assignments
            | ParameterType::Aggregates
            | ParameterType::Renames
            | ParameterType::ModelOutputs => form.rows(ui, spec),
        });
    }

    /// Whether its field is short enough to stand beside another in half the width.
    pub(super) fn is_short(ui: &Ui, spec: &ParameterSpec) -> bool {
        let font = theme::text_font(theme::SMALL);
        let color = egui::Color32::PLACEHOLDER;
        let title = ui
            .painter()
            .layout_no_wrap(spec.title.to_string(), font, color);
        // Beside the title there is room for the word that takes the value back.
        let fits = title.size().x + 40.0 < ui.available_width() / 2.0;
        fits && matches!(
            spec.ty,
            ParameterType::Duration
                | ParameterType::Integer { .. }
                | ParameterType::Number { .. }
                | ParameterType::Boolean
        )
    }

    fn scalar(&mut self, ui: &mut Ui, spec: &ParameterSpec) {
        let id = self.part(spec, "text");
        let text = self.text(spec);
        let look = LineLook {
            data: true,
            wrong: self.found(spec.name).iter().any(|found| found.is_error()),
            ..LineLook::default()
        };
        let name = self.name(spec);
        if let Some(typed) = self.line(ui, id, name, &text, &hint(spec), look) {
            let value = read(spec.ty, &typed);
            self.typed(spec, "", value);
        }
    }

    fn boolean(&mut self, ui: &mut Ui, spec: &ParameterSpec) {
        let default = spec.default.to_value();
        let now = self.value(spec).or(default.as_ref());
        let mut on = matches!(now, Some(Value::Boolean(true)));
        let text = RichText::new(if on { "On" } else { "Off" });
        let response = ui.checkbox(&mut on, text).accessible_name(self.name(spec));
        if response.changed() {
            self.set(spec, on);
        }
    }

    fn choice(&mut self, ui: &mut Ui, spec: &ParameterSpec, choices: &'static [EnumValue]) {
        let default = spec.default.to_value();
        let set = self.value(spec);
        let now = set.or(default.as_ref()).and_then(Value::as_text);
        let chosen = choices.iter().position(|choice| Some(choice.name) == now);
        let segments: Vec<Segment> = choices
            .iter()
            .map(|choice| {
                // "Hopping: they overlap": the word is the label, the rest explains it.
                let (label, help) = match choice.title.split_once(": ") {
                    Some((label, _)) => (label, choice.title),
                    None => (choice.title, ""),
                };
                Segment {
                    label: label.to_string(),
                    name: format!("{label} as {}", self.name(spec)),
                    help: help.to_string(),
                }
            })
            .collect();
        let width = ui.available_width();
        let unknown = set.is_some() && chosen.is_none();
        let picked = if choices.len() > 1
            && choices.len() <= SEGMENTS
            && !unknown
            && width_of(ui, &segments) <= width
        {
            segmented(ui, &segments, chosen, set.is_none(), width)
        } else {
            let selected = match (chosen, now) {
                (Some(index), _) => choices[index].title.to_string(),
                (None, Some(now)) => now.to_string(),
                (None, None) => "Choose…".to_string(),
            };
            let wrong = unknown || self.found(spec.name).iter().any(|found| found.is_error());
            let font = theme::text_font(theme::TEXT);
            let field = Picked {
                font,
                ..Picked::column(self.part(spec, "choice"), &selected, "").wrong(wrong)
            };
            let field = field.show(ui).accessible_name(self.name(spec));
            let mut picked = None;
            Popup::menu(&field).width(width).show(|ui| {
                ui.set_width(width);
                for (i, choice) in choices.iter().enumerate() {
                    let offer = Button::selectable(chosen == Some(i), choice.title)
                        .min_size(Vec2::new(width, 24.0));
                    let offer = ui.add(offer).accessible_name(format!(
                        "{} as {}",
                        choice.title,
                        self.name(spec)
                    ));
                    if offer.clicked() {
                        picked = Some(i);
                        ui.close();
                    }
                }
            });
            if picked.is_some() {
                field.request_focus();
            }
            picked
        };
        if let Some(index) = picked {
            self.set(spec, choices[index].name);
        }
    }

    fn path(&mut self, ui: &mut Ui, spec: &'static ParameterSpec) {
        let id = self.part(spec, "text");
        let text = self.text(spec);
        let name = self.name(spec);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme::STEP;
            let button = RichText::new("Browse…");
            let width = (ui.available_width() - BROWSE - theme::STEP).max(60.0);
            let look = LineLook {
                data: true,
                wrong: self.found(spec.name).iter().any(|found| found.is_error()),
                width,
                ..LineLook::default()
            };
            if let Some(typed) = self.line(ui, id, name.clone(), &text, &hint(spec), look) {
                let value = read(spec.ty, &typed);
                self.typed(spec, "", value);
            }
            let browse = ui
                .add_sized([BROWSE, 26.0], Button::new(button))
                .accessible_name(format!("Browse for {name}"));
            if browse.clicked() {
                self.memory.drafts.remove(&id);
                self.actions.push(Action::BrowseFor {
                    node: self.id.clone(),
                    parameter: spec.name.to_string(),
                });
            }
        });
    }

    fn sql(&mut self, ui: &mut Ui, spec: &ParameterSpec, vocabulary: Vocabulary, rows: usize) {
        let text = self.text(spec);
        let found = self.found(spec.name);
        let hint = hint(spec);
        let look = ExpressionLook {
            id: self.part(spec, "sql"),
            name: self.name(spec),
            text: &text,
            hint: &hint,
            vocabulary,
            found: &found,
            rows,
            bare: false,
            width: ui.available_width(),
        };
        if let Some(typed) = self.expression(ui, look) {
            let value = (!typed.is_empty()).then_some(Value::Text(typed));
            self.typed(spec, "", value);
        }
    }
}

/// What a typed text is as a value; nothing for an empty one. A text that is no number stays text:
/// the check of the document says so, and nothing that was typed is lost.
fn read(ty: ParameterType, typed: &str) -> Option<Value> {
    let trimmed = typed.trim();
    if trimmed.is_empty() {
        return None;
    }
    // Digits in groups, as people copy them.
    let digits = trimmed.replace(['_', ' '], "");
    Some(match ty {
        ParameterType::Integer { .. } => match digits.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => typed.into(),
        },
        ParameterType::Number { .. } => match (digits.parse::<i64>(), digits.parse::<f64>()) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => typed.into(),
        },
        ParameterType::Text => typed.into(),
        _ => trimmed.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_texts_become_values() {
        let integer = ParameterType::Integer { min: 0, max: 9 };
        let number = ParameterType::Number { min: 0.0, max: 9.0 };
        assert_eq!(read(integer, "1 000"), Some(Value::Integer(1000)));
        assert_eq!(read(integer, "1x"), Some("1x".into()));
        assert_eq!(read(integer, " "), None);
        assert_eq!(read(number, "2"), Some(Value::Integer(2)));
        assert_eq!(read(number, "0.5"), Some(Value::Number(0.5)));
        assert_eq!(read(ParameterType::Duration, "5 s "), Some("5 s".into()));
    }
}
