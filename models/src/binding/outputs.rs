//! Model outputs to pipeline columns.
//!
//! A declared column takes one output of one value a row, one element of a wider output
//! (`<output>_<position>`), or, as an ARRAY, a whole output. Names come first. Pipelines name their
//! scores as they like, so order follows where no declared name occurs in the model: column by output
//! if there are as many, else column by element if there are as many elements. Anything else is
//! ambiguous and an error that lists what the model offers.

use arrow::datatypes::DataType;

use super::inputs::is_list;
use super::{BindError, Elements, Reason, normalised, plural, suggestion};
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
        let names = signature.outputs.iter().map(|output| output.name.as_str());
        let near = suggestion(name, names)
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
        let mut found = Vec::new();
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
            } else if !list && output.width() > 1 {
                for element in 0..output.width() {
                    if key(&format!("{}_{element}", output.name)) == key(name) {
                        found.push((tensor, Elements::One(element)));
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
            outputs
                .first()
                .map(|output| {
                    if output.width() == 1 {
                        output.name.clone()
                    } else {
                        format!("{}_0", output.name)
                    }
                })
                .unwrap_or_default()
        ),
    })
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
                "output `{}` of the model holds {} values a row, so column `{column}` must be an ARRAY<{}>, or be named for one of them, such as `{}_1`",
                tensor.name,
                tensor.width(),
                tensor.element.sql(),
                tensor.name
            ));
        }
        (scalar, Elements::One(_)) => scalar,
    };
    let same = match tensor.element {
        ElementType::Float32 => *item == DataType::Float32,
        ElementType::Float64 => *item == DataType::Float64,
        ElementType::Int32 => *item == DataType::Int32,
        ElementType::Int64 => *item == DataType::Int64,
        ElementType::Bool => *item == DataType::Boolean,
        ElementType::String => *item == DataType::Utf8,
    };
    if same {
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
    use std::sync::Arc;

    use arrow::datatypes::Field;

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
