//! Saving a document, and noticing that its file changed under it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use millstream_compiler::document::{Document, files};

/// What a file was like when it was last read or written here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
}

impl Stamp {
    /// What a file is like now; `None` if it is not there.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
        })
    }
}

/// Writes a document: the pipeline, and its layout beside it. Neither is replaced before both are
/// on the disk.
///
/// # Errors
/// What could not be written and why; the old files are still there.
pub fn save(path: &Path, document: &Document) -> Result<(), String> {
    let layout = files::layout_file(path);
    let (pipeline, places) = (document.pipeline().to_toml(), document.layout().to_toml());
    files::write_together(&[(path, &pipeline), (&layout, &places)])
        .map_err(|error| error.to_string())
}

/// A path with the extension of pipelines, if it has none.
pub fn with_extension(path: PathBuf) -> PathBuf {
    match path.extension() {
        Some(_) => path,
        None => path.with_extension("toml"),
    }
}
