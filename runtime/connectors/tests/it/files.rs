//! Which files are read, from where on; and that output becomes visible once, whole, and not before
//! its commit.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::*;
use millstream_connectors::*;
use millstream_functions::RowKind;

use crate::helpers::*;

fn numbers(values: &[i32]) -> RecordBatch {
    let array = Int32Array::from(values.to_vec());
    RecordBatch::try_from_iter([("a", Arc::new(array) as ArrayRef)]).unwrap()
}

fn put(base: &Path, name: &str, content: &str) {
    let path = base.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn names(spec: &TableSpec) -> Vec<String> {
    let source = open_source(spec, &[0]).unwrap();
    source
        .splits()
        .unwrap()
        .into_iter()
        .map(|split| split.0)
        .collect()
}

#[test]
fn a_path_is_a_file_a_folder_or_a_glob() {
    let base = tempfile::tempdir().unwrap();
    for name in [
        "d/b.csv",
        "d/a.csv",
        "d/sub/c.csv",
        "d/.hidden",
        "d/_SUCCESS",
        "d/.h/x",
        "e/a.csv",
    ] {
        put(base.path(), name, "1\n");
    }
    let table = |path: &str, options: &[(&str, &str)]| {
        file_table("a INT", path, "csv", options, base.path())
    };
    assert_eq!(names(&table("d", &[])), ["a.csv", "b.csv", "sub/c.csv"]);
    assert_eq!(names(&table("d/b.csv", &[])), ["b.csv"]);
    assert_eq!(names(&table("*/a.csv", &[])), ["d/a.csv", "e/a.csv"]);
    assert_eq!(names(&table("d/[ab]*", &[])), ["a.csv", "b.csv"]);
    let uri = format!("file://{}/d", base.path().display());
    assert_eq!(names(&table(&uri, &[])).len(), 3);
    let pattern = [("source.path.regex-pattern", ".*/(b|c)[.]csv")];
    assert_eq!(names(&table("d", &pattern)), ["b.csv", "sub/c.csv"]);

    let error = open_source(&table("nowhere", &[]), &[0]).err().unwrap();
    assert_eq!(
        (error.kind(), error.option()),
        (ErrorKind::NotFound, Some("path"))
    );
    assert!(
        error.to_string().ends_with("check the table's 'path'"),
        "{error}"
    );
    let error = open_source(&table("d/*.json", &[]), &[0]).err().unwrap();
    assert!(
        error.to_string().contains("no file matches the path"),
        "{error}"
    );
    put(base.path(), "z/a.csv.gz", "1\n");
    let error = rows_and_bad(&table("z", &[])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    fs::create_dir(base.path().join("empty")).unwrap();
    assert!(names(&table("empty", &[])).is_empty());
}

#[test]
fn a_monitored_folder_shows_new_files() {
    let base = tempfile::tempdir().unwrap();
    put(base.path(), "d/a.csv", "1\n");
    let options = [("source.monitor-interval", "10 s")];
    let spec = file_table("a INT", "d", "csv", &options, base.path());
    let source = open_source(&spec, &[0]).unwrap();
    assert!(!source.bounded() && !is_bounded(&spec).unwrap());
    assert_eq!(
        source.discovery_interval(),
        Some(std::time::Duration::from_secs(10))
    );
    assert_eq!(source.splits().unwrap().len(), 1);
    put(base.path(), "d/b.csv", "2\n");
    assert_eq!(source.splits().unwrap().len(), 2);
}

#[test]
fn files_have_metadata_and_folders_have_values() {
    let base = tempfile::tempdir().unwrap();
    put(
        base.path(),
        "d/dt=2024-01-02/hr=__DEFAULT_PARTITION__/x.csv",
        "1\n2\n",
    );
    let mut spec = file_table("a INT, dt DATE, hr INT", "d", "csv", &[], base.path());
    spec.partition_keys = vec!["dt".into(), "hr".into()];
    let string = spec.columns[0].1.clone();
    let ty = |text: &str| millstream_functions::types::FlinkType::parse(text).unwrap();
    drop(string);
    spec.metadata = vec![
        ("name".into(), "file.name".into(), ty("STRING NOT NULL")),
        ("file.size".into(), "file.size".into(), ty("BIGINT")),
    ];
    let (rows, _) = rows_and_bad(&spec).unwrap();
    assert_eq!(
        rows,
        [
            "+I[1, 2024-01-02, null, x.csv, 4]",
            "+I[2, 2024-01-02, null, x.csv, 4]"
        ]
    );
    put(base.path(), "d/y.csv", "1\n");
    let error = rows_and_bad(&spec).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the file stands in no folder 'dt=…'"),
        "{error}"
    );
    spec.metadata[0].1 = "file.nam".into();
    let error = validate_source(&spec).unwrap_err();
    assert!(
        error.to_string().contains("did you mean 'file.name'?"),
        "{error}"
    );
}

#[test]
fn a_file_that_changed_since_the_checkpoint_is_noticed() {
    let base = tempfile::tempdir().unwrap();
    put(base.path(), "in", "1\n2\n3\n");
    let spec = file_table("a INT", "in", "csv", &[], base.path());
    let source = open_source(&spec, &[0]).unwrap();
    let split = &source.splits().unwrap()[0];
    let mut reader = source.reader(split, None).unwrap();
    reader.next(2).unwrap();
    let position = reader.position();
    assert_eq!(
        position,
        Position::File {
            offset: 4,
            line: 3,
            bad_rows: 0
        }
    );
    let text = serde_json::to_string(&position).unwrap();
    assert_eq!(serde_json::from_str::<Position>(&text).unwrap(), position);
    let value = serde_json::to_value(position).unwrap();
    assert_eq!(serde_json::from_value::<Position>(value).unwrap(), position);

    put(base.path(), "in", "1\n");
    let error = source.reader(split, Some(&position)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::BadPosition);
    assert!(
        error
            .to_string()
            .contains("fewer than the 4 read before the checkpoint"),
        "{error}"
    );
    fs::remove_file(base.path().join("in")).unwrap();
    put(base.path(), "other", "1\n");
    let spec = file_table("a INT", ".", "csv", &[], base.path());
    let source = open_source(&spec, &[0]).unwrap();
    let error = source.reader(split, Some(&position)).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("a file that was being read is gone"),
        "{error}"
    );
}

