//! Rows of a node, with their kinds, the distribution of each column, and null shares.

use std::sync::Arc;

use egui::{
    Align, Color32, Label, Layout, Margin, Rect, RichText, Role, Sense, TextEdit, Ui, Vec2,
    WidgetInfo,
};
use egui_table::{CellInfo, Column as TableColumn, HeaderCellInfo, HeaderRow, TableDelegate};
use millstream_serve::api::Column;

use crate::command::UiCommand;
use crate::editor::{Action, BottomTab, Editor};
use crate::theme::{self, Palette};
use crate::work::job::JobView;
use crate::work::preview::{PreviewView, Table};
use crate::work::rows::{BARS, Distribution, Kind, Row, Statistics, time_text};

const ROW_HEIGHT: f32 = 25.0;
const HEADER_HEIGHT: f32 = 76.0;
const HISTOGRAM: Vec2 = Vec2::new(BARS as f32 * 8.0, 20.0);
/// How much the tabs need beside what stands at their right.
const TABS_WIDTH: f32 = 620.0;
const CELL_MARGIN: Margin = Margin {
    left: 10,
    right: 10,
    top: 0,
    bottom: 0,
};

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct Preview {
    filter: String,
    /// Which rows the filter lets through, of this table.
    found: Option<(Arc<Table>, String, Vec<usize>)>,
}

impl Preview {
    /// Draws what stands at the right of the tabs: what the rows are, freeze and filter.
    pub fn bar(
        &mut self,
        ui: &mut Ui,
        editor: &Editor,
        job: &JobView,
        view: &PreviewView,
        actions: &mut Vec<Action>,
    ) {
        let palette = theme::palette(ui.ctx());
        ui.add_space(2.0 * theme::STEP);
        if view.node.is_none() {
            return;
        }
        let frozen = editor.view.frozen;
        let text = if frozen { "Frozen" } else { "Freeze" };
        let freeze = ui
            .selectable_label(frozen, RichText::new(text).size(theme::SMALL + 1.0))
            .on_hover_text(UiCommand::FreezePreview.tooltip());
        freeze.widget_info(|| WidgetInfo::selected(Role::Button, true, frozen, "Freeze preview"));
        if freeze.clicked() {
            // The button works without a node that is fixed, too.
            actions.push(Action::HoldPreview(!frozen));
        }
        if ui
            .selectable_label(false, RichText::new("Again").size(theme::SMALL + 1.0))
            .on_hover_text("Read the rows again")
            .clicked()
        {
            actions.push(Action::PreviewAgain);
        }
        if editor.view.preview.is_some() {
            let release = ui
                .selectable_label(true, RichText::new("Pinned").size(theme::SMALL + 1.0))
                .on_hover_text("Show the rows of what is selected again");
            release.widget_info(|| {
                WidgetInfo::selected(Role::Button, true, true, "Follow the selection")
            });
            if release.clicked() {
                actions.push(Action::FollowSelection);
            }
        }
        let filter = TextEdit::singleline(&mut self.filter)
            .hint_text("Filter rows…")
            .desired_width(130.0)
            .font(theme::data_font(theme::SMALL));
        let response = ui.add(filter);
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::TextInput, true, "Filter rows");
            info.current_text_value = Some(self.filter.clone());
            info
        });
        let mut told = status(job, view);
        if !self.filter.trim().is_empty()
            && let Some((table, _, found)) = &self.found
        {
            let (some, all) = (found.len() as u64, table.rows.len() as u64);
            told += &format!(" · {} of {} shown", thousands(some), thousands(all));
        }
        let status = RichText::new(told)
            .size(theme::SMALL + 1.0)
            .color(palette.muted);
        // The tabs need their room.
        if ui.available_width() > TABS_WIDTH {
            ui.add(Label::new(status).selectable(false).extend());
        }
    }

    /// Draws the panel and collects what is done in it.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        editor: &Editor,
        job: &JobView,
        view: &PreviewView,
        actions: &mut Vec<Action>,
    ) {
        let _ = job;
        let Some(node) = &view.node else {
            super::empty(
                ui,
                "Select a node to see its rows",
                "P keeps the preview at the selected node",
            );
            return;
        };
        let has_rows = (view.table.as_ref()).is_some_and(|table| !table.rows.is_empty());
        if let Some(why) = &view.error {
            failure(ui, editor, node.as_str(), why, !has_rows, actions);
            if !has_rows {
                return;
            }
        }
        let Some(table) = &view.table else {
            if view.error.is_none() {
                match (view.working, view.live) {
                    (true, true) => super::empty(
                        ui,
                        "Waiting for a row…",
                        "The job runs; rows are shown as they come",
                    ),
                    (true, false) => super::empty(
                        ui,
                        "Reading…",
                        "The first rows of the sources go through the graph up to here",
                    ),
                    (false, _) => super::empty(ui, "No rows came", ""),
                }
            }
            return;
        };
        if table.rows.is_empty() && !view.working && view.error.is_none() {
            let hint = match &view.summary {
                Some(summary) => {
                    let read: u64 = summary.sources.iter().map(|source| source.rows).sum();
                    format!(
                        "{} rows of the sources were read; none of them came out here",
                        thousands(read)
                    )
                }
                None => String::new(),
            };
            super::empty(ui, &format!("No rows come out of {node}"), &hint);
            return;
        }
        let found = self.found(table);
        if found.is_empty() && !table.rows.is_empty() {
            let text = format!("No row has “{}”", self.filter.trim());
            let all = thousands(table.rows.len() as u64);
            super::empty(ui, &text, &format!("{all} rows were looked at"));
            return;
        }
        let palette = theme::palette(ui.ctx());
        let has_rowtime = table.columns.iter().any(|column| column.rowtime);
        let has_time = !has_rowtime && table.rows.iter().any(|row| row.time.is_some());
        let mut delegate = Delegate {
            table,
            found: &found,
            newest_first: view.live,
            has_time,
            dim: view.error.is_some() || (view.working && !view.live),
            palette,
        };
        let lead = 1 + usize::from(has_time);
        let mut columns = vec![TableColumn::new(44.0).range(44.0..=44.0).resizable(false)];
        if has_time {
            columns.push(TableColumn::new(190.0).range(60.0..=400.0));
        }
        let widths = (0..table.columns.len()).map(|column| width(table, column));
        columns
            .extend(widths.map(|width| TableColumn::new(width).range(HISTOGRAM.x + 20.0..=480.0)));
        debug_assert_eq!(columns.len(), lead + table.columns.len());
        let names: Vec<&str> = table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        egui_table::Table::new()
            .id_salt(("preview", node.as_str(), names.join(",")))
            .num_rows(found.len() as u64)
            .columns(columns)
            .num_sticky_cols(1)
            .headers([HeaderRow::new(HEADER_HEIGHT)])
            .show(ui, &mut delegate);
    }

    /// The rows that the filter lets through.
    fn found(&mut self, table: &Arc<Table>) -> Vec<usize> {
        let filter = self.filter.trim().to_lowercase();
        if let Some((of, with, found)) = &self.found
            && Arc::ptr_eq(of, table)
            && *with == filter
        {
            return found.clone();
        }
        let rows = table.rows.iter().enumerate();
        let found: Vec<usize> = rows
            .filter(|(_, row)| filter.is_empty() || row.contains(&filter))
            .map(|(index, _)| index)
            .collect();
        self.found = Some((Arc::clone(table), filter, found.clone()));
        found
    }
}

