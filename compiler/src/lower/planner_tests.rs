//! Lowering with the planner behind it: what it finds is attributed to nodes and characters.

use super::*;
use crate::diagnostics::{Diagnostic, Severity};
use crate::environment::NoEnvironment;

/// Findings about node `it`, fed by `s` (id, card, amount, category, ts) and feeding a file sink:
/// `severity code node.parameter:text`.
fn found(it: &str) -> Vec<String> {
    let text = format!(
        r#"
version = 1
name = "p"
[nodes.s]
kind = "datagen"
watermark = "ts"
watermark-delay = "1 s"
[nodes.s.schema]
id = "BIGINT"
card = "INT"
amount = "DECIMAL(10, 2)"
category = "STRING"
ts = "TIMESTAMP(3)"
[nodes.it]
{it}
[nodes.out]
kind = "file-sink"
path = "out"
format = "csv"
[edges]
e1 = {{ from = "s", to = "it" }}
e2 = {{ from = "it", to = "out" }}
"#
    );
    let pipeline = Pipeline::from_toml(&text).unwrap().pipeline;
    let lowered = compile(&pipeline, Target::Embedded, &NoEnvironment);
    lowered
        .diagnostics
        .iter()
        .filter(|d| d.severity != Severity::Info)
        .map(|d| shown(&pipeline, d))
        .collect()
}

fn shown(pipeline: &Pipeline, d: &Diagnostic) -> String {
    let mut out = format!("{} {}", d.severity, d.node.as_deref().unwrap_or("-"));
    if let Some(parameter) = &d.parameter {
        out.push_str(&format!(".{parameter}"));
        if let Some(span) = d.parameter_span {
            let node = d.node.as_ref().and_then(|id| pipeline.node(id)).unwrap();
            out.push_str(&format!(
                ":{}",
                &node.text_at(parameter).unwrap()[span.range()]
            ));
        }
    }
    out
}

#[test]
fn kinds_without_models_bind() {
    for it in [
        "kind = \"select\"\ncolumns = [\"ts\", \"id\"]\nrename = { id = \"order\" }",
        "kind = \"derive\"\ncolumns = { a = \"amount * 2\", amount = \"CAST(amount AS DOUBLE)\" }",
        "kind = \"filter\"\ncondition = \"amount > 5 AND category <> 'x'\"",
        "kind = \"union\"",
        "kind = \"deduplicate\"\nkeys = [\"card\"]\norder = \"ts\"",
        "kind = \"window\"\ntime = \"ts\"\nsize = \"1 h\"\nkeys = [\"card\"]\naggregates = { n = \"COUNT(*)\", a = \"AVG(amount)\" }",
        "kind = \"window\"\nwindow = \"hop\"\ntime = \"ts\"\nsize = \"1 h\"\nslide = \"10 min\"\naggregates = { n = \"COUNT(*)\" }",
        "kind = \"window\"\nwindow = \"cumulate\"\ntime = \"ts\"\nsize = \"1 day\"\nstep = \"100 min\"\noffset = \"8 h\"\naggregates = { n = \"MAX(amount)\" }"
            .replace("100 min", "90 min").as_str(),
        "kind = \"rolling\"\norder = \"ts\"\npartition = [\"card\"]\nrange = \"10 min\"\naggregates = { n = \"COUNT(*)\", s = \"SUM(amount)\" }",
        "kind = \"rolling\"\norder = \"ts\"\nrows = 5\naggregates = { m = \"MIN(amount)\" }",
        "kind = \"rolling\"\norder = \"ts\"\npartition = [\"card\"]\naggregates = { p = \"LAG(ts)\" }",
        "kind = \"sql\"\nquery = \"WITH x AS (SELECT * FROM s) SELECT id, amount FROM x\"",
    ] {
        assert_eq!(found(it), Vec::<String>::new(), "{it}");
    }
}

#[test]
fn an_unknown_column_is_marked() {
    for (it, place) in [
        (
            "kind = \"filter\"\ncondition = \"id > 1 AND amuont > 5\"",
            "error it.condition:amuont",
        ),
        (
            "kind = \"derive\"\n[nodes.it.columns]\nfine = \"id + 1\"\nx = \"  UPPER( categry )\"",
            "error it.columns.x:categry",
        ),
        (
            "kind = \"rolling\"\norder = \"ts\"\naggregates = { n = \"SUM(amuont)\" }",
            "error it.aggregates.n:amuont",
        ),
        (
            "kind = \"window\"\ntime = \"ts\"\nsize = \"1 h\"\naggregates = { n = \"SUM(amuont)\" }",
            "error it.aggregates.n:amuont",
        ),
        (
            "kind = \"sql\"\nquery = '''\nSELECT id,\n  amuont\nFROM s'''",
            "error it.query:amuont",
        ),
    ] {
        assert_eq!(found(it), [place], "{it}");
    }
}

#[test]
fn what_does_not_fit_is_found_at_its_node() {
    for it in [
        // A type clash, an unknown function, a condition that is none.
        "kind = \"derive\"\ncolumns = { x = \"amount + category + TRUE\" }",
        "kind = \"derive\"\ncolumns = { x = \"NO_SUCH_FUNCTION(amount)\" }",
        "kind = \"filter\"\ncondition = \"amount\"",
        "kind = \"rolling\"\norder = \"ts\"\naggregates = { n = \"NO_SUCH(amount)\" }",
    ] {
        let found = found(it);
        assert_eq!(found.len(), 1, "{it}: {found:?}");
        assert!(found[0].starts_with("error it"), "{it}: {found:?}");
    }
}

#[test]
fn a_changelog_does_not_go_into_files() {
    let found = found("kind = \"deduplicate\"\nkeys = [\"card\"]\norder = \"ts\"\nkeep = \"last\"");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("error "), "{found:?}");
}
