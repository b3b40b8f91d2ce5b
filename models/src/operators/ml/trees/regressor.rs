//! TreeEnsembleRegressor and TreeEnsemble: a score for each target.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::evaluate::{Aggregate, Scores};
use super::quantise::Number;
use super::read::{Names, read};
use super::{Prepared, Sums, read_v5};
use crate::operators::kernel::{Built, Exact};
use crate::operators::ml::attributes::{Attributes, check_len};
use crate::operators::ml::post_transform::PostTransform;
use crate::operators::ml::tabular::{Form, Shared, Tabular, build, tensor};
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};

/// ONNX Runtime has no regressor of integers.
const FLOATS: Types = Types::F32.or(Types::F64);

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        domain: ML_DOMAIN,
        name: "TreeEnsembleRegressor",
        types: FLOATS,
        attributes: &[
            "aggregate_function",
            "base_values",
            "base_values_as_tensor",
            "n_targets",
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
            "target_ids",
            "target_nodeids",
            "target_treeids",
            "target_weights",
            "target_weights_as_tensor",
        ],
        engine: Engine::Own(tree_ensemble_regressor),
    },
    Operator {
        domain: ML_DOMAIN,
        name: "TreeEnsemble",
        types: FLOATS,
        attributes: &[
            "aggregate_function",
            "leaf_targetids",
            "leaf_weights",
            "membership_values",
            "n_targets",
            "nodes_falseleafs",
            "nodes_falsenodeids",
            "nodes_featureids",
            "nodes_hitrates",
            "nodes_missing_value_tracks_true",
            "nodes_modes",
            "nodes_splits",
            "nodes_trueleafs",
            "nodes_truenodeids",
            "post_transform",
            "tree_roots",
        ],
        engine: Engine::Own(tree_ensemble),
    },
];

const NAMES: Names = Names {
    ids: "target_ids",
    node_ids: "target_nodeids",
    tree_ids: "target_treeids",
    weights: "target_weights",
    weights_as_tensor: "target_weights_as_tensor",
};

fn targets(node: &NodeProto, attributes: &Attributes, default: i64) -> TractResult<usize> {
    let targets = attributes.int("n_targets").unwrap_or(default);
    // Scores are kept for every target of every row: a count out of thin air would be memory out of thin air.
    match usize::try_from(targets) {
        Ok(targets @ 1..=65_536) => Ok(targets),
        _ => bail!("attribute `n_targets` of {} is {targets}", node.op_type),
    }
}

fn tree_ensemble_regressor(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let targets = targets(node, &attributes, 0)?;
    let aggregate = match attributes.string("aggregate_function")?.as_deref() {
        None | Some("SUM") => Aggregate::Sum,
        Some("AVERAGE") => Aggregate::Average,
        Some("MIN") => Aggregate::Min,
        Some("MAX") => Aggregate::Max,
        Some(other) => bail!("aggregate_function `{other}` is not one of ONNX's"),
    };
    let trees = read(node, &NAMES, targets)?;
    check_len(node, "base_values", trees.base_values.len(), &[0, targets])?;
    build(Regressor {
        operator: "TreeEnsembleRegressor",
        trees: Shared::new(Prepared::new(trees.forest, trees.double)),
        base_values: trees.base_values.into_iter().map(Exact::new).collect(),
        aggregate,
        transform: PostTransform::parse(attributes.string("post_transform")?)?,
        wide_output: false,
    })
}

fn tree_ensemble(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let aggregate = match attributes.int("aggregate_function") {
        None | Some(1) => Aggregate::Sum,
        Some(0) => Aggregate::Average,
        Some(2) => Aggregate::Min,
        Some(3) => Aggregate::Max,
        Some(other) => bail!("aggregate_function {other} is not one of ONNX's"),
    };
    let transform = match attributes.int("post_transform") {
        None | Some(0) => PostTransform::None,
        Some(number @ 1..=2) => bail!(
            "TreeEnsemble with post_transform {number} is not supported: for ONNX 1 is SOFTMAX and 2 LOGISTIC, for ONNX Runtime the other way round. Transform the scores by an operator of their own"
        ),
        Some(3) => PostTransform::SoftmaxZero,
        Some(4) => PostTransform::Probit,
        Some(other) => bail!("post_transform {other} is not one of ONNX's"),
    };
    let (forest, double) = read_v5::read(node, targets(node, &attributes, 1)?)?;
    build(Regressor {
        operator: "TreeEnsemble",
        trees: Shared::new(Prepared::new(forest, double)),
        base_values: Vec::new(),
        aggregate,
        transform,
        wide_output: true,
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Regressor {
    operator: &'static str,
    trees: Shared<Prepared>,
    /// One a target, or none.
    base_values: Vec<Exact>,
    aggregate: Aggregate,
    transform: PostTransform,
    /// The output has the type of the features; otherwise it is float32.
    wide_output: bool,
}

impl Regressor {
    /// Adds the base values, which ONNX Runtime does in the type of the sums.
    fn based<N: Number>(&self, mut scores: Scores<N>) -> Vec<N> {
        if !self.base_values.is_empty() {
            for row in scores.sums.chunks_exact_mut(scores.targets) {
                for (sum, base) in row.iter_mut().zip(&self.base_values) {
                    *sum += N::narrow(base.get());
                }
            }
        }
        scores.sums
    }

    fn transformed(&self, mut scores: Vec<f32>) -> Vec<f32> {
        for row in scores.chunks_exact_mut(self.trees.forest.targets) {
            self.transform.finish(row);
        }
        scores
    }
}

impl Tabular for Regressor {
    fn name(&self) -> &'static str {
        self.operator
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [input] = inputs else {
            bail!("{} takes one tensor", self.operator)
        };
        let (rows, columns) = input.matrix(self.operator)?;
        self.trees.check(self.operator, input.datum, columns)?;
        ensure!(
            !self.wide_output || self.trees.double == (input.datum == DatumType::F64),
            "{} has thresholds of another type than its input",
            self.operator
        );
        let datum = if self.wide_output {
            input.datum
        } else {
            DatumType::F32
        };
        let targets = self.trees.forest.targets;
        Ok(tvec!(Form::new(datum, [rows, targets.to_dim()])))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let shape = [inputs[0].shape()[0], self.trees.forest.targets];
        let output = match self.trees.score(inputs[0], self.aggregate)? {
            Sums::Single(scores) => tensor(&shape, self.transformed(self.based(scores)))?,
            Sums::Wide(scores) => {
                let scores = self.based(scores);
                if self.wide_output && self.transform == PostTransform::None {
                    tensor(&shape, scores)?
                } else {
                    let narrow = scores.into_iter().map(|score| score as f32).collect();
                    let scores = self.transformed(narrow);
                    if self.wide_output {
                        tensor(&shape, scores.into_iter().map(f64::from).collect())?
                    } else {
                        tensor(&shape, scores)?
                    }
                }
            }
        };
        Ok(tvec!(output))
    }
}
