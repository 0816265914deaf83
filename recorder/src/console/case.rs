//! One case, from top to bottom in the order in which it happens: asked, covered, agreed, handed
//! out, logged, closed.

use std::sync::Arc;

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::{StreamExt as _, stream};
use http::{StatusCode, header};
use proto::{CaseId, RecordingId};
use serde::Deserialize;
use store::{Case, Tenant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::cases::state;
use super::names::Names;
use super::page::{Frame, Here, render};
use super::recordings::{Row, rows_of};
use super::sentence::Shown;
use super::shown::{When, count};
use super::signed::Signed;
use super::trouble::{Trouble, sentence};
use crate::bundle::compose::{Exported, export, file_name};
use crate::keys::Passphrase;
use crate::{Error, Recorder, cases, log};

/// Pieces of a bundle that wait for a slow reader.
const AHEAD: usize = 4;

#[derive(Template)]
#[template(path = "console/case.html")]
struct Page {
    frame: Frame,
    id: CaseId,
    authority: String,
    reference: String,
    basis: String,
    opened_by: String,
    created: When,
    expires: When,
    state: &'static str,
    open: bool,
    closed: Option<When>,
    covers: String,
    rows: Vec<Row>,
    needed: usize,
    unlocked: usize,
    missing: String,
    officers: Vec<Officer>,
    you: String,
    you_unlocked: bool,
    enough: bool,
    by: String,
    entries: Vec<Shown>,
    step: Step,
    told: String,
}

/// At which step something was refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    None,
    Agree,
    HandOut,
}

struct Officer {
    name: String,
    you: bool,
    approved: Option<When>,
    unlocked: Option<When>,
}

pub(super) async fn show(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    page(&recorder, &signed, read(&id)?, Step::None, String::new()).await
}

#[derive(Deserialize)]
pub(super) struct Agreeing {
    passphrase: Passphrase,
}

pub(super) async fn approve(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    Path(id): Path<String>,
    Form(agreeing): Form<Agreeing>,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    let done = cases::approve(
        &recorder,
        &signed.tenant,
        id,
        signed.officer.id,
        &agreeing.passphrase,
    );
    match done.await {
        Ok(_) => Ok(Redirect::to(&format!("/cases/{id}#agree")).into_response()),
        Err(error) => refused(&recorder, &signed, id, Step::Agree, error).await,
    }
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    recording: RecordingId,
}

pub(super) async fn hand_out(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    Path(id): Path<String>,
    Form(Wanted { recording }): Form<Wanted>,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    let (to, mut pieces) = mpsc::channel(AHEAD);
    let (working, tenant) = (recorder.clone(), signed.tenant.clone());
    let mut work: JoinHandle<Result<Exported, Error>> =
        tokio::spawn(async move { export(&working, &tenant, id, recording, to).await });
    // Until the first piece is there, a refusal can still be told on a page.
    let Some(first) = pieces.recv().await else {
        return match (&mut work).await {
            Ok(Err(error)) => refused(&recorder, &signed, id, Step::HandOut, error).await,
            _ => Err(Trouble::Recorder(Error::refused(
                "the bundle came out empty",
            ))),
        };
    };
    let name = file_name(recording);
    Ok((
        [
            (header::CONTENT_TYPE, "application/x-tar".to_owned()),
            (
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"{name}\""),
            ),
        ],
        Body::from_stream(bundle(first, pieces, work)),
    )
        .into_response())
}

/// The bundle's pieces. If it cannot be finished, the stream breaks: what came is then seen not to
/// be whole.
fn bundle(
    first: Bytes,
    pieces: mpsc::Receiver<Bytes>,
    work: JoinHandle<Result<Exported, Error>>,
) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
    let rest = stream::unfold(Some((pieces, work)), |state| async {
        let (mut pieces, work) = state?;
        if let Some(piece) = pieces.recv().await {
            return Some((Ok(piece), Some((pieces, work))));
        }
        match work.await {
            Ok(Ok(_)) => None,
            _ => Some((
                Err(std::io::Error::other("the bundle could not be finished")),
                None,
            )),
        }
    });
    stream::once(async { Ok(first) }).chain(rest)
}

pub(super) async fn close(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let id = read(&id)?;
    cases::close(&recorder, &signed.tenant, id).await?;
    Ok(Redirect::to(&format!("/cases/{id}")).into_response())
}

fn read(id: &str) -> Result<CaseId, Trouble> {
    id.parse().map_err(|_| Trouble::NotFound)
}

/// The case again, with what was refused. What failed on our side is a page of its own.
pub(super) async fn refused(
    recorder: &Recorder,
    signed: &Signed,
    id: CaseId,
    step: Step,
    error: Error,
) -> Result<Response, Trouble> {
    let told = match &error {
        Error::Officer(_)
        | Error::WrongPassphrase { .. }
        | Error::TooFewOfficers { .. }
        | Error::Refused(_)
        | Error::Share(_) => {
            format!(
                "{} Nothing was handed out. Correct it and try again.",
                sentence(&error.to_string())
            )
        }
        _ => return Err(error.into()),
    };
    let page = page(recorder, signed, id, step, told).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

async fn page(
    recorder: &Recorder,
    signed: &Signed,
    id: CaseId,
    step: Step,
    told: String,
) -> Result<Response, Trouble> {
    let tenant = &signed.tenant;
    let now = recorder.now();
    let case = tenant.case(id).await?.ok_or(Trouble::NotFound)?;
    let names = Names::of(tenant).await?;
    let progress = cases::progress(recorder, tenant, &case).await?;
    let until = |officer| {
        let held = progress.unlocked.iter().find(|(who, _)| *who == officer);
        held.map(|(_, until)| When::new(*until, now))
    };
    let unlocked: Vec<_> = progress.unlocked.iter().map(|(who, _)| *who).collect();
    let state = state(&case, now);
    render(&Page {
        frame: Frame::new(signed, Here::Cases),
        id,
        opened_by: case.opened_by.map_or_else(
            || "the operator, from the command line".to_owned(),
            |by| names.staff(by),
        ),
        created: When::new(case.created, now),
        expires: When::new(case.expires, now),
        state,
        open: state == "open",
        closed: case.closed.map(|closed| When::new(closed, now)),
        covers: count(case.scope.len(), "recording"),
        rows: rows_of(recorder, tenant, &names, &case.scope).await?,
        needed: progress.needed,
        unlocked: unlocked.len(),
        missing: count(
            progress.needed.saturating_sub(unlocked.len()),
            "more officer",
        ),
        officers: officers(tenant, signed, &case, until, now).await?,
        you: signed.officer.name.clone(),
        you_unlocked: unlocked.contains(&signed.officer.id),
        enough: progress.is_enough(),
        by: names.all(&unlocked),
        entries: log::about(tenant, id)
            .await?
            .iter()
            .map(|entry| Shown::of(entry, &names, now))
            .collect(),
        step,
        told,
        authority: case.authority,
        reference: case.reference,
        basis: case.basis,
    })
}

async fn officers(
    tenant: &Tenant,
    signed: &Signed,
    case: &Case,
    until: impl Fn(proto::StaffId) -> Option<When>,
    now: proto::Millis,
) -> Result<Vec<Officer>, Trouble> {
    let all = tenant.officers().await?;
    Ok(all
        .into_iter()
        .map(|officer| Officer {
            you: officer.id == signed.officer.id,
            approved: case
                .approvals
                .iter()
                .find(|approval| approval.officer == officer.id)
                .map(|approval| When::new(approval.at, now)),
            unlocked: until(officer.id),
            name: officer.name,
        })
        .collect())
}
