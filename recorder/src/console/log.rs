//! The access log: what stands in it, its signed checkpoint, and a check of the whole.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::names::Names;
use super::page::{Frame, Here, render};
use super::query::Query;
use super::sentence::Shown;
use super::shown::{When, grouped};
use super::signed::Signed;
use super::trouble::{Trouble, sentence};
use crate::Recorder;
use crate::log::checkpoint::{Checkpoint, origin};

/// Rows of a page.
const PAGE: u64 = 100;

#[derive(Template)]
#[template(path = "console/log.html")]
struct Page {
    frame: Frame,
    entries: u64,
    head: Option<Head>,
    key: String,
    checked: Option<Checked>,
    rows: Vec<Shown>,
    newer: Option<u64>,
    older: Option<u64>,
}

/// The newest checkpoint.
struct Head {
    size: u64,
    at: When,
    root: Option<String>,
    note: String,
}

/// What a check of the whole log found.
struct Checked {
    at: When,
    entries: u64,
    erased: u64,
    wrong: Vec<String>,
}

pub(super) async fn show(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    query: Query,
) -> Result<Response, Trouble> {
    let tenant = &signed.tenant;
    let now = recorder.now();
    let names = Names::of(tenant).await?;
    let entries = tenant.log_size().await?;
    // A page holds the entries before `before`, the newest first.
    let before = query
        .read("before", "a place in the log")
        .map_err(Trouble::Form)?
        .unwrap_or(entries)
        .min(entries);
    let from = before.saturating_sub(PAGE);
    let limit = u32::try_from(before - from).unwrap_or_default();
    let mut rows: Vec<Shown> = tenant
        .log_entries(from, limit)
        .await?
        .iter()
        .map(|entry| Shown::of(entry, &names, now))
        .collect();
    rows.reverse();
    let head = tenant.newest_checkpoint().await?.map(|row| Head {
        size: row.size,
        at: When::new(row.at, now),
        root: Checkpoint::verify(&row.note, &origin(tenant.id()), &recorder.public())
            .ok()
            .map(|checkpoint| grouped(&checkpoint.root)),
        note: row.note,
    });
    let checked = if query.text("check").is_empty() {
        None
    } else {
        let found = recorder.log.verify(tenant).await?;
        Some(Checked {
            at: When::new(now, now),
            entries: found.entries,
            erased: found.erased,
            wrong: found.wrong.iter().map(|wrong| sentence(wrong)).collect(),
        })
    };
    render(&Page {
        frame: Frame::new(&signed, Here::Log),
        entries,
        head,
        key: grouped(&recorder.public().fingerprint()),
        checked,
        rows,
        newer: (before < entries).then(|| (before + PAGE).min(entries)),
        older: (from > 0).then_some(from),
    })
}
