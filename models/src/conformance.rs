//! Compares this crate with ONNX Runtime: its results were recorded by `models/tests/make_models.py`.
//!
//! Every case is scored through the same path as a pipeline's rows: load, bind, pack, run, unpack. Scores
//! must agree within 1e-6 and labels must be equal, at batch 1, 7 and all rows, and the bits of a
//! row's score must be the same in each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array,
    ListArray, StringArray, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type};
use serde_json::Value;

use crate::operators;
use crate::{Binding, Limits, Model, ModelError, Scorer, Signature, SqlColumn, SqlColumns};

const TOLERANCE: f64 = 1e-6;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn json(name: &str) -> Value {
    let path = data().join(name);
    serde_json::from_slice(
        &std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
    )
    .unwrap()
}

/// A tensor of the file as a column: one value a row, or a list a row.
fn column(tensor: &Value) -> ArrayRef {
    let data = tensor["data"].as_array().unwrap();
    let float = |v: &Value| match v.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => v.as_f64().unwrap(),
    };
    let int = |v: &Value| v.as_i64().unwrap();
    let flat: ArrayRef = match tensor["type"].as_str().unwrap() {
        "float32" => Arc::new(
            data.iter()
                .map(|v| Some(float(v) as f32))
                .collect::<Float32Array>(),
        ),
        "float64" => Arc::new(
            data.iter()
                .map(|v| Some(float(v)))
                .collect::<Float64Array>(),
        ),
        "int32" => Arc::new(
            data.iter()
                .map(|v| i32::try_from(int(v)).ok())
                .collect::<Int32Array>(),
        ),
        "int64" => Arc::new(data.iter().map(|v| Some(int(v))).collect::<Int64Array>()),
        "bool" => Arc::new(data.iter().map(Value::as_bool).collect::<BooleanArray>()),
        "string" => Arc::new(data.iter().map(Value::as_str).collect::<StringArray>()),
        other => panic!("type {other}"),
    };
    let shape: Vec<usize> = tensor["shape"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_u64().unwrap() as usize)
        .collect();
    let width: usize = shape[1..].iter().product();
    if width == 1 {
        return flat;
    }
    let field = Arc::new(Field::new_list_field(flat.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(width, shape[0]));
    Arc::new(ListArray::new(field, offsets, flat, None))
}

/// The cases of the files whose names begin so: of `operators.json` and those of the families,
/// `operators_<family>.json`, and of `refused_<family>.json`.
fn cases(prefix: &str) -> Vec<Value> {
    let mut names: Vec<String> = std::fs::read_dir(data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(prefix) && name.ends_with(".json"))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    let files = names.iter().map(|name| json(name));
    files
        .flat_map(|file| match file {
            Value::Array(cases) => cases,
            other => panic!("no list of cases: {other}"),
        })
        .collect()
}

fn columns(tensors: &Value) -> Vec<(String, ArrayRef)> {
    tensors
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, tensor)| (name.clone(), column(tensor)))
        .collect()
}

fn types(columns: &[(String, ArrayRef)]) -> Vec<(String, DataType)> {
    columns
        .iter()
        .map(|(name, array)| (name.clone(), array.data_type().clone()))
        .collect()
}

/// Scores `arrays` in pieces of `batch` rows.
fn score(
    scorer: &mut Scorer,
    arrays: &[ArrayRef],
    batch: usize,
) -> Result<Vec<ArrayRef>, ModelError> {
    let rows = arrays[0].len();
    let mut pieces: Vec<Vec<ArrayRef>> = Vec::new();
    for start in (0..rows).step_by(batch) {
        let len = batch.min(rows - start);
        let piece: Vec<ArrayRef> = arrays.iter().map(|array| array.slice(start, len)).collect();
        pieces.push(scorer.score(&piece, len)?);
    }
    Ok((0..pieces[0].len())
        .map(|column| {
            let parts: Vec<&dyn Array> =
                pieces.iter().map(|piece| piece[column].as_ref()).collect();
            concat(&parts).unwrap()
        })
        .collect())
}

