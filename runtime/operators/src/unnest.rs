//! `UNNEST`: the elements of a collection column as rows.
//!
//! Computes, for every row and every element of its collection, the row with the element's columns
//! behind its own: an ARRAY's element, or its fields if it is a ROW; a MAP's key and value; a
//! MULTISET's element as often as it is there. `WITH ORDINALITY` adds the element's number from 1
//! (INT NOT NULL). A collection that is NULL or empty gives no row, or, with LEFT, the row with NULLs
//! behind it. With a condition elements that fail it are as if they were not there. Row kinds go
//! along. Keeps no state.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, RecordBatch, StructArray, UInt32Array, new_null_array,
};
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use datafusion_physical_expr::PhysicalExpr;

use crate::batch::Batch;
use crate::operator::{Operator, OperatorError, Output};

/// What an UNNEST computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnnestSpec {
    /// The collection: a column of the input.
    pub column: usize,
    /// Whether a MAP column is a MULTISET: its values count its keys.
    pub multiset: bool,
    /// `LEFT JOIN UNNEST(…) ON TRUE`.
    pub left: bool,
    /// `WITH ORDINALITY`.
    pub ordinality: bool,
}

impl UnnestSpec {
    /// The columns of the output: the input's, the element's, the number.
    pub fn output_schema(&self, input: &Schema) -> Result<SchemaRef, OperatorError> {
        let mut fields: Vec<Arc<Field>> = input.fields().iter().cloned().collect();
        let one = |name: &str, data_type: &DataType| match data_type {
            DataType::Struct(fields) => fields
                .iter()
                .map(|field| Arc::new(field.as_ref().clone().with_nullable(true)))
                .collect(),
            other => vec![Arc::new(Field::new(name, other.clone(), true))],
        };
        let column = input.field(self.column);
        match column.data_type() {
            DataType::List(element) => fields.extend(one("f0", element.data_type())),
            DataType::Map(entries, _) => {
                let DataType::Struct(entry) = entries.data_type() else {
                    return Err(self.unsupported(column));
                };
                if self.multiset {
                    fields.extend(one("f0", entry[0].data_type()));
                } else {
                    for (name, field) in ["f0", "f1"].iter().zip(entry) {
                        let field = Field::new(*name, field.data_type().clone(), true);
                        fields.push(Arc::new(field));
                    }
                }
            }
            _ => return Err(self.unsupported(column)),
        }
        if self.ordinality {
            fields.push(Arc::new(Field::new(
                "ordinality",
                DataType::Int32,
                self.left,
            )));
        }
        Ok(Arc::new(Schema::new(fields)))
    }

    fn unsupported(&self, column: &Field) -> OperatorError {
        OperatorError::Row(format!(
            "UNNEST({}): the column is {} and has no elements; it must be an ARRAY, MAP or \
             MULTISET",
            column.name(),
            column.data_type()
        ))
    }
}

/// Gives every row once for each element. See the [module](self).
#[derive(Debug)]
pub struct Unnest {
    spec: UnnestSpec,
    output: SchemaRef,
    /// Which elements count, over the output's columns.
    condition: Option<Arc<dyn PhysicalExpr>>,
}

impl Unnest {
    /// The operator over rows of `input`.
    pub fn new(input: &Schema, spec: UnnestSpec) -> Result<Self, OperatorError> {
        let output = spec.output_schema(input)?;
        Ok(Self {
            spec,
            output,
            condition: None,
        })
    }

    /// The operator with an output schema of its own (names and metadata; the types must be those
    /// of [`UnnestSpec::output_schema`]).
    pub fn with_schema(spec: UnnestSpec, output: SchemaRef) -> Self {
        Self {
            spec,
            output,
            condition: None,
        }
    }

    /// The operator for which only elements count that meet a condition over the output's columns.
    #[must_use]
    pub fn with_condition(mut self, condition: Option<Arc<dyn PhysicalExpr>>) -> Self {
        self.condition = condition;
        self
    }

    /// The columns that come out.
    pub fn schema(&self) -> &SchemaRef {
        &self.output
    }
}

/// Where the elements of a batch stand.
struct Elements {
    columns: Vec<ArrayRef>,
    offsets: Vec<i32>,
    /// MULTISET: how often each element is there.
    counts: Option<Int32Array>,
}

/// The fields of a ROW, NULL where the row is; any other column as it is.
fn fields_of(values: &ArrayRef) -> Result<Vec<ArrayRef>, OperatorError> {
    let Some(rows) = values.as_any().downcast_ref::<StructArray>() else {
        return Ok(vec![Arc::clone(values)]);
    };
    if rows.null_count() == 0 {
        return Ok(rows.columns().to_vec());
    }
    let there: UInt32Array = (0..rows.len())
        .map(|row| rows.is_valid(row).then_some(row as u32))
        .collect();
    rows.columns()
        .iter()
        .map(|column| Ok(take(column, &there, None)?))
        .collect()
}

