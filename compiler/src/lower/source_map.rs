//! From a place in the script back to the graph: node, parameter, character.

use super::layout::Places;
use super::text::{Piece, SqlText};
use crate::diagnostics::{Diagnostic, Span};
use crate::document::NodeId;

/// Where a place in the script comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The node whose SQL it is.
    pub node: NodeId,
    /// The parameter whose text it is, if it is that of one.
    pub parameter: Option<String>,
    /// The bytes of the parameter's text.
    pub parameter_span: Option<Span>,
}

/// Which node, and which of its parameters, each part of a script came from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceMap {
    /// Statements in the order of the script, comments above them included. A sink has two.
    nodes: Vec<(Span, NodeId)>,
    /// Pieces in the order of the script.
    pieces: Vec<Piece>,
}

impl SourceMap {
    /// The statements of all nodes in the order of the script. Spans start with the comment above
    /// the statement and end behind its semicolon.
    pub fn statements(&self) -> impl ExactSizeIterator<Item = (Span, &NodeId)> {
        self.nodes.iter().map(|(span, node)| (*span, node))
    }

    /// The statements of one node.
    pub fn spans_of(&self, node: &str) -> impl Iterator<Item = Span> {
        self.nodes
            .iter()
            .filter(move |(_, id)| *id == *node)
            .map(|(span, _)| *span)
    }

    /// The node whose statement holds byte `offset` of the script.
    pub fn node_at(&self, offset: usize) -> Option<&NodeId> {
        let after = self.nodes.partition_point(|(span, _)| span.start <= offset);
        let (span, node) = self.nodes.get(after.checked_sub(1)?)?;
        (offset < span.end).then_some(node)
    }

    /// Where a part of the script comes from.
    pub fn origin(&self, span: Span) -> Option<Origin> {
        let node = self.node_at(span.start)?.clone();
        let origin = Origin {
            node,
            parameter: None,
            parameter_span: None,
        };
        let Some(first) = self.piece_at(span.start, span.start == span.end) else {
            return Some(origin);
        };
        let last = if span.start == span.end {
            Some(first)
        } else {
            self.piece_at(span.end.saturating_sub(1), false)
        };
        let Some(last) = last.filter(|last| last.parameter == first.parameter) else {
            return Some(origin);
        };
        let start = span.start - first.span.start + first.offset;
        let end = span.end.max(last.span.start) - last.span.start + last.offset;
        Some(Origin {
            parameter: Some(first.parameter.clone()),
            parameter_span: Some(Span::new(start, end.max(start))),
            ..origin
        })
    }

