//! Throughput, latency, checkpoints and memory of the running job, over time.

use egui::{Color32, Label, RichText, Stroke, Ui};
use egui_plot::{Bar, BarChart, Corner, Legend, Line, Plot, PlotPoints};
use millstream_serve::api::CheckpointState;

use crate::editor::{Action, Editor};
use crate::theme::{self, Palette};
use crate::work::job::{End, JobView};

/// The narrowest that a chart is worth drawing.
const NARROWEST: f32 = 220.0;

/// Draws one chart, so high.
type Draw = fn(&mut Ui, &JobView, &Palette, f32);

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct Charts {}

impl Charts {
    /// Draws the panel and collects what is done in it.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor, job: &JobView, actions: &mut Vec<Action>) {
        let _ = (editor, actions);
        if job.samples.is_empty() {
            match job.is_running() {
                true => super::empty(ui, "The job begins…", ""),
                false => super::empty(
                    ui,
                    "No job has run",
                    "Throughput, latency, checkpoints and memory are shown while one does",
                ),
            }
            return;
        }
        let palette = theme::palette(ui.ctx());
        let charts: [(&str, Draw); 4] = [
            ("Throughput · rows/s", throughput),
            ("Latency · ms", latency),
            ("Checkpoints · ms", checkpoints),
            ("Memory · MB", memory),
        ];
        let gap = 3.0 * theme::STEP;
        let beside = ((ui.available_width() + gap) / (NARROWEST + gap))
            .floor()
            .clamp(1.0, 4.0);
        let width = (ui.available_width() - (beside - 1.0) * gap) / beside;
        let rows = (charts.len() as f32 / beside).ceil();
        let height = ((ui.available_height() + gap) / rows - gap).max(110.0);
        egui::ScrollArea::vertical()
            .auto_shrink(false)
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing = egui::vec2(gap, gap);
                for row in charts.chunks(beside as usize) {
                    ui.horizontal(|ui| {
                        for (title, draw) in row {
                            ui.allocate_ui(egui::vec2(width, height), |ui| {
                                ui.vertical(|ui| {
                                    ui.set_width(width);
                                    ui.spacing_mut().item_spacing.y = theme::STEP;
                                    let title = RichText::new(*title)
                                        .size(theme::SMALL)
                                        .color(palette.muted);
                                    ui.add(Label::new(title).selectable(false));
                                    let left = height - theme::SMALL - 3.0 * theme::STEP;
                                    draw(ui, job, palette, left);
                                });
                            });
                        }
                    });
                }
            });
    }
}

/// A plot in the style of all.
fn plot<'a>(name: &str, palette: &Palette, height: f32, legend: bool) -> Plot<'a> {
    let plot = Plot::new(name)
        .height(height)
        .allow_scroll(false)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .show_background(false)
        .include_y(0.0)
        .grid_color(palette.line)
        .y_axis_min_width(34.0)
        .set_margin_fraction(egui::vec2(0.0, 0.08))
        .x_axis_formatter(|mark, _| clock(mark.value))
        .y_axis_formatter(|mark, _| short(mark.value));
    match legend {
        true => plot.legend(
            Legend::default()
                .position(Corner::LeftTop)
                .text_style(egui::TextStyle::Small)
                .background_alpha(0.6),
        ),
        false => plot,
    }
}

fn line<'a>(name: impl Into<String>, points: Vec<[f64; 2]>, colour: Color32) -> Line<'a> {
    Line::new(name, PlotPoints::from(points)).stroke(Stroke::new(1.5, colour))
}

