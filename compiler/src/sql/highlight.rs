//! What each word of a text is, for an editor that colours it.

use super::keywords::{is_reserved, is_reserved_function};
use super::lexer::{TokenKind, tokenize};
use crate::diagnostics::Span;

/// What a stretch of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextKind {
    /// A word of the grammar.
    Keyword,
    /// The name of a function that is called there.
    Function,
    /// A name: a column, a table, a field.
    Name,
    /// A name in backticks.
    QuotedName,
    /// A number.
    Number,
    /// A string, of characters or bytes.
    String,
    /// A comment or a hint.
    Comment,
    /// A symbol.
    Symbol,
    /// Not a token of Flink SQL.
    Bad,
}

/// A stretch of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its bytes.
    pub span: Span,
    /// What it is.
    pub kind: TextKind,
}

/// Words that Flink does not reserve and that are part of the grammar where they mostly stand.
const UNRESERVED: [&str; 22] = [
    "CONNECTOR",
    "DESCRIPTOR",
    "ENFORCED",
    "FIRST",
    "IF",
    "INPUT",
    "KEY",
    "LAST",
    "MINUTES",
    "MODEL",
    "NULLS",
    "OUTPUT",
    "PLACING",
    "PRECEDING",
    "SECONDS",
    "STATEMENT",
    "TEMPORARY",
    "TIES",
    "VIEW",
    "WATERMARK",
    "WINDOWS",
    "ZONE",
];

/// The stretches of a text in order; what is between them is blank. Never fails: a text that is
/// being typed is rarely right.
pub fn highlight(text: &str) -> Vec<Stretch> {
    let tokens = tokenize(text);
    let mut out = Vec::with_capacity(tokens.len());
    for (i, token) in tokens.iter().enumerate() {
        let next_opens = || {
            tokens[i + 1..]
                .iter()
                .find(|token| !token.is_comment())
                .is_some_and(|token| token.kind == TokenKind::Symbol("("))
        };
        let kind = match &token.kind {
            TokenKind::Word => {
                let word = token.text(text);
                // IN, AND and their like stand before parentheses too; a name does not.
                let callable = || {
                    let json = word
                        .get(..5)
                        .is_some_and(|w| w.eq_ignore_ascii_case("JSON_"));
                    !is_reserved(word) || is_reserved_function(word) || json
                };
                if next_opens() && callable() {
                    TextKind::Function
                } else if is_reserved(word) || is_unreserved(word) {
                    TextKind::Keyword
                } else {
                    TextKind::Name
                }
            }
            TokenKind::Quoted => TextKind::QuotedName,
            TokenKind::Number => TextKind::Number,
            TokenKind::Text | TokenKind::Bytes | TokenKind::Unicode => TextKind::String,
            TokenKind::Symbol(_) => TextKind::Symbol,
            TokenKind::LineComment | TokenKind::BlockComment | TokenKind::Hint => TextKind::Comment,
            TokenKind::Bad(_) => TextKind::Bad,
        };
        out.push(Stretch {
            span: token.span,
            kind,
        });
    }
    out
}

/// A word of the grammar that may be a name too, taken for a word only in capitals.
fn is_unreserved(word: &str) -> bool {
    UNRESERVED.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(&str, TextKind)> {
        highlight(text)
            .into_iter()
            .map(|stretch| (&text[stretch.span.range()], stretch.kind))
            .collect()
    }

    #[test]
    fn words_by_what_they_are() {
        use TextKind::*;
        assert_eq!(
            kinds("SUM(`größe`) > 1.5 AND x IN ('a') -- why"),
            [
                ("SUM", Function),
                ("(", Symbol),
                ("`größe`", QuotedName),
                (")", Symbol),
                (">", Symbol),
                ("1.5", Number),
                ("AND", Keyword),
                ("x", Name),
                ("IN", Keyword),
                ("(", Symbol),
                ("'a'", String),
                (")", Symbol),
                ("-- why", Comment),
            ]
        );
        assert_eq!(kinds("json_value(a")[0].1, Function);
        assert_eq!(
            kinds("CREATE TEMPORARY VIEW view")[1..],
            [("TEMPORARY", Keyword), ("VIEW", Keyword), ("view", Name),]
        );
    }

    #[test]
    fn a_text_that_is_being_typed_is_coloured_too() {
        assert_eq!(kinds("'open"), [("'open", TextKind::Bad)]);
        assert_eq!(kinds(""), []);
        assert!(UNRESERVED.is_sorted());
    }
}
