//! The thread that writes: group commit, segments, and what happens when the disk says no.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::frame::{SEGMENT_HEADER, segment_header};
use super::{Location, SpoolConfig, SpoolError, SpoolFile, SpoolFiles, SpoolState};

/// How often free space is looked at while nothing is written.
const IDLE: Duration = Duration::from_secs(1);
/// How many bytes are written between two looks at the free space.
const CHECK_EVERY: u64 = 1 << 20;

/// Called once, when an append is durable or is known not to be.
pub(super) type Done = Box<dyn FnOnce(Result<Location, SpoolError>) + Send>;

/// What the handles and the writer thread share.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    queue_bytes: usize,
    sessions: AtomicUsize,
    syncs: AtomicU64,
    pub(super) state: watch::Sender<SpoolState>,
    pub(super) failure: OnceLock<String>,
}

#[derive(Default)]
struct Queue {
    batch: Batch,
    /// How many appends must wait before the writer is woken; `None` while it is awake.
    wake_at: Option<usize>,
    refuse: Option<SpoolError>,
}

/// Appends on their way: their bytes, one after the other, and who waits for each.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    waiting: Vec<Waiting>,
}

struct Waiting {
    length: usize,
    done: Done,
}

impl Shared {
    /// Queues an append, or gives `done` back.
    pub(super) fn push(&self, bytes: &[u8], done: Done) -> Result<(), (SpoolError, Done)> {
        let mut queue = self.lock();
        if let Some(error) = &queue.refuse {
            return Err((error.clone(), done));
        }
        let queued = queue.batch.bytes.len();
        if queued > 0 && queued + bytes.len() > self.queue_bytes {
            return Err((SpoolError::Busy, done));
        }
        queue.batch.bytes.extend_from_slice(bytes);
        queue.batch.waiting.push(Waiting {
            length: bytes.len(),
            done,
        });
        if queue
            .wake_at
            .is_some_and(|count| queue.batch.waiting.len() >= count)
        {
            queue.wake_at = None;
            drop(queue);
            self.wake.notify_one();
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.refuse.get_or_insert(SpoolError::Closed);
        queue.wake_at = None;
        drop(queue);
        self.wake.notify_one();
    }

    pub(super) fn sessions_active(&self, sessions: usize) {
        self.sessions.store(sessions, Ordering::Relaxed);
    }

    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_state(&self, state: SpoolState) {
        self.state.send_if_modified(|now| {
            let changed = *now != state && *now != SpoolState::Failed;
            if changed {
                *now = state;
            }
            changed
        });
    }

    /// Swaps what waits into `batch`; `false` once the spool is closed and nothing waits. An empty
    /// batch means that nothing came for a while.
    fn take(&self, batch: &mut Batch, linger: Duration) -> bool {
        let mut queue = self.lock();
        if queue.batch.waiting.is_empty() && queue.refuse.is_none() {
            queue = self.wait(queue, 1, IDLE);
        }
        // Company comes only where others are active: as soon as half of them are here, go.
        let company = self.sessions.load(Ordering::Relaxed) / 2;
        let waiting = queue.batch.waiting.len();
        if waiting > 0 && waiting < company && queue.refuse.is_none() && !linger.is_zero() {
            queue = self.wait(queue, company, linger);
        }
        std::mem::swap(&mut queue.batch, batch);
        !batch.waiting.is_empty() || queue.refuse.is_none()
    }

    /// Sleeps until `count` appends wait, or `time` has passed, or (harmlessly) sooner.
    fn wait<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        count: usize,
        time: Duration,
    ) -> MutexGuard<'a, Queue> {
        queue.wake_at = Some(count);
        let (mut queue, _) = self
            .wake
            .wait_timeout(queue, time)
            .unwrap_or_else(PoisonError::into_inner);
        queue.wake_at = None;
        queue
    }

    /// Refuses everything from now on.
    fn fail(&self, cause: &dyn std::fmt::Display) {
        let _ = self.failure.set(cause.to_string());
        self.set_state(SpoolState::Failed);
        self.lock().refuse = Some(SpoolError::Failed);
    }

    /// Tells whoever still waits, once nothing more is taken.
    fn turn_away(&self) {
        let batch = std::mem::take(&mut self.lock().batch);
        for waiting in batch.waiting {
            (waiting.done)(Err(SpoolError::Failed));
        }
    }
}

/// Begins segment `last + 1` and starts the thread.
pub(super) fn start<F: SpoolFiles>(
    config: SpoolConfig,
    files: Arc<F>,
    last: u64,
) -> Result<(Arc<Shared>, watch::Receiver<bool>), SpoolError> {
    let shared = Arc::new(Shared {
        queue: Mutex::default(),
        wake: Condvar::new(),
        queue_bytes: config.queue_bytes,
        sessions: AtomicUsize::new(0),
        syncs: AtomicU64::new(0),
        state: watch::Sender::new(SpoolState::Ok),
        failure: OnceLock::new(),
    });
    let mut writer = Writer {
        shared: Arc::clone(&shared),
        files,
        config,
        segment: None,
        last,
        unchecked: 0,
    };
    match writer.roll(0) {
        Ok(()) => {}
        // Nothing is taken until there is space; then it goes on by itself.
        Err(Refused::Full) => shared.set_state(SpoolState::Full),
        Err(Refused::Failed(error)) => return Err(SpoolError::io("begin a segment")(error)),
    }
    let (finished, receiver) = watch::channel(false);
    std::thread::Builder::new()
        .name("spool".to_owned())
        .spawn(move || {
            writer.run();
            // The folder's lock goes with it: whoever waited may open the spool again.
            drop(writer);
            finished.send_replace(true);
        })
        .map_err(SpoolError::io("start a thread"))?;
    Ok((shared, receiver))
}

