//! `CURRENT_WATERMARK` in a Calc.

use std::sync::Arc;

use anyhow::Result;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_expr::{Expr, ExprSchemable};
use millstream_compiler::plan::stream::{PlanColumn, column, positional_schema};
use millstream_operators::Operator;
use millstream_operators::calc::Calc;
use millstream_operators::current_watermark::{CurrentWatermark, watermark_fields, with_watermark};

use super::build::physical;

/// A Calc that reads the watermark from the columns behind those of its input.
pub(super) struct SeesWatermark {
    exprs: Vec<Expr>,
    filter: Option<Expr>,
}

/// The Calc of these expressions with the watermark in the place of `CURRENT_WATERMARK`; `None` if they do
/// not ask for it.
pub(super) fn seen_by(
    exprs: &[Expr],
    filter: Option<&Expr>,
    columns: &[PlanColumn],
) -> Result<Option<SeesWatermark>> {
    let schema = positional_schema(columns)?;
    let mut found = false;
    let mut replaced = |expr: &Expr| {
        let transformed = expr.clone().transform(|e| {
            let Some(argument) = millstream_functions::current_watermark(&e) else {
                return Ok(Transformed::no(e));
            };
            found = true;
            let zoned = matches!(
                argument.get_type(schema.as_ref())?,
                DataType::Timestamp(_, Some(_))
            );
            Ok(Transformed::yes(column(columns.len() + usize::from(zoned))))
        });
        transformed.map(|t| t.data)
    };
    let seen = SeesWatermark {
        exprs: exprs.iter().map(&mut replaced).collect::<Result<_, _>>()?,
        filter: filter.map(&mut replaced).transpose()?,
    };
    Ok(found.then_some(seen))
}

impl SeesWatermark {
    /// The operator over rows of `input`.
    pub(super) fn operator(
        &self,
        input: &Schema,
        columns: &[PlanColumn],
        output: SchemaRef,
    ) -> Result<Box<dyn Operator>> {
        let own = watermark_fields();
        let all: Vec<PlanColumn> = columns
            .iter()
            .cloned()
            .chain(own.iter().map(|field| PlanColumn::new(field.name(), field)))
            .collect();
        let schema = positional_schema(&all)?;
        let filter = self.filter.as_ref();
        let calc = Calc::new(
            &with_watermark(input),
            filter.map(|f| physical(f, &schema)).transpose()?,
            self.exprs
                .iter()
                .map(|e| physical(e, &schema))
                .collect::<Result<_>>()?,
            Arc::clone(&output),
        )?;
        Ok(Box::new(CurrentWatermark::new(input, calc)))
    }
}
