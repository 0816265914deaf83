//! Sources that break off and begin anew, and packets that come late, twice or not at all: nothing is
//! lost that came, nothing doubled, nothing filled in, and nothing shown at another time.

use std::collections::BTreeMap;
use std::process::Command;

use bytes::Bytes;
use proptest::prelude::*;
use proto::Millis;
use proto::notice::Modality::{Audio, Screen, Video};
use recorder::media::mux::Chapter;
use seal::manifest::{Cause, Gap};
use seal::media::{Item, Lost, Packet, PauseCause, Report};

use super::made::{PICTURES, SOUND, Sender, blocks, film, film_with_gaps, of, shown};
use super::{BEGAN, bytes, looked_at_for, starts};
use crate::call::{at, capture};

const SECOND: i64 = 1_000_000;

/// Where the frames of a track are, which were made one every so often.
fn in_place(shown: &[(u32, i64)], every: i64) {
    let zero = shown[0].1 - i64::from(shown[0].0) * every / 1_000;
    for (number, at) in shown {
        let off = at - zero - i64::from(*number) * every / 1_000;
        assert!(off.abs() <= 45, "frame {number} is off by {off} ms");
    }
    assert!(shown.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1));
}

/// A source before and after ten seconds of nothing, with other RTP times and sequence numbers.
fn anew(sender: Sender, stream: u16) -> [Vec<Item>; 2] {
    let again = Sender {
        stream,
        time: sender.time.wrapping_mul(7),
        seq: 65_540,
        first: u32::try_from(30 * SECOND / sender.every).unwrap(),
        ..sender
    };
    [
        sender.sends(0, 20 * SECOND, 0),
        again.sends(30 * SECOND, 50 * SECOND, 0),
    ]
}

#[test]
fn who_comes_back_after_ten_seconds_goes_on_in_the_same_track_at_the_right_time() {
    // After a restart of the relay numbers begin anew in another epoch; else it is another stream.
    for restarted in [true, false] {
        let made = |who, sender| {
            let [before, after] = anew(sender, if restarted { 1 } else { 2 });
            let epochs = if restarted {
                vec![(1, before), (2, after)]
            } else {
                vec![(1, [before, after].concat())]
            };
            (0, who, epochs)
        };
        let film = film(&[made(Audio, SOUND), made(Video, PICTURES)]);
        assert_eq!(film.notes, Vec::<String>::new());
        let tracks = shown(&film, "visitor.webm");
        assert_eq!(tracks.len(), 2, "one track for each source");
        assert_eq!((tracks[0].len(), tracks[1].len()), (668, 400));
        in_place(&tracks[0], SOUND.every);
        in_place(&tracks[1], PICTURES.every);
        // Nothing is filled in where nothing came.
        let nothing = |(_, at): &&(u32, i64)| (20_200..29_800).contains(at);
        assert_eq!(tracks.iter().flatten().filter(nothing).count(), 0);
    }
}

#[test]
fn packets_that_come_late_or_twice_are_shown_once_and_when_they_were_made() {
    let late = |items: Vec<Item>| {
        let mut out = Vec::new();
        for item in items {
            let Item::Rtp(packet) = &item else {
                out.push(item);
                continue;
            };
            let mut packet = packet.clone();
            if packet.seq.is_multiple_of(5) {
                let arrival = packet.arrival + 250_000;
                out.push(Item::Rtp(Packet {
                    arrival,
                    ..packet.clone()
                }));
            }
            if packet.seq.is_multiple_of(7) {
                // Asked for again, twice.
                packet.arrival += 700_000;
            }
            out.push(Item::Rtp(packet));
        }
        let (about, rest) = out.split_at_mut(1);
        rest.sort_by_key(at);
        [about, rest].concat()
    };
    let film = film(&[
        of(Audio, late(SOUND.sends(0, 30 * SECOND, 0))),
        of(Video, late(PICTURES.sends(0, 30 * SECOND, 0))),
    ]);
    assert_eq!(film.notes, Vec::<String>::new());
    let tracks = shown(&film, "visitor.webm");
    assert_eq!((tracks[0].len(), tracks[1].len()), (500, 300));
    in_place(&tracks[0], SOUND.every);
    in_place(&tracks[1], PICTURES.every);
}

