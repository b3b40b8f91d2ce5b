//! Window join: two streams that carry windows of the same window function are joined window by
//! window: `ON l.k = r.k AND l.window_start = r.window_start AND l.window_end = r.window_end`.
//!
//! When the watermark passes the end of a window (is at least `window_end - 1 ms`), the rows of both
//! sides with equal keys in it are paired, and the rows that the kind of join gives come out as
//! inserts: first pairs in the order of the left rows, then rows without a match. A row whose window
//! has ended when it comes is late and dropped. A key with NULL matches nothing.
//!
//! **Asks of its inputs**: inserts only; windows of equal sizes and offsets, so that equal ends are
//! equal windows; a `window_end` that is not NULL.
//!
//! **State**: the rows of both sides by key and window end, until the window ends.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion_physical_expr::PhysicalExpr;
use millstream_functions::RowKind;
use millstream_state::Slot;

use crate::batch::{Batch, Watermark};
pub use crate::join::JoinKind;
use crate::join::{
    BATCH_ROWS, BLOCK_PAIRS, Combine, CompositeKeys, JoinCondition, KeysByTime, NOWHERE,
    PairPlaces, Places, SideRows, check_keys, check_output,
};
use crate::join_rows::{At, EntryRef, Identity, RowLayout, RowStore, sub_hash};
use crate::operator::{
    Operator, OperatorContext, OperatorError, Output, load_watermark, save_watermark,
};
use crate::time::rowtime_millis;

/// What follows the join key in a key of the state: the window end, and whether the key can match.
const SUFFIX: usize = 9;

/// A window join.
#[derive(Debug, Clone)]
pub struct WindowJoinSpec {
    /// Which rows it gives.
    pub kind: JoinKind,
    /// The left columns of ON's equalities, without those of the windows.
    pub left_keys: Vec<usize>,
    /// The right ones.
    pub right_keys: Vec<usize>,
    /// For each pair of keys whether NULL equals NULL.
    pub null_safe: Vec<bool>,
    /// The left column `window_end`.
    pub left_window_end: usize,
    /// The right one.
    pub right_window_end: usize,
    /// What else a pair must satisfy, over the columns of left and then right.
    pub condition: Option<Arc<dyn PhysicalExpr>>,
}

/// Joins two streams window by window. See the [module](self).
#[derive(Debug)]
pub struct WindowJoin {
    kind: JoinKind,
    schema: SchemaRef,
    condition: Option<JoinCondition>,
    /// Left rows with right ones.
    combine: Combine,
    sides: [Side; 2],
    key_groups: u16,
    watermark: i64,
    late: u64,
    /// Of the last batch.
    ingest_micros: i64,
    keys: CompositeKeys,
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Side {
    rows: SideRows,
    schema: SchemaRef,
    store: RowStore,
    window_end: usize,
    /// Keys that have rows, with their hashes, by window end.
    ends: KeysByTime,
}

impl WindowJoin {
    /// The join of rows of `left` and `right`, which gives rows of `output`: the left columns and,
    /// unless the join is SEMI or ANTI, the right ones.
    pub fn with_schema(
        context: &OperatorContext,
        left: SchemaRef,
        right: SchemaRef,
        spec: &WindowJoinSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        check_keys(
            (&left, &spec.left_keys),
            (&right, &spec.right_keys),
            &spec.null_safe,
        )?;
        check_output(spec.kind, &left, &right, &output)?;
        // At the end of a window there is no row at hand that could give the key columns.
        let rows = |schema: &Schema, keys: &[usize]| {
            SideRows::new(schema, keys, &spec.null_safe, &[], true)
        };
        let (left_rows, right_rows) = (
            rows(&left, &spec.left_keys)?,
            rows(&right, &spec.right_keys)?,
        );
        let widths = [left.fields().len(), right.fields().len()];
        let combine = Combine::new(spec.kind, 0, [&left_rows, &right_rows], widths);
        let condition = spec.condition.as_ref();
        let condition = condition
            .map(|expr| JoinCondition::new(expr, &left, &right))
            .transpose()?;
        let side = |name: &str, rows, schema, window_end| {
            let layout = RowLayout::new(Identity::None, false, false);
            Ok::<Side, OperatorError>(Side {
                rows,
                schema,
                store: RowStore::new(context, name, Identity::None, layout)?,
                window_end,
                ends: KeysByTime::new(),
            })
        };
        Ok(Self {
            kind: spec.kind,
            schema: output,
            condition,
            combine,
            sides: [
                side("left", left_rows, left, spec.left_window_end)?,
                side("right", right_rows, right, spec.right_window_end)?,
            ],
            key_groups: context.backend.max_parallelism(),
            watermark: i64::MIN,
            late: 0,
            ingest_micros: 0,
            keys: CompositeKeys::default(),
            slots: Vec::new(),
        })
    }

