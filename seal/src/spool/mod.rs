//! The spool: one append-only place on a node's disk in which everything that was sealed becomes
//! durable, for all sessions together.
//!
//! A thread of its own writes it. What many sessions append at about the same time becomes durable
//! with one `write` and one `fdatasync` (group commit). After an error of either the spool is
//! [`SpoolState::Failed`] for good: whether the bytes are on the disk is then unknowable, and asking
//! again would be answered wrongly.

mod files;
mod frame;
pub mod read;
mod record;
mod recover;
mod writer;

use core::fmt;
use core::time::Duration;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

pub use files::{Disk, SpoolFile, SpoolFiles};
pub use frame::{Bad, Parsed, decode, encode, parse, segment_header};
pub use record::{
    Begin, End, Epoch, Event, EventKind, KeptWrap, LiveWrap, LiveWraps, Record, RecordedConsent,
    RecordedGap, TrackWrap,
};
pub use recover::{Recovered, RecoveredEpoch, RecoveredPart, RecoveredRecording, RecoveredTrack};

use writer::Shared;

/// How the spool is written.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// Preallocated at once. A larger append makes a larger segment.
    pub segment_bytes: u64,
    /// How long an append may wait for company while more than one session is active.
    pub linger: Duration,
    /// Left free on the disk: below it the spool is [`SpoolState::Full`].
    pub min_free_bytes: u64,
    /// Bytes that may wait; more is refused with [`SpoolError::Busy`].
    pub queue_bytes: usize,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            linger: Duration::from_millis(2),
            min_free_bytes: 256 << 20,
            queue_bytes: 32 << 20,
        }
    }
}

/// Whether the spool takes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpoolState {
    /// It does.
    Ok,
    /// There is no space for another segment: begin nothing new. What runs may go on to the end of
    /// this one. Becomes `Ok` by itself when there is space again.
    Full,
    /// A write or sync failed. Stays so until a restart.
    Failed,
}

/// Why something is not, or not known to be, durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// The disk has no space for another segment. Nothing of this append was written.
    #[error("the spool's disk is full")]
    Full,
    /// A write or sync failed, now or earlier.
    #[error("the spool has failed and takes nothing until a restart")]
    Failed,
    /// Too much waits already. Nothing of this append was written.
    #[error("the spool's queue is full")]
    Busy,
    /// The spool was closed.
    #[error("the spool is closed")]
    Closed,
    /// A record that does not fit into a frame.
    #[error("the record is too large for the spool")]
    TooLarge,
    /// Another process has the spool open.
    #[error("the spool is in use by another process")]
    InUse,
    /// The spool cannot be read or made.
    #[error("cannot {doing} in the spool: {cause}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        cause: String,
    },
    /// No such record stands there.
    #[error("no whole record at segment {}, byte {}", .0.segment, .0.offset)]
    Missing(Location),
}

impl SpoolError {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                Self::InUse
            } else {
                Self::Io {
                    doing,
                    cause: error.to_string(),
                }
            }
        }
    }
}

/// Where something stands in the spool.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// The segment's number.
    pub segment: u64,
    /// Bytes from the segment's beginning.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// A place where the spool is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Damage {
    /// Which bytes.
    pub at: Location,
    /// What is wrong with them.
    pub kind: DamageKind,
    /// Whether it is the end of the newest segment, with no whole frame behind: after a crash that
    /// is what was never acknowledged. Anything else may have been.
    pub tail: bool,
}

impl Damage {
    /// Whether it is a segment's header and nothing else: no record is lost.
    fn is_header_alone(&self) -> bool {
        self.kind == DamageKind::Frame(Bad::SegmentHeader)
            && self.at.length == frame::SEGMENT_HEADER as u64
    }
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DamageKind {
    /// Not a frame.
    Frame(Bad),
    /// A whole frame whose part does not continue its track, or whose recording has no beginning.
    Chain(proto::RecordingId),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location {
            segment,
            offset,
            length,
        } = self.at;
        let what = match self.kind {
            DamageKind::Frame(Bad::SegmentHeader) => "no segment header",
            DamageKind::Frame(Bad::Magic) => "no frame",
            DamageKind::Frame(Bad::Length) => "a frame cut short",
            DamageKind::Frame(Bad::Checksum) => "a frame with altered bytes",
            DamageKind::Frame(Bad::Content) => "a frame with content that is not known",
            DamageKind::Chain(_) => "a part that does not continue its track",
        };
        write!(
            f,
            "segment {segment}, bytes {offset} to {}: {what}",
            offset.saturating_add(length)
        )?;
        if let DamageKind::Chain(recording) = self.kind {
            write!(f, " (recording {recording})")?;
        }
        Ok(())
    }
}

