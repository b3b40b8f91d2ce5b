//! Executable plans of one model, one for each of a few batch sizes.
//!
//! **Why fixed sizes.** With a symbolic batch, tract panics on some operators and gives up on many
//! optimisations. So the batch dimension is fixed before shapes are inferred, once for each size of
//! [`BATCH_SIZES`]; a batch of any length is cut into those, the last piece padded.
//!
//! A row must score the same in each of them; [`crate::agreement`] sees to that.

use std::sync::Arc;

use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable, TValue,
    TVec, Tensor, TractResult, TypedModel, TypedSimplePlan, TypedSimpleState, tract_ndarray,
};
use tract_onnx::tract_hir::infer::Factoid;

use crate::agreement::{agreeing, words};
use crate::guard::guarded;
use crate::operators::{self, Types};
use crate::signature::{BatchSize, ElementType, TensorSpec};
use crate::vet::{Declared, DeclaredDim, Limits, Refusal, Vetted};

/// Batch sizes that plans are made for, smallest first. 512 rows of a tabular model stay within a
/// core's cache, and larger calls are no faster; 8 is where the fixed cost of a call (about five
/// microseconds) no longer dominates.
const BATCH_SIZES: [usize; 5] = [1, 8, 32, 128, 512];

/// Largest result of more than one row, in elements. Beyond it a batch no longer fits a cache and gains nothing, while
/// the trial runs of a model take their time.
const LARGEST_OF_MANY: usize = 1 << 22;

/// A plan for one batch size.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) rows: usize,
    plan: Arc<TypedSimplePlan>,
    kernels: Vec<String>,
}

impl Plan {
    /// Runs the plan once, without keeping a state. The caller guards against panics.
    pub(crate) fn run(&self, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.plan.run(inputs)
    }

    /// How the matrix products add up, in the order of the graph.
    pub(crate) fn kernels(&self) -> &[String] {
        &self.kernels
    }

    /// A state for repeated runs.
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
            .map_err(|error| not_built(&error))?;
        check_inputs(&parsed, &inputs)?;

        let sizes: &[usize] = match &batch {
            BatchSize::Any => &BATCH_SIZES,
            BatchSize::Fixed(rows) => std::slice::from_ref(rows),
        };
        let mut plans = Vec::new();
        let mut outputs = None;
        for &rows in sizes {
            let most = if plans.is_empty() {
                limits.tensor_elements
            } else {
                limits.tensor_elements.min(LARGEST_OF_MANY)
            };
            let prepared = guarded(|| specialise(vetted, &parsed, &inputs, rows, limits, most))
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
            let kernels = kernels(plan.model());
            plans.push(Plan {
                rows,
                plan,
                kernels,
            });
        }
        let outputs = outputs.unwrap_or_default();
        let plans = agreeing(plans, &words(&vetted.proto), &inputs, &outputs)?;
        Ok(Self {
            batch,
            inputs,
            outputs,
            plans,
        })
    }
}

/// How each matrix product adds up, by the kernel that tract picked for it.
///
/// tract tells the kernel as the last part of a line of the operator's description: `Mult: m:… k:… n:… with
/// [kernel]`. An operator that tells none is named by its whole description, so that plans of different
/// sizes differ: when in doubt, they do not agree.
fn kernels(model: &TypedModel) -> Vec<String> {
    let products = model
        .nodes()
        .iter()
        .filter(|node| node.op.name() == "OptMatMul");
    products
        .map(|node| {
            let lines = node.op.info().unwrap_or_default();
            let kernel = lines.iter().find(|line| line.starts_with("Mult:"));
            match kernel.and_then(|line| line.split_once(" with ")) {
                Some((_, kernel)) => order_of_additions(kernel).to_owned(),
                None => format!("{lines:?}"),
            }
        })
        .collect()
}

