//! Reads an ONNX file and decides, before the inference engine sees it, whether it may load.
//!
//! A model file may be truncated, hostile or simply made for another runtime. What is held here:
//!
//! - size: the file, its nodes and every tensor are bounded ([`Limits`]); a tensor's data must be as
//!   long as its shape says; what can be computed from constants alone stays within the same bound,
//!   because the engine computes it while loading;
//! - what decoding takes: a small file may stand for a large structure ([`crate::wire`]);
//! - self-containment: external data only from the model's own folder ([`crate::external`]), no local functions,
//!   no subgraphs, no sparse or quantised tensors;
//! - form: every name is defined once and before its use (ONNX demands it), every output exists;
//! - meaning: only operators, attributes and operator sets of [`crate::operators`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use tract_onnx::prelude::Framework;

use crate::error::ModelError;
use crate::external::{self, ExternalFiles};
use crate::operators;
use crate::signature::ElementType;
use crate::{wire, zip_map};

/// Bounds on what a model file may ask for. The defaults are far above any tabular model.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest file, in bytes. The files beside a model that hold its tensors may have as many together.
    pub file_bytes: u64,
    /// Most bytes that the file may take up once decoded.
    pub decoded_bytes: u64,
    /// Most nodes in the graph, and most inputs and outputs.
    pub nodes: usize,
    /// Most elements a row may have in one input or output.
    pub row_elements: usize,
    /// Largest tensor made while loading or scoring, in elements.
    pub tensor_elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 1 << 30,
            decoded_bytes: 1 << 31,
            nodes: 5_000,
            row_elements: 1 << 20,
            tensor_elements: 1 << 26,
        }
    }
}

/// Reads a file of at most `limits.file_bytes`.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, ModelError> {
    let failed = |source| ModelError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(std::io::Error::other(
            "it is a directory, not an .onnx file",
        )));
    }
    let too_large = |bytes| ModelError::TooLarge {
        path: path.to_owned(),
        bytes,
        limit: limits.file_bytes,
    };
    if metadata.len() > limits.file_bytes {
        return Err(too_large(metadata.len()));
    }
    // The length may lie (a pipe, a file that grows), so the read itself is bounded too.
    let mut bytes = Vec::new();
    file.take(limits.file_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limits.file_bytes {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// A dimension as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeclaredDim {
    Fixed(usize),
    Open,
}

/// An input or output as the file declares it.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) element: ElementType,
    /// `None` when the file declares no shape at all.
    pub(crate) shape: Option<Vec<DeclaredDim>>,
}

/// Why a file may not load.
#[derive(Debug)]
pub(crate) enum Refusal {
    Malformed(String),
    Unsupported(String),
}

impl Refusal {
    pub(crate) fn at(self, path: &Path) -> ModelError {
        let path = path.to_owned();
        match self {
            Self::Malformed(reason) => ModelError::Malformed { path, reason },
            Self::Unsupported(reason) => ModelError::Unsupported { path, reason },
        }
    }
}

fn malformed<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Malformed(reason.into()))
}

fn unsupported<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(reason.into()))
}

