//! Rows, arrays and maps: their constructors, access to their items, and the functions on them.
//!
//! Items are compared as values: NULL equals NULL, maps are equal when they hold the same
//! entries in any order.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, NullBufferBuilder, StructArray, make_comparator,
    new_null_array,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::{SortOptions, interleave};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Int64Type};
use datafusion_common::{Result, exec_err, internal_err, plan_err};

use crate::call::{
    Args, Call, FlinkFunction, Is, Out, Resolved, STRING, booleans, downcast, prims, strings,
};
use crate::types::{FlinkType, RowField, TypeKind};

use Is::{Bool, Int, Map, Str, StrArray};

pub(crate) fn functions() -> Vec<FlinkFunction> {
    vec![
        FlinkFunction::new("__row", resolve_row, row),
        FlinkFunction::new("__array", resolve_array, array),
        FlinkFunction::new("__map", resolve_map, map),
        FlinkFunction::new("__item", resolve_item, item),
        FlinkFunction::of(
            "cardinality",
            &[&[Is::Array], &[Map]],
            Out::Strict(TypeKind::Int),
            |args| {
                let rows = args.any(0)?;
                prims::<Int32Type>(args.rows, &DataType::Int32, |row| {
                    Ok(rows.at(row).map(|at| {
                        let array = rows.array.as_ref();
                        match array.as_list_opt::<i32>() {
                            Some(list) => list.value_length(at),
                            None => array.as_map_opt().map_or(0, |map| map.value_length(at)),
                        }
                    }))
                })
            },
        ),
        FlinkFunction::of(
            "element",
            &[&[Is::Array]],
            Out::Infer(|call| Ok(item_type(&call.types[0]).with_nullable(true))),
            element,
        ),
        FlinkFunction::new(
            "array_contains",
            |call| haystack(call, |_| TypeKind::Boolean),
            |args| {
                let lists = Lists::haystack(args)?;
                let needle = Keys::of(&args.cast_to(1, &lists.item)?)?;
                booleans(args.rows, |row| {
                    let Some(range) = lists.range(0, row) else {
                        return Ok(None);
                    };
                    let wanted = needle.key(row);
                    Ok(Some(
                        range.into_iter().any(|at| lists.keys[0].key(at) == wanted),
                    ))
                })
            },
        ),
        FlinkFunction::new(
            "array_position",
            |call| haystack(call, |_| TypeKind::Int),
            |args| {
                let lists = Lists::haystack(args)?;
                let needle = args.cast_to(1, &lists.item)?;
                let keys = Keys::of(&needle)?;
                prims::<Int32Type>(args.rows, &DataType::Int32, |row| {
                    let Some(mut range) = lists.range(0, row) else {
                        return Ok(None);
                    };
                    if needle.is_null(row) {
                        return Ok(None);
                    }
                    let wanted = keys.key(row);
                    let found = range.position(|at| lists.keys[0].key(at) == wanted);
                    Ok(Some(found.map_or(0, |at| at as i32 + 1)))
                })
            },
        ),
        FlinkFunction::new("array_append", with_element, |args| insert(args, false)),
        FlinkFunction::new("array_prepend", with_element, |args| insert(args, true)),
        FlinkFunction::new(
            "array_remove",
            |call| haystack(call, TypeKind::clone),
            |args| {
                let lists = Lists::haystack(args)?;
                let needle = Keys::of(&args.cast_to(1, &lists.item)?)?;
                lists.build(args.rows, |row, picks| {
                    let Some(range) = lists.range(0, row) else {
                        return Ok(false);
                    };
                    let unwanted = needle.key(row);
                    picks.extend(
                        range
                            .filter(|at| lists.keys[0].key(*at) != unwanted)
                            .map(|at| (0, at)),
                    );
                    Ok(true)
                })
            },
        ),
        FlinkFunction::new(
            "array_concat",
            |call| common_arrays(call, 1),
            |args| {
                let lists = Lists::all(args)?;
                lists.build(args.rows, |row, picks| {
                    for list in 0..args.len() {
                        let Some(range) = lists.range(list, row) else {
                            return Ok(false);
                        };
                        picks.extend(range.map(|at| (list, at)));
                    }
                    Ok(true)
                })
            },
        ),
        FlinkFunction::new("array_union", two_arrays, |args| {
            sets(args, |_, _| true, true)
        }),
        FlinkFunction::new("array_intersect", two_arrays, |args| {
            sets(args, |key, right| right.contains(key), false)
        }),
        FlinkFunction::new("array_except", two_arrays, |args| {
            sets(args, |key, right| !right.contains(key), false)
        }),
        FlinkFunction::new(
            "array_distinct",
            |call| common_arrays(call, 1),
            |args| {
                let lists = Lists::all(args)?;
                lists.build(args.rows, |row, picks| {
                    let Some(range) = lists.range(0, row) else {
                        return Ok(false);
                    };
                    let mut seen = HashSet::new();
                    picks.extend(
                        range
                            .filter(|at| seen.insert(lists.keys[0].key(*at)))
                            .map(|at| (0, at)),
                    );
                    Ok(true)
                })
            },
        ),
        FlinkFunction::new(
            "array_reverse",
            |call| common_arrays(call, 1),
            |args| {
                let lists = Lists::all(args)?;
                lists.build(args.rows, |row, picks| {
                    let Some(range) = lists.range(0, row) else {
                        return Ok(false);
                    };
                    picks.extend(range.rev().map(|at| (0, at)));
                    Ok(true)
                })
            },
        ),
        FlinkFunction::of(
            "array_slice",
            &[&[Is::Array, Int], &[Is::Array, Int, Int]],
            Out::Same(0),
            slice,
        ),
        FlinkFunction::of(
            "array_sort",
            &[&[Is::Array], &[Is::Array, Bool], &[Is::Array, Bool, Bool]],
            Out::Infer(|call| {
                let item = item_type(&call.types[0]);
                if !is_sortable(&item) {
                    return plan_err!("Invalid function call:\n{}", call.describe());
                }
                Ok(call.types[0].clone().with_nullable(call.nullable()))
            }),
            sort,
        ),
        FlinkFunction::of(
            "array_max",
            &[&[Is::Array]],
            Out::Infer(extreme_type),
            |args| extreme(args, true),
        ),
        FlinkFunction::of(
            "array_min",
            &[&[Is::Array]],
            Out::Infer(extreme_type),
            |args| extreme(args, false),
        ),
        FlinkFunction::of(
            "array_join",
            &[&[StrArray, Str], &[StrArray, Str, Str]],
            Out::Strict(STRING),
            join,
        ),
        FlinkFunction::of(
            "split",
            &[&[Str, Str]],
            Out::Strict(TypeKind::Array(Box::new(FlinkType {
                kind: STRING,
                nullable: true,
            }))),
            split,
        ),
        FlinkFunction::of(
            "map_keys",
            &[&[Map]],
            Out::Infer(|call| map_side(call, true)),
            |args| map_part(args, |map| Arc::clone(map.keys())),
        ),
        FlinkFunction::of(
            "map_values",
            &[&[Map]],
            Out::Infer(|call| map_side(call, false)),
            |args| map_part(args, |map| Arc::clone(map.values())),
        ),
        FlinkFunction::of(
            "map_entries",
            &[&[Map]],
            Out::Infer(|call| {
                let (key, value) = map_types(&call.types[0]);
                let entry = TypeKind::Row(vec![
                    RowField::new("key", key),
                    RowField::new("value", value),
                ]);
                Ok(FlinkType::new(TypeKind::Array(Box::new(entry.into())))
                    .with_nullable(call.nullable()))
            }),
            |args| map_part(args, |map| Arc::new(map.entries().clone())),
        ),
        FlinkFunction::of(
            "map_from_arrays",
            &[&[Is::Array, Is::Array]],
            Out::Infer(|call| {
                let kind = TypeKind::Map(
                    Box::new(item_type(&call.types[0])),
                    Box::new(item_type(&call.types[1])),
                );
                Ok(FlinkType::new(kind).with_nullable(call.nullable()))
            }),
            map_from_arrays,
        ),
        FlinkFunction::new("map_union", resolve_map_union, map_union),
        FlinkFunction::of(
            "str_to_map",
            &[&[Str], &[Str, Str, Str]],
            Out::Infer(|call| {
                let string = || Box::new(FlinkType::string());
                Ok(
                    FlinkType::new(TypeKind::Map(string(), string()))
                        .with_nullable(call.nullable()),
                )
            }),
            str_to_map,
        ),
    ]
}

