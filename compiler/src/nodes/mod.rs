//! The node kinds, one file a kind: its ports, its parameters as data, and its SQL.
//!
//! A kind is described by a [`KindSpec`], from which a library, an inspector's form, the check of
//! a document and the file format are all drawn; nothing about a kind is written twice. Its
//! [`NodeKind::lower`] gives the statements that define the node's relation.

mod connector_sink;
mod connector_source;
mod datagen_source;
mod deduplicate;
mod derive;
mod file_sink;
mod file_source;
mod filter;
mod flatten;
mod generator_source;
mod group_aggregate;
mod interval_join;
mod join;
mod join_sides;
mod lookup_join;
mod model_score;
mod parameter;
mod print_sink;
mod rolling_aggregate;
mod select;
mod sink_table;
mod source_table;
mod sql_query;
mod temporal_join;
mod top_n;
mod union;
mod window_aggregate;
mod window_top_n;

pub use parameter::{
    DefaultValue, EnumValue, OrderItem, ParameterSpec, ParameterType, PathKind, interval_literal,
    parse_duration, parse_timestamp,
};

pub(crate) use parameter::check_value;
pub(crate) use sink_table::select_all;
pub(crate) use sql_query::{Relations, names_read};

use crate::diagnostics::Diagnostic;
use crate::document::Node;
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, TableText};

/// The name of the output port of every node that has one.
pub const OUTPUT: &str = "output";

/// What a kind is for: its place in a library and its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Rows come from outside.
    Source,
    /// Rows are changed, chosen or aggregated.
    Feature,
    /// Streams are put together.
    Join,
    /// Rows are scored.
    Model,
    /// Rows go outside.
    Sink,
}

impl Family {
    /// The heading in a library.
    pub fn title(self) -> &'static str {
        match self {
            Family::Source => "Sources",
            Family::Feature => "Features",
            Family::Join => "Joins",
            Family::Model => "Models",
            Family::Sink => "Sinks",
        }
    }
}

/// An input port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortSpec {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub help: &'static str,
}

/// The input ports of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    /// A source.
    None,
    /// These ports, each fed by one edge.
    Fixed(&'static [PortSpec]),
    /// One port that any number of edges feed.
    Many(PortSpec),
    /// Each edge is a port of its own, called as the edge says or as the node it comes from.
    Named,
}

/// The single input of most kinds.
pub(crate) const ONE_INPUT: Inputs = Inputs::Fixed(&[PortSpec {
    name: "input",
    help: "The rows to work on",
}]);

/// A node kind as data.
#[derive(Debug, Clone, Copy)]
pub struct KindSpec {
    /// The name in `pipeline.toml`.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// What it does, in a sentence or two.
    pub help: &'static str,
    /// What it is for.
    pub family: Family,
    /// Its input ports.
    pub inputs: Inputs,
    /// Whether rows come out of it.
    pub has_output: bool,
    /// Its parameters in the order of a form and of the file.
    pub parameters: &'static [ParameterSpec],
}

impl KindSpec {
    /// A parameter by name.
    pub fn parameter(&self, name: &str) -> Option<&'static ParameterSpec> {
        self.parameters.iter().find(|spec| spec.name == name)
    }

    /// Whether what feeds the first input must have an event time.
    pub fn needs_event_time(&self) -> bool {
        let first = match self.inputs {
            Inputs::Fixed([first, ..]) => first.name,
            _ => "",
        };
        self.parameters.iter().any(|spec| {
            spec.event_time && spec.required && (spec.port.is_empty() || spec.port == first)
        })
    }
}

/// A node kind.
pub trait NodeKind: Sync {
    /// The kind as data.
    fn spec(&self) -> &'static KindSpec;

    /// One line for the face of a node: "1 min on ts by card_id". `None` while it is not
    /// configured.
    fn summary(&self, node: &Node) -> Option<String>;

    /// What is wrong between parameters, each of which is right by itself.
    fn check(&self, _node: &Node) -> Vec<Diagnostic> {
        Vec::new()
    }

    /// Nodes of this kind that may have written a query, most likely first.
    ///
    /// Whoever asks lowers each and takes the first whose SQL is the query, token by token; so a
    /// kind may guess, but what it does not guess becomes an SQL node.
    fn recognise_query(&self, _query: &str) -> Vec<Candidate> {
        Vec::new()
    }

    /// Nodes of this kind that may have written a table; see [`NodeKind::recognise_query`].
    fn recognise_table(&self, _table: &TableText) -> Vec<Node> {
        Vec::new()
    }

    /// The statements of the node. Called only when [`crate::document::Pipeline::check_node`]
    /// found no error and the columns of all inputs are known.
    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed>;
}

/// All kinds, in the order of a library.
pub fn all() -> &'static [&'static dyn NodeKind] {
    &[
        &file_source::FileSource,
        &datagen_source::DatagenSource,
        &generator_source::GeneratorSource,
        &connector_source::ConnectorSource,
        &select::Select,
        &derive::Derive,
        &filter::Filter,
        &deduplicate::Deduplicate,
        &window_aggregate::WindowAggregate,
        &rolling_aggregate::RollingAggregate,
        &group_aggregate::GroupAggregate,
        &top_n::TopN,
        &window_top_n::WindowTopN,
        &flatten::Flatten,
        &sql_query::SqlQuery,
        &union::Union,
        &join::StreamJoin,
        &interval_join::IntervalJoin,
        &temporal_join::TemporalJoin,
        &lookup_join::LookupJoin,
        &model_score::ModelScore,
        &file_sink::FileSink,
        &print_sink::PrintSink,
        &connector_sink::ConnectorSink,
    ]
}

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static dyn NodeKind> {
    all().iter().copied().find(|kind| kind.spec().name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_is_fit_for_a_form() {
        let mut names = BTreeSet::new();
        for kind in all() {
            let spec = kind.spec();
            assert!(names.insert(spec.name), "{} is there twice", spec.name);
            assert!(
                !spec.title.is_empty() && !spec.help.is_empty(),
                "{}",
                spec.name
            );
            assert!(!spec.title.ends_with('.'), "{}", spec.title);
            let mut parameters = BTreeSet::new();
            for parameter in spec.parameters {
                let place = format!("{}.{}", spec.name, parameter.name);
                assert!(parameters.insert(parameter.name), "{place} is there twice");
                assert!(!["kind", "title", "comment", "muted"].contains(&parameter.name));
                assert!(
                    !parameter.title.is_empty() && !parameter.help.is_empty(),
                    "{place} says nothing"
                );
                if let Some(value) = parameter.default.to_value() {
                    assert_eq!(check_value(parameter, &value), vec![], "{place}");
                    assert!(!parameter.required, "{place} has a default and is required");
                }
            }
            let fresh = Node::new(spec.name);
            let unset = spec.parameters.iter().any(|parameter| parameter.required);
            assert_eq!(kind.summary(&fresh).is_none(), unset, "{}", spec.name);
        }
    }

    #[test]
    fn a_summary_survives_any_value() {
        use crate::document::{Entries, Value};
        let values: Vec<Value> = vec![
            "text".into(),
            1.into(),
            true.into(),
            Value::List(vec![1.into()]),
            Entries::new().with("a", 1).into(),
            Value::List(vec![]),
        ];
        for kind in all() {
            for value in &values {
                let mut node = Node::new(kind.spec().name);
                for parameter in kind.spec().parameters {
                    node.parameters
                        .insert(parameter.name.to_string(), value.clone());
                }
                kind.summary(&node);
                kind.check(&node);
            }
        }
    }
}
