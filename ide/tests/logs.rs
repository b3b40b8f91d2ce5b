//! The log of a job that is made up: what it shows, and where a click leads.

use std::cell::RefCell;
use std::rc::Rc;

use egui::Vec2;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use millstream_compiler::document::{Command, NodeId};
use millstream_ide::editor::{Action, Editor};
use millstream_ide::panels::logs::Logs;
use millstream_ide::theme;
use millstream_ide::work::job::{JobNews, JobState, JobView};

const LINES: [&str; 6] = [
    "job API at http://127.0.0.1:45479 (the token is in state/api.json)",
    "going on from checkpoint 12 (taken at parallelism 1)",
    "2026-11-25T22:15:04Z  WARN sink: alerts: 3 rows came too late",
    "00:00:05  in 65,536 (13,107/s)  out 155  checkpoint 13 (24 ms, 10.6 kB)",
    "error: the job failed: orders/source: in.csv:3, column 'n': not a number",
    "  help: nothing that was committed is lost; run the same command again",
];

fn editor() -> Editor {
    let mut editor = Editor::empty();
    for id in ["orders", "alerts"] {
        editor.apply(Action::Edit(Command::AddNode {
            id: Some(NodeId::new(id).expect("an id")),
            kind: "sql".into(),
            parameters: Default::default(),
            position: None,
        }));
    }
    editor
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
fn lines_are_narrowed_by_what_they_are_and_a_click_goes_to_the_node() {
    let mut job = JobView::default();
    job.hear(JobNews::Log(
        LINES.iter().map(ToString::to_string).collect(),
    ));
    job.state = JobState::Finished;
    let editor = editor();
    let done = Rc::new(RefCell::new(Vec::new()));
    let pushed = Rc::clone(&done);
    let light = Rc::new(RefCell::new(false));
    let is_light = Rc::clone(&light);
    let mut logs = Logs::default();
    let size = Vec2::new(1100.0, 200.0);
    let mut harness = Harness::builder().with_size(size).build_ui(move |ui| {
        if ui.ctx().cumulative_pass_nr() == 0 {
            theme::install(ui.ctx());
        }
        ui.ctx().set_theme(match *is_light.borrow() {
            true => egui::Theme::Light,
            false => egui::Theme::Dark,
        });
        let palette = theme::palette(ui.ctx());
        let all = ui.ctx().content_rect();
        ui.painter().rect_filled(all, 0.0, palette.panel);
        let layout = egui::Layout::right_to_left(egui::Align::Center);
        ui.allocate_ui_with_layout(Vec2::new(1080.0, 28.0), layout, |ui| logs.bar(ui, &job));
        logs.ui(ui, &editor, &job, &mut pushed.borrow_mut());
    });
    let click = |harness: &mut Harness<'_>, name: &str| {
        harness.get_by_label(name).click();
        harness.run_steps(3);
    };
    harness.run_steps(3);
    for line in LINES {
        harness.get_by_label(line);
    }
    harness.get_by_label("6 lines");
    shot(&mut harness, "logs-dark");
    *light.borrow_mut() = true;
    harness.run_steps(3);
    shot(&mut harness, "logs-light");

    click(&mut harness, "Show errors of the log");
    harness.get_by_label("2 of 6 lines");
    assert!(harness.query_by_label(LINES[2]).is_none());
    // What to do about the error is still there.
    harness.get_by_label(LINES[5]);
    click(&mut harness, "Show warnings of the log");
    harness.get_by_label("3 of 6 lines");
    for (line, node) in [(LINES[4], "orders"), (LINES[2], "alerts")] {
        done.borrow_mut().clear();
        click(&mut harness, line);
        let node = NodeId::new(node).expect("an id");
        assert_eq!(*done.borrow(), [Action::GoTo(node)], "{line}");
    }
}
