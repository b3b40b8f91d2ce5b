//! Reads a node's attributes, so that every mistake of a file is an error that names the attribute.

use std::collections::HashMap;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

/// The attributes of one node.
pub(in crate::operators) struct Attributes<'a> {
    node: &'a NodeProto,
    by_name: HashMap<&'a str, &'a AttributeProto>,
}

/// Values of a tensor attribute.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::operators) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
    String(Vec<String>),
}

impl Values {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::String(values) => values.len(),
        }
    }
}

impl<'a> Attributes<'a> {
    pub(in crate::operators) fn of(node: &'a NodeProto) -> Self {
        Self {
            node,
            by_name: node
                .attribute
                .iter()
                .map(|attribute| (attribute.name.as_str(), attribute))
                .collect(),
        }
    }

    /// The attribute, if the node has it.
    pub(in crate::operators) fn get(&self, name: &str) -> Option<&'a AttributeProto> {
        self.by_name.get(name).copied()
    }

    /// Refuses an attribute whose value is of another kind than the operator reads, which would be read as
    /// empty or zero.
    pub(super) fn check_kinds(&self, kinds: &[(&str, AttributeType)]) -> TractResult<()> {
        for (name, kind) in kinds {
            if let Some(attribute) = self.get(name)
                && attribute.r#type != *kind as i32
            {
                bail!(
                    "attribute `{name}` of {} is not of kind {}",
                    self.node.op_type,
                    kind.as_str_name().to_lowercase()
                );
            }
        }
        Ok(())
    }

    /// True if the node has the attribute, be it empty.
    pub(in crate::operators) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// A list of float32, empty if it is not there.
    pub(in crate::operators) fn floats(&self, name: &str) -> &'a [f32] {
        self.get(name).map_or(&[], |attribute| &attribute.floats)
    }

    /// A list of int64, empty if it is not there.
    pub(in crate::operators) fn ints(&self, name: &str) -> &'a [i64] {
        self.get(name).map_or(&[], |attribute| &attribute.ints)
    }

    /// A list of strings, empty if it is not there.
    pub(in crate::operators) fn strings(&self, name: &str) -> TractResult<Vec<String>> {
        let Some(attribute) = self.get(name) else {
            return Ok(Vec::new());
        };
        attribute
            .strings
            .iter()
            .map(|bytes| self.text(name, bytes))
            .collect()
    }

    /// One float32.
    pub(in crate::operators) fn float(&self, name: &str) -> Option<f32> {
        self.get(name).map(|attribute| attribute.f)
    }

    /// One int64.
    pub(in crate::operators) fn int(&self, name: &str) -> Option<i64> {
        self.get(name).map(|attribute| attribute.i)
    }

    /// One string.
    pub(in crate::operators) fn string(&self, name: &str) -> TractResult<Option<String>> {
        self.get(name)
            .map(|attribute| self.text(name, &attribute.s))
            .transpose()
    }

    /// The elements of a tensor.
    pub(in crate::operators) fn tensor(&self, name: &str) -> TractResult<Option<Values>> {
        let Some(attribute) = self.get(name) else {
            return Ok(None);
        };
        match &attribute.t {
            Some(tensor) => Ok(Some(self.values(name, tensor)?)),
            None => bail!("attribute `{name}` of {} is no tensor", self.node.op_type),
        }
    }

    /// The elements of a tensor that must be a list.
    pub(super) fn list(&self, name: &str) -> TractResult<Values> {
        let tensor = self.get(name).and_then(|attribute| attribute.t.as_ref());
        let is_list = tensor.is_some_and(|tensor| tensor.dims.len() == 1);
        match self.tensor(name)? {
            Some(values) if is_list => Ok(values),
            _ => bail!(
                "attribute `{name}` of {} is no list of values",
                self.node.op_type
            ),
        }
    }

    fn text(&self, name: &str, bytes: &[u8]) -> TractResult<String> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => bail!("attribute `{name}` of {} is not UTF-8", self.node.op_type),
        }
    }

    fn values(&self, name: &str, tensor: &TensorProto) -> TractResult<Values> {
        let raw = &tensor.raw_data;
        Ok(match DataType::try_from(tensor.data_type) {
            Ok(DataType::Float) if raw.is_empty() => Values::F32(tensor.float_data.clone()),
            Ok(DataType::Float) => Values::F32(
                raw.as_chunks::<4>()
                    .0
                    .iter()
                    .map(|b| f32::from_le_bytes(*b))
                    .collect(),
            ),
            Ok(DataType::Double) if raw.is_empty() => Values::F64(tensor.double_data.clone()),
            Ok(DataType::Double) => Values::F64(
                raw.as_chunks::<8>()
                    .0
                    .iter()
                    .map(|b| f64::from_le_bytes(*b))
                    .collect(),
            ),
            Ok(DataType::Int64) if raw.is_empty() => Values::I64(tensor.int64_data.clone()),
            Ok(DataType::Int64) => Values::I64(
                raw.as_chunks::<8>()
                    .0
                    .iter()
                    .map(|b| i64::from_le_bytes(*b))
                    .collect(),
            ),
            Ok(DataType::Uint8) if raw.is_empty() => {
                Values::I64(tensor.int32_data.iter().map(|v| i64::from(*v)).collect())
            }
            Ok(DataType::Uint8) => Values::I64(raw.iter().map(|v| i64::from(*v)).collect()),
            Ok(DataType::String) => Values::String(
                tensor
                    .string_data
                    .iter()
                    .map(|bytes| self.text(name, bytes))
                    .collect::<TractResult<_>>()?,
            ),
            _ => bail!(
                "attribute `{name}` of {} has an element type that is not supported",
                self.node.op_type
            ),
        })
    }
}

/// Refuses a list of a length that the operator has no meaning for.
pub(in crate::operators) fn check_len(
    node: &NodeProto,
    name: &str,
    len: usize,
    allowed: &[usize],
) -> TractResult<()> {
    if allowed.contains(&len) {
        return Ok(());
    }
    bail!(
        "attribute `{name}` of {} has {len} values where {} are needed",
        node.op_type,
        allowed
            .iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join(" or ")
    )
}
