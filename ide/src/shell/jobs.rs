//! The window's job and its preview: what is asked of the threads that watch them, and what they
//! tell.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::Context;
use millstream_compiler::document::NodeId;

use super::{Modal, Shell};
use crate::editor::{Action, BottomTab, Notice};
use crate::work::dry_run::{DryRun, DryRunWorker};
use crate::work::folders::{JobFolder, SavedState};
use crate::work::job::{JobNews, JobState, JobView};
use crate::work::preview::{Origin, PreviewView, PreviewWorker, Question};
use crate::work::watch::{Begin, Look, Start, Told, Wake, Watch};
use millstream_serve::files::JobAddress;
use millstream_serve::registry::Registry;

/// The threads, and what they were asked.
pub(super) struct Jobs {
    wake: Wake,
    home: PathBuf,
    /// The program that runs pipelines; found if it is not named.
    program: Option<PathBuf>,
    watch: Option<Watch>,
    /// The running jobs of this user.
    registry: Option<Registry>,
    /// The folder of the document's job.
    folder: JobFolder,
    /// The document was never in a file, so that nothing else leads to the folder.
    in_no_file: bool,
    /// What the next run can go on from, as far as is known.
    saved: Option<SavedState>,
    /// The last savepoint of this document.
    savepoint: Option<PathBuf>,
    /// A run did not start, and the person is asked what to do.
    unfit: bool,
    preview: PreviewWorker,
    dry_run: DryRunWorker,
    /// The document's text, for this change of it.
    text: Option<(u64, Arc<str>)>,
    /// The node whose rows were asked for last.
    previewed: Option<NodeId>,
}

impl Jobs {
    pub(super) fn new(context: &Context, home: PathBuf) -> Self {
        let context = context.clone();
        let for_dry_run = context.clone();
        let wake: Wake = Arc::new(move || context.request_repaint());
        Self {
            dry_run: DryRunWorker::start(move || for_dry_run.request_repaint()),
            preview: PreviewWorker::start(Arc::clone(&wake)),
            wake,
            folder: JobFolder::unsaved(&home),
            in_no_file: true,
            home,
            program: None,
            watch: None,
            registry: Registry::of_user(),
            saved: None,
            savepoint: None,
            unfit: false,
            text: None,
            previewed: None,
        }
    }

    /// The model that was tried last.
    pub(super) fn dry_run(&self) -> &DryRun {
        self.dry_run.view()
    }

    /// What the next run can go on from, as far as is known.
    pub(super) fn saved(&self) -> Option<SavedState> {
        self.saved
    }

    /// The running jobs of this user.
    pub(super) fn registry(&self) -> Option<Registry> {
        self.registry.clone()
    }
}

impl Shell {
    /// Another program to run pipelines with than the one that would be found.
    pub fn set_program(&mut self, program: PathBuf) {
        self.jobs.program = Some(program);
    }

    /// The rows that the preview has.
    pub fn preview(&self) -> &PreviewView {
        &self.preview
    }

    /// Another place where running jobs are listed than that of the user, for tests.
    pub fn set_registry(&mut self, registry: Registry) {
        self.jobs.registry = Some(registry);
        self.find_job();
    }

    /// The last savepoint of this document.
    pub fn last_savepoint(&self) -> Option<&Path> {
        self.jobs.savepoint.as_deref()
    }

    /// Runs the document as it is, unless that would throw state away and the person is to be
    /// asked first.
    pub(super) fn ask_to_start_job(&mut self, begin: Begin) {
        match self.jobs.saved.filter(|saved| !saved.finished) {
            Some(saved) if begin != Begin::LastRun => {
                self.modal = Some(Modal::ForgetState(saved, begin));
            }
            _ => self.start_job(begin),
        }
    }

    /// Where savepoints of this document's jobs are collected.
    pub(super) fn savepoints(&self) -> PathBuf {
        let last = self.jobs.savepoint.as_deref().and_then(Path::parent);
        last.map_or_else(|| self.jobs.folder.savepoints(), Path::to_path_buf)
    }

    /// Runs the document as it is.
    pub(super) fn start_job(&mut self, begin: Begin) {
        if self.job.is_running() {
            return;
        }
        let start = Start {
            program: self.jobs.program.clone(),
            file: (self.editor.file())
                .map(|file| std::path::absolute(file).unwrap_or(file.to_path_buf())),
            is_saved: !self.editor.is_unsaved(),
            text: self.editor.pipeline().to_toml(),
            base_dir: self.editor.base_dir(),
            begin,
        };
        self.job = JobView::starting();
        self.editor.job_running = true;
        self.jobs.watch = Some(Watch::start(
            self.jobs.folder.clone(),
            start,
            self.jobs.registry(),
            Arc::clone(&self.jobs.wake),
        ));
    }

