//! The unbounded aggregate against the definition: rows, kinds, kills.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, RecordBatch, StringArray,
};
use datafusion_common::ScalarValue;
use millstream_functions::aggregate::AggregateKind::{self, *};
use proptest::prelude::*;

use super::*;
use crate::harness::changelog::{Alone, ChangelogHarness, materialized};
use crate::harness::rows_text;
use millstream_functions::RowKind::{
    Delete as D, Insert as I, UpdateAfter as UA, UpdateBefore as UB,
};

/// Kind, k, v.
type Row = (RowKind, Option<&'static str>, Option<i32>);

/// Columns k, v, s = v as STRING, d = v cents as DECIMAL(10, 2), f = v as DOUBLE, odd = v is odd.
fn table(rows: &[Row]) -> RecordBatch {
    let values = || rows.iter().map(|r| r.2);
    let d = Decimal128Array::from_iter(values().map(|v| v.map(i128::from)));
    let columns: [(&str, ArrayRef); 6] = [
        (
            "k",
            Arc::new(StringArray::from_iter(rows.iter().map(|r| r.1))),
        ),
        ("v", Arc::new(Int32Array::from_iter(values()))),
        (
            "s",
            Arc::new(StringArray::from_iter(
                values().map(|v| v.map(|v| format!("s{v}"))),
            )),
        ),
        ("d", Arc::new(d.with_precision_and_scale(10, 2).unwrap())),
        (
            "f",
            Arc::new(Float64Array::from_iter(values().map(|v| v.map(f64::from)))),
        ),
        (
            "odd",
            Arc::new(BooleanArray::from_iter(
                values().map(|v| v.map(|v| v % 2 != 0)),
            )),
        ),
    ];
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

const V: usize = 1;
const S: usize = 2;
const DEC: usize = 3;
const F: usize = 4;
const ODD: usize = 5;

fn call(kind: AggregateKind, columns: &[usize]) -> AggregateCall {
    AggregateCall::new(kind, columns.to_vec(), &table(&[]).schema()).unwrap()
}

fn listagg(separator: &str) -> AggregateCall {
    call(ListAgg, &[S]).with_literals(vec![ScalarValue::from(separator)])
}

/// By k, every row answered at once, with -U, for ever.
fn spec(calls: Vec<AggregateCall>, retracting: bool) -> GroupAggregateSpec {
    GroupAggregateSpec {
        keys: vec![0],
        calls,
        retracting,
        update_before: true,
        ttl_millis: None,
        mini_batch: None,
    }
}

fn harness(rows: &[Row], spec: &GroupAggregateSpec) -> ChangelogHarness<'static> {
    let kinds = rows.iter().map(|r| r.0).collect();
    let rows = table(rows);
    let (schema, spec) = (rows.schema(), spec.clone());
    let keys = spec.keys.clone();
    let factory = move |context: &OperatorContext| -> Result<Box<dyn Operator>, OperatorError> {
        let operator = GroupAggregate::new(context, Arc::clone(&schema), &spec)?;
        Ok(Box::new(operator))
    };
    ChangelogHarness::new(factory, &keys, rows, kinds)
}

fn check(rows: &[Row], spec: &GroupAggregateSpec) -> Vec<String> {
    harness(rows, spec).check(6)
}

fn inserts(rows: &[(&'static str, i32)]) -> Vec<Row> {
    let row = |&(k, v)| (I, Some(k), Some(v));
    rows.iter().map(row).collect()
}

#[test]
fn every_row_replaces_the_result_of_its_key() {
    let calls = vec![
        call(Count, &[]),
        call(Sum, &[V]),
        call(Avg, &[DEC]),
        call(Min, &[V]),
        call(Max, &[S]),
    ];
    let rows = [
        (I, Some("a"), Some(5)),
        (I, None, Some(1)),
        (I, Some("a"), None),
        (I, Some("a"), Some(4)),
        (I, None, None),
    ];
    assert_eq!(
        check(&rows, &spec(calls, false)),
        [
            "+I[a, 1, 5, 0.050000, 5, s5]",
            "+I[null, 1, 1, 0.010000, 1, s1]",
            "-U[a, 1, 5, 0.050000, 5, s5]",
            "+U[a, 2, 5, 0.050000, 5, s5]",
            "-U[a, 2, 5, 0.050000, 5, s5]",
            "+U[a, 3, 9, 0.045000, 4, s5]",
            "-U[null, 1, 1, 0.010000, 1, s1]",
            "+U[null, 2, 1, 0.010000, 1, s1]",
        ]
    );
}

#[test]
fn a_result_that_stays_is_not_sent_again() {
    let calls = vec![call(Max, &[V]), call(Count, &[V])];
    let rows = [
        (I, Some("a"), None),
        (I, Some("a"), None),
        (I, Some("a"), Some(3)),
        (I, Some("a"), None),
    ];
    let mut spec = spec(calls, false);
    let expected = ["+I[a, null, 0]", "-U[a, null, 0]", "+U[a, 3, 1]"];
    assert_eq!(check(&rows, &spec), expected);
    // The consumer's state must be kept alive.
    spec.ttl_millis = Some(1_000);
    assert_eq!(
        check(&rows, &spec),
        [
            "+I[a, null, 0]",
            "-U[a, null, 0]",
            "+U[a, null, 0]",
            "-U[a, null, 0]",
            "+U[a, 3, 1]",
            "-U[a, 3, 1]",
            "+U[a, 3, 1]",
        ]
    );
}

#[test]
fn the_last_row_taken_back_ends_the_group() {
    let calls = vec![call(Sum, &[V]), call(Count, &[V]), call(Max, &[V])];
    let rows = [
        // Nobody knows b.
        (D, Some("b"), Some(9)),
        (I, Some("a"), Some(5)),
        (I, Some("a"), Some(7)),
        (UB, Some("a"), Some(7)),
        (UA, Some("a"), None),
        (D, Some("a"), Some(5)),
        (D, Some("a"), None),
        (D, Some("a"), None),
        (UA, Some("a"), Some(1)),
        (I, Some("b"), Some(2)),
        (UB, Some("b"), Some(2)),
    ];
    assert_eq!(
        check(&rows, &spec(calls.clone(), true)),
        [
            "+I[a, 5, 1, 5]",
            "-U[a, 5, 1, 5]",
            "+U[a, 12, 2, 7]",
            "-U[a, 12, 2, 7]",
            "+U[a, 5, 1, 5]",
            // The NULL of 5 more counts for none of the three.
            "-U[a, 5, 1, 5]",
            "+U[a, null, 0, null]",
            "-D[a, null, 0, null]",
            "+I[a, 1, 1, 1]",
            "+I[b, 2, 1, 2]",
            "-D[b, 2, 1, 2]",
        ]
    );
    let upserts = GroupAggregateSpec {
        update_before: false,
        ..spec(calls, true)
    };
    assert_eq!(
        check(&rows, &upserts),
        [
            "+I[a, 5, 1, 5]",
            "+U[a, 12, 2, 7]",
            "+U[a, 5, 1, 5]",
            "+U[a, null, 0, null]",
            "-D[a, null, 0, null]",
            "+I[a, 1, 1, 1]",
            "+I[b, 2, 1, 2]",
            "-D[b, 2, 1, 2]",
        ]
    );
}

#[test]
fn without_keys_there_is_one_group_and_none_without_rows() {
    let global = |calls| GroupAggregateSpec {
        keys: vec![],
        ..spec(calls, false)
    };
    let calls = vec![call(Count, &[]), call(Sum, &[V])];
    let rows = inserts(&[("a", 1), ("b", 2)]);
    assert_eq!(
        check(&rows, &global(calls.clone())),
        ["+I[1, 1]", "-U[1, 1]", "+U[2, 3]"]
    );
    assert_eq!(check(&[], &global(calls)), Vec::<String>::new());
}

#[test]
fn values_are_collected_in_the_order_they_came() {
    let calls = vec![
        call(FirstValue, &[V]),
        call(FirstValue, &[S]),
        call(LastValue, &[S]),
        call(ListAgg, &[S]),
        call(ArrayAgg, &[V]),
        call(ArrayAgg, &[V]).with_literals(vec![ScalarValue::from(true)]),
        call(Collect, &[S]),
        call(ApproxCountDistinct, &[V]),
    ];
    let rows = [
        (I, Some("a"), None),
        (I, Some("a"), Some(2)),
        (I, Some("a"), Some(1)),
        (I, Some("a"), Some(2)),
    ];
    let rows_out = check(&rows, &spec(calls, false));
    let kept: Vec<&String> = rows_out
        .iter()
        .filter(|row| !row.starts_with("-U"))
        .collect();
    assert_eq!(
        kept,
        [
            "+I[a, null, null, null, null, [null], null, {}, 0]",
            "+U[a, 2, s2, s2, s2, [null, 2], [2], {s2: 1}, 1]",
            "+U[a, 2, s2, s1, s2,s1, [null, 2, 1], [2, 1], {s1: 1, s2: 1}, 2]",
            "+U[a, 2, s2, s2, s2,s1,s2, [null, 2, 1, 2], [2, 1, 2], {s1: 1, s2: 2}, 2]",
        ]
    );
}

#[test]
fn json_and_percentiles_are_taken_back() {
    let calls = vec![
        call(JsonArrayAgg, &[S]).with_literals(vec![ScalarValue::from("NULL")]),
        call(JsonObjectAgg, &[S, S]).with_literals(vec![ScalarValue::from("NULL")]),
        call(Percentile, &[F]).with_literals(vec![ScalarValue::from(0.5)]),
    ];
    let rows = [
        (I, Some("a"), Some(2)),
        (I, Some("a"), Some(1)),
        (I, Some("a"), Some(5)),
        (D, Some("a"), Some(2)),
        (I, Some("a"), Some(2)),
    ];
    let rows_out = check(&rows, &spec(calls.clone(), true));
    let kept: Vec<&String> = rows_out
        .iter()
        .filter(|row| !row.starts_with("-U"))
        .collect();
    assert_eq!(
        kept,
        [
            r#"+I[a, [s2], {"s2":s2}, 2.0]"#,
            r#"+U[a, [s2,s1], {"s1":s1,"s2":s2}, 1.5]"#,
            r#"+U[a, [s2,s1,s5], {"s1":s1,"s2":s2,"s5":s5}, 2.0]"#,
            r#"+U[a, [s1,s5], {"s1":s1,"s5":s5}, 3.0]"#,
            r#"+U[a, [s1,s5,s2], {"s1":s1,"s2":s2,"s5":s5}, 2.0]"#,
        ]
    );
}

#[test]
fn values_are_taken_back_earliest_first() {
    let calls = vec![
        call(FirstValue, &[V]),
        call(LastValue, &[S]),
        listagg("|"),
        call(ArrayAgg, &[V]),
        call(Collect, &[V]),
        call(Min, &[V]),
    ];
    let rows = [
        (I, Some("a"), Some(2)),
        (I, Some("a"), Some(1)),
        (I, Some("a"), None),
        (I, Some("a"), Some(2)),
        (D, Some("a"), Some(2)),
        (D, Some("a"), Some(1)),
        (D, Some("a"), Some(2)),
        (D, Some("a"), None),
    ];
    let rows_out = check(&rows, &spec(calls, true));
    let kept: Vec<&String> = rows_out
        .iter()
        .filter(|row| !row.starts_with("-U"))
        .collect();
    assert_eq!(
        kept,
        [
            "+I[a, 2, s2, s2, [2], {2: 1}, 2]",
            "+U[a, 2, s1, s2|s1, [2, 1], {1: 1, 2: 1}, 1]",
            "+U[a, 2, s1, s2|s1, [2, 1, null], {1: 1, 2: 1}, 1]",
            "+U[a, 2, s2, s2|s1|s2, [2, 1, null, 2], {1: 1, 2: 2}, 1]",
            "+U[a, 1, s2, s1|s2, [1, null, 2], {1: 1, 2: 1}, 1]",
            "+U[a, 2, s2, s2, [null, 2], {2: 1}, 2]",
            "+U[a, null, null, null, [null], {}, null]",
            "-D[a, null, null, null, [null], {}, null]",
        ]
    );
}

/// COUNT and SUM of the different values, with and without FILTER, share one set.
fn distinct_calls() -> Vec<AggregateCall> {
    vec![
        call(Count, &[V]).with_distinct(),
        call(Count, &[V]).with_distinct().with_filter(ODD),
        call(Sum, &[V]).with_distinct(),
        call(Avg, &[DEC]).with_distinct(),
        listagg("+").with_distinct(),
        call(Count, &[V, S]).with_distinct(),
        call(Count, &[V, S]),
        call(Count, &[]).with_filter(ODD),
    ]
}

#[test]
fn distinct_counts_a_value_once() {
    let rows = [
        (I, Some("a"), Some(4)),
        (I, Some("a"), Some(3)),
        (I, Some("a"), None),
        (I, Some("a"), Some(4)),
        (I, Some("b"), Some(3)),
    ];
    let rows_out = check(&rows, &spec(distinct_calls(), false));
    let kept: Vec<&String> = rows_out
        .iter()
        .filter(|row| !row.starts_with("-U"))
        .collect();
    assert_eq!(
        kept,
        [
            "+I[a, 1, 0, 4, 0.040000, s4, 1, 1, 0]",
            "+U[a, 2, 1, 7, 0.035000, s4+s3, 2, 2, 1]",
            "+U[a, 2, 1, 7, 0.035000, s4+s3, 2, 3, 1]",
            "+I[b, 1, 1, 3, 0.030000, s3, 1, 1, 1]",
        ]
    );
}

#[test]
fn distinct_forgets_a_value_with_its_last_row() {
    let rows = [
        (I, Some("a"), Some(4)),
        (I, Some("a"), Some(3)),
        (I, Some("a"), Some(4)),
        (D, Some("a"), Some(4)),
        (D, Some("a"), Some(3)),
        (D, Some("a"), Some(4)),
    ];
    let rows_out = check(&rows, &spec(distinct_calls(), true));
    let kept: Vec<&String> = rows_out
        .iter()
        .filter(|row| !row.starts_with("-U"))
        .collect();
    assert_eq!(
        kept,
        [
            "+I[a, 1, 0, 4, 0.040000, s4, 1, 1, 0]",
            "+U[a, 2, 1, 7, 0.035000, s4+s3, 2, 2, 1]",
            "+U[a, 2, 1, 7, 0.035000, s4+s3, 2, 3, 1]",
            "+U[a, 2, 1, 7, 0.035000, s4+s3, 2, 2, 1]",
            "+U[a, 1, 0, 4, 0.040000, s4, 1, 1, 0]",
            "-D[a, 1, 0, 4, 0.040000, s4, 1, 1, 0]",
        ]
    );
}

#[test]
fn select_distinct_is_a_group_by_without_functions() {
    let rows = inserts(&[("a", 1), ("b", 1), ("a", 1), ("a", 2)]);
    let by_both = |retracting| GroupAggregateSpec {
        keys: vec![0, V],
        ..spec(vec![], retracting)
    };
    assert_eq!(
        check(&rows, &by_both(false)),
        ["+I[a, 1]", "+I[b, 1]", "+I[a, 2]"]
    );
    let mut rows = rows;
    rows.extend([(D, Some("a"), Some(1)), (D, Some("b"), Some(1))]);
    rows.extend([(UB, Some("a"), Some(1)), (UA, Some("a"), Some(3))]);
    assert_eq!(
        check(&rows, &by_both(true)),
        [
            "+I[a, 1]", "+I[b, 1]", "+I[a, 2]", "-D[b, 1]", "-D[a, 1]", "+I[a, 3]"
        ]
    );
    let mini_batch = Some(MiniBatch {
        rows: 2,
        millis: 1_000,
    });
    let bundled = GroupAggregateSpec {
        mini_batch,
        ..by_both(true)
    };
    let rows_out = harness(&rows, &bundled).compared_by(materialized).check(6);
    assert_eq!(
        rows_out,
        [
            "+I[a, 1]", "+I[b, 1]", "+I[a, 2]", "-D[b, 1]", "-D[a, 1]", "+I[a, 3]"
        ]
    );
}

#[test]
fn a_mini_batch_answers_once_a_key() {
    let calls = vec![call(Count, &[]), call(Sum, &[V]), call(Max, &[S])];
    let bundles = |rows: usize, calls, retracting| GroupAggregateSpec {
        mini_batch: Some(MiniBatch { rows, millis: 100 }),
        ..spec(calls, retracting)
    };
    let rows = inserts(&[
        ("a", 1),
        ("b", 2),
        ("a", 3),
        ("a", 4),
        ("b", 5),
        ("c", 6),
        ("c", 7),
    ]);
    assert_eq!(
        harness(&rows, &bundles(3, calls.clone(), false))
            .compared_by(materialized)
            .check(10),
        [
            // After three rows.
            "+I[a, 2, 4, s3]",
            "+I[b, 1, 2, s2]",
            // After six.
            "-U[a, 2, 4, s3]",
            "+U[a, 3, 8, s4]",
            "-U[b, 1, 2, s2]",
            "+U[b, 2, 7, s5]",
            "+I[c, 1, 6, s6]",
            // At the end of the input.
            "-U[c, 1, 6, s6]",
            "+U[c, 2, 13, s7]",
        ]
    );
    // 100 ms after its first row a bundle ends by itself.
    let times = vec![0, 0, 40, 100, 150, 199, 400];
    assert_eq!(
        harness(&rows, &bundles(1_000, calls.clone(), false))
            .at(times, 400)
            .compared_by(materialized)
            .check(10),
        [
            "+I[a, 2, 4, s3]",
            "+I[b, 1, 2, s2]",
            "-U[a, 2, 4, s3]",
            "+U[a, 3, 8, s4]",
            "-U[b, 1, 2, s2]",
            "+U[b, 2, 7, s5]",
            "+I[c, 1, 6, s6]",
            "-U[c, 1, 6, s6]",
            "+U[c, 2, 13, s7]",
        ]
    );
    let rows = [
        // Taken back before it came: ignored.
        (D, Some("a"), Some(9)),
        (I, Some("a"), Some(1)),
        // Comes and goes unseen.
        (I, Some("b"), Some(2)),
        (D, Some("b"), Some(2)),
        (UB, Some("a"), Some(1)),
        (UA, Some("a"), Some(3)),
        (UB, Some("a"), Some(3)),
        (UA, Some("a"), Some(3)),
        (D, Some("a"), Some(3)),
    ];
    assert_eq!(
        harness(&rows, &bundles(4, calls, true))
            .compared_by(materialized)
            .check(10),
        [
            "+I[a, 1, 1, s1]",
            "-U[a, 1, 1, s1]",
            "+U[a, 1, 3, s3]",
            "-D[a, 1, 3, s3]",
        ]
    );
}

#[test]
fn state_dies_a_lifetime_after_the_last_row() {
    let calls = vec![
        call(Count, &[]),
        call(Sum, &[V]),
        call(Count, &[V]).with_distinct(),
        call(Max, &[V]),
    ];
    let rows = [
        (I, Some("a"), Some(1)),
        (I, Some("b"), Some(1)),
        (I, Some("a"), Some(2)),
        // b died at 1,000, so its row is not known; a lives.
        (D, Some("b"), Some(1)),
        (I, Some("a"), Some(1)),
        (I, Some("b"), Some(7)),
        // a died now.
        (I, Some("a"), Some(4)),
    ];
    let times = vec![0, 0, 999, 1_000, 1_998, 1_998, 2_998];
    let spec = GroupAggregateSpec {
        ttl_millis: Some(1_000),
        ..spec(calls, true)
    };
    assert_eq!(
        harness(&rows, &spec).at(times, 9_000).check(10),
        [
            "+I[a, 1, 1, 1, 1]",
            "+I[b, 1, 1, 1, 1]",
            "-U[a, 1, 1, 1, 1]",
            "+U[a, 2, 3, 2, 2]",
            "-U[a, 2, 3, 2, 2]",
            // A value of DISTINCT dies by itself: the 1 of time 0 is new again, as in Flink.
            "+U[a, 3, 4, 3, 2]",
            "+I[b, 1, 7, 1, 7]",
            "+I[a, 1, 4, 1, 4]",
        ]
    );
}

#[test]
fn expired_state_leaves_the_table() {
    let calls = vec![call(Sum, &[V]), call(Count, &[V]).with_distinct()];
    let spec = GroupAggregateSpec {
        ttl_millis: Some(1_000),
        ..spec(calls, false)
    };
    let rows = table(&inserts(&[("a", 1), ("b", 2), ("a", 3)]));
    let now = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&now);
    let alone = Alone::new(Clock::new(move || clock.load(Relaxed))).unwrap();
    let mut operator = GroupAggregate::new(&alone.context("test"), rows.schema(), &spec).unwrap();
    let mut out = Output::default();
    operator
        .process(0, Batch::append(rows.clone(), 0), &mut out)
        .unwrap();
    now.store(900, Relaxed);
    operator
        .process(0, Batch::append(rows.slice(0, 1), 0), &mut out)
        .unwrap();
    operator.tick(1_500, &mut out).unwrap();
    operator.housekeeping().unwrap();
    assert_eq!(operator.table.len(), Some(1));
    operator.tick(2_500, &mut out).unwrap();
    operator.housekeeping().unwrap();
    assert_eq!(operator.table.len(), Some(0));
    assert_eq!(operator.distinct.as_mut().unwrap().table().len(), Some(0));
}

#[test]
fn a_bundle_goes_on_after_its_groups_left_memory() {
    let mini_batch = Some(MiniBatch {
        rows: 100,
        millis: 1_000,
    });
    let spec = GroupAggregateSpec {
        mini_batch,
        ..spec(vec![call(Sum, &[V]), listagg("|")], true)
    };
    let alone = Alone::new(Clock::new(|| 0)).unwrap();
    let schema = table(&[]).schema();
    let mut operator = GroupAggregate::new(&alone.context("test"), schema, &spec).unwrap();
    let mut out = Output::default();
    let mut pass = |operator: &mut GroupAggregate, rows: &[Row]| {
        let mut batch = Batch::append(table(rows), 0);
        batch.kinds = Some(rows.iter().map(|row| row.0).collect());
        operator.process(0, batch, &mut out).unwrap();
        operator.table.evict_all_clean().unwrap();
        assert_eq!(operator.table.stats().in_memory, 0);
        operator.housekeeping().unwrap();
    };
    pass(&mut operator, &inserts(&[("a", 1), ("b", 2)]));
    pass(&mut operator, &inserts(&[("a", 3)]));
    pass(&mut operator, &[(D, Some("b"), Some(2))]);
    pass(&mut operator, &inserts(&[("c", 4), ("a", 5)]));
    operator.before_barrier(&mut out).unwrap();
    let emitted: Vec<String> = out
        .drain()
        .flat_map(|batch| rows_text(&batch).unwrap())
        .collect();
    assert_eq!(emitted, ["+I[a, 9, s1|s3|s5]", "+I[c, 4, s4]"]);
}

#[test]
fn large_results_go_out_in_parts() {
    let rows: Vec<Row> = (0..4_000).map(|v| (I, Some("a"), Some(v))).collect();
    let spec = spec(vec![listagg(", "), call(Count, &[])], false);
    let rows_out = harness(&rows, &spec).run(8192).unwrap();
    assert_eq!(rows_out.len(), 2 * rows.len() - 1);
    for (row, pair) in rows_out[1..].chunks(2).enumerate() {
        assert_eq!(pair[0][2..], rows_out[2 * row][2..]);
    }
    assert!(rows_out[rows_out.len() - 1].ends_with(", s3999, 4000]"));
}

#[test]
fn a_row_keeps_the_watermark_of_the_row_it_came_of() {
    let rows = table(&inserts(&[("a", 1), ("a", 2), ("b", 3)]));
    let alone = Alone::new(Clock::new(|| 0)).unwrap();
    let context = alone.context("test");
    let spec = spec(vec![call(Max, &[V])], false);
    let mut operator = GroupAggregate::new(&context, rows.schema(), &spec).unwrap();
    let mut batch = Batch::append(rows, 5);
    batch.watermarks = Some(vec![10, 20, 30].into());
    let mut out = Output::default();
    operator.process(0, batch, &mut out).unwrap();
    let emitted = out.take();
    assert_eq!(
        rows_text(&emitted[0]).unwrap(),
        ["+I[a, 1]", "-U[a, 1]", "+U[a, 2]", "+I[b, 3]"]
    );
    assert_eq!(
        emitted[0].watermarks.as_deref(),
        Some([10, 10, 20, 30].as_slice())
    );
    assert_eq!(emitted[0].ingest_micros, 5);
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let alone = Alone::new(Clock::new(|| 0)).unwrap();
    let context = alone.context("test");
    let schema = table(&[]).schema();
    let refusal = |spec: GroupAggregateSpec| {
        let made = GroupAggregate::new(&context, Arc::clone(&schema), &spec);
        made.map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(spec(vec![call(ApproxCountDistinct, &[V])], true)),
        "APPROX_COUNT_DISTINCT(Int32) over rows that are updated or deleted is not supported; use \
         COUNT(DISTINCT …), which takes values back"
    );
    assert_eq!(
        refusal(spec(vec![call(Sum, &[V, S])], false)),
        "SUM(Int32) of several columns is not supported; give it one"
    );
    assert_eq!(
        refusal(spec(vec![call(Count, &[]).with_distinct()], false)),
        "COUNT(*) with DISTINCT and no argument is not supported; give it one"
    );
    let error = harness(
        &[(D, Some("a"), Some(1))],
        &spec(vec![call(Sum, &[V])], false),
    )
    .run(1)
    .unwrap_err();
    assert!(error.to_string().contains("planned for inserts"), "{error}");
}

#[test]
fn state_of_other_functions_is_refused() {
    let alone = Alone::new(Clock::new(|| 0)).unwrap();
    let schema = table(&[]).schema();
    let make = |uid: &str, calls| {
        let context = alone.context(uid);
        GroupAggregate::new(&context, Arc::clone(&schema), &spec(calls, false)).unwrap()
    };
    let blob = make(
        "one",
        vec![call(Sum, &[V]), call(Count, &[V]).with_filter(ODD)],
    )
    .snapshot(1)
    .unwrap();
    // Which columns they are in does not matter, only which are the same.
    let mut same = make(
        "two",
        vec![call(Sum, &[V]), call(Count, &[V]).with_filter(ODD)],
    );
    assert!(same.restore(std::slice::from_ref(&blob)).is_ok());
    let mut other = make("three", vec![call(Sum, &[V]), call(Count, &[V])]);
    assert_eq!(
        other.restore(&[blob]).unwrap_err().to_string(),
        "cannot restore: the state of operator three holds SUM($0 Int32), COUNT($0 Int32) FILTER \
         $1 by (Utf8), and the query now has SUM($0 Int32), COUNT($0 Int32) by (Utf8); start with \
         --fresh, or give the node a new id"
    );
}

/// What the functions of [`all_calls`] give for the values of a group in the order they came.
fn definition(values: &[Option<i32>]) -> [String; 16] {
    let there: Vec<i32> = values.iter().flatten().copied().collect();
    let mut different: Vec<i32> = there.clone();
    different.sort_unstable();
    different.dedup();
    let or_null = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
    let if_any = |value: String| or_null((!there.is_empty()).then_some(value));
    let sum: i32 = there.iter().sum();
    let joined = |values: &[i32]| {
        let values: Vec<_> = values.iter().map(|v| format!("s{v}")).collect();
        values.join("|")
    };
    let n = there.len() as f64;
    let (mut mean, mut spread) = (0.0, 0.0);
    for (before, &value) in there.iter().enumerate() {
        let distance = f64::from(value) - mean;
        mean += distance / (before + 1) as f64;
        spread += distance * (f64::from(value) - mean);
    }
    let odd: Vec<&i32> = different.iter().filter(|v| **v % 2 != 0).collect();
    let list: Vec<_> = values
        .iter()
        .map(|v| or_null(v.map(|v| v.to_string())))
        .collect();
    let counts: Vec<_> = different
        .iter()
        .map(|v| format!("{v}: {}", there.iter().filter(|other| *other == v).count()))
        .collect();
    let smallest = there.iter().map(|v| format!("s{v}")).min();
    [
        values.len().to_string(),
        there.len().to_string(),
        if_any(sum.to_string()),
        sum.to_string(),
        if_any(
            if there.is_empty() {
                0
            } else {
                sum / there.len() as i32
            }
            .to_string(),
        ),
        or_null(there.iter().max().map(ToString::to_string)),
        or_null(smallest),
        or_null(there.first().map(|v| format!("s{v}"))),
        or_null(there.last().map(ToString::to_string)),
        if_any(joined(&there)),
        format!("[{}]", list.join(", ")),
        format!("{{{}}}", counts.join(", ")),
        different.len().to_string(),
        or_null((!odd.is_empty()).then(|| odd.iter().copied().sum::<i32>().to_string())),
        if_any(format!("{:?}", spread / n)),
        or_null((there.len() > 1).then(|| format!("{:?}", (spread / (n - 1.0)).powf(0.5)))),
    ]
}

fn all_calls() -> Vec<AggregateCall> {
    vec![
        call(Count, &[]),
        call(Count, &[V]),
        call(Sum, &[V]),
        call(Sum0, &[V]),
        call(Avg, &[V]),
        call(Max, &[V]),
        call(Min, &[S]),
        call(FirstValue, &[S]),
        call(LastValue, &[V]),
        listagg("|"),
        call(ArrayAgg, &[V]),
        call(Collect, &[V]),
        call(Count, &[V]).with_distinct(),
        call(Sum, &[V]).with_distinct().with_filter(ODD),
        call(VarPop, &[F]),
        call(StddevSamp, &[F]),
    ]
}

/// The changelog of some of [`all_calls`] by the definition: every group is computed again for every
/// row.
fn changelog(rows: &[Row], calls: &[usize], update_before: bool) -> Vec<String> {
    let result = |values: &Vec<Option<i32>>| {
        let all = definition(values);
        let chosen: Vec<&str> = calls.iter().map(|&call| all[call].as_str()).collect();
        chosen.join(", ")
    };
    let mut groups: BTreeMap<Option<&str>, Vec<Option<i32>>> = BTreeMap::new();
    let mut out = Vec::new();
    for &(kind, k, v) in rows {
        let key = k.unwrap_or("null");
        let before = groups.get(&k).map(result);
        if kind.is_accumulate() {
            groups.entry(k).or_default().push(v);
        } else if let Some(values) = groups.get_mut(&k) {
            let at = values.iter().position(|other| *other == v);
            at.map(|at| values.remove(at));
            if values.is_empty() {
                groups.remove(&k);
            }
        }
        match (before, groups.get(&k).map(result)) {
            (None, Some(new)) => out.push(format!("+I[{key}, {new}]")),
            (Some(old), None) => out.push(format!("-D[{key}, {old}]")),
            (Some(old), Some(new)) if old != new => {
                if update_before {
                    out.push(format!("-U[{key}, {old}]"));
                }
                out.push(format!("+U[{key}, {new}]"));
            }
            _ => {}
        }
    }
    out
}

/// Changelogs of rows of four keys that never take back from a group what it hasn't, but, with
/// `strays`, sometimes from a group that is not there.
fn changelogs(retracting: bool, strays: bool) -> impl Strategy<Value = Vec<Row>> {
    const KEYS: [Option<&str>; 4] = [None, Some("a"), Some("b"), Some("c")];
    let step = (0..8u8, 0..4usize, 0..6i32, any::<u16>());
    proptest::collection::vec(step, 0..60).prop_map(move |steps| {
        let mut rows: Vec<Row> = Vec::new();
        let mut there: Vec<(Option<&str>, Option<i32>)> = Vec::new();
        for (what, key, value, pick) in steps {
            let row = (KEYS[key], (value > 0).then_some(value));
            if !retracting || what < 4 || there.is_empty() {
                if what == 3 && strays && !there.iter().any(|other| other.0 == row.0) {
                    rows.push((D, row.0, row.1));
                    continue;
                }
                rows.push((I, row.0, row.1));
                there.push(row);
                continue;
            }
            let old = there.remove(usize::from(pick) % there.len());
            if what < 6 {
                rows.push((D, old.0, old.1));
            } else {
                rows.push((UB, old.0, old.1));
                rows.push((UA, row.0, row.1));
                there.push(row);
            }
        }
        rows
    })
}

/// Both phases in one instance.
struct TwoPhases {
    local: LocalGroupAggregate,
    global: GroupAggregate,
}

impl TwoPhases {
    fn pass(&mut self, mut between: Output, out: &mut Output) -> Result<(), OperatorError> {
        let batches = between.take();
        let mut batches = batches.into_iter();
        batches.try_for_each(|batch| self.global.process(0, batch, out))
    }
}

impl Operator for TwoPhases {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let mut between = Output::default();
        self.local.process(0, batch, &mut between)?;
        self.pass(between, out)
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        let mut between = Output::default();
        self.local.advance(watermark, &mut between)?;
        self.pass(between, out)?;
        self.global.advance(watermark, out)
    }

    fn before_barrier(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        let mut between = Output::default();
        self.local.before_barrier(&mut between)?;
        self.pass(between, out)?;
        self.global.before_barrier(out)
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.local.snapshot(epoch)?;
        self.global.snapshot(epoch)
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.global.restore(former)
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        self.global.housekeeping()
    }
}

fn two_phases(rows: &[Row], spec: &GroupAggregateSpec) -> ChangelogHarness<'static> {
    let kinds = rows.iter().map(|r| r.0).collect();
    let rows = table(rows);
    let (schema, spec) = (rows.schema(), spec.clone());
    let keys = spec.keys.clone();
    let factory = move |context: &OperatorContext| -> Result<Box<dyn Operator>, OperatorError> {
        let names: Vec<String> = (0..spec.calls.len()).map(|i| format!("c{i}")).collect();
        let output = spec.output_schema(&schema, &names);
        Ok(Box::new(TwoPhases {
            local: LocalGroupAggregate::new(context, Arc::clone(&schema), &spec)?,
            global: GroupAggregate::merging(context, Arc::clone(&schema), &spec, output)?,
        }))
    };
    ChangelogHarness::new(factory, &keys, rows, kinds)
}

