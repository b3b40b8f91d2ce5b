//! How long state stays that nobody writes to.
//!
//! Flink's rule (`OnCreateAndWrite`, `NeverReturnExpired`): an entry is expired exactly when
//! `last write + ttl <= now` in processing time. Whoever reads an entry asks
//! [`Retention::is_expired`] first; expired entries that nobody reads are removed by
//! [`Retention::sweep`].

use millstream_state::{KeyedTable, StateValue};

use crate::operator::{Clock, OperatorError};

/// Tables are not searched for expired entries more often than this, in milliseconds.
const SWEEP_INTERVAL: i64 = 10_000;

/// The time of an entry's last write where there is no TTL; such an entry never expires.
pub(crate) const NEVER_WRITTEN: i64 = 0;

/// The TTL of an operator's state. See the [module](self).
#[derive(Debug)]
pub(crate) struct Retention {
    ttl: Option<i64>,
    clock: Clock,
    swept: i64,
}

impl Retention {
    /// State that lives for `ttl` milliseconds after its last write; for ever if `None` or not
    /// above 0.
    pub(crate) fn new(ttl: Option<i64>, clock: &Clock) -> Self {
        Self {
            ttl: ttl.filter(|&ttl| ttl > 0),
            clock: clock.clone(),
            swept: i64::MIN,
        }
    }

    /// Whether state expires at all.
    pub(crate) fn expires(&self) -> bool {
        self.ttl.is_some()
    }

    /// The time to write into entries.
    pub(crate) fn now(&self) -> i64 {
        if self.ttl.is_some() {
            self.clock.now()
        } else {
            NEVER_WRITTEN
        }
    }

    /// Whether an entry written at `written` is gone at `now`.
    #[inline]
    pub(crate) fn is_expired(&self, written: i64, now: i64) -> bool {
        match self.ttl {
            Some(ttl) => written != NEVER_WRITTEN && written.saturating_add(ttl) <= now,
            None => false,
        }
    }

    /// Whether it is time to look for expired entries at `now`: once a TTL.
    pub(crate) fn sweep_is_due(&mut self, now: i64) -> bool {
        let Some(ttl) = self.ttl else {
            return false;
        };
        let due = now >= self.swept.saturating_add(ttl.max(SWEEP_INTERVAL));
        if due {
            self.swept = now;
        }
        due
    }

    /// Removes the entries of `table` whose last write, which `written` tells, is too long ago.
    pub(crate) fn sweep<V: StateValue>(
        &self,
        table: &mut KeyedTable<V>,
        now: i64,
        hash_of: impl Fn(&[u8]) -> u64,
        written: impl Fn(&V) -> i64,
    ) -> Result<(), OperatorError> {
        let mut gone: Vec<Box<[u8]>> = Vec::new();
        table.for_each(|key, value| {
            if self.is_expired(written(value), now) {
                gone.push(key.into());
            }
        })?;
        for key in gone {
            let slot = table.slot(hash_of(&key), &key)?;
            table.remove(slot);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_gone_when_its_time_to_live_has_passed() {
        let clock = Clock::new(|| 5);
        let kept = Retention::new(Some(10), &clock);
        assert_eq!(kept.now(), 5);
        assert!(!kept.is_expired(5, 14));
        assert!(kept.is_expired(5, 15));
        assert!(!kept.is_expired(NEVER_WRITTEN, i64::MAX));
        for off in [None, Some(0), Some(-1)] {
            let kept = Retention::new(off, &clock);
            assert!(!kept.expires());
            assert_eq!(kept.now(), NEVER_WRITTEN);
            assert!(!kept.is_expired(1, i64::MAX));
        }
    }

    #[test]
    fn tables_are_searched_once_a_time_to_live() {
        let mut kept = Retention::new(Some(60_000), &Clock::new(|| 0));
        assert!(kept.sweep_is_due(0));
        assert!(!kept.sweep_is_due(59_999));
        assert!(kept.sweep_is_due(60_000));
        assert!(!Retention::new(None, &Clock::new(|| 0)).sweep_is_due(i64::MAX));
    }
}
