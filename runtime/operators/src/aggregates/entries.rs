//! Keys and their JSON values: what JSON_OBJECTAGG keeps.
//!
//! As bytes an entry is a mark (0: no key, 1: no value, 2: a value), the length of the key in four bytes,
//! the key and the value.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder};
use millstream_functions::write_json_text;
use millstream_state::CodecError;
use millstream_state::codec::{Reader, put_bytes, put_varint};

use super::collections::{optional, put_optional};
use super::results::ResultColumn;

/// NULL in JSON.
pub(super) const NULL: &[u8] = b"null";

const NO_KEY: u8 = 0;
const NO_VALUE: u8 = 1;
const VALUE: u8 = 2;

/// The bytes of each row, of its key and its value in JSON.
pub(super) fn encode(keys: &ArrayRef, values: Option<&ArrayRef>) -> BinaryArray {
    let keys = keys.as_string::<i32>();
    let values = values.map(|column| column.as_string::<i32>());
    let mut bytes = BinaryBuilder::new();
    let mut entry = Vec::new();
    for row in 0..keys.len() {
        entry.clear();
        let value = values.filter(|column| column.is_valid(row));
        if keys.is_null(row) {
            entry.push(NO_KEY);
        } else {
            let key = keys.value(row).as_bytes();
            entry.push(if value.is_some() { VALUE } else { NO_VALUE });
            entry.extend_from_slice(&(key.len() as u32).to_be_bytes());
            entry.extend_from_slice(key);
            if let Some(column) = value {
                entry.extend_from_slice(column.value(row).as_bytes());
            }
        }
        bytes.append_value(&entry);
    }
    bytes.finish()
}

/// Key and value of an entry; `None` if it has no key.
fn parts(entry: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let (&mark, rest) = entry.split_first()?;
    if mark == NO_KEY {
        return None;
    }
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (key, value) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
    Some((key, (mark == VALUE).then_some(value)))
}

/// Why there is no object.
#[derive(Debug, Clone, PartialEq)]
enum Failure {
    /// A key was NULL.
    NoKey,
    /// This key came again.
    Twice(Box<[u8]>),
}

/// The value of each key.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Entries {
    values: BTreeMap<Box<[u8]>, Option<Box<[u8]>>>,
    /// Reported with the next result.
    failure: Option<Failure>,
    bytes: usize,
}

impl Entries {
    /// Adds an entry, one without a value only if `nulls`.
    pub(super) fn add(&mut self, entry: &[u8], nulls: bool) {
        match parts(entry) {
            None => self.failure = Some(Failure::NoKey),
            Some((key, _)) if self.values.contains_key(key) => {
                self.failure = Some(Failure::Twice(key.into()));
            }
            Some((_, None)) if !nulls => {}
            Some((key, value)) => self.insert(key, value),
        }
    }

    fn insert(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.bytes += key.len() + value.map_or(0, <[u8]>::len);
        self.values.insert(key.into(), value.map(Into::into));
    }

    /// Takes an entry back, if the key has that value.
    pub(super) fn remove(&mut self, entry: &[u8]) {
        let Some((key, value)) = parts(entry) else {
            return;
        };
        if self
            .values
            .get(key)
            .is_some_and(|old| old.as_deref() == value)
        {
            self.values.remove(key);
            self.bytes -= key.len() + value.map_or(0, <[u8]>::len);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (key, value) in &other.values {
            if self.values.contains_key(key) {
                self.failure = Some(Failure::Twice(key.clone()));
            } else {
                self.insert(key, value.as_deref());
            }
        }
        if self.failure.is_none() {
            self.failure.clone_from(&other.failure);
        }
    }

    /// Appends the object: as in Flink, its keys are in the order of Java's strings.
    pub(super) fn emit(&self, column: &mut ResultColumn) {
        match &self.failure {
            Some(Failure::NoKey) => {
                return column.fail("a key of JSON_OBJECTAGG must not be NULL; leave such rows out with FILTER or WHERE".to_owned());
            }
            Some(Failure::Twice(key)) => {
                return column.fail(format!(
                    "the key '{}' came twice, but keys of JSON_OBJECTAGG must be unique; aggregate the                      values of a key before",
                    String::from_utf8_lossy(key)
                ));
            }
            None => {}
        }
        let mut pairs: Vec<(&str, &[u8])> = Vec::with_capacity(self.values.len());
        for (key, value) in &self.values {
            // Keys came as text.
            let key = std::str::from_utf8(key).unwrap_or_default();
            pairs.push((key, value.as_deref().unwrap_or(NULL)));
        }
        // Java compares 16 bits at a time: only above this the order of bytes is another one.
        if pairs
            .iter()
            .any(|(key, _)| key.chars().any(|c| c >= '\u{e000}'))
        {
            pairs.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        }
        let mut text = String::new();
        let mut members: Vec<u8> = Vec::new();
        for (i, (key, value)) in pairs.into_iter().enumerate() {
            if i > 0 {
                members.push(b',');
            }
            text.clear();
            write_json_text(key, &mut text);
            members.extend_from_slice(text.as_bytes());
            members.push(b':');
            members.extend_from_slice(value);
        }
        column.push_wrapped((b"{", b"}"), std::iter::once(members.as_slice()), b"");
    }

    /// Bytes on the heap, about.
    pub(super) fn heap_size(&self) -> usize {
        self.values.len() * 48 + self.bytes
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.values.len() as u64);
        for (key, value) in &self.values {
            put_bytes(out, key);
            put_optional(out, value.as_deref());
        }
        match &self.failure {
            None => out.push(0),
            Some(Failure::NoKey) => out.push(1),
            Some(Failure::Twice(key)) => {
                out.push(2);
                put_bytes(out, key);
            }
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let mut all = Self::default();
        for _ in 0..reader.varint()? {
            let key = reader.bytes()?;
            all.insert(key, optional(reader)?);
        }
        all.failure = match reader.u8()? {
            0 => None,
            1 => Some(Failure::NoKey),
            2 => Some(Failure::Twice(reader.bytes()?.into())),
            _ => {
                return Err(CodecError::Invalid {
                    what: "failure of JSON_OBJECTAGG",
                    at: 0,
                });
            }
        };
        Ok(all)
    }
}
