//! Counter-based random numbers: a pure function of a key and a counter, so that any row of a
//! generator can be made without those before it.
//!
//! Only integer arithmetic and IEEE's exact operations are used: the numbers are the same on every
//! machine.

/// The finaliser of SplitMix64: spreads every bit of its input over all of its output.
#[inline]
pub(crate) const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Weyl's increment: successive counters land far apart.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The random number of a counter under a key.
#[inline]
pub(crate) const fn at(key: u64, counter: u64) -> u64 {
    mix(key.wrapping_add(counter.wrapping_mul(STEP)))
}

/// A key of its own for a purpose.
pub(crate) fn key(seed: u64, purpose: &str) -> u64 {
    purpose.bytes().fold(mix(seed ^ STEP), |key, byte| {
        mix(key ^ u64::from(byte)).wrapping_add(STEP)
    })
}

/// A sequence of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of a counter under a key.
    pub(crate) fn new(key: u64, counter: u64) -> Self {
        Self(at(key, counter))
    }

    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// From 0 to 1, 1 excluded.
    #[inline]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to `bound`, `bound` excluded; 0 if it is 0.
    #[inline]
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// From `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }
}

/// A number from a bell curve of mean 0 and deviation 1, made of 64 random bits: the sum of four
/// uniform ones, which no tail leaves beyond 3.5.
#[inline]
pub(crate) fn normal(bits: u64) -> f64 {
    let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    // four uniform numbers below 65,536: mean 131,070, deviation 65,536 / √3
    (sum as f64 - 131_070.0) * (1.732_050_8 / 65_536.0)
}

/// e^x for |x| < 700 within 10^-8, the same on every machine (the standard library's isn't).
#[inline]
pub(crate) fn exp(x: f64) -> f64 {
    let powers = x * std::f64::consts::LOG2_E;
    let whole = powers.floor();
    let rest = (powers - whole) * std::f64::consts::LN_2;
    // Taylor's series on [0, ln 2): 1/n! from 10 down to 0
    const COEFFICIENTS: [f64; 11] = [
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        1.0 / 2.0,
        1.0,
        1.0,
    ];
    let mut sum = 0.0;
    for coefficient in COEFFICIENTS {
        sum = sum * rest + coefficient;
    }
    sum * f64::from_bits(((whole as i64 + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_near_enough() {
        for step in -200..200 {
            let x = f64::from(step) * 0.07;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-8, "{x}");
        }
    }

    #[test]
    fn normal_is_bell_shaped() {
        let mut random = Random::new(1, 2);
        let numbers: Vec<f64> = (0..100_000).map(|_| normal(random.next())).collect();
        let mean = numbers.iter().sum::<f64>() / 1e5;
        let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
    }

    #[test]
    fn numbers_stay_in_their_bounds() {
        let mut random = Random::new(1, 3);
        for _ in 0..1000 {
            assert!((3..=5).contains(&random.between(3, 5)));
            assert!((0.0..1.0).contains(&random.unit()));
            assert_eq!(random.below(0), 0);
        }
    }
}
