//! Calls: what was sealed is what plays, and what is missing is said and not filled in.

mod breaks;
mod clocks;
mod made;
mod tricks;

use std::collections::BTreeMap;
use std::process::Command;

use bytes::Bytes;
use proptest::prelude::*;
use proto::notice::Modality;
use proto::{ParticipantId, RecordingId};
use recorder::bundle::verify;
use recorder::media::{Rendition, Track, render};
use seal::manifest::Manifest;
use seal::media::{Item, Lost};

use crate::bundle::unpack;
use crate::call::{at, batches, capture, files, muted, track};
use crate::house::{House, START};

const BEGAN: i64 = START * 1_000;

#[tokio::test]
async fn a_call_that_was_exported_plays_and_verifies_and_other_tools_find_nothing_wrong() {
    let mut house = House::new().await;
    let mut talk = house.begin().await;
    talk.say(&house, "I call you").await;
    talk.call(&house).await;
    talk.end(&house).await;
    let pass = house.intake().await;
    assert_eq!(pass.kept, [(talk.recording, vec![])]);

    let (bundle, exported) = house.export(talk.recording).await;
    assert_eq!(exported.damage, []);
    let report = verify::bundle(bundle.as_slice(), None).await;
    assert_eq!(report.wrong, Vec::<String>::new());
    let said = report.good.join("\n");
    assert!(
        said.contains("media: 3 files, each byte for byte"),
        "{said}"
    );
    assert!(said.contains("agent sound"), "{said}");

    let unpacked = unpack(&bundle);
    let files = files(&unpacked);
    let names: Vec<_> = files.keys().copied().collect();
    assert_eq!(names, ["agent.webm", "call.webm", "visitor.webm"]);
    let page = crate::bundle::text(&unpacked, "data/transcript.html");
    let root = crate::bundle::root(&unpacked);
    assert!(page.contains("call.webm: visitor sound, visitor camera, agent sound"));

    // Milliseconds by the capture: eight seconds, the agent's three later.
    for (name, long, streams) in [
        ("visitor.webm", 8_000, 2),
        ("agent.webm", 11_000, 2),
        ("call.webm", 11_000, 4),
    ] {
        let seen = looked_at(name, files[name]);
        assert_eq!(seen.streams, streams, "{name}");
        assert!(
            (seen.milliseconds - long).abs() < 120,
            "{name}: {}",
            seen.milliseconds
        );
    }
    // An altered, a missing and an added file are found.
    for change in ["altered", "missing", "added"] {
        let mut files = unpacked.clone();
        let name = &format!("{root}/data/media/agent.webm");
        match change {
            "altered" => *files.get_mut(name).unwrap().last_mut().unwrap() ^= 1,
            "missing" => drop(files.remove(name)),
            _ => drop(files.insert(name.replace("agent", "other"), vec![1])),
        }
        crate::bundle::fit_checksums(&mut files);
        let report = verify::bundle(crate::bundle::pack(&files).as_slice(), None).await;
        let found = report.wrong.iter().any(|wrong| wrong.starts_with("media/"));
        assert!(found, "{change}: {:?}", report.wrong);
    }
}

/// What other people's tools say of a file.
struct Seen {
    streams: usize,
    milliseconds: i64,
}

fn looked_at(name: &str, bytes: &[u8]) -> Seen {
    looked_at_for("5M", name, bytes)
}

/// FFmpeg looks for pictures so many microseconds into a file, by itself five seconds. Of H.264 that begins
/// later it says so, also in its own files; of VP8 it does not.
fn looked_at_for(long: &str, name: &str, bytes: &[u8]) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let out = Command::new(program)
            .args(arguments)
            .output()
            .unwrap_or_else(|e| panic!("{program}: {e} (scripts/setup installs it)"));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (said, complained) = (text(out.stdout), text(out.stderr));
        assert!(
            out.status.success() && complained.is_empty(),
            "{name}: {program}: {complained}"
        );
        said
    };
    let path = path.to_str().unwrap();
    run(
        "ffmpeg",
        &[
            "-v",
            "warning",
            "-analyzeduration",
            long,
            "-i",
            path,
            "-map",
            "0",
            "-f",
            "null",
            "-",
        ],
    );
    let shown = run("mkvinfo", &["--all", path]).to_lowercase();
    for line in shown.lines() {
        let odd = ["warning", "error", "unknown"]
            .iter()
            .any(|odd| line.contains(odd));
        assert!(!odd, "{name}: mkvinfo: {line}");
    }
    let probe = |what: &str| {
        let look = ["-v", "error", "-analyzeduration", long];
        let list = ["-show_entries", what, "-of", "csv=p=0", path];
        run("ffprobe", &[&look[..], &list].concat())
    };
    let seconds: f64 = probe("format=duration").trim().parse().unwrap();
    Seen {
        streams: probe("stream=codec_name").split_whitespace().count(),
        #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
        milliseconds: (seconds * 1_000.0) as i64,
    }
}

