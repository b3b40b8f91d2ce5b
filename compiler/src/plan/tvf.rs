//! Table functions of Flink SQL in `FROM`: window TVFs and `ML_PREDICT`.
//!
//! DataFusion does not know them; a [`RelationPlanner`] reads their arguments (positional or
//! named) and puts an extension node into the logical plan, which translation turns into an
//! operator. A table function that is not known here is refused: DataFusion would look for a
//! table of that name and give a misleading message.

use std::cmp::Ordering;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion_common::{DFSchema, DFSchemaRef, Result, TableReference, internal_err, plan_err};
use datafusion_expr::logical_plan::{Extension, LogicalPlan, SubqueryAlias};
use datafusion_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion_expr::{Expr, UserDefinedLogicalNodeCore};
use datafusion_sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, FunctionArguments, TableFactor,
};
use millstream_functions::interval_millis;
use millstream_functions::types::{FlinkType, TypeKind};
use millstream_functions::window::Window;

use super::catalog::Models;
use super::matching::MatchNode;
use super::unnest::UnnestNode;
use super::versioned::VersionedNode;
use crate::sql::markers;

/// Metadata that marks the time columns a window function adds.
pub(crate) const WINDOW_COLUMNS: [&str; 3] = ["window_start", "window_end", "window_time"];

/// The columns of `input` and those that a table function adds, without a qualifier.
///
/// Flink numbers a column whose name the input has already; a clear refusal reads better than a
/// column called score0.
fn with_columns<'a>(
    input: &LogicalPlan,
    function: &str,
    added: impl IntoIterator<Item = (&'a str, &'a FlinkType)>,
) -> Result<DFSchemaRef> {
    let mut fields: Vec<(Option<TableReference>, Arc<Field>)> = input
        .schema()
        .iter()
        .map(|(q, f)| (q.cloned(), Arc::clone(f)))
        .collect();
    for (name, ty) in added {
        if input.schema().has_column_with_unqualified_name(name) {
            return plan_err!(
                "{function} adds a column '{name}', but the input has one of that name; rename one of them"
            );
        }
        fields.push((None, Arc::new(ty.to_field(name))));
    }
    Ok(Arc::new(DFSchema::new_with_metadata(
        fields,
        Default::default(),
    )?))
}

/// A window TVF over its input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct WindowTvfNode {
    pub input: LogicalPlan,
    pub window: Window,
    /// Position of the DESCRIPTOR's column in the input.
    pub time_column: usize,
    /// Positions of the PARTITION BY of a SESSION.
    pub partition: Vec<usize>,
    pub schema: DFSchemaRef,
}

impl PartialOrd for WindowTvfNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl WindowTvfNode {
    fn try_new(input: LogicalPlan, window: Window, time_column: usize) -> Result<Self> {
        let ty = FlinkType::new(TypeKind::Timestamp(3)).not_null();
        let time = window_time_type(input.schema().field(time_column));
        let [start, end, window_time] = WINDOW_COLUMNS;
        let added = [(start, &ty), (end, &ty), (window_time, &time)];
        let schema = with_columns(&input, "a window function", added)?;
        Ok(Self {
            input,
            window,
            time_column,
            partition: vec![],
            schema,
        })
    }
}

impl UserDefinedLogicalNodeCore for WindowTvfNode {
    fn name(&self) -> &str {
        "WindowTableFunction"
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
        write!(f, "{}", self.window)
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match <[LogicalPlan; 1]>::try_from(inputs) {
            Ok([input]) => Ok(Self {
                partition: self.partition.clone(),
                ..Self::try_new(input, self.window, self.time_column)?
            }),
            Err(_) => internal_err!("a window function has one input"),
        }
    }
}

/// The type of `window_time`: that of the time attribute.
pub(super) fn window_time_type(time: &Field) -> FlinkType {
    FlinkType::new(match FlinkType::from_field(time).kind {
        TypeKind::TimestampLtz(_) => TypeKind::TimestampLtz(3),
        _ => TypeKind::Timestamp(3),
    })
    .not_null()
}

/// `ML_PREDICT` over its input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PredictNode {
    pub input: LogicalPlan,
    pub model: String,
    /// Positions of the DESCRIPTOR's columns in the input.
    pub args: Vec<usize>,
    pub schema: DFSchemaRef,
}

