//! Keyed tables against a `BTreeMap`: random batches, removals, evictions, trickling, checkpoints,
//! crashes, and restores at another parallelism must leave exactly the model's entries.

use std::collections::BTreeMap;

use millstream_state::{
    CheckpointRequest, JobIdentity, KeyedTable, Start, StateBackend, StateDir, StateError,
    StateOptions, key_group, key_group_range, stable_hash, stable_hash_u64, subtask_of,
};
use proptest::prelude::*;

const MAX: u16 = 128;

/// One thing that happens to a job.
#[derive(Debug, Clone)]
enum Step {
    /// A batch of keys, each with what to do.
    Batch(Vec<(u16, Op)>),
    /// Between batches: what the runtime does after each.
    Tidy,
    /// As if there were no memory at all.
    Evict,
    /// A checkpoint in which subtasks reach the barrier in turn, with a batch after each.
    Checkpoint(Vec<(u16, Op)>),
    /// A barrier that the master gives up.
    Aborted,
    /// Killed and started again at this parallelism.
    Crash(u32),
    /// Every entry is looked at.
    Scan,
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Add(i64),
    Grow(u16),
    Remove,
    Look,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (-9i64..9).prop_map(Op::Add),
        1 => (0u16..600).prop_map(Op::Grow),
        2 => Just(Op::Remove),
        2 => Just(Op::Look),
    ]
}

fn batch() -> impl Strategy<Value = Vec<(u16, Op)>> {
    prop::collection::vec((0u16..400, op()), 0..200)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => batch().prop_map(Step::Batch),
        4 => Just(Step::Tidy),
        4 => Just(Step::Evict),
        3 => batch().prop_map(Step::Checkpoint),
        1 => Just(Step::Aborted),
        2 => (1u32..5).prop_map(Step::Crash),
        1 => Just(Step::Scan),
    ]
}

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

struct Job {
    home: tempfile::TempDir,
    options: StateOptions,
    backend: Option<StateBackend>,
    tables: Vec<KeyedTable<Vec<u8>>>,
    epoch: u64,
}

impl Job {
    fn start(options: StateOptions, parallelism: u32) -> Result<Self, StateError> {
        let home = tempfile::tempdir().unwrap();
        let mut job = Job {
            home,
            options,
            backend: None,
            tables: Vec::new(),
            epoch: 0,
        };
        job.restart(parallelism)?;
        Ok(job)
    }

    fn restart(&mut self, parallelism: u32) -> Result<(), StateError> {
        self.tables.clear();
        self.backend = None;
        let job = JobIdentity {
            name: "model".into(),
            fingerprint: "model".into(),
        };
        let dir = StateDir::open(self.home.path(), job, Start::Resume)?;
        let options = self.options.clone();
        let backend = match dir.store().latest()?.manifest {
            Some(found) => StateBackend::restore(&dir.local(), dir.store(), options, &found)?,
            None => StateBackend::open(&dir.local(), dir.store(), options)?,
        };
        self.epoch = backend.next_epoch()?;
        self.tables = (0..parallelism)
            .map(|subtask| backend.table("values", key_group_range(subtask, parallelism, MAX)))
            .collect::<Result<_, _>>()?;
        self.backend = Some(backend);
        Ok(())
    }

