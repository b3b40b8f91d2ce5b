//! The upsert materialiser in front of a sink with a primary key.
//!
//! A changelog whose rows come from different keys upstream reaches the sink's key out of order: a
//! row's delete may arrive after the row that replaces it. The operator computes, by the sink's
//! primary key, upserts whose last content is right: an inserted or updated row is emitted as it
//! comes (`+I` if the key had none, else `+U`) and added to the key's rows; a delete takes the first
//! equal row away, and shows: nothing if a later row stands, `+U` of the row before if it was the
//! last, `-D` if none is left. Rows are equal when the columns of the input's upsert key are, or all
//! columns where there is none; with an upsert key, a row replaces the one of the same upsert key.
//!
//! The input is any changelog. **State** per primary key: its rows; gone with the last, or when
//! its TTL has passed.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use millstream_functions::RowKind;
use millstream_state::codec::{Reader, put_bytes, put_varint, put_zigzag};
use millstream_state::{CodecError, KeyedTable, Slot, StateValue};

use crate::batch::Batch;
use crate::changelog::{Changes, Place, RowCodec};
use crate::keys::KeyEncoder;
use crate::operator::{Operator, OperatorContext, OperatorError, Output};
use crate::retention::Retention;

/// What a materialiser asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkUpsertMaterializeSpec {
    /// The sink's primary key.
    pub primary_key: Vec<usize>,
    /// The upsert key of the input, if it has one.
    pub upsert_key: Option<Vec<usize>>,
    /// State TTL in milliseconds.
    pub ttl_millis: Option<i64>,
}

/// Orders a changelog by the sink's key. See the [module](self).
#[derive(Debug)]
pub struct SinkUpsertMaterialize {
    keys: KeyEncoder,
    /// What tells the rows of a primary key apart.
    upsert_keys: Option<KeyEncoder>,
    codec: RowCodec,
    retention: Retention,
    table: KeyedTable<KeyRows>,
    changes: Changes,
    slots: Vec<Slot>,
}

impl SinkUpsertMaterialize {
    /// The operator over rows of `input`, which are those of the output too.
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &SinkUpsertMaterializeSpec,
    ) -> Result<Self, OperatorError> {
        let upsert_key = spec.upsert_key.as_ref().filter(|key| !key.is_empty());
        Ok(Self {
            keys: KeyEncoder::new(&input, &spec.primary_key)?,
            upsert_keys: upsert_key
                .map(|key| KeyEncoder::new(&input, key))
                .transpose()?,
            codec: RowCodec::new(input, "the upsert materialiser")?,
            retention: Retention::new(spec.ttl_millis, &context.clock),
            table: context
                .backend
                .table(&context.uid, context.key_groups.clone())?,
            changes: Changes::default(),
            slots: Vec::new(),
        })
    }
}

impl Operator for SinkUpsertMaterialize {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let keys = self.keys.encode(&batch.rows)?;
        let upsert_keys = match &self.upsert_keys {
            Some(encoder) => Some(encoder.encode(&batch.rows)?),
            None => None,
        };
        let columns = self.codec.encode(&batch.rows)?;
        self.table
            .slots(keys.hashes(), |row| keys.key(row), &mut self.slots)?;
        let now = self.retention.now();
        for (row, &slot) in self.slots.iter().enumerate() {
            if self.retention.is_expired(self.table.get(slot).written, now) {
                self.table.remove(slot);
            }
            let new = columns.row(row);
            let place = Place::Input(row as u32);
            let identity: &[u8] = match &upsert_keys {
                Some(keys) => keys.key(row),
                None => new.data(),
            };
            let known = &self.table.get(slot).rows;
            let at = known
                .iter()
                .position(|other| other.identity(upsert_keys.is_some()) == identity);
            if batch.kind(row).is_accumulate() {
                let kind = match known.is_empty() {
                    true => RowKind::Insert,
                    false => RowKind::UpdateAfter,
                };
                let (key, new) = match &upsert_keys {
                    Some(_) => (identity, new.data()),
                    None => (&[] as &[u8], new.data()),
                };
                let new = KeyRow::new(key, new);
                let state = self.table.get_mut(slot);
                state.written = now;
                match at.filter(|_| upsert_keys.is_some()) {
                    Some(at) => state.rows[at] = new,
                    None => state.rows.push(new),
                }
                self.changes.push(kind, place, row);
                continue;
            }
            // Not there: its state has expired.
            let Some(at) = at else { continue };
            let last = at + 1 == known.len();
            let state = self.table.get_mut(slot);
            state.rows.remove(at);
            state.written = now;
            match state.rows.last() {
                None => {
                    self.changes.push(RowKind::Delete, place, row);
                    self.table.remove(slot);
                }
                Some(before) if last => {
                    let before = self.changes.keep(before.columns());
                    self.changes.push(RowKind::UpdateAfter, before, row);
                }
                Some(_) => {}
            }
        }
        let schema = Arc::clone(self.codec.schema());
        if let Some(emitted) = self.changes.finish(&batch, &self.codec, &schema)? {
            out.emit(emitted);
        }
        Ok(())
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.table.snapshot(epoch)?;
        Ok(Vec::new())
    }

    fn tick(&mut self, now: i64, _: &mut Output) -> Result<(), OperatorError> {
        if self.retention.sweep_is_due(now) {
            let keys = &self.keys;
            let hash_of = |key: &[u8]| keys.hash_of(key);
            self.retention
                .sweep(&mut self.table, now, hash_of, |rows| rows.written)?;
        }
        Ok(())
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        Ok(self.table.evict()?)
    }
}

