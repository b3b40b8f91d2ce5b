//! Starts jobs and watches them, on a thread a job.
//!
//! A job is a process of `millstream run` in a process group of its own, with a file for its log:
//! nothing of it hangs on the editor. It is found again by the address it leaves in its folder,
//! which is told by the pipeline's file. Dropping a [`Watch`] ends the watching, not the job.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use millstream_compiler::document::{NodeId, files};
use millstream_serve::api::{self, StopRequest};
use millstream_serve::client::{Client, ClientError};
use millstream_serve::files::{JobAddress, LastWords};

use super::job::{JobNews, JobState};
use super::program;
use crate::editor::Notice;

/// Wakes the window when there is something new.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// How often a job is asked how it is.
const INTERVAL: Duration = Duration::from_millis(250);
/// How much of a log that was there before is read.
const LOG_TAIL: u64 = 1 << 20;
/// How many lines of the log make the last words of a job that left none.
const LAST_LINES: usize = 12;

/// The folder of a pipeline's job: its state, its log, its savepoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFolder(PathBuf);

impl JobFolder {
    /// The folder for the pipeline of a file (or without one, of a name) in the editor's folder.
    pub fn of(home: &Path, file: Option<&Path>, name: &str) -> Self {
        let absolute = file.map(|file| std::path::absolute(file).unwrap_or(file.to_path_buf()));
        let key = match &absolute {
            Some(file) => file.to_string_lossy().into_owned(),
            None => format!("unsaved:{name}"),
        };
        let plain: String = name
            .chars()
            .take(40)
            .map(|c| if c.is_alphanumeric() { c } else { '-' })
            .collect();
        Self(
            home.join("jobs")
                .join(format!("{plain}-{:016x}", fnv1a(&key))),
        )
    }

    /// Where checkpoints and the job's address are.
    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// What the job writes.
    pub fn log(&self) -> PathBuf {
        self.0.join("job.log")
    }

    /// Where savepoints are collected.
    pub fn savepoints(&self) -> PathBuf {
        self.0.join("savepoints")
    }

    /// A document that is in no file, as it was when the job was started.
    fn document(&self) -> PathBuf {
        self.0.join("pipeline.toml")
    }
}

/// The hash FNV-1a: the same on every machine and in every version.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Start {
    /// The program; found if it is not named.
    pub program: Option<PathBuf>,
    /// The document's file, if it has the document as it is.
    pub file: Option<PathBuf>,
    /// The document as TOML.
    pub text: String,
    /// Where its relative paths start.
    pub base_dir: PathBuf,
    /// The savepoint to begin with.
    pub savepoint: Option<PathBuf>,
}

#[derive(Debug)]
enum Order {
    Stop { savepoint: bool },
    Checkpoint,
}

/// What a watch has to tell.
#[derive(Debug)]
pub enum Told {
    /// About the job.
    News(JobNews),
    /// For the person.
    Notice(Notice),
    /// A savepoint was made; a later run can begin with it.
    Savepoint(PathBuf),
    /// There is no job to attach to.
    NotThere,
}

/// A job that is watched.
#[derive(Debug)]
pub struct Watch {
    orders: Sender<Order>,
    told: Receiver<Told>,
}

impl Watch {
    /// Starts a job. `wake` is called when there is something to tell.
    pub fn start(folder: JobFolder, start: Start, wake: Wake) -> Self {
        Self::spawn(folder, Some(start), wake)
    }

    /// Attaches to the job of a folder, if one runs.
    pub fn attach(folder: JobFolder, wake: Wake) -> Self {
        Self::spawn(folder, None, wake)
    }

    fn spawn(folder: JobFolder, start: Option<Start>, wake: Wake) -> Self {
        let (orders, inbox) = mpsc::channel();
        let (outbox, told) = mpsc::channel();
        let teller = Teller { told: outbox, wake };
        let spawned = thread::Builder::new().name("job".into()).spawn(move || {
            // Whoever asked may be gone; the job goes on.
            let _ = run(&folder, start, &inbox, &teller);
            teller.wake();
        });
        if let Err(error) = spawned {
            tracing::error!("no thread for the job: {error}");
        }
        Self { orders, told }
    }

    /// What is new.
    pub fn told(&self) -> Option<Told> {
        self.told.try_recv().ok()
    }

    /// Stops the job.
    pub fn stop(&self, savepoint: bool) {
        // A thread that has ended has told that the job is over.
        let _ = self.orders.send(Order::Stop { savepoint });
    }

    /// Takes a checkpoint.
    pub fn checkpoint(&self) {
        // As above.
        let _ = self.orders.send(Order::Checkpoint);
    }
}