    /// Applies the rows of one subtask, or of all.
    fn batch(
        &mut self,
        rows: &[(u16, Op)],
        model: &mut Model,
        only: Option<usize>,
    ) -> Result<(), TestCaseError> {
        let parallelism = self.tables.len() as u32;
        for (subtask, table) in self.tables.iter_mut().enumerate() {
            if only.is_some_and(|only| only != subtask) {
                continue;
            }
            let keys: Vec<(Vec<u8>, u64, Op)> = rows
                .iter()
                .map(|&(key, op)| {
                    // Short and long keys, some over the inline size.
                    let text = format!("{key:0width$}", width = 3 + usize::from(key % 40));
                    let hash = stable_hash(text.as_bytes());
                    (text.into_bytes(), hash, op)
                })
                .filter(|(_, hash, _)| {
                    subtask_of(key_group(*hash, MAX), parallelism, MAX) == subtask as u32
                })
                .collect();
            let hashes: Vec<u64> = keys.iter().map(|(_, hash, _)| *hash).collect();
            let mut slots = Vec::new();
            table
                .slots(&hashes, |row| &keys[row].0, &mut slots)
                .unwrap();
            prop_assert_eq!(slots.len(), keys.len());
            for (slot, (key, hash, op)) in slots.into_iter().zip(&keys) {
                prop_assert_eq!(table.key(slot), &key[..]);
                prop_assert_eq!(table.is_live(slot), model.contains_key(key));
                match op {
                    Op::Add(n) => {
                        table.get_mut(slot).push(*n as u8);
                        model.entry(key.clone()).or_default().push(*n as u8);
                    }
                    Op::Grow(n) => {
                        let value = table.get_mut(slot);
                        value.resize(value.len() + usize::from(*n), 7);
                        let value = model.entry(key.clone()).or_default();
                        value.resize(value.len() + usize::from(*n), 7);
                    }
                    Op::Remove => {
                        table.remove(slot);
                        model.remove(key);
                    }
                    Op::Look => {
                        let found = table.find(*hash, key).unwrap();
                        prop_assert_eq!(found.is_some(), model.contains_key(key));
                    }
                }
                let expected = model.get(key).cloned().unwrap_or_default();
                prop_assert_eq!(table.get(slot), &expected);
            }
        }
        Ok(())
    }

    fn scan(&mut self) -> Model {
        let mut found = Model::new();
        for table in &mut self.tables {
            let mut seen = 0;
            table
                .for_each(|key, value| {
                    seen += 1;
                    assert!(
                        found.insert(key.to_vec(), value.clone()).is_none(),
                        "{key:?} twice"
                    );
                })
                .unwrap();
            assert_eq!(table.len(), Some(seen));
        }
        found
    }

    fn complete(&mut self) -> Result<(), StateError> {
        let request = CheckpointRequest {
            epoch: self.epoch,
            parallelism: self.tables.len() as u32,
            blobs: BTreeMap::new(),
        };
        self.backend
            .as_ref()
            .unwrap()
            .complete_checkpoint(request)?;
        self.epoch += 1;
        Ok(())
    }
}

fn run(steps: &[Step], options: StateOptions, parallelism: u32) -> Result<(), TestCaseError> {
    let mut job = Job::start(options, parallelism).unwrap();
    let mut model = Model::new();
    let mut durable = Model::new();
    for step in steps {
        match step {
            Step::Batch(rows) => job.batch(rows, &mut model, None)?,
            Step::Tidy => {
                for table in &mut job.tables {
                    table.evict().unwrap();
                }
            }
            Step::Evict => {
                for table in &mut job.tables {
                    table.evict_all_clean().unwrap();
                }
            }
            Step::Checkpoint(rows) => {
                // What each subtask holds at its own barrier is what the checkpoint holds.
                for subtask in 0..job.tables.len() {
                    job.tables[subtask].snapshot(job.epoch).unwrap();
                    let parallelism = job.tables.len() as u32;
                    let mine = |key: &[u8]| {
                        subtask_of(key_group(stable_hash(key), MAX), parallelism, MAX)
                            == subtask as u32
                    };
                    durable.retain(|key, _| !mine(key));
                    durable.extend(
                        model
                            .iter()
                            .filter(|(k, _)| mine(k))
                            .map(|(k, v)| (k.clone(), v.clone())),
                    );
                    job.batch(rows, &mut model, Some(subtask))?;
                    job.tables[subtask].evict_all_clean().unwrap();
                }
                job.complete().unwrap();
            }
            Step::Aborted => {
                let half = job.tables.len() / 2;
                for table in &mut job.tables[..half] {
                    table.snapshot(job.epoch).unwrap();
                }
                job.backend
                    .as_ref()
                    .unwrap()
                    .abort_checkpoint(job.epoch)
                    .unwrap();
                for table in &mut job.tables[half..] {
                    table.snapshot(job.epoch).unwrap();
                }
                job.epoch += 1;
            }
            Step::Crash(parallelism) => {
                job.restart(*parallelism).unwrap();
                model = durable.clone();
            }
            Step::Scan => prop_assert_eq!(&job.scan(), &model),
        }
    }
    prop_assert_eq!(&job.scan(), &model);
    job.restart(3).unwrap();
    prop_assert_eq!(&job.scan(), &durable);
    Ok(())
}

