//! What all joins share: two ports, what pairs have in common, which columns come out.
//!
//! In SQL the left input is called `l` and the right one `r`, whatever their nodes are called, so
//! that a condition survives a rename.

use super::parameter::{DefaultValue, EnumValue, ParameterSpec, ParameterType};
use super::{Inputs, PortSpec};
use crate::diagnostics::{Diagnostic, Span};
use crate::document::{Entries, Node, Value};
use crate::lower::expression::{is_disjunction, parse_on};
use crate::lower::shape;
use crate::lower::{Candidate, Column, Failed, InputRelation, NodeContext, SqlText, verbatim};

/// The port of the rows that are looked at one by one.
pub(super) const LEFT: &str = "left";

/// The port of what belongs to them.
pub(super) const RIGHT: &str = "right";

/// What the left side is called in SQL.
pub(super) const LEFT_ALIAS: &str = "l";

/// What the right side is called in SQL.
pub(super) const RIGHT_ALIAS: &str = "r";

/// Both ports of a join of two streams.
pub(super) const TWO_STREAMS: Inputs = Inputs::Fixed(&[
    PortSpec {
        name: LEFT,
        help: "The stream whose columns come first",
    },
    PortSpec {
        name: RIGHT,
        help: "The stream to join it with",
    },
]);

/// Both ports of a join with a table.
pub(super) const STREAM_AND_TABLE: Inputs = Inputs::Fixed(&[
    PortSpec {
        name: LEFT,
        help: "The rows to enrich",
    },
    PortSpec {
        name: RIGHT,
        help: "The table that knows more about them",
    },
]);

const INNER: EnumValue = EnumValue {
    name: "inner",
    title: "Inner: pairs only",
};
const LEFT_OUTER: EnumValue = EnumValue {
    name: "left",
    title: "Left: pairs, and left rows without one",
};
const RIGHT_OUTER: EnumValue = EnumValue {
    name: "right",
    title: "Right: pairs, and right rows without one",
};
const FULL_OUTER: EnumValue = EnumValue {
    name: "full",
    title: "Full: pairs, and rows of both sides without one",
};
const SEMI: EnumValue = EnumValue {
    name: "semi",
    title: "Semi: left rows that have a pair",
};
const ANTI: EnumValue = EnumValue {
    name: "anti",
    title: "Anti: left rows that have none",
};

/// All kinds of joins.
pub(super) const ALL_JOINS: &[EnumValue] =
    &[INNER, LEFT_OUTER, RIGHT_OUTER, FULL_OUTER, SEMI, ANTI];

/// The joins that give pairs.
pub(super) const PAIR_JOINS: &[EnumValue] = &[INNER, LEFT_OUTER, RIGHT_OUTER, FULL_OUTER];

/// The joins of a stream with a table.
pub(super) const TABLE_JOINS: &[EnumValue] = &[INNER, LEFT_OUTER];

/// The parameter `join`.
pub(super) const fn join_parameter(joins: &'static [EnumValue]) -> ParameterSpec {
    ParameterSpec::new(
        "join",
        "Join",
        ParameterType::Enum(joins),
        "Which rows come out. Columns of the side that has no pair are NULL",
    )
    .default(DefaultValue::Text("inner"))
}

/// The parameter `on`.
pub(super) const ON: ParameterSpec = ParameterSpec::new(
    "on",
    "On",
    ParameterType::ColumnPairs,
    "Pairs agree in these columns: left = right, or a list where both sides call them the same. NULL agrees with nothing",
)
.example("on = { customer_id = \"id\" }");

/// The parameter `condition`.
pub(super) const CONDITION: ParameterSpec = ParameterSpec::new(
    "condition",
    "Condition",
    ParameterType::Expression,
    "What else must hold for a pair. The sides are called l and r; a name that only one side has needs neither",
)
.example("\"l.amount > r.credit\"");

/// The parameter `left-columns`.
pub(super) const LEFT_COLUMNS: ParameterSpec = ParameterSpec::new(
    "left-columns",
    "Left columns",
    ParameterType::Columns,
    "The columns of the left side that go on. Without it all of them",
)
.of_port(LEFT)
.example("[\"id\", \"amount\"]");

/// The parameter `right-columns`.
pub(super) const RIGHT_COLUMNS: ParameterSpec = ParameterSpec::new(
    "right-columns",
    "Right columns",
    ParameterType::Columns,
    "The columns of the right side that go on. Without it all, but for those that 'on' makes equal to a left column of the same name",
)
.of_port(RIGHT)
.example("[\"name\"]");

