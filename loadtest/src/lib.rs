//! Many real participants over the real protocol, as named scenarios.
//!
//! A participant here does what a browser does: reads the notice, agrees, joins, talks. It knows
//! the words of `proto` and nothing of the servers, so it can be pointed at any relay. The
//! whole-system tests use the same participants where no browser is needed.

pub mod call;
pub mod chat;
pub mod door;
pub mod idle;
pub mod janus;
pub mod meter;
pub mod participant;
pub mod rooms;
pub mod table;
