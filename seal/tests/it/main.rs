//! Tests of the sealing crate, through its public interface.

mod damage;
mod merkle;
mod parts;
mod power_loss;
mod ram;
mod spool;
mod support;
mod tracks;
mod vectors;
