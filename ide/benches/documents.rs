//! Large documents.

use std::fmt::Write as _;

use millstream_compiler::document::{Document, Layout, Pipeline};
use millstream_ide::canvas::arrange::place_all;

/// A document of so many nodes in chains, with about 1.6 wires a node. It need not compile.
pub fn chains(nodes: usize) -> Document {
    let mut text = String::from("version = 1\nname = \"large\"\n");
    for at in 0..nodes {
        let kind = match at % 10 {
            0 => "kind = \"file-source\"\npath = \"in.csv\"\nformat = \"csv\"",
            9 => "kind = \"file-sink\"\npath = \"out\"\nformat = \"csv\"",
            _ => "kind = \"sql\"\nquery = \"SELECT customer, amount FROM orders\"",
        };
        let _ = writeln!(text, "[nodes.n{at}]\ntitle = \"Node number {at}\"\n{kind}");
    }
    text += "[edges]\n";
    let mut edge = 0;
    let mut wire = |text: &mut String, from: usize, to: usize| {
        edge += 1;
        let _ = writeln!(text, "e{edge} = {{ from = \"n{from}\", to = \"n{to}\" }}");
    };
    for at in 0..nodes {
        if at % 10 != 9 && at + 1 < nodes {
            wire(&mut text, at, at + 1);
        }
        let across = at + 12;
        if at % 10 < 7 && across < nodes && across % 10 != 0 && across % 10 != 9 {
            wire(&mut text, at, across);
        }
    }
    document(&text)
}

/// A pipeline of lanes of 20 nodes of most kinds, as people wire them, that compiles without a
/// finding.
pub fn lanes(lanes: usize) -> Document {
    let nodes: String = (0..lanes).map(|lane| named(NODES, lane)).collect();
    let edges: String = (0..lanes).map(|lane| named(EDGES, lane)).collect();
    document(&format!(
        "version = 1\nname = \"lanes\"\n{nodes}[edges]\n{edges}"
    ))
}

fn named(text: &str, lane: usize) -> String {
    text.replace('@', &format!("l{lane}_"))
}

fn document(text: &str) -> Document {
    let loaded = Pipeline::from_toml(text).expect("the document is right");
    place_all(Document::new(loaded.pipeline, Layout::default()))
}

const NODES: &str = r#"
[nodes.@payments]
kind = "generator"
generator = "card-transactions"
cards = 1000
watermark-delay = "5 s"

[nodes.@minute]
kind = "rolling"
order = "ts"
partition = ["card_id"]
range = "1 min"
aggregates = { count_1m = "COUNT(*)", spend_1m = "SUM(amount)" }

[nodes.@hour]
kind = "rolling"
order = "ts"
partition = ["card_id"]
range = "1 h"
aggregates = { count_1h = "COUNT(*)", mean_1h = "AVG(amount)" }

[nodes.@features]
kind = "derive"
columns = { to_mean = "CAST(amount AS DOUBLE) / CAST(mean_1h AS DOUBLE)", is_large = "amount > 100 AND country <> 'NL'" }

[nodes.@large]
kind = "filter"
condition = "is_large OR to_mean > 3.5"

[nodes.@few]
kind = "select"
columns = ["transaction_id", "card_id", "ts", "amount", "to_mean", "category"]

[nodes.@spend]
kind = "window"
time = "ts"
size = "10 min"
keys = ["category"]
aggregates = { n = "COUNT(*)", spent = "SUM(amount)" }

[nodes.@best]
kind = "window-top-n"
order = ["spent DESC"]
n = 3
rank = "place"

[nodes.@bests]
kind = "print"

[nodes.@limits]
kind = "datagen"
watermark = "since"
watermark-delay = "1 s"
schema = { card = "BIGINT", most = "DECIMAL(10, 2)", since = "TIMESTAMP(3)" }

[nodes.@limit]
kind = "deduplicate"
keys = ["card"]
order = "since"
keep = "last"

[nodes.@limited]
kind = "temporal-join"
join = "left"
time = "ts"
on = { card_id = "card" }
left-columns = ["transaction_id", "card_id", "ts", "amount"]
right-columns = ["most"]

[nodes.@over]
kind = "filter"
condition = "amount > most"

[nodes.@overs]
kind = "file-sink"
path = "out/@overs"
format = "json"

[nodes.@totals]
kind = "aggregate"
keys = ["card_id"]
aggregates = { n = "COUNT(*)", total = "SUM(amount)" }

[nodes.@top]
kind = "top-n"
order = ["total DESC"]
n = 10

[nodes.@tops]
kind = "print"

[nodes.@query]
kind = "sql"
query = '''
SELECT category, window_start, COUNT(*) AS n, MAX(amount) AS most
FROM TUMBLE(TABLE @few, DESCRIPTOR(ts), INTERVAL '1' MINUTE)
GROUP BY category, window_start, window_end
'''

[nodes.@plain]
kind = "select"
columns = ["category", "n", "most"]

[nodes.@sink]
kind = "file-sink"
path = "out/@sink"
format = "csv"
"#;

const EDGES: &str = r#"
@e1 = { from = "@payments", to = "@minute" }
@e2 = { from = "@minute", to = "@hour" }
@e3 = { from = "@hour", to = "@features" }
@e4 = { from = "@features", to = "@large" }
@e5 = { from = "@large", to = "@few" }
@e6 = { from = "@few", to = "@spend" }
@e7 = { from = "@spend", to = "@best" }
@e8 = { from = "@best", to = "@bests" }
@e9 = { from = "@limits", to = "@limit" }
@e10 = { from = "@few", to = "@limited.left" }
@e11 = { from = "@limit", to = "@limited.right" }
@e12 = { from = "@limited", to = "@over" }
@e13 = { from = "@over", to = "@overs" }
@e14 = { from = "@payments", to = "@totals" }
@e15 = { from = "@totals", to = "@top" }
@e16 = { from = "@top", to = "@tops" }
@e17 = { from = "@few", to = "@query" }
@e18 = { from = "@query", to = "@plain" }
@e19 = { from = "@plain", to = "@sink" }
"#;
