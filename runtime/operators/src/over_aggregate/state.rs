//! What the OVER aggregate keeps per key: the rows its frames still need, and accumulators.
//!
//! Everything of fixed size stands in one vector of words: first the *header* with the cursors and
//! accumulators of every group, then the rows as a ring. A row is numbered by arrival in rowtime
//! order, from 0, for the life of the key; its place in the ring is its number modulo the ring's
//! capacity, a power of two.

use std::collections::VecDeque;

use millstream_state::codec::{Reader, put_bytes, put_varint, put_zigzag};
use millstream_state::{CodecError, StateValue};

use crate::aggregates::args::Cell;

/// Words before the argument values of a row: its time.
pub(super) const ROW_TIME: usize = 0;
/// The flags of the argument values; the upper eight bits are how many groups take the row.
pub(super) const ROW_FLAGS: usize = 1;
/// The bits above the NULL flags.
const TAKEN_SHIFT: u32 = 56;

#[derive(Debug, Default)]
pub(super) struct OverState {
    /// The rowtime that was computed last: rows up to it came too late.
    pub(super) last_fired: i64,
    /// Number of the oldest row in the ring.
    pub(super) first: u64,
    /// Number of the next row.
    pub(super) next: u64,
    /// Length of the header.
    header: u16,
    /// Words of a row.
    row: u16,
    words: Vec<u64>,
    pub(super) extra: Option<Box<Extra>>,
}

/// What is not words: only with arguments of bytes or extremes of sliding frames.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// For each sliding extreme the numbers of the rows that may still become it, best first.
    pub(super) candidates: Vec<VecDeque<u64>>,
    /// Accumulators of bytes.
    pub(super) cells: Vec<Cell>,
    /// For each argument of bytes its values in the rows of the ring.
    pub(super) bytes: Vec<VecDeque<Cell>>,
}

/// Sizes of the parts, known to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) header: usize,
    pub(super) row: usize,
    pub(super) candidates: usize,
    pub(super) cells: usize,
    pub(super) bytes: usize,
}

const SMALLEST_RING: usize = 4;

/// Read access to the rows of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ring<'a> {
    words: &'a [u64],
    row: usize,
    mask: u64,
    /// Number of the oldest row.
    pub(super) first: u64,
}

impl<'a> Ring<'a> {
    #[inline(always)]
    pub(super) fn at(&self, number: u64) -> &'a [u64] {
        let place = (number & self.mask) as usize * self.row;
        &self.words[place..place + self.row]
    }

    #[inline(always)]
    pub(super) fn time(&self, number: u64) -> i64 {
        self.words[(number & self.mask) as usize * self.row + ROW_TIME] as i64
    }

    /// The argument words of a row: its flags, then the values.
    #[inline(always)]
    pub(super) fn args(&self, number: u64) -> &'a [u64] {
        &self.at(number)[ROW_FLAGS..]
    }

    /// How many groups take the row.
    #[inline(always)]
    pub(super) fn taken(&self, number: u64) -> usize {
        let place = (number & self.mask) as usize * self.row;
        (self.words[place + ROW_FLAGS] >> TAKEN_SHIFT) as usize
    }
}

impl OverState {
    /// Whether the state was made for this layout.
    #[inline(always)]
    pub(super) fn fits(&self, layout: &Layout) -> bool {
        self.words.is_empty()
            || (usize::from(self.header) == layout.header && usize::from(self.row) == layout.row)
    }

    /// Makes room for the header.
    #[inline]
    pub(super) fn prepare(&mut self, layout: &Layout) {
        if self.words.is_empty() {
            self.header = layout.header as u16;
            self.row = layout.row as u16;
            self.words = vec![0; layout.header + SMALLEST_RING * layout.row];
        }
        let extra = layout.candidates + layout.cells + layout.bytes;
        if self.extra.is_none() && extra > 0 {
            self.extra = Some(Box::new(Extra {
                candidates: vec![VecDeque::new(); layout.candidates],
                cells: vec![None; layout.cells],
                bytes: vec![VecDeque::new(); layout.bytes],
            }));
        }
    }

