//! Aggregate functions as native accumulators over columns.
//!
//! An operator compiles its [`AggregateCall`]s into *units* that several calls may share (`SUM(x)`
//! and `AVG(x)` add up once). Arguments are laid out as 64-bit words row by row ([`args`]), a
//! unit's accumulator is a few words among the others of its group ([`units`]), and a result is
//! appended to a typed column ([`results`]). No row allocates, and nothing is called through a
//! pointer per row. Functions that must keep values have cells beside the words ([`collections`]).
//!
//! Results are Flink's: integers wrap in the width of their type, the mean of integers is cut
//! toward zero, a decimal sum beyond 38 digits is NULL, decimal means are rounded half up.

pub(crate) mod args;
pub(crate) mod collections;
pub(crate) mod entries;
pub(crate) mod results;
pub(crate) mod sketch;
pub(crate) mod units;
pub(crate) mod weighted;

use arrow::datatypes::{DataType, Schema};
use datafusion_common::ScalarValue;
use millstream_functions::aggregate::AggregateKind;

use crate::operator::OperatorError;

/// One aggregate function of a query, applied to columns of the operator's input.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateCall {
    /// Which function.
    pub kind: AggregateKind,
    /// Its argument columns; none for `COUNT(*)` and `ROW_NUMBER()`.
    pub args: Vec<usize>,
    /// Constant arguments behind the columns: `LAG`'s offset and default, `LISTAGG`'s separator,
    /// TRUE for `ARRAY_AGG(… IGNORE NULLS)`, `'NULL'` or `'ABSENT'` of the JSON aggregates, the parts that
    /// `PERCENTILE` is asked for as a DOUBLE or a list of them.
    pub literals: Vec<ScalarValue>,
    /// `DISTINCT`.
    pub distinct: bool,
    /// A BOOLEAN column: `FILTER (WHERE …)`.
    pub filter: Option<usize>,
    /// Type of the argument.
    pub input_type: Option<DataType>,
    /// Type of the result.
    pub output_type: DataType,
}

impl AggregateCall {
    /// A call of `kind` on columns of `schema`, without DISTINCT, FILTER and constants.
    pub fn new(
        kind: AggregateKind,
        args: Vec<usize>,
        schema: &Schema,
    ) -> Result<Self, OperatorError> {
        let input_type = args.first().map(|&c| schema.field(c).data_type().clone());
        let output_type = kind.result_type(input_type.as_ref())?;
        Ok(Self {
            kind,
            args,
            literals: Vec::new(),
            distinct: false,
            filter: None,
            input_type,
            output_type,
        })
    }

    /// The same call with constant arguments.
    pub fn with_literals(mut self, literals: Vec<ScalarValue>) -> Self {
        self.literals = literals;
        self
    }

    /// The same call under `FILTER (WHERE <column>)`.
    pub fn with_filter(mut self, column: usize) -> Self {
        self.filter = Some(column);
        self
    }

    /// The same call with DISTINCT.
    pub fn with_distinct(mut self) -> Self {
        self.distinct = true;
        self
    }

    /// The function as a query writes it.
    pub fn name(&self) -> String {
        self.kind.shown()
    }

    /// How many rows LAG looks back.
    pub(crate) fn lag_offset(&self) -> Result<u64, OperatorError> {
        match self.literals.first() {
            None => Ok(1),
            Some(value) => match value.cast_to(&DataType::UInt32) {
                Ok(ScalarValue::UInt32(Some(offset))) => Ok(u64::from(offset)),
                _ => Err(self.unsupported(
                    &format!("with offset {value}"),
                    "the offset must be a constant from 0",
                )),
            },
        }
    }

    /// The error for what the runtime does not compute.
    pub(crate) fn unsupported(&self, what: &str, remedy: &str) -> OperatorError {
        let input = self
            .input_type
            .as_ref()
            .map_or_else(|| "*".to_owned(), ToString::to_string);
        let space = if what.is_empty() { "" } else { " " };
        OperatorError::Row(format!(
            "{}({input}){space}{what} is not supported; {remedy}",
            self.name()
        ))
    }
}
