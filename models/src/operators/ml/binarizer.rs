//! Binarizer of `ai.onnx.ml`: 1 for every value above a threshold, 0 for the others.
//!
//! ONNX Runtime knows float32 alone. A NaN is neither above nor below and is an error there, so it is one
//! here: a feature that may be missing needs an Imputer before.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::tabular::{Form, Tabular, build, slice, tensor};
use crate::operators::kernel::{Built, Weight};
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};
use crate::trial;

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: ML_DOMAIN,
    name: "Binarizer",
    types: Types::F32,
    attributes: &["threshold"],
    engine: Engine::Own(binarizer),
}];

fn binarizer(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    attributes.check_kinds(&[("threshold", AttributeType::Float)])?;
    build(Binarizer {
        threshold: Weight::new(attributes.float("threshold").unwrap_or(0.0)),
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Binarizer {
    threshold: Weight,
}

impl Tabular for Binarizer {
    fn name(&self) -> &'static str {
        "Binarizer"
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [input] = inputs else {
            bail!("Binarizer takes one tensor")
        };
        input.rows()?;
        Ok(tvec!(input.clone()))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let (threshold, values) = (self.threshold.get(), slice::<f32>(inputs[0])?);
        ensure!(
            trial::is_on() || !values.iter().any(|value| value.is_nan()),
            "Binarizer has no result for NaN. Replace missing values before, in SQL (COALESCE) or with an Imputer"
        );
        let above = values.iter().map(|value| f32::from(*value > threshold));
        Ok(tvec!(tensor(inputs[0].shape(), above.collect())?))
    }
}
