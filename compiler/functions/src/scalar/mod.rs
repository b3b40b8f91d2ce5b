//! The scalar functions, one file a family.

mod bucket;
mod collections;
mod conditional;
mod json;
mod json_path;
mod math;
mod network;
mod regexp;
mod strings;
mod temporal;
pub use json::write_text as write_json_text;
pub(crate) use temporal::CURRENT_WATERMARK;

use crate::call::FlinkFunction;

/// All of them.
pub(crate) fn functions() -> Vec<FlinkFunction> {
    [
        bucket::functions(),
        conditional::functions(),
        collections::functions(),
        strings::functions(),
        math::functions(),
        temporal::functions(),
        regexp::functions(),
        json::functions(),
        network::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