fn keep(call: &Call<'_>) -> Vec<TypeKind> {
    call.types.iter().map(|ty| ty.kind.clone()).collect()
}

/// The item type of an array; `NULL` of anything else.
fn item_type(ty: &FlinkType) -> FlinkType {
    match &ty.kind {
        TypeKind::Array(item) => (**item).clone(),
        _ => TypeKind::Null.into(),
    }
}

fn map_types(ty: &FlinkType) -> (FlinkType, FlinkType) {
    match &ty.kind {
        TypeKind::Map(key, value) => ((**key).clone(), (**value).clone()),
        _ => (TypeKind::Null.into(), TypeKind::Null.into()),
    }
}

// ---- Constructors ----

fn resolve_row(call: &Call<'_>) -> Result<Resolved> {
    let fields = call
        .types
        .iter()
        .enumerate()
        .map(|(index, ty)| RowField::new(format!("EXPR${index}"), ty.clone()))
        .collect();
    Ok(Resolved {
        args: keep(call),
        result: FlinkType::new(TypeKind::Row(fields)).not_null(),
    })
}

fn row(args: &Args) -> Result<ArrayRef> {
    let DataType::Struct(fields) = args.result.data_type() else {
        return internal_err!("ROW must give a row");
    };
    struct_of(fields, columns(args)?, args.rows)
}

fn columns(args: &Args) -> Result<Vec<ArrayRef>> {
    (0..args.len())
        .map(|index| args.cast_to(index, &args.ty(index)))
        .collect()
}

fn struct_of(fields: &Fields, columns: Vec<ArrayRef>, rows: usize) -> Result<ArrayRef> {
    if fields.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(rows, None)));
    }
    Ok(Arc::new(StructArray::try_new(
        fields.clone(),
        columns,
        None,
    )?))
}

fn resolve_array(call: &Call<'_>) -> Result<Resolved> {
    match FlinkType::common_of(call.types) {
        Some(item) => Ok(Resolved {
            args: keep(call),
            result: FlinkType::new(TypeKind::Array(Box::new(item))).not_null(),
        }),
        None => Err(call.mismatch("ARRAY[<COMMON>...]")),
    }
}

fn array(args: &Args) -> Result<ArrayRef> {
    let item = item_type(&args.result_type());
    let lists = Lists::over(
        (0..args.len())
            .map(|index| args.cast_to(index, &item))
            .collect::<Result<Vec<_>>>()?,
        item,
        false,
    )?;
    lists.build(args.rows, |row, picks| {
        picks.extend((0..args.len()).map(|column| (column, row)));
        Ok(true)
    })
}

