//! A table as its `CREATE TABLE` declares it: all a connector is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use millstream_functions::types::FlinkType;

use crate::error::{ConnectorError, ErrorKind, Result};

/// A table's name, columns and options. Nothing in it has been checked: see
/// [`validate_source`](crate::validate_source) and [`validate_sink`](crate::validate_sink).
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// The table's name, for messages.
    pub name: String,
    /// The physical columns (neither computed nor metadata) in DDL order.
    pub columns: Vec<(String, FlinkType)>,
    /// Metadata columns: column name, key of the connector's metadata (`METADATA FROM 'key'`, else
    /// the column's name), type.
    pub metadata: Vec<(String, String, FlinkType)>,
    /// `PARTITIONED BY (…)`.
    pub partition_keys: Vec<String>,
    /// `PRIMARY KEY (…) NOT ENFORCED`.
    pub primary_key: Vec<String>,
    /// `WITH (…)`.
    pub options: BTreeMap<String, String>,
    /// What relative paths in the options are relative to: the folder of the script or pipeline.
    pub base_dir: PathBuf,
}

impl TableSpec {
    /// The value of an option, if given.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.get(key).map(String::as_str)
    }

    /// The value of an option the connector cannot do without.
    pub fn required(&self, key: &str) -> Result<&str> {
        self.option(key).ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::MissingOption,
                format!("the option '{key}' is required"),
            )
            .with_option(key)
            .with_remedy(format!("add '{key}' = '…' to the table's WITH (…)"))
            .with_table(&self.name)
        })
    }

    /// A path of an option, absolute: relative ones start at [`base_dir`](Self::base_dir),
    /// `file:` URIs are understood.
    pub fn resolve(&self, path: &str) -> PathBuf {
        let path = match path.strip_prefix("file:") {
            // file:///a, file:/a; a host part other than localhost has no meaning on one machine
            Some(rest) => match rest.strip_prefix("//") {
                Some(after) => after.strip_prefix("localhost").unwrap_or(after),
                None => rest,
            },
            None => path,
        };
        self.base_dir.join(Path::new(path))
    }

    /// The columns of the table as a source sees them: the physical ones in DDL order, then the
    /// metadata columns. Projections are indexes into this.
    pub fn source_columns(&self) -> Vec<(String, FlinkType)> {
        let metadata = self
            .metadata
            .iter()
            .map(|(name, _, ty)| (name.clone(), ty.clone()));
        self.columns.iter().cloned().chain(metadata).collect()
    }

    /// The Arrow schema of the columns named by `projection` (indexes into
    /// [`source_columns`](Self::source_columns)), in that order.
    pub fn projected_schema(&self, projection: &[usize]) -> Result<SchemaRef> {
        let columns = self.source_columns();
        let fields = projection
            .iter()
            .map(|&index| match columns.get(index) {
                Some((name, ty)) => Ok(ty.to_field(name)),
                None => Err(ConnectorError::new(
                    ErrorKind::Schema,
                    format!("there is no column number {index} among {}", columns.len()),
                )
                .with_table(&self.name)),
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(Schema::new(fields)))
    }

    /// The Arrow schema of the physical columns: what a sink is given.
    pub fn physical_schema(&self) -> SchemaRef {
        let fields: Vec<_> = self
            .columns
            .iter()
            .map(|(name, ty)| ty.to_field(name))
            .collect();
        Arc::new(Schema::new(fields))
    }
}
