//! Expressions and queries as people type them into a parameter: one each, and nothing else.
//!
//! A parameter's text becomes part of a larger statement. Before it does, its tokens are checked:
//! a text that is no single expression would otherwise give an error somewhere else in the script,
//! or none at all and another meaning.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr, Ident, Query, Visit, Visitor};

use crate::diagnostics::{Diagnostic, Span, did_you_mean};
use crate::sql::lexer::{self, Token, TokenKind};
use crate::sql::{byte_span, parse_expression};

/// Words that end an expression where they stand outside of parentheses.
const CLAUSES: [&str; 14] = [
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "SELECT",
    "INSERT",
    "CREATE",
    "WINDOW",
    "QUALIFY",
];

/// Checks that a text is a single expression and reads it. The findings' spans count bytes of the
/// text.
pub(crate) fn check_expression(text: &str) -> Result<Expr, Diagnostic> {
    let tokens = lexer::tokenize(text);
    check_tokens(text, &tokens)?;
    let mut depth = 0usize;
    // `CASE … END` may hold any word; a window may hold ORDER inside its parentheses.
    for token in tokens.iter().filter(|token| !token.is_comment()) {
        match &token.kind {
            TokenKind::Symbol("(" | "[") => depth += 1,
            TokenKind::Symbol(")" | "]") => depth = depth.saturating_sub(1),
            TokenKind::Symbol(",") if depth == 0 => {
                return Err(wrong("this is more than one expression", token.span)
                    .help("give each its own entry"));
            }
            TokenKind::Word if depth == 0 => {
                let word = token.text(text).to_ascii_uppercase();
                if word == "AS" {
                    return Err(wrong("an expression has no AS here", token.span)
                        .help("the new column's name stands before the `=`"));
                }
                if CLAUSES.contains(&word.as_str()) {
                    return Err(wrong(
                        format!("{word} does not belong in an expression"),
                        token.span,
                    )
                    .help("for a whole query use an SQL node; a column of that name stands in backticks"));
                }
            }
            _ => {}
        }
    }
    if tokens.iter().all(Token::is_comment) {
        return Err(wrong("the expression is empty", Span::new(0, text.len())));
    }
    parse_expression(text).map_err(|mut found| {
        found.parameter_span = found.span.take();
        found
    })
}

/// Checks that an expression reads only these columns, and no other relation: what a node reads is
/// what its edges show. `text` is what the expression was read from.
pub(crate) fn check_columns(
    text: &str,
    expr: &Expr,
    relation: &str,
    columns: &[&str],
) -> Result<(), Diagnostic> {
    struct Check<'a> {
        text: &'a str,
        relation: &'a str,
        columns: &'a [&'a str],
    }
    impl Visitor for Check<'_> {
        type Break = Box<Diagnostic>;

        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<Self::Break> {
            let whole = Span::new(0, self.text.len());
            ControlFlow::Break(Box::new(
                wrong(
                    "a query inside an expression reads what no edge shows",
                    whole,
                )
                .help("use an SQL node"),
            ))
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
            let name = match expr {
                Expr::Identifier(name) => name,
                // `relation.column`, or a field of a column.
                Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                    [first, second, ..] if first.value == self.relation => second,
                    [first, ..] => first,
                    [] => return ControlFlow::Continue(()),
                },
                _ => return ControlFlow::Continue(()),
            };
            if self.columns.contains(&name.value.as_str()) {
                return ControlFlow::Continue(());
            }
            let near = did_you_mean(&name.value, self.columns.iter().copied());
            let mut found = Diagnostic::error(
                "column/unknown",
                format!("'{}' has no column '{}'", self.relation, name.value),
            )
            .help(match near {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("it has: {}", self.columns.join(", ")),
            });
            found.parameter_span = byte_span(self.text, name.span);
            ControlFlow::Break(Box::new(found))
        }
    }
    let mut check = Check {
        text,
        relation,
        columns,
    };
    match expr.visit(&mut check) {
        ControlFlow::Break(found) => Err(*found),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Whether an expression is `a OR b`, which binds less tightly than AND.
pub(crate) fn is_disjunction(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::BinaryOp {
            op: BinaryOperator::Or | BinaryOperator::Xor,
            ..
        }
    )
}

