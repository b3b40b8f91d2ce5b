//! A model tried on a few rows of its input, in processes beside the window.
//!
//! The first process gives rows of what feeds the node, the second scores those very rows with the
//! node as it is: so a row that cannot be scored is one of these, and can be shown.

use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use millstream_compiler::document::{Command, Document, Entries, Layout, NodeId, Pipeline, Value};
use millstream_compiler::nodes::{self, ParameterType};
use millstream_serve::api::{Column, PreviewSummary, TapHeader, TapLine};

use super::latest::{Latest, Outbox};
use super::rows::{Kind, Row, Statistics, is_number, statistics};
use super::sample::Sample;

/// How many rows are scored.
pub const ROWS: usize = 100;
/// How many rows are read of each source to get them, at most.
const SOURCE_ROWS: u64 = 100_000;

/// What is known of the model that was tried last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DryRun {
    /// The node, if one was tried.
    pub node: Option<NodeId>,
    /// Of which change of the document.
    pub generation: u64,
    /// Whether it is under way.
    pub working: bool,
    /// What came out.
    pub trial: Option<Arc<Trial>>,
}

/// Rows that a model was given, and what it made of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The columns: those that the model is given, then those that it gives.
    pub columns: Vec<Column>,
    /// How many of them it is given.
    pub inputs: usize,
    /// The rows; without scores if they could not be scored.
    pub rows: Vec<Row>,
    /// What there is to say of each column.
    pub statistics: Vec<Statistics>,
    /// Microseconds in the model, by row, if they were scored.
    pub row_us: Option<f64>,
    /// Why not.
    pub fault: Option<Fault>,
}

/// Why rows could not be scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In plain words.
    pub message: String,
    /// Which of the rows, from 0, if it was one of them.
    pub row: Option<usize>,
}

impl Fault {
    fn plain(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            row: None,
        }
    }
}

#[derive(Debug, Clone)]
struct Question {
    node: NodeId,
    feeds: NodeId,
    pipeline: Pipeline,
    program: Option<PathBuf>,
    base_dir: PathBuf,
}

type Process = Arc<Mutex<Option<Arc<Mutex<Child>>>>>;

/// The thread. Dropping it ends what it started.
#[derive(Debug)]
pub struct DryRunWorker {
    worker: Latest<Option<Question>, Result<Trial, String>>,
    process: Process,
    view: DryRun,
}

impl DryRunWorker {
    /// Starts the thread. `wake` is called when there is something new.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let process = Process::default();
        let own = Arc::clone(&process);
        let worker = Latest::start(
            "dry run",
            Duration::ZERO,
            wake,
            move |question: Option<Question>, outbox: &Outbox<_>| {
                if let Some(question) = question {
                    let tried = attempt(&question, &own, outbox);
                    if !outbox.is_stale() {
                        outbox.send(tried);
                    }
                }
            },
        );
        Self {
            worker,
            process,
            view: DryRun::default(),
        }
    }

    /// What is known.
    pub fn view(&self) -> &DryRun {
        &self.view
    }

    /// Tries the model of a node.
    ///
    /// # Errors
    /// Nothing feeds the node.
    pub fn begin(
        &mut self,
        node: &NodeId,
        generation: u64,
        pipeline: &Pipeline,
        program: Option<PathBuf>,
        base_dir: PathBuf,
    ) -> Result<(), String> {
        let inputs = pipeline.inputs_of(node.as_str());
        let Some((_, _, edge)) = inputs.first() else {
            return Err(format!("nothing feeds {node} yet: connect its input first"));
        };
        self.view = DryRun {
            node: Some(node.clone()),
            generation,
            working: true,
            // The old rows are shown until the new ones are there.
            trial: self
                .view
                .trial
                .take()
                .filter(|_| self.view.node.as_ref() == Some(node)),
        };
        self.end_process();
        self.worker.ask(Some(Question {
            node: node.clone(),
            feeds: edge.from.node.clone(),
            pipeline: pipeline.clone(),
            program,
            base_dir,
        }));
        Ok(())
    }

    /// Ends what is under way.
    pub fn stop(&mut self) {
        self.view = DryRun::default();
        self.worker.ask(None);
        self.end_process();
    }

    fn end_process(&self) {
        let running = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(child) = running.as_ref()
            // Whoever holds it waits for an end that has come already.
            && let Ok(mut child) = child.try_lock()
        {
            let _ = child.kill();
        }
    }

    /// Takes in what came.
    pub fn take_in(&mut self) {
        if let Some(tried) = self.worker.answer()
            && self.view.working
        {
            self.view.working = false;
            self.view.trial = Some(Arc::new(tried.unwrap_or_else(|why| Trial {
                columns: Vec::new(),
                inputs: 0,
                rows: Vec::new(),
                statistics: Vec::new(),
                row_us: None,
                fault: Some(Fault::plain(why)),
            })));
        }
    }
}

