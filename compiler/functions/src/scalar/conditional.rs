//! `COALESCE`, `IF`, `IFNULL`, `NULLIF`, `GREATEST`, `LEAST`, `TYPEOF`.
//!
//! The first three become `CASE` when a plan is analyzed; as functions they evaluate all their
//! arguments.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, make_comparator};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{SortOptions, is_not_null};
use datafusion_common::Result;

use crate::call::{Args, Call, FlinkFunction, Is, Resolved, STRING, downcast, strings};
use crate::types::{FlinkType, TypeKind};

pub(crate) fn functions() -> Vec<FlinkFunction> {
    vec![
        FlinkFunction::new("coalesce", |call| common(call, 0, 1), coalesce),
        FlinkFunction::new("ifnull", common_of_two, coalesce),
        FlinkFunction::new("if", resolve_if, evaluate_if),
        FlinkFunction::new("nullif", resolve_nullif, nullif),
        FlinkFunction::new("greatest", extreme_type, |args| extreme(args, true)),
        FlinkFunction::new("least", extreme_type, |args| extreme(args, false)),
        FlinkFunction::of(
            "typeof",
            &[&[Is::Any], &[Is::Any, Is::Bool]],
            crate::call::Out::NotNull(STRING),
            |args| {
                let text = args.ty(0).to_string();
                strings(args.rows, |_, out| {
                    out.push_str(&text);
                    Ok(true)
                })
            },
        ),
    ]
}

fn keep(call: &Call<'_>) -> Vec<TypeKind> {
    call.types.iter().map(|ty| ty.kind.clone()).collect()
}

/// The common type of the arguments from `first` on; NULL only if all of them may be.
fn common(call: &Call<'_>, first: usize, least: usize) -> Result<Resolved> {
    let types = call.types.get(first..).unwrap_or_default();
    match FlinkType::common_of(types) {
        Some(ty) if types.len() >= least => {
            let nullable = types
                .iter()
                .all(|ty| ty.nullable || ty.kind == TypeKind::Null);
            Ok(Resolved {
                args: keep(call),
                result: ty.with_nullable(nullable),
            })
        }
        _ => Err(call.mismatch(&format!("{}(<COMMON>...)", call.name))),
    }
}

fn common_of_two(call: &Call<'_>) -> Result<Resolved> {
    if call.types.len() != 2 {
        return Err(call.mismatch(&format!("{}(<COMMON>, <COMMON>)", call.name)));
    }
    common(call, 0, 2)
}

fn coalesce(args: &Args) -> Result<ArrayRef> {
    let ty = args.result_type();
    if ty.kind == TypeKind::Null {
        return args.array(0);
    }
    let mut result = args.cast_to(args.len() - 1, &ty)?;
    for index in (0..args.len() - 1).rev() {
        let array = args.cast_to(index, &ty)?;
        let present = is_not_null(&array)?;
        result = if present.true_count() == array.len() {
            array
        } else {
            zip(&present, &array, &result)?
        };
    }
    Ok(result)
}

fn resolve_if(call: &Call<'_>) -> Result<Resolved> {
    let expected = || format!("{}(BOOLEAN, <COMMON>, <COMMON>)", call.name);
    match call.types {
        [condition, then, otherwise]
            if matches!(condition.kind, TypeKind::Boolean | TypeKind::Null) =>
        {
            let Some(ty) = then.common(otherwise) else {
                return Err(call.mismatch(&expected()));
            };
            let mut args = keep(call);
            args[0] = TypeKind::Boolean;
            Ok(Resolved { args, result: ty })
        }
        _ => Err(call.mismatch(&expected())),
    }
}

fn evaluate_if(args: &Args) -> Result<ArrayRef> {
    let ty = args.result_type();
    let condition: BooleanArray = downcast(&args.array(0)?)?;
    // NULL takes the second branch.
    let condition = BooleanArray::from_iter(condition.iter().map(|c| Some(c == Some(true))));
    Ok(zip(
        &condition,
        &args.cast_to(1, &ty)?,
        &args.cast_to(2, &ty)?,
    )?)
}

