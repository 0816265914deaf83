//! Media batches: the plaintext of one part of an audio, video or screen track.
//!
//! ```text
//! batch = version u8 = 1 ‖ base i64 (µs since the Unix epoch) ‖ item…
//! item  = kind u8 ‖ length u32 ‖ body[length]          numbers big endian, times µs after base
//! ```
//! RTP payloads as they came, with what is needed to put them in time. Nothing is assembled here:
//! the writer copies, and frames are made when a recording is opened. Pure: the caller's clock.

use core::fmt;

use bytes::{Buf as _, Bytes};
use zeroize::{Zeroize as _, Zeroizing};

/// The first byte of a batch.
pub const VERSION: u8 = 1;

/// Version and base.
const HEADER: usize = 1 + 8;
/// Kind and length.
const ITEM_HEADER: usize = 1 + 4;

const STREAM: u8 = 1;
const RTP: u8 = 2;
const REPORT: u8 = 3;
const PAUSE: u8 = 4;
const RESUME: u8 = 5;
const LOST: u8 = 6;
const KNOWN: core::ops::RangeInclusive<u8> = STREAM..=LOST;

/// How the payloads of a stream are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Opus (RFC 7587).
    Opus,
    /// VP8 (RFC 7741).
    Vp8,
    /// H.264 (RFC 6184).
    H264,
    /// One that this version does not know.
    Other(u8),
}

impl Codec {
    /// As a batch writes it.
    pub fn number(self) -> u8 {
        match self {
            Self::Opus => 1,
            Self::Vp8 => 2,
            Self::H264 => 3,
            Self::Other(number) => number,
        }
    }

    /// Reads [`Codec::number`].
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Opus,
            2 => Self::Vp8,
            3 => Self::H264,
            other => Self::Other(other),
        }
    }
}

/// Why nothing of a source is recorded for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PauseCause {
    /// Its owner muted it.
    Muted,
    /// Its owner put the call on hold.
    Held,
    /// Somebody in the call has not agreed to this kind.
    Unagreed,
    /// Its owner's connection is gone.
    Away,
}

impl PauseCause {
    fn number(self) -> u8 {
        match self {
            Self::Muted => 1,
            Self::Held => 2,
            Self::Unagreed => 3,
            Self::Away => 4,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Muted),
            2 => Some(Self::Held),
            3 => Some(Self::Unagreed),
            4 => Some(Self::Away),
            _ => None,
        }
    }
}

/// A run of RTP packets with one SSRC and one codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stream {
    /// Counted from 1 within the track: a new SSRC, codec or connection is a new stream.
    pub number: u16,
    /// Of its payloads.
    pub codec: Codec,
    /// RTP time units in a second.
    pub clock_rate: u32,
    /// 1 or 2 for sound, 0 for pictures.
    pub channels: u8,
}

/// One RTP packet. `P` is what holds the payload: `&[u8]` to write, [`Bytes`] as read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<P> {
    /// Its stream.
    pub stream: u16,
    /// When it arrived: µs since the Unix epoch.
    pub arrival: i64,
    /// Sequence number, extended by its roll-overs: the low 16 bits are as on the wire.
    pub seq: u32,
    /// RTP time.
    pub time: u32,
    /// RTP marker.
    pub marker: bool,
    /// RTP payload, without header extensions and padding.
    pub payload: P,
}

impl<P: AsRef<[u8]>> fmt::Debug for Packet<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("stream", &self.stream)
            .field("seq", &self.seq)
            .field("bytes", &self.payload.as_ref().len())
            .finish_non_exhaustive()
    }
}

/// What an RTCP sender report says of a stream's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Report {
    /// Its stream.
    pub stream: u16,
    /// When it arrived: µs since the Unix epoch.
    pub arrival: i64,
    /// The sender's wall clock: NTP, 32 bits of seconds and 32 of their fraction.
    pub ntp: u64,
    /// The RTP time of the same moment.
    pub time: u32,
}

/// Packets that never arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lost {
    /// Their stream.
    pub stream: u16,
    /// Extended sequence number of the first.
    pub first: u32,
    /// How many, one after the other.
    pub count: u32,
    /// Arrival of the packet before them: µs since the Unix epoch.
    pub from: i64,
    /// Arrival of the packet behind them.
    pub to: i64,
}

/// What a batch holds, in the order in which it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A stream begins; again in each batch that has something of it.
    Stream(Stream),
    /// A packet.
    Rtp(Packet<Bytes>),
    /// A sender report.
    Report(Report),
    /// From here on nothing is recorded.
    Pause {
        /// µs since the Unix epoch.
        at: i64,
        /// Why.
        cause: PauseCause,
    },
    /// It is recorded again.
    Resume {
        /// µs since the Unix epoch.
        at: i64,
    },
    /// Packets that never arrived.
    Lost(Lost),
}

