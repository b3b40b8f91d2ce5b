//! What a frame of the editor costs on large documents, UI and tessellation without a GPU, and
//! that there are no frames where nothing changes. Times are what the window's thread worked, not
//! what passed: other work of the machine is not the editor's.

use std::path::Path;
use std::time::Duration;

use egui::{Event, PointerButton, Pos2, RawInput, Rect, Vec2};
use millstream_compiler::document::{Command, Document};
use millstream_ide::canvas::{Canvas, arrange};
use millstream_ide::editor::{Action, Camera, Editor};
use millstream_ide::shell::{Options, Shell};
use millstream_ide::theme;
use millstream_ide::work::job::{EdgeFigures, JobState, JobView, NodeFigures};

use rustix::time::{ClockId, clock_gettime};

use crate::documents;
use crate::table::{Table, Times};

const SCREEN: Vec2 = Vec2::new(1600.0, 1000.0);
const WARM: usize = 30;
const FRAMES: usize = 300;

/// How long this thread has worked.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
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

/// Draws a frame and tessellates it, as a window does before its GPU gets to work.
fn draw(context: &egui::Context, input: RawInput, work: impl FnMut(&mut egui::Ui)) {
    let output = context.run_ui(input, work);
    let shapes = context.tessellate(output.shapes.clone(), output.pixels_per_point);
    std::hint::black_box(&shapes);
    output.drop_without_applying_deltas();
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
    let mut times = Times::default();
    for frame in 0..WARM + FRAMES {
        if frame == 3
            && let Some(zoom) = zoom
        {
            editor.view.camera.zoom = zoom;
        }
        let begun = worked();
        let mut actions = Vec::new();
        draw(&context, input(frame), |ui| {
            canvas.ui(ui, &editor, &job, &mut actions);
        });
        if frame >= WARM {
            times.add(worked() - begun);
        }
        for action in actions {
            editor.apply(action);
        }
        pan(&mut editor, frame);
    }
    times
}

fn pan(editor: &mut Editor, frame: usize) {
    let camera = editor.view.camera;
    let step = Vec2::angled(frame as f32 / 40.0) * 4.0 / camera.zoom;
    editor.apply(Action::Look(Camera {
        centre: camera.centre + step,
        ..camera
    }));
}

/// A window on a document, with all that is compiled of it.
fn shell(context: &egui::Context, document: &Document, home: &Path) -> Shell {
    theme::install(context);
    let options = Options {
        path: None,
        home: home.to_path_buf(),
        samples: None,
    };
    let mut shell = Shell::new(context, options);
    shell.editor = Editor::new(document.clone(), None);
    shell.settle(Duration::from_secs(60));
    shell
}

/// Frames of the whole window, panning.
fn window(document: &Document, home: &Path) -> Times {
    let context = egui::Context::default();
    let mut shell = shell(&context, document, home);
    let mut times = Times::default();
    for frame in 0..WARM + FRAMES {
        let begun = worked();
        draw(&context, input(frame), |ui| shell.ui(ui));
        if frame >= WARM {
            times.add(worked() - begun);
        }
        pan(&mut shell.editor, frame);
    }
    times
}

/// Frames of the whole window while a node is dragged with the pointer.
fn dragging(document: &Document, home: &Path) -> Times {
    let context = egui::Context::default();
    let mut shell = shell(&context, document, home);
    let mut times = Times::default();
    let mut from = None;
    for frame in 0..WARM + FRAMES {
        let mut input = input(frame);
        match frame {
            // By now the canvas knows its place. The node in the middle of the graph is taken.
            5 => {
                let middle = document.pipeline().nodes().len() / 20 * 10 + 3;
                let node = document.pipeline().nodes().nth(middle);
                let node = node.map(|(id, _)| id.clone());
                if let Some(node) = &node {
                    shell.apply(&context, Action::GoTo(node.clone()));
                }
                from = node;
            }
            10 => {
                let at = from.as_ref().and_then(|node| {
                    let rect = arrange::node_rect(document, node)?;
                    let view = shell.editor.view.canvas;
                    Some(shell.editor.view.camera.to_screen(view, rect.center()))
                });
                if let Some(at) = at {
                    input.events = vec![Event::PointerMoved(at), button(at, true)];
                }
            }
            _ => {}
        }
        let begun = worked();
        draw(&context, input, |ui| shell.ui(ui));
        if frame >= WARM {
            times.add(worked() - begun);
        }
    }
    times
}

