//! What would make the engine's tables grow does not come to it, and nobody is sent away for it.

use std::time::Duration;

use proto::ErrorCode;
use relay::media::counts::Why;
use relay::media::sieve::Sieve;
use relay::media::worker::FASTEST;

use super::forger::{AGAIN, Forger, Met, NUMBER, PICTURE};

const TOO_MANY: Met = Met::Refused(Why::TooManySources);
const TOO_LATE: Met = Met::Refused(Why::TooLate);

#[test]
fn a_connection_has_so_many_ssrcs_and_goes_on_with_those() {
    let mut forger = Forger::new(true);
    for ssrc in 1..=512 {
        assert_eq!(forger.say(ssrc, PICTURE, 1, None), [Met::Taken(ssrc)]);
    }
    for ssrc in 513..600 {
        assert_eq!(forger.say(ssrc, PICTURE, 1, None), [TOO_MANY]);
        assert_eq!(forger.say(ssrc, AGAIN, 2, None), [TOO_MANY]);
    }
    assert_eq!(forger.say(512, PICTURE, 2, None), [Met::Taken(512)]);
}

#[test]
fn ssrcs_of_padding_count_though_nothing_comes_of_it() {
    let mut forger = Forger::new(true);
    assert_eq!(forger.say(1, PICTURE, 1, None), [Met::Taken(1)]);
    for ssrc in 2..=512 {
        assert_eq!(forger.say(ssrc, AGAIN, 1, None), []);
    }
    for ssrc in 513..600 {
        assert_eq!(forger.say(ssrc, AGAIN, 1, None), [TOO_MANY]);
    }
    assert_eq!(forger.say(1, PICTURE, 2, None), [Met::Taken(1)]);
}

#[test]
fn a_number_from_before_the_first_does_not_come_to_the_engine() {
    let mut forger = Forger::new(true);
    for (seq, number) in [(1, 0), (2, 1)] {
        let met = forger.say(1, PICTURE, seq, Some(number));
        assert_eq!(met, [Met::Taken(1)]);
    }
    // The engine would fill in the way to 2^64.
    for number in [40_000, u16::MAX] {
        assert_eq!(forger.say(1, PICTURE, 3, Some(number)), [TOO_LATE]);
    }
    assert_eq!(forger.say(1, PICTURE, 4, Some(2)), [Met::Taken(1)]);
    forger.pass(Duration::from_millis(60));
    assert_eq!(forger.reported, 3);
}

#[test]
fn a_number_far_behind_is_refused_and_padding_moves_them_on_too() {
    let mut forger = Forger::new(true);
    let mut say = |kind, seq, number| forger.say(1, kind, seq, Some(number));
    assert_eq!(say(PICTURE, 1, 65_000), [Met::Taken(1)]);
    assert_eq!(say(PICTURE, 2, 50), [Met::Taken(1)], "around");
    assert_eq!(say(PICTURE, 3, 65_486), [Met::Taken(1)], "100 behind");
    assert_eq!(say(PICTURE, 4, 65_485), [TOO_LATE]);
    assert_eq!(forger.say(2, AGAIN, 1, Some(1_000)), []);
    assert_eq!(forger.say(1, PICTURE, 5, Some(899)), [TOO_LATE]);
    assert_eq!(forger.say(1, PICTURE, 6, Some(900)), [Met::Taken(1)]);
}

#[test]
fn what_is_not_genuine_moves_no_number() {
    let mut forger = Forger::new(true);
    assert_eq!(forger.say(1, PICTURE, 1, Some(1)), [Met::Taken(1)]);
    let mut datagram = packet(0x90, &[], [0xbe, 0xde], &[0x31, 0x75, 0x30, 0]);
    datagram[11] = 1;
    assert_eq!(forger.forged(&datagram), []);
    assert_eq!(forger.say(1, PICTURE, 2, Some(2)), [Met::Taken(1)]);
}

