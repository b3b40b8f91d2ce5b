//! Key groups: the unit in which keyed state moves between subtasks.
//!
//! Every key belongs to one of `max_parallelism` key groups for ever; a subtask owns a contiguous
//! range of them. Rescaling only changes the ranges. The arithmetic is Flink's
//! (`KeyGroupRangeAssignment`); the hash is our own ([`crate::stable_hash`]).

use std::ops::Range;

/// The default number of key groups, Flink's smallest default.
pub const DEFAULT_MAX_PARALLELISM: u16 = 128;

/// The most key groups a job can have. Flink: 2^15.
pub const MAX_MAX_PARALLELISM: u16 = 1 << 15;

/// The key group of a key with this hash. `max_parallelism` is at least 1.
#[inline(always)]
#[must_use]
pub fn key_group(hash: u64, max_parallelism: u16) -> u16 {
    (hash % u64::from(max_parallelism)) as u16
}

/// The key groups of `subtask` of an operator running at `parallelism`.
///
/// The ranges of all subtasks partition `0..max_parallelism`; with more subtasks than key groups
/// some ranges are empty.
#[must_use]
pub fn key_group_range(subtask: u32, parallelism: u32, max_parallelism: u16) -> Range<u16> {
    let bound = |subtask: u64| {
        let groups = u64::from(max_parallelism);
        (subtask * groups)
            .div_ceil(u64::from(parallelism))
            .min(groups) as u16
    };
    bound(u64::from(subtask))..bound(u64::from(subtask) + 1)
}

/// The subtask that owns `key_group`: the inverse of [`key_group_range`].
#[inline(always)]
#[must_use]
pub fn subtask_of(key_group: u16, parallelism: u32, max_parallelism: u16) -> u32 {
    (u64::from(key_group) * u64::from(parallelism) / u64::from(max_parallelism)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_partition_the_key_groups_and_subtask_of_is_their_inverse() {
        for max in (1..=130u16).chain([255, 256, 1000, 32768]) {
            for parallelism in 1..=u32::from(max).min(140) + 3 {
                let mut next = 0;
                for subtask in 0..parallelism {
                    let range = key_group_range(subtask, parallelism, max);
                    assert_eq!(range.start, next, "max {max} parallelism {parallelism}");
                    assert!(range.end >= range.start);
                    for group in range.clone() {
                        assert_eq!(
                            subtask_of(group, parallelism, max),
                            subtask,
                            "key group {group}, max {max}, parallelism {parallelism}"
                        );
                    }
                    next = range.end;
                }
                assert_eq!(next, max);
            }
        }
    }

    /// Flink: `KeyGroupRangeAssignment.computeKeyGroupRangeForOperatorIndex(128, 3, …)`.
    #[test]
    fn ranges_are_those_of_flink() {
        let ranges: Vec<_> = (0..3).map(|s| key_group_range(s, 3, 128)).collect();
        assert_eq!(ranges, [0..43, 43..86, 86..128]);
    }
}
