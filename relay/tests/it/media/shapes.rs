//! The parts without a network: reading offers, telling datagrams apart, who gets what.

use std::net::SocketAddr;

use proptest::prelude::*;
use proto::ErrorCode;
use proto::notice::Modality;
use relay::media::demux::{Allowance, Demux, Route, Stray, named};
use relay::media::order::{Cause, Gate};
use relay::media::pictures::begins_key_picture;
use relay::media::sdp;
use relay::media::sfu::{Arrival, Sfu, Turned};
use relay::media::sieve::Sieve;
use seal::media::Codec;

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/fuzz");

fn seeds(folder: &str) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(format!("{SEEDS}/{folder}")).unwrap();
    let seeds: Vec<_> = files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    assert!(!seeds.is_empty());
    seeds
}

fn seed(path: &str) -> String {
    std::fs::read_to_string(format!("{SEEDS}/{path}")).unwrap()
}

/// What holds of every offer that is taken.
fn holds(offer: &str) {
    let Ok(offer) = sdp::read(offer) else {
        return;
    };
    for gone in [
        "candidate",
        "simulcast",
        "a=rid",
        "a=ssrc",
        "application",
        "ice-lite",
    ] {
        assert!(!offer.text.contains(gone), "{gone}: {}", offer.text);
    }
    assert!(offer.text.is_ascii() && offer.sections.len() <= 32);
    let again = sdp::read(&offer.text).map(|offer| offer.text);
    assert_eq!(
        again.unwrap(),
        offer.text,
        "what is written is read as it was meant"
    );
}

#[test]
fn browsers_offers_are_read() {
    for name in ["chromium", "firefox", "safari"] {
        let text = seed(&format!("sdp/{name}.sdp"));
        let offer = sdp::read(&text).unwrap_or_else(|code| panic!("{name}: {code}"));
        assert_eq!(offer.sections.len(), 2, "{name}");
        assert!(offer.sections[0].sound && !offer.sections[1].sound);
        assert!(offer.text.contains("opus/48000/2") && offer.text.contains("VP8/90000"));
        assert!(!offer.text.contains("H264"), "{name}: VP8 is there");
        holds(&text);
    }
}

#[test]
fn h264_is_taken_where_there_is_no_vp8() {
    let text = seed("sdp/chromium.sdp").replace("VP8/90000", "other/90000");
    let offer = sdp::read(&text).unwrap();
    assert!(offer.text.contains("H264/90000") && offer.text.contains("packetization-mode=1"));
    let neither = text.replace("H264/90000", "other/90000");
    assert_eq!(sdp::read(&neither).err(), Some(ErrorCode::CodecMissing));
}

#[test]
fn who_sends_is_told_of_each_packet_and_who_only_watches_tells_of_none() {
    let sends = seed("sdp/chromium.sdp");
    let watches = sends
        .replace("a=sendonly", "a=recvonly")
        .replace("a=sendrecv", "a=recvonly");
    assert_ne!(sends, watches);
    for congestion in ["transport-wide-cc", "transport-cc"] {
        assert!(sdp::read(&sends).unwrap().text.contains(congestion));
        assert!(!sdp::read(&watches).unwrap().text.contains(congestion));
    }
    assert!(sdp::read(&watches).unwrap().text.contains("goog-remb"));
}

#[test]
fn a_payload_type_that_means_two_things_is_refused() {
    let text = seed("sdp/chromium.sdp");
    let twice = text
        .replace("RTP/SAVPF 96 97", "RTP/SAVPF 111 97")
        .replace("a=rtpmap:96 ", "a=rtpmap:111 ")
        .replace("apt=96", "apt=111");
    assert!(sdp::read(&twice).is_err());
}

#[test]
fn strangers_datagrams_leave_nothing_behind() {
    let mut demux = Demux::default();
    demux.name(1, "known");
    let size = demux.size();
    for n in 0..100_000u32 {
        let [a, b, c, d] = n.to_be_bytes();
        let from = SocketAddr::from(([a, b, c, d], 9));
        let mut datagram = [128u8; 40];
        datagram[..4].copy_from_slice(&[[0, 22, 128, 255][n as usize % 4], b, c, d]);
        assert!(matches!(demux.route(from, &datagram), Route::Nobody(_)));
    }
    assert_eq!(demux.size(), size);
    // One peer that is everywhere is remembered at its last places alone.
    for port in 1..1_000 {
        demux.learn(1, SocketAddr::from(([10, 0, 0, 1], port)));
    }
    assert_eq!(demux.size(), (1, 8));
    let rtp = [128; 20];
    assert_eq!(
        demux.route(SocketAddr::from(([10, 0, 0, 1], 999)), &rtp),
        Route::Known(1)
    );
    assert_eq!(
        demux.route(SocketAddr::from(([10, 0, 0, 1], 1)), &rtp),
        Route::Nobody(Stray::UnknownAddress)
    );
    demux.forget(1);
    assert_eq!(demux.size(), (0, 0));
}

