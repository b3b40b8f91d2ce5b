//! Scores rows with a model: the operator behind `ML_PREDICT`.
//!
//! Stateless and deterministic: a row gets the same score whenever and in whatever batch it
//! comes, so retractions are scored like the rows they take back.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use millstream_models::Scorer;
use millstream_operators::{Batch, Operator, OperatorError, Output};

use super::metrics::JobMetrics;

/// Where an instance of an operator counts.
pub struct Counted {
    /// The job's counters.
    pub metrics: Arc<JobMetrics>,
    /// The operator's number in the plan.
    pub node: usize,
    /// Which instance it is.
    pub subtask: usize,
}

/// Adds a model's outputs to each row.
pub struct Predict {
    scorer: Scorer,
    args: Vec<usize>,
    schema: SchemaRef,
    counted: Counted,
}

impl Predict {
    /// A scorer over the columns `args` of its input; `schema` is that of the output.
    pub fn new(scorer: Scorer, args: Vec<usize>, schema: SchemaRef, counted: Counted) -> Self {
        Self {
            scorer,
            args,
            schema,
            counted,
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
        self.counted.metrics.operators[self.counted.node][self.counted.subtask]
            .spent_in_model(self.scorer.model_time());
        let all = batch.rows.columns().iter().cloned().chain(scores).collect();
        let rows = RecordBatch::try_new(self.schema.clone(), all)?;
        out.emit(batch.with_rows(rows));
        Ok(())
    }

    fn snapshot(&mut self, _epoch: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(vec![])
    }
}
