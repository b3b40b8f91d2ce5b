//! Makes sure that a row's score is its own.
//!
//! A row must score the same wherever in a batch it stands and however long that batch is: after a
//! failure the same rows come back in other batches, and the output must be the same bytes. Neither is a law
//! of nature. A model may mix its rows (a softmax over the batch dimension, a mean over all rows), and
//! a matrix kernel for one row may add up in another order than one for many.
//!
//! So probe rows are scored with every plan when a model is loaded: a model whose rows influence one another is
//! refused, and a plan that differs in even one bit from the largest one is dropped. Rounding shows in some rows
//! only, so a plan must also multiply matrices with kernels that add up as those of the largest one do.

use std::borrow::Cow;
use std::collections::BTreeSet;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{DatumType, TValue, Tensor, TractResult, tvec};

use crate::guard::guarded;
use crate::plan::{Plan, blank, chain};
use crate::signature::{ElementType, TensorSpec};
use crate::trial;
use crate::vet::Refusal;

/// Rows used to compare plans with one another.
const PROBES: usize = 64;

/// Places that the probes are scored at with each plan. A plan of one row has only one place.
const PLACES: usize = 512;

/// How probe values are drawn. The later kinds are for models that cannot take the earlier ones, such
/// as ids that index a table.
#[derive(Debug, Clone, Copy)]
enum Probe {
    /// Spread around zero, the last row all NaN.
    SpreadAndMissing,
    /// Spread around zero.
    Spread,
    /// Zeros and ones.
    Bits,
    /// Ones and twos, for models that divide by an integer.
    Counts,
    /// Zeros.
    Zeros,
}

