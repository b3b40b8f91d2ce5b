//! OVER aggregates against Flink's answers and the definition, with kills.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMillisecondArray,
};
use datafusion_common::ScalarValue;
use millstream_functions::aggregate::AggregateKind::{self, *};
use proptest::prelude::*;

use super::*;
use crate::harness::Harness;

/// id, key, ts, value.
type Row = (i64, Option<&'static str>, i64, Option<i32>);

const V: usize = 3;
const P: usize = 4;
const S: usize = 5;

/// Columns id, k, ts, v, p = v as DECIMAL(10, 2), s = v as STRING.
fn table(rows: &[Row]) -> RecordBatch {
    let values = || rows.iter().map(|r| r.3);
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
        ("v", Arc::new(Int32Array::from_iter(values())) as _, true),
        (
            "p",
            Arc::new(
                Decimal128Array::from_iter(values().map(|v| v.map(i128::from)))
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ) as _,
            true,
        ),
        (
            "s",
            Arc::new(StringArray::from_iter(
                values().map(|v| v.map(|v| v.to_string())),
            )) as _,
            true,
        ),
    ])
    .unwrap()
}

type Calls<'a> = &'a [(AggregateKind, Option<usize>)];

fn group(schema: &Schema, frame: Frame, calls: Calls<'_>) -> OverGroup {
    let calls = calls
        .iter()
        .map(|(kind, column)| {
            AggregateCall::new(*kind, column.iter().copied().collect(), schema).unwrap()
        })
        .collect();
    OverGroup { frame, calls }
}

