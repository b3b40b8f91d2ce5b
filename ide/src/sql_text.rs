//! SQL as it is shown: coloured, with the places of findings underlined.
//!
//! One highlighter for whatever shows SQL: expressions in the inspector, the script, a query in a
//! node. A text is read again only when it, what is known about its names, or the theme changes.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use egui::epaint::text::cursor::CCursor;
use egui::text::{LayoutJob, LayoutSection, TextFormat, TextWrapping};
use egui::{Color32, Galley, Painter, Pos2, Shape, Stroke, Ui};
use millstream_compiler::diagnostics::Span;
use millstream_compiler::sql::{TextKind, highlight};

use crate::theme::{self, Palette};

/// The names that mean something in a text, so that others can be told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    names: BTreeSet<String>,
    version: u64,
}

impl Names {
    /// These names.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let names: BTreeSet<String> = names.into_iter().map(String::from).collect();
        let mut hasher = DefaultHasher::new();
        names.hash(&mut hasher);
        Self {
            version: hasher.finish(),
            names,
        }
    }

    /// Whether it is one of them.
    pub fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// A text that was coloured, kept for the next frames.
#[derive(Debug, Clone, Default)]
pub struct Highlighted {
    key: u64,
    job: Option<LayoutJob>,
    /// How often the text was read, for tests.
    reads: u64,
}

impl Highlighted {
    /// The text laid out. `names`, if given, are those that mean something; `width` is where lines
    /// wrap.
    pub fn galley(
        &mut self,
        ui: &Ui,
        text: &str,
        names: Option<&Names>,
        width: f32,
    ) -> Arc<Galley> {
        let palette = theme::palette(ui.ctx());
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        names.map(|names| names.version).hash(&mut hasher);
        palette.dark.hash(&mut hasher);
        let key = hasher.finish();
        if self.key != key || self.job.is_none() {
            self.job = Some(coloured(text, names, palette));
            self.key = key;
            self.reads += 1;
        }
        // egui keeps the galley itself; what it must not outlive (the font atlas) is its matter.
        let mut job = self.job.clone().unwrap_or_default();
        job.wrap = TextWrapping {
            max_width: width,
            ..TextWrapping::default()
        };
        ui.fonts_mut(|fonts| fonts.layout_job(job))
    }

    /// How often a text was read since this was made.
    pub fn reads(&self) -> u64 {
        self.reads
    }
}

/// A text in colours, without a width.
pub fn coloured(text: &str, names: Option<&Names>, palette: &Palette) -> LayoutJob {
    let font = theme::data_font(theme::DATA);
    let format = |color: Color32| TextFormat {
        font_id: font.clone(),
        color,
        ..TextFormat::default()
    };
    let mut sections: Vec<LayoutSection> = Vec::new();
    let mut push = |start: usize, end: usize, color: Color32| {
        if start == end {
            return;
        }
        // Neighbours of one colour are one section: fewer to lay out.
        if let Some(last) = sections.last_mut()
            && last.format.color == color
        {
            last.byte_range.end = end.into();
            return;
        }
        sections.push(LayoutSection {
            leading_space: 0.0,
            byte_range: start.into()..end.into(),
            format: format(color),
        });
    };
    let mut at = 0;
    let mut before = "";
    for stretch in highlight(text) {
        let word = &text[stretch.span.range()];
        push(at, stretch.span.start, palette.text);
        let color = match stretch.kind {
            TextKind::Keyword | TextKind::Function => palette.keyword,
            TextKind::Name | TextKind::QuotedName => {
                let known = names.is_none_or(|names| {
                    // What stands behind a point is a field or a column of a table.
                    before == "." || names.contains(&plain_name(word))
                });
                if known { palette.text } else { palette.muted }
            }
            TextKind::Number => palette.number,
            TextKind::String => palette.string,
            TextKind::Comment => palette.faint,
            TextKind::Symbol => palette.muted,
            TextKind::Bad => palette.error,
        };
        push(stretch.span.start, stretch.span.end, color);
        at = stretch.span.end;
        before = word;
    }
    push(at, text.len(), palette.text);
    if sections.is_empty() {
        // An empty text is as high as a line all the same.
        sections.push(LayoutSection {
            leading_space: 0.0,
            byte_range: 0usize.into()..0usize.into(),
            format: format(palette.text),
        });
    }
    LayoutJob {
        text: text.to_string(),
        sections,
        ..LayoutJob::default()
    }
}

