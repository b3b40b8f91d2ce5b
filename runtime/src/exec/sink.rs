//! The end of a stream: hands rows to a connector's writer.

use std::sync::Arc;

use millstream_connectors::{Committable, SinkWriter};
use millstream_operators::{Batch, Operator, OperatorError, Output};

use super::metrics::JobMetrics;
use super::source::now_micros;

/// Writes rows, and at a barrier hands over what a commit must make visible.
pub struct SinkOperator {
    writer: Box<dyn SinkWriter>,
    metrics: Arc<JobMetrics>,
    /// The operator's number in the plan.
    node: usize,
}

impl SinkOperator {
    /// A sink over a connector's writer.
    pub fn new(writer: Box<dyn SinkWriter>, metrics: Arc<JobMetrics>, node: usize) -> Self {
        Self {
            writer,
            metrics,
            node,
        }
    }
}

impl Operator for SinkOperator {
    fn process(
        &mut self,
        _input: usize,
        batch: Batch,
        _out: &mut Output,
    ) -> Result<(), OperatorError> {
        self.writer
            .write(&batch.rows, batch.kinds.as_deref())
            .map_err(|e| OperatorError::Row(e.to_string()))?;
        self.metrics.taps[self.node].offer(&batch);
        let micros = now_micros().saturating_sub(batch.ingest_micros).max(0);
        self.metrics
            .record_latency(micros as u64, batch.len() as u64);
        Ok(())
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        let committables = self
            .writer
            .prepare_commit(epoch)
            .map_err(|e| OperatorError::Row(e.to_string()))?;
        serde_json::to_vec(&committables)
            .map_err(|e| OperatorError::Row(format!("a commit cannot be recorded: {e}")))
    }
}

/// What a sink's blob of a checkpoint says is to be made visible.
///
/// # Errors
/// The blob is not one of a sink.
pub fn committables(blob: &[u8]) -> Result<Vec<Committable>, serde_json::Error> {
    if blob.is_empty() {
        return Ok(vec![]);
    }
    serde_json::from_slice(blob)
}