#[test]
fn rows_are_hidden_until_the_commit_which_may_be_repeated() {
    let base = tempfile::tempdir().unwrap();
    let spec = file_table("a INT", "out", "csv", &[], base.path());
    let out = base.path().join("out");
    let context = SinkContext {
        job: "job".into(),
        subtask: 3,
        parallelism: 4,
    };
    let mut sink = open_sink(&spec, &context).unwrap();
    sink.write(&numbers(&[1, 2]), None).unwrap();
    sink.write(&numbers(&[3]), Some(&[RowKind::Insert]))
        .unwrap();
    let first = sink.prepare_commit(1).unwrap();
    assert_eq!(first.len(), 1);
    assert!(lines(&out).is_empty());
    assert!(
        sink.prepare_commit(2).unwrap().is_empty(),
        "an epoch without rows makes no file"
    );
    sink.write(&numbers(&[4]), None).unwrap();
    let second = sink.prepare_commit(3).unwrap();

    let text = serde_json::to_string(&first).unwrap();
    let first: Vec<Committable> = serde_json::from_str(&text).unwrap();
    commit(&spec, &first).unwrap();
    commit(&spec, &first).unwrap();
    assert_eq!(lines(&out), ["1", "2", "3"]);
    commit(&spec, &second).unwrap();
    assert_eq!(lines(&out), ["1", "2", "3", "4"]);
    for (name, _) in files(&out) {
        let parts: Vec<&str> = name.split('-').collect();
        assert!(
            parts.len() == 8 && parts[0] == "part" && parts[6] == "3",
            "part-<uuid>-3-<n>: {name}"
        );
    }
    // what is not there cannot be committed
    let lost = [Committable::File {
        pending: ".x".into(),
        target: "x".into(),
        bytes: 1,
    }];
    assert!(
        commit(&spec, &lost)
            .unwrap_err()
            .to_string()
            .contains("waits to be committed is gone")
    );
    recover(&spec, "job", &lost).unwrap();
}

#[test]
fn a_restart_finishes_what_was_prepared_and_removes_what_was_not() {
    let base = tempfile::tempdir().unwrap();
    let spec = file_table("a INT", "out", "csv", &[], base.path());
    let out = base.path().join("out");
    let writer = |job: &str| open_sink(&spec, &SinkContext::single(job)).unwrap();
    recover(&spec, "job", &[]).unwrap();
    let mut sink = writer("job");
    sink.write(&numbers(&[1]), None).unwrap();
    let checkpointed = sink.prepare_commit(1).unwrap();
    sink.write(&numbers(&[2]), None).unwrap();
    let _uncompleted = sink.prepare_commit(2).unwrap();
    sink.write(&numbers(&[3]), None).unwrap();
    drop(sink);
    let mut other = writer("other");
    other.write(&numbers(&[9]), None).unwrap();
    let others = other.prepare_commit(1).unwrap();

    recover(&spec, "job", &checkpointed).unwrap();
    assert_eq!(lines(&out), ["1"]);
    assert_eq!(
        files(&out).len(),
        2,
        "another job's file is left alone: {:?}",
        files(&out)
    );
    recover(&spec, "job", &checkpointed).unwrap();
    commit(&spec, &others).unwrap();
    let mut found = lines(&out);
    found.sort();
    assert_eq!(found, ["1", "9"]);
}

#[test]
fn a_truncated_file_is_not_committed() {
    let base = tempfile::tempdir().unwrap();
    let spec = file_table("a INT", "out", "csv", &[], base.path());
    let mut sink = open_sink(&spec, &SinkContext::single("job")).unwrap();
    sink.write(&numbers(&[1, 2]), None).unwrap();
    let prepared = sink.prepare_commit(1).unwrap();
    let Committable::File { pending, .. } = &prepared[0];
    fs::write(base.path().join("out").join(pending), "1\n").unwrap();
    let error = recover(&spec, "job", &prepared).unwrap_err();
    assert!(
        error.to_string().contains("has 2 bytes, 4 were written"),
        "{error}"
    );
}

