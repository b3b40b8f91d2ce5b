//! The sample of the shop's sales, built from the empty canvas: once with the mouse, once with the
//! keyboard alone; run, seen, undone and redone. Everything is found by its accessible name, and
//! every place is one of a thing that was found.

mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use egui::{Event, Key, Modifiers, PointerButton, Pos2, Rect, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use millstream_compiler::document::{Document, Pipeline};
use millstream_compiler::lower::Target;
use millstream_ide::editor::{Editor, check_invariants};
use millstream_ide::shell::{Options, Shell};
use millstream_ide::work::compile::Compiled;
use millstream_ide::work::dialogs::ScriptedDialogs;
use millstream_ide::work::job::JobState;
use millstream_runtime::environment::FileEnvironment;
use program::program;

/// What the sample's last line holds: the worth of all orders.
const GMV: &str = "2500315.63";

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/gmv")
}

/// The orders of the sample, fetched once.
fn orders() -> &'static Path {
    static ORDERS: OnceLock<PathBuf> = OnceLock::new();
    ORDERS.get_or_init(|| {
        let fetched = Command::new("python3")
            .arg(sample().join("fetch.py"))
            .status()
            .expect("python3 runs");
        assert!(fetched.success(), "the orders cannot be fetched");
        sample().join("data/orders.csv")
    })
}

/// With what the editor is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    Mouse,
    Keyboard,
}

/// The editor's window on an empty canvas, and the hand that uses it.
struct Desk {
    harness: Harness<'static, Option<Shell>>,
    hand: Hand,
    folder: tempfile::TempDir,
}

