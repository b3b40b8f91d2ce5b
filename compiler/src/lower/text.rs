//! SQL text that remembers which parameter each piece of it came from. How it is laid out is left
//! to the formatter.

use crate::diagnostics::Span;
use crate::sql::{quote_name, quote_text};

/// A stretch of SQL that stands in a parameter, character by character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it stands in the SQL.
    pub(crate) span: Span,
    /// The parameter: `condition`, `columns.total`, `keys[0]`.
    pub(crate) parameter: String,
    /// The byte of the parameter's text that the piece starts with.
    pub(crate) offset: usize,
}

/// SQL text under construction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SqlText {
    text: String,
    pieces: Vec<Piece>,
}

impl SqlText {
    /// No text.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Text that comes from no parameter.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            pieces: Vec::new(),
        }
    }

    /// A name, in backticks if it must be.
    pub(crate) fn name(name: &str) -> Self {
        Self::plain(quote_name(name))
    }

    /// Text of a parameter, as it is, from byte `offset` of the parameter on.
    pub(crate) fn parameter(parameter: &str, text: &str, offset: usize) -> Self {
        let mut out = Self::new();
        out.push_piece(text, parameter, offset);
        out
    }

    /// A name that a parameter gives.
    pub(crate) fn name_of(parameter: &str, name: &str) -> Self {
        let quoted = quote_name(name);
        let mut out = Self::new();
        if quoted == name {
            out.push_piece(name, parameter, 0);
        } else {
            out.push("`");
            out.push_piece(&quoted[1..quoted.len() - 1], parameter, 0);
            out.push("`");
        }
        out
    }

    /// A string literal whose content a parameter gives.
    pub(crate) fn literal_of(parameter: &str, text: &str) -> Self {
        let quoted = quote_text(text);
        let mut out = Self::new();
        out.push("'");
        out.push_piece(&quoted[1..quoted.len() - 1], parameter, 0);
        out.push("'");
        out
    }

    fn push_piece(&mut self, text: &str, parameter: &str, offset: usize) {
        let start = self.text.len();
        self.text.push_str(text);
        self.pieces.push(Piece {
            span: Span::new(start, self.text.len()),
            parameter: parameter.to_string(),
            offset,
        });
    }

    /// Appends text that comes from no parameter.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends other SQL with its pieces.
    pub(crate) fn append(&mut self, other: &SqlText) {
        let shift = self.text.len();
        self.text.push_str(&other.text);
        self.pieces.extend(other.pieces.iter().map(|piece| Piece {
            span: Span::new(piece.span.start + shift, piece.span.end + shift),
            ..piece.clone()
        }));
    }

    /// The same text with more behind it.
    pub(crate) fn then(mut self, text: &str) -> Self {
        self.push(text);
        self
    }

    /// The same text with other SQL behind it.
    pub(crate) fn and(mut self, other: &SqlText) -> Self {
        self.append(other);
        self
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The pieces, in order.
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// `a, b, c` after a word.
    pub(crate) fn list(word: &str, items: &[SqlText]) -> Self {
        let mut out = Self::plain(word);
        for (i, item) in items.iter().enumerate() {
            out.push(if i == 0 { " " } else { ", " });
            out.append(item);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_move_with_their_text() {
        let inner = SqlText::plain("a + ").and(&SqlText::parameter("condition", "b > 1", 0));
        let outer = SqlText::plain("WHERE ").and(&inner).then(";");
        assert_eq!(outer.as_str(), "WHERE a + b > 1;");
        let piece = &outer.pieces()[0];
        assert_eq!(&outer.as_str()[piece.span.range()], "b > 1");
    }

    #[test]
    fn quotes_stand_outside_the_piece() {
        let name = SqlText::name_of("keys[0]", "order");
        assert_eq!(name.as_str(), "`order`");
        assert_eq!(name.pieces()[0].span, Span::new(1, 6));
        let literal = SqlText::literal_of("path", "it's");
        assert_eq!(literal.as_str(), "'it''s'");
        assert_eq!(literal.pieces()[0].span, Span::new(1, 6));
    }

    #[test]
    fn lists() {
        let items = [SqlText::name("a"), SqlText::name("order")];
        assert_eq!(
            SqlText::list("SELECT", &items).as_str(),
            "SELECT a, `order`"
        );
    }
}
