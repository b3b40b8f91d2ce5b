use std::collections::BTreeMap;

use arrow::array::{Int64Array, StringArray, TimestampMillisecondArray};
use datafusion_expr::Operator as Op;
use datafusion_physical_expr::expressions::{Column, binary};
use proptest::prelude::*;

use super::*;
use crate::harness::{Input, TwoInputs};

/// `id`, `k`, `ts`, and the watermark behind it.
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
            "ts",
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

fn spec(kind: JoinKind, lower: i64, upper: i64) -> IntervalJoinSpec {
    IntervalJoinSpec {
        kind,
        left_keys: vec![1],
        right_keys: vec![1],
        null_safe: vec![false],
        time: IntervalTime::Rowtime { left: 2, right: 2 },
        lower,
        upper,
        condition: None,
    }
}

fn joined() -> SchemaRef {
    let one = table(&[]).schema();
    Arc::new(Schema::new(
        one.fields()
            .iter()
            .chain(one.fields())
            .cloned()
            .collect::<Vec<_>>(),
    ))
}

fn join<'a>(spec: &'a IntervalJoinSpec, left: &[Row], right: &[Row]) -> TwoInputs<'a> {
    TwoInputs::new(
        move |context| {
            let one = table(&[]).schema();
            Ok(Box::new(IntervalJoin::with_schema(
                context,
                &one,
                &one,
                spec,
                joined(),
            )?) as Box<dyn Operator>)
        },
        input(left),
        input(right),
    )
}

#[test]
fn rows_within_the_interval_are_joined() {
    // Left from 4 s before to 1 s after.
    let spec = spec(JoinKind::Inner, -4_000, 1_000);
    let left = [
        (1, Some("a"), 6_000, 0),
        (2, Some("a"), 5_999, 0),
        (3, Some("a"), 11_000, 0),
        (4, Some("a"), 11_001, 0),
        (5, Some("b"), 9_000, 0),
        (6, None, 9_000, 0),
    ];
    let right = [(7, Some("a"), 10_000, 0), (8, None, 9_000, 0)];
    let rows = [
        "+I[1, a, 6000, 7, a, 10000]",
        "+I[3, a, 11000, 7, a, 10000]",
    ];
    assert_eq!(join(&spec, &left, &right).check(20), rows);
}

#[test]
fn a_row_that_nothing_can_match_any_more_comes_beside_nulls() {
    let spec = spec(JoinKind::Full, -1_000, 500);
    let left = [
        (1, Some("a"), 1_000, 0),
        (2, None, 1_500, 0),
        // The right one is at 1200 yet, so time has not come to 2000: 1 is still there.
        (3, Some("a"), 9_000, 8_000),
    ];
    let right = [
        (4, Some("b"), 1_200, 0),
        // Time has come to 2001 then, which is past 1000 + 1000, and past 1200 + 500.
        (5, Some("b"), 3_000, 2_001),
        // Comes when 4 is gone: it has no match.
        (6, Some("a"), 2_000, 2_400),
    ];
    let join = join(&spec, &left, &right).order(vec![0, 0, 1, 0, 1, 1]);
    let steps = join.run_each(1).unwrap();
    assert!(steps[..4].concat().is_empty());
    assert_eq!(
        steps[4],
        [
            "+I[1, a, 1000, null, null, null]",
            "+I[null, null, null, 4, b, 1200]"
        ]
    );
    assert!(steps[5].is_empty(), "2 is there until 2501, 6 until 2501");
    let rows: BTreeMap<String, ()> = steps[6].iter().map(|row| (row.clone(), ())).collect();
    let rows: Vec<&str> = rows.keys().map(String::as_str).collect();
    let last = [
        "+I[2, null, 1500, null, null, null]",
        "+I[3, a, 9000, null, null, null]",
        "+I[null, null, null, 5, b, 3000]",
        "+I[null, null, null, 6, a, 2000]",
    ];
    assert_eq!(rows, last);
    join.check(20);
}

#[test]
fn a_late_row_is_matched_with_what_is_there() {
    let spec = spec(JoinKind::Left, -2_000, 2_000);
    let left = [
        (1, Some("a"), 10_000, 10_000),
        // Late, and 4 is there until 12001.
        (2, Some("a"), 9_000, 10_000),
        // So late that nothing can match it any more.
        (3, Some("a"), 1_000, 20_000),
    ];
    let right = [
        (4, Some("a"), 10_000, 10_000),
        (5, Some("a"), 20_000, 20_000),
    ];
    let join = join(&spec, &left, &right).order(vec![1, 0, 0, 1, 0]);
    let rows = [
        "+I[1, a, 10000, 4, a, 10000]",
        "+I[2, a, 9000, 4, a, 10000]",
        "+I[3, a, 1000, null, null, null]",
    ];
    assert_eq!(join.check(20), rows);
}

#[test]
fn the_interval_may_lie_on_one_side() {
    // The left row comes 5 to 10 s after the right one.
    let spec = spec(JoinKind::Left, 5_000, 10_000);
    let left = [
        (1, Some("a"), 4_999, 0),
        (2, Some("a"), 5_000, 0),
        (3, Some("a"), 10_000, 0),
        (4, Some("a"), 10_001, 0),
    ];
    let right = [(5, Some("a"), 0, 0)];
    let mut rows = join(&spec, &left, &right).check(20);
    rows.sort();
    let expected = [
        "+I[1, a, 4999, null, null, null]",
        "+I[2, a, 5000, 5, a, 0]",
        "+I[3, a, 10000, 5, a, 0]",
        "+I[4, a, 10001, null, null, null]",
    ];
    assert_eq!(rows, expected);
}

