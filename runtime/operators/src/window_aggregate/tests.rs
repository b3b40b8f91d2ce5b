//! Window aggregates against the definition, with kills.

use std::collections::BTreeMap;

use arrow::array::{
    BooleanArray, Decimal128Array, Int32Array, StringArray, TimestampMillisecondArray,
};
use proptest::prelude::*;

use super::*;
use crate::harness::Harness;
use AggregateKind::{Avg, Count, FirstValue, LastValue, Max, Min, Sum};

type Row = (Option<&'static str>, i64, Option<i32>);

/// Columns k, ts, v, and p = v as DECIMAL(10, 2), s = v as STRING, odd = v is odd.
fn table(rows: &[Row]) -> RecordBatch {
    let values = || rows.iter().map(|r| r.2);
    RecordBatch::try_from_iter_with_nullable([
        (
            "k",
            Arc::new(StringArray::from_iter(rows.iter().map(|r| r.0))) as ArrayRef,
            true,
        ),
        (
            "ts",
            Arc::new(TimestampMillisecondArray::from_iter_values(
                rows.iter().map(|r| r.1),
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
        (
            "odd",
            Arc::new(BooleanArray::from_iter(
                values().map(|v| v.map(|v| v % 2 == 1)),
            )) as _,
            true,
        ),
    ])
    .unwrap()
}

const V: usize = 2;
const P: usize = 3;
const S: usize = 4;
const ODD: usize = 5;

fn harness(
    rows: &[Row],
    keys: &[usize],
    window: Window,
    calls: &[(AggregateKind, Option<usize>)],
    delay: i64,
) -> Harness<'static> {
    let rows = table(rows);
    let schema = rows.schema();
    let calls = calls
        .iter()
        .map(|(kind, column)| {
            let args = column.iter().copied().collect();
            AggregateCall::new(*kind, args, &schema).unwrap()
        })
        .collect();
    let spec = WindowSpec {
        keys: keys.to_vec(),
        rowtime: 1,
        window,
        calls,
    };
    Harness::with_delay(
        move |context| {
            let operator = WindowAggregate::new(context, Arc::clone(&schema), &spec)?;
            Ok(Box::new(operator))
        },
        keys,
        rows,
        1,
        delay,
    )
    .unwrap()
}

fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}

/// The input of the notes on Flink: watermark 1 s behind; row 5 is late, row 6 is at the watermark.
const NOTES: [Row; 9] = [
    (Some("a"), 1_000, Some(1)),
    (Some("b"), 5_000, Some(2)),
    (Some("a"), 9_900, Some(4)),
    (Some("a"), 12_000, Some(5)),
    (Some("a"), 8_000, Some(100)),
    (Some("b"), 11_000, Some(6)),
    (Some("a"), 25_000, Some(7)),
    (None, 26_000, None),
    (Some("b"), 26_500, Some(9)),
];

#[test]
fn tumble_drops_rows_of_fired_windows_only() {
    let window = Window::Tumble {
        size: 10_000,
        offset: 0,
    };
    let calls = [
        (Count, None),
        (Sum, Some(V)),
        (Avg, Some(V)),
        (Avg, Some(P)),
    ];
    assert_eq!(
        sorted(harness(&NOTES, &[0], window, &calls, 1_000).check(8)),
        [
            "+I[a, 1, 5, 5, 0.050000, 10000, 20000, 19999]",
            "+I[a, 1, 7, 7, 0.070000, 20000, 30000, 29999]",
            "+I[a, 2, 5, 2, 0.025000, 0, 10000, 9999]",
            "+I[b, 1, 2, 2, 0.020000, 0, 10000, 9999]",
            "+I[b, 1, 6, 6, 0.060000, 10000, 20000, 19999]",
            "+I[b, 1, 9, 9, 0.090000, 20000, 30000, 29999]",
            "+I[null, 1, null, null, null, 20000, 30000, 29999]",
        ]
    );
}

#[test]
fn hop_counts_a_late_row_in_the_windows_still_open() {
    let window = Window::Hop {
        size: 10_000,
        slide: 5_000,
        offset: 0,
    };
    let rows = sorted(
        harness(
            &NOTES,
            &[0],
            window,
            &[(Count, None), (Sum, Some(V))],
            1_000,
        )
        .check(8),
    );
    // 4 + 5 + the late 100.
    assert!(
        rows.contains(&"+I[a, 3, 109, 5000, 15000, 14999]".to_owned()),
        "{rows:?}"
    );
    assert!(
        rows.contains(&"+I[a, 2, 5, 0, 10000, 9999]".to_owned()),
        "{rows:?}"
    );
    assert_eq!(rows.len(), 13, "{rows:?}");
}

#[test]
fn cumulate_emits_again_where_nothing_came() {
    let window = Window::Cumulate {
        max_size: 10_000,
        step: 5_000,
        offset: 0,
    };
    let rows = sorted(
        harness(
            &NOTES,
            &[0],
            window,
            &[(Count, None), (Sum, Some(V))],
            1_000,
        )
        .check(8),
    );
    assert_eq!(
        rows,
        [
            "+I[a, 1, 1, 0, 5000, 4999]",
            "+I[a, 1, 5, 10000, 15000, 14999]",
            "+I[a, 1, 5, 10000, 20000, 19999]",
            "+I[a, 1, 7, 20000, 30000, 29999]",
            "+I[a, 2, 5, 0, 10000, 9999]",
            "+I[b, 1, 2, 0, 10000, 9999]",
            "+I[b, 1, 6, 10000, 15000, 14999]",
            "+I[b, 1, 6, 10000, 20000, 19999]",
            "+I[b, 1, 9, 20000, 30000, 29999]",
            "+I[null, 1, null, 20000, 30000, 29999]",
        ]
    );
}

#[test]
fn without_keys_there_is_one_group_and_no_row_for_no_input() {
    let window = Window::Tumble {
        size: 10,
        offset: 0,
    };
    let rows = [
        (None, 1, Some(1)),
        (Some("x"), 2, Some(2)),
        (None, 31, None),
    ];
    let calls = [(Count, None), (Sum, Some(V))];
    assert_eq!(
        harness(&rows, &[], window, &calls, 0).check(4),
        ["+I[2, 3, 0, 10, 9]", "+I[1, null, 30, 40, 39]"]
    );
    assert!(harness(&[], &[], window, &calls, 0).check(2).is_empty());
}

#[test]
fn strings_are_aggregated_too() {
    let rows = [
        (Some("a"), 1, Some(7)),
        (Some("a"), 6, None),
        (Some("a"), 7, Some(12)),
        (Some("a"), 8, Some(3)),
    ];
    let window = Window::Tumble {
        size: 10,
        offset: 0,
    };
    let calls = [
        (Min, Some(S)),
        (Max, Some(S)),
        (FirstValue, Some(S)),
        (LastValue, Some(S)),
        (LastValue, Some(V)),
        (Min, Some(P)),
    ];
    assert_eq!(
        harness(&rows, &[0], window, &calls, 0).check(4),
        ["+I[a, 12, 7, 7, 3, 3, 0.03, 0, 10, 9]"]
    );
    let window = Window::Hop {
        size: 10,
        slide: 5,
        offset: 0,
    };
    assert_eq!(
        harness(&rows, &[0], window, &[(Min, Some(S)), (Max, Some(S))], 0).check(4),
        [
            "+I[a, 7, 7, -5, 5, 4]",
            "+I[a, 12, 7, 0, 10, 9]",
            "+I[a, 12, 3, 5, 15, 14]"
        ]
    );
}

#[test]
fn what_slices_cannot_merge_is_refused() {
    let window = Window::Hop {
        size: 10,
        slide: 5,
        offset: 0,
    };
    let error = harness(&NOTES, &[0], window, &[(FirstValue, Some(V))], 0)
        .run(10)
        .unwrap_err();
    assert!(
        error.to_string().starts_with("FIRST_VALUE(Int32) over HOP"),
        "{error}"
    );
}

#[test]
fn the_bytes_of_the_state_never_change() {
    let state = KeyWindows {
        timer: 20,
        entries: vec![Entry { end: 10, fired: 5 }, Entry { end: 20, fired: 0 }],
        width: 2,
        cell_width: 1,
        words: vec![1, 2, 3, u64::MAX],
        cells: vec![None, Some([7].into())],
    };
    let mut bytes = Vec::new();
    state.encode(&mut bytes);
    assert_eq!(
        bytes,
        [1, 40, 2, 1, 2, 20, 10, 40, 0, 2, 4, 6, 1, 0, 1, 1, 7]
    );
    let back = KeyWindows::decode(&bytes).unwrap();
    assert_eq!((back.entries, back.words), (state.entries, state.words));
    assert!(KeyWindows::decode(&bytes[..9]).is_err());
}

/// The values of the windows that have not fired, by key, start and end.
type Open<'a> = BTreeMap<(Option<&'a str>, i64, i64), Vec<Option<i32>>>;

/// All windows by their definition, row by row and watermark by watermark.
fn expected(rows: &[Row], window: Window, delay: i64) -> Vec<String> {
    let mut open: Open<'_> = BTreeMap::new();
    let mut out = Vec::new();
    let mut watermark = i64::MIN;
    let mut fire = |watermark: i64, open: &mut Open<'_>| {
        let due: Vec<_> = open
            .keys()
            .copied()
            .filter(|w: &(_, i64, i64)| w.2 - 1 <= watermark)
            .collect();
        for w in due {
            let values = open.remove(&w).unwrap_or_default();
            let present: Vec<i32> = values.iter().flatten().copied().collect();
            let text = |v: Option<i32>| v.map_or("null".to_owned(), |v| v.to_string());
            let sum = (!present.is_empty()).then(|| present.iter().sum());
            let odd = present.iter().filter(|v| *v % 2 == 1).count();
            out.push(format!(
                "+I[{}, {}, {}, {}, {}, {odd}, {}, {}, {}]",
                w.0.unwrap_or("null"),
                values.len(),
                text(sum),
                text(present.iter().min().copied()),
                text(present.iter().max().copied()),
                w.1,
                w.2,
                w.2 - 1
            ));
        }
    };
    for &(key, time, value) in rows {
        let (mut start, length) = match window {
            Window::Tumble { size, offset } => (time - (time - offset).rem_euclid(size), size),
            Window::Hop {
                size,
                slide,
                offset,
            } => (time - (time - offset).rem_euclid(slide), size),
            Window::Cumulate {
                max_size, offset, ..
            } => (time - (time - offset).rem_euclid(max_size), max_size),
            Window::Session { .. } => panic!("sessions have an operator of their own"),
        };
        let mut windows = Vec::new();
        match window {
            Window::Tumble { .. } => windows.push((start, start + length)),
            Window::Hop { slide, .. } => {
                while start > time - length {
                    windows.push((start, start + length));
                    start -= slide;
                }
            }
            Window::Cumulate { step, .. } => {
                let first = time - (time - start).rem_euclid(step) + step;
                windows.extend(
                    (first..=start + length)
                        .step_by(step as usize)
                        .map(|end| (start, end)),
                );
            }
            Window::Session { .. } => {}
        }
        for (start, end) in windows {
            if end - 1 > watermark {
                open.entry((key, start, end)).or_default().push(value);
            }
        }
        let next = time - delay;
        if next > watermark.max(0) {
            watermark = next;
            fire(watermark, &mut open);
        }
    }
    fire(i64::MAX, &mut open);
    out.sort();
    out
}

