//! Throughput, latency, checkpoints and memory of the running job, over the time of day.
//!
//! What a series is called and what it is now stands above its chart, where it hides no line; the
//! values of a moment are told under the pointer.

use std::ops::RangeInclusive;

use chrono::{DateTime, Local};
use egui::{Color32, Label, Layout, Rect, RichText, Role, Sense, Stroke, Ui, Vec2, WidgetInfo};
use egui_plot::{
    AxisHints, Bar, BarChart, GridInput, GridMark, HoverPosition, Line, Plot, PlotPoint,
    PlotPoints, PlotResponse, Text,
};
use millstream_serve::api::{Checkpoint, CheckpointState, Latency};

use crate::editor::{Action, Editor};
use crate::theme::{self, Palette};
use crate::work::job::{End, JobView, Sample};

/// The narrowest that a chart is worth drawing.
const NARROWEST: f32 = 260.0;
/// The lowest.
const LOWEST: f32 = 120.0;
const HEADING: f32 = 16.0;
/// As many series are named above a chart.
const NAMED: usize = 4;
/// How far marks of an axis are apart, at least, in points.
const MARKS_X: f64 = 88.0;
const MARKS_Y: f64 = 26.0;
/// egui_plot tells the width of so many points.
const BASE: f64 = 8.0;

/// A line of a chart.
struct Series {
    name: String,
    colour: Color32,
    /// Seconds since the job began, and the value there.
    points: Vec<[f64; 2]>,
}

/// What a value is written as.
type Unit = fn(f64) -> String;

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
        let charts: [fn(&mut Ui, &JobView, &Palette, f32); 4] =
            [throughput, latency, checkpoints, memory];
        let gap = 5.0 * theme::STEP;
        let beside = ((ui.available_width() + gap) / (NARROWEST + gap)).floor();
        // Three and one would leave a hole.
        let beside = match beside.clamp(1.0, 4.0) {
            3.0 => 2.0,
            beside => beside,
        };
        let width = (ui.available_width() - (beside - 1.0) * gap) / beside;
        let rows = (charts.len() as f32 / beside).ceil();
        let height = ((ui.available_height() + gap) / rows - gap).max(LOWEST);
        egui::ScrollArea::vertical()
            .auto_shrink(false)
            .show(ui, |ui| {
                let all = Vec2::new(ui.available_width(), rows * (height + gap) - gap);
                let (all, _) = ui.allocate_exact_size(all, Sense::hover());
                for (index, draw) in charts.iter().enumerate() {
                    let (row, column) = (index / beside as usize, index % beside as usize);
                    let step = Vec2::new(width + gap, height + gap);
                    let corner = all.min + step * Vec2::new(column as f32, row as f32);
                    let cell = Rect::from_min_size(corner, Vec2::new(width, height));
                    let layout = Layout::top_down(egui::Align::Min);
                    let cell = egui::UiBuilder::new().max_rect(cell).layout(layout);
                    let mut ui = ui.new_child(cell);
                    ui.spacing_mut().item_spacing = Vec2::splat(theme::STEP);
                    // The heading is as low as its text.
                    ui.spacing_mut().interact_size.y = HEADING;
                    draw(&mut ui, job, palette, height - HEADING - theme::STEP);
                }
            });
    }
}

/// The title of a chart at the left, what is shown at the right. Gives all of it in words.
fn heading(ui: &mut Ui, palette: &Palette, title: &str, named: &[(Color32, String)]) -> String {
    let small = |text: &str, colour| {
        let text = RichText::new(text).size(theme::SMALL).color(colour);
        Label::new(text).selectable(false)
    };
    ui.horizontal(|ui| {
        ui.set_height(HEADING);
        ui.add(small(title, palette.muted));
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = theme::STEP;
            let left_out = named.len().saturating_sub(NAMED);
            if left_out > 0 {
                ui.add(small(&format!("+{left_out}"), palette.faint));
            }
            for (index, (colour, text)) in named.iter().take(NAMED).enumerate().rev() {
                // What has no room is left out: the pointer tells it.
                let wide = text.chars().count() as f32 * 6.5 + 20.0;
                if ui.available_width() < wide && index > 0 {
                    continue;
                }
                ui.add(small(text, palette.text).truncate());
                let (dot, _) = ui.allocate_exact_size(Vec2::splat(7.0), Sense::hover());
                ui.painter().circle_filled(dot.center(), 3.5, *colour);
                ui.add_space(1.5 * theme::STEP);
            }
        });
    });
    let mut words = title.to_string();
    for (_, text) in named {
        words += ", ";
        words += text;
    }
    words
}

