//! The vectors in `fixtures/seal`: what `docs/format.md` describes, byte for byte.
//!
//! A missing file is written and its test fails; delete a file to make it anew.

use std::path::PathBuf;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use ed25519_dalek::SigningKey;
use proto::dsse::Document as _;
use proto::event::ChatEvent;
use proto::notice::Modality;
use proto::{Hash32, KeyId, Millis, ParticipantId, RecordingId, TenantId};
use seal::manifest::{Cause, Gap};
use seal::media::{Batch, BatchWriter, Codec, Item, Lost, Packet, PauseCause, Report, Stream};
use seal::part::{PartHeader, PartKind};
use seal::spool::{LiveWraps, Record, RecordedConsent, RecordedGap, encode, segment_header};
use seal::{DataKey, Recipient, TrackSealer, WrapInfo, part, wrap};
use serde_json::{Value, json};

use crate::spool::event;
use crate::support::{Pair, TestRng, World, open_part};
use crate::tracks;

const KEY: [u8; 32] = [0x42; 32];

fn check(name: &str, made: &Value) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/seal")
        .join(name);
    let text = serde_json::to_string_pretty(made).unwrap() + "\n";
    let Ok(kept) = std::fs::read_to_string(&path) else {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        panic!("{name} was missing; it is written now");
    };
    // As values: in which order an object's names stand is up to how serde_json was built.
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert!(kept == *made, "{name} is not what the code makes");
    kept
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn unhex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn header(kind: PartKind) -> PartHeader {
    PartHeader {
        tenant: TenantId::from_bytes([0x11; 16]),
        recording: RecordingId::from_bytes([0x22; 16]),
        track: 1,
        epoch: 2,
        step: 3,
        seq: 4,
        kind,
        prev: Hash32::of(b"the part before"),
    }
}

#[test]
fn parts() {
    let said = ChatEvent::Said {
        n: 7,
        at: Millis(1_790_000_000_123),
        cid: 3,
        text: "Grüezi!".to_owned(),
    };
    let long = vec![0x61; 65_500];
    let mut rng = TestRng::new("vector: parts");
    let mut parts = Vec::new();
    for (what, kind, plaintext) in [
        ("a chat event", PartKind::Data, said.to_padded().unwrap()),
        ("the end of a track", PartKind::End, Vec::new()),
        ("two segments: 65,500 times 'a'", PartKind::Data, long),
    ] {
        let header = header(kind);
        let part = part::seal(&DataKey::from_bytes(KEY), header, &plaintext, &mut rng).unwrap();
        let short = plaintext.len() < 1000;
        parts.push(json!({
            "what": what,
            "tenant": header.tenant,
            "recording": header.recording,
            "track": header.track,
            "epoch": header.epoch,
            "step": header.step,
            "seq": header.seq,
            "kind": kind.number(),
            "prev": header.prev,
            "associated_data": hex(&header.associated_data()),
            "salt": hex(&part.bytes[1..33]),
            "nonce_prefix": hex(&part.bytes[33..40]),
            "plaintext": short.then(|| hex(&plaintext)),
            "plaintext_text": short.then(|| String::from_utf8(plaintext.clone()).unwrap()),
            "plaintext_sha256": Hash32::of(&plaintext),
            "ciphertext": short.then(|| hex(&part.bytes)),
            "ciphertext_bytes": part.bytes.len(),
            "hash": part.hash,
        }));
    }
    let kept = check("part.json", &json!({"data_key": hex(&KEY), "parts": parts}));
    for part in kept["parts"].as_array().unwrap().iter().take(2) {
        let key = unhex(&kept["data_key"]).try_into().unwrap();
        let sealed = unhex(&part["ciphertext"]);
        let opened = open_part(&key, &unhex(&part["associated_data"]), &sealed);
        assert_eq!(opened.unwrap(), unhex(&part["plaintext"]));
        assert_eq!(json!(Hash32::of(&sealed)), part["hash"]);
    }
}

