//! Sources that are made up, packet by packet, and a look into the films that come of them: each
//! payload ends with its own number, so that every one is found again.

use bytes::Bytes;
use proto::notice::Modality;
use recorder::media::{Rendition, Track};
use seal::manifest::{Gap, Manifest};
use seal::media::{Codec, Item, Packet, Report, Stream};

use super::{BEGAN, bytes, manifest};

/// 1900 to 1970, in seconds.
const NTP_EPOCH: i64 = 2_208_988_800;

/// Somebody's microphone or camera, and their clocks. Times are µs from the beginning, by the relay's.
#[derive(Clone, Copy)]
pub(super) struct Sender {
    pub(super) codec: Codec,
    /// Its number in the track.
    pub(super) stream: u16,
    /// How much the sender's wall clock runs fast, in parts of a million.
    pub(super) wall: i64,
    /// And the clock that the RTP time counts by.
    pub(super) media: i64,
    /// RTP time and sequence number of the first packet.
    pub(super) time: u32,
    pub(super) seq: u32,
    /// From packet to packet.
    pub(super) every: i64,
    /// Number of the first.
    pub(super) first: u32,
    /// How long a packet is on its way, and up to how much longer.
    pub(super) way: i64,
    pub(super) jitter: i64,
    /// Whether it sends reports, every five seconds.
    pub(super) reports: bool,
    /// Width and height, of pictures.
    pub(super) size: (u16, u16),
}

pub(super) const SOUND: Sender = Sender {
    codec: Codec::Opus,
    stream: 1,
    wall: 0,
    media: 0,
    time: 0x1234_5678,
    seq: 70_000,
    every: 60_000,
    first: 0,
    way: 40_000,
    jitter: 20_000,
    reports: true,
    size: (0, 0),
};

pub(super) const PICTURES: Sender = Sender {
    codec: Codec::Vp8,
    time: 0x0900_0000,
    seq: 90_000,
    every: 100_000,
    way: 70_000,
    size: (320, 240),
    ..SOUND
};

impl Sender {
    pub(super) fn rate(self) -> i64 {
        if self.codec == Codec::Opus {
            48_000
        } else {
            90_000
        }
    }

    /// RTP time of a moment.
    fn rtp(self, at: i64) -> u32 {
        let units = i128::from(at) * i128::from(1_000_000 + self.media) * i128::from(self.rate());
        let units = i64::try_from(units / 1_000_000_000_000).unwrap();
        let low = u32::try_from(units.rem_euclid(1 << 32)).unwrap();
        self.time.wrapping_add(low)
    }

    /// NTP time of a moment.
    pub(super) fn ntp(self, at: i64) -> u64 {
        let wall = BEGAN + at + at * self.wall / 1_000_000;
        let seconds = u64::try_from(wall / 1_000_000 + NTP_EPOCH).unwrap();
        let micros = u64::try_from(wall % 1_000_000).unwrap();
        (seconds << 32) + (micros << 32) / 1_000_000
    }

    /// What it sends from a moment to another, in the order in which it arrives. `stood` is how long
    /// its RTP time has stood still before.
    pub(super) fn sends(self, from: i64, to: i64, stood: i64) -> Vec<Item> {
        let mut items = vec![Item::Stream(Stream {
            number: self.stream,
            codec: self.codec,
            clock_rate: u32::try_from(self.rate()).unwrap(),
            channels: u8::from(self.codec == Codec::Opus) * 2,
        })];
        let (mut at, mut number, mut reported) = (from, self.first, from);
        let mut last = i64::MIN;
        while at < to {
            let late = i64::from(number.wrapping_mul(2_654_435_761) >> 8) % (self.jitter + 1);
            // One behind the other.
            last = last.max(BEGAN + at + self.way + late);
            items.push(Item::Rtp(Packet {
                stream: self.stream,
                arrival: last,
                seq: self.seq + (number - self.first),
                time: self.rtp(at - stood),
                marker: true,
                payload: self.payload(number),
            }));
            if self.reports && at >= reported {
                reported = at + 5_000_000;
                items.push(Item::Report(Report {
                    stream: self.stream,
                    arrival: last + 1_000,
                    ntp: self.ntp(at),
                    time: self.rtp(at - stood),
                }));
            }
            (at, number) = (at + self.every, number + 1);
        }
        items
    }

