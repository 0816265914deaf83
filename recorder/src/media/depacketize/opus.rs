//! Opus: each packet is a frame (RFC 7587); how long it lasts stands in its first byte (RFC 6716).

use super::super::take::Stream;
use super::Frames;

pub(super) fn frames(stream: &Stream, times: &[i64]) -> Frames {
    let mut out = Frames::default();
    for (packet, time) in stream.packets.iter().zip(times) {
        if !packet.payload.is_empty() {
            let first = out.pieces.len();
            out.pieces.push(packet.payload.clone());
            out.push(*time, true, first);
        }
    }
    out
}

/// How long a packet lasts, in µs; 0 where it does not say.
pub fn duration(packet: &[u8]) -> i64 {
    let Some(first) = packet.first() else {
        return 0;
    };
    let frame = match first >> 3 {
        config @ 0..=11 => [10_000, 20_000, 40_000, 60_000].get(usize::from(config & 3)),
        config @ 12..=15 => [10_000, 20_000].get(usize::from(config & 1)),
        config => [2_500, 5_000, 10_000, 20_000].get(usize::from(config & 3)),
    };
    let count = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => i64::from(packet.get(1).map_or(0, |second| second & 0x3f)),
    };
    // No packet lasts longer than 120 ms.
    (frame.copied().unwrap_or(0) * count).min(120_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_says_how_long_it_lasts() {
        // Full band, 20 ms, one frame; two; SILK 60 ms; code 3 with three frames of 20 ms.
        assert_eq!(duration(&[31 << 3]), 20_000);
        assert_eq!(duration(&[31 << 3 | 1]), 40_000);
        assert_eq!(duration(&[3 << 3]), 60_000);
        assert_eq!(duration(&[31 << 3 | 3, 3]), 60_000);
        assert_eq!(duration(&[31 << 3 | 3, 63]), 120_000);
        assert_eq!(duration(&[]), 0);
    }
}