/// A plot in the style of all: clock times below, values with their unit at the left.
fn plot<'a>(name: &str, palette: &Palette, height: f32, begun: i64, unit: Unit) -> Plot<'a> {
    let axis = |axis: AxisHints<'a>| {
        axis.tick_label_font(theme::data_font(theme::SMALL - 1.0))
            .tick_label_color(palette.muted)
            // Marks have the room they need already.
            .label_spacing(egui::Rangef::new(1.0, 2.0))
    };
    let times = move |mark: GridMark, _: &RangeInclusive<f64>| match mark.value < 0.0 {
        true => String::new(),
        false => clock(begun, mark.value, mark.step_size >= 60.0),
    };
    let values = move |mark: GridMark, _: &RangeInclusive<f64>| match mark.value < 0.0 {
        true => String::new(),
        false => unit(mark.value),
    };
    Plot::new(name)
        .height(height)
        .allow_scroll(false)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .show_background(false)
        .include_y(0.0)
        .grid_color(palette.line)
        .cursor_color(palette.faint)
        .show_y(false)
        .set_margin_fraction(egui::vec2(0.01, 0.12))
        .x_grid_spacer(move |input| time_marks(&input, begun))
        .y_grid_spacer(|input| value_marks(&input))
        .custom_x_axes(vec![axis(AxisHints::new_x()).formatter(times)])
        .custom_y_axes(vec![
            axis(AxisHints::new_y())
                .formatter(values)
                .min_thickness(46.0),
        ])
}

/// Draws lines, with what they are now above them and what they were under the pointer.
fn lines(
    ui: &mut Ui,
    palette: &Palette,
    (title, nothing): (&str, &str),
    height: f32,
    (begun, unit): (i64, Unit),
    series: Vec<Series>,
) {
    let named: Vec<(Color32, String)> = series
        .iter()
        .filter_map(|series| {
            let [_, now] = series.points.last()?;
            Some((series.colour, format!("{} {}", series.name, unit(*now))))
        })
        .collect();
    let words = heading(ui, palette, title, &named);
    if series.iter().all(|series| series.points.is_empty()) {
        super::empty(ui, nothing, "");
        return;
    }
    let all: Vec<(String, Vec<[f64; 2]>)> = series
        .iter()
        .map(|series| (series.name.clone(), series.points.clone()))
        .collect();
    let shown = plot(title, palette, height, begun, unit)
        .label_formatter(move |position| moment(&all, position, begun, unit))
        .show(ui, |plot| {
            for one in series {
                let line = Line::new(one.name, PlotPoints::from(one.points));
                plot.line(line.stroke(Stroke::new(1.5, one.colour)));
            }
        });
    name(&shown, words);
}

/// What all lines are at the time under the pointer.
fn moment(
    all: &[(String, Vec<[f64; 2]>)],
    position: &HoverPosition<'_>,
    begun: i64,
    unit: Unit,
) -> Option<String> {
    let at = match position {
        HoverPosition::NearDataPoint { position, .. } | HoverPosition::Elsewhere { position } => {
            position.x
        }
    };
    let nearest = |points: &[[f64; 2]]| -> Option<[f64; 2]> {
        let far = |point: &[f64; 2]| (point[0] - at).abs();
        let closest = |a: &&[f64; 2], b: &&[f64; 2]| far(a).total_cmp(&far(b));
        points.iter().min_by(closest).copied()
    };
    let time = all.iter().find_map(|(_, points)| nearest(points))?[0];
    let mut text = clock(begun, time, false);
    for (name, points) in all {
        if let Some([_, value]) = nearest(points).filter(|point| (point[0] - time).abs() < 1.5) {
            text += &format!("\n{name}  {}", unit(value));
        }
    }
    Some(text)
}

fn name<R>(shown: &PlotResponse<R>, words: String) {
    shown
        .response
        .widget_info(|| WidgetInfo::labeled(Role::Image, true, words.clone()));
}

