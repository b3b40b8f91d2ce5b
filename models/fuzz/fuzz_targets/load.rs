//! Loads whatever bytes come, and scores three rows with whatever loads.
//!
//! Panics of the inference engine are caught by design and become errors; one of ours that is caught in the same way
//! counts as a find here. Bytes that decode as a model are changed as a model: attributes, shapes, names, operators.
//! Flipped bytes alone would mostly die while decoding.

#![no_main]

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, StringArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use millstream_models::{Binding, InputColumn, Limits, Model, ModelError, Scorer, SqlColumn};
use prost::Message;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};

const ROWS: usize = 3;

/// Far below the defaults, so that what is large is met soon.
const LIMITS: Limits = Limits {
    file_bytes: 1 << 20,
    decoded_bytes: 1 << 26,
    nodes: 100,
    row_elements: 1 << 12,
    tensor_elements: 1 << 18,
};

fuzz_target!(|data: &[u8]| {
    match Model::from_bytes("fuzz.onnx", data, &LIMITS) {
        Ok(model) => score(Arc::new(model)),
        Err(error) => check(&error),
    }
});

/// Panics if the error is a caught panic of our own code.
fn check(error: &ModelError) {
    let text = error.to_string();
    assert!(
        !(text.contains("panicked at") && text.contains("models/src/")),
        "{text}"
    );
}

fn score(model: Arc<Model>) {
    // What the statement declares must bind; whatever it prints must not panic.
    let _ = model.describe(&[]);
    let _ = model.facts(&[]);
    let columns = model.sql_columns();
    let declared = |columns: &[SqlColumn]| -> Vec<(String, DataType)> {
        columns
            .iter()
            .map(|column| (column.name.clone(), column.data_type.clone()))
            .collect()
    };
    let (inputs, outputs) = (declared(&columns.inputs), declared(&columns.outputs));
    let Ok(binding) = Binding::new(model.signature(), &inputs, &outputs) else {
        return;
    };
    let _ = binding.explain(model.signature());
    let values = binding.inputs.iter().map(|column| {
        let width = model.signature().inputs[column.tensor].width();
        values(column, width)
    });
    let Some(values) = values.collect::<Option<Vec<ArrayRef>>>() else {
        return;
    };
    let mut scorer = Scorer::new(model, binding);
    match scorer.score(&values, ROWS) {
        Ok(scores) => assert!(scores.iter().all(|column| column.len() == ROWS)),
        Err(error) => check(&error),
    }
}

/// Three rows: something, NaN or the largest, nothing.
fn values(column: &InputColumn, width: usize) -> Option<ArrayRef> {
    let (item, width) = match &column.data_type {
        DataType::List(item) => (Some(item), width),
        _ => (None, 1),
    };
    fn spread<T: Copy>(three: [T; 3], width: usize) -> Vec<T> {
        three
            .iter()
            .flat_map(|v| std::iter::repeat_n(*v, width))
            .collect()
    }
    let flat: ArrayRef = match item.map_or(&column.data_type, |item| item.data_type()) {
        DataType::Float64 => Arc::new(Float64Array::from(spread([1.5, f64::NAN, 0.0], width))),
        DataType::Int64 => Arc::new(Int64Array::from(spread([1, i64::MAX, 0], width))),
        DataType::Int32 => Arc::new(Int32Array::from(spread([1, i32::MAX, 0], width))),
        DataType::Boolean => Arc::new(BooleanArray::from(spread([true, false, true], width))),
        DataType::Utf8 => Arc::new(StringArray::from(spread(["a", "ß 1", ""], width))),
        _ => return None,
    };
    let Some(item) = item else { return Some(flat) };
    let offsets = OffsetBuffer::from_lengths([width; ROWS]);
    ListArray::try_new(Arc::clone(item), offsets, flat, None)
        .ok()
        .map(|list| Arc::new(list) as ArrayRef)
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random(u64::from(seed) + 1);
    if random.below(8) > 0
        && let Ok(mut model) = ModelProto::decode(&data[..size])
        && let Some(graph) = &mut model.graph
    {
        for _ in 0..1 + random.below(4) {
            change(graph, &mut random);
        }
        if random.below(20) == 0
            && let Some(import) = model.opset_import.first_mut()
        {
            import.version = random.number();
        }
        let bytes = model.encode_to_vec();
        if bytes.len() <= max_size && bytes != data[..size] {
            data[..bytes.len()].copy_from_slice(&bytes);
            return bytes.len();
        }
    }
    fuzzer_mutate(data, size, max_size)
});

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let at = self.below(list.len());
        list.get(at)
    }

    fn of_mut<'a, T>(&mut self, list: &'a mut [T]) -> Option<&'a mut T> {
        let at = self.below(list.len());
        list.get_mut(at)
    }

    /// A number at the edge of something, or a small one.
    fn number(&mut self) -> i64 {
        const EDGES: [i64; 18] = [
            0,
            1,
            -1,
            2,
            3,
            7,
            8,
            255,
            256,
            65_535,
            65_536,
            1 << 31,
            (1 << 31) - 1,
            -(1 << 31),
            1 << 40,
            i64::MAX,
            i64::MIN,
            i64::MAX - 1,
        ];
        match self.below(3) {
            0 => EDGES[self.below(EDGES.len())],
            1 => self.below(20) as i64,
            _ => -(self.below(5) as i64),
        }
    }

    fn float(&mut self) -> f32 {
        const EDGES: [f32; 9] = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            f32::MIN_POSITIVE,
        ];
        match self.below(2) {
            0 => EDGES[self.below(EDGES.len())],
            _ => self.below(2000) as f32 / 100.0 - 10.0,
        }
    }
}