fn spec(schema: &Schema, groups: &[(Frame, Calls<'_>)]) -> OverSpec {
    OverSpec {
        partition: vec![1],
        order: 2,
        groups: groups
            .iter()
            .map(|(frame, calls)| group(schema, *frame, calls))
            .collect(),
    }
}

fn harness(rows: RecordBatch, spec: OverSpec, delay: i64) -> Harness<'static> {
    let schema = rows.schema();
    let partition = spec.partition.clone();
    Harness::with_delay(
        move |context| {
            let operator = OverAggregate::new(context, Arc::clone(&schema), &spec)?;
            Ok(Box::new(operator))
        },
        &partition,
        rows,
        2,
        delay,
    )
    .unwrap()
}

/// The results alone, as `id: …`, in the order they came out.
fn results(rows: Vec<String>) -> Vec<String> {
    rows.into_iter()
        .map(|row| {
            let values: Vec<&str> = row[3..row.len() - 1].split(", ").collect();
            format!("{}: {}", values[0], values[6..].join(", "))
        })
        .collect()
}

/// The input of `docs/semantics.md`: row 9 comes below the watermark.
const TX: [Row; 10] = [
    (1, Some("a"), 1_704_067_200_000, Some(1000)),
    (2, Some("a"), 1_704_067_230_000, Some(2000)),
    (3, Some("b"), 1_704_067_231_500, Some(525)),
    (4, Some("a"), 1_704_067_260_000, Some(3000)),
    (5, Some("a"), 1_704_067_260_000, Some(4000)),
    (6, Some("a"), 1_704_067_259_000, Some(100)),
    (7, Some("a"), 1_704_067_290_000, Some(700)),
    (8, Some("a"), 1_704_067_320_500, Some(800)),
    (9, Some("b"), 1_704_067_291_500, Some(999)),
    (10, Some("a"), 1_704_070_800_000, Some(10_000)),
];

fn over_tx(frame: Frame, calls: Calls<'_>) -> Vec<String> {
    let rows = table(&TX);
    let spec = spec(&rows.schema(), &[(frame, calls)]);
    results(harness(rows, spec, 5_000).check(6))
}

#[test]
fn range_frames_are_those_of_flink() {
    let calls = [
        (Count, None),
        (Sum, Some(P)),
        (Avg, Some(P)),
        (Min, Some(P)),
        (Max, Some(P)),
        (FirstValue, Some(0)),
        (LastValue, Some(0)),
    ];
    assert_eq!(
        over_tx(Frame::Range(Some(60_000)), &calls),
        [
            "1: 1, 10.00, 10.000000, 10.00, 10.00, 1, 1",
            "2: 2, 30.00, 15.000000, 10.00, 20.00, 1, 2",
            "3: 1, 5.25, 5.250000, 5.25, 5.25, 3, 3",
            "6: 3, 31.00, 10.333333, 1.00, 20.00, 1, 6",
            "4: 5, 101.00, 20.200000, 1.00, 40.00, 1, 5",
            "5: 5, 101.00, 20.200000, 1.00, 40.00, 1, 5",
            "7: 5, 98.00, 19.600000, 1.00, 40.00, 2, 7",
            "9: 2, 15.24, 7.620000, 5.25, 9.99, 3, 9",
            "8: 2, 15.00, 7.500000, 7.00, 8.00, 7, 8",
            "10: 1, 100.00, 100.000000, 100.00, 100.00, 10, 10",
        ]
    );
}

#[test]
fn rows_frames_are_those_of_flink() {
    assert_eq!(
        over_tx(Frame::Rows(Some(2)), &[(Count, None), (Avg, Some(P))]),
        [
            "1: 1, 10.000000",
            "2: 2, 15.000000",
            "3: 1, 5.250000",
            "6: 3, 10.333333",
            "4: 3, 17.000000",
            "5: 3, 23.666667",
            "7: 3, 25.666667",
            "9: 2, 7.620000",
            "8: 3, 18.333333",
            "10: 3, 38.333333",
        ]
    );
}

#[test]
fn unbounded_frames_drop_what_is_below_the_watermark() {
    assert_eq!(
        over_tx(Frame::Range(None), &[(Count, None)]).join(" "),
        "1: 1 2: 2 3: 1 6: 3 4: 5 5: 5 7: 6 8: 7 10: 8"
    );
    assert_eq!(
        over_tx(Frame::Rows(None), &[(Count, None), (RowNumber, None)]).join(" "),
        "1: 1, 1 2: 2, 2 3: 1, 1 6: 3, 3 4: 4, 4 5: 5, 5 7: 6, 6 8: 7, 7 10: 8, 8"
    );
}

#[test]
fn lag_sees_the_last_peer() {
    let rows = table(&TX);
    let mut spec = spec(
        &rows.schema(),
        &[(
            Frame::Range(None),
            &[(Lag, Some(P)), (Lag, Some(P)), (Lag, Some(S))],
        )],
    );
    let two_before = &mut spec.groups[0].calls[0];
    two_before.literals = vec![
        ScalarValue::Int32(Some(2)),
        ScalarValue::Decimal128(Some(-100), 10, 2),
    ];
    assert_eq!(
        results(harness(rows, spec, 5_000).check(6)),
        [
            "1: -1.00, null, null",
            "2: -1.00, 10.00, 1000",
            "3: -1.00, null, null",
            "6: 10.00, 20.00, 2000",
            "4: 1.00, 30.00, 3000",
            "5: 1.00, 30.00, 3000",
            "7: 30.00, 40.00, 4000",
            "8: 40.00, 7.00, 700",
            "10: 7.00, 8.00, 800",
        ]
    );
}

/// Input and answers of the notes on moving sums in `docs/semantics.md`.
#[test]
fn moving_sums_of_doubles_carry_their_rounding() {
    type Moving = (i64, Option<&'static str>, i64, Option<f64>, Option<i32>);
    let rows: [Moving; 14] = [
        (1, Some("a"), 10_000, Some(0.1), Some(1)),
        (2, Some("a"), 8_000, Some(0.2), Some(2)),
        (3, None, 12_000, Some(0.3), None),
        (4, Some("a"), 30_000, Some(1.0E16), Some(7)),
        (5, Some("c"), 20_000, None, Some(8)),
        (6, Some("d"), 25_000, Some(0.5), Some(8)),
        (7, Some("d"), 25_000, Some(0.6), Some(9)),
        (8, None, 70_000, Some(0.7), Some(10)),
        (9, Some("a"), 71_000, Some(0.3), Some(11)),
        (10, Some("a"), 72_000, Some(0.4), Some(12)),
        (11, Some("a"), 89_000, None, None),
        (12, Some("a"), 120_000, Some(0.5), Some(13)),
        (13, Some("a"), 120_000, None, Some(13)),
        (14, Some("a"), 132_001, Some(0.6), Some(-5)),
    ];
    let input = RecordBatch::try_from_iter_with_nullable([
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
        (
            "x",
            Arc::new(Float64Array::from_iter(rows.iter().map(|r| r.3))) as _,
            true,
        ),
        (
            "i",
            Arc::new(Int32Array::from_iter(rows.iter().map(|r| r.4))) as _,
            true,
        ),
    ])
    .unwrap();
    let over = |frame, calls: Calls<'_>| {
        let spec = spec(&input.schema(), &[(frame, calls)]);
        let rows = harness(input.clone(), spec, 5_000).check(4);
        let values = |row: &str| {
            let values: Vec<&str> = row[3..row.len() - 1].split(", ").collect();
            format!("{}: {}", values[0], values[5..].join(", "))
        };
        rows.iter().map(|row| values(row)).collect::<Vec<_>>()
    };
    let calls = [
        (Sum, Some(3)),
        (Avg, Some(3)),
        (Sum, Some(4)),
        (Avg, Some(4)),
        (Count, None),
    ];
    assert_eq!(
        over(Frame::Range(Some(60_000)), &calls),
        [
            "2: 0.2, 0.2, 2, 2, 1",
            "1: 0.30000000000000004, 0.15000000000000002, 3, 1, 2",
            "3: 0.3, 0.3, null, null, 1",
            "5: null, null, 8, 8, 1",
            "6: 1.1, 0.55, 17, 8, 2",
            "7: 1.1, 0.55, 17, 8, 2",
            "4: 1e16, 3333333333333333.5, 10, 3, 3",
            "8: 1.0, 0.5, 10, 10, 2",
            "9: 1e16, 5000000000000000.0, 18, 9, 2",
            "10: 1e16, 3333333333333333.5, 30, 10, 3",
            "11: 1e16, 3333333333333333.5, 30, 10, 4",
            "12: 0.5, 0.16666666666666666, 49, 12, 5",
            "13: 0.5, 0.16666666666666666, 49, 12, 5",
            "14: 0.39999999999999997, 0.19999999999999998, 21, 7, 4",
        ]
    );
    let calls = [(Sum, Some(3)), (Min, Some(3)), (Max, Some(4))];
    assert_eq!(
        over(Frame::Rows(Some(2)), &calls)[9..],
        [
            "10: 1e16, 0.3, 12",
            "11: 0.0, 0.3, 12",
            "12: 0.2, 0.4, 13",
            "13: -0.2, 0.5, 13",
            "14: 0.39999999999999997, 0.5, 13",
        ]
    );
}

#[test]
fn strings_slide_too() {
    let rows = table(&[
        (1, Some("a"), 1, Some(5)),
        (2, Some("a"), 3, None),
        (3, Some("a"), 5, Some(12)),
        (4, Some("a"), 8, Some(7)),
        (5, Some("a"), 20, None),
    ]);
    let calls = [
        (Min, Some(S)),
        (Max, Some(S)),
        (FirstValue, Some(S)),
        (LastValue, Some(S)),
        (Count, Some(S)),
    ];
    let sliding = spec(&rows.schema(), &[(Frame::Range(Some(4)), &calls)]);
    assert_eq!(
        results(harness(rows.clone(), sliding, 0).check(4)),
        [
            "1: 5, 5, 5, 5, 1",
            "2: 5, 5, 5, 5, 1",
            "3: 12, 5, 5, 12, 2",
            "4: 12, 7, 12, 7, 2",
            "5: null, null, null, null, 0",
        ]
    );
    let all = spec(&rows.schema(), &[(Frame::Range(None), &calls)]);
    assert_eq!(
        results(harness(rows, all, 0).check(4)).last().unwrap(),
        "5: 12, 7, 5, 7, 3"
    );
}

/// Flink: after 1.5 frames without a row of the key the last time it fired is forgotten.
#[test]
fn a_key_long_idle_takes_late_rows_again() {
    let rows = table(&[
        (1, Some("a"), 10_000, Some(1)),
        (2, Some("b"), 10_014, Some(1)), // a remembers until 10,016
        (3, Some("a"), 9_999, Some(1)),  // late
        (4, Some("b"), 10_016, Some(1)),
        (5, Some("a"), 9_999, Some(1)), // late, but a has forgotten
        (6, Some("a"), 9_998, Some(1)), // due with it
        (7, Some("b"), 10_017, Some(1)),
        (8, Some("a"), 9_999, Some(1)), // and has forgotten at once: 9,999 is too long ago
        (9, Some("a"), 10_016, Some(1)), // below the watermark, kept
        (10, Some("b"), 10_018, Some(1)),
        (11, Some("a"), 10_016, Some(1)), // late: a remembers 10,016 until 10,032
    ]);
    let spec = spec(
        &rows.schema(),
        &[(Frame::Range(Some(10)), &[(Count, None)])],
    );
    let mut got = results(harness(rows, spec, 0).check(8));
    got.sort();
    assert_eq!(
        got,
        [
            "10: 4", "1: 1", "2: 1", "4: 2", "5: 2", "6: 1", "7: 3", "8: 1", "9: 1"
        ]
    );
}

/// The key was forgotten (at 9) when a row in time came, and is remembered again because of it: rows
/// from before the first time it fired are still taken, not the first of them only.
#[test]
fn a_key_that_began_anew_takes_every_late_row() {
    let rows = table(&[
        (0, None, -10, None),
        (1, Some("b"), 4, None),
        (2, None, 13, None),
        (3, Some("b"), 17, None),
        (4, Some("b"), 1, None),
        (5, Some("b"), 1, Some(10)),
    ]);
    let calls = [(Count, None), (Sum, Some(V))];
    let spec = spec(&rows.schema(), &[(Frame::Range(Some(3)), &calls)]);
    let mut got = results(harness(rows, spec, 4).check(6));
    got.sort();
    assert_eq!(
        got,
        [
            "1: 1, null",
            "2: 1, null",
            "3: 1, null",
            "4: 2, 10",
            "5: 2, 10"
        ]
    );
}

#[test]
fn what_is_not_done_is_refused_by_name() {
    let rows = table(&TX);
    let schema = rows.schema();
    let refused = |frame, calls: Calls<'_>| {
        let spec = spec(&schema, &[(frame, calls)]);
        let error = harness(rows.clone(), spec, 0).run(10).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        refused(Frame::Rows(Some(1)), &[(Lag, Some(V))]),
        "LAG(Int32) over a bounded frame is not supported; LAG takes no frame: write OVER \
         (PARTITION BY … ORDER BY …)"
    );
    assert_eq!(
        refused(Frame::Range(None), &[(StddevPop, Some(V))]),
        "STDDEV_POP(Int32) is not supported; cast the argument to DOUBLE"
    );
    let mut by_value = spec(&schema, &[(Frame::Range(None), &[(Count, None)])]);
    by_value.order = V;
    let error = harness(rows.clone(), by_value, 0).run(10).unwrap_err();
    assert!(
        error.to_string().contains("only ascending event time"),
        "{error}"
    );
}

