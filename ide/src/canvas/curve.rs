//! The curves of wires: smooth from port to port, through the bends that a person put in.

use egui::{Pos2, Vec2};

/// The points of a curve that leaves `start` and enters `end` to the right.
pub fn through(start: Pos2, bends: &[Pos2], end: Pos2) -> Vec<Pos2> {
    let mut stops = Vec::with_capacity(bends.len() + 2);
    stops.push(start);
    stops.extend_from_slice(bends);
    stops.push(end);
    let last = stops.len() - 1;
    // The directions at the bends are those of the line between their neighbours.
    let along = |at: usize| match at {
        0 => Vec2::RIGHT,
        at if at == last => Vec2::RIGHT,
        at => (stops[at + 1] - stops[at - 1]).normalized(),
    };
    let mut line = vec![start];
    for at in 0..last {
        let (a, b) = (stops[at], stops[at + 1]);
        let plain = last == 1;
        let (out, into) = (
            pull(a, b, at == 0, plain),
            pull(a, b, at + 1 == last, plain),
        );
        cubic(
            a,
            a + along(at) * out,
            b - along(at + 1) * into,
            b,
            &mut line,
        );
    }
    line
}

/// How far a handle reaches.
fn pull(a: Pos2, b: Pos2, at_port: bool, plain: bool) -> f32 {
    let distance = a.distance(b);
    if !at_port {
        return distance * 0.35;
    }
    let ahead = b.x - a.x;
    if ahead > 0.0 {
        (ahead * 0.5).max((distance * 0.35).min(48.0))
    } else if plain {
        // Backwards: out, around and in again.
        (distance * 0.4).clamp(48.0, 160.0)
    } else {
        (distance * 0.35).clamp(16.0, 120.0)
    }
}

fn cubic(a: Pos2, b: Pos2, c: Pos2, d: Pos2, line: &mut Vec<Pos2>) {
    let straight = (a.y - d.y).abs() < 0.5 && (b.y - c.y).abs() < 0.5 && a.x < d.x;
    let length = a.distance(b) + b.distance(c) + c.distance(d);
    let steps = match straight {
        true => 1,
        false => ((length / 9.0) as usize).clamp(10, 72),
    };
    for step in 1..=steps {
        let t = step as f32 / steps as f32;
        let s = 1.0 - t;
        let (ka, kb, kc, kd) = (s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t);
        line.push(Pos2::new(
            ka * a.x + kb * b.x + kc * c.x + kd * d.x,
            ka * a.y + kb * b.y + kc * c.y + kd * d.y,
        ));
    }
}

/// How far a point is from a line.
pub fn distance(line: &[Pos2], to: Pos2) -> f32 {
    line.windows(2)
        .map(|pair| segment_distance(pair[0], pair[1], to))
        .fold(f32::INFINITY, f32::min)
}

fn segment_distance(a: Pos2, b: Pos2, to: Pos2) -> f32 {
    let along = b - a;
    let share = match along.length_sq() {
        length if length < 1e-6 => 0.0,
        length => ((to - a).dot(along) / length).clamp(0.0, 1.0),
    };
    (a + along * share).distance(to)
}

/// The point in the middle of a line.
pub fn middle(line: &[Pos2]) -> Pos2 {
    let total: f32 = line.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
    let mut left = total / 2.0;
    for pair in line.windows(2) {
        let length = pair[0].distance(pair[1]);
        if left <= length && length > 0.0 {
            return pair[0].lerp(pair[1], left / length);
        }
        left -= length;
    }
    line.first().copied().unwrap_or_default()
}

/// Whether two lines cross.
pub fn cross(a: &[Pos2], b: &[Pos2]) -> bool {
    a.windows(2).any(|one| {
        b.windows(2)
            .any(|other| segments_cross(one[0], one[1], other[0], other[1]))
    })
}

fn segments_cross(a: Pos2, b: Pos2, c: Pos2, d: Pos2) -> bool {
    // A point on the line counts to one side of it, so that a cut through a corner of a curve crosses
    // exactly one of the two pieces that meet there.
    let left =
        |p: Pos2, q: Pos2, r: Pos2| (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x) >= 0.0;
    left(a, b, c) != left(a, b, d) && left(c, d, a) != left(c, d, b)
}

/// After which bend of a wire a point of it comes: where a new bend goes into the list.
pub fn place_among(start: Pos2, bends: &[Pos2], end: Pos2, at: Pos2) -> usize {
    let mut best = (f32::INFINITY, bends.len());
    for before in 0..=bends.len() {
        let mut with: Vec<Pos2> = bends.to_vec();
        with.insert(before, at);
        let stops = [&[start], with.as_slice(), &[end]].concat();
        let length: f32 = stops.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
        if length < best.0 {
            best = (length, before);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use egui::pos2;

    use super::*;

    #[test]
    fn a_curve_begins_and_ends_at_its_ports_and_goes_through_its_bends() {
        let bends = [pos2(100.0, 200.0), pos2(300.0, -50.0)];
        let line = through(pos2(0.0, 0.0), &bends, pos2(400.0, 10.0));
        assert_eq!(line.first(), Some(&pos2(0.0, 0.0)));
        assert!(line.last().unwrap().distance(pos2(400.0, 10.0)) < 1e-3);
        for bend in bends {
            assert!(distance(&line, bend) < 1e-2);
        }
        // Ports are left and entered to the right.
        assert!(line[1].x > line[0].x);
        let back = through(pos2(0.0, 0.0), &[], pos2(-300.0, 100.0));
        assert!(back[1].x > 0.0 && back[back.len() - 2].x < -300.0);
    }

    #[test]
    fn a_new_bend_goes_between_its_neighbours() {
        let bends = [pos2(100.0, 0.0), pos2(200.0, 0.0)];
        let place = |x: f32| place_among(pos2(0.0, 0.0), &bends, pos2(300.0, 0.0), pos2(x, 5.0));
        assert_eq!((place(50.0), place(150.0), place(250.0)), (0, 1, 2));
    }

    #[test]
    fn lines_cross_where_they_do() {
        let line = through(pos2(0.0, 0.0), &[], pos2(100.0, 100.0));
        assert!(cross(&line, &[pos2(50.0, 0.0), pos2(50.0, 100.0)]));
        assert!(!cross(&line, &[pos2(150.0, 0.0), pos2(150.0, 100.0)]));
        assert!(middle(&line).distance(pos2(50.0, 50.0)) < 4.0);
    }
}