    /// Joins what is in the windows that end at `end`.
    fn fire(&mut self, end: i64, out: &mut Output) -> Result<(), OperatorError> {
        let [left, right] = &mut self.sides;
        // Keys of the left side, then those that only the right one has.
        let mut all = left.ends.remove(&end).unwrap_or_default();
        let left_keys = all.len();
        for (hash, key) in right.ends.remove(&end).unwrap_or_default() {
            // A key that cannot match has a group a side.
            if !can_match(&key) || left.find(hash, &key)?.is_none() {
                all.push((hash, key));
            }
        }
        let mut groups: Vec<Group> = Vec::new();
        let (mut of_left, mut of_right): (Vec<EntryRef>, Vec<EntryRef>) = Default::default();
        for (i, (hash, key)) in all.iter().enumerate() {
            let pairs = can_match(key);
            if pairs || i < left_keys {
                left.collect(*hash, key, &mut of_left)?;
            }
            if pairs || i >= left_keys {
                right.collect(*hash, key, &mut of_right)?;
            }
            groups.push(Group {
                rows: [of_left.len(), of_right.len()],
                pairs,
            });
            if of_left.len() + of_right.len() >= BLOCK_PAIRS || i + 1 == all.len() {
                let mut joining = Joining {
                    kind: self.kind,
                    schema: &self.schema,
                    condition: self.condition.as_ref(),
                    combine: &self.combine,
                    left: left.load(&of_left)?,
                    right: right.load(&of_right)?.columns().to_vec(),
                    ingest_micros: self.ingest_micros,
                    at: [Vec::new(), Vec::new()],
                    matched: [vec![false; of_left.len()], vec![false; of_right.len()]],
                };
                joining.run(&groups, out)?;
                groups.clear();
                of_left.clear();
                of_right.clear();
            }
        }
        for (hash, key) in &all {
            left.clear(*hash, key)?;
            right.clear(*hash, key)?;
        }
        Ok(())
    }
}

fn can_match(key: &[u8]) -> bool {
    key.last() == Some(&1)
}

fn window_end(key: &[u8]) -> i64 {
    let end = key.len().saturating_sub(SUFFIX);
    key[end..]
        .first_chunk()
        .map_or(i64::MIN, |end| i64::from_be_bytes(*end))
}

impl Side {
    fn find(&mut self, hash: u64, key: &[u8]) -> Result<Option<Slot>, OperatorError> {
        let mut found = Vec::new();
        self.store.lookup(&[hash], |_| key, &mut found)?;
        Ok(found[0])
    }

    fn collect(
        &mut self,
        hash: u64,
        key: &[u8],
        out: &mut Vec<EntryRef>,
    ) -> Result<(), OperatorError> {
        match self.find(hash, key)? {
            Some(slot) => self.store.entries(At { slot, hash, key }, |_| true, out),
            None => Ok(()),
        }
    }

    fn clear(&mut self, hash: u64, key: &[u8]) -> Result<(), OperatorError> {
        match self.find(hash, key)? {
            Some(slot) => self.store.clear(At { slot, hash, key }),
            None => Ok(()),
        }
    }

    fn load(&self, rows: &[EntryRef]) -> Result<RecordBatch, OperatorError> {
        let entries = rows.iter().map(|&at| self.store.entry(at).row);
        let kept = self.rows.decode(entries)?;
        // All columns are kept, in their order.
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            kept,
            &RecordBatchOptions::new().with_row_count(Some(rows.len())),
        )?)
    }
}

/// Where the rows of a key and window end, after those of the group before.
struct Group {
    rows: [usize; 2],
    /// Whether they match at all.
    pairs: bool,
}

/// The rows of some windows while they are joined.
struct Joining<'j> {
    kind: JoinKind,
    schema: &'j SchemaRef,
    condition: Option<&'j JoinCondition>,
    combine: &'j Combine,
    left: RecordBatch,
    right: Vec<ArrayRef>,
    ingest_micros: i64,
    /// Pairs that were not looked at yet.
    at: [Vec<u32>; 2],
    matched: [Vec<bool>; 2],
}

