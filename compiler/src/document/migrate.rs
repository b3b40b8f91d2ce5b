//! Older versions of the file format.
//!
//! A file says its version; each step of [`STEPS`] lifts the parsed TOML by one version before it
//! is read. A newer version than ours is refused: saving it would lose what we do not understand.

use toml_edit::DocumentMut;

use crate::diagnostics::Diagnostic;

/// The version of the file format that this Millstream writes.
pub const CURRENT_VERSION: i64 = STEPS.len() as i64 + 1;

/// Lifts a document by one version.
type Step = fn(&mut DocumentMut) -> Result<(), String>;

/// `STEPS[n]` lifts version n + 1 to n + 2. Version 1 is the first, so there are none yet.
const STEPS: [Step; 0] = [];

/// The version a document says it has, checked.
pub(super) fn version(item: Option<&toml_edit::Item>) -> Result<i64, Diagnostic> {
    let Some(item) = item else {
        return Err(Diagnostic::error(
            "toml/version",
            "the file does not say which version of the format it has",
        )
        .help(format!(
            "add `version = {CURRENT_VERSION}` as its first line"
        )));
    };
    match item.as_integer() {
        Some(version) if (1..=CURRENT_VERSION).contains(&version) => Ok(version),
        Some(version) if version > CURRENT_VERSION => Err(Diagnostic::error(
            "toml/version",
            format!(
                "the file has version {version} of the format; this Millstream knows up to {CURRENT_VERSION}"
            ),
        )
        .help("open it with a newer Millstream")),
        _ => Err(
            Diagnostic::error("toml/version", "'version' must be a whole number from 1")
                .help(format!("write `version = {CURRENT_VERSION}`")),
        ),
    }
}

/// The text of an older file, lifted to the current version; `None` when it is current.
pub(super) fn lift(text: &str, version: i64) -> Result<Option<String>, Diagnostic> {
    lift_with(&STEPS, text, version)
}

fn lift_with(steps: &[Step], text: &str, version: i64) -> Result<Option<String>, Diagnostic> {
    let from = usize::try_from(version - 1).unwrap_or(0);
    let Some(steps) = steps.get(from..).filter(|steps| !steps.is_empty()) else {
        return Ok(None);
    };
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error| super::load::syntax_error(&error))?;
    for (n, step) in steps.iter().enumerate() {
        step(&mut document).map_err(|reason| {
            Diagnostic::error(
                "toml/migration",
                format!("version {} cannot be read: {reason}", from + n + 1),
            )
        })?;
    }
    document["version"] = toml_edit::value((from + steps.len() + 1) as i64);
    Ok(Some(document.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rename_job(document: &mut DocumentMut) -> Result<(), String> {
        let name = document.remove("job").ok_or("there is no 'job'")?;
        document.insert("name", name);
        Ok(())
    }

    #[test]
    fn steps_lift_an_old_file() {
        let lifted = lift_with(&[rename_job], "version = 1\njob = \"a\"\n", 1).unwrap();
        assert_eq!(lifted.as_deref(), Some("version = 2\nname = \"a\"\n"));
        assert_eq!(lift_with(&[rename_job], "version = 2", 2).unwrap(), None);
        let error = lift_with(&[rename_job], "version = 1", 1).unwrap_err();
        assert_eq!(error.message, "version 1 cannot be read: there is no 'job'");
    }

    #[test]
    fn versions() {
        let of = |text: &str| {
            let document: DocumentMut = text.parse().unwrap();
            version(document.get("version"))
        };
        assert_eq!(of("version = 1").unwrap(), 1);
        assert!(of("").unwrap_err().help.unwrap().contains("version = 1"));
        assert!(
            of("version = 99")
                .unwrap_err()
                .message
                .contains("knows up to 1")
        );
        assert!(of("version = 0").is_err());
        assert!(of("version = '1'").is_err());
    }
}
