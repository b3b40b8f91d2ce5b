//! LinearClassifier and LinearRegressor of `ai.onnx.ml`: `x · wᵀ + b`, a row of weights for each class or target.
//!
//! A classifier's label is the class with the largest score *before* the post transform, the first of equal
//! ones. With a single row of weights there are two classes: the label is the second one where the score is above
//! zero (so NaN gives the first), and the scores are those of [`SecondClass::Complement`]. That is ONNX Runtime's
//! rule, as is that `multi_class` changes nothing.
//!
//! Products are added up in float64, in one order for every batch size: a product of two float32 is exact there,
//! so terms that cancel leave nothing but the rounding of the result.

use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::labels::{Labels, largest};
use super::post_transform::{PostTransform, SecondClass};
use super::tabular::{Form, Tabular, build, floats, tensor};
use crate::operators::kernel::{Built, Weight};
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        domain: ML_DOMAIN,
        name: "LinearClassifier",
        types: Types::F32.or(Types::F64).or(Types::I32).or(Types::I64),
        attributes: &[
            "classlabels_ints",
            "classlabels_strings",
            "coefficients",
            "intercepts",
            "multi_class",
            "post_transform",
        ],
        engine: Engine::Own(classifier),
    },
    Operator {
        domain: ML_DOMAIN,
        name: "LinearRegressor",
        // ONNX Runtime takes no other.
        types: Types::F32,
        attributes: &["coefficients", "intercepts", "post_transform", "targets"],
        engine: Engine::Own(regressor),
    },
];

fn classifier(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let intercepts = attributes.floats("intercepts");
    let weights = Weights::read(
        "LinearClassifier",
        attributes.floats("coefficients"),
        intercepts.len(),
        intercepts,
    )?;
    let post = PostTransform::parse(attributes.string("post_transform")?)?;
    let mut labels = Labels::read(&attributes, "LinearClassifier")?;
    let second = match (weights.targets(), labels.len()) {
        (1, 2) => SecondClass::Complement,
        (1, 0) => {
            labels = Labels::Ints([0, 1].into());
            SecondClass::Absent
        }
        (targets, labels) => {
            ensure!(
                targets > 1 && targets == labels,
                "LinearClassifier has {labels} class labels for {targets} intercepts"
            );
            SecondClass::Absent
        }
    };
    post.check(second)?;
    build(LinearClassifier {
        weights,
        labels,
        post,
        second,
    })
}

fn regressor(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let targets = attributes.int("targets").unwrap_or(1);
    let Some(targets) = usize::try_from(targets).ok().filter(|targets| *targets > 0) else {
        bail!("LinearRegressor has {targets} targets");
    };
    let weights = Weights::read(
        "LinearRegressor",
        attributes.floats("coefficients"),
        targets,
        attributes.floats("intercepts"),
    )?;
    let post = PostTransform::parse(attributes.string("post_transform")?)?;
    build(LinearRegressor { weights, post })
}

/// A matrix of weights, a row a target, and what is added to each target.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Weights {
    rows: Arc<[Weight]>,
    columns: usize,
    intercepts: Arc<[Weight]>,
}

impl Weights {
    /// Intercepts may be left out, which is as if they were zero.
    fn read(
        operator: &str,
        coefficients: &[f32],
        targets: usize,
        intercepts: &[f32],
    ) -> TractResult<Self> {
        ensure!(targets > 0, "{operator} has no intercepts");
        ensure!(
            !coefficients.is_empty() && coefficients.len().is_multiple_of(targets),
            "{operator} has {} coefficients for {targets} targets",
            coefficients.len()
        );
        ensure!(
            intercepts.is_empty() || intercepts.len() == targets,
            "{operator} has {} intercepts for {targets} targets",
            intercepts.len()
        );
        let zeros = vec![0.0; targets];
        let intercepts = if intercepts.is_empty() {
            &zeros
        } else {
            intercepts
        };
        let weights = |values: &[f32]| values.iter().map(|value| Weight::new(*value)).collect();
        Ok(Self {
            rows: weights(coefficients),
            columns: coefficients.len() / targets,
            intercepts: weights(intercepts),
        })
    }

