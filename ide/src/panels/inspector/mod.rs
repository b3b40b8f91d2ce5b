//! The inspector: a form drawn from the parameters of the selected node's kind, and below it what
//! comes out of the node.
//!
//! Nothing here knows a kind by name: labels, help, examples, defaults and the shape of each value
//! come from its [`KindSpec`](nodes::KindSpec), what makes sense together from its check. Only the
//! inputs of a model have a field of their own.

mod binding;
mod columns;
mod expression;
mod fields;
mod form;
mod pairs;
mod pipeline;
mod rows;
mod schema;
mod trial;

use egui::{Button, Id, Label, RichText, Role, ScrollArea, Sense, TextEdit, Ui, WidgetInfo};
use millstream_compiler::document::{Command, Node, NodeId, Value};
use millstream_compiler::lower::StreamKind;
use millstream_compiler::nodes::{self, Inputs, KindSpec, ParameterSpec};

use crate::command::UiCommand;
use crate::editor::{Action, Editor, Popup};
use crate::panels::heading;
use crate::sql_text::Names;
use crate::theme;
use crate::work::dry_run::DryRun;
use form::{Facts, Form, Memory, frame};

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct Inspector {
    memory: Memory,
    /// What is known around the node that is shown, and of which state that is.
    facts: Option<(Key, Facts)>,
    /// The node that was shown last.
    shown: Option<NodeId>,
    /// What had the keyboard in the last frame.
    focused: Option<Id>,
    /// Whether the parameters that are seldom needed are shown.
    unfolded: bool,
}

/// Which state of what something was found for.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    node: NodeId,
    document: u64,
    compiled: u64,
}

impl Inspector {
    /// Draws the panel and collects what is done in it.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        editor: &Editor,
        dry_run: &DryRun,
        actions: &mut Vec<Action>,
    ) {
        let selection = &editor.view.selection;
        let node = selection.single_node().cloned();
        if self.shown != node {
            // What was being typed belongs to the other node.
            self.memory = Memory::default();
            self.shown.clone_from(&node);
        }
        if editor.view.edit_parameters {
            self.memory.enter = true;
            actions.push(Action::ParametersEntered);
        }
        ScrollArea::vertical()
            .id_salt(("inspector", node.as_ref().map(NodeId::as_str)))
            .auto_shrink(false)
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 2.0 * theme::STEP;
                match node {
                    Some(id) => self.node(ui, editor, dry_run, &id, actions),
                    None if selection.is_empty() => {
                        pipeline::ui(ui, editor, &mut self.memory, actions);
                    }
                    None => several(ui, editor, actions),
                }
                ui.add_space(4.0 * theme::STEP);
                self.follow_keyboard(ui);
            });
    }

    /// Scrolls to the field that the keyboard came to.
    fn follow_keyboard(&mut self, ui: &Ui) {
        let focused = ui.memory(|memory| memory.focused());
        if focused == self.focused {
            return;
        }
        self.focused = focused;
        // Asking for its response would take the click that brought the keyboard there.
        let known = |id| {
            ui.ctx()
                .viewport(|view| view.this_pass.widgets.get(id).copied())
        };
        let field = focused.and_then(known);
        if let Some(field) = field.filter(|field| field.layer_id == ui.layer_id())
            && ui.min_rect().x_range().contains(field.rect.center().x)
            && !ui.clip_rect().contains_rect(field.rect)
        {
            ui.scroll_to_rect(field.rect.expand(2.0 * theme::STEP), None);
        }
    }

    fn node(
        &mut self,
        ui: &mut Ui,
        editor: &Editor,
        dry_run: &DryRun,
        id: &NodeId,
        actions: &mut Vec<Action>,
    ) {
        let Some(node) = editor.pipeline().node(id.as_str()) else {
            return;
        };
        let kind = nodes::find(&node.kind);
        let key = Key {
            node: id.clone(),
            document: editor.generation(),
            compiled: editor.compiled().generation,
        };
        if self.facts.as_ref().is_none_or(|(known, _)| *known != key) {
            self.facts = Some((key, facts(editor, id, node)));
        }
        let Some((_, facts)) = &self.facts else {
            return;
        };
        let mut form = Form {
            editor,
            id,
            node,
            facts,
            dry_run,
            memory: &mut self.memory,
            actions,
        };
        form.head(ui, kind.map(|kind| kind.spec()));
        if let Some(kind) = kind {
            let spec = kind.spec();
            let parameters = spec.parameters.iter();
            let (rare, usual): (Vec<_>, Vec<_>) = parameters
                .filter(|parameter| !facts.hidden.contains(&parameter.name))
                .partition(|parameter| parameter.advanced);
            form.parameters(ui, &usual);
            if !rare.is_empty() {
                let set = rare
                    .iter()
                    .filter(|parameter| node.parameters.contains_key(parameter.name))
                    .count();
                let text = match (self.unfolded, set) {
                    (true, _) => "Fewer".to_string(),
                    (false, 0) => format!("{} more…", rare.len()),
                    (false, set) => format!("{} more, {set} set…", rare.len()),
                };
                let palette = theme::palette(ui.ctx());
                let text = RichText::new(text).size(theme::SMALL).color(palette.muted);
                let anchor = Id::unique(("inspector", id.as_str(), "more"));
                let fold = Button::new(text).frame(false);
                let fold = form::anchored(ui, anchor, |ui| ui.add(fold))
                    .inner
                    .accessible_name(format!("More parameters of {id}"));
                if fold.clicked() {
                    self.unfolded = !self.unfolded;
                }
                if self.unfolded {
                    form.parameters(ui, &rare);
                }
            }
        }
        form.unknown_parameters(ui, kind.map(|kind| kind.spec()));
        form.output(ui, kind.map(|kind| kind.spec()));
    }
}

