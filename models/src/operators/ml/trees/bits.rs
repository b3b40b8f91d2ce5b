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
use super::quantise::RankTest;
use crate::operators::cpu::Level;

/// Rows of a block: two vectors of AVX2, one of AVX-512.
pub(super) const LANES: usize = 16;

/// Most words of a group's rows: what fits into a first-level cache beside the masks.
const GROUP_BYTES: usize = 16 << 10;

/// A word with a bit for each leaf of a tree.
pub(super) trait Word: Copy + std::fmt::Debug + Send + Sync + 'static {
    const BITS: usize;
    const ONES: Self;
    /// All bits but those of `leaves`.
    fn without(leaves: std::ops::Range<usize>) -> Self;
    fn lowest(self) -> u32;
    fn cross_out(words: &mut [Self; LANES], ranks: &[u32; LANES], key: u32, mask: Self);
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
            fn cross_out(words: &mut [Self; LANES], ranks: &[u32; LANES], key: u32, mask: Self) {
                for (word, rank) in words.iter_mut().zip(ranks) {
                    *word &= if *rank > key { mask } else { Self::ONES };
                }
            }
        }
    };
}

word!(u32);
word!(u64);

/// A node as a mask.
#[derive(Debug, Clone, Copy)]
struct Cut<W> {
    key: u32,
    /// Tree within its group.
    tree: u32,
    mask: W,
}

/// The cuts of one slot in one group, keys ascending.
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
pub(super) struct Bits<W> {
    cuts: Vec<Cut<W>>,
    groups: Vec<Group>,
    /// Where each tree's leaves begin in `leaves`.
    starts: Vec<u32>,
    /// Leaves from left to right, tree by tree; indices into [`Forest::leaves`].
    leaves: Vec<u32>,
}

impl<W: Word> Bits<W> {
    /// `None` if a tree has more leaves than the word has bits.
    pub(super) fn of(forest: &Forest, tests: &[RankTest]) -> Option<Self> {
        if most_leaves(forest) > W::BITS as u64 {
            return None;
        }
        let per_group = (GROUP_BYTES / (size_of::<W>() * LANES)).max(1);
        let mut bits = Self {
            cuts: Vec::with_capacity(forest.nodes.len()),
            groups: Vec::new(),
            starts: Vec::with_capacity(forest.roots.len()),
            leaves: Vec::new(),
        };
        for roots in forest.roots.chunks(per_group) {
            let mut cuts: Vec<(u32, Cut<W>)> = Vec::new();
            for (tree, root) in roots.iter().enumerate() {
                let start = bits.leaves.len();
                bits.starts.push(start as u32);
                bits.cut(forest, tests, tree as u32, start, *root, &mut cuts);
            }
            cuts.sort_by_key(|(slot, cut)| (*slot, cut.key, cut.tree));
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
        tests: &[RankTest],
        tree: u32,
        start: usize,
        child: Child,
        cuts: &mut Vec<(u32, Cut<W>)>,
    ) {
        match child {
            Child::Leaf(leaf) => self.leaves.push(leaf as u32),
            Child::Node(index) => {
                let node = &forest.nodes[index];
                let first = self.leaves.len() - start;
                self.cut(forest, tests, tree, start, node.left, cuts);
                let mask = W::without(first..self.leaves.len() - start);
                cuts.push((
                    tests[index].slot,
                    Cut {
                        key: tests[index].key,
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

    /// The leaves of a block of rows in each tree, tree by tree in order.
    pub(super) fn rows(
        &self,
        level: Level,
        ranks: &[[u32; LANES]],
        words: &mut Vec<[W; LANES]>,
        mut arrived: impl FnMut(usize, &[u32; LANES]),
    ) {
        let mut before = 0;
        for group in &self.groups {
            words.clear();
            words.resize(group.trees, [W::ONES; LANES]);
            level.run(|| self.cross_out(group, ranks, words));
            for (tree, words) in words.iter().enumerate() {
                let start = self.starts[before + tree];
                let leaves = words.map(|word| self.leaves[(start + word.lowest()) as usize]);
                arrived(before + tree, &leaves);
            }
            before += group.trees;
        }
    }

    #[inline(always)]
    fn cross_out(&self, group: &Group, ranks: &[[u32; LANES]], words: &mut [[W; LANES]]) {
        for run in &group.runs {
            let ranks = &ranks[run.slot as usize];
            let largest = ranks.iter().copied().max().unwrap_or(0);
            for cut in &self.cuts[run.start..run.end] {
                // The keys ascend: from here on, all rows pass.
                if cut.key >= largest {
                    break;
                }
                W::cross_out(&mut words[cut.tree as usize], ranks, cut.key, cut.mask);
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
