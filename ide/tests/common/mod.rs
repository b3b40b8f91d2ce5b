//! What tests of the editor have in common: a panel with an editor behind it, a whole window, and
//! hands that find things by their accessible names.

// Each test takes what it needs.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::{Key, Modifiers, Ui, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use millstream_compiler::document::{Document, Layout, NodeId, Pipeline, Value};
use millstream_ide::editor::{Action, Editor, Effect, Selection};
use millstream_ide::shell::{Options, Shell};
use millstream_ide::theme;
use millstream_ide::work::compile::Compiled;
use millstream_ide::work::repairs::Repairs;
use millstream_runtime::environment::FileEnvironment;

/// A folder of the samples.
pub fn sample(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples")).join(name)
}

/// An editor of the fraud sample.
pub fn fraud() -> Editor {
    Editor::open(&sample("fraud")).expect("the sample opens").0
}

/// An editor of a pipeline that has no file.
pub fn editor(text: &str) -> Editor {
    let loaded = Pipeline::from_toml(text).expect("the pipeline is right");
    Editor::new(Document::new(loaded.pipeline, Layout::default()), None)
}

/// A panel with an editor behind it, which is compiled after every change.
pub struct Bench<P> {
    pub editor: Editor,
    pub panel: P,
    pub effects: Vec<Effect>,
}

impl<P> Bench<P> {
    fn compile(&mut self) {
        let generation = self.editor.generation();
        if self.editor.compiled().generation < generation {
            let environment = FileEnvironment::new(self.editor.base_dir());
            let compiled = Compiled::of(generation, self.editor.pipeline(), &environment);
            let repairs = Repairs::of(self.editor.document(), &compiled, &environment);
            self.editor.set_compiled(compiled.into());
            self.editor.set_repairs(repairs.into());
        }
    }
}

/// A harness around a panel.
pub type Stand<P> = Harness<'static, Bench<P>>;

/// Puts a panel on a bench of this size.
pub fn bench<P: 'static>(
    editor: Editor,
    theme: egui::Theme,
    size: Vec2,
    panel: P,
    draw: impl Fn(&mut Ui, &mut P, &Editor, &mut Vec<Action>) + 'static,
) -> Stand<P> {
    let mut bench = Bench {
        editor,
        panel,
        effects: Vec::new(),
    };
    bench.compile();
    let mut harness = Harness::builder()
        .with_size(size)
        .with_theme(theme)
        .with_context_setup(theme::install)
        .build_ui_state(
            move |ui, bench: &mut Bench<P>| {
                bench.compile();
                let palette = theme::palette(ui.ctx());
                let whole = ui.ctx().content_rect();
                ui.painter().rect_filled(whole, 0.0, palette.panel);
                let mut actions = Vec::new();
                egui::Frame::new()
                    .inner_margin(egui::Margin::symmetric(12, 10))
                    .show(ui, |ui| {
                        draw(ui, &mut bench.panel, &bench.editor, &mut actions);
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

/// Selects nodes.
pub fn select<P>(harness: &mut Stand<P>, nodes: &[&str]) {
    let selection = selection(nodes);
    harness.state_mut().editor.apply(Action::Select(selection));
    harness.run();
}

/// These nodes.
pub fn selection(nodes: &[&str]) -> Selection {
    Selection::nodes(nodes.iter().map(|node| node_id(node)))
}

/// A node's id.
pub fn node_id(node: &str) -> NodeId {
    NodeId::new(node).expect("an id")
}

/// A parameter of a node.
pub fn parameter(editor: &Editor, node: &str, parameter: &str) -> Option<Value> {
    let node = editor.pipeline().node(node).expect("the node is there");
    node.parameters.get(parameter).cloned()
}

/// Replaces what stands in a field.
pub fn fill<S>(harness: &mut Harness<'static, S>, field: &str, text: &str) {
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

/// Clicks what is called so.
pub fn click<S>(harness: &mut Harness<'static, S>, name: &str) {
    harness.get_by_label(name).click();
    harness.run();
}

/// Writes a picture of what is seen, if the environment names a folder for them.
pub fn picture<S>(harness: &mut Harness<'static, S>, name: &str) {
    if let Some(folder) = std::env::var_os("MILLSTREAM_SHOTS").map(PathBuf::from) {
        // What moves has arrived.
        harness.run_steps(30);
        let image = harness.render().expect("an adapter is there");
        let file = folder.join(format!("{name}.png"));
        image.save(file).expect("the picture is written");
    }
}

/// The folder for pictures, if the environment names one.
pub fn pictures_wanted() -> bool {
    std::env::var_os("MILLSTREAM_SHOTS").is_some()
}

/// A whole window.
pub struct Window {
    pub harness: Harness<'static, Option<Shell>>,
    _home: Option<tempfile::TempDir>,
}

impl Window {
    /// A window on a pipeline.
    pub fn open(path: PathBuf) -> Self {
        let home = tempfile::tempdir().expect("a folder for settings");
        let mut window = Self::at_home(home.path(), Some(path), egui::Theme::Dark);
        window._home = Some(home);
        window
    }

    /// A window whose settings and journals are in a folder.
    pub fn at_home(home: &Path, path: Option<PathBuf>, theme: egui::Theme) -> Self {
        let options = Options {
            path,
            home: home.to_path_buf(),
            samples: None,
        };
        let mut options = Some(options);
        let harness = Harness::builder()
            .with_size(Vec2::new(1500.0, 940.0))
            .with_theme(theme)
            .with_context_setup(theme::install)
            .allow_missing_glyphs()
            .build_ui_state(
                move |ui, shell: &mut Option<Shell>| {
                    let shell = shell.get_or_insert_with(|| {
                        let options = options.take().expect("one window");
                        Shell::new(ui.ctx(), options)
                    });
                    if ui.ctx().theme() != theme {
                        ui.ctx().set_theme(theme);
                    }
                    shell.ui(ui);
                },
                None,
            );
        let mut window = Self {
            harness,
            _home: None,
        };
        window.harness.run_steps(4);
        window
    }

    pub fn shell(&self) -> &Shell {
        self.harness.state().as_ref().expect("a window")
    }

    pub fn shell_mut(&mut self) -> &mut Shell {
        self.harness.state_mut().as_mut().expect("a window")
    }

    pub fn editor(&self) -> &Editor {
        &self.shell().editor
    }

    pub fn act(&mut self, action: Action) {
        let context = self.harness.ctx.clone();
        self.shell_mut().apply(&context, action);
        self.harness.run_steps(2);
    }

    pub fn click(&mut self, name: &str) {
        self.harness.get_by_label(name).click();
        self.harness.run_steps(4);
    }

    pub fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(4);
    }

    /// Steps until something is so.
    pub fn wait(&mut self, what: &str, mut until: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        loop {
            self.harness.step();
            if until(self) {
                self.harness.run_steps(2);
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "no {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the compiler.
    pub fn compiled(&mut self) {
        self.wait("compiled script", |window| {
            let editor = window.editor();
            editor.compiled().generation == editor.generation()
        });
    }
}