    fn capacity(&self) -> usize {
        match self.words.len() {
            0 => 0,
            words => (words - usize::from(self.header)) / usize::from(self.row),
        }
    }

    /// The header, or nothing for a key never seen.
    #[inline(always)]
    pub(super) fn header(&self) -> &[u64] {
        &self.words[..usize::from(self.header).min(self.words.len())]
    }

    /// The header of a prepared state.
    #[inline(always)]
    pub(super) fn header_mut(&mut self) -> &mut [u64] {
        &mut self.words[..usize::from(self.header)]
    }

    /// Reads one word of each line of memory that a row of this key will need: the header, the
    /// places of the next row and of the oldest rows of the frames whose heads stand at `heads`.
    /// Many keys read one after the other wait for memory together instead of each in turn.
    #[inline(always)]
    pub(super) fn touch(&self, heads: &[usize]) -> u64 {
        let header = self.header();
        let mut sum = header.iter().step_by(8).fold(0, |a, b| a ^ b);
        let row = usize::from(self.row);
        let rows = &self.words[header.len()..];
        if let Some(capacity) = rows.len().checked_div(row) {
            let mask = capacity as u64 - 1;
            let place = |number: u64| (number & mask) as usize * row;
            sum ^= rows[place(self.next)];
            for &head in heads {
                let number = header.get(head).copied().unwrap_or_default();
                // The row behind the head too: nearly always one row leaves and one stays.
                sum ^= rows[place(number)] ^ rows[place(number + 1)];
            }
        }
        sum
    }

    /// Header, rows and the rest of a prepared state.
    #[inline(always)]
    pub(super) fn split(&mut self) -> (&mut [u64], Ring<'_>, Option<&mut Extra>) {
        let row = usize::from(self.row);
        let (header, rows) = self.words.split_at_mut(usize::from(self.header));
        let ring = Ring {
            words: rows,
            row,
            mask: (rows.len() / row) as u64 - 1,
            first: self.first,
        };
        (header, ring, self.extra.as_deref_mut())
    }

    /// Appends a row that `taken` groups take.
    #[inline]
    pub(super) fn push(&mut self, time: i64, args: &[u64], taken: u8) {
        let capacity = self.capacity();
        if (self.next - self.first) as usize == capacity {
            self.resize(capacity * 2);
        }
        let (header, row) = (usize::from(self.header), usize::from(self.row));
        let mask = self.capacity() as u64 - 1;
        let place = header + (self.next & mask) as usize * row;
        let words = &mut self.words[place..place + row];
        words[ROW_TIME] = time as u64;
        words[ROW_FLAGS] = args[0] | u64::from(taken) << TAKEN_SHIFT;
        words[ROW_FLAGS + 1..].copy_from_slice(&args[1..]);
        self.next += 1;
    }

    /// Lets the rows before number `first` go.
    #[inline]
    pub(super) fn trim(&mut self, first: u64) {
        if first > self.first {
            if let Some(extra) = &mut self.extra {
                for bytes in &mut extra.bytes {
                    bytes.drain(..((first - self.first) as usize).min(bytes.len()));
                }
            }
            self.first = first;
            let capacity = self.capacity();
            if capacity >= 64 && ((self.next - first) as usize) < capacity / 8 {
                self.resize(capacity / 4);
            }
        }
    }

    #[cold]
    fn resize(&mut self, capacity: usize) {
        let (header, row) = (usize::from(self.header), usize::from(self.row));
        let old_mask = self.capacity() as u64 - 1;
        let mask = capacity as u64 - 1;
        let mut words = vec![0; header + capacity * row];
        words[..header].copy_from_slice(&self.words[..header]);
        for number in self.first..self.next {
            let from = header + (number & old_mask) as usize * row;
            let to = header + (number & mask) as usize * row;
            words[to..to + row].copy_from_slice(&self.words[from..from + row]);
        }
        self.words = words;
    }
}

/// What follows the rows: candidates, cells and bytes.
const EXTRA: u8 = 1;