impl Drop for DryRunWorker {
    fn drop(&mut self) {
        self.end_process();
    }
}

/// The rows of a node.
struct Given {
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// The rows as JSON has them, a value a column.
    json: Vec<Vec<serde_json::Value>>,
    summary: Option<PreviewSummary>,
}

fn rows_of(
    sample: &Sample,
    process: &Process,
    outbox: &Outbox<Result<Trial, String>>,
) -> Result<Given, String> {
    let started = sample.start()?;
    *process.lock().unwrap_or_else(PoisonError::into_inner) = Some(started.child());
    if outbox.is_stale() {
        // It was stopped before there was anything to stop.
        let child = started.child();
        let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }
    let mut given = Given {
        columns: Vec::new(),
        rows: Vec::new(),
        json: Vec::new(),
        summary: None,
    };
    let read = started.read(|line| match line {
        TapLine::Header(TapHeader { columns, .. }) => given.columns = columns,
        TapLine::Row(row) => {
            let json = row.row.clone();
            let row = Row::of(row);
            // What is taken back is not scored anew.
            if matches!(row.kind, Kind::Insert | Kind::UpdateAfter) {
                given.rows.push(row);
                given.json.push(json);
            }
        }
        TapLine::Summary(summary) => given.summary = Some(summary),
        TapLine::Gap(_) | TapLine::End(_) => {}
    });
    *process.lock().unwrap_or_else(PoisonError::into_inner) = None;
    read.map(|()| given)
}

fn attempt(
    question: &Question,
    process: &Process,
    outbox: &Outbox<Result<Trial, String>>,
) -> Result<Trial, String> {
    let sample = Sample {
        program: question.program.clone(),
        text: question.pipeline.to_toml().into(),
        base_dir: question.base_dir.clone(),
        node: question.feeds.clone(),
        rows: ROWS,
        source_rows: SOURCE_ROWS,
    };
    let given = rows_of(&sample, process, outbox).map_err(|why| {
        format!(
            "no rows come out of {}: {}",
            question.feeds,
            plain_words(&why)
        )
    })?;
    if given.rows.is_empty() {
        return Err(format!(
            "no rows come out of {}, which feeds it: there is nothing to score",
            question.feeds
        ));
    }
    let bound = bound_columns(question, &given.columns);
    let folder = tempfile::tempdir().map_err(|e| format!("no folder for the rows: {e}"))?;
    let file = folder.path().join("rows.json");
    std::fs::write(&file, as_json(&given, &bound)).map_err(|e| format!("the rows: {e}"))?;
    let text = pipeline_on(question, &given.columns, &bound, &file)?;
    let sample = Sample {
        text: text.into(),
        node: question.node.clone(),
        ..sample
    };
    match rows_of(&sample, process, outbox) {
        Ok(scored) => {
            let timing = scored.summary.as_ref();
            let timing = timing.filter(|summary| summary.scored > 0);
            let row_us = timing.map(|of| of.in_model_ms * 1e3 / of.scored as f64);
            Ok(trial(
                scored.columns,
                bound.len(),
                scored.rows,
                row_us,
                None,
            ))
        }
        Err(why) => {
            let columns: Vec<Column> = bound.iter().map(|at| given.columns[*at].clone()).collect();
            let rows: Vec<Row> = given.rows.iter().map(|row| cut(row, &bound)).collect();
            let fault = fault(&why, &rows);
            Ok(trial(columns, bound.len(), rows, None, Some(fault)))
        }
    }
}

