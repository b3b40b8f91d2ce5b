//! The frame that every function of the catalogue stands in: how a call is checked against the
//! function's overloads, how its result type is found, and how kernels read their arguments.
//!
//! A function is a [`FlinkFunction`]: a name, the overloads it takes ([`Is`] an argument), the
//! result type ([`Out`]) and a kernel over whole columns. Kernels read arguments through typed
//! views ([`Strs`], [`Prims`], …) in which a literal is not expanded into a column, and write
//! through [`strings`], [`prims`] and [`booleans`], which allocate once a batch. Arguments that are
//! all literals are evaluated once.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, BooleanBufferBuilder,
    NullBufferBuilder, PrimitiveArray, StringArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::{DataFusionError, Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::cast::{Cast, OnFailure};
use crate::datetime::Zone;
use crate::types::{FlinkType, MAX_LENGTH, TypeKind};

/// `STRING`.
pub(crate) const STRING: TypeKind = TypeKind::Varchar(MAX_LENGTH);
/// `BYTES`.
pub(crate) const BYTES: TypeKind = TypeKind::Varbinary(MAX_LENGTH);

/// The metadata key of the result of a function that generates JSON: written directly as an
/// argument of another such function it is embedded and not quoted.
pub(crate) const JSON_METADATA_KEY: &str = "flink.json";

/// What an argument must be. NULL literals fit everywhere.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Is {
    /// A character string.
    Str,
    /// A byte string.
    Bin,
    Bool,
    /// Any integer; the kernel gets `BIGINT`.
    Int,
    /// Any number; the kernel gets `DOUBLE`.
    Double,
    Date,
    /// `TIMESTAMP` or `TIMESTAMP_LTZ` as it is.
    Timestamp,
    /// `DATE`, `TIME`, `TIMESTAMP` or `TIMESTAMP_LTZ` as it is.
    Temporal,
    /// An array of anything.
    Array,
    /// An array of strings.
    StrArray,
    /// A map of anything.
    Map,
    Any,
    /// Any number of arguments of this kind, also none. Only at the end.
    Many(&'static Is),
}

impl Is {
    /// The name in signatures, as Flink writes them.
    fn text(self) -> &'static str {
        match self {
            Is::Str => "<CHARACTER_STRING>",
            Is::Bin => "<BINARY_STRING>",
            Is::Bool => "BOOLEAN",
            Is::Int => "<INTEGER_NUMERIC>",
            Is::Double => "<NUMERIC>",
            Is::Date => "DATE",
            Is::Timestamp => "<TIMESTAMP>",
            Is::Temporal => "<DATETIME>",
            Is::Array => "<ARRAY>",
            Is::StrArray => "ARRAY<STRING>",
            Is::Map => "<MAP>",
            Is::Any => "<ANY>",
            Is::Many(item) => item.text(),
        }
    }

    /// What an argument of type `ty` becomes for the kernel. `None` if it does not fit.
    fn accept(self, ty: &FlinkType) -> Option<TypeKind> {
        let null = ty.kind == TypeKind::Null;
        let keep = |fits: bool| fits.then(|| ty.kind.clone());
        let or_null = |fits: bool, default: TypeKind| {
            if null { Some(default) } else { keep(fits) }
        };
        match self {
            Is::Str => or_null(ty.is_string(), STRING),
            Is::Bin => or_null(ty.is_binary(), BYTES),
            Is::Bool => or_null(ty.kind == TypeKind::Boolean, TypeKind::Boolean),
            Is::Int => (null || ty.is_integer()).then_some(TypeKind::BigInt),
            Is::Double => (null || ty.is_numeric()).then_some(TypeKind::Double),
            Is::Date => or_null(ty.kind == TypeKind::Date, TypeKind::Date),
            Is::Timestamp => or_null(ty.is_timestamp(), TypeKind::Timestamp(3)),
            Is::Temporal => or_null(
                ty.is_timestamp() || matches!(ty.kind, TypeKind::Date | TypeKind::Time(_)),
                TypeKind::Timestamp(3),
            ),
            Is::Array => keep(null || matches!(ty.kind, TypeKind::Array(_))),
            Is::StrArray => or_null(
                matches!(&ty.kind, TypeKind::Array(item) if item.is_string()
                    || item.kind == TypeKind::Null),
                TypeKind::Array(Box::new(FlinkType::string())),
            ),
            Is::Map => keep(null || matches!(ty.kind, TypeKind::Map(..))),
            Is::Any => keep(true),
            Is::Many(item) => item.accept(ty),
        }
    }
}

