//! `INTERSECT [ALL]` and `EXCEPT [ALL]` over two changelogs.
//!
//! Computes, for every row, how often it is in the result from how often it is in the left and in
//! the right input (`l`, `r`), NULL being equal to NULL, and emits what changed: `+I` for each time
//! it comes to the result, `-D` for each time it leaves.
//!
//! | operation | times in the result |
//! |---|---|
//! | `INTERSECT ALL` | the smaller of `l` and `r` |
//! | `INTERSECT` | 1 if both are above 0 |
//! | `EXCEPT ALL` | `l - r`, at least 0 |
//! | `EXCEPT` | 1 if `l` is above 0 and `r` is 0 |
//!
//! Input 0 is the left, input 1 the right; both have the same columns and are partitioned by all of
//! them. **State** per row: `l` and `r`; gone with both, or when its TTL has passed.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use millstream_functions::RowKind;
use millstream_state::codec::{Reader, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::batch::Batch;
use crate::changelog::{Changes, Place, RowCodec};
use crate::keys::KeyEncoder;
use crate::operator::{Operator, OperatorContext, OperatorError, Output};
use crate::retention::Retention;

/// Which of the operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOperationKind {
    /// `INTERSECT` or `INTERSECT ALL`.
    Intersect {
        /// `ALL`.
        all: bool,
    },
    /// `EXCEPT` or `EXCEPT ALL`.
    Except {
        /// `ALL`.
        all: bool,
    },
}

impl SetOperationKind {
    /// How often a row is in the result.
    fn times(self, left: i64, right: i64) -> i64 {
        // A retraction may come before what it retracts.
        let (left, right) = (left.max(0), right.max(0));
        match self {
            Self::Intersect { all: true } => left.min(right),
            Self::Intersect { all: false } => i64::from(left > 0 && right > 0),
            Self::Except { all: true } => (left - right).max(0),
            Self::Except { all: false } => i64::from(left > 0 && right == 0),
        }
    }
}

/// What a set operation asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetOperationSpec {
    /// Which of them.
    pub kind: SetOperationKind,
    /// State TTL in milliseconds.
    pub ttl_millis: Option<i64>,
}

/// Compares two inputs row by row. See the [module](self).
#[derive(Debug)]
pub struct SetOperation {
    kind: SetOperationKind,
    keys: KeyEncoder,
    codec: RowCodec,
    output: SchemaRef,
    retention: Retention,
    table: KeyedTable<Counts>,
    changes: Changes,
    slots: Vec<Slot>,
}

impl SetOperation {
    /// The operator over rows of `input` on both sides; they come out under the columns `output`.
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        output: SchemaRef,
        spec: &SetOperationSpec,
    ) -> Result<Self, OperatorError> {
        let all: Vec<usize> = (0..input.fields().len()).collect();
        Ok(Self {
            kind: spec.kind,
            keys: KeyEncoder::new(&input, &all)?,
            codec: RowCodec::new(input, "a set operation")?,
            output,
            retention: Retention::new(spec.ttl_millis, &context.clock),
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            changes: Changes::default(),
            slots: Vec::new(),
        })
    }
}

impl Operator for SetOperation {
    fn process(
        &mut self,
        input: usize,
        batch: Batch,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let keys = self.keys.encode(&batch.rows)?;
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut self.slots)?;
        let now = self.retention.now();
        for (row, &slot) in self.slots.iter().enumerate() {
            if self.retention.is_expired(self.table.get(slot).written, now) {
                self.table.remove(slot);
            }
            let counts = self.table.get_mut(slot);
            counts.written = now;
            let before = self.kind.times(counts.left, counts.right);
            let side = match input {
                0 => &mut counts.left,
                _ => &mut counts.right,
            };
            *side += match batch.kind(row).is_accumulate() {
                true => 1,
                false => -1,
            };
            let after = self.kind.times(counts.left, counts.right);
            if counts.left == 0 && counts.right == 0 {
                self.table.remove(slot);
            }
            let kind = match after > before {
                true => RowKind::Insert,
                false => RowKind::Delete,
            };
            for _ in 0..after.abs_diff(before) {
                self.changes.push(kind, Place::Input(row as u32), row);
            }
        }
        let output = Arc::clone(&self.output);
        if let Some(emitted) = self.changes.finish(&batch, &self.codec, &output)? {
            out.emit(emitted);
        }
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
                .sweep(&mut self.table, now, hash_of, |counts| counts.written)?;
        }
        Ok(())
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        Ok(self.table.evict()?)
    }
}

