//! Queries: `WITH`, set operations, `SELECT` and its clauses, what stands in `FROM`.

use datafusion_sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion_sql::sqlparser::ast::{
    self, Cte, Distinct, Expr, FunctionArg, FunctionArguments, GroupByExpr, Join, JoinConstraint,
    JoinOperator, LimitClause, NamedWindowDefinition, NamedWindowExpr, ObjectName, Offset,
    OffsetRows, OptimizerHint, OptimizerHintStyle, OrderBy, OrderByExpr, OrderByKind,
    OrderByOptions, Parens, Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, SetOperator, SetQuantifier, TableAlias, TableAliasColumnDef, TableFactor,
    TableFunctionArgs, TableVersion, TableWithJoins, Values, WildcardAdditionalOptions, With,
};
use datafusion_sql::sqlparser::tokenizer::{Token as AstToken, TokenWithSpan};

use super::lexer::TokenKind;
use super::markers;
use super::parser::{HelpWith, Parsed, Parser, SYNTAX};
use super::statement::{Name, Query, TableHint, TableOption};
use crate::diagnostics::{Diagnostic, Span};

/// How long a hint, whose text a query's tree carries, keeps state: `STATE_TTL('a' = '1 d')`.
pub(crate) fn state_ttl(text: &str) -> Vec<TableOption> {
    let mut inner = Parser::within(text, Span::new(0, text.len()));
    if !inner.eat_word("STATE_TTL") {
        return vec![];
    }
    // It has been read before.
    inner.options().unwrap_or_default()
}

/// Words that start a query.
const QUERY_WORDS: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];