impl PartialOrd for PredictNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl PredictNode {
    fn try_new(
        input: LogicalPlan,
        model: String,
        args: Vec<usize>,
        outputs: &[(String, FlinkType)],
    ) -> Result<Self> {
        let added = outputs.iter().map(|(name, ty)| (name.as_str(), ty));
        let schema = with_columns(&input, "the model", added)?;
        Ok(Self {
            input,
            model,
            args,
            schema,
        })
    }
}

impl UserDefinedLogicalNodeCore for PredictNode {
    fn name(&self) -> &str {
        "MlPredict"
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
        write!(f, "{}", self.model)
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match <[LogicalPlan; 1]>::try_from(inputs) {
            // The input's types may have changed: the schema is made anew.
            Ok([input]) => {
                let width = input.schema().fields().len();
                let outputs: Vec<(String, FlinkType)> = self.schema.fields()[width..]
                    .iter()
                    .map(|f| (f.name().clone(), FlinkType::from_field(f)))
                    .collect();
                Self::try_new(input, self.model.clone(), self.args.clone(), &outputs)
            }
            Err(_) => internal_err!("ML_PREDICT has one input"),
        }
    }
}

/// Plans the table functions of Flink SQL.
#[derive(Debug)]
pub(crate) struct FlinkRelationPlanner {
    pub models: Models,
}

impl RelationPlanner for FlinkRelationPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (function, alias) = match &relation {
            TableFactor::TableFunction {
                expr: ast::Expr::Function(function),
                alias,
            } => {
                let FunctionArguments::List(list) = &function.args else {
                    return plan_err!("{} needs arguments", function.name);
                };
                (Call::new(&function.name, &list.args)?, alias.clone())
            }
            TableFactor::Table {
                name,
                args: Some(args),
                alias,
                version: None,
                ..
            } => (Call::new(name, &args.args)?, alias.clone()),
            TableFactor::Table {
                name,
                args: None,
                alias,
                version: Some(ast::TableVersion::ForSystemTimeAsOf(time)),
                ..
            } => {
                let parts = name.0.iter().filter_map(|part| part.as_ident().cloned());
                let input = context.plan(table_factor(parts.collect()))?;
                let plan = extension(VersionedNode::try_new(input, time)?)?;
                return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
                    plan,
                    alias.clone(),
                ))));
            }
            TableFactor::Table { args: None, .. } | TableFactor::Derived { .. } => {
                return Ok(RelationPlanning::Original(Box::new(relation)));
            }
            TableFactor::NestedJoin { .. } => {
                return Ok(RelationPlanning::Original(Box::new(relation)));
            }
            TableFactor::MatchRecognize { alias, .. } => {
                let alias = alias.clone();
                let plan = extension(MatchNode::plan(relation, context)?)?;
                let planned = PlannedRelation::new(plan, alias);
                return Ok(RelationPlanning::Planned(Box::new(planned)));
            }
            TableFactor::UNNEST {
                array_exprs,
                with_ordinality,
                alias,
                ..
            } => {
                let plan = UnnestNode::plan(array_exprs.clone(), *with_ordinality, context)?;
                let planned = PlannedRelation::new(plan, alias.clone());
                return Ok(RelationPlanning::Planned(Box::new(planned)));
            }
            other => return plan_err!("{other} in FROM is not supported yet"),
        };
        let plan = match function.name.as_str() {
            "TUMBLE" => self.tumble(&function, context)?,
            "HOP" => self.hop(&function, context)?,
            "CUMULATE" => self.cumulate(&function, context)?,
            "ML_PREDICT" => self.predict(&function, context)?,
            "SESSION" => self.session(&function, context)?,
            other => return plan_err!("the table function {other} is not supported"),
        };
        // Without an alias the columns of the input keep their qualifiers, but Flink's TVFs give
        // a relation of their own: only unqualified names reach it.
        let plan = match alias {
            Some(_) => plan,
            None => unqualified(plan, &function.name)?,
        };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, alias,
        ))))
    }
}

/// Hides the qualifiers of the input behind the function's name.
fn unqualified(plan: LogicalPlan, name: &str) -> Result<LogicalPlan> {
    Ok(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(
        Arc::new(plan),
        TableReference::bare(name.to_lowercase()),
    )?))
}

impl FlinkRelationPlanner {
    fn tumble(&self, call: &Call, context: &mut dyn RelationPlannerContext) -> Result<LogicalPlan> {
        let args = call.bind(&["DATA", "TIMECOL", "SIZE", "OFFSET"], 3)?;
        let input = self.table_argument(call, args[0], context)?;
        let time = self.time_argument(call, args[1], &input)?;
        let window = Window::Tumble {
            size: positive(call, "SIZE", self.duration(call, "SIZE", args[2], context)?)?,
            offset: self.offset(call, args[3], context)?,
        };
        extension(WindowTvfNode::try_new(input, window, time)?)
    }

