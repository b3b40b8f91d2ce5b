//! Generator source: realistic, deterministic data with a known truth.
//!
//! The embedded runtime has the generators as connectors of their own. Flink has not: there the
//! table reads the CSV files that `millstream generate` writes, which hold the same rows.

use millstream_functions::types::{FlinkType, TypeKind};

use super::parameter::{
    DefaultValue, EnumValue, ParameterSpec, ParameterType, PathKind, interval_literal,
    parse_timestamp,
};
use super::source_table::{ColumnDefinition, Options, create_table};
use super::{Family, Inputs, KindSpec, NodeKind};
use crate::diagnostics::Diagnostic;
use crate::document::{Node, Value};
use crate::lower::{Failed, NodeContext, NodeSql, SqlText, TableText, Target};

/// Generates data by a model of a business (Millstream's own connectors).
pub(crate) struct GeneratorSource;

/// The connector and generator of card payments.
const CARD_TRANSACTIONS: &str = "card-transactions";

const SPEC: KindSpec = KindSpec {
    name: "generator",
    title: "Generator",
    help: "Generates realistic data with a known truth, the same for the same seed",
    family: Family::Source,
    inputs: Inputs::None,
    has_output: true,
    parameters: &[
        ParameterSpec::new(
            "generator",
            "Generator",
            ParameterType::Enum(&[EnumValue {
                name: CARD_TRANSACTIONS,
                title: "Card payments with planted fraud",
            }]),
            "What to generate",
        )
        .required()
        .example("\"card-transactions\""),
        ParameterSpec::new(
            "seed",
            "Seed",
            ParameterType::Integer {
                min: 0,
                max: i64::MAX,
            },
            "Rows are a function of the seed and their number",
        ),
        ParameterSpec::new(
            "cards",
            "Cards",
            ParameterType::Integer {
                min: 1,
                max: i64::MAX,
            },
            "How many cards there are",
        ),
        ParameterSpec::new(
            "number-of-rows",
            "Number of rows",
            ParameterType::Integer {
                min: 1,
                max: i64::MAX,
            },
            "How many rows come in all. Without it they never end",
        ),
        ParameterSpec::new(
            "rows-per-second",
            "Rows a second",
            ParameterType::Number {
                min: 1e-6,
                max: 1e12,
            },
            "How fast rows come. Without it as fast as they are taken",
        ),
        ParameterSpec::new(
            "events-per-second",
            "Payments a second",
            ParameterType::Number {
                min: 0.001,
                max: 1e12,
            },
            "How many rows fall into a second of event time, on average",
        ),
        ParameterSpec::new(
            "fraud-rate",
            "Share of fraud",
            ParameterType::Number { min: 0.0, max: 0.2 },
            "Which share of the rows is fraud",
        ),
        ParameterSpec::new(
            "start-time",
            "Start",
            ParameterType::Timestamp,
            "The event time of the first row",
        )
        .example("\"2024-01-01 00:00:00\""),
        ParameterSpec::new(
            "watermark-delay",
            "Out of order by",
            ParameterType::Duration,
            "How much later than its neighbours a row may come and still be counted",
        )
        .default(DefaultValue::Text("5 s")),
        ParameterSpec::new(
            "splits",
            "Splits",
            ParameterType::Integer { min: 1, max: 1024 },
            "Into how many independent parts the rows are split, each of which one task reads. Changes the rows",
        )
        .advanced(),
        ParameterSpec::new(
            "export-path",
            "Files for Flink",
            ParameterType::Path(PathKind::Folder),
            "Where a Flink cluster finds the rows that `millstream generate` wrote. By default data/ and the node's id",
        )
        .advanced(),
    ],
};

/// Options that are handed to the connector as they are.
const PASSED_ON: [&str; 8] = [
    "seed",
    "cards",
    "number-of-rows",
    "rows-per-second",
    "events-per-second",
    "fraud-rate",
    "start-time",
    "splits",
];

fn columns() -> Vec<ColumnDefinition> {
    [
        ("transaction_id", TypeKind::BigInt),
        ("card_id", TypeKind::BigInt),
        ("ts", TypeKind::Timestamp(3)),
        (
            "amount",
            TypeKind::Decimal {
                precision: 10,
                scale: 2,
            },
        ),
        ("merchant_id", TypeKind::Int),
        ("category", FlinkType::string().kind),
        ("country", FlinkType::string().kind),
        ("is_fraud", TypeKind::Boolean),
    ]
    .into_iter()
    .map(|(name, kind)| ColumnDefinition::of(name, &FlinkType::new(kind)))
    .collect()
}

impl NodeKind for GeneratorSource {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        Some(node.text_at("generator")?.to_string())
    }

    fn recognise_table(&self, table: &TableText) -> Vec<Node> {
        let read = || {
            let generator = table.option("connector")?;
            if generator != CARD_TRANSACTIONS || !table.is_plain() {
                return None;
            }
            let mut node = Node::new(SPEC.name).with("generator", generator);
            for (key, text) in table.options.iter().filter(|(key, _)| key != "connector") {
                let value = match SPEC.parameter(key)?.ty {
                    ParameterType::Integer { .. } => Value::Integer(text.parse().ok()?),
                    ParameterType::Number { .. } => match text.parse() {
                        Ok(n) => Value::Integer(n),
                        Err(_) => Value::Number(text.parse().ok()?),
                    },
                    _ => Value::Text(text.clone()),
                };
                node = node.with(key.as_str(), value);
            }
            let mut node = table.with_delay(node)?;
            node.parameters.remove("watermark");
            // Here the delay is there unless it is said to be none.
            if !node.parameters.contains_key("watermark-delay") {
                node = node.with("watermark-delay", "0 s");
            }
            Some(node)
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let mut options = Options::default();
        match context.target {
            Target::Embedded => {
                options.set_from(
                    "connector",
                    "generator",
                    context.required_text("generator")?,
                );
                for key in PASSED_ON {
                    if let Some(value) = context.node.parameters.get(key)
                        && let Some(mut text) = value.to_option_text()
                    {
                        if key == "start-time" {
                            text = parse_timestamp(&text).unwrap_or(text);
                        }
                        options.set_from(key, key, &text);
                    }
                }
            }
            Target::Flink => {
                let default = format!("data/{}", context.id);
                let path = context.text("export-path").unwrap_or(&default);
                options.set("connector", "filesystem");
                options.set_from("path", "export-path", path);
                options.set("format", "csv");
                let diagnostic = Diagnostic::info(
                    "target/generator",
                    format!(
                        "Flink has no such generator: its script reads CSV files from '{path}'"
                    ),
                )
                .help("`millstream generate` writes these files, with the same rows");
                context.report(diagnostic);
            }
        }
        let mut watermark = SqlText::plain("WATERMARK FOR ts AS ts");
        if let Some(delay) = context.duration("watermark-delay")
            && !delay.is_zero()
        {
            watermark.push(" - ");
            watermark.push(&interval_literal(delay));
        }
        Ok(NodeSql {
            definitions: vec![create_table(
                context.id.as_str(),
                &columns(),
                Some(&watermark),
                &options,
            )],
            inserts: Vec::new(),
        })
    }
}
