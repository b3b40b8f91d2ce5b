//! The jobs that run, wherever their state is: to see what there is, and to attach to one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{
    Align, Button, Context, Grid, Label, Layout, RichText, Role, ScrollArea, TextEdit, Ui,
    WidgetInfo,
};
use millstream_serve::api::JobState;
use millstream_serve::files::JobAddress;
use millstream_serve::registry::Registry;

use super::Shell;
use super::modals::{Modal, Then, frame, moment};
use crate::theme;
use crate::work::listing::{Heard, Listed, Listing};

/// How often the list is read again while it is shown.
const EVERY: Duration = Duration::from_secs(2);
const WIDTH: f32 = 780.0;
/// How wide the names of jobs are.
const NAME: f32 = 190.0;

/// What the list knows, and what is typed in it.
pub(super) struct JobsList {
    listing: Listing,
    registry: Option<Registry>,
    /// The editor's folder.
    home: PathBuf,
    /// `None` until it was read.
    jobs: Option<Vec<Listed>>,
    /// Why it cannot be read.
    error: Option<String>,
    asked: Option<Instant>,
    address: String,
    token: String,
    /// What became of the address that was typed.
    typed: Option<Result<(), String>>,
    /// A job to attach to as soon as the document that it runs is open.
    next: Option<(JobAddress, PathBuf)>,
}

/// What a person wants of the list.
enum Choice {
    /// Watch this job over the document that is open.
    Attach(JobAddress),
    /// Open what this job runs, and watch it.
    Open(JobAddress, PathBuf),
    Close,
}

impl JobsList {
    pub(super) fn new(context: &Context, home: PathBuf) -> Self {
        let context = context.clone();
        Self {
            listing: Listing::new(Arc::new(move || context.request_repaint())),
            registry: None,
            home,
            jobs: None,
            error: None,
            asked: None,
            address: String::new(),
            token: String::new(),
            typed: None,
            next: None,
        }
    }

    /// The list is shown from now on.
    pub(super) fn open(&mut self, registry: Option<Registry>) {
        self.registry = registry;
        self.jobs = None;
        self.error = None;
        self.asked = None;
        self.typed = None;
        self.token.clear();
    }

    /// Takes in what became known. A job that was found where the person said it is.
    fn take_in(&mut self) -> Option<JobAddress> {
        let mut found = None;
        while let Some(heard) = self.listing.answer() {
            match heard {
                Heard::Jobs(jobs) => {
                    self.error = None;
                    let known = self.jobs.take().unwrap_or_default();
                    let listed = |(address, file): (JobAddress, Option<PathBuf>)| Listed {
                        status: known
                            .iter()
                            .find(|old| old.address == address)
                            .and_then(|old| old.status.clone()),
                        address,
                        file,
                    };
                    self.jobs = Some(jobs.into_iter().map(listed).collect());
                }
                Heard::Failed(why) => self.error = Some(why),
                Heard::Status(of) => {
                    let (address, status) = *of;
                    let mut jobs = self.jobs.iter_mut().flatten();
                    if let Some(job) = jobs.find(|job| job.address == address) {
                        job.status = Some(status);
                    }
                }
                Heard::Typed(answer) => match answer {
                    Ok(address) => found = Some(address),
                    Err(why) => self.typed = Some(Err(why)),
                },
            }
        }
        found
    }

