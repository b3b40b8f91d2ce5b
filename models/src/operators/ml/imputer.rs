//! Imputer of `ai.onnx.ml`: one value of a feature, the sign of a missing one, is replaced by another.
//!
//! A row comes out with every `replaced_value` exchanged for the `imputed_value` of its column, or for the only
//! one. NaN, which equals nothing, is replaced if `replaced_value_float` is NaN. ONNX Runtime knows float32 and int64,
//! and takes the first of a list that is neither one long nor one a column; such a file contradicts itself
//! and is refused here.

use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::tabular::{Form, Tabular, build, slice, tensor};
use crate::operators::kernel::{Built, Weight};
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: ML_DOMAIN,
    name: "Imputer",
    types: Types::F32.or(Types::I64),
    attributes: &[
        "imputed_value_floats",
        "imputed_value_int64s",
        "replaced_value_float",
        "replaced_value_int64",
    ],
    engine: Engine::Own(imputer),
}];

fn imputer(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    attributes.check_kinds(&[
        ("imputed_value_floats", AttributeType::Floats),
        ("imputed_value_int64s", AttributeType::Ints),
        ("replaced_value_float", AttributeType::Float),
        ("replaced_value_int64", AttributeType::Int),
    ])?;
    let floats = attributes.floats("imputed_value_floats");
    let ints = attributes.ints("imputed_value_int64s");
    match (floats, ints) {
        ([], []) => {
            bail!("Imputer has neither attribute `imputed_value_floats` nor `imputed_value_int64s`")
        }
        (floats, []) => build(Imputer::Floats {
            replaced: Weight::new(attributes.float("replaced_value_float").unwrap_or(0.0)),
            imputed: floats.iter().map(|value| Weight::new(*value)).collect(),
        }),
        ([], ints) => build(Imputer::Ints {
            replaced: attributes.int("replaced_value_int64").unwrap_or(0),
            imputed: ints.into(),
        }),
        _ => bail!(
            "Imputer has both attributes `imputed_value_floats` and `imputed_value_int64s`; only one may be there"
        ),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Imputer {
    Floats {
        replaced: Weight,
        imputed: Arc<[Weight]>,
    },
    Ints {
        replaced: i64,
        imputed: Arc<[i64]>,
    },
}

impl Tabular for Imputer {
    fn name(&self) -> &'static str {
        "Imputer"
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [input] = inputs else {
            bail!("Imputer takes one tensor")
        };
        let (datum, attribute, values) = match self {
            Self::Floats { imputed, .. } => (DatumType::F32, "imputed_value_floats", imputed.len()),
            Self::Ints { imputed, .. } => (DatumType::I64, "imputed_value_int64s", imputed.len()),
        };
        ensure!(
            input.datum == datum,
            "Imputer has `{attribute}` for a tensor of {:?}",
            input.datum
        );
        // One value for all is a function of single numbers, whatever the shape.
        if values != 1 {
            let (_, columns) = input.matrix("Imputer")?;
            ensure!(
                values == columns,
                "attribute `{attribute}` of Imputer has {values} values for {columns} columns"
            );
        }
        input.rows()?;
        Ok(tvec!(input.clone()))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let shape = inputs[0].shape();
        Ok(tvec!(match self {
            Self::Floats { replaced, imputed } => {
                let (replaced, mut values) = (replaced.get(), slice::<f32>(inputs[0])?.to_vec());
                if replaced.is_nan() {
                    impute(&mut values, imputed, |value| value.is_nan(), Weight::get);
                } else {
                    impute(
                        &mut values,
                        imputed,
                        |value| *value == replaced,
                        Weight::get,
                    );
                }
                tensor(shape, values)?
            }
            Self::Ints { replaced, imputed } => {
                let mut values = slice::<i64>(inputs[0])?.to_vec();
                impute(
                    &mut values,
                    imputed,
                    |value| value == replaced,
                    |value| value,
                );
                tensor(shape, values)?
            }
        }))
    }
}

/// Replaces the values that are `missing` by those of their columns, or by the only one.
fn impute<T, S: Copy>(
    values: &mut [T],
    imputed: &[S],
    missing: impl Fn(&T) -> bool,
    value_of: impl Fn(S) -> T,
) {
    for row in values.chunks_mut(imputed.len().max(1)) {
        for (value, imputed) in row.iter_mut().zip(imputed) {
            if missing(value) {
                *value = value_of(*imputed);
            }
        }
    }
}
