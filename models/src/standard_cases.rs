//! Scores the ONNX standard's own test cases.
//!
//! `scripts/fetch-onnx-cases.sh` fetches them: for every operator small models with inputs and the outputs that the
//! standard wants, and models that PyTorch exported. Most are no models of rows: their shapes are fixed, weights
//! and axes are inputs, and the first dimension means something else. So a case is tried as it is, and then with
//! all inputs but one made constants of the file, which is how exporters write them. What loads in any of these forms
//! must give the recorded outputs; what loads in none is counted by the reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tract_onnx::pb::TensorProto;
use tract_onnx::prelude::{DatumType, TValue, TVec, Tensor};
use tract_onnx::tensor::{load_tensor, proto_from_reader};

use crate::guard::guarded;
use crate::{Limits, Model};

const TOLERANCE: f64 = 1e-5;

/// Cases that load, at least. A change that refuses more of them has to say so here (the last to go
/// was a slice whose output holds no value).
const LOADED: usize = 408;

/// Cases whose recorded outputs are not what ONNX Runtime gives, and why.
const DIFFERENT: &[(&str, &str)] = &[(
    "node/test_averagepool_2d_ceil_last_window_starts_on_pad",
    "recorded with four digits",
)];

fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("MILLSTREAM_ONNX_CASES") {
        return folder.into();
    }
    let cache = std::env::var_os("MILLSTREAM_CACHE").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    cache
        .or_else(|| home.map(|home| home.join(".cache/millstream")))
        .unwrap_or_default()
        .join("onnx-cases")
}

/// Folders of the cases, by name.
fn cases(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut cases = BTreeMap::new();
    for kind in ["node", "simple", "pytorch-converted", "pytorch-operator"] {
        for entry in std::fs::read_dir(folder.join(kind)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            cases.insert(format!("{kind}/{name}"), path);
        }
    }
    cases
}

/// A recorded tensor with its bytes.
struct Recorded {
    bytes: Vec<u8>,
    tensor: Tensor,
}

/// `input_0.pb`, `input_1.pb`, …; an error if one is no tensor of a type that is known here.
fn recorded(case: &Path, role: &str) -> Result<Vec<Recorded>, String> {
    let mut all = Vec::new();
    loop {
        let path = case.join(format!("test_data_set_0/{role}_{}.pb", all.len()));
        let Ok(bytes) = std::fs::read(&path) else {
            return Ok(all);
        };
        let proto: TensorProto =
            proto_from_reader(&bytes[..]).map_err(|_| format!("no tensor: {role}"))?;
        let provider = tract_onnx::data_resolver::MmapDataResolver;
        let tensor = guarded(|| load_tensor(&provider, &proto, None));
        let Ok(Ok(tensor)) = tensor else {
            return Err(format!("element type of a recorded {role}"));
        };
        all.push(Recorded { bytes, tensor });
    }
}

/// The file with constants for some of its inputs: a message that is appended to another is merged with it.
fn with_constants<'a>(
    model: &[u8],
    constants: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Vec<u8> {
    fn field(target: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
        target.push(tag);
        let mut len = bytes.len();
        while len >= 0x80 {
            target.push(len as u8 | 0x80);
            len >>= 7;
        }
        target.push(len as u8);
        target.extend_from_slice(bytes);
    }
    const GRAPH_OF_MODEL: u8 = 7 << 3 | 2;
    const INITIALIZER_OF_GRAPH: u8 = 5 << 3 | 2;
    const NAME_OF_TENSOR: u8 = 8 << 3 | 2;
    let mut graph = Vec::new();
    for (name, tensor) in constants {
        let mut tensor = tensor.to_vec();
        field(&mut tensor, NAME_OF_TENSOR, name.as_bytes());
        field(&mut graph, INITIALIZER_OF_GRAPH, &tensor);
    }
    let mut bytes = model.to_vec();
    field(&mut bytes, GRAPH_OF_MODEL, &graph);
    bytes
}

/// How the outputs differ from the recorded ones.
fn difference(model: &Model, inputs: TVec<TValue>, wanted: &[Recorded]) -> Option<String> {
    let outputs = match model.plans()[0].run(inputs) {
        Ok(outputs) => outputs,
        Err(error) => return Some(format!("{error:#}")),
    };
    if outputs.len() > wanted.len() {
        return Some(format!("{} outputs of {}", outputs.len(), wanted.len()));
    }
    outputs.iter().zip(wanted).find_map(|(got, wanted)| {
        let wanted = &wanted.tensor;
        if got.shape() != wanted.shape() {
            return Some(format!("shape {:?}, not {:?}", got.shape(), wanted.shape()));
        }
        if wanted.datum_type() == DatumType::String {
            let texts = |tensor: &Tensor| {
                tensor
                    .try_as_plain_ram()
                    .unwrap()
                    .as_slice::<String>()
                    .unwrap()
                    .to_vec()
            };
            return (texts(got) != texts(wanted)).then(|| "other texts".to_owned());
        }
        let (got, wanted) = (
            got.cast_to::<f64>().unwrap(),
            wanted.cast_to::<f64>().unwrap(),
        );
        let pairs = got
            .try_as_plain_ram()
            .unwrap()
            .as_slice::<f64>()
            .unwrap()
            .iter();
        let wanted = wanted.try_as_plain_ram().unwrap();
        pairs
            .zip(wanted.as_slice::<f64>().unwrap())
            .find_map(|(got, wanted)| {
                let equal = got == wanted
                    || (got.is_nan() && wanted.is_nan())
                    || (got - wanted).abs() <= TOLERANCE * wanted.abs().max(1.0);
                (!equal).then(|| format!("got {got}, wanted {wanted}"))
            })
    })
}

