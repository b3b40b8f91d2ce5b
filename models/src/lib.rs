//! Scores rows with ONNX models, in the process and without a server.
//!
//! A [`Model`] is loaded once and checked: **it scores as ONNX Runtime does, or it does not load**. Its
//! [`Signature`] tells inputs and outputs. A [`Binding`] joins them to the columns that a pipeline's
//! `CREATE MODEL` declares; it is made when the pipeline is compiled, so that everything wrong with
//! names and types is said before the first row. A [`Scorer`] then turns Arrow columns into Arrow columns.
//!
//! ```no_run
//! use std::sync::Arc;
//! use arrow::array::{ArrayRef, Float64Array};
//! use arrow::datatypes::DataType;
//! use millstream_models::{Binding, Model, Scorer};
//!
//! let model = Arc::new(Model::load("fraud.onnx")?);
//! let inputs = [("amount".to_owned(), DataType::Float64)];
//! let outputs = [("score".to_owned(), DataType::Float64)];
//! let binding = Binding::new(model.signature(), &inputs, &outputs)?;
//! let mut scorer = Scorer::new(model, binding);
//! let amounts: ArrayRef = Arc::new(Float64Array::from(vec![9.5, 1200.0]));
//! let scores = scorer.score(&[amounts], 2)?;
//! assert_eq!(scores[0].len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The graph is run by tract; `operators` holds the list of what is trusted to it and the place for
//! operators of our own. `vet` guards against files that are broken or hostile, `guard` against panics,
//! `agreement` against batches that change a score.

mod agreement;
mod binding;
#[cfg(test)]
mod conformance;
mod describe;
mod error;
mod external;
mod guard;
mod measure;
mod model;
mod operators;
mod pack;
mod plan;
mod scorer;
mod signature;
#[cfg(test)]
mod standard_cases;
mod trial;
mod unpack;
mod vet;
mod wire;
mod zip_map;

pub use binding::{
    BindError, Binding, Choice, Elements, InputColumn, OutputColumn, Reason, nearest,
};
pub use describe::{SqlColumn, SqlColumns};
pub use error::ModelError;
pub use measure::{Pace, measure};
pub use model::Model;
pub use scorer::Scorer;
pub use signature::{BatchSize, ElementType, Signature, TensorSpec};
pub use vet::Limits;