    fn ui(
        &mut self,
        ui: &mut Ui,
        own: Option<&Path>,
        watched: Option<&JobAddress>,
    ) -> Option<Choice> {
        let palette = theme::palette(ui.ctx());
        let mut choice = None;
        ui.set_width(WIDTH);
        ui.label(RichText::new("Running jobs").font(theme::strong_font(15.0)));
        ui.add_space(2.0 * theme::STEP);
        match (&self.jobs, &self.error) {
            (_, Some(why)) => {
                let text = format!("Running jobs cannot be listed: {why}");
                ui.label(RichText::new(text).color(palette.error));
            }
            (None, None) => {
                ui.label(RichText::new("Looking…").color(palette.muted));
            }
            (Some(jobs), None) if jobs.is_empty() => {
                ui.label(
                    RichText::new(
                        "No job of yours runs with its API; Run starts one, and so does \
                         millstream run --listen 127.0.0.1:0",
                    )
                    .color(palette.muted),
                );
            }
            (Some(jobs), None) => {
                ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
                    choice = table(ui, jobs, own, watched);
                });
            }
        }
        ui.add_space(3.0 * theme::STEP);
        ui.separator();
        ui.add_space(theme::STEP);
        let text =
            "A job that is not listed: its address and token are what it printed when it began";
        ui.label(RichText::new(text).size(theme::SMALL).color(palette.muted));
        self.typed_ui(ui);
        ui.add_space(2.0 * theme::STEP);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button("Close").clicked() {
                choice = Some(Choice::Close);
            }
        });
        choice
    }

    fn typed_ui(&mut self, ui: &mut Ui) {
        let palette = theme::palette(ui.ctx());
        ui.horizontal(|ui| {
            let field = |ui: &mut Ui, text: &mut String, name: &str, width, secret| {
                let field = TextEdit::singleline(text)
                    .hint_text(name)
                    .password(secret)
                    .desired_width(width)
                    .font(theme::data_font(theme::DATA));
                let response = ui.add(field);
                let shown = if secret { String::new() } else { text.clone() };
                response.widget_info(|| {
                    let mut info = WidgetInfo::labeled(Role::TextInput, true, name);
                    info.current_text_value = Some(shown.clone());
                    info
                });
                let entered =
                    response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
                (response.changed(), entered)
            };
            let address = field(
                ui,
                &mut self.address,
                "Address, 127.0.0.1:40123",
                220.0,
                false,
            );
            let token = field(ui, &mut self.token, "Token", 260.0, true);
            if address.0 || token.0 {
                self.typed = None;
            }
            let ready = !self.address.trim().is_empty() && !self.token.trim().is_empty();
            let button = ui.add_enabled(ready, Button::new("Attach"));
            button.widget_info(|| WidgetInfo::labeled(Role::Button, ready, "Attach to address"));
            let wanted = button.clicked() || ((address.1 || token.1) && ready);
            if wanted && self.typed != Some(Ok(())) {
                self.typed = Some(Ok(()));
                self.listing.ask_at(&self.address, &self.token);
            }
            if self.typed == Some(Ok(())) {
                ui.label(RichText::new("Asking…").color(palette.muted));
            }
        });
        if let Some(Err(why)) = &self.typed {
            ui.label(RichText::new(why).color(palette.error));
        }
    }
}

/// The end of a path, which tells files apart.
fn short(file: &Path) -> String {
    let mut parts = file.components().rev().take(2);
    match (parts.next(), parts.next()) {
        (Some(name), Some(folder)) if file.components().count() > 2 => {
            let folder = folder.as_os_str().to_string_lossy();
            format!("…/{folder}/{}", name.as_os_str().to_string_lossy())
        }
        _ => file.display().to_string(),
    }
}

