//! Files of rows by themselves: text in, text out.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Int64Array, StringArray, UInt16Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::array_value_to_string;
use millstream_connectors::data_file::*;
use millstream_functions::types::FlinkType;

/// The columns of a file, then its rows; all columns are read as they look, or as `types` says.
fn read(
    content: &str,
    format: FileFormat,
    options: &ReadOptions<'_>,
    types: &[&str],
) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in");
    std::fs::write(&path, content).unwrap();
    let say = |error: millstream_connectors::ConnectorError| {
        error
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    };
    let mut reader = RowsReader::open(&path, format, options).map_err(say)?;
    let columns = reader.columns().to_vec();
    let wanted: Vec<Wanted> = columns
        .iter()
        .enumerate()
        .map(|(column, found)| Wanted {
            column,
            ty: match types.get(column) {
                Some(ty) => FlinkType::parse(ty).unwrap(),
                None => found.guess.clone().unwrap(),
            },
        })
        .collect();
    let header: Vec<String> = columns
        .iter()
        .zip(&wanted)
        .map(|(column, wanted)| format!("{} {}", column.name, wanted.ty))
        .collect();
    let mut lines = vec![header.join(", ")];
    reader.read(&wanted);
    while let Some((arrays, rows)) = reader.next(3).map_err(say)? {
        assert!(rows <= 3);
        for row in 0..rows {
            let cells: Vec<String> = arrays
                .iter()
                .map(|array| match array.is_null(row) {
                    true => "NULL".to_owned(),
                    false => array_value_to_string(array, row).unwrap(),
                })
                .collect();
            lines.push(cells.join("|"));
        }
    }
    Ok(lines)
}

fn csv(content: &str) -> Result<Vec<String>, String> {
    read(content, FileFormat::Csv, &ReadOptions::default(), &[])
}

fn json(content: &str, types: &[&str]) -> Result<Vec<String>, String> {
    read(content, FileFormat::Json, &ReadOptions::default(), types)
}

#[test]
fn csv_with_a_header_empty_lines_and_missing_numbers() {
    assert_eq!(
        csv("\u{feff}id,\"the name\",x\n\n1,\"a, b\",\n2,,2.5\n\n").unwrap(),
        [
            "id BIGINT, the name STRING, x DECIMAL(11, 1)",
            "1|a, b|NULL",
            "2||2.5"
        ]
    );
    assert_eq!(
        csv("x\n1.5\n\n\"\"\n2.5\n\n").unwrap(),
        ["x DECIMAL(11, 1)", "1.5", "NULL", "2.5"]
    );
    // pandas gives the column of row numbers no name.
    assert_eq!(
        csv(",x\n0,1.5\n1,2.5\n").unwrap()[0],
        " BIGINT, x DECIMAL(11, 1)"
    );
    assert_eq!(
        csv("1,2\n3,4\n").unwrap(),
        ["f0 BIGINT, f1 BIGINT", "1|2", "3|4"]
    );
    assert_eq!(csv("1,2\r\n3,4").unwrap()[1..], ["1|2", "3|4"]);
}

#[test]
fn csv_headers_that_are_told_or_known() {
    let country = "country\nAT\nDE\n";
    assert_eq!(csv(country).unwrap()[0], "f0 STRING");
    let yes = ReadOptions {
        header: Some(true),
        ..ReadOptions::default()
    };
    assert_eq!(
        read(country, FileFormat::Csv, &yes, &[]).unwrap(),
        ["country STRING", "AT", "DE"]
    );
    let known = |name: &str| name == "country";
    let known = ReadOptions {
        is_name: Some(&known),
        ..ReadOptions::default()
    };
    assert_eq!(
        read(country, FileFormat::Csv, &known, &[]).unwrap()[0],
        "country STRING"
    );
    assert_eq!(
        read("country\n", FileFormat::Csv, &known, &[]).unwrap(),
        ["country STRING"]
    );
    let no = ReadOptions {
        header: Some(false),
        ..ReadOptions::default()
    };
    assert_eq!(
        read("a,b\n1,2\n", FileFormat::Csv, &no, &[]).unwrap()[1],
        "a|b"
    );
    let other = ReadOptions {
        delimiter: Some(b';'),
        null: Some("NA"),
        ..ReadOptions::default()
    };
    assert_eq!(
        read("a;b\n1,5;2\nx;NA\n", FileFormat::Csv, &other, &[]).unwrap(),
        ["a STRING, b BIGINT", "1,5|2", "x|NULL"]
    );
}

