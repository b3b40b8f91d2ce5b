//! What waits for something else: a run for the compiler, a preview for a pause in the edits.

mod program;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use millstream_compiler::document::{Command, NodeId};
use millstream_ide::command::UiCommand;
use millstream_ide::editor::{Action, BottomTab};
use millstream_ide::shell::{Options, Shell};
use millstream_ide::work::job::JobState;
use millstream_ide::work::preview::{Origin, PreviewView, PreviewWorker, Question};
use program::program;

/// Doubles the numbers of a file, or whatever the query says.
fn pipeline(query: &str) -> String {
    format!(
        r#"version = 1
name = "numbers"

[nodes.numbers]
kind = "file-source"
path = "in.csv"
format = "csv"

[nodes.numbers.schema]
n = "BIGINT"

[nodes.twice]
kind = "sql"
query = "{query}"

[nodes.out]
kind = "file-sink"
path = "out"
format = "csv"

[edges]
a = {{ from = "numbers", to = "twice" }}
b = {{ from = "twice", to = "out" }}
"#
    )
}

const DOUBLES: &str = "SELECT n * 2 AS doubled FROM numbers";

struct Window {
    harness: Harness<'static, Option<Shell>>,
}

impl Window {
    fn open(folder: &Path) -> Self {
        std::fs::write(folder.join("in.csv"), "1\n2\n3\n").expect("written");
        let file = folder.join("pipeline.toml");
        std::fs::write(&file, pipeline(DOUBLES)).expect("written");
        let options = Options {
            path: Some(file),
            home: folder.join("home"),
            samples: None,
        };
        let mut options = Some(options);
        let harness = Harness::builder()
            .with_size([1400.0, 900.0])
            .allow_missing_glyphs()
            .build_ui_state(
                move |ui, shell: &mut Option<Shell>| {
                    let shell = shell.get_or_insert_with(|| {
                        let options = options.take().expect("one window");
                        let mut shell = Shell::new(ui.ctx(), options);
                        shell.set_program(program().to_path_buf());
                        shell
                    });
                    shell.ui(ui);
                },
                None,
            );
        let mut window = Self { harness };
        window.wait("compiler", |window| !window.shell().editor.is_compiling());
        window
    }

    fn shell(&self) -> &Shell {
        self.harness.state().as_ref().expect("a window")
    }

    fn act(&mut self, action: Action) {
        let context = self.harness.ctx.clone();
        let shell = self.harness.state_mut().as_mut().expect("a window");
        shell.apply(&context, action);
    }

    /// Changes the query and runs before the compiler has seen it.
    fn change_and_run(&mut self, query: &str) {
        self.act(Action::Edit(Command::SetParameter {
            node: NodeId::slug("twice"),
            parameter: "query".into(),
            value: query.into(),
        }));
        assert!(self.shell().editor.is_compiling());
        assert_eq!(self.shell().editor.ready(UiCommand::Run), Ok(()));
        self.act(Action::Command(UiCommand::Run));
        assert!(
            !self.shell().job.is_running(),
            "it runs what is not compiled"
        );
    }

    fn wait(&mut self, what: &str, mut until: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        loop {
            self.harness.step();
            if until(self) {
                return;
            }
            let state = &self.shell().job.state;
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "no {what}; the job is {state:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_run_waits_for_the_compiler_and_begins_if_nothing_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = Window::open(folder.path());
    // Nothing was wrong with the document before; with this one something is.
    window.change_and_run("SELECT nothing FROM numbers");
    window.wait("refusal", |window| {
        let notice = "The pipeline has errors: see Problems";
        window.harness.query_by_label(notice).is_some()
    });
    assert_eq!(window.shell().job.state, JobState::None);
    assert_eq!(window.shell().editor.run_when_compiled, None);
    window.harness.get_by_label("Show problems").click();
    window.wait("problems", |window| {
        window.shell().editor.view.bottom == BottomTab::Problems
    });
    assert_eq!(
        window.shell().editor.ready(UiCommand::Run),
        Err("The pipeline has errors: see Problems")
    );
    // And the other way around: what was wrong is put right, and runs without asking twice.
    window.change_and_run("SELECT n * 3 AS tripled FROM numbers");
    window.wait("end", |window| {
        window.shell().job.state == JobState::Finished
    });
    let written: String = std::fs::read_dir(folder.path().join("out"))
        .expect("an output")
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
        .collect();
    assert_eq!(written, "3\n6\n9\n");
}

#[test]
fn of_edits_in_a_burst_only_the_last_is_previewed() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("in.csv"), "1\n2\n3\n").expect("written");
    // A program that counts how often it is started.
    let calls = folder.path().join("calls");
    let counting = folder.path().join("counting.sh");
    let script = format!(
        "#!/bin/sh\necho started >> '{}'\nexec '{}' \"$@\"\n",
        calls.display(),
        program().display()
    );
    std::fs::write(&counting, script).expect("written");
    let status = std::process::Command::new("chmod")
        .arg("+x")
        .arg(&counting)
        .status();
    assert!(status.expect("chmod runs").success());
    let count = || std::fs::read_to_string(&calls).map_or(0, |text| text.lines().count());

    let mut worker = PreviewWorker::start(Arc::new(|| {}));
    let mut view = PreviewView::default();
    let question = |factor: u32| {
        let query = format!("SELECT n * {factor} AS product FROM numbers");
        Some(Question {
            node: NodeId::slug("twice"),
            origin: Origin::Sample {
                program: Some(counting.clone()),
                text: pipeline(&query).into(),
                base_dir: folder.path().to_path_buf(),
            },
        })
    };
    let wait = |worker: &mut PreviewWorker, view: &mut PreviewView| {
        let begun = Instant::now();
        while view.working {
            worker.take_in(view, false);
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "no rows: {view:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(view.error, None);
    };
    for factor in 1..=20 {
        worker.ask(question(factor), &mut view);
    }
    wait(&mut worker, &mut view);
    assert_eq!(count(), 1);
    let table = view.table.clone().expect("rows");
    assert!(table.rows[2].contains("60"), "{table:?}");
    // The same again asks nothing.
    worker.ask(question(20), &mut view);
    assert!(!view.working);
    // What is asked while a process works ends that one.
    worker.ask(question(7), &mut view);
    wait(&mut worker, &mut view);
    assert_eq!(count(), 2);
    let table = view.table.clone().expect("rows");
    assert!(table.rows[2].contains("21"), "{table:?}");
}
