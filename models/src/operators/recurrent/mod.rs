//! LSTM, GRU and RNN over the steps of a sequence.
//!
//! A row of the batch is a sequence of its own; its state starts at zero or at `initial_h` and `initial_c`. The
//! tensors have the steps first, then the batch: exporters transpose on both sides. Weights must be constants.
//!
//! tract's are not used: they give NaN where ONNX Runtime does not, and multiply with kernels that depend on the
//! batch. ONNX Runtime's LSTM and GRU clip what goes into a gate to ±`clip`, which is the largest float if it is
//! not set, and thereby take a NaN for the upper bound, if the node has biases ([`gates`]). So a missing
//! feature gives an innocent score there, and here. What is not in the tables (`sequence_lens`, peepholes, `layout`,
//! other activations) is refused; `layout` 1 also by ONNX Runtime.

mod cells;
mod gates;
mod layer;

use tract_onnx::model::{ParsingContext, optional_inputs};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::blocks::Blocks;
use super::kernel::{Built, initialiser};
use super::ml::attributes::Attributes;
use super::ml::tabular::{self, Shared};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};
use cells::{Cell, Kind};
use gates::{Activation, Bounds};
use layer::{Layer, Recurrent};

const fn row(name: &'static str, attributes: &'static [&'static str]) -> Operator {
    Operator {
        domain: DEFAULT_DOMAIN,
        name,
        types: Types::F32,
        attributes,
        engine: Engine::Own(build),
    }
}

pub(super) const OPERATORS: &[Operator] = &[
    row(
        "GRU",
        &[
            "activations",
            "clip",
            "direction",
            "hidden_size",
            "linear_before_reset",
        ],
    ),
    row("LSTM", &["activations", "clip", "direction", "hidden_size"]),
    row("RNN", &["activations", "clip", "direction", "hidden_size"]),
];

/// Inputs in the order of the standard.
const W: usize = 1;
const R: usize = 2;
const B: usize = 3;
const SEQUENCE_LENS: usize = 4;
const INITIAL_H: usize = 5;
const INITIAL_C: usize = 6;
const P: usize = 7;

fn build(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let name = &node.op_type;
    let (kind, gates) = match name.as_str() {
        "LSTM" => (Kind::Lstm, 4),
        "GRU" => {
            let linear = attributes.int("linear_before_reset").unwrap_or(0) != 0;
            (Kind::Gru { linear }, 3)
        }
        _ => (Kind::Rnn, 1),
    };
    let given: Vec<Option<usize>> = optional_inputs(node).take(P + 1).collect();
    ensure!(
        given[SEQUENCE_LENS].is_none(),
        "{name} with sequence_lens is not supported yet. Pad the sequences to one length"
    );
    ensure!(
        given[P].is_none(),
        "{name} with peepholes is not supported yet"
    );
    let direction = attributes.string("direction")?;
    let reversed: &[bool] = match direction.as_deref() {
        None | Some("forward") => &[false],
        Some("reverse") => &[true],
        Some("bidirectional") => &[false, true],
        Some(other) => bail!("direction `{other}` of {name} is not one of ONNX's"),
    };
    let (directions, w) = (reversed.len(), constant(ctx, node, W, "W")?);
    let r = constant(ctx, node, R, "R")?;
    let [_, _, hidden] = *r.shape() else {
        bail!("R of {name} has shape {:?}", r.shape())
    };
    let [_, _, columns] = *w.shape() else {
        bail!("W of {name} has shape {:?}", w.shape())
    };
    ensure!(
        hidden > 0
            && columns > 0
            && r.shape() == [directions, gates * hidden, hidden]
            && w.shape() == [directions, gates * hidden, columns]
            && attributes.int("hidden_size") == i64::try_from(hidden).ok(),
        "W and R of {name} have shapes {:?} and {:?}, which do not fit hidden_size and direction",
        w.shape(),
        r.shape()
    );
    let biases = if given[B].is_some() {
        let biases = constant(ctx, node, B, "B")?;
        ensure!(
            biases.shape() == [directions, 2 * gates * hidden],
            "B of {name} has shape {:?}",
            biases.shape()
        );
        Some(biases)
    } else {
        None
    };
    let activations = activations(&attributes, kind, directions, name)?;
    let bounds = Bounds::read(kind, attributes.float("clip"), biases.is_some())?;

    let part = |tensor: &Tensor, direction: usize| -> TractResult<Vec<f32>> {
        let values = tabular::slice::<f32>(tensor)?;
        let len = values.len() / directions;
        Ok(values[direction * len..][..len].to_vec())
    };
    let mut layers = Vec::new();
    for (direction, reversed) in reversed.iter().enumerate() {
        let biases = biases
            .as_ref()
            .map(|biases| part(biases, direction))
            .transpose()?;
        let cell = Cell::new(
            kind,
            &part(&w, direction)?,
            &part(&r, direction)?,
            biases.as_deref().unwrap_or_default(),
            hidden,
            activations[direction].clone(),
            bounds,
        );
        layers.push(Layer {
            reversed: *reversed,
            cell,
        });
    }
    let outputs: Vec<bool> = (0..3)
        .map(|index| node.output.get(index).is_some_and(|name| !name.is_empty()))
        .collect();
    tabular::build(Recurrent {
        layers: Shared::new(layers),
        kind,
        columns,
        hidden,
        inputs: given.iter().flatten().count(),
        initial_h: given[INITIAL_H],
        initial_c: given[INITIAL_C],
        outputs: [outputs[0], outputs[1], outputs[2]],
    })
}

fn constant(
    ctx: &ParsingContext,
    node: &NodeProto,
    index: usize,
    letter: &str,
) -> TractResult<Tensor> {
    let Some(tensor) = initialiser(ctx, node, index) else {
        bail!(
            "{} whose {letter} is not a constant of the file is not supported yet",
            node.op_type
        )
    };
    let tensor = ctx.load_tensor(tensor)?;
    ensure!(
        tensor.datum_type() == DatumType::F32,
        "{letter} of {} is {:?}; float32 is supported",
        node.op_type,
        tensor.datum_type()
    );
    Ok(tensor)
}

/// The activations of each direction.
fn activations(
    attributes: &Attributes,
    kind: Kind,
    directions: usize,
    name: &str,
) -> TractResult<Vec<Vec<Activation>>> {
    let default = match kind {
        Kind::Lstm => vec![Activation::Sigmoid, Activation::Tanh, Activation::Tanh],
        Kind::Gru { .. } => vec![Activation::Sigmoid, Activation::Tanh],
        Kind::Rnn => vec![Activation::Tanh],
    };
    let names = attributes.strings("activations")?;
    if names.is_empty() {
        return Ok(vec![default; directions]);
    }
    ensure!(
        names.len() == default.len() * directions,
        "{name} has {} activations where {} are needed",
        names.len(),
        default.len() * directions
    );
    let all = names
        .iter()
        .map(|activation| Activation::read(activation, name))
        .collect::<TractResult<Vec<_>>>()?;
    Ok(all.chunks(default.len()).map(<[_]>::to_vec).collect())
}

/// A matrix whose rows are `units` units each, for some of its gates.
fn gate_weights(
    values: &[f32],
    units: usize,
    columns: usize,
    gates: std::ops::Range<usize>,
) -> Blocks {
    let len = units * columns;
    Blocks::new(
        &values[gates.start * len..gates.end * len],
        gates.len() * units,
    )
}
