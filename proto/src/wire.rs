//! The WebSocket messages of protocol `vestibule.v1`: JSON text frames, tagged by `t`.
//!
//! A socket's first frame is a [`Hello`]; all that follow are [`ClientMessage`]s. The server sends
//! [`ServerMessage`]s. A participant, visitor or agent alike, has one socket per session.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::bytes::Hash32;
use crate::call::{CallEvent, CallOver, CallView, Refusal, Sdp, SendSlot, TakeSlot};
use crate::dsse::Envelope;
use crate::error::ErrorCode;
use crate::event::{LeaveReason, Role};
use crate::ids::{
    EpochNo, Millis, ParticipantId, RecordingId, SessionId, SiteId, StaffId, TenantId, TrackNo,
};
use crate::notice::Modality;
use crate::token::Token;

/// A name has at most this many characters.
pub const NAME_MAX: usize = 60;

/// The first frame on a socket.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case", deny_unknown_fields)]
pub enum Hello {
    /// Joins for the first time.
    Join {
        /// Which site's session: finds the tenant.
        site: SiteId,
        /// From the consent, or from accepting at the desk. Single use, at most 60 s old.
        token: Token,
        /// The name to go by; a pseudonym is made where none is given. Ignored for agents.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Comes back after a dropped socket, a reload or a restart of the relay.
    Resume {
        /// Which site's session: finds the tenant.
        site: SiteId,
        /// From the last `welcome`.
        token: Token,
        /// The name as it was in `welcome`: a restarted relay cannot read it from the record.
        name: String,
        /// The last `n` that this client has without a gap; 0 for "nothing".
        have: u64,
    },
}

/// What a client sends after its [`Hello`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// A message.
    Say {
        /// The sender's own number: counted up from 1 within the session, never reused. Sent
        /// again with the same number after a reconnect, it is acknowledged and not doubled.
        cid: u64,
        /// The text.
        text: String,
    },
    /// A signal, never the text.
    Typing {
        /// Started or stopped.
        on: bool,
    },
    /// Has received up to, and has read up to.
    Mark {
        /// Highest `n` that has arrived.
        delivered: u64,
        /// Highest `n` that was on the screen.
        read: u64,
    },
    /// An agent asks another in.
    Invite {
        /// Whom.
        to: StaffId,
    },
    /// An agent hands the session on and leaves when it is taken.
    Transfer {
        /// Whom; `None`: back to the queue.
        to: Option<StaffId>,
    },
    /// An agent leaves a session in which another agent stays.
    Leave {},
    /// Ends the session for everyone.
    End {},
    /// Agrees to one more modality, under the session's notice.
    Agree {
        /// To which.
        modality: Modality,
        /// Hash of the notice that was shown.
        notice: Hash32,
    },
    /// Withdraws the consent to a modality other than chat: its capture stops at once.
    Withdraw {
        /// To which.
        modality: Modality,
    },
    /// Begins a call, or joins the one that runs.
    Call {
        /// Was in it before the connection broke: nobody is rung.
        again: bool,
    },
    /// Does not take the call.
    Decline {
        /// Why.
        reason: Refusal,
    },
    /// Leaves the call; with nobody left to talk to it is over.
    HangUp {},
    /// What this participant sends and takes from now on; the answer is
    /// [`ServerMessage::Answer`].
    Offer {
        /// Its number, by this client's own count; the answer, or the error in its place, has it.
        offer: u32,
        /// At most [`crate::call::SDP_MAX`] bytes.
        sdp: Sdp,
        /// Own sources; leaving one out takes it away.
        sends: Vec<SendSlot>,
        /// Sources of the others.
        takes: Vec<TakeSlot>,
    },
    /// Mutes an own source, or opens it again.
    Mute {
        /// Which.
        kind: Modality,
        /// Muted or not.
        on: bool,
    },
    /// Puts the others on hold, or comes back.
    Hold {
        /// On hold or not.
        on: bool,
    },
}

