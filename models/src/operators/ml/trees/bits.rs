//! Finds leaves by crossing out: for trees of few leaves and many rows at once.
//!
//! A tree's leaves are bits of a word, from left to right. A row that fails a node's test goes right there, so
//! none of the leaves on the left can be reached: the node's mask crosses them out. After all failed tests of a
//! tree, in any order, the lowest bit left is the leaf (Lucchese et al., "QuickScorer", SIGIR 2015; the form for
//! several rows at once is its "V-QuickScorer").
//!
//! So nodes are sorted by feature instead of by tree: nothing is looked up, nothing is predicted, and the
//! processor's vector units work on all rows of a block alike.

use super::forest::{Child, Forest};
use super::quantise::{Number, Quantiser, RankTest};
use crate::operators::cpu::{Level, Work};

/// Rows of a block: two vectors of AVX2, one of AVX-512.
pub(super) const LANES: usize = 16;

/// Most words of a group's rows: what fits into a first-level cache beside the masks.
const GROUP_BYTES: usize = 16 << 10;

/// A word with a bit for each leaf of a tree.
pub(super) trait Word:
    Copy
    + std::fmt::Debug
    + std::ops::BitAndAssign
    + std::ops::BitOr<Output = Self>
    + Send
    + Sync
    + 'static
{
    const BITS: usize;
    const ONES: Self;
    /// All bits but those of `leaves`.
    fn without(leaves: std::ops::Range<usize>) -> Self;
    fn lowest(self) -> u32;
    /// All bits if the condition does not hold, else none.
    fn unless(condition: bool) -> Self;
}

macro_rules! word {
    ($word:ty) => {
        impl Word for $word {
            const BITS: usize = <$word>::BITS as usize;
            const ONES: Self = <$word>::MAX;

            fn without(leaves: std::ops::Range<usize>) -> Self {
                let mut mask = Self::ONES;
                for leaf in leaves {
                    mask &= !(1 << leaf);
                }
                mask
            }

            fn lowest(self) -> u32 {
                self.trailing_zeros()
            }

            #[inline(always)]
            fn unless(condition: bool) -> Self {
                <$word>::from(condition).wrapping_sub(1)
            }
        }
    };
}

word!(u32);
word!(u64);

/// A node as a mask.
#[derive(Debug, Clone, Copy)]
struct Cut<N, W> {
    /// Rows with more than this fail the test.
    threshold: N,
    /// Tree within its group.
    tree: u32,
    mask: W,
}

/// The cuts of one slot in one group, thresholds ascending.
#[derive(Debug)]
struct Run {
    slot: u32,
    start: usize,
    end: usize,
}

/// A few consecutive trees, so that their words stay in the cache.
#[derive(Debug)]
struct Group {
    runs: Vec<Run>,
    trees: usize,
}

/// The forest as masks.
#[derive(Debug)]
pub(super) struct Bits<N, W> {
    cuts: Vec<Cut<N, W>>,
    groups: Vec<Group>,
    /// Where each tree's leaves begin in `leaves`.
    starts: Vec<u32>,
    /// Leaves from left to right, tree by tree; indices into [`Forest::leaves`].
    leaves: Vec<u32>,
}

impl<N: Number, W: Word> Bits<N, W> {
    /// `None` if a tree has more leaves than the word has bits, or a test is not one of `x <= threshold`.
    pub(super) fn of(
        forest: &Forest,
        tests: &[RankTest],
        quantiser: &Quantiser<N>,
    ) -> Option<Self> {
        if most_leaves(forest) > W::BITS as u64 {
            return None;
        }
        let tests = tests
            .iter()
            .map(|test| Some((test.slot, quantiser.threshold(test)?)))
            .collect::<Option<Vec<(u32, N)>>>()?;
        let per_group = (GROUP_BYTES / (size_of::<W>() * LANES)).max(1);
        let mut bits = Self {
            cuts: Vec::with_capacity(forest.nodes.len()),
            groups: Vec::new(),
            starts: Vec::with_capacity(forest.roots.len()),
            leaves: Vec::new(),
        };
        for roots in forest.roots.chunks(per_group) {
            let mut cuts: Vec<(u32, Cut<N, W>)> = Vec::new();
            for (tree, root) in roots.iter().enumerate() {
                let start = bits.leaves.len();
                bits.starts.push(start as u32);
                bits.cut(forest, &tests, tree as u32, start, *root, &mut cuts);
            }
            cuts.sort_by(|(a, x), (b, y)| {
                let by_threshold = x.threshold.wide().total_cmp(&y.threshold.wide());
                a.cmp(b).then(by_threshold).then(x.tree.cmp(&y.tree))
            });
            let offset = bits.cuts.len();
            let mut runs: Vec<Run> = Vec::new();
            for (index, (slot, cut)) in cuts.into_iter().enumerate() {
                let at = offset + index;
                match runs.last_mut() {
                    Some(run) if run.slot == slot => run.end = at + 1,
                    _ => runs.push(Run {
                        slot,
                        start: at,
                        end: at + 1,
                    }),
                }
                bits.cuts.push(cut);
            }
            bits.groups.push(Group {
                runs,
                trees: roots.len(),
            });
        }
        Some(bits)
    }

