//! Pages are served under this console's own name alone, and a form is taken only from them. The
//! cookie's `SameSite=Strict` says the latter too; this is the second lock.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Method, header};

use super::trouble::Trouble;
use crate::Recorder;

pub(super) async fn same(
    State(recorder): State<Arc<Recorder>>,
    request: Request,
    next: Next,
) -> Response {
    let origin = &recorder.config.console.origin;
    // Under another name every form would be refused: whoever came there is told the right one.
    // Style sheets are served, for the page that says so.
    if is_elsewhere(&request, origin) && !request.uri().path().starts_with("/assets/") {
        return Trouble::Elsewhere(origin.clone()).into_response();
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let from = request
        .headers()
        .get(header::ORIGIN)
        .map(http::HeaderValue::as_bytes);
    if reads || from == Some(origin.as_bytes()) {
        next.run(request).await
    } else {
        Trouble::Foreign.into_response()
    }
}

/// Whether the request names another host than the console's, as browsers do.
fn is_elsewhere(request: &Request, origin: &str) -> bool {
    let own = origin.split_once("://").map_or(origin, |(_, host)| host);
    let named = request.headers().get(header::HOST);
    named.is_some_and(|named| !named.as_bytes().eq_ignore_ascii_case(own.as_bytes()))
}
