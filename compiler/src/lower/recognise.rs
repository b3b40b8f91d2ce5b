//! What a node kind says about SQL that it might have written.

use crate::document::{Entries, Node, Value};

/// A node that may have written a query, and what it would read.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The node.
    pub(crate) node: Node,
    /// The relations that feed it, in the order of its ports, each with the port where it must be
    /// named.
    pub(crate) inputs: Vec<(Option<&'static str>, String)>,
}

impl Candidate {
    /// A node with one input.
    pub(crate) fn of(node: Node, input: String) -> Self {
        Self {
            node,
            inputs: vec![(None, input)],
        }
    }
}

/// A `CREATE TABLE` as parameters: what sources and sinks have in common.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableText {
    /// Column = what stands behind its name.
    pub(crate) schema: Entries,
    /// The options in their order.
    pub(crate) options: Vec<(String, String)>,
    /// The column of the watermark and its expression.
    pub(crate) watermark: Option<(String, String)>,
    /// `PRIMARY KEY`.
    pub(crate) primary_key: Vec<String>,
    /// `PARTITIONED BY`.
    pub(crate) partitioned_by: Vec<String>,
    /// `COMMENT`.
    pub(crate) comment: Option<String>,
}

impl TableText {
    /// The value of an option.
    pub(crate) fn option(&self, key: &str) -> Option<&str> {
        self.options
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the table has parts that only a connector node can say.
    pub(crate) fn is_plain(&self) -> bool {
        self.primary_key.is_empty() && self.partitioned_by.is_empty() && self.comment.is_none()
    }

    /// The options but for these, as a parameter's value.
    pub(crate) fn other_options(&self, known: &[&str]) -> Entries {
        self.options
            .iter()
            .filter(|(key, _)| !known.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// The parameters `watermark` and `watermark-delay`, if a delay is all there is.
    pub(crate) fn with_delay(&self, node: Node) -> Option<Node> {
        let Some((column, text)) = &self.watermark else {
            return Some(node);
        };
        let node = node.with("watermark", column.as_str());
        if super::shape::name(text).as_ref() == Some(column) {
            return Some(node);
        }
        let (left, right) = super::shape::sides(text, "-")?;
        if super::shape::name(left).as_ref() != Some(column) {
            return None;
        }
        Some(node.with("watermark-delay", super::shape::interval(right)?))
    }
}

/// The node with a parameter unless its value is empty.
pub(crate) fn with_some(node: Node, parameter: &str, value: impl Into<Value>) -> Node {
    let value = value.into();
    let empty = match &value {
        Value::List(items) => items.is_empty(),
        Value::Table(entries) => entries.is_empty(),
        _ => false,
    };
    if empty {
        node
    } else {
        node.with(parameter, value)
    }
}

/// Entries of `call AS name`s; `None` if one has no name.
pub(crate) fn named(items: &[&str]) -> Option<Entries> {
    let entries = items.iter().map(|item| match super::shape::alias(item) {
        (text, Some(name)) => Some((name, text.to_string())),
        (_, None) => None,
    });
    let entries: Vec<(String, String)> = entries.collect::<Option<_>>()?;
    let count = entries.len();
    let entries: Entries = entries.into_iter().collect();
    (entries.len() == count).then_some(entries)
}
