//! The API of a job that runs: figures, rows, checkpoints, the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use millstream_connectors::{
    Committable, Connectors, CustomConnector, SinkContext, SinkWriter, Source, TableSpec,
};
use millstream_runtime::job::monitor::{Monitor, Wiring};
use millstream_serve::api::{
    CheckpointState, ErrorCode, JobState, StopRequest, TapLine, TapRequest, Trigger,
};
use millstream_serve::client::{Client, ClientError};
use millstream_serve::{JobHandle as _, ServeError, Server, ServerOptions, Token};
use millstream_tests::{How, Run, run_sql};

const TOKEN: &str = "a-token-for-tests-only";

/// Numbers from 1, the even ones, and their count and sum by last digit.
fn numbers(rows_per_second: u32, last: u64) -> String {
    format!(
        "CREATE TABLE numbers (n BIGINT, k AS MOD(n, 10)) WITH ('connector' = 'datagen',
           'rows-per-second' = '{rows_per_second}', 'fields.n.kind' = 'sequence',
           'fields.n.start' = '1', 'fields.n.end' = '{last}');
         CREATE TEMPORARY VIEW even AS SELECT n, k FROM numbers WHERE MOD(n, 2) = 0;
         CREATE TEMPORARY VIEW sums AS SELECT k, COUNT(*) AS c, SUM(n) AS s FROM even GROUP BY k;
         CREATE TABLE done (k BIGINT, c BIGINT, s BIGINT) WITH ('connector' = 'print');
         INSERT INTO done SELECT k, c, s FROM sums;"
    )
}

const ENDLESS: u64 = 1_000_000_000;

struct Job {
    monitor: Monitor,
    server: Server,
    client: Client,
    ran: JoinHandle<Result<Run, String>>,
}

#[derive(Default)]
struct Start<'a> {
    state_dir: Option<&'a Path>,
    from_savepoint: Option<&'a Path>,
    parallelism: Option<usize>,
    connectors: Connectors,
    metrics_public: bool,
}

fn options() -> ServerOptions {
    ServerOptions {
        address: "127.0.0.1:0".parse().unwrap(),
        token: Token::new(TOKEN).unwrap(),
        public: false,
        metrics_public: false,
    }
}

fn start(dir: &Path, sql: &str, how: Start<'_>) -> Job {
    let monitor = Monitor::new("script", None, Wiring::default());
    let options = ServerOptions {
        metrics_public: how.metrics_public,
        ..options()
    };
    let server = Server::start(&options, Arc::new(monitor.clone())).unwrap();
    let client = Client::new(&server.url(), TOKEN).unwrap();
    let own = |path: Option<&Path>| path.map(Path::to_path_buf);
    let (dir, sql) = (dir.to_path_buf(), sql.to_owned());
    let (state_dir, from_savepoint) = (own(how.state_dir), own(how.from_savepoint));
    let shown = monitor.clone();
    let ran = std::thread::spawn(move || {
        let how = How {
            parallelism: how.parallelism.unwrap_or(1),
            state_dir: state_dir.as_deref(),
            from_savepoint: from_savepoint.as_deref(),
            connectors: how.connectors,
            monitor: shown,
            ..How::default()
        };
        run_sql(&dir, &sql, &how)
    });
    let job = Job {
        monitor,
        server,
        client,
        ran,
    };
    job.wait_for("a state", |job| {
        job.client.status().unwrap().state != JobState::Starting
    });
    job
}

