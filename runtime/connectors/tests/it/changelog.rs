//! Changelogs in files: Debezium's JSON, and who takes changes.

use std::sync::Arc;

use arrow::array::*;
use millstream_connectors::*;
use millstream_functions::RowKind;
use proptest::prelude::*;

use crate::helpers::*;

const COLUMNS: &str = "id INT, name STRING";

/// The rows of a file with their kinds, read in batches of a size.
fn read(
    columns: &str,
    content: &str,
    options: &[(&str, &str)],
    size: usize,
) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in"), content).unwrap();
    let spec = file_table(columns, "in", "debezium-json", options, folder.path());
    let projection: Vec<usize> = (0..spec.columns.len()).collect();
    changes(&spec, &projection, size).map_err(|error| {
        error
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    })
}

fn changes(spec: &TableSpec, projection: &[usize], size: usize) -> Result<Vec<String>> {
    let source = open_source(spec, projection)?;
    let columns: Vec<_> = projection
        .iter()
        .map(|&i| spec.columns[i].clone())
        .collect();
    let mut rows = Vec::new();
    for split in source.splits()? {
        let mut reader = source.reader(&split, None)?;
        while let Read::Rows(batch, kinds) = reader.next(size)? {
            let kinds = kinds.unwrap_or_else(|| vec![RowKind::Insert; batch.num_rows()]);
            assert_eq!(kinds.len(), batch.num_rows());
            for (row, kind) in printed(&columns, &batch).into_iter().zip(kinds) {
                rows.push(format!("{kind}{}", &row[2..]));
            }
        }
    }
    Ok(rows)
}

const LINES: &str = r#"{"before":null,"after":{"id":1,"name":"a"},"op":"r"}
{"before":null,"after":{"id":2,"name":"b"},"source":{"db":"shop"},"op":"c","ts_ms":1}

{"before":{"id":1,"name":"a"},"after":{"id":1,"name":"aa"},"op":"u"}
null
{"op":"d","after":null,"before":{"id":2,"name":"b"}}
"#;

#[test]
fn changes_become_rows_with_their_kinds() {
    for size in [1, 2, 100] {
        assert_eq!(
            read(COLUMNS, LINES, &[], size).unwrap(),
            ["+I[1, a]", "+I[2, b]", "-U[1, a]", "+U[1, aa]", "-D[2, b]"],
        );
    }
}

#[test]
fn with_the_schema_the_change_is_in_the_payload() {
    let line =
        r#"{"schema":{"type":"struct"},"payload":{"before":null,"after":{"id":1},"op":"c"}}"#;
    let options = [("debezium-json.schema-include", "true")];
    assert_eq!(read(COLUMNS, line, &options, 10).unwrap(), ["+I[1, null]"]);
    let error = read(COLUMNS, LINES, &options, 10).unwrap_err();
    assert!(
        error.contains("a change with its schema has a 'payload'"),
        "{error}"
    );
}

