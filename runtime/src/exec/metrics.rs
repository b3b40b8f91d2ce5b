//! What a running job counts: by operator and instance, without locks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use millstream_operators::Watermark;

use super::tap::Tap;

/// Counters of one instance of one operator. Written by its task, read by anyone.
#[derive(Debug)]
pub struct OperatorMetrics {
    /// Rows taken, by input; of a source, rows read.
    pub rows_in: Box<[AtomicU64]>,
    /// Rows given.
    pub rows_out: AtomicU64,
    /// Nanoseconds of work.
    pub busy_nanos: AtomicU64,
    /// Of these, nanoseconds inside a model.
    pub model_nanos: AtomicU64,
    /// Nanoseconds that a source with rows at hand waited for a turn, because other tasks had all
    /// cores.
    pub starved_nanos: AtomicU64,
    /// Its watermark in milliseconds.
    pub watermark: AtomicI64,
    /// Rows dropped as late.
    pub late: AtomicU64,
    /// Rows a source could not read and was told to skip.
    pub bad: AtomicU64,
}

impl OperatorMetrics {
    fn new(inputs: usize) -> Self {
        Self {
            rows_in: (0..inputs.max(1)).map(|_| AtomicU64::new(0)).collect(),
            rows_out: AtomicU64::new(0),
            busy_nanos: AtomicU64::new(0),
            model_nanos: AtomicU64::new(0),
            starved_nanos: AtomicU64::new(0),
            watermark: AtomicI64::new(Watermark::MIN.0),
            late: AtomicU64::new(0),
            bad: AtomicU64::new(0),
        }
    }

