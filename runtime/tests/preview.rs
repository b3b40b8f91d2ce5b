//! `millstream preview` as it is called: a document in, rows out.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use millstream_serve::api::{PreviewSummary, TapHeader, TapLine, TapRow};

struct Previewed {
    code: i32,
    out: String,
    err: String,
}

impl Previewed {
    fn lines(&self) -> Vec<TapLine> {
        assert_eq!(self.code, 0, "{}", self.err);
        let lines = self.out.lines().map(TapLine::parse);
        lines
            .map(|line| line.unwrap_or_else(|e| panic!("{e}: {}", self.out)))
            .collect()
    }

    fn header(&self) -> TapHeader {
        match self.lines().into_iter().next() {
            Some(TapLine::Header(header)) => header,
            other => panic!("{other:?}"),
        }
    }

    /// The rows as the print connector shows them, with their event time in front.
    fn rows(&self) -> Vec<String> {
        let row = |row: TapRow| {
            let values: Vec<String> = row
                .row
                .iter()
                .map(|value| match value.as_str() {
                    Some(text) => text.to_owned(),
                    None => value.to_string(),
                })
                .collect();
            let time = row.time.map(|time| format!("{time} ")).unwrap_or_default();
            format!("{time}{}[{}]", row.kind, values.join(", "))
        };
        self.lines()
            .into_iter()
            .filter_map(|line| match line {
                TapLine::Row(found) => Some(row(found)),
                _ => None,
            })
            .collect()
    }

    fn summary(&self) -> PreviewSummary {
        match self.lines().pop() {
            Some(TapLine::Summary(summary)) => summary,
            other => panic!("{other:?}"),
        }
    }
}

fn preview(dir: &Path, arguments: &[&str], stdin: &str) -> Previewed {
    let mut child = Command::new(env!("CARGO_BIN_EXE_millstream"))
        .arg("preview")
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that is wrong does not read it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let done = child.wait_with_output().unwrap();
    Previewed {
        code: done.status.code().unwrap(),
        out: String::from_utf8(done.stdout).unwrap(),
        err: String::from_utf8(done.stderr).unwrap(),
    }
}

/// Orders of two days, their daily sums, and a sink; a node beside it is broken.
const PIPELINE: &str = r#"version = 1
name = "orders"

[nodes.orders]
kind = "file-source"
path = "orders.csv"
format = "csv"
watermark = "ts"

[nodes.orders.schema]
id = "INT"
amount = "DECIMAL(10, 2)"
ts = "TIMESTAMP(3)"

[nodes.daily]
kind = "window"
window = "tumble"
size = "1 day"
time = "ts"

[nodes.daily.aggregates]
n = "COUNT(*)"
total = "SUM(amount)"

[nodes.large]
kind = "filter"
condition = "amount > 5"

[nodes.totals]
kind = "file-sink"
path = "out"
format = "csv"

[nodes.broken]
kind = "filter"
condition = "amonut > 5"

[edges]
e1 = { from = "orders", to = "daily" }
e2 = { from = "orders", to = "large" }
e3 = { from = "daily", to = "totals" }
e4 = { from = "orders", to = "broken" }
"#;

const ORDERS: &str = "1,1.50,2024-01-01 10:00:00
2,20.00,2024-01-01 11:00:00
3,7.25,2024-01-02 09:00:00
";

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("orders.csv"), ORDERS).unwrap();
    std::fs::write(dir.path().join("pipeline.toml"), PIPELINE).unwrap();
    dir
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_node_shows_its_rows_with_kinds_and_times() {
    let dir = folder();
    let shown = preview(dir.path(), &[".", "--node", "large"], "");
    assert_eq!(
        shown.rows(),
        [
            "1704106800000 +I[2, 20.00, 2024-01-01T11:00]",
            "1704186000000 +I[3, 7.25, 2024-01-02T09:00]",
        ]
    );
    let header = shown.header();
    let columns: Vec<_> = header
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.ty.as_str(), c.rowtime))
        .collect();
    assert_eq!(
        columns,
        [
            ("id", "INT", false),
            ("amount", "DECIMAL(10, 2)", false),
            ("ts", "TIMESTAMP(3)", true),
        ]
    );
    let summary = shown.summary();
    assert_eq!(
        (summary.rows, summary.more, summary.timed_out),
        (2, false, false)
    );
    assert_eq!(summary.sources.len(), 1);
    assert_eq!(
        (
            summary.sources[0].node.as_str(),
            summary.sources[0].rows,
            summary.sources[0].cut
        ),
        ("orders", 3, false)
    );
    assert_eq!(files(dir.path()), ["orders.csv", "pipeline.toml"]);
}

#[test]
fn windows_fire_at_the_end_of_the_sample() {
    let dir = folder();
    let shown = preview(dir.path(), &[".", "--node", "daily"], "");
    let names: Vec<String> = shown.header().columns.into_iter().map(|c| c.name).collect();
    let at = |name: &str| names.iter().position(|n| n == name).unwrap();
    let (n, total) = (at("n"), at("total"));
    let sums: Vec<(String, String)> = shown
        .lines()
        .into_iter()
        .filter_map(|line| match line {
            TapLine::Row(row) => Some((row.row[n].to_string(), row.row[total].to_string())),
            _ => None,
        })
        .collect();
    assert_eq!(
        sums,
        [("2".into(), "21.50".into()), ("1".into(), "7.25".into())]
    );

    let shown = preview(
        dir.path(),
        &[".", "--node", "daily", "--source-rows", "1"],
        "",
    );
    assert_eq!(shown.rows().len(), 1);
    let summary = shown.summary();
    assert_eq!((summary.sources[0].rows, summary.sources[0].cut), (1, true));
}