/// What became of a case.
enum Verdict {
    Right,
    Wrong(String),
    Refused(String),
}

fn score(name: &str, case: &Path) -> Verdict {
    let bytes = std::fs::read(case.join("model.onnx")).unwrap();
    let (inputs, outputs) = match (recorded(case, "input"), recorded(case, "output")) {
        (Ok(inputs), Ok(outputs)) => (inputs, outputs),
        (Err(reason), _) | (_, Err(reason)) => return Verdict::Refused(reason),
    };
    let load = |bytes: &[u8]| Model::from_bytes(name, bytes, &Limits::default());
    let values = |chosen: &dyn Fn(usize) -> bool| -> TVec<TValue> {
        let chosen = inputs
            .iter()
            .enumerate()
            .filter(|(index, _)| chosen(*index));
        chosen
            .map(|(_, input)| TValue::from(input.tensor.clone()))
            .collect()
    };
    let as_it_is = match load(&bytes) {
        Ok(model) => {
            return match difference(&model, values(&|_| true), &outputs) {
                None => Verdict::Right,
                Some(how) => Verdict::Wrong(how),
            };
        }
        Err(error) => error.to_string(),
    };
    let proto =
        tract_onnx::prelude::Framework::proto_model_for_read(&tract_onnx::onnx(), &mut &bytes[..]);
    let names: Vec<String> = match proto.ok().and_then(|proto| proto.graph) {
        Some(graph) => graph.input.into_iter().map(|input| input.name).collect(),
        None => return Verdict::Refused(as_it_is),
    };
    if names.len() != inputs.len() || inputs.len() < 2 {
        return Verdict::Refused(as_it_is);
    }
    // With all inputs but one constant, the batch is known to be that one's.
    let mut reason = None;
    for batch in 0..inputs.len() {
        let constants = names.iter().zip(&inputs).enumerate();
        let constants = constants
            .filter(|(index, _)| *index != batch)
            .map(|(_, (name, input))| (name.as_str(), &input.bytes[..]));
        match load(&with_constants(&bytes, constants)) {
            Ok(model) => {
                return match difference(&model, values(&|index| index == batch), &outputs) {
                    None => Verdict::Right,
                    Some(how) => Verdict::Wrong(format!("rows of {}: {how}", names[batch])),
                };
            }
            Err(error) => {
                reason.get_or_insert(error.to_string());
            }
        }
    }
    Verdict::Refused(reason.unwrap_or(as_it_is))
}

/// Names of reasons, and what tells them in an error.
const REASONS: &[(&str, &[&str])] = &[
    ("operator set", &["operator set", "operator domain"]),
    ("not a tensor", &["is not a tensor", "no tensor"]),
    ("element type", &["element type", "as the type"]),
    (
        "operator",
        &[
            "is not supported yet. A model",
            "are not supported yet. A model",
        ],
    ),
    ("attribute", &["uses attribute"]),
    ("subgraph", &["holds a subgraph"]),
    (
        "no batch: a single value",
        &["single value", "without a batch"],
    ),
    ("no batch: inputs disagree", &["inputs disagree"]),
    (
        "no batch: outputs do not follow it",
        &[
            "Its first dimension must be the batch",
            "does not follow the batch",
        ],
    ),
    (
        "rows are mixed",
        &["depends on the other rows", "depend on its place"],
    ),
    ("no rows", &["has no inputs"]),
];

fn category(reason: &str) -> &'static str {
    let found = REASONS
        .iter()
        .find(|(_, signs)| signs.iter().any(|sign| reason.contains(sign)));
    found.map_or("other", |(name, _)| name)
}

#[test]
fn the_standards_cases() {
    let folder = folder();
    if !folder.join("node").is_dir() {
        eprintln!(
            "the standard's cases are not there, so they are not scored: run scripts/fetch-onnx-cases.sh"
        );
        return;
    }
    let cases = cases(&folder);
    let (mut right, mut wrong) = (0, Vec::new());
    let mut refused: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, path) in &cases {
        match score(name, path) {
            Verdict::Right => right += 1,
            Verdict::Wrong(how) => wrong.push((name.as_str(), how)),
            Verdict::Refused(reason) => {
                let line = format!("{name}: {reason}");
                refused.entry(category(&reason)).or_default().push(line);
            }
        }
    }
    println!("{} cases of the standard: {right} score right", cases.len());
    for (reason, names) in &refused {
        println!("{:>5} refused: {reason}", names.len());
    }
    if std::env::var_os("MILLSTREAM_ONNX_CASES_ALL").is_some() {
        for (reason, lines) in &refused {
            lines.iter().for_each(|line| println!("[{reason}] {line}"));
        }
    }
    let unknown: Vec<String> = wrong
        .iter()
        .filter(|(name, _)| !DIFFERENT.iter().any(|(known, _)| known == name))
        .map(|(name, how)| format!("{name}: {how}"))
        .collect();
    assert!(
        unknown.is_empty(),
        "{} differ:\n{}",
        unknown.len(),
        unknown.join("\n")
    );
    assert!(
        right >= LOADED,
        "{right} cases of the standard load, {LOADED} did before"
    );
}
