//! Which source goes into which file, what the files are called, and what is said of them.
//!
//! One file for each person: their sound and camera; another one where they showed their screen, or
//! their codec changed; and one of the whole call with every source a track. All have one time line.

use proto::event::Role;
use proto::notice::Modality;
use proto::{Millis, ParticipantId, RecordingId, TrackNo};
use seal::manifest::{Cause, Manifest};
use seal::media::{Codec, PauseCause};

use super::depacketize::{Frames, frames};
use super::losses;
use super::mux::{Chapter, Source, mux};
use super::pauses;
use super::rope::Rope;
use super::silence;
use super::take::Track;
use super::timeline;
use crate::clock::shown_exactly;
use crate::terminal::count;

/// A picture stands no longer than this before the next, in µs; a screen that does not change is sent
/// once a second.
const STANDS: i64 = 3_000_000;

/// And nothing stands before the first: that may come so much later than a time line that begins with
/// its sound.
const BEGINS: i64 = 100_000;

/// A file that plays.
pub struct File {
    /// Its generated name, without folder.
    pub name: String,
    /// Its media type.
    pub mime: &'static str,
    /// Its tracks, in words.
    pub tracks: Vec<String>,
    /// Whether there is something to see in it.
    pub pictures: bool,
    /// When its first frame is, in milliseconds.
    pub from: i64,
    /// How long it is, in milliseconds.
    pub milliseconds: i64,
    /// What is missing in it, on its time line.
    pub chapters: Vec<Chapter>,
    /// From when to when there is no new picture in it, in milliseconds: it was turned off, or is missing.
    pub still: Vec<(i64, i64)>,
    /// Its bytes.
    pub bytes: Rope,
}

impl File {
    /// Its name, what it holds and how long, in words.
    pub fn described(&self) -> String {
        let seconds = self.milliseconds / 1_000;
        let minutes = seconds / 60;
        let long = match (minutes, seconds % 60) {
            (0, seconds) => format!("{seconds} s"),
            (minutes, seconds) => format!("{minutes} min {seconds} s"),
        };
        format!("{}: {}; {long}", self.name, self.tracks.join(", "))
    }
}

/// Everything of a call that plays. Holds what was said: no `Debug`.
#[derive(Default)]
pub struct Rendition {
    /// The files.
    pub files: Vec<File>,
    /// Where their time line begins: µs since the Unix epoch.
    pub zero: i64,
    /// What was left out, in words.
    pub notes: Vec<String>,
}

impl Rendition {
    /// What a page says of it: where the time line begins, the files, what was left out.
    pub fn described(&self) -> Vec<String> {
        if self.files.is_empty() && self.notes.is_empty() {
            return Vec::new();
        }
        let zero = shown_exactly(Millis(self.zero.div_euclid(1_000)));
        let begins = (!self.files.is_empty()).then(|| format!("all of them begin at {zero}"));
        let files = self.files.iter().map(File::described);
        files
            .chain(begins)
            .chain(self.notes.iter().cloned())
            .collect()
    }
}

/// What somebody is called in file and track names: `visitor`, `agent`, and with a number where
/// there are several.
pub fn person(manifest: &Manifest, participant: ParticipantId) -> String {
    let role = |role| match role {
        Role::Visitor => "visitor",
        Role::Agent => "agent",
    };
    let mut people = manifest.participants.iter();
    let Some(person) = people.find(|p| p.participant == participant) else {
        return "unknown".to_owned();
    };
    let alike = manifest
        .participants
        .iter()
        .filter(|p| p.role == person.role);
    let place = alike.clone().position(|p| p.participant == participant);
    if alike.count() < 2 {
        return role(person.role).to_owned();
    }
    format!("{}-{}", role(person.role), place.unwrap_or(0) + 1)
}

/// What a track holds, in a word.
pub fn kind(modality: Modality) -> &'static str {
    match modality {
        Modality::Chat => "chat",
        Modality::Audio => "sound",
        Modality::Video => "camera",
        Modality::Screen => "screen",
    }
}

/// A source that there is something of.
struct Found {
    participant: ParticipantId,
    modality: Modality,
    source: Source,
}

/// Puts everything together. `tracks` are the media tracks of the recording, opened and finished.
pub fn render(manifest: &Manifest, tracks: &[Track]) -> Rendition {
    put_together(manifest, tracks, |_| ())
}

