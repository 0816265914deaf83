//! Wrapped data keys, in a small database of their own beside the tenant's: what must be destroyed
//! is small and in one place. Opaque bytes here: sealed to the intake key of a generation.

use proto::{EpochNo, RecordingId, TrackNo};

use crate::value::{Row, args};
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
        let mut tx = self.wraps().await?.tx("wraps.put").await?;
        for wrap in wraps {
            tx.run(
                "INSERT INTO wraps (recording, track, epoch, recipient, generation, wrap)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (recording, track, epoch, recipient) DO UPDATE SET
                    generation = excluded.generation, wrap = excluded.wrap",
                args![
                    wrap.recording,
                    wrap.track,
                    wrap.epoch,
                    wrap.recipient.clone(),
                    wrap.generation,
                    wrap.wrap.clone()
                ],
            )
            .await?;
        }
        tx.commit().await
    }

    /// All wraps of a recording, by track, epoch and recipient.
    pub async fn wraps_of(&self, recording: RecordingId) -> Result<Vec<StoredWrap>> {
        let sql = "SELECT recording, track, epoch, recipient, generation, wrap FROM wraps
                   WHERE recording = $1 ORDER BY track, epoch, recipient";
        let db = self.wraps().await?;
        let rows = db.rows("wraps.of", sql, args![recording]).await?;
        rows.into_iter().map(read_wrap).collect()
    }

    /// Wraps of generations before `generation`, in a stable order, from `after` on: for rotation.
    pub async fn wraps_before(
        &self,
        generation: u32,
        after: Option<&WrapCursor>,
        limit: u32,
    ) -> Result<Vec<StoredWrap>> {
        let sql = "SELECT recording, track, epoch, recipient, generation, wrap FROM wraps
                   WHERE generation < $1 AND ($2 IS NULL
                        OR (recording, track, epoch, recipient) > ($2, $3, $4, $5))
                   ORDER BY recording, track, epoch, recipient LIMIT $6";
        let db = self.wraps().await?;
        let rows = db
            .rows(
                "wraps.before",
                sql,
                args![
                    generation,
                    after.map(|a| a.recording),
                    after.map_or(0, |a| a.track),
                    after.map_or(0, |a| a.epoch),
                    after.map_or(String::new(), |a| a.recipient.clone()),
                    limit
                ],
            )
            .await?;
        rows.into_iter().map(read_wrap).collect()
    }

    /// How many wraps are sealed under each generation.
    pub async fn wrap_generations(&self) -> Result<Vec<(u32, u64)>> {
        let sql = "SELECT generation, COUNT(*) FROM wraps GROUP BY generation ORDER BY generation";
        let db = self.wraps().await?;
        let rows = db.rows("wraps.generations", sql, []).await?;
        rows.into_iter()
            .map(|mut row| Ok((row.take()?, row.take()?)))
            .collect()
    }

    /// Deletes all wraps of a recording; returns how many.
    pub async fn delete_wraps(&self, recording: RecordingId) -> Result<u64> {
        let mut tx = self.wraps().await?.tx("wraps.delete").await?;
        let gone = tx
            .run("DELETE FROM wraps WHERE recording = $1", args![recording])
            .await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// `recording, track, epoch, recipient, generation, wrap`.
fn read_wrap(mut row: Row) -> Result<StoredWrap> {
    Ok(StoredWrap {
        recording: row.take()?,
        track: row.take()?,
        epoch: row.take()?,
        recipient: row.take()?,
        generation: row.take()?,
        wrap: row.take()?,
    })
}
