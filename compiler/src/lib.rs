//! The Millstream compiler: pipeline documents, the Flink SQL front end, lowering and planning.
//!
//! A pipeline is a graph of nodes ([`document`]). Each node kind ([`nodes`]) knows its ports, its
//! parameters and its SQL; [`lower`] turns the whole graph into one Flink SQL script with a map
//! from text back to nodes. The script is the contract: [`sql`] parses it (fail closed), and
//! [`plan`] turns it into a streaming plan that the runtime executes. The same text goes to a
//! Flink cluster.
//!
//! This crate does no I/O beyond reading and writing pipeline files, starts no threads and knows
//! no GUI. What it must know of the outside world (the schema of a file, the signature of a
//! model) it asks of an [`environment::Environment`].

pub mod diagnostics;
pub mod document;
pub mod environment;
pub mod lower;
pub mod nodes;
pub mod plan;
pub mod sql;
