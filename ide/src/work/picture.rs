//! Pictures of a pipeline without a window: the editor as it is, painted into a file.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::{ColorImage, Context, RawInput, Rect, Theme, Vec2, ViewportId};
use millstream_compiler::document::NodeId;

use super::raster::Raster;
use crate::command::UiCommand;
use crate::editor::{Action, Selection};
use crate::shell::{Options, Shell};
use crate::theme;

/// How long a picture may take until everything in it stands still.
const LONGEST: Duration = Duration::from_secs(20);
/// How many frames in a row must be content with themselves.
const STILL: usize = 3;

/// What to paint.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The pipeline, or none for the start page.
    pub path: Option<PathBuf>,
    /// The size in points.
    pub size: [u32; 2],
    /// Pixels a point.
    pub scale: f32,
    /// The theme.
    pub theme: Theme,
    /// The node that is selected, and whose rows are shown.
    pub select: Option<String>,
    /// Where the samples of the start page are.
    pub samples: Option<PathBuf>,
}

/// Paints the editor.
///
/// # Errors
/// The pipeline cannot be opened, has no such node, or there is no room for temporary files.
pub fn paint(picture: &Picture) -> Result<ColorImage, String> {
    // What a person keeps (recent files, recovered edits) is no part of a picture.
    let home = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let context = Context::default();
    let mut shell = Shell::new(
        &context,
        Options {
            path: picture.path.clone(),
            home: home.path().to_path_buf(),
            samples: picture.samples.clone(),
        },
    );
    context.set_theme(picture.theme);
    if let Some(node) = &picture.select {
        let id = NodeId::new(node.clone()).ok();
        let id = id.filter(|id| shell.editor.pipeline().node(id.as_str()).is_some());
        let Some(id) = id else {
            let known: Vec<&str> = (shell.editor.pipeline().nodes())
                .map(|(id, _)| id.as_str())
                .collect();
            return Err(format!(
                "the pipeline has no node '{node}'; it has {}",
                known.join(", ")
            ));
        };
        shell.apply(&context, Action::Select(Selection::node(id)));
    }
    let size = Vec2::new(picture.size[0] as f32, picture.size[1] as f32);
    let pixels = [size.x, size.y].map(|side| (side * picture.scale).round() as usize);
    let mut raster = Raster::default();
    let begun = Instant::now();
    let mut still = 0;
    let mut fitted = false;
    loop {
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, size)),
            time: Some(begun.elapsed().as_secs_f64()),
            focused: true,
            max_texture_side: Some(8192),
            ..RawInput::default()
        };
        let viewport = input.viewports.entry(ViewportId::ROOT).or_default();
        viewport.native_pixels_per_point = Some(picture.scale);
        let mut output = context.run_ui(input, |ui| shell.ui(ui));
        raster.update(&mut output.textures_delta);
        let editor = &shell.editor;
        let waits = editor.compiled().generation < editor.generation() || shell.preview().working;
        let moves = (output.viewport_output.values())
            .any(|viewport| viewport.repaint_delay < Duration::from_millis(20));
        still = if waits || moves { 0 } else { still + 1 };
        if !fitted && still >= 1 {
            // Only now is it known how large the canvas is.
            fitted = true;
            still = 0;
            shell.apply(&context, Action::Command(UiCommand::ZoomToFit));
        }
        if still >= STILL || begun.elapsed() > LONGEST {
            let primitives = context.tessellate(output.shapes, output.pixels_per_point);
            let image = raster.paint(
                pixels,
                output.pixels_per_point,
                theme::palette(&context).line,
                &primitives,
            );
            raster.free(&mut output.textures_delta);
            return Ok(image);
        }
        raster.free(&mut output.textures_delta);
        if waits {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Writes a picture as PNG.
///
/// # Errors
/// The file cannot be written.
pub fn write_png(path: &Path, image: &ColorImage) -> Result<(), String> {
    let failed =
        |error: &dyn std::fmt::Display| format!("cannot write {}: {error}", path.display());
    let file = File::create(path).map_err(|error| failed(&error))?;
    let [width, height] = image
        .size
        .map(|side| u32::try_from(side).unwrap_or(u32::MAX));
    let mut encoder = png::Encoder::new(BufWriter::new(file), width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    // A PNG's colours are not premultiplied.
    let bytes: Vec<u8> = image
        .pixels
        .iter()
        .flat_map(|pixel| pixel.to_srgba_unmultiplied())
        .collect();
    let mut writer = encoder.write_header().map_err(|error| failed(&error))?;
    writer
        .write_image_data(&bytes)
        .map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))
}