/// Words of small magnitude are written short whether they are counts or signed values.
fn put_word(out: &mut Vec<u8>, word: u64) {
    put_zigzag(out, word as i64);
}

impl StateValue for OverState {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(1);
        put_zigzag(out, self.last_fired);
        put_varint(out, self.first);
        put_varint(out, self.next);
        put_varint(out, u64::from(self.header));
        put_varint(out, u64::from(self.row));
        for &word in self.header() {
            put_word(out, word);
        }
        if !self.words.is_empty() {
            let rows = &self.words[usize::from(self.header)..];
            let row = usize::from(self.row);
            let mask = (rows.len() / row) as u64 - 1;
            let mut before = 0i64;
            for number in self.first..self.next {
                let words = &rows[(number & mask) as usize * row..][..row];
                let time = words[ROW_TIME] as i64;
                put_zigzag(out, time.wrapping_sub(before));
                before = time;
                put_varint(out, words[ROW_FLAGS].rotate_left(8));
                for &word in &words[ROW_FLAGS + 1..] {
                    put_word(out, word);
                }
            }
        }
        let Some(extra) = &self.extra else {
            out.push(0);
            return;
        };
        out.push(EXTRA);
        put_varint(out, extra.candidates.len() as u64);
        for candidates in &extra.candidates {
            put_varint(out, candidates.len() as u64);
            for &number in candidates {
                put_varint(out, number);
            }
        }
        put_varint(out, extra.cells.len() as u64);
        for cell in &extra.cells {
            put_cell(out, cell.as_deref());
        }
        put_varint(out, extra.bytes.len() as u64);
        for bytes in &extra.bytes {
            put_varint(out, bytes.len() as u64);
            for value in bytes {
                put_cell(out, value.as_deref());
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::versioned(bytes, 1)?;
        let invalid = |what| CodecError::Invalid { what, at: 0 };
        let last_fired = reader.zigzag()?;
        let (first, next) = (reader.varint()?, reader.varint()?);
        let header = reader.varint()?;
        let row = reader.varint()?;
        let count = next.checked_sub(first).ok_or(invalid("row number"))?;
        // A row takes at least two bytes, which bounds what a damaged count may allocate.
        if count > bytes.len() as u64 {
            return Err(invalid("row count"));
        }
        let mut state = OverState {
            last_fired,
            first,
            next,
            header: u16::try_from(header).map_err(|_| invalid("header length"))?,
            row: u16::try_from(row).map_err(|_| invalid("row length"))?,
            words: Vec::new(),
            extra: None,
        };
        if row > 0 {
            let row = usize::from(state.row);
            let header = usize::from(state.header);
            let capacity = (count as usize).next_power_of_two().max(SMALLEST_RING);
            state.words = vec![0; header + capacity * row];
            for word in &mut state.words[..header] {
                *word = reader.zigzag()? as u64;
            }
            let mut before = 0i64;
            for number in first..next {
                let place = header + (number as usize & (capacity - 1)) * row;
                before = before.wrapping_add(reader.zigzag()?);
                state.words[place + ROW_TIME] = before as u64;
                state.words[place + ROW_FLAGS] = reader.varint()?.rotate_right(8);
                for word in &mut state.words[place + ROW_FLAGS + 1..place + row] {
                    *word = reader.zigzag()? as u64;
                }
            }
        }
        let extra = reader.u8()?;
        if extra > EXTRA {
            return Err(invalid("kind of state"));
        }
        if extra != 0 {
            let mut extra = Extra::default();
            for _ in 0..reader.varint()? {
                let mut candidates = VecDeque::new();
                for _ in 0..reader.varint()? {
                    candidates.push_back(reader.varint()?);
                }
                extra.candidates.push(candidates);
            }
            for _ in 0..reader.varint()? {
                extra.cells.push(get_cell(&mut reader)?);
            }
            for _ in 0..reader.varint()? {
                let mut values = VecDeque::new();
                for _ in 0..reader.varint()? {
                    values.push_back(get_cell(&mut reader)?);
                }
                extra.bytes.push(values);
            }
            state.extra = Some(Box::new(extra));
        }
        reader.finish()?;
        Ok(state)
    }

    fn heap_size(&self) -> usize {
        let extra = self.extra.as_ref().map_or(0, |extra| {
            let cell = |cell: &Cell| 16 + cell.as_ref().map_or(0, |c| c.len());
            size_of::<Extra>()
                + extra
                    .candidates
                    .iter()
                    .map(|c| 32 + 8 * c.capacity())
                    .sum::<usize>()
                + extra.cells.iter().map(cell).sum::<usize>()
                + extra.bytes.iter().flatten().map(cell).sum::<usize>()
        });
        self.words.capacity() * 8 + extra
    }
}

fn put_cell(out: &mut Vec<u8>, cell: Option<&[u8]>) {
    match cell {
        None => out.push(0),
        Some(bytes) => {
            out.push(1);
            put_bytes(out, bytes);
        }
    }
}

fn get_cell(reader: &mut Reader<'_>) -> Result<Cell, CodecError> {
    Ok(if reader.bool()? {
        Some(reader.bytes()?.into())
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout {
        header: 3,
        row: 4,
        candidates: 1,
        cells: 1,
        bytes: 1,
    };

    fn example() -> OverState {
        let mut state = OverState::default();
        state.prepare(&LAYOUT);
        for i in 0..9 {
            state.push(i * 10, &[u64::from(i % 2 == 0), i as u64, (-i) as u64], 3);
            let extra = state.extra.as_mut().unwrap();
            extra.bytes[0].push_back((i % 3 > 0).then(|| [i as u8].into()));
        }
        state.trim(2);
        state.header_mut()[1] = u64::MAX;
        state.last_fired = 80;
        let extra = state.extra.as_mut().unwrap();
        extra.candidates[0].extend([2, 5]);
        extra.cells[0] = Some([1, 2].into());
        state
    }

    #[test]
    fn rows_keep_their_numbers_while_the_ring_grows_and_shrinks() {
        let mut state = OverState::default();
        state.prepare(&LAYOUT);
        for i in 0..1000 {
            state.push(i, &[0, i as u64, 7], 1);
        }
        assert_eq!(state.split().1.time(999), 999);
        state.trim(990);
        assert!(state.words.len() < 3 + 300 * 4);
        let (_, ring, _) = state.split();
        for i in 990..1000 {
            assert_eq!(
                (ring.time(i), ring.args(i)[1], ring.taken(i)),
                (i as i64, i, 1)
            );
        }
    }

    #[test]
    fn the_codec_keeps_everything() {
        let state = example();
        let mut bytes = Vec::new();
        state.encode(&mut bytes);
        let mut back = OverState::decode(&bytes).unwrap();
        let mut again = Vec::new();
        back.encode(&mut again);
        assert_eq!(bytes, again);
        assert_eq!((back.first, back.next, back.last_fired), (2, 9, 80));
        let (header, ring, extra) = back.split();
        assert_eq!(header, [0, u64::MAX, 0]);
        assert_eq!(ring.time(8), 80);
        assert_eq!(ring.args(7)[2], -7i64 as u64);
        let extra = extra.unwrap();
        assert_eq!(extra.cells[0].as_deref(), Some([1, 2].as_slice()));
        for cut in 0..bytes.len() {
            assert!(OverState::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    /// On disk: an older checkpoint must stay readable.
    #[test]
    fn the_bytes_never_change() {
        let layout = Layout {
            header: 1,
            row: 3,
            candidates: 0,
            cells: 0,
            bytes: 0,
        };
        let mut state = OverState::default();
        state.prepare(&layout);
        state.push(1000, &[1, 5], 2);
        state.push(1010, &[0, 6], 2);
        state.header_mut()[0] = 9;
        state.last_fired = 1010;
        let mut bytes = Vec::new();
        state.encode(&mut bytes);
        assert_eq!(
            bytes,
            [
                1, 228, 15, 0, 2, 1, 3, 18, 208, 15, 130, 2, 10, 20, 2, 12, 0
            ]
        );
    }
}
