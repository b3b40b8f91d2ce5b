//! Scripts as people write them: the formatter.
//!
//! It works on tokens, so it needs no valid statement, changes nothing but blanks and the case of
//! keywords, and keeps every comment: one at the end of a line stays at the end of that token's
//! line, one on a line of its own stays on its own. The result depends on the tokens and on the
//! places of the comments only, hence formatting twice changes nothing.
//!
//! The style: keywords in capitals; each clause of a query on its own line; a list on one line if
//! it fits into 88 columns, otherwise an item a line, indented by two; conditions broken before
//! `AND` and `OR`; the columns of a table, the options of a `WITH` and the inputs of a model always
//! an item a line; one blank line between statements, none between settings.

use super::keywords;
use super::layout::{Doc, render};
use super::lexer::{self, Token, TokenKind};
use crate::diagnostics::{Diagnostic, Span};

/// How deep parentheses may nest in a script that is formatted.
const MAX_DEPTH: usize = 100;

/// Formats a whole script.
///
/// # Errors
/// If the text has something that is no token of Flink SQL, such as an open string.
pub fn format_script(script: &str) -> Result<String, Diagnostic> {
    let mut formatter = Formatter::new(script)?;
    let doc = formatter.script();
    Ok(render(&doc))
}

/// A token with the comments around it.
struct Item {
    kind: TokenKind,
    /// As it is written out.
    text: String,
    /// No blank and no comment stands before it.
    glued: bool,
    /// Comments on lines of their own before it.
    before: Vec<Comment>,
    /// Comments behind it on its line.
    after: Vec<Comment>,
    /// The item that closes this one: of `(`, `[`, `CASE`, and of the `<` of a type.
    close: Option<usize>,
    /// Opens or closes the parameters of a type: `ARRAY<INT>`.
    of_type: bool,
}

struct Comment {
    text: String,
    /// Goes to the end of its line.
    line: bool,
    /// An empty line stands behind it.
    blank_after: bool,
}

struct Formatter {
    items: Vec<Item>,
    /// Comments behind the last token, on lines of their own.
    rest: Vec<Comment>,
}

/// Words after which a parenthesis stands apart: they are no functions.
const APART: [&str; 44] = [
    "ALL",
    "AND",
    "AS",
    "BETWEEN",
    "BY",
    "CASE",
    "DISTINCT",
    "ELSE",
    "EXCEPT",
    "EXISTS",
    "FILTER",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "INPUT",
    "INTERSECT",
    "INTO",
    "JOIN",
    "KEY",
    "LATERAL",
    "LIKE",
    "MODIFY",
    "NOT",
    "ON",
    "OR",
    "OUTPUT",
    "OVER",
    "PARTITION",
    "QUALIFY",
    "RESET",
    "SELECT",
    "SET",
    "SETS",
    "THEN",
    "TO",
    "UNION",
    "UNIQUE",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
    "ADD",
];

impl Formatter {
    fn new(script: &str) -> Result<Self, Diagnostic> {
        let mut formatter = Self {
            items: Vec::new(),
            rest: Vec::new(),
        };
        let tokens = lexer::tokenize(script);
        let mut previous_end = 0;
        for (i, token) in tokens.iter().enumerate() {
            if let TokenKind::Bad(reason) = token.kind {
                return Err(Diagnostic::error("sql/syntax", reason).at(token.span));
            }
            if token.is_comment() {
                formatter.comment(script, token, tokens.get(i + 1), previous_end);
            } else {
                formatter.items.push(Item {
                    kind: token.kind.clone(),
                    text: token.text(script).to_string(),
                    glued: token.span.start == previous_end,
                    before: std::mem::take(&mut formatter.rest),
                    after: Vec::new(),
                    close: None,
                    of_type: false,
                });
            }
            previous_end = token.span.end;
        }
        formatter.match_pairs(&tokens)?;
        formatter.set_case();
        Ok(formatter)
    }

    fn comment(&mut self, script: &str, token: &Token, next: Option<&Token>, previous_end: usize) {
        let gap = &script[previous_end..token.span.start];
        let until_next = next.map_or(script.len(), |next| next.span.start);
        let behind = &script[token.span.end..until_next];
        let comment = Comment {
            text: token.text(script).trim_end().to_string(),
            line: token.kind == TokenKind::LineComment,
            blank_after: behind.matches('\n').count() > 1,
        };
        let same_line = !gap.contains('\n') && self.rest.is_empty();
        match self.items.last_mut().filter(|_| same_line) {
            Some(item) => item.after.push(comment),
            None => self.rest.push(comment),
        }
    }

