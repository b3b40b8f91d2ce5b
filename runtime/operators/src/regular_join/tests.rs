use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion_expr::Operator as Op;
use datafusion_physical_expr::expressions::{Column, binary};
use proptest::prelude::*;

use super::*;
use crate::harness::{Input, TwoInputs};

/// `k`, `v`, `s`.
type Row = (Option<i64>, i64, &'static str);

fn table(names: [&str; 3], rows: &[(RowKind, Row)]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([
        (
            names[0],
            Arc::new(Int64Array::from_iter(rows.iter().map(|r| r.1.0))) as ArrayRef,
            true,
        ),
        (
            names[1],
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1.1))) as _,
            true,
        ),
        (
            names[2],
            Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.1.2))) as _,
            true,
        ),
    ])
    .unwrap()
}

fn input(names: [&str; 3], key: &[usize], rows: &[(RowKind, Row)]) -> Input {
    Input::new(key, table(names, rows)).kinds(rows.iter().map(|row| row.0).collect())
}

const LEFT: [&str; 3] = ["k", "v", "s"];
const RIGHT: [&str; 3] = ["rk", "rv", "rs"];

fn side(keys: &[usize], unique: SideKey, retracting: bool) -> JoinSide {
    JoinSide {
        keys: keys.to_vec(),
        unique,
        retracting,
        ttl_millis: None,
    }
}

fn spec(kind: JoinKind) -> JoinSpec {
    JoinSpec {
        kind,
        left: side(&[0], SideKey::NoUniqueKey, true),
        right: side(&[0], SideKey::NoUniqueKey, true),
        null_safe: vec![false],
        condition: None,
    }
}

/// `v > rv`.
fn left_is_greater() -> Option<Arc<dyn PhysicalExpr>> {
    let schema = joined(JoinKind::Inner);
    Some(
        binary(
            Arc::new(Column::new("v", 1)),
            Op::Gt,
            Arc::new(Column::new("rv", 4)),
            &schema,
        )
        .unwrap(),
    )
}

fn joined(kind: JoinKind) -> SchemaRef {
    let (left, right) = (table(LEFT, &[]).schema(), table(RIGHT, &[]).schema());
    let right = right.fields().iter();
    let right = right.take(if kind.left_only() { 0 } else { 9 });
    Arc::new(Schema::new(
        left.fields()
            .iter()
            .chain(right)
            .cloned()
            .collect::<Vec<_>>(),
    ))
}

fn join<'a>(
    spec: &'a JoinSpec,
    left: &[(RowKind, Row)],
    right: &[(RowKind, Row)],
) -> TwoInputs<'a> {
    TwoInputs::new(
        move |context| {
            Ok(Box::new(RegularJoin::with_schema(
                context,
                &table(LEFT, &[]).schema(),
                &table(RIGHT, &[]).schema(),
                spec,
                joined(spec.kind),
            )?) as Box<dyn Operator>)
        },
        input(LEFT, &spec.left.keys, left),
        input(RIGHT, &spec.right.keys, right),
    )
}

use RowKind::{Delete as D, Insert as I, UpdateAfter as UA, UpdateBefore as UB};

#[test]
fn inner_pairs_have_the_kind_of_the_row_that_came() {
    let spec = spec(JoinKind::Inner);
    let left = [
        (I, (Some(1), 10, "a")),
        (I, (None, 11, "b")),
        (UB, (Some(1), 10, "a")),
        (UA, (Some(1), 12, "a")),
    ];
    let right = [
        (I, (Some(1), 5, "x")),
        (I, (None, 6, "y")),
        (I, (Some(1), 5, "x")),
        (D, (Some(1), 5, "x")),
    ];
    let join = join(&spec, &left, &right).order(vec![0, 0, 1, 1, 1, 0, 0, 1]);
    let rows = [
        "+I[1, 10, a, 1, 5, x]",
        "+I[1, 10, a, 1, 5, x]",
        "-U[1, 10, a, 1, 5, x]",
        "-U[1, 10, a, 1, 5, x]",
        "+U[1, 12, a, 1, 5, x]",
        "+U[1, 12, a, 1, 5, x]",
        "-D[1, 12, a, 1, 5, x]",
    ];
    assert_eq!(join.check(20), rows);
}

