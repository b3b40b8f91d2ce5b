//! What can be said about a pipeline without looking at columns: kinds, parameters, wiring.

use std::collections::{BTreeMap, BTreeSet};

use super::{EdgeId, NodeId, Pipeline};
use crate::diagnostics::{Diagnostic, did_you_mean};
use crate::nodes::{self, Inputs};

/// The nodes in an order in which each stands after all it reads; among equals by id.
pub fn topological_order(pipeline: &Pipeline) -> Vec<&NodeId> {
    order_by(pipeline, |_| true)
}

/// As [`topological_order`], as if only some edges were there.
pub(crate) fn order_by(pipeline: &Pipeline, counts: impl Fn(&EdgeId) -> bool) -> Vec<&NodeId> {
    let mut missing: BTreeMap<&NodeId, usize> = pipeline.nodes().map(|(id, _)| (id, 0)).collect();
    let mut readers: BTreeMap<&NodeId, Vec<&NodeId>> = BTreeMap::new();
    for (_, edge) in pipeline.edges().filter(|(id, _)| counts(id)) {
        if let Some(count) = missing.get_mut(&edge.to.node) {
            *count += 1;
        }
        readers
            .entry(&edge.from.node)
            .or_default()
            .push(&edge.to.node);
    }
    let mut ready: BTreeSet<&NodeId> = missing
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(id, _)| *id)
        .collect();
    let mut order = Vec::with_capacity(missing.len());
    while let Some(id) = ready.pop_first() {
        order.push(id);
        for reader in readers.get(id).into_iter().flatten() {
            if let Some(count) = missing.get_mut(reader) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(reader);
                }
            }
        }
    }
    order
}

