//! `millstream model score`: the rows of files through a model, into a file.
//!
//! One thread reads, a few score, one writes, and no more than a few batches are on the way at a time, so that files
//! of any size are scored in little memory. The rows of the output stand in the order of the input.

mod columns;
mod pipe;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::{Field, Schema};
use clap::{Args, ValueEnum};
use millstream_connectors::data_file::{
    self, FileFormat, ReadOptions, RowsReader, RowsWriter, Target,
};
use millstream_connectors::{ConnectorError, ErrorKind};
use millstream_models::{Binding, Model};

use self::columns::{Scores, Selection, is_model_name};
use self::pipe::{Pipe, Step};
use super::progress::{LiveLine, Rate};
use super::text::{bytes, clock, count, short, thousands};
use super::{Failure, Outcome};

pub(crate) const EXAMPLES: &str = "Examples:
  millstream model score fraud.onnx --input rows.csv --output scores.csv
  millstream model score fraud.onnx -i rows.parquet -o scores.parquet --scores-only
  millstream model score iris.onnx -i part-*.csv -o - --outputs label
  millstream model score iris.onnx -i rows.csv -o scores.json --columns sl,sw,pl,pw

Columns are found by their names: the same name, then the same but for case and punctuation. Where a model
names none, all columns of the file are taken in their order. What was taken for what is told on stderr.
The output has the columns of the input and the model's, unless --scores-only leaves the former out.
It appears when it is complete, and replaces what was there.";

#[derive(Debug, Args)]
pub(crate) struct ScoreArguments {
    /// An .onnx file
    model: PathBuf,
    /// Files of rows: CSV, JSON or Parquet; folders and globs stand for the files in them, - for stdin
    #[arg(short, long, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<String>,
    /// The file to write: .csv, .json or .parquet; - for stdout
    #[arg(short, long, value_name = "FILE")]
    output: String,
    /// The columns to give to the model, in its order if their names say nothing
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    columns: Vec<String>,
    /// The outputs of the model to write [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    outputs: Vec<String>,
    /// Write only what the model gives, not the columns of the input
    #[arg(long)]
    scores_only: bool,
    /// The format of the input, where the names of the files do not tell
    #[arg(long, value_enum, value_name = "FORMAT")]
    input_format: Option<FormatName>,
    /// The format of the output, where its name does not tell [default: CSV for stdout]
    #[arg(long, value_enum, value_name = "FORMAT")]
    output_format: Option<FormatName>,
    /// Whether CSV files start with the names of their columns
    #[arg(long, value_enum, default_value_t = HeaderName::Auto)]
    header: HeaderName,
    /// What parts the fields of CSV [default: a comma, a tab for .tsv]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// A text that stands for a missing number in CSV, beside the empty field
    #[arg(long, value_name = "TEXT")]
    null: Option<String>,
    /// Threads that score [default: one a core]
    #[arg(short, long, value_parser = clap::value_parser!(u32).range(1..=128))]
    parallelism: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// Comma-separated values
    Csv,
    /// One object a line, or one array of objects
    Json,
    /// Parquet
    Parquet,
}

impl From<FormatName> for FileFormat {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Csv => Self::Csv,
            FormatName::Json => Self::Json,
            FormatName::Parquet => Self::Parquet,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HeaderName {
    /// Look at the first rows
    Auto,
    Yes,
    No,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" | b"tab" => Ok(b'\t'),
        [one] if !matches!(one, b'"' | b'\n' | b'\r') && one.is_ascii() => Ok(*one),
        _ => Err("expected one ASCII character, such as ; or tab".to_owned()),
    }
}

/// One file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Stdin,
    File(PathBuf),
}

impl Source {
    fn name(&self) -> &Path {
        match self {
            Self::Stdin => Path::new("standard input"),
            Self::File(path) => path,
        }
    }
}

/// The files to read, how, and what of them.
pub(crate) struct Inputs {
    sources: Vec<Source>,
    format: FileFormat,
    header: Option<bool>,
    delimiter: Option<u8>,
    null: Option<String>,
}

impl Inputs {
    fn open(&self, index: usize, model: &Model) -> Result<RowsReader, Failure> {
        let is_name = |name: &str| is_model_name(model.signature(), name);
        let options = ReadOptions {
            header: self.header,
            delimiter: self.delimiter,
            null: self.null.as_deref(),
            is_name: Some(&is_name),
        };
        match &self.sources[index] {
            Source::File(path) => RowsReader::open(path, self.format, &options),
            Source::Stdin => RowsReader::stream(
                self.sources[index].name(),
                Box::new(std::io::stdin()),
                self.format,
                &options,
            ),
        }
        .map_err(failure)
    }
}

