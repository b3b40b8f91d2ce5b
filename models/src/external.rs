//! Tensors whose data lies in files beside the model.
//!
//! Exporters write large weights to files of their own and leave a note in the tensor: which file, from which byte,
//! how many. Such a note is data that a stranger may have written, so it may only name a file in the model's own
//! folder or below: no absolute path, no `..`, no link that leads out of it. What it names is read here, within the
//! limit that one file has, and put into the tensor before the engine sees the graph; the engine opens no file.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{GraphProto, TensorProto};

use crate::vet::Refusal;

/// The files that were read, by the name that tensors have for them.
pub(crate) type ExternalFiles = BTreeMap<String, Vec<u8>>;

/// Whether a tensor's data lies in another file.
pub(crate) fn is_external(tensor: &TensorProto) -> bool {
    tensor.data_location == Some(DataLocation::External as i32) || !tensor.external_data.is_empty()
}

/// Fills the initialisers whose data lies in files of `folder`. At most `limit` bytes are read, and as many copied.
pub(crate) fn take_in(
    graph: &mut GraphProto,
    folder: Option<&Path>,
    limit: u64,
) -> Result<ExternalFiles, Refusal> {
    let mut files = ExternalFiles::new();
    let (mut read, mut copied) = (0u64, 0u64);
    for tensor in &mut graph.initializer {
        if !is_external(tensor) {
            continue;
        }
        let name = tensor.name.clone();
        let Some(folder) = folder else {
            return Err(Refusal::Unsupported(format!(
                "tensor `{name}` keeps its data in another file, and the model was not read from a folder. Save the model as one file (onnx.save with save_as_external_data=False)"
            )));
        };
        let note = Note::of(tensor).map_err(|reason| {
            Refusal::Malformed(format!(
                "tensor `{name}` keeps its data in another file, but {reason}"
            ))
        })?;
        let data = match files.entry(note.location.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let path = inside(folder, &note.location).map_err(|reason| {
                    Refusal::Unsupported(format!(
                        "tensor `{name}` keeps its data in `{}`, {reason}",
                        note.location.escape_debug()
                    ))
                })?;
                let data = read_whole(&path, limit - read).map_err(|reason| {
                    Refusal::Malformed(format!(
                        "tensor `{name}` keeps its data in {}, which cannot be read: {reason}",
                        path.display()
                    ))
                })?;
                read += data.len() as u64;
                new.insert(data)
            }
        };
        let Some(bytes) = note.cut(data) else {
            return Err(Refusal::Malformed(format!(
                "tensor `{name}` takes {} bytes from byte {} of `{}` on, which has {} bytes. Is the file the one that was saved with the model?",
                note.length,
                note.offset,
                note.location,
                data.len()
            )));
        };
        copied += note.length;
        if copied > limit {
            return Err(Refusal::Unsupported(format!(
                "its tensors take more than {limit} bytes from other files"
            )));
        }
        tensor.raw_data = bytes.to_vec();
        tensor.external_data.clear();
        tensor.data_location = None;
    }
    Ok(files)
}

/// Where a tensor's data lies.
struct Note {
    location: String,
    offset: u64,
    length: u64,
}

