//! The tiles of the window: library and outline, canvas, inspector, and the tabs at the bottom.
//!
//! Every tile can be dragged to another place; the arrangement is kept in the settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::{Response, Role, Ui, WidgetInfo, WidgetText};
use egui_tiles::{Container, Linear, LinearDir, Tabs, Tile, TileId, Tiles, Tree, UiResponse};
use serde::{Deserialize, Serialize};

use crate::canvas::Canvas;
use crate::editor::{Action, BottomTab, CentreTab, Editor};
use crate::panels;
use crate::theme;
use crate::work::diff::Changes;
use crate::work::dry_run::DryRun;
use crate::work::job::JobView;
use crate::work::preview::PreviewView;

/// What a tile shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Pane {
    Library,
    Outline,
    Graph,
    Sql,
    Diff,
    Inspector,
    Preview,
    Problems,
    Charts,
    Logs,
    History,
}

impl Pane {
    const LEFT: [Pane; 2] = [Pane::Library, Pane::Outline];

    fn title(self) -> &'static str {
        match self {
            Pane::Library => "Library",
            Pane::Outline => "Outline",
            Pane::Graph => CentreTab::Graph.title(),
            Pane::Sql => CentreTab::Sql.title(),
            Pane::Diff => CentreTab::Diff.title(),
            Pane::Inspector => "Inspector",
            Pane::Preview => BottomTab::Preview.title(),
            Pane::Problems => BottomTab::Problems.title(),
            Pane::Charts => BottomTab::Charts.title(),
            Pane::Logs => BottomTab::Logs.title(),
            Pane::History => BottomTab::History.title(),
        }
    }

    fn of_centre(tab: CentreTab) -> Self {
        match tab {
            CentreTab::Graph => Pane::Graph,
            CentreTab::Sql => Pane::Sql,
            CentreTab::Diff => Pane::Diff,
        }
    }

    fn of_bottom(tab: BottomTab) -> Self {
        match tab {
            BottomTab::Preview => Pane::Preview,
            BottomTab::Problems => Pane::Problems,
            BottomTab::Charts => Pane::Charts,
            BottomTab::Logs => Pane::Logs,
            BottomTab::History => Pane::History,
        }
    }
}

/// What the panels remember between frames.
#[derive(Debug, Default)]
pub(super) struct PanelStates {
    library: panels::library::Library,
    outline: panels::outline::Outline,
    diff: panels::diff::Diff,
    inspector: panels::inspector::Inspector,
    sql: panels::sql::SqlTab,
    preview: panels::preview::Preview,
    problems: panels::problems::Problems,
    charts: panels::charts::Charts,
    logs: panels::logs::Logs,
}

/// What the tiles draw.
pub(super) struct Parts<'a> {
    pub(super) editor: &'a Editor,
    pub(super) job: &'a JobView,
    pub(super) preview: &'a PreviewView,
    pub(super) changes: Option<&'a Arc<Changes>>,
    pub(super) dry_run: &'a DryRun,
    pub(super) used_kinds: &'a BTreeMap<String, u64>,
    pub(super) canvas: &'a mut Canvas,
    pub(super) panels: &'a mut PanelStates,
    pub(super) actions: &'a mut Vec<Action>,
}

/// The arrangement of the tiles.
pub(super) struct Panes {
    tree: Tree<Pane>,
    /// The arrangement was changed by hand and not kept yet.
    edited: bool,
    /// The tabs that were shown in the last frame, to tell a command from a click.
    shown: Option<(CentreTab, BottomTab)>,
    /// The title that the window has.
    pub(super) title: String,
}

impl Panes {
    /// The arrangement that was kept, or the first one.
    pub(super) fn restored(kept: Option<&serde_json::Value>) -> Self {
        let tree = kept
            .and_then(|kept| serde_json::from_value::<Tree<Pane>>(kept.clone()).ok())
            .filter(is_complete)
            .unwrap_or_else(first_arrangement);
        Self {
            tree,
            edited: false,
            shown: None,
            title: String::new(),
        }
    }

    /// The arrangement, if it was changed by hand since the last call.
    pub(super) fn changed(&mut self) -> Option<serde_json::Value> {
        std::mem::take(&mut self.edited)
            .then(|| serde_json::to_value(&self.tree).ok())
            .flatten()
    }

