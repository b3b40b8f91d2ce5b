//! The inspector, driven by accessible names: every shape of parameter once through its widget,
//! errors with their fix, completion by keyboard.

use std::path::PathBuf;

use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use millstream_compiler::document::{Document, Entries, Layout, NodeId, Pipeline, Value};
use millstream_ide::command::UiCommand;
use millstream_ide::editor::{Action, Editor, Effect, Selection};
use millstream_ide::panels::inspector::Inspector;
use millstream_ide::shell::{Options, Shell};
use millstream_ide::theme;
use millstream_ide::work::compile::Compiled;
use millstream_ide::work::dialogs::ScriptedDialogs;
use millstream_ide::work::job::JobView;
use millstream_runtime::environment::FileEnvironment;

/// The panel with an editor behind it, which is compiled after every change.
struct Bench {
    editor: Editor,
    inspector: Inspector,
    effects: Vec<Effect>,
}

impl Bench {
    fn compile(&mut self) {
        let generation = self.editor.generation();
        if self.editor.compiled().generation < generation {
            let base = self.editor.base_dir();
            let compiled = Compiled::of(
                generation,
                self.editor.pipeline(),
                &FileEnvironment::new(base),
            );
            self.editor.set_compiled(compiled.into());
        }
    }
}

const PIPELINE: &str = r#"
version = 1
name = "shop"

[nodes.orders]
kind = "datagen"
rows-per-second = 10
watermark = "ts"
[nodes.orders.schema]
id = "BIGINT"
amount = "DECIMAL(10, 2)"
ts = "TIMESTAMP(3)"
country = "STRING"

[nodes.daily]
kind = "window"
window = "hop"
size = "1 day"
slide = "1 h"
time = "ts"
keys = ["country"]
[nodes.daily.aggregates]
total = "SUM(amount)"

[nodes.large]
kind = "filter"
condition = "amount > 100"

[nodes.better]
kind = "derive"
[nodes.better.columns]
double = "amount * 2"

[nodes.few]
kind = "select"
columns = ["id", "amount"]

[nodes.query]
kind = "sql"
query = "SELECT * FROM orders"

[nodes.files]
kind = "file-source"
path = "data/a.csv"
format = "csv"
[nodes.files.schema]
a = "INT"

[nodes.cards]
kind = "generator"
generator = "card-transactions"

[nodes.out]
kind = "print"

[edges]
e1 = { from = "orders", to = "daily" }
e2 = { from = "orders", to = "large" }
e3 = { from = "large", to = "better" }
e4 = { from = "orders", to = "few" }
e5 = { from = "orders", to = "query" }
e6 = { from = "daily", to = "out" }
"#;

fn editor(text: &str) -> Editor {
    let loaded = Pipeline::from_toml(text).expect("the pipeline is right");
    Editor::new(Document::new(loaded.pipeline, Layout::default()), None)
}

