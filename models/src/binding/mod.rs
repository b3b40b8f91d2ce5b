//! Which column of a pipeline feeds which element of a model, and which element of its outputs becomes
//! which column.
//!
//! Decided once, when a pipeline is compiled; every decision carries its reason, so that it can be
//! shown. The rule for inputs and outputs alike is: exact name, then normalised name, then order.
//! Order is only used where names say nothing, see [`inputs`] and [`outputs`].

mod inputs;
mod names;
mod outputs;

use std::fmt;

use arrow::datatypes::DataType;

use crate::signature::Signature;

pub use inputs::{Choice, InputColumn};
pub(crate) use names::{core_of, holds_number, normalised, suggestion};
pub use outputs::OutputColumn;
pub(crate) use outputs::element_names;

/// Why a column and an element of a tensor belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The names are equal.
    ExactName,
    /// The names are equal but for case, punctuation and what exporters add.
    NormalisedName,
    /// The names say nothing; the positions agree.
    Order,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExactName => "same name",
            Self::NormalisedName => "same name once normalised",
            Self::Order => "by order",
        })
    }
}

/// Elements of a tensor's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elements {
    /// The one at this position; the column is a scalar.
    One(usize),
    /// All of them; the column is an array.
    All,
}

/// A model's signature joined to a pipeline's columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// One for each input column, in the order they were declared.
    pub inputs: Vec<InputColumn>,
    /// One for each output column, in the order they were declared.
    pub outputs: Vec<OutputColumn>,
}

impl Binding {
    /// Binds the columns of `INPUT (…)` and `OUTPUT (…)` to a model.
    ///
    /// Every element of every input must be fed by exactly one column, and every column must be used;
    /// outputs may be left out. Types are checked here, so that scoring has no type errors left.
    pub fn new(
        signature: &Signature,
        inputs: &[(String, DataType)],
        outputs: &[(String, DataType)],
    ) -> Result<Self, BindError> {
        Ok(Self {
            inputs: inputs::bind(signature, inputs)?,
            outputs: outputs::bind(signature, outputs)?,
        })
    }

    /// Chooses the columns of a file that feed a model, where the file may have others too.
    ///
    /// The rule is that of [`Binding::new`], but order counts only if no column is left over. Types are not looked at
    /// here; what is chosen and in which order, [`Binding::new`] then binds to the same elements.
    pub fn choose(
        signature: &Signature,
        columns: &[(String, DataType)],
    ) -> Result<Vec<Choice>, BindError> {
        inputs::choose(signature, columns)
    }

    /// Binds output columns alone, as [`Binding::new`] does.
    pub fn bind_outputs(
        signature: &Signature,
        columns: &[(String, DataType)],
    ) -> Result<Vec<OutputColumn>, BindError> {
        outputs::bind(signature, columns)
    }

    /// A column for each value that a model gives, of the value's own type: an output of one value under its name, the
    /// elements of a wider one under `<output>_<label>` or `<output>_<place>`, one that is wider than `most` as an
    /// array. [`Binding::new`] takes any of them.
    pub fn output_columns(signature: &Signature, most: usize) -> Vec<(String, DataType)> {
        outputs::every(signature, most)
    }

    /// One line for each column: what it is bound to, why, and how it is cast.
    pub fn explain(&self, signature: &Signature) -> Vec<String> {
        let element = |name: &str, elements: Elements, width: usize| match elements {
            Elements::One(_) if width == 1 => name.to_owned(),
            Elements::One(index) => format!("{name}[{index}]"),
            Elements::All => format!("{name}[0..{width}]"),
        };
        let mut lines = Vec::new();
        for column in &self.inputs {
            let tensor = &signature.inputs[column.tensor];
            let target = element(&tensor.name, column.elements, tensor.width());
            let cast = column
                .cast
                .as_ref()
                .map(|cast| format!(", {cast}"))
                .unwrap_or_default();
            lines.push(format!(
                "{} → {target} ({}{cast})",
                column.name, column.reason
            ));
        }
        for column in &self.outputs {
            let tensor = &signature.outputs[column.tensor];
            let source = element(&tensor.name, column.elements, tensor.width());
            let cast = column
                .cast
                .as_ref()
                .map(|cast| format!(", {cast}"))
                .unwrap_or_default();
            lines.push(format!(
                "{source} → {} ({}{cast})",
                column.name, column.reason
            ));
        }
        lines
    }
}

/// Why columns do not fit a model. The text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// Too few, too many or unknown input columns.
    #[error("{message}")]
    Inputs {
        /// What is missing and what is left over.
        message: String,
        /// Model features that no column feeds.
        missing: Vec<String>,
        /// Columns that feed nothing.
        unused: Vec<String>,
    },
    /// An input column cannot become the tensor's element type.
    #[error("{fault}: {remedy}")]
    InputType {
        /// The column.
        column: String,
        /// What does not fit.
        fault: String,
        /// What to do in SQL.
        remedy: String,
    },
    /// Output columns that no output of the model can fill.
    #[error("{message}")]
    Outputs {
        /// The column, if one is to blame.
        column: Option<String>,
        /// What does not fit, and what to do.
        message: String,
    },
}

impl BindError {
    /// The declared column the error is about, if it is about one.
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::InputType { column, .. } => Some(column),
            Self::Outputs { column, .. } => column.as_deref(),
            Self::Inputs { unused, .. } => unused.first().map(String::as_str),
        }
    }
}

/// The candidate that `name` was most likely meant to be, if one is near enough.
pub fn nearest<'a>(name: &str, candidates: &'a [String]) -> Option<&'a str> {
    suggestion(name, candidates.iter().map(String::as_str))
}

/// `a`, `b` and `c`, at most ten of them.
pub(crate) fn listed(names: &[String]) -> String {
    const MOST: usize = 10;
    let mut text = names
        .iter()
        .take(MOST)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > MOST {
        text.push_str(&format!(" and {} more", names.len() - MOST));
    }
    text
}

pub(crate) fn plural(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
