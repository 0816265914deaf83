//! The transparency log's rows: leaves stand for good, events can be erased, checkpoints are
//! signed notes. Which bytes a leaf hashes is for the log to say, not for the store.

use proto::{Hash32, Millis};

use crate::db::Tx;
use crate::value::{Row, args};
use crate::{Result, StoreError, Tenant};

/// An entry to be appended.
#[derive(Debug, Clone)]
pub struct NewLogEntry {
    /// The event's own id: appending it again gives the same place.
    pub id: String,
    /// What happened, in a word.
    pub kind: String,
    /// When.
    pub at: Millis,
    /// Hides the event from whoever sees only the leaf.
    pub salt: [u8; 32],
    /// The canonical JSON bytes.
    pub event: Vec<u8>,
    /// The Merkle leaf hash.
    pub leaf: Hash32,
    /// What it is about: it is found again by each.
    pub subjects: Vec<String>,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Place in the tree, counted from 0.
    pub index: u64,
    /// The event's own id.
    pub id: String,
    /// What happened, in a word.
    pub kind: String,
    /// When.
    pub at: Millis,
    /// The salt and the canonical JSON bytes; `None` once erased.
    pub event: Option<([u8; 32], Vec<u8>)>,
    /// The Merkle leaf hash.
    pub leaf: Hash32,
}

/// A signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The tree's size.
    pub size: u64,
    /// The signed note, as text.
    pub note: String,
    /// When.
    pub at: Millis,
}

impl Tenant {
    /// Appends an entry and returns its index. An id that is there already keeps its index.
    pub async fn append_log(&self, entry: &NewLogEntry) -> Result<u64> {
        let mut tx = self.tx("log.append").await?;
        if tx.is_postgres() {
            // SQLite's write lock does this by itself: places are given out one after the other.
            tx.define("LOCK TABLE log_entries IN EXCLUSIVE MODE")
                .await?;
        }
        let known = "SELECT place FROM log_entries WHERE id = $1";
        if let Some(mut row) = tx.row(known, args![entry.id.clone()]).await? {
            return row.take();
        }
        let row = tx
            .row(
                "INSERT INTO log_entries (place, id, kind, happened, salt, event, leaf)
                 VALUES ((SELECT COALESCE(MAX(place) + 1, 0) FROM log_entries),
                    $1, $2, $3, $4, $5, $6)
                 RETURNING place",
                args![
                    entry.id.clone(),
                    entry.kind.clone(),
                    entry.at,
                    entry.salt.to_vec(),
                    entry.event.clone(),
                    entry.leaf
                ],
            )
            .await?;
        let place: u64 = row.ok_or(StoreError::Damaged("log_entries"))?.take()?;
        // Places are indexed from the first on without a gap, so that their end says what is not.
        let indexed = "SELECT 1 FROM log_subjects WHERE place = $1 LIMIT 1";
        let unbroken = match place.checked_sub(1) {
            None => true,
            Some(before) => tx.row(indexed, args![before]).await?.is_some(),
        };
        if unbroken {
            index(&mut tx, place, &entry.subjects).await?;
        }
        tx.commit().await?;
        Ok(place)
    }

    /// How many leaves there are.
    pub async fn log_size(&self) -> Result<u64> {
        let sql = "SELECT COALESCE(MAX(place) + 1, 0) FROM log_entries";
        let row = self.row("log.size", sql, []).await?;
        row.ok_or(StoreError::Damaged("log_entries"))?.take()
    }

    /// Leaf hashes `[from, from + limit)`.
    pub async fn log_leaves(&self, from: u64, limit: u32) -> Result<Vec<Hash32>> {
        let sql = "SELECT leaf FROM log_entries WHERE place >= $1 ORDER BY place LIMIT $2";
        let rows = self.rows("log.leaves", sql, args![from, limit]).await?;
        rows.into_iter().map(|mut row| row.take()).collect()
    }

    /// Entries `[from, from + limit)`.
    pub async fn log_entries(&self, from: u64, limit: u32) -> Result<Vec<LogEntry>> {
        let sql = "SELECT place, id, kind, happened, salt, event, leaf FROM log_entries
                   WHERE place >= $1 ORDER BY place LIMIT $2";
        let rows = self.rows("log.entries", sql, args![from, limit]).await?;
        rows.into_iter().map(read_entry).collect()
    }

