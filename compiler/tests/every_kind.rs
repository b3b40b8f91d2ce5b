//! One pipeline with every node kind, against the script that a real Flink 2.3.0 accepted and
//! planned (with a model provider in place of ours). Whoever changes the script asks Flink again:
//! `flink/oracle/run` on it, with its inserts as EXPLAIN. `UPDATE_SCRIPT=1` writes the new script. A
//! lookup join is not among them: no connector that comes with Flink can be looked up.

use std::collections::{BTreeMap, BTreeSet};

use millstream_compiler::document::Pipeline;
use millstream_compiler::environment::{Environment, ModelColumn, ModelSignature, ModelTensor};
use millstream_compiler::lower::{Target, compile};
use millstream_compiler::nodes;
use millstream_compiler::plan::plan_script;
use millstream_functions::types::{FlinkType, TypeKind};

/// Knows one model, which takes two floats.
struct OneModel;

impl Environment for OneModel {
    fn infer_schema(
        &self,
        _options: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, FlinkType)>, String> {
        Err("there are no files here".into())
    }

    fn model_signature(
        &self,
        _options: &BTreeMap<String, String>,
    ) -> Result<ModelSignature, String> {
        Ok(ModelSignature {
            inputs: vec![ModelTensor {
                name: "X".into(),
                element: FlinkType::new(TypeKind::Float),
                shape: vec![None, Some(2)],
            }],
            feature_names: vec![],
            outputs: vec![],
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

#[test]
fn the_script_is_the_one_that_flink_accepted() {
    let text = include_str!("every_kind/pipeline.toml");
    let loaded = Pipeline::from_toml(text).expect("a sound pipeline");
    assert_eq!(loaded.warnings, vec![]);
    for target in [Target::Embedded, Target::Flink] {
        let lowered = compile(&loaded.pipeline, target, &OneModel);
        assert_eq!(lowered.diagnostics, vec![]);
        if std::env::var_os("UPDATE_SCRIPT").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/every_kind/script.sql");
            std::fs::write(path, &lowered.script).expect("the script is written");
            continue;
        }
        assert_eq!(
            lowered.script,
            include_str!("every_kind/script.sql"),
            "\n{}",
            lowered.script
        );
        let planned = plan_script(&lowered.script, &OneModel);
        assert!(planned.is_ok(), "{planned:?}");
    }
    let used: BTreeSet<&str> = loaded
        .pipeline
        .nodes()
        .map(|(_, node)| node.kind.as_str())
        .collect();
    let missing: Vec<&str> = nodes::all()
        .iter()
        .map(|kind| kind.spec().name)
        .filter(|name| !used.contains(name))
        .collect();
    assert_eq!(missing, ["file-source", "generator", "lookup-join"]);
}