impl Job {
    #[track_caller]
    fn wait_for(&self, what: &str, is: impl Fn(&Job) -> bool) {
        let begun = Instant::now();
        while !is(self) {
            assert!(begun.elapsed() < Duration::from_secs(20), "no {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for the end; the server is still there.
    fn end(self) -> (Monitor, Server, Result<Run, String>) {
        let ran = self.ran.join().expect("no panic");
        (self.monitor, self.server, ran)
    }

    fn stop(self) -> Run {
        self.client.stop(&StopRequest::default()).unwrap();
        self.end().2.unwrap()
    }
}

/// The last count of each key in a changelog.
fn counts(printed: &[String]) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for line in printed {
        let row = &line[line.find('[').unwrap() + 1..line.len() - 1];
        let columns: Vec<&str> = row.split(", ").collect();
        if !line.starts_with('-') {
            counts.insert(columns[0].to_owned(), columns[1].parse().unwrap());
        }
    }
    counts
}

#[test]
fn figures_add_up_to_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let job = start(dir.path(), &numbers(1_000_000, 40_000), Start::default());
    let (monitor, server, ran) = job.end();
    ran.unwrap();
    let status = monitor.status();
    assert_eq!(status.state, JobState::Finished);
    assert!(status.ended_at_ms.unwrap() >= status.started_at_ms);
    // The API says the same.
    let client = Client::new(&server.url(), TOKEN).unwrap();
    let metrics = client.metrics().unwrap();
    let node = |id: &str| metrics.node(id).unwrap_or_else(|| panic!("no node {id}"));
    let rows = |id: &str| (node(id).rows_in, node(id).rows_out);
    assert_eq!(rows("numbers"), (40_000, 40_000));
    assert_eq!(rows("even"), (40_000, 20_000));
    // Every row updates a sum: all but the first of five keys take the old one back.
    assert_eq!(rows("sums"), (20_000, 39_995));
    assert_eq!(rows("done"), (39_995, 39_995));
    let edge = |from: &str, to: &str| metrics.edge(from, to).map(|edge| edge.rows);
    assert_eq!(edge("numbers", "even"), Some(40_000));
    assert_eq!(edge("even", "sums"), Some(20_000));
    assert_eq!(edge("sums", "done"), Some(39_995));
    assert_eq!(metrics.edges.len(), 3);
    assert!(node("sums").state_bytes > 0);
    assert_eq!(node("even").state_bytes, 0);
    assert_eq!(metrics.latency.total.unwrap().rows, 39_995);
    let last = metrics.checkpoints.last().unwrap();
    assert_eq!(
        (last.trigger, last.state),
        (Trigger::Last, CheckpointState::Completed)
    );
    assert!(last.phases.align_ms.is_some() && last.phases.commit_ms.is_some());
    // What is over takes no more.
    let refused = client.stop(&StopRequest::default());
    assert!(matches!(refused, Err(ClientError::Refused(e)) if e.code == ErrorCode::JobOver));
}

#[test]
fn a_running_job_shows_rates_and_shares() {
    let dir = tempfile::tempdir().unwrap();
    let how = Start {
        parallelism: Some(2),
        ..Start::default()
    };
    let job = start(dir.path(), &numbers(5_000, ENDLESS), how);
    // From now on samples are taken.
    job.client.metrics().unwrap();
    std::thread::sleep(Duration::from_millis(1_500));
    let metrics = job.client.metrics().unwrap();
    assert!(
        (900..2_000).contains(&metrics.window_ms),
        "{}",
        metrics.window_ms
    );
    let even = metrics.node("even").unwrap();
    assert!(even.rate_in > 500.0 && even.rate_in < 50_000.0, "{even:?}");
    assert!((even.rate_out / even.rate_in - 0.5).abs() < 0.1, "{even:?}");
    let edge = metrics.edge("numbers", "even").unwrap();
    assert!((edge.rate / even.rate_in - 1.0).abs() < 0.01, "{edge:?}");
    for node in &metrics.nodes {
        assert!((0.0..=1.0).contains(&node.busy), "{node:?}");
        assert!(
            node.busy + node.idle + node.back_pressured <= 2.0,
            "{node:?}"
        );
    }
    // At this pace there is nothing to wait for.
    assert!(metrics.node("sums").unwrap().idle > 0.2);
    assert!(metrics.latency.recent.unwrap().rows > 0);
    assert!(metrics.memory.state_limit > 0);
    let status = job.client.status().unwrap();
    assert_eq!((status.state, status.parallelism), (JobState::Running, 2));
    assert_eq!(status.pid, std::process::id());
    job.stop();
}

#[test]
fn a_tap_shows_the_rows_of_a_node() {
    let dir = tempfile::tempdir().unwrap();
    let job = start(dir.path(), &numbers(20_000, ENDLESS), Start::default());
    let request = TapRequest {
        rows: 5,
        every_ms: 50,
        limit: Some(12),
        ..TapRequest::new("even")
    };
    let lines: Vec<TapLine> = job
        .client
        .tap(&request)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let TapLine::Header(header) = &lines[0] else {
        panic!("{:?}", lines[0]);
    };
    assert_eq!(
        (header.node.as_str(), header.operator.as_deref()),
        ("even", Some("even/calc"))
    );
    let columns: Vec<_> = header
        .columns
        .iter()
        .map(|c| (c.name.as_str(), c.ty.as_str()))
        .collect();
    assert_eq!(columns, [("n", "BIGINT"), ("k", "BIGINT")]);
    let mut last = 0;
    let mut rows = 0;
    let mut dropped = 0;
    for line in &lines[1..lines.len() - 1] {
        match line {
            TapLine::Row(row) => {
                let n = row.row[0].as_i64().unwrap();
                assert_eq!((n % 2, row.row[1].as_i64()), (0, Some(n % 10)));
                assert!(n > last && row.kind == "+I" && row.time.is_none());
                last = n;
                rows += 1;
            }
            TapLine::Gap(gap) => {
                assert!(gap.seen > gap.dropped);
                dropped += gap.dropped;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rows, 12);
    assert!(dropped > 0);
    assert!(matches!(lines.last(), Some(TapLine::End(end)) if end.end == "limit"));
    // Sums are updated.
    let request = TapRequest {
        limit: Some(50),
        ..TapRequest::new("sums")
    };
    let kinds: Vec<String> = job
        .client
        .tap(&request)
        .unwrap()
        .filter_map(|line| match line.unwrap() {
            TapLine::Row(row) => Some(row.kind),
            _ => None,
        })
        .collect();
    assert!(kinds.contains(&"-U".to_owned()) && kinds.contains(&"+U".to_owned()));
    job.stop();
}

#[test]
fn a_tap_ends_with_the_job() {
    let dir = tempfile::tempdir().unwrap();
    let job = start(dir.path(), &numbers(2_000, ENDLESS), Start::default());
    let mut tap = job.client.tap(&TapRequest::new("done")).unwrap();
    assert!(matches!(tap.next(), Some(Ok(TapLine::Header(_)))));
    assert!(matches!(tap.next(), Some(Ok(TapLine::Row(_)))));
    let reader = std::thread::spawn(move || tap.map(Result::unwrap).last());
    job.stop();
    let last = reader.join().unwrap();
    assert!(
        matches!(&last, Some(TapLine::End(end)) if end.end == "stopped"),
        "{last:?}"
    );
}

#[test]
fn a_tap_gives_arrow() {
    let dir = tempfile::tempdir().unwrap();
    let job = start(dir.path(), &numbers(2_000, ENDLESS), Start::default());
    let request = TapRequest {
        limit: Some(10),
        ..TapRequest::new("even")
    };
    let stream = job.client.tap_arrow(&request).unwrap();
    let read: Vec<RecordBatch> = arrow_ipc::reader::StreamReader::try_new(stream, None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(read.iter().map(RecordBatch::num_rows).sum::<usize>(), 10);
    let names: Vec<_> = read[0]
        .schema()
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    assert_eq!(names, ["_kind", "_dropped", "n", "k"]);
    let numbers = read[0].column(2).as_primitive::<Int64Type>();
    assert!(numbers.values().iter().all(|n| n % 2 == 0));
    job.stop();
}

#[test]
fn a_checkpoint_comes_when_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let job = start(dir.path(), &numbers(5_000, ENDLESS), Start::default());
    let one = job.client.checkpoint().unwrap();
    let two = job.client.checkpoint().unwrap();
    assert_eq!((one.id, two.id), (1, 2));
    assert_eq!(
        (one.trigger, one.state),
        (Trigger::Request, CheckpointState::Completed)
    );
    assert!(one.bytes > 0 && one.duration_ms > 0.0);
    let metrics = job.client.metrics().unwrap();
    assert_eq!(metrics.checkpoints[..2], [one, two]);
    assert!(metrics.node("sums").unwrap().checkpoint_bytes > 0);
    job.stop();
}

#[test]
fn a_job_stops_with_a_savepoint_and_goes_on_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let sql = numbers(10_000, 20_000);
    let how = Start {
        state_dir: Some(&state),
        ..Start::default()
    };
    let job = start(dir.path(), &sql, how);
    job.wait_for("rows", |job| {
        let metrics = job.client.metrics().unwrap();
        metrics.node("done").is_some_and(|node| node.rows_in > 100)
    });
    let request = StopRequest {
        savepoint: true,
        folder: None,
    };
    let stopping = job.client.stop(&request).unwrap();
    let savepoint: PathBuf = stopping.savepoint.expect("a savepoint");
    assert!(
        savepoint.starts_with(state.join("savepoints")),
        "{savepoint:?}"
    );
    let (monitor, _server, ran) = job.end();
    let before = ran.unwrap();
    let status = monitor.status();
    assert_eq!(status.state, JobState::Stopped);
    assert_eq!(status.savepoint.as_ref(), Some(&savepoint));
    assert!(counts(&before.printed).values().sum::<i64>() < 10_000);

    let how = Start {
        from_savepoint: Some(&savepoint),
        parallelism: Some(2),
        ..Start::default()
    };
    let (monitor, _server, ran) = start(dir.path(), &sql, how).end();
    let mut after = ran.unwrap().printed;
    for line in &mut after {
        // The instance that wrote it.
        *line = line.split_once("> ").unwrap().1.to_owned();
    }
    assert!(monitor.status().restored_from.is_some());
    let mut all = before.printed;
    all.extend(after);
    assert_eq!(counts(&all).values().sum::<i64>(), 10_000);
}

#[test]
fn a_savepoint_needs_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let job = start(dir.path(), &numbers(1_000, ENDLESS), Start::default());
    let refused = job.client.stop(&StopRequest {
        savepoint: true,
        folder: None,
    });
    let Err(ClientError::Refused(error)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.code, ErrorCode::BadRequest);
    assert_eq!(job.client.status().unwrap().state, JobState::Running);
    let saves = dir.path().join("saves");
    let stopping = job.client.stop(&StopRequest {
        savepoint: true,
        folder: Some(saves.clone()),
    });
    assert!(stopping.unwrap().savepoint.unwrap().starts_with(&saves));
    job.end().2.unwrap();
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let job = start(dir.path(), &numbers(1_000, ENDLESS), Start::default());
    let why = |client: &Client, method: &str, path: &str, body: Option<&str>| match match method {
        "POST" => client.post_text(path, body.unwrap_or_default()),
        _ => client.get_text(path),
    } {
        Err(ClientError::Refused(error)) => error,
        other => panic!("{method} {path}: {other:?}"),
    };
    let stranger = Client::new(&job.server.url(), "another-token-for-tests").unwrap();
    for path in [
        "/v1/status",
        "/v1/metrics",
        "/v1/tap?node=even",
        "/metrics",
        "/nothing",
    ] {
        let error = why(&stranger, "GET", path, None);
        assert_eq!(error.code, ErrorCode::Unauthorized, "{path}");
        assert_eq!(error.message, "the token is not this job's");
    }
    assert_eq!(
        why(&stranger, "POST", "/v1/stop", None).code,
        ErrorCode::Unauthorized
    );
    let error = why(&job.client, "GET", "/v1/tap?node=evn", None);
    assert_eq!(error.code, ErrorCode::NotFound);
    assert_eq!(error.help.as_deref(), Some("did you mean 'even'?"));
    let error = why(&job.client, "GET", "/v1/tap", None);
    assert_eq!(error.message, "'node' is missing: whose rows?");
    let error = why(&job.client, "GET", "/v2", None);
    assert_eq!(
        (error.code, error.message.as_str()),
        (ErrorCode::NotFound, "there is nothing at /v2")
    );
    let error = why(&job.client, "GET", "/v1/stop", None);
    assert_eq!(error.message, "/v1/stop takes POST, not GET");
    assert_eq!(error.code, ErrorCode::MethodNotAllowed);
    let error = why(&job.client, "POST", "/v1/stop", Some("{\"now\": 1}"));
    assert_eq!(error.code, ErrorCode::BadRequest);
    assert!(
        error.message.contains("unknown field `now`"),
        "{}",
        error.message
    );
    // None of this stopped it.
    assert_eq!(job.client.status().unwrap().state, JobState::Running);
    job.stop();
}

#[test]
fn prometheus_reads_figures() {
    let dir = tempfile::tempdir().unwrap();
    let how = Start {
        metrics_public: true,
        ..Start::default()
    };
    let job = start(dir.path(), &numbers(1_000, ENDLESS), how);
    job.wait_for("rows", |job| {
        let metrics = job.client.metrics().unwrap();
        metrics.node("done").is_some_and(|node| node.rows_in > 0)
    });
    let stranger = Client::new(&job.server.url(), "another-token-for-tests").unwrap();
    let text = stranger.get_text("/metrics").unwrap();
    for line in [
        "# TYPE millstream_node_rows_in_total counter",
        "millstream_job_state{pipeline=\"script\",state=\"running\"} 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    assert!(text.contains(
        "millstream_edge_rows_total{pipeline=\"script\",from=\"even\",to=\"sums\",port=\"\"} "
    ));
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
    }
    assert!(stranger.status().is_err());
    job.stop();
}

