//! Normalizer of `ai.onnx.ml`: each row divided by its norm.
//!
//! What comes out of a row is ONNX Runtime's in every detail, because scikit-learn's definitions differ from it:
//!
//! - `MAX` divides by the largest value, sign and all: a row of negative numbers comes out positive. NaN is passed
//!   over when the largest value is looked for.
//! - `L1` divides by the sum of absolute values.
//! - `L2` gives `√(x² / Σx²)` with the sign of x; squares are taken in the input's type (integers wrap), all else is
//!   float32.
//! - A row whose norm is zero is unchanged.

use std::ops::Mul;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::tabular::{Form, Tabular, build, slice, tensor};
use crate::operators::kernel::Built;
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: ML_DOMAIN,
    name: "Normalizer",
    types: Types::F32.or(Types::F64).or(Types::I32).or(Types::I64),
    attributes: &["norm"],
    engine: Engine::Own(normalizer),
}];

fn normalizer(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    attributes.check_kinds(&[("norm", AttributeType::String)])?;
    let norm = attributes.string("norm")?;
    build(match norm.as_deref() {
        None | Some("MAX") => Normalizer::Max,
        Some("L1") => Normalizer::L1,
        Some("L2") => Normalizer::L2,
        Some(other) => {
            bail!("attribute `norm` of Normalizer is `{other}`, not MAX, L1 or L2")
        }
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Normalizer {
    Max,
    L1,
    L2,
}

impl Tabular for Normalizer {
    fn name(&self) -> &'static str {
        "Normalizer"
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [input] = inputs else {
            bail!("Normalizer takes one tensor")
        };
        let (rows, columns) = input.matrix("Normalizer")?;
        Ok(tvec!(Form::new(DatumType::F32, [rows, columns.to_dim()])))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let input = inputs[0];
        let columns = input.shape()[1].max(1);
        let values = match input.datum_type() {
            DatumType::F32 => self.rows(slice::<f32>(input)?, columns),
            DatumType::F64 => self.rows(slice::<f64>(input)?, columns),
            DatumType::I32 => self.rows(slice::<i32>(input)?, columns),
            DatumType::I64 => self.rows(slice::<i64>(input)?, columns),
            other => bail!("Normalizer takes no {other:?}"),
        };
        Ok(tvec!(tensor(input.shape(), values)?))
    }
}

impl Normalizer {
    fn rows<T: Number>(self, values: &[T], columns: usize) -> Vec<f32> {
        let mut out: Vec<f32> = values.iter().map(|value| value.float()).collect();
        for (row, out) in values
            .chunks_exact(columns)
            .zip(out.chunks_exact_mut(columns))
        {
            match self {
                Self::Max => {
                    let largest =
                        out.iter().fold(
                            f32::MIN,
                            |largest, value| {
                                if largest < *value { *value } else { largest }
                            },
                        );
                    divide(out, largest);
                }
                Self::L1 => {
                    let sum = row.iter().fold(0.0, |sum, value| sum + value.size());
                    divide(out, sum);
                }
                Self::L2 => {
                    let sum = row.iter().fold(0.0, |sum, value| sum + value.square());
                    if sum != 0.0 {
                        for (value, out) in row.iter().zip(out) {
                            let root = (value.square() / sum).sqrt();
                            *out = if value.is_negative() { -root } else { root };
                        }
                    }
                }
            }
        }
        out
    }
}

fn divide(row: &mut [f32], norm: f32) {
    if norm != 0.0 {
        for value in row {
            *value /= norm;
        }
    }
}

/// A number as ONNX Runtime computes with it before it becomes float32.
trait Number: Copy {
    fn float(self) -> f32;
    fn size(self) -> f32;
    fn square(self) -> f32;
    fn is_negative(self) -> bool;
}

macro_rules! number {
    ($type:ty, $abs:expr, $times:expr, $zero:expr) => {
        impl Number for $type {
            fn float(self) -> f32 {
                self as f32
            }

            fn size(self) -> f32 {
                $abs(self) as f32
            }

            fn square(self) -> f32 {
                $times(self, self) as f32
            }

            fn is_negative(self) -> bool {
                self < $zero
            }
        }
    };
}

number!(f32, f32::abs, f32::mul, 0.0);
number!(f64, f64::abs, f64::mul, 0.0);
number!(i32, i32::wrapping_abs, i32::wrapping_mul, 0);
number!(i64, i64::wrapping_abs, i64::wrapping_mul, 0);
