//! Window aggregate: one row a window and key, once the watermark has passed the window's end.

use super::parameter::{
    DefaultValue, EnumValue, ParameterSpec, ParameterType, interval_literal, parse_duration,
};
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::diagnostics::Diagnostic;
use crate::document::Node;
use crate::lower::expression::check_call;
use crate::lower::recognise::{named, with_some};
use crate::lower::shape::{self, Shape};
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText, verbatim};

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
                EnumValue {
                    name: "session",
                    title: "Session: as long as rows keep coming",
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
        .event_time()
        .required()
        .example("\"ts\""),
        ParameterSpec::new(
            "size",
            "Size",
            ParameterType::Duration,
            "How long a window is. Windows start at multiples of it since 1970. All but sessions need it",
        )
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
            "gap",
            "Gap",
            ParameterType::Duration,
            "Sessions: how long no row of the key may come until its session is over",
        )
        .example("\"30 min\""),
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

/// The lengths of a window of this kind, in the order of Flink's function.
fn lengths_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "hop" => &["slide", "size"],
        "cumulate" => &["step", "size"],
        "session" => &["gap"],
        _ => &["size"],
    }
}

impl NodeKind for WindowAggregate {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let time = node.text_at("time")?;
        node.parameters.get("aggregates")?.as_table()?;
        let kind = kind_of(node);
        let lengths: Vec<&str> = lengths_of(kind)
            .iter()
            .rev()
            .filter_map(|name| node.text_at(name))
            .collect();
        Some(format!(
            "{} {} on {time}",
            kind.to_uppercase(),
            lengths.join(" / ")
        ))
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
        let lengths = lengths_of(kind);
        for name in ["size", "slide", "step", "gap"] {
            if duration(name).is_some_and(|length| length.is_zero()) {
                out.push(wrong(name, format!("'{name}' must be longer than nothing")));
            }
            if lengths.contains(&name) && duration(name).is_none() {
                let missing = Diagnostic::error(
                    "parameter/missing",
                    format!("'{name}' is not set; a {kind} window needs it"),
                )
                .on_parameter(name, None);
                out.push(missing.help(match name {
                    "size" => "for example \"5 min\"",
                    "gap" => "for example \"30 min\"",
                    _ => "set it to a part of the size, such as a tenth",
                }));
            }
        }
        // Flink: panes and cumulative windows must fill the window exactly.
        if let [part, "size"] = lengths
            && let (Some(size), Some(length)) = (duration("size"), duration(part))
            && !length.is_zero()
            && size.as_millis() % length.as_millis() != 0
        {
            out.push(wrong(
                part,
                format!("the size must be a multiple of '{part}'"),
            ));
        }
        let offset = (kind == "session").then_some("offset");
        for name in ["size", "slide", "step", "gap"].into_iter().chain(offset) {
            if !lengths.contains(&name) && node.parameters.contains_key(name) {
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

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let read = || {
            let shape = Shape::of(query)?;
            let [from, group] = shape.just(["FROM", "GROUP"])?;
            let group = shape::names(group)?;
            let keys = group.get(WINDOW_COLUMNS.len()..)?.to_vec();
            let aggregates = named(shape.items.get(group.len()..)?)?;
            let (function, args) = shape::call(from)?;
            let kind = function.to_ascii_lowercase();
            // The keys of sessions stand behind the table, with commas of their own.
            let is_time =
                |arg: &&str| shape::call(arg).is_some_and(|(name, _)| name == "DESCRIPTOR");
            let at = args.iter().position(is_time)?;
            let (time, lengths) = (args.get(at)?, args.get(at + 1..)?);
            let table = shape::after(args.first()?, &["TABLE"])?;
            let input = match shape::around(table, &["PARTITION", "BY"]) {
                Some((input, _)) => shape::name(input)?,
                None => shape::name(table)?,
            };
            let (_, time) = shape::call(time).filter(|(name, _)| name == "DESCRIPTOR")?;
            let [time] = time.as_slice() else {
                return None;
            };
            let mut node = Node::new(SPEC.name)
                .with("window", kind.as_str())
                .with("time", shape::name(time)?)
                .with("aggregates", aggregates);
            let names = lengths_of(&kind).iter().chain(&["offset"]);
            for (name, length) in names.zip(lengths) {
                node = node.with(*name, shape::interval(length)?);
            }
            Some(Candidate::of(with_some(node, "keys", keys), input))
        };
        read().into_iter().collect()
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
        for name in lengths_of(kind) {
            lengths.push(context.required_duration(name)?);
        }
        if kind != "session"
            && let Some(offset) = context.duration("offset")
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
        group.extend(keys.iter().cloned());
        let mut items = group.clone();
        items.extend(aggregates(context, &key_names, "", &WINDOW_COLUMNS)?);
        let mut query = SqlText::list("SELECT", &items);
        query.push(&format!("\nFROM {}(TABLE ", kind.to_uppercase()));
        query.append(&context.input().name());
        // Each key has sessions of its own.
        if kind == "session" && !keys.is_empty() {
            query.append(&SqlText::list(" PARTITION BY", &keys));
        }
        query.push(", DESCRIPTOR(");
        query.append(&time);
        query.push(&format!("), {})\n", lengths.join(", ")));
        query.append(&SqlText::list("GROUP BY", &group));
        Ok(NodeSql::view(context, &query))
    }
}

/// `call AS name` for each entry of the parameter `aggregates`; `suffix` stands behind the call.
///
/// Calls may read the columns `more` besides those of the input. A name that is among those or
/// `taken` is refused.
pub(super) fn aggregates(
    context: &mut NodeContext<'_>,
    taken: &[&str],
    suffix: &str,
    more: &[&str],
) -> Result<Vec<SqlText>, Failed> {
    let mut items = Vec::new();
    let mut failed = None;
    for (path, name, text) in context.entries("aggregates") {
        let checked =
            check_call(text).and_then(|call| context.check_columns(text, &call.expr, more));
        if let Err(found) = checked {
            failed = Some(context.fail_in(&path, found));
            continue;
        }
        if taken.contains(&name) || more.contains(&name) {
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
