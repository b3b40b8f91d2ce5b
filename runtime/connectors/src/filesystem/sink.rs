//! Writes tables to files, exactly once.
//!
//! Rows go to hidden files, `.part-<uuid>-<subtask>-<n>.<job>.inprogress`, in the table's folder.
//! At a barrier each is synced to the disk and handed over as a [`Committable`]; the commit renames
//! it to `part-<uuid>-<subtask>-<n>` and syncs the folder. A rename is atomic and may be repeated,
//! so a commit may be, too. Readers (ours and Flink's) pass over hidden files: they see whole
//! epochs or nothing.
//!
//! Unlike Flink's, a file is rolled at every checkpoint, so that what a checkpoint covers is
//! visible at once; `sink.rolling-policy.file-size` and `rollover-interval` roll it earlier.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::{Schema, SchemaRef};
use millstream_functions::RowKind;
use std::sync::Arc;

use super::{default_partition, file_columns, partition};
use crate::error::{ConnectorError, ErrorKind, Result};
use crate::formats::csv::{CsvEncoder, CsvFormat};
use crate::formats::{Encoder, Format};
use crate::sink::{Committable, SinkContext, SinkWriter};
use crate::spec::TableSpec;

/// Encoded rows are given to the system in pieces of about this size.
const PIECE: usize = 1 << 20;

/// Flink's default of `sink.rolling-policy.file-size`.
const ROLL_SIZE: u64 = 128 << 20;

/// More files than this are not kept open: partitions beyond are rolled early.
const MOST_OPEN: usize = 256;

/// Ends the name of a file that isn't visible yet.
const IN_PROGRESS: &str = ".inprogress";

/// A writer of one subtask.
pub(crate) struct FileSink {
    spec: TableSpec,
    root: PathBuf,
    encoder: Box<dyn Encoder>,
    takes_changes: bool,
    /// Places of the columns that go into the files, and their schema.
    kept: Vec<usize>,
    kept_schema: SchemaRef,
    /// Places and names of the partition keys.
    keys: Vec<(usize, String)>,
    key_encoders: Vec<CsvEncoder>,
    /// `part-<uuid>-<subtask>`.
    prefix: String,
    suffix: String,
    next_part: u64,
    open: BTreeMap<String, Part>,
    /// Closed since the last barrier.
    closed: Vec<Committable>,
    roll_size: u64,
    roll_after: Option<Duration>,
}

/// A file being written.
struct Part {
    file: File,
    /// Hidden and final name below the root.
    pending: PathBuf,
    target: PathBuf,
    buffer: Vec<u8>,
    written: u64,
    opened: Instant,
}

impl FileSink {
    /// Opens a validated table; creates its folder if there is none.
    pub(crate) fn open(spec: &TableSpec, context: &SinkContext) -> Result<Self> {
        let root = root(spec)?;
        fs::create_dir_all(&root).map_err(|error| {
            ConnectorError::io("cannot create the table's folder", &root, error).with_option("path")
        })?;
        let format = Format::of(spec)?;
        let columns = file_columns(spec);
        let place = |key: &String| spec.columns.iter().position(|(name, _)| name == key);
        let keys: Vec<(usize, String)> = spec
            .partition_keys
            .iter()
            .filter_map(|key| Some((place(key)?, key.clone())))
            .collect();
        let kept: Vec<usize> = (0..spec.columns.len())
            .filter(|index| !keys.iter().any(|(place, _)| place == index))
            .collect();
        let kept_fields: Vec<_> = columns
            .iter()
            .map(|(name, ty)| ty.to_field(name).with_nullable(true))
            .collect();
        let key_encoders = keys
            .iter()
            .map(|(place, _)| {
                CsvEncoder::new(
                    CsvFormat::plain(),
                    std::slice::from_ref(&spec.columns[*place]),
                )
            })
            .collect();
        let interval = "sink.rolling-policy.rollover-interval";
        Ok(Self {
            encoder: format.encoder(&columns),
            takes_changes: format.takes_changes(),
            root,
            kept,
            kept_schema: Arc::new(Schema::new(kept_fields)),
            keys,
            key_encoders,
            prefix: format!("part-{}-{}", uuid::Uuid::new_v4(), context.subtask),
            suffix: suffix(&context.job),
            next_part: 0,
            open: BTreeMap::new(),
            closed: Vec::new(),
            roll_size: spec
                .memory("sink.rolling-policy.file-size")?
                .unwrap_or(ROLL_SIZE),
            roll_after: spec.duration(interval)?,
            spec: spec.clone(),
        })
    }

