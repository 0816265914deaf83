//! Opening: the reading half of the sealed formats, by themselves. What may be opened, and when,
//! is decided in [`crate::retrieval`].

pub mod key;
pub mod part;
pub mod tink;
pub mod unwrap;