/// Checks that a text is a single expression over the columns of both sides of a join, and reads
/// it. A side is what it is called, its relation and its columns.
pub(crate) fn parse_on(
    text: &str,
    sides: &[(&str, &str, Vec<String>); 2],
) -> Result<Expr, Diagnostic> {
    struct Check<'a> {
        text: &'a str,
        sides: &'a [(&'a str, &'a str, Vec<String>); 2],
    }
    impl Check<'_> {
        fn unknown(&self, message: String, help: String, name: &Ident) -> Box<Diagnostic> {
            let mut found = Diagnostic::error("column/unknown", message).help(help);
            found.parameter_span = byte_span(self.text, name.span);
            Box::new(found)
        }

        fn of_side(&self, side: usize, name: &Ident) -> Result<(), Box<Diagnostic>> {
            let (_, relation, columns) = &self.sides[side];
            if columns.contains(&name.value) {
                return Ok(());
            }
            let help = match did_you_mean(&name.value, columns.iter().map(String::as_str)) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("it has: {}", columns.join(", ")),
            };
            let message = format!("'{relation}' has no column '{}'", name.value);
            Err(self.unknown(message, help, name))
        }

        fn of_either(&self, name: &Ident) -> Result<(), Box<Diagnostic>> {
            let [left, right] = self.sides;
            let known = |side: &(&str, &str, Vec<String>)| side.2.contains(&name.value);
            match (known(left), known(right)) {
                (true, true) => {
                    let mut found = Diagnostic::error(
                        "column/ambiguous",
                        format!("both sides have a column '{}'", name.value),
                    )
                    .help(format!(
                        "write {}.{} or {}.{}",
                        left.0, name.value, right.0, name.value
                    ));
                    found.parameter_span = byte_span(self.text, name.span);
                    Err(Box::new(found))
                }
                (false, false) => {
                    let all = left.2.iter().chain(&right.2).map(String::as_str);
                    let help = match did_you_mean(&name.value, all.clone()) {
                        Some(near) => format!("did you mean '{near}'?"),
                        None => format!("there are: {}", all.collect::<Vec<_>>().join(", ")),
                    };
                    let message = format!("neither side has a column '{}'", name.value);
                    Err(self.unknown(message, help, name))
                }
                _ => Ok(()),
            }
        }
    }
    impl Visitor for Check<'_> {
        type Break = Box<Diagnostic>;

        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<Self::Break> {
            let whole = Span::new(0, self.text.len());
            ControlFlow::Break(Box::new(
                wrong("a query inside a condition reads what no edge shows", whole)
                    .help("use an SQL node"),
            ))
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
            let checked = match expr {
                Expr::Identifier(name) => self.of_either(name),
                // `side.column`, or a field of a column.
                Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                    [first, second, ..] => {
                        let side = self.sides.iter().position(|side| side.0 == first.value);
                        match side {
                            Some(side) => self.of_side(side, second),
                            None => self.of_either(first),
                        }
                    }
                    [one] => self.of_either(one),
                    [] => Ok(()),
                },
                _ => Ok(()),
            };
            match checked {
                Ok(()) => ControlFlow::Continue(()),
                Err(found) => ControlFlow::Break(found),
            }
        }
    }
    let expr = check_expression(text)?;
    match expr.visit(&mut Check { text, sides }) {
        ControlFlow::Break(found) => Err(*found),
        ControlFlow::Continue(()) => Ok(expr),
    }
}

/// A call of a function that was checked.
#[derive(Debug)]
pub(crate) struct Call {
    /// The function's name in capitals.
    pub(crate) function: String,
    /// The whole call.
    pub(crate) expr: Expr,
}

/// Checks that a text is a single call of a function, such as `SUM(amount)`, with nothing around
/// it but a FILTER.
pub(crate) fn check_call(text: &str) -> Result<Call, Diagnostic> {
    let expr = check_expression(text)?;
    let tokens: Vec<Token> = lexer::tokenize(text)
        .into_iter()
        .filter(|token| !token.is_comment())
        .collect();
    let no_call = |span| {
        wrong("this is no single call of an aggregate function", span).help(
            "write for example SUM(amount); calculate with the results in a derive node after it",
        )
    };
    let (Some(name), Some(open)) = (tokens.first(), tokens.get(1)) else {
        return Err(no_call(Span::new(0, text.len())));
    };
    if name.kind != TokenKind::Word || open.kind != TokenKind::Symbol("(") {
        return Err(no_call(name.span));
    }
    let Some(close) = closing(&tokens, 1) else {
        return Err(no_call(Span::new(0, text.len())));
    };
    if let Some(next) = tokens.get(close + 1) {
        let is_word = |at: usize, word: &str| {
            tokens
                .get(at)
                .is_some_and(|token| token.text(text).eq_ignore_ascii_case(word))
        };
        if is_word(close + 1, "OVER") {
            return Err(wrong("the window is that of the node", next.span)
                .help("remove OVER and what follows"));
        }
        let filtered = is_word(close + 1, "FILTER") && is_word(close + 2, "(");
        let end = if filtered {
            closing(&tokens, close + 2)
        } else {
            None
        };
        if end.is_none_or(|end| end + 1 != tokens.len()) {
            return Err(no_call(next.span));
        }
    }
    Ok(Call {
        function: name.text(text).to_ascii_uppercase(),
        expr,
    })
}

