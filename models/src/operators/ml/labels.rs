//! The labels of a classifier: `classlabels_ints` or `classlabels_strings`, never both.

use std::sync::Arc;

use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::tabular::tensor;

/// What the classes are called, in the order of the scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Labels {
    Ints(Arc<[i64]>),
    Strings(Arc<[String]>),
}

impl Labels {
    /// The labels of a node; integers, and none of them, if it names none.
    pub(super) fn read(attributes: &Attributes, operator: &str) -> TractResult<Self> {
        let ints = attributes.ints("classlabels_ints");
        let strings = attributes.strings("classlabels_strings")?;
        ensure!(
            ints.is_empty() || strings.is_empty(),
            "{operator} has both classlabels_ints and classlabels_strings"
        );
        Ok(if strings.is_empty() {
            Self::Ints(ints.into())
        } else {
            Self::Strings(strings.into())
        })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ints(labels) => labels.len(),
            Self::Strings(labels) => labels.len(),
        }
    }

    /// Element type of the labels.
    pub(super) fn datum(&self) -> DatumType {
        match self {
            Self::Ints(_) => DatumType::I64,
            Self::Strings(_) => DatumType::String,
        }
    }

    /// The labels of classes, one a row. Each class is smaller than [`Self::len`].
    pub(super) fn of(&self, classes: &[usize]) -> TractResult<Tensor> {
        match self {
            Self::Ints(labels) => tensor(
                &[classes.len()],
                classes.iter().map(|class| labels[*class]).collect(),
            ),
            Self::Strings(labels) => tensor(
                &[classes.len()],
                classes.iter().map(|class| labels[*class].clone()).collect(),
            ),
        }
    }
}

/// The first of the largest scores. A NaN is larger than nothing, and nothing is larger than it: it wins
/// where it stands first, and nowhere else.
pub(super) fn largest(scores: &[f32]) -> usize {
    let mut best = 0;
    for (class, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = class;
        }
    }
    best
}
