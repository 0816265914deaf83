//! The manifest: what a recording consists of, what was promised about it, and how it ended.
//!
//! The relay node signs it (DSSE), the recorder countersigns the same bytes. Where the parts stand
//! in vault objects is told by the recorder's own placement document: repacking never touches this
//! one (`docs/adr/0003-sealing.md`). All times are whole seconds; no name and no address stands
//! here.

use proto::consent::RecordingChoice;
use proto::dsse::Document;
use proto::event::Role;
use proto::notice::{Modality, RecordingPolicy};
use proto::{
    EpochNo, Hash32, KeyId, Millis, NodeId, ParticipantId, RecordingId, SessionId, SiteId, StaffId,
    TenantId, TrackNo,
};
use serde::{Deserialize, Serialize};

use crate::wrap::Recipient;

/// The format that [`Manifest::version`] names.
pub const VERSION: u32 = 1;

/// The signed statement about one recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// The controller's tenant.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// The session that it records.
    pub session: SessionId,
    /// Where the session came from.
    pub site: SiteId,
    /// The relay that wrote it.
    pub node: NodeId,
    /// Whole seconds.
    pub started: Millis,
    /// Whole seconds.
    pub ended: Millis,
    /// What was recorded, each once.
    pub modalities: Vec<Modality>,
    /// What was promised about keeping it, fixed at capture; later only ever extended, elsewhere.
    pub policy: Policy,
    /// Everyone who was in the session.
    pub participants: Vec<Participant>,
    /// In the order of their numbers.
    pub tracks: Vec<Track>,
    /// Times in which something that should have been recorded was not.
    pub gaps: Vec<Gap>,
    /// How it ended, honestly.
    pub ending: Ending,
}

impl Document for Manifest {
    const TYPE: &'static str = "application/vnd.vestibule.manifest+json";
}

/// Notice and retention as they were at capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Hash of the notice that the visitor agreed to.
    pub notice: Hash32,
    /// Its recording policy.
    pub recording: RecordingPolicy,
    /// Not destroyed before: the end plus the minimum.
    pub keep_min: Millis,
    /// Destroyed at the latest at: the end plus the maximum.
    pub keep_max: Millis,
}

impl Policy {
    /// The policy for a recording that ended at `ended`.
    pub fn at(notice: Hash32, recording: RecordingPolicy, ended: Millis) -> Self {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        let ended = ended.whole_seconds();
        Self {
            notice,
            recording,
            keep_min: ended.plus(i64::from(recording.minimum_days) * DAY),
            keep_max: ended.plus(i64::from(recording.maximum_days) * DAY),
        }
    }
}

/// Someone who was in the session: by id, never by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// Who, in this session only.
    pub participant: ParticipantId,
    /// As what.
    pub role: Role,
    /// Which agent; `None` for a visitor.
    pub staff: Option<StaffId>,
    /// What they agreed to.
    pub consent: Consent,
}

/// What a participant agreed to before taking part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Hash of the notice that they were shown.
    pub notice: Hash32,
    /// Each agreed to alone.
    pub modalities: Vec<Modality>,
    /// About recording.
    pub recording: RecordingChoice,
    /// Whole seconds.
    pub at: Millis,
}

/// One track: a chain of parts of one sender or source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// Its number.
    pub track: TrackNo,
    /// Whose it is.
    pub participant: ParticipantId,
    /// What it holds.
    pub modality: Modality,
    /// How many parts: also the last one's sequence number.
    pub parts: u64,
    /// SHA-256 of the last part; zeros if there is none.
    pub head: Hash32,
    /// Whether the last part is an end part.
    pub ended: bool,
    /// In the order of their numbers.
    pub epochs: Vec<Epoch>,
}

/// One epoch of a track: the life of one data key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// Its number.
    pub epoch: EpochNo,
    /// How many parts.
    pub parts: u64,
    /// RFC 6962 root, each part's hash being one entry.
    pub root: Hash32,
    /// Commitment to the data key (step 0).
    pub commitment: Hash32,
    /// The tenant's sealing key.
    pub sealing_key: KeyId,
    /// Generation of the intake key at capture.
    pub intake_generation: u32,
    /// To whom the data key was wrapped. A wrap for anyone else is a reason to distrust.
    pub recipients: Vec<Recipient>,
}

/// A time in which something that should have been recorded was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// In this track; `None`: in all.
    pub track: Option<TrackNo>,
    /// Whole seconds, rounded down.
    pub from: Millis,
    /// Whole seconds, rounded up.
    pub to: Millis,
    /// Why.
    pub cause: Cause,
}

impl Gap {
    /// A gap in all tracks that lies within `from` and `to`.
    pub fn within(from: Millis, to: Millis, cause: Cause) -> Self {
        let from = from.min(to);
        Self {
            track: None,
            from: from.whole_seconds(),
            to: to.plus(999).whole_seconds(),
            cause,
        }
    }

    /// Whether it is of all tracks, or of one of these. A track of which nothing came is none, and its
    /// gaps are none.
    pub fn is_in(&self, tracks: &[Track]) -> bool {
        self.track
            .is_none_or(|number| tracks.iter().any(|track| track.track == number))
    }

    /// Takes its place among those that were told before: one that has grown is told again, from the
    /// same moment, and is still one.
    pub fn take_in(self, gaps: &mut Vec<Self>) {
        let same = |known: &&mut Self| {
            (known.track, known.from, known.cause) == (self.track, self.from, self.cause)
        };
        match gaps.iter_mut().rev().find(same) {
            Some(known) => known.to = known.to.max(self.to),
            None => gaps.push(self),
        }
    }
}

/// Why something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The relay stopped or was killed.
    Restart,
    /// The spool's disk was full.
    DiskFull,
    /// The spool's disk failed.
    DiskFailed,
    /// The spool was damaged.
    Damage,
    /// Packets of this source never arrived.
    Lost,
    /// Its owner muted it.
    Muted,
    /// The call was on hold.
    Held,
    /// Its owner's connection was gone.
    Away,
    /// Somebody in the call had not agreed to its kind.
    Unagreed,
}

/// How a recording ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ending {
    /// Somebody ended the session; every track ends with an end part.
    Clean {
        /// Who.
        by: ParticipantId,
    },
    /// Nobody came back.
    Abandoned {},
    /// It had lasted as long as a session may.
    Expired {},
    /// It breaks off: what came after these places is not there.
    Truncated {
        /// Why.
        cause: Cause,
        /// The last part of each track that is there.
        places: Vec<Place>,
    },
}

/// A part's place in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The track.
    pub track: TrackNo,
    /// The epoch.
    pub epoch: EpochNo,
    /// The sequence number; 0 for "before the first".
    pub seq: u64,
}
