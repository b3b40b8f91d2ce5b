//! A model tried on some rows of its input: what it was given, what it made of them, how long that
//! took, and which row it could not score.

use egui::{
    Button, Frame, Grid, Label, Rect, RichText, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo,
};

use super::form::Form;
use crate::editor::Action;
use crate::theme::{self, Palette};
use crate::work::dry_run::{ROWS, Trial};
use crate::work::rows::{BARS, Distribution, Row, Statistics, is_number};

/// How many rows the table shows.
const SHOWN: usize = 12;

impl Form<'_> {
    /// The button, and what came out when it was pressed.
    pub(super) fn trial(&mut self, ui: &mut Ui) {
        let palette = theme::palette(ui.ctx());
        let dry_run = self.dry_run;
        let own = dry_run.node.as_ref() == Some(self.id);
        let working = own && dry_run.working;
        ui.horizontal(|ui| {
            let text = RichText::new(format!("Try on {ROWS} rows")).size(theme::SMALL);
            let button = ui
                .add_enabled(!working, Button::new(text))
                .accessible_name(format!("Try {} on {ROWS} rows", self.id))
                .on_hover_text("Scores the first rows of its input, in a process of its own");
            if button.clicked() {
                self.actions.push(Action::TryModel(self.id.clone()));
            }
            let small = |text: &str, colour| RichText::new(text).size(theme::SMALL).color(colour);
            if working {
                ui.label(small("scoring…", palette.muted));
                let cancel = ui
                    .add(Button::new(small("Cancel", palette.muted)).frame(false))
                    .accessible_name(format!("Stop trying {}", self.id));
                if cancel.clicked() {
                    self.actions.push(Action::StopTrying);
                }
            } else if own && dry_run.generation != self.editor.generation() {
                ui.label(small("before the last edit", palette.faint));
            }
        });
        if working {
            self.memory.awaited = Some(self.id.clone());
        }
        let Some(trial) = dry_run.trial.as_ref().filter(|_| own) else {
            return;
        };
        let frame = Frame::new()
            .fill(palette.raised)
            .stroke(egui::Stroke::new(1.0, palette.line))
            .corner_radius(theme::RADIUS_SMALL)
            .inner_margin(egui::Margin::symmetric(10, 8));
        let shown = frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = theme::STEP;
            summary(ui, trial, palette);
            if trial.columns.is_empty() {
                return;
            }
            if trial.fault.is_none() {
                let outputs = trial.columns.iter().zip(&trial.statistics);
                for (column, statistics) in outputs.skip(trial.inputs) {
                    score(ui, &column.name, statistics, palette);
                }
            }
            table(ui, trial, palette);
        });
        // What was waited for is brought into view.
        if !working && self.memory.awaited.as_ref() == Some(self.id) {
            self.memory.awaited = None;
            shown.response.scroll_to_me(None);
        }
    }
}

/// How many rows, and how long each took, or why there are none.
fn summary(ui: &mut Ui, trial: &Trial, palette: &Palette) {
    let small = |text: String, colour| RichText::new(text).size(theme::SMALL).color(colour);
    if let Some(fault) = &trial.fault {
        let text = match fault.row {
            Some(row) => format!("Row {} cannot be scored", row + 1),
            None => "It cannot be tried".to_string(),
        };
        ui.label(small(text, palette.error));
        ui.add(Label::new(small(fault.message.clone(), palette.muted)).wrap());
        return;
    }
    let rows = match trial.rows.len() {
        1 => "1 row".to_string(),
        n => format!("{n} rows"),
    };
    let text = match trial.row_us {
        Some(us) => format!("{rows} scored · {} a row", duration(us)),
        None => format!("{rows} scored"),
    };
    ui.label(small(text, palette.ok));
}

/// Microseconds in a unit that fits.
fn duration(us: f64) -> String {
    match us {
        us if us < 10.0 => format!("{us:.1} µs"),
        us if us < 1_000.0 => format!("{us:.0} µs"),
        us if us < 1e6 => format!("{:.1} ms", us / 1e3),
        us => format!("{:.1} s", us / 1e6),
    }
}

/// One of the model's outputs: its distribution, and its least, mean and greatest value.
fn score(ui: &mut Ui, name: &str, statistics: &Statistics, palette: &Palette) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0 * theme::STEP;
        let size = Vec2::new(BARS as f32 * 6.0, 40.0);
        let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
        let bars: Vec<u32> = match &statistics.distribution {
            Distribution::Bars { counts, .. } => counts.clone(),
            Distribution::Top(top) => top.iter().map(|(_, count)| *count).collect(),
            Distribution::Nothing => Vec::new(),
        };
        paint_bars(ui, rect, &bars, palette);
        response.widget_info(|| {
            WidgetInfo::labeled(Role::Image, true, format!("Distribution of {name}"))
        });
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            let data = |text: String, colour| {
                RichText::new(text)
                    .font(theme::data_font(theme::SMALL))
                    .color(colour)
            };
            ui.add(Label::new(data(name.to_string(), palette.text)).truncate());
            for line in figures(statistics) {
                ui.add(Label::new(data(line, palette.muted)).truncate());
            }
        });
    });
}

