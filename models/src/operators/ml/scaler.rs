//! Scaler of `ai.onnx.ml`: `(x - offset) * scale`, by column.
//!
//! Offset and scale are one value for all columns or one a column. float64 is computed as such and becomes float32 at
//! the end; all other types are float32 from the start.

use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::attributes::{Attributes, check_len};
use super::tabular::{Form, Tabular, build, floats, slice, tensor};
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
        let values = if input.datum_type() == DatumType::F64 {
            let scaled =
                |value: f64, offset, scale| ((value - f64::from(offset)) * f64::from(scale)) as f32;
            self.scale(slice::<f64>(input)?, columns, scaled)
        } else {
            let scaled = |value: f32, offset, scale| (value - offset) * scale;
            self.scale(&floats(input)?, columns, scaled)
        };
        Ok(tvec!(tensor(input.shape(), values)?))
    }
}

impl Scaler {
    fn scale<T: Copy>(
        &self,
        values: &[T],
        columns: usize,
        scaled: impl Fn(T, f32, f32) -> f32,
    ) -> Vec<f32> {
        if let ([offset], [scale]) = (&*self.offset, &*self.scale) {
            let (offset, scale) = (offset.get(), scale.get());
            let values = values.iter();
            return values.map(|value| scaled(*value, offset, scale)).collect();
        }
        let mut out = Vec::with_capacity(values.len());
        for row in values.chunks_exact(columns.max(1)) {
            let weights = self.offset.iter().zip(&*self.scale);
            let weighted = row.iter().zip(weights);
            out.extend(
                weighted.map(|(value, (offset, scale))| scaled(*value, offset.get(), scale.get())),
            );
        }
        out
    }
}
