//! What a chat track holds: the plaintext of its parts, one event a part.
//!
//! The JSON is padded with spaces to the next multiple of [`PAD_STEP`] bytes, so that a part's
//! length says little about what was written. Exact times stand here, inside the seal.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::call::CallEvent;
use crate::ids::{Millis, ParticipantId, StaffId};

/// Chat plaintext is padded to a multiple of this many bytes.
pub const PAD_STEP: usize = 256;

/// One event in a sender's own chat track. `n` is the event's place in the whole conversation:
/// counted from 1, without gaps, over all tracks together.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChatEvent {
    /// The sender joined, under this name.
    Joined {
        /// Place in the conversation.
        n: u64,
        /// When.
        at: Millis,
        /// Who.
        participant: ParticipantId,
        /// As what.
        role: Role,
        /// Under which name.
        name: String,
    },
    /// The sender wrote this.
    Said {
        /// Place in the conversation.
        n: u64,
        /// When the relay had it.
        at: Millis,
        /// The sender's own number for it, counted up: lets a browser see what was kept.
        cid: u64,
        /// The text.
        text: String,
    },
    /// The sender left, or was moved out by a transfer.
    Left {
        /// Place in the conversation.
        n: u64,
        /// When.
        at: Millis,
        /// Why.
        reason: LeaveReason,
    },
    /// The sender (an agent) asked another agent in, or handed the session on.
    Asked {
        /// Place in the conversation.
        n: u64,
        /// When.
        at: Millis,
        /// Whom; `None`: whoever is free.
        to: Option<StaffId>,
        /// Whether the sender leaves when they come.
        handover: bool,
    },
    /// Something that the sender did in or about a call.
    Noted {
        /// Place in the conversation.
        n: u64,
        /// When.
        at: Millis,
        /// What.
        what: CallEvent,
    },
    /// The sender ended the session.
    Ended {
        /// Place in the conversation.
        n: u64,
        /// When.
        at: Millis,
    },
}

/// What somebody is in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Came from a client's page.
    Visitor,
    /// Answers for the client.
    Agent,
}

/// Why somebody left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveReason {
    /// By their own act.
    Left,
    /// Another agent took over.
    Transferred,
    /// Did not come back in time.
    Gone,
    /// The session had lasted as long as one may.
    Expired,
}

impl ChatEvent {
    /// Place in the conversation.
    pub fn n(&self) -> u64 {
        match self {
            Self::Joined { n, .. }
            | Self::Said { n, .. }
            | Self::Left { n, .. }
            | Self::Asked { n, .. }
            | Self::Noted { n, .. }
            | Self::Ended { n, .. } => *n,
        }
    }

    /// The padded plaintext that is sealed.
    pub fn to_padded(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut out = serde_json::to_vec(self)?;
        out.resize(out.len().next_multiple_of(PAD_STEP), b' ');
        Ok(out)
    }

    /// Reads a padded plaintext.
    pub fn from_padded(plaintext: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(plaintext)
    }
}

impl fmt::Debug for ChatEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Joined { .. } => "Joined",
            Self::Said { .. } => "Said",
            Self::Left { .. } => "Left",
            Self::Asked { .. } => "Asked",
            Self::Noted { .. } => "Noted",
            Self::Ended { .. } => "Ended",
        };
        write!(f, "ChatEvent::{kind} {{ n: {}, … }}", self.n())
    }
}
