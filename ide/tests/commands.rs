//! Every command on random documents, with what always holds checked after each.

use std::collections::BTreeSet;
use std::sync::Arc;

use egui::accesskit::Toggled;
use egui::{Pos2, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use millstream_compiler::document::{Command, Entries, NodeId, Position};
use millstream_compiler::lower::{Target, repairs};
use millstream_compiler::nodes;
use millstream_ide::canvas::arrange::node_rect;
use millstream_ide::command::UiCommand;
use millstream_ide::editor::{
    Action, BottomTab, Camera, CentreTab, Editor, Effect, Overlay, Popup, Selection,
    check_invariants,
};
use millstream_ide::shell::{Options, Shell};
use millstream_ide::work::compile::Compiled;
use millstream_ide::work::dialogs::ScriptedDialogs;
use millstream_ide::work::job::JobView;
use millstream_ide::work::repairs::Repairs;
use millstream_runtime::environment::FileEnvironment;

/// A small generator of numbers that a seed decides (xorshift).
struct Random(u64);

impl Random {
    fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.draw() % limit.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        (!from.is_empty()).then(|| &from[self.below(from.len())])
    }
}

fn node_ids(editor: &Editor) -> Vec<NodeId> {
    editor
        .pipeline()
        .nodes()
        .map(|(id, _)| id.clone())
        .collect()
}

/// Something a person could do with the pointer or the keyboard.
fn random_action(random: &mut Random, editor: &Editor, clipboard: &Option<String>) -> Action {
    let ids = node_ids(editor);
    let any = |random: &mut Random| random.pick(&ids).cloned();
    let place = |random: &mut Random| {
        Position::new(
            random.below(4_000) as i32 - 2_000,
            random.below(3_000) as i32 - 1_500,
        )
    };
    match random.below(22) {
        // Without these a document would soon be empty: most commands delete or do nothing.
        0..=4 => {
            let kinds = nodes::all();
            let kind = kinds[random.below(kinds.len())].spec();
            let mut parameters = Entries::new();
            for parameter in kind.parameters {
                if random.below(2) == 0 && !parameter.example.is_empty() {
                    parameters.insert(parameter.name, parameter.example);
                }
            }
            Action::Edit(Command::AddNode {
                id: None,
                kind: kind.name.to_string(),
                parameters,
                position: (random.below(4) > 0).then(|| place(random)),
            })
        }
        5..=8 => match (any(random), any(random)) {
            (Some(from), Some(to)) => Action::Edit(Command::Connect {
                from: from.into(),
                to: to.into(),
            }),
            _ => Action::EndBurst,
        },
        9 => match any(random) {
            Some(node) => Action::Burst {
                key: format!("drag {}", random.below(3)),
                command: Command::MoveNodes {
                    positions: vec![(node, place(random))],
                },
            },
            None => Action::EndBurst,
        },
        10 => {
            let chosen = ids.iter().filter(|_| random.below(3) == 0).cloned();
            let nodes: BTreeSet<NodeId> = chosen.collect();
            let edges: Vec<_> = editor
                .pipeline()
                .edges()
                .map(|(id, _)| id.clone())
                .collect();
            let frames: Vec<_> = editor
                .document()
                .layout()
                .frames()
                .map(|(id, _)| id.clone())
                .collect();
            Action::Select(Selection {
                nodes,
                edges: random.pick(&edges).cloned().into_iter().collect(),
                frames: random.pick(&frames).cloned().into_iter().collect(),
            })
        }
        11 => any(random).map_or(Action::EndBurst, |node| {
            Action::Select(Selection::node(node))
        }),
        12 => any(random).map_or(Action::EndBurst, Action::GoTo),
        13 => any(random).map_or(Action::EndBurst, Action::Preview),
        14 => match (any(random), random.below(3)) {
            (Some(node), 0) => Action::Edit(Command::RenameNode {
                node,
                to: NodeId::slug(&format!("name {}", random.below(30))),
            }),
            (Some(node), 1) => Action::Edit(Command::SetTitle {
                node,
                title: Some("A title".into()),
            }),
            (Some(node), _) => Action::Popup(Popup::Rename(node)),
            (None, _) => Action::Popup(Popup::Palette),
        },
        15 => clipboard.clone().map_or(Action::EndBurst, Action::Paste),
        16 => Action::JumpTo(random.below(editor.history().labels().len() + 2)),
        17 => Action::Look(Camera {
            centre: Pos2::new(random.below(900) as f32, random.below(900) as f32),
            zoom: 0.05 + random.below(390) as f32 / 100.0,
        }),
        18 => Action::ShowCentre(CentreTab::ALL[random.below(3)]),
        19 => Action::ShowBottom(BottomTab::ALL[random.below(5)]),
        20 => Action::ShowOverlay(Overlay::ALL[random.below(5)]),
        _ => Action::Popup(Popup::AddNode {
            at: place(random),
            from: any(random).map(Into::into),
            to: None,
        }),
    }
}

