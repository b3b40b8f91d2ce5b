//! Starts jobs and watches them, on a thread a job.
//!
//! A job is a process of `millstream run` in a process group of its own, with a file for its log:
//! nothing of it hangs on the editor. It is found again by the address it leaves in its folder, or
//! among the running jobs of the user. Dropping a [`Watch`] ends the watching, not the job.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use millstream_compiler::document::{NodeId, files};
use millstream_serve::api::{self, StopRequest};
use millstream_serve::client::{Client, ClientError};
use millstream_serve::files::{JobAddress, LastWords};
use millstream_serve::registry::{self, Registry};

use super::folders::{JobFolder, SavedState};
use super::job::{JobNews, JobState};
use super::log_tail::LogTail;
use super::program;
use crate::editor::Notice;

/// Wakes the window when there is something new.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// How often a job is asked how it is.
const INTERVAL: Duration = Duration::from_millis(250);
/// How the program ends when the saved state does not fit the pipeline.
const UNFIT: i32 = 3;

/// What to start.
#[derive(Debug, Clone)]
pub struct Start {
    /// The program; found if it is not named.
    pub program: Option<PathBuf>,
    /// The document's file.
    pub file: Option<PathBuf>,
    /// Whether that has the document as it is.
    pub is_saved: bool,
    /// The document as TOML.
    pub text: String,
    /// Where its relative paths start.
    pub base_dir: PathBuf,
    /// What it begins with.
    pub begin: Begin,
}

/// What a run begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// The state that the last run left, if it left any.
    LastRun,
    /// Nothing.
    Scratch,
    /// The state of a savepoint.
    Savepoint(PathBuf),
}

/// Which job to look for.
#[derive(Debug, Clone)]
pub enum Look {
    /// The one of a document: in its folder, or started from its file elsewhere.
    Document {
        /// The document's folder.
        folder: JobFolder,
        /// The document's file.
        file: Option<PathBuf>,
    },
    /// The one at an address, whatever it runs.
    Address {
        /// The address.
        address: JobAddress,
        /// Its folder, if it is one of the editor's.
        folder: Option<JobFolder>,
    },
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
    /// A savepoint was made.
    Savepoint(PathBuf),
    /// What the next run can go on from.
    Saved(Option<SavedState>),
    /// The run did not start: the state of the last one does not fit. With what the program says.
    Unfit(String),
}

/// A job that is watched.
#[derive(Debug)]
pub struct Watch {
    orders: Sender<Order>,
    told: Receiver<Told>,
}

impl Watch {
    /// Starts a job. `wake` is called when there is something to tell. The job lists itself in
    /// the registry.
    pub fn start(folder: JobFolder, start: Start, registry: Option<Registry>, wake: Wake) -> Self {
        Self::spawn(wake, move |orders, teller| {
            begin(folder, &start, registry.as_ref(), orders, teller)
        })
    }

    /// Attaches to a job, if it runs.
    pub fn attach(look: Look, registry: Option<Registry>, wake: Wake) -> Self {
        Self::spawn(wake, move |orders, teller| {
            attach(look, registry.as_ref(), orders, teller)
        })
    }

