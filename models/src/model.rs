//! A loaded model: its facts, its signature and its plans.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::ModelError;
use crate::external::ExternalFiles;
use crate::plan::{Plan, Plans};
use crate::signature::{Signature, feature_names};
use crate::vet::{self, Limits, Refusal};

/// An ONNX model that scores as ONNX Runtime does.
///
/// Immutable and shared: every worker makes its own [`crate::Scorer`] over one `Arc<Model>`.
#[derive(Debug)]
pub struct Model {
    path: PathBuf,
    files: Vec<String>,
    bytes: u64,
    sha256: String,
    producer: String,
    opsets: BTreeMap<String, i64>,
    operators: BTreeMap<String, usize>,
    metadata: BTreeMap<String, String>,
    signature: Signature,
    plans: Vec<Plan>,
}

impl Model {
    /// Reads, checks and prepares a model file under the default [`Limits`].
    ///
    /// Takes from milliseconds to a second, so it belongs off the path of rows. Never panics,
    /// whatever the file holds: panics of the engine come back as [`ModelError::Unsupported`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModelError> {
        Self::load_with(path, &Limits::default())
    }

    /// [`Model::load`] under given limits.
    pub fn load_with(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, ModelError> {
        let path = path.as_ref();
        let bytes = vet::read(path, limits)?;
        Self::prepare(path.to_owned(), path.parent(), &bytes, limits)
    }

    /// Prepares a model from memory. `path` is only its name in errors; tensors in other files are refused.
    pub fn from_bytes(
        path: impl Into<PathBuf>,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Self, ModelError> {
        Self::prepare(path.into(), None, bytes, limits)
    }

    fn prepare(
        path: PathBuf,
        folder: Option<&Path>,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Self, ModelError> {
        let size = bytes.len() as u64;
        if size > limits.file_bytes {
            return Err(ModelError::TooLarge {
                path,
                bytes: size,
                limit: limits.file_bytes,
            });
        }
        let vetted = vet::vet(bytes, folder, limits).map_err(|refusal| refusal.at(&path))?;
        let plans = Plans::prepare(&vetted, limits).map_err(|refusal| refusal.at(&path))?;
        let Plans {
            batch,
            mut inputs,
            mut outputs,
            plans,
        } = plans;
        let wide = inputs.iter().filter(|input| input.width() > 1).count();
        for input in &mut inputs {
            let width = input.width();
            if width == 1 {
                continue; // its name says enough
            }
            input.features = feature_names(&vetted.metadata, &input.name, width, wide == 1)
                .map_err(|reason| Refusal::Malformed(reason).at(&path))?;
        }
        for output in &mut outputs {
            let Some(labels) = vetted.classes.get(&output.name) else {
                continue;
            };
            if output.row_shape != [labels.len()] {
                return Err(Refusal::Malformed(format!(
                    "operator ZipMap (ai.onnx.ml) of output `{}` has {} class labels for rows of shape {:?}",
                    output.name,
                    labels.len(),
                    output.row_shape
                ))
                .at(&path));
            }
            output.features.clone_from(labels);
        }
        let proto = &vetted.proto;
        let producer = format!("{} {}", proto.producer_name, proto.producer_version)
            .trim()
            .to_owned();
        let beside = vetted.files.values().map(|data| data.len() as u64);
        Ok(Self {
            path,
            bytes: size + beside.sum::<u64>(),
            sha256: version(bytes, &vetted.files),
            files: vetted.files.into_keys().collect(),
            operators: vetted.operators,
            producer,
            opsets: vetted.opsets,
            metadata: vetted.metadata,
            signature: Signature {
                batch,
                inputs,
                outputs,
            },
            plans,
        })
    }

    /// Where the model came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Files beside the model that hold tensors, as the model names them.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Size in bytes, with the files beside the model that hold tensors.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 in lower-case hexadecimal: the version of the model.
    ///
    /// It is that of the file. If tensors lie in other files, it is that of a list: the file's own SHA-256 on the first
    /// line, then for each of the others its SHA-256, two blanks and its name.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Name and version of the exporter, as the file tells; may be empty.
    pub fn producer(&self) -> &str {
        &self.producer
    }

    /// Operator sets: domain (empty for the default one) to version.
    pub fn opsets(&self) -> &BTreeMap<String, i64> {
        &self.opsets
    }

    /// Operators of the graph and how often each occurs.
    pub fn operators(&self) -> &BTreeMap<String, usize> {
        &self.operators
    }

    /// Metadata that the exporter or the training script put into the file.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Inputs and outputs.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Batch sizes that rows are scored in, smallest first.
    pub fn batch_sizes(&self) -> impl Iterator<Item = usize> {
        self.plans.iter().map(|plan| plan.rows)
    }

    pub(crate) fn plans(&self) -> &[Plan] {
        &self.plans
    }
}

fn version(bytes: &[u8], files: &ExternalFiles) -> String {
    let own = sha256(bytes);
    if files.is_empty() {
        return own;
    }
    let mut list = format!("{own}\n");
    for (name, data) in files {
        // Writing to a string cannot fail.
        let _ = writeln!(list, "{}  {name}", sha256(data));
    }
    sha256(list.as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
