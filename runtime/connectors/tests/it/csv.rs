//! CSV: every case here was run on a Flink 2.3; where ours differs, the test says so.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType, Field};

use crate::helpers::*;

const THREE: &str = "id INT, name STRING, v DOUBLE";

fn read(content: &str, options: &[(&str, &str)]) -> Result<Vec<String>, String> {
    read_text(THREE, "csv", content.as_bytes(), options)
}

#[track_caller]
fn rows(content: &str, options: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(read(content, options).unwrap(), expected, "{content:?}");
}

#[track_caller]
fn fails(content: &str, options: &[(&str, &str)], expected: &str) {
    let error = read(content, options).unwrap_err();
    assert!(error.contains(expected), "{error}");
}

const IGNORE: &[(&str, &str)] = &[("csv.ignore-parse-errors", "true")];

#[test]
fn fields_and_quotes() {
    rows(
        " 1 , a ,  2.5\n+2,\"b \"\"q\"\" c\",1e2\n",
        &[],
        &["+I[1,  a , 2.5]", "+I[2, b \"q\" c, 100.0]"],
    );
    rows(
        "1,\"a\nb\",2.5\r\n2,x,3\r\n",
        &[],
        &["+I[1, a\nb, 2.5]", "+I[2, x, 3.0]"],
    );
    rows("1,a,2\r2,b,3\r", &[], &["+I[1, a, 2.0]", "+I[2, b, 3.0]"]);
    rows("1,a\"b,2\n", &[], &["+I[1, a\"b, 2.0]"]);
    rows("1, \"a\",2\n", &[], &["+I[1,  \"a\", 2.0]"]);
    rows("1,\"a\" ,2\n", &[], &["+I[1, a, 2.0]"]);
    rows("1,a,2.5", &[], &["+I[1, a, 2.5]"]);
    rows("\u{feff}1,a,2\n", &[], &["+I[1, a, 2.0]"]);
    rows("1,a,2.5,\n", &[], &["+I[1, a, 2.5]"]);
    rows("", &[], &[]);
    rows("1,\"a,b\",2\n", &[], &["+I[1, a,b, 2.0]"]);
}

#[test]
fn bad_rows_say_where_and_why() {
    assert_eq!(
        read("1,a,2.5\n2\n", &[]).unwrap_err(),
        "table 't', in:2: the row has too few fields: 3 expected, 1 found, got '2'; correct the \
         file, or set 'csv.ignore-parse-errors' = 'true' to skip what cannot be read (it is counted)"
    );
    fails(
        "1,a,2.5\n\n2,b,3\n",
        &[],
        "in:2: the line is empty, 3 fields are expected",
    );
    assert_eq!(
        read("1,a,2.5,x\n", &[]).unwrap_err(),
        "table 't', in:1: the row has too many fields: 3 expected, 4 found, got '1,a,2.5,x'; declare \
         the other columns, quote fields that hold ',', or set 'csv.ignore-trailing-unmappable' = \
         'true' to leave out what is too much"
    );
    assert_eq!(
        read("1,a,2\n2,,\n", &[]).unwrap_err(),
        "table 't', in:2, column 'v': cannot read DOUBLE: an empty field is not a number, got ''; \
         set 'csv.null-literal' = '' to read empty fields as NULL, or 'csv.ignore-parse-errors' = \
         'true'"
    );
    fails(
        "id,name,v\n1,a,2\n",
        &[],
        "in:1, column 'id': cannot read INT: not a whole number, got 'id'",
    );
    fails(
        "1,\"a\nb\",2\n2,c,x\n",
        &[],
        "in:3, column 'v': cannot read DOUBLE",
    );
    fails(
        "1,\"a\"b,2\n",
        &[],
        "in:1: after a closing quote neither a delimiter nor a line end follows",
    );
    fails(
        "1,a,2\n1,\"abc\n",
        &[],
        "in:2: a quote is opened and never closed",
    );
    fails("3000000000,a,2\n", &[], "out of range, got '3000000000'");
    let error = read_text(THREE, "csv", b"1,\xff,2\n", &[]).unwrap_err();
    assert!(
        error.contains("in:1, column 'name': cannot read STRING: not valid UTF-8, got '\\xFF'"),
        "{error}"
    );
}

