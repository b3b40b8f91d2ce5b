//! Runs that go on from the last one or begin anew, and jobs that were started elsewhere.

mod window;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use egui_kittest::kittest::Queryable as _;
use millstream_compiler::document::Command as Edit;
use millstream_ide::command::UiCommand;
use millstream_ide::editor::{Action, Notice, Selection};
use millstream_ide::shell::Modal;
use millstream_ide::work::job::JobState;
use millstream_serve::registry;
use window::{Answers, ENDLESS, Window, endless, id, pid, program, runs};

/// A process that is killed if the test fails.
struct Elsewhere(Child);

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // It has ended by then unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A job that a person starts in a terminal.
fn in_a_terminal(home: &Path, file: &Path, state: &Path) -> Elsewhere {
    let child = Command::new(program())
        .arg("run")
        .arg(file)
        .arg("--state-dir")
        .arg(state)
        .args(["--listen", "127.0.0.1:0"])
        .env(registry::FOLDER, window::registry(home).folder())
        .env_remove("MILLSTREAM_LISTEN_TOKEN")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Elsewhere(child.expect("it starts"))
}

fn with_groups(folder: &Path) -> PathBuf {
    let query = "SELECT n, n * 2 AS doubled, word FROM numbers";
    let groups = "SELECT MOD(n, 10) AS k, COUNT(*) AS c FROM numbers GROUP BY MOD(n, 10)";
    let text = ENDLESS.replace(query, groups).replace(
        "kind = \"file-sink\"\npath = \"out\"\nformat = \"csv\"",
        "kind = \"print\"",
    );
    assert!(text.contains(groups) && text.contains("print"));
    let file = folder.join("pipeline.toml");
    std::fs::write(&file, text).expect("written");
    file
}

fn checkpoint(window: &mut Window<'_>) {
    window.command(UiCommand::CheckpointNow);
    window.wait("checkpoint", |window| {
        window.shell().job.last_checkpoint().is_some()
    });
}

fn stop(window: &mut Window<'_>) {
    window.command(UiCommand::Stop);
    window.wait("end", |window| {
        window.shell().job.state == JobState::Finished
    });
}

fn press(window: &mut Window<'_>, button: &str) {
    window.wait_for_text(button);
    window.harness.get_by_label(button).click();
    window.wait("frame", |_| true);
}

#[test]
fn a_run_goes_on_from_the_last_one_unless_it_is_to_begin_from_scratch() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = Window::open(&folder.path().join("home"), endless(folder.path()));
    window.wait("frame", |_| true);
    window.command(UiCommand::Run);
    window.wait("running job", Window::is_running);
    assert_eq!(window.shell().job.restored_from, None);
    checkpoint(&mut window);
    stop(&mut window);

    // The button says what it would do.
    window.harness.get_by_label("Run pipeline").hover();
    window.wait("tip", |window| {
        let mut found = window
            .harness
            .query_all_by_label_contains("Go on from checkpoint ");
        found.next().is_some()
    });
    window.command(UiCommand::Run);
    window.wait("running job", Window::is_running);
    let from = window.shell().job.restored_from.expect("a checkpoint");
    window.wait_for_text(&format!("The job goes on from checkpoint {from}"));
    stop(&mut window);

    // The commands are in the menu, too.
    window
        .harness
        .get_all_by_label("Run")
        .next()
        .expect("a menu")
        .click();
    window.wait("frame", |_| true);
    for command in [
        "Run from scratch",
        "Stop with savepoint",
        "Checkpoint now",
        "Attach to a job…",
    ] {
        window.wait("entry", |window| {
            let mut found = window.harness.query_all_by_label_contains(command);
            found.next().is_some()
        });
    }
    window.shot("menu-run-dark");
    window.harness.key_press(egui::Key::Escape);
    window.wait("closed menu", |window| {
        window
            .harness
            .query_by_label_contains("Checkpoint now")
            .is_none()
    });

    // What the last run left is not thrown away without a word.
    window.command(UiCommand::RunFromScratch);
    window.wait_for_text("Forget the state of the last run?");
    window.shot("jobs-scratch-dark");
    window.harness.key_press(egui::Key::Escape);
    window.wait("closed question", |window| window.shell().modal.is_none());
    assert_eq!(window.shell().job.state, JobState::Finished);
    window.command(UiCommand::RunFromScratch);
    press(&mut window, "Go on from the checkpoint");
    window.wait("running job", Window::is_running);
    assert!(window.shell().job.restored_from.is_some());
    stop(&mut window);
    window.command(UiCommand::RunFromScratch);
    press(&mut window, "Run from scratch");
    window.wait("running job", Window::is_running);
    assert_eq!(window.shell().job.restored_from, None);
    stop(&mut window);
}

