//! The mark of each family of node kinds: told apart by shape as well as by colour.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, Vec2};
use millstream_compiler::nodes::Family;

/// Paints the mark of a family, `size` wide; a question's ring for a kind that is not known.
///
/// A source is a disc in a ring, a feature a square in a square, a join two triangles that meet,
/// a model a hexagon, a sink a grid.
pub fn paint_family(
    painter: &Painter,
    family: Option<Family>,
    centre: Pos2,
    size: f32,
    colour: Color32,
) {
    painter.extend(family_shapes(family, centre, size, colour));
}

/// The shapes of the mark of a family.
pub fn family_shapes(
    family: Option<Family>,
    centre: Pos2,
    size: f32,
    colour: Color32,
) -> Vec<Shape> {
    let half = size / 2.0;
    let line = Stroke::new((size / 9.0).max(1.0), colour);
    let polygon = |points: Vec<Pos2>| Shape::convex_polygon(points, colour, Stroke::NONE);
    let ring = || Shape::circle_stroke(centre, half - line.width / 2.0, line);
    let square = |side: f32, round: f32| {
        let outer = Rect::from_center_size(centre, Vec2::splat(side));
        Shape::rect_stroke(outer, round, line, egui::StrokeKind::Middle)
    };
    match family {
        Some(Family::Source) => {
            vec![ring(), Shape::circle_filled(centre, half * 0.5, colour)]
        }
        Some(Family::Feature) => {
            let inner = Rect::from_center_size(centre, Vec2::splat(size * 0.45));
            vec![
                square(size - line.width, size * 0.15),
                Shape::rect_filled(inner, 0.0, colour),
            ]
        }
        Some(Family::Join) => [-1.0, 1.0]
            .map(|side| {
                let x = side * half;
                polygon(vec![
                    centre,
                    centre + Vec2::new(x, -half * 0.8),
                    centre + Vec2::new(x, half * 0.8),
                ])
            })
            .to_vec(),
        Some(Family::Model) => {
            let corner = |index: i32| {
                let angle = std::f32::consts::TAU * (index as f32 + 0.5) / 6.0;
                centre + Vec2::angled(angle) * half
            };
            vec![polygon((0..6).map(corner).collect())]
        }
        Some(Family::Sink) => {
            let outer = Rect::from_center_size(centre, Vec2::splat(size - line.width));
            let mut shapes = vec![square(size - line.width, size * 0.1)];
            for share in [1.0 / 3.0, 2.0 / 3.0] {
                let x = egui::lerp(outer.left()..=outer.right(), share);
                let y = egui::lerp(outer.top()..=outer.bottom(), share);
                shapes.push(Shape::vline(x, outer.y_range(), line));
                shapes.push(Shape::hline(outer.x_range(), y, line));
            }
            shapes
        }
        None => vec![ring()],
    }
}