/// Changes a list: an element, its length, its order.
fn change_list<T: Clone>(
    list: &mut Vec<T>,
    random: &mut Random,
    fresh: impl FnOnce(&mut Random) -> T,
) {
    match random.below(6) {
        0 => list.push(fresh(random)),
        1 => {
            list.pop();
        }
        2 if !list.is_empty() => {
            let at = random.below(list.len());
            list.remove(at);
        }
        3 if list.len() > 1 => {
            let (a, b) = (random.below(list.len()), random.below(list.len()));
            list.swap(a, b);
        }
        4 if !list.is_empty() && list.len() < 4096 => {
            let copy = list.clone();
            list.extend(copy);
        }
        _ => {
            let value = fresh(random);
            if let Some(slot) = random.of_mut(list) {
                *slot = value;
            }
        }
    }
}

/// Changes one thing of a graph.
fn change(graph: &mut GraphProto, random: &mut Random) {
    match random.below(12) {
        0..=4 => {
            if let Some(node) = random.of_mut(&mut graph.node) {
                change_attributes(node, random);
            }
        }
        5 => {
            if let Some(tensor) = random.of_mut(&mut graph.initializer) {
                change_tensor(tensor, random);
            }
        }
        6 => {
            let values = if random.below(3) > 0 {
                &mut graph.input
            } else {
                &mut graph.output
            };
            if let Some(value) = random.of_mut(values) {
                change_value(value, random);
            }
        }
        7 => rewire(graph, random),
        8 => {
            // An operator under the name of another.
            let names: Vec<(String, String)> = graph
                .node
                .iter()
                .map(|node| (node.op_type.clone(), node.domain.clone()))
                .collect();
            let other = match random.of(&names) {
                Some((name, domain)) if random.below(3) == 0 => (name.clone(), domain.clone()),
                _ => {
                    let (name, domain) = OPERATORS[random.below(OPERATORS.len())];
                    (name.to_owned(), domain.to_owned())
                }
            };
            if let Some(node) = random.of_mut(&mut graph.node) {
                (node.op_type, node.domain) = other;
            }
        }
        9 => {
            // A second operator behind one that is there.
            if let Some(node) = random.of(&graph.node).cloned() {
                let mut copy = node.clone();
                if let (Some(input), Some(output)) = (copy.input.first_mut(), node.output.first()) {
                    input.clone_from(output);
                }
                for output in &mut copy.output {
                    output.push_str(&format!("_{}", random.below(1000)));
                }
                graph.node.push(copy);
            }
        }
        10 => {
            if !graph.node.is_empty() {
                let at = random.below(graph.node.len());
                graph.node.remove(at);
            }
        }
        _ => {
            if let Some(output) = random
                .of(&graph.node)
                .and_then(|node| node.output.first().cloned())
                && let Some(declared) = random.of_mut(&mut graph.output)
            {
                declared.name = output;
            }
        }
    }
}

const ML: &str = "ai.onnx.ml";

const OPERATORS: &[(&str, &str)] = &[
    ("ArrayFeatureExtractor", ML),
    ("Binarizer", ML),
    ("CategoryMapper", ML),
    ("FeatureVectorizer", ML),
    ("Imputer", ML),
    ("LabelEncoder", ML),
    ("LinearClassifier", ML),
    ("LinearRegressor", ML),
    ("Normalizer", ML),
    ("OneHotEncoder", ML),
    ("SVMClassifier", ML),
    ("SVMRegressor", ML),
    ("Scaler", ML),
    ("TreeEnsemble", ML),
    ("TreeEnsembleClassifier", ML),
    ("TreeEnsembleRegressor", ML),
    ("ZipMap", ML),
    ("Add", ""),
    ("ArgMax", ""),
    ("Cast", ""),
    ("Concat", ""),
    ("Flatten", ""),
    ("Gather", ""),
    ("Gemm", ""),
    ("Identity", ""),
    ("MatMul", ""),
    ("Reshape", ""),
    ("Slice", ""),
    ("Softmax", ""),
    ("Squeeze", ""),
    ("TopK", ""),
    ("Transpose", ""),
    ("Unsqueeze", ""),
];

