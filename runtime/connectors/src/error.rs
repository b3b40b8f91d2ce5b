//! The one error of this crate: what went wrong with a table's connector, where, why and what to do.
//!
//! An error is assembled where the fact is known (a field parser knows the value, a reader the
//! line, a source the table) and each layer adds its part with a `with_…` method on the way up, so
//! that the user reads one sentence with the whole place.

use std::fmt;
use std::path::{Path, PathBuf};

/// What kind of fault an error reports. Callers decide by it whether the input is wrong (before a
/// job starts) or a job failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The option `connector` is absent or names nothing we know.
    UnknownConnector,
    /// An option key this connector or format doesn't have.
    UnknownOption,
    /// A required option is absent.
    MissingOption,
    /// An option's value is of the wrong type or out of range.
    BadOption,
    /// Flink has it, Millstream doesn't (yet).
    NotSupported,
    /// The table's columns don't fit the connector or format.
    Schema,
    /// A file or folder that should be there is not, or may not be read.
    NotFound,
    /// A row or field that could not be read as the table says.
    BadRow,
    /// A position to resume from that doesn't fit the source any more.
    BadPosition,
    /// The operating system refused to read or write.
    Io,
}

/// The result of everything in this crate.
pub type Result<T, E = ConnectorError> = std::result::Result<T, E>;

/// A fault of a source or sink, with its place.
///
/// The parts are behind one pointer so that `Result`s on the per-row paths stay small.
#[derive(Debug)]
pub struct ConnectorError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: ErrorKind,
    reason: String,
    table: Option<String>,
    option: Option<String>,
    file: Option<PathBuf>,
    line: Option<u64>,
    column: Option<String>,
    value: Option<String>,
    remedy: Option<String>,
    source: Option<std::io::Error>,
}

/// Values longer than this many characters are cut in messages.
const VALUE_SHOWN: usize = 60;

impl ConnectorError {
    /// An error of `kind`; `reason` is a clause without a full stop.
    pub fn new(kind: ErrorKind, reason: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            reason: reason.into(),
            table: None,
            option: None,
            file: None,
            line: None,
            column: None,
            value: None,
            remedy: None,
            source: None,
        }))
    }

    /// An operating system error while doing `what` (for example "cannot open the file").
    pub fn io(what: impl fmt::Display, file: &Path, error: std::io::Error) -> Self {
        let (kind, remedy) = match error.kind() {
            std::io::ErrorKind::NotFound => (ErrorKind::NotFound, Some("check the table's 'path'")),
            std::io::ErrorKind::PermissionDenied => (
                ErrorKind::Io,
                Some("give this user the right to it, or choose another 'path'"),
            ),
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => (
                ErrorKind::Io,
                Some("free space on the disk and start again: nothing that was committed is lost"),
            ),
            std::io::ErrorKind::ReadOnlyFilesystem => (
                ErrorKind::Io,
                Some("choose a 'path' on a file system that can be written"),
            ),
            _ => (ErrorKind::Io, None),
        };
        let mut new = Self::new(kind, format!("{what}: {error}")).with_file(file);
        new.0.remedy = remedy.map(String::from);
        new.0.source = Some(error);
        new
    }

    /// Names the table; the outermost layer does it once. One whose columns are still to be found has
    /// no name, and what is said of it is said of its file.
    pub fn with_table(mut self, table: &str) -> Self {
        if !table.is_empty() {
            self.0.table.get_or_insert_with(|| table.to_owned());
        }
        self
    }

    /// Names the option key the user should look at.
    pub fn with_option(mut self, key: impl Into<String>) -> Self {
        self.0.option = Some(key.into());
        self
    }

    /// Names the file.
    pub fn with_file(mut self, file: &Path) -> Self {
        self.0.file.get_or_insert_with(|| file.to_owned());
        self
    }

    /// Names the line, counted from 1.
    pub fn with_line(mut self, line: u64) -> Self {
        self.0.line.get_or_insert(line);
        self
    }

    /// Says that what was counted as lines are rows, from 1.
    pub(crate) fn in_row(mut self, row: u64) -> Self {
        self.0.line = None;
        self.0.reason = format!("row {row}: {}", self.0.reason);
        self
    }

    /// Takes the option away where the user gave none.
    pub(crate) fn without_option(mut self) -> Self {
        self.0.option = None;
        self
    }

    /// Names the column.
    pub fn with_column(mut self, column: impl Into<String>) -> Self {
        self.0.column = Some(column.into());
        self
    }

    /// Shows the offending value; bytes that are no UTF-8 are shown escaped, long values cut.
    pub fn with_value(mut self, value: &[u8]) -> Self {
        let mut shown = String::new();
        for (n, chunk) in value.utf8_chunks().flat_map(show).enumerate() {
            if n == VALUE_SHOWN {
                shown.push('…');
                break;
            }
            shown.push_str(&chunk);
        }
        self.0.value = Some(shown);
        self
    }

    /// Says what the user can do, as a clause.
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// What kind of fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The table, once the outer layer named it.
    pub fn table(&self) -> Option<&str> {
        self.0.table.as_deref()
    }

    /// The option key to blame, as written in the table's `WITH (…)`.
    pub fn option(&self) -> Option<&str> {
        self.0.option.as_deref()
    }

    /// The file.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The line in the file, from 1.
    pub fn line(&self) -> Option<u64> {
        self.0.line
    }

    /// The table's column.
    pub fn column(&self) -> Option<&str> {
        self.0.column.as_deref()
    }

    /// The value that could not be read, made printable.
    pub fn value(&self) -> Option<&str> {
        self.0.value.as_deref()
    }

    /// Why, without the place.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// What to do about it.
    pub fn remedy(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    /// Whether the table's definition is at fault (found before a job starts), not its data or the
    /// machine.
    pub fn is_definition(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::UnknownConnector
                | ErrorKind::UnknownOption
                | ErrorKind::MissingOption
                | ErrorKind::BadOption
                | ErrorKind::NotSupported
                | ErrorKind::Schema
        )
    }
}

