//! Scaler of `ai.onnx.ml`: `(x - offset) * scale`, by column.
//!
//! Numbers of any type become float32 first and stay it. Offset and scale are one value for all columns or one
//! a column.

use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::attributes::{Attributes, check_len};
use super::tabular::{Form, Tabular, build, floats, tensor};
use crate::operators::kernel::{Built, Weight};
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: ML_DOMAIN,
    name: "Scaler",
    types: Types::F32.or(Types::F64).or(Types::I32).or(Types::I64),
    attributes: &["offset", "scale"],
    engine: Engine::Own(scaler),
}];

fn scaler(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let (offset, scale) = (attributes.floats("offset"), attributes.floats("scale"));
    check_len(node, "offset", offset.len(), &[scale.len()])?;
    let weights = |values: &[f32]| values.iter().map(|value| Weight::new(*value)).collect();
    build(Scaler {
        offset: weights(offset),
        scale: weights(scale),
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Scaler {
    offset: Arc<[Weight]>,
    scale: Arc<[Weight]>,
}

impl Tabular for Scaler {
    fn name(&self) -> &'static str {
        "Scaler"
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [input] = inputs else {
            bail!("Scaler takes one tensor")
        };
        let (rows, columns) = input.matrix("Scaler")?;
        ensure!(
            self.scale.len() == columns || self.scale.len() == 1,
            "Scaler has {} scales for {columns} columns",
            self.scale.len()
        );
        Ok(tvec!(Form::new(DatumType::F32, [rows, columns.to_dim()])))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let input = inputs[0];
        let columns = input.shape()[1];
        let mut values = floats(input)?.into_owned();
        if let ([offset], [scale]) = (&*self.offset, &*self.scale) {
            for value in &mut values {
                *value = (*value - offset.get()) * scale.get();
            }
        } else {
            for row in values.chunks_exact_mut(columns.max(1)) {
                for ((value, offset), scale) in row.iter_mut().zip(&*self.offset).zip(&*self.scale)
                {
                    *value = (*value - offset.get()) * scale.get();
                }
            }
        }
        Ok(tvec!(tensor(input.shape(), values)?))
    }
}
