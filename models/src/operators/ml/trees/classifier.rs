//! TreeEnsembleClassifier: a label and a score for each class.
//!
//! The standard leaves open how two classes share one score. What is here is ONNX Runtime's reading
//! (`tree_ensemble_aggregator.h`): see [`Classifier::two`].

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::evaluate::{Aggregate, Scores};
use super::quantise::Number;
use super::read::{Names, read};
use super::{Prepared, Sums};
use crate::operators::kernel::{Built, Exact};
use crate::operators::ml::attributes::{Attributes, check_len};
use crate::operators::ml::post_transform::{PostTransform, SecondClass};
use crate::operators::ml::tabular::{Form, Shared, Tabular, build, tensor};
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: ML_DOMAIN,
    name: "TreeEnsembleClassifier",
    types: Types::F32.or(Types::F64).or(Types::I32).or(Types::I64),
    attributes: &[
        "base_values",
        "base_values_as_tensor",
        "class_ids",
        "class_nodeids",
        "class_treeids",
        "class_weights",
        "class_weights_as_tensor",
        "classlabels_int64s",
        "classlabels_strings",
        "nodes_falsenodeids",
        "nodes_featureids",
        "nodes_hitrates",
        "nodes_hitrates_as_tensor",
        "nodes_missing_value_tracks_true",
        "nodes_modes",
        "nodes_nodeids",
        "nodes_treeids",
        "nodes_truenodeids",
        "nodes_values",
        "nodes_values_as_tensor",
        "post_transform",
    ],
    engine: Engine::Own(tree_ensemble_classifier),
}];

const NAMES: Names = Names {
    ids: "class_ids",
    node_ids: "class_nodeids",
    tree_ids: "class_treeids",
    weights: "class_weights",
    weights_as_tensor: "class_weights_as_tensor",
};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Labels {
    Ints(Vec<i64>),
    Strings(Vec<String>),
}

fn tree_ensemble_classifier(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let ints = attributes.ints("classlabels_int64s").to_vec();
    let strings = attributes.strings("classlabels_strings")?;
    let labels = match (ints.is_empty(), strings.is_empty()) {
        (false, true) => Labels::Ints(ints),
        (true, false) => Labels::Strings(strings),
        _ => bail!("TreeEnsembleClassifier needs either integer or string class labels"),
    };
    let classes = match &labels {
        Labels::Ints(labels) => labels.len(),
        Labels::Strings(labels) => labels.len(),
    };
    ensure!(
        classes >= 2,
        "TreeEnsembleClassifier of a single class is not defined: ONNX Runtime reads beyond its labels"
    );
    let trees = read(node, &NAMES, classes)?;
    let transform = PostTransform::parse(attributes.string("post_transform")?)?;

    let allowed: &[usize] = if classes == 2 {
        &[0, 1, 2]
    } else {
        &[0, classes]
    };
    check_len(node, "base_values", trees.base_values.len(), allowed)?;
    let rule = match (classes, trees.one_target_voted) {
        (2, true) if trees.all_positive => Rule::Half,
        (2, true) => Rule::Zero,
        _ => Rule::Scores,
    };
    if classes == 2 && rule == Rule::Scores {
        ensure!(
            (0..2).all(|class| trees.forest.always_voted(class)),
            "TreeEnsembleClassifier of two classes has leaves that vote for one of them alone. ONNX Runtime leaves the other's score unwritten then"
        );
        ensure!(
            !matches!(&labels, Labels::Ints(labels) if labels != &[0, 1]),
            "TreeEnsembleClassifier has votes for both of its two classes, and labels that are not 0 and 1. ONNX Runtime gives 0 and 1 all the same"
        );
    }
    ensure!(
        trees.forest.leaves.iter().any(|leaf| !leaf.is_empty()),
        "TreeEnsembleClassifier has no votes"
    );
    if classes == 2
        && rule != Rule::Scores
        && trees.base_values.len() < 2
        && trees.forest.always_voted(0)
    {
        transform.check(SecondClass::Complement)?;
    }
    build(Classifier {
        trees: Shared::new(Prepared::new(trees.forest, trees.double)),
        labels,
        base_values: trees.base_values.into_iter().map(Exact::new).collect(),
        transform,
        rule,
    })
}

/// How the label of two classes is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// All votes are for one class and none is negative: the score is a probability, above one half is the
    /// second class.
    Half,
    /// All votes are for one class: above zero is the second class.
    Zero,
    /// Both classes have votes.
    Scores,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Classifier {
    trees: Shared<Prepared>,
    labels: Labels,
    base_values: Vec<Exact>,
    transform: PostTransform,
    rule: Rule,
}

impl Classifier {
    fn classes(&self) -> usize {
        self.trees.forest.targets
    }

    fn base<N: Number>(&self, class: usize) -> Option<N> {
        self.base_values
            .get(class)
            .map(|base| N::narrow(base.get()))
    }