impl Joining<'_> {
    fn run(&mut self, groups: &[Group], out: &mut Output) -> Result<(), OperatorError> {
        let mut start = [0, 0];
        for group in groups {
            if group.pairs {
                let right = start[1] as u32..group.rows[1] as u32;
                for left in start[0]..group.rows[0] {
                    self.at[0].resize(self.at[0].len() + right.len(), left as u32);
                    self.at[1].extend(right.clone());
                    if self.at[0].len() >= BLOCK_PAIRS {
                        self.pairs(out)?;
                    }
                }
            }
            start = group.rows;
        }
        self.pairs(out)?;
        let rows_where = |matched: &[bool], wanted: bool| -> Vec<u32> {
            let rows = matched.iter().enumerate();
            rows.filter(|&(_, &is)| is == wanted)
                .map(|(row, _)| row as u32)
                .collect()
        };
        if self.kind.left_outer() || self.kind.left_only() {
            let rows = rows_where(&self.matched[0], self.kind == JoinKind::Semi);
            self.emit(&rows, &vec![NOWHERE; rows.len()], out)?;
        }
        if self.kind.right_outer() {
            let rows = rows_where(&self.matched[1], false);
            self.emit(&vec![NOWHERE; rows.len()], &rows, out)?;
        }
        Ok(())
    }

    /// Looks at the pairs collected so far.
    fn pairs(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        let [mut left, mut right] = std::mem::take(&mut self.at);
        if left.is_empty() {
            return Ok(());
        }
        if let Some(condition) = self.condition {
            let at = places(&left, &right);
            let holds = condition.holds(self.combine, &self.left, &self.right, &at, left.len())?;
            let mut kept = 0;
            for pair in holds.set_indices() {
                left[kept] = left[pair];
                right[kept] = right[pair];
                kept += 1;
            }
            left.truncate(kept);
            right.truncate(kept);
        }
        left.iter()
            .for_each(|&row| self.matched[0][row as usize] = true);
        right
            .iter()
            .for_each(|&row| self.matched[1][row as usize] = true);
        if !self.kind.left_only() {
            self.emit(&left, &right, out)?;
        }
        Ok(())
    }

    fn emit(&self, left: &[u32], right: &[u32], out: &mut Output) -> Result<(), OperatorError> {
        for (left, right) in left.chunks(BATCH_ROWS).zip(right.chunks(BATCH_ROWS)) {
            let at = places(left, right);
            let rows = self
                .combine
                .rows(self.schema, &self.left, &self.right, &at, left.len())?;
            out.emit(Batch::append(rows, self.ingest_micros));
        }
        Ok(())
    }
}

fn places(left: &[u32], right: &[u32]) -> PairPlaces {
    PairPlaces {
        input: Places::new(left),
        kept: Places::new(right),
        // All columns are kept: no key stands for another.
        key: Places::Range(0, 0),
    }
}

impl Operator for WindowJoin {
    fn process(&mut self, input: usize, batch: Batch, _: &mut Output) -> Result<(), OperatorError> {
        if let Some(kinds) = &batch.kinds
            && kinds.iter().any(|kind| *kind != RowKind::Insert)
        {
            return Err(OperatorError::Row(
                "a window join of rows that are updated or deleted is not supported; join the \
                 windows before the update"
                    .to_owned(),
            ));
        }
        self.ingest_micros = batch.ingest_micros;
        let side = &mut self.sides[input];
        let ends = rowtime_millis(batch.rows.column(side.window_end), "window_end")?;
        let keys = side.rows.encoder.encode(&batch.rows)?;
        let matchable = side.rows.matchable(&batch.rows);
        let encoded = side.rows.encode(&batch.rows)?;
        // Rows whose key matches nothing come out in some kinds of join only.
        let keeps_all = if input == 0 {
            self.kind.left_outer() || self.kind == JoinKind::Anti
        } else {
            self.kind.right_outer()
        };
        self.keys.clear();
        let mut rows = Vec::with_capacity(batch.len());
        let mut before = self.watermark.max(batch.watermark_before.0);
        for (row, &end) in ends.iter().enumerate() {
            let matchable = matchable.as_ref().is_none_or(|rows| rows.value(row));
            if end.saturating_sub(1) <= before {
                self.late += 1;
            } else if matchable || keeps_all {
                let mut suffix = [0; SUFFIX];
                suffix[..8].copy_from_slice(&end.to_be_bytes());
                suffix[8] = u8::from(matchable);
                let hash = sub_hash(keys.hashes()[row], end as u64, self.key_groups);
                self.keys.push(hash, keys.key(row), &suffix);
                rows.push(row);
            }
            if let Some(watermarks) = &batch.watermarks {
                before = before.max(watermarks[row]);
            }
        }
        let keys = &self.keys;
        side.store
            .slots(&keys.hashes, |i| keys.key(i), &mut self.slots)?;
        for (i, row) in rows.into_iter().enumerate() {
            let at = At {
                slot: self.slots[i],
                hash: keys.hashes[i],
                key: keys.key(i),
            };
            if !side.store.is_live(at.slot) {
                let keys = side.ends.entry(ends[row]).or_default();
                keys.push((at.hash, at.key.into()));
            }
            side.store.add(at, encoded.row(row), &[], 0, 0, |_| false)?;
        }
        Ok(())
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        if watermark.0 <= self.watermark {
            return Ok(());
        }
        self.watermark = watermark.0;
        loop {
            let first = |side: &Side| side.ends.keys().next().copied();
            let ends = self.sides.iter().filter_map(first);
            match ends.min() {
                Some(end) if end.saturating_sub(1) <= watermark.0 => self.fire(end, out)?,
                _ => return Ok(()),
            }
        }
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        for side in &mut self.sides {
            side.store.snapshot(epoch)?;
        }
        Ok(save_watermark(self.watermark))
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.watermark = load_watermark(former)?;
        for side in &mut self.sides {
            let (encoder, key_groups) = (&side.rows.encoder, self.key_groups);
            let ends = &mut side.ends;
            side.store.for_each_due(|key, _| {
                let end = window_end(key);
                let join_key = &key[..key.len().saturating_sub(SUFFIX)];
                let hash = sub_hash(encoder.hash_of(join_key), end as u64, key_groups);
                ends.entry(end).or_default().push((hash, key.into()));
            })?;
        }
        Ok(())
    }

