//! OVER aggregate of values that do not fit into words: LAG, FIRST_VALUE and LAST_VALUE of maps, arrays
//! and rows.
//!
//! Computes what [`over_aggregate`](crate::over_aggregate) does, which keeps numbers and bytes: the
//! arguments go in as bytes beside the input's columns, and what comes back is turned into values again. NULL
//! stays NULL. All else, lateness and state too, is that operator's.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::row::{RowConverter, RowParser, SortField};
use millstream_functions::aggregate::AggregateKind;

use crate::aggregates::AggregateCall;
use crate::aggregates::args::Class;
use crate::batch::{Batch, Watermark};
use crate::operator::{Operator, OperatorContext, OperatorError, Output};
use crate::over_aggregate::{OverAggregate, OverSpec};

/// The OVER aggregate. See the [module](self).
#[derive(Debug)]
pub struct OverValues {
    inner: OverAggregate,
    /// The input and behind it the columns that are bytes.
    extended: SchemaRef,
    output: SchemaRef,
    codecs: BTreeMap<usize, Codec>,
    /// The columns that are added as bytes, in their order.
    added: Vec<usize>,
    /// For each call, the column whose values its result is.
    results: Vec<Option<usize>>,
}

/// Values of a column as bytes and back.
#[derive(Debug)]
struct Codec {
    converter: RowConverter,
    parser: RowParser,
    /// The bytes of NULL.
    null: Box<[u8]>,
}

impl Codec {
    fn new(data_type: &DataType) -> Result<Self, OperatorError> {
        let converter = RowConverter::new(vec![SortField::new(data_type.clone())])?;
        let null = arrow::array::new_null_array(data_type, 1);
        let null = converter.convert_columns(&[null])?.row(0).data().into();
        Ok(Self {
            parser: converter.parser(),
            converter,
            null,
        })
    }

    fn encode(&self, column: &ArrayRef) -> Result<ArrayRef, OperatorError> {
        let rows = self.converter.convert_columns(&[Arc::clone(column)])?;
        let mut bytes = BinaryBuilder::new();
        for (row, value) in rows.iter().enumerate() {
            match column.is_null(row) {
                true => bytes.append_null(),
                false => bytes.append_value(value.data()),
            }
        }
        Ok(Arc::new(bytes.finish()))
    }

    fn decode(&self, column: &ArrayRef) -> Result<ArrayRef, OperatorError> {
        let bytes = column.as_binary::<i32>();
        let rows = (0..bytes.len()).map(|row| {
            self.parser.parse(match bytes.is_null(row) {
                true => &self.null,
                false => bytes.value(row),
            })
        });
        let mut columns = self.converter.convert_rows(rows)?;
        columns
            .pop()
            .ok_or_else(|| OperatorError::Row("a value gave no column".to_owned()))
    }
}

/// The column whose values a call gives back, if they do not fit into words.
fn passed_on(call: &AggregateCall) -> Option<usize> {
    let passes = matches!(
        call.kind,
        AggregateKind::Lag | AggregateKind::FirstValue | AggregateKind::LastValue
    );
    let input = call.input_type.as_ref().filter(|_| passes)?;
    let nested = Class::of(input).is_none() && input.is_nested();
    nested.then(|| call.args.first().copied()).flatten()
}

/// Whether some call needs it.
pub fn has_nested_values(spec: &OverSpec) -> bool {
    let calls = spec.groups.iter().flat_map(|group| &group.calls);
    calls.into_iter().any(|call| passed_on(call).is_some())
}

impl OverValues {
    /// The operator over rows of `input`, which gives rows of `output`: the input's columns and the
    /// calls.
    pub fn with_schema(
        context: &OperatorContext,
        input: &SchemaRef,
        spec: &OverSpec,
        output: SchemaRef,
    ) -> Result<Self, OperatorError> {
        let width = input.fields().len();
        let mut codecs: BTreeMap<usize, Codec> = BTreeMap::new();
        let mut fields: Vec<Arc<Field>> = input.fields().iter().cloned().collect();
        let mut added: Vec<usize> = Vec::new();
        let mut spec = spec.clone();
        let mut results = Vec::new();
        for call in spec.groups.iter_mut().flat_map(|group| &mut group.calls) {
            let column = passed_on(call);
            results.push(column);
            let Some(column) = column else { continue };
            let name = format!("{} as bytes", input.field(column).name());
            let place = match added.iter().position(|known| *known == column) {
                Some(known) => width + known,
                None => {
                    codecs.insert(column, Codec::new(input.field(column).data_type())?);
                    added.push(column);
                    fields.push(Arc::new(Field::new(name, DataType::Binary, true)));
                    fields.len() - 1
                }
            };
            if call
                .literals
                .iter()
                .skip(1)
                .any(|default| !default.is_null())
            {
                return Err(call.unsupported("with a default", "use COALESCE on the result"));
            }
            call.literals.truncate(1);
            call.args = vec![place];
            call.input_type = Some(DataType::Binary);
            call.output_type = DataType::Binary;
        }
        let extended = Arc::new(Schema::new(fields));
        let names: Vec<String> = (0..results.len()).map(|i| format!("over{i}")).collect();
        let inner_output = spec.output_schema(&extended, &names);
        debug_assert_eq!(output.fields().len(), width + results.len());
        Ok(Self {
            inner: OverAggregate::with_schema(context, Arc::clone(&extended), &spec, inner_output)?,
            extended,
            output,
            codecs,
            added,
            results,
        })
    }

