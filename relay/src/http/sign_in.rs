//! Signing in and out at the desk.

use std::sync::Arc;

use argon2::{Argon2, PasswordHash, PasswordVerifier as _};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use proto::desk::{Me, SignIn};
use proto::{ErrorCode, StaffId, TenantId, Token};
use seal::spool::EventKind;
use store::{StaffCredentials, StaffRole, Tenant};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::allowance::Ask;
use super::caller::Caller;
use super::extract::Body;
use super::front::{Front, code_of};
use super::problem::Problem;
use super::staff::{COOKIE, OnDuty, Pass};
use crate::room::driver::Letter;
use crate::room::journal::About;
use crate::room::state::Command;

/// A hash that no password has: unknown names take as long as known ones. Its parameters are those
/// with which passwords are hashed (Argon2id, 19 MiB, 2 passes, 1 lane).
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// So many passwords are checked at once; each takes 19 MiB.
const AT_ONCE: usize = 2;
/// So many may wait for that.
const WAITING: usize = 32;
/// Longer ones are not looked at.
const PASSWORD_MAX: usize = 1_024;

/// Checks passwords, a few at a time.
#[derive(Debug)]
pub struct Passwords {
    working: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self {
            working: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(WAITING),
        }
    }

    async fn check(&self, hash: String, password: Zeroizing<String>) -> Result<bool, ErrorCode> {
        let _place = self
            .waiting
            .try_acquire()
            .map_err(|_| ErrorCode::Overloaded)?;
        let turn = Arc::clone(&self.working).acquire_owned().await;
        let turn = turn.map_err(|_| ErrorCode::Internal)?;
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let hash = PasswordHash::new(&hash).ok();
            hash.is_some_and(|hash| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &hash)
                    .is_ok()
            })
        });
        checked.await.map_err(|_| ErrorCode::Internal)
    }
}

/// `POST /api/v1/sign-in`.
pub(super) async fn sign_in(
    State(front): State<Arc<Front>>,
    caller: Caller,
    Body(request): Body<SignIn>,
) -> Result<Response, Problem> {
    caller.take(&front, Ask::SignIn)?;
    let now = front.now();
    let who = format!("{}\n{}", request.client, request.name);
    front
        .allowance
        .take(Ask::SignInName, who.as_bytes(), now, &mut front.rng())?;
    let password = Zeroizing::new(request.password);
    if password.len() > PASSWORD_MAX {
        return Err(ErrorCode::SignInFailed.into());
    }
    let found = find(&front, &request.client, &request.name).await?;
    let hash = found
        .as_ref()
        .map_or(NOBODY, |(_, found)| found.password.as_str());
    let right = front.passwords.check(hash.to_owned(), password).await?;
    let (tenant, staff) = match found {
        Some((tenant, found)) if right => (tenant, found.staff),
        Some((tenant, found)) => {
            note(&front, tenant.id(), EventKind::StaffRefused, found.staff.id);
            return Err(ErrorCode::SignInFailed.into());
        }
        None => return Err(ErrorCode::SignInFailed.into()),
    };

    let pass = Pass {
        tenant: tenant.id(),
        token: Token::random(&mut front.rng()),
    };
    let seconds = i64::from(front.config.session.staff_hours) * 3_600;
    tenant
        .begin_staff_session(&pass.token.hash(), staff.id, now.plus(seconds * 1_000))
        .await?;
    note(&front, tenant.id(), EventKind::StaffSignedIn, staff.id);
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

/// For the tenant's log.
fn note(front: &Front, tenant: TenantId, kind: EventKind, staff: StaffId) {
    let about = About {
        staff: Some(staff),
        ..About::default()
    };
    front.means.journal.note(tenant, front.now(), kind, about);
}

async fn find(
    front: &Front,
    client: &str,
    name: &str,
) -> Result<Option<(Tenant, StaffCredentials)>, ErrorCode> {
    let tenant = match front.store.tenant_by_slug(client).await {
        Ok(tenant) => tenant,
        Err(error) => {
            return match code_of(&error) {
                ErrorCode::NotFound => Ok(None),
                code => Err(code),
            };
        }
    };
    let found = tenant
        .staff_credentials(name)
        .await
        .map_err(|error| code_of(&error))?
        .filter(|found| found.staff.role == StaffRole::Agent);
    Ok(found.map(|found| (tenant, found)))
}

fn cookie(value: &str, seconds: i64) -> Result<Response, Problem> {
    let text =
        format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict");
    let mut response = StatusCode::NO_CONTENT.into_response();
    let text = HeaderValue::try_from(text).map_err(|_| ErrorCode::Internal)?;
    response.headers_mut().insert(header::SET_COOKIE, text);
    Ok(response)
}