/// Value of element `element` of probe row `row`: a fixed pseudo-random sequence (SplitMix64).
fn probe_value(kind: Probe, row: usize, element: usize) -> f64 {
    let mut x = (row as u64 + 1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add((element as u64).wrapping_mul(0xD1B5_4A32_D192_ED03));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 31;
    match kind {
        Probe::SpreadAndMissing if row + 1 == PROBES => f64::NAN,
        Probe::SpreadAndMissing | Probe::Spread => {
            (x >> 11) as f64 / (1u64 << 53) as f64 * 6.0 - 3.0
        }
        Probe::Bits => (x & 1) as f64,
        Probe::Counts => (x & 1) as f64 + 1.0,
        Probe::Zeros => 0.0,
    }
}

/// Most words that probes are made of.
const WORDS: usize = 64;

/// Strings for the probes: two that no model knows, and some that this one does, such as categories.
pub(crate) fn words(model: &ModelProto) -> Vec<String> {
    let graphs = || model.graph.iter();
    let attributes = || {
        let nodes = graphs().flat_map(|graph| &graph.node);
        nodes.flat_map(|node| &node.attribute)
    };
    let tensors = graphs()
        .flat_map(|graph| &graph.initializer)
        .chain(attributes().filter_map(|attribute| attribute.t.as_ref()))
        .map(|tensor| &tensor.string_data);
    let known: BTreeSet<&str> = attributes()
        .map(|attribute| &attribute.strings)
        .chain(tensors)
        // A few of each list, so that every encoder has its own among them.
        .flat_map(|list| list.iter().take(8))
        .filter_map(|text| std::str::from_utf8(text).ok())
        .take(WORDS)
        .collect();
    let unknown = ["a", "b"].into_iter();
    unknown.chain(known).map(str::to_owned).collect()
}

/// A batch of probe rows: row `r` holds probe [`probe_of`]`(r + shift)`.
fn probe_tensor(
    kind: Probe,
    words: &[String],
    input: &TensorSpec,
    salt: usize,
    rows: usize,
    shift: usize,
) -> TractResult<Tensor> {
    let width = input.width().max(1);
    let value = |index: usize| {
        let (row, element) = (index / width, index % width);
        probe_value(kind, probe_of(row + shift), element + salt * 7919)
    };
    let shape = input.shape(rows);
    let len: usize = shape.iter().product();
    let bit = |index: usize| match kind {
        Probe::Counts => value(index) as i64,
        _ => i64::from(value(index) > 0.5),
    };
    match input.element {
        ElementType::Float32 => Tensor::from_shape(
            &shape,
            &(0..len).map(|i| value(i) as f32).collect::<Vec<_>>(),
        ),
        ElementType::Float64 => {
            Tensor::from_shape(&shape, &(0..len).map(value).collect::<Vec<_>>())
        }
        ElementType::Int32 => {
            Tensor::from_shape(&shape, &(0..len).map(|i| bit(i) as i32).collect::<Vec<_>>())
        }
        ElementType::Int64 => Tensor::from_shape(&shape, &(0..len).map(bit).collect::<Vec<_>>()),
        ElementType::Bool => {
            Tensor::from_shape(&shape, &(0..len).map(|i| bit(i) == 1).collect::<Vec<_>>())
        }
        ElementType::String => {
            let mut tensor = blank(input.element, &shape)?;
            for (index, text) in tensor
                .try_as_plain_ram_mut()?
                .as_slice_mut::<String>()?
                .iter_mut()
                .enumerate()
            {
                let choice = match kind {
                    Probe::Zeros => 0,
                    _ => (value(index).abs() * 1e6) as usize % words.len().max(1),
                };
                *text = words.get(choice).cloned().unwrap_or_default();
            }
            Ok(tensor)
        }
    }
}

/// The probe that stands at a place of the endless sequence that batches are cut from. Each probe meets many
/// places and many neighbours.
fn probe_of(place: usize) -> usize {
    (place * 5 + place / PROBES) % PROBES
}

/// What each row of a batch gave, as bits: one list of output values a row.
fn score_probes(
    plan: &Plan,
    kind: Probe,
    words: &[String],
    inputs: &[TensorSpec],
    outputs: &[TensorSpec],
    shift: usize,
) -> Result<Vec<Vec<Bits>>, String> {
    let run = || -> TractResult<Vec<Vec<Bits>>> {
        let mut values = tvec!();
        for (salt, input) in inputs.iter().enumerate() {
            values.push(TValue::from(probe_tensor(
                kind, words, input, salt, plan.rows, shift,
            )?));
        }
        let results = plan.run(values)?;
        let mut rows = vec![Vec::new(); plan.rows];
        for (result, spec) in results.iter().zip(outputs) {
            push_bits(result, spec, &mut rows)?;
        }
        Ok(rows)
    };
    guarded(|| trial::run(run))?.map_err(|error| chain(&error))
}

/// One output value, comparable bit by bit; all NaN are alike.
#[derive(Debug, Clone, PartialEq)]
enum Bits {
    Number { bits: u64, value: f64 },
    Text(String),
}

fn push_bits(tensor: &Tensor, spec: &TensorSpec, rows: &mut [Vec<Bits>]) -> TractResult<()> {
    let width = spec.width();
    let number = |value: f64, bits: u64| Bits::Number {
        bits: if value.is_nan() {
            f64::NAN.to_bits()
        } else {
            bits
        },
        // Comparable with `==`, unlike NaN.
        value: if value.is_nan() { f64::MAX } else { value },
    };
    let cast = if tensor.datum_type() == DatumType::TDim {
        tensor.cast_to::<i64>()?
    } else {
        Cow::Borrowed(tensor)
    };
    let plain = cast.try_as_plain_ram()?;
    let all: Vec<Bits> = match spec.element {
        ElementType::Float32 => plain
            .as_slice::<f32>()?
            .iter()
            .map(|v| number(f64::from(*v), f64::from(*v).to_bits()))
            .collect(),
        ElementType::Float64 => plain
            .as_slice::<f64>()?
            .iter()
            .map(|v| number(*v, v.to_bits()))
            .collect(),
        ElementType::Int32 => plain
            .as_slice::<i32>()?
            .iter()
            .map(|v| number(f64::from(*v), *v as u64))
            .collect(),
        ElementType::Int64 => plain
            .as_slice::<i64>()?
            .iter()
            .map(|v| number(*v as f64, *v as u64))
            .collect(),
        ElementType::Bool => plain
            .as_slice::<bool>()?
            .iter()
            .map(|v| number(f64::from(u8::from(*v)), u64::from(*v)))
            .collect(),
        ElementType::String => plain
            .as_slice::<String>()?
            .iter()
            .cloned()
            .map(Bits::Text)
            .collect(),
    };
    for (row, values) in rows.iter_mut().zip(all.chunks(width.max(1))) {
        row.extend_from_slice(values);
    }
    Ok(())
}

/// Results of one plan: the row of values of each probe, and whether every place gave the same bits.
struct Probed {
    by_probe: Vec<Option<Vec<Bits>>>,
    place_independent: bool,
}

fn probe(
    plan: &Plan,
    kind: Probe,
    words: &[String],
    inputs: &[TensorSpec],
    outputs: &[TensorSpec],
) -> Result<Probed, String> {
    let mut by_probe: Vec<Option<Vec<Bits>>> = vec![None; PROBES];
    let mut place_independent = true;
    // A step that is no multiple of the batch lets probes meet other places and neighbours.
    let (runs, step) = if plan.rows == 1 {
        (PROBES, 1)
    } else {
        (PLACES.div_ceil(plan.rows).max(2), plan.rows + 1)
    };
    for run in 0..runs {
        let shift = run * step;
        let rows = score_probes(plan, kind, words, inputs, outputs, shift)?;
        for (row, values) in rows.into_iter().enumerate() {
            match &mut by_probe[probe_of(row + shift)] {
                empty @ None => *empty = Some(values),
                Some(first) => {
                    if !close(first, &values) {
                        return Err(MIXED.to_owned());
                    }
                    place_independent &= *first == values;
                }
            }
        }
    }
    Ok(Probed {
        by_probe,
        place_independent,
    })
}

const MIXED: &str = "the score of a row depends on the other rows of its batch. Batches of a stream have no meaning of their own, so such a model cannot be scored here. Export it so that nothing is computed over the first dimension";

/// True unless the values differ by more than rounding.
fn close(left: &[Bits], right: &[Bits]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|pair| match pair {
            (Bits::Number { value: a, .. }, Bits::Number { value: b, .. }) => {
                a == b || (a - b).abs() <= 1e-4 * (1.0 + a.abs().max(b.abs()))
            }
            (a, b) => a == b,
        })
}