#[test]
fn two_phases_answer_once_a_key_and_bundle() {
    let calls = vec![call(Count, &[]), call(Max, &[S]), call(ListAgg, &[S])];
    let spec = GroupAggregateSpec {
        mini_batch: Some(MiniBatch {
            rows: 3,
            millis: 100,
        }),
        ..spec(calls, false)
    };
    let rows = inserts(&[("a", 1), ("b", 2), ("a", 3), ("a", 4), ("a", 5)]);
    // The second phase bundles three rows of the first: a and b of its first bundle, a of its second.
    assert_eq!(
        two_phases(&rows, &spec).compared_by(materialized).check(6),
        ["+I[a, 4, s5, s1,s3,s4,s5]", "+I[b, 1, s2, s2]"]
    );
    let first = GroupAggregateSpec {
        calls: vec![call(FirstValue, &[V])],
        ..spec
    };
    assert!(!first.is_mergeable());
    let error = two_phases(&rows, &first).run(1).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("cannot be computed in two phases")
    );
}

/// All of [`all_calls`].
const ALL: [usize; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// All but the variances, which keep the rounding of values that were taken back.
const EXACT: [usize; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];

fn rounded_table(changelog: Vec<String>) -> Vec<String> {
    rounded(materialized(changelog))
}

/// Rows with their fractions rounded, off the middle where values that differ by a hair would part.
fn rounded(rows: Vec<String>) -> Vec<String> {
    let field = |text: &str| {
        let text = text.trim_end_matches(']');
        match text.parse::<f64>() {
            Ok(value) => (value * 1e4 + 0.314_159_2).round().to_string(),
            Err(_) => text.to_owned(),
        }
    };
    rows.iter()
        .map(|row| row.split(", ").map(field).collect::<Vec<_>>().join(", "))
        .collect()
}

fn some_calls(which: &[usize]) -> Vec<AggregateCall> {
    let all = all_calls();
    which.iter().map(|&call| all[call].clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn inserts_are_answered_by_the_definition(rows in changelogs(false, false), update_before: bool) {
        let spec = GroupAggregateSpec { update_before, ..spec(all_calls(), false) };
        prop_assert_eq!(check(&rows, &spec), changelog(&rows, &ALL, update_before));
    }

    #[test]
    fn changes_are_answered_by_the_definition(rows in changelogs(true, true), update_before: bool) {
        let spec = GroupAggregateSpec { update_before, ..spec(some_calls(&EXACT), true) };
        prop_assert_eq!(check(&rows, &spec), changelog(&rows, &EXACT, update_before));
    }

    #[test]
    fn bundles_come_to_the_same_table(rows in changelogs(true, false), bundle in 1..20usize) {
        let spec = GroupAggregateSpec {
            mini_batch: Some(MiniBatch { rows: bundle, millis: 1_000 }),
            ..spec(some_calls(&EXACT), true)
        };
        let out = harness(&rows, &spec).compared_by(materialized).check(4);
        prop_assert_eq!(materialized(out), materialized(changelog(&rows, &EXACT, true)));
    }

    #[test]
    fn variances_take_values_back(rows in changelogs(true, false)) {
        let calls = [1, 14, 15];
        let out = check(&rows, &spec(some_calls(&calls), true));
        let expected = changelog(&rows, &calls, true);
        prop_assert_eq!(rounded(materialized(out)), rounded(materialized(expected)));
    }

    #[test]
    fn variances_of_two_phases_come_to_the_same(rows in changelogs(false, false)) {
        let calls = [1, 14, 15];
        let out = two_phases(&rows, &spec(some_calls(&calls), false)).compared_by(rounded_table).check(4);
        let expected = changelog(&rows, &calls, true);
        prop_assert_eq!(rounded(materialized(out)), rounded(materialized(expected)));
    }

    /// Words alone take another way through the operator.
    #[test]
    fn counts_and_sums_take_the_short_way(rows in changelogs(true, true)) {
        let calls = [0, 2, 4];
        let out = check(&rows, &spec(some_calls(&calls), true));
        prop_assert_eq!(out, changelog(&rows, &calls, true));
    }

    #[test]
    fn two_phases_come_to_the_same_table(
        rows in changelogs(true, false),
        bundle in proptest::option::of(1..20usize),
    ) {
        let calls = [0, 1, 2, 3, 4, 5, 6, 11];
        let spec = GroupAggregateSpec {
            mini_batch: bundle.map(|rows| MiniBatch { rows, millis: 1_000 }),
            ..spec(some_calls(&calls), true)
        };
        let out = two_phases(&rows, &spec).compared_by(materialized).check(4);
        prop_assert_eq!(materialized(out), materialized(changelog(&rows, &calls, true)));
    }
}