#[test]
fn files_are_rolled_by_size() {
    let base = tempfile::tempdir().unwrap();
    let options = [("sink.rolling-policy.file-size", "1 kb")];
    let spec = file_table("a INT", "out", "csv", &options, base.path());
    let mut sink = open_sink(&spec, &SinkContext::single("job")).unwrap();
    for start in 0..10 {
        sink.write(
            &numbers(&(start * 100..start * 100 + 100).collect::<Vec<_>>()),
            None,
        )
        .unwrap();
    }
    let committables = sink.prepare_commit(1).unwrap();
    commit(&spec, &committables).unwrap();
    assert!(committables.len() > 2, "{committables:?}");
    assert_eq!(lines(&base.path().join("out")).len(), 1000);
}

#[test]
fn partitions_are_folders_and_read_back_equal() {
    let base = tempfile::tempdir().unwrap();
    let mut spec = file_table(
        "a INT, b STRING, dt STRING, hr INT",
        "out",
        "csv",
        &[],
        base.path(),
    );
    spec.partition_keys = vec!["dt".into(), "hr".into()];
    let batch = RecordBatch::try_from_iter([
        (
            "a",
            Arc::new(Int32Array::from(vec![1, 2, 3, 4, 5])) as ArrayRef,
        ),
        (
            "b",
            Arc::new(StringArray::from(vec!["x", "y", "z", "w", "v"])),
        ),
        (
            "dt",
            Arc::new(StringArray::from(vec![
                Some("2024-01-01"),
                Some("2024-01-02"),
                Some("a/b=c d:e%"),
                Some(""),
                Some("2024-01-01"),
            ])),
        ),
        (
            "hr",
            Arc::new(Int32Array::from(vec![
                Some(1),
                None,
                Some(2),
                Some(3),
                Some(1),
            ])),
        ),
    ])
    .unwrap();
    write_and_commit(&spec, &[batch]);
    let found: Vec<(String, String)> = files(&base.path().join("out"))
        .into_iter()
        .map(|(name, content)| (name.rsplit_once('/').unwrap().0.to_owned(), content))
        .collect();
    let expected = [
        ("dt=2024-01-01/hr=1", "1,x\n5,v\n"),
        ("dt=2024-01-02/hr=__DEFAULT_PARTITION__", "2,y\n"),
        ("dt=__DEFAULT_PARTITION__/hr=3", "4,w\n"),
        ("dt=a%2Fb%3Dc d%3Ae%25/hr=2", "3,z\n"),
    ];
    assert_eq!(
        found,
        expected.map(|(name, content)| (name.to_owned(), content.to_owned()))
    );
    let (mut rows, _) = rows_and_bad(&spec).unwrap();
    rows.sort();
    assert_eq!(
        rows,
        [
            "+I[1, x, 2024-01-01, 1]",
            "+I[2, y, 2024-01-02, null]",
            "+I[3, z, a/b=c d:e%, 2]",
            "+I[4, w, null, 3]",
            "+I[5, v, 2024-01-01, 1]",
        ]
    );
}

#[test]
fn updates_are_refused_and_unwritable_places_named() {
    let base = tempfile::tempdir().unwrap();
    let spec = file_table("a INT", "out", "csv", &[], base.path());
    let mut sink = open_sink(&spec, &SinkContext::single("job")).unwrap();
    let error = sink
        .write(&numbers(&[1]), Some(&[RowKind::Delete]))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("takes new rows only, no updates and deletes"),
        "{error}"
    );
    assert!(!accepts_changes(&spec).unwrap());
    put(base.path(), "file", "");
    let spec = file_table("a INT", "file", "csv", &[], base.path());
    let error = open_sink(&spec, &SinkContext::single("job")).err().unwrap();
    assert_eq!(
        (error.kind(), error.option()),
        (ErrorKind::BadOption, Some("path"))
    );
    let spec = file_table("a INT", "/proc/nowhere/out", "csv", &[], base.path());
    let error = open_sink(&spec, &SinkContext::single("job")).err().unwrap();
    assert_eq!(error.option(), Some("path"), "{error}");
}

#[test]
fn a_full_disk_is_an_error_and_commits_nothing() {
    // /dev/full takes a name and refuses every byte
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let spec = file_table("a INT", "out", "csv", &[], base.path());
    let mut sink = open_sink(&spec, &SinkContext::single("job")).unwrap();
    sink.write(&numbers(&[1]), None).unwrap();
    let first = sink.prepare_commit(1).unwrap();
    commit(&spec, &first).unwrap();
    let error = std::fs::OpenOptions::new()
        .write(true)
        .open(full)
        .and_then(|mut file| {
            use std::io::Write;
            file.write_all(b"x")
        });
    let error = ConnectorError::io("cannot write to the file", full, error.unwrap_err());
    assert!(
        error.to_string().contains("free space on the disk"),
        "{error}"
    );
    assert_eq!(lines(&base.path().join("out")), ["1"]);
}
