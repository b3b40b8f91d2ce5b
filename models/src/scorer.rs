//! Scores Arrow columns with a bound model.
//!
//! Rows are cut into the batch sizes that the model has plans for; the values of each piece are written
//! straight from the columns into the plan's input tensors, which are reused from call to call. A piece
//! that is too short for its plan is filled up with its last row, whose extra scores are dropped. The
//! score of a row is the same bits wherever the cuts fall, see [`crate::agreement`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type};
use tract_onnx::prelude::{TValue, Tensor, TypedSimpleState};

use crate::binding::{Binding, Elements, InputColumn};
use crate::error::ModelError;
use crate::guard::guarded;
use crate::model::Model;
use crate::pack;
use crate::plan::{blank, chain};
use crate::signature::{ElementType, TensorSpec};
use crate::unpack::Collected;

/// Scores rows with one model. Each worker has its own; the model is shared.
///
/// NULL in a column that feeds a float tensor becomes NaN, which is how models (and pandas) spell a
/// missing number. Other element types have no missing value, so NULL there is an error.
#[derive(Debug)]
pub struct Scorer {
    model: Arc<Model>,
    binding: Arc<Binding>,
    /// One for each plan of the model, smallest first.
    lanes: Vec<Lane>,
    /// Time spent in the model itself.
    in_model: Duration,
}

/// Rows that are packed together: enough of each column for the processor to read ahead, and of a wide tensor no more
/// than its second-level cache holds.
const BLOCK: usize = 256;

/// A plan's running state and its input tensors.
#[derive(Debug)]
struct Lane {
    rows: usize,
    /// `None` until first used, and after a failure: a state that panicked is never used again.
    state: Option<TypedSimpleState>,
    /// Empty until first used.
    inputs: Vec<Arc<Tensor>>,
}

impl Scorer {
    /// A scorer of `model` for columns in the order of `binding`.
    pub fn new(model: Arc<Model>, binding: impl Into<Arc<Binding>>) -> Self {
        let lanes = model
            .batch_sizes()
            .map(|rows| Lane {
                rows,
                state: None,
                inputs: Vec::new(),
            })
            .collect();
        Self {
            model,
            binding: binding.into(),
            lanes,
            in_model: Duration::ZERO,
        }
    }

    /// How long the model itself ran so far; the rest of [`Scorer::score`] is moving values between columns and
    /// tensors.
    pub fn model_time(&self) -> Duration {
        self.in_model
    }

    /// The model that scores.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Scores `rows` rows. `columns` are the input columns of the binding; the result holds its output
    /// columns, each of its declared type.
    pub fn score(
        &mut self,
        columns: &[ArrayRef],
        rows: usize,
    ) -> Result<Vec<ArrayRef>, ModelError> {
        self.check(columns, rows)?;
        let (model, binding) = (Arc::clone(&self.model), Arc::clone(&self.binding));
        let mut collected = binding
            .outputs
            .iter()
            .map(|output| Collected::new(output, &model.signature().outputs[output.tensor], rows))
            .collect::<Result<Vec<_>, _>>()?;
        let mut start = 0;
        while start < rows {
            let lane = self.choose(rows - start);
            let len = self.lanes[lane].rows.min(rows - start);
            self.piece(lane, columns, start, len, &mut collected)?;
            start += len;
        }
        collected.into_iter().map(Collected::finish).collect()
    }

    fn check(&self, columns: &[ArrayRef], rows: usize) -> Result<(), ModelError> {
        let bound = &self.binding.inputs;
        if columns.len() != bound.len() {
            return Err(ModelError::Columns {
                reason: format!("{} columns given, {} bound", columns.len(), bound.len()),
            });
        }
        for (array, column) in columns.iter().zip(bound) {
            if *array.data_type() != column.data_type || array.len() != rows {
                return Err(ModelError::Columns {
                    reason: format!(
                        "column `{}` is {} values of {}, expected {rows} of {}",
                        column.name,
                        array.len(),
                        array.data_type(),
                        column.data_type
                    ),
                });
            }
        }
        Ok(())
    }

    /// The plan for the next piece when `rows` rows are left: the largest one that they fill, or the one
    /// above it if they fill half of that (or three of its first eight rows, where the cost of a call
    /// outweighs that of a row).
    fn choose(&self, rows: usize) -> usize {
        let filled = self.lanes.iter().rposition(|lane| lane.rows <= rows);
        let above = filled.map_or(0, |index| index + 1);
        match (filled, self.lanes.get(above)) {
            (Some(filled), Some(lane)) => {
                let worth = if lane.rows <= 8 {
                    rows * 3 > lane.rows
                } else {
                    rows * 2 > lane.rows
                };
                if worth { above } else { filled }
            }
            (Some(filled), None) => filled,
            (None, _) => 0,
        }
    }

