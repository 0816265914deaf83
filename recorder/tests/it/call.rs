//! A call in the making: what FFmpeg sent over RTP (`fixtures/media`), in batches as a relay's tap
//! makes them, sealed on tracks of media.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use proto::event::Role;
use proto::notice::Modality;
use proto::{Millis, ParticipantId, TrackNo};
use recorder::custody;
use recorder::entropy::system;
use recorder::media::Track;
use seal::TrackSealer;
use seal::manifest::{Cause, Gap};
use seal::media::{BatchWriter, Codec, Item, Packet, PauseCause, Report, Stream};
use seal::spool::Record;
use seal::track::{Recipients, TrackId};

use crate::house::House;
use crate::talk::Talk;

/// A relay hands a batch over at least this often, in µs.
const BATCH: i64 = 500_000;

/// One stream of a capture, as items.
pub(crate) fn capture(name: &str, picture: bool, began: i64) -> Vec<Item> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/media");
    let bytes = std::fs::read(path.join(name)).unwrap();
    let about = Stream {
        number: 1,
        codec: match (picture, name.starts_with("h264")) {
            (false, _) => Codec::Opus,
            (true, false) => Codec::Vp8,
            (true, true) => Codec::H264,
        },
        clock_rate: if picture { 90_000 } else { 48_000 },
        channels: if picture { 0 } else { 2 },
    };
    let mut items = vec![Item::Stream(about)];
    let mut rest = bytes.as_slice();
    let u32_at = |p: &[u8], at: usize| u32::from_be_bytes(p[at..at + 4].try_into().unwrap());
    let mut extended: Option<u32> = None;
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let length = usize::from(u16::from_be_bytes([head[6], head[7]]));
        let (packet, after) = after.split_at(length);
        rest = after;
        if (head[4] == 2) != picture {
            continue;
        }
        let arrival = began + i64::from(u32_at(head, 0));
        if head[5] == 1 {
            items.push(Item::Report(Report {
                stream: 1,
                arrival,
                ntp: u64::from_be_bytes(packet[8..16].try_into().unwrap()),
                time: u32_at(packet, 16),
            }));
            continue;
        }
        let wire = u16::from_be_bytes([packet[2], packet[3]]);
        let seq = match extended {
            None => 65_536 + u32::from(wire),
            Some(last) => {
                let low = u16::try_from(last & 0xffff).unwrap();
                last + u32::from(wire.wrapping_sub(low))
            }
        };
        extended = Some(seq);
        items.push(Item::Rtp(Packet {
            stream: 1,
            arrival,
            seq,
            time: u32_at(packet, 4),
            marker: packet[1] & 0x80 != 0,
            payload: Bytes::copy_from_slice(&packet[12..]),
        }));
    }
    items
}

pub(crate) fn at(item: &Item) -> Option<i64> {
    match item {
        Item::Stream(_) => None,
        Item::Rtp(packet) => Some(packet.arrival),
        Item::Report(report) => Some(report.arrival),
        Item::Pause { at, .. } | Item::Resume { at } => Some(*at),
        Item::Lost(lost) => Some(lost.to),
    }
}

/// The batches that these items make.
pub(crate) fn batches(items: &[Item]) -> Vec<Vec<u8>> {
    let first = items.iter().find_map(at).unwrap();
    let mut writer = BatchWriter::new(256 << 10);
    let (mut out, mut stream) = (Vec::new(), None);
    for item in items {
        let now = at(item).unwrap_or(first);
        if writer.began().is_some_and(|began| now - began > BATCH) {
            out.push(writer.take().unwrap().to_vec());
            if let Some(stream) = &stream {
                writer.stream(now, stream).unwrap();
            }
        }
        if let Item::Stream(about) = item {
            stream = Some(*about);
        }
        writer.write(now, item).unwrap();
    }
    out.extend(writer.take().map(|batch| batch.to_vec()));
    out
}

