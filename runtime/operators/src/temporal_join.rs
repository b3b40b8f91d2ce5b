//! Temporal join: `FROM l [LEFT] JOIN r FOR SYSTEM_TIME AS OF l.rowtime ON l.k = r.k`.
//!
//! The right side is a versioned table: of each key the row that was last written at a time. With
//! **event time** a left row waits until the watermark reaches its rowtime, and comes out beside the
//! version that was in force then: the latest one whose rowtime is at most that of the left row.
//! If there is none (nothing before it, or a `-D`), or the further condition does not hold, it is
//! dropped, or with LEFT comes out beside NULLs. The output has the kinds of the left rows, in the
//! order of their rowtimes. With **processing time** a left row is joined at once with what the
//! right side last said.
//!
//! **NULL equals NULL** here: Flink's temporal join compares keys that way, unlike its other joins.
//!
//! A left row that is not past the watermark is not dropped; it is joined at once with the version
//! of its time if that is still in force at the watermark, and has no match otherwise. (In Flink it
//! waits for the next watermark, and the versions of a key are cleaned when a timer of that key
//! fires: which older versions a late row finds depends on the rows that come in between.)
//!
//! **Asks of its inputs**: event time on both sides, and the join key as the right side's key: the
//! last row of a key and time wins. A right `-U` is passed over: the `+U` behind it ends that
//! version. The left side may be updated.
//!
//! **State**: left rows that wait; of each key the versions the watermark has not passed, and the
//! last one before it.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion_physical_expr::PhysicalExpr;
use millstream_functions::RowKind;
use millstream_state::codec::{Reader, put_bool, put_bytes, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::batch::{Batch, Watermark};
pub use crate::join::JoinKind;
use crate::join::{
    Combine, Emission, JoinCondition, NOWHERE, PairPlaces, Places, SideRows, check_keys,
    check_output,
};
use crate::operator::{
    Operator, OperatorContext, OperatorError, Output, load_watermark, save_watermark,
};
use crate::pending::{PendingRow, PendingRows};
use crate::time::rowtime_millis;

/// Which version a left row is joined with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemporalJoinTime {
    /// That of the left row's rowtime.
    Rowtime {
        /// The left rowtime column.
        left: usize,
        /// The right one.
        right: usize,
    },
    /// The last one.
    Processing,
}

/// A temporal join.
#[derive(Debug, Clone)]
pub struct TemporalJoinSpec {
    /// Inner or left.
    pub kind: JoinKind,
    /// The left columns of ON's equalities.
    pub left_keys: Vec<usize>,
    /// The right ones: the key of the versioned table.
    pub right_keys: Vec<usize>,
    /// Event time or processing time.
    pub time: TemporalJoinTime,
    /// What else a pair must satisfy, over the columns of left and then right.
    pub condition: Option<Arc<dyn PhysicalExpr>>,
}

/// Joins a stream with the versions of a table. See the [module](self).
#[derive(Debug)]
pub struct TemporalJoin {
    left_outer: bool,
    schema: SchemaRef,
    condition: Option<JoinCondition>,
    combine: Combine,
    left: SideRows,
    right: SideRows,
    /// `None` with processing time.
    event_time: Option<EventTime>,
    versions: KeyedTable<Versions>,
    slots: Vec<Slot>,
    emission: Emission,
}

#[derive(Debug)]
struct EventTime {
    left: usize,
    right: usize,
    names: [String; 2],
    pending: PendingRows,
    ripe: Vec<PendingRow>,
    watermark: i64,
}