    /// Draws the tiles.
    pub(super) fn ui(&mut self, ui: &mut Ui, parts: Parts<'_>) {
        let view = &parts.editor.view;
        let wanted = (view.centre, view.bottom);
        if self.shown != Some(wanted) {
            for pane in [Pane::of_centre(wanted.0), Pane::of_bottom(wanted.1)] {
                self.tree
                    .make_active(|_, tile| matches!(tile, Tile::Pane(other) if *other == pane));
            }
            self.shown = Some(wanted);
        }
        let left = view.left_open;
        for pane in Pane::LEFT {
            self.set_visible(pane, left);
        }
        self.set_visible(Pane::Inspector, view.right_open);
        for tab in BottomTab::ALL {
            self.set_visible(Pane::of_bottom(tab), view.bottom_open);
        }
        let problems = parts
            .editor
            .compiled()
            .diagnostics
            .iter()
            .filter(|found| found.is_error())
            .count();
        let mut behavior = Drawing {
            parts,
            problems,
            edited: false,
        };
        self.tree.ui(&mut behavior, ui);
        self.edited |= behavior.edited;
        let actions = behavior.parts.actions;
        // A tab that a click brought up.
        let active: Vec<Pane> = self
            .tree
            .active_tiles()
            .into_iter()
            .filter_map(|id| self.tree.tiles.get_pane(&id).copied())
            .collect();
        let is = |pane: Pane| active.contains(&pane);
        if !is(Pane::of_centre(wanted.0))
            && let Some(tab) = CentreTab::ALL
                .into_iter()
                .find(|tab| is(Pane::of_centre(*tab)))
        {
            actions.push(Action::ShowCentre(tab));
        }
        if !is(Pane::of_bottom(wanted.1))
            && let Some(tab) = BottomTab::ALL
                .into_iter()
                .find(|tab| is(Pane::of_bottom(*tab)))
        {
            actions.push(Action::ShowBottom(tab));
        }
    }

    fn set_visible(&mut self, pane: Pane, visible: bool) {
        if let Some(id) = self.tree.tiles.find_pane(&pane) {
            self.tree.set_visible(id, visible);
        }
    }
}

/// Whether every pane has its tile: an arrangement of an older version may lack some.
fn is_complete(tree: &Tree<Pane>) -> bool {
    let all = [
        Pane::Library,
        Pane::Outline,
        Pane::Graph,
        Pane::Sql,
        Pane::Diff,
        Pane::Inspector,
        Pane::Preview,
        Pane::Problems,
        Pane::Charts,
        Pane::Logs,
        Pane::History,
    ];
    all.iter().all(|pane| tree.tiles.find_pane(pane).is_some())
}

fn first_arrangement() -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let left = Pane::LEFT.map(|pane| tiles.insert_pane(pane)).to_vec();
    let left = tiles.insert_tab_tile(left);
    let centre = CentreTab::ALL
        .map(|tab| tiles.insert_pane(Pane::of_centre(tab)))
        .to_vec();
    let centre = tiles.insert_tab_tile(centre);
    let right = tiles.insert_pane(Pane::Inspector);
    let right = tiles.insert_tab_tile(vec![right]);
    let mut middle = Linear::new(LinearDir::Horizontal, vec![left, centre, right]);
    middle.shares.set_share(left, 0.15);
    middle.shares.set_share(centre, 0.64);
    middle.shares.set_share(right, 0.21);
    let middle = tiles.insert_container(Container::Linear(middle));
    let bottom = BottomTab::ALL
        .map(|tab| tiles.insert_pane(Pane::of_bottom(tab)))
        .to_vec();
    let bottom = tiles.insert_tab_tile(bottom);
    let mut root = Linear::new(LinearDir::Vertical, vec![middle, bottom]);
    root.shares.set_share(middle, 0.72);
    root.shares.set_share(bottom, 0.28);
    let root = tiles.insert_container(Container::Linear(root));
    Tree::new(egui::Id::unique("panes"), root, tiles)
}

struct Drawing<'a> {
    parts: Parts<'a>,
    problems: usize,
    edited: bool,
}

