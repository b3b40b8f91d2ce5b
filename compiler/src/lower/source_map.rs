//! From a place in the script back to the graph: node, parameter, character.

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
        let after = self
            .pieces
            .partition_point(|piece| piece.span.start <= span.start);
        let piece = after
            .checked_sub(1)
            .and_then(|i| self.pieces.get(i))
            .filter(|piece| {
                span.start <= piece.span.end && span.end <= piece.span.end.max(span.start)
            });
        Some(match piece {
            // At the very end of a piece: an error of something that is missing there.
            Some(piece) if span.start < piece.span.end || span.start == span.end => Origin {
                node,
                parameter: Some(piece.parameter.clone()),
                parameter_span: Some(Span::new(
                    span.start - piece.span.start + piece.offset,
                    span.end - piece.span.start + piece.offset,
                )),
            },
            _ => Origin {
                node,
                parameter: None,
                parameter_span: None,
            },
        })
    }

    /// The part of the script that a stretch of a parameter's text became.
    pub fn span_of_parameter(&self, node: &str, parameter: &str, inside: Span) -> Option<Span> {
        let statements: Vec<Span> = self.spans_of(node).collect();
        self.pieces
            .iter()
            .filter(|piece| piece.parameter == parameter)
            .filter(|piece| {
                statements
                    .iter()
                    .any(|span| span.start <= piece.span.start && piece.span.end <= span.end)
            })
            .find_map(|piece| {
                let start = inside.start.checked_sub(piece.offset)? + piece.span.start;
                let end = inside.end.checked_sub(piece.offset)? + piece.span.start;
                (end <= piece.span.end).then_some(Span::new(start, end))
            })
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
        assert_eq!(
            map.span_of_parameter("f", "condition", Span::new(0, 60)),
            None
        );
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
