//! What happens when the disk or the process fails: nothing is lost that was complete, nothing
//! damaged is used, and the message says what and where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use millstream_state::{
    Blob, CheckpointRequest, CheckpointStore, CompletedCheckpoint, JobIdentity, KeyedTable, Start,
    StateBackend, StateDir, StateError, StateOptions, key_group_range, stable_hash_u64,
};

fn job(name: &str) -> JobIdentity {
    JobIdentity {
        name: name.to_owned(),
        fingerprint: name.to_owned(),
    }
}

fn options() -> StateOptions {
    StateOptions {
        memory_budget: 16 << 20,
        ..StateOptions::default()
    }
}

/// One subtask that counts keys.
struct Counter {
    dir: StateDir,
    backend: StateBackend,
    table: KeyedTable<i64>,
    rejected: Vec<String>,
}

impl Counter {
    fn start(home: &Path) -> Result<Self, StateError> {
        let dir = StateDir::open(home, job("counter"), Start::Resume)?;
        let latest = dir.store().latest()?;
        let rejected = latest
            .rejected
            .iter()
            .map(|r| r.error.to_string())
            .collect();
        let backend = match latest.manifest {
            Some(found) => StateBackend::restore(&dir.local(), dir.store(), options(), &found)?,
            None => StateBackend::open(&dir.local(), dir.store(), options())?,
        };
        let table = backend.table("counts", key_group_range(0, 1, 128))?;
        Ok(Self {
            dir,
            backend,
            table,
            rejected,
        })
    }

    fn add(&mut self, keys: impl IntoIterator<Item = u64>) {
        for key in keys {
            let slot = self
                .table
                .slot(stable_hash_u64(key), &key.to_be_bytes())
                .unwrap();
            *self.table.get_mut(slot) += 1;
        }
        self.table.evict().unwrap();
    }

    fn checkpoint(&mut self) -> Result<CompletedCheckpoint, StateError> {
        let epoch = self.backend.next_epoch()?;
        self.table.snapshot(epoch)?;
        self.backend.complete_checkpoint(CheckpointRequest {
            epoch,
            parallelism: 1,
            blobs: BTreeMap::from([(
                "source".to_owned(),
                vec![Blob {
                    subtask: 0,
                    bytes: format!("after {epoch}").into_bytes(),
                }],
            )]),
        })
    }

    fn counts(&mut self) -> BTreeMap<u64, i64> {
        let mut counts = BTreeMap::new();
        let each = |key: &[u8], count: &i64| {
            counts.insert(u64::from_be_bytes(key.try_into().unwrap()), *count);
        };
        self.table.for_each(each).unwrap();
        counts
    }
}

/// Three checkpoints: key 1 counted once, twice, three times, each with table files of its own.
fn three_checkpoints(home: &Path) {
    let mut counter = Counter::start(home).unwrap();
    for _ in 0..3 {
        counter.add([1]);
        counter.checkpoint().unwrap();
    }
}

fn store(home: &Path) -> CheckpointStore {
    CheckpointStore::read_only(home).unwrap()
}

fn manifest_path(home: &Path, epoch: u64) -> PathBuf {
    store(home).path_of(epoch).join("manifest.json")
}

/// The table files that only this checkpoint has.
fn own_tables(home: &Path, epoch: u64) -> Vec<PathBuf> {
    let tables = |epoch| -> BTreeSet<String> {
        let files = store(home).inspect(epoch).unwrap().manifest.files;
        files
            .into_iter()
            .map(|file| file.path)
            .filter(|path| path.starts_with("sst/"))
            .collect()
    };
    let before = tables(epoch - 1);
    let own: Vec<PathBuf> = tables(epoch)
        .difference(&before)
        .map(|path| home.join("checkpoints").join(path))
        .collect();
    assert!(!own.is_empty());
    own
}

