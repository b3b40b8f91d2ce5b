//! The canvas by pointer and by keyboard, through the names that a screen reader has.

use std::path::PathBuf;

use egui::{Event, Key, Modifiers, PointerButton, Pos2, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable};
use millstream_compiler::document::{Command, Document, Layout, NodeId, Pipeline, Position};
use millstream_ide::editor::{Action, Editor, Overlay, Popup, check_invariants};
use millstream_ide::shell::{Options, Shell};
use millstream_ide::theme;

type Window = Harness<'static, Option<Shell>>;

/// A window on an editor of a document, with nothing around the canvas.
fn window(editor: Editor) -> Window {
    let home = tempfile::tempdir().expect("a folder for settings");
    let options = move || Options {
        path: None,
        home: home.path().to_path_buf(),
        samples: None,
    };
    let mut editor = Some(editor);
    let mut window = Harness::builder()
        .with_size(Vec2::new(1400.0, 900.0))
        .with_context_setup(theme::install)
        .with_max_steps(1200)
        .with_step_dt(1.0 / 60.0)
        .allow_missing_glyphs()
        .build_ui_state(
            move |ui, state: &mut Option<Shell>| {
                let shell = state.get_or_insert_with(|| {
                    let mut shell = Shell::new(ui.ctx(), options());
                    if let Some(editor) = editor.take() {
                        shell.editor = editor;
                    }
                    shell.editor.view.start = false;
                    shell.editor.view.right_open = false;
                    shell.editor.view.bottom_open = false;
                    shell
                });
                shell.ui(ui);
            },
            None,
        );
    window.run();
    window
}

fn document(text: &str) -> Document {
    let text = format!("version = 1\nname = \"p\"\n{text}");
    let loaded = Pipeline::from_toml(&text).expect("a test's pipeline is right");
    Document::new(loaded.pipeline, Layout::default())
}

fn shell(window: &Window) -> &Shell {
    window.state().as_ref().expect("the first frame made it")
}

fn centre(window: &Window, name: &str) -> Pos2 {
    window.get_by_label(name).rect().center()
}

fn button(window: &mut Window, at: Pos2, button: PointerButton, pressed: bool, with: Modifiers) {
    window.event(Event::ModifiersChanged(with));
    window.event(Event::PointerButton {
        pos: at,
        button,
        pressed,
        modifiers: with,
    });
    window.step();
}

fn drag_with(window: &mut Window, from: Pos2, to: Pos2, which: PointerButton, with: Modifiers) {
    window.hover_at(from);
    window.step();
    button(window, from, which, true, with);
    for share in [0.2, 0.6, 1.0] {
        window.hover_at(from.lerp(to, share));
        window.step();
    }
    button(window, to, which, false, with);
    window.event(Event::ModifiersChanged(Modifiers::NONE));
    window.run();
}

fn drag(window: &mut Window, from: Pos2, to: Pos2) {
    drag_with(window, from, to, PointerButton::Primary, Modifiers::NONE);
}

fn double_click(window: &mut Window, at: Pos2) {
    window.hover_at(at);
    window.step();
    for pressed in [true, false, true, false] {
        button(window, at, PointerButton::Primary, pressed, Modifiers::NONE);
    }
    window.run();
}

fn click(window: &mut Window, at: Pos2) {
    window.hover_at(at);
    window.step();
    for pressed in [true, false] {
        button(window, at, PointerButton::Primary, pressed, Modifiers::NONE);
    }
    // Long enough that the next click is another one.
    for _ in 0..30 {
        window.step();
    }
    window.run();
}

fn type_text(window: &mut Window, text: &str) {
    window.event(Event::Text(text.into()));
    window.run();
}

fn press(window: &mut Window, key: Key) {
    window.key_press(key);
    window.run();
}

/// Types into the search that is open and takes the first answer.
fn search(window: &mut Window, text: &str) {
    window.get_by_label("Add a node");
    type_text(window, text);
    press(window, Key::Enter);
    assert_eq!(shell(window).editor.view.popup, Popup::None);
}

/// All wires as "from > to.port", sorted.
fn wires(window: &Window) -> Vec<String> {
    let pipeline = shell(window).editor.pipeline();
    let mut wires: Vec<String> = pipeline
        .edges()
        .map(|(_, edge)| {
            format!(
                "{} > {}.{}",
                edge.from.node,
                edge.to.node,
                pipeline.input_port(edge)
            )
        })
        .collect();
    wires.sort();
    wires
}

const GMV: [&str; 5] = [
    "file_source > sql.file_source",
    "file_source > window.input",
    "rolling > file_sink.input",
    "sql > file_sink_2.input",
    "window > rolling.input",
];

/// To the empty canvas and back, step by step; the document is the same at both ends.
fn undo_and_redo_all(window: &mut Window) {
    let end = shell(window).editor.document().clone();
    let mut steps = 0;
    while shell(window).editor.history().can_undo() {
        window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        window.run();
        steps += 1;
        assert!(steps < 100);
    }
    assert_eq!(shell(window).editor.pipeline().nodes().len(), 0);
    while shell(window).editor.history().can_redo() {
        window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
        window.run();
    }
    assert_eq!(*shell(window).editor.document(), end);
}

