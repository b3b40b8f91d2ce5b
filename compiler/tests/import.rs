//! Scripts as pipelines: nothing is lost, and what comes back says the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use millstream_compiler::document::{Pipeline, files};
use millstream_compiler::environment::{Environment, ModelColumn, ModelSignature, ModelTensor};
use millstream_compiler::lower::{Target, compile, import};
use millstream_compiler::plan::{explain, plan_script};
use millstream_functions::types::{FlinkType, TypeKind};

/// Knows models of any number of floats, and one file.
struct World;

impl Environment for World {
    fn infer_schema(
        &self,
        _options: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, FlinkType)>, String> {
        Ok(vec![("id".into(), FlinkType::new(TypeKind::BigInt))])
    }

    fn model_signature(
        &self,
        options: &BTreeMap<String, String>,
    ) -> Result<ModelSignature, String> {
        let width = options.get("path").filter(|path| path.contains("fraud"));
        let tensor = |name: &str, width: usize| ModelTensor {
            name: name.into(),
            element: FlinkType::new(TypeKind::Float),
            shape: vec![None, Some(width)],
        };
        Ok(ModelSignature {
            inputs: vec![tensor("X", if width.is_some() { 9 } else { 2 })],
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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Document → SQL → document → SQL: the same text twice, for both targets. Gives what came back.
fn comes_back(pipeline: &Pipeline) -> Pipeline {
    let mut back = None;
    for target in [Target::Flink, Target::Embedded] {
        let script = compile(pipeline, target, &World).script;
        let imported = import(&script, "other", target, &World);
        let again = compile(&imported.pipeline, target, &World);
        assert_eq!(again.script, script, "{:#?}", imported.diagnostics);
        back = Some(imported.pipeline);
    }
    back.unwrap()
}

fn load(path: &Path) -> Pipeline {
    let text = files::read(path).unwrap();
    Pipeline::from_toml(&text).unwrap().pipeline
}

/// Each node's kind, by id.
fn kinds(pipeline: &Pipeline) -> BTreeMap<String, String> {
    let nodes = pipeline.nodes();
    nodes
        .map(|(id, node)| (id.to_string(), node.kind.clone()))
        .collect()
}

#[test]
fn samples_come_back() {
    let mut count = 0;
    for folder in std::fs::read_dir(root().join("samples")).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            let name = file.to_string_lossy().to_string();
            if name.ends_with(".toml") && !name.ends_with(".layout.toml") {
                let pipeline = load(&file);
                let back = comes_back(&pipeline);
                assert_eq!(kinds(&back), kinds(&pipeline), "{name}");
                assert_eq!(back.name(), pipeline.name());
                assert_eq!(back.description(), pipeline.description());
                for (id, node) in pipeline.nodes() {
                    let other = back.node(id.as_str()).unwrap();
                    assert_eq!(other.title, node.title, "{id}");
                    assert_eq!(other.comment, node.comment, "{id}");
                }
                assert_eq!(back.edges().len(), pipeline.edges().len());
                count += 1;
            }
        }
    }
    assert!(count >= 3);
}

#[test]
fn every_kind_comes_back() {
    let pipeline = load(&root().join("compiler/tests/every_kind/pipeline.toml"));
    let back = comes_back(&pipeline);
    assert_eq!(kinds(&back), kinds(&pipeline));
}

/// What a plan does, whatever its views are called: each sink with the kinds of rows it gets, and
/// every operator but the ones that only compute columns, whose number depends on the views.
fn plan_of(script: &str) -> Result<String, String> {
    let planned = plan_script(script, &World).map_err(|found| format!("{found:?}"))?;
    let text = explain(&planned.plan);
    let mut lines: Vec<String> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim_start().trim_start_matches("+- ");
        let Some((_, op)) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] "))
        else {
            continue;
        };
        let passes = op.starts_with("Calc") || op.starts_with("(see above)");
        // The old values of updates may be dropped at another place.
        if passes || op.starts_with("grows with") {
            continue;
        }
        lines.push(op.to_string());
        if op.starts_with("Sink") {
            lines.push(
                text.lines()
                    .nth(i + 1)
                    .unwrap_or_default()
                    .trim()
                    .to_string(),
            );
        }
    }
    lines.sort_unstable();
    for table in &planned.plan.tables {
        lines.push(format!(
            "{} ({}) {:?} {:?}",
            table.name.to_lowercase(),
            table.columns.len(),
            table.primary_key,
            table.options
        ));
    }
    lines.sort_unstable();
    Ok(lines.join("\n"))
}