fn windows() -> impl Strategy<Value = Window> {
    (1..4i64, 2..8i64, -5..5i64, 0..3).prop_map(|(times, unit, offset, kind)| match kind {
        0 => Window::Tumble {
            size: unit * times,
            offset,
        },
        1 => Window::Hop {
            size: unit * times,
            slide: unit,
            offset,
        },
        _ => Window::Cumulate {
            max_size: unit * times,
            step: unit,
            offset,
        },
    })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = prop_oneof![Just(None), Just(Some("a")), Just(Some("b"))];
    prop::collection::vec((key, 0..25i64, prop::option::weighted(0.8, 0..100)), 1..60).prop_map(
        |rows| {
            let numbered = rows.into_iter().enumerate();
            numbered
                .map(|(i, (k, jitter, v))| (k, i as i64 + jitter, v))
                .collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn windows_agree_with_the_definition(
        rows in rows(),
        window in windows(),
        delay in 0..20i64,
        seed: u64,
    ) {
        let input = table(&rows);
        let schema = input.schema();
        let mut calls: Vec<AggregateCall> = [(Count, None), (Sum, Some(V)), (Min, Some(V)), (Max, Some(V))]
            .into_iter()
            .map(|(kind, column)| {
                let args = column.into_iter().collect();
                AggregateCall::new(kind, args, &schema).unwrap()
            })
            .collect();
        calls.push(AggregateCall::new(Count, vec![V], &schema).unwrap().with_filter(ODD));
        let spec = WindowSpec { keys: vec![0], rowtime: 1, window, calls };
        let harness = Harness::with_delay(
            |context| Ok(Box::new(WindowAggregate::new(context, Arc::clone(&schema), &spec)?)),
            &[0],
            input.clone(),
            1,
            delay,
        )
        .unwrap();
        let expected = expected(&rows, window, delay);
        prop_assert_eq!(sorted(harness.run(6).unwrap()), expected.clone());
        prop_assert_eq!(harness.run_killed(seed).unwrap(), expected);
    }
}

#[test]
fn window_columns_are_milliseconds_and_never_null() {
    let rows = table(&NOTES[..1]);
    let spec = WindowSpec {
        keys: vec![],
        rowtime: 1,
        window: Window::Tumble {
            size: 10,
            offset: 0,
        },
        calls: vec![AggregateCall::new(Sum, vec![V], &rows.schema()).unwrap()],
    };
    let schema = spec.output_schema(&rows.schema(), &["total".to_owned()]);
    let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(
        names,
        ["total", "window_start", "window_end", "window_time"]
    );
    assert!(!schema.field(1).is_nullable());
}
