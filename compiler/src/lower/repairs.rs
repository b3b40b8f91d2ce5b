//! Repairs: what a person can do about a finding or a refused connection, as commands.
//!
//! Every repair is tried before it is offered: the commands are applied to the document, the
//! result is compiled, and only what makes the finding go away without making new errors is kept.

use super::{Lowered, Target, compile};
use crate::diagnostics::{Diagnostic, Severity};
use crate::document::{
    Command, Document, EdgeId, Entries, Node, NodeId, Pipeline, PortName, PortRef, Refusal, Value,
};
use crate::environment::Environment;
use crate::nodes::{self, Inputs, ParameterSpec, ParameterType};
use crate::sql::quote_name;

/// Commands that make a finding go away, and what to call them on a button.
#[derive(Debug, Clone, PartialEq)]
pub struct Repair {
    /// The button's text.
    pub title: String,
    /// What it does, in order, as one step.
    pub commands: Vec<Command>,
}

impl Repair {
    fn new(title: impl Into<String>, commands: Vec<Command>) -> Self {
        Self {
            title: title.into(),
            commands,
        }
    }

    /// The document after the repair.
    ///
    /// # Errors
    /// The refusal of the first command that cannot be applied, because the document has changed
    /// since.
    pub fn apply(&self, document: &Document) -> Result<Document, Refusal> {
        let mut document = document.clone();
        for command in &self.commands {
            document = document.apply(command)?.document;
        }
        Ok(document)
    }
}

/// Whether two ports may be connected, and what to do if not.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// Why not; `None` if nothing speaks against it. A finding that is no error says what else the
    /// connection does, such as replacing another one.
    pub finding: Option<Diagnostic>,
    /// What to do instead. Each contains the connection where that makes sense.
    pub repairs: Vec<Repair>,
}

impl Connection {
    /// Whether the connection would leave something broken that was not broken before.
    pub fn is_refused(&self) -> bool {
        self.finding.as_ref().is_some_and(Diagnostic::is_error)
    }
}

/// The codes of findings that say that a stream's type does not fit.
const TYPE_CODES: [&str; 4] = [
    "plan/updates-into-append-sink",
    "plan/updates-into-append-operator",
    "column/no-window",
    "column/no-collection",
];

/// Looks at a connection before it is made.
pub fn check_connection(
    document: &Document,
    from: &PortRef,
    to: &PortRef,
    target: Target,
    environment: &dyn Environment,
) -> Connection {
    let connect = Command::Connect {
        from: from.clone(),
        to: to.clone(),
    };
    let after = match document.apply(&connect) {
        Ok(applied) => applied.document,
        Err(refusal) => {
            let repairs = refusal_repairs(document, &refusal, from, to);
            return Connection {
                finding: Some(refusal.to_diagnostic().on_node(to.node.as_str())),
                repairs: only_possible(document, repairs),
            };
        }
    };
    let before = compile(document.pipeline(), target, environment);
    let lowered = compile(after.pipeline(), target, environment);
    let broken = lowered.diagnostics.iter().find(|found| {
        found.is_error()
            && TYPE_CODES.contains(&found.code)
            && !before.diagnostics.iter().any(|known| same(known, found))
    });
    if let Some(found) = broken {
        let repairs = repairs(&after, found, target, environment)
            .into_iter()
            .map(|repair| Repair {
                commands: std::iter::once(connect.clone())
                    .chain(repair.commands)
                    .collect(),
                ..repair
            })
            .collect();
        return Connection {
            finding: Some(found.clone()),
            repairs,
        };
    }
    match replaced(document, &after) {
        Some((edge, other)) => Connection {
            finding: Some(
                Diagnostic::info(
                    "edge/replaces",
                    format!(
                        "this takes the place of the connection from '{}'",
                        other.node
                    ),
                )
                .on_node(to.node.as_str()),
            ),
            repairs: only_possible(document, vec![union_before(document, &edge, from)]),
        },
        None => Connection {
            finding: None,
            repairs: Vec::new(),
        },
    }
}

