//! `millstream-ide`: opens the editor, or renders a picture of a pipeline.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use millstream_ide::shell::{Options, Shell};
use millstream_ide::work::picture::{self, Picture};
use millstream_ide::work::settings;

/// Frames and plans are many short-lived allocations, large meshes among them, which the system's
/// allocator gives back to the kernel after each frame: a third of a frame went into page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The desktop editor of Millstream
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Examples:
  millstream-ide                          the start page
  millstream-ide samples/fraud            a pipeline's folder
  xvfb-run -a millstream-ide samples/gmv  where there is no display
  millstream-ide --screenshot fraud.png --scale 2 samples/fraud   a picture of it"
)]
struct Arguments {
    /// A pipeline.toml, or a folder with one
    path: Option<PathBuf>,

    /// Where the samples of the start page are
    #[arg(long, value_name = "DIR")]
    samples: Option<PathBuf>,

    /// Write a picture of the editor to this PNG file instead of opening a window
    #[arg(long, value_name = "FILE")]
    screenshot: Option<PathBuf>,

    /// The picture's size in points
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1600x1000", value_parser = size, requires = "screenshot")]
    size: [u32; 2],

    /// The picture's pixels a point
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = scale, requires = "screenshot")]
    scale: f32,

    /// The picture's theme
    #[arg(long, value_enum, default_value_t = ThemeName::Dark, requires = "screenshot")]
    theme: ThemeName,

    /// The node that is selected in the picture, and whose rows it shows
    #[arg(long, value_name = "NODE", requires = "screenshot")]
    select: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ThemeName {
    Dark,
    Light,
}

fn size(text: &str) -> Result<[u32; 2], String> {
    let side = |text: &str| text.parse().ok().filter(|side| (200..=8000).contains(side));
    let sides = text.split_once('x');
    sides
        .and_then(|(width, height)| Some([side(width)?, side(height)?]))
        .ok_or_else(|| "expected two numbers from 200 to 8000 such as 1600x1000".into())
}

fn scale(text: &str) -> Result<f32, String> {
    let scale = text
        .parse()
        .ok()
        .filter(|scale| (0.5..=4.0).contains(scale));
    scale.ok_or_else(|| "expected a number from 0.5 to 4".into())
}

/// Writes a picture instead of opening a window.
fn screenshot(arguments: &Arguments, file: &Path) -> ExitCode {
    let picture = Picture {
        path: arguments.path.clone(),
        size: arguments.size,
        scale: arguments.scale,
        theme: match arguments.theme {
            ThemeName::Dark => egui::Theme::Dark,
            ThemeName::Light => egui::Theme::Light,
        },
        select: arguments.select.clone(),
        samples: arguments.samples.clone().or_else(find_samples),
    };
    match picture::paint(&picture).and_then(|image| picture::write_png(file, &image)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "warn,eframe=error,winit=error".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    if let Some(path) = &arguments.path
        && !path.exists()
    {
        eprintln!("error: there is no file {}", path.display());
        eprintln!(
            "  help: name a pipeline.toml or a folder with one, or nothing for the start page"
        );
        return ExitCode::from(2);
    }
    if let Some(file) = &arguments.screenshot {
        return screenshot(&arguments, file);
    }
    if cfg!(target_os = "linux")
        && std::env::var_os("DISPLAY").is_none()
        && std::env::var_os("WAYLAND_DISPLAY").is_none()
    {
        eprintln!("error: there is no display to open a window on");
        eprintln!("  help: with a virtual one: xvfb-run -a millstream-ide …");
        return ExitCode::from(2);
    }
    let samples = arguments.samples.or_else(find_samples);
    let options = Options {
        path: arguments.path,
        home: settings::home(),
        samples,
    };
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Millstream")
            .with_app_id("millstream-ide")
            .with_inner_size([1600.0, 1000.0])
            .with_min_inner_size([800.0, 500.0])
            .with_drag_and_drop(true),
        ..Default::default()
    };
    let run = eframe::run_native(
        "millstream-ide",
        native,
        Box::new(|creation| Ok(Box::new(Shell::new(&creation.egui_ctx, options)))),
    );
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: no window could be opened: {error}");
            eprintln!("  help: with a virtual display: xvfb-run -a millstream-ide …");
            ExitCode::FAILURE
        }
    }
}

/// The samples beside the program, above it, or where it was built.
fn find_samples() -> Option<PathBuf> {
    let program = std::env::current_exe().ok();
    let beside = program
        .iter()
        .flat_map(|program| program.ancestors().skip(1));
    beside
        .map(|folder| folder.join("samples"))
        .chain([PathBuf::from("samples")])
        .chain([PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../samples"
        ))])
        .find(|folder| folder.is_dir())
}
