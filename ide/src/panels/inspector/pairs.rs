//! The field of pairs of columns that agree: one of the left side = one of the right.

use egui::{Link, RichText, Role, Sense, Stroke, Ui, Vec2, WidgetInfo};
use millstream_compiler::document::{Entries, Value};
use millstream_compiler::lower::Column;
use millstream_compiler::nodes::ParameterSpec;

use super::columns::Picked;
use super::form::{Form, anchored};
use super::rows::{Done, rearranged};
use crate::theme;

impl Form<'_> {
    /// Draws the pairs.
    pub(super) fn pairs(&mut self, ui: &mut Ui, spec: &'static ParameterSpec) {
        let palette = theme::palette(ui.ctx());
        let name = self.name(spec);
        let facts = self.facts;
        let side = |index: usize| -> &[Column] {
            facts.ports.get(index).map_or(&[], |(_, columns)| columns)
        };
        let (left, right) = (side(0), side(1));
        let pairs = pairs_of(self.value(spec));
        let mut changed: Option<Entries> = None;
        ui.spacing_mut().item_spacing.y = theme::STEP;
        for (index, (key, value)) in pairs.iter().enumerate() {
            let value = value.as_text().unwrap_or_default();
            let path = match self.value(spec) {
                Some(Value::List(_)) => format!("{}[{index}]", spec.name),
                _ => format!("{}.{key}", spec.name),
            };
            let found = self.found(&path);
            let wrong = found.iter().any(|found| found.is_error());
            let anchor = self.part(spec, (index, "row"));
            let row = |ui: &mut Ui| {
                ui.spacing_mut().item_spacing.x = theme::STEP;
                let half = ((ui.available_width() - 20.0 - 16.0 - 3.0 * theme::STEP) / 2.0).floor();
                let field = format!("Left {} in {name}", index + 1);
                let shown = Picked::column(anchor.with("left"), key, "left")
                    .wrong(wrong)
                    .width(half)
                    .show(ui)
                    .accessible_name(field.clone());
                let taken: Vec<&str> = pairs.keys().collect();
                if let Some(column) = self.pick(&shown, &field, &taken, left) {
                    let renamed = pairs.iter().enumerate().map(|(i, (key, value))| {
                        let key = if i == index { column.as_str() } else { key };
                        (key.to_string(), value.clone())
                    });
                    changed = Some(renamed.collect());
                }
                let (rect, _) = ui.allocate_exact_size(Vec2::new(16.0, 26.0), Sense::hover());
                ui.painter().text(
                    rect.center(),
                    egui::Align2::CENTER_CENTER,
                    "=",
                    theme::data_font(theme::DATA),
                    palette.muted,
                );
                let field = format!("Right {} in {name}", index + 1);
                let shown = Picked::column(anchor.with("right"), value, "right")
                    .wrong(wrong)
                    .width(half)
                    .show(ui)
                    .accessible_name(field.clone());
                if let Some(column) = self.pick(&shown, &field, &[value], right) {
                    let mut entries = pairs.clone();
                    entries.insert(key, column);
                    changed = Some(entries);
                }
                let (rect, cross) = ui.allocate_exact_size(Vec2::new(16.0, 26.0), Sense::click());
                cross.widget_info(|| {
                    WidgetInfo::labeled(Role::Button, true, format!("Remove {key} from {name}"))
                });
                let color = match cross.hovered() || cross.has_focus() {
                    true => palette.text,
                    false => palette.faint,
                };
                let (at, stroke) = (rect.center(), Stroke::new(1.2, color));
                for end in [Vec2::splat(3.0), Vec2::new(3.0, -3.0)] {
                    ui.painter().line_segment([at - end, at + end], stroke);
                }
                if cross.clicked() {
                    changed = Some(rearranged(&pairs, Done::Remove(index)));
                }
            };
            anchored(ui, anchor, |ui| ui.horizontal(row));
            for found in found {
                self.finding(ui, found);
            }
        }
        let add = RichText::new("+ Pair").size(theme::SMALL);
        let add = anchored(ui, self.part(spec, "add"), |ui| ui.add(Link::new(add)))
            .inner
            .accessible_name(format!("Add to {name}"));
        if add.clicked()
            && let Some((key, value)) = next_pair(&pairs, left, right)
        {
            changed = Some(pairs.clone().with(key, value));
        }
        match changed {
            Some(entries) if entries.is_empty() && !spec.required => self.unset(spec),
            Some(entries) => self.set(spec, entries),
            None => {}
        }
    }
}

/// The pairs of a value; a list names columns that are called the same on both sides.
fn pairs_of(value: Option<&Value>) -> Entries {
    match value {
        Some(Value::Table(entries)) => entries.clone(),
        Some(Value::List(items)) => items
            .iter()
            .filter_map(Value::as_text)
            .map(|column| (column.to_string(), column))
            .collect(),
        _ => Entries::new(),
    }
}

/// The pair to begin with: columns that are called the same on both sides, or the first that is
/// left.
fn next_pair(pairs: &Entries, left: &[Column], right: &[Column]) -> Option<(String, String)> {
    let free = || {
        left.iter()
            .filter(|column| pairs.get(&column.name).is_none())
    };
    let same = free().find(|column| right.iter().any(|other| other.name == column.name));
    match same {
        Some(column) => Some((column.name.clone(), column.name.clone())),
        None => free()
            .next()
            .map(|column| (column.name.clone(), String::new())),
    }
}

#[cfg(test)]
mod tests {
    use millstream_functions::FlinkType;

    use super::*;

    #[test]
    fn columns_of_one_name_are_paired_first() {
        let column = |name: &str| Column {
            name: name.to_string(),
            ty: FlinkType::string(),
            is_time: false,
        };
        let (left, right) = ([column("a"), column("id")], [column("id"), column("b")]);
        let none = Entries::new();
        let first = next_pair(&none, &left, &right);
        assert_eq!(first, Some(("id".into(), "id".into())));
        let list: Value = vec!["id"].into();
        let pairs = pairs_of(Some(&list));
        assert_eq!(
            next_pair(&pairs, &left, &right),
            Some(("a".into(), String::new()))
        );
    }
}
