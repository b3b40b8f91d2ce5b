//! What everything on the canvas is painted with: the way from the canvas to the screen, text that
//! stays crisp at every zoom, and shapes collected to be handed over at once.

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{
    Align2, Color32, CornerRadius, FontId, Mesh, Painter, Pos2, Rect, Shape, Stroke, StrokeKind,
    Vec2,
};

use crate::editor::Camera;
use crate::theme::Palette;

/// How much of a node is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// A coloured block and the mark of its family.
    Far,
    /// Title, ports and badges.
    Middle,
    /// And the summary, figures and a sparkline.
    Near,
}

/// The way between the canvas and the screen.
#[derive(Debug, Clone, Copy)]
pub struct Eye {
    /// The canvas on the screen.
    pub view: Rect,
    /// What of the canvas is seen.
    pub camera: Camera,
}

impl Eye {
    /// A point of the canvas on the screen.
    pub fn screen(&self, world: Pos2) -> Pos2 {
        self.camera.to_screen(self.view, world)
    }

    /// A point of the screen on the canvas.
    pub fn world(&self, screen: Pos2) -> Pos2 {
        self.camera.to_world(self.view, screen)
    }

    /// A rectangle of the canvas on the screen.
    pub fn rect(&self, world: Rect) -> Rect {
        Rect::from_min_max(self.screen(world.min), self.screen(world.max))
    }

    /// Points of the screen by unit of the canvas.
    pub fn zoom(&self) -> f32 {
        self.camera.zoom
    }

    /// How much of a node is worth drawing.
    pub fn detail(&self) -> Detail {
        match self.camera.zoom {
            zoom if zoom < 0.3 => Detail::Far,
            zoom if zoom < 0.7 => Detail::Middle,
            _ => Detail::Near,
        }
    }

    /// The part of the canvas that is seen.
    pub fn visible(&self) -> Rect {
        self.camera.visible(self.view)
    }
}

/// A font size that few zooms share: each size is a set of glyphs of its own.
pub fn quantised(size: f32) -> f32 {
    match size {
        size if size < 20.0 => (size * 2.0).round() / 2.0,
        size => size.round(),
    }
}

/// Collects shapes for one painter.
pub struct Brush<'a> {
    /// Lays out text.
    pub painter: &'a Painter,
    /// The way to the screen.
    pub eye: Eye,
    /// The colours.
    pub palette: &'a Palette,
    shapes: Vec<Shape>,
}

impl<'a> Brush<'a> {
    /// An empty brush.
    pub fn new(painter: &'a Painter, eye: Eye, palette: &'a Palette) -> Self {
        Self {
            painter,
            eye,
            palette,
            shapes: Vec::with_capacity(512),
        }
    }

    /// Hands everything to the painter.
    pub fn finish(self) {
        self.painter.extend(self.shapes);
    }

    /// Adds a shape.
    pub fn add(&mut self, shape: impl Into<Shape>) {
        self.shapes.push(shape.into());
    }

    /// A filled rectangle.
    pub fn fill(&mut self, rect: Rect, radius: impl Into<CornerRadius>, colour: Color32) {
        self.add(Shape::rect_filled(rect, radius, colour));
    }

    /// The border of a rectangle.
    pub fn border(&mut self, rect: Rect, radius: impl Into<CornerRadius>, stroke: Stroke) {
        self.add(Shape::rect_stroke(rect, radius, stroke, StrokeKind::Middle));
    }

    /// A dashed border: straight dashes on whole pixels, as one mesh.
    pub fn dashed_border(&mut self, rect: Rect, radius: f32, stroke: Stroke) {
        let (dash, gap) = (6.0, 4.0);
        let mut mesh = Mesh::default();
        let width = stroke.width.max(1.0);
        let rect = Rect::from_min_max(rect.min.round(), rect.max.round());
        let mut along = |from: f32, to: f32, place: &dyn Fn(f32, f32) -> Rect| {
            let count = ((to - from + gap) / (dash + gap)).floor().max(1.0);
            let room = (to - from + gap) / count;
            for step in 0..count as usize {
                let start = (from + step as f32 * room).round();
                mesh.add_colored_rect(place(start, (start + room - gap).round()), stroke.color);
            }
        };
        let (left, right) = (rect.left() + radius, rect.right() - radius);
        let (top, bottom) = (rect.top() + radius, rect.bottom() - radius);
        for y in [rect.top(), rect.bottom() - width] {
            along(left, right, &|from, to| {
                Rect::from_min_max(Pos2::new(from, y), Pos2::new(to, y + width))
            });
        }
        for x in [rect.left(), rect.right() - width] {
            along(top, bottom, &|from, to| {
                Rect::from_min_max(Pos2::new(x, from), Pos2::new(x + width, to))
            });
        }
        self.add(Shape::mesh(mesh));
    }