impl Desk {
    fn new(hand: Hand) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("data")).expect("a folder");
        std::fs::copy(orders(), folder.path().join("data/orders.csv")).expect("the orders");
        let options = Options {
            path: None,
            home: folder.path().join("home"),
            samples: None,
        };
        let file = folder.path().join("pipeline.toml");
        let mut options = Some(options);
        let harness = Harness::builder()
            .with_size(Vec2::new(1600.0, 1000.0))
            .allow_missing_glyphs()
            .build_ui_state(
                move |ui, shell: &mut Option<Shell>| {
                    let shell = shell.get_or_insert_with(|| {
                        let options = options.take().expect("one window");
                        let mut shell = Shell::new(ui.ctx(), options);
                        shell.set_program(program().to_path_buf());
                        shell.set_dialogs(Box::new(ScriptedDialogs::new([file.clone()])));
                        shell
                    });
                    shell.ui(ui);
                },
                None,
            );
        Self {
            harness,
            hand,
            folder,
        }
    }

    fn shell(&self) -> &Shell {
        self.harness.state().as_ref().expect("a window")
    }

    fn editor(&self) -> &Editor {
        &self.shell().editor
    }

    fn steps(&mut self, count: usize) {
        self.harness.run_steps(count);
    }

    fn wait(&mut self, what: &str, mut until: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        loop {
            self.harness.step();
            if until(self) {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "no {what}; the job is {:?}, the preview {:?}, found is {:#?}",
                self.shell().job.state,
                self.shell().preview().error,
                self.editor().compiled().diagnostics,
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until what the form offers is of the document as it is.
    fn compiled(&mut self) {
        self.wait("compiler", |desk| {
            desk.editor().compiled().generation == desk.editor().generation()
        });
        self.steps(1);
    }

    /// One frame with these events.
    fn frame(&mut self, events: impl IntoIterator<Item = Event>) {
        self.harness.input_mut().events.extend(events);
        self.harness.step();
    }

    // The keyboard.

    fn press_with(&mut self, modifiers: Modifiers, key: Key) {
        let event = |pressed| Event::Key {
            key,
            physical_key: None,
            pressed,
            repeat: false,
            modifiers,
        };
        self.frame([Event::ModifiersChanged(modifiers), event(true)]);
        self.frame([event(false), Event::ModifiersChanged(Modifiers::NONE)]);
        self.steps(1);
    }

    fn press(&mut self, key: Key) {
        self.press_with(Modifiers::NONE, key);
    }

    /// Types, a letter a frame, as a keyboard tells it: the key and the letter.
    fn type_text(&mut self, text: &str) {
        for letter in text.chars() {
            if letter == '\n' {
                self.press(Key::Enter);
                continue;
            }
            let key = Key::from_name(&letter.to_ascii_uppercase().to_string());
            let event = |pressed| {
                key.map(|key| Event::Key {
                    key,
                    physical_key: None,
                    pressed,
                    repeat: false,
                    modifiers: Modifiers::NONE,
                })
            };
            let text = Event::Text(letter.to_string());
            self.frame(event(true).into_iter().chain([text]).chain(event(false)));
        }
        self.steps(1);
    }

    /// What the keyboard is at. On the canvas that is the node or port that is selected, if one is.
    fn focus(&self) -> Option<egui_kittest::Node<'_>> {
        let all = self.harness.root().children_recursive();
        all.into_iter().find(|node| node.is_focused())
    }

    fn focused(&self) -> String {
        let label = |node: egui_kittest::Node<'_>| node.accesskit_node().label();
        self.focus().and_then(label).unwrap_or_default()
    }

    fn is_on_canvas(&self) -> bool {
        use egui::accesskit::Role;
        let canvas = self.rect("Canvas");
        self.focus().is_some_and(|node| {
            let role = node.accesskit_node().role();
            role == Role::Canvas || role == Role::Button && canvas.contains_rect(node.rect())
        })
    }

    /// Walks to a field with Tab.
    fn tab_to(&mut self, name: &str) {
        let mut passed = Vec::new();
        for _ in 0..60 {
            let at = self.focused();
            if at == name {
                return;
            }
            passed.push(at);
            self.press(Key::Tab);
        }
        panic!("Tab does not lead to {name}, but to {passed:?}");
    }

    /// The form of what is selected, at a field.
    fn field_by_keys(&mut self, name: &str) {
        if self.focused() != name {
            self.press(Key::F4);
            self.tab_to(name);
            self.steps(4);
        }
        // What the keyboard is at is seen.
        let (pane, field) = (self.rect("Canvas"), self.rect(name));
        let seen = pane.y_range().contains(field.center().y);
        assert!(seen, "{name} is at {field:?}");
    }

    // The mouse.

    fn rect(&self, name: &str) -> Rect {
        self.harness.get_by_label(name).rect()
    }

    fn button(&mut self, at: Pos2, pressed: bool) {
        self.frame([Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        }]);
    }

    fn move_to(&mut self, at: Pos2) {
        self.frame([Event::PointerMoved(at)]);
    }

    fn click_at(&mut self, at: Pos2) {
        self.move_to(at);
        self.button(at, true);
        self.button(at, false);
        self.steps(2);
    }

    fn double_click(&mut self, at: Pos2) {
        self.move_to(at);
        let button = |pressed| Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        self.frame([button(true), button(false)]);
        self.frame([button(true), button(false)]);
        self.steps(2);
    }

    fn drag(&mut self, from: Pos2, to: Pos2) {
        self.move_to(from);
        self.button(from, true);
        for share in [0.2, 0.6, 1.0] {
            self.move_to(from.lerp(to, share));
        }
        self.button(to, false);
        self.steps(2);
    }

    fn wheel(&mut self, at: Pos2, lines: f32) {
        self.move_to(at);
        self.frame([Event::MouseWheel {
            unit: egui::MouseWheelUnit::Line,
            delta: Vec2::new(0.0, lines),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: Modifiers::NONE,
        }]);
        self.steps(8);
    }

    /// Clicks something, after turning the wheel over the inspector until it is seen.
    fn click(&mut self, name: &str) {
        // What is found wrong meanwhile moves what stands below it.
        self.compiled();
        let canvas = self.rect("Canvas");
        for _ in 0..20 {
            let at = self.rect(name).center();
            let wheel = match at.y {
                _ if at.x < canvas.right() => break,
                y if y > canvas.bottom() - 20.0 => -2.0,
                y if y < canvas.top() => 2.0,
                _ => break,
            };
            self.wheel(Pos2::new(at.x, canvas.center().y), wheel);
        }
        let at = self.rect(name).center();
        self.click_at(at);
    }

    // What either does in its own way.

    fn save_as(&mut self) {
        match self.hand {
            Hand::Keyboard => {
                self.press_with(Modifiers::COMMAND, Key::P);
                self.type_text("save as");
                self.press(Key::Enter);
            }
            Hand::Mouse => {
                let menu = self.rect("File").center();
                self.click_at(menu);
                let entry = self.harness.get_by_label_contains("Save as…").rect();
                self.click_at(entry.center());
            }
        }
        self.wait("saved file", |desk| desk.editor().file().is_some());
    }

    /// A new pipeline from the start page.
    fn begin(&mut self) {
        self.steps(2);
        match self.hand {
            Hand::Keyboard => self.press_with(Modifiers::COMMAND, Key::N),
            Hand::Mouse => {
                let at = self.rect("New pipeline").center();
                self.click_at(at);
            }
        }
        self.wait("empty canvas", |desk| !desk.editor().view.start);
    }

    fn select(&mut self, node: &str) {
        match self.hand {
            Hand::Keyboard => {
                self.leave_for_canvas();
                self.press(Key::Slash);
                self.type_text(node);
                self.press(Key::Enter);
            }
            Hand::Mouse => {
                let at = self.node(node).center();
                self.click_at(at);
            }
        }
        let selected = self.editor().view.selection.single_node();
        assert_eq!(selected.map(|id| id.as_str()), Some(node));
        self.steps(1);
    }

    fn leave_for_canvas(&mut self) {
        for _ in 0..4 {
            if self.is_on_canvas() {
                return;
            }
            self.press(Key::Escape);
        }
        panic!(
            "Escape does not lead to the canvas but to {}",
            self.focused()
        );
    }

    fn rename(&mut self, from: &str, to: &str) {
        match self.hand {
            Hand::Keyboard => {
                self.leave_for_canvas();
                self.press(Key::F2);
            }
            Hand::Mouse => {
                self.click(&format!("Rename {from}"));
                self.press_with(Modifiers::COMMAND, Key::A);
            }
        }
        self.harness.get_by_label("New name");
        self.type_text(to);
        self.press(Key::Enter);
        assert!(self.editor().pipeline().node(to).is_some(), "{to}");
        self.steps(1);
    }

    /// Replaces the text of a field.
    fn fill(&mut self, field: &str, text: &str) {
        match self.hand {
            Hand::Keyboard => self.field_by_keys(field),
            Hand::Mouse => {
                self.click(field);
                self.press_with(Modifiers::COMMAND, Key::A);
            }
        }
        assert_eq!(self.focused(), field);
        self.type_text(text);
        self.steps(1);
    }

    /// Takes one of the choices of a field.
    fn choose(&mut self, field: &str, choice: &str) {
        let segment = format!("{choice} as {field}");
        let beside = self.harness.query_by_label(&segment).is_some();
        match (self.hand, beside) {
            (Hand::Keyboard, true) => {
                self.field_by_keys(&segment);
                self.press(Key::Enter);
            }
            (Hand::Keyboard, false) => {
                self.field_by_keys(field);
                self.press(Key::Enter);
                self.tab_to(choice);
                self.press(Key::Enter);
            }
            (Hand::Mouse, true) => self.click(&segment),
            (Hand::Mouse, false) => {
                self.click(field);
                self.click(choice);
            }
        }
        self.steps(1);
    }

    /// Takes a column of the list that a field opens.
    fn pick(&mut self, opener: &str, field: &str, column: &str) {
        self.compiled();
        match self.hand {
            Hand::Keyboard => {
                self.field_by_keys(opener);
                self.press(Key::Enter);
                assert_eq!(self.focused(), format!("Search columns for {field}"));
                self.type_text(column);
                self.press(Key::Enter);
                assert_eq!(self.focused(), opener, "the keyboard was lost");
            }
            Hand::Mouse => {
                self.click(opener);
                self.click(&format!("Take {column} for {field}"));
            }
        }
        self.steps(1);
    }

    /// Adds a row to a table; the keyboard is in it at once.
    fn add_row(&mut self, field: &str) {
        let add = format!("Add to {field}");
        match self.hand {
            Hand::Keyboard => {
                self.field_by_keys(&add);
                self.press(Key::Enter);
            }
            Hand::Mouse => self.click(&add),
        }
        self.steps(1);
    }

    /// A column of a schema: the row begins with its name.
    fn schema_row(&mut self, node: &str, name: &str, ty: &str) {
        let field = format!("Columns of {node}");
        self.add_row(&field);
        // What stands there is selected, so it is replaced.
        self.type_text(name);
        self.fill(&format!("{name} in {field}"), ty);
    }

    /// An aggregate: the row begins with its call.
    fn aggregate(&mut self, node: &str, call: &str, name: &str) {
        let field = format!("Aggregates of {node}");
        let row = self.editor().pipeline().node(node).map_or(0, |node| {
            let table = node.parameters.get("aggregates");
            table
                .and_then(|table| table.as_table())
                .map_or(0, |rows| rows.len())
        });
        self.add_row(&field);
        self.type_text(call);
        self.fill(&format!("Name {} in {field}", row + 1), name);
    }

    /// Title and comment of the node that is selected.
    fn describe(&mut self, node: &str, title: &str, comment: &str) {
        match self.hand {
            // Above the parameters.
            Hand::Keyboard => {
                self.leave_for_canvas();
                self.press(Key::F4);
                for _ in 0..6 {
                    if self.focused() == format!("Title of {node}") {
                        break;
                    }
                    self.press_with(Modifiers::SHIFT, Key::Tab);
                }
                self.type_text(title);
                if !comment.is_empty() {
                    self.tab_to(&format!("Comment of {node}"));
                    self.type_text(comment);
                }
            }
            Hand::Mouse => {
                self.fill(&format!("Title of {node}"), title);
                if !comment.is_empty() {
                    self.fill(&format!("Comment of {node}"), comment);
                }
            }
        }
        self.steps(1);
    }

    /// A first node, on the empty canvas.
    fn first(&mut self, kind: &str) {
        match self.hand {
            Hand::Keyboard => {
                self.leave_for_canvas();
                self.press(Key::A);
                self.take_kind(kind);
            }
            Hand::Mouse => {
                // Room for the others.
                let canvas = self.rect("Canvas");
                self.wheel(canvas.center(), -4.0);
                let row = self.rect(&format!("Add {kind}")).center();
                self.drag(row, canvas.lerp_inside(Vec2::new(0.12, 0.2)));
            }
        }
        self.steps(1);
    }

    /// A node at the end of a wire from another one.
    fn behind(&mut self, from: &str, kind: &str, below: f32) {
        match self.hand {
            Hand::Keyboard => {
                self.select(from);
                self.press(Key::C);
                if self.harness.query_by_label("Add a node").is_none() {
                    // There are ports, but none of such a name: Enter goes on to the kinds.
                    self.type_text(kind);
                    self.press(Key::Enter);
                    self.harness.get_by_label("Add a node");
                    self.press(Key::Enter);
                    self.steps(1);
                    return;
                }
            }
            Hand::Mouse => {
                let port = self.rect(&format!("Output of {from}")).center();
                let node = self.node(from);
                let by = Vec2::new(0.3 * node.width(), 1.5 * below * node.height());
                self.drag(port, port + by);
            }
        }
        self.take_kind(kind);
    }

    /// A node that stands alone at first, below another one.
    fn alone(&mut self, near: &str, kind: &str, below: f32) {
        match self.hand {
            Hand::Keyboard => {
                self.leave_for_canvas();
                self.press(Key::A);
            }
            Hand::Mouse => {
                let near = self.node(near);
                let away = Vec2::new(1.4 * near.width(), 1.5 * below * near.height());
                self.double_click(near.center() + away);
            }
        }
        self.take_kind(kind);
    }

    /// Takes a node kind of the search that is open.
    fn take_kind(&mut self, kind: &str) {
        self.harness.get_by_label("Add a node");
        self.type_text(kind);
        match self.hand {
            Hand::Keyboard => self.press(Key::Enter),
            Hand::Mouse => {
                let at = self.rect(&format!("Add {kind} here")).center();
                self.click_at(at);
            }
        }
        self.steps(1);
    }

    fn wire(&mut self, from: &str, to: &str) {
        match self.hand {
            Hand::Keyboard => {
                self.select(from);
                self.press(Key::C);
                self.type_text(to);
                self.press(Key::Enter);
                self.select(to);
            }
            Hand::Mouse => {
                let from = self.rect(&format!("Output of {from}")).center();
                let free = format!("Free input of {to}");
                let to = match self.harness.query_by_label(&free) {
                    Some(port) => port.rect(),
                    None => self.rect(&format!("Input input of {to}")),
                };
                self.drag(from, to.center());
            }
        }
        self.steps(1);
    }

    /// Where a node is on the canvas.
    fn node(&self, id: &str) -> Rect {
        let name = format!("'{id}'");
        let mut found = self
            .harness
            .get_all_by_label_contains(&name)
            .filter(|node| node.accesskit_node().role() == egui::accesskit::Role::Button);
        let node = found.next().unwrap_or_else(|| panic!("no node {id}"));
        assert!(found.next().is_none(), "{id} is there twice");
        node.rect()
    }

    fn nothing_selected(&mut self) {
        match self.hand {
            Hand::Keyboard => {
                self.leave_for_canvas();
                self.press(Key::Escape);
            }
            Hand::Mouse => {
                let canvas = self.rect("Canvas");
                self.click_at(canvas.lerp_inside(Vec2::new(0.5, 0.03)));
            }
        }
        assert!(self.editor().view.selection.is_empty());
    }

    fn setting(&mut self, key: &str, value: &str) {
        match self.hand {
            Hand::Keyboard => {
                self.field_by_keys("Add a setting");
                self.press(Key::Enter);
                assert_eq!(self.focused(), "Key of a setting");
                self.type_text(key);
                self.press(Key::Enter);
            }
            Hand::Mouse => {
                self.click("Add a setting");
                self.type_text(key);
                self.click(&format!("Set {key}"));
            }
        }
        self.steps(2);
        // The value that is offered is selected.
        assert_eq!(self.focused(), format!("Value of {key}"));
        self.type_text(value);
        self.steps(1);
    }

    /// Rows of a node are previewed; one of them holds a text.
    fn see(&mut self, node: &str, text: &str) {
        self.select(node);
        self.wait(text, |desk| {
            desk.harness.query_all_by_label(text).next().is_some()
        });
    }

    fn run(&mut self) {
        match self.hand {
            Hand::Keyboard => self.press_with(Modifiers::COMMAND, Key::Enter),
            Hand::Mouse => {
                let at = self.rect("Run pipeline").center();
                self.click_at(at);
            }
        }
        self.wait("job", |desk| desk.shell().job.state != JobState::None);
        self.wait("end of the job", |desk| !desk.shell().job.is_running());
        assert_eq!(self.shell().job.state, JobState::Finished);
    }

    fn step_through_history(&mut self, name: &str, key: (Modifiers, Key)) {
        match self.hand {
            Hand::Keyboard => self.press_with(key.0, key.1),
            Hand::Mouse => {
                let menu = self.rect("Edit").center();
                self.click_at(menu);
                let entry = self.harness.get_by_label_contains(name).rect();
                self.click_at(entry.center());
            }
        }
        check_invariants(self.editor()).unwrap_or_else(|why| panic!("after {name}: {why}"));
    }

    /// Writes a picture into the folder that `MILLSTREAM_SHOTS` names, to look at.
    fn shot(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("MILLSTREAM_SHOTS") else {
            return;
        };
        let image = self.harness.render().expect("a picture");
        let file = Path::new(&folder).join(format!("gmv-{name}-{:?}.png", self.hand));
        image.save(file).expect("written");
    }
}