    fn match_pairs(&mut self, tokens: &[Token]) -> Result<(), Diagnostic> {
        let mut open: Vec<usize> = Vec::new();
        for i in 0..self.items.len() {
            if self.is_symbol(i, ";") {
                open.clear();
                continue;
            }
            let type_bracket = self.is_symbol(i, "<")
                && i > 0
                && ["ARRAY", "MAP", "ROW", "MULTISET"]
                    .iter()
                    .any(|word| self.is_word(i - 1, word));
            if self.is_symbol(i, "(")
                || self.is_symbol(i, "[")
                || self.is_word(i, "CASE")
                || type_bracket
            {
                open.push(i);
                if open.len() > MAX_DEPTH {
                    let code: Vec<Span> = tokens
                        .iter()
                        .filter(|t| !t.is_comment())
                        .map(|t| t.span)
                        .collect();
                    return Err(Diagnostic::not_supported(format!(
                        "formatting parentheses nested deeper than {MAX_DEPTH}"
                    ))
                    .at(code[i]));
                }
                continue;
            }
            let opener = if self.is_symbol(i, ")") {
                "("
            } else if self.is_symbol(i, "]") {
                "["
            } else if self.is_word(i, "END") {
                "CASE"
            } else if self.is_symbol(i, ">")
                && open.last().is_some_and(|at| self.is_symbol(*at, "<"))
            {
                "<"
            } else {
                continue;
            };
            let matches = |at: &usize| self.items[*at].text.eq_ignore_ascii_case(opener);
            if let Some(place) = open.iter().rposition(matches) {
                // What is still open inside was not closed: it stays a plain token.
                let at = open[place];
                open.truncate(place);
                self.items[at].close = Some(i);
                if opener == "<" {
                    self.items[at].of_type = true;
                    self.items[i].of_type = true;
                }
            }
        }
        Ok(())
    }

    /// Writes keywords in capitals: reserved words everywhere, others where they act as keywords.
    fn set_case(&mut self) {
        let mut start = 0;
        for i in 0..self.items.len() {
            if self.is_symbol(i, ";") {
                start = i + 1;
            }
            // The keys of bare settings are no keywords.
            let bare = i > start && self.is_setting(start);
            if self.items[i].kind != TokenKind::Word || self.is_symbol(i + 1, "=>") || bare {
                continue;
            }
            let after_dot = i > 0 && self.is_symbol(i - 1, ".");
            if !after_dot && (keywords::is_reserved(&self.items[i].text) || self.acts_as_keyword(i))
            {
                self.items[i].text = self.items[i].text.to_uppercase();
            }
        }
    }

    /// Whether the word, which may be a name, is a keyword where it stands.
    fn acts_as_keyword(&self, i: usize) -> bool {
        let word = self.items[i].text.to_ascii_uppercase();
        let before = |words: &[&str]| i > 0 && words.iter().any(|w| self.is_word(i - 1, w));
        let next = |words: &[&str]| words.iter().any(|w| self.is_word(i + 1, w));
        match word.as_str() {
            "ADD" => i > 0 && self.follows_table(i - 1),
            "TEMPORARY" => before(&["CREATE", "DROP"]),
            "VIEW" => before(&["CREATE", "DROP", "TEMPORARY", "ALTER"]),
            "MODEL" => {
                before(&["CREATE", "DROP", "TEMPORARY", "ALTER", "DESCRIBE", "DESC"])
                    || (i > 0
                        && ["(", ",", "=>"].iter().any(|s| self.is_symbol(i - 1, s))
                        && self.is_name(i + 1)
                        && !self.is_symbol(i + 2, "("))
            }
            "MAP" => {
                self.is_symbol(i + 1, "[") || self.items.get(i + 1).is_some_and(|item| item.of_type)
            }
            "CATALOG" | "DATABASE" => before(&["CREATE", "DROP", "USE", "ALTER", "CURRENT"]),
            "IF" => next(&["NOT", "EXISTS"]) && !self.is_symbol(i + 1, "("),
            "KEY" => before(&["PRIMARY"]),
            "ENFORCED" => before(&["NOT"]),
            "METADATA" => {
                next(&["FROM", "VIRTUAL", "COMMENT"])
                    || self.is_symbol(i + 1, ",")
                    || self.is_symbol(i + 1, ")")
            }
            "VIRTUAL" => before(&["METADATA"]) || (i > 1 && self.is_word(i - 2, "FROM")),
            "PARTITIONED" => next(&["BY"]),
            "INPUT" | "OUTPUT" => {
                self.is_symbol(i + 1, "(") && !self.is_symbol(i.wrapping_sub(1), ",")
            }
            "OVERWRITE" => before(&["INSERT"]),
            "SETS" => before(&["GROUPING"]),
            "ORDINALITY" => before(&["WITH"]),
            "DESCRIPTOR" | "TUMBLE" | "HOP" | "CUMULATE" | "SESSION" | "ML_PREDICT" => {
                self.is_symbol(i + 1, "(")
            }
            "ZONE" => before(&["TIME"]),
            "ASC" | "DESC" => {
                i > 0
                    && (self.ends_operand(i - 1))
                    && (i + 1 >= self.items.len()
                        || [",", ")", ";"].iter().any(|s| self.is_symbol(i + 1, s))
                        || next(&["NULLS", "LIMIT", "ROWS", "RANGE", "OFFSET", "FETCH"]))
            }
            "NULLS" => next(&["FIRST", "LAST"]) || before(&["IGNORE", "RESPECT"]),
            "FIRST" | "LAST" => before(&["NULLS"]),
            "IGNORE" | "RESPECT" => next(&["NULLS"]),
            "UNBOUNDED" => next(&["PRECEDING", "FOLLOWING"]),
            "PRECEDING" | "FOLLOWING" => i > 0,
            "SECONDS" | "MINUTES" | "HOURS" | "DAYS" | "WEEK" | "WEEKS" | "MONTHS" | "YEARS"
            | "QUARTER" => {
                i > 1
                    && self.items[i - 1].kind == TokenKind::Text
                    && self.is_word(i - 2, "INTERVAL")
            }
            "INCLUDING" | "EXCLUDING" | "OVERWRITING" => self
                .items
                .get(i + 1)
                .is_some_and(|t| t.kind == TokenKind::Word),
            "OPTIONS" | "GENERATED" | "PARTITIONS" | "CONSTRAINTS" => {
                before(&["INCLUDING", "EXCLUDING", "OVERWRITING"])
            }
            "PYTHON" | "JAVA" => before(&["LANGUAGE"]),
            "JAR" | "ARTIFACT" => before(&["USING"]),
            "PLAN" => before(&["EXPLAIN"]) && next(&["FOR"]),
            "CHANGELOG_MODE" | "ESTIMATED_COST" | "PLAN_ADVICE" | "JSON_EXECUTION_PLAN" => {
                before(&["EXPLAIN"])
                    || self.is_symbol(i.wrapping_sub(1), ",") && !self.is_symbol(i + 1, ".")
            }
            _ => false,
        }
    }

