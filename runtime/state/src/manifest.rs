//! The manifest: what one checkpoint consists of.
//!
//! `chk-000042/manifest.json` is the last file of a checkpoint to be written; without it there is
//! no checkpoint. It names every file with its size and CRC-32C, and carries a checksum of itself.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::StateError;

/// The newest manifest format, the one written.
pub const MANIFEST_VERSION: u32 = 1;

/// Which pipeline a state directory belongs to.
///
/// The fingerprint tells pipelines apart, not versions of one pipeline: editing a pipeline must
/// not lose its state, so take its name or path and not its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobIdentity {
    /// The name to show.
    pub name: String,
    /// Equal for two runs that may share state.
    pub fingerprint: String,
}

/// A complete checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The manifest's format, [`MANIFEST_VERSION`] when written by this build.
    pub version: u32,
    /// The checkpoint's number.
    pub epoch: u64,
    /// The pipeline that took it.
    pub job: JobIdentity,
    /// Parallelism of the run that took it; it may be restored at any.
    pub parallelism: u32,
    /// Number of key groups; fixed for the life of the job.
    pub max_parallelism: u16,
    /// When it was complete, in milliseconds since 1970-01-01 UTC.
    pub created_at_ms: u64,
    /// What it holds for each operator, by uid.
    pub operators: BTreeMap<String, OperatorState>,
    /// The files of the database.
    pub files: Vec<FileEntry>,
    /// CRC-32C of this manifest without this field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<u32>,
    /// Every file was read and compared in this process.
    #[serde(skip)]
    pub(crate) verified: bool,
}

/// The state of one operator in a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorState {
    /// State of subtasks as they gave it (source offsets, pending commits).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<Blob>,
    /// The operator has keyed state.
    #[serde(default)]
    pub keyed: bool,
    /// Bytes of keyed state on disk, plus those of the blobs.
    pub bytes: u64,
    /// Keys with state; an estimate where a large restored state was not counted.
    pub entries: u64,
    /// What the state is, in the words of [`StateOptions::forms`](crate::StateOptions::forms);
    /// empty where the run did not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub form: String,
}

/// Opaque state of one subtask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The subtask that gave it.
    pub subtask: u32,
    /// What it gave.
    pub bytes: Vec<u8>,
}

/// A file of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name in the database's directory.
    pub name: String,
    /// Where it is in the checkpoint store.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// The CRC-32C of its content.
    pub crc32c: u32,
}

/// Text stays readable in the manifest, anything else is hex.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum BlobForm {
    Text { subtask: u32, text: String },
    Hex { subtask: u32, hex: String },
}

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let subtask = self.subtask;
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => BlobForm::Text {
                subtask,
                text: text.to_owned(),
            },
            Err(_) => {
                use std::fmt::Write;
                let mut hex = String::with_capacity(2 * self.bytes.len());
                for byte in &self.bytes {
                    write!(hex, "{byte:02x}").map_err(serde::ser::Error::custom)?;
                }
                BlobForm::Hex { subtask, hex }
            }
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match BlobForm::deserialize(deserializer)? {
            BlobForm::Text { subtask, text } => Blob {
                subtask,
                bytes: text.into_bytes(),
            },
            BlobForm::Hex { subtask, hex } => {
                let digits = hex.as_bytes().chunks(2).map(|pair| {
                    std::str::from_utf8(pair)
                        .ok()
                        .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                        .ok_or_else(|| serde::de::Error::custom("the hex of a blob is damaged"))
                });
                Blob {
                    subtask,
                    bytes: digits.collect::<Result<_, _>>()?,
                }
            }
        })
    }
}

impl Manifest {
    /// Bytes of all files, whether they are new in this checkpoint or not.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The blobs of an operator, in the order of the subtasks that gave them.
    #[must_use]
    pub fn blobs(&self, uid: &str) -> &[Blob] {
        self.operators
            .get(uid)
            .map_or(&[], |operator| &operator.blobs)
    }

    fn canonical(&self) -> Result<String, serde_json::Error> {
        let mut bare = self.clone();
        bare.checksum = None;
        serde_json::to_string_pretty(&bare)
    }

    /// The manifest as it is written.
    pub(crate) fn to_json(&self, path: &Path) -> Result<String, StateError> {
        let broken = |error: serde_json::Error| StateError::Corrupt {
            path: path.to_path_buf(),
            reason: format!("it cannot be written as JSON: {error}"),
        };
        let mut sealed = self.clone();
        sealed.checksum = Some(crc32c::crc32c(self.canonical().map_err(broken)?.as_bytes()));
        serde_json::to_string_pretty(&sealed).map_err(broken)
    }

