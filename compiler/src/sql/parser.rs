//! Reading tokens: the cursor that all grammar rules share, and what it says when one fails.
//!
//! The rules are recursive descent. They decide by looking ahead and never go back over an error,
//! so the first token that cannot be right is the place of the error. sqlparser's own parser is
//! not used: its grammar takes much that Flink has not, silently drops some of it
//! (`a IS DISTINCT FROM b AND c` becomes `a IS DISTINCT FROM (b AND c)`), and loses the place of an
//! error inside a derived table, because it tries several readings one after the other.

use datafusion_sql::sqlparser::ast;
use datafusion_sql::sqlparser::tokenizer::Span as AstSpan;
use millstream_functions::types::FlinkType;

use super::keywords;
use super::lexer::{self, Token, TokenKind};
use super::location::LineIndex;
use super::statement::{Name, TableHint, TableOption};
use crate::diagnostics::{Diagnostic, Span, did_you_mean};

pub(crate) type Parsed<T> = Result<T, Box<Diagnostic>>;

/// The code of every error of grammar.
pub(crate) const SYNTAX: &str = "sql/syntax";

/// How deep expressions, queries and parentheses may nest: far beyond what people write, and
/// shallow enough for the 2 MB stack of a thread, without optimisation too.
const MAX_DEPTH: usize = 48;

/// Words that start a clause: what a misspelt word may have been meant to be.
const CLAUSES: [&str; 28] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "JOIN",
    "LEFT",
    "RIGHT",
    "INNER",
    "CROSS",
    "UNION",
    "WINDOW",
    "QUALIFY",
    "WITH",
    "WATERMARK",
    "PARTITIONED",
    "VALUES",
    "COMMENT",
    "INTO",
    "PRIMARY",
    "INPUT",
    "OUTPUT",
    "METADATA",
    "VIRTUAL",
    "ENFORCED",
    "INTERVAL",
];

/// Reserved words that start an expression: a comma may be missing before them.
const STARTERS: [&str; 14] = [
    "ARRAY",
    "CASE",
    "CAST",
    "DATE",
    "EXISTS",
    "FALSE",
    "INTERVAL",
    "MAP",
    "NULL",
    "ROW",
    "TABLE",
    "TIMESTAMP",
    "TRUE",
    "TRY_CAST",
];

/// What a misspelt data type may have been meant to be.
const TYPES: [&str; 23] = [
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INT",
    "INTEGER",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "NUMERIC",
    "CHAR",
    "VARCHAR",
    "STRING",
    "BINARY",
    "VARBINARY",
    "BYTES",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP_LTZ",
    "ARRAY",
    "MAP",
    "ROW",
];

/// Operators of Calcite's grammar that Flink or Millstream does not run.
const UNSUPPORTED_OPERATORS: [&str; 12] = [
    "AT",
    "COLLATE",
    "CONTAINS",
    "EQUALS",
    "FORMAT",
    "ILIKE",
    "IMMEDIATELY",
    "MEMBER",
    "MULTISET",
    "PRECEDES",
    "RLIKE",
    "SUCCEEDS",
];

