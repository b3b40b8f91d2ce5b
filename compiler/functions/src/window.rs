//! Windows over event time: how rows are cut into groups by their rowtime.
//!
//! All times are milliseconds since the epoch in UTC; a window holds the rows with
//! `start <= rowtime < end`. Windows are aligned to the epoch plus `offset`, as in Flink.

use std::fmt;

/// A window function of Flink SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// `TUMBLE`: windows of `size` that touch and do not overlap.
    Tumble {
        /// Length in milliseconds, above 0.
        size: i64,
        /// Shift of every window's start in milliseconds.
        offset: i64,
    },
    /// `HOP`: windows of `size`, one starting every `slide`; a row is in ⌈size/slide⌉ of them.
    Hop {
        /// Length in milliseconds, a multiple of `slide`.
        size: i64,
        /// Distance of two starts in milliseconds, above 0.
        slide: i64,
        /// Shift of every window's start in milliseconds.
        offset: i64,
    },
    /// `CUMULATE`: windows that start together every `max_size` and end at each multiple of
    /// `step` after the start.
    Cumulate {
        /// Length of the longest window in milliseconds, a multiple of `step`.
        max_size: i64,
        /// Growth from one window to the next in milliseconds, above 0.
        step: i64,
        /// Shift of every window's start in milliseconds.
        offset: i64,
    },
    /// `SESSION`: windows from a row to `gap` behind it; those that touch are one. They depend on
    /// the rows and are not made of slices.
    Session {
        /// How long nothing comes before a session ends, in milliseconds, above 0.
        gap: i64,
    },
}

impl Window {
    /// Length of the slices that windows are made of: no window boundary lies inside a slice.
    ///
    /// A row belongs to exactly one slice; a window's result is the merge of its slices. That is
    /// what lets overlapping windows share their accumulators.
    pub fn slice_size(&self) -> i64 {
        match *self {
            Window::Tumble { size, .. } => size,
            // Flink refuses a size that is not a multiple of the slide, so slide divides size.
            Window::Hop { slide, .. } => slide,
            Window::Cumulate { step, .. } => step,
            Window::Session { gap } => gap,
        }
    }

    /// Shift of every window's start in milliseconds.
    pub fn offset(&self) -> i64 {
        match *self {
            Window::Tumble { offset, .. }
            | Window::Hop { offset, .. }
            | Window::Cumulate { offset, .. } => offset,
            Window::Session { .. } => 0,
        }
    }

    /// End of the slice that holds `rowtime`; of a session that of the row alone.
    pub fn slice_end(&self, rowtime: i64) -> i64 {
        if let Window::Session { gap } = self {
            return rowtime + gap;
        }
        let size = self.slice_size();
        rowtime - (rowtime - self.offset()).rem_euclid(size) + size
    }

    /// End of the last window that holds the slice ending at `slice_end`.
    ///
    /// A row is late when this window has fired: `last_window_end - 1 <= watermark`.
    pub fn last_window_end(&self, slice_end: i64) -> i64 {
        match *self {
            Window::Tumble { .. } | Window::Session { .. } => slice_end,
            Window::Hop { size, slide, .. } => slice_end - slide + size,
            Window::Cumulate { max_size, step, .. } => {
                self.start_of_slice_window(slice_end, step) + max_size
            }
        }
    }

    /// Start of the windows that hold the slice (for `CUMULATE`, all of them start there).
    fn start_of_slice_window(&self, slice_end: i64, step: i64) -> i64 {
        let Window::Cumulate {
            max_size, offset, ..
        } = *self
        else {
            return slice_end - self.slice_size();
        };
        let inside = slice_end - step;
        inside - (inside - offset).rem_euclid(max_size)
    }

    /// Start of the window that ends at `end`.
    pub fn start_of(&self, end: i64) -> i64 {
        match *self {
            Window::Tumble { size, .. } | Window::Hop { size, .. } => end - size,
            Window::Session { gap } => end - gap,
            Window::Cumulate { step, .. } => self.start_of_slice_window(end, step),
        }
    }
}