fn throughput(ui: &mut Ui, job: &JobView, palette: &Palette, height: f32) {
    let mut ends: Vec<(End, String)> = Vec::new();
    for sample in &job.samples {
        for (end, id, _) in &sample.throughput {
            let one = (*end, id.to_string());
            if !ends.contains(&one) {
                ends.push(one);
            }
        }
    }
    ends.sort();
    let series = ends
        .iter()
        .enumerate()
        .map(|(index, (end, name))| {
            let rate = |sample: &Sample| {
                let mut of = sample.throughput.iter();
                let (_, _, rate) = of.find(|(e, id, _)| e == end && id.as_str() == name)?;
                Some([sample.at, *rate])
            };
            Series {
                name: name.clone(),
                colour: series_colour(palette, *end, index),
                points: job.samples.iter().filter_map(rate).collect(),
            }
        })
        .collect();
    let title = ("Throughput", "No row was read yet");
    let unit: Unit = per_second;
    lines(
        ui,
        palette,
        title,
        height,
        (job.started_at_ms, unit),
        series,
    );
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
    let of = |name: &str, colour, value: fn(&Latency) -> u64| Series {
        name: name.to_string(),
        colour,
        points: job
            .samples
            .iter()
            .filter_map(|sample| Some([sample.at, value(sample.latency.as_ref()?) as f64 / 1e6]))
            .collect(),
    };
    let series = vec![
        of("p50", palette.ok, |l| l.p50_us),
        of("p95", palette.warning, |l| l.p95_us),
        of("p99", palette.error, |l| l.p99_us),
    ];
    let title = ("Latency", "No row has reached a sink yet");
    let unit: Unit = seconds;
    lines(
        ui,
        palette,
        title,
        height,
        (job.started_at_ms, unit),
        series,
    );
}

fn memory(ui: &mut Ui, job: &JobView, palette: &Palette, height: f32) {
    let of = |name: &str, colour, value: fn(&Sample) -> Option<u64>| Series {
        name: name.to_string(),
        colour,
        points: job
            .samples
            .iter()
            .filter_map(|sample| Some([sample.at, value(sample)? as f64]))
            .collect(),
    };
    let series = vec![
        of("state", palette.accent, |sample| Some(sample.state)),
        of("process", palette.muted, |sample| sample.memory),
    ];
    let title = ("Memory", "The job has not told yet");
    let unit: Unit = size;
    lines(
        ui,
        palette,
        title,
        height,
        (job.started_at_ms, unit),
        series,
    );
}

fn checkpoints(ui: &mut Ui, job: &JobView, palette: &Palette, height: f32) {
    let begun = job.started_at_ms;
    let place = |checkpoint: &Checkpoint| (checkpoint.triggered_at_ms - begun) as f64 / 1e3;
    let span = job.samples.last().map_or(1.0, |sample| sample.at).max(1.0);
    let count = job.checkpoints.len().max(1) as f64;
    let width = (span / count * 0.6).min(span / 40.0);
    let bars = job
        .checkpoints
        .iter()
        .map(|checkpoint| {
            Bar::new(place(checkpoint), checkpoint.duration_ms / 1e3)
                .width(width)
                .fill(state_colour(palette, checkpoint.state))
                .stroke(Stroke::NONE)
        })
        .collect();
    let all: Vec<(f64, String)> = job
        .checkpoints
        .iter()
        .map(|checkpoint| (place(checkpoint), told(checkpoint, begun)))
        .collect();
    let reach = (span / count / 2.0).max(width);
    let failed = job.checkpoints.iter();
    let failed = failed
        .filter(|checkpoint| checkpoint.state == CheckpointState::Failed)
        .count();
    let mut named = Vec::new();
    if let Some(last) = job.last_checkpoint() {
        let text = format!(
            "{} in {}, {}",
            last.id,
            seconds(last.duration_ms / 1e3),
            bytes(last.bytes)
        );
        named.push((state_colour(palette, last.state), text));
    }
    if failed > 0 {
        let colour = state_colour(palette, CheckpointState::Failed);
        named.push((colour, format!("{failed} failed")));
    }
    let words = heading(ui, palette, "Checkpoints", &named);
    if job.checkpoints.is_empty() {
        super::empty(ui, "None was taken yet", "");
        return;
    }
    let room = ui.available_width() - 60.0;
    // Sizes stand above the bars as long as they do not touch.
    let sizes = room / count as f32 > 58.0;
    let shown = plot("Checkpoints", palette, height, begun, seconds)
        .include_x(0.0)
        .include_x(span)
        .label_formatter(move |position| {
            let (HoverPosition::NearDataPoint { position, .. }
            | HoverPosition::Elsewhere { position }) = position;
            let far = |at: f64| (at - position.x).abs();
            let nearest = all.iter().min_by(|a, b| far(a.0).total_cmp(&far(b.0)))?;
            // Between two bars either is meant, beside all of them none.
            (far(nearest.0) <= reach).then(|| nearest.1.clone())
        })
        .show(ui, |plot| {
            plot.bar_chart(BarChart::new("checkpoints", bars).allow_hover(false));
            if sizes {
                for checkpoint in &job.checkpoints {
                    let at = PlotPoint::new(place(checkpoint), checkpoint.duration_ms / 1e3);
                    let text = match checkpoint.state {
                        CheckpointState::Completed => bytes(checkpoint.bytes),
                        CheckpointState::InProgress => "…".into(),
                        CheckpointState::Failed => "failed".into(),
                    };
                    let text = RichText::new(text)
                        .size(theme::SMALL - 1.0)
                        .color(match checkpoint.state {
                            CheckpointState::Failed => palette.error,
                            _ => palette.muted,
                        });
                    let text = Text::new("size", at, text).anchor(egui::Align2::CENTER_BOTTOM);
                    plot.text(text.allow_hover(false));
                }
            }
        });
    name(&shown, words);
}