impl Form<'_> {
    /// Id, title, kind, comment, and whether it is muted.
    fn head(&mut self, ui: &mut Ui, spec: Option<&'static KindSpec>) {
        let palette = theme::palette(ui.ctx());
        let (id, node) = (self.id, self.node);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = theme::STEP / 2.0;
            let name = RichText::new(id.as_str())
                .font(theme::data_font(theme::TEXT + 3.0))
                .color(palette.text);
            let name = ui
                .add(
                    Label::new(name)
                        .selectable(false)
                        .truncate()
                        .sense(Sense::click()),
                )
                .on_hover_text("Click to rename")
                .on_hover_cursor(egui::CursorIcon::Text);
            name.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("Rename {id}")));
            if name.clicked() {
                self.actions.push(Action::Popup(Popup::Rename(id.clone())));
            }
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.x = theme::STEP;
                let small = |text: &str, color| {
                    Label::new(RichText::new(text).size(theme::SMALL).color(color))
                        .selectable(false)
                };
                match spec {
                    Some(spec) => {
                        let (rect, _) =
                            ui.allocate_exact_size(egui::Vec2::splat(12.0), Sense::hover());
                        theme::paint_family(
                            ui.painter(),
                            Some(spec.family),
                            rect.center(),
                            9.0,
                            palette.family(spec.family),
                        );
                        ui.add(small(spec.title, palette.muted).sense(Sense::hover()))
                            .on_hover_text(spec.help);
                        ui.add(small(&self.stream_line(spec), palette.muted));
                    }
                    None => {
                        let text = format!("'{}' is no node kind of this version", node.kind);
                        ui.add(small(&text, palette.error));
                    }
                }
            });
        });
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = theme::STEP;
            let field = Id::unique(("inspector", id.as_str(), "title"));
            let title = node.title.clone().unwrap_or_default();
            let look = form::LineLook {
                width: (ui.available_width() - 62.0).max(60.0),
                ..form::LineLook::default()
            };
            let typed = self.line(ui, field, format!("Title of {id}"), &title, "Title", look);
            if let Some(typed) = typed {
                let title = (!typed.trim().is_empty()).then_some(typed);
                let node = id.clone();
                self.burst("title", Command::SetTitle { node, title });
            }
            let mut muted = node.muted;
            let text = RichText::new("Muted")
                .size(theme::SMALL)
                .color(palette.muted);
            let check = ui
                .checkbox(&mut muted, text)
                .on_hover_text("It passes its input through instead of doing its work")
                .accessible_name(format!("Mute {id}"));
            if check.changed() {
                let nodes = vec![id.clone()];
                self.actions
                    .push(Action::Edit(Command::SetMuted { nodes, muted }));
            }
        });
        let field = Id::unique(("inspector", id.as_str(), "comment"));
        let mut comment = self
            .memory
            .drafts
            .get(&field)
            .cloned()
            .or_else(|| node.comment.clone())
            .unwrap_or_default();
        let frame = frame(ui, field, false, false);
        let rows = comment.lines().count().clamp(1, 6);
        let edit = TextEdit::multiline(&mut comment)
            .id(field)
            .font(theme::text_font(theme::DATA))
            .text_color(palette.muted)
            .hint_text(RichText::new("Comment").color(palette.faint))
            .desired_rows(rows)
            .desired_width(f32::INFINITY)
            .frame(frame);
        let response = ui.add(edit).accessible_name(format!("Comment of {id}"));
        if response.changed() {
            self.memory.drafts.insert(field, comment.clone());
            let comment = (!comment.trim().is_empty()).then_some(comment);
            let node = id.clone();
            self.burst("comment", Command::SetComment { node, comment });
        }
        self.left(&response);
        // What is wrong with the node and with none of its parameters.
        let editor = self.editor;
        for found in editor.compiled().of_node(id) {
            if found.parameter.is_none() && found.code != "node/unused" {
                self.finding(ui, found);
            }
        }
    }

    /// Which rows come out, as far as that is known, or how many inputs there are.
    fn stream_line(&self, spec: &KindSpec) -> String {
        let stream = self.editor.compiled().streams.get(self.id);
        match (stream, spec.inputs) {
            (Some(stream), _) => match &stream.kind {
                StreamKind::Append => "· append-only".to_string(),
                kind => format!("· {kind}"),
            },
            (None, Inputs::None) => "· source".to_string(),
            (None, Inputs::Fixed([_])) => "· one input".to_string(),
            (None, Inputs::Fixed(ports)) => format!("· {} inputs", ports.len()),
            (None, Inputs::Many(_) | Inputs::Named) => "· any inputs".to_string(),
        }
    }

    fn burst(&mut self, part: &str, command: Command) {
        self.actions.push(Action::Burst {
            key: format!("{part} of {}", self.id),
            command,
        });
    }

    /// The fields of parameters, short ones in pairs.
    fn parameters(&mut self, ui: &mut Ui, parameters: &[&'static ParameterSpec]) {
        let mut rest = parameters;
        while let Some((first, after)) = rest.split_first() {
            match after.split_first() {
                Some((second, after))
                    if Form::is_short(ui, first)
                        && Form::is_short(ui, second)
                        && ui.available_width() > 220.0 =>
                {
                    ui.columns(2, |sides| {
                        self.parameter(&mut sides[0], first);
                        self.parameter(&mut sides[1], second);
                    });
                    rest = after;
                }
                _ => {
                    self.parameter(ui, first);
                    rest = after;
                }
            }
        }
    }

    /// Parameters that the kind does not have: kept, shown, and to be removed by hand.
    fn unknown_parameters(&mut self, ui: &mut Ui, spec: Option<&'static KindSpec>) {
        let palette = theme::palette(ui.ctx());
        let unknown: Vec<(&String, &Value)> = self
            .node
            .parameters
            .iter()
            .filter(|(name, _)| spec.is_none_or(|spec| spec.parameter(name).is_none()))
            .collect();
        if unknown.is_empty() {
            return;
        }
        heading(ui, "Kept, but unknown");
        for (name, value) in unknown {
            ui.horizontal(|ui| {
                let text = format!("{name} = {value}");
                let width = ui.available_width() - 64.0;
                ui.allocate_ui(egui::Vec2::new(width, 20.0), |ui| {
                    ui.add(
                        Label::new(
                            RichText::new(text)
                                .font(theme::data_font(theme::DATA))
                                .color(palette.warning),
                        )
                        .truncate(),
                    );
                });
                let remove = ui
                    .small_button("Remove")
                    .accessible_name(format!("Remove {name} from {}", self.id));
                if remove.clicked() {
                    let command = Command::UnsetParameter {
                        node: self.id.clone(),
                        parameter: name.clone(),
                    };
                    self.actions.push(Action::Edit(command));
                }
            });
            for found in self.found(name) {
                self.finding(ui, found);
            }
        }
    }

    /// The columns that come out.
    fn output(&mut self, ui: &mut Ui, spec: Option<&'static KindSpec>) {
        let palette = theme::palette(ui.ctx());
        if !spec.is_some_and(|spec| spec.has_output) {
            return;
        }
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = theme::STEP;
            ui.add_space(theme::STEP);
            heading(ui, "Output");
            match self.editor.compiled().columns(self.id) {
                Some(columns) => {
                    let stream = self.editor.compiled().streams.get(self.id);
                    schema::columns(ui, columns, stream);
                }
                None => {
                    let text = "Known once nothing is wrong with it and with what feeds it";
                    ui.label(RichText::new(text).size(theme::SMALL).color(palette.faint));
                }
            }
        });
    }
}