#[test]
fn media_batches() {
    let base = 1_790_000_000_123_456;
    let items = [
        Item::Stream(Stream {
            number: 1,
            codec: Codec::Opus,
            clock_rate: 48_000,
            channels: 2,
        }),
        Item::Rtp(Packet {
            stream: 1,
            arrival: base + 20_000,
            seq: 65_537,
            time: 0xffff_fc40,
            marker: true,
            payload: Bytes::from_static(&[0xf8, 0xff, 0xfe]),
        }),
        Item::Report(Report {
            stream: 1,
            arrival: base + 25_000,
            ntp: 0xee62_15c1_8000_0000,
            time: 0xffff_fc40,
        }),
        Item::Lost(Lost {
            stream: 1,
            first: 65_530,
            count: 2,
            from: base - 2_000_000,
            to: base - 1_940_000,
        }),
        Item::Pause {
            at: base + 30_000,
            cause: PauseCause::Muted,
        },
        Item::Resume { at: base + 430_000 },
    ];
    let mut writer = BatchWriter::new(1_000);
    for item in &items {
        writer.write(base, item).unwrap();
    }
    let bytes = writer.take().unwrap().to_vec();
    let kept = check(
        "media.json",
        &json!({
            "base": base,
            "batch": hex(&bytes),
            "items": [
                {"kind": 1, "number": 1, "codec": 1, "clock_rate": 48_000, "channels": 2},
                {"kind": 2, "stream": 1, "arrival": 20_000, "seq": 65_537, "time": 0xffff_fc40_u32,
                    "marker": 1, "payload": "f8fffe"},
                {"kind": 3, "stream": 1, "arrival": 25_000, "ntp": "ee6215c180000000",
                    "time": 0xffff_fc40_u32},
                {"kind": 6, "stream": 1, "first": 65_530, "count": 2, "from": -2_000_000,
                    "to": -1_940_000},
                {"kind": 4, "at": 30_000, "cause": 1},
                {"kind": 5, "at": 430_000},
            ],
        }),
    );
    let read: Result<Vec<_>, _> = Batch::new(unhex(&kept["batch"]).into()).unwrap().collect();
    assert_eq!(read.unwrap(), items);
}

#[test]
fn wraps() {
    let mut rng = TestRng::new("vector: wraps");
    let world = World::new(&mut rng);
    let key = DataKey::from_bytes(KEY);
    let mut wraps = Vec::new();
    let participant = ParticipantId::from_bytes([0x33; 16]);
    for recipient in [
        Recipient::Tenant {
            key: KeyId::from_bytes([0x44; 16]),
        },
        Recipient::Participant { participant },
        Recipient::Receipt { participant },
    ] {
        let pair = Pair::new(&mut rng);
        let info = WrapInfo {
            tenant: TenantId::from_bytes([0x11; 16]),
            recording: RecordingId::from_bytes([0x22; 16]),
            track: 1,
            epoch: 2,
            recipient,
        };
        let inner = wrap::wrap(&key, &info, &pair.public, &mut rng).unwrap();
        let kept = wrap::keep(&inner, &info, &world.intake, &mut rng).unwrap();
        wraps.push(json!({
            "tenant": info.tenant,
            "recording": info.recording,
            "track": info.track,
            "epoch": info.epoch,
            "recipient": recipient,
            "private_key": hex(&pair.private),
            "public_key": hex(&pair.public.0),
            "info": hex(&info.info()),
            "wrap": hex(&inner),
            "kept_info": hex(&info.kept_info(world.intake.generation)),
            "kept_wrap": hex(&kept),
        }));
    }
    let kept = check(
        "wrap.json",
        &json!({
            "data_key": hex(&KEY),
            "intake_generation": world.intake.generation,
            "intake_private_key": hex(&world.intake_pair.private),
            "intake_public_key": hex(&world.intake_pair.public.0),
            "wraps": wraps,
        }),
    );
    let pair = |private: &Value, public: &Value| Pair {
        private: unhex(private).try_into().unwrap(),
        public: proto::PublicKey(unhex(public).try_into().unwrap()),
    };
    let intake = pair(&kept["intake_private_key"], &kept["intake_public_key"]);
    for wrap in kept["wraps"].as_array().unwrap() {
        let outer = intake.open(&unhex(&wrap["kept_info"]), &unhex(&wrap["kept_wrap"]));
        assert_eq!(outer.unwrap(), unhex(&wrap["wrap"]));
        let inner = pair(&wrap["private_key"], &wrap["public_key"])
            .open(&unhex(&wrap["info"]), &unhex(&wrap["wrap"]));
        assert_eq!(inner.unwrap(), KEY);
    }
}

