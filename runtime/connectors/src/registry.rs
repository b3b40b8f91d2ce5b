//! Connectors that this crate does not have, given by whoever embeds the runtime: a test's tables
//! in memory, a program's own queue.
//!
//! [`Connectors`] looks a table's connector up among the given ones first and then among this
//! crate's, so that a job knows one place only.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::Arc;

use crate::error::Result;
use crate::sink::{Committable, SinkContext, SinkWriter};
use crate::source::Source;
use crate::spec::TableSpec;

/// A connector given from outside. The methods are those of this crate's functions of their names.
pub trait CustomConnector: Send + Sync {
    /// Checks that a table can be read, without I/O.
    fn validate_source(&self, spec: &TableSpec) -> Result<()>;

    /// Checks that a table can be written, without I/O.
    fn validate_sink(&self, spec: &TableSpec) -> Result<()>;

    /// Opens a table for reading the columns that `projection` names, as indexes into
    /// [`TableSpec::source_columns`].
    fn open_source(&self, spec: &TableSpec, projection: &[usize]) -> Result<Box<dyn Source>>;

    /// Opens a table whose rows a join asks for by key. By default that is the table's source.
    fn open_lookup(&self, spec: &TableSpec, projection: &[usize]) -> Result<Box<dyn Source>> {
        self.open_source(spec, projection)
    }

    /// Opens a writer of a table.
    fn open_sink(&self, spec: &TableSpec, context: &SinkContext) -> Result<Box<dyn SinkWriter>>;

    /// Makes prepared output visible. May be repeated.
    fn commit(&self, _spec: &TableSpec, _committables: &[Committable]) -> Result<()> {
        Ok(())
    }

    /// At a job's start: makes the output of the restored checkpoint visible and removes what came
    /// after it.
    fn recover(&self, _spec: &TableSpec, _job: &str, _committables: &[Committable]) -> Result<()> {
        Ok(())
    }
}

/// This crate's connectors and those given beside them.
#[derive(Clone, Default)]
pub struct Connectors {
    given: BTreeMap<String, Arc<dyn CustomConnector>>,
}

impl fmt::Debug for Connectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.given.keys()).finish()
    }
}

impl Connectors {
    /// The same and another one, for tables with `'connector' = 'name'`.
    pub fn with(mut self, name: impl Into<String>, connector: Arc<dyn CustomConnector>) -> Self {
        self.given.insert(name.into(), connector);
        self
    }

    fn given(&self, spec: &TableSpec) -> Option<&dyn CustomConnector> {
        let name = spec.option("connector")?;
        self.given.get(name).map(Arc::as_ref)
    }

    /// See [`validate_source`](crate::validate_source).
    pub fn validate_source(&self, spec: &TableSpec) -> Result<()> {
        match self.given(spec) {
            Some(given) => given.validate_source(spec),
            None => crate::validate_source(spec),
        }
    }

    /// See [`validate_sink`](crate::validate_sink).
    pub fn validate_sink(&self, spec: &TableSpec) -> Result<()> {
        match self.given(spec) {
            Some(given) => given.validate_sink(spec),
            None => crate::validate_sink(spec),
        }
    }

    /// See [`open_source`](crate::open_source).
    pub fn open_source(&self, spec: &TableSpec, projection: &[usize]) -> Result<Box<dyn Source>> {
        match self.given(spec) {
            Some(given) => given.open_source(spec, projection),
            None => crate::open_source(spec, projection),
        }
    }

    /// Opens a table that a join looks up, as [`open_source`](crate::open_source) does for reading.
    pub fn open_lookup(&self, spec: &TableSpec, projection: &[usize]) -> Result<Box<dyn Source>> {
        match self.given(spec) {
            Some(given) => given.open_lookup(spec, projection),
            None => crate::open_source(spec, projection),
        }
    }

    /// See [`open_sink`](crate::open_sink); `print` writes to `out` if there is one.
    pub fn open_sink(
        &self,
        spec: &TableSpec,
        context: &SinkContext,
        out: Option<Box<dyn Write + Send>>,
    ) -> Result<Box<dyn SinkWriter>> {
        match (self.given(spec), out) {
            (Some(given), _) => given.open_sink(spec, context),
            (None, Some(out)) => crate::open_sink_with(spec, context, out),
            (None, None) => crate::open_sink(spec, context),
        }
    }

    /// See [`commit`](crate::commit).
    pub fn commit(&self, spec: &TableSpec, committables: &[Committable]) -> Result<()> {
        match self.given(spec) {
            Some(given) => given.commit(spec, committables),
            None => crate::commit(spec, committables),
        }
    }

    /// See [`recover`](crate::recover).
    pub fn recover(&self, spec: &TableSpec, job: &str, committables: &[Committable]) -> Result<()> {
        match self.given(spec) {
            Some(given) => given.recover(spec, job, committables),
            None => crate::recover(spec, job, committables),
        }
    }
}
