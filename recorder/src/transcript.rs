//! The transcript of an opened chat: JSON Lines for machines, one page for people.

use std::collections::BTreeMap;

use askama::Template;
use data_encoding::BASE64;
use proto::call::{CallEvent, OverReason, Refusal};
use proto::event::{ChatEvent, LeaveReason, Role};
use proto::notice::Modality;
use proto::{CaseId, EpochNo, Hash32, Millis, ParticipantId, RecordingId, TrackNo};
use seal::PartHeader;
use seal::manifest::{Ending, Gap, Manifest};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::bundle::names;
use crate::clock::{shown, shown_exactly};
use crate::inspect::Finding;
use crate::media::render::{self, why};
use crate::terminal::{escape, is_misleading};

/// One opened part. Holds what somebody said: no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Place in the conversation.
    pub n: u64,
    /// RFC 3339 with milliseconds.
    pub time: String,
    /// The sender's track.
    pub track: TrackNo,
    /// The key epoch.
    pub epoch: EpochNo,
    /// Sequence number within the track.
    pub seq: u64,
    /// SHA-256 of the sealed part that this line was opened from.
    pub part: Hash32,
    /// Whose track it is.
    pub participant: ParticipantId,
    /// The plaintext, exactly.
    pub event: ChatEvent,
}

impl Line {
    /// What a part was opened to.
    pub fn new(
        header: &PartHeader,
        part: Hash32,
        participant: ParticipantId,
        event: ChatEvent,
    ) -> Self {
        Self {
            n: event.n(),
            time: Self::time(&event),
            track: header.track,
            epoch: header.epoch,
            seq: header.seq,
            part,
            participant,
            event,
        }
    }

    /// When it happened.
    pub fn at(event: &ChatEvent) -> Millis {
        match event {
            ChatEvent::Joined { at, .. }
            | ChatEvent::Said { at, .. }
            | ChatEvent::Left { at, .. }
            | ChatEvent::Asked { at, .. }
            | ChatEvent::Noted { at, .. }
            | ChatEvent::Ended { at, .. } => *at,
        }
    }

    /// RFC 3339 with milliseconds.
    pub fn time(event: &ChatEvent) -> String {
        shown_exactly(Self::at(event))
    }
}

/// Puts the lines of all tracks into the order of the conversation.
pub fn sort(lines: &mut [Line]) {
    lines.sort_by_key(|line| (line.n, line.track));
}

/// What is said if sorted lines do not count 1, 2, 3 …
pub fn miscounted(lines: &[Line]) -> Option<Finding> {
    let counted = lines.iter().zip(1..).all(|(line, n)| line.n == n);
    (!counted).then(|| {
        Finding::file(
            names::LINES,
            "the events of the tracks do not count up without a gap",
        )
    })
}

/// JSON Lines, in the order of the conversation.
pub fn jsonl(lines: &[Line]) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut out, line)?;
        out.push(b'\n');
    }
    Ok(out)
}

/// For a terminal: a line each, in the words of the page.
pub fn plain(lines: &[Line], manifest: &Manifest) -> Vec<String> {
    let people = people(lines, manifest);
    let plain = |line: &Line| {
        let (name, role) = who(line, &people);
        let what = match &line.event {
            ChatEvent::Said { text, .. } => text.as_str(),
            other => &note(other),
        };
        format!(
            "{:>4}  {}  {role:<7}  {}  {}",
            line.n,
            line.time,
            escape(&name),
            escape(what)
        )
    };
    lines.iter().map(plain).collect()
}

/// What the page says besides the conversation.
#[derive(Clone)]
pub struct Heading<'a> {
    /// The controller.
    pub client: &'a str,
    /// The case that it was opened for.
    pub case: CaseId,
    /// Its reference.
    pub reference: &'a str,
    /// When it was opened.
    pub opened: Millis,
    /// What could not be opened.
    pub damage: &'a [String],
    /// The files that play, in words.
    pub media: &'a [String],
}

/// The page. Nothing in it can run or load anything.
pub fn page(
    lines: &[Line],
    manifest: &Manifest,
    heading: &Heading<'_>,
) -> Result<String, askama::Error> {
    let page = Page {
        style: STYLE,
        style_hash: BASE64.encode(&Sha256::digest(STYLE)),
        client: escape(heading.client),
        recording: manifest.recording,
        session: manifest.session.to_string(),
        case: heading.case,
        reference: heading.reference,
        opened: shown(heading.opened),
        started: shown(manifest.started),
        ended: shown(manifest.ended),
        ending: ending(&manifest.ending),
        gaps: gaps(manifest),
        media: heading.media.to_vec(),
        keep_min: shown(manifest.policy.keep_min),
        keep_max: shown(manifest.policy.keep_max),
        damage: heading.damage.iter().map(|what| escape(what)).collect(),
        rows: rows(lines, manifest),
    };
    page.render()
}

