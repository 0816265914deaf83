//! One recording: all that is known of it while it stays sealed.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use proto::consent::RecordingChoice;
use proto::event::Role;
use proto::{CaseId, Hash32, KeyId, RecordingId};
use store::LogEntry;

use super::agreed::{self, Agreed};
use super::names::Names;
use super::page::{Frame, Here, render};
use super::query::Query;
use super::recorded::Recorded;
use super::recordings::Row;
use super::sentence::Shown;
use super::shown::{When, count, grouped};
use super::signed::Signed;
use super::trouble::{Trouble, sentence};
use crate::Recorder;
use crate::command::keeping::in_vault;
use crate::log;
use crate::log::event::{LogEvent, What};
use crate::sources;

#[derive(Template)]
#[template(path = "console/recording.html")]
struct Page {
    frame: Frame,
    row: Row,
    node: String,
    notice: String,
    manifest: Option<String>,
    key: KeyId,
    quarter: Option<String>,
    sealed_parts: String,
    ended: Option<When>,
    people: Vec<Person>,
    agreed: Vec<Agreed>,
    /// What its manifest says; why it is not believed; `None` while there is none.
    recorded: Option<Result<Recorded, String>>,
    cases: Vec<(CaseId, String, &'static str)>,
    entries: Vec<Shown>,
    checked: Option<Checked>,
}

/// What a check found; nothing was opened for it.
struct Checked {
    good: Vec<String>,
    wrong: Vec<String>,
}

struct Person {
    name: String,
    joined: When,
    left: Option<When>,
    choice: &'static str,
}

pub(super) async fn show(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response, Trouble> {
    let id: RecordingId = id.parse().map_err(|_| Trouble::NotFound)?;
    let tenant = &signed.tenant;
    let now = recorder.now();
    let recording = tenant.recording(id).await?.ok_or(Trouble::NotFound)?;
    let names = Names::of(tenant).await?;
    let checked = if query.text("check").is_empty() {
        None
    } else {
        let found = in_vault(&recorder, tenant, id, None).await?;
        Some(Checked {
            good: found.good.iter().map(|line| sentence(line)).collect(),
            wrong: found
                .wrong
                .iter()
                .map(|finding| sentence(&finding.to_string()))
                .collect(),
        })
    };
    let people = tenant.participants_of(recording.session).await?;
    let agreed = agreed::of(tenant, &recording, &people, &names, now).await?;
    let people = people
        .into_iter()
        .map(|person| Person {
            name: names.person(person.role, person.staff),
            joined: When::new(person.joined, now),
            left: person.left.map(|left| When::new(left, now)),
            choice: match (person.consent.choice, person.role) {
                (RecordingChoice::Refused, _) => "refused to be recorded",
                (RecordingChoice::Acknowledged, Role::Agent) => {
                    "acknowledged the recording at the desk"
                }
                (RecordingChoice::Acknowledged, Role::Visitor) => {
                    "took note of the recording in the notice"
                }
            },
        })
        .collect();
    let trust = recorder.trust(tenant).await?;
    let manifest = sources::manifest(&recorder, tenant, &recording, &trust).await;
    let held = manifest.map(|manifest| match manifest {
        Ok(manifest) => Ok(Recorded::of(&manifest, &agreed, &names, now)),
        Err(finding) => Err(sentence(&finding.to_string())),
    });
    let cases = tenant
        .cases()
        .await?
        .into_iter()
        .filter(|case| case.scope.contains(&id))
        .map(|case| {
            let state = super::cases::state(&case, now);
            (case.id, case.reference, state)
        })
        .collect();
    let about = log::about(tenant, id).await?;
    let entries = about
        .iter()
        .map(|entry| Shown::of(entry, &names, now))
        .collect();
    let quarter = tenant
        .sealing_key(recording.sealing_key)
        .await?
        .map(|row| row.key.quarter);
    render(&Page {
        frame: Frame::new(&signed, Here::Recordings),
        row: Row::of(tenant, &names, &recording, now).await?,
        node: recording.node.to_string(),
        notice: grouped(&recording.notice),
        manifest: about.iter().find_map(kept).as_ref().map(grouped),
        key: recording.sealing_key,
        quarter,
        sealed_parts: count(
            usize::try_from(recording.parts).unwrap_or(usize::MAX),
            "sealed part",
        ),
        ended: recording.ended.map(|ended| When::new(ended, now)),
        people,
        agreed,
        recorded: held,
        cases,
        entries,
        checked,
    })
}

/// SHA-256 of the manifest's payload, as an entry says it: what log, placement and papers call it.
fn kept(entry: &LogEntry) -> Option<Hash32> {
    let (_, bytes) = entry.event.as_ref()?;
    match serde_json::from_slice::<LogEvent>(bytes).ok()?.what {
        What::RecordingKept { manifest, .. } => Some(manifest),
        _ => None,
    }
}
