//! Calls of functions: arguments (table, model, descriptor and named ones among them), aggregate
//! clauses, windows, and the JSON functions with their clauses.

use datafusion_sql::sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, NullTreatment, ObjectName,
    OrderByExpr, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

use super::lexer::TokenKind;
use super::markers;
use super::parser::{Parsed, Parser, SYNTAX};
use crate::diagnostics::Diagnostic;

impl Parser<'_> {
    /// From the `(` of a call to the end of its last clause.
    pub(crate) fn call_arguments(&mut self, name: ObjectName) -> Parsed<Expr> {
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
        if self.is_word("DEFAULT") {
            return Err(self.not_supported("DEFAULT as an argument"));
        }
        let wrapped = self.is_symbol("(") && self.is_word_at(1, "TABLE");
        if wrapped || self.is_word("TABLE") {
            if wrapped {
                self.advance();
            }
            let marker = self.marker(markers::TABLE);
            self.advance();
            let table = self.name("the name of a table")?;
            if wrapped {
                self.expect_symbol(")")?;
            }
            let mut parts = table.parts;
            let table = if parts.len() == 1 {
                Expr::Identifier(parts.remove(0))
            } else {
                Expr::CompoundIdentifier(parts)
            };
            let partitioning = self.table_partitioning()?;
            return Ok(markers::over(
                markers::call(marker, vec![table]),
                partitioning,
            ));
        }
        if self.is_word("MODEL") && self.is_name_at(1) {
            let marker = self.marker(markers::MODEL);
            self.advance();
            let model = self.name("the name of a model")?;
            let mut parts = model.parts;
            let model = if parts.len() == 1 {
                Expr::Identifier(parts.remove(0))
            } else {
                Expr::CompoundIdentifier(parts)
            };
            return Ok(markers::call(marker, vec![model]));
        }
        let marker = self.marker(markers::TABLE);
        let value = self.expr()?;
        if matches!(value, Expr::Subquery(_)) && self.is_word("PARTITION") {
            let partitioning = self.table_partitioning()?;
            return Ok(markers::over(
                markers::call(marker, vec![value]),
                partitioning,
            ));
        }
        Ok(value)
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
        Ok(Some(match word {
            "JSON_EXISTS" => {
                let name = self.marker(markers::JSON_EXISTS);
                self.open_call();
                let (input, path) = self.json_path()?;
                let mut on_error = "FALSE";
                if let Some(behaviour) = self.eat_one_of(&["TRUE", "FALSE", "UNKNOWN", "ERROR"]) {
                    self.expect_words(&["ON", "ERROR"])?;
                    on_error = behaviour;
                }
                self.close_json("')' or a clause ON ERROR")?;
                markers::call(name, vec![input, path, markers::text(on_error)])
            }
            "JSON_VALUE" => {
                let name = self.marker(markers::JSON_VALUE);
                self.open_call();
                let (input, path) = self.json_path()?;
                let returning = self.json_returning()?;
                let mut clauses = [None, None];
                while let Some(behaviour) = self.eat_one_of(&["NULL", "ERROR", "DEFAULT"]) {
                    let default = if behaviour == "DEFAULT" {
                        self.expr()?
                    } else {
                        markers::null()
                    };
                    let which = self.json_on()?;
                    if clauses[which].is_some() || (which == 0 && clauses[1].is_some()) {
                        return Err(self.clause_twice());
                    }
                    clauses[which] = Some((behaviour, default));
                }
                self.close_json("')', RETURNING, or a clause ON EMPTY or ON ERROR")?;
                let mut args = vec![input, path, markers::text(returning)];
                for clause in clauses {
                    let (behaviour, default) = clause.unwrap_or(("NULL", markers::null()));
                    args.push(markers::text(behaviour));
                    args.push(default);
                }
                markers::call(name, args)
            }
            "JSON_QUERY" => {
                let name = self.marker(markers::JSON_QUERY);
                self.open_call();
                let (input, path) = self.json_path()?;
                let returning = self.json_returning()?;
                let mut wrapper = "WITHOUT ARRAY";
                if self.eat_word("WITHOUT") {
                    self.eat_word("ARRAY");
                    self.expect_word("WRAPPER")?;
                } else if self.eat_word("WITH") {
                    wrapper = match self.eat_one_of(&["CONDITIONAL", "UNCONDITIONAL"]) {
                        Some("CONDITIONAL") => "WITH CONDITIONAL ARRAY",
                        _ => "WITH UNCONDITIONAL ARRAY",
                    };
                    self.eat_word("ARRAY");
                    self.expect_word("WRAPPER")?;
                }
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
                    let which = self.json_on()?;
                    if clauses[which].is_some() || (which == 0 && clauses[1].is_some()) {
                        return Err(self.clause_twice());
                    }
                    clauses[which] = Some(behaviour);
                }
                self.close_json("')', RETURNING, WRAPPER, or a clause ON EMPTY or ON ERROR")?;
                let mut args = vec![
                    input,
                    path,
                    markers::text(returning),
                    markers::text(wrapper),
                ];
                args.extend(clauses.map(|clause| markers::text(clause.unwrap_or("NULL"))));
                markers::call(name, args)
            }
            "JSON_OBJECT" => {
                let name = self.marker(markers::JSON_OBJECT);
                self.open_call();
                let mut pairs = Vec::new();
                if !self.is_symbol(")")
                    && !self.is_words(&["NULL", "ON"])
                    && !self.is_words(&["ABSENT", "ON"])
                {
                    for (key, value) in self.comma_separated(Self::json_pair)? {
                        pairs.push(key);
                        pairs.push(value);
                    }
                }
                let on_null = self.json_on_null("NULL")?;
                self.close_json("',', ')' or a clause ON NULL")?;
                pairs.insert(0, markers::text(on_null));
                markers::call(name, pairs)
            }
            "JSON_ARRAY" => {
                let name = self.marker(markers::JSON_ARRAY);
                self.open_call();
                let mut items = Vec::new();
                if !self.is_symbol(")")
                    && !self.is_words(&["NULL", "ON"])
                    && !self.is_words(&["ABSENT", "ON"])
                {
                    items = self.comma_separated(Self::expr)?;
                }
                let on_null = self.json_on_null("ABSENT")?;
                self.close_json("',', ')' or a clause ON NULL")?;
                items.insert(0, markers::text(on_null));
                markers::call(name, items)
            }
            "JSON_OBJECTAGG" => {
                let name = self.marker(markers::JSON_OBJECTAGG);
                self.open_call();
                let (key, value) = self.json_pair()?;
                let on_null = self.json_on_null("NULL")?;
                self.close_json("')' or a clause ON NULL")?;
                self.aggregate_clauses(markers::call(
                    name,
                    vec![markers::text(on_null), key, value],
                ))?
            }
            "JSON_ARRAYAGG" => {
                let name = self.marker(markers::JSON_ARRAYAGG);
                self.open_call();
                let value = self.expr()?;
                if self.is_word("ORDER") {
                    return Err(self.not_supported("ORDER BY in JSON_ARRAYAGG"));
                }
                let on_null = self.json_on_null("ABSENT")?;
                self.close_json("')' or a clause ON NULL")?;
                self.aggregate_clauses(markers::call(name, vec![markers::text(on_null), value]))?
            }
            _ => return Ok(None),
        }))
    }

    /// `FILTER (WHERE …)` after an aggregate with a grammar of its own.
    fn aggregate_clauses(&mut self, mut expr: Expr) -> Parsed<Expr> {
        if self.is_word("OVER") || self.is_word("WITHIN") {
            return Err(self.not_supported("this clause after a JSON aggregate"));
        }
        if self.is_word("FILTER") && self.is_symbol_at(1, "(") {
            self.open_call();
            self.expect_word("WHERE")?;
            let condition = self.expr()?;
            self.expect_symbol(")")?;
            if let Expr::Function(function) = &mut expr {
                function.filter = Some(Box::new(condition));
            }
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

    /// `ON EMPTY` is 0, `ON ERROR` is 1.
    fn json_on(&mut self) -> Parsed<usize> {
        self.expect_word("ON")?;
        if self.eat_word("EMPTY") {
            return Ok(0);
        }
        if self.eat_word("ERROR") {
            return Ok(1);
        }
        Err(self.unexpected("EMPTY or ERROR"))
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

    fn clause_twice(&self) -> Box<Diagnostic> {
        Box::new(
            Diagnostic::error(SYNTAX, "ON EMPTY comes before ON ERROR, and each only once")
                .at(self.span()),
        )
    }
}
