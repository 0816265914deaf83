//! What was recorded of whom, and what is missing of it and why: by the manifest alone, so that
//! nothing is opened for it.

use proto::Millis;
use seal::manifest::{Cause, Gap, Manifest, Participant, Track};
use store::{Recording, Tenant};

use crate::Recorder;
use crate::clock::span;
use crate::inspect::{Finding, Source as Place, Trust, statement};
use crate::media::render::why;
use crate::vault::MANIFEST;

/// One track, and for how long it does not hold what it should.
pub struct Source<'a> {
    /// What it is.
    pub track: &'a Track,
    /// Whose; `None`: nobody's whom the manifest names.
    pub person: Option<&'a Participant>,
    /// Milliseconds by cause: at most so long, for gaps are in whole seconds, rounded outwards.
    pub missing: Vec<(Cause, i64)>,
}

impl Source<'_> {
    /// "muted: 4 s; the connection was gone: 2 s"; empty where nothing is missing.
    pub fn missing_in_words(&self) -> String {
        let words = self.missing.iter();
        let words: Vec<String> = words
            .map(|(cause, ms)| format!("{}: {}", why(*cause), span(*ms)))
            .collect();
        words.join("; ")
    }
}

/// The tracks in order. What is missing of all of them is counted for none: who was on at that time
/// does not stand in the manifest.
pub fn sources(manifest: &Manifest) -> Vec<Source<'_>> {
    let source = |track| Source {
        track,
        person: person(manifest, track),
        missing: missing(manifest, track),
    };
    manifest.tracks.iter().map(source).collect()
}

/// Whose track it is.
pub fn person<'a>(manifest: &'a Manifest, track: &Track) -> Option<&'a Participant> {
    let mut people = manifest.participants.iter();
    people.find(|person| person.participant == track.participant)
}

fn missing(manifest: &Manifest, track: &Track) -> Vec<(Cause, i64)> {
    let own = manifest.gaps.iter();
    let mut own: Vec<&Gap> = own.filter(|gap| gap.track == Some(track.track)).collect();
    own.sort_by_key(|gap| gap.from);
    // Of each cause, up to when it is counted: gaps that were rounded may overlap.
    let mut counted: Vec<(Cause, i64, Millis)> = Vec::new();
    for gap in own {
        let place = counted.iter().position(|(cause, ..)| *cause == gap.cause);
        let place = place.unwrap_or(counted.len());
        if place == counted.len() {
            counted.push((gap.cause, 0, gap.from));
        }
        if let Some((_, ms, until)) = counted.get_mut(place) {
            let from = gap.from.max(*until);
            *ms = ms.saturating_add(gap.to.0.saturating_sub(from.0).max(0));
            *until = gap.to.max(*until);
        }
    }
    let counted = counted.into_iter();
    counted.map(|(cause, ms, _)| (cause, ms)).collect()
}

/// The manifest of a recording in the vault, or why it is not to be believed or read; `None` while
/// there is none yet.
pub async fn manifest(
    recorder: &Recorder,
    tenant: &Tenant,
    recording: &Recording,
    trust: &Trust,
) -> Option<Result<Manifest, Finding>> {
    recording.manifest?;
    let vault = Place::vault(&recorder.vault, tenant.id(), recording.id);
    let found = vault.envelope::<Manifest>(MANIFEST).await;
    let found = found.unwrap_or_else(|error| {
        tracing::error!(error = %error, "a manifest was not read");
        Err(Finding::file(MANIFEST, "cannot be read: the vault failed"))
    });
    Some(found.and_then(|(envelope, manifest)| {
        let wrong = statement::unbelievable(&envelope, &manifest, tenant.id(), recording.id, trust);
        wrong.map_or(Ok(manifest), |wrong| Err(Finding::manifest(wrong)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_that_two_gaps_share_is_counted_once_and_each_cause_for_itself() {
        let text = include_str!("../../fixtures/seal/manifest.json");
        let vector: serde_json::Value = serde_json::from_str(text).unwrap();
        let payload = vector["payload_text"].as_str().unwrap();
        let mut manifest: Manifest = serde_json::from_str(payload).unwrap();
        let number = manifest.tracks[0].track;
        let gap = |track, from: i64, to: i64, cause| Gap {
            track,
            ..Gap::within(Millis(from), Millis(to), cause)
        };
        manifest.gaps = vec![
            gap(Some(number), 7_200, 9_000, Cause::Muted),
            gap(Some(number), 1_900, 2_100, Cause::Lost),
            gap(Some(number), 2_500, 4_000, Cause::Lost),
            gap(Some(number), 2_600, 2_700, Cause::Lost),
            gap(None, 100_000, 900_000, Cause::Restart),
            gap(Some(number + 1), 100_000, 900_000, Cause::Away),
        ];
        let sources = sources(&manifest);
        assert_eq!(
            sources[0].missing_in_words(),
            "some of it never arrived: 3 s; muted: 2 s"
        );
        assert!(sources[0].person.is_some());
    }
}
