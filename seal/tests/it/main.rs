//! Tests of the sealing crate, through its public interface.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on should stop, and its numbers are small"
)]

mod damage;
mod media;
mod merkle;
mod parts;
mod power_loss;
mod ram;
mod restart;
mod spool;
mod support;
mod tracks;
mod vectors;
