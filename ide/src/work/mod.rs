//! What happens beside the frames.

pub mod compile;
pub mod dialogs;
pub mod diff;
pub mod draft;
pub mod dry_run;
pub mod files;
pub mod folders;
pub mod import;
pub mod job;
pub mod journal;
pub mod latest;
pub mod listing;
mod log_tail;
pub mod picture;
pub mod preview;
pub mod program;
pub mod raster;
pub mod repairs;
pub mod rows;
mod sample;
pub mod settings;
pub mod watch;
