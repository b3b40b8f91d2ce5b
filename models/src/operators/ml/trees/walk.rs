//! Walks down trees, several at once.
//!
//! A step of a walk waits for the memory of the step before, but not for other walks; so a few are
//! done in turn. Leaves lead to themselves, so no step asks whether it has arrived.

use std::collections::VecDeque;

use super::forest::{Child, Forest};
use super::quantise::{ALWAYS, RankTest};

/// A node: at `ranks[slot] <= key` on to `left`, otherwise to the node after that.
#[derive(Debug, Clone, Copy)]
struct Step {
    key: u32,
    slot: u32,
    left: u32,
    /// What a leaf is: index into [`Forest::leaves`].
    leaf: u32,
}

/// A tree's first node, and the longest way down from it.
#[derive(Debug, Clone, Copy)]
struct Tree {
    root: u32,
    depth: u32,
}

/// The forest as a list of steps, pairs of children side by side.
#[derive(Debug)]
pub(super) struct Walk {
    steps: Vec<Step>,
    trees: Vec<Tree>,
}

/// Walks that are done in turn.
const TOGETHER: usize = 8;

impl Walk {
    pub(super) fn of(forest: &Forest, tests: &[RankTest]) -> Self {
        let mut walk = Self {
            steps: Vec::with_capacity(forest.nodes.len() * 2 + forest.roots.len()),
            trees: Vec::with_capacity(forest.roots.len()),
        };
        let ways = longest_ways(forest);
        // Where a canonical node was placed. A second way to it leads over a step that everything passes.
        let mut placed: Vec<Option<u32>> = vec![None; forest.nodes.len()];
        for root in &forest.roots {
            let first = walk.steps.len() as u32;
            walk.steps.push(Step::to(first, 0));
            let mut open = VecDeque::from([(first, *root)]);
            while let Some((place, child)) = open.pop_front() {
                let index = match child {
                    Child::Leaf(leaf) => {
                        walk.steps[place as usize] = Step::to(place, leaf as u32);
                        continue;
                    }
                    Child::Node(index) => index,
                };
                if let Some(there) = placed[index] {
                    walk.steps[place as usize] = Step::to(there, 0);
                    continue;
                }
                placed[index] = Some(place);
                let left = walk.steps.len() as u32;
                walk.steps
                    .extend([Step::to(left, 0), Step::to(left + 1, 0)]);
                walk.steps[place as usize] = Step {
                    key: tests[index].key,
                    slot: tests[index].slot,
                    left,
                    leaf: 0,
                };
                let node = &forest.nodes[index];
                open.extend([(left, node.left), (left + 1, node.right)]);
            }
            walk.trees.push(Tree {
                root: first,
                depth: match root {
                    Child::Leaf(_) => 0,
                    Child::Node(index) => ways[*index],
                },
            });
        }
        walk
    }

    /// Mean depth over the trees: what one row costs a tree.
    pub(super) fn mean_depth(&self) -> f64 {
        let sum: u64 = self.trees.iter().map(|tree| u64::from(tree.depth)).sum();
        sum as f64 / self.trees.len().max(1) as f64
    }

    /// The leaf of one row in each tree, in order.
    pub(super) fn one_row(&self, ranks: &[[u32; 1]], mut arrived: impl FnMut(usize, u32)) {
        for (group, trees) in self.trees.chunks(TOGETHER).enumerate() {
            let mut at = [trees[0].root; TOGETHER];
            let mut depth = 0;
            for (at, tree) in at.iter_mut().zip(trees) {
                *at = tree.root;
                depth = depth.max(tree.depth);
            }
            for _ in 0..depth {
                let mut still = 0;
                for at in &mut at {
                    let step = self.steps[*at as usize];
                    let next = step.left + u32::from(ranks[step.slot as usize][0] > step.key);
                    still |= next ^ *at;
                    *at = next;
                }
                if still == 0 {
                    break;
                }
            }
            for (index, at) in at.iter().take(trees.len()).enumerate() {
                arrived(group * TOGETHER + index, self.steps[*at as usize].leaf);
            }
        }
    }

    /// The leaves of `LANES` rows in each tree, tree by tree.
    pub(super) fn rows<const LANES: usize>(
        &self,
        ranks: &[[u32; LANES]],
        mut arrived: impl FnMut(usize, &[u32; LANES]),
    ) {
        for (index, tree) in self.trees.iter().enumerate() {
            let mut at = [tree.root; LANES];
            for _ in 0..tree.depth {
                let mut still = 0;
                for (lane, at) in at.iter_mut().enumerate() {
                    let step = self.steps[*at as usize];
                    let next = step.left + u32::from(ranks[step.slot as usize][lane] > step.key);
                    still |= next ^ *at;
                    *at = next;
                }
                if still == 0 {
                    break;
                }
            }
            let leaves = at.map(|at| self.steps[at as usize].leaf);
            arrived(index, &leaves);
        }
    }
}

impl Step {
    /// A step that everything passes: of a leaf to itself, or on to a node that has its place elsewhere.
    const fn to(place: u32, leaf: u32) -> Self {
        Self {
            key: ALWAYS,
            slot: 0,
            left: place,
            leaf,
        }
    }
}

/// At most how many steps lead from each node to a leaf; a node that is reached twice may cost a step more.
fn longest_ways(forest: &Forest) -> Vec<u32> {
    let mut reached = vec![0u8; forest.nodes.len()];
    for node in &forest.nodes {
        for child in [node.left, node.right] {
            if let Child::Node(index) = child {
                reached[index] = reached[index].saturating_add(1);
            }
        }
    }
    let mut ways: Vec<u32> = Vec::with_capacity(forest.nodes.len());
    for node in &forest.nodes {
        let way = |child| match child {
            Child::Leaf(_) => 1,
            // Children stand before their parents.
            Child::Node(index) => ways[index] + 1 + u32::from(reached[index] > 1),
        };
        ways.push(way(node.left).max(way(node.right)));
    }
    ways
}