/// The item does not go into this batch any more: [`BatchWriter::take`] it, then write it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the media batch is full")]
pub struct Full;

/// Writes batches into memory that is allocated once. A packet costs one copy of its payload.
pub struct BatchWriter {
    bytes: Vec<u8>,
    base: i64,
    limit: usize,
}

impl BatchWriter {
    /// For batches of at most `limit` bytes. An item that alone is larger is always [`Full`].
    pub fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(limit),
            base: 0,
            limit,
        }
    }

    /// Whether nothing was written since the last [`BatchWriter::take`].
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// When the first item of the batch happened, µs since the Unix epoch; `None` if it is empty.
    pub fn began(&self) -> Option<i64> {
        (!self.is_empty()).then_some(self.base)
    }

    /// A stream begins, or is named anew at the beginning of a batch.
    pub fn stream(&mut self, at: i64, stream: &Stream) -> Result<(), Full> {
        self.item(STREAM, at, 8, &[])?;
        self.put(&stream.number.to_be_bytes());
        self.put(&[stream.codec.number()]);
        self.put(&stream.clock_rate.to_be_bytes());
        self.put(&[stream.channels]);
        Ok(())
    }

    /// A packet.
    pub fn rtp<P: AsRef<[u8]>>(&mut self, packet: &Packet<P>) -> Result<(), Full> {
        let payload = packet.payload.as_ref();
        let arrival = self.item(RTP, packet.arrival, 15 + payload.len(), &[])?;
        let mut head = [0; 15];
        let pieces: [&[u8]; 5] = [
            &packet.stream.to_be_bytes(),
            &arrival.to_be_bytes(),
            &packet.seq.to_be_bytes(),
            &packet.time.to_be_bytes(),
            &[u8::from(packet.marker)],
        ];
        for (to, from) in head.iter_mut().zip(pieces.into_iter().flatten()) {
            *to = *from;
        }
        self.put(&head);
        self.put(payload);
        Ok(())
    }

    /// A sender report.
    pub fn report(&mut self, report: &Report) -> Result<(), Full> {
        let arrival = self.item(REPORT, report.arrival, 18, &[])?;
        self.put(&report.stream.to_be_bytes());
        self.put(&arrival.to_be_bytes());
        self.put(&report.ntp.to_be_bytes());
        self.put(&report.time.to_be_bytes());
        Ok(())
    }

    /// From here on nothing is recorded.
    pub fn pause(&mut self, at: i64, cause: PauseCause) -> Result<(), Full> {
        let at = self.item(PAUSE, at, 5, &[])?;
        self.put(&at.to_be_bytes());
        self.put(&[cause.number()]);
        Ok(())
    }

    /// It is recorded again.
    pub fn resume(&mut self, at: i64) -> Result<(), Full> {
        let at = self.item(RESUME, at, 4, &[])?;
        self.put(&at.to_be_bytes());
        Ok(())
    }

    /// Packets that never arrived. They may lie before the batch.
    pub fn lost(&mut self, lost: &Lost) -> Result<(), Full> {
        let to = self.item(LOST, lost.to, 18, &[lost.from])?;
        let from = offset(self.base, lost.from).ok_or(Full)?;
        self.put(&lost.stream.to_be_bytes());
        self.put(&lost.first.to_be_bytes());
        self.put(&lost.count.to_be_bytes());
        self.put(&from.to_be_bytes());
        self.put(&to.to_be_bytes());
        Ok(())
    }

    /// Any item; a stream counts as begun at `at`.
    pub fn write(&mut self, at: i64, item: &Item) -> Result<(), Full> {
        match item {
            Item::Stream(stream) => self.stream(at, stream),
            Item::Rtp(packet) => self.rtp(packet),
            Item::Report(report) => self.report(report),
            Item::Pause { at, cause } => self.pause(*at, *cause),
            Item::Resume { at } => self.resume(*at),
            Item::Lost(lost) => self.lost(lost),
        }
    }

    /// The batch so far, `None` if it is empty. Nothing of it stays here.
    pub fn take(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        if self.bytes.is_empty() {
            return None;
        }
        let batch = Zeroizing::new(self.bytes.as_slice().to_vec());
        self.wipe();
        Some(batch)
    }

    /// Begins an item: writes kind and length, and the batch's header where it is the first. Gives
    /// `at` relative to the base. `also` are times that must be expressible, too.
    fn item(&mut self, kind: u8, at: i64, length: usize, also: &[i64]) -> Result<i32, Full> {
        let first = self.bytes.is_empty();
        let base = if first { at } else { self.base };
        let header = if first { HEADER } else { 0 };
        let size = u32::try_from(length).map_err(|_| Full)?;
        let end = (self.bytes.len() + header + ITEM_HEADER).checked_add(length);
        if end.is_none_or(|end| end > self.limit) || also.iter().any(|t| offset(base, *t).is_none())
        {
            return Err(Full);
        }
        let at = offset(base, at).ok_or(Full)?;
        if first {
            self.base = base;
            self.put(&[VERSION]);
            self.put(&base.to_be_bytes());
        }
        self.put(&[kind]);
        self.put(&size.to_be_bytes());
        Ok(at)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn wipe(&mut self) {
        self.bytes.as_mut_slice().zeroize();
        self.bytes.clear();
    }
}

