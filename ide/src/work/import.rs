//! Files that become nodes: data and models that are dropped on the canvas, scripts that become a
//! graph. Files are read on a thread of their own.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use millstream_compiler::diagnostics::Severity;
use millstream_compiler::document::{
    Command, Document, Entries, Layout, NodeId, Position, files, fragment_to_toml,
};
use millstream_compiler::environment::Environment;
use millstream_compiler::lower::{Target, import};
use millstream_runtime::environment::FileEnvironment;

use crate::canvas::arrange;
use crate::editor::{Action, Notice};

/// What a file became.
#[derive(Debug)]
pub enum Imported {
    /// Something to do to the document that is open.
    Action(Action),
    /// A document of its own.
    Document(Box<Document>),
}

/// How far apart the nodes of several files stand.
const STEP: i32 = 140;

/// Files that are being read.
#[derive(Debug, Default)]
pub struct Imports {
    open: Vec<Receiver<Vec<Imported>>>,
}

impl Imports {
    /// Reads files. Their nodes go to `at`; of a document that is `empty`, a script takes the
    /// place. `wake` is called when the answer is there.
    pub fn begin(
        &mut self,
        paths: Vec<PathBuf>,
        at: Position,
        base_dir: PathBuf,
        empty: bool,
        wake: impl FnOnce() + Send + 'static,
    ) {
        let (outbox, answer) = mpsc::channel();
        let started = thread::Builder::new().name("import".into()).spawn(move || {
            let mut found = Vec::new();
            for (index, path) in paths.iter().enumerate() {
                let place = at + Position::new(0, STEP * index as i32);
                found.extend(read(path, place, &base_dir, empty && paths.len() == 1));
            }
            // The editor may have been closed meanwhile.
            let _ = outbox.send(found);
            wake();
        });
        if started.is_ok() {
            self.open.push(answer);
        }
    }

    /// What was read since the last call.
    pub fn answers(&mut self) -> Vec<Imported> {
        let mut found = Vec::new();
        self.open.retain(|answer| match answer.try_recv() {
            Ok(imported) => {
                found.extend(imported);
                false
            }
            Err(mpsc::TryRecvError::Empty) => true,
            Err(mpsc::TryRecvError::Disconnected) => false,
        });
        found
    }
}

/// What a file becomes, with notices of what could not be taken over.
pub fn read(path: &Path, at: Position, base_dir: &Path, empty: bool) -> Vec<Imported> {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("sql") => script(path, at, base_dir, empty),
        Some("toml") => vec![Imported::Action(Action::OpenPath(path.to_path_buf()))],
        Some("csv") => vec![data(path, at, base_dir, "csv")],
        Some("json" | "jsonl" | "ndjson") => vec![data(path, at, base_dir, "json")],
        Some("parquet") => vec![parquet(path, at, base_dir)],
        Some("onnx") => vec![model(path, at, base_dir)],
        _ => vec![Imported::Action(Action::Notify(Notice::error(format!(
            "{} becomes no node: drop a .csv, .json, .parquet, .onnx, .sql or .toml file",
            path.display()
        ))))],
    }
}

/// A path as a pipeline says it: from its folder if the file is below it.
fn relative(path: &Path, base_dir: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    absolute
        .strip_prefix(base_dir)
        .unwrap_or(&absolute)
        .to_string_lossy()
        .into_owned()
}

fn add(path: &Path, kind: &str, parameters: Entries, at: Position) -> Imported {
    let name = path
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let action = Action::Edits {
        label: format!("Drop {name}"),
        commands: vec![Command::AddNode {
            id: None,
            kind: kind.to_string(),
            parameters,
            position: Some(at),
        }],
    };
    Imported::Action(action)
}

fn data(path: &Path, at: Position, base_dir: &Path, format: &str) -> Imported {
    let parameters = Entries::new()
        .with("path", relative(path, base_dir))
        .with("format", format);
    add(path, "file-source", parameters, at)
}

/// Parquet is read through the connector's options, with the columns that the file says it has.
fn parquet(path: &Path, at: Position, base_dir: &Path) -> Imported {
    let file = relative(path, base_dir);
    let environment = FileEnvironment::new(base_dir);
    let options = [
        ("connector", "filesystem"),
        ("path", file.as_str()),
        ("format", "parquet"),
    ];
    let options = options.map(|(key, value)| (key.to_string(), value.to_string()));
    let mut schema = Entries::new();
    if let Ok(columns) = environment.infer_schema(&options.into_iter().collect()) {
        for (name, ty) in columns {
            schema.insert(name, ty.to_string());
        }
    }
    let mut parameters = Entries::new().with("connector", "filesystem").with(
        "options",
        Entries::new().with("path", file).with("format", "parquet"),
    );
    if !schema.is_empty() {
        parameters.insert("schema", schema);
    }
    add(path, "connector-source", parameters, at)
}

