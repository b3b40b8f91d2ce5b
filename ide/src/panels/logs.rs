//! What the job wrote: its tail, coloured by what the lines are; a click on an error goes to its
//! node.

use egui::{Label, RichText, Role, ScrollArea, Sense, TextEdit, Ui, WidgetInfo};
use millstream_compiler::document::NodeId;

use crate::editor::{Action, Editor};
use crate::theme;
use crate::work::job::{JobState, JobView, LogLevel};

const LINE_HEIGHT: f32 = 18.0;

/// What the panel remembers between frames.
#[derive(Debug)]
pub struct Logs {
    filter: String,
    least: Least,
    /// Whether the last line stays in view.
    follow: bool,
    /// The lines that are let through, as of this length of the log and these filters.
    found: Option<(usize, Least, String, Vec<usize>)>,
}

/// Which lines are shown, by what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Least {
    All,
    Warnings,
    Errors,
}

impl Least {
    const ALL: [Least; 3] = [Least::All, Least::Warnings, Least::Errors];

    fn title(self) -> &'static str {
        match self {
            Least::All => "All",
            Least::Warnings => "Warnings",
            Least::Errors => "Errors",
        }
    }

    fn lets(self, level: LogLevel) -> bool {
        match self {
            Least::All => true,
            Least::Warnings => matches!(level, LogLevel::Warning | LogLevel::Error),
            Least::Errors => level == LogLevel::Error,
        }
    }
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            filter: String::new(),
            least: Least::All,
            follow: true,
            found: None,
        }
    }
}