/// Least and greatest value, mean and share of NULL; of what are no numbers the most frequent.
fn figures(statistics: &Statistics) -> Vec<String> {
    let mut lines = Vec::new();
    match &statistics.distribution {
        Distribution::Bars {
            least, greatest, ..
        } => lines.push(format!("{} – {}", number(*least), number(*greatest))),
        Distribution::Top(top) => {
            let top = top.iter().take(3);
            let top = top.map(|(text, count)| format!("{text} × {count}"));
            lines.push(top.collect::<Vec<_>>().join(", "));
        }
        Distribution::Nothing => lines.push("no value".to_string()),
    }
    let mean = statistics.mean.map(|mean| format!("mean {}", number(mean)));
    let nulls = match statistics.nulls {
        0.0 => None,
        share => Some(format!("{:.0} % null", share * 100.0)),
    };
    let more: Vec<String> = mean.into_iter().chain(nulls).collect();
    if !more.is_empty() {
        lines.push(more.join(", "));
    }
    lines
}

/// A number with as many digits as a person reads.
fn number(number: f64) -> String {
    let size = number.abs();
    match size {
        0.0 => "0".to_string(),
        s if !(1e-4..1e6).contains(&s) => format!("{number:.2e}"),
        s if s >= 100.0 => format!("{number:.0}"),
        s if s >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    }
}

fn paint_bars(ui: &Ui, rect: Rect, bars: &[u32], palette: &Palette) {
    let most = bars.iter().copied().max().unwrap_or(0).max(1) as f32;
    let width = rect.width() / BARS as f32;
    let colour = Palette::mix(palette.raised, palette.accent, 0.75);
    ui.painter().hline(
        rect.x_range(),
        rect.bottom() - 0.5,
        egui::Stroke::new(1.0, palette.line),
    );
    for (index, count) in bars.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = (*count as f32 / most * (rect.height() - 1.0)).max(1.5);
        let left = rect.left() + index as f32 * width;
        let bar = Rect::from_min_max(
            egui::pos2(left, rect.bottom() - 1.0 - height),
            egui::pos2(left + width - 2.0, rect.bottom() - 1.0),
        );
        ui.painter().rect_filled(bar, 1.0, colour);
    }
}

/// The rows: what comes out stands first, since there is little room.
fn table(ui: &mut Ui, trial: &Trial, palette: &Palette) {
    let order: Vec<usize> = (trial.inputs..trial.columns.len())
        .chain(0..trial.inputs)
        .collect();
    let fault = trial.fault.as_ref().and_then(|fault| fault.row);
    let some_null = trial.statistics.iter().any(|of| of.nulls > 0.0);
    // A row that cannot be scored is among those that are shown.
    let first = fault.map_or(0, |row| row.saturating_sub(SHOWN / 2));
    let rows = trial.rows.iter().enumerate().skip(first).take(SHOWN);
    let data = |text: &str, colour| {
        RichText::new(text)
            .font(theme::data_font(theme::SMALL))
            .color(colour)
    };
    ScrollArea::horizontal()
        .id_salt("rows of the trial")
        .show(ui, |ui| {
            Grid::new("trial")
                .spacing(Vec2::new(3.0 * theme::STEP, theme::STEP / 2.0))
                .min_row_height(0.0)
                .show(ui, |ui| {
                    ui.label(data("", palette.faint));
                    for at in &order {
                        let (column, statistics) = (&trial.columns[*at], &trial.statistics[*at]);
                        let colour = match *at >= trial.inputs {
                            true => palette.accent,
                            false => palette.muted,
                        };
                        ui.vertical(|ui| {
                            ui.spacing_mut().item_spacing.y = 0.0;
                            ui.add(Label::new(data(&column.name, colour)).extend());
                            if some_null {
                                let nulls = match statistics.nulls {
                                    0.0 => String::new(),
                                    share => format!("{:.0} % null", share * 100.0),
                                };
                                ui.add(Label::new(data(&nulls, palette.warning)).extend());
                            }
                        });
                    }
                    ui.end_row();
                    for (number, row) in rows {
                        let wrong = fault == Some(number);
                        line(ui, trial, &order, number, row, wrong, palette);
                    }
                });
        });
}

fn line(
    ui: &mut Ui,
    trial: &Trial,
    order: &[usize],
    number: usize,
    row: &Row,
    wrong: bool,
    palette: &Palette,
) {
    let data = |text: &str, colour| {
        RichText::new(text)
            .font(theme::data_font(theme::SMALL))
            .color(colour)
    };
    let colour = if wrong { palette.error } else { palette.faint };
    ui.label(data(&(number + 1).to_string(), colour));
    for at in order {
        let colour = match (wrong, *at >= trial.inputs) {
            (true, _) => palette.error,
            (false, true) => palette.text,
            (false, false) => palette.muted,
        };
        let label = match row.cells.get(*at) {
            Some(Some(text)) if is_number(&trial.columns[*at].ty) => data(&short(text), colour),
            Some(Some(text)) => data(text, colour),
            _ => data("NULL", palette.warning),
        };
        ui.add(Label::new(label).extend());
    }
    ui.end_row();
}

/// A number of a cell without digits that nobody reads.
fn short(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(value) if text.len() > 9 && value.is_finite() => number(value),
        _ => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(duration(3.21), "3.2 µs");
        assert_eq!(duration(1_800.0), "1.8 ms");
        assert_eq!(number(0.0), "0");
        assert_eq!(number(0.012345), "0.0123");
        assert_eq!(number(86_400.0), "86400");
        assert_eq!(number(0.000_001_5), "1.50e-6");
        assert_eq!(short("0.012345678901"), "0.0123");
        assert_eq!(short("184.20"), "184.20");
        assert_eq!(short("a long enough text"), "a long enough text");
    }
}
