//! How a value of keyed state is written to disk.
//!
//! Every value is encoded on its own, and the first byte is the version of its codec, so a newer
//! Millstream can read what an older one wrote and an older one refuses what it does not know.
//! There is no schema on disk and no reflection: a codec is a few calls of the `put_*` functions
//! and the same calls on a [`Reader`] in the same order.
//!
//! ```
//! use millstream_state::{CodecError, StateValue, codec::{Reader, put_i64, put_varint}};
//!
//! #[derive(Default)]
//! struct Mean { count: u64, sum: i64 }
//!
//! impl StateValue for Mean {
//!     fn encode(&self, out: &mut Vec<u8>) {
//!         out.push(1);
//!         put_varint(out, self.count);
//!         put_i64(out, self.sum);
//!     }
//!     fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
//!         let mut reader = Reader::versioned(bytes, 1)?;
//!         let value = Mean { count: reader.varint()?, sum: reader.i64()? };
//!         reader.finish()?;
//!         Ok(value)
//!     }
//!     fn heap_size(&self) -> usize { 0 }
//! }
//! ```

/// A value kept per key.
///
/// `Default` is the value of a key never seen. Keep one value small: it is encoded whole whenever
/// it changed. What grows without bound (the rows of a join side) belongs under several keys.
pub trait StateValue: Default + Send + 'static {
    /// Appends the encoding to `out`. The first byte is the codec's version.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads back what [`encode`](StateValue::encode) wrote: all of `bytes`, nothing more.
    ///
    /// # Errors
    /// The bytes are not a value of a version this codec reads.
    fn decode(bytes: &[u8]) -> Result<Self, CodecError>;

    /// Bytes the value holds on the heap, for the memory budget. An estimate will do; it is called
    /// often and should be cheap.
    fn heap_size(&self) -> usize;
}

/// Bytes on disk that are not what the codec expects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The value ended in the middle of a field.
    #[error("the value ends at byte {at} where {wanted} more bytes of {what} should follow")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where the value ended.
        at: usize,
        /// How many bytes were missing.
        wanted: usize,
    },
    /// The value is longer than its codec.
    #[error("{extra} bytes follow the end of the value at byte {at}")]
    Trailing {
        /// Where the value should have ended.
        at: usize,
        /// How many bytes follow.
        extra: usize,
    },
    /// Written by another codec or a newer Millstream.
    #[error("the value has codec version {found}, this build reads versions 1 to {supported}")]
    Version {
        /// The version byte found.
        found: u8,
        /// The newest version this codec reads.
        supported: u8,
    },
    /// A field holds something its type cannot.
    #[error("byte {at} is not a valid {what}")]
    Invalid {
        /// What was being read.
        what: &'static str,
        /// Where it began.
        at: usize,
    },
}

/// Appends an unsigned integer in one byte for each seven bits (LEB128).
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed integer, small magnitudes in few bytes (zigzag).
#[inline]
pub fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends eight bytes, little endian.
#[inline]
pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends eight bytes, little endian.
#[inline]
pub fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends sixteen bytes, little endian.
#[inline]
pub fn put_i128(out: &mut Vec<u8>, value: i128) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends the eight bytes of a double as they are: NaN payloads and the sign of zero survive.
#[inline]
pub fn put_f64(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

/// Appends one byte, 0 or 1.
#[inline]
pub fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.push(u8::from(value));
}

