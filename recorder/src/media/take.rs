//! The packets of one source, out of its opened parts: in the order of their sequence numbers, each
//! once, whatever the order in which they came.

use std::collections::BTreeMap;

use bytes::Bytes;
use proto::notice::Modality;
use proto::{EpochNo, ParticipantId, TrackNo};
use seal::media::{Batch, Codec, Item, Lost, MediaError, Packet, PauseCause, Report};

/// A relay ends a connection long before. What comes after is not a call's.
const STREAMS_MAX: usize = 20_000;

/// One source: everything that its parts hold. No `Debug`.
pub struct Track {
    /// Its number in the recording.
    pub number: TrackNo,
    /// Whose it is.
    pub participant: ParticipantId,
    /// What it is.
    pub modality: Modality,
    /// Its streams, in the order in which they began.
    pub streams: Vec<Stream>,
    /// Times in which nothing was recorded by intent.
    pub pauses: Vec<Pause>,
    /// When it went on after one, in order: µs since the Unix epoch. Its RTP time may have stood still.
    pub resumed: Vec<i64>,
    /// Packets that never arrived.
    pub lost: Vec<Lost>,
    /// Packets of a stream that was never described.
    pub homeless: u64,
    /// By epoch and number: numbers may begin anew after a restart.
    places: BTreeMap<(EpochNo, u16), usize>,
}

/// A run of packets with one SSRC.
pub struct Stream {
    /// How they are encoded.
    pub codec: Codec,
    /// RTP time units in a second.
    pub clock_rate: u32,
    /// Of sound.
    pub channels: u8,
    /// By sequence number, each once.
    pub packets: Vec<Packet<Bytes>>,
    /// Sender reports, as they came.
    pub reports: Vec<Report>,
}

/// A time in which nothing of a source was recorded, by intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// µs since the Unix epoch.
    pub from: i64,
    /// `None`: to the end.
    pub to: Option<i64>,
    /// Why.
    pub cause: PauseCause,
}

impl Track {
    /// Nothing yet.
    pub fn new(number: TrackNo, participant: ParticipantId, modality: Modality) -> Self {
        Self {
            number,
            participant,
            modality,
            streams: Vec::new(),
            pauses: Vec::new(),
            resumed: Vec::new(),
            lost: Vec::new(),
            homeless: 0,
            places: BTreeMap::new(),
        }
    }

    /// Takes what one part was opened to. A part that is not well formed is not taken at all.
    pub fn part(&mut self, epoch: EpochNo, plaintext: Bytes) -> Result<(), MediaError> {
        let items: Vec<Item> = Batch::new(plaintext)?.collect::<Result<_, _>>()?;
        for item in items {
            self.item(epoch, item);
        }
        Ok(())
    }

    /// Sorts what came. Of a packet that came twice the first is kept.
    pub fn finish(&mut self) {
        for stream in &mut self.streams {
            stream.packets.sort_by_key(|p| (p.seq, p.arrival));
            stream.packets.dedup_by_key(|p| p.seq);
            stream.reports.sort_by_key(|r| r.arrival);
        }
        self.streams.retain(|stream| !stream.packets.is_empty());
        self.resumed = self.pauses.iter().filter_map(|p| p.to).collect();
        self.resumed.sort_unstable();
    }

    fn item(&mut self, epoch: EpochNo, item: Item) {
        match item {
            Item::Stream(about) => {
                let same = self.stream(epoch, about.number).is_some_and(|known| {
                    (known.codec, known.clock_rate, known.channels)
                        == (about.codec, about.clock_rate, about.channels)
                });
                if !same && self.streams.len() < STREAMS_MAX {
                    self.places
                        .insert((epoch, about.number), self.streams.len());
                    self.streams.push(Stream {
                        codec: about.codec,
                        clock_rate: about.clock_rate,
                        channels: about.channels,
                        packets: Vec::new(),
                        reports: Vec::new(),
                    });
                }
            }
            Item::Rtp(packet) => match self.stream(epoch, packet.stream) {
                Some(stream) => stream.packets.push(packet),
                None => self.homeless += 1,
            },
            Item::Report(report) => {
                if let Some(stream) = self.stream(epoch, report.stream) {
                    stream.reports.push(report);
                }
            }
            Item::Pause { at, cause } => {
                self.resume(at);
                self.pauses.push(Pause {
                    from: at,
                    to: None,
                    cause,
                });
            }
            Item::Resume { at } => self.resume(at),
            Item::Lost(lost) => self.lost.push(lost),
        }
    }

    fn resume(&mut self, at: i64) {
        if let Some(pause) = self.pauses.last_mut().filter(|pause| pause.to.is_none()) {
            pause.to = Some(at.max(pause.from));
        }
    }

    fn stream(&mut self, epoch: EpochNo, number: u16) -> Option<&mut Stream> {
        let place = self.places.get(&(epoch, number))?;
        self.streams.get_mut(*place)
    }
}