    // Looking

    fn is_word(&self, i: usize, word: &str) -> bool {
        self.items.get(i).is_some_and(|item| {
            item.kind == TokenKind::Word && item.text.eq_ignore_ascii_case(word)
        })
    }

    fn is_symbol(&self, i: usize, symbol: &str) -> bool {
        matches!(self.items.get(i).map(|item| &item.kind), Some(TokenKind::Symbol(s)) if *s == symbol)
    }

    fn is_name(&self, i: usize) -> bool {
        self.items.get(i).is_some_and(|item| match item.kind {
            TokenKind::Quoted => true,
            TokenKind::Word => !keywords::is_reserved(&item.text),
            _ => false,
        })
    }

    /// Whether an operand can end with this item, so that a sign behind it is an operator.
    fn ends_operand(&self, i: usize) -> bool {
        match &self.items[i].kind {
            TokenKind::Symbol(s) => matches!(*s, ")" | "]"),
            TokenKind::Word => {
                !keywords::is_reserved(&self.items[i].text)
                    || [
                        "END",
                        "NULL",
                        "TRUE",
                        "FALSE",
                        "CURRENT_DATE",
                        "CURRENT_TIME",
                        "CURRENT_TIMESTAMP",
                        "LOCALTIME",
                        "LOCALTIMESTAMP",
                        "DAY",
                        "HOUR",
                        "MINUTE",
                        "MONTH",
                        "SECOND",
                        "YEAR",
                    ]
                    .iter()
                    .any(|word| self.is_word(i, word))
            }
            _ => true,
        }
    }

    /// The item behind this one, over everything that this one opens.
    fn next(&self, i: usize) -> usize {
        self.items[i].close.map_or(i + 1, |close| close + 1)
    }