fn button(pos: Pos2, pressed: bool) -> Event {
    Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: egui::Modifiers::NONE,
    }
}

/// Frames of the whole window in which a parameter gets another letter: each is an edit, which is
/// also compiled.
fn typing(document: &Document, home: &Path) -> Times {
    let context = egui::Context::default();
    let mut shell = shell(&context, document, home);
    let node = document.pipeline().nodes().nth(7);
    let node = node.map(|(id, _)| id.clone());
    let mut times = Times::default();
    for frame in 0..WARM + FRAMES {
        let begun = worked();
        if let Some(node) = &node {
            let command = Command::SetParameter {
                node: node.clone(),
                parameter: "query".into(),
                value: format!("SELECT customer, amount FROM orders{frame}").into(),
            };
            let key = "query".into();
            shell.apply(&context, Action::Burst { key, command });
        }
        draw(&context, input(frame), |ui| shell.ui(ui));
        if frame >= WARM {
            times.add(worked() - begun);
        }
    }
    times
}

/// How many of the frames of an untouched window ask for another one within a second.
fn restless(document: &Document, home: &Path) -> usize {
    let context = egui::Context::default();
    let mut shell = shell(&context, document, home);
    let mut asking = 0;
    for frame in 0..WARM + FRAMES {
        let untouched = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, SCREEN)),
            time: Some(frame as f64 / 10.0),
            ..Default::default()
        };
        let output = context.run_ui(untouched, |ui| shell.ui(ui));
        let soonest = (output.viewport_output.values())
            .map(|viewport| viewport.repaint_delay)
            .min();
        if frame >= WARM && soonest.is_some_and(|delay| delay < Duration::from_secs(1)) {
            asking += 1;
        }
        output.drop_without_applying_deltas();
    }
    asking
}

/// Measures frames of 500 and 2,000 nodes.
pub fn measure(table: &mut Table) -> Result<(), String> {
    let home = tempfile::tempdir().map_err(|error| error.to_string())?;
    let home = home.path();
    for (nodes, budget) in [(500, 4.0), (2000, 10.0)] {
        let document = documents::chains(nodes);
        let wires = document.pipeline().edges().len();
        let mut row = |what: &str, times: Times| {
            table.times(
                &format!("{nodes} nodes, {wires} wires: {what}"),
                &times,
                budget,
            );
        };
        row("canvas, all of it", canvas(&document, None, false, false));
        for zoom in [0.2, 0.31, 0.71, 1.0, 2.0] {
            let name = format!("canvas at {:.0} %", zoom * 100.0);
            row(&name, canvas(&document, Some(zoom), false, false));
        }
        row(
            "live job at 31 %",
            canvas(&document, Some(0.31), true, false),
        );
        row(
            "live job at 71 %",
            canvas(&document, Some(0.71), true, false),
        );
        row(
            "screen reader at 31 %",
            canvas(&document, Some(0.31), false, true),
        );
        row("whole window", window(&document, home));
        row("whole window, a node dragged", dragging(&document, home));
        row(
            "whole window, a letter typed in each",
            typing(&document, home),
        );
    }
    let asking = restless(&documents::chains(500), home);
    table.line(
        "500 nodes, untouched: frames that ask for another",
        "",
        &format!("{asking} of {FRAMES}"),
        "0",
        asking == 0,
    );
    Ok(())
}
