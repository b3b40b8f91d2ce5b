//! The hash functions that decide where a key lives.
//!
//! A key's hash picks its key group, the key group picks the subtask and the place in the
//! database, so these functions are an **on-disk contract**: they give the same value on every
//! machine, in every build and in every version of Millstream. The golden values at the bottom of
//! this file hold them still. Every exchange and every keyed table uses them.
//!
//! [`stable_hash`] follows the construction of wyhash (public domain, Wang Yi), whose quality is
//! well tested; [`stable_hash_u64`] is a bijective mixer for keys that are one integer, written so
//! that a loop over a column of integers keeps the processor's multipliers busy.

const SECRET: [u64; 4] = [
    0x2d35_8dcc_aa6c_78a5,
    0x8bb8_4b93_962e_acc9,
    0x4b33_a62e_d433_d4a3,
    0x4d5a_2da5_1de1_aa47,
];

/// The 128-bit product of `a` and `b`, folded to 64 bits.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let (low, high) = widen(a, b);
    low ^ high
}

#[inline(always)]
fn widen(a: u64, b: u64) -> (u64, u64) {
    let product = u128::from(a) * u128::from(b);
    (product as u64, (product >> 64) as u64)
}

/// Eight bytes at `at`, little endian. Callers stay within `bytes`.
#[inline(always)]
fn read8(bytes: &[u8], at: usize) -> u64 {
    bytes[at..]
        .first_chunk()
        .map_or(0, |b| u64::from_le_bytes(*b))
}

#[inline(always)]
fn read4(bytes: &[u8], at: usize) -> u64 {
    bytes[at..]
        .first_chunk()
        .map_or(0, |b| u64::from(u32::from_le_bytes(*b)))
}

/// Hash of a byte string, stable across versions and machines.
///
/// ```
/// use millstream_state::stable_hash;
/// assert_eq!(stable_hash(b"card-42"), stable_hash(&Vec::from("card-42")));
/// assert_ne!(stable_hash(b"card-42"), stable_hash(b"card-43"));
/// ```
#[inline]
#[must_use]
pub fn stable_hash(bytes: &[u8]) -> u64 {
    let len = bytes.len();
    let mut seed = fold(SECRET[0], SECRET[1]);
    let (a, b);
    if len <= 16 {
        if len >= 4 {
            let middle = (len >> 3) << 2;
            a = (read4(bytes, 0) << 32) | read4(bytes, middle);
            b = (read4(bytes, len - 4) << 32) | read4(bytes, len - 4 - middle);
        } else if len > 0 {
            a = (u64::from(bytes[0]) << 16)
                | (u64::from(bytes[len >> 1]) << 8)
                | u64::from(bytes[len - 1]);
            b = 0;
        } else {
            a = 0;
            b = 0;
        }
    } else {
        let mut at = 0;
        let mut left = len;
        if left > 48 {
            let (mut second, mut third) = (seed, seed);
            while left > 48 {
                seed = fold(read8(bytes, at) ^ SECRET[1], read8(bytes, at + 8) ^ seed);
                second = fold(
                    read8(bytes, at + 16) ^ SECRET[2],
                    read8(bytes, at + 24) ^ second,
                );
                third = fold(
                    read8(bytes, at + 32) ^ SECRET[3],
                    read8(bytes, at + 40) ^ third,
                );
                at += 48;
                left -= 48;
            }
            seed ^= second ^ third;
        }
        while left > 16 {
            seed = fold(read8(bytes, at) ^ SECRET[1], read8(bytes, at + 8) ^ seed);
            at += 16;
            left -= 16;
        }
        a = read8(bytes, len - 16);
        b = read8(bytes, len - 8);
    }
    let (low, high) = widen(a ^ SECRET[1], b ^ seed);
    fold(low ^ SECRET[0] ^ len as u64, high ^ SECRET[1])
}

/// Hash of one 64-bit integer, stable across versions and machines. Bijective, so two different
/// integers never collide.
///
/// It is *not* the hash of the integer's bytes: an exchange and the tables behind it must use the
/// same of the two functions for the same key.
#[inline(always)]
#[must_use]
pub fn stable_hash_u64(value: u64) -> u64 {
    // The offset keeps zero, the most common key, away from the mixer's only fixed point.
    let mut x = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 27;
    x = x.wrapping_mul(0x3c79_ac49_2ba7_b653);
    x ^= x >> 33;
    x = x.wrapping_mul(0x1c69_b3f7_4ac4_ae35);
    x ^ (x >> 27)
}

