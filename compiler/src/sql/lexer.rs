//! Flink SQL text to tokens, each with its exact place in bytes.
//!
//! The rules are those of Flink's parser (Calcite's, lexical policy `JAVA`): names may stand in
//! backticks, strings stand in single quotes with a doubled quote for a quote, `--` and `//` start
//! a comment that ends with the line, `/* … */` does not nest, and `/*+` starts a hint. The lexer
//! never fails: what is not a token of Flink SQL becomes a [`TokenKind::Bad`] that says why, and
//! whoever reads the tokens reports it. Comments are kept, because the formatter needs them.

use std::borrow::Cow;

use crate::diagnostics::Span;

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword or a plain name.
    Word,
    /// A name in backticks.
    Quoted,
    /// A number: `1`, `.5`, `1e3`.
    Number,
    /// A string in single quotes.
    Text,
    /// A string of bytes: `X'0aff'`.
    Bytes,
    /// A string with escapes for characters: `U&'\00e9'`.
    Unicode,
    /// A symbol, such as `<=`.
    Symbol(&'static str),
    /// A comment up to the end of the line, without the line break.
    LineComment,
    /// A comment between `/*` and `*/`.
    BlockComment,
    /// `/*+ … */`.
    Hint,
    /// Not a token of Flink SQL, and why.
    Bad(&'static str),
}

/// A token and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

impl Token {
    pub(crate) fn text<'a>(&self, script: &'a str) -> &'a str {
        &script[self.span.range()]
    }

    pub(crate) fn is_comment(&self) -> bool {
        matches!(self.kind, TokenKind::LineComment | TokenKind::BlockComment)
    }
}

/// Symbols of Flink SQL, longest first.
const SYMBOLS: [&str; 25] = [
    "=>", "<=", ">=", "<>", "||", "(", ")", "[", "]", ",", ";", ".", ":", "=", "<", ">", "+", "-",
    "*", "/", "%", "{", "}", "|", "?",
];

const DOUBLE_QUOTES: &str =
    "double quotes are not supported: a string stands in single quotes, a name in backticks";
const BANG: &str = "the operator != is not supported: write <> for 'not equal'";
const STRAY: &str = "this character has no meaning in Flink SQL";

/// Splits a whole script into tokens, comments included and blanks left out.
pub(crate) fn tokenize(script: &str) -> Vec<Token> {
    let bytes = script.as_bytes();
    let mut tokens = Vec::with_capacity(script.len() / 5);
    let mut at = 0;
    while at < bytes.len() {
        let rest = &script[at..];
        let Some(first) = rest.chars().next() else {
            break;
        };
        if first.is_whitespace() || first == '\u{feff}' {
            at += first.len_utf8();
            continue;
        }
        let (kind, length) = scan(rest, first);
        tokens.push(Token {
            kind,
            span: Span::new(at, at + length),
        });
        at += length;
    }
    tokens
}

/// The token at the start of `rest`, which starts with the non-blank `first`.
fn scan(rest: &str, first: char) -> (TokenKind, usize) {
    if rest.starts_with("--") || rest.starts_with("//") {
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        return (TokenKind::LineComment, length);
    }
    if let Some(body) = rest.strip_prefix("/*") {
        let kind = if body.starts_with('+') {
            TokenKind::Hint
        } else {
            TokenKind::BlockComment
        };
        return match body.find("*/") {
            Some(end) => (kind, end + 4),
            None => (
                TokenKind::Bad("this comment is never closed: '*/' is missing"),
                rest.len(),
            ),
        };
    }
    match first {
        '\'' => {
            return quoted(
                rest,
                0,
                '\'',
                TokenKind::Text,
                "this string is never closed: a ' is missing",
            );
        }
        '`' => {
            let (kind, length) = quoted(
                rest,
                0,
                '`',
                TokenKind::Quoted,
                "this name is never closed: a ` is missing",
            );
            if length == 2 {
                return (TokenKind::Bad("a name must not be empty"), length);
            }
            return (kind, length);
        }
        '"' => {
            let (_, length) = quoted(rest, 0, '"', TokenKind::Text, DOUBLE_QUOTES);
            return (TokenKind::Bad(DOUBLE_QUOTES), length);
        }
        'x' | 'X' if rest[1..].starts_with('\'') => {
            return quoted(
                rest,
                1,
                '\'',
                TokenKind::Bytes,
                "this string is never closed: a ' is missing",
            );
        }
        'u' | 'U' if rest[1..].starts_with("&'") => {
            return quoted(
                rest,
                2,
                '\'',
                TokenKind::Unicode,
                "this string is never closed: a ' is missing",
            );
        }
        'n' | 'N' | 'e' | 'E' if rest[1..].starts_with('\'') => {
            let (_, length) = quoted(rest, 1, '\'', TokenKind::Text, "");
            return (
                TokenKind::Bad(
                    "a prefix before a string is not supported: write the string without it",
                ),
                length,
            );
        }
        _ => {}
    }
    if is_name_start(first) {
        let length = rest
            .char_indices()
            .find(|(_, c)| !is_name_part(*c))
            .map_or(rest.len(), |(i, _)| i);
        return (TokenKind::Word, length);
    }
    if let Some(length) = number(rest.as_bytes()) {
        return (TokenKind::Number, length);
    }
    for symbol in SYMBOLS {
        if rest.starts_with(symbol) {
            return (TokenKind::Symbol(symbol), symbol.len());
        }
    }
    if rest.starts_with("!=") {
        return (TokenKind::Bad(BANG), 2);
    }
    (TokenKind::Bad(STRAY), first.len_utf8())
}