#[test]
fn with_errors_ignored_fields_are_null_and_rows_are_skipped_and_counted() {
    let read = |content: &[u8]| read_counting(THREE, "csv", content, IGNORE).unwrap();
    let some = |rows: &[&str], bad: u64| (rows.iter().map(|r| (*r).to_owned()).collect(), bad);
    assert_eq!(
        read(b"1,a,2.5\n2\n"),
        some(&["+I[1, a, 2.5]", "+I[2, null, null]"], 1)
    );
    assert_eq!(read(b"1,a,2.5,x\n2,b,3\n"), some(&["+I[2, b, 3.0]"], 1));
    assert_eq!(
        read(b"1,a,2.5\n\n2,b,3\n"),
        some(
            &["+I[1, a, 2.5]", "+I[null, null, null]", "+I[2, b, 3.0]"],
            1
        )
    );
    assert_eq!(
        read(b"1,,\n2,\"\",4\n"),
        some(&["+I[1, , null]", "+I[2, , 4.0]"], 1)
    );
    assert_eq!(
        read(b"id,name,v\n1,a,2\n"),
        some(&["+I[null, name, null]", "+I[1, a, 2.0]"], 1)
    );
    assert_eq!(read(b"1,\"a\"b,2\n2,b,3\n"), some(&["+I[2, b, 3.0]"], 1));
    // Flink fails here all the same, and loses everything after an open quote
    assert_eq!(read(b"1,\xff,2\n"), some(&["+I[1, null, 2.0]"], 1));
    assert_eq!(read(b"1,\"abc\n2,b,3\n"), some(&["+I[2, b, 3.0]"], 1));
    // Flink makes a NULL in a NOT NULL column -1
    let (rows, bad) =
        read_counting("a INT NOT NULL, b INT", "csv", b"n,1\n2,x\n3,4\n", IGNORE).unwrap();
    assert_eq!(
        (rows, bad),
        (vec!["+I[2, null]".to_owned(), "+I[3, 4]".to_owned()], 2)
    );
}

#[test]
fn options_of_the_format() {
    rows(
        "1,a,2.5,x\n",
        &[("csv.ignore-trailing-unmappable", "true")],
        &["+I[1, a, 2.5]"],
    );
    fails(
        "1,a,2.5,\n",
        &[("csv.allow-trailing-comma", "false")],
        "too many fields",
    );
    rows(
        " 1 , a ,  2.5\n2, \"b\" ,1\n",
        &[("csv.trim-spaces", "true")],
        &["+I[1, a, 2.5]", "+I[2, b, 1.0]"],
    );
    rows(
        "1,,\n2,\"\",4\n",
        &[("csv.empty-string-as-null", "true")],
        &["+I[1, null, null]", "+I[2, null, 4.0]"],
    );
    rows(
        "1,,\n2,\"\",4\n",
        &[("csv.null-literal", "")],
        &["+I[1, null, null]", "+I[2, null, 4.0]"],
    );
    rows(
        "1,n/a,n/a\n2,\"n/a\",3\n",
        &[("csv.null-literal", "n/a")],
        &["+I[1, null, null]", "+I[2, null, 3.0]"],
    );
    rows(
        "# c\n1,a,2.5\n#end",
        &[("csv.allow-comments", "true")],
        &["+I[1, a, 2.5]"],
    );
    rows(
        "1,\"a,2\n",
        &[("csv.disable-quote-character", "true")],
        &["+I[1, \"a, 2.0]"],
    );
    rows(
        "1,a\\,b,2\n2,\"x\\\"y\",3\n",
        &[("csv.escape-character", "\\")],
        &["+I[1, a,b, 2.0]", "+I[2, x\"y, 3.0]"],
    );
    rows(
        "1\ta\t2\n",
        &[("csv.field-delimiter", "\\t")],
        &["+I[1, a, 2.0]"],
    );
    rows(
        "1;'a;b';2\n",
        &[("csv.field-delimiter", ";"), ("csv.quote-character", "'")],
        &["+I[1, a;b, 2.0]"],
    );
    fails(
        "1\n",
        &[("csv.field-delimiter", ";;")],
        "the option 'csv.field-delimiter' must be a single character, got ';;'",
    );
    fails(
        "1\n",
        &[("csv.ignore-parse-errors", "yes")],
        "must be 'true' or 'false', got 'yes'",
    );
    fails(
        "1\n",
        &[("csv.foo", "yes")],
        "the connector 'filesystem' has no option 'csv.foo'",
    );
    let (rows, bad) = read_counting(
        THREE,
        "csv",
        b"1,a,2.5\n2\n",
        &[
            ("csv.ignore-parse-errors", "true"),
            ("csv.fail-on-missing-columns", "true"),
        ],
    )
    .unwrap();
    assert_eq!((rows.len(), bad), (1, 1));
}

