//! CategoryMapper of `ai.onnx.ml`: strings to ids and back, by a table in the file.
//!
//! Each string comes out as the id beside it, each id as its string; what is not in the table as the default. Of
//! equal entries the last counts, as in ONNX Runtime.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::tract_hir::internal::*;

use super::attributes::{Attributes, check_len};
use super::dictionary::{Dictionary, Nan, Repeated, Translate};
use super::selection::Selection;
use super::tabular::{Form, Shared, Tabular, build};
use crate::operators::kernel::Built;
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};

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
    engine: Engine::Own(category_mapper),
}];

/// What ONNX defines for keys that no table holds.
pub(super) const DEFAULT_STRING: &str = "_Unused";
pub(super) const DEFAULT_INT: i64 = -1;

fn category_mapper(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    attributes.check_kinds(&[
        ("cats_int64s", AttributeType::Ints),
        ("cats_strings", AttributeType::Strings),
        ("default_int64", AttributeType::Int),
        ("default_string", AttributeType::String),
    ])?;
    let (ids, names) = (
        attributes.ints("cats_int64s"),
        attributes.strings("cats_strings")?,
    );
    ensure!(
        !names.is_empty(),
        "CategoryMapper has no attribute `cats_strings`"
    );
    check_len(node, "cats_int64s", ids.len(), &[names.len()])?;
    let id = attributes.int("default_int64").unwrap_or(DEFAULT_INT);
    let name = attributes.string("default_string")?;
    let name = name.unwrap_or_else(|| DEFAULT_STRING.to_owned());
    let pairs = || names.iter().cloned().zip(ids.iter().copied());
    let back = pairs().map(|(name, id)| (id, name));
    build(CategoryMapper(Shared::new(Both {
        ids: Dictionary::new(pairs(), id, Repeated::Last, Nan::FindsNothing),
        names: Dictionary::new(back, name, Repeated::Last, Nan::FindsNothing),
    })))
}

#[derive(Debug)]
struct Both {
    ids: Dictionary<String, i64>,
    names: Dictionary<i64, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct CategoryMapper(Shared<Both>);

impl Tabular for CategoryMapper {
    fn name(&self) -> &'static str {
        "CategoryMapper"
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [input] = inputs else {
            bail!("CategoryMapper takes one tensor")
        };
        input.rows()?;
        let datum = match input.datum {
            DatumType::String => DatumType::I64,
            DatumType::I64 => DatumType::String,
            other => bail!("CategoryMapper maps strings and int64, not {other:?}"),
        };
        Ok(tvec!(Form::new(datum, input.shape.clone())))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let input = inputs[0];
        Ok(tvec!(if input.datum_type() == DatumType::String {
            self.0.ids.translate(input, &Selection::All)?
        } else {
            self.0.names.translate(input, &Selection::All)?
        }))
    }
}