#[test]
fn a_pipeline_is_built_with_the_mouse() {
    let mut window = window(Editor::empty());
    let canvas = shell(&window).editor.view.canvas;
    let start = canvas.left_center() + Vec2::new(140.0, -80.0);
    double_click(&mut window, start);
    search(&mut window, "file source");
    // A wire that is dropped on nothing asks what it feeds.
    let kinds = [
        ("file_source", "window"),
        ("window", "rolling"),
        ("rolling", "file sink"),
    ];
    for (from, kind) in kinds {
        let port = centre(&window, &format!("Output of {from}"));
        drag(&mut window, port, port + Vec2::new(60.0, 0.0));
        search(&mut window, kind);
    }
    // A second branch, of nodes that stand alone at first.
    double_click(&mut window, start + Vec2::new(260.0, 220.0));
    search(&mut window, "sql");
    double_click(&mut window, start + Vec2::new(560.0, 220.0));
    search(&mut window, "file sink");
    let (from, to) = (
        centre(&window, "Output of file_source"),
        centre(&window, "Free input of sql"),
    );
    drag(&mut window, from, to);
    // Backwards is as good.
    let (from, to) = (
        centre(&window, "Input input of file_sink_2"),
        centre(&window, "Output of sql"),
    );
    drag(&mut window, from, to);
    assert_eq!(wires(&window), GMV);
    window.get_by_label("Wire from window to rolling");
    check_invariants(&shell(&window).editor).unwrap();
    undo_and_redo_all(&mut window);
}

#[test]
fn a_pipeline_is_built_with_the_keyboard_alone() {
    let mut window = window(Editor::empty());
    for kind in [
        "file source",
        "window",
        "rolling",
        "file sink",
        "sql",
        "file sink",
    ] {
        press(&mut window, Key::A);
        search(&mut window, kind);
    }
    let connect = |window: &mut Window, from: &str, to: &str| {
        press(window, Key::Slash);
        type_text(window, from);
        press(window, Key::Enter);
        let selected = shell(window).editor.view.selection.single_node();
        assert_eq!(selected, Some(&NodeId::slug(from)));
        press(window, Key::C);
        type_text(window, to);
        press(window, Key::Enter);
    };
    connect(&mut window, "file_source", "window");
    connect(&mut window, "window", "rolling");
    connect(&mut window, "rolling", "file_sink");
    connect(&mut window, "file_source", "sql");
    connect(&mut window, "sql", "file_sink_2");
    assert_eq!(wires(&window), GMV);
    press(&mut window, Key::Escape);
    // Tab walks the rows' way.
    let mut walked = Vec::new();
    for _ in 0..6 {
        press(&mut window, Key::Tab);
        let selected = shell(&window).editor.view.selection.single_node();
        walked.push(selected.expect("a node").to_string());
    }
    assert_eq!(
        walked,
        [
            "file_source",
            "sql",
            "file_sink_2",
            "window",
            "rolling",
            "file_sink"
        ]
    );
    // Enter enters the ports; a wire can be begun at each.
    let before = shell(&window)
        .editor
        .document()
        .layout()
        .position("file_sink");
    press(&mut window, Key::ArrowRight);
    let after = shell(&window)
        .editor
        .document()
        .layout()
        .position("file_sink");
    assert_eq!(
        after.map(|after| after - before.unwrap()),
        Some(Position::new(8, 0))
    );
    press(&mut window, Key::Enter);
    press(&mut window, Key::Delete);
    assert_eq!(wires(&window).len(), GMV.len() - 1);
    undo_and_redo_all(&mut window);
}

#[test]
fn a_wire_by_keyboard_ends_at_a_new_node_too() {
    let mut window = window(Editor::empty());
    press(&mut window, Key::A);
    search(&mut window, "file source");
    // There is nothing else, so only a new node can be at the other end.
    press(&mut window, Key::C);
    search(&mut window, "window");
    assert_eq!(wires(&window), ["file_source > window.input"]);
    // What no port is called goes on as a search, with its spaces.
    press(&mut window, Key::C);
    search(&mut window, "rolling");
    press(&mut window, Key::Slash);
    type_text(&mut window, "file_source");
    press(&mut window, Key::Enter);
    press(&mut window, Key::C);
    type_text(&mut window, "file sink");
    press(&mut window, Key::Enter);
    window.get_by_label("Add a node");
    press(&mut window, Key::Enter);
    assert_eq!(wires(&window)[0], "file_source > file_sink.input");
    // The last choice is a new node, whatever fits.
    press(&mut window, Key::Slash);
    type_text(&mut window, "file_source");
    press(&mut window, Key::Enter);
    press(&mut window, Key::C);
    press(&mut window, Key::ArrowUp);
    let new = window.get_by_label("Connect to a new node");
    let chosen = new.accesskit_node().toggled();
    assert_eq!(chosen, Some(egui::accesskit::Toggled::True));
    press(&mut window, Key::Enter);
    search(&mut window, "print");
    assert_eq!(wires(&window)[1], "file_source > print.input");
}