/// The parameter `rename`.
pub(super) const RENAME: ParameterSpec = ParameterSpec::new(
    "rename",
    "Rename",
    ParameterType::Renames,
    "New names of right columns: old = \"new\"",
)
.of_port(RIGHT)
.example("rename = { name = \"customer\" }");

/// The parameter `suffix`.
pub(super) const SUFFIX: ParameterSpec = ParameterSpec::new(
    "suffix",
    "Suffix",
    ParameterType::Text,
    "What a right column's name ends with where the left side has the name already and 'rename' gives no other",
)
.default(DefaultValue::Text("_right"))
.advanced();

/// The kind of join that a node asks for.
pub(super) fn join_of(node: &Node) -> &str {
    node.text_at("join").unwrap_or("inner")
}

/// The pairs of `on` as far as they can be read: path, left column, right column.
fn pairs(node: &Node) -> Vec<(String, &str, &str)> {
    match node.parameters.get("on") {
        Some(Value::List(items)) => items
            .iter()
            .enumerate()
            .filter_map(|(i, item)| {
                let name = item.as_text()?.trim();
                Some((format!("on[{i}]"), name, name))
            })
            .collect(),
        Some(Value::Table(entries)) => entries
            .iter()
            .filter_map(|(left, right)| Some((format!("on.{left}"), left, right.as_text()?.trim())))
            .collect(),
        _ => Vec::new(),
    }
}

/// One line for a face: "left on customer_id = id". `None` while nothing says what pairs have in
/// common.
pub(super) fn summary(node: &Node) -> Option<String> {
    let pairs: Vec<String> = pairs(node)
        .into_iter()
        .map(|(_, left, right)| match left == right {
            true => left.to_string(),
            false => format!("{left} = {right}"),
        })
        .collect();
    let on = match (pairs.is_empty(), node.text_at("condition")) {
        (false, _) => pairs.join(", "),
        (true, Some(condition)) => condition.to_string(),
        (true, None) => return None,
    };
    Some(format!("{} on {on}", join_of(node)))
}

/// Says that nothing tells which rows belong together.
pub(super) fn check_on(node: &Node) -> Option<Diagnostic> {
    let none = pairs(node).is_empty() && !node.parameters.contains_key("condition");
    none.then(|| {
        Diagnostic::error(
            "parameter/missing",
            "'on' is not set: nothing says which rows belong together",
        )
        .on_parameter("on", None)
        .help("name the columns that pairs agree in, for example on = { customer_id = \"id\" }")
    })
}

/// The name of a column of a side in SQL.
pub(super) fn qualified(alias: &str, name: &SqlText) -> SqlText {
    SqlText::plain(format!("{alias}.")).and(name)
}

/// Both sides of a join.
pub(super) struct Sides {
    pub(super) left: InputRelation,
    pub(super) right: InputRelation,
}

impl Sides {
    /// The inputs of a node with the two ports.
    pub(super) fn of(context: &NodeContext<'_>) -> Self {
        // The check of the wiring found both ports connected.
        Self {
            left: context.inputs[0].clone(),
            right: context.inputs[1].clone(),
        }
    }

    /// `relation AS l`.
    pub(super) fn left_table(&self) -> SqlText {
        self.left.name().then(" AS ").then(LEFT_ALIAS)
    }

    /// `relation AS r`.
    pub(super) fn right_table(&self) -> SqlText {
        self.right.name().then(" AS ").then(RIGHT_ALIAS)
    }

    /// What pairs have in common: `l.a = r.b AND …`, with `more` between the pairs of `on` and the
    /// condition.
    pub(super) fn on(
        &self,
        context: &mut NodeContext<'_>,
        more: Option<SqlText>,
    ) -> Result<SqlText, Failed> {
        let mut parts = Vec::new();
        let mut failed = None;
        for (path, left, right) in pairs(context.node) {
            let found = [(&self.left, left), (&self.right, right)]
                .map(|(side, name)| context.column_of(side, &path, name).map(drop));
            for one in found {
                if let Err(error) = one {
                    failed = Some(error);
                }
            }
            let same = path.starts_with("on[");
            let left = match same {
                true => SqlText::name_of(&path, left),
                false => SqlText::name(left),
            };
            let right = match same {
                true => SqlText::name(right),
                false => SqlText::name_of(&path, right),
            };
            parts.push(
                qualified(LEFT_ALIAS, &left)
                    .then(" = ")
                    .and(&qualified(RIGHT_ALIAS, &right)),
            );
        }
        parts.extend(more);
        if let Some(text) = context.text("condition") {
            let columns = |side: &InputRelation| -> Vec<String> {
                side.columns
                    .iter()
                    .map(|column| column.name.clone())
                    .collect()
            };
            let sides = [
                (LEFT_ALIAS, self.left.relation.as_str(), columns(&self.left)),
                (
                    RIGHT_ALIAS,
                    self.right.relation.as_str(),
                    columns(&self.right),
                ),
            ];
            match parse_on(text, &sides) {
                Ok(expr) => {
                    let condition = verbatim("condition", text);
                    // AND binds tighter than OR.
                    parts.push(match !parts.is_empty() && is_disjunction(&expr) {
                        true => SqlText::plain("(").and(&condition).then(")"),
                        false => condition,
                    });
                }
                Err(found) => failed = Some(context.fail_in("condition", found)),
            }
        }
        match failed {
            Some(failed) => Err(failed),
            None => Ok(joined(&parts)),
        }
    }

