//! `MATCH_RECOGNIZE`: rows of a key, in order, that match a pattern.
//!
//! The conditions and measures of a pattern look at rows by pattern variable: `LAST(A.price, 1)`,
//! `SUM(B.amount)`, a bare `price`. Each such look is taken out as a [`Navigation`]; what is left is an
//! expression over their values, which is bound like any other. As in Flink a pattern is a
//! concatenation of variables with quantifiers.

use std::cmp::Ordering;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion_common::{DFSchema, DFSchemaRef, Result, internal_err, not_impl_err, plan_err};
use datafusion_expr::logical_plan::LogicalPlan;
use datafusion_expr::planner::RelationPlannerContext;
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::{Expr, ExprSchemable, UserDefinedLogicalNodeCore};
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_sql::sqlparser::ast::{
    self, AfterMatchSkip, MatchRecognizePattern, MatchRecognizeSymbol, RepetitionQuantifier,
    TableFactor, VisitMut as _, VisitorMut,
};
use millstream_functions::aggregate::AggregateKind;
use millstream_functions::{Zone, interval_millis};

use super::stream::{ChangelogMode, PlanColumn, SortColumn, StreamOp, TimeAttribute, plain_column};
use super::translate::{Translator, without_casts};
use crate::sql::match_recognize::WITHIN;

/// A variable of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct PatternPart {
    /// Its name.
    pub name: String,
    /// How many rows at least.
    pub min: u32,
    /// How many at most; `None` for any number.
    pub max: Option<u32>,
    /// Whether it takes as many rows as it can.
    pub greedy: bool,
    /// What a row must fulfil, over the navigations; `None`: nothing.
    pub condition: Option<Expr>,
}

/// What a condition or a measure looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Navigation {
    /// How.
    pub look: Look,
    /// Number of the variable whose rows it looks at; `None`: all rows of the match.
    pub variable: Option<usize>,
    /// Position in the input of what it takes of a row; none for `COUNT(*)`.
    pub column: Option<usize>,
    /// The value.
    pub output: PlanColumn,
}

/// How a [`Navigation`] looks at rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Look {
    /// At the row so many behind the first.
    First(u32),
    /// At the row so many before the last.
    Last(u32),
    /// At all, with a function.
    Aggregate(AggregateKind),
}

/// Where the search goes on behind a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// Behind its last row.
    PastLastRow,
    /// Behind its first row.
    ToNextRow,
    /// At the first row of a variable.
    ToFirst(usize),
    /// At the last row of a variable.
    ToLast(usize),
}

/// A pattern and what comes of a match.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchSpec {
    /// Positions of the partition keys.
    pub partition: Vec<usize>,
    /// Position of the time attribute.
    pub time: usize,
    /// Whether it is event time.
    pub rowtime: bool,
    /// The order of rows of one time.
    pub order: Vec<SortColumn>,
    /// The pattern.
    pub parts: Vec<PatternPart>,
    /// What conditions and measures look at.
    pub navigations: Vec<Navigation>,
    /// The measures, over the navigations.
    pub measures: Vec<Expr>,
    /// Where the search goes on.
    pub skip: Skip,
    /// How long a match may last at most, in milliseconds.
    pub within: Option<i64>,
}

/// A navigation while its query is bound: what it takes of a row is an argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Taken {
    look: Look,
    variable: Option<usize>,
    /// Number of the argument.
    argument: Option<usize>,
    field: Field,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Part {
    name: String,
    min: u32,
    max: Option<u32>,
    greedy: bool,
    condition: Option<Expr>,
}

/// `MATCH_RECOGNIZE` over its input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MatchNode {
    pub input: LogicalPlan,
    partition: Vec<Expr>,
    /// Expression, descending.
    order: Vec<(Expr, bool)>,
    arguments: Vec<Expr>,
    navigations: Vec<Taken>,
    parts: Vec<Part>,
    measures: Vec<(Expr, bool)>,
    skip: Skip,
    within: Option<i64>,
    schema: DFSchemaRef,
}

