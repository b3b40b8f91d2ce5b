//! What changed since the file was saved, in the window.

mod common;

use common::{Window, picture};
use egui_kittest::kittest::Queryable as _;
use millstream_compiler::document::Command;
use millstream_ide::command::UiCommand;
use millstream_ide::editor::Action;

fn condition(window: &mut Window, text: &str) {
    window.act(Action::Edit(Command::SetParameter {
        node: common::node_id("suspicious"),
        parameter: "condition".into(),
        value: text.into(),
    }));
}

#[test]
fn changes_are_found_beside_the_frames_in_file_and_script() {
    for (theme, suffix) in [(egui::Theme::Dark, "dark"), (egui::Theme::Light, "light")] {
        let home = tempfile::tempdir().expect("a folder");
        let sample = common::sample("fraud");
        let mut window = Window::at_home(home.path(), Some(sample), theme);
        window.act(Action::Command(UiCommand::ShowDiff));
        window.wait("no differences", |window| {
            window.harness.query_by_label("No differences").is_some()
        });
        condition(&mut window, "score >= 0.8");
        window.wait("the line that came", |window| {
            let line = "+ condition = \"score >= 0.8\"";
            window.harness.query_by_label(line).is_some()
        });
        let gone = window
            .harness
            .query_by_label("- condition = \"score >= 0.5\"");
        assert!(gone.is_some());
        picture(&mut window.harness, &format!("diff-{suffix}"));
        window.click("Compare Flink SQL");
        let line = "+ WHERE score >= 0.8;";
        assert!(window.harness.query_by_label(line).is_some());
        // Back as it was, nothing differs.
        condition(&mut window, "score >= 0.5");
        window.wait("no differences", |window| {
            window.harness.query_by_label("No differences").is_some()
        });
        if !common::pictures_wanted() {
            return;
        }
    }
}