#[test]
fn a_left_row_without_a_match_comes_beside_nulls() {
    let spec = spec(JoinKind::Left);
    let left = [
        (I, (Some(1), 10, "a")),
        (I, (None, 11, "b")),
        (D, (Some(1), 10, "a")),
    ];
    let right = [
        (I, (Some(1), 5, "x")),
        (UB, (Some(1), 5, "x")),
        (UA, (Some(1), 6, "x")),
    ];
    let join = join(&spec, &left, &right).order(vec![0, 0, 1, 1, 1, 0]);
    let rows = [
        "+I[1, 10, a, null, null, null]",
        "+I[null, 11, b, null, null, null]",
        "-D[1, 10, a, null, null, null]",
        "+I[1, 10, a, 1, 5, x]",
        "-U[1, 10, a, 1, 5, x]",
        "+I[1, 10, a, null, null, null]",
        "-D[1, 10, a, null, null, null]",
        "+I[1, 10, a, 1, 6, x]",
        "-D[1, 10, a, 1, 6, x]",
    ];
    assert_eq!(join.check(20), rows);
}

#[test]
fn a_full_join_pads_both_sides() {
    let mut spec = spec(JoinKind::Full);
    spec.condition = left_is_greater();
    let left = [
        (I, (Some(1), 4, "a")),
        (I, (Some(1), 7, "b")),
        (D, (Some(1), 7, "b")),
    ];
    let right = [(I, (Some(1), 5, "x")), (D, (Some(1), 5, "x"))];
    let join = join(&spec, &left, &right).order(vec![0, 1, 0, 0, 1]);
    let rows = [
        "+I[1, 4, a, null, null, null]",
        "+I[null, null, null, 1, 5, x]",
        "-D[null, null, null, 1, 5, x]",
        "+I[1, 7, b, 1, 5, x]",
        "-D[1, 7, b, 1, 5, x]",
        "+I[null, null, null, 1, 5, x]",
        "-D[null, null, null, 1, 5, x]",
    ];
    assert_eq!(join.check(20), rows);
}

#[test]
fn semi_and_anti_joins_turn_with_the_first_and_the_last_match() {
    let left = [
        (I, (Some(1), 1, "a")),
        (I, (Some(2), 2, "b")),
        (D, (Some(1), 1, "a")),
    ];
    let right = [
        (I, (Some(1), 5, "x")),
        (I, (Some(1), 6, "y")),
        (D, (Some(1), 5, "x")),
        (UB, (Some(1), 6, "y")),
        (UA, (Some(1), 7, "y")),
    ];
    let order = vec![0, 0, 1, 1, 1, 1, 1, 0];
    let semi = spec(JoinKind::Semi);
    let rows = ["+I[1, 1, a]", "-U[1, 1, a]", "+U[1, 1, a]", "-D[1, 1, a]"];
    assert_eq!(
        join(&semi, &left, &right).order(order.clone()).check(20),
        rows
    );
    let anti = spec(JoinKind::Anti);
    let rows = [
        "+I[1, 1, a]",
        "+I[2, 2, b]",
        "-D[1, 1, a]",
        "+I[1, 1, a]",
        "-D[1, 1, a]",
    ];
    assert_eq!(join(&anti, &left, &right).order(order).check(20), rows);
}

#[test]
fn null_equals_null_if_the_condition_says_so() {
    let mut spec = spec(JoinKind::Inner);
    spec.null_safe = vec![true];
    let left = [(I, (Some(1), 1, "a")), (I, (None, 2, "b"))];
    let right = [(I, (Some(1), 3, "x")), (I, (None, 4, "y"))];
    let rows = ["+I[1, 1, a, 1, 3, x]", "+I[null, 2, b, null, 4, y]"];
    assert_eq!(join(&spec, &left, &right).check(20), rows);
}

