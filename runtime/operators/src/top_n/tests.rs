use std::collections::BTreeMap;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use proptest::prelude::*;

use super::*;
use crate::harness::Harness;

use RowKind::{Delete, Insert, UpdateAfter, UpdateBefore};

/// Number, partition, what it is sorted by.
type Row = (i64, Option<&'static str>, Option<i64>);

fn table(rows: &[(RowKind, Row)]) -> RecordBatch {
    let rows = rows.iter().map(|(_, row)| row);
    RecordBatch::try_from_iter_with_nullable([
        (
            "id",
            Arc::new(Int64Array::from_iter_values(rows.clone().map(|r| r.0))) as ArrayRef,
            false,
        ),
        (
            "k",
            Arc::new(StringArray::from_iter(rows.clone().map(|r| r.1))) as _,
            true,
        ),
        (
            "v",
            Arc::new(Int64Array::from_iter(rows.map(|r| r.2))) as _,
            true,
        ),
    ])
    .unwrap()
}

fn spec(strategy: TopNStrategy, end: u64, with_rank: bool) -> TopNSpec {
    TopNSpec {
        partition: vec![1],
        order: vec![SortColumn::ascending(2)],
        start: 1,
        end,
        end_column: None,
        with_rank,
        strategy,
        update_before: true,
        ttl_millis: None,
    }
}

fn harness(spec: TopNSpec, rows: &[(RowKind, Row)]) -> Harness<'static> {
    let kinds = rows.iter().map(|(kind, _)| *kind).collect();
    let rows = table(rows);
    let (schema, key) = (rows.schema(), spec.partition.clone());
    Harness::changelog(
        move |context| spec.operator(context, Arc::clone(&schema)),
        &key,
        rows,
        kinds,
    )
}

fn inserts(rows: &[Row]) -> Vec<(RowKind, Row)> {
    rows.iter().map(|&row| (Insert, row)).collect()
}

const APPEND: TopNStrategy = TopNStrategy::AppendOnly;
const RETRACT: TopNStrategy = TopNStrategy::Retracting;

fn updating() -> TopNStrategy {
    TopNStrategy::Updating { unique: vec![0, 1] }
}

#[test]
fn without_the_number_the_evicted_row_goes_before_the_new_one_comes() {
    let rows = inserts(&[
        (1, Some("a"), Some(5)),
        (2, Some("a"), Some(4)),
        (3, Some("a"), Some(4)), // a peer that came later
        (4, Some("a"), Some(9)),
        (5, None, Some(1)),
        (6, Some("a"), None), // NULL is the smallest
    ]);
    for strategy in [APPEND, RETRACT] {
        assert_eq!(
            harness(spec(strategy, 2, false), &rows).check(6),
            [
                "+I[1, a, 5]",
                "+I[2, a, 4]",
                "-D[1, a, 5]",
                "+I[3, a, 4]",
                "+I[5, null, 1]",
                "-D[3, a, 4]",
                "+I[6, a, null]",
            ]
        );
    }
}

#[test]
fn with_the_number_every_rank_that_changed_is_updated() {
    let rows = inserts(&[
        (1, Some("a"), Some(5)),
        (2, Some("a"), Some(4)),
        (3, Some("a"), Some(4)),
        (4, Some("a"), Some(1)),
    ]);
    for strategy in [APPEND, RETRACT] {
        assert_eq!(
            harness(spec(strategy, 3, true), &rows).check(6),
            [
                "+I[1, a, 5, 1]",
                "-U[1, a, 5, 1]",
                "+U[2, a, 4, 1]",
                "+I[1, a, 5, 2]",
                "-U[1, a, 5, 2]",
                "+U[3, a, 4, 2]",
                "+I[1, a, 5, 3]",
                "-U[2, a, 4, 1]",
                "+U[4, a, 1, 1]",
                "-U[3, a, 4, 2]",
                "+U[2, a, 4, 2]",
                "-U[1, a, 5, 3]",
                "+U[3, a, 4, 3]",
            ]
        );
    }
}

#[test]
fn a_consumer_that_does_not_want_old_rows_gets_none() {
    let rows = inserts(&[(1, Some("a"), Some(5)), (2, Some("a"), Some(4))]);
    let spec = TopNSpec {
        update_before: false,
        ..spec(APPEND, 2, true)
    };
    assert_eq!(
        harness(spec, &rows).check(2),
        ["+I[1, a, 5, 1]", "+U[2, a, 4, 1]", "+I[1, a, 5, 2]"]
    );
}

