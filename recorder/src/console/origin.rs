//! A form is taken only from this console's own pages. The cookie's `SameSite=Strict` says the
//! same; this is the second lock.

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
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let origin = request
        .headers()
        .get(header::ORIGIN)
        .map(http::HeaderValue::as_bytes);
    if reads || origin == Some(recorder.config.console.origin.as_bytes()) {
        next.run(request).await
    } else {
        Trouble::Foreign.into_response()
    }
}