/// What the server sends.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case", deny_unknown_fields)]
pub enum ServerMessage {
    /// The answer to a [`Hello`].
    Welcome {
        /// The client: sealed parts are bound to it, and the browser opens them.
        tenant: TenantId,
        /// The session.
        session: SessionId,
        /// The sealed record's id; `None` where nothing is recorded.
        recording: Option<RecordingId>,
        /// This participant.
        participant: ParticipantId,
        /// The name that the others see.
        name: String,
        /// This participant's chat track.
        track: TrackNo,
        /// For the next [`Hello::Resume`]; the one that was shown stays good until this one is.
        resume: Token,
        /// What this participant has agreed to.
        modalities: Vec<Modality>,
        /// What may be agreed to here.
        offered: Vec<Modality>,
        /// Everyone who is, or was, in the session.
        people: Vec<Person>,
        /// The last `n` given out.
        last: u64,
        /// What this connection may send.
        limits: Limits,
        /// Whether an agent is there.
        answered: bool,
        /// Server time.
        now: Millis,
    },
    /// Sealed parts handed back, oldest first, for the browser to open; ends with `more: false`.
    Sealed {
        /// Keys of the epochs that the parts below, or of later frames, need.
        wraps: Vec<KeyWrap>,
        /// The parts.
        parts: Vec<SealedPart>,
        /// Whether another `sealed` follows.
        more: bool,
    },
    /// Someone joined, or joined again after a relay restart.
    Joined {
        /// Place in the conversation; `None` when it is a return.
        n: Option<u64>,
        /// When.
        at: Millis,
        /// Who.
        person: Person,
    },
    /// Someone left for good.
    Left {
        /// Place in the conversation.
        n: u64,
        /// When.
        at: Millis,
        /// Who.
        participant: ParticipantId,
        /// Why.
        reason: LeaveReason,
    },
    /// Someone's socket came or went.
    Presence {
        /// Who.
        participant: ParticipantId,
        /// There or not.
        online: bool,
    },
    /// An agent asked another agent in or handed the session on.
    Asked {
        /// Place in the conversation.
        n: u64,
        /// When.
        at: Millis,
        /// By whom.
        participant: ParticipantId,
        /// Whether it is a transfer.
        handover: bool,
    },
    /// A message of another participant. It is durable.
    Said {
        /// Place in the conversation.
        n: u64,
        /// When.
        at: Millis,
        /// By whom.
        participant: ParticipantId,
        /// The sender's own number.
        cid: u64,
        /// The text.
        text: String,
    },
    /// One's own message is sealed and on the disk.
    Ack {
        /// The sender's own number.
        cid: u64,
        /// Place in the conversation.
        n: u64,
        /// When.
        at: Millis,
        /// Where it stands in the sealed record; `None` where nothing is recorded.
        sealed: Option<SealedAt>,
    },
    /// How far someone has received and read.
    Marks {
        /// Who.
        participant: ParticipantId,
        /// Highest `n` received.
        delivered: u64,
        /// Highest `n` read.
        read: u64,
    },
    /// Someone writes.
    Typing {
        /// Who.
        participant: ParticipantId,
        /// Started or stopped.
        on: bool,
    },
    /// Nobody has answered yet.
    Waiting {
        /// Since when.
        since: Millis,
        /// How many wait before this visitor.
        ahead: u32,
    },
    /// The session is over.
    Ended {
        /// Place in the conversation.
        n: u64,
        /// When.
        at: Millis,
        /// By whom; `None`: nobody came back in time.
        by: Option<ParticipantId>,
        /// Kept at least until; `None` where nothing was recorded.
        keep_min: Option<Millis>,
        /// Destroyed at the latest at.
        keep_max: Option<Millis>,
    },
    /// The call as it is now; sent anew whenever it changes, and after each welcome while it runs.
    Call {
        /// `None`: there is none.
        call: Option<CallView>,
        /// How the last one ended, where it has just ended.
        over: Option<CallOver>,
    },
    /// The answer to an offer.
    Answer {
        /// The number of that offer.
        offer: u32,
        /// SDP.
        sdp: Sdp,
    },
    /// Something happened in or about a call. It is durable.
    Noted {
        /// Place in the conversation.
        n: u64,
        /// When.
        at: Millis,
        /// By whom.
        participant: ParticipantId,
        /// What.
        what: CallEvent,
    },
    /// What this participant has agreed to from now on. It is durable.
    Agreed {
        /// All of it.
        modalities: Vec<Modality>,
        /// A visitor's new receipt, signed; `None` for agents.
        receipt: Option<Envelope>,
    },
    /// Something was refused.
    Error {
        /// From the closed list.
        code: ErrorCode,
        /// What happened, what still holds, what to do: for a person, in English.
        message: String,
        /// The message that it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cid: Option<u64>,
        /// The number of the offer that it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offer: Option<u32>,
        /// Try again after so many milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_ms: Option<u64>,
    },
}

/// Someone in a session, as the others see them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Who.
    pub participant: ParticipantId,
    /// As what.
    pub role: Role,
    /// The name that they go by; empty while a restarted relay has not heard it again.
    pub name: String,
    /// Their chat track.
    pub track: TrackNo,
    /// Whether a socket of theirs is there.
    pub online: bool,
    /// Highest `n` that they received.
    pub delivered: u64,
    /// Highest `n` that they read.
    pub read: u64,
}

/// What a connection may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// UTF-8 bytes of a text.
    pub text_bytes: u32,
    /// Messages per minute.
    pub per_minute: u32,
    /// Messages sent and not yet acknowledged.
    pub unacknowledged: u32,
    /// Messages of a visitor while nobody has answered.
    pub unanswered: u32,
}

/// Where a message stands in the sealed record: kept by a client, it can be checked later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedAt {
    /// The sender's track.
    pub track: TrackNo,
    /// The key epoch.
    pub epoch: EpochNo,
    /// Sequence number within the track, counted from 1 over all its epochs.
    pub seq: u64,
    /// SHA-256 of the sealed part: the track's head.
    pub head: Hash32,
}

/// A data key of one track and epoch, sealed to this participant's key (HPKE, `docs/format.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyWrap {
    /// The track.
    pub track: TrackNo,
    /// The epoch.
    pub epoch: EpochNo,
    /// HPKE encapsulated key (32 bytes) followed by the ciphertext (48 bytes).
    #[serde(with = "crate::bytes::base64")]
    pub wrap: Vec<u8>,
}

/// A sealed part as it stands in the spool (`docs/format.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedPart {
    /// The track.
    pub track: TrackNo,
    /// The epoch.
    pub epoch: EpochNo,
    /// Ratchet step; always 0 for chat.
    pub step: u32,
    /// Sequence number within the track.
    pub seq: u64,
    /// SHA-256 of the previous part of the track; zeros for the first.
    pub prev: Hash32,
    /// The Tink ciphertext.
    #[serde(with = "crate::bytes::base64")]
    pub data: Vec<u8>,
}

macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}
redacted!(Hello, ClientMessage, ServerMessage, Person);
