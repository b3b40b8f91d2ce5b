//! Which files a table's path stands for.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::error::{ConnectorError, ErrorKind, Result};
use crate::spec::TableSpec;

/// The files of a table: where their names start from, and each by its name from there, which is
/// the id of its split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub root: PathBuf,
    pub names: Vec<String>,
}

/// Reads 'source.path.regex-pattern', which must match a whole absolute path.
pub(super) fn pattern(spec: &TableSpec) -> Result<Option<Regex>> {
    let key = "source.path.regex-pattern";
    spec.option(key)
        .map(|pattern| {
            Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
                ConnectorError::new(
                    ErrorKind::BadOption,
                    format!("the option '{key}' is no regular expression: {error}"),
                )
                .with_option(key)
                .with_value(pattern.as_bytes())
            })
        })
        .transpose()
}

/// The files that a path stands for, sorted by name.
pub(crate) fn list_files(spec: &TableSpec) -> Result<Listing> {
    let given = spec.required("path")?;
    let path = spec.resolve(given);
    let mut files = Vec::new();
    let root;
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => {
            walk(&path, &mut files)?;
            root = path;
        }
        Ok(_) => {
            root = path.parent().unwrap_or(Path::new("/")).to_owned();
            files.push(path);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_glob(given) => {
            root = glob_root(&path);
            let broken = |reason: String| {
                ConnectorError::new(ErrorKind::BadOption, reason)
                    .with_option("path")
                    .with_value(given.as_bytes())
            };
            let text = path
                .to_str()
                .ok_or_else(|| broken("a glob must be UTF-8".into()))?;
            let matches = glob::glob(text)
                .map_err(|error| broken(format!("the path is no glob: {error}")))?;
            for found in matches {
                let found = found.map_err(|error| {
                    let path = error.path().to_owned();
                    ConnectorError::io("cannot read the folder", &path, error.into())
                })?;
                if hidden(&found) {
                    continue;
                }
                if found.is_dir() {
                    walk(&found, &mut files)?;
                } else {
                    files.push(found);
                }
            }
            if files.is_empty() {
                return Err(
                    ConnectorError::new(ErrorKind::NotFound, "no file matches the path")
                        .with_file(&path)
                        .with_option("path")
                        .with_remedy("check the table's 'path'"),
                );
            }
        }
        Err(error) => {
            return Err(
                ConnectorError::io("cannot read the table's path", &path, error)
                    .with_option("path"),
            );
        }
    }
    if let Some(pattern) = pattern(spec)? {
        files.retain(|file| {
            let absolute = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            absolute.to_str().is_some_and(|path| pattern.is_match(path))
        });
    }
    let mut names = files
        .iter()
        .map(|file| {
            let name = file.strip_prefix(&root).unwrap_or(file);
            let parts: Option<Vec<&str>> = name
                .components()
                .map(|part| part.as_os_str().to_str())
                .collect();
            parts.map(|parts| parts.join("/")).ok_or_else(|| {
                ConnectorError::new(
                    ErrorKind::NotSupported,
                    "a file name that is not UTF-8 is not supported",
                )
                .with_file(file)
                .with_remedy("rename the file")
            })
        })
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    names.dedup();
    Ok(Listing { root, names })
}

/// All files below a folder.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |error| ConnectorError::io("cannot read the folder", folder, error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if hidden(&path) {
            continue;
        }
        // follows links, as a user who put one there expects
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => walk(&path, files)?,
            Ok(_) => files.push(path),
            // gone since the folder was read: it never was
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(ConnectorError::io("cannot read the file", &path, error)),
        }
    }
    Ok(())
}

/// Flink reads neither `.part-…` (in progress) nor `_SUCCESS`.
fn hidden(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(['.', '_']))
}

pub(crate) fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The deepest folder above everything a glob can match.
fn glob_root(path: &Path) -> PathBuf {
    path.components()
        .take_while(|part| part.as_os_str().to_str().is_some_and(|part| !is_glob(part)))
        .collect()
}
