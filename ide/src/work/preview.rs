//! Rows of a node: a tap of the job that runs, or the node run on the first rows of its sources,
//! in a process of its own.
//!
//! The latest question wins: a process that answers an older one is killed. Nothing here is done on
//! the window's thread but asking and taking the answer.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use millstream_compiler::document::NodeId;
use millstream_serve::api::{Column, PreviewSummary, TapHeader, TapLine, TapRequest};
use millstream_serve::client::{Client, TapCloser};
use millstream_serve::files::JobAddress;

use super::rows::{Row, Statistics, statistics};
use super::sample::Sample;
use super::watch::{Wake, why};

/// How long the edits must pause.
const DEBOUNCE: Duration = Duration::from_millis(100);
/// How many rows are shown at most.
const ROWS: usize = 1000;
/// How many rows are read of each source at most.
const SOURCE_ROWS: u64 = 100_000;
/// How often what came is shown.
const SHOWN_EVERY: Duration = Duration::from_millis(200);
/// How many rows of a tap come at most in each tenth of a second.
const TAP_ROWS: u64 = 50;
const TAP_EVERY_MS: u64 = 100;

/// Where rows come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A job that runs.
    Tap(JobAddress),
    /// The first rows of the sources.
    Sample {
        /// The program; found if it is not named.
        program: Option<PathBuf>,
        /// The pipeline as TOML.
        text: Arc<str>,
        /// Where its relative paths start.
        base_dir: PathBuf,
    },
}

/// Whose rows to show.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The node.
    pub node: NodeId,
    /// Where its rows come from.
    pub origin: Origin,
}

/// Rows that came.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Their columns.
    pub columns: Vec<Column>,
    /// The rows: of a sample the first ones, of a tap the last ones.
    pub rows: Vec<Row>,
    /// What there is to say of each column.
    pub statistics: Vec<Statistics>,
}

/// What is known of what was asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PreviewView {
    /// Whose rows these are.
    pub node: Option<NodeId>,
    /// Whether they are of a job that runs.
    pub live: bool,
    /// The rows that came; of an earlier question until the first of the next one are there.
    pub table: Option<Arc<Table>>,
    /// What was read, once all is there.
    pub summary: Option<PreviewSummary>,
    /// How many rows a tap saw, shown or not.
    pub seen: u64,
    /// Why there are none.
    pub error: Option<String>,
    /// Whether more is to come.
    pub working: bool,
    /// Since when the rows are held, as a time of day.
    pub frozen_at: Option<String>,
}

#[derive(Debug)]
enum Answer {
    Rows(Arc<Table>, u64),
    Summary(PreviewSummary),
    Failed(String),
    Over,
}

/// The thread that answers. Dropping it ends what it started.
#[derive(Debug)]
pub struct PreviewWorker {
    questions: Sender<(u64, Option<Question>)>,
    answers: Receiver<(u64, Answer)>,
    /// The number of the last question.
    asked: u64,
    last: Option<Question>,
}

impl PreviewWorker {
    /// Starts the thread. `wake` is called when there is something new.
    pub fn start(wake: Wake) -> Self {
        let (questions, inbox) = mpsc::channel();
        let (outbox, answers) = mpsc::channel();
        let spawned = thread::Builder::new()
            .name("preview".into())
            .spawn(move || work(&inbox, &outbox, &wake));
        if let Err(error) = spawned {
            tracing::error!("no thread for previews: {error}");
        }
        Self {
            questions,
            answers,
            asked: 0,
            last: None,
        }
    }

    /// Asks, unless the same was asked last. `None` ends what is under way.
    pub fn ask(&mut self, question: Option<Question>, view: &mut PreviewView) {
        if self.last == question {
            return;
        }
        self.asked += 1;
        view.frozen_at = None;
        match &question {
            Some(question) => {
                if view.node.as_ref() != Some(&question.node) {
                    view.table = None;
                }
                view.node = Some(question.node.clone());
                view.live = matches!(question.origin, Origin::Tap(_));
                view.working = true;
                view.summary = None;
                view.error = None;
                view.seen = 0;
            }
            None => *view = PreviewView::default(),
        }
        self.last = question.clone();
        // The thread lives as long as this worker.
        let _ = self.questions.send((self.asked, question));
    }

    /// Asks the same again.
    pub fn again(&mut self, view: &mut PreviewView) {
        let question = self.last.take();
        self.ask(question, view);
    }

    /// Takes in what came. While `frozen`, rows are not shown, only that they came.
    pub fn take_in(&mut self, view: &mut PreviewView, frozen: bool) {
        while let Ok((number, answer)) = self.answers.try_recv() {
            if number != self.asked {
                continue;
            }
            match answer {
                Answer::Rows(..) if frozen => {}
                Answer::Rows(table, seen) => {
                    view.table = Some(table);
                    view.seen = seen;
                }
                Answer::Summary(summary) => view.summary = Some(summary),
                Answer::Failed(why) => {
                    view.error = Some(why);
                    view.working = false;
                }
                Answer::Over => view.working = false,
            }
        }
    }
}

/// What is under way and can be ended from outside.
#[derive(Debug)]
enum UnderWay {
    Process(Arc<Mutex<Child>>),
    Tap(TapCloser),
}