impl Note {
    fn of(tensor: &TensorProto) -> Result<Self, String> {
        let entry = |key: &str| {
            let mut found = tensor.external_data.iter().filter(|entry| entry.key == key);
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => Err(format!("says its `{key}` twice")),
                (one, _) => Ok(one.map(|entry| entry.value.as_str())),
            }
        };
        let number = |key: &str| match entry(key)? {
            None => Ok(None),
            Some(text) => text
                .parse::<u64>()
                .map(Some)
                .map_err(|_| format!("its `{key}` is `{}`", text.escape_debug())),
        };
        let Some(location) = entry("location")?.filter(|location| !location.is_empty()) else {
            return Err("names none".to_owned());
        };
        let holds_more = !tensor.raw_data.is_empty()
            || !tensor.float_data.is_empty()
            || !tensor.int32_data.is_empty()
            || !tensor.int64_data.is_empty()
            || !tensor.double_data.is_empty();
        if holds_more {
            return Err("holds data of its own too".to_owned());
        }
        let width = match DataType::try_from(tensor.data_type) {
            Ok(DataType::Float | DataType::Int32) => 4,
            Ok(DataType::Double | DataType::Int64) => 8,
            Ok(DataType::Bool) => 1,
            Ok(other) => {
                return Err(format!(
                    "has element type {}, which is not supported yet",
                    other.as_str_name().to_lowercase()
                ));
            }
            Err(_) => return Err(format!("has the unknown element type {}", tensor.data_type)),
        };
        let wanted = tensor
            .dims
            .iter()
            .try_fold(width, |product: u64, dim| {
                product.checked_mul(u64::try_from(*dim).ok()?)
            })
            .ok_or_else(|| format!("has the impossible shape {:?}", tensor.dims))?;
        let length = number("length")?.unwrap_or(wanted);
        if length != wanted {
            return Err(format!(
                "takes {length} bytes of it where its shape {:?} needs {wanted}",
                tensor.dims
            ));
        }
        Ok(Self {
            location: location.to_owned(),
            offset: number("offset")?.unwrap_or(0),
            length,
        })
    }

    fn cut<'d>(&self, data: &'d [u8]) -> Option<&'d [u8]> {
        let start = usize::try_from(self.offset).ok()?;
        let end = start.checked_add(usize::try_from(self.length).ok()?)?;
        data.get(start..end)
    }
}

/// The file that `location` names, if it stands in `folder` or below.
fn inside(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let relative = Path::new(location);
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain || location.contains(['\0', '\\']) {
        return Err(
            "which is outside the model's folder. Save the model and its data in one folder"
                .to_owned(),
        );
    }
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let missing = |error: std::io::Error| {
        format!("which cannot be read: {error}. Put the file beside the model")
    };
    let root = fs::canonicalize(folder).map_err(missing)?;
    let path = fs::canonicalize(root.join(relative)).map_err(missing)?;
    if !path.starts_with(&root) {
        return Err(
            "a link that leads out of the model's folder. Put the file itself there".to_owned(),
        );
    }
    Ok(path)
}

