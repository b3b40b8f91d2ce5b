//! The rows of a partition, as Top-N keeps them: sorted, each with its sort key.

use arrow::array::RecordBatch;
use arrow::compute::SortOptions;
use arrow::datatypes::Schema;
use arrow::row::{RowConverter, Rows, SortField};
use millstream_state::codec::{Reader, put_varint, put_zigzag};
use millstream_state::{CodecError, StateValue};

use super::SortColumn;
use crate::changelog::{Changes, Place};
use crate::operator::OperatorError;
use crate::retention::Retention;

/// Turns the columns of `ORDER BY` into bytes that sort the same way.
#[derive(Debug)]
pub(crate) struct SortEncoder {
    columns: Vec<usize>,
    /// `None` if there is no column: all rows are peers.
    converter: Option<RowConverter>,
}

/// The sort keys of a batch's rows.
#[derive(Debug)]
pub(crate) struct SortKeys(Option<Rows>);

impl SortEncoder {
    /// The encoder of `order` over rows of `schema`.
    pub(crate) fn new(schema: &Schema, order: &[SortColumn]) -> Result<Self, OperatorError> {
        let mut fields = Vec::with_capacity(order.len());
        for by in order {
            let field = schema.field(by.column);
            let options = SortOptions {
                descending: by.descending,
                nulls_first: by.nulls_first,
            };
            let sort = SortField::new_with_options(field.data_type().clone(), options);
            if !RowConverter::supports_fields(std::slice::from_ref(&sort)) {
                return Err(OperatorError::Row(format!(
                    "ORDER BY {}: rows cannot be sorted by a column of type {}",
                    field.name(),
                    field.data_type()
                )));
            }
            fields.push(sort);
        }
        Ok(Self {
            columns: order.iter().map(|by| by.column).collect(),
            converter: match fields.is_empty() {
                true => None,
                false => Some(RowConverter::new(fields)?),
            },
        })
    }

    /// The sort key of each row.
    pub(crate) fn encode(&self, rows: &RecordBatch) -> Result<SortKeys, OperatorError> {
        let Some(converter) = &self.converter else {
            return Ok(SortKeys(None));
        };
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|&column| rows.column(column).clone())
            .collect();
        Ok(SortKeys(Some(converter.convert_columns(&columns)?)))
    }
}

impl SortKeys {
    /// The sort key of row `row`.
    #[inline]
    pub(crate) fn key(&self, row: usize) -> &[u8] {
        match &self.0 {
            Some(keys) => keys.row(row).data(),
            None => &[],
        }
    }
}

/// A kept row: its sort key, its unique key if the input is updated by one, and its columns.
#[derive(Debug, Clone)]
pub(crate) struct SortedRow {
    bytes: Box<[u8]>,
    sort: u32,
    unique: u32,
    /// When it, or a peer of it, was written; see [`Retention`].
    pub(crate) written: i64,
    /// Where the row can be emitted from in the batch of this number.
    place: Option<Place>,
    batch: u32,
}

impl SortedRow {
    /// Row `place` of batch number `batch`.
    pub(crate) fn new(
        sort: &[u8],
        unique: &[u8],
        columns: &[u8],
        written: i64,
        (place, batch): (Place, u32),
    ) -> Self {
        Self {
            bytes: [sort, unique, columns].concat().into(),
            sort: sort.len() as u32,
            unique: unique.len() as u32,
            written,
            place: Some(place),
            batch,
        }
    }

    #[inline]
    pub(crate) fn sort_key(&self) -> &[u8] {
        &self.bytes[..self.sort as usize]
    }

    #[inline]
    pub(crate) fn unique_key(&self) -> &[u8] {
        &self.bytes[self.sort as usize..(self.sort + self.unique) as usize]
    }

    #[inline]
    pub(crate) fn columns(&self) -> &[u8] {
        &self.bytes[(self.sort + self.unique) as usize..]
    }

    /// Where the row is emitted from while batch number `batch` is processed.
    #[inline]
    pub(crate) fn place(&mut self, batch: u32, changes: &mut Changes) -> Place {
        match self.place {
            Some(place) if self.batch == batch => place,
            _ => {
                let place = changes.keep(self.columns());
                (self.place, self.batch) = (Some(place), batch);
                place
            }
        }
    }

    fn heap_size(&self) -> usize {
        self.bytes.len()
    }
}

/// Where a row with this sort key goes: behind its peers.
#[inline]
pub(crate) fn upper_bound(rows: &[SortedRow], sort: &[u8]) -> usize {
    // New rows are often the worst.
    match rows.last() {
        Some(last) if last.sort_key() <= sort => rows.len(),
        _ => rows.partition_point(|row| row.sort_key() <= sort),
    }
}

