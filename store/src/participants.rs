//! Who is in a session: the visitor who began it, and the agents who joined.

use proto::consent::{ReceiptClaim, RecordingChoice};
use proto::event::Role;
use proto::notice::Modality;
use proto::{Hash32, Millis, ParticipantId, PublicKey, SessionId, StaffId, TrackNo};

use crate::db::Tx;
use crate::fold::SmallWrite;
use crate::value::{Row, args, words};
use crate::{Consent, JoinToken, Result, StoreError, Tenant};

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

words!(Role {
    Role::Visitor => "visitor",
    Role::Agent => "agent",
});

/// Participants with their consents, in the order that [`read_participant`] takes them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT p.id, p.session, p.role, p.staff, p.track, p.public_key, p.joined, p.left_at, ",
            "c.notice, c.modalities, c.choice, c.given, c.lookup, c.proof_hash, c.receipt_key ",
            "FROM participants p JOIN consents c ON c.participant = p.id ",
            $rest
        )
    };
}
pub(crate) use select as select_participants;

impl Tenant {
    /// Adds an agent to a session that has not ended, with their acknowledgement and join token.
    pub async fn add_participant(&self, new: NewParticipant) -> Result<()> {
        self.fold(new).await
    }

    /// This participant, with their consent.
    pub async fn participant(&self, id: ParticipantId) -> Result<Option<Participant>> {
        let sql = select!("WHERE p.id = $1");
        let row = self.row("participants.one", sql, args![id]).await?;
        row.map(read_participant).transpose()
    }

    /// Everyone who is or was in this session, by track.
    pub async fn participants_of(&self, session: SessionId) -> Result<Vec<Participant>> {
        let sql = select!("WHERE p.session = $1 ORDER BY p.track");
        let rows = self.rows("participants.of", sql, args![session]).await?;
        rows.into_iter().map(read_participant).collect()
    }

    /// A participant left for good; their tokens are gone with it.
    pub async fn participant_left(&self, participant: ParticipantId, at: Millis) -> Result<()> {
        let mut tx = self.tx("participants.left").await?;
        tx.run(
            "UPDATE participants SET left_at = $2 WHERE id = $1 AND left_at IS NULL",
            args![participant, at.whole_seconds()],
        )
        .await?;
        tx.run(
            "DELETE FROM access WHERE participant = $1",
            args![participant],
        )
        .await?;
        tx.commit().await
    }
}

impl SmallWrite for NewParticipant {
    const NAME: &'static str = "participants.add";

    type Out = ();

    async fn run(&self, tx: &mut Tx) -> Result<Result<()>> {
        let running = "SELECT 1 FROM sessions WHERE id = $1 AND ended IS NULL";
        if tx.row(running, args![self.session]).await?.is_none() {
            return Ok(Err(StoreError::NotFound));
        }
        let at = self.at.whole_seconds();
        let participant = Participant {
            id: self.participant,
            session: self.session,
            role: Role::Agent,
            staff: Some(self.staff),
            track: self.track,
            public_key: self.participant_key,
            joined: at,
            left: None,
            consent: Consent {
                participant: self.participant,
                session: self.session,
                notice: self.consent.notice,
                modalities: self.consent.modalities.clone(),
                choice: self.consent.choice,
                at,
                receipt: None,
            },
        };
        participant.insert(tx, self.join).await?;
        Ok(Ok(()))
    }
}

impl Participant {
    /// With consent and join token.
    pub(crate) async fn insert(self, tx: &mut Tx, join: JoinToken) -> Result<()> {
        tx.run(
            "INSERT INTO participants (id, session, role, staff, track, public_key, joined)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            args![
                self.id,
                self.session,
                self.role,
                self.staff,
                self.track,
                self.public_key,
                self.joined
            ],
        )
        .await?;
        let (lookup, proof_hash, receipt_key) = match self.consent.receipt {
            Some(claim) => (
                Some(claim.lookup),
                Some(claim.proof_hash),
                Some(claim.public_key),
            ),
            None => (None, None, None),
        };
        tx.run(
            "INSERT INTO consents (participant, notice, modalities, choice, given,
                lookup, proof_hash, receipt_key)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            args![
                self.id,
                self.consent.notice,
                self.consent.modalities,
                self.consent.choice,
                self.consent.at,
                lookup,
                proof_hash,
                receipt_key
            ],
        )
        .await?;
        tx.run(
            "INSERT INTO access (participant, session, join_hash, join_expires)
             VALUES ($1, $2, $3, $4)",
            args![self.id, self.session, join.hash, join.expires],
        )
        .await?;
        Ok(())
    }
}

/// The columns of [`select_participants`].
pub(crate) fn read_participant(mut row: Row) -> Result<Participant> {
    let id = row.take()?;
    let session = row.take()?;
    Ok(Participant {
        id,
        session,
        role: row.take()?,
        staff: row.take()?,
        track: row.take()?,
        public_key: row.take()?,
        joined: row.take()?,
        left: row.take()?,
        consent: Consent {
            participant: id,
            session,
            notice: row.take()?,
            modalities: row.take()?,
            choice: row.take()?,
            at: row.take()?,
            receipt: match (row.take()?, row.take()?, row.take()?) {
                (Some(lookup), Some(proof_hash), Some(public_key)) => Some(ReceiptClaim {
                    lookup,
                    proof_hash,
                    public_key,
                }),
                (None, None, None) => None,
                _ => return Err(StoreError::Damaged("consents")),
            },
        },
    })
}
