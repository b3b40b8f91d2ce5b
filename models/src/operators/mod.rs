//! Which operators a model may use, and how each is carried out.
//!
//! **A model scores as ONNX Runtime does, or it does not load.** tract registers some 150 ONNX
//! operators, and a few of them give other numbers than ONNX Runtime without an error. So
//! the rule is turned round: an operator is refused by name unless it stands in a family's table
//! here, and it stands there only for the element types and attributes that the cases of
//! `models/tests/data` compare with ONNX Runtime's own results.
//!
//! A family is one file with one table. [`standard`] lists the operators of the default domain that
//! tract carries out itself. An operator of our own belongs to the file of its family: its table row
//! has a [`Build`] that replaces tract's in the registry that [`registry`] returns.

mod activation;
mod arg;
mod arithmetic;
mod blocks;
mod cast;
mod channels;
mod classify;
mod cpu;
mod dense;
mod distances;
mod extremes;
mod gather;
mod kernel;
mod layer_norm;
#[cfg(test)]
mod list;
mod matmul;
pub(crate) mod ml;
mod opaque;
mod pow;
mod recurrent;
mod reduce;
mod softmax;
mod standard;
mod string_normalizer;
mod text;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{ModelProto, NodeProto};
use tract_onnx::tract_hir::internal::{DatumType, InferenceOp, TractResult};

/// Name of the default operator domain in ONNX files; `ai.onnx` is the same domain.
pub(crate) const DEFAULT_DOMAIN: &str = "";

/// Domain of the operators for classical machine learning.
pub(crate) const ML_DOMAIN: &str = "ai.onnx.ml";

/// Operator sets of the default domain that the cases cover. Operators change their meaning
/// between sets, so a file of another set is refused rather than read by guess.
pub(crate) const OPSETS: RangeInclusive<i64> = 11..=22;

/// Operator sets before those, back to the one that changed broadcasting. Exporters of trees and of
/// linear models declare an old set for the few plain operators that they use.
pub(crate) const OLDER_OPSETS: RangeInclusive<i64> = 7..=10;

/// Operators that mean in the given set, and all later ones up to 11, what they mean in set 11. What was only
/// added meanwhile (types, negative axes, optional inputs) changes no older file.
const OLDER: &[(&str, i64)] = &[
    ("Abs", 6),
    ("Add", 7),
    ("And", 7),
    ("ArgMax", 1),
    ("ArgMin", 1),
    ("Cast", 6),
    ("Concat", 4),
    ("Constant", 1),
    ("ConstantOfShape", 9),
    ("Div", 7),
    ("Equal", 7),
    ("Exp", 6),
    ("Flatten", 1),
    ("Gather", 1),
    ("Gemm", 7),
    ("Greater", 7),
    ("Identity", 1),
    ("Less", 7),
    ("Log", 6),
    ("MatMul", 1),
    ("Mul", 7),
    ("Neg", 6),
    ("Not", 1),
    ("Or", 7),
    ("Pow", 7),
    ("Reciprocal", 6),
    ("ReduceMax", 1),
    ("ReduceMean", 1),
    ("ReduceMin", 1),
    ("ReduceSum", 1),
    ("ReduceSumSquare", 1),
    ("Relu", 6),
    ("Reshape", 5),
    ("Shape", 1),
    ("Sigmoid", 6),
    ("Softmax", 1),
    ("Sqrt", 6),
    ("Squeeze", 1),
    ("Sub", 7),
    ("Sum", 8),
    ("Tanh", 6),
    ("Transpose", 1),
    ("Unsqueeze", 1),
    ("Where", 9),
];

/// True for an operator that means in `opset` what the cases of [`OPSETS`] cover.
pub(crate) fn is_covered(operator: &str, opset: i64) -> bool {
    let older = || OLDER.iter().find(|(name, _)| *name == operator);
    OPSETS.contains(&opset)
        || (OLDER_OPSETS.contains(&opset) && older().is_some_and(|(_, since)| *since <= opset))
}

/// A set of element types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Types(u8);

impl Types {
    pub(crate) const F32: Self = Self(1);
    pub(crate) const F64: Self = Self(2);
    pub(crate) const I32: Self = Self(4);
    pub(crate) const I64: Self = Self(8);
    pub(crate) const BOOL: Self = Self(16);
    pub(crate) const STRING: Self = Self(32);

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set of the one type, empty for types that no operator takes here.
    pub(crate) fn of(datum: DatumType) -> Self {
        match datum {
            DatumType::F32 => Self::F32,
            DatumType::F64 => Self::F64,
            DatumType::I32 => Self::I32,
            // tract's symbolic dimension stands where ONNX has int64, for example after Shape.
            DatumType::I64 | DatumType::TDim => Self::I64,
            DatumType::Bool => Self::BOOL,
            DatumType::String => Self::STRING,
            _ => Self(0),
        }
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        other.0 != 0 && self.0 & other.0 == other.0
    }

