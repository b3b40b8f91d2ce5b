//! Keyed state in numbers: `cargo bench -p millstream-state`.
//!
//! Prints one table: nanoseconds a row for inserts and updates in memory and with a state ten
//! times the budget, checkpoint times, and bytes written against bytes held. The number of keys is
//! `MILLSTREAM_BENCH_KEYS` (default 1 million; the published table has 10 million).

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;

use millstream_state::{
    CheckpointRequest, JobIdentity, KeyedTable, Slot, Start, StateBackend, StateDir, StateError,
    StateOptions, stable_hash_u64,
};

const ROWS: usize = 8_192;

/// What a windowed aggregate keeps for a key: count, sum, minimum, maximum.
#[derive(Default)]
struct Accumulator([i64; 4]);

impl millstream_state::StateValue for Accumulator {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        self.0
            .iter()
            .for_each(|&field| millstream_state::codec::put_zigzag(out, field));
    }
    fn decode(bytes: &[u8]) -> Result<Self, millstream_state::CodecError> {
        let mut reader = millstream_state::codec::Reader::versioned(bytes, 1)?;
        let mut value = Self::default();
        for field in &mut value.0 {
            *field = reader.zigzag()?;
        }
        reader.finish()?;
        Ok(value)
    }
    fn heap_size(&self) -> usize {
        0
    }
}

struct Bench {
    backend: StateBackend,
    table: KeyedTable<Accumulator>,
    epoch: u64,
    // Last: the directory goes after the backend.
    _dir: StateDir,
    _home: tempfile::TempDir,
}

impl Bench {
    fn new(memory_budget: usize) -> Result<Self, StateError> {
        let home = match tempfile::tempdir() {
            Ok(home) => home,
            Err(error) => panic!("no temporary directory: {error}"),
        };
        let job = JobIdentity {
            name: "bench".into(),
            fingerprint: "bench".into(),
        };
        let dir = StateDir::open(home.path(), job, Start::Resume)?;
        let options = StateOptions {
            memory_budget,
            ..StateOptions::default()
        };
        let backend = StateBackend::open(&dir.local(), dir.store(), options)?;
        let table = backend.table("bench", 0..128)?;
        Ok(Self {
            backend,
            table,
            epoch: 0,
            _dir: dir,
            _home: home,
        })
    }

    /// Updates one row for each key, in batches, and gives the nanoseconds a row.
    fn update(&mut self, keys: impl Iterator<Item = u64>) -> Result<f64, StateError> {
        let mut keys = keys.peekable();
        let (mut bytes, mut hashes) = (Vec::<[u8; 8]>::new(), Vec::new());
        let mut slots: Vec<Slot> = Vec::new();
        let (mut rows, start) = (0usize, Instant::now());
        while keys.peek().is_some() {
            bytes.clear();
            hashes.clear();
            for key in keys.by_ref().take(ROWS) {
                bytes.push(key.to_be_bytes());
                hashes.push(stable_hash_u64(key));
            }
            self.table.slots(&hashes, |row| &bytes[row], &mut slots)?;
            for (&slot, &hash) in slots.iter().zip(&hashes) {
                let Accumulator([count, sum, low, high]) = self.table.get_mut(slot);
                let amount = (hash % 1_000) as i64;
                *count += 1;
                *sum += amount;
                *low = amount.min(*low);
                *high = amount.max(*high);
            }
            self.table.evict()?;
            rows += slots.len();
        }
        Ok(start.elapsed().as_nanos() as f64 / rows.max(1) as f64)
    }

    fn checkpoint(&mut self) -> Result<String, StateError> {
        self.epoch += 1;
        self.table.snapshot(self.epoch)?;
        let blobs = BTreeMap::new();
        let request = CheckpointRequest {
            epoch: self.epoch,
            parallelism: 1,
            blobs,
        };
        let stats = self.backend.complete_checkpoint(request)?.stats;
        Ok(format!(
            "sync {:7.1} ms  async {:8.1} ms  new {:7.1} MB of {:7.1} MB",
            stats.sync_ms,
            stats.async_ms,
            stats.bytes_new as f64 / 1e6,
            stats.bytes_total as f64 / 1e6
        ))
    }
}

/// Keys in an order without locality: a permutation of `0..keys` when that is a power of two, near
/// enough to one otherwise.
fn scattered(keys: u64, seed: u64) -> impl Iterator<Item = u64> {
    (0..keys).map(move |n| stable_hash_u64(n.wrapping_add(seed << 30)) % keys)
}

fn measure(name: &str, keys: u64, budget: usize, out: &mut impl Write) -> Result<(), StateError> {
    let mut say = |what: &str, value: String| {
        // A closed pipe ends the output, not the measurement.
        let _ = writeln!(out, "{name:<10} {what:<34} {value}");
    };
    let mut bench = Bench::new(budget)?;
    let insert = bench.update(0..keys)?;
    say("insert, ns/row", format!("{insert:8.1}"));
    say("checkpoint, everything since start", bench.checkpoint()?);
    // Small states are gone through often, so that the figure is of warm code.
    let rounds = (4_000_000 / keys).max(1);
    let update = bench.update((0..rounds).flat_map(|round| scattered(keys, 1 + round)))?;
    say("update uniform, ns/row", format!("{update:8.1}"));
    say("checkpoint, most keys changed", bench.checkpoint()?);
    let hot =
        bench.update(scattered(keys.max(4_000_000), 99).map(|key| key % (keys / 50).max(1)))?;
    say("update 2 % hot keys, ns/row", format!("{hot:8.1}"));
    say("checkpoint, 2 % changed", bench.checkpoint()?);
    say("checkpoint, nothing changed", bench.checkpoint()?);
    let stats = bench.table.stats();
    let memory = bench.backend.memory();
    say(
        "memory",
        format!(
            "{:.0} of {:.0} MB charged, {} of {} keys, {} disk reads, {} evicted",
            memory.tables as f64 / 1e6,
            memory.limit as f64 / 1e6,
            stats.in_memory,
            bench.table.len().unwrap_or(0),
            stats.disk_reads,
            stats.evicted
        ),
    );
    Ok(())
}

fn main() -> Result<(), StateError> {
    let keys = std::env::var("MILLSTREAM_BENCH_KEYS")
        .ok()
        .and_then(|n| n.parse().ok());
    let keys: u64 = keys.unwrap_or(1_000_000);
    let mut out = std::io::stdout().lock();
    // An entry takes about 94 bytes in memory, and the tables get three quarters of the budget.
    let state = keys as usize * 94;
    measure("in memory", keys, (state * 2).max(64 << 20), &mut out)?;
    measure(
        "spilled",
        keys,
        (state / 10 * 4 / 3).max(16 << 20),
        &mut out,
    )
}
