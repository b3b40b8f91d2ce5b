//! What a frame of the editor costs on large documents: UI and tessellation, without a GPU.
//!
//! `cargo run --release -p millstream-ide --example frame_budget`

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use egui::{Pos2, RawInput, Rect, Vec2};
use millstream_compiler::document::{Document, Layout, Pipeline};
use millstream_ide::canvas::Canvas;
use millstream_ide::editor::{Action, Camera, Editor};
use millstream_ide::shell::{Options, Shell};
use millstream_ide::theme;
use millstream_ide::work::job::{EdgeFigures, JobState, JobView, NodeFigures};

const SCREEN: Vec2 = Vec2::new(1600.0, 1000.0);
const WARM: usize = 30;
const FRAMES: usize = 300;

/// A document of `nodes` nodes in chains, with about 1.6 wires a node.
fn document(nodes: usize) -> Document {
    let mut text = String::from("version = 1\nname = \"large\"\n");
    for at in 0..nodes {
        let kind = match at % 10 {
            0 => "kind = \"file-source\"\npath = \"in.csv\"\nformat = \"csv\"",
            9 => "kind = \"file-sink\"\npath = \"out\"\nformat = \"csv\"",
            _ => "kind = \"sql\"\nquery = \"SELECT customer, amount FROM orders\"",
        };
        let _ = writeln!(text, "[nodes.n{at}]\ntitle = \"Node number {at}\"\n{kind}");
    }
    text += "[edges]\n";
    let mut edge = 0;
    let mut wire = |text: &mut String, from: usize, to: usize| {
        edge += 1;
        let _ = writeln!(text, "e{edge} = {{ from = \"n{from}\", to = \"n{to}\" }}");
    };
    for at in 0..nodes {
        if at % 10 != 9 && at + 1 < nodes {
            wire(&mut text, at, at + 1);
        }
        let across = at + 12;
        if at % 10 < 7 && across < nodes && across % 10 != 0 && across % 10 != 9 {
            wire(&mut text, at, across);
        }
    }
    let loaded = Pipeline::from_toml(&text).expect("the document is right");
    Document::new(loaded.pipeline, Layout::default())
}

/// A running job with figures for everything.
fn job(editor: &Editor) -> JobView {
    let pipeline = editor.pipeline();
    let figures = |at: usize| NodeFigures {
        rate: 1000.0 * (at % 17) as f64,
        rates: (0..32).map(|step| ((step * at) % 13) as f32).collect(),
        lag_ms: Some(400),
        state_bytes: 38_000_000,
        busy: 0.4,
        ..Default::default()
    };
    let nodes = pipeline.nodes().enumerate();
    let edges = pipeline.edges().map(|(_, edge)| {
        let figures = EdgeFigures {
            rows: 123_456,
            rate: 12_400.0,
            lag_ms: Some(2100),
            back_pressured: 0.0,
        };
        ((edge.from.node.clone(), edge.to.node.clone()), figures)
    });
    JobView {
        state: JobState::Running,
        nodes: nodes
            .map(|(at, (id, _))| (id.clone(), figures(at)))
            .collect(),
        edges: edges.collect(),
        ..JobView::default()
    }
}

struct Times(Vec<Duration>);

impl Times {
    fn share(&mut self, share: f64) -> f64 {
        self.0.sort();
        let at = ((self.0.len() - 1) as f64 * share).round() as usize;
        self.0[at].as_secs_f64() * 1e3
    }
}

fn input(frame: usize) -> RawInput {
    // The pointer moves, so hits are tested in every frame.
    let at = Pos2::new(500.0 + (frame % 200) as f32, 400.0 + (frame % 90) as f32);
    RawInput {
        screen_rect: Some(Rect::from_min_size(Pos2::ZERO, SCREEN)),
        time: Some(frame as f64 / 60.0),
        events: vec![egui::Event::PointerMoved(at)],
        ..Default::default()
    }
}

/// Frames of the canvas alone, panning.
fn canvas(document: &Document, zoom: Option<f32>, live: bool, listened: bool) -> Times {
    let context = egui::Context::default();
    theme::install(&context);
    if listened {
        context.enable_accesskit();
    }
    let mut editor = Editor::new(document.clone(), None);
    let job = if live {
        job(&editor)
    } else {
        JobView::default()
    };
    let mut canvas = Canvas::default();
    let mut times = Vec::new();
    for frame in 0..WARM + FRAMES {
        if frame == 3
            && let Some(zoom) = zoom
        {
            editor.view.camera.zoom = zoom;
        }
        let begun = Instant::now();
        let mut actions = Vec::new();
        let output = context.run_ui(input(frame), |ui| {
            canvas.ui(ui, &editor, &job, &mut actions);
        });
        let shapes = context.tessellate(output.shapes.clone(), output.pixels_per_point);
        std::hint::black_box(&shapes);
        let took = begun.elapsed();
        output.drop_without_applying_deltas();
        if frame >= WARM {
            times.push(took);
        }
        for action in actions {
            editor.apply(action);
        }
        pan(&mut editor, frame);
    }
    Times(times)
}

fn pan(editor: &mut Editor, frame: usize) {
    let camera = editor.view.camera;
    let step = Vec2::angled(frame as f32 / 40.0) * 4.0 / camera.zoom;
    editor.apply(Action::Look(Camera {
        centre: camera.centre + step,
        ..camera
    }));
}

/// Frames of the whole window, panning.
fn window(document: &Document) -> Times {
    let context = egui::Context::default();
    theme::install(&context);
    let home = std::env::temp_dir().join("millstream-frame-budget");
    let options = Options {
        path: None,
        home,
        samples: None,
    };
    let mut shell = Shell::new(&context, options);
    shell.editor = Editor::new(document.clone(), None);
    shell.settle(Duration::from_secs(60));
    let mut times = Vec::new();
    for frame in 0..WARM + FRAMES {
        let begun = Instant::now();
        let output = context.run_ui(input(frame), |ui| shell.ui(ui));
        let shapes = context.tessellate(output.shapes.clone(), output.pixels_per_point);
        std::hint::black_box(&shapes);
        let took = begun.elapsed();
        output.drop_without_applying_deltas();
        if frame >= WARM {
            times.push(took);
        }
        pan(&mut shell.editor, frame);
    }
    Times(times)
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "| nodes | wires | what | zoom | median ms | p95 ms | budget ms |\n|---|---|---|---|---|---|---|"
    )?;
    for (nodes, budget) in [(500, 4.0), (2000, 10.0)] {
        let document = document(nodes);
        let wires = document.pipeline().edges().len();
        let mut row = |what: &str, zoom: &str, mut times: Times| {
            writeln!(
                out,
                "| {nodes} | {wires} | {what} | {zoom} | {:.2} | {:.2} | {budget} |",
                times.share(0.5),
                times.share(0.95)
            )
        };
        row("canvas", "fit", canvas(&document, None, false, false))?;
        for zoom in [0.2, 0.31, 0.71, 1.0, 2.0] {
            let name = format!("{zoom}");
            row("canvas", &name, canvas(&document, Some(zoom), false, false))?;
        }
        row(
            "canvas, live job",
            "0.31",
            canvas(&document, Some(0.31), true, false),
        )?;
        row(
            "canvas, live job",
            "0.71",
            canvas(&document, Some(0.71), true, false),
        )?;
        row(
            "canvas, screen reader",
            "0.31",
            canvas(&document, Some(0.31), false, true),
        )?;
        row("whole window", "fit", window(&document))?;
    }
    Ok(())
}
