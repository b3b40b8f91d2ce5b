//! Scripts: statements one after the other, and the statements that are neither queries nor DDL.

use datafusion_sql::sqlparser::ast;

use super::lexer::TokenKind;
use super::parser::{HelpWith, Parsed, Parser, SYNTAX};
use super::statement::{
    Describe, Explain, ExplainDetail, Insert, ObjectKind, Reset, Script, Set, Show, ShowList,
    ShowPattern, ShowPreposition, Statement, StatementKind, TableOption, Use,
};
use crate::diagnostics::{Diagnostic, Span, did_you_mean};

/// Words that start a statement.
const STATEMENTS: [&str; 17] = [
    "SELECT", "INSERT", "CREATE", "DROP", "ALTER", "SET", "RESET", "WITH", "VALUES", "EXECUTE",
    "BEGIN", "EXPLAIN", "SHOW", "DESCRIBE", "DESC", "USE", "END",
];

/// Statements of Flink that nothing here runs.
const REFUSED: [&str; 15] = [
    "ADD", "ANALYZE", "CALL", "COMPILE", "DELETE", "LOAD", "MERGE", "REFRESH", "REMOVE", "REPLACE",
    "STOP", "TRUNCATE", "UNLOAD", "UPDATE", "UPSERT",
];

/// Clauses that cannot start a statement: a semicolon came too early.
const CLAUSES: [&str; 15] = [
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
    "UNION",
    "ON",
    "WINDOW",
    "QUALIFY",
    "PARTITIONED",
];

/// Reads a whole script.
///
/// # Errors
/// One finding for each statement that is wrong or not supported; reading goes on behind it.
pub fn parse_script(script: &str) -> Result<Script, Vec<Diagnostic>> {
    let mut parser = Parser::new(script);
    let mut statements = Vec::new();
    let mut errors = Vec::new();
    while !parser.at_end() {
        if parser.eat_symbol(";") {
            continue;
        }
        let start = parser.position();
        let result = parser.statement().and_then(|statement| {
            if parser.at_end() || parser.eat_symbol(";") {
                Ok(statement)
            } else {
                Err(parser.unexpected_after_statement(&statement))
            }
        });
        match result {
            Ok(statement) => statements.push(statement),
            Err(error) => {
                errors.push(*error);
                parser.skip_statement(start);
            }
        }
    }
    if errors.is_empty() {
        Ok(Script { statements })
    } else {
        Err(errors)
    }
}

/// Reads a single expression, such as a condition typed into a form.
///
/// # Errors
/// If the text is not one expression of Flink SQL.
pub fn parse_expression(text: &str) -> Result<ast::Expr, Diagnostic> {
    let mut parser = Parser::new(text);
    let expr = parser.expr().map_err(|error| *error)?;
    if !parser.at_end() {
        return Err(*parser.unexpected("an operator or the end"));
    }
    Ok(expr)
}

