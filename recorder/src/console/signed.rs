//! Who is signed in: an opaque token in a cookie, of which only the hash is stored.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use proto::{Millis, TenantId, Token};
use store::{Staff, StaffRole, Tenant};

use super::trouble::Trouble;
use crate::Recorder;

const COOKIE: &str = "__Host-console";

/// How long a sign-in lasts.
pub(super) const SIGNED_IN_FOR: i64 = 8 * 60 * 60 * 1000;

/// An officer who is signed in, with the one client that they may reach.
pub(super) struct Signed {
    pub(super) tenant: Tenant,
    pub(super) officer: Staff,
}

impl FromRequestParts<Arc<Recorder>> for Signed {
    type Rejection = Trouble;

    async fn from_request_parts(
        parts: &mut Parts,
        recorder: &Arc<Recorder>,
    ) -> Result<Self, Trouble> {
        let (tenant, token) = ticket(&parts.headers).ok_or(Trouble::SignedOut)?;
        let tenant = recorder
            .store
            .tenant(tenant)
            .await
            .map_err(|_| Trouble::SignedOut)?;
        let officer = tenant
            .staff_session(&token.hash(), recorder.now())
            .await?
            .filter(|staff| staff.role == StaffRole::Officer)
            .ok_or(Trouble::SignedOut)?;
        Ok(Self { tenant, officer })
    }
}

/// The cookie says whose plane the token is looked up in; the token itself says who.
pub(super) fn ticket(headers: &HeaderMap) -> Option<(TenantId, Token)> {
    let value = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
    let (tenant, token) = value.split_once('.')?;
    Some((tenant.parse().ok()?, token.parse().ok()?))
}

/// Begins a session; the answer's `Set-Cookie`.
pub(super) async fn begin(
    tenant: &Tenant,
    officer: &Staff,
    token: &Token,
    now: Millis,
) -> Result<HeaderValue, Trouble> {
    tenant
        .begin_staff_session(&token.hash(), officer.id, now.plus(SIGNED_IN_FOR))
        .await?;
    cookie(
        &format!("{}.{}", tenant.id(), token.expose()),
        SIGNED_IN_FOR / 1000,
    )
}

/// A `Set-Cookie` that forgets.
pub(super) fn forget() -> Result<HeaderValue, Trouble> {
    cookie("", 0)
}

fn cookie(value: &str, seconds: i64) -> Result<HeaderValue, Trouble> {
    let text =
        format!("{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    HeaderValue::from_str(&text).map_err(|_| Trouble::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_names_a_client_and_holds_a_token() {
        let tenant = TenantId::from_bytes([7; 16]);
        let token = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let mut headers = HeaderMap::new();
        let text = format!("other=1; {COOKIE}={tenant}.{token}; more=2");
        headers.insert(header::COOKIE, HeaderValue::from_str(&text).unwrap());
        let (id, read) = ticket(&headers).unwrap();
        assert_eq!(id, tenant);
        assert_eq!(read.expose(), token);

        for bad in ["", "x", "x.y", "07070707-0707-0707-0707-070707070707.short"] {
            headers.insert(
                header::COOKIE,
                HeaderValue::from_str(&format!("{COOKIE}={bad}")).unwrap(),
            );
            assert!(ticket(&headers).is_none(), "{bad}");
        }
    }
}