#[test]
fn csv_faults_have_a_line_and_a_remedy() {
    let doubles = |content: &str| {
        read(
            content,
            FileFormat::Csv,
            &ReadOptions::default(),
            &["DOUBLE", "DOUBLE"],
        )
    };
    assert_eq!(
        doubles("a,b\n1,2\n1,x\n").unwrap_err(),
        "in:3, column 'b': cannot read DOUBLE: not a number, got 'x'; correct the row"
    );
    assert_eq!(
        doubles("a,b\n1,2\n\n1\n").unwrap_err(),
        "in:4: the row has too few fields: 2 expected, 1 found, got '1'; every row must have as many fields as the first; quote a field that holds the delimiter"
    );
    assert_eq!(
        doubles("a,b\n1,2\n1,2,\n").unwrap_err(),
        "in:3: the row has too many fields: 2 expected, 3 found, got '1,2,'; every row must have as many fields as the first; quote a field that holds the delimiter"
    );
    assert_eq!(
        doubles("a,b\n1,\"2\n").unwrap_err(),
        "in:2: a quote is opened and never closed; correct the row"
    );
    for empty in ["", "\n\n", " "] {
        assert_eq!(
            csv(empty).unwrap_err(),
            "in: the file is empty; put rows into it"
        );
    }
}

#[test]
fn json_lines_and_arrays() {
    let rows = ["a BIGINT, b STRING", "1|x", "2|NULL"];
    assert_eq!(
        json("{\"a\":1,\"b\":\"x\"}\n{\"a\":2}\n", &[]).unwrap(),
        rows
    );
    assert_eq!(
        json("[{\"a\":1,\"b\":\"x\"},{\"a\":2}]", &[]).unwrap(),
        rows
    );
    assert_eq!(
        json(
            "[\n  {\n    \"a\": 1,\n    \"b\": \"x\"\n  },\n  {\"a\": 2}\n]\n",
            &[]
        )
        .unwrap(),
        rows
    );
    // Nothing is cut off in silence.
    assert_eq!(
        json("{\"a\":1}\n{\"a\":2.7}\n", &["BIGINT"]).unwrap_err(),
        "in:2, column 'a': cannot read BIGINT: not a whole number, got '2.7'; correct the row"
    );
    assert_eq!(
        json("[{\"a\":1},\n{\"a\":true}]", &["DOUBLE"]).unwrap_err(),
        "in, column 'a': row 2: cannot read DOUBLE: true or false where another value is expected, got 'true'; correct the row"
    );
    assert_eq!(
        json("{\"a\":1}\n{\"a\":\n", &[]).unwrap_err(),
        "in:2: the line is no JSON object: the text ends where a value should stand, got '{\"a\":'; write one object a line, or one array of objects"
    );
}

#[test]
fn truth_values_are_true_or_false() {
    let csv = |content: &str| {
        read(
            content,
            FileFormat::Csv,
            &ReadOptions::default(),
            &["BOOLEAN", "STRING"],
        )
    };
    assert_eq!(
        csv("a,b\nTrue,x\nfalse,y\n,z\n").unwrap()[1..],
        ["true|x", "false|y", "NULL|z"]
    );
    assert_eq!(
        csv("a,b\ntrue,x\nyes,y\n").unwrap_err(),
        "in:3, column 'a': cannot read BOOLEAN: neither true nor false, got 'yes'; correct the row"
    );
    assert_eq!(
        json("{\"a\":true}\n{\"a\":\"yes\"}\n", &["BOOLEAN"]).unwrap_err(),
        "in:2, column 'a': cannot read BOOLEAN: neither true nor false, got '\"yes\"'; correct the row"
    );
}

/// A file larger than what is looked at first, so that columns are met that look otherwise further down.
#[test]
fn what_the_first_rows_do_not_tell() {
    let mut content = String::from("id,x\n");
    for row in 0..400_000 {
        content.push_str(&format!("{row},{}\n", row % 7));
    }
    content.push_str("a,b\n");
    let texts = read(
        &content,
        FileFormat::Csv,
        &ReadOptions::default(),
        &["STRING", "STRING"],
    )
    .unwrap();
    assert_eq!(texts.len(), 400_002);
    assert_eq!(texts[400_001], "a|b");
    let error = read(
        &content,
        FileFormat::Csv,
        &ReadOptions::default(),
        &["BIGINT", "STRING"],
    )
    .unwrap_err();
    assert_eq!(
        error,
        "in:400002, column 'id': cannot read BIGINT: not a whole number, got 'a'; correct the row"
    );
}

fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("the name", DataType::Utf8, true),
        Field::new("p", DataType::Float32, true),
        Field::new("n", DataType::UInt16, true),
    ]))
}

fn rows() -> Vec<ArrayRef> {
    vec![
        Arc::new(Int64Array::from(vec![Some(1), None])),
        Arc::new(StringArray::from(vec!["a, \"b\"", "c"])),
        Arc::new(Float32Array::from(vec![0.1, f32::NAN])),
        Arc::new(UInt16Array::from(vec![65535, 0])),
    ]
}

fn write(path: &Path, format: FileFormat) {
    let mut writer =
        RowsWriter::create(Target::File(path.to_owned()), format, &schema(), b',').unwrap();
    writer.write(rows()).unwrap();
    writer.write(rows()).unwrap();
    assert!(!path.exists(), "the file appears when it is whole");
    writer.finish().unwrap();
}

