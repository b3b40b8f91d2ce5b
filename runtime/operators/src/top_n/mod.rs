//! Top-N: `ROW_NUMBER() OVER (PARTITION BY … ORDER BY …) BETWEEN start AND end`, and with it
//! `ORDER BY … LIMIT … OFFSET …` and `LIMIT` alone, over streams.
//!
//! Computes, for every partition, the rows whose number in the order of the sort columns lies
//! between `start` and `end`; peers are numbered in the order of arrival. NULL is a partition of
//! its own. The output is a changelog of these rows, with their number behind the columns or
//! without:
//!
//! - **With the number** every row whose number changed is updated: `-U` and `+U` for each number,
//!   from the new row downwards; `+I` for a number that there was none of, `-D` for one that is
//!   gone. An `OFFSET` (`start` above 1) is computed the same way, number left out.
//! - **Without the number** the row that fell out is deleted and the one that came in is inserted:
//!   `-D` then `+I`. For `end` = 1 over inputs that do not retract it is an update: `-U` and `+U`.
//!
//! | strategy | the input | state of a partition |
//! |---|---|---|
//! | [`AppendOnly`](TopNStrategy::AppendOnly), no sort column | inserts | how many rows came |
//! | [`AppendOnly`](TopNStrategy::AppendOnly) | inserts | the best `end` rows |
//! | [`Updating`](TopNStrategy::Updating) | `+I` and `+U`; rows only get better | the best `end` rows |
//! | [`Retracting`](TopNStrategy::Retracting) | any changelog | all rows |
//!
//! The last number may also stand in a column: see [`ends`].
//!
//! **State** stays as long as the job, or, with a TTL, until the rows of one sort key were not
//! written for so long; expired rows vanish silently, as in Flink.

mod bounded;
mod ends;
mod first_n;
mod retracting;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_functions::RowKind;

use crate::batch::Batch;
use crate::changelog::{Changes, Place, RowCodec};
use crate::keys::{KeyEncoder, Keys};
use crate::operator::{Operator, OperatorContext, OperatorError, Output};
use crate::retention::Retention;
use bounded::BoundedTopN;
use ends::RankEnds;
use first_n::FirstN;
use retracting::RetractingTopN;
use rows::SortEncoder;

/// A column of `ORDER BY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortColumn {
    /// Its position in the input.
    pub column: usize,
    /// `DESC`.
    pub descending: bool,
    /// Flink sorts NULL as the smallest value unless told otherwise: first for ASC, last for DESC.
    pub nulls_first: bool,
}

impl SortColumn {
    /// `ASC`, NULLs first.
    pub fn ascending(column: usize) -> Self {
        Self {
            column,
            descending: false,
            nulls_first: true,
        }
    }

    /// `DESC`, NULLs last.
    pub fn descending(column: usize) -> Self {
        Self {
            column,
            descending: true,
            nulls_first: false,
        }
    }
}

/// What the planner knows of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopNStrategy {
    /// Rows are inserted only. Without sort columns (`LIMIT`, or `ORDER BY` processing time) the
    /// first rows to arrive stay.
    AppendOnly,
    /// Rows are identified by the columns `unique`, which include the partition's; an update only
    /// moves a row forward, and no row is deleted.
    Updating {
        /// The unique key.
        unique: Vec<usize>,
    },
    /// Rows are inserted, updated and deleted.
    Retracting,
}

/// What a Top-N computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopNSpec {
    /// `PARTITION BY`; may be empty.
    pub partition: Vec<usize>,
    /// `ORDER BY`; may be empty.
    pub order: Vec<SortColumn>,
    /// The first number wanted, from 1.
    pub start: u64,
    /// The last number wanted.
    pub end: u64,
    /// The last number stands in this column of a partition's first row, instead of in `end`.
    pub end_column: Option<usize>,
    /// Whether the number is a column of the output.
    pub with_rank: bool,
    /// How the input changes.
    pub strategy: TopNStrategy,
    /// Whether the consumer wants `-U`.
    pub update_before: bool,
    /// State TTL in milliseconds.
    pub ttl_millis: Option<i64>,
}

impl TopNSpec {
    /// The columns of the output: the input's, and a number called `rank` if it is wanted.
    pub fn output_schema(&self, input: &SchemaRef, rank: &str) -> SchemaRef {
        if !self.with_rank {
            return Arc::clone(input);
        }
        let mut fields: Vec<Arc<Field>> = input.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(rank, DataType::Int64, false)));
        Arc::new(Schema::new(fields))
    }

    /// The operator over rows of `input`; the number is called `row_num`.
    pub fn operator(
        &self,
        context: &OperatorContext,
        input: SchemaRef,
    ) -> Result<Box<dyn Operator>, OperatorError> {
        let output = self.output_schema(&input, "row_num");
        self.operator_with_schema(context, input, output)
    }

    /// The operator with an output schema of its own (names and metadata; the types must be those
    /// of [`output_schema`](Self::output_schema)).
    pub fn operator_with_schema(
        &self,
        context: &OperatorContext,
        input: SchemaRef,
        output: SchemaRef,
    ) -> Result<Box<dyn Operator>, OperatorError> {
        if self.start == 0 || (self.end < self.start && self.end_column.is_none()) {
            return Err(OperatorError::Row(format!(
                "Top-N from row {} to row {}: rows are numbered from 1, and the last wanted must \
                 not come before the first",
                self.start, self.end
            )));
        }
        let common = || Common::new(context, &input, self, &output);
        // The choice is made once; each operator is compiled for its way to emit.
        let ranked = self.with_rank || self.start > 1;
        let one = self.start == 1 && self.end == 1 && self.end_column.is_none();
        Ok(match &self.strategy {
            TopNStrategy::AppendOnly if self.order.is_empty() && self.end_column.is_none() => {
                Box::new(FirstN::new(context, common()?)?)
            }
            TopNStrategy::Retracting if ranked => {
                Box::new(RetractingTopN::<true>::new(context, common()?)?)
            }
            TopNStrategy::Retracting => Box::new(RetractingTopN::<false>::new(context, common()?)?),
            strategy => {
                let unique = match strategy {
                    TopNStrategy::Updating { unique } => Some(KeyEncoder::new(&input, unique)?),
                    _ => None,
                };
                if one {
                    Box::new(BoundedTopN::<{ bounded::ONE }>::new(
                        context,
                        common()?,
                        unique,
                    )?)
                } else if ranked {
                    Box::new(BoundedTopN::<{ bounded::RANKED }>::new(
                        context,
                        common()?,
                        unique,
                    )?)
                } else {
                    Box::new(BoundedTopN::<{ bounded::PLAIN }>::new(
                        context,
                        common()?,
                        unique,
                    )?)
                }
            }
        })
    }
}

