//! What all harnesses share: the loop of checkpoints, kills and restores, the comparison of what
//! comes out, and the report of what was run.
//!
//! With `MILLSTREAM_OPERATOR_REPORT` set to a file, every disturbed run that came to its end appends a
//! line of JSON to it; `scripts/operators.py` makes a table of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::Arc;

use millstream_state::backend::{CheckpointRequest, StateBackend};
use millstream_state::key_group_range;
use millstream_state::manifest::{Blob, Manifest};

use super::{Factory, Home, Random, UID};
use crate::operator::{Clock, Operator, OperatorContext, OperatorError};

/// A run is killed at most so often, so that it comes to its end.
const MOST_KILLS: usize = 6;

/// All instances of an operator from one start to the next.
pub(super) trait Attempt {
    /// How many rows of the input it has taken.
    fn position(&self) -> usize;
    /// Takes up to `count` more, at least one.
    fn feed(&mut self, count: usize) -> Result<(), OperatorError>;
    fn housekeeping(&mut self) -> Result<(), OperatorError>;
    fn checkpoint(&mut self, backend: &StateBackend, epoch: u64)
    -> Result<Manifest, OperatorError>;
    /// The input ends.
    fn finish(&mut self) -> Result<(), OperatorError>;
    /// What came out since the last call.
    fn take(&mut self) -> Vec<String>;
}

/// From where an attempt starts: the parallelism, the checkpoint, and its place in the input.
pub(super) struct Beginning<'s> {
    pub(super) backend: &'s Arc<StateBackend>,
    pub(super) parallelism: usize,
    pub(super) from: Option<&'s Manifest>,
    pub(super) position: usize,
}

impl<'s> Beginning<'s> {
    /// One instance, without a checkpoint.
    pub(super) fn fresh(backend: &'s Arc<StateBackend>) -> Self {
        Self {
            backend,
            parallelism: 1,
            from: None,
            position: 0,
        }
    }
}

/// What a disturbed run went through.
#[derive(Debug, Default)]
struct Trace {
    checkpoints: usize,
    kills: usize,
    /// The parallelism of each attempt that began at the beginning of the input.
    begun: BTreeSet<usize>,
    /// The parallelism of a checkpoint, and that of the attempt restored from it.
    restored: BTreeSet<(usize, usize)>,
}

