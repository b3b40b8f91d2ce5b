//! What a running job shows on stderr: a live line on a terminal, plain lines otherwise.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use millstream_compiler::plan::stream::{StreamOp, StreamPlan};
use millstream_runtime::exec::metrics::JobMetrics;
use millstream_runtime::job::Progress;

use super::text::{bytes, clock, short, thousands};

/// How often a line is printed where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// Shows how a job goes.
pub(crate) struct ProgressLine {
    bar: Option<ProgressBar>,
    sources: Vec<usize>,
    sinks: Vec<usize>,
    last: Instant,
    last_rows: u64,
    rate: f64,
    last_print: Instant,
}

impl ProgressLine {
    pub fn new(plan: &StreamPlan) -> Self {
        let of = |wanted: fn(&StreamOp) -> bool| {
            plan.nodes
                .iter()
                .enumerate()
                .filter(|(_, n)| wanted(&n.op))
                .map(|(i, _)| i)
                .collect::<Vec<_>>()
        };
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // A constant template is valid.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            sources: of(|op| matches!(op, StreamOp::Source { .. } | StreamOp::Values { .. })),
            sinks: of(|op| matches!(op, StreamOp::Sink { .. })),
            last: Instant::now(),
            last_rows: 0,
            rate: 0.0,
            last_print: Instant::now(),
        }
    }

    /// Takes in what happened.
    pub fn show(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Note(note) => self.line(&note),
            Progress::Tick {
                metrics,
                last_checkpoint,
            } => {
                let rows_in: u64 = self
                    .sources
                    .iter()
                    .map(|&i| metrics.totals(i).rows_out)
                    .sum();
                let passed = self.last.elapsed().as_secs_f64();
                if passed >= 0.5 {
                    self.rate = (rows_in - self.last_rows.min(rows_in)) as f64 / passed;
                    self.last = Instant::now();
                    self.last_rows = rows_in;
                }
                let rows_out: u64 = self.sinks.iter().map(|&i| metrics.totals(i).rows_in).sum();
                let mut text = format!(
                    "{}  in {} ({}/s)  out {}",
                    clock(metrics.elapsed()),
                    thousands(rows_in),
                    short(self.rate),
                    thousands(rows_out),
                );
                if let Some(watermark) = self.watermark(metrics) {
                    text.push_str(&format!("  watermark {watermark}"));
                }
                if let Some(checkpoint) = last_checkpoint {
                    text.push_str(&format!(
                        "  checkpoint {} ({:.0} ms, {})",
                        checkpoint.epoch,
                        checkpoint.async_ms,
                        bytes(checkpoint.bytes_new)
                    ));
                }
                match &self.bar {
                    Some(bar) => {
                        bar.set_message(text);
                        bar.tick();
                    }
                    None if self.last_print.elapsed() >= PLAIN_INTERVAL => {
                        self.last_print = Instant::now();
                        self.line(&text);
                    }
                    None => {}
                }
            }
        }
    }

    /// The lowest watermark of the sources, as a time.
    fn watermark(&self, metrics: &JobMetrics) -> Option<String> {
        let lowest = self
            .sources
            .iter()
            .filter_map(|&i| metrics.totals(i).watermark)
            .min()?;
        let time = chrono::DateTime::from_timestamp_millis(lowest)?;
        Some(time.format("%Y-%m-%d %H:%M:%S").to_string())
    }

    fn line(&self, text: &str) {
        use std::io::Write as _;
        match &self.bar {
            Some(bar) => bar.println(text),
            // Nobody is left to tell if stderr is closed.
            None => {
                let _ = writeln!(std::io::stderr(), "{text}");
            }
        }
    }

    /// Takes the live line away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
