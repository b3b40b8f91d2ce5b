//! The inspector, driven by accessible names: every shape of parameter once through its widget,
//! errors with their fix, completion by keyboard.

mod common;

use std::path::PathBuf;

use common::{bench, click, editor, fill, fraud, picture, pictures_wanted, select};
use egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use millstream_compiler::document::{Command, Entries, NodeId, Value};
use millstream_ide::command::UiCommand;
use millstream_ide::editor::{Action, Editor, Effect, Selection};
use millstream_ide::panels::inspector::Inspector;
use millstream_ide::shell::{Options, Shell};
use millstream_ide::theme;
use millstream_ide::work::dialogs::ScriptedDialogs;
use millstream_ide::work::dry_run::DryRun;

type Stand = common::Stand<Inspector>;

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

fn inspector(editor: Editor, theme: egui::Theme) -> Stand {
    let dry_run = DryRun::default();
    let size = Vec2::new(324.0, 1100.0);
    bench(
        editor,
        theme,
        size,
        Inspector::default(),
        move |ui, panel, editor, actions| {
            panel.ui(ui, editor, &dry_run, actions);
        },
    )
}

fn open(node: &str) -> Stand {
    let mut harness = inspector(editor(PIPELINE), egui::Theme::Dark);
    select(&mut harness, &[node]);
    harness
}

fn value(harness: &Stand, node: &str, parameter: &str) -> Option<Value> {
    common::parameter(&harness.state().editor, node, parameter)
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

/// A compiler answers while somebody walks through the form: what it found is drawn above the field
/// that the keyboard is at, or goes from there.
#[test]
fn a_finding_that_comes_or_goes_does_not_take_the_keyboard_away() {
    fn focused(harness: &Stand) -> String {
        let all = harness.root().children_recursive();
        let stop = all.into_iter().find(|stop| stop.is_focused());
        let name = stop.and_then(|stop| stop.accesskit_node().label());
        name.unwrap_or_default()
    }

    for (node, parameter, wrong, under) in [
        ("files", "watermark", "nothing", "a in Columns of files"),
        (
            "orders",
            "rows-per-second",
            "many",
            "Add to Columns of orders",
        ),
        ("daily", "time", "nothing", "total in Aggregates of daily"),
        ("daily", "size", "soon", "More parameters of daily"),
    ] {
        let mut harness = open(node);
        let mut stops: Vec<String> = Vec::new();
        loop {
            harness.key_press(Key::Tab);
            harness.run();
            let at = focused(&harness);
            if stops.contains(&at) {
                break;
            }
            stops.push(at);
        }
        assert!(stops.iter().any(|stop| stop == under), "{stops:?}");
        for stop in &stops {
            harness.get_by_label(stop).focus();
            harness.run();
            assert_eq!(&focused(&harness), stop);
            let command = Command::SetParameter {
                node: common::node_id(node),
                parameter: parameter.into(),
                value: wrong.into(),
            };
            harness.state_mut().editor.apply(Action::Edit(command));
            harness.run();
            let compiled = harness.state().editor.compiled();
            let found = compiled.of_node(&common::node_id(node)).next().is_some();
            assert!(found, "'{wrong}' is no {parameter}");
            assert_eq!(&focused(&harness), stop, "{parameter} was found wrong");
            harness
                .state_mut()
                .editor
                .apply(Action::Command(UiCommand::Undo));
            harness.run();
            assert_eq!(&focused(&harness), stop, "{parameter} is right again");
        }
    }
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
    let mut harness = inspector(editor(PIPELINE), egui::Theme::Dark);
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
    let mut harness = inspector(fraud(), egui::Theme::Dark);
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

/// A pipeline with a node of a kind, fed by what it needs, with its examples as parameters.
fn one_of(kind: &'static millstream_compiler::nodes::KindSpec) -> Editor {
    use millstream_compiler::nodes::Inputs;
    let mut text = PIPELINE.replace("[edges]", "[nodes.subject]\n@\n[edges]");
    let ports: Vec<String> = match kind.inputs {
        Inputs::None => vec![],
        Inputs::Fixed(ports) => ports.iter().map(|port| format!(".{}", port.name)).collect(),
        Inputs::Many(_) | Inputs::Named => vec![String::new()],
    };
    for (number, port) in ports.iter().enumerate() {
        let from = ["orders", "large"][number % 2];
        text.push_str(&format!(
            "x{number} = {{ from = \"{from}\", to = \"subject{port}\" }}\n"
        ));
    }
    let mut body = format!("kind = \"{}\"\n", kind.name);
    for parameter in kind.parameters {
        if parameter.example.is_empty() {
            continue;
        }
        body.push_str(&match parameter.example.starts_with(parameter.name) {
            true => format!("{}\n", parameter.example),
            false => format!("{} = {}\n", parameter.name, parameter.example),
        });
    }
    editor(&text.replace('@', &body))
}

/// Every field of every kind has a name of its own, and the form comes to rest.
#[test]
fn every_kind_has_a_form() {
    for kind in millstream_compiler::nodes::all() {
        let spec = kind.spec();
        for theme in [egui::Theme::Dark, egui::Theme::Light] {
            if theme == egui::Theme::Light && !pictures_wanted() {
                continue;
            }
            let mut harness = inspector(one_of(spec), theme);
            select(&mut harness, &["subject"]);
            if harness
                .query_by_label("More parameters of subject")
                .is_some()
            {
                click(&mut harness, "More parameters of subject");
            }
            let steps = harness.try_run().expect("it comes to rest");
            assert!(steps <= 2, "{}: {steps} frames", spec.name);
            let suffix = if theme == egui::Theme::Dark {
                "dark"
            } else {
                "light"
            };
            picture(&mut harness, &format!("kind-{}-{suffix}", spec.name));
        }
    }
}

/// Writes pictures to look at, if a folder for them is named.
#[test]
fn pictures() {
    if !pictures_wanted() {
        return;
    }
    for (theme, suffix) in [(egui::Theme::Dark, "dark"), (egui::Theme::Light, "light")] {
        let mut harness = inspector(editor(PIPELINE), theme);
        picture(&mut harness, &format!("form-pipeline-{suffix}"));
        for node in [
            "daily", "orders", "better", "few", "query", "files", "cards", "out",
        ] {
            select(&mut harness, &[node]);
            picture(&mut harness, &format!("form-{node}-{suffix}"));
        }
        select(&mut harness, &["daily"]);
        click(&mut harness, "Add to Aggregates of daily");
        fill(
            &mut harness,
            "total_2 in Aggregates of daily",
            "MAX(amout) + am",
        );
        picture(&mut harness, &format!("form-completion-{suffix}"));
        let mut harness = inspector(fraud(), theme);
        for node in ["scored", "features", "last_hour"] {
            select(&mut harness, &[node]);
            picture(&mut harness, &format!("form-{node}-{suffix}"));
        }
        select(&mut harness, &["scored", "features"]);
        picture(&mut harness, &format!("form-several-{suffix}"));
    }
}
