//! Flink's types, casts, scalar functions and row display, on Arrow and DataFusion.

pub mod row_kind;
pub mod types;

pub use row_kind::RowKind;
pub use types::{
    DayTimeFields, FlinkType, RowField, TYPE_METADATA_KEY, TypeError, TypeKind, YearMonthFields,
    interval_millis, interval_months,
};