/// The edge that a connection took the place of, and where it came from.
fn replaced(before: &Document, after: &Document) -> Option<(EdgeId, PortRef)> {
    before.pipeline().edges().find_map(|(id, edge)| {
        let kept = after.pipeline().edge(id.as_str()) == Some(edge);
        (!kept).then(|| (id.clone(), edge.from.clone()))
    })
}

/// Puts what feeds an edge and another stream together.
fn union_before(document: &Document, edge: &EdgeId, from: &PortRef) -> Repair {
    let union = fresh(document.pipeline(), "union");
    Repair::new(
        "Put both streams together by a union",
        vec![
            add(&union, "union", Entries::new()),
            Command::InsertOnEdge {
                edge: edge.clone(),
                node: union.clone(),
            },
            Command::Connect {
                from: from.clone(),
                to: union.into(),
            },
        ],
    )
}

fn refusal_repairs(
    document: &Document,
    refusal: &Refusal,
    from: &PortRef,
    to: &PortRef,
) -> Vec<Repair> {
    let pipeline = document.pipeline();
    let connect = |to: PortRef| Command::Connect {
        from: from.clone(),
        to,
    };
    match refusal {
        // The source and the stream, together.
        Refusal::NoInput { node } => {
            let union = fresh(pipeline, "union");
            let mut commands = vec![add(&union, "union", Entries::new())];
            for (_, edge) in pipeline.outputs_of(node.as_str()) {
                commands.push(Command::Connect {
                    from: union.clone().into(),
                    to: edge.to.clone(),
                });
            }
            commands.push(Command::Connect {
                from: node.clone().into(),
                to: union.clone().into(),
            });
            commands.push(connect(union.into()));
            vec![Repair::new(
                "Put both streams together by a union",
                commands,
            )]
        }
        Refusal::NoSuchPort { node, ports, .. } if *node == to.node => ports
            .iter()
            .filter_map(|port| PortName::new(port.as_str()).ok())
            .map(|port| {
                Repair::new(
                    format!("Connect to '{port}'"),
                    vec![connect(PortRef::new(node.clone(), Some(port)))],
                )
            })
            .collect(),
        Refusal::NoOutput { node } => pipeline
            .inputs_of(node.as_str())
            .into_iter()
            .map(|(_, _, edge)| {
                Repair::new(
                    format!("Connect '{}', which feeds it", edge.from.node),
                    vec![Command::Connect {
                        from: edge.from.clone(),
                        to: to.clone(),
                    }],
                )
            })
            .collect(),
        Refusal::PortTaken { edge, .. } => vec![union_before(document, edge, from)],
        _ => Vec::new(),
    }
}

fn only_possible(document: &Document, repairs: Vec<Repair>) -> Vec<Repair> {
    repairs
        .into_iter()
        .filter(|repair| repair.apply(document).is_ok())
        .collect()
}

/// What can be done about a finding of [`compile`] or [`Pipeline::check`], best first.
pub fn repairs(
    document: &Document,
    finding: &Diagnostic,
    target: Target,
    environment: &dyn Environment,
) -> Vec<Repair> {
    let lowered = compile(document.pipeline(), target, environment);
    let mut candidates = Vec::new();
    if let Some(id) = finding.node.as_deref()
        && let Some(node) = document.pipeline().node(id)
        && let Ok(id) = NodeId::new(id)
    {
        let case = Case {
            document,
            lowered: &lowered,
            finding,
            id,
            node,
        };
        case.meant(&mut candidates);
        case.missing(&mut candidates);
        case.ignored(&mut candidates);
        case.time(&mut candidates);
        case.updates(&mut candidates, environment);
    }
    let errors = |lowered: &Lowered| {
        lowered
            .diagnostics
            .iter()
            .filter(|found| found.is_error())
            .count()
    };
    let before = errors(&lowered);
    let was_there = lowered.diagnostics.iter().any(|found| same(found, finding));
    let mut out: Vec<Repair> = Vec::new();
    for repair in candidates {
        if out.iter().any(|known| known.commands == repair.commands) {
            continue;
        }
        let Ok(repaired) = repair.apply(document) else {
            continue;
        };
        let after = compile(repaired.pipeline(), target, environment);
        let gone = !after.diagnostics.iter().any(|found| same(found, finding));
        let fewer = errors(&after) < before;
        let no_more = errors(&after) <= before;
        let good = match finding.severity {
            // What a node could not say while it was broken may come to light.
            Severity::Error => gone && (fewer || (no_more && !same_place(&after, finding))),
            _ => gone && no_more,
        };
        if good && was_there {
            out.push(repair);
        }
    }
    out
}