/// Script → document → script plans to the same, and the second round changes nothing.
fn means_the_same(name: &str, script: &str) -> Result<Pipeline, String> {
    let imported = import(script, name, Target::Embedded, &World);
    let lowered = compile(&imported.pipeline, Target::Embedded, &World);
    let again = import(&lowered.script, name, Target::Embedded, &World);
    let twice = compile(&again.pipeline, Target::Embedded, &World);
    if twice.script != lowered.script {
        return Err(format!(
            "{name} changes at the second time:\n{}\n---\n{}",
            lowered.script, twice.script
        ));
    }
    match (plan_of(script), plan_of(&lowered.script)) {
        (Ok(before), Ok(after)) if before == after => Ok(imported.pipeline),
        (Ok(before), Ok(after)) => Err(format!("{name}:\n{before}\n---\n{after}")),
        (Err(_), Err(_)) => Ok(imported.pipeline),
        // A statement that cannot be read is reported and kept as text.
        (Err(_), Ok(_))
            if lowered.has_errors()
                || imported.diagnostics.iter().any(|found| found.is_error()) =>
        {
            Ok(imported.pipeline)
        }
        (Err(why), Ok(_)) => Err(format!("{name} was broken ({why}) and is no more")),
        (Ok(_), Err(why)) => Err(format!("{name}: {why}\n{}", lowered.script)),
    }
}

fn filled(text: &str) -> String {
    let mut text = text.to_string();
    for (key, value) in [
        ("${sink}", "'connector' = 'blackhole'"),
        ("${events}", "1000"),
        ("${side_input}", "side.csv"),
        ("${path}", "events.csv"),
        ("${data}", "data"),
        ("${out}", "out"),
    ] {
        text = text.replace(key, value);
    }
    text
}