    /// The columns that come out, as they stand in a SELECT.
    ///
    /// `pads_left` says that left columns may be NULL where the right ones are not, so that a
    /// right key says more than its left one.
    pub(super) fn items(
        &self,
        context: &mut NodeContext<'_>,
        pads_left: bool,
    ) -> Result<Vec<SqlText>, Failed> {
        let (mut items, mut taken) = self.left_items(context)?;
        let node = context.node;
        let renames = context.entries("rename");
        let mut failed = None;
        for (path, old, _) in &renames {
            if let Err(error) = context.column_of(&self.right, path, old) {
                failed = Some(error);
            }
        }
        let chosen: Vec<(Option<String>, String)> = if node.parameters.contains_key("right-columns")
        {
            let mut chosen = Vec::new();
            for (path, name) in context.names("right-columns") {
                match context.column_of(&self.right, &path, name) {
                    Ok(_) => chosen.push((Some(path), name.to_string())),
                    Err(error) => failed = Some(error),
                }
            }
            chosen
        } else {
            let pairs = pairs(node);
            self.right
                .columns
                .iter()
                .filter(|column| {
                    let renamed = renames.iter().any(|(_, old, _)| *old == column.name);
                    let equal = pairs
                        .iter()
                        .any(|(_, left, right)| left == right && *right == column.name);
                    pads_left || renamed || !equal || !taken.contains(&column.name)
                })
                .map(|column| (None, column.name.clone()))
                .collect()
        };
        if let Some(failed) = failed {
            return Err(failed);
        }
        let suffix = context.text("suffix").unwrap_or_default();
        for (path, old) in chosen {
            let rename = renames.iter().find(|(_, name, _)| *name == old);
            let column = match &path {
                Some(path) => SqlText::name_of(path, &old),
                None => SqlText::name(&old),
            };
            let item = qualified(RIGHT_ALIAS, &column);
            let (item, name, place) = match rename {
                Some((path, _, new)) => {
                    let new = new.trim();
                    let item = item.then(" AS ").and(&SqlText::name_of(path, new));
                    (item, new.to_string(), path.clone())
                }
                None if taken.contains(&old) => {
                    let new = format!("{old}{suffix}");
                    let item = item.then(" AS ").and(&SqlText::name(&new));
                    (item, new, "suffix".to_string())
                }
                None => (item, old.clone(), path.unwrap_or_default()),
            };
            if taken.contains(&name) {
                let place = if place.is_empty() {
                    "rename".to_string()
                } else {
                    place
                };
                let diagnostic = Diagnostic::error(
                    "column/exists",
                    format!("two columns would be called '{name}'"),
                )
                .on_parameter(place, None)
                .help(format!(
                    "give '{old}' of '{}' another name in 'rename'",
                    self.right.relation
                ));
                return Err(context.fail(diagnostic));
            }
            taken.push(name);
            items.push(item);
        }
        if items.is_empty() {
            return Err(context.fail(
                Diagnostic::error("parameter/value", "no column would go on")
                    .on_parameter("left-columns", None)
                    .help("keep at least one column of either side"),
            ));
        }
        Ok(items)
    }

    /// The columns of the left side that come out, and their names.
    pub(super) fn left_items(
        &self,
        context: &mut NodeContext<'_>,
    ) -> Result<(Vec<SqlText>, Vec<String>), Failed> {
        let mut items = Vec::new();
        let mut names = Vec::new();
        let mut failed = None;
        if context.node.parameters.contains_key("left-columns") {
            for (path, name) in context.names("left-columns") {
                match context.column_of(&self.left, &path, name) {
                    Ok(_) => {
                        items.push(qualified(LEFT_ALIAS, &SqlText::name_of(&path, name)));
                        names.push(name.to_string());
                    }
                    Err(error) => failed = Some(error),
                }
            }
        } else {
            for column in &self.left.columns {
                items.push(qualified(LEFT_ALIAS, &SqlText::name(&column.name)));
                names.push(column.name.clone());
            }
        }
        match failed {
            Some(failed) => Err(failed),
            None => Ok((items, names)),
        }
    }

