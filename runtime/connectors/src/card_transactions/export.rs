//! Writes the generator's rows to CSV files, for Flink and others to read.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::CardSource;
use crate::error::{ConnectorError, ErrorKind, Result};
use crate::formats::Encoder as _;
use crate::formats::csv::{CsvEncoder, CsvFormat};
use crate::spec::TableSpec;

/// Rows of a split that are made at once.
const BATCH: u64 = 256;

/// Writes the first `rows` rows of a generator table to `files` files in `folder`, as CSV in Flink's
/// dialect without a header; gives their names. All rows of a card are in one file, in the order of
/// their times; a file is as nearly in the order of time as a split is.
pub(crate) fn export(
    spec: &TableSpec,
    rows: u64,
    folder: &Path,
    files: usize,
) -> Result<Vec<PathBuf>> {
    let mut spec = spec.clone();
    spec.options
        .insert("number-of-rows".into(), rows.to_string());
    spec.options.remove("rows-per-second");
    super::validate_source(&spec)?;
    let projection: Vec<usize> = (0..spec.columns.len()).collect();
    let source = CardSource::open(&spec, &projection)?;
    let splits = source.settings.splits;
    if files == 0 || files as u64 > splits {
        return Err(ConnectorError::new(
            ErrorKind::BadOption,
            format!(
                "the generator's {splits} splits make between 1 and {splits} files, not {files}"
            ),
        )
        .with_option("splits")
        .with_remedy("ask for fewer files, or raise the table's 'splits'"));
    }
    fs::create_dir_all(folder)
        .map_err(|error| ConnectorError::io("cannot create the folder", folder, error))?;
    let mut encoder = CsvEncoder::new(CsvFormat::plain(), &spec.columns);
    let mut names = Vec::new();
    for number in 0..files as u64 {
        let path = folder.join(format!("part-{number}.csv"));
        let failed = |error| ConnectorError::io("cannot write the file", &path, error);
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(failed)?);
        let mut readers: Vec<_> = (number..splits)
            .step_by(files)
            .map(|split| source.card_reader(split, 0))
            .collect();
        let mut texts = vec![Vec::new(); readers.len()];
        while readers.iter().any(|reader| reader.next < reader.end) {
            for (reader, text) in readers.iter_mut().zip(&mut texts) {
                text.clear();
                let count = reader.end.saturating_sub(reader.next).min(BATCH);
                if count > 0 {
                    let batch = reader.batch(count as usize)?;
                    reader.next += count;
                    encoder.encode(&batch, text)?;
                }
            }
            // The file's splits take turns row by row, for a file that ran a batch of one split and
            // then of the next would go back in time by more than a watermark allows.
            let mut lines: Vec<_> = texts
                .iter()
                .map(|text| text.split_inclusive(|byte| *byte == b'\n'))
                .collect();
            let mut written = true;
            while written {
                written = false;
                for lines in &mut lines {
                    if let Some(line) = lines.next() {
                        out.write_all(line).map_err(failed)?;
                        written = true;
                    }
                }
            }
        }
        out.flush().map_err(failed)?;
        out.into_inner()
            .map_err(|error| failed(error.into_error()))?
            .sync_all()
            .map_err(failed)?;
        names.push(path);
    }
    Ok(names)
}