/// How often a row is in each input.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    left: i64,
    right: i64,
    written: i64,
}

impl StateValue for Counts {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        for value in [self.left, self.right, self.written] {
            put_zigzag(out, value);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let counts = Self {
            left: reader.zigzag()?,
            right: reader.zigzag()?,
            written: reader.zigzag()?,
        };
        reader.finish()?;
        Ok(counts)
    }

    fn heap_size(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow::array::{
        ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, UInt32Array,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::harness::Harness;
    use RowKind::{Delete, Insert, UpdateAfter, UpdateBefore};

    /// A row of the left (false) or right input.
    type Row = (bool, Option<&'static str>, Option<i64>);

    /// Sends every row to the input that its last column names.
    struct BySide(SetOperation);

    impl Operator for BySide {
        fn process(
            &mut self,
            _: usize,
            batch: Batch,
            out: &mut Output,
        ) -> Result<(), OperatorError> {
            let right = batch.rows.column(2).as_boolean().clone();
            for row in 0..batch.len() {
                let part = batch.take(&UInt32Array::from(vec![row as u32]))?;
                let part = part.with_rows(part.rows.project(&[0, 1])?);
                self.0.process(usize::from(right.value(row)), part, out)?;
            }
            Ok(())
        }

        fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
            self.0.snapshot(epoch)
        }

        fn tick(&mut self, now: i64, out: &mut Output) -> Result<(), OperatorError> {
            self.0.tick(now, out)
        }

        fn housekeeping(&mut self) -> Result<(), OperatorError> {
            self.0.housekeeping()
        }
    }

    fn harness(
        kind: SetOperationKind,
        rows: &[(RowKind, Row)],
        ttl_millis: Option<i64>,
    ) -> Harness<'static> {
        let kinds = rows.iter().map(|(kind, _)| *kind).collect();
        let rows = rows.iter().map(|(_, row)| row);
        let rows = RecordBatch::try_from_iter_with_nullable([
            (
                "k",
                Arc::new(StringArray::from_iter(rows.clone().map(|r| r.1))) as ArrayRef,
                true,
            ),
            (
                "v",
                Arc::new(Int64Array::from_iter(rows.clone().map(|r| r.2))) as _,
                true,
            ),
            (
                "right",
                Arc::new(BooleanArray::from_iter(rows.map(|r| Some(r.0)))) as _,
                true,
            ),
        ])
        .unwrap();
        let schema = Arc::new(rows.schema().project(&[0, 1]).unwrap());
        let spec = SetOperationSpec { kind, ttl_millis };
        Harness::changelog(
            move |context| {
                let schema = Arc::clone(&schema);
                let operation = SetOperation::new(context, Arc::clone(&schema), schema, &spec)?;
                Ok(Box::new(BySide(operation)))
            },
            &[0, 1],
            rows,
            kinds,
        )
    }

    const LEFT: bool = false;
    const RIGHT: bool = true;

    const ROWS: [(RowKind, Row); 9] = [
        (Insert, (LEFT, Some("a"), Some(1))),
        (Insert, (LEFT, Some("a"), Some(1))),
        (Insert, (RIGHT, Some("a"), Some(1))),
        (Insert, (RIGHT, None, None)),
        (Insert, (LEFT, None, None)), // NULL is equal to NULL
        (UpdateAfter, (RIGHT, Some("a"), Some(1))),
        (Delete, (LEFT, Some("a"), Some(1))),
        (UpdateBefore, (RIGHT, None, None)),
        (Insert, (LEFT, Some("b"), None)),
    ];

    #[test]
    fn rows_of_both_inputs_intersect() {
        assert_eq!(
            harness(SetOperationKind::Intersect { all: true }, &ROWS, None).check(6),
            [
                "+I[a, 1]",
                "+I[null, null]",
                "+I[a, 1]",
                "-D[a, 1]",
                "-D[null, null]"
            ]
        );
        assert_eq!(
            harness(SetOperationKind::Intersect { all: false }, &ROWS, None).check(6),
            ["+I[a, 1]", "+I[null, null]", "-D[null, null]"]
        );
    }

    #[test]
    fn rows_of_the_right_input_are_excepted() {
        assert_eq!(
            harness(SetOperationKind::Except { all: true }, &ROWS, None).check(6),
            [
                "+I[a, 1]",
                "+I[a, 1]",
                "-D[a, 1]",
                "-D[a, 1]",
                "+I[null, null]",
                "+I[b, null]"
            ]
        );
        assert_eq!(
            harness(SetOperationKind::Except { all: false }, &ROWS, None).check(6),
            ["+I[a, 1]", "-D[a, 1]", "+I[null, null]", "+I[b, null]"]
        );
    }

    #[test]
    fn a_row_begins_anew_when_its_time_to_live_has_passed() {
        let rows = [
            (Insert, (LEFT, Some("a"), None)),
            (Insert, (RIGHT, Some("a"), None)),
            (Insert, (RIGHT, Some("a"), None)),
        ];
        let kind = SetOperationKind::Intersect { all: true };
        assert_eq!(
            harness(kind, &rows, Some(10))
                .with_clock(vec![1, 11, 12])
                .check(4),
            [""; 0]
        );
        assert_eq!(
            harness(kind, &rows, Some(10))
                .with_clock(vec![1, 10, 12])
                .check(4),
            ["+I[a, null]"]
        );
    }

    #[test]
    fn the_bytes_of_the_state_never_change() {
        let counts = Counts {
            left: 2,
            right: -1,
            written: 0,
        };
        let mut bytes = Vec::new();
        counts.encode(&mut bytes);
        assert_eq!(bytes, [1, 4, 1, 0]);
        assert_eq!(Counts::decode(&bytes).unwrap(), counts);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_operation_agrees_with_the_definition(
            drawn in prop::collection::vec(
                (any::<bool>(), 0..2usize, prop::option::of(0..2i64), 0..3u8), 1..60),
            seed: u64,
        ) {
            let names = [None, Some("a")];
            let mut rows: Vec<(RowKind, Row)> = Vec::new();
            let mut sides: BTreeMap<(Option<&str>, Option<i64>), [i64; 2]> = BTreeMap::new();
            for (right, k, v, dice) in drawn {
                let counts = sides.entry((names[k], v)).or_default();
                let count = &mut counts[usize::from(right)];
                let kind = if dice == 0 && *count > 0 { Delete } else { Insert };
                *count += if kind == Insert { 1 } else { -1 };
                rows.push((kind, (right, names[k], v)));
            }
            for kind in [
                SetOperationKind::Intersect { all: true },
                SetOperationKind::Intersect { all: false },
                SetOperationKind::Except { all: true },
                SetOperationKind::Except { all: false },
            ] {
                let mut expected: BTreeMap<String, i64> = BTreeMap::new();
                for (&(k, v), &[left, right]) in &sides {
                    let times = match kind {
                        SetOperationKind::Intersect { all: true } => left.min(right),
                        SetOperationKind::Intersect { .. } => left.min(right).min(1),
                        SetOperationKind::Except { all: true } => (left - right).max(0),
                        SetOperationKind::Except { .. } if right > 0 => 0,
                        SetOperationKind::Except { .. } => left.min(1),
                    };
                    if times > 0 {
                        let v = v.map_or("null".to_owned(), |v| v.to_string());
                        expected.insert(format!("[{}, {v}]", k.unwrap_or("null")), times);
                    }
                }
                let harness = harness(kind, &rows, None);
                let mut whole = harness.run(7).unwrap();
                let mut folded: BTreeMap<String, i64> = BTreeMap::new();
                for change in &whole {
                    let (kind, row) = change.split_at(2);
                    let count = folded.entry(row.to_owned()).or_insert(0);
                    *count += if kind == "+I" { 1 } else { -1 };
                    prop_assert!(*count >= 0, "{} takes back what is not there", change);
                }
                folded.retain(|_, count| *count > 0);
                prop_assert_eq!(folded, expected);
                whole.sort();
                prop_assert_eq!(&harness.run_killed(seed).unwrap(), &whole);
            }
        }
    }
}