/// A token that starts with `prefix` bytes and ends with an undoubled `quote`.
fn quoted(
    rest: &str,
    prefix: usize,
    quote: char,
    kind: TokenKind,
    open: &'static str,
) -> (TokenKind, usize) {
    let bytes = rest.as_bytes();
    let mut at = prefix + 1;
    while at < bytes.len() {
        if bytes[at] == quote as u8 {
            if bytes.get(at + 1) == Some(&(quote as u8)) {
                at += 2;
                continue;
            }
            return (kind, at + 1);
        }
        at += 1;
    }
    (TokenKind::Bad(open), rest.len())
}

/// The length of the number at the start, if there is one.
fn number(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let whole = digits(0);
    let mut length = whole;
    if bytes.get(length) == Some(&b'.') {
        let fraction = digits(length + 1);
        if whole == 0 && fraction == 0 {
            return None;
        }
        length += 1 + fraction;
    }
    if length == 0 {
        return None;
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = bytes
            .get(length + 1 + sign..)
            .map_or(0, |_| digits(length + 1 + sign));
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    Some(length)
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

fn is_name_part(c: char) -> bool {
    is_name_start(c) || c.is_numeric()
}

/// What stands between the quotes of a text or a quoted name, with doubled quotes made single.
pub(crate) fn unquote(token: &str) -> Cow<'_, str> {
    let quote = if token.starts_with('`') { '`' } else { '\'' };
    let Some(open) = token.find(quote) else {
        return Cow::Borrowed(token);
    };
    let inner = &token[open + 1..token.len() - 1];
    if inner.contains(quote) {
        let doubled: String = [quote, quote].iter().collect();
        Cow::Owned(inner.replace(&doubled, &quote.to_string()))
    } else {
        Cow::Borrowed(inner)
    }
}

/// The value of `U&'…'`: `\XXXX` and `\+XXXXXX` are code points, `\\` is a backslash.
pub(crate) fn decode_unicode(token: &str) -> Option<String> {
    let inner = unquote(token);
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner.as_ref();
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        if let Some(tail) = escape.strip_prefix('\\') {
            out.push('\\');
            rest = tail;
            continue;
        }
        let (digits, tail) = match escape.strip_prefix('+') {
            Some(long) => (long.get(..6)?, long.get(6..)?),
            None => (escape.get(..4)?, escape.get(4..)?),
        };
        out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
        rest = tail;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<&str> {
        tokenize(script).iter().map(|t| t.text(script)).collect()
    }

    fn kinds(script: &str) -> Vec<TokenKind> {
        tokenize(script).into_iter().map(|t| t.kind).collect()
    }

    #[test]
    fn words_numbers_strings_and_symbols() {
        assert_eq!(
            texts("SELECT `a``b`, 'it''s', 1.5e-3, .5, t.x<=4||'é' FROM größe"),
            [
                "SELECT", "`a``b`", ",", "'it''s'", ",", "1.5e-3", ",", ".5", ",", "t", ".", "x",
                "<=", "4", "||", "'é'", "FROM", "größe"
            ]
        );
        assert_eq!(unquote("`a``b`"), "a`b");
        assert_eq!(unquote("'it''s'"), "it's");
        assert_eq!(unquote("X'0a'"), "0a");
    }

    #[test]
    fn an_exponent_needs_digits() {
        assert_eq!(texts("1e 2e+ 3e5"), ["1", "e", "2", "e", "+", "3e5"]);
    }

    #[test]
    fn comments_do_not_nest_and_hints_are_told_apart() {
        assert_eq!(
            kinds("-- a\n/* b /* c */ // d\n/*+ OPTIONS('k'='v') */"),
            [
                TokenKind::LineComment,
                TokenKind::BlockComment,
                TokenKind::LineComment,
                TokenKind::Hint
            ]
        );
    }

    #[test]
    fn what_is_not_flink_sql_is_marked() {
        for script in [
            "'open", "`open", "/* open", "\"x\"", "a != b", "a ^ b", "``", "N'x'", "@",
        ] {
            assert!(
                kinds(script).iter().any(|k| matches!(k, TokenKind::Bad(_))),
                "{script}"
            );
        }
    }

    #[test]
    fn unicode_escapes() {
        assert_eq!(
            decode_unicode(r"U&'caf\00e9 \\ \+01F600'").as_deref(),
            Some("café \\ 😀")
        );
        assert_eq!(decode_unicode(r"U&'\00'"), None);
    }
}