#[test]
fn values_of_each_type() {
    let read = |ty: &str, content: &str, options: &[(&str, &str)]| {
        read_text(&format!("a {ty}"), "csv", content.as_bytes(), options)
    };
    let rows = |ty: &str, content: &str, expected: &[&str]| {
        let expected: Vec<String> = expected
            .iter()
            .map(|value| format!("+I[{value}]"))
            .collect();
        assert_eq!(
            read(ty, content, &[]).unwrap(),
            expected,
            "{ty} {content:?}"
        );
    };
    let fails = |ty: &str, content: &str| {
        let error = read(ty, content, &[]).unwrap_err();
        assert!(
            error.contains("in:1, column 'a': cannot read"),
            "{ty} {content:?}: {error}"
        );
    };
    rows(
        "BOOLEAN",
        "TRUE\n true \nyes\n1\n",
        &["true", "true", "false", "false"],
    );
    rows("INT", "+7\n-0\n007\n", &["7", "0", "7"]);
    for (ty, bad) in [
        ("TINYINT", "300"),
        ("INT", "1.0"),
        ("BIGINT", "9223372036854775808"),
        ("INT", "1_000"),
    ] {
        fails(ty, bad);
    }
    rows(
        "DECIMAL(10, 2)",
        "1.005\n-1.005\n1e3\n+2.5\n123456789012.5\n.5\n5.\n",
        &["1.01", "-1.01", "1000.00", "2.50", "null", "0.50", "5.00"],
    );
    fails("DECIMAL(10, 2)", " 1.5");
    rows(
        "DATE",
        "2024-1-2\n2024-02-30\n",
        &["2024-01-02", "2024-03-01"],
    );
    fails("DATE", " 2024-01-02");
    rows("TIME(3)", "10:11:12.3456\n", &["10:11:12.345"]);
    rows("TIME(0)", "10:11:12.9\n", &["10:11:12"]);
    rows(
        "TIMESTAMP(3)",
        "2024-01-02 03:04:05\n2024-01-02 03:04:05.123456789\n 2024-01-02 03:04:05.1 \n2024-02-30 00:00:00\n",
        &[
            "2024-01-02T03:04:05",
            "2024-01-02T03:04:05.123",
            "2024-01-02T03:04:05.100",
            "2024-02-29T00:00",
        ],
    );
    for bad in [
        "2024-01-02T03:04:05",
        "2024-01-02",
        "2024-1-2 3:4:5",
        "2024-01-02 03:04",
    ] {
        fails("TIMESTAMP(3)", bad);
    }
    rows(
        "TIMESTAMP(9)",
        "2024-01-02 03:04:05.123456789\n",
        &["2024-01-02T03:04:05.123456789"],
    );
    rows(
        "TIMESTAMP_LTZ(3)",
        "2024-01-02 03:04:05.1Z\n",
        &["2024-01-02T03:04:05.100Z"],
    );
    fails("TIMESTAMP_LTZ(3)", "2024-01-02 03:04:05");
    rows(
        "BYTES",
        "aGVsbG8=\n\"\"\n",
        &["[104, 101, 108, 108, 111]", "[]"],
    );
    fails("BYTES", "a!!");
    rows(
        "ARRAY<INT>",
        "1;2;3\n\"\"\n4\n",
        &["[1, 2, 3]", "[]", "[4]"],
    );
    assert_eq!(
        read("ARRAY<INT>", "1;;3\n", &[("csv.null-literal", "")]).unwrap(),
        ["+I[[1, null, 3]]"]
    );
    assert_eq!(
        read(
            "ARRAY<INT>",
            "1|2\n",
            &[("csv.array-element-delimiter", "|")]
        )
        .unwrap(),
        ["+I[[1, 2]]"]
    );
    rows(
        "ROW<x INT, y STRING>",
        "1;b\n2;\n1;b;c\n",
        &["+I[1, b]", "+I[2, ]", "+I[1, b]"],
    );
    fails("ROW<x INT, y STRING>", "1");
    rows("VARCHAR(3)", "abcdef\n", &["abcdef"]);
    rows("FLOAT", "1.1\n1e40\n-0.0\n", &["1.1", "Infinity", "-0.0"]);
    rows(
        "DOUBLE",
        "5\nInfinity\nNaN\n1d\n",
        &["5.0", "Infinity", "NaN", "1.0"],
    );
    rows("STRING", " x \n\n\"  y\"\n", &[" x ", "", "  y"]);
    assert!(
        read("MAP<STRING, INT>", "x", &[])
            .unwrap_err()
            .contains("has no place for MAP<STRING, INT>")
    );
}

