//! Executable plans of one model, one for each of a few batch sizes.
//!
//! **Why fixed sizes.** With a symbolic batch, tract panics on some operators and gives up on many
//! optimisations. So the batch dimension is fixed before shapes are inferred, once for each size of
//! [`BATCH_SIZES`]; a batch of any length is cut into those, the last piece padded.
//!
//! **Why they are compared.** A row must score the same wherever in a batch it stands and however
//! long that batch is: after a failure the same rows come back in other batches, and the output must
//! be the same bytes. Neither is a law of nature. A model may mix its rows (a softmax over the batch
//! dimension, a mean over all rows), and a matrix kernel for one row may add up in another order
//! than one for many. So [`Plans::prepare`] scores probe rows with every plan: a model whose rows
//! influence one another is refused, and a plan that differs in even one bit from the largest one is
//! dropped.

use std::sync::Arc;

use tract_onnx::prelude::{
    Datum, DatumType, Framework, InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable,
    TValue, Tensor, TractResult, TypedModel, TypedSimplePlan, TypedSimpleState, tvec,
};
use tract_onnx::tract_hir::infer::Factoid;

use crate::guard::guarded;
use crate::operators::{self, Types};
use crate::signature::{BatchSize, ElementType, TensorSpec};
use crate::vet::{Declared, DeclaredDim, Limits, Refusal, Vetted};

/// Batch sizes that plans are made for, smallest first. 512 rows of a tabular model stay within a
/// core's cache, and larger calls are no faster; 8 is where the fixed cost of a call (about five
/// microseconds) no longer dominates.
const BATCH_SIZES: [usize; 5] = [1, 8, 32, 128, 512];

/// Rows used to compare plans with one another.
const PROBES: usize = 8;

/// A plan for one batch size.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) rows: usize,
    plan: Arc<TypedSimplePlan>,
}

impl Plan {
    pub(crate) fn state(&self) -> Result<TypedSimpleState, String> {
        guarded(|| self.plan.spawn())?.map_err(|error| chain(&error))
    }
}

/// The plans of a model and the shapes they turned out to have.
#[derive(Debug)]
pub(crate) struct Plans {
    pub(crate) batch: BatchSize,
    pub(crate) inputs: Vec<TensorSpec>,
    pub(crate) outputs: Vec<TensorSpec>,
    /// Smallest first, never empty; all give the same bits for the same row.
    pub(crate) plans: Vec<Plan>,
}

