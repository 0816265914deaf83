//! Sessions: waiting, answered, ended. Whole seconds only.

use proto::notice::Modality;
use proto::{Hash32, Millis, RecordingId, SessionId, SiteId, StaffId};

use crate::{Participant, Result, Tenant};

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// Nobody has answered yet.
    Waiting,
    /// An agent is, or was, there.
    Answered,
    /// Over.
    Ended,
}

/// A session's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// On which site.
    pub site: SiteId,
    /// The sealed record; `None` where nothing is recorded.
    pub recording: Option<RecordingId>,
    /// The notice that the visitor agreed to.
    pub notice: Hash32,
    /// Agreed to.
    pub modalities: Vec<Modality>,
    /// How far.
    pub state: SessionState,
    /// Agreed at.
    pub started: Millis,
    /// First answered at.
    pub answered: Option<Millis>,
    /// Ended at.
    pub ended: Option<Millis>,
}

/// A session that had not ended when the relay stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedSession {
    /// The session.
    pub session: Session,
    /// Everyone who is or was in it, by track.
    pub participants: Vec<Participant>,
}

/// One of an agent's own ended sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedSession {
    /// The session.
    pub session: Session,
    /// The site's name.
    pub site_name: String,
}

impl Tenant {
    /// The session with this id.
    pub async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        let _ = id;
        todo!()
    }

    /// The first agent is there. Nothing happens if one was there before.
    pub async fn session_answered(&self, id: SessionId, at: Millis) -> Result<()> {
        let _ = (id, at);
        todo!()
    }

    /// The session is over; its tokens are good until `tokens_expire` at the latest. Ending it
    /// again changes nothing.
    pub async fn end_session(
        &self,
        id: SessionId,
        at: Millis,
        tokens_expire: Millis,
    ) -> Result<()> {
        let _ = (id, at, tokens_expire);
        todo!()
    }

    /// Every session that has not ended, with its participants, oldest first.
    pub async fn unfinished_sessions(&self) -> Result<Vec<UnfinishedSession>> {
        todo!()
    }

    /// An agent's own ended sessions, newest first, at most `limit`.
    pub async fn sessions_of(&self, staff: StaffId, limit: u32) -> Result<Vec<EndedSession>> {
        let _ = (staff, limit);
        todo!()
    }
}
