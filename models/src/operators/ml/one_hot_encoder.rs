//! OneHotEncoder of `ai.onnx.ml`: each value as a list of zeros with a 1 at the place of its category.
//!
//! The categories become a new last axis: `[N, columns]` gives `[N, columns, categories]`. Of equal categories the last
//! counts. Floats are cut to integers first, NaN and what is out of range to the smallest one, as ONNX Runtime
//! does. A value that is no category gives zeros, or is an error if the file says `zeros=0` (which scikit-learn's
//! encoder says unless it is told to ignore what it does not know).

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::dictionary::{Dictionary, Key, Nan, Repeated};
use super::selection::Selection;
use super::tabular::{Form, Shared, Tabular, build, tensor};
use crate::operators::cast::to_int64;
use crate::operators::kernel::Built;
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};
use crate::trial;

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: ML_DOMAIN,
    name: "OneHotEncoder",
    types: Types::F32.or(Types::F64).or(Types::I64).or(Types::STRING),
    attributes: &["cats_int64s", "cats_strings", "zeros"],
    engine: Engine::Own(one_hot_encoder),
}];

fn one_hot_encoder(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    attributes.check_kinds(&[
        ("cats_int64s", AttributeType::Ints),
        ("cats_strings", AttributeType::Strings),
        ("zeros", AttributeType::Int),
    ])?;
    let (ids, names) = (
        attributes.ints("cats_int64s"),
        attributes.strings("cats_strings")?,
    );
    let strict = attributes.int("zeros") == Some(0);
    match (ids, &*names) {
        ([], []) => {
            bail!("OneHotEncoder has neither attribute `cats_int64s` nor `cats_strings`")
        }
        (ids, []) => build(OneHotEncoder {
            width: ids.len(),
            places: Places::Ids(places(ids.iter().copied())),
            selection: Selection::All,
            strict,
        }),
        ([], _) => build(OneHotEncoder {
            width: names.len(),
            places: Places::Names(places(names)),
            selection: Selection::All,
            strict,
        }),
        _ => bail!(
            "OneHotEncoder has both attributes `cats_int64s` and `cats_strings`; only one may be there"
        ),
    }
}

/// What is no category.
const UNKNOWN: usize = usize::MAX;

fn places<K: Key>(categories: impl IntoIterator<Item = K>) -> Shared<Dictionary<K, usize>> {
    let entries = categories.into_iter().zip(0..);
    Shared::new(Dictionary::new(
        entries,
        UNKNOWN,
        Repeated::Last,
        Nan::FindsNothing,
    ))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Places {
    Ids(Shared<Dictionary<i64, usize>>),
    Names(Shared<Dictionary<String, usize>>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct OneHotEncoder {
    places: Places,
    width: usize,
    selection: Selection,
    /// Whether an unknown category is an error.
    strict: bool,
}

impl Tabular for OneHotEncoder {
    fn name(&self) -> &'static str {
        "OneHotEncoder"
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [input] = inputs else {
            bail!("OneHotEncoder takes one tensor")
        };
        match (&self.places, input.datum) {
            (Places::Names(_), DatumType::String)
            | (Places::Ids(_), DatumType::F32 | DatumType::F64 | DatumType::I64) => {}
            (Places::Names(_), other) => {
                bail!("OneHotEncoder has `cats_strings` for a tensor of {other:?}")
            }
            (Places::Ids(_), other) => {
                bail!("OneHotEncoder has `cats_int64s` for a tensor of {other:?}")
            }
        }
        input.rows()?;
        let mut shape = self.selection.shape(&input.shape);
        shape.push(self.width.to_dim());
        Ok(tvec!(Form::new(DatumType::F32, shape)))
    }

    fn upstream(
        &self,
        model: &TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<Option<(Self, TVec<OutletId>)>> {
        let before = Selection::before(model, inputs[0])?;
        Ok(before.map(|(selection, source)| {
            let encoder = Self {
                selection,
                ..self.clone()
            };
            (encoder, tvec!(source))
        }))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let input = inputs[0];
        let out = match (&self.places, input.datum_type()) {
            (Places::Names(places), DatumType::String) => {
                self.mark::<String>(input, |name| places.get(name))?
            }
            (Places::Ids(places), DatumType::I64) => {
                self.mark::<i64>(input, |id| places.get(id))?
            }
            (Places::Ids(places), DatumType::F32) => {
                self.mark::<f32>(input, |id| places.get(&to_int64(f64::from(*id))))?
            }
            (Places::Ids(places), DatumType::F64) => {
                self.mark::<f64>(input, |id| places.get(&to_int64(*id)))?
            }
            (_, other) => bail!("OneHotEncoder has no categories for {other:?}"),
        };
        Ok(tvec!(out))
    }
}

impl OneHotEncoder {
    fn mark<'a, T: Datum>(
        &self,
        input: &Tensor,
        place: impl Fn(&T) -> &'a usize,
    ) -> TractResult<Tensor> {
        let mut shape = self.selection.shape(input.shape());
        shape.push(self.width);
        let mut out = vec![0.0f32; shape.iter().product()];
        let mut lists = out.chunks_exact_mut(self.width.max(1));
        self.selection.read::<T>(input, |value| {
            let list = lists.next().unwrap_or_default();
            match list.get_mut(*place(value)) {
                Some(slot) => *slot = 1.0,
                None => ensure!(
                    !self.strict || trial::is_on(),
                    "{value:?} is no category of OneHotEncoder, and the model says that this is an error (zeros=0). Train the encoder with handle_unknown='ignore' to score such rows"
                ),
            }
            Ok(())
        })?;
        tensor(&shape, out)
    }
}
