//! From the opened parts of a call to files that play. Pure: the same parts make the same bytes, so
//! that a bundle's check can make them again.
//!
//! ```text
//! parts → take (packets of each stream) → timeline (one clock for all) → depacketize (frames)
//!       → render (which source goes into which file) → mux (WebM) → rope (bytes)
//! ```
//! Nothing is filled in and nothing transcoded: what never arrived is left out, and named. Payloads
//! are slices of the opened parts from end to end; a file is a list of slices, never a copy.

pub mod depacketize;
mod losses;
pub mod mux;
mod pauses;
pub mod render;
pub mod rope;
mod silence;
pub mod take;
pub mod timeline;

pub use render::{File, Rendition, render, render_to_play};
pub use rope::Rope;
pub use take::Track;