fn table(
    ui: &mut Ui,
    jobs: &[Listed],
    own: Option<&Path>,
    watched: Option<&JobAddress>,
) -> Option<Choice> {
    let palette = theme::palette(ui.ctx());
    let mut choice = None;
    let head = |ui: &mut Ui, text: &str| {
        let text = RichText::new(text).size(theme::SMALL).color(palette.muted);
        ui.add(Label::new(text).selectable(false));
    };
    let data = |text: String| RichText::new(text).font(theme::data_font(theme::DATA));
    Grid::new("running jobs")
        .num_columns(6)
        .spacing([22.0, 8.0])
        .show(ui, |ui| {
            for title in ["Pipeline", "State", "Since", "Process", "Address", ""] {
                head(ui, title);
            }
            ui.end_row();
            for job in jobs {
                let address = &job.address;
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 1.0;
                    ui.set_width(NAME);
                    let name = RichText::new(&address.pipeline);
                    ui.add(Label::new(name.font(theme::strong_font(theme::TEXT))).truncate());
                    if let Some(file) = &job.file {
                        let text = RichText::new(short(file)).size(theme::SMALL);
                        ui.add(Label::new(text.color(palette.muted)).truncate())
                            .on_hover_text(file.display().to_string());
                    }
                });
                let (word, colour) = match &job.status {
                    None => ("…", palette.muted),
                    Some(Ok(status)) => match status.state {
                        JobState::Running => ("running", palette.ok),
                        JobState::Failed => ("failed", palette.error),
                        state => (state.name(), palette.warning),
                    },
                    Some(Err(_)) => ("silent", palette.error),
                };
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 6.0;
                    ui.label(RichText::new("●").size(theme::SMALL).color(colour));
                    let state = ui.label(RichText::new(word).color(colour));
                    if let Some(Err(why)) = &job.status {
                        state.on_hover_text(why);
                    }
                });
                let since = chrono::DateTime::from_timestamp_millis(address.started_at_ms);
                let since = since.map_or_else(String::new, |since| moment(since.into()));
                ui.label(data(since));
                ui.label(data(address.pid.to_string()).color(palette.muted));
                let url = address.url.trim_start_matches("http://").to_string();
                ui.label(data(url).color(palette.muted));
                ui.horizontal(|ui| {
                    if watched.is_some_and(|watched| watched.token == address.token) {
                        ui.label(RichText::new("attached").color(palette.accent));
                        return;
                    }
                    let file = job.file.as_deref();
                    let is_own = file.is_some() && file == own;
                    let named = |what: &str| {
                        format!("{what} {}, process {}", address.pipeline, address.pid)
                    };
                    if let Some(file) = file.filter(|_| !is_own) {
                        let open = ui
                            .button("Open")
                            .on_hover_text(format!("Open {} and watch this job", file.display()));
                        open.widget_info(|| WidgetInfo::labeled(Role::Button, true, named("Open")));
                        if open.clicked() {
                            choice = Some(Choice::Open(address.clone(), file.to_path_buf()));
                        }
                    }
                    let attach = ui
                        .button("Attach")
                        .on_hover_text("Watch this job over the pipeline that is open");
                    attach.widget_info(|| {
                        WidgetInfo::labeled(Role::Button, true, named("Attach to"))
                    });
                    if attach.clicked() {
                        choice = Some(Choice::Attach(address.clone()));
                    }
                });
                ui.end_row();
            }
        });
    choice
}

impl Shell {
    /// Shows the list and does what is wanted of it.
    pub(super) fn list_jobs(&mut self, context: &Context) {
        if let Some(found) = self.jobs_list.take_in() {
            self.attach_job(found);
            return;
        }
        let due = self
            .jobs_list
            .asked
            .is_none_or(|asked| asked.elapsed() >= EVERY);
        if due {
            self.jobs_list.asked = Some(Instant::now());
            let list = &self.jobs_list;
            list.listing.ask(list.registry.clone(), list.home.clone());
        }
        context.request_repaint_after(EVERY);
        let own = self
            .editor
            .file()
            .and_then(|file| std::path::absolute(file).ok());
        let watched = self.job.address.clone();
        let modal = egui::Modal::new(egui::Id::unique("running jobs"));
        let shown = modal.frame(frame(context)).show(context, |ui| {
            self.jobs_list.ui(ui, own.as_deref(), watched.as_ref())
        });
        let closed = shown.should_close().then_some(Choice::Close);
        match shown.inner.or(closed) {
            Some(Choice::Attach(address)) => self.attach_job(address),
            Some(Choice::Open(address, file)) => {
                self.jobs_list.next = Some((address, file.clone()));
                self.unless_unsaved(Then::Open(file), context);
            }
            Some(Choice::Close) => {}
            None => self.modal = Some(Modal::Jobs),
        }
    }

    /// Attaches to the job that was chosen, once the document that it runs is open.
    pub(super) fn attach_to_next(&mut self) {
        let Some((address, file)) = self.jobs_list.next.take() else {
            return;
        };
        // A script becomes a document without a file.
        let is_it = match self.editor.file() {
            Some(shown) => std::path::absolute(shown).is_ok_and(|shown| shown == file),
            None => super::effects::is_script(&file),
        };
        if is_it {
            self.attach_job(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_path_is_shown() {
        assert_eq!(
            short(Path::new("/home/me/fraud/pipeline.toml")),
            "…/fraud/pipeline.toml"
        );
        assert_eq!(short(Path::new("/p.toml")), "/p.toml");
    }
}
