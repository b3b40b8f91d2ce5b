//! The script, edited: what maps to the graph becomes an edit of the graph, what does not becomes an
//! SQL node, and nothing that was typed is lost.

mod common;

use std::path::Path;

use common::{Window, picture};
use egui::text::{CCursor, CCursorRange};
use egui::{Key, Modifiers, TextEdit};
use egui_kittest::kittest::Queryable as _;
use millstream_compiler::document::{Command, Document, Position};
use millstream_compiler::lower::Target;
use millstream_ide::command::UiCommand;
use millstream_ide::editor::{Action, CentreTab};
use millstream_ide::panels::sql::field_id;
use millstream_ide::sql_text;

const PIPELINE: &str = r#"version = 1
name = "shop"
x-owner = "me"

[nodes.orders]
kind = "datagen"
title = "All orders"
rows-per-second = 10
watermark = "ts"
x-note = "SQL has no words for this"
[nodes.orders.schema]
id = "BIGINT"
amount = "DECIMAL(10, 2)"
ts = "TIMESTAMP(3)"
country = "STRING"

[nodes.large]
kind = "filter"
comment = "Only large ones"
condition = "amount > 100"

[nodes.idle]
kind = "filter"
muted = true
condition = "country = 'CH'"

[nodes.daily]
kind = "window"
size = "1 day"
time = "ts"
keys = ["country"]
[nodes.daily.aggregates]
total = "SUM(amount)"

[nodes.out]
kind = "print"

[edges]
e3 = { from = "orders", to = "large" }
e5 = { from = "large", to = "idle" }
e7 = { from = "idle", to = "daily" }
e9 = { from = "daily", to = "out" }
"#;

fn window_in(folder: &Path) -> Window {
    let file = folder.join("pipeline.toml");
    std::fs::write(&file, PIPELINE).expect("written");
    let mut window = Window::at_home(&folder.join("home"), Some(file), egui::Theme::Dark);
    window.act(Action::Edit(Command::MoveNodes {
        positions: vec![(common::node_id("large"), Position::new(777, 333))],
    }));
    window.compiled();
    window.act(Action::Command(UiCommand::ShowSql));
    window
}

/// The text of the field.
fn text(window: &Window) -> String {
    let editor = window.editor();
    match editor.draft() {
        Some(draft) => draft.text().to_string(),
        None => editor.compiled().script(editor.view.target).to_string(),
    }
}

/// Selects a stretch of the text and types over it.
fn retype(window: &mut Window, old: &str, new: &str) {
    let whole = text(window);
    let at = whole
        .find(old)
        .unwrap_or_else(|| panic!("no {old} in {whole}"));
    let cursor = |byte| CCursor::new(sql_text::character_of(&whole, byte));
    window.harness.get_by_label("SQL script").focus();
    window.harness.run_steps(2);
    let mut state = TextEdit::load_state(&window.harness.ctx, field_id()).unwrap_or_default();
    let range = CCursorRange::two(cursor(at), cursor(at + old.len()));
    state.cursor.set_char_range(Some(range));
    state.store(&window.harness.ctx, field_id());
    window.harness.run_steps(2);
    window.harness.get_by_label("SQL script").type_text(new);
    window.harness.run_steps(4);
}

fn apply(window: &mut Window) {
    window.press(Modifiers::COMMAND, Key::Enter);
    window.wait("applied script", |window| window.editor().draft().is_none());
    window.compiled();
}

fn undo(window: &mut Window) -> Document {
    window.press(Modifiers::COMMAND, Key::Z);
    window.editor().document().clone()
}

#[test]
fn a_changed_condition_changes_the_filter_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window_in(folder.path());
    let before = window.editor().document().clone();
    let steps = window.editor().history().labels().len();
    // Whoever types into the script edits it.
    retype(&mut window, "amount > 100", "amount > 250");
    assert!(window.editor().draft().is_some());
    assert_eq!(*window.editor().document(), before);
    window.wait("what it means", |window| {
        window
            .harness
            .query_by_label_contains("1 node changed")
            .is_some()
    });
    picture(&mut window.harness, "sql-edit-dark");
    apply(&mut window);
    let editor = window.editor();
    let large = editor.pipeline().node("large").unwrap();
    assert_eq!(large.text_at("condition"), Some("amount > 250"));
    assert_eq!(large.comment.as_deref(), Some("Only large ones"));
    let position = editor.document().layout().position("large");
    assert_eq!(position, Some(Position::new(777, 333)));
    assert_eq!(editor.document().layout(), before.layout());
    assert!(editor.pipeline().edges().eq(before.pipeline().edges()));
    for node in ["orders", "idle", "daily", "out"] {
        assert!(
            editor.pipeline().same_node(before.pipeline(), node),
            "{node}"
        );
    }
    assert!(editor.pipeline().to_toml().contains("x-owner"));
    // One step, which undo takes back.
    assert_eq!(editor.history().labels().len(), steps + 1);
    assert_eq!(editor.history().labels().last(), Some("Edit SQL"));
    assert!(text(&window).contains("amount > 250"));
    assert_eq!(undo(&mut window), before);
}