#[test]
fn a_job_that_dies_says_where() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("in.csv"), "1\nx\n").unwrap();
    let sql = "CREATE TABLE words (w STRING)
           WITH ('connector' = 'filesystem', 'path' = '${dir}/in.csv', 'format' = 'csv');
         CREATE TEMPORARY VIEW parsed AS SELECT CAST(w AS INT) AS n FROM words;
         CREATE TABLE done (n INT) WITH ('connector' = 'print');
         INSERT INTO done SELECT n FROM parsed;";
    let (monitor, _server, ran) = start(dir.path(), sql, Start::default()).end();
    let told = ran.unwrap_err();
    let status = monitor.status();
    assert_eq!(status.state, JobState::Failed);
    let error = status.error.expect("a reason");
    assert_eq!(error.node.as_deref(), Some("parsed"));
    assert!(error.message.contains("'x'"), "{}", error.message);
    assert!(told.starts_with("parsed/"), "{told}");
}

/// Takes its time over every batch.
struct Slow;

impl CustomConnector for Slow {
    fn validate_source(&self, _: &TableSpec) -> millstream_connectors::Result<()> {
        Ok(())
    }

    fn validate_sink(&self, _: &TableSpec) -> millstream_connectors::Result<()> {
        Ok(())
    }

    fn open_source(
        &self,
        spec: &TableSpec,
        projection: &[usize],
    ) -> millstream_connectors::Result<Box<dyn Source>> {
        millstream_connectors::open_source(spec, projection)
    }

