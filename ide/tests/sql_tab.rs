//! The SQL tab: the caret selects nodes, a selected node is shown, the target switches.

use std::path::PathBuf;

use egui::text::{CCursor, CCursorRange};
use egui::{Id, TextEdit};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use millstream_compiler::document::NodeId;
use millstream_compiler::lower::Target;
use millstream_ide::editor::{Action, Editor, Effect, Selection};
use millstream_ide::panels::sql::SqlTab;
use millstream_ide::sql_text;
use millstream_ide::theme;
use millstream_ide::work::compile::Compiled;
use millstream_ide::work::job::JobView;
use millstream_runtime::environment::FileEnvironment;

struct Bench {
    editor: Editor,
    tab: SqlTab,
    effects: Vec<Effect>,
}

fn bench(theme: egui::Theme) -> Harness<'static, Bench> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/fraud"));
    let (mut editor, _) = Editor::open(&folder).expect("the sample opens");
    let compiled = Compiled::of(
        editor.generation(),
        editor.pipeline(),
        &FileEnvironment::new(editor.base_dir()),
    );
    editor.set_compiled(compiled.into());
    let bench = Bench {
        editor,
        tab: SqlTab::default(),
        effects: Vec::new(),
    };
    let job = JobView::default();
    let mut harness = Harness::builder()
        .with_size(egui::vec2(900.0, 600.0))
        .with_theme(theme)
        .with_context_setup(theme::install)
        .build_ui_state(
            move |ui, bench: &mut Bench| {
                let generation = bench.editor.generation();
                if bench.editor.compiled().generation < generation {
                    let base = bench.editor.base_dir();
                    let compiled = Compiled::of(
                        generation,
                        bench.editor.pipeline(),
                        &FileEnvironment::new(base),
                    );
                    bench.editor.set_compiled(compiled.into());
                }
                let palette = theme::palette(ui.ctx());
                let whole = ui.ctx().content_rect();
                ui.painter().rect_filled(whole, 0.0, palette.panel);
                let mut actions = Vec::new();
                egui::Frame::new()
                    .inner_margin(egui::Margin::symmetric(10, 8))
                    .show(ui, |ui| {
                        bench.tab.ui(ui, &bench.editor, &job, &mut actions);
                    });
                for action in actions {
                    let effects = bench.editor.apply(action);
                    bench.effects.extend(effects);
                }
            },
            bench,
        );
    harness.run();
    harness
}

fn script(harness: &Harness<'static, Bench>) -> String {
    let editor = &harness.state().editor;
    editor.compiled().script(editor.view.target).to_string()
}

/// Puts the caret before the first place of a word.
fn put_caret(harness: &mut Harness<'static, Bench>, word: &str) {
    let text = script(harness);
    let at = text.find(word).expect("the script has the word");
    let at = sql_text::character_of(&text, at);
    harness.get_by_label("SQL script").focus();
    harness.run();
    let id = Id::unique("the script");
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
    let reads = harness.state().tab.reads();
    assert_eq!(reads, 1);
    for node in ["quality", "transactions", "alert"] {
        let selection = Selection::node(NodeId::new(node).unwrap());
        harness.state_mut().editor.apply(Action::Select(selection));
        harness.run();
        let now = harness.state().editor.view.selection.single_node().cloned();
        assert_eq!(now.as_ref().map(NodeId::as_str), Some(node));
    }
    // Selecting colours nothing anew.
    assert_eq!(harness.state().tab.reads(), reads);
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
    let Some(folder) = std::env::var_os("MILLSTREAM_SHOTS").map(PathBuf::from) else {
        return;
    };
    for (theme, suffix) in [(egui::Theme::Dark, "dark"), (egui::Theme::Light, "light")] {
        let mut harness = bench(theme);
        let selection = Selection::node(NodeId::new("features").unwrap());
        harness.state_mut().editor.apply(Action::Select(selection));
        harness.run();
        let image = harness.render().expect("an adapter is there");
        image
            .save(folder.join(format!("sql-{suffix}.png")))
            .unwrap();
        harness.get_by_label("Script for Flink").click();
        harness.run();
        harness
            .get_by_label("Differences between the targets")
            .click();
        harness.run();
        let image = harness.render().expect("an adapter is there");
        image
            .save(folder.join(format!("sql-flink-{suffix}.png")))
            .unwrap();
    }
}
