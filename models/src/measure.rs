//! How fast a model scores, measured on rows that are made up.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, StringArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;

use crate::binding::{Binding, InputColumn};
use crate::describe::SqlColumn;
use crate::error::ModelError;
use crate::model::Model;
use crate::scorer::Scorer;

/// What a model scores a second at one batch size, on one thread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Rows given to each call.
    pub batch: usize,
    /// Rows a second.
    pub rows_per_second: f64,
}

impl Pace {
    /// The time of one call.
    pub fn call(&self) -> Duration {
        Duration::try_from_secs_f64(self.batch as f64 / self.rows_per_second).unwrap_or_default()
    }
}

/// Scores batches of `batch` made-up rows for `rounds` times `round` (at least one call a round) and takes the best
/// round: whatever else the machine does can only make a round slower.
///
/// The time is that of [`Scorer::score`] with the columns of [`Model::sql_columns`]: packing, running the model and
/// unpacking.
pub fn measure(
    model: &Arc<Model>,
    batch: usize,
    rounds: u32,
    round: Duration,
) -> Result<Pace, ModelError> {
    let columns = model.sql_columns();
    let declared = |columns: &[SqlColumn]| -> Vec<(String, DataType)> {
        columns
            .iter()
            .map(|column| (column.name.clone(), column.data_type.clone()))
            .collect()
    };
    let (inputs, outputs) = (declared(&columns.inputs), declared(&columns.outputs));
    let binding = Binding::new(model.signature(), &inputs, &outputs).map_err(|error| {
        ModelError::Columns {
            reason: error.to_string(),
        }
    })?;
    let binding = Arc::new(binding);
    let mut scorer = Scorer::new(Arc::clone(model), Arc::clone(&binding));
    let made = |values| -> Result<Vec<ArrayRef>, ModelError> {
        let columns = binding.inputs.iter().enumerate();
        columns
            .map(|(salt, column)| {
                let width = model.signature().inputs[column.tensor].width();
                made_up(column, values, width, salt, batch)
            })
            .collect()
    };
    // The first call is not measured: it makes buffers, and tells whether the model takes such values.
    let mut rows = made(Values::Spread)?;
    let mut tried = scorer.score(&rows, batch);
    for values in [Values::Counts, Values::Zeros] {
        if tried.is_err() {
            rows = made(values)?;
            tried = scorer.score(&rows, batch);
        }
    }
    tried?;
    let mut best = f64::INFINITY;
    for _ in 0..rounds.max(1) {
        let (start, mut calls) = (Instant::now(), 0u32);
        while calls == 0 || start.elapsed() < round {
            black_box(scorer.score(black_box(&rows), batch)?);
            calls += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(calls));
    }
    Ok(Pace {
        batch,
        rows_per_second: batch as f64 / best.max(1e-9),
    })
}

/// What made-up numbers are. The later kinds are for models that cannot take the earlier ones.
#[derive(Debug, Clone, Copy)]
enum Values {
    /// Floats from 0 to 10, integers 0 and 1, such as ids that index a table.
    Spread,
    /// Ones and twos, for models that divide by an integer.
    Counts,
    /// Zeros.
    Zeros,
}

/// A column of rows for a tensor of `width` values a row.
fn made_up(
    column: &InputColumn,
    values: Values,
    width: usize,
    salt: usize,
    rows: usize,
) -> Result<ArrayRef, ModelError> {
    let wrong = |reason: String| ModelError::Columns { reason };
    let item = match &column.data_type {
        DataType::List(item) => Some(item),
        _ => None,
    };
    let len = if item.is_some() { rows * width } else { rows };
    let float = |row: usize| match values {
        Values::Spread => ((row * 31 + salt * 17) % 97) as f64 / 10.0,
        Values::Counts => (row % 2) as f64 + 1.0,
        Values::Zeros => 0.0,
    };
    let whole = |row: usize| match values {
        Values::Spread => row % 2,
        Values::Counts => row % 2 + 1,
        Values::Zeros => 0,
    };
    let flat: ArrayRef = match item.map_or(&column.data_type, |item| item.data_type()) {
        DataType::Float64 => Arc::new((0..len).map(|i| Some(float(i))).collect::<Float64Array>()),
        DataType::Int64 => Arc::new(
            (0..len)
                .map(|i| Some(whole(i) as i64))
                .collect::<Int64Array>(),
        ),
        DataType::Int32 => Arc::new(
            (0..len)
                .map(|i| Some(whole(i) as i32))
                .collect::<Int32Array>(),
        ),
        DataType::Boolean => Arc::new((0..len).map(|i| Some(i % 2 == 0)).collect::<BooleanArray>()),
        DataType::Utf8 => Arc::new((0..len).map(|_| Some("a")).collect::<StringArray>()),
        other => return Err(wrong(format!("there are no made-up values of {other}"))),
    };
    let Some(item) = item else { return Ok(flat) };
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(width, rows));
    let list = ListArray::try_new(Arc::clone(item), offsets, flat, None)
        .map_err(|error| wrong(error.to_string()))?;
    Ok(Arc::new(list))
}
