//! The connector `blackhole`: takes every row, keeps none. For measuring what comes before it.

use arrow::array::RecordBatch;
use millstream_functions::RowKind;

use crate::error::Result;
use crate::options;
use crate::sink::{Committable, SinkWriter};
use crate::spec::TableSpec;

pub(crate) fn validate_sink(spec: &TableSpec) -> Result<()> {
    options::check(spec, &[], &|_| Ok(None))
}

pub(crate) struct Blackhole;

impl SinkWriter for Blackhole {
    fn write(&mut self, _batch: &RecordBatch, _kinds: Option<&[RowKind]>) -> Result<()> {
        Ok(())
    }

    fn prepare_commit(&mut self, _epoch: u64) -> Result<Vec<Committable>> {
        Ok(Vec::new())
    }
}
