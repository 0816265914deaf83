//! Damage: read up to it, name its place, go on where that is right.

use proptest::prelude::*;
use proto::notice::Modality;
use seal::TrackSealer;
use seal::spool::read::scan;
use seal::spool::{
    Bad, DamageKind, Parsed, Record, Recovered, Spool, SpoolConfig, decode, encode, parse,
    segment_header,
};

use crate::ram::Ram;
use crate::spool::{event, some_records};
use crate::support::{TestRng, World};

fn config() -> SpoolConfig {
    SpoolConfig {
        segment_bytes: 64 << 10,
        min_free_bytes: 0,
        ..SpoolConfig::default()
    }
}

/// A segment with these records; where each begins, and the end.
fn segment(number: u64, records: &[Record]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = segment_header(number).to_vec();
    let mut places = Vec::new();
    for record in records {
        places.push(bytes.len());
        encode(record, &mut bytes).unwrap();
    }
    places.push(bytes.len());
    (bytes, places)
}

fn open(ram: &Ram) -> Recovered {
    Spool::open(config(), ram.clone()).unwrap().1
}

#[test]
fn a_torn_end_of_the_newest_segment_is_set_aside_and_damages_nothing() {
    let mut rng = TestRng::new("newest");
    let world = World::new(&mut rng);
    let records = some_records(&world, 3, 300, &mut rng);
    let (mut bytes, places) = segment(1, &records);
    let whole = bytes.clone();
    bytes[places[4] + 100] ^= 1;
    bytes.resize(60_000, 0);
    let ram = Ram::new("newest");
    ram.put(1, bytes.clone());

    let recovered = open(&ram);
    let found = &recovered.recordings[&world.begin.recording];
    assert_eq!((found.data_parts(), found.last), (2, 2));
    assert!(!found.damaged);
    let [damage] = recovered.damage[..] else {
        panic!("{:?}", recovered.damage);
    };
    assert_eq!(damage.kind, DamageKind::Frame(Bad::Checksum));
    assert!(damage.tail);
    assert_eq!((damage.at.segment, damage.at.offset), (1, places[4] as u64));
    assert_eq!(damage.at.length, (whole.len() - places[4]) as u64);
    assert_eq!(
        damage.to_string(),
        format!(
            "segment 1, bytes {} to {}: a frame with altered bytes",
            places[4],
            whole.len()
        )
    );
    assert_eq!(ram.bytes(1), whole[..places[4]]);
    assert_eq!(ram.state().set_aside[&1], bytes[places[4]..]);

    // The next start finds nothing wrong, and the same records.
    let again = open(&ram);
    assert!(again.damage.is_empty());
    assert_eq!(again.recordings[&world.begin.recording].data_parts(), 2);
}

#[test]
fn an_altered_frame_before_whole_ones_in_the_newest_segment_is_damage_and_nothing_is_cut() {
    let mut rng = TestRng::new("newest");
    let (one, two) = (World::new(&mut rng), World::new(&mut rng));
    let mut records = some_records(&one, 5, 300, &mut rng);
    records.extend(some_records(&two, 2, 300, &mut rng));
    let (mut bytes, places) = segment(1, &records);
    let written = bytes.len();
    // The third part of five, and the end of the last of all is torn.
    bytes[places[4] + 100] ^= 1;
    bytes[written - 1] ^= 1;
    bytes.resize(60_000, 0);
    let ram = Ram::new("newest");
    ram.put(1, bytes.clone());

    let chain = DamageKind::Chain(one.begin.recording);
    for start in 1..=2 {
        let recovered = open(&ram);
        let hurt = &recovered.recordings[&one.begin.recording];
        assert!(hurt.damaged);
        // What was given out behind the damage is counted, and not taken for whole.
        assert_eq!((hurt.data_parts(), hurt.last), (2, 5));
        let well = &recovered.recordings[&two.begin.recording];
        assert!(!well.damaged);
        assert_eq!((well.data_parts(), well.last), (1, 1));
        let found: Vec<_> = recovered
            .damage
            .iter()
            .map(|damage| (damage.kind, damage.at.offset, damage.tail))
            .collect();
        let mut wanted = vec![
            (DamageKind::Frame(Bad::Checksum), places[4] as u64, false),
            (chain, places[5] as u64, false),
            (chain, places[6] as u64, false),
        ];
        if start == 1 {
            let torn = places[records.len() - 1] as u64;
            wanted.push((DamageKind::Frame(Bad::Checksum), torn, true));
        }
        assert_eq!(found, wanted);
        assert_eq!(
            recovered.damage[0].at.length,
            (places[5] - places[4]) as u64
        );
        // All that was written stands where it stood, the altered frame too; only the torn end is
        // set aside.
        let last = places[records.len() - 1];
        assert_eq!(ram.bytes(1), bytes[..last]);
        assert_eq!(ram.state().set_aside[&1], bytes[last..]);
    }
}

