//! Windows against the definition, with kills; late rows, changelogs and DISTINCT.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{Field, Schema};
use millstream_functions::RowKind;
use millstream_functions::aggregate::AggregateKind;
use proptest::prelude::*;

use super::*;
use crate::harness::Harness;
use crate::window_aggregate::window_fields;

/// id, key, ts, value.
type Row = (i64, Option<&'static str>, i64, Option<i32>);

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
        (
            "v",
            Arc::new(Int32Array::from_iter(rows.iter().map(|r| r.3))) as _,
            true,
        ),
    ])
    .unwrap()
}

/// `k, COUNT(*), SUM(v), COUNT(DISTINCT v), SUM(DISTINCT v), MAX(v)` of each window.
fn operator(
    context: &OperatorContext,
    input: &SchemaRef,
    windows: Windows,
    retracting: bool,
) -> Result<Box<dyn Operator>, OperatorError> {
    let call = |kind, args: &[usize]| AggregateCall::new(kind, args.to_vec(), input);
    let calls = vec![
        call(AggregateKind::Count, &[])?,
        call(AggregateKind::Sum, &[3])?,
        call(AggregateKind::Count, &[3])?.with_distinct(),
        call(AggregateKind::Sum, &[3])?.with_distinct(),
        call(AggregateKind::Max, &[3])?,
    ];
    let mut fields = vec![Arc::new(input.field(1).clone())];
    fields.extend(calls.iter().enumerate().map(|(i, call)| {
        let name = format!("agg{i}");
        Arc::new(Field::new(name, call.output_type.clone(), true))
    }));
    fields.extend(window_fields());
    let spec = GroupWindowSpec {
        keys: vec![1],
        windows,
        calls,
        retracting,
        slices: None,
    };
    let output = Arc::new(Schema::new(fields));
    Ok(Box::new(GroupWindowAggregate::with_schema(
        context, input, &spec, output,
    )?))
}

fn harness(rows: &[Row], window: Window, delay: i64) -> Harness<'static> {
    let input = table(rows);
    let schema = input.schema();
    let windows = Windows::Rowtime { window, column: 2 };
    Harness::with_delay(
        move |context: &OperatorContext| operator(context, &schema, windows, false),
        &[1],
        input,
        2,
        delay,
    )
    .unwrap()
}

fn line(key: Option<&str>, rows: &[&Row], (start, end): (i64, i64)) -> String {
    let values: Vec<i32> = rows.iter().filter_map(|r| r.3).collect();
    let distinct: BTreeSet<i32> = values.iter().copied().collect();
    let or_null = |value: Option<i32>| value.map_or("null".to_owned(), |v| v.to_string());
    let sum = (!values.is_empty()).then(|| values.iter().sum());
    let distinct_sum = (!values.is_empty()).then(|| distinct.iter().sum());
    format!(
        "+I[{}, {}, {}, {}, {}, {}, {start}, {end}, {}]",
        key.unwrap_or("null"),
        rows.len(),
        or_null(sum),
        distinct.len(),
        or_null(distinct_sum),
        or_null(values.iter().max().copied()),
        end - 1
    )
}

/// The windows when nothing is late.
fn expected(rows: &[Row], window: Window) -> Vec<String> {
    let mut groups: BTreeMap<(Option<&str>, i64, i64), Vec<&Row>> = BTreeMap::new();
    let mut by_key: BTreeMap<Option<&str>, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_key.entry(row.1).or_default().push(row);
    }
    for (key, mut rows) in by_key {
        if let Window::Session { gap } = window {
            rows.sort_by_key(|row| row.2);
            for part in rows.chunk_by(|a, b| b.2 - a.2 <= gap) {
                let (start, end) = (part[0].2, part[part.len() - 1].2 + gap);
                groups.insert((key, start, end), part.to_vec());
            }
            continue;
        }
        for row in rows {
            let mut windows = Vec::new();
            windows_of(&window, row.2, &mut windows);
            for (start, end) in windows {
                groups.entry((key, start, end)).or_default().push(row);
            }
        }
    }
    let mut lines: Vec<String> = groups
        .into_iter()
        .map(|((key, start, end), rows)| line(key, &rows, (start, end)))
        .collect();
    lines.sort();
    lines
}

