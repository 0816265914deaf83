//! Join and resume tokens. Only hashes stand here; each belongs to one participant.
//!
//! A join token is single use. A resume token is replaced at each use, and stays good until its
//! replacement is used: any number of `welcome`s in a row may be lost with the relay that sent them.
//! Writes that wait at the same time share one transaction and one sync.

use proto::{Hash32, Millis, ParticipantId, SessionId, StaffId};

use crate::db::Tx;
use crate::fold::SmallWrite;
use crate::value::args;
use crate::{Result, StoreError, Tenant};

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
        let write = Redeem {
            join,
            resume,
            resume_expires,
            now,
        };
        self.fold(write).await
    }

    /// Takes a resume token and puts `fresh` in its place. `None`: unknown, stale, expired, or not
    /// `staff`'s (a visitor's, where that is `None`), whose it then stays as it was.
    pub async fn rotate_resume(
        &self,
        presented: Hash32,
        fresh: Hash32,
        expires: Millis,
        now: Millis,
        staff: Option<StaffId>,
    ) -> Result<Option<Resumed>> {
        let write = Rotate {
            presented,
            fresh,
            expires,
            now,
            staff,
        };
        self.fold(write).await
    }

    /// Gives a participant a new join token, for joining once more (an agent's page that reloads).
    pub async fn put_join(&self, participant: ParticipantId, join: JoinToken) -> Result<()> {
        let mut tx = self.tx("tokens.put_join").await?;
        let changed = tx
            .run(
                "UPDATE access SET join_hash = $2, join_expires = $3 WHERE participant = $1",
                args![participant, join.hash, join.expires],
            )
            .await?;
        if changed == 0 {
            return Err(StoreError::NotFound);
        }
        tx.commit().await
    }

    /// Removes what has expired, staff sessions too; returns how many participants' tokens.
    pub async fn purge_tokens(&self, now: Millis) -> Result<u64> {
        let mut tx = self.tx("tokens.purge").await?;
        let gone = tx
            .run(
                "DELETE FROM access
                 WHERE COALESCE(join_expires, 0) <= $1 AND COALESCE(expires, 0) <= $1",
                args![now],
            )
            .await?;
        tx.run("DELETE FROM staff_sessions WHERE expires <= $1", args![now])
            .await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// See [`Tenant::redeem_join`].
struct Redeem {
    join: Hash32,
    resume: Hash32,
    resume_expires: Millis,
    now: Millis,
}

impl SmallWrite for Redeem {
    const NAME: &'static str = "tokens.redeem";

    type Out = Option<Joined>;

    async fn run(&self, tx: &mut Tx) -> Result<Result<Self::Out>> {
        let row = tx
            .row(
                "UPDATE access SET join_hash = NULL, join_expires = NULL,
                    newest = $2, previous = NULL, expires = $3
                 WHERE join_hash = $1 AND join_expires > $4
                 RETURNING participant, session",
                args![self.join, self.resume, self.resume_expires, self.now],
            )
            .await?;
        let joined = row.map(|mut row| {
            Ok(Joined {
                participant: row.take()?,
                session: row.take()?,
            })
        });
        Ok(Ok(joined.transpose()?))
    }
}

/// One statement decides, so two rotations at once cannot both see the same state: what was shown
/// last, and what was given for it, are good; nothing else is. Whose they are is asked of the one
/// row that was found: asked as a set, SQLite would read every participant.
const ROTATE: &str = "UPDATE access SET previous = $1, newest = $2,
        expires = CASE WHEN last_use < $3 THEN last_use ELSE $3 END
    WHERE (newest = $1 OR previous = $1) AND expires > $4
        AND EXISTS (SELECT 1 FROM participants
            WHERE participants.id = access.participant AND staff IS NOT DISTINCT FROM $5)
    RETURNING participant, session";

/// See [`Tenant::rotate_resume`].
struct Rotate {
    presented: Hash32,
    fresh: Hash32,
    expires: Millis,
    now: Millis,
    staff: Option<StaffId>,
}

impl SmallWrite for Rotate {
    const NAME: &'static str = "tokens.rotate";

    type Out = Option<Resumed>;

    async fn run(&self, tx: &mut Tx) -> Result<Result<Self::Out>> {
        let row = tx
            .row(
                ROTATE,
                args![
                    self.presented,
                    self.fresh,
                    self.expires,
                    self.now,
                    self.staff
                ],
            )
            .await?;
        let resumed = row.map(|mut row| {
            Ok(Resumed {
                participant: row.take()?,
                session: row.take()?,
            })
        });
        Ok(Ok(resumed.transpose()?))
    }
}

#[cfg(test)]
mod tests {
    use proto::{Hash32, Millis};

    use super::ROTATE;
    use crate::schema;
    use crate::sqlite::Folder;
    use crate::value::args;

    #[tokio::test]
    async fn coming_back_reads_no_more_rows_however_many_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::open(folder.path().to_str().unwrap()).await.unwrap();
        let db = folder.control();
        schema::TENANT.apply(&db).await.unwrap();
        let hash = Hash32::ZERO;
        let values = args![hash, hash, Millis(0), Millis(0), None::<proto::StaffId>];
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {ROTATE}"));
        let mut tx = db.tx("test").await.unwrap();
        let mut steps = Vec::new();
        for mut row in tx.rows(explain, values).await.unwrap() {
            let (_, _, _): (i64, i64, i64) = (
                row.take().unwrap(),
                row.take().unwrap(),
                row.take().unwrap(),
            );
            steps.push(row.take::<String>().unwrap());
        }
        assert!(steps.iter().any(|step| step.contains("INDEX")), "{steps:?}");
        assert!(!steps.iter().any(|step| step.contains("SCAN")), "{steps:?}");
    }
}