fn resolve_map(call: &Call<'_>) -> Result<Resolved> {
    let side = |offset: usize| FlinkType::common_of(call.types.iter().skip(offset).step_by(2));
    match (side(0), side(1)) {
        (Some(key), Some(value)) if call.types.len().is_multiple_of(2) => Ok(Resolved {
            args: keep(call),
            result: FlinkType::new(TypeKind::Map(Box::new(key), Box::new(value))).not_null(),
        }),
        _ => Err(call.mismatch("MAP[<COMMON KEY>, <COMMON VALUE>...]")),
    }
}

fn map(args: &Args) -> Result<ArrayRef> {
    let (key, value) = map_types(&args.result_type());
    let side = |offset: usize, ty: &FlinkType| {
        (offset..args.len())
            .step_by(2)
            .map(|index| args.cast_to(index, ty))
            .collect::<Result<Vec<_>>>()
    };
    let (keys, values) = (side(0, &key)?, side(1, &value)?);
    let pairs = keys.len();
    build_map(args, keys, values, |row, picks| {
        picks.extend((0..pairs).map(|pair| (pair, row)));
        Ok(true)
    })
}

/// Builds a map column from places in columns of keys and values. Of equal keys the last counts,
/// at the place of the first.
fn build_map(
    args: &Args,
    keys: Vec<ArrayRef>,
    values: Vec<ArrayRef>,
    mut pick: impl FnMut(usize, &mut Vec<(usize, usize)>) -> Result<bool>,
) -> Result<ArrayRef> {
    let DataType::Map(entries, sorted) = args.result.data_type() else {
        return internal_err!("{} is not a map", args.result.data_type());
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return internal_err!("{} is not a map", args.result.data_type());
    };
    let identities = keys.iter().map(Keys::of).collect::<Result<Vec<_>>>()?;
    let mut offsets = vec![0_i32];
    let mut nulls = NullBufferBuilder::new(args.rows);
    let (mut key_picks, mut value_picks) = (Vec::new(), Vec::new());
    let mut entry = Vec::new();
    for row in 0..args.rows {
        entry.clear();
        if pick(row, &mut entry)? {
            nulls.append_non_null();
            let start = key_picks.len();
            for &(column, at) in &entry {
                if keys[column].is_null(at) {
                    return exec_err!("A NULL key of a map is not supported");
                }
                let key = identities[column].key(at);
                let known = key_picks[start..]
                    .iter()
                    .position(|&(c, a): &(usize, usize)| identities[c].key(a) == key);
                match known {
                    Some(index) => value_picks[start + index] = (column, at),
                    None => {
                        key_picks.push((column, at));
                        value_picks.push((column, at));
                    }
                }
            }
        } else {
            nulls.append_null();
        }
        offsets.push(key_picks.len() as i32);
    }
    let gather = |columns: &[ArrayRef], picks: &[(usize, usize)], field: &Field| {
        if columns.is_empty() || picks.is_empty() {
            return Ok(arrow::array::new_empty_array(field.data_type()));
        }
        let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
        interleave(&columns, picks)
    };
    let entries_array = StructArray::try_new(
        fields.clone(),
        vec![
            gather(&keys, &key_picks, &fields[0])?,
            gather(&values, &value_picks, &fields[1])?,
        ],
        None,
    )?;
    Ok(Arc::new(MapArray::try_new(
        Arc::clone(entries),
        OffsetBuffer::new(ScalarBuffer::from(offsets)),
        entries_array,
        nulls.finish(),
        *sorted,
    )?))
}

// ---- Access ----

fn resolve_item(call: &Call<'_>) -> Result<Resolved> {
    let [container, index] = call.types else {
        return Err(call.mismatch("<ARRAY>[<INTEGER_NUMERIC>]\n<MAP>[<KEY>]\n<ROW>.field"));
    };
    let mut args = keep(call);
    let result = match &container.kind {
        TypeKind::Array(item) if index.is_integer() => {
            args[1] = TypeKind::BigInt;
            if let Some(at) = call.integer(1).filter(|at| *at < 1) {
                return plan_err!(
                    "Array element access needs an index starting at 1 but was {at}."
                );
            }
            (**item).clone().with_nullable(true)
        }
        TypeKind::Map(key, value) if key.common(index).is_some() => {
            (**value).clone().with_nullable(true)
        }
        TypeKind::Row(fields) => {
            let field = if call.literals.is_empty() {
                fields.first()
            } else if let Some(name) = call.text(1) {
                fields
                    .iter()
                    .find(|field| field.name == name)
                    .or_else(|| fields.iter().find(|f| f.name.eq_ignore_ascii_case(name)))
            } else {
                call.integer(1)
                    .and_then(|at| fields.get(usize::try_from(at).ok()?.checked_sub(1)?))
            };
            match field {
                Some(field) => {
                    let nullable = field.ty.nullable || container.nullable;
                    field.ty.clone().with_nullable(nullable)
                }
                None => {
                    let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
                    return plan_err!(
                        "The row has no field {}; its fields are {}",
                        call.text(1).unwrap_or("at this position"),
                        names.join(", ")
                    );
                }
            }
        }
        _ => {
            return plan_err!("Cannot access an item of a value of type {container} by {index}");
        }
    };
    Ok(Resolved { args, result })
}

