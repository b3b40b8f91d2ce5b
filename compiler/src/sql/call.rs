//! Calls of functions: arguments (table, model, descriptor and named ones among them), aggregate
//! clauses, windows, and the JSON functions with their clauses.

use datafusion_sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Ident, NullTreatment,
    ObjectName, OrderByExpr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec,
    WindowType,
};

use super::lexer::TokenKind;
use super::markers;
use super::parser::{Parsed, Parser, SYNTAX};
use super::statement::Name;
use crate::diagnostics::Diagnostic;

/// Flink's aggregate and window functions: only these take DISTINCT, ORDER BY, FILTER, NULLS, WITHIN
/// GROUP and OVER. DataFusion drops those clauses silently from a call of any other function.
const AGGREGATES: [&str; 39] = [
    "ANY_VALUE",
    "APPROX_COUNT_DISTINCT",
    "ARRAY_AGG",
    "AVG",
    "COLLECT",
    "CORR",
    "COUNT",
    "COVAR_POP",
    "COVAR_SAMP",
    "CUME_DIST",
    "DENSE_RANK",
    "EVERY",
    "FIRST_VALUE",
    "FUSION",
    "INTERSECTION",
    "JSON_ARRAYAGG",
    "JSON_OBJECTAGG",
    "LAG",
    "LAST_VALUE",
    "LEAD",
    "LISTAGG",
    "MAX",
    "MIN",
    "NTH_VALUE",
    "NTILE",
    "PERCENTILE",
    "PERCENT_RANK",
    "RANK",
    "REGR_COUNT",
    "REGR_SXX",
    "REGR_SYY",
    "ROW_NUMBER",
    "STDDEV",
    "STDDEV_POP",
    "STDDEV_SAMP",
    "SUM",
    "VARIANCE",
    "VAR_POP",
    "VAR_SAMP",
];

