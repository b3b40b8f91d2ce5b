//! Tables in memory: sources that give the rows of a case in order, with their kinds, and sinks that
//! keep what they are given.
//!
//! The connector takes any option: those of Flink's test connector that say something to the
//! planner (`changelog-mode`, `sink-changelog-mode-enforced`, …) are the planner's to read.
//!
//! Several sources take turns, a row each, in the order of their declaration, and a row has a moment
//! to go through the job before another source gives its next one. So what comes out of a join does
//! not depend on how the machine shares its time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use millstream_connectors::{
    Committable, ConnectorError, CustomConnector, ErrorKind, Position, Read, Result, SinkContext,
    SinkWriter, Source, SplitId, SplitReader, TableSpec,
};
use millstream_functions::display::{Formatter, Style};
use millstream_functions::{FlinkType, RowKind};

/// What tables of the connector say: `'connector' = 'values'`.
pub(super) const NAME: &str = "values";

/// How long after a row another source may give its own.
const SETTLES: Duration = Duration::from_millis(4);

/// How often a source must have asked in vain before it gives the row after another source's: the
/// job's tasks share a thread, so each time they have had their turn.
const ASKED: usize = 3;

/// The rows of a source.
#[derive(Debug, Clone)]
pub(super) struct SourceRows {
    /// Its place among the sources.
    pub turn: usize,
    /// The columns in the order of [`TableSpec::source_columns`].
    pub columns: Vec<ArrayRef>,
    pub kinds: Vec<RowKind>,
    /// How many rows come before the restore.
    pub before_restore: usize,
}

impl SourceRows {
    /// Only the rows before the restore.
    pub fn first(&self) -> Self {
        let count = self.before_restore;
        Self {
            turn: self.turn,
            columns: self.columns.iter().map(|c| c.slice(0, count)).collect(),
            kinds: self.kinds[..count].to_vec(),
            before_restore: count,
        }
    }
}

/// A row of a changelog, its fields as Flink prints them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChangeRow {
    pub kind: RowKind,
    pub fields: Vec<String>,
}

impl fmt::Display for ChangeRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.kind, self.fields.join(", "))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the sinks were given, over all runs of a case.
#[derive(Debug, Clone, Default)]
pub(super) struct Sinks(Arc<Mutex<BTreeMap<String, Vec<ChangeRow>>>>);

impl Sinks {
    /// The rows of a table so far.
    pub fn rows(&self, table: &str) -> Vec<ChangeRow> {
        lock(&self.0).get(table).cloned().unwrap_or_default()
    }
}

/// Who may give rows.
#[derive(Debug)]
struct Turns {
    readers: Vec<Progress>,
    /// The reader that gave the last rows, and when.
    last: Option<(usize, Instant)>,
}

/// How far a reader has come.
#[derive(Debug)]
struct Progress {
    /// The place of its source among the sources, and its own among the readers.
    place: (usize, usize),
    /// How many rows it gave in this run.
    given: usize,
    /// Whether it has given all it has.
    done: bool,
}

impl Turns {
    /// Whether a reader's next row comes before those of all others.
    fn is_next(&self, number: usize) -> bool {
        let order = |reader: &Progress| (reader.given, reader.place);
        let own = order(&self.readers[number]);
        let mut open = self.readers.iter().filter(|reader| !reader.done);
        open.all(|reader| own <= order(reader))
    }
}

/// The connector of one run.
pub(super) struct Values {
    sources: BTreeMap<String, Arc<SourceRows>>,
    ends: bool,
    batch_rows: usize,
    turns: Arc<Mutex<Turns>>,
    sinks: Sinks,
}

impl Values {
    /// Tables with these rows; `ends` says whether the sources end behind them.
    pub fn new(
        sources: BTreeMap<String, Arc<SourceRows>>,
        ends: bool,
        batch_rows: usize,
        sinks: Sinks,
    ) -> Self {
        Self {
            sources,
            ends,
            batch_rows,
            turns: Arc::new(Mutex::new(Turns {
                readers: Vec::new(),
                last: None,
            })),
            sinks,
        }
    }

