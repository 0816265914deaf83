//! The HTTP edge: one endpoint a file. Each reads top to bottom: who asks, may they, do it.

pub mod allowance;
pub mod crowd;
pub mod front;
pub mod problem;
pub mod routes;
pub mod service;
pub mod stream;

mod accept;
mod assets;
mod caller;
mod consent;
mod extract;
mod frame;
mod headers;
mod health;
mod notice;
mod passwords;
mod past;
mod prefix;
mod queue;
mod refused;
mod sign_in;
mod staff;

pub(crate) use caller::Caller;
pub use caller::{Peer, Place};
pub use staff::OnDuty;