fn resolve_nullif(call: &Call<'_>) -> Result<Resolved> {
    match call.types {
        [first, second] if first.common(second).is_some() => Ok(Resolved {
            args: keep(call),
            result: first.clone().with_nullable(true),
        }),
        _ => Err(call.mismatch(&format!("{}(<COMMON>, <COMMON>)", call.name))),
    }
}

fn nullif(args: &Args) -> Result<ArrayRef> {
    let Some(ty) = args.ty(0).common(&args.ty(1)) else {
        return args.array(0);
    };
    let (left, right) = (args.cast_to(0, &ty)?, args.cast_to(1, &ty)?);
    let compare = make_comparator(left.as_ref(), right.as_ref(), SortOptions::default())?;
    let equal =
        BooleanArray::from_iter((0..args.rows).map(|row| {
            Some(left.is_valid(row) && right.is_valid(row) && compare(row, row).is_eq())
        }));
    Ok(arrow::compute::nullif(&args.array(0)?, &equal)?)
}

fn extreme_type(call: &Call<'_>) -> Result<Resolved> {
    match FlinkType::common_of(call.types) {
        Some(ty) if !call.types.is_empty() => Ok(Resolved {
            args: keep(call),
            result: ty,
        }),
        _ => Err(call.mismatch(&format!("{}(<COMPARABLE>...)", call.name))),
    }
}

/// NULL if any argument is.
fn extreme(args: &Args, greatest: bool) -> Result<ArrayRef> {
    let ty = args.result_type();
    let mut result = args.cast_to(0, &ty)?;
    for index in 1..args.len() {
        let other = args.cast_to(index, &ty)?;
        let take_other = {
            let compare = make_comparator(result.as_ref(), other.as_ref(), SortOptions::default())?;
            BooleanArray::from_iter((0..args.rows).map(|row| {
                let better = if greatest {
                    compare(row, row).is_lt()
                } else {
                    compare(row, row).is_gt()
                };
                Some(!result.is_null(row) && (other.is_null(row) || better))
            }))
        };
        result = zip(&take_other, &other, &result)?;
    }
    Ok(Arc::clone(&result))
}

#[cfg(test)]
mod tests {
    use crate::testing::{call, column, failure, int, literal, null, one, text, type_of};

    #[test]
    fn the_first_value_that_is_not_null_counts() {
        let values = column("INT", &[Some("1"), None]);
        let fallback = literal("BIGINT", "7");
        assert_eq!(
            call("coalesce", &[values.clone(), fallback.clone()]),
            ["1", "7"]
        );
        assert_eq!(
            type_of("coalesce", &[values.clone(), fallback.clone()]),
            "BIGINT NOT NULL"
        );
        assert_eq!(call("ifnull", &[values.clone(), fallback]), ["1", "7"]);
        assert_eq!(call("nullif", &[values.clone(), int(1)]), ["null", "null"]);
        assert!(failure("coalesce", &[values, text("x")]).contains("COALESCE(INT, STRING)"));
    }

    #[test]
    fn branches_have_a_common_type() {
        let condition = column("BOOLEAN", &[Some("true"), Some("false"), None]);
        let branches = [condition, int(1), literal("DECIMAL(3, 1)", "2.5")];
        assert_eq!(call("if", &branches), ["1.0", "2.5", "2.5"]);
        assert_eq!(type_of("if", &branches), "DECIMAL(11, 1) NOT NULL");
    }

    #[test]
    fn extremes_are_null_with_any_null() {
        assert_eq!(one("greatest", &[int(1), int(3), int(2)]), "3");
        assert_eq!(one("least", &[int(2), literal("DOUBLE", "1.5")]), "1.5");
        assert_eq!(one("greatest", &[int(1), null()]), "null");
        assert_eq!(one("greatest", &[null(), int(1)]), "null");
        assert_eq!(
            one("typeof", &[literal("DECIMAL(3, 1)", "1.0")]),
            "DECIMAL(3, 1) NOT NULL"
        );
    }
}