/// The handle through which sessions append. Clones share one spool; when the last is dropped, what
/// waits is still written.
#[derive(Clone)]
pub struct Spool(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    read: Box<dyn Fn(Location) -> io::Result<Vec<u8>> + Send + Sync>,
    finished: watch::Receiver<bool>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Spool {
    /// Opens the spool in `directory`, for this process alone. See [`Spool::open`].
    pub fn open_directory(
        directory: &Path,
        config: SpoolConfig,
    ) -> Result<(Self, Recovered), SpoolError> {
        let files = Disk::open(directory).map_err(SpoolError::io("open the folder"))?;
        Self::open(config, files)
    }

    /// Reads what is there, cuts off what was torn at the newest segment's end, begins a new segment
    /// and starts the writer thread. Needs no key.
    pub fn open<F: SpoolFiles>(
        config: SpoolConfig,
        files: F,
    ) -> Result<(Self, Recovered), SpoolError> {
        let files = Arc::new(files);
        let (recovered, last) = recover::recover(&*files)?;
        let (shared, finished) = writer::start(config, Arc::clone(&files), last)?;
        let read = Box::new(move |at: Location| {
            let length = usize::try_from(at.length).map_err(io::Error::other)?;
            files.read_at(at.segment, at.offset, length)
        });
        let handle = Handle {
            shared,
            read,
            finished,
        };
        Ok((Self(Arc::new(handle)), recovered))
    }

    /// Appends `records` together and calls `done` once, when they are durable or are known not to
    /// be. The order of calls is the order in the spool.
    ///
    /// `done` runs on the writer thread (or on this one, if the append is refused at once): it
    /// should only pass the news on. After an error the track that made the records is broken: its
    /// next part would bind one that is not there.
    pub fn submit(
        &self,
        records: &[Record],
        done: impl FnOnce(Result<Location, SpoolError>) + Send + 'static,
    ) {
        let mut bytes = Vec::with_capacity(1024);
        for record in records {
            if encode(record, &mut bytes).is_err() {
                return done(Err(SpoolError::TooLarge));
            }
        }
        if let Err((error, done)) = self.0.shared.push(&bytes, Box::new(done)) {
            done(Err(error));
        }
    }

    /// Appends `records` together; resolves when they are durable. What is awaited here is already
    /// on its way: dropping the future takes nothing back.
    pub async fn append(&self, records: &[Record]) -> Result<Location, SpoolError> {
        let (sender, receiver) = oneshot::channel();
        self.submit(records, move |result| {
            let _ = sender.send(result);
        });
        receiver.await.unwrap_or(Err(SpoolError::Failed))
    }

    /// Reads records back: those of one append, or the one of a [`RecoveredPart`]. Blocks on the
    /// disk, mostly on its cache.
    pub fn read(&self, at: Location) -> Result<Vec<Record>, SpoolError> {
        let bytes = (self.0.read)(at).map_err(|_| SpoolError::Missing(at))?;
        let mut rest = bytes.as_slice();
        let mut records = Vec::new();
        while !rest.is_empty() {
            let Parsed::Frame { body, length } = parse(rest) else {
                return Err(SpoolError::Missing(at));
            };
            records.push(decode(body).map_err(|_| SpoolError::Missing(at))?);
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(records)
    }

    /// Whether anything is taken.
    pub fn state(&self) -> SpoolState {
        *self.0.shared.state.borrow()
    }

    /// What the system said when the spool failed.
    pub fn failure(&self) -> Option<&str> {
        self.0.shared.failure.get().map(String::as_str)
    }

    /// Tells of every change of [`Spool::state`].
    pub fn watch(&self) -> watch::Receiver<SpoolState> {
        self.0.shared.state.subscribe()
    }

    /// How many sessions are active: with one, nothing lingers.
    pub fn sessions_active(&self, sessions: usize) {
        self.0.shared.sessions_active(sessions);
    }

    /// How often something was synced to the disk so far.
    pub fn syncs(&self) -> u64 {
        self.0.shared.syncs()
    }

    /// Refuses what comes, writes what waits, and ends the writer thread.
    pub async fn close(self) {
        self.0.shared.close();
        let mut finished = self.0.finished.clone();
        // An error means that the thread is gone already.
        let _ = finished.wait_for(|finished| *finished).await;
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spool({:?})", self.state())
    }
}