/// The table files in the store.
fn tables_in(home: &Path) -> BTreeSet<String> {
    std::fs::read_dir(home.join("checkpoints/sst"))
        .unwrap()
        .map(|entry| format!("sst/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect()
}

/// Restores the second checkpoint since the third is damaged, says so, and goes on to a fourth,
/// after which the damaged one is gone and all that is left is whole.
fn falls_back_to_the_second(home: &Path, expected: &str) {
    let mut counter = Counter::start(home).unwrap();
    assert_eq!(counter.rejected.len(), 1, "{:?}", counter.rejected);
    assert!(
        counter.rejected[0].contains(expected),
        "{}",
        counter.rejected[0]
    );
    assert_eq!(counter.counts(), BTreeMap::from([(1, 2)]));
    counter.add([1, 2]);
    assert_eq!(counter.checkpoint().unwrap().manifest.epoch, 4);
    drop(counter);
    let listed: Vec<u64> = store(home)
        .list()
        .unwrap()
        .iter()
        .map(|found| found.epoch)
        .collect();
    assert_eq!(listed, [1, 2, 4]);
    assert!(
        listed
            .iter()
            .all(|&epoch| store(home).inspect(epoch).unwrap().problems.is_empty())
    );
    let mut counter = Counter::start(home).unwrap();
    assert!(counter.rejected.is_empty());
    assert_eq!(counter.counts(), BTreeMap::from([(1, 3), (2, 1)]));
}

#[test]
fn a_torn_manifest_is_reported_and_the_checkpoint_before_is_used() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    let path = manifest_path(home.path(), 3);
    let text = std::fs::read(&path).unwrap();
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    falls_back_to_the_second(
        home.path(),
        "chk-000003/manifest.json is damaged: it is torn",
    );
}

#[test]
fn an_empty_manifest_is_reported_and_the_checkpoint_before_is_used() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    std::fs::write(manifest_path(home.path(), 3), "").unwrap();
    falls_back_to_the_second(
        home.path(),
        "chk-000003/manifest.json is damaged: it is torn",
    );
}

#[test]
fn a_flipped_bit_in_a_table_file_is_found() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    let path = &own_tables(home.path(), 3)[0];
    let mut content = std::fs::read(path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 0x10;
    std::fs::write(path, content).unwrap();
    falls_back_to_the_second(home.path(), "is damaged: its checksum is");
}

#[test]
fn a_truncated_table_file_is_found() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    let path = &own_tables(home.path(), 3)[0];
    let content = std::fs::read(path).unwrap();
    std::fs::write(path, &content[..content.len() - 1]).unwrap();
    falls_back_to_the_second(home.path(), "bytes, the checkpoint wrote");
}

#[test]
fn a_missing_table_file_is_found() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    std::fs::remove_file(&own_tables(home.path(), 3)[0]).unwrap();
    falls_back_to_the_second(home.path(), "is damaged: it is missing");
}

/// The run ended after the table files were copied and before the manifest was: there is no
/// checkpoint 3, which is nothing to complain about, and its leftovers go.
#[test]
fn a_crash_before_the_manifest_leaves_the_checkpoint_before() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    let orphans = own_tables(home.path(), 3);
    std::fs::remove_file(manifest_path(home.path(), 3)).unwrap();

    let mut counter = Counter::start(home.path()).unwrap();
    assert!(counter.rejected.is_empty());
    assert_eq!(counter.counts(), BTreeMap::from([(1, 2)]));
    assert!(orphans.iter().all(|path| path.exists()));
    counter.add([7]);
    assert_eq!(counter.checkpoint().unwrap().manifest.epoch, 4);
    drop(counter);
    assert!(orphans.iter().all(|path| !path.exists()));
    assert!(!store(home.path()).path_of(3).exists());
    let mut counter = Counter::start(home.path()).unwrap();
    assert_eq!(counter.counts(), BTreeMap::from([(1, 2), (7, 1)]));
}

#[test]
fn nothing_starts_from_nothing_when_every_checkpoint_is_damaged() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    for table in tables_in(home.path()) {
        std::fs::write(home.path().join("checkpoints").join(table), "rubbish").unwrap();
    }
    let error = Counter::start(home.path()).err().unwrap();
    assert_eq!(error.code(), "state-no-usable-checkpoint");
    let text = error.to_string();
    assert!(text.starts_with("none of the 3 checkpoints in "), "{text}");
    assert!(
        text.contains("checkpoint 2: ") && text.contains("start fresh"),
        "{text}"
    );

    let dir = StateDir::open(home.path(), job("counter"), Start::Fresh).unwrap();
    assert!(dir.store().latest().unwrap().manifest.is_none());
    assert_eq!(dir.store().next_epoch().unwrap(), 1);
}

