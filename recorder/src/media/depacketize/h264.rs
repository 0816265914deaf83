//! H.264: single units, aggregates and fragments (RFC 6184) to what Matroska holds: units with their
//! length before them, the parameter sets beside them (ISO/IEC 14496-15).

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::nal::{Nal as _, RefNal};
use seal::media::Packet;

use super::{Frames, Picture, Pictures};

const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// The parameter sets of the first key picture.
#[derive(Clone)]
pub struct Parameters {
    sps: Bytes,
    pps: Bytes,
}

impl Parameters {
    /// The `AVCDecoderConfigurationRecord`.
    pub fn record(&self) -> Vec<u8> {
        let mut out = vec![1];
        out.extend(self.sps.get(1..4).unwrap_or_default());
        out.extend([0xff, 0xe1]);
        for (set, before) in [(&self.sps, None), (&self.pps, Some(1))] {
            out.extend(before);
            out.put_u16(u16::try_from(set.len()).unwrap_or(0));
            out.extend(set.iter());
        }
        out
    }
}

/// Remembers the parameter sets: a key picture may come without them.
#[derive(Default)]
pub(super) struct H264 {
    sps: Option<Bytes>,
    pps: Option<Bytes>,
}

impl Pictures for H264 {
    fn begins(&self, payload: &[u8]) -> bool {
        match payload {
            [first, second, ..] if first & 0x1f == FU_A => second & 0x80 != 0,
            [_, ..] => true,
            [] => false,
        }
    }

    fn assemble(&mut self, packets: &[Packet<Bytes>], into: &mut Frames) -> Option<Picture> {
        let mut key = false;
        let mut units = Units::default();
        for packet in packets.iter().filter(|packet| !packet.payload.is_empty()) {
            units.payload(&packet.payload)?;
        }
        for unit in units.finish()? {
            let bytes: usize = unit.iter().map(Bytes::len).sum();
            let kind = unit.first()?.first()? & 0x1f;
            match kind {
                SPS => self.sps = Some(unit.concat().into()),
                PPS => self.pps = Some(unit.concat().into()),
                _ => {}
            }
            key |= kind == IDR;
            let length = u32::try_from(bytes).ok()?;
            into.pieces
                .push(Bytes::copy_from_slice(&length.to_be_bytes()));
            into.pieces.extend(unit);
        }
        let mut size = None;
        if key {
            let (sps, pps) = (self.sps.clone()?, self.pps.clone()?);
            size = Some(dimensions(&sps)?);
            into.parameters.get_or_insert(Parameters { sps, pps });
        }
        Some(Picture { key, size })
    }

    fn first(&self, _: &[Packet<Bytes>]) -> usize {
        0
    }

    fn follows(&mut self, _: &[Packet<Bytes>]) -> bool {
        false
    }

    fn is_alone(&self, packets: &[Packet<Bytes>]) -> bool {
        // nal_ref_idc 0 in every packet.
        packets.iter().all(|packet| {
            let first = packet.payload.first();
            first.is_none_or(|first| first & 0x60 == 0)
        })
    }
}

/// The units of one picture, each of one or several slices.
#[derive(Default)]
struct Units {
    units: Vec<Vec<Bytes>>,
    /// Whether the last one is a fragmented one that may go on. Whether its end is marked does not
    /// count: no viewer looks at it, and the packets' numbers say whether anything is missing.
    open: bool,
}

impl Units {
    fn payload(&mut self, payload: &Bytes) -> Option<()> {
        let mut rest = payload.clone();
        let first = *rest.first()?;
        match first & 0x1f {
            1..=23 => {
                self.units.push(vec![rest]);
                self.open = false;
            }
            STAP_A => {
                self.open = false;
                rest.advance(1);
                while !rest.is_empty() {
                    let length = usize::from(rest.try_get_u16().ok()?);
                    if length == 0 || length > rest.len() {
                        return None;
                    }
                    self.units.push(vec![rest.split_to(length)]);
                }
            }
            FU_A => {
                rest.advance(1);
                let header = rest.try_get_u8().ok()?;
                let (begins, ends) = (header & 0x80 != 0, header & 0x40 != 0);
                if !(begins || self.open) || rest.is_empty() {
                    return None;
                }
                if begins {
                    let mut unit = BytesMut::with_capacity(1);
                    unit.put_u8(first & 0xe0 | header & 0x1f);
                    self.units.push(vec![unit.freeze()]);
                }
                self.units.last_mut()?.push(rest);
                self.open = !ends;
            }
            _ => return None,
        }
        Some(())
    }

    fn finish(self) -> Option<Vec<Vec<Bytes>>> {
        (!self.units.is_empty()).then_some(self.units)
    }
}

fn dimensions(sps: &[u8]) -> Option<(u32, u32)> {
    // The record has sixteen bits for its length.
    u16::try_from(sps.len()).ok()?;
    let unit = RefNal::new(sps, &[], true);
    let sps = SeqParameterSet::from_bits(unit.rbsp_bits()).ok()?;
    sps.pixel_dimensions().ok()
}