#[test]
fn names_are_completed_where_they_are_typed() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window_in(folder.path());
    let field = |window: &mut Window, text: &str| {
        window.harness.get_by_label("SQL script").type_text(text);
        window.harness.run_steps(4);
    };
    let offered = |window: &Window, what: &str| {
        let offer = format!("Complete {what}");
        window.harness.query_by_label(&offer).is_some()
    };
    // A column of the relation that the statement reads, a word that is typed on, a function.
    retype(&mut window, "amount > 100", "a");
    assert!(!offered(&window, "amount"), "nothing was asked for yet");
    field(&mut window, "m");
    assert!(offered(&window, "amount"));
    assert!(!offered(&window, "total"), "of another statement");
    picture(&mut window.harness, "sql-complete-dark");
    window.press(Modifiers::NONE, Key::Enter);
    assert!(
        text(&window).contains("\nWHERE amount;\n"),
        "{}",
        text(&window)
    );
    assert!(!offered(&window, "amount"));
    field(&mut window, " > AB");
    assert!(offered(&window, "ABS("));
    // Escape closes the list and keeps what was typed.
    window.press(Modifiers::NONE, Key::Escape);
    assert!(!offered(&window, "ABS("));
    assert!(window.editor().draft().is_some());
    field(&mut window, "S");
    assert!(offered(&window, "ABS("));
    window.press(Modifiers::NONE, Key::Tab);
    field(&mut window, "250)");
    assert!(
        text(&window).contains("\nWHERE amount > ABS(250);\n"),
        "{}",
        text(&window)
    );
    // Nothing stands in a text; a relation does where one is read.
    field(&mut window, " AND 'ord");
    assert!(!offered(&window, "orders"));
    field(&mut window, "' <> o");
    field(&mut window, "r");
    assert!(offered(&window, "orders"));
}

#[test]
fn a_statement_of_no_kind_becomes_an_sql_node() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window_in(folder.path());
    let before = window.editor().document().clone();
    window.click("Edit the script");
    let query = "SELECT country, COUNT(*) AS n FROM orders GROUP BY country HAVING COUNT(*) > 3";
    let view = format!("-- Busy\nCREATE TEMPORARY VIEW busy AS\n{query};\n\nEXECUTE STATEMENT SET");
    retype(&mut window, "EXECUTE STATEMENT SET", &view);
    window.click("Apply the script");
    window.wait("applied script", |window| window.editor().draft().is_none());
    let pipeline = window.editor().pipeline();
    let busy = pipeline.node("busy").expect("a node of that name");
    assert_eq!(busy.kind, "sql");
    assert_eq!(busy.title.as_deref(), Some("Busy"));
    let words = |text: &str| {
        text.split_whitespace()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    assert_eq!(words(busy.text_at("query").unwrap()), words(query));
    let fed = pipeline.inputs_of("busy");
    assert_eq!(fed.len(), 1);
    assert_eq!(fed[0].2.from.node, "orders");
    assert_eq!(pipeline.nodes().len(), before.pipeline().nodes().len() + 1);
    let layout = window.editor().document().layout();
    assert!(layout.position("busy").is_some());
    for (id, node) in before.pipeline().nodes() {
        assert_eq!(pipeline.node(id.as_str()), Some(node));
        assert_eq!(
            layout.position(id.as_str()),
            before.layout().position(id.as_str())
        );
    }
    assert_eq!(undo(&mut window), before);
}

