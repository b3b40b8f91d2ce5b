//! The aggregate functions of Flink SQL: their names, argument rules and result types.
//!
//! This is what binding needs; the accumulators are the runtime's. Result types are Flink's
//! (observed): SUM and AVG of an integer keep its type, `SUM(DECIMAL(p, s))` is
//! `DECIMAL(38, s)`, `AVG(DECIMAL(p, s))` is `DECIMAL(38, max(6, s))`.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion_common::{Result, not_impl_err, plan_err};
use datafusion_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

/// Which aggregate function it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateKind {
    /// Rows, or rows whose argument is not NULL.
    Count,
    /// The sum; NULL if there was no value. Integers wrap.
    Sum,
    /// The mean; of integers truncated toward zero. NULL if there was no value.
    Avg,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The first value that is not NULL, by arrival (in OVER: by order).
    FirstValue,
    /// The last value that is not NULL.
    LastValue,
    /// Population standard deviation.
    StddevPop,
    /// Sample standard deviation; NULL for a single value.
    StddevSamp,
    /// Population variance.
    VarPop,
    /// Sample variance; NULL for a single value.
    VarSamp,
    /// In OVER only: the value of an earlier row, NULL if there is none.
    Lag,
    /// In OVER only: the number of the row, from 1.
    RowNumber,
}

impl AggregateKind {
    /// Names a query may use, the first being the one to print.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            AggregateKind::Count => &["count"],
            AggregateKind::Sum => &["sum"],
            AggregateKind::Avg => &["avg"],
            AggregateKind::Min => &["min"],
            AggregateKind::Max => &["max"],
            // DataFusion reserves the lower-case names for functions of its own.
            AggregateKind::FirstValue => &["FIRST_VALUE"],
            AggregateKind::LastValue => &["LAST_VALUE"],
            AggregateKind::StddevPop => &["stddev_pop"],
            AggregateKind::StddevSamp => &["stddev_samp", "stddev"],
            AggregateKind::VarPop => &["var_pop"],
            AggregateKind::VarSamp => &["var_samp", "variance"],
            AggregateKind::Lag => &["lag"],
            AggregateKind::RowNumber => &["row_number"],
        }
    }

    /// The kind with this name, whatever its case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.names().iter().any(|n| n.eq_ignore_ascii_case(name)))
    }

    const ALL: [Self; 13] = [
        Self::Count,
        Self::Sum,
        Self::Avg,
        Self::Min,
        Self::Max,
        Self::FirstValue,
        Self::LastValue,
        Self::StddevPop,
        Self::StddevSamp,
        Self::VarPop,
        Self::VarSamp,
        Self::Lag,
        Self::RowNumber,
    ];

    /// Whether the result is never NULL.
    pub fn never_null(self) -> bool {
        matches!(self, AggregateKind::Count | AggregateKind::RowNumber)
    }

    /// The type of the result for an argument of type `input` (`None` for `COUNT(*)`).
    pub fn result_type(self, input: Option<&DataType>) -> Result<DataType> {
        let name = self.names()[0].to_uppercase();
        let numeric = |result: fn(&DataType) -> DataType| match input {
            Some(t) if t.is_numeric() => Ok(result(t)),
            Some(DataType::Null) => Ok(DataType::Int32),
            Some(t) => plan_err!("{name} takes a number, not {t}"),
            None => plan_err!("{name} takes one argument"),
        };
        match self {
            AggregateKind::Count | AggregateKind::RowNumber => Ok(DataType::Int64),
            AggregateKind::Sum => numeric(|t| match t {
                DataType::Decimal128(_, s) => DataType::Decimal128(38, *s),
                other => other.clone(),
            }),
            AggregateKind::Avg => numeric(|t| match t {
                DataType::Decimal128(_, s) => DataType::Decimal128(38, (*s).max(6)),
                other => other.clone(),
            }),
            AggregateKind::StddevPop
            | AggregateKind::StddevSamp
            | AggregateKind::VarPop
            | AggregateKind::VarSamp => numeric(|t| match t {
                DataType::Decimal128(_, s) => DataType::Decimal128(38, (*s).max(6)),
                DataType::Float64 | DataType::Float32 => DataType::Float64,
                other => other.clone(),
            }),
            AggregateKind::Min
            | AggregateKind::Max
            | AggregateKind::FirstValue
            | AggregateKind::LastValue
            | AggregateKind::Lag => match input {
                Some(t) => Ok(t.clone()),
                None => plan_err!("{name} takes an argument"),
            },
        }
    }
}

/// The aggregate functions for binding, one [`AggregateUDF`] a kind.
///
/// They have no accumulator of DataFusion's: streaming operators compute them.
pub fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    AggregateKind::ALL
        .into_iter()
        .map(|kind| Arc::new(AggregateUDF::new_from_impl(FlinkAggregate::new(kind))))
        .collect()
}

/// The kind behind a bound aggregate function, if it is one of Flink's.
pub fn aggregate_kind(function: &AggregateUDF) -> Option<AggregateKind> {
    function
        .inner()
        .downcast_ref::<FlinkAggregate>()
        .map(|f| f.kind)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FlinkAggregate {
    kind: AggregateKind,
    signature: Signature,
    aliases: Vec<String>,
}

impl FlinkAggregate {
    fn new(kind: AggregateKind) -> Self {
        let signature = match kind {
            AggregateKind::RowNumber => Signature::nullary(Volatility::Immutable),
            _ => Signature::variadic_any(Volatility::Immutable),
        };
        Self {
            kind,
            signature,
            aliases: kind.names()[1..].iter().map(|n| n.to_string()).collect(),
        }
    }
}

impl AggregateUDFImpl for FlinkAggregate {
    fn name(&self) -> &str {
        self.kind.names()[0]
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let at_most = if self.kind == AggregateKind::Lag {
            3
        } else {
            1
        };
        if arg_types.len() > at_most {
            return plan_err!(
                "{} takes at most {at_most} argument(s), not {}",
                self.name().to_uppercase(),
                arg_types.len()
            );
        }
        self.kind.result_type(arg_types.first())
    }

    fn is_nullable(&self) -> bool {
        !self.kind.never_null()
    }

    fn accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        not_impl_err!("aggregates run in streaming operators only")
    }

    fn state_fields(&self, _args: StateFieldsArgs) -> Result<Vec<arrow::datatypes::FieldRef>> {
        not_impl_err!("aggregates run in streaming operators only")
    }
}
