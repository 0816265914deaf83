//! What is sent on, to whom, and when nothing is.

use std::time::Duration;

use proto::TrackNo;
use proto::notice::Modality::{Audio, Video};
use relay::media::order::{Cause, Gate, News, Order, Send};

use super::hall::Hall;
use super::stranger::{Loses, Stranger, is_rtp};

const SOUND: TrackNo = 1;
const PICTURE: TrackNo = 2;

/// Ana sends sound and picture, Ben takes them; both are connected and every gate is open.
async fn two(hall: &mut Hall) -> (Stranger, Stranger) {
    let (mut ana, mut ben) = (Stranger::new().await, Stranger::new().await);
    ana.join(hall, &[(Audio, SOUND), (Video, PICTURE)], &[])
        .await;
    ben.join(hall, &[], &[(Audio, SOUND), (Video, PICTURE)])
        .await;
    hall.open_gates(&[SOUND, PICTURE]);
    hall.until(&mut [&mut ana, &mut ben], |hall, all| {
        hall.connected() == 2 && all.iter().all(|s| s.connected)
    })
    .await;
    (ana, ben)
}

fn words(from: u64, to: u64) -> Vec<Vec<u8>> {
    (from..to)
        .map(|n| format!("packet {n}").into_bytes())
        .collect()
}

fn say(ana: &mut Stranger, track: TrackNo, from: u64, to: u64) {
    for (n, payload) in (from..to).zip(words(from, to)) {
        ana.say(track, n, u32::try_from(n).unwrap() * 960, &payload);
    }
}

#[tokio::test]
async fn what_one_sends_the_other_hears_and_the_record_holds() {
    let mut hall = Hall::new();
    let (mut ana, mut ben) = two(&mut hall).await;
    say(&mut ana, SOUND, 100, 120);
    say(&mut ana, PICTURE, 500, 520);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[1].heard(SOUND).len() == 20 && all[1].heard(PICTURE).len() == 20
    })
    .await;
    assert_eq!(ben.heard(SOUND), words(100, 120));
    assert_eq!(ben.heard(PICTURE), words(500, 520));
    assert!(ana.got.is_empty(), "nobody hears themselves");
    hall.close().await;
    assert_eq!(hall.payloads(SOUND), words(100, 120));
    assert_eq!(hall.payloads(PICTURE), words(500, 520));
}

#[tokio::test]
async fn before_a_gate_opens_and_after_it_closes_nothing_is_heard_or_kept() {
    let mut hall = Hall::new();
    let (mut ana, mut ben) = (Stranger::new().await, Stranger::new().await);
    ana.join(&mut hall, &[(Audio, SOUND), (Video, PICTURE)], &[])
        .await;
    ben.join(&mut hall, &[], &[(Audio, SOUND), (Video, PICTURE)])
        .await;
    hall.gate(PICTURE, Gate::Open);
    hall.until(&mut [&mut ana, &mut ben], |hall, _| hall.connected() == 2)
        .await;
    // The picture that is heard behind it shows that the sound before it was not.
    say(&mut ana, SOUND, 1, 5);
    say(&mut ana, PICTURE, 1, 2);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[1].heard(PICTURE).len() == 1
    })
    .await;
    hall.gate(SOUND, Gate::Open);
    say(&mut ana, SOUND, 5, 8);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        !all[1].heard(SOUND).is_empty()
    })
    .await;
    let first = ben.heard(SOUND)[0].clone();
    hall.gate(SOUND, Gate::Closed(Cause::Muted));
    // Orders and datagrams have no order between them: the answer to an offer says that it is shut.
    let (sdp, pending) = ana.offer(&[(Video, 3)], &[]);
    let answer = ana.put(&mut hall, sdp).await.unwrap();
    ana.accept(pending, &answer);
    let kept = ben.heard(SOUND).len();
    say(&mut ana, SOUND, 8, 12);
    say(&mut ana, PICTURE, 2, 3);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[1].heard(PICTURE).len() == 2
    })
    .await;
    assert!(words(5, 8).contains(&first));
    assert!(ben.heard(SOUND).len() <= 3 && ben.heard(SOUND).len() >= kept);
    hall.close().await;
    let record = hall.payloads(SOUND);
    assert!(record.iter().all(|payload| words(5, 8).contains(payload)));
    let items = hall.items(SOUND);
    assert!(matches!(
        items.last(),
        Some(seal::media::Item::Pause {
            cause: Cause::Muted,
            ..
        })
    ));
}

