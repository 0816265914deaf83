//! Who is on duty: the desk's cookie, checked on every request.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use proto::{ErrorCode, Millis, StaffId, TenantId, Token};
use store::{StaffRole, Tenant};
use tokio::time::timeout;

use super::front::{Front, code_of};
use super::problem::Problem;

/// The cookie's name. The prefix makes the browser hold it to this host, and to https (or loopback).
pub(super) const COOKIE: &str = "__Host-desk";

/// An agent who is signed in.
#[derive(Clone)]
pub struct OnDuty {
    /// The agent's client.
    pub tenant: Tenant,
    /// Who.
    pub staff: StaffId,
    /// The name that visitors see.
    pub name: String,
    pub(super) pass: Pass,
}

/// How long the store may take to say whether someone is still signed in.
const ANSWER: Duration = Duration::from_secs(5);

impl OnDuty {
    /// Whether they are still signed in: an error where the store cannot say.
    pub(crate) async fn is_signed_in(&self, now: Millis) -> Result<bool, ErrorCode> {
        let token = self.pass.token.hash();
        let found = timeout(ANSWER, self.tenant.staff_session(&token, now)).await;
        let staff = found
            .map_err(|_| ErrorCode::Overloaded)?
            .map_err(|error| code_of(&error))?;
        Ok(staff.is_some_and(|staff| staff.id == self.staff && staff.role == StaffRole::Agent))
    }
}

impl core::fmt::Debug for OnDuty {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "OnDuty({})", self.staff)
    }
}

/// What the cookie says: whose rows to look into, and the token.
#[derive(Clone)]
pub(super) struct Pass {
    pub(super) tenant: TenantId,
    pub(super) token: Token,
}

impl Pass {
    /// The cookie's value.
    pub(super) fn expose(&self) -> String {
        format!("{}.{}", self.tenant, self.token.expose())
    }

    fn parse(text: &str) -> Option<Self> {
        let (tenant, token) = text.split_once('.')?;
        Some(Self {
            tenant: tenant.parse().ok()?,
            token: token.parse().ok()?,
        })
    }
}

impl FromRequestParts<Arc<Front>> for OnDuty {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Arc<Front>) -> Result<Self, Problem> {
        Ok(on_duty(&parts.headers, front).await?)
    }
}

/// Who these headers' cookie belongs to.
pub(super) async fn on_duty(headers: &HeaderMap, front: &Front) -> Result<OnDuty, ErrorCode> {
    let pass = cookie(headers).ok_or(ErrorCode::SignInRequired)?;
    let tenant = front.store.tenant(pass.tenant).await.map_err(|error| {
        match code_of(&error) {
            // Whether there is such a client is nobody's business.
            ErrorCode::NotFound => ErrorCode::SignInRequired,
            code => code,
        }
    })?;
    let staff = tenant
        .staff_session(&pass.token.hash(), front.now())
        .await
        .map_err(|error| code_of(&error))?
        .filter(|staff| staff.role == StaffRole::Agent)
        .ok_or(ErrorCode::SignInRequired)?;
    Ok(OnDuty {
        tenant,
        staff: staff.id,
        name: staff.name,
        pass,
    })
}

fn cookie(headers: &HeaderMap) -> Option<Pass> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .and_then(|(_, value)| Pass::parse(value))
}
