//! The writing half of a recording. Public keys only: what is sealed here cannot be opened here.
//!
//! - [`part`]: a small immutable piece of a track, a complete Tink streaming ciphertext.
//! - [`key`], [`wrap`]: the data key of one track and epoch, and its HPKE wraps.
//! - [`track`]: one sender's chain of parts.
//! - [`media`]: what the parts of an audio, video or screen track hold.
//! - [`merkle`]: RFC 6962 trees, over part hashes and for the transparency log.
//! - [`manifest`]: the signed statement of what a recording consists of.
//! - [`spool`]: the append-only file in which everything above becomes durable.
//!
//! `docs/format.md` describes every byte for people who do not read Rust.

pub mod error;
pub mod key;
pub mod manifest;
pub mod media;
pub mod merkle;
pub mod part;
pub mod spool;
pub mod track;
pub mod wrap;

pub use error::SealError;
pub use key::DataKey;
pub use part::{Part, PartHeader, PartKind};
pub use track::TrackSealer;
pub use wrap::{Recipient, WrapInfo};
