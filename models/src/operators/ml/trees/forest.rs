//! Decision trees in one canonical form, whatever attributes they came from.
//!
//! The standard has seven ways to test a feature and two rules for a missing value. Here every node asks one
//! question, *is the feature at most (or below) a threshold*, and says by itself where NaN goes. Greater-than
//! tests swap their children; equality is two questions; membership is a search tree over the members. Children
//! may be shared (both ways out of an equality lead to the same node), so a tree is a directed acyclic graph.

use tract_onnx::tract_hir::internal::*;

/// A node's test of its feature, for values that are not NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Test {
    /// `x <= threshold` goes left.
    AtMost(f64),
    /// `x < threshold` goes left.
    Below(f64),
    /// Goes right.
    Never,
}

/// Where a branch leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Child {
    /// Index into [`Forest::nodes`].
    Node(usize),
    /// Index into [`Forest::leaves`].
    Leaf(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) feature: usize,
    pub(super) test: Test,
    /// NaN goes left.
    pub(super) nan_left: bool,
    pub(super) left: Child,
    pub(super) right: Child,
}

/// What a leaf adds to the score of a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Vote {
    pub(super) target: usize,
    pub(super) weight: f64,
}

/// Trees of the canonical form. Children stand before their parents.
#[derive(Debug, Default)]
pub(super) struct Forest {
    pub(super) nodes: Vec<Node>,
    /// One a tree, in the order in which scores are added.
    pub(super) roots: Vec<Child>,
    /// Votes of each leaf, in the order in which they are added. Targets are distinct.
    pub(super) leaves: Vec<Vec<Vote>>,
    pub(super) targets: usize,
}

/// The seven tests of the standard, in the order of TreeEnsemble's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Leq,
    Lt,
    Gte,
    Gt,
    Eq,
    Neq,
    Member,
}

/// A node as the file has it.
#[derive(Debug, Clone)]
pub(super) struct RawNode {
    pub(super) feature: usize,
    pub(super) mode: Mode,
    /// The threshold; of `Member`, its members.
    pub(super) values: Vec<f64>,
    /// NaN takes the true branch whatever the test says.
    pub(super) missing_true: bool,
    pub(super) yes: RawChild,
    pub(super) no: RawChild,
}

/// A branch as the file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RawChild {
    /// Index into the raw nodes.
    Node(usize),
    /// Index into the leaves.
    Leaf(usize),
}

/// Brings raw trees into the canonical form.
///
/// Each node is built once, so the work is bounded by the size of the file. Nodes and leaves may be shared; a node
/// that is reached from below itself is refused.
pub(super) fn canonical(
    raw: &[RawNode],
    roots: &[RawChild],
    leaves: Vec<Vec<Vote>>,
    targets: usize,
) -> TractResult<Forest> {
    let mut forest = Forest {
        nodes: Vec::with_capacity(raw.len()),
        roots: Vec::with_capacity(roots.len()),
        leaves,
        targets,
    };
    let mut reached = vec![false; raw.len()];
    // Canonical node of each raw one; built children first, because a node names its children.
    let mut built: Vec<Option<Child>> = vec![None; raw.len()];
    for root in roots {
        let root = match *root {
            RawChild::Leaf(leaf) => Child::Leaf(leaf),
            RawChild::Node(index) => forest.build(raw, index, &mut reached, &mut built)?,
        };
        forest.roots.push(root);
    }
    if let Some(lost) = reached.iter().position(|reached| !reached) {
        bail!("node {lost} belongs to no tree");
    }
    for leaf in &forest.leaves {
        for (index, vote) in leaf.iter().enumerate() {
            ensure!(
                vote.target < targets,
                "a leaf votes for target {}, but there are {targets}",
                vote.target
            );
            ensure!(
                leaf[..index]
                    .iter()
                    .all(|other| other.target != vote.target),
                "a leaf votes twice for target {}",
                vote.target
            );
        }
    }
    Ok(forest)
}

impl Forest {
    /// Largest feature that a test reads, plus one.
    pub(super) fn features(&self) -> usize {
        self.nodes
            .iter()
            .map(|node| node.feature + 1)
            .max()
            .unwrap_or(0)
    }

