//! Finds the program that runs pipelines: `millstream`.

use std::env;
use std::path::{Path, PathBuf};

/// The program's name in a folder.
const NAME: &str = if cfg!(windows) {
    "millstream.exe"
} else {
    "millstream"
};

/// The program: what `MILLSTREAM` names, else the one beside this program, else the first in
/// `PATH`.
///
/// # Errors
/// There is none; says where it was looked for and what to do.
pub fn find() -> Result<PathBuf, String> {
    if let Some(named) = env::var_os("MILLSTREAM").filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        return match named.is_file() {
            true => Ok(named),
            false => Err(format!(
                "MILLSTREAM names {}, but there is no such program; name the millstream program or unset it",
                named.display()
            )),
        };
    }
    let beside = env::current_exe().ok();
    let beside = beside.as_deref().and_then(Path::parent);
    let path = env::var_os("PATH").unwrap_or_default();
    beside
        .map(Path::to_path_buf)
        .into_iter()
        .chain(env::split_paths(&path))
        .map(|folder| folder.join(NAME))
        .find(|program| program.is_file())
        .ok_or_else(|| {
            let place = beside.map_or_else(String::new, |folder| format!(" in {}", folder.display()));
            format!(
                "the program millstream, which runs pipelines, is not beside the editor{place} and not in PATH; build it with 'cargo build --release --bin millstream', or let MILLSTREAM name it"
            )
        })
}