/// A call to be checked: the function's name and its arguments' types, and those of them that are
/// literals (empty while coercing, when literals are not known yet).
pub(crate) struct Call<'a> {
    pub name: &'a str,
    pub types: &'a [FlinkType],
    pub literals: &'a [Option<&'a ScalarValue>],
}

impl Call<'_> {
    /// Whether any argument may be NULL.
    pub fn nullable(&self) -> bool {
        self.types
            .iter()
            .any(|ty| ty.nullable || ty.kind == TypeKind::Null)
    }

    /// The literal string at `index`, if that argument is one.
    pub fn text(&self, index: usize) -> Option<&str> {
        match self.literals.get(index).copied().flatten() {
            Some(
                ScalarValue::Utf8(Some(text))
                | ScalarValue::Utf8View(Some(text))
                | ScalarValue::LargeUtf8(Some(text)),
            ) => Some(text),
            _ => None,
        }
    }

    /// The literal integer at `index`, if that argument is one.
    pub fn integer(&self, index: usize) -> Option<i64> {
        match self.literals.get(index).copied().flatten()? {
            ScalarValue::Int8(v) => v.map(i64::from),
            ScalarValue::Int16(v) => v.map(i64::from),
            ScalarValue::Int32(v) => v.map(i64::from),
            ScalarValue::Int64(v) => *v,
            _ => None,
        }
    }

    /// `NAME(INT, STRING)`, as Flink names a call in its errors.
    pub fn describe(&self) -> String {
        let types: Vec<String> = self.types.iter().map(ToString::to_string).collect();
        format!("{}({})", self.name, types.join(", "))
    }

    /// The error of a call that no overload takes.
    pub fn mismatch(&self, expected: &str) -> DataFusionError {
        DataFusionError::Plan(format!(
            "Invalid function call: {}. Expected signatures are:\n{expected}",
            self.describe()
        ))
    }
}

/// The result type of a call.
#[derive(Clone)]
pub(crate) enum Out {
    /// This type, NULL only if an argument may be.
    Strict(TypeKind),
    /// This type, NULL or not whatever the arguments.
    Nullable(TypeKind),
    NotNull(TypeKind),
    /// The type of the argument at this index, NULL if any argument may be.
    Same(usize),
    Infer(fn(&Call<'_>) -> Result<FlinkType>),
}

/// A checked call: what the kernel wants its arguments to be, and what it returns.
pub(crate) struct Resolved {
    pub args: Vec<TypeKind>,
    pub result: FlinkType,
}

type Resolve = Arc<dyn Fn(&Call<'_>) -> Result<Resolved> + Send + Sync>;
type Eval = Arc<dyn Fn(&Args) -> Result<ArrayRef> + Send + Sync>;

/// A scalar function of Flink.
#[derive(Clone)]
pub(crate) struct FlinkFunction {
    /// As registered with DataFusion: lower case.
    name: &'static str,
    /// As errors show it: upper case, without the leading underscores of the internal ones.
    title: String,
    aliases: Vec<String>,
    signature: Signature,
    resolve: Resolve,
    eval: Eval,
    /// Whether the result is generated JSON.
    json: bool,
    /// The zone it is computed in, whatever the session's.
    zone: Option<Zone>,
}

impl std::fmt::Debug for FlinkFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.title)
    }
}

impl PartialEq for FlinkFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.zone == other.zone
    }
}