    fn hop(&self, call: &Call, context: &mut dyn RelationPlannerContext) -> Result<LogicalPlan> {
        let args = call.bind(&["DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"], 4)?;
        let input = self.table_argument(call, args[0], context)?;
        let time = self.time_argument(call, args[1], &input)?;
        let slide = positive(
            call,
            "SLIDE",
            self.duration(call, "SLIDE", args[2], context)?,
        )?;
        let size = positive(call, "SIZE", self.duration(call, "SIZE", args[3], context)?)?;
        if size % slide != 0 {
            return plan_err!(
                "HOP needs a size that is a multiple of the slide, as in Flink; got slide {slide} ms and size {size} ms"
            );
        }
        let offset = self.offset(call, args[4], context)?;
        extension(WindowTvfNode::try_new(
            input,
            Window::Hop {
                size,
                slide,
                offset,
            },
            time,
        )?)
    }

    fn cumulate(
        &self,
        call: &Call,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        let args = call.bind(&["DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"], 4)?;
        let input = self.table_argument(call, args[0], context)?;
        let time = self.time_argument(call, args[1], &input)?;
        let step = positive(call, "STEP", self.duration(call, "STEP", args[2], context)?)?;
        let max_size = positive(call, "SIZE", self.duration(call, "SIZE", args[3], context)?)?;
        if max_size % step != 0 {
            return plan_err!(
                "CUMULATE needs a size that is a multiple of the step, as in Flink; got step {step} ms and size {max_size} ms"
            );
        }
        let offset = self.offset(call, args[4], context)?;
        extension(WindowTvfNode::try_new(
            input,
            Window::Cumulate {
                max_size,
                step,
                offset,
            },
            time,
        )?)
    }

    fn session(
        &self,
        call: &Call,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        let args = call.bind(&["DATA", "TIMECOL", "GAP"], 3)?;
        let (data, partition) = partitioned(call, args[0])?;
        let input = self.table_argument(call, data.as_ref(), context)?;
        let time = self.time_argument(call, args[1], &input)?;
        let gap = positive(call, "GAP", self.duration(call, "GAP", args[2], context)?)?;
        let partition = partition
            .iter()
            .map(|name| position_of(&input, name))
            .collect::<Result<_>>()?;
        extension(WindowTvfNode {
            partition,
            ..WindowTvfNode::try_new(input, Window::Session { gap }, time)?
        })
    }

