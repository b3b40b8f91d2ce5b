//! Session window table function: each row with the session that it is part of.
//!
//! Computes, for every session of a key, its rows with `window_start`, `window_end` and `window_time`
//! behind their columns, in the order they came, when the watermark reaches the session's last
//! millisecond: only then is it known where the session begins and ends. Sessions merge as in
//! [`group_window_aggregate`](crate::group_window_aggregate), and a row whose session has ended is
//! dropped as late. Without `PARTITION BY` there are sessions of all rows together. Row kinds go
//! along.
//!
//! **State** per key: the rows of its open sessions.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use millstream_functions::RowKind;
use millstream_state::codec::{Reader, put_bytes, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::batch::{Batch, Watermark};
use crate::changelog::RowCodec;
use crate::group_window_aggregate::{OpenWindow, session, window_columns};
use crate::keys::KeyEncoder;
use crate::operator::{
    Operator, OperatorContext, OperatorError, Output, load_watermark, save_watermark,
};
use crate::time::rowtime_millis;
use crate::timers::Timers;

/// The most rows of an emitted batch.
const BATCH_ROWS: usize = 8192;

/// What a [`SessionWindow`] computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSpec {
    /// `PARTITION BY`; may be empty.
    pub partition: Vec<usize>,
    /// The rowtime column.
    pub rowtime: usize,
    /// How long nothing comes before a session ends, in milliseconds; above 0.
    pub gap: i64,
}

/// Adds its session to every row. See the [module](self).
#[derive(Debug)]
pub struct SessionWindow {
    spec: SessionSpec,
    rowtime_name: String,
    output: SchemaRef,
    keys: KeyEncoder,
    codec: RowCodec,
    table: KeyedTable<KeySessions>,
    /// The keys that have a session that ends then.
    timers: Timers,
    watermark: i64,
    late: u64,
    emission: Emission,
}

/// The rows of sessions that have ended.
#[derive(Debug, Default)]
struct Emission {
    rows: Vec<KeptRow>,
    windows: Vec<(i64, i64)>,
    ingest_micros: i64,
}

impl SessionWindow {
    /// The function over rows of `input`, which gives rows of `output`: the input's columns and the
    /// window's start, end and time.
    pub fn with_schema(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &SessionSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        if spec.gap <= 0 {
            return Err(OperatorError::Row(
                "a session's gap must be above 0".to_owned(),
            ));
        }
        Ok(Self {
            spec: spec.clone(),
            rowtime_name: input.field(spec.rowtime).name().clone(),
            output,
            keys: KeyEncoder::new(&input, &spec.partition)?,
            codec: RowCodec::new(input, "a session window")?,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            timers: Timers::default(),
            watermark: i64::MIN,
            late: 0,
            emission: Emission::default(),
        })
    }