impl Parser<'_> {
    /// A whole query with its hints.
    pub(crate) fn query(&mut self) -> Parsed<Query> {
        let start = self.position();
        self.hints.clear();
        let ast = self.query_body()?;
        Ok(Query {
            ast,
            span: self.span_from(start),
            hints: std::mem::take(&mut self.hints),
        })
    }

    /// Whether a query starts at the token `ahead`, which may be a parenthesis around one.
    ///
    /// `((SELECT 1) UNION …)` is a query in parentheses, `((SELECT 1) + 1)` is not.
    pub(crate) fn starts_query(&self, ahead: usize) -> bool {
        let mut open = 0;
        while self.is_symbol_at(ahead + open, "(") {
            open += 1;
        }
        let first = ahead + open;
        if !QUERY_WORDS.iter().any(|word| self.is_word_at(first, word)) {
            return false;
        }
        // Behind each inner pair the query must go on.
        let mut depth = open;
        let mut at = first;
        while open > 1 {
            match self.kind(at) {
                None | Some(TokenKind::Symbol(";")) => return false,
                Some(TokenKind::Symbol("(")) => depth += 1,
                Some(TokenKind::Symbol(")")) => {
                    depth -= 1;
                    if depth < open {
                        open -= 1;
                        let goes_on = [
                            "UNION",
                            "INTERSECT",
                            "EXCEPT",
                            "ORDER",
                            "LIMIT",
                            "OFFSET",
                            "FETCH",
                        ];
                        if !goes_on.iter().any(|word| self.is_word_at(at + 1, word)) {
                            return false;
                        }
                    }
                }
                _ => {}
            }
            at += 1;
        }
        true
    }

    /// `[WITH …] body [ORDER BY …] [LIMIT …] [OFFSET …] [FETCH …]`
    pub(crate) fn query_body(&mut self) -> Parsed<Box<ast::Query>> {
        self.nested(|p| {
            let with = p.with()?;
            let body = p.set_operations()?;
            let order_by = if p.is_word("ORDER") {
                Some(OrderBy {
                    kind: OrderByKind::Expressions(p.order_by_list()?),
                    interpolate: None,
                })
            } else {
                None
            };
            Ok(Box::new(ast::Query {
                with,
                body,
                order_by,
                limit_clause: p.limit()?,
                fetch: None,
                locks: vec![],
                for_clause: None,
                settings: None,
                format_clause: None,
                pipe_operators: vec![],
            }))
        })
    }

    fn with(&mut self) -> Parsed<Option<With>> {
        if !self.eat_word("WITH") {
            return Ok(None);
        }
        if self.is_word("RECURSIVE") {
            return Err(self.not_supported("WITH RECURSIVE"));
        }
        let cte_tables = self.comma_separated(|p| {
            let name = p.ident("the name of a table in WITH")?;
            let columns = if p.is_symbol("(") {
                p.alias_columns()?
            } else {
                vec![]
            };
            p.expect_word("AS")?;
            p.expect_symbol("(")?;
            let query = p.query_body()?;
            p.close_query()?;
            Ok(Cte {
                alias: TableAlias {
                    explicit: true,
                    name,
                    columns,
                    at: None,
                },
                query,
                from: None,
                materialized: None,
                closing_paren_token: AttachedToken::empty(),
            })
        })?;
        Ok(Some(With {
            with_token: AttachedToken::empty(),
            recursive: false,
            cte_tables,
        }))
    }

    /// The `)` after a query.
    fn close_query(&mut self) -> Parsed<()> {
        if self.eat_symbol(")") {
            return Ok(());
        }
        Err(self.unexpected_after_query("')'"))
    }

    /// The error for a token that cannot follow a query, which could have gone on.
    pub(crate) fn unexpected_after_query(&self, end: &str) -> Box<Diagnostic> {
        for word in [
            "PIVOT",
            "UNPIVOT",
            "TABLESAMPLE",
            "MINUS",
            "CLUSTER",
            "SORT",
        ] {
            if self.is_word(word) {
                return self.not_supported(word);
            }
        }
        self.unexpected(&format!("',', an operator, the next clause or {end}"))
    }

    /// `UNION` and `EXCEPT`, over `INTERSECT`, which binds tighter.
    fn set_operations(&mut self) -> Parsed<Box<SetExpr>> {
        let mut left = self.intersections()?;
        let mut length = 0;
        while let Some(word) = self.eat_one_of(&["UNION", "EXCEPT"]) {
            let op = if word == "UNION" {
                SetOperator::Union
            } else {
                SetOperator::Except
            };
            left = Box::new(SetExpr::SetOperation {
                op,
                set_quantifier: self.set_quantifier(),
                left,
                right: self.intersections()?,
            });
            length += 1;
            if length > 200 {
                return Err(self.not_supported("a chain of more than 200 set operations"));
            }
        }
        Ok(left)
    }

    fn intersections(&mut self) -> Parsed<Box<SetExpr>> {
        let mut left = self.query_leaf()?;
        let mut length = 0;
        while self.eat_word("INTERSECT") {
            left = Box::new(SetExpr::SetOperation {
                op: SetOperator::Intersect,
                set_quantifier: self.set_quantifier(),
                left,
                right: self.query_leaf()?,
            });
            length += 1;
            if length > 200 {
                return Err(self.not_supported("a chain of more than 200 set operations"));
            }
        }
        Ok(left)
    }

    fn set_quantifier(&mut self) -> SetQuantifier {
        if self.eat_word("ALL") {
            SetQuantifier::All
        } else {
            // DISTINCT is the default.
            self.eat_word("DISTINCT");
            SetQuantifier::None
        }
    }

    fn query_leaf(&mut self) -> Parsed<Box<SetExpr>> {
        if self.is_symbol("(") {
            self.advance();
            let query = self.query_body()?;
            self.close_query()?;
            return Ok(Box::new(SetExpr::Query(query)));
        }
        if self.is_word("SELECT") {
            return self.select();
        }
        if self.is_word("VALUES") {
            return self.values();
        }
        if self.is_word("TABLE") {
            return self.whole_table();
        }
        Err(self.unexpected("SELECT, VALUES, WITH or '('"))
    }

    /// `TABLE t` is `SELECT * FROM t`.
    fn whole_table(&mut self) -> Parsed<Box<SetExpr>> {
        let mut select = Box::new(empty_select(self.select_token()));
        self.advance();
        let name = self.name("the name of a table")?;
        select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
        select.from = vec![TableWithJoins {
            relation: table(name.to_object_name(), None, None, None),
            joins: vec![],
        }];
        Ok(Box::new(SetExpr::Select(select)))
    }

    /// `VALUES (1, 'a'), ROW(2, 'b'), 3`
    fn values(&mut self) -> Parsed<Box<SetExpr>> {
        self.expect_word("VALUES")?;
        let mut length = None;
        let rows = self.comma_separated(|p| {
            let start = p.position();
            if p.is_word("ROW") && p.is_symbol_at(1, "(") {
                p.advance();
            }
            let content = if p.is_symbol("(") && !p.starts_query(0) {
                p.advance();
                let row = p.comma_separated(Self::expr)?;
                if !p.eat_symbol(")") {
                    return Err(p.unexpected("',', ')' or an operator"));
                }
                row
            } else {
                vec![p.expr()?]
            };
            let expected = *length.get_or_insert(content.len());
            if content.len() != expected {
                return Err(Box::new(
                    Diagnostic::error(
                        SYNTAX,
                        format!(
                            "the first row of VALUES has {expected} values, this one has {}",
                            content.len()
                        ),
                    )
                    .at(p.span_from(start)),
                ));
            }
            Ok(Parens::with_empty_span(content))
        })?;
        Ok(Box::new(SetExpr::Values(Values {
            explicit_row: false,
            value_keyword: false,
            rows,
        })))
    }

    fn select_token(&self) -> AttachedToken {
        AttachedToken(TokenWithSpan::new(
            AstToken::make_keyword("SELECT"),
            self.ast_span(self.span()),
        ))
    }

    fn select(&mut self) -> Parsed<Box<SetExpr>> {
        let mut select = Box::new(empty_select(self.select_token()));
        self.expect_word("SELECT")?;
        if self.kind(0) == Some(&TokenKind::Hint) {
            select.optimizer_hints = self.query_hint()?;
        }
        if self.is_word("STREAM") && !self.is_symbol_at(1, ",") {
            return Err(self
                .not_supported("SELECT STREAM")
                .help_with("leave out STREAM"));
        }
        if self.eat_word("DISTINCT") {
            select.distinct = Some(Distinct::Distinct);
        } else {
            self.eat_word("ALL");
        }
        select.projection = self.comma_separated(Self::select_item)?;
        if self.eat_word("FROM") {
            select.from = self.comma_separated(Self::joined_tables)?;
        }
        if self.eat_word("WHERE") {
            select.selection = Some(self.expr()?);
        }
        if self.is_word("GROUP") {
            self.advance();
            self.expect_word("BY")?;
            select.group_by = GroupByExpr::Expressions(self.group_by()?, vec![]);
        }
        if self.eat_word("HAVING") {
            select.having = Some(self.expr()?);
        }
        if self.eat_word("WINDOW") {
            select.named_window = self.comma_separated(|p| {
                let name = p.ident("the name of a window")?;
                p.expect_word("AS")?;
                Ok(NamedWindowDefinition(
                    name,
                    NamedWindowExpr::WindowSpec(p.window_spec()?),
                ))
            })?;
            select.window_before_qualify = true;
        }
        if self.eat_word("QUALIFY") {
            select.qualify = Some(self.expr()?);
        }
        Ok(Box::new(SetExpr::Select(select)))
    }

    /// `SELECT /*+ … */`: how long state is kept, and what changes no rows. Other hints are refused.
    fn query_hint(&mut self) -> Parsed<Vec<OptimizerHint>> {
        // How a batch job joins: without effect on a stream, in Flink too.
        const WITHOUT_EFFECT: [&str; 4] =
            ["BROADCAST", "SHUFFLE_HASH", "SHUFFLE_MERGE", "NEST_LOOP"];
        // How Flink makes lookups and joins, which changes no rows.
        const FOR_FLINK: [&str; 2] = ["LOOKUP", "MULTI_JOIN"];
        let span = self.span();
        let body = Span::new(span.start + 3, span.end - 2);
        let mut inner = Parser::within(self.script, body);
        let mut kept = Vec::new();
        while !inner.at_end() {
            let start = inner.position();
            let name = inner
                .ident("the name of a hint")?
                .value
                .to_ascii_uppercase();
            if name == "STATE_TTL" {
                inner.options()?;
            } else if WITHOUT_EFFECT.contains(&name.as_str()) || FOR_FLINK.contains(&name.as_str())
            {
                let mut depth = 0;
                while !inner.at_end() {
                    if inner.is_symbol("(") {
                        depth += 1;
                    } else if inner.is_symbol(")") {
                        depth -= 1;
                    } else if depth == 0 {
                        break;
                    }
                    inner.advance();
                }
            } else {
                return Err(self.not_supported(&format!("the hint {name}")));
            }
            if !WITHOUT_EFFECT.contains(&name.as_str()) {
                let written = inner.span_from(start);
                kept.push(OptimizerHint {
                    prefix: String::new(),
                    text: self.script[written.range()].to_string(),
                    style: OptimizerHintStyle::MultiLine,
                });
            }
            inner.eat_symbol(",");
        }
        self.advance();
        Ok(kept)
    }

    fn select_item(&mut self) -> Parsed<SelectItem> {
        if self.eat_symbol("*") {
            return Ok(SelectItem::Wildcard(WildcardAdditionalOptions::default()));
        }
        // `t.*`, `catalog.database.t.*`
        let mut ahead = 0;
        while matches!(self.kind(ahead), Some(TokenKind::Word | TokenKind::Quoted))
            && self.is_symbol_at(ahead + 1, ".")
        {
            if self.is_symbol_at(ahead + 2, "*") {
                let mut parts = vec![self.ident("a table")?];
                while parts.len() <= ahead / 2 {
                    self.expect_symbol(".")?;
                    parts.push(self.ident("a table")?);
                }
                self.expect_symbol(".")?;
                self.expect_symbol("*")?;
                return Ok(SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(parts)),
                    WildcardAdditionalOptions::default(),
                ));
            }
            ahead += 2;
        }
        let expr = self.expr()?;
        if self.eat_word("AS") {
            if self.kind(0) == Some(&TokenKind::Text) {
                return Err(self
                    .unexpected("a name")
                    .help_with("a name stands in backticks, not in quotes"));
            }
            let alias = self.ident("a name after AS")?;
            return Ok(SelectItem::ExprWithAlias { expr, alias });
        }
        if self.is_name_at(0) {
            let alias = self.ident("a name")?;
            return Ok(SelectItem::ExprWithAlias { expr, alias });
        }
        Ok(SelectItem::UnnamedExpr(expr))
    }

    fn group_by(&mut self) -> Parsed<Vec<Expr>> {
        if self.is_word("ALL") || self.is_word("DISTINCT") {
            return Err(self.not_supported(&format!("GROUP BY {}", self.text(0).to_uppercase())));
        }
        let groups = self.comma_separated(|p| {
            if p.eat_words(&["GROUPING", "SETS"]) {
                p.expect_symbol("(")?;
                let sets = p.comma_separated(|p| {
                    for word in ["ROLLUP", "CUBE", "GROUPING"] {
                        if p.is_word(word) && (p.is_symbol_at(1, "(") || p.is_word_at(1, "SETS")) {
                            return Err(p.not_supported(&format!("{word} inside GROUPING SETS")));
                        }
                    }
                    p.grouping_set()
                })?;
                p.expect_symbol(")")?;
                return Ok(vec![Expr::GroupingSets(sets)]);
            }
            for (word, make) in [
                ("ROLLUP", Expr::Rollup as fn(Vec<Vec<Expr>>) -> Expr),
                ("CUBE", Expr::Cube),
            ] {
                if p.is_word(word) && p.is_symbol_at(1, "(") {
                    p.open_call();
                    let sets = p.comma_separated(Self::grouping_set)?;
                    p.expect_symbol(")")?;
                    return Ok(vec![make(sets)]);
                }
            }
            if p.is_symbol("(") && p.is_symbol_at(1, ")") {
                return Err(p
                    .not_supported("GROUP BY ()")
                    .help_with("leave out GROUP BY to aggregate all rows"));
            }
            // `GROUP BY (a, b)` is `GROUP BY a, b`.
            Ok(match p.expr()? {
                Expr::Tuple(list) => list,
                expr => vec![expr],
            })
        })?;
        Ok(groups.into_iter().flatten().collect())
    }

    /// `(a, b)`, `()` or `a`.
    fn grouping_set(&mut self) -> Parsed<Vec<Expr>> {
        if self.is_symbol("(") && self.is_symbol_at(1, ")") {
            self.open_call();
            return Ok(vec![]);
        }
        Ok(match self.expr()? {
            Expr::Tuple(list) => list,
            Expr::Nested(expr) => vec![*expr],
            expr => vec![expr],
        })
    }

    pub(crate) fn order_by_item(&mut self) -> Parsed<OrderByExpr> {
        let expr = self.expr()?;
        let asc = self.eat_one_of(&["ASC", "DESC"]).map(|word| word == "ASC");
        let nulls_first = if self.eat_word("NULLS") {
            match self.eat_one_of(&["FIRST", "LAST"]) {
                Some(word) => Some(word == "FIRST"),
                None => return Err(self.unexpected("FIRST or LAST")),
            }
        } else {
            None
        };
        Ok(OrderByExpr {
            expr,
            options: OrderByOptions { asc, nulls_first },
            with_fill: None,
        })
    }

    /// `[LIMIT n] [OFFSET n [ROWS]] [FETCH FIRST n ROWS ONLY]`; `FETCH` becomes a limit.
    fn limit(&mut self) -> Parsed<Option<LimitClause>> {
        let mut limit = None;
        let mut offset = None;
        if self.eat_word("LIMIT") && !self.eat_word("ALL") {
            limit = Some(self.row_count()?);
            if self.is_symbol(",") {
                return Err(self
                    .not_supported("LIMIT start, count")
                    .help_with("write LIMIT count OFFSET start"));
            }
        }
        if self.eat_word("OFFSET") {
            offset = Some(Offset {
                value: self.row_count()?,
                rows: OffsetRows::None,
            });
            let _ = self.eat_word("ROWS") || self.eat_word("ROW");
        }
        if self.is_word("FETCH") {
            if limit.is_some() {
                return Err(self.not_supported("LIMIT together with FETCH"));
            }
            self.advance();
            if self.eat_one_of(&["FIRST", "NEXT"]).is_none() {
                return Err(self.unexpected("FIRST or NEXT"));
            }
            limit = Some(self.row_count()?);
            if self.eat_one_of(&["ROW", "ROWS"]).is_none() {
                return Err(self.unexpected("ROWS"));
            }
            self.expect_word("ONLY")?;
        }
        if limit.is_none() && offset.is_none() {
            return Ok(None);
        }
        Ok(Some(LimitClause::LimitOffset {
            limit,
            offset,
            limit_by: vec![],
        }))
    }

    fn row_count(&mut self) -> Parsed<Expr> {
        let span = self.span();
        let count = self.integer("a number of rows")?;
        Ok(Expr::Value(ast::ValueWithSpan {
            value: ast::Value::Number(count.to_string(), false),
            span: self.ast_span(span),
        }))
    }

    /// One item of `FROM` with its joins.
    fn joined_tables(&mut self) -> Parsed<TableWithJoins> {
        self.nested(|p| {
            let relation = p.table_factor()?;
            let mut joins = Vec::new();
            while let Some(join) = p.join()? {
                joins.push(join);
            }
            Ok(TableWithJoins { relation, joins })
        })
    }

    fn join(&mut self) -> Parsed<Option<Join>> {
        let start = self.position();
        let natural = self.eat_word("NATURAL");
        let kind = if self.eat_word("CROSS") {
            if self.is_word("APPLY") {
                return Err(self
                    .not_supported("CROSS APPLY")
                    .help_with("write CROSS JOIN LATERAL TABLE(…)"));
            }
            "CROSS"
        } else if self.eat_word("INNER") {
            "INNER"
        } else if let Some(side) = self.eat_one_of(&["LEFT", "RIGHT", "FULL"]) {
            for word in ["SEMI", "ANTI", "ASOF"] {
                if self.is_word(word) {
                    return Err(self
                        .not_supported(&format!("{side} {word} JOIN"))
                        .help_with("write WHERE [NOT] EXISTS (…) or IN (…)"));
                }
            }
            self.eat_word("OUTER");
            side
        } else if self.is_word("OUTER") && self.is_word_at(1, "APPLY") {
            return Err(self
                .not_supported("OUTER APPLY")
                .help_with("write LEFT JOIN LATERAL TABLE(…) ON TRUE"));
        } else if self.is_word("JOIN") {
            "JOIN"
        } else if natural {
            return Err(self.unexpected("JOIN"));
        } else {
            return Ok(None);
        };
        self.expect_word("JOIN")?;
        if natural && kind == "CROSS" {
            return Err(self.not_supported_from(start, "NATURAL CROSS JOIN"));
        }
        let relation = self.table_factor()?;
        let constraint = if natural {
            JoinConstraint::Natural
        } else if kind == "CROSS" {
            if self.is_word("ON") || self.is_word("USING") {
                return Err(self
                    .unexpected("no condition after CROSS JOIN")
                    .help_with("write JOIN … ON …, or put the condition into WHERE"));
            }
            JoinConstraint::None
        } else if self.eat_word("ON") {
            JoinConstraint::On(self.expr()?)
        } else if self.eat_word("USING") {
            let columns = self.ident_list("a column")?;
            JoinConstraint::Using(
                columns
                    .into_iter()
                    .map(|column| ObjectName::from(vec![column]))
                    .collect(),
            )
        } else {
            return Err(self.unexpected("ON or USING"));
        };
        Ok(Some(Join {
            relation,
            global: false,
            join_operator: match kind {
                "CROSS" => JoinOperator::CrossJoin(JoinConstraint::None),
                "LEFT" => JoinOperator::Left(constraint),
                "RIGHT" => JoinOperator::Right(constraint),
                "FULL" => JoinOperator::FullOuter(constraint),
                _ => JoinOperator::Inner(constraint),
            },
        }))
    }

    fn table_factor(&mut self) -> Parsed<TableFactor> {
        let lateral = self.eat_word("LATERAL");
        if self.is_word("TABLE") && self.is_symbol_at(1, "(") {
            return self.table_function(lateral);
        }
        if self.is_word("UNNEST") && self.is_symbol_at(1, "(") {
            return self.unnest();
        }
        if self.is_symbol("(") && self.starts_query(0) {
            return self.derived_table(lateral);
        }
        if lateral {
            return Err(self.unexpected("a query in parentheses or TABLE(…) after LATERAL"));
        }
        if self.is_symbol("(") {
            return self.joins_in_parentheses();
        }
        if self.is_word("VALUES") {
            return Err(self
                .not_supported("VALUES in FROM without parentheses")
                .help_with("write FROM (VALUES …) AS t (a, b)"));
        }
        if !matches!(self.kind(0), Some(TokenKind::Word | TokenKind::Quoted)) {
            return Err(self.unexpected("a table, a query in parentheses or TABLE(…)"));
        }
        self.named_table()
    }

    /// `UNNEST(a, b) [WITH ORDINALITY] [alias]`
    fn unnest(&mut self) -> Parsed<TableFactor> {
        self.open_call();
        let array_exprs = self.comma_separated(Self::expr)?;
        if !self.eat_symbol(")") {
            return Err(self.unexpected("',', ')' or an operator"));
        }
        let with_ordinality = self.eat_words(&["WITH", "ORDINALITY"]);
        Ok(TableFactor::UNNEST {
            array_exprs,
            with_offset: false,
            with_offset_alias: None,
            with_ordinality,
            alias: self.table_alias()?,
        })
    }

    /// `(query) [alias]`
    fn derived_table(&mut self, lateral: bool) -> Parsed<TableFactor> {
        self.advance();
        let subquery = self.query_body()?;
        self.close_query()?;
        self.refuse_after_table()?;
        let derived = TableFactor::Derived {
            lateral,
            subquery,
            alias: self.table_alias()?,
            sample: None,
        };
        self.match_recognize(derived)
    }

    /// `(a JOIN b ON …)`
    fn joins_in_parentheses(&mut self) -> Parsed<TableFactor> {
        self.advance();
        let table_with_joins = Box::new(self.joined_tables()?);
        if !self.eat_symbol(")") {
            return Err(self.unexpected("JOIN or ')'"));
        }
        Ok(TableFactor::NestedJoin {
            table_with_joins,
            alias: self.table_alias()?,
        })
    }

    /// A table with its hint and its version, or a table function.
    fn named_table(&mut self) -> Parsed<TableFactor> {
        let name = self.name("a table")?;
        if self.is_symbol("(") {
            refuse_marker(&name)?;
            // A table function without TABLE( … ) around it.
            let args = self.table_arguments()?;
            self.refuse_after_table()?;
            let alias = self.table_alias()?;
            return Ok(table(name.to_object_name(), Some(args), None, alias));
        }
        if let Some(hint) = self.table_hint(&name)? {
            self.hints.push(hint);
        }
        let version = self.table_version()?;
        self.refuse_after_table()?;
        let alias = self.table_alias()?;
        self.refuse_after_table()?;
        self.match_recognize(table(name.to_object_name(), None, version, alias))
    }

    /// `[LATERAL] TABLE(f(…)) [alias]`
    fn table_function(&mut self, lateral: bool) -> Parsed<TableFactor> {
        self.open_call();
        let name = self.name("a table function")?;
        refuse_marker(&name)?;
        let args = self.table_arguments()?;
        if !self.eat_symbol(")") {
            return Err(self.unexpected("')' after the table function"));
        }
        self.refuse_after_table()?;
        let alias = self.table_alias()?;
        if lateral {
            return Ok(TableFactor::Function {
                lateral,
                name: name.to_object_name(),
                args,
                with_ordinality: false,
                alias,
            });
        }
        let mut expr = markers::call(ast::Ident::new(""), vec![]);
        if let Expr::Function(function) = &mut expr {
            function.name = name.to_object_name();
            if let FunctionArguments::List(list) = &mut function.args {
                list.args = args;
            }
        }
        Ok(TableFactor::TableFunction { expr, alias })
    }

    /// `/*+ OPTIONS('k' = 'v', …) */` after the name of a table.
    pub(crate) fn table_hint(&mut self, table: &Name) -> Parsed<Option<TableHint>> {
        if self.kind(0) != Some(&TokenKind::Hint) {
            return Ok(None);
        }
        let span = self.span();
        let body = Span::new(span.start + 3, span.end - 2);
        // The hint is read where it stands, so that its spans are those of the script.
        let mut inner = Parser::within(self.script, body);
        if !inner.eat_word("OPTIONS") {
            return Err(Box::new(
                Diagnostic::not_supported("a table hint other than OPTIONS").at(span),
            ));
        }
        let options = inner.options()?;
        if !inner.at_end() {
            return Err(inner.unexpected("the end of the hint"));
        }
        self.advance();
        Ok(Some(TableHint {
            table: table.clone(),
            options,
            span,
        }))
    }

    /// `FOR SYSTEM_TIME AS OF expr`
    fn table_version(&mut self) -> Parsed<Option<TableVersion>> {
        if !self.is_words(&["FOR", "SYSTEM_TIME"]) {
            return Ok(None);
        }
        self.open_call();
        self.expect_words(&["AS", "OF"])?;
        Ok(Some(TableVersion::ForSystemTimeAsOf(self.expr()?)))
    }

    /// Clauses that Flink's grammar has after a table and nothing here runs.
    fn refuse_after_table(&self) -> Parsed<()> {
        for word in ["TABLESAMPLE", "PIVOT", "UNPIVOT", "EXTEND"] {
            if self.is_word(word) {
                return Err(self.not_supported(word));
            }
        }
        if self.is_words(&["FOR", "SYSTEM_TIME"]) {
            return Err(self
                .not_supported("FOR SYSTEM_TIME here")
                .help_with("write it right after the name of the table, before the alias"));
        }
        Ok(())
    }

    /// `[AS] name [(a, b)]`
    pub(super) fn table_alias(&mut self) -> Parsed<Option<TableAlias>> {
        let explicit = self.eat_word("AS");
        if !explicit && !self.is_name_at(0) {
            return Ok(None);
        }
        let name = self.ident("a name after AS")?;
        let columns = if self.is_symbol("(") {
            self.alias_columns()?
        } else {
            vec![]
        };
        Ok(Some(TableAlias {
            explicit: true,
            name,
            columns,
            at: None,
        }))
    }

    fn alias_columns(&mut self) -> Parsed<Vec<TableAliasColumnDef>> {
        Ok(self
            .ident_list("the name of a column")?
            .into_iter()
            .map(|name| TableAliasColumnDef {
                name,
                data_type: None,
            })
            .collect())
    }
}

