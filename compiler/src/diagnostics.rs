//! What the compiler has to say about its input: one type for errors, warnings and notes.
//!
//! A [`Diagnostic`] answers four questions: what is wrong (`message`), where (`node`, `port`,
//! `parameter`, `span`), why, and what to do (`help`). The same value feeds the command line
//! (rendered with a caret under the place) and the editor's list of problems.

use std::fmt;
use std::fmt::Write as _;
use std::ops::Range;

/// A range of bytes in a script or in the text of one parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset one past the last byte.
    pub end: usize,
}

impl Span {
    /// The span from `start` up to but excluding `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The smallest span that covers both.
    pub fn union(self, other: Span) -> Span {
        Span::new(self.start.min(other.start), self.end.max(other.end))
    }

    /// The same place as a range, for slicing.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// How bad it is. Only [`Severity::Error`] stops a pipeline from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// It works, but probably not as meant.
    Warning,
    /// The pipeline cannot run.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Info => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One finding about a pipeline or a script.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A short stable code for tests and documentation, such as `sql/syntax`.
    pub code: &'static str,
    /// What is wrong and why, in the user's words, without a trailing period.
    pub message: String,
    /// The id of the node it belongs to.
    pub node: Option<String>,
    /// The port of that node.
    pub port: Option<String>,
    /// The parameter of that node; `parameter_span` then counts bytes in its text.
    pub parameter: Option<String>,
    /// The place within the text of `parameter`.
    pub parameter_span: Option<Span>,
    /// The place in the script.
    pub span: Option<Span>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            node: None,
            port: None,
            parameter: None,
            parameter_span: None,
            span: None,
            help: None,
        }
    }

    /// A finding that stops the pipeline.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A finding that does not.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// Something worth knowing.
    pub fn info(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, code, message)
    }

    /// A construct of Flink SQL that Millstream does not run (yet).
    pub fn not_supported(what: impl fmt::Display) -> Self {
        Self::error("sql/not-supported", format!("{what} is not supported"))
    }

    /// Points at a place in the script.
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Points at a place in the script unless one is known already.
    pub fn or_at(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }

    /// Names the node.
    pub fn on_node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// Names the port of the node.
    pub fn on_port(mut self, port: impl Into<String>) -> Self {
        self.port = Some(port.into());
        self
    }

    /// Names the parameter of the node and, if known, the place in its text.
    pub fn on_parameter(mut self, parameter: impl Into<String>, span: Option<Span>) -> Self {
        self.parameter = Some(parameter.into());
        self.parameter_span = span;
        self
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it stops the pipeline.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The finding as text for a terminal: headline, place, the line with a caret, help.
    ///
    /// `source` is the script the span counts in and the name to show for it; without one (or
    /// without a span) only the headline and the help are printed.
    pub fn render(&self, source: Option<(&str, &str)>) -> String {
        let mut out = format!("{}[{}]: {}\n", self.severity, self.code, self.message);
        if let Some(node) = &self.node {
            let _ = write!(out, "  --> node '{node}'");
            if let Some(port) = &self.port {
                let _ = write!(out, ", port '{port}'");
            }
            if let Some(parameter) = &self.parameter {
                let _ = write!(out, ", parameter '{parameter}'");
                if let Some(span) = self.parameter_span {
                    let _ = write!(out, ", character {}", span.start + 1);
                }
            }
            out.push('\n');
        }
        if let (Some(span), Some((name, text))) = (self.span, source) {
            let place = Place::of(text, span.start);
            let _ = writeln!(out, "  --> {name}:{}:{}", place.line, place.column);
            let line_end = text[place.line_start..]
                .find('\n')
                .map_or(text.len(), |i| place.line_start + i);
            let line = &text[place.line_start..line_end];
            let number = place.line.to_string();
            let gutter = " ".repeat(number.len());
            let before = &text[place.line_start..place.offset];
            let marked_end = floor_char_boundary(text, span.end.clamp(place.offset, line_end));
            let width = text[place.offset..marked_end].chars().count().max(1);
            // Tabs are kept in the padding so that the caret stands under its character.
            let padding: String = before
                .chars()
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            let _ = writeln!(out, " {gutter} |");
            let _ = writeln!(out, " {number} | {line}");
            let _ = writeln!(out, " {gutter} | {padding}{}", "^".repeat(width));
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "  help: {help}");
        }
        out
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(None).trim_end())
    }
}

impl std::error::Error for Diagnostic {}

/// A position in a text as people count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The byte offset, moved back to the start of its character.
    pub offset: usize,
    /// Byte offset of the first character of the line.
    pub line_start: usize,
}

impl Place {
    /// The place of byte `offset` in `text`; an offset past the end counts as the end.
    pub fn of(text: &str, offset: usize) -> Self {
        let offset = floor_char_boundary(text, offset.min(text.len()));
        let line_start = text[..offset].rfind('\n').map_or(0, |i| i + 1);
        Self {
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..offset].chars().count() + 1,
            offset,
            line_start,
        }
    }
}

fn floor_char_boundary(text: &str, mut offset: usize) -> usize {
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// The candidate nearest to `word` if it is near enough to be a slip of the keyboard.
///
/// Case is ignored; at most a third of the letters may differ.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = previous[0];
        previous[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = previous[j + 1];
            previous[j + 1] = substituted.min(previous[j] + 1).min(diagonal + 1);
        }
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_the_place() {
        let text = "SELECT a\nFROM\tñandu WHERE b";
        let start = text.find("ñandu").unwrap();
        let rendered = Diagnostic::error("sql/unknown-table", "no table 'ñandu'")
            .at(Span::new(start, start + "ñandu".len()))
            .help("did you mean 'nandu'?")
            .render(Some(("job.sql", text)));
        assert_eq!(
            rendered,
            "error[sql/unknown-table]: no table 'ñandu'\n  --> job.sql:2:6\n   |\n 2 | FROM\tñandu WHERE b\n   |     \t^^^^^\n  help: did you mean 'nandu'?\n"
        );
    }

    #[test]
    fn a_span_past_the_end_points_at_the_end() {
        let rendered = Diagnostic::error("x", "y")
            .at(Span::new(90, 95))
            .render(Some(("a", "SELECT")));
        assert!(rendered.contains("a:1:7"), "{rendered}");
    }

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = ["amount", "card_id", "ts"];
        assert_eq!(did_you_mean("amuont", names), Some("amount"));
        assert_eq!(did_you_mean("CARD_IDS", names), Some("card_id"));
        assert_eq!(did_you_mean("merchant", names), None);
    }
}