impl Eq for FlinkFunction {}

impl Hash for FlinkFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl FlinkFunction {
    /// A function with its own way to check calls.
    pub fn new(
        name: &'static str,
        resolve: impl Fn(&Call<'_>) -> Result<Resolved> + Send + Sync + 'static,
        eval: impl Fn(&Args) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            title: name.trim_start_matches('_').to_ascii_uppercase(),
            aliases: Vec::new(),
            signature: Signature::user_defined(Volatility::Immutable),
            resolve: Arc::new(resolve),
            eval: Arc::new(eval),
            json: false,
            zone: None,
        }
    }

    /// A function with a list of overloads and one rule for the result type.
    pub fn of(
        name: &'static str,
        overloads: &'static [&'static [Is]],
        out: Out,
        eval: impl Fn(&Args) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> Self {
        Self::new(
            name,
            move |call| resolve_overloads(call, overloads, &out),
            eval,
        )
    }

    /// The same function under more names.
    pub fn also(mut self, aliases: &[&str]) -> Self {
        self.aliases.extend(aliases.iter().map(|a| a.to_string()));
        self
    }

    /// A function whose result is generated JSON.
    pub fn json(mut self) -> Self {
        self.json = true;
        self
    }

    /// A function whose result differs from call to call.
    pub fn volatile(mut self) -> Self {
        self.signature = Signature::user_defined(Volatility::Volatile);
        self
    }

    /// The function `udf` computed in `zone`; `None` if it is none of Flink's.
    pub fn in_zone(udf: &ScalarUDF, zone: Zone) -> Option<Arc<ScalarUDF>> {
        let function = udf.inner().downcast_ref::<Self>()?;
        let zoned = Self {
            zone: Some(zone),
            ..function.clone()
        };
        Some(zoned.into_udf())
    }

    pub fn into_udf(self) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(self))
    }

    fn resolve_fields(
        &self,
        types: &[FlinkType],
        literals: &[Option<&ScalarValue>],
    ) -> Result<Resolved> {
        (self.resolve)(&Call {
            name: &self.title,
            types,
            literals,
        })
    }
}

fn resolve_overloads(call: &Call<'_>, overloads: &[&[Is]], out: &Out) -> Result<Resolved> {
    let Some(args) = overloads.iter().find_map(|overload| accept(call, overload)) else {
        let expected: Vec<String> = overloads
            .iter()
            .map(|overload| {
                let args: Vec<String> = overload
                    .iter()
                    .map(|is| match is {
                        Is::Many(item) => format!("{}...", item.text()),
                        is => is.text().to_string(),
                    })
                    .collect();
                format!("{}({})", call.name, args.join(", "))
            })
            .collect();
        return Err(call.mismatch(&expected.join("\n")));
    };
    let result = match out {
        Out::Strict(kind) => FlinkType::new(kind.clone()).with_nullable(call.nullable()),
        Out::Nullable(kind) => FlinkType::new(kind.clone()),
        Out::NotNull(kind) => FlinkType::new(kind.clone()).not_null(),
        Out::Same(index) => FlinkType::new(args[*index].clone()).with_nullable(call.nullable()),
        Out::Infer(infer) => infer(call)?,
    };
    Ok(Resolved { args, result })
}

fn accept(call: &Call<'_>, overload: &[Is]) -> Option<Vec<TypeKind>> {
    let mut kinds = Vec::with_capacity(call.types.len());
    let mut expected = overload.iter();
    let mut many: Option<Is> = None;
    for ty in call.types {
        let is = match many {
            Some(is) => is,
            None => match expected.next()? {
                Is::Many(item) => {
                    many = Some(**item);
                    **item
                }
                is => *is,
            },
        };
        kinds.push(is.accept(ty)?);
    }
    match expected.next() {
        None => Some(kinds),
        Some(Is::Many(_)) => Some(kinds),
        Some(_) => None,
    }
}