#[test]
fn a_new_name_replaces_the_old_one_and_a_moved_address_its_owner() {
    let request = seed_stun();
    let name = named(&request).unwrap().to_owned();
    let from = SocketAddr::from(([10, 0, 0, 1], 1));
    let mut demux = Demux::default();
    demux.name(1, &name);
    assert_eq!(demux.route(from, &request), Route::Claimed(1));
    demux.name(1, "another");
    assert_eq!(
        demux.route(from, &request),
        Route::Nobody(Stray::UnknownName)
    );
    demux.learn(1, from);
    demux.learn(2, from);
    demux.forget(1);
    assert_eq!(demux.route(from, &[128; 20]), Route::Known(2));
}

fn seed_stun() -> Vec<u8> {
    seeds("stun")
        .into_iter()
        .find(|seed| named(seed).is_some())
        .unwrap()
}

#[test]
fn an_allowance_is_used_up_and_comes_back() {
    let mut allowance = Allowance::new(3, 2, 0);
    let taken = (0..5).filter(|_| allowance.take(0)).count();
    assert_eq!(taken, 3);
    assert!(!allowance.take(400_000) && allowance.take(500_000) && !allowance.take(500_001));
    assert_eq!((0..9).filter(|_| allowance.take(9_000_000)).count(), 3);
}

#[test]
fn only_the_sender_feeds_a_track_and_only_through_an_open_gate() {
    let mut sfu = Sfu::default();
    sfu.sends(1, &[(5, Modality::Video)]);
    sfu.takes(2, &[5]);
    assert_eq!(sfu.viewers(5, 1), None, "closed to begin with");
    assert_eq!(sfu.turn(5, Gate::Open), Turned::Opened);
    assert_eq!(sfu.turn(5, Gate::Open), Turned::Not);
    assert_eq!(sfu.viewers(5, 1), Some(&[2][..]));
    assert_eq!(sfu.viewers(5, 2), None, "a viewer does not feed it");
    assert_eq!(
        sfu.turn(5, Gate::Closed(Cause::Held)),
        Turned::Closed(Cause::Held)
    );
    assert_eq!(sfu.viewers(5, 1), None);
    sfu.turn(5, Gate::Open);
    sfu.leave(2);
    assert_eq!(sfu.viewers(5, 1), Some(&[][..]));
    sfu.sends(1, &[]);
    assert_eq!(sfu.viewers(5, 1), None);
}

#[test]
fn another_connection_goes_on_with_what_it_offers_and_the_rest_has_no_gate() {
    let mut sfu = Sfu::default();
    let both = [(5, Modality::Video), (6, Modality::Audio)];
    sfu.sends(1, &both);
    for track in [5, 6] {
        sfu.turn(track, Gate::Open);
    }
    // The connection is lost, and the next one comes without a camera.
    sfu.leave(1);
    sfu.goes_on(1, 3);
    sfu.sends(3, &both[1..]);
    sfu.sends(3, &both);
    assert_eq!(sfu.viewers(6, 3), Some(&[][..]));
    assert_eq!(sfu.viewers(5, 3), None, "the room has not said so");
    // Lost again, and dropped for good before they come back.
    sfu.leave(3);
    sfu.sends(3, &[]);
    sfu.sends(4, &both);
    assert_eq!(sfu.viewers(6, 4), None);
}

#[test]
fn a_key_frame_is_asked_once_for_all_who_want_it() {
    let mut sfu = Sfu::default();
    sfu.sends(1, &[(5, Modality::Video), (6, Modality::Audio)]);
    sfu.takes(2, &[5, 6]);
    assert!(sfu.ask(0).is_empty(), "not while the gate is shut");
    sfu.turn(5, Gate::Open);
    sfu.turn(6, Gate::Open);
    assert_eq!(sfu.ask(0), [(1, 5)], "and never of sound");
    sfu.want(5);
    sfu.want_all_of(2);
    assert!(sfu.ask(499_999).is_empty());
    assert_eq!(sfu.ask(500_000), [(1, 5)]);
    assert!(sfu.ask(2_000_000).is_empty());
}

/// A minute of pictures, thirty a second, each one packet, of which every `key`th is a key picture
/// by itself: how often a key picture was asked for after the first one.
fn asked_in_a_minute(recorded: bool, key: u64) -> usize {
    let mut sfu = Sfu::new(recorded);
    sfu.sends(1, &[(5, Modality::Video)]);
    sfu.takes(2, &[5]);
    sfu.turn(5, Gate::Open);
    let mut asked = 0;
    let mut wanted = false;
    for n in 0..1_800_u64 {
        let at = i64::try_from(n).unwrap() * 33_333;
        let arrival = Arrival {
            ssrc: 7,
            seq: n,
            key: wanted || n % key == 0,
        };
        sfu.came(5, arrival, at);
        wanted = !sfu.ask(at).is_empty();
        asked += usize::from(wanted);
    }
    asked - 1
}

#[test]
fn what_is_recorded_has_a_key_picture_every_ten_seconds_and_is_asked_for_no_more() {
    assert_eq!(asked_in_a_minute(true, u64::MAX), 5);
    assert_eq!(asked_in_a_minute(true, 290), 0, "they come by themselves");
    assert_eq!(asked_in_a_minute(true, 450), 4, "between those");
    assert_eq!(asked_in_a_minute(false, u64::MAX), 0, "nobody seeks in it");
}