    fn predict(
        &self,
        call: &Call,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        let args = call.bind(&["INPUT", "MODEL", "ARGS", "CONFIG"], 3)?;
        let input = self.table_argument(call, args[0], context)?;
        let name = match args[1] {
            Some(ast::Expr::Function(f)) if f.name.to_string() == markers::MODEL => {
                match single_argument(f) {
                    Some(ast::Expr::Identifier(ident)) => ident.value.clone(),
                    Some(ast::Expr::CompoundIdentifier(parts)) => {
                        parts.last().map(|p| p.value.clone()).unwrap_or_default()
                    }
                    _ => return plan_err!("ML_PREDICT needs MODEL and a name"),
                }
            }
            _ => return plan_err!("the second argument of ML_PREDICT is a model: MODEL name"),
        };
        let Some(model) = self.models.get(&name) else {
            return plan_err!("there is no model '{name}'; create it with CREATE MODEL first");
        };
        let columns = self.descriptor(call, "ARGS", args[2])?;
        if columns.len() != model.inputs.len() {
            return plan_err!(
                "the model '{name}' takes {} inputs ({}), but DESCRIPTOR names {} columns",
                model.inputs.len(),
                model
                    .inputs
                    .iter()
                    .map(|(n, _)| n.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
                columns.len()
            );
        }
        let mut positions = Vec::with_capacity(columns.len());
        for (column, (input_name, input_type)) in columns.iter().zip(&model.inputs) {
            let position = position_of(&input, column)?;
            let actual = FlinkType::from_field(input.schema().field(position));
            if actual.to_arrow() != input_type.to_arrow() {
                return plan_err!(
                    "the model '{name}' takes {input_name} as {}, but column '{column}' is {}; \
                     Flink does not convert it, so write CAST({column} AS {}) in a view before",
                    input_type.clone().with_nullable(true),
                    actual.with_nullable(true),
                    input_type.clone().with_nullable(true)
                );
            }
            positions.push(position);
        }
        extension(PredictNode::try_new(
            input,
            name,
            positions,
            &model.outputs,
        )?)
    }

    /// `TABLE t` or a subquery.
    fn table_argument(
        &self,
        call: &Call,
        argument: Option<&ast::Expr>,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        let inner = match argument {
            Some(ast::Expr::Function(f)) if f.name.to_string() == markers::TABLE => {
                if f.over.is_some() {
                    return plan_err!(
                        "PARTITION BY in {} is not supported yet; group by the key instead",
                        call.name
                    );
                }
                single_argument(f)
            }
            other => other,
        };
        let factor = match inner {
            Some(ast::Expr::Identifier(ident)) => table_factor(vec![ident.clone()]),
            Some(ast::Expr::CompoundIdentifier(parts)) => table_factor(parts.clone()),
            Some(ast::Expr::Subquery(query)) => TableFactor::Derived {
                lateral: false,
                subquery: query.clone(),
                alias: None,
                sample: None,
            },
            _ => {
                return plan_err!(
                    "the first argument of {} is a table: TABLE name, or a query in parentheses",
                    call.name
                );
            }
        };
        context.plan(factor)
    }

    fn time_argument(
        &self,
        call: &Call,
        argument: Option<&ast::Expr>,
        input: &LogicalPlan,
    ) -> Result<usize> {
        let columns = self.descriptor(call, "TIMECOL", argument)?;
        let [column] = columns.as_slice() else {
            return plan_err!("{} takes one time column: DESCRIPTOR(ts)", call.name);
        };
        let position = position_of(input, column)?;
        match input.schema().field(position).data_type() {
            DataType::Timestamp(TimeUnit::Millisecond, _) => Ok(position),
            other => plan_err!(
                "{} needs a time attribute, but '{column}' is {other}; \
                 declare WATERMARK FOR on the source table and pass the column on unchanged",
                call.name
            ),
        }
    }

    fn descriptor(
        &self,
        call: &Call,
        argument: &str,
        value: Option<&ast::Expr>,
    ) -> Result<Vec<String>> {
        let wrong = || -> Result<Vec<String>> {
            plan_err!(
                "{argument} of {} is written DESCRIPTOR(column, …)",
                call.name
            )
        };
        let Some(ast::Expr::Function(f)) = value else {
            return wrong();
        };
        if !f.name.to_string().eq_ignore_ascii_case("DESCRIPTOR") {
            return wrong();
        }
        let FunctionArguments::List(list) = &f.args else {
            return wrong();
        };
        list.args
            .iter()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Identifier(ident))) => {
                    Ok(ident.value.clone())
                }
                other => plan_err!("DESCRIPTOR takes column names, not {other}"),
            })
            .collect()
    }

    fn duration(
        &self,
        call: &Call,
        argument: &str,
        value: Option<&ast::Expr>,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<i64> {
        let Some(value) = value else {
            return plan_err!("{} needs {argument}", call.name);
        };
        let literal = context.sql_to_expr(value.clone(), &DFSchema::empty())?;
        let millis = match &literal {
            Expr::Literal(scalar, _) => interval_millis(scalar),
            _ => None,
        };
        match millis {
            Some(millis) => Ok(millis),
            None => plan_err!(
                "{argument} of {} is a constant interval such as INTERVAL '5' MINUTE, not {value}",
                call.name
            ),
        }
    }

    fn offset(
        &self,
        call: &Call,
        value: Option<&ast::Expr>,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<i64> {
        match value {
            Some(_) => self.duration(call, "OFFSET", value, context),
            None => Ok(0),
        }
    }
}

/// A table argument without its PARTITION BY, and the columns of that.
fn partitioned(
    call: &Call,
    argument: Option<&ast::Expr>,
) -> Result<(Option<ast::Expr>, Vec<String>)> {
    let Some(ast::Expr::Function(f)) = argument else {
        return Ok((argument.cloned(), vec![]));
    };
    let Some(ast::WindowType::WindowSpec(over)) = &f.over else {
        return Ok((argument.cloned(), vec![]));
    };
    if !over.order_by.is_empty() {
        return plan_err!("{} takes no ORDER BY: rows are ordered by time", call.name);
    }
    let names = over
        .partition_by
        .iter()
        .map(|e| match e {
            ast::Expr::Identifier(name) => Ok(name.value.clone()),
            ast::Expr::CompoundIdentifier(parts) => {
                Ok(parts.last().map(|p| p.value.clone()).unwrap_or_default())
            }
            other => plan_err!("PARTITION BY in {} takes columns, not {other}", call.name),
        })
        .collect::<Result<_>>()?;
    let mut plain = f.clone();
    plain.over = None;
    Ok((Some(ast::Expr::Function(plain)), names))
}

fn positive(call: &Call, argument: &str, millis: i64) -> Result<i64> {
    if millis <= 0 {
        return plan_err!("{argument} of {} must be above zero", call.name);
    }
    Ok(millis)
}

fn extension(node: impl UserDefinedLogicalNodeCore) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Extension(Extension {
        node: Arc::new(node),
    }))
}

