//! The recorder with real rows, real sealing and real files, one behaviour a file.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where it is wrong"
)]

mod bundle;
mod call;
mod cli;
mod console;
mod custody;
mod damage;
mod database;
mod forged;
mod house;
mod keeping;
mod log;
mod media;
mod straight;
mod talk;
mod upkeep;
mod vectors;
