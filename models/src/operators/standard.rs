//! The operators of ONNX's default domain that tract carries out as ONNX Runtime does.
//!
//! A row says: for these element types of the first input and with these attributes, the results of
//! tract were compared with ONNX Runtime's by the cases that `models/tests/make_models.py` writes, at
//! several operator sets and batch sizes, with NaN and infinities among the values. A row is added together
//! with its case; `tests/operators.rs` fails on a row that no case covers.

use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

const F32: Types = Types::F32;
const FLOATS: Types = F32.or(Types::F64);
const NUMBERS: Types = FLOATS.or(Types::I32).or(Types::I64);
const ALL: Types = NUMBERS.or(Types::BOOL);
const NONE: Types = ALL.or(Types::STRING);

const fn row(name: &'static str, types: Types, attributes: &'static [&'static str]) -> Operator {
    Operator {
        domain: DEFAULT_DOMAIN,
        name,
        types,
        attributes,
        engine: Engine::Tract,
    }
}

pub(super) const OPERATORS: &[Operator] = &[
    // Arithmetic
    row("Abs", NUMBERS, &[]),
    row("Add", NUMBERS, &[]),
    row("Div", NUMBERS, &[]),
    row("Exp", F32, &[]),
    row("Log", F32, &[]),
    row("MatMul", FLOATS, &[]),
    row("Gemm", FLOATS, &["alpha", "beta", "transA", "transB"]),
    row("Mul", NUMBERS, &[]),
    row("Neg", NUMBERS, &[]),
    row("Pow", F32, &[]),
    row("Reciprocal", F32, &[]),
    row("Sqrt", F32, &[]),
    row("Sub", NUMBERS, &[]),
    // Activations
    row("Relu", F32, &[]),
    row("Sigmoid", F32, &[]),
    row("Softmax", F32, &["axis"]),
    row("Tanh", F32, &[]),
    // Shape and choice
    row("Cast", ALL, &["to"]),
    row("Concat", ALL, &["axis"]),
    row("Constant", NONE, &["value"]),
    row("Flatten", ALL, &["axis"]),
    row("Gather", ALL, &["axis"]),
    row("Identity", ALL, &[]),
    row("Reshape", ALL, &[]),
];