    /// A filled circle with a border.
    pub fn disc(&mut self, centre: Pos2, radius: f32, fill: Color32, stroke: Stroke) {
        self.add(egui::epaint::CircleShape {
            center: centre,
            radius,
            fill,
            stroke,
        });
    }

    /// A line of text, cut with "…" where it gets too wide. Gives its rectangle.
    pub fn text(
        &mut self,
        at: Pos2,
        anchor: Align2,
        text: &str,
        font: FontId,
        colour: Color32,
        room: f32,
    ) -> Rect {
        if room < font.size {
            return Rect::from_min_size(at, Vec2::ZERO);
        }
        let mut job = LayoutJob::single_section(
            text.to_string(),
            TextFormat::simple(font, Color32::PLACEHOLDER),
        );
        job.wrap = TextWrapping {
            max_width: room.round(),
            max_rows: 1,
            break_anywhere: true,
            overflow_character: Some('…'),
        };
        let galley = self.painter.layout_job(job);
        let rect = anchor.anchor_size(at, galley.size());
        self.add(Shape::galley(rect.min, galley, colour));
        rect
    }
}

/// The dotted ground, as one mesh.
pub fn ground(brush: &mut Brush<'_>) {
    let eye = brush.eye;
    let palette = brush.palette;
    let mut step = 24.0;
    while step * eye.zoom() < 18.0 {
        step *= 2.0;
    }
    while step * eye.zoom() > 44.0 {
        step /= 2.0;
    }
    let colour = Palette::mix(
        palette.background,
        palette.faint,
        if palette.dark { 0.4 } else { 0.45 },
    );
    let visible = eye.visible();
    let first = |from: f32| (from / step).floor() * step;
    let mut mesh = Mesh::default();
    let pixel = 1.0 / brush.painter.pixels_per_point();
    let size = Vec2::splat(if pixel < 0.75 { 1.5 } else { 1.0 });
    let mut y = first(visible.top());
    while y <= visible.bottom() {
        let mut x = first(visible.left());
        while x <= visible.right() {
            let at = eye.screen(Pos2::new(x, y));
            let at = Pos2::new(
                (at.x / pixel).round() * pixel,
                (at.y / pixel).round() * pixel,
            );
            mesh.add_colored_rect(Rect::from_min_size(at, size), colour);
            x += step;
        }
        y += step;
    }
    brush.add(Shape::mesh(mesh));
}

/// A number of rows a second: "830/s", "12.4k/s".
pub fn rate(rows: f64) -> String {
    format!("{}/s", short(rows))
}

/// A number in few characters.
pub fn short(value: f64) -> String {
    let scaled = |value: f64, unit: &str| match value {
        value if value < 9.95 => format!("{value:.1}{unit}"),
        value => format!("{value:.0}{unit}"),
    };
    match value {
        value if !value.is_finite() || value < 0.0 => "?".to_string(),
        value if value < 9.95 && value.fract() > 0.05 => format!("{value:.1}"),
        value if value < 999.5 => format!("{value:.0}"),
        value if value < 99_950.0 => format!("{:.1}k", value / 1e3),
        value if value < 999_500.0 => scaled(value / 1e3, "k"),
        value if value < 999_500_000.0 => scaled(value / 1e6, "M"),
        value => scaled(value / 1e9, "G"),
    }
}

/// A size: "412 MB".
pub fn bytes(size: u64) -> String {
    let size = size as f64;
    match size {
        size if size < 1e3 => format!("{size:.0} B"),
        size if size < 1e6 => format!("{:.0} kB", size / 1e3),
        size if size < 9.95e6 => format!("{:.1} MB", size / 1e6),
        size if size < 1e9 => format!("{:.0} MB", size / 1e6),
        size => format!("{:.1} GB", size / 1e9),
    }
}

/// A lag: "−0.4 s", "−5 min".
pub fn lag(milliseconds: i64) -> String {
    let seconds = milliseconds as f64 / 1e3;
    match seconds {
        seconds if seconds < 9.95 => format!("−{:.1} s", seconds.max(0.0)),
        seconds if seconds < 120.0 => format!("−{seconds:.0} s"),
        seconds if seconds < 7200.0 => format!("−{:.0} min", seconds / 60.0),
        seconds if seconds < 172_800.0 => format!("−{:.0} h", seconds / 3600.0),
        seconds => format!("−{:.0} d", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(rate(12_431.0), "12.4k/s");
        assert_eq!(rate(830.2), "830/s");
        assert_eq!(rate(0.0), "0/s");
        assert_eq!(rate(2.5), "2.5/s");
        assert_eq!(rate(1.25e6), "1.2M/s");
        assert_eq!(bytes(412_000_000), "412 MB");
        assert_eq!(bytes(38_400), "38 kB");
        assert_eq!(lag(400), "−0.4 s");
        assert_eq!(lag(300_000), "−5 min");
        assert_eq!(quantised(13.1), 13.0);
        assert_eq!(quantised(31.4), 31.0);
    }
}