/// Whether an error is still at the finding's parameter.
fn same_place(after: &Lowered, finding: &Diagnostic) -> bool {
    after.diagnostics.iter().any(|found| {
        found.is_error() && found.node == finding.node && found.parameter == finding.parameter
    })
}

/// Whether two findings say the same, wherever the script has moved to.
fn same(a: &Diagnostic, b: &Diagnostic) -> bool {
    a.code == b.code
        && a.node == b.node
        && a.parameter == b.parameter
        && a.parameter_span == b.parameter_span
        && a.message == b.message
}

fn fresh(pipeline: &Pipeline, name: &str) -> NodeId {
    NodeId::slug(name).unique(|id| pipeline.node(id.as_str()).is_some())
}

fn add(id: &NodeId, kind: &str, parameters: Entries) -> Command {
    Command::AddNode {
        id: Some(id.clone()),
        kind: kind.to_string(),
        parameters,
        position: None,
    }
}

/// A finding about a node.
struct Case<'a> {
    document: &'a Document,
    lowered: &'a Lowered,
    finding: &'a Diagnostic,
    id: NodeId,
    node: &'a Node,
}

impl Case<'_> {
    fn set(&self, parameter: &str, value: Value) -> Command {
        Command::SetParameter {
            node: self.id.clone(),
            parameter: parameter.to_string(),
            value,
        }
    }

    fn pipeline(&self) -> &Pipeline {
        self.document.pipeline()
    }

    /// The columns that come in at a port; the first one for an empty name.
    fn columns(&self, node: &str, port: &str) -> &[super::Column] {
        let inputs = self.pipeline().inputs_of(node);
        let input = inputs
            .iter()
            .find(|(name, _, _)| port.is_empty() || name == port);
        input
            .and_then(|(_, _, edge)| self.lowered.columns.get(&edge.from.node))
            .map_or(&[], Vec::as_slice)
    }

    /// "did you mean": the near name in place of the wrong one.
    fn meant(&self, out: &mut Vec<Repair>) {
        let Some(near) = self.finding.help.as_deref().and_then(suggestion) else {
            return;
        };
        let Some(path) = self.finding.parameter.as_deref() else {
            return;
        };
        let title = |what: &str| format!("Change '{what}' to '{near}'");
        if self.finding.code == "parameter/unknown" {
            if let Some(value) = self.node.parameters.get(path) {
                let unset = Command::UnsetParameter {
                    node: self.id.clone(),
                    parameter: path.to_string(),
                };
                out.push(Repair::new(
                    title(path),
                    vec![unset, self.set(near, value.clone())],
                ));
            }
            return;
        }
        let (parameter, _) = split_path(path);
        let ty = nodes::find(&self.node.kind)
            .and_then(|kind| kind.spec().parameter(parameter))
            .map(|spec| spec.ty);
        if let Some(text) = self.node.text_at(path) {
            let span = self.finding.parameter_span.map(|span| span.range());
            let span = span.filter(|range| text.get(range.clone()).is_some_and(|t| !t.is_empty()));
            let range = span.unwrap_or(0..text.len());
            let is_sql = matches!(
                ty,
                Some(
                    ParameterType::Expression
                        | ParameterType::Sql
                        | ParameterType::Assignments
                        | ParameterType::Aggregates
                )
            );
            let name = match is_sql {
                true => quote_name(near),
                false => near.to_string(),
            };
            let mut changed = text.to_string();
            changed.replace_range(range.clone(), &name);
            if let Some(value) = with_text(self.node, path, changed) {
                out.push(Repair::new(
                    title(&text[range]),
                    vec![self.set(parameter, value)],
                ));
            }
        }
        // A table's key may be the wrong name.
        if let (_, Some(key)) = split_path(path)
            && self.finding.message.contains(&format!("'{key}'"))
            && let Some(Value::Table(entries)) = self.node.parameters.get(parameter)
        {
            let renamed: Entries = entries
                .iter()
                .map(|(name, value)| match name == key {
                    true => (near.to_string(), value.clone()),
                    false => (name.to_string(), value.clone()),
                })
                .collect();
            out.push(Repair::new(
                title(key),
                vec![self.set(parameter, renamed.into())],
            ));
        }
    }

    /// A parameter that is not set: a value that fits, or the example.
    fn missing(&self, out: &mut Vec<Repair>) {
        let missing = ["parameter/missing", "parameter/value", "parameter/type"];
        let Some(name) = self.finding.parameter.as_deref() else {
            return;
        };
        let Some(spec) = nodes::find(&self.node.kind).and_then(|kind| kind.spec().parameter(name))
        else {
            return;
        };
        if !missing.contains(&self.finding.code) {
            return;
        }
        for value in self.values(spec) {
            out.push(Repair::new(
                format!("Set '{name}' to {value}"),
                vec![self.set(name, value)],
            ));
        }
    }

    /// Values for a parameter: what the input offers, then the example.
    fn values(&self, spec: &ParameterSpec) -> Vec<Value> {
        let columns = self.columns(self.id.as_str(), spec.port);
        let times = columns.iter().filter(|column| column.is_time);
        let mut values: Vec<Value> = Vec::new();
        match spec.ty {
            ParameterType::Column => {
                values.extend(times.map(|column| Value::from(column.name.as_str())));
            }
            ParameterType::ColumnPairs => {
                let right = self.columns(self.id.as_str(), "right");
                let shared = self.columns(self.id.as_str(), "left").iter().find(|left| {
                    !left.is_time && right.iter().any(|column| column.name == left.name)
                });
                values.extend(shared.map(|column| Value::from(vec![column.name.as_str()])));
            }
            ParameterType::Columns | ParameterType::Order => {
                let first = columns.iter().find(|column| !column.is_time);
                values.extend(first.map(|column| Value::from(vec![column.name.as_str()])));
            }
            ParameterType::Enum(choices) => {
                values.extend(choices.iter().map(|choice| Value::from(choice.name)));
            }
            _ => {}
        }
        values.extend(example(spec));
        values.truncate(4);
        values
    }

    /// A parameter that does nothing, or that contradicts another.
    fn ignored(&self, out: &mut Vec<Repair>) {
        let Some(path) = self.finding.parameter.as_deref() else {
            return;
        };
        let (name, _) = split_path(path);
        let codes = ["parameter/ignored", "parameter/unknown", "parameter/value"];
        let required = nodes::find(&self.node.kind)
            .and_then(|kind| kind.spec().parameter(name))
            .is_some_and(|spec| spec.required);
        if codes.contains(&self.finding.code)
            && !required
            && self.node.parameters.contains_key(name)
        {
            out.push(Repair::new(
                format!("Remove '{name}'"),
                vec![Command::UnsetParameter {
                    node: self.id.clone(),
                    parameter: name.to_string(),
                }],
            ));
        }
    }

    /// A column that should be a time: one that is.
    fn time(&self, out: &mut Vec<Repair>) {
        let Some(name) = self.finding.parameter.as_deref() else {
            return;
        };
        if self.finding.code != "column/no-time" {
            return;
        }
        let port = nodes::find(&self.node.kind)
            .and_then(|kind| kind.spec().parameter(name))
            .map_or("", |spec| spec.port);
        let columns = self.columns(self.id.as_str(), port);
        for column in columns.iter().filter(|column| column.is_time) {
            out.push(Repair::new(
                format!("Use '{}'", column.name),
                vec![self.set(name, column.name.as_str().into())],
            ));
        }
    }

    /// A stream with updates where rows may only come.
    fn updates(&self, out: &mut Vec<Repair>, environment: &dyn Environment) {
        if !self.finding.code.starts_with("plan/updates-into-append") {
            return;
        }
        let types = super::stream_types(self.lowered, environment);
        for id in self.above() {
            let Some(node) = self.pipeline().node(id.as_str()) else {
                continue;
            };
            match node.kind.as_str() {
                "deduplicate" if node.text_at("keep") == Some("last") => out.push(Repair::new(
                    format!("Let '{id}' keep the first row of each key"),
                    vec![Command::SetParameter {
                        node: id.clone(),
                        parameter: "keep".into(),
                        value: "first".into(),
                    }],
                )),
                "aggregate" => self.window_instead(&id, node, out),
                "join" => self.interval_instead(&id, node, out),
                "top-n" => {
                    let parameters = node.parameters.iter().filter_map(|(name, value)| {
                        Some((name.as_str(), window_keys(name, value)?))
                    });
                    let title = format!("Take the first rows of each window in '{id}'");
                    self.replace(&id, "window-top-n", parameters.collect(), title, out);
                }
                _ => {}
            }
        }
        let inputs = self.pipeline().inputs_of(self.id.as_str());
        for (_, edge, wire) in &inputs {
            let Some(ty) = types.get(&wire.from.node) else {
                continue;
            };
            if !ty.kind.updates() {
                continue;
            }
            let key = match ty.upsert_key.is_empty() {
                true => ty.columns.iter().take(1).map(|c| c.name.clone()).collect(),
                false => ty.upsert_key.clone(),
            };
            if let Some(time) = &ty.rowtime {
                let id = fresh(self.pipeline(), "deduplicate");
                let parameters = Entries::new()
                    .with("keys", key.clone())
                    .with("order", time.as_str());
                out.push(Repair::new(
                    "Insert a Deduplicate that keeps the first row of each key",
                    vec![
                        add(&id, "deduplicate", parameters),
                        Command::InsertOnEdge {
                            edge: (*edge).clone(),
                            node: id,
                        },
                    ],
                ));
            }
            let is_sink = nodes::find(&self.node.kind).is_some_and(|kind| !kind.spec().has_output);
            if is_sink {
                let parameters = Entries::new()
                    .with("connector", "upsert-kafka")
                    .with("primary-key", key.clone())
                    .with(
                        "options",
                        Entries::new()
                            .with("topic", self.id.as_str())
                            .with("properties.bootstrap.servers", "localhost:9092")
                            .with("key.format", "json")
                            .with("value.format", "json"),
                    );
                let title = format!("Use an upsert sink (primary key {})", key.join(", "));
                self.replace(&self.id, "connector-sink", parameters, title, out);
                let title = "Use a print sink, which shows every change".to_string();
                self.replace(&self.id, "print", Entries::new(), title, out);
            }
        }
    }

    /// The nodes that feed this one, nearest first.
    fn above(&self) -> Vec<NodeId> {
        let mut found: Vec<NodeId> = Vec::new();
        let mut open = vec![self.id.clone()];
        while let Some(id) = open.pop() {
            for (_, _, edge) in self.pipeline().inputs_of(id.as_str()) {
                let from = edge.from.node.clone();
                if !found.contains(&from) {
                    found.push(from.clone());
                    open.insert(0, from);
                }
            }
        }
        found
    }

    fn window_instead(&self, id: &NodeId, node: &Node, out: &mut Vec<Repair>) {
        let times = self.columns(id.as_str(), "");
        let Some(time) = times.iter().find(|column| column.is_time) else {
            return;
        };
        let mut parameters = Entries::new()
            .with("time", time.name.as_str())
            .with("size", "1 h");
        for name in ["keys", "aggregates"] {
            if let Some(value) = node.parameters.get(name) {
                parameters.insert(name, value.clone());
            }
        }
        let title = format!("Aggregate by windows of 1 h in '{id}'");
        self.replace(id, "window", parameters, title, out);
    }

    fn interval_instead(&self, id: &NodeId, node: &Node, out: &mut Vec<Repair>) {
        let time = |port: &str| {
            let columns = self.columns(id.as_str(), port).iter();
            columns
                .filter(|column| column.is_time)
                .map(|column| column.name.clone())
                .next()
        };
        let (Some(left), Some(right)) = (time("left"), time("right")) else {
            return;
        };
        let mut parameters: Entries = node
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        parameters.insert("left-time", left);
        parameters.insert("right-time", right);
        parameters.insert("before", "1 h");
        parameters.insert("after", "1 h");
        let title = format!("Join rows within 1 h of each other in '{id}'");
        self.replace(id, "interval-join", parameters, title, out);
    }

    /// Another node in a node's place, with its id, title and connections.
    fn replace(
        &self,
        id: &NodeId,
        kind: &str,
        parameters: Entries,
        title: String,
        out: &mut Vec<Repair>,
    ) {
        let pipeline = self.pipeline();
        let Some(old) = pipeline.node(id.as_str()) else {
            return;
        };
        let inputs = pipeline.inputs_of(id.as_str());
        let outputs: Vec<PortRef> = pipeline
            .outputs_of(id.as_str())
            .map(|(_, edge)| edge.to.clone())
            .collect();
        let mut commands = vec![
            Command::RemoveNodes {
                nodes: vec![id.clone()],
            },
            Command::AddNode {
                id: Some(id.clone()),
                kind: kind.to_string(),
                parameters,
                position: self.document.layout().position(id.as_str()),
            },
        ];
        if old.title.is_some() {
            commands.push(Command::SetTitle {
                node: id.clone(),
                title: old.title.clone(),
            });
        }
        if old.comment.is_some() {
            commands.push(Command::SetComment {
                node: id.clone(),
                comment: old.comment.clone(),
            });
        }
        let named = nodes::find(kind).is_some_and(|kind| match kind.spec().inputs {
            Inputs::Fixed(ports) => ports.len() > 1,
            _ => false,
        });
        for (port, _, edge) in inputs {
            let port = PortName::new(port).ok().filter(|_| named);
            commands.push(Command::Connect {
                from: edge.from.clone(),
                to: PortRef::new(id.clone(), port),
            });
        }
        for to in outputs {
            commands.push(Command::Connect {
                from: id.clone().into(),
                to,
            });
        }
        out.push(Repair::new(title, commands));
    }
}

