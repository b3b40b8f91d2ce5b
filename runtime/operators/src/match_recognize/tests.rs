use arrow::array::{StringArray, TimestampMillisecondArray};
use datafusion_expr::Operator as Op;
use datafusion_physical_expr::expressions::{binary, col, is_null, lit};
use proptest::prelude::*;

use super::*;
use crate::harness::Harness;

/// Key, time, price.
type Row = (&'static str, i64, i32);

fn table(rows: &[Row]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([
        (
            "k",
            Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0))) as ArrayRef,
            true,
        ),
        (
            "ts",
            Arc::new(TimestampMillisecondArray::from_iter_values(
                rows.iter().map(|r| r.1),
            )) as _,
            false,
        ),
        (
            "price",
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.2))) as _,
            true,
        ),
    ])
    .unwrap()
}

fn navigation(look: Look, variable: Option<usize>) -> Navigation {
    Navigation {
        look,
        variable,
        column: Some(2),
        data_type: DataType::Int32,
    }
}

/// `A+ B`: A as long as prices rise, B the first that falls. Measures FIRST(A), LAST(A), B, SUM(A).
fn rising(skip: Skip, rowtime: Option<usize>, within: Option<i64>) -> MatchSpec {
    let navigations = vec![
        navigation(Look::Last(1), Some(0)),
        navigation(Look::Last(0), Some(0)),
        navigation(Look::Last(0), Some(1)),
        navigation(Look::First(0), Some(0)),
        navigation(Look::Aggregate(AggregateKind::Sum), Some(0)),
    ];
    let fields: Vec<_> = (0..5)
        .map(|i| arrow::datatypes::Field::new(format!("{i}"), DataType::Int32, true))
        .collect();
    let values = Schema::new(fields);
    let value = |i: usize| col(&format!("{i}"), &values).unwrap();
    let greater = binary(value(1), Op::Gt, value(0), &values).unwrap();
    let first = is_null(value(0)).unwrap();
    let part = |min, max, condition| PatternPart {
        min,
        max,
        greedy: true,
        condition: Some(condition),
    };
    MatchSpec {
        partition: vec![0],
        rowtime,
        order: vec![],
        parts: vec![
            part(1, None, binary(first, Op::Or, greater, &values).unwrap()),
            part(
                1,
                Some(1),
                binary(value(2), Op::Lt, value(1), &values).unwrap(),
            ),
        ],
        navigations,
        measures: vec![value(3), value(1), value(2), value(4)],
        skip,
        within,
    }
}

fn harness<'a>(rows: &[Row], spec: MatchSpec, delay: i64) -> Harness<'a> {
    let input = table(rows);
    let schema = input.schema();
    let output = Arc::new(Schema::new(
        ["k", "first", "last", "b", "sum"]
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let data_type = if i == 0 {
                    DataType::Utf8
                } else {
                    DataType::Int32
                };
                arrow::datatypes::Field::new(*name, data_type, true)
            })
            .collect::<Vec<_>>(),
    ));
    Harness::with_delay(
        move |context| {
            let operator =
                MatchRecognize::new(context, &schema, spec.clone(), Arc::clone(&output))?;
            Ok(Box::new(operator))
        },
        &[0],
        input,
        1,
        delay,
    )
    .unwrap()
}

const TEMPERATURES: [i32; 8] = [100, 102, 104, 106, 105, 107, 101, 100];

fn temperatures() -> Vec<Row> {
    TEMPERATURES
        .iter()
        .enumerate()
        .map(|(i, t)| ("a", 1_000 * (i as i64 + 1), *t))
        .collect()
}

fn matches(skip: Skip) -> Vec<String> {
    let spec = rising(skip, Some(1), None);
    harness(&temperatures(), spec, 0).run(3).unwrap()
}

#[test]
fn the_search_goes_on_where_it_is_told() {
    let (long, second) = ("+I[a, 100, 106, 105, 412]", "+I[a, 105, 107, 101, 212]");
    let last = "+I[a, 101, 101, 100, 101]";
    assert_eq!(
        matches(Skip::PastLastRow),
        [long, "+I[a, 107, 107, 101, 107]"]
    );
    assert_eq!(matches(Skip::ToFirst(1)), [long, second, last]);
    assert_eq!(matches(Skip::ToLast(1)), [long, second, last]);
    assert_eq!(matches(Skip::ToNextRow).len(), 7);
    let endless = rising(Skip::ToFirst(0), Some(1), None);
    let error = harness(&temperatures(), endless, 0).run(3).unwrap_err();
    assert!(error.to_string().contains("for ever"), "{error}");
}