    /// Every fiftieth picture is a key one.
    pub(super) fn payload(self, number: u32) -> Bytes {
        let mut payload = Vec::new();
        match self.codec {
            // 60 ms in one frame.
            Codec::Opus => payload.push(3 << 3),
            _ if number.is_multiple_of(50) => {
                payload.extend([0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a]);
                payload.extend(self.size.0.to_le_bytes());
                payload.extend(self.size.1.to_le_bytes());
            }
            _ => payload.extend([0x10, 0x11, 0, 0]),
        }
        payload.extend(number.to_be_bytes());
        payload.into()
    }
}

/// What a film shows, when: of each of its tracks number and milliseconds, in the file's order.
pub(super) fn shown(rendition: &Rendition, file: &str) -> Vec<Vec<(u32, i64)>> {
    let mut tracks = Vec::new();
    for block in blocks(&bytes(rendition, file)) {
        let place = usize::from(block.track) - 1;
        if tracks.len() <= place {
            tracks.resize(place + 1, Vec::new());
        }
        let number = block.payload.last_chunk::<4>().unwrap();
        tracks[place].push((u32::from_be_bytes(*number), block.at));
    }
    tracks
}

/// A block of a film.
pub(super) struct Block<'a> {
    pub(super) track: u8,
    /// Milliseconds.
    pub(super) at: i64,
    pub(super) payload: &'a [u8],
}

/// The blocks of a file, read by what Matroska says of them (RFC 9559) and not by our muxer.
pub(super) fn blocks(file: &[u8]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let segment = elements(file).find(|(id, _)| *id == 0x1853_8067).unwrap().1;
    for (id, cluster) in elements(segment) {
        if id != 0x1f43_b675 {
            continue;
        }
        let mut time = 0;
        for (id, body) in elements(cluster) {
            match id {
                0xe7 => time = body.iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte)),
                0xa3 => blocks.push(Block {
                    track: body[0] & 0x7f,
                    at: time + i64::from(i16::from_be_bytes([body[1], body[2]])),
                    payload: &body[4..],
                }),
                _ => panic!("{id:x} in a cluster"),
            }
        }
    }
    blocks
}

fn elements(mut rest: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    core::iter::from_fn(move || {
        let mut number = |marked: bool| {
            let first = *rest.first()?;
            let length = usize::try_from(first.leading_zeros()).unwrap() + 1;
            let (number, after) = rest.split_at(length);
            rest = after;
            let value = number.iter().fold(0_u64, |sum, b| sum << 8 | u64::from(*b));
            Some(if marked {
                value
            } else {
                value ^ (1 << (7 * length))
            })
        };
        let id = u32::try_from(number(true)?).unwrap();
        let size = usize::try_from(number(false)?).unwrap();
        let (body, after) = rest.split_at(size);
        rest = after;
        Some((id, body))
    })
}

/// A source: whose (the visitor is 0), what, and its items, epoch by epoch.
pub(super) type Made = (usize, Modality, Vec<(u32, Vec<Item>)>);

/// The visitor's source without a break.
pub(super) fn of(what: Modality, items: Vec<Item>) -> Made {
    (0, what, vec![(1, items)])
}

/// The films of these sources.
pub(super) fn film(sources: &[Made]) -> Rendition {
    put_together(sources, recorder::media::render)
}

/// The same for a browser.
pub(super) fn film_to_play(sources: &[Made]) -> Rendition {
    put_together(sources, recorder::media::render_to_play)
}

/// The same with these gaps in the manifest.
pub(super) fn film_with_gaps(sources: &[Made], gaps: Vec<Gap>) -> Rendition {
    put_together(sources, move |manifest, tracks| {
        let manifest = Manifest {
            gaps: gaps.clone(),
            ..manifest.clone()
        };
        recorder::media::render(&manifest, tracks)
    })
}

fn put_together(sources: &[Made], render: impl Fn(&Manifest, &[Track]) -> Rendition) -> Rendition {
    let (manifest, people) = manifest();
    let tracks: Vec<Track> = sources
        .iter()
        .zip(3..)
        .map(|((who, what, epochs), number)| {
            let mut track = Track::new(number, people[*who], *what);
            for (epoch, items) in epochs {
                for batch in crate::call::batches(items) {
                    track.part(*epoch, batch.into()).unwrap();
                }
            }
            track.finish();
            track
        })
        .collect();
    render(&manifest, &tracks)
}