/// How wide a column begins: as its first cells and its heading are.
fn width(table: &Table, column: usize) -> f32 {
    const LOOKED_AT: usize = 40;
    // A letter of the font for data, and one of the smaller one for types.
    let (letter, small) = (0.61 * theme::DATA, 0.61 * (theme::SMALL - 1.0));
    let margin = f32::from(CELL_MARGIN.left + CELL_MARGIN.right) + 4.0;
    let letters = |text: &str| text.chars().count() as f32;
    let cell = |row: &Row| match row.cells.get(column) {
        Some(Some(text)) => letters(text),
        _ => 4.0,
    };
    let cells = table.rows.iter().take(LOOKED_AT).map(cell);
    let widest = cells.fold(0.0, f32::max) * letter;
    let heading = table.columns.get(column).map_or(0.0, |column| {
        let ty = column.ty.strip_suffix(" NOT NULL").unwrap_or(&column.ty);
        letters(&column.name) * letter + letters(ty) * small + 8.0
    });
    (widest.max(heading) + margin).clamp(HISTOGRAM.x + 20.0, 320.0)
}

fn failure(
    ui: &mut Ui,
    editor: &Editor,
    node: &str,
    why: &str,
    alone: bool,
    actions: &mut Vec<Action>,
) {
    let palette = theme::palette(ui.ctx());
    let frame = egui::Frame::new()
        .inner_margin(Margin::symmetric(10, 8))
        .corner_radius(theme::RADIUS_SMALL)
        .fill(Palette::mix(palette.panel, palette.error, 0.08));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.label(RichText::new("●").color(palette.error));
            ui.label(format!("No rows of {node}"));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if ui.button("Try again").clicked() {
                    actions.push(Action::PreviewAgain);
                }
                if editor.compiled().has_errors() && ui.button("Show problems").clicked() {
                    actions.push(Action::ShowBottom(BottomTab::Problems));
                }
            });
        });
        let text = RichText::new(why).monospace().color(palette.muted);
        match alone {
            true => {
                egui::ScrollArea::vertical().show(ui, |ui| ui.add(Label::new(text).wrap()));
            }
            false => {
                ui.add(Label::new(text).truncate());
            }
        }
    });
    ui.add_space(theme::STEP);
}