/// Appends a length and the bytes.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, value: &[u8]) {
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Reads the fields of an encoded value in the order they were put.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the first byte; for parts of a value that carry no version of their own.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A reader after the version byte, which must be one of `1..=supported`; see
    /// [`Reader::version`].
    ///
    /// # Errors
    /// No version byte, or another version.
    pub fn versioned(bytes: &'a [u8], supported: u8) -> Result<Self, CodecError> {
        let mut reader = Self::new(bytes);
        let found = reader.u8()?;
        if found == 0 || found > supported {
            return Err(CodecError::Version { found, supported });
        }
        Ok(reader)
    }

    /// The version byte of `bytes`, for codecs that read several versions.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.bytes.first().copied().unwrap_or(0)
    }

    /// True when everything was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Bytes are left.
    pub fn finish(self) -> Result<(), CodecError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(CodecError::Trailing {
                at: self.at,
                extra: self.bytes.len() - self.at,
            })
        }
    }

    /// The next `len` bytes, without a length in front.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], CodecError> {
        let rest = &self.bytes[self.at..];
        if len > rest.len() {
            return Err(CodecError::Truncated {
                what,
                at: self.bytes.len(),
                wanted: len - rest.len(),
            });
        }
        self.at += len;
        Ok(&rest[..len])
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CodecError> {
        let at = self.at;
        let bytes = self.take(N, what)?;
        bytes
            .try_into()
            .map_err(|_| CodecError::Invalid { what, at })
    }

    /// One byte.
    ///
    /// # Errors
    /// The value ends here.
    pub fn u8(&mut self) -> Result<u8, CodecError> {
        Ok(self.array::<1>("a byte")?[0])
    }

    /// One byte, 0 or 1.
    ///
    /// # Errors
    /// The value ends here, or the byte is something else.
    pub fn bool(&mut self) -> Result<bool, CodecError> {
        let at = self.at;
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::Invalid {
                what: "boolean",
                at,
            }),
        }
    }

    /// What [`put_u64`] wrote.
    ///
    /// # Errors
    /// The value ends within it.
    pub fn u64(&mut self) -> Result<u64, CodecError> {
        Ok(u64::from_le_bytes(self.array("a 64-bit integer")?))
    }

    /// What [`put_i64`] wrote.
    ///
    /// # Errors
    /// The value ends within it.
    pub fn i64(&mut self) -> Result<i64, CodecError> {
        Ok(i64::from_le_bytes(self.array("a 64-bit integer")?))
    }

    /// What [`put_i128`] wrote.
    ///
    /// # Errors
    /// The value ends within it.
    pub fn i128(&mut self) -> Result<i128, CodecError> {
        Ok(i128::from_le_bytes(self.array("a 128-bit integer")?))
    }

    /// What [`put_f64`] wrote.
    ///
    /// # Errors
    /// The value ends within it.
    pub fn f64(&mut self) -> Result<f64, CodecError> {
        Ok(f64::from_bits(u64::from_le_bytes(self.array("a double")?)))
    }

    /// What [`put_varint`] wrote.
    ///
    /// # Errors
    /// The value ends within it, or it is longer than 64 bits.
    pub fn varint(&mut self) -> Result<u64, CodecError> {
        let start = self.at;
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError::Invalid {
            what: "variable-length integer",
            at: start,
        })
    }

    /// What [`put_zigzag`] wrote.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    pub fn zigzag(&mut self) -> Result<i64, CodecError> {
        let raw = self.varint()?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// What [`put_bytes`] wrote.
    ///
    /// # Errors
    /// The value ends within it.
    pub fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let at = self.at;
        let len = usize::try_from(self.varint()?)
            .map_err(|_| CodecError::Invalid { what: "length", at })?;
        self.take(len, "a byte string")
    }

    /// What [`put_bytes`] wrote, as text.
    ///
    /// # Errors
    /// The value ends within it, or it is not UTF-8.
    pub fn str(&mut self) -> Result<&'a str, CodecError> {
        let at = self.at;
        std::str::from_utf8(self.bytes()?).map_err(|_| CodecError::Invalid { what: "text", at })
    }

    /// Everything that is left.
    #[must_use]
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }
}

/// Presence alone: a set of keys (deduplication that keeps the first row).
impl StateValue for () {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
    }
    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        Reader::versioned(bytes, 1)?.finish()
    }
    fn heap_size(&self) -> usize {
        0
    }
}

/// A counter or a time.
impl StateValue for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_zigzag(out, *self);
    }
    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let value = reader.zigzag()?;
        reader.finish()?;
        Ok(value)
    }
    fn heap_size(&self) -> usize {
        0
    }
}