/// A name without its backticks.
pub fn plain_name(word: &str) -> String {
    match word
        .strip_prefix('`')
        .and_then(|rest| rest.strip_suffix('`'))
    {
        Some(inner) => inner.replace("``", "`"),
        None => word.to_string(),
    }
}

/// How many characters stand before a byte; a byte inside a character counts as its start.
pub fn character_of(text: &str, byte: usize) -> usize {
    let end = floor_boundary(text, byte);
    text[..end].chars().count()
}

/// The byte at which a character starts; the end of the text for one behind it.
pub fn byte_of(text: &str, character: usize) -> usize {
    text.char_indices()
        .nth(character)
        .map_or(text.len(), |(at, _)| at)
}

/// A span moved into a text it may be too long for: findings can be older than the text.
pub fn clamp(text: &str, span: Span) -> Span {
    let start = floor_boundary(text, span.start);
    let end = floor_boundary(text, span.end.max(span.start));
    Span::new(start, end)
}

fn floor_boundary(text: &str, byte: usize) -> usize {
    let mut at = byte.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Underlines a stretch of a text that is laid out at `origin` with a wavy line. An empty stretch
/// marks the character it stands before, or the last one.
pub fn underline(
    painter: &Painter,
    galley: &Galley,
    origin: Pos2,
    text: &str,
    span: Span,
    color: Color32,
) {
    let count = text.chars().count();
    let span = clamp(text, span);
    let mut start = character_of(text, span.start);
    let mut end = character_of(text, span.end);
    if start == end {
        if end < count {
            end += 1;
        } else {
            start = start.saturating_sub(1);
        }
    }
    let first = galley.pos_from_cursor(CCursor::new(start));
    let mut last = galley.pos_from_cursor(CCursor::new(end));
    if count == 0 {
        last.max.x = first.min.x + 8.0;
        last.min.x = last.max.x;
    }
    let wave = |from: f32, to: f32, y: f32| {
        let step = 2.0;
        let mut points = Vec::new();
        let mut x = origin.x + from;
        let mut up = false;
        while x <= origin.x + to {
            let offset = if up { -1.0 } else { 0.75 };
            points.push(Pos2::new(x, origin.y + y + offset));
            x += step;
            up = !up;
        }
        painter.add(Shape::line(points, Stroke::new(1.0, color)));
    };
    if (first.min.y - last.min.y).abs() < 1.0 {
        wave(
            first.min.x,
            last.min.x.max(first.min.x + 4.0),
            first.max.y - 1.0,
        );
        return;
    }
    for row in &galley.rows {
        let rect = row.rect();
        let middle = rect.center().y;
        if middle < first.min.y || middle > last.max.y {
            continue;
        }
        let from = if (first.min.y..=first.max.y).contains(&middle) {
            first.min.x
        } else {
            rect.min.x
        };
        let to = if (last.min.y..=last.max.y).contains(&middle) {
            last.min.x
        } else {
            rect.max.x
        };
        wave(from, to, rect.max.y - 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour_of<'t>(job: &'t LayoutJob, word: &str) -> &'t Color32 {
        let at = job.text.find(word).unwrap();
        let section = job
            .sections
            .iter()
            .find(|section| section.byte_range.start.0 <= at && at < section.byte_range.end.0)
            .unwrap();
        &section.format.color
    }

    #[test]
    fn words_are_told_apart() {
        let palette = &Palette::DARK;
        let names = Names::new(["amount", "größe"]);
        let job = coloured(
            "SUM(amount) + `größe` > amuont -- 'x'",
            Some(&names),
            palette,
        );
        assert_eq!(*colour_of(&job, "SUM"), palette.keyword);
        assert_eq!(*colour_of(&job, "amount"), palette.text);
        assert_eq!(*colour_of(&job, "`größe`"), palette.text);
        assert_eq!(*colour_of(&job, "amuont"), palette.muted);
        assert_eq!(*colour_of(&job, "-- 'x'"), palette.faint);
        let covered: usize = job
            .sections
            .iter()
            .map(|section| section.byte_range.end.0 - section.byte_range.start.0)
            .sum();
        assert_eq!(covered, job.text.len());
    }

    #[test]
    fn places_of_an_older_text_are_moved_into_this_one() {
        assert_eq!(clamp("äb", Span::new(1, 90)), Span::new(0, 3));
        assert_eq!(clamp("", Span::new(4, 2)), Span::new(0, 0));
        assert_eq!(character_of("äb", 2), 1);
        assert_eq!(byte_of("äb", 1), 2);
        assert_eq!(byte_of("äb", 9), 3);
    }
}
