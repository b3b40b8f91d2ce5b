//! The real thing: a process that counts and takes checkpoints is killed at random moments and
//! started again; and subtasks on threads of their own race through barriers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use millstream_state::{
    Blob, CheckpointRequest, JobIdentity, KeyedTable, Manifest, Start, StateBackend, StateDir,
    StateOptions, key_group, key_group_range, stable_hash_u64, subtask_of,
};

const MAX: u16 = 128;

/// Set for the child process: its state directory.
const CHILD: &str = "MILLSTREAM_STATE_CRASH_CHILD";

const KEYS: u64 = 500;
const ROWS_A_CHECKPOINT: u64 = 3_000;

fn options() -> StateOptions {
    StateOptions {
        memory_budget: 16 << 20,
        dirty_bytes: 1 << 12,
        ..StateOptions::default()
    }
}

fn open(home: &Path) -> (StateDir, StateBackend, Option<Manifest>) {
    let job = JobIdentity {
        name: "crash".into(),
        fingerprint: "crash".into(),
    };
    let dir = StateDir::open(home, job, Start::Resume).unwrap();
    let found = dir.store().latest().unwrap().manifest;
    let backend = match &found {
        Some(found) => StateBackend::restore(&dir.local(), dir.store(), options(), found).unwrap(),
        None => StateBackend::open(&dir.local(), dir.store(), options()).unwrap(),
    };
    (dir, backend, found)
}

/// Rows done at the time of the checkpoint: the "source offset".
fn offset(manifest: Option<&Manifest>) -> u64 {
    let blob = manifest.and_then(|m| m.blobs("source").first());
    blob.map_or(0, |blob| {
        std::str::from_utf8(&blob.bytes).unwrap().parse().unwrap()
    })
}

fn key_of(row: u64) -> u64 {
    row.wrapping_mul(2_654_435_761) % KEYS
}

fn count(table: &mut KeyedTable<i64>, key: u64) {
    let slot = table
        .slot(stable_hash_u64(key), &key.to_be_bytes())
        .unwrap();
    *table.get_mut(slot) += 1;
}

fn counts_after(rows: u64) -> BTreeMap<u64, i64> {
    let mut counts = BTreeMap::new();
    (0..rows).for_each(|row| *counts.entry(key_of(row)).or_default() += 1);
    counts
}

fn counts_of(table: &mut KeyedTable<i64>, counts: &mut BTreeMap<u64, i64>) {
    table
        .for_each(|key, count| {
            counts.insert(u64::from_be_bytes(key.try_into().unwrap()), *count);
        })
        .unwrap();
}

/// Counts rows and takes checkpoints until it is killed. Does nothing in an ordinary test run.
#[test]
fn child_that_is_killed() {
    let Some(home) = std::env::var_os(CHILD) else {
        return;
    };
    let (_dir, backend, found) = open(Path::new(&home));
    let mut table = backend.table::<i64>("counts", 0..MAX).unwrap();
    let mut row = offset(found.as_ref());
    loop {
        for _ in 0..ROWS_A_CHECKPOINT {
            count(&mut table, key_of(row));
            row += 1;
            if row.is_multiple_of(97) {
                table.evict().unwrap();
            }
            if row.is_multiple_of(1_111) {
                table.evict_all_clean().unwrap();
            }
        }
        let epoch = backend.next_epoch().unwrap();
        table.snapshot(epoch).unwrap();
        let blob = Blob {
            subtask: 0,
            bytes: row.to_string().into_bytes(),
        };
        let blobs = BTreeMap::from([("source".to_owned(), vec![blob])]);
        backend
            .complete_checkpoint(CheckpointRequest {
                epoch,
                parallelism: 1,
                blobs,
            })
            .unwrap();
    }
}