/// The first row that is not better.
pub(crate) fn lower_bound(rows: &[SortedRow], sort: &[u8]) -> usize {
    rows.partition_point(|row| row.sort_key() < sort)
}

/// Inserts behind the peers and gives the position. A write to one of the rows with the same sort
/// key is one to all: Flink keeps them in one list.
pub(crate) fn insert(rows: &mut Vec<SortedRow>, row: SortedRow, retention: &Retention) -> usize {
    let at = upper_bound(rows, row.sort_key());
    if retention.expires() {
        let peers = rows[..at].iter_mut().rev();
        for peer in peers.take_while(|peer| peer.sort_key() == row.sort_key()) {
            peer.written = row.written;
        }
    }
    rows.insert(at, row);
    at
}

/// The place of the first row with these columns.
pub(crate) fn find(rows: &[SortedRow], sort: &[u8], columns: &[u8]) -> Option<usize> {
    let first = lower_bound(rows, sort);
    rows[first..]
        .iter()
        .take_while(|row| row.sort_key() == sort)
        .position(|row| row.columns() == columns)
        .map(|at| first + at)
}

/// Rows, the best first.
#[derive(Debug, Default)]
pub(crate) struct SortedRows {
    pub(crate) rows: Vec<SortedRow>,
}

impl SortedRows {
    /// Whether any row has expired at `now`.
    pub(crate) fn any_expired(&self, retention: &Retention, now: i64) -> bool {
        retention.expires()
            && self
                .rows
                .iter()
                .any(|row| retention.is_expired(row.written, now))
    }

    /// The last write to any of the rows.
    pub(crate) fn written(&self) -> i64 {
        self.rows.iter().map(|row| row.written).max().unwrap_or(0)
    }
}

pub(crate) fn encode_rows(rows: &[SortedRow], out: &mut Vec<u8>) {
    put_varint(out, rows.len() as u64);
    for row in rows {
        put_varint(out, u64::from(row.sort));
        put_varint(out, u64::from(row.unique));
        put_varint(out, row.bytes.len() as u64);
        out.extend_from_slice(&row.bytes);
        put_zigzag(out, row.written);
    }
}

pub(crate) fn decode_rows(reader: &mut Reader<'_>) -> Result<Vec<SortedRow>, CodecError> {
    let invalid = CodecError::Invalid {
        what: "row of a Top-N",
        at: 0,
    };
    let count = reader.varint()?;
    let mut rows = Vec::new();
    for _ in 0..count {
        let sort = u32::try_from(reader.varint()?).map_err(|_| invalid.clone())?;
        let unique = u32::try_from(reader.varint()?).map_err(|_| invalid.clone())?;
        let bytes = reader.bytes()?;
        if u64::from(sort) + u64::from(unique) > bytes.len() as u64 {
            return Err(invalid);
        }
        rows.push(SortedRow {
            bytes: bytes.into(),
            sort,
            unique,
            written: reader.zigzag()?,
            place: None,
            batch: 0,
        });
    }
    Ok(rows)
}

pub(crate) fn rows_heap_size(rows: &Vec<SortedRow>) -> usize {
    rows.capacity() * size_of::<SortedRow>() + rows.iter().map(SortedRow::heap_size).sum::<usize>()
}

impl StateValue for SortedRows {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        encode_rows(&self.rows, out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let rows = decode_rows(&mut reader)?;
        reader.finish()?;
        Ok(Self { rows })
    }

    fn heap_size(&self) -> usize {
        rows_heap_size(&self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_the_state_never_change() {
        let row = SortedRow::new(&[7], &[8, 9], &[10], -1, (Place::Input(0), 1));
        let mut bytes = Vec::new();
        SortedRows { rows: vec![row] }.encode(&mut bytes);
        assert_eq!(bytes, [1, 1, 1, 2, 4, 7, 8, 9, 10, 1]);
        let back = SortedRows::decode(&bytes).unwrap().rows.remove(0);
        assert_eq!(
            (back.sort_key(), back.unique_key(), back.columns()),
            ([7].as_slice(), [8, 9].as_slice(), [10].as_slice())
        );
        assert_eq!(back.written, -1);
        assert!(SortedRows::decode(&[1, 1, 3, 2, 4, 7, 8, 9, 10, 1]).is_err());
        assert!(SortedRows::decode(&bytes[..6]).is_err());
    }
}
