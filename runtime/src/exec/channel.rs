//! What travels between tasks, and the gate at which a task receives it.
//!
//! A channel holds a few batches: when the receiver is slow its senders wait, and so on up to the
//! sources. The gate reads all channels of a task fairly, keeps the watermark of each, and aligns
//! barriers: a channel that delivered barrier *n* is not read until all have.

use std::task::{Context, Poll};

use millstream_operators::{Batch, Watermark};
use tokio::sync::mpsc;

/// How many elements a channel holds.
const CAPACITY: usize = 8;

/// Asks every task to snapshot its state between two rows of each input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Barrier {
    /// Number of the checkpoint.
    pub epoch: u64,
    /// The job ends with this checkpoint.
    pub terminal: bool,
    /// State is to be kept: false where a job only ends, as a preview does.
    pub snapshot: bool,
}

/// One element of a stream between two tasks.
#[derive(Debug, Clone)]
pub enum Element {
    /// Rows.
    Batch(Batch),
    /// Event time has come this far.
    Watermark(Watermark),
    /// Nothing comes for now: event time goes on without this channel, until it has something again.
    Idle,
    /// Snapshot here.
    Barrier(Barrier),
}

/// The sending end of a channel.
pub type Sender = mpsc::Sender<Element>;

/// A new channel.
pub fn channel() -> (Sender, mpsc::Receiver<Element>) {
    mpsc::channel(CAPACITY)
}

struct Input {
    receiver: mpsc::Receiver<Element>,
    /// Which edge of the fragment it belongs to.
    edge: usize,
    watermark: Watermark,
    /// Nothing has come since it said so.
    idle: bool,
    /// Delivered the barrier that the others have not.
    blocked: bool,
}

/// All channels into a task.
pub struct InputGate {
    inputs: Vec<Input>,
    /// Where the next poll starts, so that no channel starves.
    cursor: usize,
    barrier: Option<Barrier>,
    /// The watermark of each edge as last reported.
    edges: Vec<Watermark>,
    /// An edge that is idle, which is not reported yet.
    fell_idle: Option<usize>,
}

/// What the gate lets through.
#[derive(Debug)]
pub enum Received {
    /// Rows of an edge; their watermarks are capped by the edge's other channels.
    Batch(usize, Batch),
    /// The watermark of an edge rose.
    Watermark(usize, Watermark),
    /// All channels of an edge are idle.
    Idle(usize),
    /// All channels delivered this barrier.
    Barrier(Barrier),
    /// A sender is gone before the end: its task failed or was stopped.
    Broken,
}

impl InputGate {
    /// A gate over channels, each with the edge it belongs to.
    pub fn new(channels: Vec<(usize, mpsc::Receiver<Element>)>) -> Self {
        let edges = channels.iter().map(|(edge, _)| edge + 1).max().unwrap_or(0);
        Self {
            inputs: channels
                .into_iter()
                .map(|(edge, receiver)| Input {
                    receiver,
                    edge,
                    watermark: Watermark::MIN,
                    idle: false,
                    blocked: false,
                })
                .collect(),
            cursor: 0,
            barrier: None,
            edges: vec![Watermark::MIN; edges],
            fell_idle: None,
        }
    }

    /// The next thing to do.
    pub async fn next(&mut self) -> Received {
        if let Some(edge) = self.fell_idle.take() {
            return Received::Idle(edge);
        }
        loop {
            let (index, element) = std::future::poll_fn(|cx| self.poll_any(cx)).await;
            let Some(element) = element else {
                return Received::Broken;
            };
            let edge = self.inputs[index].edge;
            match element {
                Element::Batch(mut batch) => {
                    self.inputs[index].idle = false;
                    batch.cap_watermarks(self.lowest(edge, Some(index)));
                    return Received::Batch(edge, batch);
                }
                Element::Watermark(watermark) => {
                    self.inputs[index].idle = false;
                    self.inputs[index].watermark = watermark;
                    if let Some(risen) = self.risen(edge) {
                        return Received::Watermark(edge, risen);
                    }
                }
                Element::Idle => {
                    self.inputs[index].idle = true;
                    let mut of_edge = self.inputs.iter().filter(|input| input.edge == edge);
                    if of_edge.all(|input| input.idle) {
                        // Nobody is waited for: event time is where the furthest has come.
                        let of_edge = self.inputs.iter().filter(|input| input.edge == edge);
                        let furthest = of_edge.map(|input| input.watermark).max();
                        match furthest.filter(|furthest| *furthest > self.edges[edge]) {
                            Some(furthest) => {
                                self.edges[edge] = furthest;
                                self.fell_idle = Some(edge);
                                return Received::Watermark(edge, furthest);
                            }
                            None => return Received::Idle(edge),
                        }
                    }
                    if let Some(risen) = self.risen(edge) {
                        return Received::Watermark(edge, risen);
                    }
                }
                Element::Barrier(barrier) => {
                    debug_assert!(self.barrier.is_none_or(|b| b.epoch == barrier.epoch));
                    self.barrier = Some(barrier);
                    self.inputs[index].blocked = true;
                    if self.inputs.iter().all(|input| input.blocked) {
                        self.barrier = None;
                        for input in &mut self.inputs {
                            input.blocked = false;
                        }
                        return Received::Barrier(barrier);
                    }
                }
            }
        }
    }

