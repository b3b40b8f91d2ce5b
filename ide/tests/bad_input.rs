//! Files that are broken, strange, changed by others, or cannot be written.

mod window;

use std::path::{Path, PathBuf};
use std::process::Command as Process;

use egui_kittest::kittest::{NodeT as _, Queryable as _};
use millstream_compiler::document::Command;
use millstream_ide::command::UiCommand;
use millstream_ide::editor::{Action, BottomTab};
use window::{Window, endless, id};

fn press(window: &mut Window<'_>, button: &str) {
    window.wait_for_text(button);
    window.harness.get_by_label(button).click();
    window.wait("frame", |_| true);
}

fn rename(window: &mut Window<'_>, name: &str) {
    window.act(Action::Edit(Command::SetName { name: name.into() }));
    window.wait("frame", |_| true);
}

fn says(window: &mut Window<'_>, part: &str) -> String {
    window.wait(part, |window| {
        let mut found = window.harness.query_all_by_label_contains(part);
        found.next().is_some()
    });
    let node = window.harness.get_all_by_label_contains(part).next();
    let node = node.expect("it was there");
    let node = node.accesskit_node();
    // What a text says is its value.
    node.label().or(node.value()).unwrap_or_default()
}

fn light(window: &mut Window<'_>, name: &str) {
    window.shot(&format!("{name}-dark"));
    window.act(Action::Command(UiCommand::ToggleTheme));
    window.wait("frame", |_| true);
    window.shot(&format!("{name}-light"));
}

/// A disk so small that it is full at once; nothing where none can be made.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(folder: PathBuf) -> Option<Self> {
        std::fs::create_dir(&folder).expect("made");
        let mounted = Process::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(&folder)
            .output()
            .is_ok_and(|done| done.status.success());
        mounted.then_some(Self(folder))
    }

    fn fill(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.0.join("rest")).expect("made");
        while file.write_all(&[0; 1024]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("rest")).expect("removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The folder of the test is removed after it.
        let _ = Process::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_keeps_the_old_file_and_the_edits() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    let Some(disk) = SmallDisk::at(folder.path().join("disk")) else {
        eprintln!("skipped: no small disk can be made here");
        return;
    };
    let file = endless(&disk.0);
    let mut window = Window::open(&home, file.clone());
    window.wait("frame", |_| true);
    let old = std::fs::read_to_string(&file).expect("read");
    rename(&mut window, "renamed");
    disk.fill();
    window.act(Action::Command(UiCommand::Save));
    let notice = says(&mut window, "cannot write ");
    for part in [
        "No space left",
        "pipeline.toml",
        "the old file and the unsaved edits are kept",
    ] {
        assert!(notice.contains(part), "{notice}");
    }
    assert_eq!(std::fs::read_to_string(&file).expect("read"), old);
    assert_eq!(std::fs::read_dir(&disk.0).expect("read").count(), 2);
    assert!(window.shell().editor.is_unsaved());
    // What is not saved is in the journal, which is elsewhere.
    window.wait("journal", |_| {
        let journals = std::fs::read_dir(home.join("journal"))
            .into_iter()
            .flatten();
        journals.flatten().any(|journal| {
            std::fs::read_to_string(journal.path()).is_ok_and(|text| text.contains("renamed"))
        })
    });
    disk.free();
    window.act(Action::Command(UiCommand::Save));
    window.wait("saved", |window| !window.shell().editor.is_unsaved());
    let new = std::fs::read_to_string(&file).expect("read");
    assert!(new.contains("name = \"renamed\""), "{new}");
}

