//! Tree ensembles of `ai.onnx.ml`: TreeEnsembleClassifier, TreeEnsembleRegressor, and TreeEnsemble of version 5.
//!
//! A file's attributes ([`read`], [`read_v5`]) become trees of one canonical form ([`forest`]), those become a
//! fast evaluator ([`evaluate`]: ranks of [`quantise`], then [`bits`] or [`walk`]), and the operators here turn
//! sums of votes into outputs as ONNX Runtime does.

mod bits;
mod classifier;
mod evaluate;
mod forest;
mod quantise;
mod read;
mod read_v5;
mod regressor;
mod walk;

use std::sync::OnceLock;

use tract_onnx::tract_hir::internal::*;

use self::evaluate::{Aggregate, Evaluator, Scores};
use self::forest::Forest;
use super::tabular::slice;
use crate::operators::Operator;

pub(super) const CLASSIFIER: &[Operator] = classifier::OPERATORS;
pub(super) const REGRESSORS: &[Operator] = regressor::OPERATORS;

/// A forest with its evaluators, which are made when the type of the features is known.
#[derive(Debug)]
struct Prepared {
    forest: Forest,
    /// Thresholds are float64: features must be too.
    double: bool,
    single: OnceLock<Evaluator<f32>>,
    wide: OnceLock<Evaluator<f64>>,
}

/// Sums of votes in the type that ONNX Runtime adds in: float64 for float64 features, else float32.
enum Sums {
    Single(Scores<f32>),
    Wide(Scores<f64>),
}

impl Prepared {
    fn new(forest: Forest, double: bool) -> Self {
        Self {
            forest,
            double,
            single: OnceLock::new(),
            wide: OnceLock::new(),
        }
    }

    /// Refuses features that the trees cannot be compared with.
    fn check(&self, operator: &str, datum: DatumType, columns: usize) -> TractResult<()> {
        ensure!(
            !self.double || datum == DatumType::F64,
            "{operator} has float64 thresholds or weights, but its input is {datum:?}. Export it with float32 weights or a float64 input"
        );
        let features = self.forest.features();
        ensure!(
            features <= columns,
            "{operator} tests feature {}, but its input has {columns} columns",
            features.saturating_sub(1)
        );
        Ok(())
    }

    /// Scores a matrix of features.
    fn score(&self, input: &Tensor, aggregate: Aggregate) -> TractResult<Sums> {
        let (rows, columns) = (input.shape()[0], input.shape()[1]);
        let single = || self.single.get_or_init(|| Evaluator::of(&self.forest));
        Ok(match input.datum_type() {
            DatumType::F32 => {
                let values = slice::<f32>(input)?;
                Sums::Single(single().scores(rows, aggregate, |row, feature| {
                    values[row * columns + feature]
                }))
            }
            // Integers are compared as float32.
            DatumType::I64 => {
                let values = slice::<i64>(input)?;
                Sums::Single(single().scores(rows, aggregate, |row, feature| {
                    values[row * columns + feature] as f32
                }))
            }
            DatumType::I32 => {
                let values = slice::<i32>(input)?;
                Sums::Single(single().scores(rows, aggregate, |row, feature| {
                    values[row * columns + feature] as f32
                }))
            }
            DatumType::F64 => {
                let values = slice::<f64>(input)?;
                let wide = self.wide.get_or_init(|| Evaluator::of(&self.forest));
                Sums::Wide(wide.scores(rows, aggregate, |row, feature| {
                    values[row * columns + feature]
                }))
            }
            other => bail!("trees of {other:?} features are not supported"),
        })
    }
}