fn random_document(random: &mut Random, actions: usize) -> Editor {
    let mut editor = Editor::empty();
    for _ in 0..actions {
        let action = random_action(random, &editor, &None);
        editor.apply(action);
    }
    editor
}

#[test]
fn ten_thousand_random_commands_keep_what_always_holds() {
    let seed = 0x6d69_6c6c_7374_7265;
    let mut random = Random(seed);
    let mut editor = Editor::empty();
    let mut clipboard = None;
    let mut run: BTreeSet<UiCommand> = BTreeSet::new();
    for step in 0..10_000 {
        // Now and then the compiler answers, and a job begins or ends.
        if step % 500 == 499 {
            use UiCommand::{ApplySql, DiscardSql, EditSql, QuickFix};
            for command in [QuickFix, EditSql, ApplySql, EditSql, DiscardSql] {
                compile(&mut editor);
                if command == QuickFix {
                    prepare_compiled(&mut editor, command);
                }
                if editor.ready(command).is_ok() {
                    run.insert(command);
                }
                editor.apply(Action::Command(command));
            }
            compile(&mut editor);
        }
        // A document of random nodes is rarely without errors: sometimes it is taken for one.
        if step % 500 == 249 {
            editor.set_compiled(Arc::new(Compiled {
                generation: editor.generation(),
                ..Compiled::default()
            }));
        }
        if random.below(50) == 0 {
            editor.job_running = !editor.job_running;
        }
        let action = if random.below(2) == 0 {
            // What is seldom ready is taken when it is, or chance would pass some commands over.
            let mut commands = UiCommand::ALL.to_vec();
            if random.below(4) == 0 {
                let waits =
                    |command: &UiCommand| !run.contains(command) && editor.ready(*command).is_ok();
                let waiting: Vec<UiCommand> = commands.iter().copied().filter(waits).collect();
                if !waiting.is_empty() {
                    commands = waiting;
                }
            }
            let command = commands[random.below(commands.len())];
            if editor.ready(command).is_ok() {
                run.insert(command);
            }
            Action::Command(command)
        } else {
            random_action(&mut random, &editor, &clipboard)
        };
        // A document of a person has tens of nodes; without a bound Duplicate doubles it for ever.
        let grows = matches!(
            action,
            Action::Paste(_) | Action::Command(UiCommand::Duplicate)
        );
        if grows && node_ids(&editor).len() > 60 {
            continue;
        }
        let said = format!("{action:?}");
        for effect in editor.apply(action) {
            if let Effect::CopyText(text) = effect {
                clipboard = Some(text);
            }
        }
        if let Err(why) = check_invariants(&editor) {
            panic!("after step {step} of seed {seed}, {said}: {why}");
        }
    }
    let left: Vec<UiCommand> = UiCommand::ALL
        .into_iter()
        .filter(|command| !run.contains(command))
        .collect();
    assert_eq!(left, [], "never ready");
}

/// What the compile worker does beside the frames.
fn compile(editor: &mut Editor) {
    let environment = FileEnvironment::new(editor.base_dir());
    let compiled = Compiled::of(editor.generation(), editor.pipeline(), &environment);
    editor.set_compiled(compiled.into());
}

/// Makes a command ready that is about what the compiler said.
fn prepare_compiled(editor: &mut Editor, command: UiCommand) {
    let script = editor.compiled().script(editor.view.target).to_string();
    match command {
        UiCommand::QuickFix => {
            let environment = FileEnvironment::new(editor.base_dir());
            // A few are enough, and each takes some compilations.
            let findings = editor.compiled().diagnostics.iter().take(6);
            let found = findings
                .map(|found| repairs(editor.document(), found, Target::Embedded, &environment))
                .collect();
            let generation = editor.compiled().generation;
            editor.set_repairs(Repairs { generation, found }.into());
        }
        UiCommand::ApplySql | UiCommand::DiscardSql => {
            editor.apply(Action::TypeSql(format!("{script}\n-- more\n")));
        }
        _ => {}
    }
}

