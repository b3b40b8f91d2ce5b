//! The last row of a key, as state.

use millstream_state::codec::{Reader, put_bytes, put_zigzag};
use millstream_state::{CodecError, StateValue};

/// A row and when it was written (see [`Retention`](crate::retention::Retention)).
#[derive(Debug, Default, PartialEq)]
pub(crate) struct LastRow {
    /// All columns, see [`RowCodec`](crate::changelog::RowCodec).
    pub(crate) row: Option<Box<[u8]>>,
    pub(crate) written: i64,
}

impl StateValue for LastRow {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_zigzag(out, self.written);
        if let Some(row) = &self.row {
            put_bytes(out, row);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let written = reader.zigzag()?;
        let row = match reader.is_empty() {
            true => None,
            false => Some(reader.bytes()?.into()),
        };
        reader.finish()?;
        Ok(Self { row, written })
    }

    fn heap_size(&self) -> usize {
        self.row.as_ref().map_or(0, |row| row.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_the_state_never_change() {
        let last = LastRow {
            row: Some([9].into()),
            written: 2,
        };
        let mut bytes = Vec::new();
        last.encode(&mut bytes);
        assert_eq!(bytes, [1, 4, 1, 9]);
        assert_eq!(LastRow::decode(&bytes).unwrap(), last);
        assert_eq!(LastRow::decode(&[1, 0]).unwrap(), LastRow::default());
        assert!(LastRow::decode(&[2, 0]).is_err());
    }
}
