//! The columns a decoder fills, row by row, with the rules for NULL and for rows to be dropped.

use arrow::array::{Array, ArrayRef, BooleanArray};

use millstream_functions::types::FlinkType;

use super::column::Column;
use crate::error::{ConnectorError, ErrorKind, Result};

/// One column to fill.
pub(crate) struct Target {
    /// Which field of the row it comes from.
    pub field: usize,
    pub name: String,
    pub type_name: String,
    pub nullable: bool,
    pub column: Column,
}

/// Columns of equal length, some of whose rows are to be dropped.
pub(crate) struct BatchBuilder {
    pub targets: Vec<Target>,
    rows: usize,
    /// Rows that must not be seen, in order.
    dropped: Vec<usize>,
}

impl BatchBuilder {
    pub(crate) fn new(columns: &[(String, FlinkType)], projection: &[usize]) -> Self {
        let targets: Vec<(usize, String, FlinkType)> = projection
            .iter()
            .filter_map(|&field| {
                let (name, ty) = columns.get(field)?;
                Some((field, name.clone(), ty.clone()))
            })
            .collect();
        Self::of_targets(&targets)
    }

    /// Columns that are filled from a field each: its place, their name and type.
    pub(crate) fn of_targets(targets: &[(usize, String, FlinkType)]) -> Self {
        let targets = targets
            .iter()
            .map(|(field, name, ty)| Target {
                field: *field,
                name: name.clone(),
                type_name: ty.to_string(),
                nullable: ty.nullable,
                column: Column::new(ty),
            })
            .collect();
        Self {
            targets,
            rows: 0,
            dropped: Vec::new(),
        }
    }

    /// Rows appended since the last [`finish`](Self::finish), dropped ones too.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Says that every target has been given a value.
    pub(crate) fn end_row(&mut self, keep: bool) {
        if !keep {
            self.dropped.push(self.rows);
        }
        self.rows += 1;
        debug_assert!(
            self.targets
                .iter()
                .all(|target| target.column.len() == self.rows)
        );
    }

    /// The rows among those appended that will not be seen, in order.
    pub(crate) fn dropped(&self) -> &[usize] {
        &self.dropped
    }

    pub(crate) fn finish(&mut self) -> Result<(Vec<ArrayRef>, usize)> {
        let broken = |error: arrow::error::ArrowError| {
            ConnectorError::new(
                ErrorKind::BadRow,
                format!("the rows make no batch: {error}"),
            )
        };
        let mut arrays = self
            .targets
            .iter_mut()
            .map(|target| target.column.finish())
            .collect::<Result<Vec<_>, _>>()
            .map_err(broken)?;
        let mut rows = std::mem::take(&mut self.rows);
        if !self.dropped.is_empty() {
            let mut keep = vec![true; rows];
            for row in self.dropped.drain(..) {
                keep[row] = false;
            }
            let keep = BooleanArray::from(keep);
            for array in &mut arrays {
                *array = arrow::compute::filter(array, &keep).map_err(broken)?;
            }
            rows = keep.true_count();
        }
        debug_assert!(arrays.iter().all(|array| array.len() == rows));
        Ok((arrays, rows))
    }
}

impl Target {
    /// Appends NULL. `false` if the column is NOT NULL: then a placeholder was appended and the row
    /// must be dropped.
    pub(crate) fn append_null(&mut self) -> bool {
        if self.nullable {
            self.column.append_null();
        } else {
            self.column.append_placeholder();
        }
        self.nullable
    }

    /// An error about this column's value.
    pub(crate) fn error(
        &self,
        reason: &str,
        value: &[u8],
        line: u64,
        format: &str,
    ) -> ConnectorError {
        ConnectorError::new(
            ErrorKind::BadRow,
            format!("cannot read {}: {reason}", self.type_name),
        )
        .with_column(&self.name)
        .with_value(value)
        .with_line(line)
        .with_remedy(ignore_remedy(format))
    }

    /// An error about a NULL where none may be.
    pub(crate) fn null_error(&self, line: u64, format: &str) -> ConnectorError {
        ConnectorError::new(ErrorKind::BadRow, "NULL in a NOT NULL column")
            .with_column(&self.name)
            .with_line(line)
            .with_remedy(format!(
                "declare the column without NOT NULL, or set '{format}.ignore-parse-errors' = \
                 'true' to skip such rows"
            ))
    }
}

/// What to do about a bad row.
pub(crate) fn ignore_remedy(format: &str) -> String {
    format!(
        "correct the file, or set '{format}.ignore-parse-errors' = 'true' to skip what cannot be \
         read (it is counted)"
    )
}
