//! The inputs of a model: which column feeds which tensor or feature, why, and through which cast.

use egui::{Align, Button, Label, Layout, RichText, Sense, Ui, Vec2};
use millstream_compiler::document::{Entries, Value};
use millstream_compiler::environment::ModelSignature;
use millstream_compiler::lower::Column;
use millstream_compiler::nodes::ParameterSpec;

use super::columns::Picked;
use super::form::{Form, anchored};
use crate::theme;

/// One thing the model wants.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    /// Its name in the model, or its place where it has none.
    name: String,
    /// Whether the name is the model's own.
    named: bool,
    /// The type of an element.
    element: String,
}

/// Why a column feeds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// They are called the same.
    Name,
    /// They stand in the same place.
    Order,
    /// Somebody said so.
    Hand,
}

impl Reason {
    fn text(self) -> &'static str {
        match self {
            Reason::Name => "by name",
            Reason::Order => "by order",
            Reason::Hand => "by hand",
        }
    }
}

impl Form<'_> {
    /// The field of a model's inputs.
    pub(super) fn binding(&mut self, ui: &mut Ui, spec: &'static ParameterSpec) {
        let palette = theme::palette(ui.ctx());
        let editor = self.editor;
        let small = |text: &str, color| RichText::new(text).size(theme::SMALL).color(color);
        let signature = match editor.compiled().models.get(self.id) {
            Some(Ok(signature)) => signature,
            // Why not is said at the model itself.
            Some(Err(_)) => {
                let text = "Known once the model can be read";
                ui.add(Label::new(small(text, palette.faint)).wrap());
                self.rows(ui, spec);
                return;
            }
            None => {
                ui.add(Label::new(small("Choose the model first", palette.faint)));
                self.rows(ui, spec);
                return;
            }
        };
        let columns = self.columns_of(spec);
        let wanted = wanted(signature, self.value(spec));
        let bound = bound(&wanted, self.value(spec));
        let name = self.name(spec);
        ui.spacing_mut().item_spacing.y = theme::STEP;
        let mut changed = None;
        for (index, (want, column)) in wanted.iter().zip(&bound).enumerate() {
            let path = match self.value(spec) {
                Some(Value::List(_)) => format!("{}[{index}]", spec.name),
                _ => format!("{}.{}", spec.name, want.name),
            };
            let found = self.found(&path);
            let wrong = column.is_none() || found.iter().any(|found| found.is_error());
            let known = column
                .as_deref()
                .and_then(|column| columns.iter().find(|known| known.name == column));
            let anchor = self.part(spec, (index, "row"));
            let row = |ui: &mut Ui| {
                ui.spacing_mut().item_spacing.x = theme::STEP;
                let width = ui.available_width();
                let left = (width * 0.4).floor();
                let size = Vec2::new(left, 34.0);
                ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
                    ui.set_min_size(size);
                    ui.spacing_mut().item_spacing.y = 0.0;
                    let color = if wrong { palette.error } else { palette.text };
                    let text = RichText::new(&want.name)
                        .font(theme::data_font(theme::DATA))
                        .color(color);
                    ui.add(Label::new(text).truncate().sense(Sense::hover()));
                    let text = RichText::new(&want.element)
                        .font(theme::data_font(theme::SMALL))
                        .color(palette.muted);
                    ui.add(Label::new(text).truncate());
                });
                let (under, color) = explained(want, column.as_deref(), known);
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 1.0;
                    let field = format!("{} in {name}", want.name);
                    let shown = column.as_deref().unwrap_or_default();
                    let id = anchor.with("column");
                    let response = Picked::column(id, shown, "Not bound")
                        .wrong(wrong)
                        .show(ui)
                        .accessible_name(field.clone());
                    if let Some(column) = self.pick(&response, &field, &[shown], columns) {
                        changed = Some((index, column));
                    }
                    let color = match color {
                        Shade::Quiet => palette.faint,
                        Shade::Cast => palette.muted,
                        Shade::Wrong => palette.error,
                    };
                    ui.add(Label::new(small(&under, color)).truncate());
                });
            };
            anchored(ui, anchor, |ui| ui.horizontal(row));
            for found in found {
                self.finding(ui, found);
            }
        }
        if let Some((index, column)) = changed {
            let mut columns = bound.clone();
            if let Some(place) = columns.get_mut(index) {
                *place = Some(column);
            }
            self.bind(spec, &wanted, &columns);
        }
        let named = by_name(&wanted, columns);
        let names = named.iter().filter(|column| column.is_some()).count();
        let new = named
            .iter()
            .zip(&bound)
            .filter(|(named, bound)| named.is_some() && named != bound)
            .count();
        let anchor = self.part(spec, "by name");
        let by_name = |ui: &mut Ui| {
            let button = Button::new(RichText::new("Bind by name").size(theme::SMALL));
            let button = ui
                .add_enabled(new > 0, button)
                .accessible_name(format!("Bind {name} by name"))
                .on_hover_text("Feeds each input from the column that is called like it")
                .on_disabled_hover_text(match names {
                    0 => "No column is called like an input of the model",
                    _ => "All that share a name are bound",
                });
            if button.clicked() {
                let columns: Vec<Option<String>> = named
                    .into_iter()
                    .zip(&bound)
                    .map(|(named, bound)| named.or_else(|| bound.clone()))
                    .collect();
                self.bind(spec, &wanted, &columns);
            }
            let left = bound.iter().filter(|column| column.is_none()).count();
            if left > 0 {
                let text = format!("{left} of {} not bound", wanted.len());
                ui.label(small(&text, palette.error));
            }
        };
        anchored(ui, anchor, |ui| ui.horizontal(by_name));
        anchored(ui, self.part(spec, "trial"), |ui| self.trial(ui));
    }

    /// Writes the binding: a table of names where the model has names, a list otherwise.
    fn bind(&mut self, spec: &ParameterSpec, wanted: &[Wanted], columns: &[Option<String>]) {
        let is_list = match self.value(spec) {
            Some(Value::List(_)) => true,
            Some(Value::Table(_)) => false,
            _ => wanted.iter().all(|want| !want.named),
        };
        let twice = |column: &Option<String>| columns.iter().filter(|c| *c == column).count() > 1;
        // A list cannot name a column twice, and a place without a column cannot stand in it.
        if is_list
            && !columns
                .iter()
                .any(|column| column.is_none() || twice(column))
        {
            let list: Vec<Value> = columns
                .iter()
                .flatten()
                .map(|c| c.as_str().into())
                .collect();
            self.set(spec, Value::List(list));
            return;
        }
        let entries: Entries = wanted
            .iter()
            .zip(columns)
            .filter_map(|(want, column)| Some((want.name.clone(), Value::from(column.clone()?))))
            .collect();
        self.set(spec, entries);
    }
}

