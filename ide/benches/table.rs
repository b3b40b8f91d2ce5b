//! The table of what was measured, a line at a time.

use std::time::Duration;

/// Many times of the same thing.
#[derive(Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// One more.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The time, in milliseconds, that this share of the times does not exceed.
    pub fn share(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
        sorted.get(at).map_or(f64::NAN, Duration::as_secs_f64) * 1e3
    }
}

/// Prints lines and remembers which budgets were missed.
#[derive(Debug)]
pub struct Table {
    missed: Vec<String>,
}

impl Table {
    /// Prints the heading.
    pub fn begin() -> Self {
        say(format_args!(
            "{:<58} {:>9} {:>9} {:>9}",
            "what", "median", "p95", "budget"
        ));
        say(format_args!("{}", "─".repeat(88)));
        Self { missed: vec![] }
    }

    /// A line of milliseconds; the budget is for the p95.
    pub fn times(&mut self, what: &str, times: &Times, budget_ms: f64) {
        let (median, p95) = (times.share(0.5), times.share(0.95));
        // Not a number is a miss too.
        let kept = p95 <= budget_ms;
        self.line(
            what,
            &format!("{median:.2} ms"),
            &format!("{p95:.2} ms"),
            &format!("{budget_ms} ms"),
            kept,
        );
    }

    /// A line of another measure.
    pub fn line(&mut self, what: &str, median: &str, p95: &str, budget: &str, kept: bool) {
        let mark = if kept { "" } else { "  missed" };
        say(format_args!(
            "{what:<58} {median:>9} {p95:>9} {budget:>9}{mark}"
        ));
        if !kept {
            self.missed.push(what.to_string());
        }
    }

    /// Says how many budgets were missed.
    pub fn end(self) -> usize {
        match self.missed.as_slice() {
            [] => say(format_args!("\nall budgets are kept")),
            missed => say(format_args!("\nmissed: {}", missed.join(", "))),
        }
        self.missed.len()
    }
}

fn say(line: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    // Where nobody listens there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "{line}");
}
