//! When this node last recorded, in a file beside the spool: a relay that is started after it dates
//! from there the gap in what it takes up.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::Millis;
use seal::manifest::Cause;

/// When recording stopped, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// The last moment in which all was in order.
    pub at: Millis,
    /// Why not later.
    pub cause: Cause,
}

/// What this node keeps telling whoever is started after it.
#[derive(Debug)]
pub struct Alive {
    file: File,
    stopped: Mutex<Option<Stopped>>,
}

/// A line is always as long, so that a newer one covers an older one.
const TIME_DIGITS: usize = 20;
const CAUSE_LETTERS: usize = 11;

impl Alive {
    /// The file in the spool's folder, and what the relay before this one said in it. `None`: there
    /// was none, or it cannot be read.
    pub fn open(folder: &Path) -> io::Result<(Self, Option<Stopped>)> {
        let path = folder.join("alive");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o660)
            .open(&path)?;
        let before = read(&std::fs::read_to_string(&path).unwrap_or_default());
        let alive = Self {
            file,
            stopped: Mutex::new(None),
        };
        Ok((alive, before))
    }

    /// Recording stopped at `at`; what is said first counts.
    pub fn stops(&self, at: Millis, cause: Cause) {
        self.stopped().get_or_insert(Stopped { at, cause });
    }

    /// There is space again. From another failure nothing goes on.
    pub fn goes_on(&self) {
        self.stopped()
            .take_if(|stopped| stopped.cause == Cause::DiskFull);
    }

    /// Says how things are `now`: should nothing more come, it stopped here. Blocks on the disk's
    /// cache. Where it cannot be written, an older moment stands, and the gap is the longer.
    pub fn tell(&self, now: Millis) {
        let stopped = *self.stopped();
        let Stopped { at, cause } = stopped.unwrap_or(Stopped {
            at: now,
            cause: Cause::Restart,
        });
        let (at, cause) = (at.0, name(cause));
        let line = format!("{at:0TIME_DIGITS$} {cause:<CAUSE_LETTERS$}\n");
        if let Err(error) = self.file.write_all_at(line.as_bytes(), 0) {
            tracing::warn!(%error, "when this node last recorded cannot be kept");
        }
    }

    fn stopped(&self) -> MutexGuard<'_, Option<Stopped>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const CAUSES: [Cause; 3] = [Cause::Restart, Cause::DiskFull, Cause::DiskFailed];

fn name(cause: Cause) -> &'static str {
    match cause {
        Cause::Restart => "restart",
        Cause::DiskFull => "disk_full",
        Cause::DiskFailed => "disk_failed",
        Cause::Damage => "damage",
        Cause::Lost => "lost",
        Cause::Muted => "muted",
        Cause::Held => "held",
        Cause::Away => "away",
        Cause::Unagreed => "unagreed",
    }
}

fn read(line: &str) -> Option<Stopped> {
    let (at, cause) = line.lines().next()?.split_once(' ')?;
    Some(Stopped {
        at: Millis(at.parse().ok()?),
        cause: CAUSES
            .into_iter()
            .find(|known| name(*known) == cause.trim_end())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_relay_reads_when_recording_stopped_and_why() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Alive::open(folder.path()).unwrap();
        let stopped = |at, cause| {
            Some(Stopped {
                at: Millis(at),
                cause,
            })
        };
        let (alive, before) = open();
        assert_eq!(before, None);
        alive.tell(Millis(1_000));
        assert_eq!(open().1, stopped(1_000, Cause::Restart));

        // A full disk stops it until there is space; whatever the time is.
        alive.stops(Millis(2_000), Cause::DiskFull);
        alive.stops(Millis(2_500), Cause::DiskFull);
        alive.tell(Millis(3_000));
        assert_eq!(open().1, stopped(2_000, Cause::DiskFull));
        alive.goes_on();
        alive.tell(Millis(4_000));
        assert_eq!(open().1, stopped(4_000, Cause::Restart));

        // From a failed one nothing goes on.
        alive.stops(Millis(5_000), Cause::DiskFailed);
        alive.goes_on();
        alive.tell(Millis(6_000));
        assert_eq!(open().1, stopped(5_000, Cause::DiskFailed));
    }

    #[test]
    fn what_is_no_such_line_says_nothing() {
        for line in ["", "\n", "17", "x restart\n", "17 tired\n", "17\0restart"] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }
}