/// One printable piece per character; bytes that are no character as `\xNN`.
fn show(chunk: std::str::Utf8Chunk<'_>) -> Vec<String> {
    let valid = chunk.valid().chars().map(|c| match c {
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    });
    let invalid = chunk.invalid().iter().map(|b| format!("\\x{b:02X}"));
    valid.chain(invalid).collect()
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &*self.0;
        let mut place = Vec::new();
        if let Some(table) = &parts.table {
            place.push(format!("table '{table}'"));
        }
        if let Some(file) = &parts.file {
            match parts.line {
                Some(line) => place.push(format!("{}:{line}", file.display())),
                None => place.push(file.display().to_string()),
            }
        } else if let Some(line) = parts.line {
            place.push(format!("line {line}"));
        }
        if let Some(column) = &parts.column {
            place.push(format!("column '{column}'"));
        }
        if !place.is_empty() {
            write!(f, "{}: ", place.join(", "))?;
        }
        f.write_str(&parts.reason)?;
        if let Some(value) = &parts.value {
            write!(f, ", got '{value}'")?;
        }
        if let Some(remedy) = &parts.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|e| e as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_from_the_place_to_the_remedy() {
        let error = ConnectorError::new(ErrorKind::BadRow, "not a BIGINT")
            .with_value(b"1x\xff\n")
            .with_column("id")
            .with_line(3)
            .with_file(Path::new("a.csv"))
            .with_remedy("set 'csv.ignore-parse-errors' = 'true' to read it as NULL")
            .with_table("orders");
        assert_eq!(
            error.to_string(),
            "table 'orders', a.csv:3, column 'id': not a BIGINT, got '1x\\xFF\\n'; \
             set 'csv.ignore-parse-errors' = 'true' to read it as NULL"
        );
    }

    #[test]
    fn a_table_without_a_name_is_not_named() {
        let error = ConnectorError::new(ErrorKind::BadRow, "empty").with_file(Path::new("a.csv"));
        assert_eq!(error.with_table("").to_string(), "a.csv: empty");
    }

    #[test]
    fn long_values_are_cut() {
        let error = ConnectorError::new(ErrorKind::BadRow, "bad").with_value(&[b'x'; 500]);
        assert_eq!(error.value().map(|v| v.chars().count()), Some(61));
    }
}
