//! Class probabilities as a matrix, not as maps.
//!
//! Exporters of classifiers end the graph with ZipMap by default: from the matrix of probabilities and the list of
//! class labels it makes a map from label to probability for every row. As columns the same pairs need no maps:
//! column *i* of the matrix is the probability of label *i*. So a ZipMap at the end of a graph is taken out, its
//! output becomes the matrix, and the labels become the names of the matrix's elements
//! ([`crate::TensorSpec::features`]).

use std::collections::{BTreeMap, HashSet};

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as DimensionValue};
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as TypeValue};
use tract_onnx::pb::{GraphProto, NodeProto, TensorShapeProto, TypeProto};

use crate::operators::{ML_DOMAIN, canonical_domain};
use crate::vet::Refusal;

/// Turns every ZipMap of the graph into Identity. Returns the class labels by the name of the output.
///
/// What ONNX Runtime refuses is refused: attributes other than one list of labels. So is what a matrix cannot say: a
/// label that occurs twice, maps that the graph goes on computing with.
pub(crate) fn take_out(graph: &mut GraphProto) -> Result<BTreeMap<String, Vec<String>>, Refusal> {
    let mut classes = BTreeMap::new();
    for node in &mut graph.node {
        if node.op_type != "ZipMap" || canonical_domain(&node.domain) != ML_DOMAIN {
            continue;
        }
        let labels = labels(node).map_err(|reason| refused(node, &reason))?;
        let ([_], [output]) = (&node.input[..], &node.output[..]) else {
            return Err(refused(node, "it must have one input and one output"));
        };
        let Some(declared) = graph.output.iter_mut().find(|value| value.name == *output) else {
            return Err(refused(
                node,
                "the graph goes on computing with its maps. Export the classifier with zipmap=False",
            ));
        };
        // A sequence of maps is no type that the engine's form of the file has a place for, so it reads as none.
        if declared
            .r#type
            .as_ref()
            .is_some_and(|ty| ty.value.is_some())
        {
            return Err(refused(
                node,
                &format!("output `{output}` is declared a tensor, not a sequence of maps"),
            ));
        }
        declared.r#type = Some(matrix(labels.len()));
        classes.insert(output.clone(), labels);
        node.op_type = "Identity".to_owned();
        node.domain.clear();
        node.attribute.clear();
    }
    let read: HashSet<&str> = graph
        .node
        .iter()
        .flat_map(|node| &node.input)
        .map(String::as_str)
        .collect();
    match classes.keys().find(|output| read.contains(output.as_str())) {
        Some(output) => Err(Refusal::Unsupported(format!(
            "the graph goes on computing with `{output}`, the maps of operator ZipMap ({ML_DOMAIN}). Export the classifier with zipmap=False"
        ))),
        None => Ok(classes),
    }
}

fn refused(node: &NodeProto, reason: &str) -> Refusal {
    let name = match node.name.as_str() {
        "" => String::new(),
        name => format!(" `{name}`"),
    };
    Refusal::Malformed(format!("operator ZipMap ({ML_DOMAIN}){name}: {reason}"))
}

/// The class labels of a ZipMap as text, in the order of the matrix's columns.
fn labels(node: &NodeProto) -> Result<Vec<String>, String> {
    let mut labels: Vec<String> = Vec::new();
    for attribute in &node.attribute {
        let found = match attribute.name.as_str() {
            "classlabels_int64s" => attribute.ints.iter().map(i64::to_string).collect(),
            "classlabels_strings" => attribute
                .strings
                .iter()
                .map(|label| String::from_utf8(label.clone()))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| "a class label is not UTF-8".to_owned())?,
            other => return Err(format!("attribute `{other}` is not supported yet")),
        };
        if !labels.is_empty() && !found.is_empty() {
            return Err("it has two lists of class labels where one must be".to_owned());
        }
        labels.extend(found);
    }
    if labels.is_empty() {
        return Err(
            "it has no class labels: neither `classlabels_int64s` nor `classlabels_strings`"
                .to_owned(),
        );
    }
    let mut seen = HashSet::new();
    match labels.iter().find(|label| !seen.insert(label.as_str())) {
        Some(label) => Err(format!("class label `{label}` occurs twice")),
        None => Ok(labels),
    }
}

/// `float32[N, classes]`
fn matrix(classes: usize) -> TypeProto {
    let dimension = |value| Dimension {
        denotation: String::new(),
        value: Some(value),
    };
    TypeProto {
        denotation: String::new(),
        value: Some(TypeValue::TensorType(TensorType {
            elem_type: DataType::Float as i32,
            shape: Some(TensorShapeProto {
                dim: vec![
                    dimension(DimensionValue::DimParam("N".to_owned())),
                    // Only a declaration; the shape that the graph really has is compared with the labels.
                    dimension(DimensionValue::DimValue(classes as i64)),
                ],
            }),
        })),
    }
}