impl TemporalJoin {
    /// The join of rows of `left` with versions of rows of `right`, which gives rows of `output`: the
    /// left columns and then the right ones.
    pub fn with_schema(
        context: &OperatorContext,
        left: SchemaRef,
        right: SchemaRef,
        spec: &TemporalJoinSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        if !matches!(spec.kind, JoinKind::Inner | JoinKind::Left) {
            return Err(OperatorError::Row(
                "a temporal join is INNER or LEFT; a versioned table has no rows of its own that \
                 could come out alone"
                    .to_owned(),
            ));
        }
        let null_safe = vec![true; spec.left_keys.len()];
        check_keys(
            (&left, &spec.left_keys),
            (&right, &spec.right_keys),
            &null_safe,
        )?;
        check_output(spec.kind, &left, &right, &output)?;
        let rows =
            |schema: &Schema, keys: &[usize]| SideRows::new(schema, keys, &null_safe, &[], false);
        let right_rows = rows(&right, &spec.right_keys)?;
        let left_rows = rows(&left, &spec.left_keys)?;
        let widths = [left.fields().len(), right.fields().len()];
        let condition = spec.condition.as_ref();
        let uid = format!("{}.versions", context.uid);
        Ok(Self {
            left_outer: spec.kind == JoinKind::Left,
            condition: condition
                .map(|expr| JoinCondition::new(expr, &left, &right))
                .transpose()?,
            combine: Combine::new(spec.kind, 0, [&left_rows, &right_rows], widths),
            event_time: match spec.time {
                TemporalJoinTime::Processing => None,
                TemporalJoinTime::Rowtime {
                    left: left_time,
                    right: right_time,
                } => Some(EventTime {
                    left: left_time,
                    right: right_time,
                    names: [
                        left.field(left_time).name().clone(),
                        right.field(right_time).name().clone(),
                    ],
                    pending: PendingRows::new(context, "left", left)?,
                    ripe: Vec::new(),
                    watermark: i64::MIN,
                }),
            },
            versions: context.backend.table(&uid, context.key_groups.clone())?,
            schema: output,
            left: left_rows,
            right: right_rows,
            slots: Vec::new(),
            emission: Emission::default(),
        })
    }

    /// Joins left rows with a version each.
    ///
    /// `found` has the slot of the key and the number of the version for each row that has one.
    fn join(
        &mut self,
        batch: &Batch,
        found: &[Option<(Slot, usize)>],
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        // A version is read once for all its rows.
        let mut seen: HashMap<(Slot, usize), u32, RandomState> = HashMap::default();
        let mut rows: Vec<&[u8]> = Vec::new();
        let mut matched: Vec<u32> = found
            .iter()
            .map(|found| {
                let version = found.and_then(|(slot, version)| {
                    let row = self.versions.get(slot).rows.get(version)?.row.as_deref()?;
                    Some(*seen.entry((slot, version)).or_insert_with(|| {
                        rows.push(row);
                        rows.len() as u32 - 1
                    }))
                });
                version.unwrap_or(NOWHERE)
            })
            .collect();
        let kept = self.right.decode(rows.into_iter())?;
        if let Some(condition) = &self.condition {
            retain(condition, &self.combine, batch, &kept, &mut matched)?;
        }
        self.emission.clear();
        for (row, &version) in matched.iter().enumerate() {
            let (row, kind) = (row as u32, batch.kind(row));
            if version != NOWHERE {
                self.emission.pair(row, version, kind);
            } else if self.left_outer {
                self.emission.input_alone(row, kind);
            }
        }
        self.emission
            .emit(&self.combine, &self.schema, batch, &kept, out, |_| {})
    }