/// A row of a primary key: its upsert key, if there is one, then its columns.
#[derive(Debug, PartialEq)]
struct KeyRow {
    bytes: Box<[u8]>,
    key: u32,
}

impl KeyRow {
    fn new(key: &[u8], columns: &[u8]) -> Self {
        Self {
            bytes: [key, columns].concat().into(),
            key: key.len() as u32,
        }
    }

    fn columns(&self) -> &[u8] {
        &self.bytes[self.key as usize..]
    }

    /// What makes the row equal to another: its upsert key, if rows have one.
    fn identity(&self, keyed: bool) -> &[u8] {
        match keyed {
            true => &self.bytes[..self.key as usize],
            false => &self.bytes,
        }
    }
}

/// The rows of a primary key, in the order they came; what the sink has is the last.
#[derive(Debug, Default)]
struct KeyRows {
    rows: Vec<KeyRow>,
    written: i64,
}

impl StateValue for KeyRows {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_zigzag(out, self.written);
        put_varint(out, self.rows.len() as u64);
        for row in &self.rows {
            put_varint(out, u64::from(row.key));
            put_bytes(out, &row.bytes);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let written = reader.zigzag()?;
        let count = reader.varint()?;
        let mut rows = Vec::new();
        for _ in 0..count {
            let key = reader.varint()?;
            let bytes = reader.bytes()?;
            if key > bytes.len() as u64 {
                return Err(CodecError::Invalid {
                    what: "row of a primary key",
                    at: 0,
                });
            }
            rows.push(KeyRow {
                bytes: bytes.into(),
                key: key as u32,
            });
        }
        reader.finish()?;
        Ok(Self { rows, written })
    }