/// An ending in words.
pub fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Clean { .. } => "ended by a participant; every track is complete".to_owned(),
        Ending::Abandoned {} => "nobody came back; nothing is missing before that".to_owned(),
        Ending::Expired {} => {
            "it had lasted as long as a conversation may; nothing is missing before that".to_owned()
        }
        Ending::Truncated { cause, places } => {
            let places: Vec<String> = places
                .iter()
                .map(|p| format!("track {} after part {}", p.track, p.seq))
                .collect();
            format!("breaks off ({}): {}", why(*cause), places.join(", "))
        }
    }
}

/// The times in which it was not recorded, each in words.
pub fn gaps(manifest: &Manifest) -> Vec<String> {
    let gap = |gap: &Gap| {
        let of = gap.track.map_or_else(String::new, |number| {
            format!("{}: ", track(manifest, number))
        });
        format!(
            "{of}{} to {}: {}",
            shown(gap.from),
            shown(gap.to),
            why(gap.cause)
        )
    };
    manifest.gaps.iter().map(gap).collect()
}

/// A track in words: whose it is, and what.
pub fn track(manifest: &Manifest, number: TrackNo) -> String {
    let track = manifest.tracks.iter().find(|track| track.track == number);
    track.map_or_else(
        || format!("track {number}"),
        |track| {
            format!(
                "track {number}, {} {}",
                render::person(manifest, track.participant),
                render::kind(track.modality)
            )
        },
    )
}

const STYLE: &str = include_str!("../templates/transcript.css");

#[derive(Template)]
#[template(path = "transcript.html")]
struct Page<'a> {
    style: &'a str,
    style_hash: String,
    client: String,
    recording: RecordingId,
    session: String,
    case: CaseId,
    reference: &'a str,
    opened: String,
    started: String,
    ended: String,
    ending: String,
    gaps: Vec<String>,
    media: Vec<String>,
    keep_min: String,
    keep_max: String,
    damage: Vec<String>,
    rows: Vec<Row>,
}

/// One line of a page.
pub(crate) struct Row {
    pub(crate) n: u64,
    pub(crate) at: Millis,
    pub(crate) time: String,
    pub(crate) clock: String,
    pub(crate) who: Vec<Piece>,
    pub(crate) role: &'static str,
    pub(crate) said: Option<Vec<Piece>>,
    pub(crate) note: String,
    pub(crate) place: String,
}

/// A run of text, or the name of one character that is not shown as itself.
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) sign: bool,
}

/// What somebody wrote, with every character named that would turn a line around, move what follows
/// or show nothing. `kept` are those that are meant.
fn pieces(text: &str, kept: &[char]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for c in text.chars() {
        if is_misleading(c) && !kept.contains(&c) {
            pieces.push(Piece {
                text: format!("U+{:04X}", u32::from(c)),
                sign: true,
            });
        } else if let Some(Piece { text, sign: false }) = pieces.last_mut() {
            text.push(c);
        } else {
            pieces.push(Piece {
                text: c.to_string(),
                sign: false,
            });
        }
    }
    pieces
}

/// Of several lines; what joins letters and small pictures belongs to how they are written.
const SAID: &[char] = &['\n', '\t', '\u{200c}', '\u{200d}'];
/// Of one line.
const NAME: &[char] = &['\u{200c}', '\u{200d}'];

fn people(lines: &[Line], manifest: &Manifest) -> BTreeMap<ParticipantId, (String, Role)> {
    let mut names: BTreeMap<_, _> = manifest
        .participants
        .iter()
        .map(|p| (p.participant, (String::new(), p.role)))
        .collect();
    for line in lines {
        if let ChatEvent::Joined {
            participant,
            role,
            name,
            ..
        } = &line.event
        {
            names.insert(*participant, (name.clone(), *role));
        }
    }
    names
}

/// What somebody is called, by their id where they have no name, and what they are.
fn who(line: &Line, people: &BTreeMap<ParticipantId, (String, Role)>) -> (String, &'static str) {
    let (name, role) = people
        .get(&line.participant)
        .map_or(("", Role::Visitor), |(name, role)| (name.as_str(), *role));
    let name = if name.is_empty() {
        line.participant.to_string()
    } else {
        name.to_owned()
    };
    let role = match role {
        Role::Visitor => "visitor",
        Role::Agent => "agent",
    };
    (name, role)
}

