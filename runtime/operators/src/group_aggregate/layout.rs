//! What a group keeps for the calls of a query: words, cells, and what is shared between calls.

use std::fmt::Write as _;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Float64Type, Schema};
use arrow::row::{RowConverter, SortField};
use datafusion_common::ScalarValue;
use millstream_functions::aggregate::AggregateKind;

use super::GroupAggregateSpec;
use crate::aggregates::AggregateCall;
use crate::aggregates::args::{Arg, ArgSet, Class};
use crate::aggregates::collections::{CollectionKind, CollectionResult, Form, ValueEncoder};
use crate::aggregates::results::ResultColumn;
use crate::aggregates::units::{CallPlan, Units};
use crate::expiry::Ttl;
use crate::operator::OperatorError;

/// The words that the id of a group takes.
pub(super) const GROUP_ID_WORDS: usize = 2;

/// The plan of an operator's calls.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) args: ArgSet,
    pub(super) units: Units,
    pub(super) encoders: Vec<ValueEncoder>,
    pub(super) cells: Vec<PlannedCell>,
    pub(super) results: Vec<PlannedResult>,
    /// What DISTINCT looks at, shared by calls with the same arguments.
    pub(super) sets: Vec<DistinctSet>,
    /// Filters of COUNT over several columns.
    pub(super) conjunctions: Vec<Conjunction>,
    /// Where the rows of the group are counted, if the input retracts.
    pub(super) rows_at: Option<usize>,
    /// Where the time of the last write is, if state has a TTL.
    pub(super) written_at: Option<usize>,
    /// Where the id of the group is, if values of DISTINCT are kept under it.
    pub(super) id_at: Option<usize>,
    /// Whether every row changes the result.
    pub(super) always_changes: bool,
    /// The calls as text, the same exactly when a state of one serves the other.
    pub(super) text: String,
}

/// A cell of every group.
#[derive(Debug)]
pub(super) struct PlannedCell {
    pub(super) kind: CollectionKind,
    /// Its argument's encoder.
    pub(super) encoder: usize,
    pub(super) filter: Option<Arg>,
}

impl PlannedCell {
    /// Whether the row counts.
    #[inline(always)]
    pub(super) fn takes(&self, row: &[u64]) -> bool {
        passes(self.filter, row)
    }
}

/// Where a call's result comes from.
#[derive(Debug)]
pub(super) enum PlannedResult {
    Unit(CallPlan),
    Cell(usize, CollectionResult),
}

/// The arguments of DISTINCT calls.
#[derive(Debug)]
pub(super) struct DistinctSet {
    pub(super) columns: Vec<usize>,
    pub(super) converter: RowConverter,
    /// One for each different FILTER of the calls.
    pub(super) filters: Vec<DistinctFilter>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct DistinctFilter {
    /// The FILTER of the calls.
    pub(super) filter: Option<Arg>,
    /// The filter that stands in its place: whether the row is the first to bring its value, or
    /// the last to take it back.
    pub(super) gate: Arg,
}

/// A filter that is TRUE where another one is and none of some columns is NULL.
#[derive(Debug)]
pub(super) struct Conjunction {
    pub(super) columns: Vec<usize>,
    pub(super) filter: Option<Arg>,
    pub(super) gate: Arg,
}

/// Whether a filter lets the row through.
#[inline(always)]
pub(super) fn passes(filter: Option<Arg>, row: &[u64]) -> bool {
    filter.is_none_or(|filter| !filter.is_null(row) && filter.word(row) != 0)
}

/// The rows in which one of the columns is NULL; `None` if there is none.
pub(super) fn any_null(rows: &RecordBatch, columns: &[usize]) -> Option<NullBuffer> {
    columns.iter().fold(None, |nulls, &column| {
        let more = rows.column(column).logical_nulls();
        NullBuffer::union(nulls.as_ref(), more.as_ref())
    })
}

fn too_many(call: &AggregateCall) -> OperatorError {
    call.unsupported("with so many other arguments", "split the query in two")
}

impl Layout {
    pub(super) fn new(input: &Schema, spec: &GroupAggregateSpec) -> Result<Self, OperatorError> {
        let mut layout = Layout::default();
        if spec.retracting {
            layout.rows_at = Some(layout.units.count_rows());
        }
        for call in &spec.calls {
            let result = layout.plan(input, call, spec.retracting)?;
            layout.results.push(result);
        }
        if Ttl::new(spec.ttl_millis).is_some() {
            layout.written_at = Some(layout.units.reserve(1));
        }
        // A group that goes and comes again would lose its values under another id.
        let stays = !spec.retracting && layout.written_at.is_none();
        if stays && !layout.sets.is_empty() {
            layout.id_at = Some(layout.units.reserve(GROUP_ID_WORDS));
        }
        if layout.units.words > usize::from(u16::MAX) {
            return Err(OperatorError::Row(
                "the query has too many aggregates for one GROUP BY; split it in two".to_owned(),
            ));
        }
        layout.always_changes = !spec.retracting
            && spec.calls.iter().any(|call| {
                call.kind == AggregateKind::Count && call.args.is_empty() && call.filter.is_none()
            });
        layout.text = text(spec);
        if layout.id_at.is_some() {
            layout.text.push_str(", values by the id of their group");
        }
        Ok(layout)
    }