/// Markers are ours alone.
fn refuse_marker(function: &Name) -> Parsed<()> {
    if function.object().starts_with("__") {
        return Err(Box::new(
            Diagnostic::not_supported("a function name that starts with two underscores")
                .at(function.span),
        ));
    }
    Ok(())
}

fn table(
    name: ObjectName,
    args: Option<Vec<FunctionArg>>,
    version: Option<TableVersion>,
    alias: Option<TableAlias>,
) -> TableFactor {
    TableFactor::Table {
        name,
        alias,
        args: args.map(|args| TableFunctionArgs {
            args,
            settings: None,
        }),
        with_hints: vec![],
        version,
        with_ordinality: false,
        partitions: vec![],
        json_path: None,
        sample: None,
        index_hints: vec![],
    }
}

/// A query that is nothing but a SELECT.
pub(crate) fn query_of(select: Select) -> ast::Query {
    ast::Query {
        with: None,
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: vec![],
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: vec![],
    }
}

/// A SELECT of nothing, to be filled.
pub(crate) fn empty_select(select_token: AttachedToken) -> Select {
    Select {
        select_token,
        optimizer_hints: vec![],
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection: vec![],
        exclude: None,
        into: None,
        from: vec![],
        lateral_views: vec![],
        prewhere: None,
        selection: None,
        connect_by: vec![],
        group_by: GroupByExpr::Expressions(vec![], vec![]),
        cluster_by: vec![],
        distribute_by: vec![],
        sort_by: vec![],
        having: None,
        named_window: vec![],
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}