#[test]
fn a_file_that_another_program_wrote_is_asked_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = endless(folder.path());
    let mut window = Window::open(&folder.path().join("home"), file.clone());
    window.wait("frame", |_| true);
    let others = |name: &str| {
        let text = window::ENDLESS.replace("name = \"endless\"", &format!("name = \"{name}\""));
        std::fs::write(&file, text).expect("written");
    };
    let on_disk = || std::fs::read_to_string(&file).expect("read");
    others("of somebody else");
    rename(&mut window, "mine");
    window.act(Action::Command(UiCommand::Save));
    window.wait_for_text("The file changed on disk");
    press(&mut window, "Cancel");
    assert!(on_disk().contains("of somebody else"));
    window.act(Action::Command(UiCommand::Save));
    press(&mut window, "Overwrite it");
    assert!(on_disk().contains("name = \"mine\""));

    // Who comes back to the window is told at once, and asked once.
    let back = |window: &mut Window<'_>| {
        window.harness.event(egui::Event::WindowFocused(true));
        window.wait("frame", |_| true);
    };
    back(&mut window);
    assert!(window.shell().modal.is_none());
    others("of a third one");
    back(&mut window);
    window.wait_for_text("The file changed on disk");
    window.shot("changed-on-disk-dark");
    press(&mut window, "Keep what is here");
    back(&mut window);
    assert!(window.shell().modal.is_none());
    assert_eq!(window.shell().editor.pipeline().name(), "mine");
    others("of a fourth");
    back(&mut window);
    press(&mut window, "Open what is on disk");
    assert_eq!(window.shell().editor.pipeline().name(), "of a fourth");
    assert!(!window.shell().editor.is_unsaved());

    // One that is gone is simply written again.
    std::fs::remove_file(&file).expect("removed");
    rename(&mut window, "again");
    window.act(Action::Command(UiCommand::Save));
    window.wait("saved", |window| !window.shell().editor.is_unsaved());
    assert!(on_disk().contains("name = \"again\""));
}

#[test]
fn a_broken_file_opens_as_text_with_the_place_marked_and_can_be_mended() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = endless(folder.path());
    let broken = window::ENDLESS.replace("n = \"BIGINT\"", "n = \"BIGINT");
    std::fs::write(&file, &broken).expect("written");
    let mut window = Window::open(&folder.path().join("home"), file.clone());
    window.wait("text", |window| {
        window.harness.query_by_label("Text of the file").is_some()
    });
    says(&mut window, "pipeline.toml is no pipeline");
    let place = says(&mut window, "line 12");
    assert!(place.len() > "line 12: ".len(), "{place}");
    light(&mut window, "broken");
    assert_eq!(window.shell().broken.as_ref().expect("broken").text, broken);
    let shell = window.harness.state_mut().as_mut().expect("a window");
    shell.broken.as_mut().expect("broken").text = window::ENDLESS.into();
    press(&mut window, "Save and open");
    window.wait("document", |window| window.shell().broken.is_none());
    assert_eq!(window.shell().editor.pipeline().name(), "endless");
    assert_eq!(
        std::fs::read_to_string(&file).expect("read"),
        window::ENDLESS
    );
}

#[test]
fn unknown_kinds_and_keys_are_shown_and_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = endless(folder.path());
    let strange = window::ENDLESS.replace(
        "[nodes.out]",
        "[nodes.crystal]\nkind = \"crystal-ball\"\ndepth = 7\n\n[nodes.out]\ncolour-of-mood = \"blue\"",
    );
    let strange = strange.replace("version = 1\n", "version = 1\nowner = \"grandma\"\n");
    std::fs::write(&file, &strange).expect("written");
    let mut window = Window::open(&folder.path().join("home"), file.clone());
    window.wait("frame", |_| true);
    let editor = &window.shell().editor;
    assert!(editor.pipeline().node("crystal").is_some());
    says(&mut window, "'crystal'");
    says(&mut window, "owner");
    window.act(Action::ShowBottom(BottomTab::Problems));
    window.wait("the compiler", |window| {
        let editor = &window.shell().editor;
        editor.compiled().generation == editor.generation()
    });
    says(&mut window, "crystal-ball");
    says(&mut window, "colour-of-mood");
    window.select("crystal");
    window.wait("frame", |_| true);
    light(&mut window, "unknown");
    window.act(Action::Edit(Command::SetTitle {
        node: id("numbers"),
        title: Some("Numbers".into()),
    }));
    window.act(Action::Command(UiCommand::Save));
    window.wait("saved", |window| !window.shell().editor.is_unsaved());
    let saved = std::fs::read_to_string(&file).expect("read");
    for part in [
        "owner = \"grandma\"",
        "kind = \"crystal-ball\"",
        "depth = 7",
        "colour-of-mood = \"blue\"",
        "title = \"Numbers\"",
    ] {
        assert!(saved.contains(part), "{part} is lost:\n{saved}");
    }
    assert!(Path::new(&file).with_extension("layout.toml").exists());
}
