//! A window with real processes of `millstream` behind it.

// Each test file uses a part of this.
#![allow(dead_code)]

#[path = "../program/mod.rs"]
mod program;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use millstream_compiler::document::NodeId;
use millstream_ide::command::UiCommand;
use millstream_ide::editor::{Action, Selection};
use millstream_ide::shell::{Options, Shell};
use millstream_ide::work::dialogs::{Dialogs, Purpose, Question};
use millstream_ide::work::job::JobState;
use millstream_serve::registry::Registry;
pub use program::program;

/// A pipeline that goes on until it is stopped.
pub const ENDLESS: &str = r#"version = 1
name = "endless"

[settings]
"execution.checkpointing.interval" = "1 s"

[nodes.numbers]
kind = "datagen"
rows-per-second = 500

[nodes.numbers.schema]
n = "BIGINT"
word = "STRING"

[nodes.twice]
kind = "sql"
query = "SELECT n, n * 2 AS doubled, word FROM numbers"

[nodes.out]
kind = "file-sink"
path = "out"
format = "csv"

[edges]
a = { from = "numbers", to = "twice" }
b = { from = "twice", to = "out" }
"#;

pub fn endless(folder: &Path) -> PathBuf {
    let file = folder.join("pipeline.toml");
    std::fs::write(&file, ENDLESS).expect("written");
    file
}

/// Where the jobs of a window's user are listed.
pub fn registry(home: &Path) -> Registry {
    Registry::in_folder(home.join("running"))
}

/// Answers every dialog with one path.
#[derive(Debug)]
pub struct Answers {
    path: PathBuf,
    asked: Vec<Purpose>,
}

impl Answers {
    pub fn of(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            asked: vec![],
        }
    }
}

impl Dialogs for Answers {
    fn ask(&mut self, question: Question, wake: Box<dyn FnOnce() + Send>) {
        self.asked.push(question.purpose);
        wake();
    }

    fn answer(&mut self) -> Option<(Purpose, Option<PathBuf>)> {
        Some((self.asked.pop()?, Some(self.path.clone())))
    }
}

pub struct Window<'a> {
    pub harness: Harness<'a, Option<Shell>>,
}

impl Window<'_> {
    pub fn open(home: &Path, path: PathBuf) -> Self {
        let registry = registry(home);
        let options = Options {
            path: Some(path),
            home: home.to_path_buf(),
            samples: None,
        };
        let mut options = Some(options);
        let harness = Harness::builder()
            .with_size([1600.0, 1000.0])
            .allow_missing_glyphs()
            .build_ui_state(
                move |ui, shell: &mut Option<Shell>| {
                    let shell = shell.get_or_insert_with(|| {
                        let options = options.take().expect("one window");
                        let mut shell = Shell::new(ui.ctx(), options);
                        shell.set_program(program().to_path_buf());
                        shell.set_registry(registry.clone());
                        shell
                    });
                    shell.ui(ui);
                },
                None,
            );
        Self { harness }
    }

    pub fn shell(&self) -> &Shell {
        self.harness.state().as_ref().expect("a window")
    }

    pub fn act(&mut self, action: Action) {
        let context = self.harness.ctx.clone();
        let shell = self.harness.state_mut().as_mut().expect("a window");
        shell.apply(&context, action);
    }

    pub fn command(&mut self, command: UiCommand) {
        self.wait("the compiler", |window| {
            let editor = &window.shell().editor;
            editor.compiled().generation == editor.generation()
        });
        assert_eq!(self.shell().editor.ready(command), Ok(()));
        self.act(Action::Command(command));
    }

    pub fn wait(&mut self, what: &str, mut until: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        loop {
            self.harness.step();
            if until(self) {
                return;
            }
            let shell = self.shell();
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "no {what}; the job is {:?}, the preview {:?}; the log: {:#?}",
                shell.job.state,
                shell.preview(),
                shell.job.log,
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn wait_for_text(&mut self, text: &str) {
        self.wait(text, |window| {
            window.harness.query_all_by_label(text).next().is_some()
        });
    }

    /// Writes a picture into the folder that `MILLSTREAM_SHOTS` names, to look at.
    pub fn shot(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("MILLSTREAM_SHOTS") else {
            return;
        };
        let image = self.harness.render().expect("a picture");
        let file = Path::new(&folder).join(format!("{name}.png"));
        image.save(file).expect("written");
    }

    pub fn is_running(&self) -> bool {
        self.shell().job.state == JobState::Running && !self.shell().job.nodes.is_empty()
    }

    pub fn select(&mut self, node: &str) {
        self.act(Action::Select(Selection::node(id(node))));
    }
}

pub fn id(node: &str) -> NodeId {
    NodeId::new(node).expect("an id")
}

/// Whether a process runs, and is not one that waits for leave to be taken of it.
pub fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

pub fn pid(window: &Window<'_>) -> u32 {
    window.shell().job.address.as_ref().expect("an address").pid
}
