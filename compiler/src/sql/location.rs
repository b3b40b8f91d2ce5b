//! Bytes of a script to lines and columns and back.
//!
//! Our spans are bytes; sqlparser's trees (and with them DataFusion's errors) carry a line and a
//! column in characters, both from 1, with an exclusive end.

use datafusion_sql::sqlparser::tokenizer::{Location, Span as AstSpan};

use crate::diagnostics::Span;

/// Where the lines of a text start.
#[derive(Debug, Clone)]
pub struct LineIndex {
    /// Offset of the first byte of each line, and whether all its characters are single bytes.
    lines: Vec<(usize, bool)>,
    length: usize,
}

impl LineIndex {
    pub fn new(text: &str) -> Self {
        let mut lines = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            lines.push((start, line.is_ascii()));
            start += line.len();
        }
        if text.is_empty() || text.ends_with('\n') {
            lines.push((start, true));
        }
        Self {
            lines,
            length: text.len(),
        }
    }

    /// The line and column of a byte; one past the end counts as the end.
    pub fn location(&self, text: &str, offset: usize) -> Location {
        let offset = offset.min(self.length);
        let line = self
            .lines
            .partition_point(|(start, _)| *start <= offset)
            .saturating_sub(1);
        let (start, ascii) = self.lines[line];
        let column = if ascii {
            offset - start
        } else {
            text[start..offset].chars().count()
        };
        Location {
            line: line as u64 + 1,
            column: column as u64 + 1,
        }
    }

    /// The byte of a line and column; past the end of a line counts as the end of that line.
    pub fn offset(&self, text: &str, location: Location) -> Option<usize> {
        let line = usize::try_from(location.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(location.column).ok()?.checked_sub(1)?;
        let (start, ascii) = *self.lines.get(line)?;
        let end = self.lines.get(line + 1).map_or(self.length, |(s, _)| *s);
        Some(if ascii {
            (start + column).min(end)
        } else {
            text[start..end]
                .char_indices()
                .nth(column)
                .map_or(end, |(i, _)| start + i)
        })
    }

    /// Bytes as lines and columns.
    pub fn to_ast(&self, text: &str, span: Span) -> AstSpan {
        AstSpan::new(
            self.location(text, span.start),
            self.location(text, span.end),
        )
    }

    /// Lines and columns as bytes; `None` for an empty span, which stands for no place at all.
    pub fn from_ast(&self, text: &str, span: AstSpan) -> Option<Span> {
        let start = self.offset(text, span.start)?;
        let end = self.offset(text, span.end)?;
        Some(Span::new(start, end.max(start)))
    }
}

/// The bytes of a span of a tree that was parsed from `script`; `None` if it has no place.
pub fn byte_span(script: &str, span: AstSpan) -> Option<Span> {
    LineIndex::new(script).from_ast(script, span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_character_boundary_goes_there_and_back() {
        for text in ["", "a", "a\nb", "größe\r\n😀 x\n\n", "\n"] {
            let index = LineIndex::new(text);
            for offset in (0..=text.len()).filter(|o| text.is_char_boundary(*o)) {
                let location = index.location(text, offset);
                assert_eq!(
                    index.offset(text, location),
                    Some(offset),
                    "{text:?} {offset}"
                );
            }
        }
    }

    #[test]
    fn columns_count_characters() {
        let text = "SELECT\n  größe, x";
        let index = LineIndex::new(text);
        let x = text.len() - 1;
        let location = index.location(text, x);
        assert_eq!((location.line, location.column), (2, 10));
        assert_eq!(index.from_ast(text, AstSpan::empty()), None);
        assert_eq!(
            byte_span(text, index.to_ast(text, Span::new(x, x + 1))),
            Some(Span::new(x, x + 1))
        );
    }
}
