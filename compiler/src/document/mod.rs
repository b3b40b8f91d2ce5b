//! The pipeline document: what `pipeline.toml` says, as a value that commands change.
//!
//! A [`Pipeline`] is a set of nodes and the edges between their ports; a [`Layout`] says where
//! they stand on the canvas; a [`Document`] is both. All three are immutable from outside: every
//! edit is a [`Command`] handed to [`Document::apply`], which returns the new document or a
//! [`Refusal`] that says why not. Inside they share structure (an `Arc` per node), so a snapshot
//! costs a few pointers and [`History`] keeps one per undo step.
//!
//! What holds for every pipeline that exists in memory: ids are unique and valid relation names,
//! both ends of every edge name nodes that exist, an input port takes as many edges as its kind
//! allows, and the graph has no cycle. What a person may leave unfinished (a missing parameter, an
//! unconnected input, an unknown kind from a newer version) is allowed to exist and is reported by
//! [`Pipeline::check`].
//!
//! # The file `pipeline.toml`
//!
//! One TOML file holds everything that has a meaning; positions, frames and colours live beside it
//! in `pipeline.layout.toml` (see [`Layout`]), so that moving a node never changes the pipeline.
//!
//! ```toml
//! version = 1                        # of the file format; required
//! name = "fraud"                     # the job's name; required
//! description = "Scores card payments as they happen."
//!
//! [settings]                         # Flink's own SET keys; values are text
//! "execution.checkpointing.interval" = "5 s"
//! "parallelism.default" = "2"
//!
//! [nodes.transactions]               # the id: names the relation in SQL, keys the state
//! kind = "generator"                 # which node kind; every other key is a parameter of it
//! title = "Card transactions"        # optional, for people; becomes a comment in the SQL
//! generator = "card-transactions"
//! cards = 10000
//! seed = 42
//! watermark-delay = "5 s"
//!
//! [nodes.last_minute]
//! kind = "rolling"
//! title = "Spend in the last minute"
//! order = "ts"
//! partition = ["card_id"]
//! range = "1 min"
//!
//! [nodes.last_minute.aggregates]     # new column = call, in this order
//! count_1m = "COUNT(*)"
//! spend_1m = "SUM(amount)"
//!
//! [nodes.last_hour]
//! kind = "rolling"
//! order = "ts"
//! partition = ["card_id"]
//! range = "1 h"
//!
//! [nodes.last_hour.aggregates]
//! count_1h = "COUNT(*)"
//! mean_1h = "AVG(amount)"
//!
//! [nodes.previous]
//! kind = "rolling"
//! comment = "No range and no rows: LAG looks at the row before."
//! order = "ts"
//! partition = ["card_id"]
//!
//! [nodes.previous.aggregates]
//! previous_ts = "LAG(ts)"
//!
//! [nodes.features]
//! kind = "derive"
//!
//! [nodes.features.columns]           # new column = expression, in this order
//! seconds_since_last = "TIMESTAMPDIFF(SECOND, previous_ts, ts)"
//! amount_ratio = "CAST(amount / mean_1h AS DOUBLE)"
//!
//! [nodes.scored]
//! kind = "model"
//! path = "fraud.onnx"
//!
//! [nodes.scored.inputs]              # model input = input column; a list when the names agree
//! amount = "amount"
//! count_1m = "count_1m"
//! spend_1m = "spend_1m"
//! seconds_since_last = "seconds_since_last"
//! amount_ratio = "amount_ratio"
//!
//! [nodes.scored.outputs]             # new column = type
//! score = "FLOAT"
//!
//! [nodes.suspicious]
//! kind = "filter"
//! condition = "score >= 0.9"
//!
//! [nodes.alerts]
//! kind = "file-sink"
//! title = "Alerts"
//! path = "out/alerts"
//! format = "csv"
//!
//! [edges]                            # id = from node[.port] to node[.port]
//! e1 = { from = "transactions", to = "last_minute" }
//! e2 = { from = "last_minute", to = "last_hour" }
//! e3 = { from = "last_hour", to = "previous" }
//! e4 = { from = "previous", to = "features" }
//! e5 = { from = "features", to = "scored" }
//! e6 = { from = "scored", to = "suspicious" }
//! e7 = { from = "suspicious", to = "alerts" }
//! ```
//!
//! ## Nodes
//!
//! `[nodes.ID]`, where the id is a [`NodeId`]: lower-case letters, digits and single underscores,
//! starting with a letter. Four keys mean the same for every kind: `kind`, `title`, `comment`
//! (text for people) and `muted` (`true`: the node passes its input through). All other keys are
//! the kind's parameters; each kind documents its own in [`crate::nodes`], and these are all:
//!
//! | kind | parameters (**required**) |
//! |---|---|
//! | `file-source` | **path** (file, folder or glob), **format** (`csv`, `json`), schema, watermark, watermark-delay, options |
//! | `datagen` | **schema**, rows-per-second, number-of-rows, fields, watermark, watermark-delay, options |
//! | `generator` | **generator** (`card-transactions`), seed, cards, number-of-rows, rows-per-second, events-per-second, fraud-rate, start-time, watermark-delay, splits, export-path |
//! | `connector-source` | **connector** (any of Flink's), **schema**, watermark, watermark-delay or watermark-expression, primary-key, partitioned-by, table-comment, options |
//! | `select` | columns, rename |
//! | `derive` | **columns** |
//! | `filter` | **condition** |
//! | `union` | none; any number of inputs |
//! | `deduplicate` | **keys**, **order**, keep (`first`, `last`) |
//! | `window` | window (`tumble`, `hop`, `cumulate`, `session`), size (all but session), slide (hop), step (cumulate), gap (session), offset, **time**, keys, **aggregates** |
//! | `rolling` | **order**, partition, range or rows, **aggregates** |
//! | `aggregate` | keys, **aggregates** |
//! | `top-n` | **order**, **n**, keys, rank |
//! | `window-top-n` | **order**, **n**, keys, rank; behind a window |
//! | `flatten` | **column**, names, ordinality, left, keep |
//! | `join` | join (`inner`, `left`, `right`, `full`, `semi`, `anti`), on, condition, left-columns, right-columns, rename, suffix; ports `left` and `right`, as all joins |
//! | `interval-join` | **left-time**, **right-time**, before, after, join (`inner`, `left`, `right`, `full`), and as `join` |
//! | `temporal-join` | **time**, join (`inner`, `left`), and as `join` |
//! | `lookup-join` | time, join (`inner`, `left`), and as `join`; the right input is a source |
//! | `model` | **path**, **inputs**, outputs, options |
//! | `sql` | **query**; any number of inputs, each read under its port's name |
//! | `file-sink` | **path**, **format**, options |
//! | `print` | identifier, options |
//! | `connector-sink` | **connector**, schema, columns, primary-key, partitioned-by, table-comment, deduplicate, options; any number of inputs |
//!
//! How the values look:
//!
//! - a *duration* is text: `"500 ms"`, `"5 s"`, `"10 min"`, `"1 h"`, `"1 day"`;
//! - a *schema* is a table of column = what Flink's `CREATE TABLE` has after the column's name:
//!   `amount = "DECIMAL(10, 2)"`, `day = "AS CAST(ts AS DATE)"`,
//!   `file = "STRING METADATA FROM 'file.path'"`;
//! - *columns* are a list of names, an *order* one of columns with `ASC` or `DESC` behind them:
//!   `["amount DESC", "ts"]`; what a join is *on* is a list of columns that both sides call the
//!   same, or a table of left column = right column;
//! - in a join's condition the sides are called `l` and `r`: `"l.amount > r.credit"`;
//! - *options* a table of connector or format options as Flink
//!   writes them: `"csv.ignore-parse-errors" = "true"`;
//! - expressions and queries are Flink SQL. A long query stands in a `'''` string.
//!
//! The order of the entries *inside* a table (columns, aggregates, a schema) is kept, for it is the
//! order of the columns; everything else is sorted on saving.
//!
//! ## Edges
//!
//! `from` and `to` are `node` or `node.port`. Ports need naming only where a node has several: an
//! edge into a `sql` node may name the port (`to = "enriched.rates"`) and the query then reads
//! `FROM rates`; without a name the port is called as the node it comes from.
//!
//! ## What is kept
//!
//! Keys that this version does not know are kept and warned about, wherever they stand. Comments
//! are kept before and after every key and table header; a comment *inside* a multi-line array or
//! inline table is not, which [`Pipeline::from_toml`] warns about. Saving what was just loaded and
//! saved changes nothing.