#[test]
fn a_run_can_begin_with_a_savepoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = Window::open(&folder.path().join("home"), endless(folder.path()));
    window.wait("frame", |_| true);
    window.command(UiCommand::Run);
    window.wait("running job", Window::is_running);
    window.command(UiCommand::StopWithSavepoint);
    window.wait("savepoint", |window| {
        window.shell().last_savepoint().is_some() && window.shell().job.state == JobState::Finished
    });
    let savepoint = window
        .shell()
        .last_savepoint()
        .expect("a savepoint")
        .to_path_buf();
    let shell = window.harness.state_mut().as_mut().expect("a window");
    shell.set_dialogs(Box::new(Answers::of(&savepoint)));
    window.command(UiCommand::RunFromSavepoint);
    press(&mut window, "Run from savepoint");
    window.wait("running job", Window::is_running);
    assert!(window.shell().job.restored_from.is_some());
    window.wait("log", |window| {
        let mut log = window.shell().job.log.iter();
        log.any(|line| line.text.contains("going on from the savepoint"))
    });
    stop(&mut window);
}

#[test]
fn a_change_that_does_not_fit_the_state_is_explained_and_can_begin_from_scratch() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = Window::open(&folder.path().join("home"), with_groups(folder.path()));
    window.wait("frame", |_| true);
    window.command(UiCommand::Run);
    window.wait("running job", Window::is_running);
    checkpoint(&mut window);
    // Rows of a job that takes some of them back.
    window.act(Action::Select(Selection::node(id("twice"))));
    window.wait("rows of a tap", |window| {
        let preview = window.shell().preview();
        let table = preview.table.as_ref();
        preview.live && table.is_some_and(|table| table.rows.len() > 40)
    });
    window.act(Action::HoldPreview(true));
    window.wait("frozen rows", |window| {
        window.shell().preview().frozen_at.is_some()
    });
    window.shot("preview-tap-dark");
    window.act(Action::Command(UiCommand::ToggleTheme));
    window.wait("frame", |_| true);
    window.shot("preview-tap-light");
    window.act(Action::Command(UiCommand::ToggleTheme));
    window.act(Action::HoldPreview(false));
    stop(&mut window);
    window.act(Action::Edit(Edit::SetParameter {
        node: id("twice"),
        parameter: "query".into(),
        value:
            "SELECT MOD(n, 10) AS k, COUNT(*) AS c, SUM(n) AS s FROM numbers GROUP BY MOD(n, 10)"
                .into(),
    }));
    window.command(UiCommand::Run);
    window.wait("question", |window| {
        matches!(window.shell().modal, Some(Modal::Unfit(_)))
    });
    let Some(Modal::Unfit(why)) = &window.shell().modal else {
        unreachable!()
    };
    assert!(
        why.contains("the state of 1 operator no longer fits the pipeline")
            && why.contains("twice"),
        "{why}"
    );
    window.wait("frame", |_| true);
    window.shot("jobs-unfit-dark");
    press(&mut window, "Run from scratch");
    window.wait("running job", Window::is_running);
    assert_eq!(window.shell().job.restored_from, None);
    stop(&mut window);

    // A pipeline with another name has no claim to the state either.
    window.act(Action::Edit(Edit::SetName {
        name: "another".into(),
    }));
    window.command(UiCommand::Run);
    window.wait("question", |window| {
        matches!(window.shell().modal, Some(Modal::Unfit(_)))
    });
    let Some(Modal::Unfit(why)) = &window.shell().modal else {
        unreachable!()
    };
    assert!(
        why.contains("belongs to the pipeline endless, not to another"),
        "{why}"
    );
    press(&mut window, "Cancel");
    assert!(matches!(window.shell().job.state, JobState::Failed { .. }));
}

