//! What the spool holds. Ids, hashes, sealed bytes and whole seconds: nothing that anyone said.

use proto::dsse::Envelope;
use proto::event::Role;
use proto::notice::{Modality, RecordingPolicy};
use proto::{
    EpochNo, EventId, Hash32, KeyId, Millis, NodeId, ParticipantId, RecordingId, SessionId, SiteId,
    StaffId, TenantId, TrackNo,
};
use serde::{Deserialize, Serialize};

use crate::Part;
use crate::manifest::Gap;
use crate::wrap::Recipient;

/// One frame of the spool.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A recording begins.
    Begin(Begin),
    /// A track has a new data key.
    Epoch(Epoch),
    /// A sealed part.
    Part(Part),
    /// Keys of earlier epochs for a newcomer.
    Wraps(LiveWraps),
    /// Something that belongs into the tenant's log.
    Event(Event),
    /// A recording has ended.
    End(Box<End>),
    /// A time in which a recording was not recorded is over.
    Gap(RecordedGap),
    /// Someone agreed to, or withdrew, a modality after the gate.
    Consent(RecordedConsent),
}

impl Record {
    /// The recording that it belongs to; `None` for an event.
    pub fn recording(&self) -> Option<RecordingId> {
        match self {
            Self::Begin(begin) => Some(begin.recording),
            Self::Epoch(epoch) => Some(epoch.recording),
            Self::Part(part) => Some(part.header.recording),
            Self::Wraps(wraps) => Some(wraps.recording),
            Self::Event(_) => None,
            Self::End(end) => Some(end.recording),
            Self::Gap(gap) => Some(gap.recording),
            Self::Consent(consent) => Some(consent.recording),
        }
    }
}

/// A recording begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// The tenant.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// The session that it records.
    pub session: SessionId,
    /// Where the session came from.
    pub site: SiteId,
    /// The relay that writes it.
    pub node: NodeId,
    /// Hash of the notice that the visitor agreed to.
    pub notice: Hash32,
    /// The notice's recording policy.
    pub policy: RecordingPolicy,
    /// Whole seconds.
    pub started: Millis,
}

/// A track has a new data key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// The tenant.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// The track.
    pub track: TrackNo,
    /// Whose it is.
    pub participant: ParticipantId,
    /// As what they take part.
    pub role: Role,
    /// What it holds.
    pub modality: Modality,
    /// Counted from 1.
    pub epoch: EpochNo,
    /// Commitment to the data key.
    pub commitment: Hash32,
    /// The tenant's sealing key.
    pub sealing_key: KeyId,
    /// Generation of the intake key that the kept wraps are sealed to.
    pub intake_generation: u32,
    /// Wraps that go into the recorder's wrap database.
    pub kept: Vec<KeptWrap>,
    /// Wraps that live and die with the spool.
    pub live: Vec<LiveWrap>,
}

/// A data key wrapped to a recipient who may open the recording later, inside the intake seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptWrap {
    /// To whom.
    pub recipient: Recipient,
    /// [`crate::wrap::KEPT_WRAP`] bytes.
    #[serde(with = "proto::bytes::base64")]
    pub wrap: Vec<u8>,
}

/// A data key wrapped to someone in the chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveWrap {
    /// To whom.
    pub participant: ParticipantId,
    /// [`crate::wrap::WRAP`] bytes.
    #[serde(with = "proto::bytes::base64")]
    pub wrap: Vec<u8>,
}

/// Keys of earlier epochs for a newcomer who may read what came before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveWraps {
    /// The tenant.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// One per track and epoch.
    pub wraps: Vec<TrackWrap>,
}

/// One of [`LiveWraps`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackWrap {
    /// The track.
    pub track: TrackNo,
    /// The epoch.
    pub epoch: EpochNo,
    /// To whom.
    pub participant: ParticipantId,
    /// [`crate::wrap::WRAP`] bytes.
    #[serde(with = "proto::bytes::base64")]
    pub wrap: Vec<u8>,
}

/// Something that a relay saw and that belongs into the tenant's log. Ids only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Makes importing it twice harmless.
    pub id: EventId,
    /// The tenant.
    pub tenant: TenantId,
    /// Whole seconds.
    pub at: Millis,
    /// What happened.
    pub kind: EventKind,
    /// In which session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// By, or about, which agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<StaffId>,
    /// By, or about, which participant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<ParticipantId>,
    /// With which sealing key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// How many of it, where it stands for more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

/// What an [`Event`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A relay seals to this key from now on.
    SealingKeyTaken,
    /// A sealing key was refused: not signed by the pinned root.
    SealingKeyRefused,
    /// An agent signed in.
    StaffSignedIn,
    /// So many sign-ins were refused within an hour.
    StaffRefused,
    /// An agent took, or was brought into, a session.
    AgentJoined,
    /// An agent left a session. Where that is recorded it stands in one append with the sealed part
    /// that says so, and before it: a restarted relay sees by it who is out.
    AgentLeft,
    /// A session that may be unrecorded began.
    UnrecordedBegan,
    /// Recording stopped against policy, and the session with it.
    RecordingStopped,
}

/// A recording has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The tenant.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// [`crate::manifest::Manifest`], signed by the node.
    pub manifest: Envelope,
}

/// A time in which a recording was not recorded is over: for the manifest, over any number of
/// restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedGap {
    /// The tenant.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// From when to when, and why.
    pub gap: Gap,
}

/// Someone agreed to, or withdrew, a modality after the gate: for a restarted relay, which can open
/// no part. A withdrawal stands here before it stands in a row, an agreement after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedConsent {
    /// The tenant.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// Who.
    pub participant: ParticipantId,
    /// What.
    pub modality: Modality,
    /// Agreed to, or withdrawn.
    pub given: bool,
    /// Whole seconds.
    pub at: Millis,
}