fn change_attributes(node: &mut NodeProto, random: &mut Random) {
    match random.below(10) {
        0 => {
            if !node.attribute.is_empty() {
                let at = random.below(node.attribute.len());
                node.attribute.remove(at);
            }
        }
        1 => {
            if let Some(one) = random.of(&node.attribute).cloned() {
                node.attribute.push(one);
            }
        }
        2 => {
            // The value of one attribute under the name of another.
            if let (Some(one), Some(name)) = (
                random.of(&node.attribute).cloned(),
                random.of(&node.attribute).map(|other| other.name.clone()),
            ) && let Some(target) = node.attribute.iter_mut().find(|other| other.name == name)
            {
                *target = AttributeProto { name, ..one };
            }
        }
        _ => {
            if let Some(attribute) = random.of_mut(&mut node.attribute) {
                change_attribute(attribute, random);
            }
        }
    }
}

fn change_attribute(attribute: &mut AttributeProto, random: &mut Random) {
    if !attribute.ints.is_empty() {
        change_list(&mut attribute.ints, random, Random::number);
    } else if !attribute.floats.is_empty() {
        change_list(&mut attribute.floats, random, Random::float);
    } else if !attribute.strings.is_empty() {
        change_list(&mut attribute.strings, random, |random| {
            const TEXTS: [&[u8]; 8] = [
                b"",
                b"a",
                b"NONE",
                b"SOFTMAX",
                b"BRANCH_LEQ",
                b"LEAF",
                b"BRANCH_MEMBER",
                b"\xff\xfe",
            ];
            TEXTS[random.below(TEXTS.len())].to_vec()
        });
    } else if let Some(tensor) = &mut attribute.t {
        change_tensor(tensor, random);
    } else {
        match random.below(5) {
            0 => attribute.f = random.float(),
            1 => attribute.ints.push(random.number()),
            2 => attribute.floats.push(random.float()),
            3 => attribute.s = vec![b'A'; random.below(3)],
            _ => attribute.i = random.number(),
        }
    }
}

fn change_tensor(tensor: &mut TensorProto, random: &mut Random) {
    match random.below(6) {
        0 => change_list(&mut tensor.dims, random, Random::number),
        1 => tensor.data_type = random.below(20) as i32,
        2 => {
            let len = random.below(64);
            tensor.raw_data.resize(len, 0xff);
        }
        3 => {
            // As long as the shape says, so that it may load.
            let count: i64 = tensor.dims.iter().product();
            if let Ok(count) = usize::try_from(count)
                && count < 1 << 12
            {
                tensor.raw_data = (0..count * 4).map(|_| random.next() as u8).collect();
                tensor.data_type = 1;
                tensor.float_data.clear();
            }
        }
        4 => change_list(&mut tensor.int64_data, random, Random::number),
        _ => {
            if let Some(byte) = random.of_mut(&mut tensor.raw_data) {
                *byte ^= 0x81;
            }
        }
    }
}

fn change_value(value: &mut ValueInfoProto, random: &mut Random) {
    let Some(ty) = &mut value.r#type else { return };
    if random.below(20) == 0 {
        ty.value = None;
        return;
    }
    let Some(TypeValue::TensorType(tensor)) = &mut ty.value else {
        return;
    };
    if random.below(3) == 0 {
        tensor.elem_type = [1, 6, 7, 8, 9, 11, 10, 0][random.below(8)];
        return;
    }
    let Some(shape) = &mut tensor.shape else {
        return;
    };
    if random.below(3) == 0 {
        if random.below(2) == 0 {
            shape.dim.pop();
        } else if let Some(dim) = shape.dim.last().cloned() {
            shape.dim.push(dim);
        }
    } else if let Some(dim) = random.of_mut(&mut shape.dim) {
        dim.value = match random.below(3) {
            0 => None,
            1 => Some(Dimension::DimValue(random.below(70) as i64)),
            _ => Some(Dimension::DimValue(random.number())),
        };
    }
}

/// Lets an operator read something else.
fn rewire(graph: &mut GraphProto, random: &mut Random) {
    let mut names: Vec<String> = vec![String::new()];
    names.extend(graph.input.iter().map(|input| input.name.clone()));
    names.extend(graph.initializer.iter().map(|tensor| tensor.name.clone()));
    names.extend(
        graph
            .node
            .iter()
            .flat_map(|node| node.output.iter().cloned()),
    );
    let name = random.of(&names).cloned().unwrap_or_default();
    if let Some(node) = random.of_mut(&mut graph.node) {
        if random.below(6) == 0 {
            change_list(&mut node.input, random, |_| name);
        } else if let Some(input) = random.of_mut(&mut node.input) {
            *input = name;
        }
    }
}
