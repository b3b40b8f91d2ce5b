//! OVER aggregate in event time of any functions: with DISTINCT, of values that do not fit into words.
//!
//! Computes what [`over_aggregate`](crate::over_aggregate) does for one frame, with whole accumulators
//! (see [`proctime_over`](crate::proctime_over)): a value counts while a row of the frame has it. A row comes
//! out when the watermark reaches its rowtime; rows that come out together are in the order of rowtimes.
//! With a RANGE, rows of one rowtime are peers and share a result.
//!
//! **Late rows**, as there: an unbounded frame drops a row at or below the watermark, a bounded one a row at
//! or below the rowtime it last computed for the key.
//!
//! **State** per key: the accumulators and the rows in the frame, for ever. Rows that wait for the
//! watermark are written at a checkpoint.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use millstream_functions::window::Frame;
use millstream_state::codec::Reader;
use millstream_state::codec::{put_bytes, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::aggregates::results::ResultColumn;
use crate::batch::{Batch, Watermark};
use crate::changelog::insert_only;
use crate::group_aggregate::whole::Functions;
use crate::keys::KeyEncoder;
use crate::operator::{
    Operator, OperatorContext, OperatorError, Output, load_watermark, save_watermark,
};
use crate::over_aggregate::OverSpec;
use crate::pending::{PendingRow, PendingRows};
use crate::proctime_over::{Partition, misfit};
use crate::time::rowtime_millis;

/// The OVER aggregate. See the [module](self).
#[derive(Debug)]
pub struct GeneralOver {
    frame: Frame,
    rowtime: usize,
    rowtime_name: String,
    output: SchemaRef,
    keys: KeyEncoder,
    functions: Functions,
    table: KeyedTable<Computed>,
    pending: PendingRows,
    ripe: Vec<PendingRow>,
    results: Vec<ResultColumn>,
    watermark: i64,
    late: u64,
}

impl GeneralOver {
    /// The operator over rows of `input`, which gives rows of `output`: the input's columns and the
    /// calls. `spec` has one frame.
    pub fn with_schema(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &OverSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        let [group] = spec.groups.as_slice() else {
            return Err(OperatorError::Row(
                "this OVER has one frame; this is an error in the plan, please report the \
                 query"
                    .to_owned(),
            ));
        };
        let bounded = !matches!(group.frame, Frame::Range(None) | Frame::Rows(None));
        let functions = Functions::new(&input, &group.calls, bounded, false)?;
        Ok(Self {
            frame: group.frame,
            rowtime: spec.order,
            rowtime_name: input.field(spec.order).name().clone(),
            output,
            keys: KeyEncoder::new(&input, &spec.partition)?,
            results: functions.columns()?,
            functions,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            pending: PendingRows::new(context, "rows", input)?,
            ripe: Vec::new(),
            watermark: i64::MIN,
            late: 0,
        })
    }

    /// Computes the rows that are due at `watermark`.
    fn fire(&mut self, watermark: i64, out: &mut Output) -> Result<(), OperatorError> {
        self.watermark = self.watermark.max(watermark);
        let mut ripe = std::mem::take(&mut self.ripe);
        self.pending
            .take_ripe(watermark, &mut self.table, &mut ripe)?;
        if ripe.is_empty() {
            return Ok(());
        }
        let at: Vec<_> = ripe.iter().map(|row| row.at).collect();
        let mut ingest_micros = i64::MAX;
        for &at in &at {
            ingest_micros = ingest_micros.min(self.pending.batch(at)?.ingest_micros);
        }
        let rows = self.pending.gather(&at)?;
        let mut arguments = self.functions.arguments(&rows)?;
        let mut scratch = Vec::new();
        let range = matches!(self.frame, Frame::Range(_));
        let mut row = 0;
        for peers in ripe.chunk_by(|a, b| range && a.time == b.time) {
            for (i, peer) in peers.iter().enumerate() {
                let state = self.table.get_mut(peer.slot);
                state.last = peer.time;
                let arguments = (&mut arguments, row + i);
                let functions = &self.functions;
                let partition = &mut state.partition;
                partition
                    .take(self.frame, functions, arguments, peer.time, &mut scratch)
                    .map_err(|()| misfit(self.table.uid()))?;
            }
            for peer in peers {
                let partition = &self.table.get(peer.slot).partition;
                partition.emit(&self.functions, &mut self.results);
            }
            row += peers.len();
        }
        let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
        for result in &mut self.results {
            columns.push(result.finish()?);
        }
        let rows = RecordBatch::try_new(Arc::clone(&self.output), columns)?;
        out.emit(Batch::append(rows, ingest_micros));
        self.pending.release(at);
        self.ripe = ripe;
        Ok(())
    }
}

impl Operator for GeneralOver {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        insert_only(&batch, "OVER", "aggregate before the update")?;
        let times = rowtime_millis(batch.rows.column(self.rowtime), &self.rowtime_name)?;
        let unbounded = matches!(self.frame, Frame::Range(None) | Frame::Rows(None));
        let mut before = self.watermark.max(batch.watermark_before.0);
        // A row that may be late is judged after all rows before it were computed: batches are taken
        // in up to such a row.
        let mut start = 0;
        while start < batch.len() {
            let keys = self
                .keys
                .encode(&batch.rows.slice(start, batch.len() - start))?;
            let mut slots: Vec<Slot> = Vec::new();
            self.table
                .slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
            let rest = batch.rows.slice(start, batch.len() - start);
            self.pending
                .begin(rest, keys, Vec::new(), batch.ingest_micros);
            let mut stopped = None;
            for (i, &slot) in slots.iter().enumerate() {
                let (row, time) = (start + i, times[start + i]);
                if time <= before {
                    if !unbounded && i > 0 {
                        stopped = Some(row);
                        break;
                    }
                    if !unbounded {
                        self.pending.end();
                        self.fire(before, out)?;
                        let rest = batch.rows.slice(row, batch.len() - row);
                        let keys = self.keys.encode(&rest)?;
                        self.pending
                            .begin(rest, keys, Vec::new(), batch.ingest_micros);
                    }
                    let last = self.table.is_live(slot).then(|| self.table.get(slot).last);
                    if unbounded || last.is_some_and(|last| time <= last) {
                        self.late += 1;
                    } else {
                        self.pending.add(i, time, time, slot, 0);
                    }
                } else {
                    self.pending.add(i, time, time, slot, 0);
                }
                if let Some(watermarks) = &batch.watermarks {
                    before = before.max(watermarks[row]);
                }
            }
            self.pending.end();
            start = stopped.unwrap_or(batch.len());
        }
        Ok(())
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        if watermark.0 <= self.watermark {
            return Ok(());
        }
        self.fire(watermark.0, out)
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        self.pending.invalidate_slots();
        self.pending.snapshot(epoch)?;
        Ok(save_watermark(self.watermark))
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.watermark = load_watermark(former)?;
        self.pending
            .restore(&self.keys, &mut self.table, |_| Vec::new())
    }

    fn late_rows(&self) -> u64 {
        self.late
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        self.pending.compact(&self.keys, |_| Vec::new())?;
        self.pending.invalidate_slots();
        self.pending.evict()?;
        Ok(self.table.evict()?)
    }
}

