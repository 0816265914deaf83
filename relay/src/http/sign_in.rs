//! Signing in and out at the desk.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proto::desk::{Me, SignIn};
use proto::{ErrorCode, Token};
use seal::spool::EventKind;
use store::{StaffCredentials, StaffRole, Tenant};
use zeroize::Zeroizing;

use super::caller::Caller;
use super::extract::Body;
use super::front::{Front, code_of};
use super::passwords::NOBODY;
use super::problem::Problem;
use super::staff::{COOKIE, OnDuty, Pass};
use crate::room::driver::Letter;
use crate::room::journal::About;
use crate::room::state::Command;

/// Longer ones are not looked at.
const PASSWORD_MAX: usize = 1_024;

/// `POST /api/v1/sign-in`.
pub(super) async fn sign_in(
    State(front): State<Arc<Front>>,
    caller: Caller,
    Body(request): Body<SignIn>,
) -> Result<Response, Problem> {
    let who = format!("{}\n{}", request.client, request.name);
    let whence = caller.sign_in(&front, &who)?;
    let password = Zeroizing::new(request.password);
    if password.len() > PASSWORD_MAX {
        return Err(ErrorCode::SignInFailed.into());
    }
    let Some(tenant) = client(&front, &request.client).await? else {
        front
            .passwords
            .check(whence, NOBODY.to_owned(), password)
            .await?;
        return Err(ErrorCode::SignInFailed.into());
    };
    let found = agent(&tenant, &request.name).await?;
    let hash = found.as_ref().map_or(NOBODY, |found| &found.password);
    let right = front
        .passwords
        .check(whence, hash.to_owned(), password)
        .await?;
    let now = front.now();
    let Some(StaffCredentials { staff, .. }) = found.filter(|_| right) else {
        front.refused_sign_ins.add(tenant.id(), now);
        return Err(ErrorCode::SignInFailed.into());
    };
    caller.signed_in(&front, &who);

    let pass = Pass {
        tenant: tenant.id(),
        token: Token::random(&mut front.rng()),
    };
    let seconds = i64::from(front.config.session.staff_hours) * 3_600;
    tenant
        .begin_staff_session(&pass.token.hash(), staff.id, now.plus(seconds * 1_000))
        .await?;
    let about = About {
        staff: Some(staff.id),
        ..About::default()
    };
    let kind = EventKind::StaffSignedIn;
    front.means.journal.note(tenant.id(), now, kind, about);
    tracing::info!(tenant = %tenant.id(), staff = %staff.id, "an agent signed in");
    cookie(&pass.expose(), seconds)
}

/// `POST /api/v1/sign-out`.
pub(super) async fn sign_out(
    State(front): State<Arc<Front>>,
    on_duty: OnDuty,
) -> Result<Response, Problem> {
    on_duty
        .tenant
        .end_staff_session(&on_duty.pass.token.hash())
        .await?;
    for room in front.lobby.all() {
        if room.tenant == on_duty.tenant.id() {
            let letter = Letter::Command(Command::SignedOut(on_duty.staff));
            // A room that has just ended has no socket of theirs left.
            let _ = room.mailbox.send(letter).await;
        }
    }
    cookie("", 0)
}

/// `GET /api/v1/me`.
pub(super) async fn me(on_duty: OnDuty) -> Json<Me> {
    Json(Me {
        staff: on_duty.staff,
        name: on_duty.name,
        client: on_duty.tenant.info().name.clone(),
    })
}

async fn client(front: &Front, slug: &str) -> Result<Option<Tenant>, ErrorCode> {
    match front.store.tenant_by_slug(slug).await {
        Ok(tenant) => Ok(Some(tenant)),
        Err(error) => match code_of(&error) {
            ErrorCode::NotFound => Ok(None),
            code => Err(code),
        },
    }
}

async fn agent(tenant: &Tenant, name: &str) -> Result<Option<StaffCredentials>, ErrorCode> {
    let found = tenant.staff_credentials(name).await;
    let found = found.map_err(|error| code_of(&error))?;
    Ok(found.filter(|found| found.staff.role == StaffRole::Agent))
}

fn cookie(value: &str, seconds: i64) -> Result<Response, Problem> {
    let text =
        format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict");
    let mut response = StatusCode::NO_CONTENT.into_response();
    let text = HeaderValue::try_from(text).map_err(|_| ErrorCode::Internal)?;
    response.headers_mut().insert(header::SET_COOKIE, text);
    Ok(response)
}
