//! The node kinds by family, with a search; a click or a drag adds one.

use std::collections::BTreeMap;

use egui::{RichText, Role, ScrollArea, Sense, TextEdit, Ui, Vec2, WidgetInfo};
use millstream_compiler::document::{Command, Entries};
use millstream_compiler::nodes::{self, Family, KindSpec};

use crate::canvas::arrange;
use crate::editor::{Action, Editor};
use crate::theme;

/// What is dragged from the library onto the canvas: the name of a node kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraggedKind(pub &'static str);

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct Library {
    search: String,
}

/// How well a kind answers a search: higher is better, `None` if not at all.
pub fn score(spec: &KindSpec, search: &str) -> Option<u32> {
    let search = search.trim().to_lowercase();
    if search.is_empty() {
        return Some(0);
    }
    let title = spec.title.to_lowercase();
    let words = |text: &str| {
        text.split([' ', '-', '_'])
            .any(|word| word.starts_with(&search))
    };
    if title.starts_with(&search) || spec.name.starts_with(&search) {
        Some(4)
    } else if words(&title) || words(spec.name) {
        Some(3)
    } else if title.contains(&search) || spec.name.contains(&search) {
        Some(2)
    } else if spec.help.to_lowercase().contains(&search) {
        Some(1)
    } else {
        None
    }
}

impl Library {
    /// Draws the library. `used` says how often each kind was added before.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        editor: &Editor,
        used: &BTreeMap<String, u64>,
        actions: &mut Vec<Action>,
    ) {
        let field = TextEdit::singleline(&mut self.search)
            .hint_text("Search nodes…")
            .desired_width(f32::INFINITY);
        let field = ui.add(field);
        field.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, "Search the library"));
        let mut found: Vec<(&'static KindSpec, u32)> = nodes::all()
            .iter()
            .map(|kind| kind.spec())
            .filter_map(|spec| Some((spec, score(spec, &self.search)?)))
            .collect();
        if found.is_empty() {
            super::empty(
                ui,
                "No such node",
                "Try a word of what it does: join, window, csv",
            );
            return;
        }
        let used = |spec: &KindSpec| used.get(spec.name).copied().unwrap_or(0);
        found.sort_by_key(|(spec, score)| std::cmp::Reverse((*score, used(spec))));
        if field.lost_focus()
            && ui.input(|input| input.key_pressed(egui::Key::Enter))
            && let Some((spec, _)) = found.first()
        {
            actions.push(add(editor, spec));
        }
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            for family in [
                Family::Source,
                Family::Feature,
                Family::Join,
                Family::Model,
                Family::Sink,
            ] {
                let mut kinds = found
                    .iter()
                    .map(|(spec, _)| *spec)
                    .filter(|spec| spec.family == family)
                    .peekable();
                if kinds.peek().is_none() {
                    continue;
                }
                super::heading(ui, family.title());
                for spec in kinds {
                    row(ui, editor, spec, actions);
                }
            }
        });
    }
}

fn row(ui: &mut Ui, editor: &Editor, spec: &'static KindSpec, actions: &mut Vec<Action>) {
    let palette = theme::palette(ui.ctx());
    let size = Vec2::new(ui.available_width(), 26.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Add {}", spec.title)));
    let painter = ui.painter();
    if response.hovered() || response.has_focus() {
        painter.rect_filled(rect, theme::RADIUS_SMALL, palette.hovered);
    }
    let colour = palette.family(spec.family);
    let mark = rect.left_center() + Vec2::new(14.0, 0.0);
    theme::paint_family(painter, Some(spec.family), mark, 11.0, colour);
    painter.text(
        rect.left_center() + Vec2::new(28.0, 0.0),
        egui::Align2::LEFT_CENTER,
        spec.title,
        theme::text_font(theme::TEXT),
        palette.text,
    );
    let response = response.on_hover_ui(|ui| {
        ui.label(RichText::new(spec.title).strong());
        ui.label(spec.help);
        ui.label(
            RichText::new("Click to add, or drag it onto the canvas")
                .size(theme::SMALL)
                .color(palette.muted),
        );
    });
    response.dnd_set_drag_payload(DraggedKind(spec.name));
    if response.clicked() {
        actions.push(add(editor, spec));
    }
}

/// Adds a node of a kind in the middle of what is seen, where nothing stands.
fn add(editor: &Editor, spec: &KindSpec) -> Action {
    let taken: Vec<egui::Rect> = editor
        .pipeline()
        .nodes()
        .filter_map(|(id, _)| arrange::node_rect(editor.document(), id))
        .collect();
    let size = Vec2::new(arrange::NODE_WIDTH, arrange::HEAD + arrange::BODY);
    let visible = editor.view.camera.visible(editor.view.canvas);
    let wanted = editor.view.camera.centre - size / 2.0;
    let corner = arrange::free_corner(&taken, wanted, size, visible.shrink(3.0 * arrange::GRID));
    Action::Edit(Command::AddNode {
        id: None,
        kind: spec.name.to_string(),
        parameters: Entries::new(),
        position: Some(arrange::snapped(corner)),
    })
}