    fn targets(&self) -> usize {
        self.intercepts.len()
    }

    /// Rows of the input, which must have as many columns as there are weights.
    fn check(&self, operator: &str, inputs: &[Form]) -> TractResult<TDim> {
        let [input] = inputs else {
            bail!("{operator} takes one tensor")
        };
        let (rows, columns) = input.matrix(operator)?;
        ensure!(
            columns == self.columns,
            "{operator} has weights for {} columns, but its input has {columns}",
            self.columns
        );
        Ok(rows)
    }

    /// The raw scores of one row.
    fn scores(&self, row: &[f32], scores: &mut [f32]) {
        let weights = self.rows.chunks_exact(self.columns);
        for ((score, weights), intercept) in scores.iter_mut().zip(weights).zip(&*self.intercepts) {
            *score = (dot(row, weights) + f64::from(intercept.get())) as f32;
        }
    }
}

/// Four sums side by side, which vectorises, then these in order, then the rest in order.
fn dot(row: &[f32], weights: &[Weight]) -> f64 {
    const LANES: usize = 4;
    let mut sums = [0.0; LANES];
    let (values, last_values) = row.as_chunks::<LANES>();
    let (factors, last_factors) = weights.as_chunks::<LANES>();
    for (values, factors) in values.iter().zip(factors) {
        for lane in 0..LANES {
            sums[lane] += f64::from(values[lane]) * f64::from(factors[lane].get());
        }
    }
    let mut total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for (value, factor) in last_values.iter().zip(last_factors) {
        total += f64::from(*value) * f64::from(factor.get());
    }
    total
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct LinearClassifier {
    weights: Weights,
    labels: Labels,
    post: PostTransform,
    /// What becomes of the score where there is one row of weights.
    second: SecondClass,
}

impl LinearClassifier {
    /// Scores that are written for a row.
    fn width(&self) -> usize {
        if self.weights.targets() == 1 {
            self.second.width()
        } else {
            self.weights.targets()
        }
    }
}

impl Tabular for LinearClassifier {
    fn name(&self) -> &'static str {
        "LinearClassifier"
    }

    fn output_count(&self) -> usize {
        2
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let rows = self.weights.check(self.name(), inputs)?;
        Ok(tvec!(
            Form::new(self.labels.datum(), [rows.clone()]),
            Form::new(DatumType::F32, [rows, self.width().to_dim()])
        ))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let values = floats(inputs[0])?;
        let rows = inputs[0].shape()[0];
        let (targets, width) = (self.weights.targets(), self.width());
        let mut scores = vec![0.0; rows * width];
        let mut classes = vec![0; rows];
        for ((row, scores), class) in values
            .chunks_exact(self.weights.columns)
            .zip(scores.chunks_exact_mut(width))
            .zip(&mut classes)
        {
            self.weights.scores(row, &mut scores[..targets]);
            if targets == 1 {
                let score = scores[0];
                *class = usize::from(score > 0.0);
                self.post.write_single(score, self.second, scores);
            } else {
                *class = largest(scores);
                self.post.apply(scores);
            }
        }
        Ok(tvec!(
            self.labels.of(&classes)?,
            tensor(&[rows, width], scores)?
        ))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct LinearRegressor {
    weights: Weights,
    post: PostTransform,
}

impl Tabular for LinearRegressor {
    fn name(&self) -> &'static str {
        "LinearRegressor"
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let rows = self.weights.check(self.name(), inputs)?;
        let targets = self.weights.targets();
        Ok(tvec!(Form::new(DatumType::F32, [rows, targets.to_dim()])))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let values = floats(inputs[0])?;
        let (rows, targets) = (inputs[0].shape()[0], self.weights.targets());
        let mut scores = vec![0.0; rows * targets];
        for (row, scores) in values
            .chunks_exact(self.weights.columns)
            .zip(scores.chunks_exact_mut(targets))
        {
            self.weights.scores(row, scores);
            self.post.finish(scores);
        }
        Ok(tvec!(tensor(&[rows, targets], scores)?))
    }
}