impl Unnest {
    fn elements(&self, column: &ArrayRef) -> Result<Elements, OperatorError> {
        if let Some(list) = column.as_list_opt::<i32>() {
            return Ok(Elements {
                columns: fields_of(list.values())?,
                offsets: list.value_offsets().to_vec(),
                counts: None,
            });
        }
        let Some(map) = column.as_map_opt() else {
            return Err(OperatorError::Row(format!(
                "UNNEST of a column of type {}: it must be an ARRAY, MAP or MULTISET",
                column.data_type()
            )));
        };
        let (keys, values) = (map.keys(), map.values());
        let counts = match self.spec.multiset {
            true => values.as_primitive_opt::<Int32Type>().cloned(),
            false => None,
        };
        Ok(Elements {
            columns: match self.spec.multiset {
                true => fields_of(keys)?,
                false => vec![Arc::clone(keys), Arc::clone(values)],
            },
            offsets: map.value_offsets().to_vec(),
            counts,
        })
    }
}

/// For each output row: the input's row, the element, its number.
#[derive(Default)]
struct Pairs {
    rows: Vec<u32>,
    elements: Vec<Option<u32>>,
    numbers: Vec<Option<i32>>,
}

impl Pairs {
    fn push(&mut self, row: u32, element: Option<(u32, i32)>) {
        self.rows.push(row);
        self.elements.push(element.map(|(element, _)| element));
        self.numbers.push(element.map(|(_, number)| number));
    }

    fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let mut kept = Self::default();
        for pair in (0..self.rows.len()).filter(|&pair| keep(pair)) {
            kept.rows.push(self.rows[pair]);
            kept.elements.push(self.elements[pair]);
            kept.numbers.push(self.numbers[pair]);
        }
        *self = kept;
    }

    /// Gives those of the `rows` rows that have no element a pair without one, in their place.
    fn pad(&mut self, rows: u32) {
        let mut padded = Self::default();
        let mut pair = 0;
        for row in 0..rows {
            let before = pair;
            while self.rows.get(pair) == Some(&row) {
                let element = self.elements[pair].zip(self.numbers[pair]);
                padded.push(row, element);
                pair += 1;
            }
            if pair == before {
                padded.push(row, None);
            }
        }
        *self = padded;
    }
}

impl Unnest {
    /// The columns of the output for these pairs.
    fn columns(
        &self,
        batch: &Batch,
        elements: &Elements,
        pairs: &Pairs,
    ) -> Result<RecordBatch, OperatorError> {
        let indices = UInt32Array::from(pairs.rows.clone());
        let taken = UInt32Array::from(pairs.elements.clone());
        let mut columns = take_record_batch(&batch.rows, &indices)?.columns().to_vec();
        for column in &elements.columns {
            columns.push(match column.is_empty() {
                // There is nothing to take even NULL from.
                true => new_null_array(column.data_type(), taken.len()),
                false => take(column, &taken, None)?,
            });
        }
        if self.spec.ordinality {
            columns.push(Arc::new(Int32Array::from(pairs.numbers.clone())));
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.output), columns)?)
    }
}