fn bench(editor: Editor, theme: egui::Theme) -> Harness<'static, Bench> {
    let mut bench = Bench {
        editor,
        inspector: Inspector::default(),
        effects: Vec::new(),
    };
    bench.compile();
    let job = JobView::default();
    let mut harness = Harness::builder()
        .with_size(egui::vec2(324.0, 1100.0))
        .with_theme(theme)
        .with_context_setup(theme::install)
        .build_ui_state(
            move |ui, bench: &mut Bench| {
                bench.compile();
                let palette = theme::palette(ui.ctx());
                let whole = ui.ctx().content_rect();
                ui.painter().rect_filled(whole, 0.0, palette.panel);
                let mut actions = Vec::new();
                egui::Frame::new()
                    .inner_margin(egui::Margin::symmetric(12, 10))
                    .show(ui, |ui| {
                        bench.inspector.ui(ui, &bench.editor, &job, &mut actions);
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

fn open(node: &str) -> Harness<'static, Bench> {
    let mut harness = bench(editor(PIPELINE), egui::Theme::Dark);
    select(&mut harness, &[node]);
    harness
}

fn select(harness: &mut Harness<'static, Bench>, nodes: &[&str]) {
    let ids = nodes.iter().map(|node| NodeId::new(*node).unwrap());
    let selection = Selection::nodes(ids);
    harness.state_mut().editor.apply(Action::Select(selection));
    harness.run();
}

fn value(harness: &Harness<'static, Bench>, node: &str, parameter: &str) -> Option<Value> {
    let pipeline = harness.state().editor.pipeline();
    let node = pipeline.node(node).expect("the node is there");
    node.parameters.get(parameter).cloned()
}

/// Replaces what stands in a field.
fn fill(harness: &mut Harness<'static, Bench>, field: &str, text: &str) {
    harness.get_by_label(field).focus();
    harness.run();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run();
    if text.is_empty() {
        harness.key_press(Key::Delete);
    } else {
        harness.get_by_label(field).type_text(text);
    }
    harness.run();
}

fn click(harness: &mut Harness<'static, Bench>, name: &str) {
    harness.get_by_label(name).click();
    harness.run();
}

fn entries<const N: usize>(list: [(&str, &str); N]) -> Option<Value> {
    Some(Value::Table(list.into_iter().collect::<Entries>()))
}

#[test]
fn durations_and_numbers_are_typed_and_reset() {
    let mut harness = open("daily");
    fill(&mut harness, "Size of daily", "2 days");
    assert_eq!(value(&harness, "daily", "size"), Some("2 days".into()));
    fill(&mut harness, "Size of daily", "2 dax");
    assert_eq!(value(&harness, "daily", "size"), Some("2 dax".into()));
    assert!(harness.query_by_label_contains("no duration").is_some());

    select(&mut harness, &["orders"]);
    fill(&mut harness, "Rows a second of orders", "250");
    assert_eq!(
        value(&harness, "orders", "rows-per-second"),
        Some(Value::Integer(250))
    );
    fill(&mut harness, "Rows a second of orders", "25x");
    assert_eq!(
        value(&harness, "orders", "rows-per-second"),
        Some("25x".into())
    );
    assert!(
        harness
            .query_by_label_contains("must be a whole number")
            .is_some()
    );
    click(&mut harness, "Reset Rows a second of orders");
    assert_eq!(value(&harness, "orders", "rows-per-second"), None);

    select(&mut harness, &["cards"]);
    fill(&mut harness, "Share of fraud of cards", "0.1");
    assert_eq!(
        value(&harness, "cards", "fraud-rate"),
        Some(Value::Number(0.1))
    );
    if harness.query_by_label("Start of cards").is_none() {
        click(&mut harness, "More parameters of cards");
    }
    fill(&mut harness, "Start of cards", "2024-02-30");
    assert!(harness.query_by_label_contains("no timestamp").is_some());
    fill(&mut harness, "Start of cards", "2024-02-29 12:00:00");
    assert_eq!(
        value(&harness, "cards", "start-time"),
        Some("2024-02-29 12:00:00".into())
    );
}

#[test]
fn typing_is_one_step_to_undo() {
    let mut harness = open("daily");
    let before = harness.state().editor.document().clone();
    harness.get_by_label("Size of daily").focus();
    harness.run();
    for letter in ["s", "e", "c"] {
        harness.get_by_label("Size of daily").type_text(letter);
        harness.run();
    }
    let typed = value(&harness, "daily", "size");
    assert_eq!(typed, Some("1 daysec".into()));
    harness
        .state_mut()
        .editor
        .apply(Action::Command(UiCommand::Undo));
    assert_eq!(*harness.state().editor.document(), before);
    assert!(!harness.state().editor.history().can_undo());
}

#[test]
fn choices_hide_what_would_do_nothing() {
    let mut harness = open("daily");
    assert!(harness.query_by_label("Slide of daily").is_some());
    assert!(harness.query_by_label("Step of daily").is_none());
    click(&mut harness, "Cumulating as Window of daily");
    assert_eq!(value(&harness, "daily", "window"), Some("cumulate".into()));
    assert!(harness.query_by_label("Step of daily").is_some());
    // What is set stays to be seen, with a word about it.
    assert!(harness.query_by_label("Slide of daily").is_some());
    assert!(
        harness
            .query_by_label_contains("'slide' does nothing")
            .is_some()
    );
    click(&mut harness, "Tumbling as Window of daily");
    assert!(
        harness
            .query_by_label_contains("'slide' does nothing")
            .is_some()
    );
    click(&mut harness, "Reset Slide of daily");
    assert!(harness.query_by_label("Slide of daily").is_none());
}

#[test]
fn columns_are_picked_added_moved_and_removed() {
    let mut harness = open("daily");
    click(&mut harness, "Time of daily");
    click(&mut harness, "Take id for Time of daily");
    assert_eq!(value(&harness, "daily", "time"), Some("id".into()));
    click(&mut harness, "Time of daily");
    harness
        .get_by_label("Search columns for Time of daily")
        .type_text("ts");
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(value(&harness, "daily", "time"), Some("ts".into()));

    click(&mut harness, "Add to Keys of daily");
    click(&mut harness, "Take id for Keys of daily");
    let list = |names: &[&str]| Some(Value::List(names.iter().map(|n| (*n).into()).collect()));
    assert_eq!(value(&harness, "daily", "keys"), list(&["country", "id"]));
    harness.get_by_label("id in Keys of daily").focus();
    harness.run();
    harness.key_press_modifiers(Modifiers::ALT, Key::ArrowLeft);
    harness.run();
    assert_eq!(value(&harness, "daily", "keys"), list(&["id", "country"]));
    click(&mut harness, "Remove country from Keys of daily");
    assert_eq!(value(&harness, "daily", "keys"), list(&["id"]));
    click(&mut harness, "Remove id from Keys of daily");
    assert_eq!(value(&harness, "daily", "keys"), None);
}

#[test]
fn a_wrong_column_is_said_and_fixed() {
    let mut harness = open("large");
    fill(&mut harness, "Condition of large", "amuont > 100");
    harness.key_press(Key::Escape);
    harness.run();
    assert!(
        harness
            .query_by_label_contains("no column 'amuont'")
            .is_some()
    );
    click(&mut harness, "Fix condition of large");
    assert_eq!(
        value(&harness, "large", "condition"),
        Some("amount > 100".into())
    );
    assert!(harness.query_by_label_contains("no column").is_none());

    select(&mut harness, &["daily"]);
    fill(&mut harness, "total in Aggregates of daily", "MAX(amout)");
    harness.key_press(Key::Escape);
    harness.run();
    click(&mut harness, "Fix aggregates.total of daily");
    assert_eq!(
        value(&harness, "daily", "aggregates"),
        entries([("total", "MAX(amount)")])
    );
}

#[test]
fn completion_by_keyboard() {
    let mut harness = open("daily");
    fill(&mut harness, "total in Aggregates of daily", "ma");
    assert!(harness.query_by_label("Complete MAX(").is_some());
    harness.key_press(Key::Tab);
    harness.run();
    let field = "total in Aggregates of daily";
    harness.get_by_label(field).type_text("am");
    harness.run();
    assert!(harness.query_by_label("Complete amount").is_some());
    harness.key_press(Key::Enter);
    harness.run();
    harness.get_by_label(field).type_text(")");
    harness.run();
    assert_eq!(
        value(&harness, "daily", "aggregates"),
        entries([("total", "MAX(amount)")])
    );
    // Arrows choose, Escape closes and leaves the text.
    fill(&mut harness, field, "c");
    let first = harness.query_by_label("Complete country").is_some();
    assert!(first);
    harness.key_press(Key::ArrowDown);
    harness.run();
    harness.key_press(Key::Escape);
    harness.run();
    assert!(harness.query_by_label("Complete country").is_none());
    assert_eq!(
        value(&harness, "daily", "aggregates"),
        entries([("total", "c")])
    );
    assert!(harness.get_by_label(field).is_focused());
}

#[test]
fn rows_are_added_named_moved_and_removed() {
    let mut harness = open("daily");
    click(&mut harness, "Add to Aggregates of daily");
    assert_eq!(
        value(&harness, "daily", "aggregates"),
        entries([("total", "SUM(amount)"), ("total_2", "")])
    );
    // The new row has the keyboard.
    assert!(
        harness
            .get_by_label("total_2 in Aggregates of daily")
            .is_focused()
    );
    fill(&mut harness, "total_2 in Aggregates of daily", "COUNT(*)");
    harness.key_press(Key::Escape);
    harness.run();
    fill(&mut harness, "Name 2 in Aggregates of daily", "n");
    let both = entries([("total", "SUM(amount)"), ("n", "COUNT(*)")]);
    assert_eq!(value(&harness, "daily", "aggregates"), both);
    // A name that is taken is said and not written.
    fill(&mut harness, "Name 2 in Aggregates of daily", "total");
    assert!(harness.query_by_label("'total' is there already").is_some());
    assert_eq!(value(&harness, "daily", "aggregates"), both);
    harness
        .get_by_label("Move n in Aggregates of daily")
        .focus();
    harness.run();
    harness.key_press_modifiers(Modifiers::ALT, Key::ArrowUp);
    harness.run();
    assert_eq!(
        value(&harness, "daily", "aggregates"),
        entries([("n", "COUNT(*)"), ("total", "SUM(amount)")])
    );
    click(&mut harness, "Remove n from Aggregates of daily");
    assert_eq!(
        value(&harness, "daily", "aggregates"),
        entries([("total", "SUM(amount)")])
    );
}

#[test]
fn assignments_renames_schemas_options_and_queries() {
    let mut harness = open("better");
    fill(
        &mut harness,
        "double in New columns of better",
        "amount * 3",
    );
    harness.key_press(Key::Escape);
    harness.run();
    assert_eq!(
        value(&harness, "better", "columns"),
        entries([("double", "amount * 3")])
    );

    select(&mut harness, &["few"]);
    click(&mut harness, "Add to Rename of few");
    assert_eq!(value(&harness, "few", "rename"), entries([("id", "")]));
    fill(&mut harness, "id in Rename of few", "order_id");
    assert_eq!(
        value(&harness, "few", "rename"),
        entries([("id", "order_id")])
    );

    select(&mut harness, &["orders"]);
    click(&mut harness, "Add to Columns of orders");
    fill(&mut harness, "Name 5 in Columns of orders", "note");
    fill(&mut harness, "note in Columns of orders", "BIGI");
    harness.key_press(Key::Tab);
    harness.run();
    let schema = value(&harness, "orders", "schema").unwrap();
    let schema = schema.as_table().unwrap();
    assert_eq!(schema.len(), 5);
    assert_eq!(schema.get("note"), Some(&"BIGINT".into()));
    click(&mut harness, "Add to Fields of orders");
    fill(&mut harness, "Name 1 in Fields of orders", "id.kind");
    fill(&mut harness, "id.kind in Fields of orders", "sequence");
    assert_eq!(
        value(&harness, "orders", "fields"),
        entries([("id.kind", "sequence")])
    );

    select(&mut harness, &["query"]);
    fill(&mut harness, "Query of query", "SELECT id FROM ord");
    assert!(harness.query_by_label("Complete orders").is_some());
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(
        value(&harness, "query", "query"),
        Some("SELECT id FROM orders".into())
    );

    select(&mut harness, &["out"]);
    fill(&mut harness, "Prefix of out", "day");
    assert_eq!(value(&harness, "out", "identifier"), Some("day".into()));
    click(&mut harness, "Reset Prefix of out");
    assert_eq!(value(&harness, "out", "identifier"), None);
}

#[test]
fn the_head_names_and_mutes_and_paths_are_asked_for() {
    let mut harness = open("files");
    fill(&mut harness, "Title of files", "What comes in");
    fill(&mut harness, "Comment of files", "By hand");
    click(&mut harness, "Mute files");
    let node = harness
        .state()
        .editor
        .pipeline()
        .node("files")
        .unwrap()
        .clone();
    assert_eq!(node.title.as_deref(), Some("What comes in"));
    assert_eq!(node.comment.as_deref(), Some("By hand"));
    assert!(node.muted);
    fill(&mut harness, "Path of files", "data/b.csv");
    assert_eq!(value(&harness, "files", "path"), Some("data/b.csv".into()));
    click(&mut harness, "Browse for Path of files");
    let asked = Effect::AskFor {
        node: NodeId::new("files").unwrap(),
        parameter: "path".into(),
    };
    assert_eq!(harness.state().effects, [asked]);
    click(&mut harness, "Rename files");
    let popup = &harness.state().editor.view.popup;
    assert_eq!(
        *popup,
        millstream_ide::editor::Popup::Rename(NodeId::new("files").unwrap())
    );
}

#[test]
fn the_pipeline_and_several_nodes() {
    let mut harness = bench(editor(PIPELINE), egui::Theme::Dark);
    fill(&mut harness, "Name of the pipeline", "store");
    assert_eq!(harness.state().editor.pipeline().name(), "store");
    click(&mut harness, "Add a setting");
    harness
        .get_by_label("Key of a setting")
        .type_text("state.ttl");
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    fill(&mut harness, "Value of table.exec.state.ttl", "1 h");
    let settings = harness.state().editor.pipeline().settings().clone();
    assert_eq!(
        settings.get("table.exec.state.ttl").map(String::as_str),
        Some("1 h")
    );
    click(&mut harness, "Remove table.exec.state.ttl");
    assert!(harness.state().editor.pipeline().settings().is_empty());

    select(&mut harness, &["daily", "large"]);
    assert!(harness.query_by_label("2 nodes selected").is_some());
    click(&mut harness, "Inspect large");
    assert!(harness.query_by_label("Condition of large").is_some());
}

/// The model of the fraud sample, whose features are named in the file or not.
#[test]
fn a_model_is_bound_by_name() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/fraud"));
    let (editor, _) = Editor::open(&folder).expect("the sample opens");
    let mut harness = bench(editor, egui::Theme::Dark);
    select(&mut harness, &["scored"]);
    let whole = value(&harness, "scored", "inputs").unwrap();
    click(&mut harness, "amount in Inputs of scored");
    click(&mut harness, "Take card_id for amount in Inputs of scored");
    let changed = value(&harness, "scored", "inputs").unwrap();
    assert_eq!(
        changed.as_table().unwrap().get("amount"),
        Some(&"card_id".into())
    );
    click(&mut harness, "Bind Inputs of scored by name");
    assert_eq!(value(&harness, "scored", "inputs"), Some(whole));
    click(&mut harness, "Add to Outputs of scored");
    fill(&mut harness, "Name 2 in Outputs of scored", "probability");
    let outputs = value(&harness, "scored", "outputs").unwrap();
    assert_eq!(
        outputs.as_table().unwrap().get("probability"),
        Some(&"FLOAT".into())
    );
}

/// The whole window, made in its first frame.
#[derive(Default)]
struct Window {
    shell: Option<Shell>,
    path: PathBuf,
    home: PathBuf,
}

#[test]
fn a_path_that_was_browsed_for_is_written_from_the_pipelines_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    std::fs::write(root.join("pipeline.toml"), PIPELINE).unwrap();
    let window = Window {
        shell: None,
        path: root.join("pipeline.toml"),
        home: root.join("home"),
    };
    let mut harness = Harness::builder()
        .with_size(egui::vec2(1400.0, 900.0))
        .allow_missing_glyphs()
        .with_context_setup(theme::install)
        .build_ui_state(
            |ui, window: &mut Window| {
                let context = ui.ctx().clone();
                let (path, home) = (&window.path, &window.home);
                let shell = window.shell.get_or_insert_with(|| {
                    let options = Options {
                        path: Some(path.clone()),
                        home: home.clone(),
                        samples: None,
                    };
                    Shell::new(&context, options)
                });
                shell.ui(ui);
            },
            window,
        );
    harness.run_steps(4);
    let context = harness.ctx.clone();
    let shell = harness.state_mut().shell.as_mut().unwrap();
    let chosen = root.join("data/new.csv");
    shell.set_dialogs(Box::new(ScriptedDialogs::new([chosen])));
    let files = Selection::node(NodeId::new("files").unwrap());
    shell.apply(&context, Action::Select(files));
    harness.run_steps(4);
    harness.get_by_label("Browse for Path of files").click();
    harness.run_steps(4);
    let shell = harness.state().shell.as_ref().unwrap();
    let node = shell.editor.pipeline().node("files").unwrap();
    assert_eq!(node.text_at("path"), Some("data/new.csv"));
}

#[test]
fn nothing_is_drawn_again_while_nothing_changes() {
    let mut harness = open("daily");
    let steps = harness.try_run().expect("it comes to rest");
    assert!(steps <= 2, "{steps} frames");
}

/// Writes pictures to look at, if a folder for them is named.
#[test]
fn pictures() {
    let Some(folder) = std::env::var_os("MILLSTREAM_SHOTS").map(PathBuf::from) else {
        return;
    };
    let save = |harness: &mut Harness<'static, Bench>, name: &str| {
        let image = harness.render().expect("an adapter is there");
        image.save(folder.join(format!("{name}.png"))).unwrap();
    };
    for (theme, suffix) in [(egui::Theme::Dark, "dark"), (egui::Theme::Light, "light")] {
        let mut harness = bench(editor(PIPELINE), theme);
        save(&mut harness, &format!("form-pipeline-{suffix}"));
        for node in [
            "daily", "orders", "better", "few", "query", "files", "cards", "out",
        ] {
            select(&mut harness, &[node]);
            save(&mut harness, &format!("form-{node}-{suffix}"));
        }
        select(&mut harness, &["daily"]);
        click(&mut harness, "Add to Aggregates of daily");
        fill(
            &mut harness,
            "total_2 in Aggregates of daily",
            "MAX(amout) + am",
        );
        save(&mut harness, &format!("form-completion-{suffix}"));
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/fraud"));
        let (editor, _) = Editor::open(&folder).unwrap();
        let mut harness = bench(editor, theme);
        for node in ["scored", "features", "last_hour"] {
            select(&mut harness, &[node]);
            save(&mut harness, &format!("form-{node}-{suffix}"));
        }
        select(&mut harness, &["scored", "features"]);
        save(&mut harness, &format!("form-several-{suffix}"));
    }
}
