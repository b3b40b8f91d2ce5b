//! The format `raw`: a line is a value.

use std::sync::Arc;

use arrow::array::*;
use millstream_connectors::*;

use crate::helpers::*;

fn read(columns: &str, content: &[u8], options: &[(&str, &str)]) -> Result<Vec<String>, String> {
    read_text(columns, "raw", content, options)
}

#[test]
fn a_line_is_a_value() {
    assert_eq!(
        read("line STRING", "one, two\r\n\nä".as_bytes(), &[]).unwrap(),
        ["+I[one, two]", "+I[]", "+I[ä]"]
    );
    assert_eq!(
        read("b BYTES", b"\x01\xff\n\x02", &[]).unwrap(),
        ["+I[[1, -1]]", "+I[[2]]"]
    );
    assert_eq!(
        read("n INT", b"\0\0\x01\x02\n\xff\xff\xff\xff\n", &[]).unwrap(),
        ["+I[258]", "+I[-1]"]
    );
    let little = [("raw.endianness", "little-endian")];
    assert_eq!(
        read("n SMALLINT", b"\x02\x01\n", &little).unwrap(),
        ["+I[258]"]
    );
    assert_eq!(
        read("b BOOLEAN", b"\0\n\x01\n", &[]).unwrap(),
        ["+I[false]", "+I[true]"]
    );
}

#[test]
fn text_is_decoded_by_the_character_set() {
    let latin = [("raw.charset", "ISO-8859-1")];
    assert_eq!(read("s STRING", b"\xe4\n", &latin).unwrap(), ["+I[ä]"]);
    let ascii = [("raw.charset", "US-ASCII")];
    assert_eq!(
        read("s STRING", b"a\xe4\n", &ascii).unwrap(),
        ["+I[a\u{fffd}]"]
    );
    // as Java does: what is no UTF-8 becomes the replacement character
    assert_eq!(
        read("s STRING", b"a\xe4\n", &[]).unwrap(),
        ["+I[a\u{fffd}]"]
    );
    let error = read("s STRING", b"", &[("raw.charset", "UTF-16")]).unwrap_err();
    assert!(
        error.contains("the character set 'UTF-16' is not supported"),
        "{error}"
    );
}

#[test]
fn a_line_of_another_width_is_an_error() {
    let error = read("n INT", b"\0\0\0\x01\nabc\n", &[]).unwrap_err();
    assert!(
        error.contains("in:2, column 'n': INT is 4 bytes wide, the line has 3, got 'abc'"),
        "{error}"
    );
}

#[test]
fn the_table_has_one_plain_column() {
    let error = read("a STRING, b STRING", b"", &[]).unwrap_err();
    assert!(
        error.contains("the format 'raw' holds a single column, the table has 'a' and 'b'"),
        "{error}"
    );
    let error = read("a DECIMAL(10, 2)", b"", &[]).unwrap_err();
    assert!(
        error.contains("the format 'raw' holds no DECIMAL(10, 2)"),
        "{error}"
    );
}

#[test]
fn values_are_written_as_lines() {
    let folder = tempfile::tempdir().unwrap();
    let write = |columns: &str, name: &str, array: ArrayRef| -> Result<Vec<String>> {
        let spec = file_table(columns, name, "raw", &[], folder.path());
        let column = spec.columns[0].0.clone();
        let mut sink = open_sink(&spec, &SinkContext::single("job"))?;
        sink.write(
            &RecordBatch::try_from_iter([(column, array)]).unwrap(),
            None,
        )?;
        commit(&spec, &sink.prepare_commit(1)?)?;
        Ok(lines(&folder.path().join(name)))
    };
    assert_eq!(
        write(
            "s STRING",
            "text",
            Arc::new(StringArray::from(vec!["a b", "ä"]))
        )
        .unwrap(),
        ["a b", "ä"]
    );
    assert_eq!(
        write(
            "n INT",
            "numbers",
            Arc::new(Int32Array::from(vec![0x6162_6364]))
        )
        .unwrap(),
        ["abcd"]
    );
    let null: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
    let error = write("s STRING", "null", null).unwrap_err().to_string();
    assert!(
        error.contains("NULL cannot be written in the format 'raw'"),
        "{error}"
    );
}
