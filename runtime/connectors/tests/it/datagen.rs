//! Flink's datagen: bounds, sequences, NULLs; and that it is the same every time.

use std::path::Path;

use arrow::array::*;
use arrow::datatypes::*;
use millstream_connectors::*;

use crate::helpers::*;

fn spec(columns: &str, options: &[(&str, &str)]) -> TableSpec {
    let mut all = vec![("connector", "datagen"), ("rows-per-second", "1000000000")];
    all.extend_from_slice(options);
    table(columns, &all, Path::new("."))
}

fn all(spec: &TableSpec) -> RecordBatch {
    let projection: Vec<usize> = (0..spec.columns.len()).collect();
    let (found, _) = batches(spec, &projection, 100_000).unwrap();
    arrow::compute::concat_batches(&found[0].schema(), &found).unwrap()
}

#[test]
fn sequences_end_the_table() {
    let spec = spec(
        "a BIGINT, b STRING, c DECIMAL(10, 2), d INT",
        &[
            ("fields.a.kind", "sequence"),
            ("fields.a.start", "-1"),
            ("fields.a.end", "8"),
            ("fields.b.kind", "sequence"),
            ("fields.b.start", "10"),
            ("fields.b.end", "12"),
            ("fields.c.kind", "sequence"),
            ("fields.c.start", "5"),
            ("fields.c.end", "100"),
            ("fields.d.min", "7"),
            ("fields.d.max", "7"),
        ],
    );
    assert!(is_bounded(&spec).unwrap());
    let (rows, _) = rows_and_bad(&spec).unwrap();
    assert_eq!(
        rows,
        [
            "+I[-1, 10, 5.00, 7]",
            "+I[0, 11, 6.00, 7]",
            "+I[1, 12, 7.00, 7]"
        ]
    );
}

#[test]
fn random_values_keep_to_their_bounds_and_repeat() {
    let spec = spec(
        "i INT, d DOUBLE, s STRING, v VARCHAR(5), n BIGINT, m DECIMAL(5, 2), x ARRAY<INT>, \
         r ROW<q TINYINT, w STRING>, b BYTES, y MAP<STRING, INT>, o BOOLEAN NOT NULL",
        &[
            ("number-of-rows", "5000"),
            ("fields.i.min", "-3"),
            ("fields.i.max", "3"),
            ("fields.d.min", "0"),
            ("fields.d.max", "1"),
            ("fields.s.length", "8"),
            ("fields.n.null-rate", "0.25"),
            ("fields.m.min", "-1.5"),
            ("fields.m.max", "2.25"),
            ("fields.x.length", "2"),
            ("fields.v.var-len", "true"),
            ("fields.x.element.min", "0"),
            ("fields.x.element.max", "1"),
            ("fields.r.w.length", "1"),
        ],
    );
    let batch = all(&spec);
    assert_eq!(batch.num_rows(), 5000);
    let ints = batch.column(0).as_primitive::<Int32Type>();
    assert_eq!(
        (arrow::compute::min(ints), arrow::compute::max(ints)),
        (Some(-3), Some(3))
    );
    let doubles = batch.column(1).as_primitive::<Float64Type>();
    assert!(
        doubles
            .values()
            .iter()
            .all(|value| (0.0..=1.0).contains(value))
    );
    assert!(
        batch
            .column(2)
            .as_string::<i32>()
            .iter()
            .flatten()
            .all(|text| text.len() == 8)
    );
    assert!(
        batch
            .column(3)
            .as_string::<i32>()
            .iter()
            .flatten()
            .all(|text| (1..=5).contains(&text.len()))
    );
    let nulls = batch.column(4).null_count();
    assert!((1000..1500).contains(&nulls), "{nulls}");
    let decimals = batch.column(5).as_primitive::<Decimal128Type>();
    assert!(
        decimals
            .values()
            .iter()
            .all(|value| (-150..=225).contains(value))
    );
    assert!(
        batch
            .column(6)
            .as_list::<i32>()
            .iter()
            .flatten()
            .all(|list| list.len() == 2)
    );
    assert_eq!(batch, all(&spec), "again");

    // from any position on
    let projection: Vec<usize> = (0..spec.columns.len()).collect();
    let source = open_source(&spec, &projection).unwrap();
    let split = &source.splits().unwrap()[0];
    let mut reader = source
        .reader(split, Some(&Position::Row { next: 1234 }))
        .unwrap();
    let Read::Rows(rest, _) = reader.next(10_000).unwrap() else {
        panic!()
    };
    assert_eq!(rest, batch.slice(1234, rest.num_rows()));
}

#[test]
fn splits_share_the_rows() {
    let spec = spec(
        "a INT",
        &[
            ("scan.parallelism", "3"),
            ("fields.a.kind", "sequence"),
            ("fields.a.start", "1"),
            ("fields.a.end", "10"),
        ],
    );
    let mut values: Vec<i32> = all(&spec)
        .column(0)
        .as_primitive::<Int32Type>()
        .values()
        .to_vec();
    assert_eq!(values[..4], [1, 4, 7, 10]);
    values.sort_unstable();
    assert_eq!(values, (1..=10).collect::<Vec<_>>());
}

#[test]
fn times_are_now_or_a_little_ago() {
    let spec = spec(
        "t TIMESTAMP(3), z TIMESTAMP_LTZ(6), d DATE, c TIME(0)",
        &[("number-of-rows", "100"), ("fields.t.max-past", "10 s")],
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis() as i64;
    let batch = all(&spec);
    for time in batch
        .column(0)
        .as_primitive::<TimestampMillisecondType>()
        .values()
    {
        assert!((now - 10_000..now + 60_000).contains(time));
    }
    for time in batch
        .column(1)
        .as_primitive::<TimestampMicrosecondType>()
        .values()
    {
        assert!((now..now + 60_000).contains(&(time / 1000)));
    }
}

#[test]
fn bad_definitions_are_refused() {
    let refused = |columns: &str, options: &[(&str, &str)]| {
        let error = validate_source(&spec(columns, options)).unwrap_err();
        (
            error.option().unwrap_or_default().to_owned(),
            error.to_string(),
        )
    };
    let (key, text) = refused("abc INT", &[("fields.abd.min", "1")]);
    assert_eq!(
        (key.as_str(), text.as_str()),
        (
            "fields.abd.min",
            "table 't': the table has no column 'abd'; did you mean 'fields.abc.min'?"
        )
    );
    let (_, text) = refused("a INT", &[("fields.a.mni", "1")]);
    assert!(text.contains("did you mean 'fields.a.min'?"), "{text}");
    assert_eq!(
        refused("a STRING", &[("fields.a.min", "1")]).1,
        "table 't': 'min' has no meaning for the type STRING; drop the option"
    );
    assert_eq!(refused("a INT", &[("fields.a.min", "x")]).0, "fields.a.min");
    assert_eq!(
        refused("a INT", &[("fields.a.min", "5"), ("fields.a.max", "1")]).0,
        "fields.a.max"
    );
    assert_eq!(
        refused("a INT", &[("fields.a.kind", "sequence")]).0,
        "fields.a.kind"
    );
    assert_eq!(
        refused("a TINYINT", &[("fields.a.max", "300")]).0,
        "fields.a.max"
    );
    assert_eq!(
        refused("a INT NOT NULL", &[("fields.a.null-rate", "0.5")]).0,
        "fields.a.null-rate"
    );
    assert!(
        refused("a INT", &[("period", "1 h")])
            .1
            .contains("not supported by Millstream")
    );
}
