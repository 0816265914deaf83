//! Agreeing: consent, session and participant come to be in one transaction, or not at all.

use proto::consent::{ReceiptClaim, RecordingChoice};
use proto::event::Role;
use proto::notice::Modality;
use proto::{
    Hash32, Millis, ParticipantId, PublicKey, RecordingId, SessionId, SiteId, StaffId, TrackNo,
};

use crate::{JoinToken, Result, Tenant};

/// A visitor's consent, with the session that it begins.
#[derive(Debug, Clone)]
pub struct NewConsent {
    /// The session that comes to be.
    pub session: SessionId,
    /// The visitor in it.
    pub participant: ParticipantId,
    /// On which site.
    pub site: SiteId,
    /// The sealed record; `None` where nothing is recorded.
    pub recording: Option<RecordingId>,
    /// What was shown. It must be one of the site's current notices.
    pub notice: Hash32,
    /// Each agreed to alone.
    pub modalities: Vec<Modality>,
    /// About recording.
    pub choice: RecordingChoice,
    /// X25519, made in the browser.
    pub participant_key: PublicKey,
    /// The visitor's chat track.
    pub track: TrackNo,
    /// The public side of the receipt secret.
    pub receipt: ReceiptClaim,
    /// When; kept in whole seconds.
    pub at: Millis,
    /// For the first `join`.
    pub join: JoinToken,
}

/// An agent who joins a session, with their acknowledgement.
#[derive(Debug, Clone)]
pub struct NewParticipant {
    /// The session.
    pub session: SessionId,
    /// The agent in it.
    pub participant: ParticipantId,
    /// Who.
    pub staff: StaffId,
    /// Their chat track.
    pub track: TrackNo,
    /// X25519, made in the browser.
    pub participant_key: PublicKey,
    /// What they acknowledge.
    pub consent: AgentConsent,
    /// When; kept in whole seconds.
    pub at: Millis,
    /// For the first `join`.
    pub join: JoinToken,
}

/// What an agent agrees to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentConsent {
    /// The session's notice.
    pub notice: Hash32,
    /// The session's modalities.
    pub modalities: Vec<Modality>,
    /// About recording.
    pub choice: RecordingChoice,
}

/// A participant's durable consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Whose.
    pub participant: ParticipantId,
    /// In which session.
    pub session: SessionId,
    /// What was shown.
    pub notice: Hash32,
    /// Agreed to.
    pub modalities: Vec<Modality>,
    /// About recording.
    pub choice: RecordingChoice,
    /// Whole seconds.
    pub at: Millis,
    /// A visitor's receipt claim; `None` for agents.
    pub receipt: Option<ReceiptClaim>,
}

/// One person in one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Their id.
    pub id: ParticipantId,
    /// In which session.
    pub session: SessionId,
    /// As what.
    pub role: Role,
    /// Which agent; `None` for visitors.
    pub staff: Option<StaffId>,
    /// Their chat track.
    pub track: TrackNo,
    /// X25519, made in the browser.
    pub public_key: PublicKey,
    /// Whole seconds.
    pub joined: Millis,
    /// Left for good, whole seconds.
    pub left: Option<Millis>,
    /// What they agreed to.
    pub consent: Consent,
}

impl Tenant {
    /// Keeps a consent, and with it the session, the participant and the join token: one
    /// transaction. [`crate::StoreError::NoticeOutdated`] if the notice is not current,
    /// [`crate::StoreError::NotFound`] if the site is not there.
    pub async fn record_consent(&self, consent: NewConsent) -> Result<()> {
        let _ = consent;
        todo!()
    }

    /// Adds an agent to a session that has not ended, with their acknowledgement and join token.
    pub async fn add_participant(&self, new: NewParticipant) -> Result<()> {
        let _ = new;
        todo!()
    }

    /// The durable consent of this participant.
    pub async fn consent_of(&self, participant: ParticipantId) -> Result<Option<Consent>> {
        let _ = participant;
        todo!()
    }

    /// The consent that a receipt's lookup id finds.
    pub async fn consent_by_receipt(&self, lookup: &[u8]) -> Result<Option<Consent>> {
        let _ = lookup;
        todo!()
    }

    /// This participant, with their consent.
    pub async fn participant(&self, id: ParticipantId) -> Result<Option<Participant>> {
        let _ = id;
        todo!()
    }

    /// Everyone who is or was in this session, by track.
    pub async fn participants_of(&self, session: SessionId) -> Result<Vec<Participant>> {
        let _ = session;
        todo!()
    }

    /// A participant left for good; their tokens are gone with it.
    pub async fn participant_left(&self, participant: ParticipantId, at: Millis) -> Result<()> {
        let _ = (participant, at);
        todo!()
    }
}
