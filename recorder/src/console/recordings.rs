//! Recordings by their metadata: nothing is opened here.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use proto::event::Role;
use proto::notice::Modality;
use proto::{Millis, RecordingId, StaffId};
use store::{Cursor, Ending, Recording, RecordingFilter, StaffRole, Tenant};

use super::names::Names;
use super::page::{Frame, Here, render};
use super::query::Query;
use super::shown::{When, short, size, span};
use super::signed::Signed;
use super::trouble::Trouble;
use crate::Recorder;
use crate::media::render::kind;

/// Rows of a page.
const PAGE: u32 = 50;
const DAY: i64 = 86_400_000;

#[derive(Template)]
#[template(path = "console/recordings.html")]
struct Page {
    frame: Frame,
    form: FilterForm,
    told: String,
    filtered: bool,
    further: bool,
    rows: Vec<Row>,
    next: Option<String>,
    first: String,
}

struct FilterForm {
    from: String,
    until: String,
    session: String,
    sites: Vec<Choice>,
    agents: Vec<Choice>,
    modalities: Vec<Choice>,
}

struct Choice {
    value: String,
    name: String,
    chosen: bool,
}

/// A recording as a table shows it.
pub(super) struct Row {
    pub(super) id: RecordingId,
    pub(super) short: String,
    pub(super) session: String,
    pub(super) started: When,
    pub(super) length: String,
    pub(super) site: String,
    pub(super) modalities: String,
    pub(super) agents: String,
    pub(super) ending: &'static str,
    pub(super) kept: Option<(When, When)>,
    pub(super) size: String,
}

pub(super) async fn show(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    query: Query,
) -> Result<Response, Trouble> {
    let names = Names::of(&signed.tenant).await?;
    let (rows, next, told) = match filter(&query) {
        Err(told) => (Vec::new(), None, told),
        Ok((filter, after)) => {
            let page = signed.tenant.recordings(&filter, after, PAGE).await?;
            let mut rows = Vec::new();
            for recording in &page.recordings {
                rows.push(Row::of(&signed.tenant, &names, recording, recorder.now()).await?);
            }
            (rows, page.next, String::new())
        }
    };
    let asked = query.address_without("/", "after");
    render(&Page {
        frame: Frame::new(&signed, Here::Recordings),
        form: FilterForm::of(&query, &names),
        told,
        filtered: query.has_more_than(&["after"]),
        further: !query.text("after").is_empty(),
        rows,
        next: next.map(|next| format!("{asked}after={}.{}", next.started.0, next.id)),
        first: asked,
    })
}

/// What is asked for, and from where on; or what could not be understood.
fn filter(query: &Query) -> Result<(RecordingFilter, Option<Cursor>), String> {
    let modality = match query.text("modality") {
        "" => None,
        text => Some(
            MODALITIES
                .into_iter()
                .find(|m| m.name() == text)
                .ok_or_else(|| format!("“{text}” is not a way of talking."))?,
        ),
    };
    let after = match query.text("after").split_once('.') {
        None => None,
        Some((started, id)) => {
            let read = || Some((started.parse().ok()?, id.parse().ok()?));
            let (started, id) = read().ok_or("This page’s address is not whole.")?;
            Some(Cursor {
                started: Millis(started),
                id,
            })
        }
    };
    let filter = RecordingFilter {
        from: query.day("from")?,
        // The day that is named belongs to it.
        until: query.day("until")?.map(|day| day.plus(DAY)),
        site: query.read("site", "a site’s number")?,
        modality,
        agent: query.read("agent", "an agent’s number")?,
        session: query.read("session", "a session’s number; it is 36 characters long")?,
    };
    Ok((filter, after))
}

const MODALITIES: [Modality; 4] = [
    Modality::Chat,
    Modality::Audio,
    Modality::Video,
    Modality::Screen,
];

