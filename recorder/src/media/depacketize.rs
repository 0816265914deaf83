//! From RTP payloads to frames: VP8 (RFC 7741), H.264 (RFC 6184), Opus (RFC 7587).
//!
//! A frame of which a packet is missing is left out. So is a picture that builds on one that is
//! missing, up to the next key picture: a decoder would make of it something that nobody sent. Only
//! a picture that no other builds on may be missing without harm to those behind it.

use bytes::Bytes;
use seal::media::{Codec, Packet};

use super::take::Stream;

mod h264;
mod opus;
mod vp8;

pub use h264::Parameters;
pub use opus::duration as opus_duration;

/// A frame.
#[derive(Clone)]
pub struct Frame {
    /// When it was made: µs since the Unix epoch.
    pub time: i64,
    /// Whether a decoder can begin with it.
    pub key: bool,
    /// Which of [`Frames::pieces`] it consists of: the first, and how many.
    pub pieces: (usize, usize),
    /// Its bytes.
    pub length: usize,
}

/// The frames of one source, in order. Holds what was said: no `Debug`.
#[derive(Default)]
pub struct Frames {
    /// The frames.
    pub frames: Vec<Frame>,
    /// What they consist of: slices of opened parts.
    pub pieces: Vec<Bytes>,
    /// How many were left out.
    pub left_out: u64,
    /// Width and height of the first key picture.
    pub size: Option<(u32, u32)>,
    /// Of H.264: how a decoder is set up.
    pub parameters: Option<Parameters>,
}

impl Frames {
    /// What a frame consists of.
    pub fn of(&self, frame: &Frame) -> &[Bytes] {
        let (first, count) = frame.pieces;
        self.pieces.get(first..first + count).unwrap_or_default()
    }

    /// How long a frame lasts, in µs: sound says it, a picture lasts until the next.
    fn lasts(&self, frame: &Frame) -> i64 {
        let sound = self
            .size
            .is_none()
            .then(|| self.of(frame).first())
            .flatten();
        sound.map_or(0, |packet| opus_duration(packet)).max(1_000)
    }

    /// Adds a frame that was built at the end of the pieces.
    fn push(&mut self, time: i64, key: bool, first: usize) {
        let pieces = self.pieces.get(first..).unwrap_or_default();
        self.frames.push(Frame {
            time,
            key,
            length: pieces.iter().map(Bytes::len).sum(),
            pieces: (first, pieces.len()),
        });
    }

    /// Takes the frames of the source's next stream. A source is in one place at a time: what would
    /// begin before the end of the stream before it comes right behind, and nothing is left out.
    pub fn append(&mut self, mut next: Self) {
        if let Some(last) = self.frames.last() {
            let mut free = last.time.saturating_add(self.lasts(last));
            for place in 0..next.frames.len() {
                let lasts = next.frames.get(place).map_or(0, |frame| next.lasts(frame));
                let Some(frame) = next.frames.get_mut(place).filter(|f| f.time < free) else {
                    break;
                };
                frame.time = free;
                free = free.saturating_add(lasts);
            }
        }
        let offset = self.pieces.len();
        self.pieces.extend(next.pieces);
        self.frames.extend(next.frames.into_iter().map(|mut frame| {
            frame.pieces.0 += offset;
            frame
        }));
        self.left_out += next.left_out;
        self.size = self.size.or(next.size);
        self.parameters = self.parameters.take().or(next.parameters);
    }
}

/// The frames of one stream. `times` are those of its packets.
pub fn frames(stream: &Stream, times: &[i64]) -> Frames {
    match stream.codec {
        Codec::Opus => opus::frames(stream, times),
        Codec::Vp8 => pictures(stream, times, &mut vp8::Vp8::default()),
        Codec::H264 => pictures(stream, times, &mut h264::H264::default()),
        Codec::Other(_) => Frames::default(),
    }
}

/// What a codec knows of its pictures.
trait Pictures {
    /// Whether a picture begins with this payload.
    fn begins(&self, payload: &[u8]) -> bool;

    /// Puts a picture together, at the end of `into.pieces`; `None` if it is not whole.
    fn assemble(&mut self, packets: &[Packet<Bytes>], into: &mut Frames) -> Option<Picture>;

    /// Whether no other picture builds on the one that these are packets of.
    fn is_alone(&self, packets: &[Packet<Bytes>]) -> bool;

    /// Which of these packets of one time is the picture's first.
    fn first(&self, packets: &[Packet<Bytes>]) -> usize;

    /// Whether the picture says of itself that it is the one after the picture before, whatever the
    /// packets' numbers say. Asked once of each.
    fn follows(&mut self, packets: &[Packet<Bytes>]) -> bool;
}

/// A picture that was put together.
struct Picture {
    key: bool,
    size: Option<(u32, u32)>,
}

fn pictures(stream: &Stream, times: &[i64], codec: &mut impl Pictures) -> Frames {
    let mut out = Frames::default();
    // Whether something is missing that the next picture may build on.
    let mut missing = true;
    let mut expected = None;
    let mut at = 0;
    while let Some(first) = stream.packets.get(at) {
        let rest = stream.packets.get(at..).unwrap_or_default();
        let same = rest.iter().take_while(|p| p.time == first.time);
        // Behind a marker another picture begins, whatever its time.
        let count = match same.clone().position(|packet| packet.marker) {
            Some(marked) => marked + 1,
            None => same.count(),
        };
        let packets = rest.get(..count).unwrap_or_default();
        let time = times.get(at).copied().unwrap_or(first.arrival);
        let next = rest.get(count);
        at += count;
        // Packets without a payload only fill the line. Whether a picture was lost before them, the
        // next one knows.
        if packets.iter().all(|packet| packet.payload.is_empty()) {
            for packet in packets {
                if expected == Some(packet.seq) {
                    expected = packet.seq.checked_add(1);
                }
            }
            continue;
        }
        let follows = codec.follows(packets);
        missing |= expected != Some(first.seq) && !follows;
        let last = packets.last().map_or(first.seq, |p| p.seq);
        expected = last.checked_add(1);
        // As viewers do it: what stands before the picture's first packet is none of it.
        let begins = codec.first(packets);
        out.left_out += u64::from(begins > 0);
        let packets = packets.get(begins..).unwrap_or_default();
        let numbers = packets.first().map_or(0, |packet| packet.seq)..;
        let unbroken = packets
            .iter()
            .zip(numbers)
            .all(|(packet, seq)| packet.seq == seq);
        let marked = packets.last().is_some_and(|packet| packet.marker);
        let followed = next.is_some_and(|next| Some(next.seq) == expected);
        let whole = unbroken && (marked || followed) && codec.begins(&first_payload(packets));
        let start = out.pieces.len();
        let picture = if whole {
            codec.assemble(packets, &mut out)
        } else {
            None
        };
        match picture {
            Some(picture) if picture.key || !missing => {
                missing = false;
                out.size = out.size.or(picture.size);
                out.push(time, picture.key, start);
            }
            other => {
                out.pieces.truncate(start);
                out.left_out += 1;
                missing |= other.is_none() && !(unbroken && codec.is_alone(packets));
            }
        }
    }
    out
}

fn first_payload(packets: &[Packet<Bytes>]) -> Bytes {
    let first = packets.iter().find(|packet| !packet.payload.is_empty());
    first
        .map(|packet| packet.payload.clone())
        .unwrap_or_default()
}