#[test]
fn what_is_written_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    write(&path, FileFormat::Csv);
    let two = "1,\"a, \"\"b\"\"\",0.1,65535\n,c,NaN,0\n";
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        format!("id,the name,p,n\n{two}{two}")
    );
    std::fs::remove_file(&path).unwrap();
    write(&path, FileFormat::Json);
    let two = "{\"id\":1,\"the name\":\"a, \\\"b\\\"\",\"p\":0.1,\"n\":65535}\n{\"id\":null,\"the name\":\"c\",\"p\":\"NaN\",\"n\":0}\n";
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        format!("{two}{two}")
    );
}

#[test]
fn parquet_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    assert_eq!(FileFormat::of(&path), Some(FileFormat::Parquet));
    write(&path, FileFormat::Parquet);
    let mut reader = RowsReader::open(&path, FileFormat::Parquet, &ReadOptions::default()).unwrap();
    let types: Vec<&DataType> = reader
        .columns()
        .iter()
        .map(|column| &column.data_type)
        .collect();
    assert_eq!(
        types,
        [
            &DataType::Int64,
            &DataType::Utf8,
            &DataType::Float32,
            &DataType::UInt16
        ]
    );
    // Some of the columns, in another order, one of them twice.
    let wanted: Vec<Wanted> = [3, 0, 3]
        .map(|column| Wanted {
            column,
            ty: FlinkType::string(),
        })
        .into();
    reader.read(&wanted);
    let mut seen = 0;
    while let Some((arrays, rows)) = reader.next(3).unwrap() {
        assert_eq!(arrays.len(), 3);
        assert_eq!(arrays[0].data_type(), &DataType::UInt16);
        assert_eq!(&arrays[0], &arrays[2]);
        assert_eq!(arrays[1].data_type(), &DataType::Int64);
        seen += rows;
    }
    assert_eq!(seen, 4);
    assert_eq!(reader.progress(4), Some(1.0));
}

/// Truncated and changed Parquet files are errors, never panics.
#[test]
fn broken_parquet_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    write(&path, FileFormat::Parquet);
    let whole = std::fs::read(&path).unwrap();
    let attempt = |bytes: &[u8]| -> Result<usize, String> {
        std::fs::write(&path, bytes).unwrap();
        let mut reader = RowsReader::open(&path, FileFormat::Parquet, &ReadOptions::default())
            .map_err(|error| error.to_string())?;
        let mut rows = 0;
        while let Some((_, more)) = reader.next(100).map_err(|error| error.to_string())? {
            rows += more;
            if rows > 1 << 20 {
                break;
            }
        }
        Ok(rows)
    };
    assert_eq!(attempt(&whole), Ok(4));
    for len in (0..whole.len()).step_by(7) {
        assert!(attempt(&whole[..len]).is_err(), "{len} bytes");
    }
    for at in 0..whole.len() {
        let mut broken = whole.clone();
        broken[at] ^= 0x55;
        let _ = attempt(&broken);
    }
    let error = attempt(b"id,x\n1,2\n").unwrap_err();
    assert!(
        error.contains("out.parquet: it cannot be read as Parquet: "),
        "{error}"
    );
}

#[test]
fn nothing_is_left_of_a_file_that_was_not_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    std::fs::write(&path, "old").unwrap();
    let mut writer =
        RowsWriter::create(Target::File(path.clone()), FileFormat::Csv, &schema(), b',').unwrap();
    writer.write(rows()).unwrap();
    drop(writer);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let writer = RowsWriter::create(
        Target::File("/dev/null".into()),
        FileFormat::Csv,
        &schema(),
        b',',
    )
    .unwrap();
    writer.finish().unwrap();
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn files_that_cannot_be_read_or_written() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        RowsReader::open(
            &folder.path().join(name),
            FileFormat::Csv,
            &ReadOptions::default(),
        )
        .map(|_| ())
        .unwrap_err()
        .to_string()
    };
    assert!(open("absent.csv").ends_with("No such file or directory (os error 2); check the path"));
    assert!(open("").contains("it is a folder, not a file"));
    std::fs::write(folder.path().join("x.csv.gz"), "1").unwrap();
    assert!(
        open("x.csv.gz")
            .ends_with("compressed files ('.gz') are not supported by Millstream; unpack the file")
    );
    let target = Target::File(folder.path().join("no/such/folder.csv"));
    let error = RowsWriter::create(target, FileFormat::Csv, &schema(), b',')
        .map(|_| ())
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no/such/folder.csv: cannot write: No such file"),
        "{error}"
    );
    assert!(files("/no/such/*.csv").is_err());
    let found = files(&format!("{}/*.gz", folder.path().display())).unwrap();
    assert_eq!(found, [folder.path().join("x.csv.gz")]);
}
