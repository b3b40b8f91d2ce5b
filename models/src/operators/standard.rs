//! The operators of ONNX's default domain that tract carries out as ONNX Runtime does.
//!
//! A row says: for these element types of the first input and with these attributes, tract's results were compared
//! with ONNX Runtime's by the cases that `models/tests/make_models.py` writes, at several operator sets and batch
//! sizes, with NaN and infinities among the values. A row is added together with its case; a test (`conformance.rs`)
//! fails on a row that no case covers.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::channels::with_channels;
use super::kernel::{Built, by_tract};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

const F32: Types = Types::F32;
const BOOL: Types = Types::BOOL;
const FLOATS: Types = F32.or(Types::F64);
const INTEGERS: Types = Types::I32.or(Types::I64);
const NUMBERS: Types = FLOATS.or(INTEGERS);
const PLAIN: Types = NUMBERS.or(BOOL);
const ANY: Types = PLAIN.or(Types::STRING);

const fn row(name: &'static str, types: Types, attributes: &'static [&'static str]) -> Operator {
    Operator {
        domain: DEFAULT_DOMAIN,
        name,
        types,
        attributes,
        engine: Engine::Tract,
    }
}

/// A row of an operator whose input must have channels.
const fn channels(
    name: &'static str,
    types: Types,
    attributes: &'static [&'static str],
) -> Operator {
    Operator {
        engine: Engine::Own(with_channels),
        ..row(name, types, attributes)
    }
}

/// Without an order the best may stand in any; ONNX Runtime has its own.
fn top_k(ctx: &ParsingContext, node: &NodeProto) -> Built {
    ensure!(
        node.get_attr_opt("sorted")?.unwrap_or(1i64) == 1,
        "TopK whose result is not sorted is not supported"
    );
    by_tract(ctx, node)
}

/// tract never comes to an end with axes that are no permutation.
fn transpose(ctx: &ParsingContext, node: &NodeProto) -> Built {
    for attribute in &node.attribute {
        let mut axes = attribute.ints.clone();
        axes.sort_unstable();
        ensure!(
            axes.iter().zip(0..).all(|(axis, place)| *axis == place),
            "Transpose by {:?}, which is no permutation",
            attribute.ints
        );
    }
    by_tract(ctx, node)
}

pub(super) const OPERATORS: &[Operator] = &[
    // Arithmetic
    row("Abs", NUMBERS, &[]),
    row("Add", NUMBERS, &[]),
    row("Mean", F32, &[]),
    row("Mod", F32.or(INTEGERS), &["fmod"]),
    row("Neg", NUMBERS, &[]),
    row("Reciprocal", FLOATS, &[]),
    row("Sign", NUMBERS, &[]),
    row("Sub", NUMBERS, &[]),
    row("Sum", FLOATS, &[]),
    // Functions of one number
    row("Acos", F32, &[]),
    row("Acosh", F32, &[]),
    row("Asin", F32, &[]),
    row("Asinh", F32, &[]),
    row("Atan", F32, &[]),
    row("Atanh", F32, &[]),
    row("Ceil", FLOATS, &[]),
    row("Cos", FLOATS, &[]),
    row("Cosh", F32, &[]),
    row("Erf", F32, &[]),
    row("Exp", FLOATS, &[]),
    row("Floor", FLOATS, &[]),
    row("Log", FLOATS, &[]),
    row("Round", F32, &[]),
    row("Sin", FLOATS, &[]),
    row("Sinh", F32, &[]),
    row("Sqrt", FLOATS, &[]),
    row("Tan", F32, &[]),
    // Activations
    row("Elu", F32, &["alpha"]),
    row("Gelu", F32, &[]),
    row("HardSwish", F32, &[]),
    row("LeakyRelu", F32, &["alpha"]),
    row("Mish", FLOATS, &[]),
    row("PRelu", F32, &[]),
    row("Softplus", F32, &[]),
    row("Softsign", F32, &[]),
    row("ThresholdedRelu", F32, &["alpha"]),
    // Comparison and choice
    row("And", BOOL, &[]),
    row("Equal", NUMBERS.or(Types::STRING), &[]),
    row("Greater", NUMBERS, &[]),
    row("GreaterOrEqual", NUMBERS, &[]),
    row("Less", NUMBERS, &[]),
    row("LessOrEqual", NUMBERS, &[]),
    row("Not", BOOL, &[]),
    row("Or", BOOL, &[]),
    row("Where", BOOL, &[]),
    row("Xor", BOOL, &[]),
    // Products and normalisation
    channels("BatchNormalization", FLOATS, &["epsilon"]),
    channels(
        "Conv",
        F32,
        &[
            "auto_pad",
            "dilations",
            "group",
            "kernel_shape",
            "pads",
            "strides",
        ],
    ),
    row("Dropout", FLOATS, &[]),
    row("Einsum", F32, &["equation"]),
    row("LpNormalization", FLOATS, &["axis", "p"]),
    // Pooling
    channels(
        "AveragePool",
        F32,
        &[
            "auto_pad",
            "ceil_mode",
            "count_include_pad",
            "dilations",
            "kernel_shape",
            "pads",
            "strides",
        ],
    ),
    channels("GlobalAveragePool", F32, &[]),
    channels("GlobalMaxPool", F32, &[]),
    channels(
        "MaxPool",
        FLOATS,
        &[
            "auto_pad",
            "ceil_mode",
            "dilations",
            "kernel_shape",
            "pads",
            "strides",
        ],
    ),
    // Over a row
    row("CumSum", F32, &[]),
    Operator {
        engine: Engine::Own(top_k),
        ..row("TopK", NUMBERS, &["axis", "largest", "sorted"])
    },
    // Shape and selection
    row("Concat", ANY, &["axis"]),
    row(
        "Constant",
        NUMBERS.or(Types::STRING),
        &[
            "value",
            "value_float",
            "value_floats",
            "value_int",
            "value_ints",
            "value_string",
            "value_strings",
        ],
    ),
    row("Flatten", ANY, &["axis"]),
    row("GatherElements", ANY, &["axis"]),
    row("Identity", ANY, &[]),
    row("OneHot", Types::I64, &["axis"]),
    row("Reshape", ANY, &["allowzero"]),
    row("Shape", F32, &[]),
    row("Slice", ANY, &[]),
    row("Split", ANY, &["axis", "num_outputs", "split"]),
    row("Squeeze", ANY, &["axes"]),
    row("Tile", PLAIN, &[]),
    Operator {
        engine: Engine::Own(transpose),
        ..row("Transpose", ANY, &["perm"])
    },
    row("Unsqueeze", ANY, &["axes"]),
];
