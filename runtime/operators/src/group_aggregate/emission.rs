//! The results of groups on their way out: from accumulators to a changelog in columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{interleave, take};
use arrow::datatypes::SchemaRef;
use millstream_functions::RowKind;

use super::layout::{Layout, PlannedResult};
use super::state::Group;
use crate::aggregates::AggregateCall;
use crate::aggregates::results::ResultColumn;
use crate::batch::Batch;
use crate::operator::{OperatorError, Output};

/// Where a result stands: which columns, which row of them.
pub(super) type Place = (usize, usize);

/// Results as they are after a row.
pub(super) const NEW: usize = 0;
/// Results as they were before the first row of a batch or bundle.
pub(super) const OLD: usize = 1;

/// Results of so many bytes go out before the batch is through: each row of a LISTAGG repeats all
/// before it.
const LARGE: usize = 32 << 20;

/// Collects results and which of them are sent. A result that was sent as new and is replaced
/// within the same batch is not computed again.
#[derive(Debug)]
pub(super) struct Emission {
    new: Vec<ResultColumn>,
    old: Vec<ResultColumn>,
    places: Vec<Place>,
    /// For each row that is sent, the row its key is taken from.
    rows: Vec<u32>,
    kinds: Vec<RowKind>,
    /// Rows in `new` and `old`; a DISTINCT has no columns to ask.
    lengths: [usize; 2],
}

fn push(layout: &Layout, group: &Group, columns: &mut [ResultColumn]) {
    for (result, column) in layout.results.iter().zip(columns) {
        match result {
            PlannedResult::Unit(plan) => plan.emit(group.words.get(), &[], column),
            PlannedResult::Cell(at, result) => result.emit(&group.cells[*at], column),
        }
    }
}

impl Emission {
    pub(super) fn new(layout: &Layout, calls: &[AggregateCall]) -> Result<Self, OperatorError> {
        Ok(Self {
            new: layout.columns(calls)?,
            old: layout.columns(calls)?,
            places: Vec::new(),
            rows: Vec::new(),
            kinds: Vec::new(),
            lengths: [0; 2],
        })
    }

    /// Notes the group's result as new.
    #[inline]
    pub(super) fn push_new(&mut self, layout: &Layout, group: &Group) -> usize {
        push(layout, group, &mut self.new);
        self.lengths[NEW] += 1;
        self.lengths[NEW] - 1
    }

    /// Notes the group's result as that before the batch.
    #[inline]
    pub(super) fn push_old(&mut self, layout: &Layout, group: &Group) -> usize {
        push(layout, group, &mut self.old);
        self.lengths[OLD] += 1;
        self.lengths[OLD] - 1
    }

    /// Whether the result at `old` is the same as the new one at `new`.
    #[inline]
    pub(super) fn unchanged(&self, old: Place, new: usize) -> bool {
        let before = if old.0 == OLD { &self.old } else { &self.new };
        let mut columns = self.new.iter().zip(before);
        columns.all(|(column, before)| column.equals(new, before, old.1))
    }

    /// Sends the result at `place` with the key of row `row`.
    #[inline]
    pub(super) fn send(&mut self, place: Place, row: usize, kind: RowKind) {
        self.places.push(place);
        self.rows.push(row as u32);
        self.kinds.push(kind);
    }

    /// Whether what is collected is large enough to go.
    pub(super) fn is_large(&self) -> bool {
        let columns = self.new.iter().chain(&self.old);
        columns.map(ResultColumn::variable_bytes).sum::<usize>() > LARGE
    }

    /// Rows from which the keys of what is sent are taken.
    pub(super) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Emits what is collected, as made of the rows of `batch`, whose columns `keys` are the keys.
    /// Places end here.
    pub(super) fn emit_rows(
        &mut self,
        batch: &Batch,
        keys: &[usize],
        schema: &SchemaRef,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let rows = std::mem::take(&mut self.rows);
        let kinds = std::mem::take(&mut self.kinds);
        let indices = UInt32Array::from(rows);
        let mut columns = Vec::with_capacity(schema.fields().len());
        for &key in keys {
            columns.push(take(batch.rows.column(key), &indices, None)?);
        }
        let rows = self.finish(columns, indices.len(), schema)?;
        if rows.num_rows() > 0 {
            let mut emitted = batch.of_rows(rows, indices.values());
            emitted.kinds = Some(kinds.into());
            out.emit(emitted);
        }
        Ok(())
    }

    /// Emits what is collected, with these columns as keys, in batches of up to `most` rows.
    /// Places end here.
    pub(super) fn emit_bundle(
        &mut self,
        keys: Vec<ArrayRef>,
        schema: &SchemaRef,
        (most, ingest_micros): (usize, i64),
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let count = std::mem::take(&mut self.rows).len();
        let kinds = std::mem::take(&mut self.kinds);
        let rows = self.finish(keys, count, schema)?;
        let mut batch = Batch::append(rows, ingest_micros);
        batch.kinds = Some(kinds.into());
        for offset in (0..count).step_by(most) {
            out.emit(batch.slice(offset, most.min(count - offset)));
        }
        Ok(())
    }

    fn finish(
        &mut self,
        mut columns: Vec<ArrayRef>,
        count: usize,
        schema: &SchemaRef,
    ) -> Result<RecordBatch, OperatorError> {
        let places = std::mem::take(&mut self.places);
        let in_order = self.lengths[NEW] == count
            && places
                .iter()
                .enumerate()
                .all(|(i, &place)| place == (NEW, i));
        self.lengths = [0; 2];
        for (new, old) in self.new.iter_mut().zip(&mut self.old) {
            let (new, old) = (new.finish()?, old.finish()?);
            columns.push(if in_order {
                new
            } else {
                interleave(&[new.as_ref(), old.as_ref()], &places)?
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(schema),
            columns,
            &options,
        )?)
    }
}