#[test]
fn before_a_camera_is_on_there_is_no_picture_of_it() {
    let film = film(&[
        of(Audio, SOUND.sends(0, 10 * SECOND, 0)),
        of(Video, PICTURES.sends(2 * SECOND, 10 * SECOND, 0)),
    ]);
    let visitor = film.files.iter().find(|file| file.name == "visitor.webm");
    let [(from, to)] = visitor.unwrap().still[..] else {
        panic!("{:?}", visitor.unwrap().still);
    };
    assert!(from <= 0 && (to - 2_000).abs() < 150, "{from} to {to}");
}

#[test]
fn the_film_of_who_came_three_seconds_late_begins_three_seconds_into_the_time_line() {
    let made = |who, began| {
        [Audio, Video].map(|what| {
            let items = capture("vp8-opus.rtp", what == Video, BEGAN + began);
            (who, what, vec![(1, items)])
        })
    };
    let sources = [made(0, 0), made(1, 3 * SECOND)].concat();
    let film = film(&sources);
    let of = |name: &str| film.files.iter().find(|file| file.name == name).unwrap();
    let (visitor, agent) = (of("visitor.webm"), of("agent.webm"));
    assert!(visitor.from.abs() < 100, "{}", visitor.from);
    assert!((agent.from - 3_000).abs() < 100, "{}", agent.from);
    assert!((agent.milliseconds - 11_000).abs() < 120);
    // As other tools see it.
    for start in starts(&bytes(&film, "agent.webm")) {
        assert!((start - 3_000).abs() < 150, "{start}");
    }
    let starts = starts(&bytes(&film, "call.webm"));
    assert!(
        starts[0] < 100 && (starts[2] - 3_000).abs() < 150,
        "{starts:?}"
    );
}

#[test]
fn who_goes_on_in_another_codec_has_a_film_of_each_that_other_tools_take() {
    let began = |at: i64| BEGAN + at * SECOND;
    let films = |what| {
        let sound = capture("vp8-opus.rtp", false, began(0));
        let before = capture("vp8-opus.rtp", true, began(0));
        let after = capture("h264.rtp", true, began(9));
        film(&[of(Audio, sound), (0, what, vec![(1, before), (2, after)])])
    };
    for (what, names) in [
        (Video, ["visitor.webm", "visitor-camera-2.mkv"]),
        (Screen, ["visitor-screen.webm", "visitor-screen-2.mkv"]),
    ] {
        let film = films(what);
        assert_eq!(film.notes, Vec::<String>::new());
        for (name, streams, ends) in [
            ("call.mkv", 3, 13_000),
            (names[0], 2, 8_000),
            (names[1], 2, 13_000),
        ] {
            let film = bytes(&film, name);
            let seen = looked_at_for("20M", name, &film);
            assert_eq!(seen.streams, streams, "{name}");
            assert!((seen.milliseconds - ends).abs() < 120, "{name}");
            let picture = starts(&film)[streams - 1];
            let began = if name == names[0] { 0 } else { 9_000 };
            assert!((picture - began).abs() < 150, "{name}: {picture}");
        }
    }
}

/// Pictures of this size as FFmpeg encodes them, ten a second.
fn encoded(size: &str) -> Vec<Bytes> {
    let source = format!("testsrc=size={size}:rate=10");
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &source, "-t", "2"])
        .args(["-c:v", "libvpx", "-f", "ivf", "-"])
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let mut rest = &out.stdout[32..];
    let mut pictures = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<12>() {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let (picture, after) = after.split_at(usize::try_from(length).unwrap());
        pictures.push([&[0x10], picture].concat().into());
        rest = after;
    }
    pictures
}