#[test]
fn statements_that_go_and_names_that_change() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window_in(folder.path());
    let renamed = text(&window).replace("daily", "by_day");
    let script = text(&window);
    retype(&mut window, &script, &renamed);
    apply(&mut window);
    let editor = window.editor();
    assert!(editor.pipeline().node("daily").is_none());
    assert!(editor.pipeline().node("by_day").is_some());
    let e9 = editor.pipeline().edge("e9").expect("it keeps its edge");
    assert_eq!(e9.from.node, "by_day");

    // Without the sink nothing is left to insert into.
    let script = text(&window);
    let at = script
        .find("CREATE TABLE `out`")
        .or(script.find("CREATE TABLE out"));
    let kept = script[..at.expect("the sink is there")].to_string();
    retype(&mut window, &script, &kept);
    apply(&mut window);
    assert!(window.editor().pipeline().node("out").is_none());
    assert!(window.editor().pipeline().node("by_day").is_some());
}

#[test]
fn what_cannot_be_read_is_said_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window_in(folder.path());
    let before = window.editor().document().clone();
    retype(&mut window, "amount > 100", "amount > > 100");
    let broken = text(&window);
    window.wait("what is wrong", |window| {
        window
            .harness
            .query_by_label_contains("Go to the error in line")
            .is_some()
    });
    picture(&mut window.harness, "sql-edit-error-dark");
    window.press(Modifiers::COMMAND, Key::Enter);
    assert_eq!(*window.editor().document(), before);
    assert_eq!(text(&window), broken);
    // The place is the error's.
    let span = window.editor().view.reveal.expect("a place").span;
    assert!(broken[..span.start].ends_with("amount > "), "{span:?}");
    // It is there after a look at the graph.
    window.act(Action::ShowCentre(CentreTab::Graph));
    window.act(Action::ShowCentre(CentreTab::Sql));
    assert_eq!(text(&window), broken);
    // Leaving asks first.
    window.click("Discard the edits of the script");
    window.click("Keep editing");
    assert_eq!(text(&window), broken);
    retype(&mut window, "amount > > 100", "amount > 101");
    apply(&mut window);
    let large = window.editor().pipeline().node("large").unwrap().clone();
    assert_eq!(large.text_at("condition"), Some("amount > 101"));
}

#[test]
fn a_column_that_is_not_there_is_marked_and_may_be_applied() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window_in(folder.path());
    retype(&mut window, "amount > 100", "amuont > 100");
    window.wait("what it means", |window| {
        let draft = window.editor().draft();
        draft.is_some_and(|draft| draft.checked().is_some())
    });
    let draft = window.editor().draft().unwrap();
    let found = draft.findings().first().expect("it is found");
    let span = found.span.expect("it has a place");
    assert_eq!(&draft.text()[span.range()], "amuont");
    let before = window.editor().document().clone();
    window.press(Modifiers::COMMAND, Key::Enter);
    picture(&mut window.harness, "sql-edit-ask-dark");
    window.click("Keep editing");
    assert_eq!(*window.editor().document(), before);
    window.press(Modifiers::COMMAND, Key::Enter);
    window.click("Apply all the same");
    assert!(window.editor().draft().is_none());
    // No filter would have that column, so it is a node that keeps the text.
    let large = window.editor().pipeline().node("large").unwrap();
    assert_eq!(large.kind, "sql");
    assert!(large.text_at("query").unwrap().contains("amuont > 100"));
    assert_eq!(undo(&mut window), before);
}

#[test]
fn a_graph_that_changed_meanwhile_is_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window_in(folder.path());
    retype(&mut window, "amount > 100", "amount > 250");
    window.act(Action::Edit(Command::SetParameter {
        node: common::node_id("daily"),
        parameter: "size".into(),
        value: "2 days".into(),
    }));
    window.press(Modifiers::COMMAND, Key::Enter);
    window.wait("the question", |window| {
        window
            .harness
            .query_by_label("Apply all the same")
            .is_some()
    });
    let large = window.editor().pipeline().node("large").unwrap();
    assert_eq!(large.text_at("condition"), Some("amount > 100"));
    window.click("Apply all the same");
    let pipeline = window.editor().pipeline();
    let text_of = |node: &str, path| pipeline.node(node).unwrap().text_at(path);
    assert_eq!(text_of("large", "condition"), Some("amount > 250"));
    assert_eq!(text_of("daily", "size"), Some("2 days"));
}

