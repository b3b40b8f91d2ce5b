//! The first rows to arrive: `LIMIT` without `ORDER BY`, and `ORDER BY` processing time.
//!
//! Emits, for every partition, the rows that arrive `start`-th to `end`-th, as inserts. The input
//! is insert-only. **State** per partition: how many came, up to `end`.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use millstream_functions::RowKind;
use millstream_state::codec::{Reader, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use super::Common;
use crate::batch::Batch;
use crate::changelog::{Place, insert_only};
use crate::operator::{Operator, OperatorContext, OperatorError, Output};

/// Lets the first rows through. See the [module](self).
#[derive(Debug)]
pub(super) struct FirstN {
    common: Common,
    table: KeyedTable<Arrived>,
    slots: Vec<Slot>,
}

impl FirstN {
    pub(super) fn new(context: &OperatorContext, common: Common) -> Result<Self, OperatorError> {
        Ok(Self {
            common,
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            slots: Vec::new(),
        })
    }
}

impl Operator for FirstN {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        insert_only(
            &batch,
            "a Top-N that was planned for inserts",
            "plan it as retracting",
        )?;
        let Self {
            common,
            table,
            slots,
        } = self;
        let keys = common.keys(&batch.rows)?;
        table.slots(keys.hashes(), |row| keys.key(row), slots)?;
        let now = common.retention.now();
        let (start, end) = (common.emit.start, common.emit.end);
        let mut first: Vec<u32> = Vec::new();
        for (row, &slot) in slots.iter().enumerate() {
            let before = table.get(slot);
            let arrived = match common.retention.is_expired(before.written, now) {
                true => 0,
                false => before.count,
            };
            if arrived >= end {
                continue;
            }
            *table.get_mut(slot) = Arrived {
                count: arrived + 1,
                written: now,
            };
            if arrived + 1 < start {
                continue;
            }
            if common.emit.with_rank {
                let place = Place::Input(row as u32);
                let changes = &mut common.emit.changes;
                changes.push_ranked(RowKind::Insert, place, row, arrived + 1);
            } else {
                first.push(row as u32);
            }
        }
        if !first.is_empty() {
            let rows = batch.take(&UInt32Array::from(first))?;
            let columns = rows.rows.columns().to_vec();
            let renamed = RecordBatch::try_new(Arc::clone(&common.output), columns)?;
            out.emit(rows.with_rows(renamed));
        }
        self.common.flush(&batch, out)
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        Ok(Vec::new())
    }

    fn tick(&mut self, now: i64, _: &mut Output) -> Result<(), OperatorError> {
        let Common {
            retention, keys, ..
        } = &mut self.common;
        if retention.sweep_is_due(now) {
            let hash_of = |key: &[u8]| keys.hash_of(key);
            retention.sweep(&mut self.table, now, hash_of, |arrived| arrived.written)?;
        }
        Ok(())
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        Ok(self.table.evict()?)
    }
}

/// How many rows of a partition arrived.
#[derive(Debug, Default, PartialEq)]
struct Arrived {
    count: u64,
    written: i64,
}

impl StateValue for Arrived {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_varint(out, self.count);
        put_zigzag(out, self.written);
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let arrived = Self {
            count: reader.varint()?,
            written: reader.zigzag()?,
        };
        reader.finish()?;
        Ok(arrived)
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
        let arrived = Arrived {
            count: 300,
            written: 1,
        };
        let mut bytes = Vec::new();
        arrived.encode(&mut bytes);
        assert_eq!(bytes, [1, 0xac, 0x02, 2]);
        assert_eq!(Arrived::decode(&bytes).unwrap(), arrived);
    }
}
