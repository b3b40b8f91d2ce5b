//! Max and Min of several tensors, element by element: a NaN in any of them is handed on.
//!
//! tract passes over a NaN; so does ONNX Runtime for no type.

use tract_onnx::tract_core::bin_to_super_type;
use tract_onnx::tract_core::ops::binary::BinMiniOp;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::binary::Nary;

use super::kernel::Built;
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

const NUMBERS: Types = Types::F32.or(Types::F64).or(Types::I32).or(Types::I64);

pub(super) const OPERATORS: &[Operator] = &[
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "Max",
        types: NUMBERS,
        attributes: &[],
        engine: Engine::Own(|_, _| several(Larger)),
    },
    Operator {
        domain: DEFAULT_DOMAIN,
        name: "Min",
        types: NUMBERS,
        attributes: &[],
        engine: Engine::Own(|_, _| several(Smaller)),
    },
];

fn several(of_two: impl BinMiniOp) -> Built {
    Ok((Box::new(Nary(Box::new(of_two), false)), vec![]))
}

bin_to_super_type!(larger, Larger,
    [f32, f64] => |c, a, b| *c = if a > b || a.is_nan() { *a } else { *b },
    [i32, i64] => |c, a, b| *c = *a.max(b));

bin_to_super_type!(smaller, Smaller,
    [f32, f64] => |c, a, b| *c = if a < b || a.is_nan() { *a } else { *b },
    [i32, i64] => |c, a, b| *c = *a.min(b));