impl ScalarUDFImpl for FlinkFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        internal_err!("{} finds its type from fields", self.title)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types = args
            .arg_fields
            .iter()
            .map(|field| flink_type(&self.title, field))
            .collect::<Result<Vec<_>>>()?;
        let resolved = self.resolve_fields(&types, args.scalar_arguments)?;
        let mut field = resolved.result.to_field(self.name);
        if self.json {
            field
                .metadata_mut()
                .insert(JSON_METADATA_KEY.to_string(), String::new());
        }
        Ok(Arc::new(field))
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let types = arg_types
            .iter()
            .map(|ty| flink_type(&self.title, &Field::new("argument", ty.clone(), true)))
            .collect::<Result<Vec<_>>>()?;
        let resolved = self.resolve_fields(&types, &[])?;
        Ok(resolved
            .args
            .into_iter()
            .zip(arg_types)
            .map(|(kind, arrow)| {
                let wanted = FlinkType::new(kind).to_arrow();
                // Nested flags and names differ between producers and don't matter to kernels.
                if wanted.equals_datatype(arrow) {
                    arrow.clone()
                } else {
                    wanted
                }
            })
            .collect())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = self.signature.volatility != Volatility::Volatile
            && args
                .args
                .iter()
                .all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let args = Args {
            rows: if constant { 1 } else { args.number_rows },
            columns: args.args,
            fields: args.arg_fields,
            result: args.return_field,
            zone: match self.zone {
                Some(zone) => zone,
                None => Zone::from_config(&args.config_options)?,
            },
        };
        let array = (self.eval)(&args)?;
        if constant && array.len() == 1 {
            return ScalarValue::try_from_array(&array, 0).map(ColumnarValue::Scalar);
        }
        Ok(ColumnarValue::Array(array))
    }
}

fn flink_type(name: &str, field: &Field) -> Result<FlinkType> {
    match FlinkType::try_from_field(field) {
        Some(ty) => Ok(ty),
        None => plan_err!(
            "{name} is not supported for arguments of the type {}",
            field.data_type()
        ),
    }
}

/// The arguments of one evaluation.
pub(crate) struct Args {
    columns: Vec<ColumnarValue>,
    fields: Vec<FieldRef>,
    /// Rows to produce.
    pub rows: usize,
    /// What to produce.
    pub result: FieldRef,
    /// The session's time zone.
    pub zone: Zone,
}

impl Args {
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    pub fn data_type(&self, index: usize) -> DataType {
        self.columns[index].data_type()
    }

    /// The Flink type of the argument at `index`.
    pub fn ty(&self, index: usize) -> FlinkType {
        FlinkType::from_field(&self.fields[index])
    }

    /// Whether the argument at `index` is generated JSON.
    pub fn is_json(&self, index: usize) -> bool {
        self.fields[index]
            .metadata()
            .contains_key(JSON_METADATA_KEY)
    }

    /// The Flink type to produce.
    pub fn result_type(&self) -> FlinkType {
        FlinkType::from_field(&self.result)
    }

    /// The value of the argument at `index` if it is a literal.
    pub fn scalar(&self, index: usize) -> Option<&ScalarValue> {
        match self.columns.get(index) {
            Some(ColumnarValue::Scalar(value)) => Some(value),
            _ => None,
        }
    }

    /// The argument as a whole column; a literal is repeated.
    pub fn array(&self, index: usize) -> Result<ArrayRef> {
        match &self.columns[index] {
            ColumnarValue::Array(array) => Ok(Arc::clone(array)),
            ColumnarValue::Scalar(value) => value.to_array_of_size(self.rows),
        }
    }

    /// The argument as a whole column of another type.
    pub fn cast_to(&self, index: usize, to: &FlinkType) -> Result<ArrayRef> {
        let from = self.ty(index);
        let array = self.array(index)?;
        if from.kind == to.kind && array.data_type() == &to.to_arrow() {
            return Ok(array);
        }
        Cast::new(from, to.clone(), OnFailure::Fail)?
            .with_zone(self.zone)
            .cast(&array)
    }

