//! Who is signed in: an opaque token in a cookie, of which only a keyed hash is stored. The key is
//! not in the database: a row that somebody wrote there signs nobody in.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use proto::{Hash32, StaffId, TenantId, Token};
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
        let ticket = ticket(&parts.headers).ok_or(Trouble::SignedOut)?;
        let tenant = recorder
            .store
            .tenant(ticket.tenant)
            .await
            .map_err(|_| Trouble::SignedOut)?;
        let officer = tenant
            .staff_session(&ticket.session(recorder), recorder.now())
            .await?
            .filter(|staff| staff.role == StaffRole::Officer && staff.id == ticket.officer)
            .ok_or(Trouble::SignedOut)?;
        Ok(Self { tenant, officer })
    }
}

/// What a cookie says: in whose plane the token is looked up, whose it is, the token.
pub(super) struct Ticket {
    tenant: TenantId,
    officer: StaffId,
    token: Token,
}

impl Ticket {
    /// Under what its session stands in the rows.
    pub(super) fn session(&self, recorder: &Recorder) -> Hash32 {
        recorder
            .keys
            .session(self.tenant, self.officer, &self.token)
    }
}

/// The ticket in the cookie, if there is one.
pub(super) fn ticket(headers: &HeaderMap) -> Option<Ticket> {
    let value = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
    let (tenant, rest) = value.split_once('.')?;
    let (officer, token) = rest.split_once('.')?;
    Some(Ticket {
        tenant: tenant.parse().ok()?,
        officer: officer.parse().ok()?,
        token: token.parse().ok()?,
    })
}

/// Begins a session; the answer's `Set-Cookie`.
pub(super) async fn begin(
    recorder: &Recorder,
    tenant: &Tenant,
    officer: &Staff,
) -> Result<HeaderValue, Trouble> {
    let ticket = Ticket {
        tenant: tenant.id(),
        officer: officer.id,
        token: Token::random(&mut recorder.rng()),
    };
    let until = recorder.now().plus(SIGNED_IN_FOR);
    tenant
        .begin_staff_session(&ticket.session(recorder), officer.id, until)
        .await?;
    let value = format!(
        "{}.{}.{}",
        ticket.tenant,
        ticket.officer,
        ticket.token.expose()
    );
    cookie(&value, SIGNED_IN_FOR / 1000)
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
    fn a_cookie_names_a_client_and_an_officer_and_holds_a_token() {
        let tenant = TenantId::from_bytes([7; 16]);
        let token = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let mut headers = HeaderMap::new();
        let officer = StaffId::from_bytes([8; 16]);
        let text = format!("other=1; {COOKIE}={tenant}.{officer}.{token}; more=2");
        headers.insert(header::COOKIE, HeaderValue::from_str(&text).unwrap());
        let read = ticket(&headers).unwrap();
        assert_eq!((read.tenant, read.officer), (tenant, officer));
        assert_eq!(read.token.expose(), token);

        let short = format!("{tenant}.{officer}.short");
        let nobodys = format!("{tenant}.{token}");
        for bad in ["", "x", "x.y", "x.y.z", &short, &nobodys] {
            headers.insert(
                header::COOKIE,
                HeaderValue::from_str(&format!("{COOKIE}={bad}")).unwrap(),
            );
            assert!(ticket(&headers).is_none(), "{bad}");
        }
    }
}