pub(crate) struct Parser<'a> {
    pub(crate) script: &'a str,
    /// Without comments.
    tokens: Vec<Token>,
    /// Where the text that is read ends.
    end: usize,
    position: usize,
    depth: usize,
    lines: LineIndex,
    /// Table hints of the statement that is being read.
    pub(crate) hints: Vec<TableHint>,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(script: &'a str) -> Self {
        Self::within(script, Span::new(0, script.len()))
    }

    /// A reader of a part of the script, such as the inside of a hint.
    pub(crate) fn within(script: &'a str, part: Span) -> Self {
        let tokens = lexer::tokenize(&script[part.range()])
            .into_iter()
            .filter(|token| !token.is_comment())
            .map(|token| Token {
                span: Span::new(token.span.start + part.start, token.span.end + part.start),
                ..token
            })
            .collect();
        Self {
            script,
            tokens,
            end: part.end,
            position: 0,
            depth: 0,
            lines: LineIndex::new(script),
            hints: Vec::new(),
        }
    }

    // Looking

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Goes on at another token; only ever to skip what could not be read.
    pub(crate) fn go_to(&mut self, position: usize) {
        self.position = position;
        self.depth = 0;
    }

    /// Gives the last token back.
    pub(crate) fn step_back(&mut self) {
        self.position = self.position.saturating_sub(1);
    }

    /// Whether the word was read `back` tokens ago.
    pub(crate) fn was_word(&self, back: usize, word: &str) -> bool {
        self.position
            .checked_sub(back)
            .and_then(|i| self.tokens.get(i))
            .is_some_and(|token| {
                token.kind == TokenKind::Word && token.text(self.script).eq_ignore_ascii_case(word)
            })
    }

    pub(crate) fn at_end(&self) -> bool {
        self.position >= self.tokens.len()
    }

    pub(crate) fn token(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.position + ahead)
    }

    pub(crate) fn kind(&self, ahead: usize) -> Option<&TokenKind> {
        self.token(ahead).map(|token| &token.kind)
    }

    pub(crate) fn text(&self, ahead: usize) -> &'a str {
        self.token(ahead)
            .map_or("", |token| token.text(self.script))
    }

    /// Whether the token `ahead` is this word, plain and in any case.
    pub(crate) fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        self.kind(ahead) == Some(&TokenKind::Word) && self.text(ahead).eq_ignore_ascii_case(word)
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    pub(crate) fn is_words(&self, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(ahead, word)| self.is_word_at(ahead, word))
    }

    /// Which of these words comes next.
    pub(crate) fn one_of(&self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|word| self.is_word(word))
    }

    pub(crate) fn is_symbol_at(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.kind(ahead), Some(TokenKind::Symbol(s)) if *s == symbol)
    }

    pub(crate) fn is_symbol(&self, symbol: &str) -> bool {
        self.is_symbol_at(0, symbol)
    }

    /// Whether the token `ahead` can be a name without looking at the grammar around it.
    pub(crate) fn is_name_at(&self, ahead: usize) -> bool {
        match self.kind(ahead) {
            Some(TokenKind::Quoted) => true,
            Some(TokenKind::Word) => !keywords::is_reserved(self.text(ahead)),
            _ => false,
        }
    }

    /// The place of the next token, or an empty one at the end of the script.
    pub(crate) fn span(&self) -> Span {
        self.token(0)
            .map_or_else(|| Span::new(self.end, self.end), |token| token.span)
    }

    /// From the token at `start` up to the last one read.
    pub(crate) fn span_from(&self, start: usize) -> Span {
        let first = self
            .tokens
            .get(start)
            .map_or(self.script.len(), |token| token.span.start);
        let last = self
            .position
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or(first, |token| token.span.end);
        Span::new(first, last.max(first))
    }

    pub(crate) fn ast_span(&self, span: Span) -> AstSpan {
        self.lines.to_ast(self.script, span)
    }

    // Taking

    pub(crate) fn advance(&mut self) {
        self.position += 1;
    }

    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    /// Takes one of these words.
    pub(crate) fn eat_one_of(&mut self, words: &[&'static str]) -> Option<&'static str> {
        self.one_of(words).inspect(|_| self.position += 1)
    }

    pub(crate) fn eat_words(&mut self, words: &[&str]) -> bool {
        let found = self.is_words(words);
        if found {
            self.position += words.len();
        }
        found
    }

    pub(crate) fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    pub(crate) fn expect_word(&mut self, word: &str) -> Parsed<()> {
        if self.eat_word(word) {
            Ok(())
        } else {
            Err(self.unexpected(word))
        }
    }

    pub(crate) fn expect_words(&mut self, words: &[&str]) -> Parsed<()> {
        words.iter().try_for_each(|word| self.expect_word(word))
    }

    pub(crate) fn expect_symbol(&mut self, symbol: &str) -> Parsed<()> {
        if self.eat_symbol(symbol) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("'{symbol}'")))
        }
    }

    /// A plain name or one in backticks; `what` says what is named, with its article.
    pub(crate) fn ident(&mut self, what: &str) -> Parsed<ast::Ident> {
        let Some(token) = self.token(0) else {
            return Err(self.unexpected(what));
        };
        let (span, text) = (token.span, token.text(self.script));
        let ident = match token.kind {
            TokenKind::Word if keywords::is_reserved(text) => {
                let mut error = self.unexpected(what);
                error.help = Some(format!(
                    "'{text}' is a reserved word of Flink SQL; as a name it stands in backticks: `{text}`"
                ));
                return Err(error);
            }
            TokenKind::Word => ast::Ident::new(text),
            TokenKind::Quoted => ast::Ident::with_quote('`', lexer::unquote(text)),
            _ => return Err(self.unexpected(what)),
        };
        self.advance();
        Ok(ast::Ident {
            span: self.ast_span(span),
            ..ident
        })
    }

    /// `[catalog.][database.]object`
    pub(crate) fn name(&mut self, what: &str) -> Parsed<Name> {
        let name = self.dotted(what)?;
        if name.parts.len() > 3 {
            return Err(Box::new(
                Diagnostic::error(
                    SYNTAX,
                    "a name has at most three parts: catalog.database.name",
                )
                .at(name.span),
            ));
        }
        Ok(name)
    }

    /// Names joined by dots.
    pub(crate) fn dotted(&mut self, what: &str) -> Parsed<Name> {
        let start = self.position;
        let mut parts = vec![self.ident(what)?];
        while self.eat_symbol(".") {
            parts.push(self.ident("a name after the '.'")?);
        }
        Ok(Name {
            parts,
            span: self.span_from(start),
        })
    }

    /// `(a, b, …)`
    pub(crate) fn ident_list(&mut self, what: &str) -> Parsed<Vec<ast::Ident>> {
        self.expect_symbol("(")?;
        let list = self.comma_separated(|p| p.ident(what))?;
        self.expect_symbol(")")?;
        Ok(list)
    }

    /// A string; `what` says what it holds, with its article.
    pub(crate) fn string(&mut self, what: &str) -> Parsed<(String, Span)> {
        let span = self.span();
        let value = match self.kind(0) {
            Some(TokenKind::Text) => lexer::unquote(self.text(0)).into_owned(),
            Some(TokenKind::Unicode) => self.unicode_text()?,
            _ => {
                let mut error = self.unexpected(&format!("{what} in single quotes"));
                if error.help.is_none()
                    && matches!(self.kind(0), Some(TokenKind::Word | TokenKind::Quoted))
                {
                    error.help = Some(format!("write '{}'", self.text(0).trim_matches('`')));
                }
                return Err(error);
            }
        };
        self.advance();
        Ok((value, span))
    }

    /// The value of the `U&'…'` that comes next, without taking it.
    pub(crate) fn unicode_text(&self) -> Parsed<String> {
        lexer::decode_unicode(self.text(0)).ok_or_else(|| {
            Box::new(
                Diagnostic::error(SYNTAX, "a wrong escape in this string")
                    .at(self.span())
                    .help(
                        r"write \XXXX or \+XXXXXX with hexadecimal digits, or \\ for a backslash",
                    ),
            )
        })
    }

    /// An unsigned whole number.
    pub(crate) fn integer(&mut self, what: &str) -> Parsed<u64> {
        match self.kind(0) {
            Some(TokenKind::Number) => match self.text(0).parse() {
                Ok(value) => {
                    self.advance();
                    Ok(value)
                }
                Err(_) => Err(self.unexpected(&format!("{what} (a whole number)"))),
            },
            _ => Err(self.unexpected(&format!("{what} (a whole number)"))),
        }
    }

    /// `IF NOT EXISTS`
    pub(crate) fn if_not_exists(&mut self) -> Parsed<bool> {
        if self.is_words(&["IF", "NOT"]) {
            self.position += 2;
            self.expect_word("EXISTS")?;
            return Ok(true);
        }
        Ok(false)
    }

    /// `IF EXISTS`
    pub(crate) fn if_exists(&mut self) -> bool {
        self.eat_words(&["IF", "EXISTS"])
    }

    /// `COMMENT 'text'`
    pub(crate) fn comment(&mut self) -> Parsed<Option<String>> {
        if self.eat_word("COMMENT") {
            return Ok(Some(self.string("the comment")?.0));
        }
        Ok(None)
    }

    /// `('key' = 'value', …)`, possibly empty where Flink takes that.
    pub(crate) fn options(&mut self) -> Parsed<Vec<TableOption>> {
        self.expect_symbol("(")?;
        if self.eat_symbol(")") {
            return Ok(Vec::new());
        }
        let options: Vec<TableOption> = self.comma_separated(Self::option)?;
        self.expect_symbol(")")?;
        for (i, option) in options.iter().enumerate() {
            if options[..i].iter().any(|earlier| earlier.key == option.key) {
                return Err(Box::new(
                    Diagnostic::error(
                        SYNTAX,
                        format!("the option '{}' is given twice", option.key),
                    )
                    .at(option.key_span),
                ));
            }
        }
        Ok(options)
    }

    /// `'key' = 'value'`
    pub(crate) fn option(&mut self) -> Parsed<TableOption> {
        let (key, key_span) = self.string("the key of an option")?;
        self.expect_symbol("=")?;
        let (value, value_span) = self.string("the value of an option")?;
        Ok(TableOption {
            key,
            value,
            key_span,
            value_span,
            span: key_span.union(value_span),
        })
    }

    /// `('key', …)`
    pub(crate) fn option_keys(&mut self) -> Parsed<Vec<String>> {
        self.expect_symbol("(")?;
        let keys = self.comma_separated(|p| Ok(p.string("the key of an option")?.0))?;
        self.expect_symbol(")")?;
        Ok(keys)
    }

    /// A data type and its place.
    pub(crate) fn data_type(&mut self) -> Parsed<(FlinkType, Span)> {
        let start = self.span().start;
        if !matches!(self.kind(0), Some(TokenKind::Word | TokenKind::Quoted)) {
            return Err(self.unexpected("a data type"));
        }
        match FlinkType::parse_prefix(&self.script[start..]) {
            Ok((ty, length)) => {
                let first = self.position;
                // The type reader has skipped blanks and comments, as our tokens do.
                while self
                    .token(0)
                    .is_some_and(|token| token.span.start < start + length)
                {
                    self.advance();
                }
                Ok((ty, self.span_from(first)))
            }
            Err(error) => {
                let at = start + error.offset;
                let span = self
                    .tokens
                    .iter()
                    .skip(self.position)
                    .find(|token| token.span.end > at)
                    .map_or(Span::new(at, at), |token| token.span);
                let code = if error.message.contains("not supported") {
                    "sql/not-supported"
                } else {
                    SYNTAX
                };
                let mut diagnostic = Diagnostic::error(code, lower_first(&error.message)).at(span);
                if error.message.starts_with("Unknown") {
                    diagnostic.help = did_you_mean(&self.script[span.range()], TYPES)
                        .map(|meant| format!("did you mean {meant}?"));
                }
                Err(Box::new(diagnostic))
            }
        }
    }

    pub(crate) fn comma_separated<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Runs a rule one level deeper.
    pub(crate) fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(Box::new(
                Diagnostic::not_supported(format!("SQL nested deeper than {MAX_DEPTH} levels"))
                    .at(self.span())
                    .help("split the query into views"),
            ));
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    // Errors

    /// "expected …, found …" at the next token, with a guess at the slip.
    pub(crate) fn unexpected(&self, expected: &str) -> Box<Diagnostic> {
        let span = self.span();
        if let Some(TokenKind::Bad(reason)) = self.kind(0) {
            let code = if reason.contains("not supported") {
                "sql/not-supported"
            } else {
                SYNTAX
            };
            return Box::new(Diagnostic::error(code, *reason).at(span));
        }
        if expected.contains("operator")
            && let Some(word) = self.one_of(&UNSUPPORTED_OPERATORS)
        {
            return self.not_supported(&format!("the operator {word}"));
        }
        let found = self.found();
        let mut error =
            Diagnostic::error(SYNTAX, format!("expected {expected}, found {found}")).at(span);
        error.help = self.guess(expected);
        Box::new(error)
    }

    /// Refuses what starts at token `start` and goes up to the next one.
    pub(crate) fn not_supported_from(&self, start: usize, what: &str) -> Box<Diagnostic> {
        Box::new(Diagnostic::not_supported(what).at(self.span_from(start)))
    }

    /// Refuses the next token.
    pub(crate) fn not_supported(&self, what: &str) -> Box<Diagnostic> {
        Box::new(Diagnostic::not_supported(what).at(self.span()))
    }

    fn found(&self) -> String {
        match self.token(0) {
            None => "the end of the script".to_string(),
            Some(token) if token.kind == TokenKind::Hint => "a hint".to_string(),
            Some(token) => {
                let text = token.text(self.script);
                let short: String = text.chars().take(30).collect();
                let dots = if short.len() < text.len() { "…" } else { "" };
                match token.kind {
                    TokenKind::Text | TokenKind::Quoted => format!("{short}{dots}"),
                    _ => format!("'{short}{dots}'"),
                }
            }
        }
    }

    /// What a person most likely did wrong.
    fn guess(&self, expected: &str) -> Option<String> {
        if self.kind(0) == Some(&TokenKind::Hint) {
            return Some("a hint stands right after SELECT or after the name of a table".into());
        }
        if self.is_symbol("=") && self.previous_is("=") {
            return Some("'equal' is a single =".into());
        }
        let ends = self.at_end() || self.is_symbol(";");
        if ends && let Some(open) = self.open_parenthesis() {
            let place = self.lines.location(self.script, open.start);
            return Some(format!(
                "the '(' in line {}, column {} is never closed",
                place.line, place.column
            ));
        }
        if self.is_word("FROM") && self.was_word(1, "SELECT") {
            return Some("name the columns, or write * for all of them".into());
        }
        let after_comma = self.previous_is(",")
            && (self.kind(0) != Some(&TokenKind::Word) || self.one_of(&CLAUSES).is_some());
        if after_comma {
            return Some(format!(
                "there may be a comma too many before {}",
                self.found()
            ));
        }
        if self.is_symbol(":") && self.is_symbol_at(1, ":") {
            return Some("write CAST(x AS type)".into());
        }
        let word = self.kind(0) == Some(&TokenKind::Word);
        let reserved = word && keywords::is_reserved(self.text(0));
        // `SELECT a FORM t`: the misspelt word was taken for an alias.
        let before = self
            .position
            .checked_sub(1)
            .map(|i| &self.tokens[i])
            .filter(|token| token.kind == TokenKind::Word)
            .map(|token| token.text(self.script));
        for candidate in [word.then(|| self.text(0)), before].into_iter().flatten() {
            if candidate.len() > 3
                && !keywords::is_reserved(candidate)
                && let Some(meant) = meant_clause(candidate)
            {
                return Some(format!("did you mean {meant} instead of {candidate}?"));
            }
        }
        let starts_item = match self.kind(0) {
            Some(TokenKind::Quoted | TokenKind::Number | TokenKind::Text) => true,
            Some(TokenKind::Word) => {
                !reserved
                    || self.one_of(&STARTERS).is_some()
                    || (keywords::is_reserved_function(self.text(0)) && self.is_symbol_at(1, "("))
            }
            _ => false,
        };
        if starts_item && expected.contains("','") {
            return Some(format!("is a comma missing before {}?", self.found()));
        }
        if expected.contains("')'")
            && reserved
            && let Some(open) = self.open_parenthesis()
        {
            let place = self.lines.location(self.script, open.start);
            return Some(format!(
                "is the '(' in line {}, column {} closed?",
                place.line, place.column
            ));
        }
        if reserved && expected.contains("expression") {
            let text = self.text(0);
            return Some(format!(
                "'{text}' is a reserved word of Flink SQL; as a name it stands in backticks: `{text}`"
            ));
        }
        None
    }

    fn previous_is(&self, symbol: &str) -> bool {
        self.position > 0
            && matches!(self.tokens[self.position - 1].kind, TokenKind::Symbol(s) if s == symbol)
    }

    /// The innermost parenthesis of this statement that is still open.
    fn open_parenthesis(&self) -> Option<Span> {
        let mut closed = 0;
        for token in self.tokens[..self.position.min(self.tokens.len())]
            .iter()
            .rev()
        {
            match token.kind {
                TokenKind::Symbol(";") => return None,
                TokenKind::Symbol(")") => closed += 1,
                TokenKind::Symbol("(") if closed == 0 => return Some(token.span),
                TokenKind::Symbol("(") => closed -= 1,
                _ => {}
            }
        }
        None
    }
}

/// A help text for an error that is on its way.
pub(crate) trait HelpWith {
    fn help_with(self, help: impl Into<String>) -> Self;
}

impl HelpWith for Box<Diagnostic> {
    fn help_with(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The clause that a word was meant to be: one letter off, or two exchanged.
fn meant_clause(word: &str) -> Option<&'static str> {
    let letters = |word: &str| {
        let mut letters: Vec<u8> = word.to_ascii_uppercase().into_bytes();
        letters.sort_unstable();
        letters
    };
    CLAUSES
        .into_iter()
        .find(|clause| letters(clause) == letters(word))
        .or_else(|| did_you_mean(word, CLAUSES))
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    match chars.next() {
        // Not for what starts with a word in capitals.
        Some(first) if !chars.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => message.to_string(),
    }
}