#[test]
fn what_is_no_change_is_told_or_skipped() {
    for (line, expected) in [
        (
            r#"{"after":{"id":1},"op":"x"}"#,
            "table 't', in:1: the 'op' of a change is 'c', 'r', 'u' or 'd', got 'x'",
        ),
        (r#"{"after":{"id":1}}"#, "the change has no 'op'"),
        (
            r#"{"before":null,"after":{"id":1},"op":"u"}"#,
            "a change with 'op' = 'u' has no row 'before'",
        ),
        (
            r#"{"after":null,"op":"c"}"#,
            "a change with 'op' = 'c' has no row 'after'",
        ),
        (
            r#"{"after":[1],"op":"c"}"#,
            "'after' is a row, that is an object",
        ),
        (
            r#"{"after":{"id":"x"},"op":"c"}"#,
            "column 'id': cannot read INT",
        ),
        (r#"{"after":{"id":1},"op":"c"} {}"#, "the line is not JSON"),
        ("[]", "the line is not JSON"),
    ] {
        let error = read(COLUMNS, line, &[], 10).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let update = read(COLUMNS, r#"{"after":{"id":1},"op":"u"}"#, &[], 10).unwrap_err();
    assert!(
        update.contains("set the table's REPLICA IDENTITY to FULL"),
        "{update}"
    );
    // what can't be read is passed over, a value that can't be read is NULL
    let content =
        "nonsense\n{\"op\":\"d\"}\n{\"after\":{\"id\":\"x\",\"name\":\"n\"},\"op\":\"c\"}\n";
    let ignore = [("debezium-json.ignore-parse-errors", "true")];
    assert_eq!(
        read(COLUMNS, content, &ignore, 10).unwrap(),
        ["+I[null, n]"]
    );
}

#[test]
fn kinds_stay_with_their_rows_when_some_are_dropped() {
    let content = "{\"after\":{\"id\":1},\"op\":\"c\"}\n\
                   {\"before\":{\"id\":\"x\"},\"op\":\"d\"}\n\
                   {\"before\":{\"id\":1},\"after\":{\"id\":2},\"op\":\"u\"}\n\
                   {\"before\":{\"id\":2},\"op\":\"d\"}\n";
    let ignore = [("debezium-json.ignore-parse-errors", "true")];
    assert_eq!(
        read("id INT NOT NULL", content, &ignore, 10).unwrap(),
        ["+I[1]", "-U[1]", "+U[2]", "-D[2]"]
    );
}

#[test]
fn a_projection_reads_what_it_names() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in"), LINES).unwrap();
    let spec = file_table(COLUMNS, "in", "debezium-json", &[], folder.path());
    assert_eq!(
        changes(&spec, &[1], 10).unwrap(),
        ["+I[a]", "+I[b]", "-U[a]", "+U[aa]", "-D[b]"]
    );
    assert_eq!(changes(&spec, &[], 10).unwrap().len(), 5);
}

fn batch(ids: &[Option<i32>], names: &[Option<&str>]) -> RecordBatch {
    RecordBatch::try_from_iter([
        ("id", Arc::new(Int32Array::from(ids.to_vec())) as ArrayRef),
        ("name", Arc::new(StringArray::from(names.to_vec()))),
    ])
    .unwrap()
}

fn written(options: &[(&str, &str)], rows: &RecordBatch, kinds: &[RowKind]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let spec = file_table(COLUMNS, "out", "debezium-json", options, folder.path());
    let mut sink = open_sink(&spec, &SinkContext::single("job")).unwrap();
    sink.write(rows, Some(kinds)).unwrap();
    let committables = sink.prepare_commit(1).unwrap();
    commit(&spec, &committables).unwrap();
    lines(&folder.path().join("out"))
}

use RowKind::{Delete, Insert, UpdateAfter, UpdateBefore};

#[test]
fn an_update_is_written_as_a_delete_and_a_create() {
    let rows = batch(
        &[Some(1), Some(1), Some(1), Some(1)],
        &[Some("a"), Some("a"), None, None],
    );
    let kinds = [Insert, UpdateBefore, UpdateAfter, Delete];
    assert_eq!(
        written(&[], &rows, &kinds),
        [
            r#"{"before":null,"after":{"id":1,"name":"a"},"op":"c"}"#,
            r#"{"before":{"id":1,"name":"a"},"after":null,"op":"d"}"#,
            r#"{"before":null,"after":{"id":1,"name":null},"op":"c"}"#,
            r#"{"before":{"id":1,"name":null},"after":null,"op":"d"}"#,
        ]
    );
    let ignore = [("debezium-json.encode.ignore-null-fields", "true")];
    assert_eq!(
        written(&ignore, &rows, &kinds)[2..],
        [
            r#"{"after":{"id":1},"op":"c"}"#,
            r#"{"before":{"id":1},"op":"d"}"#,
        ]
    );
}

#[test]
fn changes_go_into_the_folders_of_their_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = file_table(COLUMNS, "out", "debezium-json", &[], folder.path());
    spec.partition_keys = vec!["name".into()];
    let mut sink = open_sink(&spec, &SinkContext::single("job")).unwrap();
    let rows = batch(
        &[Some(1), Some(2), Some(1)],
        &[Some("a"), Some("b"), Some("a")],
    );
    sink.write(&rows, Some(&[Insert, Insert, Delete])).unwrap();
    let committables = sink.prepare_commit(1).unwrap();
    commit(&spec, &committables).unwrap();
    assert_eq!(
        lines(&folder.path().join("out/name=a")),
        [
            r#"{"before":null,"after":{"id":1},"op":"c"}"#,
            r#"{"before":{"id":1},"after":null,"op":"d"}"#,
        ]
    );
}

#[test]
fn only_debezium_files_print_and_blackhole_take_changes() {
    let folder = tempfile::tempdir().unwrap();
    let takes = |format| {
        let columns = if format == "raw" { "id INT" } else { COLUMNS };
        let spec = file_table(columns, "out", format, &[], folder.path());
        let taken = accepts_changes(&spec).unwrap();
        let mut sink = open_sink(&spec, &SinkContext::single("job")).unwrap();
        let rows = batch(&[Some(1)], &[Some("a")]);
        let rows = rows
            .project(&(0..spec.columns.len()).collect::<Vec<_>>())
            .unwrap();
        assert_eq!(
            sink.write(&rows, Some(&[Delete])).is_ok(),
            taken,
            "{format}"
        );
        assert!(sink.write(&rows, Some(&[Insert])).is_ok(), "{format}");
        taken
    };
    assert!(takes("debezium-json"));
    assert!(!takes("json"));
    assert!(!takes("csv"));
    assert!(!takes("raw"));
    for connector in ["print", "blackhole"] {
        let spec = table(COLUMNS, &[("connector", connector)], folder.path());
        assert!(accepts_changes(&spec).unwrap());
    }
}

#[test]
fn the_schema_is_not_written() {
    let options = [("debezium-json.schema-include", "true")];
    let folder = tempfile::tempdir().unwrap();
    let spec = file_table(COLUMNS, "p", "debezium-json", &options, folder.path());
    validate_source(&spec).unwrap();
    let error = validate_sink(&spec).unwrap_err().to_string();
    assert!(
        error.contains("the format 'debezium-json' writes no schema"),
        "{error}"
    );
    let misspelt = [("debezium-json.schema-includ", "true")];
    let spec = file_table(COLUMNS, "p", "debezium-json", &misspelt, folder.path());
    let error = validate_source(&spec).unwrap_err().to_string();
    assert!(
        error.contains("did you mean 'debezium-json.schema-include'?"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        rows in prop::collection::vec(
            (0_u8..4, proptest::option::of(any::<i32>()), proptest::option::of(".*")), 0..20,
        ),
        size in 1_usize..7,
    ) {
        let ids: Vec<Option<i32>> = rows.iter().map(|row| row.1).collect();
        let names: Vec<Option<&str>> = rows.iter().map(|row| row.2.as_deref()).collect();
        let kinds: Vec<RowKind> =
            rows.iter().map(|row| RowKind::from_byte(row.0).unwrap()).collect();
        let rows = batch(&ids, &names);
        let content = written(&[], &rows, &kinds).join("\n");
        let expected: Vec<String> = (0..rows.num_rows())
            .map(|row| {
                let columns = table(COLUMNS, &[], std::path::Path::new(".")).columns;
                let text = printed(&columns, &rows.slice(row, 1)).remove(0);
                let kind = if kinds[row].is_accumulate() { "+I" } else { "-D" };
                format!("{kind}{}", &text[2..])
            })
            .collect();
        prop_assert_eq!(read(COLUMNS, &content, &[], size).unwrap(), expected);
    }

    #[test]
    fn no_text_makes_it_panic(content in "[{}\\[\\]\":,a-d \n]{0,80}|(\\{\"op\":\"[crud]\",\"(before|after)\":\\{\"id\":[0-9a]{1,2}\\}\\}\n?){0,4}") {
        let _ = read(COLUMNS, &content, &[], 3);
        let ignore = [("debezium-json.ignore-parse-errors", "true")];
        prop_assert!(read("id INT NOT NULL", &content, &ignore, 3).is_ok());
    }
}
