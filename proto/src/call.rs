//! A call within a session: who is in it, what they send, and how it ends. Offers and answers are
//! SDP (RFC 8866) as WebRTC uses it (RFC 8829); the client always offers.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{Millis, ParticipantId, TrackNo};
use crate::notice::Modality;

/// An SDP has at most this many bytes.
pub const SDP_MAX: usize = 24 * 1024;
/// Sources that one participant may send or take in one offer.
pub const SLOTS_MAX: usize = 24;
/// A media section's name (`a=mid`) has at most this many bytes.
pub const MID_MAX: usize = 16;

/// Which media section of an offer carries which of the sender's own sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendSlot {
    /// The section's `a=mid`.
    pub mid: String,
    /// Audio, video (the camera) or screen; each at most once.
    pub kind: Modality,
}

/// Which media section of an offer is to receive which source of another participant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeSlot {
    /// The section's `a=mid`.
    pub mid: String,
    /// Whose.
    pub participant: ParticipantId,
    /// Which of theirs.
    pub kind: Modality,
}

/// A call as everyone in the session sees it: the whole picture each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallView {
    /// When it began to ring.
    pub since: Millis,
    /// Who began it.
    pub by: ParticipantId,
    /// Everyone in the session.
    pub people: Vec<CallPerson>,
}

/// Someone in a session in which a call runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallPerson {
    /// Who.
    pub participant: ParticipantId,
    /// Whether they are in it.
    pub standing: Standing,
    /// Whether they have put the others on hold.
    pub held: bool,
    /// What they send.
    pub sources: Vec<CallSource>,
}

/// One thing that somebody sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallSource {
    /// Audio, video (the camera) or screen.
    pub kind: Modality,
    /// Its track in the record: the same for the whole session.
    pub track: TrackNo,
    /// Whether it flows.
    pub state: SourceState,
}

/// Whether someone is in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Is being rung.
    Ringing,
    /// Is in it.
    In,
    /// Is in it, and their connection is not there just now.
    Away,
    /// Said no.
    Declined,
    /// Is in another call.
    Busy,
    /// Did not answer in time.
    NoAnswer,
    /// Their browser was not allowed to use a microphone.
    NoPermission,
    /// They have no microphone.
    NoDevice,
    /// Was in it, or was never asked.
    Left,
}

/// Whether a source flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// It is forwarded, and recorded where the session is.
    Live,
    /// Its sender has muted it: nothing is sent, and the record says so.
    Muted,
    /// Its sender has put the others on hold.
    Held,
    /// Somebody in the call has not agreed to its kind: nothing flows and nothing is recorded.
    Unagreed,
}

/// Why somebody does not take a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Does not want to.
    Declined,
    /// Is in another call.
    Busy,
    /// The browser was not allowed to use a microphone.
    NoPermission,
    /// There is no microphone.
    NoDevice,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallOver {
    /// Why.
    pub reason: OverReason,
    /// By whose act, where it was somebody's.
    pub by: Option<ParticipantId>,
    /// For how long at least two were in it, in milliseconds; 0 if they never were.
    pub lasted_ms: i64,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverReason {
    /// Somebody hung up, and nobody was left to talk to.
    HungUp,
    /// Whoever was rung said no.
    Declined,
    /// Whoever was rung is in another call.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// A browser was not allowed to use a microphone.
    NoPermission,
    /// There was no microphone.
    NoDevice,
    /// A connection was lost and did not come back.
    Gone,
    /// Somebody withdrew their consent to sound.
    Withdrawn,
    /// What must be recorded cannot be.
    RecordingUnavailable,
    /// The relay cannot carry calls just now.
    MediaUnavailable,
    /// The session ended.
    SessionEnded,
}

impl From<Refusal> for Standing {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Declined => Self::Declined,
            Refusal::Busy => Self::Busy,
            Refusal::NoPermission => Self::NoPermission,
            Refusal::NoDevice => Self::NoDevice,
        }
    }
}

impl From<Refusal> for OverReason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Declined => Self::Declined,
            Refusal::Busy => Self::Busy,
            Refusal::NoPermission => Self::NoPermission,
            Refusal::NoDevice => Self::NoDevice,
        }
    }
}

/// Something that happened in or about a call, with a place in the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case", deny_unknown_fields)]
pub enum CallEvent {
    /// Agreed to one more modality.
    Agreed {
        /// To which.
        modality: Modality,
    },
    /// Withdrew a consent.
    Withdrew {
        /// To which.
        modality: Modality,
    },
    /// Began to ring the others.
    Rang {},
    /// Is in the call.
    JoinedCall {},
    /// Is no longer in the call.
    LeftCall {},
    /// Did not take the call.
    Declined {
        /// Why.
        reason: Refusal,
    },
    /// Sends something more.
    Added {
        /// What.
        kind: Modality,
    },
    /// Took something away.
    Removed {
        /// What.
        kind: Modality,
    },
    /// Muted a source, or opened it again.
    Muted {
        /// Which.
        kind: Modality,
        /// Muted or not.
        on: bool,
    },
    /// Put the others on hold, or came back.
    Held {
        /// On hold or not.
        on: bool,
    },
    /// The call is over.
    CallOver {
        /// Why.
        reason: OverReason,
        /// For how long at least two were in it, in milliseconds.
        lasted_ms: i64,
    },
}

/// An SDP. It names addresses and certificates: never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sdp(pub String);

impl fmt::Debug for Sdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sdp(…)")
    }
}
