//! How long the compiler takes after an edit: both scripts, findings, and what flows on each wire.

use std::path::Path;

use millstream_compiler::document::Document;
use millstream_ide::editor::Editor;
use millstream_ide::work::compile::Compiled;
use millstream_runtime::environment::FileEnvironment;

use crate::documents;
use crate::table::{Table, Times};

const RUNS: u64 = 40;
/// What 200 nodes may take, and what a sample may, which is smaller.
const BUDGET_MS: f64 = 50.0;

/// Compiles 200 nodes, and the samples.
pub fn measure(table: &mut Table, samples: &Path) -> Result<(), String> {
    let large = documents::lanes(10);
    let nodes = large.pipeline().nodes().len();
    compile(
        table,
        &format!("compile {nodes} nodes"),
        &large,
        Path::new("."),
    )?;
    for sample in ["gmv", "fraud"] {
        let folder = samples.join(sample);
        let (editor, _) = Editor::open(&folder.join("pipeline.toml"))
            .map_err(|error| format!("samples/{sample} cannot be opened: {error:?}"))?;
        let what = format!("compile samples/{sample}");
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
        if let Some(error) = compiled.diagnostics.iter().find(|found| found.is_error()) {
            return Err(format!("{what}: {error:?}"));
        }
        times.add(compiled.took);
    }
    table.times(what, &times, BUDGET_MS);
    Ok(())
}
