//! Bytes of a segment: a header, then frames.
//!
//! ```text
//! header  "vestibule spool\n" ‖ version u32 ‖ segment number u64 ‖ crc32c u32 of the 28 before
//! frame   "VSF1" ‖ body length u32 ‖ crc32c u32 of length and body ‖ body
//! body    record type u8 ‖ part fields[85] ‖ ciphertext    (type 3)
//!         record type u8 ‖ JSON                            (the others)
//! ```
//! Numbers are big endian. A segment is preallocated with zeros: a zero word where a frame could
//! begin is the end of what was written.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::Location;
use super::record::Record;
use crate::part::{Part, PartHeader};

/// Bytes of a segment's header.
pub(super) const SEGMENT_HEADER: usize = 32;
/// Bytes of a frame before its body.
pub(super) const FRAME_HEADER: usize = 12;
/// The longest body.
pub(super) const BODY_MAX: usize = 8 << 20;

const SEGMENT_MAGIC: &[u8; 16] = b"vestibule spool\n";
const VERSION: u32 = 1;
const FRAME_MAGIC: &[u8; 4] = b"VSF1";

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bad {
    /// The segment's header is missing, torn, or another segment's.
    SegmentHeader,
    /// Something stands where a frame should begin.
    Magic,
    /// The frame is longer than what is left, or than any frame.
    Length,
    /// The bytes are not those that were written.
    Checksum,
    /// The bytes are those that were written, and make no sense.
    Content,
}

/// What stands at the beginning of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// A whole frame.
    Frame {
        /// Its body.
        body: &'a [u8],
        /// Bytes of the whole frame.
        length: usize,
    },
    /// Nothing was written here.
    End,
    /// Something else.
    Bad(Bad),
}

/// The header of segment `number`.
pub fn segment_header(number: u64) -> [u8; SEGMENT_HEADER] {
    let mut out = [0; SEGMENT_HEADER];
    let version = VERSION.to_be_bytes();
    let number = number.to_be_bytes();
    let crc = crc32c::crc32c_append(
        crc32c::crc32c_append(crc32c::crc32c(SEGMENT_MAGIC), &version),
        &number,
    )
    .to_be_bytes();
    let pieces: [&[u8]; 4] = [SEGMENT_MAGIC, &version, &number, &crc];
    for (to, from) in out.iter_mut().zip(pieces.into_iter().flatten()) {
        *to = *from;
    }
    out
}

/// Whether `bytes` begin with the header of some segment.
pub(super) fn is_segment_header(bytes: &[u8]) -> bool {
    let number = bytes.get(20..28).and_then(|n| <[u8; 8]>::try_from(n).ok());
    number.is_some_and(|number| {
        bytes.get(..SEGMENT_HEADER) == Some(&segment_header(u64::from_be_bytes(number)))
    })
}

/// Appends `record` to `out` as one frame. Nothing is appended if it does not fit into one.
pub fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), Bad> {
    let start = out.len();
    out.extend_from_slice(FRAME_MAGIC);
    out.extend_from_slice(&[0; FRAME_HEADER - FRAME_MAGIC.len()]);
    let body = out.len();
    let written = match record {
        Record::Begin(begin) => json(1, begin, out),
        Record::Epoch(epoch) => json(2, epoch, out),
        Record::Part(part) => {
            out.reserve(1 + PartHeader::FIELDS + part.bytes.len());
            out.push(3);
            out.extend_from_slice(&part.header.fields());
            out.extend_from_slice(&part.bytes);
            Ok(())
        }
        Record::Wraps(wraps) => json(4, wraps, out),
        Record::Event(event) => json(5, event, out),
        Record::End(end) => json(6, end, out),
        Record::Gap(gap) => json(7, gap, out),
        Record::Consent(consent) => json(8, consent, out),
    };
    let length = out.len() - body;
    if written.is_err() || length > BODY_MAX {
        out.truncate(start);
        return Err(Bad::Length);
    }
    let length = u32::try_from(length)
        .map_err(|_| Bad::Length)?
        .to_be_bytes();
    let crc = checksum(length, out.get(body..).unwrap_or_default()).to_be_bytes();
    let fields = length.iter().chain(&crc);
    let place = out.iter_mut().skip(start + FRAME_MAGIC.len());
    for (to, from) in place.zip(fields) {
        *to = *from;
    }
    Ok(())
}

