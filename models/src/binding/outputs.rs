//! Model outputs to pipeline columns.
//!
//! A declared column takes one output of one value a row, one element of a wider output
//! (`<output>_<position>`, or `<output>_<label>` for the probability of a class), or, as an ARRAY, a whole
//! output. Names come first. Pipelines name their
//! scores as they like, so order follows where no declared name occurs in the model: column by output
//! if there are as many, else column by element if there are as many elements. Anything else is
//! ambiguous and an error that lists what the model offers.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

use super::inputs::is_list;
use super::{BindError, Elements, Reason, holds_number, normalised, plural, suggestion};
use crate::signature::{ElementType, Signature, TensorSpec};

/// What fills one output column.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputColumn {
    /// The declared name.
    pub name: String,
    /// The declared type.
    pub data_type: DataType,
    /// Index of the model's output.
    pub tensor: usize,
    /// Which elements of its row.
    pub elements: Elements,
    /// Why.
    pub reason: Reason,
    /// How values are converted, if they are.
    pub cast: Option<String>,
}

pub(super) fn bind(
    signature: &Signature,
    columns: &[(String, DataType)],
) -> Result<Vec<OutputColumn>, BindError> {
    if columns.is_empty() {
        return Err(BindError::Outputs {
            column: None,
            message: format!(
                "no output column is declared; the model gives {}",
                offered(signature)
            ),
        });
    }
    let by_name: Vec<Option<(usize, Elements, Reason)>> = columns
        .iter()
        .map(|(name, ty)| named(signature, name, is_list(ty)))
        .collect();
    let chosen: Vec<(usize, Elements, Reason)> = if by_name.iter().all(Option::is_some) {
        by_name.into_iter().flatten().collect()
    } else if by_name.iter().any(Option::is_some) {
        let (name, _) = &columns[by_name.iter().position(Option::is_none).unwrap_or(0)];
        let names: Vec<String> = signature
            .outputs
            .iter()
            .flat_map(|output| {
                let elements = element_names(output).into_iter().map(|(_, name)| name);
                std::iter::once(output.name.clone()).chain(elements)
            })
            .collect();
        let near = suggestion(name, names.iter().map(String::as_str))
            .map(|near| format!(" Did you mean `{near}`?"))
            .unwrap_or_default();
        return Err(BindError::Outputs {
            column: Some(name.clone()),
            message: format!(
                "the model has no output `{name}`; it gives {}.{near}",
                offered(signature)
            ),
        });
    } else {
        by_order(signature, columns)?
    };
    let mut result = Vec::new();
    for ((name, data_type), (tensor, elements, reason)) in columns.iter().zip(chosen) {
        let cast = output_cast(name, data_type, &signature.outputs[tensor], elements)?;
        result.push(OutputColumn {
            name: name.clone(),
            data_type: data_type.clone(),
            tensor,
            elements,
            reason,
            cast,
        });
    }
    Ok(result)
}

fn named(signature: &Signature, name: &str, list: bool) -> Option<(usize, Elements, Reason)> {
    for (reason, key) in [
        (Reason::ExactName, str::to_owned as fn(&str) -> String),
        (Reason::NormalisedName, normalised),
    ] {
        let mut found: Vec<(usize, Elements)> = Vec::new();
        for (tensor, output) in signature.outputs.iter().enumerate() {
            if key(&output.name) == key(name) {
                // A scalar column named as a wide output is refused later, with the remedy.
                found.push((
                    tensor,
                    if list {
                        Elements::All
                    } else {
                        Elements::One(0)
                    },
                ));
            } else if !list && (output.width() > 1 || !output.features.is_empty()) {
                for (element, element_name) in element_names(output) {
                    // The class -1 is not the class 1.
                    if reason == Reason::NormalisedName && holds_number(&element_name) {
                        continue;
                    }
                    let meant = (tensor, Elements::One(element));
                    if key(&element_name) == key(name) && !found.contains(&meant) {
                        found.push(meant);
                    }
                }
            }
        }
        if let [(tensor, elements)] = found[..] {
            let scalar_of_wide = !list
                && signature.outputs[tensor].width() > 1
                && key(&signature.outputs[tensor].name) == key(name);
            // `All` for a scalar column is the mark of that mistake.
            let elements = if scalar_of_wide {
                Elements::All
            } else {
                elements
            };
            return Some((tensor, elements, reason));
        }
    }
    None
}

