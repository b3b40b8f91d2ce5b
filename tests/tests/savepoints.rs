//! Savepoints: a job goes on from one at another parallelism and after a change; what does not fit is
//! refused before anything starts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_runtime::job::savepoint::{self, Request};
use millstream_tests::{How, Run, run_sql};

const TABLE: &str = "CREATE TABLE t (k STRING, v INT)
  WITH ('connector' = 'filesystem', 'path' = '${dir}/in', 'format' = 'csv');
CREATE TABLE sums (k STRING, s INT) WITH ('connector' = 'print');
CREATE TABLE counts (v INT, c BIGINT) WITH ('connector' = 'print');\n";

const SUMS: &str = "INSERT INTO sums SELECT k, SUM(v) FROM t GROUP BY k;\n";
const COUNTS: &str = "INSERT INTO counts SELECT v, COUNT(*) FROM t GROUP BY v;\n";

fn file(dir: &Path, name: &str, rows: &str) {
    let folder = dir.join("in");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(name), rows).expect("a file");
}

fn saved(state_dir: &Path, folder: &Path, stop: bool) -> PathBuf {
    let request = Request {
        folder: folder.to_path_buf(),
        stop,
    };
    savepoint::create(state_dir, &request, Duration::from_secs(30))
        .unwrap_or_else(|why| panic!("{why:#}"))
}

/// Two rows summed, and a savepoint of it.
fn prepared() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    file(dir.path(), "1.csv", "a,1\nb,2\n");
    let state = dir.path().join("state");
    let how = How {
        state_dir: Some(&state),
        ..How::default()
    };
    let ran = run_sql(dir.path(), &format!("{TABLE}{SUMS}"), &how).unwrap();
    assert_eq!(ran.printed, ["+I[a, 1]", "+I[b, 2]"]);
    let savepoint = saved(&state, &dir.path().join("saves"), true);
    assert!(savepoint.ends_with("script-000001"), "{savepoint:?}");
    // It needs nothing of what it was made of.
    std::fs::remove_dir_all(&state).expect("the state goes");
    (dir, savepoint)
}

fn goes_on(dir: &Path, savepoint: &Path, script: &str, parallelism: usize) -> Result<Run, String> {
    let how = How {
        parallelism,
        from_savepoint: Some(savepoint),
        ..How::default()
    };
    let mut ran = run_sql(dir, &format!("{TABLE}{script}"), &how)?;
    for row in &mut ran.printed {
        // The instance that wrote it.
        *row = row
            .split_once("> ")
            .map_or(row.as_str(), |(_, row)| row)
            .to_owned();
    }
    ran.printed.sort();
    Ok(ran)
}

#[test]
fn a_savepoint_restores_at_any_parallelism() {
    let (dir, savepoint) = prepared();
    file(dir.path(), "2.csv", "a,10\nc,3\n");
    for parallelism in 1..=3 {
        let ran = goes_on(dir.path(), &savepoint, SUMS, parallelism).unwrap();
        assert_eq!(ran.printed, ["+I[c, 3]", "+U[a, 11]", "-U[a, 1]"]);
        assert_eq!(ran.report.restored, Some(1));
    }
}

#[test]
fn a_changed_pipeline_keeps_what_it_can() {
    let (dir, savepoint) = prepared();
    file(dir.path(), "2.csv", "a,10\n");
    let script = format!("EXECUTE STATEMENT SET BEGIN\n{SUMS}{COUNTS}END;\n");
    let ran = goes_on(dir.path(), &savepoint, &script, 2).unwrap();
    assert_eq!(ran.printed, ["+I[10, 1]", "+U[a, 11]", "-U[a, 1]"]);
}

#[test]
fn state_that_no_longer_fits_is_refused_with_the_list() {
    let (dir, savepoint) = prepared();
    let sums = SUMS.replace("SUM(v)", "MAX(v)");
    let why = goes_on(dir.path(), &savepoint, &sums, 1).unwrap_err();
    assert!(
        why.starts_with(
            "the state of 1 operator no longer fits the pipeline; nothing was started\n  kept "
        ),
        "{why}"
    );
    assert!(
        why.contains(
            "  unfit    sums/group-aggregate\n           \
             was group aggregate by (STRING): SUM(INT)\n           \
             is  group aggregate by (STRING): MAX(INT)\n"
        ),
        "{why}"
    );
}

#[test]
fn state_of_a_node_that_is_gone_is_not_dropped_in_silence() {
    let (dir, savepoint) = prepared();
    let why = goes_on(dir.path(), &savepoint, COUNTS, 1).unwrap_err();
    assert!(why.contains("1 operator belongs to nothing"), "{why}");
    assert!(why.contains("  new      counts/group-aggregate\n"), "{why}");
    assert!(why.contains("  dropped  sums/group-aggregate "), "{why}");
    assert!(why.contains("--allow-dropped-state"), "{why}");
}

#[test]
fn a_damaged_savepoint_is_refused() {
    let (dir, savepoint) = prepared();
    let folder = savepoint.join("checkpoints/sst");
    let table = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    std::fs::write(table.path(), "not a table").unwrap();
    let why = goes_on(dir.path(), &savepoint, SUMS, 1).unwrap_err();
    assert!(why.contains("can be used"), "{why}");
    assert!(
        savepoint::list(&dir.path().join("saves")).unwrap()[0]
            .1
            .is_err()
    );
}

#[test]
fn a_job_that_runs_gives_savepoints_and_stops_with_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let state = dir.path().join("state");
    let saves = dir.path().join("saves");
    let script = "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen',
        'rows-per-second' = '200', 'fields.n.kind' = 'sequence', 'fields.n.start' = '1',
        'fields.n.end' = '1000000');
      CREATE TABLE done (c BIGINT) WITH ('connector' = 'blackhole');
      INSERT INTO done SELECT COUNT(*) FROM numbers GROUP BY MOD(n, 3);";
    let (path, held) = (dir.path().to_path_buf(), state.clone());
    let job = std::thread::spawn(move || {
        let how = How {
            state_dir: Some(&held),
            ..How::default()
        };
        run_sql(&path, script, &how)
    });
    while !matches!(millstream_state::StateDir::is_in_use(&state), Ok(true)) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let first = saved(&state, &saves, false);
    assert!(!job.is_finished());
    let last = saved(&state, &saves, true);
    let ran = job.join().expect("no panic").unwrap();
    assert_eq!(
        ran.report.ending,
        millstream_runtime::job::Ending::Interrupted
    );
    let found: Vec<PathBuf> = savepoint::list(&saves)
        .unwrap()
        .into_iter()
        .filter_map(|(path, manifest)| manifest.is_ok().then_some(path))
        .collect();
    assert_eq!(found, [first, last]);
}