    fn open_sink(
        &self,
        _: &TableSpec,
        _: &SinkContext,
    ) -> millstream_connectors::Result<Box<dyn SinkWriter>> {
        Ok(Box::new(Slow))
    }
}

impl SinkWriter for Slow {
    fn write(
        &mut self,
        _: &RecordBatch,
        _: Option<&[millstream_functions::RowKind]>,
    ) -> millstream_connectors::Result<()> {
        std::thread::sleep(Duration::from_millis(40));
        Ok(())
    }

    fn prepare_commit(&mut self, _: u64) -> millstream_connectors::Result<Vec<Committable>> {
        Ok(vec![])
    }
}

#[test]
fn a_slow_sink_presses_back() {
    let dir = tempfile::tempdir().unwrap();
    // One key: one instance does all the work, and there is a core for the source.
    let sql = numbers(1_000_000, ENDLESS).replace("MOD(n, 10)", "MOD(n, 2)");
    let how = Start {
        parallelism: Some(2),
        // In the place of the built-in one.
        connectors: Connectors::default().with("print", Arc::new(Slow)),
        ..Start::default()
    };
    let job = start(dir.path(), &sql, how);
    job.client.metrics().unwrap();
    let begun = Instant::now();
    loop {
        let metrics = job.client.metrics().unwrap();
        let node = |id: &str| metrics.node(id).unwrap();
        let edge = metrics.edge("even", "sums").unwrap();
        if edge.back_pressured > 0.5
            && node("numbers").back_pressured > 0.5
            && node("done").busy > 0.5
            // Nothing behind it is slower.
            && node("done").back_pressured == 0.0
        {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{metrics:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    job.stop();
}

#[test]
fn nothing_listens_to_other_machines_by_accident() {
    let monitor = Arc::new(Monitor::default());
    let options = ServerOptions {
        address: "0.0.0.0:0".parse().unwrap(),
        ..options()
    };
    let refused = Server::start(&options, Arc::clone(&monitor) as Arc<_>);
    assert!(matches!(refused, Err(ServeError::NotLoopback(_))));
    let options = ServerOptions {
        public: true,
        ..options
    };
    Server::start(&options, monitor).unwrap().stop();
}

const PIPELINE: &str = r#"version = 1
name = "spending"

[nodes.payments]
kind = "file-source"
title = "Payments"
path = "payments.csv"
format = "csv"
watermark = "ts"

[nodes.payments.schema]
card = "STRING"
amount = "INT"
ts = "TIMESTAMP(3)"

[nodes.last_hour]
kind = "rolling"
order = "ts"
partition = ["card"]
range = "1 h"

[nodes.last_hour.aggregates]
spend_1h = "SUM(amount)"

[nodes.last_day]
kind = "rolling"
order = "ts"
partition = ["card"]
range = "1 day"

[nodes.last_day.aggregates]
spend_1d = "SUM(amount)"

[nodes.large]
kind = "filter"
condition = "amount >= 20"

[nodes.both]
kind = "union"

[nodes.out]
kind = "print"

[edges]
e1 = { from = "payments", to = "last_hour" }
e2 = { from = "last_hour", to = "last_day" }
e3 = { from = "last_day", to = "large" }
e4 = { from = "last_day", to = "both" }
e5 = { from = "large", to = "both" }
e6 = { from = "both", to = "out" }
"#;

#[test]
fn a_pipeline_shows_the_wires_of_its_document() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("payments.csv"),
        "a,10,2024-01-01 10:00:00\na,20,2024-01-01 10:30:00\nb,30,2024-01-01 11:00:00\n",
    )
    .unwrap();
    let path = dir.path().join("pipeline.toml");
    std::fs::write(&path, PIPELINE).unwrap();
    let input = millstream_runtime::input::Input::read(&path).unwrap();
    let monitor = Monitor::new(input.name(), Some(path.clone()), input.wiring());
    let how = How {
        monitor: monitor.clone(),
        ..How::default()
    };
    let ran = millstream_tests::run(&path, &how).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(ran.printed.len(), 5);
    let metrics = monitor.metrics().unwrap();
    let node = |id: &str| metrics.node(id).unwrap_or_else(|| panic!("no node {id}"));
    let refused = monitor.tap(TapRequest::new("out")).unwrap_err();
    assert_eq!(refused.code, ErrorCode::JobOver);
    assert_eq!(node("payments").title.as_deref(), Some("Payments"));
    // Both rolling nodes are one operator, which feeds what else there is of the second.
    assert_eq!(node("last_hour").operators, ["last_hour+last_day/over"]);
    assert_eq!(node("last_hour").shared_with, ["last_day"]);
    assert_eq!(
        node("last_day").operators,
        ["last_hour+last_day/over", "last_day/calc"]
    );
    assert_eq!(
        (node("last_day").rows_in, node("last_day").rows_out),
        (3, 3)
    );
    assert!(node("last_day").ended && node("last_day").watermark_ms.is_none());
    let mut edges: Vec<_> = metrics
        .edges
        .iter()
        .map(|edge| {
            (
                edge.id.as_deref().unwrap_or("?"),
                edge.from.as_str(),
                edge.to.as_str(),
                edge.rows,
            )
        })
        .collect();
    edges.sort_unstable();
    assert_eq!(
        edges,
        [
            ("e1", "payments", "last_hour", 3),
            ("e2", "last_hour", "last_day", 3),
            ("e3", "last_day", "large", 3),
            ("e4", "last_day", "both", 3),
            ("e5", "large", "both", 2),
            ("e6", "both", "out", 5),
        ]
    );
}

#[test]
fn a_tap_of_one_of_two_nodes_with_one_operator_shows_its_own_columns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipeline.toml");
    let source = "[nodes.payments]
kind = \"datagen\"
rows-per-second = 2000
watermark = \"ts\"

[nodes.payments.schema]
card = \"INT\"
amount = \"INT\"
ts = \"TIMESTAMP(3)\"
";
    let from = PIPELINE.find("[nodes.payments]").unwrap();
    let to = PIPELINE.find("[nodes.last_hour]").unwrap();
    let text = format!("{}{source}\n{}", &PIPELINE[..from], &PIPELINE[to..]);
    std::fs::write(&path, text).unwrap();
    let input = millstream_runtime::input::Input::read(&path).unwrap();
    let monitor = Monitor::new(input.name(), Some(path.clone()), input.wiring());
    let server = Server::start(&options(), Arc::new(monitor.clone())).unwrap();
    let client = Client::new(&server.url(), TOKEN).unwrap();
    let ran = std::thread::spawn(move || {
        let how = How {
            monitor,
            ..How::default()
        };
        millstream_tests::run(&path, &how)
    });
    let columns = |node: &str| {
        let request = TapRequest {
            limit: Some(1),
            ..TapRequest::new(node)
        };
        let begun = Instant::now();
        loop {
            // It may be starting.
            if let Ok(tap) = client.tap(&request) {
                let lines: Vec<TapLine> = tap.map(Result::unwrap).collect();
                let (TapLine::Header(header), TapLine::Row(row)) = (&lines[0], &lines[1]) else {
                    panic!("{lines:?}");
                };
                assert_eq!(header.columns.len(), row.row.len());
                let names: Vec<String> = header.columns.iter().map(|c| c.name.clone()).collect();
                return names.join(", ");
            }
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{:?}",
                client.status()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    assert_eq!(columns("last_hour"), "card, amount, ts, spend_1h");
    assert_eq!(columns("last_day"), "card, amount, ts, spend_1h, spend_1d");
    client.stop(&StopRequest::default()).unwrap();
    ran.join().unwrap().unwrap();
}