/// What the rows are, in a line.
fn status(job: &JobView, view: &PreviewView) -> String {
    let mut parts = Vec::new();
    if view.live {
        parts.push("live tap".to_string());
        let rate = view.node.as_ref().and_then(|node| job.nodes.get(node));
        match rate {
            Some(figures) if job.is_running() => {
                parts.push(format!("{} rows/s", thousands(figures.rate.round() as u64)))
            }
            _ => parts.push("the job has ended".into()),
        }
    } else if let Some(summary) = &view.summary {
        let read: u64 = summary.sources.iter().map(|source| source.rows).sum();
        let cut = summary.sources.iter().any(|source| source.cut);
        parts.push(match cut {
            true => format!("sample of {} rows", thousands(read)),
            false => format!("all {} rows read", thousands(read)),
        });
        let first = if summary.more { "first " } else { "" };
        let rows = if summary.rows == 1 { "row" } else { "rows" };
        parts.push(format!("{first}{} {rows}", thousands(summary.rows)));
        parts.push(format!("{:.0} ms", summary.elapsed_ms));
        if summary.timed_out {
            parts.push("cut short by time".into());
        }
    } else if view.working {
        parts.push("reading…".into());
    }
    if let Some(at) = &view.frozen_at {
        parts.push(format!("frozen at {at}"));
    }
    parts.join(" · ")
}

/// `12,345`
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

struct Delegate<'a> {
    table: &'a Table,
    found: &'a [usize],
    newest_first: bool,
    has_time: bool,
    dim: bool,
    palette: &'a Palette,
}

/// What a column of the table shows.
enum Place {
    Kind,
    Time,
    Column(usize),
}

impl Delegate<'_> {
    fn place(&self, column: usize) -> Place {
        match (column, self.has_time) {
            (0, _) => Place::Kind,
            (1, true) => Place::Time,
            (_, true) => Place::Column(column - 2),
            (_, false) => Place::Column(column - 1),
        }
    }

    fn row(&self, number: u64) -> Option<&Row> {
        let number = usize::try_from(number).ok()?;
        let index = match self.newest_first {
            true => self.found.len().checked_sub(number + 1)?,
            false => number,
        };
        self.table.rows.get(*self.found.get(index)?)
    }

    fn kind_colour(&self, kind: Kind) -> Color32 {
        match kind {
            Kind::Insert => self.palette.ok,
            Kind::UpdateAfter => self.palette.accent,
            Kind::UpdateBefore => self.palette.muted,
            Kind::Delete => self.palette.error,
        }
    }
}

impl TableDelegate for Delegate<'_> {
    fn header_cell_ui(&mut self, ui: &mut Ui, cell: &HeaderCellInfo) {
        let rect = ui.max_rect();
        ui.painter().hline(
            rect.x_range(),
            rect.bottom() - 0.5,
            egui::Stroke::new(1.0, self.palette.line),
        );
        egui::Frame::new().inner_margin(CELL_MARGIN).show(ui, |ui| {
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 3.0;
                match self.place(cell.col_range.start) {
                    Place::Kind => {}
                    Place::Time => {
                        column_title(ui, self.palette, "event time", "");
                    }
                    Place::Column(index) => {
                        let (Some(column), Some(statistics)) = (
                            self.table.columns.get(index),
                            self.table.statistics.get(index),
                        ) else {
                            return;
                        };
                        header(ui, self.palette, column, statistics);
                    }
                }
            });
        });
    }

    fn row_ui(&mut self, ui: &mut Ui, _row: u64) {
        let rect = ui.max_rect();
        let line = Palette::mix(self.palette.panel, self.palette.line, 0.45);
        ui.painter().hline(
            rect.x_range(),
            rect.bottom() - 0.5,
            egui::Stroke::new(1.0, line),
        );
    }

    fn cell_ui(&mut self, ui: &mut Ui, cell: &CellInfo) {
        let Some(row) = self.row(cell.row_nr) else {
            return;
        };
        let normal = match self.dim {
            true => self.palette.muted,
            false => self.palette.text,
        };
        let (text, colour) = match self.place(cell.col_nr) {
            Place::Kind => (row.kind.text().to_string(), self.kind_colour(row.kind)),
            Place::Time => (
                row.time.map_or_else(String::new, time_text),
                self.palette.muted,
            ),
            Place::Column(index) => match row.cells.get(index) {
                Some(Some(text)) => (text.to_string(), normal),
                _ => ("NULL".to_string(), self.palette.faint),
            },
        };
        egui::Frame::new().inner_margin(CELL_MARGIN).show(ui, |ui| {
            // Data is shown as it is: its font has digits of one width.
            let text = RichText::new(text)
                .font(theme::data_font(theme::DATA))
                .color(colour);
            let label = Label::new(text);
            // A column begins as wide as its widest cell.
            ui.add(match ui.is_sizing_pass() {
                true => label.extend(),
                false => label.truncate(),
            });
        });
    }

    fn default_row_height(&self) -> f32 {
        ROW_HEIGHT
    }
}

