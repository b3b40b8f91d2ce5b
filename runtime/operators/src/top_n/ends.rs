//! Last numbers that stand in a column: `ROW_NUMBER() … <= c`.
//!
//! A partition's last number is what the column held in the first row of it to arrive, whatever its
//! kind; Flink keeps it beside the rows and ignores what later rows hold. NULL and what is below
//! zero are none. **State** per partition: the number. With a TTL it is forgotten that long after
//! it was taken, and taken anew.

use arrow::array::{Array, AsArray, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, Schema};
use millstream_state::codec::{Reader, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::keys::{KeyEncoder, Keys};
use crate::operator::{OperatorContext, OperatorError};
use crate::retention::Retention;

/// Of so many rows an appending partition forgets one that is worse than all of them, however great
/// its last number: so large are Flink's buffers where the number is no constant.
pub(super) const BUFFERED: u64 = 100;

/// The last numbers of all partitions. See the [module](self).
#[derive(Debug)]
pub(super) struct RankEnds {
    column: usize,
    table: KeyedTable<RankEnd>,
    slots: Vec<Slot>,
    /// What the column holds in the rows of the batch at hand.
    values: Int64Array,
}

impl RankEnds {
    /// The numbers in `column` of rows of `schema`.
    pub(super) fn new(
        context: &OperatorContext,
        schema: &Schema,
        column: usize,
    ) -> Result<Self, OperatorError> {
        let field = schema.field(column);
        if !field.data_type().is_signed_integer() {
            return Err(OperatorError::Row(format!(
                "ROW_NUMBER() <= {}: the last number must be a whole number, and the column is {}",
                field.name(),
                field.data_type()
            )));
        }
        let uid = format!("{}.ends", context.uid);
        Ok(Self {
            column,
            table: context.backend.table(&uid, context.key_groups.clone())?,
            slots: Vec::new(),
            values: Int64Array::from(Vec::<i64>::new()),
        })
    }

    /// Makes ready for the rows of a batch with these partition keys.
    pub(super) fn begin(&mut self, rows: &RecordBatch, keys: &Keys) -> Result<(), OperatorError> {
        let values = cast(rows.column(self.column), &DataType::Int64)?;
        self.values = values.as_primitive::<Int64Type>().clone();
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut self.slots)?;
        Ok(())
    }

    /// The last number of the partition of row `row` of the batch.
    #[inline]
    pub(super) fn of(&mut self, row: usize, retention: &Retention, now: i64) -> u64 {
        let slot = self.slots[row];
        let known = self.table.get(slot);
        if known.taken && !retention.is_expired(known.written, now) {
            return known.end;
        }
        let end = match self.values.is_valid(row) {
            true => u64::try_from(self.values.value(row)).unwrap_or(0),
            false => 0,
        };
        *self.table.get_mut(slot) = RankEnd {
            taken: true,
            end,
            written: now,
        };
        end
    }

    pub(super) fn snapshot(&mut self, epoch: u64) -> Result<(), OperatorError> {
        Ok(self.table.snapshot(epoch)?)
    }

    pub(super) fn sweep(
        &mut self,
        retention: &Retention,
        keys: &KeyEncoder,
        now: i64,
    ) -> Result<(), OperatorError> {
        let hash_of = |key: &[u8]| keys.hash_of(key);
        retention.sweep(&mut self.table, now, hash_of, |end| end.written)
    }

    pub(super) fn housekeeping(&mut self) -> Result<(), OperatorError> {
        Ok(self.table.evict()?)
    }
}

/// The last number of a partition.
#[derive(Debug, Default, PartialEq)]
struct RankEnd {
    /// False before the first row.
    taken: bool,
    end: u64,
    written: i64,
}

impl StateValue for RankEnd {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        out.push(u8::from(self.taken));
        put_varint(out, self.end);
        put_zigzag(out, self.written);
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let end = Self {
            taken: reader.varint()? != 0,
            end: reader.varint()?,
            written: reader.zigzag()?,
        };
        reader.finish()?;
        Ok(end)
    }

    fn heap_size(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_the_state_never_change() {
        let end = RankEnd {
            taken: true,
            end: 300,
            written: -1,
        };
        let mut bytes = Vec::new();
        end.encode(&mut bytes);
        assert_eq!(bytes, [1, 1, 0xac, 0x02, 1]);
        assert_eq!(RankEnd::decode(&bytes).unwrap(), end);
    }
}