    /// Class and scores of each row.
    fn classify<N: Number>(&self, mut scores: Scores<N>) -> (Vec<usize>, Vec<f32>) {
        let classes = self.classes();
        let rows = scores.sums.len() / classes;
        let mut chosen = Vec::with_capacity(rows);
        let mut output = Vec::with_capacity(rows * classes);
        for (sums, voted) in scores
            .sums
            .chunks_exact_mut(classes)
            .zip(scores.voted.chunks_exact(classes))
        {
            let class = match (sums, voted) {
                ([first, second], [first_voted, second_voted]) => self.two(
                    first_voted.then_some(*first),
                    second_voted.then_some(*second),
                    &mut output,
                ),
                (sums, voted) => self.many(sums, voted, &mut output),
            };
            chosen.push(class);
        }
        (chosen, output)
    }

    /// Three classes or more: the first of the largest scores among those that were voted for or have a base.
    fn many<N: Number>(&self, sums: &mut [N], voted: &[bool], output: &mut Vec<f32>) -> usize {
        for (class, sum) in sums.iter_mut().enumerate() {
            if let Some(base) = self.base::<N>(class) {
                *sum += base;
            }
        }
        let mut best: Option<usize> = None;
        for class in 0..sums.len() {
            let counts = voted[class] || class < self.base_values.len();
            if counts && best.is_none_or(|best| sums[class] > sums[best]) {
                best = Some(class);
            }
        }
        let start = output.len();
        output.extend(sums.iter().map(|sum| sum.wide() as f32));
        self.transform.apply(&mut output[start..]);
        best.unwrap_or(0)
    }

    /// Two classes, of which one may have no votes at all.
    ///
    /// - Votes for the first class alone make *one* score, which speaks for the second class; with two base
    ///   values it is a score beside a zero instead.
    /// - With votes for the second class both scores stand as they are; two base values make them opposites.
    /// - The label is the second class if the last score is above the threshold of the [`Rule`].
    fn two<N: Number>(&self, first: Option<N>, second: Option<N>, output: &mut Vec<f32>) -> usize {
        let zero = N::default();
        let plus = |score: N, base: Option<N>| {
            let mut sum = score;
            if let Some(base) = base {
                sum += base;
            }
            sum
        };
        let (base, other) = (self.base::<N>(0), self.base::<N>(1));
        let (pair, decisive) = match (second, other) {
            (None, None) => {
                let only = plus(first.unwrap_or(zero), base);
                ((only, None), only)
            }
            (None, Some(_)) => {
                let score = plus(first.unwrap_or(zero), base);
                ((score, Some(zero)), score)
            }
            (Some(second), None) => {
                let score = first.map_or(zero, |first| plus(first, base));
                ((score, Some(second)), second)
            }
            (Some(_), Some(_)) => {
                let positive = plus(first.unwrap_or(zero), other);
                let negative = first.map_or(zero, |_| positive.negated());
                ((negative, Some(positive)), positive)
            }
        };
        let start = output.len();
        output.extend([pair.0.wide() as f32, 0.0]);
        let row = &mut output[start..];
        match pair.1 {
            Some(second) => {
                row[1] = second.wide() as f32;
                self.transform.apply(row);
            }
            None => {
                let second = match self.rule {
                    Rule::Half if self.transform != PostTransform::Logistic => {
                        SecondClass::Complement
                    }
                    _ => SecondClass::Negation,
                };
                self.transform
                    .write_single(pair.0.wide() as f32, second, row);
            }
        }
        let threshold = if self.rule == Rule::Half { 0.5 } else { 0.0 };
        usize::from(decisive.wide() > threshold)
    }
}

impl Tabular for Classifier {
    fn name(&self) -> &'static str {
        "TreeEnsembleClassifier"
    }

    fn output_count(&self) -> usize {
        2
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [input] = inputs else {
            bail!("TreeEnsembleClassifier takes one tensor")
        };
        let (rows, columns) = input.matrix("TreeEnsembleClassifier")?;
        self.trees
            .check("TreeEnsembleClassifier", input.datum, columns)?;
        let label = match self.labels {
            Labels::Ints(_) => DatumType::I64,
            Labels::Strings(_) => DatumType::String,
        };
        Ok(tvec!(
            Form::new(label, [rows.clone()]),
            Form::new(DatumType::F32, [rows, self.classes().to_dim()])
        ))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let rows = inputs[0].shape()[0];
        let (classes, scores) = match self.trees.score(inputs[0], Aggregate::Sum)? {
            Sums::Single(scores) => self.classify(scores),
            Sums::Wide(scores) => self.classify(scores),
        };
        let labels = match &self.labels {
            Labels::Ints(labels) => tensor(
                &[rows],
                classes.iter().map(|class| labels[*class]).collect(),
            )?,
            Labels::Strings(labels) => tensor(
                &[rows],
                classes
                    .iter()
                    .map(|class| labels[*class].clone())
                    .collect::<Vec<_>>(),
            )?,
        };
        Ok(tvec!(labels, tensor(&[rows, self.classes()], scores)?))
    }
}