fn state_colour(palette: &Palette, state: CheckpointState) -> Color32 {
    match state {
        CheckpointState::Completed => palette.accent,
        CheckpointState::InProgress => palette.warning,
        CheckpointState::Failed => palette.error,
    }
}

/// What there is to say of a checkpoint, line by line.
fn told(checkpoint: &Checkpoint, begun: i64) -> String {
    let at = (checkpoint.triggered_at_ms - begun) as f64 / 1e3;
    let took = seconds(checkpoint.duration_ms / 1e3);
    let mut text = format!("Checkpoint {}, {}", checkpoint.id, clock(begun, at, false));
    text += &match checkpoint.state {
        CheckpointState::Completed => format!("\n{took}"),
        CheckpointState::InProgress => format!("\nin progress for {took}"),
        CheckpointState::Failed => return text + &format!("\nfailed after {took}"),
    };
    let phases = &checkpoint.phases;
    for (name, took) in [
        ("align", phases.align_ms),
        ("write", phases.write_ms),
        ("commit", phases.commit_ms),
    ] {
        if let Some(took) = took {
            text += &format!("\n  {name} {}", seconds(took / 1e3));
        }
    }
    text + &format!(
        "\n{}, {} new",
        bytes(checkpoint.bytes),
        bytes(checkpoint.new_bytes)
    )
}

/// Marks at round times of the clock.
fn time_marks(input: &GridInput, begun: i64) -> Vec<GridMark> {
    const STEPS: [f64; 16] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
        21_600.0, 86_400.0,
    ];
    let least = input.base_step_size / BASE * MARKS_X;
    let step = STEPS.into_iter().find(|step| *step >= least);
    // Zones are away from one another by quarters of an hour.
    let zone = moment_of(begun, 0.0).map_or(0, |time| time.offset().local_minus_utc());
    let offset = (begun as f64 / 1e3 + f64::from(zone)).rem_euclid(86_400.0);
    marks(input.bounds, step.unwrap_or(86_400.0), offset)
}

/// Marks at round values: 1, 2 or 5 of a power of ten.
fn value_marks(input: &GridInput) -> Vec<GridMark> {
    let least = input.base_step_size / BASE * MARKS_Y;
    if !least.is_finite() || least <= 0.0 {
        return vec![];
    }
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|part| part * power);
    let step = step.into_iter().find(|step| *step >= least);
    marks(input.bounds, step.unwrap_or(10.0 * power), 0.0)
}

/// Multiples of a step, counted from where `offset` more is one.
fn marks((from, to): (f64, f64), step: f64, offset: f64) -> Vec<GridMark> {
    let first = ((from + offset) / step).ceil();
    let count = ((to - from) / step).clamp(0.0, 100.0) as usize + 1;
    (0..count)
        .map(|index| (first + index as f64) * step - offset)
        .take_while(|value| *value <= to)
        .map(|value| GridMark {
            value,
            step_size: step,
        })
        .collect()
}

