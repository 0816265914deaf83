//! Join and resume tokens. Only hashes stand here; each belongs to one participant.
//!
//! A join token is single use. A resume token is replaced at each use, and the one before the
//! newest stays good for one more use (the `welcome` that carried the newest may have been lost).
//! Writes that wait at the same time share one transaction and one sync.

use proto::{Hash32, Millis, ParticipantId, SessionId};

use crate::{Result, Tenant};

/// A join token to be kept, by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinToken {
    /// [`proto::Token::hash`].
    pub hash: Hash32,
    /// Good until.
    pub expires: Millis,
}

/// Who joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// Who.
    pub participant: ParticipantId,
    /// Into what.
    pub session: SessionId,
}

/// Who came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// Who.
    pub participant: ParticipantId,
    /// Into what.
    pub session: SessionId,
    /// Whether the token was the one before the newest.
    pub grace: bool,
}

impl Tenant {
    /// Uses up a join token and puts the participant's first resume token in its place. `None`:
    /// unknown, used or expired.
    pub async fn redeem_join(
        &self,
        join: Hash32,
        resume: Hash32,
        resume_expires: Millis,
        now: Millis,
    ) -> Result<Option<Joined>> {
        let _ = (join, resume, resume_expires, now);
        todo!()
    }

    /// Takes a resume token and puts `fresh` in its place. `None`: unknown, stale or expired.
    pub async fn rotate_resume(
        &self,
        presented: Hash32,
        fresh: Hash32,
        expires: Millis,
        now: Millis,
    ) -> Result<Option<Resumed>> {
        let _ = (presented, fresh, expires, now);
        todo!()
    }

    /// Gives a participant a new join token, for joining once more (an agent's page that reloads).
    pub async fn put_join(&self, participant: ParticipantId, join: JoinToken) -> Result<()> {
        let _ = (participant, join);
        todo!()
    }

    /// Removes what expired before `now`; returns how many participants' tokens that were.
    pub async fn purge_tokens(&self, now: Millis) -> Result<u64> {
        let _ = now;
        todo!()
    }
}