/// A source as opening sees it.
pub(crate) fn track(number: TrackNo, of: ParticipantId, what: Modality, items: &[Item]) -> Track {
    let mut track = Track::new(number, of, what);
    for batch in batches(items) {
        track.part(1, batch.into()).unwrap();
    }
    track.finish();
    track
}

/// Takes these sources out of a call: muted from and to, in µs from the beginning.
pub(crate) fn muted(items: Vec<Item>, from: i64, to: i64) -> Vec<Item> {
    let mut out = Vec::new();
    let mut said = 0;
    for item in items {
        let now = at(&item).unwrap_or(i64::MIN);
        if said == 0 && now >= from {
            said = 1;
            let cause = PauseCause::Muted;
            out.push(Item::Pause { at: from, cause });
        }
        if said == 1 && now >= to {
            said = 2;
            out.push(Item::Resume { at: to });
        }
        if said != 1 || !matches!(item, Item::Rtp(_)) {
            out.push(item);
        }
    }
    out
}

impl Talk {
    /// Seals a source, with a new key step every fourth part.
    pub(crate) async fn source(
        &mut self,
        house: &House,
        who: usize,
        modality: Modality,
        items: &[Item],
    ) -> TrackNo {
        let number = 3 + TrackNo::try_from(self.media.len()).unwrap();
        let mut sealer = TrackSealer::new(TrackId {
            tenant: house.tenant.id(),
            recording: self.recording,
            track: number,
            participant: self.people[who],
            role: [Role::Visitor, Role::Agent][who],
            modality,
        });
        let sealing = custody::verified_keys(&house.tenant).await.unwrap()[0].clone();
        let intake = recorder::intake::rotate::newest(&house.recorder).await;
        let intake = intake.unwrap().unwrap();
        let to = Recipients {
            sealing: &sealing,
            intake: &intake,
            receipts: &[],
            live: &[],
        };
        let rng = &mut system();
        let mut records = vec![Record::Epoch(sealer.new_epoch(&to, rng).unwrap())];
        let batches = batches(items);
        for (place, batch) in batches.iter().enumerate() {
            if place > 0 && place % 4 == 0 {
                sealer.ratchet().unwrap();
            }
            if place == batches.len() / 2 {
                // As after a restart of the relay: a new epoch.
                records.push(Record::Epoch(sealer.new_epoch(&to, rng).unwrap()));
            }
            records.push(Record::Part(sealer.seal(batch, rng).unwrap()));
        }
        for record in records {
            house.spool().append(&[record]).await.unwrap();
        }
        self.media.push(sealer);
        number
    }

    /// Two people who hear and see each other for eight seconds, the agent from the third second on
    /// and with a muted microphone for two.
    pub(crate) async fn call(&mut self, house: &House) {
        let began = house.recorder.now().0 * 1_000;
        let later = began + 3_000_000;
        let sound = capture("vp8-opus.rtp", false, began);
        let picture = capture("vp8-opus.rtp", true, began);
        self.source(house, 0, Modality::Audio, &sound).await;
        self.source(house, 0, Modality::Video, &picture).await;
        let sound = capture("vp8-opus.rtp", false, later);
        let sound = muted(sound, later + 2_000_000, later + 4_000_000);
        let microphone = self.source(house, 1, Modality::Audio, &sound).await;
        let picture = capture("vp8-opus.rtp", true, later);
        self.source(house, 1, Modality::Video, &picture).await;
        self.gaps.push(Gap {
            track: Some(microphone),
            ..Gap::within(
                Millis(later / 1_000 + 2_000),
                Millis(later / 1_000 + 4_000),
                Cause::Muted,
            )
        });
        house.advance(12_000);
    }
}

/// What plays of a kept call, by name.
pub(crate) fn files(bundle: &BTreeMap<String, Vec<u8>>) -> BTreeMap<&str, &[u8]> {
    bundle
        .iter()
        .filter_map(|(name, bytes)| Some((name.split_once("/data/media/")?.1, bytes.as_slice())))
        .collect()
}
