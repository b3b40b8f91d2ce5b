//! Scan, where it computes the distances of the rows from constant rows: what skl2onnx makes of nearest neighbours.
//!
//! The exporter passes the batch `X` through as the state and scans the training rows; each turn gives the squared
//! or absolute distances of all of `X` from one of them, so that the result has the training rows first:
//!
//! ```text
//! Scan(X, rows) { X; next } -> { X; ReduceSumSquare(X - next, axis 1) }
//! Scan(X, rows) { X; next } -> { X; ReduceSum(Abs(X - next), axis 1) }
//! ```
//!
//! Exactly these bodies are known here; any other is refused. Differences are added up in float32, column after column.

use std::collections::HashMap;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

use super::blocks::{Block, Blocks, LANES};
use super::cpu::Level;
use super::kernel::{Built, initialiser};
use super::ml::attributes::Attributes;
use super::ml::tabular::{self, Form, Shared, Tabular, slice, tensor};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: DEFAULT_DOMAIN,
    name: "Scan",
    types: Types::F32,
    attributes: &["body", "num_scan_inputs"],
    engine: Engine::Own(scan),
}];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Metric {
    Squares,
    Absolutes,
}

const UNKNOWN: &str = "Scan is supported where it computes distances from constant rows, as skl2onnx exports nearest neighbours; this one computes something else";

fn scan(ctx: &ParsingContext, node: &NodeProto) -> Built {
    let attributes = Attributes::of(node);
    let body = attributes.get("body").and_then(|body| body.g.as_ref());
    let (Some(body), Some(1), 2, 2) = (
        body,
        attributes.int("num_scan_inputs"),
        node.input.len(),
        node.output.len(),
    ) else {
        bail!(UNKNOWN)
    };
    let Some(metric) = metric(body) else {
        bail!(UNKNOWN)
    };
    let Some(rows) = initialiser(ctx, node, 1) else {
        bail!(UNKNOWN)
    };
    let rows = ctx.load_tensor(rows)?;
    let [count, columns] = *rows.shape() else {
        bail!(UNKNOWN)
    };
    ensure!(
        rows.datum_type() == DatumType::F32 && count > 0 && columns > 0,
        "Scan over rows of {:?} and shape {:?}",
        rows.datum_type(),
        rows.shape()
    );
    tabular::build(Distances(Shared::new(Known {
        metric,
        rows: Blocks::new(slice::<f32>(&rows)?, count),
    })))
}

/// Who computes the values of a body.
struct Values<'a>(HashMap<&'a str, &'a NodeProto>);

impl<'a> Values<'a> {
    /// The values of a body that holds only operators which the known ones have.
    fn read(body: &'a GraphProto) -> Option<Self> {
        let mut made_by = HashMap::new();
        for node in &body.node {
            let known = matches!(
                node.op_type.as_str(),
                "Identity" | "Sub" | "Abs" | "ReduceSum" | "ReduceSumSquare"
            );
            let [output] = &node.output[..] else {
                return None;
            };
            if !known || !node.domain.is_empty() {
                return None;
            }
            made_by.insert(output.as_str(), node);
        }
        Some(Self(made_by))
    }

    /// Follows a name through Identity to the node that computes it, or to an input of the body.
    fn source(&self, mut name: &'a str) -> Option<(&'a str, Option<&'a NodeProto>)> {
        for _ in 0..=self.0.len() {
            match self.0.get(name) {
                Some(node) if node.op_type == "Identity" => name = node.input.first()?,
                node => return Some((name, node.copied())),
            }
        }
        None
    }

