//! What changed since the file was saved, line by line, in the script and in the pipeline file.

use egui::{RichText, ScrollArea, Ui};
use millstream_compiler::lower::Target;
use millstream_runtime::environment::FileEnvironment;
use similar::{ChangeTag, TextDiff};

use crate::editor::Editor;
use crate::theme;
use crate::work::compile::Compiled;

/// Which texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Subject {
    #[default]
    Pipeline,
    Sql,
}

/// A line, and whether it came, went or stayed.
type Line = (ChangeTag, String);

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub struct Diff {
    subject: Subject,
    /// The lines, for this change of the document and subject.
    cached: Option<(u64, Subject, Vec<Line>)>,
}

impl Diff {
    /// Draws the differences.
    pub fn ui(&mut self, ui: &mut Ui, editor: &Editor) {
        let Some(saved) = editor.saved() else {
            super::empty(
                ui,
                "Not saved yet",
                "Save the pipeline to see what changes from then on",
            );
            return;
        };
        ui.horizontal(|ui| {
            ui.selectable_value(&mut self.subject, Subject::Pipeline, "Pipeline file");
            ui.selectable_value(&mut self.subject, Subject::Sql, "Flink SQL");
        });
        let key = (editor.compiled().generation, self.subject);
        let stale = self
            .cached
            .as_ref()
            .is_none_or(|(generation, subject, _)| (*generation, *subject) != key);
        if stale {
            let (old, new) = match self.subject {
                Subject::Pipeline => (saved.pipeline().to_toml(), editor.pipeline().to_toml()),
                Subject::Sql => {
                    // Comparing is asked for by hand and rare; compiling the saved state is quick.
                    let old = Compiled::of(
                        0,
                        saved.pipeline(),
                        &FileEnvironment::new(editor.base_dir()),
                    );
                    (
                        old.script(Target::Flink).to_string(),
                        editor.compiled().script(Target::Flink).to_string(),
                    )
                }
            };
            let lines = TextDiff::from_lines(&old, &new)
                .iter_all_changes()
                .map(|change| (change.tag(), change.value().trim_end().to_string()))
                .collect();
            self.cached = Some((key.0, key.1, lines));
        }
        let Some((_, _, lines)) = &self.cached else {
            return;
        };
        if lines.iter().all(|(tag, _)| *tag == ChangeTag::Equal) {
            super::empty(ui, "No differences", "It is as it was saved");
            return;
        }
        let palette = theme::palette(ui.ctx());
        let height = ui.text_style_height(&egui::TextStyle::Monospace);
        ScrollArea::both()
            .auto_shrink(false)
            .show_rows(ui, height, lines.len(), |ui, rows| {
                for (tag, line) in &lines[rows] {
                    let (mark, colour) = match tag {
                        ChangeTag::Equal => (' ', palette.muted),
                        ChangeTag::Delete => ('-', palette.error),
                        ChangeTag::Insert => ('+', palette.ok),
                    };
                    ui.label(
                        RichText::new(format!("{mark} {line}"))
                            .monospace()
                            .color(colour),
                    );
                }
            });
    }
}
