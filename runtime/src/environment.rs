//! Answers the compiler's questions about files: schemas of data, signatures of models.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use millstream_compiler::environment::{Environment, ModelColumn, ModelSignature, ModelTensor};
use millstream_connectors::TableSpec;
use millstream_functions::FlinkType;
use millstream_models::{Binding, Model, TensorSpec};

use crate::exec::build::model_path;

/// The files below (and beside) a pipeline's folder.
///
/// A clone shares the models that were read: an editor that compiles at each keystroke reads a model
/// when its file changed, not each time.
#[derive(Debug, Clone)]
pub struct FileEnvironment {
    /// Where relative paths start.
    base_dir: PathBuf,
    trust_models: bool,
    models: Arc<Mutex<HashMap<PathBuf, Remembered>>>,
}

/// A model, and the files it was read from as they were.
#[derive(Debug)]
struct Remembered {
    files: Vec<(PathBuf, Option<Stamp>)>,
    model: Arc<Model>,
}

/// What tells that a file has changed.
type Stamp = (SystemTime, u64);

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
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
    /// The files of a folder, at which relative paths start.
    pub fn new(base_dir: impl Into<PathBuf>) -> Self {
        Self {
            base_dir: base_dir.into(),
            trust_models: false,
            models: Arc::default(),
        }
    }

    /// Where relative paths start.
    pub fn base_dir(&self) -> &Path {
        &self.base_dir
    }

    /// Takes `CREATE MODEL` at its word, without looking at the file: for printing SQL on a machine
    /// that does not have the models.
    #[must_use]
    pub fn trusting_models(mut self) -> Self {
        self.trust_models = true;
        self
    }

    /// The same for another folder, with the models that were read.
    #[must_use]
    pub fn at(&self, base_dir: impl Into<PathBuf>) -> Self {
        Self {
            base_dir: base_dir.into(),
            ..self.clone()
        }
    }

    fn load(&self, options: &BTreeMap<String, String>) -> Result<Arc<Model>, String> {
        let path = model_path(options, &self.base_dir)?;
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |(file, then): &(PathBuf, Option<Stamp>)| stamp(file) == *then;
        if let Some(known) = models.get(&path)
            && known.files.iter().all(same)
        {
            return Ok(Arc::clone(&known.model));
        }
        // Taken before reading: a file that changes meanwhile is read again next time. What cannot
        // be read is tried each time, as it may lack a file that nobody can name yet.
        let before = stamp(&path);
        let model = Arc::new(Model::load(&path).map_err(|error| error.to_string())?);
        let folder = path.parent().unwrap_or(Path::new(""));
        let beside = model.files().iter().map(|name| folder.join(name));
        let beside = beside.map(|file| (file.clone(), stamp(&file)));
        let known = Remembered {
            files: [(path.clone(), before)].into_iter().chain(beside).collect(),
            model: Arc::clone(&model),
        };
        models.insert(path, known);
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_again_when_its_file_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let sample = Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../samples/fraud/fraud.onnx"
        ));
        let file = folder.path().join("m.onnx");
        fs::copy(sample, &file).expect("copied");
        let options = [("provider", "onnx"), ("path", "m.onnx")];
        let options = options.map(|(key, value)| (key.to_string(), value.to_string()));
        let options = BTreeMap::from(options);
        let environment = FileEnvironment::new(folder.path());
        let first = environment.load(&options).expect("a model");
        let elsewhere = environment.at("nowhere");
        assert!(elsewhere.load(&options).is_err(), "another folder");
        let again = environment.clone().load(&options).expect("a model");
        assert!(Arc::ptr_eq(&first, &again));
        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        let open = fs::File::options().write(true).open(&file).expect("opened");
        open.set_modified(later).expect("touched");
        let changed = environment.load(&options).expect("a model");
        assert!(!Arc::ptr_eq(&first, &changed));
        fs::write(&file, "no model").expect("written");
        assert!(environment.load(&options).is_err());
        fs::remove_file(&file).expect("removed");
        assert!(environment.load(&options).is_err());
    }
}
