//! What is sent on, to whom, and when nothing is.

use std::time::Duration;

use proto::TrackNo;
use proto::notice::Modality::{Audio, Video};
use relay::media::order::{Cause, Gate, News, Order, Send};
use relay::media::worker::Patience;
use str0m::RtcConfig;
use tokio::time::Instant;

use super::hall::Hall;
use super::stranger::{Loses, Stranger, is_rtp, turn};

const SOUND: TrackNo = 1;
const PICTURE: TrackNo = 2;

/// Ana sends sound and picture, Ben takes them; both are connected and every gate is open.
struct Two {
    hall: Hall,
    ana: Stranger,
    ben: Stranger,
}

impl Two {
    async fn new() -> Self {
        Self::on(Hall::new(), Stranger::new().await).await
    }

    async fn on(hall: Hall, ana: Stranger) -> Self {
        let mut two = Self::shut(hall, ana).await;
        two.hall.open_gates(&[SOUND, PICTURE]);
        two.until(|hall, all| hall.connected() == 2 && all.iter().all(|s| s.connected))
            .await;
        two
    }

    /// Not connected yet, and every gate is shut.
    async fn shut(mut hall: Hall, mut ana: Stranger) -> Self {
        let mut ben = Stranger::new().await;
        let both = [(Audio, SOUND), (Video, PICTURE)];
        ana.join(&mut hall, &both, &[]).await;
        ben.join(&mut hall, &[], &both).await;
        Self { hall, ana, ben }
    }

    async fn until(&mut self, done: impl FnMut(&Hall, &[&mut Stranger]) -> bool) {
        let all = &mut [&mut self.ana, &mut self.ben];
        self.hall.until(all, done).await;
    }

    /// The same, with somebody who came later.
    async fn until_with(
        &mut self,
        late: &mut Stranger,
        done: impl FnMut(&Hall, &[&mut Stranger]) -> bool,
    ) {
        let all = &mut [&mut self.ana, &mut self.ben, late];
        self.hall.until(all, done).await;
    }

    fn say(&mut self, track: TrackNo, from: u64, to: u64) {
        for (n, payload) in (from..to).zip(words(from, to)) {
            let time = u32::try_from(n).unwrap() * 960;
            self.ana.say(track, n, time, &payload);
        }
    }

    /// Ana says it, and Ben hears all of it.
    async fn pass(&mut self, track: TrackNo, from: u64, to: u64) {
        let due = self.ben.heard(track).len() + words(from, to).len();
        self.say(track, from, to);
        self.until(|_, all| all[1].heard(track).len() == due).await;
    }

    /// Another offer of Ana's is answered: what was ordered before has been carried out.
    async fn settle(&mut self) {
        let next = TrackNo::try_from(self.ana.sends.len()).unwrap() + 1;
        self.ana.join(&mut self.hall, &[(Video, next)], &[]).await;
    }

