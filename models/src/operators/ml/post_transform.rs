//! `post_transform` of the classifiers and regressors of `ai.onnx.ml`: what becomes of a row's raw scores.
//!
//! Two or more scores are transformed together ([`PostTransform::apply`]). A single score has rules of its
//! own ([`PostTransform::write_single`]): where it stays alone, only PROBIT applies to it; where a classifier of
//! two classes makes it two, by [`SecondClass`], only LOGISTIC does.
//!
//! The standard names the transforms and leaves their formulas out; these are the ones of ONNX Runtime
//! (its `ml_common.h`, and for single scores what release 1.31 answers). All of them work on float32.

use tract_onnx::tract_hir::internal::*;

/// A transform of a row's scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PostTransform {
    None,
    /// exp(x) over the sum of all exp(x)
    Softmax,
    /// 1 / (1 + exp(-x))
    Logistic,
    /// [`Self::Softmax`] over the scores that are not zero; a zero stays zero.
    SoftmaxZero,
    /// The inverse of the normal distribution: √2 · erf⁻¹(2x − 1), by an approximation.
    Probit,
}

/// How the one score of a classifier of two classes becomes two, the positive class last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecondClass {
    /// It does not (`add_second_class` -1 in ONNX Runtime).
    Absent,
    /// `1 - x, x` (0 and 1: all weights are positive). With LOGISTIC the logistic of `-x, x`.
    Complement,
    /// `-x, x` (2 and 3: weights of both signs). With LOGISTIC the logistic of both.
    Negation,
}

impl SecondClass {
    /// How many scores are written for one.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Absent => 1,
            Self::Complement | Self::Negation => 2,
        }
    }
}

impl PostTransform {
    /// The value of the attribute, which is NONE if it is not there. ONNX Runtime takes every unknown name for
    /// PROBIT; here it is refused.
    pub(super) fn parse(name: Option<String>) -> TractResult<Self> {
        Ok(match name.as_deref() {
            None | Some("NONE") => Self::None,
            Some("SOFTMAX") => Self::Softmax,
            Some("LOGISTIC") => Self::Logistic,
            Some("SOFTMAX_ZERO") => Self::SoftmaxZero,
            Some("PROBIT") => Self::Probit,
            Some(other) => bail!("post_transform `{other}` is not one of ONNX's"),
        })
    }

    /// Refuses the combination for which ONNX Runtime leaves the second score unwritten.
    pub(super) fn check(self, second: SecondClass) -> TractResult<()> {
        ensure!(
            self != Self::Probit || second == SecondClass::Absent,
            "post_transform PROBIT of one score for two classes is not defined: ONNX Runtime writes one of them only"
        );
        Ok(())
    }

    /// Transforms the two or more scores of one row.
    pub(super) fn apply(self, scores: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Softmax => softmax(scores),
            Self::Logistic => scores
                .iter_mut()
                .for_each(|score| *score = logistic(*score)),
            Self::SoftmaxZero => softmax_zero(scores),
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
        }
    }

    /// Writes what becomes of the only score of a row. `row` has [`SecondClass::width`] places.
    pub(super) fn write_single(self, score: f32, second: SecondClass, row: &mut [f32]) {
        let single = if self == Self::Probit {
            probit(score)
        } else {
            score
        };
        match row {
            [only] => *only = single,
            [negative, positive] => {
                (*negative, *positive) = match second {
                    _ if self == Self::Logistic => (logistic(-single), logistic(single)),
                    SecondClass::Absent | SecondClass::Complement => (1.0 - single, single),
                    SecondClass::Negation => (-single, single),
                }
            }
            _ => {}
        }
    }

    /// Transforms a row that holds either one score or all that there are: [`Self::apply`] or
    /// [`Self::write_single`].
    pub(super) fn finish(self, row: &mut [f32]) {
        match row {
            [only] => self.write_single(*only, SecondClass::Absent, std::slice::from_mut(only)),
            scores => self.apply(scores),
        }
    }
}

/// 1 / (1 + exp(-x)), computed from -|x| so that it never overflows.
pub(super) fn logistic(value: f32) -> f32 {
    let above = 1.0 / (1.0 + (-value.abs()).exp());
    if value < 0.0 { 1.0 - above } else { above }
}

/// The inverse of the error function by Winitzki's approximation, with the constant 0.147.
fn inverse_erf(value: f32) -> f32 {
    const A: f32 = 0.147;
    let sign = if value < 0.0 { -1.0 } else { 1.0 };
    let log = ((1.0 - value) * (1.0 + value)).ln();
    let half = 2.0 / (std::f32::consts::PI * A) + 0.5 * log;
    sign * ((half * half - log / A).sqrt() - half).sqrt()
}

fn probit(value: f32) -> f32 {
    std::f32::consts::SQRT_2 * inverse_erf(2.0 * value - 1.0)
}

/// The largest value, at least the smallest finite one. A NaN is never the largest.
fn largest(values: &[f32]) -> f32 {
    values.iter().fold(
        f32::MIN,
        |largest, value| if *value > largest { *value } else { largest },
    )
}

fn softmax(values: &mut [f32]) {
    let largest = largest(values);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = (*value - largest).exp();
        sum += *value;
    }
    values.iter_mut().for_each(|value| *value /= sum);
}

/// What is closer to zero than this is zero to [`softmax_zero`].
const ZERO: f32 = 0.000_000_1;

fn softmax_zero(values: &mut [f32]) {
    let largest = largest(values);
    let shrink = (-largest).exp();
    let mut sum = 0.0;
    for value in values.iter_mut() {
        // A NaN is neither above nor below: it is multiplied, and stays.
        if *value > ZERO || *value < -ZERO {
            *value = (*value - largest).exp();
            sum += *value;
        } else {
            *value *= shrink;
        }
    }
    values.iter_mut().for_each(|value| *value /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_score_is_written_as_onnx_runtime_does() {
        let mut row = [0.0; 2];
        PostTransform::Softmax.write_single(0.25, SecondClass::Complement, &mut row);
        assert_eq!(row, [0.75, 0.25], "SOFTMAX does not apply to it");
        PostTransform::None.write_single(0.25, SecondClass::Negation, &mut row);
        assert_eq!(row, [-0.25, 0.25]);
        PostTransform::Logistic.write_single(0.0, SecondClass::Negation, &mut row);
        assert_eq!(row, [0.5, 0.5]);
        let mut row = [0.3];
        PostTransform::Softmax.finish(&mut row);
        assert_eq!(row, [0.3], "one score is no distribution");
        assert!(
            PostTransform::Probit
                .check(SecondClass::Complement)
                .is_err()
        );
    }

    #[test]
    fn unknown_names_are_refused() {
        assert!(PostTransform::parse(Some("LOGIT".to_owned())).is_err());
        assert_eq!(PostTransform::parse(None).unwrap(), PostTransform::None);
    }

    #[test]
    fn zero_scores_stay_zero() {
        let mut row = [0.0, 1.0, 1.0];
        PostTransform::SoftmaxZero.apply(&mut row);
        assert_eq!(row, [0.0, 0.5, 0.5]);
        let mut row = [f32::NAN, 1.0];
        PostTransform::Softmax.apply(&mut row);
        assert!(row.iter().all(|score| score.is_nan()));
    }
}
