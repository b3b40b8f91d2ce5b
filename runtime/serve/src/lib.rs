//! A running job, seen and steered from outside: an HTTP API on this machine.
//!
//! `millstream run --listen 127.0.0.1:0` serves it. Every request carries a token; nothing listens
//! beyond the machine unless the user says so.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`api::JobStatus`] |
//! | `GET /v1/metrics` | [`api::Metrics`]: figures by node and edge, checkpoints, latency, memory |
//! | `GET /v1/tap?node=ID` | rows as they come, a sample: [`api::TapLine`]s, or an Arrow stream |
//! | `POST /v1/checkpoint` | the finished [`api::Checkpoint`] |
//! | `POST /v1/stop` | [`api::Stopping`] |
//! | `GET /metrics` | the figures as Prometheus reads them |
//!
//! | module | what it holds |
//! |---|---|
//! | [`api`] | requests and answers as types |
//! | [`files`] | the files by which a job is found: its address, and its last words |
//! | [`registry`] | the running jobs of a user, wherever their state is |
//! | [`client`] | asks a job, blocking, without a runtime: for the editor and for tests |
//! | `server` | the server, over whatever implements `JobHandle` |
//! | `prometheus` | the figures as text |
//!
//! What a job is stays outside: the server asks a `JobHandle`.

pub mod api;
pub mod client;
pub mod files;
#[cfg(feature = "server")]
mod prometheus;
pub mod registry;
#[cfg(feature = "server")]
mod server;

#[cfg(feature = "server")]
pub use server::{Answer, JobHandle, ServeError, Server, ServerOptions, TapStream, Token};
