//! What is kept: intake, vault, opening, cases, transparency log; command line and console.

pub mod bundle;
pub mod cases;
pub mod clock;
pub mod config;
pub mod console;
pub mod custody;
pub mod entropy;
pub mod error;
pub mod inspect;
pub mod intake;
pub mod keys;
pub mod log;
pub mod open;
pub mod password;
pub mod recorder;
pub mod retrieval;
pub mod terminal;
pub mod transcript;
pub mod unlocked;
pub mod vault;

pub use error::{Error, Result};
pub use recorder::Recorder;
