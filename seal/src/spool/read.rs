//! Reading a spool that another process writes, or wrote: for the recorder's intake.
//!
//! ```no_run
//! # fn main() -> Result<(), seal::spool::SpoolError> {
//! # let directory = std::path::Path::new("data/spool/node");
//! use seal::spool::read::{Position, read};
//! let mut from = Position::default();
//! loop {
//!     let batch = read(directory, from, 8 << 20)?;
//!     if batch.next == from { break }
//!     // import batch.records, and with them, in one transaction, batch.next
//!     from = batch.next;
//! }
//! # Ok(()) }
//! ```

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::{cut_path, segment_path, segments};
use super::frame::{self, Bad, FRAME_HEADER, Parsed, SEGMENT_HEADER};
use super::{Damage, DamageKind, Location, Record, SpoolError};

/// Read from a segment at once.
const CHUNK: usize = 1 << 20;

/// How far somebody has read. The default is the beginning of whatever is there.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The segment's number.
    pub segment: u64,
    /// Bytes from its beginning.
    pub offset: u64,
}

/// A record and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Located {
    /// Where.
    pub at: Location,
    /// What.
    pub record: Record,
}

/// What [`read`] found.
#[derive(Debug, Default)]
pub struct Batch {
    /// Whole records, all of them durable.
    pub records: Vec<Located>,
    /// Where to go on; as before if there is nothing new.
    pub next: Position,
    /// What was skipped.
    pub damage: Vec<Damage>,
    /// Where reading stopped before the newest segment's end. If the relay runs, it is about to be
    /// written; if it does not, a crash tore it, and the relay will cut it off, or, where whole
    /// frames stand behind it, begin a new segment: it is then read on as damage.
    pub tail: Option<Damage>,
}

/// Reads on from `from`: about `bytes` bytes, and at least one record if there is one. Everything
/// that is returned is durable: it is synced here before it is handed out, because the writer's own
/// sync may still be on its way.
pub fn read(directory: &Path, from: Position, bytes: usize) -> Result<Batch, SpoolError> {
    let mut batch = Batch {
        next: from,
        ..Batch::default()
    };
    // Listed before anything is read: what is not the newest now is complete.
    let numbers = numbers(directory)?;
    let newest = numbers.last().copied().unwrap_or(0);
    let mut budget = bytes;
    for number in numbers.iter().copied().filter(|n| *n >= from.segment) {
        if number != batch.next.segment {
            batch.next = Position {
                segment: number,
                offset: 0,
            };
        }
        let last = number == newest;
        let life = if last { Life::Growing } else { Life::Finished };
        let mut file = File::open(segment_path(directory, number))
            .map_err(SpoolError::io("open a segment"))?;
        let mut all = false;
        let complete = loop {
            let offset = batch.next.offset;
            let limit = if all { usize::MAX } else { budget.min(CHUNK) };
            let chunk = read_chunk(&mut file, offset, limit, last)
                .map_err(SpoolError::io("read a segment"))?;
            let mut segment = Segment {
                base: offset,
                complete: chunk.complete,
                ..Segment::whole(number, &chunk.bytes, life)
            };
            for (at, record) in &mut segment {
                batch.records.push(Located { at, record });
            }
            budget = budget.saturating_sub(segment.at);
            batch.next.offset += segment.at as u64;
            batch.damage.append(&mut segment.damage);
            batch.tail = segment.tail;
            all = segment.needs_all;
            if chunk.complete || batch.tail.is_some() || (budget == 0 && !all) {
                break chunk.complete;
            }
        };
        let new = batch.records.last().is_some_and(|l| l.at.segment == number);
        if last && new {
            file.sync_data().map_err(SpoolError::io("sync a segment"))?;
        }
        if !complete {
            break;
        }
    }
    Ok(batch)
}

/// The numbers of the segments that are there, in order.
pub fn numbers(directory: &Path) -> Result<Vec<u64>, SpoolError> {
    segments(directory).map_err(SpoolError::io("list the segments"))
}

/// Reads everything that is there.
pub fn scan(directory: &Path) -> Result<Batch, SpoolError> {
    read(directory, Position::default(), usize::MAX)
}

/// Deletes the oldest segment, once everything in it stands elsewhere. Refuses any other, and the
/// newest: it is being written. In this order a recording's end is never freed before its parts.
pub fn free(directory: &Path, number: u64) -> Result<(), SpoolError> {
    let numbers = numbers(directory)?;
    if numbers.first() != Some(&number) || numbers.last() == Some(&number) {
        return Err(SpoolError::Missing(Location {
            segment: number,
            ..Location::default()
        }));
    }
    let doing = "delete a segment";
    std::fs::remove_file(segment_path(directory, number)).map_err(SpoolError::io(doing))?;
    match std::fs::remove_file(cut_path(directory, number)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(SpoolError::io(doing)(error));
        }
        _ => {}
    }
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(SpoolError::io(doing))
}

/// What may be expected at a segment's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Another segment follows: what is not a frame is damage, and reading goes on behind it.
    Finished,
    /// The newest, and its writer is gone: what is not a frame is the end, unless a whole frame
    /// stands behind it. Then it is damage as in a finished one.
    Newest,
    /// The newest, and somebody may be writing it: a zero word, too, is the end.
    Growing,
}