fn moment_of(begun: i64, seconds: f64) -> Option<DateTime<Local>> {
    let at = DateTime::from_timestamp_millis(begun + (seconds * 1e3).round() as i64)?;
    Some(at.with_timezone(&Local))
}

/// The time of day, so many seconds after the job began.
fn clock(begun: i64, seconds: f64, minutes: bool) -> String {
    let form = if minutes { "%H:%M" } else { "%H:%M:%S" };
    moment_of(begun, seconds).map_or_else(String::new, |time| time.format(form).to_string())
}

fn per_second(rows: f64) -> String {
    format!("{}/s", short(rows))
}

/// A span in the unit that fits it: `850 µs`, `2.1 ms`, `1.5 s`.
fn seconds(seconds: f64) -> String {
    match seconds {
        0.0 => "0 s".into(),
        s if s < 1e-3 => format!("{} µs", short(s * 1e6)),
        s if s < 1.0 => format!("{} ms", short(s * 1e3)),
        s if s < 120.0 => format!("{} s", short(s)),
        s => format!("{} min", short(s / 60.0)),
    }
}

fn size(value: f64) -> String {
    bytes(value.max(0.0) as u64)
}

/// `2.1 MB`
pub(crate) fn bytes(bytes: u64) -> String {
    let mut number = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if number < 999.95 {
            return format!("{} {unit}", trimmed(number));
        }
        number /= 1000.0;
    }
    format!("{} TB", trimmed(number))
}

/// `12.4k`
pub(crate) fn short(number: f64) -> String {
    match number.abs() {
        s if s >= 999.95e6 => trimmed(number / 1e9) + "G",
        s if s >= 999.95e3 => trimmed(number / 1e6) + "M",
        s if s >= 999.95 => trimmed(number / 1e3) + "k",
        s if s >= 9.995 || s == 0.0 => trimmed(number),
        _ => {
            let text = format!("{number:.2}");
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
    }
}

/// Three digits, or two where the third is a zero.
fn trimmed(number: f64) -> String {
    if number.abs() >= 99.95 {
        return format!("{number:.0}");
    }
    let text = format!("{number:.1}");
    text.trim_end_matches(".0").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_unit_and_few_digits() {
        assert_eq!(short(12_430.0), "12.4k");
        assert_eq!(short(2e6), "2M");
        assert_eq!(short(0.5), "0.5");
        assert_eq!(short(0.25), "0.25");
        assert_eq!(short(999.96), "1k");
        assert_eq!(per_second(499.7), "500/s");
        assert_eq!(seconds(0.000_85), "850 µs");
        assert_eq!(seconds(0.0021), "2.1 ms");
        assert_eq!(seconds(1.5), "1.5 s");
        assert_eq!(seconds(0.0), "0 s");
        assert_eq!(bytes(2_100_000), "2.1 MB");
        assert_eq!(bytes(40_000_000), "40 MB");
    }

    #[test]
    fn marks_stand_at_round_times_of_the_clock() {
        // Twelve and a half seconds past a full minute, 600 points for a minute.
        let begun = 1_700_000_012_500 - 1_700_000_012_500 % 60_000 + 12_500;
        let input = GridInput {
            bounds: (0.0, 60.0),
            base_step_size: 60.0 / 600.0 * BASE,
        };
        let marks = time_marks(&input, begun);
        let first = &marks[0];
        assert_eq!((first.value, first.step_size), (7.5, 10.0));
        assert_eq!(marks.len(), 6);
        let written = clock(begun, first.value, false);
        assert!(written.ends_with(":20"), "{written}");
    }

    #[test]
    fn marks_stand_at_round_values() {
        let input = GridInput {
            bounds: (-0.1, 3.2),
            base_step_size: 3.3 / 120.0 * BASE,
        };
        let values: Vec<f64> = value_marks(&input).iter().map(|mark| mark.value).collect();
        assert_eq!(values, [0.0, 1.0, 2.0, 3.0]);
        let still = GridInput {
            bounds: (0.0, 0.0),
            base_step_size: 0.0,
        };
        assert!(value_marks(&still).is_empty());
    }
}
