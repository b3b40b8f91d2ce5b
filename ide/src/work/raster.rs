//! Paints what egui drew without a graphics card: textured triangles, one after another, into
//! memory.
//!
//! The rules are those of graphics cards: a pixel belongs to the triangle that its centre is in,
//! one on an edge to the triangle right of or below it, and colours are premultiplied and blended
//! as they are encoded, as egui's own painters do.

use std::collections::HashMap;

use egui::epaint::textures::{TextureFilter, TexturesDelta};
use egui::epaint::{ClippedPrimitive, ImageData, Mesh, Primitive, Vertex};
use egui::{Color32, ColorImage, TextureId};

/// Steps of a coordinate within a pixel.
const STEPS: f32 = 256.0;

/// A painter: keeps the textures between frames.
#[derive(Default)]
pub struct Raster {
    textures: HashMap<TextureId, Texture>,
}

struct Texture {
    image: ColorImage,
    nearest: bool,
}

impl Texture {
    fn at(&self, x: i64, y: i64) -> [f32; 4] {
        let [width, height] = self.image.size;
        let x = x.clamp(0, width as i64 - 1) as usize;
        let y = y.clamp(0, height as i64 - 1) as usize;
        self.image.pixels[y * width + x].to_array().map(f32::from)
    }

    /// The colour at a place between 0 and 1, of 255.
    fn sample(&self, u: f32, v: f32) -> [f32; 4] {
        let [width, height] = self.image.size;
        let (x, y) = (u * width as f32, v * height as f32);
        if self.nearest {
            return self.at(x.floor() as i64, y.floor() as i64);
        }
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let (right_share, lower_share) = (x - left, y - top);
        let (left, top) = (left as i64, top as i64);
        let mix = |a: [f32; 4], b: [f32; 4], share: f32| {
            std::array::from_fn(|part| a[part] + (b[part] - a[part]) * share)
        };
        let upper = mix(self.at(left, top), self.at(left + 1, top), right_share);
        let lower = mix(
            self.at(left, top + 1),
            self.at(left + 1, top + 1),
            right_share,
        );
        mix(upper, lower, lower_share)
    }
}

impl Raster {
    /// Takes in the textures that a frame changed. Before [`paint`](Self::paint).
    pub fn update(&mut self, delta: &mut TexturesDelta) {
        for (id, images) in delta.set.drain() {
            for image in &images {
                let ImageData::Color(part) = &image.image;
                match (image.pos, self.textures.get_mut(&id)) {
                    (Some([left, top]), Some(texture)) => {
                        let width = texture.image.size[0];
                        for (row, pixels) in part.pixels.chunks(part.size[0].max(1)).enumerate() {
                            let begin = (top + row) * width + left;
                            texture.image.pixels[begin..begin + pixels.len()]
                                .copy_from_slice(pixels);
                        }
                    }
                    _ => {
                        let texture = Texture {
                            image: (**part).clone(),
                            nearest: image.options.magnification == TextureFilter::Nearest,
                        };
                        self.textures.insert(id, texture);
                    }
                }
            }
        }
    }

    /// Forgets the textures that are not used any more. After [`paint`](Self::paint).
    pub fn free(&mut self, delta: &mut TexturesDelta) {
        for id in delta.free.drain() {
            self.textures.remove(&id);
        }
    }

    /// Paints a frame of this size in pixels, with so many pixels a point, over a background. What
    /// needs a graphics card of its own is left out.
    pub fn paint(
        &self,
        size: [usize; 2],
        pixels_per_point: f32,
        background: Color32,
        primitives: &[ClippedPrimitive],
    ) -> ColorImage {
        let mut image = ColorImage::filled(size, background);
        for primitive in primitives {
            let Primitive::Mesh(mesh) = &primitive.primitive else {
                continue;
            };
            let clip = primitive.clip_rect * pixels_per_point;
            let bound = |value: f32, most: usize| value.round().clamp(0.0, most as f32) as usize;
            let clip = Clip {
                left: bound(clip.min.x, size[0]),
                top: bound(clip.min.y, size[1]),
                right: bound(clip.max.x, size[0]),
                bottom: bound(clip.max.y, size[1]),
            };
            if clip.left < clip.right
                && clip.top < clip.bottom
                && let Some(texture) = self.textures.get(&mesh.texture_id)
            {
                paint_mesh(&mut image, &clip, pixels_per_point, mesh, texture);
            }
        }
        image
    }
}