#[test]
fn a_killed_process_goes_on_from_its_last_checkpoint() {
    let home = tempfile::tempdir().unwrap();
    let kills = 25u64;
    let mut furthest = 0;
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_is_killed"])
            .env(CHILD, home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let millis = 30 + (stable_hash_u64(kill) % 200);
        std::thread::sleep(Duration::from_millis(millis));
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "the child failed by itself: {ended:?}");
        child.kill().unwrap();
        child.wait().unwrap();

        // The lock went with the process.
        let (_dir, backend, found) = open(home.path());
        let mut table = backend.table::<i64>("counts", 0..MAX).unwrap();
        let rows = offset(found.as_ref());
        assert!(
            rows >= furthest,
            "checkpoint of row {furthest} was lost for row {rows}"
        );
        furthest = rows;
        let mut counts = BTreeMap::new();
        counts_of(&mut table, &mut counts);
        assert_eq!(counts, counts_after(rows), "after kill {kill}");
    }
    assert!(furthest > 0);
}

/// Each subtask runs on its own thread at its own pace, so barriers reach them at different times
/// and the fast ones trickle, evict and hand over the next epoch before the slow ones are done.
#[test]
fn racing_subtasks_make_consistent_checkpoints() {
    let home = tempfile::tempdir().unwrap();
    for (round, parallelism) in [3u32, 1, 4, 2].into_iter().enumerate() {
        let (_dir, backend, found) = open(home.path());
        let start = offset(found.as_ref());
        let first = backend.next_epoch().unwrap();
        let (acks, acked): (Sender<u64>, Receiver<u64>) = channel();
        let tables: Vec<KeyedTable<i64>> = (0..parallelism)
            .map(|s| {
                backend
                    .table("counts", key_group_range(s, parallelism, MAX))
                    .unwrap()
            })
            .collect();
        let epochs = 6;
        std::thread::scope(|scope| {
            for (subtask, mut table) in tables.into_iter().enumerate() {
                let acks = acks.clone();
                scope.spawn(move || {
                    let mut row = start;
                    for epoch in first..first + epochs {
                        for _ in 0..ROWS_A_CHECKPOINT {
                            let key = key_of(row);
                            let group = key_group(stable_hash_u64(key), MAX);
                            if subtask_of(group, parallelism, MAX) == subtask as u32 {
                                count(&mut table, key);
                            }
                            row += 1;
                            if row.is_multiple_of(64) {
                                table.evict().unwrap();
                            }
                            if row.is_multiple_of(700 + 300 * subtask as u64) {
                                table.evict_all_clean().unwrap();
                            }
                        }
                        if subtask == 1 {
                            std::thread::sleep(Duration::from_millis(5));
                        }
                        table.snapshot(epoch).unwrap();
                        acks.send(epoch).unwrap();
                    }
                    // The task goes on after its last barrier, as one does that is killed later.
                    (0..50).for_each(|key| count_if_mine(&mut table, key, subtask, parallelism));
                    table.trickle().unwrap();
                    table
                });
            }
            let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
            for epoch in first..first + epochs {
                while seen.get(&epoch).copied().unwrap_or(0) < parallelism {
                    *seen.entry(acked.recv().unwrap()).or_default() += 1;
                }
                let rows = start + (epoch - first + 1) * ROWS_A_CHECKPOINT;
                let blob = Blob {
                    subtask: 0,
                    bytes: rows.to_string().into_bytes(),
                };
                let blobs = BTreeMap::from([("source".to_owned(), vec![blob])]);
                let request = CheckpointRequest {
                    epoch,
                    parallelism,
                    blobs,
                };
                backend.complete_checkpoint(request).unwrap();
            }
        });
        drop(backend);
        drop(_dir);

        let (_dir, backend, found) = open(home.path());
        let rows = offset(found.as_ref());
        assert_eq!(rows, start + epochs * ROWS_A_CHECKPOINT, "round {round}");
        let mut counts = BTreeMap::new();
        for subtask in 0..5 {
            let mut table = backend
                .table("counts", key_group_range(subtask, 5, MAX))
                .unwrap();
            counts_of(&mut table, &mut counts);
        }
        assert_eq!(counts, counts_after(rows), "round {round}");
    }
}

fn count_if_mine(table: &mut KeyedTable<i64>, key: u64, subtask: usize, parallelism: u32) {
    if subtask_of(key_group(stable_hash_u64(key), MAX), parallelism, MAX) == subtask as u32 {
        count(table, key);
    }
}
