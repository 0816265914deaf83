//! Senders who mean harm: what viewers see and hear of them, the films show.

use bytes::Bytes;
use proto::notice::Modality::{Audio, Video};
use seal::media::{Item, Packet, PauseCause, Report};

use super::made::{PICTURES, SOUND, Sender, blocks, film, film_to_play, of, shown};
use super::{BEGAN, bytes};

const SECOND: i64 = 1_000_000;

/// What was sent, with something else in the place of each packet.
fn with(
    items: Vec<Item>,
    mut instead: impl FnMut(Packet<Bytes>) -> Vec<Packet<Bytes>>,
) -> Vec<Item> {
    let mut out = Vec::new();
    for item in items {
        match item {
            Item::Rtp(packet) => out.extend(instead(packet).into_iter().map(Item::Rtp)),
            other => out.push(other),
        }
    }
    out
}

/// A packet right before this one, of the same RTP time; neither number is left out.
fn before(packet: Packet<Bytes>, payload: Vec<u8>) -> Vec<Packet<Bytes>> {
    let decoy = Packet {
        seq: packet.seq * 2,
        marker: false,
        payload: payload.into(),
        ..packet.clone()
    };
    let packet = Packet {
        seq: packet.seq * 2 + 1,
        ..packet
    };
    vec![decoy, packet]
}

#[test]
fn whose_clock_leaps_behind_a_switch_loses_nothing_that_was_said_before_it() {
    let said = SOUND.sends(0, 10 * SECOND, 0);
    let count = |items: &[Item]| items.iter().filter(|i| matches!(i, Item::Rtp(_))).count();
    let next = Sender {
        stream: 2,
        first: u32::try_from(count(&said)).unwrap(),
        reports: false,
        ..SOUND
    };
    let mut first = true;
    let leaps = with(next.sends(10 * SECOND, 20 * SECOND, 0), |packet| {
        let ahead = if std::mem::take(&mut first) {
            0
        } else {
            480_000
        };
        let time = packet.time.wrapping_add(ahead);
        vec![Packet { time, ..packet }]
    });
    let sent = count(&said) + count(&leaps);
    let film = film(&[of(Audio, [said, leaps].concat())]);
    let heard = shown(&film, "visitor.webm").remove(0);
    assert_eq!(heard.len(), sent, "{:?}", film.notes);
    assert!(heard.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
}

#[test]
fn a_picture_that_no_viewer_sees_does_not_take_the_place_of_one_that_they_see() {
    let whole = [
        0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 1, 240, 0, 0xff, 0xff, 0xff, 0xff,
    ];
    // A whole key picture without an end, and a piece that begins nothing.
    for decoy in [whole.to_vec(), vec![0, 1, 2, 3, 4, 5, 6, 7, 8]] {
        let items = with(PICTURES.sends(0, 10 * SECOND, 0), |p| {
            before(p, decoy.clone())
        });
        let film = film(&[of(Video, items)]);
        let seen = shown(&film, "visitor.webm").remove(0);
        let numbers: Vec<u32> = seen.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (0..100).collect::<Vec<u32>>(), "{:?}", film.notes);
    }
}

#[test]
fn numbers_that_are_left_out_hide_no_picture_that_says_it_is_the_next() {
    let mut id = 32_760_u16;
    let items = with(PICTURES.sends(0, 10 * SECOND, 0), |packet| {
        id = (id + 1) & 0x7fff;
        let [high, low] = id.to_be_bytes();
        let mut payload = vec![0x90, 0x80, 0x80 | high, low];
        payload.extend(&packet.payload[1..]);
        let (seq, payload) = (packet.seq * 2, payload.into());
        vec![Packet {
            seq,
            payload,
            ..packet
        }]
    });
    let film = film(&[of(Video, items)]);
    assert_eq!(shown(&film, "visitor.webm").remove(0).len(), 100);
    // A picture that is really missing still takes with it what builds on it.
    let mut id = 0_u16;
    let items = with(PICTURES.sends(0, 10 * SECOND, 0), |packet| {
        id += 1;
        let mut payload = vec![0x90, 0x80, 0x80, u8::try_from(id & 0x7f).unwrap()];
        payload.extend(&packet.payload[1..]);
        let payload = payload.into();
        let kept = id != 30;
        kept.then_some(Packet { payload, ..packet })
            .into_iter()
            .collect()
    });
    let film = self::film(&[of(Video, items)]);
    let seen = shown(&film, "visitor.webm").remove(0);
    assert_eq!(seen.len(), 29 + 50, "{:?}", film.notes);
}

