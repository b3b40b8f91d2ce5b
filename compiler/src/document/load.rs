//! Reading `pipeline.toml`: text to [`Pipeline`], with the place of everything in the text.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml_edit::{Item, RawString, TableLike};

use super::comments;
use super::pipeline::Comments;
use super::{
    Comment, Edge, EdgeId, Entries, IdError, Layout, Node, NodeId, Pipeline, PortName, PortRef,
    Value, migrate,
};
use crate::diagnostics::{Diagnostic, Span, did_you_mean};

/// A pipeline that was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// What was strange but kept: unknown keys, comments that saving loses.
    pub warnings: Vec<Diagnostic>,
    /// Where everything stands in the file.
    pub places: Places,
}

/// Where the nodes, parameters and edges of a pipeline stand in the text it was read from.
///
/// Turns a finding about a node's parameter into a line and column of the file. Valid until the
/// pipeline is edited.
#[derive(Debug, Clone, Default)]
pub struct Places {
    text: Arc<str>,
    /// By dotted path (`nodes.scored.inputs.amount`, `nodes.a.keys[0]`): the span of the key (or
    /// table header) and of the value.
    spans: BTreeMap<String, (Option<Span>, Option<Span>)>,
}

impl Places {
    /// The place a finding is about, in bytes of the file: the character in the parameter's text,
    /// the parameter, or the node. `None` for findings about no node.
    pub fn locate(&self, diagnostic: &Diagnostic) -> Option<Span> {
        let node = diagnostic.node.as_ref()?;
        let header = format!("nodes.{node}");
        if let Some(parameter) = &diagnostic.parameter {
            let path = format!("{header}.{parameter}");
            if let Some((key, value)) = self.spans.get(&path) {
                return match (*value, diagnostic.parameter_span) {
                    (Some(value), Some(inside)) => Some(self.inside(value, inside)),
                    (value, _) => value.or(*key),
                };
            }
        }
        self.spans
            .get(&header)
            .and_then(|(key, value)| key.or(*value))
    }

    /// The place of an edge.
    pub fn edge(&self, edge: &str) -> Option<Span> {
        let (key, value) = self.spans.get(&format!("edges.{edge}"))?;
        value.or(*key)
    }

    /// The place of bytes of a string's content within the quoted string in the file.
    fn inside(&self, value: Span, inside: Span) -> Span {
        let Some(raw) = self.text.get(value.range()) else {
            return value;
        };
        let start = value.start + raw_offset(raw, inside.start);
        let end = value.start + raw_offset(raw, inside.end);
        Span::new(start, end.max(start))
    }
}

/// The byte in a quoted TOML string where byte `offset` of its content stands.
fn raw_offset(raw: &str, offset: usize) -> usize {
    let bytes = raw.as_bytes();
    let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") {
        3
    } else if raw.starts_with(['"', '\'']) {
        1
    } else {
        return 0;
    };
    let mut at = quotes;
    if quotes == 3 {
        if raw[at..].starts_with("\r\n") {
            at += 2;
        } else if raw[at..].starts_with('\n') {
            at += 1;
        }
    }
    let end = raw.len().saturating_sub(quotes).max(at);
    if bytes[0] == b'\'' {
        return (at + offset).min(end);
    }
    let mut content = 0;
    while at < end && content < offset {
        if bytes[at] != b'\\' {
            at += 1;
            content += 1;
            continue;
        }
        let hex = |digits: usize| {
            raw.get(at + 2..at + 2 + digits)
                .and_then(|text| u32::from_str_radix(text, 16).ok())
                .and_then(char::from_u32)
                .map_or(1, char::len_utf8)
        };
        match bytes.get(at + 1) {
            Some(b'u') => {
                content += hex(4);
                at += 6;
            }
            Some(b'U') => {
                content += hex(8);
                at += 10;
            }
            Some(b'x') => {
                content += hex(2);
                at += 4;
            }
            // A backslash at the end of a line swallows the white space after it.
            Some(b) if b.is_ascii_whitespace() => {
                at += 1;
                while at < end && bytes[at].is_ascii_whitespace() {
                    at += 1;
                }
            }
            _ => {
                content += 1;
                at += 2;
            }
        }
    }
    at.min(end)
}

