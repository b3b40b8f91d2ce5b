//! Expressions.
//!
//! Precedence is Calcite's (`SqlStdOperatorTable`), from loose to tight: `OR` 22, `AND` 24, `NOT`
//! 26, `IS …` 28, comparisons and `IS DISTINCT FROM` 30, `BETWEEN`, `IN`, `LIKE`, `SIMILAR TO` 32,
//! `+ -` 40, `* / % ||` 60, signs 80, then `.` and `[]`. Binary operators associate to the left.

use datafusion_sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion_sql::sqlparser::ast::{
    AccessExpr, Array, BinaryOperator, CaseWhen, DataType, DateTimeField, Expr, ExtractSyntax,
    Ident, Interval, ObjectName, Subscript, TimezoneInfo, TrimWhereField, TypedString,
    UnaryOperator, Value, ValueWithSpan,
};

use super::keywords;
use super::lexer::{self, TokenKind};
use super::literal::{self, Field};
use super::markers;
use super::parser::{HelpWith, Parsed, Parser, SYNTAX};
use crate::diagnostics::{Diagnostic, Span};

const OR: u8 = 22;
const AND: u8 = 24;
const NOT: u8 = 26;
const IS: u8 = 28;
const COMPARE: u8 = 30;
const RANGE: u8 = 32;
const ADD: u8 = 40;
const MULTIPLY: u8 = 60;
const SIGN: u8 = 80;

/// How many operators one chain may have: trees lean to the left and are walked recursively.
const MAX_CHAIN: usize = 500;

/// Functions without parentheses.
const NILADIC: [&str; 5] = [
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "LOCALTIME",
    "LOCALTIMESTAMP",
];

/// Words that start an expression of Calcite's which Flink or Millstream does not run.
const REFUSED: [&str; 5] = ["CURSOR", "MULTISET", "NEXT", "PERIOD", "RUNNING"];

/// Reserved words that are names in an expression: Calcite reads its context variables as identifiers
/// and Flink has no function behind them, so they are columns.
const NAMES: [&str; 8] = [
    "CURRENT_CATALOG",
    "CURRENT_PATH",
    "CURRENT_ROLE",
    "CURRENT_SCHEMA",
    "CURRENT_USER",
    "SESSION_USER",
    "SYSTEM_USER",
    "USER",
];

/// An infix or postfix operator.
enum Operator {
    Binary(BinaryOperator),
    Is,
    IsDistinct { negated: bool },
    Between { negated: bool },
    In { negated: bool },
    Like { negated: bool },
    Similar { negated: bool },
    Overlaps,
}

