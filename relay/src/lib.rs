//! What is live: the gate, sessions, chat; the widget's and the desk's host.
//!
//! Each row may use only the rows below it:
//!
//! ```text
//! main, cli
//! app            composition root: build(config) -> Running
//! http  ws       edges: bytes to words and back
//! room           one task per session around a pure core
//! media          workers, one UDP port each: calls' media, forwarded and copied for the record
//! config  clock  telemetry  shutdown
//! ```
//!
//! This crate holds no key that opens a recording, and does not depend on the one that does.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod http;
pub mod media;
pub mod room;
pub mod shutdown;
pub mod telemetry;
pub mod ws;
