//! Notices in a corner of the window; those with a repair stay until it is taken or dismissed.
//!
//! Painted here and not by egui-notify: that asks for frame after frame as long as a notice is
//! shown, and its text has no name for who does not see it. These ask for a frame when the next one
//! is over.

use std::time::{Duration, Instant};

use egui::{
    Align2, Area, Button, Color32, Context, Frame, Id, Key, Label, Margin, Order, RichText, Role,
    Stroke, Ui, Vec2, WidgetInfo,
};

use crate::editor::{Action, Notice, NoticeLevel};
use crate::theme::{self, Palette};

/// How many are shown at a time; older ones make room.
const SHOWN: usize = 4;
const WIDTH: f32 = 340.0;
/// How much longer one stays after the pointer left it.
const LINGERS: Duration = Duration::from_secs(2);

/// A notice and how long it is shown.
struct Shown {
    notice: Notice,
    until: Instant,
    /// Tells it from others with the same text.
    number: u64,
}

/// The notices that are shown.
#[derive(Default)]
pub(super) struct Notices {
    shown: Vec<Shown>,
    /// The notice that offers a repair; a new one takes its place.
    offer: Option<Notice>,
    /// Notices from before there was a frame to show them in.
    waiting: Vec<Notice>,
    count: u64,
}

impl Notices {
    /// Shows a notice.
    pub(super) fn add(&mut self, context: &Context, notice: Notice) {
        self.waiting.push(notice);
        context.request_repaint();
    }

    /// Shows a notice in the next frame.
    pub(super) fn later(&mut self, notice: Notice) {
        self.waiting.push(notice);
    }

    /// Draws the notices.
    pub(super) fn ui(&mut self, context: &Context, actions: &mut Vec<Action>) {
        let now = Instant::now();
        self.take_waiting(context, now);
        self.shown.retain(|shown| shown.until > now);
        if !self.shown.is_empty() || self.offer.is_some() {
            self.corner(context, now, actions);
        }
        if let Some(next) = self.shown.iter().map(|shown| shown.until).min() {
            context.request_repaint_after(next.saturating_duration_since(now));
        }
    }

    fn take_waiting(&mut self, context: &Context, now: Instant) {
        for notice in self.waiting.drain(..) {
            // What is known to move when a notice comes is seen at once.
            context.request_repaint();
            if notice.repair.is_some() {
                self.offer = Some(notice);
                continue;
            }
            let until = now + time_of(&notice);
            // Saying it again does not make it two.
            if let Some(same) = self.shown.iter_mut().find(|old| old.notice == notice) {
                same.until = until;
                continue;
            }
            self.count += 1;
            self.shown.push(Shown {
                notice,
                until,
                number: self.count,
            });
        }
        let surplus = self.shown.len().saturating_sub(SHOWN);
        self.shown.drain(..surplus);
    }

    fn corner(&mut self, context: &Context, now: Instant, actions: &mut Vec<Action>) {
        let palette = theme::palette(context);
        let escape = context.input(|input| input.key_pressed(Key::Escape));
        let mut closed = None;
        let mut done = self.offer.is_some() && escape;
        Area::new(Id::unique("notices"))
            .order(Order::Foreground)
            .anchor(Align2::RIGHT_BOTTOM, Vec2::new(-16.0, -44.0))
            .show(context, |ui| {
                ui.spacing_mut().item_spacing.y = 2.0 * theme::STEP;
                for shown in &mut self.shown {
                    let (is_closed, is_read) = ui
                        .push_id(shown.number, |ui| {
                            one(ui, &shown.notice, palette, |_| false)
                        })
                        .inner;
                    if is_closed {
                        closed = Some(shown.number);
                    }
                    if is_read {
                        shown.until = shown.until.max(now + LINGERS);
                    }
                }
                let Some(offer) = &self.offer else { return };
                let (answered, _) = one(ui, offer, palette, |ui| {
                    let mut answered = false;
                    if let Some((label, action)) = &offer.repair {
                        let label = RichText::new(label).color(palette.on_accent);
                        if ui.add(Button::new(label).fill(palette.accent)).clicked() {
                            actions.push((**action).clone());
                            answered = true;
                        }
                    }
                    answered | ui.button("Dismiss").clicked()
                });
                done |= answered;
            });
        if closed.is_some() {
            self.shown.retain(|shown| Some(shown.number) != closed);
            context.request_repaint();
        }
        if done {
            self.offer = None;
            context.request_repaint();
        }
    }
}

