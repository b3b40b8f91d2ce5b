//! A tap's rows on their way out: paced, counted, written as JSON or Arrow.

use std::time::Duration;

use anyhow::Result;
use millstream_compiler::plan::stream::{PlanColumn, PlanNode};
use millstream_operators::Batch;
use millstream_serve::TapStream;
use millstream_serve::api::{ApiError, ErrorCode, TapEnd, TapFormat, TapGap, TapRequest};
use tokio::sync::mpsc;

use crate::exec::rows::{ArrowWriter, RowWriter, line};
use crate::exec::tap::Listener;

/// How many pieces may wait for the reader. What comes meanwhile is dropped at the tap.
const CAPACITY: usize = 4;

type Pieces = mpsc::Sender<bytes::Bytes>;

/// Where the reader is gone there is nothing left to do.
struct Gone;

/// Streams what `listener` gets until the job ends, the limit is reached, or nobody reads any more.
/// `end` says how the job ended.
pub(super) fn stream(
    operator: &PlanNode,
    columns: Vec<(usize, PlanColumn)>,
    listener: Listener,
    request: TapRequest,
    end: impl Fn() -> &'static str + Send + 'static,
) -> Result<TapStream, ApiError> {
    let (pieces, out) = mpsc::channel(CAPACITY);
    let (projection, columns): (Vec<usize>, Vec<PlanColumn>) = columns.into_iter().unzip();
    let writer = match request.format {
        TapFormat::Json => {
            let rows = RowWriter::new(&columns);
            let header = rows.header(&request.node, Some(&operator.uid));
            Writer::Json { rows, header }
        }
        TapFormat::Arrow => {
            Writer::Arrow(ArrowWriter::new(&columns).map(Box::new).map_err(|why| {
                ApiError::new(
                    ErrorCode::BadRequest,
                    format!(
                        "the rows of '{}' cannot be sent as Arrow: {why}",
                        request.node
                    ),
                )
                .help("ask for format=json")
            })?)
        }
    };
    listener.allow(request.rows);
    let mut tap = Paced {
        listener,
        projection,
        writer,
        request,
        sent: 0,
        gap: 0,
        pieces,
    };
    tokio::spawn(async move {
        // The reader may go at any time; then the tap is closed by being dropped.
        let _ = tap.run(end).await;
    });
    Ok(out)
}

enum Writer {
    Json { rows: RowWriter, header: String },
    Arrow(Box<ArrowWriter>),
}

struct Paced {
    listener: Listener,
    /// The columns that are the node's.
    projection: Vec<usize>,
    writer: Writer,
    request: TapRequest,
    /// Rows sent so far.
    sent: u64,
    /// Rows that went by before the next that is sent, where that is told with it.
    gap: u64,
    pieces: Pieces,
}

impl Paced {
    async fn run(&mut self, end: impl Fn() -> &'static str) -> Result<(), Gone> {
        self.begin().await?;
        let every = Duration::from_millis(self.request.every_ms);
        let mut periods = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
        periods.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let pieces = self.pieces.clone();
        loop {
            tokio::select! {
                batch = self.listener.batches.recv() => match batch {
                    Some(batch) => {
                        if self.send(batch).await? {
                            return self.finish("limit").await;
                        }
                    }
                    None => {
                        self.tell_of_gap().await?;
                        return self.finish(end()).await;
                    }
                },
                _ = periods.tick() => {
                    self.tell_of_gap().await?;
                    self.listener.allow(self.request.rows);
                }
                () = pieces.closed() => return Err(Gone),
            }
        }
    }

    async fn put(&self, piece: impl Into<bytes::Bytes>) -> Result<(), Gone> {
        self.pieces.send(piece.into()).await.map_err(|_| Gone)
    }

    /// Arrow cannot fail in memory; if it does the stream is cut short, which readers notice.
    fn arrow<T>(made: Result<T>) -> Result<T, Gone> {
        made.map_err(|error| {
            tracing::warn!(%error, "a tap ends early");
            Gone
        })
    }

    async fn begin(&mut self) -> Result<(), Gone> {
        let piece = match &mut self.writer {
            Writer::Json { header, .. } => std::mem::take(header).into_bytes(),
            Writer::Arrow(writer) => Self::arrow(writer.take())?,
        };
        self.put(piece).await
    }

    /// Sends rows; true if that were the last that were asked for.
    async fn send(&mut self, batch: Batch) -> Result<bool, Gone> {
        let left = match self.request.limit {
            Some(limit) => limit.saturating_sub(self.sent),
            None => u64::MAX,
        };
        let count = batch.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let rows = Self::arrow(batch.rows.project(&self.projection).map_err(Into::into))?;
        let batch = batch.with_rows(rows).slice(0, count);
        let piece = match &mut self.writer {
            Writer::Json { rows, .. } => {
                let mut text = String::new();
                Self::arrow(rows.write(&batch, &mut text).map(|()| text.into_bytes()))?
            }
            Writer::Arrow(writer) => {
                let gap = std::mem::take(&mut self.gap);
                Self::arrow(writer.write(&batch, gap).and_then(|()| writer.take()))?
            }
        };
        self.put(piece).await?;
        self.sent += count as u64;
        Ok(self.request.limit.is_some_and(|limit| self.sent >= limit))
    }

    async fn tell_of_gap(&mut self) -> Result<(), Gone> {
        let dropped = self.listener.take_dropped();
        if dropped == 0 {
            return Ok(());
        }
        match self.writer {
            Writer::Json { .. } => {
                let seen = self.listener.seen();
                self.put(line(&TapGap { dropped, seen })).await
            }
            Writer::Arrow(_) => {
                self.gap += dropped;
                Ok(())
            }
        }
    }

    async fn finish(&mut self, end: &str) -> Result<(), Gone> {
        match &mut self.writer {
            Writer::Json { .. } => {
                let end = end.to_owned();
                self.put(line(&TapEnd { end })).await
            }
            Writer::Arrow(writer) => {
                let rest = Self::arrow(writer.end())?;
                self.put(rest).await
            }
        }
    }
}