impl UnderWay {
    fn end(&self) {
        match self {
            UnderWay::Process(child) => {
                let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
            }
            UnderWay::Tap(closer) => closer.close(),
        }
    }
}

fn work(
    questions: &Receiver<(u64, Option<Question>)>,
    answers: &Sender<(u64, Answer)>,
    wake: &Wake,
) {
    let mut under_way: Option<UnderWay> = None;
    while let Ok(mut question) = questions.recv() {
        if let Some(old) = under_way.take() {
            old.end();
        }
        loop {
            match questions.recv_timeout(DEBOUNCE) {
                Ok(later) => question = later,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let (number, Some(question)) = question else {
            continue;
        };
        let teller = Teller {
            number,
            answers: answers.clone(),
            wake: Arc::clone(wake),
        };
        let begun = match question.origin {
            Origin::Tap(address) => tap(&address, &question.node, teller.clone()),
            Origin::Sample {
                program,
                text,
                base_dir,
            } => sample(program, text, base_dir, &question.node, teller.clone()),
        };
        match begun {
            Ok(begun) => under_way = Some(begun),
            Err(why) => teller.tell(Answer::Failed(why)),
        }
    }
    if let Some(old) = under_way.take() {
        old.end();
    }
}

#[derive(Clone)]
struct Teller {
    number: u64,
    answers: Sender<(u64, Answer)>,
    wake: Wake,
}

impl Teller {
    fn tell(&self, answer: Answer) {
        // Nobody may be interested any more.
        let _ = self.answers.send((self.number, answer));
        (self.wake)();
    }
}

/// Collects rows, and shows them now and then.
struct Collector {
    teller: Teller,
    header: Option<TapHeader>,
    rows: VecDeque<Row>,
    /// How many there were, shown or not.
    seen: u64,
    shown: Option<Instant>,
    changed: bool,
}

impl Collector {
    fn new(teller: Teller) -> Self {
        Self {
            teller,
            header: None,
            rows: VecDeque::new(),
            seen: 0,
            shown: None,
            changed: false,
        }
    }

    fn take(&mut self, line: TapLine) {
        match line {
            TapLine::Header(header) => {
                self.header = Some(header);
                self.changed = true;
            }
            TapLine::Row(row) => {
                if self.rows.len() >= ROWS {
                    self.rows.pop_front();
                }
                self.rows.push_back(Row::of(row));
                self.seen += 1;
                self.changed = true;
            }
            TapLine::Gap(gap) => {
                self.seen = self.seen.max(gap.seen);
                self.changed = true;
            }
            TapLine::Summary(summary) => {
                self.show();
                self.teller.tell(Answer::Summary(summary));
            }
            TapLine::End(_) => {}
        }
        let due = self
            .shown
            .is_none_or(|shown| shown.elapsed() >= SHOWN_EVERY);
        // The header alone is not worth a picture, unless nothing follows.
        if due && !self.rows.is_empty() {
            self.show();
        }
    }

    fn show(&mut self) {
        let Some(header) = self.header.as_ref().filter(|_| self.changed) else {
            return;
        };
        let table = Table {
            columns: header.columns.clone(),
            statistics: statistics(&header.columns, self.rows.iter()),
            rows: self.rows.iter().cloned().collect(),
        };
        self.changed = false;
        self.shown = Some(Instant::now());
        self.teller.tell(Answer::Rows(Arc::new(table), self.seen));
    }
}

fn tap(address: &JobAddress, node: &NodeId, teller: Teller) -> Result<UnderWay, String> {
    let request = TapRequest {
        rows: TAP_ROWS,
        every_ms: TAP_EVERY_MS,
        ..TapRequest::new(node.as_str())
    };
    let tap = Client::of(address)
        .and_then(|client| client.tap(&request))
        .map_err(|error| format!("the job shows no rows of {node}: {}", why(&error)))?;
    let closer = tap.closer();
    let mut collector = Collector::new(teller);
    let spawned = thread::Builder::new().name("tap".into()).spawn(move || {
        for line in tap {
            match line {
                Ok(line) => collector.take(line),
                // Closed from here, or the job is over: either is told elsewhere.
                Err(_) => break,
            }
        }
        collector.show();
        collector.teller.tell(Answer::Over);
    });
    match spawned {
        Ok(_) => Ok(UnderWay::Tap(closer)),
        Err(error) => Err(format!("no thread can be started: {error}")),
    }
}

fn sample(
    program: Option<PathBuf>,
    text: Arc<str>,
    base_dir: PathBuf,
    node: &NodeId,
    teller: Teller,
) -> Result<UnderWay, String> {
    let sample = Sample {
        program,
        text,
        base_dir,
        node: node.clone(),
        rows: ROWS,
        source_rows: SOURCE_ROWS,
    };
    let started = sample.start()?;
    let child = started.child();
    let spawned = thread::Builder::new().name("rows".into()).spawn(move || {
        let mut collector = Collector::new(teller);
        let read = started.read(|line| collector.take(line));
        collector.show();
        collector.teller.tell(match read {
            Ok(()) => Answer::Over,
            Err(why) => Answer::Failed(why),
        });
    });
    match spawned {
        Ok(_) => Ok(UnderWay::Process(child)),
        Err(error) => Err(format!("no thread can be started: {error}")),
    }
}
