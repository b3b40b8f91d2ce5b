//! Top-N: the first rows of each key in some order, as they stand at each moment.

use super::parameter::{OrderItem, ParameterSpec, ParameterType};
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::diagnostics::{Diagnostic, Span};
use crate::document::{Node, Value};
use crate::lower::recognise::with_some;
use crate::lower::shape::{self, Shape};
use crate::lower::{Candidate, Failed, NodeContext, NodeSql, SqlText};

/// Keeps the first rows of each key in an order (Flink: Top-N by `ROW_NUMBER`).
///
/// The result is a changelog: a row that comes in among the first pushes another out. With the
/// rank as a column every row behind it changes too, so leave the rank out where it is not read.
pub(crate) struct TopN;

/// The parameter `keys`.
pub(super) const KEYS: ParameterSpec = ParameterSpec::new(
    "keys",
    "Keys",
    ParameterType::Columns,
    "The first rows of each combination of these columns. Without it the first rows of all",
)
.example("[\"category\"]");

/// The parameter `order`.
pub(super) const ORDER: ParameterSpec = ParameterSpec::new(
    "order",
    "Order by",
    ParameterType::Order,
    "What makes a row first: columns, each with DESC behind it where the largest comes first",
)
.required()
.example("[\"amount DESC\", \"ts\"]");

/// The parameter `n`.
pub(super) const COUNT: ParameterSpec = ParameterSpec::new(
    "n",
    "How many",
    ParameterType::Integer {
        min: 1,
        max: i32::MAX as i64,
    },
    "How many rows of each key are kept",
)
.required()
.example("10");

/// The parameter `rank`.
pub(super) const RANK: ParameterSpec = ParameterSpec::new(
    "rank",
    "Rank column",
    ParameterType::Text,
    "The name of a column with the rank, from 1. Without it there is none, and fewer rows change",
)
.example("\"rank\"");

const SPEC: KindSpec = KindSpec {
    name: "top-n",
    title: "Top-N",
    help: "The first rows of each key in an order, updated as better ones come",
    family: Family::Feature,
    inputs: ONE_INPUT,
    has_output: true,
    parameters: &[KEYS, ORDER, COUNT, RANK],
};

impl NodeKind for TopN {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        summary(node)
    }

    fn check(&self, node: &Node) -> Vec<Diagnostic> {
        check_rank(node).into_iter().collect()
    }

    fn recognise_query(&self, query: &str) -> Vec<Candidate> {
        let ranked = Ranked::of(query);
        ranked
            .and_then(|ranked| ranked.candidate(SPEC.name, &[]))
            .into_iter()
            .collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        lower(context, &[])
    }
}

/// "3 by amount DESC of category".
pub(super) fn summary(node: &Node) -> Option<String> {
    let Value::Integer(n) = node.parameters.get("n")? else {
        return None;
    };
    let texts = |name: &str| -> Option<Vec<String>> {
        let items = node.parameters.get(name)?.as_list()?;
        let texts = items.iter().filter_map(Value::as_text);
        Some(texts.map(str::to_string).collect())
    };
    let order = texts("order")?.join(", ");
    Some(match texts("keys").filter(|keys| !keys.is_empty()) {
        Some(keys) => format!("{n} by {order} of {}", keys.join(", ")),
        None => format!("{n} by {order}"),
    })
}

/// A query of the first rows of each key.
pub(super) struct Ranked {
    /// The relation.
    pub(super) input: String,
    /// `PARTITION BY`.
    pub(super) partition: Vec<String>,
    /// `ORDER BY`, as the parameter `order` has it.
    pub(super) order: Vec<String>,
    /// The name of the number.
    pub(super) number: String,
    /// Whether the number goes on.
    with_number: bool,
    /// `WHERE`.
    pub(super) condition: String,
}