    fn heap_size(&self) -> usize {
        self.rows.capacity() * size_of::<KeyRow>()
            + self.rows.iter().map(|row| row.bytes.len()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use proptest::prelude::*;

    use super::*;
    use crate::harness::Harness;
    use RowKind::{Delete, Insert, UpdateAfter, UpdateBefore};

    /// Primary key, the upstream's key, value.
    type Row = (Option<&'static str>, i64, i64);

    fn harness(
        rows: &[(RowKind, Row)],
        upsert_key: Option<Vec<usize>>,
        ttl_millis: Option<i64>,
    ) -> Harness<'static> {
        let kinds = rows.iter().map(|(kind, _)| *kind).collect();
        let rows = rows.iter().map(|(_, row)| row);
        let rows = RecordBatch::try_from_iter_with_nullable([
            (
                "k",
                Arc::new(StringArray::from_iter(rows.clone().map(|r| r.0))) as ArrayRef,
                true,
            ),
            (
                "id",
                Arc::new(Int64Array::from_iter_values(rows.clone().map(|r| r.1))) as _,
                false,
            ),
            (
                "v",
                Arc::new(Int64Array::from_iter_values(rows.map(|r| r.2))) as _,
                false,
            ),
        ])
        .unwrap();
        let schema = rows.schema();
        let spec = SinkUpsertMaterializeSpec {
            primary_key: vec![0],
            upsert_key,
            ttl_millis,
        };
        Harness::changelog(
            move |context| {
                let schema = Arc::clone(&schema);
                Ok(Box::new(SinkUpsertMaterialize::new(
                    context, schema, &spec,
                )?))
            },
            &[0],
            rows,
            kinds,
        )
    }

    #[test]
    fn a_delete_that_comes_late_does_not_delete_what_replaced_the_row() {
        let rows = [
            (Insert, (Some("a"), 1, 10)),
            (UpdateAfter, (Some("a"), 2, 20)),
            (UpdateBefore, (Some("a"), 1, 10)), // late: 2 stands
            (Insert, (Some("a"), 3, 30)),
            (Delete, (Some("a"), 3, 30)), // back to 2
            (Delete, (Some("a"), 7, 70)), // was never there
            (Delete, (Some("a"), 2, 20)),
            (Insert, (None, 4, 40)),
            (Insert, (None, 4, 40)), // twice
            (Delete, (None, 4, 40)),
        ];
        assert_eq!(
            harness(&rows, None, None).check(6),
            [
                "+I[a, 1, 10]",
                "+U[a, 2, 20]",
                "+U[a, 3, 30]",
                "+U[a, 2, 20]",
                "-D[a, 2, 20]",
                "+I[null, 4, 40]",
                "+U[null, 4, 40]",
            ]
        );
    }

    #[test]
    fn with_an_upsert_key_a_row_replaces_its_own_former_content() {
        let rows = [
            (Insert, (Some("a"), 1, 10)),
            (UpdateAfter, (Some("a"), 1, 11)),
            (UpdateAfter, (Some("a"), 2, 20)),
            (UpdateAfter, (Some("a"), 1, 12)), // the sink shows it, though 2 is last
            (Delete, (Some("a"), 2, 0)),       // the key alone decides
            (Delete, (Some("a"), 1, 0)),
        ];
        assert_eq!(
            harness(&rows, Some(vec![1]), None).check(6),
            [
                "+I[a, 1, 10]",
                "+U[a, 1, 11]",
                "+U[a, 2, 20]",
                "+U[a, 1, 12]",
                "+U[a, 1, 12]",
                "-D[a, 1, 0]",
            ]
        );
    }

    #[test]
    fn a_key_begins_anew_when_its_time_to_live_has_passed() {
        let rows = [
            (Insert, (Some("a"), 1, 10)),
            (Insert, (Some("a"), 2, 20)),
            (Delete, (Some("a"), 2, 20)),
            (Insert, (Some("a"), 3, 30)),
        ];
        assert_eq!(
            harness(&rows, None, Some(10))
                .with_clock(vec![1, 10, 20, 21])
                .check(6),
            ["+I[a, 1, 10]", "+U[a, 2, 20]", "+I[a, 3, 30]"]
        );
    }

    #[test]
    fn the_bytes_of_the_state_never_change() {
        let rows = KeyRows {
            rows: vec![KeyRow::new(&[1], &[2, 3])],
            written: 1,
        };
        let mut bytes = Vec::new();
        rows.encode(&mut bytes);
        assert_eq!(bytes, [1, 2, 1, 1, 3, 1, 2, 3]);
        let back = KeyRows::decode(&bytes).unwrap();
        assert_eq!(back.rows, rows.rows);
        assert_eq!(back.rows[0].identity(true), [1]);
        assert!(KeyRows::decode(&[1, 2, 1, 4, 3, 1, 2, 3]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever the order in which rows come and go, the sink's table has for every key the
        /// last row that still stands.
        #[test]
        fn the_sink_has_the_last_row_that_stands(
            drawn in prop::collection::vec(
                (0..3usize, 0..3i64, 0..3i64, any::<prop::sample::Index>(), 0..5u8), 1..60),
            seed: u64,
        ) {
            let names = [None, Some("a"), Some("b")];
            let mut rows: Vec<(RowKind, Row)> = Vec::new();
            let mut standing: BTreeMap<Option<&str>, Vec<Row>> = BTreeMap::new();
            for (key, id, v, index, dice) in drawn {
                let known = standing.entry(names[key]).or_default();
                if dice < 2 && !known.is_empty() {
                    // The first of equal rows goes.
                    let gone = known[index.index(known.len())];
                    let at = known.iter().position(|row| *row == gone).unwrap();
                    known.remove(at);
                    rows.push((if dice == 0 { Delete } else { UpdateBefore }, gone));
                } else {
                    let row = (names[key], id, v);
                    known.push(row);
                    rows.push((if dice == 2 { UpdateAfter } else { Insert }, row));
                }
            }
            let expected: BTreeMap<String, String> = standing
                .iter()
                .filter_map(|(key, rows)| {
                    let (_, id, v) = rows.last()?;
                    let key = key.unwrap_or("null");
                    Some((key.to_owned(), format!("[{key}, {id}, {v}]")))
                })
                .collect();
            let harness = harness(&rows, None, None);
            let mut sink: BTreeMap<String, String> = BTreeMap::new();
            let mut whole = harness.run(6).unwrap();
            for change in &whole {
                let (kind, row) = change.split_at(2);
                let key = row[1..].split(',').next().unwrap().to_owned();
                let before = match kind {
                    "-D" => sink.remove(&key),
                    _ => sink.insert(key, row.to_owned()),
                };
                prop_assert_eq!(before.is_none(), kind == "+I", "{}", change);
            }
            prop_assert_eq!(sink, expected);
            whole.sort();
            prop_assert_eq!(&harness.run_killed(seed).unwrap(), &whole);
        }
    }
}
