//! Storage for entries with stable indices.
//!
//! Grows a chunk at a time, so growth neither moves entries (a pause of seconds with tens of
//! millions of keys) nor needs the memory twice. Freed places are used again first.

const CHUNK: usize = 1024;

#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<T>>,
    free: Vec<u32>,
    len: u32,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }

    /// Places in use or free; every index below was handed out once.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// `None` when all 2^32 - 1 places are taken.
    #[inline]
    pub(crate) fn insert(&mut self, item: T) -> Option<u32> {
        if let Some(at) = self.free.pop() {
            *self.get_mut(at) = item;
            return Some(at);
        }
        if self.len == u32::MAX {
            return None;
        }
        let at = self.len;
        let chunk = at as usize / CHUNK;
        if chunk == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks[chunk].push(item);
        self.len += 1;
        Some(at)
    }

    /// Makes the place available again. The caller has put a harmless item there.
    #[inline]
    pub(crate) fn release(&mut self, at: u32) {
        self.free.push(at);
    }

    #[inline(always)]
    pub(crate) fn get(&self, at: u32) -> &T {
        &self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, at: u32) -> &mut T {
        &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_stay_and_freed_places_are_used_again() {
        let mut slab = Slab::new();
        let at: Vec<u32> = (0..3000).filter_map(|n| slab.insert(n)).collect();
        assert_eq!(at, (0..3000).collect::<Vec<u32>>());
        slab.release(1500);
        assert_eq!(slab.insert(7), Some(1500));
        assert_eq!(
            (*slab.get(1500), *slab.get(2999), slab.len()),
            (7, 2999, 3000)
        );
    }
}
