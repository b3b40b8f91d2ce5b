//! Previews and jobs with real processes of `millstream`, seen through the window.

mod window;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use egui_kittest::kittest::{NodeT as _, Queryable as _};
use millstream_ide::command::UiCommand;
use millstream_ide::editor::{Action, BottomTab};
use millstream_ide::work::job::JobState;
use window::{Window, endless, id, pid, runs};

/// The orders of the sample, fetched once.
fn orders() -> &'static Path {
    static ORDERS: OnceLock<PathBuf> = OnceLock::new();
    ORDERS.get_or_init(|| {
        let sample = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/gmv"));
        let fetched = Command::new("python3")
            .arg(sample.join("fetch.py"))
            .status()
            .expect("python3 runs");
        assert!(fetched.success(), "the orders cannot be fetched");
        sample.join("data/orders.csv")
    })
}

/// A copy of the sample that a job can write beside.
fn gmv(folder: &Path) -> PathBuf {
    let sample = folder.join("gmv");
    std::fs::create_dir_all(sample.join("data")).expect("a folder");
    std::fs::copy(orders(), sample.join("data/orders.csv")).expect("the orders");
    let pipeline = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/gmv/pipeline.toml");
    std::fs::copy(pipeline, sample.join("pipeline.toml")).expect("the pipeline");
    sample
}

#[test]
fn the_sales_of_the_sample_are_seen_in_the_preview_and_written_by_the_job() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = gmv(folder.path());
    let mut window = Window::open(&folder.path().join("home"), sample.clone());
    window.wait("frame", |_| true);
    // Whatever is selected is previewed.
    window.select("overall");
    window.wait_for_text("2500315.63");
    window.wait("summary", |window| {
        window.shell().preview().summary.is_some()
    });
    let summary = window.shell().preview().summary.clone().expect("a summary");
    assert_eq!((summary.rows, summary.sources[0].rows), (1, 69_659));
    window.select("daily");
    window.wait_for_text("window_start");
    window.harness.get_by_label("Distribution of gmv");

    // Twice: a run begins anew, not where the last one ended.
    for _ in 0..2 {
        window.command(UiCommand::Run);
        window.wait("end", |window| !window.shell().job.is_running());
        assert_eq!(window.shell().job.state, JobState::Finished);
    }
    let total: String = std::fs::read_dir(sample.join("out/total"))
        .expect("an output")
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
        .collect();
    assert!(total.contains("69659,2500315.63"), "{total}");
    assert!(window.shell().job.nodes[&id("orders")].rows_out >= 69_659);
    window.act(Action::ShowBottom(BottomTab::Logs));
    window.wait("log", |window| !window.shell().job.log.is_empty());
    window.act(Action::ShowBottom(BottomTab::Charts));
    window.wait("samples", |window| !window.shell().job.samples.is_empty());
}

#[test]
fn a_job_outlives_its_window_and_the_next_one_finds_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    let file = endless(folder.path());
    let mut window = Window::open(&home, file.clone());
    window.wait("frame", |_| true);
    window.command(UiCommand::Run);
    window.wait("running job", Window::is_running);
    let job = pid(&window);
    drop(window);
    std::thread::sleep(Duration::from_millis(300));
    assert!(runs(job), "the job went with its window");

    let mut window = Window::open(&home, file);
    // Without being asked.
    window.wait("running job", Window::is_running);
    assert_eq!(pid(&window), job);
    window.wait("log", |window| !window.shell().job.log.is_empty());
    // Rows of the job itself, not of a sample.
    window.select("twice");
    window.wait("rows of a tap", |window| {
        let preview = window.shell().preview();
        preview.live
            && preview
                .table
                .as_ref()
                .is_some_and(|table| table.rows.len() > 10)
    });
    window.wait_for_text("doubled");
    window.act(Action::Command(UiCommand::ZoomToFit));
    if std::env::var_os("MILLSTREAM_SHOTS").is_some() {
        let begun = Instant::now();
        window.wait("some seconds", |_| begun.elapsed() > Duration::from_secs(6));
    }
    window.shot("jobs-tap-dark");
    window.act(Action::ShowBottom(BottomTab::Charts));
    window.wait("frame", |_| true);
    window.shot("jobs-charts-dark");
    window.act(Action::Command(UiCommand::ToggleTheme));
    window.wait("frame", |_| true);
    window.shot("jobs-charts-light");
    window.act(Action::ShowBottom(BottomTab::Logs));
    window.wait("frame", |_| true);
    window.shot("jobs-logs-light");
    window.act(Action::ShowBottom(BottomTab::Preview));
    window.wait("frame", |_| true);
    window.act(Action::HoldPreview(true));
    window.wait("frozen rows", |window| {
        window.shell().preview().frozen_at.is_some()
    });
    let held = window.shell().preview().table.clone();
    window.act(Action::Command(UiCommand::CheckpointNow));
    window.wait("checkpoint", |window| {
        window.shell().job.last_checkpoint().is_some()
    });
    assert_eq!(window.shell().preview().table, held);
    assert!(window.shell().job.nodes[&id("numbers")].rate > 0.0);
    let wire = (id("numbers"), id("twice"));
    assert!(window.shell().job.edges[&wire].rows > 0);

    window.command(UiCommand::StopWithSavepoint);
    window.wait("end", |window| {
        window.shell().job.state == JobState::Finished
    });
    assert!(!runs(job));
    let written = window.shell().job.nodes[&id("numbers")].rows_out;
    assert!(written > 0);
    // The next run goes on where it stopped.
    window.wait("savepoint", |window| {
        window.shell().last_savepoint().is_some()
    });
    window.command(UiCommand::Run);
    window.wait("running job", Window::is_running);
    assert_ne!(pid(&window), job);
    assert!(window.shell().job.restored_from.is_some());
    window.command(UiCommand::Stop);
    window.wait("end", |window| {
        window.shell().job.state == JobState::Finished
    });
}

