//! Features as ranks among the thresholds that the trees compare them with.
//!
//! Whether `x <= t` holds depends only on how many of a feature's thresholds are below `x`. So a row's features
//! are turned into such counts once, and every test of every tree becomes a comparison of small integers, with
//! the same outcome. NaN becomes the smallest or the largest rank, so that it needs no test of its own.
//!
//! A *slot* is a feature together with the side that NaN takes; a feature whose nodes disagree about NaN has two.

use std::collections::HashMap;
use std::fmt::Debug;

use tract_onnx::tract_hir::internal::*;

use super::forest::{Forest, Test};

/// A float type that thresholds are compared in: float32 for float32 and integers, float64 for itself.
pub(super) trait Number:
    Datum + Copy + PartialOrd + Debug + Default + std::ops::AddAssign
{
    fn narrow(value: f64) -> Self;
    fn is_nan(self) -> bool;
    fn next_down(self) -> Self;
    fn wide(self) -> f64;
    fn divided(self, by: Self) -> Self;
    fn negated(self) -> Self;
}

impl Number for f32 {
    fn narrow(value: f64) -> Self {
        value as Self
    }
    fn is_nan(self) -> bool {
        Self::is_nan(self)
    }
    fn next_down(self) -> Self {
        Self::next_down(self)
    }
    fn wide(self) -> f64 {
        f64::from(self)
    }
    fn divided(self, by: Self) -> Self {
        self / by
    }
    fn negated(self) -> Self {
        -self
    }
}

impl Number for f64 {
    fn narrow(value: f64) -> Self {
        value
    }
    fn is_nan(self) -> bool {
        Self::is_nan(self)
    }
    fn next_down(self) -> Self {
        Self::next_down(self)
    }
    fn wide(self) -> f64 {
        self
    }
    fn divided(self, by: Self) -> Self {
        self / by
    }
    fn negated(self) -> Self {
        -self
    }
}

/// The rank that NaN has in a slot where it goes right, and the key of a test that everything passes.
pub(super) const ALWAYS: u32 = u32::MAX;

/// A feature and how it is ranked.
#[derive(Debug)]
struct Slot<N> {
    feature: usize,
    nan_left: bool,
    /// Ascending and distinct. A number's rank is one more than how many of these are below it.
    thresholds: Box<[N]>,
}

/// Ranks the features of rows.
#[derive(Debug)]
pub(super) struct Quantiser<N> {
    slots: Vec<Slot<N>>,
}

/// A node's test in ranks: the rank of `slot` is at most `key`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RankTest {
    pub(super) slot: u32,
    pub(super) key: u32,
}

impl<N: Number> Quantiser<N> {
    /// Slots for all nodes of the forest, and each node's test.
    pub(super) fn of(forest: &Forest) -> (Self, Vec<RankTest>) {
        // `x < t` is `x <= the number before t`; nothing is below minus infinity.
        let bound = |test| match test {
            Test::AtMost(threshold) => Some(N::narrow(threshold)),
            Test::Below(threshold) if threshold == f64::NEG_INFINITY => None,
            Test::Below(threshold) => Some(N::narrow(threshold).next_down()),
            Test::Never => None,
        };
        let mut numbers: HashMap<(usize, bool), usize> = HashMap::new();
        let mut thresholds: Vec<(usize, bool, Vec<N>)> = Vec::new();
        let slots: Vec<usize> = forest
            .nodes
            .iter()
            .map(|node| {
                let slot = *numbers
                    .entry((node.feature, node.nan_left))
                    .or_insert_with(|| {
                        thresholds.push((node.feature, node.nan_left, Vec::new()));
                        thresholds.len() - 1
                    });
                thresholds[slot].2.extend(bound(node.test));
                slot
            })
            .collect();
        let slots_of: Vec<Slot<N>> = thresholds
            .into_iter()
            .map(|(feature, nan_left, mut values)| {
                values.sort_by(|a, b| a.wide().total_cmp(&b.wide()));
                values.dedup();
                Slot {
                    feature,
                    nan_left,
                    thresholds: values.into(),
                }
            })
            .collect();
        let tests = forest
            .nodes
            .iter()
            .zip(slots)
            .map(|(node, slot)| RankTest {
                slot: slot as u32,
                key: match bound(node.test) {
                    None => 0,
                    Some(bound) => below(&slots_of[slot].thresholds, bound) as u32 + 1,
                },
            })
            .collect();
        (Self { slots: slots_of }, tests)
    }

    /// The threshold that a test compares with, if plain comparisons of [`Self::values`] decide it.
    pub(super) fn threshold(&self, test: &RankTest) -> Option<N> {
        let slot = &self.slots[test.slot as usize];
        let index = (test.key as usize).checked_sub(1)?;
        let threshold = *slot.thresholds.get(index)?;
        // In place of NaN that goes right stands infinity, which no threshold may reach.
        (slot.nan_left || threshold.wide() < f64::INFINITY).then_some(threshold)
    }

    /// The features of `LANES` rows as the slots compare them: NaN, which is not more than any threshold, where NaN
    /// goes left, and infinity in its place where it goes right.
    pub(super) fn values<const LANES: usize>(
        &self,
        value: impl Fn(usize, usize) -> N,
        values: &mut [[N; LANES]],
    ) {
        for (slot, values) in self.slots.iter().zip(values) {
            for (lane, stored) in values.iter_mut().enumerate() {
                let value = value(lane, slot.feature);
                *stored = if value.is_nan() && !slot.nan_left {
                    N::narrow(f64::INFINITY)
                } else {
                    value
                };
            }
        }
    }

    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Ranks `LANES` rows: `ranks[slot][lane]`. `value(lane, feature)` reads a feature.
    pub(super) fn rank<const LANES: usize>(
        &self,
        value: impl Fn(usize, usize) -> N,
        ranks: &mut [[u32; LANES]],
    ) {
        for (slot, ranks) in self.slots.iter().zip(ranks) {
            let nan = if slot.nan_left { 0 } else { ALWAYS };
            for (lane, rank) in ranks.iter_mut().enumerate() {
                let value = value(lane, slot.feature);
                *rank = if value.is_nan() {
                    nan
                } else {
                    below(&slot.thresholds, value) as u32 + 1
                };
            }
        }
    }
}

/// How many of the ascending numbers are below `value`. No branch depends on the data.
fn below<N: Number>(ascending: &[N], value: N) -> usize {
    let mut base = 0;
    let mut size = ascending.len();
    while size > 1 {
        let half = size / 2;
        base = if ascending[base + half - 1] < value {
            base + half
        } else {
            base
        };
        size -= half;
    }
    base + usize::from(size == 1 && ascending[base] < value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_counts() {
        for len in 0..40 {
            let numbers: Vec<f64> = (0..len).map(f64::from).collect();
            for twice in -2..2 * len + 2 {
                let value = f64::from(twice) / 2.0;
                let expected = numbers.iter().filter(|number| **number < value).count();
                assert_eq!(below(&numbers, value), expected, "{value} in {len}");
            }
        }
    }
}