#[test]
fn whose_altered_bytes_cannot_be_told_may_be_of_every_recording_that_was_open_there() {
    let mut rng = TestRng::new("whose");
    let worlds: [World; 4] = core::array::from_fn(|_| World::new(&mut rng));
    let [ended, hurt, silent, later] = &worlds;
    let mut records = some_records(ended, 1, 100, &mut rng);
    let mut track = TrackSealer::new(ended.track(1, Modality::Chat));
    track.new_epoch(&ended.recipients(), &mut rng).unwrap();
    records.push(crate::tracks::end(ended, &track));
    records.extend(some_records(silent, 1, 100, &mut rng));
    let of_hurt = some_records(hurt, 2, 100, &mut rng);
    records.extend(of_hurt);
    let last = records.len() - 1;
    records.extend(some_records(later, 1, 100, &mut rng));
    let (bytes, places) = segment(1, &records);
    let damaged = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        let ram = Ram::new("whose");
        ram.put(1, bytes);
        let recovered = open(&ram);
        assert_eq!(recovered.damage.len(), 1);
        assert!(!recovered.damage[0].tail);
        let damaged = |world: &World| recovered.recordings[&world.begin.recording].damaged;
        worlds.each_ref().map(damaged)
    };
    // Sealed bytes: the frame still says whose part it is, though nothing of it follows.
    assert_eq!(damaged(places[last] + 150), [false, true, false, false]);
    // Its recording, its length, its beginning: now it does not.
    for at in [12 + 1 + 20, 7, 0] {
        assert_eq!(damaged(places[last] + at), [false, true, true, false]);
    }
}

#[test]
fn an_altered_frame_in_an_older_segment_costs_its_track_and_nobody_else() {
    let mut rng = TestRng::new("older");
    let (one, two) = (World::new(&mut rng), World::new(&mut rng));
    let mut records = some_records(&one, 4, 300, &mut rng);
    records.extend(some_records(&two, 4, 300, &mut rng));
    let (mut bytes, places) = segment(1, &records);
    // The second part of the first recording.
    bytes[places[3] + 50] ^= 0x10;
    let ram = Ram::new("older");
    ram.put(1, bytes);
    ram.put(2, segment(2, &[event(&mut rng)]).0);

    let recovered = open(&ram);
    let hurt = &recovered.recordings[&one.begin.recording];
    assert_eq!(hurt.data_parts(), 1);
    assert!(hurt.damaged);
    let well = &recovered.recordings[&two.begin.recording];
    assert_eq!(well.data_parts(), 4);
    assert!(!well.damaged);
    let kinds: Vec<_> = recovered
        .damage
        .iter()
        .map(|damage| (damage.kind, damage.at.offset))
        .collect();
    let chain = DamageKind::Chain(one.begin.recording);
    assert_eq!(
        kinds,
        [
            (DamageKind::Frame(Bad::Checksum), places[3] as u64),
            (chain, places[4] as u64),
            (chain, places[5] as u64),
        ]
    );
    assert_eq!(
        recovered.damage[0].at.length,
        (places[4] - places[3]) as u64
    );
}

#[test]
fn every_truncation_of_a_spool_opens_up_to_the_cut() {
    let mut rng = TestRng::new("truncate");
    let world = World::new(&mut rng);
    let records = some_records(&world, 3, 100, &mut rng);
    let (bytes, places) = segment(1, &records);
    for cut in 0..bytes.len() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("00000001.spool"), &bytes[..cut]).unwrap();
        let batch = scan(folder.path()).unwrap();
        let whole = places[1..].iter().filter(|end| **end <= cut).count();
        assert_eq!(batch.records.len(), whole, "cut at {cut}");
        let clean = places.contains(&cut) || cut == 0;
        assert_eq!(batch.tail.is_none(), clean, "cut at {cut}");
        if let Some(tail) = batch.tail {
            assert!(tail.at.offset + tail.at.length <= cut as u64);
        }
    }
}

#[test]
fn an_altered_segment_header_costs_no_record() {
    let mut rng = TestRng::new("header");
    let world = World::new(&mut rng);
    let records = some_records(&world, 2, 100, &mut rng);
    for newest in [true, false] {
        let (mut bytes, _) = segment(1, &records);
        bytes[3] ^= 1;
        let ram = Ram::new("header");
        ram.put(1, bytes);
        if !newest {
            ram.put(2, segment_header(2).to_vec());
        }
        let recovered = open(&ram);
        assert_eq!(recovered.damage.len(), 1);
        assert_eq!(recovered.recordings[&world.begin.recording].data_parts(), 2);
    }
}