/// Makes a command ready on a document, as far as a person can.
fn prepare(editor: &mut Editor, command: UiCommand) {
    use UiCommand::*;
    let ids = node_ids(editor);
    let one = Selection::node(ids[0].clone());
    let selection = match command {
        Rename | StartWire | Preview | FreezePreview | EditParameters => one,
        Unframe => {
            editor.apply(Action::Select(Selection::nodes(ids)));
            editor.apply(Action::Command(Frame));
            let frames = editor.document().layout().frames();
            Selection {
                frames: frames.map(|(id, _)| id.clone()).collect(),
                ..Selection::default()
            }
        }
        _ => Selection::nodes(ids),
    };
    editor.apply(Action::Popup(Popup::None));
    editor.apply(Action::Select(selection));
    if command == Redo {
        editor.apply(Action::Command(Undo));
    }
}

#[test]
fn every_command_is_found_in_the_palette_by_its_name_and_carried_out() {
    let mut random = Random(0x0070_616c_6574_7465);
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options {
        path: None,
        home: folder.path().to_path_buf(),
        samples: None,
    };
    let mut options = Some(options);
    let mut window = Harness::builder()
        .with_size(Vec2::new(1200.0, 900.0))
        .allow_missing_glyphs()
        .build_ui_state(
            move |ui, shell: &mut Option<Shell>| {
                let shell = shell.get_or_insert_with(|| {
                    let mut shell = Shell::new(ui.ctx(), options.take().expect("one window"));
                    shell.set_program("/nowhere/millstream".into());
                    shell.set_dialogs(Box::new(ScriptedDialogs::default()));
                    shell
                });
                shell.ui(ui);
            },
            None,
        );
    window.run_steps(2);
    // Those for a running job first: of a made-up one nothing is heard until Run has failed.
    let needs_job = |command: &UiCommand| {
        matches!(
            command,
            UiCommand::Stop
                | UiCommand::StopWithSavepoint
                | UiCommand::CheckpointNow
                | UiCommand::Detach
        )
    };
    let mut commands = UiCommand::ALL.to_vec();
    commands.retain(|command| *command != UiCommand::Palette);
    commands.sort_by_key(|command| !needs_job(command));
    for command in commands {
        let mut editor = random_document(&mut random, 60);
        // Something that can run, and is looked at in the graph.
        while node_ids(&editor).len() < 3 || !editor.history().can_undo() {
            editor = random_document(&mut random, 60);
        }
        if matches!(
            command,
            UiCommand::Run | UiCommand::RunFromScratch | UiCommand::RunFromSavepoint
        ) {
            editor = Editor::empty();
            for kind in ["generator", "print"] {
                editor.apply(Action::Edit(Command::AddNode {
                    id: None,
                    kind: kind.into(),
                    parameters: Entries::new().with("generator", "card-transactions"),
                    position: None,
                }));
            }
            let (from, to) = (NodeId::slug("generator"), NodeId::slug("print"));
            editor.apply(Action::Edit(Command::Connect {
                from: from.into(),
                to: to.into(),
            }));
        }
        editor.view.centre = CentreTab::Graph;
        prepare(&mut editor, command);
        let shell = window.state_mut().as_mut().expect("a window");
        editor.continue_from(&shell.editor);
        compile(&mut editor);
        prepare_compiled(&mut editor, command);
        shell.editor = editor;
        shell.modal = None;
        shell.job = match needs_job(&command) {
            true => JobView::starting(),
            false => JobView::default(),
        };
        window.run_steps(2);
        let shell = window.state_mut().as_mut().expect("a window");
        assert_eq!(shell.editor.ready(command), Ok(()), "{command:?}");
        window.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::P);
        window.run_steps(1);
        window
            .get_by_label("Type a command")
            .type_text(command.name());
        window.run_steps(2);
        // It is the best answer to its own name, so Enter takes it.
        let name = format!("{} command", command.name());
        let entry = window.get_by_label(&name);
        let chosen = entry.accesskit_node().toggled();
        assert_eq!(chosen, Some(Toggled::True), "{command:?}");
        window.key_press(egui::Key::Enter);
        window.run_steps(3);
        let shell = window.state().as_ref().expect("a window");
        assert_ne!(shell.editor.view.popup, Popup::Palette, "{command:?}");
        check_invariants(&shell.editor).unwrap_or_else(|why| panic!("after {command:?}: {why}"));
    }
}

