//! What a sink's column types demand of the rows: NOT NULL and lengths.
//!
//! Passes rows on that satisfy the types of the sink's columns. A NULL in a NOT NULL column stops the
//! job or drops the row (`table.exec.sink.not-null-enforcer`). A CHAR, VARCHAR, BINARY or VARBINARY
//! value of the wrong length passes, is cut (and CHAR and BINARY filled up with blanks and zeros),
//! or stops the job (`table.exec.sink.type-length-enforcer`); lengths of text count characters. The
//! same holds inside ROWs, and inside ARRAYs and MAPs, if
//! `table.exec.sink.nested-constraint-enforcer` says so. Row kinds go along. Keeps no state.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, StringArray, StringBuilder, StructArray,
    UInt32Array,
};
use millstream_functions::types::{FlinkType, MAX_LENGTH, TypeKind};

use crate::batch::Batch;
use crate::operator::{Operator, OperatorError, Output};

/// `table.exec.sink.not-null-enforcer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NotNullEnforcer {
    /// A NULL stops the job.
    #[default]
    Error,
    /// A row with a NULL is dropped.
    Drop,
}

/// `table.exec.sink.type-length-enforcer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LengthEnforcer {
    /// Values of any length pass.
    #[default]
    Ignore,
    /// Values are cut and filled up.
    TrimPad,
    /// A value of the wrong length stops the job.
    Error,
}

/// `table.exec.sink.nested-constraint-enforcer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NestedEnforcer {
    /// Only the columns themselves are looked at.
    #[default]
    Ignore,
    /// The fields of ROWs too.
    Rows,
    /// ROWs and the elements of collections.
    RowsAndCollections,
}

/// What a sink demands.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkConstraintsSpec {
    /// Name and type of each column.
    pub columns: Vec<(String, FlinkType)>,
    /// What happens with NULLs.
    pub not_null: NotNullEnforcer,
    /// What happens with lengths.
    pub length: LengthEnforcer,
    /// How deep to look.
    pub nested: NestedEnforcer,
}

impl SinkConstraintsSpec {
    /// Whether any row could break a rule; without that no operator is needed.
    pub fn is_needed(&self) -> bool {
        self.columns
            .iter()
            .any(|(_, ty)| !ty.nullable || self.demands(ty))
    }

    /// Whether a value of the type that is not NULL could break a rule.
    fn demands(&self, ty: &FlinkType) -> bool {
        let part = |ty: &FlinkType| !ty.nullable || self.demands(ty);
        match &ty.kind {
            TypeKind::Char(_) | TypeKind::Binary(_) => self.length != LengthEnforcer::Ignore,
            TypeKind::Varchar(most) | TypeKind::Varbinary(most) => {
                self.length != LengthEnforcer::Ignore && *most < MAX_LENGTH
            }
            TypeKind::Row(fields) => {
                self.nested != NestedEnforcer::Ignore && fields.iter().any(|field| part(&field.ty))
            }
            _ if self.nested != NestedEnforcer::RowsAndCollections => false,
            TypeKind::Array(element) | TypeKind::Multiset(element) => part(element),
            TypeKind::Map(key, value) => part(key) || part(value),
            _ => false,
        }
    }
}

/// Lets through what a sink can take. See the [module](self).
#[derive(Debug)]
pub struct SinkConstraints {
    spec: SinkConstraintsSpec,
}

impl SinkConstraints {
    /// The operator in front of a sink.
    pub fn new(spec: SinkConstraintsSpec) -> Result<Self, OperatorError> {
        if spec.length == LengthEnforcer::TrimPad
            && spec.nested == NestedEnforcer::RowsAndCollections
        {
            return Err(OperatorError::Row(
                "'table.exec.sink.type-length-enforcer' = 'TRIM_PAD' cannot change values inside \
                 collections; set 'table.exec.sink.nested-constraint-enforcer' to 'ROWS' or \
                 'IGNORE', or the length enforcer to 'ERROR'"
                    .to_owned(),
            ));
        }
        Ok(Self { spec })
    }
}

