//! Window Top-N and window deduplication: ROW_NUMBER within a window, numbered when it closes.
//!
//! Computes, for every window and partition, the rows whose number in the order of the sort columns
//! lies between `start` and `end`, and emits them once, as inserts and in that order, when the
//! watermark reaches the window's last millisecond. The input is insert-only and carries its
//! window's end in a column: windowing table functions, window aggregates and window joins do.
//! NULL is a partition of its own. Of peers the first to arrive come first; or, with
//! [`last_of_peers`](WindowTopNSpec::last_of_peers), the last (deduplication that keeps the last
//! row).
//!
//! A row whose window has closed is late and dropped.
//!
//! **State** per window and partition: the best `end` rows, until the window closes.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_state::{KeyedTable, Slot};
use std::sync::Arc;

use crate::batch::{Batch, Watermark};
use crate::changelog::{Place, RowCodec, insert_only, sub_hash};
use crate::keys::KeyEncoder;
use crate::operator::{
    Operator, OperatorContext, OperatorError, Output, load_watermark, save_watermark,
};
use crate::time::rowtime_millis;
use crate::top_n::SortColumn;
use crate::top_n::rows::{SortEncoder, SortedRow, SortedRows, lower_bound, upper_bound};

/// The most rows of an emitted batch.
const BATCH_ROWS: usize = 8192;

/// What a window Top-N computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowTopNSpec {
    /// `PARTITION BY` beside the window; may be empty.
    pub partition: Vec<usize>,
    /// The column with the window's end.
    pub window_end: usize,
    /// `ORDER BY`.
    pub order: Vec<SortColumn>,
    /// The first number wanted, from 1.
    pub start: u64,
    /// The last number wanted.
    pub end: u64,
    /// Whether the number is a column of the output.
    pub with_rank: bool,
    /// Whether later peers come first: deduplication that keeps the last row by rowtime.
    pub last_of_peers: bool,
}

impl WindowTopNSpec {
    /// The columns of the output: the input's, and a number called `rank` if it is wanted.
    pub fn output_schema(&self, input: &SchemaRef, rank: &str) -> SchemaRef {
        if !self.with_rank {
            return Arc::clone(input);
        }
        let mut fields: Vec<Arc<Field>> = input.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(rank, DataType::Int64, false)));
        Arc::new(Schema::new(fields))
    }
}

/// The hash of a key of the table, and the key.
type HashedKey = (u64, Box<[u8]>);

/// The window Top-N. See the [module](self).
#[derive(Debug)]
pub struct WindowTopN {
    spec: WindowTopNSpec,
    window_end_name: String,
    output: SchemaRef,
    keys: KeyEncoder,
    sort: SortEncoder,
    codec: RowCodec,
    /// By partition and window end.
    table: KeyedTable<SortedRows>,
    max_parallelism: u16,
    /// The hashes and keys of `table` whose window ends then.
    windows: BTreeMap<i64, Vec<HashedKey>>,
    watermark: i64,
    late: u64,
    slots: Vec<Slot>,
    /// When the oldest rows since the last window closed entered the job.
    ingest_micros: i64,
}

