//! Recordings' metadata: what a search may see without opening anything.

use proto::notice::Modality;
use proto::{Hash32, KeyId, Millis, NodeId, RecordingId, SessionId, SiteId, StaffId};

use crate::value::{Row, args, bit, words};
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

words!(Ending {
    Ending::Open => "open",
    Ending::Clean => "clean",
    Ending::Truncated => "truncated",
});

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

/// Recordings, in the order that [`read_recording`] takes them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.session, r.site, r.node, r.notice, r.sealing_key, r.modalities, ",
            "r.started, r.ended, r.ending, r.bytes, r.parts, r.keep_min, r.keep_max, r.manifest ",
            "FROM recordings r ",
            $rest
        )
    };
}

impl Tenant {
    /// Keeps a recording's metadata; the same id again replaces it. `keep_min` and `keep_max` are
    /// fixed when they are first set: a later call may only move them later.
    pub async fn put_recording(&self, recording: &Recording) -> Result<()> {
        let r = recording;
        let mut tx = self.tx("recordings.put").await?;
        tx.run(
            "INSERT INTO recordings (id, session, site, node, notice, sealing_key, modalities,
                started, ended, ending, bytes, parts, keep_min, keep_max, manifest)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (id) DO UPDATE SET
                sealing_key = excluded.sealing_key, modalities = excluded.modalities,
                ended = excluded.ended, ending = excluded.ending,
                bytes = excluded.bytes, parts = excluded.parts, manifest = excluded.manifest,
                keep_min = CASE WHEN recordings.keep_min IS NULL
                        OR excluded.keep_min > recordings.keep_min
                    THEN excluded.keep_min ELSE recordings.keep_min END,
                keep_max = CASE WHEN recordings.keep_max IS NULL
                        OR excluded.keep_max > recordings.keep_max
                    THEN excluded.keep_max ELSE recordings.keep_max END",
            args![
                r.id,
                r.session,
                r.site,
                r.node,
                r.notice,
                r.sealing_key,
                r.modalities.clone(),
                r.started.whole_seconds(),
                r.ended.map(Millis::whole_seconds),
                r.ending,
                r.bytes,
                r.parts,
                r.keep_min,
                r.keep_max,
                r.manifest
            ],
        )
        .await?;
        tx.commit().await
    }

    /// The recording with this id.
    pub async fn recording(&self, id: RecordingId) -> Result<Option<Recording>> {
        let sql = select!("WHERE r.id = $1");
        let row = self.row("recordings.one", sql, args![id]).await?;
        row.map(read_recording).transpose()
    }

    /// Recordings that fit the filter, newest first, at most `limit`, from `after` on.
    pub async fn recordings(
        &self,
        filter: &RecordingFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<RecordingPage> {
        let sql = select!(
            "WHERE r.started >= $1 AND r.started < $2
                AND ($3 IS NULL OR r.site = $3)
                AND ($4 IS NULL OR r.session = $4)
                AND ($5 = 0 OR (r.modalities & $5) <> 0)
                AND ($6 IS NULL OR EXISTS (
                    SELECT 1 FROM participants p WHERE p.session = r.session AND p.staff = $6))
                AND ($8 IS NULL OR r.started < $7 OR (r.started = $7 AND r.id < $8))
             ORDER BY r.started DESC, r.id DESC LIMIT $9"
        );
        let rows = self
            .rows(
                "recordings.list",
                sql,
                args![
                    filter.from.unwrap_or(Millis(i64::MIN)),
                    filter.until.unwrap_or(Millis(i64::MAX)),
                    filter.site,
                    filter.session,
                    filter.modality.map_or(0, bit),
                    filter.agent,
                    after.map_or(Millis(0), |cursor| cursor.started),
                    after.map(|cursor| cursor.id),
                    u64::from(limit) + 1
                ],
            )
            .await?;
        let more = rows.len() > limit as usize;
        let recordings = rows
            .into_iter()
            .take(limit as usize)
            .map(read_recording)
            .collect::<Result<Vec<_>>>()?;
        let next = recordings.last().filter(|_| more).map(|last| Cursor {
            started: last.started,
            id: last.id,
        });
        Ok(RecordingPage { recordings, next })
    }
}

/// The columns of `select!`.
fn read_recording(mut row: Row) -> Result<Recording> {
    Ok(Recording {
        id: row.take()?,
        session: row.take()?,
        site: row.take()?,
        node: row.take()?,
        notice: row.take()?,
        sealing_key: row.take()?,
        modalities: row.take()?,
        started: row.take()?,
        ended: row.take()?,
        ending: row.take()?,
        bytes: row.take()?,
        parts: row.take()?,
        keep_min: row.take()?,
        keep_max: row.take()?,
        manifest: row.take()?,
    })
}
