//! A disk in memory that can lose power: what was not synced survives whole, in part, or not at
//! all, sector by sector.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use seal::spool::{SpoolFile, SpoolFiles};

use crate::support::TestRng;

const SECTOR: usize = 512;

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub(crate) struct Ram(Arc<(Mutex<State>, Condvar)>);

pub(crate) struct State {
    segments: BTreeMap<u64, Segment>,
    /// Bytes that a recovery cut off and set aside.
    pub(crate) set_aside: BTreeMap<u64, Vec<u8>>,
    rng: TestRng,
    /// Operations until the power fails.
    pub(crate) power: Option<u64>,
    /// Whether the power has failed.
    pub(crate) dead: bool,
    /// Whether syncing does anything. With `false`, this disk only says that it did.
    pub(crate) syncs: bool,
    /// Writes that succeed before one fails.
    pub(crate) good_writes: u64,
    /// Syncs that succeed before one fails.
    pub(crate) good_syncs: u64,
    /// Syncs that were asked for.
    pub(crate) sync_calls: u64,
    /// Syncs wait while this is set.
    pub(crate) stalled: bool,
    pub(crate) free: u64,
}

#[derive(Default)]
struct Segment {
    /// What a reader sees.
    bytes: Vec<u8>,
    /// What is on the platter; `None` while not even the name is.
    durable: Option<Vec<u8>>,
    /// Whether the name is durable.
    named: bool,
    /// Written since the last sync.
    pending: Vec<(usize, Vec<u8>)>,
}

impl Ram {
    pub(crate) fn new(seed: &str) -> Self {
        let state = State {
            segments: BTreeMap::new(),
            set_aside: BTreeMap::new(),
            rng: TestRng::new(seed),
            power: None,
            dead: false,
            syncs: true,
            good_writes: u64::MAX,
            good_syncs: u64::MAX,
            sync_calls: 0,
            stalled: false,
            free: u64::MAX,
        };
        Self(Arc::new((Mutex::new(state), Condvar::new())))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    /// Lets syncs go on.
    pub(crate) fn go_on(&self) {
        self.state().stalled = false;
        self.0.1.notify_all();
    }

    /// Puts bytes there as if they had been written and synced.
    pub(crate) fn put(&self, number: u64, bytes: Vec<u8>) {
        let segment = Segment {
            durable: Some(bytes.clone()),
            bytes,
            named: true,
            pending: Vec::new(),
        };
        self.state().segments.insert(number, segment);
    }

    pub(crate) fn bytes(&self, number: u64) -> Vec<u8> {
        self.state().segments[&number].bytes.clone()
    }

    /// The process was killed and is started again: the system still has all that was written.
    pub(crate) fn relaunch(&self) {
        let mut state = self.state();
        state.dead = false;
        state.power = None;
    }

    /// The power comes back: what the disk has now.
    pub(crate) fn restart(&self) {
        let mut guard = self.state();
        let state = &mut *guard;
        state.dead = false;
        state.power = None;
        let rng = &mut state.rng;
        state.segments.retain(|_, segment| {
            // A name that was not synced is there or not, as it happens.
            if !segment.named && rng.below(2) == 0 {
                return false;
            }
            segment.named = true;
            let size = segment.bytes.len();
            let mut bytes = segment.durable.take().unwrap_or_default();
            // How many of a hundred sectors survive, for this segment in this crash.
            let odds = [0, 20, 50, 80, 100][rng.below(5) as usize];
            for (offset, written) in segment.pending.drain(..) {
                let mut at = 0;
                while at < written.len() {
                    let end = written
                        .len()
                        .min((offset + at) / SECTOR * SECTOR + SECTOR - offset);
                    if rng.below(100) < odds {
                        if bytes.len() < offset + end {
                            bytes.resize(offset + end, 0);
                        }
                        // A sector may be torn in the middle, too.
                        let torn = if rng.below(8) == 0 {
                            at + rng.below((end - at) as u64) as usize
                        } else {
                            end
                        };
                        bytes[offset + at..offset + torn].copy_from_slice(&written[at..torn]);
                    }
                    at = end;
                }
            }
            if bytes.len() < size && rng.below(2) == 0 {
                bytes.resize(size, 0);
            }
            segment.bytes.clone_from(&bytes);
            segment.durable = Some(bytes);
            true
        });
    }
}

impl State {
    /// One operation: `Err` if the power is gone, `Ok(true)` if it goes in the middle of this one.
    fn step(&mut self) -> io::Result<bool> {
        if self.dead {
            return Err(io::Error::other("no power"));
        }
        if let Some(left) = &mut self.power {
            *left = left.saturating_sub(1);
            self.dead = *left == 0;
        }
        Ok(self.dead)
    }