/// In which order a window puts its slices together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SliceOrder {
    /// HOP as a table function.
    NewestFirst,
    /// HOP in GROUP BY.
    OldestFirst,
    /// CUMULATE: the oldest first, late rows behind the steps that have ended.
    Steps,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, parts): (_, &[i64]) = match self {
            Window::Tumble { size, .. } => ("TUMBLE", &[*size]),
            Window::Hop { size, slide, .. } => ("HOP", &[*slide, *size]),
            Window::Cumulate { max_size, step, .. } => ("CUMULATE", &[*step, *max_size]),
            Window::Session { gap } => ("SESSION", &[*gap]),
        };
        write!(f, "{name}(")?;
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(&duration_text(*part))?;
        }
        if self.offset() != 0 {
            write!(f, ", offset {}", duration_text(self.offset()))?;
        }
        f.write_str(")")
    }
}

/// Milliseconds as people write them: `5 min`, `1 h`, `90 s`, `250 ms`.
pub fn duration_text(millis: i64) -> String {
    for (unit, length) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("min", 60_000),
        ("s", 1_000),
    ] {
        if millis != 0 && millis % length == 0 {
            return format!("{} {unit}", millis / length);
        }
    }
    format!("{millis} ms")
}

/// The rows an OVER aggregate looks back on, always up to the current row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Frame {
    /// `RANGE BETWEEN <preceding> PRECEDING AND CURRENT ROW`: rows whose rowtime is at most
    /// `preceding` milliseconds before, and all rows of the same rowtime; `None` is `UNBOUNDED`.
    Range(Option<i64>),
    /// `ROWS BETWEEN <preceding> PRECEDING AND CURRENT ROW`; `None` is `UNBOUNDED`.
    Rows(Option<u64>),
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Range(Some(millis)) => write!(f, "RANGE {} PRECEDING", duration_text(*millis)),
            Frame::Range(None) => f.write_str("RANGE UNBOUNDED PRECEDING"),
            Frame::Rows(Some(rows)) => write!(f, "ROWS {rows} PRECEDING"),
            Frame::Rows(None) => f.write_str("ROWS UNBOUNDED PRECEDING"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every window a row belongs to, by Flink's definition and without slices.
    fn windows_of(window: Window, t: i64) -> Vec<(i64, i64)> {
        let mut all = Vec::new();
        match window {
            Window::Tumble { size, offset } => {
                let start = t - (t - offset).rem_euclid(size);
                all.push((start, start + size));
            }
            Window::Hop {
                size,
                slide,
                offset,
            } => {
                let mut start = t - (t - offset).rem_euclid(slide);
                while start > t - size {
                    all.push((start, start + size));
                    start -= slide;
                }
            }
            Window::Cumulate {
                max_size,
                step,
                offset,
            } => {
                let start = t - (t - offset).rem_euclid(max_size);
                let mut end = start + step;
                while end <= start + max_size {
                    if t < end {
                        all.push((start, end));
                    }
                    end += step;
                }
            }
            Window::Session { gap } => all.push((t, t + gap)),
        }
        all.sort();
        all
    }

    #[test]
    fn slices_agree_with_the_definition() {
        for window in [
            Window::Tumble {
                size: 10,
                offset: 3,
            },
            Window::Hop {
                size: 15,
                slide: 5,
                offset: -2,
            },
            Window::Cumulate {
                max_size: 20,
                step: 5,
                offset: 1,
            },
            Window::Session { gap: 7 },
        ] {
            for t in -50..50 {
                let slice_end = window.slice_end(t);
                assert!(slice_end - window.slice_size() <= t && t < slice_end);
                let expected = windows_of(window, t);
                let last = expected.iter().map(|w| w.1).max().unwrap();
                assert_eq!(window.last_window_end(slice_end), last, "{window} at {t}");
                for (start, end) in expected {
                    assert_eq!(window.start_of(end), start, "{window} at {t}");
                }
            }
        }
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration_text(300_000), "5 min");
        assert_eq!(duration_text(1_500), "1500 ms");
        assert_eq!(duration_text(0), "0 ms");
    }
}
