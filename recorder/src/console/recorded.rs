//! What a recording holds of whom, and what is missing of it and why, as its manifest says.

use proto::Millis;
use seal::manifest::{Cause, Gap, Manifest, Participant, Track};

use super::agreed::Agreed;
use super::names::Names;
use super::shown::{When, count, span};
use super::trouble::capitalised;
use crate::media::render::{kind, why};
use crate::sources::{person, sources};

/// More times than this are folded away.
const SHOWN: usize = 20;

pub(super) struct Recorded {
    pub(super) sources: Vec<Held>,
    pub(super) gaps: Vec<Missing>,
    pub(super) counted: String,
    pub(super) folded: bool,
}

/// One source.
pub(super) struct Held {
    pub(super) who: String,
    pub(super) what: String,
    pub(super) parts: String,
    pub(super) whole: bool,
    pub(super) missing: String,
}

/// One time in which something is missing.
pub(super) struct Missing {
    pub(super) who: String,
    pub(super) what: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) long: String,
    pub(super) why: String,
}

impl Recorded {
    pub(super) fn of(manifest: &Manifest, agreed: &[Agreed], names: &Names, now: Millis) -> Self {
        let held = sources(manifest).into_iter().map(|source| Held {
            who: who(source.person, names),
            what: what(source.track),
            parts: parts(source.track),
            whole: source.track.ended,
            missing: source.missing_in_words(),
        });
        let missing = |gap: &Gap| {
            let track = manifest.tracks.iter().find(|t| gap.track == Some(t.track));
            Missing {
                who: track.map_or_else(
                    || "Everybody".to_owned(),
                    |track| who(person(manifest, track), names),
                ),
                what: track.map_or_else(|| "Everything".to_owned(), what),
                from: When::new(gap.from, now).exactly(),
                to: When::new(gap.to, now).exactly(),
                long: span(gap.to.0.saturating_sub(gap.from.0)),
                why: withdrew(gap, track, agreed).map_or_else(
                    || capitalised(why(gap.cause)),
                    |who| format!("{who} withdrew consent to it"),
                ),
            }
        };
        let mut gaps: Vec<&Gap> = manifest.gaps.iter().collect();
        gaps.sort_by_key(|gap| (gap.from, gap.to));
        Self {
            sources: held.collect(),
            counted: count(gaps.len(), "time"),
            folded: gaps.len() > SHOWN,
            gaps: gaps.into_iter().map(missing).collect(),
        }
    }
}

/// Who made it a gap by withdrawing: row and manifest have the same moment, in whole seconds.
fn withdrew<'a>(gap: &Gap, track: Option<&Track>, agreed: &'a [Agreed]) -> Option<&'a str> {
    let what = track.filter(|_| gap.cause == Cause::Unagreed)?.modality;
    let mut agreed = agreed.iter().filter(|agreed| agreed.modality == what);
    let found = agreed.find(|agreed| agreed.withdrawn == Some(gap.from))?;
    Some(&found.who)
}

fn who(person: Option<&Participant>, names: &Names) -> String {
    person.map_or_else(
        || "Nobody who was there".to_owned(),
        |person| names.person(person.role, person.staff),
    )
}

fn what(track: &Track) -> String {
    capitalised(kind(track.modality))
}

fn parts(track: &Track) -> String {
    count(usize::try_from(track.parts).unwrap_or(usize::MAX), "part")
}
