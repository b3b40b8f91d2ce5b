//! The lines of a script on the screen: where each is, its number, and what was found in it.

use egui::text::CCursor;
use egui::{Align2, Color32, Galley, Pos2, Rect, Response, Shape, Ui};
use millstream_compiler::diagnostics::{Diagnostic, Severity, Span};
use millstream_compiler::document::NodeId;
use millstream_compiler::lower::Lowered;

use crate::sql_text;
use crate::theme::{self, Palette};

/// Room for the strip of colour at the left, and between it and the numbers.
pub(super) const STRIP: f32 = 4.0;
/// Room on both sides of the line numbers.
pub(super) const MARGIN: f32 = 8.0;

/// The lines of a script, and those that each statement takes up.
#[derive(Debug)]
pub(super) struct Lines {
    /// The byte behind each line break.
    pub(super) starts: Vec<usize>,
    /// First and last line of each statement, in the order of the script.
    pub(super) statements: Vec<(usize, usize, NodeId)>,
}

impl Lines {
    /// The lines of a text that nobody knows the statements of.
    pub(super) fn of_text(text: &str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            starts: std::iter::once(0).chain(breaks).collect(),
            statements: Vec::new(),
        }
    }

    pub(super) fn of(lowered: &Lowered) -> Self {
        let mut lines = Self::of_text(&lowered.script);
        lines.statements = lowered
            .map
            .statements()
            .map(|(span, node)| {
                let last = lines.line_of(span.end.saturating_sub(1));
                (lines.line_of(span.start), last, node.clone())
            })
            .collect();
        lines
    }

    /// How wide the strip and the numbers are together.
    pub(super) fn gutter(&self) -> f32 {
        let digits = self.starts.len().to_string().len().max(2);
        STRIP + MARGIN + digits as f32 * theme::DATA * 0.6 + MARGIN
    }

    /// The line that holds a byte, from 0.
    pub(super) fn line_of(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte) - 1
    }
}

/// A text that is laid out on the screen.
pub(super) struct Place<'p> {
    pub(super) galley: &'p Galley,
    pub(super) origin: Pos2,
    pub(super) text: &'p str,
    pub(super) lines: &'p Lines,
    pub(super) left: f32,
    pub(super) right: f32,
}

impl Place<'_> {
    /// The place of these lines, as wide as the panel. Lines do not wrap: each is a row.
    pub(super) fn rows(&self, first: usize, last: usize) -> Option<Rect> {
        let top = self.galley.rows.get(first)?.rect().top();
        let last = self.galley.rows.get(last).or(self.galley.rows.last())?;
        let (top, bottom) = (self.origin.y + top, self.origin.y + last.rect().bottom());
        Some(Rect::from_min_max(
            Pos2::new(self.left, top),
            Pos2::new(self.right, bottom),
        ))
    }

    /// Whether the lines of a stretch are among those that are shown.
    pub(super) fn is_seen(&self, span: Span, shown: Rect) -> bool {
        let (first, last) = (self.lines.line_of(span.start), self.lines.line_of(span.end));
        self.rows(first, last)
            .is_some_and(|rect| rect.intersects(shown))
    }

    /// Where the caret stands before a byte.
    pub(super) fn caret(&self, byte: usize) -> Rect {
        let character = sql_text::character_of(self.text, byte);
        self.galley
            .pos_from_cursor(CCursor::new(character))
            .translate(self.origin.to_vec2())
    }
}

/// Writes the number of each line that is seen, right-aligned at `right` of the panel.
pub(super) fn numbers_of_lines(
    ui: &Ui,
    place: &Place<'_>,
    right: f32,
    shown: Rect,
    palette: &Palette,
) {
    let font = theme::data_font(theme::SMALL);
    for (i, row) in place.galley.rows.iter().enumerate() {
        let rect = row.rect().translate(place.origin.to_vec2());
        if rect.bottom() < shown.top() || rect.top() > shown.bottom() {
            continue;
        }
        ui.painter().text(
            Pos2::new(place.left + right, rect.center().y),
            Align2::RIGHT_CENTER,
            i + 1,
            font.clone(),
            palette.faint,
        );
    }
}

/// Underlines what was found, as far as it is seen.
pub(super) fn underline_findings(
    ui: &Ui,
    findings: &[Diagnostic],
    place: &Place<'_>,
    shown: Rect,
    palette: &Palette,
) {
    for found in findings {
        if let Some(span) = found.span
            && place.is_seen(span, shown)
        {
            let color = colour_of_finding(found, palette);
            let painter = ui.painter();
            sql_text::underline(painter, place.galley, place.origin, place.text, span, color);
        }
    }
}

/// Writes what was found behind the lines it was found in, and marks their numbers.
pub(super) fn notes_behind_lines(
    ui: &Ui,
    findings: &[Diagnostic],
    place: &Place<'_>,
    shown: Rect,
    palette: &Palette,
) {
    let mut last = None;
    for found in findings {
        let Some(span) = found.span.map(|span| sql_text::clamp(place.text, span)) else {
            continue;
        };
        let line = place.lines.line_of(span.start);
        let Some(rect) = place.rows(line, line).filter(|rect| rect.intersects(shown)) else {
            continue;
        };
        if last == Some(line) {
            continue;
        }
        last = Some(line);
        let color = colour_of_finding(found, palette);
        let strip = Rect::from_min_size(rect.min, egui::vec2(STRIP - 1.0, rect.height()));
        ui.painter().add(Shape::rect_filled(strip, 1.0, color));
        let end = place
            .galley
            .rows
            .get(line)
            .map_or(0.0, |row| row.rect().right());
        let at = Pos2::new(place.origin.x + end + 24.0, rect.center().y);
        let text = found.message.lines().next().unwrap_or_default();
        let font = theme::text_font(theme::SMALL);
        ui.painter()
            .text(at, Align2::LEFT_CENTER, text, font, color);
    }
}

/// The finding under the pointer as a tooltip.
pub(super) fn say_what_is_wrong(response: &Response, findings: &[Diagnostic], place: &Place<'_>) {
    let Some(pointer) = response.hover_pos() else {
        return;
    };
    let under = findings.iter().find(|found| {
        found.span.is_some_and(|span| {
            let span = sql_text::clamp(place.text, span);
            if !place.is_seen(span, Rect::from_pos(pointer)) {
                return false;
            }
            let (start, end) = (place.caret(span.start), place.caret(span.end));
            let rect = Rect::from_min_max(start.min, end.max);
            start.top() == end.top() && rect.expand(1.0).contains(pointer)
        })
    });
    if let Some(found) = under {
        let text = match &found.help {
            Some(help) => format!("{}\n{help}", found.message),
            None => found.message.clone(),
        };
        response.clone().on_hover_text_at_pointer(text);
    }
}

pub(super) fn colour_of_finding(found: &Diagnostic, palette: &Palette) -> Color32 {
    match found.severity {
        Severity::Error => palette.error,
        Severity::Warning => palette.warning,
        Severity::Info => palette.muted,
    }
}
