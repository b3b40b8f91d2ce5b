//! The Nexmark queries of `tests/nexmark`: each is a script that is planned, and
//! those that look at each bid alone give the same rows over the generator and over its files.

use std::path::Path;

use millstream_connectors::{NexmarkExport, NexmarkLayout, export_nexmark};
use millstream_tests::{How, run_sql};

const QUERIES: [&str; 24] = [
    "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9", "q10", "q11", "q12", "q13", "q14",
    "q15", "q16", "q17", "q18", "q19", "q20", "q21", "q22", "q23",
];

/// Queries that need nothing but a look at each bid: they must run.
const STATELESS: [&str; 7] = ["q0", "q1", "q2", "q10", "q14", "q21", "q22"];

/// Windows of the wall clock: what is in one is not the same twice.
const IN_PROCESSING_TIME: &str = "q12";

const EVENTS: u64 = 2_000;

fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("nexmark");
    let text = std::fs::read_to_string(folder.join(name)).expect("a file of the benchmark");
    text.replace("${events}", &EVENTS.to_string())
        .replace("${path}", "${dir}/events")
        .replace("${side_input}", "${dir}/side_input.csv")
        .replace("${sink}", "'connector' = 'print'")
}

/// What a query prints, sorted.
fn rows(dir: &Path, tables: &str, query: &str, parallelism: usize) -> Vec<String> {
    let script = format!("{}\n{}", file(tables), file(&format!("{query}.sql")));
    let how = How {
        parallelism,
        ..How::default()
    };
    match run_sql(dir, &script, &how) {
        Ok(run) => {
            let mut printed: Vec<String> = run
                .printed
                .into_iter()
                // the number of the task
                .map(|row| {
                    row.trim_start_matches(|c| "0123456789> ".contains(c))
                        .to_owned()
                })
                .collect();
            printed.sort();
            printed
        }
        Err(why) => panic!("{query} over {tables}: {why}"),
    }
}

fn dir_with_files() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    export_nexmark(&NexmarkExport {
        events: EVENTS,
        files: 2,
        format: "csv".into(),
        layout: NexmarkLayout::Flat,
        folder: dir.path().join("events"),
        options: Default::default(),
    })
    .expect("the events in files");
    let lines: String = (0..10_000)
        .map(|key| format!("{key},text {key}\n"))
        .collect();
    std::fs::write(dir.path().join("side_input.csv"), lines).expect("the side input");
    dir
}

#[test]
fn stateless_queries_give_the_same_rows_over_generator_and_files() {
    let dir = dir_with_files();
    for query in STATELESS {
        let generated = rows(dir.path(), "generator.sql", query, 1);
        assert!(!generated.is_empty(), "{query}");
        for (tables, parallelism) in [("files.sql", 1), ("files.sql", 2), ("generator.sql", 3)] {
            let other = rows(dir.path(), tables, query, parallelism);
            assert_eq!(
                other, generated,
                "{query} over {tables} at parallelism {parallelism}"
            );
        }
    }
    // of 2,000 events 1,840 are bids
    assert_eq!(rows(dir.path(), "files.sql", "q0", 1).len(), 1_840);
}

#[test]
fn every_query_is_planned() {
    use millstream_compiler::environment::NoEnvironment;
    use millstream_compiler::plan::plan_script;
    for tables in ["generator.sql", "files.sql"] {
        for query in QUERIES {
            let script = format!("{}\n{}", file(tables), file(&format!("{query}.sql")));
            if let Err(found) = plan_script(&script, &NoEnvironment) {
                let shown = found[0].render(Some((query, &script)));
                panic!("{query} over {tables}: {shown}");
            }
        }
    }
}

/// The table that a changelog leaves.
fn folded(changelog: &[String]) -> Vec<&str> {
    let mut counts: std::collections::BTreeMap<&str, i64> = Default::default();
    for change in changelog {
        let (kind, row) = change.split_at(2);
        *counts.entry(row).or_default() += if matches!(kind, "+I" | "+U") { 1 } else { -1 };
    }
    counts
        .into_iter()
        .flat_map(|(row, count)| std::iter::repeat_n(row, usize::try_from(count).expect(row)))
        .collect()
}

#[test]
fn every_query_gives_the_same_table_at_any_parallelism() {
    let dir = dir_with_files();
    let queries = QUERIES.into_iter().filter(|q| *q != IN_PROCESSING_TIME);
    for query in queries.filter(|q| !STATELESS.contains(q)) {
        let alone = rows(dir.path(), "generator.sql", query, 1);
        for (tables, parallelism) in [("generator.sql", 2), ("files.sql", 3)] {
            let other = rows(dir.path(), tables, query, parallelism);
            assert_eq!(
                folded(&other),
                folded(&alone),
                "{query} over {tables} at parallelism {parallelism}"
            );
        }
    }
}
