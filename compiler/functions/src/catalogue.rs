//! The catalogue: every scalar function of Flink SQL that Millstream has, by name.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion_common::{Result, internal_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{Expr, ScalarUDF};

use crate::call::FlinkFunction;
use crate::{arithmetic, cast, scalar};

static FUNCTIONS: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
    cast::functions()
        .into_iter()
        .chain(arithmetic::functions())
        .chain(scalar::functions())
        .map(FlinkFunction::into_udf)
        .collect()
});

static BY_NAME: LazyLock<HashMap<&'static str, Arc<ScalarUDF>>> = LazyLock::new(|| {
    FUNCTIONS
        .iter()
        .map(|function| (function.name(), Arc::clone(function)))
        .collect()
});

/// All functions. Names that start with two underscores stand for syntax and cannot be written
/// by users.
pub fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    FUNCTIONS.clone()
}

/// A call of a function of the catalogue.
pub(crate) fn call(name: &str, args: Vec<Expr>) -> Result<Expr> {
    match BY_NAME.get(name) {
        Some(function) => Ok(Expr::ScalarFunction(ScalarFunction::new_udf(
            Arc::clone(function),
            args,
        ))),
        None => internal_err!("The function {name} is not in the catalogue"),
    }
}