/// A decoded model that passed every check of this module.
#[derive(Debug)]
pub(crate) struct Vetted {
    pub(crate) proto: ModelProto,
    pub(crate) inputs: Vec<Declared>,
    pub(crate) outputs: Vec<Declared>,
    /// Class labels by the name of the output that holds their probabilities.
    pub(crate) classes: BTreeMap<String, Vec<String>>,
    /// Operators as the file names them, with how often each occurs.
    pub(crate) operators: BTreeMap<String, usize>,
    /// Files beside the model that hold tensors.
    pub(crate) files: ExternalFiles,
    /// Domain (empty for the default one) to version.
    pub(crate) opsets: BTreeMap<String, i64>,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Decodes and checks `bytes`. Tensors may lie in files of `folder`, if there is one.
pub(crate) fn vet(bytes: &[u8], folder: Option<&Path>, limits: &Limits) -> Result<Vetted, Refusal> {
    if bytes.is_empty() {
        return malformed("the file is empty");
    }
    if wire::decoded_bytes(bytes, limits.decoded_bytes) > limits.decoded_bytes {
        return unsupported(format!(
            "decoded it would take up more than {} bytes",
            limits.decoded_bytes
        ));
    }
    let mut proto = tract_onnx::onnx()
        .proto_model_for_read(&mut &bytes[..])
        .map_err(|error| Refusal::Malformed(format!("it does not decode as protobuf ({error})")))?;
    let operators = operators::count(&proto);
    let (mut classes, mut files) = (BTreeMap::new(), ExternalFiles::new());
    if let Some(graph) = &mut proto.graph {
        classes = zip_map::take_out(graph)?;
        files = external::take_in(graph, folder, limits.file_bytes)?;
    }
    let Some(graph) = &proto.graph else {
        return malformed("it holds no graph. The file may be truncated, or not be ONNX");
    };
    if graph.node.is_empty() || graph.output.is_empty() {
        return malformed("its graph computes nothing. The file may be truncated");
    }
    if graph.node.len() > limits.nodes {
        return unsupported(format!(
            "its graph has {} nodes; the limit is {}",
            graph.node.len(),
            limits.nodes
        ));
    }
    if graph.input.len().max(graph.output.len()) > limits.nodes {
        return unsupported(format!(
            "it has {} inputs and {} outputs; the limit is {}",
            graph.input.len(),
            graph.output.len(),
            limits.nodes
        ));
    }
    if !proto.functions.is_empty() {
        return unsupported(
            "it defines functions of its own. Export it with functions inlined (onnx.inliner.inline_local_functions)",
        );
    }
    if !proto.training_info.is_empty() {
        return unsupported("it holds training graphs. Export it for inference");
    }
    if !graph.sparse_initializer.is_empty() {
        return unsupported("it has sparse weights. Export them dense");
    }
    if !graph.quantization_annotation.is_empty() {
        return unsupported("it is quantised. Export it with float32 weights");
    }
    let opsets = opsets(&proto)?;
    check_operators(graph)?;
    check_domains(graph, &opsets)?;
    let constants = check_names(graph)?;
    check_tensors(graph, limits)?;
    check_constant_results(graph, &constants, limits)?;

    let initialised: HashSet<&str> = graph
        .initializer
        .iter()
        .map(|tensor| tensor.name.as_str())
        .collect();
    let inputs = graph
        .input
        .iter()
        .filter(|input| !initialised.contains(input.name.as_str()))
        .map(|input| declared(input, "input", limits))
        .collect::<Result<Vec<_>, _>>()?;
    if inputs.is_empty() {
        return unsupported("it has no inputs, so there is nothing to score");
    }
    let outputs = graph
        .output
        .iter()
        .map(|output| declared(output, "output", limits))
        .collect::<Result<Vec<_>, _>>()?;
    let mut metadata = BTreeMap::new();
    for entry in &proto.metadata_props {
        metadata.insert(entry.key.clone(), entry.value.clone());
    }
    Ok(Vetted {
        inputs,
        outputs,
        classes,
        operators,
        files,
        opsets,
        metadata,
        proto,
    })
}

fn opsets(proto: &ModelProto) -> Result<BTreeMap<String, i64>, Refusal> {
    let mut opsets = BTreeMap::new();
    for import in &proto.opset_import {
        let domain = operators::canonical_domain(&import.domain).to_owned();
        // Some converters list the default domain twice; that is harmless while they agree.
        if let Some(other) = opsets.insert(domain.clone(), import.version)
            && other != import.version
        {
            return malformed(format!(
                "it imports operator domain `{}` in versions {other} and {}",
                operators::domain_name(&domain),
                import.version
            ));
        }
    }
    if let Some(version) = opsets.get(operators::DEFAULT_DOMAIN) {
        let supported = operators::OPSETS;
        let nodes = proto.graph.iter().flat_map(|graph| &graph.node);
        let changed = nodes
            .filter(|node| {
                operators::canonical_domain(&node.domain) == operators::DEFAULT_DOMAIN
                    && !operators::is_covered(&node.op_type, *version)
            })
            .map(|node| node.op_type.as_str())
            .next();
        let known = supported.contains(version) || operators::OLDER_OPSETS.contains(version);
        if !known || changed.is_some() {
            let operator = changed.map_or_else(String::new, |name| format!(" for {name}"));
            return unsupported(format!(
                "it uses ONNX operator set {version}{operator}; sets {} to {} are supported. Export it with target_opset=18 or convert it (onnx.version_converter.convert_version)",
                supported.start(),
                supported.end()
            ));
        }
    }
    if let Some(version) = opsets.get(operators::ML_DOMAIN) {
        let supported = operators::ml::VERSIONS;
        if !supported.contains(version) {
            return unsupported(format!(
                "it uses operator set {version} of ai.onnx.ml; sets {} to {} are supported",
                supported.start(),
                supported.end()
            ));
        }
    }
    Ok(opsets)
}

/// Refuses operators of a domain whose version the file does not tell: their meaning depends on it.
fn check_domains(graph: &GraphProto, opsets: &BTreeMap<String, i64>) -> Result<(), Refusal> {
    let of_no_set = |node: &&NodeProto| {
        // Identity means the same in all versions, and stands where a ZipMap was.
        node.op_type != "Identity"
            && !opsets.contains_key(operators::canonical_domain(&node.domain))
    };
    match graph.node.iter().find(of_no_set) {
        None => Ok(()),
        Some(node) => malformed(format!(
            "it uses operator {}, but imports no operator set of {}",
            operators::display_name(node),
            operators::domain_name(&node.domain)
        )),
    }
}

/// Names every operator and attribute that may not be used, all at once.
fn check_operators(graph: &GraphProto) -> Result<(), Refusal> {
    let mut unknown: BTreeMap<String, usize> = BTreeMap::new();
    for node in &graph.node {
        match operators::find(&node.domain, &node.op_type) {
            None => *unknown.entry(operators::display_name(node)).or_insert(0) += 1,
            Some(operator) => {
                for (place, attribute) in node.attribute.iter().enumerate() {
                    let before = &node.attribute[..place];
                    if before.iter().any(|other| other.name == attribute.name) {
                        return malformed(format!(
                            "operator {}{} has attribute `{}` twice",
                            node.op_type,
                            called(node),
                            attribute.name
                        ));
                    }
                    if !operator.attributes.contains(&attribute.name.as_str()) {
                        return unsupported(format!(
                            "operator {}{} uses attribute `{}`, which is not supported yet",
                            node.op_type,
                            called(node),
                            attribute.name
                        ));
                    }
                    let subgraph = attribute.g.is_some() || !attribute.graphs.is_empty();
                    if subgraph && !operators::takes_subgraph(operator) {
                        return unsupported(format!(
                            "operator {} holds a subgraph, which is not supported yet",
                            node.op_type
                        ));
                    }
                    if !attribute.ref_attr_name.is_empty() {
                        return malformed(format!(
                            "attribute `{}` of {} refers to a function's attribute outside a function",
                            attribute.name, node.op_type
                        ));
                    }
                }
            }
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = unknown.keys().map(String::as_str).collect();
    let mut reason = format!(
        "operator{} {} not supported yet. A model must score exactly as ONNX Runtime does, so it is not loaded",
        if names.len() == 1 { "" } else { "s" },
        format_args!(
            "{} {}",
            names.join(", "),
            if names.len() == 1 { "is" } else { "are" }
        ),
    );
    if graph.node.iter().any(operators::ml::reads_map) {
        reason.push_str(
            ". An input that is a map is no column: train the model on one column a key, as a OneHotEncoder or plain numbers take them",
        );
    }
    unsupported(reason)
}

fn called(node: &NodeProto) -> String {
    if node.name.is_empty() {
        String::new()
    } else {
        format!(" `{}`", node.name)
    }
}

/// Checks that every value has one definition before its uses. Returns the names of the values that
/// depend on no input.
fn check_names(graph: &GraphProto) -> Result<HashSet<&str>, Refusal> {
    let mut defined: HashSet<&str> = HashSet::new();
    let mut constants: HashSet<&str> = HashSet::new();
    for tensor in &graph.initializer {
        if tensor.name.is_empty() {
            return malformed("an initialiser has no name");
        }
        if !constants.insert(&tensor.name) {
            return malformed(format!("initialiser `{}` occurs twice", tensor.name));
        }
        defined.insert(&tensor.name);
    }
    let mut inputs: HashSet<&str> = HashSet::new();
    for input in &graph.input {
        if input.name.is_empty() {
            return malformed("an input has no name");
        }
        if !inputs.insert(&input.name) {
            return malformed(format!("input `{}` occurs twice", input.name));
        }
        // An input that is also an initialiser is a default value, not an input.
        defined.insert(&input.name);
    }
    for node in &graph.node {
        for input in node.input.iter().filter(|name| !name.is_empty()) {
            if !defined.contains(input.as_str()) {
                return malformed(format!(
                    "operator {}{} reads `{input}`, which nothing before it defines",
                    node.op_type,
                    called(node)
                ));
            }
        }
        // The engine knows shapes when it loads the model, so what follows from them is constant to it.
        let constant = !operators::hides_its_value(&node.op_type)
            && (node.op_type == "Shape"
                || node
                    .input
                    .iter()
                    .all(|name| constants.contains(name.as_str()) || name.is_empty()));
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            if !defined.insert(output) {
                return malformed(format!("`{output}` is defined twice"));
            }
            if constant {
                constants.insert(output);
            }
        }
        if node.output.iter().all(String::is_empty) {
            return malformed(format!(
                "operator {}{} has no output",
                node.op_type,
                called(node)
            ));
        }
    }
    let mut outputs: HashSet<&str> = HashSet::new();
    for output in &graph.output {
        if !outputs.insert(&output.name) {
            return malformed(format!("output `{}` occurs twice", output.name));
        }
        if !defined.contains(output.name.as_str()) {
            return malformed(format!("nothing defines output `{}`", output.name));
        }
    }
    Ok(constants)
}

fn check_tensors(graph: &GraphProto, limits: &Limits) -> Result<(), Refusal> {
    for tensor in &graph.initializer {
        check_tensor(tensor, &tensor.name, limits)?;
    }
    for node in &graph.node {
        for attribute in &node.attribute {
            if let Some(tensor) = &attribute.t {
                check_tensor(tensor, &attribute.name, limits)?;
            }
            for tensor in &attribute.tensors {
                check_tensor(tensor, &attribute.name, limits)?;
            }
            if attribute.sparse_tensor.is_some() || !attribute.sparse_tensors.is_empty() {
                return unsupported(format!("attribute `{}` is sparse", attribute.name));
            }
        }
    }
    Ok(())
}

/// Number of elements of a tensor whose shape is sound.
fn elements(tensor: &TensorProto) -> Option<usize> {
    tensor.dims.iter().try_fold(1usize, |product, &dim| {
        product.checked_mul(usize::try_from(dim).ok()?)
    })
}

fn check_tensor(tensor: &TensorProto, name: &str, limits: &Limits) -> Result<(), Refusal> {
    // Those of initialisers have been read by now.
    if external::is_external(tensor) {
        return unsupported(format!(
            "tensor `{name}` of an attribute keeps its data in another file. Save the model as one file (onnx.save with save_as_external_data=False)"
        ));
    }
    if tensor.segment.is_some() {
        return unsupported(format!("tensor `{name}` is stored in segments"));
    }
    let Some(elements) = elements(tensor).filter(|n| *n <= limits.tensor_elements) else {
        return malformed(format!(
            "tensor `{name}` has the impossible shape {:?}",
            tensor.dims
        ));
    };
    let data_type = DataType::try_from(tensor.data_type).map_err(|_| {
        Refusal::Malformed(format!(
            "tensor `{name}` has unknown type {}",
            tensor.data_type
        ))
    })?;
    let (width, typed) = match data_type {
        DataType::Float => (4, tensor.float_data.len()),
        DataType::Double => (8, tensor.double_data.len()),
        DataType::Int32 => (4, tensor.int32_data.len()),
        DataType::Int64 => (8, tensor.int64_data.len()),
        // Bytes are only ever attributes: the tests of TreeEnsemble.
        DataType::Bool | DataType::Uint8 => (1, tensor.int32_data.len()),
        // Strings have no raw form.
        DataType::String if tensor.raw_data.is_empty() => (1, tensor.string_data.len()),
        other => {
            return unsupported(format!(
                "tensor `{name}` has element type {}, which is not supported yet",
                other.as_str_name().to_lowercase()
            ));
        }
    };
    let found = if tensor.raw_data.is_empty() {
        typed
    } else if tensor.raw_data.len().is_multiple_of(width) {
        tensor.raw_data.len() / width
    } else {
        return malformed(format!("tensor `{name}` ends within an element"));
    };
    if found != elements {
        return malformed(format!(
            "tensor `{name}` has shape {:?} but {found} elements of data",
            tensor.dims
        ));
    }
    Ok(())
}

/// Size of a value that depends on no input.
#[derive(Clone)]
struct ConstantSize {
    /// Upper bound of its elements.
    elements: usize,
    /// Its shape where that is plain to see.
    shape: Option<Vec<i64>>,
}

/// Bounds what the engine computes from constants while it loads the model.
///
/// The bound of an operator over several constants is the product of their sizes (a product of
/// matrices, a broadcast and a gather all stay within it). Element-wise operators over operands of
/// one shape, or scalars beside it, give that shape again.
fn check_constant_results<'g>(
    graph: &'g GraphProto,
    constants: &HashSet<&'g str>,
    limits: &Limits,
) -> Result<(), Refusal> {
    let mut sizes: HashMap<&str, ConstantSize> = graph
        .initializer
        .iter()
        .map(|tensor| {
            let elements = elements(tensor).unwrap_or(usize::MAX);
            (
                tensor.name.as_str(),
                ConstantSize {
                    elements,
                    shape: Some(tensor.dims.clone()),
                },
            )
        })
        .collect();
    let unbounded = ConstantSize {
        elements: usize::MAX,
        shape: None,
    };
    for node in &graph.node {
        let Some(first) = node.output.iter().find(|name| !name.is_empty()) else {
            continue;
        };
        if !constants.contains(first.as_str()) {
            continue;
        }
        let operands: Vec<&ConstantSize> = node
            .input
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| sizes.get(name.as_str()).unwrap_or(&unbounded))
            .collect();
        let size = constant_result(node, &operands);
        if size.elements > limits.tensor_elements {
            return unsupported(format!(
                "operator {}{} combines constants into a tensor that may exceed the limit of {} elements. Fold constants before exporting (onnxsim, or ONNX Runtime's optimised model)",
                node.op_type,
                called(node),
                limits.tensor_elements
            ));
        }
        for output in &node.output {
            sizes.insert(output, size.clone());
        }
    }
    Ok(())
}

