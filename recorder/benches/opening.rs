//! How long it takes to open a call: one synthetic hour of two people with sound (Opus, 48 kbit/s) and
//! pictures (VP8, 1.5 Mbit/s), sealed as a relay seals it, in a vault, to films.
//!
//! `cargo bench --locked --workspace --bench opening [-- MINUTES]`. The stages are what
//! `recorder::retrieval` does once the officers have agreed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a measurement stops where something is wrong, and says what it found"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use proto::event::Role;
use proto::keys::{IntakeKey, SealingKey};
use proto::notice::Modality;
use proto::{Hash32, KeyId, Millis, ParticipantId, RecordingId, TenantId, TrackNo};
use recorder::entropy::system;
use recorder::inspect::{Source, walk};
use recorder::keys::{PrivateKey, hpke};
use recorder::media::{Track, render};
use recorder::open::key::EpochKey;
use recorder::open::part::{self, EpochKeys};
use recorder::open::tink;
use recorder::retrieval::tracks;
use recorder::vault::Vault;
use recorder::vault::pack::{OBJECT_MAX, Packed, Packer};
use recorder::vault::placement::Placement;
use seal::manifest::Manifest;
use seal::media::{BatchWriter, Codec, Packet, Report, Stream};
use seal::track::{Recipients, TrackId};
use seal::{Recipient, TrackSealer, WrapInfo};

const BEGAN: i64 = 1_790_000_000_000_000;
const SECOND: i64 = 1_000_000;
/// A relay seals a batch at least so often, and takes a new key so often.
const BATCH: i64 = SECOND / 2;
const RATCHET: i64 = 60 * SECOND;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let minutes = std::env::args().find_map(|word| word.parse().ok());
    let minutes: i64 = minutes.unwrap_or(60);
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::open(folder.path()).unwrap();
    let call = Call::sealed(&vault, minutes).await;
    let (sealed, parts) = (call.bytes(), call.parts());
    println!("{minutes} minutes: {sealed} sealed bytes in {parts} parts, 4 tracks");

    let source = Source::vault(&vault, call.manifest.tenant, call.manifest.recording);
    floors();

    let opening = Instant::now();
    let keys = call.manifest.tracks.iter();
    let keys = keys.map(|track| call.keys_of(track.track)).collect();
    let opened = tracks::open(&source, &call.manifest, &call.placement, keys).await;
    let opened = opened.unwrap();
    assert!(opened.iter().all(|track| track.walked.damage.is_empty()));
    let sources: Vec<Track> = opened
        .into_iter()
        .filter_map(|track| track.source)
        .collect();
    say(
        "read, check, decrypt, take apart",
        sealed,
        opening.elapsed(),
    );

    let rendering = Instant::now();
    let rendition = render(&call.manifest, &sources);
    say("time line, frames, 3 films", sealed, rendering.elapsed());
    say("all of it", sealed, opening.elapsed());

    assert_eq!(rendition.notes, Vec::<String>::new());
    let films: Vec<u64> = rendition
        .files
        .iter()
        .map(|file| file.bytes.len())
        .collect();
    println!("films of {films:?} bytes");
    drop((rendition, sources));

    let began = Instant::now();
    for track in &call.manifest.tracks {
        let mut keys = call.keys_of(track.track);
        let mut taken = Track::new(track.track, track.participant, track.modality);
        let walked = walk::track(
            &source,
            &call.manifest,
            &call.placement,
            track,
            |header, bytes, _| part::media(&mut keys, header, bytes, &mut taken),
        );
        assert_eq!(walked.await.unwrap().damage, []);
        taken.finish();
    }
    say("the same on one thread", sealed, began.elapsed());
}

/// Megabytes a second are bytes a microsecond.
fn say(what: &str, bytes: u64, took: Duration) {
    let micros = u64::try_from(took.as_micros()).unwrap().max(1);
    println!(
        "{what:<34} {:>6} ms {:>6} MB/s",
        micros / 1_000,
        bytes / micros
    );
}