impl Pipeline {
    /// Everything that is wrong or strange without looking at columns, by node.
    ///
    /// What needs the columns (unknown ones, types, whether a stream only appends) is found by
    /// lowering and planning.
    pub fn check(&self) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        for (id, _) in self.nodes() {
            out.extend(self.check_node(id.as_str()));
        }
        out.extend(self.check_whole());
        out
    }

    /// The findings of [`Pipeline::check`] about no node in particular.
    pub(crate) fn check_whole(&self) -> Option<Diagnostic> {
        if self.nodes.is_empty() {
            return Some(
                Diagnostic::warning("pipeline/empty", "the pipeline has no nodes")
                    .help("add a source, what it feeds, and a sink"),
            );
        }
        let is_sink = |kind: &str| nodes::find(kind).is_none_or(|kind| !kind.spec().has_output);
        let runs = self
            .nodes
            .values()
            .any(|node| !node.muted && is_sink(&node.kind));
        (!runs).then(|| {
            Diagnostic::warning(
                "pipeline/no-sink",
                "the pipeline has no sink, so nothing would run",
            )
            .help("add a file sink or a print sink at its end")
        })
    }

    /// The findings of [`Pipeline::check`] about one node.
    pub fn check_node(&self, id: &str) -> Vec<Diagnostic> {
        let Some(node) = self.node(id) else {
            return Vec::new();
        };
        let Some(kind) = nodes::find(&node.kind) else {
            let diagnostic = Diagnostic::error(
                "node/unknown-kind",
                format!("there is no node kind '{}'", node.kind),
            );
            let names = nodes::all().iter().map(|kind| kind.spec().name);
            let help = match did_you_mean(&node.kind, names.clone()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("use one of: {}", names.collect::<Vec<_>>().join(", ")),
            };
            return vec![diagnostic.help(help).on_node(id)];
        };
        let spec = kind.spec();
        let mut out = Vec::new();
        for (name, value) in &node.parameters {
            match spec.parameter(name) {
                Some(parameter) => out.extend(nodes::check_value(parameter, value)),
                None => {
                    let warning = Diagnostic::warning(
                        "parameter/unknown",
                        format!("a {} has no parameter '{name}'; it is ignored", spec.name),
                    )
                    .on_parameter(name, None);
                    let names = spec.parameters.iter().map(|parameter| parameter.name);
                    out.push(match did_you_mean(name, names.clone()) {
                        Some(near) => warning.help(format!("did you mean '{near}'?")),
                        None if spec.parameters.is_empty() => warning,
                        None => warning
                            .help(format!("it has: {}", names.collect::<Vec<_>>().join(", "))),
                    });
                }
            }
        }
        for parameter in spec.parameters {
            if parameter.required && !node.parameters.contains_key(parameter.name) {
                let missing = Diagnostic::error(
                    "parameter/missing",
                    format!("'{}' is not set", parameter.name),
                )
                .on_parameter(parameter.name, None);
                out.push(if parameter.example.is_empty() {
                    missing
                } else {
                    missing.help(format!("for example {}", parameter.example))
                });
            }
        }
        if !out.iter().any(Diagnostic::is_error) {
            out.extend(kind.check(node));
        }
        out.extend(self.check_wiring(id, spec));
        out.into_iter().map(|found| found.on_node(id)).collect()
    }

    fn check_wiring(&self, id: &str, spec: &nodes::KindSpec) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        let connected: Vec<String> = self
            .inputs_of(id)
            .into_iter()
            .map(|(port, _, _)| port)
            .collect();
        let missing = |port: &str| {
            Diagnostic::error("node/missing-input", format!("nothing feeds '{port}'"))
                .on_port(port)
                .help("connect a node to it")
        };
        match spec.inputs {
            Inputs::None | Inputs::Named => {}
            Inputs::Fixed(ports) => {
                for port in ports {
                    if !connected.iter().any(|name| name == port.name) {
                        out.push(missing(port.name));
                    }
                }
            }
            Inputs::Many(port) if connected.is_empty() => out.push(missing(port.name)),
            Inputs::Many(_) => {}
        }
        if spec.has_output && self.outputs_of(id).next().is_none() {
            out.push(
                Diagnostic::info("node/unused", "its rows go nowhere")
                    .on_port(nodes::OUTPUT)
                    .help("connect it to a node or a sink"),
            );
        }
        if self.node(id).is_some_and(|node| node.muted)
            && matches!(spec.inputs, Inputs::None)
            && self.outputs_of(id).next().is_some()
        {
            out.push(
                Diagnostic::error(
                    "node/muted-source",
                    "a muted source has nothing to pass on to what it feeds",
                )
                .help("let it work again, or disconnect it"),
            );
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let loaded = Pipeline::from_toml(&format!("version = 1\nname = \"p\"\n{text}")).unwrap();
        loaded
            .pipeline
            .check()
            .into_iter()
            .map(|d| {
                let mut line = format!("{} {}", d.severity, d.code);
                for part in [&d.node, &d.port, &d.parameter].into_iter().flatten() {
                    line.push(' ');
                    line.push_str(part);
                }
                format!("{line}: {}", d.message)
            })
            .collect()
    }

    #[test]
    fn an_empty_pipeline_is_allowed_but_said() {
        assert_eq!(
            findings(""),
            ["warning pipeline/empty: the pipeline has no nodes"]
        );
    }

    #[test]
    fn unknown_kinds_and_parameters_get_a_suggestion() {
        let loaded = Pipeline::from_toml(
            "version = 1\nname = \"p\"\n[nodes.a]\nkind = \"fliter\"\n[nodes.b]\nkind = \"filter\"\ncondtion = \"x\"\n",
        )
        .unwrap();
        let all = loaded.pipeline.check();
        assert_eq!(all[0].code, "node/unknown-kind");
        assert_eq!(all[0].help.as_deref(), Some("did you mean 'filter'?"));
        assert_eq!(all[1].code, "parameter/unknown");
        assert_eq!(all[1].help.as_deref(), Some("did you mean 'condition'?"));
        assert_eq!(all[2].code, "parameter/missing");
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            findings("[nodes.f]\nkind = \"filter\"\n[nodes.u]\nkind = \"union\"\n"),
            [
                "error parameter/missing f condition: 'condition' is not set",
                "error node/missing-input f input: nothing feeds 'input'",
                "note node/unused f output: its rows go nowhere",
                "error node/missing-input u input: nothing feeds 'input'",
                "note node/unused u output: its rows go nowhere",
                "warning pipeline/no-sink: the pipeline has no sink, so nothing would run",
            ]
        );
    }

    #[test]
    fn a_muted_source_cannot_feed_anything() {
        let found = findings(
            "[nodes.s]\nkind = \"generator\"\ngenerator = \"card-transactions\"\nmuted = true\n[nodes.p]\nkind = \"print\"\n[edges]\ne1 = { from = \"s\", to = \"p\" }\n",
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("error node/muted-source s"),
            "{found:?}"
        );
    }

    #[test]
    fn the_order_follows_the_edges_and_then_the_names() {
        let loaded = Pipeline::from_toml(
            "version = 1\nname = \"p\"\n[nodes]\nz = { kind = \"datagen\" }\na = { kind = \"filter\" }\nb = { kind = \"filter\" }\nc = { kind = \"union\" }\n[edges]\ne1 = { from = \"z\", to = \"b\" }\ne2 = { from = \"z\", to = \"a\" }\ne3 = { from = \"b\", to = \"c\" }\ne4 = { from = \"a\", to = \"c\" }\n",
        )
        .unwrap();
        let order: Vec<&str> = topological_order(&loaded.pipeline)
            .into_iter()
            .map(NodeId::as_str)
            .collect();
        assert_eq!(order, ["z", "a", "b", "c"]);
    }
}
