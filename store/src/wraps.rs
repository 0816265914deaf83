//! Wrapped data keys, in a small database of their own beside the tenant's: what must be destroyed
//! is small and in one place. Opaque bytes here: sealed to the intake key of a generation.

use proto::{EpochNo, RecordingId, TrackNo};

use crate::{Result, Tenant};

/// A wrapped data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredWrap {
    /// Of which recording.
    pub recording: RecordingId,
    /// Of which track.
    pub track: TrackNo,
    /// Of which epoch.
    pub epoch: EpochNo,
    /// To whom, in the form that the sealing crate writes.
    pub recipient: String,
    /// The intake generation of the outer seal.
    pub generation: u32,
    /// The wrap.
    pub wrap: Vec<u8>,
}

/// Where a walk over wraps goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrapCursor {
    /// The last one seen.
    pub recording: RecordingId,
    /// The last one seen.
    pub track: TrackNo,
    /// The last one seen.
    pub epoch: EpochNo,
    /// The last one seen.
    pub recipient: String,
}

impl StoredWrap {
    /// Where a walk goes on after this one.
    pub fn cursor(&self) -> WrapCursor {
        WrapCursor {
            recording: self.recording,
            track: self.track,
            epoch: self.epoch,
            recipient: self.recipient.clone(),
        }
    }
}

impl Tenant {
    /// Keeps wraps: one transaction. The same recording, track, epoch and recipient again
    /// replaces it (rotation).
    pub async fn put_wraps(&self, wraps: &[StoredWrap]) -> Result<()> {
        let _ = wraps;
        todo!()
    }

    /// All wraps of a recording, by track, epoch and recipient.
    pub async fn wraps_of(&self, recording: RecordingId) -> Result<Vec<StoredWrap>> {
        let _ = recording;
        todo!()
    }

    /// Wraps of generations before `generation`, in a stable order, from `after` on: for rotation.
    pub async fn wraps_before(
        &self,
        generation: u32,
        after: Option<&WrapCursor>,
        limit: u32,
    ) -> Result<Vec<StoredWrap>> {
        let _ = (generation, after, limit);
        todo!()
    }

    /// How many wraps are sealed under each generation.
    pub async fn wrap_generations(&self) -> Result<Vec<(u32, u64)>> {
        todo!()
    }

    /// Deletes all wraps of a recording; returns how many.
    pub async fn delete_wraps(&self, recording: RecordingId) -> Result<u64> {
        let _ = recording;
        todo!()
    }
}
