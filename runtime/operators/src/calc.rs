//! Calc: a filter and a projection.
//!
//! Computes, for every row for which `filter` is TRUE, the projected columns; row kinds go along.
//! Asks nothing of its input and keeps no state.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::Column;
use datafusion_physical_expr::utils::collect_columns;

use crate::batch::Batch;
use crate::operator::{Operator, OperatorError, Output};

/// Filters rows and computes columns, see the [module](self).
///
/// Columns that only pass through are shared, not copied. With a filter, only the columns that the
/// projection reads are gathered.
#[derive(Debug)]
pub struct Calc {
    filter: Option<Arc<dyn PhysicalExpr>>,
    /// Columns of the input that the projection reads, rising.
    needed: Vec<usize>,
    needed_schema: SchemaRef,
    /// The projection over the needed columns only.
    projection: Vec<Item>,
    schema: SchemaRef,
}

#[derive(Debug)]
enum Item {
    /// Column of the needed columns.
    Pass(usize),
    Compute(Arc<dyn PhysicalExpr>),
}

impl Calc {
    /// A calc over rows of `input` giving rows of `output`, one expression a column.
    pub fn new(
        input: &Schema,
        filter: Option<Arc<dyn PhysicalExpr>>,
        projection: Vec<Arc<dyn PhysicalExpr>>,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        if projection.len() != output.fields().len() {
            return Err(OperatorError::Row(format!(
                "a projection of {} expressions cannot give {} columns",
                projection.len(),
                output.fields().len()
            )));
        }
        if let Some(filter) = &filter
            && filter.data_type(input)? != DataType::Boolean
        {
            return Err(OperatorError::Row(format!(
                "the condition {filter} is not a BOOLEAN"
            )));
        }
        let mut needed: Vec<usize> = projection
            .iter()
            .flat_map(collect_columns)
            .map(|column| column.index())
            .collect();
        needed.sort_unstable();
        needed.dedup();
        let needed_schema = Arc::new(input.project(&needed)?);
        let projection = projection
            .into_iter()
            .map(|expr| remap(expr, &needed))
            .collect::<Result<_, OperatorError>>()?;
        Ok(Self {
            filter,
            needed,
            needed_schema,
            projection,
            schema: output,
        })
    }

    /// The rows that the filter keeps; `None` if it keeps all.
    fn selected(&self, rows: &RecordBatch) -> Result<Option<UInt32Array>, OperatorError> {
        let Some(filter) = &self.filter else {
            return Ok(None);
        };
        let mask = filter.evaluate(rows)?.into_array(rows.num_rows())?;
        let mask = mask.as_boolean();
        // NULL is not TRUE.
        let kept = match mask.nulls() {
            Some(nulls) if nulls.null_count() > 0 => mask.values() & nulls.inner(),
            _ => mask.values().clone(),
        };
        let count = kept.count_set_bits();
        if count == rows.num_rows() {
            return Ok(None);
        }
        let mut indices = Vec::with_capacity(count);
        indices.extend(kept.set_indices().map(|i| i as u32));
        Ok(Some(indices.into()))
    }

    fn project(&self, needed: RecordBatch) -> Result<RecordBatch, OperatorError> {
        let count = needed.num_rows();
        let columns = self
            .projection
            .iter()
            .map(|item| match item {
                Item::Pass(column) => Ok(Arc::clone(needed.column(*column))),
                Item::Compute(expr) => Ok(expr.evaluate(&needed)?.into_array(count)?),
            })
            .collect::<Result<Vec<_>, OperatorError>>()?;
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &RecordBatchOptions::new().with_row_count(Some(count)),
        )?)
    }

    fn needed(&self, columns: Vec<ArrayRef>, count: usize) -> Result<RecordBatch, OperatorError> {
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.needed_schema),
            columns,
            &RecordBatchOptions::new().with_row_count(Some(count)),
        )?)
    }
}

/// `expr` with its columns renumbered to their place in `needed`.
fn remap(expr: Arc<dyn PhysicalExpr>, needed: &[usize]) -> Result<Item, OperatorError> {
    // Every column of a projection is among the needed ones.
    let place = |column: &Column| needed.partition_point(|&c| c < column.index());
    if let Some(column) = expr.downcast_ref::<Column>() {
        return Ok(Item::Pass(place(column)));
    }
    let remapped = expr.transform_up(|expr| {
        Ok(match expr.downcast_ref::<Column>() {
            Some(column) => {
                Transformed::yes(Arc::new(Column::new(column.name(), place(column))) as _)
            }
            None => Transformed::no(expr),
        })
    })?;
    Ok(Item::Compute(remapped.data))
}