#[test]
fn a_port_that_the_keyboard_chooses_is_seen() {
    let mut window = window(chain());
    let far = Command::MoveNodes {
        positions: vec![(NodeId::slug("out"), Position::new(4_000, -900))],
    };
    let state = window.state_mut().as_mut().expect("a window");
    state.editor.apply(Action::Edit(far));
    window.run();
    press(&mut window, Key::Slash);
    type_text(&mut window, "other");
    press(&mut window, Key::Enter);
    press(&mut window, Key::C);
    assert!(window.query_by_label("Input input of out").is_none());
    type_text(&mut window, "out");
    let canvas = window.get_by_label("Canvas").rect();
    let port = window.get_by_label("Input input of out").rect();
    assert!(canvas.contains_rect(port), "{port:?}");
    press(&mut window, Key::Enter);
    assert!(wires(&window).contains(&"other > out.input".to_string()));
}

/// Tab is for both: it walks for who has no pointer in their hand, and adds for who has.
#[test]
fn tab_adds_a_node_where_the_pointer_is() {
    let mut window = window(chain());
    press(&mut window, Key::Tab);
    assert!(window.query_by_label("Add a node").is_none());
    assert_eq!(shell(&window).editor.view.selection.nodes.len(), 1);

    let at = centre(&window, "Canvas") + Vec2::new(40.0, 220.0);
    window.hover_at(at);
    window.step();
    press(&mut window, Key::Tab);
    assert!(window.query_by_label("Add a node").is_some());
    search(&mut window, "deduplicate");
    // What is said of it, beside its name, a compiler has yet to find.
    let placed = window.get_by_label_contains("Deduplicate 'deduplicate'");
    let place = placed.rect().center();
    assert!((place - at).length() < 20.0, "{place} is not at {at}");

    // On a node, and after a key, it walks.
    let node = window.get_by_label("Print 'out'").rect().center();
    window.hover_at(node);
    window.step();
    press(&mut window, Key::Tab);
    assert!(window.query_by_label("Add a node").is_none());
    window.hover_at(at + Vec2::new(0.0, 120.0));
    window.step();
    press(&mut window, Key::ArrowRight);
    press(&mut window, Key::Tab);
    assert!(window.query_by_label("Add a node").is_none());
}

/// What cannot work on the rows of the wire comes last and says why.
#[test]
fn the_search_knows_what_needs_an_event_time() {
    let orders = |watermark: &str| {
        format!(
            "[nodes.orders]\nkind = \"datagen\"\nrows-per-second = 10\n{watermark}\n[nodes.orders.schema]\nid = \"BIGINT\"\nts = \"TIMESTAMP(3)\"\n"
        )
    };
    for (watermark, timeless) in [("", true), ("watermark = \"ts\"", false)] {
        let mut window = window(Editor::new(document(&orders(watermark)), None));
        let state = window.state_mut().as_mut().expect("a window");
        state.settle(std::time::Duration::from_secs(60));
        window.run();
        press(&mut window, Key::Tab);
        press(&mut window, Key::C);
        for kind in ["Window aggregate", "Rolling aggregate", "Deduplicate"] {
            let fits = window.query_by_label(&format!("Add {kind} here")).is_some();
            assert_eq!(fits, !timeless, "{kind}");
        }
        let top = |name: &str| window.get_by_label(name).rect().top();
        if timeless {
            let last = top("Add Deduplicate here, needs an event time");
            assert!(top("Add Filter here") < last && top("Add Print here") < last);
        }
        // It may be added all the same: the event time can be set later.
        search(&mut window, "rolling");
        assert!(wires(&window).contains(&"orders > rolling.input".to_string()));
    }
}

#[test]
fn the_search_offers_what_is_used_most_first() {
    let mut window = window(Editor::empty());
    let state = window.state_mut().as_mut().expect("a window");
    state.settings.used_kinds = [("deduplicate".to_string(), 5), ("union".to_string(), 2)].into();
    press(&mut window, Key::A);
    let top = |window: &Window, name: &str| window.get_by_label(name).rect().top();
    let dedupe = top(&window, "Add Deduplicate here");
    assert!(dedupe < top(&window, "Add Union here"));
    assert!(top(&window, "Add Union here") < top(&window, "Add File source here"));
    // In the library too, within a family.
    let filter = top(&window, "Add Filter");
    assert!(top(&window, "Add Deduplicate") < filter);
    press(&mut window, Key::Enter);
    let pipeline = shell(&window).editor.pipeline();
    assert!(pipeline.node("deduplicate").is_some());
    // One that is added at the end of a wire counts as well.
    press(&mut window, Key::C);
    search(&mut window, "filter");
    let used = &shell(&window).settings.used_kinds;
    assert_eq!((used["deduplicate"], used["filter"]), (6, 1));
}

const CHAIN: &str = "[nodes.orders]\nkind = \"file-source\"\n[nodes.other]\nkind = \"file-source\"\n[nodes.daily]\nkind = \"window\"\n[nodes.out]\nkind = \"print\"\n[nodes.lone]\nkind = \"filter\"\n[edges]\ne1 = { from = \"orders\", to = \"daily\" }\ne2 = { from = \"daily\", to = \"out\" }\n";