#[test]
fn a_sink_shows_what_it_would_write_and_writes_nothing() {
    let dir = folder();
    let shown = preview(dir.path(), &[".", "--node", "totals"], "");
    assert_eq!(shown.rows().len(), 2);
    assert_eq!(files(dir.path()), ["orders.csv", "pipeline.toml"]);
}

#[test]
fn a_document_comes_from_the_standard_input() {
    let dir = folder();
    let elsewhere = tempfile::tempdir().unwrap();
    let edited = PIPELINE.replace("amount > 5", "amount < 5");
    let base = dir.path().display().to_string();
    let shown = preview(
        elsewhere.path(),
        &["-", "--base-dir", &base, "--node", "large"],
        &edited,
    );
    assert_eq!(
        shown.rows(),
        ["1704103200000 +I[1, 1.50, 2024-01-01T10:00]"]
    );
}

const SCRIPT: &str = "CREATE TABLE orders (id INT, amount DECIMAL(10, 2), ts TIMESTAMP(3))
  WITH ('connector' = 'filesystem', 'path' = 'orders.csv', 'format' = 'csv');
CREATE TEMPORARY VIEW days AS SELECT CAST(ts AS DATE) AS d, COUNT(*) AS n FROM orders GROUP BY CAST(ts AS DATE);
CREATE TABLE out_table (d DATE, n BIGINT, PRIMARY KEY (d) NOT ENFORCED)
  WITH ('connector' = 'blackhole');
INSERT INTO out_table SELECT d, n FROM days;\n";

#[test]
fn a_script_shows_the_changelog_of_a_view() {
    let dir = folder();
    let shown = preview(dir.path(), &["-", "--sql", "--node", "days"], SCRIPT);
    assert_eq!(
        shown.rows(),
        [
            "+I[2024-01-01, 1]",
            "-U[2024-01-01, 1]",
            "+U[2024-01-01, 2]",
            "+I[2024-01-02, 1]",
        ]
    );
    let shown = preview(
        dir.path(),
        &["-", "--sql", "--node", "days", "--rows", "2"],
        SCRIPT,
    );
    assert_eq!(shown.rows(), ["+I[2024-01-01, 1]", "-U[2024-01-01, 1]"]);
    assert!(shown.summary().more);
    // The sink has a key: old values are not for it.
    let shown = preview(dir.path(), &["-", "--sql", "--node", "out_table"], SCRIPT);
    assert_eq!(
        shown.rows(),
        [
            "+I[2024-01-01, 1]",
            "+U[2024-01-01, 2]",
            "+I[2024-01-02, 1]"
        ]
    );
}

#[test]
fn a_source_that_never_ends_is_cut_and_not_waited_for() {
    let dir = folder();
    let sql = "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen',
        'rows-per-second' = '1', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1',
        'fields.n.end' = '1000000000');
      CREATE TEMPORARY VIEW counted AS SELECT COUNT(*) AS c FROM numbers;";
    let shown = preview(
        dir.path(),
        &[
            "-",
            "--sql",
            "--node",
            "counted",
            "--source-rows",
            "5000",
            "--rows",
            "100000",
        ],
        sql,
    );
    assert_eq!(shown.rows().last().map(String::as_str), Some("+U[5000]"));
    let summary = shown.summary();
    assert!(summary.sources[0].cut && !summary.timed_out);
    assert_eq!(summary.sources[0].rows, 5000);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let dir = folder();
    let shown = preview(dir.path(), &[".", "--node", "broken"], "");
    assert_eq!(shown.code, 2);
    assert!(
        shown.err.contains("amonut") && shown.err.contains("broken"),
        "{}",
        shown.err
    );
    assert_eq!(shown.out, "");
    let shown = preview(dir.path(), &[".", "--node", "dayly"], "");
    assert_eq!(shown.code, 2);
    assert!(shown.err.contains("did you mean 'daily'?"), "{}", shown.err);
    let shown = preview(dir.path(), &["-", "--node", "large"], "version = ");
    assert_eq!(shown.code, 2);
    assert!(shown.err.contains("standard input"), "{}", shown.err);
    // A row that cannot be computed stops the preview and names the node.
    let sql = SCRIPT.replace(
        "CAST(ts AS DATE) AS d, COUNT(*) AS n FROM orders GROUP BY CAST(ts AS DATE)",
        "CAST(CAST(ts AS STRING) AS INT) AS d, 1 AS n FROM orders",
    );
    let shown = preview(dir.path(), &["-", "--sql", "--node", "days"], &sql);
    assert_eq!(shown.code, 1);
    assert!(
        shown.err.contains("the preview failed: days/calc: "),
        "{}",
        shown.err
    );
}
