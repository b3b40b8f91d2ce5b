//! Pipeline files on disk: the one place of this crate that reads and writes files.
//!
//! A pipeline is a folder with a `pipeline.toml`, or that file itself (which may have any name
//! that ends in `.toml`). A file is written beside itself under another name, flushed to the disk
//! and then renamed over the old one, so that a crash or a full disk leaves the old file whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The name of a pipeline file in its folder.
pub const PIPELINE_FILE: &str = "pipeline.toml";

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried: "read", "write", ….
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// The pipeline file that a path means: the path itself, or `pipeline.toml` in a folder.
pub fn pipeline_file(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join(PIPELINE_FILE)
    } else {
        path.to_path_buf()
    }
}

/// The layout file beside a pipeline file: `fraud.toml` has `fraud.layout.toml`.
pub fn layout_file(pipeline_file: &Path) -> PathBuf {
    pipeline_file.with_extension("layout.toml")
}

/// Reads a text file. Bytes that are no UTF-8 are an error that says where they stand.
pub fn read(path: &Path) -> Result<String, FileError> {
    let error = |source| FileError {
        action: "read",
        path: path.to_path_buf(),
        source,
    };
    let bytes = fs::read(path).map_err(error)?;
    String::from_utf8(bytes).map_err(|text| {
        let at = text.utf8_error().valid_up_to();
        let line = text.as_bytes()[..at]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        error(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is not UTF-8 text: byte {at}, in line {line}, is not valid"),
        ))
    })
}

/// Writes a text file so that at every moment the old or the new text is there, whole.
pub fn write(path: &Path, text: &str) -> Result<(), FileError> {
    write_together(&[(path, text)])
}

/// Writes several text files that belong together: none is replaced before all of them are on the
/// disk, so that a full disk leaves all the old ones.
///
/// # Errors
/// The first that could not be written.
pub fn write_together(files: &[(&Path, &str)]) -> Result<(), FileError> {
    let staged: Vec<Staged> = files
        .iter()
        .map(|(path, text)| Staged::write(path, text))
        .collect::<Result<_, _>>()?;
    staged.into_iter().try_for_each(Staged::replace)
}

/// A new text on the disk, beside the old one. What is not taken is not left lying about.
struct Staged {
    path: PathBuf,
    temporary: PathBuf,
}

impl Staged {
    fn write(path: &Path, text: &str) -> Result<Self, FileError> {
        // A link stays a link: the file it points to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let Some(name) = path.file_name() else {
            let nameless = io::Error::new(io::ErrorKind::InvalidInput, "this is no file name");
            return Err(write_error(&path, nameless));
        };
        let mut temporary_name = std::ffi::OsString::from(".");
        temporary_name.push(name);
        temporary_name.push(format!(".{}.tmp", std::process::id()));
        let staged = Self {
            temporary: path.with_file_name(temporary_name),
            path,
        };
        staged
            .fill(text)
            .map_err(|error| write_error(&staged.path, error))?;
        Ok(staged)
    }

    fn fill(&self, text: &str) -> io::Result<()> {
        let mut file = File::create(&self.temporary)?;
        if let Ok(old) = fs::metadata(&self.path) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    fn replace(self) -> Result<(), FileError> {
        let replaced = fs::rename(&self.temporary, &self.path).and_then(|()| self.sync_folder());
        replaced.map_err(|error| write_error(&self.path, error))
    }

    /// The rename itself is durable once the folder is.
    fn sync_folder(&self) -> io::Result<()> {
        #[cfg(unix)]
        if let Some(folder) = self.path.parent() {
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            };
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After the rename there is none; an error before is the one to tell.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn write_error(path: &Path, source: io::Error) -> FileError {
    FileError {
        action: "write",
        path: path.to_path_buf(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("millstream-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = folder("replace");
        let path = folder.join("pipeline.toml");
        write(&path, "one").unwrap();
        write(&path, "two").unwrap();
        assert_eq!(read(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert_eq!(pipeline_file(&folder), path);
        assert_eq!(pipeline_file(&path), path);
        assert_eq!(layout_file(&path), folder.join("pipeline.layout.toml"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn files_that_belong_together_are_replaced_together() {
        let folder = folder("together");
        let (one, two) = (folder.join("one"), folder.join("gone").join("two"));
        write(&one, "old").unwrap();
        let error = write_together(&[(&one, "new"), (&two, "new")]).unwrap_err();
        assert_eq!(error.path, two);
        assert_eq!(read(&one).unwrap(), "old");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::create_dir(folder.join("gone")).unwrap();
        write_together(&[(&one, "new"), (&two, "new")]).unwrap();
        assert_eq!(
            (read(&one).unwrap(), read(&two).unwrap()),
            ("new".into(), "new".into())
        );
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_failed_save_leaves_the_old_file() {
        let folder = folder("failed");
        let path = folder.join("gone").join("pipeline.toml");
        let error = write(&path, "text").unwrap_err();
        assert!(error.to_string().starts_with("cannot write "), "{error}");
        // A folder stands where the file should go: the rename fails, nothing is left behind.
        let blocked = folder.join("blocked");
        fs::create_dir_all(blocked.join("inside")).unwrap();
        assert!(write(&blocked, "text").is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn bad_utf8_has_a_place() {
        let folder = folder("utf8");
        let path = folder.join("pipeline.toml");
        fs::write(&path, b"version = 1\nname = \"\xff\"").unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("byte 20, in line 2"), "{message}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = folder("link");
        let target = folder.join("real.toml");
        let link = folder.join("link.toml");
        write(&target, "one").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&link, "two").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(read(&target).unwrap(), "two");
        fs::remove_dir_all(folder).unwrap();
    }
}