/// Runs `total` rows with checkpoints, kills and restores at places that `seed` decides: what was
/// committed, in order.
pub(super) fn killed<A: Attempt>(
    seed: u64,
    total: usize,
    start: impl Fn(Beginning<'_>) -> Result<A, OperatorError>,
) -> Result<Vec<String>, OperatorError> {
    let mut random = Random(seed);
    let mut trace = Trace::default();
    let home = Home::new()?;
    let mut committed: Vec<String> = Vec::new();
    let mut position = 0;
    let mut kills = 0;
    let mut checkpoint: Option<(usize, Manifest)> = None;
    // So that three seeds in a row begin with each.
    let mut parallelism = 1 + (seed % 3) as usize;
    loop {
        let from = checkpoint.as_ref().map(|(_, manifest)| manifest);
        let backend = home.start(from)?;
        match &checkpoint {
            Some((former, _)) => trace.restored.insert((*former, parallelism)),
            None => trace.begun.insert(parallelism),
        };
        let mut attempt = start(Beginning {
            backend: &backend,
            parallelism,
            from,
            position,
        })?;
        let killed = loop {
            if attempt.position() == total {
                break false;
            }
            attempt.feed(1 + random.below(1 + total / 4))?;
            match random.below(6) {
                0 | 1 => {
                    let epoch = backend.next_epoch()?;
                    checkpoint = Some((parallelism, attempt.checkpoint(&backend, epoch)?));
                    committed.append(&mut attempt.take());
                    position = attempt.position();
                    trace.checkpoints += 1;
                }
                2 => attempt.housekeeping()?,
                3 if kills < MOST_KILLS => break true,
                _ => {}
            }
        };
        if !killed {
            attempt.finish()?;
            committed.append(&mut attempt.take());
            trace.kills = kills;
            report(&trace);
            return Ok(committed);
        }
        kills += 1;
        parallelism = 1 + random.below(3);
    }
}

/// Runs undisturbed, in small batches, and disturbed in `times` ways; fails the test if what `fold`
/// makes of the rows ever differs. The rows of the undisturbed run, in the order they came out.
pub(super) fn checked(
    times: u64,
    fold: impl Fn(Vec<String>) -> Vec<String>,
    run: impl Fn(usize) -> Result<Vec<String>, OperatorError>,
    killed: impl Fn(u64) -> Result<Vec<String>, OperatorError>,
) -> Vec<String> {
    let expect = |what: &str, result: Result<Vec<String>, OperatorError>| match result {
        Ok(rows) => rows,
        Err(error) => panic!("{what}: {error}"),
    };
    let whole = expect("run", run(8192));
    let expected = fold(whole.clone());
    for batch_rows in [1, 3] {
        let what = format!("batches of {batch_rows}");
        let rows = fold(expect(&what, run(batch_rows)));
        assert_eq!(rows, expected, "{what}");
    }
    for seed in 0..times {
        let what = format!("killed by seed {seed}");
        let rows = fold(expect(&what, killed(seed)));
        assert_eq!(rows, expected, "{what}");
    }
    whole
}

/// Appends what was run to the report, if one is wanted.
fn report(trace: &Trace) {
    let Some(path) = std::env::var_os("MILLSTREAM_OPERATOR_REPORT") else {
        return;
    };
    let thread = std::thread::current();
    let begun: Vec<String> = trace.begun.iter().map(ToString::to_string).collect();
    let restored: Vec<String> = trace
        .restored
        .iter()
        .map(|(from, to)| format!("\"{from}→{to}\""))
        .collect();
    let line = format!(
        "{{\"test\": \"{}\", \"checkpoints\": {}, \"kills\": {}, \"begun\": [{}], \
         \"restored\": [{}]}}\n",
        thread.name().unwrap_or("?"),
        trace.checkpoints,
        trace.kills,
        begun.join(", "),
        restored.join(", "),
    );
    // One write, so that lines of tests side by side stay whole.
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        panic!("the report {} cannot be written: {error}", path.display());
    }
}

/// Makes the instances of an operator and gives each what its former ones left in the checkpoint.
pub(super) fn instances(
    factory: &Factory<'_>,
    start: &Beginning<'_>,
    clock: impl Fn() -> Clock,
) -> Result<Vec<Box<dyn Operator>>, OperatorError> {
    let parallelism = start.parallelism;
    let groups = start.backend.max_parallelism();
    let mut operators = Vec::new();
    for subtask in 0..parallelism {
        let context = OperatorContext {
            uid: UID.to_owned(),
            subtask,
            parallelism,
            key_groups: key_group_range(subtask as u32, parallelism as u32, groups),
            backend: Arc::clone(start.backend),
            clock: clock(),
        };
        let mut operator = factory(&context)?;
        if let Some(manifest) = start.from {
            let former: Vec<Vec<u8>> = manifest.operators.get(UID).map_or_else(Vec::new, |o| {
                o.blobs.iter().map(|blob| blob.bytes.clone()).collect()
            });
            operator.restore(&former)?;
        }
        operators.push(operator);
    }
    Ok(operators)
}

/// Takes a checkpoint of all instances.
pub(super) fn checkpoint(
    operators: &mut [Box<dyn Operator>],
    backend: &StateBackend,
    epoch: u64,
) -> Result<Manifest, OperatorError> {
    let mut blobs = Vec::new();
    for (subtask, operator) in operators.iter_mut().enumerate() {
        blobs.push(Blob {
            subtask: subtask as u32,
            bytes: operator.snapshot(epoch)?,
        });
    }
    let request = CheckpointRequest {
        epoch,
        parallelism: operators.len() as u32,
        blobs: BTreeMap::from([(UID.to_owned(), blobs)]),
    };
    Ok(backend.complete_checkpoint(request)?.manifest)
}

/// The rows in no order.
pub(super) fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}
