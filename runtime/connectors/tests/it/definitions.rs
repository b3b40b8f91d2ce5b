//! Options: what is refused, and what the message says.

use std::path::Path;

use millstream_connectors::*;

use crate::helpers::*;

fn source_error(options: &[(&str, &str)]) -> (ErrorKind, String, String) {
    let error = validate_source(&table("a INT", options, Path::new("."))).unwrap_err();
    (
        error.kind(),
        error.option().unwrap_or_default().to_owned(),
        error.to_string(),
    )
}

#[test]
fn connectors() {
    let (kind, option, text) = source_error(&[]);
    assert_eq!(
        (kind, option.as_str()),
        (ErrorKind::UnknownConnector, "connector")
    );
    assert_eq!(
        text,
        "table 't': the option 'connector' is required; add 'connector' = '…' to the table's WITH (…)"
    );
    assert_eq!(
        source_error(&[("connector", "filesytem")]).2,
        "table 't': there is no connector 'filesytem'; did you mean 'filesystem'?"
    );
    let (kind, _, text) = source_error(&[("connector", "kafka")]);
    assert_eq!(kind, ErrorKind::NotSupported);
    assert!(
        text.contains("the connector 'kafka' is not supported by Millstream"),
        "{text}"
    );
    let (_, _, text) = source_error(&[("connector", "print")]);
    assert!(
        text.contains(
            "cannot be read; these can: 'card-transactions', 'datagen', 'filesystem' and 'nexmark'"
        ),
        "{text}"
    );
    let error =
        validate_sink(&table("a INT", &[("connector", "datagen")], Path::new("."))).unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
}

#[test]
fn options() {
    let file = |more: &[(&str, &str)]| {
        let mut all = vec![
            ("connector", "filesystem"),
            ("path", "p"),
            ("format", "csv"),
        ];
        all.extend_from_slice(more);
        source_error(&all)
    };
    let (kind, option, text) = file(&[("csv.field-delimeter", ";")]);
    assert_eq!(
        (kind, option.as_str()),
        (ErrorKind::UnknownOption, "csv.field-delimeter")
    );
    assert!(
        text.ends_with("did you mean 'csv.field-delimiter'?"),
        "{text}"
    );
    // an option of another format is none of this one's
    assert_eq!(
        file(&[("json.ignore-parse-errors", "true")]).0,
        ErrorKind::UnknownOption
    );
    let (kind, _, text) = file(&[("auto-compaction", "true")]);
    assert_eq!(kind, ErrorKind::NotSupported);
    assert!(
        text.contains("is not supported by Millstream; drop it"),
        "{text}"
    );
    assert_eq!(
        file(&[("source.monitor-interval", "often")]).0,
        ErrorKind::BadOption
    );
    assert_eq!(
        file(&[("source.monitor-interval", "0 s")]).0,
        ErrorKind::BadOption
    );
    assert_eq!(
        file(&[("csv.field-delimiter", "\"")]).1,
        "csv.field-delimiter"
    );
    assert_eq!(
        file(&[
            ("csv.disable-quote-character", "true"),
            ("csv.quote-character", "'")
        ])
        .1,
        "csv.quote-character"
    );
    let (kind, option, text) = source_error(&[("connector", "filesystem"), ("format", "csv")]);
    assert_eq!(
        (kind, option.as_str()),
        (ErrorKind::MissingOption, "path"),
        "{text}"
    );
    let (kind, option, _) = source_error(&[("connector", "filesystem"), ("path", "p")]);
    assert_eq!(
        (kind, option.as_str()),
        (ErrorKind::MissingOption, "format")
    );
    let (kind, option, _) = source_error(&[
        ("connector", "filesystem"),
        ("path", "p"),
        ("format", "parquet"),
    ]);
    assert_eq!((kind, option.as_str()), (ErrorKind::NotSupported, "format"));
    let (kind, option, text) = source_error(&[
        ("connector", "filesystem"),
        ("path", "s3://b/p"),
        ("format", "csv"),
    ]);
    assert_eq!(
        (kind, option.as_str()),
        (ErrorKind::NotSupported, "path"),
        "{text}"
    );
    let sink = |options: &[(&str, &str)]| {
        validate_sink(&table("a INT", options, Path::new(".")))
            .unwrap_err()
            .to_string()
    };
    assert!(
        sink(&[("connector", "print"), ("print-identifer", "x")])
            .contains("did you mean 'print-identifier'?")
    );
    assert!(sink(&[("connector", "blackhole"), ("x", "x")]).contains("has no option 'x'"));
}

#[test]
fn the_generators_columns_are_known() {
    let columns = generator_columns("card-transactions").unwrap();
    let text: Vec<String> = columns
        .iter()
        .map(|(name, ty)| format!("{name} {ty}"))
        .collect();
    assert_eq!(
        text.join(", "),
        "transaction_id BIGINT, card_id BIGINT, ts TIMESTAMP(3), amount DECIMAL(10, 2), \
         merchant_id INT, category STRING, country STRING, is_fraud BOOLEAN"
    );
    assert!(generator_columns("datagen").is_none());
}
