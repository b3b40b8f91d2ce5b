//! Runs plain code compiled for the vector units that the processor has.
//!
//! This is the one place of the project where `unsafe` is allowed. Calling a function that was compiled for
//! AVX2 on a processor without it is undefined; [`Level::detect`] asks the processor first, a [`Level`] can only be
//! made there, and nothing else happens here: the work itself is safe code that the compiler vectorises.
#![allow(unsafe_code)]

/// Vector instructions that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level(Known);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// What every processor of the architecture has.
    #[cfg(test)]
    pub(super) const BASELINE: Self = Self(Known::Baseline);

    /// The best that this processor has.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("fma")
            {
                return Self(Known::Avx512);
            }
            if is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("fma")
            {
                return Self(Known::Avx2);
            }
        }
        Self(Known::Baseline)
    }

    /// What a test of a block of 16 rows costs, with words of 32 or 64 bits; in the unit of a walk's step.
    pub(super) fn block_cost(self, bits: usize) -> f64 {
        let vectors = match self.0 {
            Known::Baseline => 4.0,
            #[cfg(target_arch = "x86_64")]
            Known::Avx2 => 2.0,
            #[cfg(target_arch = "x86_64")]
            Known::Avx512 => 1.0,
        };
        vectors * bits as f64 / 32.0
    }

    /// Runs a closure with it. Only what the compiler inlines into it profits; see [`Level::work`] for what must be.
    #[inline]
    pub(super) fn run(self, work: impl FnOnce()) {
        self.work(Closure(work));
    }

    /// Runs `work` with it.
    #[inline]
    pub(super) fn work<T>(self, work: impl Work<T>) -> T {
        match self.0 {
            Known::Baseline => work.run(),
            // SAFETY: this level exists only where `detect` found the features.
            #[cfg(target_arch = "x86_64")]
            Known::Avx2 => unsafe { avx2(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Known::Avx512 => unsafe { avx512(work) },
        }
    }
}

/// A piece of work that is compiled for each level. Its `run` must be `#[inline(always)]`, and so must all that it
/// calls: only what is inlined is compiled anew.
pub(super) trait Work<T> {
    /// Does it.
    fn run(self) -> T;
}

struct Closure<F>(F);

impl<F: FnOnce()> Work<()> for Closure<F> {
    #[inline(always)]
    fn run(self) {
        (self.0)();
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,fma")]
fn avx2<T>(work: impl Work<T>) -> T {
    work.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,bmi1,fma")]
fn avx512<T>(work: impl Work<T>) -> T {
    work.run()
}
