//! The `millstream` that tests start.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The program of this build, which cargo makes for the tests of the runtime.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = std::env::current_exe().expect("this program");
        let folder = test.ancestors().nth(2).expect("the folder of the build");
        let program = folder.join("millstream");
        assert!(
            program.exists(),
            "{} is not there: cargo test --workspace builds it, and so does cargo build --bin millstream",
            program.display()
        );
        program
    })
}
