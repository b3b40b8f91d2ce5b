//! Wires: their colour says what kind of rows they carry, their width how many.

use egui::{Color32, Pos2, Rect, Shape, Stroke, Vec2};
use millstream_compiler::lower::StreamKind;
use millstream_compiler::nodes::Family;

use super::brush::{self, Brush, Detail};
use super::curve;
use super::scene::SceneEdge;
use crate::editor::Overlay;
use crate::theme::{self, Palette};
use crate::work::job::{EdgeFigures, NodeFigures};

/// From this share of waiting on, a wire is shown as back-pressured.
pub const BACK_PRESSURED: f64 = 0.5;

/// How a wire looks beyond its curve.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look<'a> {
    /// Which kind of rows it carries, if known.
    pub stream: Option<&'a StreamKind>,
    /// Its figures, while a job runs.
    pub figures: Option<&'a EdgeFigures>,
    /// The figures of the node that it begins at.
    pub source: Option<&'a NodeFigures>,
    /// Whether it is selected.
    pub selected: bool,
    /// Whether the pointer is over it.
    pub hovered: bool,
    /// Whether it is faded, because a wire that is drawn does not concern it.
    pub dimmed: bool,
    /// Whether a cut goes through it.
    pub cut: bool,
    /// Whether what is dropped here is put into it.
    pub target: bool,
}

/// The colour of a kind of rows.
pub fn stream_colour(palette: &Palette, stream: Option<&StreamKind>) -> Color32 {
    match stream {
        Some(StreamKind::Append) => palette.accent,
        None => Palette::mix(palette.background, palette.accent, 0.85),
        Some(StreamKind::Upsert { .. }) => palette.family(Family::Join),
        Some(StreamKind::Retract) => palette.warning,
    }
}

/// What a kind of rows is called.
pub fn stream_name(stream: &StreamKind) -> &'static str {
    match stream {
        StreamKind::Append => "append",
        StreamKind::Upsert { .. } => "upsert",
        StreamKind::Retract => "retract",
    }
}

/// How far a line may be from its curve, in points of the screen.
const TOLERANCE: f32 = 0.2;

/// The points of a line on the screen, without those that nobody would miss.
pub fn on_screen(brush: &Brush<'_>, line: &[Pos2]) -> Vec<Pos2> {
    let mut points: Vec<Pos2> = Vec::with_capacity(line.len());
    let screen: Vec<Pos2> = line.iter().map(|world| brush.eye.screen(*world)).collect();
    for (at, point) in screen.iter().enumerate() {
        if let (Some(last), Some(next)) = (points.last(), screen.get(at + 1)) {
            let (chord, own) = (*next - *last, *point - *last);
            let off = (chord.x * own.y - chord.y * own.x).abs();
            if off < TOLERANCE * chord.length() && chord.length() < 160.0 {
                continue;
            }
        }
        points.push(*point);
    }
    points
}

/// The width of a wire in points.
fn width(brush: &Brush<'_>, look: &Look<'_>) -> f32 {
    let rate = look.figures.map_or(0.0, |figures| figures.rate.max(0.0));
    let wide = 1.8 + 0.5 * (1.0 + rate).log10() as f32;
    (wide * brush.eye.zoom().powf(0.45)).clamp(1.0, 7.0)
}

