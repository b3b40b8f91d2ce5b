//! Numbers that count as often as a frequency says: what PERCENTILE keeps.
//!
//! A number is eight bytes in the order of numbers (Java's: -0.0 below 0.0, NaN the largest), its frequency
//! eight more.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder};
use arrow::datatypes::{Float64Type, Int64Type};

const SIGN: u64 = 1 << 63;

/// The bytes of each row; NULL where the number is NULL or its frequency is not above 0.
pub(super) fn encode(numbers: &ArrayRef, frequencies: Option<&ArrayRef>) -> BinaryArray {
    let numbers = numbers.as_primitive::<Float64Type>();
    let frequencies = frequencies.map(|column| column.as_primitive::<Int64Type>());
    let mut bytes = BinaryBuilder::with_capacity(numbers.len(), 16 * numbers.len());
    for (row, number) in numbers.iter().enumerate() {
        let frequency = match frequencies {
            None => 1,
            Some(column) if column.is_null(row) => 0,
            Some(column) => column.value(row),
        };
        match number {
            Some(number) if frequency > 0 => {
                let mut value = [0; 16];
                value[..8].copy_from_slice(&ordered(number).to_be_bytes());
                value[8..].copy_from_slice(&frequency.to_be_bytes());
                bytes.append_value(value);
            }
            _ => bytes.append_null(),
        }
    }
    bytes.finish()
}

/// The bits of a number, which are in its order.
fn ordered(number: f64) -> u64 {
    let number = if number.is_nan() { f64::NAN } else { number };
    let bits = number.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The number's bytes and its frequency.
#[inline]
pub(super) fn parts(value: &[u8]) -> (&[u8], i64) {
    let (number, frequency) = value.split_at(8.min(value.len()));
    (number, i64::from_be_bytes(word(frequency)))
}

/// The number of its bytes.
pub(super) fn number(bytes: &[u8]) -> f64 {
    let bits = u64::from_be_bytes(word(bytes));
    f64::from_bits(if bits & SIGN == 0 { !bits } else { bits ^ SIGN })
}

fn word(bytes: &[u8]) -> [u8; 8] {
    bytes.try_into().unwrap_or_default()
}

/// The values at `parts`, each from 0 to 1, of numbers in their order; `None` if there is no number.
///
/// As in Flink: of n numbers the place of part p is p (n - 1); between two numbers the value is in
/// proportion.
pub(super) fn percentiles(numbers: &[(f64, i64)], parts: &[f64]) -> Option<Vec<f64>> {
    let mut ends = Vec::with_capacity(numbers.len());
    let mut total = 0i64;
    for (_, count) in numbers {
        total = total.checked_add(*count)?;
        ends.push(total);
    }
    if total <= 0 {
        return None;
    }
    // The first number up to which there are so many.
    let at = |count: i64| ends.partition_point(|&end| end < count).min(ends.len() - 1);
    let value = |part: &f64| {
        let place = part * (total - 1) as f64 + 1.0;
        let (lower, higher) = (place.floor() as i64, place.ceil() as i64);
        let low = at(lower);
        if ends[low] >= higher {
            return numbers[low].0;
        }
        let next = (low + 1).min(numbers.len() - 1);
        (higher as f64 - place) * numbers[low].0 + (place - lower as f64) * numbers[next].0
    };
    Some(parts.iter().map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_in_the_order_of_numbers() {
        let numbers = [
            f64::NEG_INFINITY,
            -1.5,
            -0.0,
            0.0,
            1e-300,
            7.0,
            f64::INFINITY,
            f64::NAN,
        ];
        let bytes = numbers.map(|number| ordered(number).to_be_bytes());
        assert!(bytes.is_sorted());
        for (number, bytes) in numbers.iter().zip(&bytes) {
            assert_eq!(super::number(bytes).to_bits(), number.to_bits());
        }
        assert_eq!(ordered(-f64::NAN), ordered(f64::NAN));
    }

    #[test]
    fn values_between_numbers_are_in_proportion() {
        let numbers = [(1.0, 1), (2.0, 3), (10.0, 1)];
        assert_eq!(
            percentiles(&numbers, &[0.0, 0.125, 0.5, 0.75, 0.875, 1.0]),
            Some(vec![1.0, 1.5, 2.0, 2.0, 6.0, 10.0])
        );
        assert_eq!(percentiles(&[], &[0.5]), None);
    }
}