fn trial(
    columns: Vec<Column>,
    inputs: usize,
    rows: Vec<Row>,
    row_us: Option<f64>,
    fault: Option<Fault>,
) -> Trial {
    Trial {
        statistics: statistics(&columns, rows.iter()),
        inputs: inputs.min(columns.len()),
        columns,
        rows,
        row_us,
        fault,
    }
}

fn cut(row: &Row, columns: &[usize]) -> Row {
    Row {
        cells: columns
            .iter()
            .map(|at| row.cells.get(*at).cloned().flatten())
            .collect(),
        ..row.clone()
    }
}

/// The places of the columns that the model is given; all if the node does not say.
fn bound_columns(question: &Question, columns: &[Column]) -> Vec<usize> {
    let node = question.pipeline.node(question.node.as_str());
    let value = node.and_then(|node| {
        let spec = nodes::find(&node.kind)?.spec();
        let mut parameters = spec.parameters.iter();
        let inputs = parameters.find(|parameter| parameter.ty == ParameterType::ModelInputs)?;
        node.parameters.get(inputs.name)
    });
    let names: Vec<&str> = match value {
        Some(Value::Table(entries)) => entries.iter().filter_map(|(_, v)| v.as_text()).collect(),
        Some(Value::List(items)) => items.iter().filter_map(Value::as_text).collect(),
        _ => Vec::new(),
    };
    let mut places: Vec<usize> = Vec::new();
    for name in names {
        let place = columns.iter().position(|column| column.name == name);
        places.extend(place.filter(|place| !places.contains(place)));
    }
    match places.is_empty() {
        true => (0..columns.len()).collect(),
        false => places,
    }
}

/// The rows as a file of JSON, a line a row.
fn as_json(given: &Given, columns: &[usize]) -> String {
    let mut out = String::new();
    for row in &given.json {
        let fields = columns.iter().map(|at| {
            let column = &given.columns[*at];
            let value = row.get(*at).unwrap_or(&serde_json::Value::Null);
            let name = serde_json::Value::from(column.name.as_str());
            format!("{name}:{}", value_text(&column.ty, value))
        });
        out.push_str(&format!("{{{}}}\n", fields.collect::<Vec<_>>().join(",")));
    }
    out
}

/// A value as JSON. Decimals and arrays come as text, so that no digit is lost.
fn value_text(ty: &str, value: &serde_json::Value) -> String {
    if let serde_json::Value::String(text) = value {
        let number = is_number(ty) && text.parse::<f64>().is_ok_and(f64::is_finite);
        let array = ty.starts_with("ARRAY")
            && matches!(serde_json::from_str(text), Ok(serde_json::Value::Array(_)));
        if number || array {
            return text.clone();
        }
    }
    value.to_string()
}

/// A pipeline of the rows and the node.
fn pipeline_on(
    question: &Question,
    columns: &[Column],
    bound: &[usize],
    file: &std::path::Path,
) -> Result<String, String> {
    let node = question.pipeline.node(question.node.as_str());
    let node = node.ok_or_else(|| format!("there is no node {} any more", question.node))?;
    let source = NodeId::slug("rows").unique(|id| *id == question.node);
    let mut schema = Entries::new();
    for column in bound.iter().map(|at| &columns[*at]) {
        let ty = column.ty.strip_suffix(" NOT NULL").unwrap_or(&column.ty);
        schema.insert(column.name.as_str(), ty);
    }
    let rows = Entries::new()
        .with("path", file.display().to_string())
        .with("format", "json")
        .with("schema", schema);
    let add = |id: &NodeId, kind: &str, parameters: Entries| Command::AddNode {
        id: Some(id.clone()),
        kind: kind.to_string(),
        parameters,
        position: None,
    };
    let parameters = (node.parameters.iter()).map(|(name, value)| (name.clone(), value.clone()));
    let mut document = Document::new(Pipeline::new("dry run"), Layout::default());
    for command in [
        add(&source, "file-source", rows),
        add(&question.node, &node.kind, parameters.collect()),
        Command::Connect {
            from: source.into(),
            to: question.node.clone().into(),
        },
    ] {
        let applied = document
            .apply(&command)
            .map_err(|refusal| refusal.to_string())?;
        document = applied.document;
    }
    Ok(document.pipeline().to_toml())
}