/// What is wrong with a file is wrong with the input; what the system refuses is not.
fn failure(error: ConnectorError) -> Failure {
    let text = format!("error: {error}");
    match error.kind() {
        ErrorKind::Io => Failure::Job(text),
        _ => Failure::Input(text),
    }
}

fn wrong(text: impl std::fmt::Display) -> Failure {
    Failure::Input(format!("error: {text}"))
}

pub(crate) fn score(arguments: ScoreArguments) -> Outcome {
    let started = Instant::now();
    let model = Arc::new(Model::load(&arguments.model).map_err(wrong)?);
    let mut inputs = inputs(&arguments)?;
    let (target, format) = output(&arguments, &inputs)?;

    let first = inputs.open(0, &model)?;
    // The others are of one kind with the first.
    inputs.header.get_or_insert(!first.nameless());
    let scores = Scores::of(&model, &arguments.outputs)?;
    let selection = Selection::of(
        &model,
        &first,
        &arguments.columns,
        !arguments.scores_only,
        format,
    )?;
    let binding = Binding::new(model.signature(), selection.features(), &scores.bound)
        .map_err(|error| selection.wrong_type(error))?;

    let mut fields: Vec<Field> = selection.kept_fields();
    let taken = |fields: &[Field], name: &str| fields.iter().any(|field| field.name() == name);
    let mut renamed = Vec::new();
    for (name, data_type) in scores.fields() {
        let unique = if taken(&fields, &name) {
            let other = format!("predicted_{name}");
            if taken(&fields, &other) {
                return Err(wrong(format!(
                    "the input has a column '{name}' and a column '{other}', the model has an output '{name}'\n  help: leave the input's columns out with --scores-only, or name the output with --outputs"
                )));
            }
            renamed.push(format!(
                "  the model's {name} is called {other}, since the input has a column {name}"
            ));
            other
        } else {
            name
        };
        fields.push(Field::new(unique, data_type, true));
    }
    let schema = Arc::new(Schema::new(fields));
    let mut writer =
        RowsWriter::create(target, format, &schema, arguments.delimiter.unwrap_or(b','))
            .map_err(failure)?;

    let mut line = LiveLine::new();
    line.print(&format!(
        "{} → {} → {}",
        sources_text(&inputs.sources),
        arguments.model.display(),
        arguments.output
    ));
    for text in explained(&binding, &model, first.nameless())
        .iter()
        .chain(&renamed)
    {
        line.print(text);
    }
    let pipe = Pipe::start(
        model.clone(),
        Arc::new(binding),
        Arc::new(selection),
        inputs,
        first,
        arguments.parallelism.map(|threads| threads as usize),
    );
    let result = run(&pipe, &mut writer, &mut line);
    line.finish();
    let (rows, reader_left) = result?;
    if !reader_left {
        writer
            .finish()
            .or_else(ignore_closed_pipe)
            .map_err(failure)?;
    }
    let seconds = started.elapsed().as_secs_f64().max(1e-9);
    let mut summary = format!(
        "{} scored in {}, {} rows/s",
        count(rows as usize, "row"),
        duration_text(seconds),
        short(rows as f64 / seconds)
    );
    let busy = pipe.scoring_seconds();
    if busy > 0.0 && rows > 0 {
        summary.push_str(&format!(
            "; the model alone {} rows/s a thread, {}",
            short(rows as f64 / busy),
            count(pipe.threads(), "thread")
        ));
    }
    if let Ok(metadata) = std::fs::metadata(&arguments.output)
        && metadata.is_file()
    {
        summary.push_str(&format!(
            "; {} has {}",
            arguments.output,
            bytes(metadata.len())
        ));
    }
    line.print(&summary);
    Ok(())
}

/// Writes what comes out of the pipe. Tells how many rows, and whether the reader of stdout went away.
fn run(pipe: &Pipe, writer: &mut RowsWriter, line: &mut LiveLine) -> Result<(u64, bool), Failure> {
    let (mut rows, mut rate) = (0u64, Rate::new());
    let started = Instant::now();
    loop {
        match pipe.next()? {
            Step::Rows {
                columns,
                rows: more,
                progress,
            } => {
                if let Err(error) = writer.write(columns) {
                    return ignore_closed_pipe(error)
                        .map(|()| (rows, true))
                        .map_err(failure);
                }
                rows += more as u64;
                let per_second = rate.of(rows);
                line.set(|| {
                    let share = progress
                        .map(|share| format!("{:.0} %  ", share * 100.0))
                        .unwrap_or_default();
                    format!(
                        "{}  {share}{} rows ({}/s)",
                        clock(started.elapsed()),
                        thousands(rows),
                        short(per_second)
                    )
                });
            }
            Step::End => return Ok((rows, false)),
        }
    }
}

