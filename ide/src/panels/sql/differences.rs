//! What is otherwise in the script for the other target.

use std::collections::BTreeMap;

use millstream_compiler::document::NodeId;
use millstream_compiler::lower::Lowered;

use crate::work::compile::Compiled;

/// Something that is otherwise in the script for the other target.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    pub(super) node: Option<NodeId>,
    pub(super) text: String,
}

/// What is not the same in both scripts: statements by node, and what only one target has to say.
pub(super) fn differences(compiled: &Compiled) -> Vec<Difference> {
    let (Some(embedded), Some(flink)) = (&compiled.embedded, &compiled.flink) else {
        return Vec::new();
    };
    let statements = |lowered: &Lowered| -> BTreeMap<NodeId, String> {
        let mut by_node: BTreeMap<NodeId, String> = BTreeMap::new();
        for (span, node) in lowered.map.statements() {
            let text = by_node.entry(node.clone()).or_default();
            text.push_str(&lowered.script[span.range()]);
        }
        by_node
    };
    let (here, there) = (statements(embedded), statements(flink));
    let mut out = Vec::new();
    let notes = |only: &Lowered, other: &Lowered, target: &str, out: &mut Vec<Difference>| {
        for found in &only.diagnostics {
            let known = other
                .diagnostics
                .iter()
                .any(|known| known.node == found.node && known.message == found.message);
            if !known {
                let help = found.help.as_deref().map(|help| format!("; {help}"));
                out.push(Difference {
                    node: found.node.clone().and_then(|node| NodeId::new(node).ok()),
                    text: format!("on {target}: {}{}", found.message, help.unwrap_or_default()),
                });
            }
        }
    };
    notes(flink, embedded, "Flink", &mut out);
    notes(embedded, flink, "this machine", &mut out);
    for node in here
        .keys()
        .chain(there.keys().filter(|node| !here.contains_key(*node)))
    {
        let said = out.iter().any(|known| known.node.as_ref() == Some(node));
        let text = match (here.get(node), there.get(node)) {
            (Some(a), Some(b)) if a == b => continue,
            (Some(a), Some(b)) => first_difference(a, b),
            (Some(_), None) => "stands only in the script for this machine".to_string(),
            (None, _) => "stands only in the script for Flink".to_string(),
        };
        if !said {
            out.push(Difference {
                node: Some(node.clone()),
                text,
            });
        }
    }
    out
}

/// The first line that differs, both ways.
fn first_difference(embedded: &str, flink: &str) -> String {
    let differing = embedded.lines().zip(flink.lines()).find(|(a, b)| a != b);
    match differing {
        Some((a, b)) => format!("here {}, on Flink {}", a.trim(), b.trim()),
        None => "one script says more".to_string(),
    }
}
