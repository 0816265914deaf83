//! Rooms: one task per session, and what all of them share.
//!
//! ```text
//! socket ──Command──> driver ──handle──> core (pure) ──Effect──> driver ──> spool, sockets, board, rows
//!                        ^─────────── durable / failed ───────────┘
//! ```
//! [`state::Room`] decides and is told what happened; it reads no clock and no socket. [`driver`]
//! carries its effects out. [`lobby::Lobby`] finds a session's driver, and shows the desk who waits.

pub mod agreeing;
pub mod alive;
pub mod backlog;
pub mod driver;
pub mod effect;
pub mod facts;
pub mod frame;
pub mod journal;
pub mod keyring;
pub mod lobby;
pub mod pace;
pub mod person;
pub mod pseudonym;
pub mod receipt;
pub mod recover;
pub mod state;
pub mod tickets;

mod append;
mod call;
mod caller;
mod capture;
mod consents;
mod doors;
mod durable;
mod ending;
mod gaps;
mod gates;
mod history;
mod leaving;
mod line;
mod talk;
mod time;