impl WindowTopN {
    /// The operator over rows of `input`; the number is called `row_num`.
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &WindowTopNSpec,
    ) -> Result<Self, OperatorError> {
        let output = spec.output_schema(&input, "row_num");
        Self::with_schema(context, input, spec, output)
    }

    /// The operator with an output schema of its own (names and metadata; the types must be those
    /// of [`WindowTopNSpec::output_schema`]).
    pub fn with_schema(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &WindowTopNSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        if spec.start == 0 || spec.end < spec.start {
            return Err(OperatorError::Row(format!(
                "window Top-N from row {} to row {}: rows are numbered from 1, and the last \
                 wanted must not come before the first",
                spec.start, spec.end
            )));
        }
        Ok(Self {
            window_end_name: input.field(spec.window_end).name().clone(),
            keys: KeyEncoder::new(&input, &spec.partition)?,
            sort: SortEncoder::new(&input, &spec.order)?,
            codec: RowCodec::new(input, "window Top-N")?,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            max_parallelism: context.backend.max_parallelism(),
            windows: BTreeMap::new(),
            watermark: i64::MIN,
            late: 0,
            slots: Vec::new(),
            ingest_micros: i64::MAX,
            output,
            spec: spec.clone(),
        })
    }

    /// The columns that come out.
    pub fn schema(&self) -> &SchemaRef {
        &self.output
    }

    /// Emits the windows that are due at `watermark`.
    fn fire(&mut self, watermark: i64, out: &mut Output) -> Result<(), OperatorError> {
        let start = usize::try_from(self.spec.start - 1).unwrap_or(usize::MAX);
        let mut shown: Vec<SortedRow> = Vec::new();
        let mut ranks: Vec<i64> = Vec::new();
        while let Some(window) = self.windows.first_entry() {
            if window.key().saturating_sub(1) > watermark {
                break;
            }
            let due = window.remove();
            let hashes: Vec<u64> = due.iter().map(|(hash, _)| *hash).collect();
            let mut slots = Vec::with_capacity(due.len());
            self.table.slots(&hashes, |i| &due[i].1, &mut slots)?;
            for slot in slots {
                if !self.table.is_live(slot) {
                    continue;
                }
                let rows = std::mem::take(&mut self.table.get_mut(slot).rows);
                self.table.remove(slot);
                ranks.extend(self.spec.start as i64..=rows.len() as i64);
                shown.extend(rows.into_iter().skip(start));
            }
        }
        let ingest_micros = match self.ingest_micros {
            i64::MAX => 0,
            micros => micros,
        };
        for (rows, ranks) in shown.chunks(BATCH_ROWS).zip(ranks.chunks(BATCH_ROWS)) {
            let decoded = self.codec.decode(rows.iter().map(SortedRow::columns))?;
            let mut columns: Vec<ArrayRef> = decoded.columns().to_vec();
            if self.spec.with_rank {
                columns.push(Arc::new(Int64Array::from(ranks.to_vec())));
            }
            let rows = RecordBatch::try_new(Arc::clone(&self.output), columns)?;
            out.emit(Batch::append(rows, ingest_micros));
        }
        if self.windows.is_empty() {
            self.ingest_micros = i64::MAX;
        }
        Ok(())
    }
}

impl Operator for WindowTopN {
    fn process(&mut self, _: usize, batch: Batch, _: &mut Output) -> Result<(), OperatorError> {
        insert_only(
            &batch,
            "a window Top-N",
            "number the rows before the update, or without the window",
        )?;
        let column = batch.rows.column(self.spec.window_end);
        let ends = rowtime_millis(column, &self.window_end_name)?;
        // What is late, row by row: rows behind it may have raised the watermark.
        let mut taken: Vec<u32> = Vec::with_capacity(batch.len());
        let mut before = self.watermark.max(batch.watermark_before.0);
        for (row, end) in ends.iter().enumerate() {
            if end.saturating_sub(1) <= before {
                self.late += 1;
            } else {
                taken.push(row as u32);
            }
            if let Some(watermarks) = &batch.watermarks {
                before = before.max(watermarks[row]);
            }
        }
        if taken.is_empty() {
            return Ok(());
        }
        self.ingest_micros = self.ingest_micros.min(batch.ingest_micros);
        let rows = match taken.len() == batch.len() {
            true => batch.rows.clone(),
            false => take_record_batch(&batch.rows, &UInt32Array::from(taken.clone()))?,
        };
        let partitions = self.keys.encode(&rows)?;
        let sort = self.sort.encode(&rows)?;
        let columns = self.codec.encode(&rows)?;
        let (mut hashes, mut keys) = (Vec::new(), Vec::new());
        let mut bounds = vec![0];
        for (i, &row) in taken.iter().enumerate() {
            let end = ends[row as usize];
            let hash = partitions.hashes()[i];
            hashes.push(sub_hash(hash, end as u64, self.max_parallelism));
            keys.extend_from_slice(partitions.key(i));
            keys.extend_from_slice(&end.to_be_bytes());
            bounds.push(keys.len());
        }
        let key = |i: usize| &keys[bounds[i]..bounds[i + 1]];
        self.table.slots(&hashes, key, &mut self.slots)?;

        let most = usize::try_from(self.spec.end).unwrap_or(usize::MAX);
        for (i, &slot) in self.slots.iter().enumerate() {
            let (kept, sort) = (&self.table.get(slot).rows, sort.key(i));
            let at = match self.spec.last_of_peers {
                true => lower_bound(kept, sort),
                false => upper_bound(kept, sort),
            };
            if at >= most {
                continue;
            }
            if kept.is_empty() {
                let window = self.windows.entry(ends[taken[i] as usize]).or_default();
                window.push((hashes[i], key(i).into()));
            }
            let place = (Place::Input(0), 0);
            let new = SortedRow::new(sort, &[], columns.row(i).data(), 0, place);
            let rows = &mut self.table.get_mut(slot).rows;
            rows.insert(at, new);
            rows.truncate(most);
        }
        Ok(())
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        if watermark.0 <= self.watermark {
            return Ok(());
        }
        self.watermark = watermark.0;
        self.fire(watermark.0, out)
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        Ok(save_watermark(self.watermark))
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.watermark = load_watermark(former)?;
        let (windows, partitions) = (&mut self.windows, &self.keys);
        let groups = self.max_parallelism;
        self.table.for_each(|key, _| {
            if let Some((partition, end)) = key.split_last_chunk::<8>() {
                let end = i64::from_be_bytes(*end);
                let hash = sub_hash(partitions.hash_of(partition), end as u64, groups);
                windows.entry(end).or_default().push((hash, key.into()));
            }
        })?;
        Ok(())
    }

