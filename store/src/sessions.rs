//! Sessions: waiting, answered, ended. Whole seconds only.

use std::collections::HashMap;

use proto::notice::Modality;
use proto::{Hash32, Millis, RecordingId, SessionId, SiteId, StaffId};

use crate::db::Tx;
use crate::fold::SmallWrite;
use crate::participants::{read_participant, select_participants};
use crate::value::{Row, args};
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

/// Sessions, in the order that [`read_session`] takes them.
macro_rules! select {
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT s.id, s.site, s.recording, s.notice, s.modalities, ",
            "s.started, s.answered, s.ended",
            $more,
            " FROM sessions s ",
            $rest
        )
    };
}

impl Tenant {
    /// The session with this id.
    pub async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        let sql = select!("", "WHERE s.id = $1");
        let row = self.row("sessions.one", sql, args![id]).await?;
        row.map(|mut row| read_session(&mut row)).transpose()
    }

    /// The first agent is there. Nothing happens if one was there before.
    pub async fn session_answered(&self, id: SessionId, at: Millis) -> Result<()> {
        self.fold(Answered { id, at }).await
    }

    /// The session is over; its tokens are good until `tokens_expire` at the latest. Ending it
    /// again changes nothing.
    pub async fn end_session(
        &self,
        id: SessionId,
        at: Millis,
        tokens_expire: Millis,
    ) -> Result<()> {
        let mut tx = self.tx("sessions.end").await?;
        let ended = tx
            .run(
                "UPDATE sessions SET ended = $2 WHERE id = $1 AND ended IS NULL",
                args![id, at.whole_seconds()],
            )
            .await?;
        if ended == 1 {
            tx.run(
                "UPDATE access SET join_hash = NULL, join_expires = NULL, last_use = $2,
                    expires = CASE WHEN expires < $2 THEN expires ELSE $2 END
                 WHERE session = $1",
                args![id, tokens_expire],
            )
            .await?;
        }
        tx.commit().await
    }

    /// Every session that has not ended, with its participants, oldest first.
    pub async fn unfinished_sessions(&self) -> Result<Vec<UnfinishedSession>> {
        let mut tx = self.read("sessions.unfinished").await?;
        let sessions = select!("", "WHERE s.ended IS NULL ORDER BY s.started, s.id");
        let people = select_participants!(
            "JOIN sessions s ON s.id = p.session WHERE s.ended IS NULL ORDER BY p.track"
        );
        let mut of: HashMap<SessionId, Vec<Participant>> = HashMap::new();
        for row in tx.rows(people, []).await? {
            let participant = read_participant(row)?;
            of.entry(participant.session).or_default().push(participant);
        }
        let rows = tx.rows(sessions, []).await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|mut row| {
                let session = read_session(&mut row)?;
                let participants = of.remove(&session.id).unwrap_or_default();
                Ok(UnfinishedSession {
                    session,
                    participants,
                })
            })
            .collect()
    }

    /// An agent's own ended sessions, newest first, at most `limit`.
    pub async fn sessions_of(&self, staff: StaffId, limit: u32) -> Result<Vec<EndedSession>> {
        let sql = select!(
            ", (SELECT name FROM sites WHERE sites.id = s.site)",
            "WHERE s.ended IS NOT NULL AND EXISTS (
                SELECT 1 FROM participants p WHERE p.session = s.id AND p.staff = $1)
             ORDER BY s.ended DESC, s.id LIMIT $2"
        );
        let rows = self.rows("sessions.of", sql, args![staff, limit]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(EndedSession {
                    session: read_session(&mut row)?,
                    site_name: row.take()?,
                })
            })
            .collect()
    }
}

/// One of many: every conversation that an agent takes up is one.
struct Answered {
    id: SessionId,
    at: Millis,
}

impl SmallWrite for Answered {
    const NAME: &'static str = "sessions.answered";

    type Out = ();

    async fn run(&self, tx: &mut Tx) -> Result<Result<()>> {
        tx.run(
            "UPDATE sessions SET answered = $2 WHERE id = $1 AND answered IS NULL",
            args![self.id, self.at.whole_seconds()],
        )
        .await?;
        Ok(Ok(()))
    }
}

/// The columns of `select!`.
fn read_session(row: &mut Row) -> Result<Session> {
    let (id, site, recording, notice) = (row.take()?, row.take()?, row.take()?, row.take()?);
    let modalities = row.take()?;
    let (started, answered, ended) = (row.take()?, row.take()?, row.take()?);
    let state = match (answered, ended) {
        (_, Some(_)) => SessionState::Ended,
        (Some(_), None) => SessionState::Answered,
        (None, None) => SessionState::Waiting,
    };
    Ok(Session {
        id,
        site,
        recording,
        notice,
        modalities,
        state,
        started,
        answered,
        ended,
    })
}