fn item(args: &Args) -> Result<ArrayRef> {
    let container = args.array(0)?;
    match container.data_type() {
        DataType::List(_) => {
            let list: ListArray = downcast(&container)?;
            let index = args.prims::<Int64Type>(1)?;
            pick_values(args, list.values(), |row| {
                let at = usize::try_from(index.get(row)?).ok()?.checked_sub(1)?;
                let inside = list.is_valid(row) && at < list.value_length(row) as usize;
                inside.then(|| list.value_offsets()[row] as usize + at)
            })
        }
        DataType::Map(..) => {
            let map: MapArray = downcast(&container)?;
            let (key, _) = map_types(&args.ty(0));
            let Some(common) = key.common(&args.ty(1)) else {
                return internal_err!("The key of a map access has another type");
            };
            let wanted = Keys::of(&args.cast_to(1, &common)?)?;
            let keys = crate::cast::Cast::new(key, common, crate::cast::OnFailure::Fail)?
                .cast(map.keys())?;
            let keys = Keys::of(&keys)?;
            pick_values(args, map.values(), |row| {
                if map.is_null(row) {
                    return None;
                }
                let (start, end) = (map.value_offsets()[row], map.value_offsets()[row + 1]);
                let wanted = wanted.key(row);
                (start as usize..end as usize).find(|at| keys.key(*at) == wanted)
            })
        }
        DataType::Struct(fields) => {
            let row: StructArray = downcast(&container)?;
            let name = args.scalar(1).map(ToString::to_string).unwrap_or_default();
            let position = fields
                .iter()
                .position(|field| field.name() == &name)
                .or_else(|| {
                    fields
                        .iter()
                        .position(|f| f.name().eq_ignore_ascii_case(&name))
                })
                .or_else(|| name.parse::<usize>().ok()?.checked_sub(1));
            let Some(column) = position.and_then(|at| row.columns().get(at)) else {
                return exec_err!("The row has no field {name}");
            };
            if row.null_count() == 0 {
                return Ok(Arc::clone(column));
            }
            pick_values(args, column, |at| row.is_valid(at).then_some(at))
        }
        DataType::Null => Ok(new_null_array(args.result.data_type(), args.rows)),
        other => exec_err!("{other} has no items"),
    }
}

/// Takes one value of `values` for each row, or NULL.
fn pick_values(
    args: &Args,
    values: &ArrayRef,
    at: impl Fn(usize) -> Option<usize>,
) -> Result<ArrayRef> {
    let indices: arrow::array::UInt64Array = (0..args.rows)
        .map(|row| at(row).map(|at| at as u64))
        .collect();
    Ok(arrow::compute::take(values.as_ref(), &indices, None)?)
}

fn element(args: &Args) -> Result<ArrayRef> {
    let array = args.array(0)?;
    if array.data_type() == &DataType::Null {
        return Ok(array);
    }
    let list: ListArray = downcast(&array)?;
    if (0..list.len()).any(|row| list.is_valid(row) && list.value_length(row) > 1) {
        return exec_err!("Array has more than one element.");
    }
    pick_values(args, list.values(), |row| {
        (list.is_valid(row) && list.value_length(row) == 1)
            .then(|| list.value_offsets()[row] as usize)
    })
}

// ---- Values as keys ----

/// The identity of every value of a column: equal bytes for equal values.
struct Keys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Keys {
    fn of(array: &ArrayRef) -> Result<Self> {
        let mut keys = Self {
            bytes: Vec::new(),
            ends: Vec::with_capacity(array.len()),
        };
        for row in 0..array.len() {
            encode(array.as_ref(), row, &mut keys.bytes)?;
            keys.ends.push(keys.bytes.len());
        }
        Ok(keys)
    }

    fn key(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }
}