    fn late_rows(&self) -> u64 {
        self.late
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        for side in &mut self.sides {
            side.store.evict()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray, TimestampMillisecondArray};
    use datafusion_expr::Operator as Op;
    use datafusion_physical_expr::expressions::{Column, binary};
    use proptest::prelude::*;

    use super::*;
    use crate::harness::{Input, TwoInputs};

    /// `id`, `k`, `window_end`, and the watermark behind it.
    type Row = (i64, Option<&'static str>, i64, i64);

    fn table(rows: &[Row]) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([
            (
                "id",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))) as ArrayRef,
                true,
            ),
            (
                "k",
                Arc::new(StringArray::from_iter(rows.iter().map(|r| r.1))) as _,
                true,
            ),
            (
                "window_end",
                Arc::new(TimestampMillisecondArray::from_iter_values(
                    rows.iter().map(|r| r.2),
                )) as _,
                true,
            ),
        ])
        .unwrap()
    }

    fn input(rows: &[Row]) -> Input {
        Input::new(&[1], table(rows)).watermarks(rows.iter().map(|r| r.3).collect())
    }

    fn spec(kind: JoinKind) -> WindowJoinSpec {
        WindowJoinSpec {
            kind,
            left_keys: vec![1],
            right_keys: vec![1],
            null_safe: vec![false],
            left_window_end: 2,
            right_window_end: 2,
            condition: None,
        }
    }

    fn joined(kind: JoinKind) -> SchemaRef {
        let one = table(&[]).schema();
        let right = one
            .fields()
            .iter()
            .take(if kind.left_only() { 0 } else { 9 });
        Arc::new(Schema::new(
            one.fields()
                .iter()
                .chain(right)
                .cloned()
                .collect::<Vec<_>>(),
        ))
    }

    fn join<'a>(spec: &'a WindowJoinSpec, left: &[Row], right: &[Row]) -> TwoInputs<'a> {
        TwoInputs::new(
            move |context| {
                let one = table(&[]).schema();
                let output = joined(spec.kind);
                Ok(Box::new(WindowJoin::with_schema(
                    context,
                    one.clone(),
                    one,
                    spec,
                    output,
                )?) as Box<dyn Operator>)
            },
            input(left),
            input(right),
        )
    }

    const LEFT: &[Row] = &[
        (1, Some("a"), 5_000, 0),
        (2, None, 5_000, 0),
        (3, Some("a"), 5_000, 4_998),
        (4, Some("b"), 10_000, 4_999),
        // Its window has ended when both sides are at 4999.
        (5, Some("a"), 5_000, 4_999),
    ];
    const RIGHT: &[Row] = &[
        (6, Some("a"), 5_000, 0),
        (7, Some("a"), 10_000, 0),
        (8, None, 5_000, 4_998),
        (9, Some("b"), 10_000, 4_999),
    ];

    /// The right rows first, but for 9, which ends the window.
    fn check(kind: JoinKind) -> Vec<Vec<String>> {
        let spec = spec(kind);
        let join = join(&spec, LEFT, RIGHT).order(vec![1, 1, 1, 0, 0, 0, 0, 1, 0]);
        join.check(20);
        join.run_each(1).unwrap()
    }

    #[test]
    fn windows_are_joined_when_they_end() {
        let steps = check(JoinKind::Inner);
        assert!(steps[..7].concat().is_empty());
        assert_eq!(
            steps[7],
            ["+I[1, a, 5000, 6, a, 5000]", "+I[3, a, 5000, 6, a, 5000]"]
        );
        assert!(steps[8].is_empty(), "5 is late");
        assert_eq!(steps[9], ["+I[4, b, 10000, 9, b, 10000]"]);
    }

    #[test]
    fn rows_without_a_match_come_at_the_end_of_the_window_too() {
        let steps = check(JoinKind::Full);
        let rows = [
            "+I[1, a, 5000, 6, a, 5000]",
            "+I[3, a, 5000, 6, a, 5000]",
            "+I[2, null, 5000, null, null, null]",
            "+I[null, null, null, 8, null, 5000]",
        ];
        assert_eq!(steps[7], rows);
        let rows = [
            "+I[4, b, 10000, 9, b, 10000]",
            "+I[null, null, null, 7, a, 10000]",
        ];
        assert_eq!(steps[9], rows);
    }

    #[test]
    fn semi_and_anti_joins_give_left_rows_alone() {
        let steps = check(JoinKind::Semi);
        assert_eq!(steps[7], ["+I[1, a, 5000]", "+I[3, a, 5000]"]);
        let steps = check(JoinKind::Anti);
        assert_eq!(steps[7], ["+I[2, null, 5000]"]);
        assert!(steps[9].is_empty());
    }

    #[test]
    fn empty_inputs_join_to_nothing() {
        assert!(join(&spec(JoinKind::Full), &[], &[]).check(3).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]
        #[test]
        fn the_rows_are_those_of_the_windows(
            kind in prop::sample::select(vec![
                JoinKind::Inner, JoinKind::Left, JoinKind::Right, JoinKind::Full, JoinKind::Semi,
                JoinKind::Anti,
            ]),
            condition in any::<bool>(),
            rows in prop::collection::vec(
                (any::<bool>(), prop::sample::select(vec![None, Some("a"), Some("b")]), 0i64..3),
                0..60,
            ),
            seed in any::<u64>(),
        ) {
            let mut spec = spec(kind);
            let schema = joined(JoinKind::Inner);
            if condition {
                spec.condition = Some(binary(
                    Arc::new(Column::new("id", 0)),
                    Op::Gt,
                    Arc::new(Column::new("id", 3)),
                    &schema,
                ).unwrap());
            }
            let mut sides: [Vec<Row>; 2] = [Vec::new(), Vec::new()];
            let mut order = Vec::new();
            for (i, &(right, key, window)) in rows.iter().enumerate() {
                let i = i as i64;
                let end = (i / 10 + window) * 1_000;
                sides[usize::from(right)].push((i, key, end, (i / 10) * 1_000 - 2));
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
            let mut expected = naive(kind, condition, &sides);
            expected.sort();
            prop_assert_eq!(whole, expected);
        }
    }

    fn naive(kind: JoinKind, condition: bool, sides: &[Vec<Row>; 2]) -> Vec<String> {
        let text = |row: &Row| format!("{}, {}, {}", row.0, row.1.unwrap_or("null"), row.2);
        let matches = |l: &Row, r: &Row| {
            l.1.is_some() && l.1 == r.1 && l.2 == r.2 && (!condition || l.0 > r.0)
        };
        let mut rows = Vec::new();
        for l in &sides[0] {
            let found: Vec<_> = sides[1].iter().filter(|r| matches(l, r)).collect();
            match kind {
                JoinKind::Semi if !found.is_empty() => rows.push(format!("+I[{}]", text(l))),
                JoinKind::Anti if found.is_empty() => rows.push(format!("+I[{}]", text(l))),
                JoinKind::Semi | JoinKind::Anti => {}
                _ if found.is_empty() && kind.left_outer() => {
                    rows.push(format!("+I[{}, null, null, null]", text(l)));
                }
                _ => rows.extend(
                    found
                        .iter()
                        .map(|r| format!("+I[{}, {}]", text(l), text(r))),
                ),
            }
        }
        for r in &sides[1] {
            if kind.right_outer() && !sides[0].iter().any(|l| matches(l, r)) {
                rows.push(format!("+I[null, null, null, {}]", text(r)));
            }
        }
        rows
    }
}