    fn plan(
        &mut self,
        input: &Schema,
        call: &AggregateCall,
        retracting: bool,
    ) -> Result<PlannedResult, OperatorError> {
        let mut filter = self.args.filter(call)?;
        // Whether a value comes once or often is the same to these.
        let distinct = call.distinct
            && !matches!(
                call.kind,
                AggregateKind::Min | AggregateKind::Max | AggregateKind::ApproxCountDistinct
            );
        if distinct {
            filter = Some(self.distinct(input, call, filter)?);
        }
        let pairs = matches!(
            call.kind,
            AggregateKind::JsonObjectAgg | AggregateKind::Percentile
        );
        if call.args.len() > 1 && !pairs {
            if call.kind != AggregateKind::Count {
                return Err(call.unsupported("of several columns", "give it one"));
            }
            // A DISTINCT set lets rows with a NULL through to nobody.
            if !distinct {
                let gate = self.args.add_computed().ok_or_else(|| too_many(call))?;
                self.conjunctions.push(Conjunction {
                    columns: call.args.clone(),
                    filter,
                    gate,
                });
                filter = Some(gate);
            }
            let at = self.units.count_where(filter);
            return Ok(PlannedResult::Unit(CallPlan::Count(at)));
        }
        let arrivals = CollectionKind::Arrivals { nulls: false };
        let (kind, result) = match call.kind {
            AggregateKind::ListAgg => {
                let separator = separator(call)?;
                if retracting {
                    (arrivals, CollectionResult::Joined(separator))
                } else {
                    (CollectionKind::Text(separator), CollectionResult::Kept)
                }
            }
            AggregateKind::ArrayAgg => {
                // The constant says IGNORE NULLS.
                let nulls = call.literals.first() != Some(&ScalarValue::Boolean(Some(true)));
                (CollectionKind::Arrivals { nulls }, CollectionResult::List)
            }
            AggregateKind::JsonArrayAgg => {
                let nulls = keeps_null(call);
                (
                    CollectionKind::Arrivals { nulls },
                    CollectionResult::JsonArray,
                )
            }
            AggregateKind::JsonObjectAgg => {
                let nulls = keeps_null(call);
                (
                    CollectionKind::Entries { nulls },
                    CollectionResult::JsonObject,
                )
            }
            AggregateKind::Percentile => (CollectionKind::Weighted, percentiles(call)?),
            AggregateKind::Lag => {
                let offset = call.lag_offset()?;
                let default = default_of(call)?;
                (
                    CollectionKind::Recent(offset + 1),
                    CollectionResult::Lag { offset, default },
                )
            }
            AggregateKind::Collect => (CollectionKind::Ordered, CollectionResult::Counts),
            AggregateKind::ApproxCountDistinct if retracting => {
                return Err(call.unsupported(
                    "over rows that are updated or deleted",
                    "use COUNT(DISTINCT …), which takes values back",
                ));
            }
            AggregateKind::ApproxCountDistinct => {
                (CollectionKind::Sketch, CollectionResult::Estimate)
            }
            AggregateKind::Min if retracting => {
                (CollectionKind::Ordered, CollectionResult::Smallest)
            }
            AggregateKind::Max if retracting => {
                (CollectionKind::Ordered, CollectionResult::Largest)
            }
            AggregateKind::FirstValue if retracting => (arrivals, CollectionResult::First),
            AggregateKind::LastValue if retracting => (arrivals, CollectionResult::Last),
            AggregateKind::Min if !in_words(call) => {
                (CollectionKind::Smallest, CollectionResult::Kept)
            }
            AggregateKind::Max if !in_words(call) => {
                (CollectionKind::Largest, CollectionResult::Kept)
            }
            AggregateKind::FirstValue if !in_words(call) => {
                (CollectionKind::First, CollectionResult::Kept)
            }
            AggregateKind::LastValue if !in_words(call) => {
                (CollectionKind::Last, CollectionResult::Kept)
            }
            _ => {
                let plan = self.units.plan_where(call, filter, &mut self.args)?;
                return Ok(PlannedResult::Unit(plan));
            }
        };
        let cell = self.cell(input, call, kind, filter)?;
        Ok(PlannedResult::Cell(cell, result))
    }

