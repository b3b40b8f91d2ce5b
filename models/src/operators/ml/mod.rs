//! The operators of `ai.onnx.ml`: preprocessing, linear models, support vectors and trees of tabular data.
//!
//! All of them are our own. tract has five of these, of which the trees name the wrong label or walk a
//! tree once for every leaf; tabular models are what pipelines hold, so they are done here, right and fast.
//!
//! Each file is one family: its table, what it reads from a node's attributes, and a [`tabular::Tabular`]
//! that computes whole batches. The rules come from the standard where it is clear and from what ONNX
//! Runtime does where it is not; the cases of `models/tests/data/operators.json` hold them.

mod attributes;
mod labels;
mod linear;
mod post_transform;
mod scaler;
mod svm;
mod tabular;
mod trees;

use super::Operator;

/// Versions of the domain that the cases cover. Version 4 changed LabelEncoder, version 5 added TreeEnsemble.
pub(crate) const VERSIONS: std::ops::RangeInclusive<i64> = 1..=5;

/// The families' tables.
pub(super) const TABLES: &[&[Operator]] =
    &[
    linear::OPERATORS,
    scaler::OPERATORS,
    svm::OPERATORS,
    trees::CLASSIFIER,
    trees::REGRESSORS,
];