#[test]
fn event_time_is_held_back() {
    let late = |lower, upper| {
        crate::harness::with_context(|context| {
            let one = table(&[]).schema();
            let spec = spec(JoinKind::Inner, lower, upper);
            let mut join = IntervalJoin::with_schema(context, &one, &one, &spec, joined())?;
            let mut out = Output::default();
            join.process(
                0,
                Batch::append(table(&[(1, Some("a"), 5_000, 0)]), 0),
                &mut out,
            )?;
            let mut batch = Batch::append(table(&[(2, Some("a"), 5_000, 0)]), 0);
            batch.watermark_before = Watermark(4_000);
            batch.watermarks = Some(vec![5_000].into());
            join.process(1, batch, &mut out)?;
            let emitted = out.take().remove(0);
            Ok((
                join.watermark_delay(),
                emitted.watermark_before.0,
                emitted.watermarks.unwrap()[0],
            ))
        })
        .unwrap()
    };
    assert_eq!(late(-4_000, 1_000), (4_000, 0, 1_000));
    assert_eq!(late(0, 2_000), (2_000, 2_000, 3_000));
}

/// With processing time a row's time is when it came.
#[test]
fn processing_time_is_when_a_row_came() {
    let mut spec = spec(JoinKind::Left, -1_000, 0);
    spec.time = IntervalTime::Processing;
    let left = [
        (1, Some("a"), 0, 0),
        (2, Some("b"), 0, 0),
        (3, Some("a"), 0, 0),
    ];
    let right = [
        (4, Some("a"), 0, 0),
        (5, Some("b"), 0, 0),
        (6, Some("a"), 0, 0),
    ];
    let join = join(&spec, &left, &right)
        .order(vec![0, 0, 1, 1, 0, 1])
        .clock(vec![0, 0, 999, 1_001, 5_000, 5_000], 60_000);
    let rows = [
        "+I[1, a, 0, 4, a, 0]",
        "+I[2, b, 0, null, null, null]",
        "+I[3, a, 0, 6, a, 0]",
    ];
    assert_eq!(join.check(20), rows);
}

#[test]
fn many_rows_of_a_key_are_joined() {
    let mut spec = spec(JoinKind::Full, -50, 50);
    let schema = joined();
    spec.condition = Some(
        binary(
            Arc::new(Column::new("id", 0)),
            Op::NotEq,
            Arc::new(Column::new("id", 3)),
            &schema,
        )
        .unwrap(),
    );
    let rows: Vec<Row> = (0..400)
        .map(|i| (i, Some("a"), i * 10, i * 10 - 30))
        .collect();
    let joined = join(&spec, &rows, &rows).interleaved(5).check(10);
    // Each with its ten neighbours but itself, fewer at the ends.
    assert_eq!(joined.len(), 400 * 10 - 2 * (1 + 2 + 3 + 4 + 5));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    /// In order or not, as long as nothing is late: the rows are those of the definition.
    #[test]
    fn the_rows_are_those_of_the_definition(
        kind in prop::sample::select(vec![
            JoinKind::Inner, JoinKind::Left, JoinKind::Right, JoinKind::Full,
        ]),
        bounds in prop::sample::select(vec![(-3_000, 0), (-500, 1_500), (0, 0), (1_000, 4_000)]),
        rows in prop::collection::vec(
            (any::<bool>(), prop::sample::select(vec![None, Some("a"), Some("b")]), 0i64..900),
            0..60,
        ),
        late in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let spec = spec(kind, bounds.0, bounds.1);
        let mut sides: [Vec<Row>; 2] = [Vec::new(), Vec::new()];
        let mut order = Vec::new();
        let mut highest = 0;
        for (i, &(right, key, jitter)) in rows.iter().enumerate() {
            // Up to 900 ms out of order.
            let time = 300 * i as i64 + jitter;
            highest = highest.max(time);
            let watermark = if late { highest } else { highest - 901 };
            sides[usize::from(right)].push((i as i64, key, time, watermark));
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
            let mut expected = naive(kind, bounds, &sides);
            expected.sort();
            prop_assert_eq!(whole, expected);
        }
    }
}

fn naive(kind: JoinKind, (lower, upper): (i64, i64), sides: &[Vec<Row>; 2]) -> Vec<String> {
    let text = |row: &Row| format!("{}, {}, {}", row.0, row.1.unwrap_or("null"), row.2);
    let matches =
        |l: &Row, r: &Row| l.1.is_some() && l.1 == r.1 && l.2 >= r.2 + lower && l.2 <= r.2 + upper;
    let mut rows = Vec::new();
    for l in &sides[0] {
        let found: Vec<_> = sides[1].iter().filter(|r| matches(l, r)).collect();
        if found.is_empty() && kind.left_outer() {
            rows.push(format!("+I[{}, null, null, null]", text(l)));
        }
        rows.extend(
            found
                .iter()
                .map(|r| format!("+I[{}, {}]", text(l), text(r))),
        );
    }
    for r in &sides[1] {
        if kind.right_outer() && !sides[0].iter().any(|l| matches(l, r)) {
            rows.push(format!("+I[null, null, null, {}]", text(r)));
        }
    }
    rows
}
