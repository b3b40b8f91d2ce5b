//! Why a job died, and where.

use anyhow::Error;
use millstream_compiler::plan::StreamPlan;
use millstream_serve::api::JobFailure;

use super::monitor::Wiring;
use crate::exec::task::TaskError;

/// An error with its causes, outermost first, without repetitions.
pub fn text(error: &Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// What an error says, with the node it speaks of.
pub(super) fn of(plan: &StreamPlan, wiring: &Wiring, error: &Error) -> JobFailure {
    let operator = operator(plan, error).map(|index| &plan.nodes[index]);
    let origin = operator.and_then(|operator| operator.origins.first());
    JobFailure {
        node: origin.map(|origin| wiring.node_of(origin).to_owned()),
        operator: operator.map(|operator| operator.uid.clone()),
        message: text(error),
    }
}

/// The operator that an error speaks of.
fn operator(plan: &StreamPlan, error: &Error) -> Option<usize> {
    let known = |node: &usize| *node < plan.nodes.len();
    let failed = match error.downcast_ref::<TaskError>() {
        Some(TaskError::Operator(failed)) => Some(failed.node),
        Some(TaskError::Source { node, .. }) => Some(*node),
        Some(TaskError::Panicked { operators, .. }) => match operators.as_slice() {
            [(only, _)] => Some(*only),
            several => {
                let mut nodes = several.iter().map(|(node, _)| &plan.nodes[*node].origins);
                let first = nodes.next()?;
                nodes
                    .all(|origins| origins == first)
                    .then_some(several[0].0)
            }
        },
        Some(TaskError::Neighbour) | None => None,
    };
    failed.filter(known).or_else(|| {
        // What fails before tasks run is told with the operator's name in front.
        error.chain().find_map(|cause| {
            let text = cause.to_string();
            plan.nodes.iter().position(|operator| {
                text.strip_prefix(operator.uid.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            })
        })
    })
}