/// Nobody listens any more.
struct Gone;

#[derive(Clone)]
struct Teller {
    told: Sender<Told>,
    wake: Wake,
}

impl Teller {
    fn tell(&self, told: Told) -> Result<(), Gone> {
        self.told.send(told).map_err(|_| Gone)
    }

    /// Has the window look at what was told: once for all that is told together.
    fn wake(&self) {
        (self.wake)();
    }

    fn news(&self, news: JobNews) -> Result<(), Gone> {
        self.tell(Told::News(news))
    }

    fn over(&self, state: JobState) -> Result<(), Gone> {
        self.news(JobNews::Over(state))
    }
}

fn run(
    folder: &JobFolder,
    start: Option<Start>,
    orders: &Receiver<Order>,
    teller: &Teller,
) -> Result<(), Gone> {
    let mut running = None;
    let mut watched = match start {
        Some(start) => {
            if let Some(address) = living(folder) {
                teller.tell(Told::Notice(Notice::info(
                    "A job of this pipeline runs already; this is it",
                )))?;
                running = Some(address);
                Watched::of_folder(folder, None)
            } else {
                match launch(folder, &start) {
                    Ok(child) => Watched::of_folder(folder, Some(child)),
                    Err(message) => {
                        return teller.over(JobState::Failed {
                            node: None,
                            message,
                        });
                    }
                }
            }
        }
        None => match living(folder) {
            Some(address) => {
                running = Some(address);
                Watched::of_folder(folder, None)
            }
            None => return teller.tell(Told::NotThere),
        },
    };
    watched.address = running;
    watched.watch(orders, teller)
}

/// The address of a job that runs, if one does.
fn living(folder: &JobFolder) -> Option<JobAddress> {
    let address = JobAddress::read(&folder.state()).ok().flatten()?;
    (!address.is_stale()).then_some(address)
}

fn launch(folder: &JobFolder, start: &Start) -> Result<Child, String> {
    let program = match &start.program {
        Some(program) => program.clone(),
        None => program::find()?,
    };
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        format!("the job could not be started: {what}: {error}")
    };
    let state = folder.state();
    fs::create_dir_all(&state)
        .map_err(|error| failed(&format!("{} cannot be made", state.display()), &error))?;
    let log =
        File::create(folder.log()).map_err(|error| failed("its log cannot be written", &error))?;
    let log_too = log
        .try_clone()
        .map_err(|error| failed("its log cannot be written", &error))?;
    let mut command = Command::new(&program);
    command.arg("run");
    match &start.file {
        Some(file) => command.arg(file),
        None => {
            let document = folder.document();
            files::write(&document, &start.text).map_err(|error| failed("its document", &error))?;
            command.arg(document).arg("--base-dir").arg(&start.base_dir)
        }
    };
    command
        .arg("--state-dir")
        .arg(&state)
        .args(["--fresh", "--listen", "127.0.0.1:0"]);
    if let Some(savepoint) = &start.savepoint {
        command.arg("--from-savepoint").arg(savepoint);
    }
    command
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(log_too)
        .current_dir(&start.base_dir)
        .env_remove("MILLSTREAM_LISTEN_TOKEN");
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        // What interrupts the editor's terminal does not interrupt the job.
        command.process_group(0);
    }
    command
        .spawn()
        .map_err(|error| failed(&program.display().to_string(), &error))
}

/// A job and what is known of it on its thread.
struct Watched<'a> {
    folder: &'a JobFolder,
    child: Option<Child>,
    /// The job's process, once it is known.
    pid: Option<u32>,
    address: Option<JobAddress>,
    client: Option<Client>,
    log: LogTail,
}

impl<'a> Watched<'a> {
    fn of_folder(folder: &'a JobFolder, child: Option<Child>) -> Self {
        Self {
            log: LogTail::new(folder.log()),
            folder,
            pid: child.as_ref().map(Child::id),
            child,
            address: None,
            client: None,
        }
    }

    fn watch(&mut self, orders: &Receiver<Order>, teller: &Teller) -> Result<(), Gone> {
        let watched = self.watch_to_the_end(orders, teller);
        if watched.is_err()
            && let Some(mut child) = self.child.take()
        {
            // Nobody looks any more, but somebody must take leave of the process.
            let _ = child.wait();
        }
        watched
    }