impl FilterForm {
    fn of(query: &Query, names: &Names) -> Self {
        let choice = |name: &str, value: String, shown: String| Choice {
            chosen: query.text(name) == value,
            value,
            name: shown,
        };
        Self {
            from: query.text("from").to_owned(),
            until: query.text("until").to_owned(),
            session: query.text("session").to_owned(),
            sites: names
                .sites
                .iter()
                .map(|site| choice("site", site.id.to_string(), site.name.clone()))
                .collect(),
            agents: names
                .staff
                .iter()
                .filter(|staff| staff.role == StaffRole::Agent)
                .map(|staff| choice("agent", staff.id.to_string(), staff.name.clone()))
                .collect(),
            // Those that no site offers are not there to be found.
            modalities: MODALITIES
                .into_iter()
                .filter(|m| names.sites.iter().any(|site| site.modalities.contains(m)))
                .map(|m| choice("modality", m.name().to_owned(), spoken(&[m])))
                .collect(),
        }
    }
}

impl Row {
    pub(super) async fn of(
        tenant: &Tenant,
        names: &Names,
        recording: &Recording,
        now: Millis,
    ) -> Result<Self, Trouble> {
        let agents: BTreeSet<StaffId> = tenant
            .participants_of(recording.session)
            .await?
            .into_iter()
            .filter(|participant| participant.role == Role::Agent)
            .filter_map(|participant| participant.staff)
            .collect();
        let agents: Vec<StaffId> = agents.into_iter().collect();
        Ok(Self {
            id: recording.id,
            session: recording.session.to_string(),
            short: short(recording.id),
            started: When::new(recording.started, now),
            length: recording.ended.map_or_else(
                || "still going on".to_owned(),
                |ended| span(ended.0 - recording.started.0),
            ),
            site: names.site(recording.site),
            modalities: match recording.ended {
                Some(_) => spoken(&recording.modalities),
                None => format!("{} so far", spoken(&recording.modalities)),
            },
            agents: names.all(&agents),
            ending: ending(recording.ending),
            kept: recording
                .keep_min
                .zip(recording.keep_max)
                .map(|(min, max)| (When::new(min, now), When::new(max, now))),
            size: size(recording.bytes),
        })
    }
}

/// The rows of named recordings, in the order of their names' list.
pub(super) async fn rows_of(
    recorder: &Recorder,
    tenant: &Tenant,
    names: &Names,
    ids: &[RecordingId],
) -> Result<Vec<Row>, Trouble> {
    let mut rows = Vec::new();
    for id in ids {
        let recording = tenant.recording(*id).await?.ok_or(Trouble::NotFound)?;
        rows.push(Row::of(tenant, names, &recording, recorder.now()).await?);
    }
    Ok(rows)
}

/// How a recording ends, in words.
pub(super) fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Open => "still arriving",
        Ending::Clean => "whole",
        Ending::Truncated => "cut off",
    }
}

/// "Chat, sound".
pub(super) fn spoken(modalities: &[Modality]) -> String {
    let words: Vec<&str> = modalities.iter().map(|m| kind(*m)).collect();
    super::trouble::capitalised(&words.join(", "))
}

#[cfg(test)]
mod tests {
    use proto::SiteId;

    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Query {
        Query::new(
            pairs
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn the_last_day_of_a_search_belongs_to_it() {
        let (filter, after) =
            filter(&query(&[("from", "2026-11-22"), ("until", "2026-11-22")])).unwrap();
        assert_eq!(filter.until.unwrap().0 - filter.from.unwrap().0, DAY);
        assert!(after.is_none());
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for (name, value) in [
            ("site", "x"),
            ("agent", "x"),
            ("session", "x"),
            ("modality", "smell"),
            ("after", "1.x"),
        ] {
            let told = filter(&query(&[(name, value)])).unwrap_err();
            assert!(told.ends_with('.'), "{name}: {told}");
        }
        let site = SiteId::from_bytes([1; 16]).to_string();
        let (asked, _) = filter(&query(&[("site", &site), ("modality", "audio")])).unwrap();
        assert_eq!(asked.site.unwrap().to_string(), site);
        assert_eq!(asked.modality, Some(Modality::Audio));
    }
}
