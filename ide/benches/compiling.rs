//! How long the compiler takes, of what was edited and of what was just opened: both scripts, findings, and
//! what flows on each wire.

use std::path::Path;
use std::time::Duration;

use millstream_compiler::document::{Command, Document, NodeId};
use millstream_compiler::lower::Before;
use millstream_ide::editor::Editor;
use millstream_ide::work::compile::Compiled;
use millstream_runtime::environment::FileEnvironment;

use crate::documents;
use crate::table::{Table, Times};

const RUNS: u64 = 40;
/// What 200 nodes may take, and what a sample may, which is smaller.
const BUDGET_MS: f64 = 50.0;

/// Compiles 200 nodes and the samples, as they are opened and as they are edited.
pub fn measure(table: &mut Table, samples: &Path) -> Result<(), String> {
    let large = documents::lanes(10);
    let nodes = large.pipeline().nodes().len();
    let condition = |run: u64| format!("is_large OR to_mean > {run}");
    edited(
        table,
        &format!("compile {nodes} nodes, one of them edited"),
        &large,
        ("l4_large", "condition", &condition),
    )?;
    let what = format!("compile {nodes} nodes that were just opened");
    compile(table, &what, &large, Path::new("."))?;
    for sample in ["gmv", "fraud"] {
        let folder = samples.join(sample);
        let (editor, _) = Editor::open(&folder.join("pipeline.toml"))
            .map_err(|error| format!("samples/{sample} cannot be opened: {error:?}"))?;
        let what = format!("compile samples/{sample} that was just opened");
        compile(table, &what, editor.document(), &folder)?;
    }
    Ok(())
}

fn compile(
    table: &mut Table,
    what: &str,
    document: &Document,
    folder: &Path,
) -> Result<(), String> {
    let environment = FileEnvironment::new(folder);
    let mut times = Times::default();
    for generation in 0..RUNS {
        let compiled = Compiled::of(generation, document.pipeline(), &environment);
        times.add(sound(what, &compiled)?);
    }
    table.times(what, &times, BUDGET_MS);
    Ok(())
}

/// A parameter of a node has another value in each run.
fn edited(
    table: &mut Table,
    what: &str,
    document: &Document,
    (node, parameter, value): (&str, &str, &dyn Fn(u64) -> String),
) -> Result<(), String> {
    let environment = FileEnvironment::new(".");
    let mut before = Before::default();
    let _ = Compiled::again(0, document.pipeline(), &environment, &mut before);
    let mut times = Times::default();
    for generation in 1..=RUNS {
        let command = Command::SetParameter {
            node: NodeId::new(node).map_err(|error| format!("{node}: {error}"))?,
            parameter: parameter.to_string(),
            value: value(generation).into(),
        };
        let edited = document
            .apply(&command)
            .map_err(|error| format!("{what}: {error}"))?;
        let pipeline = edited.document.pipeline();
        let compiled = Compiled::again(generation, pipeline, &environment, &mut before);
        times.add(sound(what, &compiled)?);
    }
    table.times(what, &times, BUDGET_MS);
    Ok(())
}

/// How long it took, if there is nothing wrong with what was compiled.
fn sound(what: &str, compiled: &Compiled) -> Result<Duration, String> {
    match compiled.diagnostics.iter().find(|found| found.is_error()) {
        Some(error) => Err(format!("{what}: {error:?}")),
        None => Ok(compiled.took),
    }
}
