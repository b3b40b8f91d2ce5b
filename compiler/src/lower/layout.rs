//! Lays a lowered script out as the formatter does, and moves its source map along.
//!
//! The formatter changes blanks and the case of keywords, never a token. So the tokens of both
//! texts correspond one to one, and each place moves with its token.

use super::source_map::SourceMap;
use crate::diagnostics::{Diagnostic, Span};
use crate::plan::recall::Kept;
use crate::sql::format_script;
use crate::sql::lexer::{Token, tokenize};

/// Lays scripts out part by part, each text once: an editor wants two scripts that differ in a few
/// of their parts.
///
/// A part is a statement, or several, with the comments above it, and ends with a line. Between two
/// parts there is an empty line.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    /// By their texts; `None` of what cannot be laid out.
    parts: Kept<Option<Part>>,
}

#[derive(Debug)]
struct Part {
    text: String,
    /// Each token's place in the old and in the new text.
    tokens: Vec<(Span, Span)>,
}

impl Layouts {
    /// Lays a part out, for a script that will have it.
    pub(super) fn add(&mut self, part: &str) {
        if self.parts.get(part).is_none() {
            self.parts.keep(part.to_string(), align(part));
        }
    }

    /// A compilation ended: what none of the last ones had is forgotten.
    pub(super) fn turn(&mut self) {
        self.parts.turn();
    }

    /// Formats a script whose parts begin at these places. Where the formatter cannot (which only a
    /// text that is no SQL makes it do) all stays as it is.
    pub(super) fn format(
        &mut self,
        script: String,
        parts: &[usize],
        map: SourceMap,
        diagnostics: Vec<Diagnostic>,
    ) -> (String, SourceMap, Vec<Diagnostic>) {
        let Some((formatted, places)) = self.align(&script, parts) else {
            return (script, map, diagnostics);
        };
        let map = map.moved(&places);
        let diagnostics = diagnostics
            .into_iter()
            .map(|mut found| {
                found.span = found.span.map(|span| places.span(span));
                found
            })
            .collect();
        (formatted, map, diagnostics)
    }

    fn align(&mut self, script: &str, parts: &[usize]) -> Option<(String, Places)> {
        let mut formatted = String::with_capacity(script.len() * 5 / 4);
        let mut tokens = Vec::new();
        let ends = parts.iter().skip(1).copied().chain([script.len()]);
        for (start, end) in parts.iter().copied().zip(ends) {
            self.add(&script[start..end]);
            let part = self.parts.get(&script[start..end])?.as_ref()?;
            if part.tokens.is_empty() {
                continue;
            }
            if !formatted.is_empty() {
                formatted.push('\n');
            }
            let by = |span: Span, by: usize| Span::new(span.start + by, span.end + by);
            let moved = |(old, new): &(Span, Span)| (by(*old, start), by(*new, formatted.len()));
            tokens.extend(part.tokens.iter().map(moved));
            formatted.push_str(&part.text);
        }
        Some((formatted, Places { tokens }))
    }
}

fn align(part: &str) -> Option<Part> {
    let text = format_script(part).ok()?;
    let old = tokenize(part);
    let new = tokenize(&text);
    let same = |(a, b): (&Token, &Token)| {
        a.kind == b.kind && a.text(part).eq_ignore_ascii_case(b.text(&text))
    };
    if old.len() != new.len() || !old.iter().zip(&new).all(same) {
        tracing::warn!("the formatter changed more than blanks; the script is left as it was");
        return None;
    }
    let tokens = old
        .into_iter()
        .zip(new)
        .map(|(old, new)| (old.span, new.span))
        .collect();
    Some(Part { text, tokens })
}

/// Where each token of the old text stands in the new one.
pub(super) struct Places {
    /// Sorted, as both texts have the same order.
    tokens: Vec<(Span, Span)>,
}

impl Places {
    /// A stretch of the old text in the new one, from its first to its last token. Blanks at its
    /// ends are not part of it; blanks alone are the place before the next token.
    pub(super) fn span(&self, old: Span) -> Span {
        let first = self
            .tokens
            .partition_point(|(token, _)| token.end <= old.start);
        let start = match self.tokens.get(first) {
            // Right behind a token, as an error at its end is.
            _ if old.start == old.end && self.ends_at(first, old.start) => {
                let (_, new) = self.tokens[first - 1];
                return Span::new(new.end, new.end);
            }
            Some((token, new)) => new.start + old.start.saturating_sub(token.start),
            None => self.tokens.last().map_or(0, |(_, new)| new.end),
        };
        let after = self
            .tokens
            .partition_point(|(token, _)| token.start < old.end);
        let end = match after.checked_sub(1).map(|last| self.tokens[last]) {
            Some((token, new)) if after > first => new.end - token.end.saturating_sub(old.end),
            _ => start,
        };
        Span::new(start, end.max(start))
    }

    fn ends_at(&self, first: usize, at: usize) -> bool {
        first > 0 && self.tokens[first - 1].0.end == at
    }

    /// The tokens that stand in a stretch of the old text: each one's part of the stretch, old and
    /// new.
    pub(super) fn tokens(&self, old: Span) -> impl Iterator<Item = (Span, Span)> {
        let first = self
            .tokens
            .partition_point(|(token, _)| token.end <= old.start);
        self.tokens[first..]
            .iter()
            .take_while(move |(token, _)| token.start < old.end)
            .map(move |(token, new)| {
                let start = token.start.max(old.start);
                let end = token.end.min(old.end);
                let moved = |at: usize| new.start + (at - token.start);
                (Span::new(start, end), Span::new(moved(start), moved(end)))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn align(script: &str) -> Option<(String, Places)> {
        Layouts::default().align(script, &[0])
    }

    #[test]
    fn places_move_with_their_tokens() {
        let script = "select a  ,b+1 from t where  'x' = c;";
        let (formatted, places) = align(script).unwrap();
        assert_eq!(formatted, "SELECT a, b + 1\nFROM t\nWHERE 'x' = c;\n");
        let moved = |part: &str| {
            let start = script.find(part).unwrap();
            let span = places.span(Span::new(start, start + part.len()));
            formatted[span.range()].to_string()
        };
        for (old, new) in [
            ("a", "a"),
            ("b+1", "b + 1"),
            ("a  ,b", "a, b"),
            ("  'x' =", "'x' ="),
            ("x", "x"),
            ("lect a", "LECT a"),
            (";", ";"),
        ] {
            assert_eq!(moved(old), new);
        }
        let behind = script.find("b+1").unwrap() + 3;
        let place = places.span(Span::new(behind, behind));
        assert_eq!(&formatted[..place.start], "SELECT a, b + 1");
        let end = places.span(Span::new(script.len(), script.len()));
        assert_eq!(end.start, formatted.trim_end().len());
    }

    #[test]
    fn tokens_are_cut_at_the_edges() {
        let script = "SELECT 'it''s'+amount";
        let (_, places) = align(script).unwrap();
        let start = script.find("it").unwrap();
        let parts: Vec<(&str, usize)> = places
            .tokens(Span::new(start, script.len()))
            .map(|(old, new)| (&script[old.range()], new.end - new.start))
            .collect();
        assert_eq!(parts, [("it''s'", 6), ("+", 1), ("amount", 6)]);
    }
}
