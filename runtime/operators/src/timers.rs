//! Timers of event time or the clock: which keys have something that ends when.

use std::collections::BTreeMap;

use crate::keys::KeyList;

/// The keys that have a window that ends, by its end. Not kept on disk: an operator's state says what is
/// due when it is restored.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    keys: BTreeMap<i64, KeyList>,
}

impl Timers {
    /// Lists a key for `end`; one that is listed twice comes twice.
    #[inline]
    pub(crate) fn add(&mut self, end: i64, hash: u64, key: &[u8]) {
        self.keys.entry(end).or_default().push(hash, key);
    }

    /// Whether some window has seen its last millisecond at `now`.
    #[inline]
    pub(crate) fn is_due(&self, now: i64) -> bool {
        let first = self.keys.first_key_value();
        first.is_some_and(|(&end, _)| end.saturating_sub(1) <= now)
    }

    /// The first end that is due at `now`, and its keys, which are listed for it no more.
    pub(crate) fn take_due(&mut self, now: i64) -> Option<(i64, KeyList)> {
        if !self.is_due(now) {
            return None;
        }
        self.keys.pop_first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_come_in_order_once_their_last_millisecond_has_passed() {
        let mut timers = Timers::default();
        timers.add(20, 2, b"b");
        timers.add(10, 1, b"a");
        timers.add(20, 3, b"c");
        assert!(timers.take_due(8).is_none());
        assert!(timers.is_due(9));
        let mut taken = Vec::new();
        while let Some((end, keys)) = timers.take_due(19) {
            taken.extend((0..keys.len()).map(|i| (end, keys.hashes()[i], keys.key(i).to_vec())));
        }
        let key = |end, hash, key: &[u8]| (end, hash, key.to_vec());
        assert_eq!(
            taken,
            [key(10, 1, b"a"), key(20, 2, b"b"), key(20, 3, b"c")]
        );
        assert!(!timers.is_due(i64::MAX));
    }
}