/// Paints a wire.
pub fn paint(brush: &mut Brush<'_>, edge: &SceneEdge, look: &Look<'_>) {
    let palette = brush.palette;
    let points = on_screen(brush, &edge.line);
    let width = width(brush, look);
    let mut colour = stream_colour(palette, look.stream);
    if look.dimmed {
        colour = Palette::mix(palette.background, colour, 0.35);
    }
    if look.selected || look.target {
        let halo = Palette::mix(palette.background, palette.accent, 0.35);
        brush.add(Shape::line(points.clone(), Stroke::new(width + 5.0, halo)));
    }
    if look.hovered || look.selected {
        colour = Palette::mix(colour, palette.text, 0.35);
    }
    let pressed = look
        .figures
        .is_some_and(|figures| figures.back_pressured >= BACK_PRESSURED);
    if look.cut {
        colour = palette.error;
    }
    if pressed || look.cut {
        let mut dashes = Vec::new();
        let stroke = Stroke::new(width.max(2.0), palette.error);
        Shape::dashed_line_many(&points, stroke, 8.0, 5.0, &mut dashes);
        brush.add(Shape::Vec(dashes));
    } else {
        brush.add(Shape::line(points, Stroke::new(width, colour)));
    }
    if brush.eye.detail() > Detail::Far {
        let radius = (4.0 * brush.eye.zoom()).clamp(2.5, 6.0);
        for bend in &edge.bends {
            let at = brush.eye.screen(*bend);
            brush.disc(at, radius, palette.background, Stroke::new(1.5, colour));
        }
    }
}

/// Paints what is written on a wire. After all wires, so that none goes through it.
pub fn paint_label(brush: &mut Brush<'_>, edge: &SceneEdge, look: &Look<'_>, overlay: Overlay) {
    if brush.eye.zoom() < 0.55 || look.dimmed {
        return;
    }
    let Some(text) = label(look, overlay) else {
        return;
    };
    let palette = brush.palette;
    let at = brush.eye.screen(curve::middle(&edge.line));
    if !brush.eye.view.expand(40.0).contains(at) {
        return;
    }
    let size = brush::quantised((10.5 * brush.eye.zoom()).clamp(9.0, 16.0));
    let font = theme::data_font(size);
    // Painted below, but its size must be known first.
    let galley = brush
        .painter
        .layout_no_wrap(text, font, Color32::PLACEHOLDER);
    let room = Vec2::new(size * 0.7, size * 0.32);
    let rect = Rect::from_center_size(at, galley.size() + 2.0 * room);
    let back = Palette::mix(palette.background, palette.raised, 0.6);
    let radius = (rect.height() / 2.0) as u8;
    brush.fill(rect, radius, back);
    brush.border(rect, radius, Stroke::new(1.0, palette.line));
    let colour = match look.stream {
        Some(stream) if overlay == Overlay::Types => stream_colour(palette, Some(stream)),
        _ => palette.muted,
    };
    brush.add(Shape::galley(rect.min + room, galley, colour));
}

/// What is written on a wire.
fn label(look: &Look<'_>, overlay: Overlay) -> Option<String> {
    match overlay {
        Overlay::Calm => None,
        Overlay::Types => look.stream.map(|stream| stream_name(stream).to_string()),
        Overlay::Rate => Some(brush::rate(look.figures?.rate)),
        // A watermark that is behind means one thing where rows flow and another where none do.
        Overlay::Lag => {
            let figures = look.figures?;
            let lag = figures.lag_ms.map(brush::lag)?;
            Some(format!("{} · {lag}", brush::rate(figures.rate)))
        }
        Overlay::State => {
            let size = look.source?.state_bytes;
            (size > 0).then(|| brush::bytes(size))
        }
    }
}

/// Paints a wire that is being drawn, to the pointer or to a port that fits.
pub fn paint_loose(brush: &mut Brush<'_>, start: Pos2, end: Pos2, fits: bool) {
    let palette = brush.palette;
    let line = curve::through(start, &[], end);
    let points = on_screen(brush, &line);
    let width = (2.2 * brush.eye.zoom().powf(0.45)).clamp(1.5, 4.0);
    if fits {
        brush.add(Shape::line(points, Stroke::new(width, palette.accent)));
    } else {
        let mut dashes = Vec::new();
        let stroke = Stroke::new(width, palette.muted);
        Shape::dashed_line_many(&points, stroke, 6.0, 5.0, &mut dashes);
        brush.add(Shape::Vec(dashes));
    }
}