#[test]
fn a_match_that_lasts_too_long_is_given_up() {
    let spec = rising(Skip::PastLastRow, Some(1), Some(3_000));
    let found = harness(&temperatures(), spec, 0).run(3).unwrap();
    assert_eq!(
        found,
        ["+I[a, 104, 106, 105, 210]", "+I[a, 107, 107, 101, 107]"]
    );
}

#[test]
fn a_reluctant_variable_gives_rows_away() {
    let mut spec = rising(Skip::PastLastRow, Some(1), None);
    let always = |condition: bool| Some(lit(condition));
    spec.parts[0].condition = always(true);
    spec.parts[1].condition = always(true);
    let rows = &temperatures()[..4];
    // A greedy A takes every row.
    assert!(harness(rows, spec.clone(), 0).run(4).unwrap().is_empty());
    spec.parts[0].greedy = false;
    assert_eq!(
        harness(rows, spec, 0).run(4).unwrap(),
        ["+I[a, 100, 100, 102, 100]", "+I[a, 104, 104, 106, 104]"]
    );
}

#[test]
fn a_pattern_may_have_optional_variables() {
    let mut spec = rising(Skip::PastLastRow, Some(1), None);
    spec.parts[0].min = 0;
    spec.parts[1].condition = Some(lit(true));
    spec.parts[0].condition = Some(lit(false));
    let rows = &temperatures()[..2];
    assert_eq!(
        harness(rows, spec, 0).run(4).unwrap(),
        [
            "+I[a, null, null, 100, null]",
            "+I[a, null, null, 102, null]"
        ]
    );
}

/// All matches by their definition, of rows in order.
fn expected(rows: &[Row], delay: i64) -> Vec<String> {
    let mut watermark = i64::MIN;
    let mut by_key: BTreeMap<&str, Vec<(i64, usize, i32)>> = BTreeMap::new();
    let mut highest = 0;
    for (i, &(key, time, price)) in rows.iter().enumerate() {
        if time > watermark {
            by_key.entry(key).or_default().push((time, i, price));
        }
        highest = highest.max(time - delay);
        if highest > 0 {
            watermark = highest;
        }
    }
    let mut out = Vec::new();
    for (key, mut rows) in by_key {
        rows.sort();
        let mut start = 0;
        while start < rows.len() {
            let mut end = start;
            while end + 1 < rows.len() && rows[end + 1].2 > rows[end].2 {
                end += 1;
            }
            let falls = end + 1 < rows.len() && rows[end + 1].2 < rows[end].2;
            if falls {
                let sum: i32 = rows[start..=end].iter().map(|row| row.2).sum();
                out.push(format!(
                    "+I[{key}, {}, {}, {}, {sum}]",
                    rows[start].2,
                    rows[end].2,
                    rows[end + 1].2
                ));
                start = end + 2;
            } else {
                // What began here fails or is not complete; the next row may begin another.
                start += 1;
            }
        }
    }
    out.sort();
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn matches_agree_with_the_definition(
        rows in prop::collection::vec((prop_oneof![Just("a"), Just("b")], 0..25i64, 0..6), 1..50),
        delay in 0..20i64,
        seed: u64,
    ) {
        let rows: Vec<Row> = rows
            .into_iter()
            .enumerate()
            .map(|(i, (key, jitter, price))| (key, i as i64 * 3 + jitter, price))
            .collect();
        let harness = harness(&rows, rising(Skip::PastLastRow, Some(1), None), delay);
        let mut alone = harness.run(7).unwrap();
        alone.sort();
        prop_assert_eq!(&alone, &expected(&rows, delay));
        prop_assert_eq!(harness.run_killed(seed).unwrap(), alone);
    }
}

#[test]
fn the_state_reads_back_what_it_wrote() {
    let mut state = KeyMatches::default();
    state.add(5, [1u8, 2].as_slice().into());
    state.waiting.push(Waiting {
        time: -7,
        sort: [9u8].as_slice().into(),
        row: [].as_slice().into(),
    });
    state.runs.push(Run::default().with(0, 0));
    let mut bytes = Vec::new();
    state.encode(&mut bytes);
    assert_eq!(
        bytes,
        [1, 1, 13, 1, 9, 0, 1, 1, 10, 2, 1, 2, 1, 0, 1, 1, 0, 0]
    );
    assert_eq!(KeyMatches::decode(&bytes).unwrap(), state);
}