#[test]
fn the_first_row_alone_is_updated_unless_it_may_be_retracted() {
    let rows = inserts(&[
        (1, Some("a"), Some(5)),
        (2, Some("b"), Some(5)),
        (3, Some("a"), Some(5)),
        (4, Some("a"), Some(4)),
    ]);
    for strategy in [APPEND, updating()] {
        assert_eq!(
            harness(spec(strategy, 1, false), &rows).check(4),
            ["+I[1, a, 5]", "+I[2, b, 5]", "-U[1, a, 5]", "+U[4, a, 4]"]
        );
    }
    assert_eq!(
        harness(spec(APPEND, 1, true), &rows).check(4),
        [
            "+I[1, a, 5, 1]",
            "+I[2, b, 5, 1]",
            "-U[1, a, 5, 1]",
            "+U[4, a, 4, 1]"
        ]
    );
    assert_eq!(
        harness(spec(RETRACT, 1, false), &rows).check(4),
        ["+I[1, a, 5]", "+I[2, b, 5]", "-D[1, a, 5]", "+I[4, a, 4]"]
    );
}

#[test]
fn a_deleted_row_lets_the_next_one_in() {
    let rows = [
        (Insert, (1, Some("a"), Some(1))),
        (Insert, (2, Some("a"), Some(2))),
        (Insert, (3, Some("a"), Some(3))),
        (Insert, (4, Some("a"), Some(4))),
        (Delete, (3, Some("a"), Some(3))), // not shown
        (Delete, (1, Some("a"), Some(1))),
        (Delete, (9, Some("a"), Some(2))), // was never there
        (Delete, (2, Some("a"), Some(2))),
        (Delete, (4, Some("a"), Some(4))),
        (Delete, (4, Some("a"), Some(4))),
    ];
    assert_eq!(
        harness(spec(RETRACT, 2, false), &rows).check(6),
        [
            "+I[1, a, 1]",
            "+I[2, a, 2]",
            "-D[1, a, 1]",
            "+I[4, a, 4]",
            "-D[2, a, 2]",
            "-D[4, a, 4]",
        ]
    );
    assert_eq!(
        harness(spec(RETRACT, 2, true), &rows).check(6),
        [
            "+I[1, a, 1, 1]",
            "+I[2, a, 2, 2]",
            "-U[1, a, 1, 1]",
            "+U[2, a, 2, 1]",
            "-U[2, a, 2, 2]",
            "+U[4, a, 4, 2]",
            "-U[2, a, 2, 1]",
            "+U[4, a, 4, 1]",
            "-D[4, a, 4, 2]",
            "-D[4, a, 4, 1]",
        ]
    );
}

#[test]
fn an_update_of_a_shown_row_moves_it_forward() {
    let rows = [
        (Insert, (1, Some("a"), Some(30))),
        (Insert, (2, Some("a"), Some(40))),
        (Insert, (3, Some("a"), Some(50))),
        (UpdateAfter, (3, Some("a"), Some(20))),
        (UpdateBefore, (2, Some("a"), Some(40))), // what follows finds it by its key
        (UpdateAfter, (2, Some("a"), Some(40))),  // nothing but the row's other columns
        (Insert, (4, Some("a"), Some(35))),
        (UpdateAfter, (2, Some("a"), Some(35))), // no longer shown, and no better than the last
    ];
    assert_eq!(
        harness(spec(updating(), 3, true), &rows).check(6),
        [
            "+I[1, a, 30, 1]",
            "+I[2, a, 40, 2]",
            "+I[3, a, 50, 3]",
            // 3 comes first: the row there moves down, the old 3 goes, the new one comes.
            "-U[1, a, 30, 1]",
            "-U[3, a, 50, 3]",
            "+U[3, a, 20, 1]",
            "-U[2, a, 40, 2]",
            "+U[1, a, 30, 2]",
            "+U[2, a, 40, 3]",
            "-U[2, a, 40, 3]",
            "+U[2, a, 40, 3]",
            "-U[2, a, 40, 3]",
            "+U[4, a, 35, 3]",
        ]
    );
    assert_eq!(
        harness(spec(updating(), 3, false), &rows).check(6),
        [
            "+I[1, a, 30]",
            "+I[2, a, 40]",
            "+I[3, a, 50]",
            "-U[3, a, 50]",
            "+U[3, a, 20]",
            "-U[2, a, 40]",
            "+U[2, a, 40]",
            "-D[2, a, 40]",
            "+I[4, a, 35]",
        ]
    );
}