/// A few rows that wait long must not hold all batches they came in.
#[test]
fn rows_that_wait_long_are_copied_out_of_their_batches() {
    const ROWS: i64 = 80_000;
    let far = |i: i64| i % 1_000 == 7;
    let rows: Vec<Row> = (0..ROWS)
        .map(|i| {
            let time = 1_000 + i + if far(i) { 1_000_000 } else { 0 };
            (i, Some(if i % 2 == 0 { "a" } else { "b" }), time, Some(1))
        })
        .collect();
    // The far rows do not raise the watermark.
    let watermarks = (0..ROWS).map(|i| 1_000 + i).collect();
    let input = table(&rows);
    let schema = input.schema();
    let over = spec(&schema, &[(Frame::Rows(None), &[(Count, None)])]);
    let harness = Harness::new(
        move |context| {
            let operator = OverAggregate::new(context, Arc::clone(&schema), &over)?;
            Ok(Box::new(operator))
        },
        &[1],
        input,
        watermarks,
    );
    let out = results(harness.run(8192).unwrap());
    assert_eq!(out.len(), ROWS as usize);
    let (soon, late) = out.split_at(out.len() - 80);
    assert_eq!(
        soon.last().unwrap(),
        &format!("{}: {}", ROWS - 1, ROWS / 2 - 80)
    );
    // All far rows are of key b.
    let expected: Vec<String> = (0..80)
        .map(|i| format!("{}: {}", i * 1_000 + 7, ROWS / 2 - 79 + i))
        .collect();
    assert_eq!(late, expected);
}

