//! LabelEncoder of `ai.onnx.ml`: every value by a table in the file, in all versions of the operator.
//!
//! Version 1 numbers `classes_strings`, and takes numbers back to strings; of equal classes the last counts. Version
//! 2 has one list of keys and one of values; the first of equal keys counts. Version 4 adds tensors, float64,
//! and that NaN finds NaN. A key that is not there gives the default. Pairs of types are those that ONNX Runtime has.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::tract_hir::internal::*;

use super::attributes::{Attributes, Values, check_len};
use super::category_mapper::{DEFAULT_INT, DEFAULT_STRING};
use super::dictionary::{Dictionary, Key, Nan, Repeated, Translate};
use super::selection::Selection;
use super::tabular::{Form, Shared, Tabular, build};
use super::version;
use crate::operators::kernel::Built;
use crate::operators::{Engine, ML_DOMAIN, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: ML_DOMAIN,
    name: "LabelEncoder",
    types: Types::F32.or(Types::F64).or(Types::I64).or(Types::STRING),
    attributes: &[
        "classes_strings",
        "default_float",
        "default_int64",
        "default_string",
        "default_tensor",
        "keys_floats",
        "keys_int64s",
        "keys_strings",
        "keys_tensor",
        "values_floats",
        "values_int64s",
        "values_strings",
        "values_tensor",
    ],
    engine: Engine::Own(label_encoder),
}];

fn label_encoder(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    attributes.check_kinds(&[
        ("classes_strings", AttributeType::Strings),
        ("default_float", AttributeType::Float),
        ("default_int64", AttributeType::Int),
        ("default_string", AttributeType::String),
        ("default_tensor", AttributeType::Tensor),
        ("keys_floats", AttributeType::Floats),
        ("keys_int64s", AttributeType::Ints),
        ("keys_strings", AttributeType::Strings),
        ("keys_tensor", AttributeType::Tensor),
        ("values_floats", AttributeType::Floats),
        ("values_int64s", AttributeType::Ints),
        ("values_strings", AttributeType::Strings),
        ("values_tensor", AttributeType::Tensor),
    ])?;
    let version = version(ctx)?;
    for attribute in &node.attribute {
        let name = attribute.name.as_str();
        let known = match version {
            1 => matches!(name, "classes_strings" | "default_int64" | "default_string"),
            2..=3 => name != "classes_strings" && !name.ends_with("_tensor"),
            _ => name != "classes_strings",
        };
        ensure!(
            known,
            "LabelEncoder of {ML_DOMAIN} {version} has no attribute `{name}`"
        );
    }
    if version == 1 {
        numbered(&attributes)
    } else {
        by_keys(node, &attributes, version)
    }
}

/// Version 1.
fn numbered(attributes: &Attributes) -> Built {
    let classes = attributes.strings("classes_strings")?;
    ensure!(
        !classes.is_empty(),
        "LabelEncoder has no attribute `classes_strings`"
    );
    let id = attributes.int("default_int64").unwrap_or(DEFAULT_INT);
    let name = default_string(attributes)?;
    build(LabelEncoder::of(Tables::Numbered {
        ids: table(
            classes.iter().cloned().zip(0..).collect(),
            id,
            Repeated::Last,
            1,
        ),
        names: table((0..).zip(classes).collect(), name, Repeated::Last, 1),
    }))
}

fn default_string(attributes: &Attributes) -> TractResult<String> {
    let given = attributes.string("default_string")?;
    Ok(given.unwrap_or_else(|| DEFAULT_STRING.to_owned()))
}

/// The only one of the lists that is there.
fn list(attributes: &Attributes, role: &str) -> TractResult<(String, Values)> {
    let kinds = ["tensor", "strings", "int64s", "floats"];
    let mut names = kinds
        .iter()
        .map(|kind| format!("{role}_{kind}"))
        .filter(|name| attributes.has(name));
    let Some(name) = names.next() else {
        bail!(
            "LabelEncoder has none of the attributes `{role}_floats`, `{role}_int64s`, `{role}_strings` and `{role}_tensor`"
        )
    };
    if let Some(second) = names.next() {
        bail!("LabelEncoder has both attributes `{name}` and `{second}`; only one may be there")
    }
    let values = if name.ends_with("_tensor") {
        attributes.list(&name)?
    } else if name.ends_with("_strings") {
        Values::String(attributes.strings(&name)?)
    } else if name.ends_with("_int64s") {
        Values::I64(attributes.ints(&name).to_vec())
    } else {
        Values::F32(attributes.floats(&name).to_vec())
    };
    Ok((name, values))
}

