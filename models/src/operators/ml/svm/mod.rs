//! SVMClassifier and SVMRegressor of `ai.onnx.ml`: support vector machines of libsvm and liblinear.
//!
//! A row is compared with every support vector by a kernel ([`kernel`]); the classifier weighs the results for
//! each pair of classes, the regressor adds them up. A file without support vectors holds a linear model: its
//! coefficients are the vectors, and what its `kernel_type` says is of no consequence.
//!
//! Rules and order of work are ONNX Runtime's (`svmclassifier.cc`, `svmregressor.cc`). ONNX Runtime reads lists
//! that are too long as far as it needs them; here a list of another length than the others call for is refused.

mod classifier;
mod coupling;
mod kernel;
mod regressor;

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::tabular::Form;
use crate::operators::blocks::Blocks;
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        domain: ML_DOMAIN,
        name: "SVMClassifier",
        types: Types::F32.or(Types::F64).or(Types::I32).or(Types::I64),
        attributes: &[
            "classlabels_ints",
            "classlabels_strings",
            "coefficients",
            "kernel_params",
            "kernel_type",
            "post_transform",
            "prob_a",
            "prob_b",
            "rho",
            "support_vectors",
            "vectors_per_class",
        ],
        engine: Engine::Own(classifier::build),
    },
    Operator {
        domain: ML_DOMAIN,
        name: "SVMRegressor",
        // ONNX Runtime takes no other.
        types: Types::F32,
        attributes: &[
            "coefficients",
            "kernel_params",
            "kernel_type",
            "n_supports",
            "one_class",
            "post_transform",
            "rho",
            "support_vectors",
        ],
        engine: Engine::Own(regressor::build),
    },
];

/// Rows that are worked on together: their kernel values stay in the cache while the vectors pass by.
const TILE: usize = 16;

/// Refuses a list of another length than the rest of the node calls for.
fn expect_len(node: &NodeProto, name: &str, values: &[f32], len: usize) -> TractResult<()> {
    ensure!(
        values.len() == len,
        "attribute `{name}` of {} has {} values where {len} are needed",
        node.op_type,
        values.len()
    );
    Ok(())
}

/// Support vectors as a node has them: `count` of them one after the other.
fn read_vectors(node: &NodeProto, attributes: &Attributes, count: usize) -> TractResult<Blocks> {
    let values = attributes.floats("support_vectors");
    ensure!(
        !values.is_empty() && values.len().is_multiple_of(count),
        "{} has {} numbers in support_vectors for {count} vectors",
        node.op_type,
        values.len()
    );
    Ok(Blocks::new(values, count))
}

/// Rows of the input, which must have as many columns as a vector.
fn check_input(operator: &str, inputs: &[Form], vectors: &Blocks) -> TractResult<TDim> {
    let [input] = inputs else {
        bail!("{operator} takes one tensor")
    };
    let (rows, columns) = input.matrix(operator)?;
    ensure!(
        columns == vectors.width(),
        "{operator} has vectors of {} columns, but its input has {columns}",
        vectors.width()
    );
    Ok(rows)
}

/// The sum of the products of weights and kernel values. As in ONNX Runtime each product is rounded to
/// float32 and the sum is a float64; here it is four sums side by side.
fn weigh(weights: &[f32], values: &[f32]) -> f64 {
    const LANES: usize = 4;
    let mut sums = [0.0; LANES];
    let (weights, last_weights) = weights.as_chunks::<LANES>();
    let (values, last_values) = values.as_chunks::<LANES>();
    for (weights, values) in weights.iter().zip(values) {
        for lane in 0..LANES {
            sums[lane] += f64::from(weights[lane] * values[lane]);
        }
    }
    let mut total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for (weight, value) in last_weights.iter().zip(last_values) {
        total += f64::from(weight * value);
    }
    total
}
