//! What operators keep, and for how long.

use millstream_functions::window::{Frame, Window, duration_text};

use super::settings::duration_setting;
use super::stream::{ChangelogMode, JoinTime, PlanNode, RankEnd, StreamOp, StreamPlan};

/// How long the state of an operator's input is kept after it was last written, in milliseconds;
/// `None` for ever, which zero stands for too. A hint goes before the setting.
pub fn state_ttl(plan: &StreamPlan, node: &PlanNode, port: usize) -> Option<i64> {
    let set = || {
        let kept = duration_setting(&plan.settings, "table.exec.state.ttl")?;
        i64::try_from(kept.as_millis()).ok()
    };
    node.state_ttl[port]
        .or_else(set)
        .filter(|millis| *millis > 0)
}

/// What an operator keeps and until when.
pub(crate) struct State {
    /// In words.
    pub what: String,
    /// With what it grows, if it never goes.
    pub grows: Option<&'static str>,
}

impl State {
    fn passing(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            grows: None,
        }
    }

    /// State that stays until its time to live has passed, if one is set.
    fn lasting(what: &str, grows: &'static str, ttl: Option<i64>) -> Self {
        match ttl {
            Some(millis) => Self::passing(format!(
                "{what}, {} after it was written",
                duration_text(millis)
            )),
            None => Self {
                what: format!("{what}, for ever (grows with {grows})"),
                grows: Some(grows),
            },
        }
    }

    /// The state of an operator, if it has any.
    pub fn of(plan: &StreamPlan, node: &PlanNode) -> Option<Self> {
        let ttl = state_ttl(plan, node, 0);
        Some(match &node.op {
            StreamOp::WindowTvf {
                window: Window::Session { .. },
                ..
            } => Self::passing("rows of open sessions"),
            StreamOp::WindowAggregate { window, .. } => Self::passing(format!(
                "accumulators a key and slice of {window}, until the last window closes"
            )),
            StreamOp::Over { .. } if node.changelog != ChangelogMode::Append => {
                Self::lasting("all rows a key", "the input", ttl)
            }
            StreamOp::Over { groups, .. } => {
                let longest = groups.iter().map(|g| g.frame).max_by_key(|f| match f {
                    Frame::Rows(None) | Frame::Range(None) => (2, 0),
                    Frame::Rows(Some(rows)) => (1, *rows as i64),
                    Frame::Range(Some(millis)) => (0, *millis),
                })?;
                match longest {
                    Frame::Range(Some(millis)) => {
                        Self::passing(format!("rows a key of the last {}", duration_text(millis)))
                    }
                    Frame::Rows(Some(rows)) => Self::lasting(
                        &format!("the last {} rows a key", rows + 1),
                        "the number of keys",
                        None,
                    ),
                    Frame::Rows(None) | Frame::Range(None) => {
                        Self::lasting("an accumulator a key", "the number of keys", None)
                    }
                }
            }
            StreamOp::GroupAggregate { keys, .. } | StreamOp::GlobalAggregate { keys, .. }
                if keys.is_empty() =>
            {
                Self::passing("one accumulator")
            }
            StreamOp::GroupAggregate { calls, .. } if calls.is_empty() => {
                Self::lasting("each different row", "the number of different rows", ttl)
            }
            StreamOp::GroupAggregate { .. } | StreamOp::GlobalAggregate { .. } => {
                Self::lasting("an accumulator a key", "the number of keys", ttl)
            }
            StreamOp::LocalAggregate { .. } => Self::passing("accumulators until the bundle ends"),
            StreamOp::TopN {
                window: Some(_), ..
            } => Self::passing("the best rows a key and window, until the window closes"),
            StreamOp::TopN { end, partition, .. } => {
                let end = match end {
                    RankEnd::Constant(end) => format!("{end} "),
                    RankEnd::Column(_) => String::new(),
                };
                let what = match node.inputs.first().map(|&i| plan.nodes[i].changelog) {
                    Some(ChangelogMode::Append) => {
                        format!("the best {end}rows a partition")
                    }
                    _ => "all rows a partition".to_string(),
                };
                match partition.is_empty() && what.starts_with("the best") {
                    true => Self::passing(format!("the best {end}rows")),
                    false => Self::lasting(&what, "the number of partitions and rows", ttl),
                }
            }
            StreamOp::Limit { .. } => Self::passing("the number of rows"),
            StreamOp::Match(spec) => match spec.within {
                Some(millis) => Self::passing(format!(
                    "rows of matches that are not complete, for {}",
                    duration_text(millis)
                )),
                None => Self::lasting(
                    "rows of matches that are not complete",
                    "the input unless the pattern fails",
                    None,
                ),
            },
            StreamOp::Sort { .. } => Self::passing("all rows until the input ends"),
            StreamOp::TemporalSort { .. } => Self::passing("rows until the watermark passes them"),
            StreamOp::Join { time, .. } => match time {
                JoinTime::Regular => {
                    let sides = [ttl, state_ttl(plan, node, 1)];
                    match sides {
                        [Some(left), Some(right)] if left != right => Self::passing(format!(
                            "all rows of both sides by key, left ones {}, right ones {} after they were written",
                            duration_text(left),
                            duration_text(right)
                        )),
                        [Some(_), Some(_)] => {
                            Self::lasting("all rows of both sides by key", "the input", ttl)
                        }
                        [Some(left), None] => Self {
                            what: format!(
                                "all rows of both sides by key, left ones {} after they were written, right ones for ever (grows with the right input)",
                                duration_text(left)
                            ),
                            grows: Some("the right input"),
                        },
                        [None, Some(right)] => Self {
                            what: format!(
                                "all rows of both sides by key, right ones {} after they were written, left ones for ever (grows with the left input)",
                                duration_text(right)
                            ),
                            grows: Some("the left input"),
                        },
                        [None, None] => {
                            Self::lasting("all rows of both sides by key", "the input", None)
                        }
                    }
                }
                JoinTime::Interval { lower, upper, .. } => Self::passing(format!(
                    "rows of both sides by key for {}",
                    duration_text((upper - lower).abs())
                )),
                JoinTime::Window { .. } => {
                    Self::passing("rows of both sides until their window closes")
                }
                JoinTime::Temporal { .. } => Self::passing(
                    "left rows until the watermark passes them; the versions of each key",
                ),
            },
            StreamOp::SetOperation { .. } => Self::lasting(
                "how often each different row came",
                "the number of different rows",
                ttl,
            ),
            StreamOp::UpsertMaterialize { .. } => {
                Self::lasting("all rows of each primary key", "the table", ttl)
            }
            StreamOp::ChangelogNormalize { .. } => {
                Self::lasting("the last row a key", "the number of keys", ttl)
            }
            StreamOp::Deduplicate { .. } => {
                Self::lasting("a row a key", "the number of keys", None)
            }
            _ => return None,
        })
    }
}