#[test]
fn pictures_that_change_their_size_in_mid_track_are_all_shown_in_their_own() {
    let pictures = [encoded("160x120"), encoded("320x240")].concat();
    assert_eq!(pictures.len(), 40);
    let mut items = PICTURES.sends(0, 4 * SECOND, 0);
    let mut encoded = pictures.into_iter();
    for item in &mut items {
        if let Item::Rtp(packet) = item {
            packet.payload = encoded.next().unwrap();
        }
    }
    let film = film(&[of(Video, items)]);
    assert_eq!(film.notes, Vec::<String>::new());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.webm");
    std::fs::write(&path, bytes(&film, "visitor.webm")).unwrap();
    let out = Command::new("ffprobe")
        .args(["-v", "warning", "-show_entries", "frame=width,height"])
        .args(["-of", "csv=p=0"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stderr), "");
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for line in String::from_utf8(out.stdout).unwrap().lines() {
        *sizes
            .entry(line.trim_end_matches(',').to_owned())
            .or_default() += 1;
    }
    let sizes: Vec<_> = sizes.iter().map(|(size, n)| (size.as_str(), *n)).collect();
    assert_eq!(sizes, [("160,120", 20), ("320,240", 20)]);
}

/// What happens to a packet: how many before it are lost, how late it comes, whether it comes twice,
/// and, seldom, whether the source begins anew with it.
type Fate = (u32, i64, bool, bool);

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = (
        prop_oneof![9 => Just(0_u32), 1 => 1_u32..80],
        prop_oneof![9 => 0_i64..30_000, 1 => 0_i64..3_000_000],
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.03),
    );
    proptest::collection::vec(fate, 2..250)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn whatever_befalls_its_packets_a_film_never_goes_back_and_holds_what_came_and_nothing_else(
        fates in fates(),
        drift in -400_i64..400,
        pictures in any::<bool>(),
        reports in any::<bool>(),
        time in any::<u32>(),
    ) {
        let (what, sender) = if pictures { (Video, PICTURES) } else { (Audio, SOUND) };
        let sender = Sender { wall: drift, media: drift, reports, time, ..sender };
        let made = sender.sends(0, sender.every * 20_000, 0);
        let mut items: Vec<Item> = vec![made[0].clone()];
        let mut came = BTreeMap::new();
        let (mut fates, mut streams) = (fates.into_iter(), 1);
        let mut next = fates.next();
        for item in made.into_iter().skip(1) {
            let mut packet = match item {
                Item::Rtp(packet) => packet,
                Item::Report(report) => {
                    items.push(Item::Report(Report { stream: streams, ..report }));
                    continue;
                }
                _ => continue,
            };
            let Some((lost, late, twice, anew)) = next.as_mut() else {
                break;
            };
            if *lost > 0 {
                *lost -= 1;
                continue;
            }
            let (late, twice, anew) = (*late, *twice, *anew);
            next = fates.next();
            if anew {
                streams += 1;
                if let Item::Stream(mut about) = items[0] {
                    about.number = streams;
                    items.push(Item::Stream(about));
                }
            }
            let number = packet.payload.last_chunk::<4>().unwrap();
            let number = u32::from_be_bytes(*number);
            packet.stream = streams;
            packet.arrival += late;
            came.insert(number, packet.payload.clone());
            if twice {
                let arrival = packet.arrival + 200_000;
                items.push(Item::Rtp(Packet { arrival, ..packet.clone() }));
            }
            items.push(Item::Rtp(packet));
        }
        let film = film(&[of(what, items)]);
        // Nothing of a source can be shown before its first key picture.
        if !came.keys().any(|number| !pictures || number.is_multiple_of(50)) {
            prop_assert!(film.files.is_empty());
            return Ok(());
        }
        let file = bytes(&film, "visitor.webm");
        let mut before = None;
        let mut shown = 0;
        for block in blocks(&file) {
            let number = u32::from_be_bytes(*block.payload.last_chunk::<4>().unwrap());
            let sent = &came[&number];
            // A descriptor of one byte comes off a picture.
            prop_assert_eq!(block.payload, &sent[usize::from(pictures)..]);
            prop_assert!(before.is_none_or(|(n, at)| n < number && at < block.at));
            before = Some((number, block.at));
            shown += 1;
        }
        // Every sound that came is heard.
        prop_assert!(pictures || shown == came.len());
    }
}