/// What is to be known to draw a node's form.
fn facts(editor: &Editor, id: &NodeId, node: &Node) -> Facts {
    let compiled = editor.compiled();
    let spec = nodes::find(&node.kind).map(|kind| kind.spec());
    let mut ports = compiled.input_columns(editor.pipeline(), id);
    if spec.is_some_and(|spec| matches!(spec.inputs, Inputs::None)) {
        // What a source is asked about are its own columns.
        let own = compiled.columns(id).map(<[_]>::to_vec).unwrap_or_default();
        ports = vec![(String::new(), own)];
    }
    let mut columns = Vec::new();
    for (_, of_port) in &ports {
        for column in of_port {
            if !columns
                .iter()
                .any(|known: &millstream_compiler::lower::Column| known.name == column.name)
            {
                columns.push(column.clone());
            }
        }
    }
    // Where there are several sides, expressions call them by their first letters.
    let sides = ports.iter().filter_map(|(port, _)| port.get(..1));
    let sides = sides.filter(|_| ports.len() > 1);
    let names = Names::new(
        (columns.iter())
            .map(|column| column.name.as_str())
            .chain(sides),
    );
    Facts {
        hidden: spec.map(|_| idle_parameters(node)).unwrap_or_default(),
        names,
        columns,
        ports,
    }
}