impl Plans {
    /// Makes and compares the plans.
    pub(crate) fn prepare(vetted: &Vetted, limits: &Limits) -> Result<Self, Refusal> {
        let (batch, inputs) = inputs(&vetted.inputs, limits)?;
        let parsed = guarded(|| operators::registry().model_for_proto_model(&vetted.proto))
            .map_err(Refusal::Unsupported)?
            .map_err(|error| Refusal::Malformed(chain(&error)))?;
        check_inputs(&parsed, &inputs)?;

        let sizes: &[usize] = match &batch {
            BatchSize::Any => &BATCH_SIZES,
            BatchSize::Fixed(rows) => std::slice::from_ref(rows),
        };
        let mut plans = Vec::new();
        let mut outputs = None;
        for &rows in sizes {
            let prepared = guarded(|| specialise(vetted, &parsed, &inputs, rows, limits))
                .map_err(Refusal::Unsupported)?;
            let typed = match prepared {
                Ok(typed) => typed,
                // The small sizes fit, this one is beyond the limit: do without it.
                Err(Specialise::TooLarge(_)) if !plans.is_empty() => break,
                Err(Specialise::TooLarge(reason) | Specialise::Refused(reason)) => {
                    return Err(Refusal::Unsupported(reason));
                }
            };
            let found = output_specs(&typed, &vetted.outputs, rows)?;
            match &outputs {
                None => outputs = Some(found),
                Some(first) if *first == found => {}
                Some(_) => {
                    return Err(Refusal::Unsupported(
                        "the shape of its outputs does not follow the batch dimension".to_owned(),
                    ));
                }
            }
            let plan = guarded(|| typed.into_runnable())
                .map_err(Refusal::Unsupported)?
                .map_err(|error| Refusal::Unsupported(chain(&error)))?;
            plans.push(Plan { rows, plan });
        }
        let outputs = outputs.unwrap_or_default();
        let plans = agreeing(plans, &inputs, &outputs)?;
        Ok(Self {
            batch,
            inputs,
            outputs,
            plans,
        })
    }
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &tract_onnx::prelude::TractError) -> String {
    let mut text = format!("{error:#}").replace('\n', " ");
    if text.len() > 600 {
        let end = (0..=600)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

pub(crate) fn datum(element: ElementType) -> DatumType {
    match element {
        ElementType::Float32 => DatumType::F32,
        ElementType::Float64 => DatumType::F64,
        ElementType::Int32 => DatumType::I32,
        ElementType::Int64 => DatumType::I64,
        ElementType::Bool => DatumType::Bool,
        ElementType::String => DatumType::String,
    }
}

/// Splits the declared shapes of the inputs into the batch and what a row holds.
fn inputs(declared: &[Declared], limits: &Limits) -> Result<(BatchSize, Vec<TensorSpec>), Refusal> {
    let mut batch: Option<BatchSize> = None;
    let mut specs = Vec::new();
    for input in declared {
        let Some(shape) = &input.shape else {
            return Err(Refusal::Unsupported(format!(
                "input `{}` declares no shape. Export it with a shape such as [N, features]",
                input.name
            )));
        };
        let Some((first, rest)) = shape.split_first() else {
            return Err(Refusal::Unsupported(format!(
                "input `{}` is a single value without a batch dimension. Export it with shape [N] or [N, 1]",
                input.name
            )));
        };
        let size = match first {
            DeclaredDim::Open => BatchSize::Any,
            DeclaredDim::Fixed(rows) => BatchSize::Fixed(*rows),
        };
        match batch {
            None => batch = Some(size),
            Some(other) if other == size => {}
            Some(other) => {
                return Err(Refusal::Unsupported(format!(
                    "its inputs disagree on the batch dimension ({other} and {size}). Export all of them with the first dimension open"
                )));
            }
        }
        let mut row_shape = Vec::new();
        for (index, dim) in rest.iter().enumerate() {
            match dim {
                DeclaredDim::Fixed(size) => row_shape.push(*size),
                DeclaredDim::Open => {
                    return Err(Refusal::Unsupported(format!(
                        "dimension {} of input `{}` is open. Only the first, the batch, may be: export the model with the others fixed",
                        index + 1,
                        input.name
                    )));
                }
            }
        }
        let width = row_shape
            .iter()
            .try_fold(1usize, |product, dim| product.checked_mul(*dim));
        if width.is_none_or(|width| width > limits.row_elements) {
            return Err(Refusal::Unsupported(format!(
                "a row of input `{}` has more than {} elements",
                input.name, limits.row_elements
            )));
        }
        specs.push(TensorSpec {
            name: input.name.clone(),
            element: input.element,
            row_shape,
            features: Vec::new(),
        });
    }
    Ok((batch.unwrap_or(BatchSize::Any), specs))
}

/// tract numbers inputs by itself; they are addressed by position, so the order must be the file's.
fn check_inputs(parsed: &InferenceModel, inputs: &[TensorSpec]) -> Result<(), Refusal> {
    let outlets = parsed
        .input_outlets()
        .map_err(|error| Refusal::Malformed(chain(&error)))?;
    let names: Vec<&str> = outlets
        .iter()
        .map(|outlet| parsed.node(outlet.node).name.as_str())
        .collect();
    let wanted: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    if names == wanted {
        Ok(())
    } else {
        Err(Refusal::Malformed(format!(
            "its inputs are {wanted:?}, but its graph reads {names:?}"
        )))
    }
}

enum Specialise {
    /// A tensor exceeds the limit at this batch size.
    TooLarge(String),
    Refused(String),
}

impl From<tract_onnx::prelude::TractError> for Specialise {
    fn from(error: tract_onnx::prelude::TractError) -> Self {
        Self::Refused(chain(&error))
    }
}

/// Fixes the batch at `rows`, infers all types and shapes, checks them and optimises the graph.
fn specialise(
    vetted: &Vetted,
    parsed: &InferenceModel,
    inputs: &[TensorSpec],
    rows: usize,
    limits: &Limits,
) -> Result<TypedModel, Specialise> {
    let mut model = parsed.clone();
    for (index, input) in inputs.iter().enumerate() {
        let fact = InferenceFact::dt_shape(datum(input.element), input.shape(rows));
        model.set_input_fact(index, fact)?;
    }
    model.analyse(false)?;
    check_types(vetted, &model)?;
    for node in model.nodes() {
        for output in &node.outputs {
            let Some(shape) = output.fact.shape.concretize() else {
                continue;
            };
            let elements = shape.iter().try_fold(1usize, |product, dim| {
                product.checked_mul(usize::try_from(dim.as_i64().unwrap_or(1)).ok()?)
            });
            if elements.is_none_or(|elements| elements > limits.tensor_elements) {
                return Err(Specialise::TooLarge(format!(
                    "the result of `{}` has shape {shape:?} for {rows} rows; the limit is {} elements",
                    node.name, limits.tensor_elements
                )));
            }
        }
    }
    Ok(model.into_typed()?.into_decluttered()?.into_optimized()?)
}

/// Refuses operators on element types that no case covers.
fn check_types(vetted: &Vetted, model: &InferenceModel) -> Result<(), Specialise> {
    let Some(graph) = &vetted.proto.graph else {
        return Err(Specialise::Refused("it holds no graph".to_owned()));
    };
    for node in &graph.node {
        let Some(operator) = operators::find(&node.domain, &node.op_type) else {
            return Err(Specialise::Refused(format!(
                "operator {} is not supported yet",
                node.op_type
            )));
        };
        let Some(output) = node.output.iter().find(|name| !name.is_empty()) else {
            continue;
        };
        let Some(outlet) = model.find_outlet_label(output) else {
            continue;
        };
        let Some(input) = model.node(outlet.node).inputs.first() else {
            continue;
        };
        let Some(datum) = model.outlet_fact(*input)?.datum_type.concretize() else {
            return Err(Specialise::Refused(format!(
                "the element type of an input of operator {} cannot be inferred",
                node.op_type
            )));
        };
        if !operator.types.contains(Types::of(datum)) {
            return Err(Specialise::Refused(format!(
                "operator {} on {} is not supported yet. A model must score exactly as ONNX Runtime does, so it is not loaded",
                operators::display_name(node),
                format!("{datum:?}").to_lowercase()
            )));
        }
    }
    Ok(())
}

/// Outputs with the shapes the plan has, which exporters do not always declare right.
fn output_specs(
    typed: &TypedModel,
    declared: &[Declared],
    rows: usize,
) -> Result<Vec<TensorSpec>, Refusal> {
    let mut specs = Vec::new();
    for (index, output) in declared.iter().enumerate() {
        let fact = typed
            .output_fact(index)
            .map_err(|error| Refusal::Malformed(chain(&error)))?;
        let shape: Option<Vec<usize>> = fact.shape.as_concrete().map(<[usize]>::to_vec);
        let Some(shape) = shape else {
            return Err(Refusal::Unsupported(format!(
                "the shape of output `{}` depends on the values it is computed from",
                output.name
            )));
        };
        let follows = shape.first() == Some(&rows);
        if !follows {
            return Err(Refusal::Unsupported(format!(
                "output `{}` has shape {shape:?} for a batch of {rows} rows. Its first dimension must be the batch",
                output.name
            )));
        }
        let found = fact.datum_type;
        let agrees = found == datum(output.element)
            || (found == DatumType::TDim && output.element == ElementType::Int64);
        if !agrees {
            return Err(Refusal::Malformed(format!(
                "output `{}` is declared {} but computes {found:?}",
                output.name, output.element
            )));
        }
        specs.push(TensorSpec {
            name: output.name.clone(),
            element: output.element,
            row_shape: shape[1..].to_vec(),
            features: Vec::new(),
        });
    }
    Ok(specs)
}

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
        Probe::Zeros => 0.0,
    }
}