    /// Watches the job of the document, if one runs.
    fn find_job(&mut self) {
        self.jobs.watch = Some(Watch::attach(
            Look::Document {
                folder: self.jobs.folder.clone(),
                file: self.editor.file().map(Path::to_path_buf),
            },
            self.jobs.registry(),
            Arc::clone(&self.jobs.wake),
        ));
    }

    /// Watches the job at an address, whatever it runs.
    pub(super) fn attach_job(&mut self, address: JobAddress) {
        let folder = address
            .state_dir
            .as_deref()
            .and_then(|state| JobFolder::with_state(&self.jobs.home, state));
        self.job = JobView::default();
        self.jobs.watch = Some(Watch::attach(
            Look::Address { address, folder },
            None,
            Arc::clone(&self.jobs.wake),
        ));
    }

    /// Watches no job any more. It runs on.
    pub(super) fn detach_job(&mut self) {
        self.jobs.watch = None;
        self.job = JobView::default();
        self.editor.job_running = false;
    }

    /// Another document is shown: its job, if it has one, and not the one before, which goes on.
    pub(super) fn document_replaced(&mut self) {
        let given_up = self.document_given_up();
        // A large state takes its time.
        if let Some(folder) = given_up
            && let Err(error) = std::thread::Builder::new().spawn(move || folder.forget())
        {
            tracing::warn!("the state of a document that was given up stays: {error}");
        }
        let home = &self.jobs.home;
        let folder = match self.editor.file() {
            Some(file) => JobFolder::of_file(home, file),
            None => JobFolder::unsaved(home),
        };
        self.jobs.previewed = None;
        self.jobs.dry_run.stop();
        self.take_job_folder(folder.path().to_path_buf());
    }

    /// The folder of the last document's job, if that was in no file and has none that runs: nobody
    /// finds it again.
    pub(super) fn document_given_up(&mut self) -> Option<JobFolder> {
        let given_up = self.jobs.in_no_file && !self.job.is_running();
        given_up.then(|| self.jobs.folder.clone())
    }

    /// The document's job has this folder.
    pub(super) fn take_job_folder(&mut self, folder: PathBuf) {
        self.job = JobView::default();
        self.jobs.savepoint = None;
        self.jobs.saved = None;
        self.journal.job = Some(folder.clone());
        self.jobs.in_no_file = self.editor.file().is_none();
        self.jobs.folder = JobFolder::at(folder);
        self.find_job();
        self.attach_to_next();
    }

    /// The document was saved to a file: a job that runs goes with it, and so does that of a
    /// document that had no file.
    pub(super) fn job_follows(&mut self, before: Option<&Path>, file: &Path) {
        let same =
            |before: &Path| std::path::absolute(before).ok() == std::path::absolute(file).ok();
        if before.is_some_and(same) {
            return;
        }
        self.jobs.in_no_file = false;
        let has_one = self.job.is_running() || self.jobs.saved.is_some();
        if self.job.is_running() || (before.is_none() && has_one) {
            let home = &self.jobs.home;
            if let Err(error) = self.jobs.folder.follow(home, file, before) {
                self.notices.later(Notice::error(format!(
                    "the job will not be found when {} is opened again: {error}; Run > Attach to a \
                     job… finds it while it runs",
                    file.display()
                )));
            }
        } else {
            self.jobs.folder = JobFolder::of_file(&self.jobs.home, file);
            self.jobs.saved = None;
            self.jobs.savepoint = None;
            self.journal.job = Some(self.jobs.folder.path().to_path_buf());
            if !self.job.is_running() {
                self.find_job();
            }
        }
    }

    pub(super) fn stop_job(&mut self, savepoint: bool) {
        if let Some(watch) = &self.jobs.watch {
            watch.stop(savepoint);
            self.job.state = JobState::Stopping;
        }
    }

    pub(super) fn take_checkpoint(&mut self) {
        if let Some(watch) = &self.jobs.watch {
            watch.checkpoint();
        }
    }

    /// Takes in what became known of the job and of previews.
    pub(super) fn hear(&mut self, context: &Context) {
        while let Some(told) = self.jobs.watch.as_ref().and_then(Watch::told) {
            match told {
                Told::News(JobNews::Over(state)) => {
                    // The question that is asked then says it all.
                    if !std::mem::take(&mut self.jobs.unfit) {
                        self.job_over(context, &state);
                    }
                    self.job.hear(JobNews::Over(state));
                }
                Told::News(news) => self.job.hear(news),
                Told::Notice(notice) => {
                    // A stop that was refused leaves the job as it was.
                    if self.job.state == JobState::Stopping
                        && self.job.address.is_some()
                        && is_error(&notice)
                    {
                        self.job.state = JobState::Running;
                    }
                    self.notices.add(context, notice);
                }
                Told::Savepoint(savepoint) => self.jobs.savepoint = Some(savepoint),
                Told::Saved(saved) => self.jobs.saved = saved,
                Told::Unfit(why) => {
                    if self.modal.is_none() {
                        self.jobs.unfit = true;
                        self.modal = Some(Modal::Unfit(why));
                    }
                }
            }
        }
        let frozen = self.editor.view.frozen;
        self.jobs.preview.take_in(&mut self.preview, frozen);
        self.jobs.dry_run.take_in();
    }