/// Combines the hash of the columns so far with the hash of the next one, so that a key of several
/// columns can be hashed a column at a time. The order of the columns matters.
#[inline(always)]
#[must_use]
pub fn stable_hash_combine(so_far: u64, next: u64) -> u64 {
    stable_hash_u64(so_far.wrapping_mul(0x9fb2_1c65_1e98_df25) ^ next)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On disk: a change here loses every checkpoint ever taken.
    #[test]
    fn golden_values_never_change() {
        let text: Vec<u8> = (0..=255).collect();
        let got: Vec<u64> = [
            0usize, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 32, 33, 48, 49, 96, 97, 256,
        ]
        .iter()
        .map(|&n| stable_hash(&text[..n]))
        .collect();
        assert_eq!(got, GOLDEN_BYTES, "{got:#x?}");

        let got: Vec<u64> = [0, 1, 2, 42, 0xff, 1 << 32, u64::MAX]
            .into_iter()
            .map(stable_hash_u64)
            .collect();
        assert_eq!(got, GOLDEN_U64, "{got:#x?}");

        let got = [
            stable_hash_combine(0, 0),
            stable_hash_combine(1, 2),
            stable_hash_combine(2, 1),
        ];
        assert_eq!(got, GOLDEN_COMBINE, "{got:#x?}");
    }

    const GOLDEN_BYTES: [u64; 18] = [
        0x9322_8a4d_e0ee_c5a2,
        0x8e6d_4af7_d310_c8c4,
        0x5121_ba5b_c9a8_28b5,
        0x78c4_aa0c_972a_522d,
        0xe08a_eeb6_8058_fb32,
        0x094e_98fe_b605_5cc6,
        0xb4d6_ac74_d009_e1d4,
        0xb429_22e0_19b4_09be,
        0x87ed_af96_d89a_08ef,
        0x305f_dea0_ed4a_2619,
        0xd29f_fdd2_01a4_6f9a,
        0x5b00_c06e_f754_0f8f,
        0x5e1a_2536_ff90_cc32,
        0xedc8_037a_363b_b842,
        0x0691_f11b_ac52_3a91,
        0x218d_ad61_0b81_26c3,
        0x2501_5757_38d1_09be,
        0x139c_96a9_74ad_43cb,
    ];
    const GOLDEN_U64: [u64; 7] = [
        0xb70f_b2cc_55af_013f,
        0x90fa_784d_ff59_df1d,
        0x927c_0b9c_2732_9e1f,
        0xc95a_b96f_c060_fdbf,
        0x0536_487c_0ef3_e982,
        0x62fe_c32e_3412_f7cf,
        0x0871_64d5_c9e6_ae5e,
    ];
    const GOLDEN_COMBINE: [u64; 3] = [
        0xb70f_b2cc_55af_013f,
        0x4316_18dc_1c6a_fc78,
        0x6378_c164_3be9_b2ea,
    ];

    /// Flipping any one input bit flips each output bit about half of the time.
    fn avalanche(hash: impl Fn(u64) -> u64) -> (f64, f64) {
        let samples = 2_000;
        let mut flips = vec![0u32; 64 * 64];
        for sample in 0..samples {
            let input = (sample as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let base = hash(input);
            for bit in 0..64 {
                let changed = base ^ hash(input ^ (1 << bit));
                for out in 0..64 {
                    flips[bit * 64 + out] += ((changed >> out) & 1) as u32;
                }
            }
        }
        let rate = |f: u32| f64::from(f) / f64::from(samples);
        let low = flips.iter().copied().min().map_or(0.0, rate);
        let high = flips.iter().copied().max().map_or(0.0, rate);
        (low, high)
    }

    #[test]
    fn one_input_bit_flips_half_of_the_output() {
        for (name, (low, high)) in [
            ("u64", avalanche(stable_hash_u64)),
            ("bytes", avalanche(|x| stable_hash(&x.to_le_bytes()))),
            ("combine", avalanche(|x| stable_hash_combine(x, 7))),
            (
                "long",
                avalanche(|x| {
                    let mut text = [7u8; 100];
                    text[13..21].copy_from_slice(&x.to_le_bytes());
                    stable_hash(&text)
                }),
            ),
        ] {
            assert!(low > 0.42 && high < 0.58, "{name}: {low}..{high}");
        }
    }

    #[test]
    fn consecutive_keys_spread_evenly_over_key_groups() {
        let mut counts = [0u32; 128];
        for key in 0..128_000u64 {
            counts[(stable_hash_u64(key) % 128) as usize] += 1;
        }
        let (low, high) = (counts.iter().min().copied(), counts.iter().max().copied());
        assert!(low > Some(850) && high < Some(1150), "{low:?}..{high:?}");
    }

    #[test]
    fn every_length_and_every_byte_matters() {
        let mut seen = std::collections::BTreeSet::new();
        let zeros = [0u8; 200];
        for len in 0..zeros.len() {
            assert!(seen.insert(stable_hash(&zeros[..len])), "length {len}");
        }
        for len in [1usize, 3, 4, 9, 16, 17, 47, 48, 49, 150] {
            for at in 0..len {
                let mut text = zeros;
                text[at] = 1;
                assert!(seen.insert(stable_hash(&text[..len])), "byte {at} of {len}");
            }
        }
    }
}