    fn write_rows(&mut self, batch: &RecordBatch, kinds: Option<&[RowKind]>) -> Result<()> {
        let width = self.spec.columns.len();
        if batch.num_columns() != width {
            return Err(ConnectorError::new(
                ErrorKind::Schema,
                format!(
                    "the table has {width} columns, the rows have {}",
                    batch.num_columns()
                ),
            ));
        }
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let columns: Vec<ArrayRef> = self
            .kept
            .iter()
            .map(|place| batch.column(*place).clone())
            .collect();
        if self.keys.is_empty() {
            return self.write_partition(String::new(), &columns, kinds);
        }
        for (folder, rows) in self.partitions(batch)? {
            let kinds: Option<Vec<RowKind>> = kinds.map(|kinds| {
                let kind = |row: &u32| kinds.get(*row as usize).copied();
                rows.iter()
                    .map(|row| kind(row).unwrap_or_default())
                    .collect()
            });
            let rows = UInt32Array::from(rows);
            let columns = columns
                .iter()
                .map(|column| arrow::compute::take(column, &rows, None).map_err(no_batch))
                .collect::<Result<Vec<_>>>()?;
            self.write_partition(folder, &columns, kinds.as_deref())?;
        }
        Ok(())
    }

    /// The rows of each partition, by its folder below the root.
    fn partitions(&mut self, batch: &RecordBatch) -> Result<Vec<(String, Vec<u32>)>> {
        let mut folders = vec![String::new(); batch.num_rows()];
        let default = default_partition(&self.spec).to_owned();
        for ((place, key), encoder) in self.keys.iter().zip(&mut self.key_encoders) {
            let values = encoder.texts(batch.column(*place))?;
            for (folder, value) in folders.iter_mut().zip(values) {
                if !folder.is_empty() {
                    folder.push('/');
                }
                folder.push_str(&partition::escape(key));
                folder.push('=');
                if value.is_empty() {
                    folder.push_str(&default);
                } else {
                    folder.push_str(&partition::escape(&value));
                }
            }
        }
        let mut order: Vec<(String, Vec<u32>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (row, folder) in (0_u32..).zip(folders) {
            match places.get(&folder) {
                Some(&place) => order[place].1.push(row),
                None => {
                    places.insert(folder.clone(), order.len());
                    order.push((folder, vec![row]));
                }
            }
        }
        Ok(order)
    }

    fn write_partition(
        &mut self,
        folder: String,
        columns: &[ArrayRef],
        kinds: Option<&[RowKind]>,
    ) -> Result<()> {
        if !self.open.contains_key(&folder) {
            if self.open.len() >= MOST_OPEN
                && let Some(oldest) = self
                    .open
                    .iter()
                    .min_by_key(|(_, part)| part.opened)
                    .map(|(folder, _)| folder.clone())
            {
                self.close(&oldest)?;
            }
            let part = self.create(&folder)?;
            self.open.insert(folder.clone(), part);
        }
        let Some(part) = self.open.get_mut(&folder) else {
            return Ok(());
        };
        let batch = RecordBatch::try_new(self.kept_schema.clone(), columns.to_vec());
        // a batch of another encoding (views) doesn't fit the schema; the encoder casts columns
        let batch = match batch {
            Ok(batch) => batch,
            Err(_) => RecordBatch::try_from_iter(
                self.kept_schema
                    .fields()
                    .iter()
                    .map(|field| field.name())
                    .zip(columns.iter().cloned()),
            )
            .map_err(no_batch)?,
        };
        self.encoder
            .encode_changes(&batch, kinds, &mut part.buffer)?;
        if part.buffer.len() >= PIECE {
            part.flush(&self.root)?;
        }
        let too_old = self
            .roll_after
            .is_some_and(|limit| part.opened.elapsed() >= limit);
        if part.written + part.buffer.len() as u64 >= self.roll_size || too_old {
            self.close(&folder)?;
        }
        Ok(())
    }

    fn create(&mut self, folder: &str) -> Result<Part> {
        let name = format!("{}-{}", self.prefix, self.next_part);
        self.next_part += 1;
        let pending = Path::new(folder).join(format!(".{name}{}", self.suffix));
        let path = self.root.join(&pending);
        if !folder.is_empty() {
            let folder = self.root.join(folder);
            fs::create_dir_all(&folder).map_err(|error| {
                ConnectorError::io("cannot create the partition's folder", &folder, error)
            })?;
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| ConnectorError::io("cannot create the file", &path, error))?;
        Ok(Part {
            file,
            pending,
            target: Path::new(folder).join(name),
            buffer: Vec::with_capacity(PIECE + PIECE / 4),
            written: 0,
            opened: Instant::now(),
        })
    }

    /// Makes a part durable and hands it to the next barrier.
    fn close(&mut self, folder: &str) -> Result<()> {
        let Some(mut part) = self.open.remove(folder) else {
            return Ok(());
        };
        part.flush(&self.root)?;
        part.file.sync_all().map_err(|error| {
            ConnectorError::io(
                "cannot write to the disk",
                &self.root.join(&part.pending),
                error,
            )
        })?;
        self.closed.push(Committable::File {
            pending: part.pending,
            target: part.target,
            bytes: part.written,
        });
        Ok(())
    }
}

impl Part {
    fn flush(&mut self, root: &Path) -> Result<()> {
        self.file.write_all(&self.buffer).map_err(|error| {
            ConnectorError::io("cannot write to the file", &root.join(&self.pending), error)
        })?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl SinkWriter for FileSink {
    fn write(&mut self, batch: &RecordBatch, kinds: Option<&[RowKind]>) -> Result<()> {
        let changes = kinds.is_some_and(|kinds| kinds.iter().any(|kind| *kind != RowKind::Insert));
        if changes && !self.takes_changes {
            return Err(ConnectorError::new(
                ErrorKind::NotSupported,
                "the connector 'filesystem' takes new rows only, no updates and deletes, in this format",
            )
            .with_remedy(
                "use 'format' = 'debezium-json', write to 'print', or aggregate in windows, which \
                 emit new rows only",
            )
            .with_table(&self.spec.name));
        }
        self.write_rows(batch, kinds)
            .map_err(|error| error.with_table(&self.spec.name))
    }

    fn prepare_commit(&mut self, _epoch: u64) -> Result<Vec<Committable>> {
        let folders: Vec<String> = self.open.keys().cloned().collect();
        let closed = folders
            .iter()
            .try_for_each(|folder| self.close(folder))
            .map(|()| std::mem::take(&mut self.closed))
            // a name in a folder is durable only when the folder is
            .and_then(|closed| {
                sync_folders(&self.root, closed.iter().map(pending_of)).map(|()| closed)
            });
        closed.map_err(|error| error.with_table(&self.spec.name))
    }
}

fn pending_of(committable: &Committable) -> &Path {
    let Committable::File { pending, .. } = committable;
    pending
}

fn no_batch(error: arrow::error::ArrowError) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::BadRow,
        format!("the rows make no batch: {error}"),
    )
}

/// The table's folder.
fn root(spec: &TableSpec) -> Result<PathBuf> {
    let root = spec.resolve(spec.required("path")?);
    if root.is_file() {
        return Err(ConnectorError::new(
            ErrorKind::BadOption,
            "the table's path is a file, a folder is needed to write to",
        )
        .with_file(&root)
        .with_option("path")
        .with_remedy("name a folder; it is created if there is none"));
    }
    Ok(root)
}

/// Marks the hidden files of a job: others may write to the same folder.
fn suffix(job: &str) -> String {
    // FNV-1a: stable over versions, and names need no more
    let hash = job.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!(".{hash:016x}{IN_PROGRESS}")
}

/// Makes pending files visible. May be repeated.
pub(crate) fn commit(spec: &TableSpec, committables: &[Committable]) -> Result<()> {
    finish(spec, committables, false)
}

fn finish(spec: &TableSpec, committables: &[Committable], recovering: bool) -> Result<()> {
    let root = root(spec)?;
    for committable in committables {
        let Committable::File {
            pending,
            target,
            bytes,
        } = committable;
        let (from, to) = (root.join(pending), root.join(target));
        match fs::metadata(&from) {
            Ok(metadata) if metadata.len() != *bytes => {
                return Err(ConnectorError::new(
                    ErrorKind::Io,
                    format!(
                        "a file that waits to be committed has {} bytes, {bytes} were written",
                        metadata.len()
                    ),
                )
                .with_file(&from)
                .with_remedy("the disk lost data; restore the file or start afresh with --fresh"));
            }
            Ok(_) => fs::rename(&from, &to)
                .map_err(|error| ConnectorError::io("cannot rename the file", &from, error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if to.exists() {
                    // committed before
                } else if recovering {
                    // the checkpoint may be older than the commit, and a consumer may have taken
                    // the file since
                    tracing::warn!(
                        table = %spec.name, file = %to.display(),
                        "a committed file is gone; it was removed after its commit, or lost"
                    );
                } else {
                    return Err(ConnectorError::new(
                        ErrorKind::Io,
                        "a file that waits to be committed is gone",
                    )
                    .with_file(&from)
                    .with_remedy("let nothing remove hidden files from the table's folder"));
                }
            }
            Err(error) => return Err(ConnectorError::io("cannot read the file", &from, error)),
        }
    }
    sync_folders(&root, committables.iter().map(pending_of))
}

/// At a start: finishes the commit of the restored checkpoint and removes what the job left
/// unfinished after it.
pub(crate) fn recover(spec: &TableSpec, job: &str, committables: &[Committable]) -> Result<()> {
    finish(spec, committables, true)?;
    let root = root(spec)?;
    let mut folders = vec![root.clone()];
    let suffix = suffix(job);
    while let Some(folder) = folders.pop() {
        let failed = |error| ConnectorError::io("cannot read the folder", &folder, error);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => other.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let path = entry.path();
            if entry.file_type().map_err(failed)?.is_dir() {
                if !spec.partition_keys.is_empty() && name.contains('=') {
                    folders.push(path);
                }
            } else if name.starts_with(".part-") && name.ends_with(&suffix) {
                tracing::info!(table = %spec.name, file = %path.display(),
                    "removing a file that no checkpoint completed");
                fs::remove_file(&path).map_err(|error| {
                    ConnectorError::io("cannot remove an unfinished file", &path, error)
                })?;
            }
        }
    }
    Ok(())
}

/// Syncs the folders of these files below the root.
fn sync_folders<'a>(root: &Path, files: impl Iterator<Item = &'a Path>) -> Result<()> {
    // a partition's folder is itself a name in the one above, up to the root ("")
    let mut folders: Vec<&Path> = files.flat_map(|file| file.ancestors().skip(1)).collect();
    folders.sort();
    folders.dedup();
    for folder in folders {
        let path = root.join(folder);
        File::open(&path)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| ConnectorError::io("cannot sync the folder", &path, error))?;
    }
    Ok(())
}