    fn gone<T>(dies: bool, done: T) -> io::Result<T> {
        if dies {
            Err(io::Error::other("no power"))
        } else {
            Ok(done)
        }
    }
}

/// An open segment of a [`Ram`].
pub(crate) struct RamFile {
    ram: Ram,
    number: u64,
}

impl SpoolFiles for Ram {
    type File = RamFile;

    fn segments(&self) -> io::Result<Vec<u64>> {
        Ok(self.state().segments.keys().copied().collect())
    }

    fn create(&self, number: u64, bytes: u64) -> io::Result<RamFile> {
        let mut state = self.state();
        let dies = state.step()?;
        let segment = Segment {
            bytes: vec![0; usize::try_from(bytes).unwrap()],
            ..Segment::default()
        };
        assert!(state.segments.insert(number, segment).is_none());
        let ram = self.clone();
        State::gone(dies, RamFile { ram, number })
    }

    fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        Ok(self.bytes(number))
    }

    fn read_at(&self, number: u64, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let bytes = self.bytes(number);
        let offset = usize::try_from(offset).unwrap();
        bytes
            .get(offset..offset + length)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn cut(&self, number: u64, length: u64, keep: Option<&[u8]>) -> io::Result<()> {
        let mut state = self.state();
        let dies = state.step()?;
        if !dies {
            if let Some(bytes) = keep {
                state.set_aside.insert(number, bytes.to_vec());
            }
            let segment = state.segments.get_mut(&number).unwrap();
            segment.bytes.truncate(usize::try_from(length).unwrap());
            segment.durable = Some(segment.bytes.clone());
            segment.pending.clear();
        }
        State::gone(dies, ())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.state();
        let dies = state.step()?;
        if !dies && state.syncs {
            for segment in state.segments.values_mut() {
                segment.named = true;
            }
        }
        State::gone(dies, ())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.state().free)
    }
}

impl SpoolFile for RamFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.ram.state();
        let dies = state.step()?;
        if state.good_writes == 0 {
            return Err(io::Error::other("a write failed"));
        }
        state.good_writes -= 1;
        let offset = usize::try_from(offset).unwrap();
        let segment = state.segments.get_mut(&self.number).unwrap();
        segment.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        segment.pending.push((offset, bytes.to_vec()));
        State::gone(dies, ())
    }

    fn sync(&mut self) -> io::Result<()> {
        let (lock, wake) = &*self.ram.0;
        let mut state = lock.lock().unwrap();
        state.sync_calls += 1;
        while state.stalled {
            state = wake.wait(state).unwrap();
        }
        let dies = state.step()?;
        if state.good_syncs == 0 {
            return Err(io::Error::other("a sync failed"));
        }
        state.good_syncs -= 1;
        if !dies && state.syncs {
            let segment = state.segments.get_mut(&self.number).unwrap();
            segment.durable = Some(segment.bytes.clone());
            segment.pending.clear();
        }
        State::gone(dies, ())
    }

    fn finish(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.ram.state();
        let dies = state.step()?;
        let segment = state.segments.get_mut(&self.number).unwrap();
        segment.bytes.truncate(usize::try_from(length).unwrap());
        State::gone(dies, ())
    }
}
