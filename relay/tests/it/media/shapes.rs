//! The parts without a network: reading offers, telling datagrams apart, who gets what.

use std::net::SocketAddr;

use proptest::prelude::*;
use proto::ErrorCode;
use proto::notice::Modality;
use relay::media::demux::{Allowance, Demux, Route, Stray, named};
use relay::media::order::{Cause, Gate};
use relay::media::sdp;
use relay::media::sfu::{Sfu, Turned};

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
    fn no_datagram_is_read_past_its_end(
        which in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let seeds = seeds("stun");
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
    }
}
