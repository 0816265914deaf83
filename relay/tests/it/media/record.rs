//! What the record is handed: gaps, deadlines, rooms that do not take it.

use std::time::Duration;

use proto::TrackNo;
use proto::notice::Modality::Audio;
use relay::media::order::{Cause, News};
use relay::media::tap::{Source, Tap};
use relay::media::worker::Patience;
use seal::media::{Batch, Codec, Item};

use super::hall::Hall;
use super::stranger::Stranger;

const TRACK: TrackNo = 4;
const SECOND: i64 = 1_000_000;

fn source(ssrc: u32) -> Source {
    Source {
        peer: 1,
        ssrc,
        codec: Codec::Opus,
    }
}

/// All items and gaps of what a tap hands over.
fn taken(tap: &mut Tap, at: i64, all: bool) -> (Vec<Item>, Vec<(i64, i64, u32)>) {
    let (mut items, mut gaps) = (Vec::new(), Vec::new());
    while let Some(captured) = tap.take(at, all) {
        assert_eq!(captured.track, TRACK);
        items.extend(
            Batch::new(captured.batch.to_vec().into())
                .unwrap()
                .map(|item| item.unwrap()),
        );
        gaps.extend(
            captured
                .gaps
                .iter()
                .map(|gap| (gap.from.0, gap.to.0, gap.packets)),
        );
    }
    (items, gaps)
}

#[test]
fn packets_that_never_came_are_named_once_it_is_sure() {
    let mut tap = Tap::new(1, TRACK);
    for (seq, at) in [(10, 0), (11, 20_000), (15, 100_000), (13, 150_000)] {
        tap.packet(source(7), at, seq, 0, false, b"x");
    }
    let (items, gaps) = taken(&mut tap, SECOND, false);
    assert_eq!(
        items.len(),
        6,
        "a beginning, a stream and four packets: {items:?}"
    );
    assert!(gaps.is_empty(), "they may still come");
    let (items, gaps) = taken(&mut tap, 2 * SECOND + 100_000, true);
    let lost: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            Item::Lost(lost) => Some((lost.first, lost.count, lost.from, lost.to)),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [(12, 1, 20_000, 100_000), (14, 1, 20_000, 100_000)]);
    assert_eq!(gaps, [(20, 100, 1), (20, 100, 1)]);
}

#[test]
fn what_a_sender_counts_while_a_gate_is_shut_is_not_missing() {
    let mut tap = Tap::new(1, TRACK);
    tap.packet(source(7), 0, 10, 0, false, b"x");
    tap.pause(SECOND, Cause::Held);
    tap.resume(2 * SECOND);
    tap.packet(source(7), 2 * SECOND, 90, 0, false, b"x");
    let (items, gaps) = taken(&mut tap, 9 * SECOND, true);
    assert!(gaps.is_empty());
    assert!(
        items
            .iter()
            .any(|item| matches!(item, Item::Pause { at, cause: Cause::Held } if *at == SECOND))
    );
    assert!(
        items
            .iter()
            .any(|item| matches!(item, Item::Resume { at } if *at == 2 * SECOND))
    );
}

#[test]
fn another_source_is_another_stream_and_every_batch_names_its_own() {
    let mut tap = Tap::new(1, TRACK);
    tap.packet(source(7), 0, 10, 0, false, b"x");
    let (first, _) = taken(&mut tap, 0, true);
    tap.packet(source(7), 5, 11, 0, false, b"x");
    tap.packet(source(8), 6, 3, 0, false, b"x");
    let (second, gaps) = taken(&mut tap, 10, true);
    let streams = |items: &[Item]| -> Vec<u16> {
        let streams = items.iter();
        streams
            .filter_map(|item| match item {
                Item::Stream(stream) => Some(stream.number),
                _ => None,
            })
            .collect()
    };
    assert_eq!((streams(&first), streams(&second)), (vec![1], vec![1, 2]));
    assert!(gaps.is_empty());
}

#[test]
fn a_batch_is_handed_over_when_it_is_old_or_large() {
    let mut tap = Tap::new(1, TRACK);
    tap.packet(source(7), 0, 1, 0, false, b"x");
    assert!(tap.take(499_999, false).is_none());
    assert!(tap.take(500_000, false).is_some());
    let payload = vec![0; 1_000];
    for seq in 2..302 {
        tap.packet(source(7), 500_001, seq, 0, false, &payload);
    }
    assert!(
        tap.full()
            .is_some_and(|full| full.batch.len() <= 256 * 1024)
    );
    assert!(tap.full().is_none());
}

fn impatient() -> Patience {
    Patience {
        handshake: Duration::from_millis(300),
        silence: Duration::from_millis(300),
        room: Duration::from_millis(300),
    }
}

#[tokio::test]
async fn a_handshake_that_is_never_finished_ends() {
    let mut hall = Hall::with(true, impatient(), 256);
    let mut ana = Stranger::new().await;
    let (sdp, _) = ana.offer(&[(Audio, TRACK)], &[]);
    ana.put(&mut hall, sdp).await.unwrap();
    hall.until(&mut [], |hall, _| hall.lost() == 1).await;
    assert_eq!(hall.connected(), 0);
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_is_lost() {
    let patience = Patience {
        silence: Duration::from_secs(3),
        ..Patience::default()
    };
    let mut hall = Hall::with(true, patience, 256);
    let mut ana = Stranger::new().await;
    ana.join(&mut hall, &[(Audio, TRACK)], &[]).await;
    hall.until(&mut [&mut ana], |hall, _| hall.connected() == 1)
        .await;
    hall.until(&mut [], |hall, _| hall.lost() == 1).await;
}

#[tokio::test]
async fn a_room_that_takes_nothing_has_failed() {
    let mut hall = Hall::with(true, impatient(), 1);
    let mut ana = Stranger::new().await;
    for _ in 0..3 {
        let (sdp, _) = ana.offer(&[(Audio, TRACK)], &[]);
        hall.order(relay::media::order::Order::Offer {
            peer: ana.who,
            number: 1,
            sdp,
            sends: Vec::new(),
            takes: Vec::new(),
        });
    }
    // The one place is taken and stays so; the end of the channel is all that can be told.
    let address = hall.media.addresses()[0];
    let end = tokio::time::Instant::now() + super::hall::AT_LAST;
    while hall.room.as_ref().is_some_and(|_| !hall.is_abandoned()) {
        assert!(tokio::time::Instant::now() < end, "{address}");
        tokio::task::yield_now().await;
    }
    hall.listen();
    assert!(hall.over && !hall.told.iter().any(|news| matches!(news, News::Closed)));
}
