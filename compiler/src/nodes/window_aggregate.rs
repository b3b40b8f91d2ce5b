//! Window aggregate: one row a window and key, once the watermark has passed the window's end.

use super::parameter::{
    DefaultValue, EnumValue, ParameterSpec, ParameterType, interval_literal, parse_duration,
};
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::diagnostics::Diagnostic;
use crate::document::Node;
use crate::lower::expression::check_call;
use crate::lower::{Failed, NodeContext, NodeSql, SqlText, verbatim};

/// Aggregates rows by windows of event time and by keys (Flink: window table functions).
///
/// The output is `window_start`, `window_end`, `window_time` (the window's last millisecond, which
/// is the event time of the new row), the keys, the aggregates.
pub(crate) struct WindowAggregate;

const SPEC: KindSpec = KindSpec {
    name: "window",
    title: "Window aggregate",
    help: "One row a window of time and key: counts, sums, means, … once the window is over",
    family: Family::Feature,
    inputs: ONE_INPUT,
    has_output: true,
    parameters: &[
        ParameterSpec::new(
            "window",
            "Window",
            ParameterType::Enum(&[
                EnumValue {
                    name: "tumble",
                    title: "Tumbling: one after the other",
                },
                EnumValue {
                    name: "hop",
                    title: "Hopping: they overlap",
                },
                EnumValue {
                    name: "cumulate",
                    title: "Cumulating: they grow step by step",
                },
            ]),
            "How windows follow each other",
        )
        .default(DefaultValue::Text("tumble")),
        ParameterSpec::new(
            "time",
            "Time",
            ParameterType::Column,
            "The event time that says in which window a row is",
        )
        .required()
        .example("\"ts\""),
        ParameterSpec::new(
            "size",
            "Size",
            ParameterType::Duration,
            "How long a window is. Windows start at multiples of it since 1970",
        )
        .required()
        .example("\"5 min\""),
        ParameterSpec::new(
            "slide",
            "Slide",
            ParameterType::Duration,
            "Hopping windows: how far the next window's start is. The size must be a multiple of it",
        )
        .example("\"1 min\""),
        ParameterSpec::new(
            "step",
            "Step",
            ParameterType::Duration,
            "Cumulating windows: by how much they grow. The size must be a multiple of it",
        )
        .example("\"1 h\""),
        ParameterSpec::new(
            "offset",
            "Offset",
            ParameterType::Duration,
            "Moves the windows' starts by this much",
        )
        .advanced(),
        ParameterSpec::new(
            "keys",
            "Keys",
            ParameterType::Columns,
            "One row for each combination of these columns. Without it one row a window",
        ),
        ParameterSpec::new(
            "aggregates",
            "Aggregates",
            ParameterType::Aggregates,
            "Name and call of each new column",
        )
        .required()
        .example("aggregates = { orders = \"COUNT(*)\" }"),
    ],
};

/// Columns that every window adds.
const WINDOW_COLUMNS: [&str; 3] = ["window_start", "window_end", "window_time"];

fn kind_of(node: &Node) -> &str {
    node.text_at("window").unwrap_or("tumble")
}

/// The parameter besides the size that a window of this kind needs.
fn second_length(kind: &str) -> Option<&'static str> {
    match kind {
        "hop" => Some("slide"),
        "cumulate" => Some("step"),
        _ => None,
    }
}

