//! Changelogs made of the rows of a batch and of rows that an operator kept.
//!
//! An operator that keeps rows stores them whole, as bytes ([`RowCodec`]). What it emits refers to
//! rows by their [`Place`]: rows of the batch at hand are never copied one by one, and a kept row
//! is decoded once a batch however often it is emitted ([`Changes`]).

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{interleave_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::row::{RowConverter, RowParser, Rows, SortField};
use millstream_functions::RowKind;

use crate::batch::Batch;
use crate::operator::OperatorError;

/// Whole rows as bytes, and back. Two rows have the same bytes exactly when all their columns are
/// equal, NULL being equal to NULL.
#[derive(Debug)]
pub(crate) struct RowCodec {
    schema: SchemaRef,
    converter: RowConverter,
    parser: RowParser,
}

impl RowCodec {
    /// The codec of rows of `schema`; `operator` names who keeps them, for the message that a
    /// column cannot be kept.
    pub(crate) fn new(schema: SchemaRef, operator: &str) -> Result<Self, OperatorError> {
        let fields: Vec<SortField> = schema
            .fields()
            .iter()
            .map(|field| SortField::new(field.data_type().clone()))
            .collect();
        if let Some(at) = fields
            .iter()
            .position(|field| !RowConverter::supports_fields(std::slice::from_ref(field)))
        {
            let field = schema.field(at);
            return Err(OperatorError::Row(format!(
                "{operator} cannot keep column '{}' of type {}: the type is not supported in \
                 state; leave the column out before it",
                field.name(),
                field.data_type()
            )));
        }
        let converter = RowConverter::new(fields)?;
        Ok(Self {
            schema,
            parser: converter.parser(),
            converter,
        })
    }

    /// The columns of the rows.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The bytes of each row.
    pub(crate) fn encode(&self, rows: &RecordBatch) -> Result<Rows, OperatorError> {
        Ok(self.converter.convert_columns(rows.columns())?)
    }

    /// The rows of these bytes.
    pub(crate) fn decode<'r>(
        &self,
        rows: impl Iterator<Item = &'r [u8]>,
    ) -> Result<RecordBatch, OperatorError> {
        let rows = rows.map(|row| self.parser.parse(row));
        let columns = self.converter.convert_rows(rows)?;
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|e| {
            OperatorError::Restore(format!(
                "the rows in the checkpoint have other columns than the query now: {e}; start \
                 with --fresh, or give the node a new id"
            ))
        })
    }
}

/// Where a row to emit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the batch at hand.
    Input(u32),
    /// Among the rows that were kept.
    Kept(u32),
}

/// The rows that an operator emits for one batch, in order.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The bytes of kept rows that are emitted, one after the other.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    places: Vec<(usize, usize)>,
    /// The row of the batch that caused each.
    causes: Vec<u32>,
    kinds: Vec<RowKind>,
    ranks: Vec<i64>,
}

impl Changes {
    /// Makes a kept row known, to be emitted.
    pub(crate) fn keep(&mut self, row: &[u8]) -> Place {
        self.bytes.extend_from_slice(row);
        self.ends.push(self.bytes.len());
        Place::Kept(self.ends.len() as u32 - 1)
    }

    /// Emits a row because of row `cause` of the batch; causes never fall.
    pub(crate) fn push(&mut self, kind: RowKind, place: Place, cause: usize) {
        self.places.push(match place {
            Place::Input(row) => (0, row as usize),
            Place::Kept(row) => (1, row as usize),
        });
        self.causes.push(cause as u32);
        self.kinds.push(kind);
    }

    /// As [`push`](Self::push), with a rank behind the row's columns.
    pub(crate) fn push_ranked(&mut self, kind: RowKind, place: Place, cause: usize, rank: u64) {
        self.push(kind, place, cause);
        self.ranks.push(rank as i64);
    }

    fn kept(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(move |(start, &end)| &self.bytes[start..end])
    }

    /// The emitted rows as a batch of `output`, which is the columns of `batch` and the rank if
    /// there is one; `None` if nothing was emitted. Begins anew.
    pub(crate) fn finish(
        &mut self,
        batch: &Batch,
        codec: &RowCodec,
        output: &SchemaRef,
    ) -> Result<Option<Batch>, OperatorError> {
        let ranks = match self.ranks.is_empty() {
            true => vec![],
            false => vec![Arc::new(Int64Array::from(std::mem::take(&mut self.ranks))) as ArrayRef],
        };
        self.finish_with(batch, codec, output, ranks)
    }

    /// As [`finish`](Self::finish), with these columns behind the row's.
    pub(crate) fn finish_with(
        &mut self,
        batch: &Batch,
        codec: &RowCodec,
        output: &SchemaRef,
        behind: Vec<ArrayRef>,
    ) -> Result<Option<Batch>, OperatorError> {
        if self.places.is_empty() {
            return Ok(None);
        }
        let rows = if self.ends.is_empty() {
            let indices: UInt32Array = self.places.iter().map(|place| place.1 as u32).collect();
            take_record_batch(&batch.rows, &indices)?
        } else {
            let kept = codec.decode(self.kept())?;
            interleave_record_batch(&[&batch.rows, &kept], &self.places)?
        };
        let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
        columns.extend(behind);
        let rows = RecordBatch::try_new(Arc::clone(output), columns)?;
        let mut emitted = batch.of_rows(rows, &self.causes);
        emitted.kinds = if self.kinds.iter().all(|kind| *kind == RowKind::Insert) {
            None
        } else {
            Some(self.kinds.as_slice().into())
        };
        self.bytes.clear();
        self.ends.clear();
        self.places.clear();
        self.causes.clear();
        self.kinds.clear();
        Ok(Some(emitted))
    }
}

/// Fails if a row of the batch is not an insert; `operator` says what cannot take it, `instead`
/// what to do.
pub(crate) fn insert_only(
    batch: &Batch,
    operator: &str,
    instead: &str,
) -> Result<(), OperatorError> {
    match &batch.kinds {
        Some(kinds) if kinds.iter().any(|kind| *kind != RowKind::Insert) => {
            Err(OperatorError::Row(format!(
                "{operator} takes inserted rows only, and a row is updated or deleted; {instead}"
            )))
        }
        _ => Ok(()),
    }
}

/// A hash of the same key group as `hash`, for one of several entries of a key; `salt` tells them
/// apart. Equal hashes would make the table search them one by one.
pub(crate) fn sub_hash(hash: u64, salt: u64, max_parallelism: u16) -> u64 {
    let groups = u64::from(max_parallelism);
    let mut mixed = hash ^ salt.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^= mixed >> 29;
    // One bit less, so that the group can be added.
    mixed >>= 1;
    mixed - mixed % groups + hash % groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use millstream_state::key_group;

    #[test]
    fn entries_of_a_key_stay_in_its_key_group_and_differ() {
        for groups in [1, 3, 128, 1000] {
            for hash in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
                let hashes: Vec<u64> = (0..100).map(|salt| sub_hash(hash, salt, groups)).collect();
                for (i, &sub) in hashes.iter().enumerate() {
                    assert_eq!(key_group(sub, groups), key_group(hash, groups));
                    assert!(!hashes[..i].contains(&sub));
                }
            }
        }
    }

    /// On disk: the upper half of a hash is kept with the entry.
    #[test]
    fn the_hashes_never_change() {
        assert_eq!(sub_hash(7, 0, 128), 0x2089459a15a18c87);
        assert_eq!(sub_hash(7, 1, 128), 0x54fe06a8d79c0007);
    }
}
