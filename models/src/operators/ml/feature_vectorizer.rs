//! FeatureVectorizer of `ai.onnx.ml`: the columns of all inputs side by side, as float32.
//!
//! ONNX Runtime cuts or pads an input that does not have the columns that `inputdimensions` says; a file that
//! contradicts itself so is refused here. All inputs are of one element type there, and so they are here.

use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::tract_hir::internal::*;

use super::attributes::{Attributes, check_len};
use super::tabular::{Form, Tabular, build, floats, tensor};
use crate::operators::kernel::Built;
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: ML_DOMAIN,
    name: "FeatureVectorizer",
    types: Types::F32.or(Types::F64).or(Types::I32).or(Types::I64),
    attributes: &["inputdimensions"],
    engine: Engine::Own(feature_vectorizer),
}];

fn feature_vectorizer(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    attributes.check_kinds(&[("inputdimensions", AttributeType::Ints)])?;
    let widths = attributes.ints("inputdimensions");
    check_len(node, "inputdimensions", widths.len(), &[node.input.len()])?;
    let widths = widths
        .iter()
        .map(|width| match usize::try_from(*width) {
            Ok(width) if width > 0 => Ok(width),
            _ => bail!("attribute `inputdimensions` of FeatureVectorizer has the length {width}"),
        })
        .collect::<TractResult<_>>()?;
    build(FeatureVectorizer { widths })
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FeatureVectorizer {
    widths: Arc<[usize]>,
}

impl Tabular for FeatureVectorizer {
    fn name(&self) -> &'static str {
        "FeatureVectorizer"
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let (Some(first), true) = (inputs.first(), inputs.len() == self.widths.len()) else {
            bail!(
                "FeatureVectorizer has {} inputs for {} `inputdimensions`",
                inputs.len(),
                self.widths.len()
            )
        };
        let (rows, _) = first.matrix("FeatureVectorizer")?;
        for (input, width) in inputs.iter().zip(&*self.widths) {
            ensure!(
                input.datum == first.datum,
                "FeatureVectorizer takes inputs of one element type, not {:?} and {:?}. Cast them before",
                first.datum,
                input.datum
            );
            let (others, columns) = input.matrix("FeatureVectorizer")?;
            ensure!(
                columns == *width,
                "attribute `inputdimensions` of FeatureVectorizer says {width} for an input of {columns} columns"
            );
            ensure!(
                others == rows,
                "FeatureVectorizer has inputs of {rows} and {others} rows"
            );
        }
        let columns: usize = self.widths.iter().sum();
        Ok(tvec!(Form::new(DatumType::F32, [rows, columns.to_dim()])))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let rows = inputs[0].shape()[0];
        let columns: usize = self.widths.iter().sum();
        let mut out = vec![0.0f32; rows * columns];
        let mut start = 0;
        for (input, width) in inputs.iter().zip(&*self.widths) {
            let values = floats(input)?;
            let targets = out.chunks_exact_mut(columns.max(1));
            for (row, target) in values.chunks_exact(*width).zip(targets) {
                target[start..start + width].copy_from_slice(row);
            }
            start += width;
        }
        Ok(tvec!(tensor(&[rows, columns], out)?))
    }
}