/// Reads the frame at the beginning of `bytes`, which reach to the end of the segment.
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some((magic, rest)) = bytes.split_first_chunk::<4>() else {
        return if bytes.iter().all(|byte| *byte == 0) {
            Parsed::End
        } else {
            Parsed::Bad(Bad::Magic)
        };
    };
    if *magic == [0; 4] {
        return Parsed::End;
    }
    if magic != FRAME_MAGIC {
        return Parsed::Bad(Bad::Magic);
    }
    let Some((length, rest)) = rest.split_first_chunk::<4>() else {
        return Parsed::Bad(Bad::Length);
    };
    let Some((crc, rest)) = rest.split_first_chunk::<4>() else {
        return Parsed::Bad(Bad::Length);
    };
    let Some(body) = body_length(*length).and_then(|length| rest.get(..length)) else {
        return Parsed::Bad(Bad::Length);
    };
    if checksum(*length, body) != u32::from_be_bytes(*crc) {
        return Parsed::Bad(Bad::Checksum);
    }
    Parsed::Frame {
        body,
        length: FRAME_HEADER + body.len(),
    }
}

/// Bytes of the whole frame whose first [`FRAME_HEADER`] bytes these are, if they say so.
pub(super) fn frame_length(header: &[u8]) -> Option<usize> {
    let (magic, rest) = header.split_first_chunk::<4>()?;
    let (length, _) = rest.split_first_chunk::<4>()?;
    (magic == FRAME_MAGIC).then_some(())?;
    body_length(*length).map(|length| FRAME_HEADER + length)
}

/// Reads a frame's body.
pub fn decode(body: &[u8]) -> Result<Record, Bad> {
    let (kind, content) = body.split_first().ok_or(Bad::Content)?;
    Ok(match kind {
        1 => Record::Begin(from_json(content)?),
        2 => Record::Epoch(from_json(content)?),
        3 => {
            let (fields, ciphertext) = content
                .split_first_chunk::<{ PartHeader::FIELDS }>()
                .ok_or(Bad::Content)?;
            let header = PartHeader::from_fields(fields).ok_or(Bad::Content)?;
            Record::Part(Part::new(header, Bytes::copy_from_slice(ciphertext)))
        }
        4 => Record::Wraps(from_json(content)?),
        5 => Record::Event(from_json(content)?),
        6 => Record::End(Box::new(from_json(content)?)),
        7 => Record::Gap(from_json(content)?),
        8 => Record::Consent(from_json(content)?),
        _ => return Err(Bad::Content),
    })
}

/// The first place after `from` where a whole frame stands, for going on behind damage.
pub(super) fn resynchronise(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(FRAME_MAGIC.len())
        .enumerate()
        .filter(|(_, window)| window == FRAME_MAGIC)
        .map(|(offset, _)| from + offset)
        .find(|at| matches!(bytes.get(*at..).map(parse), Some(Parsed::Frame { .. })))
}

/// What a frame at `at`, which is not what was written, says that it holds: if nothing else can have
/// stood there, because its length reaches to where reading goes on, and it was a part.
pub(super) fn part_of_altered(segment: &[u8], at: Location) -> Option<PartHeader> {
    let offset = usize::try_from(at.offset).ok()?;
    let length = usize::try_from(at.length).ok()?;
    let frame = segment.get(offset..)?.get(..length)?;
    (frame_length(frame)? == length).then_some(())?;
    let (3, content) = frame.get(FRAME_HEADER..)?.split_first()? else {
        return None;
    };
    PartHeader::from_fields(content.first_chunk()?)
}

fn body_length(length: [u8; 4]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(length))
        .ok()
        .filter(|length| *length > 0 && *length <= BODY_MAX)
}

fn checksum(length: [u8; 4], body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length), body)
}

fn json(kind: u8, content: &impl Serialize, out: &mut Vec<u8>) -> Result<(), Bad> {
    out.push(kind);
    serde_json::to_writer(out, content).map_err(|_| Bad::Content)
}

fn from_json<T: DeserializeOwned>(content: &[u8]) -> Result<T, Bad> {
    serde_json::from_slice(content).map_err(|_| Bad::Content)
}