impl Operator for Unnest {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let collections = batch.rows.column(self.spec.column);
        let elements = self.elements(collections)?;
        let mut pairs = Pairs::default();
        for row in 0..batch.len() {
            let before = pairs.rows.len();
            // What stands behind a NULL collection is undefined.
            if collections.is_valid(row) {
                let (from, to) = (elements.offsets[row], elements.offsets[row + 1]);
                let mut number = 0;
                for element in from..to {
                    let times = match &elements.counts {
                        Some(counts) => counts.value(element as usize),
                        None => 1,
                    };
                    for _ in 0..times {
                        number += 1;
                        pairs.push(row as u32, Some((element as u32, number)));
                    }
                }
            }
            // With a condition it is only known behind it which rows have no element.
            if self.spec.left && self.condition.is_none() && pairs.rows.len() == before {
                pairs.push(row as u32, None);
            }
        }
        if let Some(condition) = &self.condition
            && !pairs.rows.is_empty()
        {
            let met = condition.evaluate(&self.columns(&batch, &elements, &pairs)?)?;
            let met = met.into_array(pairs.rows.len())?;
            let met = met.as_boolean();
            pairs.retain(|pair| met.is_valid(pair) && met.value(pair));
        }
        if self.spec.left && self.condition.is_some() {
            pairs.pad(batch.len() as u32);
        }
        if pairs.rows.is_empty() {
            return Ok(());
        }
        let merged = self.columns(&batch, &elements, &pairs)?;
        out.emit(batch.of_rows(merged, &pairs.rows));
        Ok(())
    }

    fn snapshot(&mut self, _: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Int64Array, Int64Builder, ListArray, ListBuilder, MapArray, StringArray, StringBuilder,
        StructBuilder,
    };
    use arrow::buffer::{NullBuffer, OffsetBuffer};
    use arrow::datatypes::Fields;
    use millstream_functions::RowKind;
    use millstream_functions::types::map_type;

    use super::*;
    use crate::harness::rows_text;

    fn unnest(collections: ArrayRef, spec: UnnestSpec) -> Vec<String> {
        let ids = Int64Array::from_iter_values(1..=collections.len() as i64);
        let rows = RecordBatch::try_from_iter_with_nullable([
            ("id", Arc::new(ids) as ArrayRef, false),
            ("c", collections, true),
        ])
        .unwrap();
        let mut operator = Unnest::new(&rows.schema(), spec).unwrap();
        let mut batch = Batch::append(rows, 0);
        let kinds = [RowKind::Insert, RowKind::Delete, RowKind::UpdateAfter];
        batch.kinds = Some((0..batch.len()).map(|row| kinds[row % 3]).collect());
        let mut out = Output::default();
        operator.process(0, batch, &mut out).unwrap();
        let batches = out.take();
        let rows = batches.iter().flat_map(|batch| {
            // The collection itself is left out of the text.
            let shown: Vec<usize> = (0..batch.rows.num_columns()).filter(|&c| c != 1).collect();
            rows_text(&batch.with_rows(batch.rows.project(&shown).unwrap())).unwrap()
        });
        rows.collect()
    }

    fn spec(left: bool, ordinality: bool) -> UnnestSpec {
        UnnestSpec {
            column: 1,
            multiset: false,
            left,
            ordinality,
        }
    }

    #[test]
    fn an_array_gives_a_row_for_each_element() {
        let mut list = ListBuilder::new(Int64Builder::new());
        list.append_value([Some(10), None, Some(20)]);
        list.append_null();
        list.append_value([]);
        list.append_value([Some(30)]);
        let list: ArrayRef = Arc::new(list.finish());
        assert_eq!(
            unnest(Arc::clone(&list), spec(false, false)),
            ["+I[1, 10]", "+I[1, null]", "+I[1, 20]", "+I[4, 30]"]
        );
        assert_eq!(
            unnest(Arc::clone(&list), spec(true, true)),
            [
                "+I[1, 10, 1]",
                "+I[1, null, 2]",
                "+I[1, 20, 3]",
                "-D[2, null, null]",
                "+U[3, null, null]",
                "+I[4, 30, 1]",
            ]
        );
        // A slice keeps its own elements.
        assert_eq!(unnest(list.slice(3, 1), spec(false, false)), ["+I[1, 30]"]);
        let empty = list.slice(1, 2);
        assert!(unnest(Arc::clone(&empty), spec(false, false)).is_empty());
        assert_eq!(
            unnest(empty, spec(true, false)),
            ["+I[1, null]", "-D[2, null]"]
        );
    }

    #[test]
    fn the_fields_of_a_row_become_columns() {
        let fields = Fields::from(vec![
            Field::new("x", DataType::Int64, true),
            Field::new("y", DataType::Utf8, true),
        ]);
        let mut rows = StructBuilder::from_fields(fields.clone(), 3);
        for (x, y, there) in [
            (Some(1), "a", true),
            (Some(2), "b", false),
            (None, "c", true),
        ] {
            rows.field_builder::<Int64Builder>(0)
                .unwrap()
                .append_option(x);
            rows.field_builder::<StringBuilder>(1)
                .unwrap()
                .append_value(y);
            rows.append(there);
        }
        let element = Arc::new(Field::new("item", DataType::Struct(fields), true));
        let list = ListArray::new(
            element,
            OffsetBuffer::new(vec![0, 3].into()),
            Arc::new(rows.finish()),
            None,
        );
        assert_eq!(
            unnest(Arc::new(list), spec(false, true)),
            [
                "+I[1, 1, a, 1]",
                "+I[1, null, null, 2]",
                "+I[1, null, c, 3]"
            ]
        );
    }

    #[test]
    fn a_map_gives_its_entries_and_a_multiset_its_elements() {
        let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
        let counts: ArrayRef = Arc::new(Int32Array::from(vec![2, 1, 1]));
        let DataType::Map(entries, _) = map_type(DataType::Utf8, DataType::Int32) else {
            unreachable!()
        };
        let DataType::Struct(entry) = entries.data_type().clone() else {
            unreachable!()
        };
        let map = MapArray::new(
            entries,
            OffsetBuffer::new(vec![0, 2, 3].into()),
            StructArray::new(entry, vec![keys, counts], None),
            Some(NullBuffer::from(vec![true, false])),
            false,
        );
        let map: ArrayRef = Arc::new(map);
        assert_eq!(
            unnest(Arc::clone(&map), spec(false, false)),
            ["+I[1, a, 2]", "+I[1, b, 1]"]
        );
        let multiset = UnnestSpec {
            multiset: true,
            ..spec(true, true)
        };
        assert_eq!(
            unnest(map, multiset),
            [
                "+I[1, a, 1]",
                "+I[1, a, 2]",
                "+I[1, b, 3]",
                "-D[2, null, null]"
            ]
        );
    }

    #[test]
    fn what_has_no_elements_is_refused() {
        let schema = Schema::new(vec![Field::new("v", DataType::Int64, true)]);
        let spec = UnnestSpec {
            column: 0,
            ..spec(false, false)
        };
        let error = Unnest::new(&schema, spec).unwrap_err().to_string();
        assert_eq!(
            error,
            "UNNEST(v): the column is Int64 and has no elements; it must be an ARRAY, MAP or \
             MULTISET"
        );
    }
}