    /// Goes on saying one word after another, `pause` apart, until it is so; hands back how many.
    async fn say_until(
        &mut self,
        track: TrackNo,
        from: u64,
        pause: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> u64 {
        for next in from..from + 2_000 {
            if done(self) {
                return next - from;
            }
            self.say(track, next, next + 1);
            let over = Instant::now() + pause;
            loop {
                turn(&mut [&mut self.ana, &mut self.ben]).await;
                if Instant::now() >= over {
                    break;
                }
            }
        }
        panic!("it never happened");
    }
}

fn words(from: u64, to: u64) -> Vec<Vec<u8>> {
    (from..to)
        .map(|n| format!("packet {n}").into_bytes())
        .collect()
}

#[tokio::test]
async fn what_one_sends_the_other_hears_and_the_record_holds() {
    let mut two = Two::new().await;
    two.pass(SOUND, 100, 120).await;
    two.pass(PICTURE, 500, 520).await;
    assert_eq!(two.ben.heard(SOUND), words(100, 120));
    assert_eq!(two.ben.heard(PICTURE), words(500, 520));
    assert!(two.ana.got.is_empty(), "nobody hears themselves");
    two.hall.close().await;
    assert_eq!(two.hall.payloads(SOUND), words(100, 120));
    assert_eq!(two.hall.payloads(PICTURE), words(500, 520));
}

#[tokio::test]
async fn before_a_gate_opens_and_after_it_closes_nothing_is_heard_or_kept() {
    let mut two = Two::shut(Hall::new(), Stranger::new().await).await;
    two.hall.gate(PICTURE, Gate::Open);
    two.until(|hall, _| hall.connected() == 2).await;
    // The picture that is heard behind it shows that the sound before it was not.
    two.say(SOUND, 1, 5);
    two.pass(PICTURE, 1, 2).await;
    // Orders and datagrams have no order between them: the answer to an offer says that it is open,
    // and then that it is shut.
    two.hall.gate(SOUND, Gate::Open);
    two.settle().await;
    two.say(SOUND, 5, 8);
    two.until(|_, all| !all[1].heard(SOUND).is_empty()).await;
    let first = two.ben.heard(SOUND)[0].clone();
    two.hall.gate(SOUND, Gate::Closed(Cause::Muted));
    two.settle().await;
    let kept = two.ben.heard(SOUND).len();
    two.say(SOUND, 8, 12);
    two.pass(PICTURE, 2, 3).await;
    assert!(words(5, 8).contains(&first));
    let heard = two.ben.heard(SOUND).len();
    assert!(heard <= 3 && heard >= kept);
    two.hall.close().await;
    let record = two.hall.payloads(SOUND);
    assert!(record.iter().all(|payload| words(5, 8).contains(payload)));
    let items = two.hall.items(SOUND);
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
    let hall = Hall::with(false, Patience::default(), 256);
    let mut two = Two::on(hall, Stranger::new().await).await;
    two.pass(SOUND, 1, 4).await;
    two.hall.close().await;
    assert_eq!(two.hall.captured().count(), 0);
}

#[tokio::test]
async fn a_viewer_hears_no_break_where_a_source_was_muted() {
    let mut two = Two::new().await;
    two.pass(PICTURE, 10, 12).await;
    two.hall.gate(PICTURE, Gate::Closed(Cause::Held));
    two.hall.gate(PICTURE, Gate::Open);
    two.settle().await;
    two.pass(PICTURE, 90, 92).await;
    let seqs: Vec<u64> = two.ben.got.iter().map(|got| got.seq).collect();
    assert!(
        seqs.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{seqs:?}"
    );
}

#[tokio::test]
async fn a_replaced_source_goes_on_under_the_same_number_for_its_viewers() {
    let mut two = Two::new().await;
    two.pass(SOUND, 7, 9).await;
    // Another device, another certificate, the same participant and tracks.
    let mut again = Stranger::new().await;
    again.who = two.ana.who;
    again
        .join(&mut two.hall, &[(Audio, SOUND), (Video, PICTURE)], &[])
        .await;
    two.ana = again;
    two.until(|hall, _| hall.connected() == 3).await;
    two.pass(SOUND, 60_000, 60_003).await;
    let heard = two.ben.got.iter();
    let heard: Vec<_> = heard.map(|got| (got.ssrc, got.seq, got.time)).collect();
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
    let lost = two.hall.lost();
    assert_eq!(lost, 0, "a connection that is replaced is not lost");
    two.hall.close().await;
    let items = two.hall.items(SOUND).into_iter();
    let streams = items.filter_map(|item| match item {
        seal::media::Item::Stream(stream) => Some(stream.number),
        _ => None,
    });
    assert_eq!(streams.max(), Some(2), "the record tells the two apart");
}

#[tokio::test]
async fn after_an_ice_restart_from_another_network_the_call_goes_on() {
    let mut two = Two::new().await;
    two.pass(SOUND, 1, 3).await;
    two.ana.move_away().await;
    let mut api = two.ana.rtc.sdp_api();
    api.ice_restart(true);
    let (offer, pending) = api.apply().unwrap();
    let answer = two.ana.put(&mut two.hall, offer.to_sdp_string()).await;
    two.ana.accept(pending, &answer.unwrap());
    // What is sent until the new path is found may be lost.
    two.say_until(SOUND, 3, Duration::ZERO, |two| {
        two.ben.heard(SOUND).len() > 4
    })
    .await;
    two.hall.listen();
    let same = (two.hall.connected(), two.hall.lost());
    assert_eq!(same, (2, 0), "it is the same connection");
}

#[tokio::test]
async fn whoever_comes_late_makes_the_relay_ask_for_a_key_frame() {
    let mut two = Two::new().await;
    two.say(PICTURE, 1, 3);
    two.until(|_, all| all[0].was_asked(PICTURE)).await;
    two.ana.asked.clear();
    let mut eve = Stranger::new().await;
    eve.join(&mut two.hall, &[], &[(Video, PICTURE)]).await;
    two.until_with(&mut eve, |_, all| all[0].was_asked(PICTURE))
        .await;
    // And so does whoever has lost the picture.
    two.ana.asked.clear();
    two.say(PICTURE, 3, 4);
    two.until_with(&mut eve, |_, all| !all[2].heard(PICTURE).is_empty())
        .await;
    two.ana.asked.clear();
    eve.ask(PICTURE);
    two.until_with(&mut eve, |_, all| all[0].was_asked(PICTURE))
        .await;
    assert!(!two.ana.was_asked(SOUND));
}

#[tokio::test]
async fn a_sender_whose_pictures_were_lost_for_a_while_is_asked_for_a_key_frame_at_once() {
    let mut two = Two::new().await;
    let pause = Duration::from_millis(5);
    two.say_until(PICTURE, 1, pause, |two| two.ana.was_asked(PICTURE))
        .await;
    // What was wanted when they connected is behind them.
    tokio::time::sleep(Duration::from_millis(600)).await;
    two.say_until(PICTURE, 3_000, pause, |two| {
        two.ben.heard(PICTURE).len() > 20
    })
    .await;
    two.ana.asked.clear();
    two.ana.loses_sent = Box::new(is_rtp);
    two.say(PICTURE, 6_000, 6_150);
    two.ana.loses_sent = Box::new(|_| false);
    let heard = two.ben.heard(PICTURE).len();
    let said = two
        .say_until(PICTURE, 6_150, pause, |two| two.ana.was_asked(PICTURE))
        .await;
    assert!(said < 200, "within a second: {said}");
    two.until(|_, all| all[1].heard(PICTURE).len() > heard)
        .await;
}

/// How often pictures without a key frame are asked for one in a little more than ten seconds, after
/// those requests that came with connecting.
async fn asked_in_ten_seconds(recorded: bool) -> usize {
    let hall = Hall::with(recorded, Patience::default(), 256);
    let mut two = Two::on(hall, Stranger::new().await).await;
    let pause = Duration::from_millis(20);
    let began = Instant::now();
    let passed = |ms| move |_: &Two| began.elapsed() >= Duration::from_millis(ms);
    two.say_until(PICTURE, 1, pause, passed(1_200)).await;
    two.ana.asked.clear();
    two.say_until(PICTURE, 100, pause, passed(11_700)).await;
    two.ana.asked.len()
}

#[tokio::test]
async fn what_is_recorded_is_asked_for_a_key_frame_after_ten_seconds_without_one() {
    let both = tokio::join!(asked_in_ten_seconds(true), asked_in_ten_seconds(false));
    assert_eq!(both, (1, 0));
}

#[tokio::test]
async fn a_sender_is_told_how_much_of_what_it_sends_is_lost_on_the_way() {
    let often = Some(Duration::from_millis(100));
    let config = RtcConfig::new()
        .set_rtp_mode(true)
        .set_stats_interval(often);
    let mut two = Two::on(Hall::new(), Stranger::with(config).await).await;
    let mut sent = 0_u32;
    two.ana.loses_sent = Box::new(move |datagram| {
        sent += u32::from(is_rtp(datagram));
        is_rtp(datagram) && sent.is_multiple_of(4)
    });
    // Its congestion control lives on that.
    two.say_until(PICTURE, 1, Duration::from_millis(5), |two| {
        two.ana.loss.is_some_and(|loss| loss > 0.1 && loss < 0.5)
    })
    .await;
}

#[tokio::test]
async fn whoever_was_silent_for_some_seconds_gets_a_key_frame_without_asking() {
    let mut two = Two::new().await;
    two.say(PICTURE, 1, 3);
    let tenth = Duration::from_millis(100);
    let mut said = 1;
    // At the beginning it is asked for; then nobody hears from Ben.
    for there in [true, false] {
        two.ana.asked.clear();
        for _ in 0..27 {
            two.say(SOUND, said, said + 1);
            said += 1;
            let since = Instant::now();
            let over = |_: &Hall, _: &[&mut Stranger]| since.elapsed() >= tenth;
            if there {
                two.until(over).await;
            } else {
                two.hall.until(&mut [&mut two.ana], over).await;
            }
        }
    }
    assert!(!two.ana.was_asked(PICTURE));
    two.until(|_, all| all[0].was_asked(PICTURE)).await;
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
    let mut two = Two::new().await;
    two.pass(PICTURE, 1, 2).await;
    two.ana.loses_sent = the(3);
    two.ben.loses_received = the(6);
    two.say(PICTURE, 2, 12);
    // A stream that goes on shows what is missing from it; not so fast that it is forgotten.
    two.say_until(PICTURE, 12, Duration::from_millis(10), |two| {
        let heard = two.ben.heard(PICTURE);
        words(1, 12).iter().all(|word| heard.contains(word))
    })
    .await;
    for word in words(1, 12) {
        let heard = two.ben.heard(PICTURE).into_iter();
        let heard = heard.filter(|heard| *heard == word).count();
        assert_eq!(heard, 1, "{}", String::from_utf8_lossy(&word));
    }
    two.hall.close().await;
    let kept = two.hall.payloads(PICTURE);
    assert!(words(1, 12).iter().all(|word| kept.contains(word)));
    assert!(two.hall.captured().all(|captured| captured.gaps.is_empty()));
}

#[tokio::test]
async fn whoever_is_dropped_hears_nothing_more_and_is_not_heard() {
    let mut two = Two::new().await;
    let mut eve = Stranger::new().await;
    eve.join(&mut two.hall, &[], &[(Audio, SOUND)]).await;
    two.until_with(&mut eve, |hall, _| hall.connected() == 3)
        .await;
    two.hall.order(Order::Drop { peer: two.ben.who });
    eve.takes.clear();
    eve.join(&mut two.hall, &[], &[(Audio, SOUND)]).await;
    two.say(SOUND, 1, 4);
    two.until_with(&mut eve, |_, all| all[2].heard(SOUND).len() == 3)
        .await;
    assert!(two.ben.got.is_empty());
    assert_eq!(two.hall.lost(), 0, "the room knows that it dropped them");
}

#[tokio::test]
async fn an_offer_may_move_a_source_to_another_section() {
    let mut two = Two::new().await;
    two.pass(SOUND, 1, 3).await;
    two.ana.sends.retain(|send: &Send| send.track != SOUND);
    two.ana.join(&mut two.hall, &[(Audio, SOUND)], &[]).await;
    two.pass(SOUND, 1, 3).await;
    let lost = |news: &News| matches!(news, News::Lost { .. });
    assert!(!two.hall.told.iter().any(lost));
}

#[tokio::test]
async fn whoever_holds_receives_nothing_while_the_others_do_and_the_record_has_it_all() {
    let mut two = Two::new().await;
    let mut eve = Stranger::new().await;
    let both = [(Audio, SOUND), (Video, PICTURE)];
    eve.join(&mut two.hall, &[], &both).await;
    two.until_with(&mut eve, |hall, _| hall.connected() == 3)
        .await;
    let peer = two.ben.who;
    let heard = |who: &Stranger| (who.heard(SOUND).len(), who.heard(PICTURE).len());
    for (from, hears) in [(1, true), (4, false), (7, true)] {
        two.hall.order(Order::Hears { peer, on: hears });
        let settles = TrackNo::try_from(from).unwrap() + 10;
        two.ana.join(&mut two.hall, &[(Video, settles)], &[]).await;
        two.say(SOUND, from, from + 3);
        two.say(PICTURE, from, from + 3);
        let came = usize::try_from(from).unwrap() + 2;
        let held = if from == 7 { 3 } else { 0 };
        two.until_with(&mut eve, |_, all| {
            heard(all[2]) == (came, came) && (!hears || heard(all[1]) == (came - held, came - held))
        })
        .await;
    }
    for track in [SOUND, PICTURE] {
        let missed = [words(1, 4), words(7, 10)].concat();
        assert_eq!(two.ben.heard(track), missed);
        let mid = two.ben.takes.iter().find(|take| take.track == track);
        let mid = mid.unwrap().mid.as_str().into();
        let of = two.ben.got.iter().filter(|got| got.mid == mid);
        let seqs: Vec<u64> = of.map(|got| got.seq).collect();
        assert!(seqs.windows(2).all(|two| two[1] == two[0] + 1), "{seqs:?}");
    }
    two.hall.close().await;
    for track in [SOUND, PICTURE] {
        assert_eq!(two.hall.payloads(track), words(1, 10));
    }
}

#[tokio::test]
async fn whoever_held_gets_a_key_frame_and_their_next_connection_holds_too() {
    let mut two = Two::new().await;
    let peer = two.ben.who;
    two.hall.order(Order::Hears { peer, on: false });
    let mut again = Stranger::new().await;
    again.who = peer;
    again.join(&mut two.hall, &[], &[(Video, PICTURE)]).await;
    two.until_with(&mut again, |hall, all| {
        hall.connected() == 3 && all[2].connected
    })
    .await;
    // What was wanted when they connected is behind them.
    let since = Instant::now();
    let over = |_: &Hall, _: &[&mut Stranger]| since.elapsed() >= Duration::from_millis(1_200);
    two.until_with(&mut again, over).await;
    two.ana.asked.clear();
    two.say(PICTURE, 1, 4);
    two.settle().await;
    two.hall.order(Order::Hears { peer, on: true });
    two.until_with(&mut again, |_, all| all[0].was_asked(PICTURE))
        .await;
    assert!(again.got.is_empty());
    two.say(PICTURE, 4, 5);
    two.until_with(&mut again, |_, all| all[2].heard(PICTURE) == words(4, 5))
        .await;
}