#[test]
fn ratchet_and_commitment() {
    let tenant = TenantId::from_bytes([0x11; 16]);
    let recording = RecordingId::from_bytes([0x22; 16]);
    let zero = DataKey::from_bytes(KEY);
    // A key shows itself only by what it commits to.
    let commit = |key: &DataKey| key.commitment(tenant, recording, 1, 2);
    let one = zero.ratchet();
    let two = one.ratchet();
    check(
        "ratchet.json",
        &json!({
            "tenant": tenant,
            "recording": recording,
            "track": 1,
            "epoch": 2,
            "data_key": hex(&KEY),
            "commitment": commit(&zero),
            "step_1": hex(&mac(&KEY, b"ratchet")),
            "step_1_commitment": commit(&one),
            "step_2": hex(&mac(&mac(&KEY, b"ratchet"), b"ratchet")),
            "step_2_commitment": commit(&two),
        }),
    );
    let step_1 = DataKey::from_bytes(mac(&KEY, b"ratchet"));
    assert_eq!(commit(&step_1), commit(&one));
    let step_2 = DataKey::from_bytes(mac(&mac(&KEY, b"ratchet"), b"ratchet"));
    assert_eq!(commit(&step_2), commit(&two));
}

fn mac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    Hmac::<sha2::Sha256>::new_from_slice(key)
        .unwrap()
        .chain_update(message)
        .finalize()
        .into_bytes()
        .into()
}

#[test]
fn spool_frames_and_manifest() {
    let mut rng = TestRng::new("vector: spool");
    let world = World::new(&mut rng);
    let mut track = TrackSealer::new(world.track(1, Modality::Chat));
    let epoch = track.new_epoch(&world.recipients(), &mut rng).unwrap();
    let part = track.seal(b"{}", &mut rng).unwrap();
    let newcomer = ParticipantId::random(&mut rng);
    let wraps = track
        .wraps_for(newcomer, &world.agent_pair.public, &mut rng)
        .unwrap();
    let end_part = track.end(&mut rng).unwrap();
    let node = SigningKey::from_bytes(&[5; 32]);
    let recorder = SigningKey::from_bytes(&[6; 32]);
    let manifest = tracks::manifest(&world, &track);
    let mut envelope = manifest.sign(&node).unwrap();
    envelope.countersign(&recorder);
    let public = |key: &SigningKey| hex(key.verifying_key().as_bytes());
    let kept = check(
        "manifest.json",
        &json!({
            "node_public_key": public(&node),
            "recorder_public_key": public(&recorder),
            "part_hashes": [part.hash, end_part.hash],
            "envelope": envelope,
            "payload_text": String::from_utf8(envelope.payload.clone()).unwrap(),
        }),
    );
    let payload = kept["payload_text"].as_str().unwrap().as_bytes();
    assert_eq!(
        serde_json::from_slice::<seal::manifest::Manifest>(payload).unwrap(),
        manifest
    );

    let mut frames = Vec::new();
    for (what, record) in [
        ("begin", Record::Begin(world.begin.clone())),
        ("epoch", Record::Epoch(epoch)),
        ("part", Record::Part(part)),
        (
            "wraps",
            Record::Wraps(LiveWraps {
                tenant: world.begin.tenant,
                recording: world.begin.recording,
                wraps,
            }),
        ),
        ("event", event(&mut rng)),
        ("end", tracks::end(&world, &track)),
        (
            "gap",
            Record::Gap(RecordedGap {
                tenant: world.begin.tenant,
                recording: world.begin.recording,
                gap: Gap::within(
                    Millis(1_790_000_000_123),
                    Millis(1_790_000_004_567),
                    Cause::Restart,
                ),
            }),
        ),
        (
            "consent",
            Record::Consent(RecordedConsent {
                tenant: world.begin.tenant,
                recording: world.begin.recording,
                participant: world.visitor,
                modality: Modality::Video,
                given: false,
                at: Millis(1_790_000_005_000),
            }),
        ),
    ] {
        let mut frame = Vec::new();
        encode(&record, &mut frame).unwrap();
        let text = (what != "part").then(|| String::from_utf8(frame[13..].to_vec()).unwrap());
        frames.push(json!({"what": what, "frame": hex(&frame), "json": text}));
    }
    check(
        "spool.json",
        &json!({
            "segment": 1,
            "segment_header": hex(&segment_header(1)),
            "frames": frames,
        }),
    );
}
