//! Pipeline columns to model inputs.
//!
//! An input of one value a row takes one column. A matrix of *n* values takes *n* scalar columns, or
//! one array column. Names come first: an input's own name, the feature names in the file's metadata,
//! or `<input>_<position>` for the columns of a matrix. What names leave open goes by order, but only
//! where no name can be meant: never for features that the file names, and for other inputs only if
//! not a single name matched. Guessing further would score in silence with features swapped.

use std::collections::HashMap;

use arrow::datatypes::DataType;

use super::{BindError, Elements, Reason, listed, normalised, plural, suggestion};
use crate::signature::{ElementType, Signature, TensorSpec};

/// Where one input column goes.
#[derive(Debug, Clone, PartialEq)]
pub struct InputColumn {
    /// The declared name.
    pub name: String,
    /// The declared type.
    pub data_type: DataType,
    /// Index of the model's input.
    pub tensor: usize,
    /// Which elements of its row.
    pub elements: Elements,
    /// Why.
    pub reason: Reason,
    /// How values are converted, if they are.
    pub cast: Option<String>,
}

/// An element of a row of an input, waiting for its column.
struct Slot {
    tensor: usize,
    element: usize,
    /// What errors call it.
    label: String,
    /// Names that mean it.
    names: Vec<String>,
    /// Whether the file names it, so that order may not overrule the name.
    named: bool,
}

/// A column of a file that was chosen to feed a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its place among the file's columns.
    pub column: usize,
    /// Index of the model's input.
    pub tensor: usize,
    /// Which elements of its row.
    pub elements: Elements,
    /// Why.
    pub reason: Reason,
}

