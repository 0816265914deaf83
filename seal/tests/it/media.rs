//! Media batches: what is written is what is read, and nothing that is read can stop the reader.

use bytes::Bytes;
use proptest::prelude::*;
use proto::notice::Modality;
use seal::TrackSealer;
use seal::media::{
    Batch, BatchWriter, Codec, Full, Item, Lost, MediaError, Packet, PauseCause, Report, Stream,
};
use seal::spool::{Record, Spool, SpoolConfig};

use crate::ram::Ram;
use crate::support::{TestRng, World};

const BASE: i64 = 1_790_000_000_000_000;

fn read(bytes: &[u8]) -> Result<Vec<Item>, MediaError> {
    Batch::new(Bytes::copy_from_slice(bytes))?.collect()
}

fn codec() -> impl Strategy<Value = Codec> {
    any::<u8>().prop_map(Codec::from_number)
}

fn cause() -> impl Strategy<Value = PauseCause> {
    prop_oneof![
        Just(PauseCause::Muted),
        Just(PauseCause::Held),
        Just(PauseCause::Unagreed),
        Just(PauseCause::Away),
    ]
}

/// Minutes before and after the base.
fn time() -> impl Strategy<Value = i64> {
    (-600_000_000_i64..600_000_000).prop_map(|offset| BASE + offset)
}

fn item() -> impl Strategy<Value = Item> {
    let payload = proptest::collection::vec(any::<u8>(), 0..1_200).prop_map(Bytes::from);
    prop_oneof![
        (any::<u16>(), codec(), any::<u32>(), any::<u8>()).prop_map(
            |(number, codec, clock_rate, channels)| Item::Stream(Stream {
                number,
                codec,
                clock_rate,
                channels
            })
        ),
        (
            any::<u16>(),
            time(),
            any::<u32>(),
            any::<u32>(),
            any::<bool>(),
            payload
        )
            .prop_map(
                |(stream, arrival, seq, time, marker, payload)| Item::Rtp(Packet {
                    stream,
                    arrival,
                    seq,
                    time,
                    marker,
                    payload
                })
            ),
        (any::<u16>(), time(), any::<u64>(), any::<u32>()).prop_map(
            |(stream, arrival, ntp, time)| Item::Report(Report {
                stream,
                arrival,
                ntp,
                time
            })
        ),
        (time(), cause()).prop_map(|(at, cause)| Item::Pause { at, cause }),
        time().prop_map(|at| Item::Resume { at }),
        (any::<u16>(), any::<u32>(), any::<u32>(), time(), time()).prop_map(
            |(stream, first, count, from, to)| Item::Lost(Lost {
                stream,
                first,
                count,
                from,
                to
            })
        ),
    ]
}

proptest! {
    #[test]
    fn a_batch_is_read_as_it_was_written(items in proptest::collection::vec(item(), 1..40)) {
        let mut writer = BatchWriter::new(64 << 10);
        for item in &items {
            writer.write(BASE, item).unwrap();
        }
        let bytes = writer.take().unwrap();
        prop_assert!(writer.is_empty());
        prop_assert_eq!(read(&bytes).unwrap(), items);
    }

    #[test]
    fn no_bytes_stop_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes);
        let _ = read(&[&[1][..], &bytes].concat());
    }

    #[test]
    fn an_altered_batch_gives_items_or_an_error_and_then_ends(
        items in proptest::collection::vec(item(), 1..10),
        at in any::<proptest::sample::Index>(),
        to in any::<u8>(),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut writer = BatchWriter::new(64 << 10);
        for item in &items {
            writer.write(BASE, item).unwrap();
        }
        let mut bytes = writer.take().unwrap().to_vec();
        *at.get_mut(&mut bytes) = to;
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(batch) = Batch::new(bytes.into()) {
            let read: Vec<_> = batch.collect();
            let wrong = read.iter().position(Result::is_err);
            prop_assert!(wrong.is_none_or(|at| at == read.len() - 1));
        }
    }
}

/// What holds of every batch, as far as it is read: written anew, it reads the same.
fn holds(bytes: &[u8]) -> usize {
    let Ok(batch) = Batch::new(Bytes::copy_from_slice(bytes)) else {
        return 0;
    };
    let base = batch.base();
    let mut items = vec![Item::Resume { at: base }];
    items.extend(batch.map_while(Result::ok));
    let mut writer = BatchWriter::new(bytes.len() + 64);
    for item in &items {
        writer.write(base, item).unwrap();
    }
    assert_eq!(read(&writer.take().unwrap()).unwrap(), items);
    items.len() - 1
}

#[test]
fn the_fuzz_targets_seeds_are_read_as_far_as_they_are_good_cut_and_altered_anywhere() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/fuzz/batch");
    for (name, good) in [
        ("every-kind", 6),
        ("pictures", 4),
        ("unknown-kind", 1),
        ("empty", 0),
        ("cut-short", 5),
        ("too-long", 0),
        ("length-beyond", 0),
        ("time-beyond", 0),
    ] {
        let seed = std::fs::read(format!("{folder}/{name}.bin")).unwrap();
        assert_eq!(holds(&seed), good, "{name}");
        for end in 0..seed.len() {
            holds(&seed[..end]);
            for bit in 0..8 {
                let mut altered = seed.clone();
                altered[end] ^= 1 << bit;
                holds(&altered);
            }
        }
    }
    // None is forgotten.
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 8);
}

