//! `__bucket(x, n)`: which of `n` buckets a value falls into, by its hash as Flink's `HASH_CODE` gives it.
//!
//! What a split DISTINCT aggregate is spread by ([`crate::aggregate`]): the planner writes it, no user does.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type};
use datafusion_common::{Result, exec_err};

use crate::call::{FlinkFunction, Is, Out, prims};
use crate::types::TypeKind;

pub(super) fn functions() -> Vec<FlinkFunction> {
    vec![FlinkFunction::of(
        "__bucket",
        &[&[Is::Any, Is::Int]],
        Out::Strict(TypeKind::Int),
        |args| {
            let values = args.any(0)?;
            let numbers = args.prims::<Int64Type>(1)?;
            let integers = integers(&values.array)?;
            prims::<Int32Type>(args.rows, &DataType::Int32, |row| {
                let (Some(at), Some(number)) = (values.at(row), numbers.get(row)) else {
                    return Ok(None);
                };
                let hash = match &integers {
                    Some(integers) => long(integers.as_primitive::<Int64Type>().value(at)),
                    None => hash(values.array.as_ref(), at)?,
                };
                Ok(Some((i64::from(hash) % number.max(1)) as i32))
            })
        },
    )]
}

/// Integers and times as 64 bits, of which a narrow one has the same hash.
fn integers(array: &ArrayRef) -> Result<Option<ArrayRef>> {
    let fits = match array.data_type() {
        DataType::Date32 | DataType::Time32(_) => {
            let days = arrow::compute::cast(array, &DataType::Int32)?;
            return Ok(Some(arrow::compute::cast(&days, &DataType::Int64)?));
        }
        DataType::Timestamp(..) | DataType::Duration(_) => true,
        other => other.is_integer(),
    };
    Ok(match fits {
        true => Some(arrow::compute::cast(array, &DataType::Int64)?),
        false => None,
    })
}

/// Java's hash of a long, which of an int is the int.
fn long(value: i64) -> i32 {
    match i32::try_from(value) {
        Ok(value) => value,
        Err(_) => (value ^ ((value as u64) >> 32) as i64) as i32,
    }
}

fn hash(array: &dyn Array, at: usize) -> Result<i32> {
    Ok(match array.data_type() {
        DataType::Boolean if array.as_boolean().value(at) => 1231,
        DataType::Boolean => 1237,
        DataType::Float32 => array.as_primitive::<Float32Type>().value(at).to_bits() as i32,
        DataType::Float64 => {
            let bits = array.as_primitive::<Float64Type>().value(at).to_bits();
            (bits ^ (bits >> 32)) as i32
        }
        DataType::Decimal128(_, _) => {
            let digits = array.as_primitive::<Decimal128Type>().value(at);
            let words = [0, 32, 64, 96].map(|shift| (digits >> shift) as i32);
            words
                .iter()
                .fold(0i32, |hash, word| hash.wrapping_mul(31).wrapping_add(*word))
        }
        DataType::Utf8 => murmur(array.as_string::<i32>().value(at).as_bytes()),
        DataType::Binary => murmur(array.as_binary::<i32>().value(at)),
        other => return exec_err!("values of type {other} have no bucket"),
    })
}

/// Murmur3 of 32 bits with seed 42, over whole words and then over single bytes, as Flink hashes text.
fn murmur(bytes: &[u8]) -> i32 {
    let mix = |hash: u32, word: u32| {
        let word = word
            .wrapping_mul(0xcc9e_2d51)
            .rotate_left(15)
            .wrapping_mul(0x1b87_3593);
        (hash ^ word)
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64)
    };
    let words = bytes.chunks_exact(4);
    let rest = words.remainder();
    let mut hash = 42;
    for word in words {
        hash = mix(
            hash,
            u32::from_le_bytes([word[0], word[1], word[2], word[3]]),
        );
    }
    for &byte in rest {
        hash = mix(hash, i32::from(byte as i8) as u32);
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    (hash ^ (hash >> 16)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{literal, null, one, text};

    #[test]
    fn a_value_has_the_bucket_of_its_hash() {
        let number = || literal("BIGINT", "1024");
        for (value, bucket) in [
            (literal("INT", "7"), "7"),
            (literal("INT", "-1030"), "-6"),
            (literal("BIGINT", "4294967296"), "1"),
            (literal("BOOLEAN", "true"), "207"),
            (null(), "null"),
        ] {
            assert_eq!(one("__bucket", &[value, number()]), bucket);
        }
        assert_eq!(
            one("__bucket", &[text("word"), number()]),
            one("__bucket", &[text("word"), number()])
        );
        assert_ne!(murmur(b"word"), murmur(b"ward"));
    }
}