#[tokio::test]
async fn an_unrecorded_call_is_heard_and_not_captured() {
    let mut hall = Hall::with(false, relay::media::worker::Patience::default(), 256);
    let (mut ana, mut ben) = two(&mut hall).await;
    say(&mut ana, SOUND, 1, 4);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[1].heard(SOUND).len() == 3
    })
    .await;
    hall.close().await;
    assert_eq!(hall.captured().count(), 0);
}

#[tokio::test]
async fn a_viewer_hears_no_break_where_a_source_was_muted() {
    let mut hall = Hall::new();
    let (mut ana, mut ben) = two(&mut hall).await;
    say(&mut ana, PICTURE, 10, 12);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[1].heard(PICTURE).len() == 2
    })
    .await;
    hall.gate(PICTURE, Gate::Closed(Cause::Held));
    hall.gate(PICTURE, Gate::Open);
    let (sdp, pending) = ana.offer(&[(Audio, 3)], &[]);
    let answer = ana.put(&mut hall, sdp).await.unwrap();
    ana.accept(pending, &answer);
    say(&mut ana, PICTURE, 90, 92);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[1].heard(PICTURE).len() == 4
    })
    .await;
    let seqs: Vec<u64> = ben.got.iter().map(|got| got.seq).collect();
    assert!(
        seqs.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{seqs:?}"
    );
}

#[tokio::test]
async fn a_replaced_source_goes_on_under_the_same_number_for_its_viewers() {
    let mut hall = Hall::new();
    let (ana, mut ben) = two(&mut hall).await;
    let mut ana = ana;
    say(&mut ana, SOUND, 7, 9);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[1].heard(SOUND).len() == 2
    })
    .await;
    // Another device, another certificate, the same participant and tracks.
    let mut again = Stranger::new().await;
    again.who = ana.who;
    again
        .join(&mut hall, &[(Audio, SOUND), (Video, PICTURE)], &[])
        .await;
    hall.until(&mut [&mut again, &mut ben], |hall, _| hall.connected() == 3)
        .await;
    say(&mut again, SOUND, 60_000, 60_003);
    hall.until(&mut [&mut again, &mut ben], |_, all| {
        all[1].heard(SOUND).len() == 5
    })
    .await;
    let heard: Vec<_> = ben
        .got
        .iter()
        .map(|got| (got.ssrc, got.seq, got.time))
        .collect();
    assert!(
        heard
            .windows(2)
            .all(|pair| pair[0].0 == pair[1].0 && pair[1].1 == pair[0].1 + 1)
    );
    assert!(
        heard
            .windows(2)
            .all(|pair| pair[1].2.wrapping_sub(pair[0].2) < 48_000 * 60)
    );
    assert_eq!(hall.lost(), 0, "a connection that is replaced is not lost");
    hall.close().await;
    let streams = hall.items(SOUND).into_iter().filter_map(|item| match item {
        seal::media::Item::Stream(stream) => Some(stream.number),
        _ => None,
    });
    assert_eq!(streams.max(), Some(2), "the record tells the two apart");
}

#[tokio::test]
async fn after_an_ice_restart_from_another_network_the_call_goes_on() {
    let mut hall = Hall::new();
    let (mut ana, mut ben) = two(&mut hall).await;
    say(&mut ana, SOUND, 1, 3);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[1].heard(SOUND).len() == 2
    })
    .await;
    ana.move_away().await;
    let mut api = ana.rtc.sdp_api();
    api.ice_restart(true);
    let (offer, pending) = api.apply().unwrap();
    let answer = ana.put(&mut hall, offer.to_sdp_string()).await.unwrap();
    ana.accept(pending, &answer);
    // What is sent until the new path is found may be lost.
    for next in 3..2_000 {
        say(&mut ana, SOUND, next, next + 1);
        super::stranger::turn(&mut [&mut ana, &mut ben]).await;
        if ben.heard(SOUND).len() > 4 {
            break;
        }
    }
    assert!(ben.heard(SOUND).len() > 4);
    hall.listen();
    assert_eq!(
        (hall.connected(), hall.lost()),
        (2, 0),
        "it is the same connection"
    );
}

