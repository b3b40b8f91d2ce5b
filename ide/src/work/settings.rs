//! What the editor remembers of a person: the theme, recent files, the panels, the window.

use std::fs;
use std::path::{Path, PathBuf};

use millstream_compiler::document::files;
use serde::{Deserialize, Serialize};

/// How many recent files are remembered.
const RECENT: usize = 12;

/// The theme that a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeChoice {
    /// Light text on dark.
    #[default]
    Dark,
    /// Dark text on light.
    Light,
}

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The theme.
    pub theme: ThemeChoice,
    /// Files that were open, the last first.
    pub recent: Vec<PathBuf>,
    /// The panels, as the shell writes them.
    pub panels: Option<serde_json::Value>,
    /// How often each node kind was added, for the order of the library.
    pub used_kinds: std::collections::BTreeMap<String, u64>,
    #[serde(skip)]
    folder: Option<PathBuf>,
}

impl Settings {
    /// What is remembered in a folder; defaults for what cannot be read.
    pub fn load(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join("settings.json")).unwrap_or_default();
        let mut settings: Settings = serde_json::from_str(&text).unwrap_or_default();
        settings.folder = Some(folder.to_path_buf());
        settings
    }

    /// Writes what is to be remembered. Settings that were not loaded from a folder are not kept.
    pub fn save(&self) {
        let Some(folder) = &self.folder else { return };
        let written = fs::create_dir_all(folder)
            .map_err(|error| error.to_string())
            .and_then(|()| serde_json::to_string_pretty(self).map_err(|error| error.to_string()))
            .and_then(|text| {
                files::write(&folder.join("settings.json"), &text).map_err(|e| e.to_string())
            });
        if let Err(why) = written {
            tracing::warn!("the settings were not kept: {why}");
        }
    }

    /// A file was opened or saved.
    pub fn remember(&mut self, file: &Path) {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
        self.recent.retain(|other| *other != file);
        self.recent.insert(0, file);
        self.recent.truncate(RECENT);
    }
}

/// The folder for settings and journals: `MILLSTREAM_IDE_HOME`, or the system's for such things.
pub fn home() -> PathBuf {
    if let Some(folder) = std::env::var_os("MILLSTREAM_IDE_HOME") {
        return PathBuf::from(folder);
    }
    directories::ProjectDirs::from("dev", "millstream", "millstream-ide").map_or_else(
        || std::env::temp_dir().join("millstream-ide"),
        |dirs| dirs.data_local_dir().to_path_buf(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_and_broken_ones_do_no_harm() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = Settings::load(folder.path());
        assert_eq!(settings.theme, ThemeChoice::Dark);
        settings.theme = ThemeChoice::Light;
        for n in 0..20 {
            settings.remember(Path::new(&format!("/p/{n}/pipeline.toml")));
        }
        settings.remember(Path::new("/p/15/pipeline.toml"));
        settings.save();
        let again = Settings::load(folder.path());
        assert_eq!(again, settings);
        assert_eq!(again.recent.len(), RECENT);
        assert_eq!(again.recent[0], Path::new("/p/15/pipeline.toml"));
        fs::write(folder.path().join("settings.json"), "{{{").expect("written");
        assert_eq!(Settings::load(folder.path()).recent.len(), 0);
    }
}
