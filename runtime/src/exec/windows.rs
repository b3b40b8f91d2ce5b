//! Windows, from their plan.

use std::sync::Arc;

use anyhow::Result;
use millstream_compiler::plan::ChangelogMode;
use millstream_compiler::plan::settings;
use millstream_compiler::plan::stream::{PlanNode, StreamOp, StreamPlan};
use millstream_functions::Zone;
use millstream_functions::window::Window;
use millstream_operators::group_window_aggregate::{
    GroupWindowAggregate, GroupWindowSpec, Windows,
};
use millstream_operators::local_windows::LocalWindows;
use millstream_operators::session_window::{SessionSpec, SessionWindow};
use millstream_operators::window_aggregate::{WindowAggregate, WindowSpec};
use millstream_operators::window_tvf::WindowTvf;
use millstream_operators::{Operator, OperatorContext};

use super::build::{call, is_proctime};

/// The operator of a node, by the wall clock if its windows are; see [`LocalWindows`].
pub(super) fn by_clock(
    plan: &StreamPlan,
    node: &PlanNode,
    operator: Box<dyn Operator>,
) -> Result<Box<dyn Operator>> {
    if !plan.has_local_windows(node) {
        return Ok(operator);
    }
    let zone = match plan.settings.get(settings::TIME_ZONE) {
        Some(name) => settings::time_zone(name)?,
        None => Zone::Utc,
    };
    Ok(Box::new(LocalWindows::new(operator, zone)))
}

/// The operator of a node, if it is one of these.
pub(super) fn operator(
    plan: &StreamPlan,
    node: &PlanNode,
    context: &OperatorContext,
) -> Result<Option<Box<dyn Operator>>> {
    let Some(&input) = node.inputs.first() else {
        return Ok(None);
    };
    let input = &plan.nodes[input];
    let schema = input.schema();
    Ok(Some(match &node.op {
        StreamOp::WindowTvf {
            window: Window::Session { gap },
            rowtime,
            partition,
        } => Box::new(SessionWindow::with_schema(
            context,
            schema,
            &SessionSpec {
                partition: partition.clone(),
                rowtime: *rowtime,
                gap: *gap,
            },
            node.schema(),
        )?),
        StreamOp::WindowTvf {
            window, rowtime, ..
        } => Box::new(WindowTvf::with_schema(
            &schema,
            *rowtime,
            *window,
            node.schema(),
        )?),
        StreamOp::WindowAggregate {
            window,
            rowtime,
            attached,
            keys,
            calls,
            slices,
            ..
        } => {
            let retracting = input.changelog != ChangelogMode::Append;
            let calls: Vec<_> = calls.iter().map(|c| call(c, &schema)).collect();
            let windows = match attached {
                Some((start, end)) => Windows::Attached {
                    start: *start,
                    end: *end,
                },
                None if is_proctime(input, *rowtime) => Windows::Processing { window: *window },
                None => Windows::Rowtime {
                    window: *window,
                    column: *rowtime,
                },
            };
            // Plain aggregates of inserts share accumulators between windows.
            if matches!(windows, Windows::Rowtime { .. }) && !retracting {
                let spec = WindowSpec {
                    window: *window,
                    rowtime: *rowtime,
                    keys: keys.clone(),
                    calls: calls.clone(),
                };
                if spec.is_sliceable() {
                    return Ok(Some(Box::new(WindowAggregate::with_schema(
                        context,
                        Arc::clone(&schema),
                        &spec,
                        node.schema(),
                    )?)));
                }
            }
            Box::new(GroupWindowAggregate::with_schema(
                context,
                &schema,
                &GroupWindowSpec {
                    keys: keys.clone(),
                    windows,
                    calls,
                    retracting,
                    slices: *slices,
                },
                node.schema(),
            )?)
        }
        _ => return Ok(None),
    }))
}
