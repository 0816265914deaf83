//! Signing in and out.

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, header};
use proto::Token;
use serde::Deserialize;
use store::{Staff, StaffRole, Tenant};

use super::listener::Peer;
use super::page::render;
use super::signed::{begin, forget, ticket};
use super::trouble::Trouble;
use crate::keys::Passphrase;
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
    peer: Option<Extension<Peer>>,
    Form(given): Form<Given>,
) -> Result<Response, Trouble> {
    match check(&recorder, peer.map(|Extension(Peer(at))| at), &given).await {
        Ok((tenant, officer)) => {
            let token = Token::random(&mut recorder.rng());
            let cookie = begin(&tenant, &officer, &token, recorder.now()).await?;
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

pub(super) async fn out(
    State(recorder): State<Arc<Recorder>>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    if let Some((tenant, token)) = ticket(&headers) {
        let tenant = recorder
            .store
            .tenant(tenant)
            .await
            .map_err(|_| Trouble::SignedOut)?;
        tenant.end_staff_session(&token.hash()).await?;
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
    let known = match recorder.tenant(&slug).await {
        Ok(tenant) => {
            let credentials = tenant.staff_credentials(given.name.trim()).await?;
            credentials.map(|found| (tenant, found))
        }
        Err(Error::NotFound(_)) => None,
        Err(other) => return Err(other),
    };
    let typed = given.password.clone();
    let phc = known.as_ref().map(|(_, found)| found.password.clone());
    let right = recorder
        .sign_in_queue
        .run(move || match phc {
            Some(phc) => password::verify(&typed, &phc),
            None => password::hash(&typed, &mut crate::entropy::system()).is_err(),
        })
        .await?;
    match known {
        Some((tenant, found)) if right && found.staff.role == StaffRole::Officer => {
            Ok((tenant, found.staff))
        }
        _ => Err(Error::SignIn),
    }
}