impl Logs {
    /// Draws what stands at the right of the tabs: filter and follow.
    pub fn bar(&mut self, ui: &mut Ui, job: &JobView) {
        let palette = theme::palette(ui.ctx());
        ui.add_space(2.0 * theme::STEP);
        if job.log.is_empty() {
            return;
        }
        let text = RichText::new("Follow").size(theme::SMALL + 1.0);
        let follow = ui
            .selectable_label(self.follow, text)
            .on_hover_text("Keep the last line in view");
        follow.widget_info(|| WidgetInfo::selected(Role::Button, true, self.follow, "Follow log"));
        if follow.clicked() {
            self.follow = !self.follow;
        }
        let filter = TextEdit::singleline(&mut self.filter)
            .hint_text("Filter lines…")
            .desired_width(160.0)
            .font(theme::data_font(theme::SMALL));
        let response = ui.add(filter);
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::TextInput, true, "Filter log");
            info.current_text_value = Some(self.filter.clone());
            info
        });
        // From the right.
        for least in Least::ALL.into_iter().rev() {
            let text = RichText::new(least.title()).size(theme::SMALL + 1.0);
            let chosen = self.least == least;
            let button = ui.selectable_label(chosen, text);
            let name = format!("Show {} of the log", least.title().to_lowercase());
            button.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, &name));
            if button.clicked() {
                self.least = least;
            }
        }
        let lines = super::preview::thousands((job.log.len() + job.log_dropped) as u64);
        let lines = match &self.found {
            Some((_, _, _, found)) if found.len() < job.log.len() => {
                let found = super::preview::thousands(found.len() as u64);
                format!("{found} of {lines} lines")
            }
            _ => format!("{lines} lines"),
        };
        let text = RichText::new(lines)
            .size(theme::SMALL + 1.0)
            .color(palette.muted);
        ui.add(Label::new(text).selectable(false));
    }

    /// Draws the panel and collects what is done in it.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor, job: &JobView, actions: &mut Vec<Action>) {
        let palette = theme::palette(ui.ctx());
        if let JobState::Failed { node, message } = &job.state {
            let frame = egui::Frame::new()
                .inner_margin(egui::Margin::symmetric(10, 8))
                .corner_radius(theme::RADIUS_SMALL)
                .fill(theme::Palette::mix(palette.panel, palette.error, 0.08));
            frame.show(ui, |ui| {
                ui.set_width(ui.available_width());
                ui.horizontal(|ui| {
                    ui.label(RichText::new("●").color(palette.error));
                    match node {
                        Some(node) => {
                            ui.label("The job failed in");
                            if ui.link(node.as_str()).clicked() {
                                actions.push(Action::GoTo(node.clone()));
                            }
                        }
                        None => {
                            ui.label("The job failed");
                        }
                    }
                });
                let text = RichText::new(message).monospace().color(palette.text);
                ui.add(Label::new(text).wrap());
            });
            ui.add_space(theme::STEP);
        }
        if job.log.is_empty() {
            match job.state {
                JobState::None => super::empty(
                    ui,
                    "No job has run",
                    "Run starts one; what it writes is shown here",
                ),
                JobState::Failed { .. } => {}
                _ if job.log_is_elsewhere => super::empty(
                    ui,
                    "The log of this job is elsewhere",
                    "It was not started here; what it writes is where it was started",
                ),
                _ => super::empty(ui, "The job has written nothing yet", ""),
            }
            return;
        }
        let found = self.found(job);
        if found.is_empty() {
            super::empty(
                ui,
                "No line is like that",
                "Take the filter away to see all",
            );
            return;
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::both()
            .auto_shrink(false)
            .stick_to_bottom(self.follow)
            .show_rows(ui, LINE_HEIGHT, found.len(), |ui, rows| {
                for row in rows {
                    if let Some(line) = found.get(row).and_then(|index| job.log.get(*index)) {
                        let colour = match line.level {
                            LogLevel::Info => palette.text,
                            LogLevel::Warning => palette.warning,
                            LogLevel::Error => palette.error,
                            LogLevel::Help => palette.muted,
                        };
                        let text = RichText::new(&line.text)
                            .font(theme::data_font(theme::DATA))
                            .color(colour);
                        let matters = Least::Warnings.lets(line.level);
                        let node = matters.then(|| node_in(&line.text, editor)).flatten();
                        let label = Label::new(text).extend();
                        let size = egui::vec2(ui.available_width(), LINE_HEIGHT);
                        let layout = egui::Layout::left_to_right(egui::Align::Center);
                        ui.allocate_ui_with_layout(size, layout, |ui| {
                            if matters {
                                let mut bar = ui.max_rect();
                                bar.set_width(2.0);
                                ui.painter().rect_filled(bar, 0.0, colour);
                            }
                            ui.add_space(2.0 * theme::STEP);
                            let Some(node) = node else {
                                ui.add(label);
                                return;
                            };
                            let response = ui
                                .add(label.sense(Sense::click()))
                                .on_hover_text(format!("Go to {node}"));
                            if response.clicked() {
                                actions.push(Action::GoTo(node));
                            }
                        });
                    }
                }
            });
    }

    fn found(&mut self, job: &JobView) -> Vec<usize> {
        let filter = self.filter.trim().to_lowercase();
        let length = job.log.len() + job.log_dropped;
        if let Some((of, least, with, found)) = &self.found
            && *of == length
            && *least == self.least
            && *with == filter
        {
            return found.clone();
        }
        let mut found = Vec::new();
        // What to do about a line belongs to it.
        let mut before = false;
        for (index, line) in job.log.iter().enumerate() {
            let is_help = line.level == LogLevel::Help;
            let fits = self.least.lets(line.level)
                && (filter.is_empty() || line.text.to_lowercase().contains(&filter));
            before = fits || (before && is_help);
            if before {
                found.push(index);
            }
        }
        self.found = Some((length, self.least, filter, found.clone()));
        found
    }
}

/// The node of the pipeline that a line names first, as a word of its own.
fn node_in(line: &str, editor: &Editor) -> Option<NodeId> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.split(|c: char| !is_part(c) && c != '-')
        .find_map(|word| {
            let (id, _) = editor
                .pipeline()
                .nodes()
                .find(|(id, _)| id.as_str() == word)?;
            Some(id.clone())
        })
}
