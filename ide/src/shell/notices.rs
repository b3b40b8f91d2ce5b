//! Notices in a corner of the window; those with a repair stay until it is taken or dismissed.

use egui::{Align2, Area, Context, Id, Key, Order, RichText, Vec2};
use egui_notify::{Anchor, Toast, ToastLevel, Toasts};

use crate::editor::{Action, Notice, NoticeLevel};
use crate::theme;

/// The notices that are shown.
pub(super) struct Notices {
    toasts: Toasts,
    /// The notice that offers a repair; a new one takes its place.
    offer: Option<Notice>,
    /// Notices from before there was a frame to show them in.
    waiting: Vec<Notice>,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            toasts: Toasts::default()
                .with_anchor(Anchor::BottomRight)
                .with_margin(Vec2::new(16.0, 44.0)),
            offer: None,
            waiting: Vec::new(),
        }
    }
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
        for notice in self.waiting.drain(..) {
            if notice.repair.is_some() {
                self.offer = Some(notice);
                continue;
            }
            let palette = theme::palette(context);
            // The icons of the crate, its cross to close included, are in neither of our fonts.
            let (icon, colour) = match notice.level {
                NoticeLevel::Done => ("✓", palette.ok),
                NoticeLevel::Info => ("i", palette.muted),
                NoticeLevel::Error => ("!", palette.error),
            };
            let level = ToastLevel::Custom(icon.into(), colour);
            let mut toast = Toast::custom(notice.text, level);
            let seconds = match notice.level {
                NoticeLevel::Done => 3,
                NoticeLevel::Info => 6,
                NoticeLevel::Error => 12,
            };
            toast
                .closable(false)
                .duration(Some(std::time::Duration::from_secs(seconds)));
            self.toasts.add(toast);
        }
        self.toasts.show(context);
        let Some(offer) = &self.offer else { return };
        let palette = theme::palette(context);
        let mut done = context.input(|input| input.key_pressed(Key::Escape));
        Area::new(Id::unique("offer"))
            .order(Order::Foreground)
            .anchor(Align2::CENTER_BOTTOM, Vec2::new(0.0, -48.0))
            .show(context, |ui| {
                egui::Frame::window(ui.style())
                    .stroke(egui::Stroke::new(1.0, palette.error))
                    .show(ui, |ui| {
                        ui.set_max_width(560.0);
                        ui.label(RichText::new(&offer.text));
                        ui.horizontal(|ui| {
                            if let Some((label, action)) = &offer.repair {
                                let button = egui::Button::new(
                                    RichText::new(label).color(palette.on_accent),
                                )
                                .fill(palette.accent);
                                if ui.add(button).clicked() {
                                    actions.push((**action).clone());
                                    done = true;
                                }
                            }
                            done |= ui.button("Dismiss").clicked();
                        });
                    });
            });
        if done {
            self.offer = None;
        }
    }
}
