//! Looking at the rows of an operator while the job runs.
//!
//! A tap costs the job one atomic read a batch while nobody looks. A listener gets at most as many
//! rows in each of its periods as it asked for, by a bounded channel that the operator never waits
//! for: what does not fit is dropped and counted.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use millstream_operators::Batch;
use tokio::sync::mpsc;

/// How many batches may wait for a listener.
const CAPACITY: usize = 16;

/// The place behind an operator where listeners hang.
#[derive(Debug, Default)]
pub struct Tap {
    /// How many listeners there are.
    open: AtomicUsize,
    listeners: Mutex<Listeners>,
}

#[derive(Debug, Default)]
struct Listeners {
    all: Vec<(Arc<Counts>, mpsc::Sender<Batch>)>,
    /// The job is over: nobody may listen any more.
    closed: bool,
}

/// What a listener and the operators share.
#[derive(Debug, Default)]
struct Counts {
    /// Rows that may still be sent in this period.
    left: AtomicI64,
    seen: AtomicU64,
    dropped: AtomicU64,
    gone: AtomicBool,
}

impl Tap {
    /// Shows a batch to whoever listens. Never waits.
    #[inline]
    pub fn offer(&self, batch: &Batch) {
        if self.open.load(Ordering::Relaxed) > 0 {
            self.show(batch);
        }
    }

    #[cold]
    fn show(&self, batch: &Batch) {
        // Held for moments only: by another instance that shows a batch, or when a listener comes.
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.all.retain(|(counts, sender)| {
            if counts.gone.load(Ordering::Relaxed) {
                return false;
            }
            let rows = batch.len();
            counts.seen.fetch_add(rows as u64, Ordering::Relaxed);
            let left = usize::try_from(counts.left.load(Ordering::Relaxed)).unwrap_or(0);
            let some = rows.min(left);
            let sent = some > 0 && sender.try_send(batch.slice(0, some)).is_ok();
            let dropped = match sent {
                true => {
                    counts.left.fetch_sub(some as i64, Ordering::Relaxed);
                    rows - some
                }
                false => rows,
            };
            counts.dropped.fetch_add(dropped as u64, Ordering::Relaxed);
            true
        });
        self.open.store(listeners.all.len(), Ordering::Relaxed);
    }

    /// Listens; `None` if the job is over.
    pub fn listen(&self) -> Option<Listener> {
        let (sender, batches) = mpsc::channel(CAPACITY);
        let counts = Arc::new(Counts::default());
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if listeners.closed {
            return None;
        }
        listeners.all.push((Arc::clone(&counts), sender));
        self.open.store(listeners.all.len(), Ordering::Relaxed);
        Some(Listener { counts, batches })
    }

    /// Ends all listening, for ever: what listeners have not read yet they still get.
    pub fn close(&self) {
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.closed = true;
        listeners.all.clear();
        self.open.store(0, Ordering::Relaxed);
    }
}

/// Gets a tap's rows. Dropping it ends it.
#[derive(Debug)]
pub struct Listener {
    counts: Arc<Counts>,
    /// Batches, each with at most as many rows as were left. Ends with the job.
    pub batches: mpsc::Receiver<Batch>,
}

impl Listener {
    /// Begins a period in which `rows` rows may come.
    pub fn allow(&self, rows: u64) {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.counts.left.store(rows, Ordering::Relaxed);
    }

    /// How many rows came by since the start.
    pub fn seen(&self) -> u64 {
        self.counts.seen.load(Ordering::Relaxed)
    }

    /// How many were not sent since this was asked last.
    pub fn take_dropped(&self) -> u64 {
        self.counts.dropped.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The tap forgets it with the next batch.
        self.counts.gone.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int32Array, RecordBatch};

    use super::*;

    fn batch(rows: std::ops::Range<i32>) -> Batch {
        let values: Arc<dyn arrow::array::Array> = Arc::new(Int32Array::from_iter_values(rows));
        Batch::append(RecordBatch::try_from_iter([("v", values)]).unwrap(), 0)
    }

    #[test]
    fn a_listener_gets_no_more_than_it_asked_for_and_is_told_of_the_rest() {
        let tap = Tap::default();
        tap.offer(&batch(0..5));
        let mut listener = tap.listen().unwrap();
        listener.allow(7);
        tap.offer(&batch(0..5));
        tap.offer(&batch(5..10));
        tap.offer(&batch(10..15));
        let got: Vec<usize> =
            std::iter::from_fn(|| listener.batches.try_recv().ok().map(|b| b.len())).collect();
        assert_eq!(got, [5, 2]);
        assert_eq!((listener.seen(), listener.take_dropped()), (15, 8));
        assert_eq!(listener.take_dropped(), 0);
        listener.allow(7);
        tap.offer(&batch(0..3));
        assert_eq!(listener.batches.try_recv().unwrap().len(), 3);
    }

    #[test]
    fn a_listener_that_does_not_read_holds_nobody_up() {
        let tap = Tap::default();
        let listener = tap.listen().unwrap();
        listener.allow(u64::MAX);
        for _ in 0..CAPACITY + 3 {
            tap.offer(&batch(0..2));
        }
        assert_eq!(listener.take_dropped(), 6);
    }

    #[test]
    fn listening_ends_with_the_job_and_with_the_listener() {
        let tap = Tap::default();
        drop(tap.listen().unwrap());
        tap.offer(&batch(0..1));
        assert_eq!(tap.open.load(Ordering::Relaxed), 0);
        let mut listener = tap.listen().unwrap();
        listener.allow(10);
        tap.offer(&batch(0..1));
        tap.close();
        assert_eq!(listener.batches.blocking_recv().unwrap().len(), 1);
        assert!(listener.batches.blocking_recv().is_none());
        assert!(tap.listen().is_none());
    }
}