fn encode(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<()> {
    if array.is_null(row) {
        out.push(0);
        return Ok(());
    }
    out.push(1);
    let sized = |bytes: &[u8], out: &mut Vec<u8>| {
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match array.data_type() {
        DataType::Null => {}
        DataType::Utf8 => sized(array.as_string::<i32>().value(row).as_bytes(), out),
        DataType::Binary => sized(array.as_binary::<i32>().value(row), out),
        DataType::Boolean => out.push(u8::from(array.as_boolean().value(row))),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            out.extend_from_slice(&(items.len() as u64).to_le_bytes());
            for at in 0..items.len() {
                encode(items.as_ref(), at, out)?;
            }
        }
        DataType::Struct(_) => {
            for column in array.as_struct().columns() {
                encode(column.as_ref(), row, out)?;
            }
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let mut keys = (0..entries.len())
                .map(|at| {
                    let mut entry = Vec::new();
                    encode(entries.column(0).as_ref(), at, &mut entry)?;
                    encode(entries.column(1).as_ref(), at, &mut entry)?;
                    Ok(entry)
                })
                .collect::<Result<Vec<_>>>()?;
            keys.sort();
            out.extend_from_slice(&(keys.len() as u64).to_le_bytes());
            keys.iter().for_each(|key| out.extend_from_slice(key));
        }
        ty if ty.primitive_width().is_some() => {
            let width = ty.primitive_width().unwrap_or(0);
            let data = array.to_data();
            let start = (data.offset() + row) * width;
            let bytes = data.buffers()[0].as_slice();
            out.extend_from_slice(&bytes[start..start + width]);
        }
        other => return exec_err!("Values of type {other} cannot be compared"),
    }
    Ok(())
}

// ---- Arrays ----

/// Array arguments brought to one item type, for building new arrays of their items.
struct Lists {
    /// The offsets and validity of each argument. Empty if the columns are items themselves.
    lists: Vec<ListArray>,
    /// The items of each argument, with a column of one NULL at the end.
    values: Vec<ArrayRef>,
    keys: Vec<Keys>,
    item: FlinkType,
}

impl Lists {
    fn over(mut values: Vec<ArrayRef>, item: FlinkType, keys: bool) -> Result<Self> {
        let keys = if keys {
            values.iter().map(Keys::of).collect::<Result<Vec<_>>>()?
        } else {
            Vec::new()
        };
        values.push(new_null_array(&item.to_arrow(), 1));
        Ok(Self {
            lists: Vec::new(),
            values,
            keys,
            item,
        })
    }

    /// The arguments as arrays of the type `array`.
    fn from(args: &Args, count: usize, array: &FlinkType) -> Result<Self> {
        let lists = (0..count)
            .map(|index| downcast::<ListArray>(&args.cast_to(index, array)?))
            .collect::<Result<Vec<_>>>()?;
        let values = lists.iter().map(|list| Arc::clone(list.values())).collect();
        let mut result = Self::over(values, item_type(array), true)?;
        result.lists = lists;
        Ok(result)
    }

    /// All arguments as arrays of the result's type.
    fn all(args: &Args) -> Result<Self> {
        Self::from(args, args.len(), &args.result_type())
    }

    /// The first argument, with an item type that the second fits too.
    fn haystack(args: &Args) -> Result<Self> {
        let item = item_type(&args.ty(0));
        let item = item.common(&args.ty(1)).unwrap_or(item);
        let array = FlinkType::new(TypeKind::Array(Box::new(item)));
        Self::from(args, 1, &array)
    }

    /// The places of the items of an argument in a row; `None` if the array is NULL.
    fn range(&self, list: usize, row: usize) -> Option<std::ops::Range<usize>> {
        let list = &self.lists[list];
        list.is_valid(row).then(|| {
            let offsets = list.value_offsets();
            offsets[row] as usize..offsets[row + 1] as usize
        })
    }

    /// Where a NULL item can be picked.
    fn null(&self) -> (usize, usize) {
        (self.values.len() - 1, 0)
    }

    /// Builds an array for each row from picked items; `false` is a NULL array.
    fn build(
        &self,
        rows: usize,
        mut pick: impl FnMut(usize, &mut Vec<(usize, usize)>) -> Result<bool>,
    ) -> Result<ArrayRef> {
        let mut picks = Vec::new();
        let mut offsets = Vec::with_capacity(rows + 1);
        let mut nulls = NullBufferBuilder::new(rows);
        offsets.push(0_i32);
        for row in 0..rows {
            let start = picks.len();
            if pick(row, &mut picks)? {
                nulls.append_non_null();
            } else {
                picks.truncate(start);
                nulls.append_null();
            }
            offsets.push(picks.len() as i32);
        }
        let columns: Vec<&dyn Array> = self.values.iter().map(AsRef::as_ref).collect();
        let values = interleave(&columns, &picks)?;
        let field = Arc::new(Field::new("item", values.data_type().clone(), true));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Ok(Arc::new(ListArray::try_new(
            field,
            offsets,
            values,
            nulls.finish(),
        )?))
    }
}

/// `(array, element)` where the element fits the array.
fn haystack(call: &Call<'_>, result: fn(&TypeKind) -> TypeKind) -> Result<Resolved> {
    let expected = || format!("{}(haystack <ARRAY>, needle <ARRAY ELEMENT>)", call.name);
    let [array, needle] = call.types else {
        return Err(call.mismatch(&expected()));
    };
    let TypeKind::Array(item) = &array.kind else {
        return Err(call.mismatch(&expected()));
    };
    if item.common(needle).is_none() {
        return Err(call.mismatch(&expected()));
    }
    Ok(Resolved {
        args: keep(call),
        result: FlinkType::new(result(&array.kind)).with_nullable(call.nullable()),
    })
}

fn with_element(call: &Call<'_>) -> Result<Resolved> {
    let expected = || format!("{}(array <ARRAY>, element <ARRAY ELEMENT>)", call.name);
    let [array, element] = call.types else {
        return Err(call.mismatch(&expected()));
    };
    let TypeKind::Array(item) = &array.kind else {
        return Err(call.mismatch(&expected()));
    };
    match item.common(element) {
        Some(item) => Ok(Resolved {
            args: keep(call),
            result: FlinkType::new(TypeKind::Array(Box::new(item))).with_nullable(array.nullable),
        }),
        None => Err(call.mismatch(&expected())),
    }
}

fn insert(args: &Args, first: bool) -> Result<ArrayRef> {
    let ty = args.result_type();
    let mut lists = Lists::from(args, 1, &ty)?;
    let element = args.cast_to(1, &lists.item)?;
    lists.values.insert(1, element);
    lists.build(args.rows, |row, picks| {
        let Some(range) = lists.range(0, row) else {
            return Ok(false);
        };
        if first {
            picks.push((1, row));
        }
        picks.extend(range.map(|at| (0, at)));
        if !first {
            picks.push((1, row));
        }
        Ok(true)
    })
}

/// At least `least` arrays with a common type, which is the result's.
fn common_arrays(call: &Call<'_>, least: usize) -> Result<Resolved> {
    let arrays = call
        .types
        .iter()
        .all(|ty| matches!(ty.kind, TypeKind::Array(_) | TypeKind::Null));
    match FlinkType::common_of(call.types) {
        Some(ty)
            if arrays && call.types.len() >= least && matches!(ty.kind, TypeKind::Array(_)) =>
        {
            Ok(Resolved {
                args: keep(call),
                result: ty.with_nullable(call.nullable()),
            })
        }
        _ => Err(call.mismatch(&format!("{}(<COMMON>, <COMMON>...)", call.name))),
    }
}

fn two_arrays(call: &Call<'_>) -> Result<Resolved> {
    if call.types.len() != 2 {
        return Err(call.mismatch(&format!("{}(<COMMON>, <COMMON>)", call.name)));
    }
    common_arrays(call, 2)
}

/// Distinct items of the first array that pass, and of the second if it is a union.
fn sets(args: &Args, passes: fn(&[u8], &HashSet<&[u8]>) -> bool, union: bool) -> Result<ArrayRef> {
    let lists = Lists::all(args)?;
    lists.build(args.rows, |row, picks| {
        let (Some(left), Some(right)) = (lists.range(0, row), lists.range(1, row)) else {
            return Ok(false);
        };
        let right_keys: HashSet<&[u8]> = right.clone().map(|at| lists.keys[1].key(at)).collect();
        let mut seen: HashSet<&[u8]> = HashSet::new();
        for at in left {
            let key = lists.keys[0].key(at);
            if passes(key, &right_keys) && seen.insert(key) {
                picks.push((0, at));
            }
        }
        if union {
            for at in right {
                if seen.insert(lists.keys[1].key(at)) {
                    picks.push((1, at));
                }
            }
        }
        Ok(true)
    })
}

/// Positions count from 1, negative ones from the end; the end is included.
fn slice(args: &Args) -> Result<ArrayRef> {
    let lists = Lists::from(args, 1, &args.result_type())?;
    let start = args.prims::<Int64Type>(1)?;
    let end = args
        .has(2)
        .then(|| args.prims::<Int64Type>(2))
        .transpose()?;
    lists.build(args.rows, |row, picks| {
        let (Some(range), Some(start)) = (lists.range(0, row), start.get(row)) else {
            return Ok(false);
        };
        let count = range.len() as i64;
        let end = match &end {
            Some(end) => match end.get(row) {
                Some(end) => end,
                None => return Ok(false),
            },
            None => count,
        };
        let position = |at: i64| if at < 0 { count + at + 1 } else { at };
        let (from, to) = (position(start).max(1), position(end).min(count));
        if from <= to {
            picks.extend((from..=to).map(|at| (0, range.start + at as usize - 1)));
        }
        Ok(true)
    })
}

fn is_sortable(ty: &FlinkType) -> bool {
    !matches!(
        ty.kind,
        TypeKind::Row(_) | TypeKind::Array(_) | TypeKind::Map(..) | TypeKind::Multiset(_)
    )
}

/// NULLs come first when ascending, last when descending, unless told.
fn sort(args: &Args) -> Result<ArrayRef> {
    let lists = Lists::from(args, 1, &args.result_type())?;
    let flag = |index: usize| args.has(index).then(|| args.bools(index)).transpose();
    let (ascending, nulls_first) = (flag(1)?, flag(2)?);
    let values = &lists.values[0];
    let compare = make_comparator(values.as_ref(), values.as_ref(), SortOptions::default())?;
    lists.build(args.rows, |row, picks| {
        let Some(range) = lists.range(0, row) else {
            return Ok(false);
        };
        let Some(ascending) = ascending.as_ref().map_or(Some(true), |flag| flag.get(row)) else {
            return Ok(false);
        };
        let Some(first) = nulls_first
            .as_ref()
            .map_or(Some(ascending), |flag| flag.get(row))
        else {
            return Ok(false);
        };
        let (nulls, mut items): (Vec<usize>, Vec<usize>) =
            range.partition(|at| values.is_null(*at));
        items.sort_by(|a, b| {
            let order = compare(*a, *b);
            if ascending { order } else { order.reverse() }
        });
        let nulls = nulls.into_iter().map(|_| lists.null());
        let items = items.into_iter().map(|at| (0, at));
        if first {
            picks.extend(nulls.chain(items));
        } else {
            picks.extend(items.chain(nulls));
        }
        Ok(true)
    })
}

fn extreme_type(call: &Call<'_>) -> Result<FlinkType> {
    let item = item_type(&call.types[0]);
    if !is_sortable(&item) {
        return plan_err!("Invalid function call:\n{}", call.describe());
    }
    Ok(item.with_nullable(true))
}

fn extreme(args: &Args, greatest: bool) -> Result<ArrayRef> {
    let array = args.array(0)?;
    if array.data_type() == &DataType::Null {
        return Ok(array);
    }
    let list: ListArray = downcast(&array)?;
    let values = list.values();
    let compare = make_comparator(values.as_ref(), values.as_ref(), SortOptions::default())?;
    pick_values(args, values, |row| {
        if list.is_null(row) {
            return None;
        }
        let offsets = list.value_offsets();
        let items =
            (offsets[row] as usize..offsets[row + 1] as usize).filter(|at| values.is_valid(*at));
        if greatest {
            items.max_by(|a, b| compare(*a, *b))
        } else {
            items.min_by(|a, b| compare(*a, *b))
        }
    })
}

/// NULL items are skipped unless there is a text for them.
fn join(args: &Args) -> Result<ArrayRef> {
    let list: ListArray = downcast(&args.cast_to(
        0,
        &FlinkType::new(TypeKind::Array(Box::new(FlinkType::string()))),
    )?)?;
    let items = list.values().as_string::<i32>().clone();
    let separator = args.strs(1)?;
    let null_text = args.has(2).then(|| args.strs(2)).transpose()?;
    strings(args.rows, |row, out| {
        let Some(separator) = separator.get(row) else {
            return Ok(false);
        };
        let null_text = match &null_text {
            Some(text) => match text.get(row) {
                Some(text) => Some(text),
                None => return Ok(false),
            },
            None => None,
        };
        if list.is_null(row) {
            return Ok(false);
        }
        let offsets = list.value_offsets();
        let mut first = true;
        for at in offsets[row] as usize..offsets[row + 1] as usize {
            let item = if items.is_valid(at) {
                Some(items.value(at))
            } else {
                null_text
            };
            let Some(item) = item else { continue };
            if !first {
                out.push_str(separator);
            }
            first = false;
            out.push_str(item);
        }
        Ok(true)
    })
}

/// An empty separator splits between all characters.
fn split(args: &Args) -> Result<ArrayRef> {
    let (text, separator) = (args.strs(0)?, args.strs(1)?);
    let mut builder = arrow::array::ListBuilder::new(arrow::array::StringBuilder::new());
    for row in 0..args.rows {
        let (Some(text), Some(separator)) = (text.get(row), separator.get(row)) else {
            builder.append_null();
            continue;
        };
        if separator.is_empty() {
            let mut buffer = [0; 4];
            for c in text.chars() {
                builder.values().append_value(c.encode_utf8(&mut buffer));
            }
        } else {
            for part in text.split(separator) {
                builder.values().append_value(part);
            }
        }
        builder.append(true);
    }
    Ok(Arc::new(builder.finish()))
}

// ---- Maps ----

fn map_side(call: &Call<'_>, key: bool) -> Result<FlinkType> {
    let (keys, values) = map_types(&call.types[0]);
    let item = if key { keys } else { values };
    Ok(FlinkType::new(TypeKind::Array(Box::new(item))).with_nullable(call.nullable()))
}

fn map_part(args: &Args, part: fn(&MapArray) -> ArrayRef) -> Result<ArrayRef> {
    let array = args.array(0)?;
    if array.data_type() == &DataType::Null {
        return Ok(new_null_array(args.result.data_type(), args.rows));
    }
    let map: MapArray = downcast(&array)?;
    let mut values = part(&map);
    if let (Some(entries), DataType::List(item)) = (values.as_struct_opt(), args.result.data_type())
        && let DataType::Struct(fields) = item.data_type()
    {
        // The fields of a row may be NULL, the key of an entry may not.
        let columns = entries.columns().to_vec();
        values = Arc::new(StructArray::try_new(fields.clone(), columns, None)?);
    }
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(
        field,
        map.offsets().clone(),
        values,
        map.nulls().cloned(),
    )?))
}

