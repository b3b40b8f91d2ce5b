//! A loaded model: its facts, its signature and its plans.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::ModelError;
use crate::operators;
use crate::plan::{Plan, Plans};
use crate::signature::{Signature, feature_names};
use crate::vet::{self, Limits, Refusal};

/// An ONNX model that scores as ONNX Runtime does.
///
/// Immutable and shared: every worker makes its own [`crate::Scorer`] over one `Arc<Model>`.
#[derive(Debug)]
pub struct Model {
    path: PathBuf,
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
        Self::from_bytes(path, &bytes, limits)
    }

    /// Prepares a model from memory. `path` is only its name in errors.
    pub fn from_bytes(
        path: impl Into<PathBuf>,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Self, ModelError> {
        let path = path.into();
        let size = bytes.len() as u64;
        if size > limits.file_bytes {
            return Err(ModelError::TooLarge {
                path,
                bytes: size,
                limit: limits.file_bytes,
            });
        }
        let vetted = vet::vet(bytes, limits).map_err(|refusal| refusal.at(&path))?;
        let plans = Plans::prepare(&vetted, limits).map_err(|refusal| refusal.at(&path))?;
        let Plans {
            batch,
            mut inputs,
            outputs,
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
        let proto = &vetted.proto;
        let producer = format!("{} {}", proto.producer_name, proto.producer_version)
            .trim()
            .to_owned();
        let mut sha256 = String::with_capacity(64);
        for byte in Sha256::digest(bytes) {
            // Writing to a string cannot fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        Ok(Self {
            operators: operators::count(proto),
            path,
            bytes: size,
            sha256,
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

    /// Size of the file in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the file, in lower-case hexadecimal: the version of the model.
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
