//! A file that is no pipeline: its text with the places marked, to be mended here.

use std::collections::BTreeSet;
use std::path::PathBuf;

use egui::text::{LayoutJob, TextFormat};
use egui::{Button, Label, Margin, RichText, Role, ScrollArea, Stroke, TextEdit, Ui, WidgetInfo};
use millstream_compiler::diagnostics::Diagnostic;
use millstream_compiler::document::Pipeline;

use crate::theme::{self, Palette};

/// A file that is no pipeline.
#[derive(Debug)]
pub struct BrokenFile {
    /// Which file.
    pub file: PathBuf,
    /// Its text, which can be mended here.
    pub text: String,
    /// What is wrong with it.
    pub findings: Vec<Diagnostic>,
    /// The text that the findings are about.
    checked: String,
}

/// What a person wants of the file.
pub(super) enum Done {
    /// Write the text and open it.
    Save,
    /// Leave it as it is.
    Close,
}

impl BrokenFile {
    pub(super) fn new(file: PathBuf, text: String, findings: Vec<Diagnostic>) -> Self {
        Self {
            file,
            checked: text.clone(),
            text,
            findings,
        }
    }

    /// Looks at the text again, if it was edited.
    fn check(&mut self) {
        if self.checked == self.text {
            return;
        }
        self.checked.clone_from(&self.text);
        self.findings = Pipeline::from_toml(&self.text).err().unwrap_or_default();
    }

    /// The line of a finding, counted from 0.
    fn line_of(&self, found: &Diagnostic) -> Option<usize> {
        let before = self.text.get(..found.span?.start)?;
        Some(before.matches('\n').count())
    }

    /// The line at the bottom of the window.
    pub(super) fn status(&self, ui: &mut Ui) {
        let palette = theme::palette(ui.ctx());
        let (text, colour) = match self.findings.len() {
            0 => ("✓ this is a pipeline".to_string(), palette.ok),
            1 => ("● 1 error".to_string(), palette.error),
            many => (format!("● {many} errors"), palette.error),
        };
        let text = RichText::new(text).size(theme::SMALL + 1.0).color(colour);
        ui.horizontal(|ui| ui.add(Label::new(text).selectable(false)));
    }

    /// Draws the text and what is wrong with it. `Some` once the person is done.
    pub(super) fn ui(&mut self, ui: &mut Ui) -> Option<Done> {
        self.check();
        let palette = theme::palette(ui.ctx());
        let mut done = None;
        egui::Frame::new().inner_margin(16).show(ui, |ui| {
            ui.horizontal(|ui| {
                let what = if self.findings.is_empty() {
                    "is a pipeline now"
                } else {
                    "is no pipeline"
                };
                let title = format!("{} {what}", self.file.display());
                ui.add(Label::new(RichText::new(title).font(theme::strong_font(15.0))).truncate());
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if ui
                        .button("Close")
                        .on_hover_text("Leave the file as it is")
                        .clicked()
                    {
                        done = Some(Done::Close);
                    }
                    let save = match self.findings.is_empty() {
                        true => {
                            Button::new(RichText::new("Save and open").color(palette.on_accent))
                                .fill(palette.accent)
                        }
                        false => Button::new("Save and open"),
                    };
                    if ui.add(save).clicked() {
                        done = Some(Done::Save);
                    }
                });
            });
            ui.add_space(theme::STEP);
            for found in &self.findings {
                let line = self.line_of(found);
                let place = line.map_or(String::new(), |line| format!("line {}: ", line + 1));
                ui.label(RichText::new(format!("{place}{}", found.message)).color(palette.error));
                if let Some(help) = &found.help {
                    ui.label(RichText::new(help).color(palette.muted));
                }
            }
            ui.add_space(theme::STEP);
            self.text_ui(ui, palette);
        });
        done
    }

    fn text_ui(&mut self, ui: &mut Ui, palette: &Palette) {
        let marked: BTreeSet<usize> = (self.findings.iter())
            .filter_map(|found| self.line_of(found))
            .collect();
        let lines = self.text.matches('\n').count() + 1;
        let font = theme::data_font(theme::DATA);
        let margin = Margin::symmetric(10, 8);
        let size = ui.available_size();
        let frame = egui::Frame::new()
            .fill(palette.background)
            .stroke(Stroke::new(1.0, palette.line))
            .corner_radius(theme::RADIUS_SMALL);
        frame.show(ui, |ui| {
            ScrollArea::both().auto_shrink(false).show(ui, |ui| {
                ui.set_min_height(size.y - 4.0);
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = 0.0;
                    let mut numbers = LayoutJob::default();
                    for line in 0..lines {
                        let colour = match marked.contains(&line) {
                            true => palette.error,
                            false => palette.faint,
                        };
                        let format = TextFormat::simple(font.clone(), colour);
                        numbers.append(&format!("{:>4}\n", line + 1), 0.0, format);
                    }
                    let gutter = egui::Frame::new().inner_margin(Margin {
                        left: 4,
                        right: 0,
                        ..margin
                    });
                    gutter.show(ui, |ui| {
                        ui.add(Label::new(numbers).selectable(false).extend())
                    });
                    let mut layouter = |ui: &Ui, text: &dyn egui::TextBuffer, _width: f32| {
                        let job = marked_text(text.as_str(), &marked, palette);
                        ui.fonts_mut(|fonts| fonts.layout_job(job))
                    };
                    let text = egui::Frame::new().inner_margin(margin);
                    text.show(ui, |ui| {
                        let text = TextEdit::multiline(&mut self.text)
                            .code_editor()
                            .frame(egui::Frame::new())
                            .desired_width(f32::INFINITY)
                            .layouter(&mut layouter);
                        ui.add(text).widget_info(|| {
                            WidgetInfo::labeled(Role::TextInput, true, "Text of the file")
                        });
                    });
                });
            });
        });
    }
}

/// The text with the lines that something is wrong with.
fn marked_text(text: &str, marked: &BTreeSet<usize>, palette: &Palette) -> LayoutJob {
    let font = theme::data_font(theme::DATA);
    let mut job = LayoutJob::default();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let mut format = TextFormat::simple(font.clone(), palette.text);
        if marked.contains(&number) {
            format.background = Palette::mix(palette.background, palette.error, 0.22);
            format.underline = Stroke::new(1.0, palette.error);
        }
        job.append(line, 0.0, format);
    }
    if text.is_empty() {
        job.append("", 0.0, TextFormat::simple(font, palette.text));
    }
    job
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_finding_is_marked_even_at_its_end() {
        let text = "version = 1\nname = \"x\n[nodes]\n";
        let findings = Pipeline::from_toml(text).expect_err("it is broken");
        let mut broken = BrokenFile::new("p.toml".into(), text.into(), findings);
        assert_eq!(broken.line_of(&broken.findings[0]), Some(1));
        let job = marked_text(text, &[1].into(), &Palette::DARK);
        let underlined = job
            .sections
            .iter()
            .filter(|s| s.format.underline.width > 0.0);
        assert_eq!(underlined.count(), 1);
        // While it is mended the findings go with the text.
        broken.text = "version = 1\nname = \"x\"\n".into();
        broken.check();
        assert!(broken.findings.is_empty());
    }
}
