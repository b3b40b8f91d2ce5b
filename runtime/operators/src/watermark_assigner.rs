//! Watermarks: how far event time has come, judged row by row.
//!
//! The watermark after a row is the largest value of the watermark expression so far, never falling
//! (Flink with `pipeline.auto-watermark-interval` = 0: every row that raises it emits one). Like that of
//! Flink's operator, it starts at the epoch: rows before 1970 do not raise it; where Flink's source itself
//! makes the watermarks, they start [anywhere](WatermarkGenerator::from_anywhere). A NULL rowtime stops the job;
//! a NULL watermark raises nothing. The running maximum is the only state.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Schema};
use datafusion_expr::Operator as ExprOperator;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::{BinaryExpr, Column, Literal};
use millstream_functions::interval_millis;

use crate::batch::{Batch, Watermark};
use crate::operator::{Operator, OperatorError, Output, load_watermark, save_watermark};
use crate::time::{rowtime_millis, timestamp_millis};

/// Watches one split of a source, or one stream, and says how far its event time has come.
#[derive(Debug, Clone)]
pub struct WatermarkGenerator {
    rowtime: usize,
    kind: Kind,
    /// The largest watermark so far, at least `floor`.
    highest: i64,
    /// What a watermark must be above.
    floor: i64,
}

#[derive(Debug, Clone)]
enum Kind {
    /// The rowtime less so many milliseconds.
    Behind(i64),
    Expression(Arc<dyn PhysicalExpr>),
}

impl WatermarkGenerator {
    /// A generator for `WATERMARK FOR <column rowtime> AS expr` over rows of `schema`.
    pub fn new(
        schema: &Schema,
        rowtime: usize,
        expr: Arc<dyn PhysicalExpr>,
    ) -> Result<Self, OperatorError> {
        for (what, data_type) in [
            ("rowtime", schema.field(rowtime).data_type().clone()),
            ("watermark", expr.data_type(schema)?),
        ] {
            if !matches!(data_type, DataType::Timestamp(_, _)) {
                return Err(OperatorError::Row(format!(
                    "the {what} must be a TIMESTAMP or TIMESTAMP_LTZ, not {data_type}"
                )));
            }
        }
        Ok(Self {
            rowtime,
            kind: match delay(&expr, rowtime) {
                Some(millis) => Kind::Behind(millis),
                None => Kind::Expression(expr),
            },
            highest: 0,
            floor: 0,
        })
    }

    /// The same for times before the epoch, too.
    pub fn from_anywhere(self) -> Self {
        Self {
            highest: i64::MIN,
            floor: i64::MIN,
            ..self
        }
    }

    /// The watermark after each row of the next batch.
    pub fn observe(&mut self, rows: &RecordBatch) -> Result<ScalarBuffer<i64>, OperatorError> {
        let schema = rows.schema_ref();
        let times = rowtime_millis(rows.column(self.rowtime), schema.field(self.rowtime).name())?;
        let mut highest = self.highest;
        // Nothing is known before the first watermark.
        let floor = self.floor;
        let shown = |highest: i64| if highest > floor { highest } else { i64::MIN };
        let watermarks = match &self.kind {
            Kind::Behind(millis) => times
                .iter()
                .map(|time| {
                    highest = highest.max(time.saturating_sub(*millis));
                    shown(highest)
                })
                .collect(),
            Kind::Expression(expr) => {
                let column = expr.evaluate(rows)?.into_array(rows.num_rows())?;
                let values = timestamp_millis(&column).ok_or_else(|| {
                    OperatorError::Row(format!(
                        "the watermark {expr} gave {}, not a TIMESTAMP",
                        column.data_type()
                    ))
                })?;
                let nulls = column.logical_nulls();
                values
                    .iter()
                    .enumerate()
                    .map(|(row, &value)| {
                        if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                            highest = highest.max(value);
                        }
                        shown(highest)
                    })
                    .collect()
            }
        };
        self.highest = highest;
        Ok(watermarks)
    }

    /// The watermark after all rows so far.
    pub fn current(&self) -> Watermark {
        if self.highest > self.floor {
            Watermark(self.highest)
        } else {
            Watermark::MIN
        }
    }

    /// The state, for a checkpoint.
    pub fn save(&self) -> i64 {
        self.highest
    }

    /// Takes up what [`save`](Self::save) returned.
    pub fn load(&mut self, saved: i64) {
        self.highest = saved.max(self.floor);
    }
}

/// The delay in milliseconds if `expr` is the rowtime itself or the rowtime less a constant.
fn delay(expr: &Arc<dyn PhysicalExpr>, rowtime: usize) -> Option<i64> {
    let is_rowtime = |expr: &Arc<dyn PhysicalExpr>| {
        expr.downcast_ref::<Column>()
            .is_some_and(|column| column.index() == rowtime)
    };
    if is_rowtime(expr) {
        return Some(0);
    }
    let difference = expr.downcast_ref::<BinaryExpr>()?;
    if *difference.op() != ExprOperator::Minus || !is_rowtime(difference.left()) {
        return None;
    }
    interval_millis(difference.right().downcast_ref::<Literal>()?.value())
}

