//! The charts of a job that is made up, by what they are called.

use egui::Vec2;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use millstream_compiler::document::NodeId;
use millstream_ide::editor::Editor;
use millstream_ide::panels::charts::Charts;
use millstream_ide::theme;
use millstream_ide::work::job::{End, JobState, JobView, Sample};
use millstream_serve::api::{Checkpoint, CheckpointState, Latency, Phases, Trigger};

fn id(node: &str) -> NodeId {
    NodeId::new(node).expect("an id")
}

/// Two minutes of a job: a slow start, a dip in the middle, a checkpoint every ten seconds of which
/// two failed.
fn job() -> JobView {
    let samples = (0..120)
        .map(|second| {
            let at = f64::from(second);
            let wave = 1.0 + 0.06 * (at / 5.0).sin();
            let dip = if (58..66).contains(&second) {
                0.35
            } else {
                1.0
            };
            let rate = 12_400.0 * (at / 8.0).min(1.0) * wave * dip;
            let p50 = (1_400.0 / dip * wave) as u64;
            Sample {
                at,
                throughput: vec![
                    (End::Source, id("card_events"), rate),
                    (End::Sink, id("alerts"), rate * 0.07),
                ],
                latency: Some(Latency {
                    rows: 100,
                    p50_us: p50,
                    p95_us: p50 * 2,
                    p99_us: p50 * 3 + 500 * u64::from(second % 7 == 0),
                    max_us: p50 * 5,
                }),
                state: 1_000_000 + second as u64 * 260_000,
                memory: Some(135_000_000 + second as u64 * 400_000),
            }
        })
        .collect();
    let checkpoints = (1..12)
        .map(|number| {
            let failed = number == 5 || number == 8;
            Checkpoint {
                id: number,
                state: if failed {
                    CheckpointState::Failed
                } else {
                    CheckpointState::Completed
                },
                trigger: Trigger::Interval,
                triggered_at_ms: 1_795_640_270_172 + number as i64 * 10_000,
                duration_ms: 40.0 + 9.0 * number as f64 + if failed { 180.0 } else { 0.0 },
                phases: Phases {
                    align_ms: Some(12.0),
                    hold_ms: Some(3.0),
                    write_ms: Some(25.0),
                    commit_ms: Some(0.5),
                },
                bytes: 180_000 * number,
                new_bytes: 90_000,
                savepoint: None,
            }
        })
        .collect();
    JobView {
        state: JobState::Running,
        started_at_ms: 1_795_640_270_172,
        samples,
        checkpoints,
        ..JobView::default()
    }
}

fn harness(job: JobView, size: Vec2, theme_of: egui::Theme) -> Harness<'static> {
    let editor = Editor::empty();
    let mut charts = Charts::default();
    let mut harness = Harness::builder().with_size(size).build_ui(move |ui| {
        if ui.ctx().cumulative_pass_nr() == 0 {
            theme::install(ui.ctx());
        }
        ui.ctx().set_theme(theme_of);
        let palette = theme::palette(ui.ctx());
        let all = ui.ctx().content_rect();
        ui.painter().rect_filled(all, 0.0, palette.panel);
        charts.ui(ui, &editor, &job, &mut Vec::new());
    });
    harness.run_steps(3);
    harness
}

fn shot(harness: &mut Harness<'_>, name: &str) {
    let Some(folder) = std::env::var_os("MILLSTREAM_SHOTS") else {
        return;
    };
    let file = std::path::Path::new(&folder).join(format!("{name}.png"));
    let image = harness.render().expect("a picture");
    image.save(file).expect("written");
}

#[test]
fn every_chart_says_what_it_shows_and_in_which_unit() {
    for (theme_of, name) in [(egui::Theme::Dark, "dark"), (egui::Theme::Light, "light")] {
        let mut harness = harness(job(), Vec2::new(1500.0, 190.0), theme_of);
        for (chart, says) in [
            ("Throughput", vec!["card_events 11.7k/s", "alerts 817/s"]),
            ("Latency", vec!["p50 1.32 ms", "p99 4.45 ms"]),
            ("Checkpoints", vec!["11 in 139 ms, 2 MB", "2 failed"]),
            ("Memory", vec!["state 31.9 MB", "process 183 MB"]),
        ] {
            let name = format!("{chart}, ");
            let node = harness.get_by_label_contains(&name);
            let label = node.accesskit_node().label().unwrap_or_default();
            for part in says {
                assert!(label.contains(part), "{label} lacks {part}");
            }
        }
        shot(&mut harness, &format!("charts-{name}"));
        // Under the pointer stands what was at that time.
        let place = harness
            .get_by_label_contains("Throughput, ")
            .rect()
            .center();
        harness.hover_at(place);
        harness.run_steps(3);
        shot(&mut harness, &format!("charts-hover-{name}"));
        let bar = harness.get_by_label_contains("Checkpoints, ").rect();
        harness.hover_at(bar.lerp_inside(Vec2::new(0.42, 0.75)));
        harness.run_steps(3);
        shot(&mut harness, &format!("charts-bar-{name}"));
    }
}

#[test]
fn charts_stand_below_one_another_where_there_is_little_room() {
    let mut harness = harness(job(), Vec2::new(620.0, 400.0), egui::Theme::Dark);
    let rect = |harness: &Harness<'_>, chart: &str| {
        let name = format!("{chart}, ");
        harness.get_by_label_contains(&name).rect()
    };
    assert!(rect(&harness, "Throughput").bottom() < rect(&harness, "Checkpoints").top());
    assert!(rect(&harness, "Throughput").right() < rect(&harness, "Latency").left());
    shot(&mut harness, "charts-narrow-dark");
}

#[test]
fn without_a_checkpoint_or_a_row_at_a_sink_nothing_is_made_up() {
    let mut job = job();
    job.checkpoints.clear();
    for sample in &mut job.samples {
        sample.latency = None;
    }
    let mut harness = harness(job, Vec2::new(1500.0, 190.0), egui::Theme::Dark);
    harness.get_by_label("None was taken yet");
    harness.get_by_label("No row has reached a sink yet");
    shot(&mut harness, "charts-few-dark");
}
