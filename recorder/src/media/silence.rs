//! Sound for browsers: silence where a source's sound pauses. Chromium plays the packets of a sound
//! one right after the other, whatever their times say: behind a mute of five seconds all that is
//! heard would come five seconds before the picture. Only what an officer plays is filled so; in what
//! is handed out nothing is filled in.

use bytes::Bytes;

use super::depacketize::{Frame, Frames, opus_duration};

/// 20 ms and 120 ms in which nothing is heard (RFC 6716).
const SHORT: &[u8] = &[0xf8, 0xff, 0xfe];
const LONG: &[u8] = &[
    0xfb, 0x06, 0xff, 0xfe, 0xff, 0xfe, 0xff, 0xfe, 0xff, 0xfe, 0xff, 0xfe, 0xff, 0xfe,
];

/// No recording is longer, in µs, whatever a relay says.
const DAY: i64 = 86_400_000_000;
/// So many people may be silent from its beginning to its end.
const SILENT: i64 = 8;

/// How much silence a recording of that length, in µs, may need in all. Who seals may put any time
/// beside a packet, on any number of tracks.
pub(super) fn most(lasted: i64) -> i64 {
    lasted.clamp(0, DAY) * SILENT
}

/// Puts silence wherever there is room for it between two packets of Opus, and takes it from what is
/// `left`, in µs.
pub(super) fn fill(sound: &mut Frames, left: &mut i64) {
    let first = sound.pieces.len();
    let mut filled = Vec::with_capacity(sound.frames.len());
    // Until when something is heard, as a browser plays it.
    let mut until = sound.frames.first().map_or(0, |frame| frame.time);
    for frame in &sound.frames {
        for (place, silence) in [(first, LONG), (first + 1, SHORT)] {
            let lasts = opus_duration(silence);
            while frame.time.saturating_sub(until).min(*left) >= lasts {
                filled.push(Frame {
                    time: until,
                    key: true,
                    pieces: (place, 1),
                    length: silence.len(),
                });
                until += lasts;
                *left -= lasts;
            }
        }
        let packet = sound.of(frame).first();
        until = until.saturating_add(packet.map_or(0, |packet| opus_duration(packet)));
        filled.push(frame.clone());
    }
    sound.frames = filled;
    sound.pieces.extend([LONG, SHORT].map(Bytes::from_static));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_takes_the_place_of_what_is_missing_and_no_more() {
        let filled = |times: &[i64], left: &mut i64| {
            let pieces = vec![Bytes::from_static(SHORT); times.len()];
            let frame = |(place, time): (usize, &i64)| Frame {
                time: *time,
                key: true,
                pieces: (place, 1),
                length: SHORT.len(),
            };
            let frames = times.iter().enumerate().map(frame).collect();
            let mut sound = Frames {
                frames,
                pieces,
                ..Frames::default()
            };
            fill(&mut sound, left);
            let lasts = |frame: &Frame| opus_duration(&sound.of(frame)[0]);
            let all = sound.frames.iter();
            let all: Vec<_> = all.map(|frame| (frame.time, lasts(frame))).collect();
            all
        };
        let heard = |times: &[i64]| filled(times, &mut most(i64::MAX));
        let (short, long) = (20_000, 120_000);
        assert_eq!(heard(&[]), []);
        assert_eq!(heard(&[7, 20_007]), [(7, short), (20_007, short)]);
        // One packet that never came, and a little that is no room for another.
        assert_eq!(
            heard(&[0, 45_000]),
            [(0, short), (20_000, short), (45_000, short)]
        );
        // That little adds up.
        let late = heard(&[0, 35_000, 70_000, 105_000]);
        assert_eq!(late.len(), 6, "{late:?}");
        let paused = heard(&[0, 300_000]);
        let sum: i64 = paused.iter().map(|(_, lasts)| lasts).sum();
        assert_eq!(sum, 320_000, "{paused:?}");
        assert_eq!(paused[1], (20_000, long));
        assert_eq!(paused.len(), 6, "{paused:?}");
        // Packets years apart, on many tracks: no more than there may be in all.
        let mut left = most(600_000);
        let mut silent = || {
            let times = [0, 300_000, i64::MAX];
            let all = filled(&times, &mut left);
            let silent = all.iter().filter(|(time, _)| !times.contains(time));
            silent.map(|(_, lasts)| lasts).sum::<i64>()
        };
        assert_eq!([silent(), silent()], [8 * 600_000, 0]);
        assert_eq!((most(i64::MAX), most(-1)), (8 * 86_400_000_000, 0));
    }
}
