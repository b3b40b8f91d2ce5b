//! What a person can do, by name: one enum feeds the menus, the palette, the shortcuts, the
//! tooltips and the tests.
//!
//! A [`UiCommand`] has no parameters; it acts on what is selected, focused or open. What has
//! parameters (this node moves there) is an [`Action`](crate::editor::Action).

use egui::{Key, KeyboardShortcut, Modifiers};

/// Something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UiCommand {
    // File
    New,
    Open,
    OpenFolder,
    ImportSql,
    Save,
    SaveAs,
    ShowStart,
    Quit,
    // Edit
    Undo,
    Redo,
    Cut,
    Copy,
    Paste,
    Duplicate,
    Delete,
    DeleteAndReconnect,
    SelectAll,
    SelectNone,
    SelectUpstream,
    SelectDownstream,
    Rename,
    EditParameters,
    // Graph
    AddNode,
    StartWire,
    Mute,
    Frame,
    Unframe,
    AutoLayout,
    AlignLeft,
    AlignRight,
    AlignTop,
    AlignPorts,
    AlignBottom,
    DistributeHorizontally,
    DistributeVertically,
    Find,
    NextProblem,
    PreviousProblem,
    QuickFix,
    EditSql,
    ApplySql,
    DiscardSql,
    // Run
    Run,
    RunFromScratch,
    RunFromSavepoint,
    Stop,
    StopWithSavepoint,
    CheckpointNow,
    Preview,
    FreezePreview,
    Attach,
    Detach,
    // Deploy
    ExportSql,
    CopySql,
    ToggleTarget,
    // View
    Palette,
    ZoomIn,
    ZoomOut,
    ZoomToOne,
    ZoomToFit,
    ZoomToSelection,
    ShowGraph,
    ShowSql,
    ShowDiff,
    ShowPreview,
    ShowProblems,
    ShowCharts,
    ShowLogs,
    ShowHistory,
    ToggleLeft,
    ToggleRight,
    ToggleBottom,
    ToggleMinimap,
    OverlayNone,
    OverlayRate,
    OverlayLag,
    OverlayState,
    OverlayTypes,
    ToggleTheme,
    ResetPanels,
    About,
}

/// A menu of the menu bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Menu {
    File,
    Edit,
    Graph,
    Run,
    Deploy,
    View,
}

impl Menu {
    /// All, from left to right.
    pub const ALL: [Menu; 6] = [
        Menu::File,
        Menu::Edit,
        Menu::Graph,
        Menu::Run,
        Menu::Deploy,
        Menu::View,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Menu::File => "File",
            Menu::Edit => "Edit",
            Menu::Graph => "Graph",
            Menu::Run => "Run",
            Menu::Deploy => "Deploy",
            Menu::View => "View",
        }
    }
}

const CTRL: Modifiers = Modifiers::COMMAND;
const CTRL_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

impl UiCommand {
    /// All, in the order of the menus.
    pub const ALL: [UiCommand; 81] = {
        use UiCommand::*;
        [
            New,
            Open,
            OpenFolder,
            ImportSql,
            Save,
            SaveAs,
            ShowStart,
            Quit, // File
            Undo,
            Redo,
            Cut,
            Copy,
            Paste,
            Duplicate,
            Delete,
            DeleteAndReconnect,
            SelectAll,
            SelectNone,
            SelectUpstream,
            SelectDownstream,
            Rename,
            EditParameters, // Edit
            AddNode,
            StartWire,
            Mute,
            Frame,
            Unframe,
            AutoLayout,
            AlignLeft,
            AlignRight,
            AlignTop,
            AlignPorts,
            AlignBottom,
            DistributeHorizontally,
            DistributeVertically,
            Find,
            NextProblem,
            PreviousProblem,
            QuickFix,
            EditSql,
            ApplySql,
            DiscardSql, // Graph
            Run,
            RunFromScratch,
            RunFromSavepoint,
            Stop,
            StopWithSavepoint,
            CheckpointNow,
            Preview,
            FreezePreview,
            Attach,
            Detach, // Run
            ExportSql,
            CopySql,
            ToggleTarget, // Deploy
            Palette,
            ZoomIn,
            ZoomOut,
            ZoomToOne,
            ZoomToFit,
            ZoomToSelection,
            ShowGraph,
            ShowSql,
            ShowDiff,
            ShowPreview,
            ShowProblems,
            ShowCharts,
            ShowLogs,
            ShowHistory,
            ToggleLeft,
            ToggleRight,
            ToggleBottom,
            ToggleMinimap,
            OverlayNone,
            OverlayRate,
            OverlayLag,
            OverlayState,
            OverlayTypes,
            ToggleTheme,
            ResetPanels,
            About,
        ]
    };

