//! From a Flink SQL script to a pipeline.
//!
//! Every `CREATE TABLE`, view, model and `INSERT` becomes a node. For each statement every node
//! kind is asked whether it may have written it; a guess is lowered in its place and taken only if
//! its SQL is the statement again, token by token. What no kind would write becomes an SQL node (a
//! query) or a connector node (a table), whose text is the statement's own. So importing never
//! changes what a script does, and lowering, importing and lowering again gives the same text.
//!
//! What a pipeline has no place for is reported with its place in the script, and its text stays
//! in the pipeline's description.

use std::collections::{BTreeMap, BTreeSet};

use super::recognise::{Candidate, TableText, with_some};
use super::shape::{self, Shape, same_tokens};
use super::{Column, InputRelation, NodeContext, NodeSql, RelationTyper, Target};
use crate::diagnostics::{Diagnostic, Span};
use crate::document::{
    Command, Document, Entries, Layout, Node, NodeId, Pipeline, PortName, PortRef, Value,
};
use crate::environment::Environment;
use crate::nodes::{self, Relations, check_value, select_all};
use crate::plan::{Binder, TimeAttribute};
use crate::sql::lexer::{Token, TokenKind, tokenize};
use crate::sql::{
    ColumnKind, CreateModel, CreateTable, CreateView, Insert, Query, StatementKind, byte_span,
    parse_script, quote_name, quote_text,
};

/// A script as a pipeline.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// What could not be said in a pipeline, and what is said in another way; spans count bytes of
    /// the script.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a script as a pipeline called `name`, unless the script says its own name.
///
/// `target` is who runs the script: only the embedded runtime takes a path with `*` for a glob.
pub fn import(script: &str, name: &str, target: Target, environment: &dyn Environment) -> Imported {
    let (pieces, rest) = pieces(script);
    let mut importer = Importer {
        start: pieces.first().map_or(0, |piece| piece.span.start),
        target,
        environment,
        document: Document::new(Pipeline::new(name), Layout::default()),
        typer: Binder::new(environment),
        columns: BTreeMap::new(),
        ids: BTreeMap::new(),
        written: BTreeSet::new(),
        read: BTreeSet::new(),
        insert_counts: BTreeMap::new(),
        tables: BTreeMap::new(),
        models: BTreeMap::new(),
        helpers: BTreeMap::new(),
        sinks: BTreeMap::new(),
        head: Vec::new(),
        left_over: Vec::new(),
        diagnostics: Vec::new(),
    };
    importer.head(&pieces, name);
    importer.survey(&pieces);
    for piece in &pieces {
        importer.piece(piece);
    }
    importer.finish(rest);
    Imported {
        pipeline: importer.document.pipeline().clone(),
        diagnostics: importer.diagnostics,
    }
}

/// A statement and the comments in front of it.
struct Piece<'s> {
    /// Lines of comments with an empty line behind them: about what comes before.
    apart: Vec<String>,
    /// Lines of comments right above the statement.
    comments: Vec<String>,
    text: &'s str,
    span: Span,
    kind: Result<StatementKind, Vec<Diagnostic>>,
}

/// Splits a script into its statements; the lines of comments behind the last one.
fn pieces(script: &str) -> (Vec<Piece<'_>>, Vec<String>) {
    let tokens = tokenize(script);
    let word = |at: usize, word: &str| {
        tokens.get(at).is_some_and(|token: &Token| {
            token.kind == TokenKind::Word && token.text(script).eq_ignore_ascii_case(word)
        })
    };
    let words = |at: usize, all: &[&str]| all.iter().enumerate().all(|(i, w)| word(at + i, w));
    let symbol = |at: usize| tokens[at].kind == TokenKind::Symbol(";");
    let mut pieces = Vec::new();
    let mut groups: Vec<Vec<String>> = Vec::new();
    let mut comment_end = 0;
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        if token.is_comment() {
            let gap = &script[comment_end..token.span.start];
            if groups.is_empty() || gap.matches('\n').count() > 1 {
                groups.push(Vec::new());
            }
            if let Some(group) = groups.last_mut() {
                group.extend(comment_lines(token.text(script)));
            }
            comment_end = token.span.end;
            at += 1;
            continue;
        }
        // What makes several inserts one job is what a pipeline is.
        if words(at, &["EXECUTE", "STATEMENT", "SET", "BEGIN"]) {
            at += 4;
            continue;
        }
        if words(at, &["BEGIN", "STATEMENT", "SET"]) {
            at += 3;
            continue;
        }
        if symbol(at) || (word(at, "END") && (at + 1 == tokens.len() || symbol(at + 1))) {
            at += 1;
            continue;
        }
        let end = (at..tokens.len())
            .find(|&i| symbol(i))
            .unwrap_or(tokens.len());
        let last = (at..end)
            .rev()
            .find(|&i| !tokens[i].is_comment())
            .unwrap_or(at);
        let span = Span::new(token.span.start, tokens[last].span.end);
        let text = &script[span.range()];
        let adjacent = script[comment_end..span.start].matches('\n').count() <= 1;
        let comments = match adjacent {
            true => groups.pop().unwrap_or_default(),
            false => Vec::new(),
        };
        pieces.push(Piece {
            apart: groups.drain(..).flatten().collect(),
            comments,
            text,
            span,
            kind: parse(text),
        });
        at = last + 1;
        comment_end = span.end;
    }
    (pieces, groups.into_iter().flatten().collect())
}

fn parse(text: &str) -> Result<StatementKind, Vec<Diagnostic>> {
    let script = parse_script(text)?;
    let first = script.statements.into_iter().next();
    first
        .map(|statement| statement.kind)
        .ok_or_else(|| vec![Diagnostic::error("sql/syntax", "there is no statement")])
}