    /// Joins the left rows that are due at `watermark`.
    fn fire(&mut self, watermark: i64, out: &mut Output) -> Result<(), OperatorError> {
        let Some(time) = &mut self.event_time else {
            return Ok(());
        };
        time.watermark = watermark;
        let mut ripe = std::mem::take(&mut time.ripe);
        time.pending
            .take_ripe(watermark, &mut self.versions, &mut ripe)?;
        if ripe.is_empty() {
            return Ok(());
        }
        let at: Vec<_> = ripe.iter().map(|row| row.at).collect();
        let mut ingest_micros = i64::MAX;
        for &at in &at {
            ingest_micros = ingest_micros.min(time.pending.batch(at)?.ingest_micros);
        }
        let mut batch = Batch::append(time.pending.gather(&at)?, ingest_micros);
        let kind = |row: &PendingRow| RowKind::from_byte(row.mark).unwrap_or_default();
        if ripe.iter().any(|row| kind(row) != RowKind::Insert) {
            batch.kinds = Some(ripe.iter().map(kind).collect());
        }
        let found: Vec<Option<(Slot, usize)>> = ripe
            .iter()
            .map(|row| {
                let version = self.versions.get(row.slot).at(row.time)?;
                Some((row.slot, version))
            })
            .collect();
        self.join(&batch, &found, out)?;
        for row in &ripe {
            if self.versions.get(row.slot).has_passed(watermark) {
                let versions = self.versions.get_mut(row.slot);
                versions.forget(watermark);
                if versions.is_over(watermark) {
                    self.versions.remove(row.slot);
                }
            }
        }
        if let Some(time) = &mut self.event_time {
            time.pending.release(at);
            time.ripe = ripe;
        }
        Ok(())
    }

    /// Takes rows of the versioned table in.
    fn add_versions(&mut self, batch: &Batch, out: &mut Output) -> Result<(), OperatorError> {
        let keys = self.right.encoder.encode(&batch.rows)?;
        let encoded = self.right.encode(&batch.rows)?;
        let mut slots = std::mem::take(&mut self.slots);
        self.versions
            .slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
        let times = match &self.event_time {
            Some(time) => Some(rowtime_millis(
                batch.rows.column(time.right),
                &time.names[1],
            )?),
            None => None,
        };
        let mut before = self
            .event_time
            .as_ref()
            .map_or(i64::MIN, |time| time.watermark)
            .max(batch.watermark_before.0);
        for (row, &slot) in slots.iter().enumerate() {
            let kind = batch.kind(row);
            let ends = kind == RowKind::Delete;
            let version = (!ends).then(|| encoded.row(row).into());
            match &times {
                _ if kind == RowKind::UpdateBefore => {}
                None => {
                    if ends {
                        self.versions.remove(slot);
                    } else {
                        self.versions.get_mut(slot).rows = vec![Version {
                            time: 0,
                            row: version,
                        }];
                    }
                }
                Some(times) => {
                    if times[row] <= before {
                        // What was due before it came must not see it.
                        self.fire(before, out)?;
                    }
                    // Left rows that wait are past this watermark; those between it and `before` are
                    // due, but were not joined yet.
                    let fired = self
                        .event_time
                        .as_ref()
                        .map_or(i64::MIN, |time| time.watermark);
                    let versions = self.versions.get_mut(slot);
                    versions.put(times[row], version);
                    versions.forget(fired);
                }
            }
            if let Some(watermarks) = &batch.watermarks {
                before = before.max(watermarks[row]);
            }
        }
        self.slots = slots;
        Ok(())
    }

    /// Takes left rows in.
    fn add_left(&mut self, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let keys = self.left.encoder.encode(&batch.rows)?;
        let mut slots = std::mem::take(&mut self.slots);
        self.versions
            .slots(keys.hashes(), |row| keys.key(row), &mut slots)?;
        let whole = batch.clone();
        let mut late = Vec::new();
        let mut found: Vec<Option<(Slot, usize)>> = Vec::new();
        if let Some(time) = &mut self.event_time {
            let times = rowtime_millis(batch.rows.column(time.left), &time.names[0])?;
            time.pending
                .begin(batch.rows, keys, Vec::new(), batch.ingest_micros);
            let mut before = time.watermark.max(batch.watermark_before.0);
            for (row, (&rowtime, &slot)) in times.iter().zip(&slots).enumerate() {
                if rowtime > before {
                    let kind = batch.kinds.as_ref().map_or(0, |kinds| kinds[row] as u8);
                    time.pending.add(row, rowtime, rowtime, slot, kind);
                } else {
                    late.push(row as u32);
                    let version = self.versions.get(slot).at_late(rowtime, before);
                    found.push(version.map(|version| (slot, version)));
                }
                if let Some(watermarks) = &batch.watermarks {
                    before = before.max(watermarks[row]);
                }
            }
            time.pending.end();
            if !late.is_empty() {
                self.join(&whole.take(&late.into())?, &found, out)?;
            }
        } else {
            let last = |&slot: &Slot| self.versions.is_live(slot).then_some((slot, 0));
            found.extend(slots.iter().map(last));
            self.join(&batch, &found, out)?;
        }
        self.slots = slots;
        Ok(())
    }
}