impl NodeKind for WindowAggregate {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let size = node.text_at("size")?;
        let time = node.text_at("time")?;
        node.parameters.get("aggregates")?.as_table()?;
        let kind = kind_of(node);
        let second = second_length(kind)
            .and_then(|name| node.text_at(name))
            .map_or(String::new(), |text| format!(" / {text}"));
        Some(format!("{} {size}{second} on {time}", kind.to_uppercase()))
    }

    fn check(&self, node: &Node) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        let kind = kind_of(node);
        let duration = |name: &str| {
            node.text_at(name)
                .and_then(|text| parse_duration(text).ok())
        };
        let wrong = |name: &str, message: String| {
            Diagnostic::error("parameter/value", message).on_parameter(name, None)
        };
        let second = second_length(kind);
        for name in ["size", "slide", "step"] {
            if duration(name).is_some_and(|length| length.is_zero()) {
                out.push(wrong(name, format!("'{name}' must be longer than nothing")));
            }
        }
        if let Some(name) = second {
            match (duration("size"), duration(name)) {
                (_, None) => out.push(
                    Diagnostic::error(
                        "parameter/missing",
                        format!("'{name}' is not set; a {kind} window needs it"),
                    )
                    .on_parameter(name, None)
                    .help("set it to a part of the size, such as a tenth"),
                ),
                // Flink: panes and cumulative windows must fill the window exactly.
                (Some(size), Some(part))
                    if !part.is_zero() && size.as_millis() % part.as_millis() != 0 =>
                {
                    out.push(wrong(
                        name,
                        format!("the size must be a multiple of '{name}'"),
                    ));
                }
                _ => {}
            }
        }
        for name in ["slide", "step"] {
            if second != Some(name) && node.parameters.contains_key(name) {
                out.push(
                    Diagnostic::warning(
                        "parameter/ignored",
                        format!("'{name}' does nothing in a {kind} window"),
                    )
                    .on_parameter(name, None)
                    .help("remove it, or choose another window"),
                );
            }
        }
        out
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        for name in WINDOW_COLUMNS {
            if context.input().column(name).is_some() {
                let relation = context.input().relation.clone();
                return Err(context.fail(
                    Diagnostic::error(
                        "column/exists",
                        format!(
                            "'{relation}' has a column '{name}' already, and this window adds one"
                        ),
                    )
                    .on_port("input")
                    .help("put a select node before this one that renames or drops it"),
                ));
            }
        }
        let time = context.time_column("time")?;
        let keys = context.input_columns("keys")?;
        let key_names: Vec<&str> = context.names("keys").iter().map(|(_, key)| *key).collect();
        let kind = kind_of(context.node);
        let mut lengths = Vec::new();
        if let Some(name) = second_length(kind) {
            lengths.push(context.required_duration(name)?);
        }
        lengths.push(context.required_duration("size")?);
        if let Some(offset) = context.duration("offset")
            && !offset.is_zero()
        {
            lengths.push(offset);
        }
        let lengths: Vec<String> = lengths.into_iter().map(interval_literal).collect();

        let mut group = vec![
            SqlText::plain("window_start"),
            SqlText::plain("window_end"),
            SqlText::plain("window_time"),
        ];
        group.extend(keys);
        let mut items = group.clone();
        items.extend(aggregates(context, &key_names, "")?);
        let mut query = SqlText::list("SELECT", &items);
        query.push(&format!("\nFROM {}(TABLE ", kind.to_uppercase()));
        query.append(&context.input().name());
        query.push(", DESCRIPTOR(");
        query.append(&time);
        query.push(&format!("), {})\n", lengths.join(", ")));
        query.append(&SqlText::list("GROUP BY", &group));
        Ok(NodeSql::view(context, &query))
    }
}

/// `call AS name` for each entry of the parameter `aggregates`; `suffix` stands behind the call.
///
/// A name that is among `taken` or one of the window's own is refused.
pub(super) fn aggregates(
    context: &mut NodeContext<'_>,
    taken: &[&str],
    suffix: &str,
) -> Result<Vec<SqlText>, Failed> {
    let mut items = Vec::new();
    let mut failed = None;
    for (path, name, text) in context.entries("aggregates") {
        let more: &[&str] = if suffix.is_empty() {
            &WINDOW_COLUMNS
        } else {
            &[]
        };
        let checked =
            check_call(text).and_then(|call| context.check_columns(text, &call.expr, more));
        if let Err(found) = checked {
            failed = Some(context.fail_in(&path, found));
            continue;
        }
        if taken.contains(&name) || (suffix.is_empty() && WINDOW_COLUMNS.contains(&name)) {
            failed = Some(
                context.fail(
                    Diagnostic::error(
                        "column/exists",
                        format!("there is a column '{name}' already"),
                    )
                    .on_parameter(path, None)
                    .help("choose another name"),
                ),
            );
            continue;
        }
        items.push(
            verbatim(&path, text)
                .then(suffix)
                .then(" AS ")
                .and(&SqlText::name(name)),
        );
    }
    match failed {
        Some(failed) => Err(failed),
        None => Ok(items),
    }
}
