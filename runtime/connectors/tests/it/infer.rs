//! Guessed columns.

use millstream_connectors::*;

use crate::helpers::*;

fn guessed(format: &str, content: &str) -> (String, bool) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in"), content).unwrap();
    let inferred = infer(&file_table("", "in", format, &[], folder.path())).unwrap();
    let columns: Vec<String> = inferred
        .columns
        .iter()
        .map(|(name, ty)| format!("{name} {ty}"))
        .collect();
    (columns.join(", "), inferred.header)
}

#[test]
fn csv_types_and_headers() {
    assert_eq!(
        guessed(
            "csv",
            "1,a,2.5,2024-01-02,2024-01-02 03:04:05,true\n22,b c,10.25,2024-01-03,2024-01-02 03:04:05.123456,false\n"
        ),
        (
            "f0 BIGINT, f1 STRING, f2 DECIMAL(12, 2), f3 DATE, f4 TIMESTAMP(6), f5 BOOLEAN".into(),
            false
        )
    );
    assert_eq!(
        guessed("csv", "id,name,amount,zip\n1,a,1e3,01234\n2,,5,99999\n"),
        (
            "id BIGINT, name STRING, amount DOUBLE, zip STRING".into(),
            true
        )
    );
    let header = |content: &str| guessed("csv", content).1;
    assert!(header(
        "city,street\nBerlin,Unter den Linden\nParis,Rue X\n"
    ));
    assert!(!header("Berlin,x\nParis,y\nBerlin,z\n"));
    assert!(!header("1,2\n3,4\n"));
    assert_eq!(
        guessed("csv", "a,b\n"),
        ("f0 STRING, f1 STRING".into(), false)
    );
}

#[test]
fn json_members() {
    assert_eq!(
        guessed(
            "json",
            "{\"a\":1,\"b\":\"x\",\"c\":{\"d\":[1,2.5]}}\n\n{\"a\":2.5,\"e\":\"2024-01-02 03:04:05Z\",\"c\":{\"f\":null}}\n"
        )
        .0,
        "a DECIMAL(20, 1), b STRING, c ROW<`d` ARRAY<DECIMAL(20, 1)>, `f` STRING>, e TIMESTAMP_LTZ(3)"
    );
}

#[test]
fn nothing_to_guess_from_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in"), "\n").unwrap();
    let error = infer(&file_table("", "in", "csv", &[], folder.path())).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("there is no row to guess the columns from"),
        "{error}"
    );
    let error = infer(&file_table("", "gone", "csv", &[], folder.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    std::fs::write(folder.path().join("in"), "{\"a\":1}\n{\"a\":x}\n").unwrap();
    let error = infer(&file_table("", "in", "json", &[], folder.path())).unwrap_err();
    assert!(error.to_string().contains("in:2"), "{error}");
}
