//! OVER aggregate in processing time: `… OVER (PARTITION BY k ORDER BY proctime)`.
//!
//! Computes for every row, as it comes, the functions of the rows of its key in the frame: all so far, the
//! last `n` and itself, or those that came within so many milliseconds. With a RANGE, rows that come
//! together are peers and share a result. The output is inserts, in the order of the input; nothing waits
//! and nothing is late.
//!
//! Rows that leave the frame are taken back before those that come are added, as in Flink, so floating point
//! sums carry the same rounding with them.
//!
//! **State** per key: the accumulators, and the rows in the frame. With a TTL, or a RANGE that has gone
//! by, until the key was not written for so long.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use millstream_functions::window::Frame;
use millstream_state::codec::{Reader, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::aggregates::AggregateCall;
use crate::aggregates::results::ResultColumn;
use crate::batch::Batch;
use crate::changelog::insert_only;
use crate::group_aggregate::whole::{Arguments, Functions, RowArguments, Whole};
use crate::keys::KeyEncoder;
use crate::operator::{Operator, OperatorContext, OperatorError, Output};
use crate::retention::Retention;

/// What a [`ProctimeOver`] computes.
#[derive(Debug, Clone, PartialEq)]
pub struct ProctimeOverSpec {
    /// `PARTITION BY`; may be empty.
    pub partition: Vec<usize>,
    /// The frame.
    pub frame: Frame,
    /// The functions.
    pub calls: Vec<AggregateCall>,
    /// State TTL in milliseconds.
    pub ttl_millis: Option<i64>,
}

/// The OVER aggregate. See the [module](self).
#[derive(Debug)]
pub struct ProctimeOver {
    frame: Frame,
    output: SchemaRef,
    keys: KeyEncoder,
    functions: Functions,
    retention: Retention,
    table: KeyedTable<Partition>,
    results: Vec<ResultColumn>,
}

impl ProctimeOver {
    /// The operator over rows of `input`, which gives rows of `output`: the input's columns and the
    /// calls.
    pub fn with_schema(
        context: &OperatorContext,
        input: &SchemaRef,
        spec: &ProctimeOverSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        let bounded = !matches!(spec.frame, Frame::Range(None) | Frame::Rows(None));
        let functions = Functions::new(input, &spec.calls, bounded, false)?;
        // A partition whose rows have all left a RANGE is as one without rows.
        let ttl_millis = match spec.frame {
            Frame::Range(Some(millis)) => Some(millis.saturating_add(1)),
            _ => spec.ttl_millis,
        };
        Ok(Self {
            frame: spec.frame,
            output,
            keys: KeyEncoder::new(input, &spec.partition)?,
            results: functions.columns()?,
            functions,
            retention: Retention::new(ttl_millis, &context.clock),
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
        })
    }
}

impl Operator for ProctimeOver {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        insert_only(&batch, "OVER", "aggregate before the update")?;
        let keys = self.keys.encode(&batch.rows)?;
        let mut arguments = self.functions.arguments(&batch.rows)?;
        let mut slots: Vec<Slot> = Vec::new();
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
        let now = self.retention.now();
        let range = matches!(self.frame, Frame::Range(Some(_)));
        let mut scratch = Vec::new();
        // With a RANGE the rows of a batch are peers: all are taken in before the first result.
        let mut passes = vec![true];
        if range {
            passes.push(false);
        }
        for first in passes {
            for (row, &slot) in slots.iter().enumerate() {
                let expires = !range && self.table.is_live(slot);
                if expires && self.retention.is_expired(self.table.get(slot).written, now) {
                    self.table.remove(slot);
                }
                let functions = &self.functions;
                if first {
                    let state = self.table.get_mut(slot);
                    state.written = now;
                    let arguments = (&mut arguments, row);
                    state
                        .take(self.frame, functions, arguments, now, &mut scratch)
                        .map_err(|()| misfit(self.table.uid()))?;
                }
                if !range || !first {
                    self.table.get(slot).emit(functions, &mut self.results);
                }
            }
        }
        let mut columns: Vec<ArrayRef> = batch.rows.columns().to_vec();
        for result in &mut self.results {
            columns.push(result.finish()?);
        }
        let rows = RecordBatch::try_new(Arc::clone(&self.output), columns)?;
        out.emit(batch.with_rows(rows));
        Ok(())
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        Ok(Vec::new())
    }

    fn tick(&mut self, now: i64, _: &mut Output) -> Result<(), OperatorError> {
        if self.retention.sweep_is_due(now) {
            let keys = &self.keys;
            let hash_of = |key: &[u8]| keys.hash_of(key);
            self.retention
                .sweep(&mut self.table, now, hash_of, |kept| kept.written)?;
        }
        Ok(())
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        Ok(self.table.evict()?)
    }
}

/// Says that a state belongs to other functions.
pub(crate) fn misfit(uid: &str) -> OperatorError {
    OperatorError::Restore(format!(
        "the state of operator {uid} was written for other aggregates; start with --fresh, or give \
         the node a new id"
    ))
}

/// The rows of one key that are in the frame, and their accumulators.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    whole: Option<Whole>,
    /// The time of each row, and its arguments.
    rows: VecDeque<(i64, RowArguments)>,
    /// When a row was taken in last; zero if none was.
    pub(crate) written: i64,
}