#[tokio::test]
async fn whoever_comes_late_makes_the_relay_ask_for_a_key_frame() {
    let mut hall = Hall::new();
    let (mut ana, mut ben) = two(&mut hall).await;
    say(&mut ana, PICTURE, 1, 3);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[0].was_asked(PICTURE)
    })
    .await;
    ana.asked.clear();
    let mut eve = Stranger::new().await;
    eve.join(&mut hall, &[], &[(Video, PICTURE)]).await;
    hall.until(&mut [&mut ana, &mut ben, &mut eve], |_, all| {
        all[0].was_asked(PICTURE)
    })
    .await;
    // And so does whoever has lost the picture.
    ana.asked.clear();
    say(&mut ana, PICTURE, 3, 4);
    hall.until(&mut [&mut ana, &mut ben, &mut eve], |_, all| {
        !all[2].heard(PICTURE).is_empty()
    })
    .await;
    ana.asked.clear();
    eve.ask(PICTURE);
    hall.until(&mut [&mut ana, &mut ben, &mut eve], |_, all| {
        all[0].was_asked(PICTURE)
    })
    .await;
    assert!(!ana.was_asked(SOUND));
}

/// Loses the `n`th RTP datagram, and no other.
fn the(n: usize) -> Loses {
    let mut seen = 0;
    Box::new(move |datagram| {
        seen += usize::from(is_rtp(datagram));
        is_rtp(datagram) && seen == n
    })
}

#[tokio::test]
async fn what_is_lost_on_either_side_is_sent_again() {
    let mut hall = Hall::new();
    let (mut ana, mut ben) = two(&mut hall).await;
    say(&mut ana, PICTURE, 1, 2);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[1].heard(PICTURE).len() == 1
    })
    .await;
    ana.loses_sent = the(3);
    ben.loses_received = the(6);
    say(&mut ana, PICTURE, 2, 12);
    let mut next = 12;
    let whole = |ben: &Stranger| {
        let heard = ben.heard(PICTURE);
        words(1, 12).iter().all(|word| heard.contains(word))
    };
    while !whole(&ben) && next < 2_000 {
        // A stream that goes on shows what is missing from it; not so fast that it is forgotten.
        say(&mut ana, PICTURE, next, next + 1);
        next += 1;
        let pause = tokio::time::Instant::now() + Duration::from_millis(10);
        while tokio::time::Instant::now() < pause {
            super::stranger::turn(&mut [&mut ana, &mut ben]).await;
        }
    }
    for word in words(1, 12) {
        let heard = ben
            .heard(PICTURE)
            .into_iter()
            .filter(|heard| *heard == word)
            .count();
        assert_eq!(heard, 1, "{}", String::from_utf8_lossy(&word));
    }
    hall.close().await;
    assert!(
        words(1, 12)
            .iter()
            .all(|word| hall.payloads(PICTURE).contains(word))
    );
    assert!(hall.captured().all(|captured| captured.gaps.is_empty()));
}

#[tokio::test]
async fn whoever_is_dropped_hears_nothing_more_and_is_not_heard() {
    let mut hall = Hall::new();
    let (mut ana, mut ben) = two(&mut hall).await;
    let mut eve = Stranger::new().await;
    eve.join(&mut hall, &[], &[(Audio, SOUND)]).await;
    hall.until(&mut [&mut ana, &mut ben, &mut eve], |hall, _| {
        hall.connected() == 3
    })
    .await;
    hall.order(Order::Drop { peer: ben.who });
    eve.takes.clear();
    let (sdp, pending) = eve.offer(&[], &[(Audio, SOUND)]);
    let answer = eve.put(&mut hall, sdp).await.unwrap();
    eve.accept(pending, &answer);
    say(&mut ana, SOUND, 1, 4);
    hall.until(&mut [&mut ana, &mut eve], |_, all| {
        all[1].heard(SOUND).len() == 3
    })
    .await;
    ben.turn();
    assert!(ben.got.is_empty());
    assert_eq!(hall.lost(), 0, "the room knows that it dropped them");
}

#[tokio::test]
async fn an_offer_may_move_a_source_to_another_section() {
    let mut hall = Hall::new();
    let (mut ana, mut ben) = two(&mut hall).await;
    say(&mut ana, SOUND, 1, 3);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[1].heard(SOUND).len() == 2
    })
    .await;
    ana.sends.retain(|send: &Send| send.track != SOUND);
    let (sdp, pending) = ana.offer(&[(Audio, SOUND)], &[]);
    let answer = ana.put(&mut hall, sdp).await.unwrap();
    ana.accept(pending, &answer);
    say(&mut ana, SOUND, 1, 3);
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[1].heard(SOUND).len() == 4
    })
    .await;
    assert!(
        hall.told
            .iter()
            .all(|news| !matches!(news, News::Lost { .. }))
    );
}
