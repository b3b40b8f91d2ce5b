//! Rowtime columns as milliseconds.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{
    DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};

use crate::operator::OperatorError;

/// The values of a timestamp column in milliseconds since the epoch, as Flink compares rowtimes.
///
/// A column of milliseconds is passed through. NULL is an error: event time is undefined for such
/// a row (Flink stops the job too).
pub(crate) fn rowtime_millis(
    column: &ArrayRef,
    name: &str,
) -> Result<ScalarBuffer<i64>, OperatorError> {
    if column.null_count() > 0 {
        return Err(OperatorError::Row(format!(
            "RowTime field should not be null: column '{name}' is NULL in a row; filter such rows \
             out before event time is used (WHERE {name} IS NOT NULL), or give them a time with \
             COALESCE in a computed column"
        )));
    }
    timestamp_millis(column).ok_or_else(|| {
        OperatorError::Row(format!(
            "column '{name}' has type {} and cannot be a rowtime; it must be a TIMESTAMP or \
             TIMESTAMP_LTZ",
            column.data_type()
        ))
    })
}

/// The values of a timestamp column in milliseconds, whatever its unit; what stands in NULL rows
/// is undefined. `None` for another type.
pub(crate) fn timestamp_millis(column: &ArrayRef) -> Option<ScalarBuffer<i64>> {
    let DataType::Timestamp(unit, _) = column.data_type() else {
        return None;
    };
    Some(match unit {
        TimeUnit::Millisecond => column
            .as_primitive::<TimestampMillisecondType>()
            .values()
            .clone(),
        TimeUnit::Second => column
            .as_primitive::<TimestampSecondType>()
            .values()
            .iter()
            .map(|&t| t.saturating_mul(1_000))
            .collect(),
        TimeUnit::Microsecond => column
            .as_primitive::<TimestampMicrosecondType>()
            .values()
            .iter()
            .map(|&t| t.div_euclid(1_000))
            .collect(),
        TimeUnit::Nanosecond => column
            .as_primitive::<TimestampNanosecondType>()
            .values()
            .iter()
            .map(|&t| t.div_euclid(1_000_000))
            .collect(),
    })
}