/// A query that was checked.
pub(crate) struct QueryText {
    /// The query up to its last token: without a semicolon and comments at its end.
    pub(crate) end: usize,
    /// The byte right after a leading `WITH`, where more common tables can be put.
    pub(crate) after_with: Option<usize>,
}

/// Checks that a text is a single query.
pub(crate) fn check_query(text: &str) -> Result<QueryText, Diagnostic> {
    let mut tokens = lexer::tokenize(text);
    while tokens
        .last()
        .is_some_and(|token| token.is_comment() || token.kind == TokenKind::Symbol(";"))
    {
        tokens.pop();
    }
    check_tokens(text, &tokens)?;
    let first = tokens.iter().find(|token| !token.is_comment());
    let word = first.map_or(String::new(), |token| token.text(text).to_ascii_uppercase());
    let end = tokens.last().map_or(0, |token| token.span.end);
    match (first, word.as_str()) {
        (Some(with), "WITH") => Ok(QueryText {
            end,
            after_with: Some(with.span.end),
        }),
        (Some(_), "SELECT" | "VALUES" | "(") => Ok(QueryText {
            end,
            after_with: None,
        }),
        (Some(token), _) => Err(wrong("this is no query", token.span).help(
            "write SELECT … FROM one of the inputs; tables and inserts are nodes of their own",
        )),
        (None, _) => Err(wrong("the query is empty", Span::new(0, text.len()))),
    }
}

/// What is wrong with tokens wherever they stand: bad ones, semicolons, parentheses, comments
/// that would swallow what comes after them.
fn check_tokens(text: &str, tokens: &[Token]) -> Result<(), Diagnostic> {
    let mut open: Vec<&Token> = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match &token.kind {
            TokenKind::Bad(reason) => return Err(wrong(*reason, token.span)),
            TokenKind::Symbol(";") => {
                return Err(wrong("a semicolon ends a statement", token.span)
                    .help("remove it; one statement stands here"));
            }
            TokenKind::LineComment if i + 1 == tokens.len() => {
                return Err(wrong(
                    "a comment up to the end of the line cannot end here",
                    token.span,
                )
                .help("write it between /* and */, or as the node's comment"));
            }
            TokenKind::Symbol("(" | "[") => open.push(token),
            TokenKind::Symbol(")" | "]") => {
                let fits = open.pop().is_some_and(|opening| {
                    (opening.text(text) == "(") == (token.text(text) == ")")
                });
                if !fits {
                    return Err(wrong(
                        format!("nothing opens this '{}'", token.text(text)),
                        token.span,
                    ));
                }
            }
            _ => {}
        }
    }
    match open.last() {
        Some(token) => Err(wrong(
            format!("this '{}' is never closed", token.text(text)),
            token.span,
        )),
        None => Ok(()),
    }
}

