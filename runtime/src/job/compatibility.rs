//! Whether the state in a checkpoint fits a pipeline that was changed since.
//!
//! State belongs to an operator by its uid. Looked at before anything is started: an operator that has
//! state there goes on with it if it is of the same form, one that has none begins empty, and state whose
//! operator is gone is dropped. What is of another form cannot be taken over.

use std::collections::BTreeMap;
use std::fmt;

use millstream_compiler::plan::{StreamPlan, state_forms};
use millstream_state::{Manifest, owner};

/// What becomes of the state in a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compatibility {
    /// Operators that go on with their state.
    pub kept: Vec<Held>,
    /// Operators that begin without one.
    pub new: Vec<String>,
    /// State whose operator is not in the pipeline any more.
    pub dropped: Vec<Held>,
    /// Operators whose state is of another form.
    pub unfit: Vec<Unfit>,
}

/// The state of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The operator.
    pub uid: String,
    /// Its keys.
    pub keys: u64,
    /// Its bytes in the checkpoint.
    pub bytes: u64,
}

/// An operator whose state does not fit it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The operator.
    pub uid: String,
    /// What the state is.
    pub was: String,
    /// What the operator needs.
    pub is: String,
}

impl Compatibility {
    /// Compares a plan with a checkpoint.
    pub fn of(plan: &StreamPlan, manifest: &Manifest) -> Self {
        let wanted: BTreeMap<String, String> = state_forms(plan);
        let known: BTreeMap<String, ()> = (plan.nodes.iter())
            .map(|node| (node.uid.clone(), ()))
            .collect();
        let mut found = Self::default();
        // The tables of an operator together.
        let mut held: BTreeMap<&str, (Held, &str)> = BTreeMap::new();
        for (uid, state) in &manifest.operators {
            let owner = owner(uid, &known).map(|(owner, ())| owner);
            let name = owner.unwrap_or(uid);
            let (held, form) = held.entry(name).or_insert_with(|| {
                let none = Held {
                    uid: name.to_owned(),
                    keys: 0,
                    bytes: 0,
                };
                (none, "")
            });
            held.keys += state.entries;
            held.bytes += state.bytes;
            if form.is_empty() {
                *form = &state.form;
            }
        }
        for (uid, is) in &wanted {
            match held.remove(uid.as_str()) {
                None => found.new.push(uid.clone()),
                // A checkpoint that does not say is believed.
                Some((held, was)) if was == is || was.is_empty() => found.kept.push(held),
                Some((_, was)) => found.unfit.push(Unfit {
                    uid: uid.clone(),
                    was: was.to_owned(),
                    is: is.clone(),
                }),
            }
        }
        for (uid, (held, _)) in held {
            // What a removed sink had to commit was made visible before.
            if !known.contains_key(uid) && held.bytes > 0 && !uid.contains("/sink") {
                found.dropped.push(held);
            }
        }
        found
    }
}

impl fmt::Display for Compatibility {
    /// A line for each operator, and what it was and is where that differs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = |f: &mut fmt::Formatter<'_>, word: &str, held: &Held| {
            writeln!(
                f,
                "  {word:<8} {:<40} {:>10} keys {:>12} bytes",
                held.uid, held.keys, held.bytes
            )
        };
        for kept in &self.kept {
            held(f, "kept", kept)?;
        }
        for uid in &self.new {
            writeln!(f, "  {:<8} {uid}", "new")?;
        }
        for dropped in &self.dropped {
            held(f, "dropped", dropped)?;
        }
        for unfit in &self.unfit {
            writeln!(f, "  {:<8} {}", "unfit", unfit.uid)?;
            writeln!(f, "           was {}", unfit.was)?;
            writeln!(f, "           is  {}", unfit.is)?;
        }
        Ok(())
    }
}

/// Why a run did not start: the state there is not that of the pipeline.
#[derive(Debug, thiserror::Error)]
#[error("{problem}; nothing was started\n{compatibility}  help: {help}")]
pub struct StateMismatch {
    problem: String,
    help: &'static str,
    /// All of it.
    pub compatibility: Compatibility,
}

/// Refuses state that does not fit, and unless `may_drop` state that nobody would take.
///
/// # Errors
/// The list.
pub fn check(compatibility: &Compatibility, may_drop: bool) -> Result<(), Box<StateMismatch>> {
    let refuse = |problem: String, help| {
        Err(Box::new(StateMismatch {
            problem,
            help,
            compatibility: compatibility.clone(),
        }))
    };
    let operators = |count: usize| match count {
        1 => "1 operator".to_owned(),
        count => format!("{count} operators"),
    };
    if !compatibility.unfit.is_empty() {
        return refuse(
            format!(
                "the state of {} no longer fits the pipeline",
                operators(compatibility.unfit.len())
            ),
            "give each of these nodes another id, so that it begins empty, or change it back; \
             --fresh forgets all state",
        );
    }
    if !compatibility.dropped.is_empty() && !may_drop {
        return refuse(
            format!(
                "the state of {} belongs to nothing in the pipeline any more",
                operators(compatibility.dropped.len())
            ),
            "add --allow-dropped-state to go on without it, or bring the nodes back under their ids",
        );
    }
    Ok(())
}
