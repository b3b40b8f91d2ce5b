//! JSON lines: every case here was run on a Flink 2.3; where ours differs, the test says so.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::Int32Type;

use crate::helpers::*;

fn read(columns: &str, content: &str, options: &[(&str, &str)]) -> Result<Vec<String>, String> {
    read_text(columns, "json", content.as_bytes(), options)
}

#[track_caller]
fn rows(columns: &str, content: &str, expected: &[&str]) {
    assert_eq!(
        read(columns, content, &[]).unwrap(),
        expected,
        "{content:?}"
    );
}

#[track_caller]
fn fails(columns: &str, content: &str, expected: &str) {
    let error = read(columns, content, &[]).unwrap_err();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn members_become_columns() {
    rows(
        "a INT, b STRING",
        "{\"a\":\"2\",\"b\":5}\n{\"a\":3.0,\"b\":true}\n{\"b\":{\"x\": 1, \"y\":[1 ,2]}}\n{\"a\":null,\"zz\":1,\"b\":null}\n\n",
        &[
            "+I[2, 5]",
            "+I[3, true]",
            "+I[null, {\"x\":1,\"y\":[1,2]}]",
            "+I[null, null]",
        ],
    );
    rows("a INT", "{\"a\":1}\r\n{\"a\":2}\r\n", &["+I[1]", "+I[2]"]);
    rows("a INT", "\u{feff}{\"a\":1}", &["+I[1]"]);
    rows("a INT", "[{\"a\":1},{\"a\":2}]\n", &["+I[1]", "+I[2]"]);
    rows("A INT", "{\"a\":1}\n", &["+I[null]"]);
    // the last of two counts, and members after it are not lost (Flink loses them)
    rows(
        "a INT, b STRING",
        "{\"a\":4,\"a\":5,\"b\":1.50}",
        &["+I[5, 1.50]"],
    );
    // a line of blanks is passed over (an error in Flink)
    rows("a INT", "{\"a\":1}\n  \n{\"a\":2}", &["+I[1]", "+I[2]"]);
    rows(
        "a STRING",
        "{\"a\":\"\\u00e4\\n\\ud83d\\ude00\"}\n",
        &["+I[ä\n😀]"],
    );
    rows("a STRING", "{\"a\":\"tab\there\"}\n", &["+I[tab\there]"]);
}

#[test]
fn values_are_coerced() {
    rows(
        "a INT",
        "{\"a\":3.7}\n{\"a\":\" 7 \"}\n",
        &["+I[3]", "+I[7]"],
    );
    rows(
        "a BIGINT",
        "{\"a\":1e3}\n{\"a\":9223372036854775806.9}\n",
        &["+I[1000]", "+I[9223372036854775806]"],
    );
    rows(
        "a BOOLEAN",
        "{\"a\":\"TRUE\"}\n{\"a\":1}\n{\"a\":\"yes\"}\n",
        &["+I[true]", "+I[false]", "+I[false]"],
    );
    rows(
        "a DOUBLE",
        "{\"a\":\"NaN\"}\n{\"a\":1}\n{\"a\":\"1.5\"}\n{\"a\":1e400}\n",
        &["+I[NaN]", "+I[1.0]", "+I[1.5]", "+I[Infinity]"],
    );
    rows(
        "a DECIMAL(10, 2)",
        "{\"a\":1.005}\n{\"a\":\"2.5\"}\n{\"a\":1e3}\n{\"a\":123456789012}\n",
        &["+I[1.01]", "+I[2.50]", "+I[1000.00]", "+I[null]"],
    );
    rows("a DATE", "{\"a\":\"2024-01-02\"}", &["+I[2024-01-02]"]);
    rows(
        "a TIME(3)",
        "{\"a\":\"10:11:12.345\"}",
        &["+I[10:11:12.345]"],
    );
    rows(
        "a TIMESTAMP(3)",
        "{\"a\":\"2024-01-02 03:04:05\"}\n{\"a\":\"2024-01-02 03:04:05.123456\"}\n",
        &["+I[2024-01-02T03:04:05]", "+I[2024-01-02T03:04:05.123]"],
    );
    rows(
        "a TIMESTAMP_LTZ(3)",
        "{\"a\":\"2024-01-02 03:04:05.1Z\"}",
        &["+I[2024-01-02T03:04:05.100Z]"],
    );
    let iso = [("json.timestamp-format.standard", "ISO-8601")];
    assert_eq!(
        read("a TIMESTAMP(3)", "{\"a\":\"2024-01-02T03:04:05.1\"}", &iso).unwrap(),
        ["+I[2024-01-02T03:04:05.100]"]
    );
    rows(
        "a BYTES",
        "{\"a\":\"aGVsbG8=\"}",
        &["+I[[104, 101, 108, 108, 111]]"],
    );
    rows(
        "a ARRAY<INT>",
        "{\"a\":[1,\"2\",null]}",
        &["+I[[1, 2, null]]"],
    );
    rows(
        "a MAP<STRING, INT>",
        "{\"a\":{\"x\":1,\"y\":null}}",
        &["+I[{x=1, y=null}]"],
    );
    rows("a MULTISET<STRING>", "{\"a\":{\"x\":2}}", &["+I[{x=2}]"]);
    rows(
        "a ROW<x INT, y ROW<z STRING>>",
        "{\"a\":{\"x\":1,\"y\":{\"z\":\"q\"}}}\n{\"a\":{\"x\":1}}\n{\"a\":null}\n",
        &["+I[+I[1, +I[q]]]", "+I[+I[1, null]]", "+I[null]"],
    );
    for (columns, value) in [
        ("a INT", "\"x\""),
        ("a INT", "99999999999"),
        ("a INT", "true"),
        ("a INT", "\"\""),
        ("a TINYINT", "300"),
        ("a INT", "{}"),
        ("a DATE", "\"2024-1-2\""),
        ("a TIMESTAMP(3)", "\"2024-01-02T03:04:05\""),
        ("a TIMESTAMP_LTZ(3)", "\"2024-01-02 03:04:05.1\""),
        ("a TIMESTAMP(3)", "1704164645678"),
        ("a BYTES", "\"!\""),
        ("a ARRAY<INT>", "5"),
        ("a ROW<x INT>", "5"),
        ("a BIGINT", "1e19"),
    ] {
        fails(
            columns,
            &format!("{{\"a\":{value}}}"),
            "in:1, column 'a': cannot read",
        );
    }
}

#[test]
fn bad_lines_say_where_and_why() {
    assert_eq!(
        read("a INT", "{\"a\":1}\n{\"a\":x}\n", &[]).unwrap_err(),
        "table 't', in:2: the line is not JSON: not a JSON value at character 6, got '{\"a\":x}'; \
         correct the file, or set 'json.ignore-parse-errors' = 'true' to skip what cannot be read \
         (it is counted)"
    );
    fails(
        "a INT",
        "{\"a\":1",
        "the text ends inside an object or array",
    );
    fails("a INT", "5", "a row must be an object");
    fails("a INT", "[1]", "a row must be an object");
    fails(
        "a STRING",
        "{'a':'x'}",
        "a member's name must stand in double quotes",
    );
    fails("a DOUBLE", "{\"a\":NaN}", "not a JSON value");
    // Flink drops what follows the object
    fails("a INT", "{\"a\":1}{\"a\":2}", "something follows the value");
    fails(
        "a INT NOT NULL, b INT",
        "{\"b\":1}",
        "in:1, column 'a': NULL in a NOT NULL column",
    );
    let error = read_text("a STRING", "json", b"{\"a\":\"\xff\"}", &[]).unwrap_err();
    assert!(error.contains("not valid UTF-8 at character 7"), "{error}");
    let missing = [("json.fail-on-missing-field", "true")];
    let error = read("a INT, b INT", "{\"b\":2}", &missing).unwrap_err();
    assert!(
        error.contains("in:1, column 'a': the field is missing"),
        "{error}"
    );
}

#[test]
fn with_errors_ignored_fields_are_null_and_lines_are_skipped_and_counted() {
    let ignore = [("json.ignore-parse-errors", "true")];
    let content = b"{\"a\":\"x\",\"b\":2}\nfoo\n{\"a\":1,\"b\":3}\n{\"a\":1,\"b\"\n";
    let (rows, bad) = read_counting("a INT, b INT", "json", content, &ignore).unwrap();
    assert_eq!(
        (rows, bad),
        (vec!["+I[null, 2]".to_owned(), "+I[1, 3]".to_owned()], 3)
    );
    let content = b"{\"a\":[1,\"x\"],\"b\":{\"c\":[]}}\n{\"a\":7,\"b\":{\"c\":1}}\n";
    let (rows, bad) =
        read_counting("a ARRAY<INT>, b ROW<c INT>", "json", content, &ignore).unwrap();
    let expected = [
        "+I[[1, null], +I[null]]".to_owned(),
        "+I[null, +I[1]]".to_owned(),
    ];
    assert_eq!((rows, bad), (expected.to_vec(), 2));
    let (rows, bad) = read_counting(
        "a INT NOT NULL",
        "json",
        b"{\"a\":\"x\"}\n{\"a\":1}",
        &ignore,
    )
    .unwrap();
    assert_eq!((rows, bad), (vec!["+I[1]".to_owned()], 1));
}

#[test]
fn rows_are_written_as_flink_does() {
    let folder = tempfile::tempdir().unwrap();
    let columns = "a BOOLEAN, b INT, f DOUBLE, g DECIMAL(10, 2), h STRING, i BYTES, j DATE, k TIME(3), \
                   l TIMESTAMP(3), m TIMESTAMP_LTZ(3), n ARRAY<INT>, p ROW<x INT, y STRING>, q MAP<STRING, INT>";
    let times =
        TimestampMillisecondArray::from(vec![Some(1_704_164_645_120), Some(1_704_164_640_000)]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    map.keys().append_value("k");
    map.values().append_value(1);
    map.append(true).unwrap();
    map.append(false).unwrap();
    let list =
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), Some(2)]), None]);
    let row = StructArray::from(vec![
        (
            Arc::new(arrow::datatypes::Field::new(
                "x",
                arrow::datatypes::DataType::Int32,
                true,
            )),
            Arc::new(Int32Array::from(vec![1, 1])) as ArrayRef,
        ),
        (
            Arc::new(arrow::datatypes::Field::new(
                "y",
                arrow::datatypes::DataType::Utf8,
                true,
            )),
            Arc::new(StringArray::from(vec![Some("q"), None])) as ArrayRef,
        ),
    ]);
    let decimal = Decimal128Array::from(vec![Some(1000), None])
        .with_precision_and_scale(10, 2)
        .unwrap();
    let arrays: Vec<(&str, ArrayRef)> = vec![
        ("a", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("b", Arc::new(Int32Array::from(vec![Some(-2), None]))),
        ("f", Arc::new(Float64Array::from(vec![1e10, f64::NAN]))),
        ("g", Arc::new(decimal)),
        (
            "h",
            Arc::new(StringArray::from(vec![
                Some("x \"y\" ä / \u{1} \\ \n"),
                None,
            ])),
        ),
        (
            "i",
            Arc::new(BinaryArray::from(vec![Some(&b"hello"[..]), None])),
        ),
        ("j", Arc::new(Date32Array::from(vec![Some(19_724), None]))),
        (
            "k",
            Arc::new(Time32MillisecondArray::from(vec![Some(36_672_500), None])),
        ),
        ("l", Arc::new(times.clone())),
        ("m", Arc::new(times.with_timezone("UTC"))),
        ("n", Arc::new(list)),
        ("p", Arc::new(row)),
        ("q", Arc::new(map.finish())),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(
        arrays.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let spec = file_table(columns, "out", "json", &[], folder.path());
    assert_eq!(
        write_and_commit(&spec, std::slice::from_ref(&batch)),
        [
            r#"{"a":true,"b":-2,"f":1.0E10,"g":1E+1,"h":"x \"y\" ä / \u0001 \\ \n","i":"aGVsbG8=","j":"2024-01-02","k":"10:11:12.5","l":"2024-01-02 03:04:05.12","m":"2024-01-02 03:04:05.12Z","n":[1,2],"p":{"x":1,"y":"q"},"q":{"k":1}}"#,
            r#"{"a":null,"b":null,"f":"NaN","g":null,"h":null,"i":null,"j":null,"k":null,"l":"2024-01-02 03:04:00","m":"2024-01-02 03:04:00Z","n":null,"p":{"x":1,"y":null},"q":null}"#,
        ]
    );
    let options = [
        ("json.encode.decimal-as-plain-number", "true"),
        ("json.encode.ignore-null-fields", "true"),
        ("json.timestamp-format.standard", "ISO-8601"),
    ];
    let spec = file_table(columns, "out2", "json", &options, folder.path());
    let lines = write_and_commit(&spec, &[batch]);
    assert!(
        lines[0].contains(r#""g":10.00,"#) && lines[0].contains(r#""l":"2024-01-02T03:04:05.12","#)
    );
    assert_eq!(
        lines[1],
        r#"{"f":"NaN","l":"2024-01-02T03:04:00","m":"2024-01-02T03:04:00Z","p":{"x":1}}"#
    );
}