impl egui_tiles::Behavior<Pane> for Drawing<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, pane: &mut Pane) -> UiResponse {
        let palette = theme::palette(ui.ctx());
        let Parts {
            editor,
            job,
            preview,
            changes,
            dry_run,
            used_kinds,
            canvas,
            panels,
            actions,
        } = &mut self.parts;
        if *pane == Pane::Graph {
            canvas.set_used_kinds(used_kinds);
            canvas.ui(ui, editor, job, actions);
            return UiResponse::None;
        }
        ui.painter()
            .rect_filled(ui.available_rect_before_wrap(), 0.0, palette.panel);
        let inner = egui::Frame::new().inner_margin(egui::Margin::symmetric(10, 8));
        inner.show(ui, |ui| match pane {
            Pane::Library => panels.library.ui(ui, editor, used_kinds, actions),
            Pane::Outline => panels.outline.ui(ui, editor, actions),
            Pane::Graph => {}
            Pane::Sql => panels.sql.ui(ui, editor, job, actions),
            Pane::Diff => panels.diff.ui(ui, editor, *changes),
            Pane::Inspector => panels.inspector.ui(ui, editor, dry_run, actions),
            Pane::Preview => panels.preview.ui(ui, editor, job, preview, actions),
            Pane::Problems => panels.problems.ui(ui, editor, actions),
            Pane::Charts => panels.charts.ui(ui, editor, job, actions),
            Pane::Logs => panels.logs.ui(ui, editor, job, actions),
            Pane::History => panels::history::ui(ui, editor, actions),
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> WidgetText {
        match pane {
            Pane::Problems if self.problems > 0 => {
                format!("{} ({})", pane.title(), self.problems).into()
            }
            Pane::Preview => match &self.parts.preview.node {
                Some(node) => format!("{} · {node}", pane.title()).into(),
                None => pane.title().into(),
            },
            _ => pane.title().into(),
        }
    }

    fn top_bar_right_ui(
        &mut self,
        tiles: &Tiles<Pane>,
        ui: &mut Ui,
        _tile: TileId,
        tabs: &Tabs,
        _scroll_offset: &mut f32,
    ) {
        let active = tabs.active.and_then(|tile| tiles.get_pane(&tile));
        let Parts {
            editor,
            job,
            preview,
            panels,
            actions,
            ..
        } = &mut self.parts;
        match active {
            Some(Pane::Preview) => panels.preview.bar(ui, editor, job, preview, actions),
            Some(Pane::Logs) => panels.logs.bar(ui, job),
            _ => {}
        }
    }

    fn on_tab_button(
        &mut self,
        tiles: &mut Tiles<Pane>,
        tile: TileId,
        response: Response,
    ) -> Response {
        let title = tiles.get_pane(&tile).map_or("Group", |pane| pane.title());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{title} tab")));
        response
    }

    fn is_tab_bar_visible(&self, _tile: TileId, _tabs: &Tabs) -> bool {
        true
    }

    fn simplification_options(&self) -> egui_tiles::SimplificationOptions {
        egui_tiles::SimplificationOptions {
            all_panes_must_have_tabs: true,
            ..Default::default()
        }
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        1.0
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        28.0
    }

    fn tab_bar_color(&self, visuals: &egui::Visuals) -> egui::Color32 {
        visuals.panel_fill
    }

    fn tab_bg_color(
        &self,
        visuals: &egui::Visuals,
        _tiles: &Tiles<Pane>,
        _tile: TileId,
        _state: &egui_tiles::TabState,
    ) -> egui::Color32 {
        visuals.panel_fill
    }

    fn tab_outline_stroke(
        &self,
        _visuals: &egui::Visuals,
        _tiles: &Tiles<Pane>,
        _tile: TileId,
        _state: &egui_tiles::TabState,
    ) -> egui::Stroke {
        egui::Stroke::NONE
    }

    fn tab_text_color(
        &self,
        visuals: &egui::Visuals,
        _tiles: &Tiles<Pane>,
        _tile: TileId,
        state: &egui_tiles::TabState,
    ) -> egui::Color32 {
        match state.active {
            true => visuals.hyperlink_color,
            false => visuals.weak_text_color(),
        }
    }

    fn on_edit(&mut self, _action: egui_tiles::EditAction) {
        self.edited = true;
    }
}