fn every_window() -> impl Strategy<Value = Window> {
    prop_oneof![
        Just(Window::Tumble {
            size: 40,
            offset: 7
        }),
        Just(Window::Hop {
            size: 60,
            slide: 20,
            offset: 0
        }),
        // No multiple, as group windows allow.
        Just(Window::Hop {
            size: 50,
            slide: 20,
            offset: -3
        }),
        Just(Window::Cumulate {
            max_size: 90,
            step: 30,
            offset: 0
        }),
        Just(Window::Session { gap: 25 }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn windows_are_those_of_the_definition_whatever_happens(
        window in every_window(),
        rows in prop::collection::vec((0i64..60, 0usize..4, prop::option::of(0i32..5)), 1..60),
        seed: u64,
    ) {
        let keys = [Some("a"), Some("b"), Some("c"), None];
        let rows: Vec<Row> = rows
            .iter()
            .enumerate()
            .map(|(i, (jitter, key, v))| (i as i64, keys[*key], i as i64 * 10 + jitter, *v))
            .collect();
        let harness = harness(&rows, window, 60);
        let expected = expected(&rows, window);
        let mut whole = harness.run(7).unwrap();
        whole.sort();
        prop_assert_eq!(&whole, &expected);
        prop_assert_eq!(&harness.run_killed(seed).unwrap(), &expected);
    }
}

#[test]
fn a_late_row_counts_in_the_windows_that_have_not_ended() {
    let rows = [
        (1, Some("a"), 1_000, Some(1)),
        (2, Some("a"), 9_900, Some(2)),
        (3, Some("a"), 12_000, Some(3)),
        (4, Some("a"), 8_000, Some(100)),
        (5, Some("a"), 25_000, Some(5)),
        (6, Some("a"), 1_000, Some(1_000)),
    ];
    let run = |window| harness(&rows, window, 1_000).run(2).unwrap();
    let hop = Window::Hop {
        size: 10_000,
        slide: 5_000,
        offset: 0,
    };
    assert_eq!(
        run(hop),
        [
            "+I[a, 1, 1, 1, 1, 1, -5000, 5000, 4999]",
            "+I[a, 2, 3, 2, 3, 2, 0, 10000, 9999]",
            "+I[a, 3, 105, 3, 105, 100, 5000, 15000, 14999]",
            "+I[a, 1, 3, 1, 3, 3, 10000, 20000, 19999]",
            "+I[a, 1, 5, 1, 5, 5, 20000, 30000, 29999]",
            "+I[a, 1, 5, 1, 5, 5, 25000, 35000, 34999]",
        ]
    );
    assert_eq!(
        run(Window::Session { gap: 4_000 }),
        [
            "+I[a, 1, 1, 1, 1, 1, 1000, 5000, 4999]",
            "+I[a, 3, 105, 3, 105, 100, 8000, 16000, 15999]",
            "+I[a, 1, 5, 1, 5, 5, 25000, 29000, 28999]",
        ]
    );
}

#[test]
fn rows_that_are_taken_back_do_not_count() {
    let rows = [
        (1, Some("a"), 1_000, Some(1)),
        (2, Some("a"), 2_000, Some(1)),
        (3, Some("b"), 2_000, Some(7)),
        (4, Some("a"), 2_000, Some(1)),
        (5, Some("a"), 2_000, Some(3)),
        (6, Some("b"), 2_000, Some(7)),
        (7, Some("a"), 20_000, Some(9)),
    ];
    let kinds = vec![
        RowKind::Insert,
        RowKind::Insert,
        RowKind::Insert,
        RowKind::UpdateBefore,
        RowKind::UpdateAfter,
        RowKind::Delete,
        RowKind::Insert,
    ];
    let input = table(&rows);
    let schema = input.schema();
    let windows = Windows::Rowtime {
        window: Window::Tumble {
            size: 10_000,
            offset: 0,
        },
        column: 2,
    };
    let harness = Harness::changelog(
        move |context: &OperatorContext| operator(context, &schema, windows, true),
        &[1],
        input,
        kinds,
    );
    let mut got = harness.run(3).unwrap();
    got.sort();
    // The window of b lost its only row.
    let expected = [
        "+I[a, 1, 9, 1, 9, 9, 20000, 30000, 29999]",
        "+I[a, 2, 4, 2, 4, 3, 0, 10000, 9999]",
    ];
    assert_eq!(got, expected);
    for seed in 0..20 {
        assert_eq!(harness.run_killed(seed).unwrap(), expected, "seed {seed}");
    }
}

#[test]
fn windows_of_processing_time_end_by_the_clock() {
    let rows = [
        (1, Some("a"), 99, Some(1)),
        (2, Some("a"), 5, Some(2)),
        (3, Some("b"), 7, Some(3)),
        (4, Some("a"), 1, Some(4)),
        (5, Some("c"), 1, Some(4)),
    ];
    let input = table(&rows);
    let schema = input.schema();
    let windows = Windows::Processing {
        window: Window::Tumble {
            size: 10,
            offset: 0,
        },
    };
    let harness = Harness::new(
        move |context: &OperatorContext| operator(context, &schema, windows, false),
        &[1],
        input,
        vec![i64::MIN; rows.len()],
    )
    .with_clock(vec![3, 9, 10, 15, 40]);
    let expected = [
        "+I[a, 1, 4, 1, 4, 4, 10, 20, 19]",
        "+I[a, 2, 3, 2, 3, 2, 0, 10, 9]",
        "+I[b, 1, 3, 1, 3, 3, 10, 20, 19]",
    ];
    let mut got = harness.run(1).unwrap();
    got.sort();
    // The window of the last row is open when the input ends.
    assert_eq!(got, expected);
    for seed in 0..20 {
        assert_eq!(harness.run_killed(seed).unwrap(), expected, "seed {seed}");
    }
}

#[test]
fn a_function_that_needs_an_order_is_refused_over_sessions() {
    let input = table(&[]).schema();
    let call = AggregateCall::new(AggregateKind::FirstValue, vec![3], &input).unwrap();
    let error = Functions::new(&input, &[call], false, true).unwrap_err();
    assert!(error.to_string().contains("SESSION"), "{error}");
}

/// The ids of a window's rows as a list, where windows keep their slices apart.
fn lists(rows: &[Row], window: Window, order: SliceOrder) -> Harness<'static> {
    let input = table(rows);
    let schema = input.schema();
    Harness::with_delay(
        move |context: &OperatorContext| {
            let mut list = AggregateCall::new(AggregateKind::ArrayAgg, vec![0], &schema)?;
            list.output_type = DataType::new_list(DataType::Int64, true);
            let output = [
                Arc::new(schema.field(1).clone()),
                Arc::new(Field::new("ids", list.output_type.clone(), true)),
            ];
            let spec = GroupWindowSpec {
                keys: vec![1],
                windows: Windows::Rowtime { window, column: 2 },
                calls: vec![list],
                retracting: false,
                slices: Some(order),
            };
            let output = Arc::new(Schema::new(
                output
                    .into_iter()
                    .chain(window_fields())
                    .collect::<Vec<_>>(),
            ));
            Ok(Box::new(GroupWindowAggregate::with_schema(
                context, &schema, &spec, output,
            )?))
        },
        &[1],
        input,
        2,
        1_000,
    )
    .unwrap()
}

#[test]
fn slices_of_hop_come_newest_first_those_of_cumulate_oldest_first() {
    let rows = [
        (1, Some("a"), 1_000, None),
        (2, Some("a"), 5_000, None),
        (3, Some("a"), 9_900, None),
        (4, Some("a"), 12_000, None),
        // Late for the window that ends at 10 s, and for the step that ends there.
        (5, Some("a"), 8_000, None),
        (6, Some("a"), 11_000, None),
        (7, Some("a"), 25_000, None),
        (8, Some("a"), 22_000, None),
    ];
    let hop = Window::Hop {
        size: 10_000,
        slide: 5_000,
        offset: 0,
    };
    let cumulate = Window::Cumulate {
        max_size: 20_000,
        step: 5_000,
        offset: 0,
    };
    let of_hop = [
        "+I[a, [1], -5000, 5000, 4999]",
        "+I[a, [2, 3, 1], 0, 10000, 9999]",
        "+I[a, [4, 6, 2, 3, 5], 5000, 15000, 14999]",
        "+I[a, [4, 6], 10000, 20000, 19999]",
        "+I[a, [8], 15000, 25000, 24999]",
        "+I[a, [7, 8], 20000, 30000, 29999]",
        "+I[a, [7], 25000, 35000, 34999]",
    ];
    assert_eq!(
        lists(&rows, hop, SliceOrder::NewestFirst).run(3).unwrap(),
        of_hop
    );
    let oldest = lists(&rows, hop, SliceOrder::OldestFirst).run(3).unwrap();
    assert_eq!(oldest[2], "+I[a, [2, 3, 5, 4, 6], 5000, 15000, 14999]");
    let of_cumulate = [
        "+I[a, [1], 0, 5000, 4999]",
        "+I[a, [1, 2, 3], 0, 10000, 9999]",
        "+I[a, [1, 2, 3, 5, 4, 6], 0, 15000, 14999]",
        "+I[a, [1, 2, 3, 5, 4, 6], 0, 20000, 19999]",
        "+I[a, [8], 20000, 25000, 24999]",
        "+I[a, [8, 7], 20000, 30000, 29999]",
        "+I[a, [8, 7], 20000, 35000, 34999]",
        "+I[a, [8, 7], 20000, 40000, 39999]",
    ];
    assert_eq!(
        lists(&rows, cumulate, SliceOrder::Steps).run(3).unwrap(),
        of_cumulate
    );
    for (window, order) in [
        (hop, SliceOrder::NewestFirst),
        (hop, SliceOrder::OldestFirst),
        (cumulate, SliceOrder::Steps),
    ] {
        let harness = lists(&rows, window, order);
        let mut whole = harness.run(3).unwrap();
        whole.sort();
        for seed in 0..30 {
            assert_eq!(harness.run_killed(seed).unwrap(), whole, "seed {seed}");
        }
    }
}