/// Walks over the frames of (a piece of) one segment.
pub(super) struct Segment<'a> {
    pub(super) number: u64,
    pub(super) bytes: &'a [u8],
    /// Where `bytes` begin within the segment.
    pub(super) base: u64,
    /// How far it got within `bytes`.
    pub(super) at: usize,
    pub(super) life: Life,
    /// Whether `bytes` reach to the end of the segment.
    pub(super) complete: bool,
    /// Whether the walk stopped because it must see the segment to its end first.
    pub(super) needs_all: bool,
    pub(super) damage: Vec<Damage>,
    pub(super) tail: Option<Damage>,
}

impl<'a> Segment<'a> {
    /// A whole segment.
    pub(super) fn whole(number: u64, bytes: &'a [u8], life: Life) -> Self {
        Self {
            number,
            bytes,
            base: 0,
            at: 0,
            life,
            complete: true,
            needs_all: false,
            damage: Vec::new(),
            tail: None,
        }
    }

    /// Where the newest segment is to be cut; for [`Segment::whole`] after the walk. Moves the tail
    /// into the damage.
    pub(super) fn end(&mut self) -> usize {
        self.damage.extend(self.tail.take());
        self.at
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Whether what remains may be the beginning of a frame.
    fn is_cut_short(&self) -> bool {
        let rest = self.rest();
        rest.len() < FRAME_HEADER
            || frame::frame_length(rest).is_some_and(|length| length > rest.len())
    }

    fn here(&self, length: usize) -> Location {
        Location {
            segment: self.number,
            offset: self.base + self.at as u64,
            length: length as u64,
        }
    }

    /// Deals with something that is not a frame; `None` if the walk is over.
    fn bad(&mut self, bad: Bad) -> Option<()> {
        if self.life == Life::Finished && !self.complete {
            self.needs_all = true;
            return None;
        }
        let behind = match self.life {
            Life::Growing => None,
            _ => frame::resynchronise(self.bytes, self.at + 1),
        };
        if behind.is_none() && self.life != Life::Finished {
            let written = self.rest().iter().rposition(|byte| *byte != 0);
            self.tail = Some(Damage {
                at: self.here(written.map_or(0, |last| last + 1)),
                kind: DamageKind::Frame(bad),
                tail: true,
            });
            return None;
        }
        let next = behind.unwrap_or(self.bytes.len());
        let lost = self.here(next - self.at);
        self.at = next;
        self.damage.push(Damage {
            at: lost,
            kind: DamageKind::Frame(bad),
            tail: false,
        });
        Some(())
    }

    /// Reads over the segment's header; `None` if the walk is over.
    fn header(&mut self) -> Option<()> {
        if self.base + self.at as u64 >= SEGMENT_HEADER as u64 {
            return Some(());
        }
        if self.rest().get(..SEGMENT_HEADER) == Some(&frame::segment_header(self.number)) {
            self.at = SEGMENT_HEADER;
            return Some(());
        }
        let rest = self.rest();
        if rest.is_empty() {
            return None;
        }
        if !self.complete {
            self.needs_all = true;
            return None;
        }
        // A header that is only altered costs nothing; one of another segment everything.
        let others = frame::is_segment_header(rest);
        let after = rest.get(SEGMENT_HEADER..).map(frame::parse);
        let length = match after {
            Some(Parsed::Frame { .. }) if !others => SEGMENT_HEADER,
            _ if !others || self.life == Life::Growing => return self.bad(Bad::SegmentHeader),
            _ => rest.len(),
        };
        self.damage.push(Damage {
            at: self.here(length),
            kind: DamageKind::Frame(Bad::SegmentHeader),
            tail: false,
        });
        self.at = length;
        Some(())
    }
}

impl Iterator for Segment<'_> {
    type Item = (Location, Record);

    fn next(&mut self) -> Option<Self::Item> {
        self.header()?;
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                return None;
            }
            match frame::parse(rest) {
                Parsed::Frame { body, length } => {
                    let at = self.here(length);
                    self.at += length;
                    match frame::decode(body) {
                        Ok(record) => return Some((at, record)),
                        Err(bad) => self.damage.push(Damage {
                            at,
                            kind: DamageKind::Frame(bad),
                            tail: false,
                        }),
                    }
                }
                // A piece that ends within a frame is not damage: the rest is read next time.
                _ if !self.complete && self.is_cut_short() => return None,
                // Somebody is about to write here; how far they got is not worth knowing.
                Parsed::End if self.life == Life::Growing => return None,
                Parsed::End if self.complete && rest.iter().all(|byte| *byte == 0) => return None,
                Parsed::End => self.bad(Bad::Magic)?,
                Parsed::Bad(bad) => self.bad(bad)?,
            }
        }
    }
}

/// A piece of a segment.
struct Chunk {
    bytes: Vec<u8>,
    /// Whether it reaches to the end of what was written.
    complete: bool,
}

/// Reads about `budget` bytes from `offset`, at least one whole frame. Of the newest segment nothing
/// is read where nothing is written: its preallocated zeros are not read over and over.
fn read_chunk(file: &mut File, offset: u64, budget: usize, newest: bool) -> io::Result<Chunk> {
    let length = file.metadata()?.len().saturating_sub(offset);
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.by_ref()
        .take((SEGMENT_HEADER + FRAME_HEADER) as u64)
        .read_to_end(&mut bytes)?;
    if newest && bytes.iter().take(FRAME_HEADER).all(|byte| *byte == 0) {
        return Ok(Chunk {
            bytes: Vec::new(),
            complete: true,
        });
    }
    let frame = frame::frame_length(&bytes).unwrap_or(0);
    let want = budget.max(frame).max(1 << 16).saturating_sub(bytes.len());
    file.by_ref().take(want as u64).read_to_end(&mut bytes)?;
    let complete = bytes.len() as u64 >= length;
    Ok(Chunk { bytes, complete })
}
