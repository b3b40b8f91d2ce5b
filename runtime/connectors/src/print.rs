//! The connector `print`: each row as a line, as Flink prints it: `+I[a, 1]`.
//!
//! The line starts with `identifier:task> ` where there is a `print-identifier` and more than one
//! task (counted from 1), with one of the two where only one holds, else with the row. A batch is
//! written in one piece, so lines of several tasks don't mix.

use std::io::Write;

use arrow::array::{Array, RecordBatch};
use millstream_functions::RowKind;
use millstream_functions::display::{Formatter, Style};

use crate::error::{ConnectorError, ErrorKind, Result};
use crate::options::{self, OptionDef, Value};
use crate::sink::{Committable, SinkContext, SinkWriter};
use crate::spec::TableSpec;

const OPTIONS: &[OptionDef] = &[
    OptionDef::new("print-identifier", Value::Text),
    OptionDef::new("standard-error", Value::Boolean),
];

pub(crate) fn validate_sink(spec: &TableSpec) -> Result<()> {
    options::check(spec, &[OPTIONS], &|_| Ok(None))
}

/// Whether the table prints to the standard error stream.
pub(crate) fn to_stderr(spec: &TableSpec) -> Result<bool> {
    spec.boolean("standard-error")
}

pub(crate) struct PrintSink {
    table: String,
    out: Box<dyn Write + Send>,
    prefix: String,
    formatters: Vec<Formatter>,
    text: String,
}

impl PrintSink {
    pub(crate) fn new(spec: &TableSpec, context: &SinkContext, out: Box<dyn Write + Send>) -> Self {
        let identifier = spec.option("print-identifier").unwrap_or_default();
        let task = context.subtask + 1;
        let prefix = match (identifier.is_empty(), context.parallelism > 1) {
            (false, true) => format!("{identifier}:{task}> "),
            (false, false) => format!("{identifier}> "),
            (true, true) => format!("{task}> "),
            (true, false) => String::new(),
        };
        Self {
            table: spec.name.clone(),
            out,
            prefix,
            formatters: spec
                .columns
                .iter()
                .map(|(_, ty)| Formatter::new(ty, Style::Row))
                .collect(),
            text: String::new(),
        }
    }
}

impl SinkWriter for PrintSink {
    fn write(&mut self, batch: &RecordBatch, kinds: Option<&[RowKind]>) -> Result<()> {
        if batch.num_columns() != self.formatters.len() {
            return Err(ConnectorError::new(
                ErrorKind::Schema,
                format!(
                    "the table has {} columns, the rows have {}",
                    self.formatters.len(),
                    batch.num_columns()
                ),
            )
            .with_table(&self.table));
        }
        self.text.clear();
        for row in 0..batch.num_rows() {
            let kind = kinds
                .and_then(|kinds| kinds.get(row))
                .copied()
                .unwrap_or_default();
            self.text.push_str(&self.prefix);
            self.text.push_str(kind.short());
            self.text.push('[');
            for (index, (formatter, column)) in
                self.formatters.iter().zip(batch.columns()).enumerate()
            {
                if index > 0 {
                    self.text.push_str(", ");
                }
                formatter.write(column as &dyn Array, row, &mut self.text);
            }
            self.text.push_str("]\n");
        }
        self.out
            .write_all(self.text.as_bytes())
            .and_then(|()| self.out.flush())
            .map_err(|error| {
                ConnectorError::new(ErrorKind::Io, format!("cannot print: {error}"))
                    .with_table(&self.table)
            })
    }

    fn prepare_commit(&mut self, _epoch: u64) -> Result<Vec<Committable>> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use arrow::array::{ArrayRef, Int32Array, StringArray};
    use millstream_functions::types::FlinkType;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn printed(identifier: Option<&str>, parallelism: u32) -> String {
        let mut options = std::collections::BTreeMap::from([("connector".into(), "print".into())]);
        if let Some(identifier) = identifier {
            options.insert("print-identifier".into(), identifier.into());
        }
        let spec = TableSpec {
            name: "p".into(),
            columns: vec![
                ("a".into(), FlinkType::string()),
                ("b".into(), FlinkType::parse("INT").unwrap()),
            ],
            metadata: vec![],
            partition_keys: vec![],
            primary_key: vec![],
            options,
            base_dir: ".".into(),
        };
        validate_sink(&spec).unwrap();
        let context = SinkContext {
            job: "j".into(),
            subtask: 1,
            parallelism,
        };
        let out = Shared::default();
        let mut sink = PrintSink::new(&spec, &context, Box::new(out.clone()));
        let batch = RecordBatch::try_from_iter([
            (
                "a",
                Arc::new(StringArray::from(vec![Some("x"), None])) as ArrayRef,
            ),
            ("b", Arc::new(Int32Array::from(vec![1, 2]))),
        ])
        .unwrap();
        sink.write(&batch, Some(&[RowKind::Insert, RowKind::Delete]))
            .unwrap();
        String::from_utf8(out.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn lines_are_flinks() {
        assert_eq!(printed(None, 1), "+I[x, 1]\n-D[null, 2]\n");
        assert_eq!(printed(Some("me"), 1), "me> +I[x, 1]\nme> -D[null, 2]\n");
        assert_eq!(printed(None, 2), "2> +I[x, 1]\n2> -D[null, 2]\n");
        assert_eq!(
            printed(Some("me"), 2),
            "me:2> +I[x, 1]\nme:2> -D[null, 2]\n"
        );
    }
}