#[test]
fn what_does_not_fit_is_refused_whole_and_goes_into_the_next_batch() {
    let mut writer = BatchWriter::new(100);
    let packet = Packet {
        stream: 1,
        arrival: BASE,
        seq: 1,
        time: 1,
        marker: false,
        payload: [7_u8; 60],
    };
    writer.rtp(&packet).unwrap();
    let before = writer.len();
    assert_eq!(writer.rtp(&packet), Err(Full));
    assert_eq!(writer.len(), before);
    assert_eq!(writer.began(), Some(BASE));
    let first = writer.take().unwrap();
    assert_eq!(writer.take().map(|batch| batch.len()), None);
    writer.rtp(&packet).unwrap();
    assert_eq!(*writer.take().unwrap(), *first);
    // A time that this batch cannot express begins another one.
    writer.resume(BASE).unwrap();
    assert_eq!(writer.resume(BASE + (1 << 31)), Err(Full));
    let lost = Lost {
        stream: 1,
        first: 9,
        count: 1,
        from: BASE - (1 << 32),
        to: BASE,
    };
    assert_eq!(writer.lost(&lost), Err(Full));
}

#[test]
fn a_kind_that_is_not_known_is_skipped_and_a_known_one_must_be_whole() {
    let mut bytes = BASE.to_be_bytes().to_vec();
    bytes.insert(0, 1);
    bytes.extend([200, 0, 0, 0, 3, 1, 2, 3]);
    let resume = [5, 0, 0, 0, 4, 0, 0, 0, 9];
    bytes.extend(resume);
    assert_eq!(read(&bytes), Ok(vec![Item::Resume { at: BASE + 9 }]));
    bytes.extend([5, 0, 0, 0, 3, 0, 0, 0]);
    assert_eq!(read(&bytes), Err(MediaError::Item(5)));
    assert_eq!(read(&bytes[..bytes.len() - 1]), Err(MediaError::CutShort));
    bytes[0] = 2;
    assert_eq!(read(&bytes), Err(MediaError::Version(2)));
    assert_eq!(read(&[]), Err(MediaError::CutShort));
}

#[test]
fn a_batch_shows_no_payload() {
    let packet = Packet {
        stream: 1,
        arrival: BASE,
        seq: 1,
        time: 1,
        marker: false,
        payload: Bytes::from_static(b"AAAA"),
    };
    let mut writer = BatchWriter::new(100);
    writer.rtp(&packet).unwrap();
    let shown = format!("{writer:?}");
    let batch = Batch::new(writer.take().unwrap().to_vec().into()).unwrap();
    let shown = format!("{shown}{batch:?}{:?}", Item::Rtp(packet));
    assert!(!shown.contains("AAAA") && !shown.contains("65"), "{shown}");
}

#[tokio::test]
async fn media_between_the_messages_of_a_chat_takes_no_number_and_keeps_its_chain() {
    let mut rng = TestRng::new("media between");
    let world = World::new(&mut rng);
    let ram = Ram::new("media between");
    let config = SpoolConfig {
        segment_bytes: 64 << 10,
        min_free_bytes: 0,
        ..SpoolConfig::default()
    };
    let mut chat = TrackSealer::new(world.track(1, Modality::Chat));
    let mut sound = TrackSealer::new(world.track(2, Modality::Audio));
    let mut records = vec![
        Record::Begin(world.begin.clone()),
        Record::Epoch(chat.new_epoch(&world.recipients(), &mut rng).unwrap()),
        Record::Epoch(sound.new_epoch(&world.recipients(), &mut rng).unwrap()),
    ];
    for _ in 0..3 {
        records.push(Record::Part(chat.seal(b"said", &mut rng).unwrap()));
        for _ in 0..4 {
            records.push(Record::Part(sound.seal(b"heard", &mut rng).unwrap()));
            sound.ratchet().unwrap();
        }
    }
    let (spool, _) = Spool::open(config.clone(), ram.clone()).unwrap();
    spool.append(&records).await.unwrap();
    spool.close().await;

    let (_, recovered) = Spool::open(config, ram).unwrap();
    assert_eq!(recovered.damage, []);
    let found = &recovered.recordings[&world.begin.recording];
    let numbers: Vec<_> = found.parts.iter().map(|p| (p.header.track, p.n)).collect();
    assert_eq!(numbers, [(1, 1), (1, 2), (1, 3)]);
    assert_eq!((found.last, found.data_parts()), (3, 3));
    // The source goes on where it stopped, in a new epoch.
    let mut again = TrackSealer::resume(&found.tracks[&2]);
    assert_eq!(again.manifest(), sound.manifest());
    assert!(!again.has_key());
    again.new_epoch(&world.recipients(), &mut rng).unwrap();
    let part = again.seal(b"heard", &mut rng).unwrap();
    assert_eq!(
        (part.header.seq, part.header.epoch, part.header.step),
        (13, 2, 0)
    );
    assert_eq!(part.header.prev, sound.head());
}
