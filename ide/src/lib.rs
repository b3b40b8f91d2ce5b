//! The desktop editor of Millstream: draw a pipeline, see its rows, run it.
//!
//! [`editor`] is everything but pixels: the document, its history, what is looked at, and one
//! function that changes them. [`canvas`] and [`panels`] draw it and collect what a person does as
//! actions; [`shell`] is the window around them, and carries out what needs the outside world.
//! [`work`] holds what happens beside the frames: the compiler, previews, jobs, files. [`theme`]
//! has every colour and size, [`command`] everything that has a name.
//!
//! The editor runs nothing itself: a preview and a job are processes of `millstream`, so that an
//! editor that dies takes no job with it.

pub mod canvas;
pub mod command;
pub mod editor;
pub mod panels;
pub mod shell;
pub mod sql_text;
pub mod theme;
pub mod work;