/// A counter.
impl StateValue for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_varint(out, *self);
    }
    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let value = reader.varint()?;
        reader.finish()?;
        Ok(value)
    }
    fn heap_size(&self) -> usize {
        0
    }
}

/// A double.
impl StateValue for f64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_f64(out, *self);
    }
    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let value = reader.f64()?;
        reader.finish()?;
        Ok(value)
    }
    fn heap_size(&self) -> usize {
        0
    }
}

/// Bytes whose meaning is the operator's own (an encoded row).
impl StateValue for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        out.extend_from_slice(self);
    }
    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        Ok(Reader::versioned(bytes, 1)?.rest().to_vec())
    }
    fn heap_size(&self) -> usize {
        self.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded<V: StateValue>(value: &V) -> Vec<u8> {
        let mut out = Vec::new();
        value.encode(&mut out);
        out
    }

    /// On disk: what these bytes mean never changes.
    #[test]
    fn golden_bytes_of_every_codec() {
        assert_eq!(encoded(&()), [1]);
        assert_eq!(encoded(&0i64), [1, 0]);
        assert_eq!(encoded(&-1i64), [1, 1]);
        assert_eq!(encoded(&300i64), [1, 0xd8, 0x04]);
        assert_eq!(
            encoded(&i64::MIN),
            [1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]
        );
        assert_eq!(encoded(&300u64), [1, 0xac, 0x02]);
        assert_eq!(encoded(&1.5f64), [1, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]);
        assert_eq!(encoded(&vec![7u8, 8]), [1, 7, 8]);

        let mut out = Vec::new();
        put_bytes(&mut out, b"ab");
        put_bool(&mut out, true);
        put_i64(&mut out, -2);
        put_u64(&mut out, 3);
        put_i128(&mut out, -1);
        let mut golden = vec![2, b'a', b'b', 1, 0xfe];
        golden.extend([0xff; 7]);
        golden.extend([3, 0, 0, 0, 0, 0, 0, 0]);
        golden.extend([0xff; 16]);
        assert_eq!(out, golden);
    }

    #[test]
    fn values_come_back() {
        for value in [0, 1, -1, 63, 64, -64, -65, i64::MAX, i64::MIN] {
            assert_eq!(i64::decode(&encoded(&value)), Ok(value));
        }
        for value in [0, 127, 128, u64::MAX] {
            assert_eq!(u64::decode(&encoded(&value)), Ok(value));
        }
        let nan = f64::from_bits(0x7ff8_0000_dead_beef);
        assert_eq!(
            f64::decode(&encoded(&nan)).map(f64::to_bits),
            Ok(nan.to_bits())
        );
        assert_eq!(Vec::<u8>::decode(&[1]), Ok(vec![]));
        let mut reader = Reader::new(&[2, b'a', b'b', 1]);
        assert_eq!((reader.str(), reader.bool()), (Ok("ab"), Ok(true)));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        assert_eq!(
            u64::decode(&[]),
            Err(CodecError::Truncated {
                what: "a byte",
                at: 0,
                wanted: 1
            })
        );
        assert_eq!(
            u64::decode(&[2, 0]),
            Err(CodecError::Version {
                found: 2,
                supported: 1
            })
        );
        assert_eq!(
            u64::decode(&[0, 0]),
            Err(CodecError::Version {
                found: 0,
                supported: 1
            })
        );
        assert_eq!(
            u64::decode(&[1, 5, 5]),
            Err(CodecError::Trailing { at: 2, extra: 1 })
        );
        let too_long = [1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2];
        assert!(matches!(
            u64::decode(&too_long),
            Err(CodecError::Invalid { at: 1, .. })
        ));
        assert!(matches!(
            Reader::new(&[9, 1]).bytes(),
            Err(CodecError::Truncated { .. })
        ));
        assert!(matches!(
            Reader::new(&[1, 0xff]).str(),
            Err(CodecError::Invalid { .. })
        ));
        assert!(matches!(
            Reader::new(&[7]).bool(),
            Err(CodecError::Invalid { .. })
        ));
        let huge = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
        assert!(Reader::new(&huge).bytes().is_err());
    }
}
