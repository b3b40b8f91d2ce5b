//! Windows by the wall clock of a time zone.
//!
//! Windows of a TIMESTAMP_LTZ begin and end by the clock on the wall, so an operator over them is given
//! wall clock times, and event time as a wall clock too: this adapter turns each watermark into the
//! latest wall clock of which all is complete, and back in what the operator emits. Of an hour that
//! the clock shows twice nothing is complete before the second time; Flink fires so.

use arrow::buffer::ScalarBuffer;
use millstream_functions::Zone;

use crate::batch::{Batch, Watermark};
use crate::operator::{Operator, OperatorError, Output};

/// An operator to which event time is shown as a wall clock. See the [module](self).
pub struct LocalWindows {
    inner: Box<dyn Operator>,
    zone: Zone,
    given: Output,
}

impl LocalWindows {
    /// `inner` by the clock of `zone`.
    pub fn new(inner: Box<dyn Operator>, zone: Zone) -> Self {
        Self {
            inner,
            zone,
            given: Output::default(),
        }
    }

    fn to_local(&self, watermark: i64) -> i64 {
        match Watermark(watermark) {
            Watermark::MIN | Watermark::MAX => watermark,
            Watermark(at) => self.zone.complete_millis(at),
        }
    }

    fn to_epoch(&self, watermark: i64) -> i64 {
        match Watermark(watermark) {
            Watermark::MIN | Watermark::MAX => watermark,
            Watermark(local) => self.zone.timer_millis(local),
        }
    }

    fn hand_on(&mut self, out: &mut Output) {
        for mut batch in self.given.take() {
            batch.watermark_before = Watermark(self.to_epoch(batch.watermark_before.0));
            batch.watermarks = batch
                .watermarks
                .map(|all| each(&all, |watermark| self.to_epoch(watermark)));
            out.emit(batch);
        }
    }
}

/// Maps watermarks, of which many in a row are the same.
fn each(watermarks: &[i64], map: impl Fn(i64) -> i64) -> ScalarBuffer<i64> {
    let mut last: Option<(i64, i64)> = None;
    watermarks
        .iter()
        .map(|&watermark| match last {
            Some((from, to)) if from == watermark => to,
            _ => {
                let to = map(watermark);
                last = Some((watermark, to));
                to
            }
        })
        .collect()
}

impl Operator for LocalWindows {
    fn process(
        &mut self,
        input: usize,
        mut batch: Batch,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        batch.watermark_before = Watermark(self.to_local(batch.watermark_before.0));
        batch.watermarks = batch
            .watermarks
            .map(|all| each(&all, |watermark| self.to_local(watermark)));
        self.inner.process(input, batch, &mut self.given)?;
        self.hand_on(out);
        Ok(())
    }

    fn advance(&mut self, watermark: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        let local = Watermark(self.to_local(watermark.0));
        self.inner.advance(local, &mut self.given)?;
        self.hand_on(out);
        Ok(())
    }

    fn before_barrier(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        self.inner.before_barrier(&mut self.given)?;
        self.hand_on(out);
        Ok(())
    }

    fn snapshot(&mut self, epoch: u64) -> Result<Vec<u8>, OperatorError> {
        self.inner.snapshot(epoch)
    }

    fn restore(&mut self, former: &[Vec<u8>]) -> Result<(), OperatorError> {
        self.inner.restore(former)
    }

    fn tick(&mut self, now: i64, out: &mut Output) -> Result<(), OperatorError> {
        self.inner.tick(now, &mut self.given)?;
        self.hand_on(out);
        Ok(())
    }

    fn watermark_delay(&self) -> i64 {
        self.inner.watermark_delay()
    }

    fn late_rows(&self) -> u64 {
        self.inner.late_rows()
    }

    fn housekeeping(&mut self) -> Result<(), OperatorError> {
        self.inner.housekeeping()
    }
}