#[test]
fn nulls_and_directions_sort_as_asked() {
    let rows = inserts(&[
        (1, Some("a"), Some(1)),
        (2, Some("a"), None),
        (3, Some("a"), Some(3)),
    ]);
    let last = |by: SortColumn| {
        let spec = TopNSpec {
            order: vec![by],
            ..spec(APPEND, 3, true)
        };
        let out = harness(spec, &rows).check(1);
        let table = fold(&out);
        let mut ranked: Vec<(String, String)> = table
            .into_keys()
            .map(|row| {
                let fields: Vec<&str> = row.trim_matches(['[', ']']).split(", ").collect();
                (fields[3].to_owned(), fields[0].to_owned())
            })
            .collect();
        ranked.sort();
        ranked
            .into_iter()
            .map(|(_, id)| id)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let by = |descending, nulls_first| SortColumn {
        column: 2,
        descending,
        nulls_first,
    };
    assert_eq!(last(SortColumn::ascending(2)), "2 1 3");
    assert_eq!(last(SortColumn::descending(2)), "3 1 2");
    assert_eq!(last(by(false, false)), "1 3 2");
    assert_eq!(last(by(true, true)), "2 3 1");
}

#[test]
fn limit_without_order_lets_the_first_arrivals_through() {
    let rows = inserts(&[
        (1, Some("a"), None),
        (2, Some("b"), None),
        (3, Some("a"), None),
        (4, Some("a"), None),
    ]);
    let limit = |start, end, strategy| TopNSpec {
        partition: vec![],
        order: vec![],
        start,
        end,
        ..spec(strategy, 2, false)
    };
    assert_eq!(
        harness(limit(1, 2, APPEND), &rows).check(4),
        ["+I[1, a, null]", "+I[2, b, null]"]
    );
    assert_eq!(
        harness(limit(2, 3, APPEND), &rows).check(4),
        ["+I[2, b, null]", "+I[3, a, null]"]
    );
    let numbered = TopNSpec {
        with_rank: true,
        partition: vec![1],
        ..limit(1, 2, APPEND)
    };
    assert_eq!(
        harness(numbered, &rows).check(4),
        [
            "+I[1, a, null, 1]",
            "+I[2, b, null, 1]",
            "+I[3, a, null, 2]"
        ]
    );
    let mut rows = rows;
    rows.push((Delete, (1, Some("a"), None)));
    assert_eq!(
        harness(limit(1, 2, RETRACT), &rows).check(4),
        [
            "+I[1, a, null]",
            "+I[2, b, null]",
            "-D[1, a, null]",
            "+I[3, a, null]"
        ]
    );
}

#[test]
fn state_that_was_not_written_for_the_time_to_live_is_forgotten() {
    let rows = inserts(&[
        (1, Some("a"), Some(1)),
        (2, Some("a"), Some(2)),
        (3, Some("a"), Some(1)),
        (4, Some("a"), Some(9)),
        (5, Some("a"), Some(8)),
    ]);
    // Row 1 lives on by its peer, row 3; row 2 is gone when 10 ms have passed.
    let times = vec![1, 2, 8, 12, 40];
    for strategy in [APPEND, RETRACT] {
        let spec = TopNSpec {
            ttl_millis: Some(10),
            ..spec(strategy, 3, true)
        };
        assert_eq!(
            harness(spec, &rows).with_clock(times.clone()).check(6),
            [
                "+I[1, a, 1, 1]",
                "+I[2, a, 2, 2]",
                "-U[2, a, 2, 2]",
                "+U[3, a, 1, 2]",
                "+I[2, a, 2, 3]",
                "+I[4, a, 9, 3]",
                "+I[5, a, 8, 1]",
            ]
        );
    }
    let limit = TopNSpec {
        order: vec![],
        ttl_millis: Some(10),
        ..spec(APPEND, 1, false)
    };
    assert_eq!(
        harness(limit, &rows).with_clock(times).check(6),
        ["+I[1, a, 1]", "+I[4, a, 9]", "+I[5, a, 8]"]
    );
}

#[test]
fn expired_state_is_searched_for_and_removed() {
    let rows: Vec<Row> = (0..12)
        .map(|i| (i, Some(if i < 11 { "a" } else { "b" }), Some(20 - i)))
        .collect();
    let mut rows = inserts(&rows);
    rows.push((Insert, (12, Some("a"), Some(50))));
    // All of "a" is older than the time to live when "b" comes, and removed before it is asked for.
    let mut times = vec![1; 11];
    times.extend([100_000, 200_000]);
    for strategy in [APPEND, RETRACT] {
        let spec = TopNSpec {
            ttl_millis: Some(30_000),
            ..spec(strategy, 1, true)
        };
        let out = harness(spec, &rows).with_clock(times.clone()).check(6);
        assert_eq!(
            out[out.len() - 2..],
            ["+I[11, b, 9, 1]", "+I[12, a, 50, 1]"]
        );
    }
}

#[test]
fn what_the_strategy_excludes_is_refused() {
    let deleted = [(Delete, (1, Some("a"), Some(1)))];
    for (strategy, order) in [
        (APPEND, vec![SortColumn::ascending(2)]),
        (updating(), vec![SortColumn::ascending(2)]),
        (APPEND, vec![]),
    ] {
        let spec = TopNSpec {
            order,
            ..spec(strategy, 2, false)
        };
        let error = harness(spec, &deleted).run(1).unwrap_err().to_string();
        assert!(error.contains("retracting"), "{error}");
    }
    let none = TopNSpec {
        start: 3,
        ..spec(APPEND, 2, false)
    };
    let error = harness(none, &deleted).run(1).unwrap_err().to_string();
    assert!(error.contains("from row 3 to row 2"), "{error}");
}

#[test]
fn the_last_number_of_a_column_is_that_of_the_partitions_first_row() {
    let rows = inserts(&[
        (2, Some("a"), Some(5)),
        (1, Some("a"), Some(4)), // asks for one row only, too late
        (9, Some("a"), Some(6)),
        (0, Some("b"), Some(1)), // none at all
        (7, Some("b"), Some(2)),
    ]);
    for strategy in [APPEND, RETRACT] {
        let spec = TopNSpec {
            end_column: Some(0),
            ..spec(strategy, 0, false)
        };
        assert_eq!(
            harness(spec, &rows).check(6),
            ["+I[2, a, 5]", "+I[1, a, 4]"]
        );
    }
}

/// Flink does not know the last number beforehand and keeps 100 rows of a partition; one that is
/// worse than all of them is lost, though more are wanted.
#[test]
fn a_full_buffer_forgets_what_is_worse() {
    let many: Vec<Row> = (0..105).map(|i| (200 + i, Some("a"), Some(i))).collect();
    let of_column = |strategy, rows: &[Row]| {
        let spec = TopNSpec {
            end_column: Some(0),
            ..spec(strategy, 0, false)
        };
        harness(spec, &inserts(rows)).run(10).unwrap().len()
    };
    assert_eq!(of_column(APPEND, &many), 100);
    assert_eq!(of_column(RETRACT, &many), 105);
    let better: Vec<Row> = many
        .iter()
        .map(|&(id, k, v)| (id, k, v.map(|v| -v)))
        .collect();
    assert_eq!(of_column(APPEND, &better), 105);
}

/// The table that a changelog describes; fails where a row is taken back that is not there.
fn fold(changelog: &[String]) -> BTreeMap<String, i64> {
    let mut table = BTreeMap::new();
    for change in changelog {
        let (kind, row) = change.split_at(2);
        let count = table.entry(row.to_owned()).or_insert(0);
        *count += if kind.starts_with('+') { 1 } else { -1 };
        assert!(*count >= 0, "{change} takes back what is not there");
    }
    table.retain(|_, count| *count != 0);
    table
}

/// All rows of every partition, sorted anew after each change; what changed is compared by number.
struct Model {
    spec: TopNSpec,
    rows: BTreeMap<Option<&'static str>, Vec<Row>>,
    /// The numbers of the partitions' first rows: their last numbers, if they stand in a column.
    first: BTreeMap<Option<&'static str>, i64>,
    changelog: Vec<String>,
}

impl Model {
    fn wanted(&self, key: Option<&'static str>) -> Vec<Row> {
        let mut rows = self.rows.get(&key).cloned().unwrap_or_default();
        let by = self.spec.order[0];
        rows.sort_by(|a, b| match (a.2, b.2) {
            (Some(a), Some(b)) if by.descending => b.cmp(&a),
            (Some(a), Some(b)) => a.cmp(&b),
            (None, None) => std::cmp::Ordering::Equal,
            (None, _) if by.nulls_first => std::cmp::Ordering::Less,
            (_, None) if by.nulls_first => std::cmp::Ordering::Greater,
            (None, _) => std::cmp::Ordering::Greater,
            (_, None) => std::cmp::Ordering::Less,
        });
        let end = match (self.spec.end_column, self.first.get(&key)) {
            (Some(_), Some(&end)) => end as u64,
            _ => self.spec.end,
        };
        rows.truncate(end as usize);
        rows
    }

    fn emit(&mut self, kind: &str, row: Row, rank: usize) {
        if (rank as u64) < self.spec.start {
            return;
        }
        let text = |value: Option<i64>| value.map_or("null".to_owned(), |v| v.to_string());
        let columns = format!("{}, {}, {}", row.0, row.1.unwrap_or("null"), text(row.2));
        self.changelog.push(match self.spec.with_rank {
            true => format!("{kind}[{columns}, {rank}]"),
            false => format!("{kind}[{columns}]"),
        });
    }

    fn change(&mut self, kind: RowKind, row: Row) {
        self.first.entry(row.1).or_insert(row.0);
        let before = self.wanted(row.1);
        let rows = self.rows.entry(row.1).or_default();
        if kind.is_accumulate() {
            rows.push(row);
        } else if let Some(at) = rows.iter().position(|other| *other == row) {
            rows.remove(at);
        }
        let after = self.wanted(row.1);
        if self.spec.with_rank || self.spec.start > 1 {
            for rank in 1..=before.len().max(after.len()) {
                match (before.get(rank - 1), after.get(rank - 1)) {
                    (Some(old), Some(new)) if old != new => {
                        self.emit("-U", *old, rank);
                        self.emit("+U", *new, rank);
                    }
                    (None, Some(new)) => self.emit("+I", *new, rank),
                    (Some(old), None) => self.emit("-D", *old, rank),
                    _ => {}
                }
            }
        } else {
            let (gone, come) = match (self.spec.end, &self.spec.strategy) {
                (1, TopNStrategy::AppendOnly) if self.spec.end_column.is_none() => ("-U", "+U"),
                _ => ("-D", "+I"),
            };
            let come = if before.is_empty() { "+I" } else { come };
            for old in before.iter().filter(|row| !after.contains(row)) {
                self.emit(gone, *old, 1);
            }
            for new in after.iter().filter(|row| !before.contains(row)) {
                self.emit(come, *new, 1);
            }
        }
    }
}

/// Changes: inserts, and deletes of rows that are there, were there or never were.
fn changes(deletes: bool) -> impl Strategy<Value = Vec<(RowKind, Row)>> {
    let key = prop_oneof![Just(None), Just(Some("a")), Just(Some("b"))];
    let value = prop_oneof![1 => Just(None), 6 => (0..12i64).prop_map(Some)];
    let change = (key, value, any::<prop::sample::Index>(), 0..5u8);
    prop::collection::vec(change, 1..70).prop_map(move |drawn| {
        let mut rows: Vec<(RowKind, Row)> = Vec::new();
        for (i, (key, value, index, dice)) in drawn.into_iter().enumerate() {
            if deletes && dice < 2 && !rows.is_empty() {
                let kind = if dice == 0 { Delete } else { UpdateBefore };
                rows.push((kind, rows[index.index(rows.len())].1));
            } else {
                let kind = if deletes && dice == 2 {
                    UpdateAfter
                } else {
                    Insert
                };
                rows.push((kind, (i as i64, key, value)));
            }
        }
        rows
    })
}

fn specs(strategy: TopNStrategy) -> impl Strategy<Value = TopNSpec> {
    (1..3u64, 0..5u64, any::<[bool; 3]>()).prop_map(
        move |(start, more, [with_rank, descending, nulls_first])| TopNSpec {
            order: vec![SortColumn {
                column: 2,
                descending,
                nulls_first,
            }],
            start,
            ..spec(strategy.clone(), start + more, with_rank)
        },
    )
}

/// Every strategy against sorting all rows after each change: the same changes in the same order,
/// however the rows are cut into batches and whatever was killed.
fn agrees(spec: TopNSpec, rows: &[(RowKind, Row)], seed: u64) -> Result<(), TestCaseError> {
    let mut model = Model {
        spec: spec.clone(),
        rows: BTreeMap::new(),
        first: BTreeMap::new(),
        changelog: Vec::new(),
    };
    for &(kind, row) in rows {
        model.change(kind, row);
    }
    let mut expected = model.changelog;
    fold(&expected);
    let harness = harness(spec, rows);
    prop_assert_eq!(&harness.run(4).unwrap(), &expected);
    prop_assert_eq!(&harness.run(100).unwrap(), &expected);
    expected.sort();
    prop_assert_eq!(&harness.run_killed(seed).unwrap(), &expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn appending_agrees_with_the_definition(
        rows in changes(false),
        spec in specs(APPEND),
        seed: u64,
    ) {
        agrees(spec, &rows, seed)?;
    }

    /// The last number is the id of a partition's first row.
    #[test]
    fn a_last_number_of_a_column_agrees_with_the_definition(
        rows in changes(true),
        spec in prop_oneof![specs(APPEND), specs(RETRACT)],
        seed: u64,
    ) {
        let append = spec.strategy == APPEND;
        let rows: Vec<_> = rows.into_iter().filter(|(kind, _)| !append || *kind == Insert).collect();
        let spec = TopNSpec { start: 1, end_column: Some(0), ..spec };
        agrees(spec, &rows, seed)?;
    }

    #[test]
    fn retracting_agrees_with_the_definition(
        rows in changes(true),
        spec in specs(RETRACT),
        seed: u64,
    ) {
        agrees(spec, &rows, seed)?;
    }

    /// Rows that get better by their key, against keeping the last row of every key.
    #[test]
    fn updating_agrees_with_the_definition(
        drawn in prop::collection::vec((0..8i64, any::<bool>(), 1..6i64), 1..60),
        spec in specs(updating()),
        update_before: bool,
        seed: u64,
    ) {
        let by = spec.order[0];
        let mut last: BTreeMap<(i64, Option<&str>), i64> = BTreeMap::new();
        let mut rows = Vec::new();
        for (id, key, step) in drawn {
            let key = if key { Some("a") } else { None };
            let step = if by.descending { step } else { -step };
            let value = last.get(&(id, key)).copied().unwrap_or(0) + step;
            let kind = match last.insert((id, key), value) {
                None => Insert,
                Some(_) => UpdateAfter,
            };
            rows.push((kind, (id, key, Some(value))));
        }
        let mut expected: BTreeMap<String, i64> = BTreeMap::new();
        for key in [None, Some("a")] {
            let mut values: Vec<i64> = last
                .iter()
                .filter(|((_, other), _)| *other == key)
                .map(|(_, &value)| value)
                .collect();
            values.sort_by_key(|value| if by.descending { -value } else { *value });
            let wanted = values.iter().enumerate().take(spec.end as usize);
            for (at, value) in wanted.skip(spec.start as usize - 1) {
                let rank = if spec.with_rank { at as i64 + 1 } else { 0 };
                let row = format!("{} {value} {rank}", key.unwrap_or("null"));
                *expected.entry(row).or_insert(0) += 1;
            }
        }
        // Which of two peers is shown depends on the order of arrival: the numbers are left out.
        let shown = |changelog: &[String]| {
            let mut shown: BTreeMap<String, i64> = BTreeMap::new();
            for (row, count) in fold(changelog) {
                let fields: Vec<&str> = row.trim_matches(['[', ']']).split(", ").collect();
                let rank = fields.get(3).unwrap_or(&"0");
                *shown.entry(format!("{} {} {rank}", fields[1], fields[2])).or_insert(0) += count;
            }
            shown
        };
        let spec = TopNSpec { update_before: true, ..spec };
        let all = harness(spec.clone(), &rows);
        let mut whole = all.run(5).unwrap();
        prop_assert_eq!(&all.run(100).unwrap(), &whole);
        prop_assert_eq!(shown(&whole), expected);
        let after = harness(TopNSpec { update_before, ..spec }, &rows).run(7).unwrap();
        let kept: Vec<&String> = whole
            .iter()
            .filter(|row| update_before || !row.starts_with("-U"))
            .collect();
        prop_assert_eq!(after.iter().collect::<Vec<_>>(), kept);
        whole.sort();
        prop_assert_eq!(&all.run_killed(seed).unwrap(), &whole);
    }
}