impl Parser<'_> {
    /// From the `(` of a call to the end of its last clause.
    pub(crate) fn call_arguments(&mut self, name: ObjectName) -> Parsed<Expr> {
        let start = self.position();
        let (list, inner) = self.arguments_with_nulls()?;
        let outer = self.null_treatment()?;
        if inner.is_some() && outer.is_some() {
            return Err(self.not_supported("IGNORE or RESPECT NULLS twice"));
        }
        let null_treatment = inner.or(outer);
        let mut within_group = Vec::new();
        if self.is_words(&["WITHIN", "DISTINCT"]) {
            return Err(self.not_supported("WITHIN DISTINCT"));
        }
        if self.eat_word("WITHIN") {
            self.expect_word("GROUP")?;
            self.expect_symbol("(")?;
            within_group = self.order_by_list()?;
            self.expect_symbol(")")?;
        }
        let filter = if self.is_word("FILTER") && self.is_symbol_at(1, "(") {
            self.open_call();
            self.expect_word("WHERE")?;
            let filter = self.expr()?;
            self.expect_symbol(")")?;
            Some(Box::new(filter))
        } else {
            None
        };
        let over = if self.eat_word("OVER") {
            Some(self.over()?)
        } else {
            None
        };
        let clauses = list.duplicate_treatment.is_some()
            || !list.clauses.is_empty()
            || null_treatment.is_some()
            || !within_group.is_empty()
            || filter.is_some()
            || over.is_some();
        if clauses && !is_aggregate(&name) {
            return Err(Box::new(
                Diagnostic::error(
                    "sql/not-supported",
                    format!(
                        "{name} is no aggregate function: DISTINCT, ORDER BY, FILTER, NULLS and \
                         OVER are not supported for it"
                    ),
                )
                .at(self.span_from(start)),
            ));
        }
        Ok(Expr::Function(Function {
            name,
            uses_odbc_syntax: false,
            parameters: FunctionArguments::None,
            args: FunctionArguments::List(list),
            filter,
            null_treatment,
            over,
            within_group,
        }))
    }

    /// The arguments of a table function, which has nothing but arguments.
    pub(crate) fn table_arguments(&mut self) -> Parsed<Vec<FunctionArg>> {
        let (list, nulls) = self.arguments_with_nulls()?;
        if list.duplicate_treatment.is_some() || !list.clauses.is_empty() || nulls.is_some() {
            return Err(
                self.not_supported("DISTINCT, ORDER BY or NULLS in a call of a table function")
            );
        }
        Ok(list.args)
    }

    /// `( [DISTINCT] arguments [nulls] [ORDER BY …] )`; NULLS inside means the same as outside.
    fn arguments_with_nulls(&mut self) -> Parsed<(FunctionArgumentList, Option<NullTreatment>)> {
        self.expect_symbol("(")?;
        let mut list = FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![],
            clauses: vec![],
        };
        if self.eat_symbol(")") {
            return Ok((list, None));
        }
        if self.eat_word("DISTINCT") {
            list.duplicate_treatment = Some(DuplicateTreatment::Distinct);
        } else {
            // ALL is the default.
            self.eat_word("ALL");
        }
        list.args = self.comma_separated(Self::argument)?;
        let nulls = self.null_treatment()?;
        if self.eat_words(&["ORDER", "BY"]) {
            list.clauses.push(FunctionArgumentClause::OrderBy(
                self.order_by_list_after_by()?,
            ));
        }
        if !self.eat_symbol(")") {
            return Err(self.unexpected("',', ')' or an operator"));
        }
        Ok((list, nulls))
    }

    fn null_treatment(&mut self) -> Parsed<Option<NullTreatment>> {
        if self.eat_words(&["IGNORE", "NULLS"]) {
            return Ok(Some(NullTreatment::IgnoreNulls));
        }
        if self.eat_words(&["RESPECT", "NULLS"]) {
            return Ok(Some(NullTreatment::RespectNulls));
        }
        Ok(None)
    }

    fn argument(&mut self) -> Parsed<FunctionArg> {
        if self.is_symbol("*") {
            self.advance();
            return Ok(FunctionArg::Unnamed(FunctionArgExpr::Wildcard));
        }
        let named = matches!(self.kind(0), Some(TokenKind::Word | TokenKind::Quoted))
            && self.is_symbol_at(1, "=>");
        if named {
            // Argument names may be reserved words; they stand in no other role here.
            let name = if self.kind(0) == Some(&TokenKind::Word) {
                let name = self.marker(self.text(0));
                self.advance();
                name
            } else {
                self.ident("the name of an argument")?
            };
            self.advance();
            let arg = FunctionArgExpr::Expr(self.argument_value()?);
            return Ok(FunctionArg::Named {
                name,
                arg,
                operator: FunctionArgOperator::RightArrow,
            });
        }
        Ok(FunctionArg::Unnamed(FunctionArgExpr::Expr(
            self.argument_value()?,
        )))
    }

    /// An expression, `TABLE t`, `(query)`, either with `PARTITION BY`, or `MODEL m`.
    fn argument_value(&mut self) -> Parsed<Expr> {
        let wrapped = self.is_symbol("(") && self.is_word_at(1, "TABLE");
        if wrapped || self.is_word("TABLE") {
            return self.table_argument(wrapped);
        }
        if self.is_word("MODEL") && self.is_name_at(1) {
            let marker = self.marker(markers::MODEL);
            self.advance();
            let model = self.name("the name of a model")?;
            return Ok(markers::call(marker, vec![name_expr(model)]));
        }
        if self.is_word("DEFAULT") {
            return Err(self.not_supported("DEFAULT as an argument"));
        }
        let start = self.position();
        let value = self.expr()?;
        if matches!(value, Expr::Subquery(_)) && self.is_word("PARTITION") {
            return self.partitioned_query(value, start);
        }
        Ok(value)
    }

    /// `TABLE t`, `(TABLE t)`
    fn table_argument(&mut self, wrapped: bool) -> Parsed<Expr> {
        if wrapped {
            self.advance();
        }
        let marker = self.marker(markers::TABLE);
        self.advance();
        let table = self.name("the name of a table")?;
        if wrapped {
            self.expect_symbol(")")?;
        }
        let partitioning = self.table_partitioning()?;
        Ok(markers::over(
            markers::call(marker, vec![name_expr(table)]),
            partitioning,
        ))
    }

    /// `(query) PARTITION BY a`
    fn partitioned_query(&mut self, query: Expr, start: usize) -> Parsed<Expr> {
        let partitioning = self.table_partitioning()?;
        let marker = Ident {
            span: self.ast_span(self.span_from(start)),
            ..Ident::new(markers::TABLE)
        };
        Ok(markers::over(
            markers::call(marker, vec![query]),
            partitioning,
        ))
    }

    /// `[PARTITION BY a, …] [ORDER BY b, …]` of a table argument.
    fn table_partitioning(&mut self) -> Parsed<Option<WindowSpec>> {
        let mut spec = WindowSpec {
            window_name: None,
            partition_by: vec![],
            order_by: vec![],
            window_frame: None,
        };
        if !self.is_word("PARTITION") && !self.is_word("ORDER") {
            return Ok(None);
        }
        if self.eat_word("PARTITION") {
            self.expect_word("BY")?;
            // Bare, it is a single column: what follows a comma is the next argument.
            let columns = if self.is_symbol("(") {
                self.ident_list("a column to partition by")?
            } else {
                vec![self.ident("a column to partition by")?]
            };
            spec.partition_by = columns.into_iter().map(Expr::Identifier).collect();
        }
        if self.eat_words(&["ORDER", "BY"]) {
            let parenthesised = self.eat_symbol("(");
            spec.order_by = if parenthesised {
                self.order_by_list_after_by()?
            } else {
                vec![self.order_by_item()?]
            };
            if parenthesised {
                self.expect_symbol(")")?;
            }
        }
        Ok(Some(spec))
    }

    /// After `OVER`.
    fn over(&mut self) -> Parsed<WindowType> {
        if self.is_symbol("(") {
            return Ok(WindowType::WindowSpec(self.window_spec()?));
        }
        Ok(WindowType::NamedWindow(
            self.ident("'(' or the name of a window")?,
        ))
    }

    /// `( [name] [PARTITION BY …] [ORDER BY …] [frame] )`
    pub(crate) fn window_spec(&mut self) -> Parsed<WindowSpec> {
        self.expect_symbol("(")?;
        let window_name = if self.is_name_at(0) {
            Some(self.ident("the name of a window")?)
        } else {
            None
        };
        let mut partition_by = vec![];
        if self.eat_word("PARTITION") {
            self.expect_word("BY")?;
            partition_by = self.comma_separated(Self::expr)?;
        }
        let order_by = if self.eat_words(&["ORDER", "BY"]) {
            self.order_by_list_after_by()?
        } else {
            vec![]
        };
        let window_frame = match self.eat_one_of(&["ROWS", "RANGE"]) {
            Some(units) => {
                let units = if units == "ROWS" {
                    WindowFrameUnits::Rows
                } else {
                    WindowFrameUnits::Range
                };
                let between = self.eat_word("BETWEEN");
                let start_bound = self.frame_bound()?;
                let end_bound = if between {
                    self.expect_word("AND")?;
                    Some(self.frame_bound()?)
                } else {
                    None
                };
                Some(WindowFrame {
                    units,
                    start_bound,
                    end_bound,
                })
            }
            None => None,
        };
        if !self.eat_symbol(")") {
            return Err(self.unexpected("PARTITION BY, ORDER BY, ROWS, RANGE or ')'"));
        }
        Ok(WindowSpec {
            window_name,
            partition_by,
            order_by,
            window_frame,
        })
    }

    fn frame_bound(&mut self) -> Parsed<WindowFrameBound> {
        if self.eat_words(&["CURRENT", "ROW"]) {
            return Ok(WindowFrameBound::CurrentRow);
        }
        let distance = if self.is_word("UNBOUNDED")
            && (self.is_word_at(1, "PRECEDING") || self.is_word_at(1, "FOLLOWING"))
        {
            self.advance();
            None
        } else {
            Some(Box::new(self.expr()?))
        };
        if self.eat_word("PRECEDING") {
            return Ok(WindowFrameBound::Preceding(distance));
        }
        if self.eat_word("FOLLOWING") {
            return Ok(WindowFrameBound::Following(distance));
        }
        Err(self.unexpected("PRECEDING or FOLLOWING"))
    }

    /// `ORDER BY a [ASC | DESC] [NULLS FIRST | LAST], …`
    pub(crate) fn order_by_list(&mut self) -> Parsed<Vec<OrderByExpr>> {
        self.expect_word("ORDER")?;
        self.expect_word("BY")?;
        self.order_by_list_after_by()
    }

    pub(crate) fn order_by_list_after_by(&mut self) -> Parsed<Vec<OrderByExpr>> {
        self.comma_separated(Self::order_by_item)
    }

    /// A JSON function with clauses, or `None`.
    pub(crate) fn json_call(&mut self, word: &str) -> Parsed<Option<Expr>> {
        match word {
            "JSON_EXISTS" => self.json_exists(),
            "JSON_VALUE" => self.json_value(),
            "JSON_QUERY" => self.json_query(),
            "JSON_OBJECT" => self.json_object(),
            "JSON_ARRAY" => self.json_array(),
            "JSON_OBJECTAGG" => self.json_objectagg(),
            "JSON_ARRAYAGG" => self.json_arrayagg(),
            _ => return Ok(None),
        }
        .map(Some)
    }

    fn json_exists(&mut self) -> Parsed<Expr> {
        let name = self.marker(markers::JSON_EXISTS);
        self.open_call();
        let (input, path) = self.json_path()?;
        let mut on_error = "FALSE";
        if let Some(behaviour) = self.eat_one_of(&["TRUE", "FALSE", "UNKNOWN", "ERROR"]) {
            self.expect_words(&["ON", "ERROR"])?;
            on_error = behaviour;
        }
        self.close_json("an operator, ')' or a clause ON ERROR")?;
        Ok(markers::call(
            name,
            vec![input, path, markers::text(on_error)],
        ))
    }

    fn json_value(&mut self) -> Parsed<Expr> {
        let name = self.marker(markers::JSON_VALUE);
        self.open_call();
        let (input, path) = self.json_path()?;
        let returning = self.json_returning()?;
        // On empty, on error.
        let mut clauses = [None, None];
        while let Some(behaviour) = self.eat_one_of(&["NULL", "ERROR", "DEFAULT"]) {
            let default = if behaviour == "DEFAULT" {
                self.expr()?
            } else {
                markers::null()
            };
            self.json_clause(&mut clauses, (behaviour, default))?;
        }
        self.close_json("an operator, ')', RETURNING, or a clause ON EMPTY or ON ERROR")?;
        let mut args = vec![input, path, markers::text(returning)];
        for clause in clauses {
            let (behaviour, default) = clause.unwrap_or(("NULL", markers::null()));
            args.push(markers::text(behaviour));
            args.push(default);
        }
        Ok(markers::call(name, args))
    }

    fn json_query(&mut self) -> Parsed<Expr> {
        let name = self.marker(markers::JSON_QUERY);
        self.open_call();
        let (input, path) = self.json_path()?;
        let returning = self.json_returning()?;
        let wrapper = self.json_wrapper()?;
        let mut clauses = [None, None];
        while let Some(word) = self.eat_one_of(&["NULL", "ERROR", "EMPTY"]) {
            let behaviour = match word {
                "EMPTY" if self.eat_word("ARRAY") => "EMPTY ARRAY",
                "EMPTY" => {
                    self.expect_word("OBJECT")?;
                    "EMPTY OBJECT"
                }
                word => word,
            };
            self.json_clause(&mut clauses, behaviour)?;
        }
        self.close_json("an operator, ')', RETURNING, WRAPPER, or a clause ON EMPTY or ON ERROR")?;
        let mut args = vec![
            input,
            path,
            markers::text(returning),
            markers::text(wrapper),
        ];
        args.extend(clauses.map(|clause| markers::text(clause.unwrap_or("NULL"))));
        Ok(markers::call(name, args))
    }

    /// `{WITHOUT | WITH [CONDITIONAL | UNCONDITIONAL]} [ARRAY] WRAPPER`
    fn json_wrapper(&mut self) -> Parsed<&'static str> {
        let wrapper = if self.eat_word("WITHOUT") {
            "WITHOUT ARRAY"
        } else if self.eat_word("WITH") {
            match self.eat_one_of(&["CONDITIONAL", "UNCONDITIONAL"]) {
                Some("CONDITIONAL") => "WITH CONDITIONAL ARRAY",
                _ => "WITH UNCONDITIONAL ARRAY",
            }
        } else {
            return Ok("WITHOUT ARRAY");
        };
        self.eat_word("ARRAY");
        self.expect_word("WRAPPER")?;
        Ok(wrapper)
    }

    /// Reads `ON EMPTY` or `ON ERROR` and keeps what was before it.
    fn json_clause<T>(&mut self, clauses: &mut [Option<T>; 2], clause: T) -> Parsed<()> {
        self.expect_word("ON")?;
        let which = match self.eat_one_of(&["EMPTY", "ERROR"]) {
            Some("EMPTY") => 0,
            Some(_) => 1,
            None => return Err(self.unexpected("EMPTY or ERROR")),
        };
        if clauses[which..].iter().any(Option::is_some) {
            return Err(Box::new(
                Diagnostic::error(SYNTAX, "ON EMPTY comes before ON ERROR, and each only once")
                    .at(self.span()),
            ));
        }
        clauses[which] = Some(clause);
        Ok(())
    }

    /// Whether the list of a JSON constructor is empty.
    fn json_list_is_empty(&self) -> bool {
        self.is_symbol(")") || self.is_words(&["NULL", "ON"]) || self.is_words(&["ABSENT", "ON"])
    }

    fn json_object(&mut self) -> Parsed<Expr> {
        let name = self.marker(markers::JSON_OBJECT);
        self.open_call();
        let mut args = vec![markers::null()];
        if !self.json_list_is_empty() {
            for (key, value) in self.comma_separated(Self::json_pair)? {
                args.push(key);
                args.push(value);
            }
        }
        args[0] = markers::text(self.json_on_null("NULL")?);
        self.close_json("an operator, ',', ')' or a clause ON NULL")?;
        Ok(markers::call(name, args))
    }

    fn json_array(&mut self) -> Parsed<Expr> {
        let name = self.marker(markers::JSON_ARRAY);
        self.open_call();
        let mut args = vec![markers::null()];
        if !self.json_list_is_empty() {
            args.extend(self.comma_separated(Self::expr)?);
        }
        args[0] = markers::text(self.json_on_null("ABSENT")?);
        self.close_json("an operator, ',', ')' or a clause ON NULL")?;
        Ok(markers::call(name, args))
    }

    fn json_objectagg(&mut self) -> Parsed<Expr> {
        let name = self.marker(markers::JSON_OBJECTAGG);
        self.open_call();
        let (key, value) = self.json_pair()?;
        let on_null = markers::text(self.json_on_null("NULL")?);
        self.close_json("an operator, ')' or a clause ON NULL")?;
        self.aggregate_clauses(markers::call(name, vec![on_null, key, value]))
    }

    fn json_arrayagg(&mut self) -> Parsed<Expr> {
        let name = self.marker(markers::JSON_ARRAYAGG);
        self.open_call();
        let value = self.expr()?;
        let order = match self.eat_words(&["ORDER", "BY"]) {
            true => Some(self.order_by_list_after_by()?),
            false => None,
        };
        let on_null = markers::text(self.json_on_null("ABSENT")?);
        self.close_json("an operator, ')' or a clause ON NULL")?;
        let mut call = markers::call(name, vec![on_null, value]);
        if let (Expr::Function(function), Some(order)) = (&mut call, order)
            && let FunctionArguments::List(list) = &mut function.args
        {
            list.clauses.push(FunctionArgumentClause::OrderBy(order));
        }
        self.aggregate_clauses(call)
    }

    /// Refuses clauses behind an aggregate with a grammar of its own, as Flink does.
    fn aggregate_clauses(&mut self, expr: Expr) -> Parsed<Expr> {
        let filter = self.is_word("FILTER") && self.is_symbol_at(1, "(");
        if filter || self.is_word("OVER") || self.is_word("WITHIN") {
            return Err(self.not_supported("this clause after a JSON aggregate"));
        }
        Ok(expr)
    }

    fn json_path(&mut self) -> Parsed<(Expr, Expr)> {
        let input = self.expr()?;
        if self.is_word("FORMAT") {
            return Err(self.not_supported("FORMAT JSON"));
        }
        self.expect_symbol(",")?;
        let path = self.expr()?;
        if self.is_word("PASSING") {
            return Err(self.not_supported("PASSING"));
        }
        Ok((input, path))
    }

    fn json_returning(&mut self) -> Parsed<String> {
        if self.eat_word("RETURNING") {
            let (ty, _) = self.data_type()?;
            // In `RETURNING INT NULL ON EMPTY` the NULL is not of the type.
            if self.is_word("ON") && self.was_word(1, "NULL") && !self.was_word(2, "NOT") {
                self.step_back();
            }
            return Ok(ty.to_string());
        }
        Ok("STRING".to_string())
    }

    fn json_on_null(&mut self, default: &'static str) -> Parsed<&'static str> {
        match self.eat_one_of(&["NULL", "ABSENT"]) {
            Some(behaviour) => {
                self.expect_words(&["ON", "NULL"])?;
                Ok(behaviour)
            }
            None => Ok(default),
        }
    }

    /// `[KEY] k VALUE v` or `k : v`
    fn json_pair(&mut self) -> Parsed<(Expr, Expr)> {
        if self.is_word("KEY") && !self.is_word_at(1, "VALUE") && !self.is_symbol_at(1, ":") {
            self.advance();
        }
        let key = self.expr()?;
        if !self.eat_word("VALUE") && !self.eat_symbol(":") {
            return Err(self.unexpected("VALUE and the value of the key"));
        }
        let value = self.expr()?;
        if self.is_word("FORMAT") {
            return Err(self.not_supported("FORMAT JSON"));
        }
        Ok((key, value))
    }

    fn close_json(&mut self, expected: &str) -> Parsed<()> {
        if self.eat_symbol(")") {
            return Ok(());
        }
        Err(self.unexpected(expected))
    }
}

fn is_aggregate(name: &ObjectName) -> bool {
    match name.0.as_slice() {
        [part] => part.as_ident().is_some_and(|ident| {
            AGGREGATES
                .iter()
                .any(|aggregate| ident.value.eq_ignore_ascii_case(aggregate))
        }),
        _ => false,
    }
}

/// The name of a table or a model as an expression.
fn name_expr(name: Name) -> Expr {
    let mut parts = name.parts;
    if parts.len() == 1 {
        Expr::Identifier(parts.remove(0))
    } else {
        Expr::CompoundIdentifier(parts)
    }
}