    fn job_over(&mut self, context: &Context, state: &JobState) {
        match state {
            JobState::Failed { node, message } => {
                let first = message.lines().next().unwrap_or_default();
                let text = match node {
                    Some(node) => format!("The job failed in {node}: {first}"),
                    None => format!("The job failed: {first}"),
                };
                let notice = Notice::error(text);
                self.notices.add(
                    context,
                    match node {
                        Some(node) => {
                            notice.with_repair(format!("Go to {node}"), Action::GoTo(node.clone()))
                        }
                        None => {
                            notice.with_repair("Show logs", Action::ShowBottom(BottomTab::Logs))
                        }
                    },
                );
            }
            _ if self.job.is_running() => {
                self.notices.add(context, Notice::done("The job has ended"));
            }
            _ => {}
        }
    }

    /// Asks for the rows that are to be shown, if they changed, and sees that what moves is drawn.
    pub(super) fn after_jobs(&mut self, context: &Context) {
        let view = &self.editor.view;
        let shown = view.bottom_open && view.bottom == BottomTab::Preview && !view.start;
        if !view.frozen {
            self.preview.frozen_at = None;
        } else if self.preview.frozen_at.is_none() && self.preview.table.is_some() {
            let now = chrono::Local::now();
            self.preview.frozen_at = Some(now.format("%H:%M:%S").to_string());
            context.request_repaint();
        }
        if shown && !view.frozen {
            let wanted = view
                .preview
                .clone()
                .or_else(|| view.selection.single_node().cloned())
                .or_else(|| self.jobs.previewed.clone())
                .filter(|node| self.editor.pipeline().node(node.as_str()).is_some());
            self.jobs.previewed.clone_from(&wanted);
            let question = wanted.map(|node| Question {
                origin: self.origin(&node),
                node,
            });
            self.jobs.preview.ask(question, &mut self.preview);
        }
        if matches!(self.job.state, JobState::Running | JobState::Stopping) {
            // The clock in the status line.
            context.request_repaint_after(std::time::Duration::from_secs(1));
        }
        if !self.editor.is_compiling()
            && let Some(command) = self.editor.run_when_compiled.take()
        {
            match self.editor.ready(command) {
                Ok(()) => self.apply(context, Action::Command(command)),
                // Somebody waits for it, so it is not left out in silence.
                Err(why) => {
                    let problems = Action::ShowBottom(BottomTab::Problems);
                    let notice = Notice::error(why).with_repair("Show problems", problems);
                    self.notices.add(context, notice);
                }
            }
        }
    }

    fn origin(&mut self, node: &NodeId) -> Origin {
        // Of a job, rows of nodes that it has.
        if self.job.state == JobState::Running
            && self.job.nodes.contains_key(node)
            && let Some(address) = &self.job.address
        {
            return Origin::Tap(address.clone());
        }
        let generation = self.editor.generation();
        let text = match &self.jobs.text {
            Some((of, text)) if *of == generation => Arc::clone(text),
            _ => {
                let text: Arc<str> = self.editor.pipeline().to_toml().into();
                self.jobs.text = Some((generation, Arc::clone(&text)));
                text
            }
        };
        Origin::Sample {
            program: self.jobs.program.clone(),
            text,
            base_dir: self.editor.base_dir(),
        }
    }

    /// Scores some rows with the model of a node.
    pub(super) fn try_model(&mut self, node: &NodeId) {
        let begun = self.jobs.dry_run.begin(
            node,
            self.editor.generation(),
            self.editor.pipeline(),
            self.jobs.program.clone(),
            self.editor.base_dir(),
        );
        if let Err(why) = begun {
            self.notices.later(Notice::error(why));
        }
    }

    /// Ends that.
    pub(super) fn stop_trying(&mut self) {
        self.jobs.dry_run.stop();
    }

    /// The model that was tried last.
    pub fn dry_run(&self) -> &DryRun {
        self.jobs.dry_run()
    }

    /// Asks for the rows of the preview again.
    pub(super) fn preview_again(&mut self) {
        self.jobs.preview.again(&mut self.preview);
    }
}

fn is_error(notice: &Notice) -> bool {
    notice.level == crate::editor::NoticeLevel::Error
}