/// An event of a stream, as Flink's operators see it.
#[derive(Debug, Clone)]
enum Event {
    Row { row: Row, results: String },
    Watermark(i64),
}

#[derive(Debug, Default)]
struct Key {
    last: i64,
    cleanup: Option<i64>,
    waiting: BTreeMap<i64, Vec<(Row, String)>>,
    fired: Vec<Row>,
}

/// One OVER operator of Flink, row by row and watermark by watermark, by the definition of frames.
fn flink_over(events: Vec<Event>, frame: Frame) -> Vec<Event> {
    let mut keys: BTreeMap<Option<&str>, Key> = BTreeMap::new();
    let mut timers: BTreeSet<(i64, Option<&str>)> = BTreeSet::new();
    let mut watermark = i64::MIN;
    let mut out = Vec::new();
    let bounded = matches!(frame, Frame::Range(Some(_)) | Frame::Rows(Some(_)));
    for event in events {
        match event {
            Event::Row { row, results } => {
                let key = keys.entry(row.1).or_default();
                let takes = if bounded {
                    row.2 > key.last
                } else {
                    row.2 > watermark
                };
                if !takes {
                    continue;
                }
                key.waiting.entry(row.2).or_default().push((row, results));
                timers.insert((row.2, row.1));
                if let Frame::Range(Some(p)) = frame
                    && key.cleanup.is_none_or(|c| c < row.2 + p + 1)
                {
                    key.cleanup = Some(row.2 + p + p / 2 + 1);
                    timers.insert((row.2 + p + p / 2 + 1, row.1));
                }
            }
            Event::Watermark(to) => {
                watermark = to;
                while let Some(&(time, name)) = timers.first()
                    && time <= to
                {
                    timers.pop_first();
                    let key = keys.get_mut(&name).unwrap();
                    if key.cleanup.is_some_and(|c| c <= time) {
                        *key = Key::default();
                        continue;
                    }
                    let Some(peers) = key.waiting.remove(&time) else {
                        continue;
                    };
                    key.last = time;
                    let before = key.fired.len();
                    key.fired.extend(peers.iter().map(|(row, _)| *row));
                    for (i, (row, results)) in peers.into_iter().enumerate() {
                        let upto = before + i + 1;
                        let inside: Vec<Row> = match frame {
                            Frame::Range(None) => key.fired.clone(),
                            Frame::Range(Some(p)) => key
                                .fired
                                .iter()
                                .filter(|r| r.2 >= time - p)
                                .copied()
                                .collect(),
                            Frame::Rows(None) => key.fired[..upto].to_vec(),
                            Frame::Rows(Some(n)) => {
                                key.fired[upto.saturating_sub(n as usize + 1)..upto].to_vec()
                            }
                        };
                        let results = format!("{results}, {}", by_definition(&inside, bounded));
                        out.push(Event::Row { row, results });
                    }
                }
                out.push(Event::Watermark(to));
            }
        }
    }
    out
}