    fn node(&self, name: &'a str) -> Option<&'a NodeProto> {
        self.source(name)?.1
    }

    fn is(&self, name: &'a str, input: &str) -> bool {
        self.source(name) == Some((input, None))
    }
}

/// What the body computes, if it is one of the known ones.
fn metric(body: &GraphProto) -> Option<Metric> {
    let ([state, next], [last_state, distances]) = (&body.input[..], &body.output[..]) else {
        return None;
    };
    let values = Values::read(body)?;
    if !values.is(&last_state.name, &state.name) {
        return None;
    }
    let reduction = values.node(&distances.name)?;
    if !reduces_columns(reduction, body) {
        return None;
    }
    let operand = values.node(reduction.input.first()?)?;
    let (metric, difference) = match (reduction.op_type.as_str(), operand.op_type.as_str()) {
        ("ReduceSumSquare", _) => (Metric::Squares, operand),
        ("ReduceSum", "Abs") => (Metric::Absolutes, values.node(operand.input.first()?)?),
        _ => return None,
    };
    let [a, b] = &difference.input[..] else {
        return None;
    };
    let either_way = (values.is(a, &state.name) && values.is(b, &next.name))
        || (values.is(a, &next.name) && values.is(b, &state.name));
    (difference.op_type == "Sub" && either_way).then_some(metric)
}

/// True for a sum over dimension 1 of 2 that leaves it out.
fn reduces_columns(node: &NodeProto, body: &GraphProto) -> bool {
    let mut axes = None;
    let mut keeps = true;
    for attribute in &node.attribute {
        match attribute.name.as_str() {
            "axes" => axes = Some(attribute.ints.clone()),
            "keepdims" => keeps = attribute.i != 0,
            _ => return false,
        }
    }
    if let Some(name) = node.input.get(1) {
        let tensor = body.initializer.iter().find(|tensor| tensor.name == *name);
        axes = tensor.and_then(integers);
    }
    !keeps && matches!(axes.as_deref(), Some([1 | -1]))
}

/// The values of a small constant of int64 that lies in the file itself.
fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let elsewhere = tensor.data_location == Some(DataLocation::External as i32);
    if elsewhere || tensor.data_type != DataType::Int64 as i32 {
        return None;
    }
    if tensor.raw_data.is_empty() {
        return Some(tensor.int64_data.clone());
    }
    let (numbers, rest) = tensor.raw_data.as_chunks::<8>();
    rest.is_empty()
        .then(|| numbers.iter().map(|b| i64::from_le_bytes(*b)).collect())
}

#[derive(Debug)]
struct Known {
    metric: Metric,
    rows: Blocks,
}

/// The first output is the state, the batch itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Distances(Shared<Known>);

impl Tabular for Distances {
    fn name(&self) -> &'static str {
        "Scan"
    }

    fn output_count(&self) -> usize {
        2
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [batch, _] = inputs else {
            bail!("Scan takes two tensors")
        };
        let (rows, columns) = batch.matrix("Scan")?;
        ensure!(
            columns == self.0.rows.width() && batch.datum == DatumType::F32,
            "Scan has rows of {} columns, but its batch has {columns}",
            self.0.rows.width()
        );
        let distances = [self.0.rows.count().to_dim(), rows];
        Ok(tvec!(batch.clone(), Form::new(DatumType::F32, distances)))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let known = &*self.0;
        let (count, width) = (known.rows.count(), known.rows.width());
        let batch = slice::<f32>(inputs[0])?;
        let rows = inputs[0].shape()[0];
        let mut distances = vec![0.0; count * rows];
        Level::detect().run(|| {
            for (first, len, block) in known.rows.iter() {
                let distances = &mut distances[first * rows..][..len * rows];
                for (place, row) in batch.chunks_exact(width).enumerate() {
                    let block = match known.metric {
                        Metric::Squares => add_up(row, block, |difference| difference * difference),
                        Metric::Absolutes => add_up(row, block, f32::abs),
                    };
                    for (distance, value) in distances[place..].iter_mut().step_by(rows).zip(&block)
                    {
                        *distance = *value;
                    }
                }
            }
        });
        Ok(tvec!(inputs[0].clone(), tensor(&[count, rows], distances)?))
    }
}

#[inline(always)]
fn add_up(row: &[f32], block: &Block, of: impl Fn(f32) -> f32) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    for (value, column) in row.iter().zip(block) {
        for (sum, other) in sums.iter_mut().zip(column) {
            *sum += of(value - other);
        }
    }
    sums
}