#[test]
fn the_number_stands_where_the_first_offer_said() {
    let mut forger = Forger::new(true);
    let (first, other) = ("extmap:3 ", "extmap:5 ");
    assert!(forger.offer_again(first, first).is_ok());
    assert_eq!(
        forger.offer_again(first, other).err(),
        Some(ErrorCode::SdpRefused)
    );
}

#[test]
fn every_packet_that_is_numbered_is_reported_asked_for_or_not() {
    for asks in [true, false] {
        let mut forger = Forger::new(asks);
        for n in 1..=50 {
            let met = forger.say(1, PICTURE, n.into(), Some(n));
            assert_eq!(met, [Met::Taken(1)]);
        }
        forger.pass(Duration::from_millis(60));
        assert_eq!(forger.reported, 50, "asks: {asks}");
    }
}

#[test]
fn reports_keep_up_with_the_fastest_although_its_numbers_jump() {
    let mut forger = Forger::new(true);
    // As late as a worker comes to its reports, and then all at once.
    let round = Duration::from_millis(70);
    let at_once = FASTEST.1 * 70 / 1_000;
    let (mut sent, mut number) = (0, 0u16);
    for _ in 0..200 {
        forger.pass(round);
        for _ in 0..at_once {
            // No further: more than 65,535 numbers cannot be counted in one report.
            number = number.wrapping_add(900);
            sent += 1;
            forger.say(1, PICTURE, sent, Some(number));
        }
        let waiting = usize::try_from(sent).unwrap() - forger.reported;
        assert!(waiting <= 2 * at_once as usize, "{waiting} wait");
    }
}

/// An RTP packet: of SSRC 7, with contributing sources and an extension.
fn packet(first: u8, sources: &[u8], form: [u8; 2], elements: &[u8]) -> Vec<u8> {
    let mut packet = vec![first, PICTURE, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];
    packet.extend(sources);
    packet.extend(form);
    packet.extend(u16::try_from(elements.len() / 4).unwrap().to_be_bytes());
    packet.extend(elements);
    packet.extend([0; 20]);
    packet
}

/// Whether a number that would be too late is found in it.
fn is_numbered(packet: &[u8]) -> bool {
    let mut sieve = Sieve::new(Some(NUMBER));
    sieve.came(30_000);
    sieve.refuses(packet) == Some(Why::TooLate)
}

#[test]
fn a_number_is_found_wherever_the_engine_finds_it() {
    let (one, two) = ([0xbe, 0xde], [0x10, 0x05]);
    let found = [
        packet(0x90, &[], one, &[0x31, 0, 1, 0]),
        packet(0x92, &[9; 8], one, &[0x31, 0, 1, 0]),
        packet(0x90, &[], one, &[0, 0x40, b'v', 0, 0x31, 0, 1, 0]),
        packet(0x90, &[], two, &[3, 2, 0, 1]),
        packet(0x90, &[], two, &[4, 0, 3, 3, 0, 1, 9, 0]),
        // The last one counts.
        packet(0x90, &[], one, &[0x31, 0x75, 0x30, 0, 0x31, 0, 1, 0]),
        packet(0x90, &[], one, &[0x31, 0, 1, 0x7f]),
    ];
    for packet in found {
        assert!(is_numbered(&packet), "{packet:?}");
    }
    let none = [
        packet(0x80, &[], one, &[0x31, 0, 1, 0]),
        packet(0x90, &[], one, &[0x51, 0, 1, 0]),
        packet(0x90, &[], one, &[0x30, 0, 0, 0]),
        packet(0x90, &[], one, &[0xf0, 0x31, 0, 1]),
        packet(0x90, &[], one, &[0x7f, 0x31, 0, 1]),
        packet(0x90, &[], [0xbe, 0xdf], &[0x31, 0, 1, 0]),
        packet(0x90, &[], one, &[0x31, 0, 1, 0])[..18].to_vec(),
    ];
    for packet in none {
        assert!(!is_numbered(&packet), "{packet:?}");
    }
    // RTCP has neither an SSRC there nor extensions.
    let mut rtcp = packet(0x90, &[], one, &[0x31, 0, 1, 0]);
    rtcp[1] = 205;
    assert!(!is_numbered(&rtcp));
}