fn flat(array: &ArrayRef) -> ArrayRef {
    match array.as_list_opt::<i32>() {
        Some(list) => Arc::clone(list.values()),
        None => Arc::clone(array),
    }
}

fn floats(array: &ArrayRef) -> Option<Vec<f64>> {
    match array.data_type() {
        DataType::Float32 => Some(
            array
                .as_primitive::<Float32Type>()
                .values()
                .iter()
                .map(|v| f64::from(*v))
                .collect(),
        ),
        DataType::Float64 => Some(array.as_primitive::<Float64Type>().values().to_vec()),
        _ => None,
    }
}

/// How `got` differs from `wanted`, if by more than `tolerance` (relative above one).
fn difference(got: &ArrayRef, wanted: &ArrayRef, tolerance: f64) -> Option<String> {
    let (got, wanted) = (flat(got), flat(wanted));
    let (Some(a), Some(b)) = (floats(&got), floats(&wanted)) else {
        return (got.as_ref() != wanted.as_ref())
            .then(|| format!("got {got:?}, wanted {wanted:?}"));
    };
    assert_eq!(a.len(), b.len());
    a.iter().zip(&b).enumerate().find_map(|(index, (a, b))| {
        let equal =
            a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * b.abs().max(1.0);
        (!equal).then(|| format!("value {index}: got {a}, wanted {b}"))
    })
}

/// Loads and scores one case; `Err` tells how it differs.
fn compare(model: Model, reference: &Value) -> Result<(), String> {
    let (inputs, outputs) = (
        columns(&reference["inputs"]),
        columns(&reference["outputs"]),
    );
    let binding = Binding::new(model.signature(), &types(&inputs), &types(&outputs))
        .map_err(|e| e.to_string())?;
    let mut scorer = Scorer::new(Arc::new(model), binding);
    let arrays: Vec<ArrayRef> = inputs.into_iter().map(|(_, array)| array).collect();
    let rows = arrays[0].len();
    let whole = score(&mut scorer, &arrays, rows).map_err(|e| e.to_string())?;
    for ((name, wanted), got) in outputs.iter().zip(&whole) {
        if let Some(text) = difference(got, wanted, TOLERANCE) {
            return Err(format!("{name}: {text}"));
        }
    }
    for batch in [1, 7] {
        let pieces = score(&mut scorer, &arrays, batch).map_err(|e| e.to_string())?;
        for ((name, _), (piece, whole)) in outputs.iter().zip(pieces.iter().zip(&whole)) {
            if let Some(text) = difference(piece, whole, 0.0) {
                return Err(format!("{name} differs at batch {batch}: {text}"));
            }
        }
    }
    Ok(())
}

