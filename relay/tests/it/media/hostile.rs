//! Offers and datagrams that mean no good.

use proto::ErrorCode;
use proto::TrackNo;
use proto::notice::Modality::{Audio, Video};
use relay::clock::Clock;
use relay::media::Media;
use relay::media::order::{Order, Send};
use str0m::format::Codec;
use tokio::net::UdpSocket;

use super::hall::{AT_LAST, Hall, config, someone};
use super::stranger::{Stranger, is_rtp, turn};

const SOUND: TrackNo = 1;

async fn two(hall: &mut Hall) -> (Stranger, Stranger) {
    let (mut ana, mut ben) = (Stranger::new().await, Stranger::new().await);
    ana.join(hall, &[(Audio, SOUND)], &[]).await;
    ben.join(hall, &[], &[(Audio, SOUND)]).await;
    hall.open_gates(&[SOUND]);
    hall.until(&mut [&mut ana, &mut ben], |hall, all| {
        hall.connected() == 2 && all.iter().all(|s| s.connected)
    })
    .await;
    (ana, ben)
}

/// Ana says one word, and Ben hears it: what was sent to the worker before has been dealt with.
async fn heard(hall: &mut Hall, ana: &mut Stranger, ben: &mut Stranger, seq: u64) {
    let before = ben.heard(SOUND).len();
    ana.say(SOUND, seq, 0, b"word");
    hall.until(&mut [ana, ben], |_, all| all[1].heard(SOUND).len() > before)
        .await;
}

#[tokio::test]
async fn an_offer_that_is_none_is_refused_and_the_worker_goes_on() {
    let mut hall = Hall::new();
    let mut ana = Stranger::new().await;
    let (good, pending) = ana.offer(&[(Audio, SOUND), (Video, 2)], &[]);
    let without = |what: &str| -> String {
        let lines = good.split_inclusive("\r\n");
        lines.filter(|line| !line.contains(what)).collect()
    };
    let bad = [
        (String::new(), ErrorCode::SdpRefused),
        ("v=0".to_owned(), ErrorCode::SdpRefused),
        ("x".repeat(60_000), ErrorCode::TooLarge),
        (
            good.replace("v=0\r\n", "v=0\r\na=\u{202e}\r\n"),
            ErrorCode::SdpRefused,
        ),
        (without("a=group"), ErrorCode::SdpRefused),
        (without("a=fingerprint"), ErrorCode::SdpRefused),
        (without("a=ice-ufrag"), ErrorCode::SdpRefused),
        (without("a=rtcp-mux"), ErrorCode::SdpRefused),
        (without("sdes:mid"), ErrorCode::SdpRefused),
        (without("apt="), ErrorCode::CodecMissing),
        (good.replace("opus", "speex"), ErrorCode::CodecMissing),
        (good.replace("actpass", "passive"), ErrorCode::SdpRefused),
        (
            format!(
                "{good}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\na=sctp-port:5000\r\n"
            ),
            ErrorCode::SdpRefused,
        ),
        (
            good.replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n"),
            ErrorCode::SdpRefused,
        ),
    ];
    for (sdp, code) in bad {
        assert_eq!(ana.put(&mut hall, sdp.clone()).await, Err(code), "{sdp}");
    }
    // Sources in sections that there are not, or of another kind.
    ana.sends.push(Send {
        mid: "zz".to_owned(),
        kind: Audio,
        track: 9,
    });
    assert_eq!(
        ana.put(&mut hall, good.clone()).await,
        Err(ErrorCode::SdpRefused)
    );
    ana.sends.pop();
    ana.sends[0].kind = Video;
    assert_eq!(
        ana.put(&mut hall, good.clone()).await,
        Err(ErrorCode::SdpRefused)
    );
    ana.sends[0].kind = Audio;
    let answer = ana.put(&mut hall, good).await.unwrap();
    ana.accept(pending, &answer);
    hall.until(&mut [&mut ana], |hall, _| hall.connected() == 1)
        .await;
}