    /// The column of a side that a parameter names, which must be a time that a watermark speaks
    /// about.
    pub(super) fn time(
        &self,
        context: &mut NodeContext<'_>,
        side: &InputRelation,
        parameter: &str,
    ) -> Result<SqlText, Failed> {
        let name = context.required_text(parameter)?;
        let column: Column = context.column_of(side, parameter, name)?;
        if column.is_time {
            return Ok(SqlText::name_of(parameter, name));
        }
        let diagnostic =
            no_time(side, &column).on_parameter(parameter, Some(Span::new(0, name.len())));
        Err(context.fail(diagnostic))
    }
}

fn no_time(side: &InputRelation, column: &Column) -> Diagnostic {
    let times: Vec<&str> = side
        .columns
        .iter()
        .filter(|column| column.is_time)
        .map(|column| column.name.as_str())
        .collect();
    let help = match times.as_slice() {
        [] => "give its source a watermark on that column".to_string(),
        times => format!("use {}", times.join(" or ")),
    };
    Diagnostic::error(
        "column/no-time",
        format!(
            "'{}' of '{}' is {}, but no time that a watermark speaks about",
            column.name, side.relation, column.ty
        ),
    )
    .on_port(side.port.as_str())
    .help(help)
}

/// `a AND b AND c`.
pub(super) fn joined(parts: &[SqlText]) -> SqlText {
    let mut out = SqlText::new();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push(" AND ");
        }
        out.append(part);
    }
    out
}

/// The columns of a join's list, as parameters: each of these nodes may have written it.
pub(super) fn recognise_items(node: Node, items: &[&str]) -> Vec<Node> {
    let mut left = Vec::new();
    let mut right = Vec::new();
    let mut renames = Entries::new();
    for item in items {
        let (column, new) = shape::alias(item);
        if let (Some(column), None) = (shape::of_side(column, LEFT_ALIAS), &new) {
            left.push(column);
        } else if let Some(column) = shape::of_side(column, RIGHT_ALIAS) {
            if let Some(new) = new {
                renames.insert(column.as_str(), new);
            }
            right.push(column);
        } else {
            return Vec::new();
        }
    }
    // A suffix stands for several names.
    let suffix = renames.iter().find_map(|(old, new)| {
        let suffix = new.as_text()?.strip_prefix(old)?;
        (!suffix.is_empty() && suffix != "_right").then(|| suffix.to_string())
    });
    let mut out = Vec::new();
    let chosen = node
        .clone()
        .with("left-columns", left)
        .with("right-columns", right);
    for node in [node, chosen] {
        out.push(node.clone());
        if let Some(suffix) = &suffix {
            out.push(node.clone().with("suffix", suffix.as_str()));
        }
        if !renames.is_empty() {
            out.push(node.with("rename", renames.clone()));
        }
    }
    out
}

/// What pairs have in common, as parameters.
pub(super) fn recognise_on(
    node: &Node,
    pairs: Vec<(String, String)>,
    condition: &str,
) -> Vec<Node> {
    let same = pairs.iter().all(|(left, right)| left == right);
    let mut node = node.clone();
    if !pairs.is_empty() {
        node = match same {
            true => {
                let names: Vec<String> = pairs.into_iter().map(|(left, _)| left).collect();
                node.with("on", names)
            }
            false => node.with("on", pairs.into_iter().collect::<Entries>()),
        };
    }
    if condition.is_empty() {
        return vec![node];
    }
    let inner = shape::in_parentheses(condition);
    inner
        .into_iter()
        .chain([condition])
        .map(|text| node.clone().with("condition", text))
        .collect()
}

/// The kind of join of `LEFT JOIN` and its like; `None` for one that no node writes.
pub(super) fn recognise_join(words: &str) -> Option<&'static str> {
    Some(match words {
        "JOIN" => "inner",
        "LEFT JOIN" => "left",
        "RIGHT JOIN" => "right",
        "FULL JOIN" => "full",
        _ => return None,
    })
}

/// The relation behind an alias.
pub(super) fn recognise_side(text: &str, alias: &str) -> Option<String> {
    let (relation, name) = shape::alias(text);
    if name? != alias {
        return None;
    }
    shape::name(relation)
}

/// A candidate for each node, fed by both sides.
pub(super) fn candidates(nodes: Vec<Node>, left: &str, right: &str) -> Vec<Candidate> {
    nodes
        .into_iter()
        .map(|node| Candidate {
            node,
            inputs: vec![
                (Some(LEFT), left.to_string()),
                (Some(RIGHT), right.to_string()),
            ],
        })
        .collect()
}