/// A reader of stdout that went away is no failure.
fn ignore_closed_pipe(error: ConnectorError) -> Result<(), ConnectorError> {
    let closed = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|source| source.kind() == std::io::ErrorKind::BrokenPipe);
    if closed { Ok(()) } else { Err(error) }
}

fn inputs(arguments: &ScoreArguments) -> Result<Inputs, Failure> {
    let mut sources = Vec::new();
    for input in &arguments.input {
        if input == "-" {
            if sources.contains(&Source::Stdin) {
                return Err(wrong("stdin is given twice\n  help: give - once"));
            }
            sources.push(Source::Stdin);
        } else {
            sources.extend(
                data_file::files(input)
                    .map_err(failure)?
                    .into_iter()
                    .map(Source::File),
            );
        }
    }
    let mut format: Option<(FileFormat, &Path)> = None;
    for source in &sources {
        let told = match (arguments.input_format, source) {
            (Some(format), _) => Some(format.into()),
            (None, Source::Stdin) => Some(FileFormat::Csv),
            (None, Source::File(path)) => FileFormat::of(path),
        };
        let Some(told) = told else {
            return Err(wrong(format!(
                "the name of {} does not tell its format\n  help: say it with --input-format csv, json or parquet",
                source.name().display()
            )));
        };
        match format {
            Some((known, of)) if known != told => {
                return Err(wrong(format!(
                    "{} and {} are of different formats\n  help: score them one after the other",
                    of.display(),
                    source.name().display()
                )));
            }
            _ => format = Some((told, source.name())),
        }
    }
    let Some((format, _)) = format else {
        return Err(wrong("there is no file to score"));
    };
    Ok(Inputs {
        format,
        header: match arguments.header {
            HeaderName::Auto => None,
            HeaderName::Yes => Some(true),
            HeaderName::No => Some(false),
        },
        delimiter: arguments.delimiter,
        null: arguments.null.clone(),
        sources,
    })
}

/// Where to write to, and what. Refuses to write over what is read.
fn output(arguments: &ScoreArguments, inputs: &Inputs) -> Result<(Target, FileFormat), Failure> {
    let told = arguments.output_format.map(FileFormat::from);
    if arguments.output == "-" {
        let format = told.unwrap_or(FileFormat::Csv);
        return Ok((Target::Stream(Box::new(std::io::stdout())), format));
    }
    let path = PathBuf::from(&arguments.output);
    let Some(format) = told.or_else(|| FileFormat::of(&path)) else {
        return Err(wrong(format!(
            "the name of {} does not tell its format\n  help: let it end in .csv, .json or .parquet, or say --output-format",
            path.display()
        )));
    };
    for source in &inputs.sources {
        if same_file(source.name(), &path) {
            return Err(wrong(format!(
                "{} is input and output at once\n  help: write to another file",
                path.display()
            )));
        }
    }
    if same_file(&arguments.model, &path) {
        return Err(wrong(format!(
            "{} is the model\n  help: write to another file",
            path.display()
        )));
    }
    Ok((Target::File(path), format))
}

/// Whether both are one file, be it by links.
fn same_file(left: &Path, right: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (std::fs::metadata(left), std::fs::metadata(right)) {
        (Ok(left), Ok(right)) => (left.dev(), left.ino()) == (right.dev(), right.ino()),
        _ => false,
    }
}

fn sources_text(sources: &[Source]) -> String {
    match sources {
        [one] => one.name().display().to_string(),
        [first, rest @ ..] => format!(
            "{} and {}",
            first.name().display(),
            count(rest.len(), "other file")
        ),
        [] => String::new(),
    }
}

/// Lines of the binding that are shown.
const MOST_LINES: usize = 16;

fn explained(binding: &Binding, model: &Model, nameless: bool) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    if nameless {
        lines.push("  the file names no columns, so they are called f0, f1, …".to_owned());
    }
    let all = binding.explain(model.signature());
    let (inputs, outputs) = all.split_at(binding.inputs.len().min(all.len()));
    for part in [inputs, outputs] {
        let shown = if part.len() > MOST_LINES {
            MOST_LINES - 1
        } else {
            part.len()
        };
        lines.extend(part.iter().take(shown).map(|line| format!("  {line}")));
        if shown < part.len() {
            lines.push(format!("  … and {} more", part.len() - shown));
        }
    }
    lines
}

fn duration_text(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.2} s")
    } else {
        clock(std::time::Duration::from_secs_f64(seconds))
    }
}