    /// Reads a manifest and checks its own checksum, not the files'.
    pub(crate) fn from_json(path: &Path, text: &[u8]) -> Result<Self, StateError> {
        let corrupt = |reason: String| StateError::Corrupt {
            path: path.to_path_buf(),
            reason,
        };
        // The version comes first: a newer format may look like anything else.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let not_json =
            |error: serde_json::Error| corrupt(format!("it is torn or not a manifest ({error})"));
        let Version { version } = serde_json::from_slice(text).map_err(not_json)?;
        if version > MANIFEST_VERSION {
            return Err(StateError::TooNew {
                path: path.to_path_buf(),
                found: version,
                supported: MANIFEST_VERSION,
            });
        }
        let manifest: Manifest = serde_json::from_slice(text).map_err(not_json)?;
        let canonical = manifest.canonical().map_err(not_json)?;
        let found = crc32c::crc32c(canonical.as_bytes());
        match manifest.checksum {
            Some(expected) if expected == found => Ok(manifest),
            _ => Err(corrupt(
                "its checksum does not match its content".to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let blobs = vec![
            Blob {
                subtask: 0,
                bytes: b"{\"row\": 7}".to_vec(),
            },
            Blob {
                subtask: 1,
                bytes: vec![0xff, 0x00, 0x10],
            },
        ];
        let source = OperatorState {
            blobs,
            keyed: false,
            bytes: 13,
            entries: 0,
            form: String::new(),
        };
        Manifest {
            version: MANIFEST_VERSION,
            epoch: 42,
            job: JobIdentity {
                name: "fraud".into(),
                fingerprint: "samples/fraud".into(),
            },
            parallelism: 2,
            max_parallelism: 128,
            created_at_ms: 1_700_000_000_000,
            operators: BTreeMap::from([("source".to_owned(), source)]),
            files: vec![FileEntry {
                name: "000007.sst".into(),
                path: "sst/a-000007.sst".into(),
                bytes: 99,
                crc32c: 0xdead_beef,
            }],
            checksum: None,
            verified: false,
        }
    }

    /// On disk: older manifests are read for ever.
    #[test]
    fn golden_manifest() {
        let golden = r#"{
  "version": 1,
  "epoch": 42,
  "job": {
    "name": "fraud",
    "fingerprint": "samples/fraud"
  },
  "parallelism": 2,
  "max_parallelism": 128,
  "created_at_ms": 1700000000000,
  "operators": {
    "source": {
      "blobs": [
        {
          "subtask": 0,
          "text": "{\"row\": 7}"
        },
        {
          "subtask": 1,
          "hex": "ff0010"
        }
      ],
      "keyed": false,
      "bytes": 13,
      "entries": 0
    }
  },
  "files": [
    {
      "name": "000007.sst",
      "path": "sst/a-000007.sst",
      "bytes": 99,
      "crc32c": 3735928559
    }
  ],
  "checksum": 940654174
}"#;
        let path = Path::new("manifest.json");
        let written = manifest().to_json(path).unwrap();
        assert_eq!(written, golden);
        let read = Manifest::from_json(path, golden.as_bytes()).unwrap();
        assert_eq!(
            Manifest {
                checksum: None,
                ..read
            },
            manifest()
        );
    }

    #[test]
    fn every_torn_and_every_flipped_manifest_is_found() {
        let path = Path::new("manifest.json");
        let text = manifest().to_json(path).unwrap().into_bytes();
        for end in 0..text.len() {
            assert!(
                Manifest::from_json(path, &text[..end]).is_err(),
                "cut at {end}"
            );
        }
        let mut survived = 0;
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut damaged = text.clone();
                damaged[at] ^= 1 << bit;
                if let Ok(read) = Manifest::from_json(path, &damaged) {
                    // White space between the tokens carries nothing.
                    assert_eq!(
                        Manifest {
                            checksum: None,
                            ..read
                        },
                        manifest(),
                        "byte {at}"
                    );
                    survived += 1;
                }
            }
        }
        assert!(survived < text.len(), "{survived}");
    }

    #[test]
    fn a_newer_version_is_named_even_if_nothing_else_is_known() {
        let error = Manifest::from_json(Path::new("m.json"), br#"{"version": 2, "new": []}"#);
        let error = error.unwrap_err();
        assert_eq!(error.code(), "state-too-new");
        assert_eq!(
            error.to_string(),
            "m.json has format version 2, this build reads up to version 1; use the newer \
             Millstream that wrote it"
        );
    }
}
