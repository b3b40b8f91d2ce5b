//! `millstream nexmark`: the events of the Nexmark benchmark as files, so that every engine reads
//! the same ones.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use millstream_connectors::{NexmarkExport, NexmarkLayout, export_nexmark};

use super::text::count;
use super::{Failure, Outcome};

#[derive(Debug, Subcommand)]
pub(crate) enum NexmarkCommand {
    /// Writes events to files
    Generate(NexmarkArguments),
}

#[derive(Debug, Args)]
pub(crate) struct NexmarkArguments {
    /// How many events: of every 50 one is a person, three are auctions and 46 bids
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    events: u64,
    /// The folder to write to
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// How the rows are written
    #[arg(long, value_enum, default_value_t = FileFormat::Csv)]
    format: FileFormat,
    /// How the events are laid out
    #[arg(long, value_enum, default_value_t = Layout::Flat)]
    layout: Layout,
    /// Into how many files (of each table)
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1024))]
    files: u32,
    /// Another seed gives other events
    #[arg(long, default_value_t = 42)]
    seed: u32,
    /// Events a second of event time
    #[arg(long, default_value_t = 10_000)]
    rate: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    Csv,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Layout {
    /// One table of 14 columns that the kinds of events share
    Flat,
    /// A table for each kind, in folders of their names
    Tables,
    /// One table with a row for each kind (JSON only)
    Nested,
}

pub(crate) fn nexmark(command: NexmarkCommand) -> Outcome {
    let NexmarkCommand::Generate(arguments) = command;
    let export = NexmarkExport {
        events: arguments.events,
        files: arguments.files,
        format: match arguments.format {
            FileFormat::Csv => "csv".into(),
            FileFormat::Json => "json".into(),
        },
        layout: match arguments.layout {
            Layout::Flat => NexmarkLayout::Flat,
            Layout::Tables => NexmarkLayout::Tables,
            Layout::Nested => NexmarkLayout::Nested,
        },
        folder: arguments.output.clone(),
        options: BTreeMap::from([
            ("seed".into(), arguments.seed.to_string()),
            ("first-event.rate".into(), arguments.rate.to_string()),
        ]),
    };
    let files = export_nexmark(&export).map_err(|error| {
        let text = format!("error: {error}");
        if error.is_definition() {
            Failure::Input(text)
        } else {
            Failure::Job(text)
        }
    })?;
    use std::io::Write as _;
    // Nobody is left to tell if stderr is closed.
    let _ = writeln!(
        std::io::stderr(),
        "{} events in {} ({})",
        arguments.events,
        arguments.output.display(),
        count(files.len(), "file")
    );
    Ok(())
}