#[test]
fn only_what_is_asked_for_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in"), "1,a,x\n2,b,y\n").unwrap();
    let spec = file_table(THREE, "in", "csv", &[], folder.path());
    let (found, _) = batches(&spec, &[1, 0], 10).unwrap();
    let columns = [spec.columns[1].clone(), spec.columns[0].clone()];
    assert_eq!(printed(&columns, &found[0]), ["+I[a, 1]", "+I[b, 2]"]);
    let (found, _) = batches(&spec, &[], 10).unwrap();
    assert_eq!(found[0].num_rows(), 2);
}

fn one_column(array: ArrayRef, ty: &str, options: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let spec = file_table(&format!("a {ty}"), "out", "csv", options, folder.path());
    let field = Field::new("a", array.data_type().clone(), true);
    let schema = Arc::new(arrow::datatypes::Schema::new(vec![field]));
    write_and_commit(&spec, &[RecordBatch::try_new(schema, vec![array]).unwrap()])
}

#[test]
fn texts_are_quoted_as_jackson_does() {
    let texts = vec![
        Some("abc"),
        Some("a-b"),
        Some("a,b"),
        Some("a\"b"),
        Some("a'b"),
        Some("#x"),
        Some("a;b"),
        Some("123456789012345678901234"),
        Some("1234567890123456789012345"),
        Some("a.b"),
        Some("ä"),
        Some("a\tb"),
        Some(""),
        Some("a|b"),
        Some("\\x"),
        Some("(x)"),
        Some("a/b"),
        None,
        Some(" "),
        Some("ääääääääääääääääääääääää"),
    ];
    let expected = [
        "abc",
        "a-b",
        "\"a,b\"",
        "\"a\"\"b\"",
        "\"a'b\"",
        "\"#x\"",
        "a;b",
        "123456789012345678901234",
        "\"1234567890123456789012345\"",
        "a.b",
        "ä",
        "\"a\tb\"",
        "",
        "a|b",
        "\"\\x\"",
        "\"(x)\"",
        "a/b",
        "",
        "\" \"",
        "ääääääääääääääääääääääää",
    ];
    assert_eq!(
        one_column(Arc::new(StringArray::from(texts)), "STRING", &[]),
        expected
    );
    let texts = vec!["a,b", "a;b", "a:b", "n/a"];
    assert_eq!(
        one_column(
            Arc::new(StringArray::from(texts)),
            "STRING",
            &[("csv.field-delimiter", ";")]
        ),
        ["\"a,b\"", "\"a;b\"", "\"a:b\"", "\"n/a\""]
    );
    let texts = vec!["a'b", "a\\b", "a b", "a\"b"];
    let options = [("csv.escape-character", "\\"), ("csv.quote-character", "'")];
    assert_eq!(
        one_column(Arc::new(StringArray::from(texts)), "STRING", &options),
        ["'a''b'", "'a\\\\b'", "'a b'", "'a\"b'"]
    );
    let plain = [("csv.disable-quote-character", "true")];
    assert_eq!(
        one_column(Arc::new(StringArray::from(vec!["a b"])), "STRING", &plain),
        ["a b"]
    );
    let null = [("csv.null-literal", "n/a")];
    assert_eq!(
        one_column(
            Arc::new(StringArray::from(vec![None, Some("x")])),
            "STRING",
            &null
        ),
        ["n/a", "x"]
    );
}