#[test]
fn a_camera_that_goes_while_it_pauses_is_missing_until_then_and_no_longer() {
    let second = |at: i64| BEGAN + at * SECOND;
    let missing = |resumed: Option<i64>, gaps: Vec<Gap>| {
        let sound = SOUND.sends(0, 60 * SECOND, 0);
        let mut pictures = PICTURES.sends(0, 10 * SECOND, 0);
        let cause = PauseCause::Unagreed;
        let at = second(10) + 100_000;
        pictures.push(Item::Pause { at, cause });
        pictures.extend(resumed.map(|at| Item::Resume { at }));
        let film = film_with_gaps(&[of(Audio, sound), of(Video, pictures)], gaps);
        let own = film.files.iter().find(|file| file.name == "visitor.webm");
        let [chapter] = own.unwrap().chapters.as_slice() else {
            panic!("{:?}", own.unwrap().chapters)
        };
        assert_eq!(chapter.from, at);
        chapter.to
    };
    let gap = |track, from, to| Gap {
        track: Some(track),
        from: Millis(second(from) / 1_000),
        to: Millis(second(to) / 1_000),
        cause: Cause::Unagreed,
    };
    // Of the camera, of the sound, and of the camera at another time.
    let gaps = || vec![gap(4, 10, 12), gap(3, 10, 20), gap(4, 30, 31)];
    assert_eq!(missing(None, gaps()), second(12), "turned off");
    assert_eq!(
        missing(Some(second(50)), gaps()),
        second(12),
        "another call's"
    );
    let exactly = second(11) + 400_000;
    assert_eq!(missing(Some(exactly), gaps()), exactly, "it went on");
    assert!(missing(None, Vec::new()) >= second(59), "nobody knows");
}

#[test]
fn what_never_came_into_the_record_is_a_chapter_and_what_the_batches_tell_is_told_once_and_exactly()
{
    let second = |at: i64| BEGAN + at * SECOND;
    let chapters = |lost: Option<(i64, i64)>, gaps: &[(u32, i64, i64)]| {
        let mut pictures = PICTURES.sends(0, 30 * SECOND, 0);
        pictures.extend(lost.map(|(from, to)| {
            Item::Lost(Lost {
                stream: 1,
                first: PICTURES.seq + 1_000,
                count: 1,
                from: BEGAN + from,
                to: BEGAN + to,
            })
        }));
        let gaps = gaps.iter().map(|(track, from, to)| Gap {
            track: Some(*track),
            from: Millis(second(*from) / 1_000),
            to: Millis(second(*to) / 1_000),
            cause: Cause::Lost,
        });
        let sound = SOUND.sends(0, 60 * SECOND, 0);
        let film = film_with_gaps(&[of(Audio, sound), of(Video, pictures)], gaps.collect());
        let [call, visitor] = film.files.as_slice() else {
            panic!("{}", film.files.len())
        };
        assert_eq!(call.chapters, visitor.chapters);
        let chapter = |chapter: &Chapter| {
            assert_eq!(chapter.text, "visitor camera: some of it never arrived");
            (chapter.from - BEGAN, chapter.to - BEGAN)
        };
        call.chapters.iter().map(chapter).collect::<Vec<_>>()
    };
    let whole = |from: i64, to: i64| (from * SECOND, to * SECOND);
    // Of a track that plays in no file nothing is said.
    assert_eq!(chapters(None, &[(4, 20, 25), (9, 2, 5)]), [whole(20, 25)]);
    let told = (12_200_000, 14_400_000);
    assert_eq!(chapters(Some(told), &[(4, 12, 15)]), [told]);
    assert_eq!(
        chapters(Some(told), &[(4, 5, 7), (4, 12, 15)]),
        [whole(5, 7), told]
    );
    // The relay joins what touches.
    assert_eq!(
        chapters(Some(told), &[(4, 12, 20)]),
        [(told.0, 20 * SECOND)]
    );
    assert_eq!(chapters(Some(told), &[(4, 5, 15)]), [(5 * SECOND, told.1)]);
}
