//! VP8: a descriptor before each piece of a picture (RFC 7741); the picture's own first bytes say
//! whether it is a key one, and how large (RFC 6386, 9.1).

use bytes::{Buf as _, Bytes};
use seal::media::Packet;

use super::{Frames, Picture, Pictures};

/// Remembers the number of the picture before.
#[derive(Default)]
pub(super) struct Vp8 {
    before: Option<Number>,
}

impl Pictures for Vp8 {
    fn begins(&self, payload: &[u8]) -> bool {
        descriptor(payload).is_some_and(|descriptor| descriptor.begins)
    }

    fn assemble(&mut self, packets: &[Packet<Bytes>], into: &mut Frames) -> Option<Picture> {
        let start = into.pieces.len();
        for packet in packets.iter().filter(|packet| !packet.payload.is_empty()) {
            let length = descriptor(&packet.payload)?.length;
            let mut piece = packet.payload.clone();
            piece.advance(length);
            into.pieces.push(piece);
        }
        let first = into.pieces.get(start)?;
        let key = first.first()? & 1 == 0;
        let size = if key { Some(size(first)?) } else { None };
        Some(Picture { key, size })
    }

    fn is_alone(&self, packets: &[Packet<Bytes>]) -> bool {
        let descriptor = |packet: &Packet<Bytes>| descriptor(&packet.payload);
        packets.iter().filter_map(descriptor).any(|d| d.alone)
    }

    fn first(&self, packets: &[Packet<Bytes>]) -> usize {
        let begins = |packet: &Packet<Bytes>| self.begins(&packet.payload);
        packets.iter().rposition(begins).unwrap_or(0)
    }

    fn follows(&mut self, packets: &[Packet<Bytes>]) -> bool {
        let number = packets
            .iter()
            .rev()
            .find_map(|packet| descriptor(&packet.payload)?.number);
        let before = std::mem::replace(&mut self.before, number);
        before.is_some_and(|before| number == Some(before.next()))
    }
}

struct Descriptor {
    length: usize,
    begins: bool,
    alone: bool,
    number: Option<Number>,
}

/// A picture's number, of 7 or of 15 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Number {
    value: u16,
    long: bool,
}

impl Number {
    fn next(self) -> Self {
        let most = if self.long { 0x7fff } else { 0x7f };
        Self {
            value: (self.value + 1) & most,
            ..self
        }
    }
}

/// `None` if nothing of a picture follows it.
fn descriptor(payload: &[u8]) -> Option<Descriptor> {
    let mut rest = payload;
    let first = rest.try_get_u8().ok()?;
    let mut number = None;
    if first & 0x80 != 0 {
        let extension = rest.try_get_u8().ok()?;
        if extension & 0x80 != 0 {
            let high = rest.try_get_u8().ok()?;
            let long = high & 0x80 != 0;
            let mut value = u16::from(high & 0x7f);
            if long {
                value = value << 8 | u16::from(rest.try_get_u8().ok()?);
            }
            number = Some(Number { value, long });
        }
        if extension & 0x40 != 0 {
            rest.try_get_u8().ok()?;
        }
        if extension & 0x30 != 0 {
            rest.try_get_u8().ok()?;
        }
    }
    (!rest.is_empty()).then_some(Descriptor {
        length: payload.len() - rest.len(),
        begins: first & 0x17 == 0x10,
        alone: first & 0x20 != 0,
        number,
    })
}

/// Width and height of a key picture.
fn size(picture: &[u8]) -> Option<(u32, u32)> {
    let [0x9d, 0x01, 0x2a, w0, w1, h0, h1] = *picture.get(3..10)? else {
        return None;
    };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    let (width, height) = (side(w0, w1), side(h0, h1));
    (width > 0 && height > 0).then_some((width, height))
}