#[test]
fn values_are_written_as_flink_does() {
    let decimals = |values: Vec<i128>, scale| {
        let array = Decimal128Array::from(values)
            .with_precision_and_scale(38, scale)
            .unwrap();
        Arc::new(array) as ArrayRef
    };
    assert_eq!(
        one_column(
            decimals(vec![1000, 10_000, -1_205_000_000_000, 1235, 0], 10),
            "DECIMAL(38, 10)",
            &[]
        ),
        ["1E-7", "0.000001", "-120.5", "1.235E-7", "0"]
    );
    assert_eq!(
        one_column(
            decimals(vec![1_000_000, 123, 120], 0),
            "DECIMAL(38, 0)",
            &[]
        ),
        ["1E+6", "123", "1.2E+2"]
    );
    let plain = [("csv.write-bigdecimal-in-scientific-notation", "false")];
    assert_eq!(
        one_column(decimals(vec![1000, 10, 0], 2), "DECIMAL(38, 2)", &plain),
        ["10", "0.1", "0"]
    );
    let times = TimestampMillisecondArray::from(vec![1_704_164_645_120, 1_704_164_640_000]);
    assert_eq!(
        one_column(Arc::new(times.clone()), "TIMESTAMP(3)", &[]),
        ["\"2024-01-02 03:04:05.12\"", "\"2024-01-02 03:04:00\""]
    );
    assert_eq!(
        one_column(
            Arc::new(times.with_timezone("UTC")),
            "TIMESTAMP_LTZ(3)",
            &[]
        ),
        ["\"2024-01-02 03:04:05.12Z\"", "\"2024-01-02 03:04:00Z\""]
    );
    assert_eq!(
        one_column(Arc::new(Date32Array::from(vec![-354_285])), "DATE", &[]),
        ["1000-01-01"]
    );
    assert_eq!(
        one_column(
            Arc::new(Time32MillisecondArray::from(vec![36_672_000, 36_660_500])),
            "TIME(3)",
            &[]
        ),
        ["10:11:12", "10:11:00.5"]
    );
    assert_eq!(
        one_column(
            Arc::new(Float64Array::from(vec![
                1e10,
                0.001,
                f64::NAN,
                f64::INFINITY,
                1e-5,
                100.0
            ])),
            "DOUBLE",
            &[]
        ),
        ["1.0E10", "0.001", "NaN", "Infinity", "1.0E-5", "100.0"]
    );
    assert_eq!(
        one_column(
            Arc::new(BooleanArray::from(vec![true, false])),
            "BOOLEAN",
            &[]
        ),
        ["true", "false"]
    );
    assert_eq!(
        one_column(
            Arc::new(BinaryArray::from(vec![&b"hello"[..]])),
            "BYTES",
            &[]
        ),
        ["aGVsbG8="]
    );
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value([Some("x;y"), Some("z")]);
    list.append_value([Some("a b")]);
    list.append_value([None, Some("q")]);
    assert_eq!(
        one_column(Arc::new(list.finish()), "ARRAY<STRING>", &[]),
        ["x;y;z", "\"a b\"", ";q"]
    );
    // text of another encoding is brought to the declared one
    let views = StringViewArray::from(vec!["a b"]);
    assert_eq!(views.data_type(), &DataType::Utf8View);
    assert_eq!(one_column(Arc::new(views), "STRING", &[]), ["\"a b\""]);
}
