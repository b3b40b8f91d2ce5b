//! `MATCH_RECOGNIZE`: patterns of rows.
//!
//! What sqlparser's tree has no room for stands in it so:
//!
//! | Flink SQL | in the tree |
//! |---|---|
//! | `PATTERN (…) WITHIN INTERVAL '1' HOUR` | a symbol [`WITHIN`] that is defined as the interval |
//! | `a*?`, `a{2,3}?` | the repetition repeated at most once; `(a*)?` has a group between |

use datafusion_sql::sqlparser::ast::{
    AfterMatchSkip, MatchRecognizePattern as Pattern, MatchRecognizeSymbol, Measure, OrderByExpr,
    OrderByOptions, RepetitionQuantifier, RowsPerMatch, SymbolDefinition, TableFactor,
};

use super::lexer::TokenKind;
use super::parser::{HelpWith as _, Parsed, Parser};

/// The symbol whose definition is the interval of `WITHIN`.
pub(crate) const WITHIN: &str = "__within";

impl Parser<'_> {
    /// `MATCH_RECOGNIZE (…) [alias]` behind a table, if that is what comes.
    pub(super) fn match_recognize(&mut self, table: TableFactor) -> Parsed<TableFactor> {
        if !self.eat_word("MATCH_RECOGNIZE") {
            return Ok(table);
        }
        self.expect_symbol("(")?;
        let mut partition_by = Vec::new();
        if self.eat_words(&["PARTITION", "BY"]) {
            partition_by = self.comma_separated(Self::expr)?;
        }
        let mut order_by = Vec::new();
        if self.eat_words(&["ORDER", "BY"]) {
            order_by = self.comma_separated(Self::sorted_by)?;
        }
        let mut measures = Vec::new();
        if self.eat_word("MEASURES") {
            measures = self.comma_separated(Self::measure)?;
        }
        let mut rows_per_match = None;
        if self.eat_words(&["ONE", "ROW", "PER", "MATCH"]) {
            rows_per_match = Some(RowsPerMatch::OneRow);
        } else if self.is_words(&["ALL", "ROWS", "PER", "MATCH"]) {
            return Err(self
                .not_supported("ALL ROWS PER MATCH")
                .help_with("Flink has ONE ROW PER MATCH only"));
        }
        let mut after_match_skip = None;
        if self.eat_words(&["AFTER", "MATCH", "SKIP"]) {
            after_match_skip = Some(self.after_match()?);
        }
        self.expect_word("PATTERN")?;
        self.expect_symbol("(")?;
        let pattern = self.alternatives()?;
        self.expect_symbol(")")?;
        let mut symbols = Vec::new();
        if self.is_word("WITHIN") {
            let symbol = self.marker(WITHIN);
            self.advance();
            symbols.push(SymbolDefinition {
                symbol,
                definition: self.expr()?,
            });
        }
        if self.is_word("SUBSET") {
            return Err(self.not_supported("SUBSET"));
        }
        if self.eat_word("DEFINE") {
            symbols.extend(self.comma_separated(|p| {
                let symbol = p.ident("a pattern variable")?;
                p.expect_word("AS")?;
                let definition = p.expr()?;
                Ok(SymbolDefinition { symbol, definition })
            })?);
        }
        self.expect_symbol(")")?;
        Ok(TableFactor::MatchRecognize {
            table: Box::new(table),
            partition_by,
            order_by,
            measures,
            rows_per_match,
            after_match_skip,
            pattern,
            symbols,
            alias: self.table_alias()?,
        })
    }

    fn sorted_by(&mut self) -> Parsed<OrderByExpr> {
        let expr = self.expr()?;
        let asc = self.eat_one_of(&["ASC", "DESC"]).map(|word| word == "ASC");
        Ok(OrderByExpr {
            expr,
            options: OrderByOptions {
                asc,
                nulls_first: None,
            },
            with_fill: None,
        })
    }

    fn measure(&mut self) -> Parsed<Measure> {
        // Measures of one row per match are final either way.
        self.eat_word("FINAL");
        if self.is_word("RUNNING") {
            return Err(self.not_supported("RUNNING in MEASURES"));
        }
        let expr = self.expr()?;
        self.expect_word("AS")?;
        let alias = self.ident("a name for the measure")?;
        Ok(Measure { expr, alias })
    }

    fn after_match(&mut self) -> Parsed<AfterMatchSkip> {
        if self.eat_words(&["PAST", "LAST", "ROW"]) {
            return Ok(AfterMatchSkip::PastLastRow);
        }
        if self.eat_words(&["TO", "NEXT", "ROW"]) {
            return Ok(AfterMatchSkip::ToNextRow);
        }
        if self.eat_words(&["TO", "FIRST"]) {
            return Ok(AfterMatchSkip::ToFirst(self.ident("a pattern variable")?));
        }
        if self.eat_words(&["TO", "LAST"]) || self.eat_word("TO") {
            // Without FIRST or LAST it is LAST.
            return Ok(AfterMatchSkip::ToLast(self.ident("a pattern variable")?));
        }
        Err(self.unexpected("PAST LAST ROW, TO NEXT ROW, TO FIRST or TO LAST"))
    }

    fn alternatives(&mut self) -> Parsed<Pattern> {
        self.nested(|p| {
            let mut all = vec![p.concatenation()?];
            while p.eat_symbol("|") {
                all.push(p.concatenation()?);
            }
            Ok(match all.len() {
                1 => all.remove(0),
                _ => Pattern::Alternation(all),
            })
        })
    }

    fn concatenation(&mut self) -> Parsed<Pattern> {
        let mut parts = Vec::new();
        while !self.is_symbol(")") && !self.is_symbol("|") && !self.at_end() {
            parts.push(self.repetition()?);
        }
        Ok(match parts.len() {
            0 => return Err(self.unexpected("a pattern variable")),
            1 => parts.remove(0),
            _ => Pattern::Concat(parts),
        })
    }

    fn repetition(&mut self) -> Parsed<Pattern> {
        let primary = if self.eat_symbol("(") {
            let inner = self.alternatives()?;
            self.expect_symbol(")")?;
            Pattern::Group(Box::new(inner))
        } else if self.is_word("PERMUTE") && self.is_symbol_at(1, "(") {
            return Err(self.not_supported("PERMUTE in a pattern"));
        } else if self.is_symbol("{") {
            return Err(self.not_supported("leaving variables out of a pattern with {- … -}"));
        } else {
            Pattern::Symbol(MatchRecognizeSymbol::Named(
                self.ident("a pattern variable")?,
            ))
        };
        let quantifier = if self.eat_symbol("*") {
            RepetitionQuantifier::ZeroOrMore
        } else if self.eat_symbol("+") {
            RepetitionQuantifier::OneOrMore
        } else if self.eat_symbol("?") {
            RepetitionQuantifier::AtMostOne
        } else if self.eat_symbol("{") {
            self.bounds()?
        } else {
            return Ok(primary);
        };
        let repeated = Pattern::Repetition(Box::new(primary), quantifier);
        Ok(if self.eat_symbol("?") {
            Pattern::Repetition(Box::new(repeated), RepetitionQuantifier::AtMostOne)
        } else {
            repeated
        })
    }

    /// `n}`, `n,}`, `,m}` or `n,m}`
    fn bounds(&mut self) -> Parsed<RepetitionQuantifier> {
        let low = self.count()?;
        let quantifier = if self.eat_symbol(",") {
            match (low, self.count()?) {
                (Some(low), Some(high)) if low <= high => RepetitionQuantifier::Range(low, high),
                (Some(low), None) => RepetitionQuantifier::AtLeast(low),
                (None, Some(high)) => RepetitionQuantifier::AtMost(high),
                _ => return Err(self.unexpected("bounds such as {2,3} before")),
            }
        } else {
            match low {
                Some(n) => RepetitionQuantifier::Exactly(n),
                None => return Err(self.unexpected("a number of repetitions")),
            }
        };
        self.expect_symbol("}")?;
        Ok(quantifier)
    }

    fn count(&mut self) -> Parsed<Option<u32>> {
        if self.kind(0) != Some(&TokenKind::Number) {
            return Ok(None);
        }
        match self.text(0).parse() {
            Ok(n) => {
                self.advance();
                Ok(Some(n))
            }
            Err(_) => Err(self.unexpected("a small whole number")),
        }
    }
}