    /// The cell of this kind over the call's arguments, which is added if there is none like it.
    fn cell(
        &mut self,
        input: &Schema,
        call: &AggregateCall,
        kind: CollectionKind,
        filter: Option<Arg>,
    ) -> Result<usize, OperatorError> {
        if call.args.is_empty() {
            return Err(call.unsupported("without an argument", "give it one"));
        }
        let form = kind.form();
        let known = self.encoders.iter().position(|e| e.is(&call.args, form));
        let encoder = match known {
            Some(encoder) => encoder,
            None => {
                let encoder = ValueEncoder::new(&call.args, form, input)?
                    .ok_or_else(|| call.unsupported("", "cast the argument to another type"))?;
                self.encoders.push(encoder);
                self.encoders.len() - 1
            }
        };
        let same = |cell: &PlannedCell| {
            cell.kind == kind && cell.encoder == encoder && cell.filter == filter
        };
        if let Some(at) = self.cells.iter().position(same) {
            return Ok(at);
        }
        self.cells.push(PlannedCell {
            kind,
            encoder,
            filter,
        });
        Ok(self.cells.len() - 1)
    }

    /// The gate of a DISTINCT call.
    fn distinct(
        &mut self,
        input: &Schema,
        call: &AggregateCall,
        filter: Option<Arg>,
    ) -> Result<Arg, OperatorError> {
        if call.args.is_empty() {
            return Err(call.unsupported("with DISTINCT and no argument", "give it one"));
        }
        let known = self.sets.iter().position(|set| set.columns == call.args);
        let set = match known {
            Some(set) => set,
            None => {
                let fields: Vec<_> = call
                    .args
                    .iter()
                    .map(|&column| SortField::new(input.field(column).data_type().clone()))
                    .collect();
                if !RowConverter::supports_fields(&fields) {
                    return Err(call.unsupported("with DISTINCT", "cast the argument"));
                }
                self.sets.push(DistinctSet {
                    columns: call.args.clone(),
                    converter: RowConverter::new(fields)?,
                    filters: Vec::new(),
                });
                self.sets.len() - 1
            }
        };
        let filters = &mut self.sets[set].filters;
        if let Some(known) = filters.iter().find(|known| known.filter == filter) {
            return Ok(known.gate);
        }
        // For inserts a value has one bit for each.
        if filters.len() == 64 {
            return Err(too_many(call));
        }
        let gate = self.args.add_computed().ok_or_else(|| too_many(call))?;
        filters.push(DistinctFilter { filter, gate });
        Ok(gate)
    }