fn constant_result(node: &NodeProto, operands: &[&ConstantSize]) -> ConstantSize {
    if node.op_type == "Shape" {
        return ConstantSize {
            elements: 64,
            shape: None,
        };
    }
    if SIZED_BY_VALUE.contains(&node.op_type.as_str()) {
        return ConstantSize {
            elements: usize::MAX,
            shape: None,
        };
    }
    if operands.is_empty() {
        let shape = node.attribute.iter().find_map(|attribute| {
            attribute
                .t
                .as_ref()
                .map(|tensor| tensor.dims.clone())
                .or_else(|| {
                    let list = attribute
                        .ints
                        .len()
                        .max(attribute.floats.len())
                        .max(attribute.strings.len());
                    i64::try_from(list)
                        .ok()
                        .filter(|list| *list > 0)
                        .map(|list| vec![list])
                })
        });
        let shape = shape.unwrap_or_default();
        let elements = shape.iter().fold(1usize, |product, dim| {
            product.saturating_mul(usize::try_from(*dim).unwrap_or(usize::MAX))
        });
        return ConstantSize {
            elements,
            shape: Some(shape),
        };
    }
    if ELEMENT_WISE.contains(&node.op_type.as_str()) {
        let mut wide = operands.iter().filter(|operand| operand.elements > 1);
        match wide.next() {
            None => {
                return ConstantSize {
                    elements: 1,
                    shape: None,
                };
            }
            Some(first)
                if first.shape.is_some() && wide.all(|other| other.shape == first.shape) =>
            {
                return (*first).clone();
            }
            Some(_) => {}
        }
    }
    let elements = operands.iter().map(|operand| operand.elements.max(1));
    let elements = if node.op_type == "Concat" {
        elements.fold(0, usize::saturating_add)
    } else {
        elements.fold(1, usize::saturating_mul)
    };
    ConstantSize {
        elements,
        shape: None,
    }
}

