//! Calls functions of the catalogue in tests, the way DataFusion does: coerce, infer, evaluate.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{Field, FieldRef};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{Result, ScalarValue};
use datafusion_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF};

use crate::cast::{Cast, OnFailure};
use crate::display::{Formatter, Style};
use crate::types::FlinkType;

/// An argument of a call.
#[derive(Clone)]
pub(crate) struct Argument {
    field: FieldRef,
    value: ColumnarValue,
}

/// A column of this type, its values given as texts to be cast; `None` is NULL.
pub(crate) fn column(ty: &str, texts: &[Option<&str>]) -> Argument {
    let ty = FlinkType::parse(ty).unwrap();
    let array: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let array = Cast::new(FlinkType::string(), ty.clone(), OnFailure::Fail)
        .unwrap()
        .cast(&array)
        .unwrap();
    Argument {
        field: Arc::new(ty.to_field("c")),
        value: ColumnarValue::Array(array),
    }
}

/// A column of strings.
pub(crate) fn strings(texts: &[&str]) -> Argument {
    let texts: Vec<Option<&str>> = texts.iter().copied().map(Some).collect();
    column("STRING", &texts)
}

/// A literal of this type.
pub(crate) fn literal(ty: &str, text: &str) -> Argument {
    let argument = column(ty, &[Some(text)]);
    let ColumnarValue::Array(array) = &argument.value else {
        unreachable!("columns are arrays")
    };
    let value = ScalarValue::try_from_array(array, 0).unwrap();
    Argument {
        field: Arc::new(argument.field.as_ref().clone().with_nullable(false)),
        value: ColumnarValue::Scalar(value),
    }
}

/// A literal string.
pub(crate) fn text(text: &str) -> Argument {
    literal("STRING", text)
}

/// A literal `INT`.
pub(crate) fn int(value: i32) -> Argument {
    literal("INT", &value.to_string())
}

/// The literal `NULL`.
pub(crate) fn null() -> Argument {
    Argument {
        field: Arc::new(Field::new("c", arrow::datatypes::DataType::Null, true)),
        value: ColumnarValue::Scalar(ScalarValue::Null),
    }
}

/// An array literal: the result of another call, as an argument.
pub(crate) fn nested(name: &str, args: &[Argument]) -> Argument {
    let (field, value) = invoke(name, args, "UTC").unwrap();
    Argument { field, value }
}

fn function(name: &str) -> Arc<ScalarUDF> {
    crate::catalogue::by_name(name)
        .or_else(|| {
            crate::scalar_functions()
                .into_iter()
                .find(|f| f.aliases().iter().any(|alias| alias == name))
        })
        .unwrap_or_else(|| panic!("no function {name}"))
}

fn invoke(name: &str, args: &[Argument], zone: &str) -> Result<(FieldRef, ColumnarValue)> {
    let function = function(name);
    let types: Vec<_> = args
        .iter()
        .map(|arg| arg.field.data_type().clone())
        .collect();
    let coerced = function.coerce_types(&types)?;
    let mut fields: Vec<FieldRef> = Vec::new();
    let mut values = Vec::new();
    for (arg, ty) in args.iter().zip(&coerced) {
        fields.push(Arc::new(
            arg.field.as_ref().clone().with_data_type(ty.clone()),
        ));
        values.push(arg.value.cast_to(ty, None)?);
    }
    let scalars: Vec<Option<&ScalarValue>> = values
        .iter()
        .map(|value| match value {
            ColumnarValue::Scalar(scalar) => Some(scalar),
            ColumnarValue::Array(_) => None,
        })
        .collect();
    let return_field = function.return_field_from_args(ReturnFieldArgs {
        arg_fields: &fields,
        scalar_arguments: &scalars,
    })?;
    let rows = values
        .iter()
        .find_map(|value| match value {
            ColumnarValue::Array(array) => Some(array.len()),
            ColumnarValue::Scalar(_) => None,
        })
        .unwrap_or(1);
    static UTC: LazyLock<Arc<ConfigOptions>> = LazyLock::new(Arc::default);
    let mut options = Arc::clone(&UTC);
    if zone != "UTC" {
        Arc::make_mut(&mut options).execution.time_zone = Some(zone.to_string());
    }
    let result = function.invoke_with_args(ScalarFunctionArgs {
        args: values,
        arg_fields: fields,
        number_rows: rows,
        return_field: Arc::clone(&return_field),
        config_options: options,
    })?;
    assert_eq!(
        &result.data_type(),
        return_field.data_type(),
        "{name} keeps its word"
    );
    Ok((return_field, result))
}

/// The results of a call, as rows print them.
pub(crate) fn try_call_in(zone: &str, name: &str, args: &[Argument]) -> Result<Vec<String>> {
    let (field, value) = invoke(name, args, zone)?;
    let array = value.into_array(1)?;
    let formatter = Formatter::new(&FlinkType::from_field(&field), Style::Row);
    Ok((0..array.len())
        .map(|row| {
            let mut out = String::new();
            formatter.write(array.as_ref(), row, &mut out);
            out
        })
        .collect())
}

pub(crate) fn try_call(name: &str, args: &[Argument]) -> Result<Vec<String>> {
    try_call_in("UTC", name, args)
}

/// The results of a call that must not fail.
pub(crate) fn call(name: &str, args: &[Argument]) -> Vec<String> {
    try_call(name, args).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The result of a call of literals that must not fail.
pub(crate) fn one(name: &str, args: &[Argument]) -> String {
    call(name, args).join(" | ")
}

/// The error of a call that must fail.
pub(crate) fn failure(name: &str, args: &[Argument]) -> String {
    try_call(name, args)
        .map(|rows| panic!("{name} gave {rows:?}"))
        .unwrap_or_else(|error| error.strip_backtrace())
}

/// The type of a call's result.
pub(crate) fn type_of(name: &str, args: &[Argument]) -> String {
    let (field, _) = invoke(name, args, "UTC").unwrap();
    FlinkType::from_field(&field).to_string()
}
