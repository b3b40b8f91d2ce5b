//! The face of a node, in three levels of detail, and frames.

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Align2, Color32, CornerRadius, Pos2, Rect, Shape, Stroke, Vec2};
use millstream_compiler::document::Colour;

use super::arrange::HEAD;
use super::brush::{self, Brush, Detail, quantised};
use super::paint_edge::{self, BACK_PRESSURED};
use super::scene::{FRAME_HEAD, Port, SceneFrame, SceneNode};
use crate::editor::Overlay;
use crate::theme::{self, Palette};
use crate::work::job::NodeFigures;

/// How many lines of a job's last words stand at a node.
const LINES_OF_WORDS: usize = 4;

/// How a node looks beyond what the document says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Face<'a> {
    /// Whether it is selected.
    pub selected: bool,
    /// Whether the pointer is over it.
    pub hovered: bool,
    /// Whether it is faded, because no port of it fits the wire that is drawn.
    pub dimmed: bool,
    /// Its figures, while a job runs.
    pub figures: Option<&'a NodeFigures>,
    /// What is written on it.
    pub overlay: Overlay,
    /// The last words of a job that died here.
    pub failed: Option<&'a str>,
}

/// How a port looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortLook {
    /// As always.
    #[default]
    Plain,
    /// The pointer is over it.
    Hovered,
    /// A wire that is drawn fits here.
    Fits,
    /// A wire that is drawn ends here if it is dropped now, or the keyboard is here.
    Chosen,
    /// A wire that is drawn does not fit here.
    Dimmed,
}

fn own_colour(colour: Colour) -> Color32 {
    Color32::from_rgb(colour.red, colour.green, colour.blue)
}

/// The colour of a node: its own, or that of its family.
pub fn node_colour(palette: &Palette, node: &SceneNode) -> Color32 {
    match (node.colour, node.family) {
        (Some(colour), _) => own_colour(colour),
        (None, Some(family)) => palette.family(family),
        (None, None) => palette.faint,
    }
}

/// Paints a node without its ports.
pub fn paint(brush: &mut Brush<'_>, node: &SceneNode, face: &Face<'_>) {
    let palette = brush.palette;
    let eye = brush.eye;
    let zoom = eye.zoom();
    let rect = eye.rect(node.rect);
    let mut colour = node_colour(palette, node);
    let fade = |colour: Color32| match face.dimmed {
        true => Palette::mix(palette.background, colour, 0.4),
        false => colour,
    };
    if node.muted {
        colour = Palette::mix(palette.faint, colour, 0.35);
    }
    let colour = fade(colour);
    let surface = fade(match face.hovered {
        true => palette.hovered,
        false => palette.raised,
    });
    let radius = (f32::from(theme::RADIUS) * zoom).clamp(2.0, 24.0);
    let corner = CornerRadius::same(radius as u8);
    let wrong = node.errors > 0 && node.summary.is_some() || face.failed.is_some();
    if face.selected {
        brush.border(
            rect.expand(2.0),
            CornerRadius::same((radius + 2.0) as u8),
            Stroke::new(2.0, palette.accent),
        );
    }
    if eye.detail() == Detail::Far {
        let fill = Palette::mix(
            palette.background,
            colour,
            if palette.dark { 0.42 } else { 0.30 },
        );
        brush.fill(rect, corner, fill);
        if wrong {
            brush.border(rect, corner, Stroke::new(1.5, palette.error));
        } else if node.summary.is_none() {
            brush.border(rect, corner, Stroke::new(1.0, palette.faint));
        }
        let size = (rect.height() * 0.52).min(rect.width() * 0.4);
        if size >= 5.0 {
            mark(brush, node, rect.center(), size, colour);
        }
        if node.muted {
            hatch(brush, rect, palette.faint);
        }
        return;
    }
    brush.fill(rect, corner, surface);
    let head = Rect::from_min_size(rect.min, Vec2::new(rect.width(), HEAD * zoom));
    let tint = if palette.dark { 0.24 } else { 0.16 };
    let tint = if face.failed.is_some() {
        Palette::mix(surface, palette.error, 0.3)
    } else {
        Palette::mix(surface, colour, tint)
    };
    brush.fill(
        head,
        CornerRadius {
            nw: corner.nw,
            ne: corner.ne,
            sw: 0,
            se: 0,
        },
        tint,
    );
    if node.muted {
        hatch(brush, rect, fade(palette.line));
    }
    if wrong {
        brush.border(rect, corner, Stroke::new(1.5, fade(palette.error)));
    } else if node.summary.is_none() {
        brush.dashed_border(rect, radius, Stroke::new(1.0, fade(palette.muted)));
    } else if face.selected {
        brush.border(rect, corner, Stroke::new(1.0, palette.accent));
    } else {
        let line = match face.hovered {
            true => palette.faint,
            false => palette.line,
        };
        brush.border(rect, corner, Stroke::new(1.0, fade(line)));
    }
    heading(brush, node, head, colour, fade(palette.text));
    if eye.detail() == Detail::Near {
        body(brush, node, rect, face, &fade);
    }
    if let Some(figures) = face.figures {
        busy(brush, rect, figures, radius);
    }
    if let Some(words) = face.failed {
        last_words(brush, node, rect, words);
    }
}