/// What nothing above can be faster than, on this machine: one hash, one decryption of every byte.
fn floors() {
    let bytes = vec![7_u8; 64 << 20];
    let began = Instant::now();
    std::hint::black_box(Hash32::of(&bytes));
    say("alone: SHA-256", bytes.len() as u64, began.elapsed());
    // As large as half a second of pictures.
    let (mut sealer, key) = sealer(TrackId {
        tenant: TenantId::from_bytes([1; 16]),
        recording: RecordingId::from_bytes([2; 16]),
        track: 1,
        participant: ParticipantId::from_bytes([3; 16]),
        role: Role::Visitor,
        modality: Modality::Video,
    });
    let part = sealer.seal(&vec![7; 95_000], &mut system()).unwrap();
    let about = part.header.associated_data();
    let began = Instant::now();
    for _ in 0..500 {
        std::hint::black_box(tink::open(&key, &about, &part.bytes).unwrap());
    }
    say(
        "alone: AES-GCM",
        500 * part.bytes.len() as u64,
        began.elapsed(),
    );
}

/// A call in a vault, and the keys that open it.
struct Call {
    manifest: Manifest,
    placement: Placement,
    keys: Vec<[u8; 32]>,
}

impl Call {
    fn bytes(&self) -> u64 {
        self.placement
            .objects
            .iter()
            .map(|object| object.bytes)
            .sum()
    }

    fn keys_of(&self, track: TrackNo) -> EpochKeys {
        let place = usize::try_from(track).unwrap() - 1;
        EpochKeys::from([(1, Ok(EpochKey::from_bytes(&self.keys[place]).unwrap()))])
    }

    fn parts(&self) -> u64 {
        self.manifest.tracks.iter().map(|track| track.parts).sum()
    }

    async fn sealed(vault: &Vault, minutes: i64) -> Self {
        let text = include_str!("../../fixtures/seal/manifest.json");
        let vector: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).unwrap();
        let mut manifest: Manifest =
            serde_json::from_str(vector["payload_text"].as_str().unwrap()).unwrap();
        let mut placement = Placement {
            version: recorder::vault::placement::VERSION,
            tenant: manifest.tenant,
            recording: manifest.recording,
            manifest: Hash32::ZERO,
            kept: manifest.ended,
            objects: Vec::new(),
        };
        let visitor = manifest.participants[0].participant;
        let agent = ParticipantId::from_bytes([8; 16]);
        let mut second = manifest.participants[0].clone();
        (second.participant, second.role) = (agent, Role::Agent);
        manifest.participants.push(second);
        let place = (manifest.tenant, manifest.recording);
        (manifest.tracks, manifest.gaps) = (Vec::new(), Vec::new());

        let mut keys = Vec::new();
        let sources = [
            (visitor, Modality::Audio),
            (visitor, Modality::Video),
            (agent, Modality::Audio),
            (agent, Modality::Video),
        ];
        for ((participant, modality), number) in sources.into_iter().zip(1..) {
            let id = TrackId {
                tenant: place.0,
                recording: place.1,
                track: number,
                participant,
                role: Role::Visitor,
                modality,
            };
            let (mut sealer, key) = sealer(id);
            keys.push(key);
            let mut packer = Packer::new(place.0, place.1, number, 1, OBJECT_MAX);
            let mut full = Vec::new();
            let mut ratcheted = 0;
            for (at, batch) in Batches::new(modality, minutes * 60 * SECOND) {
                if at - ratcheted >= RATCHET {
                    ratcheted = at;
                    sealer.ratchet().unwrap();
                }
                let part = sealer.seal(&batch, &mut system()).unwrap();
                full.extend(packer.push(&part).unwrap());
                for packed in full.drain(..) {
                    put(vault, place, &mut placement, packed).await;
                }
            }
            let end = sealer.end(&mut system()).unwrap();
            full.extend(packer.push(&end).unwrap());
            full.extend(packer.finish().unwrap());
            for packed in full {
                put(vault, place, &mut placement, packed).await;
            }
            manifest.tracks.push(sealer.manifest());
        }
        Self {
            manifest,
            placement,
            keys,
        }
    }
}

async fn put(
    vault: &Vault,
    (tenant, recording): (TenantId, RecordingId),
    placement: &mut Placement,
    packed: Packed,
) {
    let Packed {
        object,
        bytes,
        index,
    } = packed;
    for (name, bytes) in [(&object.name, bytes), (&object.index, index)] {
        vault.put(tenant, recording, name, bytes).await.unwrap();
    }
    placement.objects.push(object);
}