impl Ranked {
    /// Reads `SELECT … FROM (SELECT *, ROW_NUMBER() OVER (…) AS number FROM input) WHERE …`.
    pub(super) fn of(query: &str) -> Option<Self> {
        let outer = Shape::of(query)?;
        let [from, condition] = outer.just(["FROM", "WHERE"])?;
        let inner = Shape::of(shape::in_parentheses(from)?)?;
        let [input] = inner.just(["FROM"])?;
        let ["*", rank] = inner.items.as_slice() else {
            return None;
        };
        let (rank, number) = shape::alias(rank);
        let (function, window) = shape::around(rank, &["OVER"])?;
        if shape::call(function)? != ("ROW_NUMBER".to_string(), vec![]) {
            return None;
        }
        let (partition, order) = shape::around(shape::in_parentheses(window)?, &["ORDER", "BY"])?;
        let partition = match partition {
            "" => Vec::new(),
            some => shape::names(shape::after(some, &["PARTITION", "BY"])?)?,
        };
        let order = shape::split(order, ",").into_iter().map(|item| {
            let item = OrderItem::parse(item);
            let column = shape::name(item.column)?;
            Some(match item.direction {
                Some(direction) => format!("{column} {direction}"),
                None => column,
            })
        });
        Some(Self {
            input: shape::name(input)?,
            partition,
            order: order.collect::<Option<_>>()?,
            number: number?,
            with_number: outer.items == ["*"],
            condition: condition.to_string(),
        })
    }

    /// The node of a kind whose partitions begin with these columns.
    pub(super) fn candidate(self, kind: &str, fixed: &[&str]) -> Option<Candidate> {
        if self.partition.get(..fixed.len())? != fixed {
            return None;
        }
        let (number, n) = shape::sides(&self.condition, "<=")?;
        if shape::name(number)? != self.number {
            return None;
        }
        let keys = self.partition[fixed.len()..].to_vec();
        let mut node = Node::new(kind)
            .with("order", self.order)
            .with("n", n.parse::<i64>().ok()?);
        if self.with_number {
            node = node.with("rank", self.number);
        }
        Some(Candidate::of(with_some(node, "keys", keys), self.input))
    }
}

/// Says that the rank's column has no name.
pub(super) fn check_rank(node: &Node) -> Option<Diagnostic> {
    let empty = node
        .text_at("rank")
        .is_some_and(|name| name.trim().is_empty());
    empty.then(|| {
        Diagnostic::error("parameter/value", "'rank' is empty")
            .on_parameter("rank", None)
            .help("name the column, or remove 'rank' to have none")
    })
}

/// The first rows by `partition` and the node's keys.
pub(super) fn lower(context: &mut NodeContext<'_>, partition: &[&str]) -> Result<NodeSql, Failed> {
    let mut keys: Vec<SqlText> = partition.iter().map(|name| SqlText::name(name)).collect();
    for (path, name) in context.names("keys") {
        if partition.contains(&name) {
            return Err(context.fail(
                Diagnostic::error(
                    "parameter/value",
                    format!("'{name}' is a key of every window already"),
                )
                .on_parameter(path, Some(Span::new(0, name.len())))
                .help("remove it from the keys"),
            ));
        }
    }
    keys.extend(context.input_columns("keys")?);
    let mut order = Vec::new();
    let mut failed = None;
    for (path, text) in context.names("order") {
        let item = OrderItem::parse(text);
        match context.input_column(&path, item.column) {
            Ok(_) => {
                let column = SqlText::name_of(&path, item.column);
                order.push(match item.direction {
                    Some(direction) => column.then(" ").then(direction),
                    None => column,
                });
            }
            Err(error) => failed = Some(error),
        }
    }
    if let Some(failed) = failed {
        return Err(failed);
    }
    let n = context.integer("n").unwrap_or(1);
    let rank = context.text("rank").map(str::trim);
    if let Some(rank) = rank {
        context.refuse_existing_at("rank", rank, "choose another name")?;
    }
    let input = context.input();
    let mut number = String::from("row_num");
    while input.column(&number).is_some() {
        number.push('_');
    }
    let number = match rank {
        Some(rank) => SqlText::name_of("rank", rank),
        None => SqlText::name(&number),
    };
    let mut query = match rank {
        Some(_) => SqlText::plain("SELECT *"),
        None => SqlText::list("SELECT", &input.column_names()),
    };
    query.push("\nFROM (\n  SELECT *, ROW_NUMBER() OVER (");
    if !keys.is_empty() {
        query.append(&SqlText::list("PARTITION BY", &keys));
        query.push(" ");
    }
    query.append(&SqlText::list("ORDER BY", &order));
    query.push(") AS ");
    query.append(&number);
    query.push("\n  FROM ");
    query.append(&input.name());
    query.push("\n)\nWHERE ");
    query.append(&number);
    query.push(&format!(" <= {n}"));
    Ok(NodeSql::view(context, &query))
}
