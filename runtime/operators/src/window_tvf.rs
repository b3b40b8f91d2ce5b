//! Window table function: TUMBLE, HOP or CUMULATE without an aggregation.
//!
//! Computes, for every row and every window that holds it, the row with `window_start`,
//! `window_end` and `window_time` behind its columns. Row kinds go along. Late rows are never
//! dropped, and there is no state.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use millstream_functions::window::Window;

use crate::batch::Batch;
use crate::group_window_aggregate::window_columns;
use crate::operator::{Operator, OperatorError, Output};
use crate::time::rowtime_millis;
use crate::window_aggregate::{check_window, window_fields};

/// Adds its windows to every row. See the [module](self).
#[derive(Debug)]
pub struct WindowTvf {
    window: Window,
    rowtime: usize,
    rowtime_name: String,
    output: SchemaRef,
}

impl WindowTvf {
    /// The function over rows of `input` with rowtime column `rowtime`.
    pub fn new(input: &Schema, rowtime: usize, window: Window) -> Result<Self, OperatorError> {
        let mut fields: Vec<Arc<Field>> = input.fields().iter().cloned().collect();
        fields.extend(window_fields());
        Self::with_schema(input, rowtime, window, Arc::new(Schema::new(fields)))
    }

    /// As [`new`](Self::new) with an output schema of its own (names and metadata).
    pub fn with_schema(
        input: &Schema,
        rowtime: usize,
        window: Window,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        check_window(&window)?;
        Ok(Self {
            window,
            rowtime,
            rowtime_name: input.field(rowtime).name().clone(),
            output,
        })
    }

    /// The columns that come out.
    pub fn schema(&self) -> &SchemaRef {
        &self.output
    }
}

impl Operator for WindowTvf {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let times = rowtime_millis(batch.rows.column(self.rowtime), &self.rowtime_name)?;
        let interval = self.window.slice_size();
        let (mut ends, mut indices) = (Vec::with_capacity(batch.len()), Vec::new());
        let single = matches!(self.window, Window::Tumble { .. });
        for (row, &time) in times.iter().enumerate() {
            let first = self.window.slice_end(time);
            if single {
                ends.push(first);
                continue;
            }
            let last = self.window.last_window_end(first);
            let mut end = first;
            while end <= last {
                ends.push(end);
                indices.push(row as u32);
                end += interval;
            }
        }
        let ends = ends.iter();
        let windows: Vec<(i64, i64)> = ends.map(|&end| (self.window.start_of(end), end)).collect();
        let first = batch.rows.num_columns();
        let rows = if single {
            batch.rows.clone()
        } else {
            take_record_batch(&batch.rows, &UInt32Array::from(indices.clone()))?
        };
        let mut columns = rows.columns().to_vec();
        columns.extend(window_columns(&self.output, first, &windows));
        let rows = RecordBatch::try_new(Arc::clone(&self.output), columns)?;
        out.emit(if single {
            batch.with_rows(rows)
        } else {
            batch.of_rows(rows, &indices)
        });
        Ok(())
    }

    fn snapshot(&mut self, _: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, TimestampMillisecondArray};

    use super::*;
    use crate::harness::rows_text;

    fn windows(window: Window, times: Vec<i64>) -> Vec<String> {
        let rows = RecordBatch::try_from_iter([
            (
                "id",
                Arc::new(Int64Array::from_iter_values(1..=times.len() as i64)) as ArrayRef,
            ),
            ("ts", Arc::new(TimestampMillisecondArray::from(times))),
        ])
        .unwrap();
        let mut tvf = WindowTvf::new(&rows.schema(), 1, window).unwrap();
        let mut batch = Batch::append(rows, 0);
        // Late rows too.
        batch.watermarks = Some(vec![i64::MAX; batch.len()].into());
        let mut out = Output::default();
        tvf.process(0, batch, &mut out).unwrap();
        out.take()
            .iter()
            .flat_map(|b| rows_text(b).unwrap())
            .collect()
    }

    #[test]
    fn tumble_gives_one_window_a_row() {
        let window = Window::Tumble {
            size: 10,
            offset: 3,
        };
        assert_eq!(
            windows(window, vec![12, 13, 2]),
            [
                "+I[1, 12, 3, 13, 12]",
                "+I[2, 13, 13, 23, 22]",
                "+I[3, 2, -7, 3, 2]"
            ]
        );
    }

    #[test]
    fn hop_multiplies_rows() {
        let window = Window::Hop {
            size: 10,
            slide: 5,
            offset: 0,
        };
        assert_eq!(
            windows(window, vec![12, 5]),
            [
                "+I[1, 12, 5, 15, 14]",
                "+I[1, 12, 10, 20, 19]",
                "+I[2, 5, 0, 10, 9]",
                "+I[2, 5, 5, 15, 14]"
            ]
        );
    }

    #[test]
    fn cumulate_gives_the_rest_of_the_steps() {
        let window = Window::Cumulate {
            max_size: 15,
            step: 5,
            offset: 0,
        };
        assert_eq!(
            windows(window, vec![6, 14]),
            [
                "+I[1, 6, 0, 10, 9]",
                "+I[1, 6, 0, 15, 14]",
                "+I[2, 14, 0, 15, 14]"
            ]
        );
    }

    #[test]
    fn impossible_windows_are_refused() {
        let schema = Schema::new(vec![window_fields().next().unwrap()]);
        let window = Window::Hop {
            size: 10_000,
            slide: 3_000,
            offset: 0,
        };
        let error = WindowTvf::new(&schema, 0, window).unwrap_err();
        assert_eq!(
            error.to_string(),
            "HOP(3 s, 10 s): the size must be an integral multiple of the slide"
        );
    }
}