fn throughput(ui: &mut Ui, job: &JobView, palette: &Palette, height: f32) {
    let mut names: Vec<(End, String)> = Vec::new();
    for sample in &job.samples {
        for (end, id, _) in &sample.throughput {
            let name = (*end, id.to_string());
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.sort();
    plot("throughput", palette, height, true).show(ui, |plot| {
        for (index, (end, name)) in names.iter().enumerate() {
            let points = job
                .samples
                .iter()
                .filter_map(|sample| {
                    let mut of = sample.throughput.iter();
                    let (_, _, rate) = of.find(|(e, id, _)| e == end && id.as_str() == name)?;
                    Some([sample.at, *rate])
                })
                .collect();
            plot.line(line(
                name.as_str(),
                points,
                series_colour(palette, *end, index),
            ));
        }
    });
}

/// Sources are blue and sinks the accent; a further one of its kind is paler.
fn series_colour(palette: &Palette, end: End, index: usize) -> Color32 {
    let base = match end {
        End::Source => palette.family(millstream_compiler::nodes::Family::Source),
        End::Sink => palette.accent,
    };
    Palette::mix(base, palette.text, (index % 4) as f32 * 0.18)
}

fn latency(ui: &mut Ui, job: &JobView, palette: &Palette, height: f32) {
    let points = |of: fn(&millstream_serve::api::Latency) -> u64| -> Vec<[f64; 2]> {
        job.samples
            .iter()
            .filter_map(|sample| Some([sample.at, of(sample.latency.as_ref()?) as f64 / 1e3]))
            .collect()
    };
    plot("latency", palette, height, true).show(ui, |plot| {
        plot.line(line("p50", points(|l| l.p50_us), palette.ok));
        plot.line(line("p95", points(|l| l.p95_us), palette.warning));
        plot.line(line("p99", points(|l| l.p99_us), palette.error));
    });
}

fn checkpoints(ui: &mut Ui, job: &JobView, palette: &Palette, height: f32) {
    let begun = job.started_at_ms;
    let bars = job
        .checkpoints
        .iter()
        .map(|checkpoint| {
            let at = (checkpoint.triggered_at_ms - begun) as f64 / 1e3;
            let colour = match checkpoint.state {
                CheckpointState::Completed => palette.accent,
                CheckpointState::InProgress => palette.warning,
                CheckpointState::Failed => palette.error,
            };
            let name = format!(
                "checkpoint {}\n{:.1} ms\n{}, {} new",
                checkpoint.id,
                checkpoint.duration_ms,
                bytes(checkpoint.bytes),
                bytes(checkpoint.new_bytes),
            );
            Bar::new(at, checkpoint.duration_ms)
                .name(name)
                .fill(colour)
                .stroke(Stroke::NONE)
        })
        .collect();
    let span = job.samples.last().map_or(1.0, |sample| sample.at).max(1.0);
    let count = job.checkpoints.len().max(1) as f64;
    let width = (span / count * 0.6).min(span / 40.0);
    plot("checkpoints", palette, height, false)
        .include_x(0.0)
        .include_x(span)
        .show(ui, |plot| {
            let chart = BarChart::new("checkpoints", bars)
                .width(width)
                .element_formatter(Box::new(|bar, _| bar.name.clone()));
            plot.bar_chart(chart);
        });
}

fn memory(ui: &mut Ui, job: &JobView, palette: &Palette, height: f32) {
    let mb = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    let state = job.samples.iter().map(|s| [s.at, mb(s.state)]).collect();
    let process = job
        .samples
        .iter()
        .filter_map(|s| Some([s.at, mb(s.memory?)]))
        .collect();
    plot("memory", palette, height, true).show(ui, |plot| {
        plot.line(line("state", state, palette.accent));
        plot.line(line("process", process, palette.muted));
    });
}

/// `2.1 MB`
pub(crate) fn bytes(bytes: u64) -> String {
    let mut number = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if number < 1000.0 {
            return match unit {
                "B" => format!("{number:.0} {unit}"),
                _ => format!("{number:.1} {unit}"),
            };
        }
        number /= 1000.0;
    }
    format!("{number:.1} TB")
}

/// Seconds as `1:05` or `2:00:00`.
fn clock(seconds: f64) -> String {
    if seconds < 0.0 || seconds.fract() != 0.0 {
        return String::new();
    }
    let seconds = seconds as u64;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{rest:02}"),
        _ => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

/// `12.4k`
pub(crate) fn short(number: f64) -> String {
    let size = number.abs();
    let trimmed = |number: f64, unit: &str| {
        let text = format!("{number:.1}");
        format!("{}{unit}", text.trim_end_matches(".0"))
    };
    match size {
        s if s >= 1e9 => trimmed(number / 1e9, "G"),
        s if s >= 1e6 => trimmed(number / 1e6, "M"),
        s if s >= 1e3 => trimmed(number / 1e3, "k"),
        _ => trimmed(number, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_short() {
        assert_eq!(short(12_430.0), "12.4k");
        assert_eq!(short(2e6), "2M");
        assert_eq!(short(0.5), "0.5");
        assert_eq!(clock(65.0), "1:05");
        assert_eq!(clock(7200.0), "2:00:00");
        assert_eq!(clock(0.5), "");
        assert_eq!(bytes(2_100_000), "2.1 MB");
    }
}