/// What a process wrote for a terminal, without code and place: those are known here.
fn plain_words(why: &str) -> String {
    let why = why.strip_prefix("the preview failed: ").unwrap_or(why);
    let words = why.lines().map(str::trim).filter_map(|line| {
        let line = match line.strip_prefix("error[") {
            Some(rest) => rest.split_once("]: ").map_or(rest, |(_, message)| message),
            None => line.strip_prefix("help: ").unwrap_or(line),
        };
        let place = line.starts_with("-->") || line.starts_with('|') || line.contains(" | ");
        (!line.is_empty() && !place).then_some(line)
    });
    words.collect::<Vec<_>>().join("\n")
}

/// What a process complained about, and about which of the rows.
fn fault(why: &str, rows: &[Row]) -> Fault {
    let mut text = plain_words(why);
    const PLACE: &str = " of the batch";
    let counted = text.find(PLACE).and_then(|end| {
        let start = text[..end].rfind("row ")? + "row ".len();
        let row: usize = text[start..end].parse().ok()?;
        Some((start, end, row))
    });
    if let Some((start, end, row)) = counted {
        // All rows are in one batch; people count from one.
        text.replace_range(start..end + PLACE.len(), &(row + 1).to_string());
        return Fault {
            message: text,
            row: Some(row).filter(|row| *row < rows.len()),
        };
    }
    // A value that cannot be cast is named.
    let quoted = text.split('\'').nth(1).filter(|quoted| !quoted.is_empty());
    let row = quoted.and_then(|quoted| {
        rows.iter()
            .position(|row| row.cells.iter().any(|cell| cell.as_deref() == Some(quoted)))
    });
    Fault { message: text, row }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Row {
        Row {
            kind: Kind::Insert,
            time: None,
            cells: cells.iter().map(|cell| Some(Box::from(*cell))).collect(),
        }
    }

    #[test]
    fn a_fault_is_about_a_row() {
        let rows = [row(&["1"]), row(&["abc"]), row(&["3"])];
        let null = "the preview failed: column `x` is NULL in row 2 of the batch, but more";
        assert_eq!(
            fault(null, &rows),
            Fault {
                message: "column `x` is NULL in row 3, but more".into(),
                row: Some(2)
            }
        );
        let found = "error[model/type]: 'x' is no number\n  --> node 'm', parameter inputs\n  help: cast it";
        assert_eq!(fault(found, &rows).message, "'x' is no number\ncast it");
        assert_eq!(fault("cannot cast 'abc' to FLOAT", &rows).row, Some(1));
        assert_eq!(fault("it is Monday", &rows).row, None);
    }

    #[test]
    fn values_keep_their_digits() {
        let text = |text: &str| serde_json::Value::String(text.into());
        assert_eq!(value_text("DECIMAL(10, 2)", &text("184.20")), "184.20");
        assert_eq!(value_text("DOUBLE", &text("NaN")), "\"NaN\"");
        assert_eq!(value_text("STRING", &text("184.20")), "\"184.20\"");
        assert_eq!(
            value_text("ARRAY<FLOAT>", &text("[1.0, 2.5]")),
            "[1.0, 2.5]"
        );
        assert_eq!(value_text("INT", &serde_json::Value::Null), "null");
    }
}