#[test]
fn a_screen_in_h264_becomes_a_matroska_file_that_other_tools_take() {
    let (manifest, [visitor, _]) = manifest();
    let tracks = [
        track(
            3,
            visitor,
            Modality::Audio,
            &capture("h264.rtp", false, BEGAN),
        ),
        track(
            4,
            visitor,
            Modality::Screen,
            &capture("h264.rtp", true, BEGAN),
        ),
    ];
    let rendition = render(&manifest, &tracks);
    assert_eq!(rendition.notes, Vec::<String>::new());
    assert_eq!(
        names(&rendition),
        ["call.mkv", "visitor.webm", "visitor-screen.mkv"]
    );
    for file in &rendition.files {
        let seen = looked_at(&file.name, &bytes(&rendition, &file.name));
        assert!(
            (seen.milliseconds - 4_000).abs() < 120,
            "{}",
            seen.milliseconds
        );
    }
}

#[test]
fn packets_in_any_order_and_twice_make_the_same_file() {
    let (manifest, [visitor, _]) = manifest();
    let items = capture("vp8-opus.rtp", true, BEGAN);
    let straight = render(&manifest, &[track(3, visitor, Modality::Video, &items)]);
    let mut shuffled = items.clone();
    for place in (1..shuffled.len() - 3).step_by(5) {
        shuffled.swap(place, place + 2);
        let again = shuffled[place].clone();
        shuffled.insert(place + 3, again);
    }
    // Not by their arrival: each keeps its own.
    let crooked = render(&manifest, &[track(3, visitor, Modality::Video, &shuffled)]);
    assert_eq!(crooked.notes, Vec::<String>::new());
    assert!(bytes(&straight, "call.webm") == bytes(&crooked, "call.webm"));
}

#[test]
fn a_picture_that_is_not_whole_is_left_out_with_those_that_build_on_it_and_the_place_is_named() {
    let (manifest, [visitor, _]) = manifest();
    let items = capture("vp8-opus.rtp", true, BEGAN);
    let packets: Vec<_> = items.iter().filter_map(packet).collect();
    let whole = track(3, visitor, Modality::Video, &items);
    let all = render(&manifest, &[whole]);
    // One packet of the tenth picture: the next key picture comes after three seconds.
    let gone = packets[packets.len() / 12].clone();
    let mut less: Vec<Item> = items.clone();
    less.retain(|item| packet(item).is_none_or(|p| p.seq != gone.seq));
    less.push(Item::Lost(Lost {
        stream: 1,
        first: gone.seq,
        count: 1,
        from: gone.arrival - 60_000,
        to: gone.arrival + 60_000,
    }));
    let hurt = render(&manifest, &[track(3, visitor, Modality::Video, &less)]);
    let [note] = hurt.notes.as_slice() else {
        panic!("{:?}", hurt.notes);
    };
    assert!(note.starts_with("visitor camera: "), "{note}");
    assert!(
        note.ends_with("pictures left out: not whole, or built on one that is not"),
        "{note}"
    );
    let file = &hurt.files[0];
    assert_eq!(file.chapters.len(), 1);
    assert_eq!(
        file.chapters[0].text,
        "visitor camera: some of it never arrived"
    );
    assert!(bytes(&hurt, "call.webm").len() < bytes(&all, "call.webm").len());
    // What is left decodes without a complaint, and is as long as before.
    let seen = looked_at("call.webm", &bytes(&hurt, "call.webm"));
    assert!(
        (seen.milliseconds - 8_000).abs() < 120,
        "{}",
        seen.milliseconds
    );
}

#[test]
fn sound_and_picture_of_one_person_fit_however_late_the_pictures_arrived() {
    let (manifest, [visitor, _]) = manifest();
    let sound = capture("vp8-opus.rtp", false, BEGAN);
    let mut ends = Vec::new();
    for late in [0, 180_000] {
        let picture = capture("vp8-opus.rtp", true, BEGAN + late);
        let tracks = [
            track(3, visitor, Modality::Audio, &sound),
            track(4, visitor, Modality::Video, &picture),
        ];
        let rendition = render(&manifest, &tracks);
        ends.push(starts(&bytes(&rendition, "call.webm")));
    }
    // Each track's first time: the reports say that they were made together.
    let [on_time, late] = ends.as_slice() else {
        panic!();
    };
    assert!(
        (on_time[1] - on_time[0] - (late[1] - late[0])).abs() <= 5,
        "{ends:?}"
    );
}

/// The first time of each track in a file, in milliseconds.
fn starts(bytes: &[u8]) -> Vec<i64> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.webm");
    std::fs::write(&path, bytes).unwrap();
    let out = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "packet=stream_index,pts_time",
        ])
        .args(["-of", "csv=p=0"])
        .arg(&path)
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let mut first = BTreeMap::new();
    for line in text.lines() {
        let (stream, time) = line.trim_end_matches(',').split_once(',').unwrap();
        let seconds: f64 = time.parse().unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
        let milliseconds = (seconds * 1_000.0).round() as i64;
        first.entry(stream.to_owned()).or_insert(milliseconds);
    }
    first.into_values().collect()
}

