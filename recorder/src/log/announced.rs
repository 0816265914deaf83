//! That an opening is on record, as a value: what opens asks for it, and only the log makes one.

use proto::{CaseId, RecordingId, StaffId};
use rand_core::CryptoRng;
use store::Tenant;

use super::{Log, LogEvent, What};
use crate::error::Result;
use crate::recorder::fresh_id;

/// An opening of one recording that stands in the log, under a signed checkpoint, durably.
#[derive(Debug)]
pub struct Announced {
    id: String,
    recording: RecordingId,
}

impl Announced {
    /// The entry's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What may be opened.
    pub fn recording(&self) -> RecordingId {
        self.recording
    }
}

/// An opening that is about to happen.
#[derive(Debug, Clone)]
pub struct Announcement<'a> {
    /// Under which case.
    pub case: CaseId,
    /// Which.
    pub recording: RecordingId,
    /// Who unlocked their shares for it.
    pub officers: &'a [StaffId],
    /// `export`, `open` or `play`.
    pub purpose: &'a str,
}

impl Log {
    /// Puts an opening on record. When this returns, it is.
    pub async fn announce(
        &self,
        tenant: &Tenant,
        opening: Announcement<'_>,
        at: proto::Millis,
        rng: &mut impl CryptoRng,
    ) -> Result<Announced> {
        let recording = opening.recording;
        let event = LogEvent {
            id: fresh_id(rng),
            at,
            what: What::Opening {
                case: opening.case,
                recording,
                officers: opening.officers.to_vec(),
                purpose: opening.purpose.to_owned(),
            },
        };
        self.append(tenant, &event, rng).await?;
        Ok(Announced {
            id: event.id,
            recording,
        })
    }
}