#[test]
fn a_segment_under_another_number_is_not_taken() {
    let mut rng = TestRng::new("number");
    let world = World::new(&mut rng);
    let records = some_records(&world, 2, 100, &mut rng);
    let ram = Ram::new("number");
    ram.put(2, segment(1, &records).0);
    let recovered = open(&ram);
    assert!(recovered.recordings.is_empty());
    assert_eq!(
        recovered.damage[0].kind,
        DamageKind::Frame(Bad::SegmentHeader)
    );
}

#[test]
fn a_part_that_does_not_continue_its_track_is_not_taken() {
    let mut rng = TestRng::new("chain");
    let world = World::new(&mut rng);
    let mut records = some_records(&world, 3, 100, &mut rng);
    records.swap(3, 4);
    let ram = Ram::new("chain");
    ram.put(1, segment(1, &records).0);
    let recovered = open(&ram);
    let found = &recovered.recordings[&world.begin.recording];
    assert_eq!(found.data_parts(), 2);
    assert!(found.damaged);
}

#[test]
fn records_whose_beginning_was_freed_are_damage_only_if_no_end_follows() {
    let mut rng = TestRng::new("freed");
    let world = World::new(&mut rng);
    let records = some_records(&world, 1, 100, &mut rng);
    let ram = Ram::new("freed");
    ram.put(1, segment(1, &records[1..]).0);
    let recovered = open(&ram);
    assert_eq!(recovered.damage.len(), 1);

    let mut track = TrackSealer::new(world.track(1, Modality::Chat));
    track.new_epoch(&world.recipients(), &mut rng).unwrap();
    let end = crate::tracks::end(&world, &track);
    let ram = Ram::new("freed");
    ram.put(1, segment(1, &[records[1].clone(), end]).0);
    assert!(open(&ram).damage.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let _ = decode(&bytes);
        let mut framed = b"VSF1".to_vec();
        framed.extend_from_slice(&bytes);
        let _ = parse(&framed);
        let body = [&[1 + bytes.len() as u8 % 7], &bytes[..]].concat();
        let _ = decode(&body);
    }

    #[test]
    fn a_spool_of_arbitrary_bytes_opens(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000), header in any::<bool>(), newest in any::<bool>(),
    ) {
        let ram = Ram::new("arbitrary");
        let mut segment = if header { segment_header(1).to_vec() } else { Vec::new() };
        segment.extend(bytes);
        ram.put(1, segment);
        if !newest {
            ram.put(2, segment_header(2).to_vec());
        }
        prop_assert!(open(&ram).recordings.is_empty());
    }

    #[test]
    fn any_number_of_altered_bytes_is_survived_and_what_is_found_was_written(
        places in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6), newest in any::<bool>(),
    ) {
        let mut rng = TestRng::new("altered");
        let world = World::new(&mut rng);
        let records = some_records(&world, 4, 200, &mut rng);
        let (mut bytes, _) = segment(1, &records);
        let whole = bytes.clone();
        for (place, byte) in &places {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("00000001.spool"), &bytes).unwrap();
        if !newest {
            std::fs::write(folder.path().join("00000002.spool"), segment_header(2)).unwrap();
        }
        let batch = scan(folder.path()).unwrap();
        for found in &batch.records {
            prop_assert!(records.contains(&found.record));
        }
        prop_assert_eq!(bytes != whole, !batch.damage.is_empty() || batch.tail.is_some());
        if newest {
            prop_assert!(batch.records.iter().zip(&records).all(|(found, record)| found.record == *record));
        }

        let ram = Ram::new("altered");
        ram.put(1, bytes.clone());
        if !newest {
            ram.put(2, segment_header(2).to_vec());
        }
        prop_assert_eq!(bytes != whole, !open(&ram).damage.is_empty());
    }

    #[test]
    fn a_frame_reads_back_whatever_follows_it(
        length in 0..2000usize, after in proptest::collection::vec(any::<u8>(), 0..50), seed in any::<u64>(),
    ) {
        let mut rng = TestRng::new(&seed.to_string());
        let world = World::new(&mut rng);
        for record in some_records(&world, 1, length, &mut rng) {
            let mut bytes = Vec::new();
            encode(&record, &mut bytes).unwrap();
            let whole = bytes.len();
            bytes.extend(&after);
            let Parsed::Frame { body, length } = parse(&bytes) else {
                return Err(TestCaseError::fail("no frame"));
            };
            prop_assert_eq!(length, whole);
            prop_assert_eq!(decode(body).unwrap(), record);
        }
    }
}