    /// The piece that holds a byte, or, if `behind`, that ends right before it: an error of
    /// something that is missing there.
    fn piece_at(&self, at: usize, behind: bool) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.span.start <= at);
        let holding = after.checked_sub(1).map(|i| &self.pieces[i]);
        if let Some(piece) = holding
            && (at < piece.span.end || (behind && at == piece.span.end))
        {
            return Some(piece);
        }
        // The piece before may end where the next one starts.
        let before = after.checked_sub(2).map(|i| &self.pieces[i])?;
        (behind && before.span.end == at).then_some(before)
    }

    /// The map of the same script with other blanks: each piece becomes one a token.
    pub(super) fn moved(&self, places: &Places) -> Self {
        let mut pieces = Vec::new();
        for piece in &self.pieces {
            for (old, new) in places.tokens(piece.span) {
                pieces.push(Piece {
                    span: new,
                    parameter: piece.parameter.clone(),
                    offset: piece.offset + old.start - piece.span.start,
                });
            }
        }
        Self {
            nodes: self
                .nodes
                .iter()
                .map(|(span, node)| (places.span(*span), node.clone()))
                .collect(),
            pieces,
        }
    }

    /// The part of the script that a stretch of a parameter's text became. `None` if the
    /// parameter has no such characters or does not stand in the script.
    pub fn span_of_parameter(&self, node: &str, parameter: &str, inside: Span) -> Option<Span> {
        let statements: Vec<Span> = self.spans_of(node).collect();
        let mut found: Option<Span> = None;
        for piece in &self.pieces {
            let length = piece.span.end - piece.span.start;
            let (start, end) = (piece.offset, piece.offset + length);
            let own = piece.parameter == parameter
                && statements
                    .iter()
                    .any(|span| span.start <= piece.span.start && piece.span.end <= span.end);
            if !own || end <= inside.start || inside.end <= start {
                continue;
            }
            let from = inside.start.max(start) - start + piece.span.start;
            let to = inside.end.min(end) - start + piece.span.start;
            match &mut found {
                // A parameter may stand in the script twice; the first time counts.
                Some(span) if from < span.end || piece.offset == 0 => break,
                Some(span) => span.end = to,
                None => found = Some(Span::new(from, to)),
            }
        }
        found
    }

    /// Fills in the node, the parameter and the character of a finding that only knows its place in
    /// the script.
    pub fn attribute(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        if diagnostic.node.is_some() {
            return diagnostic;
        }
        if let Some(origin) = diagnostic.span.and_then(|span| self.origin(span)) {
            diagnostic.node = Some(origin.node.to_string());
            diagnostic.parameter = origin.parameter;
            diagnostic.parameter_span = origin.parameter_span;
        }
        diagnostic
    }

    /// Appends a node's statement to the script and remembers where it came from.
    pub(super) fn append(&mut self, script: &mut String, node: &NodeId, head: &str, sql: &SqlText) {
        let start = script.len();
        script.push_str(head);
        let shift = script.len();
        script.push_str(sql.as_str());
        self.nodes
            .push((Span::new(start, script.len()), node.clone()));
        self.pieces.extend(sql.pieces().iter().map(|piece| Piece {
            span: Span::new(piece.span.start + shift, piece.span.end + shift),
            ..piece.clone()
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> (String, SourceMap) {
        let mut script = String::from("SET 'a' = 'b';\n\n");
        let mut map = SourceMap::default();
        let filter = SqlText::plain("CREATE VIEW f AS SELECT * FROM s WHERE ")
            .and(&SqlText::parameter("condition", "amuont > 5", 0))
            .then(";");
        map.append(&mut script, &NodeId::slug("f"), "-- Filter\n", &filter);
        script.push_str("\n\n");
        map.append(
            &mut script,
            &NodeId::slug("out"),
            "",
            &SqlText::plain("INSERT INTO out SELECT * FROM f;"),
        );
        (script, map)
    }

    fn span(script: &str, word: &str) -> Span {
        let start = script.find(word).unwrap();
        Span::new(start, start + word.len())
    }

    #[test]
    fn a_place_leads_to_the_character_of_the_parameter() {
        let (script, map) = map();
        let origin = map.origin(span(&script, "amuont")).unwrap();
        assert_eq!(origin.node, "f");
        assert_eq!(origin.parameter.as_deref(), Some("condition"));
        assert_eq!(origin.parameter_span, Some(Span::new(0, 6)));
        let five = map.origin(span(&script, "5")).unwrap();
        assert_eq!(five.parameter_span, Some(Span::new(9, 10)));
    }

    #[test]
    fn a_place_outside_of_parameters_leads_to_the_node() {
        let (script, map) = map();
        let origin = map.origin(span(&script, "WHERE")).unwrap();
        assert_eq!((origin.node.as_str(), origin.parameter), ("f", None));
        assert_eq!(map.node_at(span(&script, "Filter").start).unwrap(), &"f");
        assert_eq!(map.node_at(span(&script, "INSERT").start).unwrap(), &"out");
        assert_eq!(map.node_at(0), None);
        assert_eq!(map.node_at(script.len()), None);
        // A place that spans a parameter and what stands around it is the node's.
        let wide = Span::new(span(&script, "WHERE").start, span(&script, "5").end);
        assert_eq!(map.origin(wide).unwrap().parameter, None);
    }

    #[test]
    fn the_end_of_a_parameter_is_part_of_it() {
        let (script, map) = map();
        let end = span(&script, "5").end;
        let origin = map.origin(Span::new(end, end)).unwrap();
        assert_eq!(origin.parameter_span, Some(Span::new(10, 10)));
        assert_eq!(map.origin(Span::new(end, end + 1)).unwrap().parameter, None);
    }

    #[test]
    fn and_back() {
        let (script, map) = map();
        let there = map
            .span_of_parameter("f", "condition", Span::new(0, 6))
            .unwrap();
        assert_eq!(&script[there.range()], "amuont");
        assert_eq!(
            map.span_of_parameter("out", "condition", Span::new(0, 6)),
            None
        );
        let all = map
            .span_of_parameter("f", "condition", Span::new(0, 60))
            .unwrap();
        assert_eq!(&script[all.range()], "amuont > 5");
        let none = map.span_of_parameter("f", "condition", Span::new(60, 61));
        assert_eq!(none, None);
    }

    #[test]
    fn findings_are_attributed() {
        let (script, map) = map();
        let found = map.attribute(
            Diagnostic::error("sql/unknown-column", "no column 'amuont'")
                .at(span(&script, "amuont")),
        );
        assert_eq!(found.node.as_deref(), Some("f"));
        assert_eq!(found.parameter.as_deref(), Some("condition"));
        let kept = map.attribute(Diagnostic::error("x", "y").on_node("other"));
        assert_eq!(kept.node.as_deref(), Some("other"));
    }
}