fn map_from_arrays(args: &Args) -> Result<ArrayRef> {
    if [0, 1]
        .iter()
        .any(|index| args.data_type(*index) == DataType::Null)
    {
        return Ok(new_null_array(args.result.data_type(), args.rows));
    }
    let keys: ListArray = downcast(&args.array(0)?)?;
    let values: ListArray = downcast(&args.array(1)?)?;
    // Keys and values stand at different places: bring the values to the places of the keys.
    let mut places = vec![0_u64; keys.values().len()];
    for row in 0..args.rows {
        if keys.is_null(row) || values.is_null(row) {
            continue;
        }
        let (count, other) = (keys.value_length(row), values.value_length(row));
        if count != other {
            return exec_err!(
                "Invalid function MAP_FROM_ARRAYS call:\nThe length of the keys array {count} is \
                 not equal to the length of the values array {other}"
            );
        }
        let (key, value) = (keys.value_offsets()[row], values.value_offsets()[row]);
        for index in 0..count {
            places[(key + index) as usize] = (value + index) as u64;
        }
    }
    let aligned = if values.values().is_empty() {
        new_null_array(values.values().data_type(), places.len())
    } else {
        let places = arrow::array::UInt64Array::from(places);
        arrow::compute::take(values.values().as_ref(), &places, None)?
    };
    build_map(
        args,
        vec![Arc::clone(keys.values())],
        vec![aligned],
        |row, picks| {
            if keys.is_null(row) || values.is_null(row) {
                return Ok(false);
            }
            let offsets = keys.value_offsets();
            picks.extend((offsets[row] as usize..offsets[row + 1] as usize).map(|at| (0, at)));
            Ok(true)
        },
    )
}

