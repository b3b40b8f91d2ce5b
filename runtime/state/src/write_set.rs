//! Encoded changes on their way from a table to the database: one buffer and an index into it.

/// The value length of a record that deletes its key.
const DELETE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Record {
    start: usize,
    key: u32,
    value: u32,
}

/// Puts and deletes of distinct database keys.
#[derive(Debug, Default)]
pub(crate) struct WriteSet {
    bytes: Vec<u8>,
    records: Vec<Record>,
}

impl WriteSet {
    pub(crate) fn with_capacity(records: usize, bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            records: Vec::with_capacity(records),
        }
    }

    pub(crate) fn put(&mut self, key: [&[u8]; 2], value: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        key.iter()
            .for_each(|part| self.bytes.extend_from_slice(part));
        let middle = self.bytes.len();
        value(&mut self.bytes);
        let value = self.bytes.len() - middle;
        self.records.push(Record {
            start,
            key: (middle - start) as u32,
            value: value as u32,
        });
    }

    pub(crate) fn delete(&mut self, key: [&[u8]; 2]) {
        let start = self.bytes.len();
        key.iter()
            .for_each(|part| self.bytes.extend_from_slice(part));
        let key = (self.bytes.len() - start) as u32;
        self.records.push(Record {
            start,
            key,
            value: DELETE,
        });
    }

    /// Bytes the set holds in memory.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.records.capacity() * size_of::<Record>()
    }

    /// Encoded bytes of keys and values.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Orders the records by key: RocksDB inserts neighbours several times faster.
    pub(crate) fn sort(&mut self) {
        let bytes = &self.bytes;
        let key = |r: &Record| &bytes[r.start..r.start + r.key as usize];
        self.records.sort_unstable_by(|a, b| key(a).cmp(key(b)));
    }

    /// Each key with its value, `None` for a delete.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.records.iter().map(|record| {
            let middle = record.start + record.key as usize;
            let value = (record.value != DELETE)
                .then(|| &self.bytes[middle..middle + record.value as usize]);
            (&self.bytes[record.start..middle], value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_in_key_order() {
        let mut set = WriteSet::default();
        set.put([b"b", b"1"], |out| out.extend_from_slice(b"x"));
        set.delete([b"c", b""]);
        set.put([b"a", b"22"], |_| {});
        set.sort();
        let got: Vec<_> = set.iter().collect();
        assert_eq!(
            got,
            [
                (&b"a22"[..], Some(&b""[..])),
                (b"b1", Some(b"x")),
                (b"c", None)
            ]
        );
        assert_eq!((set.len(), set.bytes()), (3, 7));
    }
}
