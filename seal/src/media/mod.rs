//! Media batches: the plaintext of one part of an audio, video or screen track.
//!
//! ```text
//! batch = version u8 = 1 ‖ base i64 (µs since the Unix epoch) ‖ item…
//! item  = kind u8 ‖ length u32 ‖ body[length]          numbers big endian, times µs after base
//! ```
//! RTP payloads as they came, with what is needed to put them in time. Nothing is assembled here:
//! the writer copies, and frames are made when a recording is opened. Pure: the caller's clock.

use core::fmt;

use bytes::Bytes;

mod read;
mod write;

pub use read::{Batch, MediaError};
pub use write::{BatchWriter, Full};

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