fn position_of(input: &LogicalPlan, name: &str) -> Result<usize> {
    let schema = input.schema();
    let found: Vec<usize> = schema
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, f)| f.name() == name)
        .map(|(i, _)| i)
        .collect();
    match found.as_slice() {
        [position] => Ok(*position),
        [] => {
            let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            plan_err!(
                "there is no column '{name}' in the input; it has {}",
                names.join(", ")
            )
        }
        _ => plan_err!("the column '{name}' is ambiguous"),
    }
}

fn table_factor(parts: Vec<ast::Ident>) -> TableFactor {
    TableFactor::Table {
        name: ast::ObjectName::from(parts),
        alias: None,
        args: None,
        with_hints: vec![],
        version: None,
        with_ordinality: false,
        partitions: vec![],
        json_path: None,
        sample: None,
        index_hints: vec![],
    }
}

fn single_argument(function: &ast::Function) -> Option<&ast::Expr> {
    match &function.args {
        FunctionArguments::List(list) => match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))] => Some(expr),
            _ => None,
        },
        FunctionArguments::Subquery(_) | FunctionArguments::None => None,
    }
}

/// A call of a table function, its arguments not yet told apart.
struct Call {
    name: String,
    positional: Vec<ast::Expr>,
    named: Vec<(String, ast::Expr)>,
}

impl Call {
    fn new(name: &ast::ObjectName, args: &[FunctionArg]) -> Result<Self> {
        let name = name.to_string().to_uppercase();
        let mut call = Call {
            name,
            positional: vec![],
            named: vec![],
        };
        for arg in args {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                    if !call.named.is_empty() {
                        return plan_err!(
                            "{}: positional and named arguments cannot be mixed",
                            call.name
                        );
                    }
                    call.positional.push(expr.clone());
                }
                FunctionArg::Named {
                    name,
                    arg: FunctionArgExpr::Expr(expr),
                    ..
                } => call.named.push((name.value.to_uppercase(), expr.clone())),
                FunctionArg::ExprNamed {
                    name: ast::Expr::Identifier(ident),
                    arg: FunctionArgExpr::Expr(expr),
                    ..
                } => call.named.push((ident.value.to_uppercase(), expr.clone())),
                other => return plan_err!("{}: argument {other} is not supported", call.name),
            }
        }
        if !call.positional.is_empty() && !call.named.is_empty() {
            return plan_err!(
                "{}: positional and named arguments cannot be mixed",
                call.name
            );
        }
        Ok(call)
    }

    /// The arguments in the order of `names`; those behind the first `required` may be absent.
    fn bind(&self, names: &[&str], required: usize) -> Result<Vec<Option<&ast::Expr>>> {
        let mut bound: Vec<Option<&ast::Expr>> = vec![None; names.len()];
        if self.positional.len() > names.len() {
            return plan_err!(
                "{} takes at most {} arguments ({}), not {}",
                self.name,
                names.len(),
                names.join(", "),
                self.positional.len()
            );
        }
        for (slot, expr) in bound.iter_mut().zip(&self.positional) {
            *slot = Some(expr);
        }
        for (name, expr) in &self.named {
            let Some(index) = names.iter().position(|n| n == name) else {
                return plan_err!(
                    "{} has no argument {name}; it takes {}",
                    self.name,
                    names.join(", ")
                );
            };
            if bound[index].replace(expr).is_some() {
                return plan_err!("{}: argument {name} is given twice", self.name);
            }
        }
        if let Some(missing) = bound[..required].iter().position(Option::is_none) {
            return plan_err!(
                "{} needs the argument {}; it takes {}",
                self.name,
                names[missing],
                names.join(", ")
            );
        }
        Ok(bound)
    }
}
