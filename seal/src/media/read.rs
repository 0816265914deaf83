//! Reads batches: payloads are slices of what is handed in, and no bytes stop it.

use core::fmt;

use bytes::{Buf as _, Bytes};

use super::{
    Codec, ITEM_HEADER, Item, KNOWN, LOST, Lost, PAUSE, Packet, PauseCause, REPORT, RESUME, RTP,
    Report, STREAM, Stream, VERSION,
};

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