    /// The argument as a column of one row if it is a literal (the flag), or whole.
    fn compact(&self, index: usize) -> Result<(ArrayRef, bool)> {
        match self.columns.get(index) {
            Some(ColumnarValue::Array(array)) => Ok((Arc::clone(array), false)),
            Some(ColumnarValue::Scalar(value)) => Ok((value.to_array_of_size(1)?, true)),
            None => exec_err!("An argument is missing at position {index}"),
        }
    }

    /// Any argument, row by row.
    pub fn any(&self, index: usize) -> Result<Rows> {
        let (array, constant) = self.compact(index)?;
        Ok(Rows { array, constant })
    }

    /// A string argument.
    pub fn strs(&self, index: usize) -> Result<Strs> {
        let (array, constant) = self.compact(index)?;
        Ok(Strs {
            array: downcast(&array)?,
            constant,
        })
    }

    /// A byte string argument.
    pub fn bytes(&self, index: usize) -> Result<Bins> {
        let (array, constant) = self.compact(index)?;
        Ok(Bins {
            array: downcast(&array)?,
            constant,
        })
    }

    /// A boolean argument.
    pub fn bools(&self, index: usize) -> Result<Bools> {
        let (array, constant) = self.compact(index)?;
        Ok(Bools {
            array: downcast(&array)?,
            constant,
        })
    }

    /// A number or time of exactly this Arrow type.
    pub fn prims<T: ArrowPrimitiveType>(&self, index: usize) -> Result<Prims<T>> {
        let (array, constant) = self.compact(index)?;
        Ok(Prims {
            array: downcast(&array)?,
            constant,
        })
    }

    /// Whether there is an argument at `index`.
    pub fn has(&self, index: usize) -> bool {
        index < self.columns.len()
    }
}

/// The concrete array behind a reference; an error (never a panic) if it is another.
pub(crate) fn downcast<A: Array + Clone + 'static>(array: &ArrayRef) -> Result<A> {
    match array.as_any().downcast_ref::<A>() {
        Some(array) => Ok(array.clone()),
        None => internal_err!(
            "Expected {} but found an array of {}",
            std::any::type_name::<A>(),
            array.data_type()
        ),
    }
}

