//! Problems: where each is, what to do about it, and the buttons and keys that do it.

mod common;

use common::{Window, bench, click, editor, picture};
use egui::{Key, Modifiers, Vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use millstream_ide::command::UiCommand;
use millstream_ide::editor::{Action, CentreTab, Editor};
use millstream_ide::panels::problems::Problems;

/// An aggregate whose changes a file cannot take, a misspelt column, and a parameter that does
/// nothing.
const PIPELINE: &str = r#"version = 1
name = "shop"

[nodes.orders]
kind = "datagen"
watermark = "ts"
[nodes.orders.schema]
country = "STRING"
amount = "DECIMAL(10, 2)"
ts = "TIMESTAMP(3)"

[nodes.large]
kind = "filter"
condition = "amuont > 100"

[nodes.totals]
kind = "aggregate"
keys = ["country"]
[nodes.totals.aggregates]
total = "SUM(amount)"

[nodes.files]
kind = "file-sink"
path = "out"
format = "csv"

[nodes.daily]
kind = "window"
window = "tumble"
size = "1 day"
slide = "1 h"
time = "ts"
[nodes.daily.aggregates]
n = "COUNT(*)"

[nodes.printed]
kind = "print"

[nodes.days]
kind = "print"

[edges]
e1 = { from = "orders", to = "large" }
e2 = { from = "large", to = "printed" }
e3 = { from = "orders", to = "totals" }
e4 = { from = "totals", to = "files" }
e5 = { from = "orders", to = "daily" }
e6 = { from = "daily", to = "days" }
"#;

fn panel(editor: Editor, theme: egui::Theme) -> common::Stand<Problems> {
    let size = Vec2::new(900.0, 420.0);
    bench(
        editor,
        theme,
        size,
        Problems::default(),
        |ui, panel, editor, actions| panel.ui(ui, editor, actions),
    )
}

fn messages(editor: &Editor) -> Vec<&str> {
    let found = editor.compiled().diagnostics.iter();
    found.map(|found| found.message.as_str()).collect()
}

#[test]
fn each_problem_has_a_button_that_mends_it() {
    let mut harness = panel(editor(PIPELINE), egui::Theme::Dark);
    let before = harness.state().editor.document().clone();
    let wrong = |editor: &Editor| messages(editor).iter().any(|m| m.contains("amuont"));
    assert!(wrong(&harness.state().editor));
    click(
        &mut harness,
        "Fix: Change 'amuont' to 'amount' (large · condition)",
    );
    let now = &harness.state().editor;
    let large = now.pipeline().node("large").unwrap();
    assert_eq!(large.text_at("condition"), Some("amount > 100"));
    assert!(!wrong(now));
    // One step, with its name in the history.
    let label = now.history().labels().last().unwrap().to_string();
    assert_eq!(label, "Change 'amuont' to 'amount'");
    harness
        .state_mut()
        .editor
        .apply(Action::Command(UiCommand::Undo));
    assert_eq!(*harness.state().editor.document(), before);
    let editor = &harness.state().editor;
    // What was found for another state is not offered.
    assert!((0..9).all(|problem| editor.repairs_of(problem).is_empty()));
    harness.run();
    assert!(
        harness
            .query_by_label_contains("Fix: Remove 'slide'")
            .is_some()
    );
}

#[test]
fn a_sink_that_takes_no_updates_gets_what_it_takes() {
    let mut harness = panel(editor(PIPELINE), egui::Theme::Dark);
    let offers: Vec<String> = harness
        .query_all_by_label_contains("(files")
        .filter_map(|node| node.accesskit_node().label())
        .filter(|label| label.starts_with("Fix: "))
        .collect();
    assert!(offers.len() > 1, "{offers:?}");
    let upsert = offers.iter().find(|offer| offer.contains("upsert sink"));
    click(&mut harness, upsert.expect("an upsert sink is offered"));
    let editor = &harness.state().editor;
    let sink = editor.pipeline().node("files").unwrap();
    assert_eq!(sink.kind, "connector-sink");
    assert!(
        editor
            .pipeline()
            .edges()
            .any(|(_, edge)| edge.to.node == "files")
    );
}

#[test]
fn a_problem_leads_to_its_node_and_to_its_place_in_the_script() {
    let mut harness = panel(editor(PIPELINE), egui::Theme::Dark);
    let at = messages(&harness.state().editor)
        .iter()
        .position(|message| message.contains("takes inserts only"))
        .expect("it is found");
    let found = harness.state().editor.compiled().diagnostics[at].clone();
    click(&mut harness, &format!("error in files: {}", found.message));
    let view = &harness.state().editor.view;
    assert_eq!(view.selection.single_node().unwrap().as_str(), "files");
    assert_eq!(view.problem, Some(at));
    click(&mut harness, &format!("Show problem {} in the SQL", at + 1));
    let view = &harness.state().editor.view;
    assert_eq!(view.centre, CentreTab::Sql);
    assert_eq!(
        view.reveal.map(|reveal| Some(reveal.span)),
        Some(found.span)
    );
}

#[test]
fn f8_and_the_quick_fix_walk_through_them_in_a_window() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pipeline.toml");
    std::fs::write(&file, PIPELINE).unwrap();
    let mut window = Window::open(file);
    window.compiled();
    let mut left = window.editor().compiled().diagnostics.len();
    assert!(left >= 3);
    window.wait("repairs", |window| {
        window.editor().ready(UiCommand::QuickFix).is_ok()
    });
    window.press(Modifiers::NONE, Key::F8);
    assert_eq!(window.editor().view.problem, Some(0));
    let mut steps = 0;
    while left > 0 && steps < 10 {
        window.wait("repairs", |window| {
            window.editor().ready(UiCommand::QuickFix).is_ok()
        });
        let before = window.editor().history().labels().len();
        window.press(Modifiers::COMMAND, Key::Period);
        assert_eq!(window.editor().history().labels().len(), before + 1);
        window.compiled();
        let now = window.editor().compiled().diagnostics.len();
        assert!(now <= left, "a fix makes nothing worse");
        left = now;
        steps += 1;
        if window
            .editor()
            .compiled()
            .diagnostics
            .iter()
            .all(|found| !found.is_error())
        {
            break;
        }
    }
    assert!(!window.editor().compiled().has_errors());
}

#[test]
fn pictures() {
    if !common::pictures_wanted() {
        return;
    }
    for (theme, suffix) in [(egui::Theme::Dark, "dark"), (egui::Theme::Light, "light")] {
        let mut harness = panel(editor(PIPELINE), theme);
        harness.state_mut().editor.apply(Action::GoToProblem(1));
        harness.run();
        picture(&mut harness, &format!("problems-{suffix}"));
    }
}