#[test]
fn a_job_of_this_pipeline_that_was_started_elsewhere_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    let file = endless(folder.path());
    let job = in_a_terminal(&home, &file, &folder.path().join("its-state"));
    let registry = window::registry(&home);
    let mut window = Window::open(&home, file);
    // The window may be there first.
    window.wait("entry", |_| !registry.list().expect("a list").is_empty());
    let shell = window.harness.state_mut().as_mut().expect("a window");
    shell.set_registry(registry);
    window.wait("running job", Window::is_running);
    assert_eq!(pid(&window), job.0.id());
    // A savepoint of it goes where its own are.
    window.command(UiCommand::StopWithSavepoint);
    window.wait("end", |window| {
        window.shell().job.state == JobState::Finished
    });
    let saved = window.shell().last_savepoint().map(Path::to_path_buf);
    assert!(
        saved
            .expect("a savepoint")
            .starts_with(folder.path().join("its-state")),
    );
}

#[test]
fn running_jobs_are_listed_and_can_be_attached_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let (home, here, there) = (
        folder.path().join("home"),
        folder.path().join("here"),
        folder.path().join("there"),
    );
    for folder in [&here, &there] {
        std::fs::create_dir_all(folder).expect("made");
    }
    let other = endless(&there);
    let job = in_a_terminal(&home, &other, &there.join("state"));
    let process = job.0.id();
    let mut window = Window::open(&home, with_groups(&here));
    window.wait("entry", |_| {
        !window::registry(&home).list().expect("a list").is_empty()
    });
    assert!(!window.shell().job.is_running());

    window.command(UiCommand::Attach);
    window.wait_for_text("Running jobs");
    let attach = format!("Attach to endless, process {process}");
    window.wait_for_text("running");
    window.shot("jobs-list-dark");
    // A token that is wrong is said to be.
    let address = window::registry(&home).list().expect("a list").remove(0);
    let name = "Address, 127.0.0.1:40123";
    let field = window.harness.get_by_label(name);
    field.focus();
    window.wait("frame", |_| true);
    window
        .harness
        .get_by_label(name)
        .type_text(address.url.trim_start_matches("http://"));
    window.wait("frame", |_| true);
    window.harness.get_by_label("Token").focus();
    window.wait("frame", |_| true);
    window
        .harness
        .get_by_label("Token")
        .type_text("not-the-token-of-it");
    window.wait("frame", |_| true);
    press(&mut window, "Attach to address");
    window.wait("refusal", |window| {
        let by = "the token is not this job's";
        window
            .harness
            .query_all_by_label_contains(by)
            .next()
            .is_some()
    });
    window.shot("jobs-list-refused-dark");
    window.act(Action::Command(UiCommand::ToggleTheme));
    window.wait("frame", |_| true);
    window.shot("jobs-list-light");
    press(&mut window, &attach);
    window.wait("running job", Window::is_running);
    assert_eq!(pid(&window), process);
    assert!(window.shell().modal.is_none());

    // It goes on when nobody looks, and this document can be run again.
    window.command(UiCommand::Detach);
    assert_eq!(window.shell().job.state, JobState::None);
    assert!(runs(process));
    assert_eq!(
        window.shell().editor.ready(UiCommand::Detach),
        Err("No job is watched")
    );

    // Its own document can be opened with it.
    window.command(UiCommand::Attach);
    press(&mut window, &format!("Open endless, process {process}"));
    window.wait("running job", Window::is_running);
    assert_eq!(pid(&window), process);
    let shown = window.shell().editor.file().expect("a file");
    assert_eq!(std::path::absolute(shown).expect("a path"), other);
    stop(&mut window);
}