#[tokio::test]
async fn an_answer_names_one_address_and_says_nothing_of_lite() {
    let mut hall = Hall::new();
    let mut ana = Stranger::new().await;
    let (sdp, _) = ana.offer(&[(Audio, SOUND), (Video, 2)], &[(Video, 3)]);
    let answer = ana.put(&mut hall, sdp).await.unwrap();
    let candidates: Vec<&str> = answer
        .lines()
        .filter(|line| line.starts_with("a=candidate"))
        .collect();
    let port = hall.media.addresses()[0].port().to_string();
    assert_eq!(candidates.len(), 1, "{answer}");
    assert!(candidates[0].contains(&port));
    assert!(!answer.contains("ice-lite"));
    assert!(
        !answer.contains("H264") && !answer.contains("VP9"),
        "{answer}"
    );
    let sections: Vec<bool> = answer
        .split("\r\nm=")
        .skip(1)
        .map(|section| section.contains("transport-wide-cc"))
        .collect();
    assert_eq!(sections, [true, true, false], "{answer}");
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_an_offer_names() {
    let mut hall = Hall::new();
    let victim = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = victim.local_addr().unwrap().port();
    let (mut ana, mut ben) = (Stranger::new().await, Stranger::new().await);
    let (sdp, pending) = ana.offer(&[(Audio, SOUND)], &[]);
    let candidate = format!("a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host\r\n");
    let sdp = sdp.replace("a=rtcp-mux\r\n", &format!("a=rtcp-mux\r\n{candidate}"));
    assert!(sdp.contains(&candidate));
    let answer = ana.put(&mut hall, sdp).await.unwrap();
    ana.accept(pending, &answer);
    ben.join(&mut hall, &[], &[(Audio, SOUND)]).await;
    hall.open_gates(&[SOUND]);
    hall.until(&mut [&mut ana, &mut ben], |hall, all| {
        hall.connected() == 2 && all[1].connected
    })
    .await;
    heard(&mut hall, &mut ana, &mut ben, 1).await;
    assert!(victim.try_recv(&mut [0; 2_000]).is_err());
}

/// A STUN binding request for `name`, with a proof that is none.
fn stun(name: &str) -> Vec<u8> {
    let mut attributes = Vec::new();
    let mut put = |kind: u16, value: &[u8]| {
        attributes.extend(kind.to_be_bytes());
        attributes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        attributes.extend(value);
        attributes.resize(attributes.len().next_multiple_of(4), 0);
    };
    put(0x0006, format!("{name}:abcd").as_bytes());
    put(0x0024, &[0, 0, 0, 1]);
    put(0x802a, &[0; 8]);
    put(0x0025, &[]);
    put(0x0008, &[7; 20]);
    let mut datagram = vec![0, 1];
    datagram.extend(u16::try_from(attributes.len()).unwrap().to_be_bytes());
    datagram.extend([0x21, 0x12, 0xa4, 0x42]);
    datagram.extend([9; 12]);
    datagram.extend(attributes);
    datagram
}

#[tokio::test]
async fn a_forged_proof_is_not_answered_and_moves_nobody() {
    let mut hall = Hall::new();
    let (mut ana, mut ben) = two(&mut hall).await;
    let mallory = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let relay = hall.media.addresses()[0];
    // The names are Ana's and Ben's own, as if somebody had seen them.
    for stranger in [&ana, &ben] {
        let seen = stranger
            .sent
            .iter()
            .find_map(|sent| relay::media::demux::named(sent));
        let name = seen.unwrap().to_owned();
        for _ in 0..500 {
            mallory.send_to(&stun(&name), relay).await.unwrap();
        }
    }
    mallory.send_to(&stun("nobody"), relay).await.unwrap();
    heard(&mut hall, &mut ana, &mut ben, 1).await;
    assert!(mallory.try_recv(&mut [0; 2_000]).is_err());
}

#[tokio::test]
async fn a_replayed_or_foreign_packet_goes_nowhere() {
    let mut hall = Hall::new();
    let (mut ana, mut ben) = two(&mut hall).await;
    heard(&mut hall, &mut ana, &mut ben, 1).await;
    let relay = hall.media.addresses()[0];
    let replayed = ana
        .sent
        .iter()
        .rev()
        .find(|sent| is_rtp(sent))
        .unwrap()
        .clone();
    let mut unknown = replayed.clone();
    unknown[8..12].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
    let mut broken = replayed.clone();
    broken[3] = broken[3].wrapping_add(1);
    for datagram in [&replayed, &unknown, &broken] {
        ana.socket.send_to(datagram, relay).await.unwrap();
    }
    // From elsewhere, too.
    let mallory = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    mallory.send_to(&replayed, relay).await.unwrap();
    ana.say(SOUND, 2, 0, b"last");
    hall.until(&mut [&mut ana, &mut ben], |_, all| {
        all[1].heard(SOUND).contains(&b"last".to_vec())
    })
    .await;
    assert_eq!(ben.heard(SOUND), [b"word".to_vec(), b"last".to_vec()]);
    hall.close().await;
    assert_eq!(hall.payloads(SOUND), [b"word".to_vec(), b"last".to_vec()]);
}

#[tokio::test]
async fn a_section_that_carries_no_source_is_not_sent_on() {
    let mut hall = Hall::new();
    let (mut ana, mut ben) = two(&mut hall).await;
    let (sdp, pending) = ana.offer(&[(Video, 5)], &[]);
    let said = ana.sends.pop().unwrap();
    let answer = ana.put(&mut hall, sdp).await.unwrap();
    ana.accept(pending, &answer);
    ana.sends.push(said);
    hall.open_gates(&[5]);
    ana.say_as(5, Codec::Vp8, 1, 0, b"unasked");
    heard(&mut hall, &mut ana, &mut ben, 1).await;
    hall.close().await;
    assert!(hall.payloads(5).is_empty());
}

#[tokio::test]
async fn a_flood_from_strangers_stops_nobody() {
    let mut hall = Hall::new();
    let (mut ana, mut ben) = two(&mut hall).await;
    let relay = hall.media.addresses()[0];
    let mallory = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for n in 0..20_000u32 {
        let mut junk = vec![[0u8, 22, 128, 200, 255][n as usize % 5]; 200];
        junk[4..8].copy_from_slice(&n.to_be_bytes());
        let _ = mallory.try_send_to(&junk, relay);
        if n % 100 == 0 {
            ana.turn();
            ben.turn();
        }
    }
    // Where the flood fills the relay's socket, a word finds no room in it: one is said after another.
    let end = tokio::time::Instant::now() + AT_LAST;
    let mut seq = 0;
    while ben.heard(SOUND).is_empty() {
        assert!(tokio::time::Instant::now() < end, "nobody is heard");
        seq += 1;
        ana.say(SOUND, seq, 0, b"through");
        turn(&mut [&mut ana, &mut ben]).await;
    }
    hall.listen();
    assert_eq!(hall.lost(), 0);
}

#[tokio::test]
async fn a_worker_takes_so_many_connections_and_no_more() {
    let media = Media::start(
        &relay::config::MediaConfig {
            peers: 1,
            ..config()
        },
        &Clock::system(),
    )
    .unwrap();
    let (told, mut news) = tokio::sync::mpsc::channel(16);
    let session = proto::SessionId::random(&mut crate::world::rng());
    let room = media.open(session, true, told).unwrap();
    for expected in [true, false] {
        let mut ana = Stranger::new().await;
        let (sdp, _) = ana.offer(&[(Audio, SOUND)], &[]);
        let (sends, takes) = (ana.sends.clone(), Vec::new());
        let peer = someone();
        room.order(Order::Offer {
            peer,
            number: 1,
            sdp,
            sends,
            takes,
        })
        .unwrap();
        let Some(relay::media::order::News::Answer { answer, .. }) = news.recv().await else {
            panic!("an answer");
        };
        assert_eq!(answer.err(), (!expected).then_some(ErrorCode::Overloaded));
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_at_the_start() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut config = config();
    config.listen = taken.local_addr().unwrap();
    let error = Media::start(&config, &Clock::system())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("[media] listen") && error.contains("another process"),
        "{error}"
    );
}

#[test]
fn without_workers_every_call_is_refused() {
    let off = relay::config::MediaConfig {
        enabled: false,
        ..config()
    };
    let media = Media::start(&off, &Clock::system()).unwrap();
    let (told, _news) = tokio::sync::mpsc::channel(1);
    let session = proto::SessionId::random(&mut crate::world::rng());
    assert_eq!(
        media.open(session, true, told).unwrap_err(),
        ErrorCode::MediaUnavailable
    );
}
