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

/// The function with this name (not an alias).
pub(crate) fn by_name(name: &str) -> Option<Arc<ScalarUDF>> {
    BY_NAME.get(name).map(Arc::clone)
}

/// A call of a function of the catalogue.
pub(crate) fn call(name: &str, args: Vec<Expr>) -> Result<Expr> {
    match by_name(name) {
        Some(function) => Ok(Expr::ScalarFunction(ScalarFunction::new_udf(
            function, args,
        ))),
        None => internal_err!("The function {name} is not in the catalogue"),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::testing::{Argument, column, literal, nested, null, text, try_call};

    fn pool() -> Vec<Argument> {
        vec![
            null(),
            text(""),
            text("aé😀\\%_$[("),
            text("2024-02-30 25:00:00"),
            text("MONTH"),
            literal("INT", "-1"),
            literal("INT", "7"),
            literal("BIGINT", "-9223372036854775808"),
            literal("BIGINT", "9223372036854775807"),
            literal("DOUBLE", "NaN"),
            literal("DOUBLE", "-1.0E308"),
            literal(
                "DECIMAL(38, 10)",
                "-9999999999999999999999999999.9999999999",
            ),
            literal("BOOLEAN", "true"),
            literal("TIMESTAMP(3)", "9999-12-31 23:59:59.999"),
            literal("TIMESTAMP_LTZ(9)", "1970-01-01 00:00:00"),
            literal("DATE", "0001-01-01"),
            literal("TIME(0)", "23:59:59"),
            literal("BYTES", "\u{1}x"),
            column("STRING", &[Some("é"), None, Some("x,y=z")]),
            column("TINYINT", &[Some("-128"), None, Some("0")]),
            nested("__array", &[literal("INT", "1"), null()]),
            nested("__map", &[text("k"), literal("INT", "1")]),
        ]
    }

    /// Whatever the arguments, a function gives a result or an error.
    #[test]
    fn no_function_panics() {
        let pool = pool();
        let mut panicked = Vec::new();
        let mut attempt = |name: &str, args: &[Argument], places: &[usize]| {
            if catch_unwind(AssertUnwindSafe(|| try_call(name, args).is_ok())).is_err() {
                panicked.push(format!("{name}{places:?}"));
            }
        };
        for function in scalar_functions() {
            let name = function.name();
            attempt(name, &[], &[]);
            for (i, a) in pool.iter().enumerate() {
                attempt(name, std::slice::from_ref(a), &[i]);
                for (j, b) in pool.iter().enumerate() {
                    attempt(name, &[a.clone(), b.clone()], &[i, j]);
                }
            }
            let few = [2, 4, 6, 8, 13, 18];
            for i in few {
                for j in few {
                    for k in few {
                        let args = [pool[i].clone(), pool[j].clone(), pool[k].clone()];
                        attempt(name, &args, &[i, j, k]);
                    }
                }
            }
        }
        assert!(
            panicked.is_empty(),
            "{} calls panic: {panicked:#?}",
            panicked.len()
        );
    }

    #[test]
    fn names_are_lower_case_and_unique() {
        let mut names = std::collections::HashSet::new();
        for function in scalar_functions() {
            let aliases = function.aliases().iter().map(String::as_str);
            for name in aliases.chain([function.name()]) {
                assert_eq!(name, name.to_lowercase());
                assert!(names.insert(name.to_string()), "{name} is there twice");
            }
        }
    }
}