/// Reads a regular file of at most `limit` bytes.
fn read_whole(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let regular = |metadata: &fs::Metadata| {
        if metadata.is_file() {
            Ok(())
        } else {
            Err("it is no regular file".to_owned())
        }
    };
    // Opening a pipe would wait for its other end.
    regular(&fs::metadata(path).map_err(|error| error.to_string())?)?;
    let file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    regular(&metadata)?;
    let too_large = || {
        format!(
            "the files beside the model have more than the limit of {limit} bytes left for them"
        )
    };
    if metadata.len() > limit {
        return Err(too_large());
    }
    let mut data = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut data)
        .map_err(|error| error.to_string())?;
    if data.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::StringStringEntryProto;

    use super::*;

    /// A graph with one initialiser of two float32 that lies in another file.
    fn graph(note: &[(&str, &str)]) -> GraphProto {
        let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        GraphProto {
            initializer: vec![TensorProto {
                name: "w".to_owned(),
                dims: vec![2],
                data_type: DataType::Float as i32,
                data_location: Some(DataLocation::External as i32),
                external_data: note.iter().map(entry).collect(),
                ..TensorProto::default()
            }],
            ..GraphProto::default()
        }
    }

    fn taken(
        folder: &Path,
        note: &[(&str, &str)],
        limit: u64,
    ) -> Result<(Vec<u8>, ExternalFiles), String> {
        let mut graph = graph(note);
        let files = take_in(&mut graph, Some(folder), limit).map_err(|refusal| match refusal {
            Refusal::Malformed(reason) | Refusal::Unsupported(reason) => reason,
        })?;
        assert!(!is_external(&graph.initializer[0]));
        Ok((graph.initializer[0].raw_data.clone(), files))
    }

    #[test]
    fn data_beside_the_model_is_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("weights")).unwrap();
        let data: Vec<u8> = (0..20).collect();
        fs::write(folder.path().join("weights/w.bin"), &data).unwrap();
        let (bytes, files) = taken(
            folder.path(),
            &[
                ("location", "weights/w.bin"),
                ("offset", "4"),
                ("length", "8"),
            ],
            100,
        )
        .unwrap();
        assert_eq!(bytes, data[4..12]);
        assert_eq!(files["weights/w.bin"], data);
        // Length and offset may be left out.
        let (bytes, _) = taken(folder.path(), &[("location", "./weights/w.bin")], 100).unwrap();
        assert_eq!(bytes, data[..8]);
        // A link within the folder is as good as the file.
        std::os::unix::fs::symlink("weights/w.bin", folder.path().join("link")).unwrap();
        assert!(taken(folder.path(), &[("location", "link")], 100).is_ok());
    }

    #[test]
    fn no_note_leads_out_of_the_folder_or_past_the_limit() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), [0; 20]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("w.bin"), [0; 20]).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(outside.path().join("secret"), &link).unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("folder")).unwrap();
        let absolute = folder.path().join("w.bin").display().to_string();
        for (note, part) in [
            (
                vec![("location", "../secret")],
                "outside the model's folder",
            ),
            (
                vec![("location", "a/../../secret")],
                "outside the model's folder",
            ),
            (
                vec![("location", absolute.as_str())],
                "outside the model's folder",
            ),
            (
                vec![("location", "/dev/zero")],
                "outside the model's folder",
            ),
            (
                vec![("location", "..\\secret")],
                "outside the model's folder",
            ),
            (vec![("location", "link")], "a link that leads out"),
            (vec![("location", "folder/secret")], "a link that leads out"),
            (vec![("location", "absent.bin")], "No such file"),
            (vec![("location", ".")], "it is no regular file"),
            (vec![("location", "")], "names none"),
            (vec![("length", "8")], "names none"),
            (
                vec![("location", "w.bin"), ("location", "w.bin")],
                "says its `location` twice",
            ),
            (
                vec![("location", "w.bin"), ("offset", "-1")],
                "its `offset` is `-1`",
            ),
            (
                vec![("location", "w.bin"), ("offset", "16")],
                "from byte 16 of `w.bin` on, which has 20 bytes",
            ),
            (
                vec![("location", "w.bin"), ("offset", "18446744073709551615")],
                "which has 20 bytes",
            ),
            (vec![("location", "w.bin"), ("length", "12")], "needs 8"),
        ] {
            let error = taken(folder.path(), &note, 100).unwrap_err();
            assert!(error.contains(part), "{note:?}: {error}");
        }
        let error = taken(folder.path(), &[("location", "w.bin")], 19).unwrap_err();
        assert!(error.contains("more than the limit of 19 bytes"), "{error}");
        let error = take_in(&mut graph(&[("location", "w.bin")]), None, 100).unwrap_err();
        assert!(
            matches!(error, Refusal::Unsupported(reason) if reason.contains("not read from a folder"))
        );
    }

    #[test]
    fn many_tensors_of_one_file_count_each() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("w.bin"), [7; 20]).unwrap();
        let mut many = graph(&[("location", "w.bin")]);
        let tensor = many.initializer[0].clone();
        many.initializer = vec![tensor; 4];
        let mut few = many.clone();
        few.initializer.truncate(3);
        assert!(take_in(&mut few, Some(folder.path()), 31).is_ok());
        let error = take_in(&mut many, Some(folder.path()), 31).unwrap_err();
        assert!(
            matches!(error, Refusal::Unsupported(reason) if reason.contains("take more than 31 bytes"))
        );
    }
}