const CALLS: [(AggregateKind, Option<usize>); 8] = [
    (Count, None),
    (Sum, Some(V)),
    (Avg, Some(P)),
    (Min, Some(V)),
    (Max, Some(S)),
    (FirstValue, Some(V)),
    (LastValue, Some(S)),
    (Count, Some(V)),
];

/// [`CALLS`] over rows in order; over an unbounded frame a LAG of two rows as well.
fn by_definition(rows: &[Row], bounded: bool) -> String {
    let values: Vec<i32> = rows.iter().filter_map(|r| r.3).collect();
    let text = |v: Option<i32>| v.map_or("null".to_owned(), |v| v.to_string());
    let strings = || values.iter().map(|v| v.to_string());
    let sum: i32 = values.iter().sum();
    let some = !values.is_empty();
    let average = some.then(|| {
        // Cents to millionths, half up.
        let (n, d) = (i64::from(sum) * 10_000, values.len() as i64);
        let micros = (2 * n + d).div_euclid(2 * d);
        format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    });
    let mut all = vec![
        rows.len().to_string(),
        text(some.then_some(sum)),
        average.unwrap_or("null".to_owned()),
        text(values.iter().min().copied()),
        strings().max().unwrap_or("null".to_owned()),
        text(values.first().copied()),
        text(values.last().copied()),
        values.len().to_string(),
    ];
    if !bounded {
        all.push(text(rows.len().checked_sub(3).and_then(|i| rows[i].3)));
    }
    all.join(", ")
}