/// A track with a key, and the key.
fn sealer(id: TrackId) -> (TrackSealer, [u8; 32]) {
    let pair = PrivateKey::random(&mut system());
    let public_key = pair.public().unwrap();
    let sealing = SealingKey {
        tenant: id.tenant,
        key: KeyId::from_bytes([3; 16]),
        quarter: "2026Q4".to_owned(),
        public_key,
        not_before: Millis(0),
        not_after: Millis(i64::MAX),
        threshold: 2,
        shares: 3,
    };
    let intake = IntakeKey {
        generation: 1,
        public_key,
        not_before: Millis(0),
    };
    let mut sealer = TrackSealer::new(id);
    let to = Recipients {
        sealing: &sealing,
        intake: &intake,
        receipts: &[],
        live: &[(id.participant, public_key)],
    };
    let epoch = sealer.new_epoch(&to, &mut system()).unwrap();
    let participant = id.participant;
    let info = WrapInfo {
        tenant: id.tenant,
        recording: id.recording,
        track: id.track,
        epoch: 1,
        recipient: Recipient::Participant { participant },
    };
    let key = hpke::open(&pair, &info.info(), epoch.live[0].wrap.as_ref()).unwrap();
    (sealer, key.as_slice().try_into().unwrap())
}

/// The batches of one source, and when each began: µs from the beginning.
struct Batches {
    about: Stream,
    lasts: i64,
    at: i64,
    seq: u32,
    noise: Bytes,
    writer: BatchWriter,
}

impl Batches {
    fn new(modality: Modality, lasts: i64) -> Self {
        let sound = modality == Modality::Audio;
        let mut noise = vec![0; 1_042];
        let mut state = 0x1234_5678_u32;
        for byte in &mut noise {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = state.to_be_bytes()[0];
        }
        Self {
            about: Stream {
                number: 1,
                codec: if sound { Codec::Opus } else { Codec::Vp8 },
                clock_rate: if sound { 48_000 } else { 90_000 },
                channels: if sound { 2 } else { 0 },
            },
            lasts,
            at: 0,
            seq: 65_536,
            noise: noise.into(),
            writer: BatchWriter::new(256 << 10),
        }
    }

    /// 20 ms of sound in 120 bytes, or a picture of 6,252 in six packets, thirty a second.
    fn frame(&mut self) {
        let sound = self.about.codec == Codec::Opus;
        let (count, every) = if sound { (1, 20_000) } else { (6, SECOND / 30) };
        let units = self.at * i64::from(self.about.clock_rate) / SECOND;
        let time = u32::try_from(units & 0xffff_ffff).unwrap();
        for place in 0..count {
            let mut payload = self.noise.to_vec();
            if sound {
                payload.truncate(120);
                payload[0] = 31 << 3;
            } else {
                // A key picture every ten seconds.
                let key = self.at % (10 * SECOND) < every;
                payload[0] = if place == 0 { 0x10 } else { 0 };
                payload[1] = u8::from(!key) | 0x10;
                if key && place == 0 {
                    payload[4..11].copy_from_slice(&[0x9d, 0x01, 0x2a, 0x80, 2, 0xe0, 1]);
                }
            }
            let packet = Packet {
                stream: 1,
                arrival: BEGAN + self.at + 40_000 + i64::from(place) * 200,
                seq: self.seq,
                time,
                marker: place + 1 == count,
                payload: &payload,
            };
            self.writer.rtp(&packet).unwrap();
            self.seq += 1;
        }
        if self.at % (5 * SECOND) < every {
            let wall = BEGAN + self.at;
            let report = Report {
                stream: 1,
                arrival: wall + 41_500,
                ntp: (u64::try_from(wall / SECOND + 2_208_988_800).unwrap() << 32)
                    + (u64::try_from(wall % SECOND).unwrap() << 32) / 1_000_000,
                time,
            };
            self.writer.report(&report).unwrap();
        }
        self.at += every;
    }
}

impl Iterator for Batches {
    type Item = (i64, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let began = self.at;
        while self.at < self.lasts && self.at - began < BATCH {
            if self.writer.is_empty() {
                let at = BEGAN + self.at;
                self.writer.stream(at, &self.about).unwrap();
            }
            self.frame();
        }
        Some((began, self.writer.take()?.to_vec()))
    }
}