#[test]
fn a_source_that_sends_nothing_is_not_asked_again_and_again() {
    let mut sfu = Sfu::new(true);
    sfu.sends(1, &[(5, Modality::Screen)]);
    sfu.turn(5, Gate::Open);
    assert_eq!(sfu.ask(0).len(), 1);
    let asked = (1..600).map(|tick| sfu.ask(tick * 100_000).len());
    assert_eq!(asked.sum::<usize>(), 0);
}

#[test]
fn behind_a_hole_that_nothing_fills_a_key_picture_is_asked_for_at_once() {
    let mut sfu = Sfu::default();
    sfu.sends(1, &[(5, Modality::Video)]);
    sfu.turn(5, Gate::Open);
    assert_eq!(sfu.ask(0).len(), 1);
    let mut came = |ssrc, seq, at| {
        let key = false;
        sfu.came(5, Arrival { ssrc, seq, key }, at);
        sfu.ask(at).len()
    };
    assert_eq!(came(7, 1_000, 1_000_000), 0);
    assert_eq!(came(7, 1_100, 2_000_000), 0, "those are asked for again");
    assert_eq!(came(7, 1_020, 2_100_000), 0, "and come late");
    assert_eq!(came(7, 1_201, 3_000_000), 1);
    assert_eq!(came(8, 9_000, 4_000_000), 0, "another source");
}

#[test]
fn key_pictures_are_known_by_their_first_packet() {
    let vp8 = |payload: &[u8]| begins_key_picture(Codec::Vp8, payload);
    // With picture ids of both lengths, and layers.
    assert!(vp8(&[0x10, 0x00]) && vp8(&[0x90, 0x80, 0x11, 0x10]));
    assert!(vp8(&[0x90, 0x80, 0x91, 0x11, 0x10]) && vp8(&[0x90, 0xe0, 0x11, 1, 2, 0x10]));
    assert!(!vp8(&[0x10, 0x01]), "builds on another");
    assert!(!vp8(&[0x00, 0x00]) && !vp8(&[0x11, 0x00]), "goes on");
    assert!(!vp8(&[]) && !vp8(&[0x10]) && !vp8(&[0x90, 0x80, 0x91, 0x11]));
    let h264 = |payload: &[u8]| begins_key_picture(Codec::H264, payload);
    assert!(h264(&[0x65, 1]) && h264(&[0x67, 1]), "alone");
    assert!(h264(&[0x78, 0, 2, 0x09, 1, 0, 2, 0x67, 1]), "among others");
    assert!(h264(&[0x7c, 0x85, 1]), "its first piece");
    assert!(!h264(&[0x7c, 0x05, 1]) && !h264(&[0x61, 1]) && !h264(&[0x78, 0, 9, 1]));
    assert!(!begins_key_picture(Codec::Opus, &[0x10, 0x00]));
}

proptest! {
    #[test]
    fn no_change_to_an_offer_makes_it_more_than_it_may_be(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4u8, any::<u8>()), 1..8),
    ) {
        let seeds = seeds("sdp");
        let seed: &Vec<u8> = which.get(&seeds);
        let seed = String::from_utf8_lossy(seed).into_owned();
        let mut lines: Vec<String> = seed.lines().map(str::to_owned).collect();
        for (from, to, how, byte) in changes {
            let (from, to) = (from.index(lines.len()), to.index(lines.len()));
            match how {
                0 => lines.swap(from, to),
                1 => lines.insert(to, lines[from].clone()),
                2 => { if lines.len() > 1 { lines.remove(from); } }
                _ => lines[from].insert(0, char::from(byte)),
            }
        }
        holds(&lines.join("\r\n"));
    }

    #[test]
    fn no_payload_is_read_past_its_end(payload in prop::collection::vec(any::<u8>(), 0..40)) {
        for codec in [Codec::Opus, Codec::Vp8, Codec::H264, Codec::Other(9)] {
            begins_key_picture(codec, &payload);
        }
    }

    #[test]
    fn no_datagram_is_read_past_its_end(
        which in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let seeds = [seeds("stun"), seeds("rtp")].concat();
        let mut datagram = which.get(&seeds).clone();
        for (at, byte) in changes {
            let at = at.index(datagram.len());
            datagram[at] = byte;
        }
        datagram.truncate(cut.index(datagram.len() + 1));
        let mut demux = Demux::default();
        demux.name(1, "anas-name");
        let from = SocketAddr::from(([127, 0, 0, 1], 1));
        let claimed = demux.route(from, &datagram) == Route::Claimed(1);
        prop_assert_eq!(claimed, named(&datagram) == Some("anas-name"));
        let mut sieve = Sieve::new(Some(3));
        // The first is let through, whatever its number, and is one SSRC.
        prop_assert_eq!(sieve.refuses(&datagram), None);
        prop_assert_eq!(sieve.refuses(&datagram), None);
    }
}