/// A syntax error of TOML with its place.
pub(super) fn syntax_error(error: &toml_edit::TomlError) -> Diagnostic {
    let message = error
        .message()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let diagnostic = Diagnostic::error("toml/syntax", format!("this is no valid TOML: {message}"));
    match error.span() {
        Some(span) => diagnostic.at(Span::new(span.start, span.end)),
        None => diagnostic,
    }
}

impl Pipeline {
    /// Reads the text of a `pipeline.toml`. Spans of the findings count bytes of the text.
    pub fn from_toml(text: &str) -> Result<Loaded, Vec<Diagnostic>> {
        let parsed =
            toml_edit::Document::parse(text).map_err(|error| vec![syntax_error(&error)])?;
        let version = migrate::version(parsed.get("version")).map_err(|diagnostic| {
            let span = parsed.get("version").and_then(Item::span);
            vec![diagnostic.at(span.map_or(Span::new(0, 0), to_span))]
        })?;
        if let Some(lifted) = migrate::lift(text, version).map_err(|error| vec![error])? {
            // The places of the lifted text are not places of the file.
            let strip = |mut diagnostic: Diagnostic| {
                diagnostic.span = None;
                diagnostic
            };
            return match Self::from_toml(&lifted) {
                Ok(loaded) => Ok(Loaded {
                    pipeline: loaded.pipeline,
                    warnings: loaded.warnings.into_iter().map(strip).collect(),
                    places: Places::default(),
                }),
                Err(errors) => Err(errors.into_iter().map(strip).collect()),
            };
        }
        let mut reader = Reader::new(text);
        reader.read(&parsed, false);
        reader.finish()
    }
}

/// Nodes, edges and places that were copied.
pub(super) struct Fragment {
    pub(super) pipeline: Pipeline,
    pub(super) layout: Layout,
}

/// Reads a piece of a `pipeline.toml`: nodes and the edges between them.
pub(super) fn read_fragment(text: &str) -> Result<Fragment, Vec<Diagnostic>> {
    let parsed = toml_edit::Document::parse(text).map_err(|error| vec![syntax_error(&error)])?;
    let mut layout = Layout::default();
    let places = parsed.get("layout").and_then(Value::from_item);
    if let Some(places) = places.as_ref().and_then(Value::as_table) {
        for (id, place) in places.iter() {
            // A place that cannot be read costs nothing but the place.
            let _ = layout.read_entry("nodes", id, place);
        }
    }
    let mut reader = Reader::new(text);
    reader.read(&parsed, true);
    let loaded = reader.finish()?;
    if loaded.pipeline.nodes.is_empty() {
        return Err(vec![Diagnostic::error(
            "document/not-pasteable",
            "there are no nodes in it",
        )]);
    }
    Ok(Fragment {
        layout: layout.retain_known(&loaded.pipeline),
        pipeline: loaded.pipeline,
    })
}

fn to_span(range: std::ops::Range<usize>) -> Span {
    Span::new(range.start, range.end)
}

struct Reader<'a> {
    text: &'a str,
    pipeline: Pipeline,
    comments: Comments,
    edges: Vec<(EdgeId, Edge, Option<Span>)>,
    spans: BTreeMap<String, (Option<Span>, Option<Span>)>,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

