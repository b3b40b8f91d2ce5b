//! The SQL tab: the caret selects nodes, a selected node is shown, the target switches.

mod common;

use common::{click, fraud, picture, pictures_wanted, select};
use egui::text::{CCursor, CCursorRange};
use egui::{TextEdit, Vec2};
use egui_kittest::kittest::Queryable as _;
use millstream_compiler::document::NodeId;
use millstream_compiler::lower::Target;
use millstream_ide::editor::Effect;
use millstream_ide::panels::sql::{SqlTab, field_id};
use millstream_ide::sql_text;
use millstream_ide::work::job::JobView;

type Stand = common::Stand<SqlTab>;

fn bench(theme: egui::Theme) -> Stand {
    let job = JobView::default();
    let size = Vec2::new(900.0, 600.0);
    common::bench(
        fraud(),
        theme,
        size,
        SqlTab::default(),
        move |ui, tab, editor, actions| {
            tab.ui(ui, editor, &job, actions);
        },
    )
}

fn script(harness: &Stand) -> String {
    let editor = &harness.state().editor;
    editor.compiled().script(editor.view.target).to_string()
}

/// Puts the caret before the first place of a word.
fn put_caret(harness: &mut Stand, word: &str) {
    let text = script(harness);
    let at = text.find(word).expect("the script has the word");
    let at = sql_text::character_of(&text, at);
    harness.get_by_label("SQL script").focus();
    harness.run();
    let id = field_id();
    let mut state = TextEdit::load_state(&harness.ctx, id).unwrap_or_default();
    state
        .cursor
        .set_char_range(Some(CCursorRange::one(CCursor::new(at))));
    state.store(&harness.ctx, id);
    harness.run();
}

#[test]
fn the_caret_selects_the_node() {
    let mut harness = bench(egui::Theme::Dark);
    for (word, node) in [
        ("CREATE TEMPORARY VIEW features", "features"),
        ("-- Suspicious", "suspicious"),
        ("previous_ts", "previous"),
    ] {
        put_caret(&mut harness, word);
        let selected = harness.state().editor.view.selection.single_node().cloned();
        assert_eq!(selected.as_ref().map(NodeId::as_str), Some(node), "{word}");
    }
}

#[test]
fn arrow_keys_walk_the_nodes() {
    let mut harness = bench(egui::Theme::Dark);
    put_caret(&mut harness, "CREATE TEMPORARY VIEW features");
    for _ in 0..12 {
        harness.key_press(egui::Key::ArrowDown);
        harness.run();
    }
    let selected = harness.state().editor.view.selection.single_node().cloned();
    assert_ne!(selected.as_ref().map(NodeId::as_str), Some("features"));
    assert!(selected.is_some());
}

#[test]
fn a_selected_node_does_not_move_the_caret_and_is_read_once() {
    let mut harness = bench(egui::Theme::Dark);
    let reads = harness.state().panel.reads();
    assert_eq!(reads, 1);
    for node in ["quality", "transactions", "alert"] {
        select(&mut harness, &[node]);
        let now = harness.state().editor.view.selection.single_node().cloned();
        assert_eq!(now.as_ref().map(NodeId::as_str), Some(node));
    }
    // Selecting colours nothing anew.
    assert_eq!(harness.state().panel.reads(), reads);
}

#[test]
fn the_target_is_switched_and_the_differences_are_listed() {
    let mut harness = bench(egui::Theme::Dark);
    let here = script(&harness);
    harness.get_by_label("Script for Flink").click();
    harness.run();
    assert_eq!(harness.state().editor.view.target, Target::Flink);
    let there = script(&harness);
    assert_ne!(here, there);
    harness
        .get_by_label("Differences between the targets")
        .click();
    harness.run();
    harness
        .get_by_label("Go to transactions in the script")
        .click();
    harness.run();
    let selected = harness.state().editor.view.selection.single_node().cloned();
    assert_eq!(selected.as_ref().map(NodeId::as_str), Some("transactions"));
    harness.get_by_label("Copy the script").click();
    harness.run();
    assert_eq!(harness.state().effects, [Effect::CopyText(there)]);
}

/// Writes pictures to look at, if a folder for them is named.
#[test]
fn pictures() {
    if !pictures_wanted() {
        return;
    }
    for (theme, suffix) in [(egui::Theme::Dark, "dark"), (egui::Theme::Light, "light")] {
        let mut harness = bench(theme);
        select(&mut harness, &["features"]);
        picture(&mut harness, &format!("sql-{suffix}"));
        click(&mut harness, "Script for Flink");
        click(&mut harness, "Differences between the targets");
        picture(&mut harness, &format!("sql-flink-{suffix}"));
    }
}
