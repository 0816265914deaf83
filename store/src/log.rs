//! The transparency log's rows: leaves stand for good, events can be erased, checkpoints are
//! signed notes. Which bytes a leaf hashes is for the log to say, not for the store.

use proto::{Hash32, Millis};

use crate::{Result, Tenant};

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
        let _ = entry;
        todo!()
    }

    /// How many leaves there are.
    pub async fn log_size(&self) -> Result<u64> {
        todo!()
    }

    /// Leaf hashes `[from, from + limit)`.
    pub async fn log_leaves(&self, from: u64, limit: u32) -> Result<Vec<Hash32>> {
        let _ = (from, limit);
        todo!()
    }

    /// Entries `[from, from + limit)`.
    pub async fn log_entries(&self, from: u64, limit: u32) -> Result<Vec<LogEntry>> {
        let _ = (from, limit);
        todo!()
    }

    /// Erases an entry's event and salt; the leaf and the tree stand.
    pub async fn erase_log_event(&self, index: u64) -> Result<()> {
        let _ = index;
        todo!()
    }

    /// Keeps a checkpoint.
    pub async fn put_checkpoint(&self, checkpoint: &Checkpoint) -> Result<()> {
        let _ = checkpoint;
        todo!()
    }

    /// The newest checkpoint.
    pub async fn newest_checkpoint(&self) -> Result<Option<Checkpoint>> {
        todo!()
    }

    /// The smallest checkpoint whose tree holds at least `size` leaves.
    pub async fn checkpoint_covering(&self, size: u64) -> Result<Option<Checkpoint>> {
        let _ = size;
        todo!()
    }
}
