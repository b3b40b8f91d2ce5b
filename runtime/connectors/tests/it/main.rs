//! What the connectors promise, through their public face: files in, rows out, as printed by Flink.

mod helpers;

mod changelog;
mod csv;
mod data_file;
mod datagen;
mod definitions;
mod files;
mod infer;
mod json;
mod raw;
mod round_trip;
