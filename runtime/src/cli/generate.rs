//! `millstream generate`: a generator's rows as files, so that a cluster can read the same rows.

use std::path::PathBuf;

use clap::Args;
use millstream_compiler::plan::stream::StreamOp;
use millstream_connectors::TableSpec;
use millstream_runtime::exec::build::table_spec;

use super::text::count;
use super::{Failure, Outcome, plan};

#[derive(Debug, Args)]
pub(crate) struct GenerateArguments {
    /// A pipeline folder or file, or a .sql script, that reads a generator
    job: PathBuf,
    /// How many rows to write [default: as many as the generator gives, if it ends]
    #[arg(long)]
    rows: Option<u64>,
    /// The folder to write to [default: where the exported SQL looks for it, data/<table>]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Into how many files
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    files: u32,
    /// The table, if the job reads several generators
    #[arg(long)]
    table: Option<String>,
}

pub(crate) fn generate(arguments: GenerateArguments) -> Outcome {
    let planned = plan(&arguments.job, None)?;
    let mut generators: Vec<TableSpec> = planned
        .plan
        .nodes
        .iter()
        .filter_map(|node| match node.op {
            StreamOp::Source { table, .. } => Some(table_spec(
                &planned.plan.tables[table],
                &planned.input.base_dir,
            )),
            _ => None,
        })
        .filter(|spec: &TableSpec| spec.option("connector") == Some("card-transactions"))
        .collect();
    if let Some(wanted) = &arguments.table {
        generators.retain(|spec| spec.name == *wanted);
    }
    let [spec] = generators.as_slice() else {
        let names: Vec<&str> = generators.iter().map(|s| s.name.as_str()).collect();
        return Err(Failure::Input(if names.is_empty() {
            format!(
                "error: {} reads no generator{}\n  help: generators are tables with 'connector' = 'card-transactions'",
                arguments.job.display(),
                arguments
                    .table
                    .map(|t| format!(" '{t}'"))
                    .unwrap_or_default()
            )
        } else {
            format!(
                "error: there are several generators: {}\n  help: name one with --table",
                names.join(", ")
            )
        }));
    };
    let output = arguments
        .output
        .unwrap_or_else(|| planned.input.base_dir.join("data").join(&spec.name));
    let limit = spec.option("number-of-rows").and_then(|n| n.parse().ok());
    let Some(rows) = arguments.rows.or(limit) else {
        return Err(Failure::Input(format!(
            "error: '{}' never ends\n  help: say how many rows to write: --rows 100000",
            spec.name
        )));
    };
    let files = millstream_connectors::export(spec, rows, &output, arguments.files as usize)
        .map_err(|e| Failure::Job(format!("error: {e}")))?;
    use std::io::Write as _;
    // Nobody is left to tell if stderr is closed.
    let _ = writeln!(
        std::io::stderr(),
        "{} of '{}' in {} ({})",
        count(rows as usize, "row"),
        spec.name,
        output.display(),
        count(files.len(), "file")
    );
    Ok(())
}
