//! The commands of the menus: when each makes sense, and what it does.

use std::collections::BTreeSet;

use millstream_compiler::document::{Command, Frame, NodeId, Position, fragment_to_toml};
use millstream_compiler::lower::Target;
use millstream_compiler::nodes;

use super::{BottomTab, CentreTab, Editor, Effect, Overlay, Popup, Selection, View, position};
use crate::canvas::arrange;
use crate::command::UiCommand;

/// Room between a frame and what stands in it, and for its heading.
const FRAME_ROOM: i32 = 24;
const FRAME_HEAD: i32 = 20;
/// How far a copy stands from the original.
const COPY_OFFSET: i32 = 32;

impl Editor {
    /// Whether a command makes sense now.
    ///
    /// # Errors
    /// Why it does not, for a tooltip.
    pub fn ready(&self, command: UiCommand) -> Result<(), &'static str> {
        use UiCommand::*;
        let selection = &self.view.selection;
        let need = |ok: bool, why: &'static str| if ok { Ok(()) } else { Err(why) };
        let some_nodes = need(!selection.nodes.is_empty(), "Select a node first");
        match command {
            Undo => need(self.history.can_undo(), "There is nothing to undo"),
            Redo => need(self.history.can_redo(), "There is nothing to redo"),
            Cut | Copy | Duplicate | DeleteAndReconnect | SelectUpstream | SelectDownstream
            | Mute | Frame => some_nodes,
            Delete => need(!selection.is_empty(), "Select something first"),
            Unframe => need(!selection.frames.is_empty(), "Select a frame first"),
            AlignLeft | AlignRight | AlignTop | AlignPorts | AlignBottom => {
                need(selection.nodes.len() > 1, "Select several nodes first")
            }
            EditParameters => need(
                selection.is_empty() || selection.single_node().is_some(),
                "Select one node, or nothing for the pipeline itself",
            ),
            DistributeHorizontally | DistributeVertically => need(
                selection.nodes.len() > 2,
                "Select three or more nodes first",
            ),
            Rename | StartWire | Preview => need(
                selection.single_node().is_some(),
                "Select exactly one node first",
            ),
            SelectAll | AutoLayout | ZoomToFit | Find => need(
                self.pipeline().nodes().len() > 0,
                "The pipeline has no nodes yet",
            ),
            ZoomToSelection => need(!selection.nodes.is_empty(), "Select a node first"),
            NextProblem | PreviousProblem => need(
                !self.compiled.diagnostics.is_empty(),
                "No problems were found",
            ),
            QuickFix => need(
                self.current_repair().is_some(),
                "No quick fix is known for the current problem",
            ),
            EditSql => need(
                self.draft().is_none() && !self.compiled.script(self.view.target).is_empty(),
                "The script is edited already, or there is none yet",
            ),
            ApplySql | DiscardSql => need(self.draft().is_some(), "Edit the script first"),
            Run | RunFromScratch | RunFromSavepoint => {
                if self.job_running {
                    Err("The job runs already")
                } else if self.pipeline().nodes().len() == 0 {
                    Err("The pipeline has no nodes yet")
                } else if !self.is_compiling() && self.compiled.has_errors() {
                    Err("The pipeline has errors: see Problems")
                } else {
                    Ok(())
                }
            }
            Stop | StopWithSavepoint | CheckpointNow => need(self.job_running, "No job runs"),
            Detach => need(self.job_running, "No job is watched"),
            ExportSql | CopySql => need(
                self.pipeline().nodes().len() > 0,
                "The pipeline has no nodes yet",
            ),
            FreezePreview => need(
                self.view.preview.is_some() || selection.single_node().is_some(),
                "Nothing is previewed",
            ),
            _ => Ok(()),
        }
    }

    /// Carries a command out, if it makes sense now.
    pub(super) fn run(&mut self, command: UiCommand) -> Vec<Effect> {
        use UiCommand::*;
        if self.ready(command).is_err() {
            return vec![];
        }
        let nodes: Vec<NodeId> = self.view.selection.nodes.iter().cloned().collect();
        match command {
            New => return vec![Effect::New],
            Open => return vec![Effect::AskOpen],
            OpenFolder => return vec![Effect::AskOpenFolder],
            ImportSql => return vec![Effect::AskImport],
            Save if self.file.is_none() => return vec![Effect::AskSaveAs],
            Save => return vec![Effect::Save],
            SaveAs => return vec![Effect::AskSaveAs],
            ShowStart => self.view.start = true,
            Quit => return vec![Effect::Quit],
            Undo => {
                self.history.undo();
                self.document_changed();
            }
            Redo => {
                self.history.redo();
                self.document_changed();
            }
            Cut => {
                let text = fragment_to_toml(self.document(), &nodes);
                let mut effects = vec![Effect::CopyText(text)];
                let cut = Command::RemoveAndReconnect { nodes };
                effects.extend(self.edit("Cut", &[cut]));
                return effects;
            }
            Copy => return vec![Effect::CopyText(fragment_to_toml(self.document(), &nodes))],
            Paste => return vec![Effect::RequestPaste],
            Duplicate => {
                let text = fragment_to_toml(self.document(), &nodes);
                let corner = arrange::bounds(self.document(), Some(&nodes))
                    .map(|bounds| position(bounds.min) + Position::new(COPY_OFFSET, COPY_OFFSET));
                return self.edit(
                    "Duplicate",
                    &[Command::Paste {
                        text,
                        position: corner,
                    }],
                );
            }
            Delete => return self.delete_selected(nodes),
            DeleteAndReconnect => {
                let command = Command::RemoveAndReconnect { nodes };
                return self.edit(&command.label(), &[command]);
            }
            SelectAll => {
                let all = self.pipeline().nodes().map(|(id, _)| id.clone()).collect();
                self.view.selection = Selection {
                    nodes: all,
                    ..Selection::default()
                };
            }
            SelectNone => {
                // Escape closes what floats first, and lets go of the selection next.
                if self.view.popup == Popup::None {
                    self.view.selection = Selection::default();
                } else {
                    self.view.popup = Popup::None;
                }
            }
            SelectUpstream => self.select_reachable(nodes, true),
            SelectDownstream => self.select_reachable(nodes, false),
            Rename => {
                self.view.popup = nodes.into_iter().next().map_or(Popup::None, Popup::Rename);
            }
            EditParameters => {
                self.view.right_open = true;
                self.view.edit_parameters = true;
            }
            AddNode => {
                self.view.centre = CentreTab::Graph;
                self.view.popup = Popup::AddNode {
                    at: position(self.view.camera.centre),
                    from: None,
                    to: None,
                };
            }
            StartWire => {
                self.view.centre = CentreTab::Graph;
                self.view.start_wire = true;
            }
            Mute => {
                let muted = nodes.iter().all(|id| {
                    self.pipeline()
                        .node(id.as_str())
                        .is_some_and(|node| node.muted)
                });
                let command = Command::SetMuted {
                    nodes,
                    muted: !muted,
                };
                return self.edit(&command.label(), &[command]);
            }
            Frame => return self.frame(&nodes),
            Unframe => {
                let commands: Vec<Command> = (self.view.selection.frames.iter())
                    .map(|id| Command::RemoveFrame { id: id.clone() })
                    .collect();
                return self.edit("Remove frame", &commands);
            }
            AutoLayout => {
                let chosen = (nodes.len() > 1).then_some(nodes.as_slice());
                let positions = arrange::layered(self.document(), chosen);
                let effects = self.edit("Arrange", &[Command::MoveNodes { positions }]);
                if chosen.is_none() {
                    self.fit();
                }
                return effects;
            }
            AlignLeft
            | AlignRight
            | AlignTop
            | AlignPorts
            | AlignBottom
            | DistributeHorizontally
            | DistributeVertically => {
                let positions = arrange::aligned(self.document(), &nodes, command);
                return self.edit(command.name(), &[Command::MoveNodes { positions }]);
            }
            Find => self.view.popup = Popup::Find,
            NextProblem => self.walk_problems(1),
            PreviousProblem => self.walk_problems(-1),
            QuickFix => return self.quick_fix(),
            EditSql => self.begin_draft(),
            ApplySql => return self.take_sql(false),
            DiscardSql => return self.discard_sql(),
            // What was found in an older document says nothing about this one.
            Run | RunFromScratch | RunFromSavepoint if self.is_compiling() => {
                self.run_when_compiled = Some(command);
            }
            RunFromSavepoint => return vec![Effect::AskSavepoint],
            Run | RunFromScratch => {
                let from_scratch = command == RunFromScratch;
                return vec![Effect::StartJob { from_scratch }];
            }
            Stop => return vec![Effect::StopJob { savepoint: false }],
            StopWithSavepoint => return vec![Effect::StopJob { savepoint: true }],
            CheckpointNow => return vec![Effect::Checkpoint],
            Preview => {
                self.view.preview = nodes.into_iter().next();
                self.view.frozen = false;
                self.show_bottom(BottomTab::Preview);
            }
            FreezePreview => self.view.frozen = !self.view.frozen,
            Attach => return vec![Effect::ListJobs],
            Detach => return vec![Effect::Detach],
            ExportSql => return vec![Effect::AskExport],
            CopySql => {
                let script = self.compiled.script(self.view.target).to_string();
                return vec![Effect::CopyText(script)];
            }
            ToggleTarget => {
                self.view.target = match self.view.target {
                    Target::Embedded => Target::Flink,
                    Target::Flink => Target::Embedded,
                };
            }
            Palette => self.view.popup = Popup::Palette,
            ZoomIn | ZoomOut | ZoomToOne => {
                let canvas = self.view.canvas;
                let factor = match command {
                    ZoomIn => 1.25,
                    ZoomOut => 0.8,
                    _ => 1.0 / self.view.camera.zoom,
                };
                self.view.camera = self.view.camera.zoomed(canvas, canvas.center(), factor);
            }
            ZoomToFit => self.fit(),
            ZoomToSelection => {
                if let Some(bounds) = arrange::bounds(self.document(), Some(&nodes)) {
                    self.view.camera = super::Camera::fitting(self.view.canvas, bounds);
                }
            }
            ShowGraph => self.view.centre = CentreTab::Graph,
            ShowSql => self.view.centre = CentreTab::Sql,
            ShowDiff => self.view.centre = CentreTab::Diff,
            ShowPreview => self.show_bottom(BottomTab::Preview),
            ShowProblems => self.show_bottom(BottomTab::Problems),
            ShowCharts => self.show_bottom(BottomTab::Charts),
            ShowLogs => self.show_bottom(BottomTab::Logs),
            ShowHistory => self.show_bottom(BottomTab::History),
            ToggleLeft => self.view.left_open = !self.view.left_open,
            ToggleRight => self.view.right_open = !self.view.right_open,
            ToggleBottom => self.view.bottom_open = !self.view.bottom_open,
            ToggleMinimap => self.view.minimap = !self.view.minimap,
            OverlayNone => self.view.overlay = Overlay::Calm,
            OverlayRate => self.view.overlay = Overlay::Rate,
            OverlayLag => self.view.overlay = Overlay::Lag,
            OverlayState => self.view.overlay = Overlay::State,
            OverlayTypes => self.view.overlay = Overlay::Types,
            ToggleTheme => return vec![Effect::ToggleTheme],
            ResetPanels => {
                let fresh = View::default();
                self.view.left_open = fresh.left_open;
                self.view.right_open = fresh.right_open;
                self.view.bottom_open = fresh.bottom_open;
                self.view.minimap = fresh.minimap;
                return vec![Effect::ResetPanels];
            }
            About => self.view.popup = Popup::About,
        }
        vec![]
    }

    pub(super) fn show_bottom(&mut self, tab: BottomTab) {
        self.view.bottom = tab;
        self.view.bottom_open = true;
    }

    fn delete_selected(&mut self, nodes: Vec<NodeId>) -> Vec<Effect> {
        let selection = self.view.selection.clone();
        let mut commands = Vec::new();
        if !selection.edges.is_empty() {
            commands.push(Command::Disconnect {
                edges: selection.edges.into_iter().collect(),
            });
        }
        if !nodes.is_empty() {
            commands.push(Command::RemoveNodes { nodes });
        }
        for id in selection.frames {
            commands.push(Command::RemoveFrame { id });
        }
        let label = match commands.as_slice() {
            [one] => one.label(),
            _ => "Delete".to_string(),
        };
        self.edit(&label, &commands)
    }

    fn select_reachable(&mut self, from: Vec<NodeId>, upstream: bool) {
        let mut found: BTreeSet<NodeId> = from.iter().cloned().collect();
        let mut open = from;
        while let Some(node) = open.pop() {
            for (_, edge) in self.pipeline().edges() {
                let (near, far) = match upstream {
                    true => (&edge.to.node, &edge.from.node),
                    false => (&edge.from.node, &edge.to.node),
                };
                if *near == node && found.insert(far.clone()) {
                    open.push(far.clone());
                }
            }
        }
        self.view.selection = Selection::nodes(found);
    }

    fn frame(&mut self, nodes: &[NodeId]) -> Vec<Effect> {
        let Some(bounds) = arrange::bounds(self.document(), Some(nodes)) else {
            return vec![];
        };
        let families: BTreeSet<&str> = nodes
            .iter()
            .filter_map(|id| self.pipeline().node(id.as_str()))
            .filter_map(|node| nodes::find(&node.kind))
            .map(|kind| kind.spec().family.title())
            .collect();
        let title = match families.into_iter().collect::<Vec<_>>().as_slice() {
            [one] => (*one).to_string(),
            _ => "Group".to_string(),
        };
        let corner = position(bounds.min) - Position::new(FRAME_ROOM, FRAME_ROOM + FRAME_HEAD);
        let frame = Frame {
            title,
            position: corner,
            width: bounds.width().ceil() as i32 + 2 * FRAME_ROOM,
            height: bounds.height().ceil() as i32 + 2 * FRAME_ROOM + FRAME_HEAD,
            colour: None,
        };
        self.edit("Add frame", &[Command::PutFrame { id: None, frame }])
    }
}