fn mark(brush: &mut Brush<'_>, node: &SceneNode, centre: Pos2, size: f32, colour: Color32) {
    for shape in theme::family_shapes(node.family, centre, size, colour) {
        brush.add(shape);
    }
}

fn heading(brush: &mut Brush<'_>, node: &SceneNode, head: Rect, colour: Color32, text: Color32) {
    let zoom = brush.eye.zoom();
    let palette = brush.palette;
    let middle = head.center().y;
    let size = quantised((13.0 * zoom).max(9.0));
    let mark_size = (11.0 * zoom).max(7.0);
    let left = head.left() + (10.0 * zoom).max(4.0) + mark_size / 2.0;
    mark(brush, node, Pos2::new(left, middle), mark_size, colour);
    let mut right = head.right() - (9.0 * zoom).max(3.0);
    // Badges stand at the right, the worst outermost.
    for (count, colour) in [
        (node.errors, palette.error),
        (node.warnings, palette.warning),
    ] {
        if count == 0 {
            continue;
        }
        let radius = (7.0 * zoom).clamp(3.5, 12.0);
        let at = Pos2::new(right - radius, middle);
        brush.disc(at, radius, colour, Stroke::NONE);
        if radius > 5.0 {
            let text = if count > 9 {
                "9+".to_string()
            } else {
                count.to_string()
            };
            let font = theme::strong_font(quantised(radius * 1.4));
            brush.text(
                at,
                Align2::CENTER_CENTER,
                &text,
                font,
                palette.background,
                radius * 3.0,
            );
        }
        right = at.x - radius - 3.0 * zoom;
    }
    let from = left + mark_size / 2.0 + (8.0 * zoom).max(4.0);
    brush.text(
        Pos2::new(from, middle),
        Align2::LEFT_CENTER,
        node.id.as_str(),
        theme::strong_font(size),
        text,
        right - from,
    );
}

fn body(
    brush: &mut Brush<'_>,
    node: &SceneNode,
    rect: Rect,
    face: &Face<'_>,
    fade: &dyn Fn(Color32) -> Color32,
) {
    let zoom = brush.eye.zoom();
    let palette = brush.palette;
    let left = rect.left() + 13.0 * zoom;
    let room = rect.width() - 24.0 * zoom;
    let data = theme::data_font(quantised(11.0 * zoom));
    let first = Pos2::new(left, rect.top() + (HEAD + 15.0) * zoom);
    match &node.summary {
        Some(summary) => {
            let line = summary.lines().next().unwrap_or_default();
            let colour = fade(palette.muted);
            brush.text(first, Align2::LEFT_CENTER, line, data, colour, room);
        }
        None => {
            let font = theme::text_font(quantised(11.0 * zoom));
            let colour = fade(palette.warning);
            let text = match node.family {
                Some(_) => "Not configured yet",
                None => "Not known to this version",
            };
            brush.text(first, Align2::LEFT_CENTER, text, font, colour, room);
        }
    }
    let second = Pos2::new(left, rect.top() + (HEAD + 34.0) * zoom);
    let small = theme::text_font(quantised(11.0 * zoom));
    let Some(figures) = face.figures else {
        let line = match (&node.title, node.muted) {
            (_, true) => "Muted: rows pass through",
            (Some(title), false) => title.as_str(),
            (None, false) => node.kind.as_str(),
        };
        let colour = fade(palette.faint);
        brush.text(second, Align2::LEFT_CENTER, line, small, colour, room);
        return;
    };
    let spark = Rect::from_min_max(
        Pos2::new(rect.right() - 62.0 * zoom, second.y - 8.0 * zoom),
        Pos2::new(rect.right() - 13.0 * zoom, second.y + 6.0 * zoom),
    );
    if face.overlay != Overlay::Calm {
        sparkline(brush, &figures.rates, spark, node_colour(palette, node));
    }
    let (text, colour) = figures_line(palette, node, figures, face);
    brush.text(
        second,
        Align2::LEFT_CENTER,
        &text,
        small,
        fade(colour),
        spark.left() - left - 4.0 * zoom,
    );
}