    /// The entries about a subject, in order.
    pub async fn log_entries_about(&self, subject: &str) -> Result<Vec<LogEntry>> {
        let sql = "SELECT e.place, e.id, e.kind, e.happened, e.salt, e.event, e.leaf
                   FROM log_subjects AS s JOIN log_entries AS e ON e.place = s.place
                   WHERE s.subject = $1 ORDER BY s.place";
        let rows = self
            .rows("log.about", sql, args![subject.to_owned()])
            .await?;
        rows.into_iter().map(read_entry).collect()
    }

    /// Entries before this place are found by their subjects. Those from here on were written by a
    /// version that kept none: [`Self::index_log`] adds them.
    pub async fn log_indexed(&self) -> Result<u64> {
        let sql = "SELECT COALESCE(MAX(place) + 1, 0) FROM log_subjects";
        let row = self.row("log.indexed", sql, []).await?;
        row.ok_or(StoreError::Damaged("log_subjects"))?.take()
    }

    /// Adds what entries are about, by their places.
    pub async fn index_log(&self, entries: &[(u64, Vec<String>)]) -> Result<()> {
        let mut tx = self.tx("log.index").await?;
        for (place, subjects) in entries {
            index(&mut tx, *place, subjects).await?;
        }
        tx.commit().await
    }

    /// Erases an entry's event and salt; the leaf and the tree stand.
    pub async fn erase_log_event(&self, index: u64) -> Result<()> {
        let mut tx = self.tx("log.erase").await?;
        let erased = tx
            .run(
                "UPDATE log_entries SET salt = NULL, event = NULL WHERE place = $1",
                args![index],
            )
            .await?;
        if erased == 0 {
            return Err(StoreError::NotFound);
        }
        let sql = "DELETE FROM log_subjects WHERE place = $1 AND subject <> $2";
        tx.run(sql, args![index, ANYTHING.to_owned()]).await?;
        tx.commit().await
    }

    /// Keeps a checkpoint.
    pub async fn put_checkpoint(&self, checkpoint: &Checkpoint) -> Result<()> {
        let mut tx = self.tx("log.checkpoint").await?;
        tx.run(
            "INSERT INTO checkpoints (size, note, made) VALUES ($1, $2, $3)
             ON CONFLICT (size) DO UPDATE SET note = excluded.note, made = excluded.made",
            args![checkpoint.size, checkpoint.note.clone(), checkpoint.at],
        )
        .await?;
        tx.commit().await
    }

    /// The newest checkpoint.
    pub async fn newest_checkpoint(&self) -> Result<Option<Checkpoint>> {
        let sql = "SELECT size, note, made FROM checkpoints ORDER BY size DESC LIMIT 1";
        let row = self.row("log.newest_checkpoint", sql, []).await?;
        row.map(read_checkpoint).transpose()
    }

    /// The smallest checkpoint whose tree holds at least `size` leaves.
    pub async fn checkpoint_covering(&self, size: u64) -> Result<Option<Checkpoint>> {
        let sql = "SELECT size, note, made FROM checkpoints WHERE size >= $1 ORDER BY size LIMIT 1";
        let row = self
            .row("log.checkpoint_covering", sql, args![size])
            .await?;
        row.map(read_checkpoint).transpose()
    }
}

/// Every place is under this one, also when it is about nothing, or erased.
const ANYTHING: &str = "";

async fn index(tx: &mut Tx, place: u64, subjects: &[String]) -> Result<()> {
    for subject in subjects.iter().map(String::as_str).chain([ANYTHING]) {
        tx.run(
            "INSERT INTO log_subjects (place, subject) VALUES ($1, $2)
             ON CONFLICT (place, subject) DO NOTHING",
            args![place, subject.to_owned()],
        )
        .await?;
    }
    Ok(())
}

/// `place, id, kind, happened, salt, event, leaf`.
fn read_entry(mut row: Row) -> Result<LogEntry> {
    let damaged = || StoreError::Damaged("log_entries");
    Ok(LogEntry {
        index: row.take()?,
        id: row.take()?,
        kind: row.take()?,
        at: row.take()?,
        event: match (row.take::<Option<Vec<u8>>>()?, row.take()?) {
            (Some(salt), Some(event)) => Some((salt.try_into().map_err(|_| damaged())?, event)),
            (None, None) => None,
            _ => return Err(damaged()),
        },
        leaf: row.take()?,
    })
}

/// `size, note, made`.
fn read_checkpoint(mut row: Row) -> Result<Checkpoint> {
    Ok(Checkpoint {
        size: row.take()?,
        note: row.take()?,
        at: row.take()?,
    })
}
