//! The bytes of one key, without an allocation when they are few.

use std::ops::Deref;

/// Most keys are one or two fixed-width columns; those fit, and the whole is three words.
const INLINE: usize = 22;

#[derive(Debug)]
pub(crate) enum Key {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Box<[u8]>),
}

impl Key {
    pub(crate) const EMPTY: Key = Key::Inline {
        len: 0,
        bytes: [0; INLINE],
    };

    #[inline]
    pub(crate) fn new(key: &[u8]) -> Self {
        if key.len() <= INLINE {
            let mut bytes = [0; INLINE];
            bytes[..key.len()].copy_from_slice(key);
            Key::Inline {
                len: key.len() as u8,
                bytes,
            }
        } else {
            Key::Heap(key.into())
        }
    }

    pub(crate) fn heap_size(&self) -> usize {
        match self {
            Key::Inline { .. } => 0,
            Key::Heap(bytes) => bytes.len(),
        }
    }
}

impl Deref for Key {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        match self {
            Key::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Key::Heap(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_length_come_back() {
        let text: Vec<u8> = (0..100).collect();
        for len in 0..text.len() {
            let key = Key::new(&text[..len]);
            assert_eq!(&*key, &text[..len]);
            assert_eq!(key.heap_size() > 0, len > INLINE);
        }
        assert_eq!(size_of::<Key>(), 24);
    }
}
