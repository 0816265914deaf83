//! Whether this node does its work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use seal::spool::SpoolState;
use serde::Serialize;

use super::front::Front;

/// `GET /healthz`: what stands between this node and its work, in words.
#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    spool: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// `GET /healthz`.
pub(super) async fn health(State(front): State<Arc<Front>>) -> Response {
    let state = front.means.spool.state();
    let spool = match state {
        SpoolState::Ok => "ok",
        SpoolState::Full => "full",
        SpoolState::Failed => "failed",
    };
    let reason = match state {
        _ if front.shutdown.is_begun() => Some("stopping"),
        SpoolState::Ok => None,
        SpoolState::Full => Some(
            "the spool's disk is full: no new recorded sessions; free space, or let the recorder take what is there",
        ),
        SpoolState::Failed => Some(
            "writing to the spool failed: recorded sessions were closed; look at the disk, then restart",
        ),
    };
    let health = Health {
        status: if reason.is_none() { "ok" } else { "failing" },
        spool,
        reason,
    };
    let status = if reason.is_none() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut response = (status, Json(health)).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