const SECTIONS: [&str; 6] = [
    "version",
    "name",
    "description",
    "settings",
    "nodes",
    "edges",
];

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            pipeline: Pipeline::new(""),
            comments: Comments::new(),
            edges: Vec::new(),
            spans: BTreeMap::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn read(&mut self, document: &toml_edit::Document<&str>, fragment: bool) {
        let table = document.as_table();
        for (key, item) in table.iter() {
            let path = vec![key.to_string()];
            self.remember(&path, table, key, item);
            match key {
                "version" => {}
                "name" => match item.as_str() {
                    Some(name) if !name.trim().is_empty() && !name.contains('\n') => {
                        self.pipeline.name = name.to_string();
                    }
                    _ => self.wrong(item, "'name' must be one line of text"),
                },
                "description" => self.pipeline.description = self.text_of(item, "'description'"),
                "settings" => self.read_settings(item),
                "nodes" => self.read_nodes(item),
                "edges" => self.read_edges(item),
                "layout" if fragment => {}
                _ => {
                    self.warn_unknown(key, item, "the file", &SECTIONS);
                    if let Some(value) = Value::from_item(item) {
                        Arc::make_mut(&mut self.pipeline.unknown).insert(key.to_string(), value);
                    }
                }
            }
        }
        if self.pipeline.name.is_empty() && !fragment && self.errors.is_empty() {
            self.errors.push(
                Diagnostic::error("document/no-name", "the pipeline has no name")
                    .at(Span::new(0, 0))
                    .help("add `name = \"…\"` below the version"),
            );
        }
        let end = Comment {
            before: comments::lines(self.raw(Some(document.trailing()))),
            after: None,
        };
        self.keep_comment(Vec::new(), end);
    }

    fn finish(mut self) -> Result<Loaded, Vec<Diagnostic>> {
        let mut edges = std::mem::take(&mut self.edges);
        edges.sort_by_key(|(id, _, _)| (id.number().unwrap_or(u64::MAX), id.clone()));
        let mut spans: BTreeMap<EdgeId, Option<Span>> = BTreeMap::new();
        for (id, mut edge, span) in edges {
            match self.pipeline.admit_ports(&mut edge) {
                Ok(None) => {
                    Arc::make_mut(&mut self.pipeline.edges).insert(id.clone(), edge);
                    spans.insert(id, span);
                }
                Ok(Some(taken)) => {
                    let refusal = super::Refusal::PortTaken {
                        port: self.pipeline.input_port(&edge),
                        node: edge.to.node.clone(),
                        edge: taken,
                    };
                    self.refuse_edge(&id, &refusal, span);
                }
                Err(refusal) => self.refuse_edge(&id, &refusal, span),
            }
        }
        self.find_cycles(&spans);
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        // `[nodes]` itself is not written, so what stands before it moves to the first node.
        if let Some(comment) = self.comments.remove(&vec!["nodes".to_string()])
            && let Some(first) = self.pipeline.nodes.keys().next()
        {
            let path = vec!["nodes".to_string(), first.to_string()];
            let entry = self.comments.entry(path).or_default();
            let mut before = comment.before;
            before.extend(comment.after);
            before.append(&mut entry.before);
            entry.before = before;
        }
        self.pipeline.comments = Arc::new(self.comments);
        Ok(Loaded {
            pipeline: self.pipeline,
            warnings: self.warnings,
            places: Places {
                text: self.text.into(),
                spans: self.spans,
            },
        })
    }

    fn refuse_edge(&mut self, id: &EdgeId, refusal: &super::Refusal, span: Option<Span>) {
        let mut diagnostic = refusal.to_diagnostic();
        diagnostic.message = format!("edge '{id}': {}", diagnostic.message);
        if let super::Refusal::UnknownNode { node } = refusal {
            let ids = self.pipeline.nodes.keys().map(NodeId::as_str);
            if let Some(near) = did_you_mean(node.as_str(), ids) {
                diagnostic = diagnostic.help(format!("did you mean '{near}'?"));
            }
        }
        self.errors.push(at(diagnostic, span));
    }

    fn find_cycles(&mut self, spans: &BTreeMap<EdgeId, Option<Span>>) {
        let graph = self.pipeline.graph();
        let mut found = Vec::new();
        for component in petgraph::algo::tarjan_scc(&graph) {
            let inside = |id: &NodeId| component.contains(&id.as_str());
            let closing = self.pipeline.edges.iter().rev().find(|(_, edge)| {
                inside(&edge.from.node)
                    && inside(&edge.to.node)
                    && (component.len() > 1 || edge.from.node == edge.to.node)
            });
            if let Some((id, edge)) = closing {
                let start = edge.to.node.as_str();
                let goal = edge.from.node.as_str();
                let way = petgraph::algo::astar(&graph, start, |node| node == goal, |_| 1, |_| 0);
                let path = way.map_or_else(Vec::new, |(_, path)| path);
                found.push((
                    id.clone(),
                    super::Refusal::Cycle {
                        path: path.into_iter().map(NodeId::slug).collect(),
                    },
                ));
            }
        }
        for (id, refusal) in found {
            let span = spans.get(&id).copied().flatten();
            self.refuse_edge(&id, &refusal, span);
        }
    }

    fn read_settings(&mut self, item: &Item) {
        let Some(table) = item.as_table_like() else {
            return self.wrong(item, "'settings' must be a table: [settings]");
        };
        // Unquoted keys with dots in them are nested tables; they mean the same.
        let mut pending: Vec<(String, &dyn TableLike)> = vec![(String::new(), table)];
        while let Some((prefix, table)) = pending.pop() {
            for (key, item) in table.iter() {
                let name = if prefix.is_empty() {
                    key.to_string()
                } else {
                    format!("{prefix}.{key}")
                };
                let comment_path = vec!["settings".to_string(), name.clone()];
                self.remember(&comment_path, table, key, item);
                if let Some(inner) = item.as_table_like() {
                    pending.push((name, inner));
                    continue;
                }
                match Value::from_item(item).and_then(|value| value.to_option_text()) {
                    Some(value) => {
                        Arc::make_mut(&mut self.pipeline.settings).insert(name, value);
                    }
                    None => self.wrong(item, &format!("the setting '{name}' must be text")),
                }
            }
        }
    }

    fn read_nodes(&mut self, item: &Item) {
        let Some(table) = item.as_table_like() else {
            return self.wrong(item, "'nodes' must be a table: [nodes.name]");
        };
        for (key, item) in table.iter() {
            let path = vec!["nodes".to_string(), key.to_string()];
            self.remember(&path, table, key, item);
            let id = match NodeId::new(key) {
                Ok(id) => id,
                Err(error) => {
                    self.bad_id(&error, item);
                    continue;
                }
            };
            let Some(node) = item.as_table_like() else {
                self.wrong(item, &format!("'{key}' must be a table: [nodes.{key}]"));
                continue;
            };
            if let Some(node) = self.read_node(&id, node, item) {
                Arc::make_mut(&mut self.pipeline.nodes).insert(id, Arc::new(node));
            }
        }
    }

    fn read_node(&mut self, id: &NodeId, table: &dyn TableLike, item: &Item) -> Option<Node> {
        let Some(kind) = table.get("kind").and_then(Item::as_str) else {
            let place = table.get("kind").unwrap_or(item);
            self.errors.push(
                at(
                    Diagnostic::error("node/no-kind", "the node does not say what kind it is"),
                    place.span().map(to_span),
                )
                .on_node(id.as_str())
                .help("add `kind = \"…\"`"),
            );
            return None;
        };
        let mut node = Node::new(kind);
        for (key, item) in table.iter() {
            let path = vec!["nodes".to_string(), id.to_string(), key.to_string()];
            self.remember(&path, table, key, item);
            match key {
                "kind" => {}
                "title" => node.title = self.text_of(item, &format!("the title of '{id}'")),
                "comment" => node.comment = self.text_of(item, &format!("the comment of '{id}'")),
                "muted" => match item.as_bool() {
                    Some(muted) => node.muted = muted,
                    None => self.wrong(item, &format!("'muted' of '{id}' must be true or false")),
                },
                _ => {
                    if let Some(value) = Value::from_item(item) {
                        node.parameters.insert(key.to_string(), value);
                    }
                }
            }
        }
        Some(node)
    }

    fn read_edges(&mut self, item: &Item) {
        let Some(table) = item.as_table_like() else {
            return self.wrong(item, "'edges' must be a table: [edges]");
        };
        for (key, item) in table.iter() {
            let path = vec!["edges".to_string(), key.to_string()];
            self.remember(&path, table, key, item);
            let id = match EdgeId::new(key) {
                Ok(id) => id,
                Err(error) => {
                    self.bad_id(&error, item);
                    continue;
                }
            };
            let Some(edge) = item.as_table_like() else {
                self.wrong(
                    item,
                    &format!("edge '{id}' must be `{{ from = \"…\", to = \"…\" }}`"),
                );
                continue;
            };
            let mut unknown = Entries::new();
            for (key, item) in edge.iter() {
                if key == "from" || key == "to" {
                    continue;
                }
                self.warn_unknown(key, item, &format!("edge '{id}'"), &["from", "to"]);
                if let Some(value) = Value::from_item(item) {
                    unknown.insert(key, value);
                }
            }
            let from = self.port_of(&id, edge, "from", item);
            let to = self.port_of(&id, edge, "to", item);
            if let (Some(from), Some(to)) = (from, to) {
                let span = item.span().map(to_span);
                self.edges.push((id, Edge { from, to, unknown }, span));
            }
        }
    }

    fn port_of(
        &mut self,
        id: &EdgeId,
        edge: &dyn TableLike,
        end: &str,
        item: &Item,
    ) -> Option<PortRef> {
        let Some(value) = edge.get(end) else {
            self.wrong(item, &format!("edge '{id}' has no '{end}'"));
            return None;
        };
        let Some(text) = value.as_str() else {
            self.wrong(
                value,
                &format!("'{end}' of edge '{id}' must be \"node\" or \"node.port\""),
            );
            return None;
        };
        let (node, port) = match text.split_once('.') {
            Some((node, port)) => (node, Some(port)),
            None => (text, None),
        };
        let parsed = NodeId::new(node).and_then(|node| {
            let port = port.map(PortName::new).transpose()?;
            Ok(PortRef { node, port })
        });
        match parsed {
            Ok(port) => Some(port),
            Err(error) => {
                self.bad_id(&error, value);
                None
            }
        }
    }

    /// Keeps the place of a key and its value, the comments at it, and those of tables inside.
    fn remember(&mut self, path: &[String], table: &dyn TableLike, key: &str, item: &Item) {
        let key_span = table.key(key).and_then(|key| key.span()).map(to_span);
        let dotted = path.join(".");
        self.spans
            .insert(dotted.clone(), (key_span, item.span().map(to_span)));
        // The settings and the nodes remember their entries themselves.
        let deep = match path {
            [section] => !SECTIONS.contains(&section.as_str()),
            [section, _] => section != "nodes" && section != "settings",
            _ => true,
        };
        match item {
            Item::None => {}
            Item::Value(value) => {
                let key_decor = table.key(key).map(|key| key.leaf_decor());
                let before = self.raw(key_decor.and_then(|decor| decor.prefix()));
                let after = self.raw(value.decor().suffix());
                self.keep_comment(path.to_vec(), Comment::read(before, after));
                if self.has_comment_inside(value) {
                    self.warnings.push(at(
                        Diagnostic::warning(
                            "toml/comment-inside",
                            format!("a comment inside the value of '{dotted}' is lost on saving"),
                        )
                        .help("move it before the key"),
                        item.span().map(to_span),
                    ));
                }
                self.remember_values(&dotted, value);
            }
            Item::Table(inner) => {
                if !inner.is_dotted() {
                    let before = self.raw(inner.decor().prefix());
                    let after = self.raw(inner.decor().suffix());
                    self.keep_comment(path.to_vec(), Comment::read(before, after));
                }
                if deep {
                    for (key, item) in inner.iter() {
                        let mut path = path.to_vec();
                        path.push(key.to_string());
                        self.remember(&path, inner, key, item);
                    }
                }
            }
            Item::ArrayOfTables(tables) => {
                let commented = tables
                    .iter()
                    .any(|table| !comments::lines(self.raw(table.decor().prefix())).is_empty());
                if commented {
                    self.warnings.push(at(
                        Diagnostic::warning(
                            "toml/comment-inside",
                            format!("comments inside the tables of '{dotted}' are lost on saving"),
                        ),
                        item.span().map(to_span),
                    ));
                }
            }
        }
    }

    /// Keeps the places of what stands in a list or an inline table.
    fn remember_values(&mut self, path: &str, value: &toml_edit::Value) {
        match value {
            toml_edit::Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    let path = format!("{path}[{i}]");
                    self.spans
                        .insert(path.clone(), (None, item.span().map(to_span)));
                    self.remember_values(&path, item);
                }
            }
            toml_edit::Value::InlineTable(entries) => {
                for (key, item) in entries.iter() {
                    let path = format!("{path}.{key}");
                    self.spans
                        .insert(path.clone(), (None, item.span().map(to_span)));
                    self.remember_values(&path, item);
                }
            }
            _ => {}
        }
    }

    fn has_comment_inside(&self, value: &toml_edit::Value) -> bool {
        let commented = |raw: Option<&RawString>| !comments::lines(self.raw(raw)).is_empty();
        let around = |value: &toml_edit::Value| {
            commented(value.decor().prefix())
                || commented(value.decor().suffix())
                || self.has_comment_inside(value)
        };
        match value {
            toml_edit::Value::Array(items) => {
                items.iter().any(around) || commented(Some(items.trailing()))
            }
            toml_edit::Value::InlineTable(entries) => {
                commented(Some(entries.trailing()))
                    || entries.iter().any(|(key, value)| {
                        let key = entries.key(key);
                        around(value)
                            || key.is_some_and(|key| {
                                commented(key.leaf_decor().prefix())
                                    || commented(key.leaf_decor().suffix())
                            })
                    })
            }
            _ => false,
        }
    }

    fn raw(&self, raw: Option<&RawString>) -> &'a str {
        raw.and_then(RawString::span)
            .and_then(|span| self.text.get(span))
            .unwrap_or("")
    }

    fn keep_comment(&mut self, path: Vec<String>, comment: Comment) {
        if !comment.is_empty() {
            self.comments.insert(path, comment);
        }
    }

    fn text_of(&mut self, item: &Item, what: &str) -> Option<String> {
        match item.as_str() {
            Some("") => None,
            Some(text) => Some(text.to_string()),
            None => {
                self.wrong(item, &format!("{what} must be text"));
                None
            }
        }
    }

    fn wrong(&mut self, item: &Item, message: &str) {
        self.errors.push(at(
            Diagnostic::error("document/type", message),
            item.span().map(to_span),
        ));
    }

    fn bad_id(&mut self, error: &IdError, item: &Item) {
        self.errors.push(at(
            Diagnostic::error("document/id", error.to_string())
                .help(format!("call it '{}'", error.suggestion)),
            item.span().map(to_span),
        ));
    }

    fn warn_unknown(&mut self, key: &str, item: &Item, of: &str, known: &[&str]) {
        let warning = Diagnostic::warning(
            "document/unknown-key",
            format!("'{key}' of {of} is not known; it is kept as it is"),
        );
        let warning = match did_you_mean(key, known.iter().copied()) {
            Some(near) => warning.help(format!("did you mean '{near}'?")),
            None => warning,
        };
        self.warnings.push(at(warning, item.span().map(to_span)));
    }
}

fn at(diagnostic: Diagnostic, span: Option<Span>) -> Diagnostic {
    match span {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_in_quoted_strings() {
        for (raw, content, place) in [
            ("\"abc\"", 1, 2),
            ("'abc'", 0, 1),
            ("\"a\\nb\"", 2, 4),
            ("\"\\u00e4b\"", 2, 7),
            ("'''\nab'''", 1, 5),
            ("\"\"\"\r\nab\"\"\"", 0, 5),
            ("\"\"\"a\\\n   b\"\"\"", 1, 4),
            ("'abc'", 99, 4),
            ("12", 1, 0),
        ] {
            assert_eq!(raw_offset(raw, content), place, "{raw}");
        }
    }
}