/// Builds the sample from nothing, as its `pipeline.toml` has it.
fn build(desk: &mut Desk) {
    desk.fill("Name of the pipeline", "gmv");
    desk.fill(
        "Description of the pipeline",
        "The sales of an online music shop by day, by month and in total.",
    );
    desk.setting("execution.checkpointing.interval", "1 s");

    desk.first("File source");
    desk.rename("file_source", "orders");
    desk.describe(
        "orders",
        "Orders",
        "Written by fetch.py: the CDNOW orders by date.",
    );
    desk.fill("Path of orders", "data/orders.csv");
    desk.choose("Format of orders", "CSV");
    for (name, ty) in [
        ("customer_id", "INT"),
        ("order_date", "DATE"),
        ("quantity", "INT"),
        ("amount", "DECIMAL(10, 2)"),
        ("ts", "AS CAST(order_date AS TIMESTAMP(3))"),
    ] {
        desk.schema_row("orders", name, ty);
    }
    desk.pick("Event time of orders", "Event time of orders", "ts");
    desk.fill("Out of order by of orders", "1 s");
    desk.shot("source");

    // By day.
    desk.behind("orders", "Window aggregate", 0.0);
    desk.rename("window", "daily");
    desk.describe("daily", "Sales by day", "");
    desk.choose("Window of daily", "Tumbling");
    desk.pick("Time of daily", "Time of daily", "ts");
    desk.fill("Size of daily", "1 day");
    desk.aggregate("daily", "COUNT(*)", "orders");
    desk.aggregate("daily", "SUM(quantity)", "items");
    desk.aggregate("daily", "SUM(amount)", "gmv");

    desk.behind("daily", "Rolling aggregate", 0.0);
    desk.rename("rolling", "to_date");
    desk.describe("to_date", "Sales to date", "");
    desk.pick("Order by of to_date", "Order by of to_date", "window_time");
    desk.aggregate("to_date", "SUM(gmv)", "gmv_to_date");

    desk.behind("to_date", "SQL", 0.0);
    desk.rename("sql", "daily_row");
    desk.describe("daily_row", "A day's row", "");
    desk.fill(
        "Query of daily_row",
        "SELECT CAST(window_start AS DATE) AS order_date, orders, items, gmv, gmv_to_date\nFROM to_date",
    );

    desk.behind("daily_row", "File sink", 0.0);
    desk.rename("file_sink", "by_day");
    desk.describe("by_day", "GMV by day", "");
    desk.fill("Folder of by_day", "out/by-day");
    desk.choose("Format of by_day", "CSV");

    // By month.
    desk.alone("orders", "SQL", 1.0);
    desk.rename("sql", "monthly");
    desk.wire("orders", "monthly");
    desk.describe(
        "monthly",
        "Sales by month",
        "Months have no fixed length, so one window holds a century and the months are its groups.",
    );
    desk.fill(
        "Query of monthly",
        "SELECT DATE_FORMAT(ts, 'yyyy-MM') AS order_month, COUNT(*) AS orders, SUM(amount) AS gmv\n\
         FROM TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '36500' DAY(5))\n\
         GROUP BY window_start, window_end, DATE_FORMAT(ts, 'yyyy-MM')",
    );
    desk.behind("monthly", "File sink", 0.0);
    desk.rename("file_sink", "by_month");
    desk.describe("by_month", "GMV by month", "");
    desk.fill("Folder of by_month", "out/by-month");
    desk.choose("Format of by_month", "CSV");

    // In total.
    desk.alone("orders", "Window aggregate", 2.0);
    desk.rename("window", "century");
    desk.wire("orders", "century");
    desk.describe("century", "Sales of a century", "");
    desk.choose("Window of century", "Tumbling");
    desk.pick("Time of century", "Time of century", "ts");
    desk.fill("Size of century", "36500 days");
    desk.aggregate("century", "COUNT(*)", "orders");
    desk.aggregate("century", "SUM(amount)", "gmv");
    desk.behind("century", "Select columns", 0.0);
    desk.rename("select", "overall");
    desk.describe("overall", "Sales in total", "");
    let add = "Add to Columns of overall";
    desk.pick(add, "Columns of overall", "orders");
    desk.pick(add, "Columns of overall", "gmv");
    desk.behind("overall", "File sink", 0.0);
    desk.rename("file_sink", "total");
    desk.describe("total", "GMV in total", "");
    desk.fill("Folder of total", "out/total");
    desk.choose("Format of total", "CSV");
}

