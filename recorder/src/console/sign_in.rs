//! Signing in and out.

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use store::{Staff, StaffRole, Tenant};

use super::caller::Caller;
use super::page::render;
use super::signed::{Signed, begin, forget, ticket};
use super::trouble::Trouble;
use crate::keys::Passphrase;
use crate::log::What;
use crate::{Error, Recorder, password};

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct Page<'a> {
    client: &'a str,
    name: &'a str,
    told: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Given {
    client: String,
    name: String,
    password: Passphrase,
}

pub(super) async fn show() -> Result<Response, Trouble> {
    render(&Page {
        client: "",
        name: "",
        told: "",
    })
}

pub(super) async fn submit(
    State(recorder): State<Arc<Recorder>>,
    Caller(from): Caller,
    Form(given): Form<Given>,
) -> Result<Response, Trouble> {
    match check(&recorder, from, &given).await {
        Ok((tenant, officer)) => {
            let cookie = begin(&recorder, &tenant, &officer).await?;
            let officer = officer.id;
            let what = What::OfficerSignedIn { officer };
            // Where the log is refused, the console is where an officer sees why.
            if let Err(error) = recorder.log(&tenant, what).await {
                tracing::error!(%error, %officer, "a sign-in does not stand in the log");
            }
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
        }
        Err(Error::SignIn) => {
            let page = Page {
                client: &given.client,
                name: &given.name,
                told: "The client, the name or the password is wrong. Nobody was signed in. Check all three and try again.",
            };
            Ok((StatusCode::UNAUTHORIZED, render(&page)?).into_response())
        }
        Err(Error::Crowded) => {
            let page = Page {
                client: &given.client,
                name: &given.name,
                told: "Too many people are signing in. Nobody was signed in, and nothing was checked. Wait a minute and try again.",
            };
            Ok((StatusCode::TOO_MANY_REQUESTS, render(&page)?).into_response())
        }
        Err(other) => Err(other.into()),
    }
}

/// Ends the officer's session. An agent's token is nothing here: it ends none of theirs.
pub(super) async fn out(
    State(recorder): State<Arc<Recorder>>,
    signed: Result<Signed, Trouble>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    match (signed, ticket(&headers)) {
        (Ok(signed), Some(ticket)) => {
            let session = ticket.session(&recorder);
            signed.tenant.end_staff_session(&session).await?;
            recorder.playing.signed_out(signed.officer.id);
        }
        (Ok(_), None) | (Err(Trouble::SignedOut), _) => {}
        (Err(other), _) => return Err(other),
    }
    Ok(([(header::SET_COOKIE, forget()?)], Redirect::to("/sign-in")).into_response())
}

/// The officer, if client, name and password fit. A name that is not there takes as long as one
/// that is.
async fn check(
    recorder: &Recorder,
    from: Option<IpAddr>,
    given: &Given,
) -> Result<(Tenant, Staff), Error> {
    let slug = given.client.trim().to_lowercase();
    let who = format!("{slug}\n{}", given.name.trim().to_lowercase());
    let now = recorder.now();
    recorder
        .sign_ins
        .take(from, &who, now, &mut recorder.rng())?;
    let mut client = None;
    let known = match recorder.tenant(&slug).await {
        Ok(tenant) => {
            client = Some(tenant.id());
            let credentials = tenant.staff_credentials(given.name.trim()).await?;
            credentials.map(|found| (tenant, found))
        }
        Err(Error::NotFound(_)) => None,
        Err(other) => return Err(other),
    };
    let typed = given.password.clone();
    let phc = known.as_ref().map(|(tenant, found)| {
        let secret = recorder.keys.password_secret(tenant.id(), found.staff.id);
        (found.password.clone(), secret)
    });
    let right = recorder
        .sign_in_queue
        .run(move || match phc {
            Some((phc, secret)) => password::verify_bound(&typed, &phc, &secret),
            None => password::hash(&typed, &mut crate::entropy::system()).is_err(),
        })
        .await?;
    match known {
        Some((tenant, found)) if right && found.staff.role == StaffRole::Officer => {
            Ok((tenant, found.staff))
        }
        _ => {
            if let Some(client) = client {
                recorder.refusals.note(client, now);
            }
            Err(Error::SignIn)
        }
    }
}
