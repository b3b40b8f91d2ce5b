//! The aggregate functions of Flink SQL: their names, argument rules and result types.
//!
//! This is what binding needs; the accumulators are the runtime's. Result types are Flink's
//! (observed): SUM and AVG of an integer keep its type, `SUM(DECIMAL(p, s))` is
//! `DECIMAL(38, s)`, `AVG(DECIMAL(p, s))` is `DECIMAL(38, max(6, s))`. `LISTAGG` gives STRING,
//! `ARRAY_AGG` of T `ARRAY<T>`, `COLLECT` of T `MULTISET<T> NOT NULL`, `PERCENTILE` DOUBLE or
//! `ARRAY<DOUBLE>`, the JSON aggregates `VARCHAR(2000) NOT NULL`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::{Result, ScalarValue, not_impl_err, plan_err};
use datafusion_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility, udaf_default_return_field,
};

use crate::types::{FlinkType, TypeKind, map_type};

/// Which aggregate function it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateKind {
    /// Rows, or rows whose argument is not NULL.
    Count,
    /// The sum; NULL if there was no value. Integers wrap.
    Sum,
    /// The sum; 0 if there was no value. What a two-phase COUNT merges by; no query writes it.
    Sum0,
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
    /// The values that are not NULL as one string, by arrival, with a separator (a comma if none
    /// is given). NULL if there was no value.
    ListAgg,
    /// The values as an array, by arrival, NULLs too unless they are to be ignored. NULL if there
    /// was no row.
    ArrayAgg,
    /// The values that are not NULL as a multiset: a map of each to how often it came. Empty if
    /// there was none.
    Collect,
    /// How many different values, within 1 %.
    ApproxCountDistinct,
    /// The values as a JSON array, by arrival.
    JsonArrayAgg,
    /// Keys and values as a JSON object, by key. A key may come once only.
    JsonObjectAgg,
    /// The value below which some part of the values lies, between two of them in proportion; of
    /// several parts an array. A value counts as often as its frequency says, if there is one. NULL if
    /// there was no value.
    Percentile,
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
            AggregateKind::Sum0 => &["$sum0"],
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
            AggregateKind::ListAgg => &["listagg"],
            AggregateKind::ArrayAgg => &["array_agg"],
            AggregateKind::Collect => &["collect"],
            AggregateKind::ApproxCountDistinct => &["approx_count_distinct"],
            // These have a grammar of their own, for which the names stand.
            AggregateKind::JsonArrayAgg => &["__json_arrayagg"],
            AggregateKind::JsonObjectAgg => &["__json_objectagg"],
            AggregateKind::Percentile => &["percentile"],
            AggregateKind::Lag => &["lag"],
            AggregateKind::RowNumber => &["row_number"],
        }
    }

    /// The name as a query writes it.
    pub fn shown(self) -> String {
        self.names()[0].trim_start_matches('_').to_uppercase()
    }

    /// The kind with this name, whatever its case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.names().iter().any(|n| n.eq_ignore_ascii_case(name)))
    }

    const ALL: [Self; 21] = [
        Self::Count,
        Self::Sum,
        Self::Sum0,
        Self::Avg,
        Self::Min,
        Self::Max,
        Self::FirstValue,
        Self::LastValue,
        Self::StddevPop,
        Self::StddevSamp,
        Self::VarPop,
        Self::VarSamp,
        Self::ListAgg,
        Self::ArrayAgg,
        Self::Collect,
        Self::ApproxCountDistinct,
        Self::JsonArrayAgg,
        Self::JsonObjectAgg,
        Self::Percentile,
        Self::Lag,
        Self::RowNumber,
    ];

    /// Whether the result is never NULL.
    pub fn never_null(self) -> bool {
        matches!(
            self,
            AggregateKind::Count
                | AggregateKind::Sum0
                | AggregateKind::Collect
                | AggregateKind::ApproxCountDistinct
                | AggregateKind::JsonArrayAgg
                | AggregateKind::JsonObjectAgg
                | AggregateKind::RowNumber
        )
    }

    /// Whether the accumulator is a collection of values: of any number, and of any type.
    pub fn keeps_values(self) -> bool {
        matches!(
            self,
            AggregateKind::ListAgg
                | AggregateKind::ArrayAgg
                | AggregateKind::Collect
                | AggregateKind::ApproxCountDistinct
                | AggregateKind::JsonArrayAgg
                | AggregateKind::JsonObjectAgg
                | AggregateKind::Percentile
        )
    }

    /// Whether accumulators of several instances make one: not of DISTINCT values, which must meet in
    /// one place, nor of what depends on the order of all rows, or cannot take values back in parts
    /// where rows are taken back.
    pub fn merges(self, distinct: bool, retracting: bool) -> bool {
        use AggregateKind::{
            ApproxCountDistinct, ArrayAgg, FirstValue, JsonArrayAgg, JsonObjectAgg, LastValue,
            ListAgg, Max, Min, StddevPop, StddevSamp, VarPop, VarSamp,
        };
        match self {
            FirstValue | LastValue => false,
            ListAgg | ArrayAgg | JsonArrayAgg | JsonObjectAgg => !retracting && !distinct,
            // The moments of rows that were taken back elsewhere are none.
            StddevPop | StddevSamp | VarPop | VarSamp => !retracting && !distinct,
            Min | Max | ApproxCountDistinct => true,
            _ => !distinct,
        }
    }

    /// How many arguments it takes at most: columns, and constants behind the first.
    fn at_most(self) -> usize {
        match self {
            // COUNT(DISTINCT a, b) counts the rows in which none is NULL.
            AggregateKind::Count => usize::MAX,
            AggregateKind::Lag | AggregateKind::Percentile | AggregateKind::JsonObjectAgg => 3,
            AggregateKind::ListAgg | AggregateKind::JsonArrayAgg => 2,
            _ => 1,
        }
    }

    /// The type of the result for an argument of type `input` (`None` for `COUNT(*)`).
    pub fn result_type(self, input: Option<&DataType>) -> Result<DataType> {
        let name = self.shown();
        let numeric = |result: fn(&DataType) -> DataType| match input {
            Some(t) if t.is_numeric() => Ok(result(t)),
            Some(DataType::Null) => Ok(DataType::Int32),
            Some(t) => plan_err!("{name} takes a number, not {t}"),
            None => plan_err!("{name} takes one argument"),
        };
        match self {
            AggregateKind::Count
            | AggregateKind::RowNumber
            | AggregateKind::ApproxCountDistinct => Ok(DataType::Int64),
            AggregateKind::JsonArrayAgg | AggregateKind::JsonObjectAgg => Ok(DataType::Utf8),
            AggregateKind::Percentile => numeric(|_| DataType::Float64),
            AggregateKind::ListAgg => match input {
                Some(DataType::Utf8 | DataType::Null) => Ok(DataType::Utf8),
                Some(t) => plan_err!("{name} takes a STRING, not {t}; CAST it AS STRING"),
                None => plan_err!("{name} takes an argument"),
            },
            AggregateKind::ArrayAgg => match input {
                Some(t) => Ok(DataType::List(Arc::new(Field::new(
                    "item",
                    t.clone(),
                    true,
                )))),
                None => plan_err!("{name} takes an argument"),
            },
            AggregateKind::Collect => match input {
                Some(t) => Ok(map_type(t.clone(), DataType::Int32)),
                None => plan_err!("{name} takes an argument"),
            },
            AggregateKind::Sum | AggregateKind::Sum0 => numeric(|t| match t {
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
        .filter(|kind| *kind != AggregateKind::Sum0)
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
        let at_most = self.kind.at_most();
        if arg_types.len() > at_most {
            return plan_err!(
                "{} takes at most {at_most} argument(s), not {}",
                self.kind.shown(),
                arg_types.len()
            );
        }
        let result = self.kind.result_type(arg_types.first())?;
        if self.kind == AggregateKind::JsonObjectAgg
            && let Some(key) = arg_types.get(1).filter(|t| **t != DataType::Utf8)
        {
            return plan_err!(
                "JSON_OBJECTAGG takes a STRING as its key, not {key}; CAST it AS STRING"
            );
        }
        if self.kind != AggregateKind::Percentile {
            return Ok(result);
        }
        if let Some(frequency) = arg_types.get(2).filter(|t| !t.is_integer()) {
            return plan_err!("PERCENTILE takes an integer as its frequency, not {frequency}");
        }
        match arg_types.get(1) {
            Some(DataType::List(_)) => {
                let item = Field::new("item", result, true);
                Ok(DataType::List(Arc::new(item)))
            }
            Some(percentage) if percentage.is_numeric() => Ok(result),
            Some(other) => {
                plan_err!("PERCENTILE takes a number from 0 to 1 or an array of such, not {other}")
            }
            None => plan_err!("PERCENTILE takes a value and a percentage from 0 to 1"),
        }
    }

    fn return_field(&self, arg_fields: &[FieldRef]) -> Result<FieldRef> {
        match (self.kind, arg_fields.first()) {
            // Arrow has no multiset, so the field must say what the map stands for.
            (AggregateKind::Collect, Some(argument)) => {
                let item = FlinkType::from_field(argument).with_nullable(true);
                let multiset = FlinkType::new(TypeKind::Multiset(Box::new(item))).not_null();
                Ok(Arc::new(multiset.to_field(self.name())))
            }
            (AggregateKind::JsonArrayAgg | AggregateKind::JsonObjectAgg, Some(_)) => {
                let text = FlinkType::new(TypeKind::Varchar(2000)).not_null();
                Ok(Arc::new(text.to_field(self.name())))
            }
            _ => udaf_default_return_field(self, arg_fields),
        }
    }

    /// What the function gives for no row, in a query as a value of another.
    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        match self.kind {
            AggregateKind::Count => ScalarValue::new_zero(data_type),
            _ => ScalarValue::try_from(data_type),
        }
    }

    fn supports_null_handling_clause(&self) -> bool {
        matches!(
            self.kind,
            AggregateKind::ArrayAgg | AggregateKind::FirstValue | AggregateKind::LastValue
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    fn result(kind: AggregateKind, argument: &FlinkType) -> Result<String> {
        let function = FlinkAggregate::new(kind);
        function.return_type(&[argument.to_arrow()])?;
        let field = function.return_field(&[Arc::new(argument.to_field("x"))])?;
        Ok(FlinkType::from_field(&field).to_string())
    }

    #[test]
    fn results_have_the_types_of_flink() -> Result<()> {
        let (int, text) = (TypeKind::Int.into(), FlinkType::string());
        assert_eq!(result(AggregateKind::ListAgg, &text)?, "STRING");
        assert_eq!(result(AggregateKind::ArrayAgg, &int)?, "ARRAY<INT>");
        assert_eq!(
            result(AggregateKind::Collect, &text)?,
            "MULTISET<STRING> NOT NULL"
        );
        assert_eq!(
            result(AggregateKind::ApproxCountDistinct, &text)?,
            "BIGINT NOT NULL"
        );
        assert_eq!(result(AggregateKind::Sum0, &int)?, "INT NOT NULL");
        let error = result(AggregateKind::ListAgg, &int).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("LISTAGG takes a STRING, not Int32")
        );
        Ok(())
    }

    #[test]
    fn functions_are_found_by_any_case() {
        assert_eq!(
            AggregateKind::from_name("ListAgg"),
            Some(AggregateKind::ListAgg)
        );
        assert_eq!(
            AggregateKind::from_name("ARRAY_AGG"),
            Some(AggregateKind::ArrayAgg)
        );
        assert_eq!(AggregateKind::from_name("string_agg"), None);
    }
}