    fn late_rows(&self) -> u64 {
        self.late
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        Ok(self.table.evict()?)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{StringArray, TimestampMillisecondArray};
    use millstream_functions::RowKind;
    use proptest::prelude::*;

    use super::*;
    use crate::harness::Harness;

    /// Number, partition, rowtime, what it is sorted by. Windows are 10 long.
    type Row = (i64, Option<&'static str>, i64, Option<i64>);

    fn end_of(time: i64) -> i64 {
        time - time.rem_euclid(10) + 10
    }

    fn table(rows: &[Row]) -> RecordBatch {
        let times = |time: fn(i64) -> i64| -> ArrayRef {
            let times = rows.iter().map(|row| time(row.2));
            Arc::new(TimestampMillisecondArray::from_iter_values(times))
        };
        RecordBatch::try_from_iter_with_nullable([
            (
                "id",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))) as ArrayRef,
                false,
            ),
            (
                "k",
                Arc::new(StringArray::from_iter(rows.iter().map(|r| r.1))) as _,
                true,
            ),
            ("ts", times(|time| time), false),
            (
                "v",
                Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.3))) as _,
                true,
            ),
            ("window_end", times(end_of), false),
        ])
        .unwrap()
    }

    fn spec(partition: Vec<usize>, start: u64, end: u64) -> WindowTopNSpec {
        WindowTopNSpec {
            partition,
            window_end: 4,
            order: vec![SortColumn::ascending(3)],
            start,
            end,
            with_rank: true,
            last_of_peers: false,
        }
    }

    fn harness(rows: &[Row], spec: WindowTopNSpec, delay: i64) -> Harness<'static> {
        let rows = table(rows);
        let (schema, key) = (rows.schema(), spec.partition.clone());
        Harness::with_delay(
            move |context| {
                let schema = Arc::clone(&schema);
                Ok(Box::new(WindowTopN::new(context, schema, &spec)?))
            },
            &key,
            rows,
            2,
            delay,
        )
        .unwrap()
    }

    const ROWS: [Row; 9] = [
        (1, Some("a"), 5, Some(4)),
        (2, Some("b"), 6, Some(4)),
        (3, Some("a"), 9, Some(2)),
        (4, Some("a"), 3, Some(4)), // a peer that came later
        (5, Some("a"), 12, None),
        (6, Some("a"), 9, Some(0)), // late
        (7, Some("b"), 18, Some(1)),
        (8, Some("a"), 11, Some(1)),
        (9, None, 13, Some(1)),
    ];

    #[test]
    fn the_best_rows_of_a_window_come_out_when_it_closes() {
        assert_eq!(
            harness(&ROWS, spec(vec![], 1, 3), 1).check(8),
            [
                "+I[3, a, 9, 2, 10, 1]",
                "+I[1, a, 5, 4, 10, 2]",
                "+I[2, b, 6, 4, 10, 3]",
                "+I[5, a, 12, null, 20, 1]",
                "+I[7, b, 18, 1, 20, 2]",
                "+I[8, a, 11, 1, 20, 3]",
            ]
        );
        assert_eq!(
            harness(&ROWS, spec(vec![], 3, 3), 1).check(4),
            ["+I[2, b, 6, 4, 10, 3]", "+I[8, a, 11, 1, 20, 3]"]
        );
    }

    #[test]
    fn every_partition_has_its_own_numbers() {
        let mut out = harness(&ROWS, spec(vec![1], 1, 1), 1).check(8);
        out.sort();
        assert_eq!(
            out,
            [
                "+I[2, b, 6, 4, 10, 1]",
                "+I[3, a, 9, 2, 10, 1]",
                "+I[5, a, 12, null, 20, 1]",
                "+I[7, b, 18, 1, 20, 1]",
                "+I[9, null, 13, 1, 20, 1]",
            ]
        );
    }

    #[test]
    fn deduplication_keeps_the_first_or_the_last_row_by_rowtime() {
        let rows = [
            (1, Some("a"), 5, None),
            (2, Some("a"), 3, None),
            (3, Some("a"), 3, None),
            (4, Some("a"), 5, None),
        ];
        let first = WindowTopNSpec {
            order: vec![SortColumn::ascending(2)],
            with_rank: false,
            ..spec(vec![1], 1, 1)
        };
        assert_eq!(
            harness(&rows, first.clone(), 1).check(4),
            ["+I[2, a, 3, null, 10]"]
        );
        let last = WindowTopNSpec {
            order: vec![SortColumn::descending(2)],
            last_of_peers: true,
            ..first
        };
        assert_eq!(harness(&rows, last, 1).check(4), ["+I[4, a, 5, null, 10]"]);
    }

    #[test]
    fn updates_are_refused() {
        let rows = table(&ROWS[..1]);
        let schema = rows.schema();
        let harness = Harness::changelog(
            move |context| {
                let schema = Arc::clone(&schema);
                Ok(Box::new(WindowTopN::new(
                    context,
                    schema,
                    &spec(vec![], 1, 1),
                )?))
            },
            &[],
            rows,
            vec![RowKind::Delete],
        );
        let error = harness.run(1).unwrap_err().to_string();
        assert!(error.contains("without the window"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Every row and every watermark in turn; windows are sorted when they close.
        #[test]
        fn it_agrees_with_the_definition(
            drawn in prop::collection::vec((0..3usize, 0..25i64, prop::option::of(0..5i64)), 1..60),
            (start, more) in (1..3u64, 0..3u64),
            (partitioned, last_of_peers) in any::<(bool, bool)>(),
            delay in 0..12i64,
            seed: u64,
        ) {
            let names = [None, Some("a"), Some("b")];
            let rows: Vec<Row> = drawn
                .into_iter()
                .enumerate()
                .map(|(i, (k, jitter, v))| (i as i64, names[k], i as i64 + jitter, v))
                .collect();
            let mut taken: Vec<Row> = Vec::new();
            let mut watermark = i64::MIN;
            for &row in &rows {
                if end_of(row.2) - 1 > watermark {
                    taken.push(row);
                }
                if row.2 - delay > watermark.max(0) {
                    watermark = row.2 - delay;
                }
            }
            let mut windows: BTreeMap<(i64, Option<&str>), Vec<Row>> = BTreeMap::new();
            for row in taken {
                let key = if partitioned { row.1 } else { None };
                windows.entry((end_of(row.2), key)).or_default().push(row);
            }
            let mut expected = Vec::new();
            for ((end, _), mut rows) in windows {
                if last_of_peers {
                    rows.reverse();
                }
                rows.sort_by_key(|row| row.3);
                let wanted = rows.iter().enumerate().take((start + more) as usize);
                for (at, row) in wanted.skip(start as usize - 1) {
                    let v = row.3.map_or("null".to_owned(), |v| v.to_string());
                    let k = row.1.unwrap_or("null");
                    expected.push(format!(
                        "+I[{}, {k}, {}, {v}, {end}, {}]", row.0, row.2, at + 1
                    ));
                }
            }
            expected.sort();
            let partition = if partitioned { vec![1] } else { vec![] };
            let spec = WindowTopNSpec { last_of_peers, ..spec(partition, start, start + more) };
            let harness = harness(&rows, spec, delay);
            let mut got = harness.run(6).unwrap();
            got.sort();
            prop_assert_eq!(&got, &expected);
            prop_assert_eq!(&harness.run_killed(seed).unwrap(), &expected);
        }
    }
}