fn from_base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => u32::from(c - b'A'),
        b'a'..=b'z' => u32::from(c - b'a') + 26,
        b'0'..=b'9' => u32::from(c - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("not base64: {other}"),
    };
    let mut bytes = Vec::new();
    for group in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = group.iter().fold(0, |bits, c| bits << 6 | digit(*c)) << (6 * (4 - group.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}

/// Every operator, element type and attribute that may be used agrees with ONNX Runtime; every case of one
/// that may not is refused.
#[test]
fn operators_score_as_onnx_runtime_does() {
    let mut covered: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut failures = Vec::new();
    for case in cases("operators") {
        let text = |key: &str| case[key].as_str().unwrap();
        let (title, domain, name, kind) = (
            text("title"),
            text("domain"),
            text("operator"),
            text("type"),
        );
        let attributes: Vec<&str> = case["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_str().unwrap())
            .collect();
        let allowed = operators::find(domain, name).is_some_and(|operator| {
            operator.types.names().any(|name| name == kind)
                && attributes
                    .iter()
                    .all(|attribute| operator.attributes.contains(attribute))
        });
        let loaded = Model::from_bytes(title, &from_base64(text("model")), &Limits::default());
        match (allowed, loaded) {
            (true, Ok(model)) => match compare(model, &case) {
                Ok(()) => {
                    let known = covered
                        .entry((domain.to_owned(), name.to_owned()))
                        .or_default();
                    known.insert(kind.to_owned());
                    known.extend(
                        attributes
                            .iter()
                            .map(|attribute| format!("attribute {attribute}")),
                    );
                }
                Err(reason) => failures.push(format!("{title}: {reason}")),
            },
            (true, Err(error)) => failures.push(error.to_string()),
            (false, Ok(_)) => failures.push(format!("{title}: loads, although it is not listed")),
            (false, Err(error)) => {
                if !error.to_string().contains(name) {
                    failures.push(format!(
                        "{title}: {error}, which does not name the operator"
                    ));
                }
            }
        }
    }
    for operator in operators::all() {
        let key = (operator.domain.to_owned(), operator.name.to_owned());
        let known = covered.get(&key).cloned().unwrap_or_default();
        for item in operator.types.names().map(str::to_owned).chain(
            operator
                .attributes
                .iter()
                .map(|attribute| format!("attribute {attribute}")),
        ) {
            if !known.contains(&item) {
                failures.push(format!(
                    "{} is listed with {item}, which no case covers",
                    operator.name
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

const MODELS: [&str; 7] = [
    "mlp_matrix",
    "mlp_columns",
    "embedding",
    "category",
    "two_outputs",
    "linear_f64",
    "fixed_batch",
];

fn load(name: &str) -> Model {
    Model::load(data().join(format!("{name}.onnx"))).unwrap()
}

#[test]
fn models_score_as_onnx_runtime_does() {
    for name in MODELS {
        compare(load(name), &json(&format!("{name}.json")))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// 1,024 rows in one call: each row's score is the one it has alone.
#[test]
fn large_batches_repeat_the_scores_of_small_ones() {
    for name in MODELS {
        let reference = json(&format!("{name}.json"));
        let (inputs, outputs) = (
            columns(&reference["inputs"]),
            columns(&reference["outputs"]),
        );
        let model = Arc::new(load(name));
        let binding = Binding::new(model.signature(), &types(&inputs), &types(&outputs)).unwrap();
        let mut scorer = Scorer::new(model, binding);
        let rows = inputs[0].1.len() as u64;
        let order =
            UInt64Array::from_iter_values((0..1024).map(|row| (row * 13 + row / rows) % rows));
        let many: Vec<ArrayRef> = inputs
            .iter()
            .map(|(_, array)| take(array, &order, None).unwrap())
            .collect();
        let scores = score(&mut scorer, &many, 1024).unwrap();
        for ((output, wanted), got) in outputs.iter().zip(&scores) {
            let wanted = take(wanted, &order, None).unwrap();
            assert_eq!(difference(got, &wanted, TOLERANCE), None, "{name} {output}");
        }
        for batch in [1, 3, 100, 513] {
            let pieces = score(&mut scorer, &many, batch).unwrap();
            for (piece, whole) in pieces.iter().zip(&scores) {
                assert_eq!(
                    difference(piece, whole, 0.0),
                    None,
                    "{name} in batches of {batch}"
                );
            }
        }
    }
}

#[test]
fn what_would_score_wrong_does_not_load() {
    for (name, part) in [
        (
            "unsupported_operator",
            "operator Hardmax is not supported yet",
        ),
        ("scan_over_rows", "this one computes something else"),
        (
            "unknown_attribute",
            "operator Cast uses attribute `saturate`",
        ),
        ("old_opset", "operator set 6"),
        ("new_opset", "operator set 23"),
        ("mixes_rows", "depends on the other rows"),
        ("open_dimension", "dimension 1 of input `x` is open"),
        ("no_batch", "without a batch dimension"),
        (
            "wrong_features",
            "names 2 features, but input `x` has 3 columns",
        ),
        ("half_floats", "Cast to F16 is not supported"),
        ("external_data", "outside the model's folder"),
        (
            "no_permutation",
            "Transpose by [0, 2, 2], which is no permutation",
        ),
        ("empty_output", "so it holds no value"),
        (
            "huge_window",
            "attribute `kernel_shape` holds 1099511627776",
        ),
        ("no_channels", "BatchNorm needs a dimension of channels"),
        ("constant_bomb", "combines constants"),
        ("lying_shape", "impossible shape"),
        (
            "undefined_name",
            "reads `w`, which nothing before it defines",
        ),
    ] {
        let path = data().join(format!("refused/{name}.onnx"));
        let error = Model::load(&path).expect_err(name).to_string();
        assert!(error.contains(part), "{name}: {error}");
        assert!(
            error.contains(&path.display().to_string()),
            "{name}: {error}"
        );
    }
}

/// Operators that contradict themselves, or that mean something else than a row of a stream, do not load. Values that
/// ONNX Runtime has no result for are errors, but not when the model is loaded and tried.
#[test]
fn what_has_no_result_is_an_error() {
    for case in cases("refused_") {
        let (title, part) = (
            case["title"].as_str().unwrap(),
            case["error"].as_str().unwrap(),
        );
        let bytes = from_base64(case["model"].as_str().unwrap());
        // Errors name the file, which must not be taken for their reason.
        let loaded = Model::from_bytes("case", &bytes, &Limits::default());
        let error = if case["inputs"].is_null() {
            loaded.map(|_| ()).expect_err(title)
        } else {
            let model = loaded.unwrap();
            let (names, arrays): (Vec<String>, Vec<ArrayRef>) =
                columns(&case["inputs"]).into_iter().unzip();
            let inputs: Vec<(String, DataType)> = names
                .into_iter()
                .zip(&arrays)
                .map(|(name, array)| (name, array.data_type().clone()))
                .collect();
            let outputs: Vec<(String, DataType)> = model
                .sql_columns()
                .outputs
                .into_iter()
                .map(|column| (column.name, column.data_type))
                .collect();
            let binding = Binding::new(model.signature(), &inputs, &outputs).unwrap();
            let rows = arrays[0].len();
            let mut scorer = Scorer::new(Arc::new(model), binding);
            score(&mut scorer, &arrays, rows)
                .map(|_| ())
                .expect_err(title)
        };
        let error = error.to_string();
        assert!(error.contains(part), "{title}: {error}");
    }
}

/// A few bytes can ask for rows of a million values. They are tried one by one, not hundreds at a time.
#[test]
fn wide_rows_are_tried_in_small_batches() {
    let bytes = std::fs::read(data().join("wide_rows.onnx")).unwrap();
    let model = Model::from_bytes("wide.onnx", &bytes, &Limits::default()).unwrap();
    assert_eq!(model.signature().inputs[0].width(), 1 << 20);
    assert_eq!(model.batch_sizes().collect::<Vec<_>>(), [1]);
}

/// Truncated at every length, and with every byte changed: an error or a model, never a panic.
#[test]
fn broken_files_are_errors() {
    for name in ["mlp_columns", "category", "fixed_batch"] {
        let bytes = std::fs::read(data().join(format!("{name}.onnx"))).unwrap();
        for len in 0..bytes.len() {
            if let Err(error) =
                Model::from_bytes("truncated.onnx", &bytes[..len], &Limits::default())
            {
                assert!(
                    error.to_string().starts_with("truncated.onnx is")
                        || error.to_string().starts_with("model truncated.onnx is"),
                    "{error}"
                );
            }
        }
        for index in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[index] ^= [0x01, 0x80, 0xff][index % 3];
            let _ = Model::from_bytes("flipped.onnx", &broken, &Limits::default());
        }
    }
}

#[test]
fn files_that_are_not_models() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    let error = Model::load(&path).unwrap_err();
    assert_eq!(error.code(), "model/read");
    assert_eq!(Model::load(folder.path()).unwrap_err().code(), "model/read");
    for (bytes, part) in [
        (&b""[..], "the file is empty"),
        (b"PK\x03\x04 a zip", "does not decode as protobuf"),
        (b"\x08\x07", "holds no graph"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = Model::load(&path).unwrap_err();
        assert_eq!(error.code(), "model/malformed");
        assert!(error.to_string().contains(part), "{error}");
    }
    let limits = Limits {
        file_bytes: 10,
        ..Limits::default()
    };
    std::fs::write(&path, [0; 11]).unwrap();
    assert_eq!(
        Model::load_with(&path, &limits).unwrap_err().code(),
        "model/too-large"
    );
}

fn matrix_scorer(signature: impl Fn(&Signature) -> Vec<(String, DataType)>) -> Scorer {
    let model = Arc::new(load("mlp_matrix"));
    let outputs = [("score".to_owned(), DataType::Float64)];
    let binding = Binding::new(model.signature(), &signature(model.signature()), &outputs).unwrap();
    Scorer::new(model, binding)
}

#[test]
fn null_features_are_nan_for_floats_and_errors_for_ids() {
    let mut scorer = matrix_scorer(|signature| {
        signature.inputs[0]
            .features
            .iter()
            .map(|name| (name.clone(), DataType::Float64))
            .collect()
    });
    let mut columns: Vec<ArrayRef> = (0..5)
        .map(|i| Arc::new(Float64Array::from(vec![f64::from(i); 3])) as ArrayRef)
        .collect();
    let full = scorer.score(&columns, 3).unwrap();
    columns[2] = Arc::new(Float64Array::from(vec![Some(2.0), None, Some(2.0)]));
    let missing = scorer.score(&columns, 3).unwrap();
    columns[2] = Arc::new(Float64Array::from(vec![2.0, f64::NAN, 2.0]));
    let nan = scorer.score(&columns, 3).unwrap();
    assert_eq!(difference(&missing[0], &nan[0], 0.0), None);
    let (full, missing) = (
        full[0].as_primitive::<Float64Type>(),
        missing[0].as_primitive::<Float64Type>(),
    );
    assert_eq!(
        (full.value(0), full.value(2)),
        (missing.value(0), missing.value(2))
    );

    let model = Arc::new(load("embedding"));
    let inputs = [
        ("user_id".to_owned(), DataType::Int64),
        ("item_id".to_owned(), DataType::Int64),
    ];
    let outputs = [("p".to_owned(), DataType::Float32)];
    let binding = Binding::new(model.signature(), &inputs, &outputs).unwrap();
    let mut scorer = Scorer::new(model, binding);
    let column = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let error = scorer
        .score(
            &[column(vec![Some(1), None]), column(vec![Some(1), Some(2)])],
            2,
        )
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `user_id` is NULL in row 1 of the batch, but the model's input `user_id` takes int64, which has no missing value. Replace it in SQL: COALESCE(user_id, …)"
    );
    let error = scorer
        .score(&[column(vec![Some(1)]), column(vec![Some(1 << 40)])], 1)
        .unwrap_err();
    assert_eq!(error.code(), "model/out-of-range");
    // An id outside the table is the engine's error, and the scorer is usable afterwards.
    let error = scorer
        .score(&[column(vec![Some(5000)]), column(vec![Some(1)])], 1)
        .unwrap_err();
    assert_eq!(error.code(), "model/run");
    assert!(
        scorer
            .score(&[column(vec![Some(1)]), column(vec![Some(1)])], 1)
            .is_ok()
    );
}

#[test]
fn the_description_ends_with_the_statement_to_paste() {
    let text = load("mlp_matrix").describe(&[]);
    let (facts, statement) = text.split_once("\n\n").unwrap();
    assert!(facts.contains("inputs       X: float32[N, 5]"), "{facts}");
    assert!(
        facts.contains("features: amount, seconds_since_last, count_1m, sum_1m, hour"),
        "{facts}"
    );
    assert!(
        facts.contains("operators    Add × 3, Div × 1, MatMul × 3, Relu × 2, Sigmoid × 1, Sub × 1"),
        "{facts}"
    );
    let path = data().join("mlp_matrix.onnx");
    assert_eq!(
        statement,
        format!(
            "CREATE MODEL mlp_matrix
INPUT (
  amount DOUBLE,
  seconds_since_last DOUBLE,
  count_1m DOUBLE,
  sum_1m DOUBLE,
  `hour` DOUBLE
)
OUTPUT (
  score DOUBLE
)
WITH (
  'provider' = 'onnx',
  'path' = '{}'
);
",
            path.display()
        )
    );
    let text = load("two_outputs").describe(&[]);
    assert!(
        text.contains("OUTPUT (\n  label BIGINT,\n  probabilities ARRAY<DOUBLE>\n)"),
        "{text}"
    );
    assert!(
        text.contains("INPUT (\n  f0 DOUBLE,\n  f1 DOUBLE,"),
        "{text}"
    );
}

/// What the statement declares binds to the model it was made from.
#[test]
fn the_statement_binds() {
    for name in MODELS {
        let model = load(name);
        let declared = |columns: Vec<SqlColumn>| -> Vec<(String, DataType)> {
            columns
                .into_iter()
                .map(|column| (column.name, column.data_type))
                .collect()
        };
        let SqlColumns { inputs, outputs } = model.sql_columns();
        Binding::new(model.signature(), &declared(inputs), &declared(outputs))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// Each pair of label and probability that ONNX Runtime's maps hold is the value of a column with the label's name.
#[test]
fn maps_of_probabilities_are_columns() {
    let mut seen = 0;
    for case in json("classifiers.json").as_array().unwrap() {
        let title = case["title"].as_str().unwrap();
        let bytes = from_base64(case["model"].as_str().unwrap());
        let loaded = Model::from_bytes(title, &bytes, &Limits::default());
        if title.starts_with("refused") {
            continue;
        }
        let model = loaded.unwrap_or_else(|error| panic!("{error}"));
        let [label, maps] = &model.signature().outputs[..] else {
            panic!("{title}: {:?}", model.signature())
        };
        assert_eq!(model.operators()["ZipMap (ai.onnx.ml)"], 1, "{title}");
        let mut outputs = vec![(label.name.clone(), DataType::Int64)];
        for name in &maps.features {
            outputs.push((format!("{}_{name}", maps.name), DataType::Float32));
        }
        let inputs =
            [("a", 0), ("b", 1), ("c", 2)].map(|(name, _)| (name.to_owned(), DataType::Float32));
        let binding = Binding::new(model.signature(), &inputs, &outputs)
            .unwrap_or_else(|error| panic!("{title}: {error}"));
        let matrix = case["inputs"].as_object().unwrap().values().next().unwrap();
        let values = matrix["data"].as_array().unwrap();
        let columns: Vec<ArrayRef> = (0..3)
            .map(|place| {
                let column = values.iter().skip(place).step_by(3);
                Arc::new(
                    column
                        .map(|v| Some(v.as_f64().unwrap() as f32))
                        .collect::<Float32Array>(),
                ) as ArrayRef
            })
            .collect();
        let labels = maps.features.clone();
        let scores = score(&mut Scorer::new(Arc::new(model), binding), &columns, 7).unwrap();
        let wanted: Int64Array = case["label"]
            .as_array()
            .unwrap()
            .iter()
            .map(Value::as_i64)
            .collect();
        assert_eq!(scores[0].as_ref(), &wanted as &dyn Array, "{title}");
        for (row, pairs) in case["pairs"].as_array().unwrap().iter().enumerate() {
            let pairs = pairs.as_array().unwrap();
            assert_eq!(pairs.len(), labels.len(), "{title}");
            for pair in pairs {
                let place = labels
                    .iter()
                    .position(|label| pair[0] == label.as_str())
                    .unwrap();
                let got = scores[place + 1]
                    .as_primitive::<arrow::datatypes::Float32Type>()
                    .value(row);
                let wanted = pair[1].as_f64().unwrap();
                assert!(
                    (f64::from(got) - wanted).abs() <= TOLERANCE,
                    "{title}, row {row}: {pair} is {got}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 2000, "{seen} pairs");
}

#[test]
fn classifiers_that_contradict_themselves_are_refused() {
    let refused = |title: &str| {
        let cases = json("classifiers.json");
        let case = cases
            .as_array()
            .unwrap()
            .iter()
            .find(|case| case["title"] == title)
            .unwrap();
        let bytes = from_base64(case["model"].as_str().unwrap());
        Model::from_bytes("m.onnx", &bytes, &Limits::default())
            .unwrap_err()
            .to_string()
    };
    for (title, error) in [
        (
            "refused: no labels",
            "m.onnx is not a valid ONNX model: operator ZipMap (ai.onnx.ml) `zip`: it has no class labels: neither `classlabels_int64s` nor `classlabels_strings`",
        ),
        (
            "refused: two lists of labels",
            "m.onnx is not a valid ONNX model: operator ZipMap (ai.onnx.ml) `zip`: it has two lists of class labels where one must be",
        ),
        (
            "refused: fewer labels than columns",
            "m.onnx is not a valid ONNX model: operator ZipMap (ai.onnx.ml) of output `output_probability` has 2 class labels for rows of shape [3]",
        ),
        (
            "refused: a label twice",
            "m.onnx is not a valid ONNX model: operator ZipMap (ai.onnx.ml) `zip`: class label `0` occurs twice",
        ),
        (
            "refused: default domain not imported",
            "m.onnx is not a valid ONNX model: it uses operator Gemm, but imports no operator set of ai.onnx",
        ),
        (
            "refused: domains disagree",
            "m.onnx is not a valid ONNX model: it imports operator domain `ai.onnx` in versions 18 and 11",
        ),
    ] {
        assert_eq!(refused(title), error);
    }
}

#[test]
fn the_statement_names_the_classes() {
    let statement = |title: &str| {
        let cases = json("classifiers.json");
        let case = cases
            .as_array()
            .unwrap()
            .iter()
            .find(|case| case["title"] == title)
            .unwrap();
        let bytes = from_base64(case["model"].as_str().unwrap());
        let model = Model::from_bytes("m.onnx", &bytes, &Limits::default()).unwrap();
        let text = model.create_statement("m");
        let SqlColumns { inputs, outputs } = model.sql_columns();
        let declared = |columns: Vec<SqlColumn>| -> Vec<(String, DataType)> {
            columns
                .into_iter()
                .map(|column| (column.name, column.data_type))
                .collect()
        };
        Binding::new(model.signature(), &declared(inputs), &declared(outputs))
            .unwrap_or_else(|error| panic!("{title}: {error}"));
        let outputs = text
            .split("OUTPUT (\n")
            .nth(1)
            .unwrap()
            .split("\n)")
            .next()
            .unwrap();
        outputs
            .lines()
            .map(|line| line.trim().trim_end_matches(',').to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        statement("texts"),
        [
            "output_label BIGINT",
            "output_probability_setosa DOUBLE",
            "output_probability_versicolor DOUBLE",
            "output_probability_virginica DOUBLE"
        ]
    );
    assert_eq!(
        statement("texts with blanks")[1..],
        [
            "output_probability_not_fraud DOUBLE",
            "output_probability_fraud_confirmed DOUBLE"
        ]
    );
    assert_eq!(
        statement("numbers of any order")[1..],
        [
            "output_probability_7 DOUBLE",
            "`output_probability_-1` DOUBLE",
            "output_probability_3 DOUBLE"
        ]
    );
    assert_eq!(
        statement("one class")[1..],
        ["output_probability_yes DOUBLE"]
    );
    assert_eq!(
        statement("many classes")[1..],
        ["output_probability ARRAY<DOUBLE>"]
    );
    assert_eq!(
        statement("TensorFlow's names"),
        [
            "StatefulPartitionedCall BIGINT",
            "StatefulPartitionedCall_1_setosa DOUBLE",
            "StatefulPartitionedCall_1_versicolor DOUBLE",
            "StatefulPartitionedCall_1_virginica DOUBLE"
        ]
    );
    assert_eq!(
        statement("names with blanks and points"),
        [
            "the_label BIGINT",
            "class_probability_setosa DOUBLE",
            "class_probability_versicolor DOUBLE",
            "class_probability_virginica DOUBLE"
        ]
    );
}

#[test]
fn weights_in_a_file_beside_the_model_are_part_of_its_version() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["iris.onnx", "iris.weights"] {
        std::fs::copy(data().join("external").join(name), folder.path().join(name)).unwrap();
    }
    let path = folder.path().join("iris.onnx");
    let model = Model::load(&path).unwrap();
    let whole = Model::load(data().join("external/iris_one_file.onnx")).unwrap();
    assert_eq!(model.signature(), whole.signature());
    assert_eq!(model.files(), ["iris.weights"]);
    let facts = model.describe(&[]);
    assert!(facts.contains("and          iris.weights\n"), "{facts}");
    let score = |model: Model| {
        let inputs = ["a", "b", "c"].map(|name| (name.to_owned(), DataType::Float64));
        let outputs = [("output_probability_virginica".to_owned(), DataType::Float32)];
        let binding = Binding::new(model.signature(), &inputs, &outputs).unwrap();
        let column = || Arc::new(Float64Array::from(vec![0.5, -1.0])) as ArrayRef;
        let mut scorer = Scorer::new(Arc::new(model), binding);
        scorer
            .score(&[column(), column(), column()], 2)
            .unwrap()
            .remove(0)
    };
    let version = model.sha256().to_owned();
    assert_eq!(difference(&score(model), &score(whole), 0.0), None);

    // One byte of the weights is another version.
    let weights = folder.path().join("iris.weights");
    let mut bytes = std::fs::read(&weights).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&weights, &bytes).unwrap();
    let other = Model::load(&path).unwrap();
    assert_eq!(
        other.bytes(),
        std::fs::metadata(&path).unwrap().len() + bytes.len() as u64
    );
    assert_ne!(other.sha256(), version);

    // Without them, or in memory, it does not load.
    let error = Model::from_bytes("m.onnx", &std::fs::read(&path).unwrap(), &Limits::default());
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("not read from a folder")
    );
    std::fs::write(&weights, &bytes[..10]).unwrap();
    let error = Model::load(&path).unwrap_err().to_string();
    assert!(
        error.contains("of `iris.weights` on, which has 10 bytes"),
        "{error}"
    );
    std::fs::remove_file(&weights).unwrap();
    let error = Model::load(&path).unwrap_err().to_string();
    assert!(
        error.contains("keeps its data in `iris.weights`, which cannot be read"),
        "{error}"
    );
}

/// The statement's columns, made-up values, and no failure: for every model that the tests have.
#[test]
fn every_model_has_a_pace() {
    for name in MODELS {
        let model = Arc::new(load(name));
        let pace = crate::measure(&model, 3, 1, std::time::Duration::ZERO)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(pace.rows_per_second > 0.0, "{name}");
        let facts = model.facts(&[pace]);
        assert_eq!(facts["speed"][0]["batch"], 3);
        assert_eq!(facts["create_model"], model.create_statement(name));
        assert!(
            model
                .describe(&[pace])
                .contains(" rows/s at batch 3, on one thread\n")
        );
    }
    let facts = load("mlp_matrix").facts(&[]);
    assert_eq!(
        facts["inputs"].to_string(),
        r#"[{"features":["amount","seconds_since_last","count_1m","sum_1m","hour"],"name":"X","shape":[null,5],"type":"float32"}]"#
    );
    assert_eq!(facts["opsets"]["ai.onnx"], 18);
}
