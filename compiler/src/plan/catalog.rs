//! The tables, views and models that a script declares.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_functions::types::FlinkType;

use super::stream::PlanModel;
use crate::diagnostics::Span;
use crate::sql::{ColumnKind, CreateTable};

/// The models known so far, by name; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Models(pub Arc<BTreeMap<String, PlanModel>>);

impl Models {
    pub fn get(&self, name: &str) -> Option<&PlanModel> {
        self.0.get(name)
    }
}

/// A declared table: the statement and what is known beside it.
#[derive(Debug, Clone)]
pub(crate) struct TableDefinition {
    pub statement: CreateTable,
    /// The columns if they were left out and inferred.
    pub inferred: Vec<(String, FlinkType)>,
    pub span: Span,
}

impl TableDefinition {
    /// The physical columns in DDL order.
    pub fn physical(&self) -> Vec<(String, FlinkType)> {
        if self.statement.columns.is_empty() {
            return self.inferred.clone();
        }
        self.statement
            .columns
            .iter()
            .filter_map(|c| match &c.kind {
                ColumnKind::Physical { ty, .. } => Some((c.name.clone(), ty.clone())),
                _ => None,
            })
            .collect()
    }

    /// The metadata columns: name, key, type, whether virtual.
    pub fn metadata(&self) -> Vec<(String, String, FlinkType, bool)> {
        self.statement
            .columns
            .iter()
            .filter_map(|c| match &c.kind {
                ColumnKind::Metadata {
                    ty, from, virtual_, ..
                } => Some((
                    c.name.clone(),
                    from.clone().unwrap_or_else(|| c.name.clone()),
                    ty.clone(),
                    *virtual_,
                )),
                _ => None,
            })
            .collect()
    }

    /// `PRIMARY KEY`.
    pub fn primary_key(&self) -> Vec<String> {
        self.statement
            .primary_key
            .iter()
            .flat_map(|key| key.columns.iter().map(|c| c.value.clone()))
            .collect()
    }

    /// `WITH` as a map.
    pub fn options(&self) -> BTreeMap<String, String> {
        self.statement
            .options
            .iter()
            .map(|o| (o.key.clone(), o.value.clone()))
            .collect()
    }
}