    fn watch_to_the_end(&mut self, orders: &Receiver<Order>, teller: &Teller) -> Result<(), Gone> {
        let mut next = Instant::now();
        loop {
            if let Some(lines) = self.log.read() {
                teller.news(JobNews::Log(lines))?;
            }
            // Before the job is asked: what it left behind is complete once its process is gone.
            let exit = match &mut self.child {
                Some(child) => child.try_wait().unwrap_or(None),
                None => None,
            };
            if exit.is_some() {
                self.child = None;
                return self.end(exit, teller);
            }
            if self.client.is_none() {
                self.find(teller)?;
            }
            if let Some(client) = &self.client {
                match ask(client, teller)? {
                    Ok(()) => {}
                    Err(ClientError::Connection(_)) if self.child.is_none() => {
                        return self.end(None, teller);
                    }
                    // It ends, or does not run yet: the process tells.
                    Err(_) => {}
                }
            }
            teller.wake();
            next = (next + INTERVAL).max(Instant::now());
            loop {
                let left = next.saturating_duration_since(Instant::now());
                match orders.recv_timeout(left) {
                    Ok(order) => self.obey(order, teller)?,
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return Err(Gone),
                }
                if left.is_zero() {
                    break;
                }
            }
        }
    }

    /// Looks for the address, which the job leaves when it has begun.
    fn find(&mut self, teller: &Teller) -> Result<(), Gone> {
        if self.address.is_none() {
            let pid = self.pid;
            self.address = JobAddress::read(&self.folder.state())
                .ok()
                .flatten()
                // One of an earlier run is of no use.
                .filter(|address| Some(address.pid) == pid);
        }
        if let Some(address) = &self.address
            && let Ok(client) = Client::of(address)
        {
            self.client = Some(client);
            self.pid = Some(address.pid);
            teller.news(JobNews::Found(address.clone()))?;
        }
        Ok(())
    }

    fn obey(&mut self, order: Order, teller: &Teller) -> Result<(), Gone> {
        let Some(client) = self.client.clone() else {
            return match (order, &mut self.child) {
                // It cannot be asked yet, and has nothing to lose.
                (Order::Stop { .. }, Some(child)) => match child.kill() {
                    Ok(()) => Ok(()),
                    Err(error) => teller.tell(Told::Notice(Notice::error(format!(
                        "the job cannot be stopped: {error}"
                    )))),
                },
                _ => teller.tell(Told::Notice(Notice::info(
                    "The job is not ready for that yet",
                ))),
            };
        };
        let teller = teller.clone();
        let savepoints = self.folder.savepoints();
        // A checkpoint takes its time, and the job is watched meanwhile.
        let spawned = thread::Builder::new().name("order".into()).spawn(move || {
            // Whoever asked may be gone.
            let _ = match order {
                Order::Checkpoint => checkpoint(&client, &teller),
                Order::Stop { savepoint } => {
                    stop(&client, savepoint.then_some(savepoints), &teller)
                }
            };
            teller.wake();
        });
        if let Err(error) = spawned {
            tracing::error!("no thread for an order: {error}");
        }
        Ok(())
    }

    fn end(&mut self, exit: Option<ExitStatus>, teller: &Teller) -> Result<(), Gone> {
        if let Some(lines) = self.log.read() {
            teller.news(JobNews::Log(lines))?;
        }
        let words = LastWords::read(&self.folder.state()).ok().flatten();
        // Of this run, not of one before.
        let words = words.filter(|words| Some(words.status.pid) == self.pid);
        let Some(words) = words else {
            return teller.over(match exit {
                Some(exit) if exit.success() => JobState::Finished,
                Some(exit) => JobState::Failed {
                    node: None,
                    message: self.log.last_words(exit),
                },
                None => JobState::Failed {
                    node: None,
                    message: "the job's process is gone, and it left no word why; it may have been killed".into(),
                },
            });
        };
        if let Some(metrics) = words.metrics {
            teller.news(JobNews::Metrics(Box::new(metrics)))?;
        }
        let failed = words.status.state == api::JobState::Failed;
        let error = words.status.error.clone();
        teller.news(JobNews::Status(Box::new(words.status)))?;
        teller.over(match (failed, error) {
            (_, Some(error)) => JobState::Failed {
                node: error.node.and_then(|node| NodeId::new(node).ok()),
                message: error.message,
            },
            (true, None) => JobState::Failed {
                node: None,
                message: "the job failed and did not say why; see Logs".into(),
            },
            (false, None) => JobState::Finished,
        })
    }
}