/// Fills in the watermarks of batches of one stream.
///
/// A source that reads several splits keeps a [`WatermarkGenerator`] for each and takes the
/// smallest; this operator is for one split, or for a watermark over a view.
#[derive(Debug)]
pub struct WatermarkAssigner {
    generator: WatermarkGenerator,
}

impl WatermarkAssigner {
    /// An assigner by `generator`.
    pub fn new(generator: WatermarkGenerator) -> Self {
        Self { generator }
    }

    /// The watermark after all rows so far.
    pub fn current(&self) -> Watermark {
        self.generator.current()
    }
}

impl Operator for WatermarkAssigner {
    fn process(
        &mut self,
        _: usize,
        mut batch: Batch,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        batch.watermark_before = self.generator.current();
        batch.watermarks = Some(self.generator.observe(&batch.rows)?);
        out.emit(batch);
        Ok(())
    }

    fn snapshot(&mut self, _: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(save_watermark(self.generator.save()))
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.generator.load(load_watermark(former)?);
        Ok(())
    }
}

/// Whether a column can be the rowtime: used by planners before they build a generator.
pub fn is_rowtime_type(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, _))
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, TimestampMicrosecondArray, TimestampMillisecondArray};
    use datafusion_common::ScalarValue;
    use datafusion_physical_expr::expressions::{binary, col, lit};

    use super::*;

    fn rows(times: Vec<Option<i64>>) -> RecordBatch {
        let column = Arc::new(TimestampMillisecondArray::from(times)) as ArrayRef;
        RecordBatch::try_from_iter_with_nullable([("ts", column, true)]).unwrap()
    }

    fn generator(delay_millis: i64) -> WatermarkGenerator {
        let schema = rows(vec![]).schema();
        let expr = binary(
            col("ts", &schema).unwrap(),
            ExprOperator::Minus,
            lit(ScalarValue::DurationMillisecond(Some(delay_millis))),
            &schema,
        )
        .unwrap();
        WatermarkGenerator::new(&schema, 0, expr).unwrap()
    }

    #[test]
    fn the_watermark_is_the_running_maximum_behind_each_row() {
        let mut generator = generator(1000);
        let input = rows([9_000, 12_000, 8_000, 25_000].map(Some).to_vec());
        assert!(matches!(generator.kind, Kind::Behind(1000)));
        assert_eq!(
            generator.observe(&input).unwrap().to_vec(),
            [8_000, 11_000, 11_000, 24_000]
        );
        assert_eq!(generator.current(), Watermark(24_000));
    }

    #[test]
    fn any_expression_gives_the_same_as_the_fast_path() {
        let input = rows([9_000, 12_000, 8_000, 25_000].map(Some).to_vec());
        let mut fast = generator(1000);
        let mut slow = fast.clone();
        let schema = input.schema();
        slow.kind = Kind::Expression(
            binary(
                col("ts", &schema).unwrap(),
                ExprOperator::Minus,
                lit(ScalarValue::DurationMillisecond(Some(1000))),
                &schema,
            )
            .unwrap(),
        );
        assert_eq!(fast.observe(&input).unwrap(), slow.observe(&input).unwrap());
    }

    #[test]
    fn before_the_epoch_nothing_is_known() {
        let mut generator = generator(1000);
        let input = rows([-5_000, 1_000, 1_001].map(Some).to_vec());
        assert_eq!(
            generator.observe(&input).unwrap().to_vec(),
            [i64::MIN, i64::MIN, 1]
        );
    }

    #[test]
    fn a_null_rowtime_stops_the_job() {
        let error = generator(0)
            .observe(&rows(vec![Some(1), None]))
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("RowTime field should not be null"), "{text}");
        assert!(text.contains("WHERE ts IS NOT NULL"), "{text}");
    }

    #[test]
    fn microseconds_count_as_milliseconds() {
        let column = Arc::new(TimestampMicrosecondArray::from(vec![1_999, 5_000])) as ArrayRef;
        let input = RecordBatch::try_from_iter([("ts", column)]).unwrap();
        let expr = col("ts", &input.schema()).unwrap();
        let mut generator = WatermarkGenerator::new(&input.schema(), 0, expr).unwrap();
        assert_eq!(generator.observe(&input).unwrap().to_vec(), [1, 5]);
    }

    #[test]
    fn the_running_maximum_survives_a_restore() {
        let mut first = WatermarkAssigner::new(generator(0));
        first
            .process(
                0,
                Batch::append(rows(vec![Some(50)]), 0),
                &mut Output::default(),
            )
            .unwrap();
        let state = first.snapshot(1).unwrap();
        let mut second = WatermarkAssigner::new(generator(0));
        second.restore(&[state]).unwrap();
        let mut out = Output::default();
        second
            .process(0, Batch::append(rows(vec![Some(20)]), 0), &mut out)
            .unwrap();
        let batch = out.take().remove(0);
        assert_eq!(batch.watermark_before, Watermark(50));
        assert_eq!(batch.watermarks.unwrap().to_vec(), [50]);
        assert!(second.restore(&[vec![9]]).is_err());
    }
}
