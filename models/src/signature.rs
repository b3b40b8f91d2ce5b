//! What a model takes and gives: names, element types and shapes.
//!
//! The first dimension of every tensor is the batch. It is kept apart from the others: a model
//! whose file leaves it open is later specialised for a few batch sizes ([`crate::plan`]), one whose
//! file fixes it is only ever called with that many rows.

use std::collections::BTreeMap;
use std::fmt;

use arrow::datatypes::DataType;

/// Element type of a tensor. Types not listed here are refused when a model is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ElementType {
    /// `tensor(float)`
    Float32,
    /// `tensor(double)`
    Float64,
    /// `tensor(int32)`
    Int32,
    /// `tensor(int64)`
    Int64,
    /// `tensor(bool)`
    Bool,
    /// `tensor(string)`
    String,
}

impl ElementType {
    /// The Flink SQL type that a `CREATE MODEL` statement should declare for one element.
    ///
    /// Floats are offered as DOUBLE whatever their width: SQL arithmetic gives DOUBLE, and the
    /// narrowing to the tensor's width happens once, when the row is packed.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Float32 | Self::Float64 => "DOUBLE",
            Self::Int32 => "INT",
            Self::Int64 => "BIGINT",
            Self::Bool => "BOOLEAN",
            Self::String => "STRING",
        }
    }

    /// The Arrow type of [`ElementType::sql`].
    pub fn arrow(self) -> DataType {
        match self {
            Self::Float32 | Self::Float64 => DataType::Float64,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Bool => DataType::Boolean,
            Self::String => DataType::Utf8,
        }
    }

    /// True for the types that have a missing value of their own (NaN).
    pub fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Bool => "bool",
            Self::String => "string",
        })
    }
}

/// How many rows one call of the model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchSize {
    /// Any number; the file names the dimension or leaves it open.
    Any,
    /// Exactly this many; shorter batches are padded.
    Fixed(usize),
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("N"),
            Self::Fixed(rows) => rows.fmt(f),
        }
    }
}

/// One input or output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name in the file, unchanged.
    pub name: String,
    /// Type of each element.
    pub element: ElementType,
    /// Dimensions after the batch. Empty for a tensor of one value a row without a second
    /// dimension; `[1]` is the same thing to SQL, but not to ONNX.
    pub row_shape: Vec<usize>,
    /// Names of the elements of a row, if the file tells them: an input's features (metadata `features`), the
    /// class labels of an output's probabilities (ZipMap); else empty.
    pub features: Vec<String>,
}

impl TensorSpec {
    /// Values a row holds in this tensor.
    pub fn width(&self) -> usize {
        self.row_shape.iter().product()
    }

    /// The full shape for a batch of `rows`.
    pub(crate) fn shape(&self, rows: usize) -> Vec<usize> {
        std::iter::once(rows)
            .chain(self.row_shape.iter().copied())
            .collect()
    }
}

/// The inputs and outputs of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Rows a call takes.
    pub batch: BatchSize,
    /// Inputs in the file's order, initialisers left out.
    pub inputs: Vec<TensorSpec>,
    /// Outputs in the file's order. Shapes are those that the model really has, which some
    /// exporters declare wrongly.
    pub outputs: Vec<TensorSpec>,
}

impl Signature {
    /// `name: float32[N, 30]` for a tensor of this signature.
    pub fn render(&self, tensor: &TensorSpec) -> String {
        let mut text = format!("{}: {}[{}", tensor.name, tensor.element, self.batch);
        for dim in &tensor.row_shape {
            text.push_str(&format!(", {dim}"));
        }
        text.push(']');
        text
    }

    /// Number of values a row gives to the model, over all inputs.
    pub fn input_width(&self) -> usize {
        self.inputs.iter().map(TensorSpec::width).sum()
    }
}

/// Feature names of an input of `width` elements from the model's metadata.
///
/// `features.<input>` wins over `features`, which is only read when a single input is wide. Either
/// is a JSON list or names separated by commas or line ends. A list of another length than the
/// input is an error: it would put a value under the wrong name.
pub(crate) fn feature_names(
    metadata: &BTreeMap<String, String>,
    input: &str,
    width: usize,
    only_wide_input: bool,
) -> Result<Vec<String>, String> {
    let key = format!("features.{input}");
    let (key, text) = match metadata.get(&key) {
        Some(text) => (key, text),
        None if only_wide_input => match metadata.get("features") {
            Some(text) => ("features".to_owned(), text),
            None => return Ok(Vec::new()),
        },
        None => return Ok(Vec::new()),
    };
    let names: Vec<String> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text)
            .map_err(|error| format!("metadata `{key}` is not a JSON list of names: {error}"))?
    } else {
        text.split([',', '\n'])
            .map(|name| name.trim().to_owned())
            .collect()
    };
    if names.len() != width {
        return Err(format!(
            "metadata `{key}` names {} features, but input `{input}` has {width} columns",
            names.len()
        ));
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!(
            "metadata `{key}` names feature `{}` twice",
            pair[0]
        ));
    }
    if names.iter().any(String::is_empty) {
        return Err(format!("metadata `{key}` has an empty feature name"));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(text: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("features".to_owned(), text.to_owned())])
    }

    #[test]
    fn feature_names_as_json_or_text() {
        let expected = vec!["amount".to_owned(), "hour".to_owned()];
        assert_eq!(
            feature_names(&metadata("[\"amount\", \"hour\"]"), "X", 2, true),
            Ok(expected.clone())
        );
        assert_eq!(
            feature_names(&metadata("amount, hour"), "X", 2, true),
            Ok(expected)
        );
        assert_eq!(
            feature_names(&metadata("amount, hour"), "X", 2, false),
            Ok(vec![])
        );
    }

    #[test]
    fn feature_names_that_would_mislabel_are_errors() {
        for (text, part) in [
            ("amount", "names 1 features"),
            ("amount,amount", "twice"),
            ("amount,", "empty"),
            ("[1,2]", "JSON"),
        ] {
            let error = feature_names(&metadata(text), "X", 2, true).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
