//! Calc with `CURRENT_WATERMARK`: the watermark that is in force when a row comes.
//!
//! Puts two columns behind those of the input, the watermark before each row as a TIMESTAMP(3) and as a
//! TIMESTAMP_LTZ(3), NULL while there is none, and has a [`Calc`] compute over them.
//!
//! Keeps no state: as in Flink, the watermark is unknown again after a restore.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use millstream_functions::{FlinkType, TypeKind};

use crate::batch::{Batch, Watermark};
use crate::calc::Calc;
use crate::operator::{Operator, OperatorError, Output};

/// The columns that stand behind those of the input: for TIMESTAMP(3), for TIMESTAMP_LTZ(3).
pub fn watermark_fields() -> [Field; 2] {
    [TypeKind::Timestamp(3), TypeKind::TimestampLtz(3)]
        .map(|kind| FlinkType::new(kind).to_field("current_watermark"))
}

/// See the [module](self).
#[derive(Debug)]
pub struct CurrentWatermark {
    calc: Calc,
    schema: SchemaRef,
    watermark: i64,
}

impl CurrentWatermark {
    /// Over rows of `input`; `calc` takes them with [`watermark_fields`] behind.
    pub fn new(input: &Schema, calc: Calc) -> Self {
        Self {
            calc,
            schema: with_watermark(input),
            watermark: Watermark::MIN.0,
        }
    }
}

/// The input's columns and the watermark's.
pub fn with_watermark(input: &Schema) -> SchemaRef {
    let own = watermark_fields().map(Arc::new);
    Arc::new(Schema::new(
        input
            .fields()
            .iter()
            .cloned()
            .chain(own)
            .collect::<Vec<_>>(),
    ))
}

impl Operator for CurrentWatermark {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let mut before = self.watermark.max(batch.watermark_before.0);
        let times: TimestampMillisecondArray = (0..batch.len())
            .map(|row| {
                let current = (before != Watermark::MIN.0).then_some(before);
                if let Some(watermarks) = &batch.watermarks {
                    before = before.max(watermarks[row]);
                }
                current
            })
            .collect();
        self.watermark = before;
        let zoned = times
            .clone()
            .with_timezone_opt(zone(self.schema.fields().last()));
        let mut columns = batch.rows.columns().to_vec();
        columns.extend([Arc::new(times) as ArrayRef, Arc::new(zoned)]);
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        self.calc.process(0, batch.with_rows(rows), out)
    }

    fn advance(&mut self, watermark: Watermark, _: &mut Output) -> Result<(), OperatorError> {
        self.watermark = self.watermark.max(watermark.0);
        Ok(())
    }

    fn snapshot(&mut self, _: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(Vec::new())
    }
}

fn zone(field: Option<&Arc<Field>>) -> Option<Arc<str>> {
    match field.map(|field| field.data_type()) {
        Some(DataType::Timestamp(TimeUnit::Millisecond, zone)) => zone.clone(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::TimestampMillisecondType;
    use datafusion_physical_expr::PhysicalExpr;
    use datafusion_physical_expr::expressions::Column;

    use super::*;

    #[test]
    fn each_row_sees_the_watermark_before_it() {
        let rows = RecordBatch::try_from_iter([(
            "v",
            Arc::new(Int64Array::from(vec![0, 1, 2])) as ArrayRef,
        )])
        .unwrap();
        let input = rows.schema();
        let wide = with_watermark(&input);
        let output = Arc::new(wide.project(&[0, 1, 2]).unwrap());
        let all = ["v", "current_watermark", "current_watermark"];
        let exprs = all
            .into_iter()
            .enumerate()
            .map(|(i, name)| Arc::new(Column::new(name, i)) as Arc<dyn PhysicalExpr>)
            .collect();
        let calc = Calc::new(&wide, None, exprs, output).unwrap();
        let mut operator = CurrentWatermark::new(&input, calc);
        let mut batch = Batch::append(rows, 0);
        batch.watermarks = Some(vec![10, 10, 30].into());
        let mut seen = Vec::new();
        for _ in 0..2 {
            let mut out = Output::default();
            operator.process(0, batch.clone(), &mut out).unwrap();
            for batch in out.take() {
                let times = batch
                    .rows
                    .column(1)
                    .as_primitive::<TimestampMillisecondType>();
                seen.extend(times.iter());
            }
            operator
                .advance(Watermark(31), &mut Output::default())
                .unwrap();
        }
        assert_eq!(
            seen,
            [None, Some(10), Some(10), Some(31), Some(31), Some(31)]
        );
    }
}
