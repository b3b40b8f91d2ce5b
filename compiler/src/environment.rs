//! What the compiler must know of the outside world, asked through a trait.

use std::collections::BTreeMap;

use millstream_functions::types::FlinkType;

/// One input or output tensor of a model, as far as the compiler needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelTensor {
    /// The tensor's name in the file.
    pub name: String,
    /// The SQL type of one element.
    pub element: FlinkType,
    /// Size of each dimension; `None` where the size is free (the batch).
    pub shape: Vec<Option<usize>>,
}

/// The signature of a model file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelSignature {
    /// What the model wants.
    pub inputs: Vec<ModelTensor>,
    /// Names of the features when the file records them (in the order of the matrix's columns).
    pub feature_names: Vec<String>,
    /// What it gives.
    pub outputs: Vec<ModelTensor>,
}

/// A column of a model that a pipeline wants to bind.
pub type ModelColumn = (String, FlinkType);

/// What a pipeline wants of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectorUse {
    /// Rows are read by it.
    Source,
    /// Rows are written by it.
    Sink,
}

/// Answers the compiler's questions about files. Errors are complete sentences for the user.
pub trait Environment {
    /// The schema of the data behind a table with these options (connector, path, format, …).
    fn infer_schema(
        &self,
        options: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, FlinkType)>, String>;

    /// The signature of the model that these options (provider, path, …) name.
    fn model_signature(&self, options: &BTreeMap<String, String>)
    -> Result<ModelSignature, String>;

    /// Checks that the model takes these inputs and gives these outputs.
    fn check_model(
        &self,
        options: &BTreeMap<String, String>,
        inputs: &[ModelColumn],
        outputs: &[ModelColumn],
    ) -> Result<(), String>;

    /// The connectors of the embedded runtime; a pipeline with another one runs on Flink only.
    fn embedded_connectors(&self, purpose: ConnectorUse) -> &[&str] {
        match purpose {
            ConnectorUse::Source => &["card-transactions", "datagen", "filesystem", "nexmark"],
            ConnectorUse::Sink => &["blackhole", "filesystem", "print"],
        }
    }
}

/// An environment without files: nothing can be inferred. For tests and pure text tools.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoEnvironment;

impl Environment for NoEnvironment {
    fn infer_schema(
        &self,
        _options: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, FlinkType)>, String> {
        Err("the schema cannot be inferred here; give the columns".into())
    }

    fn model_signature(
        &self,
        _options: &BTreeMap<String, String>,
    ) -> Result<ModelSignature, String> {
        Err("model files cannot be read here".into())
    }

    fn check_model(
        &self,
        _options: &BTreeMap<String, String>,
        _inputs: &[ModelColumn],
        _outputs: &[ModelColumn],
    ) -> Result<(), String> {
        Ok(())
    }
}