#[test]
fn padding_that_is_lost_hides_no_picture_that_says_it_is_the_next() {
    // Behind every picture three packets of padding, of which the first, the second or both are lost.
    for lost in [[1, 0], [2, 0], [1, 2]] {
        let mut id = 0_u8;
        let items = with(PICTURES.sends(0, 10 * SECOND, 0), |packet| {
            id = (id + 1) & 0x7f;
            let mut payload = vec![0x90, 0x80, id];
            payload.extend(&packet.payload[1..]);
            let seq = packet.seq * 4;
            let picture = Packet {
                seq,
                payload: payload.into(),
                ..packet
            };
            let padding = |place| Packet {
                seq: seq + place,
                marker: false,
                payload: Bytes::new(),
                ..picture.clone()
            };
            let came = (1..4).filter(|place| !lost.contains(place)).map(padding);
            let came: Vec<_> = came.collect();
            [vec![picture.clone()], came].concat()
        });
        let film = film(&[of(Video, items)]);
        let seen = shown(&film, "visitor.webm").remove(0);
        assert_eq!(seen.len(), 100, "{lost:?}: {:?}", film.notes);
    }
}

#[test]
fn packets_days_apart_in_a_short_recording_make_no_days_of_silence() {
    let day = 86_400 * SECOND;
    let mut items = SOUND.sends(0, SECOND, 0);
    let later = Sender {
        seq: SOUND.seq + 100,
        ..SOUND
    };
    items.extend(later.sends(2 * day, 2 * day + SECOND, 0));
    let film = film_to_play(&[of(Audio, items)]);
    let blocks = blocks(&bytes(&film, "visitor.webm")).len();
    assert!(blocks < 100_000, "{blocks}");
}

#[test]
fn who_mutes_without_end_and_whose_clock_never_stands_is_opened_and_heard_to_the_end() {
    let pauses = |sender: Sender| {
        let sender = Sender {
            every: 432_000,
            reports: false,
            ..sender
        };
        let (mut items, mut leap) = (Vec::new(), 0_u64);
        for item in sender.sends(0, 12 * 3_600 * SECOND, 0) {
            let Item::Rtp(packet) = item else {
                items.push(item);
                continue;
            };
            let (stream, arrival, time) = (packet.stream, packet.arrival, packet.time);
            leap = (leap + 0x0765_4321) & 0x7_ffff_ffff;
            items.push(Item::Rtp(packet));
            items.push(Item::Report(Report {
                stream,
                arrival: arrival + 1,
                ntp: sender.ntp(arrival - BEGAN) + leap,
                time,
            }));
            items.push(Item::Pause {
                at: arrival + 100_000,
                cause: PauseCause::Muted,
            });
            items.push(Item::Resume {
                at: arrival + 200_000,
            });
        }
        items
    };
    let film = film(&[of(Audio, pauses(SOUND)), of(Video, pauses(PICTURES))]);
    let tracks = shown(&film, "visitor.webm");
    assert_eq!((tracks[0].len(), tracks[1].len()), (100_000, 100_000));
    assert!(tracks.iter().flatten().all(|(number, at)| {
        let late = at - i64::from(*number) * 432;
        (-3_200..1_200).contains(&late)
    }));
}