/// Few, since each case writes checkpoints; more by the usual variable.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn a_table_is_the_map_whatever_happens(
        steps in prop::collection::vec(step(), 1..30),
        parallelism in 1u32..4,
        dirty_bytes in prop_oneof![Just(0usize), Just(4096), Just(1 << 25)],
    ) {
        let options = StateOptions { memory_budget: 16 << 20, dirty_bytes, ..StateOptions::default() };
        run(&steps, options, parallelism)?;
    }
}

/// A state several times the budget: entries leave memory by the clock while they are updated,
/// trickled, removed and checkpointed, and a restore reads them as they are needed.
#[test]
fn a_state_larger_than_memory_is_the_map() {
    let options = StateOptions {
        memory_budget: 16 << 20,
        dirty_bytes: 1 << 20,
        ..StateOptions::default()
    };
    let mut job = Job::start(options, 2).unwrap();
    let mut model: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut durable = model.clone();
    for round in 0..24u64 {
        let rows: Vec<u64> = (0..4_000)
            .map(|n| stable_hash_u64(round * 4_000 + n) % 40_000)
            .collect();
        let parallelism = job.tables.len() as u32;
        for (subtask, table) in job.tables.iter_mut().enumerate() {
            let mine: Vec<u64> = rows
                .iter()
                .copied()
                .filter(|&key| {
                    let group = key_group(stable_hash_u64(key), MAX);
                    subtask_of(group, parallelism, MAX) == subtask as u32
                })
                .collect();
            for batch in mine.chunks(500) {
                let keys: Vec<[u8; 8]> = batch.iter().map(|key| key.to_be_bytes()).collect();
                let hashes: Vec<u64> = batch.iter().map(|&key| stable_hash_u64(key)).collect();
                let mut slots = Vec::new();
                table.slots(&hashes, |row| &keys[row], &mut slots).unwrap();
                for (&key, slot) in batch.iter().zip(slots) {
                    assert_eq!(table.is_live(slot), model.contains_key(&key), "key {key}");
                    if (key + round).is_multiple_of(11) {
                        table.remove(slot);
                        model.remove(&key);
                    } else {
                        let value = table.get_mut(slot);
                        assert_eq!(*value, model.get(&key).cloned().unwrap_or_default());
                        value.resize((value.len() + 400) % 1_500, round as u8);
                        model.insert(key, value.clone());
                    }
                }
                table.evict().unwrap();
            }
        }
        if round % 4 == 3 {
            let epoch = job.epoch;
            job.tables
                .iter_mut()
                .for_each(|table| table.snapshot(epoch).unwrap());
            job.complete().unwrap();
            durable.clone_from(&model);
        }
        if round == 13 {
            job.restart(3).unwrap();
            model.clone_from(&durable);
        }
    }
    let evicted: u64 = job.tables.iter().map(|table| table.stats().evicted).sum();
    let read: u64 = job.tables.iter().map(|table| table.stats().disk_hits).sum();
    assert!(
        evicted > 10_000 && read > 10_000,
        "{evicted} evicted, {read} read"
    );
    let found: BTreeMap<u64, Vec<u8>> = job
        .scan()
        .into_iter()
        .map(|(key, value)| (u64::from_be_bytes(key.try_into().unwrap()), value))
        .collect();
    assert_eq!(found.len(), model.len());
    assert!(found == model);
}