/// Leaves only the pairs that satisfy the condition.
fn retain(
    condition: &JoinCondition,
    combine: &Combine,
    batch: &Batch,
    kept: &[ArrayRef],
    matched: &mut [u32],
) -> Result<(), OperatorError> {
    let rows: Vec<u32> = (0..matched.len() as u32)
        .filter(|&row| matched[row as usize] != NOWHERE)
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let versions: Vec<u32> = rows.iter().map(|&row| matched[row as usize]).collect();
    let at = PairPlaces {
        input: Places::new(&rows),
        kept: Places::new(&versions),
        key: Places::new(&rows),
    };
    let holds = condition.holds(combine, &batch.rows, kept, &at, rows.len())?;
    for (pair, &row) in rows.iter().enumerate() {
        if !holds.value(pair) {
            matched[row as usize] = NOWHERE;
        }
    }
    Ok(())
}

impl Operator for TemporalJoin {
    fn process(
        &mut self,
        input: usize,
        batch: Batch,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        if input == 0 {
            self.add_left(batch, out)
        } else {
            self.add_versions(&batch, out)
        }
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        match &self.event_time {
            Some(time) if watermark.0 > time.watermark => self.fire(watermark.0, out),
            _ => Ok(()),
        }
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.versions.snapshot(epoch)?;
        match &mut self.event_time {
            Some(time) => {
                time.pending.invalidate_slots();
                time.pending.snapshot(epoch)?;
                Ok(save_watermark(time.watermark))
            }
            None => Ok(Vec::new()),
        }
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        if let Some(time) = &mut self.event_time {
            time.watermark = load_watermark(former)?;
            time.pending
                .restore(&self.left.encoder, &mut self.versions, |_| Vec::new())?;
        }
        Ok(())
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        if let Some(time) = &mut self.event_time {
            time.pending.compact(&self.left.encoder, |_| Vec::new())?;
            time.pending.invalidate_slots();
            time.pending.evict()?;
        }
        Ok(self.versions.evict()?)
    }
}

/// What a key was from a time on.
#[derive(Debug)]
struct Version {
    time: i64,
    /// The kept columns; `None` if the key was deleted.
    row: Option<Box<[u8]>>,
}

/// The versions of a key by time.
#[derive(Debug, Default)]
struct Versions {
    rows: Vec<Version>,
}

impl Versions {
    /// The version in force at `time`.
    fn at(&self, time: i64) -> Option<usize> {
        self.rows
            .partition_point(|version| version.time <= time)
            .checked_sub(1)
    }

    /// The version in force at `time`, if it still is at the later `watermark`.
    fn at_late(&self, time: i64, watermark: i64) -> Option<usize> {
        let version = self.at(time)?;
        let next = self.rows.get(version + 1);
        next.is_none_or(|next| next.time > watermark)
            .then_some(version)
    }

    fn put(&mut self, time: i64, row: Option<Box<[u8]>>) {
        let place = self.rows.partition_point(|version| version.time < time);
        match self.rows.get_mut(place) {
            Some(version) if version.time == time => version.row = row,
            _ => {
                if self.rows.is_empty() {
                    self.rows.reserve_exact(1);
                }
                self.rows.insert(place, Version { time, row });
            }
        }
    }