    fn spawn(
        wake: Wake,
        watch: impl FnOnce(&Receiver<Order>, &Teller) -> Result<(), Gone> + Send + 'static,
    ) -> Self {
        let (orders, inbox) = mpsc::channel();
        let (outbox, told) = mpsc::channel();
        let teller = Teller {
            told: outbox,
            wake,
            news: Arc::default(),
        };
        let spawned = thread::Builder::new().name("job".into()).spawn(move || {
            // Whoever asked may be gone; the job goes on.
            let _ = watch(&inbox, &teller);
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
    /// Whether something was told that the window was not woken for.
    news: Arc<AtomicBool>,
}

impl Teller {
    fn tell(&self, told: Told) -> Result<(), Gone> {
        self.news.store(true, Ordering::Release);
        self.told.send(told).map_err(|_| Gone)
    }

    /// Has the window look at what was told: once for all that is told together.
    fn wake(&self) {
        if self.news.swap(false, Ordering::AcqRel) {
            (self.wake)();
        }
    }

    fn news(&self, news: JobNews) -> Result<(), Gone> {
        self.tell(Told::News(news))
    }

    fn over(&self, state: JobState) -> Result<(), Gone> {
        self.news(JobNews::Over(state))
    }
}

fn begin(
    folder: JobFolder,
    start: &Start,
    registry: Option<&Registry>,
    orders: &Receiver<Order>,
    teller: &Teller,
) -> Result<(), Gone> {
    if let Some(address) = living(&folder) {
        teller.tell(Told::Notice(Notice::info(
            "A job of this pipeline runs already; this is it",
        )))?;
        return Watched::at(address, Some(folder)).watch(orders, teller);
    }
    match launch(&folder, start, registry) {
        Ok(child) => Watched::child(child, folder).watch(orders, teller),
        Err(message) => teller.over(JobState::Failed {
            node: None,
            message,
        }),
    }
}

fn attach(
    look: Look,
    registry: Option<&Registry>,
    orders: &Receiver<Order>,
    teller: &Teller,
) -> Result<(), Gone> {
    let (folder, file) = match look {
        Look::Document { folder, file } => (folder, file),
        Look::Address { address, folder } => {
            return Watched::at(address, folder).watch(orders, teller);
        }
    };
    if let Some(saved) = folder.saved() {
        teller.tell(Told::Saved(Some(saved)))?;
    }
    if let Some(address) = living(&folder) {
        return Watched::at(address, Some(folder)).watch(orders, teller);
    }
    match file.and_then(|file| elsewhere(&file, registry)) {
        Some(address) => {
            let place = match &address.state_dir {
                Some(state) => format!(", with its state in {}", state.display()),
                None => String::new(),
            };
            teller.tell(Told::Notice(Notice::info(format!(
                "A job of this pipeline was started elsewhere{place}; this is it"
            ))))?;
            Watched::at(address, None).watch(orders, teller)
        }
        // A window is not woken to show what it shows.
        None => Ok(()),
    }
}

/// A job that runs a file and was started by somebody else, if there is one.
fn elsewhere(file: &Path, registry: Option<&Registry>) -> Option<JobAddress> {
    let same = |path: &Path| fs::canonicalize(path).ok();
    let file = same(file)?;
    let jobs = match registry?.list() {
        Ok(jobs) => jobs,
        Err(error) => {
            tracing::warn!("running jobs cannot be listed: {error}");
            return None;
        }
    };
    jobs.into_iter()
        .find(|job| job.file.as_deref().and_then(same).as_ref() == Some(&file))
}

/// The address of a job that runs, if one does.
fn living(folder: &JobFolder) -> Option<JobAddress> {
    let address = JobAddress::read(&folder.state()).ok().flatten()?;
    (!address.is_stale()).then_some(address)
}

fn launch(folder: &JobFolder, start: &Start, registry: Option<&Registry>) -> Result<Child, String> {
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
    // It only helps people to tell jobs apart.
    if let Err(error) = folder.note_file(start.file.as_deref()) {
        tracing::warn!("the job's document is not noted: {error}");
    }
    let mut command = Command::new(&program);
    command.arg("run");
    match start.file.as_ref().filter(|_| start.is_saved) {
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
        .args(["--listen", "127.0.0.1:0"]);
    // Where all rows were read there is nothing to go on with: who runs it again wants it again.
    let finished = folder.saved().is_some_and(|saved| saved.finished);
    if start.begin != Begin::LastRun || finished {
        command.arg("--fresh");
    }
    if let Begin::Savepoint(savepoint) = &start.begin {
        command.arg("--from-savepoint").arg(savepoint);
    }
    if let Some(registry) = registry {
        command.env(registry::FOLDER, registry.folder());
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
struct Watched {
    /// Its folder, if it is one of the editor's.
    folder: Option<JobFolder>,
    child: Option<Child>,
    /// The job's process, once it is known.
    pid: Option<u32>,
    address: Option<JobAddress>,
    client: Option<Client>,
    /// Where what it writes is read, if that is known.
    log: Option<LogTail>,
    /// Whether it was told what the job goes on from.
    begun: bool,
}

impl Watched {
    /// A job that was started here.
    fn child(child: Child, folder: JobFolder) -> Self {
        Self {
            log: Some(LogTail::new(folder.log())),
            folder: Some(folder),
            pid: Some(child.id()),
            child: Some(child),
            address: None,
            client: None,
            begun: false,
        }
    }

    /// A job that runs.
    fn at(address: JobAddress, folder: Option<JobFolder>) -> Self {
        Self {
            log: folder.as_ref().map(|folder| LogTail::new(folder.log())),
            folder,
            pid: None,
            child: None,
            address: Some(address),
            client: None,
            begun: true,
        }
    }

    /// Where its last words are.
    fn state(&self) -> Option<PathBuf> {
        let told = self.address.as_ref().and_then(|job| job.state_dir.clone());
        self.folder.as_ref().map(JobFolder::state).or(told)
    }

    fn read_log(&mut self, teller: &Teller) -> Result<(), Gone> {
        match self.log.as_mut().and_then(LogTail::read) {
            Some(lines) => teller.news(JobNews::Log(lines)),
            None => Ok(()),
        }
    }

    fn watch(mut self, orders: &Receiver<Order>, teller: &Teller) -> Result<(), Gone> {
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
            self.read_log(teller)?;
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
                    Ok(status) => self.tell_beginning(&status, teller)?,
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
            let state = self.state();
            self.address = state
                .and_then(|state| JobAddress::read(&state).ok().flatten())
                // One of an earlier run is of no use.
                .filter(|address| Some(address.pid) == pid);
        }
        if let Some(address) = &self.address
            && let Ok(client) = Client::of(address)
        {
            self.client = Some(client);
            self.pid = Some(address.pid);
            teller.news(JobNews::Found {
                address: address.clone(),
                has_log: self.log.is_some(),
            })?;
        }
        Ok(())
    }

    /// Says once what a run that was started here goes on from.
    fn tell_beginning(&mut self, status: &api::JobStatus, teller: &Teller) -> Result<(), Gone> {
        if self.begun || status.state == api::JobState::Starting {
            return Ok(());
        }
        self.begun = true;
        match status.restored_from {
            Some(checkpoint) => teller.tell(Told::Notice(Notice::info(format!(
                "The job goes on from checkpoint {checkpoint}"
            )))),
            None => Ok(()),
        }
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
        // Where the job has them itself if its folder is not one of the editor's.
        let savepoints = self.folder.as_ref().map(JobFolder::savepoints);
        // A checkpoint takes its time, and the job is watched meanwhile.
        let spawned = thread::Builder::new().name("order".into()).spawn(move || {
            // Whoever asked may be gone.
            let _ = match order {
                Order::Checkpoint => checkpoint(&client, &teller),
                Order::Stop { savepoint } => {
                    let request = StopRequest {
                        savepoint,
                        folder: savepoints.filter(|_| savepoint),
                    };
                    stop(&client, &request, &teller)
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
        self.read_log(teller)?;
        if let Some(folder) = &self.folder {
            teller.tell(Told::Saved(folder.saved()))?;
        }
        let words = self.state();
        let words = words.and_then(|state| LastWords::read(&state).ok().flatten());
        // Of this run, not of one before.
        let words = words.filter(|words| Some(words.status.pid) == self.pid);
        if let Some(exit) = exit.filter(|exit| exit.code() == Some(UNFIT)) {
            let words = words.and_then(|words| words.status.error);
            let why = match words {
                Some(error) => error.message,
                None => self.last_words(exit),
            };
            teller.tell(Told::Unfit(why.clone()))?;
            return teller.over(JobState::Failed {
                node: None,
                message: why,
            });
        }
        let Some(words) = words else {
            return teller.over(match exit {
                Some(exit) if exit.success() => JobState::Finished,
                Some(exit) => JobState::Failed {
                    node: None,
                    message: self.last_words(exit),
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

    fn last_words(&self, exit: ExitStatus) -> String {
        match &self.log {
            Some(log) => log.last_words(exit),
            None => format!("the job ended with {exit}"),
        }
    }
}

fn ask(client: &Client, teller: &Teller) -> Result<Result<api::JobStatus, ClientError>, Gone> {
    let status = match client.status() {
        Ok(status) => status,
        Err(error) => return Ok(Err(error)),
    };
    let begun = status.state != api::JobState::Starting;
    teller.news(JobNews::Status(Box::new(status.clone())))?;
    if begun {
        match client.metrics() {
            Ok(metrics) => teller.news(JobNews::Metrics(Box::new(metrics)))?,
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(status))
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

fn stop(client: &Client, request: &StopRequest, teller: &Teller) -> Result<(), Gone> {
    match client.stop(request) {
        Ok(stopping) => match stopping.savepoint {
            Some(savepoint) => {
                teller.tell(Told::Notice(Notice::done(format!(
                    "Stopped; the savepoint is {}",
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