    /// The watermark of an edge, if it rose.
    fn risen(&mut self, edge: usize) -> Option<Watermark> {
        let lowest = self.lowest(edge, None);
        let rose = lowest > self.edges[edge];
        self.edges[edge] = self.edges[edge].max(lowest);
        rose.then_some(lowest)
    }

    /// The lowest watermark of the channels of an edge that are not idle, perhaps leaving one out.
    fn lowest(&self, edge: usize, except: Option<usize>) -> Watermark {
        self.inputs
            .iter()
            .enumerate()
            .filter(|(i, input)| input.edge == edge && Some(*i) != except && !input.idle)
            .map(|(_, input)| input.watermark)
            .min()
            .unwrap_or(Watermark::MAX)
    }

    fn poll_any(&mut self, cx: &mut Context<'_>) -> Poll<(usize, Option<Element>)> {
        let count = self.inputs.len();
        for step in 0..count {
            let index = (self.cursor + step) % count;
            let input = &mut self.inputs[index];
            if input.blocked {
                continue;
            }
            if let Poll::Ready(element) = input.receiver.poll_recv(cx) {
                self.cursor = (index + 1) % count;
                return Poll::Ready((index, element));
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn batch(value: i32) -> Element {
        let schema = Schema::new(vec![Field::new("v", DataType::Int32, false)]);
        let rows = RecordBatch::try_new(
            Arc::new(schema),
            vec![Arc::new(Int32Array::from(vec![value]))],
        );
        Element::Batch(Batch::append(rows.unwrap(), 0))
    }

    fn value(batch: &Batch) -> i32 {
        let column = batch.rows.column(0).as_any();
        column.downcast_ref::<Int32Array>().unwrap().value(0)
    }

    const BARRIER: Barrier = Barrier {
        epoch: 7,
        terminal: false,
        snapshot: true,
    };

    #[tokio::test]
    async fn a_channel_waits_behind_its_barrier_for_the_others() {
        let (a, a_in) = channel();
        let (b, b_in) = channel();
        let mut gate = InputGate::new(vec![(0, a_in), (0, b_in)]);
        a.send(Element::Barrier(BARRIER)).await.unwrap();
        a.send(batch(1)).await.unwrap();
        b.send(batch(2)).await.unwrap();
        b.send(Element::Barrier(BARRIER)).await.unwrap();
        assert!(matches!(gate.next().await, Received::Batch(0, b) if value(&b) == 2));
        assert!(matches!(gate.next().await, Received::Barrier(b) if b == BARRIER));
        assert!(matches!(gate.next().await, Received::Batch(0, b) if value(&b) == 1));
    }

    #[tokio::test]
    async fn the_watermark_of_an_edge_is_the_lowest_of_its_channels() {
        let (a, a_in) = channel();
        let (b, b_in) = channel();
        let (c, c_in) = channel();
        let mut gate = InputGate::new(vec![(0, a_in), (0, b_in), (1, c_in)]);
        a.send(Element::Watermark(Watermark(50))).await.unwrap();
        b.send(Element::Watermark(Watermark(30))).await.unwrap();
        assert!(matches!(
            gate.next().await,
            Received::Watermark(0, Watermark(30))
        ));
        c.send(Element::Watermark(Watermark(10))).await.unwrap();
        assert!(matches!(
            gate.next().await,
            Received::Watermark(1, Watermark(10))
        ));
        b.send(Element::Watermark(Watermark(90))).await.unwrap();
        assert!(matches!(
            gate.next().await,
            Received::Watermark(0, Watermark(50))
        ));
    }

    #[tokio::test]
    async fn a_sender_that_is_gone_is_noticed() {
        let (a, a_in) = channel();
        let mut gate = InputGate::new(vec![(0, a_in)]);
        drop(a);
        assert!(matches!(gate.next().await, Received::Broken));
    }

    #[tokio::test]
    async fn an_idle_channel_holds_event_time_up_no_more() {
        let (a, from_a) = channel();
        let (b, from_b) = channel();
        let mut gate = InputGate::new(vec![(0, from_a), (0, from_b)]);
        a.send(Element::Watermark(Watermark(20))).await.unwrap();
        b.send(Element::Watermark(Watermark(5))).await.unwrap();
        assert!(matches!(
            gate.next().await,
            Received::Watermark(0, Watermark(5))
        ));
        b.send(Element::Idle).await.unwrap();
        assert!(matches!(
            gate.next().await,
            Received::Watermark(0, Watermark(20))
        ));
        // It comes back with older rows: event time stands, and does not go on without it.
        b.send(batch(1)).await.unwrap();
        assert!(matches!(gate.next().await, Received::Batch(0, _)));
        a.send(Element::Watermark(Watermark(30))).await.unwrap();
        b.send(Element::Watermark(Watermark(25))).await.unwrap();
        assert!(matches!(
            gate.next().await,
            Received::Watermark(0, Watermark(25))
        ));
        // When both are idle nobody is waited for.
        a.send(Element::Idle).await.unwrap();
        b.send(Element::Idle).await.unwrap();
        assert!(matches!(
            gate.next().await,
            Received::Watermark(0, Watermark(30))
        ));
        assert!(matches!(gate.next().await, Received::Idle(0)));
    }
}
