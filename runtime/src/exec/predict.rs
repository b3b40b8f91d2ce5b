//! Scores rows with a model: the operator behind `ML_PREDICT`.
//!
//! Stateless and deterministic: a row gets the same score whenever and in whatever batch it
//! comes, so retractions are scored like the rows they take back.

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use millstream_models::Scorer;
use millstream_operators::{Batch, Operator, OperatorError, Output};

/// Adds a model's outputs to each row.
pub struct Predict {
    scorer: Scorer,
    args: Vec<usize>,
    schema: SchemaRef,
}

impl Predict {
    /// A scorer over the columns `args` of its input; `schema` is that of the output.
    pub fn new(scorer: Scorer, args: Vec<usize>, schema: SchemaRef) -> Self {
        Self {
            scorer,
            args,
            schema,
        }
    }
}

impl Operator for Predict {
    fn process(
        &mut self,
        _input: usize,
        batch: Batch,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let columns: Vec<ArrayRef> = self
            .args
            .iter()
            .map(|&i| batch.rows.column(i).clone())
            .collect();
        let scores = self
            .scorer
            .score(&columns, batch.len())
            .map_err(|e| OperatorError::Row(e.to_string()))?;
        let all = batch.rows.columns().iter().cloned().chain(scores).collect();
        let rows = RecordBatch::try_new(self.schema.clone(), all)?;
        out.emit(batch.with_rows(rows));
        Ok(())
    }

    fn snapshot(&mut self, _epoch: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(vec![])
    }
}