#[test]
fn a_newer_version_is_not_passed_over_for_an_older_checkpoint() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    let path = manifest_path(home.path(), 3);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"version\": 1", "\"version\": 7", 1)).unwrap();
    let error = Counter::start(home.path()).err().unwrap();
    assert_eq!(error.code(), "state-too-new");
}

/// Whatever is collected, the retained checkpoints stay whole, and nothing else stays.
#[test]
fn garbage_collection_keeps_exactly_what_the_retained_manifests_need() {
    let home = tempfile::tempdir().unwrap();
    let mut counter = Counter::start(home.path()).unwrap();
    let mut expected = BTreeMap::new();
    for round in 0..25u64 {
        if round % 7 == 6 {
            drop(counter);
            counter = Counter::start(home.path()).unwrap();
            assert_eq!(counter.counts(), expected);
        }
        let keys = (0..200).map(|n| (n * 31 + round * 17) % 700);
        counter.add(keys.clone());
        keys.for_each(|key| *expected.entry(key).or_default() += 1);
        let done = counter.checkpoint().unwrap();
        assert_eq!(
            done.manifest.operators["counts"].entries,
            expected.len() as u64
        );

        // The collection runs after the answer; the next checkpoint or the end waits for it.
        if round % 5 != 4 {
            continue;
        }
        drop(counter);
        let found = store(home.path()).list().unwrap();
        let epochs: Vec<u64> = found.iter().map(|found| found.epoch).collect();
        let last = done.manifest.epoch;
        assert_eq!(epochs, [last - 2, last - 1, last]);
        let mut needed = BTreeSet::new();
        for epoch in epochs {
            let inspected = store(home.path()).inspect(epoch).unwrap();
            assert!(inspected.problems.is_empty(), "{:?}", inspected.problems);
            let files = inspected.manifest.files.into_iter().map(|file| file.path);
            needed.extend(files.filter(|path| path.starts_with("sst/")));
        }
        assert_eq!(tables_in(home.path()), needed);
        counter = Counter::start(home.path()).unwrap();
    }
}

/// File numbers start over when an older checkpoint is restored; the files must not collide.
#[test]
fn restoring_an_older_checkpoint_never_mixes_up_table_files() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    std::fs::remove_file(manifest_path(home.path(), 3)).unwrap();
    let mut counter = Counter::start(home.path()).unwrap();
    counter.add([100, 100]);
    counter.checkpoint().unwrap();
    counter.add([200]);
    counter.checkpoint().unwrap();
    drop(counter);
    for epoch in [2, 4, 5] {
        assert!(
            store(home.path())
                .inspect(epoch)
                .unwrap()
                .problems
                .is_empty()
        );
    }
    let mut counter = Counter::start(home.path()).unwrap();
    assert_eq!(
        counter.counts(),
        BTreeMap::from([(1, 2), (100, 2), (200, 1)])
    );
}

#[test]
fn only_one_process_uses_a_state_directory() {
    let home = tempfile::tempdir().unwrap();
    let counter = Counter::start(home.path()).unwrap();
    let error = Counter::start(home.path()).err().unwrap();
    assert_eq!(error.code(), "state-locked");
    let expected = format!("is in use by another run (process {})", std::process::id());
    assert!(error.to_string().contains(&expected), "{error}");
    // Looking is allowed.
    assert!(store(home.path()).list().unwrap().is_empty());
    drop(counter);
    Counter::start(home.path()).unwrap();
}

#[test]
fn state_of_another_pipeline_is_refused_unless_started_fresh() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    let error = StateDir::open(home.path(), job("other"), Start::Resume).unwrap_err();
    assert_eq!(error.code(), "state-other-pipeline");
    assert!(
        error
            .to_string()
            .contains("belongs to the pipeline counter, not to other")
    );
    assert_eq!(store(home.path()).list().unwrap().len(), 3);

    let dir = StateDir::open(home.path(), job("other"), Start::Fresh).unwrap();
    assert!(dir.store().latest().unwrap().manifest.is_none());
    drop(dir);
    assert!(Counter::start(home.path()).is_err());
}

#[test]
fn a_folder_that_is_not_ours_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("checkpoints")).unwrap();
    std::fs::write(home.path().join("checkpoints/model.bin"), "precious").unwrap();
    for start in [Start::Resume, Start::Fresh] {
        let error = StateDir::open(home.path(), job("counter"), start).unwrap_err();
        assert!(
            error.to_string().contains("not a state directory"),
            "{error}"
        );
    }
    assert!(home.path().join("checkpoints/model.bin").exists());
}

