//! A grid over the canvas that answers what is near without looking at everything.

use std::collections::HashMap;

use egui::Rect;

/// The side of a cell, in units of the canvas: a little more than a node is wide.
const CELL: f32 = 320.0;

/// Things by the cells that their rectangles touch.
#[derive(Debug, Default)]
pub struct Grid {
    cells: HashMap<(i32, i32), Vec<u32>>,
    count: usize,
    /// The cells that are used, from and to.
    used: Option<((i32, i32), (i32, i32))>,
    /// Things that span so many cells that they stand in none.
    wide: Vec<u32>,
}

fn cells(rect: Rect) -> ((i32, i32), (i32, i32)) {
    let cell = |value: f32| (value / CELL).floor() as i32;
    (
        (cell(rect.left()), cell(rect.top())),
        (cell(rect.right()), cell(rect.bottom())),
    )
}

fn area((from, to): ((i32, i32), (i32, i32))) -> i64 {
    i64::from(to.0 - from.0 + 1) * i64::from(to.1 - from.1 + 1)
}

impl Grid {
    /// A grid of these rectangles, numbered from 0.
    pub fn of(rects: impl Iterator<Item = Rect>) -> Self {
        let mut grid = Self::default();
        for rect in rects {
            let at = grid.count as u32;
            grid.count += 1;
            let span = cells(rect);
            if !rect.is_finite() || area(span) > 64 {
                grid.wide.push(at);
                continue;
            }
            let (from, to) = span;
            for x in from.0..=to.0 {
                for y in from.1..=to.1 {
                    grid.cells.entry((x, y)).or_default().push(at);
                }
            }
            grid.used = Some(match grid.used {
                None => span,
                Some((least, most)) => (
                    (least.0.min(from.0), least.1.min(from.1)),
                    (most.0.max(to.0), most.1.max(to.1)),
                ),
            });
        }
        grid
    }

    /// The numbers of what may touch a rectangle and is `wanted`, in their order.
    pub fn within(&self, rect: Rect, wanted: impl Fn(usize) -> bool) -> Vec<usize> {
        let Some((least, most)) = self.used else {
            return self.all_wide(wanted);
        };
        let (from, to) = cells(rect);
        let from = (from.0.max(least.0), from.1.max(least.1));
        let to = (to.0.min(most.0), to.1.min(most.1));
        if from.0 > to.0 || from.1 > to.1 {
            return self.all_wide(wanted);
        }
        // Over a large part of the canvas it is quicker to look at everything.
        if area((from, to)) as usize > self.cells.len() / 2 {
            return (0..self.count).filter(|at| wanted(*at)).collect();
        }
        let mut found: Vec<usize> = self.all_wide(&wanted);
        for x in from.0..=to.0 {
            for y in from.1..=to.1 {
                for at in self.cells.get(&(x, y)).into_iter().flatten() {
                    if wanted(*at as usize) {
                        found.push(*at as usize);
                    }
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn all_wide(&self, wanted: impl Fn(usize) -> bool) -> Vec<usize> {
        let wide = self.wide.iter().map(|at| *at as usize);
        wide.filter(|at| wanted(*at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use egui::{Vec2, pos2};

    use super::*;

    #[test]
    fn the_grid_finds_what_a_look_at_everything_finds() {
        let mut seed = 7_u32;
        let mut next = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((seed >> 8) % below) as f32
        };
        let rects: Vec<Rect> = (0..400)
            .map(|_| {
                let size = Vec2::new(next(900) + 1.0, next(300) + 1.0);
                Rect::from_min_size(pos2(next(20_000) - 10_000.0, next(9_000)), size)
            })
            .chain([Rect::from_min_size(pos2(-9e4, 0.0), Vec2::new(2e5, 10.0))])
            .collect();
        let grid = Grid::of(rects.iter().copied());
        for _ in 0..200 {
            let corner = pos2(next(24_000) - 12_000.0, next(11_000) - 1000.0);
            let query = Rect::from_min_size(corner, Vec2::new(next(4000), next(2500)));
            let found = grid.within(query, |at| rects[at].intersects(query));
            let all: Vec<usize> = (0..rects.len())
                .filter(|at| rects[*at].intersects(query))
                .collect();
            assert_eq!(found, all);
        }
        assert!(
            Grid::default()
                .within(Rect::EVERYTHING, |_| true)
                .is_empty()
        );
    }
}