/// A Top-N's parameter as a window Top-N takes it: the window itself is no key.
fn window_keys(name: &str, value: &Value) -> Option<Value> {
    if name != "keys" {
        return Some(value.clone());
    }
    let keys: Vec<&str> = value
        .as_list()?
        .iter()
        .filter_map(Value::as_text)
        .filter(|key| !["window_start", "window_end"].contains(key))
        .collect();
    (!keys.is_empty()).then(|| keys.into())
}

/// The name that a help text suggests.
fn suggestion(help: &str) -> Option<&str> {
    let rest = &help[help.find("did you mean ")? + "did you mean ".len()..];
    let quote = rest.chars().next().filter(|c| ['\'', '"'].contains(c))?;
    let rest = &rest[1..];
    Some(&rest[..rest.find(quote)?])
}

/// A parameter's example as a value.
fn example(spec: &ParameterSpec) -> Option<Value> {
    let text = spec.example;
    if text.is_empty() {
        return None;
    }
    let assigned = text.starts_with(spec.name);
    let line = match assigned {
        true => text.to_string(),
        false => format!("{} = {text}", spec.name),
    };
    let document: toml_edit::DocumentMut = line.parse().ok()?;
    Value::from_item(document.get(spec.name)?)
}

/// A path as the parameter and the key in its table: `columns.total`.
fn split_path(path: &str) -> (&str, Option<&str>) {
    if let Some((name, key)) = path.split_once('.') {
        return (name, Some(key));
    }
    match path.split_once('[') {
        Some((name, _)) => (name, None),
        None => (path, None),
    }
}

/// The parameter of a path with another text at the path.
fn with_text(node: &Node, path: &str, text: String) -> Option<Value> {
    if node.parameters.contains_key(path) {
        return Some(Value::Text(text));
    }
    match split_path(path) {
        (name, Some(key)) => {
            let mut entries = node.parameters.get(name)?.as_table()?.clone();
            entries.insert(key, text);
            Some(Value::Table(entries))
        }
        (name, None) => {
            let index: usize = path
                .strip_prefix(name)?
                .strip_prefix('[')?
                .strip_suffix(']')?
                .parse()
                .ok()?;
            let mut items = node.parameters.get(name)?.as_list()?.to_vec();
            *items.get_mut(index)? = Value::Text(text);
            Some(Value::List(items))
        }
    }
}
