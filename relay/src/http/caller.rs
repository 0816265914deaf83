//! Where a request comes from: known while it is handled, and written down nowhere.

use core::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use proto::ErrorCode;
use tokio::sync::OwnedSemaphorePermit;

use super::allowance::{Ask, Whence};
use super::crowd::Counted;
use super::front::Front;

/// The other end of the socket; the listener puts it into each request. It shows itself nowhere.
#[derive(Clone, Copy)]
pub struct Peer(pub IpAddr);

impl core::fmt::Debug for Peer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Peer(…)")
    }
}

/// A connection's place among those that may be open. It goes with each request, and a socket takes
/// it along: whoever opens one has not given up their place.
#[derive(Debug, Clone)]
pub struct Place {
    _held: Arc<(OwnedSemaphorePermit, Option<Counted>)>,
}

impl Place {
    /// Holds the place until the last clone is gone.
    pub fn new(permit: OwnedSemaphorePermit, counted: Option<Counted>) -> Self {
        Self {
            _held: Arc::new((permit, counted)),
        }
    }
}

/// The address that limits count by.
pub(crate) struct Caller {
    address: IpAddr,
    /// Their connection is a proxy's, and was not counted as theirs.
    through_proxy: bool,
}

impl Caller {
    /// Takes one `ask` of this address's allowance.
    pub(crate) fn take(&self, front: &Front, ask: Ask) -> Result<(), ErrorCode> {
        front
            .allowance
            .take_address(ask, self.address, front.now(), &mut front.rng())
    }

    /// Takes one sign-in as `name`.
    pub(super) fn sign_in(&self, front: &Front, name: &str) -> Result<Whence, ErrorCode> {
        let (name, now) = (name.as_bytes(), front.now());
        let allowance = &front.allowance;
        allowance.sign_in(name, self.address, now, &mut front.rng())
    }

    /// They have signed in as `name`.
    pub(super) fn signed_in(&self, front: &Front, name: &str) {
        let (name, now) = (name.as_bytes(), front.now());
        let allowance = &front.allowance;
        allowance.signed_in(name, self.address, now, &mut front.rng());
    }

    /// A socket of theirs, which stays open: counted here unless the listener has done so.
    pub(crate) fn enter(&self, front: &Front) -> Result<Option<Counted>, ErrorCode> {
        if !self.through_proxy {
            return Ok(None);
        }
        let counted = front.crowd.enter(self.address);
        counted.map(Some).ok_or(ErrorCode::RateLimited)
    }
}

impl FromRequestParts<Arc<Front>> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, front: &Arc<Front>) -> Result<Self, Infallible> {
        let peer = parts
            .extensions
            .get::<Peer>()
            .map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
        let forwarded = forwarded(parts, front, peer);
        Ok(Self {
            address: forwarded.unwrap_or(peer),
            through_proxy: forwarded.is_some(),
        })
    }
}

/// The last entry of the configured header, if the peer may speak for others. No other header counts.
fn forwarded(parts: &Parts, front: &Front, peer: IpAddr) -> Option<IpAddr> {
    let forwarded = front.config.listen.forwarded.as_ref()?;
    front.config.listen.is_proxy(peer).then_some(())?;
    let last = parts
        .headers
        .get_all(&forwarded.header)
        .iter()
        .next_back()?;
    let text = last.to_str().ok()?;
    text.rsplit(',').next()?.trim().parse().ok()
}