impl Partition {
    /// Takes in row `row` of time `now`, after those that leave the frame with it were taken back; fails if
    /// the accumulators are of other functions.
    pub(crate) fn take(
        &mut self,
        frame: Frame,
        functions: &Functions,
        (arguments, row): (&mut Arguments, usize),
        now: i64,
        scratch: &mut Vec<u64>,
    ) -> Result<(), ()> {
        let whole = self.whole.get_or_insert_with(|| functions.begin());
        if !functions.fit(whole) {
            return Err(());
        }
        let leaves = |time: i64, count: usize| match frame {
            Frame::Range(Some(millis)) => time.saturating_add(millis) < now,
            Frame::Rows(Some(rows)) => count as u64 > rows,
            Frame::Range(None) | Frame::Rows(None) => false,
        };
        while let Some((time, _)) = self.rows.front()
            && leaves(*time, self.rows.len())
        {
            if let Some((_, old)) = self.rows.pop_front() {
                functions.apply_kept(whole, &old, scratch, true);
            }
        }
        if matches!(frame, Frame::Range(Some(_)) | Frame::Rows(Some(_))) {
            let kept = functions.row(arguments, row);
            functions.apply_kept(whole, &kept, scratch, false);
            self.rows.push_back((now, kept));
        } else {
            functions.apply(whole, arguments, row, false);
        }
        Ok(())
    }

    /// Appends the results.
    pub(crate) fn emit(&self, functions: &Functions, results: &mut [ResultColumn]) {
        if let Some(whole) = &self.whole {
            functions.emit(whole, results);
        }
    }
}

impl StateValue for Partition {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_zigzag(out, self.written);
        put_varint(out, self.rows.len() as u64);
        for (time, row) in &self.rows {
            put_zigzag(out, *time);
            row.encode(out);
        }
        if let Some(whole) = &self.whole {
            whole.encode(out);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let written = reader.zigzag()?;
        let mut rows = VecDeque::new();
        for _ in 0..reader.varint()? {
            rows.push_back((reader.zigzag()?, RowArguments::decode(&mut reader)?));
        }
        let whole = match reader.is_empty() {
            true => None,
            false => Some(Whole::decode(&mut reader)?),
        };
        reader.finish()?;
        Ok(Self {
            whole,
            rows,
            written,
        })
    }

    fn heap_size(&self) -> usize {
        let rows: usize = self.rows.iter().map(|(_, row)| 40 + row.heap_size()).sum();
        rows + self.whole.as_ref().map_or(0, Whole::heap_size)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{Field, Schema};
    use millstream_functions::aggregate::AggregateKind;

    use super::*;
    use crate::harness::Harness;

    const ROWS: [(&str, i64); 6] = [("a", 1), ("b", 7), ("a", 2), ("a", 4), ("b", 1), ("a", 8)];
    const TIMES: [i64; 6] = [0, 1, 5, 10, 12, 16];

    fn check(frame: Frame, expected: &[&str]) {
        let input = RecordBatch::try_from_iter_with_nullable([
            (
                "k",
                Arc::new(StringArray::from_iter_values(ROWS.iter().map(|r| r.0))) as ArrayRef,
                true,
            ),
            (
                "v",
                Arc::new(Int64Array::from_iter_values(ROWS.iter().map(|r| r.1))) as _,
                true,
            ),
        ])
        .unwrap();
        let schema = input.schema();
        let harness = Harness::new(
            move |context: &OperatorContext| {
                let call = |kind| AggregateCall::new(kind, vec![1], &schema);
                let calls = vec![call(AggregateKind::Sum)?, call(AggregateKind::Max)?];
                let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
                fields.extend(calls.iter().enumerate().map(|(i, call)| {
                    let name = format!("over{i}");
                    Arc::new(Field::new(name, call.output_type.clone(), true))
                }));
                let spec = ProctimeOverSpec {
                    partition: vec![0],
                    frame,
                    calls,
                    ttl_millis: None,
                };
                let output = Arc::new(Schema::new(fields));
                let over = ProctimeOver::with_schema(context, &schema, &spec, output)?;
                Ok(Box::new(over) as Box<dyn Operator>)
            },
            &[0],
            input,
            vec![i64::MIN; ROWS.len()],
        )
        .with_clock(TIMES.to_vec());
        assert_eq!(harness.run(1).unwrap(), expected, "{frame}");
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        for seed in 0..20 {
            assert_eq!(
                harness.run_killed(seed).unwrap(),
                expected,
                "{frame}, {seed}"
            );
        }
    }

    #[test]
    fn frames_are_those_of_the_rows_that_came() {
        check(
            Frame::Rows(None),
            &[
                "+I[a, 1, 1, 1]",
                "+I[b, 7, 7, 7]",
                "+I[a, 2, 3, 2]",
                "+I[a, 4, 7, 4]",
                "+I[b, 1, 8, 7]",
                "+I[a, 8, 15, 8]",
            ],
        );
        check(
            Frame::Rows(Some(1)),
            &[
                "+I[a, 1, 1, 1]",
                "+I[b, 7, 7, 7]",
                "+I[a, 2, 3, 2]",
                "+I[a, 4, 6, 4]",
                "+I[b, 1, 8, 7]",
                "+I[a, 8, 12, 8]",
            ],
        );
        check(
            Frame::Range(Some(10)),
            &[
                "+I[a, 1, 1, 1]",
                "+I[b, 7, 7, 7]",
                "+I[a, 2, 3, 2]",
                "+I[a, 4, 7, 4]",
                "+I[b, 1, 1, 1]",
                "+I[a, 8, 12, 8]",
            ],
        );
    }
}