    /// Empty columns for the results.
    pub(super) fn columns(
        &self,
        calls: &[AggregateCall],
    ) -> Result<Vec<ResultColumn>, OperatorError> {
        let column = |(call, result): (&AggregateCall, &PlannedResult)| {
            let data_type = &call.output_type;
            let column = match result {
                PlannedResult::Unit(_) => ResultColumn::new(data_type),
                PlannedResult::Cell(
                    _,
                    CollectionResult::Estimate | CollectionResult::Percentile(_),
                ) => ResultColumn::new(data_type),
                PlannedResult::Cell(_, CollectionResult::Percentiles(_)) => {
                    ResultColumn::of_doubles(data_type)
                }
                PlannedResult::Cell(_, CollectionResult::List) => {
                    ResultColumn::of_lists(data_type)?
                }
                PlannedResult::Cell(_, CollectionResult::Counts) => {
                    ResultColumn::of_counts(data_type)?
                }
                PlannedResult::Cell(..) => Some(ResultColumn::of_values(data_type)?),
            };
            column.ok_or_else(|| {
                call.unsupported(
                    &format!("as {data_type}"),
                    "cast the argument to a scalar type",
                )
            })
        };
        calls.iter().zip(&self.results).map(column).collect()
    }
}

/// Whether values of the call's argument are words.
fn in_words(call: &AggregateCall) -> bool {
    let class = call.input_type.as_ref().and_then(Class::of);
    class.is_some_and(|class| class != Class::Bytes)
}

/// Whether a JSON aggregate writes NULLs.
fn keeps_null(call: &AggregateCall) -> bool {
    call.literals.first() == Some(&ScalarValue::from("NULL"))
}

/// The parts that PERCENTILE is asked for.
fn percentiles(call: &AggregateCall) -> Result<CollectionResult, OperatorError> {
    let parts = || {
        call.unsupported(
            "with these percentages",
            "give a number or an array of numbers",
        )
    };
    match call.literals.first() {
        Some(ScalarValue::Float64(Some(part))) => Ok(CollectionResult::Percentile(*part)),
        Some(ScalarValue::List(list)) if list.len() == 1 => {
            let items = list.value(0);
            let items = items.as_primitive_opt::<Float64Type>().ok_or_else(parts)?;
            Ok(CollectionResult::Percentiles(
                items.values().to_vec().into(),
            ))
        }
        _ => Err(parts()),
    }
}

/// The default of LAG as a cell keeps it.
fn default_of(call: &AggregateCall) -> Result<Option<Box<[u8]>>, OperatorError> {
    let (Some(value), Some(input)) = (call.literals.get(1), &call.input_type) else {
        return Ok(None);
    };
    let array = value.cast_to(input)?.to_array()?;
    let rows = RecordBatch::try_from_iter([("default", array)])?;
    let encoder = ValueEncoder::new(&[0], Form::Value, &rows.schema())?
        .ok_or_else(|| call.unsupported("", "cast the argument to another type"))?;
    Ok(encoder.encode(&rows)?.get(0).map(Into::into))
}

/// What LISTAGG puts between values.
fn separator(call: &AggregateCall) -> Result<Box<[u8]>, OperatorError> {
    match call.literals.first() {
        None => Ok((*b",").into()),
        Some(ScalarValue::Utf8(Some(separator))) => Ok(separator.as_bytes().into()),
        Some(other) => Err(call.unsupported(
            &format!("with the separator {other}"),
            "the separator must be a string constant",
        )),
    }
}

/// The calls as text; columns are numbered in the order they are first used, so that a projection
/// below the operator changes nothing.
fn text(spec: &GroupAggregateSpec) -> String {
    let mut columns: Vec<usize> = Vec::new();
    let mut number = |column: usize| match columns.iter().position(|&known| known == column) {
        Some(at) => at,
        None => {
            columns.push(column);
            columns.len() - 1
        }
    };
    let mut text = String::new();
    for (i, call) in spec.calls.iter().enumerate() {
        if i > 0 {
            text.push_str(", ");
        }
        let distinct = if call.distinct { "DISTINCT " } else { "" };
        // Writing to a string never fails.
        let _ = write!(text, "{}({distinct}", call.name());
        for (i, &column) in call.args.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            let _ = write!(text, "{comma}${}", number(column));
        }
        if let Some(input) = &call.input_type {
            let _ = write!(text, " {input}");
        }
        for literal in &call.literals {
            let _ = write!(text, ", {literal:?}");
        }
        text.push(')');
        if let Some(filter) = call.filter {
            let _ = write!(text, " FILTER ${}", number(filter));
        }
    }
    if text.is_empty() {
        text.push_str("DISTINCT");
    }
    if spec.retracting {
        text.push_str(" of a changelog");
    }
    if Ttl::new(spec.ttl_millis).is_some() {
        text.push_str(" with TTL");
    }
    text
}

/// Refuses an output schema that is not keys and calls.
pub(super) fn check_output(
    output: &Schema,
    spec: &GroupAggregateSpec,
) -> Result<(), OperatorError> {
    let expected = spec.keys.len() + spec.calls.len();
    if output.fields().len() != expected {
        return Err(OperatorError::Row(format!(
            "a GROUP BY of {} keys and {} aggregates has {expected} columns, not {}",
            spec.keys.len(),
            spec.calls.len(),
            output.fields().len()
        )));
    }
    let calls = output.fields()[spec.keys.len()..].iter().zip(&spec.calls);
    for (field, call) in calls {
        if field.data_type() != &call.output_type {
            return Err(call.unsupported(
                &format!("as {}", field.data_type()),
                &format!("its result is {}", call.output_type),
            ));
        }
    }
    Ok(())
}
