//! The start page: the samples as tiles, recent pipelines, and what to begin with.

use std::path::{Path, PathBuf};

use egui::{RichText, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo};
use millstream_compiler::document::{Pipeline, files};

use crate::command::UiCommand;
use crate::editor::{Action, Editor};
use crate::theme;
use crate::work::settings::Settings;

/// A sample as a tile shows it.
struct Sample {
    file: PathBuf,
    name: String,
    description: String,
    editor: Editor,
}

/// What the page knows.
pub(super) struct StartPage {
    samples: Vec<Sample>,
}

impl StartPage {
    /// The page with the samples of a folder.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        let mut samples: Vec<Sample> = folder
            .and_then(|folder| std::fs::read_dir(folder).ok())
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join(files::PIPELINE_FILE))
            .filter_map(|file| sample(&file))
            .collect();
        samples.sort_by(|a, b| a.name.cmp(&b.name));
        Self { samples }
    }

    /// Draws the page.
    pub(super) fn ui(&self, ui: &mut Ui, settings: &Settings, actions: &mut Vec<Action>) {
        let palette = theme::palette(ui.ctx());
        ui.painter()
            .rect_filled(ui.available_rect_before_wrap(), 0.0, palette.background);
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            let width = ui.available_width().min(920.0);
            let margin = (ui.available_width() - width) / 2.0;
            ui.add_space(48.0);
            ui.horizontal_top(|ui| {
                ui.add_space(margin.max(24.0));
                ui.vertical(|ui| {
                    ui.set_width(width - 48.0);
                    ui.label(RichText::new("Millstream").font(theme::strong_font(26.0)));
                    ui.label(
                        RichText::new("Draw a pipeline, see its rows, run it")
                            .size(15.0)
                            .color(palette.muted),
                    );
                    ui.add_space(16.0);
                    ui.horizontal(|ui| {
                        for command in [
                            UiCommand::New,
                            UiCommand::Open,
                            UiCommand::OpenFolder,
                            UiCommand::ImportSql,
                        ] {
                            let response = ui.button(command.name());
                            if response.on_hover_text(command.tooltip()).clicked() {
                                actions.push(Action::Command(command));
                            }
                        }
                    });
                    if !self.samples.is_empty() {
                        ui.add_space(20.0);
                        crate::panels::heading(ui, "Samples");
                        ui.horizontal_wrapped(|ui| {
                            for sample in &self.samples {
                                tile(ui, sample, actions);
                            }
                        });
                    }
                    if !settings.recent.is_empty() {
                        ui.add_space(20.0);
                        crate::panels::heading(ui, "Recent");
                        for file in &settings.recent {
                            recent(ui, file, actions);
                        }
                    }
                });
            });
        });
    }
}

fn sample(file: &Path) -> Option<Sample> {
    let text = files::read(file).ok()?;
    let pipeline = Pipeline::from_toml(&text).ok()?.pipeline;
    let (editor, _) = Editor::open(file).ok()?;
    Some(Sample {
        file: file.to_path_buf(),
        name: pipeline.name().to_string(),
        description: pipeline.description().unwrap_or_default().to_string(),
        editor,
    })
}

fn tile(ui: &mut Ui, sample: &Sample, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let size = Vec2::new(270.0, 190.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Button, true, format!("Open sample {}", sample.name))
    });
    let lively = response.hovered() || response.has_focus();
    let fill = if lively {
        palette.hovered
    } else {
        palette.raised
    };
    let line = if lively { palette.accent } else { palette.line };
    let painter = ui.painter().with_clip_rect(rect);
    painter.rect(
        rect,
        theme::RADIUS,
        fill,
        egui::Stroke::new(1.0, line),
        egui::StrokeKind::Inside,
    );
    let picture = egui::Rect::from_min_size(rect.min, Vec2::new(size.x, 100.0)).shrink(12.0);
    crate::canvas::paint_miniature(&painter, sample.editor.document(), picture, palette);
    painter.text(
        rect.min + Vec2::new(14.0, 112.0),
        egui::Align2::LEFT_CENTER,
        &sample.name,
        theme::strong_font(14.0),
        palette.text,
    );
    let galley = painter.layout(
        sample.description.clone(),
        theme::text_font(12.0),
        palette.muted,
        size.x - 28.0,
    );
    painter.galley(rect.min + Vec2::new(14.0, 124.0), galley, palette.muted);
    if response.clicked() {
        actions.push(Action::OpenPath(sample.file.clone()));
    }
    let play = egui::Rect::from_center_size(
        rect.right_bottom() - Vec2::new(46.0, 24.0),
        Vec2::new(68.0, 26.0),
    );
    let button =
        egui::Button::new(RichText::new("▶ Play").color(palette.on_accent)).fill(palette.accent);
    // In a layer of its own, so that the next tile stands beside this one.
    let mut corner = ui.new_child(egui::UiBuilder::new().max_rect(play));
    let response = corner.add(button.wrap_mode(egui::TextWrapMode::Extend));
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Button, true, format!("Play sample {}", sample.name))
    });
    if response.on_hover_text("Open it and run it").clicked() {
        actions.push(Action::OpenPath(sample.file.clone()));
        actions.push(Action::RunWhenCompiled);
    }
}

fn recent(ui: &mut Ui, file: &Path, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let name = match file.file_name() {
        Some(name) if name != files::PIPELINE_FILE => name.to_string_lossy().into_owned(),
        _ => file
            .parent()
            .and_then(Path::file_name)
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
    };
    ui.horizontal(|ui| {
        if ui.link(name).clicked() {
            actions.push(Action::OpenPath(file.to_path_buf()));
        }
        ui.label(
            RichText::new(file.display().to_string())
                .size(theme::SMALL)
                .color(palette.faint),
        );
    });
}