impl Operator for Calc {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        match self.selected(&batch.rows)? {
            None => {
                let columns = self
                    .needed
                    .iter()
                    .map(|&c| Arc::clone(batch.rows.column(c)))
                    .collect();
                let rows = self.project(self.needed(columns, batch.len())?)?;
                out.emit(batch.with_rows(rows));
            }
            Some(indices) if indices.is_empty() => {}
            Some(indices) => {
                let columns = self
                    .needed
                    .iter()
                    .map(|&c| take(batch.rows.column(c), &indices, None))
                    .collect::<Result<_, _>>()?;
                let rows = self.project(self.needed(columns, indices.len())?)?;
                out.emit(batch.of_rows(rows, indices.values()));
            }
        }
        Ok(())
    }

    fn snapshot(&mut self, _: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Int64Array, StringArray};
    use arrow::datatypes::Field;
    use datafusion_expr::Operator as Op;
    use datafusion_physical_expr::expressions::{binary, col, lit};
    use millstream_functions::RowKind;

    use super::*;

    fn input() -> Batch {
        let rows = RecordBatch::try_from_iter_with_nullable([
            (
                "a",
                Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef,
                false,
            ),
            (
                "b",
                Arc::new(StringArray::from(vec!["x", "y", "z"])) as _,
                false,
            ),
            (
                "c",
                Arc::new(BooleanArray::from(vec![Some(true), None, Some(true)])) as _,
                true,
            ),
        ])
        .unwrap();
        let mut batch = Batch::append(rows, 0);
        batch.kinds = Some([RowKind::Insert, RowKind::Insert, RowKind::Delete].into());
        batch.watermarks = Some(vec![1, 2, 3].into());
        batch
    }

    fn run(calc: &mut Calc, batch: Batch) -> Vec<Batch> {
        let mut out = Output::default();
        calc.process(0, batch, &mut out).unwrap();
        out.take()
    }

    fn calc(filter: bool) -> Calc {
        let input = input().rows.schema();
        let double = binary(col("a", &input).unwrap(), Op::Multiply, lit(2i64), &input).unwrap();
        Calc::new(
            &input,
            filter.then(|| col("c", &input).unwrap()),
            vec![col("b", &input).unwrap(), double],
            Arc::new(Schema::new(vec![
                Field::new("b", DataType::Utf8, false),
                Field::new("twice", DataType::Int64, false),
            ])),
        )
        .unwrap()
    }

    #[test]
    fn columns_pass_through_without_a_copy() {
        let batch = input();
        let out = run(&mut calc(false), batch.clone());
        let twice = out[0]
            .rows
            .column(1)
            .as_primitive::<arrow::datatypes::Int64Type>();
        assert_eq!(twice.values().to_vec(), [2, 4, 6]);
        assert!(
            out[0]
                .rows
                .column(0)
                .to_data()
                .ptr_eq(&batch.rows.column(1).to_data())
        );
    }

    #[test]
    fn a_condition_that_is_null_drops_the_row() {
        let out = run(&mut calc(true), input());
        assert_eq!(out.len(), 1);
        let names = out[0].rows.column(0).as_string::<i32>();
        assert_eq!(names.iter().flatten().collect::<Vec<_>>(), ["x", "z"]);
        assert_eq!(out[0].kind(1), RowKind::Delete);
        // The dropped row's watermark holds for the row behind it.
        assert_eq!(out[0].watermarks.as_ref().unwrap().to_vec(), [2, 3]);
    }

    #[test]
    fn a_projection_without_columns_counts_rows() {
        let schema = input().rows.schema();
        let mut calc = Calc::new(
            &schema,
            Some(col("c", &schema).unwrap()),
            vec![],
            Arc::new(Schema::empty()),
        )
        .unwrap();
        assert_eq!(run(&mut calc, input())[0].len(), 2);
    }

    #[test]
    fn a_condition_must_be_boolean() {
        let schema = input().rows.schema();
        let error = Calc::new(
            &schema,
            Some(col("a", &schema).unwrap()),
            vec![],
            Arc::new(Schema::empty()),
        )
        .unwrap_err();
        assert!(error.to_string().contains("not a BOOLEAN"), "{error}");
    }
}
