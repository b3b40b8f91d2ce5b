//! Expands rows for GROUPING SETS, ROLLUP and CUBE, and for splitting distinct aggregates.
//!
//! Computes, for every row, one row for each grouping set: its columns, with NULL in those of the
//! grouping columns that the set leaves out, and behind them the set's number (`$e`, BIGINT). The
//! planner repeats a column that is grouped by and aggregated too, so that the aggregate sees its
//! value. Row kinds go along. Keeps no state.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::batch::Batch;
use crate::operator::{Operator, OperatorError, Output};

/// What an expansion computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpandSpec {
    /// The columns before `$e`: positions in the input.
    pub columns: Vec<usize>,
    /// For each grouping set: which of `columns` (by their place in it) are NULL, and its number.
    pub sets: Vec<(Vec<usize>, i64)>,
}

impl ExpandSpec {
    /// The columns of the output. Those that some set leaves out may be NULL.
    pub fn output_schema(&self, input: &Schema) -> SchemaRef {
        let mut fields: Vec<Arc<Field>> = Vec::with_capacity(self.columns.len() + 1);
        for (at, &column) in self.columns.iter().enumerate() {
            let field = &input.fields()[column];
            let nulled = self.sets.iter().any(|(nulls, _)| nulls.contains(&at));
            fields.push(match nulled && !field.is_nullable() {
                true => Arc::new(field.as_ref().clone().with_nullable(true)),
                false => Arc::clone(field),
            });
        }
        fields.push(Arc::new(Field::new("$e", DataType::Int64, false)));
        Arc::new(Schema::new(fields))
    }
}

/// Gives every row once for each grouping set. See the [module](self).
#[derive(Debug)]
pub struct Expand {
    spec: ExpandSpec,
    output: SchemaRef,
}

impl Expand {
    /// The expansion of rows of `input`.
    pub fn new(input: &Schema, spec: ExpandSpec) -> Self {
        let output = spec.output_schema(input);
        Self::with_schema(spec, output)
    }

    /// The expansion with an output schema of its own (names and metadata; the types must be those
    /// of [`ExpandSpec::output_schema`]).
    pub fn with_schema(spec: ExpandSpec, output: SchemaRef) -> Self {
        Self { spec, output }
    }

    /// The columns that come out.
    pub fn schema(&self) -> &SchemaRef {
        &self.output
    }
}

impl Operator for Expand {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let sets = &self.spec.sets;
        if batch.is_empty() || sets.is_empty() {
            return Ok(());
        }
        let rows = 0..batch.len() as u32;
        let indices: UInt32Array = rows
            .clone()
            .flat_map(|row| std::iter::repeat_n(row, sets.len()))
            .collect();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.spec.columns.len() + 1);
        for (at, &column) in self.spec.columns.iter().enumerate() {
            let is_null: Vec<bool> = sets.iter().map(|(nulls, _)| nulls.contains(&at)).collect();
            let column = batch.rows.column(column);
            columns.push(if is_null.contains(&true) {
                // An index of NULL takes NULL.
                let indices: UInt32Array = rows
                    .clone()
                    .flat_map(|row| is_null.iter().map(move |&null| (!null).then_some(row)))
                    .collect();
                take(column, &indices, None)?
            } else {
                take(column, &indices, None)?
            });
        }
        let numbers = sets.iter().map(|(_, number)| *number);
        columns.push(Arc::new(Int64Array::from_iter_values(
            rows.flat_map(|_| numbers.clone()),
        )));
        let rows = RecordBatch::try_new(Arc::clone(&self.output), columns)?;
        out.emit(batch.of_rows(rows, indices.values()));
        Ok(())
    }

    fn snapshot(&mut self, _: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;
    use millstream_functions::RowKind;

    use super::*;
    use crate::harness::rows_text;

    #[test]
    fn a_row_comes_out_once_for_each_grouping_set() {
        let rows = RecordBatch::try_from_iter([
            ("a", Arc::new(StringArray::from(vec!["x", "y"])) as ArrayRef),
            ("b", Arc::new(Int64Array::from(vec![1, 2])) as _),
            ("v", Arc::new(Int64Array::from(vec![Some(7), None])) as _),
        ])
        .unwrap();
        // GROUPING SETS ((a, b), (a), ()), and b aggregated as well.
        let spec = ExpandSpec {
            columns: vec![0, 1, 2, 1],
            sets: vec![(vec![], 0), (vec![1], 1), (vec![0, 1], 3)],
        };
        let mut expand = Expand::new(&rows.schema(), spec);
        assert!(expand.schema().field(0).is_nullable());
        assert!(!expand.schema().field(3).is_nullable());
        let mut batch = Batch::append(rows, 0);
        batch.kinds = Some([RowKind::Insert, RowKind::Delete].into());
        batch.watermarks = Some(vec![10, 20].into());
        let mut out = Output::default();
        expand.process(0, batch, &mut out).unwrap();
        let expanded = out.take().remove(0);
        assert_eq!(
            rows_text(&expanded).unwrap(),
            [
                "+I[x, 1, 7, 1, 0]",
                "+I[x, null, 7, 1, 1]",
                "+I[null, null, 7, 1, 3]",
                "-D[y, 2, null, 2, 0]",
                "-D[y, null, null, 2, 1]",
                "-D[null, null, null, 2, 3]",
            ]
        );
        let empty = Batch::append(RecordBatch::new_empty(expanded.rows.schema()), 0);
        expand.process(0, empty, &mut out).unwrap();
        assert!(out.is_empty());
    }
}