/// The line of figures on a node.
fn figures_line(
    palette: &Palette,
    node: &SceneNode,
    figures: &NodeFigures,
    face: &Face<'_>,
) -> (String, Color32) {
    if figures.late_share > 0.0005 && face.overlay != Overlay::Calm {
        let share = figures.late_share * 100.0;
        return (format!("▲ late {share:.1} %"), palette.warning);
    }
    let text = match face.overlay {
        Overlay::Calm => String::new(),
        Overlay::Rate => brush::rate(figures.rate),
        Overlay::Lag => figures
            .lag_ms
            .map_or(String::new(), |lag| format!("wm {}", brush::lag(lag))),
        Overlay::State => match figures.state_bytes {
            0 => "no state".to_string(),
            size => format!("{} state", brush::bytes(size)),
        },
        Overlay::Types => match &node.stream {
            Some(stream) => paint_edge::stream_name(stream).into(),
            None => String::new(),
        },
    };
    (text, palette.muted)
}

fn sparkline(brush: &mut Brush<'_>, values: &[f32], rect: Rect, colour: Color32) {
    if values.len() < 2 {
        return;
    }
    let most = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .fold(1e-6, f32::max);
    let last = (values.len() - 1) as f32;
    let points: Vec<Pos2> = values
        .iter()
        .enumerate()
        .map(|(at, value)| {
            let share = if value.is_finite() { value / most } else { 0.0 };
            Pos2::new(
                egui::lerp(rect.left()..=rect.right(), at as f32 / last),
                egui::lerp(rect.bottom()..=rect.top(), share.clamp(0.0, 1.0)),
            )
        })
        .collect();
    let width = (1.4 * brush.eye.zoom()).clamp(1.0, 3.0);
    brush.add(Shape::line(points, Stroke::new(width, colour)));
}

/// A thin line at the bottom: the share of time that the node works, red where it waits for what
/// it feeds.
fn busy(brush: &mut Brush<'_>, rect: Rect, figures: &NodeFigures, radius: f32) {
    let share = figures.busy.clamp(0.0, 1.0) as f32;
    let pressed = figures.back_pressured >= BACK_PRESSURED;
    let (share, colour) = match pressed {
        true => (
            figures.back_pressured.clamp(0.0, 1.0) as f32,
            brush.palette.error,
        ),
        false => (share, brush.palette.accent),
    };
    let width = (rect.width() - 2.0 * radius) * share;
    if width < 1.0 {
        return;
    }
    let height = (2.0 * brush.eye.zoom()).clamp(1.0, 4.0);
    let bar = Rect::from_min_size(
        Pos2::new(rect.left() + radius, rect.bottom() - height - 0.5),
        Vec2::new(width, height),
    );
    brush.fill(bar, 1_u8, colour);
}

/// What a job said before it died, under the node it died on: the first lines; a tip has it all.
fn last_words(brush: &mut Brush<'_>, node: &SceneNode, rect: Rect, words: &str) {
    let zoom = brush.eye.zoom();
    let palette = brush.palette;
    let size = quantised((11.0 * zoom).clamp(9.0, 16.0));
    let words = super::describe::first_line(words);
    // It stands at the node: which operator of it failed is of no help.
    let words = match words.split_once(": ") {
        Some((operator, rest)) if operator.split('/').next() == Some(node.id.as_str()) => rest,
        _ => words,
    };
    let format = TextFormat::simple(theme::text_font(size), palette.text);
    let mut job = LayoutJob::single_section(words.to_string(), format);
    job.wrap = TextWrapping {
        max_width: (rect.width() * 1.5).clamp(200.0, 420.0),
        max_rows: LINES_OF_WORDS,
        break_anywhere: false,
        overflow_character: Some('…'),
    };
    let text = brush.painter.layout_job(job);
    let margin = Vec2::new(8.0, 5.0);
    let place = rect.left_bottom() + Vec2::new(0.0, 6.0);
    let board = Rect::from_min_size(place, text.size() + 2.0 * margin);
    brush.fill(
        board,
        5_u8,
        Palette::mix(palette.raised, palette.error, 0.16),
    );
    brush.border(board, 5_u8, Stroke::new(1.0, palette.error));
    brush.add(Shape::galley(place + margin, text, palette.text));
}

