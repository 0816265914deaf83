//! Recordings' metadata: what a search may see without opening anything.

use proto::notice::Modality;
use proto::{Hash32, KeyId, Millis, NodeId, RecordingId, SessionId, SiteId, StaffId};

use crate::{Result, Tenant};

/// How a recording ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Still arriving.
    Open,
    /// Ended by a manifest.
    Clean,
    /// Cut off at a place that the manifest names.
    Truncated,
}

/// A recording's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Its id.
    pub id: RecordingId,
    /// The session.
    pub session: SessionId,
    /// On which site.
    pub site: SiteId,
    /// Which node wrote it.
    pub node: NodeId,
    /// The notice at capture.
    pub notice: Hash32,
    /// The tenant's sealing key at capture.
    pub sealing_key: KeyId,
    /// What it holds.
    pub modalities: Vec<Modality>,
    /// Whole seconds.
    pub started: Millis,
    /// Whole seconds.
    pub ended: Option<Millis>,
    /// How it ends.
    pub ending: Ending,
    /// Sealed bytes in the vault.
    pub bytes: u64,
    /// Sealed parts in the vault.
    pub parts: u64,
    /// Kept at least until.
    pub keep_min: Option<Millis>,
    /// Destroyed at the latest at.
    pub keep_max: Option<Millis>,
    /// SHA-256 of the manifest's envelope in the vault; `None` while there is none.
    pub manifest: Option<Hash32>,
}

/// What a search asks for. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct RecordingFilter {
    /// Started at or after.
    pub from: Option<Millis>,
    /// Started before.
    pub until: Option<Millis>,
    /// On this site.
    pub site: Option<SiteId>,
    /// Holds this modality.
    pub modality: Option<Modality>,
    /// This agent took part.
    pub agent: Option<StaffId>,
    /// Of this session.
    pub session: Option<SessionId>,
}

/// Where the next page of a list begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Start of the last one shown.
    pub started: Millis,
    /// The last one shown.
    pub id: RecordingId,
}

/// A page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingPage {
    /// The recordings.
    pub recordings: Vec<Recording>,
    /// Where the next page begins, if there is more.
    pub next: Option<Cursor>,
}

impl Tenant {
    /// Keeps a recording's metadata; the same id again replaces it. `keep_min` and `keep_max` are
    /// fixed when they are first set: a later call may only move them later.
    pub async fn put_recording(&self, recording: &Recording) -> Result<()> {
        let _ = recording;
        todo!()
    }

    /// The recording with this id.
    pub async fn recording(&self, id: RecordingId) -> Result<Option<Recording>> {
        let _ = id;
        todo!()
    }

    /// Recordings that fit the filter, newest first, at most `limit`, from `after` on.
    pub async fn recordings(
        &self,
        filter: &RecordingFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<RecordingPage> {
        let _ = (filter, after, limit);
        todo!()
    }
}