/// How the line under a column is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shade {
    Quiet,
    Cast,
    Wrong,
}

/// Why the column, and what is done to it.
fn explained(want: &Wanted, column: Option<&str>, known: Option<&Column>) -> (String, Shade) {
    let Some(column) = column else {
        return ("no column".to_string(), Shade::Wrong);
    };
    let reason = if plain(column) == plain(&want.name) {
        Reason::Name
    } else if want.named {
        Reason::Hand
    } else {
        Reason::Order
    };
    match known {
        None => (
            format!("{}, but there is no such column", reason.text()),
            Shade::Wrong,
        ),
        Some(known) => {
            let ty = known.ty.clone().with_nullable(true).to_string();
            if ty == want.element {
                (reason.text().to_string(), Shade::Quiet)
            } else {
                (format!("{}, from {ty}", reason.text()), Shade::Cast)
            }
        }
    }
}

/// What a model wants, in its order. Features without names are called as they are bound.
fn wanted(signature: &ModelSignature, value: Option<&Value>) -> Vec<Wanted> {
    let given: Vec<String> = match value {
        Some(Value::Table(entries)) => entries.keys().map(String::from).collect(),
        Some(Value::List(items)) => items
            .iter()
            .filter_map(|item| item.as_text().map(String::from))
            .collect(),
        _ => Vec::new(),
    };
    let element = |ty: &millstream_functions::FlinkType| ty.clone().with_nullable(true).to_string();
    match signature.inputs.as_slice() {
        [matrix] => {
            let width = matrix.shape.get(1).copied().flatten();
            let names = &signature.feature_names;
            let count = width.unwrap_or(names.len().max(given.len()));
            (0..count)
                .map(|index| {
                    let own = names.get(index).filter(|_| names.len() == count);
                    let name = own
                        .or_else(|| given.get(index))
                        .cloned()
                        .unwrap_or_else(|| format!("feature_{}", index + 1));
                    Wanted {
                        name,
                        named: own.is_some(),
                        element: element(&matrix.element),
                    }
                })
                .collect()
        }
        tensors => tensors
            .iter()
            .map(|tensor| Wanted {
                name: tensor.name.clone(),
                named: true,
                element: element(&tensor.element),
            })
            .collect(),
    }
}