    fn piece(
        &mut self,
        lane: usize,
        columns: &[ArrayRef],
        start: usize,
        len: usize,
        collected: &mut [Collected],
    ) -> Result<(), ModelError> {
        let failed = |reason| ModelError::Run {
            path: self.model.path().to_owned(),
            reason,
        };
        let signature = self.model.signature();
        let plan = &self.model.plans()[lane];
        let lane = &mut self.lanes[lane];

        if lane.inputs.is_empty() {
            for input in &signature.inputs {
                lane.inputs
                    .push(fresh(input.element, &input.shape(lane.rows)).map_err(failed)?);
            }
        }
        for (tensor, input) in lane.inputs.iter_mut().zip(&signature.inputs) {
            // The model may hand an input through as an output that somebody still holds.
            if Arc::get_mut(tensor).is_none() {
                *tensor = fresh(input.element, &input.shape(lane.rows)).map_err(failed)?;
            }
        }
        // A block of rows of all columns at a time: what is written to a wide tensor stays in the cache.
        for block in (0..len).step_by(BLOCK) {
            let rows = BLOCK.min(len - block);
            let bound = &self.binding.inputs;
            let mut at = 0;
            while let (Some(array), Some(column)) = (columns.get(at), bound.get(at)) {
                let Some(tensor) = Arc::get_mut(&mut lane.inputs[column.tensor]) else {
                    return Err(failed("its input buffer is in use".to_owned()));
                };
                let spec = &signature.inputs[column.tensor];
                if rows >= pack::NEIGHBOURS
                    && let Elements::One(element) = column.elements
                    && let Some(values) = neighbours(&columns[at..], &bound[at..], spec)
                {
                    let place = block * spec.width() + element;
                    pack::pack_neighbours(values, start + block, rows, tensor, place, spec)?;
                    at += pack::NEIGHBOURS;
                    continue;
                }
                let target = pack::Target {
                    column: &column.name,
                    tensor: spec,
                    offset: match column.elements {
                        Elements::One(element) => element,
                        Elements::All => 0,
                    },
                    whole: column.elements == Elements::All,
                };
                pack::pack(array.as_ref(), start + block, rows, tensor, block, &target)?;
                at += 1;
            }
        }
        if len < lane.rows {
            for (tensor, input) in lane.inputs.iter_mut().zip(&signature.inputs) {
                if let Some(tensor) = Arc::get_mut(tensor) {
                    pack::repeat_last(tensor, input, len).map_err(failed)?;
                }
            }
        }

        let mut state = match lane.state.take() {
            Some(state) => state,
            None => plan.state().map_err(failed)?,
        };
        let inputs = lane
            .inputs
            .iter()
            .map(|tensor| TValue::from_const(Arc::clone(tensor)))
            .collect();
        let begun = Instant::now();
        let (state, results) = guarded(move || {
            let results = state.run(inputs);
            (state, results)
        })
        .map_err(failed)?;
        self.in_model += begun.elapsed();
        let results = results.map_err(|error| failed(chain(&error)))?;
        for (column, output) in collected.iter_mut().zip(&self.binding.outputs) {
            let Some(result) = results.get(output.tensor) else {
                return Err(failed(format!("it gave {} outputs", results.len())));
            };
            column.extend(result, start, len)?;
        }
        lane.state = Some(state);
        Ok(())
    }
}

/// The values of the first columns, if they are doubles without NULL for elements of `tensor`, a float32 one, that
/// follow each other.
fn neighbours<'a>(
    columns: &'a [ArrayRef],
    bound: &[InputColumn],
    tensor: &TensorSpec,
) -> Option<[&'a [f64]; pack::NEIGHBOURS]> {
    let columns = columns.get(..pack::NEIGHBOURS)?;
    let bound = bound.get(..pack::NEIGHBOURS)?;
    let first = &bound[0];
    let Elements::One(element) = first.elements else {
        return None;
    };
    let mut values = [&[][..]; pack::NEIGHBOURS];
    for (i, (array, column)) in columns.iter().zip(bound).enumerate() {
        let follows = column.tensor == first.tensor
            && column.elements == Elements::One(element + i)
            && array.data_type() == &DataType::Float64
            && array.null_count() == 0;
        if !follows {
            return None;
        }
        values[i] = array.as_primitive::<Float64Type>().values();
    }
    (tensor.element == ElementType::Float32).then_some(values)
}

fn fresh(element: ElementType, shape: &[usize]) -> Result<Arc<Tensor>, String> {
    blank(element, shape)
        .map(Arc::new)
        .map_err(|error| chain(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker takes its scorer along from thread to thread, and shares the model.
    #[test]
    fn scorers_travel_between_threads() {
        fn travels<T: Send>() {}
        fn is_shared<T: Send + Sync>() {}
        travels::<Scorer>();
        is_shared::<Model>();
        is_shared::<Binding>();
    }
}
