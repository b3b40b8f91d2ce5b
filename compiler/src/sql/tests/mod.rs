//! The parser, told by example.

mod soup;