/// The same for a browser, with silence where sound pauses.
pub fn render_to_play(manifest: &Manifest, tracks: &[Track]) -> Rendition {
    // Both were rounded down to whole seconds.
    let lasted = manifest.ended.0.saturating_sub(manifest.started.0);
    let lasted = lasted.saturating_add(1_000).saturating_mul(1_000);
    let mut left = silence::most(lasted);
    put_together(manifest, tracks, |source| {
        if source.codec == Codec::Opus {
            silence::fill(&mut source.frames, &mut left);
        }
    })
}

fn put_together(
    manifest: &Manifest,
    tracks: &[Track],
    mut prepare: impl FnMut(&mut Source),
) -> Rendition {
    let mut notes = Vec::new();
    let mut found = Vec::new();
    for participant in people(tracks) {
        found.extend(sources(manifest, tracks, participant, &mut notes));
    }
    for found in &mut found {
        prepare(&mut found.source);
    }
    let all: Vec<&Source> = found.iter().map(|found| &found.source).collect();
    let Some(first) = begins(&all) else {
        return Rendition {
            notes,
            ..Rendition::default()
        };
    };
    let zero = first.div_euclid(1_000).saturating_mul(1_000);
    let ends = all.iter().map(|source| source.end()).max();
    let mut rendition = Rendition {
        files: Vec::new(),
        zero,
        notes,
    };
    let mut add = |name: &str, of: Vec<&Source>| {
        let holds = |number: TrackNo| of.iter().any(|source| source.track == number);
        let chapters = chapters(manifest, tracks, ends.unwrap_or(zero), &holds);
        rendition.add(manifest.recording, name, &of, chapters);
    };
    add("call", all);
    for participant in people(tracks) {
        let person = person(manifest, participant);
        let own = |what: Modality| {
            let own = found
                .iter()
                .filter(move |found| (found.participant, found.modality) == (participant, what));
            own.map(|found| &found.source)
        };
        let with = |picture: Option<_>| own(Modality::Audio).chain(picture).collect();
        // A player shows one picture of a file.
        let mut cameras = own(Modality::Video);
        add(&person, with(cameras.next()));
        for (camera, number) in cameras.zip(2..) {
            add(&format!("{person}-camera-{number}"), with(Some(camera)));
        }
        let mut screens = own(Modality::Screen);
        if let Some(screen) = screens.next() {
            add(&format!("{person}-screen"), with(Some(screen)));
        }
        for (screen, number) in screens.zip(2..) {
            add(&format!("{person}-screen-{number}"), with(Some(screen)));
        }
    }
    rendition
}

impl Rendition {
    fn add(&mut self, recording: RecordingId, name: &str, of: &[&Source], chapters: Vec<Chapter>) {
        let zero = self.zero;
        let (Some(begins), Some(end)) = (begins(of), of.iter().map(|source| source.end()).max())
        else {
            return;
        };
        let web = of.iter().all(|source| source.codec != Codec::H264);
        let name = format!("{name}.{}", if web { "webm" } else { "mkv" });
        match mux(recording, &name, zero, of, &chapters) {
            Ok(bytes) => self.files.push(File {
                tracks: of.iter().map(|source| source.name.clone()).collect(),
                mime: if web {
                    "video/webm"
                } else {
                    "video/x-matroska"
                },
                pictures: of.iter().any(|source| source.codec != Codec::Opus),
                still: still(of, zero, end),
                from: begins.saturating_sub(zero) / 1_000,
                milliseconds: end.saturating_sub(zero) / 1_000,
                chapters,
                name,
                bytes,
            }),
            Err(error) => self
                .notes
                .push(format!("{name}: cannot be written: {error}")),
        }
    }
}

/// When the pictures of a file stand still, or none has come yet. A player shows the last one, or the
/// first, as if it were of then.
fn still(of: &[&Source], zero: i64, end: i64) -> Vec<(i64, i64)> {
    let pictures = of.iter().filter(|source| source.codec != Codec::Opus);
    let times = pictures.flat_map(|source| {
        let times = source.frames.frames.iter().map(|frame| frame.time);
        let first = times.clone().take(1).map(|first| (zero, first, BEGINS));
        let nexts = times.clone().skip(1).chain([end]);
        first.chain(times.zip(nexts).map(|(from, to)| (from, to, STANDS)))
    });
    times
        .filter(|(from, to, longest)| to.saturating_sub(*from) > *longest)
        .map(|(from, to, _)| ((from - zero) / 1_000, (to - zero) / 1_000))
        .collect()
}