    /// Lists the leaves below `child` and the cuts of its nodes. As deep as a tree of few leaves.
    fn cut(
        &mut self,
        forest: &Forest,
        tests: &[(u32, N)],
        tree: u32,
        start: usize,
        child: Child,
        cuts: &mut Vec<(u32, Cut<N, W>)>,
    ) {
        match child {
            Child::Leaf(leaf) => self.leaves.push(leaf as u32),
            Child::Node(index) => {
                let node = &forest.nodes[index];
                let first = self.leaves.len() - start;
                self.cut(forest, tests, tree, start, node.left, cuts);
                let mask = W::without(first..self.leaves.len() - start);
                cuts.push((
                    tests[index].0,
                    Cut {
                        threshold: tests[index].1,
                        tree,
                        mask,
                    },
                ));
                self.cut(forest, tests, tree, start, node.right, cuts);
            }
        }
    }

    /// Tests of all trees: what a block of rows costs.
    pub(super) fn cuts(&self) -> usize {
        self.cuts.len()
    }

    /// The leaves of a block of rows in each tree, tree by tree in order. `values` are those of
    /// [`Quantiser::values`].
    pub(super) fn rows(
        &self,
        level: Level,
        values: &[[N; LANES]],
        words: &mut Vec<[W; LANES]>,
        mut arrived: impl FnMut(usize, &[u32; LANES]),
    ) {
        let mut before = 0;
        for group in &self.groups {
            words.clear();
            words.resize(group.trees, [W::ONES; LANES]);
            level.work(CrossOut {
                cuts: &self.cuts,
                runs: &group.runs,
                values,
                words,
            });
            for (tree, words) in words.iter().enumerate() {
                let start = self.starts[before + tree];
                let leaves = words.map(|word| self.leaves[(start + word.lowest()) as usize]);
                arrived(before + tree, &leaves);
            }
            before += group.trees;
        }
    }
}

/// Crosses out the leaves that a block of rows cannot reach.
struct CrossOut<'a, N, W> {
    cuts: &'a [Cut<N, W>],
    runs: &'a [Run],
    values: &'a [[N; LANES]],
    words: &'a mut [[W; LANES]],
}

impl<N: Number, W: Word> Work<()> for CrossOut<'_, N, W> {
    #[inline(always)]
    fn run(self) {
        for run in self.runs {
            let values = &self.values[run.slot as usize];
            // NaN is not more than anything: it passes every test, as it should in its slot.
            let largest = values
                .iter()
                .fold(N::narrow(f64::NEG_INFINITY), |largest, value| {
                    if *value > largest { *value } else { largest }
                });
            for cut in &self.cuts[run.start..run.end] {
                // The thresholds ascend: from here on, all rows pass.
                if largest <= cut.threshold {
                    break;
                }
                let words = &mut self.words[cut.tree as usize];
                // On a copy and without a choice: so it becomes a few vector instructions.
                let mut next = *words;
                for (word, value) in next.iter_mut().zip(values) {
                    *word &= cut.mask | W::unless(*value > cut.threshold);
                }
                *words = next;
            }
        }
    }
}

/// Leaves of the largest tree, those under a shared node counted each time.
fn most_leaves(forest: &Forest) -> u64 {
    let mut counts: Vec<u64> = Vec::with_capacity(forest.nodes.len());
    let count = |counts: &[u64], child| match child {
        Child::Leaf(_) => 1,
        Child::Node(index) => counts[index],
    };
    for node in &forest.nodes {
        let sum = count(&counts, node.left).saturating_add(count(&counts, node.right));
        counts.push(sum);
    }
    forest
        .roots
        .iter()
        .map(|root| count(&counts, *root))
        .max()
        .unwrap_or(0)
}