/// See [`super::Binding::output_columns`].
pub(super) fn every(signature: &Signature, most: usize) -> Vec<(String, DataType)> {
    let mut columns = Vec::new();
    for output in &signature.outputs {
        let (width, item) = (output.width(), native(output.element));
        if width > most {
            let list = DataType::List(Arc::new(Field::new_list_field(item, true)));
            columns.push((output.name.clone(), list));
        } else if width == 1 && output.features.is_empty() {
            columns.push((output.name.clone(), item));
        } else {
            let names = element_names(output).into_iter().take(width);
            columns.extend(names.map(|(_, name)| (name, item.clone())));
        }
    }
    columns
}

/// The Arrow type that holds an element as it is.
fn native(element: ElementType) -> DataType {
    match element {
        ElementType::Float32 => DataType::Float32,
        ElementType::Float64 => DataType::Float64,
        ElementType::Int32 => DataType::Int32,
        ElementType::Int64 => DataType::Int64,
        ElementType::Bool => DataType::Boolean,
        ElementType::String => DataType::Utf8,
    }
}

/// The names of an output's elements, each with its place: `<output>_<label>` where the file tells labels, and
/// `<output>_<place>` unless a label is a number that is not its place. Of a classifier of 1, 2 and 3,
/// `<output>_1` is the first element, and `<output>_0` is none.
pub(crate) fn element_names(output: &TensorSpec) -> Vec<(usize, String)> {
    let labels = &output.features;
    let places = labels
        .iter()
        .enumerate()
        .all(|(place, label)| label.trim().parse::<f64>().is_err() || *label == place.to_string());
    let named = |(place, label): (usize, String)| (place, format!("{}_{label}", output.name));
    let by_label = labels.iter().cloned().enumerate().map(named);
    let by_place = (0..output.width()).map(|place| (place, place.to_string()));
    by_label
        .chain(by_place.filter(|_| places).map(named))
        .collect()
}

fn by_order(
    signature: &Signature,
    columns: &[(String, DataType)],
) -> Result<Vec<(usize, Elements, Reason)>, BindError> {
    let outputs = &signature.outputs;
    let one = |tensor, list| {
        (
            tensor,
            if list {
                Elements::All
            } else {
                Elements::One(0)
            },
            Reason::Order,
        )
    };
    let matches_each = columns.len() == outputs.len()
        && columns
            .iter()
            .zip(outputs)
            .all(|((_, ty), output)| is_list(ty) || output.width() == 1);
    if matches_each {
        return Ok(columns
            .iter()
            .enumerate()
            .map(|(tensor, (_, ty))| one(tensor, is_list(ty)))
            .collect());
    }
    let scalars = columns.iter().all(|(_, ty)| !is_list(ty));
    let elements: usize = outputs.iter().map(TensorSpec::width).sum();
    if scalars && elements == columns.len() {
        let each = outputs.iter().enumerate().flat_map(|(tensor, output)| {
            (0..output.width()).map(move |element| (tensor, Elements::One(element), Reason::Order))
        });
        return Ok(each.collect());
    }
    Err(BindError::Outputs {
        column: None,
        message: format!(
            "{} declared, but the model gives {}. Declare one column for each output (ARRAY for a wide one), one for each element, or use the model's names (`{}`)",
            plural(columns.len(), "output column"),
            offered(signature),
            outputs.first().map(example).unwrap_or_default()
        ),
    })
}

/// A name that a column of this output may have.
fn example(output: &TensorSpec) -> String {
    match element_names(output).into_iter().next() {
        Some((_, name)) if output.width() > 1 => name,
        _ => output.name.clone(),
    }
}

fn offered(signature: &Signature) -> String {
    signature
        .outputs
        .iter()
        .map(|output| signature.render(output))
        .collect::<Vec<_>>()
        .join(", ")
}

