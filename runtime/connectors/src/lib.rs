//! Millstream's connectors: where rows come from and where they go.
//!
//! A table is described by a [`TableSpec`]. [`validate_source`] and [`validate_sink`] check its
//! options against what its connector and format understand; the names are Flink's, and what Flink
//! has but Millstream does not is refused as "not supported", never ignored. [`open_source`] and
//! [`open_sink`] then give a [`Source`] or a [`SinkWriter`].

pub mod error;
pub mod sink;
pub mod source;
pub mod spec;

pub use error::{ConnectorError, ErrorKind, Result};
pub use sink::{Committable, SinkContext, SinkWriter};
pub use source::{Position, Read, Source, SplitId, SplitReader};
pub use spec::TableSpec;