    /// Sets how long the instance spent inside its model so far.
    pub fn spent_in_model(&self, so_far: Duration) {
        self.model_nanos
            .store(so_far.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Counts a wait for a turn.
    pub fn starved(&self, since: Instant) {
        let nanos = since.elapsed().as_nanos() as u64;
        self.starved_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Counts a piece of work.
    pub fn worked(&self, since: Instant) {
        let nanos = since.elapsed().as_nanos() as u64;
        self.busy_nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// How long one task waited for room in the channels of one of its exchanges.
#[derive(Debug, Default)]
pub struct Blocked {
    nanos: AtomicU64,
    /// Since when it waits now: nanoseconds since the job's start plus one; 0 if it does not.
    since: AtomicU64,
}

impl Blocked {
    /// The task waits from now on, until [`go_on`](Self::go_on).
    pub fn wait(&self, started: Instant) {
        let now = started.elapsed().as_nanos() as u64;
        self.since.store(now + 1, Ordering::Relaxed);
    }

    /// There is room again.
    pub fn go_on(&self, started: Instant) {
        let now = started.elapsed().as_nanos() as u64;
        let since = self.since.swap(0, Ordering::Relaxed);
        if since > 0 {
            self.nanos
                .fetch_add(now.saturating_sub(since - 1), Ordering::Relaxed);
        }
    }

    /// All the time waited until now, that at this very moment too.
    pub fn nanos(&self, started: Instant) -> u64 {
        let done = self.nanos.load(Ordering::Relaxed);
        match self.since.load(Ordering::Relaxed) {
            0 => done,
            since => done + (started.elapsed().as_nanos() as u64).saturating_sub(since - 1),
        }
    }
}

/// All counters of a job, and the taps at its operators.
#[derive(Debug)]
pub struct JobMetrics {
    /// By operator of the plan, then by instance.
    pub operators: Vec<Vec<OperatorMetrics>>,
    /// By edge of the fragment graph, then by sending instance.
    pub blocked: Vec<Vec<Blocked>>,
    /// By operator of the plan, for all its instances: who looks at its rows.
    pub taps: Vec<Tap>,
    /// Microseconds from the source to a sink, by row.
    latency: Mutex<Latencies>,
    started: Instant,
}

/// Latency since the start, and lately: `current` takes a second's rows and then becomes `before`.
#[derive(Debug)]
struct Latencies {
    total: Histogram<u64>,
    current: Histogram<u64>,
    before: Histogram<u64>,
    since: Instant,
}

/// How long the rows of [`JobMetrics::recent_latency`] are collected.
const RECENT: Duration = Duration::from_secs(1);

/// Sums over the instances of an operator.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OperatorTotals {
    /// Rows taken.
    pub rows_in: u64,
    /// Rows given.
    pub rows_out: u64,
    /// Work of all instances together.
    pub busy: Duration,
    /// Of this, work inside a model.
    pub in_model: Duration,
    /// The lowest watermark of the instances, if any came.
    pub watermark: Option<i64>,
    /// Rows dropped as late.
    pub late: u64,
    /// Rows skipped as unreadable.
    pub bad: u64,
}

/// Rows and their latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencyFigures {
    /// How many rows.
    pub rows: u64,
    /// Microseconds at the quantiles asked for.
    pub quantiles: [u64; 3],
    /// The most.
    pub max: u64,
}

impl JobMetrics {
    /// Counters at zero: for operators with these numbers of instances and of inputs, and for
    /// exchanges with these numbers of sending instances.
    pub fn new(
        operators: impl IntoIterator<Item = (usize, usize)>,
        exchanges: impl IntoIterator<Item = usize>,
    ) -> Self {
        let operators: Vec<Vec<OperatorMetrics>> = operators
            .into_iter()
            .map(|(n, inputs)| (0..n).map(|_| OperatorMetrics::new(inputs)).collect())
            .collect();
        Self {
            taps: operators.iter().map(|_| Tap::default()).collect(),
            operators,
            blocked: exchanges
                .into_iter()
                .map(|n| (0..n).map(|_| Blocked::default()).collect())
                .collect(),
            latency: Mutex::new(Latencies {
                total: histogram(),
                current: histogram(),
                before: histogram(),
                since: Instant::now(),
            }),
            started: Instant::now(),
        }
    }

    /// Records that `rows` rows took `micros` from source to sink.
    pub fn record_latency(&self, micros: u64, rows: u64) {
        if let Ok(mut latency) = self.latency.lock() {
            latency.turn();
            latency.total.saturating_record_n(micros.max(1), rows);
            latency.current.saturating_record_n(micros.max(1), rows);
        }
    }

    /// Latency at these quantiles in microseconds; `None` if no row reached a sink.
    pub fn latency_micros(&self, quantiles: &[f64]) -> Option<Vec<u64>> {
        let latency = self.latency.lock().ok()?;
        if latency.total.is_empty() {
            return None;
        }
        Some(
            quantiles
                .iter()
                .map(|&q| latency.total.value_at_quantile(q))
                .collect(),
        )
    }

    /// Latency since the start at these quantiles; `None` if no row reached a sink.
    pub fn total_latency(&self, quantiles: [f64; 3]) -> Option<LatencyFigures> {
        figures(&self.latency.lock().ok()?.total, quantiles)
    }

    /// Latency over the last second or two at these quantiles; `None` if no row reached a sink.
    pub fn recent_latency(&self, quantiles: [f64; 3]) -> Option<LatencyFigures> {
        let mut latency = self.latency.lock().ok()?;
        latency.turn();
        let mut recent = latency.before.clone();
        // Both have the same bounds.
        recent.add(&latency.current).ok()?;
        figures(&recent, quantiles)
    }

    /// Since when the job runs.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// How long the job has run.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Sums of an operator.
    pub fn totals(&self, operator: usize) -> OperatorTotals {
        let mut totals = OperatorTotals::default();
        for instance in &self.operators[operator] {
            totals.rows_in += instance
                .rows_in
                .iter()
                .map(|rows| rows.load(Ordering::Relaxed))
                .sum::<u64>();
            totals.rows_out += instance.rows_out.load(Ordering::Relaxed);
            totals.busy += Duration::from_nanos(instance.busy_nanos.load(Ordering::Relaxed));
            totals.in_model += Duration::from_nanos(instance.model_nanos.load(Ordering::Relaxed));
            totals.late += instance.late.load(Ordering::Relaxed);
            totals.bad += instance.bad.load(Ordering::Relaxed);
            let watermark = instance.watermark.load(Ordering::Relaxed);
            if watermark != Watermark::MIN.0 {
                totals.watermark = Some(totals.watermark.map_or(watermark, |w| w.min(watermark)));
            }
        }
        totals
    }

    /// Rows that came in at one input of an operator.
    pub fn rows_in(&self, operator: usize, port: usize) -> u64 {
        self.operators[operator]
            .iter()
            .filter_map(|instance| instance.rows_in.get(port))
            .map(|rows| rows.load(Ordering::Relaxed))
            .sum()
    }
}

/// From 1 µs to 1 h at three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("constant bounds are valid")
}

fn figures(histogram: &Histogram<u64>, quantiles: [f64; 3]) -> Option<LatencyFigures> {
    (!histogram.is_empty()).then(|| LatencyFigures {
        rows: histogram.len(),
        quantiles: quantiles.map(|q| histogram.value_at_quantile(q)),
        max: histogram.max(),
    })
}

impl Latencies {
    /// Begins a new second if one is over.
    fn turn(&mut self) {
        let passed = self.since.elapsed();
        if passed < RECENT {
            return;
        }
        std::mem::swap(&mut self.current, &mut self.before);
        self.current.reset();
        if passed >= RECENT * 2 {
            // What was current is older than that.
            self.before.reset();
        }
        self.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_counts_while_it_lasts() {
        let started = Instant::now();
        let blocked = Blocked::default();
        assert_eq!(blocked.nanos(started), 0);
        blocked.wait(started);
        std::thread::sleep(Duration::from_millis(5));
        let meanwhile = blocked.nanos(started);
        assert!(meanwhile >= 5_000_000, "{meanwhile}");
        blocked.go_on(started);
        let after = blocked.nanos(started);
        assert!(after >= meanwhile);
        assert_eq!(blocked.nanos(started), after);
        blocked.go_on(started);
        assert_eq!(blocked.nanos(started), after);
    }

    #[test]
    fn counters_are_summed_over_instances_and_inputs() {
        let metrics = JobMetrics::new([(2, 2), (1, 0)], [2]);
        for (instance, rows) in metrics.operators[0].iter().zip([3, 4]) {
            instance.rows_in[0].fetch_add(rows, Ordering::Relaxed);
            instance.rows_in[1].fetch_add(1, Ordering::Relaxed);
            instance
                .watermark
                .store(rows as i64 * 10, Ordering::Relaxed);
        }
        let totals = metrics.totals(0);
        assert_eq!((totals.rows_in, totals.watermark), (9, Some(30)));
        assert_eq!((metrics.rows_in(0, 0), metrics.rows_in(0, 1)), (7, 2));
        assert_eq!(metrics.totals(1).watermark, None);
    }

    #[test]
    fn latency_is_told_since_the_start_and_lately() {
        let metrics = JobMetrics::new([], []);
        assert_eq!(metrics.recent_latency([0.5, 0.95, 0.99]), None);
        metrics.record_latency(1000, 10);
        for figures in [
            metrics.recent_latency([0.5, 0.95, 0.99]),
            metrics.total_latency([0.5, 0.95, 0.99]),
        ] {
            let figures = figures.expect("rows came");
            assert_eq!(figures.rows, 10);
            assert!((990..=1010).contains(&figures.quantiles[1]), "{figures:?}");
        }
    }
}