/// Good news is short; what went wrong takes time to read.
fn time_of(notice: &Notice) -> Duration {
    let least = match notice.level {
        NoticeLevel::Done => 3,
        NoticeLevel::Info => 6,
        NoticeLevel::Error => 12,
    };
    // A person reads some fifteen characters a second.
    Duration::from_secs(least.max(notice.text.chars().count() as u64 / 15))
}

fn surface(ui: &Ui, palette: &Palette) -> Frame {
    Frame::new()
        .fill(palette.raised)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(theme::RADIUS)
        .shadow(ui.visuals().popup_shadow)
        .inner_margin(Margin::symmetric(12, 10))
}

/// Draws one; whether it was closed or answered, and whether the pointer is over it. One with a
/// repair is answered by its buttons.
fn one(
    ui: &mut Ui,
    notice: &Notice,
    palette: &Palette,
    buttons: impl FnOnce(&mut Ui) -> bool,
) -> (bool, bool) {
    let (mark, colour) = match notice.level {
        NoticeLevel::Done => ("✓", palette.ok),
        NoticeLevel::Info => ("i", palette.muted),
        NoticeLevel::Error => ("!", palette.error),
    };
    let line = match notice.level {
        NoticeLevel::Error => Palette::mix(palette.line, palette.error, 0.6),
        _ => palette.line,
    };
    let frame = surface(ui, palette).stroke(Stroke::new(1.0, line));
    let shown = frame.show(ui, |ui| {
        ui.set_width(WIDTH);
        let mut done = false;
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 2.5 * theme::STEP;
            badge(ui, mark, colour);
            let room = WIDTH - 50.0;
            ui.allocate_ui(Vec2::new(room, 0.0), |ui| {
                ui.set_width(room);
                ui.vertical(|ui| {
                    let text = ui.add(Label::new(RichText::new(&notice.text)).wrap());
                    announce(ui.ctx(), text.id);
                    if notice.repair.is_some() {
                        ui.add_space(theme::STEP);
                        done = ui.horizontal(buttons).inner;
                    }
                });
            });
            if notice.repair.is_none() {
                let cross = RichText::new("×").color(palette.muted);
                let close = ui.add(Button::new(cross).frame(false).small());
                close.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Close notice"));
                done = close.clicked();
            }
        });
        done
    });
    (shown.inner, shown.response.contains_pointer())
}

/// A disc with a sign: its meaning is in the text, too.
fn badge(ui: &mut Ui, mark: &str, colour: Color32) {
    let size = 18.0;
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(size), egui::Sense::hover());
    let fill = Palette::mix(theme::palette(ui.ctx()).raised, colour, 0.22);
    let painter = ui.painter();
    painter.circle_filled(rect.center(), size / 2.0, fill);
    painter.text(
        rect.center(),
        Align2::CENTER_CENTER,
        mark,
        theme::strong_font(theme::SMALL),
        colour,
    );
}

/// Who listens to the window hears the text when it comes.
fn announce(context: &Context, id: Id) {
    context.accesskit_node_builder(id, |node| node.set_live(egui::accesskit::Live::Polite));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_notice_is_shown_once_and_old_ones_make_room() {
        let context = Context::default();
        let mut notices = Notices::default();
        let now = Instant::now();
        for text in ["a", "a", "b"] {
            notices.later(Notice::info(text));
        }
        notices.take_waiting(&context, now);
        assert_eq!(notices.shown.len(), 2);
        for number in 0..SHOWN {
            notices.later(Notice::done(number.to_string()));
        }
        notices.take_waiting(&context, now);
        assert_eq!(notices.shown.len(), SHOWN);
        assert!(
            notices
                .shown
                .iter()
                .all(|shown| shown.notice.level == NoticeLevel::Done)
        );
    }

    #[test]
    fn what_is_long_is_shown_longer() {
        assert_eq!(time_of(&Notice::done("Saved")).as_secs(), 3);
        let long = "word ".repeat(90);
        assert_eq!(time_of(&Notice::error(long)).as_secs(), 30);
    }
}
