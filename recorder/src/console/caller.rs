//! Where a request comes from: for the allowance of sign-ins alone, and written down nowhere.

use core::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::listener::Peer;
use crate::Recorder;

/// The address that sign-ins are counted by; none where no socket brought the request.
pub(super) struct Caller(pub(super) Option<IpAddr>);

impl FromRequestParts<Arc<Recorder>> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        recorder: &Arc<Recorder>,
    ) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let forwarded = peer.and_then(|peer| forwarded(parts, recorder, peer));
        Ok(Self(forwarded.or(peer)))
    }
}

/// The last entry of the configured header, if the peer may speak for others. No other header counts.
fn forwarded(parts: &Parts, recorder: &Recorder, peer: IpAddr) -> Option<IpAddr> {
    let forwarded = recorder.config.console.forwarded.as_ref()?;
    forwarded
        .from
        .contains(&peer.to_canonical())
        .then_some(())?;
    let last = parts
        .headers
        .get_all(&forwarded.header)
        .iter()
        .next_back()?;
    let text = last.to_str().ok()?;
    text.rsplit(',').next()?.trim().parse().ok()
}
