//! From rows to sums of votes: ranks, leaves, votes.
//!
//! Leaves are found by one of two ways, [`Walk`] and [`Bits`]; both find the same ones, and votes are always
//! added in the order of the trees, so a row's scores are the same bits whichever way was taken.

use super::bits::{Bits, LANES};
use super::forest::{Child, Forest};
use super::quantise::{Number, Quantiser};
use super::walk::Walk;
use crate::operators::cpu::Level;

/// How the votes of the trees become one score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// Scores of a batch, row by row.
#[derive(Debug)]
pub(super) struct Scores<N> {
    pub(super) targets: usize,
    /// `rows × targets`; zero where nothing voted.
    pub(super) sums: Vec<N>,
    /// Whether any leaf voted for the target, `rows × targets`.
    pub(super) voted: Vec<bool>,
}

/// A forest made ready for one type of thresholds.
#[derive(Debug)]
pub(super) struct Evaluator<N> {
    quantiser: Quantiser<N>,
    walk: Walk,
    bits: Words<N>,
    votes: Votes<N>,
    trees: usize,
    targets: usize,
    level: Level,
}

#[derive(Debug)]
enum Words<N> {
    None,
    Narrow(Bits<N, u32>),
    Wide(Bits<N, u64>),
}

/// The leaves' votes.
#[derive(Debug)]
enum Votes<N> {
    /// Every leaf of a tree votes once, for the target of the tree: boosted trees, regressions.
    One { targets: Vec<u32>, weights: Vec<N> },
    /// Leaves vote for several targets: votes `starts[leaf]..starts[leaf + 1]`.
    Many {
        starts: Vec<u32>,
        targets: Vec<u32>,
        weights: Vec<N>,
    },
}

/// Rows that walk together.
const WALKERS: usize = 8;

/// What a step of a walk costs beside a test of a block of rows, measured on x86-64 with AVX2.
const STEP_COST: f64 = 1.5;

impl<N: Number> Evaluator<N> {
    pub(super) fn of(forest: &Forest) -> Self {
        Self::with_level(forest, Level::detect())
    }

    fn with_level(forest: &Forest, level: Level) -> Self {
        let (quantiser, tests) = Quantiser::of(forest);
        let bits = match Bits::<N, u32>::of(forest, &tests, &quantiser) {
            Some(bits) => Words::Narrow(bits),
            None => Bits::<N, u64>::of(forest, &tests, &quantiser).map_or(Words::None, Words::Wide),
        };
        Self {
            quantiser,
            walk: Walk::of(forest, &tests),
            bits,
            votes: Votes::of(forest),
            trees: forest.roots.len(),
            targets: forest.targets,
            level,
        }
    }

    /// Scores `rows` rows; `value(row, feature)` reads a feature.
    pub(super) fn scores(
        &self,
        rows: usize,
        aggregate: Aggregate,
        value: impl Fn(usize, usize) -> N,
    ) -> Scores<N> {
        let mut scores = Scores {
            targets: self.targets,
            sums: vec![N::default(); rows * self.targets],
            voted: vec![false; rows * self.targets],
        };
        let mut block = 0;
        let mut scratch = Scratch::default();
        while block < rows {
            let left = rows - block;
            let len = if self.crosses_out(left.min(LANES)) {
                self.block(
                    &mut scratch,
                    block,
                    left.min(LANES),
                    aggregate,
                    &value,
                    &mut scores,
                );
                left.min(LANES)
            } else if left >= WALKERS / 2 {
                let len = left.min(WALKERS);
                self.walkers(block, len, aggregate, &value, &mut scores);
                len
            } else {
                self.walker(block, aggregate, &value, &mut scores);
                1
            };
            block += len;
        }
        if aggregate == Aggregate::Average {
            let trees = N::narrow(self.trees as f64);
            for sum in &mut scores.sums {
                *sum = sum.divided(trees);
            }
        }
        scores
    }

    /// Whether crossing out is the faster way for a block with `rows` rows in use.
    fn crosses_out(&self, rows: usize) -> bool {
        let per_test = match &self.bits {
            Words::None => return false,
            Words::Narrow(bits) => bits.cuts() as f64 * self.level.block_cost(32),
            Words::Wide(bits) => bits.cuts() as f64 * self.level.block_cost(64),
        };
        let walked = self.trees as f64 * self.walk.mean_depth() * STEP_COST * rows as f64;
        per_test < walked
    }

    fn block(
        &self,
        scratch: &mut Scratch<N>,
        first: usize,
        rows: usize,
        aggregate: Aggregate,
        value: &impl Fn(usize, usize) -> N,
        scores: &mut Scores<N>,
    ) {
        let values = &mut scratch.values;
        values.resize(self.quantiser.slots(), [N::default(); LANES]);
        // Lanes without a row repeat the last one.
        self.quantiser.values(
            |lane, feature| value(first + lane.min(rows - 1), feature),
            values,
        );
        let mut sums = Sums::<N, LANES>::new(self.targets);
        let arrived = |tree: usize, leaves: &[u32; LANES]| {
            self.votes.add(tree, leaves, aggregate, &mut sums);
        };
        match &self.bits {
            Words::None => {}
            Words::Narrow(bits) => bits.rows(self.level, values, &mut scratch.narrow, arrived),
            Words::Wide(bits) => bits.rows(self.level, values, &mut scratch.wide, arrived),
        }
        sums.store(first, rows, scores);
    }