    /// The members, by ONNX's names.
    #[cfg(test)]
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (Self::F32, "float32"),
            (Self::F64, "float64"),
            (Self::I32, "int32"),
            (Self::I64, "int64"),
            (Self::BOOL, "bool"),
            (Self::STRING, "string"),
        ]
        .into_iter()
        .filter(move |(one, _)| self.contains(*one))
        .map(|(_, name)| name)
    }
}

pub(crate) use opaque::hides_its_value;

/// Builds tract's operator for an ONNX node.
pub(crate) type Build =
    fn(&ParsingContext, &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// How an operator is carried out.
#[derive(Clone, Copy)]
pub(crate) enum Engine {
    /// tract's own implementation, as registered by tract.
    Tract,
    /// Ours, registered in place of tract's.
    Own(Build),
}

/// One operator that is known to score as ONNX Runtime does.
#[derive(Clone, Copy)]
pub(crate) struct Operator {
    /// Domain, [`DEFAULT_DOMAIN`] for the standard ones.
    pub(crate) domain: &'static str,
    /// ONNX `op_type`.
    pub(crate) name: &'static str,
    /// Types of its first input that the cases cover. Empty for operators without inputs.
    pub(crate) types: Types,
    /// Attributes that the cases cover. A node with another attribute is refused.
    pub(crate) attributes: &'static [&'static str],
    /// Who carries it out.
    pub(crate) engine: Engine,
}

/// All families' tables.
pub(crate) fn all() -> impl Iterator<Item = &'static Operator> {
    [
        activation::OPERATORS,
        arg::OPERATORS,
        arithmetic::OPERATORS,
        cast::OPERATORS,
        classify::OPERATORS,
        distances::OPERATORS,
        extremes::OPERATORS,
        gather::OPERATORS,
        layer_norm::OPERATORS,
        matmul::OPERATORS,
        opaque::OPERATORS,
        pow::OPERATORS,
        recurrent::OPERATORS,
        reduce::OPERATORS,
        softmax::OPERATORS,
        standard::OPERATORS,
        string_normalizer::OPERATORS,
    ]
    .into_iter()
    .chain(ml::TABLES.iter().copied())
    .flatten()
}

/// The table row of an operator, if it may be used.
pub(crate) fn find(domain: &str, name: &str) -> Option<&'static Operator> {
    let domain = canonical_domain(domain);
    all().find(|operator| operator.domain == domain && operator.name == name)
}

/// Operators whose own implementation reads the graph that an attribute holds.
pub(crate) fn takes_subgraph(operator: &Operator) -> bool {
    matches!(operator.engine, Engine::Own(_)) && operator.name == "Scan"
}

/// `ai.onnx` and the empty name are one domain.
pub(crate) fn canonical_domain(domain: &str) -> &str {
    if domain == "ai.onnx" {
        DEFAULT_DOMAIN
    } else {
        domain
    }
}

/// The domain's name as people write it.
pub(crate) fn domain_name(domain: &str) -> &str {
    match canonical_domain(domain) {
        DEFAULT_DOMAIN => "ai.onnx",
        other => other,
    }
}

/// `Scaler (ai.onnx.ml)`; the default domain is left out.
pub(crate) fn display_name(node: &NodeProto) -> String {
    match canonical_domain(&node.domain) {
        DEFAULT_DOMAIN => node.op_type.clone(),
        domain => format!("{} ({domain})", node.op_type),
    }
}

/// Operators of a graph with how often each occurs.
pub(crate) fn count(model: &ModelProto) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for node in model.graph.iter().flat_map(|graph| &graph.node) {
        *counts.entry(display_name(node)).or_insert(0) += 1;
    }
    counts
}

/// tract's ONNX front end with exactly the operators of the tables.
///
/// tract looks operators up by name alone, whatever their domain. Own operators therefore must not
/// share a name with a standard one; a test holds that.
pub(crate) fn registry() -> Onnx {
    let mut onnx = tract_onnx::onnx();
    onnx.op_register
        .0
        .retain(|name, _| all().any(|operator| operator.name == name));
    for operator in all() {
        if let Engine::Own(build) = operator.engine {
            onnx.op_register.insert(operator.name, build);
        }
    }
    // Intermediate shapes in the file are hints of an exporter, made for another batch size; all
    // shapes are inferred from the inputs instead.
    onnx.with_ignore_value_info(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_over_all_domains() {
        let mut seen = BTreeSet::new();
        for operator in all() {
            assert!(
                seen.insert(operator.name),
                "{} stands in two tables",
                operator.name
            );
        }
    }

    #[test]
    fn the_registry_holds_the_tables_and_nothing_else() {
        let registry = registry();
        let registered: BTreeSet<String> = registry.op_register.0.keys().cloned().collect();
        let tables: BTreeSet<String> = all().map(|operator| operator.name.to_owned()).collect();
        assert_eq!(registered, tables);
    }
}
