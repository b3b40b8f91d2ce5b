//! From an edit to the rows it gives, as a person waits for them: the pause after the last
//! keystroke, a process of its own, planning, reading the sources, and the frame that shows rows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Pos2, RawInput, Rect, Vec2};
use millstream_compiler::document::{Command, NodeId, Value};
use millstream_ide::editor::{Action, BottomTab, Selection};
use millstream_ide::shell::{Options, Shell};

use crate::table::{Table, Times};

const RUNS: usize = 20;
const BUDGET_MS: f64 = 300.0;
const LONGEST: Duration = Duration::from_secs(20);

/// An edit that changes the rows of a node, to and fro.
struct Edit {
    sample: &'static str,
    node: &'static str,
    parameter: &'static str,
    values: [&'static str; 2],
}

const EDITS: [Edit; 2] = [
    Edit {
        sample: "gmv",
        node: "daily_row",
        parameter: "query",
        values: [
            "SELECT gmv, gmv_to_date FROM to_date",
            "SELECT gmv, orders, gmv_to_date FROM to_date",
        ],
    },
    Edit {
        sample: "fraud",
        node: "suspicious",
        parameter: "condition",
        values: ["score >= 0.4", "score >= 0.5"],
    },
];

/// Measures the first rows after an edit, and all of them.
pub fn measure(table: &mut Table, samples: &Path) -> Result<(), String> {
    if !samples.join("gmv/data/orders.csv").exists() {
        return Err("samples/gmv has no data yet; run samples/gmv/fetch.py".into());
    }
    let program = beside("millstream")?;
    for edit in EDITS {
        let (first, all) = rows_after(&edit, samples, &program)?;
        let what = |rows: &str| format!("edit of samples/{}: {rows}", edit.sample);
        table.times(&what("first rows"), &first, BUDGET_MS);
        // A sample of the sources is bounded by its rows; all of them may take a little longer.
        table.times(&what("all of the sample"), &all, 2.0 * BUDGET_MS);
    }
    Ok(())
}

/// The program of that name beside this one.
pub fn beside(name: &str) -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = own.with_file_name(name);
    match program.is_file() {
        true => Ok(program),
        false => Err(format!(
            "{} is not there; build it with: cargo build --release --bin {name}",
            program.display()
        )),
    }
}

fn rows_after(edit: &Edit, samples: &Path, program: &Path) -> Result<(Times, Times), String> {
    let home = tempfile::tempdir().map_err(|error| error.to_string())?;
    let context = egui::Context::default();
    let options = Options {
        path: Some(samples.join(edit.sample)),
        home: home.path().to_path_buf(),
        samples: None,
    };
    let mut shell = Shell::new(&context, options);
    shell.set_program(program.to_path_buf());
    let node = NodeId::new(edit.node).map_err(|error| format!("{error:?}"))?;
    shell.apply(&context, Action::Select(Selection::node(node.clone())));
    shell.apply(&context, Action::ShowBottom(BottomTab::Preview));
    let (mut first, mut all) = (Times::default(), Times::default());
    for run in 0..=RUNS {
        let before = shell.preview().table.clone();
        let begun = Instant::now();
        let command = Command::SetParameter {
            node: node.clone(),
            parameter: edit.parameter.to_string(),
            value: Value::from(edit.values[run % 2]),
        };
        shell.apply(&context, Action::Edit(command));
        let mut shown = None;
        loop {
            frame(&context, &mut shell);
            let preview = shell.preview();
            if let Some(why) = &preview.error {
                return Err(format!("samples/{}: {why}", edit.sample));
            }
            let newer = match (&before, &preview.table) {
                (Some(before), Some(now)) => !Arc::ptr_eq(before, now),
                (None, now) => now.is_some(),
                (Some(_), None) => false,
            };
            if newer && shown.is_none() {
                shown = Some(begun.elapsed());
            }
            if let Some(shown) = shown
                && !preview.working
            {
                // The first one compiles before there is anything to compare with.
                if run > 0 {
                    first.add(shown);
                    all.add(begun.elapsed());
                }
                break;
            }
            if begun.elapsed() > LONGEST {
                return Err(format!("samples/{}: no rows came", edit.sample));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    Ok((first, all))
}

fn frame(context: &egui::Context, shell: &mut Shell) {
    let input = RawInput {
        screen_rect: Some(Rect::from_min_size(Pos2::ZERO, Vec2::new(1600.0, 1000.0))),
        ..Default::default()
    };
    let output = context.run_ui(input, |ui| shell.ui(ui));
    output.drop_without_applying_deltas();
}