/// What all strategies share.
#[derive(Debug)]
struct Common {
    keys: KeyEncoder,
    sort: SortEncoder,
    codec: RowCodec,
    output: SchemaRef,
    retention: Retention,
    /// `None`: the last number is that of `emit`.
    ends: Option<RankEnds>,
    emit: Emitter,
}

impl Common {
    fn new(
        context: &OperatorContext,
        input: &SchemaRef,
        spec: &TopNSpec,
        output: &SchemaRef,
    ) -> Result<Self, OperatorError> {
        Ok(Self {
            keys: KeyEncoder::new(input, &spec.partition)?,
            sort: SortEncoder::new(input, &spec.order)?,
            codec: RowCodec::new(Arc::clone(input), "Top-N")?,
            output: Arc::clone(output),
            retention: Retention::new(spec.ttl_millis, &context.clock),
            ends: match spec.end_column {
                Some(column) => Some(RankEnds::new(context, input, column)?),
                None => None,
            },
            emit: Emitter {
                changes: Changes::default(),
                start: spec.start,
                end: spec.end,
                with_rank: spec.with_rank,
                update_before: spec.update_before,
            },
        })
    }

    /// The partition keys of a batch that begins.
    fn keys(&mut self, rows: &RecordBatch) -> Result<Keys, OperatorError> {
        let keys = self.keys.encode(rows)?;
        if let Some(ends) = &mut self.ends {
            ends.begin(rows, &keys)?;
        }
        Ok(keys)
    }

    /// Takes the last number of the partition of row `row` of the batch for that to emit by; true if
    /// it is one of a column.
    #[inline]
    fn take_end(&mut self, row: usize, now: i64) -> bool {
        if let Some(ends) = &mut self.ends {
            self.emit.end = ends.of(row, &self.retention, now);
            return true;
        }
        false
    }

    fn snapshot(&mut self, epoch: u64) -> Result<(), OperatorError> {
        match &mut self.ends {
            Some(ends) => ends.snapshot(epoch),
            None => Ok(()),
        }
    }

    /// Forgets last numbers that have expired.
    fn sweep(&mut self, now: i64) -> Result<(), OperatorError> {
        match &mut self.ends {
            Some(ends) => ends.sweep(&self.retention, &self.keys, now),
            None => Ok(()),
        }
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        match &mut self.ends {
            Some(ends) => ends.housekeeping(),
            None => Ok(()),
        }
    }

    /// Hands on what was emitted for `batch`.
    fn flush(&mut self, batch: &Batch, out: &mut Output) -> Result<(), OperatorError> {
        let changes = &mut self.emit.changes;
        if let Some(emitted) = changes.finish(batch, &self.codec, &self.output)? {
            out.emit(emitted);
        }
        Ok(())
    }
}

/// Decides which changes the consumer sees.
#[derive(Debug)]
struct Emitter {
    changes: Changes,
    start: u64,
    end: u64,
    with_rank: bool,
    update_before: bool,
}

impl Emitter {
    /// Whether a change of this kind at the number `rank` is emitted.
    #[inline]
    fn wants(&self, kind: RowKind, rank: u64) -> bool {
        rank >= self.start
            && rank <= self.end
            && (kind != RowKind::UpdateBefore || self.update_before)
    }

    /// Emits a row with its number, which is wanted.
    #[inline]
    fn ranked(&mut self, kind: RowKind, place: Place, cause: usize, rank: u64) {
        if self.with_rank {
            self.changes.push_ranked(kind, place, cause, rank);
        } else {
            self.changes.push(kind, place, cause);
        }
    }

    /// The row of one number is replaced by another.
    #[inline]
    fn replace(
        &mut self,
        cause: usize,
        rank: u64,
        old: impl FnOnce(&mut Changes) -> Place,
        new: impl FnOnce(&mut Changes) -> Place,
    ) {
        if self.wants(RowKind::UpdateBefore, rank) {
            let old = old(&mut self.changes);
            self.ranked(RowKind::UpdateBefore, old, cause, rank);
        }
        if self.wants(RowKind::UpdateAfter, rank) {
            let new = new(&mut self.changes);
            self.ranked(RowKind::UpdateAfter, new, cause, rank);
        }
    }

    /// A row with its number, if that is wanted.
    #[inline]
    fn single(
        &mut self,
        kind: RowKind,
        cause: usize,
        rank: u64,
        row: impl FnOnce(&mut Changes) -> Place,
    ) {
        if self.wants(kind, rank) {
            let row = row(&mut self.changes);
            self.ranked(kind, row, cause, rank);
        }
    }
}