impl Parser<'_> {
    fn statement(&mut self) -> Parsed<Statement> {
        let start = self.position();
        let kind = self.statement_kind()?;
        Ok(Statement {
            kind,
            span: self.span_from(start),
        })
    }

    fn statement_kind(&mut self) -> Parsed<StatementKind> {
        if self.is_symbol("(") || self.starts_query(0) {
            return Ok(StatementKind::Query(self.query()?));
        }
        let word = match self.kind(0) {
            Some(TokenKind::Word) => self.text(0).to_ascii_uppercase(),
            _ => return Err(self.unexpected("a statement")),
        };
        match word.as_str() {
            "SET" => self.set(),
            "RESET" => self.reset(),
            "CREATE" => self.create(),
            "DROP" => self.drop(),
            "ALTER" => self.alter(),
            "INSERT" => Ok(StatementKind::Insert(self.insert()?)),
            "EXECUTE" => self.execute(),
            "BEGIN" => {
                self.expect_words(&["BEGIN", "STATEMENT", "SET"])?;
                self.expect_symbol(";")?;
                Ok(StatementKind::StatementSet(self.inserts()?))
            }
            "EXPLAIN" => self.explain(),
            "SHOW" => self.show(),
            "DESCRIBE" | "DESC" => self.describe(),
            "USE" => self.use_(),
            "END" => Err(Box::new(
                Diagnostic::error(SYNTAX, "END without a statement set")
                    .at(self.span())
                    .help("a statement set starts with EXECUTE STATEMENT SET BEGIN"),
            )),
            word if REFUSED.contains(&word) => {
                Err(self.not_supported(&format!("the statement {word}")))
            }
            word if CLAUSES.contains(&word) => {
                let mut error = self.unexpected("a statement");
                error.help = Some(format!(
                    "{word} is a clause; does a ';' before it end the statement too early?"
                ));
                Err(error)
            }
            word => {
                let mut error = self.unexpected("a statement");
                error.help =
                    did_you_mean(word, STATEMENTS).map(|meant| format!("did you mean {meant}?"));
                Err(error)
            }
        }
    }

    fn unexpected_after_statement(&self, statement: &Statement) -> Box<Diagnostic> {
        match statement.kind {
            StatementKind::Query(_)
            | StatementKind::Insert(_)
            | StatementKind::CreateView(_)
            | StatementKind::Explain(_) => self.unexpected_after_query("';'"),
            _ => self.unexpected("';' or the end of the script"),
        }
    }

    /// Goes behind the semicolon that ends the wrong statement at `start`.
    fn skip_statement(&mut self, start: usize) {
        let failed_at = self.position();
        self.go_to(start);
        let mut set = false;
        let mut cases = 0;
        while !self.at_end() {
            set |= self.is_words(&["STATEMENT", "SET"]);
            if set {
                // A set ends with its END; a CASE has an END of its own.
                if self.is_word("CASE") {
                    cases += 1;
                } else if self.is_word("END") {
                    if cases == 0 {
                        self.advance();
                        self.eat_symbol(";");
                        return;
                    }
                    cases -= 1;
                }
            } else if self.is_symbol(";") && self.position() >= failed_at {
                self.advance();
                return;
            }
            self.advance();
        }
    }

    /// `SET`, `SET 'key' = 'value'`, and the bare form of the SQL client: `SET key = value`.
    fn set(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if self.at_end() || self.is_symbol(";") {
            return Ok(StatementKind::Set(Set { option: None }));
        }
        if self.kind(0) == Some(&TokenKind::Text) {
            return Ok(StatementKind::Set(Set {
                option: Some(self.option()?),
            }));
        }
        let (key, key_span) = self.bare("the key of a setting in single quotes")?;
        if !self.eat_symbol("=") {
            return Err(self
                .unexpected("'='")
                .help_with("write SET 'key' = 'value'"));
        }
        let (value, value_span) = if self.kind(0) == Some(&TokenKind::Text) {
            self.string("the value")?
        } else {
            self.bare("the value of the setting in single quotes")?
        };
        Ok(StatementKind::Set(Set {
            option: Some(TableOption {
                key,
                value,
                key_span,
                value_span,
                span: key_span.union(value_span),
            }),
        }))
    }

    /// Tokens without blanks between them, as the SQL client takes keys and values.
    fn bare(&mut self, what: &str) -> Parsed<(String, Span)> {
        let start = self.position();
        let mut end = None;
        while let Some(token) = self.token(0) {
            let part = match &token.kind {
                TokenKind::Word | TokenKind::Number => true,
                TokenKind::Symbol(symbol) => matches!(*symbol, "." | "-" | ":" | "/" | "%"),
                _ => false,
            };
            if !part || end.is_some_and(|end| end != token.span.start) {
                break;
            }
            end = Some(token.span.end);
            self.advance();
        }
        let Some(end) = end else {
            return Err(self.unexpected(what));
        };
        let span = self.span_from(start);
        // `file:///a` would end at what reads as a comment.
        let apart = self.script[end..]
            .chars()
            .next()
            .is_none_or(|c| c.is_whitespace() || c == ';' || c == '=');
        if !apart {
            return Err(Box::new(
                Diagnostic::error(SYNTAX, "this setting must stand in single quotes")
                    .at(span)
                    .help("write SET 'key' = 'value'"),
            ));
        }
        Ok((self.script[span.range()].to_string(), span))
    }

    fn reset(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if self.at_end() || self.is_symbol(";") {
            return Ok(StatementKind::Reset(Reset {
                key: None,
                key_span: None,
            }));
        }
        let (key, span) = if self.kind(0) == Some(&TokenKind::Text) {
            self.string("the key of a setting")?
        } else {
            self.bare("the key of a setting in single quotes")?
        };
        Ok(StatementKind::Reset(Reset {
            key: Some(key),
            key_span: Some(span),
        }))
    }

    fn insert(&mut self) -> Parsed<Insert> {
        let start = self.position();
        self.expect_word("INSERT")?;
        let overwrite = match self.eat_one_of(&["INTO", "OVERWRITE"]) {
            Some(word) => word == "OVERWRITE",
            None => return Err(self.unexpected("INTO or OVERWRITE")),
        };
        if overwrite {
            self.eat_word("INTO");
        }
        let target = self.name("the table to insert into")?;
        self.hints.clear();
        let hint = self.table_hint(&target)?;
        let mut partition = Vec::new();
        if self.eat_word("PARTITION") {
            self.expect_symbol("(")?;
            partition = self.comma_separated(|p| {
                let column = p.ident("a partition column")?;
                if !p.eat_symbol("=") {
                    return Err(p
                        .unexpected("'='")
                        .help_with("give every column in PARTITION a value, or leave it out"));
                }
                Ok((column, p.expr()?))
            })?;
            self.expect_symbol(")")?;
        }
        let columns = if self.is_symbol("(") && !self.starts_query(0) {
            Some(self.ident_list("a column")?)
        } else {
            None
        };
        if self.is_words(&["DEFAULT", "VALUES"]) {
            return Err(self.not_supported("DEFAULT VALUES"));
        }
        let query = self.query()?;
        let deduplicate = self.is_words(&["ON", "CONFLICT"]);
        if deduplicate {
            self.expect_words(&["ON", "CONFLICT", "DO"])?;
            for word in ["ERROR", "NOTHING"] {
                if self.is_word(word) {
                    return Err(self
                        .not_supported(&format!("ON CONFLICT DO {word}"))
                        .help_with("write ON CONFLICT DO DEDUPLICATE to keep the last row"));
                }
            }
            self.expect_word("DEDUPLICATE")?;
        }
        Ok(Insert {
            target,
            overwrite,
            partition,
            columns,
            hint,
            query,
            deduplicate,
            span: self.span_from(start),
        })
    }

    /// `EXECUTE STATEMENT SET BEGIN … END`, `EXECUTE query`, `EXECUTE INSERT`.
    fn execute(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if self.is_word("PLAN") {
            return Err(self.not_supported("EXECUTE PLAN"));
        }
        if self.is_word("STATEMENT") {
            self.expect_words(&["STATEMENT", "SET", "BEGIN"])?;
            return Ok(StatementKind::StatementSet(self.inserts()?));
        }
        if self.is_word("INSERT") {
            return Ok(StatementKind::Insert(self.insert()?));
        }
        if self.starts_query(0) {
            return Ok(StatementKind::Query(self.query()?));
        }
        Err(self.unexpected("STATEMENT SET, INSERT or a query"))
    }

    /// The inserts of a statement set and its `END`.
    fn inserts(&mut self) -> Parsed<Vec<Insert>> {
        let mut inserts = Vec::new();
        loop {
            if self.is_word("END") {
                if inserts.is_empty() {
                    return Err(self.unexpected("INSERT"));
                }
                self.advance();
                return Ok(inserts);
            }
            if !self.is_word("INSERT") {
                let error = self.unexpected("INSERT or END");
                return Err(if self.at_end() {
                    error.help_with("a statement set ends with END")
                } else {
                    error
                });
            }
            inserts.push(self.insert()?);
            if !self.eat_symbol(";") {
                let error = self.unexpected_after_query("';'");
                return Err(if self.is_word("END") {
                    error.help_with("every INSERT of a statement set ends with ';'")
                } else {
                    error
                });
            }
        }
    }

    fn explain(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let mut details = Vec::new();
        if self.is_words(&["PLAN", "FOR"]) {
            self.eat_words(&["PLAN", "FOR"]);
        } else {
            while let Some(word) = self.eat_one_of(&[
                "ESTIMATED_COST",
                "CHANGELOG_MODE",
                "PLAN_ADVICE",
                "JSON_EXECUTION_PLAN",
            ]) {
                details.push(match word {
                    "ESTIMATED_COST" => ExplainDetail::EstimatedCost,
                    "CHANGELOG_MODE" => ExplainDetail::ChangelogMode,
                    "PLAN_ADVICE" => ExplainDetail::PlanAdvice,
                    _ => ExplainDetail::JsonExecutionPlan,
                });
                if !self.eat_symbol(",") {
                    break;
                }
            }
        }
        let statement_set = self.is_words(&["STATEMENT", "SET"]);
        let start = self.position();
        let kind = if statement_set {
            self.expect_words(&["STATEMENT", "SET", "BEGIN"])?;
            StatementKind::StatementSet(self.inserts()?)
        } else if self.is_word("INSERT") {
            StatementKind::Insert(self.insert()?)
        } else if self.is_word("EXECUTE") {
            self.execute()?
        } else if self.starts_query(0) {
            StatementKind::Query(self.query()?)
        } else {
            return Err(self.unexpected("a query, INSERT or STATEMENT SET"));
        };
        Ok(StatementKind::Explain(Explain {
            details,
            statement: Box::new(Statement {
                kind,
                span: self.span_from(start),
            }),
        }))
    }

    fn show(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if self.eat_word("CREATE") {
            let kind = match self.eat_one_of(&["TABLE", "VIEW", "MODEL"]) {
                Some("TABLE") => ObjectKind::Table,
                Some("VIEW") => ObjectKind::View,
                Some(_) => ObjectKind::Model,
                None => {
                    return Err(
                        self.not_supported("SHOW CREATE of anything but TABLE, VIEW and MODEL")
                    );
                }
            };
            return Ok(StatementKind::Show(Show::Create {
                kind,
                name: self.name("a name")?,
            }));
        }
        for word in ["PARTITIONS", "JARS", "CONNECTIONS", "MATERIALIZED"] {
            if self.is_word(word) {
                return Err(self.not_supported(&format!("SHOW {word}")));
            }
        }
        let lists: [(&[&str], ShowList); 14] = [
            (&["CATALOGS"], ShowList::Catalogs),
            (&["COLUMNS"], ShowList::Columns),
            (&["CURRENT", "CATALOG"], ShowList::CurrentCatalog),
            (&["CURRENT", "DATABASE"], ShowList::CurrentDatabase),
            (&["DATABASES"], ShowList::Databases),
            (&["FUNCTIONS"], ShowList::Functions),
            (&["USER", "FUNCTIONS"], ShowList::UserFunctions),
            (&["JOBS"], ShowList::Jobs),
            (&["MODELS"], ShowList::Models),
            (&["MODULES"], ShowList::Modules),
            (&["FULL", "MODULES"], ShowList::FullModules),
            (&["PROCEDURES"], ShowList::Procedures),
            (&["TABLES"], ShowList::Tables),
            (&["VIEWS"], ShowList::Views),
        ];
        let Some((_, what)) = lists.into_iter().find(|(words, _)| self.eat_words(words)) else {
            return Err(self.unexpected("TABLES, VIEWS, MODELS, FUNCTIONS, COLUMNS or CREATE"));
        };
        let named = matches!(
            what,
            ShowList::Columns
                | ShowList::Databases
                | ShowList::Functions
                | ShowList::UserFunctions
                | ShowList::Models
                | ShowList::Procedures
                | ShowList::Tables
                | ShowList::Views
        );
        let within = match self.one_of(&["FROM", "IN"]).filter(|_| named) {
            Some(word) => {
                self.advance();
                let preposition = if word == "FROM" {
                    ShowPreposition::From
                } else {
                    ShowPreposition::In
                };
                Some((preposition, self.name("a name")?))
            }
            None if what == ShowList::Columns => return Err(self.unexpected("FROM or IN")),
            None => None,
        };
        let filtered = named || what == ShowList::Catalogs;
        let negated = filtered && self.is_word("NOT");
        if negated {
            self.advance();
        }
        let pattern = match self.one_of(&["LIKE", "ILIKE"]).filter(|_| filtered) {
            Some(word) => {
                self.advance();
                Some(ShowPattern {
                    negated,
                    ignore_case: word == "ILIKE",
                    pattern: self.string("a pattern")?.0,
                })
            }
            None if negated => return Err(self.unexpected("LIKE or ILIKE")),
            None => None,
        };
        Ok(StatementKind::Show(Show::List {
            what,
            within,
            pattern,
        }))
    }

    fn describe(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let of_something = self.is_name_at(1)
            || self.is_word_at(1, "EXTENDED")
            || self.kind(1) == Some(&TokenKind::Text);
        if let Some(word) = self.one_of(&["CATALOG", "DATABASE", "JOB", "CONNECTION"])
            && of_something
        {
            return Err(self.not_supported(&format!("DESCRIBE {word}")));
        }
        let kind = if self.eat_word("FUNCTION") {
            ObjectKind::Function
        } else if self.is_word("MODEL") && (self.is_name_at(1) || self.is_word_at(1, "EXTENDED")) {
            self.advance();
            ObjectKind::Model
        } else {
            ObjectKind::Table
        };
        Ok(StatementKind::Describe(Describe {
            kind,
            extended: self.eat_word("EXTENDED"),
            name: self.name("a name")?,
        }))
    }

    fn use_(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if self.is_word("MODULES") {
            return Err(self.not_supported("USE MODULES"));
        }
        let catalog = self.is_word("CATALOG") && self.is_name_at(1);
        if catalog {
            self.advance();
        }
        Ok(StatementKind::Use(Use {
            catalog,
            name: self.name("a name")?,
        }))
    }
}
