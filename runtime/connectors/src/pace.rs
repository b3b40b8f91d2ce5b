//! Keeps a generator to a number of rows a second.

use std::time::Instant;

use crate::spec::TableSpec;

/// The same table, but its rows come as fast as they are taken: to look at rows, nobody waits for
/// them.
pub fn without_pace(spec: &TableSpec) -> TableSpec {
    let mut spec = spec.clone();
    match spec.option("connector") {
        // It always has a pace; this one is faster than any reader.
        Some("datagen") => {
            let rate = "1000000000000".to_owned();
            spec.options.insert("rows-per-second".into(), rate);
        }
        Some("card-transactions") => {
            spec.options.remove("rows-per-second");
        }
        Some("nexmark") => {
            spec.options.remove("rate.limited");
            spec.options.remove("max-emit-speed");
        }
        _ => {}
    }
    spec
}

/// How many rows are due. Counts from its creation, so a restart doesn't catch up with the time the
/// job was down.
#[derive(Debug)]
pub(crate) struct Pace {
    rows_per_second: Option<f64>,
    started: Instant,
    given: u64,
}

impl Pace {
    /// `None`: as fast as they are taken.
    pub(crate) fn new(rows_per_second: Option<f64>) -> Self {
        Self {
            rows_per_second,
            started: Instant::now(),
            given: 0,
        }
    }

    /// How many of `wanted` rows may be given now.
    pub(crate) fn due(&self, wanted: u64) -> u64 {
        match self.rows_per_second {
            None => wanted,
            Some(rate) => {
                // the first row is due at once
                let due = (self.started.elapsed().as_secs_f64() * rate) as u64 + 1;
                due.saturating_sub(self.given).min(wanted)
            }
        }
    }

    /// Says that rows were given.
    pub(crate) fn gave(&mut self, rows: u64) {
        self.given += rows;
    }
}
