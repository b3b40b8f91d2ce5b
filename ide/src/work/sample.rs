//! A process of `millstream preview`: the rows of a node, on the first rows of its sources.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use millstream_compiler::document::NodeId;
use millstream_serve::api::TapLine;

use super::program;

/// What to run.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// The program; found if it is not named.
    pub(super) program: Option<PathBuf>,
    /// The pipeline as TOML.
    pub(super) text: Arc<str>,
    /// Where its relative paths start.
    pub(super) base_dir: PathBuf,
    /// Whose rows.
    pub(super) node: NodeId,
    /// How many at most.
    pub(super) rows: usize,
    /// How many rows are read of each source at most.
    pub(super) source_rows: u64,
}

/// A process that was started.
pub(super) struct Started {
    child: Arc<Mutex<Child>>,
    text: Arc<str>,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

impl Sample {
    /// Starts the process.
    ///
    /// # Errors
    /// There is no program, or it cannot be started.
    pub(super) fn start(&self) -> Result<Started, String> {
        let program = match &self.program {
            Some(program) => program.clone(),
            None => program::find()?,
        };
        let mut child = Command::new(&program)
            .args(["preview", "-", "--node", self.node.as_str()])
            .arg("--base-dir")
            .arg(&self.base_dir)
            .args(["--rows", &self.rows.to_string()])
            .args(["--source-rows", &self.source_rows.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("the preview has no pipes".into());
        };
        Ok(Started {
            child: Arc::new(Mutex::new(child)),
            text: Arc::clone(&self.text),
            stdin,
            stdout,
            stderr,
        })
    }
}

impl Started {
    /// The process, to end it from elsewhere.
    pub(super) fn child(&self) -> Arc<Mutex<Child>> {
        Arc::clone(&self.child)
    }

    /// Hands out the lines as they come, until the process has ended.
    ///
    /// # Errors
    /// What the process complained about.
    pub(super) fn read(self, mut take: impl FnMut(TapLine)) -> Result<(), String> {
        let Self {
            child,
            text,
            mut stdin,
            stdout,
            mut stderr,
        } = self;
        let complaints = thread::spawn(move || {
            let mut text = String::new();
            // What cannot be read is not shown.
            let _ = stderr.read_to_string(&mut text);
            text
        });
        // A process that does not read says why.
        let _ = stdin.write_all(text.as_bytes());
        drop(stdin);
        let mut broken = None;
        for line in BufReader::new(stdout).lines() {
            match line.map_err(|e| e.to_string()).and_then(|line| {
                TapLine::parse(&line).map_err(|error| format!("{error} in '{line}'"))
            }) {
                Ok(line) => take(line),
                Err(error) => {
                    broken = Some(format!("the preview wrote something else: {error}"));
                    break;
                }
            }
        }
        // Its output has ended; the lock is held by nobody for long.
        let exit = child.lock().unwrap_or_else(PoisonError::into_inner).wait();
        let complaints = complaints.join().unwrap_or_default();
        let failed = exit.is_ok_and(|exit| !exit.success());
        match (broken, failed) {
            (Some(broken), _) => Err(broken),
            (None, true) => Err(complaint(&complaints)),
            (None, false) => Ok(()),
        }
    }
}

/// What a process complained about, without the word that says it is an error.
fn complaint(text: &str) -> String {
    let text = match text.find("error: ") {
        Some(at) => &text[at + "error: ".len()..],
        None => text,
    };
    match text.trim() {
        "" => "the preview ended without a word".into(),
        text => text.into(),
    }
}