/// The row of a value that does not count: it stands in a NULL, or its row was dropped.
const NOWHERE: u32 = u32::MAX;

/// One batch on its way.
struct Check<'s> {
    spec: &'s SinkConstraintsSpec,
    dropped: Vec<bool>,
}

impl Check<'_> {
    /// Whether the value in this row counts.
    fn counts(&self, row: u32) -> bool {
        row != NOWHERE && !self.dropped[row as usize]
    }

    /// Looks for NULLs in a column whose values stand in these rows.
    fn not_null(
        &mut self,
        path: &str,
        column: &dyn Array,
        rows: &[u32],
    ) -> Result<(), OperatorError> {
        if column.null_count() == 0 {
            return Ok(());
        }
        for (i, &row) in rows.iter().enumerate() {
            if column.is_null(i) && self.counts(row) {
                match self.spec.not_null {
                    NotNullEnforcer::Drop => self.dropped[row as usize] = true,
                    NotNullEnforcer::Error => {
                        return Err(OperatorError::Row(format!(
                            "Column '{path}' is NOT NULL, however, a null value is being written \
                             into it. You can set job configuration \
                             'table.exec.sink.not-null-enforcer'='DROP' to suppress this \
                             exception and drop such records silently."
                        )));
                    }
                }
            }
        }
        Ok(())
    }

    /// The column as the sink can take it.
    fn column(
        &mut self,
        path: &str,
        ty: &FlinkType,
        column: &ArrayRef,
        rows: &[u32],
    ) -> Result<ArrayRef, OperatorError> {
        if !ty.nullable {
            self.not_null(path, column, rows)?;
        }
        if !self.spec.demands(ty) {
            return Ok(Arc::clone(column));
        }
        let mismatch = || {
            OperatorError::Row(format!(
                "column '{path}' of the sink is {ty} and is given values of type {}",
                column.data_type()
            ))
        };
        match &ty.kind {
            TypeKind::Char(length) | TypeKind::Varchar(length) => {
                let text = column.as_string_opt::<i32>().ok_or_else(mismatch)?;
                let fill = matches!(ty.kind, TypeKind::Char(_));
                self.text(path, *length as usize, fill, text, rows)
            }
            TypeKind::Binary(length) | TypeKind::Varbinary(length) => {
                let bytes = column.as_binary_opt::<i32>().ok_or_else(mismatch)?;
                let fill = matches!(ty.kind, TypeKind::Binary(_));
                self.bytes(path, *length as usize, fill, bytes, rows)
            }
            TypeKind::Row(fields) => {
                let values = column.as_struct_opt().ok_or_else(mismatch)?;
                let inside: Vec<u32> = rows
                    .iter()
                    .enumerate()
                    .map(|(i, &row)| if values.is_null(i) { NOWHERE } else { row })
                    .collect();
                let columns = fields
                    .iter()
                    .zip(values.columns())
                    .map(|(field, column)| {
                        let path = format!("{path}.{}", field.name);
                        self.column(&path, &field.ty, column, &inside)
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Arc::new(StructArray::try_new(
                    values.fields().clone(),
                    columns,
                    values.nulls().cloned(),
                )?))
            }
            TypeKind::Array(element) => {
                let list = column.as_list_opt::<i32>().ok_or_else(mismatch)?;
                let inside = elements(column, list.value_offsets(), list.values().len(), rows);
                let path = format!("{path}.element");
                self.column(&path, element, list.values(), &inside)?;
                Ok(Arc::clone(column))
            }
            TypeKind::Multiset(element) => {
                let map = column.as_map_opt().ok_or_else(mismatch)?;
                let inside = elements(column, map.value_offsets(), map.entries().len(), rows);
                self.column(&format!("{path}.element"), element, map.keys(), &inside)?;
                Ok(Arc::clone(column))
            }
            TypeKind::Map(key, value) => {
                let map = column.as_map_opt().ok_or_else(mismatch)?;
                let inside = elements(column, map.value_offsets(), map.entries().len(), rows);
                self.column(&format!("{path}.key"), key, map.keys(), &inside)?;
                self.column(&format!("{path}.value"), value, map.values(), &inside)?;
                Ok(Arc::clone(column))
            }
            _ => Ok(Arc::clone(column)),
        }
    }

    fn text(
        &self,
        path: &str,
        length: usize,
        fill: bool,
        text: &StringArray,
        rows: &[u32],
    ) -> Result<ArrayRef, OperatorError> {
        let wrong = |value: &str| {
            let chars = value.chars().count();
            chars > length || (fill && chars < length)
        };
        let mut counted = text.iter().zip(rows).filter(|(_, row)| self.counts(**row));
        let Some(first) = counted.find_map(|(value, _)| value.filter(|value| wrong(value))) else {
            return Ok(Arc::new(text.clone()));
        };
        if self.spec.length == LengthEnforcer::Error {
            let kind = if fill { "CHAR" } else { "VARCHAR" };
            return Err(wrong_length(path, kind, length, first.chars().count()));
        }
        let mut cut = StringBuilder::with_capacity(text.len(), text.value_data().len());
        for value in text {
            let Some(value) = value else {
                cut.append_null();
                continue;
            };
            let chars = value.chars().count();
            if chars > length {
                cut.append_value(value.chars().take(length).collect::<String>());
            } else if fill && chars < length {
                cut.append_value(format!("{value}{}", " ".repeat(length - chars)));
            } else {
                cut.append_value(value);
            }
        }
        Ok(Arc::new(cut.finish()))
    }

    fn bytes(
        &self,
        path: &str,
        length: usize,
        fill: bool,
        bytes: &BinaryArray,
        rows: &[u32],
    ) -> Result<ArrayRef, OperatorError> {
        let wrong = |value: &[u8]| value.len() > length || (fill && value.len() < length);
        let mut counted = bytes.iter().zip(rows).filter(|(_, row)| self.counts(**row));
        let Some(first) = counted.find_map(|(value, _)| value.filter(|value| wrong(value))) else {
            return Ok(Arc::new(bytes.clone()));
        };
        if self.spec.length == LengthEnforcer::Error {
            let kind = if fill { "BINARY" } else { "VARBINARY" };
            return Err(wrong_length(path, kind, length, first.len()));
        }
        let mut cut = BinaryBuilder::with_capacity(bytes.len(), bytes.value_data().len());
        for value in bytes {
            match value {
                None => cut.append_null(),
                Some(value) if wrong(value) => {
                    let mut value = value.to_vec();
                    value.resize(length, 0);
                    cut.append_value(value);
                }
                Some(value) => cut.append_value(value),
            }
        }
        Ok(Arc::new(cut.finish()))
    }
}