/// The chain, with its nodes where a test expects them.
fn chain() -> Editor {
    let positions = [
        ("orders", 0, 0),
        ("daily", 300, 0),
        ("out", 600, 0),
        ("other", 0, 160),
        ("lone", 300, 200),
    ];
    let moves = Command::MoveNodes {
        positions: positions
            .map(|(id, x, y)| (NodeId::slug(id), Position::new(x, y)))
            .to_vec(),
    };
    let document = document(CHAIN).apply(&moves).expect("they exist").document;
    Editor::new(document, None)
}

#[test]
fn nodes_ports_and_wires_have_names() {
    let window = window(chain());
    for name in [
        "Canvas",
        "Output of orders",
        "Input input of daily",
        "Wire from orders to daily",
        "Wire from daily to out",
        "Minimap",
        "Rate overlay",
    ] {
        window.get_by_label(name);
    }
    let names = window.get_by_label_contains("Window aggregate 'daily', not configured");
    assert!(names.rect().width() > 100.0);
}

#[test]
fn a_drag_is_one_step_and_escape_gives_it_up() {
    let mut window = window(chain());
    let at = window.get_by_label_contains("'other'").rect().center();
    let steps = |window: &Window| shell(window).editor.history().labels().len();
    let before = steps(&window);
    drag(&mut window, at, at + Vec2::new(64.0, 133.0));
    assert_eq!(steps(&window), before + 1);
    let place = shell(&window).editor.document().layout().position("other");
    let place = place.expect("it stands somewhere");
    assert!(place.x % 4 == 0 && (place.x - 64).abs() <= 12, "{place:?}");
    let at = window.get_by_label_contains("'other'").rect().center();
    window.hover_at(at);
    window.step();
    button(
        &mut window,
        at,
        PointerButton::Primary,
        true,
        Modifiers::NONE,
    );
    window.hover_at(at + Vec2::new(200.0, 100.0));
    window.step();
    press(&mut window, Key::Escape);
    button(
        &mut window,
        at + Vec2::new(200.0, 100.0),
        PointerButton::Primary,
        false,
        Modifiers::NONE,
    );
    window.run();
    let now = shell(&window).editor.document().layout().position("other");
    assert_eq!(now, Some(place));
    assert_eq!(steps(&window), before + 1);
}

#[test]
fn a_node_that_is_dropped_on_a_wire_is_put_into_it() {
    let mut window = window(chain());
    let at = window.get_by_label_contains("'lone'").rect().center();
    let wire = centre(&window, "Wire from orders to daily");
    drag(&mut window, at, wire);
    assert_eq!(
        wires(&window),
        [
            "daily > out.input",
            "lone > daily.input",
            "orders > lone.input"
        ]
    );
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run();
    assert_eq!(wires(&window).len(), 2);
}

#[test]
fn a_refused_connection_offers_its_repair() {
    let mut window = window(chain());
    let from = centre(&window, "Output of other");
    let source = window.get_by_label_contains("'orders'").rect().center();
    drag(&mut window, from, source);
    window.get_by_label_contains("other cannot feed orders: 'orders' is a source");
    window.get_by_label("Insert a union of both").click();
    window.run();
    assert_eq!(
        wires(&window),
        [
            "daily > out.input",
            "orders > union.input",
            "other > union.input",
            "union > daily.input"
        ]
    );
    check_invariants(&shell(&window).editor).unwrap();
}

#[test]
fn a_wire_that_takes_anothers_place_offers_to_keep_both() {
    let mut window = window(chain());
    let (from, to) = (
        centre(&window, "Output of other"),
        centre(&window, "Input input of daily"),
    );
    drag(&mut window, from, to);
    assert_eq!(wires(&window), ["daily > out.input", "other > daily.input"]);
    window.get_by_label("Insert a union of both").click();
    window.run();
    assert_eq!(wires(&window).len(), 4);
}