    fn walkers(
        &self,
        first: usize,
        rows: usize,
        aggregate: Aggregate,
        value: &impl Fn(usize, usize) -> N,
        scores: &mut Scores<N>,
    ) {
        let mut ranks = vec![[0; WALKERS]; self.quantiser.slots().max(1)];
        self.quantiser.rank(
            |lane, feature| value(first + lane.min(rows - 1), feature),
            &mut ranks,
        );
        let mut sums = Sums::<N, WALKERS>::new(self.targets);
        self.walk.rows(&ranks, |tree, leaves| {
            self.votes.add(tree, leaves, aggregate, &mut sums);
        });
        sums.store(first, rows, scores);
    }

    fn walker(
        &self,
        row: usize,
        aggregate: Aggregate,
        value: &impl Fn(usize, usize) -> N,
        scores: &mut Scores<N>,
    ) {
        let mut ranks = vec![[0]; self.quantiser.slots().max(1)];
        self.quantiser
            .rank(|_, feature| value(row, feature), &mut ranks);
        let mut sums = Sums::<N, 1>::new(self.targets);
        self.walk.one_row(&ranks, |tree, leaf| {
            self.votes.add(tree, &[leaf], aggregate, &mut sums);
        });
        sums.store(row, 1, scores);
    }
}

/// Buffers that blocks of one call share.
#[derive(Default)]
struct Scratch<N> {
    values: Vec<[N; LANES]>,
    narrow: Vec<[u32; LANES]>,
    wide: Vec<[u64; LANES]>,
}

/// Sums of a block, target by target.
struct Sums<N, const L: usize> {
    sums: Vec<[N; L]>,
    voted: Vec<[bool; L]>,
}

impl<N: Number, const L: usize> Sums<N, L> {
    fn new(targets: usize) -> Self {
        Self {
            sums: vec![[N::default(); L]; targets],
            voted: vec![[false; L]; targets],
        }
    }

    #[inline]
    fn vote(&mut self, target: usize, lane: usize, weight: N, aggregate: Aggregate) {
        let sum = &mut self.sums[target][lane];
        let voted = &mut self.voted[target][lane];
        match aggregate {
            Aggregate::Sum | Aggregate::Average => *sum += weight,
            Aggregate::Min if !*voted || weight < *sum => *sum = weight,
            Aggregate::Max if !*voted || weight > *sum => *sum = weight,
            Aggregate::Min | Aggregate::Max => {}
        }
        *voted = true;
    }

    fn store(&self, first: usize, rows: usize, scores: &mut Scores<N>) {
        let targets = scores.targets;
        for (target, (sums, voted)) in self.sums.iter().zip(&self.voted).enumerate() {
            for lane in 0..rows {
                scores.sums[(first + lane) * targets + target] = sums[lane];
                scores.voted[(first + lane) * targets + target] = voted[lane];
            }
        }
    }
}

impl<N: Number> Votes<N> {
    fn of(forest: &Forest) -> Self {
        if let Some(targets) = single_targets(forest) {
            let weights = forest.leaves.iter().map(|leaf| match leaf.first() {
                Some(vote) => N::narrow(vote.weight),
                None => N::default(),
            });
            return Self::One {
                targets,
                weights: weights.collect(),
            };
        }
        let (mut starts, mut targets, mut weights) = (vec![0], vec![], vec![]);
        for leaf in &forest.leaves {
            for vote in leaf {
                targets.push(vote.target as u32);
                weights.push(N::narrow(vote.weight));
            }
            starts.push(targets.len() as u32);
        }
        Self::Many {
            starts,
            targets,
            weights,
        }
    }

    #[inline]
    fn add<const L: usize>(
        &self,
        tree: usize,
        leaves: &[u32; L],
        aggregate: Aggregate,
        sums: &mut Sums<N, L>,
    ) {
        match self {
            Self::One { targets, weights } => {
                let target = targets[tree] as usize;
                if matches!(aggregate, Aggregate::Sum | Aggregate::Average) {
                    for (sum, leaf) in sums.sums[target].iter_mut().zip(leaves) {
                        *sum += weights[*leaf as usize];
                    }
                    sums.voted[target] = [true; L];
                } else {
                    for (lane, leaf) in leaves.iter().enumerate() {
                        sums.vote(target, lane, weights[*leaf as usize], aggregate);
                    }
                }
            }
            Self::Many {
                starts,
                targets,
                weights,
            } => {
                for (lane, leaf) in leaves.iter().enumerate() {
                    let leaf = *leaf as usize;
                    for vote in starts[leaf] as usize..starts[leaf + 1] as usize {
                        sums.vote(targets[vote] as usize, lane, weights[vote], aggregate);
                    }
                }
            }
        }
    }
}

/// The target of each tree, if every leaf of a tree votes once and for the same one.
fn single_targets(forest: &Forest) -> Option<Vec<u32>> {
    let target = |leaf: usize| match &forest.leaves[leaf][..] {
        [vote] => Some(vote.target),
        _ => None,
    };
    // The target of all leaves below each node; children stand before their parents.
    let mut below: Vec<Option<usize>> = Vec::with_capacity(forest.nodes.len());
    let of = |below: &[Option<usize>], child| match child {
        Child::Leaf(leaf) => target(leaf),
        Child::Node(index) => below[index],
    };
    for node in &forest.nodes {
        let (left, right) = (of(&below, node.left), of(&below, node.right));
        below.push(if left == right { left } else { None });
    }
    forest
        .roots
        .iter()
        .map(|root| of(&below, *root).map(|target| target as u32))
        .collect()
}
