//! What is kept: intake, vault, opening, cases, transparency log; command line and console.

pub mod bundle;
pub mod clock;
pub mod entropy;
pub mod keys;
pub mod log;
pub mod open;
pub mod terminal;