    /// Whether all sources that are read have given all they have.
    pub fn all_given(&self) -> bool {
        lock(&self.turns).readers.iter().all(|reader| reader.done)
    }
}

impl CustomConnector for Values {
    fn validate_source(&self, _spec: &TableSpec) -> Result<()> {
        Ok(())
    }

    fn validate_sink(&self, _spec: &TableSpec) -> Result<()> {
        Ok(())
    }

    fn open_source(&self, spec: &TableSpec, projection: &[usize]) -> Result<Box<dyn Source>> {
        let Some(rows) = self.sources.get(&spec.name) else {
            return Err(ConnectorError::new(
                ErrorKind::NotFound,
                "the table has no rows of its own",
            )
            .with_table(&spec.name));
        };
        Ok(Box::new(ValuesSource {
            schema: spec.projected_schema(projection)?,
            columns: projection
                .iter()
                .filter_map(|&index| rows.columns.get(index).cloned())
                .collect(),
            rows: Arc::clone(rows),
            ends: self.ends,
            batch_rows: self.batch_rows,
            turns: Arc::clone(&self.turns),
        }))
    }

    fn open_lookup(&self, spec: &TableSpec, projection: &[usize]) -> Result<Box<dyn Source>> {
        let Some(rows) = self.sources.get(&spec.name) else {
            return self.open_source(spec, projection);
        };
        // Flink's test connector knows the rows of the run alone, all of them at once.
        let all = rows.kinds.len();
        let from = match all > rows.before_restore {
            true => rows.before_restore,
            false => 0,
        };
        let cut = |column: &ArrayRef| column.slice(from, all - from);
        Ok(Box::new(ValuesSource {
            schema: spec.projected_schema(projection)?,
            columns: projection
                .iter()
                .filter_map(|&index| rows.columns.get(index).map(cut))
                .collect(),
            rows: Arc::new(SourceRows {
                turn: 0,
                columns: rows.columns.iter().map(cut).collect(),
                kinds: rows.kinds[from..].to_vec(),
                before_restore: 0,
            }),
            ends: true,
            batch_rows: all.max(1),
            // It takes turns with nobody.
            turns: Arc::new(Mutex::new(Turns {
                readers: Vec::new(),
                last: None,
            })),
        }))
    }

    fn open_sink(&self, spec: &TableSpec, _context: &SinkContext) -> Result<Box<dyn SinkWriter>> {
        Ok(Box::new(ValuesSink {
            table: spec.name.clone(),
            metadata: metadata_order(spec),
            sinks: self.sinks.clone(),
        }))
    }
}

/// The metadata columns in the order in which `writable-metadata` lists their keys: Flink hands a
/// sink the physical columns and then the metadata in the connector's own order.
fn metadata_order(spec: &TableSpec) -> Vec<String> {
    let listed: Vec<&str> = spec
        .option("writable-metadata")
        .unwrap_or_default()
        .split(',')
        .map(|entry| entry.split(':').next().unwrap_or_default().trim())
        .collect();
    let mut columns: Vec<(usize, String)> = spec
        .metadata
        .iter()
        .map(|(name, key, _)| {
            let place = listed.iter().position(|listed| listed == key);
            (place.unwrap_or(usize::MAX), name.clone())
        })
        .collect();
    columns.sort_by_key(|(place, _)| *place);
    columns.into_iter().map(|(_, name)| name).collect()
}

struct ValuesSource {
    schema: SchemaRef,
    columns: Vec<ArrayRef>,
    rows: Arc<SourceRows>,
    ends: bool,
    batch_rows: usize,
    turns: Arc<Mutex<Turns>>,
}