/// What there is of one person, in the order of the tracks.
fn sources(
    manifest: &Manifest,
    tracks: &[Track],
    participant: ParticipantId,
    notes: &mut Vec<String>,
) -> Vec<Found> {
    let own: Vec<&Track> = tracks
        .iter()
        .filter(|t| t.participant == participant)
        .collect();
    let mut times = timeline::times(&own).into_iter();
    let mut found = Vec::new();
    for track in own {
        let name = format!("{} {}", person(manifest, participant), kind(track.modality));
        let mut by_codec: Vec<(Codec, u8, Frames)> = Vec::new();
        let mut held = 0;
        for stream in &track.streams {
            let times = times.next().unwrap_or_default();
            held += times.held;
            let frames = frames(stream, &times.at);
            match by_codec
                .iter_mut()
                .find(|(codec, ..)| *codec == stream.codec)
            {
                Some((_, _, before)) => before.append(frames),
                None => by_codec.push((stream.codec, stream.channels, frames)),
            }
        }
        for (codec, channels, frames) in by_codec {
            notes.extend(note(&name, codec, &frames));
            if !frames.frames.is_empty() {
                found.push(Found {
                    participant,
                    modality: track.modality,
                    source: Source {
                        name: name.clone(),
                        codec,
                        channels,
                        track: track.number,
                        frames,
                    },
                });
            }
        }
        if held > 0 {
            notes.push(format!(
                "{name}: {} put elsewhere than the sender's clock says: that is more than 3 s before they came, or 1 s after",
                packets(held)
            ));
        }
        if track.homeless > 0 {
            notes.push(format!(
                "{name}: {} of a stream that was never described",
                packets(track.homeless)
            ));
        }
    }
    found
}

fn packets(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "packet")
}

/// When the first frame is.
fn begins(sources: &[&Source]) -> Option<i64> {
    let frames = sources.iter().flat_map(|source| &source.frames.frames);
    frames.map(|frame| frame.time).min()
}

/// Whose tracks there are, each once, in the order of the tracks.
fn people(tracks: &[Track]) -> Vec<ParticipantId> {
    let mut people = Vec::new();
    for track in tracks {
        if !people.contains(&track.participant) {
            people.push(track.participant);
        }
    }
    people
}

fn note(name: &str, codec: Codec, frames: &Frames) -> Option<String> {
    if let Codec::Other(number) = codec {
        return Some(format!(
            "{name}: some of it is in codec {number}, which this version does not know"
        ));
    }
    (frames.left_out > 0).then(|| {
        format!(
            "{name}: {} left out: not whole, or built on one that is not",
            count(
                usize::try_from(frames.left_out).unwrap_or(usize::MAX),
                "picture"
            )
        )
    })
}

/// What is missing in a file, by time: of its own tracks, and of all.
fn chapters(
    manifest: &Manifest,
    tracks: &[Track],
    ends: i64,
    holds: &dyn Fn(TrackNo) -> bool,
) -> Vec<Chapter> {
    let mut chapters = Vec::new();
    for gap in manifest.gaps.iter().filter(|gap| gap.track.is_none()) {
        chapters.push(Chapter {
            from: gap.from.0.saturating_mul(1_000),
            to: gap.to.0.saturating_mul(1_000),
            text: format!("not recorded: {}", why(gap.cause)),
        });
    }
    for track in tracks.iter().filter(|track| holds(track.number)) {
        let name = format!(
            "{} {}",
            person(manifest, track.participant),
            kind(track.modality)
        );
        for (pause, to) in pauses::ended(manifest, track, ends) {
            let why = match pause.cause {
                PauseCause::Muted => "muted",
                PauseCause::Held => "on hold",
                PauseCause::Unagreed => "not recorded: not everyone agreed to it then",
                PauseCause::Away => "not recorded: the connection was gone",
            };
            chapters.push(Chapter {
                from: pause.from,
                to,
                text: format!("{name}: {why}"),
            });
        }
        let losses = losses::named(manifest, track).into_iter();
        chapters.extend(losses.map(|(from, to)| Chapter {
            from,
            to,
            text: format!("{name}: {}", why(Cause::Lost)),
        }));
    }
    chapters.sort();
    chapters
}

/// A cause in words.
pub fn why(cause: Cause) -> &'static str {
    match cause {
        Cause::Restart => "the relay stopped",
        Cause::DiskFull => "its disk was full",
        Cause::DiskFailed => "its disk failed",
        Cause::Damage => "the spool was damaged",
        Cause::Lost => "some of it never arrived",
        Cause::Muted => "muted",
        Cause::Held => "on hold",
        Cause::Away => "the connection was gone",
        // Not yet, or no more: which of the two is told by what was agreed to and withdrawn.
        Cause::Unagreed => "not everyone agreed to it then",
    }
}