    /// Whether every row gets a vote for `target`: some tree has it in all of its leaves.
    pub(super) fn always_voted(&self, target: usize) -> bool {
        let votes = |leaf: usize| self.leaves[leaf].iter().any(|vote| vote.target == target);
        // Whether all leaves below a node vote for it; children stand before their parents.
        let mut below: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let all = [node.left, node.right]
                .into_iter()
                .all(|child| match child {
                    Child::Leaf(leaf) => votes(leaf),
                    Child::Node(index) => below[index],
                });
            below.push(all);
        }
        self.roots.iter().any(|root| match root {
            Child::Leaf(leaf) => votes(*leaf),
            Child::Node(index) => below[*index],
        })
    }

    /// Builds the tree below a raw node without recursion: files decide how deep trees are.
    ///
    /// A node may be reached by several branches (exporters of categorical splits write such trees), but not from
    /// below itself.
    fn build(
        &mut self,
        raw: &[RawNode],
        root: usize,
        reached: &mut [bool],
        built: &mut [Option<Child>],
    ) -> TractResult<Child> {
        let mut open = vec![root];
        while let Some(&index) = open.last() {
            let Some(node) = raw.get(index) else {
                bail!("a branch leads to node {index}, which does not exist");
            };
            if built[index].is_some() {
                open.pop();
                continue;
            }
            let first_time = !std::mem::replace(&mut reached[index], true);
            let mut ends = [Child::Leaf(0); 2];
            let mut waits = false;
            for (end, child) in ends.iter_mut().zip([node.yes, node.no]) {
                match child {
                    RawChild::Leaf(leaf) => {
                        ensure!(
                            leaf < self.leaves.len(),
                            "a branch leads to leaf {leaf}, which does not exist"
                        );
                        *end = Child::Leaf(leaf);
                    }
                    RawChild::Node(child) => match built.get(child) {
                        Some(Some(child)) => *end = *child,
                        Some(None) => {
                            ensure!(
                                first_time && !reached[child],
                                "node {child} is reached from below itself"
                            );
                            open.push(child);
                            waits = true;
                        }
                        None => bail!("a branch leads to node {child}, which does not exist"),
                    },
                }
            }
            if !waits {
                let [yes, no] = ends;
                built[index] = Some(self.test(node, yes, no)?);
                open.pop();
            }
        }
        built[root].context("the root is built last")
    }

    fn push(&mut self, node: Node) -> Child {
        self.nodes.push(node);
        Child::Node(self.nodes.len() - 1)
    }

    /// One raw node as canonical ones; returns where it begins.
    fn test(&mut self, node: &RawNode, yes: Child, no: Child) -> TractResult<Child> {
        let feature = node.feature;
        let missing = node.missing_true;
        let one = |test, nan_left, left, right| Node {
            feature,
            test,
            nan_left,
            left,
            right,
        };
        if node.mode == Mode::Member {
            let members = members(&node.values)?;
            let root = members.len().checked_sub(1).map(|last| last / 2);
            return Ok(match root {
                Some(middle) => self.search(feature, &members, middle, missing, yes, no),
                None => {
                    let nan = if missing { yes } else { no };
                    self.push(one(Test::Never, true, nan, no))
                }
            });
        }
        let [threshold] = node.values[..] else {
            bail!("a test has {} thresholds", node.values.len());
        };
        if threshold.is_nan() {
            // Nothing compares with NaN, except that everything differs from it.
            let (nan, other) = match node.mode {
                Mode::Neq => (yes, yes),
                _ => (if missing { yes } else { no }, no),
            };
            return Ok(self.push(one(Test::Never, true, nan, other)));
        }
        let built = match node.mode {
            Mode::Leq => one(Test::AtMost(threshold), missing, yes, no),
            Mode::Lt => one(Test::Below(threshold), missing, yes, no),
            // NaN fails these tests, and failing leads left here.
            Mode::Gte => one(Test::Below(threshold), !missing, no, yes),
            Mode::Gt => one(Test::AtMost(threshold), !missing, no, yes),
            Mode::Eq => {
                let below = self.push(one(Test::Below(threshold), false, no, yes));
                one(Test::AtMost(threshold), missing, below, no)
            }
            Mode::Neq => {
                // NaN differs from every number.
                let below = self.push(one(Test::Below(threshold), false, yes, no));
                one(Test::AtMost(threshold), false, below, yes)
            }
            Mode::Member => bail!("membership is handled above"),
        };
        Ok(self.push(built))
    }

    /// `x` is one of the ascending members: a balanced search.
    fn search(
        &mut self,
        feature: usize,
        members: &[Member],
        middle: usize,
        nan_yes: bool,
        yes: Child,
        no: Child,
    ) -> Child {
        let (smaller, larger) = (&members[..middle], &members[middle + 1..]);
        let mut side = |members: &[Member]| match members.len().checked_sub(1) {
            None => no,
            Some(last) => self.search(feature, members, last / 2, false, yes, no),
        };
        let (smaller, larger) = (side(smaller), side(larger));
        // NaN goes left to `inner` and right from there, which is `yes`.
        let inner = self.push(Node {
            feature,
            test: members[middle].under,
            nan_left: false,
            left: smaller,
            right: yes,
        });
        self.push(Node {
            feature,
            test: members[middle].within,
            nan_left: nan_yes,
            left: inner,
            right: larger,
        })
    }
}

/// A member as two tests: values that pass `under` are smaller, and of the others those that pass `within` are the
/// member.
struct Member {
    under: Test,
    within: Test,
}

/// The members that ONNX Runtime looks up in the bits of a mask.
const MASKED: std::ops::RangeInclusive<f64> = 0.0..=30.0;

/// The members of a set, ascending.
///
/// ONNX Runtime takes whole numbers alone. A set within [`MASKED`] is compared exactly; any other set is compared with
/// what is left of the feature without its fraction, so that 1.5 counts as 1.
fn members(values: &[f64]) -> TractResult<Vec<Member>> {
    for value in values {
        ensure!(
            value.fract() == 0.0 && value.abs() < f64::from(1 << 30),
            "the member {value} of a test is not a whole number of at most nine digits"
        );
    }
    let exact = values.iter().all(|value| MASKED.contains(value));
    let mut sorted = values.to_vec();
    // 0 and -0 are one member.
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    let member = |value: f64| {
        if exact {
            Member {
                under: Test::Below(value),
                within: Test::AtMost(value),
            }
        } else {
            Member {
                under: if value > 0.0 {
                    Test::Below(value)
                } else {
                    Test::AtMost(value - 1.0)
                },
                within: if value < 0.0 {
                    Test::AtMost(value)
                } else {
                    Test::Below(value + 1.0)
                },
            }
        }
    };
    Ok(sorted.into_iter().map(member).collect())
}