impl PartialOrd for MatchNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for MatchNode {
    fn name(&self) -> &str {
        "MatchRecognize"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "MATCH_RECOGNIZE")
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match <[LogicalPlan; 1]>::try_from(inputs) {
            Ok([input]) => Ok(Self {
                input,
                ..self.clone()
            }),
            Err(_) => internal_err!("MATCH_RECOGNIZE has one input"),
        }
    }
}

/// Takes navigations out of conditions and measures.
struct Navigator<'a, 'c> {
    context: &'a mut (dyn RelationPlannerContext + 'c),
    input: &'a DFSchema,
    variables: &'a [String],
    arguments: Vec<Expr>,
    navigations: Vec<Taken>,
    failed: Option<datafusion_common::DataFusionError>,
}

/// What a navigation is called in the expression it was taken out of.
fn navigation_name(index: usize) -> String {
    format!("__navigation{index}")
}

impl VisitorMut for Navigator<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
        match self.navigation(expr) {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(index)) => {
                let name = navigation_name(index);
                *expr = ast::Expr::Identifier(ast::Ident::with_quote('`', name));
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl Navigator<'_, '_> {
    /// The number of the navigation that an expression is, if it is one.
    fn navigation(&mut self, expr: &ast::Expr) -> Result<Option<usize>> {
        let function = match expr {
            ast::Expr::Identifier(name) if name.value.starts_with("__navigation") => {
                return Ok(None);
            }
            ast::Expr::Identifier(_)
            | ast::Expr::CompoundIdentifier(_)
            | ast::Expr::CompoundFieldAccess { .. } => {
                return self.look(Look::Last(0), expr.clone()).map(Some);
            }
            ast::Expr::Function(function) => function,
            _ => return Ok(None),
        };
        let name = function.name.to_string().to_uppercase();
        let list = match &function.args {
            ast::FunctionArguments::List(list) => list,
            _ => return Ok(None),
        };
        let mut args = Vec::new();
        for arg in &list.args {
            match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(arg)) => {
                    args.push(arg.clone());
                }
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard) if name == "COUNT" => {}
                _ => return Ok(None),
            }
        }
        let kind = match name.as_str() {
            "PREV" | "NEXT" | "CLASSIFIER" | "MATCH_NUMBER" => {
                return plan_err!(
                    "{name} in MATCH_RECOGNIZE is not supported, as in Flink; FIRST and LAST look at \
                     rows of a pattern variable"
                );
            }
            "FIRST" | "LAST" => {
                let offset = match args.get(1) {
                    None => 0,
                    Some(ast::Expr::Value(value)) => {
                        value.value.to_string().parse().map_err(|_| {
                            datafusion_common::DataFusionError::Plan(format!(
                                "{name} takes a whole number of rows, not {value}"
                            ))
                        })?
                    }
                    Some(other) => {
                        return plan_err!("{name} takes a constant number of rows, not {other}");
                    }
                };
                let look = match name.as_str() {
                    "FIRST" => Look::First(offset),
                    _ => Look::Last(offset),
                };
                let Some(argument) = args.into_iter().next() else {
                    return plan_err!("{name} needs an argument");
                };
                return self.look(look, argument).map(Some);
            }
            "MATCH_ROWTIME" | "MATCH_PROCTIME" => {
                let argument = match args.into_iter().next() {
                    Some(argument) => argument,
                    None => ast::Expr::Identifier(ast::Ident::with_quote('`', self.time_column()?)),
                };
                return self.look(Look::Last(0), argument).map(Some);
            }
            "COUNT" => AggregateKind::Count,
            "SUM" => AggregateKind::Sum,
            "AVG" => AggregateKind::Avg,
            "MIN" => AggregateKind::Min,
            "MAX" => AggregateKind::Max,
            _ => return Ok(None),
        };
        if list.duplicate_treatment.is_some() || function.filter.is_some() {
            return plan_err!("{name} in MATCH_RECOGNIZE takes neither DISTINCT nor FILTER");
        }
        match args.into_iter().next() {
            Some(argument) => self.look(Look::Aggregate(kind), argument).map(Some),
            None => Ok(Some(self.taken(Taken {
                look: Look::Aggregate(kind),
                variable: None,
                argument: None,
                field: Field::new("count", DataType::Int64, false),
            }))),
        }
    }

    /// The time attribute's name: the only column that could be it is known when rows are ordered.
    fn time_column(&self) -> Result<String> {
        let times: Vec<&str> = (self.input.fields().iter())
            .filter(|field| matches!(field.data_type(), DataType::Timestamp(_, _)))
            .map(|field| field.name().as_str())
            .collect();
        match times.as_slice() {
            [name] => Ok((*name).to_owned()),
            _ => plan_err!("name the time attribute: MATCH_ROWTIME(ts)"),
        }
    }

    /// A look at rows with what is taken of each, whose columns are those of one variable.
    fn look(&mut self, look: Look, mut argument: ast::Expr) -> Result<usize> {
        struct Variables<'v> {
            known: &'v [String],
            found: Vec<Option<usize>>,
        }
        impl VisitorMut for Variables<'_> {
            type Break = ();
            fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
                match expr {
                    ast::Expr::CompoundIdentifier(parts) => {
                        let name = &parts[0].value;
                        let variable = self.known.iter().position(|known| known == name);
                        self.found.push(variable);
                        if variable.is_some() {
                            parts.remove(0);
                            if let [only] = parts.as_slice() {
                                *expr = ast::Expr::Identifier(only.clone());
                            }
                        }
                    }
                    ast::Expr::Identifier(_) => self.found.push(None),
                    _ => {}
                }
                ControlFlow::Continue(())
            }
        }
        let mut variables = Variables {
            known: self.variables,
            found: Vec::new(),
        };
        // Nothing breaks off. A column whose variable was taken off is met again, as its own.
        let _ = argument.visit(&mut variables);
        let mut named: Vec<usize> = variables.found.iter().flatten().copied().collect();
        named.sort_unstable();
        named.dedup();
        let all_named = variables.found.iter().all(Option::is_some);
        let variable = match named.as_slice() {
            [] => None,
            [one] if all_named => Some(*one),
            _ => {
                return plan_err!(
                    "an argument in MATCH_RECOGNIZE looks at rows of one pattern variable"
                );
            }
        };
        let bound = self.context.sql_to_expr(argument, self.input)?;
        let bound = bind(bound, self.input)?;
        let mut field = bound.to_field(self.input)?.1.as_ref().clone();
        if let Look::Aggregate(kind) = look {
            let ty = kind.result_type(Some(field.data_type()));
            let ty = ty.map_err(|e| datafusion_common::DataFusionError::Plan(e.to_string()))?;
            let numeric = matches!(
                field.data_type(),
                DataType::Int8
                    | DataType::Int16
                    | DataType::Int32
                    | DataType::Int64
                    | DataType::Float32
                    | DataType::Float64
                    | DataType::Decimal128(_, _)
            );
            if !numeric
                && !matches!(
                    kind,
                    AggregateKind::Count | AggregateKind::Min | AggregateKind::Max
                )
            {
                return plan_err!(
                    "{kind:?} in MATCH_RECOGNIZE takes numbers, not {}",
                    field.data_type()
                );
            }
            field = Field::new(field.name(), ty, kind != AggregateKind::Count);
        } else {
            // There may be no such row.
            field = field.with_nullable(true);
        }
        let argument = match self.arguments.iter().position(|known| *known == bound) {
            Some(known) => known,
            None => {
                self.arguments.push(bound);
                self.arguments.len() - 1
            }
        };
        Ok(self.taken(Taken {
            look,
            variable,
            argument: Some(argument),
            field,
        }))
    }

    fn taken(&mut self, taken: Taken) -> usize {
        match self.navigations.iter().position(|known| *known == taken) {
            Some(known) => known,
            None => {
                self.navigations.push(taken);
                self.navigations.len() - 1
            }
        }
    }

    /// A condition or measure over the navigations that it makes.
    fn over_navigations(&mut self, mut expr: ast::Expr) -> Result<Expr> {
        // A failure is kept.
        let _ = expr.visit(self);
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let schema = navigation_schema(&self.navigations)?;
        let bound = self.context.sql_to_expr(expr, &schema)?;
        bind(bound, &schema)
    }
}