/// Slanted lines over a rectangle.
fn hatch(brush: &mut Brush<'_>, rect: Rect, colour: Color32) {
    let gap = (9.0 * brush.eye.zoom()).max(5.0);
    let stroke = Stroke::new(1.0, colour);
    let mut at = rect.left() - rect.height();
    while at < rect.right() {
        // The line from (at, bottom) up to (at + height, top), cut at the sides.
        let low = (rect.left() - at).max(0.0);
        let high = (rect.right() - at).min(rect.height());
        if low < high {
            let point = |along: f32| Pos2::new(at + along, rect.bottom() - along);
            brush.add(Shape::line_segment([point(low), point(high)], stroke));
        }
        at += gap;
    }
}

/// Paints the ports of a node.
pub fn paint_ports(
    brush: &mut Brush<'_>,
    node: &SceneNode,
    at: usize,
    face: &Face<'_>,
    look: impl Fn(Port) -> PortLook,
) {
    let zoom = brush.eye.zoom();
    let palette = brush.palette;
    let inputs = (0..node.inputs.len()).map(|port| {
        let input = &node.inputs[port];
        (Port::Input(at, port), node.input(port), input.free)
    });
    let output = node
        .has_output
        .then(|| (Port::Output(at), node.output(), false));
    for (port, place, free) in inputs.chain(output).collect::<Vec<_>>() {
        let look = look(port);
        let place = brush.eye.screen(place);
        let mut radius = (5.0 * zoom).clamp(2.5, 9.0);
        let mut colour = match port {
            Port::Output(_) => paint_edge::stream_colour(palette, node.stream.as_ref()),
            Port::Input(..) if free => palette.faint,
            Port::Input(..) => palette.accent,
        };
        let mut fill = palette.background;
        match look {
            PortLook::Plain => {}
            PortLook::Hovered => radius += 1.5,
            PortLook::Fits => {
                colour = palette.accent;
                fill = Palette::mix(palette.background, palette.accent, 0.45);
                radius += 1.0;
            }
            PortLook::Chosen => {
                colour = palette.accent;
                fill = palette.accent;
                radius += 2.5;
            }
            PortLook::Dimmed => colour = Palette::mix(palette.background, palette.faint, 0.5),
        }
        if face.dimmed && look == PortLook::Plain {
            colour = Palette::mix(palette.background, colour, 0.4);
        }
        let width = (1.8 * zoom).clamp(1.2, 3.0);
        brush.disc(place, radius, fill, Stroke::new(width, colour));
        if free && zoom >= 0.5 {
            let arm = radius * 0.5;
            let stroke = Stroke::new(1.0, colour);
            for arm in [Vec2::new(arm, 0.0), Vec2::new(0.0, arm)] {
                brush.add(Shape::line_segment([place - arm, place + arm], stroke));
            }
        }
    }
}

/// Paints a frame. Behind everything else.
pub fn paint_frame(brush: &mut Brush<'_>, frame: &SceneFrame, selected: bool, hovered: bool) {
    let palette = brush.palette;
    let rect = brush.eye.rect(frame.rect);
    let zoom = brush.eye.zoom();
    let colour = frame.colour.map_or(palette.accent, own_colour);
    let fill = Palette::mix(
        palette.background,
        colour,
        if palette.dark { 0.055 } else { 0.05 },
    );
    let radius = (10.0 * zoom).clamp(3.0, 20.0);
    brush.fill(rect, radius as u8, fill);
    let line = match (selected, hovered) {
        (true, _) => palette.accent,
        (false, true) => Palette::mix(palette.background, colour, 0.6),
        (false, false) => Palette::mix(palette.background, colour, 0.32),
    };
    match selected {
        true => brush.border(rect, radius as u8, Stroke::new(1.5, line)),
        false => brush.dashed_border(rect, radius, Stroke::new(1.0, line)),
    }
    let size = quantised((12.0 * zoom).clamp(9.0, 28.0));
    let at = Pos2::new(
        rect.left() + (13.0 * zoom).max(5.0),
        rect.top() + (FRAME_HEAD / 2.0 + 1.0) * zoom,
    );
    brush.text(
        at,
        Align2::LEFT_CENTER,
        &frame.title,
        theme::text_font(size),
        colour,
        rect.width() - 16.0 * zoom,
    );
}
