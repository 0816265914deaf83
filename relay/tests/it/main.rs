//! The relay as its users meet it: the real application over real sockets, with the real store
//! (SQLite) and the real spool.
#![expect(clippy::panic, clippy::missing_panics_doc, reason = "tests panic")]

mod world;

mod chat;
mod desk;
mod gate;
mod rooms;
