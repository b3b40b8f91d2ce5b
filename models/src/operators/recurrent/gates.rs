//! What stands between the sums of a gate and its value: bounds and activation.

use tract_onnx::tract_hir::internal::*;

use super::cells::Kind;

/// How sums are bounded before the activation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bounds {
    /// LSTM and GRU with biases: what is not below the bound, NaN too, is the bound.
    Swallowing(f32),
    /// LSTM and GRU without biases, RNN: a NaN stays.
    Keeping(f32),
}

impl Bounds {
    pub(super) fn read(kind: Kind, clip: Option<f32>, has_biases: bool) -> TractResult<Self> {
        match (kind, clip) {
            // A negative bound is none to ONNX Runtime.
            (Kind::Rnn, Some(clip)) if clip.is_nan() => bail!("clip is NaN"),
            (Kind::Rnn, clip) => Ok(Self::Keeping(
                clip.filter(|clip| *clip >= 0.0).unwrap_or(f32::INFINITY),
            )),
            (_, Some(clip)) if clip <= 0.0 || clip.is_nan() => {
                bail!("clip is {clip}; it must be above zero")
            }
            (_, clip) if has_biases => Ok(Self::Swallowing(clip.unwrap_or(f32::MAX))),
            (_, clip) => Ok(Self::Keeping(clip.unwrap_or(f32::MAX))),
        }
    }

    /// Adds the biases, none if there are none, and bounds the sums.
    pub(super) fn apply(self, sums: &mut [f32], biases: &[f32]) {
        for (sum, bias) in sums.iter_mut().zip(biases) {
            *sum += bias;
        }
        match self {
            Self::Swallowing(bound) => {
                for sum in sums {
                    let below = if *sum < bound { *sum } else { bound };
                    *sum = if below > -bound { below } else { -bound };
                }
            }
            Self::Keeping(bound) => {
                for sum in sums {
                    *sum = sum.clamp(-bound, bound);
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    Sigmoid,
    Tanh,
    Relu,
}

/// Which of ONNX Runtime's formulas an activation follows. They differ in the seventh digit, and a state carries
/// that from step to step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Formula {
    /// The two approximations of its matrix library: LSTM, and the update gate of GRU.
    Library,
    /// One approximation for both, which may exceed one by a rounding: the other gates of GRU.
    Gated,
    /// RNN.
    Exact,
}

impl Activation {
    pub(super) fn read(name: &str, operator: &str) -> TractResult<Self> {
        match name {
            "Sigmoid" => Ok(Self::Sigmoid),
            "Tanh" => Ok(Self::Tanh),
            "Relu" => Ok(Self::Relu),
            other => bail!(
                "{operator} with activation {other} is not supported yet; Sigmoid, Tanh and Relu are"
            ),
        }
    }

    /// A NaN stays one, but for Relu, to which it is not above zero.
    #[inline(always)]
    pub(super) fn apply(self, formula: Formula, values: &mut [f32]) {
        match (self, formula) {
            (Self::Sigmoid, Formula::Library) => {
                each(values, |x| (LOGISTIC.of(x) + 0.5).clamp(0.0, 1.0))
            }
            (Self::Sigmoid, Formula::Gated) => {
                each(values, |x| {
                    0.5 * (1.0 + TANH.unbounded((0.5 * x).clamp(-10.0, 10.0)))
                });
            }
            (Self::Sigmoid, Formula::Exact) => each(values, |x| 1.0 / (1.0 + (-x).exp())),
            (Self::Tanh, Formula::Library) => each(values, |x| TANH.of(x)),
            (Self::Tanh, Formula::Gated) => each(values, |x| TANH.unbounded(x.clamp(-10.0, 10.0))),
            (Self::Tanh, Formula::Exact) => each(values, f32::tanh),
            (Self::Relu, _) => each(values, |x| if x > 0.0 { x } else { 0.0 }),
        }
    }
}

#[inline(always)]
fn each(values: &mut [f32], function: impl Fn(f32) -> f32) {
    for value in values {
        *value = function(*value);
    }
}

/// An odd function as x P(x²) / Q(x²) within ± `bound`; coefficients of the highest power first.
struct Rational<const P: usize, const Q: usize> {
    bound: f32,
    p: [f32; P],
    q: [f32; Q],
}

impl<const P: usize, const Q: usize> Rational<P, Q> {
    #[inline(always)]
    fn of(&self, x: f32) -> f32 {
        self.unbounded(x.clamp(-self.bound, self.bound))
    }

    #[inline(always)]
    fn unbounded(&self, x: f32) -> f32 {
        let square = x * x;
        let horner = |all: &[f32]| all.iter().fold(0.0, |sum, next| sum * square + next);
        x * horner(&self.p) / horner(&self.q)
    }
}

/// tanh, with the coefficients that Eigen published.
const TANH: Rational<7, 4> = Rational {
    bound: 9.0,
    p: [
        -2.760_768_4e-16,
        2.000_188e-13,
        -8.604_672e-11,
        5.122_297_3e-8,
        1.485_722_35e-5,
        6.372_619_3e-4,
        4.893_524_6e-3,
    ],
    q: [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_7e-3, 4.893_525e-3],
};

/// 1 / (1 + exp(-x)) - 1/2, with the coefficients that Eigen published.
const LOGISTIC: Rational<5, 6> = Rational {
    bound: 18.0,
    p: [
        4.370_31e-11,
        1.156_273_2e-7,
        6.085_749e-5,
        8.513_771e-3,
        2.482_879_5e-1,
    ],
    q: [
        6.102_473_7e-13,
        5.761_021_4e-9,
        6.291_068e-6,
        1.701_988_2e-3,
        1.168_176_5e-1,
        9.931_519e-1,
    ],
};