#[test]
fn a_job_that_dies_shows_its_last_words_on_its_node() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("in.csv"), "1\n2\nthree\n").expect("written");
    let text = r#"version = 1
name = "dies"

[nodes.numbers]
kind = "file-source"
path = "in.csv"
format = "csv"

[nodes.numbers.schema]
n = "BIGINT"

[nodes.out]
kind = "file-sink"
path = "out"
format = "csv"

[edges]
a = { from = "numbers", to = "out" }
"#;
    let file = folder.path().join("pipeline.toml");
    std::fs::write(&file, text).expect("written");
    let mut window = Window::open(&folder.path().join("home"), file);
    window.wait("frame", |_| true);
    window.command(UiCommand::Run);
    window.wait("end", |window| !window.shell().job.is_running());
    let job = &window.shell().job;
    let words = job.failure_of(&id("numbers")).map(str::to_owned);
    let words = words.unwrap_or_else(|| panic!("{:?}", job.state));
    assert!(words.contains("three"), "{words}");
    window.wait_for_text("● FAILED in numbers");
    // On the node itself, for everybody.
    window.act(Action::Command(UiCommand::ZoomToFit));
    window.wait("words on the node", |window| {
        let name = "'numbers', the job failed here: ";
        let mut found = window.harness.query_all_by_label_contains(name);
        found.any(|node| {
            let label = node.accesskit_node().label().unwrap_or_default();
            label.contains("three")
        })
    });
    window.shot("jobs-failed-dark");
    window.act(Action::Command(UiCommand::ToggleTheme));
    window.wait("frame", |_| true);
    window.shot("jobs-failed-light");
    window.act(Action::ShowBottom(BottomTab::Logs));
    window.wait_for_text("The job failed in");
    window.shot("logs-failed-light");
    // The preview of the same rows says why it has none.
    window.select("numbers");
    window.act(Action::ShowBottom(BottomTab::Preview));
    window.wait_for_text("No rows of numbers");
    window.shot("preview-failed-light");
    window.harness.get_by_label("Try again");

    // A job whose process is killed leaves no word, and that is said.
    let other = tempfile::tempdir().expect("a folder");
    let file = endless(other.path());
    let mut window = Window::open(&folder.path().join("home"), file);
    window.wait("frame", |_| true);
    window.command(UiCommand::Run);
    window.wait("running job", Window::is_running);
    let killed = Command::new("kill")
        .args(["-9", &pid(&window).to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
    window.wait("end", |window| !window.shell().job.is_running());
    let JobState::Failed { message, .. } = &window.shell().job.state else {
        panic!("{:?}", window.shell().job.state);
    };
    assert!(message.contains("killed by signal 9"), "{message}");
}

#[test]
fn an_unsaved_document_runs_with_its_edits_where_its_files_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = gmv(folder.path());
    let mut window = Window::open(&folder.path().join("home"), sample.clone());
    window.wait("frame", |_| true);
    window.select("by_day");
    window.command(UiCommand::Delete);
    assert!(window.shell().editor.is_unsaved());
    window.command(UiCommand::Run);
    window.wait("end", |window| !window.shell().job.is_running());
    assert_eq!(window.shell().job.state, JobState::Finished);
    assert!(
        sample.join("out/total").exists(),
        "relative paths start elsewhere"
    );
    assert!(
        !sample.join("out/by-day").exists(),
        "the file ran, not the document"
    );
}

#[test]
fn without_the_program_the_window_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = endless(folder.path());
    let mut window = Window::open(&folder.path().join("home"), file);
    window.wait("frame", |_| true);
    let shell = window.harness.state_mut().as_mut().expect("a window");
    shell.set_program("/nowhere/millstream".into());
    window.command(UiCommand::Run);
    window.wait("end", |window| !window.shell().job.is_running());
    let JobState::Failed { message, .. } = &window.shell().job.state else {
        panic!("{:?}", window.shell().job.state);
    };
    assert!(message.contains("/nowhere/millstream"), "{message}");
}