    /// Whether there are versions that were replaced before the watermark.
    fn has_passed(&self, watermark: i64) -> bool {
        self.rows
            .get(1)
            .is_some_and(|second| second.time <= watermark)
            || self.is_over(watermark)
    }

    /// Leaves out versions that were replaced before the watermark.
    fn forget(&mut self, watermark: i64) {
        let passed = self
            .rows
            .partition_point(|version| version.time <= watermark);
        if passed > 1 {
            self.rows.drain(..passed - 1);
        }
    }

    /// Whether the key was deleted before the watermark and did not come again.
    fn is_over(&self, watermark: i64) -> bool {
        match self.rows.as_slice() {
            [only] => only.row.is_none() && only.time <= watermark,
            _ => false,
        }
    }
}

impl StateValue for Versions {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_varint(out, self.rows.len() as u64);
        for version in &self.rows {
            put_zigzag(out, version.time);
            put_bool(out, version.row.is_some());
            if let Some(row) = &version.row {
                put_bytes(out, row);
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let mut rows = Vec::new();
        for _ in 0..reader.varint()? {
            rows.push(Version {
                time: reader.zigzag()?,
                row: if reader.bool()? {
                    Some(reader.bytes()?.into())
                } else {
                    None
                },
            });
        }
        reader.finish()?;
        Ok(Self { rows })
    }

    fn heap_size(&self) -> usize {
        self.rows.capacity() * size_of::<Version>()
            + self
                .rows
                .iter()
                .map(|version| version.row.as_ref().map_or(0, |row| row.len()))
                .sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
    use datafusion_expr::Operator as Op;
    use datafusion_physical_expr::expressions::{Column, binary};
    use proptest::prelude::*;

    use super::*;
    use crate::harness::{Input, TwoInputs};

    /// `id`, `k`, `ts`, and the watermark behind it.
    type Row = (RowKind, i64, Option<&'static str>, i64, i64);

    use RowKind::{Delete as D, Insert as I, UpdateAfter as UA, UpdateBefore as UB};

    fn table(rows: &[Row]) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([
            (
                "id",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1))) as ArrayRef,
                true,
            ),
            (
                "k",
                Arc::new(StringArray::from_iter(rows.iter().map(|r| r.2))) as _,
                true,
            ),
            (
                "ts",
                Arc::new(TimestampMillisecondArray::from_iter_values(
                    rows.iter().map(|r| r.3),
                )) as _,
                true,
            ),
        ])
        .unwrap()
    }

    fn input(rows: &[Row]) -> Input {
        Input::new(&[1], table(rows))
            .kinds(rows.iter().map(|r| r.0).collect())
            .watermarks(rows.iter().map(|r| r.4).collect())
    }

    fn spec(kind: JoinKind) -> TemporalJoinSpec {
        TemporalJoinSpec {
            kind,
            left_keys: vec![1],
            right_keys: vec![1],
            time: TemporalJoinTime::Rowtime { left: 2, right: 2 },
            condition: None,
        }
    }

    fn joined() -> SchemaRef {
        let one = table(&[]).schema();
        let right = one.fields().iter();
        Arc::new(Schema::new(
            one.fields()
                .iter()
                .chain(right)
                .cloned()
                .collect::<Vec<_>>(),
        ))
    }

    fn join<'a>(spec: &'a TemporalJoinSpec, left: &[Row], right: &[Row]) -> TwoInputs<'a> {
        TwoInputs::new(
            move |context| {
                let one = table(&[]).schema();
                Ok(Box::new(TemporalJoin::with_schema(
                    context,
                    one.clone(),
                    one,
                    spec,
                    joined(),
                )?) as Box<dyn Operator>)
            },
            input(left),
            input(right),
        )
    }

    #[test]
    fn a_row_is_joined_with_the_version_of_its_time() {
        let spec = spec(JoinKind::Left);
        let left = [
            (I, 1, Some("eur"), 999, 0),
            (I, 2, Some("eur"), 1_000, 0),
            (I, 3, Some("eur"), 4_999, 0),
            (UB, 3, Some("eur"), 4_999, 0),
            (UA, 4, Some("eur"), 5_000, 0),
            (I, 5, Some("usd"), 6_000, 0),
            (I, 6, None, 7_000, 0),
            (I, 7, Some("eur"), 9_000, 0),
        ];
        let right = [
            (I, 100, Some("eur"), 1_000, 0),
            // Out of order.
            (UB, 100, Some("eur"), 1_000, 0),
            (UA, 102, Some("eur"), 5_000, 0),
            (UA, 101, Some("eur"), 3_000, 0),
            (I, 103, None, 2_000, 0),
            (D, 102, Some("eur"), 8_000, 0),
        ];
        let rows = [
            "+I[1, eur, 999, null, null, null]",
            "+I[2, eur, 1000, 100, eur, 1000]",
            "+I[3, eur, 4999, 101, eur, 3000]",
            "-U[3, eur, 4999, 101, eur, 3000]",
            "+U[4, eur, 5000, 102, eur, 5000]",
            "+I[5, usd, 6000, null, null, null]",
            "+I[6, null, 7000, 103, null, 2000]",
            "+I[7, eur, 9000, null, null, null]",
        ];
        assert_eq!(join(&spec, &left, &right).check(20), rows);
        let inner = TemporalJoinSpec {
            kind: JoinKind::Inner,
            ..spec
        };
        let matched: Vec<_> = rows
            .iter()
            .filter(|row| !row.ends_with("null, null, null]"))
            .collect();
        assert_eq!(
            join(&inner, &left, &right)
                .check(20)
                .iter()
                .collect::<Vec<_>>(),
            matched
        );
    }

    #[test]
    fn rows_wait_for_the_watermarks_of_both_sides() {
        let spec = spec(JoinKind::Inner);
        let left = [
            (I, 1, Some("a"), 1_000, 5_000),
            (I, 2, Some("a"), 6_000, 6_000),
        ];
        let right = [
            (I, 3, Some("a"), 500, 500),
            (UA, 4, Some("a"), 1_500, 1_500),
        ];
        let steps = join(&spec, &left, &right)
            .order(vec![0, 1, 1, 0])
            .run_each(1)
            .unwrap();
        assert!(steps[..2].concat().is_empty());
        assert_eq!(steps[2], ["+I[1, a, 1000, 3, a, 500]"]);
        assert!(steps[3].is_empty());
        assert_eq!(steps[4], ["+I[2, a, 6000, 4, a, 1500]"]);
    }

    #[test]
    fn a_late_row_finds_what_is_still_in_force() {
        let spec = spec(JoinKind::Left);
        let left = [
            (I, 1, Some("a"), 3_000, 9_000),
            // The watermark is at 5000: the version of 1000 was replaced at 2000, that of 2000 not.
            (I, 2, Some("a"), 1_500, 9_000),
            (I, 3, Some("a"), 2_500, 9_000),
        ];
        let right = [
            (I, 10, Some("a"), 1_000, 1_000),
            (I, 11, Some("a"), 2_000, 5_000),
            // Late itself: 1 came out before.
            (I, 12, Some("a"), 2_900, 5_000),
        ];
        let rows = [
            "+I[1, a, 3000, 11, a, 2000]",
            "+I[2, a, 1500, null, null, null]",
            "+I[3, a, 2500, 11, a, 2000]",
        ];
        let join = join(&spec, &left, &right).order(vec![0, 1, 1, 0, 0, 1]);
        let mut sorted = join.check(20);
        sorted.sort();
        assert_eq!(sorted, rows);
    }

    #[test]
    fn the_condition_decides_on_the_version() {
        let mut spec = spec(JoinKind::Left);
        let schema = joined();
        let left = Arc::new(Column::new("id", 0));
        spec.condition =
            Some(binary(left, Op::Lt, Arc::new(Column::new("id", 3)), &schema).unwrap());
        let left = [(I, 1, Some("a"), 1_000, 0), (I, 20, Some("a"), 2_000, 0)];
        let right = [(I, 10, Some("a"), 0, 0)];
        let rows = [
            "+I[1, a, 1000, 10, a, 0]",
            "+I[20, a, 2000, null, null, null]",
        ];
        assert_eq!(join(&spec, &left, &right).check(20), rows);
    }

    #[test]
    fn with_processing_time_the_last_version_counts() {
        let mut spec = spec(JoinKind::Left);
        spec.time = TemporalJoinTime::Processing;
        let left = [
            (I, 1, Some("a"), 0, 0),
            (I, 2, Some("a"), 0, 0),
            (D, 3, Some("a"), 0, 0),
            (I, 4, Some("a"), 0, 0),
        ];
        let right = [
            (I, 10, Some("a"), 9, 0),
            (UA, 11, Some("a"), 5, 0),
            (D, 11, Some("a"), 5, 0),
        ];
        let rows = [
            "+I[1, a, 0, null, null, null]",
            "+I[2, a, 0, 10, a, 9]",
            "-D[3, a, 0, 11, a, 5]",
            "+I[4, a, 0, null, null, null]",
        ];
        let join = join(&spec, &left, &right).order(vec![0, 1, 0, 1, 0, 1, 0]);
        assert_eq!(join.check(20), rows);
    }

    #[test]
    fn empty_inputs_join_to_nothing() {
        assert!(join(&spec(JoinKind::Left), &[], &[]).check(3).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
        #[test]
        fn every_row_has_the_version_of_its_time(
            left_outer in any::<bool>(),
            rows in prop::collection::vec(
                (
                    any::<bool>(),
                    prop::sample::select(vec![None, Some("a"), Some("b")]),
                    0i64..900,
                    0u8..5,
                ),
                0..60,
            ),
            late in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let spec = spec(if left_outer { JoinKind::Left } else { JoinKind::Inner });
            let mut sides: [Vec<Row>; 2] = [Vec::new(), Vec::new()];
            let mut order = Vec::new();
            let mut highest = 0;
            for (i, &(right, key, jitter, what)) in rows.iter().enumerate() {
                let time = 200 * i as i64 + jitter;
                highest = highest.max(time);
                let watermark = if late { highest } else { highest - 901 };
                let kind = if right && what == 0 { D } else { I };
                sides[usize::from(right)].push((kind, i as i64, key, time, watermark));
                order.push(usize::from(right));
            }
            let join = join(&spec, &sides[0], &sides[1]).order(order);
            let mut whole = join.run(8192).unwrap();
            whole.sort();
            for batch in [1, 3] {
                let mut rows = join.run(batch).unwrap();
                rows.sort();
                prop_assert_eq!(&rows, &whole);
            }
            prop_assert_eq!(&join.run_killed(seed).unwrap(), &whole);
            if !late {
                let mut expected = Vec::new();
                for l in &sides[0] {
                    let text = |row: &Row| {
                        format!("{}, {}, {}", row.1, row.2.unwrap_or("null"), row.3)
                    };
                    let versions = sides[1].iter().filter(|r| r.2 == l.2 && r.3 <= l.3);
                    // Of equal times the last one.
                    match versions.max_by_key(|r| r.3) {
                        Some(r) if r.0 == I => expected.push(format!("+I[{}, {}]", text(l), text(r))),
                        _ if left_outer => expected.push(format!("+I[{}, null, null, null]", text(l))),
                        _ => {}
                    }
                }
                expected.sort();
                prop_assert_eq!(whole, expected);
            }
        }
    }
}
