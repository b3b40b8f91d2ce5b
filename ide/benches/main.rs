//! What the editor costs, against what it may cost: frames on large documents, compiling, rows
//! after an edit, starting, and doing nothing.
//!
//! `make bench-ide`, or with a release build of the editor beside it: `editor-budgets`.

mod compiling;
mod documents;
mod frames;
mod previews;
mod starting;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use table::Table;

/// As the editor has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the editor against its budgets
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  editor-budgets                      everything
  editor-budgets frames compiling     only these
  xvfb-run -a editor-budgets window   where there is no display

Ends with 1 where a budget is missed."
)]
struct Arguments {
    /// What to measure
    #[arg(value_enum, default_values_t = Part::ALL)]
    parts: Vec<Part>,

    /// Where the samples are
    #[arg(long, value_name = "DIR", default_value = "samples")]
    samples: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Frames of large documents, and that nothing is painted where nothing changes
    Frames,
    /// Compiling after an edit
    Compiling,
    /// From an edit to the rows it gives
    Previews,
    /// The editor in a real window: starting and doing nothing
    Window,
}

impl Part {
    /// Frames come last: the compilers of their windows may still be at work on what they were asked.
    const ALL: [Part; 4] = [Part::Compiling, Part::Previews, Part::Window, Part::Frames];
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Part::Frames => "frames",
            Part::Compiling => "compiling",
            Part::Previews => "previews",
            Part::Window => "window",
        })
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut table = Table::begin();
    for part in &arguments.parts {
        let done = match part {
            Part::Frames => frames::measure(&mut table),
            Part::Compiling => compiling::measure(&mut table, &arguments.samples),
            Part::Previews => previews::measure(&mut table, &arguments.samples),
            Part::Window => starting::measure(&mut table, &arguments.samples),
        };
        if let Err(why) = done {
            eprintln!("error: {part} cannot be measured: {why}");
            return ExitCode::from(2);
        }
    }
    match table.end() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
