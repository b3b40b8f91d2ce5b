//! Edits of an editor that died are offered, taken up, and protected again.

use std::path::Path;
use std::time::Duration;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use millstream_ide::shell::{Options, Shell};

/// A journal as a process that is gone left it.
fn orphan(home: &Path, process: u32, name: &str) -> std::path::PathBuf {
    let folder = home.join("journal");
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(format!("{process}.journal.json"));
    let entry = serde_json::json!({
        "process": process,
        "began": 1,
        "file": null,
        "pipeline": format!("version = 1\nname = \"{name}\"\n\n[nodes.out]\nkind = \"print\"\n"),
        "layout": "version = 1\n",
    });
    std::fs::write(&path, entry.to_string()).expect("written");
    path
}

fn window(home: &Path) -> Harness<'static, Shell> {
    let options = Options {
        path: None,
        home: home.to_path_buf(),
        samples: None,
    };
    let mut shell = None;
    let mut options = Some(options);
    let context = egui::Context::default();
    if let Some(options) = options.take() {
        shell = Some(Shell::new(&context, options));
    }
    let mut installed = false;
    Harness::builder()
        .with_size([1200.0, 800.0])
        .build_ui_state(
            move |ui, shell: &mut Shell| {
                if !installed {
                    millstream_ide::theme::install(ui.ctx());
                    installed = true;
                    ui.ctx().request_repaint();
                    return;
                }
                shell.ui(ui);
            },
            shell.expect("made above"),
        )
}

#[test]
fn recovered_edits_are_compiled_and_kept_from_another_crash() {
    let home = tempfile::tempdir().expect("a folder");
    let first = orphan(home.path(), 4_194_901, "first");
    let second = orphan(home.path(), 4_194_902, "second");
    let mut window = window(home.path());
    window.run_steps(4);
    window.get_by_label("Recover").click();
    window.run_steps(4);
    assert_eq!(window.state().editor.pipeline().name(), "second");
    assert!(window.state().editor.is_unsaved());
    // The other document is not thrown away, and this one is in a journal of this process.
    assert!(first.exists());
    assert!(!second.exists());
    let own = home
        .path()
        .join("journal")
        .join(format!("{}.journal.json", std::process::id()));
    let text = std::fs::read_to_string(own).expect("a journal");
    assert!(text.contains("second"), "{text}");
    window.state_mut().settle(Duration::from_secs(20));
    let compiled = window.state().editor.compiled().clone();
    assert_eq!(compiled.generation, window.state().editor.generation());
    // A sink without input is found wrong: it really was this document that was compiled.
    assert!(compiled.has_errors());
}
