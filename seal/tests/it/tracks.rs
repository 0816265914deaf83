//! Tracks: keys, wraps, chain, and what the manifest says of them.

use ed25519_dalek::SigningKey;
use proto::consent::RecordingChoice;
use proto::dsse::Document as _;
use proto::event::Role;
use proto::notice::Modality;
use proto::{Hash32, Millis, ParticipantId, PublicKey};
use seal::manifest::{Consent, Ending, Manifest, Participant, Policy, VERSION};
use seal::merkle::parts_root;
use seal::part::PartKind;
use seal::spool::{End, Epoch, Record, Spool, SpoolConfig};
use seal::{DataKey, Part, Recipient, SealError, TrackSealer, WrapInfo};

use crate::ram::Ram;
use crate::support::{Pair, TestRng, World, open_part};

/// A manifest of one track that ended cleanly.
pub(crate) fn manifest(world: &World, track: &TrackSealer) -> Manifest {
    let ended = Millis(1_790_000_600_000);
    Manifest {
        version: VERSION,
        tenant: world.begin.tenant,
        recording: world.begin.recording,
        session: world.begin.session,
        site: world.begin.site,
        node: world.begin.node,
        started: world.begin.started,
        ended,
        modalities: vec![Modality::Chat],
        policy: Policy::at(world.begin.notice, world.begin.policy, ended),
        participants: vec![Participant {
            participant: world.visitor,
            role: Role::Visitor,
            staff: None,
            consent: Consent {
                notice: world.begin.notice,
                modalities: vec![Modality::Chat],
                recording: RecordingChoice::Acknowledged,
                at: Millis(1_790_000_000_000),
            },
        }],
        tracks: vec![track.manifest()],
        gaps: Vec::new(),
        ending: Ending::Clean { by: world.visitor },
    }
}

pub(crate) fn end(world: &World, track: &TrackSealer) -> Record {
    let key = SigningKey::from_bytes(&[3; 32]);
    Record::End(Box::new(End {
        tenant: world.begin.tenant,
        recording: world.begin.recording,
        manifest: manifest(world, track).sign(&key).unwrap(),
    }))
}

/// What the wrap of this epoch to this recipient is bound to.
fn info(epoch: &Epoch, recipient: Recipient) -> WrapInfo {
    WrapInfo {
        tenant: epoch.tenant,
        recording: epoch.recording,
        track: epoch.track,
        epoch: epoch.epoch,
        recipient,
    }
}

/// The data key, by way of the tenant's key inside the intake seal.
fn tenant_key(world: &World, epoch: &Epoch) -> [u8; 32] {
    let kept = &epoch.kept[0];
    let info = info(epoch, kept.recipient);
    let wrap = world
        .intake_pair
        .open(&info.kept_info(world.intake.generation), &kept.wrap)
        .unwrap();
    let key = world.sealing_pair.open(&info.info(), &wrap).unwrap();
    key.try_into().unwrap()
}

fn opens(key: &[u8; 32], part: &Part) -> Option<Vec<u8>> {
    open_part(key, &part.header.associated_data(), &part.bytes)
}

#[test]
fn every_recipient_gets_the_same_key_and_it_is_the_one_committed_to() {
    let mut rng = TestRng::new("recipients");
    let world = World::new(&mut rng);
    let mut track = TrackSealer::new(world.track(1, Modality::Chat));
    let epoch = track.new_epoch(&world.recipients(), &mut rng).unwrap();
    let part = track.seal(b"hello", &mut rng).unwrap();

    let key = tenant_key(&world, &epoch);
    assert_eq!(opens(&key, &part).unwrap(), b"hello");

    let kept = &epoch.kept[1];
    let receipt = info(&epoch, kept.recipient);
    assert_eq!(
        receipt.recipient,
        Recipient::Receipt {
            participant: world.visitor
        }
    );
    let wrap = world.intake_pair.open(&receipt.kept_info(7), &kept.wrap);
    let found = world.receipt_pair.open(&receipt.info(), &wrap.unwrap());
    assert_eq!(found.unwrap(), key);

    for (live, pair) in epoch
        .live
        .iter()
        .zip([&world.visitor_pair, &world.agent_pair])
    {
        let participant = live.participant;
        let info = info(&epoch, Recipient::Participant { participant });
        assert_eq!(pair.open(&info.info(), &live.wrap).unwrap(), key);
    }

    let id = track.id();
    let committed = DataKey::from_bytes(key).commitment(id.tenant, id.recording, 1, 1);
    assert_eq!(epoch.commitment, committed);
    assert_eq!(epoch.kept[0].wrap.len(), seal::wrap::KEPT_WRAP);
    assert_eq!(epoch.live[0].wrap.len(), seal::wrap::WRAP);
}