/// What a pipeline is, whatever its wires are called and in which order it was drawn.
fn gist(pipeline: &Pipeline) -> (BTreeMap<String, String>, Vec<String>) {
    let nodes = pipeline.nodes().map(|(id, node)| {
        let parameters: BTreeMap<_, _> = node
            .parameters
            .iter()
            .map(|(name, value)| match value.as_text() {
                Some(text) => (name, text.trim().to_string()),
                None => (name, value.to_string()),
            })
            .collect();
        let text = format!(
            "{} {:?} {:?} {parameters:?}",
            node.kind, node.title, node.comment
        );
        (id.to_string(), text)
    });
    let wires = pipeline.edges().map(|(_, edge)| {
        let port = pipeline.input_port(edge);
        format!("{} > {}.{port}", edge.from.node, edge.to.node)
    });
    let mut wires: Vec<String> = wires.collect();
    wires.sort();
    (nodes.collect(), wires)
}

fn build_run_and_undo(hand: Hand) {
    let mut desk = Desk::new(hand);
    desk.begin();
    desk.save_as();
    let empty = desk.editor().document().clone();
    assert_eq!(empty, *Editor::empty().document());
    desk.nothing_selected();
    build(&mut desk);
    desk.shot("built");

    desk.compiled();
    // It is the sample, and means the same SQL on this machine and on Flink.
    let text = std::fs::read_to_string(sample().join("pipeline.toml")).expect("the sample");
    let sample = Pipeline::from_toml(&text).expect("it is right").pipeline;
    let built = desk.editor().pipeline();
    assert_eq!(gist(built), gist(&sample));
    assert_eq!(built.settings(), sample.settings());
    let wanted = Compiled::of(
        1,
        &sample,
        &FileEnvironment::new(desk.folder.path().to_path_buf()),
    );
    let compiled = desk.editor().compiled();
    assert_eq!(compiled.generation, desk.editor().generation());
    assert_eq!(compiled.diagnostics, []);
    for target in [Target::Embedded, Target::Flink] {
        assert_eq!(compiled.script(target), wanted.script(target));
    }

    // The worth of all orders is seen before the job runs, written by it, and seen after.
    desk.see("overall", GMV);
    desk.run();
    let written: String = std::fs::read_dir(desk.folder.path().join("out/total"))
        .expect("an output")
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
        .collect();
    assert_eq!(written.lines().last(), Some("69659,2500315.63"));
    desk.see("century", GMV);
    desk.shot("run");

    // All the way back, and forth again.
    let end: Document = desk.editor().document().clone();
    if hand == Hand::Keyboard {
        desk.leave_for_canvas();
    }
    let steps = desk.editor().history().labels().len() - 1;
    assert!(steps > 50, "{steps} steps to undo");
    for _ in 0..steps {
        assert!(desk.editor().history().can_undo());
        desk.step_through_history("Undo", (Modifiers::COMMAND, Key::Z));
    }
    assert!(!desk.editor().history().can_undo());
    assert_eq!(*desk.editor().document(), empty);
    for _ in 0..steps {
        assert!(desk.editor().history().can_redo());
        let key = (Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
        desk.step_through_history("Redo", key);
    }
    assert!(!desk.editor().history().can_redo());
    assert_eq!(*desk.editor().document(), end);
}

/// Where Tab leads to from the canvas, until it is there again.
#[test]
fn every_stop_of_the_keyboard_has_a_name() {
    let mut desk = Desk::new(Hand::Keyboard);
    desk.begin();
    let mut stops = Vec::new();
    for _ in 0..200 {
        desk.press(Key::Tab);
        if desk.is_on_canvas() {
            break;
        }
        let stop = desk.focus().expect("something has the keyboard");
        let stop = stop.accesskit_node();
        let name = stop.label().or_else(|| stop.value()).unwrap_or_default();
        assert!(
            !name.is_empty(),
            "a {:?} without a name at {:?}, behind {stops:?}",
            stop.role(),
            stop.bounding_box()
        );
        assert!(!stops.contains(&name), "'{name}' is there twice: {stops:?}");
        stops.push(name);
    }
    assert!(desk.is_on_canvas(), "it goes round: {stops:?}");
    for known in [
        "Run",
        "Add Window aggregate",
        "Name of the pipeline",
        "Problems tab",
    ] {
        assert!(stops.iter().any(|stop| stop == known), "{known}: {stops:?}");
    }
}

#[test]
fn the_sample_is_built_with_the_mouse() {
    build_run_and_undo(Hand::Mouse);
}

#[test]
fn the_sample_is_built_with_the_keyboard_alone() {
    build_run_and_undo(Hand::Keyboard);
}
