//! The samples: every document is sound, lowers for both targets and can be planned, and saving it
//! loses nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use millstream_compiler::document::{Pipeline, files};
use millstream_compiler::environment::{Environment, ModelColumn, ModelSignature, ModelTensor};
use millstream_compiler::lower::{Target, lower};
use millstream_compiler::plan::{Binder, plan_script};
use millstream_functions::types::{FlinkType, TypeKind};

/// Knows the fraud model's signature without its file.
struct FraudModel;

impl Environment for FraudModel {
    fn infer_schema(
        &self,
        _options: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, FlinkType)>, String> {
        Err("the samples give their columns".into())
    }

    fn model_signature(
        &self,
        _options: &BTreeMap<String, String>,
    ) -> Result<ModelSignature, String> {
        let tensor = |name: &str, width: usize| ModelTensor {
            name: name.into(),
            element: FlinkType::new(TypeKind::Float),
            shape: vec![None, Some(width)],
        };
        Ok(ModelSignature {
            inputs: vec![tensor("X", 9)],
            feature_names: vec![],
            outputs: vec![tensor("score", 1)],
        })
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

fn documents() -> Vec<PathBuf> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples");
    let mut found = Vec::new();
    for folder in std::fs::read_dir(samples).expect("the samples") {
        let folder = folder.expect("a sample").path();
        if !folder.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(folder).expect("a sample's folder") {
            let file = file.expect("a file").path();
            let name = file.to_string_lossy();
            if name.ends_with(".toml") && !name.ends_with(".layout.toml") {
                found.push(file);
            }
        }
    }
    found.sort();
    assert!(found.len() >= 3, "{found:?}");
    found
}

fn load(path: &Path) -> Pipeline {
    let name = path.display().to_string();
    let text = files::read(path).expect("a readable file");
    let loaded = Pipeline::from_toml(&text).unwrap_or_else(|found| {
        let found: String = found
            .iter()
            .map(|d| d.render(Some((&name, &text))))
            .collect();
        panic!("{found}")
    });
    assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings);
    loaded.pipeline
}

#[test]
fn every_sample_lowers_and_plans() {
    for path in documents() {
        let pipeline = load(&path);
        for target in [Target::Embedded, Target::Flink] {
            let mut typer = Binder::new(&FraudModel);
            let lowered = lower(&pipeline, target, &FraudModel, &mut typer);
            let found: String = lowered
                .diagnostics
                .iter()
                .map(|d| d.render(Some(("SQL", &lowered.script))))
                .collect();
            assert!(!lowered.has_errors(), "{}:\n{found}", path.display());
            if let Err(found) = plan_script(&lowered.script, &FraudModel) {
                let found: String = found
                    .iter()
                    .map(|d| d.render(Some(("SQL", &lowered.script))))
                    .collect();
                panic!("{} for {target:?}:\n{found}", path.display());
            }
        }
    }
}

#[test]
fn saving_a_sample_loses_nothing() {
    for path in documents() {
        let text = files::read(&path).expect("a readable file");
        let pipeline = load(&path);
        let saved = pipeline.to_toml();
        let again = Pipeline::from_toml(&saved).expect("what was saved");
        assert_eq!(again.pipeline, pipeline, "{}", path.display());
        let comments = |text: &str| text.lines().filter(|l| l.starts_with('#')).count();
        assert_eq!(comments(&saved), comments(&text), "{saved}");
    }
}