#[test]
fn a_wrap_opens_nowhere_but_at_its_own_place() {
    let mut rng = TestRng::new("place");
    let world = World::new(&mut rng);
    let mut track = TrackSealer::new(world.track(1, Modality::Chat));
    let epoch = track.new_epoch(&world.recipients(), &mut rng).unwrap();
    let live = &epoch.live[0];
    let participant = live.participant;
    let right = info(&epoch, Recipient::Participant { participant });
    let open = |info: WrapInfo| world.visitor_pair.open(&info.info(), &live.wrap);
    assert!(open(right).is_some());
    let recipient = Recipient::Receipt { participant };
    let elsewhere = ParticipantId::random(&mut rng);
    for wrong in [
        WrapInfo { track: 2, ..right },
        WrapInfo { epoch: 2, ..right },
        WrapInfo { recipient, ..right },
        WrapInfo {
            recipient: Recipient::Participant {
                participant: elsewhere,
            },
            ..right
        },
        WrapInfo {
            tenant: World::new(&mut rng).begin.tenant,
            ..right
        },
        WrapInfo {
            recording: World::new(&mut rng).begin.recording,
            ..right
        },
    ] {
        assert!(open(wrong).is_none(), "{wrong:?}");
    }
    let kept = &epoch.kept[0];
    let tenant = info(&epoch, kept.recipient);
    let outer = |generation| {
        world
            .intake_pair
            .open(&tenant.kept_info(generation), &kept.wrap)
    };
    assert!(outer(7).is_some() && outer(8).is_none());
}

#[test]
fn a_key_that_is_no_point_is_refused() {
    let mut rng = TestRng::new("point");
    let mut world = World::new(&mut rng);
    world.live.push((world.agent, PublicKey([0; 32])));
    let mut track = TrackSealer::new(world.track(1, Modality::Chat));
    let refused = track.new_epoch(&world.recipients(), &mut rng);
    assert_eq!(refused, Err(SealError::BadRecipientKey));
    assert!(!track.has_key());
}

#[test]
fn parts_are_counted_and_chained_over_epochs_and_a_restart() {
    let mut rng = TestRng::new("chained");
    let world = World::new(&mut rng);
    let ram = Ram::new("chained");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (spool, _) = Spool::open(SpoolConfig::default(), ram.clone()).unwrap();
    let mut track = TrackSealer::new(world.track(1, Modality::Chat));
    assert_eq!(track.seal(b"x", &mut rng), Err(SealError::NoEpoch));
    let mut records = vec![Record::Begin(world.begin.clone())];
    let mut parts: Vec<Part> = Vec::new();
    for _ in 0..2 {
        records.push(Record::Epoch(
            track.new_epoch(&world.recipients(), &mut rng).unwrap(),
        ));
        for _ in 0..3 {
            parts.push(track.seal(b"x", &mut rng).unwrap());
            records.push(Record::Part(parts[parts.len() - 1].clone()));
        }
    }
    runtime.block_on(spool.append(&records)).unwrap();
    let before = track.manifest();
    runtime.block_on(spool.close());

    let (_, recovered) = Spool::open(SpoolConfig::default(), ram).unwrap();
    let found = &recovered.recordings[&world.begin.recording];
    let mut track = TrackSealer::resume(&found.tracks[&1]);
    assert_eq!(track.manifest(), before);
    assert_eq!(track.seal(b"x", &mut rng), Err(SealError::NoEpoch));
    let epoch = track.new_epoch(&world.recipients(), &mut rng).unwrap();
    assert_eq!(epoch.epoch, 3);
    parts.push(track.seal(b"x", &mut rng).unwrap());
    parts.push(track.end(&mut rng).unwrap());
    assert_eq!(track.seal(b"x", &mut rng), Err(SealError::Ended));

    let mut head = Hash32::ZERO;
    for (part, seq) in parts.iter().zip(1..) {
        assert_eq!((part.header.seq, part.header.prev), (seq, head));
        head = part.hash;
    }
    assert_eq!(parts[7].header.kind, PartKind::End);
    assert_eq!(opens(&tenant_key(&world, &epoch), &parts[7]).unwrap(), b"");
    let manifest = track.manifest();
    assert_eq!(
        (manifest.parts, manifest.head, manifest.ended),
        (8, head, true)
    );
    let hashes: Vec<Hash32> = parts.iter().map(|part| part.hash).collect();
    let roots: Vec<Hash32> = manifest.epochs.iter().map(|epoch| epoch.root).collect();
    assert_eq!(
        roots,
        [
            parts_root(&hashes[..3]),
            parts_root(&hashes[3..6]),
            parts_root(&hashes[6..])
        ]
    );
}