    /// The items of a range that are not inside a pair, in order.
    fn top(&self, from: usize, to: usize) -> impl Iterator<Item = usize> + '_ {
        let mut at = from;
        std::iter::from_fn(move || {
            if at >= to {
                return None;
            }
            let here = at;
            at = self.next(at);
            Some(here)
        })
    }

    fn starts_query(&self, i: usize) -> bool {
        ["SELECT", "WITH", "VALUES"]
            .iter()
            .any(|word| self.is_word(i, word))
    }

    // Scripts

    fn script(&mut self) -> Doc {
        let mut docs = Vec::new();
        let mut from = 0;
        let mut in_set = false;
        let mut previous: Option<usize> = None;
        while from < self.items.len() {
            let to = self.statement_end(from, in_set);
            let opens_set = self.opens_set(from);
            let closes_set = in_set && self.is_word(from, "END");
            if closes_set {
                in_set = false;
            }
            let indent = usize::from(in_set);
            if let Some(previous) = previous {
                let after_opening = in_set && self.opens_set(previous);
                let together = after_opening
                    || closes_set
                    || self.is_setting(previous) && self.is_setting(from);
                docs.push(Doc::hard());
                if !together {
                    docs.push(Doc::hard());
                }
            }
            let statement = Doc::concat(vec![
                self.statement_comments(from),
                self.statement(from, to),
            ]);
            docs.push(if indent > 0 {
                Doc::indent(Doc::concat(vec![Doc::Fresh, statement]))
            } else {
                statement
            });
            if opens_set {
                in_set = true;
            }
            previous = Some(from);
            from = to;
        }
        for (i, comment) in self.rest.iter().enumerate() {
            docs.push(Doc::Fresh);
            if i == 0 && !self.items.is_empty() {
                docs.push(Doc::hard());
            }
            docs.push(Doc::comment(&comment.text, comment.line));
            if comment.blank_after && i + 1 < self.rest.len() {
                docs.push(Doc::Fresh);
                docs.push(Doc::hard());
            }
        }
        docs.push(Doc::Fresh);
        Doc::concat(docs)
    }

    /// Behind the semicolon, or behind the `BEGIN` of a statement set.
    fn statement_end(&self, from: usize, in_set: bool) -> usize {
        if self.is_word(from, "EXECUTE")
            || self.is_word(from, "EXPLAIN")
            || self.is_word(from, "STATEMENT")
        {
            for i in from..self.items.len().min(from + 6) {
                if self.is_word(i, "BEGIN") && i > 1 && self.is_word(i - 1, "SET") {
                    return i + 1;
                }
            }
        }
        if in_set && self.is_word(from, "END") {
            return if self.is_symbol(from + 1, ";") {
                from + 2
            } else {
                from + 1
            };
        }
        (from..self.items.len())
            .find(|i| self.is_symbol(*i, ";"))
            .map_or(self.items.len(), |i| i + 1)
    }

    fn opens_set(&self, from: usize) -> bool {
        let begin = (from..self.items.len().min(from + 6)).any(|i| {
            self.is_word(i, "BEGIN")
                && i > 1
                && self.is_word(i - 1, "SET")
                && self.is_word(i - 2, "STATEMENT")
        });
        (begin
            && (self.is_word(from, "EXECUTE")
                || self.is_word(from, "EXPLAIN")
                || self.is_word(from, "STATEMENT")))
            || (self.is_word(from, "BEGIN") && self.is_word(from + 1, "STATEMENT"))
    }

    fn is_setting(&self, from: usize) -> bool {
        self.is_word(from, "SET") || self.is_word(from, "RESET")
    }

    /// The comments above a statement, with the empty lines that people leave below a heading.
    fn statement_comments(&mut self, from: usize) -> Doc {
        let mut docs = Vec::new();
        for comment in std::mem::take(&mut self.items[from].before) {
            docs.push(Doc::comment(&comment.text, comment.line));
            docs.push(Doc::Fresh);
            if comment.blank_after {
                docs.push(Doc::hard());
            }
        }
        Doc::concat(docs)
    }

    fn statement(&self, from: usize, to: usize) -> Doc {
        let (end, semicolon) = if to > from && self.is_symbol(to - 1, ";") {
            (to - 1, Some(to - 1))
        } else {
            (to, None)
        };
        let mut docs = vec![self.statement_body(from, end)];
        if let Some(i) = semicolon {
            docs.push(self.item(i));
        }
        Doc::concat(docs)
    }

    fn statement_body(&self, from: usize, to: usize) -> Doc {
        if from >= to {
            return Doc::concat(vec![]);
        }
        if self.starts_query(from) || self.is_symbol(from, "(") {
            return self.query(from, to, &Doc::hard());
        }
        if self.is_setting(from) {
            return self.setting(from, to);
        }
        if self.is_word(from, "EXECUTE") && self.is_word(to - 1, "BEGIN") {
            return Doc::concat(vec![
                self.inline(from, to - 1),
                Doc::hard(),
                self.item(to - 1),
            ]);
        }
        if self.is_word(from, "CREATE") {
            return self.create(from, to);
        }
        if self.is_word(from, "INSERT")
            || self.is_word(from, "EXPLAIN")
            || self.is_word(from, "EXECUTE")
        {
            // A head, and from its first word on the query or the statement that it runs.
            let start = self.top(from + 1, to).find(|i| {
                self.starts_query(*i) && !self.is_word(i + 1, "ORDINALITY")
                    || self.is_word(*i, "INSERT")
            });
            if let Some(start) = start {
                let body = if self.is_word(start, "INSERT") {
                    self.statement_body(start, to)
                } else {
                    self.query(start, to, &Doc::hard())
                };
                return Doc::concat(vec![self.inline(from, start), Doc::hard(), body]);
            }
        }
        if self.is_word(from, "ALTER")
            && let Some(open) = self
                .top(from, to)
                .find(|i| self.is_symbol(*i, "(") && self.items[*i].close == Some(to - 1))
        {
            return Doc::concat(vec![
                self.inline(from, open),
                Doc::text(" "),
                self.listing(open),
            ]);
        }
        Doc::group(self.inline(from, to))
    }

    /// `SET 'key' = 'value'`, or `SET key = value`, whose parts stay together as they are.
    fn setting(&self, from: usize, to: usize) -> Doc {
        let mut docs = Vec::new();
        for i in from..to {
            let equals = self.is_symbol(i, "=") || self.is_symbol(i - usize::from(i > from), "=");
            if i > from && (equals || !self.items[i].glued) {
                docs.push(Doc::text(" "));
            }
            docs.push(self.item(i));
        }
        Doc::concat(docs)
    }

    fn create(&self, from: usize, to: usize) -> Doc {
        let is_view = self
            .top(from, to.min(from + 4))
            .any(|i| self.is_word(i, "VIEW"));
        if is_view
            && let Some(as_) = self
                .top(from, to)
                .find(|i| self.is_word(*i, "AS") && self.starts_query_or_paren(i + 1))
        {
            return Doc::concat(vec![
                self.inline(from, as_ + 1),
                Doc::hard(),
                self.query(as_ + 1, to, &Doc::hard()),
            ]);
        }
        let listed = self
            .top(from, to.min(from + 4))
            .any(|i| self.is_word(i, "TABLE") || self.is_word(i, "MODEL"));
        if !listed {
            return Doc::group(self.inline(from, to));
        }
        // `name (columns) COMMENT … PARTITIONED BY (…) WITH (options)`: a clause a line, but
        // `) WITH (` as Flink's documentation has it.
        let clause = |i: usize| {
            [
                "COMMENT",
                "DISTRIBUTED",
                "PARTITIONED",
                "WITH",
                "LIKE",
                "INPUT",
                "OUTPUT",
                "AS",
            ]
            .iter()
            .any(|word| self.is_word(i, word))
        };
        let mut starts = vec![from];
        for i in self.top(from + 1, to).filter(|i| clause(*i)) {
            starts.push(i);
            if self.is_word(i, "AS") && self.starts_query(i + 1) {
                // The rest is the query's.
                break;
            }
        }
        let mut docs = Vec::new();
        for (n, start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(to);
            let inline = ["WITH", "INPUT", "OUTPUT"]
                .iter()
                .any(|word| self.is_word(*start, word))
                && (self.is_symbol(start - 1, ")") || self.is_word(*start, "INPUT"));
            if n > 0 {
                let after_list = n == 1 || self.is_word(starts[n - 1], "OUTPUT");
                docs.push(if inline && (after_list || !self.is_word(*start, "WITH")) {
                    Doc::text(" ")
                } else {
                    Doc::hard()
                });
            }
            // The head, WITH, INPUT, OUTPUT and LIKE list what stands in their last parentheses.
            let lists = !["COMMENT", "DISTRIBUTED", "PARTITIONED", "AS"]
                .iter()
                .any(|word| self.is_word(*start, word));
            let open = self.top(*start, end).find(|i| {
                lists && self.is_symbol(*i, "(") && self.items[*i].close == Some(end - 1)
            });
            match open {
                Some(open) => {
                    docs.push(self.inline(*start, open));
                    docs.push(Doc::text(" "));
                    docs.push(self.listing(open));
                }
                None if self.is_word(*start, "AS")
                    && self.starts_query(start + 1)
                    && end > start + 1 =>
                {
                    docs.push(self.item(*start));
                    docs.push(Doc::hard());
                    docs.push(self.query(start + 1, end, &Doc::hard()));
                }
                None => docs.push(Doc::group(self.inline(*start, end))),
            }
        }
        Doc::concat(docs)
    }

    fn starts_query_or_paren(&self, i: usize) -> bool {
        self.starts_query(i) || self.is_symbol(i, "(")
    }

    /// `(`, an item a line, `)`.
    fn listing(&self, open: usize) -> Doc {
        let Some(close) = self.items[open].close else {
            return self.item(open);
        };
        if close == open + 1 {
            return Doc::concat(vec![self.item(open), self.item(close)]);
        }
        let mut inner = vec![Doc::hard()];
        let mut items = self
            .split(open + 1, close, |i| self.is_symbol(i, ","))
            .into_iter()
            .peekable();
        while let Some((start, end)) = items.next() {
            inner.push(Doc::group(self.conditions(start, end)));
            if items.peek().is_some() {
                inner.push(self.item(end));
                inner.push(Doc::hard());
            }
        }
        Doc::concat(vec![
            self.item(open),
            Doc::indent(Doc::concat(inner)),
            Doc::hard(),
            self.item(close),
        ])
    }

    /// The ranges between the items that separate.
    fn split(
        &self,
        from: usize,
        to: usize,
        separates: impl Fn(usize) -> bool,
    ) -> Vec<(usize, usize)> {
        let mut parts = Vec::new();
        let mut start = from;
        for i in self.top(from, to) {
            if separates(i) {
                parts.push((start, i));
                start = i + 1;
            }
        }
        parts.push((start, to));
        parts
    }

    // Queries

    /// A query with `line` between its clauses.
    fn query(&self, from: usize, to: usize, line: &Doc) -> Doc {
        if from >= to {
            return Doc::concat(vec![]);
        }
        let mut starts: Vec<usize> = self
            .top(from, to)
            .filter(|i| *i == from || self.starts_clause(*i, from))
            .collect();
        if starts.is_empty() {
            starts.push(from);
        }
        let mut docs = Vec::new();
        for (n, start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(to);
            if n > 0 {
                docs.push(line.clone());
            }
            docs.push(self.clause(*start, end));
        }
        Doc::concat(docs)
    }

    fn starts_clause(&self, i: usize, from: usize) -> bool {
        let word = |word: &str| self.is_word(i, word);
        let next = |word: &str| self.is_word(i + 1, word);
        if self.items[i].kind != TokenKind::Word {
            // `(SELECT …) UNION (SELECT …)`: the second operand starts a line.
            return self.is_symbol(i, "(") && i > from && self.is_set_operator(i - 1, from);
        }
        if word("FROM") {
            return !(i > 0
                && self.is_word(i - 1, "DISTINCT")
                && !self.is_word(i.wrapping_sub(2), "SELECT"));
        }
        if word("GROUP") || word("ORDER") {
            return next("BY");
        }
        if word("VALUES") || word("SELECT") {
            return true;
        }
        if word("LEFT") || word("RIGHT") || word("FULL") {
            return next("JOIN") || next("OUTER");
        }
        if word("INNER") || word("CROSS") {
            return next("JOIN") && !(i > from && self.is_word(i - 1, "NATURAL"));
        }
        if word("JOIN") {
            return !(i > from
                && [
                    "LEFT", "RIGHT", "FULL", "OUTER", "INNER", "CROSS", "NATURAL",
                ]
                .iter()
                .any(|before| self.is_word(i - 1, before)));
        }
        [
            "WHERE",
            "HAVING",
            "WINDOW",
            "QUALIFY",
            "LIMIT",
            "OFFSET",
            "FETCH",
            "UNION",
            "INTERSECT",
            "EXCEPT",
            "NATURAL",
        ]
        .iter()
        .any(|clause| word(clause))
    }

    fn is_set_operator(&self, i: usize, from: usize) -> bool {
        let set = |i: usize| {
            ["UNION", "INTERSECT", "EXCEPT"]
                .iter()
                .any(|word| self.is_word(i, word))
        };
        set(i)
            || (i > from && (self.is_word(i, "ALL") || self.is_word(i, "DISTINCT")) && set(i - 1))
    }

    fn clause(&self, from: usize, to: usize) -> Doc {
        if self.is_word(from, "WITH") {
            return self.with(from, to);
        }
        if self.is_symbol(from, "(") && self.items[from].close == Some(to - 1) {
            return self.parenthesis(from);
        }
        if self.is_word(from, "SELECT") {
            let mut start = from + 1;
            while start < to
                && (self.items[start].kind == TokenKind::Hint
                    || self.is_word(start, "DISTINCT")
                    || self.is_word(start, "ALL"))
            {
                start += 1;
            }
            return self.list_clause(from, start, to);
        }
        if self.is_word(from, "GROUP") || self.is_word(from, "ORDER") {
            return self.list_clause(from, from + 2, to);
        }
        if self.is_word(from, "VALUES") || self.is_word(from, "WINDOW") {
            return self.list_clause(from, from + 1, to);
        }
        if self.is_word(from, "WHERE")
            || self.is_word(from, "HAVING")
            || self.is_word(from, "QUALIFY")
        {
            return Doc::group(Doc::concat(vec![
                self.item(from),
                Doc::text(" "),
                Doc::indent(self.conditions(from + 1, to)),
            ]));
        }
        if self.is_word(from, "FROM") {
            let parts = self.split(from + 1, to, |i| self.is_symbol(i, ","));
            if parts.len() > 1 {
                return self.list_clause(from, from + 1, to);
            }
            return Doc::group(self.inline(from, to));
        }
        if let Some(on) = self.top(from, to).find(|i| self.is_word(*i, "ON")) {
            // A join: the condition goes to its own line if it must.
            return Doc::group(Doc::concat(vec![
                self.inline(from, on),
                Doc::indent(Doc::concat(vec![
                    Doc::Line,
                    self.item(on),
                    Doc::text(" "),
                    Doc::indent(self.conditions(on + 1, to)),
                ])),
            ]));
        }
        Doc::group(self.inline(from, to))
    }

    /// `WORD a, b` on one line, or an item a line.
    fn list_clause(&self, from: usize, start: usize, to: usize) -> Doc {
        let mut items = Vec::new();
        for (start, end) in self.split(start, to, |i| self.is_symbol(i, ",")) {
            items.push(Doc::Line);
            items.push(Doc::group(self.conditions(start, end)));
            if end < to {
                items.push(self.item(end));
            }
        }
        Doc::group(Doc::concat(vec![
            self.inline(from, start),
            Doc::indent(Doc::concat(items)),
        ]))
    }

    fn with(&self, from: usize, to: usize) -> Doc {
        let mut docs = vec![self.item(from), Doc::text(" ")];
        let mut parts = self
            .split(from + 1, to, |i| self.is_symbol(i, ","))
            .into_iter()
            .peekable();
        while let Some((start, end)) = parts.next() {
            let body = self.top(start, end).find(|i| {
                self.is_symbol(*i, "(")
                    && self.items[*i].close == Some(end - 1)
                    && self.starts_query_or_paren(i + 1)
            });
            match body {
                Some(open) => {
                    docs.push(self.inline(start, open));
                    docs.push(Doc::text(" "));
                    docs.push(self.item(open));
                    docs.push(Doc::indent(Doc::concat(vec![
                        Doc::hard(),
                        self.query(open + 1, end - 1, &Doc::hard()),
                    ])));
                    docs.push(Doc::hard());
                    docs.push(self.item(end - 1));
                }
                None => docs.push(self.inline(start, end)),
            }
            if parts.peek().is_some() {
                docs.push(self.item(end));
                docs.push(Doc::hard());
            }
        }
        Doc::concat(docs)
    }

    // Expressions

    /// Broken before `OR`, or if there is none before `AND`, when it does not fit.
    fn conditions(&self, from: usize, to: usize) -> Doc {
        let mut between = 0;
        let mut ands = Vec::new();
        let mut ors = Vec::new();
        for i in self.top(from, to) {
            if self.is_word(i, "BETWEEN") {
                between += 1;
            } else if self.is_word(i, "AND") {
                if between > 0 {
                    between -= 1;
                } else {
                    ands.push(i);
                }
            } else if self.is_word(i, "OR") {
                ors.push(i);
            }
        }
        let (breaks, nested) = if ors.is_empty() {
            (ands, false)
        } else {
            (ors, true)
        };
        if breaks.is_empty() || breaks[0] == from {
            return self.inline(from, to);
        }
        let mut docs = Vec::new();
        let mut start = from;
        for (n, end) in breaks.iter().copied().chain([to]).enumerate() {
            let part = if nested {
                let first = if n == 0 { start } else { start + 1 };
                if first > end {
                    self.inline(start, end)
                } else {
                    let rest = Doc::group(Doc::indent(self.conditions(first, end)));
                    if n == 0 {
                        rest
                    } else {
                        Doc::concat(vec![self.item(start), Doc::text(" "), rest])
                    }
                }
            } else {
                self.inline(start, end)
            };
            if n > 0 {
                docs.push(Doc::Line);
            }
            docs.push(part);
            start = end;
        }
        Doc::concat(docs)
    }

    /// Tokens one after the other, with groups for what stands in parentheses.
    fn inline(&self, from: usize, to: usize) -> Doc {
        let mut docs = Vec::new();
        let mut previous: Option<usize> = None;
        let mut i = from;
        while i < to {
            if let Some(last) = previous
                && (self.apart(last, i) || self.merges(last, i))
            {
                docs.push(Doc::text(" "));
            }
            match self.items[i].close.filter(|close| *close < to) {
                Some(close) if self.items[i].of_type => {
                    docs.push(self.item(i));
                    if self.merges(i, i + 1) {
                        docs.push(Doc::text(" "));
                    }
                    docs.push(self.inline(i + 1, close));
                    if close > i + 1 && self.merges(close - 1, close) {
                        docs.push(Doc::text(" "));
                    }
                    docs.push(self.item(close));
                }
                Some(_) if self.is_word(i, "CASE") => docs.push(self.case(i)),
                Some(_) => docs.push(self.parenthesis(i)),
                None => docs.push(self.item(i)),
            }
            let end = self.items[i].close.filter(|close| *close < to).unwrap_or(i);
            previous = Some(end);
            i = end + 1;
        }
        Doc::concat(docs)
    }

    /// `( … )` or `[ … ]`, an item a line if it does not fit.
    fn parenthesis(&self, open: usize) -> Doc {
        let Some(close) = self.items[open].close else {
            return self.item(open);
        };
        if close == open + 1 {
            return Doc::concat(vec![self.item(open), self.item(close)]);
        }
        let inner = if self.starts_query(open + 1) {
            self.query(open + 1, close, &Doc::Line)
        } else {
            let mut docs = Vec::new();
            let starts: Vec<usize> = self
                .top(open + 1, close)
                .filter(|i| self.starts_window_clause(*i, open + 1))
                .collect();
            if starts.is_empty() {
                for (start, end) in self.split(open + 1, close, |i| self.is_symbol(i, ",")) {
                    docs.push(Doc::group(self.conditions(start, end)));
                    if end < close {
                        docs.push(self.item(end));
                        docs.push(Doc::Line);
                    }
                }
            } else {
                // A window: a line for each of its clauses.
                let mut start = open + 1;
                for end in starts.into_iter().chain([close]) {
                    if end > start {
                        if start > open + 1 {
                            docs.push(Doc::Line);
                        }
                        docs.push(Doc::group(self.inline(start, end)));
                    }
                    start = end;
                }
            }
            Doc::concat(docs)
        };
        Doc::group(Doc::concat(vec![
            self.item(open),
            Doc::indent(Doc::concat(vec![Doc::SoftLine, inner])),
            Doc::SoftLine,
            self.item(close),
        ]))
    }

    /// The clauses of a window, if the parenthesis starts with one.
    fn starts_window_clause(&self, i: usize, first: usize) -> bool {
        let clause = |i: usize| {
            (self.is_word(i, "PARTITION") || self.is_word(i, "ORDER")) && self.is_word(i + 1, "BY")
        };
        let window = clause(first) || clause(first + 1) && self.is_name(first);
        window && (clause(i) || self.is_word(i, "ROWS") || self.is_word(i, "RANGE"))
    }

    fn case(&self, open: usize) -> Doc {
        let Some(close) = self.items[open].close else {
            return self.item(open);
        };
        let starts: Vec<usize> = self
            .top(open + 1, close)
            .filter(|i| self.is_word(*i, "WHEN") || self.is_word(*i, "ELSE"))
            .collect();
        let first = starts.first().copied().unwrap_or(close);
        let mut inner = Vec::new();
        for (n, start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(close);
            inner.push(Doc::Line);
            inner.push(Doc::group(self.inline(*start, end)));
        }
        Doc::group(Doc::concat(vec![
            self.inline(open, first),
            Doc::indent(Doc::concat(inner)),
            Doc::Line,
            self.item(close),
        ]))
    }

    /// Whether two neighbours without a blank between them would be read as something else.
    fn merges(&self, left: usize, right: usize) -> bool {
        let (Some(left), Some(right)) = (self.items.get(left), self.items.get(right)) else {
            return false;
        };
        let joined = format!("{}{}", left.text, right.text);
        let tokens = lexer::tokenize(&joined);
        tokens.first().map(|token| token.span.end) != Some(left.text.len())
    }

    /// Whether a blank stands between two neighbours.
    fn apart(&self, left: usize, right: usize) -> bool {
        if self.items[left].of_type {
            // `ARRAY<INT>` hugs, what follows it does not.
            return self.is_symbol(left, ">")
                && !self.items[right].of_type
                && !matches!(
                    self.items[right].kind,
                    TokenKind::Symbol("," | ")" | "]" | "." | ";")
                );
        }
        if self.items[right].of_type {
            return false;
        }
        if let TokenKind::Symbol(symbol) = self.items[right].kind {
            match symbol {
                "," | ";" | "." | ")" | "]" => return false,
                "[" => {
                    return !(self.ends_operand(left)
                        || self.is_word(left, "ARRAY")
                        || self.is_word(left, "MAP"));
                }
                "(" => return self.apart_from_parenthesis(left),
                _ => {}
            }
        }
        if let TokenKind::Symbol(symbol) = self.items[left].kind {
            match symbol {
                "(" | "[" | "." => return false,
                // A sign.
                "-" | "+" => {
                    let sign = left == 0 || !self.ends_operand(left - 1);
                    let doubled = self.is_symbol(right, symbol);
                    return !sign || doubled;
                }
                _ => {}
            }
        }
        true
    }

    /// Whether a blank stands before a `(`: not after a function or a type.
    fn apart_from_parenthesis(&self, left: usize) -> bool {
        match &self.items[left].kind {
            TokenKind::Word => {
                if APART.iter().any(|word| self.is_word(left, word)) {
                    // LEFT(…) and the like are no keywords here, IN (…) is.
                    return true;
                }
                // `INSERT INTO t (a, b)`, `CREATE VIEW v (a, b)`
                self.names_a_table(left)
            }
            TokenKind::Quoted => self.names_a_table(left),
            TokenKind::Symbol(s) => !matches!(*s, "(" | "[" | "."),
            _ => true,
        }
    }

    /// Whether the name that ends here stands behind `TABLE` or `TABLE IF EXISTS`.
    fn follows_table(&self, mut i: usize) -> bool {
        while i > 1 && self.is_symbol(i - 1, ".") {
            i -= 2;
        }
        i > 0 && (self.is_word(i - 1, "TABLE") || self.is_word(i - 1, "EXISTS"))
    }

    fn names_a_table(&self, mut i: usize) -> bool {
        while i > 1 && self.is_symbol(i - 1, ".") {
            i -= 2;
        }
        i > 0
            && self.is_name(i)
            && ["INTO", "OVERWRITE", "VIEW", "EXISTS", "TABLE", "LIKE"]
                .iter()
                .any(|word| self.is_word(i - 1, word))
    }

    /// A token with its comments.
    fn item(&self, i: usize) -> Doc {
        let item = &self.items[i];
        let mut docs = Vec::new();
        for comment in &item.before {
            docs.push(Doc::Fresh);
            docs.push(Doc::comment(&comment.text, comment.line));
            docs.push(Doc::Fresh);
        }
        docs.push(Doc::text(&item.text));
        for comment in &item.after {
            docs.push(Doc::text(" "));
            docs.push(Doc::comment(&comment.text, comment.line));
        }
        Doc::concat(docs)
    }
}
