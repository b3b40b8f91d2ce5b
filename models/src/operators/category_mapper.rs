//! CategoryMapper of `ai.onnx.ml`: strings to ids and back, by a table in the file.
//!
//! tract's own implementation agrees with ONNX Runtime's.

use super::{Engine, ML_DOMAIN, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: ML_DOMAIN,
    name: "CategoryMapper",
    types: Types::I64.or(Types::STRING),
    attributes: &[
        "cats_int64s",
        "cats_strings",
        "default_int64",
        "default_string",
    ],
    engine: Engine::Tract,
}];