macro_rules! view {
    ($(#[$doc:meta])* $name:ident, $array:ty, $value:ty) => {
        $(#[$doc])*
        pub(crate) struct $name {
            array: $array,
            constant: bool,
        }

        impl $name {
            /// The value at `row`, or `None` for NULL.
            #[inline]
            pub fn get(&self, row: usize) -> Option<$value> {
                let row = if self.constant { 0 } else { row };
                if self.array.is_null(row) {
                    None
                } else {
                    Some(self.array.value(row))
                }
            }

            /// The value if it is the same in every row. The outer `None` is "not a literal".
            #[allow(dead_code, reason = "not every view is asked for its literal")]
            pub fn literal(&self) -> Option<Option<$value>> {
                self.constant.then(|| self.get(0))
            }
        }
    };
}

view!(
    /// Strings by row.
    Strs, StringArray, &str
);
view!(
    /// Byte strings by row.
    Bins, BinaryArray, &[u8]
);
view!(
    /// Booleans by row.
    Bools, BooleanArray, bool
);

/// Numbers or times by row.
pub(crate) struct Prims<T: ArrowPrimitiveType> {
    array: PrimitiveArray<T>,
    constant: bool,
}

impl<T: ArrowPrimitiveType> Prims<T> {
    /// The value at `row`, or `None` for NULL.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T::Native> {
        let row = if self.constant { 0 } else { row };
        if self.array.is_null(row) {
            None
        } else {
            Some(self.array.value(row))
        }
    }
}

/// Values of any type by row.
pub(crate) struct Rows {
    pub array: ArrayRef,
    constant: bool,
}

impl Rows {
    /// Where the value of `row` stands in [`Self::array`], or `None` for NULL.
    #[inline]
    pub fn at(&self, row: usize) -> Option<usize> {
        let row = if self.constant { 0 } else { row };
        // An array of NULLs has no bitmap to say so.
        let present = self.array.is_valid(row) && self.array.data_type() != &DataType::Null;
        present.then_some(row)
    }
}

/// A column of strings. `write` appends the string of a row to the buffer and says whether there
/// is one; what it appended before saying NULL or failing is taken back.
pub(crate) fn strings(
    rows: usize,
    mut write: impl FnMut(usize, &mut String) -> Result<bool>,
) -> Result<ArrayRef> {
    let mut text = String::new();
    let mut offsets: Vec<i32> = Vec::with_capacity(rows + 1);
    let mut nulls = NullBufferBuilder::new(rows);
    offsets.push(0);
    for row in 0..rows {
        let start = text.len();
        if write(row, &mut text)? {
            nulls.append_non_null();
        } else {
            text.truncate(start);
            nulls.append_null();
        }
        offsets.push(offset(text.len())?);
    }
    Ok(Arc::new(StringArray::try_new(
        OffsetBuffer::new(ScalarBuffer::from(offsets)),
        Buffer::from_vec(text.into_bytes()),
        nulls.finish(),
    )?))
}

/// A column of byte strings, as [`strings`].
pub(crate) fn binaries(
    rows: usize,
    mut write: impl FnMut(usize, &mut Vec<u8>) -> Result<bool>,
) -> Result<ArrayRef> {
    let mut bytes = Vec::new();
    let mut offsets: Vec<i32> = Vec::with_capacity(rows + 1);
    let mut nulls = NullBufferBuilder::new(rows);
    offsets.push(0);
    for row in 0..rows {
        let start = bytes.len();
        if write(row, &mut bytes)? {
            nulls.append_non_null();
        } else {
            bytes.truncate(start);
            nulls.append_null();
        }
        offsets.push(offset(bytes.len())?);
    }
    Ok(Arc::new(BinaryArray::try_new(
        OffsetBuffer::new(ScalarBuffer::from(offsets)),
        Buffer::from_vec(bytes),
        nulls.finish(),
    )?))
}

fn offset(len: usize) -> Result<i32> {
    i32::try_from(len).map_err(|_| {
        DataFusionError::Execution(
            "The strings of one batch must not exceed 2 GiB; make the batch smaller".to_string(),
        )
    })
}

/// A column of numbers or times; the array gets `data_type` (which carries zone, precision and
/// scale).
pub(crate) fn prims<T: ArrowPrimitiveType>(
    rows: usize,
    data_type: &DataType,
    mut value: impl FnMut(usize) -> Result<Option<T::Native>>,
) -> Result<ArrayRef> {
    let mut values: Vec<T::Native> = Vec::with_capacity(rows);
    let mut nulls = NullBufferBuilder::new(rows);
    for row in 0..rows {
        match value(row)? {
            Some(v) => {
                values.push(v);
                nulls.append_non_null();
            }
            None => {
                values.push(T::Native::default());
                nulls.append_null();
            }
        }
    }
    let array = PrimitiveArray::<T>::try_new(ScalarBuffer::from(values), nulls.finish())?;
    Ok(Arc::new(array.with_data_type(data_type.clone())))
}

/// A column of booleans.
pub(crate) fn booleans(
    rows: usize,
    mut value: impl FnMut(usize) -> Result<Option<bool>>,
) -> Result<ArrayRef> {
    let mut values = BooleanBufferBuilder::new(rows);
    let mut nulls = NullBufferBuilder::new(rows);
    for row in 0..rows {
        match value(row)? {
            Some(v) => {
                values.append(v);
                nulls.append_non_null();
            }
            None => {
                values.append(false);
                nulls.append_null();
            }
        }
    }
    Ok(Arc::new(BooleanArray::new(values.finish(), nulls.finish())))
}