#[test]
fn rows_that_are_taken_back_are_refused_where_they_cannot_go() {
    let text = "[nodes.orders]\nkind = \"datagen\"\n[nodes.orders.schema]\nid = \"BIGINT\"\namount = \"INT\"\n[nodes.totals]\nkind = \"sql\"\nquery = \"SELECT id, SUM(amount) AS total FROM orders GROUP BY id\"\n[nodes.files]\nkind = \"file-sink\"\npath = \"out\"\nformat = \"csv\"\n[edges]\ne1 = { from = \"orders\", to = \"totals\" }\n";
    let mut window = window(Editor::new(document(text), None));
    let settle = |window: &mut Window| {
        let shell = window
            .state_mut()
            .as_mut()
            .expect("the first frame made it");
        shell.settle(std::time::Duration::from_secs(60));
        window.run();
    };
    settle(&mut window);
    window.get_by_label("Types overlay").click();
    window.run();
    let (from, to) = (
        centre(&window, "Output of totals"),
        centre(&window, "Input input of files"),
    );
    drag(&mut window, from, to);
    // The compiler is asked beside the frames.
    for _ in 0..600 {
        if window
            .query_by_label_contains("totals cannot feed files")
            .is_some()
        {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        window.run();
    }
    window.get_by_label_contains("totals cannot feed files");
    assert_eq!(wires(&window), ["orders > totals.orders"]);
}

#[test]
fn a_circle_is_refused() {
    let mut window = window(chain());
    // The ports that would close a circle do not fit: the node says why.
    let from = centre(&window, "Output of daily");
    let lone = centre(&window, "Input input of lone");
    drag(&mut window, from, lone);
    let (from, daily) = (
        centre(&window, "Output of lone"),
        window.get_by_label_contains("'daily'").rect().center(),
    );
    drag(&mut window, from, daily);
    assert_eq!(wires(&window).len(), 3);
}

#[test]
fn wires_are_cut_and_unplugged() {
    let mut window = window(chain());
    let wire = centre(&window, "Wire from daily to out");
    drag_with(
        &mut window,
        wire - Vec2::new(3.0, 60.0),
        wire + Vec2::new(3.0, 60.0),
        PointerButton::Secondary,
        Modifiers::COMMAND,
    );
    assert_eq!(wires(&window), ["orders > daily.input"]);
    // A wire that is taken by its end and dropped on nothing is gone.
    let end = centre(&window, "Input input of daily");
    drag(&mut window, end, end + Vec2::new(-40.0, 120.0));
    assert!(wires(&window).is_empty());
    assert_eq!(shell(&window).editor.view.popup, Popup::None);
}

#[test]
fn a_drag_to_the_border_moves_what_is_seen() {
    let mut window = window(chain());
    let canvas = window.get_by_label("Canvas").rect();
    let hold = |window: &mut Window, from: Pos2, to: Pos2| {
        window.hover_at(from);
        window.step();
        button(window, from, PointerButton::Primary, true, Modifiers::NONE);
        for share in [0.5, 1.0] {
            window.hover_at(from.lerp(to, share));
            window.step();
        }
        for _ in 0..40 {
            window.step();
        }
    };
    // A node stays under the pointer.
    let node = window.get_by_label_contains("'other'").rect();
    let border = canvas.center_bottom() - Vec2::new(0.0, 2.0);
    let before = shell(&window).editor.view.camera;
    hold(&mut window, node.center(), border);
    let seen = shell(&window).editor.view.camera;
    assert!(seen.centre.y > before.centre.y + 50.0, "{seen:?}");
    assert_eq!(seen.centre.x, before.centre.x);
    button(
        &mut window,
        border,
        PointerButton::Primary,
        false,
        Modifiers::NONE,
    );
    window.run();
    let seen = shell(&window).editor.view.camera;
    let place = shell(&window).editor.document().layout().position("other");
    let place = millstream_ide::editor::point(place.expect("it stands somewhere"));
    let middle = seen.to_screen(canvas, place) + node.size() / 2.0;
    assert!(middle.distance(border) < 24.0, "{middle:?}");
    // A wire that is drawn to the other side, and let go on nothing, ends there.
    let port = centre(&window, "Output of other");
    let border = canvas.left_center() + Vec2::new(1.0, 0.0);
    let before = shell(&window).editor.view.camera;
    hold(&mut window, port, border);
    assert!(shell(&window).editor.view.camera.centre.x < before.centre.x - 50.0);
    press(&mut window, Key::Escape);
    button(
        &mut window,
        border,
        PointerButton::Primary,
        false,
        Modifiers::NONE,
    );
    window.run();
    // A kind out of the library too; not at the border that it came in by.
    let row = centre(&window, "Add Filter");
    let before = shell(&window).editor.view.camera;
    hold(&mut window, row, Pos2::new(border.x + 4.0, row.y));
    assert_eq!(shell(&window).editor.view.camera, before);
    let right = canvas.right_center() - Vec2::new(1.0, 0.0);
    for _ in 0..40 {
        window.hover_at(right);
        window.step();
    }
    assert!(shell(&window).editor.view.camera.centre.x > before.centre.x + 50.0);
    button(
        &mut window,
        right,
        PointerButton::Primary,
        false,
        Modifiers::NONE,
    );
    window.run();
    assert!(shell(&window).editor.pipeline().node("filter").is_some());
    // At rest nothing moves, wherever the pointer is.
    let before = shell(&window).editor.view.camera;
    window.hover_at(border);
    window.run_steps(10);
    assert_eq!(shell(&window).editor.view.camera, before);
}

#[test]
fn the_schema_at_a_port_says_where_each_column_comes_from() {
    let text = "[nodes.orders]\nkind = \"datagen\"\nrows-per-second = 10\n[nodes.orders.schema]\nid = \"BIGINT\"\namount = \"DOUBLE\"\n[nodes.taxed]\nkind = \"derive\"\n[nodes.taxed.columns]\ngross = \"amount * 1.19\"\n[nodes.short]\nkind = \"select\"\ncolumns = [\"gross\", \"id\"]\n[nodes.short.rename]\nid = \"number\"\n[nodes.out]\nkind = \"print\"\n[edges]\ne1 = { from = \"orders\", to = \"taxed\" }\ne2 = { from = \"taxed\", to = \"short\" }\ne3 = { from = \"short\", to = \"out\" }\n";
    let mut window = window(Editor::new(document(text), None));
    let state = window.state_mut().as_mut().expect("a window");
    state.settle(std::time::Duration::from_secs(60));
    window.run();
    let mut hover = |port: &str, origins: &[&str]| {
        let at = centre(&window, port);
        window.hover_at(at);
        for _ in 0..60 {
            window.step();
        }
        for origin in origins {
            window.get_by_label(origin);
        }
    };
    hover("Output of taxed", &["ƒ orders.amount"]);
    hover("Input input of out", &["taxed", "orders.id"]);
    // The keyboard that is at a port sees the same, without a pointer.
    window.remove_cursor();
    window.run();
    assert!(window.query_by_label("ƒ orders.amount").is_none());
    press(&mut window, Key::Slash);
    type_text(&mut window, "taxed");
    press(&mut window, Key::Enter);
    press(&mut window, Key::Enter);
    window.get_by_label("ƒ orders.amount");
    press(&mut window, Key::Escape);
    assert!(window.query_by_label("ƒ orders.amount").is_none());
}

#[test]
fn a_double_click_on_a_wire_bends_it_and_another_straightens_it() {
    let mut window = window(chain());
    let wire = centre(&window, "Wire from orders to daily");
    double_click(&mut window, wire);
    let bends = |window: &Window| {
        let layout = shell(window).editor.document().layout();
        layout.reroutes("e1").to_vec()
    };
    assert_eq!(bends(&window).len(), 1);
    for _ in 0..30 {
        window.step();
    }
    drag(&mut window, wire, wire + Vec2::new(0.0, -48.0));
    let bend = bends(&window)[0];
    assert!((bend.y - 6).abs() <= 2, "{bend:?}");
    let at = shell(&window).editor.view.camera.to_screen(
        shell(&window).editor.view.canvas,
        millstream_ide::editor::point(bend),
    );
    for _ in 0..30 {
        window.step();
    }
    double_click(&mut window, at);
    assert!(bends(&window).is_empty());
}

#[test]
fn boxes_and_clicks_select() {
    let mut window = window(chain());
    let selected = |window: &Window| -> Vec<String> {
        let nodes = shell(window).editor.view.selection.nodes.iter();
        nodes.map(ToString::to_string).collect()
    };
    let (orders, daily) = (
        window.get_by_label_contains("'orders'").rect(),
        window.get_by_label_contains("'daily'").rect(),
    );
    drag(
        &mut window,
        orders.left_top() - Vec2::splat(30.0),
        daily.center_bottom() + Vec2::new(0.0, 8.0),
    );
    assert_eq!(selected(&window), ["daily", "orders"]);
    click(&mut window, daily.center());
    assert_eq!(selected(&window), ["daily"]);
    let wire = centre(&window, "Wire from daily to out");
    click(&mut window, wire);
    assert_eq!(shell(&window).editor.view.selection.edges.len(), 1);
    assert!(selected(&window).is_empty());
    press(&mut window, Key::Delete);
    assert_eq!(wires(&window), ["orders > daily.input"]);
}

#[test]
fn frames_move_with_what_stands_in_them_and_are_renamed() {
    let mut window = window(chain());
    let daily = window.get_by_label_contains("'daily'").rect().center();
    click(&mut window, daily);
    window.key_press_modifiers(Modifiers::COMMAND, Key::G);
    window.run();
    let before = shell(&window).editor.document().layout().position("daily");
    let head = centre(&window, "Frame Features");
    drag(&mut window, head, head + Vec2::new(0.0, -80.0));
    let after = shell(&window).editor.document().layout().position("daily");
    assert!(after.unwrap().y < before.unwrap().y);
    let head = centre(&window, "Frame Features");
    for _ in 0..30 {
        window.step();
    }
    double_click(&mut window, head);
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    type_text(&mut window, "By day");
    press(&mut window, Key::Enter);
    window.get_by_label("Frame By day");
}

#[test]
fn the_wheel_zooms_to_the_pointer_and_the_middle_button_pans() {
    let mut window = window(chain());
    let view = shell(&window).editor.view.canvas;
    let at = centre(&window, "Output of orders");
    let before = shell(&window).editor.view.camera;
    let under = before.to_world(view, at);
    window.hover_at(at);
    window.event(Event::MouseWheel {
        unit: egui::MouseWheelUnit::Line,
        delta: Vec2::new(0.0, -2.0),
        phase: egui::TouchPhase::Move,
        modifiers: Modifiers::NONE,
        source: egui::MouseWheelSource::Wheel,
    });
    window.run();
    let after = shell(&window).editor.view.camera;
    assert!(after.zoom < before.zoom, "{after:?}");
    assert!(after.to_world(view, at).distance(under) < 1.0);
    let free = view.right_top() + Vec2::new(-80.0, 60.0);
    drag_with(
        &mut window,
        free,
        free + Vec2::new(-50.0, 30.0),
        PointerButton::Middle,
        Modifiers::NONE,
    );
    let panned = shell(&window).editor.view.camera;
    let by = (after.centre - panned.centre) * panned.zoom;
    assert!((by - Vec2::new(-50.0, 30.0)).length() < 1.5, "{by:?}");
}

#[test]
fn space_and_a_drag_pan_and_select_nothing() {
    let mut window = window(chain());
    let node = window.get_by_label_contains("'daily'").rect();
    click(&mut window, node.center());
    let selected = |window: &Window| shell(window).editor.view.selection.clone();
    let before = selected(&window);
    assert!(!before.is_empty());
    let camera = shell(&window).editor.view.camera;
    let free = node.center_bottom() + Vec2::new(0.0, 90.0);
    window.hover_at(free);
    window.step();
    let space = |pressed| Event::Key {
        key: Key::Space,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers: Modifiers::NONE,
    };
    window.event(space(true));
    window.step();
    assert_eq!(selected(&window), before);
    drag(&mut window, free, free + Vec2::new(-60.0, 40.0));
    window.event(space(false));
    window.run();
    let panned = shell(&window).editor.view.camera;
    let by = (camera.centre - panned.centre) * panned.zoom;
    assert!((by - Vec2::new(-60.0, 40.0)).length() < 1.5, "{by:?}");
    assert_eq!(selected(&window), before);
}

#[test]
fn menus_overlays_and_the_map_work() {
    let mut window = window(chain());
    window.get_by_label("Types overlay").click();
    window.run();
    assert_eq!(shell(&window).editor.view.overlay, Overlay::Types);
    let at = window.get_by_label_contains("'daily'").rect().center();
    window.hover_at(at);
    window.step();
    for pressed in [true, false] {
        button(
            &mut window,
            at,
            PointerButton::Secondary,
            pressed,
            Modifiers::NONE,
        );
    }
    window.run();
    window.get_by_label_contains("Mute or unmute").click();
    window.run();
    let pipeline = shell(&window).editor.pipeline();
    assert!(pipeline.node("daily").unwrap().muted);
    window.get_by_label_contains("'daily', not configured, ");
    let before = shell(&window).editor.view.camera.centre;
    let map = window.get_by_label("Minimap").rect();
    click(&mut window, map.left_top() + Vec2::splat(14.0));
    let after = shell(&window).editor.view.camera.centre;
    assert!(after.x < before.x && after.y < before.y);
}

#[test]
fn nothing_is_repainted_while_nothing_happens() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/fraud"));
    let (editor, _) = Editor::open(&folder).expect("a sample opens");
    let mut window = window(editor);
    window.run();
    let delay =
        |window: &Window| window.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay;
    let long = std::time::Duration::from_secs(3600);
    // What the threads had to tell may come a moment later, each once.
    let settled = |window: &Window| {
        let editor = &shell(window).editor;
        editor.compiled().generation == editor.generation() && delay(window) > long
    };
    let begun = std::time::Instant::now();
    let mut before = false;
    while !(before && settled(&window)) && begun.elapsed().as_secs() < 20 {
        before = settled(&window);
        std::thread::sleep(std::time::Duration::from_millis(50));
        window.step();
    }
    for _ in 0..20 {
        window.step();
        let delay = delay(&window);
        let causes = window.ctx.repaint_causes();
        assert!(delay > long, "{delay:?}: {causes:?}");
    }
}