/// Parameters that are not set and that the kind would call idle if they were, as the others stand.
fn idle_parameters(node: &Node) -> Vec<&'static str> {
    let Some(kind) = nodes::find(&node.kind) else {
        return Vec::new();
    };
    kind.spec()
        .parameters
        .iter()
        .filter(|parameter| !parameter.required && !node.parameters.contains_key(parameter.name))
        .filter(|parameter| {
            let value = match parameter.default.to_value() {
                Some(value) => value,
                None if parameter.example.is_empty() => return false,
                None => form::example(parameter).into(),
            };
            let with = node.clone().with(parameter.name, value);
            kind.check(&with).iter().any(|found| {
                found.code == "parameter/ignored"
                    && found.parameter.as_deref() == Some(parameter.name)
            })
        })
        .map(|parameter| parameter.name)
        .collect()
}

/// What several selected things have in common: what can be done to them.
fn several(ui: &mut Ui, editor: &Editor, actions: &mut Vec<Action>) {
    let selection = &editor.view.selection;
    let mut parts = Vec::new();
    for (count, one, many) in [
        (selection.nodes.len(), "node", "nodes"),
        (selection.edges.len(), "wire", "wires"),
        (selection.frames.len(), "frame", "frames"),
    ] {
        match count {
            0 => {}
            1 => parts.push(format!("1 {one}")),
            n => parts.push(format!("{n} {many}")),
        }
    }
    let text = format!("{} selected", parts.join(", "));
    ui.label(RichText::new(text).font(theme::strong_font(theme::TEXT + 2.0)));
    let offered = [
        UiCommand::Mute,
        UiCommand::Frame,
        UiCommand::Unframe,
        UiCommand::Duplicate,
        UiCommand::AlignLeft,
        UiCommand::AlignRight,
        UiCommand::AlignTop,
        UiCommand::AlignPorts,
        UiCommand::AlignBottom,
        UiCommand::DistributeHorizontally,
        UiCommand::DistributeVertically,
        UiCommand::DeleteAndReconnect,
        UiCommand::Delete,
    ];
    for command in offered {
        if editor.ready(command).is_err() {
            continue;
        }
        ui.horizontal(|ui| {
            let width = ui.available_width();
            let button = Button::new(command.name()).min_size(egui::Vec2::new(width, 26.0));
            let shortcut = command.shortcut_text(ui.ctx());
            let button = button.shortcut_text(shortcut.unwrap_or_default());
            if ui.add(button).clicked() {
                actions.push(Action::Command(command));
            }
        });
    }
    if !selection.nodes.is_empty() {
        heading(ui, "Nodes");
        for id in &selection.nodes {
            let title = editor
                .pipeline()
                .node(id.as_str())
                .and_then(|node| node.title.clone())
                .unwrap_or_default();
            let text = RichText::new(id.as_str()).font(theme::data_font(theme::DATA));
            let row = ui
                .add(Button::new(text).frame(false))
                .on_hover_text(title)
                .accessible_name(format!("Inspect {id}"));
            if row.clicked() {
                actions.push(Action::GoTo(id.clone()));
            }
        }
    }
}
