//! What is kept of a group, and of a value that DISTINCT has seen.

use millstream_state::codec::{Reader, put_varint, put_zigzag};
use millstream_state::{CodecError, StateValue};

use super::layout::Layout;
use crate::aggregates::collections::Collection;

/// Up to so many words of a group stand in the table itself.
const INLINE: usize = 4;

/// A few words: all zero at first, none of them on the heap if they are at most `INLINE`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Words<const INLINE: usize> {
    Inline([u64; INLINE]),
    Heap(Box<[u64]>),
}

impl<const INLINE: usize> Default for Words<INLINE> {
    fn default() -> Self {
        Words::Inline([0; INLINE])
    }
}

impl<const INLINE: usize> Words<INLINE> {
    pub(super) fn new(count: usize) -> Self {
        if count <= INLINE {
            Words::default()
        } else {
            Words::Heap(vec![0; count].into())
        }
    }

    #[inline(always)]
    pub(super) fn get(&self) -> &[u64] {
        match self {
            Words::Inline(words) => words,
            Words::Heap(words) => words,
        }
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self) -> &mut [u64] {
        match self {
            Words::Inline(words) => words,
            Words::Heap(words) => words,
        }
    }

    /// Whether they are as many as `new(count)` would make.
    #[inline]
    fn fits(&self, count: usize) -> bool {
        match self {
            Words::Inline(_) => count <= INLINE,
            Words::Heap(words) => words.len() == count,
        }
    }

    fn heap_size(&self) -> usize {
        match self {
            Words::Inline(_) => 0,
            Words::Heap(words) => words.len() * 8,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let words = self.get();
        // Words at the end that are zero come back by themselves; not those on the heap, whose
        // number must come back.
        let count = match self {
            Words::Inline(_) => words
                .iter()
                .rposition(|&word| word != 0)
                .map_or(0, |at| at + 1),
            Words::Heap(_) => words.len(),
        };
        put_varint(out, count as u64);
        for &word in &words[..count] {
            put_zigzag(out, word as i64);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let count = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
        if count > usize::from(u16::MAX) {
            return Err(CodecError::Invalid {
                what: "number of words",
                at: 1,
            });
        }
        let mut words = Words::new(count);
        for word in &mut words.get_mut()[..count] {
            *word = reader.zigzag()? as u64;
        }
        Ok(words)
    }
}

/// The accumulators of one group.
#[derive(Debug, Default, Clone)]
pub(super) struct Group {
    pub(super) words: Words<INLINE>,
    pub(super) cells: Box<[Collection]>,
    /// The batch or bundle that used it last; not kept on disk.
    pub(super) stamp: u64,
    /// Where that batch or bundle has its result; not kept on disk.
    pub(super) place: u32,
}

impl Group {
    /// Makes it the group without rows.
    #[inline]
    pub(super) fn begin(&mut self, layout: &Layout) {
        self.words = Words::new(layout.units.words);
        self.cells = layout
            .cells
            .iter()
            .map(|cell| Collection::new(&cell.kind))
            .collect();
        self.stamp = 0;
    }

    /// Whether it was made for these calls.
    #[inline]
    pub(super) fn fits(&self, layout: &Layout) -> bool {
        self.words.fits(layout.units.words)
            && self.cells.len() == layout.cells.len()
            && self
                .cells
                .iter()
                .zip(&layout.cells)
                .all(|(cell, planned)| cell.fits(&planned.kind))
    }
}

impl StateValue for Group {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        self.words.encode(out);
        put_varint(out, self.cells.len() as u64);
        self.cells.iter().for_each(|cell| cell.encode(out));
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let words = Words::decode(&mut reader)?;
        let mut cells = Vec::new();
        for _ in 0..reader.varint()? {
            cells.push(Collection::decode(&mut reader)?);
        }
        reader.finish()?;
        Ok(Self {
            words,
            cells: cells.into(),
            stamp: 0,
            place: 0,
        })
    }

    fn heap_size(&self) -> usize {
        self.words.heap_size()
            + self.cells.len() * size_of::<Collection>()
            + self.cells.iter().map(Collection::heap_size).sum::<usize>()
    }
}

/// What is known of one value of one group: for inserts a bit for each FILTER that let it through,
/// else how often each did. With a TTL, the first word says when that last changed.
///
/// There may be very many, and most need one word.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen(pub(super) Words<1>);

impl StateValue for Seen {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(2);
        let words = self.0.get();
        put_varint(out, words.len() as u64);
        for &word in words {
            put_zigzag(out, word as i64);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        // Version 1 left out words at the end that are zero, of up to four.
        let (mut reader, trimmed) = match bytes.first() {
            Some(1) => (Reader::versioned(bytes, 1)?, true),
            _ => (Reader::versioned(bytes, 2)?, false),
        };
        let words = Words::<INLINE>::decode(&mut reader)?;
        reader.finish()?;
        Ok(Self(match words {
            Words::Heap(words) => Words::Heap(words),
            Words::Inline(four) if trimmed => Words::Heap(four.into()),
            Words::Inline(four) => {
                let count = usize::try_from(Reader::new(&bytes[1..]).varint()?).unwrap_or(INLINE);
                let mut words = Words::new(count);
                words.get_mut()[..count].copy_from_slice(&four[..count]);
                words
            }
        }))
    }

    fn heap_size(&self) -> usize {
        self.0.heap_size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: &impl StateValue) -> Vec<u8> {
        let mut out = Vec::new();
        value.encode(&mut out);
        out
    }

    /// On disk: what these bytes mean never changes.
    #[test]
    fn golden_bytes() {
        let group = Group {
            words: Words::Inline([3, u64::MAX, 0, 0]),
            cells: [Collection::Kept(None)].into(),
            stamp: 7,
            place: 7,
        };
        assert_eq!(encoded(&group), [1, 2, 6, 1, 1, 1, 0]);
        let mut words = Words::new(5);
        words.get_mut()[0] = 1;
        assert_eq!(encoded(&Seen(words.clone())), [2, 5, 2, 0, 0, 0, 0]);
        assert_eq!(encoded(&Seen(Words::default())), [2, 1, 0]);
        assert_eq!(Seen::decode(&[1, 5, 2, 0, 0, 0, 0]), Ok(Seen(words)));
        let four = Words::Heap([1, 0, 0, 0].into());
        assert_eq!(Seen::decode(&[1, 1, 2]), Ok(Seen(four)));
    }

    #[test]
    fn a_value_that_was_seen_costs_two_words() {
        assert_eq!(size_of::<Seen>(), 16);
    }

    #[test]
    fn groups_come_back() {
        for count in [1, 2, 4, 5, 9] {
            let mut words = Words::new(count);
            if let Some(word) = words.get_mut().first_mut() {
                *word = u64::MAX - 1;
            }
            let bytes = encoded(&Seen(words.clone()));
            assert_eq!(Seen::decode(&bytes), Ok(Seen(words)));
            assert!(Seen::decode(&bytes[..bytes.len() - 1]).is_err());
        }
        assert!(Group::decode(&[1, 0, 1, 9]).is_err());
        assert!(Group::decode(&[1, 255, 255, 255, 255, 15]).is_err());
    }
}