#[test]
fn a_dropped_file_is_handed_on() {
    #[derive(Debug)]
    struct File(PathBuf);
    impl egui::DroppedFile for File {
        fn path(&self) -> &std::path::Path {
            &self.0
        }
        fn bytes(&self) -> Result<Vec<u8>, String> {
            Err("it is not read here".into())
        }
    }
    let mut editor = chain();
    let context = egui::Context::default();
    theme::install(&context);
    let mut canvas = millstream_ide::canvas::Canvas::default();
    let job = millstream_ide::work::job::JobView::default();
    let mut seen = Vec::new();
    for frame in 0..3 {
        let mut input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(
                Pos2::ZERO,
                Vec2::new(800.0, 600.0),
            )),
            ..Default::default()
        };
        if frame == 2 {
            let file = File("orders.csv".into());
            input.dropped_files.push(std::sync::Arc::new(file));
        }
        let mut actions = Vec::new();
        let output = context.run_ui(input, |ui| canvas.ui(ui, &editor, &job, &mut actions));
        output.drop_without_applying_deltas();
        seen.extend(
            actions
                .iter()
                .filter(|a| matches!(a, Action::Drop(..)))
                .cloned(),
        );
        for action in actions {
            editor.apply(action);
        }
    }
    assert!(matches!(&seen[..], [Action::Drop(paths, _)] if paths[0] == *"orders.csv"));
}