#[test]
fn key_groups_never_change_their_number() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    let dir = StateDir::open(home.path(), job("counter"), Start::Resume).unwrap();
    let found = dir.store().latest().unwrap().manifest.unwrap();
    let options = StateOptions {
        max_parallelism: 64,
        ..options()
    };
    let error = StateBackend::restore(&dir.local(), dir.store(), options, &found).unwrap_err();
    assert_eq!(error.code(), "state-max-parallelism");
    assert!(
        error
            .to_string()
            .contains("set 'pipeline.max-parallelism' = '128'"),
        "{error}"
    );
}

#[test]
fn a_state_directory_that_cannot_be_made_says_which_and_why() {
    let error = Counter::start(Path::new("/dev/null/state")).err().unwrap();
    assert_eq!(
        error.to_string(),
        "cannot create the state directory /dev/null/state: Not a directory (os error 20); choose \
         a path that is a directory"
    );
}

/// A node that left the pipeline: its state is named, kept in every checkpoint, and found again.
#[test]
fn state_of_an_operator_that_left_is_kept() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    let open = || {
        let dir = StateDir::open(home.path(), job("counter"), Start::Resume).unwrap();
        let found = dir.store().latest().unwrap().manifest.unwrap();
        let backend = StateBackend::restore(&dir.local(), dir.store(), options(), &found).unwrap();
        (dir, backend)
    };
    let (dir, backend) = open();
    let mut other = backend.table::<i64>("new", 0..128).unwrap();
    assert!(other.is_empty());
    let unclaimed = backend.unclaimed();
    assert_eq!(unclaimed.len(), 1);
    assert_eq!(
        (unclaimed[0].0.as_str(), unclaimed[0].1.entries),
        ("counts", 1)
    );
    let slot = other.slot(stable_hash_u64(5), b"five").unwrap();
    *other.get_mut(slot) = 5;
    other.snapshot(4).unwrap();
    let request = CheckpointRequest {
        epoch: 4,
        parallelism: 1,
        blobs: BTreeMap::new(),
    };
    let done = backend.complete_checkpoint(request).unwrap();
    let held: Vec<&str> = done.manifest.operators.keys().map(String::as_str).collect();
    assert_eq!(held, ["counts", "new"]);
    drop((other, backend, dir));

    let mut counter = Counter::start(home.path()).unwrap();
    assert_eq!(counter.counts(), BTreeMap::from([(1, 3)]));
    assert_eq!(counter.backend.unclaimed()[0].0, "new");
}

#[test]
fn a_lost_operator_fails_the_checkpoint_and_a_finished_one_does_not() {
    let home = tempfile::tempdir().unwrap();
    let counter = Counter::start(home.path()).unwrap();
    let Counter {
        backend,
        mut table,
        dir,
        ..
    } = counter;
    let mut second = backend.table::<i64>("second", 0..128).unwrap();
    let slot = second.slot(stable_hash_u64(5), b"five").unwrap();
    *second.get_mut(slot) = 5;
    second.finish().unwrap();
    let complete = |epoch| {
        backend.complete_checkpoint(CheckpointRequest {
            epoch,
            parallelism: 1,
            blobs: BTreeMap::new(),
        })
    };
    table.snapshot(1).unwrap();
    assert!(complete(1).unwrap().manifest.operators["second"].keyed);
    drop(table);
    let error = complete(2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "checkpoint 2 cannot be completed: operator counts stopped before it reached the barrier"
    );
    drop(dir);
}

#[test]
fn a_table_is_opened_once_and_within_its_key_groups() {
    let home = tempfile::tempdir().unwrap();
    let counter = Counter::start(home.path()).unwrap();
    let error = counter.backend.table::<i64>("counts", 5..9).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the state counts cannot be opened: another subtask has key groups 0..128 open"
    );
    assert!(counter.backend.table::<i64>("more", 0..129).is_err());
    assert!(counter.backend.table::<i64>("default", 0..1).is_err());
    let low = counter.backend.table::<i64>("more", 0..64).unwrap();
    assert!(counter.backend.table::<i64>("more", 63..70).is_err());
    counter.backend.table::<i64>("more", 64..128).unwrap();
    drop(low);
    counter.backend.table::<i64>("more", 0..64).unwrap();
}