fn wrong_length(path: &str, kind: &str, length: usize, found: usize) -> OperatorError {
    OperatorError::Row(format!(
        "Column '{path}' is {kind}({length}), however, a string of length {found} is being written \
         into it. You can set job configuration 'table.exec.sink.type-length-enforcer' to control \
         this behaviour."
    ))
}

/// The rows that the elements of a collection column stand in.
fn elements(column: &ArrayRef, offsets: &[i32], count: usize, rows: &[u32]) -> Vec<u32> {
    let mut inside = vec![NOWHERE; count];
    for (i, &row) in rows.iter().enumerate() {
        if column.is_valid(i) {
            inside[offsets[i] as usize..offsets[i + 1] as usize].fill(row);
        }
    }
    inside
}

impl Operator for SinkConstraints {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        let mut check = Check {
            spec: &self.spec,
            dropped: vec![false; batch.len()],
        };
        let rows: Vec<u32> = (0..batch.len() as u32).collect();
        // As Flink does: first the NULLs of the columns themselves, so that a dropped row breaks
        // no other rule.
        for ((name, ty), column) in self.spec.columns.iter().zip(batch.rows.columns()) {
            if !ty.nullable {
                check.not_null(name, column, &rows)?;
            }
        }
        let mut columns = batch.rows.columns().to_vec();
        for ((name, ty), column) in self.spec.columns.iter().zip(&mut columns) {
            if self.spec.demands(ty) {
                *column = check.column(name, ty, column, &rows)?;
            }
        }
        let rows = arrow::array::RecordBatch::try_new(batch.rows.schema(), columns)?;
        let kept = batch.with_rows(rows);
        if check.dropped.contains(&true) {
            let left: Vec<u32> = (0..batch.len() as u32)
                .filter(|&row| !check.dropped[row as usize])
                .collect();
            out.emit(kept.take(&UInt32Array::from(left))?);
        } else {
            out.emit(kept);
        }
        Ok(())
    }

    fn snapshot(&mut self, _: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, Int64Builder, ListBuilder, RecordBatch};
    use arrow::datatypes::{Field, Schema};
    use millstream_functions::RowKind;

    use super::*;
    use crate::harness::rows_text;

    fn spec(types: &[&str]) -> SinkConstraintsSpec {
        SinkConstraintsSpec {
            columns: types
                .iter()
                .enumerate()
                .map(|(i, ty)| (format!("c{i}"), FlinkType::parse(ty).unwrap()))
                .collect(),
            not_null: NotNullEnforcer::Error,
            length: LengthEnforcer::Ignore,
            nested: NestedEnforcer::Ignore,
        }
    }

    fn run(spec: SinkConstraintsSpec, columns: Vec<ArrayRef>) -> Result<Vec<String>, String> {
        let fields: Vec<Field> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| Field::new(format!("c{i}"), column.data_type().clone(), true))
            .collect();
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        let mut batch = Batch::append(rows, 0);
        let kinds = [RowKind::Insert, RowKind::Delete, RowKind::UpdateAfter];
        batch.kinds = Some((0..batch.len()).map(|row| kinds[row % 3]).collect());
        let mut operator = SinkConstraints::new(spec).map_err(|e| e.to_string())?;
        let mut out = Output::default();
        operator
            .process(0, batch, &mut out)
            .map_err(|e| e.to_string())?;
        let batches = out.take();
        Ok(batches.iter().flat_map(|b| rows_text(b).unwrap()).collect())
    }

    fn ints(values: &[Option<i64>]) -> ArrayRef {
        Arc::new(Int64Array::from(values.to_vec()))
    }

    fn texts(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn a_null_where_none_may_be_stops_the_job_or_drops_the_row() {
        let columns = || {
            vec![
                ints(&[Some(1), None, Some(3)]),
                ints(&[None, Some(2), None]),
            ]
        };
        let spec = spec(&["BIGINT NOT NULL", "BIGINT"]);
        assert_eq!(
            run(spec.clone(), columns()).unwrap_err(),
            "Column 'c0' is NOT NULL, however, a null value is being written into it. You can set \
             job configuration 'table.exec.sink.not-null-enforcer'='DROP' to suppress this \
             exception and drop such records silently."
        );
        let drop = SinkConstraintsSpec {
            not_null: NotNullEnforcer::Drop,
            ..spec
        };
        assert_eq!(
            run(drop, columns()).unwrap(),
            ["+I[1, null]", "+U[3, null]"]
        );
    }

    #[test]
    fn lengths_are_cut_and_filled_or_stop_the_job() {
        let columns = || {
            vec![
                texts(&[Some("ä"), Some("äöü"), None]),
                texts(&[Some("ä"), Some("äöü"), None]),
                Arc::new(BinaryArray::from_opt_vec(vec![
                    Some(&[1]),
                    Some(&[1, 2, 3]),
                    None,
                ])) as ArrayRef,
                Arc::new(BinaryArray::from_opt_vec(vec![
                    Some(&[1]),
                    Some(&[1, 2, 3]),
                    None,
                ])) as ArrayRef,
            ]
        };
        let types = ["CHAR(2)", "VARCHAR(2)", "BINARY(2)", "VARBINARY(2)"];
        let ignore = spec(&types);
        assert!(!ignore.is_needed());
        assert_eq!(
            run(ignore, columns()).unwrap()[1],
            "-D[äöü, äöü, 010203, 010203]"
        );
        let cut = SinkConstraintsSpec {
            length: LengthEnforcer::TrimPad,
            ..spec(&types)
        };
        assert!(cut.is_needed());
        assert_eq!(
            run(cut, columns()).unwrap(),
            [
                "+I[ä , ä, 0100, 01]",
                "-D[äö, äö, 0102, 0102]",
                "+U[null, null, null, null]"
            ]
        );
        for (i, (ty, found)) in [
            ("CHAR(2)", 1),
            ("VARCHAR(2)", 3),
            ("BINARY(2)", 1),
            ("VARBINARY(2)", 3),
        ]
        .into_iter()
        .enumerate()
        {
            let mut only = spec(&["STRING", "STRING", "BYTES", "BYTES"]);
            only.columns[i].1 = FlinkType::parse(ty).unwrap();
            only.length = LengthEnforcer::Error;
            assert_eq!(
                run(only, columns()).unwrap_err(),
                format!(
                    "Column 'c{i}' is {ty}, however, a string of length {found} is being written \
                     into it. You can set job configuration \
                     'table.exec.sink.type-length-enforcer' to control this behaviour."
                )
            );
        }
        let long = SinkConstraintsSpec {
            length: LengthEnforcer::Error,
            ..spec(&["STRING", "BYTES"])
        };
        assert!(!long.is_needed());
    }

    #[test]
    fn fields_of_rows_are_looked_at_if_asked_for() {
        let ty = "ROW<x BIGINT NOT NULL, s CHAR(2)>";
        let fields = vec![
            Field::new("x", arrow::datatypes::DataType::Int64, true),
            Field::new("s", arrow::datatypes::DataType::Utf8, true),
        ];
        let column = || -> Vec<ArrayRef> {
            let x = ints(&[Some(1), None, None]);
            let s = texts(&[Some("a"), Some("abc"), Some("abc")]);
            let nulls = Some(vec![true, true, false].into());
            vec![Arc::new(
                StructArray::try_new(fields.clone().into(), vec![x, s], nulls).unwrap(),
            )]
        };
        assert_eq!(run(spec(&[ty]), column()).unwrap().len(), 3);
        let nested = SinkConstraintsSpec {
            nested: NestedEnforcer::Rows,
            ..spec(&[ty])
        };
        let error = run(nested.clone(), column()).unwrap_err();
        assert!(error.starts_with("Column 'c0.x' is NOT NULL"), "{error}");
        let drop = SinkConstraintsSpec {
            not_null: NotNullEnforcer::Drop,
            length: LengthEnforcer::TrimPad,
            ..nested
        };
        // What stands in a NULL row is not looked at.
        assert_eq!(
            run(drop, column()).unwrap(),
            ["+I[{x: 1, s: a }]", "+U[null]"]
        );
    }

    #[test]
    fn elements_of_collections_are_looked_at_if_asked_for() {
        let column = || -> Vec<ArrayRef> {
            let mut list = ListBuilder::new(Int64Builder::new());
            list.append_value([Some(1), None]);
            list.append_null();
            list.append_value([Some(2)]);
            vec![Arc::new(list.finish())]
        };
        let ty = "ARRAY<BIGINT NOT NULL>";
        let rows = SinkConstraintsSpec {
            nested: NestedEnforcer::Rows,
            ..spec(&[ty])
        };
        assert_eq!(run(rows.clone(), column()).unwrap().len(), 3);
        let all = SinkConstraintsSpec {
            nested: NestedEnforcer::RowsAndCollections,
            not_null: NotNullEnforcer::Drop,
            ..rows
        };
        assert_eq!(run(all.clone(), column()).unwrap(), ["-D[null]", "+U[[2]]"]);
        let cut = SinkConstraintsSpec {
            length: LengthEnforcer::TrimPad,
            ..all
        };
        assert!(run(cut, column()).unwrap_err().contains("TRIM_PAD"));
    }
}