/// Why nothing can be written.
enum Refused {
    Full,
    Failed(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

struct Writer<F: SpoolFiles> {
    shared: Arc<Shared>,
    files: Arc<F>,
    config: SpoolConfig,
    /// `None` while the disk has no space for one.
    segment: Option<Open<F::File>>,
    /// The newest segment's number.
    last: u64,
    /// Bytes written since the free space was looked at.
    unchecked: u64,
}

/// The segment that is being written.
struct Open<File> {
    number: u64,
    file: File,
    offset: u64,
    size: u64,
}

impl<F: SpoolFiles> Writer<F> {
    fn run(&mut self) {
        /// Whoever waits is told, even if a callback panics.
        struct Leave(Arc<Shared>);
        impl Drop for Leave {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    self.0.fail(&"the writer thread panicked");
                }
                self.0.turn_away();
            }
        }

        let _leave = Leave(Arc::clone(&self.shared));
        let mut batch = Batch::default();
        while self.shared.take(&mut batch, self.config.linger) {
            let written = self.unchecked;
            if self.write(&mut batch).is_err() {
                return;
            }
            if batch.bytes.is_empty() || written >= CHECK_EVERY {
                self.check_space();
            }
            batch.bytes.clear();
        }
        if let Some(open) = &mut self.segment {
            // Only gives space back: nothing that was acknowledged depends on it.
            let _ = open.file.finish(open.offset);
        }
    }

    /// Writes a batch with one write and one sync per segment, and answers whoever waits. An error
    /// means that the spool has failed.
    fn write(&mut self, batch: &mut Batch) -> Result<(), ()> {
        let mut rest = batch.bytes.as_slice();
        let mut waiting = batch.waiting.drain(..).peekable();
        while let Some(first) = waiting.peek() {
            if self.room() < first.length as u64 || self.segment.is_none() {
                match self.roll(first.length as u64) {
                    Ok(()) => {}
                    Err(Refused::Full) => {
                        self.shared.set_state(SpoolState::Full);
                        waiting.for_each(|waiting| (waiting.done)(Err(SpoolError::Full)));
                        return Ok(());
                    }
                    Err(Refused::Failed(error)) => {
                        self.shared.fail(&error);
                        waiting.for_each(|waiting| (waiting.done)(Err(SpoolError::Failed)));
                        return Err(());
                    }
                }
            }
            let Some(open) = &mut self.segment else {
                return Err(());
            };
            let mut group = Vec::with_capacity(waiting.size_hint().0);
            let mut length = 0;
            while let Some(next) =
                waiting.next_if(|next| open.offset + (length + next.length) as u64 <= open.size)
            {
                length += next.length;
                group.push(next);
            }
            let (bytes, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after;
            let done = open.file.write_at(bytes, open.offset).and_then(|()| {
                self.shared.syncs.fetch_add(1, Ordering::Relaxed);
                open.file.sync()
            });
            if let Err(error) = done {
                self.shared.fail(&error);
                let group = group.into_iter().chain(waiting);
                group.for_each(|waiting| (waiting.done)(Err(SpoolError::Failed)));
                return Err(());
            }
            self.unchecked += length as u64;
            for waiting in group {
                let at = Location {
                    segment: open.number,
                    offset: open.offset,
                    length: waiting.length as u64,
                };
                open.offset += at.length;
                (waiting.done)(Ok(at));
            }
        }
        Ok(())
    }

    /// Bytes that the segment still takes.
    fn room(&self) -> u64 {
        self.segment
            .as_ref()
            .map_or(0, |open| open.size - open.offset)
    }

    /// Begins the next segment, with room for an append of `length` bytes.
    fn roll(&mut self, length: u64) -> Result<(), Refused> {
        let size = self.segment_bytes(length);
        if self.free_bytes() < size.saturating_add(self.config.min_free_bytes) {
            return Err(Refused::Full);
        }
        let number = self.last + 1;
        let mut file = match self.files.create(number, size) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return Err(Refused::Full),
            created => created?,
        };
        file.write_at(&segment_header(number), 0)?;
        file.sync()?;
        self.files.sync_directory()?;
        self.shared.syncs.fetch_add(2, Ordering::Relaxed);
        let before = self.segment.replace(Open {
            number,
            file,
            offset: SEGMENT_HEADER as u64,
            size,
        });
        self.last = number;
        if let Some(mut before) = before {
            // Only gives space back: nothing that was acknowledged depends on it.
            let _ = before.file.finish(before.offset);
        }
        Ok(())
    }

    /// Sees ahead of the next [`Writer::roll`] whether there will be space for it.
    fn check_space(&mut self) {
        self.unchecked = 0;
        let wanted = self
            .segment_bytes(0)
            .saturating_add(self.config.min_free_bytes);
        self.shared.set_state(if self.free_bytes() < wanted {
            SpoolState::Full
        } else {
            SpoolState::Ok
        });
    }

    fn segment_bytes(&self, length: u64) -> u64 {
        self.config
            .segment_bytes
            .max(SEGMENT_HEADER as u64 + length)
    }

    /// What cannot be asked is taken for plenty: the disk itself says so soon enough.
    fn free_bytes(&self) -> u64 {
        self.files.free_bytes().unwrap_or(u64::MAX)
    }
}