    /// Takes out all sessions that are due at `watermark`.
    fn fire(&mut self, watermark: i64) -> Result<(), OperatorError> {
        while let Some((end, due)) = self.timers.take_due(watermark) {
            let mut slots: Vec<Slot> = Vec::with_capacity(due.len());
            self.table.slots(due.hashes(), |i| due.key(i), &mut slots)?;
            for &slot in &slots {
                // A session may have merged into one that ends later, or be listed twice.
                if !self.table.is_live(slot) {
                    continue;
                }
                let open = &mut self.table.get_mut(slot).open;
                let (ended, rest): (Vec<_>, Vec<_>) =
                    std::mem::take(open).into_iter().partition(|w| w.end == end);
                *open = rest;
                let over = open.is_empty();
                for window in ended {
                    let emission = &mut self.emission;
                    let count = emission.windows.len() + window.content.len();
                    emission.windows.resize(count, (window.start, window.end));
                    emission.rows.extend(window.content);
                }
                if over {
                    self.table.remove(slot);
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        let emission = std::mem::take(&mut self.emission);
        let count = emission.rows.len();
        self.emission.ingest_micros = emission.ingest_micros;
        if count == 0 {
            return Ok(());
        }
        let rows = self
            .codec
            .decode(emission.rows.iter().map(|row| &*row.row))?;
        let mut columns = rows.columns().to_vec();
        columns.extend(window_columns(
            &self.output,
            columns.len(),
            &emission.windows,
        ));
        let rows = RecordBatch::try_new(Arc::clone(&self.output), columns)?;
        let mut batch = Batch::append(rows, emission.ingest_micros);
        if emission.rows.iter().any(|row| row.kind != 0) {
            let kind = |row: &KeptRow| RowKind::from_byte(row.kind).unwrap_or_default();
            batch.kinds = Some(emission.rows.iter().map(kind).collect());
        }
        for offset in (0..count).step_by(BATCH_ROWS) {
            out.emit(batch.slice(offset, BATCH_ROWS.min(count - offset)));
        }
        Ok(())
    }
}

impl Operator for SessionWindow {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let times = rowtime_millis(batch.rows.column(self.spec.rowtime), &self.rowtime_name)?;
        let keys = self.keys.encode(&batch.rows)?;
        let encoded = self.codec.encode(&batch.rows)?;
        let mut slots: Vec<Slot> = Vec::new();
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
        self.emission.ingest_micros = batch.ingest_micros;
        let mut before = self.watermark.max(batch.watermark_before.0);
        for (row, &slot) in slots.iter().enumerate() {
            if self.timers.is_due(before) {
                self.fire(before)?;
            }
            let open = &mut self.table.get_mut(slot).open;
            let own = (times[row], times[row] + self.spec.gap);
            match session(open, own, before, Vec::new, |into, later| {
                into.extend(later)
            }) {
                Some(at) => {
                    let window = &mut open[at];
                    window.content.push(KeptRow {
                        kind: batch.kind(row) as u8,
                        row: encoded.row(row).data().into(),
                    });
                    if window.listed != Some(window.end) {
                        window.listed = Some(window.end);
                        let (hash, key) = (keys.hashes()[row], keys.key(row));
                        self.timers.add(window.end, hash, key);
                    }
                }
                None => {
                    self.late += 1;
                    if open.is_empty() {
                        self.table.remove(slot);
                    }
                }
            }
            if let Some(watermarks) = &batch.watermarks {
                before = before.max(watermarks[row]);
            }
        }
        self.flush(out)
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        if watermark.0 <= self.watermark {
            return Ok(());
        }
        self.fire(watermark.0)?;
        self.watermark = watermark.0;
        self.flush(out)
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        Ok(save_watermark(self.watermark))
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.watermark = load_watermark(former)?;
        let (timers, keys) = (&mut self.timers, &self.keys);
        self.table.for_each(|key, state| {
            for window in &state.open {
                timers.add(window.end, keys.hash_of(key), key);
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

/// A row of an open session.
#[derive(Debug)]
struct KeptRow {
    kind: u8,
    row: Box<[u8]>,
}

/// The open sessions of one key, by their start.
#[derive(Debug, Default)]
struct KeySessions {
    open: Vec<OpenWindow<Vec<KeptRow>>>,
}

impl StateValue for KeySessions {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_varint(out, self.open.len() as u64);
        for window in &self.open {
            put_zigzag(out, window.start);
            put_zigzag(out, window.end);
            put_varint(out, window.content.len() as u64);
            for row in &window.content {
                out.push(row.kind);
                put_bytes(out, &row.row);
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let mut open = Vec::new();
        for _ in 0..reader.varint()? {
            let window = (reader.zigzag()?, reader.zigzag()?);
            let mut rows = Vec::new();
            for _ in 0..reader.varint()? {
                rows.push(KeptRow {
                    kind: reader.u8()?,
                    row: reader.bytes()?.into(),
                });
            }
            open.push(OpenWindow::new(window, rows));
        }
        reader.finish()?;
        Ok(Self { open })
    }

    fn heap_size(&self) -> usize {
        let rows = self.open.iter().flat_map(|w| &w.content);
        rows.map(|row| size_of::<KeptRow>() + row.row.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray};
    use arrow::datatypes::{Field, Schema};
    use proptest::prelude::*;

    use super::*;
    use crate::harness::Harness;
    use crate::window_aggregate::window_fields;

    type Row = (i64, Option<&'static str>, i64);

    fn table(rows: &[Row]) -> RecordBatch {
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
            (
                "ts",
                Arc::new(TimestampMillisecondArray::from_iter_values(
                    rows.iter().map(|r| r.2),
                )) as _,
                false,
            ),
        ])
        .unwrap()
    }

    fn harness(rows: &[Row], partition: &[usize], gap: i64, delay: i64) -> Harness<'static> {
        let input = table(rows);
        let mut fields: Vec<Arc<Field>> = input.schema().fields().iter().cloned().collect();
        fields.extend(window_fields());
        let output = Arc::new(Schema::new(fields));
        let (schema, spec) = (
            input.schema(),
            SessionSpec {
                partition: partition.to_vec(),
                rowtime: 2,
                gap,
            },
        );
        Harness::with_delay(
            move |context: &OperatorContext| {
                let (schema, output) = (Arc::clone(&schema), Arc::clone(&output));
                let session = SessionWindow::with_schema(context, schema, &spec, output)?;
                Ok(Box::new(session) as Box<dyn Operator>)
            },
            partition,
            input,
            2,
            delay,
        )
        .unwrap()
    }

    #[test]
    fn rows_come_with_the_whole_session_of_their_key() {
        let rows = [
            (1, Some("a"), 1_000),
            (2, Some("b"), 2_000),
            (3, Some("a"), 9_900),
            (4, Some("a"), 12_000),
            (5, Some("a"), 8_000),
            (6, Some("b"), 11_000),
            (7, None, 25_000),
            (8, Some("a"), 3_000),
        ];
        let harness = harness(&rows, &[1], 4_000, 1_000);
        let mut all = harness.run(3).unwrap();
        all.sort();
        // Row 5 touches the open session of 3 and 4, row 8 comes when its session is over.
        assert_eq!(
            all,
            [
                "+I[1, a, 1000, 1000, 5000, 4999]",
                "+I[2, b, 2000, 2000, 6000, 5999]",
                "+I[3, a, 9900, 8000, 16000, 15999]",
                "+I[4, a, 12000, 8000, 16000, 15999]",
                "+I[5, a, 8000, 8000, 16000, 15999]",
                "+I[6, b, 11000, 11000, 15000, 14999]",
                "+I[7, null, 25000, 25000, 29000, 28999]",
            ]
        );
    }

    /// All rows' sessions when nothing is late.
    fn sessions(rows: &[Row], by_key: bool, gap: i64) -> Vec<String> {
        let mut of_key: BTreeMap<Option<&str>, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            let key = row.1.filter(|_| by_key);
            of_key.entry(key).or_default().push(row);
        }
        let mut out = Vec::new();
        for rows in of_key.values_mut() {
            rows.sort_by_key(|row| row.2);
            for part in rows.chunk_by(|a, b| b.2 - a.2 <= gap) {
                let (start, end) = (part[0].2, part[part.len() - 1].2 + gap);
                out.extend(part.iter().map(|(id, k, ts)| {
                    let k = k.unwrap_or("null");
                    format!("+I[{id}, {k}, {ts}, {start}, {end}, {}]", end - 1)
                }));
            }
        }
        out.sort();
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn sessions_are_those_of_the_definition_whatever_happens(
            times in prop::collection::vec((0i64..60, 0usize..4), 1..60),
            by_key: bool,
            seed: u64,
        ) {
            let keys = [Some("a"), Some("b"), Some("c"), None];
            let rows: Vec<Row> = times
                .iter()
                .enumerate()
                .map(|(i, (jitter, key))| (i as i64, keys[*key], i as i64 * 10 + jitter))
                .collect();
            let partition: &[usize] = if by_key { &[1] } else { &[] };
            let harness = harness(&rows, partition, 25, 60);
            let expected = sessions(&rows, by_key, 25);
            let mut whole = harness.run(7).unwrap();
            whole.sort();
            prop_assert_eq!(&whole, &expected);
            prop_assert_eq!(&harness.run_killed(seed).unwrap(), &expected);
        }
    }
}
