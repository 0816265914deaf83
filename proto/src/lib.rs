//! The words of Vestibule: ids, tokens, consent, receipts, key statements, wire messages, error codes.
//!
//! Pure types and pure functions. No input or output, no clock, no randomness of its own: callers
//! pass times and random bytes in. Everything that crosses a process boundary is named here once,
//! and `docs/protocol.md` describes it for people who do not read Rust.

pub mod bytes;
pub mod call;
pub mod consent;
pub mod desk;
pub mod dsse;
pub mod error;
pub mod event;
pub mod ids;
pub mod keys;
pub mod notice;
pub mod token;
pub mod wire;

pub use bytes::{Hash32, PublicKey};
pub use error::{ErrorBody, ErrorCode};
pub use ids::{
    CaseId, EpochNo, EventId, KeyId, Millis, NodeId, ParticipantId, RecordingId, SessionId, SiteId,
    StaffId, TenantId, TrackNo,
};
pub use token::Token;

/// The WebSocket subprotocol that this crate speaks (`Sec-WebSocket-Protocol`).
pub const SUBPROTOCOL: &str = "vestibule.v1";