/// Kernels with equal results have equal names here.
///
/// tract's x86 kernels for tiles of several columns (`fma_mmm_f32_16x6`) differ in the tile alone: each element is one
/// chain of fused multiply-adds over k, in order. Those for a single column (`…x1`) may keep several chains, and nothing
/// is assumed of other processors' kernels.
fn order_of_additions(kernel: &str) -> &str {
    let name = kernel.trim_matches(['[', ']']);
    let x86 = name.starts_with("fma_mmm_f32_") || name.starts_with("avx512_mmm_f32_");
    let plain = !name.contains(|c: char| c == ',' || c.is_whitespace());
    let columns = name
        .rsplit_once('x')
        .and_then(|(_, columns)| columns.parse::<usize>().ok());
    if x86 && plain && columns.is_some_and(|columns| columns > 1) {
        "one chain of fused multiply-adds"
    } else {
        name
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

/// Why a graph could not be built: the operator, and whether it is at fault or only not supported.
fn not_built(error: &tract_onnx::prelude::TractError) -> Refusal {
    let text = chain(error);
    // `Building node <name> (<operator>): <reason>`
    let parts = text.strip_prefix("Building node ").and_then(|rest| {
        let (node, reason) = rest.split_once("): ")?;
        let (name, operator) = node.rsplit_once(" (")?;
        Some((name, operator, reason))
    });
    let reason = match parts {
        Some(("", operator, reason)) => format!("operator {operator}: {reason}"),
        Some((name, operator, reason)) => format!("operator {operator} `{name}`: {reason}"),
        None => text.clone(),
    };
    if reason.contains("not supported") {
        Refusal::Unsupported(reason)
    } else {
        Refusal::Malformed(reason)
    }
}

/// A tensor of zeros (or empty strings).
pub(crate) fn blank(element: ElementType, shape: &[usize]) -> TractResult<Tensor> {
    match element {
        ElementType::String => {
            let texts = vec![String::new(); shape.iter().product()];
            Ok(tract_ndarray::ArrayD::from_shape_vec(shape, texts)?.into())
        }
        _ => Tensor::zero_dt(datum(element), shape),
    }
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
    most: usize,
) -> Result<TypedModel, Specialise> {
    let mut model = parsed.clone();
    for (index, input) in inputs.iter().enumerate() {
        let fact = InferenceFact::dt_shape(datum(input.element), input.shape(rows));
        model.set_input_fact(index, fact)?;
    }
    model.analyse(false)?;
    check_types(vetted, &model)?;
    check_sizes(&model, rows, limits, most)?;
    Ok(model.into_typed()?.into_decluttered()?.into_optimized()?)
}

/// Refuses tensors that would not fit: each one, and all that are computed together.
/// `most` bounds the results that depend on the rows.
fn check_sizes(
    model: &InferenceModel,
    rows: usize,
    limits: &Limits,
    most: usize,
) -> Result<(), Specialise> {
    let mut total = 0usize;
    for node in model.nodes() {
        for output in &node.outputs {
            let Some(shape) = output.fact.shape.concretize() else {
                continue;
            };
            let elements = shape.iter().try_fold(1usize, |product, dim| {
                product.checked_mul(usize::try_from(dim.as_i64().unwrap_or(1)).ok()?)
            });
            let elements = elements.unwrap_or(usize::MAX);
            let constant = output.fact.value.concretize().is_some();
            if !constant {
                total = total.saturating_add(elements);
            }
            let most = if constant {
                limits.tensor_elements
            } else {
                most
            };
            if elements > most || total > limits.tensor_elements.saturating_mul(4) {
                return Err(Specialise::TooLarge(format!(
                    "for {rows} rows, the result of `{}` has shape {shape:?} and all results up to it {total} elements; the limits are {most} and {}",
                    node.name,
                    limits.tensor_elements.saturating_mul(4)
                )));
            }
        }
    }
    Ok(())
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
        if shape.contains(&0) {
            return Err(Refusal::Unsupported(format!(
                "output `{}` has shape {shape:?} for a batch of {rows} rows, so it holds no value",
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
