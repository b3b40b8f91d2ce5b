//! Tables in a temporary folder, and rows as text.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use millstream_connectors::*;
use millstream_functions::types::FlinkType;

/// A table of columns as in a DDL: `id INT, name STRING NOT NULL`.
pub fn table(columns: &str, options: &[(&str, &str)], base: &Path) -> TableSpec {
    let mut rest = columns.trim();
    let mut parsed = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once(' ').unwrap();
        let (ty, length) = FlinkType::parse_prefix(after).unwrap();
        parsed.push((name.trim().to_owned(), ty));
        rest = after[length..]
            .trim_start()
            .trim_start_matches(',')
            .trim_start();
    }
    TableSpec {
        name: "t".into(),
        columns: parsed,
        metadata: vec![],
        partition_keys: vec![],
        primary_key: vec![],
        options: options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        base_dir: base.to_owned(),
    }
}

/// A `filesystem` table of a format in the folder's file or folder `path`.
pub fn file_table(
    columns: &str,
    path: &str,
    format: &str,
    options: &[(&str, &str)],
    base: &Path,
) -> TableSpec {
    let mut all = vec![
        ("connector", "filesystem"),
        ("path", path),
        ("format", format),
    ];
    all.extend_from_slice(options);
    table(columns, &all, base)
}

#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A batch's rows as Flink prints them.
pub fn printed(columns: &[(String, FlinkType)], batch: &RecordBatch) -> Vec<String> {
    let mut spec = table("", &[("connector", "print")], Path::new("."));
    spec.columns = columns.to_vec();
    let out = Shared::default();
    let context = SinkContext::single("test");
    let mut sink = open_sink_with(&spec, &context, Box::new(out.clone())).unwrap();
    sink.write(batch, None).unwrap();
    let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    // rows may hold line ends of their own
    let mut rows: Vec<String> = text.split("\n+I").map(|row| format!("+I{row}")).collect();
    if let Some(first) = rows.first_mut() {
        first.replace_range(..2, "");
    }
    if let Some(last) = rows.last_mut() {
        last.pop();
    }
    rows
}

/// All rows of a source, in the order of its splits, read in batches of a size.
pub fn batches(
    spec: &TableSpec,
    projection: &[usize],
    size: usize,
) -> Result<(Vec<RecordBatch>, u64)> {
    let source = open_source(spec, projection)?;
    let mut batches = Vec::new();
    let mut bad = 0;
    for split in source.splits()? {
        let mut reader = source.reader(&split, None)?;
        loop {
            match reader.next(size)? {
                Read::Rows(batch, kinds) => {
                    assert!(kinds.is_none() && batch.num_rows() > 0);
                    assert_eq!(batch.schema(), source.schema());
                    batches.push(batch);
                }
                Read::Idle => std::thread::yield_now(),
                Read::End => break,
            }
        }
        bad += reader.bad_rows();
    }
    Ok((batches, bad))
}

/// All rows of a source as Flink prints them, and how many were bad.
pub fn rows_and_bad(spec: &TableSpec) -> Result<(Vec<String>, u64)> {
    let columns = spec.source_columns();
    let projection: Vec<usize> = (0..columns.len()).collect();
    let (batches, bad) = batches(spec, &projection, 1000)?;
    Ok((
        batches
            .iter()
            .flat_map(|batch| printed(&columns, batch))
            .collect(),
        bad,
    ))
}

/// What a file of this content reads as: its rows, or the error.
pub fn read_text(
    columns: &str,
    format: &str,
    content: &[u8],
    options: &[(&str, &str)],
) -> Result<Vec<String>, String> {
    read_counting(columns, format, content, options).map(|(rows, _)| rows)
}

/// The same with the number of bad rows.
pub fn read_counting(
    columns: &str,
    format: &str,
    content: &[u8],
    options: &[(&str, &str)],
) -> Result<(Vec<String>, u64), String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in"), content).unwrap();
    let spec = file_table(columns, "in", format, options, folder.path());
    rows_and_bad(&spec).map_err(|error| {
        error
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    })
}

/// Writes batches to a `filesystem` table and commits them; the files' lines in the order of names.
pub fn write_and_commit(spec: &TableSpec, batches: &[RecordBatch]) -> Vec<String> {
    let mut sink = open_sink(spec, &SinkContext::single("job")).unwrap();
    for batch in batches {
        sink.write(batch, None).unwrap();
    }
    let committables = sink.prepare_commit(1).unwrap();
    commit(spec, &committables).unwrap();
    lines(&spec.resolve(spec.option("path").unwrap()))
}

/// The lines of all visible files below a folder.
pub fn lines(folder: &Path) -> Vec<String> {
    files(folder)
        .into_iter()
        .filter(|(name, _)| !name.rsplit('/').next().unwrap().starts_with('.'))
        .flat_map(|(_, content)| content.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// Names and contents of all files below a folder, hidden ones too.
pub fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