fn navigation_schema(navigations: &[Taken]) -> Result<DFSchema> {
    let fields = navigations.iter().enumerate();
    let fields: Vec<Field> = fields
        .map(|(i, taken)| taken.field.clone().with_name(navigation_name(i)))
        .collect();
    DFSchema::try_from(Schema::new(fields))
}

/// Flink's functions and conversions in an expression.
fn bind(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let expr = millstream_functions::analyze_expr(expr, schema)?;
    let schema = Arc::new(schema.clone());
    let context = SimplifyContext::builder()
        .with_schema(Arc::clone(&schema))
        .build();
    ExprSimplifier::new(context).coerce(expr, &schema)
}

impl MatchNode {
    /// Binds the clause.
    pub(super) fn plan(
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<Self> {
        let TableFactor::MatchRecognize {
            table,
            partition_by,
            order_by,
            measures,
            after_match_skip,
            pattern,
            symbols,
            ..
        } = relation
        else {
            return internal_err!("not a MATCH_RECOGNIZE");
        };
        let input = context.plan(*table)?;
        let schema = Arc::clone(input.schema());
        let mut parts = Vec::new();
        flatten(&pattern, &mut parts)?;
        if parts
            .last()
            .is_some_and(|last| last.greedy && last.max != Some(last.min))
        {
            return plan_err!(
                "a greedy quantifier cannot end a pattern, as in Flink; finish it with a plain variable \
                 or a reluctant quantifier such as +?"
            );
        }
        if parts.iter().all(|part| part.min == 0) {
            return plan_err!("a pattern must take at least one row, as in Flink");
        }
        let names: Vec<String> = parts.iter().map(|part| part.name.clone()).collect();
        let skip = match after_match_skip {
            // Calcite's default, which Flink has.
            None | Some(AfterMatchSkip::ToNextRow) => Skip::ToNextRow,
            Some(AfterMatchSkip::PastLastRow) => Skip::PastLastRow,
            Some(AfterMatchSkip::ToFirst(symbol)) => Skip::ToFirst(known(&names, &symbol)?),
            Some(AfterMatchSkip::ToLast(symbol)) => Skip::ToLast(known(&names, &symbol)?),
        };
        let mut partition = Vec::new();
        for key in partition_by {
            let bound = context.sql_to_expr(key, &schema)?;
            partition.push(bind(bound, &schema)?);
        }
        let mut order = Vec::new();
        for by in order_by {
            let bound = context.sql_to_expr(by.expr, &schema)?;
            order.push((bind(bound, &schema)?, by.options.asc == Some(false)));
        }
        let mut within = None;
        let mut navigator = Navigator {
            context,
            input: &schema,
            variables: &names,
            arguments: Vec::new(),
            navigations: Vec::new(),
            failed: None,
        };
        for symbol in symbols {
            if symbol.symbol.value == WITHIN {
                let bound = navigator.context.sql_to_expr(symbol.definition, &schema)?;
                let bound = bind(bound, &schema)?;
                within = match without_casts(&bound) {
                    Expr::Literal(value, _) => interval_millis(value).filter(|millis| *millis > 0),
                    _ => None,
                };
                if within.is_none() {
                    return plan_err!("WITHIN takes a constant interval above 0");
                }
                continue;
            }
            let part = known(&names, &symbol.symbol)?;
            parts[part].condition = Some(navigator.over_navigations(symbol.definition)?);
        }
        let mut fields = Vec::new();
        for key in &partition {
            let name = match key {
                Expr::Column(column) => column.name.clone(),
                other => {
                    return plan_err!("PARTITION BY in MATCH_RECOGNIZE takes columns, not {other}");
                }
            };
            fields.push(
                key.to_field(schema.as_ref())?
                    .1
                    .as_ref()
                    .clone()
                    .with_name(name),
            );
        }
        let mut outputs = Vec::new();
        let mut named = Vec::new();
        for measure in measures {
            let is_time = matches!(&measure.expr, ast::Expr::Function(call)
                if call.name.to_string().to_uppercase().starts_with("MATCH_"));
            outputs.push((navigator.over_navigations(measure.expr)?, is_time));
            named.push(measure.alias.value);
        }
        let Navigator {
            arguments,
            navigations,
            ..
        } = navigator;
        let looked = navigation_schema(&navigations)?;
        for ((measure, _), name) in outputs.iter().zip(named) {
            fields.push(
                measure
                    .to_field(&looked)?
                    .1
                    .as_ref()
                    .clone()
                    .with_name(name),
            );
        }
        Ok(Self {
            input,
            partition,
            order,
            arguments,
            navigations,
            parts,
            measures: outputs,
            skip,
            within,
            schema: Arc::new(DFSchema::try_from(Schema::new(fields))?),
        })
    }
}

fn known(names: &[String], symbol: &ast::Ident) -> Result<usize> {
    match names.iter().position(|name| *name == symbol.value) {
        Some(part) => Ok(part),
        None => plan_err!(
            "the pattern has no variable '{}'; it has {}",
            symbol.value,
            names.join(", ")
        ),
    }
}

/// The variables of a pattern one after the other.
fn flatten(pattern: &MatchRecognizePattern, parts: &mut Vec<Part>) -> Result<()> {
    match pattern {
        MatchRecognizePattern::Symbol(MatchRecognizeSymbol::Named(name)) => {
            if parts.iter().any(|part| part.name == name.value) {
                return not_impl_err!(
                    "the variable '{}' twice in a pattern is not supported, as in Flink",
                    name.value
                );
            }
            parts.push(Part {
                name: name.value.clone(),
                min: 1,
                max: Some(1),
                greedy: true,
                condition: None,
            });
            Ok(())
        }
        MatchRecognizePattern::Concat(inner) => {
            inner.iter().try_for_each(|inner| flatten(inner, parts))
        }
        MatchRecognizePattern::Group(inner)
            if !matches!(inner.as_ref(), MatchRecognizePattern::Alternation(_)) =>
        {
            flatten(inner, parts)
        }
        MatchRecognizePattern::Repetition(inner, quantifier) => {
            let (inner, quantifier, greedy) = match (inner.as_ref(), quantifier) {
                (
                    MatchRecognizePattern::Repetition(inner, quantifier),
                    RepetitionQuantifier::AtMostOne,
                ) => (inner.as_ref(), quantifier, false),
                (inner, quantifier) => (inner, quantifier, true),
            };
            let before = parts.len();
            flatten(inner, parts)?;
            if parts.len() != before + 1 {
                return not_impl_err!(
                    "a quantifier behind a group is not supported, as in Flink; it stands behind a variable"
                );
            }
            let part = &mut parts[before];
            (part.min, part.max) = match *quantifier {
                RepetitionQuantifier::ZeroOrMore => (0, None),
                RepetitionQuantifier::OneOrMore => (1, None),
                RepetitionQuantifier::AtMostOne => (0, Some(1)),
                RepetitionQuantifier::Exactly(n) => (n, Some(n)),
                RepetitionQuantifier::AtLeast(n) => (n, None),
                RepetitionQuantifier::AtMost(n) => (0, Some(n)),
                RepetitionQuantifier::Range(n, m) => (n, Some(m)),
            };
            if part.max == Some(0) {
                return plan_err!("a variable of no rows has no place in a pattern");
            }
            part.greedy = greedy;
            if !greedy && *quantifier == RepetitionQuantifier::AtMostOne {
                return not_impl_err!("the reluctant ?? is not supported, as in Flink");
            }
            Ok(())
        }
        other => not_impl_err!(
            "the pattern {other} is not supported, as in Flink: a pattern is a sequence of variables"
        ),
    }
}

impl Translator<'_> {
    /// A pattern over its input.
    pub(super) fn match_recognize(&mut self, node: &MatchNode) -> Result<usize> {
        let below = self.translate(&node.input)?;
        if self.graph.nodes()[below].changelog != ChangelogMode::Append {
            return plan_err!("MATCH_RECOGNIZE takes an append-only input, as in Flink");
        }
        if self.zone()? != Zone::Utc {
            return not_impl_err!(
                "MATCH_RECOGNIZE in a 'table.local-time-zone' other than UTC is not supported"
            );
        }
        let schema = node.input.schema();
        let mut needed = node.partition.clone();
        needed.extend(node.order.iter().map(|(expr, _)| expr.clone()));
        needed.extend(node.arguments.iter().cloned());
        let (input, positions) = self.as_columns(below, &needed, schema)?;
        let columns = self.graph.nodes()[input].columns.clone();
        let (partition, rest) = positions.split_at(node.partition.len());
        let (order, arguments) = rest.split_at(node.order.len());
        let Some((&time, further)) = order.split_first() else {
            return plan_err!("MATCH_RECOGNIZE needs ORDER BY a time attribute, as in Flink");
        };
        let rowtime = match columns[time].time {
            Some(TimeAttribute::Rowtime) => true,
            Some(TimeAttribute::Proctime) => false,
            None => {
                return plan_err!(
                    "MATCH_RECOGNIZE must be ordered by a time attribute first, as in Flink, but '{}' is none",
                    columns[time].name
                );
            }
        };
        if node.order[0].1 {
            return plan_err!(
                "MATCH_RECOGNIZE is ordered by its time attribute ascending, as in Flink"
            );
        }
        let navigations: Vec<Navigation> = (node.navigations.iter().enumerate())
            .map(|(i, taken)| Navigation {
                look: taken.look,
                variable: taken.variable,
                column: taken.argument.map(|argument| arguments[argument]),
                output: PlanColumn::new(navigation_name(i), &taken.field),
            })
            .collect();
        let looked = navigation_schema(&node.navigations)?;
        let values: Vec<PlanColumn> = navigations.iter().map(|n| n.output.clone()).collect();
        let mut parts = Vec::with_capacity(node.parts.len());
        for part in &node.parts {
            let condition = part.condition.as_ref();
            parts.push(PatternPart {
                name: part.name.clone(),
                min: part.min,
                max: part.max,
                greedy: part.greedy,
                condition: condition
                    .map(|condition| self.expression(condition, &looked, &values))
                    .transpose()?,
            });
        }
        let measures = node
            .measures
            .iter()
            .map(|(measure, _)| self.expression(measure, &looked, &values))
            .collect::<Result<Vec<_>>>()?;
        let mut outputs: Vec<PlanColumn> = partition
            .iter()
            .map(|&key| PlanColumn {
                time: None,
                ..columns[key].clone()
            })
            .collect();
        for (i, ((_, is_time), measure)) in node.measures.iter().zip(&measures).enumerate() {
            let field = node.schema.field(node.partition.len() + i);
            let mut output = PlanColumn::new(field.name(), field);
            let of_time = plain_column(measure)
                .and_then(|i| navigations[i].column)
                .is_some_and(|column| columns[column].time.is_some());
            if *is_time && of_time {
                output.time = match rowtime {
                    true => Some(TimeAttribute::Rowtime),
                    false => Some(TimeAttribute::Proctime),
                };
            }
            outputs.push(output);
        }
        let order = further
            .iter()
            .zip(&node.order[1..])
            .map(|(&column, (_, descending))| SortColumn {
                column,
                descending: *descending,
                // Flink takes NULL for the smallest value.
                nulls_first: !descending,
            })
            .collect();
        let spec = MatchSpec {
            partition: partition.to_vec(),
            time,
            rowtime,
            order,
            parts,
            navigations,
            measures,
            skip: node.skip,
            within: node.within,
        };
        Ok(self.push(StreamOp::Match(Box::new(spec)), vec![input], outputs))
    }
}