#[test]
fn without_keys_every_row_meets_every_row() {
    let mut spec = spec(JoinKind::Inner);
    (spec.left.keys, spec.right.keys, spec.null_safe) = (vec![], vec![], vec![]);
    spec.left.retracting = false;
    let left = [(I, (Some(1), 1, "a")), (I, (None, 2, "b"))];
    let right = [(I, (Some(7), 3, "x")), (I, (None, 4, "y"))];
    let rows = [
        "+I[1, 1, a, 7, 3, x]",
        "+I[null, 2, b, 7, 3, x]",
        "+I[1, 1, a, null, 4, y]",
        "+I[null, 2, b, null, 4, y]",
    ];
    assert_eq!(join(&spec, &left, &right).check(20), rows);
}

#[test]
fn a_row_replaces_the_one_with_its_unique_key() {
    let mut spec = spec(JoinKind::Inner);
    spec.left.unique = SideKey::JoinKeyContainsUniqueKey;
    spec.right.unique = SideKey::UniqueKey(vec![0, 1]);
    let left = [
        (I, (Some(1), 10, "a")),
        (UA, (Some(1), 11, "longer than before")),
        (D, (Some(1), 0, "")),
        (UA, (Some(1), 12, "c")),
    ];
    let right = [
        (I, (Some(1), 5, "x")),
        (UA, (Some(1), 5, "y")),
        (I, (Some(1), 6, "z")),
        (D, (Some(1), 6, "")),
    ];
    let join = join(&spec, &left, &right).order(vec![0, 1, 1, 0, 1, 0, 1, 0]);
    let rows = [
        "+I[1, 10, a, 1, 5, x]",
        "+U[1, 10, a, 1, 5, y]",
        "+U[1, 11, longer than before, 1, 5, y]",
        "+I[1, 11, longer than before, 1, 6, z]",
        "-D[1, 0, , 1, 5, y]",
        "-D[1, 0, , 1, 6, z]",
        "+U[1, 12, c, 1, 5, y]",
    ];
    assert_eq!(join.check(20), rows);
}

#[test]
fn a_replaced_row_is_still_one_match() {
    let mut spec = spec(JoinKind::Left);
    spec.right.unique = SideKey::JoinKeyContainsUniqueKey;
    let left = [(I, (Some(1), 10, "a"))];
    let right = [
        (I, (Some(1), 5, "x")),
        (UA, (Some(1), 6, "y")),
        (D, (Some(1), 6, "y")),
    ];
    let rows = [
        "+I[1, 10, a, null, null, null]",
        "-D[1, 10, a, null, null, null]",
        "+I[1, 10, a, 1, 5, x]",
        "+I[1, 10, a, 1, 6, y]",
        "-D[1, 10, a, 1, 6, y]",
        "+I[1, 10, a, null, null, null]",
    ];
    assert_eq!(join(&spec, &left, &right).check(20), rows);
}

#[test]
fn a_retraction_that_was_not_planned_is_an_error() {
    let mut spec = spec(JoinKind::Inner);
    spec.right.retracting = false;
    let right = [(I, (Some(1), 1, "a")), (D, (Some(1), 1, "a"))];
    let error = join(&spec, &[], &right).run(1).unwrap_err().to_string();
    assert!(
        error.starts_with("a -D came from the right side"),
        "{error}"
    );
}

#[test]
fn empty_inputs_join_to_nothing() {
    let spec = spec(JoinKind::Full);
    assert!(join(&spec, &[], &[]).check(3).is_empty());
}