fn output_cast(
    column: &str,
    data_type: &DataType,
    tensor: &TensorSpec,
    elements: Elements,
) -> Result<Option<String>, BindError> {
    let refuse = |message: String| {
        Err(BindError::Outputs {
            column: Some(column.to_owned()),
            message,
        })
    };
    let item = match (data_type, elements) {
        (DataType::List(item), Elements::All) => item.data_type(),
        (other, Elements::All) if is_list(other) => {
            return refuse(format!("output column `{column}` must be a plain ARRAY"));
        }
        (_, Elements::All) => {
            return refuse(format!(
                "output `{}` of the model holds {} values a row, so column `{column}` must be an ARRAY<{}>, or be named for one of them, such as `{}`",
                tensor.name,
                tensor.width(),
                tensor.element.sql(),
                element_names(tensor)
                    .into_iter()
                    .map(|(_, name)| name)
                    .nth(1)
                    .unwrap_or_default()
            ));
        }
        (scalar, Elements::One(_)) => scalar,
    };
    if *item == native(tensor.element) {
        return Ok(None);
    }
    let fits = match tensor.element {
        ElementType::Float32 | ElementType::Float64 => {
            matches!(item, DataType::Float32 | DataType::Float64)
        }
        ElementType::Int32 | ElementType::Int64 => {
            matches!(
                item,
                DataType::Int32 | DataType::Int64 | DataType::Float64 | DataType::Utf8
            )
        }
        ElementType::Bool | ElementType::String => false,
    };
    if fits {
        return Ok(Some(format!("cast from {}", tensor.element)));
    }
    refuse(format!(
        "output `{}` of the model is {}, which cannot become {item} of column `{column}`: declare it {}",
        tensor.name,
        tensor.element,
        tensor.element.sql()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::BatchSize;

    fn output(name: &str, element: ElementType, row_shape: &[usize]) -> TensorSpec {
        TensorSpec {
            name: name.to_owned(),
            element,
            row_shape: row_shape.to_vec(),
            features: vec![],
        }
    }

    fn classifier() -> Vec<TensorSpec> {
        vec![
            output("label", ElementType::Int64, &[]),
            output("probabilities", ElementType::Float32, &[2]),
        ]
    }

    fn bound(
        outputs: Vec<TensorSpec>,
        columns: &[(&str, DataType)],
    ) -> Result<Vec<String>, BindError> {
        let signature = Signature {
            batch: BatchSize::Any,
            inputs: vec![],
            outputs,
        };
        let columns: Vec<(String, DataType)> = columns
            .iter()
            .map(|(name, ty)| ((*name).to_owned(), ty.clone()))
            .collect();
        let outputs = bind(&signature, &columns)?;
        Ok(super::super::Binding {
            inputs: vec![],
            outputs,
        }
        .explain(&signature))
    }

    fn array() -> DataType {
        DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)))
    }

    #[test]
    fn one_score_under_any_name() {
        let outputs = vec![output("dense_2", ElementType::Float32, &[1])];
        assert_eq!(
            bound(outputs, &[("score", DataType::Float64)]).unwrap(),
            ["dense_2 → score (by order, cast from float32)"]
        );
    }

    #[test]
    fn label_and_probabilities() {
        assert_eq!(
            bound(
                classifier(),
                &[("label", DataType::Utf8), ("probabilities", array())]
            )
            .unwrap(),
            [
                "label → label (same name, cast from int64)",
                "probabilities[0..2] → probabilities (same name, cast from float32)"
            ]
        );
        assert_eq!(
            bound(
                classifier(),
                &[
                    ("l", DataType::Int64),
                    ("p0", DataType::Float32),
                    ("p1", DataType::Float32)
                ]
            )
            .unwrap(),
            [
                "label → l (by order)",
                "probabilities[0] → p0 (by order)",
                "probabilities[1] → p1 (by order)"
            ]
        );
        assert_eq!(
            bound(classifier(), &[("probabilities_1", DataType::Float32)]).unwrap(),
            ["probabilities[1] → probabilities_1 (same name)"]
        );
    }

    #[test]
    fn probabilities_by_class_label() {
        let classes = |labels: &[&str]| {
            let mut probabilities = output("p", ElementType::Float32, &[labels.len()]);
            probabilities.features = labels.iter().map(|label| (*label).to_owned()).collect();
            vec![output("label", ElementType::String, &[]), probabilities]
        };
        let one = |labels: &[&str], name: &str| {
            bound(classes(labels), &[(name, DataType::Float32)]).map(|lines| lines[0].clone())
        };
        let flowers = ["Iris setosa", "Iris virginica"];
        assert_eq!(
            one(&flowers, "p_Iris virginica").unwrap(),
            "p[1] → p_Iris virginica (same name)"
        );
        assert_eq!(
            one(&flowers, "p_iris_setosa").unwrap(),
            "p[0] → p_iris_setosa (same name once normalised)"
        );
        assert_eq!(one(&flowers, "p_1").unwrap(), "p[1] → p_1 (same name)");
        assert_eq!(one(&["0", "1"], "p_1").unwrap(), "p[1] → p_1 (same name)");
        // A label that is a number wins over the place, and no other column goes by place then.
        assert_eq!(one(&["1", "2"], "p_1").unwrap(), "p[0] → p_1 (same name)");
        assert_eq!(
            one(&["-1", "1"], "p_-1").unwrap(),
            "p[0] → p_-1 (same name)"
        );
        for labels in [["1", "2"], ["0.0", "1.0"], ["-0", "1"]] {
            let columns = [("label", DataType::Utf8), ("p_0", DataType::Float32)];
            let error = bound(classes(&labels), &columns).unwrap_err().to_string();
            assert!(
                error.contains("the model has no output `p_0`"),
                "{labels:?}: {error}"
            );
        }
        // Labels that are alike once normalised are told apart by their exact names only.
        assert_eq!(
            one(&["a b", "a_b"], "p_a_b").unwrap(),
            "p[1] → p_a_b (same name)"
        );
        assert!(one(&["a b", "a_b"], "P_AB").is_err());
        let error = bound(
            classes(&flowers),
            &[
                ("label", DataType::Utf8),
                ("p_iris_setos", DataType::Float32),
            ],
        )
        .unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("label: string[N], p: float32[N, 2]. Did you mean `p_Iris setosa`?"),
            "{error}"
        );
        // One class makes a matrix of one column, which has both names.
        assert_eq!(one(&["yes"], "p_yes").unwrap(), "p → p_yes (same name)");
        assert_eq!(one(&["yes"], "p").unwrap(), "p → p (same name)");
    }

    #[test]
    fn a_column_for_each_value() {
        let mut outputs = classifier();
        outputs[1].features = vec!["no".to_owned(), "yes".to_owned()];
        outputs.push(output("embedding", ElementType::Float64, &[70]));
        let signature = Signature {
            batch: BatchSize::Any,
            inputs: vec![],
            outputs,
        };
        let columns = super::super::Binding::output_columns(&signature, 64);
        assert_eq!(
            columns,
            [
                ("label".to_owned(), DataType::Int64),
                ("probabilities_no".to_owned(), DataType::Float32),
                ("probabilities_yes".to_owned(), DataType::Float32),
                ("embedding".to_owned(), array()),
            ]
        );
        assert!(bind(&signature, &columns).is_ok());
    }

    #[test]
    fn ambiguous_outputs_are_refused() {
        let error = bound(classifier(), &[("score", DataType::Float64)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "1 output column declared, but the model gives label: int64[N], probabilities: float32[N, 2]. Declare one column for each output (ARRAY for a wide one), one for each element, or use the model's names (`label`)"
        );
        let error = bound(classifier(), &[("probabilities", DataType::Float64)]).unwrap_err();
        assert!(
            error.to_string().contains("must be an ARRAY<DOUBLE>"),
            "{error}"
        );
        let error = bound(
            classifier(),
            &[("label", DataType::Int64), ("probability", array())],
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("Did you mean `probabilities`?"),
            "{error}"
        );
        let outputs = vec![output("y", ElementType::Float32, &[])];
        let error = bound(outputs, &[("y", DataType::Int64)]).unwrap_err();
        assert!(error.to_string().contains("declare it DOUBLE"), "{error}");
    }
}