fn resolve_map_union(call: &Call<'_>) -> Result<Resolved> {
    let maps = call
        .types
        .iter()
        .all(|ty| matches!(ty.kind, TypeKind::Map(..) | TypeKind::Null));
    match FlinkType::common_of(call.types) {
        Some(ty) if maps && matches!(ty.kind, TypeKind::Map(..)) => Ok(Resolved {
            args: keep(call),
            result: ty.with_nullable(call.nullable()),
        }),
        _ => Err(call.mismatch("MAP_UNION(<COMMON>, <COMMON>...)")),
    }
}

/// Of equal keys the value of the last map counts.
fn map_union(args: &Args) -> Result<ArrayRef> {
    let ty = args.result_type();
    let maps = (0..args.len())
        .map(|index| downcast::<MapArray>(&args.cast_to(index, &ty)?))
        .collect::<Result<Vec<_>>>()?;
    let keys = maps.iter().map(|map| Arc::clone(map.keys())).collect();
    let values = maps.iter().map(|map| Arc::clone(map.values())).collect();
    build_map(args, keys, values, |row, picks| {
        for (index, map) in maps.iter().enumerate() {
            if map.is_null(row) {
                return Ok(false);
            }
            let offsets = map.value_offsets();
            let range = offsets[row] as usize..offsets[row + 1] as usize;
            picks.extend(range.map(|at| (index, at)));
        }
        Ok(true)
    })
}

