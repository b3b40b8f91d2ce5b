//! What a running command shows on stderr: a live line on a terminal, plain lines otherwise.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use millstream_compiler::plan::stream::{StreamOp, StreamPlan};
use millstream_runtime::exec::metrics::JobMetrics;
use millstream_runtime::job::Progress;

use super::text::{bytes, clock, short, thousands};

/// How often a line is printed where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// A line that is kept up to date: in its place on a terminal, else printed now and then.
pub(crate) struct LiveLine {
    bar: Option<ProgressBar>,
    last_print: Instant,
}

impl LiveLine {
    pub fn new() -> Self {
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
            last_print: Instant::now(),
        }
    }

    /// Shows the text in place of the last one.
    pub fn set(&mut self, text: impl FnOnce() -> String) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(text());
                bar.tick();
            }
            None if self.last_print.elapsed() >= PLAIN_INTERVAL => {
                self.last_print = Instant::now();
                self.print(&text());
            }
            None => {}
        }
    }

    /// Prints a line that stays.
    pub fn print(&self, text: &str) {
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

/// Rows a second over the last half second or so.
pub(crate) struct Rate {
    last: Instant,
    last_rows: u64,
    rate: f64,
}

impl Rate {
    pub fn new() -> Self {
        Self {
            last: Instant::now(),
            last_rows: 0,
            rate: 0.0,
        }
    }

    /// The rate, once `rows` rows have gone by.
    pub fn of(&mut self, rows: u64) -> f64 {
        let passed = self.last.elapsed().as_secs_f64();
        if passed >= 0.5 {
            self.rate = (rows - self.last_rows.min(rows)) as f64 / passed;
            self.last = Instant::now();
            self.last_rows = rows;
        }
        self.rate
    }
}

/// Shows how a job goes.
pub(crate) struct ProgressLine {
    line: LiveLine,
    rate: Rate,
    sources: Vec<usize>,
    sinks: Vec<usize>,
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
        Self {
            line: LiveLine::new(),
            rate: Rate::new(),
            sources: of(|op| matches!(op, StreamOp::Source { .. } | StreamOp::Values { .. })),
            sinks: of(|op| matches!(op, StreamOp::Sink { .. })),
        }
    }

    /// Takes in what happened.
    pub fn show(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Note(note) => self.line.print(&note),
            Progress::Opened(_) => {}
            Progress::Tick {
                metrics,
                last_checkpoint,
            } => {
                let rows_in: u64 = self
                    .sources
                    .iter()
                    .map(|&i| metrics.totals(i).rows_out)
                    .sum();
                let rate = self.rate.of(rows_in);
                let rows_out: u64 = self.sinks.iter().map(|&i| metrics.totals(i).rows_in).sum();
                let watermark = self.watermark(metrics);
                self.line.set(|| {
                    let mut text = format!(
                        "{}  in {} ({}/s)  out {}",
                        clock(metrics.elapsed()),
                        thousands(rows_in),
                        short(rate),
                        thousands(rows_out),
                    );
                    if let Some(watermark) = watermark {
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
                    text
                });
            }
        }
    }

    /// Prints a line that stays.
    pub fn note(&self, text: &str) {
        self.line.print(text);
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

    /// Takes the live line away.
    pub fn finish(&self) {
        self.line.finish();
    }
}