fn column_title(ui: &mut Ui, palette: &Palette, name: &str, ty: &str) {
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 7.0;
        let name = RichText::new(name)
            .font(theme::data_font(theme::DATA))
            .color(palette.text);
        ui.add(Label::new(name).extend());
        let ty = RichText::new(ty)
            .font(theme::data_font(theme::SMALL - 1.0))
            .color(palette.muted);
        ui.add(Label::new(ty).extend());
    });
}

fn header(ui: &mut Ui, palette: &Palette, column: &Column, statistics: &Statistics) {
    let ty = column.ty.strip_suffix(" NOT NULL").unwrap_or(&column.ty);
    column_title(ui, palette, &column.name, ty);
    let (rect, response) = ui.allocate_exact_size(HISTOGRAM, Sense::hover());
    let bars: Vec<u32> = match &statistics.distribution {
        Distribution::Bars { counts, .. } => counts.clone(),
        Distribution::Top(top) => top.iter().map(|(_, count)| *count).collect(),
        Distribution::Nothing => vec![],
    };
    paint_bars(ui, rect, &bars, palette);
    let mut notes = Vec::new();
    if column.rowtime {
        notes.push("rowtime".to_string());
    }
    if matches!(statistics.distribution, Distribution::Top(_)) {
        notes.push(format!(
            "{} distinct",
            thousands(statistics.distinct as u64)
        ));
    }
    if !column.rowtime && (statistics.nulls > 0.0 || notes.is_empty()) {
        notes.push(format!("{} null", share(statistics.nulls)));
    }
    let colour = if column.rowtime {
        palette.accent
    } else {
        palette.muted
    };
    let note = RichText::new(notes.join(" · "))
        .size(theme::SMALL - 1.0)
        .color(colour);
    ui.add(Label::new(note).selectable(false).extend());
    response.widget_info(|| {
        WidgetInfo::labeled(
            Role::Image,
            true,
            format!("Distribution of {}", column.name),
        )
    });
    response.on_hover_ui(|ui| distribution(ui, column, statistics));
}

fn paint_bars(ui: &Ui, rect: Rect, bars: &[u32], palette: &Palette) {
    let most = bars.iter().copied().max().unwrap_or(0).max(1) as f32;
    let width = rect.width() / BARS as f32;
    let colour = Palette::mix(palette.panel, palette.accent, 0.75);
    for (index, count) in bars.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = (*count as f32 / most * rect.height()).max(1.5);
        let left = rect.left() + index as f32 * width;
        let bar = Rect::from_min_max(
            egui::pos2(left, rect.bottom() - height),
            egui::pos2(left + width - 2.0, rect.bottom()),
        );
        ui.painter().rect_filled(bar, 1.0, colour);
    }
}

fn distribution(ui: &mut Ui, column: &Column, statistics: &Statistics) {
    ui.label(RichText::new(format!("{} {}", column.name, column.ty)).monospace());
    match &statistics.distribution {
        Distribution::Bars {
            least, greatest, ..
        } if !crate::work::rows::is_time(&column.ty) => {
            ui.label(format!("from {least} to {greatest}"));
        }
        Distribution::Bars { .. } | Distribution::Nothing => {}
        Distribution::Top(top) => {
            for (text, count) in top.iter().take(5) {
                ui.label(RichText::new(format!("{count:>6}  {text}")).monospace());
            }
        }
    }
    ui.label(format!(
        "{} different values, {} null",
        thousands(statistics.distinct as u64),
        share(statistics.nulls)
    ));
}

fn share(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".into(),
        p if p < 1.0 => "< 1 %".into(),
        p => format!("{p:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(share(0.0), "0 %");
        assert_eq!(share(0.001), "< 1 %");
        assert_eq!(share(0.5), "50 %");
    }
}
