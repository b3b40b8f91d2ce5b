//! Results in the order of a column, against Flink's changelogs and the definition.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Field;
use millstream_functions::aggregate::AggregateKind;
use proptest::prelude::*;

use super::*;
use crate::harness::Harness;

/// Kind, key, value, time.
type Row = (RowKind, &'static str, Option<i64>, i64);

use RowKind::{Delete, Insert, UpdateAfter, UpdateBefore};

fn harness(rows: &[Row], by_rows: bool, kind: AggregateKind) -> Harness<'static> {
    let input = RecordBatch::try_from_iter_with_nullable([
        (
            "k",
            Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.1))) as ArrayRef,
            true,
        ),
        (
            "v",
            Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.2))) as _,
            true,
        ),
        (
            "ts",
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.3))) as _,
            true,
        ),
    ])
    .unwrap();
    let schema = input.schema();
    Harness::changelog(
        move |context: &OperatorContext| {
            let call = AggregateCall::new(kind, vec![1], &schema)?;
            let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
            fields.push(Arc::new(Field::new("a", call.output_type.clone(), true)));
            let spec = UnboundedOverSpec {
                partition: vec![0],
                order: vec![1],
                rows: by_rows,
                calls: vec![call],
                update_before: true,
                ttl_millis: None,
            };
            let output = Arc::new(Schema::new(fields));
            let input = Arc::clone(&schema);
            let over = UnboundedOver::with_schema(context, input, &spec, output)?;
            Ok(Box::new(over) as Box<dyn Operator>)
        },
        &[0],
        input,
        rows.iter().map(|r| r.0).collect(),
    )
}

#[test]
fn a_row_in_between_changes_the_rows_behind_it() {
    let rows = [
        (Insert, "a", Some(1), 100),
        (Insert, "a", Some(2), 200),
        (Insert, "a", Some(5), 500),
        (Insert, "b", Some(7), 1),
        (UpdateBefore, "a", Some(2), 200),
        (UpdateAfter, "a", Some(3), 200),
        (Delete, "a", Some(9), 9),
    ];
    for by_rows in [true, false] {
        assert_eq!(
            harness(&rows, by_rows, AggregateKind::Sum).run(2).unwrap(),
            [
                "+I[a, 1, 100, 1]",
                "+I[a, 2, 200, 3]",
                "+I[a, 5, 500, 8]",
                "+I[b, 7, 1, 7]",
                "-D[a, 2, 200, 3]",
                "-U[a, 5, 500, 8]",
                "+U[a, 5, 500, 6]",
                "+U[a, 3, 200, 4]",
                "-U[a, 5, 500, 6]",
                "+U[a, 5, 500, 9]",
            ]
        );
    }
}

#[test]
fn an_extreme_that_stays_ends_the_search() {
    let rows = [
        (Insert, "a", Some(5), 1),
        (Insert, "a", Some(1), 2),
        (Insert, "a", Some(3), 3),
    ];
    assert_eq!(
        harness(&rows, true, AggregateKind::Min).run(1).unwrap(),
        [
            "+I[a, 5, 1, 5]",
            "+I[a, 1, 2, 1]",
            "-U[a, 5, 1, 5]",
            "+U[a, 5, 1, 1]",
            "+I[a, 3, 3, 1]",
        ]
    );
}

#[test]
fn peers_share_a_result_with_range_only() {
    let rows = [
        (Insert, "a", Some(2), 1),
        (Insert, "a", Some(2), 2),
        (Insert, "a", None, 3),
        (Delete, "a", Some(2), 1),
    ];
    assert_eq!(
        harness(&rows, false, AggregateKind::Sum).run(1).unwrap(),
        [
            "+I[a, 2, 1, 2]",
            "-U[a, 2, 1, 2]",
            "+U[a, 2, 1, 4]",
            "+I[a, 2, 2, 4]",
            "+I[a, null, 3, null]",
            "-D[a, 2, 1, 4]",
            "-U[a, 2, 2, 4]",
            "+U[a, 2, 2, 2]",
        ]
    );
    assert_eq!(
        harness(&rows, true, AggregateKind::Sum).run(1).unwrap(),
        [
            "+I[a, 2, 1, 2]",
            "+I[a, 2, 2, 4]",
            "+I[a, null, 3, null]",
            "-D[a, 2, 1, 2]",
            "-U[a, 2, 2, 4]",
            "+U[a, 2, 2, 2]",
        ]
    );
}

/// The table that a changelog leaves.
fn folded(changelog: &[String]) -> Vec<String> {
    let mut table: BTreeMap<String, i64> = BTreeMap::new();
    for change in changelog {
        let (kind, row) = change.split_at(2);
        let by = if matches!(kind, "+I" | "+U") { 1 } else { -1 };
        *table.entry(row.to_owned()).or_default() += by;
    }
    assert!(table.values().all(|count| *count >= 0), "{changelog:?}");
    let rows = table.into_iter();
    rows.flat_map(|(row, count)| vec![row; count as usize])
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_left_is_the_result_of_the_rows_that_are_left(
        drawn in prop::collection::vec((0usize..3, prop::option::of(0i64..6), any::<bool>()), 1..50),
        by_rows: bool,
        seed: u64,
    ) {
        let keys = ["a", "b", "c"];
        let mut rows: Vec<Row> = Vec::new();
        let mut there: Vec<Row> = Vec::new();
        for (i, (key, value, delete)) in drawn.into_iter().enumerate() {
            if delete && !there.is_empty() {
                let (_, key, value, ts) = there.remove(i % there.len());
                rows.push((Delete, key, value, ts));
            } else {
                rows.push((Insert, keys[key], value, i as i64));
                there.push((Insert, keys[key], value, i as i64));
            }
        }
        let mut expected = Vec::new();
        for (_, key, value, ts) in &there {
            let before = |other: &&Row| {
                other.1 == *key
                    && (other.2 < *value || other.2 == *value && (!by_rows || other.3 <= *ts))
            };
            let values: Vec<i64> = there.iter().filter(before).filter_map(|r| r.2).collect();
            let text = |value: Option<i64>| value.map_or("null".to_owned(), |v| v.to_string());
            let sum = (!values.is_empty()).then(|| values.iter().sum());
            expected.push(format!("[{key}, {}, {ts}, {}]", text(*value), text(sum)));
        }
        expected.sort();
        let harness = harness(&rows, by_rows, AggregateKind::Sum);
        let whole = harness.run(7).unwrap();
        prop_assert_eq!(&folded(&whole), &expected);
        let mut sorted = whole;
        sorted.sort();
        prop_assert_eq!(&harness.run_killed(seed).unwrap(), &sorted);
    }
}
