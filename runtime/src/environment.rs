//! Answers the compiler's questions about files: schemas of data, signatures of models.

use std::collections::BTreeMap;
use std::path::PathBuf;

use millstream_compiler::environment::{Environment, ModelColumn, ModelSignature, ModelTensor};
use millstream_connectors::TableSpec;
use millstream_functions::FlinkType;
use millstream_models::{Binding, Model, TensorSpec};

use crate::exec::build::model_path;

/// The files below (and beside) a pipeline's folder.
#[derive(Debug, Clone)]
pub struct FileEnvironment {
    /// Where relative paths start.
    pub base_dir: PathBuf,
    /// Take `CREATE MODEL` at its word, without looking at the file: for printing SQL on a
    /// machine that does not have the models.
    pub trust_models: bool,
}

impl Environment for FileEnvironment {
    fn infer_schema(
        &self,
        options: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, FlinkType)>, String> {
        let spec = TableSpec {
            name: String::new(),
            columns: vec![],
            metadata: vec![],
            partition_keys: vec![],
            primary_key: vec![],
            options: options.clone(),
            base_dir: self.base_dir.clone(),
        };
        let inferred = millstream_connectors::infer(&spec).map_err(|e| e.to_string())?;
        Ok(inferred.columns)
    }

    fn model_signature(
        &self,
        options: &BTreeMap<String, String>,
    ) -> Result<ModelSignature, String> {
        let model = self.load(options)?;
        let signature = model.signature();
        let tensor = |t: &TensorSpec| ModelTensor {
            name: t.name.clone(),
            element: FlinkType::from_arrow(&t.element.arrow()).unwrap_or_else(FlinkType::string),
            shape: std::iter::once(None)
                .chain(t.row_shape.iter().map(|&n| Some(n)))
                .collect(),
        };
        Ok(ModelSignature {
            inputs: signature.inputs.iter().map(tensor).collect(),
            feature_names: signature
                .inputs
                .iter()
                .flat_map(|t| t.features.iter().cloned())
                .collect(),
            outputs: signature.outputs.iter().map(tensor).collect(),
        })
    }

    fn check_model(
        &self,
        options: &BTreeMap<String, String>,
        inputs: &[ModelColumn],
        outputs: &[ModelColumn],
    ) -> Result<(), String> {
        if self.trust_models {
            return Ok(());
        }
        let model = self.load(options)?;
        let columns = |list: &[ModelColumn]| {
            list.iter()
                .map(|(n, ty)| (n.clone(), ty.to_arrow()))
                .collect::<Vec<_>>()
        };
        Binding::new(model.signature(), &columns(inputs), &columns(outputs))
            .map(|_| ())
            .map_err(|e| e.to_string())
    }
}

impl FileEnvironment {
    fn load(&self, options: &BTreeMap<String, String>) -> Result<Model, String> {
        let path = model_path(options, &self.base_dir)?;
        Model::load(&path).map_err(|e| e.to_string())
    }
}