mod check;
mod command;
mod comments;
mod edges;
pub mod files;
mod history;
mod ids;
mod layout;
mod load;
mod merge;
mod migrate;
mod pipeline;
mod save;
mod value;

#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod tests;

pub(crate) use check::order_by;
pub use check::topological_order;
pub use command::{Applied, Command, Refusal};
pub use comments::Comment;
pub use history::History;
pub use ids::{EdgeId, FrameId, IdError, NodeId, PortName};
pub use layout::{Colour, Frame, Layout, Position};
pub use load::{Loaded, Places};
pub use migrate::CURRENT_VERSION;
pub use pipeline::{Edge, Node, Pipeline, PortRef};
pub use save::fragment_to_toml;
pub use value::{Entries, Value};

/// A pipeline and its layout: what one undo step restores.
///
/// Cloning shares everything, so a snapshot is cheap.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub(crate) pipeline: Pipeline,
    pub(crate) layout: Layout,
}

impl Document {
    /// The nodes whose content changed since an earlier state of the document, where nothing else
    /// did; `None` where nodes or edges came, went or moved.
    pub fn changed_nodes<'a>(&'a self, earlier: &Document) -> Option<Vec<&'a NodeId>> {
        match self.layout.is_same(&earlier.layout) {
            true => self.pipeline.changed_nodes(&earlier.pipeline),
            false => None,
        }
    }

    /// A document of a loaded pipeline and layout. Places of nodes that do not exist are dropped.
    pub fn new(pipeline: Pipeline, layout: Layout) -> Self {
        let layout = layout.retain_known(&pipeline);
        Self { pipeline, layout }
    }

    /// The pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Where things stand on the canvas.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}
