//! The relay as its users meet it: the real application over real sockets, with the real store
//! (SQLite) and the real spool.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what goes wrong in a test is to fail it"
)]

mod world;

mod bad_input;
mod chat;
mod command_line;
mod crowd;
mod desk;
mod failing_disk;
mod gate;
mod joining;
mod journal;
mod keyring;
mod media;
mod quiet_logs;
mod rooms;
mod sign_in;
mod tls;
mod weight;
mod withdrawing;
