//! What a running job counts: by operator and instance, without locks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use millstream_operators::Watermark;

/// Counters of one instance of one operator. Written by its task, read by anyone.
#[derive(Debug)]
pub struct OperatorMetrics {
    /// Rows taken.
    pub rows_in: AtomicU64,
    /// Rows given.
    pub rows_out: AtomicU64,
    /// Nanoseconds of work.
    pub busy_nanos: AtomicU64,
    /// Of these, nanoseconds inside a model.
    pub model_nanos: AtomicU64,
    /// Its watermark in milliseconds.
    pub watermark: AtomicI64,
    /// Rows dropped as late.
    pub late: AtomicU64,
    /// Rows a source could not read and was told to skip.
    pub bad: AtomicU64,
}

impl Default for OperatorMetrics {
    fn default() -> Self {
        Self {
            rows_in: AtomicU64::new(0),
            rows_out: AtomicU64::new(0),
            busy_nanos: AtomicU64::new(0),
            model_nanos: AtomicU64::new(0),
            watermark: AtomicI64::new(Watermark::MIN.0),
            late: AtomicU64::new(0),
            bad: AtomicU64::new(0),
        }
    }
}

impl OperatorMetrics {
    /// Sets how long the instance spent inside its model so far.
    pub fn spent_in_model(&self, so_far: Duration) {
        self.model_nanos
            .store(so_far.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Counts a piece of work.
    pub fn worked(&self, since: Instant) {
        let nanos = since.elapsed().as_nanos() as u64;
        self.busy_nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// All counters of a job.
#[derive(Debug)]
pub struct JobMetrics {
    /// By operator of the plan, then by instance.
    pub operators: Vec<Vec<OperatorMetrics>>,
    /// Microseconds from the source to a sink, by row.
    latency: Mutex<Histogram<u64>>,
    started: Instant,
}

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

impl JobMetrics {
    /// Counters at zero, for operators with these numbers of instances.
    pub fn new(instances: impl IntoIterator<Item = usize>) -> Self {
        Self {
            operators: instances
                .into_iter()
                .map(|n| (0..n).map(|_| OperatorMetrics::default()).collect())
                .collect(),
            // From 1 µs to 1 h at three digits.
            latency: Mutex::new(
                Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("constant bounds are valid"),
            ),
            started: Instant::now(),
        }
    }

    /// Records that `rows` rows took `micros` from source to sink.
    pub fn record_latency(&self, micros: u64, rows: u64) {
        if let Ok(mut histogram) = self.latency.lock() {
            histogram.saturating_record_n(micros.max(1), rows);
        }
    }

    /// Latency at these quantiles in microseconds; `None` if no row reached a sink.
    pub fn latency_micros(&self, quantiles: &[f64]) -> Option<Vec<u64>> {
        let histogram = self.latency.lock().ok()?;
        if histogram.is_empty() {
            return None;
        }
        Some(
            quantiles
                .iter()
                .map(|&q| histogram.value_at_quantile(q))
                .collect(),
        )
    }

    /// Since when the job runs.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Sums of an operator.
    pub fn totals(&self, operator: usize) -> OperatorTotals {
        let mut totals = OperatorTotals::default();
        for instance in &self.operators[operator] {
            totals.rows_in += instance.rows_in.load(Ordering::Relaxed);
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
}
