//! The WebSocket edge: frames to words, words to frames, one task a socket.
//!
//! [`upgrade`] lets a socket in, [`hello`] finds out whose it is (before that nothing else can be
//! said: the types do not allow it), [`connection`] holds what one connection may do, and
//! [`socket`] moves the frames.

pub mod connection;
pub mod upgrade;

mod hello;
mod socket;