/// What is kept of a key.
#[derive(Debug)]
struct Computed {
    partition: Partition,
    /// The rowtime of the last row that was computed.
    last: i64,
}

impl Default for Computed {
    fn default() -> Self {
        Self {
            partition: Partition::default(),
            last: i64::MIN,
        }
    }
}

impl StateValue for Computed {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_zigzag(out, self.last);
        let mut partition = Vec::new();
        self.partition.encode(&mut partition);
        put_bytes(out, &partition);
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let last = reader.zigzag()?;
        let partition = Partition::decode(reader.bytes()?)?;
        reader.finish()?;
        Ok(Self { partition, last })
    }

    fn heap_size(&self) -> usize {
        self.partition.heap_size()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arrow::array::{Int32Array, Int64Array, ListArray, StringArray, TimestampMillisecondArray};
    use arrow::datatypes::Int64Type;
    use millstream_functions::aggregate::AggregateKind;
    use proptest::prelude::*;

    use super::*;
    use crate::aggregates::AggregateCall;
    use crate::harness::Harness;
    use crate::over_aggregate::OverGroup;

    /// id, key, ts, value.
    type Row = (i64, &'static str, i64, Option<i32>);

    fn harness(rows: &[Row], frame: Frame, delay: i64) -> Harness<'static> {
        let input = RecordBatch::try_from_iter_with_nullable([
            (
                "id",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))) as ArrayRef,
                false,
            ),
            (
                "k",
                Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.1))) as _,
                true,
            ),
            (
                "ts",
                Arc::new(TimestampMillisecondArray::from_iter_values(
                    rows.iter().map(|r| r.2),
                )) as _,
                false,
            ),
            (
                "v",
                Arc::new(Int32Array::from_iter(rows.iter().map(|r| r.3))) as _,
                true,
            ),
        ])
        .unwrap();
        let schema = input.schema();
        Harness::with_delay(
            move |context: &OperatorContext| {
                let call = |kind| AggregateCall::new(kind, vec![3], &schema);
                let spec = OverSpec {
                    partition: vec![1],
                    order: 2,
                    groups: vec![OverGroup {
                        frame,
                        calls: vec![
                            call(AggregateKind::Count)?.with_distinct(),
                            call(AggregateKind::Sum)?,
                        ],
                    }],
                };
                let names = ["d".to_owned(), "s".to_owned()];
                let output = spec.output_schema(&schema, &names);
                let input = Arc::clone(&schema);
                let over = GeneralOver::with_schema(context, input, &spec, output)?;
                Ok(Box::new(over) as Box<dyn Operator>)
            },
            &[1],
            input,
            2,
            delay,
        )
        .unwrap()
    }

    #[test]
    fn a_bounded_frame_keeps_a_late_row_that_its_key_has_not_passed() {
        let rows = [
            (1, "a", 1_000, Some(1)),
            (2, "a", 9_000, Some(1)),
            (3, "b", 12_000, Some(2)),
            (4, "a", 5_000, Some(7)),
            (5, "a", 8_999, Some(8)),
            (6, "a", 30_000, Some(1)),
            (7, "b", 13_000, Some(2)),
        ];
        let run = |frame| harness(&rows, frame, 1_000).run(3).unwrap();
        assert_eq!(
            run(Frame::Rows(Some(1))),
            [
                "+I[1, a, 1000, 1, 1, 1]",
                "+I[2, a, 9000, 1, 1, 2]",
                "+I[3, b, 12000, 2, 1, 2]",
                "+I[7, b, 13000, 2, 1, 4]",
                "+I[6, a, 30000, 1, 1, 2]",
            ]
        );
        assert_eq!(
            run(Frame::Rows(None)),
            [
                "+I[1, a, 1000, 1, 1, 1]",
                "+I[2, a, 9000, 1, 1, 2]",
                "+I[3, b, 12000, 2, 1, 2]",
                "+I[6, a, 30000, 1, 1, 3]",
            ]
        );
    }

    #[test]
    fn lists_come_back_as_they_went_in() {
        let lists = vec![
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
            Some(vec![Some(4)]),
        ];
        let input = RecordBatch::try_from_iter_with_nullable([
            (
                "k",
                Arc::new(Int64Array::from(vec![1, 1, 1, 2])) as ArrayRef,
                false,
            ),
            (
                "ts",
                Arc::new(TimestampMillisecondArray::from(vec![10, 20, 30, 40])) as _,
                false,
            ),
            (
                "v",
                Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists)) as _,
                true,
            ),
        ])
        .unwrap();
        let schema = input.schema();
        let harness = Harness::new(
            move |context: &OperatorContext| {
                let spec = OverSpec {
                    partition: vec![0],
                    order: 1,
                    groups: vec![OverGroup {
                        frame: Frame::Range(None),
                        calls: vec![
                            AggregateCall::new(AggregateKind::Lag, vec![2], &schema)?,
                            AggregateCall::new(AggregateKind::Count, vec![], &schema)?,
                        ],
                    }],
                };
                let names = ["lag".to_owned(), "n".to_owned()];
                let output = spec.output_schema(&schema, &names);
                let input = Arc::clone(&schema);
                let over = GeneralOver::with_schema(context, input, &spec, output)?;
                Ok(Box::new(over) as Box<dyn Operator>)
            },
            &[0],
            input,
            vec![i64::MIN, 15, 25, 35],
        );
        let expected = [
            "+I[1, 10, [1, null], null, 1]",
            "+I[1, 20, null, [1, null], 2]",
            "+I[1, 30, [], null, 3]",
            "+I[2, 40, [4], null, 1]",
        ];
        assert_eq!(harness.run(2).unwrap(), expected);
        for seed in 0..20 {
            assert_eq!(harness.run_killed(seed).unwrap(), expected, "seed {seed}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn frames_are_those_of_the_definition_whatever_happens(
            drawn in prop::collection::vec((0i64..60, 0usize..3, prop::option::of(0i32..4)), 1..50),
            kind in 0usize..4,
            seed: u64,
        ) {
            let frame = [
                Frame::Rows(None),
                Frame::Rows(Some(2)),
                Frame::Range(None),
                Frame::Range(Some(25)),
            ][kind];
            let keys = ["a", "b", "c"];
            let rows: Vec<Row> = drawn
                .iter()
                .enumerate()
                .map(|(i, (jitter, key, v))| (i as i64, keys[*key], 10 + i as i64 * 10 + jitter, *v))
                .collect();
            let mut expected = Vec::new();
            for (id, key, ts, v) in &rows {
                let mut before: Vec<&Row> = rows
                    .iter()
                    .filter(|r| r.1 == *key && (r.2, r.0) <= (*ts, *id))
                    .collect();
                before.sort_by_key(|r| (r.2, r.0));
                let inside: Vec<&Row> = match frame {
                    Frame::Rows(None) => before,
                    Frame::Rows(Some(n)) => before.into_iter().rev().take(n as usize + 1).collect(),
                    Frame::Range(p) => rows
                        .iter()
                        .filter(|r| r.1 == *key && r.2 <= *ts && p.is_none_or(|p| r.2 >= ts - p))
                        .collect(),
                };
                let values: Vec<i32> = inside.iter().filter_map(|r| r.3).collect();
                let distinct: BTreeSet<i32> = values.iter().copied().collect();
                let text = |value: Option<i32>| value.map_or("null".to_owned(), |v| v.to_string());
                let sum = (!values.is_empty()).then(|| values.iter().sum());
                let (d, s, v) = (distinct.len(), text(sum), text(*v));
                expected.push(format!("+I[{id}, {key}, {ts}, {v}, {d}, {s}]"));
            }
            expected.sort();
            let harness = harness(&rows, frame, 60);
            let mut whole = harness.run(7).unwrap();
            whole.sort();
            prop_assert_eq!(&whole, &expected);
            prop_assert_eq!(&harness.run_killed(seed).unwrap(), &expected);
        }
    }
}