impl Source for ValuesSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        Ok(vec![SplitId("rows".into())])
    }

    fn bounded(&self) -> bool {
        self.ends
    }

    fn reader(
        &self,
        _split: &SplitId,
        position: Option<&Position>,
    ) -> Result<Box<dyn SplitReader>> {
        let next = match position {
            Some(Position::Row { next }) => usize::try_from(*next).unwrap_or(usize::MAX),
            _ => 0,
        };
        let all = self.rows.kinds.len();
        let batch = RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            self.columns.clone(),
            &RecordBatchOptions::new().with_row_count(Some(all)),
        )
        .map_err(|error| ConnectorError::new(ErrorKind::Schema, error.to_string()))?;
        let mut turns = lock(&self.turns);
        let number = turns.readers.len();
        turns.readers.push(Progress {
            place: (self.rows.turn, number),
            given: 0,
            done: next >= all,
        });
        Ok(Box::new(ValuesReader {
            batch,
            kinds: self.rows.kinds.clone(),
            next: next.min(all),
            ends: self.ends,
            batch_rows: self.batch_rows,
            number,
            asked: 0,
            turns: Arc::clone(&self.turns),
        }))
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

struct ValuesReader {
    batch: RecordBatch,
    kinds: Vec<RowKind>,
    next: usize,
    ends: bool,
    batch_rows: usize,
    number: usize,
    /// How often it asked since it gave its last row.
    asked: usize,
    turns: Arc<Mutex<Turns>>,
}

impl SplitReader for ValuesReader {
    fn next(&mut self, max_rows: usize) -> Result<Read> {
        let left = self.kinds.len() - self.next;
        if left == 0 {
            return Ok(if self.ends { Read::End } else { Read::Idle });
        }
        let mut turns = lock(&self.turns);
        let follows_another = turns.last.is_some_and(|(last, at)| {
            last != self.number && (at.elapsed() < SETTLES || self.asked < ASKED)
        });
        if !turns.is_next(self.number) || follows_another {
            self.asked += 1;
            return Ok(Read::Idle);
        }
        self.asked = 0;
        let count = left.min(self.batch_rows).min(max_rows.max(1));
        let rows = self.batch.slice(self.next, count);
        let kinds = self.kinds[self.next..self.next + count].to_vec();
        self.next += count;
        let progress = &mut turns.readers[self.number];
        progress.given += count;
        progress.done = self.next == self.kinds.len();
        turns.last = Some((self.number, Instant::now()));
        let changes = kinds.iter().any(|kind| *kind != RowKind::Insert);
        Ok(Read::Rows(rows, changes.then_some(kinds)))
    }

    fn position(&self) -> Position {
        Position::Row {
            next: self.next as u64,
        }
    }
}

struct ValuesSink {
    table: String,
    /// The metadata columns in the connector's order.
    metadata: Vec<String>,
    sinks: Sinks,
}

impl ValuesSink {
    /// The columns to show, in order, each with its formatter.
    fn columns(&self, schema: &Schema) -> Vec<(usize, Formatter)> {
        let place = |name: &str| schema.fields().iter().position(|f| f.name() == name);
        let last: Vec<usize> = self
            .metadata
            .iter()
            .filter_map(|name| place(name))
            .collect();
        (0..schema.fields().len())
            .filter(|index| !last.contains(index))
            .chain(last.iter().copied())
            .map(|index| {
                let ty = FlinkType::from_field(schema.field(index));
                (index, Formatter::new(&ty, Style::Row))
            })
            .collect()
    }
}

impl SinkWriter for ValuesSink {
    fn write(&mut self, batch: &RecordBatch, kinds: Option<&[RowKind]>) -> Result<()> {
        let columns = self.columns(batch.schema_ref());
        let mut all = lock(&self.sinks.0);
        let rows = all.entry(self.table.clone()).or_default();
        for row in 0..batch.num_rows() {
            let fields = columns
                .iter()
                .map(|(index, formatter)| {
                    let mut text = String::new();
                    formatter.write(batch.column(*index).as_ref(), row, &mut text);
                    text
                })
                .collect();
            let kind = kinds.and_then(|kinds| kinds.get(row));
            rows.push(ChangeRow {
                kind: kind.copied().unwrap_or_default(),
                fields,
            });
        }
        Ok(())
    }

    fn prepare_commit(&mut self, _epoch: u64) -> Result<Vec<Committable>> {
        Ok(Vec::new())
    }
}
