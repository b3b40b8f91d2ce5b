//! Probabilities of classes from those of pairs of classes.
//!
//! Platt's logistic makes a probability of each pair's score; the second method of Wu, Lin and Weng ("Probability
//! estimates for multi-class classification by pairwise coupling", 2004) finds the probabilities of the classes that fit
//! all pairs best. The iteration stops early, so its result depends on each step: steps, order and float32 are
//! those of ONNX Runtime.

/// Room for the coupling of one row, used again for the next.
#[derive(Debug)]
pub(super) struct Coupling {
    classes: usize,
    /// `pairs[i][j]`: probability of class i, where it is i or j.
    pairs: Vec<f32>,
    q: Vec<f32>,
    qp: Vec<f32>,
}

/// Pairs are never quite certain.
const CERTAIN: f32 = 1.0e-7;

impl Coupling {
    pub(super) fn new(classes: usize) -> Self {
        Self {
            classes,
            pairs: vec![0.0; classes * classes],
            q: vec![0.0; classes * classes],
            qp: vec![0.0; classes],
        }
    }

    /// Probabilities of the classes from a score for each pair, with Platt's parameters of each pair.
    pub(super) fn probabilities(
        &mut self,
        scores: &[f32],
        platt: &[(f32, f32)],
        probabilities: &mut [f32],
    ) {
        let classes = self.classes;
        let mut pairs = scores.iter().zip(platt);
        for i in 0..classes {
            for j in i + 1..classes {
                let Some((score, (a, b))) = pairs.next() else {
                    return;
                };
                let first = within(1.0 - super::super::post_transform::logistic(score * a + b));
                self.pairs[i * classes + j] = first;
                self.pairs[j * classes + i] = 1.0 - first;
            }
        }
        self.couple(probabilities);
    }

    fn couple(&mut self, p: &mut [f32]) {
        let k = self.classes;
        let (r, q, qp) = (&self.pairs, &mut self.q, &mut self.qp);
        for i in 0..k {
            p[i] = 1.0 / k as f32;
            let mut diagonal = 0.0;
            for j in (0..k).filter(|j| *j != i) {
                diagonal += r[j * k + i] * r[j * k + i];
                q[i * k + j] = -r[j * k + i] * r[i * k + j];
            }
            q[i * k + i] = diagonal;
        }
        let enough = 0.005 / k as f32;
        for _ in 0..100 {
            let mut pqp = 0.0;
            for i in 0..k {
                qp[i] = 0.0;
                for j in 0..k {
                    qp[i] += q[i * k + j] * p[j];
                }
                pqp += p[i] * qp[i];
            }
            let mut error = 0.0;
            for qp in qp.iter() {
                let this = (qp - pqp).abs();
                // A NaN is no error, so a row without scores has equal probabilities.
                if this > error {
                    error = this;
                }
            }
            if error < enough {
                break;
            }
            for i in 0..k {
                let step = (-qp[i] + pqp) / q[i * k + i];
                p[i] += step;
                pqp = (pqp + step * (step * q[i * k + i] + 2.0 * qp[i]))
                    / (1.0 + step)
                    / (1.0 + step);
                for j in 0..k {
                    qp[j] = (qp[j] + step * q[i * k + j]) / (1.0 + step);
                    p[j] /= 1.0 + step;
                }
            }
        }
    }
}

/// Holds a probability off zero and one; a NaN stays.
fn within(probability: f32) -> f32 {
    let above = if probability < CERTAIN {
        CERTAIN
    } else {
        probability
    };
    if 1.0 - CERTAIN < above {
        1.0 - CERTAIN
    } else {
        above
    }
}