    /// Turns what the inner operator gave into what this one gives.
    fn forward(&self, mut inner: Output, out: &mut Output) -> Result<(), OperatorError> {
        let width = self.output.fields().len() - self.results.len();
        for batch in inner.take() {
            let mut columns: Vec<ArrayRef> = batch.rows.columns()[..width].to_vec();
            let given = &batch.rows.columns()[self.extended.fields().len()..];
            for (column, result) in given.iter().zip(&self.results) {
                columns.push(match result {
                    Some(argument) => self.codecs[argument].decode(column)?,
                    None => Arc::clone(column),
                });
            }
            let rows = RecordBatch::try_new(Arc::clone(&self.output), columns)?;
            out.emit(batch.with_rows(rows));
        }
        Ok(())
    }
}

impl Operator for OverValues {
    fn process(
        &mut self,
        input: usize,
        batch: Batch,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let mut columns: Vec<ArrayRef> = batch.rows.columns().to_vec();
        for column in &self.added {
            columns.push(self.codecs[column].encode(batch.rows.column(*column))?);
        }
        let rows = RecordBatch::try_new(Arc::clone(&self.extended), columns)?;
        let mut inner = Output::default();
        let extended = batch.with_rows(rows);
        self.inner.process(input, extended, &mut inner)?;
        self.forward(inner, out)
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        let mut inner = Output::default();
        self.inner.advance(watermark, &mut inner)?;
        self.forward(inner, out)
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.inner.snapshot(epoch)
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.inner.restore(former)
    }

    fn tick(&mut self, now: i64, out: &mut Output) -> Result<(), OperatorError> {
        let mut inner = Output::default();
        self.inner.tick(now, &mut inner)?;
        self.forward(inner, out)
    }

    fn late_rows(&self) -> u64 {
        self.inner.late_rows()
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        self.inner.housekeeping()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, ListArray, TimestampMillisecondArray};
    use arrow::datatypes::Int64Type;
    use millstream_functions::window::Frame;

    use super::*;
    use crate::harness::Harness;
    use crate::over_aggregate::OverGroup;

    #[test]
    fn lists_come_back_as_they_went_in() {
        let lists = vec![
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
            Some(vec![Some(4)]),
        ];
        let input = RecordBatch::try_from_iter_with_nullable([
            (
                "k",
                Arc::new(Int64Array::from(vec![1, 1, 1, 2])) as ArrayRef,
                false,
            ),
            (
                "ts",
                Arc::new(TimestampMillisecondArray::from(vec![10, 20, 30, 40])) as _,
                false,
            ),
            (
                "v",
                Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists)) as _,
                true,
            ),
        ])
        .unwrap();
        let schema = input.schema();
        let harness = Harness::new(
            move |context: &OperatorContext| {
                let spec = OverSpec {
                    partition: vec![0],
                    order: 1,
                    groups: vec![OverGroup {
                        frame: Frame::Range(None),
                        calls: vec![
                            AggregateCall::new(AggregateKind::Lag, vec![2], &schema)?,
                            AggregateCall::new(AggregateKind::Count, vec![], &schema)?,
                        ],
                    }],
                };
                assert!(has_nested_values(&spec));
                let names = ["lag".to_owned(), "n".to_owned()];
                let output = spec.output_schema(&schema, &names);
                let over = OverValues::with_schema(context, &schema, &spec, output)?;
                Ok(Box::new(over) as Box<dyn Operator>)
            },
            &[0],
            input,
            vec![i64::MIN, 15, 25, 35],
        );
        let expected = [
            "+I[1, 10, [1, null], null, 1]",
            "+I[1, 20, null, [1, null], 2]",
            "+I[1, 30, [], null, 3]",
            "+I[2, 40, [4], null, 1]",
        ];
        assert_eq!(harness.run(2).unwrap(), expected);
        for seed in 0..20 {
            assert_eq!(harness.run_killed(seed).unwrap(), expected, "seed {seed}");
        }
    }
}