/// A comment without its marks.
fn comment_lines(comment: &str) -> Vec<String> {
    if let Some(body) = comment.strip_prefix("/*") {
        let body = body.strip_suffix("*/").unwrap_or(body);
        let lines = body.lines().map(|line| {
            let line = line.trim();
            line.strip_prefix('*').unwrap_or(line).trim().to_string()
        });
        return lines.collect();
    }
    let body = comment
        .strip_prefix("--")
        .or_else(|| comment.strip_prefix("//"))
        .unwrap_or(comment);
    vec![body.trim().to_string()]
}

/// The comments within a statement.
fn inner_comments(text: &str) -> Vec<String> {
    tokenize(text)
        .iter()
        .filter(|token| token.is_comment())
        .flat_map(|token| comment_lines(token.text(text)))
        .collect()
}

/// A model that views may use.
struct Model {
    statement: CreateModel,
    text: String,
    comments: Vec<String>,
    span: Span,
    used: bool,
}

struct Importer<'s, 'e> {
    /// Where the first statement starts.
    start: usize,
    target: Target,
    environment: &'e dyn Environment,
    document: Document,
    typer: Binder<'e>,
    /// Of the nodes whose SQL could be written.
    columns: BTreeMap<NodeId, Vec<Column>>,
    /// The node of each relation that can be read.
    ids: BTreeMap<String, NodeId>,
    /// The relations that inserts write to.
    written: BTreeSet<String>,
    /// The relations that queries read.
    read: BTreeSet<String>,
    insert_counts: BTreeMap<String, usize>,
    /// The tables, each with its comments.
    tables: BTreeMap<String, (CreateTable, Vec<String>, &'s str)>,
    models: BTreeMap<String, Model>,
    /// Views that only cast what a model takes, by name.
    helpers: BTreeMap<String, &'s str>,
    /// The nodes that write a table, each with the columns that its inserts fill.
    sinks: BTreeMap<String, Vec<(NodeId, Vec<String>, bool)>>,
    /// Lines of comments about the whole.
    head: Vec<String>,
    /// Statements that have no place.
    left_over: Vec<String>,
    diagnostics: Vec<Diagnostic>,
}

impl<'s> Importer<'s, '_> {
    /// The pipeline's name and the comment at the top.
    fn head(&mut self, pieces: &[Piece<'s>], default: &str) {
        let mut lines: Vec<String> = Vec::new();
        if let Some(first) = pieces.first() {
            lines.extend(first.apart.iter().cloned());
            if matches!(first.kind, Ok(StatementKind::Set(_))) {
                lines.extend(first.comments.iter().cloned());
            }
        }
        for piece in pieces {
            if let Ok(StatementKind::Set(set)) = &piece.kind
                && let Some(option) = &set.option
            {
                self.apply(
                    Command::SetSetting {
                        key: option.key.clone(),
                        value: option.value.clone(),
                    },
                    piece.span,
                );
            }
        }
        let settings = self.document.pipeline().settings();
        let said = settings.get("pipeline.name").cloned();
        let same = |line: Option<&String>, name: &str| line.is_some_and(|line| line == name.trim());
        let name = match &said {
            Some(said) if lines.is_empty() || same(lines.first(), said) => {
                // Lowering says the name in both places.
                let key = "pipeline.name".to_string();
                let one_line = !said.trim().is_empty() && !said.contains(['\n', '\r']);
                if one_line {
                    self.apply(Command::UnsetSetting { key }, Span::new(0, 0));
                    lines = lines.split_off(lines.len().min(1));
                }
                one_line.then(|| said.clone())
            }
            Some(_) => Some(lines.remove(0)).filter(|line| !line.is_empty()),
            None => None,
        };
        let name = name.unwrap_or_else(|| default.to_string());
        self.apply(Command::SetName { name }, Span::new(0, 0));
        self.head = lines;
    }

    /// Which tables are read and written, and which views belong to a model.
    fn survey(&mut self, pieces: &[Piece<'s>]) {
        for piece in pieces {
            let Ok(kind) = &piece.kind else { continue };
            let query = match kind {
                StatementKind::CreateView(view) => {
                    if let Some(model) = ModelCall::of(&piece.text[view.query.span.range()])
                        && model.table == format!("{}__input", view.name.object())
                    {
                        self.helpers.insert(model.table, "");
                    }
                    Some(&view.query)
                }
                StatementKind::Insert(insert) => {
                    let target = insert.target.object().to_string();
                    *self.insert_counts.entry(target.clone()).or_default() += 1;
                    self.written.insert(target);
                    Some(&insert.query)
                }
                StatementKind::Query(query) => Some(query),
                _ => None,
            };
            for name in query
                .iter()
                .flat_map(|query| Relations::of(&query.ast).read)
            {
                let last = name.0.last().and_then(|part| part.as_ident());
                self.read.extend(last.map(|ident| ident.value.clone()));
            }
        }
    }

    fn piece(&mut self, piece: &Piece<'s>) {
        let first = piece.span.start == self.start;
        let kind = match &piece.kind {
            Ok(kind) => kind,
            Err(found) => {
                self.broken(piece, found);
                return;
            }
        };
        let mut comments: Vec<String> = match first {
            true => Vec::new(),
            false => piece.apart.clone(),
        };
        comments.extend(piece.comments.iter().cloned());
        match kind {
            StatementKind::Set(set) => {
                if !first {
                    self.head.extend(comments);
                }
                if set.option.is_some() {
                    self.declare(piece.text);
                }
            }
            StatementKind::Reset(reset) => {
                let keys: Vec<String> = match &reset.key {
                    Some(key) => vec![key.clone()],
                    None => self
                        .document
                        .pipeline()
                        .settings()
                        .keys()
                        .cloned()
                        .collect(),
                };
                for key in keys {
                    self.apply(Command::UnsetSetting { key }, piece.span);
                }
                self.head.extend(comments);
            }
            StatementKind::CreateTable(table) => self.table(piece, table, comments),
            StatementKind::CreateView(view) => self.view(piece, view, comments),
            StatementKind::CreateModel(model) => {
                comments.extend(inner_comments(piece.text));
                self.models.insert(
                    model.name.object().to_string(),
                    Model {
                        statement: model.clone(),
                        text: piece.text.to_string(),
                        comments,
                        span: piece.span,
                        used: false,
                    },
                );
            }
            StatementKind::Insert(insert) => self.insert(piece, insert, comments),
            StatementKind::Query(query) => self.bare_query(piece, query, comments),
            StatementKind::Drop(drop) => {
                self.head.extend(comments);
                self.ids.remove(drop.name.object());
                self.tables.remove(drop.name.object());
            }
            StatementKind::StatementSet(inserts) => {
                for insert in inserts {
                    self.insert(piece, insert, std::mem::take(&mut comments));
                }
            }
            _ => {
                self.head.extend(comments);
                self.no_place(piece, "a pipeline has no place for this statement");
            }
        }
    }

    /// Reports a statement that has no place, and keeps its text.
    fn no_place(&mut self, piece: &Piece<'s>, why: &str) {
        self.left_over.push(piece.text.to_string());
        self.diagnostics.push(
            Diagnostic::warning("import/no-place", why)
                .at(piece.span)
                .help("its text is kept in the pipeline's description"),
        );
    }

    /// A statement that cannot be read: a view keeps its text in an SQL node, where it is shown.
    fn broken(&mut self, piece: &Piece<'s>, found: &[Diagnostic]) {
        self.diagnostics.extend(found.iter().map(|found| {
            let mut found = found.clone();
            found.span = Some(found.span.map_or(piece.span, |span| {
                Span::new(span.start + piece.span.start, span.end + piece.span.start)
            }));
            found
        }));
        let text = piece.text;
        let view = shape::after(text, &["CREATE", "TEMPORARY", "VIEW"])
            .or_else(|| shape::after(text, &["CREATE", "VIEW"]))
            .and_then(|rest| shape::around(rest, &["AS"]))
            .and_then(|(name, query)| Some((shape::name(name)?, query)));
        match view {
            Some((name, query)) => {
                let id = self.new_id(&name, piece.span);
                self.ids.insert(name, id.clone());
                self.add(
                    &id,
                    Node::new("sql").with("query", query),
                    &piece.comments,
                    piece.span,
                );
            }
            None => self.left_over.push(text.to_string()),
        }
    }

    fn apply(&mut self, command: Command, span: Span) {
        match self.document.apply(&command) {
            Ok(applied) => self.document = applied.document,
            Err(refusal) => {
                let found = Diagnostic::warning("import/refused", refusal.to_string()).at(span);
                self.diagnostics.push(found);
            }
        }
    }

    fn declare(&mut self, statement: &str) {
        // What is wrong with it is said when the pipeline is compiled.
        let _ = self.typer.declare(statement);
    }

    /// An id for a relation; another name where it is no id or taken.
    fn new_id(&mut self, name: &str, span: Span) -> NodeId {
        let pipeline = self.document.pipeline();
        let id = NodeId::slug(name).unique(|id| pipeline.node(id.as_str()).is_some());
        if id != *name {
            self.diagnostics.push(
                Diagnostic::info("import/renamed", format!("'{name}' is called '{id}' here"))
                    .at(span)
                    .on_node(id.as_str())
                    .help("ids have lower-case letters, digits and single underscores"),
            );
        }
        id
    }

    /// Adds a node with its comments.
    fn add(&mut self, id: &NodeId, node: Node, comments: &[String], span: Span) {
        self.apply(
            Command::AddNode {
                id: Some(id.clone()),
                kind: node.kind,
                parameters: node.parameters.into_iter().collect::<Entries>(),
                position: None,
            },
            span,
        );
        self.comment(id, comments, span);
    }

    /// The first line of a comment is the title, the others are the comment.
    fn comment(&mut self, id: &NodeId, lines: &[String], span: Span) {
        let filled = |line: &&String| !line.is_empty();
        let Some(start) = lines.iter().position(|line| filled(&line)) else {
            return;
        };
        let node = id.clone();
        self.apply(
            Command::SetTitle {
                node: node.clone(),
                title: Some(lines[start].clone()),
            },
            span,
        );
        let rest = lines[start + 1..].join("\n");
        if !rest.trim().is_empty() {
            let comment = Some(rest);
            self.apply(Command::SetComment { node, comment }, span);
        }
    }

    fn connect(&mut self, from: &NodeId, to: &NodeId, port: Option<&str>, span: Span) {
        let port = port.and_then(|port| PortName::new(port).ok());
        self.apply(
            Command::Connect {
                from: from.clone().into(),
                to: PortRef::new(to.clone(), port),
            },
            span,
        );
    }

    /// An input as lowering sees it; `None` while its columns are not known.
    fn relation(&self, port: &str, id: &NodeId) -> Option<InputRelation> {
        Some(InputRelation {
            port: port.to_string(),
            relation: id.clone(),
            columns: self.columns.get(id)?.clone(),
        })
    }

    /// The SQL that a node would write; `None` where something is wrong with it.
    fn sql_of(
        &self,
        id: &NodeId,
        node: &Node,
        inputs: &[(Option<&str>, NodeId)],
    ) -> Option<NodeSql> {
        let kind = nodes::find(&node.kind)?;
        let spec = kind.spec();
        for parameter in spec.parameters {
            match node.parameters.get(parameter.name) {
                Some(value) if !check_value(parameter, value).is_empty() => return None,
                None if parameter.required => return None,
                _ => {}
            }
        }
        if kind.check(node).iter().any(Diagnostic::is_error) {
            return None;
        }
        let inputs = inputs
            .iter()
            .map(|(port, id)| self.relation(port.unwrap_or(id.as_str()), id))
            .collect::<Option<Vec<_>>>()?;
        if inputs.is_empty()
            && matches!(
                spec.inputs,
                nodes::Inputs::Fixed(_) | nodes::Inputs::Many(_)
            )
        {
            return None;
        }
        let mut context = NodeContext {
            id,
            node,
            spec,
            target: self.target,
            environment: self.environment,
            inputs,
            diagnostics: Vec::new(),
        };
        let sql = kind.lower(&mut context).ok()?;
        let fine = !context.diagnostics.iter().any(Diagnostic::is_error);
        fine.then_some(sql)
    }

    /// Lets later statements know a node's relation.
    fn define(&mut self, id: &NodeId, node: &Node, inputs: &[(Option<&str>, NodeId)]) {
        let Some(sql) = self.sql_of(id, node, inputs) else {
            return;
        };
        for definition in &sql.definitions {
            self.declare(definition.as_str());
        }
        if let Some(columns) = RelationTyper::columns(&self.typer, id.as_str()) {
            self.columns.insert(id.clone(), columns);
        }
    }

    fn table(&mut self, piece: &Piece<'s>, table: &CreateTable, mut comments: Vec<String>) {
        let name = table.name.object().to_string();
        if self.tables.contains_key(&name) && table.if_not_exists {
            return;
        }
        comments.extend(inner_comments(piece.text));
        let written = self.written.contains(&name);
        let read = self.read.contains(&name);
        self.tables
            .insert(name.clone(), (table.clone(), comments.clone(), piece.text));
        if table.like.is_some() {
            self.no_place(piece, "LIKE in CREATE TABLE has no place in a node; the table is taken as if it had only its own parts");
        }
        if written && !read {
            return;
        }
        if written {
            self.diagnostics.push(
                Diagnostic::info(
                    "import/read-and-written",
                    format!("'{name}' is read and written: it becomes a source and a sink with the same options"),
                )
                .at(piece.span),
            );
        }
        let id = self.new_id(&name, piece.span);
        let text = table_text(table);
        let own = body_of_table(piece.text, table);
        let sources = nodes::all().iter().filter(|kind| {
            kind.spec().has_output && matches!(kind.spec().inputs, nodes::Inputs::None)
        });
        let guesses: Vec<Node> = sources
            .flat_map(|kind| kind.recognise_table(&text))
            .collect();
        let exact = guesses.iter().find(|node| {
            self.sql_of(&id, node, &[])
                .is_some_and(|sql| same_tokens(body_of(sql.definitions[0].as_str()), &own))
        });
        let whole = || {
            let connector = |node: &&Node| node.kind == "connector-source";
            let mut nodes = guesses.iter().filter(connector);
            nodes.find(|node| self.sql_of(&id, node, &[]).is_some())
        };
        let node = match exact.or_else(whole).or(guesses.last()) {
            Some(node) => node.clone(),
            None => Node::new("connector-source"),
        };
        let exact = exact.is_some();
        if !exact {
            self.check_table(piece.span, table, &id, &node, &[]);
        }
        self.ids.insert(name, id.clone());
        self.add(&id, node.clone(), &comments, piece.span);
        self.define(&id, &node, &[]);
    }

    /// Says what a table has that its node does not say.
    fn check_table(
        &mut self,
        span: Span,
        table: &CreateTable,
        id: &NodeId,
        node: &Node,
        inputs: &[(Option<&str>, NodeId)],
    ) {
        let is_sink = !inputs.is_empty() || self.written.contains(table.name.object());
        let mut plain = table.clone();
        plain.temporary = false;
        plain.if_not_exists = false;
        plain.comment = None;
        if is_sink {
            plain.watermark = None;
        }
        let mut lost: Vec<&str> = Vec::new();
        if table.distribution.is_some() {
            lost.push("DISTRIBUTED");
        }
        let Some(sql) = self.sql_of(id, node, inputs) else {
            self.diagnostics.push(
                Diagnostic::warning(
                    "import/unsure",
                    format!("'{id}' cannot be written as it is; look at what its node says"),
                )
                .at(span)
                .on_node(id.as_str()),
            );
            return;
        };
        let Ok(StatementKind::CreateTable(again)) = parse(sql.definitions[0].as_str()) else {
            return;
        };
        if columns_of(&again) != columns_of(&plain) {
            lost.push("the spelling of its columns");
        }
        let texts =
            |table: &CreateTable| table.watermark.as_ref().map(|w| w.text.trim().to_string());
        if texts(&again) != texts(&plain) {
            lost.push("WATERMARK");
        }
        if !lost.is_empty() {
            self.diagnostics.push(
                Diagnostic::warning(
                    "import/changed",
                    format!("'{id}' is not quite the same table: {}", lost.join(", ")),
                )
                .at(span)
                .on_node(id.as_str()),
            );
        }
    }

    fn view(&mut self, piece: &Piece<'s>, view: &CreateView, mut comments: Vec<String>) {
        let name = view.name.object().to_string();
        let query = &piece.text[view.query.span.range()];
        if let Some(helper) = self.helpers.get_mut(&name) {
            *helper = query;
            self.head.extend(comments);
            return;
        }
        comments.extend(inner_comments(&piece.text[..view.query.span.start]));
        comments.extend(
            view.comment
                .iter()
                .flat_map(|text| text.lines().map(str::to_string)),
        );
        let id = self.new_id(&name, piece.span);
        if !view.columns.is_empty() {
            let columns: Vec<String> = view.columns.iter().map(|c| quote_name(&c.value)).collect();
            let text = self.renamed(piece, &view.query, true);
            let wrapped = format!(
                "SELECT *\nFROM (\n{text}\n) AS {id} ({})",
                columns.join(", ")
            );
            self.sql_node(piece, &id, &view.query, wrapped, &comments);
        } else if !self.model_view(piece, &id, query, &comments) {
            self.query_node(piece, &id, &view.query, &comments);
        }
        self.ids.insert(name, id);
    }

    /// The text of a query with the ids of the nodes it reads. With `aliases`, a relation that is
    /// called otherwise keeps its name as an alias.
    fn renamed(&self, piece: &Piece<'s>, query: &Query, aliases: bool) -> String {
        let relations = Relations::of(&query.ast);
        let mut changes: Vec<(Span, String)> = Vec::new();
        for (name, aliased) in relations.read.iter().zip(&relations.aliased) {
            let idents: Vec<_> = name.0.iter().filter_map(|part| part.as_ident()).collect();
            let (Some(first), Some(last)) = (idents.first(), idents.last()) else {
                continue;
            };
            if idents.len() == 1 && relations.common.contains(&last.value) {
                continue;
            }
            let Some(id) = self.ids.get(&last.value) else {
                continue;
            };
            if idents.len() == 1 && *id == *last.value.as_str() {
                continue;
            }
            let (Some(start), Some(end)) = (
                byte_span(piece.text, first.span),
                byte_span(piece.text, last.span),
            ) else {
                continue;
            };
            let new = match aliases && !aliased && *id != *last.value.as_str() {
                true => format!("{} AS {}", quote_name(id.as_str()), quote_name(&last.value)),
                false => quote_name(id.as_str()),
            };
            changes.push((Span::new(start.start, end.end), new));
        }
        changes.sort_by_key(|(span, _)| span.start);
        let mut out = String::new();
        let mut at = query.span.start;
        for (span, new) in changes {
            if span.start < at || span.end > query.span.end {
                continue;
            }
            out.push_str(&piece.text[at..span.start]);
            out.push_str(&new);
            at = span.end;
        }
        out.push_str(&piece.text[at..query.span.end]);
        out
    }

    /// A node that gives the rows of a query: of the first kind that writes the same, or SQL.
    fn query_node(&mut self, piece: &Piece<'s>, id: &NodeId, query: &Query, comments: &[String]) {
        let text = self.renamed(piece, query, false);
        // Some kinds write what others could: the particular ones come first.
        let first = ["window-top-n", "interval-join"];
        type Kinds = Vec<&'static dyn nodes::NodeKind>;
        let (mut kinds, others): (Kinds, Kinds) = nodes::all()
            .iter()
            .copied()
            .partition(|kind| first.contains(&kind.spec().name));
        kinds.extend(others);
        for kind in kinds {
            for candidate in kind.recognise_query(&text) {
                let Some(inputs) = self.resolve(&candidate) else {
                    continue;
                };
                if !self.fits_time(&candidate, &inputs) {
                    continue;
                }
                let Some(sql) = self.sql_of(id, &candidate.node, &inputs) else {
                    continue;
                };
                let [definition] = sql.definitions.as_slice() else {
                    continue;
                };
                if !same_tokens(query_of_view(definition.as_str()), &text) {
                    continue;
                }
                self.add(id, candidate.node.clone(), comments, piece.span);
                for (port, input) in &inputs {
                    self.connect(input, id, *port, piece.span);
                }
                self.define(id, &candidate.node, &inputs);
                return;
            }
        }
        let text = self.renamed(piece, query, true);
        self.sql_node(piece, id, query, text, comments);
    }

    /// The nodes that a candidate reads.
    fn resolve(&self, candidate: &Candidate) -> Option<Vec<(Option<&'static str>, NodeId)>> {
        let nodes = candidate.inputs.iter().map(|(port, relation)| {
            let known = self.ids.values().find(|id| id.as_str() == relation);
            Some((*port, known?.clone()))
        });
        let nodes: Vec<(Option<&str>, NodeId)> = nodes.collect::<Option<_>>()?;
        // Two edges cannot do the same.
        let twice = (1..nodes.len()).any(|i| nodes[..i].contains(&nodes[i]));
        (!twice).then_some(nodes)
    }

    /// Whether a join as of a time has the kind of its time.
    fn fits_time(&self, candidate: &Candidate, inputs: &[(Option<&str>, NodeId)]) -> bool {
        let wanted = match candidate.node.kind.as_str() {
            "temporal-join" => TimeAttribute::Rowtime,
            "lookup-join" => TimeAttribute::Proctime,
            _ => return true,
        };
        let (Some(time), Some((_, left))) = (candidate.node.text_at("time"), inputs.first()) else {
            return true;
        };
        self.typer.relation(left.as_str()).is_some_and(|relation| {
            let mut columns = relation.columns.iter();
            columns.any(|column| column.name == time && column.time == Some(wanted))
        })
    }

    fn sql_node(
        &mut self,
        piece: &Piece<'s>,
        id: &NodeId,
        query: &Query,
        text: String,
        comments: &[String],
    ) {
        let relations = Relations::of(&query.ast);
        let mut inputs: Vec<(Option<&str>, NodeId)> = Vec::new();
        for name in &relations.read {
            let Some(last) = name.0.last().and_then(|part| part.as_ident()) else {
                continue;
            };
            if name.0.len() == 1 && relations.common.contains(&last.value) {
                continue;
            }
            if let Some(input) = self.ids.get(&last.value)
                && !inputs.iter().any(|(_, known)| known == input)
            {
                inputs.push((None, input.clone()));
            }
        }
        let node = Node::new("sql").with("query", text);
        self.add(id, node.clone(), comments, piece.span);
        for (_, input) in &inputs {
            self.connect(input, id, None, piece.span);
        }
        self.define(id, &node, &inputs);
    }

    /// A view around `ML_PREDICT` as a model node, and an SQL node for what it computes besides.
    fn model_view(
        &mut self,
        piece: &Piece<'s>,
        id: &NodeId,
        query: &str,
        comments: &[String],
    ) -> bool {
        let Some(call) = ModelCall::of(query) else {
            return false;
        };
        let Some(model) = self.models.get(&call.model) else {
            return false;
        };
        let (statement, model_text) = (model.statement.clone(), model.text.clone());
        let about_model = model.comments.clone();
        let helper = self
            .helpers
            .get(&call.table)
            .copied()
            .filter(|text| !text.is_empty());
        let (table, casts) = match helper.map(casts_of) {
            Some(Some(casts)) => casts,
            Some(None) => return false,
            None => (call.table.clone(), Vec::new()),
        };
        let Some(input) = self.ids.get(&table).cloned() else {
            return false;
        };
        let mut inputs = Entries::new();
        for (own, column) in statement.inputs.iter().zip(&call.columns) {
            let cast = casts.iter().find(|(name, _)| name == column);
            let column = cast.map_or(column, |(_, from)| from);
            inputs.insert(own.name.as_str(), column.as_str());
        }
        let outputs: Entries = statement
            .outputs
            .iter()
            .map(|column| (column.name.clone(), column.ty.to_string()))
            .collect();
        let option = |key: &str| statement.options.iter().find(|option| option.key == key);
        let Some(path) = option("path") else {
            return false;
        };
        let others: Entries = statement
            .options
            .iter()
            .filter(|option| {
                option.key != "path" && (option.key != "provider" || option.value != "onnx")
            })
            .map(|option| (option.key.clone(), option.value.clone()))
            .collect();
        let node = Node::new("model")
            .with("path", path.value.as_str())
            .with("inputs", inputs)
            .with("outputs", outputs);
        let node = with_some(node, "options", others);
        if let Some(model) = self.models.get_mut(&call.model) {
            model.used = true;
        }
        let wire = [(None, input.clone())];
        let exact = self.sql_of(id, &node, &wire).is_some_and(|sql| {
            let view = sql.definitions.last().map_or("", |sql| sql.as_str());
            let between = sql.definitions.get(1..sql.definitions.len() - 1);
            let cast = between
                .and_then(<[_]>::first)
                .map(|sql| query_of_view(sql.as_str()));
            same_tokens(sql.definitions[0].as_str(), &model_text)
                && same_tokens(query_of_view(view), query)
                && match (cast, helper) {
                    (Some(cast), Some(helper)) => same_tokens(cast, helper),
                    (None, None) => true,
                    _ => false,
                }
        });
        let whole = exact || call.items == ["*"];
        let scored = match whole {
            true => id.clone(),
            false => {
                let pipeline = self.document.pipeline();
                let name = NodeId::slug(&format!("{id}_scored"));
                name.unique(|id| pipeline.node(id.as_str()).is_some())
            }
        };
        if !exact {
            self.diagnostics.push(
                Diagnostic::info(
                    "import/model",
                    format!(
                        "the model '{}' and its use become the node '{scored}'",
                        call.model
                    ),
                )
                .at(piece.span)
                .on_node(scored.as_str()),
            );
        }
        let mut own = about_model;
        if whole {
            own.extend_from_slice(comments);
        }
        self.add(&scored, node.clone(), &own, piece.span);
        self.connect(&input, &scored, None, piece.span);
        self.define(&scored, &node, &wire);
        if !whole {
            let text = format!(
                "SELECT {}\nFROM {}",
                call.items.join(", "),
                quote_name(scored.as_str())
            );
            let node = Node::new("sql").with("query", text);
            self.add(id, node.clone(), comments, piece.span);
            self.connect(&scored, id, None, piece.span);
            self.define(id, &node, &[(None, scored)]);
        }
        true
    }

    /// A SELECT on its own: its rows are printed.
    fn bare_query(&mut self, piece: &Piece<'s>, query: &Query, comments: Vec<String>) {
        let pipeline = self.document.pipeline();
        let taken = |id: &NodeId| pipeline.node(id.as_str()).is_some();
        let (rows, sink) = (
            NodeId::slug("rows").unique(taken),
            NodeId::slug("result").unique(taken),
        );
        self.query_node(piece, &rows, query, &comments);
        self.name_columns(&rows, piece.span);
        self.add(&sink, Node::new("print"), &[], piece.span);
        self.connect(&rows, &sink, None, piece.span);
        self.diagnostics.push(
            Diagnostic::info(
                "import/select",
                "a SELECT on its own becomes a print sink, which prints the same changes",
            )
            .at(piece.span)
            .on_node(sink.as_str()),
        );
    }

    /// Gives the columns of a query names of their own, where it is broken as a view because two
    /// have the same: what is only written needs none.
    fn name_columns(&mut self, id: &NodeId, span: Span) {
        if self.columns.contains_key(id) {
            return;
        }
        let Some(node) = self.document.pipeline().node(id.as_str()).cloned() else {
            return;
        };
        let Some(query) = node.text_at("query") else {
            return;
        };
        let Some(shape) = Shape::of(query) else {
            return;
        };
        let mut names: Vec<String> = Vec::new();
        let mut twice = false;
        for (i, item) in shape.items.iter().enumerate() {
            let (text, alias) = shape::alias(item);
            let last = shape::split(text, ".")
                .last()
                .and_then(|part| shape::name(part));
            let mut name = alias
                .or(last)
                .unwrap_or_else(|| format!("column_{}", i + 1));
            while names.contains(&name) {
                name.push('_');
                twice = true;
            }
            names.push(name);
        }
        if !twice {
            return;
        }
        let quoted: Vec<String> = names.iter().map(|name| quote_name(name)).collect();
        let text = format!("SELECT *\nFROM (\n{query}\n) AS q ({})", quoted.join(", "));
        let wire: Vec<(Option<&str>, NodeId)> = self
            .document
            .pipeline()
            .inputs_of(id.as_str())
            .into_iter()
            .map(|(_, _, edge)| (None, edge.from.node.clone()))
            .collect();
        let node = Node::new("sql").with("query", text.as_str());
        self.define(id, &node, &wire);
        if self.columns.contains_key(id) {
            self.apply(
                Command::SetParameter {
                    node: id.clone(),
                    parameter: "query".into(),
                    value: text.into(),
                },
                span,
            );
        }
    }

    fn insert(&mut self, piece: &Piece<'s>, insert: &Insert, mut comments: Vec<String>) {
        let target = insert.target.object().to_string();
        let declared = self.tables.get(&target).cloned();
        let Some((mut table, table_comments, table_source)) = declared else {
            self.head.extend(comments);
            self.no_place(piece, &format!("there is no table '{target}' to write to"));
            return;
        };
        if insert.overwrite || !insert.partition.is_empty() {
            self.head.extend(comments);
            self.no_place(
                piece,
                "INSERT OVERWRITE and PARTITION have no place in a sink node",
            );
            return;
        }
        comments.extend(inner_comments(&piece.text[..insert.query.span.start]));
        let mut changed = false;
        if let Some(hint) = &insert.hint {
            for option in &hint.options {
                table.options.retain(|known| known.key != option.key);
                table.options.push(option.clone());
                changed = true;
            }
        }
        let query = self.renamed(piece, &insert.query, false);
        let direct = Shape::of(&query)
            .and_then(|shape| shape::name(shape.just(["FROM"])?[0]))
            .and_then(|name| self.ids.values().find(|id| **id == *name.as_str()).cloned())
            .filter(|id| {
                self.relation("input", id)
                    .is_some_and(|input| same_tokens(select_all(&input).as_str(), &query))
            });
        let input = match direct {
            Some(id) => id,
            None => {
                let pipeline = self.document.pipeline();
                let id = NodeId::slug(&format!("{target}_rows"));
                let id = id.unique(|id| pipeline.node(id.as_str()).is_some());
                self.query_node(piece, &id, &insert.query, &std::mem::take(&mut comments));
                self.name_columns(&id, piece.span);
                id
            }
        };
        let filled: Vec<String> = insert
            .columns
            .iter()
            .flatten()
            .map(|column| column.value.clone())
            .collect();
        let sinks = self.sinks.get(&target);
        let known = sinks
            .into_iter()
            .flatten()
            .find(|(_, columns, deduplicate)| {
                *columns == filled && *deduplicate == insert.deduplicate && !changed
            });
        if let Some((sink, _, _)) = known.cloned() {
            self.connect(&input, &sink, None, piece.span);
            return;
        }
        let sink = match self.read.contains(&target) {
            true => {
                let pipeline = self.document.pipeline();
                let id = NodeId::slug(&format!("{target}_sink"));
                id.unique(|id| pipeline.node(id.as_str()).is_some())
            }
            false => self.new_id(&target, piece.span),
        };
        let wire = [(Some("input"), input.clone())];
        let node = self.sink_node(&sink, &table, table_source, insert, &filled, &wire, changed);
        let mut all: Vec<String> = table_comments;
        all.extend(comments);
        self.add(&sink, node, &all, piece.span);
        self.connect(&input, &sink, None, piece.span);
        let entry = (sink, filled, insert.deduplicate);
        self.sinks.entry(target).or_default().push(entry);
    }

    /// The node that writes a table.
    #[allow(clippy::too_many_arguments)] // One statement each, and what was found out about them.
    fn sink_node(
        &mut self,
        id: &NodeId,
        table: &CreateTable,
        source: &str,
        insert: &Insert,
        filled: &[String],
        wire: &[(Option<&str>, NodeId)],
        changed: bool,
    ) -> Node {
        let text = table_text(table);
        let own = body_of_table(source, table);
        let several = self
            .insert_counts
            .get(table.name.object())
            .is_some_and(|&n| n > 1);
        let plain = filled.is_empty() && !insert.deduplicate && !several;
        let sinks = nodes::all().iter().filter(|kind| {
            !kind.spec().has_output && (plain || kind.spec().name == "connector-sink")
        });
        let mut guesses: Vec<Node> = sinks.flat_map(|kind| kind.recognise_table(&text)).collect();
        for node in &mut guesses {
            if !filled.is_empty() {
                *node = node.clone().with("columns", filled.to_vec());
            }
            if insert.deduplicate {
                *node = node.clone().with("deduplicate", true);
            }
        }
        let exact = guesses.iter().find(|node| {
            !changed
                && self
                    .sql_of(id, node, wire)
                    .is_some_and(|sql| same_tokens(body_of(sql.definitions[0].as_str()), &own))
        });
        match exact.or(guesses.last()).cloned() {
            Some(node) => {
                if exact.is_none() {
                    self.check_table(table.name.span, table, id, &node, wire);
                }
                node
            }
            None => Node::new("connector-sink"),
        }
    }

    /// What is left: models that nothing uses, comments at the end, the description.
    fn finish(&mut self, rest: Vec<String>) {
        let unused: Vec<(Span, String)> = self
            .models
            .values()
            .filter(|model| !model.used)
            .map(|model| (model.span, model.text.clone()))
            .collect();
        for (span, text) in unused {
            self.diagnostics.push(
                Diagnostic::warning(
                    "import/no-place",
                    "no view is nothing but ML_PREDICT by this model, so it has no node",
                )
                .at(span)
                .help("its text is kept in the pipeline's description"),
            );
            self.left_over.push(text);
        }
        let unwritten: Vec<String> = self
            .written
            .iter()
            .filter(|name| !self.sinks.contains_key(*name) && !self.read.contains(*name))
            .filter_map(|name| self.tables.get(name))
            .map(|(_, _, text)| text.to_string())
            .collect();
        self.left_over.extend(unwritten);
        let mut lines = std::mem::take(&mut self.head);
        lines.extend(rest);
        for text in std::mem::take(&mut self.left_over) {
            lines.push("Not imported:".to_string());
            lines.extend(text.lines().map(str::to_string));
        }
        let description = lines.join("\n");
        if !description.trim().is_empty() {
            let description = Some(description);
            self.apply(Command::SetDescription { description }, Span::new(0, 0));
        }
    }
}

/// `SELECT items FROM ML_PREDICT(TABLE table, MODEL model, DESCRIPTOR(columns))`.
struct ModelCall {
    items: Vec<String>,
    table: String,
    model: String,
    columns: Vec<String>,
}

impl ModelCall {
    fn of(query: &str) -> Option<Self> {
        let shape = Shape::of(query)?;
        let [from] = shape.just(["FROM"])?;
        let mut from = from;
        if let Some(("TABLE", args)) = shape::call(from).as_ref().map(|(f, a)| (f.as_str(), a))
            && let [inner] = args.as_slice()
        {
            from = *inner;
        }
        let (function, args) = shape::call(from)?;
        let [table, model, descriptor] = args.as_slice() else {
            return None;
        };
        if function != "ML_PREDICT" {
            return None;
        }
        let (_, columns) = shape::call(descriptor)?;
        Some(Self {
            items: shape.items.iter().map(|item| item.to_string()).collect(),
            table: shape::name(shape::after(table, &["TABLE"])?)?,
            model: shape::name(shape::after(model, &["MODEL"])?)?,
            columns: columns
                .into_iter()
                .map(shape::name)
                .collect::<Option<_>>()?,
        })
    }
}

/// A view that casts columns for a model: the relation, and the new columns with the old ones.
fn casts_of(query: &str) -> Option<(String, Vec<(String, String)>)> {
    let shape = Shape::of(query)?;
    let [from] = shape.just(["FROM"])?;
    let (&"*", casts) = shape.items.split_first()? else {
        return None;
    };
    let casts = casts.iter().map(|item| {
        let (cast, name) = shape::alias(item);
        let (function, args) = shape::call(cast)?;
        let [arg] = args.as_slice() else { return None };
        let (column, _) = shape::around(arg, &["AS"])?;
        (function == "CAST").then_some((name?, shape::name(column)?))
    });
    Some((shape::name(from)?, casts.collect::<Option<_>>()?))
}

/// A view's query.
fn query_of_view(definition: &str) -> &str {
    definition
        .split_once(" AS\n")
        .map_or(definition, |(_, query)| query)
}

/// A table from its columns on.
fn body_of(definition: &str) -> &str {
    definition.find('(').map_or("", |at| &definition[at..])
}

/// A table's own text from its columns on, as far as its name and TEMPORARY do not matter.
fn body_of_table(text: &str, table: &CreateTable) -> String {
    text.get(table.name.span.end..)
        .unwrap_or("")
        .trim()
        .to_string()
}

/// Name and definition of each column, as they are read.
fn columns_of(table: &CreateTable) -> Vec<(String, String)> {
    table_text(table)
        .schema
        .iter()
        .map(|(name, text)| {
            let text = text.as_text().unwrap_or_default();
            (
                name.to_string(),
                text.split_whitespace().collect::<Vec<_>>().join(" "),
            )
        })
        .collect()
}

/// A table as parameters.
fn table_text(table: &CreateTable) -> TableText {
    let schema = table.columns.iter().map(|column| {
        let mut text = match &column.kind {
            ColumnKind::Physical { ty, .. } => ty.to_string(),
            ColumnKind::Computed { text, .. } => format!("AS {}", text.trim()),
            ColumnKind::Metadata {
                ty, from, virtual_, ..
            } => {
                let from = from
                    .as_ref()
                    .map_or(String::new(), |key| format!(" FROM {}", quote_text(key)));
                let end = if *virtual_ { " VIRTUAL" } else { "" };
                format!("{ty} METADATA{from}{end}")
            }
        };
        if let Some(comment) = &column.comment {
            text.push_str(&format!(" COMMENT {}", quote_text(comment)));
        }
        (column.name.clone(), Value::Text(text))
    });
    let names = |idents: &[datafusion_sql::sqlparser::ast::Ident]| -> Vec<String> {
        idents.iter().map(|ident| ident.value.clone()).collect()
    };
    TableText {
        schema: schema.collect(),
        options: table
            .options
            .iter()
            .map(|option| (option.key.clone(), option.value.clone()))
            .collect(),
        watermark: table.watermark.as_ref().map(|watermark| {
            let column = names(&watermark.column).join(".");
            (column, watermark.text.trim().to_string())
        }),
        primary_key: table
            .primary_key
            .as_ref()
            .map_or(Vec::new(), |key| names(&key.columns)),
        partitioned_by: names(&table.partitioned_by),
        comment: table.comment.clone(),
    }
}
