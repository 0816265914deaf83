//! Where a recording's parts are: the placement, signed by the recorder, and each object's index.
//!
//! They are kept apart from the manifest, so that repacking never touches what the node signed.

use proto::dsse::Document;
use proto::{EpochNo, Hash32, Millis, RecordingId, TenantId, TrackNo};
use seal::{PartHeader, PartKind};
use serde::{Deserialize, Serialize};

/// The version of both documents.
pub const VERSION: u32 = 1;

/// The objects of one recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// [`VERSION`].
    pub version: u32,
    /// The tenant.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// SHA-256 of the manifest's payload.
    pub manifest: Hash32,
    /// When it came into the vault; whole seconds.
    pub kept: Millis,
    /// By track, epoch and place.
    pub objects: Vec<Object>,
}

impl Document for Placement {
    const TYPE: &'static str = "application/vnd.vestibule.placement+json";
}

/// One object: consecutive parts of one track and epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// The track.
    pub track: TrackNo,
    /// The epoch.
    pub epoch: EpochNo,
    /// The object's name in the recording's folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of it.
    pub sha256: Hash32,
    /// The index's name.
    pub index: String,
    /// SHA-256 of the index.
    pub index_sha256: Hash32,
    /// Sequence number of the first part.
    pub first: u64,
    /// How many parts.
    pub parts: u64,
}

/// What stands where in an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// [`VERSION`].
    pub version: u32,
    /// The tenant.
    pub tenant: TenantId,
    /// The recording.
    pub recording: RecordingId,
    /// The track.
    pub track: TrackNo,
    /// The epoch.
    pub epoch: EpochNo,
    /// In the order of their numbers.
    pub parts: Vec<IndexEntry>,
}

/// One part of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexEntry {
    /// Sequence number within the track.
    pub seq: u64,
    /// Ratchet step.
    pub step: u32,
    /// Data or end.
    pub kind: Kind,
    /// SHA-256 of the track's part before it.
    pub prev: Hash32,
    /// SHA-256 of the part.
    pub hash: Hash32,
    /// Where it begins in the object.
    pub offset: u64,
    /// Its length.
    pub length: u64,
}

/// [`PartKind`] in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Plaintext of the track.
    Data,
    /// The track ends here.
    End,
}

impl From<PartKind> for Kind {
    fn from(kind: PartKind) -> Self {
        match kind {
            PartKind::Data => Self::Data,
            PartKind::End => Self::End,
        }
    }
}

impl From<Kind> for PartKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Data => Self::Data,
            Kind::End => Self::End,
        }
    }
}

impl Index {
    /// What `entry` says, as the part's associated data binds it.
    pub fn header(&self, entry: &IndexEntry) -> PartHeader {
        PartHeader {
            tenant: self.tenant,
            recording: self.recording,
            track: self.track,
            epoch: self.epoch,
            step: entry.step,
            seq: entry.seq,
            kind: entry.kind.into(),
            prev: entry.prev,
        }
    }
}
