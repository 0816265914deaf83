//! What is kept: intake, vault, opening, cases, transparency log; command line and console.
//!
//! - [`intake`] brings ended recordings from the spool into the [`vault`];
//! - [`custody`] and [`cases`] say who may open what; [`retrieval`] opens, and is read top to bottom;
//! - [`media`] makes files that play of opened calls, [`transcript`] a page of the words;
//! - [`bundle`] hands out what was opened, and checks it without any server;
//! - [`log`] is the tenant's transparency log;
//! - [`command`] is everything that can be asked for, [`cli`] and [`socket`] the ways to ask;
//! - [`console`] is the same for officers, in a browser: pages on the modules above.

pub mod attempts;
pub mod bundle;
pub mod cases;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod console;
pub mod custody;
pub mod entropy;
pub mod error;
pub mod inspect;
pub mod intake;
pub mod keys;
pub mod lock;
pub mod log;
pub mod media;
pub mod open;
pub mod password;
pub mod playing;
pub mod recorder;
pub mod retrieval;
pub mod serve;
pub mod socket;
pub mod sources;
pub mod terminal;
pub mod transcript;
pub mod unlocked;
pub mod vault;

pub use error::{Error, Result};
pub use recorder::Recorder;
