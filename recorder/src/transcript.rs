//! The transcript of an opened chat: JSON Lines for machines, one page for people.

use std::collections::BTreeMap;

use askama::Template;
use data_encoding::BASE64;
use proto::event::{ChatEvent, LeaveReason, Role};
use proto::{CaseId, EpochNo, Hash32, Millis, ParticipantId, RecordingId, TrackNo};
use seal::PartHeader;
use seal::manifest::{Ending, Manifest};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::bundle::names;
use crate::clock::{shown, shown_exactly};
use crate::inspect::Finding;

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
}

/// The page. Nothing in it can run or load anything.
pub fn page(
    lines: &[Line],
    manifest: &Manifest,
    heading: &Heading<'_>,
) -> Result<String, askama::Error> {
    let people = people(lines, manifest);
    let page = Page {
        style: STYLE,
        style_hash: BASE64.encode(&Sha256::digest(STYLE)),
        client: heading.client,
        recording: manifest.recording,
        session: manifest.session.to_string(),
        case: heading.case,
        reference: heading.reference,
        opened: shown(heading.opened),
        started: shown(manifest.started),
        ended: shown(manifest.ended),
        ending: ending(&manifest.ending),
        keep_min: shown(manifest.policy.keep_min),
        keep_max: shown(manifest.policy.keep_max),
        damage: heading.damage.to_vec(),
        rows: lines.iter().map(|line| row(line, &people)).collect(),
    };
    page.render()
}

/// An ending in words.
pub fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Clean { .. } => "ended by a participant; every track is complete".to_owned(),
        Ending::Abandoned {} => "nobody came back; nothing is missing before that".to_owned(),
        Ending::Truncated { places, .. } => {
            let places: Vec<String> = places
                .iter()
                .map(|p| format!("track {} after part {}", p.track, p.seq))
                .collect();
            format!("breaks off: {}", places.join(", "))
        }
    }
}

const STYLE: &str = include_str!("../templates/transcript.css");

#[derive(Template)]
#[template(path = "transcript.html")]
struct Page<'a> {
    style: &'a str,
    style_hash: String,
    client: &'a str,
    recording: RecordingId,
    session: String,
    case: CaseId,
    reference: &'a str,
    opened: String,
    started: String,
    ended: String,
    ending: String,
    keep_min: String,
    keep_max: String,
    damage: Vec<String>,
    rows: Vec<Row>,
}

/// One line of the page.
struct Row {
    n: u64,
    time: String,
    clock: String,
    who: String,
    role: &'static str,
    said: Option<String>,
    note: String,
    place: String,
}

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

fn row(line: &Line, names: &BTreeMap<ParticipantId, (String, Role)>) -> Row {
    let (name, role) = names
        .get(&line.participant)
        .map_or(("", Role::Visitor), |(name, role)| (name.as_str(), *role));
    let role = match role {
        Role::Visitor => "visitor",
        Role::Agent => "agent",
    };
    let (said, note) = match &line.event {
        ChatEvent::Said { text, .. } => (Some(text.clone()), String::new()),
        ChatEvent::Joined { .. } => (None, "joined".to_owned()),
        ChatEvent::Left { reason, .. } => (
            None,
            match reason {
                LeaveReason::Left => "left".to_owned(),
                LeaveReason::Transferred => "left after handing over".to_owned(),
                LeaveReason::Gone => "did not come back".to_owned(),
            },
        ),
        ChatEvent::Asked { handover: true, .. } => (None, "handed the session on".to_owned()),
        ChatEvent::Asked { .. } => (None, "asked a colleague in".to_owned()),
        ChatEvent::Ended { .. } => (None, "ended the session".to_owned()),
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
        time: line.time.clone(),
        clock,
        who: if name.is_empty() {
            line.participant.to_string()
        } else {
            name.to_owned()
        },
        role,
        said,
        note,
        place: format!(
            "track {}, epoch {}, part {} · {}",
            line.track, line.epoch, line.seq, line.part
        ),
    }
}