fn ask(client: &Client, teller: &Teller) -> Result<Result<(), ClientError>, Gone> {
    let status = match client.status() {
        Ok(status) => status,
        Err(error) => return Ok(Err(error)),
    };
    let begun = status.state != api::JobState::Starting;
    teller.news(JobNews::Status(Box::new(status)))?;
    if begun {
        match client.metrics() {
            Ok(metrics) => teller.news(JobNews::Metrics(Box::new(metrics)))?,
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(()))
}

fn checkpoint(client: &Client, teller: &Teller) -> Result<(), Gone> {
    teller.tell(Told::Notice(match client.checkpoint() {
        Ok(done) => Notice::done(format!(
            "Checkpoint {} took {:.0} ms",
            done.id, done.duration_ms
        )),
        Err(error) => Notice::error(format!("no checkpoint was taken: {}", why(&error))),
    }))
}

fn stop(client: &Client, savepoints: Option<PathBuf>, teller: &Teller) -> Result<(), Gone> {
    let request = StopRequest {
        savepoint: savepoints.is_some(),
        folder: savepoints,
    };
    match client.stop(&request) {
        Ok(stopping) => match stopping.savepoint {
            Some(savepoint) => {
                teller.tell(Told::Notice(Notice::done(format!(
                    "The next run goes on from the savepoint {}",
                    savepoint.display()
                ))))?;
                teller.tell(Told::Savepoint(savepoint))
            }
            None => Ok(()),
        },
        Err(error) => teller.tell(Told::Notice(Notice::error(format!(
            "the job was not stopped: {}",
            why(&error)
        )))),
    }
}

/// An error with what to do.
pub(super) fn why(error: &ClientError) -> String {
    match error {
        ClientError::Refused(refused) => match &refused.help {
            Some(help) => format!("{refused}; {help}"),
            None => refused.to_string(),
        },
        other => other.to_string(),
    }
}

/// Reads what is appended to a log.
struct LogTail {
    path: PathBuf,
    file: Option<File>,
    /// A line without its end yet.
    rest: Vec<u8>,
    /// The last lines.
    last: Vec<String>,
}

impl LogTail {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            rest: Vec::new(),
            last: Vec::new(),
        }
    }

    /// Lines since the last call.
    fn read(&mut self) -> Option<Vec<String>> {
        let bytes = self.read_bytes().ok()?;
        if bytes.is_empty() {
            return None;
        }
        self.rest.extend(bytes);
        let end = self.rest.iter().rposition(|byte| *byte == b'\n')? + 1;
        let whole: Vec<u8> = self.rest.drain(..end).collect();
        let text = String::from_utf8_lossy(&whole);
        let lines: Vec<String> = text.lines().map(plain).collect();
        self.last
            .extend(lines.iter().rev().take(LAST_LINES).rev().cloned());
        let surplus = self.last.len().saturating_sub(LAST_LINES);
        self.last.drain(..surplus);
        Some(lines)
    }

    fn read_bytes(&mut self) -> io::Result<Vec<u8>> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut file = File::open(&self.path)?;
                let length = file.metadata()?.len();
                file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
                self.file.insert(file)
            }
        };
        let mut bytes = Vec::new();
        file.take(LOG_TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// What a process said last that left no other words.
    fn last_words(&self, exit: ExitStatus) -> String {
        let begin = self
            .last
            .iter()
            .rposition(|line| line.starts_with("error"))
            .unwrap_or(self.last.len());
        if let Some(words) = self.last.get(begin..).filter(|words| !words.is_empty()) {
            let mut text = words.join("\n");
            if let Some(rest) = text.strip_prefix("error: ") {
                text = rest.to_string();
            }
            return text;
        }
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt as _;
            if let Some(signal) = exit.signal() {
                return format!("the job was killed by signal {signal}");
            }
        }
        match self.last.last() {
            Some(line) => format!("the job ended with {exit}; its last line: {line}"),
            None => format!("the job ended with {exit} and without a word"),
        }
    }
}

/// A line without the escape sequences that colour it on a terminal.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // Up to the letter that ends the sequence.
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else if !c.is_control() || c == '\t' {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_line_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("job.log");
        let mut tail = LogTail::new(path.clone());
        assert_eq!(tail.read(), None);
        fs::write(&path, "one\ntw").expect("written");
        assert_eq!(tail.read(), Some(vec!["one".to_string()]));
        fs::write(&path, "one\ntwo\u{1b}[31m!\u{1b}[0m\n").expect("written");
        assert_eq!(tail.read(), Some(vec!["two!".to_string()]));
        assert_eq!(tail.read(), None);
    }

    #[test]
    fn a_pipeline_has_its_own_folder() {
        let home = Path::new("/home");
        let of = |file: Option<&str>, name| JobFolder::of(home, file.map(Path::new), name);
        assert_eq!(of(Some("/a/p.toml"), "p"), of(Some("/a/p.toml"), "p"));
        assert_ne!(of(Some("/a/p.toml"), "p"), of(Some("/b/p.toml"), "p"));
        assert_ne!(of(None, "p"), of(None, "q"));
        assert!(of(None, "a/../b").0.starts_with("/home/jobs"));
    }
}