/// A chain of OVER operators, one a frame.
fn expected(rows: &[Row], frames: &[Frame], delay: i64) -> Vec<String> {
    let mut events = Vec::new();
    let mut watermark = 0;
    for &row in rows {
        events.push(Event::Row {
            row,
            results: format!("{}:", row.0),
        });
        if row.2 - delay > watermark {
            watermark = row.2 - delay;
            events.push(Event::Watermark(watermark));
        }
    }
    events.push(Event::Watermark(i64::MAX));
    for &frame in frames {
        events = flink_over(events, frame);
    }
    let mut out: Vec<String> = events
        .into_iter()
        .filter_map(|event| match event {
            Event::Row { results, .. } => Some(results.replacen(":,", ":", 1)),
            Event::Watermark(_) => None,
        })
        .collect();
    out.sort();
    out
}

fn chain(rows: &[Row], frames: &[Frame], delay: i64) -> Harness<'static> {
    let rows = table(rows);
    let schema = rows.schema();
    let groups = frames
        .iter()
        .map(|frame| {
            let mut group = group(&schema, *frame, &CALLS);
            if matches!(frame, Frame::Range(None) | Frame::Rows(None)) {
                let lag = AggregateCall::new(Lag, vec![V], &schema).unwrap();
                group
                    .calls
                    .push(lag.with_literals(vec![ScalarValue::Int32(Some(2))]));
            }
            group
        })
        .collect();
    let spec = OverSpec {
        partition: vec![1],
        order: 2,
        groups,
    };
    harness(rows, spec, delay)
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = prop_oneof![Just(None), Just(Some("a")), Just(Some("b"))];
    prop::collection::vec((key, 0..30i64, prop::option::weighted(0.8, 0..100)), 1..70).prop_map(
        |rows| {
            let numbered = rows.into_iter().enumerate();
            numbered
                .map(|(i, (k, jitter, v))| (i as i64, k, i as i64 * 2 + jitter - 10, v))
                .collect()
        },
    )
}

fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        (0..40i64).prop_map(|p| Frame::Range(Some(p))),
        (0..5u64).prop_map(|n| Frame::Rows(Some(n))),
        Just(Frame::Range(None)),
        Just(Frame::Rows(None)),
    ]
}

fn is_time_bounded(frame: &Frame) -> bool {
    matches!(frame, Frame::Range(Some(_)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn one_frame_agrees_with_flink(
        rows in rows(),
        frame in frame(),
        delay in 0..30i64,
        seed: u64,
    ) {
        let expected = expected(&rows, &[frame], delay);
        let harness = chain(&rows, &[frame], delay);
        let sorted = |rows: Vec<String>| {
            let mut rows = results(rows);
            rows.sort();
            rows
        };
        prop_assert_eq!(sorted(harness.run(1).unwrap()), expected.clone());
        prop_assert_eq!(sorted(harness.run(9).unwrap()), expected.clone());
        prop_assert_eq!(sorted(harness.run_killed(seed).unwrap()), expected);
    }

    /// Only the first frame is bounded by time: one behind it forgets by the rows that came out of
    /// the first, and the module says what then holds.
    #[test]
    fn chained_frames_agree_with_a_chain_of_operators(
        rows in rows(),
        frames in prop::collection::vec(frame(), 2..4),
        delay in 0..30i64,
        seed: u64,
    ) {
        prop_assume!(!frames[1..].iter().any(is_time_bounded));
        let expected = expected(&rows, &frames, delay);
        let harness = chain(&rows, &frames, delay);
        let sorted = |rows: Vec<String>| {
            let mut rows = results(rows);
            rows.sort();
            rows
        };
        prop_assert_eq!(sorted(harness.run(7).unwrap()), expected.clone());
        prop_assert_eq!(sorted(harness.run_killed(seed).unwrap()), expected);
    }

    /// Without late rows any chain agrees.
    #[test]
    fn any_chain_agrees_when_nothing_is_late(
        rows in rows(),
        frames in prop::collection::vec(frame(), 2..5),
        seed: u64,
    ) {
        let rows: Vec<Row> = rows.into_iter().filter(|r| r.2 > 0).collect();
        let expected = expected(&rows, &frames, 31);
        let harness = chain(&rows, &frames, 31);
        let sorted = |rows: Vec<String>| {
            let mut rows = results(rows);
            rows.sort();
            rows
        };
        prop_assert_eq!(sorted(harness.run(8192).unwrap()), expected.clone());
        prop_assert_eq!(sorted(harness.run_killed(seed).unwrap()), expected);
    }
}