impl Drop for BatchWriter {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl fmt::Debug for BatchWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchWriter({} bytes)", self.bytes.len())
    }
}

fn offset(base: i64, at: i64) -> Option<i32> {
    i32::try_from(at.checked_sub(base)?).ok()
}

/// Why something is not a media batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// No version that this program reads.
    #[error("it is of version {0}, which this program does not know")]
    Version(u8),
    /// Shorter than it says.
    #[error("it is cut short")]
    CutShort,
    /// An item of this kind does not have its fields.
    #[error("an item of kind {0} is malformed")]
    Item(u8),
}

/// Reads one batch. Payloads are slices of what was handed in. After an error there is nothing more.
#[derive(Clone)]
pub struct Batch {
    base: i64,
    rest: Bytes,
}

impl Batch {
    /// Begins to read.
    pub fn new(mut bytes: Bytes) -> Result<Self, MediaError> {
        let version = bytes.try_get_u8().map_err(|_| MediaError::CutShort)?;
        if version != VERSION {
            return Err(MediaError::Version(version));
        }
        let base = bytes.try_get_i64().map_err(|_| MediaError::CutShort)?;
        Ok(Self { base, rest: bytes })
    }

    /// What the times of the batch count from: µs since the Unix epoch.
    pub fn base(&self) -> i64 {
        self.base
    }

    fn take(&mut self, length: usize) -> Result<Bytes, MediaError> {
        if length > self.rest.len() {
            return Err(MediaError::CutShort);
        }
        Ok(self.rest.split_to(length))
    }

    /// `None`: of a kind that this version does not know.
    fn item(&mut self) -> Result<Option<Item>, MediaError> {
        let mut head = self.take(ITEM_HEADER)?;
        let kind = head.get_u8();
        let length = usize::try_from(head.get_u32()).map_err(|_| MediaError::CutShort)?;
        let body = Body {
            bytes: self.take(length)?,
            base: self.base,
        };
        if !KNOWN.contains(&kind) {
            return Ok(None);
        }
        body.read(kind).map(Some).ok_or(MediaError::Item(kind))
    }
}

impl Iterator for Batch {
    type Item = Result<Item, MediaError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            match self.item() {
                Ok(None) => {}
                Ok(Some(item)) => return Some(Ok(item)),
                Err(error) => {
                    self.rest.clear();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} bytes)", self.rest.len())
    }
}

/// One item's body.
struct Body {
    bytes: Bytes,
    base: i64,
}

impl Body {
    /// `None` if it is malformed.
    fn read(mut self, kind: u8) -> Option<Item> {
        let item = match kind {
            STREAM => Item::Stream(Stream {
                number: self.u16()?,
                codec: Codec::from_number(self.u8()?),
                clock_rate: self.u32()?,
                channels: self.u8()?,
            }),
            RTP => Item::Rtp(Packet {
                stream: self.u16()?,
                arrival: self.time()?,
                seq: self.u32()?,
                time: self.u32()?,
                marker: match self.u8()? {
                    0 => false,
                    1 => true,
                    _ => return None,
                },
                payload: core::mem::take(&mut self.bytes),
            }),
            REPORT => Item::Report(Report {
                stream: self.u16()?,
                arrival: self.time()?,
                ntp: self.bytes.try_get_u64().ok()?,
                time: self.u32()?,
            }),
            PAUSE => Item::Pause {
                at: self.time()?,
                cause: PauseCause::from_number(self.u8()?)?,
            },
            RESUME => Item::Resume { at: self.time()? },
            LOST => Item::Lost(Lost {
                stream: self.u16()?,
                first: self.u32()?,
                count: self.u32()?,
                from: self.time()?,
                to: self.time()?,
            }),
            _ => return None,
        };
        self.bytes.is_empty().then_some(item)
    }

    fn u8(&mut self) -> Option<u8> {
        self.bytes.try_get_u8().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes.try_get_u16().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes.try_get_u32().ok()
    }

    /// A time of the batch: µs since the Unix epoch.
    fn time(&mut self) -> Option<i64> {
        let offset = self.bytes.try_get_i32().ok()?;
        self.base.checked_add(i64::from(offset))
    }
}
