//! `millstream`: checks, prints, explains and runs pipelines.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