#[test]
fn the_script_for_flink_is_edited_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window_in(folder.path());
    window.act(Action::Command(UiCommand::ToggleTarget));
    assert_eq!(window.editor().view.target, Target::Flink);
    let before = window.editor().document().clone();
    retype(&mut window, "INTERVAL '1' DAY", "INTERVAL '2' DAY");
    apply(&mut window);
    let daily = window.editor().pipeline().node("daily").unwrap();
    assert_eq!(daily.text_at("size"), Some("2 days"));
    assert!(
        window
            .editor()
            .pipeline()
            .same_node(before.pipeline(), "orders")
    );
}

#[test]
fn an_edited_script_survives_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window_in(folder.path());
    retype(&mut window, "amount > 100", "amount > 250");
    let typed = text(&window);
    let home = folder.path().join("home");
    let journal = home.join(format!("journal/{}.journal.json", std::process::id()));
    window.wait("a journal", |_| {
        std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("amount > 250"))
    });
    // As a process leaves it that is gone.
    let left = std::fs::read_to_string(&journal).unwrap();
    let gone = left.replace(
        &format!("\"process\":{}", std::process::id()),
        "\"process\":4194998",
    );
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(other.path().join("journal")).unwrap();
    std::fs::write(other.path().join("journal/4194998.journal.json"), gone).unwrap();
    let mut window = Window::at_home(other.path(), None, egui::Theme::Dark);
    window.click("Recover");
    assert_eq!(text(&window), typed);
    window.compiled();
    window.press(Modifiers::COMMAND, Key::Enter);
    window.wait("applied script", |window| window.editor().draft().is_none());
    let large = window.editor().pipeline().node("large").unwrap();
    assert_eq!(large.text_at("condition"), Some("amount > 250"));
}

#[test]
fn what_is_seen_comes_to_rest() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = window_in(folder.path());
    retype(&mut window, "amount > 100", "amount > 250");
    window.wait("what it means", |window| {
        let draft = window.editor().draft();
        draft.is_some_and(|draft| draft.checked().is_some())
    });
    // The journal is written a moment after the last key.
    let typed = std::time::Instant::now();
    while typed.elapsed() < std::time::Duration::from_millis(600) {
        window.harness.step();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // The caret blinks, slowly; nothing else is drawn again.
    let begun = std::time::Instant::now();
    let mut frames = 0;
    while begun.elapsed() < std::time::Duration::from_millis(400) {
        let output = &window.harness.output().viewport_output;
        let soon = std::time::Duration::from_millis(50);
        if output
            .values()
            .any(|viewport| viewport.repaint_delay < soon)
        {
            frames += 1;
        }
        window.harness.step();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(frames <= 2, "{frames} frames");
}

/// The fraud sample: a model, rolling features, two sinks, a layout with a frame.
#[test]
fn one_word_of_the_sample_changes_one_node_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("fraud");
    std::fs::create_dir_all(&copy).unwrap();
    for file in ["pipeline.toml", "pipeline.layout.toml", "fraud.onnx"] {
        std::fs::copy(common::sample("fraud").join(file), copy.join(file)).unwrap();
    }
    for (target, theme) in [
        (Target::Embedded, egui::Theme::Dark),
        (Target::Flink, egui::Theme::Light),
    ] {
        let home = folder.path().join(format!("{target:?}"));
        let mut window = Window::at_home(&home, Some(copy.clone()), theme);
        window.compiled();
        window.act(Action::Command(UiCommand::ShowSql));
        if target == Target::Flink {
            window.act(Action::Command(UiCommand::ToggleTarget));
        }
        let before = window.editor().document().clone();
        retype(&mut window, "score >= 0.5;", "score >= 0.75;");
        window.wait("what it means", |window| {
            window
                .harness
                .query_by_label_contains("1 node changed")
                .is_some()
        });
        picture(&mut window.harness, &format!("sql-edit-fraud-{target:?}"));
        apply(&mut window);
        let now = window.editor().document();
        assert_eq!(now.layout(), before.layout());
        for (id, _) in before.pipeline().nodes() {
            let same = now.pipeline().same_node(before.pipeline(), id.as_str());
            assert_eq!(same, id.as_str() != "suspicious", "{id}");
        }
        let suspicious = now.pipeline().node("suspicious").unwrap();
        assert_eq!(suspicious.text_at("condition"), Some("score >= 0.75"));
        assert!(now.pipeline().edges().eq(before.pipeline().edges()));
        assert_eq!(undo(&mut window), before);
    }
}