/// Pictures to look at; made only where `MILLSTREAM_SHOTS` names a folder.
#[test]
fn pictures() {
    let Some(folder) = std::env::var_os("MILLSTREAM_SHOTS").map(PathBuf::from) else {
        return;
    };
    let sample = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/fraud"));
    for (theme, choice) in [
        ("dark", egui::ThemePreference::Dark),
        ("light", egui::ThemePreference::Light),
    ] {
        let (editor, _) = Editor::open(&sample).expect("a sample opens");
        let mut window = window(editor);
        window.ctx.set_theme(choice);
        let settle = |window: &mut Window| {
            let shell = window
                .state_mut()
                .as_mut()
                .expect("the first frame made it");
            shell.settle(std::time::Duration::from_secs(30));
            window.run();
        };
        settle(&mut window);
        let shot = |window: &mut Window, name: &str| {
            let image = window.render().expect("a picture");
            let file = folder.join(format!("canvas-{name}-{theme}.png"));
            image.save(file).expect("a picture can be written");
        };
        shot(&mut window, "fit");
        let look = |window: &mut Window, zoom: f32, node: &str| {
            let shell = window
                .state_mut()
                .as_mut()
                .expect("the first frame made it");
            let document = shell.editor.document();
            let rect = millstream_ide::canvas::arrange::node_rect(document, &NodeId::slug(node));
            shell.editor.view.camera.zoom = zoom;
            shell.editor.view.camera.centre = rect.expect("it stands somewhere").center();
            window.run();
        };
        look(&mut window, 0.2, "features");
        shot(&mut window, "far");
        look(&mut window, 1.0, "scored");
        click(&mut window, Pos2::new(5.0, 895.0));
        shot(&mut window, "near");
        look(&mut window, 1.6, "scored");
        shot(&mut window, "close");
        // A running job, made up.
        let shell = window
            .state_mut()
            .as_mut()
            .expect("the first frame made it");
        shell.job = made_up_job(&shell.editor);
        look(&mut window, 0.9, "scored");
        shot(&mut window, "job");
        // The schema at a port.
        let state = window.state_mut().as_mut().expect("a window");
        state.job = Default::default();
        look(&mut window, 0.9, "scored");
        let port = centre(&window, "Output of features");
        window.hover_at(port);
        for _ in 0..60 {
            window.step();
        }
        shot(&mut window, "port");
        // A wire that is drawn.
        let shell = window
            .state_mut()
            .as_mut()
            .expect("the first frame made it");
        shell.job = Default::default();
        look(&mut window, 0.9, "scored");
        let from = centre(&window, "Output of scored");
        window.hover_at(from);
        window.step();
        button(
            &mut window,
            from,
            PointerButton::Primary,
            true,
            Modifiers::NONE,
        );
        for by in [20.0, 60.0, 90.0] {
            window.hover_at(from + Vec2::new(by, 130.0));
            window.step();
        }
        shot(&mut window, "wire");
        let end = from + Vec2::new(90.0, 130.0);
        button(
            &mut window,
            end,
            PointerButton::Primary,
            false,
            Modifiers::NONE,
        );
        window.run();
        shot(&mut window, "search");
        press(&mut window, Key::Escape);
        // Unfinished, muted, wrong, framed; a refused wire.
        let mut window = self::window(chain());
        window.ctx.set_theme(choice);
        let lone = window.get_by_label_contains("'lone'").rect().center();
        click(&mut window, lone);
        press(&mut window, Key::M);
        window.key_press_modifiers(Modifiers::COMMAND, Key::G);
        window.run();
        settle(&mut window);
        let from = centre(&window, "Output of other");
        let source = window.get_by_label_contains("'orders'").rect().center();
        drag(&mut window, from, source);
        shot(&mut window, "refused");
        // A wire by keyboard.
        let at = window.get_by_label_contains("'other'").rect().center();
        click(&mut window, at);
        press(&mut window, Key::C);
        shot(&mut window, "keys");
    }
}