impl Parser<'_> {
    /// A whole expression.
    pub(crate) fn expr(&mut self) -> Parsed<Expr> {
        self.expr_above(0)
    }

    /// An expression whose operators bind at least as tightly as `min`.
    fn expr_above(&mut self, min: u8) -> Parsed<Expr> {
        self.nested(|p| {
            let mut left = p.prefix(min)?;
            for _ in 0..MAX_CHAIN {
                match p.next_operator() {
                    Some((operator, strength, tokens)) if strength >= min => {
                        for _ in 0..tokens {
                            p.advance();
                        }
                        left = p.apply(operator, strength, left)?;
                    }
                    _ => return Ok(left),
                }
            }
            Err(p.not_supported(&format!(
                "an expression of more than {MAX_CHAIN} operators without parentheses"
            )))
        })
    }

    /// The operator that comes next, how tightly it binds, and of how many tokens it is.
    fn next_operator(&self) -> Option<(Operator, u8, usize)> {
        let binary = |op, strength| Some((Operator::Binary(op), strength, 1));
        match self.kind(0)? {
            TokenKind::Symbol(symbol) => match *symbol {
                "=" => binary(BinaryOperator::Eq, COMPARE),
                "<>" => binary(BinaryOperator::NotEq, COMPARE),
                "<" => binary(BinaryOperator::Lt, COMPARE),
                "<=" => binary(BinaryOperator::LtEq, COMPARE),
                ">" => binary(BinaryOperator::Gt, COMPARE),
                ">=" => binary(BinaryOperator::GtEq, COMPARE),
                "+" => binary(BinaryOperator::Plus, ADD),
                "-" => binary(BinaryOperator::Minus, ADD),
                "*" => binary(BinaryOperator::Multiply, MULTIPLY),
                "/" => binary(BinaryOperator::Divide, MULTIPLY),
                "%" => binary(BinaryOperator::Modulo, MULTIPLY),
                "||" => binary(BinaryOperator::StringConcat, MULTIPLY),
                _ => None,
            },
            TokenKind::Word => {
                let negated = self.is_word("NOT");
                let at = usize::from(negated);
                let word = |word: &str| self.is_word_at(at, word);
                if word("BETWEEN") {
                    return Some((Operator::Between { negated }, RANGE, at + 1));
                }
                if word("IN") {
                    return Some((Operator::In { negated }, RANGE, at + 1));
                }
                if word("LIKE") {
                    return Some((Operator::Like { negated }, RANGE, at + 1));
                }
                if word("SIMILAR") && self.is_word_at(at + 1, "TO") {
                    return Some((Operator::Similar { negated }, RANGE, at + 2));
                }
                if negated {
                    None
                } else if word("AND") {
                    binary(BinaryOperator::And, AND)
                } else if word("OR") {
                    binary(BinaryOperator::Or, OR)
                } else if self.is_words(&["IS", "DISTINCT", "FROM"]) {
                    Some((Operator::IsDistinct { negated: false }, COMPARE, 3))
                } else if self.is_words(&["IS", "NOT", "DISTINCT", "FROM"]) {
                    Some((Operator::IsDistinct { negated: true }, COMPARE, 4))
                } else if word("IS") {
                    Some((Operator::Is, IS, 1))
                } else if word("OVERLAPS") {
                    Some((Operator::Overlaps, COMPARE, 1))
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// Reads what follows an operator.
    fn apply(&mut self, operator: Operator, strength: u8, left: Expr) -> Parsed<Expr> {
        let left = Box::new(left);
        Ok(match operator {
            Operator::Binary(op) => {
                if strength == COMPARE
                    && self.is_symbol_at(1, "(")
                    && let Some(word) = self.one_of(&["ANY", "SOME", "ALL"])
                {
                    // Equal to one of them is IN, different from all of them NOT IN.
                    let is_in = match op {
                        BinaryOperator::Eq => word != "ALL",
                        BinaryOperator::NotEq => word == "ALL",
                        _ => false,
                    };
                    if is_in {
                        self.advance();
                        return self.in_what(left, op == BinaryOperator::NotEq);
                    }
                    if self.starts_query(1) {
                        self.advance();
                        self.expect_symbol("(")?;
                        let right = Box::new(Expr::Subquery(self.query_body()?));
                        self.expect_symbol(")")?;
                        return Ok(match word {
                            "ALL" => Expr::AllOp {
                                left,
                                compare_op: op,
                                right,
                            },
                            word => Expr::AnyOp {
                                left,
                                compare_op: op,
                                right,
                                is_some: word == "SOME",
                            },
                        });
                    }
                    return Err(self.not_supported(&format!("a comparison with {word} (…)")));
                }
                Expr::BinaryOp {
                    left,
                    op,
                    right: Box::new(self.expr_above(strength + 1)?),
                }
            }
            Operator::Is => self.is_what(left)?,
            Operator::IsDistinct { negated } => {
                let right = Box::new(self.expr_above(COMPARE + 1)?);
                if negated {
                    Expr::IsNotDistinctFrom(left, right)
                } else {
                    Expr::IsDistinctFrom(left, right)
                }
            }
            Operator::Between { negated } => {
                if self.is_word("SYMMETRIC") {
                    return Err(self
                        .not_supported("BETWEEN SYMMETRIC")
                        .help_with("write x BETWEEN a AND b OR x BETWEEN b AND a"));
                }
                self.eat_word("ASYMMETRIC");
                let low = Box::new(self.expr_above(AND + 1)?);
                self.expect_word("AND")?;
                Expr::Between {
                    expr: left,
                    negated,
                    low,
                    high: Box::new(self.expr_above(RANGE + 1)?),
                }
            }
            Operator::In { negated } => self.in_what(left, negated)?,
            Operator::Like { negated } => self.like_what(left, negated)?,
            Operator::Overlaps => {
                let name = self.marker(markers::OVERLAPS);
                let mut points = self.pair(*left)?;
                let right = self.expr_above(COMPARE + 1)?;
                points.extend(self.pair(right)?);
                markers::call(name, points)
            }
            Operator::Similar { negated } => Expr::SimilarTo {
                negated,
                expr: left,
                pattern: Box::new(self.expr_above(RANGE + 1)?),
                escape_char: self.escape()?,
            },
        })
    }

    /// The two of a period.
    fn pair(&self, expr: Expr) -> Parsed<Vec<Expr>> {
        match expr {
            Expr::Tuple(points) if points.len() == 2 => Ok(points),
            _ => {
                Err(self
                    .unexpected("OVERLAPS between two pairs, (start, end) OVERLAPS (start, end),"))
            }
        }
    }

    /// After `LIKE`.
    fn like_what(&mut self, expr: Box<Expr>, negated: bool) -> Parsed<Expr> {
        let name = self.marker(markers::LIKE);
        let pattern = Box::new(self.expr_above(RANGE + 1)?);
        let escape_char = self.escape()?;
        // What sqlparser's trees hold is one byte.
        if let Some(escape) = &escape_char
            && let Value::SingleQuotedString(text) = &escape.value
            && text.len() != 1
        {
            let test = markers::call(name, vec![*expr, *pattern, markers::text(text)]);
            return Ok(match negated {
                false => test,
                true => Expr::Nested(Box::new(Expr::UnaryOp {
                    op: UnaryOperator::Not,
                    expr: Box::new(test),
                })),
            });
        }
        Ok(Expr::Like {
            negated,
            any: false,
            expr,
            pattern,
            escape_char,
        })
    }

    /// After `IS`.
    fn is_what(&mut self, left: Box<Expr>) -> Parsed<Expr> {
        type Test = fn(Box<Expr>) -> Expr;
        let tests: [(&str, Test, Test); 4] = [
            ("NULL", Expr::IsNull, Expr::IsNotNull),
            ("TRUE", Expr::IsTrue, Expr::IsNotTrue),
            ("FALSE", Expr::IsFalse, Expr::IsNotFalse),
            ("UNKNOWN", Expr::IsUnknown, Expr::IsNotUnknown),
        ];
        let negated = self.eat_word("NOT");
        for (word, positive, negative) in tests {
            if self.eat_word(word) {
                return Ok(if negated { negative } else { positive }(left));
            }
        }
        if self.is_word("JSON") {
            let name = self.marker(markers::IS_JSON);
            self.advance();
            let what = self
                .eat_one_of(&["VALUE", "OBJECT", "ARRAY", "SCALAR"])
                .unwrap_or("VALUE");
            let test = markers::call(name, vec![*left, markers::text(what)]);
            return Ok(if negated {
                // In parentheses: NOT binds less tightly than what may follow.
                Expr::Nested(Box::new(Expr::UnaryOp {
                    op: UnaryOperator::Not,
                    expr: Box::new(test),
                }))
            } else {
                test
            });
        }
        if self.is_words(&["A", "SET"]) || self.is_word("EMPTY") {
            return Err(self.not_supported("this test of a multiset"));
        }
        Err(self.unexpected("NULL, TRUE, FALSE, UNKNOWN, DISTINCT FROM or JSON"))
    }

    /// After `IN`.
    fn in_what(&mut self, expr: Box<Expr>, negated: bool) -> Parsed<Expr> {
        if self.is_symbol("(") && self.starts_query(0) {
            self.advance();
            let subquery = self.query_body()?;
            self.expect_symbol(")")?;
            return Ok(Expr::InSubquery {
                expr,
                subquery,
                negated,
            });
        }
        self.expect_symbol("(")?;
        let list = self.comma_separated(Self::expr)?;
        self.close_list()?;
        Ok(Expr::InList {
            expr,
            list,
            negated,
        })
    }

    /// `ESCAPE 'c'`
    fn escape(&mut self) -> Parsed<Option<ValueWithSpan>> {
        if !self.eat_word("ESCAPE") {
            return Ok(None);
        }
        let (value, span) = self.string("the escape character")?;
        if value.chars().count() > 1 {
            return Err(Box::new(
                Diagnostic::error(SYNTAX, "ESCAPE takes a single character").at(span),
            ));
        }
        Ok(Some(ValueWithSpan {
            value: Value::SingleQuotedString(value),
            span: self.ast_span(span),
        }))
    }

    /// Signs, `NOT`, and what stands between operators.
    fn prefix(&mut self, min: u8) -> Parsed<Expr> {
        if self.is_symbol("-") || self.is_symbol("+") {
            let op = if self.is_symbol("-") {
                UnaryOperator::Minus
            } else {
                UnaryOperator::Plus
            };
            self.advance();
            return Ok(Expr::UnaryOp {
                op,
                expr: Box::new(self.expr_above(SIGN)?),
            });
        }
        if self.is_word("NOT") {
            if min > NOT {
                return Err(self
                    .not_supported("NOT after an operator")
                    .help_with("put it in parentheses: a = (NOT b)"));
            }
            self.advance();
            return Ok(Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr: Box::new(self.expr_above(NOT)?),
            });
        }
        let start = self.position();
        let primary = self.primary()?;
        self.access(primary, start)
    }

    /// `[index]` and `.field` after an operand.
    fn access(&mut self, root: Expr, start: usize) -> Parsed<Expr> {
        let mut access_chain = Vec::new();
        loop {
            if self.eat_symbol("[") {
                let index = self.expr()?;
                self.expect_symbol("]")?;
                access_chain.push(AccessExpr::Subscript(Subscript::Index { index }));
            } else if self.is_symbol(".") {
                if self.is_symbol_at(1, "*") {
                    return Err(self.not_supported("'.*' after an expression"));
                }
                self.advance();
                let field = self.ident("the name of a field")?;
                access_chain.push(AccessExpr::Dot(Expr::Identifier(field)));
            } else {
                break;
            }
        }
        if access_chain.is_empty() {
            return Ok(root);
        }
        if access_chain.len() > MAX_CHAIN {
            return Err(self.not_supported_from(start, "so long a chain of accesses"));
        }
        Ok(Expr::CompoundFieldAccess {
            root: Box::new(root),
            access_chain,
        })
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let span = self.span();
        let Some(kind) = self.kind(0) else {
            return Err(self.unexpected("an expression"));
        };
        match kind {
            TokenKind::Number => {
                let value = Value::Number(self.text(0).to_string(), false);
                self.advance();
                Ok(self.value(value, span))
            }
            TokenKind::Text | TokenKind::Unicode => {
                let (text, span) = self.string("a string")?;
                Ok(self.value(Value::SingleQuotedString(text), span))
            }
            TokenKind::Bytes => self.bytes(span),
            TokenKind::Symbol("(") => self.parenthesis(),
            TokenKind::Symbol("{") => Err(self.not_supported("an escape in braces")),
            TokenKind::Quoted => self.name_or_call(),
            TokenKind::Word => self.word(span),
            _ => Err(self.unexpected("an expression")),
        }
    }

    /// `X'0aff'`
    fn bytes(&mut self, span: Span) -> Parsed<Expr> {
        let digits = lexer::unquote(self.text(0)).into_owned();
        if digits.len() % 2 == 1 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Box::new(
                Diagnostic::error(
                    SYNTAX,
                    "a string of bytes has an even number of hexadecimal digits",
                )
                .at(span),
            ));
        }
        self.advance();
        Ok(self.value(Value::HexStringLiteral(digits), span))
    }

    /// `(query)`, `(expr)`, `(a, b)`
    fn parenthesis(&mut self) -> Parsed<Expr> {
        let query = self.starts_query(0);
        self.advance();
        if query {
            let query = self.query_body()?;
            self.expect_symbol(")")?;
            return Ok(Expr::Subquery(query));
        }
        let mut list = self.comma_separated(Self::expr)?;
        self.close_list()?;
        Ok(if list.len() == 1 {
            Expr::Nested(Box::new(list.remove(0)))
        } else {
            Expr::Tuple(list)
        })
    }

    /// The `)` of a list that could have gone on.
    fn close_list(&mut self) -> Parsed<()> {
        if self.eat_symbol(")") {
            Ok(())
        } else {
            Err(self.unexpected("',', ')' or an operator"))
        }
    }

    /// An expression that starts with a plain word.
    fn word(&mut self, span: Span) -> Parsed<Expr> {
        let word = self.text(0).to_ascii_uppercase();
        let called = self.is_symbol_at(1, "(");
        match word.as_str() {
            "TRUE" | "FALSE" | "NULL" | "UNKNOWN" => return Ok(self.word_literal(&word, span)),
            "DATE" | "TIME" | "TIMESTAMP"
                if matches!(self.kind(1), Some(TokenKind::Text | TokenKind::Unicode)) =>
            {
                return self.datetime(&word);
            }
            "INTERVAL" => return self.interval(),
            "CASE" => return self.case(),
            "EXISTS" => return self.exists(),
            "ARRAY" | "MAP" if self.is_symbol_at(1, "[") => return self.collection(&word, span),
            "ARRAY" | "MAP" if called => {
                return Err(self.not_supported(&format!("{word} of a query")));
            }
            _ if NILADIC.contains(&word.as_str()) => return self.niladic(&word, called),
            _ if REFUSED.contains(&word.as_str()) => {
                return Err(self.not_supported(&format!("{word} in an expression")));
            }
            _ if NAMES.contains(&word.as_str()) && !called => {
                let ident = Ident::new(self.text(0));
                let span = self.ast_span(span);
                self.advance();
                return Ok(Expr::Identifier(Ident { span, ..ident }));
            }
            _ => {}
        }
        if called && let Some(expr) = self.special_call(&word)? {
            return Ok(expr);
        }
        if keywords::is_reserved(&word) && !(called && keywords::is_reserved_function(&word)) {
            return Err(self.unexpected("an expression"));
        }
        self.name_or_call()
    }

    fn word_literal(&mut self, word: &str, span: Span) -> Expr {
        let name = self.marker(markers::CAST);
        self.advance();
        match word {
            "TRUE" => self.value(Value::Boolean(true), span),
            "FALSE" => self.value(Value::Boolean(false), span),
            "NULL" => self.value(Value::Null, span),
            // UNKNOWN
            _ => {
                let null = self.value(Value::Null, span);
                markers::call(name, vec![null, markers::text("BOOLEAN")])
            }
        }
    }

    fn exists(&mut self) -> Parsed<Expr> {
        self.advance();
        self.expect_symbol("(")?;
        let subquery = self.query_body()?;
        self.expect_symbol(")")?;
        Ok(Expr::Exists {
            subquery,
            negated: false,
        })
    }

    /// `ARRAY[…]`, `MAP[…]`
    fn collection(&mut self, word: &str, span: Span) -> Parsed<Expr> {
        let name = self.marker(markers::MAP);
        self.advance();
        let items = self.bracketed()?;
        if word == "ARRAY" {
            return Ok(Expr::Array(Array {
                elem: items,
                named: true,
            }));
        }
        if items.len() % 2 == 1 {
            return Err(Box::new(
                Diagnostic::error(
                    SYNTAX,
                    "MAP[…] takes keys and values in turn, but has an odd number of items",
                )
                .at(span),
            ));
        }
        Ok(markers::call(name, items))
    }

    fn niladic(&mut self, word: &str, called: bool) -> Parsed<Expr> {
        if called {
            return Err(self
                .not_supported(&format!("a precision for {word}"))
                .help_with(format!("write {word} without parentheses")));
        }
        let name = self.marker(word);
        self.advance();
        Ok(markers::niladic(name))
    }

    /// `[a, b, …]`
    fn bracketed(&mut self) -> Parsed<Vec<Expr>> {
        self.expect_symbol("[")?;
        let items = self.comma_separated(Self::expr)?;
        if !self.eat_symbol("]") {
            return Err(self.unexpected("',', ']' or an operator"));
        }
        Ok(items)
    }

    /// `DATE '…'`, `TIME '…'`, `TIMESTAMP '…'`. The precision is the number of digits written.
    fn datetime(&mut self, word: &str) -> Parsed<Expr> {
        self.advance();
        let (text, span) = self.string("a date or time")?;
        let wrong = |form: &str| {
            Box::new(
                Diagnostic::error(SYNTAX, format!("'{text}' is not a {}", word.to_lowercase()))
                    .at(span)
                    .help(format!("write {word} '{form}'")),
            )
        };
        let (data_type, text) = match word {
            "DATE" => (
                DataType::Date,
                literal::date(&text).ok_or_else(|| wrong("2024-12-31"))?,
            ),
            "TIME" => {
                let (text, digits) = literal::time(&text).ok_or_else(|| wrong("23:59:59"))?;
                (DataType::Time(Some(digits), TimezoneInfo::None), text)
            }
            _ => {
                let (text, digits) =
                    literal::timestamp(&text).ok_or_else(|| wrong("2024-12-31 23:59:59"))?;
                (DataType::Timestamp(Some(digits), TimezoneInfo::None), text)
            }
        };
        Ok(Expr::TypedString(TypedString {
            data_type,
            value: ValueWithSpan {
                value: Value::SingleQuotedString(text),
                span: self.ast_span(span),
            },
            uses_odbc_syntax: false,
        }))
    }

    /// `INTERVAL '1-2' YEAR TO MONTH`, brought down to one field: `INTERVAL '14' MONTH`.
    fn interval(&mut self) -> Parsed<Expr> {
        let start = self.position();
        self.advance();
        let negative = self.is_symbol("-");
        if negative || self.is_symbol("+") {
            self.advance();
        }
        if !matches!(self.kind(0), Some(TokenKind::Text | TokenKind::Unicode)) {
            let mut error = self.unexpected("the length of the interval in single quotes");
            error.help = Some("write INTERVAL '5' MINUTE".into());
            return Err(error);
        }
        let (text, span) = self.string("the length of the interval")?;
        let (from, precision) = self.interval_field(true)?;
        let to = if self.eat_word("TO") {
            Some(self.interval_field(false)?.0)
        } else {
            None
        };
        let interval =
            literal::interval(&text, negative, from, precision, to).map_err(|message| {
                Box::new(
                    Diagnostic::error(SYNTAX, message.text)
                        .at(self.span_from(start))
                        .help(message.help),
                )
            })?;
        Ok(Expr::Interval(Interval {
            value: Box::new(self.value(Value::SingleQuotedString(interval.value), span)),
            leading_field: Some(interval.field),
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        }))
    }

    /// A field of an interval, with the precision in parentheses that may follow it.
    fn interval_field(&mut self, leading: bool) -> Parsed<(Field, Option<u64>)> {
        let Some(field) =
            Field::from_word(self.text(0)).filter(|_| self.kind(0) == Some(&TokenKind::Word))
        else {
            return Err(self.unexpected("YEAR, MONTH, DAY, HOUR, MINUTE or SECOND"));
        };
        self.advance();
        let mut precision = None;
        if self.is_symbol("(") && (leading || field == Field::Second) {
            self.advance();
            precision = Some(self.integer("a number of digits")?);
            if self.eat_symbol(",") {
                self.integer("a number of digits")?;
            }
            self.expect_symbol(")")?;
        }
        Ok((field, precision))
    }

    fn case(&mut self) -> Parsed<Expr> {
        self.advance();
        let operand = if self.is_word("WHEN") {
            None
        } else {
            Some(Box::new(self.expr()?))
        };
        let mut conditions = Vec::new();
        while self.eat_word("WHEN") {
            // `CASE x WHEN 1, 2 THEN y` is two conditions with one result.
            let tests = if operand.is_some() {
                self.comma_separated(Self::expr)?
            } else {
                vec![self.expr()?]
            };
            self.expect_word("THEN")?;
            let result = self.expr()?;
            conditions.extend(tests.into_iter().map(|condition| CaseWhen {
                condition,
                result: result.clone(),
            }));
        }
        if conditions.is_empty() {
            return Err(self.unexpected("WHEN"));
        }
        let else_result = if self.eat_word("ELSE") {
            Some(Box::new(self.expr()?))
        } else {
            None
        };
        if !self.eat_word("END") {
            return Err(self.unexpected("WHEN, ELSE or END"));
        }
        Ok(Expr::Case {
            case_token: AttachedToken::empty(),
            end_token: AttachedToken::empty(),
            operand,
            conditions,
            else_result,
        })
    }

    /// A call with a grammar of its own; `None` if `word` has none.
    ///
    /// Each grammar is a function of its own, which keeps the stack of this one small.
    fn special_call(&mut self, word: &str) -> Parsed<Option<Expr>> {
        let expr = match word {
            "CAST" => self.cast(markers::CAST),
            "TRY_CAST" => self.cast(markers::TRY_CAST),
            "ROW" => self.row(),
            "EXTRACT" => self.extract(),
            "FLOOR" => self.rounding("FLOOR", markers::FLOOR),
            "CEIL" | "CEILING" => self.rounding("CEIL", markers::CEIL),
            "TIMESTAMPADD" => self.timestamp_arithmetic(markers::TIMESTAMPADD),
            "TIMESTAMPDIFF" => self.timestamp_arithmetic(markers::TIMESTAMPDIFF),
            "POSITION" => self.position_of(),
            "SUBSTRING" => self.substring(),
            "OVERLAY" => self.overlay(),
            "TRIM" => self.trim(),
            "CONVERT" | "TREAT" | "CLASSIFIER" | "MATCH_NUMBER" | "PREV" | "GROUP_CONCAT"
            | "STRING_AGG" | "ARRAY_CONCAT_AGG" | "SPECIFICTYPE" => {
                Err(self.not_supported(&format!("{word}(…)")))
            }
            _ => return self.json_call(word),
        };
        expr.map(Some)
    }

    /// `CAST(x AS T)`
    fn cast(&mut self, marker: &str) -> Parsed<Expr> {
        let name = self.marker(marker);
        self.open_call();
        let expr = self.expr()?;
        if !self.eat_word("AS") {
            return Err(self.unexpected("an operator, or AS and a data type"));
        }
        let (ty, _) = self.data_type()?;
        self.expect_symbol(")")?;
        Ok(markers::call(
            name,
            vec![expr, markers::text(ty.to_string())],
        ))
    }

    /// `ROW(a, b)`
    fn row(&mut self) -> Parsed<Expr> {
        let name = self.marker(markers::ROW);
        self.open_call();
        let items = if self.is_symbol(")") {
            vec![]
        } else {
            self.comma_separated(Self::expr)?
        };
        self.close_list()?;
        Ok(markers::call(name, items))
    }

    /// `EXTRACT(DAY FROM x)`
    fn extract(&mut self) -> Parsed<Expr> {
        self.open_call();
        let field = self.time_unit(true)?;
        self.expect_word("FROM")?;
        let expr = Box::new(self.expr()?);
        self.close_list()?;
        Ok(Expr::Extract {
            field,
            syntax: ExtractSyntax::From,
            expr,
        })
    }

    /// `FLOOR(x)`, `FLOOR(x TO DAY)`
    fn rounding(&mut self, plain: &str, to_unit: &str) -> Parsed<Expr> {
        let plain = self.marker(plain);
        let to_unit = self.marker(to_unit);
        self.open_call();
        let expr = self.expr()?;
        if self.eat_word("TO") {
            let unit = self.time_unit(false)?;
            self.expect_symbol(")")?;
            return Ok(markers::call(
                to_unit,
                vec![expr, markers::text(unit.to_string())],
            ));
        }
        self.close_list()?;
        Ok(markers::call(plain, vec![expr]))
    }

    /// `TIMESTAMPADD(DAY, a, b)`
    fn timestamp_arithmetic(&mut self, marker: &str) -> Parsed<Expr> {
        let name = self.marker(marker);
        self.open_call();
        let unit = self.time_unit(false)?;
        self.expect_symbol(",")?;
        let first = self.expr()?;
        self.expect_symbol(",")?;
        let second = self.expr()?;
        self.close_list()?;
        Ok(markers::call(
            name,
            vec![markers::text(unit.to_string()), first, second],
        ))
    }

    /// `POSITION(a IN b)`
    fn position_of(&mut self) -> Parsed<Expr> {
        self.open_call();
        let expr = Box::new(self.expr_above(RANGE + 1)?);
        self.expect_word("IN")?;
        let within = Box::new(self.expr()?);
        if self.is_word("FROM") {
            return Err(self.not_supported("POSITION … FROM"));
        }
        self.close_list()?;
        Ok(Expr::Position { expr, r#in: within })
    }

    /// `SUBSTRING(a FROM b FOR c)`, `SUBSTRING(a, b, c)`
    fn substring(&mut self) -> Parsed<Expr> {
        self.open_call();
        let expr = Box::new(self.expr()?);
        let special = self.is_symbol(",");
        if !special && !self.is_word("FROM") {
            return Err(self.unexpected("an operator, ',' or FROM"));
        }
        self.advance();
        let from = Some(Box::new(self.expr()?));
        let length = if self.eat_symbol(",") || self.eat_word("FOR") {
            Some(Box::new(self.expr()?))
        } else {
            None
        };
        self.close_list()?;
        Ok(Expr::Substring {
            expr,
            substring_from: from,
            substring_for: length,
            special,
            shorthand: false,
        })
    }

    /// `OVERLAY(a PLACING b FROM c FOR d)`, `OVERLAY(a, b, c, d)`
    fn overlay(&mut self) -> Parsed<Expr> {
        self.open_call();
        let expr = Box::new(self.expr()?);
        let commas = self.is_symbol(",");
        let separator = |p: &mut Self, word: &str| {
            if commas {
                p.expect_symbol(",")
            } else {
                p.expect_word(word)
            }
        };
        separator(self, "PLACING")?;
        let what = Box::new(self.expr()?);
        separator(self, "FROM")?;
        let from = Box::new(self.expr()?);
        let length = if self.eat_word("FOR") || self.eat_symbol(",") {
            Some(Box::new(self.expr()?))
        } else {
            None
        };
        self.close_list()?;
        Ok(Expr::Overlay {
            expr,
            overlay_what: what,
            overlay_from: from,
            overlay_for: length,
        })
    }

    /// `TRIM(x)`, `TRIM(BOTH 'a' FROM x)`, `TRIM('a' FROM x)`, `TRIM(LEADING FROM x)`
    fn trim(&mut self) -> Parsed<Expr> {
        self.open_call();
        let side = self
            .eat_one_of(&["BOTH", "LEADING", "TRAILING"])
            .map(|word| match word {
                "BOTH" => TrimWhereField::Both,
                "LEADING" => TrimWhereField::Leading,
                _ => TrimWhereField::Trailing,
            });
        let first = if side.is_some() && self.is_word("FROM") {
            None
        } else {
            Some(Box::new(self.expr()?))
        };
        let (what, expr) = if self.eat_word("FROM") {
            (first, Box::new(self.expr()?))
        } else {
            match first {
                Some(expr) if side.is_none() => (None, expr),
                _ => return Err(self.unexpected("an operator or FROM")),
            }
        };
        self.close_list()?;
        Ok(Expr::Trim {
            trim_where: side,
            trim_what: what,
            expr,
            trim_characters: None,
        })
    }

    /// Takes the name of a call and its `(`, which the caller has seen.
    pub(crate) fn open_call(&mut self) {
        self.advance();
        self.advance();
    }

    /// A unit of time, singular or plural.
    fn time_unit(&mut self, extract: bool) -> Parsed<DateTimeField> {
        let field = match self.text(0).to_ascii_uppercase().as_str() {
            "YEAR" | "YEARS" => DateTimeField::Year,
            "QUARTER" => DateTimeField::Quarter,
            "MONTH" | "MONTHS" => DateTimeField::Month,
            "WEEK" => DateTimeField::Week(None),
            "DAY" | "DAYS" => DateTimeField::Day,
            "HOUR" | "HOURS" => DateTimeField::Hour,
            "MINUTE" | "MINUTES" => DateTimeField::Minute,
            "SECOND" | "SECONDS" => DateTimeField::Second,
            "MILLISECOND" => DateTimeField::Millisecond,
            "MICROSECOND" => DateTimeField::Microsecond,
            "NANOSECOND" => DateTimeField::Nanosecond,
            "DECADE" => DateTimeField::Decade,
            "CENTURY" => DateTimeField::Century,
            "MILLENNIUM" => DateTimeField::Millennium,
            "DOW" | "DAYOFWEEK" if extract => DateTimeField::Dow,
            "DOY" | "DAYOFYEAR" if extract => DateTimeField::Doy,
            "ISODOW" if extract => DateTimeField::Isodow,
            "ISOYEAR" if extract => DateTimeField::Isoyear,
            "EPOCH" if extract => DateTimeField::Epoch,
            _ => return Err(self.unexpected("a unit of time such as DAY")),
        };
        self.advance();
        Ok(field)
    }

    /// A column, or a call of a function.
    fn name_or_call(&mut self) -> Parsed<Expr> {
        if self.is_symbol_at(1, "(") {
            let name = self.function_name()?;
            return self.call_arguments(ObjectName::from(vec![name]));
        }
        let start = self.position();
        let mut parts = vec![self.ident("a column")?];
        while self.is_symbol(".") && !self.is_symbol_at(1, "*") {
            self.advance();
            parts.push(self.ident("a name after the '.'")?);
            if self.is_symbol("(") {
                // catalog.database.function(…)
                return self.call_arguments(ObjectName::from(parts));
            }
        }
        if parts.len() > 32 {
            return Err(self.not_supported_from(start, "a name of so many parts"));
        }
        Ok(if parts.len() == 1 {
            Expr::Identifier(parts.remove(0))
        } else {
            Expr::CompoundIdentifier(parts)
        })
    }

    /// The name of a function of one part, which may be a reserved word that names a function.
    fn function_name(&mut self) -> Parsed<Ident> {
        let text = self.text(0);
        if text.trim_start_matches('`').starts_with("__") {
            return Err(self.not_supported(&format!(
                "a function name that starts with two underscores ({text})"
            )));
        }
        let name = lexer::unquote(text);
        let plain = keywords::quote_name(&name) == name || keywords::is_reserved_function(&name);
        if self.kind(0) == Some(&TokenKind::Quoted) && !plain {
            return self.ident("a function");
        }
        // Functions are found in any case, with or without backticks.
        let name = self.marker(&name);
        self.advance();
        Ok(name)
    }

    fn value(&self, value: Value, span: Span) -> Expr {
        Expr::Value(ValueWithSpan {
            value,
            span: self.ast_span(span),
        })
    }

    /// A name of ours for the word that comes next, at its place.
    pub(crate) fn marker(&self, name: &str) -> Ident {
        Ident {
            span: self.ast_span(self.span()),
            ..Ident::new(name)
        }
    }
}