#[test]
fn a_running_job_goes_with_its_document_to_another_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    let file = endless(folder.path());
    let mut window = Window::open(&home, file.clone());
    window.wait("frame", |_| true);
    window.command(UiCommand::Run);
    window.wait("running job", Window::is_running);
    let job = pid(&window);
    let copy = folder.path().join("copy.toml");
    let shell = window.harness.state_mut().as_mut().expect("a window");
    shell.set_dialogs(Box::new(Answers::of(&copy)));
    window.act(Action::Command(UiCommand::SaveAs));
    window.wait("file", |window| window.shell().editor.file() == Some(&copy));
    drop(window);

    let mut window = Window::open(&home, copy);
    window.wait("running job", Window::is_running);
    assert_eq!(pid(&window), job);
    stop(&mut window);
    // The file it was saved from begins on its own.
    let mut window = Window::open(&home, file);
    window.wait("frame", |_| true);
    window.command(UiCommand::Run);
    window.wait("running job", Window::is_running);
    assert_ne!(pid(&window), job);
    assert_eq!(window.shell().job.restored_from, None);
    stop(&mut window);
}

#[test]
fn a_notice_can_be_heard_and_nothing_is_painted_while_it_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = Window::open(&folder.path().join("home"), endless(folder.path()));
    window.wait("frame", |_| true);
    window.wait("the compiler", |window| {
        let editor = &window.shell().editor;
        editor.compiled().generation == editor.generation()
    });
    for notice in [
        Notice::done("Saved"),
        Notice::error("something did not work: the disk is full"),
    ] {
        window.act(Action::Notify(notice));
    }
    window.wait_for_text("something did not work: the disk is full");
    window.harness.get_by_label("Saved");
    window.shot("notices-dark");
    // Until it is over nothing asks for a frame: the rest settles in a moment.
    for _ in 0..20 {
        window.harness.step();
    }
    let output = window.harness.output();
    let delay = output.viewport_output[&egui::ViewportId::ROOT].repaint_delay;
    assert!(delay > Duration::from_millis(500), "{delay:?}");
    window.act(Action::Command(UiCommand::ToggleTheme));
    window.wait("frame", |_| true);
    window.shot("notices-light");
    // It goes by itself, and when it is closed.
    window.wait("the end of one", |window| {
        window.harness.query_by_label("Saved").is_none()
    });
    press(&mut window, "Close notice");
    window.wait("the end of the other", |window| {
        let mut found = window.harness.query_all_by_label_contains("did not work");
        found.next().is_none()
    });
}

#[test]
fn the_job_of_a_document_in_no_file_goes_with_it_into_one_and_is_forgotten_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    let script = folder.path().join("numbers.sql");
    let sql = "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen',
                 'rows-per-second' = '100');
               CREATE TABLE printed (n BIGINT) WITH ('connector' = 'print');
               INSERT INTO printed SELECT n FROM numbers;";
    std::fs::write(&script, sql).expect("written");
    let folders = || -> Vec<String> {
        let found = std::fs::read_dir(home.join("jobs"))
            .into_iter()
            .flatten()
            .flatten();
        let names = found.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("unsaved-")).collect()
    };
    let run = |window: &mut Window<'_>| {
        window.wait("document", |window| {
            window.shell().editor.pipeline().nodes().len() > 1
        });
        window.command(UiCommand::Run);
        window.wait("running job", Window::is_running);
    };
    let mut window = Window::open(&home, script.clone());
    run(&mut window);
    let job = pid(&window);
    assert_eq!(folders().len(), 1);
    let file = folder.path().join("numbers.toml");
    let shell = window.harness.state_mut().as_mut().expect("a window");
    shell.set_dialogs(Box::new(Answers::of(&file)));
    window.act(Action::Command(UiCommand::SaveAs));
    window.wait("file", |window| window.shell().editor.file() == Some(&file));
    drop(window);
    let mut window = Window::open(&home, file);
    window.wait("running job", Window::is_running);
    assert_eq!(pid(&window), job);
    stop(&mut window);
    // Its file leads to it, so it stays.
    window.act(Action::Command(UiCommand::New));
    assert_eq!(folders().len(), 1);

    // Of one that is given up nothing stays.
    let mut window = Window::open(&home, script);
    run(&mut window);
    assert_eq!(folders().len(), 2);
    stop(&mut window);
    window.act(Action::Command(UiCommand::New));
    press(&mut window, "Don't save");
    window.wait("removed folder", |_| folders().len() == 1);
}
