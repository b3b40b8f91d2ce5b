//! Keyed tables against a `BTreeMap`: random batches, removals, evictions, trickling, checkpoints,
//! crashes, and restores at another parallelism must leave exactly the model's entries.

use std::collections::BTreeMap;

use millstream_state::{
    CheckpointRequest, JobIdentity, KeyedTable, Start, StateBackend, StateDir, StateError,
    StateOptions, key_group, key_group_range, stable_hash, subtask_of,
};
use proptest::prelude::*;

const MAX: u16 = 128;

/// One thing that happens to a job.
#[derive(Debug, Clone)]
enum Step {
    /// A batch of keys, each with what to do.
    Batch(Vec<(u16, Op)>),
    /// Between batches.
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

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