#[test]
fn nexmark_means_the_same() {
    let folder = root().join("tests/nexmark");
    let read = |name: &str| filled(&std::fs::read_to_string(folder.join(name)).unwrap());
    let mut problems = Vec::new();
    let mut kinds_used: BTreeMap<String, usize> = BTreeMap::new();
    for events in ["generator.sql", "files.sql"] {
        let events = read(events);
        for n in 0..24 {
            let name = format!("q{n}.sql");
            let script = format!("{events}\n{}", read(&name));
            match means_the_same(&name, &script) {
                Ok(pipeline) => {
                    for kind in kinds(&pipeline).into_values() {
                        *kinds_used.entry(kind).or_default() += 1;
                    }
                }
                Err(problem) => problems.push(problem),
            }
        }
    }
    eprintln!("nodes of the Nexmark queries: {kinds_used:?}");
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn conformance_cases_mean_the_same() {
    let tables =
        filled(&std::fs::read_to_string(root().join("tests/conformance/tables.sql")).unwrap());
    let mut problems = Vec::new();
    let mut count = 0;
    let mut kinds_used: BTreeMap<String, usize> = BTreeMap::new();
    for file in std::fs::read_dir(root().join("tests/conformance/cases")).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().to_string();
        let text = filled(&std::fs::read_to_string(&file).unwrap());
        let query = text.split("-- Flink 2.3.0:").next().unwrap();
        match means_the_same(&name, &format!("{tables}\n{query}")) {
            Ok(pipeline) => {
                for kind in kinds(&pipeline).into_values() {
                    *kinds_used.entry(kind).or_default() += 1;
                }
            }
            // A query may have two columns of one name, a relation may not: that is said.
            Err(problem) if problem.contains("sql/duplicate-column") => {}
            Err(problem) => problems.push(problem),
        }
        count += 1;
    }
    eprintln!(
        "{count} cases, {} problems; nodes: {kinds_used:?}",
        problems.len()
    );
    assert!(count > 200);
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn a_foreign_script_becomes_a_graph() {
    let script = "-- What people buy\n-- by the hour.\n\nSET 'parallelism.default' = '2';\n
/* The shop's orders */
CREATE TABLE Orders (
  id BIGINT PRIMARY KEY NOT ENFORCED,
  amount DECIMAL(10, 2) COMMENT 'in euros',
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND -- they come late
) WITH ('connector' = 'kafka', 'topic' = 'orders', 'format' = 'json');
CREATE TABLE out1 (id BIGINT, amount DECIMAL(10, 2)) WITH ('connector' = 'print');
CREATE TABLE out2 (amount DECIMAL(10, 2), id BIGINT, note STRING) WITH ('connector' = 'jdbc', 'url' = 'x', 'table-name' = 't');
-- Only large ones
CREATE VIEW big AS SELECT * FROM Orders WHERE amount > 100;
CREATE VIEW v (a, b) AS WITH x AS (SELECT id, amount FROM big) SELECT id, amount FROM x;
BEGIN STATEMENT SET;
INSERT INTO out1 SELECT o.id, Orders.amount FROM Orders JOIN big o ON Orders.id = o.id;
INSERT INTO out1 SELECT a, b FROM v;
INSERT INTO out2 (id) SELECT a FROM v;
END;
SHOW TABLES;
-- The end.
";
    let imported = import(script, "shop", Target::Flink, &World);
    let pipeline = &imported.pipeline;
    let lowered = compile(pipeline, Target::Flink, &World);
    assert!(
        !lowered.has_errors(),
        "{:#?}\n{}\n{:#?}",
        lowered.diagnostics,
        lowered.script,
        imported.diagnostics
    );
    let kinds: Vec<String> = kinds(pipeline)
        .into_iter()
        .map(|(id, kind)| format!("{id}: {kind}"))
        .collect();
    assert_eq!(
        kinds,
        [
            "big: filter",
            "orders: connector-source",
            "out1: connector-sink",
            "out1_rows: sql",
            "out1_rows_2: select",
            "out2: connector-sink",
            "out2_rows: select",
            "v: sql",
        ]
    );
    assert_eq!(pipeline.name(), "shop");
    let description = pipeline.description().unwrap();
    for part in ["What people buy", "by the hour.", "The end.", "SHOW TABLES"] {
        assert!(description.contains(part), "{description}");
    }
    let orders = pipeline.node("orders").unwrap();
    assert_eq!(orders.title.as_deref(), Some("The shop's orders"));
    assert_eq!(orders.comment.as_deref(), Some("they come late"));
    assert_eq!(
        pipeline.node("big").unwrap().title.as_deref(),
        Some("Only large ones")
    );
    let codes: Vec<&str> = imported
        .diagnostics
        .iter()
        .map(|found| found.code)
        .collect();
    assert_eq!(codes, ["import/renamed", "import/no-place"]);
    let place = imported.diagnostics[1].span.unwrap();
    assert_eq!(&script[place.range()], "SHOW TABLES");
    assert!(
        lowered.script.contains("INSERT INTO out2 (id)"),
        "{}",
        lowered.script
    );
}

#[test]
fn what_cannot_be_read_is_kept() {
    let script = "CREATE VIEW a AS SELECT FROM;\nCREATE TABEL b (x INT);\nCREATE TABLE c (x INT) WITH ('connector' = 'datagen');";
    let imported = import(script, "p", Target::Embedded, &World);
    assert_eq!(kinds(&imported.pipeline).len(), 2);
    assert_eq!(
        imported.pipeline.node("a").unwrap().text_at("query"),
        Some("SELECT FROM")
    );
    assert!(
        imported
            .pipeline
            .description()
            .unwrap()
            .contains("CREATE TABEL b (x INT)")
    );
    assert_eq!(imported.diagnostics.len(), 2, "{:?}", imported.diagnostics);
    for found in &imported.diagnostics {
        assert!(found.is_error() && found.span.is_some(), "{found:?}");
    }
}

#[test]
fn a_model_of_another_script_becomes_a_node() {
    let script = "CREATE TABLE s (a FLOAT, b FLOAT, c STRING) WITH ('connector' = 'datagen');
CREATE MODEL m INPUT (x FLOAT, y FLOAT) OUTPUT (p DOUBLE) WITH ('provider' = 'onnx', 'path' = 'm.onnx');
CREATE VIEW best AS SELECT c, p FROM ML_PREDICT(TABLE s, MODEL m, DESCRIPTOR(a, b));
CREATE TABLE o (c STRING, p DOUBLE) WITH ('connector' = 'print');
INSERT INTO o SELECT * FROM best;";
    let imported = import(script, "p", Target::Embedded, &World);
    let found = kinds(&imported.pipeline);
    assert_eq!(found["best_scored"], "model");
    assert_eq!(found["best"], "sql");
    let lowered = compile(&imported.pipeline, Target::Embedded, &World);
    assert!(!lowered.has_errors(), "{:#?}", lowered.diagnostics);
}
