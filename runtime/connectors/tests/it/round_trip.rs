//! Random tables and random bytes: what is written reads the same, in any pieces and from any
//! position on; and nothing that stands in a file makes a reader panic.

use std::sync::Arc;

use arrow::array::*;
use arrow::compute::concat_batches;
use arrow::datatypes::*;
use millstream_connectors::*;
use proptest::prelude::*;

use crate::helpers::*;

const COLUMNS: &str = "i INT, l BIGINT, s STRING, d DOUBLE, b BOOLEAN, t TIMESTAMP(3), z TIMESTAMP_LTZ(9), \
                       m DECIMAL(20, 4), y DATE, c TIME(3), x BYTES";

fn text() -> impl Strategy<Value = String> {
    // the tilde is CSV's NULL literal here
    prop::string::string_regex("[a-zä,;\"'\\\\ \n\r\t#.N-]{0,30}").unwrap()
}

fn table_rows(most: usize) -> impl Strategy<Value = RecordBatch> {
    let row = (
        any::<Option<i32>>(),
        any::<Option<i64>>(),
        prop::option::of(text()),
        any::<Option<f64>>(),
        any::<Option<bool>>(),
        prop::option::of(-60_000_000_000_000_i64..250_000_000_000_000),
        any::<Option<i64>>(),
        prop::option::of(-10_i128.pow(20) + 1..10_i128.pow(20)),
        prop::option::of(-700_000..2_900_000_i32),
        (
            prop::option::of(0..86_400_000_i32),
            prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        ),
    );
    prop::collection::vec(row, 1..most).prop_map(|rows| {
        macro_rules! column {
            ($array:ty, $($place:tt).+) => {
                rows.iter().map(|row| row.$($place).+.clone()).collect::<$array>()
            };
        }
        let decimal = column!(Decimal128Array, 7)
            .with_precision_and_scale(20, 4)
            .unwrap();
        let arrays: Vec<(&str, ArrayRef)> = vec![
            ("i", Arc::new(column!(Int32Array, 0))),
            ("l", Arc::new(column!(Int64Array, 1))),
            ("s", Arc::new(column!(StringArray, 2))),
            ("d", Arc::new(column!(Float64Array, 3))),
            ("b", Arc::new(column!(BooleanArray, 4))),
            ("t", Arc::new(column!(TimestampMillisecondArray, 5))),
            (
                "z",
                Arc::new(column!(TimestampNanosecondArray, 6).with_timezone("UTC")),
            ),
            ("m", Arc::new(decimal)),
            ("y", Arc::new(column!(Date32Array, 8))),
            ("c", Arc::new(column!(Time32MillisecondArray, 9.0))),
            (
                "x",
                Arc::new(
                    rows.iter()
                        .map(|row| row.9.1.clone())
                        .collect::<BinaryArray>(),
                ),
            ),
        ];
        RecordBatch::try_from_iter_with_nullable(arrays.into_iter().map(|(n, a)| (n, a, true)))
            .unwrap()
    })
}

/// Everything readable from a position on, in batches of a size.
fn read_from(
    source: &dyn Source,
    position: Option<&Position>,
    size: usize,
) -> Result<Vec<RecordBatch>> {
    let split = &source.splits()?[0];
    let mut reader = source.reader(split, position)?;
    let mut found = Vec::new();
    while let Read::Rows(batch, _) = reader.next(size)? {
        assert!(batch.num_rows() <= size);
        found.push(batch);
    }
    Ok(found)
}