fn model(path: &Path, at: Position, base_dir: &Path) -> Imported {
    let parameters = Entries::new().with("path", relative(path, base_dir));
    add(path, "model", parameters, at)
}

fn script(path: &Path, at: Position, base_dir: &Path, empty: bool) -> Vec<Imported> {
    let text = match files::read(path) {
        Ok(text) => text,
        Err(error) => {
            return vec![Imported::Action(Action::Notify(Notice::error(
                error.to_string(),
            )))];
        }
    };
    let name = path.file_stem().map_or_else(
        || "script".into(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    let environment = FileEnvironment::new(base_dir).trusting_models();
    let imported = import(&text, &name, Target::Embedded, &environment);
    let mut found = Vec::new();
    let document = Document::new(imported.pipeline, Layout::default());
    let ids: Vec<NodeId> = document
        .pipeline()
        .nodes()
        .map(|(id, _)| id.clone())
        .collect();
    if !ids.is_empty() {
        let document = arrange::place_all(document);
        if empty {
            found.push(Imported::Document(Box::new(document)));
        } else {
            let text = fragment_to_toml(&document, &ids);
            let paste = Command::Paste {
                text,
                position: Some(at),
            };
            found.push(Imported::Action(Action::Edits {
                label: format!("Import {name}"),
                commands: vec![paste],
            }));
        }
    }
    for finding in imported.diagnostics {
        let line = finding
            .span
            .and_then(|span| text.get(..span.start))
            .map_or(String::new(), |before| {
                format!("line {}: ", before.matches('\n').count() + 1)
            });
        let said = format!("{name}.sql, {line}{}", finding.message);
        let notice = match finding.severity {
            Severity::Error => Notice::error(said),
            _ => Notice::info(said),
        };
        found.push(Imported::Action(Action::Notify(notice)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    fn added(imported: &[Imported]) -> (&str, &Entries) {
        let [Imported::Action(Action::Edits { commands, .. })] = imported else {
            panic!("{imported:?}");
        };
        let [
            Command::AddNode {
                kind, parameters, ..
            },
        ] = commands.as_slice()
        else {
            panic!("{commands:?}");
        };
        (kind, parameters)
    }

    #[test]
    fn data_and_models_become_configured_nodes() {
        let folder = tempfile::tempdir().expect("a folder");
        let base = std::path::absolute(folder.path()).expect("a path");
        let csv = write(&base, "orders.csv", "id,amount\n1,2.5\n");
        let found = read(&csv, Position::new(0, 0), &base, false);
        let (kind, parameters) = added(&found);
        assert_eq!(kind, "file-source");
        assert_eq!(
            parameters.get("path").and_then(|v| v.as_text()),
            Some("orders.csv")
        );
        assert_eq!(
            parameters.get("format").and_then(|v| v.as_text()),
            Some("csv")
        );
        let onnx = write(&base, "m.onnx", "");
        assert_eq!(
            added(&read(&onnx, Position::new(0, 0), &base, false)).0,
            "model"
        );
    }

    #[test]
    fn a_script_becomes_a_graph() {
        let folder = tempfile::tempdir().expect("a folder");
        let base = std::path::absolute(folder.path()).expect("a path");
        let sql = write(
            &base,
            "report.sql",
            "CREATE TABLE t (id BIGINT, v INT) WITH ('connector' = 'datagen');\n\
             CREATE TABLE out_table (id BIGINT) WITH ('connector' = 'print');\n\
             INSERT INTO out_table SELECT id FROM t WHERE v > 3;\n",
        );
        let found = read(&sql, Position::new(0, 0), &base, true);
        let Some(Imported::Document(document)) = found.first() else {
            panic!("{found:?}");
        };
        assert_eq!(document.pipeline().name(), "report");
        assert_eq!(document.pipeline().nodes().len(), 3);
        assert_eq!(document.pipeline().edges().len(), 2);
    }

    #[test]
    fn what_becomes_no_node_says_what_does() {
        let found = read(
            Path::new("a.docx"),
            Position::new(0, 0),
            Path::new("/"),
            false,
        );
        let [Imported::Action(Action::Notify(notice))] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert!(notice.text.contains(".parquet"), "{}", notice.text);
    }
}