/// The token that closes the parenthesis at `at`.
fn closing(tokens: &[Token], at: usize) -> Option<usize> {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match token.kind {
            TokenKind::Symbol("(") => depth += 1,
            TokenKind::Symbol(")") => {
                depth -= 1;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

fn wrong(message: impl Into<String>, span: Span) -> Diagnostic {
    let mut diagnostic = Diagnostic::error("sql/expression", message);
    diagnostic.parameter_span = Some(span);
    diagnostic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(result: Result<impl Sized, Diagnostic>, text: &str) -> (String, String) {
        let error = result
            .err()
            .unwrap_or_else(|| panic!("{text} was accepted"));
        let span = error.parameter_span.unwrap();
        (text[span.range()].to_string(), error.message)
    }

    #[test]
    fn expressions() {
        for text in [
            "amount",
            "amount > 5 AND (a OR b)",
            "CASE WHEN a THEN 1 ELSE 2 END",
            "EXTRACT(DAY FROM ts)",
            "TRIM(BOTH ' ' FROM name)",
            "CAST(a AS DOUBLE)",
            "';--'",
            "a -- half\n + b",
            "a /* why */",
            "`order`",
            "ARRAY[1, 2]",
            "a IN (SELECT x FROM y)",
        ] {
            assert!(check_expression(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression() {
        for (text, place, message) in [
            ("", "", "the expression is empty"),
            (" /* a */ ", " /* a */ ", "the expression is empty"),
            ("a, b", ",", "more than one expression"),
            ("a AS b", "AS", "no AS here"),
            ("a FROM t", "FROM", "FROM does not belong"),
            ("(a", "(", "never closed"),
            ("a)", ")", "nothing opens"),
            ("(a]", "]", "nothing opens"),
            ("a; DROP TABLE t", ";", "a semicolon"),
            ("a -- b", "-- b", "a comment up to the end"),
            ("'a", "'a", "never closed"),
            ("a b", "b", "expected"),
            ("a +", "", "expected"),
            ("a = \"b\"", "\"b\"", "double quotes"),
        ] {
            let (at, why) = refused(check_expression(text), text);
            assert_eq!(at, place, "{text}");
            assert!(why.contains(message), "{text}: {why}");
        }
    }

    #[test]
    fn columns_of_expressions() {
        let check = |text: &str| {
            let expr = check_expression(text).unwrap();
            check_columns(text, &expr, "t", &["id", "amount", "ts", "order"])
        };
        for text in [
            "1",
            "id + amount",
            "t.amount",
            "`order` = 'order'",
            "EXTRACT(DAY FROM ts)",
            "TIMESTAMPDIFF(SECOND, ts, ts)",
            "CURRENT_TIMESTAMP",
            "COUNT(*)",
            "COUNT(DISTINCT id) FILTER (WHERE amount > 1)",
            "CAST(id AS ROW<a INT>)",
            "CASE id WHEN 1 THEN amount END",
        ] {
            assert!(check(text).is_ok(), "{text}: {:?}", check(text));
        }
        for (text, place, message) in [
            ("id + amuont", "amuont", "'t' has no column 'amuont'"),
            ("UPPER(x)", "x", "no column 'x'"),
            ("t.x", "x", "no column 'x'"),
            ("s.id", "s", "no column 's'"),
            ("COUNT(id) FILTER (WHERE größe > 1)", "größe", "no column"),
            ("`Order`", "`Order`", "no column 'Order'"),
            (
                "id IN (SELECT id FROM t)",
                "id IN (SELECT id FROM t)",
                "no edge shows",
            ),
        ] {
            let (at, why) = refused(check(text), text);
            assert_eq!(at, place, "{text}");
            assert!(why.contains(message), "{text}: {why}");
        }
    }

    #[test]
    fn calls() {
        for (text, name) in [
            ("COUNT(*)", "COUNT"),
            ("sum(a * (b + 1))", "SUM"),
            ("COUNT(DISTINCT a) FILTER (WHERE b > 0)", "COUNT"),
            ("LAG(ts, 1)", "LAG"),
        ] {
            assert_eq!(check_call(text).unwrap().function, name);
        }
        for (text, place, message) in [
            ("amount", "amount", "no single call"),
            ("SUM(a) / COUNT(*)", "/", "no single call"),
            ("1 + SUM(a)", "1", "no single call"),
            ("SUM(a) OVER (ORDER BY ts)", "OVER", "that of the node"),
            ("SUM(a) FILTER (WHERE b) + 1", "FILTER", "no single call"),
            ("(SUM(a))", "(", "no single call"),
        ] {
            let (at, why) = refused(check_call(text), text);
            assert_eq!(at, place, "{text}");
            assert!(why.contains(message), "{text}: {why}");
        }
    }

    #[test]
    fn queries() {
        let query = check_query("SELECT * FROM t; -- done\n").unwrap();
        assert_eq!((query.end, query.after_with), (15, None));
        let query = check_query("/* a */ WITH x AS (SELECT 1) SELECT * FROM x").unwrap();
        assert_eq!(query.after_with, Some(12));
        for (text, place, message) in [
            ("", "", "empty"),
            ("INSERT INTO t SELECT 1", "INSERT", "no query"),
            ("SELECT 1; SELECT 2", ";", "semicolon"),
            ("SELECT (1", "(", "never closed"),
        ] {
            let (at, why) = refused(check_query(text), text);
            assert_eq!(at, place, "{text}");
            assert!(why.contains(message), "{text}: {why}");
        }
    }
}