#[test]
fn state_of_another_type_is_an_error_with_the_operator_and_the_key() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    let dir = StateDir::open(home.path(), job("counter"), Start::Resume).unwrap();
    let found = dir.store().latest().unwrap().manifest.unwrap();
    let backend = StateBackend::restore(&dir.local(), dir.store(), options(), &found).unwrap();
    let error = backend.table::<f64>("counts", 0..128).unwrap_err();
    assert_eq!(error.code(), "state-codec");
    let text = error.to_string();
    assert!(
        text.contains("operator counts") && text.contains("0000000000000001"),
        "{text}"
    );
}

#[test]
fn blobs_come_back_with_their_checkpoint() {
    let home = tempfile::tempdir().unwrap();
    three_checkpoints(home.path());
    let manifest = store(home.path()).latest().unwrap().manifest.unwrap();
    let expected = Blob {
        subtask: 0,
        bytes: b"after 3".to_vec(),
    };
    assert_eq!(manifest.blobs("source"), [expected]);
    assert!(manifest.blobs("nobody").is_empty());
    let error = store(home.path()).inspect(9).unwrap_err();
    assert!(error.to_string().ends_with("it has 1, 2, 3"), "{error}");
}

/// The store cannot be written for a while (here: a file stands where a folder must go): that
/// checkpoint fails, and the next one holds everything.
#[test]
fn a_checkpoint_that_cannot_be_copied_fails_alone() {
    let home = tempfile::tempdir().unwrap();
    let mut counter = Counter::start(home.path()).unwrap();
    counter.add([1, 2]);
    counter.checkpoint().unwrap();
    let obstacle = home.path().join("checkpoints/chk-000002");
    std::fs::write(&obstacle, "").unwrap();
    counter.add([1, 3]);
    let error = counter.checkpoint().unwrap_err();
    assert!(
        error.to_string().contains("checkpoints/chk-000002"),
        "{error}"
    );
    let latest = store(home.path()).latest().unwrap();
    assert_eq!(latest.manifest.map(|manifest| manifest.epoch), Some(1));

    std::fs::remove_file(&obstacle).unwrap();
    counter.add([1]);
    assert_eq!(counter.checkpoint().unwrap().manifest.epoch, 3);
    drop(counter);
    let mut counter = Counter::start(home.path()).unwrap();
    assert!(counter.rejected.is_empty());
    assert_eq!(counter.counts(), BTreeMap::from([(1, 3), (2, 1), (3, 1)]));
}

/// Slots kept over batches stay good while the generation does.
#[test]
fn the_generation_tells_when_slots_are_gone() {
    let home = tempfile::tempdir().unwrap();
    let mut counter = Counter::start(home.path()).unwrap();
    counter.add(0..100);
    let before = counter.table.generation();
    let kept = counter
        .table
        .slot(stable_hash_u64(7), &7u64.to_be_bytes())
        .unwrap();
    counter.add(50..200);
    counter.checkpoint().unwrap();
    counter.add(0..10);
    assert_eq!(counter.table.generation(), before);
    assert_eq!(counter.table.key(kept), 7u64.to_be_bytes());
    assert_eq!(*counter.table.get(kept), 2);
    counter.table.evict_all_clean().unwrap();
    assert_ne!(counter.table.generation(), before);
}

/// A checkpoint without changes adds next to nothing; one with few changes adds little.
#[test]
fn checkpoints_are_incremental() {
    let home = tempfile::tempdir().unwrap();
    let mut counter = Counter::start(home.path()).unwrap();
    counter.add(0..50_000);
    let first = counter.checkpoint().unwrap().stats;
    assert!(first.bytes_new > 500_000, "{first:?}");
    let idle = counter.checkpoint().unwrap().stats;
    assert!(
        idle.bytes_new < 50_000 && idle.barrier_bytes == 0,
        "{idle:?}"
    );
    counter.add(0..100);
    let third = counter.checkpoint().unwrap().stats;
    assert!(
        third.bytes_new < first.bytes_new / 5,
        "{third:?} after {first:?}"
    );
    assert!(
        third.bytes_total > first.bytes_total,
        "{third:?} after {first:?}"
    );
}
