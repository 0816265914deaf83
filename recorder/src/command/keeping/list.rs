//! Recordings by their metadata: a line each, and, where it is asked for, what they hold of whom.

use proto::Millis;
use seal::manifest::Manifest;
use store::{Recording, RecordingFilter, Staff};

use super::super::{Answer, Search, staff_by_name};
use super::PAGE;
use crate::Recorder;
use crate::clock::shown;
use crate::error::Result;
use crate::inspect::Finding;
use crate::sources::{self, Source};
use crate::terminal::{count, escape};
use crate::transcript;

pub(in crate::command) async fn list(
    recorder: &Recorder,
    search: Search,
    answer: &Answer,
) -> Result<()> {
    let tenant = recorder.tenant(&search.client).await?;
    let agent = match &search.agent {
        Some(name) => Some(staff_by_name(&tenant, name).await?),
        None => None,
    };
    let filter = RecordingFilter {
        from: search.from.map(Millis),
        until: search.until.map(Millis),
        site: search.site,
        modality: search.modality,
        agent,
        session: search.session,
    };
    let known = if search.sources {
        Some((recorder.trust(&tenant).await?, tenant.staff().await?))
    } else {
        None
    };
    let (mut after, mut left) = (None, search.limit);
    while left > 0 {
        let page = tenant.recordings(&filter, after, left.min(PAGE)).await?;
        for recording in &page.recordings {
            let held = match &known {
                None => None,
                Some((trust, staff)) => {
                    let manifest = sources::manifest(recorder, &tenant, recording, trust).await;
                    Some(Held { manifest, staff })
                }
            };
            if search.json {
                let line = as_json(recording, held.as_ref()).to_string();
                answer.line(line).await?;
            } else {
                answer.line(as_line(recording)).await?;
                for line in held.iter().flat_map(Held::as_lines) {
                    answer.line(format!("    {line}")).await?;
                }
            }
            left = left.saturating_sub(1);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

/// What a recording holds of whom, as its manifest says; `None` while there is none.
struct Held<'a> {
    manifest: Option<Result<Manifest, Finding>>,
    staff: &'a [Staff],
}

impl Held<'_> {
    fn as_lines(&self) -> Vec<String> {
        match &self.manifest {
            None => vec!["what it holds is known when it is in the vault".to_owned()],
            Some(Err(finding)) => vec![format!("WRONG  {}", escape(&finding.to_string()))],
            Some(Ok(manifest)) => {
                let sources = sources::sources(manifest);
                let gaps = transcript::gaps(manifest);
                let sources = sources.iter().map(|source| self.line(manifest, source));
                let gaps = gaps.iter().map(|gap| format!("not recorded: {gap}"));
                sources.chain(gaps).collect()
            }
        }
    }

    /// "track 4, agent sound (Mia): 12 parts; not recorded, at most: muted: 2 s"
    fn line(&self, manifest: &Manifest, source: &Source<'_>) -> String {
        let staff = source.person.and_then(|person| person.staff);
        let staff = self.staff.iter().find(|known| Some(known.id) == staff);
        let name = staff.map_or_else(String::new, |staff| format!(" ({})", escape(&staff.name)));
        let parts = usize::try_from(source.track.parts).unwrap_or(usize::MAX);
        let ends = if source.track.ended { "" } else { ", cut off" };
        let missing = match source.missing_in_words() {
            words if words.is_empty() => String::new(),
            words => format!("; not recorded, at most: {words}"),
        };
        format!(
            "{}{name}: {}{ends}{missing}",
            transcript::track(manifest, source.track.track),
            count(parts, "part"),
        )
    }

    fn as_json(&self) -> [(&'static str, serde_json::Value); 3] {
        let (manifest, wrong) = match &self.manifest {
            None => (None, None),
            Some(Ok(manifest)) => (Some(manifest), None),
            Some(Err(finding)) => (None, Some(finding.to_string())),
        };
        let source = |source: Source<'_>| {
            serde_json::json!({
                "track": source.track.track,
                "participant": source.track.participant,
                "role": source.person.map(|person| person.role),
                "staff": source.person.and_then(|person| person.staff),
                "modality": source.track.modality,
                "parts": source.track.parts,
                "ended": source.track.ended,
            })
        };
        let sources = manifest.map(|manifest| -> Vec<_> {
            sources::sources(manifest).into_iter().map(source).collect()
        });
        [
            ("sources", serde_json::json!(sources)),
            ("gaps", serde_json::json!(manifest.map(|m| &m.gaps))),
            ("wrong", serde_json::json!(wrong)),
        ]
    }
}

fn ending(recording: &Recording) -> &'static str {
    match recording.ending {
        store::Ending::Open => "running",
        store::Ending::Clean => "clean",
        store::Ending::Truncated => "truncated",
    }
}

fn as_line(recording: &Recording) -> String {
    let modalities: Vec<&str> = recording.modalities.iter().map(|m| m.name()).collect();
    let lasted = recording.ended.map_or_else(String::new, |ended| {
        let seconds = (ended.0 - recording.started.0) / 1000;
        format!("{}:{:02}", seconds / 60, seconds % 60)
    });
    format!(
        "{}  {}  {lasted:>6}  {}  {:<9}  {}  {} bytes  session {}",
        recording.id,
        shown(recording.started),
        modalities.join("+"),
        ending(recording),
        count(
            usize::try_from(recording.parts).unwrap_or(usize::MAX),
            "part"
        ),
        recording.bytes,
        recording.session
    )
}

fn as_json(recording: &Recording, held: Option<&Held>) -> serde_json::Value {
    let mut json = serde_json::json!({
        "recording": recording.id,
        "session": recording.session,
        "site": recording.site,
        "started": recording.started,
        "ended": recording.ended,
        "ending": ending(recording),
        "modalities": recording.modalities,
        "parts": recording.parts,
        "bytes": recording.bytes,
        "keep_min": recording.keep_min,
        "keep_max": recording.keep_max,
        "notice": recording.notice,
    });
    if let (Some(held), Some(fields)) = (held, json.as_object_mut()) {
        fields.extend(held.as_json().map(|(name, value)| (name.to_owned(), value)));
    }
    json
}