/// What happened, in words; nothing where something was said.
fn note(event: &ChatEvent) -> String {
    let words = match event {
        ChatEvent::Said { .. } => "",
        ChatEvent::Joined { .. } => "joined",
        ChatEvent::Left { reason, .. } => match reason {
            LeaveReason::Left => "left",
            LeaveReason::Transferred => "left after handing over",
            LeaveReason::Gone => "did not come back",
            LeaveReason::Expired => "was here when the conversation had lasted as long as one may",
        },
        ChatEvent::Asked { handover: true, .. } => "handed the conversation on",
        ChatEvent::Asked { .. } => "asked a colleague in",
        ChatEvent::Noted { what, .. } => return noted(*what),
        ChatEvent::Ended { .. } => "ended the conversation",
    };
    words.to_owned()
}

/// What happened in or about a call, in words.
fn noted(what: CallEvent) -> String {
    let all = |modality| match modality {
        Modality::Chat => "the chat",
        Modality::Audio => "sound",
        Modality::Video => "cameras",
        Modality::Screen => "screens",
    };
    // What is turned on and off is the device.
    let named = |modality| match modality {
        Modality::Chat => "the chat",
        Modality::Audio => "the microphone",
        Modality::Video => "the camera",
        Modality::Screen => "the screen",
    };
    match what {
        CallEvent::Agreed { modality } => format!("agreed to {}", all(modality)),
        CallEvent::Withdrew { modality } => format!("withdrew consent to {}", all(modality)),
        CallEvent::Rang {} => "called".to_owned(),
        CallEvent::JoinedCall {} => "joined the call".to_owned(),
        CallEvent::LeftCall {} => "left the call".to_owned(),
        CallEvent::Declined { reason } => match reason {
            Refusal::Declined => "did not take the call",
            Refusal::Busy => "was busy in another call",
            Refusal::NoPermission => "could not take the call: no permission for a microphone",
            Refusal::NoDevice => "could not take the call: no microphone",
        }
        .to_owned(),
        CallEvent::Added { kind } => format!("turned on {}", named(kind)),
        CallEvent::Removed { kind } => format!("turned off {}", named(kind)),
        CallEvent::Muted { kind, on: true } => format!("muted {}", named(kind)),
        CallEvent::Muted { kind, on: false } => format!("unmuted {}", named(kind)),
        CallEvent::Held { on: true } => "put the call on hold".to_owned(),
        CallEvent::Held { on: false } => "took the call off hold".to_owned(),
        CallEvent::CallOver { reason, lasted_ms } => {
            let seconds = lasted_ms / 1000;
            let lasted = format!("{}:{:02}", seconds / 60, seconds % 60);
            let why = match reason {
                OverReason::HungUp => "somebody hung up",
                OverReason::Declined => "it was not taken",
                OverReason::Busy => "busy in another call",
                OverReason::NoAnswer => "nobody answered",
                OverReason::NoPermission => "no permission for a microphone",
                OverReason::NoDevice => "no microphone",
                OverReason::Gone => "a connection was lost",
                OverReason::Withdrawn => "consent to sound was withdrawn",
                OverReason::RecordingUnavailable => "it could not be recorded",
                OverReason::MediaUnavailable => "it could not be carried",
                OverReason::SessionEnded => "the conversation ended",
            };
            format!("the call ended after {lasted}: {why}")
        }
    }
}

/// Every line as a page shows it.
pub(crate) fn rows(lines: &[Line], manifest: &Manifest) -> Vec<Row> {
    let people = people(lines, manifest);
    lines.iter().map(|line| row(line, &people)).collect()
}

fn row(line: &Line, people: &BTreeMap<ParticipantId, (String, Role)>) -> Row {
    let (name, role) = who(line, people);
    let said = match &line.event {
        ChatEvent::Said { text, .. } => Some(pieces(text, SAID)),
        _ => None,
    };
    let clock = line
        .time
        .split_once('T')
        .map_or("", |(_, clock)| clock)
        .chars()
        .take(8)
        .collect();
    Row {
        n: line.n,
        at: Line::at(&line.event),
        time: line.time.clone(),
        clock,
        who: pieces(&name, NAME),
        role,
        said,
        note: note(&line.event),
        place: format!(
            "track {}, epoch {}, part {} · {}",
            line.track, line.epoch, line.seq, line.part
        ),
    }
}
