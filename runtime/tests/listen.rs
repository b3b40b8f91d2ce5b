//! `millstream run --listen` as it is called: how a job is found, and what it leaves behind.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use millstream_serve::api::{JobState, StopRequest};
use millstream_serve::client::Client;
use millstream_serve::files::{ADDRESS, JobAddress, LastWords};
use millstream_serve::registry::{self, Registry};

const NUMBERS: &str = "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen',
  'rows-per-second' = '1000', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1',
  'fields.n.end' = '1000000000');
CREATE TABLE done (n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO done SELECT n FROM numbers;\n";

/// A job that is killed if the test fails.
struct Job(Child);

impl Drop for Job {
    fn drop(&mut self) {
        // It has ended by then unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(dir: &Path, sql: &str, arguments: &[&str]) -> Command {
    std::fs::write(dir.join("job.sql"), sql).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command
        .args(["run", "job.sql"])
        .args(arguments)
        .current_dir(dir)
        .env(registry::FOLDER, dir.join("jobs"))
        .env_remove("MILLSTREAM_LISTEN_TOKEN")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

const LISTEN: [&str; 4] = ["--state-dir", "state", "--listen", "127.0.0.1:0"];

fn start(dir: &Path, sql: &str) -> (Job, PathBuf) {
    let child = command(dir, sql, &LISTEN).spawn().unwrap();
    (Job(child), dir.join("state"))
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "no {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn found(state: &Path) -> JobAddress {
    wait_for("address", || JobAddress::read(state).unwrap())
}

fn ended(job: &mut Job) -> ExitStatus {
    wait_for("end", || job.0.try_wait().unwrap())
}

#[test]
fn a_job_is_found_by_its_state_directory_and_leaves_its_last_words() {
    let dir = tempfile::tempdir().unwrap();
    let (mut job, state) = start(dir.path(), NUMBERS);
    let address = found(&state);
    assert_eq!(address.pid, job.0.id());
    assert_eq!(address.pipeline, "job");
    assert!(address.file.as_ref().unwrap().ends_with("job.sql"));
    assert!(!address.is_stale());
    assert_eq!(LastWords::read(&state).unwrap(), None);
    // It is also found by who does not know the state directory.
    let state_dir = address.state_dir.as_ref().unwrap();
    assert!(state_dir.is_absolute() && state_dir.ends_with("state"));
    let registry = Registry::in_folder(dir.path().join("jobs"));
    let listed = wait_for("entry", || registry.list().unwrap().pop());
    assert_eq!(listed, address);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(state.join(ADDRESS)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }
    let client = Client::of(&address).unwrap();
    wait_for("rows", || {
        let metrics = client.metrics().ok()?;
        (metrics.node("done")?.rows_out > 0).then_some(())
    });
    assert_eq!(client.status().unwrap().state, JobState::Running);

    // Another run cannot have the directory, and leaves the address alone.
    let second = command(dir.path(), NUMBERS, &LISTEN).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert_eq!(JobAddress::read(&state).unwrap(), Some(address));

    client.stop(&StopRequest::default()).unwrap();
    assert_eq!(ended(&mut job).code(), Some(0));
    assert_eq!(JobAddress::read(&state).unwrap(), None);
    assert_eq!(std::fs::read_dir(registry.folder()).unwrap().count(), 0);
    let last = LastWords::read(&state).unwrap().expect("last words");
    assert_eq!(last.status.state, JobState::Stopped);
    assert!(last.metrics.unwrap().node("done").unwrap().rows_out > 0);
}

#[test]
fn the_address_of_a_job_that_was_killed_is_stale() {
    let dir = tempfile::tempdir().unwrap();
    let (mut job, state) = start(dir.path(), NUMBERS);
    let address = found(&state);
    job.0.kill().unwrap();
    ended(&mut job);
    assert_eq!(JobAddress::read(&state).unwrap().as_ref(), Some(&address));
    assert!(address.is_stale());
    // The next run leaves its own.
    let (mut job, _) = start(dir.path(), NUMBERS);
    let next = wait_for("address", || {
        found(&state).ne(&address).then(|| found(&state))
    });
    Client::of(&next)
        .unwrap()
        .stop(&StopRequest::default())
        .ok();
    wait_for("end", || {
        let client = Client::of(&next).unwrap();
        client.stop(&StopRequest::default()).ok();
        job.0.try_wait().unwrap()
    });
}

#[test]
fn a_job_that_dies_leaves_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("in.csv"), "1\nx\n").unwrap();
    let sql = "CREATE TABLE words (w STRING)
         WITH ('connector' = 'filesystem', 'path' = 'in.csv', 'format' = 'csv');
       CREATE TEMPORARY VIEW parsed AS SELECT CAST(w AS INT) AS n FROM words;
       CREATE TABLE done (n INT) WITH ('connector' = 'blackhole');
       INSERT INTO done SELECT n FROM parsed;";
    let ran = command(dir.path(), sql, &LISTEN).output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let state = dir.path().join("state");
    let last = LastWords::read(&state).unwrap().expect("last words");
    assert_eq!(last.status.state, JobState::Failed);
    let error = last.status.error.unwrap();
    assert_eq!(error.node.as_deref(), Some("parsed"));
    assert!(error.message.contains("'x'"), "{}", error.message);
    assert_eq!(JobAddress::read(&state).unwrap(), None);
}

#[test]
fn how_to_listen_is_checked_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let ran = command(dir.path(), NUMBERS, arguments).output().unwrap();
        (
            ran.status.code(),
            String::from_utf8_lossy(&ran.stderr).into_owned(),
        )
    };
    let (code, text) = said(&["--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(2));
    assert!(
        text.contains("can be reached from other machines"),
        "{text}"
    );
    assert!(text.contains("--listen-public"), "{text}");
    let (code, text) = said(&["--listen", "127.0.0.1:0", "--listen-token", "short"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("the token is too short"), "{text}");
    let (code, text) = said(&["--listen", "127.0.0.1"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("127.0.0.1:8421"), "{text}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, text) = said(&["--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(code, Some(1));
    assert!(text.contains("cannot listen on 127.0.0.1:"), "{text}");
}

#[test]
fn a_job_without_a_state_directory_says_its_token() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--listen", "127.0.0.1:0", "--for", "300ms"];
    let ran = command(dir.path(), NUMBERS, &arguments).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    let line = said
        .lines()
        .find(|l| l.starts_with("job API at http://127.0.0.1:"));
    assert!(line.is_some_and(|l| l.contains(" (token ")), "{said}");
    let ran = command(dir.path(), NUMBERS, &arguments)
        .env("MILLSTREAM_LISTEN_TOKEN", "a-token-that-is-known")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(
        said.contains("job API at") && !said.contains("a-token-that"),
        "{said}"
    );
}

#[test]
fn state_that_does_not_fit_is_told_from_other_failures() {
    let dir = tempfile::tempdir().unwrap();
    let sums = |columns: &str| {
        format!(
            "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen',
               'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '100');
             CREATE TABLE done (k BIGINT, {columns}) WITH ('connector' = 'blackhole');
             CREATE TEMPORARY VIEW sums AS SELECT MOD(n, 10) AS k, {} FROM numbers GROUP BY MOD(n, 10);
             INSERT INTO done SELECT * FROM sums;",
            match columns {
                "c BIGINT NOT NULL" => "COUNT(*) AS c",
                _ => "COUNT(*) AS c, SUM(n) AS s",
            }
        )
    };
    let kept = ["--state-dir", "state"];
    let ran = |sql: &str, more: &[&str]| {
        let arguments: Vec<&str> = kept.iter().chain(more).copied().collect();
        let ran = command(dir.path(), sql, &arguments).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        (ran.status.code(), said)
    };
    let (one, two) = (
        sums("c BIGINT NOT NULL"),
        sums("c BIGINT NOT NULL, s BIGINT"),
    );
    let (code, said) = ran(&one, &[]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = ran(&two, &[]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("no longer fits the pipeline"), "{said}");
    // So does a savepoint, and then nothing is forgotten for it.
    let saved = Command::new(env!("CARGO_BIN_EXE_millstream"))
        .args(["savepoint", "create", "state", "saves"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let savepoint = String::from_utf8(saved.stdout).unwrap();
    let savepoint = savepoint.trim();
    let (code, said) = ran(&two, &["--fresh", "--from-savepoint", savepoint]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("nothing was started"), "{said}");
    let kept = std::fs::read_dir(dir.path().join("state/checkpoints")).unwrap();
    assert!(
        kept.flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("chk-"))
    );
    let (code, said) = ran(&one, &["--fresh", "--from-savepoint", savepoint]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = ran(&two, &["--fresh"]);
    assert_eq!(code, Some(0), "{said}");
}
