//! The line at the bottom: the compiler, the job, the file; and what the window is called.

use egui::{Align, Color32, Label, Layout, RichText, Sense, Ui};
use millstream_compiler::diagnostics::Severity;
use millstream_serve::api::CheckpointState;

use crate::editor::{Action, BottomTab, Editor};
use crate::theme;
use crate::work::job::{JobState, JobView};

/// The document's name, with a dot while edits are unsaved.
pub(super) fn document_name(editor: &Editor) -> String {
    let dot = if editor.is_unsaved() { "● " } else { "" };
    format!("{dot}{}", editor.pipeline().name())
}

/// The title of the window.
pub(super) fn window_title(editor: &Editor) -> String {
    format!("{} – Millstream", document_name(editor))
}

/// Draws the line.
pub(super) fn ui(ui: &mut Ui, editor: &Editor, job: &JobView, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 18.0;
        // Before there is a graph to work on, nothing about it is of use.
        let begun = !editor.view.start;
        if begun {
            compiler_items(ui, editor, actions);
        }
        job_items(ui, job, actions);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if begun {
                let saved = match editor.is_unsaved() {
                    true => "unsaved",
                    false => "saved",
                };
                item(ui, saved.into(), palette.muted);
                let zoom = editor.view.camera.zoom * 100.0;
                item(ui, format!("{zoom:.0} %"), palette.faint);
            } else {
                let version = concat!("version ", env!("CARGO_PKG_VERSION"));
                item(ui, version.into(), palette.faint);
            }
        });
    });
}

/// `✓ compiled in 4 ms`, `▲ 1 warning`, `Flink SQL ✓`.
fn compiler_items(ui: &mut Ui, editor: &Editor, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let compiled = editor.compiled();
    let count = |severity| {
        let of = compiled.diagnostics.iter();
        of.filter(|found| found.severity == severity).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let (text, colour) = if compiled.generation < editor.generation() {
        ("compiling…".to_string(), palette.muted)
    } else if errors > 0 {
        (format!("● {}", counted(errors, "error")), palette.error)
    } else {
        let took = compiled.took.as_secs_f64() * 1e3;
        (format!("✓ compiled in {took:.0} ms"), palette.ok)
    };
    if item(ui, text, colour).clicked() {
        actions.push(Action::ShowBottom(BottomTab::Problems));
    }
    if warnings > 0
        && item(
            ui,
            format!("▲ {}", counted(warnings, "warning")),
            palette.warning,
        )
        .clicked()
    {
        actions.push(Action::ShowBottom(BottomTab::Problems));
    }
    let on_flink = compiled
        .flink
        .as_ref()
        .is_some_and(|lowered| !lowered.has_errors());
    if on_flink {
        item(ui, "Flink SQL ✓".into(), palette.muted);
    }
}

/// `RUNNING 00:14:02`, `watermark lag 2.1 s`, `checkpoint 57 ok 340 ms`.
fn job_items(ui: &mut Ui, job: &JobView, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let time = clock(job.running_ms());
    let (text, colour) = match &job.state {
        JobState::None => return,
        JobState::Starting => ("● STARTING".to_string(), palette.warning),
        JobState::Running => (format!("● RUNNING {time}"), palette.ok),
        JobState::Stopping => (format!("● STOPPING {time}"), palette.warning),
        JobState::Finished => (format!("○ FINISHED {time}"), palette.muted),
        JobState::Failed { node, .. } => {
            let place = node
                .as_ref()
                .map_or_else(String::new, |node| format!(" in {node}"));
            (format!("● FAILED{place}"), palette.error)
        }
    };
    let tab = match job.state {
        JobState::Running => BottomTab::Charts,
        _ => BottomTab::Logs,
    };
    if item(ui, text, colour).clicked() {
        actions.push(Action::ShowBottom(tab));
    }
    if let Some(lag) = job.lag_ms.filter(|_| job.is_running()) {
        item(ui, watermark(lag, chrono::Utc::now()), palette.muted);
    }
    if let Some(checkpoint) = job.checkpoints.last() {
        let (word, colour) = match checkpoint.state {
            CheckpointState::Completed => ("ok ", palette.muted),
            CheckpointState::InProgress => ("", palette.muted),
            CheckpointState::Failed => ("failed ", palette.error),
        };
        let text = format!(
            "checkpoint {} {word}{:.0} ms",
            checkpoint.id, checkpoint.duration_ms
        );
        if item(ui, text, colour).clicked() {
            actions.push(Action::ShowBottom(BottomTab::Charts));
        }
    }
}

/// How far the watermark is behind; of events of long ago, which are read again and not awaited, when
/// it is.
fn watermark(lag: i64, now: chrono::DateTime<chrono::Utc>) -> String {
    let replayed = chrono::TimeDelta::try_milliseconds(lag)
        .filter(|lag| lag.num_days() >= 2)
        .and_then(|lag| now.checked_sub_signed(lag));
    match replayed {
        Some(at) => format!("watermark {}", at.format("%Y-%m-%d %H:%M:%S")),
        None => format!("watermark lag {}", span(lag)),
    }
}

/// `00:14:02`
fn clock(millis: u64) -> String {
    let seconds = millis / 1000;
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A span of time in the unit that fits it.
pub(crate) fn span(millis: i64) -> String {
    const UNITS: [(&str, f64, f64); 5] = [
        ("s", 1e3, 120.0),
        ("min", 6e4, 120.0),
        ("h", 3.6e6, 48.0),
        ("days", 8.64e7, 730.0),
        ("years", 8.64e7 * 365.25, f64::INFINITY),
    ];
    let size = millis.unsigned_abs() as f64;
    let sign = if millis < 0 { "−" } else { "" };
    let (unit, length, _) = UNITS
        .into_iter()
        .find(|(_, length, most)| size / length < *most)
        .unwrap_or(UNITS[0]);
    format!("{sign}{:.1} {unit}", size / length)
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

fn item(ui: &mut Ui, text: String, colour: Color32) -> egui::Response {
    let text = RichText::new(text).size(theme::SMALL + 1.0).color(colour);
    ui.add(Label::new(text).selectable(false).sense(Sense::click()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(clock(842_999), "00:14:02");
        assert_eq!(span(2_100), "2.1 s");
        assert_eq!(span(-400), "−0.4 s");
        assert_eq!(span(3 * 3_600_000), "3.0 h");
        assert_eq!(span(28 * 365 * 86_400_000), "28.0 years");
    }

    #[test]
    fn a_replay_tells_its_watermark_instead_of_its_lag() {
        let now = chrono::DateTime::from_timestamp(1_704_275_100, 0).expect("a time");
        let day = 86_400_000;
        assert_eq!(watermark(2_100, now), "watermark lag 2.1 s");
        assert_eq!(watermark(2 * day - 1, now), "watermark lag 48.0 h");
        assert_eq!(watermark(2 * day, now), "watermark 2024-01-01 09:45:00");
        assert!(watermark(i64::MIN, now).starts_with("watermark lag"));
        assert!(watermark(i64::MAX, now).starts_with("watermark lag"));
    }
}
