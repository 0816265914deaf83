//! What is said to one client, as the bytes of a frame.

use proto::ErrorCode;
use proto::wire::{ClientMessage, ServerMessage};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// The message that an error is about, by its client's own count; of most kinds there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Regarding {
    /// Of what was said.
    pub cid: Option<u64>,
    /// Of an offer.
    pub offer: Option<u32>,
}

impl Regarding {
    /// What an error about `message` names.
    pub fn of(message: &ClientMessage) -> Self {
        match message {
            ClientMessage::Say { cid, .. } => Self {
                cid: Some(*cid),
                offer: None,
            },
            ClientMessage::Offer { offer, .. } => Self::offer(*offer),
            _ => Self::default(),
        }
    }

    /// That offer.
    pub fn offer(offer: u32) -> Self {
        Self {
            cid: None,
            offer: Some(offer),
        }
    }
}

/// A message as the bytes of its frame.
pub fn to_frame(message: &ServerMessage) -> Utf8Bytes {
    // These types have no map with keys that are not text, the one thing that could fail.
    serde_json::to_string(message).unwrap_or_default().into()
}

/// The frame that tells of an error.
pub fn error_frame(code: ErrorCode, about: Regarding, retry_ms: Option<u64>) -> Utf8Bytes {
    to_frame(&ServerMessage::Error {
        code,
        message: code.message().to_owned(),
        cid: about.cid,
        offer: about.offer,
        retry_ms,
    })
}
