//! Opening a case: the recordings are chosen already, the reason is written here.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use proto::RecordingId;

use super::names::Names;
use super::page::{Frame, Here, render};
use super::query::Query;
use super::recordings::{Row, rows_of};
use super::shown::count;
use super::signed::Signed;
use super::trouble::{Trouble, sentence};
use crate::cases::{self, DAYS_MAX, Request};
use crate::{Error, Recorder, custody};

#[derive(Template)]
#[template(path = "console/case_form.html")]
struct Page<'a> {
    frame: Frame,
    rows: Vec<Row>,
    covers: String,
    needed: u8,
    officers: usize,
    authority: &'a str,
    reference: &'a str,
    basis: &'a str,
    days: &'a str,
    days_max: u32,
    told: &'a str,
}

pub(super) async fn show(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    query: Query,
) -> Result<Response, Trouble> {
    form(&recorder, &signed, &query, "").await
}

pub(super) async fn submit(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    let given = Query::new(pairs);
    let days = match given.read("days", "a number of days") {
        Ok(days) => days.unwrap_or_default(),
        Err(told) => return refused(&recorder, &signed, &given, &told).await,
    };
    let request = Request {
        authority: given.text("authority").to_owned(),
        reference: given.text("reference").to_owned(),
        basis: given.text("basis").to_owned(),
        recordings: recordings(&given)?,
        days,
        by: Some(signed.officer.id),
    };
    match cases::open(&recorder, &signed.tenant, request).await {
        Ok(id) => Ok(Redirect::to(&format!("/cases/{id}")).into_response()),
        Err(Error::Refused(why)) => refused(&recorder, &signed, &given, &sentence(&why)).await,
        Err(other) => Err(other.into()),
    }
}

/// The form again, with what was written, and why it was not taken.
async fn refused(
    recorder: &Recorder,
    signed: &Signed,
    given: &Query,
    told: &str,
) -> Result<Response, Trouble> {
    let page = form(recorder, signed, given, told).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

async fn form(
    recorder: &Recorder,
    signed: &Signed,
    given: &Query,
    told: &str,
) -> Result<Response, Trouble> {
    let names = Names::of(&signed.tenant).await?;
    let ids = recordings(given)?;
    let rows = rows_of(recorder, &signed.tenant, &names, &ids).await?;
    let keys = custody::verified_keys(&signed.tenant).await?;
    render(&Page {
        frame: Frame::new(signed, Here::Cases),
        covers: count(rows.len(), "recording"),
        rows,
        needed: keys.iter().map(|key| key.threshold).max().unwrap_or(2),
        officers: signed.tenant.officers().await?.len(),
        authority: given.text("authority"),
        reference: given.text("reference"),
        basis: given.text("basis"),
        days: match given.text("days") {
            "" => "30",
            days => days,
        },
        days_max: DAYS_MAX,
        told,
    })
}

/// The recordings that were chosen, each once.
fn recordings(given: &Query) -> Result<Vec<RecordingId>, Trouble> {
    let mut ids = Vec::new();
    for text in given.all("recording") {
        let id = text.parse().map_err(|_| Trouble::NotFound)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}
