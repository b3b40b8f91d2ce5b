//! Tables that a lookup join asks by key, held in memory.
//!
//! Any table whose rows can be read to where they end for now serves: it is read at the first
//! question, and what has come since is read before each next one. All instances of a join ask one
//! copy. A changelog is applied: what it deletes is no longer found. With
//! `lookup.full-cache.periodic-reload.interval` the table is read afresh once so much time has passed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, SortField};
use millstream_compiler::plan::settings::duration_setting;
use millstream_compiler::plan::stream::{LookupTable as PlanLookup, PlanTable, positional_schema};
use millstream_connectors::{ConnectorError, Read, Source, SplitReader};
use millstream_functions::RowKind;
use millstream_operators::calc::Calc;
use millstream_operators::keys::KeyEncoder;
use millstream_operators::lookup_join::{LookupFuture, LookupRows, LookupTable};
use millstream_operators::{Batch, Operator, OperatorError, Output};

use super::build::{physical, plan_columns};

/// Flink's option for caches that hold a whole table.
const RELOAD_INTERVAL: &str = "lookup.full-cache.periodic-reload.interval";

/// Rows read at once.
const BATCH_ROWS: usize = 8192;

/// A table read into memory, by the columns of its key.
pub(super) struct MemoryTable {
    name: String,
    schema: SchemaRef,
    /// Positions of the key in what is read.
    key: Vec<usize>,
    source: Arc<dyn Source>,
    /// After what time the table is read afresh.
    reload: Option<Duration>,
    content: Mutex<Content>,
}

/// What is read so far, and what reads on.
struct Content {
    /// When the readers were opened.
    opened: Instant,
    readers: Vec<Box<dyn SplitReader>>,
    /// Computes the table's columns from those that were read.
    columns: Option<Calc>,
    keys: KeyEncoder,
    /// The rows of the table, some of which may be deleted.
    rows: RecordBatch,
    /// By key, the rows that are there.
    by_key: HashMap<Box<[u8]>, Vec<u32>>,
}

impl MemoryTable {
    /// The table behind `source`, which reads `lookup.projection`, by the columns `key` of what is read.
    pub(super) fn open(
        table: &PlanTable,
        lookup: &PlanLookup,
        key: &[usize],
        source: Arc<dyn Source>,
    ) -> Result<Self> {
        let connector = table.options.get("connector").map_or("", String::as_str);
        if matches!(connector, "datagen" | "card-transactions") {
            return Err(anyhow!(
                "the table '{}' cannot be looked up: a generator has no rows by key; write it to a \
                 file and look that up",
                table.name
            ));
        }
        let read = source.schema();
        let schema: SchemaRef = Arc::new(arrow::datatypes::Schema::new(
            lookup
                .columns
                .iter()
                .map(|c| Arc::clone(&c.field))
                .collect::<Vec<_>>(),
        ));
        let columns = match &lookup.exprs {
            Some(exprs) => {
                let positional = positional_schema(&plan_columns(&read))?;
                let exprs = exprs
                    .iter()
                    .map(|e| physical(e, &positional))
                    .collect::<Result<_>>()?;
                Some(Calc::new(&read, None, exprs, Arc::clone(&schema))?)
            }
            None => None,
        };
        let reload = duration_setting(&table.options, RELOAD_INTERVAL);
        Ok(Self {
            name: table.name.clone(),
            key: key.to_vec(),
            reload: reload.filter(|interval| !interval.is_zero()),
            content: Mutex::new(Content {
                opened: Instant::now(),
                readers: open_all(source.as_ref())?,
                columns,
                keys: KeyEncoder::new(&read, key)?,
                rows: RecordBatch::new_empty(Arc::clone(&schema)),
                by_key: HashMap::new(),
            }),
            schema,
            source,
        })
    }