#[test]
fn a_ratcheted_key_opens_its_own_step_only_and_is_never_wrapped() {
    let mut rng = TestRng::new("ratchet");
    let world = World::new(&mut rng);
    let mut track = TrackSealer::new(world.track(2, Modality::Audio));
    let epoch = track.new_epoch(&world.recipients(), &mut rng).unwrap();
    let zero = track.seal(b"zero", &mut rng).unwrap();
    track.ratchet().unwrap();
    let one = track.seal(b"one", &mut rng).unwrap();
    assert_eq!((zero.header.step, one.header.step), (0, 1));
    let key = tenant_key(&world, &epoch);
    assert_eq!(opens(&key, &zero).unwrap(), b"zero");
    assert!(opens(&key, &one).is_none());
    let wraps = track.wraps_for(world.agent, &world.agent_pair.public, &mut rng);
    assert_eq!(wraps.unwrap(), []);
}

#[test]
fn a_newcomer_gets_the_keys_of_what_came_before_and_the_manifest_says_so() {
    let mut rng = TestRng::new("newcomer");
    let world = World::new(&mut rng);
    let mut track = TrackSealer::new(world.track(1, Modality::Chat));
    let mut keys = Vec::new();
    for _ in 0..3 {
        let epoch = track.new_epoch(&world.recipients(), &mut rng).unwrap();
        keys.push(tenant_key(&world, &epoch));
    }
    let participant = ParticipantId::random(&mut rng);
    let pair = Pair::new(&mut rng);
    let wraps = track
        .wraps_for(participant, &pair.public, &mut rng)
        .unwrap();
    let recipient = Recipient::Participant { participant };
    let id = *track.id();
    let opened: Vec<Vec<u8>> = wraps
        .iter()
        .map(|wrap| {
            let info = WrapInfo {
                tenant: id.tenant,
                recording: id.recording,
                track: wrap.track,
                epoch: wrap.epoch,
                recipient,
            };
            pair.open(&info.info(), &wrap.wrap).unwrap()
        })
        .collect();
    assert_eq!(opened, keys);
    assert!(
        track
            .manifest()
            .epochs
            .iter()
            .all(|epoch| epoch.recipients.contains(&recipient))
    );
}

#[test]
fn a_manifest_with_an_unknown_recipient_or_field_does_not_read() {
    let mut rng = TestRng::new("unknown");
    let world = World::new(&mut rng);
    let mut track = TrackSealer::new(world.track(1, Modality::Chat));
    track.new_epoch(&world.recipients(), &mut rng).unwrap();
    let json = serde_json::to_string(&manifest(&world, &track)).unwrap();
    assert!(serde_json::from_str::<Manifest>(&json).is_ok());
    for (from, to) in [
        (r#""kind":"tenant""#, r#""kind":"auditor""#),
        (r#""gaps":[]"#, r#""gaps":[],"more":1"#),
        (r#""kind":"clean""#, r#""kind":"lost""#),
    ] {
        let altered = json.replacen(from, to, 1);
        assert_ne!(altered, json);
        assert!(serde_json::from_str::<Manifest>(&altered).is_err(), "{to}");
    }
}

#[test]
fn node_and_recorder_sign_the_same_bytes() {
    let mut rng = TestRng::new("signed");
    let world = World::new(&mut rng);
    let mut track = TrackSealer::new(world.track(1, Modality::Chat));
    track.new_epoch(&world.recipients(), &mut rng).unwrap();
    let manifest = manifest(&world, &track);
    let [node, recorder, stranger] = [1, 2, 3].map(|n| SigningKey::from_bytes(&[n; 32]));
    let public = |key: &SigningKey| PublicKey(key.verifying_key().to_bytes());
    let mut envelope = manifest.sign(&node).unwrap();
    envelope.countersign(&recorder);
    for key in [&node, &recorder] {
        assert_eq!(envelope.verify::<Manifest>(&public(key)).unwrap(), manifest);
    }
    assert!(envelope.verify::<Manifest>(&public(&stranger)).is_err());
    envelope.payload[30] ^= 1;
    assert!(envelope.verify::<Manifest>(&public(&node)).is_err());
}