/// The column that feeds each, by the name it is bound under or else by place.
fn bound(wanted: &[Wanted], value: Option<&Value>) -> Vec<Option<String>> {
    match value {
        Some(Value::List(items)) => (0..wanted.len())
            .map(|i| items.get(i).and_then(Value::as_text).map(String::from))
            .collect(),
        Some(Value::Table(entries)) => {
            let find = |want: &Wanted| {
                entries
                    .iter()
                    .find(|(key, _)| plain(key) == plain(&want.name))
                    .and_then(|(_, value)| value.as_text())
                    .map(String::from)
            };
            let found: Vec<Option<String>> = wanted.iter().map(find).collect();
            if found.iter().any(Option::is_some) {
                return found;
            }
            // No name in common: by place, as the compiler does.
            (0..wanted.len())
                .map(|i| entries.iter().nth(i)?.1.as_text().map(String::from))
                .collect()
        }
        _ => vec![None; wanted.len()],
    }
}

/// The column that is called like each.
fn by_name(wanted: &[Wanted], columns: &[Column]) -> Vec<Option<String>> {
    wanted
        .iter()
        .map(|want| {
            let exact = columns.iter().find(|column| column.name == want.name);
            let near = || {
                columns
                    .iter()
                    .find(|column| plain(&column.name) == plain(&want.name))
            };
            exact.or_else(near).map(|column| column.name.clone())
        })
        .collect()
}

/// A name without case and punctuation.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use millstream_compiler::environment::ModelTensor;
    use millstream_functions::FlinkType;

    use super::*;

    fn tensor(name: &str, shape: &[Option<usize>]) -> ModelTensor {
        ModelTensor {
            name: name.to_string(),
            element: FlinkType::string(),
            shape: shape.to_vec(),
        }
    }

    fn column(name: &str) -> Column {
        Column {
            name: name.to_string(),
            ty: FlinkType::string(),
            is_time: false,
        }
    }

    #[test]
    fn features_are_bound_by_name_and_else_by_place() {
        let mut signature = ModelSignature {
            inputs: vec![tensor("x", &[None, Some(2)])],
            feature_names: vec!["Amount".into(), "age".into()],
            outputs: vec![],
        };
        let table: Value = Entries::new().with("age", "years").into();
        let named = wanted(&signature, Some(&table));
        assert_eq!(
            bound(&named, Some(&table)),
            [None, Some("years".to_string())]
        );
        let columns = [column("amount"), column("years")];
        assert_eq!(
            by_name(&named, &columns),
            [Some("amount".to_string()), None]
        );

        signature.feature_names.clear();
        let list: Value = vec!["a", "b"].into();
        let unnamed = wanted(&signature, Some(&list));
        assert!(unnamed.iter().all(|want| !want.named));
        assert_eq!(
            bound(&unnamed, Some(&list)),
            [Some("a".to_string()), Some("b".to_string())]
        );
        assert_eq!(wanted(&signature, None)[1].name, "feature_2");
    }

    #[test]
    fn a_cast_is_said() {
        let want = Wanted {
            name: "amount".into(),
            named: true,
            element: "FLOAT".into(),
        };
        let known = column("amount");
        let (text, shade) = explained(&want, Some("amount"), Some(&known));
        assert_eq!(
            (text.as_str(), shade),
            ("by name, from STRING", Shade::Cast)
        );
        assert_eq!(explained(&want, None, None).1, Shade::Wrong);
    }
}
