//! The evidence bundle: what an approved export hands out, and its check without any server.

pub mod bagit;