pub(super) fn bind(
    signature: &Signature,
    columns: &[(String, DataType)],
) -> Result<Vec<InputColumn>, BindError> {
    let matched = matched(signature, columns, false);
    let (missing, unused) = (matched.missing(), matched.unused(columns));
    if !missing.is_empty() || !unused.is_empty() {
        return Err(mismatch(
            signature,
            columns,
            &matched.slots,
            missing,
            unused,
        ));
    }
    let mut result = Vec::new();
    for ((name, data_type), bound) in columns.iter().zip(matched.bound) {
        let Some((tensor, elements, reason)) = bound else {
            continue;
        };
        let cast = input_cast(name, data_type, &signature.inputs[tensor])?;
        result.push(InputColumn {
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

/// See [`super::Binding::choose`].
pub(super) fn choose(
    signature: &Signature,
    columns: &[(String, DataType)],
) -> Result<Vec<Choice>, BindError> {
    let matched = matched(signature, columns, true);
    let missing = matched.missing();
    if !missing.is_empty() {
        let unused = matched.unused(columns);
        return Err(mismatch(
            signature,
            columns,
            &matched.slots,
            missing,
            unused,
        ));
    }
    let chosen = matched.bound.iter().enumerate();
    Ok(chosen
        .filter_map(|(column, bound)| {
            let (tensor, elements, reason) = (*bound)?;
            Some(Choice {
                column,
                tensor,
                elements,
                reason,
            })
        })
        .collect())
}

/// What columns feed which slots, as far as the rule goes.
struct Matched {
    slots: Vec<Slot>,
    /// For each slot, the column that feeds it.
    filled: Vec<Option<usize>>,
    /// For each column, what it feeds.
    bound: Vec<Option<(usize, Elements, Reason)>>,
}

impl Matched {
    fn missing(&self) -> Vec<String> {
        let slots = self.slots.iter().zip(&self.filled);
        slots
            .filter(|(_, by)| by.is_none())
            .map(|(slot, _)| slot.label.clone())
            .collect()
    }

    fn unused(&self, columns: &[(String, DataType)]) -> Vec<String> {
        let columns = columns.iter().zip(&self.bound);
        columns
            .filter(|(_, bound)| bound.is_none())
            .map(|((name, _), _)| name.clone())
            .collect()
    }
}

/// Applies the rule. With `extra`, some columns may be meant for others than the model, so order only completes inputs
/// of which no name was found.
fn matched(signature: &Signature, columns: &[(String, DataType)], extra: bool) -> Matched {
    let slots = slots(signature);
    let mut filled: Vec<Option<usize>> = vec![None; slots.len()];
    let mut bound: Vec<Option<(usize, Elements, Reason)>> = vec![None; columns.len()];

    for (reason, key) in [
        (Reason::ExactName, str::to_owned as fn(&str) -> String),
        (Reason::NormalisedName, normalised),
    ] {
        let slot_of = unique(
            slots
                .iter()
                .enumerate()
                .flat_map(|(index, slot)| slot.names.iter().map(move |name| (key(name), index))),
        );
        let tensor_of = unique(
            signature
                .inputs
                .iter()
                .enumerate()
                .map(|(index, input)| (key(&input.name), index)),
        );
        let column_of = unique(
            columns
                .iter()
                .enumerate()
                .map(|(index, (name, _))| (key(name), index)),
        );
        for (index, (name, data_type)) in columns.iter().enumerate() {
            if bound[index].is_some() || column_of.get(&key(name)) != Some(&Some(index)) {
                continue;
            }
            if is_list(data_type) {
                if let Some(Some(tensor)) = tensor_of.get(&key(name)) {
                    let mine = |slot: &Slot| slot.tensor == *tensor;
                    if slots
                        .iter()
                        .zip(&filled)
                        .all(|(slot, by)| !mine(slot) || by.is_none())
                    {
                        for (slot, by) in slots.iter().zip(&mut filled) {
                            if mine(slot) {
                                *by = Some(index);
                            }
                        }
                        bound[index] = Some((*tensor, Elements::All, reason));
                    }
                }
            } else if let Some(Some(slot)) = slot_of.get(&key(name))
                && filled[*slot].is_none()
            {
                filled[*slot] = Some(index);
                bound[index] = Some((
                    slots[*slot].tensor,
                    Elements::One(slots[*slot].element),
                    reason,
                ));
            }
        }
    }

    let named_any = bound.iter().any(Option::is_some);
    let partly = |tensor| {
        let mut mine = slots.iter().zip(&filled);
        mine.any(|(slot, by)| slot.tensor == tensor && by.is_some())
    };
    let by_order = slots
        .iter()
        .zip(&filled)
        .filter(|(_, by)| by.is_none())
        .all(|(slot, _)| {
            let by_name = slot.named || (named_any && slot.names.len() <= 1);
            let half_bound = extra && partly(slot.tensor);
            !by_name && !half_bound
        });
    if by_order {
        in_order(signature, columns, &slots, &mut filled, &mut bound);
    }

    Matched {
        slots,
        filled,
        bound,
    }
}

fn slots(signature: &Signature) -> Vec<Slot> {
    let mut slots = Vec::new();
    for (tensor, input) in signature.inputs.iter().enumerate() {
        let width = input.width();
        for element in 0..width {
            let (label, names, named) = if width == 1 {
                (input.name.clone(), vec![input.name.clone()], false)
            } else if let Some(feature) = input.features.get(element) {
                (feature.clone(), vec![feature.clone()], true)
            } else {
                let label = format!("{}_{element}", input.name);
                // The second name is what `CREATE MODEL` of a matrix without names offers.
                (label.clone(), vec![label, format!("f{element}")], false)
            };
            slots.push(Slot {
                tensor,
                element,
                label,
                names,
                named,
            });
        }
    }
    slots
}

/// Key to index, or to `None` where two share the key.
fn unique(pairs: impl Iterator<Item = (String, usize)>) -> HashMap<String, Option<usize>> {
    let mut map: HashMap<String, Option<usize>> = HashMap::new();
    for (key, index) in pairs {
        map.entry(key)
            .and_modify(|known| {
                if *known != Some(index) {
                    *known = None;
                }
            })
            .or_insert(Some(index));
    }
    map
}

/// Fills what is open in declared order, if all of it can be filled.
fn in_order(
    signature: &Signature,
    columns: &[(String, DataType)],
    slots: &[Slot],
    filled: &mut [Option<usize>],
    bound: &mut [Option<(usize, Elements, Reason)>],
) {
    let mut free: Vec<usize> = (0..slots.len())
        .filter(|slot| filled[*slot].is_none())
        .collect();
    free.reverse();
    let mut plan = Vec::new();
    for (column, (_, data_type)) in columns.iter().enumerate() {
        if bound[column].is_some() {
            continue;
        }
        let Some(&next) = free.last() else { return };
        let Slot {
            tensor, element, ..
        } = &slots[next];
        if is_list(data_type) {
            let width = signature.inputs[*tensor].width();
            let whole = *element == 0
                && free
                    .iter()
                    .rev()
                    .take(width)
                    .filter(|slot| slots[**slot].tensor == *tensor)
                    .count()
                    == width;
            if !whole {
                return;
            }
            for _ in 0..width {
                free.pop();
            }
            plan.push((column, (next..next + width), (*tensor, Elements::All)));
        } else {
            free.pop();
            plan.push((column, next..next + 1, (*tensor, Elements::One(*element))));
        }
    }
    if !free.is_empty() {
        return;
    }
    for (column, range, (tensor, elements)) in plan {
        filled[range].fill(Some(column));
        bound[column] = Some((tensor, elements, Reason::Order));
    }
}

fn mismatch(
    signature: &Signature,
    columns: &[(String, DataType)],
    slots: &[Slot],
    missing: Vec<String>,
    unused: Vec<String>,
) -> BindError {
    let mut message = format!(
        "the model wants {}, got {}",
        plural(slots.len(), "feature"),
        columns.len()
    );
    // A wide matrix without names has nothing worth listing.
    let has_names = slots.iter().any(|slot| slot.named) || signature.inputs.len() > 1;
    if !missing.is_empty() && (has_names || missing.len() < slots.len()) {
        message.push_str(&format!("; missing {}", listed(&missing)));
    }
    for name in &unused {
        let near = suggestion(name, missing.iter().map(String::as_str));
        match near {
            Some(near) => message.push_str(&format!(
                "; `{name}` is none of them, did you mean `{near}`?"
            )),
            None if has_names => message.push_str(&format!("; `{name}` is none of them")),
            None => {}
        }
    }
    for (name, data_type) in columns {
        if is_list(data_type) && unused.contains(name) {
            message.push_str(&format!(
                "; the array `{name}` must feed a whole input of the model"
            ));
        }
        if let Some(input) = signature
            .inputs
            .iter()
            .find(|input| input.name == *name && input.width() > 1)
            && !is_list(data_type)
        {
            message.push_str(&format!(
                "; input `{name}` holds {} values a row: declare as many columns, or one ARRAY<{}>",
                input.width(),
                input.element.sql()
            ));
        }
    }
    let inputs: Vec<String> = signature
        .inputs
        .iter()
        .map(|input| signature.render(input))
        .collect();
    message.push_str(&format!(" (its inputs: {})", inputs.join(", ")));
    BindError::Inputs {
        message,
        missing,
        unused,
    }
}

pub(crate) fn is_list(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)
    )
}

/// How a column becomes the tensor's elements; `None` when it already is of that type.
fn input_cast(
    column: &str,
    data_type: &DataType,
    tensor: &TensorSpec,
) -> Result<Option<String>, BindError> {
    let item = match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            item.data_type()
        }
        scalar => scalar,
    };
    let element = tensor.element;
    let integer = matches!(
        item,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64
    );
    let number = integer
        || matches!(
            item,
            DataType::Float32 | DataType::Float64 | DataType::Decimal128(..)
        );
    let same = match element {
        ElementType::Float32 => *item == DataType::Float32,
        ElementType::Float64 => *item == DataType::Float64,
        ElementType::Int32 => *item == DataType::Int32,
        ElementType::Int64 => *item == DataType::Int64,
        ElementType::Bool => *item == DataType::Boolean,
        ElementType::String => matches!(
            item,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
        ),
    };
    if same {
        return Ok(None);
    }
    let fits = match element {
        ElementType::Float32 | ElementType::Float64 => number || *item == DataType::Boolean,
        ElementType::Int32 | ElementType::Int64 => integer,
        ElementType::Bool | ElementType::String => false,
    };
    if fits {
        return Ok(Some(format!("cast to {element}")));
    }
    let remedy = match element {
        ElementType::Float32 | ElementType::Float64 if is_text(item) => {
            "turn it into a number first, for example with CASE, or CAST it to DOUBLE".to_owned()
        }
        _ => format!("CAST it to {} in the query", element.sql()),
    };
    Err(BindError::InputType {
        column: column.to_owned(),
        fault: format!(
            "column `{column}` has type {item}, but input `{}` of the model takes {element}",
            tensor.name
        ),
        remedy,
    })
}

fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;

    use super::*;
    use crate::signature::BatchSize;

    fn input(
        name: &str,
        element: ElementType,
        row_shape: &[usize],
        features: &[&str],
    ) -> TensorSpec {
        TensorSpec {
            name: name.to_owned(),
            element,
            row_shape: row_shape.to_vec(),
            features: features.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn bound(
        inputs: Vec<TensorSpec>,
        columns: &[(&str, DataType)],
    ) -> Result<Vec<String>, BindError> {
        let signature = Signature {
            batch: BatchSize::Any,
            inputs,
            outputs: vec![],
        };
        let columns: Vec<(String, DataType)> = columns
            .iter()
            .map(|(name, ty)| ((*name).to_owned(), ty.clone()))
            .collect();
        let inputs = bind(&signature, &columns)?;
        Ok(super::super::Binding {
            inputs,
            outputs: vec![],
        }
        .explain(&signature))
    }

    const D: DataType = DataType::Float64;

    #[test]
    fn a_named_matrix_is_bound_by_name_in_any_order() {
        let matrix = input("X", ElementType::Float32, &[2], &["amount", "hour"]);
        assert_eq!(
            bound(
                vec![matrix],
                &[("Hour", DataType::Int64), ("amount", DataType::Float32)]
            )
            .unwrap(),
            [
                "Hour → X[1] (same name once normalised, cast to float32)",
                "amount → X[0] (same name)"
            ]
        );
    }

    #[test]
    fn a_named_matrix_is_never_bound_by_order() {
        let matrix = input("X", ElementType::Float32, &[2], &["amount", "sum_1h"]);
        let error = bound(vec![matrix.clone()], &[("amonut", D), ("sum_1h", D)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the model wants 2 features, got 2; missing `amount`; `amonut` is none of them, did you mean `amount`? (its inputs: X: float32[N, 2])"
        );
        let error = bound(vec![matrix], &[("amount", D)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the model wants 2 features, got 1; missing `sum_1h` (its inputs: X: float32[N, 2])"
        );
    }

    #[test]
    fn an_unnamed_matrix_is_bound_by_order() {
        let matrix = input("float_input", ElementType::Float32, &[2], &[]);
        assert_eq!(
            bound(vec![matrix.clone()], &[("b", D), ("a", D)]).unwrap(),
            [
                "b → float_input[0] (by order, cast to float32)",
                "a → float_input[1] (by order, cast to float32)"
            ]
        );
        let error = bound(vec![matrix], &[("b", D)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the model wants 2 features, got 1 (its inputs: float_input: float32[N, 2])"
        );
    }

    #[test]
    fn an_array_feeds_a_matrix() {
        let matrix = input("x", ElementType::Float32, &[3], &[]);
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Float32, true)));
        assert_eq!(
            bound(vec![matrix], &[("embedding", list)]).unwrap(),
            ["embedding → x[0..3] (by order)"]
        );
    }

    #[test]
    fn one_tensor_a_column_by_name_then_by_order_but_never_mixed() {
        let inputs = || {
            vec![
                input("user_id", ElementType::Int64, &[], &[]),
                input("price", ElementType::Float32, &[1], &[]),
            ]
        };
        assert_eq!(
            bound(
                inputs(),
                &[
                    ("price", DataType::Decimal128(10, 2)),
                    ("user_id", DataType::Int32)
                ]
            )
            .unwrap(),
            [
                "price → price (same name, cast to float32)",
                "user_id → user_id (same name, cast to int64)"
            ]
        );
        assert_eq!(
            bound(
                inputs(),
                &[("u", DataType::Int64), ("p", DataType::Float32)]
            )
            .unwrap(),
            ["u → user_id (by order)", "p → price (by order)"]
        );
        let error = bound(inputs(), &[("user_id", DataType::Int64), ("cost", D)]).unwrap_err();
        assert!(error.to_string().contains("missing `price`"), "{error}");
    }

    #[test]
    fn a_files_columns_are_chosen_by_name_and_in_order_only_if_none_is_left_over() {
        let chosen = |inputs: Vec<TensorSpec>, columns: &[&str]| {
            let signature = Signature {
                batch: BatchSize::Any,
                inputs,
                outputs: vec![],
            };
            let columns: Vec<(String, DataType)> =
                columns.iter().map(|name| ((*name).to_owned(), D)).collect();
            choose(&signature, &columns).map(|chosen| {
                let places = chosen.iter().map(|c| (c.column, c.elements));
                (places.collect::<Vec<_>>(), chosen.first().map(|c| c.reason))
            })
        };
        let named = || vec![input("X", ElementType::Float32, &[2], &["amount", "hour"])];
        let unnamed = || vec![input("X", ElementType::Float32, &[2], &[])];
        let (first, second) = (Elements::One(0), Elements::One(1));
        assert_eq!(
            chosen(named(), &["id", "hour", "label", "amount"]).unwrap(),
            (vec![(1, second), (3, first)], Some(Reason::ExactName))
        );
        assert_eq!(
            chosen(unnamed(), &["a", "b"]).unwrap(),
            (vec![(0, first), (1, second)], Some(Reason::Order))
        );
        assert_eq!(
            chosen(unnamed(), &["f1", "f0", "f2"]).unwrap(),
            (vec![(0, second), (1, first)], Some(Reason::ExactName))
        );
        // Too many, and one name that might be chance: nothing is guessed.
        assert!(chosen(unnamed(), &["id", "a", "b"]).is_err());
        assert!(chosen(unnamed(), &["f0", "a"]).is_err());
        assert!(chosen(named(), &["a", "b"]).is_err());
    }

    #[test]
    fn a_type_that_would_lose_meaning_is_refused_with_the_remedy() {
        let inputs = vec![input("user_id", ElementType::Int64, &[], &[])];
        let error = bound(inputs, &[("user_id", D)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `user_id` has type Float64, but input `user_id` of the model takes int64: CAST it to BIGINT in the query"
        );
    }
}
