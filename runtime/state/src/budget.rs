//! The memory budget that all keyed tables of the process share.
//!
//! Tables charge what they hold between batches; over the limit each gives back its share by
//! evicting entries that are safe on disk. The budget is soft: an entry that is not yet written
//! cannot be dropped, so a burst may go over it until the writer caught up.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: usize,
    /// Bytes charged by live tables.
    tables: AtomicUsize,
    /// Encoded bytes handed over and not yet applied.
    in_flight: AtomicUsize,
    /// Estimated encoded bytes of entries not yet handed over.
    dirty: AtomicUsize,
    dirty_target: usize,
    table_count: AtomicUsize,
}

impl MemoryBudget {
    pub(crate) fn new(limit: usize, dirty_target: usize) -> Self {
        Self {
            limit,
            tables: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            dirty: AtomicUsize::new(0),
            dirty_target,
            table_count: AtomicUsize::new(0),
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes of all tables and of what is on its way to the writer.
    pub(crate) fn used(&self) -> usize {
        self.tables
            .load(Relaxed)
            .saturating_add(self.in_flight.load(Relaxed))
    }

    pub(crate) fn tables(&self) -> usize {
        self.tables.load(Relaxed)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    pub(crate) fn dirty(&self) -> usize {
        self.dirty.load(Relaxed)
    }

    pub(crate) fn dirty_target(&self) -> usize {
        self.dirty_target
    }

    /// The dirty bytes one table may keep before it has to trickle.
    pub(crate) fn dirty_share(&self) -> usize {
        self.dirty_target / self.table_count.load(Relaxed).max(1)
    }

    pub(crate) fn add_table(&self) {
        self.table_count.fetch_add(1, Relaxed);
    }

    pub(crate) fn remove_table(&self) {
        self.table_count.fetch_sub(1, Relaxed);
    }

    pub(crate) fn add_in_flight(&self, bytes: usize) {
        self.in_flight.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn sub_in_flight(&self, bytes: usize) {
        self.in_flight.fetch_sub(bytes, Relaxed);
    }

    /// Publishes a table's change since it last did: `published` becomes `now`.
    pub(crate) fn publish_table(&self, published: &mut usize, now: usize) {
        publish(&self.tables, published, now);
    }

    pub(crate) fn publish_dirty(&self, published: &mut usize, now: usize) {
        publish(&self.dirty, published, now);
    }
}

fn publish(total: &AtomicUsize, published: &mut usize, now: usize) {
    if now > *published {
        total.fetch_add(now - *published, Relaxed);
    } else if now < *published {
        total.fetch_sub(*published - now, Relaxed);
    }
    *published = now;
}