    /// The menu it stands in.
    pub fn menu(self) -> Menu {
        use UiCommand::*;
        match self {
            New | Open | OpenFolder | ImportSql | Save | SaveAs | ShowStart | Quit => Menu::File,
            Undo | Redo | Cut | Copy | Paste | Duplicate | Delete | DeleteAndReconnect
            | SelectAll | SelectNone | SelectUpstream | SelectDownstream | Rename
            | EditParameters => Menu::Edit,
            AddNode
            | StartWire
            | Mute
            | Frame
            | Unframe
            | AutoLayout
            | AlignLeft
            | AlignRight
            | AlignTop
            | AlignPorts
            | AlignBottom
            | DistributeHorizontally
            | DistributeVertically
            | Find
            | NextProblem
            | PreviousProblem
            | QuickFix
            | EditSql
            | ApplySql
            | DiscardSql => Menu::Graph,
            Run | RunFromScratch | RunFromSavepoint | Stop | StopWithSavepoint | CheckpointNow
            | Preview | FreezePreview | Attach | Detach => Menu::Run,
            ExportSql | CopySql | ToggleTarget => Menu::Deploy,
            _ => Menu::View,
        }
    }

    /// Its name in menus and in the palette; "…" when a dialog follows.
    pub fn name(self) -> &'static str {
        use UiCommand::*;
        match self {
            New => "New pipeline",
            Open => "Open…",
            OpenFolder => "Open folder…",
            ImportSql => "Import SQL…",
            Save => "Save",
            SaveAs => "Save as…",
            ShowStart => "Start page",
            Quit => "Quit",
            Undo => "Undo",
            Redo => "Redo",
            Cut => "Cut",
            Copy => "Copy",
            Paste => "Paste",
            Duplicate => "Duplicate",
            Delete => "Delete",
            DeleteAndReconnect => "Delete and reconnect",
            SelectAll => "Select all",
            SelectNone => "Select nothing",
            SelectUpstream => "Select what feeds it",
            SelectDownstream => "Select what it feeds",
            Rename => "Rename",
            EditParameters => "Edit parameters",
            AddNode => "Add node…",
            StartWire => "Connect…",
            Mute => "Mute or unmute",
            Frame => "Frame",
            Unframe => "Remove frame",
            AutoLayout => "Arrange",
            AlignLeft => "Align left",
            AlignRight => "Align right",
            AlignTop => "Align top",
            AlignPorts => "Align ports",
            AlignBottom => "Align bottom",
            DistributeHorizontally => "Distribute horizontally",
            DistributeVertically => "Distribute vertically",
            Find => "Find node…",
            NextProblem => "Next problem",
            PreviousProblem => "Previous problem",
            QuickFix => "Quick fix",
            EditSql => "Edit SQL",
            ApplySql => "Apply SQL",
            DiscardSql => "Discard SQL edits",
            Run => "Run",
            RunFromScratch => "Run from scratch",
            RunFromSavepoint => "Run from savepoint…",
            Stop => "Stop",
            StopWithSavepoint => "Stop with savepoint",
            CheckpointNow => "Checkpoint now",
            Preview => "Preview",
            FreezePreview => "Freeze preview",
            Attach => "Attach to a job…",
            Detach => "Detach from job",
            ExportSql => "Export Flink SQL…",
            CopySql => "Copy SQL",
            ToggleTarget => "Switch SQL target",
            Palette => "Command palette…",
            ZoomIn => "Zoom in",
            ZoomOut => "Zoom out",
            ZoomToOne => "Zoom to 100 %",
            ZoomToFit => "Zoom to fit",
            ZoomToSelection => "Zoom to selection",
            ShowGraph => "Show graph",
            ShowSql => "Show SQL",
            ShowDiff => "Show differences",
            ShowPreview => "Show preview",
            ShowProblems => "Show problems",
            ShowCharts => "Show charts",
            ShowLogs => "Show logs",
            ShowHistory => "Show history",
            ToggleLeft => "Toggle library",
            ToggleRight => "Toggle inspector",
            ToggleBottom => "Toggle bottom panel",
            ToggleMinimap => "Toggle minimap",
            OverlayNone => "Overlay: calm",
            OverlayRate => "Overlay: rate",
            OverlayLag => "Overlay: lag",
            OverlayState => "Overlay: state",
            OverlayTypes => "Overlay: types",
            ToggleTheme => "Light or dark",
            ResetPanels => "Reset panels",
            About => "About Millstream",
        }
    }

    /// What it does, in a sentence.
    pub fn tooltip(self) -> &'static str {
        use UiCommand::*;
        match self {
            New => "Begin an empty pipeline",
            Open => "Open a pipeline.toml or a Flink SQL script",
            OpenFolder => "Open the pipeline of a folder",
            ImportSql => "Make a graph of a Flink SQL script",
            Save => "Write the pipeline and its layout to its file",
            SaveAs => "Write the pipeline to another file",
            ShowStart => "Samples and recent pipelines",
            Quit => "Close the editor; running jobs go on",
            Undo => "Take the last edit back",
            Redo => "Do again what was taken back",
            Cut => {
                "Put the selected nodes on the clipboard, delete them and connect what fed them to what they fed"
            }
            Copy => "Put the selected nodes on the clipboard, as TOML text",
            Paste => "Add the nodes that are on the clipboard",
            Duplicate => "Add copies of the selected nodes",
            Delete => "Delete what is selected",
            DeleteAndReconnect => {
                "Delete the selected nodes and connect what fed them to what they fed"
            }
            SelectAll => "Select every node",
            SelectNone => "Select nothing",
            SelectUpstream => "Also select all nodes whose rows reach the selected ones",
            SelectDownstream => "Also select all nodes that the rows of the selected ones reach",
            Rename => "Give the selected node another id",
            EditParameters => {
                "Go to the first parameter of the selected node, or to the pipeline's own; Escape comes back"
            }
            AddNode => "Search the node kinds and add one",
            StartWire => "Draw a wire from the selected node with the keyboard",
            Mute => "Let the selected nodes pass their input through, or let them work again",
            Frame => "Put a titled frame around the selected nodes",
            Unframe => "Remove the selected frames, not what stands in them",
            AutoLayout => "Arrange the selected nodes, or all, in layers from left to right",
            AlignLeft => "Put the left edges of the selected nodes in line",
            AlignRight => "Put the right edges of the selected nodes in line",
            AlignTop => "Put the top edges of the selected nodes in line",
            AlignPorts => "Put the ports of the selected nodes in line, so that wires are straight",
            AlignBottom => "Put the bottom edges of the selected nodes in line",
            DistributeHorizontally => "Even out the gaps from left to right",
            DistributeVertically => "Even out the gaps from top to bottom",
            Find => "Go to a node by its name",
            NextProblem => "Go to the next problem",
            PreviousProblem => "Go to the problem before",
            QuickFix => "Do what is offered first for the current problem",
            EditSql => "Type into the script; the graph follows when it is applied",
            ApplySql => "Change the graph as the edited script says",
            DiscardSql => "Show the script of the graph again",
            Run => "Run the pipeline on this machine; goes on from the last checkpoint",
            RunFromScratch => "Run the pipeline and forget the checkpoints of its last run",
            RunFromSavepoint => "Run the pipeline with the state of a savepoint",
            Stop => "Stop the running job",
            StopWithSavepoint => "Take a savepoint, then stop; a later run can go on from it",
            CheckpointNow => "Take a checkpoint of the running job",
            Preview => "Show the rows of the selected node",
            FreezePreview => "Hold the rows that are shown",
            Attach => "List the jobs that run, and watch one of them",
            Detach => "Watch the job no longer; it runs on",
            ExportSql => "Write the script for a Flink cluster",
            CopySql => "Put the script on the clipboard",
            ToggleTarget => "Show the script for this machine or for a Flink cluster",
            Palette => "Find any command by its name",
            ZoomIn => "Closer",
            ZoomOut => "Farther",
            ZoomToOne => "One unit of the canvas is one pixel",
            ZoomToFit => "Show the whole graph",
            ZoomToSelection => "Show what is selected",
            ShowGraph => "The graph",
            ShowSql => "The script that the graph means",
            ShowDiff => "What changed since the file was saved",
            ShowPreview => "Rows of the selected node",
            ShowProblems => "Everything that was found wrong",
            ShowCharts => "Throughput, latency and checkpoints of the running job",
            ShowLogs => "What the job wrote",
            ShowHistory => "Every edit since the file was opened",
            ToggleLeft => "Show or hide the library",
            ToggleRight => "Show or hide the inspector",
            ToggleBottom => "Show or hide the panel at the bottom",
            ToggleMinimap => "Show or hide the small map of the graph",
            OverlayNone => "No figures on the wires",
            OverlayRate => "Rows per second on each wire",
            OverlayLag => "How far the watermark of each wire is behind",
            OverlayState => "The size of each node's state",
            OverlayTypes => "Append, upsert or retract, on each wire",
            ToggleTheme => "Switch between the light and the dark theme",
            ResetPanels => "Put every panel back to its place",
            About => "Version and licences",
        }
    }

    /// Its shortcut. One without Ctrl works only where no text is edited.
    pub fn shortcut(self) -> Option<KeyboardShortcut> {
        use UiCommand::*;
        let (modifiers, key) = match self {
            New => (CTRL, Key::N),
            Open => (CTRL, Key::O),
            OpenFolder => (CTRL_SHIFT, Key::O),
            Save => (CTRL, Key::S),
            SaveAs => (CTRL_SHIFT, Key::S),
            Quit => (CTRL, Key::Q),
            Undo => (CTRL, Key::Z),
            Redo => (CTRL_SHIFT, Key::Z),
            Duplicate => (CTRL, Key::D),
            Delete => (Modifiers::NONE, Key::Delete),
            DeleteAndReconnect => (CTRL, Key::Delete),
            SelectAll => (CTRL, Key::A),
            SelectNone => (Modifiers::NONE, Key::Escape),
            Rename => (Modifiers::NONE, Key::F2),
            EditParameters => (Modifiers::NONE, Key::F4),
            AddNode => (Modifiers::NONE, Key::A),
            StartWire => (Modifiers::NONE, Key::C),
            Mute => (Modifiers::NONE, Key::M),
            Frame => (CTRL, Key::G),
            Unframe => (CTRL_SHIFT, Key::G),
            AutoLayout => (Modifiers::NONE, Key::L),
            Find => (Modifiers::NONE, Key::Slash),
            NextProblem => (Modifiers::NONE, Key::F8),
            PreviousProblem => (Modifiers::SHIFT, Key::F8),
            QuickFix => (CTRL, Key::Period),
            Run => (CTRL, Key::Enter),
            RunFromScratch => (CTRL_SHIFT, Key::Enter),
            Stop => (Modifiers::SHIFT, Key::F5),
            Preview => (Modifiers::NONE, Key::P),
            ExportSql => (CTRL, Key::E),
            Palette => (CTRL, Key::P),
            ZoomIn => (CTRL, Key::Plus),
            ZoomOut => (CTRL, Key::Minus),
            ZoomToOne => (CTRL, Key::Num0),
            ZoomToFit => (Modifiers::NONE, Key::Home),
            ZoomToSelection => (Modifiers::NONE, Key::Period),
            ShowGraph => (CTRL, Key::Num1),
            ShowSql => (CTRL, Key::Num2),
            ShowDiff => (CTRL, Key::Num3),
            ToggleLeft => (CTRL, Key::B),
            ToggleRight => (CTRL, Key::I),
            ToggleBottom => (CTRL, Key::J),
            ToggleTheme => (CTRL_SHIFT, Key::L),
            _ => return None,
        };
        Some(KeyboardShortcut::new(modifiers, key))
    }

    /// Its shortcut as people write it.
    pub fn shortcut_text(self, context: &egui::Context) -> Option<String> {
        let text = context.format_shortcut(&self.shortcut()?);
        // Keys that are called otherwise than what is written on them.
        Some(text.replace("Period", ".").replace("Slash", "/"))
    }

    /// Whether a separator stands above it in its menu.
    pub fn begins_group(self) -> bool {
        use UiCommand::*;
        matches!(
            self,
            Save | ShowStart
                | Quit
                | Cut
                | Delete
                | SelectAll
                | Rename
                | Mute
                | AutoLayout
                | Find
                | EditSql
                | CheckpointNow
                | Preview
                | Attach
                | ZoomIn
                | ShowGraph
                | ShowPreview
                | ToggleLeft
                | OverlayNone
                | ToggleTheme
                | About
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_command_has_its_own_name_and_shortcut() {
        let mut names = BTreeMap::new();
        let mut shortcuts = BTreeMap::new();
        for command in UiCommand::ALL {
            assert!(
                names.insert(command.name(), command).is_none(),
                "{command:?}"
            );
            assert!(!command.tooltip().ends_with('.') && !command.tooltip().is_empty());
            if let Some(shortcut) = command.shortcut() {
                let key = (format!("{:?}", shortcut.modifiers), shortcut.logical_key);
                let other = shortcuts.insert(key, command);
                assert!(
                    other.is_none(),
                    "{command:?} and {other:?} share a shortcut"
                );
            }
        }
    }

    #[test]
    fn the_list_is_complete_and_in_the_order_of_the_menus() {
        let mut sorted = UiCommand::ALL.to_vec();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), UiCommand::ALL.len());
        // The enum's last variant has the greatest number, so none is missing.
        assert_eq!(UiCommand::About as usize + 1, UiCommand::ALL.len());
        assert!(UiCommand::ALL.map(UiCommand::menu).is_sorted());
    }
}
