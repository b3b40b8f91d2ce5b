//! How many different values there are, about: exact while they are few, HyperLogLog then.
//!
//! With 2^14 registers the standard error is 1.04 / 2^7 = 0.8 %. Few values are kept as their
//! hashes, so that small groups cost little and count exactly.

use millstream_state::codec::{Reader, put_u64, put_varint};
use millstream_state::{CodecError, stable_hash};

/// Bits of the hash that choose the register.
const PRECISION: u32 = 14;
const REGISTERS: usize = 1 << PRECISION;
/// The most hashes kept: as many bytes as the registers take.
const FEW: usize = REGISTERS / 8;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sketch {
    /// The hashes, sorted.
    Few(Vec<u64>),
    /// For each register the longest run of zeros in a hash, and one.
    Registers(Box<[u8]>),
}

impl Default for Sketch {
    fn default() -> Self {
        Sketch::Few(Vec::new())
    }
}

fn enter(registers: &mut [u8], hash: u64) {
    let register = (hash >> (64 - PRECISION)) as usize;
    // The bit set below the rest ends the run.
    let rest = (hash << PRECISION) | (1 << (PRECISION - 1));
    let run = rest.leading_zeros() as u8 + 1;
    if registers[register] < run {
        registers[register] = run;
    }
}

impl Sketch {
    pub(crate) fn add(&mut self, value: &[u8]) {
        self.add_hash(stable_hash(value));
    }

    fn add_hash(&mut self, hash: u64) {
        match self {
            Sketch::Registers(registers) => enter(registers, hash),
            Sketch::Few(hashes) => {
                if let Err(at) = hashes.binary_search(&hash) {
                    if hashes.len() < FEW {
                        hashes.insert(at, hash);
                    } else {
                        let mut registers = vec![0; REGISTERS].into_boxed_slice();
                        hashes.iter().for_each(|&hash| enter(&mut registers, hash));
                        enter(&mut registers, hash);
                        *self = Sketch::Registers(registers);
                    }
                }
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Sketch::Few(hashes)) => hashes.iter().for_each(|&hash| self.add_hash(hash)),
            (Sketch::Few(hashes), Sketch::Registers(registers)) => {
                let mut registers = registers.clone();
                hashes.iter().for_each(|&hash| enter(&mut registers, hash));
                *self = Sketch::Registers(registers);
            }
            (Sketch::Registers(mine), Sketch::Registers(theirs)) => {
                for (mine, theirs) in mine.iter_mut().zip(theirs) {
                    *mine = (*mine).max(*theirs);
                }
            }
        }
    }

    pub(crate) fn estimate(&self) -> i64 {
        let registers = match self {
            Sketch::Few(hashes) => return hashes.len() as i64,
            Sketch::Registers(registers) => registers,
        };
        let m = REGISTERS as f64;
        let (mut sum, mut zeros) = (0.0, 0u32);
        for &run in registers {
            sum += f64::powi(0.5, i32::from(run));
            zeros += u32::from(run == 0);
        }
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let estimate = if raw <= 2.5 * m && zeros > 0 {
            m * (m / f64::from(zeros)).ln()
        } else {
            raw
        };
        estimate.round() as i64
    }

    pub(crate) fn heap_size(&self) -> usize {
        match self {
            Sketch::Few(hashes) => hashes.capacity() * 8,
            Sketch::Registers(_) => REGISTERS,
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Sketch::Few(hashes) => {
                out.push(1);
                put_varint(out, hashes.len() as u64);
                hashes.iter().for_each(|&hash| put_u64(out, hash));
            }
            Sketch::Registers(registers) => {
                out.push(2);
                out.extend_from_slice(registers);
            }
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let invalid = CodecError::Invalid {
            what: "distinct count",
            at: 0,
        };
        match reader.u8()? {
            1 => {
                let mut hashes = Vec::new();
                for _ in 0..reader.varint()? {
                    hashes.push(reader.u64()?);
                }
                let rises = hashes.windows(2).all(|pair| pair[0] < pair[1]);
                if rises && hashes.len() <= FEW {
                    Ok(Sketch::Few(hashes))
                } else {
                    Err(invalid)
                }
            }
            2 => Ok(Sketch::Registers(
                reader.take(REGISTERS, "registers")?.into(),
            )),
            _ => Err(invalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: std::ops::Range<u32>) -> Sketch {
        let mut sketch = Sketch::default();
        range.for_each(|n| sketch.add(&n.to_be_bytes()));
        sketch
    }

    #[test]
    fn few_are_exact_and_many_within_three_errors() {
        let mut sketch = of(0..FEW as u32);
        assert_eq!(sketch.estimate(), FEW as i64);
        sketch.add(&7u32.to_be_bytes());
        assert_eq!(sketch.estimate(), FEW as i64);
        for count in [3_000, 20_000, 50_000, 300_000] {
            let estimate = of(0..count).estimate() as f64;
            let error = (estimate / f64::from(count) - 1.0).abs();
            assert!(error < 0.025, "{estimate} for {count}");
        }
    }

    #[test]
    fn merging_is_adding() {
        for (a, b) in [
            (0..10, 5..20),
            (0..5_000, 0..10),
            (0..10, 0..5_000),
            (0..4_000, 3_000..9_000),
        ] {
            let mut merged = of(a.clone());
            merged.merge(&of(b.clone()));
            assert_eq!(merged, of(a.start..a.end.max(b.end)));
            let mut bytes = Vec::new();
            merged.encode(&mut bytes);
            assert_eq!(Sketch::decode(&mut Reader::new(&bytes)), Ok(merged));
        }
    }
}
