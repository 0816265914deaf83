//! Recorded sound and pictures: a capture of RTP packets, played over and over at its own rate.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// Made with FFmpeg by `fixtures/media/make.py`, which says how it is laid out.
const CAPTURE: &[u8] = include_bytes!("../../../fixtures/media/vp8-opus.rtp");

/// A packet of the capture.
struct Packet {
    /// RTP time since the first.
    time: u32,
    marker: bool,
    payload: Arc<[u8]>,
}

/// One stream of the capture.
pub struct Recorded {
    packets: Vec<Packet>,
    /// RTP time units in a second.
    rate: u32,
    /// RTP time from its beginning to that of its repetition.
    lasts: u32,
}

/// A packet of a stream that never ends.
pub struct Due {
    /// When it is sent, after the first.
    pub after: Duration,
    /// RTP marker.
    pub marker: bool,
    /// RTP payload.
    pub payload: Arc<[u8]>,
}

impl Recorded {
    /// Opus, 20 ms a packet.
    pub fn sound() -> Result<Self> {
        Self::read(1, 48_000, 960)
    }

    /// VP8, 15 pictures a second.
    pub fn pictures() -> Result<Self> {
        Self::read(2, 90_000, 6_000)
    }

    fn read(stream: u8, rate: u32, step: u32) -> Result<Self> {
        let mut packets: Vec<Packet> = Vec::new();
        let mut rest = CAPTURE;
        let mut first = None;
        while let Some((head, after)) = rest.split_first_chunk::<8>() {
            let [_, _, _, _, of, kind, high, low] = *head;
            let length = usize::from(u16::from_be_bytes([high, low]));
            let (packet, next) = after.split_at_checked(length).context("the capture ends")?;
            rest = next;
            if (of, kind) != (stream, 0) {
                continue;
            }
            let (header, payload) = packet.split_first_chunk::<12>().context("no RTP")?;
            let [flags, marker, _, _, a, b, c, d, ..] = *header;
            ensure!(flags == 0x80, "the capture has more in its headers");
            let time = u32::from_be_bytes([a, b, c, d]);
            packets.push(Packet {
                time: time.wrapping_sub(*first.get_or_insert(time)),
                marker: marker & 0x80 != 0,
                payload: payload.into(),
            });
        }
        let last = packets.last().context("the capture has no such stream")?;
        let lasts = last.time + step;
        Ok(Self {
            packets,
            rate,
            lasts,
        })
    }

    /// The next packet, from this number on, that a receiver can begin with.
    pub fn beginning(&self, number: usize) -> usize {
        let pictures = self.rate == 90_000;
        let begins = |number: &usize| {
            let packet = self.packet(*number);
            !pictures || packet.is_some_and(|packet| is_key(&packet.payload))
        };
        let round = number..number + self.packets.len();
        round.into_iter().find(begins).unwrap_or(number)
    }

    /// The RTP time of this moment: 32 bits, from 0 on and around.
    pub fn time(&self, at: Duration) -> u32 {
        let units = at.as_nanos() * u128::from(self.rate) / 1_000_000_000;
        u32::try_from(units & u128::from(u32::MAX)).unwrap_or(0)
    }

    /// The packet with this number, counted from 0 and on.
    pub fn packet(&self, number: usize) -> Option<Due> {
        let count = self.packets.len().max(1);
        let packet = self.packets.get(number % count)?;
        let rounds = u64::try_from(number / count).ok()?;
        let time = rounds * u64::from(self.lasts) + u64::from(packet.time);
        Some(Due {
            after: Duration::from_nanos(time * 1_000_000_000 / u64::from(self.rate)),
            marker: packet.marker,
            payload: Arc::clone(&packet.payload),
        })
    }
}

/// What a VP8 payload holds behind its descriptor (RFC 7741).
pub fn described(payload: &[u8]) -> Option<&[u8]> {
    let (first, mut rest) = payload.split_first()?;
    if first & 0x80 != 0 {
        let (more, after) = rest.split_first()?;
        rest = after;
        if more & 0x80 != 0 {
            let long = rest.first()? & 0x80 != 0;
            rest = rest.get(if long { 2 } else { 1 }..)?;
        }
        rest = rest.get(usize::from(more & 0x40 != 0)..)?;
        rest = rest.get(usize::from(more & 0x30 != 0)..)?;
    }
    Some(rest)
}

/// Whether a key picture begins here.
fn is_key(payload: &[u8]) -> bool {
    let begins = payload.first().is_some_and(|first| first & 0x17 == 0x10);
    begins
        && described(payload)
            .and_then(<[u8]>::first)
            .is_some_and(|first| first & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_sound_has_fifty_packets_and_goes_on_without_end() -> Result<()> {
        let sound = Recorded::sound()?;
        let at = |number| sound.packet(number).context("no packet");
        assert_eq!(at(50)?.after, Duration::from_secs(1));
        assert_eq!(at(5000)?.after, Duration::from_secs(100));
        assert_eq!(at(sound.packets.len())?.payload, at(0)?.payload);
        Ok(())
    }

    #[test]
    fn pictures_end_with_a_marker_and_begin_with_a_key_frame() -> Result<()> {
        let pictures = Recorded::pictures()?;
        let first = pictures.packet(0).context("no packet")?;
        // A VP8 payload begins with its descriptor; in a key frame the next byte's last bit is 0.
        assert_eq!(first.payload[0] & 0x10, 0x10);
        let second = (0..).find_map(|n| pictures.packet(n).filter(|p| !p.after.is_zero()));
        assert_eq!(second.context("no second picture")?.after.as_millis(), 66);
        assert_eq!(pictures.beginning(0), 0);
        let next = pictures
            .packet(pictures.beginning(1))
            .context("no key picture")?;
        assert_eq!(next.after, Duration::from_secs(3));
        let last = pictures.packets.last().context("no packet")?;
        assert!(last.marker);
        assert!((7.9..8.1).contains(&(f64::from(pictures.lasts) / 90_000.0)));
        Ok(())
    }
}
