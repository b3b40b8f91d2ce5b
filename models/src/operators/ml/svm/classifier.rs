//! SVMClassifier: the class that wins most pairs, and a score for each class or each pair.
//!
//! With support vectors each pair of classes has a score; a score above zero is a vote for the first class of the
//! pair, any other (NaN too) for the second. The label is the first class with the most votes. Scores are
//! - with `prob_a` and `prob_b`, a probability for each class, which need not favour the label;
//! - otherwise the pairs' own, of which two classes have one that is written twice: `-x, x`, or `1 - x, x` with
//!   a post transform.
//!
//! Without support vectors each class has a score, and all of them get the same `rho`. The label is the class with the
//! largest score, but the second of two classes if that score is above zero (0.5 and more, if no coefficient
//! is negative).

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::coupling::Coupling;
use super::kernel::{Kernel, compare};
use super::{TILE, check_input, expect_len, read_vectors, weigh};
use crate::operators::blocks::Blocks;
use crate::operators::cpu::Level;
use crate::operators::kernel::Built;
use crate::operators::ml::attributes::Attributes;
use crate::operators::ml::labels::{Labels, largest};
use crate::operators::ml::post_transform::{PostTransform, SecondClass};
use crate::operators::ml::tabular::{self, Form, Shared, Tabular, floats, tensor};

pub(super) fn build(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    tabular::build(SvmClassifier(Shared::new(Model::read(node)?)))
}

/// Most classes, whose pairs still fit into memory.
const CLASSES: usize = 4096;

#[derive(Debug)]
struct Model {
    labels: Labels,
    kernel: Kernel,
    vectors: Blocks,
    post: PostTransform,
    decision: Decision,
}

/// What is made of the kernel's values.
#[derive(Debug)]
enum Decision {
    /// Each of them is a class's score.
    Linear {
        /// The second of two classes wins from 0.5, not above zero.
        all_positive: bool,
        /// The label follows the scores alone.
        probabilities: bool,
    },
    Pairs {
        /// First vector of each class, and the end of the last.
        starts: Vec<usize>,
        /// For each class but one, a weight for each vector.
        weights: Vec<f32>,
        rho: Vec<f32>,
        /// Platt's two parameters of each pair.
        platt: Option<Vec<(f32, f32)>>,
        /// How a pair's score is written where it is the only one.
        second: SecondClass,
    },
}

impl Model {
    fn read(node: &NodeProto) -> TractResult<Self> {
        let attributes = Attributes::of(node);
        let labels = Labels::read(&attributes, &node.op_type)?;
        let classes = labels.len();
        ensure!(
            (1..=CLASSES).contains(&classes),
            "SVMClassifier has {classes} class labels; it takes 1 to {CLASSES}"
        );
        let coefficients = attributes.floats("coefficients");
        let rho = attributes.floats("rho");
        let (prob_a, prob_b) = (attributes.floats("prob_a"), attributes.floats("prob_b"));
        expect_len(node, "prob_b", prob_b, prob_a.len())?;
        let post = PostTransform::parse(attributes.string("post_transform")?)?;
        let mut starts = vec![0];
        let mut count = 0usize;
        for vectors in attributes.ints("vectors_per_class") {
            let vectors = usize::try_from(*vectors).ok();
            match vectors.and_then(|vectors| count.checked_add(vectors)) {
                Some(sum) => count = sum,
                None => bail!("SVMClassifier has an impossible number of vectors for a class"),
            }
            starts.push(count);
        }
        if count == 0 {
            expect_len(node, "rho", rho, 1)?;
            ensure!(
                !coefficients.is_empty() && coefficients.len().is_multiple_of(classes),
                "SVMClassifier has {} coefficients for {classes} classes",
                coefficients.len()
            );
            ensure!(
                attributes.floats("support_vectors").is_empty(),
                "SVMClassifier has support vectors, but vectors_per_class counts none"
            );
            return Ok(Self {
                labels,
                kernel: Kernel::read(&node.op_type, &attributes, Some(rho[0]))?,
                vectors: Blocks::new(coefficients, classes),
                post,
                decision: Decision::Linear {
                    all_positive: coefficients.iter().all(|value| *value >= 0.0),
                    probabilities: !prob_a.is_empty(),
                },
            });
        }
        ensure!(
            classes > 1 && starts.len() == classes + 1,
            "SVMClassifier has {classes} class labels, but support vectors of {} classes",
            starts.len() - 1
        );
        let vectors = read_vectors(node, &attributes, count)?;
        let pairs = classes * (classes - 1) / 2;
        match (classes - 1).checked_mul(count) {
            Some(len) => expect_len(node, "coefficients", coefficients, len)?,
            None => bail!("SVMClassifier has too many vectors"),
        }
        expect_len(node, "rho", rho, pairs)?;
        let platt = if prob_a.is_empty() {
            None
        } else {
            expect_len(node, "prob_a", prob_a, pairs)?;
            Some(prob_a.iter().copied().zip(prob_b.iter().copied()).collect())
        };
        let second = match post {
            _ if classes > 2 || platt.is_some() => SecondClass::Absent,
            PostTransform::None => SecondClass::Negation,
            _ => SecondClass::Complement,
        };
        post.check(second)?;
        Ok(Self {
            labels,
            kernel: Kernel::read(&node.op_type, &attributes, None)?,
            vectors,
            post,
            decision: Decision::Pairs {
                starts,
                weights: coefficients.to_vec(),
                rho: rho.to_vec(),
                platt,
                second,
            },
        })
    }