/// Version 2 and later.
fn by_keys(node: &NodeProto, attributes: &Attributes, version: i64) -> Built {
    let (keys_name, keys) = list(attributes, "keys")?;
    let (values_name, values) = list(attributes, "values")?;
    check_len(node, &values_name, values.len(), &[keys.len()])?;
    let default = match attributes.has("default_tensor") {
        false => None,
        true => Some(attributes.list("default_tensor")?),
    };
    let default = match (&values, default) {
        (_, Some(default)) => {
            check_len(node, "default_tensor", default.len(), &[1])?;
            default
        }
        (Values::F32(_), None) => {
            Values::F32(vec![attributes.float("default_float").unwrap_or(-0.0)])
        }
        // ONNX Runtime does not take `default_float` here.
        (Values::F64(_), None) => Values::F64(vec![-0.0]),
        (Values::I64(_), None) => {
            Values::I64(vec![attributes.int("default_int64").unwrap_or(DEFAULT_INT)])
        }
        (Values::String(_), None) => Values::String(vec![default_string(attributes)?]),
    };
    // ONNX Runtime has no table between floats of two widths.
    if let (Values::F32(_), Values::F64(_)) | (Values::F64(_), Values::F32(_)) = (&keys, &values) {
        bail!(
            "LabelEncoder from the type of `{keys_name}` to that of `{values_name}` is not supported yet"
        )
    }
    let table = match (values, default) {
        (Values::F32(values), Values::F32(default)) => keyed(keys, values, default, version),
        (Values::F64(values), Values::F64(default)) => keyed(keys, values, default, version),
        (Values::I64(values), Values::I64(default)) => keyed(keys, values, default, version),
        (Values::String(values), Values::String(default)) => keyed(keys, values, default, version),
        _ => None,
    };
    match table {
        Some(table) => build(LabelEncoder::of(Tables::ByKeys(table))),
        None => bail!(
            "attribute `default_tensor` of LabelEncoder is not of the type of `{values_name}`"
        ),
    }
}

type Table = Shared<Box<dyn Translate>>;

fn keyed<V: Datum>(keys: Values, values: Vec<V>, default: Vec<V>, version: i64) -> Option<Table> {
    fn entries<K, V>(keys: Vec<K>, values: Vec<V>) -> Vec<(K, V)> {
        keys.into_iter().zip(values).collect()
    }
    let default = default.into_iter().next()?;
    let first = Repeated::First;
    Some(match keys {
        Values::F32(keys) => table(entries(keys, values), default, first, version),
        Values::F64(keys) => table(entries(keys, values), default, first, version),
        Values::I64(keys) => table(entries(keys, values), default, first, version),
        Values::String(keys) => table(entries(keys, values), default, first, version),
    })
}

fn table<K: Key, V: Datum>(
    entries: Vec<(K, V)>,
    default: V,
    repeated: Repeated,
    version: i64,
) -> Table {
    let nan = if version < 4 {
        Nan::FindsNothing
    } else {
        Nan::FindsNan
    };
    Shared::new(Box::new(Dictionary::new(entries, default, repeated, nan)))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tables {
    Numbered { ids: Table, names: Table },
    ByKeys(Table),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct LabelEncoder {
    tables: Tables,
    selection: Selection,
}

impl LabelEncoder {
    fn of(tables: Tables) -> Self {
        Self {
            tables,
            selection: Selection::All,
        }
    }

    fn table(&self, from: DatumType) -> TractResult<&dyn Translate> {
        let table = match &self.tables {
            Tables::Numbered { ids, .. } if from == DatumType::String => ids,
            Tables::Numbered { names, .. } => names,
            Tables::ByKeys(table) => table,
        };
        let (keys, _) = table.types();
        ensure!(
            keys == from,
            "LabelEncoder has keys of {keys:?} for a tensor of {from:?}"
        );
        Ok(&***table)
    }
}

impl Tabular for LabelEncoder {
    fn name(&self) -> &'static str {
        "LabelEncoder"
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [input] = inputs else {
            bail!("LabelEncoder takes one tensor")
        };
        input.rows()?;
        let (_, values) = self.table(input.datum)?.types();
        let shape = self.selection.shape(&input.shape);
        Ok(tvec!(Form::new(values, shape)))
    }

    fn upstream(
        &self,
        model: &TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<Option<(Self, TVec<OutletId>)>> {
        let before = Selection::before(model, inputs[0])?;
        Ok(before.map(|(selection, source)| {
            let tables = self.tables.clone();
            (Self { tables, selection }, tvec!(source))
        }))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let table = self.table(inputs[0].datum_type())?;
        Ok(tvec!(table.translate(inputs[0], &self.selection)?))
    }
}
