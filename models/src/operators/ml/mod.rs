//! The operators of `ai.onnx.ml`: preprocessing, linear models, support vectors and trees of tabular data.
//!
//! All of them are our own. tract has five of these, of which the trees name the wrong label or walk a
//! tree once for every leaf; tabular models are what pipelines hold, so they are done here, right and fast.
//!
//! Each file is one family: its table, what it reads from a node's attributes, and a [`tabular::Tabular`]
//! that computes whole batches. The rules come from the standard where it is clear and from what ONNX
//! Runtime does where it is not; the cases of `models/tests/data/operators.json` hold them.

mod array_feature_extractor;
pub(super) mod attributes;
mod binarizer;
mod category_mapper;
mod dictionary;
mod feature_vectorizer;
mod imputer;
mod label_encoder;
mod labels;
mod linear;
mod normalizer;
mod one_hot_encoder;
mod post_transform;
mod scaler;
mod selection;
mod svm;
pub(super) mod tabular;
mod trees;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::{TractResult, bail};

use super::Operator;

/// Versions of the domain that the cases cover. Version 4 changed LabelEncoder, version 5 added TreeEnsemble.
pub(crate) const VERSIONS: std::ops::RangeInclusive<i64> = 1..=5;

/// The families' tables.
pub(super) const TABLES: &[&[Operator]] = &[
    array_feature_extractor::OPERATORS,
    binarizer::OPERATORS,
    category_mapper::OPERATORS,
    feature_vectorizer::OPERATORS,
    imputer::OPERATORS,
    label_encoder::OPERATORS,
    linear::OPERATORS,
    normalizer::OPERATORS,
    one_hot_encoder::OPERATORS,
    scaler::OPERATORS,
    svm::OPERATORS,
    trees::CLASSIFIER,
    trees::REGRESSORS,
];

/// Whether the operator takes a map of keys and values, which has no place in a row.
pub(crate) fn reads_map(node: &NodeProto) -> bool {
    node.domain == super::ML_DOMAIN && matches!(&*node.op_type, "CastMap" | "DictVectorizer")
}

/// The version of the domain that the file imports.
fn version(ctx: &ParsingContext) -> TractResult<i64> {
    let mut imports = ctx.model.opset_import.iter();
    match imports.find(|import| import.domain == super::ML_DOMAIN) {
        Some(import) => Ok(import.version),
        None => bail!("the file does not import {}", super::ML_DOMAIN),
    }
}