fn formats() -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    vec![
        ("csv", vec![("csv.null-literal", "~")]),
        (
            "csv",
            vec![
                ("csv.null-literal", "~"),
                ("csv.field-delimiter", "|"),
                ("csv.quote-character", "'"),
            ],
        ),
        (
            "csv",
            vec![("csv.null-literal", "~"), ("csv.escape-character", "\\")],
        ),
        (
            "csv",
            vec![
                ("csv.null-literal", "~"),
                ("csv.write-bigdecimal-in-scientific-notation", "false"),
            ],
        ),
        ("json", vec![]),
        (
            "json",
            vec![
                ("json.timestamp-format.standard", "ISO-8601"),
                ("json.encode.ignore-null-fields", "true"),
            ],
        ),
        (
            "json",
            vec![("json.encode.decimal-as-plain-number", "true")],
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_the_same_from_any_position(
        batch in table_rows(60), variant in 0..7_usize, size in 1..50_usize, stop in 0..20_usize,
    ) {
        let (format, options) = &formats()[variant];
        let base = tempfile::tempdir().unwrap();
        let spec = file_table(COLUMNS, "out", format, options, base.path());
        write_and_commit(&spec, std::slice::from_ref(&batch));
        let projection: Vec<usize> = (0..11).collect();
        let source = open_source(&spec, &projection).unwrap();
        let whole = read_from(source.as_ref(), None, 1000).unwrap();
        let whole = concat_batches(&source.schema(), &whole).unwrap();
        for (place, column) in batch.columns().iter().enumerate() {
            // NaN has many faces; one text
            if place == 3 {
                let plain = |array: &ArrayRef| -> Vec<Option<u64>> {
                    let array = array.as_primitive::<Float64Type>();
                    array.iter().map(|v| v.map(|v| if v.is_nan() { 0 } else { v.to_bits() })).collect()
                };
                prop_assert_eq!(plain(whole.column(3)), plain(column));
            } else {
                prop_assert_eq!(whole.column(place), column, "column {}", place);
            }
        }
        // stop after some batches, go on elsewhere
        let split = &source.splits().unwrap()[0];
        let mut reader = source.reader(split, None).unwrap();
        let mut found = Vec::new();
        for _ in 0..stop {
            match reader.next(size).unwrap() {
                Read::Rows(batch, _) => found.push(batch),
                _ => break,
            }
        }
        let position = reader.position();
        found.extend(read_from(source.as_ref(), Some(&position), size).unwrap());
        let joined = concat_batches(&source.schema(), &found).unwrap();
        let texts = |batch: &RecordBatch| printed(&spec.columns, batch);
        prop_assert_eq!(texts(&joined), texts(&whole));
    }

    #[test]
    fn no_file_makes_a_reader_panic(
        bytes in prop::collection::vec(
            prop::sample::select(b"1,a\"\\\n\r ;#{}[]:.-eN\xffn\xc3\xa4tu0".to_vec()), 0..200,
        ),
        ignore: bool, escape: bool,
    ) {
        let base = tempfile::tempdir().unwrap();
        std::fs::write(base.path().join("in"), &bytes).unwrap();
        let ignoring = ignore.to_string();
        for format in ["csv", "json"] {
            let key = format!("{format}.ignore-parse-errors");
            let mut options = vec![(key.as_str(), ignoring.as_str())];
            if format == "csv" {
                options.push(("csv.allow-comments", &ignoring));
                options.push(("csv.ignore-trailing-unmappable", &ignoring));
                if escape {
                    options.push(("csv.escape-character", "\\"));
                }
            }
            for columns in ["a INT, b STRING", "a STRING", "e DOUBLE, n ARRAY<INT>, t ROW<u INT, a STRING> NOT NULL"] {
                let spec = file_table(columns, "in", format, &options, base.path());
                let source = open_source(&spec, &[0, spec.columns.len() - 1]).unwrap();
                let whole = read_from(source.as_ref(), None, 1000);
                let single = read_from(source.as_ref(), None, 1);
                prop_assert_eq!(whole.is_ok(), single.is_ok());
                if let (Ok(whole), Ok(single)) = (whole, single) {
                    prop_assert_eq!(
                        concat_batches(&source.schema(), &whole).unwrap(),
                        concat_batches(&source.schema(), &single).unwrap()
                    );
                }
                if ignore {
                    prop_assert!(read_from(source.as_ref(), None, 7).is_ok());
                }
            }
            let _ = infer(&file_table("", "in", format, &options, base.path()));
        }
    }
}