#[test]
fn a_muted_time_is_a_chapter_and_the_rest_stays_where_it_was() {
    let (manifest, [visitor, _]) = manifest();
    let items = capture("vp8-opus.rtp", false, BEGAN);
    let items = muted(items, BEGAN + 2_000_000, BEGAN + 4_000_000);
    let rendition = render(&manifest, &[track(3, visitor, Modality::Audio, &items)]);
    let file = &rendition.files[0];
    let [chapter] = file.chapters.as_slice() else {
        panic!("{:?}", file.chapters);
    };
    assert_eq!(chapter.text, "visitor sound: muted");
    assert_eq!(
        (chapter.from, chapter.to),
        (BEGAN + 2_000_000, BEGAN + 4_000_000)
    );
    assert!(
        (file.milliseconds - 8_000).abs() < 120,
        "{}",
        file.milliseconds
    );
}

fn packet(item: &Item) -> Option<&seal::media::Packet<Bytes>> {
    match item {
        Item::Rtp(packet) => Some(packet),
        _ => None,
    }
}

/// A recording with a visitor and an agent.
fn manifest() -> (Manifest, [ParticipantId; 2]) {
    let text = include_str!("../../../fixtures/seal/manifest.json");
    let vector: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut manifest: Manifest =
        serde_json::from_str(vector["payload_text"].as_str().unwrap()).unwrap();
    manifest.recording = RecordingId::from_bytes([7; 16]);
    let visitor = manifest.participants[0].participant;
    let agent = ParticipantId::from_bytes([8; 16]);
    let mut second = manifest.participants[0].clone();
    second.participant = agent;
    second.role = proto::event::Role::Agent;
    manifest.participants.push(second);
    (manifest, [visitor, agent])
}

fn names(rendition: &Rendition) -> Vec<&str> {
    rendition.files.iter().map(|f| f.name.as_str()).collect()
}

fn bytes(rendition: &Rendition, name: &str) -> Vec<u8> {
    let file = rendition.files.iter().find(|f| f.name == name).unwrap();
    file.bytes.pieces().flatten().copied().collect()
}

/// The batches of the captures, whole.
fn seeds() -> Vec<(Modality, Vec<Vec<u8>>)> {
    [
        ("vp8-opus.rtp", false, Modality::Audio),
        ("vp8-opus.rtp", true, Modality::Video),
        ("h264.rtp", true, Modality::Screen),
    ]
    .into_iter()
    .map(|(name, picture, what)| (what, batches(&capture(name, picture, BEGAN))))
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_plaintext_however_altered_stops_the_opener(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..60),
    ) {
        let (manifest, [visitor, _]) = manifest();
        let mut tracks = Vec::new();
        for (place, (what, mut parts)) in seeds().into_iter().enumerate() {
            for (part, at, to) in &changes {
                let altered: &mut Vec<u8> = part.get_mut(&mut parts);
                *at.get_mut(altered.as_mut_slice()) = *to;
            }
            let number = 3 + u32::try_from(place).unwrap();
            let mut track = Track::new(number, visitor, what);
            for part in parts {
                let _ = track.part(1, part.into());
            }
            track.finish();
            tracks.push(track);
        }
        let rendition = render(&manifest, &tracks);
        for file in &rendition.files {
            prop_assert!(!file.bytes.is_empty());
            let _ = file.bytes.range(5..50).count();
        }
    }

    #[test]
    fn no_packets_however_odd_stop_the_opener(
        packets in proptest::collection::vec(
            (any::<i64>(), any::<u32>(), any::<u32>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..20)),
            1..40,
        ),
        reports in proptest::collection::vec((any::<i64>(), any::<u64>(), any::<u32>()), 0..5),
        codec in 1_u8..5,
        clock_rate in any::<u32>(),
    ) {
        let (manifest, [visitor, _]) = manifest();
        let mut track = Track::new(3, visitor, Modality::Video);
        let mut writer = seal::media::BatchWriter::new(64 << 10);
        let about = seal::media::Stream {
            number: 1,
            codec: seal::media::Codec::from_number(codec),
            clock_rate,
            channels: 9,
        };
        for (arrival, seq, time, marker, payload) in packets {
            writer.stream(arrival, &about).unwrap();
            writer.rtp(&seal::media::Packet { stream: 1, arrival, seq, time, marker, payload }).unwrap();
            track.part(1, writer.take().unwrap().to_vec().into()).unwrap();
        }
        for (arrival, ntp, time) in reports {
            writer.report(&seal::media::Report { stream: 1, arrival, ntp, time }).unwrap();
            track.part(1, writer.take().unwrap().to_vec().into()).unwrap();
        }
        track.finish();
        let _ = render(&manifest, &[track]);
    }
}

#[test]
fn the_times_of_a_capture_are_read_in_order() {
    // The captures hold what the tests say of them.
    for (name, picture) in [
        ("vp8-opus.rtp", false),
        ("vp8-opus.rtp", true),
        ("h264.rtp", true),
    ] {
        let items = capture(name, picture, BEGAN);
        let times: Vec<_> = items.iter().filter_map(at).collect();
        assert!(times.is_sorted() && times.len() > 50, "{name}");
    }
}