/// A row is gone when its time to live has passed since it was last written.
#[test]
fn rows_expire() {
    let mut spec = spec(JoinKind::Left);
    (spec.left.ttl_millis, spec.right.ttl_millis) = (Some(1_000), Some(3_000));
    let left = [
        (I, (Some(1), 10, "a")),
        (I, (Some(1), 11, "b")),
        (I, (Some(2), 12, "c")),
        (I, (Some(1), 13, "d")),
    ];
    let right = [
        (I, (Some(1), 5, "x")),
        (I, (Some(1), 6, "y")),
        (I, (Some(2), 7, "z")),
        (I, (Some(2), 8, "z")),
    ];
    let join = join(&spec, &left, &right)
        .order(vec![0, 1, 0, 1, 0, 1, 1, 0])
        // c is written again when z matches it at 3500, so it is there at 4400.
        .clock(vec![0, 500, 999, 1_600, 3_000, 3_500, 4_400, 4_500], 60_000);
    let rows = [
        "+I[1, 10, a, null, null, null]",
        "-D[1, 10, a, null, null, null]",
        "+I[1, 10, a, 1, 5, x]",
        "+I[1, 11, b, 1, 5, x]",
        // a was written at 500 and is gone at 1500; b came at 999.
        "+I[1, 11, b, 1, 6, y]",
        "+I[2, 12, c, null, null, null]",
        "-D[2, 12, c, null, null, null]",
        "+I[2, 12, c, 2, 7, z]",
        "+I[2, 12, c, 2, 8, z]",
        // x is gone since 3500, y since 4600.
        "+I[1, 13, d, 1, 6, y]",
    ];
    assert_eq!(join.check(20), rows);
}

/// How a side's rows are told apart.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Keeping {
    Appended,
    Counted,
    ByKeyAndValue,
    ByKey,
}

impl Keeping {
    fn plan(self, side: &mut JoinSide) {
        side.retracting = self != Keeping::Appended;
        side.unique = match self {
            Keeping::Appended | Keeping::Counted => SideKey::NoUniqueKey,
            Keeping::ByKeyAndValue => SideKey::UniqueKey(vec![1, 0]),
            Keeping::ByKey => SideKey::JoinKeyContainsUniqueKey,
        };
    }

    /// Whether the row keeps the key unique.
    fn may_come(self, row: &Row, table: &[Row]) -> bool {
        match self {
            Keeping::Appended | Keeping::Counted => true,
            Keeping::ByKeyAndValue => table.iter().all(|r| (r.0, r.1) != (row.0, row.1)),
            Keeping::ByKey => table.iter().all(|r| r.0 != row.0),
        }
    }
}

/// Whatever comes in whatever order: the changelog folds to the join of the two tables.
fn check_model(
    kind: JoinKind,
    condition: bool,
    null_safe: bool,
    kept: [Keeping; 2],
    rows: &[(bool, u8, Row)],
    seed: u64,
) {
    let mut spec = spec(kind);
    kept[0].plan(&mut spec.left);
    kept[1].plan(&mut spec.right);
    spec.null_safe = vec![null_safe];
    spec.condition = if condition { left_is_greater() } else { None };
    // Deletes are of rows that are there.
    let mut tables: [Vec<Row>; 2] = [Vec::new(), Vec::new()];
    let mut events: [Vec<(RowKind, Row)>; 2] = [Vec::new(), Vec::new()];
    let mut order = Vec::new();
    let mut expected: Vec<BTreeMap<String, i64>> = Vec::new();
    for &(right, what, row) in rows {
        let side = usize::from(right);
        let (table, count) = (&mut tables[side], rows.len());
        let deletes = what < 3 && !table.is_empty() && kept[side] != Keeping::Appended;
        if !deletes && !kept[side].may_come(&row, table) {
            continue;
        }
        let (kind_of_row, row) = if deletes {
            let gone = table.remove((what as usize * 31 + count) % table.len());
            (if what == 0 { UB } else { D }, gone)
        } else {
            table.push(row);
            (if what == 4 { UA } else { I }, row)
        };
        events[side].push((kind_of_row, row));
        order.push(side);
        expected.push(naive(kind, condition, null_safe, &tables));
    }
    let join = join(&spec, &events[0], &events[1]).order(order);
    let mut folded: BTreeMap<String, i64> = BTreeMap::new();
    for (step, rows) in join.run_each(1).unwrap().into_iter().enumerate() {
        for row in rows {
            let sign = if row.starts_with("+") { 1 } else { -1 };
            *folded.entry(row[2..].to_owned()).or_default() += sign;
        }
        folded.retain(|_, count| *count != 0);
        if let Some(expected) = expected.get(step) {
            assert_eq!(&folded, expected, "after {step}");
        }
    }
    let mut whole = join.run(8192).unwrap();
    whole.sort();
    let mut killed = join.run_killed(seed).unwrap();
    killed.sort();
    assert_eq!(whole, killed);
}