/// `STR_TO_MAP('k1=v1,k2=v2')`; the delimiters default to `,` and `=`.
fn str_to_map(args: &Args) -> Result<ArrayRef> {
    let text = args.strs(0)?;
    let (pairs, halves) = if args.has(1) {
        (Some(args.strs(1)?), Some(args.strs(2)?))
    } else {
        (None, None)
    };
    let (mut keys, mut values) = (
        arrow::array::StringBuilder::new(),
        arrow::array::StringBuilder::new(),
    );
    let mut ranges = Vec::with_capacity(args.rows);
    let mut count = 0;
    for row in 0..args.rows {
        let pair = pairs.as_ref().map_or(Some(","), |d| d.get(row));
        let half = halves.as_ref().map_or(Some("="), |d| d.get(row));
        let (Some(text), Some(pair), Some(half)) = (text.get(row), pair, half) else {
            ranges.push(None);
            continue;
        };
        let start = count;
        if !text.is_empty() {
            for part in text.split(pair) {
                match part.split_once(half) {
                    Some((key, value)) => {
                        keys.append_value(key);
                        values.append_value(value);
                    }
                    None => {
                        keys.append_value(part);
                        values.append_null();
                    }
                }
                count += 1;
            }
        }
        ranges.push(Some(start..count));
    }
    let columns = (
        vec![Arc::new(keys.finish()) as ArrayRef],
        vec![Arc::new(values.finish()) as ArrayRef],
    );
    build_map(args, columns.0, columns.1, |row, picks| {
        Ok(ranges[row]
            .clone()
            .map(|range: std::ops::Range<usize>| picks.extend(range.map(|at| (0, at))))
            .is_some())
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        Argument, call, column, failure, int, nested, null, one, strings, text, type_of,
    };

    fn array(items: &[Argument]) -> Argument {
        nested("__array", items)
    }

    fn ints(items: &[i32]) -> Argument {
        array(&items.iter().map(|item| int(*item)).collect::<Vec<_>>())
    }

    #[test]
    fn constructors_find_a_common_type() {
        assert_eq!(one("__array", &[int(1), null(), int(3)]), "[1, null, 3]");
        assert_eq!(
            type_of("__array", &[int(1), crate::testing::literal("BIGINT", "2")]),
            "ARRAY<BIGINT NOT NULL> NOT NULL"
        );
        assert_eq!(one("__row", &[int(1), text("x")]), "+I[1, x]");
        assert_eq!(
            one("__map", &[text("a"), int(1), text("a"), int(2)]),
            "{a=2}"
        );
        let columns = [column("INT", &[Some("1"), Some("2")]), int(9)];
        assert_eq!(call("__array", &columns), ["[1, 9]", "[2, 9]"]);
        assert!(failure("__array", &[int(1), text("x")]).contains("ARRAY"));
    }

    #[test]
    fn items_are_found() {
        let list = ints(&[5, 6]);
        assert_eq!(one("__item", &[list.clone(), int(2)]), "6");
        assert_eq!(one("__item", &[list.clone(), int(3)]), "null");
        assert!(failure("__item", &[list.clone(), int(0)]).contains("starting at 1"));
        let map = nested("__map", &[text("a"), int(1)]);
        assert_eq!(one("__item", &[map.clone(), text("a")]), "1");
        assert_eq!(one("__item", &[map.clone(), text("b")]), "null");
        assert_eq!(one("cardinality", &[map]), "1");
        let row = nested("__row", &[int(1), text("x")]);
        assert_eq!(one("__item", &[row.clone(), text("EXPR$1")]), "x");
        assert!(failure("__item", &[row, text("nope")]).contains("no field nope"));
        assert_eq!(one("element", &[ints(&[7])]), "7");
        assert!(failure("element", &[list]).contains("more than one element"));
    }

    #[test]
    fn arrays_are_edited() {
        let list = array(&[int(2), null(), int(1), int(2)]);
        for (name, args, expected) in [
            ("array_append", vec![int(9)], "[2, null, 1, 2, 9]"),
            ("array_prepend", vec![null()], "[null, 2, null, 1, 2]"),
            ("array_remove", vec![int(2)], "[null, 1]"),
            ("array_contains", vec![null()], "true"),
            ("array_position", vec![int(1)], "3"),
            ("array_position", vec![int(7)], "0"),
            ("array_distinct", vec![], "[2, null, 1]"),
            ("array_reverse", vec![], "[2, 1, null, 2]"),
            ("array_max", vec![], "2"),
            ("array_min", vec![], "1"),
            ("array_sort", vec![], "[null, 1, 2, 2]"),
            ("array_slice", vec![int(-2)], "[1, 2]"),
            ("array_slice", vec![int(1), int(2)], "[2, null]"),
            ("array_slice", vec![int(4), int(2)], "[]"),
            ("array_union", vec![ints(&[3, 1])], "[2, null, 1, 3]"),
            ("array_intersect", vec![ints(&[2, 5])], "[2]"),
            ("array_except", vec![ints(&[2])], "[null, 1]"),
            ("array_concat", vec![ints(&[4])], "[2, null, 1, 2, 4]"),
        ] {
            let mut all = vec![list.clone()];
            all.extend(args);
            assert_eq!(one(name, &all), expected, "{name}");
        }
        assert!(failure("array_contains", &[list, text("x")]).contains("ARRAY ELEMENT"));
        let words = array(&[text("a"), null(), text("b")]);
        assert_eq!(one("array_join", &[words.clone(), text("+")]), "a+b");
        assert_eq!(one("array_join", &[words, text("+"), text("?")]), "a+?+b");
        assert_eq!(
            call("split", &[strings(&["a,b", ""]), text(",")]),
            ["[a, b]", "[]"]
        );
    }

    #[test]
    fn maps_are_taken_apart_and_merged() {
        let map = nested("__map", &[text("a"), int(1), text("b"), null()]);
        assert_eq!(one("map_keys", std::slice::from_ref(&map)), "[a, b]");
        assert_eq!(one("map_values", std::slice::from_ref(&map)), "[1, null]");
        assert_eq!(
            one("map_entries", std::slice::from_ref(&map)),
            "[+I[a, 1], +I[b, null]]"
        );
        let other = nested("__map", &[text("b"), int(2)]);
        assert_eq!(one("map_union", &[map, other]), "{a=1, b=2}");
        assert_eq!(
            one(
                "map_from_arrays",
                &[ints(&[1, 2]), array(&[text("x"), text("y")])]
            ),
            "{1=x, 2=y}"
        );
        assert!(failure("map_from_arrays", &[ints(&[1]), ints(&[])]).contains("not equal"));
        assert_eq!(one("str_to_map", &[text("k=v,x=y")]), "{k=v, x=y}");
    }
}