#[test]
fn undo_goes_back_to_the_beginning_and_redo_to_the_end() {
    for seed in 1..20 {
        let mut random = Random(seed * 7_919);
        let mut editor = random_document(&mut random, 60);
        let last = editor.history().labels().len() - 1;
        editor.apply(Action::JumpTo(last));
        let end = editor.document().clone();
        let begin = Editor::empty().document().clone();
        while editor.ready(UiCommand::Undo).is_ok() {
            editor.apply(Action::Command(UiCommand::Undo));
        }
        assert_eq!(*editor.document(), begin, "seed {seed}");
        while editor.ready(UiCommand::Redo).is_ok() {
            editor.apply(Action::Command(UiCommand::Redo));
        }
        assert_eq!(*editor.document(), end, "seed {seed}");
    }
}

#[test]
fn a_burst_is_one_step() {
    let mut editor = Editor::empty();
    let add = Command::AddNode {
        id: None,
        kind: "filter".into(),
        parameters: Entries::new(),
        position: None,
    };
    editor.apply(Action::Edit(add));
    let node = node_ids(&editor)[0].clone();
    let steps = editor.history().labels().len();
    for typed in ["a", "a >", "a > 1"] {
        editor.apply(Action::Burst {
            key: "condition".into(),
            command: Command::SetParameter {
                node: node.clone(),
                parameter: "condition".into(),
                value: typed.into(),
            },
        });
    }
    assert_eq!(editor.history().labels().len(), steps + 1);
    editor.apply(Action::EndBurst);
    editor.apply(Action::Burst {
        key: "condition".into(),
        command: Command::SetParameter {
            node: node.clone(),
            parameter: "condition".into(),
            value: "a > 2".into(),
        },
    });
    assert_eq!(editor.history().labels().len(), steps + 2);
    editor.apply(Action::Command(UiCommand::Undo));
    let value = |editor: &Editor| {
        let node = editor.pipeline().node(node.as_str()).expect("it is there");
        node.text_at("condition").map(str::to_string)
    };
    assert_eq!(value(&editor).as_deref(), Some("a > 1"));
    editor.apply(Action::Command(UiCommand::Undo));
    assert_eq!(value(&editor), None);
}

#[test]
fn a_refused_edit_changes_nothing_and_says_why() {
    let mut editor = Editor::empty();
    for kind in ["filter", "derive"] {
        editor.apply(Action::Edit(Command::AddNode {
            id: None,
            kind: kind.into(),
            parameters: Entries::new(),
            position: None,
        }));
    }
    let (filter, derive) = (NodeId::slug("filter"), NodeId::slug("derive"));
    let connect = |from: &NodeId, to: &NodeId| Command::Connect {
        from: from.clone().into(),
        to: to.clone().into(),
    };
    editor.apply(Action::Edit(connect(&filter, &derive)));
    let before = editor.document().clone();
    let effects = editor.apply(Action::Edit(connect(&derive, &filter)));
    assert_eq!(*editor.document(), before);
    let [Effect::Notify(notice)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert!(notice.text.contains("cycle"), "{}", notice.text);
}

#[test]
fn what_is_added_is_selected_and_seen() {
    let mut editor = Editor::empty();
    editor.apply(Action::CanvasAt(egui::Rect::from_min_size(
        Pos2::ZERO,
        Vec2::new(800.0, 600.0),
    )));
    editor.apply(Action::Edit(Command::AddNode {
        id: None,
        kind: "print".into(),
        parameters: Entries::new(),
        position: Some(Position::new(10, 10)),
    }));
    assert_eq!(
        editor.view.selection.single_node().map(NodeId::as_str),
        Some("print")
    );
    // Beyond the border the canvas follows, as little as it takes.
    for (x, y) in [(9_000, 10), (-9_000, 4_000), (-9_000, 3_980)] {
        let before = editor.view.camera;
        editor.apply(Action::Edit(Command::AddNode {
            id: None,
            kind: "print".into(),
            parameters: Entries::new(),
            position: Some(Position::new(x, y)),
        }));
        let node = editor.view.selection.single_node().expect("it is selected");
        let rect = node_rect(editor.document(), node).expect("it stands somewhere");
        let camera = editor.view.camera;
        assert!(camera.visible(editor.view.canvas).contains_rect(rect));
        assert_eq!(camera.zoom, before.zoom);
        assert_eq!(camera == before, y == 3_980, "{camera:?} after {before:?}");
    }
}