fn naive(
    kind: JoinKind,
    condition: bool,
    null_safe: bool,
    tables: &[Vec<Row>; 2],
) -> BTreeMap<String, i64> {
    let matches =
        |l: &Row, r: &Row| l.0 == r.0 && (null_safe || l.0.is_some()) && (!condition || l.1 > r.1);
    let text = |row: &Row| {
        let k = row.0.map_or("null".to_owned(), |k| k.to_string());
        format!("{k}, {}, {}", row.1, row.2)
    };
    let [left, right] = tables;
    let mut rows = Vec::new();
    for l in left {
        let found: Vec<&Row> = right.iter().filter(|r| matches(l, r)).collect();
        match kind {
            JoinKind::Semi if !found.is_empty() => rows.push(format!("[{}]", text(l))),
            JoinKind::Anti if found.is_empty() => rows.push(format!("[{}]", text(l))),
            JoinKind::Semi | JoinKind::Anti => {}
            _ if found.is_empty() && kind.left_outer() => {
                rows.push(format!("[{}, null, null, null]", text(l)));
            }
            _ => rows.extend(found.iter().map(|r| format!("[{}, {}]", text(l), text(r)))),
        }
    }
    if kind.right_outer() {
        for r in right.iter().filter(|r| !left.iter().any(|l| matches(l, r))) {
            rows.push(format!("[null, null, null, {}]", text(r)));
        }
    }
    let mut counted = BTreeMap::new();
    for row in rows {
        *counted.entry(row).or_default() += 1;
    }
    counted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]
    #[test]
    fn the_changelog_folds_to_the_join_of_the_tables(
        kind in prop::sample::select(vec![
            JoinKind::Inner, JoinKind::Left, JoinKind::Right, JoinKind::Full, JoinKind::Semi,
            JoinKind::Anti,
        ]),
        condition in any::<bool>(),
        null_safe in any::<bool>(),
        kept in prop::array::uniform2(prop::sample::select(vec![
            Keeping::Appended, Keeping::Counted, Keeping::ByKeyAndValue, Keeping::ByKey,
        ])),
        rows in prop::collection::vec(
            (
                any::<bool>(),
                0u8..8,
                (
                    prop::sample::select(vec![None, Some(1), Some(1), Some(2)]),
                    0i64..3,
                    prop::sample::select(vec!["a", "b"]),
                ),
            ),
            0..40,
        ),
        seed in any::<u64>(),
    ) {
        check_model(kind, condition, null_safe, kept, &rows, seed);
    }
}

/// Rows of one key that fill many buckets.
#[test]
fn a_hot_key_spreads_over_buckets() {
    let mut spec = spec(JoinKind::Inner);
    for (unique, retracting) in [
        (SideKey::NoUniqueKey, false),
        (SideKey::NoUniqueKey, true),
        (SideKey::UniqueKey(vec![1]), true),
    ] {
        spec.left.unique = unique;
        spec.left.retracting = retracting;
        let mut left: Vec<(RowKind, Row)> =
            (0..1_500).map(|v| (I, (Some(1), v, "some text"))).collect();
        if retracting {
            left.extend((0..1_000).map(|v| (D, (Some(1), v, "some text"))));
        }
        let there = if retracting { 500 } else { 1_500 };
        let rows = join(&spec, &left, &[(I, (Some(1), 7, "x"))]).check(3);
        assert_eq!(rows.len(), there);
    }
}