    fn answer(&self, keys: &RecordBatch) -> Result<LookupRows, OperatorError> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        if self
            .reload
            .is_some_and(|after| content.opened.elapsed() >= after)
        {
            content.readers =
                open_all(self.source.as_ref()).map_err(|e| unreadable(&self.name, &e))?;
            content.opened = Instant::now();
            content.rows = RecordBatch::new_empty(Arc::clone(&self.schema));
            content.by_key.clear();
        }
        content.catch_up(&self.name, &self.schema)?;
        let columns: Vec<usize> = (0..self.key.len()).collect();
        let encoded = KeyEncoder::new(keys.schema_ref(), &columns)?.encode(keys)?;
        let (mut at, mut of_key) = (Vec::new(), Vec::new());
        for key in 0..keys.num_rows() {
            if let Some(rows) = content.by_key.get(encoded.key(key)) {
                at.extend_from_slice(rows);
                of_key.resize(at.len(), key as u32);
            }
        }
        Ok(LookupRows {
            rows: take_record_batch(&content.rows, &UInt32Array::from(at))?,
            keys: of_key,
        })
    }
}

fn unreadable(table: &str, error: &ConnectorError) -> OperatorError {
    OperatorError::Row(format!("the table '{table}' cannot be looked up: {error}"))
}

fn open_all(source: &dyn Source) -> Result<Vec<Box<dyn SplitReader>>, ConnectorError> {
    let splits = source.splits()?;
    splits
        .iter()
        .map(|split| source.reader(split, None))
        .collect()
}

impl Content {
    /// Reads what has come since.
    fn catch_up(&mut self, table: &str, schema: &SchemaRef) -> Result<(), OperatorError> {
        let failed = |e: ConnectorError| unreadable(table, &e);
        let mut readers = std::mem::take(&mut self.readers);
        let mut batches = Vec::new();
        let mut open = Vec::new();
        for mut reader in readers.drain(..) {
            loop {
                match reader.next(BATCH_ROWS).map_err(failed)? {
                    Read::Rows(rows, kinds) => batches.push((rows, kinds)),
                    Read::Idle => {
                        open.push(reader);
                        break;
                    }
                    Read::End => break,
                }
            }
        }
        self.readers = open;
        let Some((first, _)) = batches.first() else {
            return Ok(());
        };
        let rows = concat_batches(&first.schema(), batches.iter().map(|(rows, _)| rows))?;
        let changes = batches.iter().any(|(_, kinds)| kinds.is_some());
        let kinds = changes.then(|| {
            let of_batch = batches.iter().map(|(rows, kinds)| match kinds {
                Some(kinds) => kinds.clone(),
                None => vec![RowKind::Insert; rows.num_rows()],
            });
            of_batch.flatten().collect()
        });
        self.apply(rows, kinds, schema)
    }

    fn apply(
        &mut self,
        read: RecordBatch,
        kinds: Option<Vec<RowKind>>,
        schema: &SchemaRef,
    ) -> Result<(), OperatorError> {
        let keys = self.keys.encode(&read)?;
        let count = read.num_rows();
        let rows = match &mut self.columns {
            Some(columns) => {
                let mut out = Output::default();
                columns.process(0, Batch::append(read, 0), &mut out)?;
                match out.take().pop() {
                    Some(batch) => batch.rows,
                    None => return Ok(()),
                }
            }
            None => read.with_schema(Arc::clone(schema))?,
        };
        let before = self.rows.num_rows();
        self.rows = concat_batches(schema, [&self.rows, &rows])?;
        let kind = |row: usize| kinds.as_ref().map_or(RowKind::Insert, |kinds| kinds[row]);
        // Only a changelog has rows to find again.
        let content = match &kinds {
            Some(_) => {
                let fields = schema.fields().iter();
                let fields = fields.map(|f| SortField::new(f.data_type().clone()));
                let converter = RowConverter::new(fields.collect())?;
                Some(converter.convert_columns(self.rows.columns())?)
            }
            None => None,
        };
        for row in 0..count {
            let at = before + row;
            let found = self.by_key.entry(keys.key(row).into()).or_default();
            match (kind(row), &content) {
                (RowKind::Insert | RowKind::UpdateAfter, _) => found.push(at as u32),
                (_, Some(content)) => {
                    let same = |other: &u32| content.row(*other as usize) == content.row(at);
                    if let Some(place) = found.iter().position(same) {
                        found.remove(place);
                    }
                }
                (_, None) => {}
            }
        }
        Ok(())
    }
}

impl LookupTable for MemoryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn lookup(&self, keys: RecordBatch) -> LookupFuture<'_> {
        Box::pin(async move { self.answer(&keys) })
    }
}