/// One probe tensor: row `r` of the batch is probe row `(r * 5 + r / PROBES) % PROBES`, so that each
/// probe stands in many places with many neighbours.
fn probe_tensor(kind: Probe, input: &TensorSpec, salt: usize, rows: usize) -> TractResult<Tensor> {
    let width = input.width();
    let value = |index: usize| {
        let (row, element) = (index / width.max(1), index % width.max(1));
        probe_value(kind, probe_of(row), element + salt * 7919)
    };
    let shape = input.shape(rows);
    let len: usize = shape.iter().product();
    let bit = |index: usize| i64::from(value(index) > 0.5);
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
            let mut tensor = Tensor::zero_dt(String::datum_type(), &shape)?;
            for (index, text) in tensor
                .try_as_plain_ram_mut()?
                .as_slice_mut::<String>()?
                .iter_mut()
                .enumerate()
            {
                *text = if bit(index) == 1 {
                    "b".to_owned()
                } else {
                    "a".to_owned()
                };
            }
            Ok(tensor)
        }
    }
}

fn probe_of(row: usize) -> usize {
    (row * 5 + row / PROBES) % PROBES
}

/// What each row of a batch gave, as bits: one list of output values a row.
fn score_probes(
    plan: &Plan,
    kind: Probe,
    inputs: &[TensorSpec],
    outputs: &[TensorSpec],
    single_row: Option<usize>,
) -> Result<Vec<Vec<Bits>>, String> {
    let run = || -> TractResult<Vec<Vec<Bits>>> {
        let mut values = tvec!();
        for (salt, input) in inputs.iter().enumerate() {
            let tensor = match single_row {
                None => probe_tensor(kind, input, salt, plan.rows)?,
                // A plan of one row meets the probes one after the other.
                Some(row) => probe_tensor(kind, input, salt, row + 1)?.slice(0, row, row + 1)?,
            };
            values.push(TValue::from(tensor));
        }
        let results = plan.plan.run(values)?;
        let mut rows = vec![Vec::new(); plan.rows];
        for (result, spec) in results.iter().zip(outputs) {
            push_bits(result, spec, &mut rows)?;
        }
        Ok(rows)
    };
    guarded(run)?.map_err(|error| chain(&error))
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
        std::borrow::Cow::Borrowed(tensor)
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
    inputs: &[TensorSpec],
    outputs: &[TensorSpec],
) -> Result<Probed, String> {
    let rows: Vec<Vec<Bits>> = if plan.rows == 1 {
        (0..PROBES)
            .map(|row| Ok(score_probes(plan, kind, inputs, outputs, Some(row))?.swap_remove(0)))
            .collect::<Result<_, String>>()?
    } else {
        score_probes(plan, kind, inputs, outputs, None)?
    };
    let mut by_probe: Vec<Option<Vec<Bits>>> = vec![None; PROBES];
    let mut place_independent = true;
    for (row, values) in rows.into_iter().enumerate() {
        match &by_probe[probe_of(row)] {
            None => by_probe[probe_of(row)] = Some(values),
            Some(first) => {
                if !close(first, &values) {
                    return Err(MIXED.to_owned());
                }
                place_independent &= *first == values;
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

/// Keeps the plans that give the same bits for the same row, see the module's text.
fn agreeing(
    plans: Vec<Plan>,
    inputs: &[TensorSpec],
    outputs: &[TensorSpec],
) -> Result<Vec<Plan>, Refusal> {
    let mut reason = String::new();
    for kind in [
        Probe::SpreadAndMissing,
        Probe::Spread,
        Probe::Bits,
        Probe::Zeros,
    ] {
        match plans
            .iter()
            .map(|plan| probe(plan, kind, inputs, outputs))
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
