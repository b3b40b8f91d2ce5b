//! State TTL: when the state of a key is given up.
//!
//! The rule is Flink's (`OnCreateAndWrite`, `NeverReturnExpired`): every write of a key's state
//! renews its life, reading doesn't, and state that was last written at `w` is gone for every
//! reader once `w + ttl <= now`. An operator keeps `w` in the value and asks
//! [`Ttl::is_expired`] before it reads.
//!
//! [`Expiry`] remembers which keys may have expired, so that they also leave the memory and the
//! disk: keys by the stretch of time in which they were last written, a few stretches a lifetime.
//! A key is in the list of a stretch at most once, however often it is written.

use std::collections::BTreeMap;

use crate::keys::KeyList;

/// How long state lives after its last write, in milliseconds; above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ttl(i64);

/// Stretches a lifetime. More of them free memory sooner and list a busy key more often.
const STRETCHES: i64 = 4;

impl Ttl {
    /// `None` if state lives for ever: Flink takes 0 for that.
    pub(crate) fn new(millis: Option<i64>) -> Option<Self> {
        millis.filter(|&millis| millis > 0).map(Self)
    }

    /// Whether state last written at `written` is gone at `now`.
    #[inline]
    pub(crate) fn is_expired(self, written: i64, now: i64) -> bool {
        written.saturating_add(self.0) <= now
    }

    fn stretch(self, time: i64) -> i64 {
        time.div_euclid((self.0 / STRETCHES).max(1))
    }
}

/// The keys of a table by when they may expire. See the [module](self).
#[derive(Debug)]
pub(crate) struct Expiry {
    ttl: Ttl,
    stretches: BTreeMap<i64, KeyList>,
}

impl Expiry {
    pub(crate) fn new(ttl: Ttl) -> Self {
        Self {
            ttl,
            stretches: BTreeMap::new(),
        }
    }

    /// A key whose state was last written at `before` (`None`: never, or it is just restored and
    /// not listed yet) is written at `now`.
    #[inline]
    pub(crate) fn written(&mut self, before: Option<i64>, now: i64, hash: u64, key: &[u8]) {
        let stretch = self.ttl.stretch(now);
        if before.is_none_or(|before| self.ttl.stretch(before) != stretch) {
            self.stretches.entry(stretch).or_default().push(hash, key);
        }
    }

    /// Takes a list of keys that were once written so long ago that, unless they were written
    /// again, they are expired at `now`. `None` if there is no more.
    pub(crate) fn due(&mut self, now: i64) -> Option<KeyList> {
        let first = self.stretches.first_entry()?;
        // The last moment of the stretch is the first of the next, less one.
        let width = (self.ttl.0 / STRETCHES).max(1);
        let last = first.key().saturating_add(1).saturating_mul(width) - 1;
        self.ttl.is_expired(last, now).then(|| first.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_ends_exactly_a_lifetime_after_its_last_write() {
        let ttl = Ttl::new(Some(1_000)).unwrap();
        assert!(!ttl.is_expired(500, 1_499));
        assert!(ttl.is_expired(500, 1_500));
        assert_eq!(Ttl::new(Some(0)), None);
        assert_eq!(Ttl::new(None), None);
    }

    #[test]
    fn a_key_is_listed_once_a_stretch_and_due_when_all_of_it_is_old() {
        let mut expiry = Expiry::new(Ttl::new(Some(1_000)).unwrap());
        expiry.written(None, 10, 1, b"a");
        expiry.written(Some(10), 249, 1, b"a");
        expiry.written(None, 20, 2, b"b");
        expiry.written(Some(249), 250, 1, b"a");
        assert!(expiry.due(1_248).is_none());
        let due = expiry.due(1_249).unwrap();
        assert_eq!(
            (due.len(), due.key(0), due.key(1)),
            (2, b"a".as_slice(), b"b".as_slice())
        );
        assert!(expiry.due(1_249).is_none());
        assert_eq!(
            expiry.due(1_499).map(|due| due.hashes().to_vec()),
            Some(vec![1])
        );
        assert!(expiry.due(i64::MAX).is_none());
    }
}