fn made_up_job(editor: &Editor) -> millstream_ide::work::job::JobView {
    use millstream_ide::work::job::{EdgeFigures, JobState, JobView, NodeFigures};
    let nodes = editor.pipeline().nodes().enumerate().map(|(at, (id, _))| {
        let figures = NodeFigures {
            rate: 12_400.0 / (1.0 + at as f64),
            rates: (0..24)
                .map(|step| 10.0 + ((step * (at + 3)) % 7) as f32 + (step as f32 / 3.0).sin() * 3.0)
                .collect(),
            lag_ms: Some(400 * at as i64),
            state_bytes: 38_000_000 / (at as u64 + 1),
            late_share: if at == 3 { 0.003 } else { 0.0 },
            busy: 0.15 * (at % 6) as f64,
            back_pressured: 0.0,
            ..NodeFigures::default()
        };
        (id.clone(), figures)
    });
    let edges = editor
        .pipeline()
        .edges()
        .enumerate()
        .map(|(at, (_, edge))| {
            let figures = EdgeFigures {
                rows: 1_000_000,
                rate: 12_400.0 / (1.0 + at as f64),
                lag_ms: Some(2100),
                back_pressured: if at == 5 { 0.8 } else { 0.0 },
            };
            ((edge.from.node.clone(), edge.to.node.clone()), figures)
        });
    JobView {
        state: JobState::Failed {
            node: Some(NodeId::slug("suspicious")),
            message: "CAST of 'abc' to INT failed at row 4,711".into(),
        },
        nodes: nodes.collect(),
        edges: edges.collect(),
        ..JobView::default()
    }
}