    /// Scores that are written for a row.
    fn width(&self) -> usize {
        match &self.decision {
            Decision::Pairs {
                platt: None,
                rho,
                second,
                ..
            } => rho.len() * second.width(),
            Decision::Pairs { .. } | Decision::Linear { .. } => self.labels.len(),
        }
    }
}

/// Writes the score of each pair and returns the class with the most votes, the first of equal ones.
fn decide_pairs(
    values: &[f32],
    starts: &[usize],
    weights: &[f32],
    rho: &[f32],
    scores: &mut [f32],
    votes: &mut [usize],
) -> usize {
    votes.fill(0);
    let weights_of =
        |row: usize, class: usize| &weights[row * values.len()..][starts[class]..starts[class + 1]];
    let values_of = |class: usize| &values[starts[class]..starts[class + 1]];
    let mut pairs = scores.iter_mut().zip(rho);
    for first in 0..votes.len() {
        for second in first + 1..votes.len() {
            let Some((score, rho)) = pairs.next() else {
                return 0;
            };
            // The weights of a class against itself are left out of its column.
            let sum = weigh(weights_of(second - 1, first), values_of(first))
                + weigh(weights_of(first, second), values_of(second))
                + f64::from(*rho);
            *score = sum as f32;
            votes[if sum > 0.0 { first } else { second }] += 1;
        }
    }
    let most = votes.iter().max().copied().unwrap_or(0);
    votes.iter().position(|votes| *votes == most).unwrap_or(0)
}

fn decide_linear(scores: &[f32], all_positive: bool, probabilities: bool) -> usize {
    let best = largest(scores);
    let second_wins = if all_positive {
        scores[best] >= 0.5
    } else {
        scores[best] > 0.0
    };
    if scores.len() == 2 && !probabilities && second_wins {
        1
    } else {
        best
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SvmClassifier(Shared<Model>);

impl Tabular for SvmClassifier {
    fn name(&self) -> &'static str {
        "SVMClassifier"
    }

    fn output_count(&self) -> usize {
        2
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let rows = check_input(self.name(), inputs, &self.0.vectors)?;
        Ok(tvec!(
            Form::new(self.0.labels.datum(), [rows.clone()]),
            Form::new(DatumType::F32, [rows, self.0.width().to_dim()])
        ))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let model = &*self.0;
        let level = Level::detect();
        let input = floats(inputs[0])?;
        let rows = inputs[0].shape()[0];
        let (columns, count, width) = (model.vectors.width(), model.vectors.count(), model.width());
        let mut scores = vec![0.0; rows * width];
        let mut labels = vec![0; rows];

        let classes = model.labels.len();
        let mut values = vec![0.0; TILE.min(rows) * count];
        let mut votes = vec![0; classes];
        let mut pair_scores = vec![0.0; classes * classes.saturating_sub(1) / 2];
        let mut coupling = None;
        for ((input, scores), labels) in input
            .chunks(TILE * columns)
            .zip(scores.chunks_mut(TILE * width))
            .zip(labels.chunks_mut(TILE))
        {
            let values = &mut values[..labels.len() * count];
            compare(&model.kernel, &model.vectors, level, input, values);
            for ((values, scores), label) in values
                .chunks_exact(count)
                .zip(scores.chunks_exact_mut(width))
                .zip(labels)
            {
                match &model.decision {
                    Decision::Linear {
                        all_positive,
                        probabilities,
                    } => {
                        scores.copy_from_slice(values);
                        *label = decide_linear(scores, *all_positive, *probabilities);
                        model.post.finish(scores);
                    }
                    Decision::Pairs {
                        starts,
                        weights,
                        rho,
                        platt,
                        second,
                    } => {
                        let pairs = &mut pair_scores;
                        *label = decide_pairs(values, starts, weights, rho, pairs, &mut votes);
                        match (platt, &mut **pairs) {
                            (Some(platt), pairs) => {
                                coupling
                                    .get_or_insert_with(|| Coupling::new(classes))
                                    .probabilities(pairs, platt, scores);
                                model.post.apply(scores);
                            }
                            (None, [only]) => model.post.write_single(*only, *second, scores),
                            (None, pairs) => {
                                scores.copy_from_slice(pairs);
                                model.post.apply(scores);
                            }
                        }
                    }
                }
            }
        }
        Ok(tvec!(
            model.labels.of(&labels)?,
            tensor(&[rows, width], scores)?
        ))
    }
}