/// Keeps the plans that give the same bits for the same row; never none. `plans` stand smallest first, `words` are
/// what probes of string inputs are made of.
pub(crate) fn agreeing(
    plans: Vec<Plan>,
    words: &[String],
    inputs: &[TensorSpec],
    outputs: &[TensorSpec],
) -> Result<Vec<Plan>, Refusal> {
    let mut reason = String::new();
    for kind in [
        Probe::SpreadAndMissing,
        Probe::Spread,
        Probe::Bits,
        Probe::Counts,
        Probe::Zeros,
    ] {
        match plans
            .iter()
            .map(|plan| probe(plan, kind, words, inputs, outputs))
            .collect::<Result<Vec<_>, _>>()
        {
            Ok(probed) => return keep_agreeing(plans, probed),
            Err(mixed) if mixed == MIXED => return Err(Refusal::Unsupported(mixed)),
            Err(other) => reason = other,
        }
    }
    Err(Refusal::Unsupported(format!("a trial run fails: {reason}")))
}

fn keep_agreeing(plans: Vec<Plan>, probed: Vec<Probed>) -> Result<Vec<Plan>, Refusal> {
    let mut kept: Vec<Plan> = Vec::new();
    let mut reference: Option<Vec<Option<Vec<Bits>>>> = None;
    for (plan, probed) in plans.into_iter().zip(probed).rev() {
        let agrees = match &reference {
            None => true,
            Some(reference) => {
                for pair in reference.iter().zip(&probed.by_probe) {
                    if let (Some(a), Some(b)) = pair
                        && !close(a, b)
                    {
                        return Err(Refusal::Unsupported(MIXED.to_owned()));
                    }
                }
                reference
                    .iter()
                    .zip(&probed.by_probe)
                    .all(|(a, b)| a.is_none() || b.is_none() || a == b)
            }
        };
        // A plan of one row has one place only. One that the caller fixed has no alternative.
        let last = kept.is_empty() && plan.rows == 1;
        let agrees = agrees
            && kept
                .first()
                .is_none_or(|largest: &Plan| largest.kernels() == plan.kernels());
        if (probed.place_independent && agrees) || last {
            reference.get_or_insert(probed.by_probe);
            kept.push(plan);
        } else {
            tracing::debug!(rows = plan.rows, "plan dropped: it rounds differently");
        }
    }
    if kept.is_empty() {
        return Err(Refusal::Unsupported(
            "its fixed batch dimension makes a row's score depend on its place. Export it with the first dimension open".to_owned(),
        ));
    }
    kept.reverse();
    Ok(kept)
}