/// The pixels that may change: from the left to before the right, from the top to above the bottom.
struct Clip {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

fn paint_mesh(
    image: &mut ColorImage,
    clip: &Clip,
    pixels_per_point: f32,
    mesh: &Mesh,
    texture: &Texture,
) {
    for [a, b, c] in mesh.triangles() {
        let corner = |index: u32| mesh.vertices.get(index as usize).copied();
        if let (Some(a), Some(b), Some(c)) = (corner(a), corner(b), corner(c)) {
            paint_triangle(image, clip, pixels_per_point, [a, b, c], texture);
        }
    }
}

fn paint_triangle(
    image: &mut ColorImage,
    clip: &Clip,
    pixels_per_point: f32,
    mut corners: [Vertex; 3],
    texture: &Texture,
) {
    let fixed = |vertex: &Vertex| {
        let part = |value: f32| (value * pixels_per_point * STEPS).round() as i64;
        (part(vertex.pos.x), part(vertex.pos.y))
    };
    let mut points = [0, 1, 2].map(|index: usize| fixed(&corners[index]));
    let mut area = cross(points[0], points[1], points[2]);
    if area < 0 {
        corners.swap(1, 2);
        points.swap(1, 2);
        area = -area;
    }
    if area == 0 {
        return;
    }
    let step = STEPS as i64;
    let least =
        |of: fn(&(i64, i64)) -> i64| points.iter().map(of).min().unwrap_or(0).div_euclid(step);
    let most =
        |of: fn(&(i64, i64)) -> i64| points.iter().map(of).max().unwrap_or(0).div_euclid(step);
    let columns = least(|p| p.0).max(clip.left as i64)..(most(|p| p.0) + 1).min(clip.right as i64);
    let rows = least(|p| p.1).max(clip.top as i64)..(most(|p| p.1) + 1).min(clip.bottom as i64);
    if columns.is_empty() || rows.is_empty() {
        return;
    }
    // The edge opposite each corner: positive inside. One that a centre lies on counts if it is an
    // upper or a left one.
    let edges = [(1, 2), (2, 0), (0, 1)].map(|(from, to): (usize, usize)| {
        let (from, to) = (points[from], points[to]);
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let counts = dy < 0 || (dy == 0 && dx > 0);
        (from, to, if counts { 0 } else { 1 }, -dy * step)
    });
    let colours = [0, 1, 2].map(|index: usize| corners[index].color.to_array().map(f32::from));
    let plain = colours[0] == colours[1]
        && colours[1] == colours[2]
        && corners[0].uv == corners[1].uv
        && corners[1].uv == corners[2].uv;
    let plain = plain.then(|| {
        let texel = texture.sample(corners[0].uv.x, corners[0].uv.y);
        std::array::from_fn::<f32, 4, _>(|part| colours[0][part] * texel[part] / 255.0)
    });
    let area = area as f32;
    let width = image.size[0];
    for y in rows {
        let centre = |x: i64| (x * step + step / 2, y * step + step / 2);
        let mut weights = edges.map(|(from, to, _, _)| cross(from, to, centre(columns.start)));
        for x in columns.clone() {
            let inside = (0..3).all(|edge| weights[edge] >= edges[edge].2);
            if inside {
                let colour = plain.unwrap_or_else(|| {
                    let share = [0, 1, 2].map(|edge: usize| weights[edge] as f32 / area);
                    let mix = |of: [f32; 3]| of[0] * share[0] + of[1] * share[1] + of[2] * share[2];
                    let u = mix([0, 1, 2].map(|c: usize| corners[c].uv.x));
                    let v = mix([0, 1, 2].map(|c: usize| corners[c].uv.y));
                    let texel = texture.sample(u, v);
                    std::array::from_fn(|part| {
                        mix([0, 1, 2].map(|c: usize| colours[c][part])) * texel[part] / 255.0
                    })
                });
                let pixel = &mut image.pixels[y as usize * width + x as usize];
                *pixel = blend(*pixel, colour);
            }
            for edge in 0..3 {
                weights[edge] += edges[edge].3;
            }
        }
    }
}

/// Twice the area of a triangle; positive if it goes round clockwise on a screen.
fn cross(a: (i64, i64), b: (i64, i64), c: (i64, i64)) -> i64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

/// A premultiplied colour over another.
fn blend(under: Color32, over: [f32; 4]) -> Color32 {
    let left = 1.0 - over[3] / 255.0;
    let under = under.to_array();
    let [r, g, b, a] = std::array::from_fn(|part| {
        (over[part] + f32::from(under[part]) * left + 0.5).clamp(0.0, 255.0) as u8
    });
    Color32::from_rgba_premultiplied(r, g, b, a)
}
