//! The parser and the formatter, told by example.

mod accepted;
mod formatted;
mod refused;
mod soup;
mod trees;