/// Operators whose result is as large as the value of an operand says.
const SIZED_BY_VALUE: &[&str] = &["OneHot", "Tile"];

/// Operators whose result has the shape of their operands, where these agree.
const ELEMENT_WISE: &[&str] = &[
    "Add", "And", "Div", "Equal", "Greater", "Less", "Max", "Min", "Mul", "Or", "Pow", "Sub",
    "Where",
];

fn declared(value: &ValueInfoProto, role: &str, limits: &Limits) -> Result<Declared, Refusal> {
    let name = &value.name;
    let Some(TypeValue::TensorType(tensor)) =
        value.r#type.as_ref().and_then(|ty| ty.value.as_ref())
    else {
        return unsupported(format!(
            "{role} `{name}` is not a tensor (a map or a sequence). Export the classifier with zipmap=False"
        ));
    };
    let element = match DataType::try_from(tensor.elem_type) {
        Ok(DataType::Float) => ElementType::Float32,
        Ok(DataType::Double) => ElementType::Float64,
        Ok(DataType::Int32) => ElementType::Int32,
        Ok(DataType::Int64) => ElementType::Int64,
        Ok(DataType::Bool) => ElementType::Bool,
        Ok(DataType::String) => ElementType::String,
        Ok(other) => {
            return unsupported(format!(
                "{role} `{name}` has element type {}, which is not supported yet. float, double, int32, int64, bool and string are",
                other.as_str_name().to_lowercase()
            ));
        }
        Err(_) => {
            return malformed(format!(
                "{role} `{name}` has unknown element type {}",
                tensor.elem_type
            ));
        }
    };
    let shape = tensor
        .shape
        .as_ref()
        .map(|shape| {
            shape
                .dim
                .iter()
                .map(|dim| match &dim.value {
                    Some(Dimension::DimValue(size)) => match usize::try_from(*size) {
                        // Some exporters write 0 or -1 for "any".
                        Ok(0) | Err(_) => Ok(DeclaredDim::Open),
                        Ok(size) if size <= limits.row_elements => Ok(DeclaredDim::Fixed(size)),
                        Ok(size) => malformed(format!("{role} `{name}` has a dimension of {size}")),
                    },
                    Some(Dimension::DimParam(_)) | None => Ok(DeclaredDim::Open),
                })
                .collect::<Result<Vec<_>, _>>()
        })
        .transpose()?;
    Ok(Declared {
        name: name.clone(),
        element,
        shape,
    })
}
